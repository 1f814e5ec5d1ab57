//! Values of identifiers in one form each, so that equal ones are equal bytes.
//!
//! Every function takes a value and a buffer, and gives a slice of one of the two, or nothing where the value cannot be an
//! identifier of that type. What comes out goes through again unchanged. No input makes any of them panic or work long:
//! a value of more than [`MAX_BYTES`] bytes is none.

mod email;
mod phone;
#[cfg(test)]
mod properties;
mod text;

pub use email::email;
pub use phone::{Phone, is_region};
pub use text::{digits, exact, lower, uuid};

/// The longest value, in bytes, that can be an identifier, spaces at its ends not counted.
pub const MAX_BYTES: usize = 4096;

/// Spaces at both ends dropped, and characters that nobody sees, which copying leaves behind: direction marks, zero-width
/// spaces and joiners, byte order marks. Nothing if nothing is left, or too much.
fn trim_unseen(value: &str) -> Option<&str> {
    let value = value.trim_matches(|c: char| c.is_whitespace() || is_unseen(c));
    (!value.is_empty() && value.len() <= MAX_BYTES).then_some(value)
}

fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The value of a decimal digit: Latin, full-width, Arabic, Persian or Devanagari.
fn digit_value(c: char) -> Option<u8> {
    let zero = match c {
        '0'..='9' => '0',
        '\u{ff10}'..='\u{ff19}' => '\u{ff10}',
        '\u{660}'..='\u{669}' => '\u{660}',
        '\u{6f0}'..='\u{6f9}' => '\u{6f0}',
        '\u{966}'..='\u{96f}' => '\u{966}',
        _ => return None,
    };
    Some((c as u32 - zero as u32) as u8)
}

//! A phone number as people write it, down to its digits.

use crate::normalise::{digit_value, is_unseen, trim_unseen};

/// More digits than any number has, with what is dialled before it.
const MAX_DIGITS: usize = 28;

/// The digits of a number, and whether a plus stands before them.
#[derive(Debug)]
pub(super) struct Cleaned {
    pub(super) has_plus: bool,
    digits: [u8; MAX_DIGITS],
    len: usize,
}

impl Cleaned {
    pub(super) fn digits(&self) -> &str {
        std::str::from_utf8(&self.digits[..self.len]).expect("digits are ASCII")
    }
}

/// Drops what groups digits, and an extension. Nothing if anything else stands there, or too many digits do.
pub(super) fn clean(value: &str) -> Option<Cleaned> {
    let value = trim_unseen(value)?;
    let value = value.strip_prefix("tel:").unwrap_or(value);
    let mut number = Cleaned { has_plus: false, digits: [0; MAX_DIGITS], len: 0 };
    for (i, c) in value.char_indices() {
        if let Some(digit) = digit_value(c) {
            *number.digits.get_mut(number.len)? = b'0' + digit;
            number.len += 1;
        } else if matches!(c, '+' | '\u{ff0b}') && number.len == 0 {
            number.has_plus = true;
        } else if number.len > 0 && is_extension(&value[i..]) {
            break;
        } else if !is_grouping(c) {
            return None;
        }
    }
    (number.len > 0).then_some(number)
}

fn is_grouping(c: char) -> bool {
    matches!(
        c,
        ' ' | '-' | '.' | '/' | '(' | ')' | '[' | ']' | '\u{2010}'
            ..='\u{2015}' | '\u{2212}' | '\u{30fc}' | '\u{ff0d}' | '\u{ff08}' | '\u{ff09}'
    ) || c.is_whitespace()
        || is_unseen(c)
}

/// Whether this is the mark of an extension, up to nine digits, and nothing more.
fn is_extension(rest: &str) -> bool {
    let marks = [";ext=", "extension", "extn", "ext", "x", "#", ","];
    let Some(rest) = marks.iter().find_map(|mark| {
        rest.get(..mark.len()).filter(|start| start.eq_ignore_ascii_case(mark)).map(|_| &rest[mark.len()..])
    }) else {
        return false;
    };
    let number = rest.trim_matches(|c: char| c == '.' || c == ':' || c == '#' || c.is_whitespace());
    (1..=9).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit())
}

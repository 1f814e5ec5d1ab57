//! Text in a form in which it can be compared: names above all.
//!
//! Every function takes a text and a buffer and gives what lies in one of the two or in a table; nothing where nothing but
//! spaces is left. No input makes any of them fail, panic or work long: all go through the text a fixed number of times.
//!
//! Deliberately absent: guessing a text's language (a letter is written the same in every text), names of one place or person
//! in several languages, and vowels that a script does not write.

mod accents;
mod clean_name;
mod nickname;
mod phonetic;
#[cfg(test)]
mod properties;
mod punctuation;
mod transliterate;

pub use accents::strip_accents;
pub use clean_name::clean_name;
pub use nickname::nickname;
pub use phonetic::{cologne_phonetic, double_metaphone, nysiis, soundex};
pub use punctuation::strip_punctuation;
pub use transliterate::transliterate;

/// The text, if there is more in it than spaces.
fn filled(text: &str) -> Option<&str> {
    text.contains(|c: char| !c.is_whitespace()).then_some(text)
}

/// Characters that nobody sees and that part no words: direction marks, zero-width spaces and joiners, soft hyphens, byte order
/// marks, and what picks a variant of the character before it.
fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
    )
}

#[cfg(test)]
fn check(apply: for<'a> fn(&'a str, &'a mut String) -> Option<&'a str>, cases: &[(&str, Option<&str>)]) {
    for (text, expected) in cases {
        assert_eq!(apply(text, &mut String::from("left over")), *expected, "{text:?}");
    }
}

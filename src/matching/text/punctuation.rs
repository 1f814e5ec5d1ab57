//! Words without what stands between them.

use unicode_normalization::char::is_combining_mark;

use super::{filled, is_unseen};

/// Leaves letters, digits, marks, and one space between words.
///
/// Apostrophes and dots inside words go (O'Brien is OBrien, J.R. is JR), and so do characters that nobody sees; anything else
/// parts words, a hyphen too.
pub fn strip_punctuation<'a>(text: &'a str, buffer: &'a mut String) -> Option<&'a str> {
    let mut words = Words::new(buffer);
    for c in text.chars() {
        match c {
            // Before letters: Unicode has letters among the apostrophes.
            c if is_joint(c) => words.joint(),
            c if c.is_alphanumeric() || (is_combining_mark(c) && !is_unseen(c)) => words.letter(c),
            c if is_unseen(c) => {}
            _ => words.space(),
        }
    }
    filled(buffer)
}

/// Apostrophes, whatever is typed for them, and dots.
pub(super) fn is_joint(c: char) -> bool {
    matches!(
        c,
        '\'' | '`'
            | '.'
            | '\u{b4}'
            | '\u{b7}'
            | '\u{2b9}'..='\u{2bf}'
            | '\u{2018}'..='\u{201b}'
            | '\u{2032}'
            | '\u{ff07}'
            | '\u{ff0e}'
    )
}

/// Writes words with one space between them, whatever was between them before.
pub(super) struct Words<'b> {
    out: &'b mut String,
    gap: Gap,
}

/// What came since the last letter.
#[derive(PartialEq)]
enum Gap {
    None,
    /// One apostrophe or dot: it joins if a letter follows.
    Joint,
    Space,
}

impl<'b> Words<'b> {
    /// Empties the buffer.
    pub(super) fn new(out: &'b mut String) -> Self {
        out.clear();
        Self { out, gap: Gap::Space }
    }

    pub(super) fn letter(&mut self, c: char) {
        if self.gap == Gap::Space && !self.out.is_empty() {
            self.out.push(' ');
        }
        self.gap = Gap::None;
        self.out.push(c);
    }

    pub(super) fn joint(&mut self) {
        self.gap = if self.gap == Gap::None { Gap::Joint } else { Gap::Space };
    }

    pub(super) fn space(&mut self) {
        self.gap = Gap::Space;
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn only_words_and_single_spaces_stay() {
        check(
            strip_punctuation,
            &[
                ("Smith", Some("Smith")),
                ("  Smith,  John\t(Jr.) ", Some("Smith John Jr")),
                ("O'Brien", Some("OBrien")),
                ("O’Brien O\u{2bc}Brien O´Brien O`Brien", Some("OBrien OBrien OBrien OBrien")),
                ("'t Hooft", Some("t Hooft")),
                ("J.R.", Some("JR")),
                ("J.R.R. Tolkien", Some("JRR Tolkien")),
                ("J. R. Ewing", Some("J R Ewing")),
                ("Smith.-Jones", Some("Smith Jones")),
                ("well...then", Some("well then")),
                ("Jean-Luc", Some("Jean Luc")),
                ("Jean–Luc_Picard/NCC#1701", Some("Jean Luc Picard NCC 1701")),
                ("Avel·lí", Some("Avellí")),
                ("Zoe\u{308}", Some("Zoe\u{308}")),
                ("राहुल", Some("राहुल")),
                ("علی\u{200c}رضا", Some("علیرضا")),
                ("Ann\u{ad}a\u{feff}", Some("Anna")),
                ("Ann ❤\u{fe0f} Lee", Some("Ann Lee")),
                ("a\u{85}b\u{3000}c", Some("a b c")),
                ("—. '", None),
                ("\u{200b}", None),
                ("", None),
            ],
        );
    }
}

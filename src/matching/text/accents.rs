//! Letters without their accents.

use unicode_normalization::UnicodeNormalization;

use super::filled;

/// Drops accents and other marks that Latin, Greek and Cyrillic letters carry: Zoë is Zoe, Ünal is Unal, й is и.
///
/// Marks that other scripts write vowels with stay, and so do letters that have no accent to lose: ø, ł, ß, ı.
pub fn strip_accents<'a>(text: &'a str, buffer: &'a mut String) -> Option<&'a str> {
    if text.is_ascii() {
        return filled(text);
    }
    buffer.clear();
    buffer.extend(text.nfd().filter(|c| !is_accent(*c)).nfc());
    filled(buffer)
}

/// A mark of those that any letter may carry. The marks of other scripts have places of their own in Unicode.
pub(super) fn is_accent(c: char) -> bool {
    matches!(
        c,
        '\u{300}'..='\u{36f}'
            | '\u{483}'..='\u{489}'
            | '\u{1ab0}'..='\u{1aff}'
            | '\u{1dc0}'..='\u{1dff}'
            | '\u{20d0}'..='\u{20ff}'
            | '\u{fe20}'..='\u{fe2f}'
    )
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn accents_go_and_letters_stay() {
        check(
            strip_accents,
            &[
                ("Smith", Some("Smith")),
                ("Zoë Müller-Lüdenscheidt", Some("Zoe Muller-Ludenscheidt")),
                ("Zoe\u{308}", Some("Zoe")),
                ("Françoise Ângström", Some("Francoise Angstrom")),
                ("Şükrü Çağlar", Some("Sukru Caglar")),
                ("İzmir", Some("Izmir")),
                ("Trần Hưng Đạo", Some("Tran Hung Đao")),
                ("Łukasz Øster Weiß Işıl", Some("Łukasz Øster Weiß Isıl")),
                ("Ελένη Αϊβαλιώτη", Some("Ελενη Αιβαλιωτη")),
                ("Фёдор Достоевский", Some("Федор Достоевскии")),
                ("\u{301}", None),
                ("  ", None),
                ("", None),
            ],
        );
    }

    #[test]
    fn other_scripts_are_left_alone() {
        for text in ["मुहम्मद", "ประยุทธ์", "مُحَمَّد", "דָּוִד", "がぎぐ", "김민준", "张伟"]
        {
            assert_eq!(strip_accents(text, &mut String::new()), Some(text));
        }
    }
}

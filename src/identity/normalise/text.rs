//! The plain types: exact, lower, digits, uuid.

use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::{MAX_BYTES, digit_value, trim_unseen};

/// Spaces at both ends dropped, and what nobody sees; nothing else.
pub fn exact(value: &str) -> Option<&str> {
    trim_unseen(value)
}

/// Spaces at both ends dropped, lower case, in Unicode's composed form (NFC).
pub fn lower<'a>(value: &'a str, buffer: &'a mut String) -> Option<&'a str> {
    let value = trim_unseen(value)?;
    // Lower case can be longer.
    Some(lower_case(value, buffer)).filter(|value| value.len() <= MAX_BYTES)
}

/// Lower case in NFC. Copies only what is not so already.
pub(super) fn lower_case<'a>(value: &'a str, buffer: &'a mut String) -> &'a str {
    if value.is_ascii() {
        if !value.bytes().any(|b| b.is_ascii_uppercase()) {
            return value;
        }
        buffer.clear();
        buffer.push_str(value);
        buffer.make_ascii_lowercase();
        return buffer;
    }
    if is_nfc(value) && value.chars().all(|c| c.to_lowercase().eq([c])) {
        return value;
    }
    buffer.clear();
    // Composed before and after: lower case of a composed letter need not be composed, nor the other way about.
    buffer.extend(value.nfc().flat_map(char::to_lowercase).nfc());
    buffer
}

/// Only the digits, as 0 to 9.
pub fn digits<'a>(value: &'a str, buffer: &'a mut String) -> Option<&'a str> {
    let value = trim_unseen(value)?;
    if value.bytes().all(|b| b.is_ascii_digit()) {
        return Some(value);
    }
    buffer.clear();
    buffer.extend(value.chars().filter_map(digit_value).map(|digit| char::from(b'0' + digit)));
    (!buffer.is_empty()).then_some(buffer)
}

/// A UUID in any spelling (with or without hyphens, in braces, as a URN, in any case) in lower case with hyphens. The two
/// that stand for none, all zeros and all ones, are no identifiers.
pub fn uuid<'a>(value: &'a str, buffer: &'a mut String) -> Option<&'a str> {
    let id = uuid::Uuid::try_parse(trim_unseen(value)?).ok().filter(|id| !id.is_nil() && !id.is_max())?;
    buffer.clear();
    buffer.push_str(id.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()));
    Some(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(normalise: for<'a> fn(&'a str, &'a mut String) -> Option<&'a str>, cases: &[(&str, Option<&str>)]) {
        for (value, expected) in cases {
            assert_eq!(normalise(value, &mut String::from("left over")), *expected, "{value:?}");
        }
    }

    #[test]
    fn exact_drops_spaces_at_the_ends() {
        assert_eq!(exact("  A b\t\n"), Some("A b"));
        assert_eq!(exact("\u{a0}A\u{3000}"), Some("A"));
        assert_eq!(exact(" \t\r\n"), None);
        assert_eq!(exact("\u{feff}u\u{200b}1\u{2060}"), Some("u\u{200b}1"));
        assert_eq!(exact("\u{200b}"), None);
        assert_eq!(exact(""), None);
        let long = "x".repeat(MAX_BYTES);
        assert_eq!(exact(&long), Some(long.as_str()));
        assert_eq!(exact(&"x".repeat(MAX_BYTES + 1)), None);
        assert_eq!(exact(&"x".repeat(10_000_000)), None);
        assert_eq!(exact(&format!("a{}", " ".repeat(10_000_000))), Some("a"));
    }

    #[test]
    fn lower_folds_case_and_composes() {
        check(
            lower,
            &[
                ("AbC", Some("abc")),
                (" abc ", Some("abc")),
                ("ÄÖÜ", Some("äöü")),
                // A with a combining diaeresis.
                ("A\u{308}", Some("ä")),
                ("ΣΑΣ", Some("σασ")),
                ("IĞDIR", Some("iğdir")),
                ("İZMİR", Some("i\u{307}zmi\u{307}r")),
                ("\u{feff}Abc\u{200b}", Some("abc")),
                ("Ünal\u{0}", Some("ünal\u{0}")),
                ("\u{200b} \u{200d}", None),
                ("", None),
            ],
        );
    }

    #[test]
    fn digits_are_all_that_stays() {
        check(
            digits,
            &[
                ("0012", Some("0012")),
                ("AB-12 34/5", Some("12345")),
                ("٣٤٥", Some("345")),
                ("۳۴۵", Some("345")),
                ("１２", Some("12")),
                ("½", None),
                ("none", None),
                ("", None),
            ],
        );
    }

    #[test]
    fn uuids_are_read_in_any_spelling() {
        let id = Some("67e55044-10b1-426f-9247-bb680e5fe0c8");
        check(
            uuid,
            &[
                ("67e55044-10b1-426f-9247-bb680e5fe0c8", id),
                ("67E5504410B1426F9247BB680E5FE0C8", id),
                ("{67e55044-10b1-426f-9247-bb680e5fe0c8}", id),
                ("urn:uuid:67e55044-10b1-426f-9247-bb680e5fe0c8", id),
                (" 67e55044-10b1-426f-9247-bb680e5fe0c8\u{200b}", id),
                ("67e55044-10b1-426f-9247-bb680e5fe0c", None),
                ("00000000-0000-0000-0000-000000000000", None),
                ("FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", None),
                ("null", None),
                ("", None),
            ],
        );
    }
}

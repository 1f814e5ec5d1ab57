//! Email addresses.

use super::text::lower_case;
use super::trim_unseen;

/// The longest address that mail servers take, in bytes (RFC 5321, 4.5.3.1.3, without the brackets).
const MAX_ADDRESS_BYTES: usize = 254;

/// An address in lower case, in Unicode's composed form (NFC); nothing if it cannot be one.
///
/// It needs one `@`, something before it, and a domain of two labels or more after it. Dots and tags of the local part stay,
/// as only the domain's owner knows whether they matter, and so does a domain's ASCII form (`xn--`). A capital İ becomes i,
/// as no address has the dot apart. Display names, angle brackets, quotes and lists of addresses are not taken apart.
pub fn email<'a>(value: &'a str, buffer: &'a mut String) -> Option<&'a str> {
    let value = trim_unseen(value)?;
    if !value.is_ascii() && value.contains('İ') {
        let plain = value.replace('İ', "i");
        buffer.clear();
        let mut scratch = String::new();
        buffer.push_str(lower_case(&plain, &mut scratch));
        return is_address(buffer).then_some(buffer);
    }
    Some(lower_case(value, buffer)).filter(|address| is_address(address))
}

fn is_address(address: &str) -> bool {
    let Some((local, domain)) = address.split_once('@') else { return false };
    address.len() <= MAX_ADDRESS_BYTES
        && !local.is_empty()
        && local.chars().all(may_be_local)
        && domain.contains('.')
        && domain.split('.').all(is_label)
}

/// Whether a character may stand unquoted before the `@` (RFC 5322's dot-atom, RFC 6531's letters beyond ASCII).
fn may_be_local(c: char) -> bool {
    if c.is_ascii() {
        !matches!(c, '\0'..=' ' | '\x7f' | '@' | '(' | ')' | '<' | '>' | '[' | ']' | ':' | ';' | ',' | '\\' | '"')
    } else {
        !c.is_whitespace() && !c.is_control() && !super::is_unseen(c)
    }
}

fn is_label(label: &str) -> bool {
    let may_be =
        |c: char| c == '-' || if c.is_ascii() { c.is_ascii_alphanumeric() } else { c.is_alphanumeric() || is_mark(c) };
    !label.is_empty() && label.chars().all(may_be)
}

/// Marks that stand on a letter; in composed form they are left only where no composed letter exists.
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_form() {
        let long = format!("{}@example.com", "a".repeat(242));
        let too_long = format!("a{long}");
        let cases: &[(&str, Option<&str>)] = &[
            ("ada@example.com", Some("ada@example.com")),
            ("  Ada.Lovelace+news@Example.COM\r\n", Some("ada.lovelace+news@example.com")),
            ("\u{feff}ada@example.com\u{200b}", Some("ada@example.com")),
            ("JOSÉ@EXAMPLE.ES", Some("josé@example.es")),
            ("jose\u{301}@example.es", Some("josé@example.es")),
            ("ALİ@EXAMPLE.COM.TR", Some("ali@example.com.tr")),
            ("IŞIL@example.com", Some("işil@example.com")),
            ("用户@例子.中国", Some("用户@例子.中国")),
            ("postmaster@xn--fsqu00a.xn--fiqs8s", Some("postmaster@xn--fsqu00a.xn--fiqs8s")),
            ("उपयोगकर्ता@उदाहरण.भारत", Some("उपयोगकर्ता@उदाहरण.भारत")),
            ("o'brien_a..b.@mail.example.co.uk", Some("o'brien_a..b.@mail.example.co.uk")),
            (&long, Some(&long)),
            (&too_long, None),
            ("", None),
            ("   ", None),
            ("@", None),
            ("ada", None),
            ("ada@", None),
            ("@example.com", None),
            ("ada@example", None),
            ("ada@localhost", None),
            ("ada@@example.com", None),
            ("ada@b@example.com", None),
            ("ada @example.com", None),
            ("ada@exa mple.com", None),
            ("ada@example..com", None),
            ("ada@.example.com", None),
            ("ada@example.com.", None),
            ("ada@exam_ple.com", None),
            ("Ada <ada@example.com>", None),
            ("mailto:ada@example.com", None),
            ("a@example.com;b@example.com", None),
            ("a,b@example.com", None),
            ("a\u{0}b@example.com", None),
            ("a\u{200b}b@example.com", None),
            ("ada@example.com\u{0}", None),
        ];
        for (value, expected) in cases {
            assert_eq!(email(value, &mut String::from("left over")), *expected, "{value:?}");
        }
        assert_eq!(email(&format!("{}@example.com", "a".repeat(10_000_000)), &mut String::new()), None);
    }
}

//! Greek letters, some of which are written by their neighbours, as ELOT 743 does in passports.

use std::iter::Peekable;

use unicode_normalization::char::decompose_canonical;

pub(super) fn is_greek(c: char) -> bool {
    matches!(c, '\u{370}'..='\u{3e1}' | '\u{3f0}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}')
}

/// Writes a letter that stands after `before`; of the letters after it, it may take the next one along.
pub(super) fn write(
    c: char,
    before: Option<char>,
    after: &mut Peekable<impl Iterator<Item = char>>,
    put: &mut impl FnMut(char),
) {
    let (base, has_diaeresis) = parts(c);
    let next = after.peek().map(|next| lower(parts(*next).0));
    let written = match (lower(base), before.map(lower), next) {
        // An accent on the first vowel or a diaeresis on the second keeps the two apart: Άυλος, Αϋτή.
        ('υ', Some('ο'), _) if !has_diaeresis => "u",
        ('υ', Some('α' | 'ε' | 'η'), next) if !has_diaeresis => match next {
            Some(next) if next.is_alphabetic() && !VOICELESS.contains(&next) => "v",
            _ => "f",
        },
        ('γ', _, Some('γ' | 'ξ' | 'χ')) => "n",
        ('μ', before, Some('π')) if !before.is_some_and(char::is_alphabetic) => {
            after.next();
            "b"
        }
        _ => return super::write_letter(base, put),
    };
    let is_upper = base.is_uppercase();
    written.chars().map(|c| if is_upper { c.to_ascii_uppercase() } else { c }).for_each(put);
}

/// Before these, and at the end of a word, αυ is af and not av.
const VOICELESS: [char; 9] = ['θ', 'κ', 'ξ', 'π', 'σ', 'τ', 'φ', 'χ', 'ψ'];

/// The letter without its marks, and whether a diaeresis is among them.
fn parts(c: char) -> (char, bool) {
    let (mut base, mut has_diaeresis) = (None, false);
    decompose_canonical(c, |part| {
        base.get_or_insert(part);
        has_diaeresis |= part == '\u{308}';
    });
    (base.unwrap_or(c), has_diaeresis)
}

/// Of Greek letters the lower case is one character.
fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::super::super::{check, transliterate};

    #[test]
    fn greek_names() {
        check(
            transliterate,
            &[
                // Giorgos Papadopoulos, Katerina, Christos, Michalis.
                ("Γιώργος Παπαδόπουλος", Some("Giorgos Papadopoulos")),
                ("ΓΙΩΡΓΟΣ ΠΑΠΑΔΟΠΟΥΛΟΣ", Some("GIORGOS PAPADOPOULOS")),
                ("Κατερίνα", Some("Katerina")),
                ("Χρήστος", Some("Christos")),
                ("Μιχάλης", Some("Michalis")),
                // Evangelos, Stavros, Eftychia, Pavlos, Lefteris.
                ("Ευάγγελος", Some("Evangelos")),
                ("Σταύρος", Some("Stavros")),
                ("Ευτυχία", Some("Eftychia")),
                ("Παύλος", Some("Pavlos")),
                ("Λευτέρης", Some("Lefteris")),
                // Bakogianni, Ourania, Odysseas; and Odysseas as it was written once.
                ("Μπακογιάννη", Some("Bakogianni")),
                ("Λάμπρος", Some("Lampros")),
                ("Ουρανία", Some("Ourania")),
                ("Οδυσσέας", Some("Odysseas")),
                ("Ὀδυσσέας", Some("Odysseas")),
                ("Ἑλένη", Some("Eleni")),
                // Vowels that stay apart.
                ("Άυλος", Some("Aylos")),
                ("Πραϋτής", Some("Praytis")),
                ("ευ", Some("ef")),
                ("Ξένια Ψαρρού", Some("Xenia Psarrou")),
            ],
        );
    }
}

//! The form in which names are mostly compared.

use super::filled;
use super::punctuation::Words;
use super::transliterate::latin;

/// A name in lower-case ASCII letters and digits, with one space between words.
///
/// As if transliterated, put into lower case and freed of punctuation, in one go.
pub fn clean_name<'a>(text: &'a str, buffer: &'a mut String) -> Option<&'a str> {
    let mut words = Words::new(buffer);
    if text.is_ascii() {
        text.bytes().for_each(|b| put(&mut words, b.into()));
    } else {
        latin(text, |c| put(&mut words, c));
    }
    filled(buffer)
}

fn put(words: &mut Words<'_>, c: char) {
    match c {
        'a'..='z' | '0'..='9' => words.letter(c),
        'A'..='Z' => words.letter(c.to_ascii_lowercase()),
        '\'' | '`' | '.' => words.joint(),
        _ => words.space(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn names_are_brought_into_one_form() {
        check(
            clean_name,
            &[
                ("smith", Some("smith")),
                ("  SMITH,\tJohn  ", Some("smith john")),
                ("O'Brien", Some("obrien")),
                ("O’Brien", Some("obrien")),
                ("J.R. Ewing", Some("jr ewing")),
                ("Jean-Luc", Some("jean luc")),
                ("Müller-Lüdenscheidt", Some("muller ludenscheidt")),
                ("IŞIK, Çağrı", Some("isik cagri")),
                ("İLKER", Some("ilker")),
                ("Соловьёв", Some("solovev")),
                ("Игорь", Some("igor")),
                ("Οδυσσέας", Some("odysseas")),
                ("علي", Some("aly")),
                ("علی", Some("aly")),
                ("Ann 👑 Lee", Some("ann lee")),
                ("Ann👑Lee", Some("ann lee")),
                ("Smith…", Some("smith")),
                ("Agent 007", Some("agent 007")),
                ("- '. ", None),
                ("👑", None),
                ("\u{200b}", None),
                ("", None),
            ],
        );
    }
}

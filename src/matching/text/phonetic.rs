//! Codes that names share which sound alike.
//!
//! The codes are those of Apache Commons Codec, in Rust by `rphonetic`. They read ASCII letters; any other text is
//! transliterated first, which also keeps it away from code that expects single bytes.

use rphonetic::{Cologne, DoubleMetaphone, Encoder, Nysiis, Soundex};

use super::transliterate::transliterate;

/// American Soundex: a letter and three digits. Robert and Rupert are R163.
pub fn soundex<'a>(text: &'a str, buffer: &'a mut String) -> Option<&'a str> {
    code(&Soundex::default(), text, buffer)
}

/// The primary code of Double Metaphone, of at most four characters: Smith and Smyth are SM0.
pub fn double_metaphone<'a>(text: &'a str, buffer: &'a mut String) -> Option<&'a str> {
    code(&DoubleMetaphone::default(), text, buffer)
}

/// The New York State code, of at most six letters: Brian and Brown are BRAN.
pub fn nysiis<'a>(text: &'a str, buffer: &'a mut String) -> Option<&'a str> {
    code(&Nysiis::default(), text, buffer)
}

/// Kölner Phonetik, for names in German: Meier and Mayr are 67.
pub fn cologne_phonetic<'a>(text: &'a str, buffer: &'a mut String) -> Option<&'a str> {
    code(&Cologne, text, buffer)
}

fn code<'a>(encoder: &dyn Encoder, text: &str, buffer: &'a mut String) -> Option<&'a str> {
    let code = encoder.encode(transliterate(text, buffer)?);
    *buffer = code;
    (!buffer.is_empty()).then_some(buffer)
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn soundex_codes() {
        check(
            soundex,
            &[
                ("Robert", Some("R163")),
                ("Rupert", Some("R163")),
                ("Ashcraft", Some("A261")),
                ("Tymczak", Some("T522")),
                ("Pfister", Some("P236")),
                ("o'brien", Some("O165")),
                ("Müller", Some("M460")),
                ("Смирнов", Some("S565")),
                ("李", Some("L000")),
                ("1234", None),
                ("👑", None),
                ("", None),
            ],
        );
    }

    #[test]
    fn double_metaphone_codes() {
        check(
            double_metaphone,
            &[
                ("Smith", Some("SM0")),
                ("Smyth", Some("SM0")),
                ("Schmidt", Some("XMT")),
                ("Catherine", Some("K0RN")),
                ("Katherine", Some("K0RN")),
                // As without its cedilla.
                ("François", Some("FRNK")),
                ("Francois", Some("FRNK")),
                ("Παπαδόπουλος", Some("PPTP")),
                ("1234", None),
                ("", None),
            ],
        );
    }

    #[test]
    fn nysiis_codes() {
        check(
            nysiis,
            &[
                ("Brian", Some("BRAN")),
                ("Brown", Some("BRAN")),
                ("Schmidt", Some("SNAD")),
                ("MacIntosh", Some("MCANT")),
                ("O’Daniel", Some("ODANAL")),
                ("1234", None),
                // All of it are letters that end a name unheard.
                ("As", None),
                ("", None),
            ],
        );
    }

    #[test]
    fn cologne_codes() {
        check(
            cologne_phonetic,
            &[
                ("Müller-Lüdenscheidt", Some("65752682")),
                ("Mueller", Some("657")),
                ("Müller", Some("657")),
                ("Meier", Some("67")),
                ("Mayr", Some("67")),
                ("Weiß", Some("38")),
                ("h", None),
                ("1234", None),
                ("", None),
            ],
        );
    }
}

//! Any script in ASCII letters.
//!
//! The table is that of `any_ascii`, letter by letter; [`letters`] has what is better written otherwise in names, [`greek`] the
//! letters that depend on their neighbours. A letter's case and a sign's meaning are kept; pictures are spaces.

mod greek;
mod letters;

use any_ascii::any_ascii_char;
use unicode_normalization::char::decompose_compatible;
use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::filled;

/// A text in ASCII: Шостакович is Shostakovich, İnönü is Inonu, محمد is mhmd.
///
/// Letters are written as in names of most languages, not as in any one language's own rules: ü is u and not ue, г is g in
/// Ukrainian too, and Han characters are read in Mandarin. Arabic, Persian and Hebrew come without vowel points, which they
/// mostly do not write.
pub fn transliterate<'a>(text: &'a str, buffer: &'a mut String) -> Option<&'a str> {
    if text.is_ascii() {
        return filled(text);
    }
    buffer.clear();
    latin(text, |c| buffer.push(c));
    filled(buffer)
}

/// Hands over the text's ASCII characters, one after the other.
pub(super) fn latin(text: &str, put: impl FnMut(char)) {
    // A letter and its mark are one letter, however they are stored.
    if is_nfc(text) { walk(text.chars(), put) } else { walk(text.nfc(), put) }
}

fn walk(chars: impl Iterator<Item = char>, mut put: impl FnMut(char)) {
    let mut chars = chars.peekable();
    let mut before = None;
    while let Some(c) = chars.next() {
        if c.is_ascii() {
            put(c);
        } else if greek::is_greek(c) {
            greek::write(c, before, &mut chars, &mut put);
        } else {
            write(c, &mut put);
        }
        before = Some(c);
    }
}

fn write(c: char, put: &mut impl FnMut(char)) {
    if letters::is_shape(c) {
        decompose_compatible(c, |letter| write_letter(letter, put));
    } else {
        write_letter(c, put);
    }
}

fn write_letter(c: char, put: &mut impl FnMut(char)) {
    if let Some(written) = letters::written(c) {
        return written.chars().for_each(put);
    }
    let written = any_ascii_char(c);
    match written.as_bytes() {
        _ if c.is_whitespace() => put(' '),
        // The name of a picture, `:crown:`.
        [b':', _, ..] => put(' '),
        // Signs beside letters stand for what is lost (Gor' for Горь), and nobody writes them in names.
        _ if c.is_alphabetic() => written.chars().filter(char::is_ascii_alphanumeric).for_each(put),
        _ => written.chars().for_each(put),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn latin_letters_lose_what_ascii_lacks() {
        check(
            transliterate,
            &[
                ("Smith", Some("Smith")),
                ("Işıl İnönü, Şükrü Çağlayan Öztürk", Some("Isil Inonu, Sukru Caglayan Ozturk")),
                // Decomposed, as macOS names files.
                ("I\u{307}no\u{308}nu\u{308}", Some("Inonu")),
                ("Jürgen Weiß", Some("Jurgen Weiss")),
                ("Søren Kierkegård", Some("Soren Kierkegard")),
                ("Łukasz Wałęsa", Some("Lukasz Walesa")),
                ("Đặng Thị Hằng", Some("Dang Thi Hang")),
                ("Æthelþryð Œdipe", Some("Aethelthryd Oedipe")),
                ("Əliyev Məmməd", Some("Aliyev Mammad")),
                ("Gal·la", Some("Galla")),
                ("O’Brien", Some("O'Brien")),
                ("Kawai\u{2bb}ae", Some("Kawaiae")),
                ("Ａｄａ", Some("Ada")),
                ("\u{fb01}n", Some("fin")),
                ("Ada\u{a0}Lovelace\u{200b}", Some("Ada Lovelace")),
                ("Ada 👑", Some("Ada  ")),
                ("€ № ½", Some("EUR No 1/2")),
                ("👑", None),
                ("\u{200b}", None),
                (" ", None),
                ("", None),
            ],
        );
    }

    #[test]
    fn cyrillic_names() {
        check(
            transliterate,
            &[
                ("Ж щ Щ", Some("Zh shch Shch")),
                // Sergey Rachmaninoff, Pyotr Tchaikovsky, Dmitri Shostakovich.
                ("Сергей Рахманинов", Some("Sergey Rakhmaninov")),
                ("Пётр Чайковский", Some("Petr Chaykovskiy")),
                ("Дмитрий Шостакович", Some("Dmitriy Shostakovich")),
                // Nikita Khrushchev; ё is mostly written е.
                ("Никита Хрущёв", Some("Nikita Khrushchev")),
                ("Никита Хрущев", Some("Nikita Khrushchev")),
                // Igor Yeltsin, Olga Podyacheva.
                ("Игорь Ельцин", Some("Igor Eltsin")),
                ("Ольга Подъячева", Some("Olga Podyacheva")),
                // Volodymyr Zelenskyy, Yulia Tymoshenko.
                ("Володимир Зеленський", Some("Volodimir Zelenskiy")),
                ("Юлія Тимошенко", Some("Yuliya Timoshenko")),
                // Zoran Đinđić, Ljubomir.
                ("Зоран Ђинђић", Some("Zoran Djindjic")),
                ("Љубомир", Some("Ljubomir")),
                // Nursultan Nazarbayev in Kazakh.
                ("Нұрсұлтан Назарбаев", Some("Nursultan Nazarbaev")),
            ],
        );
    }

    #[test]
    fn arabic_and_persian_names() {
        check(
            transliterate,
            &[
                // Muhammad, without and with vowel points, and stretched.
                ("محمد", Some("mhmd")),
                ("مُحَمَّد", Some("mhmd")),
                ("مـحـمـد", Some("mhmd")),
                // Husayn with the Arabic and the Persian yeh.
                ("حسين", Some("hsyn")),
                ("حسین", Some("hsyn")),
                // Karim with the Arabic kaf and yeh, and the Persian ones.
                ("كريم", Some("krym")),
                ("کریم", Some("krym")),
                // Ali; in Egypt its yeh has no dots.
                ("علي", Some("aly")),
                ("علی", Some("aly")),
                ("على", Some("aly")),
                // Fatima; in Persian with a heh.
                ("فاطمة", Some("fatmh")),
                ("فاطمه", Some("fatmh")),
                // Yusuf, Ahmad, Ibrahim, Amina, Aisha, Rida or Reza, Nizam.
                ("یوسف", Some("ywsf")),
                ("أحمد", Some("ahmd")),
                ("احمد", Some("ahmd")),
                ("إبراهيم", Some("abrahym")),
                ("آمنة", Some("amnh")),
                ("عائشة", Some("aayshh")),
                ("عایشه", Some("aayshh")),
                ("رضا", Some("rda")),
                ("نظام", Some("nzam")),
                // Zhaleh, Parviz, Changiz, Golnar.
                ("ژاله", Some("zhalh")),
                ("پرویز", Some("prwyz")),
                ("چنگیز", Some("chngyz")),
                ("گلنار", Some("glnar")),
                // Alireza with a zero-width non-joiner; Abdullah with the one character for Allah.
                ("علی\u{200c}رضا", Some("alyrda")),
                ("عبدالله", Some("abdallh")),
                ("عبد\u{fdf2}", Some("abdallh")),
                // Muhammad and Ali as old software stores the shapes of letters.
                ("\u{fee3}\u{fea4}\u{fee4}\u{feaa}", Some("mhmd")),
                ("\u{fecb}\u{fee0}\u{fef2}", Some("aly")),
                ("\u{fefb}\u{fe76}", Some("la")),
                ("٠١٢ ۴۵۶", Some("012 456")),
                ("\u{640}\u{64e}", None),
            ],
        );
    }

    #[test]
    fn names_in_further_scripts() {
        check(
            transliterate,
            &[
                // Avraham, David with and without points, Moshe.
                ("אברהם", Some("avrhm")),
                ("דוד", Some("dvd")),
                ("דָּוִד", Some("dvd")),
                ("משה", Some("mshh")),
                // Anahit in Armenian, Nino in Georgian, Rahul in Hindi.
                ("Անահիտ", Some("Anahit")),
                ("ნინო", Some("nino")),
                ("राहुल", Some("rahul")),
                // Zhang Wei, Kim Min-jun, Sakura.
                ("张伟", Some("ZhangWei")),
                ("김민준", Some("GimMinJun")),
                ("さくら", Some("sakura")),
            ],
        );
    }
}

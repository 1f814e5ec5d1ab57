//! Similarities and distances of texts, by `rapidfuzz`, as its Python original gives them.
//!
//! Characters are Unicode scalar values: é as one letter and as a letter with a mark are not the same.

use std::str::Chars;

use rapidfuzz::distance;

/// Jaro's similarity, from 0 to 1: how many characters the texts share, about in the same places. Two empty texts are equal.
pub fn jaro(a: &str, b: &str) -> f64 {
    similarity(a, b, distance::jaro::similarity, distance::jaro::similarity)
}

/// Jaro's similarity, raised for each of up to four characters that both begin with, by a tenth of what is missing, where it is
/// above 0.7.
pub fn jaro_winkler(a: &str, b: &str) -> f64 {
    similarity(a, b, distance::jaro_winkler::similarity, distance::jaro_winkler::similarity)
}

/// As [`jaro`], but 0 where it is less than `least`: for texts that are nothing alike, that is seen early.
pub fn jaro_from(a: &str, b: &str, least: f64) -> f64 {
    if a != b && jaro_at_most(a, b) < least {
        return 0.0;
    }
    let args = || distance::jaro::Args::default().score_cutoff(least);
    let of_bytes = |a, b| distance::jaro::similarity_with_args(a, b, &args()).unwrap_or_default();
    let of_chars = |a, b| distance::jaro::similarity_with_args(a, b, &args()).unwrap_or_default();
    similarity(a, b, of_bytes, of_chars)
}

/// As [`jaro_winkler`], but 0 where it is less than `least`: for texts that are nothing alike, that is seen early.
pub fn jaro_winkler_from(a: &str, b: &str, least: f64) -> f64 {
    if a != b {
        let most = jaro_at_most(a, b);
        let begin = a.bytes().zip(b.bytes()).take(4).take_while(|(a, b)| a == b).count();
        let raised =
            if most > 0.7 { most + f64::from(u8::try_from(begin).unwrap_or(4)) * 0.1 * (1.0 - most) } else { most };
        if raised < least {
            return 0.0;
        }
    }
    let args = || distance::jaro_winkler::Args::default().score_cutoff(least);
    let of_bytes = |a, b| distance::jaro_winkler::similarity_with_args(a, b, &args()).unwrap_or_default();
    let of_chars = |a, b| distance::jaro_winkler::similarity_with_args(a, b, &args()).unwrap_or_default();
    similarity(a, b, of_bytes, of_chars)
}

/// How many characters must be inserted, deleted, replaced, or exchanged with their neighbour, to make one text the other.
///
/// Unrestricted: what was exchanged may be changed again.
pub fn damerau_levenshtein(a: &str, b: &str) -> usize {
    edits(a, b, distance::damerau_levenshtein::distance, distance::damerau_levenshtein::distance)
}

/// As [`damerau_levenshtein`], but no more than one above `most`: for texts that are nothing alike, that is seen at a glance.
pub fn damerau_levenshtein_up_to(a: &str, b: &str, most: usize) -> usize {
    if a == b {
        return 0;
    }
    if a.is_ascii() && b.is_ascii() {
        let (a, b) = (a.as_bytes(), b.as_bytes());
        if missing_letters(a, b).into_iter().any(|missing| missing > most) || unshared(a, b) > most {
            return most + 1;
        }
    }
    damerau_levenshtein(a, b).min(most + 1)
}

/// What Jaro's similarity of two texts cannot be above, by which characters there are.
#[expect(clippy::cast_precision_loss, reason = "no text is that long")]
fn jaro_at_most(a: &str, b: &str) -> f64 {
    /// Above the error of a few additions.
    const ROUNDING: f64 = 1e-9;
    if !a.is_ascii() || !b.is_ascii() || a.is_empty() || b.is_empty() {
        return 1.0;
    }
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let [of_a, of_b] = missing_letters(a, b);
    let shared = (a.len() - of_a).min(b.len() - of_b);
    if shared == 0 {
        return 0.0;
    }
    let shared = shared as f64;
    (shared / a.len() as f64 + shared / b.len() as f64 + 1.0) / 3.0 + ROUNDING
}

/// How many letters the other text does not have, of those of `a` and of those of `b`, or fewer: each stands somewhere. Of ASCII.
fn missing_letters(a: &[u8], b: &[u8]) -> [usize; 2] {
    // Two characters may share a bit: then one may be taken for the other.
    let letters = |text: &[u8]| text.iter().fold(0_u64, |letters, byte| letters | 1 << (byte & 63));
    let (a, b) = (letters(a), letters(b));
    [a & !b, b & !a].map(|missing| missing.count_ones() as usize)
}

/// How many characters of the longer text, in whatever places, the other does not have: each takes an edit. Of ASCII.
fn unshared(a: &[u8], b: &[u8]) -> usize {
    let longer = a.len().max(b.len());
    if longer - a.len().min(b.len()) > 64 || longer > usize::from(u8::MAX) {
        // Too long to be counted in bytes; the difference in length is a bound as well.
        return longer - a.len().min(b.len());
    }
    let mut counts = [0_u8; 128];
    for byte in a {
        counts[usize::from(*byte)] += 1;
    }
    let mut shared = 0;
    for byte in b {
        let count = &mut counts[usize::from(*byte)];
        if *count > 0 {
            *count -= 1;
            shared += 1;
        }
    }
    longer - shared
}

/// How many characters must be inserted, deleted or replaced to make one text the other.
pub fn levenshtein(a: &str, b: &str) -> usize {
    edits(a, b, distance::levenshtein::distance, distance::levenshtein::distance)
}

/// Characters that are one byte each, as most are.
type Bytes<'t> = std::iter::Copied<std::slice::Iter<'t, u8>>;

fn similarity<'t>(
    a: &'t str,
    b: &'t str,
    of_bytes: impl Fn(Bytes<'t>, Bytes<'t>) -> f64,
    of_chars: impl Fn(Chars<'t>, Chars<'t>) -> f64,
) -> f64 {
    if a == b {
        1.0
    } else if a.is_empty() || b.is_empty() {
        0.0
    } else if a.is_ascii() && b.is_ascii() {
        of_bytes(a.as_bytes().iter().copied(), b.as_bytes().iter().copied())
    } else {
        of_chars(a.chars(), b.chars())
    }
}

fn edits<'t>(
    a: &'t str,
    b: &'t str,
    of_bytes: impl Fn(Bytes<'t>, Bytes<'t>) -> usize,
    of_chars: impl Fn(Chars<'t>, Chars<'t>) -> usize,
) -> usize {
    if a == b {
        0
    } else if a.is_empty() || b.is_empty() {
        a.chars().count() + b.chars().count()
    } else if a.is_ascii() && b.is_ascii() {
        of_bytes(a.as_bytes().iter().copied(), b.as_bytes().iter().copied())
    } else {
        of_chars(a.chars(), b.chars())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn similarities_of_names() {
        for (a, b, plain, winkler) in [
            ("martha", "marhta", 0.944_444, 0.961_111),
            ("dixon", "dicksonx", 0.766_667, 0.813_333),
            ("dwayne", "duane", 0.822_222, 0.84),
            ("Иванко", "Петрунко", 0.625, 0.625),
            // The same letters, of which one is no ASCII.
            ("zoë", "zoe", 0.777_778, 0.822_222),
            ("abc", "xyz", 0.0, 0.0),
            ("a", "b", 0.0, 0.0),
            ("a", "", 0.0, 0.0),
            ("", "é", 0.0, 0.0),
            ("", "", 1.0, 1.0),
            ("é", "é", 1.0, 1.0),
        ] {
            assert!((jaro(a, b) - plain).abs() < 1e-6, "{a} {b}: {}", jaro(a, b));
            assert!((jaro_winkler(a, b) - winkler).abs() < 1e-6, "{a} {b}: {}", jaro_winkler(a, b));
        }
    }

    #[test]
    fn distances_of_names() {
        for (a, b, plain, damerau) in [
            ("kitten", "sitting", 3, 3),
            ("smith", "smiht", 2, 1),
            // Exchanged, then parted by an insertion: only the unrestricted distance has it.
            ("ca", "abc", 3, 2),
            ("Иванко", "Петрунко", 5, 5),
            ("zoë", "zoe", 1, 1),
            ("👑👒", "👒👑", 2, 1),
            ("", "éé", 2, 2),
            ("ab", "", 2, 2),
            ("", "", 0, 0),
        ] {
            assert_eq!((levenshtein(a, b), damerau_levenshtein(a, b)), (plain, damerau), "{a} {b}");
        }
    }

    /// Alike, so that there is something to find; long ones too, which are compared in blocks of 64 characters.
    fn texts() -> impl Strategy<Value = String> {
        prop_oneof!["[abc]{0,8}", "[ab]{60,140}", "[aàé\u{301}яع👑]{0,9}", "[aé]{60,140}", any::<String>()]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn similarities_are_symmetric_and_1_for_equals_alone(a in texts(), b in texts()) {
            for of in [jaro, jaro_winkler] {
                prop_assert_eq!(of(&a, &b).to_bits(), of(&b, &a).to_bits());
                prop_assert!((0.0..=1.0).contains(&of(&a, &b)));
                prop_assert_eq!(of(&a, &b) >= 1.0, a == b);
                prop_assert_eq!(of(&a, &a).to_bits(), 1.0_f64.to_bits());
            }
            prop_assert!(jaro_winkler(&a, &b) >= jaro(&a, &b));
        }

        #[test]
        fn distances_are_metric(a in texts(), b in texts(), c in texts()) {
            for of in [levenshtein, damerau_levenshtein] {
                prop_assert_eq!(of(&a, &b), of(&b, &a));
                prop_assert_eq!(of(&a, &b) == 0, a == b);
                prop_assert!(of(&a, &c) <= of(&a, &b) + of(&b, &c));
                prop_assert!(of(&a, &b) <= a.chars().count().max(b.chars().count()));
            }
            prop_assert!(damerau_levenshtein(&a, &b) <= levenshtein(&a, &b));
        }

        #[test]
        fn what_is_far_apart_is_cut_off(a in texts(), b in texts(), most in 0_usize..5) {
            prop_assert_eq!(damerau_levenshtein_up_to(&a, &b, most), damerau_levenshtein(&a, &b).min(most + 1));
        }

        #[test]
        fn what_is_not_alike_is_0(a in texts(), b in texts(), least in 0.0..=1.0_f64) {
            let cut = |similarity: f64| if similarity >= least { similarity } else { 0.0 };
            prop_assert_eq!(jaro_from(&a, &b, least).to_bits(), cut(jaro(&a, &b)).to_bits());
            prop_assert_eq!(jaro_winkler_from(&a, &b, least).to_bits(), cut(jaro_winkler(&a, &b)).to_bits());
        }

        /// Bytes and characters take two ways through the code.
        #[test]
        fn ascii_is_compared_as_any_other_text(a in "[abc]{0,80}", b in "[abc]{0,80}") {
            let other = |text: &str| text.replace('a', "ä").replace('b', "ю").replace('c', "👑");
            let (x, y) = (other(&a), other(&b));
            prop_assert_eq!(jaro(&a, &b).to_bits(), jaro(&x, &y).to_bits());
            prop_assert_eq!(jaro_winkler(&a, &b).to_bits(), jaro_winkler(&x, &y).to_bits());
            prop_assert_eq!(levenshtein(&a, &b), levenshtein(&x, &y));
            prop_assert_eq!(damerau_levenshtein(&a, &b), damerau_levenshtein(&x, &y));
        }
    }
}

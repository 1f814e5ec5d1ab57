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

/// How alike one text is to others, by [`jaro`] or [`jaro_winkler`]. Those that are nothing alike are seen early, and what can be found out
/// of the one alone is found out once.
pub struct Similar<'t> {
    one: &'t str,
    is_raised: bool,
    letters: Option<u64>,
    is_repeated: bool,
    /// Made for the second comparison: it takes more than one does.
    batch: Option<distance::jaro::BatchComparator<u8>>,
}

impl<'t> Similar<'t> {
    #[must_use]
    pub fn by_jaro(one: &'t str) -> Self {
        Self { one, is_raised: false, letters: letters(one), is_repeated: false, batch: None }
    }

    #[must_use]
    pub fn by_jaro_winkler(one: &'t str) -> Self {
        Self { is_raised: true, ..Self::by_jaro(one) }
    }

    /// The one.
    #[must_use]
    pub fn one(&self) -> &'t str {
        self.one
    }

    /// How alike the other is, but 0 where that is less than `least`.
    pub fn to(&mut self, other: &str, least: f64) -> f64 {
        if self.one == other {
            return 1.0;
        }
        let plain = match self.letters.zip(letters(other)) {
            None => jaro(self.one, other),
            Some((of_one, of_other)) => {
                let missing = missing_letters(of_one, of_other);
                if self.raised(jaro_at_most(self.one.len(), other.len(), missing), other) < least {
                    return 0.0;
                }
                let (one, other) = (self.one.bytes(), other.bytes());
                if self.is_repeated {
                    let batch = self.batch.get_or_insert_with(|| distance::jaro::BatchComparator::new(one));
                    batch.similarity(other)
                } else {
                    self.is_repeated = true;
                    distance::jaro::similarity(one, other)
                }
            }
        };
        let similarity = self.raised(plain, other);
        if similarity < least { 0.0 } else { similarity }
    }

    /// See [`jaro_winkler`].
    fn raised(&self, jaro: f64, other: &str) -> f64 {
        if !self.is_raised || jaro <= 0.7 {
            return jaro;
        }
        let begin = self.one.chars().zip(other.chars()).take(4).take_while(|(a, b)| a == b).count();
        jaro + f64::from(u8::try_from(begin).unwrap_or(4)) * 0.1 * (1.0 - jaro)
    }
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
    if let Some((of_a, of_b)) = letters(a).zip(letters(b))
        && (missing_letters(of_a, of_b).into_iter().any(|missing| missing > most)
            || unshared(a.as_bytes(), b.as_bytes()) > most)
    {
        return most + 1;
    }
    damerau_levenshtein(a, b).min(most + 1)
}

/// What Jaro's similarity of two texts of such lengths cannot be above, if so many letters of each the other does not have.
#[expect(clippy::cast_precision_loss, reason = "no text is that long")]
fn jaro_at_most(a: usize, b: usize, [of_a, of_b]: [usize; 2]) -> f64 {
    /// Above the error of a few additions.
    const ROUNDING: f64 = 1e-9;
    let shared = (a - of_a).min(b - of_b);
    if shared == 0 {
        return 0.0;
    }
    let shared = shared as f64;
    (shared / a as f64 + shared / b as f64 + 1.0) / 3.0 + ROUNDING
}

/// The letters that a text has, as bits, of which two letters may share one. None where it has none at all, or others than ASCII.
fn letters(text: &str) -> Option<u64> {
    let letters = || text.bytes().fold(0_u64, |letters, byte| letters | 1 << (byte & 63));
    (!text.is_empty() && text.is_ascii()).then(letters)
}

/// How many letters the other text does not have, of those of `a` and of those of `b`, or fewer: each stands somewhere.
fn missing_letters(a: u64, b: u64) -> [usize; 2] {
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
        fn what_is_not_alike_is_0(a in texts(), b in texts(), c in texts(), least in 0.0..=1.0_f64) {
            let cut = |similarity: f64| if similarity >= least { similarity } else { 0.0 };
            for (of, mut similar) in [
                (jaro as fn(&str, &str) -> f64, Similar::by_jaro(&a)),
                (jaro_winkler, Similar::by_jaro_winkler(&a)),
            ] {
                // Others than the first are compared in another way.
                for other in [&b, &c, &b] {
                    prop_assert_eq!(similar.to(other, least).to_bits(), cut(of(&a, other)).to_bits(), "{} {}", a, other);
                }
            }
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

//! How alike two texts, dates or places are.
//!
//! Texts are compared as they are, character by character: bringing them into a form first is what [`text`](crate::text) is for.
//! A comparison of two texts takes time in the product of their lengths, which suits names and addresses, not documents.
//!
//! Deliberately absent: thresholds, and similarities of sets of words.

mod dates;
mod places;
mod strings;

pub use dates::days_swapped;
pub use places::distance_km;
pub use strings::{Similar, damerau_levenshtein, damerau_levenshtein_up_to, jaro, jaro_winkler, levenshtein};

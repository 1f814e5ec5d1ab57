//! The model of Fellegi and Sunter, "A Theory for Record Linkage" (Journal of the American Statistical Association 64, 1969).
//!
//! Two records are compared by several comparisons; each has levels, the most alike first, and a pair is at the first level that
//! holds. How often pairs that match are at a level is its `m`, how often pairs that do not is its `u`. `log2(m / u)` is the level's
//! weight: what being there says for a match, in bits. A comparison in which a value is missing says nothing.
//!
//! `u` is counted among random pairs, nearly all of which do not match. `m` is learned without labels by expectation maximisation
//! (Dempster, Laird and Rubin, 1977) over pairs that agree in something, for those comparisons that this something says nothing of.

#![allow(clippy::cast_precision_loss, reason = "shares of counts: no count of pairs comes near 2^52")]

mod learn;
mod parameters;

#[cfg(test)]
mod tests;

pub use learn::{ENOUGH_PAIRS, Pass, Problem, Settings, Trained, Trouble, combine, learn, prior, shares_of_pairs};
pub use parameters::{Levels, Parameters, probability_of, weight_of};

/// How many pairs are at the same levels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// For each comparison the pair's level, counted from 0, the most alike first; none where a value is missing.
    pub levels: Vec<Option<u8>>,
    pub pairs: u64,
}

//! Matching by likelihood: records side by side, pairs of those that agree in something, and what a model says of each pair.
//!
//! | place | what it plans |
//! |---|---|
//! | `records` | one table of all records, with what is compared, and one of what they must agree in |
//! | `pairs` | which records are compared, each pair once |
//! | `levels` | at which level of each comparison a pair is |
//! | `score` | how likely a pair is to match |
//! | `labels` | what is known of pairs that somebody has labelled, and how pairs are spread over weights |
//! | `report` | counts, and a few pairs and profiles to look at |
//! | `train` | the counts that a model is learned from |
//! | `look` | what people look at: pairs, and what records hold |
//!
//! A record is named by the value of the identifier that stands for it. Names of columns made up here begin with `_`, which no
//! column of a project does.

mod labels;
mod levels;
mod look;
mod pairs;
mod records;
pub mod report;
mod score;
mod train;

use kinfold_lang::project::{Entity, Match, MatchModel};
use sqlparser::ast::Query;

pub use labels::{BUCKET, Labels, Mistake, compared_weights, labelled_weights, labels, mistakes, records_of_rules};
pub use look::{LookOrder, ROWS_OF_ONE_ID, records_of, review, review_pairs};
pub(crate) use records::{Onward, known, records};
pub(crate) use score::{fingerprint, likely_pairs, matched, pairs_of_rules, told};
pub use train::{PASS, Pass, Passes, Training, all_pairs, draw, pass_sizes, passes, random_pairs, samples, training};

/// How many pairs a run compares at most, by each rule of `match.block_on`: see [`Training::bound`]. None if there is no rule. It reads the
/// tables of [`records_of_rules`].
#[must_use]
pub fn pairs_bound(entity: &Entity, matching: &Match) -> Option<Query> {
    pairs::bound(entity, matching, 0, &matching.block_on)
}

/// Whether [`pairs_bound`] does without the table of keys, the last of [`records_of_rules`].
pub(crate) fn is_bound_by_blocks(matching: &Match) -> bool {
    matching.block_on.iter().all(|blocking| pairs::keys(0, blocking).is_counted())
}

/// What more records agree in than `match.max_block`, so that it finds no pairs, for each rule of `match.block_on`: `rule`, `blocks`, and
/// `records`, how many the largest has. It reads the tables of [`records_of_rules`].
pub(crate) fn common_blocks(entity: &Entity, matching: &Match) -> Option<Query> {
    pairs::common(entity, matching, 0, &matching.block_on)
}

/// The table of an entity's records, for the run that made it.
pub(crate) fn records_table(entity: &Entity) -> String {
    format!("_{}_records", entity.name)
}

/// The table of what pairs are found by, for the run that made it.
pub(crate) fn keys_table(entity: &Entity) -> String {
    format!("_{}_keys", entity.name)
}

/// The table of how many records agree in something, for the run that made it.
pub(crate) fn blocks_table(entity: &Entity) -> String {
    format!("_{}_blocks", entity.name)
}

/// The table of the pairs that a model is learned from, for the process that learns.
pub(crate) fn passes_table(entity: &Entity) -> String {
    format!("_{}_passes", entity.name)
}

/// The table of pairs that are likely enough for people to look at, for the run that made it.
pub(crate) fn pairs_table(entity: &Entity) -> String {
    format!("_{}_pairs", entity.name)
}

/// An entity's `match` and what was learned for it, if both are there.
#[must_use]
pub fn learned(entity: &Entity) -> Option<(&Match, &MatchModel)> {
    let matching = entity.matching.as_ref()?;
    Some((matching, matching.model.as_ref()?))
}

//! Exact identity: values are normalised by type, values seen on one row are linked, linked values are one profile.
//!
//! The way through this crate, each step a type that the next one is made from:
//!
//! ```text
//! Evidence ──feed rows──▶ seal ──▶ Graph ──feed previous──▶ resolve ──▶ Resolution ──▶ identifiers, profiles,
//!                                                                                   conflicts, history
//! ```
//!
//! What holds for every result, whatever the order of rows, the size of batches and the number of threads:
//! - the result is a function of the set of edges and of the previous assignment alone;
//! - no profile has more values of an identifier than its limit, save where pins alone put them together, and no profile has
//!   two values that are pinned apart; each edge that was refused for either is told;
//! - values that are shared by many are told, and belong to no profile but by a pin;
//! - profile ids are unique, kept from the previous assignment where the rules of [`Change`] say so, and otherwise derived
//!   from the profile's oldest identifier, so that a build from nothing gives the same ids each time.
//!
//! Deliberately absent: input and output, async code, Arrow, SQL, clocks and randomness.

#![allow(
    clippy::cast_possible_truncation,
    reason = "values, nodes, clusters and rows are counted in 32 bits, identifiers in 8: the interner and `Evidence::new` refuse more"
)]
#![allow(clippy::similar_names, reason = "`shards` are what is `shared`")]

pub mod normalise;

mod assign;
mod cluster;
mod column;
mod components;
mod digest;
mod error;
mod evidence;
mod graph;
mod intern;
mod kept;
mod lean;
mod limits;
mod linkage;
mod matches;
mod nodes;
mod pins;
mod profile_id;
mod ranked;
mod rebuild;
mod resolution;
mod rows;
mod rules;
mod shared;
mod sieve;
mod summary;
mod threads;
mod touched;
mod union_find;
mod window;

#[cfg(test)]
mod tests;

pub use column::{NumberColumn, TextColumn, TimeColumn, WeightColumn};
pub use components::Components;
pub use digest::{Digest, DigestKey};
pub use error::IdentityError;
pub use evidence::{Evidence, Feeder, Novelty};
pub use graph::{Graph, PreviousFeeder};
pub use kept::{KeptRow, KeptSource, KeptValue, KnownValues, KnownValuesFeeder};
pub use profile_id::{ProfileId, ProfileIdText};
pub use resolution::{
    Change, ChangeKind, Conflict, ConflictReason, IdentifierRow, IdentifierRows, IdentifierValue, Resolution,
    RowCursor, SharedValue, SourceSet,
};
pub use rules::{IdentifierRule, Limit, Linkage, MatchRules, Pin, PinKind, RowSource, Rules};
pub use summary::{EdgeCount, Summary};
pub use touched::{
    Earlier, Finds, FindsFeeder, FoundValues, Looks, LooksFeeder, Taken, Takes, TakesFeeder, Touched, Wanted,
};

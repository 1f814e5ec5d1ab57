//! Segments.

use schemars::JsonSchema;
use serde::Deserialize;

use super::entity::Between;
use super::types::{Map, Scalar, Spanned, Sql, Text};

/// A named set of profiles.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// What it is called.
    pub name: Text,
    /// Whose profiles it holds.
    pub entity: Text,
    /// Who is in it, for people.
    pub description: Option<Text>,
    /// The condition for being in it.
    #[serde(rename = "where")]
    pub condition: Spanned<Condition>,
    /// Segments whose members are left out.
    #[serde(default)]
    pub except: Vec<Text>,
    /// Only so many members, the best by a trait.
    pub top: Option<Top>,
}

/// True or false for every profile. Over a missing value it is false.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "conditions are few")]
pub enum Condition {
    /// A trait has a value.
    Trait(TraitTest),
    /// The profile has rows in a table.
    Did(Did),
    /// The profile does not have such rows in a table.
    DidNot(Did),
    /// The profile is in another segment.
    Segment(Text),
    /// All of these hold.
    All(Spanned<Vec<Spanned<Condition>>>),
    /// At least one of these holds.
    Any(Spanned<Vec<Spanned<Condition>>>),
    /// This does not hold.
    Not(Box<Spanned<Condition>>),
    /// SQL over traits.
    Sql(Sql),
}

/// What a trait is held against. With several tests, all must hold.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TraitTest {
    /// The trait.
    pub name: Text,
    /// Equal to.
    pub eq: Option<Scalar>,
    /// Not equal to; false where the trait is missing.
    pub ne: Option<Scalar>,
    /// Greater than.
    pub gt: Option<Scalar>,
    /// Greater than or equal to.
    pub gte: Option<Scalar>,
    /// Less than.
    pub lt: Option<Scalar>,
    /// Less than or equal to.
    pub lte: Option<Scalar>,
    /// From one value to another, both included.
    pub between: Option<Spanned<Vec<Scalar>>>,
    /// One of these.
    #[serde(rename = "in")]
    pub one_of: Option<Spanned<Vec<Scalar>>>,
    /// None of these; false where the trait is missing.
    pub not_in: Option<Spanned<Vec<Scalar>>>,
    /// Text like this, `%` standing for any characters and `_` for one.
    pub like: Option<Text>,
    /// Whether it is missing.
    pub is_null: Option<bool>,
    /// Text with this in it, or a list that holds this.
    pub contains: Option<Scalar>,
}

/// Rows of a table that belong to a profile, and how many there must be.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Did {
    /// A source's table or a model.
    pub table: Text,
    /// Only rows for which this SQL is true.
    #[serde(rename = "where")]
    pub filter: Option<Sql>,
    /// Only rows of the last so long, such as `90d`.
    pub within: Option<Text>,
    /// Only rows between two instants.
    pub between: Option<Between>,
    /// At least so many rows. Without any count: 1.
    pub at_least: Option<Spanned<u64>>,
    /// At most so many rows.
    pub at_most: Option<Spanned<u64>>,
    /// Exactly so many rows.
    pub exactly: Option<Spanned<u64>>,
    /// For each identifier that the rows carry, SQL over the columns. Without it: as under `identity.from`.
    pub ids: Option<Map<Sql>>,
    /// When a row came about, as SQL over its columns. Without it: as under `identity.from`, or the table's `time`.
    pub at: Option<Sql>,
}

/// Only so many members, the best by a trait. It has one of `count` and `percent`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Top {
    /// SQL over traits. Profiles for which it is missing are not members.
    pub by: Sql,
    /// How many.
    pub count: Option<Spanned<u64>>,
    /// How many of a hundred, such as `10%`, rounded up to a whole member.
    pub percent: Option<Scalar>,
    /// Which end comes first. Without it: desc.
    #[serde(default)]
    pub order: Order,
}

/// Which end comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The smallest.
    Asc,
    /// The largest.
    #[default]
    Desc,
}

//! Entities: identity and traits.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::matching::Match;
use super::shape::{NumberOr, WordOr};
use super::types::{Map, Scalar, Spanned, Sql, Text};

/// What profiles are about.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entity {
    /// The table of its profiles is called so.
    pub name: Text,
    /// What a profile is, for people.
    pub description: Option<Text>,
    /// Which values point to a profile, and where they are seen.
    pub identity: Identity,
    /// The columns of a profile.
    #[serde(default)]
    pub traits: Vec<Trait>,
}

/// Which values point to a profile, and where they are seen.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Strongest first: the order is the priority.
    pub identifiers: Vec<Identifier>,
    /// Tables whose rows carry identifiers. A row that carries two or more links them.
    pub from: Vec<Link>,
    /// How many identifiers one profile has at most, unless something is wrong.
    pub max_cluster: Option<NumberOr<MaxCluster>>,
    /// Pairs that are one profile, whatever limits say.
    #[serde(default)]
    pub always: Vec<Pin>,
    /// Pairs that are never one profile, whatever rows say.
    #[serde(default)]
    pub never: Vec<Pin>,
    /// Records that may be one profile though they share no identifier.
    #[serde(rename = "match")]
    pub matching: Option<Match>,
}

/// A kind of value that can point to a profile.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Identifier {
    /// What it is called.
    pub name: Text,
    /// What it is, for people.
    pub description: Option<Text>,
    /// How its values are brought into one form. Without it: exact.
    #[serde(rename = "type", default)]
    pub ty: Option<IdentifierType>,
    /// How many values of it one profile may have.
    pub limit: Option<NumberOr<Limit>>,
    /// A value that is seen with more values of another identifier than this is shared by many, and links nothing.
    pub shared_above: Option<Spanned<u64>>,
    /// Values that never link.
    #[serde(default)]
    pub block: Vec<WordOr<Block>>,
}

/// How many values of an identifier one profile may have.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// How many.
    pub count: Spanned<u64>,
    /// Only values first seen within a span of this length count together, such as `90d`.
    pub within: Option<Text>,
}

/// What to do about a profile with very many identifiers.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MaxCluster {
    /// A run that makes a profile with more identifiers than this says so.
    pub warn_above: Option<Spanned<u64>>,
    /// A run that makes a profile with more identifiers than this fails, and changes nothing.
    pub error_above: Option<Spanned<u64>>,
}

/// What people said of single pairs of an entity's values, besides what its `identity` says.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pins {
    /// The entity.
    pub entity: Text,
    /// Pairs that are one profile, whatever limits say.
    #[serde(default)]
    pub always: Vec<Pin>,
    /// Pairs that are never one profile, whatever rows say.
    #[serde(default)]
    pub never: Vec<Pin>,
}

/// Two values of which somebody knows whether they are one.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Two identifiers with a value each, as in `[{email: ada@example.com}, {crm_id: "17"}]`.
    pub pair: Vec<Map<Text>>,
    /// Why, for whoever asks later.
    pub reason: Text,
}

/// How values of an identifier are brought into one form.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentifierType {
    Exact,
    Lower,
    Digits,
    Uuid,
    Email,
    /// A plain `phone`, or one with options.
    Phone(Option<Phone>),
}

/// How phone numbers are read.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Phone {
    /// Numbers without a country code are read as of this region, such as TR.
    pub region: Option<Text>,
}

/// Values that never link.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// A regular expression over the value as it stands in the source.
    Matches(Text),
}

/// Rows that carry identifiers.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// A source's table or a model.
    pub table: Text,
    /// For each identifier that its rows carry, the column, or SQL over its columns.
    pub ids: Map<Sql>,
    /// When a row came about, as SQL over its columns. Without it: the table's `time`.
    pub at: Option<Sql>,
}

/// A column of a profile. It has one of `aggregate`, `pick` and `expression`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trait {
    /// The column's name.
    pub name: Text,
    /// What it says, for people.
    pub description: Option<Text>,
    /// Takes the place of a missing value.
    pub default: Option<Scalar>,
    /// Computed over a profile's rows in a table.
    pub aggregate: Option<Aggregate>,
    /// One of the values that tables have for a profile.
    pub pick: Option<Pick>,
    /// SQL over other traits.
    pub expression: Option<Sql>,
}

/// Computed over a profile's rows in a table.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Aggregate {
    /// SQL over the table's columns with sum, count, min, max, avg, median, percentile(x, p), first or last; or most_frequent(x)
    /// or top(x, n) alone.
    pub value: Sql,
    /// A source's table or a model.
    pub table: Text,
    /// Only rows for which this SQL is true.
    #[serde(rename = "where")]
    pub filter: Option<Sql>,
    /// Only rows of the last so long, such as `90d`.
    pub within: Option<Text>,
    /// Only rows between two instants.
    pub between: Option<Between>,
    /// For each identifier that the rows carry, SQL over the columns. Without it: as under `identity.from`.
    pub ids: Option<Map<Sql>>,
    /// When a row came about, as SQL over its columns. Without it: as under `identity.from`, or the table's `time`.
    pub at: Option<Sql>,
}

/// Two instants, of which one may be left out.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Between {
    /// The first instant that belongs to it: `2026-01-31` or `2026-01-31T12:00:00Z`.
    pub from: Option<Text>,
    /// The first instant after it.
    pub to: Option<Text>,
}

/// One of the values that tables have for a profile.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pick {
    /// Columns, as `table.column`, or mappings that say more.
    pub from: Vec<WordOr<PickFrom>>,
    /// Which value is kept. Missing values never count.
    pub keep: Keep,
}

/// A column to pick from.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PickFrom {
    /// A source's table or a model.
    pub table: Text,
    /// SQL over its columns.
    pub value: Sql,
    /// When a row came about, as SQL over its columns. Without it: as under `identity.from`, or the table's `time`.
    pub at: Option<Sql>,
    /// For each identifier that the rows carry, SQL over the columns. Without it: as under `identity.from`.
    pub ids: Option<Map<Sql>>,
}

/// Which of several values is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The newest.
    MostRecent,
    /// The oldest.
    Oldest,
    /// The one that occurs most often.
    MostFrequent,
    /// The first source in the order of writing that has one.
    SourceOrder,
}

impl JsonSchema for IdentifierType {
    fn schema_name() -> Cow<'static, str> {
        "IdentifierType".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let phone = generator.subschema_for::<Phone>();
        json_schema!({
            "description": "How values are brought into one form.",
            "oneOf": [
                {
                    "description": "As it is without spaces at both ends; in lower case; digits alone; a UUID; an address; E.164.",
                    "type": "string",
                    "enum": ["exact", "lower", "digits", "uuid", "email", "phone"],
                },
                {"description": "E.164, with options.", "type": "object", "properties": {"phone": phone}, "required": ["phone"], "additionalProperties": false},
            ],
        })
    }
}

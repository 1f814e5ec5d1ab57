//! Matching by likelihood: which records are compared, how, and what was learned of it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::types::{Map, Scalar, Spanned, Sql, Text};

/// Which records may be one profile though they share no identifier.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// The tables whose rows are compared.
    pub records: Vec<MatchRecords>,
    /// How two records are compared.
    pub comparisons: Vec<Comparison>,
    /// Only records that agree in one of these are compared.
    pub block_on: Vec<BlockOn>,
    /// Which pairs of tables are compared. Without it: all.
    pub pairs: Option<Spanned<MatchPairs>>,
    /// Pairs that are at least so likely to be one are linked, such as 0.99.
    pub accept: Scalar,
    /// Pairs that are less likely, but at least so likely, are kept for people to look at.
    pub review: Option<Scalar>,
    /// A run that would compare more pairs than this fails before it begins.
    pub max_pairs: Option<Spanned<u64>>,
    /// What more records than this agree in tells nothing: they are not compared for it.
    pub max_block: Option<Spanned<u64>>,
    /// When pairs make one profile of more than two. Without it: any.
    pub linkage: Option<Linkage>,
    /// Whether a record is linked to no more than one of each other table. Without it: false.
    pub one_to_one: Option<Spanned<bool>>,
    /// Pairs of which somebody knows whether they are one.
    pub labels: Option<MatchLabels>,
    /// How `kinfold match train` learns.
    pub train: Option<MatchTraining>,
}

/// When pairs make one profile of more than two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Linkage {
    /// Any pair links the records of both sides.
    Any,
    /// The pairs of both sides must on average be likely to match.
    Average,
    /// Each record of one side must match each of the other.
    Complete,
}

/// Pairs of which somebody knows whether they are one.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchLabels {
    /// A source's table or a model, with a row for each pair.
    pub table: Text,
    /// The identifiers that stand for the two records, and SQL that gives them, as in `[{crm_id: left_id}, {crm_id: right_id}]`.
    pub pair: Vec<Map<Sql>>,
    /// SQL that is true if the two are one. Without it: all are.
    #[serde(rename = "match")]
    pub is_match: Option<Sql>,
    /// Whether all pairs that match are among them, so that every other pair is known not to. Without it: false.
    pub complete: Option<bool>,
}

/// A table whose rows are compared with others.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchRecords {
    /// A source's table or a model.
    pub table: Text,
    /// The identifier that stands for a row, and SQL that gives it.
    pub id: Map<Sql>,
    /// What is compared, as SQL over the table's columns. Tables are compared by the columns that they have under the same names.
    pub columns: Map<Sql>,
}

/// Which pairs of tables are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MatchPairs {
    /// Records of all tables, also those of one table with each other.
    All,
    /// Records of one table with those of other tables alone.
    Across,
    /// Records of one table with each other alone.
    Within,
}

/// One comparison of two records. It has one of `as` and `levels`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// What it is called. Without it: as the column.
    pub name: Option<Text>,
    /// The column that is compared, unless every level names its own.
    pub column: Option<Text>,
    /// Levels that suit what the column holds.
    #[serde(rename = "as")]
    pub ready: Option<ReadyComparison>,
    /// The most alike first. A pair is at the first level that holds.
    #[serde(default)]
    pub levels: Vec<Spanned<Level>>,
    /// Whether to agree in a rare value says more than to agree in a frequent one. Without it: for names alone.
    pub term_frequency: Option<bool>,
}

/// Levels that suit what a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReadyComparison {
    /// A person's name.
    Name,
    /// A date, or a text that is one.
    DateOfBirth,
    /// An e-mail address.
    Email,
    /// A postcode.
    Postcode,
    /// A street, or a whole address.
    Address,
}

/// When a pair is at a level.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The values are the same.
    Exact,
    /// The dates are the same but for day and month, which are exchanged.
    DayMonthSwapped,
    JaroWinkler(Scalar),
    Jaro(Scalar),
    Levenshtein(Spanned<u64>),
    DamerauLevenshtein(Spanned<u64>),
    /// The times lie no further apart than this.
    Within(Text),
    /// The numbers differ by no more than this.
    Difference(Scalar),
    Distance(Distance),
    /// So many first characters are the same.
    Prefix(Spanned<u64>),
    /// The texts are the same up to the first such text.
    Until(Text),
    /// The lists have so many elements in common.
    Intersect(Spanned<u64>),
    /// Each record has in this column what the other has in the comparison's.
    Swapped(Text),
    Sql(Sql),
}

/// How far apart two places may lie.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Distance {
    /// The column of the latitude, in degrees.
    pub latitude: Text,
    /// The column of the longitude, in degrees.
    pub longitude: Text,
    /// At most so many kilometres.
    pub km: Scalar,
}

/// What records agree in that are compared.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename = "$shape")]
pub enum BlockOn {
    /// SQL over the columns of a record, of which both have the same value.
    #[serde(rename = "scalar")]
    Key(Sql),
    #[serde(rename = "list")]
    Keys(Vec<Sql>),
    #[serde(rename = "map")]
    Where(BlockWhere),
}

/// A condition on two records.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlockWhere {
    /// SQL over the columns of two records, `l` and `r`, with at least one `l.… = r.…`.
    #[serde(rename = "where")]
    pub condition: Sql,
}

/// How `kinfold match train` learns.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchTraining {
    /// Pairs that agree in one of these are learned from, each a pass of its own. Without it: `block_on`.
    #[serde(default)]
    pub block_on: Vec<BlockOn>,
    /// Pairs that agree in one of these match nearly always.
    #[serde(default)]
    pub certain: Vec<BlockOn>,
    /// The share of all matching pairs that `certain` finds. Without it: 0.7.
    pub recall: Option<Scalar>,
    /// How many pairs are drawn at random. Without it: a million.
    pub random_pairs: Option<Spanned<u64>>,
    /// How many pairs each pass learns from at most: of more, about so many are drawn. Without it: 500,000.
    pub pass_pairs: Option<Spanned<u64>>,
}

/// What was learned for an entity's `match`; `kinfold match train` writes it.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchModel {
    /// The entity.
    pub entity: Text,
    /// How likely it is that two random records match.
    pub probability: Scalar,
    /// Each comparison's levels, in their order.
    pub comparisons: Vec<ModelComparison>,
}

/// What was learned of a comparison.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelComparison {
    /// The comparison.
    pub name: Text,
    /// What it compares, if it is not called so.
    #[serde(default)]
    pub column: Option<Text>,
    /// In their order; `else` is the last.
    pub levels: Vec<ModelLevel>,
}

/// What was learned of a level.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelLevel {
    /// The level, as its comparison has it.
    pub level: Text,
    /// The share of pairs at this level among those that match.
    pub m: Scalar,
    /// The share of pairs at this level among those that do not match.
    pub u: Scalar,
}

impl JsonSchema for Level {
    fn schema_name() -> Cow<'static, str> {
        "Level".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let distance = generator.subschema_for::<Distance>();
        let count = u64::json_schema(generator);
        let sql = Sql::json_schema(generator);
        let number = || json_schema!({"type": "number"});
        let text = || json_schema!({"type": "string"});
        let case = |name: &str, description: &str, value: &Schema| {
            json_schema!({
                "description": description, "type": "object", "properties": {name: value}, "required": [name],
                "additionalProperties": false,
            })
        };
        json_schema!({
            "description": "When a pair is at a level.",
            "oneOf": [
                {
                    "description": "The same value; the same date but for day and month, which are exchanged.",
                    "type": "string",
                    "enum": ["exact", "day_month_swapped"],
                },
                case("jaro_winkler", "A Jaro-Winkler similarity of at least so much, from 0 to 1.", &number()),
                case("jaro", "A Jaro similarity of at least so much, from 0 to 1.", &number()),
                case("levenshtein", "At most so many changes of a character.", &count),
                case("damerau_levenshtein", "At most so many changes, or exchanges of neighbours.", &count),
                case("within", "Times no further apart than this, such as `31d`.", &text()),
                case("difference", "Numbers that differ by no more than this.", &number()),
                case("distance", "Places that lie near each other.", &distance),
                case("prefix", "So many first characters are the same.", &count),
                case("until", "The same up to the first such text.", &text()),
                case("intersect", "Lists with so many elements in common.", &count),
                case("swapped", "Each record has in this column what the other has in the comparison's.", &text()),
                case("sql", "SQL over the columns of two records, `l` and `r`.", &sql),
            ],
        })
    }
}

impl JsonSchema for BlockOn {
    fn schema_name() -> Cow<'static, str> {
        "BlockOn".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let sql = Sql::json_schema(generator);
        let condition = generator.subschema_for::<BlockWhere>();
        json_schema!({"anyOf": [sql, {"type": "array", "items": sql}, condition]})
    }
}

//! Sources and models.

use schemars::JsonSchema;
use serde::Deserialize;

use super::shape::OneOrMany;
use super::types::{Scalar, Spanned, Sql, Text};

/// Tables that exist already. They are read, never written.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// SQL finds the tables as `<name>.<table>`.
    pub name: Text,
    /// What the source is, for people.
    pub description: Option<Text>,
    /// Where its tables lie: a path, relative to the project's folder, or an `s3://`, `gs://` or `az://` URL. `${VAR}` and
    /// `${VAR:-default}` are replaced by environment variables.
    pub location: Text,
    /// The tables.
    pub tables: Vec<Table>,
}

/// One table of a source.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// SQL finds it as `<source>.<name>`.
    pub name: Text,
    /// What a row is, for people.
    pub description: Option<Text>,
    /// A file, a glob or a folder, perhaps Hive-partitioned, under the source's location. Without it: the table's name.
    pub path: Option<Text>,
    /// How its files are written. Without it: parquet.
    #[serde(default)]
    pub format: Format,
    /// How a CSV file is laid out.
    pub csv: Option<Csv>,
    /// The column, or columns, that tell its rows apart.
    #[serde(default)]
    pub unique_key: OneOrMany,
    /// The column that says when a row came about.
    pub time: Option<Text>,
    /// How old the newest row may be.
    pub freshness: Option<Freshness>,
    /// What is to be said of single columns. Columns that are not listed are there all the same.
    #[serde(default)]
    pub columns: Vec<Column>,
}

/// How files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    #[default]
    Parquet,
    Csv,
    Ndjson,
    Delta,
}

/// How a CSV file is laid out.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Csv {
    /// The character between values. Without it: a comma.
    pub delimiter: Option<Text>,
    /// Whether the first line names the columns. Without it: true.
    pub header: Option<bool>,
    /// The character around values. Without it: a double quote.
    pub quote: Option<Text>,
}

/// How old the newest row may be, counted from the run's instant.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Freshness {
    /// Older than this is a warning.
    pub warn_after: Option<Text>,
    /// Older than this stops the run.
    pub error_after: Option<Text>,
}

/// What is said of one column.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// The column, as the data spells it.
    pub name: Text,
    /// What it holds, for people.
    pub description: Option<Text>,
    /// Values are cast to this type on reading: text, integer, float, decimal(p, s), boolean, date or timestamp.
    #[serde(rename = "type")]
    pub ty: Option<Text>,
    /// The kind of personal data in it, such as email.
    pub pii: Option<Text>,
    /// What must hold for every value.
    #[serde(default)]
    pub tests: Vec<ColumnTest>,
}

/// Something that must hold for every value of a column.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnTest {
    /// No value is missing.
    NotNull,
    /// No value occurs twice.
    Unique,
    /// No value is smaller.
    AtLeast(Scalar),
    /// No value is larger.
    AtMost(Scalar),
    /// Every value is one of these.
    OneOf(Spanned<Vec<Scalar>>),
}

/// A named query over sources and models.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// SQL finds it under this name.
    pub name: Text,
    /// What a row is, for people.
    pub description: Option<Text>,
    /// One `select`. Tables are called `<source>.<table>` or by a model's name.
    pub sql: Sql,
    /// The column, or columns, that tell its rows apart.
    #[serde(default)]
    pub unique_key: OneOrMany,
    /// The column that says when a row came about.
    pub time: Option<Text>,
}

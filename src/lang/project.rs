//! The project after checking: names resolved, SQL parsed and typed, defaults filled in, order fixed.
//!
//! The planner reads nothing else. Every SQL expression in here names columns exactly, quoted as its engine-neutral
//! form needs, and every table by its full name, so that no name is resolved twice.

use std::collections::BTreeSet;

use kinfold_base::{SecretRef, Setting, SignedDuration, Span, SqlType, SyncMode, TableSchema, Timestamp};
use kinfold_sql::Origin;
use sqlparser::ast;

mod matching;

pub use crate::entity_table::EntityTable;
pub use crate::schedule::Schedule;
pub use matching::{
    BlockOn, Blocking, Comparison, Level, LevelTest, Linkage, Match, MatchLabels, MatchModel, MatchPairs, MatchTable,
    MatchTraining,
};

/// A checked project.
#[derive(Debug, Clone)]
pub struct Project {
    pub name: String,
    pub lake: Lake,
    pub storage: Vec<StorageRule>,
    pub sources: Vec<SourceTable>,
    /// Each after the models that it reads.
    pub models: Vec<Model>,
    pub entities: Vec<Entity>,
    /// Each after the segments that it refers to.
    pub segments: Vec<Segment>,
    pub destinations: Vec<Destination>,
    pub syncs: Vec<Sync>,
}

/// Where Kinfold writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lake {
    /// A path, made absolute, or an `s3://`, `gs://` or `az://` URL; without a slash at its end.
    pub location: String,
    /// For how long old versions of tables stay readable.
    pub keep: SignedDuration,
}

/// How to reach the object stores whose URLs begin with a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageRule {
    pub prefix: String,
    pub region: Option<String>,
    pub endpoint: Option<String>,
    pub access_key_id: Option<SecretRef>,
    pub secret_access_key: Option<SecretRef>,
    pub session_token: Option<SecretRef>,
    /// A service account's JSON (Google) or an account key (Azure).
    pub credential: Option<SecretRef>,
    pub account: Option<String>,
    /// Plain HTTP, for an endpoint that has no TLS.
    pub allow_http: bool,
    pub span: Span,
}

/// A table's full name: `shop.orders` for a source's table, `paid_orders` for a model.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName {
    pub schema: Option<String>,
    pub name: String,
}

impl TableName {
    pub fn bare(name: impl Into<String>) -> Self {
        Self { schema: None, name: name.into() }
    }

    pub fn qualified(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self { schema: Some(schema.into()), name: name.into() }
    }
}

impl std::fmt::Display for TableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A table that exists already; read, never written.
#[derive(Debug, Clone)]
pub struct SourceTable {
    pub name: TableName,
    /// An absolute path or URL, which may hold `*`, `?` and `**`.
    pub url: String,
    pub format: Format,
    pub unique_key: Vec<String>,
    /// The column that says when a row came about.
    pub time: Option<String>,
    pub freshness: Option<Freshness>,
    pub columns: Vec<ColumnRule>,
    /// As the engine found it, declared types applied.
    pub schema: TableSchema,
    pub span: Span,
}

/// How a source's files are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    Parquet,
    Csv { delimiter: u8, header: bool, quote: u8 },
    Ndjson,
    Delta,
}

/// How old the newest row may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    pub warn_after: Option<SignedDuration>,
    pub error_after: Option<SignedDuration>,
}

/// What is said of one column of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnRule {
    pub name: String,
    /// The kind of personal data in it, such as `email`.
    pub pii: Option<String>,
    /// A declared type, to which values are cast on reading.
    pub ty: Option<SqlType>,
    pub tests: Vec<ColumnTest>,
    pub span: Span,
}

/// Something that must hold for every value of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnTest {
    NotNull,
    Unique,
    /// As SQL spells the number.
    AtLeast(String),
    AtMost(String),
    OneOf(Vec<Literal>),
}

/// A named query.
#[derive(Debug, Clone)]
pub struct Model {
    pub name: String,
    /// Tables named in full, columns quoted.
    pub query: ast::Query,
    pub schema: TableSchema,
    /// For each column, all columns of tables whose values flow into it; those that only choose rows are not among them.
    pub inputs: Vec<BTreeSet<Origin>>,
    /// The tables it reads directly.
    pub reads: Vec<TableName>,
    pub unique_key: Vec<String>,
    pub time: Option<String>,
    pub span: Span,
}

/// What profiles are about.
#[derive(Debug, Clone)]
pub struct Entity {
    pub name: String,
    /// Strongest first.
    pub identifiers: Vec<Identifier>,
    pub links: Vec<Link>,
    /// What people say of single values.
    pub pins: Vec<Pin>,
    pub max_cluster: MaxCluster,
    pub matching: Option<Match>,
    /// Each after the traits that it refers to.
    pub traits: Vec<Trait>,
    pub span: Span,
}

/// A kind of value that can point to a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier {
    pub name: String,
    pub ty: IdentifierType,
    pub limit: Option<Limit>,
    /// A value that is seen with more values of another identifier than this links nothing, and belongs to no profile.
    pub shared_above: Option<u32>,
    pub block: Vec<Block>,
    pub span: Span,
}

/// How many values of an identifier one profile may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// At least 1.
    pub count: u32,
    /// Only values first seen within a span of this length count together.
    pub within: Option<SignedDuration>,
}

/// What to do about a profile with very many identifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MaxCluster {
    /// A run that makes a profile with more identifiers than this says so.
    pub warn_above: Option<u32>,
    /// A run that makes a profile with more identifiers than this fails.
    pub error_above: Option<u32>,
}

/// Two values of which somebody knows whether they are one profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    pub kind: PinKind,
    /// An index into [`Entity::identifiers`], and a value as it is written.
    pub values: [(usize, String); 2],
    pub reason: String,
    pub span: Span,
}

/// What is known of a [`Pin`]'s values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinKind {
    /// They are one profile.
    Always,
    /// They are not.
    Never,
}

/// How values of an identifier are brought into one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentifierType {
    /// Spaces at both ends are dropped, nothing else.
    Exact,
    Lower,
    Digits,
    Uuid,
    Email,
    /// E.164; numbers without a country code are read as of this region (ISO 3166-1 alpha-2).
    Phone {
        region: Option<String>,
    },
}

/// A value that never links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// Compared after normalising.
    Value(String),
    /// A regular expression, over the value as it stands in the source.
    Matches(String),
}

/// How the rows of a table point to profiles.
#[derive(Debug, Clone)]
pub struct Link {
    pub table: TableName,
    /// The index of an identifier in [`Entity::identifiers`], ascending, and its value as SQL over the table's columns.
    pub ids: Vec<(usize, ast::Expr)>,
    /// When a row came about, as SQL over the table's columns.
    pub at: Option<ast::Expr>,
    pub span: Span,
}

/// A column of a profile.
#[derive(Debug, Clone)]
pub struct Trait {
    pub name: String,
    pub ty: SqlType,
    /// Takes the place of a missing value.
    pub default: Option<Literal>,
    pub body: TraitBody,
    pub span: Span,
}

/// Where a trait's value comes from.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "traits are few")]
pub enum TraitBody {
    Aggregate {
        rows: RowSet,
        value: AggregateValue,
    },
    Pick {
        from: Vec<PickSource>,
        keep: Keep,
    },
    /// SQL over other traits of the entity.
    Expression(ast::Expr),
}

/// Rows of a table that belong to a profile.
#[derive(Debug, Clone)]
pub struct RowSet {
    pub table: TableName,
    /// As in [`Link::ids`]; a row belongs to the profile of its strongest identifier that is known.
    pub ids: Vec<(usize, ast::Expr)>,
    /// Whether the ids were written for these rows alone, so that identity has not seen them: a weaker one may be known where the
    /// strongest is not.
    pub own_ids: bool,
    /// Present wherever `window` is not [`Window::Always`], and for `first` and `last`.
    pub time: Option<ast::Expr>,
    /// Over the table's columns; rows for which it is not true are left out.
    pub filter: Option<ast::Expr>,
    pub window: Window,
}

/// Which stretch of time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    Always,
    /// The time up to `as_of`: `as_of - duration < time <= as_of`.
    Within(SignedDuration),
    /// `from <= time < to`.
    Between {
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    },
}

/// What is computed over a profile's rows.
#[derive(Debug, Clone)]
pub enum AggregateValue {
    /// SQL over the table's columns in which every column stands inside one of the calls `sum`, `count`,
    /// `count(distinct …)`, `min`, `max`, `avg`, `median`, `percentile(x, p)`, `first(x)` or `last(x)`; and the types of these
    /// calls' first arguments.
    Plain { expr: ast::Expr, arguments: Vec<(ast::Expr, SqlType)> },
    /// `most_frequent(x)`: among equally frequent values the smallest.
    MostFrequent(ast::Expr),
    /// `top(x, n)`: the list of the `n` most frequent values, most frequent first, then by value.
    Top { value: ast::Expr, count: u32 },
}

/// One column that a `pick` may take its value from.
#[derive(Debug, Clone)]
pub struct PickSource {
    pub table: TableName,
    pub ids: Vec<(usize, ast::Expr)>,
    /// As in [`RowSet::own_ids`].
    pub own_ids: bool,
    pub value: ast::Expr,
    /// Present unless [`Keep`] needs no time.
    pub at: Option<ast::Expr>,
}

/// Which of several values a `pick` keeps. Nulls never count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    MostRecent,
    Oldest,
    MostFrequent,
    /// The first source in the order of writing that has a value; within it the most recent one.
    SourceOrder,
}

/// A constant, as the author wrote it, in the type that it is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    Boolean(bool),
    Integer(i64),
    /// Its digits, without an exponent, so that money stays decimal.
    Decimal(String),
    Text(String),
    /// `2026-01-31`
    Date(String),
    Timestamp(Timestamp),
}

/// A named set of profiles.
#[derive(Debug, Clone)]
pub struct Segment {
    pub name: String,
    pub entity: String,
    pub description: Option<String>,
    pub condition: Condition,
    /// Segments whose members are left out.
    pub except: Vec<String>,
    pub top: Option<Top>,
    pub span: Span,
}

/// Only so many members, the best by a trait. Ties fall to the smaller `profile_id`.
#[derive(Debug, Clone)]
pub struct Top {
    /// SQL over traits; profiles for which it is null are not members.
    pub by: ast::Expr,
    pub ty: SqlType,
    pub descending: bool,
    pub count: TopCount,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopCount {
    Rows(u64),
    /// Hundredths of the segment, rounded up to a whole member; digits as written.
    Percent(String),
}

/// True or false for every profile, never unknown: over a missing value it is false, and its negation true.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "conditions are few")]
pub enum Condition {
    Trait {
        name: String,
        test: Test,
    },
    /// The number of a profile's rows lies within these bounds, both inclusive.
    Did {
        rows: RowSet,
        at_least: u64,
        at_most: Option<u64>,
    },
    Segment(String),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    /// SQL over traits.
    Sql(ast::Expr),
}

/// What a trait is held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    Eq(Literal),
    Ne(Literal),
    Gt(Literal),
    Gte(Literal),
    Lt(Literal),
    Lte(Literal),
    /// Both ends belong to it.
    Between(Literal, Literal),
    In(Vec<Literal>),
    NotIn(Vec<Literal>),
    /// With `%` and `_`; case matters.
    Like(String),
    IsNull(bool),
    /// A text that holds the text, or a list that holds the value.
    Contains(Literal),
}

/// A connector with settings and credentials.
#[derive(Debug, Clone)]
pub struct Destination {
    pub name: String,
    pub connector: String,
    pub settings: Vec<(String, Setting)>,
    pub span: Span,
}

/// What goes to which destination.
#[derive(Debug, Clone)]
pub struct Sync {
    pub name: String,
    pub destination: String,
    /// What it is called there: a table, a path, a kind of object.
    pub object: String,
    pub rows: SyncRows,
    pub mode: SyncMode,
    /// Destination field and SQL; the destination knows a row by these. Never empty except for `insert`.
    pub key: Vec<Field>,
    /// Without the key's.
    pub fields: Vec<Field>,
    pub on_leave: OnLeave,
    pub nulls: Nulls,
    pub guard: Guard,
    /// What personal data is sent for.
    pub purpose: Option<String>,
    pub schedule: Option<Schedule>,
    pub span: Span,
}

/// Which rows a sync delivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncRows {
    Entity(String),
    Segment { segment: String, entity: String },
    Model(String),
}

/// One field at the destination. For an entity or a segment the SQL is over the entity's traits, its identifiers (of several
/// values the most recently seen) and `profile_id`; for a model over its columns.
#[derive(Debug, Clone)]
pub struct Field {
    pub name: String,
    pub expr: ast::Expr,
    pub ty: SqlType,
    pub span: Span,
}

/// What happens at the destination to a row that is no longer wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLeave {
    Nothing,
    /// Every field but the key is set to null.
    Clear,
    Delete,
}

/// What a missing value does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// Overwrites what is there.
    Send,
    /// Leaves alone what is there.
    Skip,
}

/// Bounds that stop a sync before it sends anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Guard {
    /// Hundredths of the acknowledged rows that may leave in one run, times a hundred: 2000 is 20 %.
    pub max_leave_basis_points: Option<u32>,
    pub min_rows: Option<u64>,
}

//! What a plan is made of.

use kinfold_base::TableSchema;
use kinfold_lang::project::{IdentifierType, Limit, Linkage, MaxCluster, PinKind};
use sqlparser::ast;

/// Everything that one run builds, in an order in which it can be built.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Each after the steps whose tables it reads.
    pub steps: Vec<Step>,
    /// Tables of the last run that steps read under the schema `previous`: where there was no last run, or a column is
    /// new since, the engine shows empty tables and nulls of exactly this shape.
    pub previous: Vec<(String, TableSchema)>,
}

/// One table, or for identity one group of tables, made from queries.
#[derive(Debug, Clone)]
pub struct Step {
    /// Unique in the plan; what progress and `--select` show.
    pub name: String,
    pub kind: StepKind,
    /// Indices into [`Plan::steps`] of the steps whose tables it reads; each is smaller than its own.
    pub after: Vec<usize>,
    /// Models and sources that it reads, by full name, for diagnostics.
    pub reads: Vec<String>,
    pub work: Work,
    /// It carries something on from run to run, so that it is never left out where what it reads is built.
    pub carries_on: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    Model,
    Test,
    Identity,
    Matching,
    Traits,
    Segments,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Work {
    /// A view: named SQL that later steps read; nothing runs.
    View { name: String, query: ast::Query },
    /// One query makes one table.
    Table { output: Output, query: ast::Query },
    /// Queries give rows of identifiers, the clustering kernel makes profiles of them.
    Resolve(Box<Resolve>),
    /// A query that must give no rows; each row it gives breaks a promise about a source.
    Expect { query: ast::Query, message: String, fail: bool },
    /// A query that tells, before pairs are compared, how many there are: `rule`, `pairs`, `worst`, `worst_pairs`. More than `most`
    /// in all are too many; none at all, a mistake. `common` tells what records agree in that is left out: `rule`, `blocks`, and `records`,
    /// how many the largest has.
    Bound { query: ast::Query, most: u64, common: Option<Box<ast::Query>> },
}

/// A table in the schema `kinfold`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    pub name: String,
    pub keep: KeepTable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepTable {
    /// Written for readers, replaced as a whole when the run commits.
    Replace,
    /// Written for readers, rows are added when the run commits.
    Append,
    /// Read by later steps of the same run, then gone.
    Scratch,
}

/// Input of the clustering kernel, and the tables that it makes.
#[derive(Debug, Clone)]
pub struct Resolve {
    pub entity: String,
    pub tables: ResolveTables,
    /// Strongest first.
    pub identifiers: Vec<ResolveIdentifier>,
    pub rows: Vec<ResolveRows>,
    /// What people say of single values.
    pub pins: Vec<ResolvePin>,
    /// Their values normalised: `pin`, an index into `pins`; `side`, 0 or 1; `value`, null where nothing is left of it.
    pub pinned_values: Option<ast::Query>,
    /// Pairs of values that are linked though no row has both.
    pub matches: Option<ResolveMatches>,
    /// What the last run made of it: `identifier`, `value`, `profile_id`, from the schema `previous`.
    pub previous: ast::Query,
    pub max_cluster: MaxCluster,
}

/// Pairs of values that are linked by likelihood, the likelier ones first in what limits allow.
#[derive(Debug, Clone)]
pub struct ResolveMatches {
    /// Identifier and value of one, then of the other, then `weight`, a number in bits.
    pub query: ast::Query,
    /// Those of which the last run had more or fewer: the same columns, and how many times more each is now, which is not 0. From the schema
    /// `previous`.
    pub changes: ast::Query,
    /// The tables that this goes by of the last run.
    pub told_in: [String; 2],
    /// What pairs must weigh that are linked. The query may give lighter ones, which tell how near others are.
    pub accept: f64,
    pub linkage: Linkage,
    /// The tables of which a profile has no more than one record by matches: indices into [`Resolve::rows`], and
    /// into [`Resolve::identifiers`] of what stands for a record.
    pub one_of_each: Vec<(usize, usize)>,
}

/// The tables that the clustering kernel makes.
#[derive(Debug, Clone)]
pub struct ResolveTables {
    /// Every value of every profile.
    pub identifiers: ResolveTable,
    /// What became of profiles, run after run.
    pub history: ResolveTable,
    /// Edges that were refused.
    pub conflicts: ResolveTable,
    /// Values that link nothing, because many share them.
    pub shared: ResolveTable,
    /// Counts of each run.
    pub health: ResolveTable,
    /// The ids of all profiles.
    pub profiles: ResolveTable,
}

impl ResolveTables {
    pub(crate) fn all_mut(&mut self) -> [&mut ResolveTable; 6] {
        let Self { identifiers, history, conflicts, shared, health, profiles } = self;
        [identifiers, history, conflicts, shared, health, profiles]
    }
}

/// A table, and its columns in order.
#[derive(Debug, Clone)]
pub struct ResolveTable {
    pub output: Output,
    pub columns: TableSchema,
}

/// Two values of which somebody knows whether they are of one profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvePin {
    pub kind: PinKind,
    /// Indices into [`Resolve::identifiers`].
    pub identifiers: [usize; 2],
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveIdentifier {
    pub name: String,
    pub ty: IdentifierType,
    pub limit: Option<Limit>,
    /// A value of it that is seen with more values of another identifier than this links nothing.
    pub shared_above: Option<u32>,
}

/// Combinations of identifiers that occur in one table, some of them more than once. The query's columns, in order: one text column,
/// normalised, blocked values null, for each entry of `identifiers`; then `first_seen_at`, `last_seen_at` (timestamps, null if
/// unknown); how many rows of the table that is; and again for each entry, whether these have a value of which the identifier's type leaves
/// nothing (null: no).
#[derive(Debug, Clone)]
pub struct ResolveRows {
    /// The table's full name, as it appears in `sources`.
    pub source: String,
    /// Indices into [`Resolve::identifiers`], ascending.
    pub identifiers: Vec<usize>,
    pub query: ast::Query,
    /// Whether what comes of them is worth keeping for the next run: not where the run reads the table for other ends anyway.
    pub keep: bool,
}

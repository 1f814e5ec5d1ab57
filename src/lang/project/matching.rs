//! Matching by likelihood, after checking.

use kinfold_base::{Column, SignedDuration, Span};
use sqlparser::ast;

use super::TableName;

/// Which records may be one profile though they share no identifier.
#[derive(Debug, Clone)]
pub struct Match {
    pub tables: Vec<MatchTable>,
    /// What a record holds: in every table by the same name and of the same type.
    pub columns: Vec<Column>,
    pub comparisons: Vec<Comparison>,
    /// Records are compared that agree in one of these.
    pub block_on: Vec<Blocking>,
    pub pairs: MatchPairs,
    /// Probabilities, above 0 and below 1. A pair that is less likely than `accept` and at least as likely as `review` is for people
    /// to look at; `review` is at most `accept`.
    pub accept: f64,
    pub review: f64,
    pub max_pairs: u64,
    /// What more records than this agree in is no reason to compare them.
    pub max_block: u64,
    pub linkage: Linkage,
    /// A record is linked to no more than one of each other table.
    pub one_to_one: bool,
    pub labels: Option<MatchLabels>,
    pub training: MatchTraining,
    /// None before it is learned: nothing is matched.
    pub model: Option<MatchModel>,
    pub span: Span,
}

/// When pairs make one profile of more than two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Linkage {
    #[default]
    Any,
    Average,
    Complete,
}

/// Pairs of which somebody knows whether they are one.
#[derive(Debug, Clone)]
pub struct MatchLabels {
    pub table: TableName,
    /// The identifiers that stand for the two records, and SQL over the table's columns.
    pub pair: [(usize, ast::Expr); 2],
    /// None where all are one.
    pub is_match: Option<ast::Expr>,
    /// Whatever is not among them does not match.
    pub complete: bool,
}

/// A table whose rows are compared with others.
#[derive(Debug, Clone)]
pub struct MatchTable {
    pub table: TableName,
    /// The identifier that stands for a row: an index into [`Entity::identifiers`](super::Entity::identifiers), and SQL.
    pub id: (usize, ast::Expr),
    /// For each of [`Match::columns`] SQL over the table's columns; none where the table has nothing of it.
    pub columns: Vec<Option<ast::Expr>>,
    /// No two rows have the same id.
    pub is_unique: bool,
    pub span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchPairs {
    All,
    Across,
    Within,
}

/// One comparison of two records.
#[derive(Debug, Clone)]
pub struct Comparison {
    pub name: String,
    /// An index into [`Match::columns`]; none where each level names its own.
    pub column: Option<usize>,
    /// The most alike first; whatever is at none of them is at one more, `else`.
    pub levels: Vec<Level>,
    /// At [`LevelTest::Exact`], a rare value says more than a frequent one.
    pub term_frequency: bool,
    pub span: Span,
}

/// When a pair is at a level.
#[derive(Debug, Clone)]
pub struct Level {
    /// As people and model files name it, such as `jaro_winkler 0.92`.
    pub label: String,
    pub test: LevelTest,
}

/// What is held against each other are the values of [`Comparison::column`]. Numbers are as SQL spells them.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "levels are few")]
pub enum LevelTest {
    Exact,
    DayMonthSwapped,
    JaroWinkler(String),
    Jaro(String),
    Levenshtein(u32),
    DamerauLevenshtein(u32),
    Within(SignedDuration),
    Difference(String),
    /// Two of [`Match::columns`], in degrees.
    Distance {
        latitude: usize,
        longitude: usize,
        km: String,
    },
    Prefix(u32),
    Until(String),
    Intersect(u32),
    /// Another of [`Match::columns`].
    Swapped(usize),
    /// Over the columns of two records, named `l` and `r`.
    Sql(ast::Expr),
}

/// What two records agree in.
#[derive(Debug, Clone)]
pub struct Blocking {
    /// For people.
    pub label: String,
    pub on: BlockOn,
    /// Those of [`Match::columns`] that it reads, ascending.
    pub columns: Vec<usize>,
}

#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "rules are few")]
pub enum BlockOn {
    /// SQL over the columns of a record, of which both have the same values.
    Keys(Vec<ast::Expr>),
    /// Over the columns of two records, named `l` and `r`.
    Where(ast::Expr),
}

/// How a model is learned.
#[derive(Debug, Clone)]
pub struct MatchTraining {
    /// Each a pass of its own.
    pub block_on: Vec<Blocking>,
    /// Pairs that agree in one of these match nearly always; they are `recall` of all that do.
    pub certain: Vec<Blocking>,
    pub recall: f64,
    /// How many pairs are drawn.
    pub random_pairs: u64,
    /// How many pairs a pass learns from at most, more or less.
    pub pass_pairs: u64,
}

/// What was learned.
#[derive(Debug, Clone, PartialEq)]
pub struct MatchModel {
    /// How likely it is that two random records match.
    pub prior: f64,
    /// For each of [`Match::comparisons`] the shares `m` and `u` of each level, `else` included.
    pub levels: Vec<Vec<(f64, f64)>>,
}

impl Comparison {
    /// The column that it compares, if it is not called so.
    #[must_use]
    pub fn other_column<'m>(&self, matching: &'m Match) -> Option<&'m str> {
        let column = self.column.map(|index| matching.columns[index].name.as_str());
        column.filter(|column| *column != self.name)
    }

    /// What levels are called, `else` included.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.levels.iter().map(|level| level.label.as_str()).chain(["else"])
    }

    /// Those of [`Match::columns`] that it reads, ascending.
    #[must_use]
    pub fn columns(&self, matching: &Match) -> Vec<usize> {
        let of_level = |level: &Level| match &level.test {
            LevelTest::Distance { latitude, longitude, .. } => vec![*latitude, *longitude],
            LevelTest::Swapped(other) => vec![*other],
            LevelTest::Sql(sql) => matching.columns_in(sql),
            _ => vec![],
        };
        let mut columns: Vec<usize> = self.column.into_iter().chain(self.levels.iter().flat_map(of_level)).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}

impl Match {
    /// Those of the columns that an expression reads, ascending.
    #[must_use]
    pub fn columns_in(&self, expr: &ast::Expr) -> Vec<usize> {
        let mut found = std::collections::BTreeSet::new();
        let _ = kinfold_sql::each_expr(expr, |part| {
            let name = match part {
                ast::Expr::Identifier(ident) => Some(ident),
                ast::Expr::CompoundIdentifier(parts) => parts.get(1),
                _ => None,
            };
            let index = name.and_then(|name| self.columns.iter().position(|column| column.name == name.value));
            found.extend(index);
            std::ops::ControlFlow::Continue(())
        });
        found.into_iter().collect()
    }
}

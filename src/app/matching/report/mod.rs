//! `kinfold match report`: what was learned and what came of it, as data for a page with charts.

mod collect;

use kinfold_base::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::compared::ComparedLevel;
use super::labels::LabelledValue;
use super::train::TrainedComparison;

pub use collect::match_report;

/// A page's data. Weights are in bits.
#[derive(Debug, Clone, Serialize)]
pub struct MatchReport {
    pub entity: String,
    pub made_at: Timestamp,
    pub version: &'static str,
    /// How likely it is that two random records match.
    pub probability: f64,
    pub accept: f64,
    pub review: f64,
    /// `any`, `average` or `complete`.
    pub linkage: &'static str,
    pub one_to_one: bool,
    pub tables: Vec<ReportTable>,
    pub columns: Vec<ReportColumn>,
    pub comparisons: Vec<TrainedComparison>,
    pub rules: Vec<ReportRule>,
    /// How wide the classes of `weights` are.
    pub bucket: f64,
    pub weights: Vec<ReportWeight>,
    /// How many pairs were compared, how many of them are as likely as `accept`, so that they are linked where nothing refuses them, and
    /// how many others as likely as `review`.
    pub compared: u64,
    pub linked: u64,
    pub to_review: u64,
    pub labels: Option<ReportLabels>,
    /// Matched pairs of the last run that were not linked.
    pub refused: Vec<ReportRefused>,
    /// Profiles of the last run that matches hold together.
    pub sizes: Vec<ReportSize>,
    pub pairs: Vec<ReportPair>,
    pub profiles: Vec<ReportProfile>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReportTable {
    pub table: String,
    pub records: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReportColumn {
    pub column: String,
    /// How many records of each table have a value.
    pub filled: Vec<u64>,
    /// How many values there are.
    pub distinct: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReportRule {
    pub rule: String,
    /// How many pairs agree in it; those that no rule before it finds, and of these those that are as likely as `accept`.
    pub pairs: u64,
    pub new: u64,
    pub linked: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReportWeight {
    /// The lightest of the class.
    pub weight: f64,
    pub pairs: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReportLabels {
    pub matches: u64,
    pub others: u64,
    pub complete: bool,
    /// Pairs that match and that no rule compares.
    pub missed: u64,
    pub curve: Vec<ReportPoint>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReportPoint {
    pub weight: f64,
    pub true_positives: u64,
    pub false_positives: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReportRefused {
    pub rule: String,
    pub edges: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReportSize {
    pub records: u64,
    pub profiles: u64,
}

/// Two records side by side, and what makes them likely to match.
#[derive(Debug, Clone, Serialize)]
pub struct ReportPair {
    pub weight: f64,
    pub probability: f64,
    /// They are of one profile by the last run.
    pub linked: bool,
    /// What somebody knows of them.
    pub label: Option<bool>,
    pub a: LabelledValue,
    pub b: LabelledValue,
    pub columns: Vec<ReportValues>,
    pub prior: f64,
    pub parts: Vec<ComparedLevel>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReportValues {
    pub column: String,
    pub a: Value,
    pub b: Value,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReportProfile {
    pub profile_id: String,
    /// Its values of all identifiers, and those that were refused.
    pub values: Vec<LabelledValue>,
    pub edges: Vec<ReportEdge>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReportEdge {
    /// Indices into [`ReportProfile::values`].
    pub a: usize,
    pub b: usize,
    pub kind: ReportEdgeKind,
    pub weight: Option<f64>,
    pub probability: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportEdgeKind {
    /// Rows or a pin say so.
    Rows,
    Match,
    Refused,
}

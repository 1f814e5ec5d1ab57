//! Labels that contradict themselves.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use kinfold_engine::Engine;
use kinfold_plan::matching::Labels;
use petgraph::unionfind::UnionFind;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::AppError;
use crate::rows::each_row;

/// As many contradictions are told.
const EXAMPLES: usize = 5;

/// How many labels there are.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LabelCounts {
    /// Pairs that match, and pairs that do not.
    pub matches: u64,
    pub others: u64,
    /// Pairs that are said not to match, though labels that match connect them.
    pub contradictions: u64,
    /// Some of these.
    pub contradicted: Vec<[LabelledValue; 2]>,
}

/// What stands for a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabelledValue {
    pub identifier: String,
    pub value: String,
}

impl LabelCounts {
    /// What is in doubt of the labels, for people.
    pub(super) fn problem(&self) -> Option<String> {
        let [a, b] = self.contradicted.first()?;
        Some(format!(
            "labels contradict themselves: {} pairs are said not to match, though they or others that match connect them, such as {} {} and {} {}",
            self.contradictions, a.identifier, a.value, b.identifier, b.value,
        ))
    }
}

/// Counts labels, and looks for contradictions. It holds 24 bytes for each labelled record, and 8 for each pair that does not
/// match; records are told apart by 64 bits of a hash.
///
/// # Errors
/// When the table of labels cannot be read.
pub(super) async fn count(engine: &dyn Engine, labels: &Labels) -> Result<LabelCounts, AppError> {
    let mut counts = LabelCounts::default();
    let mut numbers: HashMap<u64, u32> = HashMap::new();
    let mut sets = UnionFind::<u32>::new_empty();
    let mut apart: Vec<[u32; 2]> = vec![];
    each_row(engine, &labels.all, |row| {
        let ends = sides(&row).map(|side| *numbers.entry(hash(&side)).or_insert_with(|| sets.new_set()));
        if row.get("_is_match").and_then(Value::as_bool) == Some(true) {
            counts.matches += 1;
            sets.union(ends[0], ends[1]);
        } else {
            counts.others += 1;
            apart.push(ends);
        }
    })
    .await?;
    counts.contradictions = apart.iter().filter(|[a, b]| sets.equiv(*a, *b)).count() as u64;
    if counts.contradictions > 0 {
        each_row(engine, &labels.all, |row| {
            let ends = sides(&row);
            let [a, b] = ends.each_ref().map(|side| numbers[&hash(side)]);
            let says_apart = row.get("_is_match").and_then(Value::as_bool) == Some(false);
            if says_apart && counts.contradicted.len() < EXAMPLES && sets.equiv(a, b) {
                counts.contradicted.push(ends);
            }
        })
        .await?;
    }
    Ok(counts)
}

fn sides(row: &Map<String, Value>) -> [LabelledValue; 2] {
    let text = |name: String| row.get(&name).and_then(Value::as_str).unwrap_or_default().to_owned();
    ["a", "b"].map(|side| LabelledValue {
        identifier: text(format!("_identifier_{side}")),
        value: text(format!("_value_{side}")),
    })
}

fn hash(side: &LabelledValue) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&side.identifier, &side.value).hash(&mut hasher);
    hasher.finish()
}

//! What each comparison says of a pair.

use kinfold_lang::project::Match;
use serde::Serialize;
use serde_json::Value;

/// What a comparison says of a pair.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparedLevel {
    pub name: String,
    /// None if a value is missing, so that it says nothing.
    pub level: Option<String>,
    /// In bits.
    pub weight: f64,
}

/// From the lists that tables of pairs hold: at which level each comparison is, counted from 0, and what it adds.
pub(crate) fn compared(matching: &Match, levels: Option<&Value>, weights: Option<&Value>) -> Vec<ComparedLevel> {
    fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
        value.and_then(Value::as_array).into_iter().flatten()
    }
    let told = matching.comparisons.iter().zip(list(levels).zip(list(weights)));
    let told = told.map(|(comparison, (level, weight))| ComparedLevel {
        name: comparison.name.clone(),
        level: level
            .as_u64()
            .and_then(|level| comparison.labels().nth(usize::try_from(level).ok()?))
            .map(str::to_owned),
        weight: weight.as_f64().unwrap_or_default(),
    });
    told.collect()
}

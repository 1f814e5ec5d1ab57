//! `kinfold identity report`

use std::collections::BTreeMap;

use kinfold_plan::{health, render};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::rows::{QueryResult, each_row, first_rows, number, text, text_opt};
use crate::show::find_entity;
use crate::{AppError, Ready};

/// How many shared values are told by name.
const SHARED_VALUES: u32 = 10;

/// How an entity's identity fares, by what the last run counted and the one before it.
#[derive(Debug, Clone, Serialize)]
pub struct IdentityReport {
    pub entity: String,
    pub run_id: String,
    pub at: String,
    /// The run before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_run_id: Option<String>,
    pub profiles: Change,
    /// By the number of their identifiers, such as `1` or `6-10`, the smallest first.
    pub profiles_by_size: Vec<Change>,
    /// Values that have a profile, by identifier, the strongest first.
    pub identifiers: Vec<Change>,
    /// Pairs of values on rows, by source and identifiers.
    pub edges: Vec<Change>,
    /// Pairs of values that are linked by likelihood, refused ones included. None if neither run had any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matches: Option<Change>,
    /// By kind, `always` and `never`: those whose values are both on rows.
    pub pins: Vec<Change>,
    /// Edges that were refused, by source and rule.
    pub refused: Vec<Change>,
    /// Values that link nothing because many share them, by identifier.
    pub shared: Vec<Change>,
    /// Rows with a value of which the identifier's type leaves nothing, by source and identifier.
    pub unusable: Vec<Change>,
    pub largest: Vec<LargestProfile>,
    /// `identifier`, `value`, `linked_identifier`, `degree`, of those that most share.
    pub shared_values: QueryResult,
    /// Above so many identifiers a run warns of a profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warn_above: Option<u32>,
    /// Above so many identifiers a profile makes a run fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_above: Option<u32>,
}

/// A count of the last run, and of the one before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub now: u64,
    /// None if there was no run before.
    pub before: Option<u64>,
}

/// One of the profiles with most identifiers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LargestProfile {
    pub profile_id: String,
    pub identifiers: u64,
    /// None if it was not among the largest.
    pub before: Option<u64>,
}

/// What the last runs counted.
///
/// # Errors
/// When there is no such entity, or nothing has been built yet.
pub async fn identity_report(ready: &Ready, entity: Option<&str>) -> Result<IdentityReport, AppError> {
    ready.open_tables().await?;
    let entity = find_entity(&ready.project, entity, &[])?;
    let mut counts = Counts::default();
    each_row(ready.engine.as_ref(), &health::last_counts(entity), |row| counts.take(&row)).await?;
    let Some((run_id, at)) = counts.runs.get(&1).cloned() else {
        return Err(AppError::input(format!("no run has built the profiles of {}", entity.name))
            .hint("run `kinfold run` first"));
    };
    let sql = render(&health::shared_values(entity, SHARED_VALUES), ready.engine.dialect());
    let shared_values = first_rows(ready.engine.query(&sql, &[]).await?, SHARED_VALUES as usize).await?;
    let mut sizes = counts.of("profiles_by_size");
    sizes.sort_by_key(|change| least(change.name.as_deref()));
    let mut identifiers = counts.of("identifiers");
    let rank = |change: &Change| entity.identifiers.iter().position(|i| Some(&i.name) == change.name.as_ref());
    identifiers.sort_by_key(rank);
    let mut largest: Vec<LargestProfile> = counts
        .of("largest")
        .into_iter()
        .filter(|change| change.now > 0)
        .map(|change| LargestProfile {
            profile_id: change.name.unwrap_or_default(),
            identifiers: change.now,
            before: change.before.filter(|before| *before > 0),
        })
        .collect();
    largest.sort_by(|a, b| b.identifiers.cmp(&a.identifiers).then_with(|| a.profile_id.cmp(&b.profile_id)));
    Ok(IdentityReport {
        entity: entity.name.clone(),
        run_id,
        at,
        before_run_id: counts.runs.get(&2).map(|(id, _)| id.clone()),
        profiles: counts.of("profiles").pop().unwrap_or_default(),
        profiles_by_size: sizes,
        identifiers,
        edges: counts.of("edges"),
        matches: counts.of("matches").pop(),
        pins: counts.of("pins"),
        refused: counts.of("refused"),
        shared: counts.of("shared"),
        unusable: counts.of("unusable"),
        largest,
        shared_values,
        warn_above: entity.max_cluster.warn_above,
        error_above: entity.max_cluster.error_above,
    })
}

/// The smallest number of a class such as `6-10` or `1001+`.
fn least(class: Option<&str>) -> u64 {
    let digits = class.unwrap_or_default().split(|c: char| !c.is_ascii_digit()).next();
    digits.and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

/// Metric, source and name.
type Key = (String, Option<String>, Option<String>);

/// The counts of two runs.
#[derive(Debug, Default)]
struct Counts {
    /// By age: run and instant.
    runs: BTreeMap<u64, (String, String)>,
    /// Those of the last run, and of the one before.
    values: BTreeMap<Key, [u64; 2]>,
}

impl Counts {
    fn take(&mut self, row: &Map<String, Value>) {
        let age = number(row, "age");
        self.runs.entry(age).or_insert_with(|| (text(row, "run_id"), text(row, "at")));
        let key = (text(row, "metric"), text_opt(row, "source"), text_opt(row, "name"));
        if let Some(value) =
            age.checked_sub(1).and_then(|i| self.values.entry(key).or_default().get_mut(usize::from(i > 0)))
        {
            *value = number(row, "value");
        }
    }

    /// All counts of a metric, by source and name.
    fn of(&self, metric: &str) -> Vec<Change> {
        let compared = self.runs.contains_key(&2);
        let of_metric = self.values.iter().filter(|((m, ..), _)| m == metric);
        of_metric
            .map(|((_, source, name), [now, before])| Change {
                source: source.clone(),
                name: name.clone(),
                now: *now,
                before: compared.then_some(*before),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(age: u64, metric: &str, name: &str, value: u64) -> Map<String, Value> {
        let row =
            json!({"age": age, "run_id": format!("r{age}"), "at": "t", "metric": metric, "name": name, "value": value});
        row.as_object().unwrap().clone()
    }

    #[test]
    fn counts_of_two_runs_are_paired_by_name() {
        let mut counts = Counts::default();
        for r in [row(1, "edges", "a", 5), row(2, "edges", "a", 3), row(2, "edges", "b", 2)] {
            counts.take(&r);
        }
        let told: Vec<_> = counts.of("edges").into_iter().map(|c| (c.name.unwrap(), c.now, c.before)).collect();
        assert_eq!(told, [("a".to_owned(), 5, Some(3)), ("b".to_owned(), 0, Some(2))]);
        assert_eq!(counts.runs[&1].0, "r1");
    }

    #[test]
    fn without_a_run_before_nothing_is_compared() {
        let mut counts = Counts::default();
        counts.take(&row(1, "profiles", "", 5));
        assert_eq!(counts.of("profiles")[0].before, None);
    }

    #[test]
    fn classes_are_ordered_by_their_least_number() {
        assert_eq!(["1001+", "6-10", "1"].map(|class| least(Some(class))), [1001, 6, 1]);
    }
}

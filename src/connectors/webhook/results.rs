//! What an answer says of single rows.

use std::collections::HashMap;

use arrow::array::RecordBatch;
use kinfold_sync::{Outcome, Target};
use serde_json::Value;

use super::config::{Matching, Results};
use super::redact::Redactor;
use crate::cell::cell;
use crate::json::{self, Numbers};

/// One outcome for each row. A row of which the answer says nothing is unknown: a 2xx alone is no proof. `numbers` is how the
/// request wrote them.
pub(super) fn read(
    results: &Results,
    numbers: Numbers,
    target: &Target,
    rows: &RecordBatch,
    body: &[u8],
) -> Vec<Outcome> {
    let count = rows.num_rows();
    let all_unknown = |why: String| vec![Outcome::Unknown(why); count];
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return all_unknown("the answer is not JSON, and results were promised".to_owned());
    };
    let Some(Value::Array(list)) = at(&body, &results.list) else {
        return all_unknown(format!("the answer has no list of results at `{}`", results.list.join(".")));
    };
    let redactor = Redactor::new(rows);
    match results.matching {
        Matching::None => vec![Outcome::Ok; count],
        // Which rows have none, nobody can say.
        Matching::Position if list.len() != count => {
            all_unknown(format!("the answer has {} results for {count} rows", list.len()))
        }
        Matching::Position => list.iter().map(|result| outcome(results, result, &redactor)).collect(),
        Matching::Key => by_key(results, numbers, target, rows, list, &redactor),
    }
}

fn by_key(
    results: &Results,
    numbers: Numbers,
    target: &Target,
    rows: &RecordBatch,
    list: &[Value],
    redactor: &Redactor,
) -> Vec<Outcome> {
    let names: Vec<&str> =
        rows.schema_ref().fields().iter().take(target.key_columns).map(|f| f.name().as_str()).collect();
    // Two rows whose keys read the same have no place.
    let mut places: HashMap<Vec<String>, Option<usize>> = HashMap::new();
    for row in 0..rows.num_rows() {
        let key: Option<Vec<String>> = (0..names.len()).map(|i| sent(rows, i, row, numbers)).collect();
        if let Some(key) = key {
            places.entry(key).and_modify(|place| *place = None).or_insert(Some(row));
        }
    }
    let mut outcomes: Vec<Option<Outcome>> = vec![None; rows.num_rows()];
    for result in list {
        let holder = at(result, &results.key).filter(|k| k.is_object()).unwrap_or(result);
        let key: Option<Vec<String>> = names.iter().map(|name| holder.get(*name).and_then(plain)).collect();
        let Some(row) = key.and_then(|key| places.get(&key).copied().flatten()) else { continue };
        let new = outcome(results, result, redactor);
        // Two results for one row that do not agree: the worse one counts.
        let slot = &mut outcomes[row];
        if matches!(slot, None | Some(Outcome::Ok)) {
            *slot = Some(new);
        }
    }
    let missing = || Outcome::Unknown("the answer has no result with this row's key".to_owned());
    outcomes.into_iter().map(|o| o.unwrap_or_else(missing)).collect()
}

/// A value as the receiver reads it in the request.
fn sent(rows: &RecordBatch, column: usize, row: usize, numbers: Numbers) -> Option<String> {
    let mut written = Vec::new();
    json::write_cell(cell(rows.column(column), row), numbers, &mut written);
    plain(&serde_json::from_slice(&written).ok()?)
}

fn outcome(results: &Results, result: &Value, redactor: &Redactor) -> Outcome {
    let Some(status) = at(result, &results.status).and_then(plain) else {
        return Outcome::Unknown("the result has no status".to_owned());
    };
    if results.ok.contains(&status) {
        return Outcome::Ok;
    }
    let reason =
        at(result, &results.error).and_then(plain).unwrap_or_else(|| format!("the receiver answered `{status}`"));
    let reason = redactor.redact(&reason);
    if results.retry.contains(&status) { Outcome::Retry(reason) } else { Outcome::Rejected(reason) }
}

/// What an answer says as a whole, to go with its status.
pub(super) fn message(results: &Results, body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let usual = ["message", "detail", "title"].iter().find_map(|name| body.get(*name).and_then(plain));
    let nested = || body.get("error").and_then(|e| e.get("message")).and_then(plain);
    at(&body, &results.error).and_then(plain).or_else(nested).or(usual)
}

/// Up to here floats count whole numbers without gaps.
const EXACT: f64 = 9_007_199_254_740_992.0;

fn at<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, name| value.get(name))
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(match number.as_f64() {
            // A receiver may write 1.0 as 1, and 120.50 as 120.5. There is one zero.
            Some(value) if number.is_f64() && value.fract() == 0.0 && value.abs() < EXACT => {
                format!("{:.0}", value + 0.0)
            }
            _ => number.to_string(),
        }),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

//! What the tables and the sources say of the values of profiles.

use kinfold_base::{Timestamp, parse_instant};
use kinfold_lang::project::{Entity, PinKind};
use kinfold_matching::model::weight_of;
use kinfold_plan::explain::{self, KEY_SEPARATOR, LinkRows};
use kinfold_plan::inspect;
use kinfold_plan::matching::learned;
use serde_json::Value;

use super::ExplainedMatch;
use super::facts::{Evidence, Facts, Id, Refusal, Rows, Sharing, Teller, Told};
use crate::matching::compared;
use crate::show::rows;
use crate::{AppError, Ready};

/// More values of one profile than anybody's.
const MAX_VALUES: usize = 100_000;

/// The most combinations of values that are read of each source.
const MAX_COMBINATIONS: u32 = 100_000;

const MAX_REFUSED: u32 = 10_000;

const MAX_MATCHES: u32 = 10_000;

/// Everything that is known of the values of some profiles, and what may be missing from it.
pub(super) async fn facts(ready: &Ready, entity: &Entity, profiles: &[&str]) -> Result<(Facts, Vec<String>), AppError> {
    let mut notes = vec![];
    let mut facts = Facts::default();
    for profile_id in profiles {
        let found = rows(ready, &inspect::identifiers_of(entity, profile_id), MAX_VALUES).await?;
        if found.truncated {
            notes.push(format!("{profile_id} has more than {MAX_VALUES} values; only the strongest are looked at"));
        }
        let members = found.rows.into_iter().filter_map(|row| {
            let mut row = row.into_iter();
            Some((id(entity, &row.next()?, row.next()?)?, (*profile_id).to_owned()))
        });
        facts.members.extend(members);
    }
    if facts.members.is_empty() {
        return Ok((facts, notes));
    }
    for link in explain::rows(&ready.project, entity, profiles, MAX_COMBINATIONS + 1) {
        let found = rows(ready, &link.query, MAX_COMBINATIONS as usize).await?;
        if found.truncated {
            notes.push(format!(
                "of {} only the {MAX_COMBINATIONS} most frequent combinations of values were read: weaker edges may be missing",
                link.source
            ));
        }
        let source = facts.sources.len();
        facts.rows.extend(found.rows.into_iter().map(|row| combination(&link, source, row)));
        facts.sources.push(link.source);
    }
    let found = rows(ready, &explain::refused(entity, profiles, MAX_REFUSED + 1), MAX_REFUSED as usize).await?;
    if found.truncated {
        notes.push(format!("there are more than {MAX_REFUSED} refused edges; only the oldest are told"));
    }
    facts.refused = found.rows.into_iter().filter_map(|row| refusal(entity, row)).collect();
    facts.told = pins(ready, entity).await?;
    let (matched, truncated) = matches(ready, entity, profiles).await?;
    if truncated {
        notes.push(format!("there are more than {MAX_MATCHES} matched pairs; only the likeliest are told"));
    }
    facts.told.extend(matched);
    Ok((facts, notes))
}

/// A row of [`LinkRows::query`].
fn combination(link: &LinkRows, source: usize, row: Vec<Value>) -> Rows {
    let mut row = row.into_iter();
    let mut next = || row.next().unwrap_or_default();
    let values: Vec<Value> = link.identifiers.iter().map(|_| next()).collect();
    let evidence = Evidence {
        rows: next().as_u64().unwrap_or_default(),
        first: instant(&next()),
        last: instant(&next()),
        row_key: row_key(&link.key, &next()),
    };
    let mut all = vec![];
    for (identifier, value) in link.identifiers.iter().zip(values) {
        let sharing = sharing(next(), &next());
        if let Value::String(value) = value {
            all.push(((*identifier, value), sharing));
        }
    }
    Rows { source, values: all, evidence }
}

fn row_key(columns: &[String], key: &Value) -> Vec<(String, String)> {
    let Value::String(key) = key else { return vec![] };
    columns.iter().cloned().zip(key.splitn(columns.len().max(1), KEY_SEPARATOR).map(str::to_owned)).collect()
}

/// A row of `explain::refused`. One of an identifier that the project no longer has is passed over.
fn refusal(entity: &Entity, row: Vec<Value>) -> Option<Refusal> {
    let [identifier_a, value_a, identifier_b, value_b, rule, source, first, profile_a, profile_b] =
        <[Value; 9]>::try_from(row).ok()?;
    Some(Refusal {
        ends: [
            (id(entity, &identifier_a, value_a)?, text(profile_a)),
            (id(entity, &identifier_b, value_b)?, text(profile_b)),
        ],
        rule: text(rule)?,
        source: text(source)?,
        first: instant(&first),
    })
}

async fn pins(ready: &Ready, entity: &Entity) -> Result<Vec<Told>, AppError> {
    let pins = crate::pins::pins(ready.engine.as_ref(), entity).await?;
    let together = pins.into_iter().filter(|(pin, _)| pin.kind == PinKind::Always).map(|(pin, ends)| {
        let rule = format!("pinned together: {}", pin.reason);
        Told { ends, by: Teller::Pin, rule, score: None }
    });
    Ok(together.collect())
}

async fn matches(ready: &Ready, entity: &Entity, profiles: &[&str]) -> Result<(Vec<Told>, bool), AppError> {
    let Some((matching, model)) = learned(entity) else { return Ok((vec![], false)) };
    let found = rows(ready, &explain::matches(entity, profiles, MAX_MATCHES + 1), MAX_MATCHES as usize).await?;
    let told = found.rows.into_iter().filter_map(|row| {
        let [identifier_a, value_a, identifier_b, value_b, weight, probability, levels, weights] =
            <[Value; 8]>::try_from(row).ok()?;
        let ends = [id(entity, &identifier_a, value_a)?, id(entity, &identifier_b, value_b)?];
        let (weight, probability) = (weight.as_f64()?, probability.as_f64()?);
        let score = ExplainedMatch {
            weight,
            probability,
            prior: weight_of(model.prior),
            comparisons: compared(matching, Some(&levels), Some(&weights)),
        };
        let rule = format!("{:.2} % likely to match, {weight:+.1} bits", probability * 100.0);
        Some(Told { ends, by: Teller::Match, rule, score: Some(score) })
    });
    Ok((told.collect(), found.truncated))
}

fn id(entity: &Entity, identifier: &Value, value: Value) -> Option<Id> {
    let identifier = entity.identifiers.iter().position(|i| *identifier == i.name.as_str())?;
    Some((identifier, text(value)?))
}

/// The columns `linked_identifier` and `degree`, which are null of a value that is not shared by many.
pub(super) fn sharing(linked: Value, degree: &Value) -> Option<Sharing> {
    Some(Sharing { linked: text(linked)?, degree: degree.as_u64().unwrap_or_default() })
}

pub(super) fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// One before the first that we can hold, or after the last, is that one: `9999-12-31` often stands for a day that never comes, and it
/// is no less known than others.
fn instant(value: &Value) -> Option<Timestamp> {
    let text = value.as_str()?;
    let nearest = if text.starts_with('-') { Timestamp::MIN } else { Timestamp::MAX };
    Some(parse_instant(text).unwrap_or(nearest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_out_of_range_is_the_nearest_in_range() {
        let read = |text: &str| instant(&Value::from(text));
        assert_eq!(read("2026-01-31T12:00:00.5Z"), Some("2026-01-31T12:00:00.5Z".parse().unwrap()));
        assert_eq!(read("9999-12-30T00:00:00Z"), Some("9999-12-30T00:00:00Z".parse().unwrap()));
        for late in ["9999-12-31T00:00:00Z", "9999-12-31T23:59:59.999999Z", "+10000-01-01T00:00:00Z"] {
            assert_eq!(read(late), Some(Timestamp::MAX), "{late}");
        }
        assert_eq!(read("-10000-01-01T00:00:00Z"), Some(Timestamp::MIN));
        assert_eq!(instant(&Value::Null), None);
    }
}

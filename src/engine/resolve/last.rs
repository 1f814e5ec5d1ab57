//! What a run leaves for the next one beside its tables: of what it is the result, and what counts over all profiles there are.
//!
//! It says which version of each table it goes with, and counts only once its run is done, so that whatever becomes of a run, or of its
//! tables, none is taken for another.

use std::fmt::Write;
use std::sync::Arc;

use futures::StreamExt;
use kinfold_identity::{EdgeCount, IdentityError, ProfileId, Rules, Summary};
use kinfold_plan::{Resolve, ResolveTable, inspect, render};
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_128;

use super::reuse::{Key, Reading};
use super::tables::{self, RefusedCounts};
use super::{Whole, index, read};
use crate::api::{Engine, Kept, RunContext};
use crate::error::EngineError;

/// Raised when what is kept is of no use to runs of this version any more.
const FORMAT: u8 = 4;

/// What the last run left.
#[derive(Debug)]
pub(super) struct Last {
    kept: Kept,
    pub(super) summary: Summary,
    pub(super) refused: RefusedCounts,
    /// Pins without effect: indices into [`Resolve::pins`].
    pub(super) unused_pins: Vec<usize>,
}

/// The shelf, which no entity has: no name has a point.
fn shelf(work: &Resolve) -> String {
    format!("{}.result", work.entity)
}

/// The tables that a run changes in place, and those that it reads.
fn tables(work: &Resolve) -> [&ResolveTable; 3] {
    [&work.tables.identifiers, &work.tables.conflicts, &work.tables.shared]
}

/// Those that tell of matches. Of the last run's it reads what the schema `previous` shows; it writes its own meanwhile.
fn tables_of_matches(work: &Resolve) -> impl Iterator<Item = &String> {
    work.matches.iter().flat_map(|matches| &matches.told_in)
}

/// Whether it can be told what new rows touch: what was read may be kept.
pub(super) fn is_possible(work: &Resolve) -> bool {
    work.rows.iter().all(|rows| rows.keep)
}

/// What earlier runs have left; nothing for most projects, whose results are small.
pub(super) async fn all(engine: &dyn Engine, work: &Resolve) -> Result<Vec<Kept>, EngineError> {
    engine.kept(&shelf(work)).await
}

/// The versions of [`tables`] and [`tables_of_matches`]: see [`Engine::table_version`]. `is_written`: of what this run has written, not of
/// what it goes on from.
async fn versions(
    engine: &dyn Engine,
    run: &RunContext,
    work: &Resolve,
    is_written: bool,
) -> Result<Vec<Option<String>>, EngineError> {
    let mut versions = vec![];
    for table in tables(work) {
        versions.push(engine.table_version(run, &table.output.name).await?);
    }
    for table in tables_of_matches(work) {
        versions.push(if is_written {
            engine.table_version(run, table).await?
        } else {
            engine.previous_version(table).await?
        });
    }
    Ok(versions)
}

/// Which of `all` the last run left; none if it is not known, or if rules have changed since, tables, or rows that it read.
pub(super) async fn find(
    engine: &dyn Engine,
    run: &RunContext,
    work: &Resolve,
    readings: &[Option<Reading>],
    rules: &Rules,
    all: Vec<Kept>,
) -> Result<Option<Last>, EngineError> {
    let versions = versions(engine, run, work, false).await?;
    let rules = fingerprint(work, rules);
    let is_same = |about: &Value| {
        let sources = about["sources"].as_array();
        let read = |(source, reading): (&Value, &Option<Reading>)| {
            let (parts, reading) = (source["parts"].as_array()?, reading.as_ref()?);
            let parts = parts.iter().map(Value::as_str).collect::<Option<Vec<&str>>>()?;
            Some(source["fingerprint"] == reading.fingerprint.as_str() && parts == reading.kept_parts())
        };
        about["rules"] == rules.as_str()
            && about["tables"] == json!(versions)
            && sources.is_some_and(|s| {
                s.len() == readings.len() && s.iter().zip(readings).all(|pair| read(pair) == Some(true))
            })
    };
    for kept in all {
        let Ok(about) = serde_json::from_str::<Value>(&kept.about) else { continue };
        if is_same(&about)
            && let Some((summary, refused, unused_pins)) = summary_of(&about)
            && is_done(engine, about["run_id"].as_str().unwrap_or_default()).await
        {
            return Ok(Some(Last { kept, summary, refused, unused_pins }));
        }
    }
    Ok(None)
}

/// Whether all tables of a run are shown: some are made of others, and of what changed.
async fn is_done(engine: &dyn Engine, run_id: &str) -> bool {
    let query = render(&inspect::done_run(run_id), engine.dialect());
    let Ok(mut rows) = engine.query(&query, &[]).await else { return false };
    while let Some(Ok(batch)) = rows.batches.next().await {
        if batch.num_rows() > 0 {
            return true;
        }
    }
    false
}

impl Last {
    /// The ids of all profiles, ascending.
    ///
    /// # Errors
    /// When they are gone or damaged.
    pub(super) async fn profiles(&self, engine: &dyn Engine, work: &Resolve) -> Result<Vec<ProfileId>, EngineError> {
        let mut ids = vec![];
        for mut stream in engine.kept_rows(&shelf(work), &self.kept, 0, &tables::kept_profile_columns()).await? {
            while let Some(batch) = stream.batches.next().await {
                ids.extend(read::profiles(&batch?, &work.entity)?);
            }
        }
        if ids.len() as u64 != self.summary.profiles() {
            return Err(super::identity(&IdentityError::BrokenKept, &work.entity));
        }
        // They come in a few pieces, each of which is in order.
        ids.sort();
        Ok(ids)
    }
}

/// Keeps what the next run needs, if it is of use to one.
pub(super) async fn keep(
    engine: &dyn Engine,
    run: &RunContext,
    work: &Resolve,
    readings: &[Option<Reading>],
    key: &Key,
    whole: Whole<'_>,
) -> Result<(), EngineError> {
    let (shelf, before) = (shelf(work), all(engine, work).await?);
    let Whole { resolution, profiles, summary, unused_pins, told, last } = whole;
    let (last, staying) = last.unzip();
    if is_possible(work) && readings.iter().all(Option::is_some) && is_worth_it(&summary) {
        let profiles = profiles.unwrap_or_else(|| {
            let mut profiles = resolution.profiles().to_vec();
            profiles.sort_unstable();
            Arc::new(profiles)
        });
        let files = (&told.value_counts[..], told.value_files(&work.tables));
        index::keep(engine, run, work, key, resolution, files, staying.unwrap_or_default()).await?;
        let sources = readings.iter().flatten();
        let about = json!({
            "run_id": run.run_id.as_str(),
            "rules": fingerprint(work, resolution.rules()),
            "sources": sources.map(|r| json!({"fingerprint": r.fingerprint, "parts": r.parts()})).collect::<Vec<_>>(),
            "tables": versions(engine, run, work, true).await?,
            "summary": to_json(&summary),
            "unused_pins": unused_pins,
            "refused": told.refused.iter().map(|((of, rule), count)| json!([of, rule, count])).collect::<Vec<_>>(),
        });
        let ids = tables::kept_profiles(&profiles, resolution);
        engine.keep(run, &shelf, &about.to_string(), vec![ids]).await?;
    } else {
        index::forget(engine, work, key, &[]).await?;
    }
    // Should this run fail before its tables are shown, the next one goes on from where it did.
    for old in before.iter().filter(|old| last.is_none_or(|last| last.kept.name != old.name)) {
        engine.forget(&shelf, old).await?;
    }
    Ok(())
}

/// Small results are made anew as fast as anything can be found in them.
pub(super) fn is_worth_it(summary: &Summary) -> bool {
    const VALUES: u64 = 100_000;
    summary.value_count() >= VALUES
}

/// What a result is a function of, beside rows.
fn fingerprint(work: &Resolve, rules: &Rules) -> String {
    let mut text = format!("{FORMAT} {} {rules:?}", env!("CARGO_PKG_VERSION"));
    // Pins do not print their values, and tables tell their reasons.
    for (pin, written) in rules.pins.iter().zip(&work.pins) {
        let _ = write!(text, " {:?} {:?}", pin.values, written.reason);
    }
    format!("{:032x}", xxh3_128(text.as_bytes()))
}

fn to_json(summary: &Summary) -> Value {
    let Summary { values, sizes, largest, edges, matches } = summary;
    let largest: Vec<_> = largest.iter().map(|(id, size)| json!([id.to_string(), size])).collect();
    let edges: Vec<_> = edges.iter().map(|edges| json!([edges.source, edges.identifiers, edges.count])).collect();
    json!({"values": values, "sizes": sizes, "largest": largest, "edges": edges, "matches": matches})
}

fn summary_of(about: &Value) -> Option<(Summary, RefusedCounts, Vec<usize>)> {
    let of = &about["summary"];
    let small = |value: &Value| u32::try_from(value.as_u64()?).ok();
    let index = |value: &Value| usize::try_from(value.as_u64()?).ok();
    let all = |name: &str| Some(of[name].as_array()?.iter());
    let summary = Summary {
        values: all("values")?.map(Value::as_u64).collect::<Option<_>>()?,
        sizes: all("sizes")?.map(|v| Some((small(&v[0])?, v[1].as_u64()?))).collect::<Option<_>>()?,
        largest: all("largest")?
            .map(|v| Some((ProfileId::parse(v[0].as_str()?)?, small(&v[1])?)))
            .collect::<Option<_>>()?,
        edges: all("edges")?
            .map(|v| {
                let identifiers = [index(&v[1][0])?, index(&v[1][1])?];
                Some(EdgeCount { source: index(&v[0])?, identifiers, count: v[2].as_u64()? })
            })
            .collect::<Option<_>>()?,
        matches: of["matches"].as_u64()?,
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let refused = about["refused"].as_array()?.iter();
    let refused = refused.map(|v| Some(((text(&v[0])?, text(&v[1])?), v[2].as_u64()?))).collect::<Option<_>>()?;
    let unused_pins = about["unused_pins"].as_array()?.iter().map(index).collect::<Option<_>>()?;
    Some((summary, refused, unused_pins))
}

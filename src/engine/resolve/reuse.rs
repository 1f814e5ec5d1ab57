//! What earlier runs have kept of a source, so that only what is new of it is read again.
//!
//! A source's distinct rows are kept once they were read, with the files that they stand for. They are used as long as each of these
//! files is as it was; other files are read, and kept in turn. Either way the same rows reach the kernel: nothing but time depends
//! on it.

use std::cmp::Reverse;
use std::collections::HashSet;

use kinfold_base::{SignedDuration, Timestamp};
use kinfold_identity::Novelty;
use serde_json::{Value, json};

use crate::api::{Kept, KeptTable, QueryPart, QueryParts};

/// When so many things are kept of one source, small ones are put together: of a run that reads all of them again.
pub(super) const MANY: usize = 8;
/// As [`MANY`], of a run that looks through them for what it needs.
pub(super) const VERY_MANY: usize = 64;
/// What was modified so shortly ago may well be replaced soon: it is kept apart from the rest.
const NEW: SignedDuration = SignedDuration::from_hours(48);

/// How the rows of one source are read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Reading {
    /// Of the query.
    pub(super) fingerprint: String,
    /// Read as they were kept, and left so.
    pub(super) known: Vec<Kept>,
    /// Read as they were kept, to be kept again together with what is fresh.
    pub(super) merged: Vec<Kept>,
    /// The parts of the query that are read anew.
    pub(super) fresh: Vec<String>,
    pub(super) newest: Vec<String>,
    /// The parts that `known` stands for.
    pub(super) known_parts: Vec<String>,
    /// And `merged`.
    merged_parts: Vec<String>,
}

impl Reading {
    /// All parts of the query, in order.
    pub(super) fn parts(&self) -> Vec<&str> {
        in_order(&[&self.known_parts, &self.merged_parts, &self.fresh, &self.newest])
    }

    /// Those of which an earlier run has kept the rows, in order.
    pub(super) fn kept_parts(&self) -> Vec<&str> {
        in_order(&[&self.known_parts, &self.merged_parts])
    }

    /// What is to be kept of the run, and what is said of it.
    pub(super) fn to_keep(&self) -> impl Iterator<Item = (Novelty, String)> {
        let about = |parts: Vec<&String>| json!({"fingerprint": self.fingerprint, "parts": parts}).to_string();
        let fresh: Vec<&String> = self.fresh.iter().chain(&self.merged_parts).collect();
        let newest: Vec<&String> = self.newest.iter().collect();
        let all = [(Novelty::Fresh, fresh), (Novelty::Newest, newest)].into_iter();
        all.filter(|(_, parts)| !parts.is_empty()).map(move |(novelty, parts)| (novelty, about(parts)))
    }
}

fn in_order<'a>(of: &[&'a Vec<String>]) -> Vec<&'a str> {
    let mut parts: Vec<&str> = of.iter().copied().flatten().map(String::as_str).collect();
    parts.sort_unstable();
    parts
}

/// Something kept, with the parts that it stands for.
struct Known {
    kept: Kept,
    parts: Vec<String>,
}

/// Decides what is read, and from where. `kept`: all that is there, of this query and others. `many`: of how much of it small ones are
/// put together.
pub(super) fn plan(query: QueryParts, kept: &[Kept], now: Timestamp, many: usize) -> Reading {
    let current: HashSet<&str> = query.parts.iter().map(|part| part.id.as_str()).collect();
    let of_query = kept.iter().filter_map(|kept| {
        let about: Value = serde_json::from_str(&kept.about).ok()?;
        let parts = about["parts"].as_array()?.iter().map(|part| part.as_str().map(str::to_owned));
        let parts = parts.collect::<Option<Vec<String>>>()?;
        let is_usable = about["fingerprint"] == query.fingerprint.as_str()
            && parts.iter().all(|part| current.contains(part.as_str()));
        is_usable.then(|| Known { kept: kept.clone(), parts })
    });
    let mut usable: Vec<Known> = of_query.collect();
    // Two runs at once may have kept the same parts: what stands for most of them is used.
    usable.sort_by(|a, b| (Reverse(a.parts.len()), &a.kept.name).cmp(&(Reverse(b.parts.len()), &b.kept.name)));
    let mut covered: HashSet<String> = HashSet::new();
    usable.retain(|known| {
        let is_disjoint = !known.parts.iter().any(|part| covered.contains(part));
        if is_disjoint {
            covered.extend(known.parts.iter().cloned());
        }
        is_disjoint
    });
    let is_new = |part: &&QueryPart| now.duration_since(part.modified) < NEW;
    let new: HashSet<&str> = query.parts.iter().filter(is_new).map(|part| part.id.as_str()).collect();
    let merged = take_small(&mut usable, many, |known| known.parts.iter().any(|part| new.contains(part.as_str())));
    let (newest, fresh) =
        query.parts.iter().filter(|part| !covered.contains(&part.id)).partition::<Vec<_>, _>(|part| is_new(part));
    let ids = |parts: Vec<&QueryPart>| parts.into_iter().map(|part| part.id.clone()).collect();
    Reading {
        known_parts: usable.iter().flat_map(|known| known.parts.clone()).collect(),
        known: usable.into_iter().map(|known| known.kept).collect(),
        fresh: ids(fresh),
        newest: ids(newest),
        merged_parts: merged.iter().flat_map(|known| known.parts.clone()).collect(),
        merged: merged.into_iter().map(|known| known.kept).collect(),
        fingerprint: query.fingerprint,
    }
}

/// Takes out what is worth being put together: nothing unless there is much of it; then the smallest, each no larger than all
/// before it, so that no row is written again more often than its source doubles. What is new stays, if that is enough.
fn take_small(usable: &mut Vec<Known>, many: usize, is_new: impl Fn(&Known) -> bool) -> Vec<Known> {
    if usable.len() < many {
        return vec![];
    }
    let (mut new, mut old): (Vec<Known>, Vec<Known>) = std::mem::take(usable).into_iter().partition(is_new);
    if old.len() < many / 2 {
        old.append(&mut new);
    }
    let rows_of = |known: &Known| known.kept.tables.iter().map(KeptTable::rows).sum::<u64>();
    old.sort_by_key(rows_of);
    let mut rows = 0;
    let count = old.iter().enumerate().take_while(|(i, known)| {
        let fits = *i < 2 || rows_of(known) <= rows;
        rows += rows_of(known);
        fits
    });
    let count = count.count();
    usable.extend(old.split_off(count).into_iter().chain(new));
    old
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::KeptFile;

    fn kept(name: &str, parts: &[&str], rows: u64) -> Kept {
        let about = json!({"fingerprint": "f", "parts": parts}).to_string();
        let files = vec![KeptFile { name: String::new(), bytes: 0, rows }];
        Kept { name: name.to_owned(), about, tables: vec![KeptTable { files }] }
    }

    /// Parts modified at the beginning of time, but those that begin with `n`.
    fn reading(parts: &[&str], kept: &[Kept]) -> Reading {
        let now = Timestamp::from_second(1_000_000_000).unwrap();
        let part = |id: &&str| QueryPart {
            id: (*id).to_owned(),
            modified: if id.starts_with('n') { now } else { Timestamp::UNIX_EPOCH },
        };
        plan(QueryParts { fingerprint: "f".to_owned(), parts: parts.iter().map(part).collect() }, kept, now, MANY)
    }

    fn names(kept: &[Kept]) -> Vec<&str> {
        kept.iter().map(|kept| kept.name.as_str()).collect()
    }

    #[test]
    fn only_what_is_new_is_read() {
        let reading = reading(&["a", "b", "c", "n"], &[kept("1", &["a", "b"], 9)]);
        assert_eq!(names(&reading.known), ["1"]);
        assert_eq!((reading.fresh.clone(), reading.newest.clone()), (vec!["c".to_owned()], vec!["n".to_owned()]));
        let keeps: Vec<_> = reading.to_keep().collect();
        assert_eq!(keeps.len(), 2);
        assert_eq!(keeps[0], (Novelty::Fresh, r#"{"fingerprint":"f","parts":["c"]}"#.to_owned()));
        assert_eq!(keeps[1], (Novelty::Newest, r#"{"fingerprint":"f","parts":["n"]}"#.to_owned()));
    }

    #[test]
    fn what_stands_for_a_part_that_is_gone_is_read_anew() {
        let reading = reading(&["a", "c"], &[kept("1", &["a", "b"], 9), kept("2", &["c"], 9)]);
        assert_eq!(names(&reading.known), ["2"]);
        assert_eq!(reading.fresh, ["a"]);
    }

    #[test]
    fn no_part_is_read_twice() {
        let reading =
            reading(&["a", "b", "c"], &[kept("1", &["a"], 9), kept("2", &["a", "b"], 9), kept("3", &["b", "c"], 9)]);
        assert_eq!(names(&reading.known), ["2"]);
        assert_eq!(reading.fresh, ["c"]);
    }

    #[test]
    fn what_is_of_another_query_or_unreadable_is_passed_over() {
        let mut other = kept("1", &["a"], 9);
        other.about = other.about.replace("\"f\"", "\"g\"");
        let broken = Kept { about: "{".to_owned(), ..kept("2", &["a"], 9) };
        let reading = reading(&["a"], &[other, broken]);
        assert_eq!((reading.known.len(), reading.fresh), (0, vec!["a".to_owned()]));
    }

    #[test]
    fn small_ones_are_put_together_once_there_are_many() {
        let parts = ["a", "b", "c", "d", "e", "f", "g", "n1"];
        let sizes = [1000, 5, 2, 1, 9, 100, 300, 1];
        let all: Vec<Kept> = parts.iter().zip(sizes).map(|(part, rows)| kept(part, &[part], rows)).collect();
        assert_eq!(reading(&parts, &all[1..]).merged, []);
        let reading = reading(&parts, &all);
        assert_eq!(names(&reading.merged), ["d", "c"], "5 is more than 3");
        assert_eq!(reading.known.len(), 6);
        let keeps: Vec<_> = reading.to_keep().collect();
        assert_eq!(keeps, [(Novelty::Fresh, r#"{"fingerprint":"f","parts":["d","c"]}"#.to_owned())]);
    }
}

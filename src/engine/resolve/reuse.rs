//! What earlier runs have kept of a source, so that only what is new of it is read again.
//!
//! A source's distinct rows are kept once they were read, with the files that they stand for. They are used as long as each of these
//! files is as it was; other files are read, and kept in turn. Either way the same rows reach the kernel: nothing but time depends
//! on it.

use std::cmp::Reverse;
use std::collections::HashSet;

use kinfold_base::{SignedDuration, Timestamp, new_writer_id};
use kinfold_identity::{DigestKey, Novelty};
use serde_json::{Value, json};

use super::read::Seen;
use super::usable::Usable;
use crate::api::{Kept, KeptTable, QueryPart, QueryParts};

/// When so many things are kept of one source, small ones are put together: of a run that reads all of them again.
pub(super) const MANY: usize = 8;
/// As [`MANY`], of a run that looks through them for what it needs.
pub(super) const VERY_MANY: usize = 64;
/// What was modified so shortly ago may well be replaced soon: it is kept apart from the rest.
const NEW: SignedDuration = SignedDuration::from_hours(48);

/// The key of all digests of what is kept of an entity.
#[derive(Clone)]
pub(super) struct Key {
    /// In hexadecimal digits.
    pub(super) text: KeyText,
    pub(super) key: DigestKey,
}

/// What a [`Key`] is written as. It is secret.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct KeyText(String);

impl KeyText {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for KeyText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyText(secret)")
    }
}

impl Key {
    /// That of what is kept; a new one if there is none. Where runs that began at one time have made several, one of them.
    pub(super) fn of(kept: &[Kept]) -> Self {
        let key = kept
            .iter()
            .filter_map(|kept| serde_json::from_str::<Value>(&kept.about).ok()?["key"].as_str().and_then(Self::parse));
        key.min_by(|a, b| a.text.cmp(&b.text)).unwrap_or_else(|| {
            let text = new_writer_id();
            let key = DigestKey::new(u128::from_str_radix(&text, 16).unwrap_or_default().to_be_bytes());
            Self { key, text: KeyText(text) }
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let number = u128::from_str_radix(text, 16).ok().filter(|_| text.len() == 32)?;
        Some(Self { text: KeyText(text.to_owned()), key: DigestKey::new(number.to_be_bytes()) })
    }
}

/// How the rows of one source are read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Reading {
    key: KeyText,
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
    /// What the rows of `known` have.
    known_values: Usable,
    /// And those of `merged`.
    merged_values: Usable,
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

    /// What all rows have. `seen`: those that were read anew.
    pub(super) fn values(&self, seen: &Seen) -> Usable {
        [&self.known_values, &self.merged_values, &seen.fresh, &seen.newest].into_iter().collect()
    }

    /// What is to be kept of the run, and what is said of it. `seen`: what the rows have that were read anew.
    pub(super) fn to_keep(&self, seen: &Seen) -> impl Iterator<Item = (Novelty, String)> {
        let about = |parts: Vec<&String>, values: Usable| {
            let (key, fingerprint, values) = (self.key.as_str(), &self.fingerprint, values.to_json());
            json!({"key": key, "fingerprint": fingerprint, "parts": parts, "values": values}).to_string()
        };
        let fresh: Vec<&String> = self.fresh.iter().chain(&self.merged_parts).collect();
        let newest: Vec<&String> = self.newest.iter().collect();
        let values = [[&seen.fresh, &self.merged_values].into_iter().collect(), seen.newest.clone()];
        let all = [(Novelty::Fresh, fresh), (Novelty::Newest, newest)].into_iter().zip(values);
        let all = all.filter(|((_, parts), _)| !parts.is_empty());
        all.map(move |((novelty, parts), values)| (novelty, about(parts, values)))
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
    values: Usable,
}

/// Decides what is read, and from where. `kept`: all that is there, of this query and others. `many`: of how much of it small ones are
/// put together.
pub(super) fn plan(query: QueryParts, kept: &[Kept], key: &Key, now: Timestamp, many: usize) -> Reading {
    let current: HashSet<&str> = query.parts.iter().map(|part| part.id.as_str()).collect();
    let of_query = kept.iter().filter_map(|kept| {
        let about: Value = serde_json::from_str(&kept.about).ok()?;
        let parts = about["parts"].as_array()?.iter().map(|part| part.as_str().map(str::to_owned));
        let (parts, values) = (parts.collect::<Option<Vec<String>>>()?, Usable::parse(&about["values"])?);
        let is_usable = about["key"] == key.text.as_str()
            && about["fingerprint"] == query.fingerprint.as_str()
            && parts.iter().all(|part| current.contains(part.as_str()));
        is_usable.then(|| Known { kept: kept.clone(), parts, values })
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
        known_values: usable.iter().map(|known| &known.values).collect(),
        merged_values: merged.iter().map(|known| &known.values).collect(),
        known_parts: usable.iter().flat_map(|known| known.parts.clone()).collect(),
        known: usable.into_iter().map(|known| known.kept).collect(),
        fresh: ids(fresh),
        newest: ids(newest),
        merged_parts: merged.iter().flat_map(|known| known.parts.clone()).collect(),
        merged: merged.into_iter().map(|known| known.kept).collect(),
        fingerprint: query.fingerprint,
        key: key.text.clone(),
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

    const KEY: &str = "00112233445566778899aabbccddeeff";

    fn kept(name: &str, parts: &[&str], rows: u64) -> Kept {
        let about = json!({"key": KEY, "fingerprint": "f", "parts": parts, "values": [[rows, 1]]}).to_string();
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
        let query = QueryParts { fingerprint: "f".to_owned(), parts: parts.iter().map(part).collect() };
        plan(query, kept, &Key::parse(KEY).unwrap(), now, MANY)
    }

    fn about(novelty: Novelty, parts: &[&str], counts: [u64; 2]) -> (Novelty, String) {
        let about = json!({"key": KEY, "fingerprint": "f", "parts": parts, "values": [counts]});
        (novelty, about.to_string())
    }

    fn names(kept: &[Kept]) -> Vec<&str> {
        kept.iter().map(|kept| kept.name.as_str()).collect()
    }

    #[test]
    fn only_what_is_new_is_read() {
        let reading = reading(&["a", "b", "c", "n"], &[kept("1", &["a", "b"], 9)]);
        assert_eq!(names(&reading.known), ["1"]);
        assert_eq!((reading.fresh.clone(), reading.newest.clone()), (vec!["c".to_owned()], vec!["n".to_owned()]));
        let values = |counts: [u64; 2]| Usable::parse(&json!([counts])).unwrap();
        let seen = Seen { fresh: values([3, 0]), newest: values([1, 5]) };
        assert_eq!(reading.values(&seen), values([13, 6]));
        let keeps: Vec<_> = reading.to_keep(&seen).collect();
        assert_eq!(keeps, [about(Novelty::Fresh, &["c"], [3, 0]), about(Novelty::Newest, &["n"], [1, 5])]);
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
        let mut of_another_key = kept("3", &["a"], 9);
        of_another_key.about = of_another_key.about.replace("ff", "fe");
        let reading = reading(&["a"], &[other, broken, of_another_key]);
        assert_eq!((reading.known.len(), reading.fresh), (0, vec!["a".to_owned()]));
    }

    #[test]
    fn there_is_one_key() {
        let [mut a, b] = ["a", "b"].map(|name| kept(name, &[], 1));
        a.about = a.about.replace("0011", "0012");
        assert_eq!(Key::of(&[a.clone(), b.clone()]).text.as_str(), KEY);
        assert_eq!(Key::of(&[b, a.clone()]).text.as_str(), KEY);
        a.about = a.about.replace("0012", "12");
        let [x, y] = [Key::of(&[a]), Key::of(&[])];
        assert_ne!(x.text, y.text);
        assert_eq!(Key::parse(x.text.as_str()).unwrap().key, x.key);
        assert_eq!(format!("{:?}", x.text), "KeyText(secret)");
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
        let keeps: Vec<_> = reading.to_keep(&Seen::default()).collect();
        assert_eq!(keeps, [about(Novelty::Fresh, &["d", "c"], [3, 2])]);
    }
}

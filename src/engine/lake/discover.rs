//! Which files a source's URL means: one file, a directory, or a pattern; and what their directories say of them.

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use futures::TryStreamExt;
use kinfold_lang::project::{Format, SourceTable};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use std::sync::Arc;

use crate::error::EngineError;
use crate::failure::{self, input};
use crate::stores::{Place, Stores};

/// A file, and the values of the columns that its directories give.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) meta: ObjectMeta,
    pub(crate) values: Vec<ScalarValue>,
}

/// The files of a source, in the order of their paths.
#[derive(Debug, Clone)]
#[expect(clippy::struct_field_names, reason = "they are what it is about")]
pub(crate) struct Files {
    pub(crate) place: Place,
    /// What stands before a file's path within its store.
    pub(crate) root: String,
    pub(crate) files: Vec<Found>,
    pub(crate) partition_columns: Vec<FieldRef>,
}

impl Files {
    pub(crate) fn name_of(&self, meta: &ObjectMeta) -> String {
        format!("{}{}", self.root, meta.location)
    }
}

/// Lists the files of a source.
///
/// # Errors
/// When there are none, they cannot be listed, or their directories do not fit together.
pub(crate) async fn discover(stores: &Stores, source: &SourceTable) -> Result<Files, EngineError> {
    let table = source.name.to_string();
    let (fixed, pattern) = split_pattern(&source.url);
    let place = stores.place(fixed)?;
    let root = root_of(&source.url);
    let mut metas = list(&place, pattern.as_deref(), &source.format, &table).await?;
    if metas.is_empty() {
        return Err(input(format!("{table}: there are no files at {}", source.url)).hint(
            "check the path, and that the files' names end as the format's do; names that begin with `.` or `_` are left out",
        ));
    }
    metas.sort_by(|a, b| a.location.cmp(&b.location));
    let declared = |name: &str| source.columns.iter().find(|c| c.name == name).and_then(|c| c.ty.as_ref());
    let pairs = metas.iter().map(|m| directory_values(&place.path, &m.location)).collect::<Vec<_>>();
    let (partition_columns, values) = partitions(&table, &root, &metas, &pairs, declared)?;
    let files = metas.into_iter().zip(values).map(|(meta, values)| Found { meta, values }).collect();
    Ok(Files { place, root, files, partition_columns })
}

/// What stands before a path within a store, so that the two make the path or URL that an author knows.
pub(crate) fn root_of(url: &str) -> String {
    match url.strip_prefix("file://").unwrap_or(url).split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}/", rest.split('/').next().unwrap_or_default()),
        None => "/".to_owned(),
    }
}

/// The directories before the first pattern, and the pattern, if the URL holds one.
fn split_pattern(url: &str) -> (&str, Option<String>) {
    let Some(first) = url.find(['*', '?']) else { return (url, None) };
    let cut = url[..first].rfind('/').map_or(0, |i| i + 1);
    (&url[..cut], Some(url[cut..].to_owned()))
}

async fn list(
    place: &Place,
    pattern: Option<&str>,
    format: &Format,
    table: &str,
) -> Result<Vec<ObjectMeta>, EngineError> {
    if pattern.is_none() && !place.path.as_ref().is_empty() {
        match place.store.head(&place.path).await {
            Ok(meta) => return Ok(vec![meta]),
            // A directory, for some stores.
            Err(object_store::Error::NotFound { .. } | object_store::Error::Generic { .. }) => {}
            Err(e) => return Err(failure::store(e, table)),
        }
    }
    let prefix = Some(&place.path).filter(|p| !p.as_ref().is_empty());
    let all: Vec<ObjectMeta> = place
        .store
        .list(prefix)
        .try_collect()
        .await
        .map_err(|e| failure::store(e, &format!("{table} ({})", place.label)))?;
    let below = |meta: &ObjectMeta| relative(&place.path, &meta.location);
    let shown = all.into_iter().filter(|m| !below(m).split('/').any(is_hidden));
    if let Some(pattern) = pattern {
        let pattern: Vec<&str> = pattern.split('/').filter(|s| !s.is_empty()).collect();
        // A pattern that ends in a directory means what is in it.
        return Ok(shown
            .filter(|m| {
                let path = below(m);
                let segments: Vec<&str> = path.split('/').collect();
                matches(&pattern, &segments)
                    || (1..segments.len()).any(|n| matches(&pattern, &segments[..n]) && ends_as(format, m))
            })
            .collect());
    }
    let shown: Vec<_> = shown.collect();
    let fitting: Vec<_> = shown.iter().filter(|m| ends_as(format, m)).cloned().collect();
    Ok(if fitting.is_empty() {
        shown.into_iter().filter(|m| m.location.extension().is_none()).collect()
    } else {
        fitting
    })
}

/// Whether a file's name ends as names of the format do.
fn ends_as(format: &Format, meta: &ObjectMeta) -> bool {
    let name = meta.location.filename().unwrap_or_default().to_lowercase();
    let name = [".gz", ".zst", ".bz2", ".xz"].iter().find_map(|s| name.strip_suffix(s)).unwrap_or(&name);
    let endings: &[&str] = match format {
        Format::Parquet | Format::Delta => &[".parquet", ".parq", ".pq"],
        Format::Csv { .. } => &[".csv", ".tsv", ".txt", ".tab"],
        Format::Ndjson => &[".ndjson", ".jsonl", ".json"],
    };
    endings.iter().any(|e| name.ends_with(e))
}

fn is_hidden(segment: &str) -> bool {
    segment.starts_with('.') || (segment.starts_with('_') && !segment.contains('='))
}

fn relative(prefix: &Path, path: &Path) -> String {
    path.prefix_match(prefix)
        .map_or_else(String::new, |parts| parts.map(|p| p.as_ref().to_owned()).collect::<Vec<_>>().join("/"))
}

/// Whether a path fits a pattern, both in segments: `**` stands for any number of them, `*` and `?` for characters of one.
fn matches(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => matches(rest, path) || (!path.is_empty() && matches(pattern, &path[1..])),
        (Some((p, pattern)), Some((s, path))) => segment_matches(p.as_bytes(), s.as_bytes()) && matches(pattern, path),
        _ => false,
    }
}

/// Linear in the product of both lengths, whatever the pattern.
fn segment_matches(pattern: &[u8], text: &[u8]) -> bool {
    let mut fits = vec![false; text.len() + 1];
    fits[0] = true;
    for &p in pattern {
        let mut next = vec![false; text.len() + 1];
        next[0] = p == b'*' && fits[0];
        for i in 0..text.len() {
            next[i + 1] = match p {
                b'*' => fits[i + 1] || next[i],
                b'?' => fits[i],
                c => fits[i] && c == text[i],
            };
        }
        fits = next;
    }
    fits[text.len()]
}

/// `key=value` directories between the table's place and the file.
fn directory_values(base: &Path, file: &Path) -> Vec<(String, Option<String>)> {
    let path = relative(base, file);
    let mut segments: Vec<&str> = path.split('/').collect();
    segments.pop();
    let pairs = segments.into_iter().filter_map(|s| s.split_once('='));
    pairs
        .map(|(key, value)| (key.to_owned(), (value != "__HIVE_DEFAULT_PARTITION__").then(|| percent_decode(value))))
        .collect()
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&b, tail)) = rest.split_first() {
        let hex = (b == b'%').then(|| tail.get(..2)).flatten().and_then(|h| std::str::from_utf8(h).ok());
        if let Some(decoded) = hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            bytes.push(decoded);
            rest = &tail[2..];
        } else {
            bytes.push(b);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

type Partitions = (Vec<FieldRef>, Vec<Vec<ScalarValue>>);

/// The columns that directories give, and each file's values.
fn partitions<'a>(
    table: &str,
    root: &str,
    metas: &[ObjectMeta],
    pairs: &[Vec<(String, Option<String>)>],
    declared: impl Fn(&str) -> Option<&'a kinfold_base::SqlType>,
) -> Result<Partitions, EngineError> {
    let keys = |p: &[(String, Option<String>)]| p.iter().map(|(k, _)| k.clone()).collect::<Vec<_>>();
    let first = pairs.first().map(|p| keys(p)).unwrap_or_default();
    if let Some(odd) = pairs.iter().position(|p| keys(p) != first) {
        let said = |k: &[String]| {
            if k.is_empty() {
                "no `key=value` directories".to_owned()
            } else {
                format!("directories by {}", k.join(", "))
            }
        };
        return Err(input(format!(
            "{table}: {root}{} lies in {}, {root}{} in {}",
            metas[0].location,
            said(&first),
            metas[odd].location,
            said(&keys(&pairs[odd]))
        ))
        .hint("lay out all files of a table in the same `key=value` directories"));
    }
    let mut columns = Vec::new();
    let mut values = vec![Vec::new(); metas.len()];
    for (i, key) in first.iter().enumerate() {
        let texts = || pairs.iter().map(|p| p[i].1.as_deref());
        let ty = declared(key).and_then(crate::types::arrow_type).unwrap_or_else(|| value_type(&texts().flatten()));
        for (row, text) in texts().enumerate() {
            let value = match text {
                Some(text) => ScalarValue::try_from_string(text.to_owned(), &ty).map_err(|_| {
                    input(format!(
                        "{table}: the directory of {root}{} gives `{key}` a value that is not {}",
                        metas[row].location,
                        crate::types::sql_type(&ty)
                    ))
                })?,
                None => ScalarValue::try_from(&ty).map_err(|e| failure::query(e, table))?,
            };
            values[row].push(value);
        }
        columns.push(Arc::new(Field::new(key, ty, true)));
    }
    Ok((columns, values))
}

/// The narrowest type that holds all values: a whole number, a date, or text.
fn value_type<'a>(values: &(impl Iterator<Item = &'a str> + Clone)) -> DataType {
    let whole = |v: &str| v.parse::<i64>().is_ok_and(|n| n.to_string() == v);
    let date = |v: &str| v.len() == 10 && v.parse::<jiff::civil::Date>().is_ok();
    let mut seen = values.clone().peekable();
    if seen.peek().is_none() {
        DataType::Utf8View
    } else if values.clone().all(whole) {
        DataType::Int64
    } else if values.clone().all(date) {
        DataType::Date32
    } else {
        DataType::Utf8View
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, path: &str, expected: bool) {
        let split = |s: &'static str| s.split('/').collect::<Vec<_>>();
        let (pattern, path): (&'static str, &'static str) = (pattern.to_owned().leak(), path.to_owned().leak());
        assert_eq!(matches(&split(pattern), &split(path)), expected, "{pattern} {path}");
    }

    #[test]
    fn patterns_match_within_segments_and_across_them() {
        check("*.parquet", "a.parquet", true);
        check("*.parquet", "x/a.parquet", false);
        check("**/*.parquet", "a.parquet", true);
        check("**/*.parquet", "x/y/a.parquet", true);
        check("2024-??/*", "2024-01/a", true);
        check("2024-??/*", "2024-1/a", false);
        check("date=*/part-*-0.csv", "date=2024-01-01/part-7-0.csv", true);
        check("a*b*c", "aXbYbZc", true);
    }

    #[test]
    fn directories_give_typed_values() {
        assert_eq!(value_type(&["1", "20"].into_iter()), DataType::Int64);
        assert_eq!(value_type(&["01", "20"].into_iter()), DataType::Utf8View);
        assert_eq!(value_type(&["2024-01-31"].into_iter()), DataType::Date32);
        let base = Path::from("raw");
        let file = Path::parse("raw/country=TR/city=K%C3%B6ln/x.csv").unwrap();
        let pairs = directory_values(&base, &file);
        assert_eq!(
            pairs,
            [("country".to_owned(), Some("TR".to_owned())), ("city".to_owned(), Some("Köln".to_owned()))]
        );
    }
}

//! Literate cases: Markdown under `tests/cases/` with project files and the diagnostics that they give.
//!
//! A `##` heading begins a case. Fenced blocks named by a path (```` ```yaml models/a.yml ````) are its files, a `schemas` block
//! says what the engine finds, an `env` block sets variables, a `target` block picks a target, an `absent` block takes a file
//! away, and the `diagnostics` block is what must come out. What stands before the first case holds for all of them.
//! `KINFOLD_BLESS=1` writes what comes out into the files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use kinfold_base::{
    Column, ConnectorSpec, Diagnostic, SettingKind, SettingSpec, SourceMap, Span, SqlType, SyncMode, TableSchema,
};

use crate::project::{Project, TableName};
use crate::tables::table_name;
use crate::{CheckInput, Checked, Rule, check, diagnostics_page, parse, rules};

mod project;
mod shapes;

const CONFIG: &str = "version: 1\nname: test\nwarehouse: {lake: {location: ./lake}}\n";

const fn setting(name: &'static str, kind: SettingKind, required: bool, help: &'static str) -> SettingSpec {
    SettingSpec { name, kind, required, help }
}

const CONNECTORS: &[ConnectorSpec] = &[
    ConnectorSpec {
        name: "file",
        help: "Files",
        settings: &[
            setting("location", SettingKind::Text, false, "the folder"),
            setting(
                "format",
                SettingKind::Choice(&["csv", "ndjson", "parquet"]),
                false,
                "by the object's name if left out",
            ),
            setting("write", SettingKind::Choice(&["replace", "append"]), false, "replace if left out"),
        ],
        modes: &[SyncMode::Insert, SyncMode::Upsert, SyncMode::Mirror],
        object: "the file's name",
        deletes: true,
    },
    ConnectorSpec {
        name: "postgres",
        help: "A table in PostgreSQL",
        settings: &[
            setting("url", SettingKind::Secret, true, "where to connect"),
            setting("schema", SettingKind::Text, false, "where tables are"),
            setting("create", SettingKind::Boolean, false, "make the table when it does not exist"),
            setting("batch_size", SettingKind::Integer, false, "rows in a transaction"),
            setting("sslmode", SettingKind::Choice(&["disable", "require"]), false, "how the connection is protected"),
        ],
        modes: &[SyncMode::Insert, SyncMode::Update, SyncMode::Upsert, SyncMode::Mirror],
        object: "a table",
        deletes: true,
    },
    ConnectorSpec {
        name: "webhook",
        help: "An HTTP endpoint",
        settings: &[
            setting("url", SettingKind::Text, true, "where to send"),
            setting("headers", SettingKind::Map, false, "further headers"),
        ],
        modes: &[SyncMode::Insert, SyncMode::Upsert],
        object: "a path",
        deletes: false,
    },
];

/// Files and surroundings of one check.
#[derive(Debug, Clone, Default)]
struct Input {
    files: BTreeMap<String, String>,
    schemas: BTreeMap<TableName, Result<TableSchema, String>>,
    env: BTreeMap<String, String>,
    target: Option<String>,
}

impl Input {
    fn run(&self) -> (SourceMap, Checked) {
        let mut sources = SourceMap::default();
        for (path, text) in &self.files {
            sources.add(path.as_str(), text.as_str());
        }
        let parsed = parse(&sources);
        let lookup = |name: &str| self.env.get(name).cloned();
        let input = CheckInput {
            schemas: self.schemas.clone(),
            connectors: CONNECTORS,
            target: self.target.as_deref(),
            project_dir: Path::new("/project"),
            env: &lookup,
        };
        let checked = check(&parsed, &input);
        (sources, checked)
    }

    /// A project that must be without errors.
    fn project(&self) -> Project {
        let (sources, checked) = self.run();
        checked.project.unwrap_or_else(|| panic!("{}", show(&sources, &checked.diagnostics)))
    }

    /// Takes in one fenced block.
    fn add(&mut self, info: &str, body: &str) {
        let (kind, rest) = info.split_once(' ').unwrap_or((info, ""));
        match kind {
            "yaml" | "sql" if !rest.is_empty() => {
                self.files.insert(rest.to_owned(), body.to_owned());
            }
            "schemas" => self.schemas.extend(body.lines().filter(|l| !l.is_empty()).map(schema_line)),
            "env" => {
                let pairs = body.lines().filter_map(|l| l.split_once('='));
                self.env.extend(pairs.map(|(k, v)| (k.to_owned(), v.to_owned())));
            }
            "target" => self.target = Some(body.trim().to_owned()),
            "absent" => {
                self.files.remove(rest);
            }
            _ => {}
        }
    }
}

/// `shop.orders: order_id integer, amount decimal` or `shop.orders: error the file is cut short`.
fn schema_line(line: &str) -> (TableName, Result<TableSchema, String>) {
    let (table, columns) = line.split_once(": ").expect("a table and its columns");
    if let Some(error) = columns.strip_prefix("error ") {
        return (table_name(table), Err(error.to_owned()));
    }
    let columns = columns.split(", ").map(|column| {
        let (name, ty) = column.split_once(' ').expect("a column and its type");
        Column { name: name.to_owned(), ty: sql_type(ty) }
    });
    (table_name(table), Ok(TableSchema { columns: columns.collect() }))
}

fn sql_type(word: &str) -> SqlType {
    match word {
        "text" => SqlType::Text,
        "integer" => SqlType::Integer,
        "float" => SqlType::Float,
        "decimal" => SqlType::Decimal { precision: 18, scale: 2 },
        "boolean" => SqlType::Boolean,
        "date" => SqlType::Date,
        "timestamp" => SqlType::Timestamp,
        "list" => SqlType::List(Box::new(SqlType::Text)),
        "record" => {
            SqlType::Struct(["email", "name"].map(|name| Column { name: name.to_owned(), ty: SqlType::Text }).to_vec())
        }
        other => panic!("no type {other}"),
    }
}

/// Diagnostics, each on a line of its own, hints and further places below.
fn show(sources: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for d in diagnostics {
        let severity = if d.is_error() { "error" } else { "warning" };
        let at = d.span.map(|span| format!(" {}", place(sources, span))).unwrap_or_default();
        let _ = writeln!(out, "{severity}[{}]{at} {}", d.id, d.message);
        for label in &d.labels {
            let _ = writeln!(out, "  {}: {}", place(sources, label.span), label.message);
        }
        if let Some(hint) = &d.hint {
            let _ = writeln!(out, "  hint: {hint}");
        }
    }
    if out.is_empty() { "none\n".to_owned() } else { out }
}

fn place(sources: &SourceMap, span: Span) -> String {
    let (from, to) = (sources.line_column(span.file, span.start), sources.line_column(span.file, span.end));
    let path = sources.file(span.file).map_or("?", |f| f.path.as_str());
    format!("{path}:{}:{}-{}:{}", from.line, from.column, to.line, to.column)
}

/// A fenced block of a Markdown file: its info string, its body, and where the body stands.
struct Block {
    info: String,
    body: String,
    lines: std::ops::Range<usize>,
}

enum Part {
    Case(String),
    Block(Block),
}

fn markdown(text: &str) -> Vec<Part> {
    let mut parts = vec![];
    let lines: Vec<&str> = text.lines().collect();
    let mut i = 0;
    while i < lines.len() {
        if let Some(title) = lines[i].strip_prefix("## ") {
            parts.push(Part::Case(title.to_owned()));
        } else if let Some(info) = lines[i].strip_prefix("```") {
            let end = (i + 1..lines.len()).find(|n| lines[*n] == "```").expect("a closing fence");
            let body = lines[i + 1..end].iter().flat_map(|line| [line, "\n"]).collect();
            parts.push(Part::Block(Block { info: info.to_owned(), body, lines: i + 1..end }));
            i = end;
        }
        i += 1;
    }
    parts
}

fn repository(path: &str) -> PathBuf {
    // Asked for when it runs: several checkouts may share what is built.
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests");
    Path::new(&folder).join("../..").join(path)
}

fn is_blessed() -> bool {
    std::env::var_os("KINFOLD_BLESS").is_some()
}

fn base() -> Input {
    Input { files: BTreeMap::from([("kinfold.yml".to_owned(), CONFIG.to_owned())]), ..Input::default() }
}

/// Runs every case of a file: (title, what came out, what stands there and where).
fn run_cases(text: &str) -> Vec<(String, String, Option<Block>)> {
    let mut shared = base();
    let mut cases: Vec<(String, Input, Option<Block>)> = vec![];
    for part in markdown(text) {
        match part {
            Part::Case(title) => cases.push((title, shared.clone(), None)),
            Part::Block(block) => match cases.last_mut() {
                None => shared.add(&block.info, &block.body),
                Some((_, _, expected)) if block.info == "diagnostics" => *expected = Some(block),
                Some((_, input, _)) => input.add(&block.info, &block.body),
            },
        }
    }
    let run = |input: Input| {
        let (sources, checked) = input.run();
        let errors = checked.diagnostics.iter().any(Diagnostic::is_error);
        assert_eq!(checked.project.is_none(), errors, "a project comes out exactly when there are no errors");
        show(&sources, &checked.diagnostics)
    };
    cases.into_iter().map(|(title, input, expected)| (title, run(input), expected)).collect()
}

#[test]
fn literate_cases() {
    let mut failures = String::new();
    let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(repository("tests/cases")).expect("cases").map(|e| e.expect("entry").path()).collect();
    files.sort();
    for path in files.iter().filter(|p| p.extension().is_some_and(|e| e == "md")) {
        let text = std::fs::read_to_string(path).expect("readable");
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (title, actual, expected) in run_cases(&text).into_iter().rev() {
            let heads = actual.lines().filter_map(|l| l.split_once(']')?.0.split_once('['));
            seen.extend(heads.map(|(severity, id)| (severity.to_owned(), id.to_owned())));
            let expected = expected.unwrap_or_else(|| panic!("{}: `{title}` has no diagnostics block", path.display()));
            if is_blessed() {
                lines.splice(expected.lines, actual.lines().map(str::to_owned));
            } else if actual != expected.body {
                let _ = writeln!(
                    failures,
                    "{}: {title}\n--- expected\n{}--- actual\n{actual}",
                    path.display(),
                    expected.body
                );
            }
        }
        if is_blessed() {
            std::fs::write(path, lines.join("\n") + "\n").expect("writable");
        }
    }
    assert!(failures.is_empty(), "{failures}\nset KINFOLD_BLESS=1 to accept what came out, after reading it");
    let head = |rule: &Rule| (format!("{:?}", rule.severity).to_lowercase(), rule.id.to_owned());
    let without: Vec<&str> = rules().iter().filter(|rule| !seen.contains(&head(rule))).map(|rule| rule.id).collect();
    assert!(without.is_empty(), "no case shows: {}", without.join(", "));
}

#[test]
fn rules_are_many_and_distinct() {
    let ids: Vec<&str> = rules().iter().map(|rule| rule.id).collect();
    let distinct: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), distinct.len());
    assert!(ids.len() >= 60, "{} rules", ids.len());
    let kebab = |id: &str| id.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    assert!(ids.iter().all(|id| kebab(id)));
}

#[test]
fn the_page_of_diagnostics_is_current() {
    let path = repository("docs/diagnostics.md");
    if is_blessed() {
        std::fs::create_dir_all(repository("docs")).expect("folder");
        std::fs::write(&path, diagnostics_page()).expect("writable");
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(written, diagnostics_page(), "set KINFOLD_BLESS=1 to write docs/diagnostics.md anew");
}

#[test]
fn the_examples_of_the_format_are_a_project() {
    let text = std::fs::read_to_string(repository("docs/format.md")).expect("docs/format.md");
    let mut input = Input::default();
    for part in markdown(&text) {
        if let Part::Block(block) = part {
            // Blocks that share a path are one file, told in pieces.
            let (kind, path) = block.info.split_once(' ').unwrap_or((&block.info, ""));
            match input.files.get_mut(path) {
                Some(file) if kind == "yaml" => file.push_str(&block.body),
                _ => input.add(&block.info, &block.body),
            }
        }
    }
    assert!(input.files.len() > 4, "the page has examples");
    let (sources, checked) = input.run();
    assert_eq!(show(&sources, &checked.diagnostics), "none\n");
}

#[test]
fn the_schema_explains_every_key() {
    fn walk(schema: &serde_json::Value, path: &str, without: &mut Vec<String>) {
        let Some(object) = schema.as_object() else { return };
        for (name, property) in object.get("properties").and_then(|p| p.as_object()).into_iter().flatten() {
            // The one key of a choice is explained where the choice is.
            let is_choice =
                object.contains_key("description") && object.get("required") == Some(&serde_json::json!([name]));
            if property.get("description").is_none() && !is_choice {
                without.push(format!("{path}.{name}"));
            }
        }
        for (name, definition) in object.get("$defs").and_then(|d| d.as_object()).into_iter().flatten() {
            walk(definition, name, without);
        }
        for option in object.get("oneOf").and_then(|o| o.as_array()).into_iter().flatten() {
            walk(option, path, without);
        }
    }
    let schema = crate::json_schema();
    let mut without = vec![];
    walk(&schema, "", &mut without);
    assert_eq!(without, [""; 0]);
    let keys: Vec<&str> = schema["properties"].as_object().expect("keys").keys().map(String::as_str).collect();
    for key in ["version", "warehouse", "sources", "models", "entities", "segments", "destinations", "syncs"] {
        assert!(keys.contains(&key), "{key}");
    }
}

#[test]
fn no_file_makes_checking_panic() {
    let text = std::fs::read_to_string(repository("docs/format.md")).expect("docs/format.md");
    let mut input = Input::default();
    for part in markdown(&text) {
        if let Part::Block(block) = part {
            input.add(&block.info, &block.body);
        }
    }
    let paths: Vec<String> = input.files.keys().cloned().collect();
    let mut seed: u64 = 42;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).expect("31 bits") % below
    };
    let pieces = [
        "", " ", "\n", ": ", "{", "}", "[", "]", "'", "\"", "~", "-1", "é", ",", "null", "a.b", "true", "((", "#",
        "|\n",
    ];
    for _ in 0..60 {
        let mut changed = input.clone();
        for _ in 0..=random(3) {
            let path = &paths[random(paths.len())];
            let text = changed.files.get_mut(path).expect("there");
            let at = (0..=random(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
            let end = (at + random(6)).min(text.len());
            let end = (end..=text.len()).find(|i| text.is_char_boundary(*i)).unwrap_or(text.len());
            text.replace_range(at..end, pieces[random(pieces.len())]);
        }
        let (sources, checked) = changed.run();
        for span in checked.diagnostics.iter().filter_map(|d| d.span) {
            let file = sources.file(span.file).expect("a file of the project");
            assert!(span.end as usize <= file.text.len(), "{span:?}");
        }
    }
}

/// Without an engine columns are not known; everything else must be right.
#[test]
fn the_sample_and_the_template_are_projects() {
    for folder in ["", "src/app/template"] {
        let root = repository(folder);
        let mut input = Input::default();
        let mut open = vec![root.clone()];
        while let Some(dir) = open.pop() {
            let entries = std::fs::read_dir(&dir).expect("a folder").map(|e| e.expect("entry").path());
            for path in entries {
                let name = path.strip_prefix(&root).expect("below").to_string_lossy().replace('\\', "/");
                if path.is_dir() && crate::FOLDERS.iter().any(|f| name == *f || name.starts_with(&format!("{f}/"))) {
                    open.push(path);
                } else if crate::is_project_file(&name) {
                    input.files.insert(name, std::fs::read_to_string(&path).expect("readable"));
                }
            }
        }
        assert!(input.files.len() > 3, "{folder}");
        let (sources, checked) = input.run();
        assert_eq!(show(&sources, &checked.diagnostics), "none\n", "{folder}");
    }
}

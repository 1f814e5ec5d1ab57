//! `kinfold compile --dialect postgresql`: the script that finds connected components, run by PostgreSQL, and what the clustering
//! kernel makes of the same rows.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::{Project, from_environment};

const GRAPHS: [(&str, &str); 2] = [
    ("kinfold.yml", "{version: 1, name: graphs, warehouse: {lake: {location: ./lake}}}"),
    (
        "models/graph.yml",
        "
sources:
  - name: graph
    location: ./data
    tables: [{name: wide, path: wide.csv, format: csv}, {name: narrow, path: narrow.csv, format: csv}]
entities:
  - name: node
    identity:
      identifiers: [{name: a}, {name: b}, {name: c}]
      from:
        - {table: graph.wide, ids: {a: a, b: b, c: c}}
        - {table: graph.narrow, ids: {a: a, c: c}}
",
    ),
];

#[test]
fn random_graphs_fall_apart_in_postgresql_as_in_the_kernel() {
    let Some(database) = Database::new("kinfold_random_graphs") else { return };
    let project = Project::of(&GRAPHS);
    let (mut wide, mut narrow) = ("a,b,c\n".to_owned(), "a,c\n".to_owned());
    let mut random = Random(1);
    for graph in 0..2000 {
        let (values, missing) = (1 + random.below(8), random.below(10));
        for _ in 0..random.below(13) {
            let [a, b, c] = std::array::from_fn(|_| {
                let value = random.below(values);
                if random.below(10) < missing { String::new() } else { format!("g{graph}-{value}") }
            });
            match random.below(3) {
                0 => writeln!(narrow, "{a},{c}").unwrap(),
                _ => writeln!(wide, "{a},{b},{c}").unwrap(),
            }
        }
    }
    // And a long chain.
    for i in 0..10_000 {
        writeln!(wide, "v{},v{},", i / 2, (i + 1) / 2).unwrap();
    }
    project.write("data/wide.csv", wide);
    project.write("data/narrow.csv", narrow);
    database.run(&[
        "create schema kinfold; create schema graph",
        "create table graph.wide (a text, b text, c text)",
        "create table graph.narrow (a text, c text)",
        "create function kinfold_exact(v varchar) returns varchar language sql immutable as 'select nullif(trim(v), '''')'",
    ]);
    database.load("graph.wide", &project.path("data/wide.csv"));
    database.load("graph.narrow", &project.path("data/narrow.csv"));
    check(&project, &database, "node");

    // A script that breaks off leaves the table as it was.
    let before = database.rows("select count(*) from kinfold.node_components");
    database.run(&["alter table graph.narrow rename column c to d"]);
    let failed = database.file(&script(&project, "node"));
    assert!(!failed.status.success());
    assert_eq!(database.rows("select count(*) from kinfold.node_components"), before);
}

/// A table's identifiers: the column, and the normaliser with what follows the value; then its time.
type Links = (&'static str, &'static [(&'static str, &'static str, &'static str)], &'static str);

const SAMPLE: &[Links] = &[
    (
        "crm.contacts",
        &[("contact_id", "kinfold_exact", ""), ("email", "kinfold_email", ""), ("phone", "kinfold_phone", ", 'TR'")],
        "updated_at",
    ),
    ("shop.customers", &[("user_id", "kinfold_exact", ""), ("email", "kinfold_email", "")], "created_at"),
    ("shop.orders", &[("user_id", "kinfold_exact", ""), ("customer_email", "kinfold_email", "")], "ordered_at"),
    ("web.events", &[("user_id", "kinfold_exact", ""), ("anonymous_id", "kinfold_exact", "")], "occurred_at"),
    ("newsletter.subscribers", &[("email", "kinfold_email", "")], "subscribed_at"),
];

#[test]
fn the_sample_without_limits_falls_apart_in_postgresql_as_in_the_kernel() {
    let Some(database) = Database::new("kinfold_sample_components") else { return };
    let project = Project::sample();
    project.write("models/customer.yml", without_limits(&project.read("models/customer.yml")));

    // PostgreSQL has no normalisers of ours: it looks up what they make of each value.
    database.run(&[
        "create schema kinfold",
        "create table public.normal (form text, raw text, value text)",
        "create function kinfold_exact(v varchar) returns varchar language sql stable as
            $$ select value from public.normal where form = 'kinfold_exact' and raw = v limit 1 $$",
        "create function kinfold_email(v varchar) returns varchar language sql stable as
            $$ select value from public.normal where form = 'kinfold_email' and raw = v limit 1 $$",
        "create function kinfold_phone(v varchar, region varchar) returns varchar language sql stable as
            $$ select value from public.normal where form = 'kinfold_phone' and raw = v limit 1 $$",
    ]);
    let file = project.path("rows.csv");
    let mut normal = vec!["select 'kinfold_email', 'test@test.com', kinfold_email('test@test.com')".to_owned()];
    for (table, columns, time) in SAMPLE {
        let text = |column: &str| format!("cast({column} as varchar)");
        let list = |each: &dyn Fn(&str) -> String| columns.iter().map(|c| each(c.0)).collect::<Vec<_>>().join(", ");
        let (schema, _) = table.split_once('.').unwrap();
        let defined = list(&|column| format!("{column} text"));
        database.run(&[
            &format!("create schema if not exists {schema}"),
            &format!("create table {table} ({defined}, {time} timestamptz)"),
        ]);
        let selected = list(&|column| format!("{} as {column}", text(column)));
        write_csv(&file, &project.query(&format!("select distinct {selected}, null from {table}")));
        database.load(table, &file);
        for (column, by, with) in *columns {
            let raw = text(column);
            normal.push(format!(
                "select distinct '{by}', {raw}, {by}({raw}{with}) from {table} where {column} is not null"
            ));
        }
    }
    for sql in normal {
        write_csv(&file, &project.query(&sql));
        database.load("public.normal", &file);
    }
    database.run(&["create index on public.normal (raw, form)", "analyze public.normal"]);
    let profiles = check(&project, &database, "customer");
    assert!(profiles > 1000, "{profiles}");
}

/// Runs the script, twice, and compares each value's component with its profile. Gives the number of components.
fn check(project: &Project, database: &Database, entity: &str) -> usize {
    project.kinfold(&["run", "--no-sync"]).expect(0);
    let sql = format!("select identifier, value, profile_id from {entity}_identifiers");
    let lines = project.query(&sql).iter().map(|row| row.iter().map(text_of).collect::<Vec<_>>().join("|")).collect();
    let kernels = numbered(lines);

    let script = script(project, entity);
    for _ in 0..2 {
        let ran = database.file(&script);
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        assert_eq!(String::from_utf8_lossy(&ran.stderr), "");
        let components =
            numbered(database.rows(&format!("select identifier, value, component from kinfold.{entity}_components")));
        assert_eq!(components.len(), kernels.len());
        for (component, profile) in components.iter().zip(&kernels) {
            assert_eq!(component, profile);
        }
    }
    kernels.iter().map(|(_, number)| number + 1).max().unwrap_or_default()
}

/// Each value and the number of its cluster, counted from the first value on.
fn numbered(mut lines: Vec<String>) -> Vec<(String, usize)> {
    lines.sort_unstable();
    let mut numbers = HashMap::new();
    let number = |line: &String| {
        let (value, cluster) = line.rsplit_once('|').unwrap();
        let next = numbers.len();
        (value.to_owned(), *numbers.entry(cluster.to_owned()).or_insert(next))
    };
    lines.iter().map(number).collect()
}

/// The compiled file.
fn script(project: &Project, entity: &str) -> PathBuf {
    let compiled = project.kinfold(&["compile", "--dialect", "postgresql"]).expect(0);
    let files = compiled.json["files"].as_array().unwrap();
    let is_script = |file: &&Value| file.as_str().unwrap().ends_with(&format!("_{entity}_components.sql"));
    let file = files.iter().find(is_script).unwrap_or_else(|| panic!("no script among {files:?}"));
    project.path(file.as_str().unwrap())
}

/// The identifiers' limits taken out.
fn without_limits(yaml: &str) -> String {
    let line = |line: &str| {
        let Some((before, after)) = line.split_once("limit: ").filter(|_| line.contains("- {name: ")) else {
            return line.to_owned();
        };
        let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
        before.trim_end_matches([',', ' ']).to_owned() + after
    };
    yaml.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Rows of texts and nulls.
fn write_csv(path: &Path, rows: &[Vec<Value>]) {
    let cell = |value: &Value| match value {
        Value::Null => String::new(),
        value => format!("\"{}\"", text_of(value).replace('"', "\"\"")),
    };
    let line = |row: &Vec<Value>| row.iter().map(cell).collect::<Vec<_>>().join(",") + "\n";
    std::fs::write(path, "header\n".to_owned() + &rows.iter().map(line).collect::<String>()).unwrap();
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A database of the test's own, since compiled SQL names its schemas. Dropped at the end.
struct Database {
    url: String,
    name: &'static str,
}

impl Database {
    fn new(name: &'static str) -> Option<Self> {
        let database = Self { url: from_environment("KINFOLD_TEST_POSTGRES")?, name };
        database.server(&[&format!("drop database if exists {name}"), &format!("create database {name}")]);
        Some(database)
    }

    fn psql(&self) -> Command {
        let mut psql = Command::new("psql");
        psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"]);
        psql.args(["--dbname", &self.url]).env("PGTZ", "UTC").env("PGOPTIONS", "--client-min-messages=warning");
        psql
    }

    /// Runs statements in the server's own database.
    fn server(&self, statements: &[&str]) {
        let commands = statements.iter().flat_map(|sql| ["--command", sql]);
        expect(&self.psql().args(commands).output().unwrap());
    }

    /// Runs statements and commands of psql; gives what they print.
    fn run(&self, statements: &[&str]) -> String {
        let commands = statements.iter().flat_map(|sql| ["--command", sql]);
        let connect = format!("\\connect {}", self.name);
        expect(&self.psql().args(["--command", &connect]).args(commands).output().unwrap())
    }

    /// Runs a file as a user would.
    fn file(&self, path: &Path) -> Output {
        let connect = format!("\\connect {}", self.name);
        self.psql().args(["--command", &connect]).arg("--file").arg(path).output().unwrap()
    }

    /// Fills a table from a file with a header.
    fn load(&self, table: &str, file: &Path) {
        self.run(&[&format!("\\copy {table} from '{}' with (format csv, header)", file.display())]);
    }

    fn rows(&self, query: &str) -> Vec<String> {
        self.run(&[query]).lines().map(str::to_owned).collect()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.server(&[&format!("drop database {}", self.name)]);
        }
    }
}

#[track_caller]
fn expect(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

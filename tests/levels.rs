//! Every kind of level over data: each pair of records has values in one place, and what is to come of it is worked out by hand.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::harness::Project;

/// What is compared, by name: the column, if any, and the levels.
const COMPARISONS: [(&str, &str, &str); 15] = [
    ("exact", "t", "exact"),
    ("jaro", "t", "{jaro: 0.9}"),
    ("jaro_winkler", "t", "{jaro_winkler: 0.9}"),
    ("levenshtein", "t", "{levenshtein: 2}"),
    ("damerau", "t", "{damerau_levenshtein: 1}"),
    ("prefix", "t", "{prefix: 3}"),
    ("until", "t", "{until: \"@\"}"),
    ("float", "f", "{difference: 0.2}"),
    ("whole", "w", "{difference: 2}"),
    ("within", "d", "{within: 31d}"),
    ("day_month", "d", "day_month_swapped"),
    ("time", "at", "{within: 90m}"),
    ("km", "", "{distance: {latitude: lat, longitude: lon, km: 5}}"),
    ("swapped", "first", "{swapped: last}"),
    ("sql", "", "{sql: \"l.first = r.last\"}"),
];

const COLUMNS: [&str; 10] = ["t", "f", "w", "d", "at", "lat", "lon", "first", "last", "tags"];

/// The label of a level, as `kinfold match train` writes it.
fn label(name: &str) -> &str {
    match name {
        "exact" => "exact",
        "jaro" => "jaro 0.9",
        "jaro_winkler" => "jaro_winkler 0.9",
        "levenshtein" => "levenshtein 2",
        "damerau" => "damerau_levenshtein 1",
        "prefix" => "prefix 3",
        "until" => "until @",
        "float" => "difference 0.2",
        "whole" => "difference 2",
        "within" => "within 31d",
        "day_month" => "day_month_swapped",
        "time" => "within 90m",
        "km" => "distance 5 km of lat, lon",
        "swapped" => "swapped last",
        "sql" => "l.first = r.last",
        name => panic!("{name} is no comparison"),
    }
}

/// What one record of a case has, then the other, by column.
type Values<'a> = &'a [(&'a str, &'a str, &'a str)];

fn project(cases: &[(Values<'_>, &str)]) -> Project {
    let mut rows = format!("id,pair,{}\n", COLUMNS.join(","));
    for (number, (values, _)) in cases.iter().enumerate() {
        for side in 0..2 {
            let value = |column: &&str| {
                let of = values.iter().find(|(name, ..)| name == column);
                of.map_or("", |(_, l, r)| if side == 0 { *l } else { *r })
            };
            let values: Vec<&str> = COLUMNS.iter().map(value).collect();
            writeln!(rows, "{number:02}-{side},pair {number},{}", values.join(",")).unwrap();
        }
    }
    let (mut comparisons, mut learned) = (String::new(), String::new());
    for (name, column, level) in COMPARISONS {
        let column = if column.is_empty() { String::new() } else { format!("column: {column}, ") };
        writeln!(comparisons, "          - {{name: {name}, {column}levels: [{level}]}}").unwrap();
        let label = label(name);
        writeln!(
            learned,
            "      - {{name: {name}, {column}levels: [{{level: \"{label}\", m: 0.6, u: 0.4}}, {{level: else, m: 0.4, u: 0.6}}]}}"
        )
        .unwrap();
    }
    let types = "{name: f, type: float}, {name: w, type: integer}, {name: d, type: date}, {name: at, type: timestamp}, \
                 {name: lat, type: float}, {name: lon, type: float}, {name: t, type: text}, {name: tags, type: text}, \
                 {name: first, type: text}, {name: last, type: text}";
    let columns = COLUMNS.map(|column| match column {
        "tags" => "tags: \"array_remove_all(string_to_array(tags, ' ', '-'), 'none')\"".to_owned(),
        column => format!("{column}: {column}"),
    });
    let columns = columns.join(", ");
    let model = format!(
        "sources:
  - {{name: crm, location: ./data, tables: [{{name: people, path: people.csv, format: csv, unique_key: id, columns: [{types}]}}]}}
entities:
  - name: person
    identity:
      identifiers: [{{name: record}}]
      from: [{{table: crm.people, ids: {{record: id}}}}]
      match:
        records: [{{table: crm.people, id: {{record: id}}, columns: {{pair: pair, {columns}}}}}]
        comparisons:
{comparisons}          - {{name: tags, column: tags, levels: [{{intersect: 2}}, {{intersect: 1}}]}}
        block_on: [pair]
        accept: 0.00001
        review: 0.000001
"
    );
    let learned = format!(
        "match_models:
  - entity: person
    probability: 0.5
    comparisons:
{learned}      - {{name: tags, levels: [{{level: intersect 2, m: 0.5, u: 0.2}}, {{level: intersect 1, m: 0.3, u: 0.3}}, {{level: else, m: 0.2, u: 0.5}}]}}
"
    );
    Project::of(&[
        ("kinfold.yml", "version: 1\nname: levels\nwarehouse: {lake: {location: ./lake}}\n"),
        ("models/person.yml", &model),
        ("models/person.match.yml", &learned),
        ("data/people.csv", &rows),
    ])
}

#[test]
fn every_level_holds_where_it_says() {
    // Those of a case's comparisons that hold; the others of the same columns do not, and all else says nothing.
    let cases: &[(Values<'_>, &str)] = &[
        (&[("t", "martha", "marhta")], "jaro jaro_winkler levenshtein damerau prefix"),
        (&[("t", "dixon", "dicksonx")], ""),
        (&[("t", "ab@x", "ab@y")], "levenshtein damerau prefix until"),
        (&[("t", "@x", "@y")], "levenshtein damerau"),
        (&[("t", "ab", "ab")], "exact jaro jaro_winkler levenshtein damerau until"),
        (&[("f", "1.1", "0.9")], "float"),
        (&[("f", "0.9", "1.1001")], ""),
        (&[("f", "1000000.1", "999999.9")], "float"),
        (&[("w", "5", "7")], "whole"),
        (&[("w", "8", "5")], ""),
        (&[("w", "9223372036854775807", "-9223372036854775808")], ""),
        (&[("w", "0", "-9223372036854775808")], ""),
        (&[("w", "-9223372036854775806", "-9223372036854775808")], "whole"),
        (&[("f", "inf", "5")], ""),
        (&[("f", "-inf", "inf")], ""),
        (&[("f", "NaN", "5")], ""),
        (&[("d", "2020-01-31", "2020-03-02")], "within"),
        (&[("d", "2020-01-31", "2020-03-03")], ""),
        (&[("d", "1980-04-03", "1980-03-04")], "within day_month"),
        (&[("at", "2026-01-01T10:00:00Z", "2026-01-01T11:30:00Z")], "time"),
        (&[("at", "2026-01-01T11:30:01Z", "2026-01-01T10:00:00Z")], ""),
        // 3.3 and 5.6 km.
        (&[("lat", "52.52", "52.55"), ("lon", "13.405", "13.405")], "km"),
        (&[("lat", "52.52", "52.57"), ("lon", "13.405", "13.405")], ""),
        (&[("first", "john", "smith"), ("last", "smith", "john")], "swapped sql"),
        (&[("first", "john", "smith"), ("last", "smith", "jon")], ""),
        (&[("tags", "a b c", "c b")], "tags=0"),
        (&[("tags", "a b", "b b z")], "tags=1"),
        // What is missing in both is nothing in common, and lists of nothing are missing themselves.
        (&[("tags", "a -", "- q")], "tags=2"),
        (&[("tags", "none", "none")], "tags=none"),
    ];
    let project = project(cases);
    project.kinfold(&["check"]).expect(0);
    project.run();
    let found = project.query("select value_a, levels from person_matches order by value_a");
    assert_eq!(found.len(), cases.len(), "{found:?}");
    for ((values, holding), row) in cases.iter().zip(&found) {
        let of_columns = |name: &str, column: &str| match name {
            "km" => values.iter().any(|(of, ..)| *of == "lat"),
            "sql" => values.iter().any(|(of, ..)| *of == "first"),
            _ => values.iter().any(|(of, ..)| *of == column),
        };
        let mut expected: Vec<Value> = COMPARISONS
            .iter()
            .map(|(name, column, _)| {
                let is_held = holding.split(' ').any(|held| held == *name);
                if of_columns(name, column) { json!(u8::from(!is_held)) } else { Value::Null }
            })
            .collect();
        let tags = holding.strip_prefix("tags=").and_then(|level| level.parse::<u8>().ok());
        expected.push(tags.map_or(Value::Null, |level| json!(level)));
        assert_eq!(row[1], json!(expected), "{values:?}");
    }
}

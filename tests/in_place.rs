//! Runs that resolve only what new rows touch and change their tables in place: they end where runs over all rows do.

use std::fmt::Write;

use serde_json::Value;

use crate::harness::{AS_OF, Project, Ran, copy};

/// Enough values that tables are changed in place.
const PEOPLE: u64 = 60_000;

/// Knuth's MMIX generator.
struct Random(u64);

impl Random {
    fn below(&mut self, of: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % of
    }
}

fn project() -> Project {
    let project = Project::of(&[
        ("kinfold.yml", "version: 1\nname: people\nwarehouse: {lake: {location: ./lake}}\n"),
        (
            "models/people.yml",
            "sources:
  - name: crm
    location: ./data
    tables:
      - {name: contacts, path: contacts/, format: csv, time: seen_at,
         columns: [{name: id, type: text}, {name: email, type: text}, {name: phone, type: text}, {name: seen_at, type: timestamp}]}
entities:
  - name: person
    identity:
      identifiers:
        - {name: id, limit: 2}
        - {name: email, type: email, shared_above: 4}
        - {name: phone, type: {phone: {region: TR}}, limit: {count: 2, within: 9d}}
      from: [{table: crm.contacts, ids: {id: id, email: email, phone: phone}}]
      always:
        - {pair: [{id: u1}, {email: e20@x.org}], reason: one and the same}
        - {pair: [{id: u40000}, {id: late}], reason: moved}
        - {pair: [{id: nobody}, {id: u5}], reason: never seen}
      never:
        - {pair: [{id: u40000}, {id: u40001}], reason: brothers}
        - {pair: [{email: e7@x.org}, {phone: \"+905321234517\"}], reason: recycled}
    traits:
      - {name: constant, expression: \"1\"}
",
        ),
    ]);
    let mut rows = HEADER.to_owned();
    for person in 0..PEOPLE {
        writeln!(rows, "u{person},e{person}@x.org,,2025-06-{:02}", 1 + person % 28).unwrap();
    }
    project.write("data/contacts/people.csv", rows);
    project.write("data/contacts/hard.csv", hard_rows(&mut Random(7), 900));
    project
}

const HEADER: &str = "id,email,phone,seen_at\n";

/// Rows among whose values limits are broken and values shared, and a few that meet people who nobody else meets.
fn hard_rows(random: &mut Random, count: u64) -> String {
    let mut rows = HEADER.to_owned();
    for _ in 0..count {
        let mut value = |few: u64| match random.below(4) {
            0 => None,
            1 => Some(random.below(PEOPLE + 20)),
            _ => Some(random.below(few)),
        };
        let [id, email, phone] = [value(300), value(500), value(90).map(|phone| 10 + phone % 90)];
        let text = |prefix: &str, value: Option<u64>, suffix: &str| {
            value.map_or_else(String::new, |v| format!("{prefix}{v}{suffix}"))
        };
        let (id, email, phone) = (text("u", id, ""), text("e", email, "@x.org"), text("+9053212345", phone, ""));
        writeln!(rows, "{id},{email},{phone},2026-01-{:02}", 1 + random.below(28)).unwrap();
    }
    rows
}

/// Everything that a run tells.
fn told(project: &Project, ran: &Ran) -> Vec<Vec<Vec<Value>>> {
    let run_id = ran.json["run_id"].as_str().unwrap();
    let ordered = |sql: &str, columns: usize| {
        let numbers: Vec<String> = (1..=columns).map(|column| column.to_string()).collect();
        project.query(&format!("{sql} order by {}", numbers.join(", ")))
    };
    let of_run = |columns: &str, table: &str| format!("select {columns} from {table} where run_id = '{run_id}'");
    vec![
        // No query of a test gives more than 100,000 rows.
        ordered("select * from person_identifiers where identifier = 'id'", 2),
        ordered("select * from person_identifiers where identifier <> 'id'", 2),
        ordered("select * from person_conflicts", 7),
        ordered("select * from person_shared", 2),
        ordered("select profile_id from person", 1),
        ordered("select * from person_aliases", 1),
        ordered(&of_run("change, profile_id, other_profile_id, identifier, value", "person_history"), 5),
        ordered(&of_run("metric, source, name, value", "person_health"), 4),
    ]
}

/// How many of the table's commits changed it in place.
fn changes_in_place(project: &Project, table: &str) -> usize {
    let log = project.path(&format!("lake/kinfold/{table}/_delta_log"));
    let commits = std::fs::read_dir(log).unwrap().map(|entry| entry.unwrap().path());
    let commits = commits.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let changes = |line: &str| line.starts_with("{\"add\":") && line.contains("\"deletionVector\":{");
    commits.filter(|path| std::fs::read_to_string(path).unwrap().lines().any(changes)).count()
}

fn run_over_all(project: &Project) -> Ran {
    project.kinfold(&["run", "--no-sync", "--full", "--as-of", AS_OF]).expect(0)
}

fn twin(project: &Project) -> Project {
    let twin = Project::empty();
    copy(project.root(), twin.root());
    twin
}

#[test]
fn runs_that_change_tables_in_place_end_where_whole_ones_do() {
    let project = project();
    project.run();
    assert_eq!(changes_in_place(&project, "person_identifiers"), 0);
    let mut random = Random(1);
    for step in 1..=4 {
        // The last one finds nothing new.
        if step < 4 {
            let mut rows = hard_rows(&mut random, 150);
            if step == 2 {
                // It is pinned to somebody of whom nothing else is new.
                writeln!(rows, "late,late@x.org,,2026-01-05\n,late@x.org,+905321239999,2026-01-06").unwrap();
            }
            project.write(&format!("data/contacts/new-{step}.csv"), rows);
        }
        let twin = twin(&project);
        let (ran, whole) = (project.run(), run_over_all(&twin));
        assert_eq!(ran.json["warnings"], whole.json["warnings"]);
        assert_eq!(ran.json["warnings"].as_array().map(Vec::len), Some(1 + usize::from(step == 1)));
        let (part, all) = (told(&project, &ran), told(&twin, &whole));
        for (part, all) in part.iter().zip(&all) {
            assert_eq!(part.len(), all.len(), "step {step}");
            for (part, all) in part.iter().zip(all) {
                assert_eq!(part, all, "step {step}");
            }
        }
        assert_eq!(changes_in_place(&project, "person_identifiers"), step.min(3));
        assert!(changes_in_place(&project, "person_conflicts") > 0);
        assert_eq!(changes_in_place(&twin, "person_identifiers"), (step - 1).min(3));
        let steps = ran.json["steps"].as_array().unwrap();
        let note = steps.iter().find(|step| step["name"] == "person_identity").unwrap()["note"].as_str().unwrap();
        assert!(note.ends_with(" known values resolved again"), "{note}");
        assert_eq!(note.starts_with("0 of "), step == 4, "{note}");
    }
    let late = project.query(
        "select count(distinct profile_id) from person_identifiers where value in ('u40000', 'late', '+905321239999')",
    );
    assert_eq!(late, [[1]]);
}

/// Whatever the tables are not what the last run left, or rows are gone: all rows are read.
#[test]
fn a_run_that_cannot_change_tables_in_place_writes_them_anew() {
    let project = project();
    project.run();
    let mut random = Random(2);
    let mut add = |name: &str| project.write(&format!("data/contacts/{name}.csv"), hard_rows(&mut random, 50));
    let whole = |what: &str| {
        let before = changes_in_place(&project, "person_identifiers");
        let part = told(&project, &project.run());
        assert_eq!(changes_in_place(&project, "person_identifiers"), before, "{what}");
        // What changed is told by the run before.
        let twin = twin(&project);
        let all = told(&twin, &run_over_all(&twin));
        assert!(part[..6] == all[..6], "{what}");
    };
    add("one");
    project.edit("models/people.yml", "{name: id, limit: 2}", "{name: id, limit: 3}");
    whole("other rules");
    add("pins");
    project.edit("models/people.yml", "brothers", "twins");
    whole("another reason");
    add("more pins");
    project.edit("models/people.yml", "{id: u40001}", "{id: u40002}");
    whole("another pin");
    add("two");
    std::fs::remove_file(project.path("data/contacts/one.csv")).unwrap();
    whole("rows that are gone");
    add("three");
    std::fs::remove_dir_all(project.path("lake/kinfold/_kept/person.result")).unwrap();
    whole("nothing is known of the last run");
    let kept = project.path("lake/kinfold/_kept");
    add("index");
    std::fs::remove_dir_all(kept.join("person.values")).unwrap();
    whole("the index is gone");
    add("damage");
    for piece in files_below(&kept.join("person.values")) {
        std::fs::write(piece, b"nothing of the kind").unwrap();
    }
    whole("the index is damaged");
    add("in place again");
    project.run();
    assert_eq!(changes_in_place(&project, "person_identifiers"), 1);
    add("four");
    // As if it had been killed before its last table was shown.
    let commits = project.path("lake/kinfold/runs/_delta_log");
    let commits = std::fs::read_dir(commits).unwrap().map(|entry| entry.unwrap().path());
    std::fs::remove_file(commits.filter(|path| path.extension().is_some_and(|of| of == "json")).max().unwrap())
        .unwrap();
    whole("the last run was not done");
    add("five");
    project.run();
    assert_eq!(changes_in_place(&project, "person_identifiers"), 2);
}

/// Parquet files of all folders of a folder.
fn files_below(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = |of: &std::path::Path| std::fs::read_dir(of).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = entries(folder).filter(|path| path.is_dir()).flat_map(|folder| entries(&folder)).collect();
    assert!(!files.is_empty());
    files
}

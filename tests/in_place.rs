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

/// How much was resolved.
fn note(ran: &Ran) -> String {
    let steps = ran.json["steps"].as_array().unwrap();
    let note = steps.iter().find(|step| step["name"] == "person_identity").unwrap()["note"].as_str().unwrap();
    assert!(note.ends_with(" known values resolved again"), "{note}");
    note.to_owned()
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
        let note = note(&ran);
        assert_eq!(note.starts_with("0 of "), step == 4, "{note}");
    }
    let late = project.query(
        "select count(distinct profile_id) from person_identifiers where value in ('u40000', 'late', '+905321239999')",
    );
    assert_eq!(late, [[1]]);
}

const MATCHING: &str = "
sources:
  - name: registry
    location: ./data
    tables:
      - {name: people, path: people/, format: csv, unique_key: id,
         columns: [{name: id, type: text}, {name: name, type: text}, {name: zip, type: text}, {name: born, type: text}]}
entities:
  - name: person
    identity:
      identifiers:
        - {name: id, limit: 4}
        - {name: email, type: email, shared_above: 4}
        - {name: phone, type: {phone: {region: TR}}, limit: {count: 2, within: 9d}}
      from:
        - {table: crm.contacts, ids: {id: id, email: email, phone: phone}}
        - {table: registry.people, ids: {id: id}}
      never: [{pair: [{id: h0-1}, {id: h0-2}], reason: twins}]
      match:
        records: [{table: registry.people, id: {id: id}, columns: {name: name, zip: zip, born: born}}]
        comparisons:
          - {column: name, levels: [exact]}
          - {column: zip, levels: [exact, {prefix: 2}]}
          - {column: born, levels: [exact]}
        block_on: [name, [zip, born]]
        accept: 0.9
        review: 0.1
        linkage: average
";

const MODEL: &str = "
match_models:
  - entity: person
    probability: 0.01
    comparisons:
      - {name: name, levels: [{level: exact, m: 0.9, u: 0.001}, {level: else, m: 0.1, u: 0.999}]}
      - {name: zip, levels: [{level: exact, m: 0.7, u: 0.01}, {level: prefix 2, m: 0.2, u: 0.1}, {level: else, m: 0.1, u: 0.89}]}
      - {name: born, levels: [{level: exact, m: 0.9, u: 0.01}, {level: else, m: 0.1, u: 0.99}]}
";

/// Of those whom nobody matches, and of `hard` among whom many do; some of these are one of the others. Ids begin with `kind`.
fn people(random: &mut Random, kind: &str, others: u64, hard: u64) -> String {
    let mut rows = "id,name,zip,born\n".to_owned();
    let person = |p: u64| format!("n{},{:03},b{}", p % 30_000, p % 97, p % 365);
    for p in 0..others {
        writeln!(rows, "u{p},{}", person(p)).unwrap();
    }
    for i in 0..hard {
        let said = match random.below(4) {
            0 => person(random.below(PEOPLE)),
            _ => format!("h{},{:03},c{}", random.below(60), random.below(30), random.below(6)),
        };
        writeln!(rows, "{kind}-{i},{said}").unwrap();
    }
    rows
}

#[test]
fn what_matches_is_linked_in_place_as_it_is_in_a_whole_run() {
    let project = project();
    let contacts = project.read("models/people.yml");
    let sources = contacts.split("entities:").next().unwrap().to_owned();
    project.write("models/people.yml", sources);
    project.write("models/person.yml", MATCHING);
    project.write("models/person.match.yml", MODEL);
    let mut random = Random(3);
    project.write("data/people/all.csv", people(&mut random, "h0", PEOPLE, 500));
    project.run();
    let found = |table: &str| project.query(&format!("select count(*) from {table}"))[0][0].as_u64().unwrap();
    assert!(found("person_matches") > 200 && found("person_review") > 200);
    for step in 1..=5 {
        match step {
            // People who match, and rows that link some of them; then either; then weights alone; then nothing.
            1 => {
                project.write("data/people/1.csv", people(&mut random, "h1", 0, 60));
                project.write("data/contacts/1.csv", hard_rows(&mut random, 60) + "h1-1,h1@x.org,,\nh0-3,h1@x.org,,\n");
            }
            2 => project.write("data/people/2.csv", people(&mut random, "h2", 0, 40)),
            3 => {
                project.write("data/contacts/3.csv", hard_rows(&mut random, 60) + "h2-1,h2@x.org,,\nh0-4,h2@x.org,,\n");
            }
            4 => project.edit("models/person.match.yml", "m: 0.2, u: 0.1}", "m: 0.8, u: 0.03}"),
            _ => {}
        }
        let twin = twin(&project);
        let (ran, whole) = (project.run(), run_over_all(&twin));
        let (part, all) = (told(&project, &ran), told(&twin, &whole));
        for (part, all) in part.iter().zip(&all) {
            assert_eq!(part.len(), all.len(), "step {step}");
            for (part, all) in part.iter().zip(all) {
                assert_eq!(part, all, "step {step}");
            }
        }
        let refused = project.query("select distinct rule from person_conflicts where source = 'match' order by 1");
        assert!(refused.len() > 1, "{refused:?}");
        assert_eq!(changes_in_place(&project, "person_identifiers"), step.min(4), "step {step}");
        let note = note(&ran);
        assert_eq!(note.starts_with("0 of "), step == 5, "{note}");
        assert!(part[7].iter().any(|count| count[0] == "matches"), "{:?}", part[7]);
    }
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

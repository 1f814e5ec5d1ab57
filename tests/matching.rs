//! Matching by likelihood, from outside: real records with truth, and records that nothing can be learned of.

use serde_json::{Value, json};

use crate::harness::{Project, copy, from_environment, root};

fn febrl() -> Option<Project> {
    let data = from_environment("KINFOLD_TEST_DATA")?;
    let project = Project::empty();
    copy(&root().join("tests/projects/febrl_match"), project.root());
    copy(&std::path::Path::new(&data).join("febrl"), &project.path("data"));
    Some(project)
}

fn number(project: &Project, sql: &str) -> u64 {
    project.query(sql)[0][0].as_u64().unwrap()
}

/// Of pairs in a table, how many there are, and how many of them are of one person.
fn pairs(project: &Project, table: &str) -> [u64; 2] {
    let person = |column: &str| format!("split_part({column}, '-', 2)");
    let right = format!("{} = {}", person("value_a"), person("value_b"));
    let found = project.query(&format!("select count(*), count(*) filter (where {right}) from {table}"));
    [0, 1].map(|i| found[0][i].as_u64().unwrap())
}

#[test]
fn people_are_found_again_who_share_no_identifier() {
    let Some(project) = febrl() else { return };
    // Before anything was learned, nothing is matched, and that is said.
    let check = project.kinfold(&["check"]).expect(0);
    assert_eq!(check.json["diagnostics"][0]["id"], "no-match-model", "{:#}", check.json);
    let trained = project.kinfold(&["match", "train"]).expect(0);
    assert_eq!(trained.json["problems"], json!([]));
    assert_eq!(trained.json["written"], "models/person.match.yml");
    assert!(trained.json["passes"].as_array().unwrap().iter().all(|pass| pass["converged"] == true));
    let model = project.read("models/person.match.yml");
    assert_eq!(project.kinfold(&["check"]).expect(0).json["diagnostics"], json!([]));
    project.kinfold(&["match", "train"]).expect(0);
    assert_eq!(project.read("models/person.match.yml"), model, "the same records teach the same");

    project.run();
    let [found, right] = pairs(&project, "person_matches");
    assert_eq!(found, right, "none of another person");
    assert!((4_970..=5_000).contains(&found), "{found} of 5,000 people found again");
    let [looked_at, _] = pairs(&project, "person_review");
    assert!(looked_at < 100, "{looked_at}");
    // Every person has one record in each table, so that each match makes one profile of two.
    assert_eq!(number(&project, "select count(*) from person"), 10_000 - found);
    let history = "select count(*) from person_history";
    let before = number(&project, history);
    project.run();
    assert_eq!(number(&project, history), before, "a second run changes nothing");

    // Why, and what somebody who knows better can do.
    let explained = project.kinfold(&["explain", "record=rec-1070-org", "record=rec-1070-dup-0"]).expect(0);
    assert_eq!(explained.json["connected"], true, "{:#}", explained.json);
    let rule = explained.json["chain"][0]["rule"].as_str().unwrap();
    assert!(rule.contains("likely to match") && rule.contains("date_of_birth exact"), "{rule}");
    let pin =
        "      never: [{pair: [{record: rec-1070-org}, {record: rec-1070-dup-0}], reason: twins}]\n      match:\n";
    project.edit("models/person.yml", "      match:\n", pin);
    project.run();
    assert_eq!(number(&project, "select count(*) from person"), 10_000 - found + 1);
    let refused = project.query("select rule, source from person_conflicts");
    assert_eq!(refused, [[json!("pinned apart: twins"), json!("match")].to_vec()]);
    let explained = project.kinfold(&["explain", "record=rec-1070-org", "record=rec-1070-dup-0"]).expect(0);
    assert_eq!(explained.json["connected"], false, "{:#}", explained.json);
}

const RECORDS: &str = "
sources:
  - {name: crm, location: ./data, tables: [{name: people, path: people.csv, format: csv, unique_key: id, columns: [{name: nothing, type: text}, {name: zip, type: text}]}]}
entities:
  - name: person
    identity:
      identifiers: [{name: crm_id}]
      from: [{table: crm.people, ids: {crm_id: id}}]
      match:
        records: [{table: crm.people, id: {crm_id: id}, columns: {name: name, same: same, nothing: nothing, zip: zip}}]
        comparisons:
          - {column: name, as: name}
          - {column: zip, levels: [exact, {prefix: 2}]}
        block_on: [zip]
        accept: 0.9
        train: {block_on: [zip, name]}
";

/// 300 records of 60 names and 100 postcodes, a column that is always the same, and one that is always empty.
fn records(people: usize) -> Project {
    let rows = (0..people).map(|i| format!("p{i},name{},always,,{:03}", i % 60, i % 100));
    let csv: Vec<String> = ["id,name,same,nothing,zip".to_owned()].into_iter().chain(rows).collect();
    Project::of(&[
        ("kinfold.yml", "version: 1\nname: match\nwarehouse: {lake: {location: ./lake}}\n"),
        ("models/person.yml", RECORDS),
        ("data/people.csv", &(csv.join("\n") + "\n")),
    ])
}

fn problems(report: &Value) -> String {
    report["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem.as_str().unwrap())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn what_is_in_doubt_is_said_and_not_written() {
    let project = records(300);
    let comparisons = "        comparisons:
          - {column: nothing, as: name}
          - {column: same, as: name}
";
    project.edit("models/person.yml", "        comparisons:\n", comparisons);
    let trained = project.kinfold(&["match", "train"]).expect(1);
    let told = problems(&trained.json);
    assert!(told.contains("`nothing` is missing in every pair"), "{told}");
    assert!(told.contains("`same` tells nothing: every pair that was drawn is at `exact`"), "{told}");
    assert_eq!(trained.json["written"], Value::Null);
    assert!(!project.path("models/person.match.yml").exists());
    project.kinfold(&["match", "train", "--carry-on"]).expect(0);
    assert!(project.path("models/person.match.yml").exists());
    project.run();
}

#[test]
fn too_few_pairs_and_passes_that_teach_nothing_are_told() {
    let project = records(20);
    let told = problems(&project.kinfold(&["match", "train", "--dry-run"]).expect(0).json);
    assert!(told.contains("only 0 pairs agree in `zip`"), "{told}");
    assert!(told.contains("no pass tells anything of `name`"), "{told}");
    let nobody = records(1).kinfold(&["match", "train"]);
    assert_eq!(nobody.code, Some(1));
    assert!(nobody.told().contains("1 records of `person` to compare"), "{}", nobody.told());
}

#[test]
fn more_pairs_than_are_allowed_are_refused_before_any_is_made() {
    let project = records(300);
    project.edit("models/person.yml", "block_on: [zip]\n", "block_on: [zip, same]\n        max_pairs: 20000\n");
    project.edit(
        "models/person.yml",
        "train: {block_on: [zip, name]}",
        "train: {block_on: [zip, name], certain: [zip]}",
    );
    project.kinfold(&["match", "train", "--carry-on"]).expect(0);
    let ran = project.kinfold(&["run"]).expect(1);
    let error = ran.json["error"]["message"].as_str().unwrap();
    assert!(error.contains("45150 pairs of records would be compared, but `max_pairs` is 20000"), "{error}");
    assert!(error.contains("44850 agree in same, of them 44850 in `always`"), "{error}");
    assert!(ran.json["error"]["hint"].as_str().unwrap().contains("max_block"), "{:#}", ran.json);
    // What too many share finds nobody.
    project.edit(
        "models/person.yml",
        "        max_pairs: 20000\n",
        "        max_pairs: 20000\n        max_block: 100\n",
    );
    project.run();
}

#[test]
fn an_entity_that_is_not_there_or_matches_nothing_is_said_so() {
    let project = records(10);
    let ran = project.kinfold(&["match", "train", "persona"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.told().contains("did you mean `person`?"), "{}", ran.told());
    let ran = Project::sample().kinfold(&["match", "train"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.told().contains("no entity has a `match`"), "{}", ran.told());
}

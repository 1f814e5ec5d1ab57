//! People look at pairs of which the model is in doubt, and what they say becomes pins.

use std::io::Write;
use std::process::Stdio;

use serde_json::json;

use crate::harness::{Project, Ran};

const MODEL: &str = "sources:
  - {name: crm, location: ./data, tables: [{name: contacts, path: contacts.csv, format: csv, unique_key: id}]}
  - {name: shop, location: ./data, tables: [{name: customers, path: customers.csv, format: csv}]}
entities:
  - name: person
    identity:
      identifiers: [{name: crm_id}, {name: shop_id}]
      from:
        - {table: crm.contacts, ids: {crm_id: id}}
        - {table: shop.customers, ids: {shop_id: id}}
      match:
        pairs: across
        records:
          - {table: crm.contacts, id: {crm_id: id}, columns: &columns {first: first, last: last, born: cast(born as date)}}
          - {table: shop.customers, id: {shop_id: id}, columns: *columns}
        comparisons:
          - {column: first, levels: [exact, {jaro_winkler: 0.8}]}
          - {column: last, levels: [exact, {jaro_winkler: 0.8}]}
          - {column: born, levels: [exact, {levenshtein: 1}]}
        block_on: [\"substr(last, 1, 1)\"]
        accept: 0.95
        review: 0.05
";

/// As it is learned; weights are 4 and 1.58 bits for `first`, 5.32 and 2.32 for `last`, 6.32 and 1.91 for `born`.
const LEARNED: &str = "match_models:
  - entity: person
    probability: 0.01
    comparisons:
      - {name: first, levels: [{level: exact, m: 0.8, u: 0.05}, {level: jaro_winkler 0.8, m: 0.15, u: 0.05}, {level: else, m: 0.05, u: 0.9}]}
      - {name: last, levels: [{level: exact, m: 0.8, u: 0.02}, {level: jaro_winkler 0.8, m: 0.15, u: 0.03}, {level: else, m: 0.05, u: 0.95}]}
      - {name: born, levels: [{level: exact, m: 0.8, u: 0.01}, {level: levenshtein 1, m: 0.15, u: 0.04}, {level: else, m: 0.05, u: 0.95}]}
";

const CONTACTS: &str = "id,first,last,born
1,anna,kowalski,1980-02-03
2,berta,lang,1971-05-06
3,carl,meyer,1990-01-01
4,dora,nagy,1965-12-24
5,emil,olsen,2001-07-08
6,emil,olson,2001-07-08
";

/// The second has two rows.
const CUSTOMERS: &str = "id,first,last,born
1,anna,kowalsky,1980-02-04
2,berta,lange,1971-06-05
2,bertha,lange,
3,karl,meyer,1990-01-02
4,dora,nagi,1965-12-23
5,emile,olsen,2001-07-18
6,emil,olsson,2001-07-18
";

/// Eight pairs: 3-3, 5-5, then as likely 1-1, 4-4, 5-6, 6-6, then 6-5 and 2-2.
pub(crate) fn project() -> Project {
    Project::of(&[
        ("kinfold.yml", "version: 1\nname: review\nwarehouse: {lake: {location: ./lake}}\n"),
        ("models/person.yml", MODEL),
        ("models/person.match.yml", LEARNED),
        ("data/contacts.csv", CONTACTS),
        ("data/customers.csv", CUSTOMERS),
    ])
}

const FILE: &str = "models/person.pins.yml";

/// `kinfold match review`, with answers on standard input.
fn review(project: &Project, words: &[&str], answers: &str) -> Ran {
    let words = [&["match", "review"], words].concat();
    let mut command = project.command();
    command.args(&words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = command.spawn().unwrap();
    // Whoever quits reads no more.
    let _ = running.stdin.take().unwrap().write_all(answers.as_bytes());
    Ran::of(running.wait_with_output().unwrap(), &words)
}

/// Text without the spaces that make tables of it.
fn words(text: &str) -> String {
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect()
}

/// The values of each pair that there is to look at.
fn pairs(project: &Project, words: &[&str]) -> Vec<String> {
    let listed = project.kinfold(&[&["match", "review"], words].concat()).expect(0).json;
    let value = |record: &serde_json::Value| record["value"].as_str().unwrap().to_owned();
    let all = listed["pairs"].as_array().unwrap().iter();
    all.map(|pair| format!("{}-{}", value(&pair["a"]), value(&pair["b"]))).collect()
}

/// Whether two values are of one profile.
fn are_one(project: &Project, contact: u32, customer: u32) -> bool {
    let sql = format!(
        "select count(distinct profile_id) from person_identifiers \
         where (identifier = 'crm_id' and value = '{contact}') or (identifier = 'shop_id' and value = '{customer}')"
    );
    project.query(&sql)[0][0] == 1
}

#[test]
fn decisions_become_pins_that_the_next_run_applies() {
    let project = project();
    project.run();
    assert_eq!(pairs(&project, &[]), ["3-3", "5-5", "1-1", "4-4", "5-6", "6-6", "6-5", "2-2"]);
    assert_eq!(pairs(&project, &["--order", "doubtful", "--limit", "2"]), ["6-5", "1-1"]);

    // The third is first kept apart, and then skipped after all. Of 6-5 nobody is asked: 6 is 5, and 5 is apart from 5.
    let ran = review(&project, &[], "y\nn\nn\nu\ns\nY\nsame\nperhaps\n?\ny\nq\ny\n");
    assert_eq!(ran.code, Some(0), "{}", ran.told());
    for told in [
        "1 of 8 82.0 % likely to be one +2.18 bits",
        "A: crm_id 3 B: shop_id 3",
        "= last meyer meyer",
        "≈ born 1990-01-01 1990-01-02",
        "last exact +5.32 │█████",
        "undone; once more",
        "`perhaps` is no answer",
        "7 of 7 13.2 % likely to be one",
        "7 pairs: 4 same, 1 different, 1 skipped, 1 settled by these answers; wrote models/person.pins.yml; run `kinfold run`",
        "2 left to look at",
    ] {
        assert!(words(&ran.stdout).contains(told), "{told}\n{}", ran.stdout);
    }
    let file = project.read(FILE);
    let lines: Vec<&str> = file.lines().skip(2).collect();
    let wanted = [("always", 3, 3), ("never", 5, 5), ("always", 4, 4), ("always", 5, 6), ("always", 6, 6)];
    assert!(file.starts_with("# ") && file.lines().nth(1) == Some("pins:"), "{file}");
    assert_eq!(lines.len(), wanted.len(), "{file}");
    for (line, (kind, a, b)) in lines.iter().zip(wanted) {
        let begin = format!(
            "  - {{entity: person, {kind}: [{{pair: [{{crm_id: \"{a}\"}}, {{shop_id: \"{b}\"}}], reason: \"reviewed on 20"
        );
        assert!(line.starts_with(&begin), "{line}");
    }
    assert!(lines[0].ends_with(": probability 0.82\"}]}"), "{file}");

    let check = project.kinfold(&["check"]).expect(0);
    assert_eq!(check.json["diagnostics"], json!([]));
    assert_eq!(pairs(&project, &[]), ["1-1", "2-2"], "what is pinned, or settled by pins, is not asked again");
    assert!(!are_one(&project, 3, 3));
    project.run();
    assert!(are_one(&project, 3, 3) && are_one(&project, 4, 4) && are_one(&project, 5, 6) && are_one(&project, 6, 6));
    assert!(!are_one(&project, 5, 5) && !are_one(&project, 6, 5) && !are_one(&project, 1, 1));

    // The rest, of which one has two rows; and the file has only become longer.
    let ran = review(&project, &["person"], "n\ny\n");
    assert!(ran.stdout.contains("2 pairs: 1 same, 1 different; wrote"), "{}", ran.told());
    assert!(words(&ran.stdout).contains("≈ first berta berta\nbertha\n"), "{}", ran.stdout);
    assert!(project.read(FILE).starts_with(&file));
    let ran = review(&project, &[], "");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "nothing to review: no pair of person is open\n"));
    let listed = project.kinfold(&["match", "review"]).expect(0).json;
    assert_eq!(listed, json!({"entity": "person", "pairs": [], "remaining": 0}));
}

#[test]
fn pairs_are_listed_with_what_their_records_hold() {
    let project = project();
    project.run();
    let listed = project.kinfold(&["match", "review", "--limit", "8"]).expect(0).json;
    assert_eq!(listed["remaining"], 0);
    let last = &listed["pairs"][7];
    assert_eq!(
        last["a"],
        json!({"identifier": "crm_id", "value": "2", "table": "crm.contacts",
               "columns": {"first": "berta", "last": "lang", "born": "1971-05-06"}})
    );
    assert_eq!(last["b"]["columns"], json!({"first": "berta", "last": "lange", "born": "1971-06-05"}));
    assert_eq!(
        last["b"]["more"],
        json!([{"table": "shop.customers", "columns": {"first": "bertha", "last": "lange", "born": null}}])
    );
    let comparisons = last["comparisons"].as_array().unwrap();
    assert_eq!(comparisons[0]["level"], "jaro_winkler 0.8");
    assert_eq!(comparisons[2], json!({"name": "born", "level": null, "weight": 0.0}));
    let sum = comparisons.iter().fold(last["prior"].as_f64().unwrap(), |sum, c| sum + c["weight"].as_f64().unwrap());
    assert!((sum - last["weight"].as_f64().unwrap()).abs() < 1e-9);
    assert!((last["prior"].as_f64().unwrap() - (0.01_f64 / 0.99).log2()).abs() < 1e-6);
    assert!(!project.path(FILE).exists(), "nobody was asked");
}

#[test]
fn what_cannot_be_reviewed_is_said() {
    let project = project();
    let check = |words: &[&str], told: &str| {
        let ran = review(&project, words, "y\n");
        assert_eq!(ran.code, Some(1), "{}", ran.told());
        assert!(ran.stderr.contains(told), "{told}\n{}", ran.told());
    };
    check(&[], "there is no table `person_review` yet");
    check(&["persona"], "did you mean `person`?");
    std::fs::remove_file(project.path("models/person.match.yml")).unwrap();
    check(&[], "nothing has been learned of person yet");
    project.write("models/person.match.yml", LEARNED);
    project.run();
    // By hand, in another shape.
    project
        .write(FILE, "pins: [{entity: person, never: [{pair: [{crm_id: \"1\"}, {shop_id: \"6\"}], reason: seen}]}]\n");
    check(&[], "pins cannot be appended to models/person.pins.yml");
    project.write(
        FILE,
        "pins:\n  - entity: person\n    never: [{pair: [{crm_id: \"1\"}, {shop_id: \"6\"}], reason: seen}]\n",
    );
    let ran = review(&project, &["--limit", "1"], "y\n");
    assert!(ran.stdout.contains("1 pair: 1 same; wrote"), "{}", ran.told());
    project.kinfold(&["check"]).expect(0);
    project.edit("models/person.yml", "          - {column: born, levels: [exact, {levenshtein: 1}]}\n", "");
    project.edit("models/person.match.yml", "      - {name: born, levels: [{level: exact, m: 0.8, u: 0.01}, {level: levenshtein 1, m: 0.15, u: 0.04}, {level: else, m: 0.05, u: 0.95}]}\n", "");
    check(&[], "the last run compared other things");
}

#[test]
fn undoing_the_first_decision_leaves_no_file() {
    let project = project();
    project.run();
    let ran = review(&project, &[], "u\ny\nu\nq\n");
    assert!(ran.stdout.contains("there is nothing to undo"), "{}", ran.told());
    assert!(ran.stdout.ends_with("nothing was decided\n8 left to look at\n"), "{}", ran.told());
    assert!(!project.path(FILE).exists());
    project.kinfold(&["check"]).expect(0);
}

#[test]
fn a_pin_that_check_would_refuse_is_not_written() {
    let project = project();
    // To pins, `x5` and `X5` are one value: nobody could tell them apart.
    project.edit("data/contacts.csv", "5,emil,olsen", "x5,emil,olsen");
    project.edit("data/contacts.csv", "6,emil,olson", "X5,emil,olson");
    project.run();
    assert_eq!(pairs(&project, &[])[1..4], ["x5-5", "1-1", "4-4"]);
    let ran = review(&project, &[], "s\nn\ns\ns\ns\ns\ny\nn\nq\n");
    assert!(ran.stdout.contains("not written: other pins keep these two apart"), "{}", ran.told());
    assert!(ran.stdout.contains("7 pairs: 2 different, 5 skipped"), "{}", ran.told());
    project.kinfold(&["check"]).expect(0);
}

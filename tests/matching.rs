//! Matching by likelihood, from outside: real records with truth, and records that nothing can be learned of.

use serde_json::{Value, json};

use crate::harness::{AS_OF, Project, Ran, copy, from_environment, python, root};

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
    let report = project.kinfold(&["identity", "report"]).expect(0).json;
    assert_eq!(report["matches"], json!({"now": found, "before": null}));
    let history = "select count(*) from person_history";
    let before = number(&project, history);
    project.run();
    assert_eq!(number(&project, history), before, "a second run changes nothing");

    // Why, and what somebody who knows better can do.
    let explained = project.kinfold(&["explain", "record=rec-1070-org", "record=rec-1070-dup-0"]).expect(0);
    assert_eq!(explained.json["connected"], true, "{:#}", explained.json);
    let rule = explained.json["chain"][0]["rule"].as_str().unwrap();
    assert!(rule.contains("likely to match"), "{rule}");
    let score = &explained.json["chain"][0]["match"];
    let comparisons = score["comparisons"].as_array().unwrap();
    assert!(comparisons.iter().any(|c| c["name"] == "date_of_birth" && c["level"] == "exact"), "{score:#}");
    let sum: f64 = comparisons.iter().map(|c| c["weight"].as_f64().unwrap()).sum();
    let weight = score["weight"].as_f64().unwrap();
    assert!((score["prior"].as_f64().unwrap() + sum - weight).abs() < 1e-6, "{score:#}");
    let words = ["explain", "record=rec-1070-org", "record=rec-1070-dup-0"];
    let drawn = Ran::of(project.command().args(words).output().unwrap(), &words).stdout;
    assert!(
        drawn.contains("before they are compared") && drawn.contains("date_of_birth") && drawn.contains('█'),
        "{drawn}"
    );
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

/// By the same comparisons, over a fifth of FEBRL's people; `bench/febrl_parameters.py` does so over all.
#[test]
fn what_is_learned_is_what_splink_learns() {
    let Some(data) = from_environment("KINFOLD_TEST_DATA") else { return };
    let people = std::path::Path::new(&data).join("febrl/people.parquet");
    let project = Project::empty();
    copy(&root().join("tests/projects/learned"), project.root());
    let (people, data) = (people.to_str().unwrap(), project.path("data"));
    let Some(theirs) = python("learned_by_splink.py", &[people, data.to_str().unwrap(), "5"]) else { return };
    let theirs: Value = serde_json::from_str(&theirs).unwrap();
    let trained = project.kinfold(&["match", "train", "--dry-run"]).expect(0).json;

    let comparisons = trained["comparisons"].as_array().unwrap();
    assert_eq!(comparisons.len(), theirs.as_object().unwrap().len());
    for comparison in comparisons {
        let name = comparison["name"].as_str().unwrap();
        let (levels, theirs) = (comparison["levels"].as_array().unwrap(), theirs[name].as_array().unwrap());
        assert_eq!(levels.len(), theirs.len(), "{name}");
        for (level, theirs) in levels.iter().zip(theirs) {
            for (i, parameter) in ["m", "u"].into_iter().enumerate() {
                let [ours, theirs] = [&level[parameter], &theirs[i]].map(|number| number.as_f64().unwrap());
                assert!((ours - theirs).abs() < 0.0005, "{parameter} of {name}, {}: {ours}, {theirs}", level["level"]);
            }
        }
    }
}

#[test]
fn a_pass_that_finds_many_pairs_learns_from_some_of_them() {
    let Some(project) = febrl() else { return };
    let passes = |project: &Project| {
        let trained = project.kinfold(&["match", "train", "--dry-run"]).expect(0).json;
        assert_eq!(trained["problems"], json!([]));
        let of = |pass: &Value, what: &str| pass[what].as_u64().unwrap();
        let passes = trained["passes"].as_array().unwrap().iter();
        let passes: Vec<_> = passes.map(|pass| (of(pass, "pairs"), of(pass, "one_in"))).collect();
        let exact: Vec<f64> =
            trained["comparisons"].as_array().unwrap().iter().map(|c| c["levels"][0]["m"].as_f64().unwrap()).collect();
        (passes, exact)
    };
    let (all, of_all) = passes(&project);
    assert!(all.iter().all(|(_, one_in)| *one_in == 1), "{all:?}");
    project.edit("models/person.yml", "          random_pairs:", "          pass_pairs: 1000\n          random_pairs:");
    let (some, of_some) = passes(&project);
    for ((all, _), (pairs, one_in)) in all.iter().zip(&some) {
        // Across two tables: what rules find at most is twice as much.
        assert_eq!(*one_in, all.div_ceil(1000), "{some:?} of {all:?}");
        let expected = all / one_in;
        assert!(pairs.abs_diff(expected) < expected / 5, "{some:?} of {all:?}");
    }
    for (all, some) in of_all.iter().zip(&of_some) {
        // Of a thousand pairs that agree in a postcode, about a hundred match.
        assert!((all - some).abs() < 0.1, "{of_all:?}, {of_some:?}");
    }
    assert_eq!(passes(&project).0, some, "the same ones each time");
}

const LABELS: &str = r"
  - name: labels
    sql: select o.rec_id as a, d.rec_id as b, true as same from originals o join copies d on split_part(o.rec_id, '-', 2) = split_part(d.rec_id, '-', 2)
";

/// FEBRL 4 with the truth of it as labels, which are all there is.
pub(crate) fn labelled() -> Option<Project> {
    let project = febrl()?;
    project.edit("models/person.yml", "\nentities:", &format!("{LABELS}\nentities:"));
    let labels = "        labels: {table: labels, pair: [{record: a}, {record: b}], match: same, complete: true}\n        accept:";
    project.edit("models/person.yml", "        accept:", labels);
    Some(project)
}

#[test]
fn labels_teach_a_model_and_tell_what_it_is_worth() {
    let Some(project) = labelled() else { return };
    let early = project.kinfold(&["match", "evaluate"]);
    assert_eq!(early.code, Some(1));
    assert!(early.told().contains("kinfold match train person"), "{}", early.told());
    let trained = project.kinfold(&["match", "train"]).expect(0);
    assert_eq!(trained.json["labelled_pairs"], 5_000);
    assert_eq!(trained.json["passes"], json!([]));
    // 5,000 of 5,000 times 5,000 pairs match.
    assert!((trained.json["probability"].as_f64().unwrap() - 0.0002).abs() < 1e-9, "{}", trained.json["probability"]);
    let report = project.kinfold(&["match", "evaluate"]).expect(0).json;
    assert_eq!((&report["labels"]["matches"], &report["unused"]), (&json!(5_000), &json!(0)));

    // Counted by other means: what the run makes of it.
    project.run();
    let [found, right] = pairs(&project, "person_matches");
    let accept = &report["accept"];
    assert_eq!(accept["true_positives"], right);
    assert_eq!(accept["false_positives"], found - right);
    assert_eq!(accept["false_negatives"], 5_000 - right);
    assert!(accept["f1"].as_f64().unwrap() > 0.998, "{accept}");
    let by_rule: u64 = report["rules"].as_array().unwrap().iter().map(|rule| rule["matches"].as_u64().unwrap()).sum();
    assert_eq!(by_rule + report["not_compared"].as_u64().unwrap(), 5_000);
    let curve = report["curve"].as_array().unwrap();
    assert!(curve.is_sorted_by_key(|point| point["false_negatives"].as_u64()), "what is heavier misses more");
    let missed = report["mistakes"].as_array().unwrap();
    assert!(missed.iter().any(|pair| pair["kind"] == "not_compared"), "{missed:?}");
    let words = ["match", "evaluate"];
    let told = Ran::of(project.command().args(words).output().unwrap(), &words).stdout;
    assert!(told.contains("5,000 labelled pairs match") && told.contains("no rule"), "{told}");
}

#[test]
fn a_report_tells_the_same_as_the_tables() {
    let Some(project) = labelled() else { return };
    project.kinfold(&["match", "train"]).expect(0);
    // Before a run there are no profiles to show, and pairs are counted all the same.
    let early = project.kinfold(&["match", "report"]).expect(0).json;
    assert_eq!((&early["sizes"], &early["profiles"]), (&json!([]), &json!([])));
    project.run();
    let report = project.kinfold(&["match", "report"]).expect(0).json;
    assert_eq!((&report["compared"], &report["rules"]), (&early["compared"], &early["rules"]));
    let [found, _] = pairs(&project, "person_matches");
    let [looked_at, _] = pairs(&project, "person_review");
    assert_eq!((&report["linked"], &report["to_review"]), (&json!(found), &json!(looked_at)));
    let sum = |list: &Value, key: &str| -> u64 {
        list.as_array().unwrap().iter().map(|entry| entry[key].as_u64().unwrap()).sum()
    };
    assert_eq!(sum(&report["weights"], "pairs"), report["compared"]);
    assert_eq!(
        (sum(&report["rules"], "new"), sum(&report["rules"], "linked")),
        (sum(&report["weights"], "pairs"), found)
    );
    for rule in report["rules"].as_array().unwrap() {
        assert!(rule["pairs"].as_u64() >= rule["new"].as_u64(), "{rule}");
    }
    assert_eq!(sum(&report["tables"], "records"), 10_000);
    let surnames = "select count(surname) filter (where not duplicate), count(distinct surname) from registry.people where surname <> ''";
    let surname = &report["columns"].as_array().unwrap().iter().find(|c| c["column"] == "surname").unwrap();
    let counted = project.query(surnames);
    assert_eq!((&surname["filled"][0], &surname["distinct"]), (&counted[0][0], &counted[0][1]));
    assert_eq!(report["sizes"], json!([{"records": 2, "profiles": found}]));
    let shown = report["pairs"].as_array().unwrap();
    assert!(
        shown.len() > 30 && shown.iter().any(|pair| pair["linked"] == false && pair["label"] == true),
        "{}",
        shown.len()
    );
    for pair in shown {
        let parts: f64 = pair["parts"].as_array().unwrap().iter().map(|part| part["weight"].as_f64().unwrap()).sum();
        let weight = pair["weight"].as_f64().unwrap();
        assert!((pair["prior"].as_f64().unwrap() + parts - weight).abs() < 1e-6, "{pair:#}");
        let same = |side: &str| pair[side]["value"].as_str().unwrap().split('-').nth(1).unwrap().to_owned();
        assert_eq!(pair["label"] == true, same("a") == same("b"), "{pair:#}");
    }
    assert_eq!(report["profiles"][0]["edges"][0]["kind"], "match");
    assert_eq!(report["labels"]["missed"], project.kinfold(&["match", "evaluate"]).expect(0).json["not_compared"]);

    let written = project.kinfold(&["match", "report", "--html", "page.html"]).expect(0).json;
    assert_eq!(written["written"], "page.html");
    let page = project.read("page.html");
    assert!(page.contains("id=\"report\"") && page.contains("plotly.js v"));
    assert!(page.contains("default-src 'none'"), "it may load nothing");
}

#[test]
fn labels_that_contradict_themselves_are_told() {
    let Some(project) = labelled() else { return };
    // One pair said both ways, and one apart that two others put together.
    let more = "union all select 'rec-1-org', 'rec-1-dup-0', false \
        union all select 'rec-2-org', 'rec-3-dup-0', true union all select 'rec-3-org', 'rec-2-dup-0', false";
    project.edit(
        "models/person.yml",
        "split_part(d.rec_id, '-', 2)\n",
        &format!("split_part(d.rec_id, '-', 2) {more}\n"),
    );
    let trained = project.kinfold(&["match", "train"]).expect(1);
    let told = problems(&trained.json);
    assert!(told.contains("labels contradict themselves: 2 pairs are said not to match"), "{told}");
    assert_eq!(trained.json["written"], Value::Null);
    project.kinfold(&["match", "train", "--carry-on"]).expect(0);
    let report = project.kinfold(&["match", "evaluate"]).expect(0).json;
    assert_eq!(report["labels"]["contradictions"], 2, "{:#}", report["labels"]);
    // What is said both ways says nothing: of 5,000 pairs there is one less that matches, and one wrong one more.
    assert_eq!(report["unused"], 2, "{:#}", report["labels"]);
    let none = "match: same and false, complete";
    project.edit("models/person.yml", "match: same, complete", none);
    let told = problems(&project.kinfold(&["match", "evaluate"]).expect(0).json);
    assert!(told.contains("no label says that two records match"), "{told}");
    project.edit("models/person.yml", "        accept:", "        max_pairs: 10\n        accept:");
    let refused = project.kinfold(&["match", "evaluate"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.told().contains("pairs of records would be compared, but `max_pairs` is 10"), "{}", refused.told());
}

/// The rows of a step of a run.
fn step(ran: &Value, name: &str) -> u64 {
    let steps = ran["steps"].as_array().unwrap();
    steps.iter().find(|step| step["name"] == name).unwrap_or_else(|| panic!("{name}"))["rows"].as_u64().unwrap()
}

fn pairs_made(ran: &Value) -> u64 {
    (0..6).map(|rule| step(ran, &format!("_person_pairs_{rule}"))).sum()
}

#[test]
fn only_pairs_of_new_records_are_compared() {
    let Some(project) = febrl() else { return };
    // Without what makes rare values weigh more, so that a pair weighs the same whatever else there is.
    let plain = project.read("models/person.yml").replace(", as: name}", ", as: name, term_frequency: false}");
    project.write("models/person.yml", plain.replace("term_frequency: true", "term_frequency: false"));
    project.kinfold(&["match", "train"]).expect(0);
    // A tenth of the people comes later, one is gone then, and one is called otherwise.
    let all = "select * from registry.people where";
    let model = project.read("models/person.yml");
    project.write("models/person.yml", model.replace(all, &format!("{all} rec_id not like 'rec-%7-%' and")));
    let first = project.kinfold(&["run"]).expect(0).json;
    assert!(pairs_made(&first) > 4_000);
    let again = project.kinfold(&["run"]).expect(0).json;
    assert_eq!((pairs_made(&again), step(&again, "_person_pairs")), (0, step(&first, "_person_pairs")));

    let other = "surname: case when rec_id = 'rec-12-dup-0' then 'qwerty' else surname end";
    let changed = model.replace(all, &format!("{all} rec_id <> 'rec-11-dup-0' and"));
    project.write("models/person.yml", changed.replace("surname: surname", other));
    let onward = project.kinfold(&["run"]).expect(0).json;
    let made = pairs_made(&onward);
    let tables = ["person_matches", "person_review"];
    let rows = |table: &&str| project.query(&format!("select * from {table} order by value_a, value_b"));
    let of_onward: Vec<_> = tables.iter().map(rows).collect();
    assert!(of_onward[0].iter().all(|row| row[3] != "rec-11-dup-0"), "what is gone matches nobody");
    let full = pairs_made(&project.kinfold(&["run", "--full"]).expect(0).json);
    assert!(full > 4_900);
    // A pair is new if one of its two records is.
    assert!((full / 8..full / 4).contains(&made), "{made} of {full} pairs for a tenth of the records");
    assert_eq!(tables.iter().map(rows).collect::<Vec<_>>(), of_onward);

    // Other thresholds need no new pairs; another model, or what decides which pairs are made, does.
    project.edit("models/person.yml", "accept: 0.9\n", "accept: 0.95\n");
    assert_eq!(pairs_made(&project.kinfold(&["run"]).expect(0).json), 0);
    project.edit("models/person.yml", "review: 0.01", "review: 0.001");
    assert!(pairs_made(&project.kinfold(&["run"]).expect(0).json) > 4_900);
}

#[test]
fn a_record_is_linked_to_one_of_the_other_table_alone_if_asked() {
    let Some(project) = febrl() else { return };
    project.kinfold(&["match", "train"]).expect(0);
    // So low that strangers are linked.
    project.edit("models/person.yml", "accept: 0.9\n", "accept: 0.000001\n");
    project.edit("models/person.yml", "review: 0.01", "review: 0.000001");
    project.run();
    let glued =
        "select count(*) from (select profile_id from person_identifiers group by profile_id having count(*) > 2)";
    assert!(number(&project, glued) > 5);
    project.edit("models/person.yml", "        accept:", "        one_to_one: true\n        accept:");
    project.run();
    assert_eq!(number(&project, glued), 0);
    let told = project.query("select distinct rule, source from person_conflicts");
    assert_eq!(told, [[json!("one to one"), json!("match")].to_vec()]);
    project.edit("models/person.yml", "one_to_one: true", "linkage: complete");
    project.run();
    let told = project.query("select distinct rule, source from person_conflicts");
    assert_eq!(told, [[json!("too few of their records match"), json!("match")].to_vec()]);
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
    let written = project.kinfold(&["match", "train", "--carry-on"]).expect(0).json;
    assert!(project.path("models/person.match.yml").exists());
    let same =
        written["comparisons"].as_array().unwrap().iter().find(|comparison| comparison["name"] == "same").unwrap();
    let says_nothing = |level: &Value| level["weight"].as_f64().unwrap().abs() < 0.01;
    assert!(same["levels"].as_array().unwrap().iter().all(says_nothing), "{same:#}");
    project.run();
}

#[test]
fn what_finds_no_pairs_to_learn_from_is_said_with_the_reason() {
    let project = records(300);
    let train = "train: {block_on: [zip, name]}";
    let other = "max_block: 100\n        train: {block_on: [zip, same], certain: [nothing]}";
    project.edit("models/person.yml", train, other);
    let told = problems(&project.kinfold(&["match", "train"]).expect(1).json);
    let left_out =
        "1 value finds no pairs that agree in `same`: more records have such a value than `max_block`, up to 300";
    assert!(told.contains(left_out), "{told}");
    assert!(told.contains("the pass on `same` finds no pairs"), "{told}");
    assert!(told.contains("no two records agree in anything under `train.certain`"), "{told}");
}

#[test]
fn too_few_pairs_and_passes_that_teach_nothing_are_told() {
    let project = records(20);
    let told = problems(&project.kinfold(&["match", "train", "--dry-run"]).expect(0).json);
    assert!(told.contains("the pass on `zip` finds no pairs"), "{told}");
    assert!(told.contains("nothing tells anything of `name`"), "{told}");
    let nobody = records(1).kinfold(&["match", "train"]);
    assert_eq!(nobody.code, Some(1));
    assert!(nobody.told().contains("1 records of `person` to compare"), "{}", nobody.told());
}

#[test]
fn matches_do_not_multiply_where_a_key_is_not_unique_after_all() {
    let project = records(300);
    // Another text, and the same value of an identifier.
    project
        .write("data/people.csv", project.read("data/people.csv") + "\n p0,name0,always,,000\np300,name0,always,,000");
    project.edit("models/person.yml", "accept: 0.9", "accept: 0.0001\n        review: 0.00001");
    project.kinfold(&["match", "train", "--carry-on"]).expect(0);
    let count = || number(&project, "select count(*) from person_matches");
    let distinct = "select count(*) from (select distinct value_a, value_b from person_matches)";
    project.run();
    assert!(count() > number(&project, distinct), "of both rows");
    for _ in 0..3 {
        project.run();
        assert_eq!(count(), number(&project, distinct));
    }
    // Rows of one id change, go and come again: no pair of any of them is lost, and none stays.
    let all = project.read("data/people.csv");
    let without = all.replace("\n p0,name0,always,,000", "");
    let changed = all.replace("\n p0,name0,", "\n p0,name30,");
    for rows in [&changed, &without, &all, &without, &changed] {
        project.write("data/people.csv", rows);
        project.run();
        let twin = Project::empty();
        copy(project.root(), twin.root());
        twin.kinfold(&["run", "--no-sync", "--full", "--as-of", AS_OF]).expect(0);
        let pairs = "select value_a, value_b, max(weight) from person_matches group by 1, 2 order by 1, 2";
        assert_eq!(project.query(pairs), twin.query(pairs));
        assert_eq!(count(), number(&project, distinct));
    }
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
    let reported = project.kinfold(&["match", "report"]).expect(1);
    let told = reported.json["error"].as_str().unwrap();
    assert!(told.contains("45150 pairs of records would be compared, but `max_pairs` is 20000"), "{told}");
    project.edit("models/person.yml", "certain: [zip]", "certain: [same]");
    let ran = project.kinfold(&["match", "train", "--carry-on"]).expect(1);
    assert!(ran.json["error"].as_str().unwrap().contains("44850 agree in same"), "{:#}", ran.json);
    assert!(ran.json["hint"].as_str().unwrap().contains("`train.certain`"), "{:#}", ran.json);
    project.edit("models/person.yml", "certain: [same]", "certain: [zip]");
    // What too many share finds nobody.
    project.edit(
        "models/person.yml",
        "        max_pairs: 20000\n",
        "        max_pairs: 20000\n        max_block: 100\n",
    );
    let warned = "person_match_bound: 1 value finds no pairs that agree in `same`: more records have such a value than `max_block`, up to 300";
    let ran = project.run();
    assert!(ran.json["warnings"].as_array().unwrap().iter().any(|warning| warning == warned), "{:#}", ran.json);
    project.edit("models/person.yml", "block_on: [zip, same]", "block_on: [nothing]");
    let ran = project.run();
    let warned = "person_match_bound: no two records agree in anything under `block_on`: none are compared";
    assert!(ran.json["warnings"].as_array().unwrap().iter().any(|warning| warning == warned), "{:#}", ran.json);
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

#[test]
fn a_pair_that_is_labelled_in_both_orders_counts_once() {
    let project = records(300);
    // Each pair of one postcode in both orders, and some once more; and a pair that does not match, in both orders, too.
    let pairs = "select l.id as a, r.id as b, true as same from crm.people l join crm.people r on l.zip = r.zip and l.id <> r.id";
    let more =
        "union all select 'p0', 'p100', true union all select 'p0', 'p1', false union all select 'p1', 'p0', false";
    let labels = format!("\nmodels:\n  - {{name: labels, sql: \"{pairs} {more}\"}}\nentities:");
    project.edit("models/person.yml", "\nentities:", &labels);
    let labels = "        labels: {table: labels, pair: [{crm_id: a}, {crm_id: b}], match: same}\n        accept:";
    project.edit("models/person.yml", "        accept:", labels);
    let trained = project.kinfold(&["match", "train", "--carry-on"]).expect(0).json;
    assert_eq!(trained["labelled_pairs"], 300);
    let report = project.kinfold(&["match", "evaluate"]).expect(0).json;
    assert_eq!((&report["labels"]["matches"], &report["labels"]["others"]), (&json!(300), &json!(1)));
    assert_eq!((&report["unused"], &report["labels"]["contradictions"]), (&json!(0), &json!(0)));
    let accept = &report["accept"];
    let matches = accept["true_positives"].as_u64().unwrap() + accept["false_negatives"].as_u64().unwrap();
    assert_eq!(matches, 300, "{accept}");
}

#[test]
fn what_is_worth_a_review_is_counted_from_exactly_there() {
    let project = crate::match_review::project();
    let labels = "models:\n  - {name: labels, sql: \"select id as a, id as b from crm.contacts\"}\nentities:\n";
    project.edit("models/person.yml", "entities:\n", labels);
    // Two pairs have 2.18 bits; 0.81 are 2.09. The curve goes by 1.75 and 2.25 bits.
    let thresholds = "        labels: {table: labels, pair: [{crm_id: a}, {shop_id: b}], complete: true}\n        accept: 0.95\n        review: 0.81\n";
    project.edit("models/person.yml", "        accept: 0.95\n        review: 0.05\n", thresholds);
    project.run();
    let report = project.kinfold(&["match", "evaluate"]).expect(0).json;
    let counts = |at: &str| {
        let counts = ["true_positives", "false_positives", "false_negatives"];
        counts.map(|name| report[at][name].as_u64().unwrap())
    };
    assert_eq!((counts("accept"), counts("review")), ([0, 0, 6], [2, 0, 4]));
    assert_eq!(pairs(&project, "person_review")[0], 2);
    assert_eq!(report["review"]["probability"], 0.81);
    let weight = report["review"]["weight"].as_f64().unwrap();
    assert!((weight - (0.81_f64 / 0.19).log2()).abs() < 1e-9, "{weight}");
    // Among labelled pairs alone it is the same.
    project.edit("models/person.yml", ", complete: true", "");
    let report = project.kinfold(&["match", "evaluate"]).expect(0).json;
    assert_eq!((&report["review"]["true_positives"], &report["review"]["false_negatives"]), (&json!(2), &json!(4)));
}

//! Identity from outside: ids that stay and lead on, strange values, the report, and what a change of the rules would do.

use std::fmt::Write;
use std::process::Command;

use serde_json::Value;

use crate::harness::{AS_OF, Project, Ran, python};

const CONFIG: &str = "version: 1\nname: people\nwarehouse: {lake: {location: ./lake}}\n";

/// Contacts of three identifiers, and a segment of those who have a phone.
fn people(rules: &str, rows: &str) -> Project {
    let project = Project::of(&[("kinfold.yml", CONFIG)]);
    project.write("data/contacts.csv", rows);
    write_rules(&project, rules);
    project
}

fn write_rules(project: &Project, rules: &str) {
    project.write(
        "models/people.yml",
        format!(
            "sources:
  - name: crm
    location: ./data
    tables:
      - {{name: contacts, path: contacts.csv, format: csv, time: seen_at,
         columns: [{{name: id, type: text}}, {{name: email, type: text}}, {{name: phone, type: text}}, {{name: seen_at, type: timestamp}}]}}
entities:
  - name: person
    identity:
{rules}
      from: [{{table: crm.contacts, ids: {{id: id, email: email, phone: phone}}}}]
    traits:
      - {{name: contacts, default: 0, aggregate: {{table: crm.contacts, value: count(*)}}}}
segments:
  - {{name: busy, entity: person, where: {{trait: {{name: contacts, gte: 2}}}}}}
"
        ),
    );
}

const PLAIN: &str =
    "      identifiers: [{name: id}, {name: email, type: email}, {name: phone, type: {phone: {region: TR}}}]";

fn profile(project: &Project, identifier: &str) -> String {
    let shown = project.kinfold(&["show", "profile", identifier]).expect(0);
    shown.json["profile_id"].as_str().unwrap().to_owned()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect()
}

#[test]
fn a_former_profile_id_leads_to_todays() {
    let apart = "id,email,phone,seen_at\n1,a@x.org,,2026-01-01\n2,b@x.org,,2026-01-02\n3,c@x.org,,2026-01-03\n";
    let project = people(PLAIN, apart);
    project.run();
    let [a, b, c] = ["id=1", "id=2", "id=3"].map(|id| profile(&project, id));
    // Two merges in a row: c into b, then both into a.
    project.write("data/contacts.csv", format!("{apart}2,c@x.org,,2026-01-04\n"));
    project.run();
    assert_eq!(profile(&project, "id=3"), b);
    project.write("data/contacts.csv", format!("{apart}2,c@x.org,,2026-01-04\n1,b@x.org,,2026-01-05\n"));
    project.run();
    for former in [&b, &c] {
        let shown = project.kinfold(&["show", "profile", former]).expect(0);
        assert_eq!(
            (&shown.json["profile_id"], &shown.json["former_profile_id"]),
            (&Value::from(a.as_str()), &Value::from(former.as_str()))
        );
    }
    let aliases = project.query("select old_profile_id, profile_id from person_aliases order by old_profile_id");
    let mut expected = [vec![b.as_str(), &a], vec![c.as_str(), &a]];
    expected.sort();
    assert_eq!(aliases, expected);

    // The link between 1 and 2 goes: they part, and what was c goes with 2, whose id it leads to now.
    project.write("data/contacts.csv", format!("{apart}2,c@x.org,,2026-01-04\n"));
    project.run();
    assert_eq!(profile(&project, "id=1"), a);
    let parted = profile(&project, "id=2");
    assert_ne!(parted, a);
    assert_eq!(project.kinfold(&["show", "profile", &c]).expect(0).json["profile_id"], parted.as_str());
    let alive = project.query("select count(*) from person_aliases a join person p on p.profile_id = a.old_profile_id");
    assert_eq!(alive, [[0]]);

    // Everything of 1 is gone, and its former ids with it.
    project.write("data/contacts.csv", "id,email,phone,seen_at\n2,b@x.org,,2026-01-02\n3,c@x.org,,2026-01-03\n");
    project.run();
    let gone = project.kinfold(&["show", "profile", &a]).expect(1);
    assert!(gone.json["error"].as_str().unwrap().contains("is gone since"), "{}", gone.json);
    assert_eq!(project.query("select count(*) from person_history where change = 'gone'"), [[1]]);
    let of_three = profile(&project, "id=3");
    assert_eq!(project.kinfold(&["show", "profile", &c]).expect(0).json["profile_id"], of_three.as_str());
    project.kinfold(&["show", "profile", "000000000000"]).expect(1);
}

#[test]
fn a_build_from_nothing_gives_the_ids_of_the_first_build() {
    let project = Project::sample();
    project.run();
    let ids = "select identifier, value, profile_id from customer_identifiers order by 1, 2";
    let first = project.query(ids);
    std::fs::remove_dir_all(project.path("lake")).unwrap();
    project.kinfold(&["run", "--no-sync", "--threads", "1", "--as-of", AS_OF]).expect(0);
    assert_eq!(project.query(ids), first);
}

#[test]
fn strange_values_link_nobody_and_stop_nothing() {
    let mut rows = "id,email,phone,seen_at\n".to_owned();
    // Normalised to nothing, each in its own way; a phone without country code and region; a look-alike; no time; a future one.
    for row in [
        "1,a@x.org,+90 532 123 45 67,2026-01-01",
        "2,a@x.org,n/a,2026-01-01",
        "3,\" \",---,2026-01-01",
        "4,not an address,12,2026-01-01",
        "5,\u{430}@x.org,5321234568,2026-01-01",
        "6,A@X.ORG\u{200b},,",
        "7,b@x.org,,2999-01-01",
        "8,B@x.org,0532 123 45 67,2026-01-02",
    ] {
        rows.push_str(row);
        rows.push('\n');
    }
    writeln!(rows, "9,{}@x.org,,2026-01-01", "a".repeat(10 << 20)).unwrap();
    writeln!(rows, "{},c@x.org,,2026-01-01", "9".repeat(10 << 20)).unwrap();
    let project = people(PLAIN, &rows);
    project.run();
    let clusters = project.query(
        "select string_agg(value, ' ' order by identifier desc, value) from person_identifiers group by profile_id order by 1",
    );
    let clusters: Vec<&str> = clusters.iter().map(|row| row[0].as_str().unwrap()).collect();
    let expected =
        ["+905321234567 1 2 6 7 8 a@x.org b@x.org", "+905321234568 5 \u{430}@x.org", "3", "4", "9", "c@x.org"];
    assert_eq!(clusters, expected);
    let times = project.query(
        "select value, first_seen_at, last_seen_at from person_identifiers where value in ('6', '7') order by 1",
    );
    assert_eq!((&times[0][1], &times[1][1]), (&Value::Null, &Value::from("2999-01-01T00:00:00Z")));
    let report = project.kinfold(&["identity", "report"]).expect(0).json;
    assert_eq!(unusable(&report), [("email", 2), ("id", 1), ("phone", 3)]);
}

/// Identifier and number of rows.
fn unusable(report: &Value) -> Vec<(&str, u64)> {
    let counts = report["unusable"].as_array().unwrap().iter();
    counts.map(|count| (count["name"].as_str().unwrap(), count["now"].as_u64().unwrap())).collect()
}

#[test]
fn values_of_no_use_are_counted_and_told() {
    let rows = "id,email,phone,seen_at\n1,,0532 123 45 67,\n1,,0532 123 45 67,\n2,,+905321234567,\n3,a@x.org,12,\n4,,,\n,?,,\n5, \u{a0},None,\n6,-,+1 NONE,\n";
    // What is blocked is not counted, nor what nobody sees.
    let rules = PLAIN.replace("{phone: {region: TR}}", "phone, block: [none, {matches: '^.*NONE$'}]");
    let project = people(&rules.replace("type: email", "type: email, block: ['-']"), rows);
    let warning = "person: of 4 rows of crm.contacts with a phone, 3 have none that can be used; numbers without a country need a `region`";
    // The report may take runs of one second for each other.
    let counted = |ran: &Ran| {
        let run_id = ran.json["run_id"].as_str().unwrap();
        let of_run = format!("from person_health where metric = 'unusable' and run_id = '{run_id}'");
        project.query(&format!("select source || ' ' || name, value {of_run} order by 1"))
    };
    let counts = |counts: &[(&str, u64)]| -> Vec<Vec<Value>> {
        counts.iter().map(|(of, count)| vec![Value::from(*of), Value::from(*count)]).collect()
    };
    // Once with traits, for which rows are grouped, and once without, so that what was read is kept.
    for is_grouped in [true, false] {
        if !is_grouped {
            let trait_over_rows = "default: 0, aggregate: {table: crm.contacts, value: count(*)}";
            project.edit("models/people.yml", trait_over_rows, "expression: \"1\"");
        }
        for _ in 0..2 {
            let ran = project.run();
            assert_eq!(texts(&ran.json["warnings"]), [warning]);
            assert_eq!(counted(&ran), counts(&[("crm.contacts email", 1), ("crm.contacts phone", 3)]));
        }
    }
    project.edit("models/people.yml", "type: phone, ", "type: {phone: {region: TR}}, ");
    let ran = project.run();
    assert_eq!(ran.json["warnings"], Value::Null);
    assert_eq!(counted(&ran), counts(&[("crm.contacts email", 1), ("crm.contacts phone", 1)]));
    let report = project.command().args(["identity", "report"]).output().unwrap();
    let report = String::from_utf8(report.stdout).unwrap();
    assert!(report.contains("rows with a value that is of no use\n  crm.contacts: email  1  "), "{report}");
}

#[test]
fn pins_win_over_limits_and_contradict_nobody() {
    let rows = "id,email,phone,seen_at\n1,a@x.org,,2026-01-01\n2,b@x.org,,2026-01-02\n3,b@x.org,,2026-01-03\n";
    let limited = "      identifiers: [{name: id, limit: 1}, {name: email, type: email}, {name: phone, type: phone}]";
    // A chain of pins puts three ids into one profile, of which the limit allows one.
    let chain = format!(
        "{limited}\n      always:\n        - {{pair: [{{id: \"1\"}}, {{id: \"2\"}}], reason: one}}\n        - {{pair: [{{id: \"2\"}}, {{id: \"3\"}}], reason: two}}\n        - {{pair: [{{id: \"2\"}}, {{phone: \"+905321234567\"}}], reason: nobody's phone}}"
    );
    let project = people(&chain, rows);
    let ran = project.run();
    assert_eq!(project.query("select count(*) from person"), [[1]]);
    assert_eq!(
        texts(&ran.json["warnings"]),
        ["person: a pin of id and phone has no effect, as no row has one of its values (nobody's phone)"]
    );
    let report = project.kinfold(&["identity", "report"]).expect(0);
    assert_eq!(report.json["pins"][0]["name"], "always");
    assert_eq!(
        (&report.json["pins"][0]["now"], report.json["pins"].as_array().map(Vec::len)),
        (&Value::from(2), Some(1))
    );
    let steps = ran.json["steps"].as_array().unwrap();
    assert_eq!(steps.iter().find(|s| s["name"] == "person_identity").unwrap()["status"], "warned");

    let contradiction =
        format!("{chain}\n      never:\n        - {{pair: [{{id: \"1\"}}, {{id: \"3\"}}], reason: three}}");
    write_rules(&project, &contradiction);
    let checked = project.kinfold(&["check"]).expect(1);
    assert_eq!(checked.json["diagnostics"][0]["id"], "contradictory-pins");
    // Which only their forms tell.
    let always = "- {pair: [{id: \"2\"}, {email: \"b@x.org\\u200B\"}], reason: hers}";
    let never = "- {pair: [{id: \"2\"}, {email: b@x.org}], reason: somebody else's address}";
    write_rules(&project, &format!("{chain}\n        {always}\n      never:\n        {never}"));
    assert_eq!(told(&project), ["contradictory-pins: this pair is pinned apart, and linked by pins under `always`"]);
    let twice = "- {pair: [{phone: \"+90 532 123 45 67\"}, {phone: \"+905321234567\"}], reason: two numbers}";
    let useless = "- {pair: [{id: \"2\"}, {phone: \"12\"}], reason: an old number}";
    write_rules(&project, &format!("{chain}\n        {twice}\n        {useless}"));
    assert_eq!(told(&project), ["bad-pin: a pin holds the same value twice", "bad-pin: a pin holds no usable phone"]);
}

/// What is wrong with a project.
fn told(project: &Project) -> Vec<String> {
    let checked = project.kinfold(&["check"]).expect(1);
    let text = |d: &Value, key: &str| d[key].as_str().unwrap().to_owned();
    let diagnostics = checked.json["diagnostics"].as_array().unwrap();
    diagnostics.iter().map(|d| format!("{}: {}", text(d, "id"), text(d, "message"))).collect()
}

#[test]
fn a_profile_out_of_proportion_is_told_before_anything_is_delivered() {
    let mut rows = "id,email,phone,seen_at\n".to_owned();
    (0..30).for_each(|i| writeln!(rows, "{i},info@x.org,,2026-01-01").unwrap());
    let project = people(&format!("{PLAIN}\n      max_cluster: 20"), &rows);
    let ran = project.run();
    let warnings = texts(&ran.json["warnings"]).join("\n");
    assert!(warnings.starts_with("person: 1 profile has more than 20 identifiers; the largest, "), "{warnings}");
    let report = project.kinfold(&["identity", "report"]).expect(0);
    assert_eq!(report.json["largest"][0]["identifiers"], 31);

    let before = project.fingerprint();
    write_rules(&project, &format!("{PLAIN}\n      max_cluster: {{warn_above: 20, error_above: 30}}"));
    let failed = project.kinfold(&["run"]).expect(1);
    assert!(failed.told().contains("person: 1 profile has more than 30 identifiers"), "{}", failed.told());
    assert_eq!(project.fingerprint(), before);
}

#[test]
fn the_report_counts_and_compares() {
    let project = Project::sample();
    project.run();
    let first = project.kinfold(&["identity", "report"]).expect(0).json;
    let count = |sql: &str| project.query(sql)[0][0].clone();
    assert_eq!(first["profiles"]["now"], count("select count(*) from customer"));
    assert_eq!(first["profiles"]["before"], Value::Null);
    for identifier in first["identifiers"].as_array().unwrap() {
        let name = identifier["name"].as_str().unwrap();
        let sql = format!("select count(*) from customer_identifiers where identifier = '{name}'");
        assert_eq!(identifier["now"], count(&sql), "{name}");
    }
    let refused: u64 = first["refused"].as_array().unwrap().iter().map(|r| r["now"].as_u64().unwrap()).sum();
    assert_eq!(refused, count("select count(*) from customer_conflicts"));
    let largest = "select max(n) from (select count(*) as n from customer_identifiers group by profile_id)";
    assert_eq!(first["largest"][0]["identifiers"], count(largest));
    let sizes: u64 = first["profiles_by_size"].as_array().unwrap().iter().map(|s| s["now"].as_u64().unwrap()).sum();
    assert_eq!(sizes, first["profiles"]["now"]);

    // Without the limit of phones and the web, there are other counts, and the report says what they were.
    project.edit("models/customer.yml", "limit: 5, block", "limit: 1, block");
    project.run();
    let second = project.kinfold(&["identity", "report"]).expect(0).json;
    assert_eq!(second["profiles"]["before"], first["profiles"]["now"]);
    assert!(second["profiles"]["now"].as_u64() > first["profiles"]["now"].as_u64());
    let text = project.command().args(["identity", "report"]).output().unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    for title in ["profiles by number of identifiers", "edges: pairs of values on one row", "edges refused", "█"] {
        assert!(text.contains(title), "{text}");
    }
    assert!(project.kinfold(&["identity", "report", "--entity", "custmer"]).expect(1).told().contains("customer"));
}

fn git(project: &Project, words: &[&str]) {
    let identity = ["-c", "user.name=Tests", "-c", "user.email=tests@example.com", "-c", "init.defaultBranch=main"];
    let output = Command::new("git").arg("-C").arg(project.root()).args(identity).args(words).output().unwrap();
    assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_change_of_the_rules_is_seen_before_it_is_merged() {
    // 1 and 2 share a phone, 3 and 4 share an address that is not one person's.
    let rows = "id,email,phone,seen_at
1,a@x.org,05321234567,2026-01-01
2,b@x.org,05321234567,2026-01-02
3,info@x.org,,2026-01-03
4,info@x.org,,2026-01-04
5,e@x.org,,2026-01-05
6,,05321234569,2026-01-06
";
    let without_phones =
        "      identifiers: [{name: id}, {name: email, type: email}, {name: phone, block: [{matches: \".\"}]}]";
    let project = people(without_phones, rows);
    project.write(".gitignore", "lake/\ntarget/\n");
    git(&project, &["init", "--quiet"]);
    git(&project, &["add", "."]);
    git(&project, &["commit", "--quiet", "-m", "first"]);
    project.run();
    let before = project.fingerprint();

    let nothing = project.kinfold(&["identity", "diff", "--base", "HEAD"]).expect(0).json;
    let entity = &nothing["entities"][0];
    assert_eq!((&entity["profiles_before"], &entity["profiles_after"]), (&Value::from(5), &Value::from(5)));
    for count in ["merged_into", "split_from", "created", "gone", "values_gained", "values_lost"] {
        assert_eq!(entity[count], 0, "{count}");
    }

    let phones_and_no_info = "      identifiers: [{name: id}, {name: email, type: email, block: [info@x.org]}, {name: phone, type: {phone: {region: TR}}}]";
    write_rules(&project, phones_and_no_info);
    let diff = project.kinfold(&["identity", "diff", "--base", "main", "--as-of", AS_OF]).expect(0).json;
    let entity = &diff["entities"][0];
    expect_counts(entity, [5, 5, 2, 1, 1, 2, 0, 0, 2, 1]);
    // Before, 3 and 4 were one profile with two contacts; now 1 and 2 are.
    let busy = serde_json::json!({"segment": "busy", "before": 1, "after": 1, "entered": 1, "left": 1});
    assert_eq!(entity["segments"], serde_json::json!([busy]));
    let changes: Vec<&str> =
        entity["examples"].as_array().unwrap().iter().map(|e| e["change"].as_str().unwrap()).collect();
    assert_eq!(changes, ["merged", "split"]);
    assert_eq!(entity["examples"][0]["parts"].as_array().unwrap().len(), 3, "two profiles, and a phone that had none");
    assert_eq!(project.fingerprint(), before, "no table changed");

    let markdown = project.command().args(["identity", "diff", "--base", "main", "--markdown"]).output().unwrap();
    let markdown = String::from_utf8(markdown.stdout).unwrap();
    assert!(markdown.contains("- merged: 2 profiles into 1\n- split: 1 profile into 2\n"), "{markdown}");
    assert!(markdown.contains("| busy | 1 | 1 | 1 | 1 |"), "{markdown}");

    // What the diff foretold is what a run does.
    project.run();
    let done = project
        .query("select change, count(*) from person_history where change in ('merged', 'split') group by 1 order by 1");
    assert_eq!(done, [vec![Value::from("merged"), 1.into()], vec![Value::from("split"), 1.into()]]);
}

/// Profiles before and after, merged from and into, split from and into, created and gone; values gained and lost.
fn expect_counts(entity: &Value, counts: [u64; 10]) {
    let names = [
        "profiles_before",
        "profiles_after",
        "merged_from",
        "merged_into",
        "split_from",
        "split_into",
        "created",
        "gone",
        "values_gained",
        "values_lost",
    ];
    for (name, count) in names.into_iter().zip(counts) {
        assert_eq!(entity[name], count, "{name} in {entity:#}");
    }
}

#[test]
fn a_profile_in_several_merged_ones_counts_once() {
    // By email x and y are one profile beside a and b; by phone x is with a, and y with b.
    let rows = "id,email,phone,seen_at
x,h@x.org,,2026-01-01
y,h@x.org,,2026-01-02
x,,05321234561,2026-01-03
a,,05321234561,2026-01-04
y,,05321234562,2026-01-05
b,,05321234562,2026-01-06
";
    let project = people(PLAIN, rows);
    project.edit("models/people.yml", "email: email, phone: phone}", "email: email}");
    git(&project, &["init", "--quiet"]);
    git(&project, &["add", "."]);
    git(&project, &["commit", "--quiet", "-m", "by email"]);
    project.edit("models/people.yml", "id: id, email: email}", "id: id, phone: phone}");
    let diff = project.kinfold(&["identity", "diff", "--base", "HEAD", "--as-of", AS_OF]).expect(0).json;
    let entity = &diff["entities"][0];
    expect_counts(entity, [3, 2, 3, 2, 1, 2, 0, 0, 2, 1]);
    // Each has values without a profile in the other version: phones before, and the email now.
    let examples = entity["examples"].as_array().unwrap();
    let without_profile = |example: &Value| {
        let parts = example["parts"].as_array().unwrap().iter().filter(|part| part["profile_id"].is_null());
        parts.map(|part| part["identifiers"][0]["identifier"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let told: Vec<(&str, usize, Vec<String>)> = examples
        .iter()
        .map(|e| (e["change"].as_str().unwrap(), e["parts"].as_array().unwrap().len(), without_profile(e)))
        .collect();
    let [phone, email] = ["phone", "email"].map(|name| vec![name.to_owned()]);
    assert_eq!(told, [("merged", 3, phone.clone()), ("merged", 3, phone), ("split", 3, email)]);

    // The other way round, one profile falls into the same number as two do together.
    git(&project, &["commit", "--quiet", "-a", "-m", "by phone"]);
    project.edit("models/people.yml", "id: id, phone: phone}", "id: id, email: email}");
    let back = project.kinfold(&["identity", "diff", "--base", "HEAD", "--as-of", AS_OF]).expect(0).json;
    let counts = ["merged_from", "merged_into", "split_from", "split_into"].map(|count| &back["entities"][0][count]);
    assert_eq!(counts, [2, 1, 2, 3], "{back:#}");

    let text = project.command().args(["identity", "diff", "--base", "HEAD~1"]).output().unwrap();
    assert!(String::from_utf8(text.stdout).unwrap().contains("nothing changes"));
    let text = project.command().args(["identity", "diff", "--base", "HEAD"]).output().unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    for told in [
        "is made of 2 profiles",
        "falls into 2 profiles",
        "no profile before: email=h@x.org",
        "no profile now: phone=+905321234561",
    ] {
        assert!(text.contains(told), "{told} is not in {text}");
    }
}

#[test]
fn a_base_that_cannot_be_compared_with_is_said_so() {
    let project = people(PLAIN, "id,email,phone,seen_at\n1,a@x.org,,2026-01-01\n");
    let told = |words: &[&str]| project.kinfold(&[&["identity", "diff"], words].concat()).expect(1).told();
    assert!(told(&["--base", "main"]).contains("not a git repository"));
    project.write("models/broken.yml", "entities: [{nme: x}]\n");
    git(&project, &["init", "--quiet"]);
    git(&project, &["add", "."]);
    git(&project, &["commit", "--quiet", "-m", "broken"]);
    std::fs::remove_file(project.path("models/broken.yml")).unwrap();
    assert!(told(&["--base", "nowhere"]).contains("there is no commit `nowhere`"));
    assert!(told(&["--base=--output=x"]).contains("there is no commit"));
    assert!(told(&["--base", "HEAD"]).contains("the project at HEAD has errors"));
}

/// Two thousand random graphs, 250 in each run.
#[test]
fn clusters_without_rules_are_the_components_that_scipy_finds() {
    for seed in 0..8 {
        let project = Project::of(&[("kinfold.yml", CONFIG)]);
        let dir = project.path("data");
        std::fs::create_dir_all(&dir).unwrap();
        if python("components.py", &["make", dir.to_str().unwrap(), &seed.to_string()]).is_none() {
            return;
        }
        project.write(
            "models/people.yml",
            "sources:
  - {name: random, location: ./data, tables: [{name: rows, path: rows.csv, format: csv}]}
entities:
  - name: person
    identity:
      identifiers: [{name: a}, {name: b}, {name: c}]
      from: [{table: random.rows, ids: {a: a, b: b, c: c}}]
",
        );
        project.run();
        let mut found = "identifier,value,profile_id\n".to_owned();
        for row in project.query("select identifier, value, profile_id from person_identifiers") {
            let row: Vec<&str> = row.iter().map(|v| v.as_str().unwrap()).collect();
            writeln!(found, "{}", row.join(",")).unwrap();
        }
        project.write("data/found.csv", found);
        python("components.py", &["check", dir.to_str().unwrap()]).unwrap();
    }
}

/// Small enough that values meet.
fn random_rows(random: &mut impl FnMut(u64) -> u64) -> String {
    let mut rows = "id,email,phone,seen_at\n".to_owned();
    for _ in 0..=random(12) {
        let mut value =
            |kind: &str, of: u64| if random(3) == 0 { String::new() } else { format!("{kind}{}", random(of)) };
        let (id, email, phone) = (value("u", 12), value("e", 20), value("+9053212345", 90));
        let email = if email.is_empty() { email } else { format!("{email}@x.org") };
        writeln!(rows, "{id},{email},{phone},2026-01-{:02}", 1 + random(28)).unwrap();
    }
    rows
}

/// Files come, change and go; each run reads what is new, and ends where a run that reads everything does.
#[test]
fn incremental_runs_lead_where_full_ones_do() {
    let limited = "      identifiers: [{name: id, limit: 2}, {name: email, type: email, shared_above: 4}, {name: phone, type: {phone: {region: TR}}, limit: {count: 2, within: 9d}}]";
    for seed in 1..=4_u64 {
        let mut state = seed;
        let mut random = |of: u64| {
            // Knuth's MMIX generator.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % of
        };
        let project = people(if seed % 2 == 0 { PLAIN } else { limited }, "");
        std::fs::remove_file(project.path("data/contacts.csv")).unwrap();
        let model = std::fs::read_to_string(project.path("models/people.yml")).unwrap();
        // Traits would read the table anyway: without them, what was read is kept.
        let model = model
            .replace("contacts.csv", "contacts/")
            .replace("aggregate: {table: crm.contacts, value: count(*)}", "expression: \"1\"");
        project.write("models/people.yml", model.replace("default: 0, ", ""));
        for file in 0..4 {
            project.write(&format!("data/contacts/{file}.csv"), random_rows(&mut random));
        }
        let outcome =
            "select identifier, value, profile_id, first_seen_at, last_seen_at from person_identifiers order by 1, 2";
        let conflicts = "select * from person_conflicts order by 2, 4";
        for step in 0..5 {
            for _ in 0..=random(2) {
                let file = format!("data/contacts/{}.csv", random(8));
                if random(3) == 0 && step > 0 && project.path(&file).exists() {
                    std::fs::remove_file(project.path(&file)).unwrap();
                } else {
                    project.write(&file, random_rows(&mut random));
                }
            }
            let told = |ran: &Ran| {
                let run_id = &ran.json["run_id"];
                let health = format!(
                    "select metric, source, name, value from person_health where run_id = '{}' order by 1, 2, 3",
                    run_id.as_str().unwrap()
                );
                [outcome, conflicts, &health].map(|sql| project.query(sql))
            };
            let changes = || project.query("select count(*) from person_history");
            let of_new_files = told(&project.run());
            let before = changes();
            let full = project.kinfold(&["run", "--no-sync", "--full", "--as-of", AS_OF]).expect(0);
            assert_eq!(told(&full), of_new_files, "seed {seed}, step {step}");
            assert_eq!(changes(), before, "seed {seed}, step {step}");
        }
    }
}

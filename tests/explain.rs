//! Why values are one profile: a small project whose every edge is known, and the sample.
//!
//! ```text
//!  cookie c-ada ── user_id u1 ── email ada ══ email adas.old ── phone …03      ══ pinned together
//!                     ┊             │
//!                     ┊          phone …01 ── email ada2
//!                     ┊ refused: limit of user_id is 1
//!  user_id u2 ──── email bob ── phone …02
//!
//!  cookie kiosk: seen with u1, u2, u3 and u4, more than the three that one person may be
//! ```

use serde_json::{Value, json};

use crate::harness::{AS_OF, Project, Ran, python};

const PEOPLE: &str = r#"
sources:
  - name: crm
    location: ./data
    tables:
      - {name: contacts, path: contacts.csv, format: csv, unique_key: contact_id, time: changed_at,
         columns: [{name: changed_at, type: timestamp}]}
      - {name: logins, path: logins.csv, format: csv, unique_key: [member, nr], time: seen_at,
         columns: [{name: seen_at, type: timestamp}]}
  - name: web
    location: ./data
    tables:
      - {name: visits, path: visits.csv, format: csv, time: seen_at, columns: [{name: seen_at, type: timestamp}]}
entities:
  - name: person
    identity:
      identifiers:
        - {name: user_id, limit: 1}
        - {name: email, type: email, limit: 5, block: ["test@test.com"]}
        - {name: phone, type: {phone: {region: TR}}}
        - {name: cookie, shared_above: 3}
      from:
        - {table: crm.contacts, ids: {email: email, phone: phone}}
        - {table: crm.logins, ids: {user_id: member, email: email}}
        - {table: web.visits, ids: {user_id: member, cookie: cookie}}
      always:
        - {pair: [{email: Ada@x.example}, {email: adas.old@x.example}], reason: "called us, ticket 4711"}
    traits:
      - {name: contacts, default: 0, aggregate: {table: crm.contacts, value: count(*)}}
"#;

const CONTACTS: &str = "contact_id,email,phone,changed_at
K1,ada@x.example,0532 111 22 01,2026-01-02T00:00:00Z
K2,bob@x.example,0532 111 22 02,2026-01-03T00:00:00Z
K3,ADA2@x.example,+90 532 111 22 01,2026-01-04T00:00:00Z
K4,adas.old@x.example,0532 111 22 03,2026-01-09T00:00:00Z
";

const LOGINS: &str = "member,nr,email,seen_at
u1,1,ada@x.example,2026-01-05T08:00:00Z
u1,2,ada@x.example,2026-02-05T08:00:00Z
u2,1,bob@x.example,2026-01-06T08:00:00Z
u1,3,bob@x.example,2026-03-01T08:00:00Z
";

const VISITS: &str = "member,cookie,seen_at
u1,c-ada,2026-01-07T08:00:00Z
u1,c-ada,2026-01-08T08:00:00Z
u1,kiosk,2026-01-10T08:00:00Z
u2,kiosk,2026-01-11T08:00:00Z
u3,kiosk,2026-01-12T08:00:00Z
u4,kiosk,2026-01-13T08:00:00Z
";

/// The small project, built.
fn people() -> Project {
    let project = Project::of(&[
        ("kinfold.yml", "version: 1\nname: people\nwarehouse: {lake: {location: ./lake}}\n"),
        ("models/people.yml", PEOPLE),
        ("data/contacts.csv", CONTACTS),
        ("data/logins.csv", LOGINS),
        ("data/visits.csv", VISITS),
    ]);
    project.kinfold(&["run", "--as-of", AS_OF]).expect(0);
    project
}

/// What a person is told.
fn text(project: &Project, words: &[&str]) -> String {
    let output = project.command().args(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// `email ada@x.example - phone +905321112201`, for each edge of a list.
fn edges(list: &Value) -> Vec<String> {
    let end = |value: &Value| format!("{} {}", value["identifier"].as_str().unwrap(), value["value"].as_str().unwrap());
    let edge = |edge: &Value| format!("{} - {}", end(&edge["a"]), end(&edge["b"]));
    list.as_array().unwrap().iter().map(edge).collect()
}

fn told(ran: &Ran) -> &str {
    ran.json["error"].as_str().unwrap_or_else(|| panic!("no error: {}", ran.told()))
}

#[test]
fn a_chain_names_each_edge_with_rule_rows_and_times() {
    let project = people();
    // As people write them; the answer has them in their identifiers' forms.
    let words = ["explain", "cookie=c-ada", "phone=0532 111 22 03"];
    let ran = project.kinfold(&words).expect(0);
    let chain = &ran.json;
    assert_eq!(
        edges(&chain["chain"]),
        [
            "cookie c-ada - user_id u1",
            "user_id u1 - email ada@x.example",
            "email ada@x.example - email adas.old@x.example",
            "email adas.old@x.example - phone +905321112203",
        ]
    );
    assert_eq!((&chain["entity"], &chain["connected"]), (&json!("person"), &json!(true)));
    assert_eq!(chain["from"]["value"], "c-ada");
    assert_eq!(chain["to"]["value"], "+905321112203");
    assert_eq!(chain["profile_ids"].as_array().map(Vec::len), Some(1));
    assert_eq!(chain["notes"], json!([]));
    let rules: Vec<&str> = chain["chain"].as_array().unwrap().iter().map(|e| e["rule"].as_str().unwrap()).collect();
    let row = "seen on one row";
    assert_eq!(rules, [row, row, "pinned together: called us, ticket 4711", row]);
    // Two rows of a table without a key; two of one with a key of two columns, told of the first; a pin without rows.
    let evidence = |edge: usize| chain["chain"][edge]["evidence"].clone();
    assert_eq!(
        evidence(0),
        json!([{"source": "web.visits", "rows": 2, "first_seen_at": "2026-01-07T08:00:00Z",
            "last_seen_at": "2026-01-08T08:00:00Z", "row_key": null}])
    );
    assert_eq!(
        evidence(1),
        json!([{"source": "crm.logins", "rows": 2, "first_seen_at": "2026-01-05T08:00:00Z",
            "last_seen_at": "2026-02-05T08:00:00Z", "row_key": {"member": "u1", "nr": "1"}}])
    );
    assert_eq!(evidence(2), json!([]));
    assert_eq!(evidence(3)[0]["row_key"], json!({"contact_id": "K4"}));

    let shown = text(&project, &words);
    for said in ["by 4 edges", "ticket 4711", "crm.contacts: 1 row, contact_id K4, 2026-01-09T00:00:00Z", "user_id u1"]
    {
        assert!(shown.contains(said), "{said:?} is not in\n{shown}");
    }
}

#[test]
fn a_profile_tells_its_weakest_link_first_and_what_was_refused() {
    let project = people();
    let ran = project.kinfold(&["explain", "email=ADA@x.example"]).expect(0);
    let profile = &ran.json;
    assert_eq!(
        edges(&profile["edges"]),
        [
            // One row each, the oldest first, then two, then what somebody said.
            "email ada@x.example - phone +905321112201",
            "email ada2@x.example - phone +905321112201",
            "email adas.old@x.example - phone +905321112203",
            "user_id u1 - cookie c-ada",
            "user_id u1 - email ada@x.example",
            "email ada@x.example - email adas.old@x.example",
        ]
    );
    let weakest = &profile["edges"][0];
    assert_eq!(weakest["bridge"], true);
    assert_eq!(weakest["rows"], 1);
    let sizes: Vec<u64> = weakest["parts"].as_array().unwrap().iter().map(|p| p["size"].as_u64().unwrap()).collect();
    assert_eq!(sizes, [2, 5]);
    let cut = &weakest["parts"][0]["values"];
    assert_eq!((&cut[0]["value"], &cut[1]["value"]), (&json!("ada2@x.example"), &json!("+905321112201")));
    assert_eq!(profile["identifiers"].as_array().map(Vec::len), Some(7));

    assert_eq!(edges(&profile["refused"]), ["user_id u1 - email bob@x.example"]);
    let refused = &profile["refused"][0];
    assert_eq!((&refused["rule"], &refused["accepted"]), (&json!("limit of user_id is 1"), &json!(false)));
    assert_eq!(refused["evidence"][0]["row_key"], json!({"member": "u1", "nr": "3"}));
    assert_ne!(refused["b"]["profile_id"], profile["profile_id"]);
    assert_eq!(
        profile["shared"],
        json!([{"entity": "person", "identifier": "cookie", "value": "kiosk", "linked_identifier": "user_id", "degree": 4, "profile_id": null}])
    );
    assert_eq!(profile["notes"], json!([]));

    // The same by its id, in words.
    let shown = text(&project, &["explain", profile["profile_id"].as_str().unwrap(), "--entity", "person"]);
    for said in
        ["7 values, 6 edges", "user_id u1", "└─", "the weakest first", "refused", "limit of user_id is 1", "kiosk"]
    {
        assert!(shown.contains(said), "{said:?} is not in\n{shown}");
    }
}

#[test]
fn two_profiles_are_told_apart_by_the_edge_that_was_refused() {
    let project = people();
    let ran = project.kinfold(&["explain", "phone=0532 111 22 01", "phone=0532 111 22 02"]).expect(0);
    assert_eq!(ran.json["connected"], false);
    assert_eq!(ran.json["profile_ids"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        edges(&ran.json["chain"]),
        [
            "phone +905321112201 - email ada@x.example",
            "email ada@x.example - user_id u1",
            "user_id u1 - email bob@x.example",
            "email bob@x.example - phone +905321112202",
        ]
    );
    let accepted: Vec<bool> =
        ran.json["chain"].as_array().unwrap().iter().map(|e| e["accepted"].as_bool().unwrap()).collect();
    assert_eq!(accepted, [true, true, false, true]);

    // Three people met at the kiosk alone.
    let ran = project.kinfold(&["explain", "user_id=u3", "user_id=u4"]).expect(0);
    assert_eq!(edges(&ran.json["chain"]), ["user_id u3 - cookie kiosk", "cookie kiosk - user_id u4"]);
    assert_eq!(ran.json["shared"][0]["degree"], 4);
    let shared = text(&project, &["explain", "cookie=kiosk"]);
    assert!(shared.contains("shared by many") && shared.contains("4 values of user_id"), "{shared}");
    let ran = project.kinfold(&["explain", "cookie=kiosk", "email=ada@x.example"]).expect(0);
    assert_eq!(ran.json["connected"], false);
    assert_eq!(edges(&ran.json["chain"]), ["cookie kiosk - user_id u1", "user_id u1 - email ada@x.example"]);
}

#[test]
fn what_cannot_be_explained_is_an_error_that_says_why() {
    let project = people();
    for (words, said) in [
        (&["email=nobody@x.example"][..], "there is no person with email `nobody@x.example`"),
        (&["email=ada@x.example", "email=nobody@x.example"], "there is no person with email `nobody@x.example`"),
        (&["email=not an address"], "not a usable email"),
        (&["email=test@test.com"], "is blocked"),
        (&["shoe=44"], "no identifier `shoe`"),
        (&["email=ada@x.example", "emial=bob@x.example"], "no identifier `emial`"),
        (&["email=ada@x.example", "nothing"], "from one value to another"),
        (&["email=ada@x.example", "email=ADA@x.example"], "the same value"),
        (&["000000000000"], "there is no person with the profile_id"),
        (&["email=ada@x.example", "--entity", "persons"], "no entity `persons`"),
    ] {
        let ran = project.kinfold(&[&["explain"], words].concat()).expect(1);
        assert!(told(&ran).contains(said), "{words:?}: {}", told(&ran));
    }
    assert_eq!(project.kinfold(&["explain"]).code, Some(1));
    assert_eq!(project.kinfold(&["explain", "a=1", "b=2", "c=3"]).code, Some(1));
    let nowhere = project.kinfold(&["explain", "email=ada@x.example", "--svg", "no/such/folder/x.svg"]).expect(1);
    assert!(told(&nowhere).contains("no/such/folder"), "{}", told(&nowhere));
}

#[test]
fn the_sources_having_changed_since_the_run_is_said() {
    let project = people();
    project.write("data/contacts.csv", CONTACTS.replace("K1,ada@", "K1,new@"));
    let ran = project.kinfold(&["explain", "email=ada@x.example", "phone=0532 111 22 01"]).expect(0);
    assert_eq!((&ran.json["connected"], &ran.json["chain"]), (&json!(true), &json!([])));
    let notes = ran.json["notes"].to_string();
    assert!(notes.contains("2 parts") && notes.contains("1 pair"), "{notes}");
}

#[test]
fn a_picture_is_well_formed_whatever_is_in_the_data() {
    let project = people();
    let odd = r#"<b>&"'"#;
    project.write("data/visits.csv", format!("{VISITS}u1,\"{}\",2026-01-20T08:00:00Z\n", odd.replace('"', "\"\"")));
    project.kinfold(&["run", "--as-of", AS_OF]).expect(0);
    project.kinfold(&["explain", "user_id=u1", "--svg", "ada.svg"]).expect(0);
    project.kinfold(&["explain", "phone=0532 111 22 01", "phone=0532 111 22 02", "--svg", "two.svg"]).expect(0);
    project.kinfold(&["explain", "cookie=kiosk", "--svg", "kiosk.svg"]).expect(0);
    let drawn = |name: &str| {
        let printed = python("svg.py", &[project.path(name).to_str().unwrap()])?;
        Some(serde_json::from_str::<Value>(&printed).unwrap())
    };
    let (Some(profile), Some(two), Some(kiosk)) = (drawn("ada.svg"), drawn("two.svg"), drawn("kiosk.svg")) else {
        return;
    };
    for picture in [&profile, &two, &kiosk] {
        assert_eq!(picture["root"], "svg");
    }
    let texts = |picture: &Value| picture["texts"].to_string();
    assert!(profile["texts"].as_array().unwrap().iter().any(|t| t.as_str().unwrap().contains(odd)), "{profile:#}");
    for said in ["ada@x.example", "crm.logins 2 rows", "limit of user_id is 1", "bob@x.example"] {
        assert!(texts(&profile).contains(said), "{said} is not in {profile:#}");
    }
    assert_eq!((&profile["dashed"], &two["dashed"]), (&json!(1), &json!(1)));
    assert!(texts(&kiosk).contains("kiosk"), "{kiosk:#}");
}

#[test]
fn in_the_sample_every_profile_hangs_together_by_what_is_told() {
    let project = Project::sample();
    project.kinfold(&["run", "--no-sync", "--as-of", AS_OF]).expect(0);
    let largest = project.query(
        "select profile_id, count(*) as n from customer_identifiers group by profile_id order by n desc, profile_id limit 3",
    );
    for row in &largest {
        let id = row[0].as_str().unwrap();
        let profile = project.kinfold(&["explain", id]).expect(0).json;
        assert_eq!(profile["identifiers"].as_array().map(|v| v.len() as u64), row[1].as_u64());
        assert_eq!(profile["notes"], json!([]), "{id}");
        let bridges: Vec<bool> =
            profile["edges"].as_array().unwrap().iter().map(|e| e["bridge"].as_bool().unwrap()).collect();
        assert!(bridges.is_sorted_by(|a, b| a >= b), "{bridges:?}");
        // From the strongest value to the weakest, edge by edge.
        let end =
            |value: &Value| format!("{}={}", value["identifier"].as_str().unwrap(), value["value"].as_str().unwrap());
        let values = profile["identifiers"].as_array().unwrap();
        let (first, last) = (end(&values[0]), end(&values[values.len() - 1]));
        let chain = project.kinfold(&["explain", &first, &last]).expect(0).json;
        let mut at = first;
        for edge in chain["chain"].as_array().unwrap() {
            assert_eq!((end(&edge["a"]), &edge["accepted"]), (at, &json!(true)), "{chain:#}");
            at = end(&edge["b"]);
        }
        assert_eq!(at, last);
    }

    let refused = project.query(
        "select identifier_a || '=' || value_a, identifier_b || '=' || value_b, rule from customer_conflicts order by 1, 2",
    );
    assert!(!refused.is_empty());
    for edge in &refused {
        let words: Vec<&str> = edge.iter().map(|value| value.as_str().unwrap()).collect();
        let ran = project.kinfold(&["explain", words[0], words[1]]).expect(0);
        assert_eq!(ran.json["connected"], false, "{words:?}");
        assert_eq!(ran.json["chain"].as_array().map(Vec::len), Some(1), "{:#}", ran.json);
        assert_eq!(ran.json["chain"][0]["rule"], words[2]);
    }
}

//! The kill test: `kill -9` at every crash point of a sync, then run again. What the destination holds must be what a run without a
//! crash gives, and right after the kill the ledger may claim no row that the destination does not hold.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use crate::harness::{AS_OF, Postgres, Project, Webhook, copy, python};

/// Rows at a destination: key to the other fields.
type Rows = BTreeMap<String, String>;

/// At the n-th passing of a point: the first batches, and one after some outcomes are durable.
const PASSINGS: &[u32] = &[1, 2, 4];

#[test]
fn kill_at_every_point_of_a_sync_to_postgresql() {
    let Some(postgres) = Postgres::schema("kill") else { return };
    let world = World::new(Receiver::Postgres(postgres));
    let failures = world.crash_everywhere(None, kinfold_base::fault_names());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn kill_at_every_point_of_a_sync_to_a_webhook() {
    let world = World::new(Receiver::Webhook(Webhook::start(), Rows::new().into()));
    let failures = world.crash_everywhere(None, kinfold_base::fault_names());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// With the ledger committed before the outcomes are known, the very same test fails.
#[test]
fn the_kill_test_catches_a_ledger_that_is_committed_too_early() {
    let Some(postgres) = Postgres::schema("kill_bug") else { return };
    let world = World::new(Receiver::Postgres(postgres));
    let failures =
        world.crash_everywhere(Some("ledger-before-outcomes"), &["send.before", "send.after", "outcomes.before_write"]);
    assert!(!failures.is_empty(), "the bug went unseen");
    assert!(
        failures.iter().any(|f| f.contains("claims")) && failures.iter().any(|f| f.contains("after the next run")),
        "{failures:?}"
    );
}

enum Receiver {
    Postgres(Postgres),
    /// And what it holds.
    Webhook(Webhook, std::sync::Mutex<Rows>),
}

/// A project whose second version of the data waits to be delivered, and what it is held against.
struct World {
    project: Project,
    receiver: Receiver,
    /// What the destination holds before, and must hold after.
    before: Rows,
    after: Rows,
    /// What a hash in the ledger says that the destination holds, by key and hash.
    meaning: BTreeMap<(String, String), String>,
}

impl World {
    fn new(receiver: Receiver) -> Self {
        let (settings, url) = match &receiver {
            Receiver::Postgres(postgres) => {
                postgres.sql("create table people (contact_id text primary key, first_name text, country text)");
                let schema = &postgres.schema;
                (
                    format!(
                        "{{name: there, connector: postgres, settings: {{url: {{env: THERE}}, schema: {schema}, batch_size: 7, concurrency: 1}}}}"
                    ),
                    postgres.url.clone(),
                )
            }
            Receiver::Webhook(webhook, _) => (
                "{name: there, connector: webhook, settings: {url_secret: {env: THERE}, batch_size: 7, concurrency: 1}}"
                    .to_owned(),
                webhook.url.clone(),
            ),
        };
        let project = Project::of(&[
            ("kinfold.yml", "version: 1\nname: kill\nwarehouse: {lake: {location: ./lake}}\n"),
            ("models/person.yml", MODEL),
            ("syncs/there.yml", &format!("destinations:\n  - {settings}\n{SYNC}")),
        ])
        .with("THERE", url);
        let mut world = Self { project, receiver, before: Rows::new(), after: Rows::new(), meaning: BTreeMap::new() };
        world.before = world.deliver(&contacts(0..40, |n| n));
        let first = world.ledger().expect("the tests' Python is there");
        world.remember(&first, &world.before.clone());
        // Ten leave, ten change, ten come, twenty stay.
        world.project.write("data/contacts.csv", contacts(10..50, |n| if n < 20 { n + 1 } else { n }));
        world.project.kinfold(&["run", "--no-sync", "--as-of", AS_OF]).expect(0);
        copy(&world.project.path("lake"), &world.project.path("kept"));
        let ran = world.project.kinfold(&["sync"]).expect(0);
        assert_eq!(ran.changes("people"), [10, 10, 10]);
        world.after = world.held();
        let second = world.ledger().expect("the tests' Python is there");
        world.remember(&second, &world.after.clone());
        assert_eq!(world.after.len(), 40);
        world
    }

    /// Kills at each point; gives what was wrong afterwards.
    fn crash_everywhere(&self, bug: Option<&str>, points: &[&str]) -> Vec<String> {
        let mut failures = vec![];
        for point in points {
            // Recovery has something to do only where an earlier run has been killed.
            let earlier = point.starts_with("recover.").then_some("send.after:2");
            for passing in PASSINGS {
                self.restore();
                let faults: Vec<_> =
                    earlier.map(str::to_owned).into_iter().chain([format!("{point}:{passing}")]).collect();
                let killed = faults.iter().all(|fault| self.kill(fault, bug));
                if !killed {
                    assert_ne!(*passing, 1, "no run passes {point}");
                    break;
                }
                failures.extend(
                    self.aftermath().into_iter().map(|failure| format!("{}: {failure}", faults.join(", then "))),
                );
            }
        }
        failures
    }

    /// Runs the sync with a fault; whether it was killed. It was not if the point is not passed so often.
    fn kill(&self, fault: &str, bug: Option<&str>) -> bool {
        let mut environment = vec![("KINFOLD_FAULT", fault)];
        environment.extend(bug.map(|bug| ("KINFOLD_FAULT_BUG", bug)));
        let ran = self.project.kinfold_with(&["sync"], &environment);
        assert!(matches!(ran.code, None | Some(0)), "{fault}: {}", ran.told());
        ran.code.is_none()
    }

    /// What is wrong after a kill, and after the run that follows it.
    fn aftermath(&self) -> Vec<String> {
        let mut failures: Vec<_> = self.false_claims().collect();
        let again = self.project.kinfold(&["sync"]);
        if again.code != Some(0) {
            failures.push(format!("the next run ended with {:?}: {}", again.code, again.told()));
        } else if self.held() != self.after {
            failures
                .push(format!("after the next run the destination differs: {}", difference(&self.held(), &self.after)));
        } else {
            let third = self.project.kinfold(&["sync"]).expect(0);
            if third.changes("people") != [0; 3] {
                failures.push(format!("the run after that sends {:?}", third.changes("people")));
            }
        }
        failures
    }

    /// Rows that the ledger says are at the destination, as they are not. The destination may be ahead of the ledger, by rows whose
    /// acknowledgement was lost, but only with rows that are wanted.
    fn false_claims(&self) -> impl Iterator<Item = String> {
        let held = self.held();
        let mut claims = vec![];
        for (key, (state, hash)) in self.ledger().unwrap_or_default() {
            let Some(hash) = hash.filter(|_| state == "acknowledged") else { continue };
            let claimed = &self.meaning[&(key.clone(), hash)];
            let there = held.get(&key);
            if there != Some(claimed) && there != self.after.get(&key) {
                claims.push(format!("the ledger claims {key} = {claimed}, the destination holds {there:?}"));
            }
        }
        claims.into_iter()
    }

    fn deliver(&self, contacts: &str) -> Rows {
        self.project.write("data/contacts.csv", contacts);
        self.project.run();
        self.held()
    }

    /// The lake, the ledger and the destination as they were before the second version was delivered.
    fn restore(&self) {
        std::fs::remove_dir_all(self.project.path("lake")).unwrap();
        copy(&self.project.path("kept"), &self.project.path("lake"));
        match &self.receiver {
            Receiver::Postgres(postgres) => {
                let mut sql = "delete from people".to_owned();
                for (key, rest) in &self.before {
                    let (name, country) = rest.split_once('|').unwrap();
                    let _ = write!(sql, "; insert into people values ('{key}', '{name}', '{country}')");
                }
                postgres.sql(&sql);
            }
            Receiver::Webhook(webhook, rows) => {
                webhook.take();
                rows.lock().unwrap().clone_from(&self.before);
            }
        }
    }

    /// What the destination holds now.
    fn held(&self) -> Rows {
        match &self.receiver {
            Receiver::Postgres(postgres) => {
                let text = postgres.sql("select * from people order by 1");
                text.lines()
                    .map(|line| line.split_once('|').unwrap())
                    .map(|(key, rest)| (key.into(), rest.into()))
                    .collect()
            }
            Receiver::Webhook(webhook, rows) => {
                let mut rows = rows.lock().unwrap();
                for request in webhook.take() {
                    apply(&mut rows, &request.method, &request.body);
                }
                rows.clone()
            }
        }
    }

    /// Key to state and hash.
    fn ledger(&self) -> Option<BTreeMap<String, (String, Option<String>)>> {
        let state = self.project.path("lake/kinfold/_state/syncs/people");
        Some(serde_json::from_str(&python("ledger.py", &[state.to_str().unwrap()])?).unwrap())
    }

    fn remember(&mut self, ledger: &BTreeMap<String, (String, Option<String>)>, rows: &Rows) {
        for (key, (state, hash)) in ledger {
            assert_eq!(state, "acknowledged", "{key}");
            self.meaning.insert((key.clone(), hash.clone().unwrap()), rows[key].clone());
        }
    }
}

/// What a receiver of the webhook does with a request.
fn apply(rows: &mut Rows, method: &str, body: &Value) {
    for row in body["rows"].as_array().unwrap_or_else(|| panic!("no rows in {body}")) {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        if method == "DELETE" || body["operation"] == "delete" {
            rows.remove(&text("contact_id"));
        } else {
            rows.insert(text("contact_id"), format!("{}|{}", text("first_name"), text("country")));
        }
    }
}

fn difference(one: &Rows, other: &Rows) -> String {
    let keys = one.keys().chain(other.keys()).filter(|key| one.get(*key) != other.get(*key));
    keys.take(3).map(|key| format!("{key}: {:?} instead of {:?}; ", one.get(key), other.get(key))).collect()
}

fn contacts(numbers: std::ops::Range<u32>, name: impl Fn(u32) -> u32) -> String {
    let mut text = "contact_id,first_name,country\n".to_owned();
    for n in numbers {
        let _ = writeln!(text, "c-{n:02},Name {},{}", name(n), if n % 3 == 0 { "TR" } else { "DE" });
    }
    text
}

const MODEL: &str = "
sources:
  - name: crm
    location: ./data
    tables: [{name: contacts, path: contacts.csv, format: csv, unique_key: contact_id}]
entities:
  - name: person
    identity:
      identifiers: [{name: contact_id, limit: 1}]
      from: [{table: crm.contacts, ids: {contact_id: contact_id}}]
    traits:
      - {name: first_name, aggregate: {table: crm.contacts, value: max(first_name)}}
      - {name: country, aggregate: {table: crm.contacts, value: max(country)}}
";

const SYNC: &str = "
syncs:
  - name: people
    destination: there
    object: people
    entity: person
    mode: mirror
    key: {contact_id: contact_id}
    fields: {first_name: first_name, country: country}
";

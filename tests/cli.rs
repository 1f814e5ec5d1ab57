//! The commands, as a user meets them.

use serde_json::Value;

use crate::harness::{AS_OF, Project, Ran, Webhook};

#[test]
fn a_new_project_runs_at_once() {
    let project = Project::empty();
    let ran = project.kinfold(&["init", "shop"]);
    assert_eq!(ran.code, Some(0), "{}", ran.told());
    let run = project.kinfold(&["--project", "shop", "run"]).expect(0);
    assert_eq!(run.json["status"], "done");
    assert!(run.json["steps"].as_array().is_some_and(|steps| !steps.is_empty()));
    let check = project.kinfold(&["--project", "shop", "check"]).expect(0);
    assert_eq!(check.json["errors"], 0, "{:#}", check.json);
    assert_eq!(check.json["warnings"], 0, "{:#}", check.json);
    // What is there is never written over.
    assert_eq!(project.kinfold(&["init", "shop"]).code, Some(1));
}

#[test]
fn run_prints_one_json_object_of_the_promised_shape() {
    let ran = Project::sample().run();
    let json = ran.json.as_object().unwrap();
    for key in ["run_id", "status", "seconds", "steps", "syncs"] {
        assert!(json.contains_key(key), "{key}");
    }
    for (list, keys) in [
        ("steps", &["name", "kind", "rows", "seconds", "status"][..]),
        (
            "syncs",
            &[
                "name",
                "destination",
                "status",
                "added",
                "updated",
                "removed",
                "acknowledged",
                "rejected",
                "retry",
                "unknown",
            ],
        ),
    ] {
        for entry in json[list].as_array().unwrap() {
            assert!(keys.iter().all(|key| !entry[key].is_null()), "{entry} lacks one of {keys:?}");
        }
    }
}

#[test]
fn a_sync_is_due_until_it_is_done() {
    let project = Project::sample();
    // Neither moment comes while this runs, but at New Year's Eve.
    project.edit("syncs/files.yml", "@daily", "@yearly");
    let names = |ran: &Ran| -> Vec<String> {
        ran.json["syncs"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap().to_owned()).collect()
    };
    project.kinfold(&["run", "--no-sync"]).expect(0);
    project.write("out", "a file where a folder should be");
    let failed = project.kinfold(&["sync", "--due"]).expect(2);
    assert_eq!(names(&failed), ["profiles_to_ndjson"], "the only one with a schedule");
    std::fs::remove_file(project.path("out")).unwrap();
    let due = project.kinfold(&["sync", "--due"]).expect(0);
    assert_eq!(names(&due), ["profiles_to_ndjson"], "it failed");
    assert!(project.kinfold(&["sync", "--due", "--dry-run"]).expect(0).json["syncs"].as_array().unwrap().is_empty());
    project.edit("syncs/files.yml", "purpose: marketing", "purpose: marketing\n    schedule: \"0 0 1 1 *\"");
    let due = project.kinfold(&["sync", "--due"]).expect(0);
    assert_eq!(names(&due), ["vips_to_csv"], "it was never done");
    assert!(names(&project.kinfold(&["sync", "--due", "vips_to_csv"]).expect(0)).is_empty());
}

#[test]
fn the_sample_has_no_diagnostics() {
    let check = Project::sample().kinfold(&["check"]).expect(0);
    assert_eq!(check.json["diagnostics"], Value::Array(vec![]));
}

#[test]
fn check_finds_all_mistakes_at_once_with_their_places() {
    let project = Project::sample();
    project.edit("segments/audiences.yml", "name: lifetime_value, gte: 500", "name: lifetime_valu, gte: 500");
    project.edit("syncs/files.yml", "destination: exports", "destination: export");
    project.edit("models/shop.yml", "where status = 'paid'", "where stauts = 'paid'");
    let check = project.kinfold(&["check"]).expect(1);
    assert_eq!(check.json["errors"], errors(&check.json).len());
    for (file, wrong, meant) in [
        ("segments/audiences.yml", "lifetime_valu", "lifetime_value"),
        ("syncs/files.yml", "export", "exports"),
        ("models/shop.yml", "stauts", "status"),
    ] {
        let text = project.read(file);
        let found = errors(&check.json)
            .into_iter()
            .find(|d| d["file"] == file)
            .unwrap_or_else(|| panic!("nothing in {file}: {:#}", check.json));
        assert_eq!(at(&text, found), wrong, "{found:#}");
        assert!(found["hint"].as_str().is_some_and(|hint| hint.contains(meant)), "{found:#}");
        assert!(found["id"].is_string() && found["message"].is_string() && found["severity"] == "error");
    }
    // The other commands refuse to go on, and build nothing.
    assert_eq!(project.kinfold(&["run"]).code, Some(1));
    assert!(!project.path("lake").exists());
}

#[test]
fn compile_writes_the_same_readable_sql_each_time() {
    let project = Project::sample();
    let compile = || {
        assert_eq!(project.kinfold(&["compile", "--as-of", AS_OF]).code, Some(0));
        let mut files: Vec<_> =
            std::fs::read_dir(project.path("target/compiled")).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| (file.clone(), std::fs::read_to_string(file).unwrap_or_default())).collect::<Vec<_>>()
    };
    let first = compile();
    assert!(first.iter().any(|(_, sql)| sql.to_lowercase().contains("select")), "{first:?}");
    assert_eq!(first, compile());
    assert!(!project.path("lake").exists());
}

#[test]
fn show_and_query_answer_after_a_run() {
    let project = Project::sample();
    project.kinfold(&["run", "--no-sync", "--as-of", AS_OF]).expect(0);
    let known = project.query(
        "select i.value, c.profile_id from customer_identifiers as i join customer as c on c.profile_id = i.profile_id
         join customer_segments as s on s.profile_id = c.profile_id
         where i.identifier = 'email' and s.segment = 'vips' order by i.value limit 1",
    );
    let (email, id) = (known[0][0].as_str().unwrap(), known[0][1].as_str().unwrap());
    let shown = project.kinfold(&["show", "profile", &format!("email={}", email.to_uppercase())]).expect(0);
    assert_eq!(shown.json["profile_id"], id);
    assert!(
        shown.json.to_string().contains("lifetime_value") && shown.json.to_string().contains("vips"),
        "{:#}",
        shown.json
    );
    let segment = project.kinfold(&["show", "segment", "vips", "--limit", "3"]).expect(0);
    assert_eq!(segment.json["size"], segment.json["entered"]);
    assert_eq!(segment.json["sample"]["rows"].as_array().map(Vec::len), Some(3));

    for unknown in [
        &["show", "profile", "email=nobody@example.com"][..],
        &["show", "segment", "vipz"],
        &["show", "profile", "shoe=44"],
    ] {
        assert_eq!(project.kinfold(unknown).code, Some(1), "{unknown:?}");
    }
}

#[test]
fn users_sql_reads_declared_tables_and_does_nothing_else() {
    let project = Project::sample();
    project.kinfold(&["run", "--no-sync", "--as-of", AS_OF]).expect(0);
    let before = project.fingerprint();
    let secret = project.path("secret.csv");
    std::fs::write(&secret, "a\n1\n").unwrap();
    let file = format!("select * from '{}'", secret.display());
    let copy = format!("copy (select 1) to '{}'", project.path("stolen.csv").display());
    let external = format!("create external table t stored as csv location '{}'", secret.display());
    for sql in [
        file.as_str(),
        copy.as_str(),
        external.as_str(),
        "drop table customer",
        "insert into customer select * from customer",
        "delete from customer",
        "create table t as select 1",
        "create view v as select 1",
        "set datafusion.execution.batch_size = 1",
        "select * from read_csv('/etc/passwd')",
        "select * from information_schema.tables",
        "select * from nothing",
        "select 1; select 2",
        "selec 1",
    ] {
        let ran = project.kinfold(&["query", sql]);
        assert_eq!(ran.code, Some(1), "{sql}: {}", ran.told());
        assert!(ran.json["error"].is_string(), "{sql}: {}", ran.told());
    }
    assert_eq!(project.fingerprint(), before);
    assert!(!project.path("stolen.csv").exists());
    assert_eq!(project.query("select 1 + 1"), [[2]]);
    assert_eq!(project.query("select count(*) from shop.returns where refunded > 0").len(), 1);
}

#[test]
fn schema_is_json_schema_of_the_files() {
    let ran = Project::empty().kinfold(&["schema"]).expect(0);
    assert!(ran.json["$schema"].is_string());
    for word in ["identity", "segments", "destinations", "warehouse"] {
        assert!(ran.stdout.contains(&format!("\"{word}\"")), "{word}");
    }
}

/// 0 done, 1 the input is wrong, 2 something outside failed, 3 done but some rows were refused.
#[test]
fn exit_codes_tell_what_happened() {
    let project = Project::sample();
    assert_eq!(project.kinfold(&["check"]).code, Some(0));
    assert_eq!(project.kinfold(&["rnu"]).code, Some(1));
    assert_eq!(project.kinfold(&["--project", "nowhere", "check"]).code, Some(1));
    assert_eq!(project.kinfold(&["run", "--target", "nothing"]).code, Some(1));

    let webhook = Webhook::start();
    let project = project.with("HOOK_URL", &webhook.url);
    project.write("syncs/hook.yml", hook_of_vips(""));
    webhook.answer(|_| (422, vec![], r#"{"error": "no such field"}"#.into()));
    let refused = project.kinfold(&["run", "--as-of", AS_OF]).expect(3);
    assert!(refused.sync("vips_to_hook")["rejected"].as_u64().unwrap() > 0);
    webhook.answer(|_| (401, vec![], "{}".into()));
    let unauthorised = project.kinfold(&["sync", "vips_to_hook", "--full"]);
    assert_eq!(unauthorised.code, Some(2), "{}", unauthorised.told());
    assert!(unauthorised.told().contains("hook"), "{}", unauthorised.told());
}

#[test]
fn a_dry_run_changes_nothing() {
    let project = Project::sample();
    let ran = project.kinfold(&["run", "--dry-run", "--as-of", AS_OF]).expect(0);
    assert_eq!(ran.json["status"], "planned");
    assert!(!project.path("out").exists() && project.fingerprint().is_empty());

    project.kinfold(&["run", "--no-sync", "--as-of", AS_OF]).expect(0);
    let before = project.fingerprint();
    let dry = project.kinfold(&["sync", "vips_to_csv", "--dry-run"]).expect(0);
    let [added, updated, removed] = dry.changes("vips_to_csv");
    assert!(added > 0 && updated == 0 && removed == 0, "{:#}", dry.json);
    assert!(!dry.sync("vips_to_csv")["sample"].as_array().unwrap().is_empty());
    assert!(!project.path("out").exists());
    assert_eq!(project.fingerprint(), before);
    assert_eq!(project.kinfold(&["sync", "vips_to_csv"]).expect(0).changes("vips_to_csv"), [added, 0, 0]);
}

#[test]
fn a_guard_stops_a_sync_before_it_sends() {
    let webhook = Webhook::start();
    let project = Project::sample().with("HOOK_URL", &webhook.url);
    project.write("syncs/hook.yml", hook_of_vips("guard: {max_leave: 10%}"));
    project.run();
    webhook.take();
    project.edit("segments/audiences.yml", "name: lifetime_value, gte: 500", "name: lifetime_value, gte: 2000");
    let ran = project.kinfold(&["run", "--as-of", AS_OF]).expect(1);
    assert!(ran.told().contains("max_leave"), "{}", ran.told());
    assert!(webhook.take().is_empty());
}

fn hook_of_vips(more: &str) -> String {
    format!(
        "
destinations:
  - {{name: hook, connector: webhook, settings: {{url_secret: {{env: HOOK_URL}}}}}}
syncs:
  - name: vips_to_hook
    destination: hook
    object: vips
    segment: vips
    mode: mirror
    key: {{profile_id: profile_id}}
    fields: {{ltv: lifetime_value}}
    {more}
"
    )
}

fn errors(check: &Value) -> Vec<&Value> {
    check["diagnostics"].as_array().unwrap().iter().filter(|d| d["severity"] == "error").collect()
}

/// The text that a diagnostic points to.
fn at(text: &str, diagnostic: &Value) -> String {
    let number = |name: &str| usize::try_from(diagnostic[name].as_u64().unwrap()).unwrap();
    assert_eq!(number("line"), number("end_line"), "{diagnostic:#}");
    let line = text.lines().nth(number("line") - 1).unwrap();
    line.chars().skip(number("column") - 1).take(number("end_column") - number("column")).collect()
}

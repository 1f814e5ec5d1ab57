//! Bad input: one clear message that names the file or table, exit code 1 or 2, and the tables and the ledger as they were.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::{AS_OF, Postgres, Project, Ran, copy, from_environment, python};
use crate::object_store::{AZURE, GOOGLE, S3, in_bucket};

/// A project that has run once, with little data, and a copy of its data to mend it with.
fn built() -> Option<Project> {
    let project = Project::sample();
    std::fs::remove_dir_all(project.path("data")).unwrap();
    python("../../data/generate.py", &["--people", "150", "--out", project.path("data").to_str().unwrap()])?;
    copy(&project.path("data"), &project.path("good"));
    project.run();
    Some(project)
}

/// Damages the sources of a project that has run, runs it, and looks at what is said and what is left.
#[track_caller]
fn check(damage: impl FnOnce(&Project), names: &[&str]) {
    let Some(project) = built() else { return };
    let before = project.fingerprint();
    damage(&project);
    let ran = project.kinfold(&["run", "--as-of", AS_OF]);
    expect_clear(&ran, names);
    assert_eq!(project.fingerprint(), before, "the tables are no longer as they were");
    // Mended, the project goes on as if nothing had been, and sends nothing anew.
    std::fs::remove_dir_all(project.path("data")).unwrap();
    copy(&project.path("good"), &project.path("data"));
    let mended = project.run();
    for sync in mended.json["syncs"].as_array().unwrap() {
        assert_eq!(mended.changes(sync["name"].as_str().unwrap()), [0; 3], "{sync}");
    }
}

/// One clear message with these words in it, and the words of no library.
#[track_caller]
fn expect_clear(ran: &Ran, names: &[&str]) {
    assert!(matches!(ran.code, Some(1 | 2)), "exit code {:?}: {}", ran.code, ran.told());
    let message = message(&ran.json).unwrap_or_else(|| panic!("no message: {}", ran.told()));
    for name in names {
        assert!(message.contains(name), "{name:?} is not in: {message}");
    }
    for jargon in [
        "DataFusion",
        "Arrow error",
        "Parquet error",
        "Object Store",
        "Generic ",
        "External",
        "panicked",
        "Os {",
        "Delta transaction",
    ] {
        assert!(!ran.told().contains(jargon), "{jargon:?} is in: {}", ran.told());
    }
}

/// The error and its hint, or all diagnostics.
fn message(json: &Value) -> Option<String> {
    let diagnostics = json.pointer("/check/diagnostics").and_then(Value::as_array);
    if let Some(errors) = diagnostics {
        let errors: Vec<_> = errors.iter().filter(|d| d["severity"] == "error").map(ToString::to_string).collect();
        return Some(errors.join("\n")).filter(|text| !text.is_empty());
    }
    let of_sync = json["syncs"].as_array().and_then(|syncs| syncs.iter().find_map(|sync| sync.get("error")));
    match json.get("error").filter(|error| !error.is_null()).or(of_sync)? {
        Value::String(text) => Some(format!("{text} {}", json["hint"].as_str().unwrap_or_default())),
        error => Some(error.to_string()),
    }
}

fn edit_parquet(project: &Project, command: &str, file: &str, words: &[&str]) {
    let file = project.path(file);
    python("edit_parquet.py", &[&[command, file.to_str().unwrap()], words].concat());
}

fn append(project: &Project, file: &str, bytes: &[u8]) {
    let mut all = std::fs::read(project.path(file)).unwrap();
    all.extend_from_slice(bytes);
    project.write(file, all);
}

#[test]
fn a_missing_file() {
    check(
        |p| std::fs::remove_file(p.path("data/crm/contacts.parquet")).unwrap(),
        &["crm.contacts", "contacts.parquet"],
    );
}

#[test]
fn a_folder_without_files() {
    check(
        |p| {
            std::fs::remove_dir_all(p.path("data/web/events")).unwrap();
            std::fs::create_dir_all(p.path("data/web/events")).unwrap();
        },
        &["web.events", "events"],
    );
}

#[test]
fn a_parquet_file_cut_short() {
    check(|p| edit_parquet(p, "cut", "data/crm/contacts.parquet", &[]), &["contacts.parquet"]);
}

#[test]
fn a_parquet_file_without_bytes() {
    check(|p| p.write("data/crm/contacts.parquet", ""), &["contacts.parquet"]);
}

#[test]
fn a_csv_row_with_too_many_fields() {
    let row = b"a@example.com,subscribed,toys,2026-01-01T00:00:00Z,more,and more\n";
    check(|p| append(p, "data/newsletter/subscribers.csv", row), &["subscribers.csv"]);
}

#[test]
fn a_csv_row_with_too_few_fields() {
    check(|p| append(p, "data/newsletter/subscribers.csv", b"a@example.com,subscribed\n"), &["subscribers.csv"]);
}

#[test]
fn invalid_utf8_in_csv() {
    let row = b"\xff\xfe@example.com,subscribed,toys,2026-01-01T00:00:00Z\n";
    check(|p| append(p, "data/newsletter/subscribers.csv", row), &["subscribers.csv", "UTF-8"]);
}

#[test]
fn invalid_utf8_in_ndjson() {
    let row = b"{\"event_id\":1,\"anonymous_id\":\"\xff\xfe\",\"user_id\":null,\"type\":\"page\",\"occurred_at\":\"2026-11-01T00:00:00Z\"}\n";
    check(|p| append(p, "data/web/events/2026-11.ndjson", row), &["2026-11.ndjson"]);
}

#[test]
fn a_broken_line_in_ndjson() {
    check(|p| append(p, "data/web/events/2026-11.ndjson", b"{\"event_id\": 1, \"anonymous\n"), &["2026-11.ndjson"]);
}

#[test]
fn a_time_that_is_none() {
    check(
        |p| append(p, "data/newsletter/subscribers.csv", b"a@example.com,subscribed,toys,soon\n"),
        &["subscribers.csv", "line", "newsletter.subscribers"],
    );
}

#[test]
fn a_column_that_vanished() {
    check(|p| edit_parquet(p, "drop", "data/crm/contacts.parquet", &["first_name"]), &["first_name", "crm.contacts"]);
}

#[test]
fn a_type_that_changed_between_files() {
    check(
        |p| edit_parquet(p, "retype", "data/shop/orders/year=2025/part-0.parquet", &["amount", "string"]),
        &["shop.orders", "amount"],
    );
}

#[test]
fn an_empty_table() {
    check(|p| edit_parquet(p, "empty", "data/crm/contacts.parquet", &[]), &["crm.contacts"]);
}

#[test]
fn an_empty_csv_file() {
    check(|p| p.write("data/newsletter/subscribers.csv", ""), &["subscribers.csv"]);
}

#[test]
fn a_table_with_no_identifiers() {
    check(|p| edit_parquet(p, "blank", "data/shop/customers.parquet", &["email", "user_id"]), &["shop.customers"]);
}

#[test]
fn a_test_of_a_column_that_fails() {
    check(|p| edit_parquet(p, "blank", "data/crm/contacts.parquet", &["contact_id"]), &["crm.contacts", "contact_id"]);
}

#[test]
fn an_unreadable_bucket() {
    for kind in [&S3, &GOOGLE, &AZURE] {
        let Some(project) = in_bucket(Project::sample(), kind, "unreadable") else { return };
        let scheme = kind.scheme;
        project.edit("models/crm.yml", &format!("{scheme}://lake/"), &format!("{scheme}://no-such-bucket/"));
        project.edit("kinfold.yml", &format!("prefix: {scheme}://lake/"), &format!("prefix: {scheme}://"));
        expect_clear(&project.kinfold(&["run", "--as-of", AS_OF]), &["no-such-bucket"]);
    }
}

#[test]
fn a_wrong_credential_of_a_bucket() {
    let Some(google) = from_environment("KINFOLD_TEST_GS_CREDENTIAL") else { return };
    let nobody = google.replace("tests@", "not-the-secret@");
    for (kind, variable, wrong, named) in [
        (&S3, "KINFOLD_TEST_S3_SECRET_ACCESS_KEY", "not-the-secret", "crm.contacts"),
        (&GOOGLE, "KINFOLD_TEST_GS_CREDENTIAL", nobody.as_str(), "crm.contacts"),
        (&GOOGLE, "KINFOLD_TEST_GS_CREDENTIAL", "\"not-the-secret\"", "gs://lake"),
        (&AZURE, "KINFOLD_TEST_AZ_CREDENTIAL", "bm90LXRoZS1zZWNyZXQ=", "crm.contacts"),
        (&AZURE, "KINFOLD_TEST_AZ_CREDENTIAL", "not-the-secret", "az://lake"),
    ] {
        let Some(project) = in_bucket(Project::sample(), kind, "credential") else { return };
        let ran = project.kinfold_with(&["run", "--as-of", AS_OF], &[(variable, wrong)]);
        expect_clear(&ran, &[named, "credential"]);
        for secret in [wrong, "not-the-secret"] {
            assert!(!ran.told().contains(secret), "{}", ran.told());
        }
    }
}

#[test]
fn a_wrong_password_of_a_database() {
    let Some(postgres) = Postgres::schema("password") else { return };
    let (_, place) = postgres.url.split_once('@').unwrap();
    let Some(project) = built() else { return };
    let project = project.with("THERE", format!("postgresql://kinfold:not-the-password@{place}"));
    project.write("syncs/there.yml", there("test_password"));
    let before = project.fingerprint();
    let ran = project.kinfold(&["sync", "vips_there"]);
    assert_eq!(ran.code, Some(2), "{}", ran.told());
    expect_clear(&ran, &["there"]);
    assert!(!ran.told().contains("not-the-password"), "{}", ran.told());
    assert_eq!(project.fingerprint(), before);

    let project = project.with("THERE", &postgres.url);
    let vips = project.query("select count(*) from customer_segments where segment = 'vips'")[0][0].as_u64().unwrap();
    assert_eq!(project.kinfold(&["sync", "vips_there"]).expect(0).changes("vips_there"), [vips, 0, 0]);
}

#[test]
fn a_database_that_is_not_there_and_a_secret_that_is_not_set() {
    let Some(project) = built() else { return };
    project.write("syncs/there.yml", there("public"));
    let unset = project.kinfold(&["sync", "vips_there"]);
    expect_clear(&unset, &["THERE"]);
    let absent =
        project.kinfold_with(&["sync", "vips_there"], &[("THERE", "postgresql://kinfold:x@127.0.0.1:1/postgres")]);
    assert_eq!(absent.code, Some(2), "{}", absent.told());
    expect_clear(&absent, &["there"]);
}

/// On a file system with no room left. It is made in a mount namespace of its own, which needs the right to make one.
#[test]
fn a_full_disk() {
    let Some(project) = built() else { return };
    let script = r#"
        set -e
        cp -a lake full
        mount -t tmpfs -o size=$(( $(du -sk full | cut -f1) + 1024 ))k none lake
        cp -a full/. lake/
        dd if=/dev/zero of=lake/filler bs=1k count=$(( $(df -k --output=avail lake | tail -1) - 48 )) 2> /dev/null
        "$KINFOLD" query "$COUNT" --output json > before
        code=0
        "$KINFOLD" run --as-of "$AS_OF" --output json || code=$?
        "$KINFOLD" query "$COUNT" --output json > after
        exit $code
    "#;
    let mut command = Command::new("unshare");
    let as_root = Path::new("/proc/self").metadata().is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    command.args(if as_root { &["--mount"][..] } else { &["--mount", "--user", "--map-root-user"] });
    let possible = command.arg("true").status().is_ok_and(|status| status.success());
    if !possible {
        from_environment("KINFOLD_TEST_MOUNT");
        return;
    }
    let mut command = Command::new("unshare");
    command.args(if as_root { &["--mount"][..] } else { &["--mount", "--user", "--map-root-user"] });
    command
        .args(["bash", "-c", script])
        .current_dir(project.root())
        .env("KINFOLD", env!("CARGO_BIN_EXE_kinfold"))
        .env("AS_OF", AS_OF)
        .env("COUNT", "select count(*), sum(lifetime_value), min(profile_id), max(profile_id) from customer");
    let ran = Ran::of(command.output().unwrap(), &["run"]);
    assert_eq!(ran.code, Some(2), "{}", ran.told());
    expect_clear(&ran, &["lake"]);
    assert_eq!(project.read("before"), project.read("after"));
    assert!(!project.read("before").is_empty());
}

fn there(schema: &str) -> String {
    format!(
        "
destinations:
  - {{name: there, connector: postgres, settings: {{url: {{env: THERE}}, schema: {schema}, create: true}}}}
syncs:
  - name: vips_there
    destination: there
    object: vips
    segment: vips
    mode: mirror
    key: {{profile_id: profile_id}}
    fields: {{ltv: lifetime_value}}
"
    )
}

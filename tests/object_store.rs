//! The same project on a local path and in each kind of object store gives identical tables and sends the same.

use std::fmt::Write;

use crate::harness::{Project, from_environment, python, root};

/// What is compared: everything but the ids and instants of runs.
const TABLES: &[&str] = &[
    "select * from customer order by profile_id",
    "select identifier, value, profile_id, first_seen_at, last_seen_at from customer_identifiers order by identifier, value",
    "select segment, profile_id from customer_segments order by segment, profile_id",
    "select change, profile_id, other_profile_id from customer_history order by change, profile_id, other_profile_id",
    "select segment, profile_id, change from customer_segment_changes order by segment, profile_id, change",
];

/// A kind of object store, of which `./test` starts one.
pub(crate) struct Kind {
    pub(crate) scheme: &'static str,
    /// What a storage rule says besides the prefix and the endpoint.
    rule: &'static [&'static str],
}

pub(crate) const S3: Kind = Kind {
    scheme: "s3",
    rule: &[
        "region: us-east-1",
        "access_key_id: {env: KINFOLD_TEST_S3_ACCESS_KEY_ID}",
        "secret_access_key: {env: KINFOLD_TEST_S3_SECRET_ACCESS_KEY}",
    ],
};
pub(crate) const GOOGLE: Kind = Kind { scheme: "gs", rule: &["credential: {env: KINFOLD_TEST_GS_CREDENTIAL}"] };
pub(crate) const AZURE: Kind = Kind {
    scheme: "az",
    rule: &["account: ${KINFOLD_TEST_AZ_ACCOUNT}", "credential: {env: KINFOLD_TEST_AZ_CREDENTIAL}"],
};

/// Source files and tables in a bucket; every access needs a key.
pub(crate) fn in_bucket(project: Project, kind: &Kind, prefix: &str) -> Option<Project> {
    let Kind { scheme, rule } = kind;
    let setting = |name: &str| from_environment(&format!("KINFOLD_TEST_{}_{name}", scheme.to_uppercase()));
    let (endpoint, bucket) = (setting("ENDPOINT")?, setting("BUCKET")?);
    python("store.py", &[scheme, "upload", root().join("data").to_str().unwrap(), &format!("{prefix}/data")])?;
    for name in ["crm", "shop", "web", "newsletter"] {
        project.edit(
            &format!("models/{name}.yml"),
            &format!("./data/{name}"),
            &format!("{scheme}://{bucket}/{prefix}/data/{name}"),
        );
    }
    project.edit("kinfold.yml", "location: ./lake  ", &format!("location: {scheme}://{bucket}/{prefix}/lake"));
    project.edit(
        "kinfold.yml",
        "targets:\n",
        &format!(
            "storage:
  - prefix: {scheme}://{bucket}/
    endpoint: {endpoint}
    allow_http: true
    {}
targets:\n",
            rule.join("\n    ")
        ),
    );
    Some(project)
}

#[test]
fn a_local_path_and_s3_give_identical_tables() {
    identical(&S3);
}

#[test]
fn a_local_path_and_google_cloud_storage_give_identical_tables() {
    identical(&GOOGLE);
}

#[test]
fn a_local_path_and_azure_blob_storage_give_identical_tables() {
    identical(&AZURE);
}

fn identical(kind: &Kind) {
    let Some(remote) = in_bucket(Project::sample(), kind, "identical") else { return };
    let local = Project::sample();
    let (there, here) = (remote.run(), local.run());
    for sync in ["vips_to_csv", "profiles_to_ndjson", "orders_to_parquet"] {
        assert_eq!(there.changes(sync), here.changes(sync), "{sync}");
    }
    for sql in TABLES {
        let (there, here) = (remote.query(sql), local.query(sql));
        assert!(!here.is_empty() || sql.contains("conflicts"), "{sql}");
        assert_eq!(there.len(), here.len(), "{sql}");
        for (there, here) in there.iter().zip(&here) {
            assert_eq!(there, here, "{sql}");
        }
    }
    for file in ["out/vips.csv", "out/customers.ndjson"] {
        assert_eq!(sorted(&remote.read(file)), sorted(&local.read(file)), "{file}");
    }

    // The second run adds versions to tables, and the third reads tables that have several.
    for _ in 0..2 {
        let again = remote.run();
        assert_eq!(again.changes("profiles_to_ndjson"), [0; 3]);
    }
}

/// What is larger than one request may be: the plan and the ledger of a sync, and the file that it writes.
#[test]
fn large_files_go_in_parts() {
    for kind in [&S3, &GOOGLE, &AZURE] {
        let Some(project) = in_bucket(Project::sample(), kind, "parts") else { return };
        let place = format!("{}://lake/parts", kind.scheme);
        project.edit("models/newsletter.yml", &format!("{place}/data/newsletter"), "./data/newsletter");
        project.edit("syncs/files.yml", "location: ./out", &format!("location: {place}/out"));
        let mut rows = project.read("data/newsletter/subscribers.csv");
        for n in 0..200_000_u64 {
            let name = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let _ = writeln!(rows, "{name:016x}@example.org,subscribed,kitchen,2026-02-22T07:27:39Z");
        }
        project.write("data/newsletter/subscribers.csv", rows);

        let [added, ..] = project.run().changes("profiles_to_ndjson");
        assert!(added > 200_000, "{place}: {added}");
        assert_eq!(project.run().changes("profiles_to_ndjson"), [0; 3], "{place}");
    }
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

//! The same project on a local path and on S3 gives identical tables and sends the same.

use crate::harness::{AS_OF, Project, from_environment, python, root};

/// What is compared: everything but the ids and instants of runs.
const TABLES: &[&str] = &[
    "select * from customer order by profile_id",
    "select identifier, value, profile_id, first_seen_at, last_seen_at from customer_identifiers order by identifier, value",
    "select segment, profile_id from customer_segments order by segment, profile_id",
    "select change, profile_id, other_profile_id from customer_history order by change, profile_id, other_profile_id",
    "select segment, profile_id, change from customer_segment_changes order by segment, profile_id, change",
];

/// Source files and tables in a bucket; every access needs a key.
pub(crate) fn in_bucket(project: Project, prefix: &str) -> Option<Project> {
    let endpoint = from_environment("KINFOLD_TEST_S3_ENDPOINT")?;
    let bucket = from_environment("KINFOLD_TEST_S3_BUCKET")?;
    python("s3.py", &["upload", root().join("data").to_str().unwrap(), &format!("{prefix}/data")])?;
    for name in ["crm", "shop", "web", "newsletter"] {
        project.edit(
            &format!("models/{name}.yml"),
            &format!("./data/{name}"),
            &format!("s3://{bucket}/{prefix}/data/{name}"),
        );
    }
    project.edit("kinfold.yml", "location: ./lake  ", &format!("location: s3://{bucket}/{prefix}/lake"));
    project.edit(
        "kinfold.yml",
        "targets:\n",
        &format!(
            "storage:
  - prefix: s3://{bucket}/
    region: us-east-1
    endpoint: {endpoint}
    allow_http: true
    access_key_id: {{env: KINFOLD_TEST_S3_ACCESS_KEY_ID}}
    secret_access_key: {{env: KINFOLD_TEST_S3_SECRET_ACCESS_KEY}}
targets:\n"
        ),
    );
    Some(project)
}

#[test]
fn a_local_path_and_s3_give_identical_tables() {
    let Some(remote) = in_bucket(Project::sample(), "identical") else { return };
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

    let again = remote.kinfold(&["run", "--as-of", AS_OF]).expect(0);
    assert_eq!(again.changes("profiles_to_ndjson"), [0; 3]);
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

//! Tables as software that isn't ours reads them.

use serde_json::Value;

use crate::harness::{AS_OF, Project, python};

#[test]
fn deltalake_and_duckdb_agree_with_kinfold_query() {
    let project = Project::sample();
    project.kinfold(&["run", "--no-sync", "--as-of", AS_OF]).expect(0);
    // A second version, so that what is read is the newest and not all files that lie there.
    project.kinfold(&["run", "--no-sync", "--as-of", AS_OF]).expect(0);
    let Some(described) = python("tables.py", &[project.path("lake").to_str().unwrap()]) else { return };
    let described: Value = serde_json::from_str(&described).unwrap();
    let tables = described.as_object().unwrap();
    for name in
        ["customer", "customer_identifiers", "customer_segments", "customer_history", "customer_conflicts", "runs"]
    {
        assert!(tables.contains_key(name), "{name} is not among {:?}", tables.keys());
    }
    for (name, table) in tables {
        let ours = project.query(&format!("select count(*) from {name}"));
        assert_eq!(ours[0][0], table["rows"], "{name}");
        assert_eq!(table["rows"], table["rows_in_duckdb"], "{name}");
        let columns = project.kinfold(&["query", &format!("select * from {name}"), "--limit", "1"]).expect(0);
        assert_eq!(columns.json["columns"], table["columns"], "{name}");
    }
    assert!(tables["customer"]["rows"].as_u64().unwrap() > 1000);
}

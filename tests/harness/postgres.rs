//! A schema of its own in the tests' PostgreSQL, spoken to with `psql`.

use std::process::Command;

use super::from_environment;

/// A schema, dropped at the end.
pub(crate) struct Postgres {
    /// Where the server is, for `settings: {url: {env: …}}`.
    pub(crate) url: String,
    pub(crate) schema: String,
}

impl Postgres {
    /// An empty schema. `name` must be the test's own.
    pub(crate) fn schema(name: &str) -> Option<Self> {
        let postgres = Self { url: from_environment("KINFOLD_TEST_POSTGRES")?, schema: format!("test_{name}") };
        postgres.sql(&format!("drop schema if exists {0} cascade; create schema {0}", postgres.schema));
        Some(postgres)
    }

    /// Runs statements in the schema; gives the rows of the last one, a line each, values separated by `|`.
    pub(crate) fn sql(&self, sql: &str) -> String {
        let output = Command::new("psql")
            .args([
                "--no-psqlrc",
                "--quiet",
                "--no-align",
                "--tuples-only",
                "--set=ON_ERROR_STOP=1",
                "--dbname",
                &self.url,
            ])
            .args([
                "--command",
                &format!("set client_min_messages = warning; set search_path = {}, public", self.schema),
            ])
            .args(["--command", sql])
            .env("PGTZ", "UTC")
            .output()
            .unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A query's rows as a CSV file with a header.
    pub(crate) fn to_csv(&self, query: &str, path: &std::path::Path) {
        std::fs::write(path, self.sql(&format!("copy ({query}) to stdout with (format csv, header)"))).unwrap();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.sql(&format!("drop schema {} cascade", self.schema));
        }
    }
}

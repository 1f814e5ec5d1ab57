//! Against a real PostgreSQL, whose URL `KINFOLD_TEST_POSTGRES` holds.

mod connecting;
mod refusing;
mod writing;

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, StringArray};
use kinfold_base::Setting;
use kinfold_sync::{Operation, SharedConnector, Target};
use tokio_postgres::{Client, NoTls};

use crate::testing::{Stores, batch, open, rows, secret, text, words};

/// A schema of its own in the test database.
struct Database {
    url: String,
    client: Client,
    schema: String,
}

impl Database {
    #[expect(clippy::print_stderr, reason = "a test that did not run must say so")]
    async fn new(schema: &str) -> Option<Self> {
        let Ok(url) = std::env::var("KINFOLD_TEST_POSTGRES") else {
            eprintln!("NOT TESTED: postgres::{schema}, because KINFOLD_TEST_POSTGRES is not set");
            return None;
        };
        let (client, connection) =
            tokio_postgres::connect(&url, NoTls).await.expect("the test database can be reached");
        tokio::spawn(connection);
        let schema = format!("kinfold_test_{schema}");
        client
            .batch_execute(&format!(
                "DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}; SET search_path = {schema}"
            ))
            .await
            .unwrap();
        Some(Self { url, client, schema })
    }

    async fn open(&self, settings: &[(String, Setting)]) -> SharedConnector {
        let settings = [&[secret("url", &self.url), text("schema", &self.schema)], settings].concat();
        open("postgres", &settings, &Stores::default()).await.unwrap()
    }

    async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    /// What a query gives, fields divided by bars and rows by line feeds.
    async fn ask(&self, sql: &str) -> String {
        let messages = self.client.simple_query(sql).await.unwrap();
        let rows = messages.iter().filter_map(|m| match m {
            tokio_postgres::SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|i| row.get(i).unwrap_or("∅")).collect::<Vec<_>>().join("|"))
            }
            _ => None,
        });
        rows.collect::<Vec<_>>().join("\n")
    }
}

fn people(ids: &[i64], names: &[Option<&str>]) -> RecordBatch {
    rows(vec![("id", Arc::new(Int64Array::from(ids.to_vec()))), ("name", Arc::new(StringArray::from(names.to_vec())))])
}

async fn send(connector: &SharedConnector, target: &Target, operation: Operation, rows: &RecordBatch) -> String {
    words(connector.send(target, &batch(operation, rows)).await)
}

//! The lake engine over real files in temporary folders.

mod bad_input;
mod contracting;
mod patching;
mod reading;
mod resolving;
mod reusing;
mod writing;

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::util::display::array_value_to_string;
use futures::TryStreamExt;
use kinfold_base::{FileId, RunId, Silent, Span, SqlType, SystemClock, TableSchema};
use kinfold_lang::project::{ColumnRule, Format, SourceTable, StorageRule, TableName};
use kinfold_plan::{KeepTable, Output};
use parquet::arrow::ArrowWriter;
use tempfile::TempDir;

use crate::lake::{delta, previous};
use crate::types::table_schema;
use crate::{Engine, EngineError, LakeEngine, LakeOptions, RecordStream, RunContext};

/// The tables that readers see now, with all their columns.
pub(super) async fn committed(engine: &LakeEngine) -> Vec<(String, TableSchema)> {
    let mut found = Vec::new();
    for name in previous::table_names(&engine.tables).await.unwrap() {
        if let Some(table) = delta::load(&engine.tables.child(&name), &name).await.unwrap() {
            found.push((name.clone(), table_schema(&delta::schema(&table, &name).unwrap())));
        }
    }
    found
}

/// An engine over a folder, both gone in the end.
pub(super) struct Lake {
    pub(super) engine: LakeEngine,
    pub(super) dir: TempDir,
}

impl Lake {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut LakeOptions)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engine = engine_over(dir.path(), change);
        Self { engine, dir }
    }

    /// A second process over the same folder.
    pub(super) fn another_engine(&self) -> LakeEngine {
        self.another_engine_with(|_| {})
    }

    pub(super) fn another_engine_with(&self, change: impl FnOnce(&mut LakeOptions)) -> LakeEngine {
        engine_over(self.dir.path(), change)
    }

    pub(super) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.dir.path().display())
    }

    pub(super) fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(super) fn parquet(&self, name: &str, batch: &RecordBatch) {
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(batch).unwrap();
        writer.close().unwrap();
        self.file(name, bytes);
    }

    pub(super) async fn open(&self, url: &str, format: Format) -> Result<(), EngineError> {
        self.engine.open_sources(&[source(&self.path(url), format, &[])]).await
    }
}

fn engine_over(dir: &Path, change: impl FnOnce(&mut LakeOptions)) -> LakeEngine {
    let mut options = LakeOptions {
        location: dir.join("lake").display().to_string(),
        storage: Vec::new(),
        secrets: Arc::new(|_| Err("no secrets here".to_owned())),
        threads: 2,
        memory_limit_bytes: None,
        scratch_dir: dir.join("scratch"),
        clock: Arc::new(SystemClock),
    };
    change(&mut options);
    LakeEngine::open(options).unwrap()
}

pub(super) const CSV: Format = Format::Csv { delimiter: b',', header: true, quote: b'"' };

/// The table `shop.orders`.
pub(super) fn source(url: &str, format: Format, columns: &[(&str, Option<SqlType>)]) -> SourceTable {
    let span = Span::new(FileId(0), 0, 0);
    let rule = |(name, ty): &(&str, Option<SqlType>)| ColumnRule {
        name: (*name).to_owned(),
        pii: None,
        ty: ty.clone(),
        tests: Vec::new(),
        span,
    };
    SourceTable {
        name: TableName::qualified("shop", "orders"),
        url: url.to_owned(),
        format,
        unique_key: Vec::new(),
        time: None,
        freshness: None,
        columns: columns.iter().map(rule).collect(),
        schema: kinfold_base::TableSchema::default(),
        span,
    }
}

pub(super) fn rule(prefix: &str, endpoint: &str) -> StorageRule {
    StorageRule {
        prefix: prefix.to_owned(),
        region: Some("us-east-1".to_owned()),
        endpoint: Some(endpoint.to_owned()),
        access_key_id: None,
        secret_access_key: None,
        session_token: None,
        credential: None,
        account: None,
        allow_http: true,
        span: Span::new(FileId(0), 0, 0),
    }
}

pub(super) fn batch<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

pub(super) fn ints(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

pub(super) fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

pub(super) fn run(name: &str) -> RunContext {
    RunContext {
        run_id: RunId::from(name.to_owned()),
        as_of: "2026-01-31T12:00:00Z".parse().unwrap(),
        full: false,
        progress: Arc::new(Silent),
    }
}

pub(super) fn output(name: &str, keep: KeepTable) -> Output {
    Output { name: name.to_owned(), keep }
}

/// Each row as its values, joined by `|`; null is empty.
pub(super) async fn rows(stream: Result<RecordStream, EngineError>) -> Result<Vec<String>, EngineError> {
    let batches: Vec<RecordBatch> = stream?.batches.try_collect().await?;
    let mut rows = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let values = batch.columns().iter().map(|c| array_value_to_string(c, row).unwrap());
            rows.push(values.collect::<Vec<_>>().join("|"));
        }
    }
    Ok(rows)
}

/// What a query of Kinfold's own gives.
pub(super) async fn check(engine: &LakeEngine, sql: &str, expected: &[&str]) {
    let got = rows(engine.query(sql, &[]).await).await.unwrap_or_else(|e| panic!("{sql}: {e} {:?}", e.source));
    assert_eq!(got, expected, "{sql}");
}

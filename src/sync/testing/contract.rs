//! The contract suite passes a sound connector, and sees each way of breaking a promise.

use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use async_trait::async_trait;
use futures::{TryStreamExt, stream::BoxStream};
use kinfold_base::SyncMode;

use crate::contract::{Contents, Harness, check, contents_of, schema};
use crate::{Answer, Batch, Connector, Limits, Operation, Outcome, SharedConnector, SyncError, Target};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    /// Says that it took a row, and has not.
    Forgets,
    /// Leaves what is there where null is sent.
    SkipsNulls,
    /// Refuses to delete what is not there.
    InsistsOnDeletes,
    /// Has one outcome too few.
    Miscounts,
    /// Adds rows that should be changed.
    AddsOnUpdate,
    /// Keeps old rows when all are replaced.
    KeepsOld,
    /// Writes rows before it knows that all will come.
    WritesEarly,
    /// Has one place for all objects.
    OnePlace,
}

struct Memory {
    contents: Arc<Mutex<Contents>>,
    whole: bool,
    flaw: Flaw,
}

#[async_trait]
impl Connector for Memory {
    fn limits(&self) -> Limits {
        Limits { batch_rows: 4, batch_bytes: 1000, concurrency: 1, requests_per_second: None, whole: self.whole }
    }

    fn place(&self, target: &Target) -> String {
        if self.flaw == Flaw::OnePlace { "memory".to_owned() } else { target.object.clone() }
    }

    async fn prepare(&self, _: &Target) -> Result<(), SyncError> {
        Ok(())
    }

    async fn send(&self, _: &Target, batch: &Batch) -> Result<Answer, SyncError> {
        let mut contents = self.contents.lock().unwrap();
        let mut outcomes = vec![];
        for (id, mut row) in contents_of(&batch.rows) {
            let there = contents.contains_key(&id);
            match batch.operation {
                Operation::Delete if !there && self.flaw == Flaw::InsistsOnDeletes => {
                    outcomes.push(Outcome::Rejected("there is no such row".to_owned()));
                    continue;
                }
                Operation::Delete => drop(contents.remove(&id)),
                Operation::Clear if !there => {}
                Operation::Update if !there && self.flaw != Flaw::AddsOnUpdate => {}
                _ if self.flaw == Flaw::Forgets && id == "lines" => {}
                _ => {
                    if self.flaw == Flaw::SkipsNulls
                        && let Some(old) = contents.get(&id)
                    {
                        row = (row.0.or(old.0.clone()), row.1.or(old.1));
                    }
                    contents.insert(id, row);
                }
            }
            outcomes.push(Outcome::Ok);
        }
        if self.flaw == Flaw::Miscounts {
            outcomes.pop();
        }
        Ok(Answer::Rows(outcomes))
    }

    async fn replace(
        &self,
        _: &Target,
        mut rows: BoxStream<'static, Result<RecordBatch, SyncError>>,
    ) -> Result<u64, SyncError> {
        let mut new = Contents::new();
        let mut count = 0;
        while let Some(batch) = rows.try_next().await? {
            count += batch.num_rows() as u64;
            new.extend(contents_of(&batch));
            if self.flaw == Flaw::WritesEarly {
                *self.contents.lock().unwrap() = new.clone();
            }
        }
        let mut contents = self.contents.lock().unwrap();
        if self.flaw != Flaw::KeepsOld {
            contents.clear();
        }
        contents.extend(new);
        Ok(count)
    }
}

#[async_trait]
impl Harness for Memory {
    fn connector(&self) -> SharedConnector {
        Arc::new(Self { contents: Arc::clone(&self.contents), ..*self })
    }

    fn target(&self) -> Target {
        Target {
            sync: "contract".to_owned(),
            object: "people".to_owned(),
            mode: SyncMode::Upsert,
            schema: schema(),
            key_columns: 1,
            skip_nulls: false,
            run_id: "run".to_owned(),
        }
    }

    fn operations(&self) -> Vec<Operation> {
        vec![Operation::Upsert, Operation::Update, Operation::Clear, Operation::Delete]
    }

    async fn contents(&self) -> Contents {
        self.contents.lock().unwrap().clone()
    }
}

async fn broken(flaw: Flaw, whole: bool) -> Option<String> {
    check(&Memory { contents: Arc::default(), whole, flaw }).await.err()
}

#[tokio::test]
async fn a_sound_connector_passes_and_every_flaw_is_seen() {
    for (flaw, whole, promise) in [
        (Flaw::None, false, None),
        (Flaw::None, true, None),
        (Flaw::OnePlace, false, Some("one object is one place, and two are two")),
        (Flaw::Forgets, false, Some("every row that was acknowledged can be read back")),
        (Flaw::SkipsNulls, false, Some("an upsert changes every field, to nothing too")),
        (Flaw::InsistsOnDeletes, false, Some("delete all: every row should be taken")),
        (Flaw::Miscounts, false, Some("one outcome for each of 4 rows is due")),
        (Flaw::AddsOnUpdate, false, Some("an update adds no row")),
        (Flaw::KeepsOld, true, Some("replace leaves exactly the rows that it was handed")),
        (Flaw::WritesEarly, true, Some("a replace that fails leaves the destination as it was")),
    ] {
        match (broken(flaw, whole).await, promise) {
            (None, None) => {}
            (Some(found), Some(promise)) => assert!(found.contains(promise), "{flaw:?}: {found}"),
            (found, promise) => panic!("{flaw:?}: {found:?} instead of {promise:?}"),
        }
    }
}

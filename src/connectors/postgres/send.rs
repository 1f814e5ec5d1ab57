//! One batch, one transaction.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use arrow::array::{Array, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use bytes::Bytes;
use futures::SinkExt as _;
use kinfold_sync::{Answer, Batch, Operation, Outcome, SyncError, Target};
use tokio::time::timeout;
use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{CopyInSink, SimpleQueryMessage};

use super::encode;
use super::failure::{Failure, lacks_column, row_reason};
use super::session::{Session, Sessions};
use super::sql::{self, Shape, Source};
use super::table::Table;
use crate::cell::{Cell, cell};

/// From so many rows on, `COPY` into a temporary table and one merge take the place of arrays as parameters. Neither is faster in
/// the server (figures in docs/connectors.md), but the server holds all parameters in memory at once.
pub(super) const COPY_FROM_ROWS: usize = 20_000;

/// What a transaction did, before it is committed.
struct Applied {
    /// The number under which the server knows the transaction.
    transaction: String,
    outcomes: Vec<Outcome>,
    /// The server left out some of the rows, and did not say which.
    skipped: bool,
}

/// Makes one attempt at a batch.
pub(super) async fn send(
    sessions: &Sessions,
    table: &Table,
    target: &Target,
    batch: &Batch,
) -> Result<Answer, SyncError> {
    let rows = batch.rows.num_rows();
    let mut session = match sessions.take().await {
        Ok(session) => session,
        Err(failure) => return answer(failure, rows),
    };
    let staged = session.stage.clone();
    let applied = match timeout(sessions.patience(), apply(&mut session, table, target, batch)).await {
        Ok(Ok(applied)) => applied,
        Ok(Err(error)) => {
            let mut failure = Failure::of_rows(&error, &target.object, table);
            // Undone with the transaction.
            session.stage = staged;
            if !session.client.is_closed()
                && matches!(timeout(GRACE, session.client.batch_execute("ROLLBACK")).await, Ok(Ok(())))
            {
                if let (1, true, Some(db)) = (rows, lacks_column(&error), error.as_db_error()) {
                    let column = column_at_fault(&session, table, &batch.rows).await;
                    failure = Failure::Rows(row_reason(db, column));
                }
                sessions.give_back(session);
            }
            return answer(failure, rows);
        }
        // The session is dropped, and with it the transaction.
        Err(_) => {
            return Ok(Answer::RetryAfter { seconds: None, reason: "PostgreSQL gave no answer in time".to_owned() });
        }
    };
    if applied.skipped {
        session.stage = staged;
        if matches!(timeout(GRACE, session.client.batch_execute("ROLLBACK")).await, Ok(Ok(()))) {
            sessions.give_back(session);
        }
        return Ok(Answer::Bisect { reason: SKIPPED.to_owned() });
    }
    match timeout(sessions.patience(), session.client.batch_execute("COMMIT")).await {
        Ok(Ok(())) => {
            sessions.give_back(session);
            Ok(Answer::Rows(applied.outcomes))
        }
        // A constraint that is checked at the end, or a conflict: the server says itself that it rolled back.
        Ok(Err(error)) if is_rolled_back(&error) => answer(Failure::of_rows(&error, &target.object, table), rows),
        _ => {
            drop(session);
            Ok(ask_what_became(sessions, applied.transaction, applied.outcomes).await)
        }
    }
}

/// Why a row is unknown that the server counted neither as added nor as changed.
const SKIPPED: &str = "the server skipped the row";

/// For small talk with the server.
const GRACE: Duration = Duration::from_secs(10);

fn answer(failure: Failure, rows: usize) -> Result<Answer, SyncError> {
    match failure {
        Failure::Rows(reason) if rows == 1 => Ok(Answer::Rows(vec![Outcome::Rejected(reason)])),
        Failure::Others(reason) if rows == 1 => Ok(Answer::Rows(vec![Outcome::NextRun(reason)])),
        Failure::Rows(reason) | Failure::Others(reason) => Ok(Answer::Bisect { reason }),
        Failure::Retry(reason) => Ok(Answer::RetryAfter { seconds: None, reason }),
        Failure::Stop(error) => Err(error),
    }
}

/// An error of the statement alone; one that ends the connection leaves open what became of the transaction.
fn is_rolled_back(error: &tokio_postgres::Error) -> bool {
    let ends_session = |code: &str| matches!(&code[..code.len().min(2)], "08" | "57" | "XX");
    // Not `severity`, which is in the server's language.
    let is_error = |db: &DbError| db.parsed_severity() == Some(Severity::Error);
    error.as_db_error().is_some_and(|db| is_error(db) && !ends_session(db.code().code()))
}

/// After a connection that broke during `COMMIT`: the server remembers how recent transactions ended.
pub(super) async fn ask_what_became(sessions: &Sessions, transaction: String, outcomes: Vec<Outcome>) -> Answer {
    let rows = outcomes.len();
    let unknown = |why: &str| {
        Answer::Rows(vec![Outcome::Unknown(format!("the connection broke during the commit, and {why}")); rows])
    };
    for _ in 0..5 {
        let Ok(Ok(session)) = timeout(GRACE, sessions.connect()).await else {
            return unknown("the server cannot be asked");
        };
        // The number is one that the server gave us.
        let question = format!("SELECT txid_status({transaction})");
        let status = match timeout(GRACE, session.client.simple_query(&question)).await {
            Ok(Ok(messages)) => first_value(&messages),
            _ => return unknown("the server cannot be asked"),
        };
        sessions.give_back(session);
        match status.as_deref() {
            Some("committed") => return Answer::Rows(outcomes),
            Some("aborted") => {
                return Answer::RetryAfter {
                    seconds: None,
                    reason: "the connection broke during the commit, which was rolled back".to_owned(),
                };
            }
            // The old session has not noticed yet that it is alone.
            Some("in progress") => tokio::time::sleep(Duration::from_millis(200)).await,
            _ => return unknown("the server does not remember it"),
        }
    }
    unknown("the server is still at it")
}

fn first_value(messages: &[SimpleQueryMessage]) -> Option<String> {
    messages.iter().find_map(|m| match m {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    })
}

/// For a row with a value that its column does not take: the column's name, found by trying one after the other.
async fn column_at_fault<'t>(session: &Session, table: &'t Table, row: &RecordBatch) -> Option<&'t str> {
    for (i, column) in table.columns.iter().enumerate() {
        let is_too_long =
            column.ty.length().zip(cell(row.column(i), 0).text()).is_some_and(|(n, text)| text.chars().count() > n);
        let shape = Shape { table, carried: &[i], source: Source::Arrays };
        let params = encode::arrays(shape, row);
        let tried = timeout(GRACE, session.client.query_typed(&sql::convert_one(shape), &borrowed(&params))).await;
        let is_refused = matches!(&tried, Ok(Err(e)) if e.code().is_some_and(|c| c.code().starts_with("22")));
        if is_too_long || is_refused {
            return Some(&column.plain_name);
        }
    }
    None
}

/// Begins a transaction and does everything but commit it.
async fn apply(
    session: &mut Session,
    table: &Table,
    target: &Target,
    batch: &Batch,
) -> Result<Applied, tokio_postgres::Error> {
    let begun = session.client.simple_query("BEGIN ISOLATION LEVEL READ COMMITTED; SELECT txid_current()").await?;
    let transaction =
        first_value(&begun).filter(|t| t.bytes().all(|b| b.is_ascii_digit())).unwrap_or_else(|| "0".to_owned());
    let rows = &batch.rows;
    let all: Vec<usize> = (0..table.columns.len()).collect();
    let fields = &all[table.key_columns.min(all.len())..];
    let keys = &all[..table.key_columns.min(all.len())];
    let source = if rows.num_rows() >= COPY_FROM_ROWS { Source::Stage } else { Source::Arrays };
    let shape = |carried| Shape { table, carried, source };
    // Where no null is to be skipped, skipping is not worth its price.
    let skip_nulls = target.skip_nulls && fields.iter().any(|i| rows.column(*i).logical_null_count() > 0);
    let mut outcomes = vec![Outcome::Ok; rows.num_rows()];
    let mut is_short = false;
    match batch.operation {
        Operation::Insert if skip_nulls => drop(put_by_nulls(session, table, rows, false).await?),
        Operation::Insert => drop(execute(session, shape(&all), rows, &sql::insert(shape(&all), false)).await?),
        Operation::Upsert if skip_nulls => {
            // Changing comes first: an insert would ask for columns that may not be null even where the row exists.
            let found = numbers(session, shape(&all), rows, &sql::update(shape(&all), true)).await?;
            let missing = (0..rows.num_rows()).filter(|row| !found.contains(row));
            let missing: UInt32Array = missing.filter_map(|row| u32::try_from(row).ok()).collect();
            if !missing.is_empty() {
                let missing = take_record_batch(rows, &missing).expect("numbers of rows that there are");
                is_short = put_by_nulls(session, table, &missing, true).await?;
            }
        }
        Operation::Upsert => {
            let written = execute(session, shape(&all), rows, &sql::insert(shape(&all), true)).await?;
            is_short = !fields.is_empty() && written < rows.num_rows() as u64;
        }
        Operation::Update => {
            let found = numbers(session, shape(&all), rows, &sql::update(shape(&all), skip_nulls)).await?;
            for (_, outcome) in outcomes.iter_mut().enumerate().filter(|(row, _)| !found.contains(row)) {
                *outcome = Outcome::Rejected("the table has no row with this key".to_owned());
            }
        }
        Operation::Clear => {
            if let Some(sql) = sql::clear(shape(keys)) {
                execute(session, shape(keys), rows, &sql).await?;
            }
        }
        Operation::Delete => drop(execute(session, shape(keys), rows, &sql::delete(shape(keys))).await?),
    }
    let mut skipped = false;
    if is_short && table.is_plain && there_as_sent(session, shape(&all), rows, skip_nulls).await? < rows.num_rows() {
        skipped = rows.num_rows() > 1;
        outcomes.fill(Outcome::Unknown(SKIPPED.to_owned()));
    }
    Ok(Applied { transaction, outcomes, skipped })
}

/// How many of the rows, which this transaction has sent, are in the table with the values that were sent: a trigger may leave out
/// what would change nothing.
async fn there_as_sent(
    session: &Session,
    shape: Shape<'_>,
    rows: &RecordBatch,
    skip_nulls: bool,
) -> Result<usize, tokio_postgres::Error> {
    // The temporary table still holds them.
    let params = if shape.source == Source::Arrays { encode::arrays(shape, rows) } else { vec![] };
    let found = session.client.query_typed(&sql::as_sent(shape, skip_nulls), &borrowed(&params)).await?;
    Ok(found.len())
}

/// Adds rows with only those columns that are not null, so that the table's defaults fill in the others: one statement for each
/// combination of columns. Gives whether the server wrote fewer rows than it should have.
async fn put_by_nulls(
    session: &mut Session,
    table: &Table,
    rows: &RecordBatch,
    overwrite: bool,
) -> Result<bool, tokio_postgres::Error> {
    let mut is_short = false;
    let mut groups: BTreeMap<Vec<usize>, Vec<u32>> = BTreeMap::new();
    for row in 0..rows.num_rows() {
        let is_null = |i: usize| matches!(cell(rows.column(i), row), Cell::Null);
        let carried = (0..table.columns.len()).filter(|i| *i < table.key_columns || !is_null(*i));
        groups.entry(carried.collect()).or_default().extend(u32::try_from(row));
    }
    for (carried, group) in groups {
        if carried.is_empty() {
            let sql = format!("INSERT INTO {} DEFAULT VALUES;", table.path);
            session.client.batch_execute(&sql.repeat(group.len())).await?;
            continue;
        }
        let some = take_record_batch(rows, &UInt32Array::from(group)).expect("numbers of rows that there are");
        let shape = Shape { table, carried: &carried, source: Source::Arrays };
        let written = execute(session, shape, &some, &sql::insert(shape, overwrite)).await?;
        is_short |= carried.len() > table.key_columns && written < some.num_rows() as u64;
    }
    Ok(is_short)
}

/// Gives how many rows the server wrote.
async fn execute(
    session: &mut Session,
    shape: Shape<'_>,
    rows: &RecordBatch,
    sql: &str,
) -> Result<u64, tokio_postgres::Error> {
    let params = ready(session, shape, rows).await?;
    session.client.execute_typed(sql, &borrowed(&params)).await
}

/// As `execute`, for a statement that gives the numbers, from 1, of the rows that it found; here they count from 0.
async fn numbers(
    session: &mut Session,
    shape: Shape<'_>,
    rows: &RecordBatch,
    sql: &str,
) -> Result<HashSet<usize>, tokio_postgres::Error> {
    let params = ready(session, shape, rows).await?;
    let found = session.client.query_typed(sql, &borrowed(&params)).await?;
    let number = |row: &tokio_postgres::Row| row.try_get::<_, i64>(0);
    found.iter().map(|row| Ok(usize::try_from(number(row)? - 1).unwrap_or(usize::MAX))).collect()
}

type Param<'a> = (Box<dyn ToSql + Sync + Send + 'a>, Type);

fn borrowed<'a>(params: &'a [Param<'_>]) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    params.iter().map(|(value, ty)| (&**value as &(dyn ToSql + Sync), ty.clone())).collect()
}

/// Brings rows to the server, or makes the parameters with which they will go there.
async fn ready<'a>(
    session: &mut Session,
    shape: Shape<'_>,
    rows: &'a RecordBatch,
) -> Result<Vec<Param<'a>>, tokio_postgres::Error> {
    if shape.source == Source::Arrays {
        return Ok(encode::arrays(shape, rows));
    }
    if session.stage.as_deref() != Some(shape.carried) {
        let create = sql::create_stage(shape);
        session.client.batch_execute(&create).await?;
        session.stage = Some(shape.carried.to_vec());
    }
    let sink: CopyInSink<Bytes> = session.client.copy_in(&sql::copy_stage()).await?;
    let mut sink = std::pin::pin!(sink);
    for piece in encode::copy(shape, rows) {
        sink.feed(piece).await?;
    }
    sink.as_mut().finish().await?;
    Ok(vec![])
}

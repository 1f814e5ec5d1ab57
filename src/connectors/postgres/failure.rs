//! What an error of the server or the connection means for a batch.
//!
//! The server's own messages quote values ("invalid input syntax for type integer: …"), so reasons are built from the error's
//! code and the names of constraints, columns and types, and a message is only passed on where it can hold nothing but names.

use kinfold_sync::SyncError;
use tokio_postgres::error::{DbError, SqlState};

use super::table::Table;
use crate::error::{input, outside};

/// Why an attempt came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server refused what is in the rows.
    Rows(String),
    /// The server refused the rows for what other rows are there, or are not.
    Others(String),
    /// Nothing is wrong with the rows or the settings: try again.
    Retry(String),
    /// No row can get through.
    Stop(SyncError),
}

impl From<SyncError> for Failure {
    fn from(error: SyncError) -> Self {
        Self::Stop(error)
    }
}

impl Failure {
    /// While connecting.
    pub(super) fn of_connect(error: &tokio_postgres::Error) -> Self {
        if let Some(db) = error.as_db_error() {
            let code = db.code().code();
            return match &code[..code.len().min(2)] {
                // 28: authentication; 3D: no such database; 42: may not connect. Their messages name roles and databases.
                "28" | "3D" | "42" => Self::Stop(outside(
                    format!("PostgreSQL refused the connection: {} ({code})", db.message()),
                    "check `user`, `password`, `database` and the server's pg_hba.conf",
                )),
                _ => Self::of_db(db, None),
            };
        }
        // The library tells these apart only in words.
        let text = error.to_string();
        if text.starts_with("authentication error") || text.starts_with("invalid configuration") {
            return Self::Stop(outside(
                format!("cannot log in to PostgreSQL: {}", with_cause(error)),
                "check `user` and `password`, and that the server uses SCRAM, MD5 or a clear-text password",
            ));
        }
        if text.starts_with("error performing TLS handshake") && !is_network(error) {
            return Self::Stop(outside(
                format!("cannot connect to PostgreSQL: {}", with_cause(error)),
                "check `sslmode`, and `ca_file` if the server's certificate is signed by an authority of your own",
            ));
        }
        Self::Retry(format!("PostgreSQL cannot be reached: {}", with_cause(error)))
    }

    /// While working; `table` is named where it helps.
    pub(super) fn of(error: &tokio_postgres::Error, table: &str) -> Self {
        match error.as_db_error() {
            Some(db) => Self::of_db(db, Some(table)),
            None if error.is_closed() || is_network(error) => {
                Self::Retry("the connection to PostgreSQL broke".to_owned())
            }
            None => Self::Stop(outside(
                format!("PostgreSQL could not be spoken to: {error}"),
                "check that the server is PostgreSQL 12 or newer",
            )),
        }
    }

    /// As `of`, for rows on their way to a table of which more is known.
    pub(super) fn of_rows(error: &tokio_postgres::Error, object: &str, table: &Table) -> Self {
        match error.as_db_error() {
            Some(db) if depends_on_others(db.code().code()) => {
                let own_key = db.constraint().is_some_and(|name| table.key_indexes.iter().any(|index| index == name));
                let reason = row_reason(db, None);
                if own_key { Self::Rows(reason) } else { Self::Others(reason) }
            }
            _ => Self::of(error, object),
        }
    }

    fn of_db(error: &DbError, table: Option<&str>) -> Self {
        let code = error.code().code();
        let table = table.unwrap_or("the database");
        let stop = |message: String, hint: &str| Self::Stop(outside(format!("{message} ({code})"), hint));
        match &code[..code.len().min(2)] {
            _ if is_about_rows(code) => Self::Rows(row_reason(error, None)),
            _ if *error.code() == SqlState::READ_ONLY_SQL_TRANSACTION => {
                stop(format!("the server that holds {table} is read-only"), "connect to the primary server")
            }
            _ if *error.code() == SqlState::DISK_FULL => {
                stop(format!("the server has no disk space left for {table}"), "make room on the server")
            }
            "28" | "3D" => {
                stop("PostgreSQL refused the connection".to_owned(), "check `user`, `password` and `database`")
            }
            _ if *error.code() == SqlState::INSUFFICIENT_PRIVILEGE => stop(
                format!("the role may not write to {table}: {}", error.message()),
                "grant it SELECT, INSERT, UPDATE and DELETE on the table",
            ),
            _ if *error.code() == SqlState::UNDEFINED_TABLE => {
                stop(format!("the table {table} is gone"), "make it again, or set `create: true`")
            }
            // Trouble with the connection, too many of them, a lock, a shutdown, or another transaction in the way.
            "08" | "40" | "53" | "57" => Self::Retry(format!("PostgreSQL: {} ({code})", condition(code))),
            _ if matches!(code, "55P03" | "55006" | "25P03" | "25P04") => {
                Self::Retry(format!("PostgreSQL: {} ({code})", condition(code)))
            }
            // Wrong names and types: messages of this class quote SQL, which is ours and holds no values.
            "42" | "3F" | "0A" => stop(
                format!("PostgreSQL refused the statement for {table}: {}", error.message()),
                "the table may have changed since the sync began: run it again",
            ),
            _ => stop(format!("PostgreSQL failed on {table}"), "look up the code in the server's log"),
        }
    }

    /// As an error that stops the sync, where there are no rows to speak of.
    pub(super) fn stop(self, object: &str) -> SyncError {
        match self {
            Self::Stop(error) => error,
            Self::Retry(reason) => outside(reason, "check `host` and `port`, and that the server is up"),
            Self::Rows(reason) | Self::Others(reason) => {
                input(format!("{object}: {reason}"), "check the table's columns")
            }
        }
    }
}

/// Whether a code concerns what is in the rows: data errors, constraints, a check of a view, an exception raised by a trigger,
/// a row that two of ours fall on, and a value too large for an index.
fn is_about_rows(code: &str) -> bool {
    matches!(&code[..code.len().min(2)], "22" | "23" | "44" | "P0") || code == "21000" || code == "54000"
}

/// Whether a code says that a row would be taken if another one were there, or were not: a foreign key, or something that only one
/// row may have. The sync's own key is told from others by its name.
fn depends_on_others(code: &str) -> bool {
    matches!(code, "23001" | "23503" | "23505" | "23P01")
}

/// Whether a value is at fault, and the server did not say of which column.
pub(super) fn lacks_column(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|db| db.code().code().starts_with("22") && db.column().is_none())
}

/// What is wrong with a row, in names only; `column` is the one at fault where the server did not say.
pub(super) fn row_reason(error: &DbError, column: Option<&str>) -> String {
    let code = error.code().code();
    let what = condition(code);
    let place = match (error.constraint(), error.column().or(column), error.datatype()) {
        (Some(constraint), _, _) => format!(" `{constraint}`"),
        (None, Some(column), _) => format!(" in column `{column}`"),
        (None, None, Some(datatype)) => format!(" of type `{datatype}`"),
        (None, None, None) => String::new(),
    };
    format!("{what}{place} ({code})")
}

/// The meaning of a code, in words.
fn condition(code: &str) -> &'static str {
    match code {
        "21000" => "two rows of the batch fall on one row of the table",
        "22001" => "a text is too long",
        "22003" => "a number is out of range",
        "22007" | "22008" => "a date or time is not valid",
        "22021" | "22P05" => "a text holds a character that the database cannot keep",
        "22P02" | "22P03" => "a value does not fit the type",
        "23502" => "a value is missing",
        "23001" | "23503" => "breaks the foreign key",
        "23505" => "breaks the unique constraint",
        "23514" => "breaks the check",
        "23P01" => "breaks the exclusion constraint",
        "40001" | "40P01" => "another transaction was in the way",
        "53300" => "it has too many connections",
        "54000" => "a value is too large",
        "55P03" | "55006" => "the table is locked",
        "57014" | "25P03" | "25P04" => "the statement took too long",
        "57P01" | "57P02" | "57P03" => "the server is shutting down or starting",
        _ => match &code[..code.len().min(2)] {
            "22" => "a value is not valid",
            "23" => "breaks a constraint",
            "44" => "breaks the view's check option",
            "53" => "it lacks resources",
            "P0" => "a trigger refused it",
            _ => "it is in trouble",
        },
    }
}

/// The error with what lies under it; connection errors hold addresses and certificates, never rows.
fn with_cause(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

/// Whether the network, rather than one of the two programs, is to blame.
fn is_network(error: &tokio_postgres::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return !matches!(
                io.kind(),
                std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput | std::io::ErrorKind::Other
            );
        }
        cause = inner.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_apart() {
        let rows = ["22001", "22P02", "23505", "23502", "21000", "44000", "P0001", "54000"];
        assert!(rows.iter().all(|c| is_about_rows(c)));
        let others = ["40001", "40P01", "42P01", "42501", "53100", "57P01", "08006", "28P01", "XX000"];
        assert!(!others.iter().any(|c| is_about_rows(c)));
        assert!(depends_on_others("23503") && !depends_on_others("23502"));
        assert_eq!(condition("23505"), "breaks the unique constraint");
        assert_eq!(condition("22012"), "a value is not valid");
    }
}

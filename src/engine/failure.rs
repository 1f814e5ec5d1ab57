//! What went wrong below, in one plain sentence: the only place that reads the errors of DataFusion, Arrow, Parquet, Delta and
//! object stores.
//!
//! No message holds a value of the data: parsers quote the row they stumbled over, and rows are personal.

use std::error::Error;
use std::io;

use arrow::error::ArrowError;
use datafusion::common::{DataFusionError, SchemaError};
use deltalake_core::DeltaTableError;
use parquet::errors::ParquetError;

use crate::error::{EngineError, ErrorKind};
use crate::stores::first_line;

/// Errors of one kind, without hint and source.
pub(crate) fn input(message: impl Into<String>) -> EngineError {
    EngineError { kind: ErrorKind::Input, message: message.into(), hint: None, source: None }
}

pub(crate) fn outside(message: impl Into<String>) -> EngineError {
    EngineError { kind: ErrorKind::Outside, message: message.into(), hint: None, source: None }
}

pub(crate) fn bug(message: impl Into<String>) -> EngineError {
    EngineError { kind: ErrorKind::Bug, message: message.into(), hint: None, source: None }
}

impl EngineError {
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// An error while one file of a source was read: the file's name on the way up through DataFusion.
#[derive(Debug, thiserror::Error)]
#[error("{table}: {file}")]
pub(crate) struct FileError {
    /// The table's full name.
    pub(crate) table: String,
    pub(crate) file: String,
    /// The names of the file's columns, in their order; empty where they are not known.
    pub(crate) columns: Vec<String>,
    #[source]
    pub(crate) source: DataFusionError,
}

/// Says what a query's error means. `what` is what was done, as in "the table `customer`".
pub(crate) fn query(error: DataFusionError, what: &str) -> EngineError {
    explain(error, what)
}

pub(crate) fn store(error: object_store::Error, place: &str) -> EngineError {
    explain(error, place)
}

pub(crate) fn delta(error: DeltaTableError, table: &str) -> EngineError {
    explain(error, table)
}

pub(crate) fn arrow(error: ArrowError, what: &str) -> EngineError {
    explain(error, what)
}

fn explain(error: impl Error + Send + Sync + 'static, what: &str) -> EngineError {
    let mut said = read_chain(&error, what);
    said.source = Some(Box::new(error));
    said
}

/// Looks down the chain of causes for the first one that says something to a person.
fn read_chain(error: &(dyn Error + 'static), what: &str) -> EngineError {
    let mut place: Option<&FileError> = None;
    let mut innermost = error;
    let mut next = Some(error);
    while let Some(e) = next {
        innermost = e;
        if let Some(known) = e.downcast_ref::<EngineError>() {
            return EngineError {
                kind: known.kind,
                message: known.message.clone(),
                hint: known.hint.clone(),
                source: None,
            };
        }
        if let Some(file) = e.downcast_ref::<FileError>() {
            place = Some(file);
        }
        if let Some(said) = read_one(e, what, place) {
            return said;
        }
        next = cause(e);
    }
    if innermost.to_string().contains("No space left on device") {
        return disk_full(what);
    }
    match place {
        Some(at) => unreadable(at, first_line(&innermost.to_string())),
        None => bug(format!("{what} failed: {}", first_line(&innermost.to_string()))),
    }
}

/// The cause of an error, through boxes that hide it.
fn cause<'a>(e: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    if let Some(error) = e.downcast_ref::<DataFusionError>() {
        return match error {
            DataFusionError::ArrowError(e, _) => Some(e.as_ref()),
            DataFusionError::ParquetError(e) => Some(e.as_ref()),
            DataFusionError::ObjectStore(e) => Some(e.as_ref()),
            DataFusionError::IoError(e) => Some(e),
            DataFusionError::SchemaError(e, _) => Some(e.as_ref()),
            DataFusionError::External(e) => Some(e.as_ref()),
            DataFusionError::Context(_, e) | DataFusionError::Diagnostic(_, e) => Some(e.as_ref()),
            DataFusionError::Shared(e) => Some(e.as_ref()),
            DataFusionError::Collection(all) => all.first().map(|e| e as _),
            _ => e.source(),
        };
    }
    match e.downcast_ref::<ArrowError>() {
        Some(ArrowError::ExternalError(e)) => return Some(e.as_ref()),
        Some(ArrowError::IoError(_, e)) => return Some(e),
        _ => {}
    }
    if let Some(ParquetError::External(e)) = e.downcast_ref::<ParquetError>() {
        return Some(e.as_ref());
    }
    if let Some(error) = e.downcast_ref::<io::Error>()
        && let Some(inner) = error.get_ref()
    {
        return Some(inner);
    }
    e.source()
}

fn read_one(e: &(dyn Error + 'static), what: &str, place: Option<&FileError>) -> Option<EngineError> {
    if let Some(e) = e.downcast_ref::<io::Error>() {
        return read_io(e, what);
    }
    if let Some(e) = e.downcast_ref::<object_store::Error>() {
        return read_store(e, what, place);
    }
    if let Some(e) = e.downcast_ref::<DataFusionError>() {
        return read_datafusion(e, what);
    }
    if let Some(e) = e.downcast_ref::<ArrowError>() {
        return read_arrow(e, what, place);
    }
    if let Some(e) = e.downcast_ref::<ParquetError>() {
        return match (e, place) {
            (ParquetError::External(_), _) | (_, None) => None,
            (e, Some(at)) => Some(unreadable(at, &plain(&e.to_string()))),
        };
    }
    if let Some(e) = e.downcast_ref::<SchemaError>() {
        return Some(read_schema(e, what));
    }
    e.downcast_ref::<DeltaTableError>().and_then(|e| read_delta(e, what))
}

fn read_io(e: &io::Error, what: &str) -> Option<EngineError> {
    match e.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(disk_full(what)),
        io::ErrorKind::PermissionDenied => Some(outside(format!("access was denied while working on {what}"))),
        _ => None,
    }
}

fn disk_full(what: &str) -> EngineError {
    outside(format!("the disk is full: {what} could not be written"))
        .hint("free space on that disk, or set another location; nothing that readers see was changed")
}

fn read_store(e: &object_store::Error, what: &str, place: Option<&FileError>) -> Option<EngineError> {
    use object_store::Error as E;
    let at = place.map_or_else(|| what.to_owned(), |at| format!("{} ({})", at.table, at.file));
    Some(match e {
        E::NotFound { .. } if e.to_string().contains("NoSuchBucket") => no_bucket(&at),
        E::NotFound { path, .. } => input(format!("{at}: there is no file {path}")).hint("check the path"),
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => {
            if let Some(io) = io_below(e) {
                return Some(
                    outside(format!("access to {at} was denied: {}", first_line(&io.to_string())))
                        .hint("give this user the right to read and write there"),
                );
            }
            outside(format!("access to {at} was denied: the credential is wrong or lacks the permission"))
                .hint("check the credential and its permissions in the `storage` rule for this URL")
        }
        E::Generic { .. } => {
            if io_below(e).is_some_and(|io| read_io(io, what).is_some()) {
                return None;
            }
            let text = e.to_string();
            if text.contains("NoSuchBucket") || text.contains("404 Not Found") {
                return Some(no_bucket(&at));
            }
            if ["InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "403 Forbidden", "401 Unauthorized"]
                .iter()
                .any(|s| text.contains(s))
            {
                return Some(
                    outside(format!("access to {at} was denied: the credential is wrong or lacks the permission"))
                        .hint("check the credential and its permissions in the `storage` rule for this URL"),
                );
            }
            if text.contains("169.254.169.254") || text.contains("metadata") && text.contains("oken") {
                return Some(
                    outside(format!("there is no credential for {at}"))
                        .hint("name the credential in a `storage` rule for this URL, or set it in the environment"),
                );
            }
            if ["error sending request", "timed out", "dns error", "tcp connect error"].iter().any(|s| text.contains(s))
            {
                return Some(
                    outside(format!("{at} could not be reached: {}", deepest(e)))
                        .hint("check the endpoint and region in the `storage` rule for this URL, and the network"),
                );
            }
            outside(format!("{at} could not be used: {}", plain(&text)))
        }
        E::AlreadyExists { path, .. } | E::Precondition { path, .. } => {
            outside(format!("{at}: another process wrote {path} at the same time")).hint("run again")
        }
        _ => outside(format!("{at} could not be used: {}", plain(&e.to_string()))),
    })
}

fn no_bucket(at: &str) -> EngineError {
    outside(format!("the bucket of {at} does not exist")).hint("create the bucket, or correct its name")
}

fn io_below<'a>(e: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    let mut next = e.source();
    while let Some(e) = next {
        if let Some(io) = e.downcast_ref::<io::Error>() {
            return Some(io);
        }
        next = e.source();
    }
    None
}

fn deepest(e: &(dyn Error + 'static)) -> String {
    let mut last = e;
    while let Some(next) = last.source() {
        last = next;
    }
    plain(&last.to_string())
}

fn read_datafusion(e: &DataFusionError, what: &str) -> Option<EngineError> {
    Some(match e {
        DataFusionError::Execution(text) if text.contains("No space left on device") => disk_full(what),
        DataFusionError::ResourcesExhausted(text) if text.contains("disk") || text.contains("temp") => {
            outside(format!("{what} needs more temporary disk space than it may use"))
                .hint("free space where temporary files go, or raise the memory limit so that less is spilled")
        }
        DataFusionError::ResourcesExhausted(_) => {
            outside(format!("{what} needs more memory than the memory limit allows"))
                .hint("raise --memory-limit, or lower --threads so that each of fewer workers gets more of it")
        }
        DataFusionError::SQL(e, _) => input(format!("{what} is not valid SQL: {}", first_line(&e.to_string()))),
        DataFusionError::Plan(text) => input(format!("{what} cannot be planned: {}", plain(text))),
        DataFusionError::NotImplemented(text) => {
            input(format!("{what} uses what the engine cannot do: {}", plain(text)))
        }
        DataFusionError::Execution(text) => input(format!("{what} failed: {}", without_values(&plain(text)))),
        _ => return None,
    })
}

fn read_schema(e: &SchemaError, what: &str) -> EngineError {
    let SchemaError::FieldNotFound { field, valid_fields } = e else {
        return input(format!("{what} cannot be planned: {}", plain(&e.to_string())));
    };
    let names = || valid_fields.iter().map(|c| c.name.as_str());
    let said = input(format!("{what} names a column `{}` that does not exist", field.name));
    match kinfold_base::did_you_mean(&field.name, names()) {
        Some(near) => said.hint(format!("did you mean `{near}`?")),
        None if valid_fields.is_empty() => said,
        None => said.hint(format!("there are {}", names().take(40).collect::<Vec<_>>().join(", "))),
    }
}

fn read_arrow(e: &ArrowError, what: &str, place: Option<&FileError>) -> Option<EngineError> {
    let text = match e {
        ArrowError::ExternalError(_) | ArrowError::IoError(_, _) => return None,
        ArrowError::DivideByZero => return Some(input(format!("{what} failed: a number is divided by zero"))),
        ArrowError::ArithmeticOverflow(_) => {
            return Some(
                input(format!("{what} failed: a result is too large for its type"))
                    .hint("cast to a wider type before calculating, such as `cast(x as decimal(38, 4))`"),
            );
        }
        ArrowError::CsvError(text)
        | ArrowError::JsonError(text)
        | ArrowError::ParseError(text)
        | ArrowError::CastError(text) => plain(text),
        other => plain(&other.to_string()),
    };
    let Some(place) = place else { return Some(input(format!("{what} failed: {}", without_values(&text)))) };
    Some(damaged_row(place, &text))
}

/// A row that cannot be read, from what the readers of CSV and JSON say about it.
fn damaged_row(place: &FileError, text: &str) -> EngineError {
    let FileError { table, file, columns, .. } = place;
    // Rows with a wrong number of fields are counted from 1, values of a wrong type from 0.
    let line = number_after(text, "line ").map(|n| if text.contains("as type ") { n + 1 } else { n });
    let at = line.map_or_else(String::new, |n| format!(" at line {n}"));
    if text.contains("incorrect number of fields") {
        let expected = number_after(text, "expected ").map_or_else(String::new, |n| format!(" {n}"));
        let got = number_after(text, "got ").map_or_else(|| "another number".to_owned(), |n| n.to_string());
        let got = if text.contains("got more than") { format!("more than{expected}") } else { got };
        return input(format!("{table}: {file}{at} has {got} fields where{expected} are expected"))
            .hint("mend the row, or quote the values that hold the delimiter");
    }
    if text.to_lowercase().contains("utf-8") {
        return input(format!("{table}: {file}{at} holds bytes that are not UTF-8")).hint("write the file in UTF-8");
    }
    if let Some(path) = json_field(text) {
        return input(format!("{table}: {file}: the column `{path}` holds values of different types"))
            .hint("give all its values one type, or declare one that fits them all under `columns`");
    }
    if let Some(rest) = text.split("as type ").nth(1) {
        let ty: String = rest.chars().take_while(|c| *c != ' ').collect();
        let column = number_after(text, "for column ").map_or_else(String::new, |n| {
            match usize::try_from(n).ok().and_then(|n| columns.get(n)) {
                Some(name) => format!(" of `{name}`"),
                None => format!(" in column {}", n + 1),
            }
        });
        return input(format!("{table}: {file}{at}: a value{column} cannot be read as {}", ty.trim_matches('\'')))
            .hint("mend the value, or declare the column's type as text under `columns`");
    }
    unreadable(place, &without_values(text))
}

/// The path of the field in which a value of JSON has another type than expected.
fn json_field(text: &str) -> Option<String> {
    let fields = text.split("whilst decoding field '").skip(1).filter_map(|rest| rest.split('\'').next());
    let path = fields.collect::<Vec<_>>().join(".");
    (!path.is_empty()).then_some(path)
}

fn unreadable(at: &FileError, reason: &str) -> EngineError {
    input(format!("{}: {} cannot be read: {reason}", at.table, at.file))
        .hint("the file may be cut short or damaged: write it anew")
}

fn read_delta(e: &DeltaTableError, what: &str) -> Option<EngineError> {
    use DeltaTableError as D;
    Some(match e {
        D::NotATable(_) | D::InvalidTableLocation(_) | D::InvalidVersion(_) | D::NotInitialized => {
            input(format!("{what}: there is no Delta table at this place")).hint("check the path")
        }
        D::VersionAlreadyExists(_) => conflict(what),
        D::Transaction { source } => {
            use deltalake_core::kernel::transaction::TransactionError as T;
            match source {
                T::ObjectStore { .. } => return None,
                T::UnsupportedTableFeatures(features) => {
                    input(format!("{what} uses features of Delta that are not supported: {features:?}"))
                }
                _ => conflict(what),
            }
        }
        _ => return None,
    })
}

/// `what` is no longer as it was when its change was made.
pub(crate) fn conflict(what: &str) -> EngineError {
    outside(format!("{what} was changed by another run at the same time, so this run's version was not shown"))
        .hint("run again; let only one run write to a location")
}

fn number_after(text: &str, word: &str) -> Option<u64> {
    let rest = &text[text.find(word)? + word.len()..];
    let rest = rest.trim_start_matches("more than ");
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// One line, without the prefixes that layers put before a message.
fn plain(text: &str) -> String {
    let mut text = first_line(text).trim();
    for prefix in [
        "Error during planning: ",
        "Execution error: ",
        "Arrow error: ",
        "Parquet error: ",
        "External error: ",
        "Cast error: ",
        "Parser error: ",
        "Csv error: ",
        "Json error: ",
        "EOF: ",
    ] {
        text = text.strip_prefix(prefix).unwrap_or(text);
    }
    text.trim_end_matches('.').to_owned()
}

/// Quoted pieces are replaced: they may be a person's data.
fn without_values(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let text = text.split("Row data:").next().unwrap_or(text);
    let mut quoted = None;
    for c in text.chars() {
        match quoted {
            Some(q) if c == q => {
                quoted = None;
                out.push('…');
                out.push(q);
            }
            Some(_) => {}
            None => {
                out.push(c);
                if matches!(c, '\'' | '"') {
                    quoted = Some(c);
                }
            }
        }
    }
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: DataFusionError, kind: ErrorKind, message: &str) {
        let said = query(error, "the table `customer`");
        assert_eq!((said.kind, said.message.as_str()), (kind, message));
    }

    fn in_file(error: ArrowError) -> DataFusionError {
        let source = DataFusionError::from(error);
        let columns = vec!["id".to_owned()];
        let (table, file) = ("shop.orders".into(), "/d/a.csv".into());
        DataFusionError::External(Box::new(FileError { table, file, columns, source }))
    }

    #[test]
    fn messages_name_the_place_and_hold_no_value() {
        check(
            in_file(ArrowError::CsvError("incorrect number of fields for line 3, expected 2 got more than 2".into())),
            ErrorKind::Input,
            "shop.orders: /d/a.csv at line 3 has more than 2 fields where 2 are expected",
        );
        check(
            in_file(ArrowError::ParseError(
                "Error while parsing value 'ada@x.com' as type 'Int64' for column 0 at line 1. Row data: '[ada@x.com]'"
                    .into(),
            )),
            ErrorKind::Input,
            "shop.orders: /d/a.csv at line 2: a value of `id` cannot be read as Int64",
        );
        check(
            ArrowError::CastError("Cannot cast string 'ada@x.com' to value of Int64 type".into()).into(),
            ErrorKind::Input,
            "the table `customer` failed: Cannot cast string '…' to value of Int64 type",
        );
        check(
            io::Error::from(io::ErrorKind::StorageFull).into(),
            ErrorKind::Outside,
            "the disk is full: the table `customer` could not be written",
        );
        check(
            DataFusionError::ResourcesExhausted("Failed to allocate".into()).context("x"),
            ErrorKind::Outside,
            "the table `customer` needs more memory than the memory limit allows",
        );
    }
}

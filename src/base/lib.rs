//! What every crate of Kinfold may know: spans and diagnostics, table schemas, the injected clock, run ids, secret
//! strings, progress events, and named crash points.
//!
//! Deliberately absent: input and output, async code, SQL, and anything about one tool or engine.

mod clock;
mod connector_spec;
mod diagnostic;
mod fault;
mod ids;
mod progress;
mod schema;
mod secret;
mod source;
mod suggest;
mod text;

pub use clock::{Clock, FixedClock, SystemClock, parse_instant};
pub use connector_spec::{ConnectorSpec, SecretRef, Setting, SettingKind, SettingSpec, SyncMode};
pub use diagnostic::{Diagnostic, Label, Severity};
pub use fault::{Faults, NoFaults, SendBeforeLedger, fault_names};
pub use ids::{RunId, new_writer_id};
pub use jiff::{SignedDuration, Timestamp};
pub use progress::{PlannedTask, Progress, ProgressEvent, Silent};
pub use schema::{Column, SqlType, TableSchema};
pub use secret::Secret;
pub use source::{FileId, LineColumn, SourceFile, SourceMap, Span};
pub use suggest::did_you_mean;
pub use text::SourceText;

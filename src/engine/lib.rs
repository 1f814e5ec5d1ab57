//! Engines: where compiled SQL runs. The only place that knows DataFusion.

mod api;
mod error;

pub use api::{Engine, FileTable, RecordStream, RunContext, Written};
pub use error::{EngineError, ErrorKind};

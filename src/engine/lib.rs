//! Engines: where compiled SQL runs. The only place that knows DataFusion.
//!
//! [`Engine`] is what the rest of Kinfold sees; [`LakeEngine`] runs in this process. [`resolve`] runs identity resolution over any
//! engine; [`contract`] finds connected components, by SQL alone. [`Stores`] makes object stores from the project's storage rules,
//! for sources, tables, state and files alike.
//!
//! Invariant: no type of DataFusion, Delta or an object store's client is in a signature of [`Engine`].

#![allow(clippy::similar_names, reason = "`shelf` is what things are kept on, for all that `self` looks like it")]

mod api;
mod contract;
mod error;
mod failure;
mod functions;
mod lake;
mod local;
mod resolve;
mod stores;
mod types;

pub use api::{
    Engine, FileTable, Gap, Kept, MemoryShare, NewFile, QueryPart, QueryParts, RecordStream, RunContext, StoredFile,
    Written,
};
pub use contract::{Components, contract};
pub use error::{EngineError, ErrorKind};
pub use lake::{LakeEngine, LakeOptions};
pub use resolve::{Resolved, resolve};
pub use stores::{SecretResolver, Stores};
pub use types::{arrow_type, sql_type, table_schema};

//! Functions that Kinfold adds to SQL.
//!
//! | function | gives |
//! |---|---|
//! | `kinfold_exact(text)`, `kinfold_lower`, `kinfold_digits`, `kinfold_uuid`, `kinfold_email` | the identifier in its one form, or null |
//! | `kinfold_phone(text, region)` | the number in E.164, or null; numbers without a country code are read as of the region |
//! | `kinfold_first(value, by)`, `kinfold_last` | of a group, the value where `by` is smallest or largest |
//! | `kinfold_row_hash(any, …)` | 32 hexadecimal digits, the same for the same values |
//!
//! The normalisers themselves are in the identity crate; here are only their columns.

mod by_time;
mod normalise;
mod row_hash;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::ScalarUDF;

/// Makes the functions known to a session.
pub(crate) fn register(state: &mut SessionState) -> Result<()> {
    let functions = normalise::functions().into_iter().chain([ScalarUDF::from(row_hash::RowHash::default())]);
    for function in functions {
        state.register_udf(Arc::new(function))?;
    }
    for function in by_time::functions() {
        state.register_udaf(Arc::new(function))?;
    }
    Ok(())
}

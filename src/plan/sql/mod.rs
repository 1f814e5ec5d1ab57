//! A small builder for SQL as syntax trees.
//!
//! Invariants: identifiers are always quoted, values are always literals of their type, and an expression that stands inside
//! another is in brackets wherever it could be read differently. No SQL text is put together anywhere in this crate.

mod expr;
mod query;

pub(crate) use expr::{
    Aggregate, Sort, and, array, array_slice, between, binary, boolean, call, case, case_of, cast, cast_as,
    cast_big_int, cast_double, cast_instant, cast_text, coalesce, col, col_of, columns_in, concat, count_rows, eq,
    finite, ident, in_list, in_query, instant, int, is_not_null, is_null, is_true, literal_of, not, null, number, or,
    text, window,
};
pub(crate) use query::{
    Select, Stages, constant_rows, derived, derived_columns, kinfold, previous, relation, table, union_all, written,
};

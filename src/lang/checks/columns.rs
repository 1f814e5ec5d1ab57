//! Columns that are not there.
//!
//! A column is found by its exact name or, if just one differs in nothing but case, by that.

use crate::rule::Rule;

pub(crate) const RULES: &[&Rule] = &[&UNKNOWN_COLUMN];

pub(crate) const UNKNOWN_COLUMN: Rule = Rule::error("unknown-column", "a name is not a column of the table");

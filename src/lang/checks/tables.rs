//! Tables that are not there.
//!
//! SQL and conditions call a source's table `<source>.<table>` and a model by its name alone. Tables that Kinfold makes are
//! not for models: what they hold comes out of models.

use crate::rule::Rule;

pub(crate) const RULES: &[&Rule] = &[&UNKNOWN_TABLE];

pub(crate) const UNKNOWN_TABLE: Rule = Rule::error("unknown-table", "a name is neither a source's table nor a model");

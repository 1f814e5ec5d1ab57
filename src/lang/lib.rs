//! The language: YAML in git, read with spans, checked as a whole, resolved into a [`project::Project`].
//!
//! | step | function |
//! |---|---|
//! | files → what they say | [`parse`]: never fails as a whole |
//! | what an engine must know first | [`Parsed::setup`] |
//! | names, types, everything else | [`check`]: all diagnostics at once, and the project if none is an error |
//!
//! Deliberately absent: input and output, an engine, and the order in which things run.

pub mod ast;
mod check;
mod checks;
mod docs;
mod entity_table;
mod order;
mod parse;
pub mod project;
mod rule;
mod schedule;
mod shape;
mod tables;
mod yaml;

#[cfg(test)]
mod tests;

pub use check::{CheckInput, Checked, Setup, check};
pub use checks::pins::check_pinned;
pub use docs::{diagnostics_page, rules};
pub use parse::{CONFIG_FILE, FOLDERS, Parsed, is_project_file, json_schema, parse};
pub use rule::{Family, Rule};

//! The checks, one file for each family. A file's module documentation is what users read about it.

use crate::rule::{Family, Rule};

pub(crate) mod columns;
pub(crate) mod comparisons;
pub(crate) mod conditions;
pub(crate) mod config;
pub(crate) mod destinations;
pub(crate) mod durations;
pub(crate) mod environment;
pub(crate) mod identity;
pub(crate) mod literals;
pub(crate) mod match_models;
pub(crate) mod matching;
pub(crate) mod models;
pub(crate) mod names;
pub(crate) mod pins;
pub(crate) mod privacy;
pub(crate) mod rows;
pub(crate) mod schedule;
pub(crate) mod secrets;
pub(crate) mod segments;
pub(crate) mod shape;
pub(crate) mod sources;
pub(crate) mod syncs;
pub(crate) mod tables;
pub(crate) mod traits;
pub(crate) mod unused;
pub(crate) mod yaml;

macro_rules! families {
    ($($title:literal $module:ident)*) => {
        /// Every family of checks, in the order in which users read of them.
        pub(crate) const FAMILIES: &[Family] = &[
            $(Family { title: $title, source: include_str!(concat!(stringify!($module), ".rs")), rules: $module::RULES },)*
        ];
    };
}

families! {
    "Files" yaml
    "Shape" shape
    "kinfold.yml" config
    "Environment variables" environment
    "Secrets" secrets
    "Durations, instants, percentages" durations
    "Names" names
    "Sources" sources
    "Tables" tables
    "Columns" columns
    "Models" models
    "Identity" identity
    "Pins" pins
    "Matching" matching
    "Comparisons" comparisons
    "Learned models" match_models
    "Rows of a profile" rows
    "Traits" traits
    "Values" literals
    "Conditions" conditions
    "Segments" segments
    "Destinations" destinations
    "Syncs" syncs
    "Schedules" schedule
    "Personal data" privacy
    "Unused things" unused
}

/// What SQL itself can get wrong; found by `kinfold-sql`.
pub(crate) fn sql_rules() -> Vec<Rule> {
    let own = |id: &str| FAMILIES.iter().flat_map(|f| f.rules).any(|rule| rule.id == id);
    let rule = |id: &'static str, summary: &'static str| match id {
        "integer-division" => Rule::warning(id, summary),
        _ => Rule::error(id, summary),
    };
    kinfold_sql::ids().iter().filter(|(id, _)| !own(id)).map(|(id, summary)| rule(id, summary)).collect()
}

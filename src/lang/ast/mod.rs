//! The format as people write it: one struct for one concept. Doc comments are the help that editors show.
//!
//! A choice is one key naming the case, or a plain word. Unknown keys are refused.

mod config;
mod entity;
mod matching;
mod segment;
mod shape;
mod source;
mod sync;
mod types;

pub use config::{Config, DestinationOverride, Lake, Storage, Target, Warehouse};
pub use entity::{
    Aggregate, Between, Block, Entity, Identifier, IdentifierType, Identity, Keep, Limit, Link, MaxCluster, Phone,
    Pick, PickFrom, Pin, Pins, Trait,
};
pub use matching::{
    BlockOn, BlockWhere, Comparison, Distance, Level, Linkage, Match, MatchLabels, MatchModel, MatchPairs,
    MatchRecords, MatchTraining, ModelComparison, ModelLevel, ReadyComparison,
};
pub use segment::{Condition, Did, Order, Segment, Top, TraitTest};
pub use shape::{NumberOr, OneOrMany, SettingValue, WordOr};
pub use source::{Column, ColumnTest, Csv, Format, Freshness, Model, Source, Table};
pub use sync::{Destination, Guard, Mode, Nulls, OnLeave, Sync};
pub use types::{Map, Scalar, ScalarKind, Spanned, Sql, Text};

use schemars::JsonSchema;
use serde::Deserialize;

/// What any file under `models/`, `segments/`, `syncs/` or `connectors/` may hold.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    /// Tables that exist already.
    pub sources: Vec<Source>,
    /// Named queries.
    pub models: Vec<Model>,
    /// What profiles are about.
    pub entities: Vec<Entity>,
    /// Named sets of profiles.
    pub segments: Vec<Segment>,
    /// Connectors with settings and credentials.
    pub destinations: Vec<Destination>,
    /// What goes to which destination.
    pub syncs: Vec<Sync>,
    /// What `kinfold match train` has learned.
    pub match_models: Vec<MatchModel>,
    /// What people said of single pairs, as `kinfold match review` writes it.
    pub pins: Vec<Pins>,
}

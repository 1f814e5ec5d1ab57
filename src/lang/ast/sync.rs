//! Destinations and syncs.

use kinfold_base::SyncMode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::shape::SettingValue;
use super::types::{Map, Scalar, Spanned, Sql, Text};

/// A connector with settings and credentials.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// What syncs call it.
    pub name: Text,
    /// What it is, for people.
    pub description: Option<Text>,
    /// How the tool is spoken to.
    pub connector: Text,
    /// What the connector needs to know. Secrets are references: `{env: NAME}` or `{file: PATH}`.
    #[serde(default)]
    pub settings: Map<SettingValue>,
}

/// What goes to which destination. It has one of `entity`, `segment` and `model`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sync {
    /// What it is called.
    pub name: Text,
    /// What it is for, for people.
    pub description: Option<Text>,
    /// Where it goes.
    pub destination: Text,
    /// What it is called there: a table, a path, a kind of object.
    pub object: Text,
    /// All profiles of this entity.
    pub entity: Option<Text>,
    /// The members of this segment.
    pub segment: Option<Text>,
    /// The rows of this model.
    pub model: Option<Text>,
    /// How rows reach the destination. Without it: upsert.
    pub mode: Option<Spanned<Mode>>,
    /// The fields by which the destination knows a row, and SQL for each.
    #[serde(default)]
    pub key: Map<Sql>,
    /// The other fields, and SQL for each: over traits, identifiers and `profile_id`, or over the model's columns.
    #[serde(default)]
    pub fields: Map<Sql>,
    /// What happens there to a row that is no longer wanted. Without it: nothing, or delete for `mode: mirror`.
    pub on_leave: Option<Spanned<OnLeave>>,
    /// What a missing value does. Without it: send.
    #[serde(default)]
    pub nulls: Nulls,
    /// Why the data is sent.
    pub purpose: Option<Text>,
    /// Bounds that stop the sync before it sends anything.
    pub guard: Option<Guard>,
    /// When it runs: five cron fields, or @hourly, @daily, @weekly, @monthly, @yearly.
    pub schedule: Option<Text>,
}

/// How rows reach the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Rows that are new are added.
    Insert,
    /// Rows that the destination has already are changed.
    Update,
    /// Rows are added or changed.
    Upsert,
    /// Rows are added, changed, and deleted once they are no longer wanted.
    Mirror,
}

impl From<Mode> for SyncMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Insert => Self::Insert,
            Mode::Update => Self::Update,
            Mode::Upsert => Self::Upsert,
            Mode::Mirror => Self::Mirror,
        }
    }
}

/// What happens at the destination to a row that is no longer wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnLeave {
    /// It stays as it is.
    Nothing,
    /// Every field but the key is set to null.
    Clear,
    /// It is deleted.
    Delete,
}

/// What a missing value does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Nulls {
    /// Overwrites what is there.
    #[default]
    Send,
    /// Leaves alone what is there.
    Skip,
}

/// Bounds that stop a sync before it sends anything.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// How many of a hundred rows may leave in one run, such as `20%`.
    pub max_leave: Option<Scalar>,
    /// How many rows there must be.
    pub min_rows: Option<Spanned<u64>>,
}

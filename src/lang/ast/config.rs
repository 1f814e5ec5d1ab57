//! `kinfold.yml`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::shape::SettingValue;
use super::types::{Map, Spanned, Text};

/// The project as a whole: its name, where Kinfold writes, and how it reaches storage.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The version of this format: 1.
    pub version: Spanned<u64>,
    /// What the project is called.
    pub name: Text,
    /// Where the data is and where Kinfold writes.
    pub warehouse: Warehouse,
    /// How to reach object stores, by URL prefix. The longest prefix that fits counts.
    #[serde(default)]
    pub storage: Vec<Storage>,
    /// Named variants of the settings above, picked with `--target`. Each overrides what it names.
    #[serde(default)]
    pub targets: Map<Target>,
}

/// Which engine does the work.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Warehouse {
    /// The embedded engine, over files on a disk or in object storage.
    Lake(Lake),
}

/// Where the embedded engine writes.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lake {
    /// A path, relative to the project's folder, or an `s3://`, `gs://` or `az://` URL. `${VAR}` and `${VAR:-default}` are replaced
    /// by environment variables.
    pub location: Option<Text>,
    /// For how long old versions of tables stay readable, such as `7d`, which is the default.
    pub keep: Option<Text>,
}

/// How to reach the object stores whose URLs begin with a prefix.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// The beginning of the URLs that this is for, such as `s3://bucket/`.
    pub prefix: Text,
    /// The region, such as `eu-central-1`.
    pub region: Option<Text>,
    /// The address of an S3-compatible service. An empty one counts as none.
    pub endpoint: Option<Text>,
    /// The access key's id: `{env: NAME}` or `{file: PATH}`.
    pub access_key_id: Option<Spanned<SettingValue>>,
    /// The access key's secret: `{env: NAME}` or `{file: PATH}`.
    pub secret_access_key: Option<Spanned<SettingValue>>,
    /// The token of a temporary key: `{env: NAME}` or `{file: PATH}`.
    pub session_token: Option<Spanned<SettingValue>>,
    /// A service account's JSON (Google) or an account key (Azure): `{env: NAME}` or `{file: PATH}`.
    pub credential: Option<Spanned<SettingValue>>,
    /// The storage account (Azure).
    pub account: Option<Text>,
    /// Allows plain HTTP, for an endpoint that has no TLS.
    #[serde(default)]
    pub allow_http: bool,
}

/// What a target overrides.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Settings of the warehouse.
    pub warehouse: Option<Warehouse>,
    /// Rules for storage: each takes the place of the rule with the same prefix, or is added.
    #[serde(default)]
    pub storage: Vec<Storage>,
    /// Settings of destinations, by the destination's name.
    #[serde(default)]
    pub destinations: Map<DestinationOverride>,
}

/// Settings of a destination that a target overrides.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DestinationOverride {
    /// Each takes the place of the setting of the same name, or is added.
    pub settings: Map<SettingValue>,
}

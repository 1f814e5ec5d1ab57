//! What a connector says of itself before anything is opened, so that files can be checked against it.

/// How rows reach a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncMode {
    /// Rows that are new are added; nothing is changed or taken away.
    Insert,
    /// Rows that the destination has already are changed; none are added.
    Update,
    /// Rows are added or changed.
    Upsert,
    /// Rows are added, changed, and deleted once they are no longer wanted.
    Mirror,
}

impl SyncMode {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Upsert => "upsert",
            Self::Mirror => "mirror",
        }
    }
}

/// What may stand as the value of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingKind {
    Text,
    Integer,
    Boolean,
    /// A reference, `{env: NAME}` or `{file: PATH}`; a value written out is an error.
    Secret,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A mapping from names to text or secrets, such as HTTP headers.
    Map,
}

/// One setting of a connector, under `destinations[].settings`.
#[derive(Debug, Clone, Copy)]
pub struct SettingSpec {
    pub name: &'static str,
    pub kind: SettingKind,
    pub required: bool,
    pub help: &'static str,
}

/// A connector, as the checks see it.
#[derive(Debug, Clone, Copy)]
pub struct ConnectorSpec {
    pub name: &'static str,
    pub help: &'static str,
    pub settings: &'static [SettingSpec],
    pub modes: &'static [SyncMode],
    /// What `object` names there, such as "a table" or "a path".
    pub object: &'static str,
    /// Whether rows can be deleted by key, as `on_leave: delete` and `mirror` need.
    pub deletes: bool,
}

/// Where a credential is found: never the credential itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretRef {
    /// An environment variable.
    Env(String),
    /// A file, whose trailing newline is dropped.
    File(String),
}

/// The value of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    Text(String),
    Integer(i64),
    Boolean(bool),
    Secret(SecretRef),
    Map(Vec<(String, Setting)>),
}

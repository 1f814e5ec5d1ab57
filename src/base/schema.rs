//! Tables as the planner sees them: column names and SQL types, without an engine's own type system.

/// A SQL type, as coarse as checks and planning need it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SqlType {
    Boolean,
    /// Any whole number, signed or not, of any width.
    Integer,
    Float,
    Decimal {
        precision: u8,
        scale: i8,
    },
    Text,
    Binary,
    Date,
    Time,
    /// An instant; one without a zone counts as UTC.
    Timestamp,
    Interval,
    List(Box<SqlType>),
    Struct(Vec<Column>),
    /// The type of a bare `NULL`: fits everywhere.
    Null,
    /// Not known to us; fits everywhere, so that a check never refuses what it does not understand.
    Unknown,
}

impl SqlType {
    #[must_use]
    pub fn is_numeric(&self) -> bool {
        matches!(self, Self::Integer | Self::Float | Self::Decimal { .. })
    }

    /// Dates and timestamps.
    #[must_use]
    pub fn is_temporal(&self) -> bool {
        matches!(self, Self::Date | Self::Timestamp)
    }

    /// Whether nothing can be said against this type: it is `Null` or `Unknown`.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Null | Self::Unknown)
    }

    /// Whether values of the two types can be compared and put into one column without a cast being asked for.
    #[must_use]
    pub fn is_comparable_with(&self, other: &Self) -> bool {
        self.is_open()
            || other.is_open()
            || self == other
            || (self.is_numeric() && other.is_numeric())
            || (self.is_temporal() && other.is_temporal())
            || match (self, other) {
                (Self::List(a), Self::List(b)) => a.is_comparable_with(b),
                (Self::Struct(a), Self::Struct(b)) => a.len() == b.len(),
                _ => false,
            }
    }
}

impl std::fmt::Display for SqlType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Boolean => f.write_str("true or false"),
            Self::Integer => f.write_str("a whole number"),
            Self::Float => f.write_str("a number"),
            Self::Decimal { .. } => f.write_str("a decimal number"),
            Self::Text => f.write_str("text"),
            Self::Binary => f.write_str("bytes"),
            Self::Date => f.write_str("a date"),
            Self::Time => f.write_str("a time of day"),
            Self::Timestamp => f.write_str("a time"),
            Self::Interval => f.write_str("a duration"),
            Self::List(_) => f.write_str("a list"),
            Self::Struct(_) => f.write_str("a record"),
            Self::Null => f.write_str("nothing"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// A column's name, exactly as the engine spells it, and its type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Column {
    pub name: String,
    pub ty: SqlType,
}

/// The columns of a table, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct TableSchema {
    pub columns: Vec<Column>,
}

impl TableSchema {
    /// From pairs of name and type.
    pub fn new(columns: impl IntoIterator<Item = (impl Into<String>, SqlType)>) -> Self {
        Self { columns: columns.into_iter().map(|(name, ty)| Column { name: name.into(), ty }).collect() }
    }

    /// The column of that name: spelt exactly so or, failing that, the only one that differs just in case.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name).or_else(|| {
            let mut alike = self.columns.iter().filter(|c| c.name.eq_ignore_ascii_case(name));
            alike.next().filter(|_| alike.next().is_none())
        })
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|c| c.name.as_str())
    }
}

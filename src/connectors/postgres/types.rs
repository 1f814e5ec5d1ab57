//! How values of Arrow types travel to PostgreSQL, and into which column types they may go.

use arrow::datatypes::{DataType, Field};
use tokio_postgres::types::Type;

use crate::cell::Kind;

/// The type in which a column's values travel. Whatever is not listed travels as text, which is exact and which every type of
/// PostgreSQL can be read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Boolean,
    Integer,
    Float,
    Text,
    /// Text, without zeros at the end of a fraction, so that `12.00` can go into a whole number and `12.50` is refused.
    ShortNumber,
    /// Text that spells a PostgreSQL array.
    ArrayText,
    Date,
    Instant,
    Bytes,
}

impl Wire {
    pub(super) fn sql(self) -> &'static str {
        match self {
            Self::Boolean => "bool",
            Self::Integer => "int8",
            Self::Float => "float8",
            Self::Text | Self::ShortNumber | Self::ArrayText => "text",
            Self::Date => "date",
            Self::Instant => "timestamptz",
            Self::Bytes => "bytea",
        }
    }

    pub(super) fn array_type(self) -> Type {
        match self {
            Self::Boolean => Type::BOOL_ARRAY,
            Self::Integer => Type::INT8_ARRAY,
            Self::Float => Type::FLOAT8_ARRAY,
            Self::Text | Self::ShortNumber | Self::ArrayText => Type::TEXT_ARRAY,
            Self::Date => Type::DATE_ARRAY,
            Self::Instant => Type::TIMESTAMPTZ_ARRAY,
            Self::Bytes => Type::BYTEA_ARRAY,
        }
    }
}

/// A column of the table, as the catalog describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PgType {
    /// The type's name without its length, as it can stand in a cast: `numeric`, `character varying`, `public.mood`. For a domain,
    /// of the type under it.
    pub(super) cast: String,
    /// With its length: `numeric(10,2)`.
    pub(super) full: String,
    /// The name in the catalog, of the type under a domain: `numeric`, `varchar`, `int8`, `_text`.
    pub(super) base: String,
    /// `pg_type.typcategory` of the same.
    pub(super) category: char,
}

impl PgType {
    /// The characters that a text column takes at most, where it has a bound.
    pub(super) fn length(&self) -> Option<usize> {
        let bounded = self.full.strip_prefix("character varying(").or_else(|| self.full.strip_prefix("character("))?;
        bounded.strip_suffix(')')?.parse().ok()
    }
}

/// How a column's values are sent and turned into the column's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Conversion {
    pub(super) wire: Wire,
    /// SQL around the value as it travelled; `{}` stands for the value.
    cast: String,
}

impl Conversion {
    /// The value of a source column as one of the table's type. Lengths are left to the assignment: a cast would cut silently.
    pub(super) fn sql(&self, value: &str) -> String {
        self.cast.replace("{}", value)
    }

    /// How a field goes into a column; `None` where no value, or not every value, could.
    pub(super) fn new(field: &DataType, column: &PgType) -> Option<Self> {
        let field = match field {
            DataType::Dictionary(_, values) => values.as_ref(),
            other => other,
        };
        let is = |names: &[&str]| names.contains(&column.base.as_str());
        let text = column.category == 'S' || column.base == "unknown";
        let json = is(&["json", "jsonb"]);
        let floating = is(&["float4", "float8"]);
        let whole = is(&["int2", "int4", "int8"]);
        let plain = |wire| Some(Self { wire, cast: format!("{{}}::{}", column.cast) });
        #[expect(clippy::match_same_arms, reason = "each line says of one kind where it goes")]
        match Kind::of(field)? {
            Kind::Null => plain(Wire::Text),
            Kind::Boolean if is(&["bool"]) => plain(Wire::Boolean),
            Kind::Integer if *field == DataType::UInt64 && (whole || floating || text || json || is(&["numeric"])) => {
                plain(Wire::Text)
            }
            Kind::Integer if whole || floating || is(&["numeric"]) => plain(Wire::Integer),
            Kind::Boolean | Kind::Integer if text || json => plain(Wire::Text),
            Kind::Float if floating => plain(Wire::Float),
            Kind::Float if is(&["numeric"]) || text || json => plain(Wire::Text),
            Kind::Float | Kind::Decimal if whole => plain(Wire::ShortNumber),
            Kind::Decimal if floating || is(&["numeric"]) || text || json => plain(Wire::Text),
            // JSON out of text is JSON that the text spells, not a JSON string: that is what such columns are made for.
            Kind::Text if column.category != 'C' && column.category != 'P' => plain(Wire::Text),
            Kind::Bytes if is(&["bytea"]) => plain(Wire::Bytes),
            Kind::Date if is(&["date", "timestamp"]) => plain(Wire::Date),
            Kind::Date if is(&["timestamptz"]) => {
                Some(Self { wire: Wire::Date, cast: "({}::timestamp AT TIME ZONE 'UTC')".to_owned() })
            }
            Kind::Instant if is(&["timestamptz"]) => plain(Wire::Instant),
            Kind::Instant if is(&["timestamp"]) => {
                Some(Self { wire: Wire::Instant, cast: "({} AT TIME ZONE 'UTC')".to_owned() })
            }
            Kind::Time if is(&["time"]) || text => plain(Wire::Text),
            Kind::Date | Kind::Instant if text => plain(Wire::Text),
            Kind::List if json || text => plain(Wire::Text),
            Kind::List if column.category == 'A' && item_kind(field).is_some() => plain(Wire::ArrayText),
            Kind::Struct | Kind::Map if json || text => plain(Wire::Text),
            _ => None,
        }
    }
}

/// The kind of a list's items, where those are plain values.
fn item_kind(list: &DataType) -> Option<Kind> {
    let (DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _)) = list else {
        return None;
    };
    Kind::of(item.data_type()).filter(|k| !matches!(k, Kind::List | Kind::Struct | Kind::Map | Kind::Bytes))
}

/// The column type that `create: true` gives to a field; `None` where there is none.
pub(super) fn column_type(field: &Field) -> Option<String> {
    fn of(ty: &DataType) -> Option<String> {
        Some(match (Kind::of(ty)?, ty) {
            (_, DataType::Dictionary(_, values)) => of(values)?,
            (Kind::Boolean, _) => "boolean".to_owned(),
            (_, DataType::UInt64) => "numeric(20)".to_owned(),
            (Kind::Integer, _) => "bigint".to_owned(),
            (Kind::Float, _) => "double precision".to_owned(),
            (
                _,
                DataType::Decimal32(p, s)
                | DataType::Decimal64(p, s)
                | DataType::Decimal128(p, s)
                | DataType::Decimal256(p, s),
            ) if *s >= 0 => format!("numeric({p},{s})"),
            (Kind::Decimal, _) => "numeric".to_owned(),
            (Kind::Null | Kind::Text, _) => "text".to_owned(),
            (Kind::Bytes, _) => "bytea".to_owned(),
            (Kind::Date, _) => "date".to_owned(),
            (Kind::Time, _) => "time".to_owned(),
            (Kind::Instant, _) => "timestamptz".to_owned(),
            (Kind::List, DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _))
                if item_kind(ty).is_some() =>
            {
                format!("{}[]", of(item.data_type())?)
            }
            (Kind::List | Kind::Struct | Kind::Map, _) => "jsonb".to_owned(),
        })
    }
    of(field.data_type())
}

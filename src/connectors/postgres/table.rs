//! What the catalog says of the table, and whether rows of the sync's shape can go there.

use kinfold_base::{SyncMode, did_you_mean};
use kinfold_sync::{SyncError, Target};

use super::failure::Failure;
use super::session::Session;
use super::sql::{quote, quote_path};
use super::types::{Conversion, PgType, column_type};
use crate::cell::{quoted_list, unsupported};
use crate::error::{bug, input, outside};

/// A table that is ready to take rows of one shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// As SQL names it, quoted.
    pub(super) path: String,
    /// One for each field of the payload, in order: key columns first.
    pub(super) columns: Vec<Column>,
    pub(super) key_columns: usize,
    /// Whether a unique index stands on exactly the key, so that conflicts can be named by it.
    pub(super) key_is_unique: bool,
    /// The names of all unique indexes on exactly the key.
    pub(super) key_indexes: Vec<String>,
    /// Whether the server counts every row that it writes, which it does for a table that is no view and has no parts.
    pub(super) is_plain: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// Quoted.
    pub(super) name: String,
    /// As in the catalog.
    pub(super) plain_name: String,
    pub(super) conversion: Conversion,
    pub(super) ty: PgType,
}

/// A column of the catalog.
struct Found {
    name: String,
    ty: PgType,
    /// Not null, and nothing fills it in.
    needs_value: bool,
    /// Always computed by the server.
    computed: bool,
}

/// A table of the catalog.
struct Place {
    oid: u32,
    /// As SQL names it, quoted.
    path: String,
    is_plain: bool,
}

/// A unique index, as the catalog describes it.
struct Index {
    name: String,
    columns: Vec<String>,
    /// Whether `ON CONFLICT` can use it.
    is_usable: bool,
}

/// Looks the table up, makes it if that is wanted, and checks it against the target.
pub(super) async fn read(
    session: &mut Session,
    target: &Target,
    schema: Option<&str>,
    create: bool,
) -> Result<Table, SyncError> {
    let name = parse_name(&target.object, schema)?;
    if let Some(field) = unsupported(target.schema.fields().iter().map(AsRef::as_ref)) {
        return Err(input(
            format!("the field `{}` of sync `{}` has a type that PostgreSQL cannot be sent", field.name(), target.sync),
            "cast it to text, a number or a date in the field's SQL",
        ));
    }
    if create {
        create_table(session, target, &name).await?;
    }
    let failed = |e: tokio_postgres::Error| Failure::of(&e, &target.object).stop(&target.object);
    let Some(place) = find(session, &name).await.map_err(failed)? else {
        return Err(missing(session, target, &name).await);
    };
    let found = columns(session, place.oid).await.map_err(failed)?;
    let indexes = unique_indexes(session, place.oid).await.map_err(failed)?;
    check(target, place, &found, &indexes)
}

/// The table's name as the settings give it: the same for every way to write it.
pub(super) fn shown(object: &str, schema: Option<&str>) -> String {
    let part = |part: &String| if part.contains(['.', '"']) { quote(part) } else { part.clone() };
    parse_name(object, schema)
        .map_or_else(|_| object.to_owned(), |parts| parts.iter().map(part).collect::<Vec<_>>().join("."))
}

/// A name of one or two parts; quotes may enclose a part that holds a dot.
fn parse_name(object: &str, schema: Option<&str>) -> Result<Vec<String>, SyncError> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    let mut chars = object.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                parts.last_mut().expect("there is always a part").push('"');
            }
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(String::new()),
            c => parts.last_mut().expect("there is always a part").push(c),
        }
    }
    if quoted || parts.len() > 2 || parts.iter().any(|p| p.is_empty() || p.contains('\0')) {
        return Err(input(format!("`{object}` is not the name of a table"), "write `table` or `schema.table`"));
    }
    if let (1, Some(schema)) = (parts.len(), schema) {
        parts.insert(0, schema.to_owned());
    }
    Ok(parts)
}

async fn find(session: &Session, name: &[String]) -> Result<Option<Place>, tokio_postgres::Error> {
    let query = "SELECT c.oid, n.nspname::text, c.relname::text, c.relkind = 'r' AND NOT c.relhassubclass FROM pg_catalog.pg_class c \
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                 WHERE c.oid = pg_catalog.to_regclass($1) AND c.relkind IN ('r', 'p', 'v', 'f')";
    let row = session.client.query_opt(query, &[&quote_path(name)]).await?;
    let place = |r: tokio_postgres::Row| {
        let path = quote_path(&[r.try_get::<_, String>(1)?, r.try_get::<_, String>(2)?]);
        Ok(Place { oid: r.try_get(0)?, path, is_plain: r.try_get(3)? })
    };
    row.map(place).transpose()
}

/// The error for a table that is not there, with what may have been meant.
async fn missing(session: &Session, target: &Target, name: &[String]) -> SyncError {
    let query = "SELECT c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                 WHERE c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname = COALESCE($1, current_schema())";
    let schema = (name.len() == 2).then(|| name[0].as_str());
    let near = match session.client.query(query, &[&schema]).await {
        Ok(rows) => {
            let names: Vec<String> = rows.iter().filter_map(|r| r.try_get(0).ok()).collect();
            did_you_mean(&name[name.len() - 1], names.iter().map(String::as_str))
        }
        Err(_) => None,
    };
    let hint = near.map_or_else(
        || "make it first, or set `create: true` in the destination's settings".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    input(format!("PostgreSQL has no table `{}`, or the role may not see it", target.object), hint)
}

async fn create_table(session: &Session, target: &Target, name: &[String]) -> Result<(), SyncError> {
    let mut parts = Vec::new();
    for field in target.schema.fields() {
        let ty = column_type(field)
            .ok_or_else(|| bug(format!("the field `{}` passed the check and has no column type", field.name())))?;
        parts.push(format!("{} {ty}", quote(field.name())));
    }
    if target.key_columns > 0 && target.mode != SyncMode::Insert {
        parts.push(format!("PRIMARY KEY ({})", key_list(target)));
    }
    let sql = format!("CREATE TABLE IF NOT EXISTS {} ({})", quote_path(name), parts.join(", "));
    match session.client.batch_execute(&sql).await {
        Ok(()) => Ok(()),
        // Another process made it at the same moment: the check that follows tells whether it fits.
        Err(e) if e.code().is_some_and(|c| matches!(c.code(), "23505" | "42P07")) => Ok(()),
        Err(e) => Err(match e.as_db_error() {
            Some(db) => outside(
                format!("the table `{}` cannot be made: {} ({})", target.object, db.message(), db.code().code()),
                "make the schema first, or grant the role CREATE on it, or make the table yourself and drop `create`",
            ),
            None => Failure::of(&e, &target.object).stop(&target.object),
        }),
    }
}

async fn columns(session: &Session, oid: u32) -> Result<Vec<Found>, tokio_postgres::Error> {
    // A cast to a domain would apply the length of the type beneath it, and cut: values are cast to that type, without a length.
    let query = "SELECT a.attname::text, pg_catalog.format_type(b.oid, -1), pg_catalog.format_type(a.atttypid, a.atttypmod), \
                        b.typname::text, b.typcategory::text, \
                        a.attnotnull AND NOT a.atthasdef AND a.attidentity = '', a.attgenerated <> '' OR a.attidentity = 'a' \
                 FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
                 CROSS JOIN LATERAL (WITH RECURSIVE d AS ( \
                     SELECT t.oid, t.typbasetype, t.typname, t.typcategory UNION ALL \
                     SELECT u.oid, u.typbasetype, u.typname, u.typcategory FROM d JOIN pg_catalog.pg_type u ON u.oid = d.typbasetype \
                 ) SELECT * FROM d WHERE typbasetype = 0) AS b \
                 WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
    let rows = session.client.query(query, &[&oid]).await?;
    rows.iter()
        .map(|r| {
            let category: String = r.try_get(4)?;
            Ok(Found {
                name: r.try_get(0)?,
                ty: PgType {
                    cast: r.try_get(1)?,
                    full: r.try_get(2)?,
                    base: r.try_get(3)?,
                    category: category.chars().next().unwrap_or('X'),
                },
                needs_value: r.try_get(5)?,
                computed: r.try_get(6)?,
            })
        })
        .collect()
}

/// The unique indexes over columns.
async fn unique_indexes(session: &Session, oid: u32) -> Result<Vec<Index>, tokio_postgres::Error> {
    let query = "SELECT c.relname::text, array_agg(a.attname::text), i.indisvalid AND i.indimmediate AND i.indpred IS NULL \
                 FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
                 CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n) \
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
                 WHERE i.indrelid = $1 AND i.indisunique AND i.indexprs IS NULL AND k.n <= i.indnkeyatts \
                 GROUP BY c.relname, i.indisvalid, i.indimmediate, i.indpred IS NULL";
    let index =
        |r: &tokio_postgres::Row| Ok(Index { name: r.try_get(0)?, columns: r.try_get(1)?, is_usable: r.try_get(2)? });
    session.client.query(query, &[&oid]).await?.iter().map(index).collect()
}

fn check(target: &Target, place: Place, found: &[Found], indexes: &[Index]) -> Result<Table, SyncError> {
    let object = &target.object;
    let Place { path, is_plain, .. } = place;
    let fields = target.schema.fields();
    let mut unknown = Vec::new();
    let mut columns = Vec::new();
    for field in fields {
        let Some(column) = found.iter().find(|c| c.name == *field.name()) else {
            unknown.push(field);
            continue;
        };
        if column.computed {
            return Err(input(
                format!("the column `{}` of {object} is computed by the server and cannot be written", column.name),
                "leave the field out of the sync",
            ));
        }
        let Some(conversion) = Conversion::new(field.data_type(), &column.ty) else {
            return Err(input(
                format!(
                    "the column `{}` of {object} is of type {}, which cannot take {}",
                    column.name,
                    column.ty.full,
                    describe(field.data_type())
                ),
                "cast the field in its SQL, or change the column's type",
            ));
        };
        columns.push(Column {
            name: quote(&column.name),
            plain_name: column.name.clone(),
            conversion,
            ty: column.ty.clone(),
        });
    }
    if let [first, ..] = unknown.as_slice() {
        let near = did_you_mean(first.name(), found.iter().map(|c| c.name.as_str()));
        let add: Vec<String> = unknown
            .iter()
            .map(|f| format!("ADD COLUMN {} {}", quote(f.name()), column_type(f).unwrap_or_else(|| "text".to_owned())))
            .collect();
        let hint = near.map_or_else(
            || format!("add what is missing: ALTER TABLE {path} {}", add.join(", ")),
            |n| format!("did you mean `{n}`?"),
        );
        let names = quoted_list(unknown.iter().map(|f| f.name().as_str()));
        return Err(input(format!("the table {object} has no column {names}"), hint));
    }
    let mut keys: Vec<&str> = fields.iter().take(target.key_columns).map(|f| f.name().as_str()).collect();
    keys.sort_unstable();
    let on_key = |index: &&Index| {
        let mut columns: Vec<&str> = index.columns.iter().map(String::as_str).collect();
        columns.sort_unstable();
        !keys.is_empty() && columns == keys
    };
    let key_indexes: Vec<String> = indexes.iter().filter(on_key).map(|index| index.name.clone()).collect();
    let key_is_unique = indexes.iter().filter(on_key).any(|index| index.is_usable);
    let adds = target.mode != SyncMode::Update;
    if matches!(target.mode, SyncMode::Upsert | SyncMode::Mirror) && !key_is_unique {
        return Err(input(
            format!(
                "the table {object} has no unique index on the key {}, so rows cannot be told apart there",
                quoted_list(keys)
            ),
            format!("make one: CREATE UNIQUE INDEX ON {path} ({})", key_list(target)),
        ));
    }
    let empty = |c: &&Found| c.needs_value && !fields.iter().any(|f| *f.name() == c.name);
    if let Some(column) = found.iter().find(empty).filter(|_| adds) {
        return Err(input(
            format!("the column `{}` of {object} must have a value, and the sync sends none", column.name),
            format!(
                "add it to the sync's fields, or give it a default: ALTER TABLE {path} ALTER COLUMN {} SET DEFAULT …",
                quote(&column.name)
            ),
        ));
    }
    Ok(Table { path, columns, key_columns: target.key_columns, key_is_unique, key_indexes, is_plain })
}

fn key_list(target: &Target) -> String {
    let keys: Vec<String> = target.schema.fields().iter().take(target.key_columns).map(|f| quote(f.name())).collect();
    keys.join(", ")
}

fn describe(ty: &arrow::datatypes::DataType) -> &'static str {
    use crate::cell::Kind;
    match Kind::of(ty) {
        Some(Kind::Boolean) => "true or false",
        Some(Kind::Integer) => "a whole number",
        Some(Kind::Float) => "a number",
        Some(Kind::Decimal) => "a decimal number",
        Some(Kind::Text) => "text",
        Some(Kind::Bytes) => "bytes",
        Some(Kind::Date) => "a date",
        Some(Kind::Time) => "a time of day",
        Some(Kind::Instant) => "a time",
        Some(Kind::List) => "such a list",
        Some(Kind::Struct | Kind::Map) => "a record",
        Some(Kind::Null) | None => "such a value",
    }
}

#[cfg(test)]
mod tests {
    use super::parse_name;

    #[test]
    fn one_table_has_one_name() {
        for object in ["crm.contacts", "\"crm\".contacts"] {
            assert_eq!(super::shown(object, Some("other")), "crm.contacts");
        }
        assert_eq!(super::shown("contacts", Some("crm")), "crm.contacts");
        assert_eq!(super::shown("\"odd.name\"", None), "\"odd.name\"");
    }

    #[test]
    fn names_have_one_or_two_parts() {
        let name = |object: &str, schema: Option<&str>| parse_name(object, schema).ok().map(|p| p.join("|"));
        assert_eq!(name("contacts", None).as_deref(), Some("contacts"));
        assert_eq!(name("contacts", Some("crm")).as_deref(), Some("crm|contacts"));
        assert_eq!(name("crm.contacts", Some("other")).as_deref(), Some("crm|contacts"));
        assert_eq!(name(r#"crm."odd.""name""#, None).as_deref(), Some(r#"crm|odd."name"#));
        assert_eq!(name(r#"crm."odd.""name"""#, None).as_deref(), None);
        assert_eq!(name("a.b.c", None), None);
        assert_eq!(name("a.", None), None);
    }
}

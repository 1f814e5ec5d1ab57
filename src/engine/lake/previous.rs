//! The last committed version of Kinfold's tables, in the shape that a plan asks for.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::catalog::view::ViewTable;
use datafusion::common::ScalarValue;
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast, ident, lit};
use kinfold_base::{Column, SqlType, TableSchema};

use crate::api::Gap;
use crate::error::EngineError;
use crate::failure;
use crate::lake::{delta, patch, staged, vectors};
use crate::stores::Place;
use crate::types::{arrow_schema, sql_type};

/// What was opened.
pub(crate) struct Opened {
    pub(crate) table: Arc<dyn TableProvider>,
    pub(crate) gaps: Vec<Gap>,
    /// As [`Engine::table_version`](crate::Engine::table_version) tells it; none if there is no table.
    pub(crate) version: Option<String>,
}

/// A table with exactly these columns: null where the last version has none, or one of another kind; empty where there is none.
pub(crate) async fn open(
    state: &SessionState,
    dir: &Place,
    name: &str,
    columns: &TableSchema,
) -> Result<Opened, EngineError> {
    let wanted = arrow_schema(columns);
    let Some(table) = delta::load(dir, name).await? else {
        let gap = Gap { table: name.to_owned(), column: None };
        return Ok(Opened { table: Arc::new(EmptyTable::new(wanted)), gaps: vec![gap], version: None });
    };
    let schema = delta::schema(&table, name)?;
    let files = delta::data_files(&table, dir)?;
    let version = Some(patch::version(patch::file_ids(&files)));
    let files = vectors::open(dir, files).await?;
    let table = staged::table(state, dir, name, &schema, &files).await?;
    let stored = table.schema();
    let shown = |(wanted, column): (&Arc<Field>, &Column)| match stored.fields().find(wanted.name()) {
        // A column that nothing is known of is what it is.
        Some((_, stored)) if column.ty == SqlType::Unknown => Arc::clone(stored),
        _ => Arc::clone(wanted),
    };
    let wanted: SchemaRef =
        Arc::new(Schema::new(wanted.fields().iter().zip(&columns.columns).map(shown).collect::<Vec<_>>()));
    let missing = wanted.fields().iter().filter(|f| usable(&stored, f).is_none());
    let gaps = missing.map(|f| Gap { table: name.to_owned(), column: Some(f.name().clone()) }).collect();
    let shaped = shaped(&table, &wanted).map_err(|e| failure::query(e, &format!("the last version of `{name}`")))?;
    Ok(Opened { table: shaped, gaps, version })
}

/// The type of the column that can stand for a wanted one.
fn usable(has: &Schema, wanted: &Field) -> Option<DataType> {
    let old = has.fields().find(wanted.name()).map(|(_, f)| f.data_type())?;
    (old == wanted.data_type() || is_same_kind(old, wanted.data_type())).then(|| old.clone())
}

fn shaped(table: &Arc<dyn TableProvider>, wanted: &SchemaRef) -> datafusion::common::Result<Arc<dyn TableProvider>> {
    let has = table.schema();
    let one = |field: &Arc<Field>| {
        let ty = field.data_type();
        let value: Expr = match usable(&has, field) {
            Some(old) if old == *ty => ident(field.name()),
            Some(_) => cast(ident(field.name()), ty.clone()),
            None => lit(ScalarValue::try_from(ty)?),
        };
        Ok(value.alias(field.name()))
    };
    let columns = wanted.fields().iter().map(one).collect::<datafusion::common::Result<Vec<_>>>()?;
    let plan = LogicalPlanBuilder::scan("last_version", provider_as_source(Arc::clone(table)), None)?
        .project(columns)?
        .build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

fn is_same_kind(old: &DataType, new: &DataType) -> bool {
    let (old, new) = (sql_type(old), sql_type(new));
    let is_decimal = |t: &SqlType| matches!(t, SqlType::Decimal { .. });
    old == new || (is_decimal(&old) && is_decimal(&new)) || (old == SqlType::Integer && new == SqlType::Float)
}

/// The names of the tables under a place, in order. What begins with `_` is no table.
pub(crate) async fn table_names(tables: &Place) -> Result<Vec<String>, EngineError> {
    let listed = tables.store.list_with_delimiter(Some(&tables.path)).await;
    let listed = match listed {
        Err(object_store::Error::NotFound { .. }) => return Ok(Vec::new()),
        other => other.map_err(|e| failure::store(e, &tables.label))?,
    };
    let mut names: Vec<String> =
        listed.common_prefixes.iter().filter_map(|p| p.filename().map(str::to_owned)).collect();
    names.retain(|n| !n.starts_with('_'));
    names.sort();
    Ok(names)
}

//! The last committed version of Kinfold's tables, in the shape that a plan asks for.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::catalog::view::ViewTable;
use datafusion::common::ScalarValue;
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast, ident, lit};
use kinfold_base::{SqlType, TableSchema};

use crate::error::EngineError;
use crate::failure;
use crate::lake::write::WrittenFile;
use crate::lake::{delta, staged};
use crate::stores::Place;
use crate::types::{arrow_schema, sql_type};

/// A table with exactly these columns: null where the last version has none, or one of another kind; empty where there is none.
pub(crate) async fn open(
    state: &SessionState,
    dir: &Place,
    name: &str,
    columns: &TableSchema,
) -> Result<Arc<dyn TableProvider>, EngineError> {
    let wanted = arrow_schema(columns);
    let Some(table) = delta::load(dir, name).await? else { return Ok(Arc::new(EmptyTable::new(wanted))) };
    let schema = delta::schema(&table, name)?;
    let files = delta::data_files(&table, dir)?;
    let files: Vec<_> =
        files.into_iter().map(|(meta, rows)| WrittenFile { meta, rows: rows.unwrap_or(0) as u64 }).collect();
    let table = staged::table(state, dir, name, &schema, &files).await?;
    shaped(table, &wanted).map_err(|e| failure::query(e, &format!("the last version of `{name}`")))
}

fn shaped(table: Arc<dyn TableProvider>, wanted: &SchemaRef) -> datafusion::common::Result<Arc<dyn TableProvider>> {
    let has = table.schema();
    let one = |field: &Arc<datafusion::arrow::datatypes::Field>| {
        let ty = field.data_type();
        let old = has.fields().find(field.name()).map(|(_, f)| f.data_type());
        let value: Expr = match old {
            Some(old) if old == ty => ident(field.name()),
            Some(old) if is_same_kind(old, ty) => cast(ident(field.name()), ty.clone()),
            _ => lit(ScalarValue::try_from(ty)?),
        };
        Ok(value.alias(field.name()))
    };
    let columns = wanted.fields().iter().map(one).collect::<datafusion::common::Result<Vec<_>>>()?;
    let plan = LogicalPlanBuilder::scan("last_version", provider_as_source(Arc::clone(&table)), None)?
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

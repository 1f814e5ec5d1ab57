//! What a query's rows come from, file by file, and queries over some of the files.
//!
//! A query that only chooses columns and rows of one table is divisible: each file has rows of its own. Any other query is one part,
//! made of all files that it reads.

use std::any::Any;
use std::collections::HashSet;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::{Expr, LogicalPlan, TableScan, Volatility, WindowFunctionDefinition};
use datafusion_datasource::PartitionedFile;
use kinfold_base::Timestamp;
use xxhash_rust::xxh3::Xxh3;

use crate::api::{QueryPart, QueryParts};
use crate::lake::delta_source::DeltaSource;
use crate::lake::files::FilesTable;
use crate::lake::vectors::VectorId;

/// Raised when rows that were kept are to be read anew, whatever they were made of.
const FORMAT: u8 = 2;

/// The parts of a query; none if it reads something else than files, or may give other rows each time.
pub(crate) fn of(sql: &str, plan: &LogicalPlan) -> Result<Option<QueryParts>> {
    let Some(scans) = scans(plan)? else { return Ok(None) };
    let mut parts = Vec::new();
    let mut fingerprint = Xxh3::new();
    fingerprint.update(&[FORMAT]);
    for text in [env!("CARGO_PKG_VERSION"), sql, &plan.display_indent_schema().to_string()] {
        put(&mut fingerprint, text);
    }
    for scan in &scans {
        let table = source_as_provider(&scan.source)?;
        let Some((shape, of_table)) = parts_of(table.as_ref()) else { return Ok(None) };
        put(&mut fingerprint, &shape);
        parts.extend(of_table);
    }
    if !is_divisible(plan, &scans)? {
        parts.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        let mut all = Xxh3::new();
        for part in &parts {
            put(&mut all, &part.id);
        }
        let modified = parts.iter().map(|part| part.modified).max().unwrap_or(Timestamp::UNIX_EPOCH);
        parts = vec![QueryPart { id: hex(&all), modified }];
    }
    Ok(Some(QueryParts { fingerprint: hex(&fingerprint), parts }))
}

/// The same query over some of its parts; none if that is none of them.
pub(crate) async fn only(plan: LogicalPlan, ids: &[String]) -> Result<Option<LogicalPlan>> {
    if ids.is_empty() {
        return Ok(None);
    }
    let scans = scans(&plan)?.unwrap_or_default();
    let (true, [scan]) = (is_divisible(&plan, &scans)?, scans.as_slice()) else { return Ok(Some(plan)) };
    let table = source_as_provider(&scan.source)?;
    let wanted: HashSet<&str> = ids.iter().map(String::as_str).collect();
    let has = |id: &str| wanted.contains(id);
    let table: Arc<dyn TableProvider> = if let Some(files) = files_table(table.as_ref()) {
        let is_wanted = |file: &&PartitionedFile| has(&file_part(&files.root, file).id);
        Arc::new(FilesTable { files: files.files.iter().filter(is_wanted).cloned().collect(), ..files.clone() })
    } else if let Some(delta) = delta_source(table.as_ref()) {
        delta.only(has).await?
    } else {
        return Ok(Some(plan));
    };
    let source = provider_as_source(table);
    let replaced = plan.transform_down(|node| {
        Ok(match node {
            LogicalPlan::TableScan(scan) => {
                Transformed::yes(LogicalPlan::TableScan(TableScan { source: Arc::clone(&source), ..scan }))
            }
            other => Transformed::no(other),
        })
    })?;
    Ok(Some(replaced.data))
}

/// Whether each row of the query comes from one row of its only table.
pub(crate) fn is_row_by_row(plan: &LogicalPlan) -> Result<bool> {
    Ok(match scans(plan)? {
        Some(scans) => is_divisible(plan, &scans)?,
        None => false,
    })
}

fn is_divisible(plan: &LogicalPlan, scans: &[TableScan]) -> Result<bool> {
    let mut divisible = scans.len() == 1;
    plan.apply_with_subqueries(|node| {
        divisible &= match node {
            LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) => true,
            LogicalPlan::TableScan(scan) => scan.fetch.is_none(),
            _ => false,
        };
        Ok(if divisible { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    Ok(divisible)
}

/// Every table that a query reads; none if it may give other rows each time.
fn scans(plan: &LogicalPlan) -> Result<Option<Vec<TableScan>>> {
    let mut scans = Vec::new();
    let mut is_stable = true;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            scans.push(scan.clone());
        }
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                is_stable &= is_immutable(expr);
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(is_stable.then_some(scans))
}

fn is_immutable(expr: &Expr) -> bool {
    let volatility = match expr {
        Expr::ScalarFunction(function) => function.func.signature().volatility,
        Expr::AggregateFunction(function) => function.func.signature().volatility,
        Expr::WindowFunction(function) => match &function.fun {
            WindowFunctionDefinition::AggregateUDF(function) => function.signature().volatility,
            WindowFunctionDefinition::WindowUDF(function) => function.signature().volatility,
        },
        Expr::ScalarVariable(..) => Volatility::Volatile,
        _ => Volatility::Immutable,
    };
    volatility == Volatility::Immutable
}

/// How a table's files are read, and its parts.
fn parts_of(table: &dyn TableProvider) -> Option<(String, Vec<QueryPart>)> {
    if let Some(files) = files_table(table) {
        let shape = format!("{:?} {:?}", files.format, files.schema.table_schema());
        return Some((shape, files.files.iter().map(|file| file_part(&files.root, file)).collect()));
    }
    let delta = delta_source(table)?;
    Some((format!("delta {:?}", delta.schema()), delta.parts().to_vec()))
}

fn files_table(table: &dyn TableProvider) -> Option<&FilesTable> {
    (table as &dyn Any).downcast_ref()
}

fn delta_source(table: &dyn TableProvider) -> Option<&DeltaSource> {
    (table as &dyn Any).downcast_ref()
}

fn file_part(root: &str, file: &PartitionedFile) -> QueryPart {
    let meta = &file.object_meta;
    let modified = Timestamp::from_microsecond(meta.last_modified.timestamp_micros()).unwrap_or(Timestamp::UNIX_EPOCH);
    let version = meta.e_tag.clone().unwrap_or_else(|| meta.last_modified.to_rfc3339());
    let size = meta.size.to_string();
    let mut known_by = vec![root, meta.location.as_ref(), &size, &version];
    known_by.extend(file.extension::<VectorId>().map(|deleted| deleted.0.as_str()));
    QueryPart { id: id(&known_by), modified }
}

/// What a part is known by.
pub(crate) fn id(of: &[&str]) -> String {
    let mut hash = Xxh3::new();
    for text in of {
        put(&mut hash, text);
    }
    hex(&hash)
}

fn put(hash: &mut Xxh3, text: &str) {
    hash.update(&(text.len() as u64).to_le_bytes());
    hash.update(text.as_bytes());
}

fn hex(hash: &Xxh3) -> String {
    format!("{:032x}", hash.digest128())
}

//! Sources: files are found, their columns are compared, and a table is made of them.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::catalog::view::ViewTable;
use datafusion::common::Statistics;
use datafusion::common::config::CsvOptions;
use datafusion::common::stats::Precision;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlanBuilder, cast, ident};
use datafusion_datasource::file_compression_type::FileCompressionType;
use datafusion_datasource::{PartitionedFile, TableSchema};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use kinfold_lang::project::{Format, SourceTable};

use crate::error::EngineError;
use crate::failure::{self, input};
use crate::lake::delta;
use crate::lake::discover::{Files, Found, discover};
use crate::lake::files::{FileFormat, FilesTable};
use crate::lake::infer;
use crate::stores::Stores;
use crate::types::{arrow_type, reading_type, sql_type, unify};

/// How many files are looked into at once.
const CONCURRENT_FILES: usize = 16;

/// Opens a source: what it gives is ready to be queried.
///
/// # Errors
/// When the data is missing, empty or unreadable, or its files disagree.
pub(crate) async fn open(
    stores: &Stores,
    state: &SessionState,
    source: &SourceTable,
) -> Result<Arc<dyn TableProvider>, EngineError> {
    if source.format == Format::Delta {
        return cast_declared(delta::source_table(stores, state, source).await?, source);
    }
    let files = discover(stores, source).await?;
    let table = source.name.to_string();
    state.runtime_env().register_object_store(files.place.store_url.as_ref(), Arc::clone(&files.place.store));
    let seen = look_into(state, source, &files).await?;
    let mut columns = agree(source, &files, &seen)?;
    let by_directory: Vec<&str> = files.partition_columns.iter().map(|f| f.name().as_str()).collect();
    let mut partition_columns = files.partition_columns.clone();
    let mut drop_values = Vec::new();
    if matches!(source.format, Format::Csv { .. }) {
        // Columns of CSV are found by their place, so a column that is in the files as well is read from there.
        let in_files = |name: &str| columns.iter().any(|c| c.name() == name);
        drop_values = by_directory.iter().map(|name| in_files(name)).collect();
        let mut dropped = drop_values.iter();
        partition_columns.retain(|_| dropped.next() != Some(&true));
    } else {
        columns.retain(|c| !by_directory.contains(&c.name().as_str()));
    }
    check_declared(&table, source, &columns, &partition_columns)?;
    if seen.iter().all(|s| s.rows == Some(0)) {
        return Err(input(format!("{table} is empty: {} holds no rows", source.url))
            .hint("check that the path is right and that its export ran; take the table out of the project if it is no longer used"));
    }
    let declared: HashMap<&str, DataType> =
        source.columns.iter().filter_map(|c| Some((c.name.as_str(), arrow_type(c.ty.as_ref()?)?))).collect();
    let read_as: Vec<Field> = columns
        .iter()
        .map(|c| {
            Field::new(
                c.name(),
                declared.get(c.name().as_str()).cloned().unwrap_or_else(|| c.data_type().clone()),
                true,
            )
        })
        .collect();
    let cast: Vec<bool> =
        columns.iter().zip(&read_as).map(|(c, r)| sql_type(c.data_type()) != sql_type(r.data_type())).collect();
    let file_schema: SchemaRef = Arc::new(Schema::new(read_as));
    let schema = TableSchema::builder(Arc::clone(&file_schema)).with_table_partition_cols(partition_columns).build();
    let (format, compression) = file_format(source, &files)?;
    let partitioned = files
        .files
        .iter()
        .zip(&seen)
        .map(|(found, seen)| partitioned_file(found, seen, &file_schema, &cast, &drop_values))
        .collect::<Result<Vec<_>, EngineError>>()?;
    let format = match format {
        FileFormat::Csv { options, .. } => FileFormat::Csv { options, compression },
        FileFormat::Ndjson { .. } => FileFormat::Ndjson { compression },
        FileFormat::Parquet => FileFormat::Parquet,
    };
    Ok(Arc::new(FilesTable {
        name: table,
        root: files.root.clone(),
        store_url: files.place.store_url.clone(),
        files: partitioned,
        schema,
        format,
    }))
}

/// What is known of one file before it is read.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) schema: SchemaRef,
    /// None where only reading the whole file would tell.
    pub(crate) rows: Option<usize>,
    metadata: Option<Arc<parquet::file::metadata::ParquetMetaData>>,
}

impl Seen {
    pub(crate) fn new(schema: Schema, rows: Option<usize>) -> Self {
        Self { schema: Arc::new(schema), rows, metadata: None }
    }
}

async fn look_into(state: &SessionState, source: &SourceTable, files: &Files) -> Result<Vec<Seen>, EngineError> {
    let table = source.name.to_string();
    let one = |found: &Found| {
        let (meta, name, table) = (found.meta.clone(), files.name_of(&found.meta), table.clone());
        async move {
            let store = files.place.store.as_ref();
            match &source.format {
                Format::Csv { delimiter, header, quote } => {
                    let compression = infer::compression(&meta);
                    infer::csv(store, &meta, &table, &name, compression, *delimiter, *quote, *header).await
                }
                Format::Ndjson => infer::ndjson(store, &meta, &table, &name, infer::compression(&meta)).await,
                Format::Parquet | Format::Delta => {
                    let cache = state.runtime_env().cache_manager.get_file_metadata_cache();
                    let reader = DFParquetMetadata::new(store, &meta).with_file_metadata_cache(Some(cache));
                    let unreadable = |e| {
                        let source = crate::failure::FileError {
                            table: table.clone(),
                            file: name.clone(),
                            columns: vec![],
                            source: e,
                        };
                        failure::query(datafusion::common::DataFusionError::External(Box::new(source)), &table)
                    };
                    let metadata = reader.fetch_metadata().await.map_err(unreadable)?;
                    let schema = reader.fetch_schema().await.map_err(unreadable)?;
                    let rows = usize::try_from(metadata.file_metadata().num_rows()).unwrap_or(0);
                    Ok(Seen { schema: Arc::new(schema), rows: Some(rows), metadata: Some(metadata) })
                }
            }
        }
    };
    // Boxed: without it the compiler cannot see that these futures may move between threads.
    let looks: Vec<_> = files.files.iter().map(|f| one(f).boxed()).collect();
    stream::iter(looks).buffered(CONCURRENT_FILES).try_collect().await
}

/// The columns of all files together, each in the widest form that any file has.
///
/// Parquet: a later file may add columns, none may lose one. CSV: all have the same columns in the same order, as they are
/// found by their place. NDJSON: a file may lack any.
fn agree(source: &SourceTable, files: &Files, seen: &[Seen]) -> Result<Vec<Field>, EngineError> {
    let table = &source.name;
    let name = |i: usize| files.name_of(&files.files[i].meta);
    let is_text = matches!(source.format, Format::Csv { .. } | Format::Ndjson);
    let declared = |name: &str| source.columns.iter().find(|c| c.name == name).and_then(|c| arrow_type(c.ty.as_ref()?));
    // Text has no types of its own: it is read as declared.
    let type_of = |f: &Field| match declared(f.name()) {
        Some(ty) if is_text => ty,
        _ => reading_type(f.data_type()),
    };
    // Per column: its type, and the file that it was first seen in.
    let mut columns: Vec<(Field, usize)> = Vec::new();
    for (i, one) in seen.iter().enumerate() {
        if matches!(source.format, Format::Csv { .. }) && i > 0 && !same_names(&columns, &one.schema) {
            let list = |names: Vec<&str>| names.join(", ");
            return Err(input(format!(
                "{table}: {} has the columns {}, but {} has {}",
                name(0),
                list(columns.iter().map(|(c, _)| c.name().as_str()).collect()),
                name(i),
                list(one.schema.fields().iter().map(|f| f.name().as_str()).collect())
            ))
            .hint("give all CSV files of a table the same columns in the same order"));
        }
        for (column, first) in &mut columns {
            let Some(field) = one.schema.fields().find(column.name()).map(|(_, f)| f) else {
                if source.format == Format::Ndjson {
                    continue;
                }
                return Err(input(format!(
                    "{table}: the column `{}` is in {} but not in {}",
                    column.name(),
                    name(*first),
                    name(i)
                ))
                .hint("write the file anew with the column, or move files of another shape to a table of their own"));
            };
            let ty = type_of(field);
            let both = unify(column.data_type(), &ty)
                .or_else(|| is_text.then(|| unify_text(column.data_type(), &ty)).flatten());
            let Some(both) = both else {
                return Err(input(format!(
                    "{table}: the column `{}` is {} in {} but {} in {}",
                    column.name(),
                    sql_type(column.data_type()),
                    name(*first),
                    sql_type(&ty),
                    name(i)
                ))
                .hint("write the files anew with one type, or, in CSV and NDJSON, declare it under `columns`"));
            };
            *column = Field::new(column.name(), both, true);
        }
        let new: Vec<_> =
            one.schema.fields().iter().filter(|f| !columns.iter().any(|(c, _)| c.name() == f.name())).collect();
        columns.extend(new.into_iter().map(|f| (Field::new(f.name(), type_of(f), true), i)));
    }
    if columns.is_empty() && seen.iter().any(|s| s.rows != Some(0)) {
        return Err(input(format!("{table}: {} has no columns", name(0)))
            .hint("check that the file is what the project says it is"));
    }
    let mut columns: Vec<Field> = columns.into_iter().map(|(c, _)| no_null(c)).collect();
    if source.format == Format::Ndjson {
        let rare = source.columns.iter().filter(|c| !columns.iter().any(|f| *f.name() == c.name));
        let rare: Vec<_> = rare.filter_map(|c| Some(Field::new(&c.name, arrow_type(c.ty.as_ref()?)?, true))).collect();
        columns.extend(rare);
    }
    Ok(columns)
}

fn same_names(columns: &[(Field, usize)], schema: &Schema) -> bool {
    columns.len() == schema.fields().len()
        && columns.iter().zip(schema.fields()).all(|((c, _), f)| c.name() == f.name())
}

/// What values of two types are in a format that only has text: `1` and `1.5` are numbers, a date is also a time.
fn unify_text(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType as T;
    match (a, b) {
        (T::Int64, T::Float64) | (T::Float64, T::Int64) => Some(T::Float64),
        (T::Date32, t @ T::Timestamp(_, _)) | (t @ T::Timestamp(_, _), T::Date32) => Some(t.clone()),
        _ => None,
    }
}

/// A column in which no value was seen is text.
fn no_null(field: Field) -> Field {
    if field.data_type() == &DataType::Null { Field::new(field.name(), DataType::Utf8View, true) } else { field }
}

fn check_declared(
    table: &str,
    source: &SourceTable,
    columns: &[Field],
    by_directory: &[Arc<Field>],
) -> Result<(), EngineError> {
    let names = || columns.iter().map(Field::name).chain(by_directory.iter().map(|f| f.name())).map(String::as_str);
    let said = source.columns.iter().map(|c| &c.name).chain(&source.unique_key).chain(&source.time);
    for name in said {
        if !names().any(|n| n == name) && !names().any(|n| n.eq_ignore_ascii_case(name)) {
            let hint = match kinfold_base::did_you_mean(name, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it has {}", names().collect::<Vec<_>>().join(", ")),
            };
            return Err(input(format!("{table} has no column `{name}`: it is not in {}", source.url)).hint(hint));
        }
    }
    Ok(())
}

/// A Delta table with its columns in the declared types.
fn cast_declared(table: Arc<dyn TableProvider>, source: &SourceTable) -> Result<Arc<dyn TableProvider>, EngineError> {
    let name = source.name.to_string();
    let schema = table.schema();
    let columns: Vec<Field> = schema.fields().iter().map(|f| f.as_ref().clone()).collect();
    check_declared(&name, source, &columns, &[])?;
    let declared =
        |c: &Field| source.columns.iter().find(|r| r.name == *c.name()).and_then(|r| arrow_type(r.ty.as_ref()?));
    let differs = |c: &Field| declared(c).filter(|ty| sql_type(ty) != sql_type(c.data_type()));
    if !columns.iter().any(|c| differs(c).is_some()) {
        return Ok(table);
    }
    let projected = columns.iter().map(|c| match differs(c) {
        Some(ty) => cast(ident(c.name()), ty).alias(c.name()),
        None => ident(c.name()),
    });
    let plan = LogicalPlanBuilder::scan("source", provider_as_source(table), None)
        .and_then(|b| b.project(projected.collect::<Vec<_>>()))
        .and_then(LogicalPlanBuilder::build)
        .map_err(|e| failure::query(e, &name))?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

fn file_format(source: &SourceTable, files: &Files) -> Result<(FileFormat, FileCompressionType), EngineError> {
    let none = FileCompressionType::UNCOMPRESSED;
    if source.format == Format::Parquet || source.format == Format::Delta {
        return Ok((FileFormat::Parquet, none));
    }
    let compression = infer::compression(&files.files[0].meta);
    for found in &files.files {
        if infer::compression(&found.meta) != compression {
            return Err(input(format!(
                "{}: {} and {} are compressed in different ways",
                source.name,
                files.name_of(&files.files[0].meta),
                files.name_of(&found.meta)
            ))
            .hint("compress all files of a table in the same way"));
        }
    }
    let format = match source.format {
        Format::Csv { delimiter, header, quote } => FileFormat::Csv {
            options: Box::new(CsvOptions {
                has_header: Some(header),
                delimiter,
                quote,
                // A quoted value may hold a line break, so a file must not be cut at one.
                newlines_in_values: Some(true),
                ..CsvOptions::default()
            }),
            compression,
        },
        _ => FileFormat::Ndjson { compression },
    };
    Ok((format, compression))
}

/// A file as a scan wants it, with what is known of its rows.
fn partitioned_file(
    found: &Found,
    seen: &Seen,
    schema: &SchemaRef,
    cast: &[bool],
    drop_values: &[bool],
) -> Result<PartitionedFile, EngineError> {
    let mut values = found.values.clone();
    let mut dropped = drop_values.iter();
    values.retain(|_| dropped.next() != Some(&true));
    let mut file = PartitionedFile::new_from_meta(found.meta.clone());
    file.partition_values = values;
    let mut statistics = match &seen.metadata {
        Some(metadata) => DFParquetMetadata::statistics_from_parquet_metadata(metadata, schema)
            .map_err(|e| failure::query(e, found.meta.location.as_ref()))?,
        None => Statistics::new_unknown(schema),
    };
    if let Some(rows) = seen.rows {
        statistics.num_rows = Precision::Exact(rows);
    }
    for (column, cast) in statistics.column_statistics.iter_mut().zip(cast) {
        if *cast {
            // What the file says is about values of another type.
            *column = datafusion::common::ColumnStatistics::new_unknown();
        }
    }
    Ok(file.with_statistics(Arc::new(statistics)))
}

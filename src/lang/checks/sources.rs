//! Sources: what is declared of a table, held against the data.
//!
//! The engine is asked for the columns of every source table. What the files say of columns, of keys and of time must fit
//! them. A declared `type` takes the place of the one found: text, integer, float, decimal(p, s), boolean, date or timestamp.

use std::collections::BTreeMap;

use kinfold_base::{Column as SchemaColumn, Diagnostic, SqlType, TableSchema};

use super::conditions::EMPTY_LIST;
use super::config::{Surroundings, location};
use super::durations::duration;
use super::literals::{TYPE_MISMATCH, literal};
use crate::ast::{self, Scalar, Text};
use crate::parse::Parsed;
use crate::project::{ColumnRule, ColumnTest, Format, Freshness, Literal, SourceTable, TableName};
use crate::rule::Rule;
use crate::tables::{Table, column};

pub(crate) const RULES: &[&Rule] = &[&SOURCE_UNREADABLE, &UNKNOWN_TYPE, &TIME_NOT_TEMPORAL, &BAD_CSV, &BAD_FRESHNESS];

pub(crate) const SOURCE_UNREADABLE: Rule =
    Rule::error("source-unreadable", "the data of a source's table cannot be read");
pub(crate) const UNKNOWN_TYPE: Rule = Rule::error("unknown-type", "a declared type is not one of those that there are");
pub(crate) const TIME_NOT_TEMPORAL: Rule =
    Rule::error("time-not-temporal", "the time column holds neither dates nor times");
pub(crate) const BAD_CSV: Rule = Rule::error("bad-csv", "options for CSV are wrong, or given for another format");
pub(crate) const BAD_FRESHNESS: Rule =
    Rule::error("bad-freshness", "freshness is asked of a table without a time, or its bounds contradict each other");

/// Types by the words that files use, besides `decimal(p, s)`.
const TYPES: &[(&str, SqlType)] = &[
    ("text", SqlType::Text),
    ("integer", SqlType::Integer),
    ("float", SqlType::Float),
    ("boolean", SqlType::Boolean),
    ("date", SqlType::Date),
    ("timestamp", SqlType::Timestamp),
];

/// All tables of all sources, without their columns. A table whose location cannot be made out is left out.
pub(crate) fn declared(
    parsed: &Parsed,
    around: Surroundings<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<SourceTable> {
    let mut tables = vec![];
    for source in &parsed.file.sources {
        let base = location(&source.location, around, diagnostics);
        for table in &source.tables {
            let path =
                table.path.as_ref().unwrap_or(&table.name).as_str().trim_start_matches("./").trim_start_matches('/');
            let format = format(table, diagnostics);
            let columns = table.columns.iter().map(|c| column_rule(c, diagnostics)).collect();
            let freshness = table.freshness.as_ref().map(|f| freshness(f, table, diagnostics));
            let Some(base) = &base else { continue };
            tables.push(SourceTable {
                name: TableName::qualified(source.name.as_str(), table.name.as_str()),
                url: format!("{}/{path}", base.trim_end_matches('/')),
                format,
                unique_key: table.unique_key.as_slice().iter().map(|t| t.as_str().to_owned()).collect(),
                time: table.time.as_ref().map(|t| t.as_str().to_owned()),
                freshness,
                columns,
                schema: TableSchema::default(),
                span: table.name.span(),
            });
        }
    }
    tables
}

fn format(table: &ast::Table, diagnostics: &mut Vec<Diagnostic>) -> Format {
    let mut byte = |text: &Option<Text>, what: &str, default: u8| match text {
        None => default,
        Some(text) => match text.as_str().as_bytes() {
            [byte] if byte.is_ascii() => *byte,
            _ if text.as_str() == "\\t" => b'\t',
            _ => {
                let message = format!("the {what} must be one ASCII character, not `{}`", text.as_str());
                diagnostics.push(BAD_CSV.at(text.span(), message));
                default
            }
        },
    };
    let csv = table.csv.as_ref();
    match table.format {
        ast::Format::Csv => Format::Csv {
            delimiter: csv.map_or(b',', |c| byte(&c.delimiter, "delimiter", b',')),
            header: csv.and_then(|c| c.header).unwrap_or(true),
            quote: csv.map_or(b'"', |c| byte(&c.quote, "quote", b'"')),
        },
        other => {
            if csv.is_some() {
                let message = format!("the table `{}` has options for CSV, but another format", table.name.as_str());
                diagnostics
                    .push(BAD_CSV.at(table.name.span(), message).hint("write `format: csv`, or leave out `csv`"));
            }
            match other {
                ast::Format::Ndjson => Format::Ndjson,
                ast::Format::Delta => Format::Delta,
                ast::Format::Parquet | ast::Format::Csv => Format::Parquet,
            }
        }
    }
}

fn freshness(freshness: &ast::Freshness, table: &ast::Table, diagnostics: &mut Vec<Diagnostic>) -> Freshness {
    let mut read = |text: &Option<Text>| text.as_ref().and_then(|text| duration(text, diagnostics));
    let (warn_after, error_after) = (read(&freshness.warn_after), read(&freshness.error_after));
    if let (Some(warn), Some(error), Some(place)) = (warn_after, error_after, &freshness.warn_after)
        && warn >= error
    {
        let message = "`warn_after` is not shorter than `error_after`";
        diagnostics.push(BAD_FRESHNESS.at(place.span(), message));
    }
    if table.time.is_none() {
        let message =
            format!("the table `{}` has no `time`, by which its freshness could be told", table.name.as_str());
        diagnostics.push(BAD_FRESHNESS.at(table.name.span(), message).hint("name its time column: `time: …`"));
    }
    Freshness { warn_after, error_after }
}

fn column_rule(column: &ast::Column, diagnostics: &mut Vec<Diagnostic>) -> ColumnRule {
    ColumnRule {
        name: column.name.as_str().to_owned(),
        pii: column.pii.as_ref().map(|p| p.as_str().to_owned()),
        ty: column.ty.as_ref().and_then(|text| declared_type(text, diagnostics)),
        tests: vec![],
        span: column.name.span(),
    }
}

fn declared_type(text: &Text, diagnostics: &mut Vec<Diagnostic>) -> Option<SqlType> {
    let word = text.as_str().trim().to_ascii_lowercase();
    let known = TYPES.iter().find(|(name, _)| *name == word).map(|(_, ty)| ty.clone()).or_else(|| decimal(&word));
    if known.is_none() {
        let names = TYPES.iter().map(|(name, _)| *name).chain(["decimal"]);
        let hint = kinfold_base::did_you_mean(&word, names).map_or_else(
            || "it may be text, integer, float, decimal(p, s), boolean, date or timestamp".to_owned(),
            |near| {
                let near = if near == "decimal" { "decimal(18, 2)".to_owned() } else { near };
                format!("did you mean `{near}`?")
            },
        );
        diagnostics.push(UNKNOWN_TYPE.at(text.span(), format!("`{}` is not a type", text.as_str())).hint(hint));
    }
    known
}

fn decimal(word: &str) -> Option<SqlType> {
    let (precision, scale) = word.strip_prefix("decimal(")?.strip_suffix(')')?.split_once(',')?;
    let (precision, scale): (u8, i8) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
    let fits = (1..=38).contains(&precision) && scale >= 0 && i16::from(scale) <= i16::from(precision);
    fits.then_some(SqlType::Decimal { precision, scale })
}

/// Gives each table its columns, and holds what is said of it against them.
pub(crate) fn check(
    parsed: &Parsed,
    declared: Vec<SourceTable>,
    schemas: &BTreeMap<TableName, Result<TableSchema, String>>,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Vec<SourceTable>, Vec<Table>) {
    let mut sources = vec![];
    let mut tables = unplaced(parsed, &declared);
    for mut source in declared {
        let Some(table) = written(parsed, &source) else { continue };
        let schema = match schemas.get(&source.name) {
            Some(Ok(schema)) => Some(with_types(schema, &source.columns)),
            Some(Err(why)) => {
                diagnostics.push(SOURCE_UNREADABLE.at(source.span, format!("`{}` cannot be read: {why}", source.name)));
                None
            }
            None => None,
        };
        let known = schema.as_ref();
        source.unique_key = names(known, table.unique_key.as_slice(), diagnostics);
        source.time = table.time.as_ref().and_then(|time| time_column(known, time, diagnostics));
        for (rule, column) in source.columns.iter_mut().zip(&table.columns) {
            tests(rule, column, known, diagnostics);
        }
        source.schema = schema.clone().unwrap_or_default();
        tables.push(Table {
            name: source.name.clone(),
            is_whole: schema.is_some(),
            schema,
            time: source.time.clone(),
            unique_key: source.unique_key.clone(),
            origins: vec![],
            is_model: false,
        });
        sources.push(source);
    }
    (sources, tables)
}

/// Tables whose location could not be made out: they exist, that is all.
fn unplaced(parsed: &Parsed, declared: &[SourceTable]) -> Vec<Table> {
    let all = parsed.file.sources.iter().flat_map(|source| source.tables.iter().map(move |table| (source, table)));
    let missing = all.filter(|(_, table)| !declared.iter().any(|d| d.span == table.name.span()));
    let unknown = |(source, table): (&ast::Source, &ast::Table)| Table {
        name: TableName::qualified(source.name.as_str(), table.name.as_str()),
        schema: None,
        time: table.time.as_ref().map(|t| t.as_str().to_owned()),
        unique_key: vec![],
        origins: vec![],
        is_model: false,
        is_whole: false,
    };
    missing.map(unknown).collect()
}

fn written<'a>(parsed: &'a Parsed, source: &SourceTable) -> Option<&'a ast::Table> {
    parsed.file.sources.iter().flat_map(|s| &s.tables).find(|t| t.name.span() == source.span)
}

fn with_types(schema: &TableSchema, rules: &[ColumnRule]) -> TableSchema {
    let ty = |column: &SchemaColumn| {
        let rule = rules.iter().find(|r| schema.column(&r.name) == Some(column));
        rule.and_then(|r| r.ty.clone()).unwrap_or_else(|| column.ty.clone())
    };
    TableSchema { columns: schema.columns.iter().map(|c| SchemaColumn { name: c.name.clone(), ty: ty(c) }).collect() }
}

/// The exact names of columns.
pub(crate) fn names(schema: Option<&TableSchema>, texts: &[Text], diagnostics: &mut Vec<Diagnostic>) -> Vec<String> {
    texts.iter().filter_map(|text| column(schema, &text.0, diagnostics)).collect()
}

/// The exact name of a time column.
pub(crate) fn time_column(
    schema: Option<&TableSchema>,
    text: &Text,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<String> {
    let name = column(schema, &text.0, diagnostics)?;
    let ty = schema.and_then(|s| s.column(&name)).map_or(SqlType::Unknown, |c| c.ty.clone());
    if ty.is_temporal() || ty.is_open() {
        return Some(name);
    }
    let message = format!("the time column `{name}` is {ty}");
    let hint = "for a source, declare its type under `columns`; in a model, cast it: `cast(… as timestamp)`";
    diagnostics.push(TIME_NOT_TEMPORAL.at(text.span(), message).hint(hint));
    None
}

fn tests(
    rule: &mut ColumnRule,
    written: &ast::Column,
    schema: Option<&TableSchema>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let Some(name) = column(schema, &written.name.0, diagnostics) else { return };
    let ty = schema.and_then(|s| s.column(&name)).map_or(SqlType::Unknown, |c| c.ty.clone());
    let what = format!("the column `{name}`");
    rule.name = name;
    for test in &written.tests {
        let test = match test {
            ast::ColumnTest::NotNull => Some(ColumnTest::NotNull),
            ast::ColumnTest::Unique => Some(ColumnTest::Unique),
            ast::ColumnTest::AtLeast(bound) => bound_of(bound, &ty, &what, diagnostics).map(ColumnTest::AtLeast),
            ast::ColumnTest::AtMost(bound) => bound_of(bound, &ty, &what, diagnostics).map(ColumnTest::AtMost),
            ast::ColumnTest::OneOf(values) if values.value.is_empty() => {
                let message = "`one_of` has no values in it";
                diagnostics.push(EMPTY_LIST.at(values.span, message).hint("add a value, or leave it out"));
                None
            }
            ast::ColumnTest::OneOf(values) => {
                let literals = values.value.iter().filter_map(|v| literal(v, &ty, &what, diagnostics)).collect();
                Some(ColumnTest::OneOf(literals))
            }
        };
        rule.tests.extend(test);
    }
}

fn bound_of(bound: &Scalar, ty: &SqlType, what: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    if !ty.is_numeric() && !ty.is_open() {
        let message = format!("{what} is {ty}, which has no bounds");
        diagnostics.push(TYPE_MISMATCH.at(bound.span(), message).hint("bounds are for numbers"));
        return None;
    }
    let as_number = if ty.is_open() { &SqlType::Float } else { ty };
    match literal(bound, as_number, what, diagnostics)? {
        Literal::Integer(number) => Some(number.to_string()),
        Literal::Decimal(digits) => Some(digits),
        _ => None,
    }
}

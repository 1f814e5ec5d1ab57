//! Personal data on its way.
//!
//! A source's column says with `pii` which kind of personal data it holds. Models, identifiers and traits pass it on: whatever is
//! computed from personal data is taken for personal data of the same kinds, a count included. A sync that sends such fields says
//! in `purpose` what for. Columns that only choose rows, in a `where` or in a segment's conditions, pass nothing on.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use kinfold_base::Diagnostic;
use kinfold_sql::{Origin, each_expr};
use sqlparser::ast::Expr;

use crate::project::{AggregateValue, Entity, Field, Project, Sync, SyncRows, TableName, Trait, TraitBody};
use crate::rule::Rule;
use crate::tables::from_ref;

pub(crate) const RULES: &[&Rule] = &[&NO_PURPOSE];

pub(crate) const NO_PURPOSE: Rule = Rule::warning("no-purpose", "a sync sends personal data and does not say what for");

/// Kinds of personal data, such as `email`.
type Kinds = BTreeSet<String>;

/// Looks for syncs that send personal data without a purpose.
pub(crate) fn check(project: &Project, diagnostics: &mut Vec<Diagnostic>) {
    let tables = of_tables(project);
    let entities: BTreeMap<&str, BTreeMap<String, Kinds>> =
        project.entities.iter().map(|entity| (entity.name.as_str(), of_entity(entity, &tables))).collect();
    for sync in project.syncs.iter().filter(|s| s.purpose.is_none()) {
        let columns = match &sync.rows {
            SyncRows::Entity(entity) | SyncRows::Segment { entity, .. } => entities.get(entity.as_str()),
            SyncRows::Model(model) => tables.get(&TableName::bare(model)),
        };
        diagnostics.extend(columns.and_then(|columns| without_purpose(sync, columns)));
    }
}

fn without_purpose(sync: &Sync, columns: &BTreeMap<String, Kinds>) -> Option<Diagnostic> {
    let fields: Vec<(&Field, Kinds)> =
        sync.key.iter().chain(&sync.fields).map(|f| (f, kinds(&f.expr, columns))).collect();
    let personal: Vec<&(&Field, Kinds)> = fields.iter().filter(|(_, kinds)| !kinds.is_empty()).collect();
    let all: Kinds = personal.iter().flat_map(|(_, kinds)| kinds.iter().cloned()).collect();
    if all.is_empty() {
        return None;
    }
    let message = format!("the sync `{}` sends personal data ({}), but does not say what for", sync.name, listed(&all));
    let diagnostic = NO_PURPOSE.at(sync.span, message).hint("say it, as in `purpose: marketing`");
    Some(personal.iter().fold(diagnostic, |d, (field, kinds)| d.label(field.span, listed(kinds))))
}

fn listed(kinds: &Kinds) -> String {
    kinds.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// What the columns of sources are said to hold, and what those of models have of them.
fn of_tables(project: &Project) -> BTreeMap<TableName, BTreeMap<String, Kinds>> {
    let mut tables: BTreeMap<TableName, BTreeMap<String, Kinds>> = BTreeMap::new();
    for source in &project.sources {
        let marked = source.columns.iter().filter_map(|c| Some((c.name.clone(), Kinds::from([c.pii.clone()?]))));
        tables.insert(source.name.clone(), marked.collect());
    }
    // Each comes after those that it reads.
    for model in &project.models {
        let of = |origin: &Origin| tables.get(&from_ref(&origin.table)).and_then(|t| t.get(&origin.column));
        let columns = model.schema.columns.iter().zip(&model.inputs);
        let columns =
            columns.map(|(c, inputs)| (c.name.clone(), inputs.iter().filter_map(of).flatten().cloned().collect()));
        let columns = columns.collect();
        tables.insert(TableName::bare(&model.name), columns);
    }
    tables
}

/// What an entity's identifiers and traits hold.
fn of_entity(entity: &Entity, tables: &BTreeMap<TableName, BTreeMap<String, Kinds>>) -> BTreeMap<String, Kinds> {
    let in_table = |table: &TableName, expr: &Expr| tables.get(table).map(|t| kinds(expr, t)).unwrap_or_default();
    let mut columns: BTreeMap<String, Kinds> = BTreeMap::new();
    for link in &entity.links {
        for (identifier, expr) in &link.ids {
            let name = entity.identifiers[*identifier].name.clone();
            columns.entry(name).or_default().extend(in_table(&link.table, expr));
        }
    }
    // Each comes after those that it refers to.
    for Trait { name, body, .. } in &entity.traits {
        let kinds = match body {
            TraitBody::Aggregate { rows, value } => match value {
                AggregateValue::Plain { expr, .. }
                | AggregateValue::MostFrequent(expr)
                | AggregateValue::Top { value: expr, .. } => in_table(&rows.table, expr),
            },
            TraitBody::Pick { from, .. } => from.iter().flat_map(|f| in_table(&f.table, &f.value)).collect(),
            TraitBody::Expression(expr) => kinds(expr, &columns),
        };
        columns.insert(name.clone(), kinds);
    }
    columns
}

/// The kinds of personal data in what an expression reads.
fn kinds(expr: &Expr, columns: &BTreeMap<String, Kinds>) -> Kinds {
    let mut found = Kinds::new();
    let _ = each_expr(expr, |part| {
        let column = match part {
            Expr::Identifier(ident) => Some(ident),
            // A field of a record; checked expressions over one table do not qualify columns.
            Expr::CompoundIdentifier(idents) => idents.first(),
            _ => None,
        };
        found.extend(column.and_then(|ident| columns.get(&ident.value)).into_iter().flatten().cloned());
        ControlFlow::Continue(())
    });
    found
}

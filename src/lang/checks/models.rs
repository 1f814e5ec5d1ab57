//! Models: queries that read sources and each other.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use kinfold_base::Diagnostic;
use kinfold_sql::{parse_query, type_query, walk_query};
use sqlparser::ast::{ObjectName, Query, Visitor};

use super::sources::{names, time_column};
use crate::ast;
use crate::order::order;
use crate::project::{Model, TableName};
use crate::rule::Rule;
use crate::tables::{QueryTables, Table, Tables, from_ref};

pub(crate) const RULES: &[&Rule] = &[&MODEL_CYCLE];

pub(crate) const MODEL_CYCLE: Rule = Rule::error("model-cycle", "models read each other in a circle");

/// Types all models, each after those that it reads, and adds them to the tables.
pub(crate) fn check(models: &[ast::Model], tables: &mut Tables<'_>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Model> {
    let queries: Vec<Option<Query>> = models.iter().map(|m| parse_query(&m.sql.0, diagnostics)).collect();
    let needs: Vec<Vec<usize>> = queries
        .iter()
        .map(|query| {
            let read: BTreeSet<String> =
                query.iter().flat_map(tables_in).map(|t| t.to_string().to_ascii_lowercase()).collect();
            (0..models.len()).filter(|i| read.contains(&models[*i].name.as_str().to_ascii_lowercase())).collect()
        })
        .collect();
    let (sequence, cycles) = order(&needs);
    for cycle in &cycles {
        let path: Vec<&str> = cycle.iter().chain(cycle.first()).map(|i| models[*i].name.as_str()).collect();
        let first = &models[cycle[0]];
        let message = format!("models read each other in a circle: {}", path.join(" → "));
        diagnostics
            .push(MODEL_CYCLE.at(first.name.span(), message).hint("take one of them apart, so that the circle opens"));
    }
    // Models in a circle stand in for each other without columns.
    let stuck: BTreeSet<usize> = cycles.iter().flatten().copied().collect();
    for i in &stuck {
        tables.list.push(unknown(&models[*i]));
    }
    let mut done = vec![];
    for i in sequence {
        if stuck.contains(&i) {
            continue;
        }
        let model = queries[i].as_ref().and_then(|query| one(&models[i], query, tables, diagnostics));
        match model {
            Some((model, table)) => {
                tables.list.push(table);
                done.push(model);
            }
            None => tables.list.push(unknown(&models[i])),
        }
    }
    done
}

fn one(
    model: &ast::Model,
    query: &Query,
    tables: &Tables<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(Model, Table)> {
    let is_hidden = |t: &TableName| tables.get(t).is_none() && tables.parsed.hides(&t.to_string());
    let hidden = tables_in(query).into_iter().filter(is_hidden).map(|t| (t.schema, t.name)).collect();
    let typed = type_query(&model.sql.0, query, &QueryTables { tables, hidden }, diagnostics)?;
    let schema = Some(&typed.schema);
    let unique_key = names(schema, model.unique_key.as_slice(), diagnostics);
    let time = model.time.as_ref().and_then(|time| time_column(schema, time, diagnostics));
    let name = TableName::bare(model.name.as_str());
    let table = Table {
        name,
        schema: Some(typed.schema.clone()),
        time: time.clone(),
        unique_key: unique_key.clone(),
        origins: typed.origins,
        is_model: true,
        is_whole: typed.reads.iter().all(|read| tables.get(&from_ref(read)).is_some_and(|t| t.is_whole)),
    };
    let model = Model {
        name: model.name.as_str().to_owned(),
        query: typed.query,
        schema: typed.schema,
        inputs: typed.inputs,
        reads: typed.reads.iter().map(from_ref).collect(),
        unique_key,
        time,
        span: model.name.span(),
    };
    Some((model, table))
}

/// A model of which nothing but the name is known.
fn unknown(model: &ast::Model) -> Table {
    Table {
        name: TableName::bare(model.name.as_str()),
        schema: None,
        time: model.time.as_ref().map(|t| t.as_str().to_owned()),
        unique_key: model.unique_key.as_slice().iter().map(|t| t.as_str().to_owned()).collect(),
        origins: vec![],
        is_model: true,
        is_whole: false,
    }
}

/// The tables that a query reads, as written, without those that it declares itself.
fn tables_in(query: &Query) -> Vec<TableName> {
    let mut names = Names::default();
    let _ = walk_query(query, &mut names);
    let Names { read, declared } = names;
    read.into_iter().filter(|t| t.schema.is_some() || !declared.contains(&t.name.to_ascii_lowercase())).collect()
}

#[derive(Default)]
struct Names {
    read: Vec<TableName>,
    /// In lower case.
    declared: BTreeSet<String>,
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.declared.extend(tables.map(|cte| cte.alias.name.value.to_ascii_lowercase()));
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let parts: Option<Vec<&str>> = relation.0.iter().map(|p| p.as_ident().map(|i| i.value.as_str())).collect();
        match parts.as_deref() {
            Some([name]) => self.read.push(TableName::bare(*name)),
            Some([schema, name]) => self.read.push(TableName::qualified(*schema, *name)),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

//! Matching by likelihood: which records are compared, and how likely a pair must be.
//!
//! Each table under `match.records` says which identifier stands for its rows, by `id`, and what is compared, by `columns`: tables
//! are compared by the columns that they have under the same names, which must be of types that go together. The table must give
//! that identifier under `identity.from`, too. Records are compared only if they agree in one of `block_on`: the same value of some
//! SQL over a record's columns, or a `where` over two records with at least one `l.… = r.…`, without which all would be compared
//! with all.
//!
//! `labels` are pairs of which somebody knows whether they are one: a table with two identifiers that stand for records, and
//! `match`, which is true for those that are.

use std::ops::ControlFlow;

use kinfold_base::{Column, Diagnostic, Span, SqlType, TableSchema};
use kinfold_sql::{Context, Relation, Scope, common_type, each_expr, parse_expr, type_expr};
use sqlparser::ast::{BinaryOperator, Expr};

use super::comparisons;
use super::identity::ids;
use super::match_models;
use crate::ast::{self, Scalar, ScalarKind, Sql};
use crate::project::{
    BlockOn, Blocking, Identifier, Link, Linkage, Match, MatchLabels, MatchPairs, MatchTable, MatchTraining,
};
use crate::rule::Rule;
use crate::tables::{Tables, column_expr, near_or_all, typed};

pub(crate) const RULES: &[&Rule] = &[
    &MATCH_RECORDS,
    &MATCH_COLUMNS,
    &MATCH_NOT_LINKED,
    &MATCH_LABELS,
    &ONE_TO_ONE,
    &BAD_PROBABILITY,
    &NO_BLOCKING,
    &BLOCKING_WITHOUT_EQUALITY,
];

pub(crate) const MATCH_RECORDS: Rule =
    Rule::error("match-records", "records of `match` do not say what stands for a row");
pub(crate) const MATCH_COLUMNS: Rule =
    Rule::error("match-columns", "tables under `match` have a column of types that do not go together");
pub(crate) const MATCH_NOT_LINKED: Rule =
    Rule::error("match-not-linked", "a table under `match` does not give its identifier under `identity.from`");
pub(crate) const MATCH_LABELS: Rule = Rule::error("match-labels", "labels under `match` do not name two records");
pub(crate) const ONE_TO_ONE: Rule = Rule::error("one-to-one", "records of one table can't be linked one to one");
pub(crate) const BAD_PROBABILITY: Rule =
    Rule::error("bad-probability", "a probability is not a number between 0 and 1, or the two do not fit");
pub(crate) const NO_BLOCKING: Rule = Rule::error("no-blocking", "nothing says which records are compared");
pub(crate) const BLOCKING_WITHOUT_EQUALITY: Rule =
    Rule::error("blocking-without-equality", "a condition would compare all records with all");

const MAX_PAIRS: u64 = 100_000_000;
const MAX_BLOCK: u64 = 10_000;
const RANDOM_PAIRS: u64 = 1_000_000;
const PASS_PAIRS: u64 = 500_000;
const REVIEW: f64 = 0.5;
const RECALL: f64 = 0.7;

/// An entity's `match`, if it has one and all of it could be understood.
pub(crate) fn check(
    entity: &ast::Entity,
    identifiers: &[Identifier],
    links: &[Link],
    tables: &Tables<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Match> {
    let written = entity.identity.matching.as_ref()?;
    let span = written.accept.span();
    let records: Vec<Option<Records<'_>>> =
        written.records.iter().map(|r| records(r, entity, identifiers, links, tables, diagnostics)).collect();
    if written.records.is_empty() && !tables.parsed.has_gaps {
        let hint = "list under `match.records` the tables whose rows are compared";
        diagnostics.push(MATCH_RECORDS.at(span, "no table is compared").hint(hint));
    }
    let records: Option<Vec<Records<'_>>> = records.into_iter().collect();
    let thresholds = thresholds(written, diagnostics);
    let training = written.train.as_ref();
    let recall = match training.and_then(|t| t.recall.as_ref()) {
        Some(scalar) => probability(scalar, diagnostics),
        None => Some(RECALL),
    };
    let standing: Option<Vec<usize>> = records.as_ref().map(|records| records.iter().map(|r| r.id.0).collect());
    let labels =
        written.labels.as_ref().map(|l| labels(l, standing.as_deref(), entity, identifiers, tables, diagnostics));
    one_to_one(written, diagnostics);
    let records = records.filter(|records| !records.is_empty())?;
    let columns = columns(&records, diagnostics)?;
    let comparisons = comparisons::check(&written.comparisons, &columns, span, tables.parsed, diagnostics);
    let mut blocking = |written: &[ast::BlockOn]| -> Option<Vec<Blocking>> {
        let all: Vec<Option<Blocking>> = written.iter().map(|b| block_on(b, &columns, diagnostics)).collect();
        all.into_iter().collect()
    };
    let block_on = blocking(&written.block_on);
    let learned_from = training.filter(|t| !t.block_on.is_empty()).map_or(block_on.clone(), |t| blocking(&t.block_on));
    let certain = training.map_or(Some(vec![]), |t| blocking(&t.certain));
    if written.block_on.is_empty() && !tables.parsed.has_gaps {
        let hint = "name what two records must agree in to be compared, as in `block_on: [[last_name, postcode]]`";
        diagnostics.push(NO_BLOCKING.at(span, "no `block_on` says which records are compared").hint(hint));
        return None;
    }
    let (accept, review) = thresholds?;
    let count = |written: Option<ast::Spanned<u64>>, default| written.map_or(default, |count| count.value.max(1));
    let mut matching = Match {
        tables: records.into_iter().map(|records| records.table(&columns)).collect(),
        columns,
        comparisons: comparisons?,
        block_on: block_on?,
        pairs: match written.pairs.map(|pairs| pairs.value) {
            None | Some(ast::MatchPairs::All) => MatchPairs::All,
            Some(ast::MatchPairs::Across) => MatchPairs::Across,
            Some(ast::MatchPairs::Within) => MatchPairs::Within,
        },
        accept,
        review,
        max_pairs: count(written.max_pairs, MAX_PAIRS),
        max_block: count(written.max_block, MAX_BLOCK),
        linkage: match written.linkage {
            None | Some(ast::Linkage::Any) => Linkage::Any,
            Some(ast::Linkage::Average) => Linkage::Average,
            Some(ast::Linkage::Complete) => Linkage::Complete,
        },
        one_to_one: written.one_to_one.is_some_and(|one| one.value),
        labels: match labels {
            Some(labels) => Some(labels?),
            None => None,
        },
        training: MatchTraining {
            block_on: learned_from?,
            certain: certain?,
            recall: recall?,
            random_pairs: count(training.and_then(|t| t.random_pairs), RANDOM_PAIRS),
            pass_pairs: count(training.and_then(|t| t.pass_pairs), PASS_PAIRS),
        },
        model: None,
        span,
    };
    matching.model = match_models::find(entity, &matching, tables.parsed, diagnostics);
    Some(matching)
}

/// A table's part, its columns still by name.
struct Records<'a> {
    written: &'a ast::MatchRecords,
    id: (usize, Expr),
    columns: Vec<(String, Expr, SqlType, Span)>,
    is_unique: bool,
    name: crate::project::TableName,
}

impl Records<'_> {
    fn table(self, columns: &[Column]) -> MatchTable {
        let of = |column: &Column| self.columns.iter().find(|(name, ..)| *name == column.name).map(|c| c.1.clone());
        MatchTable {
            columns: columns.iter().map(of).collect(),
            table: self.name,
            id: self.id,
            is_unique: self.is_unique,
            span: self.written.table.span(),
        }
    }
}

fn records<'a>(
    written: &'a ast::MatchRecords,
    entity: &ast::Entity,
    identifiers: &[Identifier],
    links: &[Link],
    tables: &Tables<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Records<'a>> {
    let table = tables.find(&written.table, diagnostics)?;
    let scope = table.scope();
    let place = written.table.span();
    let ids = ids(&written.id, place, entity, identifiers, &scope, tables, diagnostics);
    let columns: Vec<Option<_>> = written
        .columns
        .iter()
        .map(|(name, sql)| {
            let typed = typed(sql, &scope, Context::Scalar, diagnostics)?;
            Some((name.as_str().to_owned(), typed.expr, typed.ty, sql.span()))
        })
        .collect();
    let mut ids = ids?;
    if ids.len() != 1 {
        let message = format!("`id` names {} identifiers, but one stands for a row", ids.len());
        diagnostics.push(MATCH_RECORDS.at(place, message).hint("write one, as in `id: {crm_id: contact_id}`"));
        return None;
    }
    let id = ids.remove(0);
    let is_given = links.iter().any(|link| link.table == table.name && link.ids.contains(&id));
    let links_are_whole = links.len() == entity.identity.from.len() && !tables.parsed.has_gaps;
    if !is_given && links_are_whole && !tables.parsed.incomplete {
        let name = &identifiers[id.0].name;
        let message = format!("`{}` does not give `{name}` in the same way under `identity.from`", table.name);
        let hint = format!("add it there, as in `{{table: {}, ids: {{{name}: …}}}}`", table.name);
        diagnostics.push(MATCH_NOT_LINKED.at(place, message).hint(hint));
        return None;
    }
    let is_unique = matches!((table.unique_key.as_slice(), &id.1), ([key], expr) if *expr == column_expr(key));
    let columns: Option<Vec<_>> = columns.into_iter().collect();
    Some(Records { written, id, columns: columns?, is_unique, name: table.name.clone() })
}

/// `standing`: the identifiers that stand for records, where they are all known.
fn labels(
    written: &ast::MatchLabels,
    standing: Option<&[usize]>,
    entity: &ast::Entity,
    identifiers: &[Identifier],
    tables: &Tables<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<MatchLabels> {
    let table = tables.find(&written.table, diagnostics)?;
    let scope = table.scope();
    let place = written.table.span();
    let is_match = match &written.is_match {
        Some(sql) => Some(typed(sql, &scope, Context::Condition, diagnostics)?.expr),
        None => None,
    };
    let mut sides = vec![];
    for side in &written.pair {
        sides.extend(ids(side, place, entity, identifiers, &scope, tables, diagnostics)?);
    }
    for (name, _) in written.pair.iter().flat_map(ast::Map::iter) {
        let index = identifiers.iter().position(|identifier| identifier.name == name.as_str());
        if standing.zip(index).is_some_and(|(standing, index)| !standing.contains(&index)) {
            let message = format!("`{}` stands for no record", name.as_str());
            let names: Vec<&str> = standing.into_iter().flatten().map(|i| identifiers[*i].name.as_str()).collect();
            let hint = near_or_all(name.as_str(), &names, 50);
            diagnostics.push(MATCH_LABELS.at(name.span(), message).hint_opt(hint));
            return None;
        }
    }
    let Ok(pair) = <[(usize, Expr); 2]>::try_from(sides) else {
        let hint = "write one identifier for each, as in `pair: [{crm_id: left_id}, {crm_id: right_id}]`";
        diagnostics.push(MATCH_LABELS.at(place, "a label is about two records").hint(hint));
        return None;
    };
    Some(MatchLabels { table: table.name.clone(), pair, is_match, complete: written.complete.unwrap_or(false) })
}

fn one_to_one(written: &ast::Match, diagnostics: &mut Vec<Diagnostic>) {
    let Some(one) = written.one_to_one.filter(|one| one.value) else { return };
    let is_within = written.pairs.is_some_and(|pairs| pairs.value == ast::MatchPairs::Within);
    if written.records.len() == 1 || is_within {
        let message = "only records of one table are compared, and one of them would be linked to none";
        diagnostics.push(ONE_TO_ONE.at(one.span, message).hint("leave out `one_to_one`, or limit the identifier"));
    }
}

/// Every column that some table has, in the order of first appearance, of the type that holds the values of all.
fn columns(records: &[Records<'_>], diagnostics: &mut Vec<Diagnostic>) -> Option<Vec<Column>> {
    let mut columns: Vec<Column> = vec![];
    let mut whole = true;
    for (name, _, ty, span) in records.iter().flat_map(|records| &records.columns) {
        let Some(known) = columns.iter_mut().find(|column| column.name == *name) else {
            columns.push(Column { name: name.clone(), ty: ty.clone() });
            continue;
        };
        if known.ty.is_open() {
            known.ty = ty.clone();
        } else if !ty.is_open() {
            if let Some(common) = common_type(&[known.ty.clone(), ty.clone()]) {
                known.ty = common;
            } else {
                let message = format!("`{name}` is {ty} here, but {} in a table before", known.ty);
                diagnostics.push(MATCH_COLUMNS.at(*span, message).hint("cast one of them: `cast(… as …)`"));
                whole = false;
            }
        }
    }
    whole.then_some(columns)
}

fn thresholds(written: &ast::Match, diagnostics: &mut Vec<Diagnostic>) -> Option<(f64, f64)> {
    let accept = probability(&written.accept, diagnostics);
    let review = match &written.review {
        Some(scalar) => probability(scalar, diagnostics)?,
        None => accept?.min(REVIEW),
    };
    let accept = accept?;
    if review > accept {
        let span = written.review.as_ref().map_or(written.accept.span(), Scalar::span);
        let message = "`review` is above `accept`, so that there would be nothing to look at";
        diagnostics.push(BAD_PROBABILITY.at(span, message).hint("make it smaller than `accept`"));
        return None;
    }
    Some((accept, review))
}

/// Reads a probability, which is neither certain nor impossible.
pub(crate) fn probability(scalar: &Scalar, diagnostics: &mut Vec<Diagnostic>) -> Option<f64> {
    let number = match scalar.kind {
        ScalarKind::Int | ScalarKind::Float => scalar.as_str().parse::<f64>().ok(),
        ScalarKind::Null | ScalarKind::Bool | ScalarKind::Text => None,
    };
    let number = number.filter(|p| *p > 0.0 && *p < 1.0);
    if number.is_none() {
        let message = format!("`{}` is not a probability", scalar.as_str());
        diagnostics
            .push(BAD_PROBABILITY.at(scalar.span(), message).hint("write a number between 0 and 1, such as 0.99"));
    }
    number
}

/// Two records by the names `l` and `r`.
pub(crate) fn pair_scope(columns: &[Column]) -> Scope {
    let relation = |name: &str| Relation {
        schema: None,
        name: Some(name.to_owned()),
        columns: Some(TableSchema { columns: columns.to_vec() }),
    };
    Scope::default().and(relation("l")).and(relation("r"))
}

fn block_on(written: &ast::BlockOn, columns: &[Column], diagnostics: &mut Vec<Diagnostic>) -> Option<Blocking> {
    let (label, on, read) = match written {
        ast::BlockOn::Key(sql) => keys(std::slice::from_ref(sql), columns, diagnostics)?,
        ast::BlockOn::Keys(sqls) => keys(sqls, columns, diagnostics)?,
        ast::BlockOn::Where(ast::BlockWhere { condition }) => {
            let expr = parse_expr(&condition.0, diagnostics)?;
            let typed = type_expr(&condition.0, &expr, &pair_scope(columns), Context::Condition, diagnostics)?;
            if !has_equality(&typed.expr) {
                let message = "without an equality of two records this compares all records with all";
                let hint = "join an `l.… = r.…` with `and`";
                diagnostics.push(BLOCKING_WITHOUT_EQUALITY.at(condition.span(), message).hint(hint));
                return None;
            }
            let read = typed.columns.iter().map(|c| c.column.clone()).collect();
            (condition.0.text.clone(), BlockOn::Where(typed.expr), read)
        }
    };
    let is_read = |column: &Column| read.contains(&column.name);
    let columns = columns.iter().enumerate().filter(|(_, column)| is_read(column)).map(|(i, _)| i).collect();
    Some(Blocking { label, on, columns })
}

fn keys(
    written: &[Sql],
    columns: &[Column],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(String, BlockOn, Vec<String>)> {
    let scope = Scope::columns(TableSchema { columns: columns.to_vec() });
    let typed: Vec<Option<_>> = written.iter().map(|sql| typed(sql, &scope, Context::Scalar, diagnostics)).collect();
    let typed: Option<Vec<_>> = typed.into_iter().collect();
    let typed = typed?;
    let label: Vec<&str> = written.iter().map(|sql| sql.0.text.as_str()).collect();
    let read = typed.iter().flat_map(|t| t.columns.iter().map(|c| c.column.clone())).collect();
    Some((label.join(", "), BlockOn::Keys(typed.into_iter().map(|t| t.expr).collect()), read))
}

/// Whether a condition holds only for records that have something in common: an equality of `l` and `r`, joined by `and`.
fn has_equality(condition: &Expr) -> bool {
    match condition {
        Expr::Nested(inner) => has_equality(inner),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => has_equality(left) || has_equality(right),
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
            matches!((side(left), side(right)), (Some(a), Some(b)) if a != b)
        }
        _ => false,
    }
}

/// The one record that an expression reads, if it is one.
fn side(expr: &Expr) -> Option<String> {
    let mut sides = std::collections::BTreeSet::new();
    let _ = each_expr(expr, |part| {
        if let Expr::CompoundIdentifier(parts) = part {
            sides.extend(parts.first().map(|part| part.value.clone()));
        }
        ControlFlow::Continue(())
    });
    sides.pop_first().filter(|_| sides.is_empty())
}

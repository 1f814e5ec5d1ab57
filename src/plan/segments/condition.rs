//! Conditions as SQL that is true or false, never unknown.

use std::collections::BTreeSet;

use kinfold_base::SqlType;
use kinfold_lang::project::{Condition, Entity, Literal, Test};
use sqlparser::ast::{BinaryOperator, Expr};

use super::Named;
use crate::sql::{
    and, between, binary, call, col, in_list, int, is_not_null, is_null, is_true, literal_of, not, or, text,
};
use crate::traits::{Scans, Slot, count_rows_of};

/// The numbers of rows that conditions ask for, each once.
#[derive(Debug, Default)]
pub(super) struct Counts(Vec<Slot>);

impl Counts {
    /// Columns for the innermost projection, over joined scratch tables.
    pub(super) fn items(&self, named: &Named) -> Vec<(Expr, String)> {
        self.0.iter().enumerate().map(|(i, slot)| (slot.expr(), named.count(i))).collect()
    }

    fn add(&mut self, slot: Slot) -> usize {
        self.0.iter().position(|s| *s == slot).unwrap_or_else(|| {
            self.0.push(slot);
            self.0.len() - 1
        })
    }
}

/// A condition over the columns of a layer: traits, counts, and the segments of lower layers.
#[derive(Debug)]
pub(super) struct Compiled {
    pub expr: Expr,
    /// The traits that it reads.
    pub traits: BTreeSet<String>,
    /// The segments that it refers to.
    pub segments: BTreeSet<String>,
}

pub(super) fn compile(
    condition: &Condition,
    entity: &Entity,
    scans: &mut Scans<'_>,
    counts: &mut Counts,
    named: &Named,
) -> Compiled {
    let mut compiler = Compiler { entity, scans, counts, named, traits: BTreeSet::new(), segments: BTreeSet::new() };
    let expr = compiler.expr(condition);
    Compiled { expr, traits: compiler.traits, segments: compiler.segments }
}

struct Compiler<'a, 'b> {
    entity: &'a Entity,
    scans: &'a mut Scans<'b>,
    counts: &'a mut Counts,
    named: &'a Named,
    traits: BTreeSet<String>,
    segments: BTreeSet<String>,
}

impl Compiler<'_, '_> {
    fn expr(&mut self, condition: &Condition) -> Expr {
        match condition {
            Condition::Trait { name, test } => {
                self.traits.insert(name.clone());
                let ty = self.entity.traits.iter().find(|t| t.name == *name).map_or(&SqlType::Unknown, |t| &t.ty);
                passes(col(name), ty, test)
            }
            Condition::Did { rows, at_least, at_most } => {
                let slot = count_rows_of(self.scans, rows);
                let count = col(&self.named.count(self.counts.add(slot)));
                bounds(&count, *at_least, *at_most)
            }
            Condition::Segment(name) => {
                self.segments.insert(name.clone());
                col(&self.named.segment(name))
            }
            Condition::All(parts) => and(parts.iter().map(|c| self.expr(c)).collect::<Vec<_>>()),
            Condition::Any(parts) => or(parts.iter().map(|c| self.expr(c)).collect::<Vec<_>>()),
            Condition::Not(part) => not(self.expr(part)),
            Condition::Sql(expr) => {
                self.traits.extend(crate::sql::columns_in(expr));
                is_true(expr.clone())
            }
        }
    }
}

/// Whether a number, which is never null, lies within bounds.
fn bounds(count: &Expr, at_least: u64, at_most: Option<u64>) -> Expr {
    let low = (at_least > 0).then(|| binary(count.clone(), BinaryOperator::GtEq, int(at_least)));
    let high = at_most.map(|n| binary(count.clone(), BinaryOperator::LtEq, int(n)));
    and(low.into_iter().chain(high))
}

fn passes(value: Expr, ty: &SqlType, test: &Test) -> Expr {
    let literal = |to: &Literal| literal_of(ty, to);
    let compare = |op, to: &Literal| is_true(binary(value.clone(), op, literal(to)));
    match test {
        Test::Eq(to) => compare(BinaryOperator::Eq, to),
        Test::Ne(to) => compare(BinaryOperator::NotEq, to),
        Test::Gt(to) => compare(BinaryOperator::Gt, to),
        Test::Gte(to) => compare(BinaryOperator::GtEq, to),
        Test::Lt(to) => compare(BinaryOperator::Lt, to),
        Test::Lte(to) => compare(BinaryOperator::LtEq, to),
        Test::Between(low, high) => is_true(between(value, literal(low), literal(high))),
        Test::In(list) => is_true(in_list(value, list.iter().map(literal).collect(), false)),
        Test::NotIn(list) => is_true(in_list(value, list.iter().map(literal).collect(), true)),
        Test::Like(pattern) => is_true(Expr::Like {
            negated: false,
            any: false,
            expr: Box::new(value),
            pattern: Box::new(text(pattern)),
            escape_char: None,
        }),
        Test::IsNull(true) => is_null(value),
        Test::IsNull(false) => is_not_null(value),
        Test::Contains(part) => match ty {
            SqlType::List(item) => is_true(Expr::AnyOp {
                left: Box::new(literal_of(item, part)),
                compare_op: BinaryOperator::Eq,
                right: Box::new(value),
                is_some: false,
            }),
            _ => is_true(binary(call("strpos", vec![value, literal(part)]), BinaryOperator::Gt, int(0))),
        },
    }
}

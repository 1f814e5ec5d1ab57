//! Which records are compared.
//!
//! A pair is found by the first rule in which its records agree, and by none after it. What rules join by are columns of the
//! records' table, in which keys are null that too many records share: such a key finds no pair, and does not keep a later rule from
//! finding it.

use std::ops::ControlFlow;

use kinfold_lang::project::{BlockOn, Blocking, Match, MatchPairs};
use kinfold_sql::each_expr_mut;
use sqlparser::ast::{BinaryOperator, Expr, Query};

use super::records::{FRESH, ID, PART};
use crate::sql::{
    Aggregate, Select, Stages, and, binary, boolean, call, case, cast_big_int, cast_text, coalesce, col, col_of,
    concat, count_rows, eq, int, is_not_null, kinfold, not, null, or, relation, text, union_all,
};

/// What a rule joins records by.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    rule: usize,
    /// Columns of the records' table that both records have the same value in, and the SQL over a record's columns that they hold.
    pub(super) same: Vec<(String, Expr)>,
    /// Columns of one record that are equal to columns of the other.
    crossed: Vec<[(String, Expr); 2]>,
    /// The whole condition of a rule that says it as SQL over two records.
    condition: Option<Expr>,
}

/// The keys of a rule, by its number.
pub(super) fn keys(rule: usize, blocking: &Blocking) -> Keys {
    let name = |i: usize| format!("_key_{rule}_{i}");
    match &blocking.on {
        BlockOn::Keys(keys) => {
            let same = keys.iter().enumerate().map(|(i, key)| (column_of(key).unwrap_or_else(|| name(i)), key.clone()));
            Keys { rule, same: same.collect(), crossed: vec![], condition: None }
        }
        BlockOn::Where(condition) => {
            let (mut same, mut crossed) = (vec![], vec![]);
            for (i, [l, r]) in equalities(condition).into_iter().enumerate() {
                if l == r {
                    same.push((column_of(&l).unwrap_or_else(|| name(i)), l));
                } else {
                    crossed.push([(format!("{}_l", name(i)), l), (format!("{}_r", name(i)), r)]);
                }
            }
            Keys { rule, same, crossed, condition: Some(condition.clone()) }
        }
    }
}

/// The column that a key is, if it is one as it stands.
fn column_of(key: &Expr) -> Option<String> {
    match key {
        Expr::Identifier(ident) => Some(ident.value.clone()),
        _ => None,
    }
}

impl Keys {
    /// Every column that it adds to the records' table.
    pub(super) fn added(&self) -> impl Iterator<Item = &(String, Expr)> {
        let same = self.same.iter().filter(|(_, key)| column_of(key).is_none());
        same.chain(self.crossed.iter().flatten())
    }

    /// The column that holds whether too many records share the key. None where columns of one record are held against others of the
    /// other: how many pairs that makes, one side does not tell.
    pub(super) fn common_column(&self) -> Option<String> {
        self.crossed.is_empty().then(|| format!("_common_{}", self.rule))
    }

    /// The keys that more records have than `most`: a few, mostly none.
    pub(super) fn common(&self, stage: &str, most: u64) -> Query {
        let names = || self.same.iter().map(|(name, _)| name.as_str());
        let is_common = binary(count_rows().build(), BinaryOperator::Gt, int(most));
        Select::from_stage(stage).columns(names()).filter(self.present()).group_by(names()).having(is_common).query()
    }

    fn present(&self) -> Vec<Expr> {
        self.same.iter().map(|(name, _)| is_not_null(col(name))).collect()
    }

    /// Whether two records agree in it; null where a value is missing.
    fn agree(&self) -> Expr {
        let same = self.same.iter().map(|(name, _)| eq(col_of("l", name), col_of("r", name)));
        let crossed = self.crossed.iter().map(|[l, r]| eq(col_of("l", &l.0), col_of("r", &r.0)));
        let rare = self.common_column().map(|common| not(col_of("l", &common)));
        and(same.chain(crossed).chain(self.condition.clone()).chain(rare))
    }
}

/// The equalities of two records that a condition demands, each as SQL over one record's columns: of `l`, and of `r`.
fn equalities(condition: &Expr) -> Vec<[Expr; 2]> {
    match condition {
        Expr::Nested(inner) => equalities(inner),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            equalities(left).into_iter().chain(equalities(right)).collect()
        }
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
            let sides = [of_one(left), of_one(right)];
            match sides {
                [Some((a, one)), Some((b, other))] if a == "l" && b == "r" => vec![[one, other]],
                [Some((a, one)), Some((b, other))] if a == "r" && b == "l" => vec![[other, one]],
                _ => vec![],
            }
        }
        _ => vec![],
    }
}

/// The record that an expression reads, if it is one, and the expression over that record's columns.
fn of_one(expr: &Expr) -> Option<(String, Expr)> {
    let mut sides = std::collections::BTreeSet::new();
    let mut expr = expr.clone();
    let _ = each_expr_mut(&mut expr, |part| {
        if let Expr::CompoundIdentifier(parts) = part {
            sides.insert(parts.remove(0).value);
            if parts.len() == 1 {
                *part = Expr::Identifier(parts.remove(0));
            }
        }
        ControlFlow::Continue(())
    });
    let side = sides.pop_first()?;
    sides.is_empty().then_some((side, expr))
}

/// Which of the pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    All,
    /// Those of which a record is fresh.
    Fresh,
}

/// What the pairs of several rules have, without those of the rules before each: `items` of two records, `l` and `r`. `first`: the
/// number of the first rule, by which the records' table names its keys.
pub(super) fn pairs(
    records: &str,
    matching: &Match,
    first: usize,
    blocking: &[Blocking],
    items: &[(Expr, String)],
    which: Which,
) -> Vec<Query> {
    let keys: Vec<Keys> = blocking.iter().zip(first..).map(|(blocking, rule)| keys(rule, blocking)).collect();
    let queries = keys.iter().enumerate().map(|(rule, own)| {
        let earlier = keys[..rule].iter().map(|earlier| not(coalesce(vec![earlier.agree(), boolean(false)])));
        let all = Select::from(kinfold(records, "l"))
            .items(items.iter().cloned())
            .join(kinfold(records, "r"), and([own.agree(), ordered(matching)].into_iter().chain(earlier)));
        match which {
            Which::All => all.query(),
            Which::Fresh => {
                let fresh = |side: &str| col_of(side, FRESH);
                // Two joins with few records on one side, and not one with all of them on both.
                let halves = [vec![fresh("l")], vec![not(fresh("l")), fresh("r")]];
                let halves = halves.map(|half| all.clone().filter(half).query());
                union_all(halves).expect("there are two")
            }
        }
    });
    queries.collect()
}

/// The number of the first rule in which two records, `l` and `r`, agree; null if there is none.
pub(super) fn rule_of(blocking: &[Blocking]) -> Expr {
    let rules = blocking.iter().enumerate().map(|(rule, blocking)| (keys(rule, blocking).agree(), int(rule as i128)));
    let rules: Vec<_> = rules.collect();
    if rules.is_empty() { cast_big_int(null()) } else { case(rules, Some(null())) }
}

/// Whether two records are a pair to compare, and are so in this order.
pub(super) fn ordered(matching: &Match) -> Expr {
    let part = |side: &str| col_of(side, PART);
    let id = |side: &str, i: usize| col_of(side, ID[i]);
    let before = binary(part("l"), BinaryOperator::Lt, part("r"));
    let smaller = and([eq(part("l"), part("r")), binary(id("l", 1), BinaryOperator::Lt, id("r", 1))]);
    let is_same_record = and([eq(id("l", 0), id("r", 0)), eq(id("l", 1), id("r", 1))]);
    match matching.pairs {
        MatchPairs::Within => smaller,
        MatchPairs::Across => and([before, not(is_same_record)]),
        MatchPairs::All if matching.tables.len() == 1 => smaller,
        MatchPairs::All => and([or([before, smaller]), not(is_same_record)]),
    }
}

/// How many pairs each rule finds at most, those of other rules included: `rule`, `pairs`, `worst`, the value that most pairs agree
/// in, and `worst_pairs`.
pub(crate) fn bound(records: &str, blocking: &[Blocking]) -> Option<Query> {
    let mut stages = Stages::default();
    let mut queries = vec![];
    for (rule, (keys, blocking)) in blocking.iter().enumerate().map(|(i, b)| (i, (keys(i, b), b))) {
        let counted = |side: usize| {
            let crossed = keys.crossed.iter().map(|pair| &pair[side].0);
            let names: Vec<&str> = keys.same.iter().map(|(name, _)| name).chain(crossed).map(String::as_str).collect();
            let as_keys = names.iter().enumerate().map(|(i, name)| (col(name), format!("_k{i}")));
            let present = names.iter().map(|name| is_not_null(col(name)));
            let rare = keys.common_column().map(|common| not(col(&common)));
            Select::from(kinfold(records, "r"))
                .items(as_keys)
                .item(count_rows().build(), "_n")
                .filter(present.chain(rare))
                .group_by(names.iter().copied())
                .query()
        };
        let width = keys.same.len() + keys.crossed.len();
        let [l, r] = [0, 1].map(|side| format!("counted_{rule}_{side}"));
        let name = |i: usize| format!("_k{i}");
        stages.add(&l, counted(0));
        let n = |stage: &str| col_of(stage, "_n");
        let minus_one = binary(n(&l), BinaryOperator::Minus, int(1));
        let blocks = if keys.crossed.is_empty() {
            let ordered = binary(binary(n(&l), BinaryOperator::Multiply, minus_one), BinaryOperator::Divide, int(2));
            Select::from_stage(&l).item(ordered, "_pairs")
        } else {
            stages.add(&r, counted(1));
            let same = (0..width).map(|i| eq(col_of(&l, &name(i)), col_of(&r, &name(i))));
            Select::from_stage(&l)
                .join(relation(None, &r, None), and(same))
                .item(binary(n(&l), BinaryOperator::Multiply, n(&r)), "_pairs")
        };
        let words = (0..width).map(|i| coalesce(vec![cast_text(col_of(&l, &name(i))), text("")]));
        let words = words.reduce(|words, word| concat([words, text(", "), word])).unwrap_or_else(|| text(""));
        let blocks_name = format!("blocks_{rule}");
        stages.add(&blocks_name, blocks.item(words, "_words").query());
        let worst = Aggregate::last(col("_words"), col("_pairs")).build();
        let sum =
            |column: &str, function: &str| coalesce(vec![cast_big_int(call(function, vec![col(column)])), int(0)]);
        let summed = Select::from_stage(&blocks_name)
            .item(text(&blocking.label), "rule")
            .item(sum("_pairs", "sum"), "pairs")
            .item(worst, "worst")
            .item(sum("_pairs", "max"), "worst_pairs");
        queries.push(summed.query());
    }
    union_all(queries).map(|query| stages.finish(query))
}

//! Which records are compared.
//!
//! A pair is found by the first rule in which its records agree, and by none after it. What rules join by are numbers: those of the
//! table of keys, in which a number is null that too many records share: it finds no pair, and does not keep a later rule from finding
//! it. Of what is compared nothing is read here.

use std::ops::ControlFlow;

use kinfold_lang::project::{BlockOn, Blocking, Entity, Match, MatchPairs};
use kinfold_sql::each_expr_mut;
use sqlparser::ast::{BinaryOperator, Expr, Query};

use super::records::{FRESH, ID, PART, ROW, frequencies};
use super::{blocks_table, keys_table, records_table};
use crate::sql::{
    Aggregate, Select, Stages, and, binary, boolean, call, case, cast_big_int, cast_text, coalesce, col, col_of,
    columns_in, concat, count_rows, eq, int, is_not_null, kinfold, not, null, or, relation, text, union_all,
};

/// What a rule joins records by.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    rule: usize,
    /// SQL over a record's columns, of which both records have the same values.
    same: Vec<Expr>,
    /// Columns of one record that are equal to columns of the other.
    crossed: Vec<[(String, Expr); 2]>,
    /// What else a rule demands that says it as SQL over two records.
    conditions: Vec<Expr>,
}

/// The keys of a rule, by its number.
pub(super) fn keys(rule: usize, blocking: &Blocking) -> Keys {
    let mut keys = Keys { rule, same: vec![], crossed: vec![], conditions: vec![] };
    match &blocking.on {
        BlockOn::Keys(same) => keys.same.clone_from(same),
        BlockOn::Where(condition) => {
            let parts = conjuncts(condition).into_iter().enumerate();
            for (i, part) in parts {
                let name = |side: &str| format!("_key_{rule}_{i}_{side}");
                match equality(part) {
                    Some([l, r]) if l == r => keys.same.push(l),
                    Some([l, r]) => keys.crossed.push([(name("l"), l), (name("r"), r)]),
                    None => keys.conditions.push(part.clone()),
                }
            }
        }
    }
    keys
}

/// The column of the table of blocks that holds a key.
pub(super) const BLOCK: &str = "_key";
/// Of which rule a block is.
const RULE: &str = "_rule";
/// How many records are in a block.
const COUNT: &str = "_n";

impl Keys {
    /// A number that records share which agree in all that both must have alike; null where a value is missing. Two records may share
    /// it by chance, about once in 2^64 pairs: they are compared as others are.
    pub(super) fn number(&self) -> Option<Expr> {
        (!self.same.is_empty()).then(|| call("kinfold_key", self.same.clone()))
    }

    /// The column that holds it.
    pub(super) fn column(&self) -> String {
        format!("_key_{}", self.rule)
    }

    /// Each column of one record that must be equal to one of the other.
    pub(super) fn crossed(&self) -> impl Iterator<Item = &(String, Expr)> {
        self.crossed.iter().flatten()
    }

    /// Which of [`Match::columns`] are looked at when records are joined.
    pub(super) fn read<'m>(&self, matching: &'m Match) -> impl Iterator<Item = &'m str> {
        let read: Vec<String> = self.conditions.iter().flat_map(columns_in).collect();
        matching.columns.iter().map(|column| column.name.as_str()).filter(move |name| read.iter().any(|r| r == name))
    }

    /// Whether a number may be shared by too many. Not where columns of one record are held against others of the other: how many
    /// pairs that makes, one side does not tell.
    pub(super) fn is_counted(&self) -> bool {
        self.crossed.is_empty()
    }

    /// The numbers that more records share than `most`: a few, mostly none.
    pub(super) fn common(&self, entity: &Entity, most: u64) -> Query {
        self.common_blocks(entity, most).column(BLOCK).query()
    }

    fn common_blocks(&self, entity: &Entity, most: u64) -> Select {
        let is_common = binary(col(COUNT), BinaryOperator::Gt, int(most));
        Select::from(kinfold(&blocks_table(entity), "b")).filter([self.is_of(), is_common])
    }

    /// Whether a block is of this rule.
    fn is_of(&self) -> Expr {
        eq(col(RULE), int(self.rule as i128))
    }

    /// Whether two records agree in it; null where a value is missing.
    fn agree(&self) -> Expr {
        let name = self.column();
        let same = (!self.same.is_empty()).then(|| eq(col_of("l", &name), col_of("r", &name)));
        let crossed = self.crossed.iter().map(|[l, r]| eq(col_of("l", &l.0), col_of("r", &r.0)));
        and(same.into_iter().chain(crossed).chain(self.conditions.clone()))
    }

    /// Whether two records can agree in it at all: without it engines may hold those that cannot, too.
    fn present(&self) -> impl Iterator<Item = Expr> {
        let same = (!self.same.is_empty()).then(|| self.column());
        let same = same.into_iter().flat_map(|name| ["l", "r"].map(|side| is_not_null(col_of(side, &name))));
        let crossed = self.crossed.iter().flat_map(|[l, r]| [col_of("l", &l.0), col_of("r", &r.0)]);
        same.chain(crossed.map(is_not_null))
    }
}

/// How many records agree in what rules say, where more than one does: `_rule`, `_key`, `_n`.
pub(super) fn blocks(entity: &Entity, keys: &[Keys]) -> Option<Query> {
    let counted = keys.iter().filter(|keys| keys.is_counted()).map(|keys| {
        let name = keys.column();
        Select::from(kinfold(&records_table(entity), "r"))
            .item(int(keys.rule as i128), RULE)
            .item(col(&name), BLOCK)
            .item(count_rows().build(), COUNT)
            .filter([is_not_null(col(&name))])
            .group_by([name.as_str()])
            .having(binary(count_rows().build(), BinaryOperator::Gt, int(1)))
            .query()
    });
    union_all(counted)
}

/// All that must hold of two records.
fn conjuncts(condition: &Expr) -> Vec<&Expr> {
    match condition {
        Expr::Nested(inner) => conjuncts(inner),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            conjuncts(left).into_iter().chain(conjuncts(right)).collect()
        }
        other => vec![other],
    }
}

/// If a condition is an equality of two records, SQL over one record's columns: of `l`, and of `r`.
fn equality(condition: &Expr) -> Option<[Expr; 2]> {
    let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = condition else { return None };
    let ((a, one), (b, other)) = (of_one(left)?, of_one(right)?);
    match (a.as_str(), b.as_str()) {
        ("l", "r") => Some([one, other]),
        ("r", "l") => Some([other, one]),
        _ => None,
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
    /// Those of one record in so many: the first of the two decides. Always the same ones.
    OneIn(u64),
}

/// The numbers of two records, in the order in which they are compared.
pub(super) const ROWS: [&str; 2] = ["_row_l", "_row_r"];

/// What is known of two records, `l` and `r` of the table of keys: their numbers, and with `has_frequencies` how frequent values are.
pub(super) fn found(matching: &Match, has_frequencies: bool) -> Vec<(Expr, String)> {
    let rows = ["l", "r"].into_iter().zip(ROWS).map(|(side, name)| (col_of(side, ROW), name.to_owned()));
    let frequencies = frequencies(matching).into_iter().filter(|_| has_frequencies);
    rows.chain(frequencies.map(|name| (col_of("l", &name), name))).collect()
}

/// What the pairs of several rules have, without those of the rules before each: `items` of two records, `l` and `r` of the table of
/// keys. `first`: the number of the first rule, by which that table names its columns.
pub(super) fn pairs(
    entity: &Entity,
    matching: &Match,
    first: usize,
    blocking: &[Blocking],
    items: &[(Expr, String)],
    which: Which,
) -> Vec<Query> {
    let keys: Vec<Keys> = blocking.iter().zip(first..).map(|(blocking, rule)| keys(rule, blocking)).collect();
    let table = keys_table(entity);
    let queries = keys.iter().enumerate().map(|(rule, own)| {
        let earlier = keys[..rule].iter().map(|earlier| not(coalesce(vec![earlier.agree(), boolean(false)])));
        let is_pair = own.present().chain([own.agree(), ordered(matching)]).chain(earlier);
        let all =
            Select::from(kinfold(&table, "l")).items(items.iter().cloned()).join(kinfold(&table, "r"), and(is_pair));
        match which {
            Which::All | Which::OneIn(0 | 1) => all.query(),
            Which::OneIn(many) => {
                let key = call("kinfold_key", ID.map(|id| col_of("l", id)).to_vec());
                all.filter([eq(binary(key, BinaryOperator::Modulo, int(many)), int(0))]).query()
            }
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
    let is_less = binary(id("l", 1), BinaryOperator::Lt, id("r", 1));
    let smaller = and([eq(part("l"), part("r")), is_less.clone()]);
    let is_same_record = and([eq(id("l", 0), id("r", 0)), eq(id("l", 1), id("r", 1))]);
    match matching.pairs {
        MatchPairs::Within | MatchPairs::All if matching.tables.len() == 1 => is_less,
        MatchPairs::Within => smaller,
        MatchPairs::Across => and([before, not(is_same_record)]),
        MatchPairs::All => and([or([before, smaller]), not(is_same_record)]),
    }
}

/// How many pairs each rule finds at most, those of other rules included: `rule`, `pairs`, `worst`, the value that most pairs agree
/// in, and `worst_pairs`. `first`: the number of the first rule.
pub(crate) fn bound(entity: &Entity, matching: &Match, first: usize, blocking: &[Blocking]) -> Option<Query> {
    let mut stages = Stages::default();
    let mut queries = vec![];
    for (rule, blocking) in (first..).zip(blocking) {
        let keys = keys(rule, blocking);
        let (blocks, summed, told) = (format!("blocks_{rule}"), format!("summed_{rule}"), format!("told_{rule}"));
        let counted = if keys.is_counted() {
            keys.counted(entity, matching.max_block)
        } else {
            keys.counted_crossed(entity, &mut stages)
        };
        stages.add(&blocks, counted);
        let number = |function: &str| coalesce(vec![cast_big_int(call(function, vec![col("_pairs")])), int(0)]);
        let sums = Select::from_stage(&blocks)
            .item(number("sum"), "_all")
            .item(Aggregate::last(col("_words"), col("_pairs")).build(), "_words")
            .item(number("max"), "_most");
        stages.add(&summed, sums.query());
        let mut stage = &summed;
        if keys.is_counted() {
            // A block is named by a number; what it stands for any of its records tells.
            let is_of = eq(col_of("r", &keys.column()), col_of(&summed, "_words"));
            let one = Select::from_stage(&summed)
                .left_join(kinfold(&records_table(entity), "r"), is_of)
                .columns(["_all", "_most"])
                .item(Aggregate::new("min", vec![words(keys.same.iter().cloned())]).build(), "_words")
                .group_by(["_all", "_most"]);
            stages.add(&told, one.query());
            stage = &told;
        }
        let one = Select::from_stage(stage)
            .item(text(&blocking.label), "rule")
            .item(col("_all"), "pairs")
            .item(col("_words"), "worst")
            .item(col("_most"), "worst_pairs");
        queries.push(one.query());
    }
    union_all(queries).map(|query| stages.finish(query))
}

/// See [`common_blocks`](super::common_blocks). `first`: the number of the first rule.
pub(super) fn common(entity: &Entity, matching: &Match, first: usize, blocking: &[Blocking]) -> Option<Query> {
    let rules = (first..).zip(blocking).map(|(rule, blocking)| (keys(rule, blocking), blocking));
    let counted = rules.filter(|(keys, _)| keys.is_counted());
    union_all(counted.map(|(keys, blocking)| {
        let blocks = keys.common_blocks(entity, matching.max_block);
        let most = cast_big_int(call("max", vec![col(COUNT)]));
        blocks.item(text(&blocking.label), "rule").item(count_rows().build(), "blocks").item(most, "records").query()
    }))
}

impl Keys {
    /// Blocks: `_pairs`, and `_words`, the number that their records share.
    fn counted(&self, entity: &Entity, most: u64) -> Query {
        let minus_one = binary(col(COUNT), BinaryOperator::Minus, int(1));
        let ordered = binary(binary(col(COUNT), BinaryOperator::Multiply, minus_one), BinaryOperator::Divide, int(2));
        let is_rare = binary(col(COUNT), BinaryOperator::LtEq, int(most));
        Select::from(kinfold(&blocks_table(entity), "b"))
            .item(ordered, "_pairs")
            .item(col(BLOCK), "_words")
            .filter([self.is_of(), is_rare])
            .query()
    }

    /// As [`Self::counted`], where columns of one record are held against others of the other: `_words` are their values.
    fn counted_crossed(&self, entity: &Entity, stages: &mut Stages) -> Query {
        let rule = self.rule;
        let name = |i: usize| format!("_k{i}");
        let counted = |side: usize| {
            let crossed = self.crossed.iter().map(|pair| pair[side].0.clone());
            let names: Vec<String> =
                (!self.same.is_empty()).then(|| self.column()).into_iter().chain(crossed).collect();
            let present = names.iter().map(|name| is_not_null(col(name)));
            Select::from(kinfold(&keys_table(entity), "r"))
                .items(names.iter().enumerate().map(|(i, own)| (col(own), name(i))))
                .item(count_rows().build(), COUNT)
                .filter(present)
                .group_by(names.iter().map(String::as_str))
                .query()
        };
        let [l, r] = [0, 1].map(|side| {
            let stage = format!("counted_{rule}_{side}");
            stages.add(&stage, counted(side));
            stage
        });
        let shared = usize::from(!self.same.is_empty());
        let width = shared + self.crossed.len();
        let same = (0..width).map(|i| eq(col_of(&l, &name(i)), col_of(&r, &name(i))));
        Select::from_stage(&l)
            .join(relation(None, &r, None), and(same))
            .item(binary(col_of(&l, COUNT), BinaryOperator::Multiply, col_of(&r, COUNT)), "_pairs")
            .item(words((shared..width).map(|i| col_of(&l, &name(i)))), "_words")
            .query()
    }
}

/// Values as one text.
fn words(values: impl Iterator<Item = Expr>) -> Expr {
    let words = values.map(|value| coalesce(vec![cast_text(value), text("")]));
    words.reduce(|words, word| concat([words, text(", "), word])).unwrap_or_else(|| text(""))
}

//! What a model is learned from: counts, never pairs.

use kinfold_lang::project::{Blocking, Comparison, Entity, Match, MatchPairs};
use sqlparser::ast::{BinaryOperator, Query};

use super::levels::{add_pairs_of_table, carried, patterns};
use super::pairs::{ROWS, Which, bound, common, found, ordered, pairs};
use super::records::{ID, PART, records};
use super::{passes_table, records_table};
use crate::sql::{Select, Sort, Stages, binary, call, col, col_of, count_rows, eq, int, kinfold, text, union_all};
use crate::step::{KeepTable, Output};

/// The queries by which a model is learned.
///
/// Those of pairs give the level of each comparison, `_level_0`, `_level_1` and so on, counted from 0 and null where a value is
/// missing, and `pairs`: how many are at these levels.
#[derive(Debug, Clone)]
pub struct Training {
    /// Make the tables that the other queries read, in this order.
    pub tables: Vec<(Output, Query)>,
    /// `part`, `records`: how many records each table has.
    pub sizes: Query,
    /// `pairs`: how many agree in what only matching pairs agree in. None where nothing is said of it.
    pub certain: Option<Query>,
    /// `rule`, `pairs`, `worst`, `worst_pairs`: how many pairs each rule finds at most.
    pub bound: Option<Query>,
    /// As `bound`, of what is certain.
    pub certain_bound: Option<Query>,
    /// `rule`, `blocks`, `records`: what more records agree in than `match.max_block`, for each rule.
    pub common: Option<Query>,
}

/// The pairs that are learned from: found by each pass on its own, and compared in one go.
#[derive(Debug, Clone)]
pub struct Passes {
    pub all: Vec<Pass>,
    /// Makes the table that `patterns` reads.
    pub found: (Output, Query),
    /// Of which pass, as [`PASS`], and at which levels how many pairs are.
    pub patterns: Query,
}

/// Pairs that agree in something.
#[derive(Debug, Clone)]
pub struct Pass {
    pub name: String,
    /// For each comparison whether what the pairs agree in leaves it open.
    pub learns: Vec<bool>,
    /// It learns from the pairs of one record in so many.
    pub one_in: u64,
}

/// The column that holds of which pass pairs are, an index into [`Passes::all`].
pub const PASS: &str = "_pass";

/// How an entity's `match` is learned.
#[must_use]
pub fn training(entity: &Entity, matching: &Match) -> Training {
    let table = records_table(entity);
    let learned_from = &matching.training.block_on;
    let all: Vec<Blocking> = learned_from.iter().chain(&matching.training.certain).cloned().collect();
    let rows = found(matching, false);
    let certain = &matching.training.certain;
    let certain = union_all(pairs(entity, matching, learned_from.len(), certain, &rows, Which::All));
    Training {
        tables: records(entity, matching, &all, false, None),
        sizes: Select::from(kinfold(&table, "r"))
            .item(col(PART), "part")
            .item(count_rows().build(), "records")
            .group_by([PART])
            .query(),
        certain: certain.map(|pairs| {
            let mut stages = Stages::default();
            stages.add("pairs", pairs);
            stages.finish(Select::from_stage("pairs").item(count_rows().build(), "pairs").query())
        }),
        bound: bound(entity, matching, 0, learned_from),
        certain_bound: bound(entity, matching, learned_from.len(), &matching.training.certain),
        common: common(entity, matching, 0, &all),
    }
}

/// How many pairs those passes find that may find more than are learned from: [`PASS`], `pairs`. `bounds`: how many each finds at most,
/// as [`Training::bound`] tells; that may be many times more than it does, where only pairs across tables are compared, or a rule asks
/// for more than an equality. Where even counting would make more than `max_pairs`, those of a part of the records are counted.
#[must_use]
pub fn pass_sizes(entity: &Entity, matching: &Match, bounds: &[u64]) -> Option<Query> {
    let mut stages = Stages::default();
    let mut counts = vec![];
    for (rule, (blocking, bound)) in matching.training.block_on.iter().zip(bounds).enumerate() {
        if *bound <= matching.training.pass_pairs {
            continue;
        }
        let one_in = bound.div_ceil(matching.max_pairs).max(1);
        let items = [(int(rule as i128), PASS.to_owned())];
        let blocking = std::slice::from_ref(blocking);
        let stage = format!("of_pass_{rule}");
        stages.add(&stage, union_all(pairs(entity, matching, rule, blocking, &items, Which::OneIn(one_in)))?);
        let all = binary(count_rows().build(), BinaryOperator::Multiply, int(one_in));
        counts.push(Select::from_stage(&stage).item(int(rule as i128), PASS).item(all, "pairs").query());
    }
    Some(stages.finish(union_all(counts)?))
}

/// The pairs to learn from; none where nothing is said of them. `sizes`: how many pairs each pass finds; of many, a part is drawn.
#[must_use]
pub fn passes(entity: &Entity, matching: &Match, sizes: &[u64]) -> Option<Passes> {
    let learned_from = &matching.training.block_on;
    let one_in = |rule: usize| sizes.get(rule).map_or(1, |pairs| pairs.div_ceil(matching.training.pass_pairs).max(1));
    let pass = |(rule, blocking): (usize, &Blocking)| {
        let is_open = |comparison: &Comparison| {
            !comparison.columns(matching).iter().any(|column| blocking.columns.contains(column))
        };
        let learns = matching.comparisons.iter().map(is_open).collect();
        Pass { name: blocking.label.clone(), learns, one_in: one_in(rule) }
    };
    let of_pass = |(rule, blocking): (usize, &Blocking)| {
        let items = found(matching, false).into_iter().chain([(int(rule as i128), PASS.to_owned())]);
        let items: Vec<_> = items.collect();
        // Under its own number, as the table of keys has it; what another pass finds, too, counts in both.
        pairs(entity, matching, rule, std::slice::from_ref(blocking), &items, Which::OneIn(one_in(rule)))
    };
    let query = union_all(learned_from.iter().enumerate().flat_map(of_pass))?;
    let output = Output { name: passes_table(entity), keep: KeepTable::Scratch };
    let mut stages = Stages::default();
    let rows = Select::from(kinfold(&output.name, "p")).columns(ROWS).column(PASS);
    stages.add("found", rows.query());
    let also = [PASS.to_owned()];
    add_pairs_of_table(&mut stages, entity, matching, &also);
    let patterns = patterns(matching, stages, &also);
    Some(Passes { all: learned_from.iter().enumerate().map(pass).collect(), found: (output, query), patterns })
}

/// In so many parts random pairs are made, so that engines do it on several threads: a join by inequality is one piece of work.
const SLICES: u32 = 8;
/// The part that a drawn record is of.
const SLICE: &str = "_slice";

/// Records drawn at random, so many of each table, always the same ones: the table of them, and the query that makes it.
#[must_use]
pub fn draw(entity: &Entity, samples: &[u64]) -> (Output, Query) {
    let table = records_table(entity);
    let hash = || call("kinfold_row_hash", ID.map(col).to_vec());
    let of_part = |(part, count): (usize, &u64)| {
        let draw = Select::from(kinfold(&table, "r"))
            .all_of("r")
            .filter([eq(col(PART), int(part as i128))])
            .order_by(vec![Sort::up(hash()), Sort::up(col(ID[1]))])
            .limit(u32::try_from(*count).unwrap_or(u32::MAX));
        (format!("draw_{part}"), draw.query())
    };
    let mut stages = Stages::default();
    let mut names = vec![];
    for (name, draw) in samples.iter().enumerate().map(of_part) {
        stages.add(&name, draw);
        names.push(name);
    }
    let digit = call("strpos", vec![text("0123456789abcdef"), call("right", vec![hash(), int(1)])]);
    let slice = binary(digit, BinaryOperator::Modulo, int(SLICES));
    let all = names.iter().map(|name| Select::from_stage(name).all_of(name).item(slice.clone(), SLICE).query());
    let query = stages.finish(union_all(all).expect("checking refuses a match without tables"));
    (Output { name: drawn_table(entity), keep: KeepTable::Scratch }, query)
}

fn drawn_table(entity: &Entity) -> String {
    format!("_{}_drawn", entity.name)
}

/// All pairs of the records that [`draw`] has drawn, as they are counted for [`Training`].
#[must_use]
pub fn random_pairs(entity: &Entity, matching: &Match) -> Query {
    let table = drawn_table(entity);
    let slices = (0..SLICES).map(|slice| {
        Select::from(kinfold(&table, "l"))
            .items(carried(matching))
            .join(kinfold(&table, "r"), ordered(matching))
            .filter([eq(col_of("l", SLICE), int(slice))])
            .query()
    });
    let mut stages = Stages::default();
    stages.add("pairs", union_all(slices).expect("there are several"));
    patterns(matching, stages, &[])
}

/// How many pairs there are in all, given how many records each table has.
#[must_use]
pub fn all_pairs(matching: &Match, sizes: &[u64]) -> u64 {
    let within = || sizes.iter().map(|n| n.saturating_mul(n.saturating_sub(1)) / 2).sum::<u64>();
    let all: u64 = sizes.iter().sum();
    let every = all.saturating_mul(all.saturating_sub(1)) / 2;
    match matching.pairs {
        MatchPairs::All => every,
        MatchPairs::Within => within(),
        MatchPairs::Across => every.saturating_sub(within()),
    }
}

/// How many records of each table are drawn, so that about as many pairs come of them as are wanted.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "about as many as are wanted, and never more than there are"
)]
pub fn samples(matching: &Match, sizes: &[u64]) -> Vec<u64> {
    let all = all_pairs(matching, sizes) as f64;
    let share = (matching.training.random_pairs as f64 / all.max(1.0)).sqrt().min(1.0);
    sizes.iter().map(|n| ((*n as f64 * share).ceil() as u64).min(*n)).collect()
}

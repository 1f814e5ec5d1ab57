//! Segments: all of an entity's in one pass over its profiles, and who entered and left since the last run.

mod condition;
mod layers;

use std::collections::{BTreeMap, BTreeSet};

use kinfold_base::{SqlType, Timestamp};
use kinfold_lang::project::{Entity, EntityTable, Segment, Top, TopCount};
use sqlparser::ast::{BinaryOperator, Expr, Query};

use crate::sql::{
    Aggregate, Select, Sort, Stages, and, array, binary, boolean, call, case, cast_text, coalesce, col, col_of,
    columns_in, count_rows, eq, finite, instant, int, is_not_null, is_null, kinfold, not, null, number, or, previous,
    text, window,
};
use crate::traits::{Scans, join_scratch, scratch_in};

use condition::{Compiled, Counts, compile};
use layers::{Column, add_layers};

/// Names of columns that stand beside traits, and so must not be a trait's.
#[derive(Debug)]
struct Named {
    prefix: String,
    segments: BTreeMap<String, usize>,
}

impl Named {
    fn new(entity: &Entity, segments: &[&Segment]) -> Self {
        let mut prefix = "_".to_owned();
        while entity.traits.iter().any(|t| t.name.starts_with(&prefix)) {
            prefix.push('_');
        }
        Self { prefix, segments: segments.iter().enumerate().map(|(i, s)| (s.name.clone(), i + 1)).collect() }
    }

    /// How many rows of one kind a profile has.
    fn count(&self, index: usize) -> String {
        format!("{}rows_{}", self.prefix, index + 1)
    }

    /// Whether a profile is in a segment.
    fn segment(&self, name: &str) -> String {
        self.of("in", name)
    }

    fn of(&self, what: &str, segment: &str) -> String {
        format!("{}{what}_{}", self.prefix, self.segments.get(segment).copied().unwrap_or_default())
    }
}

/// Everything that an entity's segments need, before the scratch tables are known in full.
#[derive(Debug)]
pub(crate) struct Members {
    named: Named,
    segments: Vec<String>,
    traits: BTreeSet<String>,
    counts: Counts,
    columns: Vec<Column>,
}

/// Finds what each segment needs of which table. `segments`: all of the entity's, each after those that it refers to.
pub(crate) fn collect(entity: &Entity, segments: &[&Segment], scans: &mut Scans<'_>) -> Members {
    let named = Named::new(entity, segments);
    let mut counts = Counts::default();
    let mut traits = BTreeSet::new();
    let mut columns = vec![];
    for segment in segments {
        let compiled = compile(&segment.condition, entity, scans, &mut counts, &named);
        traits.extend(compiled.traits.iter().cloned());
        traits.extend(segment.top.iter().flat_map(|top| columns_in(&top.by)));
        columns.extend(membership(&named, segment, compiled));
    }
    traits.remove("profile_id");
    Members { named, segments: segments.iter().map(|s| s.name.clone()).collect(), traits, counts, columns }
}

/// Columns that say who is in a segment; the last one is the answer.
fn membership(named: &Named, segment: &Segment, compiled: Compiled) -> Vec<Column> {
    let refers = compiled.segments.iter().chain(&segment.except).map(|name| named.segment(name)).collect();
    let except = segment.except.iter().map(|name| not(col(&named.segment(name))));
    let member = and([compiled.expr].into_iter().chain(except));
    match &segment.top {
        None => vec![Column { name: named.segment(&segment.name), expr: member, needs: refers }],
        Some(top) => best(named, segment, top, member, refers),
    }
}

/// The best of a segment's members: by rank among them, where percent is of their number and rounded up.
fn best(named: &Named, segment: &Segment, top: &Top, member: Expr, mut refers: BTreeSet<String>) -> Vec<Column> {
    let of = |what| named.of(what, &segment.name);
    let (candidate, rank, total) = (of("candidate"), of("rank"), of("total"));
    let mut columns = vec![];
    let by = if let Expr::Identifier(_) = &top.by {
        top.by.clone()
    } else {
        // A column of its own: DataFusion does not find the order of a `CASE` again, once it has sorted by it.
        let by = of("by");
        columns.push(Column { name: by.clone(), expr: finite(top.by.clone(), &top.ty), needs: BTreeSet::new() });
        refers.insert(by.clone());
        col(&by)
    };
    let sort = if top.descending { Sort::down(by.clone()) } else { Sort::up(by.clone()) };
    let among = || vec![col(&candidate)];
    let ranked = window(Aggregate::new("row_number", vec![]), among(), vec![sort, Sort::up(col("profile_id"))]);
    let counted = window(count_rows(), among(), vec![]);
    let needs = |names: &[&String]| names.iter().map(|n| (*n).clone()).collect();
    let column = |name: &String, expr, needs| Column { name: name.clone(), expr, needs };
    columns.push(column(&candidate, and([member, is_not_null(by)]), refers));
    columns.push(column(&rank, ranked, needs(&[&candidate])));
    let within = match &top.count {
        TopCount::Rows(n) => binary(col(&rank), BinaryOperator::LtEq, int(*n)),
        TopCount::Percent(percent) => {
            columns.push(column(&total, counted, needs(&[&candidate])));
            // rank <= ceil(total * percent / 100), in whole numbers: rank - 1 < total * percent / 100.
            let (digits, scale) = whole(percent);
            let before = binary(col(&rank), BinaryOperator::Minus, int(1));
            let before = binary(before, BinaryOperator::Multiply, int(100 * scale));
            binary(before, BinaryOperator::Lt, binary(col(&total), BinaryOperator::Multiply, number(&digits)))
        }
    };
    let inside = and([col(&candidate), within]);
    columns.push(column(&named.segment(&segment.name), inside, needs(&[&candidate, &rank, &total])));
    columns
}

/// A decimal number as a whole one, and by what it was multiplied: `12.5` is 125 and 10.
fn whole(decimal: &str) -> (String, i128) {
    let (before, after) = decimal.split_once('.').unwrap_or((decimal, ""));
    let digits = format!("{before}{after}");
    let digits = digits.trim_start_matches('0');
    let scale = u32::try_from(after.len()).ok().and_then(|n| 10_i128.checked_pow(n)).unwrap_or(1);
    (if digits.is_empty() { "0".to_owned() } else { digits.to_owned() }, scale)
}

impl Members {
    /// The scratch tables that it reads.
    pub(crate) fn scratch(&self, scans: &Scans<'_>) -> Vec<usize> {
        let items = self.counts.items(&self.named);
        scratch_in(&items.iter().map(|(expr, _)| expr).collect::<Vec<_>>(), scans)
    }

    /// `segment`, `profile_id`, `arm`, `entered_at`: one row for each member of each segment.
    pub(crate) fn query(&self, entity: &Entity, scans: &Scans<'_>, as_of: Timestamp) -> Query {
        let mut stages = Stages::default();
        if self.segments.is_empty() {
            let nobody = Select::from(kinfold(&entity.name, "c"))
                .item(cast_text(null()), "segment")
                .item(col_of("c", "profile_id"), "profile_id")
                .filter([boolean(false)]);
            stages.add("members", nobody.query());
        } else {
            self.add_members(&mut stages, entity, scans);
        }
        let table = segments_table(entity);
        let same = and(["segment", "profile_id"].map(|c| eq(col_of("p", c), col_of("members", c))));
        let query = Select::from_stage("members")
            .item(col_of("members", "segment"), "segment")
            .item(col_of("members", "profile_id"), "profile_id")
            .item(cast_text(null()), "arm")
            .item(coalesce(vec![col_of("p", "entered_at"), instant(as_of)]), "entered_at")
            .left_join(previous(&table, "p"), same);
        stages.finish(query.query())
    }

    fn add_members(&self, stages: &mut Stages, entity: &Entity, scans: &Scans<'_>) {
        let base = self.traits.iter().fold(
            Select::from(kinfold(&entity.name, "c")).item(col_of("c", "profile_id"), "profile_id"),
            |select, name| {
                let ty = entity.traits.iter().find(|t| t.name == *name).map_or(&SqlType::Unknown, |t| &t.ty);
                select.item(finite(col_of("c", name), ty), name)
            },
        );
        let base = base.items(self.counts.items(&self.named));
        stages.add("layer_0", join_scratch(base, "c", &self.scratch(scans), scans).query());
        let columns =
            self.columns.iter().map(|c| Column { name: c.name.clone(), expr: c.expr.clone(), needs: c.needs.clone() });
        let uppermost = add_layers(stages, columns.collect());
        let inside = |name: &String| col(&self.named.segment(name));
        let names = self.segments.iter().map(|name| case([(inside(name), text(name))], None)).collect();
        let names = call("array_compact", vec![array(names)]);
        stages.add(
            "matched",
            Select::from_stage(&uppermost)
                .column("profile_id")
                .item(names, "segments")
                .filter([or(self.segments.iter().map(inside))])
                .query(),
        );
        let members = Select::from_stage("matched").item(call("unnest", vec![col("segments")]), "segment");
        stages.add("members", members.column("profile_id").query());
    }
}

/// `segment`, `profile_id`, `change`, `run_id`, `at`: who entered and left since the last run.
pub(crate) fn changes(entity: &Entity, run_id: &str, as_of: Timestamp) -> Query {
    let table = segments_table(entity);
    let either = |name: &str| coalesce(vec![col_of("now", name), col_of("before", name)]);
    let missing = |side: &str| is_null(col_of(side, "profile_id"));
    let same = and(["segment", "profile_id"].map(|c| eq(col_of("now", c), col_of("before", c))));
    Select::from(kinfold(&table, "now"))
        .full_join(previous(&table, "before"), same)
        .item(either("segment"), "segment")
        .item(either("profile_id"), "profile_id")
        .item(case([(missing("before"), text("entered"))], Some(text("left"))), "change")
        .item(text(run_id), "run_id")
        .item(instant(as_of), "at")
        .filter([or([missing("before"), missing("now")])])
        .query()
}

/// The name of the table that says who is in which segment of an entity.
#[must_use]
pub fn segments_table(entity: &Entity) -> String {
    EntityTable::Segments.of(&entity.name)
}

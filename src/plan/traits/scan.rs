//! All aggregates over one table, for traits and segments alike, in one scan.
//!
//! | stage | rows |
//! |---|---|
//! | `rows` | the table's; users' expressions are evaluated here and nowhere else, each once |
//! | `grouped` | one for each combination of raw identifiers, with partial aggregates |
//! | `keyed` | the same, identifiers normalised |
//! | `owned` | the same, under their profiles |
//! | the result | one for each profile |
//!
//! Where identity needs the same combinations of the same table, everything down to `keyed` is a table of its own that both read.
//! Aggregates that cannot be put together from parts have a scan of their own, without `grouped`.

use std::collections::BTreeSet;

use kinfold_base::Timestamp;
use kinfold_lang::project::{Entity, RowSet, TableName, Window};
use sqlparser::ast::{BinaryOperator, Expr, Query};

use super::call::{Call, Function, time_name};
use super::frequent::{Counted, Frequent, Question};
use crate::identity::keys::{
    Ids, add_owned, has_value, id_name, normalised, normalised_and_judged, raw_items, raw_name,
};
use crate::identity::{ROW_COUNT, seen};
use crate::sql::{Select, Stages, and, binary, cast_instant, coalesce, col_of, count_rows, instant, int, or, table};

/// Beyond so many different conditions, rows are not filtered before they are grouped: it costs more than it saves.
const MAX_PREFILTER: usize = 4;

/// Scratch tables with one row a profile, each made from one table (or, for the most frequent value of several, from several).
#[derive(Debug)]
pub(crate) struct Scans<'a> {
    pub entity: &'a Entity,
    as_of: Timestamp,
    pub list: Vec<Scratch>,
}

/// What makes a scratch table.
#[derive(Debug)]
pub(crate) enum Scratch {
    Scan(Scan),
    Frequent(Frequent),
}

/// One pass over a table.
#[derive(Debug)]
pub(crate) struct Scan {
    pub table: TableName,
    pub ids: Vec<(usize, Expr)>,
    /// As in [`RowSet::own_ids`].
    own_ids: bool,
    folds: bool,
    /// The innermost projection, without the identifiers.
    columns: Vec<(Expr, String)>,
    calls: Vec<(Call, bool)>,
}

/// A column of a scratch table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Index into [`Scans::list`].
    pub scratch: usize,
    column: String,
    zero: bool,
}

impl Slot {
    /// The column where scratch tables are joined to profiles under [`alias`]: a count over no rows is 0.
    pub(crate) fn expr(&self) -> Expr {
        let column = col_of(&alias(self.scratch), &self.column);
        if self.zero { coalesce(vec![column, int(0)]) } else { column }
    }

    /// When the value of a `first` or `last` came about.
    pub(crate) fn time(&self) -> Expr {
        col_of(&alias(self.scratch), &time_name(&self.column))
    }
}

/// What a scratch table is called where it is joined to profiles.
pub(crate) fn alias(scratch: usize) -> String {
    format!("s{}", scratch + 1)
}

impl<'a> Scans<'a> {
    pub(crate) fn new(entity: &'a Entity, as_of: Timestamp) -> Self {
        Self { entity, as_of, list: vec![] }
    }

    /// The scratch table's name, in the schema `kinfold`.
    pub(crate) fn name(&self, scratch: usize) -> String {
        let table = match &self.list[scratch] {
            Scratch::Scan(scan) => &scan.table.name,
            Scratch::Frequent(frequent) => &frequent.sources[0].table.name,
        };
        format!("_{}_{}_{table}", self.entity.name, scratch + 1)
    }

    /// An aggregate over rows. Equal ones are computed once.
    pub(crate) fn call(
        &mut self,
        rows: &RowSet,
        function: Function,
        value: Option<Expr>,
        filter: Option<Expr>,
    ) -> Slot {
        let condition = self.condition(rows, filter);
        let timed = matches!(function, Function::First | Function::Last);
        let time = rows.time.clone().filter(|_| timed).map(cast_instant);
        let folds = function.folds();
        let scratch = self.scan(rows, folds);
        let Scratch::Scan(scan) = &mut self.list[scratch] else { unreachable!("`scan` finds scans") };
        let call = Call {
            value: value.map(|v| scan.column("v", v)),
            time: time.map(|t| scan.column("t", t)),
            condition: condition.map(|c| scan.column("c", c)),
            function,
        };
        let zero = call.function.is_count();
        Slot { scratch, column: scan.add(call), zero }
    }

    /// Something about how often values occur. Equal values are counted once.
    pub(crate) fn frequent(&mut self, sources: Vec<Counted>, question: Question) -> Slot {
        let same = |s: &Scratch| matches!(s, Scratch::Frequent(f) if f.sources == sources);
        let scratch = self.list.iter().position(same).unwrap_or_else(|| {
            self.list.push(Scratch::Frequent(Frequent { sources, questions: vec![] }));
            self.list.len() - 1
        });
        if let Scratch::Frequent(frequent) = &mut self.list[scratch]
            && !frequent.questions.contains(&question)
        {
            frequent.questions.push(question);
        }
        Slot { scratch, column: question.column(), zero: question == Question::Distinct }
    }

    /// Keeps the time of a `first` or `last`, for [`Slot::time`].
    pub(crate) fn keep_time(&mut self, slot: &Slot) {
        if let Scratch::Scan(scan) = &mut self.list[slot.scratch] {
            let index = (0..scan.calls.len()).find(|i| call_name(*i) == slot.column);
            if let Some(index) = index {
                scan.calls[index].1 = true;
            }
        }
    }

    /// What must hold for a row to count: the rows' own filter, the window, and `filter`.
    pub(crate) fn condition(&self, rows: &RowSet, filter: Option<Expr>) -> Option<Expr> {
        let time = rows.time.iter().flat_map(|time| window(time, rows.window, self.as_of));
        let parts: Vec<Expr> = rows.filter.clone().into_iter().chain(time).chain(filter).collect();
        (!parts.is_empty()).then(|| and(parts))
    }

    fn scan(&mut self, rows: &RowSet, folds: bool) -> usize {
        let RowSet { table, ids, own_ids, .. } = rows;
        let same = |s: &Scratch| {
            let Scratch::Scan(s) = s else { return false };
            s.table == *table && s.ids == *ids && s.own_ids == *own_ids && s.folds == folds
        };
        self.list.iter().position(same).unwrap_or_else(|| {
            let (table, ids) = (table.clone(), ids.clone());
            let scan = Scan { table, ids, own_ids: *own_ids, folds, columns: vec![], calls: vec![] };
            self.list.push(Scratch::Scan(scan));
            self.list.len() - 1
        })
    }
}

/// Bounds are computed here: a difference of times is not for every engine to compare. Nor are a date and an instant.
fn window(time: &Expr, window: Window, as_of: Timestamp) -> Vec<Expr> {
    let bound = |op, at| binary(cast_instant(time.clone()), op, instant(at));
    match window {
        Window::Always => vec![],
        Window::Within(duration) => {
            let since = as_of.checked_sub(duration).ok().filter(|t| is_writable(*t));
            since
                .map(|since| bound(BinaryOperator::Gt, since))
                .into_iter()
                .chain([bound(BinaryOperator::LtEq, as_of)])
                .collect()
        }
        Window::Between { from, to } => {
            let from = from.map(|from| bound(BinaryOperator::GtEq, from));
            from.into_iter().chain(to.map(|to| bound(BinaryOperator::Lt, to))).collect()
        }
    }
}

/// Years before 1 have no literal; nothing that we see lies before them.
fn is_writable(at: Timestamp) -> bool {
    at > Timestamp::from_second(-62_135_596_800).unwrap_or(Timestamp::MIN)
}

fn call_name(index: usize) -> String {
    format!("a{index}")
}

impl Scan {
    /// Whether a link's rows, grouped by raw identifiers, are this scan's.
    pub(crate) fn groups_like(&self, table: &TableName, ids: &Ids) -> bool {
        self.folds && !self.own_ids && self.table == *table && self.ids == *ids
    }

    fn column(&mut self, prefix: &str, expr: Expr) -> String {
        if let Some((_, name)) = self.columns.iter().find(|(e, name)| *e == expr && name.starts_with(prefix)) {
            return name.clone();
        }
        let name = format!("{prefix}{}", self.columns.len());
        self.columns.push((expr, name.clone()));
        name
    }

    fn add(&mut self, call: Call) -> String {
        let index = self.calls.iter().position(|(c, _)| *c == call).unwrap_or_else(|| {
            self.calls.push((call, false));
            self.calls.len() - 1
        });
        call_name(index)
    }

    /// One row for each profile: `profile_id` and the calls. From `keyed`, a table that [`Scan::keyed`] made, if there is one.
    pub(crate) fn query(&self, entity: &Entity, keyed: Option<&str>) -> Query {
        let mut stages = Stages::default();
        let keep =
            if self.folds { self.partial_names() } else { self.columns.iter().map(|(_, name)| name.clone()).collect() };
        if let Some(name) = keyed {
            let ids = self.ids.iter().map(|(index, _)| id_name(entity, *index));
            let columns: Vec<String> = ids.chain(keep.iter().cloned()).collect();
            let read = Select::from(crate::sql::kinfold(name, "k")).columns(columns.iter().map(String::as_str));
            stages.add("keyed", read.query());
        } else {
            stages.add("rows", self.rows(entity, self.prefilter(), None));
            if self.folds {
                stages.add("grouped", self.by_raw(entity, false));
            }
            let before = if self.folds { "grouped" } else { "rows" };
            stages.add("keyed", normalised(entity, &self.ids, before, &keep));
        }
        add_owned(&mut stages, entity, &self.ids, self.own_ids, "keyed", &keep);
        let named = self.calls.iter().enumerate().map(|(i, (call, timed))| (call_name(i), call, *timed));
        let items = named.flat_map(|(name, call, timed)| {
            if self.folds { call.folded(&name, timed) } else { call.whole(&name).into_iter().collect() }
        });
        stages.finish(Select::from_stage("owned").column("profile_id").items(items).group_by(["profile_id"]).query())
    }

    /// One row for each combination of identifiers, hardly any twice: `first_seen_at`, `last_seen_at`, how many rows it stands for, partial
    /// aggregates, and of which identifiers it has a value that is of no use. All of the table's rows with a value of one count,
    /// since identity reads it too; `at` says when a row came about.
    pub(crate) fn keyed(&self, entity: &Entity, at: Expr) -> Query {
        let mut stages = Stages::default();
        stages.add("rows", self.rows(entity, vec![], Some(at)));
        stages.add("grouped", self.by_raw(entity, true));
        let told = ["first_seen_at", "last_seen_at", ROW_COUNT].map(str::to_owned);
        let keep: Vec<String> = told.into_iter().chain(self.partial_names()).collect();
        stages.add("keyed", normalised_and_judged(entity, &self.ids, "grouped", &keep));
        stages.finish(Select::from_stage("keyed").all_of("keyed").filter([has_value(entity, &self.ids)]).query())
    }

    fn rows(&self, entity: &Entity, filter: Vec<Expr>, at: Option<Expr>) -> Query {
        Select::from(table(&self.table))
            .items(raw_items(entity, &self.ids))
            .items(self.columns.clone())
            .items(at.map(|at| (at, "at".to_owned())))
            .filter(filter)
            .query()
    }

    fn by_raw(&self, entity: &Entity, is_told: bool) -> Query {
        let raw = self.raw_names(entity);
        let raw = || raw.iter().map(String::as_str);
        let count = || (count_rows().build(), ROW_COUNT.to_owned());
        let told = if is_told { seen("at", "at").into_iter().chain([count()]).collect() } else { vec![] };
        Select::from_stage("rows").columns(raw()).items(told).items(self.partials()).group_by(raw()).query()
    }

    /// Rows that no call counts need not be grouped.
    fn prefilter(&self) -> Vec<Expr> {
        let conditions: Option<BTreeSet<&str>> = self.calls.iter().map(|(c, _)| c.condition.as_deref()).collect();
        let Some(conditions) = conditions.filter(|c| c.len() <= MAX_PREFILTER) else { return vec![] };
        let expr = |name: &str| self.columns.iter().find(|(_, n)| n == name).map(|(e, _)| e.clone());
        vec![or(conditions.into_iter().filter_map(expr))]
    }

    fn raw_names(&self, entity: &Entity) -> Vec<String> {
        self.ids.iter().map(|(index, _)| raw_name(entity, *index)).collect()
    }

    fn partials(&self) -> Vec<(Expr, String)> {
        self.calls.iter().enumerate().flat_map(|(i, (call, _))| call.partial(&call_name(i))).collect()
    }

    fn partial_names(&self) -> Vec<String> {
        self.calls.iter().enumerate().flat_map(|(i, (call, _))| call.partial_names(&call_name(i))).collect()
    }
}

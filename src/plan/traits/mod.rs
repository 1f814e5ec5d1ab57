//! Traits: aggregates over tables, picks among columns, and expressions over other traits.
//!
//! What a profile has no rows for is null, save for a count, which is 0; an expression over aggregates sees them so.
//! `default` then takes the place of null, before other traits see the value. A pick among several columns goes by time over all of
//! them; at the same time the column written first wins, and a value without a time only counts where none has one.

mod call;
mod frequent;
mod scan;

use std::collections::HashMap;
use std::ops::ControlFlow;

use kinfold_base::SqlType;
use kinfold_lang::project::{AggregateValue, Entity, Keep, PickSource, RowSet, Trait, TraitBody, Window};
use kinfold_sql::{average_type, each_expr, walk_expr_mut};
use sqlparser::ast::{DuplicateTreatment, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Query, VisitorMut};

use crate::sql::{
    Select, Stages, call, case_of, cast_as, coalesce, col_of, columns_in, eq, kinfold, literal_of, number,
};
use crate::tables::profiles_table;

use call::Function;
use frequent::{Counted, Question};
pub(crate) use scan::{Scans, Scratch, Slot, alias};

/// Traits as SQL over joined scratch tables, or over other traits.
#[derive(Debug)]
pub(crate) struct Columns {
    /// In the order of writing.
    traits: Vec<(String, Expr, Layer)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    /// Over scratch tables.
    Tables,
    /// Over the traits of lower layers; counted from 1.
    Traits(usize),
}

/// Finds what each trait needs of which table.
pub(crate) fn collect(entity: &Entity, scans: &mut Scans<'_>) -> Columns {
    let mut layers: HashMap<&str, usize> = HashMap::new();
    let mut traits = vec![];
    for t in &entity.traits {
        let (expr, layer) = match &t.body {
            TraitBody::Aggregate { rows, value } => (aggregate(scans, rows, value), Layer::Tables),
            TraitBody::Pick { from, keep } => (pick(scans, from, *keep, &t.ty), Layer::Tables),
            TraitBody::Expression(expr) => {
                let below = columns_in(expr).iter().filter_map(|name| layers.get(name.as_str())).max().copied();
                (expr.clone(), Layer::Traits(below.unwrap_or(0) + 1))
            }
        };
        layers.insert(&t.name, if let Layer::Traits(n) = layer { n } else { 0 });
        traits.push((t.name.clone(), finished(t, expr), layer));
    }
    Columns { traits }
}

/// With its default, and of the type that is on record: other steps, and the next run, take it for that.
fn finished(t: &Trait, expr: Expr) -> Expr {
    let expr = match &t.default {
        Some(default) => coalesce(vec![expr, literal_of(&t.ty, default)]),
        None => expr,
    };
    cast_as(expr, &t.ty)
}

/// The scratch tables that traits read, as indices into [`Scans::list`], ascending.
pub(crate) fn scratch_in(exprs: &[&Expr], scans: &Scans<'_>) -> Vec<usize> {
    let tables: Vec<String> = exprs.iter().flat_map(|e| tables_in(e)).collect();
    (0..scans.list.len()).filter(|i| tables.contains(&alias(*i))).collect()
}

fn tables_in(expr: &Expr) -> Vec<String> {
    let mut tables = vec![];
    let _ = each_expr(expr, |e| {
        if let Expr::CompoundIdentifier(parts) = e {
            tables.extend(parts.first().map(|t| t.value.clone()));
        }
        ControlFlow::Continue(())
    });
    tables
}

impl Columns {
    /// The scratch tables that the profiles' table reads.
    pub(crate) fn scratch(&self, scans: &Scans<'_>) -> Vec<usize> {
        let exprs: Vec<&Expr> =
            self.traits.iter().filter(|(.., layer)| *layer == Layer::Tables).map(|(_, e, _)| e).collect();
        scratch_in(&exprs, scans)
    }

    /// `profile_id` and every trait, one row for each profile.
    pub(crate) fn query(&self, entity: &Entity, scans: &Scans<'_>) -> Query {
        let at = |layer: Layer| self.traits.iter().filter(move |(.., l)| *l == layer);
        let profiles = Select::from(kinfold(&profiles_table(&entity.name), "p"))
            .item(col_of("p", "profile_id"), "profile_id")
            .items(at(Layer::Tables).map(|(name, expr, _)| (expr.clone(), name.clone())));
        let base = join_scratch(profiles, "p", &self.scratch(scans), scans);
        let depth =
            self.traits.iter().filter_map(|(.., l)| if let Layer::Traits(n) = l { Some(*n) } else { None }).max();
        let Some(depth) = depth else { return base.query() };
        let mut stages = Stages::default();
        stages.add("traits_0", base.query());
        for n in 1..=depth {
            let below = format!("traits_{}", n - 1);
            let items = at(Layer::Traits(n)).map(|(name, expr, _)| (expr.clone(), name.clone()));
            stages.add(&format!("traits_{n}"), Select::from_stage(&below).all_of(&below).items(items).query());
        }
        let names = ["profile_id"].into_iter().chain(self.traits.iter().map(|(name, ..)| name.as_str()));
        stages.finish(Select::from_stage(&format!("traits_{depth}")).columns(names).query())
    }
}

/// Joins scratch tables to a relation that has a `profile_id`; profiles without a row keep theirs.
pub(crate) fn join_scratch(select: Select, profiles: &str, scratch: &[usize], scans: &Scans<'_>) -> Select {
    scratch.iter().fold(select, |select, i| {
        let on = eq(col_of(&alias(*i), "profile_id"), col_of(profiles, "profile_id"));
        select.left_join(kinfold(&scans.name(*i), &alias(*i)), on)
    })
}

/// The number of a profile's rows.
pub(crate) fn count_rows_of(scans: &mut Scans<'_>, rows: &RowSet) -> Slot {
    scans.call(rows, Function::Count, None, None)
}

fn aggregate(scans: &mut Scans<'_>, rows: &RowSet, value: &AggregateValue) -> Expr {
    match value {
        AggregateValue::Plain { expr, arguments } => {
            let mut expr = expr.clone();
            let _ = walk_expr_mut(&mut expr, &mut ReplaceCalls { scans, rows, arguments });
            expr
        }
        AggregateValue::MostFrequent(value) => counted(scans, rows, value, None, Question::Most),
        AggregateValue::Top { value, count } => counted(scans, rows, value, None, Question::Top(*count)),
    }
}

fn counted(scans: &mut Scans<'_>, rows: &RowSet, value: &Expr, filter: Option<Expr>, question: Question) -> Expr {
    let condition = scans.condition(rows, filter);
    let source = Counted {
        table: rows.table.clone(),
        ids: rows.ids.clone(),
        own_ids: rows.own_ids,
        value: value.clone(),
        condition,
    };
    scans.frequent(vec![source], question).expr()
}

/// Puts columns of scratch tables where a user's expression calls aggregates.
struct ReplaceCalls<'a, 'b> {
    scans: &'a mut Scans<'b>,
    rows: &'a RowSet,
    /// The arguments of the calls, and their types.
    arguments: &'a [(Expr, SqlType)],
}

impl VisitorMut for ReplaceCalls<'_, '_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && let Some((called, value)) = aggregate_call(function, self.arguments)
        {
            let filter = function.filter.as_deref().cloned();
            *expr = match (called, value) {
                (Called::Distinct, Some(value)) => counted(self.scans, self.rows, &value, filter, Question::Distinct),
                (Called::Distinct, None) => return ControlFlow::Continue(()),
                (Called::Aggregate(function), value) => self.scans.call(self.rows, function, value, filter).expr(),
            };
        }
        ControlFlow::Continue(())
    }
}

/// The function of an aggregate's call.
enum Called {
    Distinct,
    Aggregate(Function),
}

/// The aggregate that a call names, and its first argument; `None` for any other function.
fn aggregate_call(
    function: &sqlparser::ast::Function,
    arguments: &[(Expr, SqlType)],
) -> Option<(Called, Option<Expr>)> {
    let FunctionArguments::List(list) = &function.args else { return None };
    let arg = |i: usize| match list.args.get(i) {
        Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Wildcard(_)))) => None,
        Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))) => Some(expr.clone()),
        _ => None,
    };
    let value = arg(0);
    let ty = arguments.iter().find(|(argument, _)| Some(argument) == value.as_ref()).map(|(_, ty)| ty);
    let averaged = || match ty {
        Some(ty @ SqlType::Decimal { .. }) => average_type(ty),
        _ => SqlType::Float,
    };
    let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
    let name = match function.name.to_string().to_ascii_lowercase().as_str() {
        "count" if distinct => return Some((Called::Distinct, value)),
        "count" => Function::Count,
        "sum" => Function::Sum { whole: ty == Some(&SqlType::Integer) },
        "min" if ty == Some(&SqlType::Boolean) => Function::All,
        "max" if ty == Some(&SqlType::Boolean) => Function::Any,
        "min" => Function::Min,
        "max" => Function::Max,
        "avg" => Function::Avg { ty: averaged() },
        "first" => Function::First,
        "last" => Function::Last,
        "median" => Function::Percentile { fraction: Box::new(number("0.5")), ty: averaged() },
        "percentile" => Function::Percentile { fraction: Box::new(arg(1)?), ty: averaged() },
        _ => return None,
    };
    Some((Called::Aggregate(name), value))
}

/// Of several sources the one by time, or the first one written that has a value; ties fall to the one written first.
fn pick(scans: &mut Scans<'_>, from: &[PickSource], keep: Keep, ty: &SqlType) -> Expr {
    if keep == Keep::MostFrequent {
        let counted = |s: &PickSource| Counted {
            table: s.table.clone(),
            ids: s.ids.clone(),
            own_ids: s.own_ids,
            value: s.value.clone(),
            condition: None,
        };
        return scans.frequent(from.iter().map(counted).collect(), Question::Most).expr();
    }
    let function = |s: &PickSource| match keep {
        Keep::Oldest if s.at.is_some() => Function::First,
        _ if s.at.is_some() => Function::Last,
        // Without a time any value is as good as another, as long as it is always the same.
        _ if *ty == SqlType::Boolean => Function::All,
        _ => Function::Min,
    };
    let slots: Vec<Slot> =
        from.iter().map(|s| scans.call(&row_set(s), function(s), Some(s.value.clone()), None)).collect();
    let values = || slots.iter().map(Slot::expr).collect::<Vec<_>>();
    if let [only] = slots.as_slice() {
        return only.expr();
    }
    if keep == Keep::SourceOrder {
        return coalesce(values());
    }
    for slot in &slots {
        scans.keep_time(slot);
    }
    let timed: Vec<&Slot> = slots.iter().zip(from).filter(|(_, s)| s.at.is_some()).map(|(slot, _)| slot).collect();
    let best = if keep == Keep::Oldest { "least" } else { "greatest" };
    let best = call(best, timed.iter().map(|slot| slot.time()).collect());
    case_of(best, timed.iter().map(|slot| (slot.time(), slot.expr())), Some(coalesce(values())))
}

fn row_set(source: &PickSource) -> RowSet {
    RowSet {
        table: source.table.clone(),
        ids: source.ids.clone(),
        own_ids: source.own_ids,
        time: source.at.clone(),
        filter: None,
        window: Window::Always,
    }
}

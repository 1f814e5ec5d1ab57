//! One aggregate over a profile's rows, and how it is put together from groups.

use kinfold_base::SqlType;
use sqlparser::ast::{BinaryOperator, Expr};

use crate::sql::{
    Aggregate, Sort, binary, call, cast_as, cast_big_int, cast_double, col, count_rows, int, is_not_null,
};

/// What is computed. `first` and `last` go by time; of several values at the same time the smallest counts, values without a time
/// come after all others, and nulls never count.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Function {
    Count,
    /// `whole`: over whole numbers, of which it is one.
    Sum {
        whole: bool,
    },
    Min,
    Max,
    /// The smallest of truths.
    All,
    /// The largest of truths.
    Any,
    /// `ty`: of the result, which is decimal or a float.
    Avg {
        ty: SqlType,
    },
    First,
    Last,
    /// `fraction`: from 0 to 1. Always computed over double precision numbers, by linear interpolation; `ty` as in `Avg`.
    Percentile {
        fraction: Box<Expr>,
        ty: SqlType,
    },
}

impl Function {
    /// Whether the whole can be computed from the results over parts.
    pub(crate) fn folds(&self) -> bool {
        !matches!(self, Self::Percentile { .. })
    }

    /// Whether there is a result, 0, where there are no rows.
    pub(crate) fn is_count(&self) -> bool {
        matches!(self, Self::Count)
    }
}

/// One aggregate of a scan, over columns of the scan's innermost projection.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub function: Function,
    /// Absent for `count(*)`.
    pub value: Option<String>,
    /// For `first` and `last`.
    pub time: Option<String>,
    /// Rows for which this is not true don't count.
    pub condition: Option<String>,
}

impl Call {
    /// The aggregate over all rows of a profile, for one that does not fold.
    pub(crate) fn whole(&self, name: &str) -> Option<(Expr, String)> {
        let Function::Percentile { fraction, ty } = &self.function else { return None };
        let value = col(self.value.as_deref().unwrap_or_default());
        let fraction = cast_double((**fraction).clone());
        let aggregate = Aggregate::new("percentile_cont", vec![fraction]).within_group(Sort::up(cast_double(value)));
        let whole = aggregate.filter(self.conditions(false)).build();
        Some((if *ty == SqlType::Float { whole } else { cast_as(whole, ty) }, name.to_owned()))
    }

    /// The aggregates over a part of the rows.
    pub(crate) fn partial(&self, name: &str) -> Vec<(Expr, String)> {
        let value = || col(self.value.as_deref().unwrap_or_default());
        let simple = |f: &str| Aggregate::new(f, vec![value()]).filter(self.conditions(false)).build();
        match &self.function {
            Function::Count if self.value.is_none() => {
                vec![(count_rows().filter(self.conditions(false)).build(), name.to_owned())]
            }
            Function::Count => vec![(simple("count"), name.to_owned())],
            Function::Sum { .. } => vec![(simple("sum"), name.to_owned())],
            Function::Min => vec![(simple("min"), name.to_owned())],
            Function::Max => vec![(simple("max"), name.to_owned())],
            Function::All => vec![(simple("bool_and"), name.to_owned())],
            Function::Any => vec![(simple("bool_or"), name.to_owned())],
            Function::Avg { .. } => vec![(simple("sum"), sum_name(name)), (simple("count"), count_name(name))],
            Function::First | Function::Last => {
                let time = self.time.as_deref().unwrap_or_default();
                let value = self.value.as_deref().unwrap_or_default();
                let (first, at) = self.by_time(value, time);
                vec![
                    (first.filter(self.conditions(false)).build(), name.to_owned()),
                    (at.filter(self.conditions(true)).build(), time_name(name)),
                ]
            }
            Function::Percentile { .. } => vec![],
        }
    }

    /// The aggregate put together from the columns that [`Call::partial`] made; with its time, if `timed`.
    pub(crate) fn folded(&self, name: &str, timed: bool) -> Vec<(Expr, String)> {
        let over = |f: &str, name: &str| Aggregate::new(f, vec![col(name)]).build();
        let expr = match &self.function {
            Function::Count | Function::Sum { whole: true } => cast_big_int(over("sum", name)),
            Function::Sum { whole: false } => over("sum", name),
            Function::Min => over("min", name),
            Function::Max => over("max", name),
            Function::All => over("bool_and", name),
            Function::Any => over("bool_or", name),
            Function::Avg { ty } => average(over("sum", &sum_name(name)), over("sum", &count_name(name)), ty),
            Function::First | Function::Last => {
                let (first, at) = self.by_time(name, &time_name(name));
                let mut items = vec![(first.build(), name.to_owned())];
                if timed {
                    items.push((at.build(), time_name(name)));
                }
                return items;
            }
            Function::Percentile { .. } => return vec![],
        };
        vec![(expr, name.to_owned())]
    }

    /// The names of the columns that [`Call::partial`] makes.
    pub(crate) fn partial_names(&self, name: &str) -> Vec<String> {
        self.partial(name).into_iter().map(|(_, name)| name).collect()
    }

    /// The value and its time.
    fn by_time(&self, value: &str, time: &str) -> (Aggregate, Aggregate) {
        match self.function {
            Function::Last => (Aggregate::last(col(value), col(time)), Aggregate::new("max", vec![col(time)])),
            _ => (Aggregate::first(col(value), col(time)), Aggregate::new("min", vec![col(time)])),
        }
    }

    fn conditions(&self, value_known: bool) -> Vec<Expr> {
        let value = self.value.as_deref().filter(|_| value_known).map(|v| is_not_null(col(v)));
        self.condition.as_deref().map(col).into_iter().chain(value).collect()
    }
}

fn average(sum: Expr, count: Expr, ty: &SqlType) -> Expr {
    let count = call("nullif", vec![count, int(0)]);
    match ty {
        SqlType::Decimal { .. } => cast_as(binary(sum, BinaryOperator::Divide, count), ty),
        _ => binary(cast_double(sum), BinaryOperator::Divide, cast_double(count)),
    }
}

/// The column that says when a `first` or `last` value came about.
pub(crate) fn time_name(name: &str) -> String {
    format!("{name}_at")
}

fn sum_name(name: &str) -> String {
    format!("{name}_sum")
}

fn count_name(name: &str) -> String {
    format!("{name}_count")
}

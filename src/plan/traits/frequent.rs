//! How often values occur: counted by raw identifiers, then by profile, then ranked within it.

use kinfold_lang::project::{Entity, TableName};
use sqlparser::ast::{Expr, Query};

use crate::identity::keys::{add_owned, normalised, raw_items, raw_name};
use crate::sql::{
    Aggregate, Select, Sort, Stages, array_slice, cast_big_int, col, count_rows, derived, is_not_null, table, union_all,
};

/// What is asked of the different values that a profile has. Among equally frequent values the smallest comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// How many there are.
    Distinct,
    /// The most frequent one.
    Most,
    /// The list of so many of the most frequent ones.
    Top(u32),
}

impl Question {
    pub(crate) fn column(self) -> String {
        match self {
            Self::Distinct => "distinct".to_owned(),
            Self::Most => "most".to_owned(),
            Self::Top(count) => format!("top_{count}"),
        }
    }

    fn answer(self) -> Expr {
        match self {
            Self::Distinct => count_rows().build(),
            Self::Most => Aggregate::last(col("value"), col("n")).build(),
            Self::Top(count) => {
                let order = vec![Sort::down(col("n")), Sort::up(col("value"))];
                array_slice(Aggregate::new("array_agg", vec![col("value")]).order_by(order).build(), count)
            }
        }
    }
}

/// How often each value occurs, and what is asked of that.
#[derive(Debug, Clone)]
pub(crate) struct Frequent {
    /// Never empty. What they count is added up.
    pub sources: Vec<Counted>,
    pub questions: Vec<Question>,
}

/// Values of one table. Nulls never count.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Counted {
    pub table: TableName,
    pub ids: Vec<(usize, Expr)>,
    /// As in [`kinfold_lang::project::RowSet::own_ids`].
    pub own_ids: bool,
    pub value: Expr,
    pub condition: Option<Expr>,
}

impl Frequent {
    /// One row for each profile: `profile_id` and the answers.
    pub(crate) fn query(&self, entity: &Entity) -> Query {
        let mut counts = self.sources.iter().map(|source| source.query(entity));
        let counts = if self.sources.len() == 1 { counts.next() } else { union_all(counts.map(in_brackets)) };
        let counts = counts.expect("there is a source");
        let mut stages = Stages::default();
        stages.add("counts", counts);
        let total = Aggregate::new("sum", vec![col("n")]).build();
        let totals = Select::from_stage("counts")
            .columns(["profile_id", "value"])
            .item(cast_big_int(total), "n")
            .group_by(["profile_id", "value"]);
        stages.add("totals", totals.query());
        let answers = self.questions.iter().map(|q| (q.answer(), q.column()));
        let query = Select::from_stage("totals").column("profile_id").items(answers).group_by(["profile_id"]);
        stages.finish(query.query())
    }
}

/// A union's parts may not begin with `WITH` themselves.
fn in_brackets(query: Query) -> Query {
    Select::from(derived(query, "part")).columns(["profile_id", "value", "n"]).query()
}

impl Counted {
    /// `profile_id`, `value`, `n`: a profile and a value may stand in several rows.
    fn query(&self, entity: &Entity) -> Query {
        let mut stages = Stages::default();
        let filter = self.condition.clone().into_iter().chain([is_not_null(self.value.clone())]);
        let rows = Select::from(table(&self.table))
            .items(raw_items(entity, &self.ids))
            .item(self.value.clone(), "value")
            .filter(filter);
        stages.add("rows", rows.query());
        let raw: Vec<String> = self.ids.iter().map(|(index, _)| raw_name(entity, *index)).collect();
        let group: Vec<&str> = raw.iter().map(String::as_str).chain(["value"]).collect();
        let grouped = Select::from_stage("rows").columns(group.clone()).item(count_rows().build(), "n").group_by(group);
        stages.add("grouped", grouped.query());
        let keep = ["value".to_owned(), "n".to_owned()];
        stages.add("keyed", normalised(entity, &self.ids, "grouped", &keep));
        add_owned(&mut stages, entity, &self.ids, self.own_ids, "keyed", &keep);
        stages.finish(Select::from_stage("owned").columns(["profile_id", "value", "n"]).query())
    }
}

//! The values that come most often: counted by raw identifiers, then by profile, then ranked within it.

use kinfold_lang::project::{Entity, TableName};
use sqlparser::ast::{Expr, Query};

use crate::identity::keys::{normalised, owned, raw_items, raw_name};
use crate::sql::{
    Aggregate, Select, Sort, Stages, array_slice, cast_big_int, col, count_rows, derived, is_not_null, table, union_all,
};

/// The most frequent value, or a list of the most frequent ones; among equally frequent values the smallest comes first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frequent {
    /// Never empty. What they count is added up.
    pub sources: Vec<Counted>,
    /// How many values the list has at most; `None` for one value that is no list.
    pub top: Option<u32>,
}

/// Values of one table. Nulls never count.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Counted {
    pub table: TableName,
    pub ids: Vec<(usize, Expr)>,
    pub value: Expr,
    pub condition: Option<Expr>,
}

impl Frequent {
    /// One row for each profile: `profile_id`, `value`.
    pub(crate) fn query(&self, entity: &Entity) -> Query {
        let counts = self.sources.iter().map(|source| source.query(entity));
        let counts = if self.sources.len() == 1 { counts.last() } else { union_all(counts.map(in_brackets)) };
        let counts = counts.expect("there is a source");
        let mut stages = Stages::default();
        stages.add("counts", counts);
        let total = Aggregate::new("sum", vec![col("n")]).build();
        stages.add(
            "totals",
            Select::from_stage("counts")
                .columns(["profile_id", "value"])
                .item(cast_big_int(total), "n")
                .group_by(["profile_id", "value"])
                .query(),
        );
        let ranked = |f: &str| {
            Aggregate::new(f, vec![col("value")]).order_by(vec![Sort::down(col("n")), Sort::up(col("value"))]).build()
        };
        let value = match self.top {
            None => ranked("first_value"),
            Some(count) => array_slice(ranked("array_agg"), count),
        };
        stages
            .finish(Select::from_stage("totals").column("profile_id").item(value, "value").group_by(["profile_id"]).query())
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
        stages.finish(owned(entity, &self.ids, "keyed", &keep))
    }
}

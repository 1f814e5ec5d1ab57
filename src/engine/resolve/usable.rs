//! How many rows of a source have a value of an identifier, and how many one that is of no use.

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{self, filter};
use arrow::datatypes::{DataType, Int64Type};
use kinfold_lang::project::IdentifierType;
use kinfold_plan::{Resolve, ResolveIdentifier, ResolveRows};
use serde_json::{Value, json};

use super::read::Seen;
use super::reuse::Reading;
use crate::error::EngineError;
use crate::failure::{self, bug};

/// Counts of rows, for each identifier of a source in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Usable(Vec<RowCounts>);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RowCounts {
    /// Rows with a value.
    pub(super) usable: u64,
    /// Rows with one of which the identifier's type leaves nothing.
    pub(super) unusable: u64,
}

impl Usable {
    /// Of rows as [`ResolveRows::query`](kinfold_plan::ResolveRows::query) gives them, with so many identifiers.
    ///
    /// # Errors
    /// When they are not.
    pub(super) fn of(batch: &RecordBatch, identifiers: usize) -> Result<Self, EngineError> {
        let (values, told) = batch.columns().split_at_checked(identifiers + 2).unwrap_or_default();
        let [rows, unusable @ ..] = told else { return Err(misshapen()) };
        if unusable.len() != identifiers {
            return Err(misshapen());
        }
        let rows = compute::cast(rows, &DataType::Int64).map_err(|e| failure::arrow(e, WHAT))?;
        let sum = |is_counted: &BooleanArray| {
            let counted = filter(&rows, is_counted).map_err(|e| failure::arrow(e, WHAT))?;
            Ok::<_, EngineError>(compute::sum(counted.as_primitive::<Int64Type>()).unwrap_or_default().cast_unsigned())
        };
        let counts = values.iter().zip(unusable).map(|(values, unusable)| {
            let usable = compute::is_not_null(values).map_err(|e| failure::arrow(e, WHAT))?;
            let unusable = unusable.as_boolean_opt().ok_or_else(misshapen)?;
            Ok(RowCounts { usable: sum(&usable)?, unusable: sum(unusable)? })
        });
        Ok(Self(counts.collect::<Result<_, EngineError>>()?))
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), RowCounts::default());
        for (all, other) in self.0.iter_mut().zip(&other.0) {
            all.usable += other.usable;
            all.unusable += other.unusable;
        }
    }

    pub(super) fn counts(&self) -> &[RowCounts] {
        &self.0
    }

    /// Tells of identifiers of which a source has more values that are of no use than others: of a column that is none of the kind, or is
    /// written in a way that its type does not read.
    pub(super) fn warnings(&self, work: &Resolve, rows: &ResolveRows) -> Vec<String> {
        let counts = rows.identifiers.iter().zip(&self.0).filter(|(_, counts)| counts.unusable > counts.usable);
        let told = counts.map(|(identifier, RowCounts { usable, unusable })| {
            let ResolveIdentifier { name, ty, .. } = &work.identifiers[*identifier];
            let (entity, source, given) = (&work.entity, &rows.source, usable + unusable);
            let why = match ty {
                IdentifierType::Phone { region: None } => "; numbers without a country need a `region`",
                _ => "",
            };
            format!("{entity}: of {given} rows of {source} with a {name}, {unusable} have none that can be used{why}")
        });
        told.collect()
    }

    pub(super) fn to_json(&self) -> Value {
        self.0.iter().map(|counts| json!([counts.usable, counts.unusable])).collect()
    }

    pub(super) fn parse(value: &Value) -> Option<Self> {
        let counts = value.as_array()?.iter().map(|counts| {
            let [usable, unusable] = counts.as_array()?.as_slice() else { return None };
            Some(RowCounts { usable: usable.as_u64()?, unusable: unusable.as_u64()? })
        });
        counts.collect::<Option<_>>().map(Self)
    }
}

impl<'a> FromIterator<&'a Self> for Usable {
    fn from_iter<T: IntoIterator<Item = &'a Self>>(of: T) -> Self {
        of.into_iter().fold(Self::default(), |mut all, one| {
            all.add(one);
            all
        })
    }
}

/// What the rows of each source have. `seen`: those that were read anew.
pub(super) fn of_all(readings: &[Option<Reading>], seen: &[Seen]) -> Vec<Usable> {
    let of = |(reading, seen): (&Option<Reading>, &Seen)| match reading {
        Some(reading) => reading.values(seen),
        None => seen.fresh.clone(),
    };
    readings.iter().zip(seen).map(of).collect()
}

const WHAT: &str = "a query of identifiers";

fn misshapen() -> EngineError {
    bug(format!("{WHAT} has other columns than were asked for"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray, Int64Array, StringViewArray};

    use super::*;

    #[test]
    fn rows_are_counted_by_what_they_stand_for() {
        let columns: [(&str, ArrayRef); 5] = [
            ("id", Arc::new(StringViewArray::from(vec![Some("a"), None, None, Some("b")]))),
            ("first", Arc::new(Int64Array::new_null(4))),
            ("last", Arc::new(Int64Array::new_null(4))),
            ("row_count", Arc::new(Int64Array::from(vec![1, 20, 300, 4000]))),
            ("unusable", Arc::new(BooleanArray::from(vec![Some(false), Some(true), None, Some(false)]))),
        ];
        let batch =
            RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap();
        let counts = Usable::of(&batch, 1).unwrap();
        assert_eq!(counts.counts(), [RowCounts { usable: 4001, unusable: 20 }]);
        assert_eq!(Usable::parse(&counts.to_json()), Some(counts.clone()));
        assert_eq!(Usable::parse(&json!([[1]])), None);
        let all: Usable = [&counts, &Usable::default(), &counts].into_iter().collect();
        assert_eq!(all.counts(), [RowCounts { usable: 8002, unusable: 40 }]);
        for identifiers in [0, 2, 9] {
            assert!(Usable::of(&batch, identifiers).is_err());
        }
    }
}

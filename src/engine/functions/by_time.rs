//! `kinfold_first(value, by)` and `kinfold_last(value, by)`: the value where `by`, mostly a time, is smallest or largest.
//!
//! Missing values never count. A value whose `by` is missing comes after all others; of several at the same `by` the smallest is
//! taken. What the engine has for it, `first_value(… ORDER BY …)`, takes several times as long over many groups.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, new_null_array};
use datafusion::arrow::compute::{SortOptions, cast, not, nullif, prep_null_mask_filter};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

/// Both functions.
pub(super) fn functions() -> [AggregateUDF; 2] {
    [("kinfold_first", false), ("kinfold_last", true)].map(|(name, last)| {
        AggregateUDF::from(ByTime { name, last, signature: Signature::any(2, Volatility::Immutable) })
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ByTime {
    name: &'static str,
    last: bool,
    signature: Signature,
}

impl ByTime {
    fn best(&self, args: &AccumulatorArgs<'_>) -> Result<Best> {
        let [value, by] = args.expr_fields else {
            return internal_err!("{} takes two arguments", self.name);
        };
        Best::new(value.data_type(), by.data_type(), self.last)
    }
}

impl AggregateUDFImpl for ByTime {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        Ok(args[0].clone())
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let field = |i: usize, what: &str| {
            Arc::new(Field::new(format_state_name(args.name, what), args.input_fields[i].data_type().clone(), true))
        };
        Ok(vec![field(0, "value"), field(1, "by")])
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(One(self.best(&args)?)))
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(self.best(&args)?))
    }
}

/// The best row of each group, as bytes that sort the way rows are compared: by `by`, then by value.
#[derive(Debug)]
struct Best {
    value_type: DataType,
    by_type: DataType,
    converter: RowConverter,
    rows: Vec<Option<Box<[u8]>>>,
    /// Bytes held by `rows`.
    held: usize,
}

/// What an allocation costs beside its bytes, about.
const OVERHEAD: usize = 16;

impl Best {
    fn new(value: &DataType, by: &DataType, last: bool) -> Result<Self> {
        let by_options = SortOptions { descending: last, nulls_first: false };
        let value_options = SortOptions { descending: false, nulls_first: false };
        let fields = vec![
            SortField::new_with_options(by.clone(), by_options),
            SortField::new_with_options(value.clone(), value_options),
        ];
        let converter = RowConverter::new(fields)?;
        Ok(Self { value_type: value.clone(), by_type: by.clone(), converter, rows: vec![], held: 0 })
    }

    fn take(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let rows = emit.take_needed(&mut self.rows);
        self.held -= rows.iter().flatten().map(|r| r.len() + OVERHEAD).sum::<usize>();
        let nothing = [new_null_array(&self.by_type, 1), new_null_array(&self.value_type, 1)];
        let nothing = self.converter.convert_columns(&nothing)?;
        let parser = self.converter.parser();
        let columns = self.converter.convert_rows(rows.iter().map(|row| match row {
            Some(bytes) => parser.parse(bytes),
            None => nothing.row(0),
        }))?;
        let [by, value] = columns.as_slice() else { return internal_err!("rows have two columns") };
        // Dictionaries come back as what they stand for.
        Ok(vec![cast(value, &self.value_type)?, cast(by, &self.by_type)?])
    }
}

impl GroupsAccumulator for Best {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        let [value, by] = values else { return internal_err!("a value and what it goes by are needed") };
        self.rows.resize(total_num_groups, None);
        let encoded = self.converter.convert_columns(&[Arc::clone(by), Arc::clone(value)])?;
        let nulls = value.logical_nulls();
        for (i, group) in group_indices.iter().enumerate() {
            let counts =
                nulls.as_ref().is_none_or(|n| n.is_valid(i)) && filter.is_none_or(|f| f.is_valid(i) && f.value(i));
            if !counts {
                continue;
            }
            let (row, best) = (encoded.row(i), &mut self.rows[*group]);
            let bytes = row.as_ref();
            match best {
                None => {
                    self.held += bytes.len() + OVERHEAD;
                    *best = Some(bytes.into());
                }
                Some(old) if bytes.cmp(&**old) == Ordering::Less => {
                    if old.len() == bytes.len() {
                        old.copy_from_slice(bytes);
                    } else {
                        self.held = self.held + bytes.len() - old.len();
                        *old = bytes.into();
                    }
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.update_batch(values, group_indices, None, total_num_groups)
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        Ok(self.take(emit)?.swap_remove(0))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        self.take(emit)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let [value, by] = values else { return internal_err!("a value and what it goes by are needed") };
        let value = match filter {
            Some(filter) if filter.null_count() > 0 => nullif(value, &not(&prep_null_mask_filter(filter))?)?,
            Some(filter) => nullif(value, &not(filter)?)?,
            None => Arc::clone(value),
        };
        Ok(vec![value, Arc::clone(by)])
    }

    fn size(&self) -> usize {
        self.rows.capacity() * size_of::<Option<Box<[u8]>>>() + self.held + self.converter.size()
    }
}

/// The same for one group.
#[derive(Debug)]
struct One(Best);

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = values.first().map_or(0, Array::len);
        self.0.update_batch(values, &vec![0; rows], None, 1)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.0.rows.resize(1, None);
        ScalarValue::try_from_array(&GroupsAccumulator::evaluate(&mut self.0, EmitTo::All)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.rows.resize(1, None);
        let state = GroupsAccumulator::state(&mut self.0, EmitTo::All)?;
        state.iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn size(&self) -> usize {
        GroupsAccumulator::size(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::prelude::SessionContext;

    /// Over rows `(g, v, t)`; grouped, and as one group.
    async fn check(rows: &str, expected: &[&str], whole: &str) {
        let context = SessionContext::new();
        for function in super::functions() {
            context.register_udaf(function);
        }
        let source = format!("(VALUES {rows}) AS r (g, v, t)");
        let values =
            "kinfold_first(v, t) AS f, kinfold_last(v, t) AS l, kinfold_last(v, t) FILTER (WHERE v <> 'x') AS x";
        let text = async |sql: String| {
            let batches = context.sql(&sql).await.expect(&sql).collect().await.expect(&sql);
            let table = pretty_format_batches(&batches).expect("it can be printed").to_string();
            let cells =
                |line: &str| line.split('|').map(str::trim).filter(|c| !c.is_empty()).collect::<Vec<_>>().join(" ");
            table.lines().skip(3).filter(|l| l.starts_with('|')).map(cells).collect::<Vec<_>>()
        };
        let grouped = text(format!("SELECT g, {values} FROM {source} GROUP BY g ORDER BY g")).await;
        assert_eq!(grouped, expected);
        assert_eq!(text(format!("SELECT {values} FROM {source}")).await, [whole]);
    }

    #[tokio::test]
    async fn values_are_taken_by_time_then_by_size() {
        check("(1, 'b', 2), (1, 'x', 3), (1, 'a', 1), (2, 'c', 9)", &["1 a x b", "2 c c c"], "a c c").await;
        // Of several at the same time the smallest, from either end.
        check("(1, 'c', 2), (1, 'b', 2), (1, 'd', 2)", &["1 b b b"], "b b b").await;
    }

    #[tokio::test]
    async fn what_is_missing_comes_last_or_never() {
        check("(1, 'b', NULL), (1, 'a', 5), (1, NULL, 9), (1, NULL, 1)", &["1 a a a"], "a a a").await;
        check("(1, 'b', NULL), (1, 'a', NULL), (2, NULL, 4)", &["1 a a a", "2"], "a a a").await;
    }

    #[test]
    fn rows_that_are_not_grouped_beforehand_keep_their_filter() {
        use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, StringArray};
        use datafusion::logical_expr::GroupsAccumulator;
        use std::sync::Arc;

        let (value, by) = (StringArray::from(vec!["a", "b", "c"]), Int64Array::from(vec![1, 2, 3]));
        let rows: [ArrayRef; 2] = [Arc::new(value), Arc::new(by)];
        let best = super::Best::new(rows[0].data_type(), rows[1].data_type(), true).unwrap();
        for (filter, expected) in [
            (BooleanArray::from(vec![true, false, true]), [Some("a"), None, Some("c")]),
            (BooleanArray::from(vec![Some(true), None, Some(false)]), [Some("a"), None, None]),
        ] {
            let state = best.convert_to_state(&rows, Some(&filter)).unwrap();
            assert_eq!(state[0].as_string::<i32>().iter().collect::<Vec<_>>(), expected);
        }
    }
}

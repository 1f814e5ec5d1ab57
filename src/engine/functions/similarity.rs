//! Similarities and distances of the matching crate over columns.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int32Array, Int64Array, LargeStringArray, StringArray,
    StringViewArray, UInt32Array,
};
use datafusion::arrow::compute::{DatePart, date_part, take};
use datafusion::arrow::datatypes::{DataType, Date32Type, Float64Type, Int32Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use kinfold_matching::similarity::{
    Similar, damerau_levenshtein, damerau_levenshtein_up_to, days_swapped, distance_km, jaro, jaro_winkler,
};

use super::normalise::as_text;

/// All of them. `levenshtein` is one of DataFusion's own.
pub(super) fn functions() -> impl Iterator<Item = ScalarUDF> {
    use Measure::{DamerauLevenshtein, DayMonthSwapped, DistanceKm, Jaro, JaroWinkler};
    let signature = || Signature::user_defined(Volatility::Immutable);
    [Jaro, JaroWinkler, DamerauLevenshtein, DistanceKm, DayMonthSwapped]
        .into_iter()
        .map(move |measure| ScalarUDF::from(Compare { measure, signature: signature() }))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Measure {
    Jaro,
    JaroWinkler,
    DamerauLevenshtein,
    DistanceKm,
    DayMonthSwapped,
}

/// One function.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Compare {
    measure: Measure,
    signature: Signature,
}

impl ScalarUDFImpl for Compare {
    fn name(&self) -> &'static str {
        match self.measure {
            Measure::Jaro => "jaro",
            Measure::JaroWinkler => "jaro_winkler",
            Measure::DamerauLevenshtein => "damerau_levenshtein",
            Measure::DistanceKm => "distance_km",
            Measure::DayMonthSwapped => "day_month_swapped",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match (self.measure, types) {
            (Measure::DamerauLevenshtein, [a, b, most]) if most.is_integer() => {
                return Ok(vec![as_text(a), as_text(b), DataType::Int64]);
            }
            (Measure::Jaro | Measure::JaroWinkler, [a, b, least]) if least.is_numeric() => {
                return Ok(vec![as_text(a), as_text(b), DataType::Float64]);
            }
            _ => {}
        }
        let (count, what, coerce): (_, _, fn(&DataType) -> Option<DataType>) = match self.measure {
            Measure::Jaro | Measure::JaroWinkler | Measure::DamerauLevenshtein => (2, "texts", |ty| Some(as_text(ty))),
            Measure::DistanceKm => (4, "numbers", as_number),
            Measure::DayMonthSwapped => (2, "dates", as_date),
        };
        match types.iter().map(coerce).collect::<Option<Vec<_>>>() {
            Some(coerced) if coerced.len() == count => Ok(coerced),
            _ => plan_err!("{} takes {count} {what}", self.name()),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.measure {
            Measure::Jaro | Measure::JaroWinkler | Measure::DistanceKm => DataType::Float64,
            Measure::DamerauLevenshtein => DataType::Int64,
            Measure::DayMonthSwapped => DataType::Boolean,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_one = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if is_one { 1 } else { args.number_rows };
        let measured: ArrayRef = match self.measure {
            Measure::Jaro => Arc::new(similarities(&args.args, rows, jaro, Similar::by_jaro)?),
            Measure::JaroWinkler => Arc::new(similarities(&args.args, rows, jaro_winkler, Similar::by_jaro_winkler)?),
            Measure::DamerauLevenshtein => Arc::new(distances(&args.args, rows)?),
            Measure::DistanceKm => Arc::new(kilometres(&args.args)?),
            Measure::DayMonthSwapped => Arc::new(swaps(&args.args)?),
        };
        if is_one {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&measured, 0)?));
        }
        Ok(ColumnarValue::Array(measured))
    }
}

fn as_number(ty: &DataType) -> Option<DataType> {
    (ty.is_numeric() || ty.is_null()).then_some(DataType::Float64)
}

fn as_date(ty: &DataType) -> Option<DataType> {
    let is_dated = matches!(ty, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) | DataType::Null);
    (is_dated || ty.is_string()).then_some(DataType::Date32)
}

/// With a third argument, 0 where the similarity is less than it.
fn similarities<'c>(
    args: &'c [ColumnarValue],
    rows: usize,
    of: fn(&str, &str) -> f64,
    to: fn(&'c str) -> Similar<'c>,
) -> Result<Float64Array> {
    if let [a, b, least] = args {
        let ColumnarValue::Scalar(ScalarValue::Float64(Some(least))) = least else {
            return exec_err!("the third argument of a similarity must be a constant");
        };
        let (a, b) = (Texts::of(a)?, Texts::of(b)?);
        // Where every record is held against every other, one text stays the same for many rows.
        let mut last: Option<Similar<'c>> = None;
        let similarity = |row| {
            let (a, b) = (a.get(row)?, b.get(row)?);
            let similar = match &mut last {
                Some(similar) if similar.one() == a => similar,
                last => last.insert(to(a)),
            };
            Some(similar.to(b, *least))
        };
        return Ok((0..rows).map(similarity).collect());
    }
    let (a, b) = two_texts(args)?;
    Ok((0..rows).map(|row| Some(of(a.get(row)?, b.get(row)?))).collect())
}

/// With a third argument, no more than one above it.
fn distances(args: &[ColumnarValue], rows: usize) -> Result<Int64Array> {
    if let [a, b, most] = args {
        let ColumnarValue::Scalar(ScalarValue::Int64(Some(most))) = most else {
            return exec_err!("the third argument of damerau_levenshtein must be a constant");
        };
        let (a, b, most) = (Texts::of(a)?, Texts::of(b)?, usize::try_from(*most).unwrap_or_default());
        let distance = |row| i64::try_from(damerau_levenshtein_up_to(a.get(row)?, b.get(row)?, most)).ok();
        return Ok((0..rows).map(distance).collect());
    }
    let (a, b) = two_texts(args)?;
    Ok((0..rows).map(|row| i64::try_from(damerau_levenshtein(a.get(row)?, b.get(row)?)).ok()).collect())
}

fn kilometres(args: &[ColumnarValue]) -> Result<Float64Array> {
    let columns = ColumnarValue::values_to_arrays(args)?;
    let columns: Vec<_> = columns.iter().map(AsArray::as_primitive::<Float64Type>).collect();
    let [lat1, lon1, lat2, lon2] = columns.as_slice() else { return exec_err!("four numbers were expected") };
    let from = lat1.iter().zip(lon1.iter());
    let to = lat2.iter().zip(lon2.iter());
    Ok(from.zip(to).map(|((lat1, lon1), (lat2, lon2))| distance_km(lat1?, lon1?, lat2?, lon2?)).collect())
}

fn swaps(args: &[ColumnarValue]) -> Result<BooleanArray> {
    /// The days of a year, within which day and month are exchanged.
    const YEAR: u32 = 366;
    /// Every day up to so many before and after 1970 is in the calendar.
    const KNOWN: u32 = 90_000_000;
    let columns = ColumnarValue::values_to_arrays(args)?;
    let [a, b] = columns.as_slice() else { return exec_err!("two dates were expected") };
    let (days_a, days_b) = (a.as_primitive::<Date32Type>(), b.as_primitive::<Date32Type>());
    // Few are near enough to be looked at in parts.
    let is_near = |(a, b): (i32, i32)| a.abs_diff(b) <= YEAR || a.unsigned_abs().max(b.unsigned_abs()) > KNOWN;
    let pairs = || days_a.iter().zip(days_b).map(|(a, b)| a.zip(b));
    let near: UInt32Array = (0..).zip(pairs()).filter(|(_, pair)| pair.is_some_and(is_near)).map(|(i, _)| i).collect();
    let parts = |dates: &ArrayRef| Dates::of(&take(dates, &near, None)?);
    let (of_a, of_b) = (parts(a)?, parts(b)?);
    let mut row = 0;
    let swapped = pairs().map(|pair| {
        if !is_near(pair?) {
            return Some(false);
        }
        row += 1;
        Some(days_swapped(of_a.get(row - 1)?, of_b.get(row - 1)?))
    });
    Ok(swapped.collect())
}

fn two_texts(args: &[ColumnarValue]) -> Result<(Texts<'_>, Texts<'_>)> {
    let [a, b] = args else { return exec_err!("two texts were expected") };
    Ok((Texts::of(a)?, Texts::of(b)?))
}

/// A column of text in whatever layout, or one text for all rows.
enum Texts<'c> {
    One(Option<&'c str>),
    Views(&'c StringViewArray),
    Small(&'c StringArray),
    Large(&'c LargeStringArray),
}

impl<'c> Texts<'c> {
    fn of(value: &'c ColumnarValue) -> Result<Self> {
        Ok(match value {
            ColumnarValue::Scalar(one) => Self::One(one.try_as_str().flatten()),
            ColumnarValue::Array(array) => match array.data_type() {
                DataType::Utf8View => Self::Views(array.as_string_view()),
                DataType::Utf8 => Self::Small(array.as_string()),
                DataType::LargeUtf8 => Self::Large(array.as_string()),
                other => return exec_err!("text was expected, not {other}"),
            },
        })
    }

    fn get(&self, row: usize) -> Option<&'c str> {
        match self {
            Self::One(one) => *one,
            Self::Views(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Small(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Large(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

/// A column of dates, in parts.
struct Dates {
    year: Int32Array,
    month: Int32Array,
    day: Int32Array,
}

impl Dates {
    fn of(dates: &ArrayRef) -> Result<Self> {
        let part = |part| date_part(dates, part).map(|numbers| numbers.as_primitive::<Int32Type>().clone());
        Ok(Self { year: part(DatePart::Year)?, month: part(DatePart::Month)?, day: part(DatePart::Day)? })
    }

    fn get(&self, row: usize) -> Option<(i32, u32, u32)> {
        let is_there = [&self.year, &self.month, &self.day].iter().all(|part| part.is_valid(row));
        is_there
            .then(|| (self.year.value(row), self.month.value(row).unsigned_abs(), self.day.value(row).unsigned_abs()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[tokio::test]
    async fn each_function_is_known_to_sql() {
        check("round(jaro('martha', 'marhta'), 4)", "0.9444").await;
        check("round(jaro_winkler('martha', 'marhta'), 4)", "0.9611").await;
        check("damerau_levenshtein('ca', 'abc')", "2").await;
        check("levenshtein('ca', 'abc')", "3").await;
        check("round(distance_km(41.0082, 28.9784, 52.52, 13.405))", "1738.0").await;
        check("day_month_swapped(date '1980-03-04', date '1980-04-03')", "true").await;
        check("day_month_swapped(date '1980-03-04', date '1980-03-04')", "false").await;
        check("day_month_swapped(date '1950-03-04', date '1980-04-03')", "false").await;
    }

    #[tokio::test]
    async fn any_layouts_of_text_and_constants_are_taken() {
        let types = ["Utf8", "LargeUtf8", "Utf8View", "Dictionary(Int32, Utf8)"];
        for (one, other) in types.iter().flat_map(|one| types.map(|other| (one, other))) {
            let cast = |value: &str, ty: &str| format!("arrow_cast({value}, '{ty}')");
            let call = |a: String, b: String| format!("damerau_levenshtein({a}, {b})");
            check(&call(cast("v", one), cast("upper(v)", other)), "2|null|0|7").await;
            check(&call(cast("v", one), cast("'ada'", other)), "7|null|3|7").await;
            check(&call(cast("'ada'", one), cast("v", other)), "7|null|3|7").await;
            check(&call(cast("'ada'", one), cast("'ida'", other)), "1").await;
        }
        check("jaro(v, null)", "null|null|null|null").await;
        check("jaro(null, null)", "null").await;
        check("jaro('', '')", "1.0").await;
        check("jaro('a')", "error: jaro takes 2 texts").await;
    }

    #[tokio::test]
    async fn numbers_and_dates_are_taken_as_they_come() {
        check("distance_km(0, 0, 0, n)", "0.0|null|null|null").await;
        check("distance_km(0, 0, arrow_cast(0, 'Int8'), 90.5) > 10000", "true").await;
        check("distance_km(91, 0, 0, 0)", "null").await;
        check("distance_km(null, 0, 0, 0)", "null").await;
        check("distance_km('a', 0, 0, 0)", "error: distance_km takes 4 numbers").await;
        check("day_month_swapped(timestamp '1980-03-04 12:00:00', '1980-04-03')", "true").await;
        check("day_month_swapped(d, date '1980-04-03')", "true|null|false|false").await;
        check("day_month_swapped(date '1980-04-03', d)", "true|null|false|false").await;
        check("day_month_swapped(d, null)", "null|null|null|null").await;
        // Beyond what a calendar has.
        check("day_month_swapped(arrow_cast(arrow_cast(2147483647, 'Int32'), 'Date32'), date '1980-04-03')", "null")
            .await;
        check("day_month_swapped(1, 2)", "error: day_month_swapped takes 2 dates").await;
    }
}

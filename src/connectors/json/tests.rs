use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int64Array,
    ListBuilder, MapBuilder, StringArray, StringBuilder, StructArray, Time64MicrosecondArray, TimestampNanosecondArray,
    UInt64Array,
};
use arrow::datatypes::{DataType, Field, Int32Type};

use super::*;

#[expect(clippy::needless_pass_by_value, reason = "it reads better where it is called")]
fn check(array: ArrayRef, expected: &[&str]) {
    let write = |row, numbers| {
        let mut out = Vec::new();
        write_cell(cell(&array, row), numbers, &mut out);
        String::from_utf8(out).unwrap()
    };
    let exact: Vec<String> = (0..array.len()).map(|row| write(row, Numbers::ExactAsText)).collect();
    assert_eq!(exact, expected);
    // Whatever is written as a number keeps all its digits.
    for (row, exact) in exact.iter().enumerate() {
        let number = write(row, Numbers::AsNumbers);
        assert!(number == *exact || format!("\"{number}\"") == *exact, "{number} for {exact}");
    }
}

#[test]
fn every_type_has_its_json() {
    check(Arc::new(BooleanArray::from(vec![Some(true), None])), &["true", "null"]);
    let big = (1_i64 << 53) + 1;
    check(
        Arc::new(Int64Array::from(vec![1 << 53, big, -big])),
        &["9007199254740992", "\"9007199254740993\"", "\"-9007199254740993\""],
    );
    check(Arc::new(UInt64Array::from(vec![7, u64::MAX])), &["7", "\"18446744073709551615\""]);
    check(Arc::new(Float64Array::from(vec![0.1, 3.0, f64::NAN, f64::INFINITY])), &["0.1", "3.0", "null", "null"]);
    let decimals = Decimal128Array::from(vec![12_050, -5]).with_precision_and_scale(20, 2).unwrap();
    check(Arc::new(decimals), &["\"120.50\"", "\"-0.05\""]);
    check(Arc::new(StringArray::from(vec!["a\"b\\c\n", "é\u{1}"])), &[r#""a\"b\\c\n""#, r#""é\u0001""#]);
    check(Arc::new(BinaryArray::from(vec![&b"\x00\xff"[..]])), &["\"AP8=\""]);
    check(Arc::new(Date32Array::from(vec![0, -1, 20_778])), &["\"1970-01-01\"", "\"1969-12-31\"", "\"2026-11-21\""]);
    check(Arc::new(Time64MicrosecondArray::from(vec![45_296_500_000])), &["\"12:34:56.5\""]);
    let instants = TimestampNanosecondArray::from(vec![0, -1, 1_795_298_400_123_000_000]).with_timezone("UTC");
    check(
        Arc::new(instants),
        &["\"1970-01-01T00:00:00Z\"", "\"1969-12-31T23:59:59.999999999Z\"", "\"2026-11-21T22:00:00.123Z\""],
    );
    let dictionary: DictionaryArray<Int32Type> = vec![Some("x"), None, Some("y"), Some("x")].into_iter().collect();
    check(Arc::new(dictionary), &["\"x\"", "null", "\"y\"", "\"x\""]);
}

#[test]
fn parts_are_nested() {
    let mut list = ListBuilder::new(StringBuilder::new());
    list.append_value([Some("a"), None]);
    list.append_value([None::<&str>; 0]);
    list.append_null();
    check(Arc::new(list.finish()), &[r#"["a",null]"#, "[]", "null"]);
    let id: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let name: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>]));
    let fields = [("id", DataType::Int64), ("name", DataType::Utf8)].map(|(n, t)| Arc::new(Field::new(n, t, true)));
    let record = StructArray::from(fields.into_iter().zip([id, name]).collect::<Vec<_>>());
    check(Arc::new(record), &[r#"{"id":1,"name":null}"#]);
    let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    map.keys().append_value("k");
    map.values().append_value("v");
    map.append(true).unwrap();
    check(Arc::new(map.finish()), &[r#"{"k":"v"}"#]);
}

//! Takes values of rows out of what a receiver says about them.

use arrow::array::{Array, RecordBatch};

use crate::cell::{Cell, cell};

/// Knows the values that may not be seen.
pub(super) struct Redactor {
    /// In lower case, longest first.
    values: Vec<String>,
}

/// What stands in a value's place.
const GONE: &str = "…";
/// So much of a message is kept.
const KEPT_CHARS: usize = 200;
/// Values this short are only looked for as words of their own.
const SHORT: usize = 3;

impl Redactor {
    pub(super) fn new(rows: &RecordBatch) -> Self {
        let mut values = Vec::new();
        for column in rows.columns() {
            for row in 0..rows.num_rows() {
                leaves(cell(column, row), &mut values);
            }
        }
        values.sort_unstable_by(|a: &String, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        Self { values }
    }

    /// The message without any value of the rows, without anything that looks like an address or a long number, and cut short.
    pub(super) fn redact(&self, message: &str) -> String {
        let mut text: String = message.chars().filter(|c| !c.is_control()).take(KEPT_CHARS * 5).collect();
        for value in &self.values {
            text = without(&text, value);
        }
        let words = text.split(' ').map(|word| {
            let digits = word.bytes().filter(u8::is_ascii_digit).count();
            if word.contains('@') || digits >= 6 { GONE } else { word }
        });
        words.collect::<Vec<_>>().join(" ").chars().take(KEPT_CHARS).collect()
    }
}

fn leaves(value: Cell<'_>, out: &mut Vec<String>) {
    match value {
        Cell::Null | Cell::Boolean(_) => {}
        Cell::List(items) => (0..items.len()).for_each(|i| leaves(cell(&items, i), out)),
        Cell::Struct(parts, row) => parts.columns().iter().for_each(|c| leaves(cell(c, row), out)),
        Cell::Map(keys, values) => {
            (0..keys.len()).for_each(|i| leaves(cell(&keys, i), out));
            (0..values.len()).for_each(|i| leaves(cell(&values, i), out));
        }
        plain => out.extend(plain.text().map(|t| t.trim().to_lowercase()).filter(|t| !t.is_empty())),
    }
}

/// Every place where `value` stands, whatever its case, with something else there.
fn without(text: &str, value: &str) -> String {
    let lower = text.to_lowercase();
    // Lengths differ for a handful of letters; then places cannot be carried over, and nothing of the text is kept.
    if lower.len() != text.len() {
        return if lower.contains(value) { GONE.to_owned() } else { text.to_owned() };
    }
    let mut out = String::new();
    let mut from = 0;
    while let Some(found) = lower[from..].find(value) {
        let (start, end) = (from + found, from + found + value.len());
        let joined = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let inside = joined(lower[..start].chars().next_back()) || joined(lower[end..].chars().next());
        out.push_str(text.get(from..start).unwrap_or(GONE));
        out.push_str(if value.chars().count() <= SHORT && inside {
            text.get(start..end).unwrap_or(GONE)
        } else {
            GONE
        });
        from = end;
    }
    out.push_str(text.get(from..).unwrap_or(GONE));
    out
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray};

    use super::*;

    #[test]
    fn values_and_their_like_are_taken_out() {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("email", Arc::new(StringArray::from(vec!["ada@example.com"]))),
            ("name", Arc::new(StringArray::from(vec!["Ada Lovelace"]))),
            ("country", Arc::new(StringArray::from(vec!["TR"]))),
            ("visits", Arc::new(Int64Array::from(vec![12]))),
        ];
        let redactor = Redactor::new(&RecordBatch::try_from_iter(columns).unwrap());
        let check = |message: &str, expected: &str| assert_eq!(redactor.redact(message), expected);
        check("invalid email ADA@example.com", "invalid email …");
        check("no such person: ada lovelace!", "no such person: …!");
        check("country tr is not known, try again", "country … is not known, try again");
        check("at most 12 of 120 visits", "at most … of 120 visits");
        check("mail bob@example.org or call +49301234567", "mail … or call …");
        check(&"x".repeat(900), &"x".repeat(200));
    }
}

//! Takes values of rows out of what a receiver says about them.

use std::collections::{BTreeMap, HashSet};

use arrow::array::{Array, RecordBatch};

use crate::cell::{Cell, cell};

/// Knows the values that may not be seen.
pub(super) struct Redactor {
    /// In lower case, by their length in bytes: a message is looked through once for each length, however many values there are.
    values: BTreeMap<usize, HashSet<String>>,
}

/// What stands in a value's place.
const GONE: &str = "…";
/// So much of a message is kept.
const KEPT_CHARS: usize = 200;
/// Values this short are only looked for as words of their own.
const SHORT: usize = 3;

impl Redactor {
    pub(super) fn new(rows: &RecordBatch) -> Self {
        let mut values: BTreeMap<usize, HashSet<String>> = BTreeMap::new();
        for column in rows.columns() {
            for row in 0..rows.num_rows() {
                leaves(cell(column, row), &mut |value| {
                    values.entry(value.len()).or_default().insert(value);
                });
            }
        }
        Self { values }
    }

    /// The message without any value of the rows, without anything that looks like an address or a long number, and cut short.
    pub(super) fn redact(&self, message: &str) -> String {
        let mut text: String = message.chars().filter(|c| !c.is_control()).take(KEPT_CHARS * 5).collect();
        // The longest first: a shorter one may be a part of it.
        for (length, values) in self.values.iter().rev() {
            // A letter may have a longer form in lower case, by half at most.
            if *length <= 2 * text.len() {
                text = without(&text, *length, values);
            }
        }
        let words = text.split(' ').map(|word| {
            let digits = word.bytes().filter(u8::is_ascii_digit).count();
            if word.contains('@') || digits >= 6 { GONE } else { word }
        });
        words.collect::<Vec<_>>().join(" ").chars().take(KEPT_CHARS).collect()
    }
}

fn leaves(value: Cell<'_>, out: &mut impl FnMut(String)) {
    match value {
        Cell::Null | Cell::Boolean(_) => {}
        Cell::List(items) => (0..items.len()).for_each(|i| leaves(cell(&items, i), out)),
        Cell::Struct(parts, row) => parts.columns().iter().for_each(|c| leaves(cell(c, row), out)),
        Cell::Map(keys, values) => {
            (0..keys.len()).for_each(|i| leaves(cell(&keys, i), out));
            (0..values.len()).for_each(|i| leaves(cell(&values, i), out));
        }
        plain => plain.text().map(|t| t.trim().to_lowercase()).filter(|t| !t.is_empty()).into_iter().for_each(out),
    }
}

/// Every place where one of the values, all of this length, stands, whatever its case, with something else there.
fn without(text: &str, length: usize, values: &HashSet<String>) -> String {
    let lower = text.to_lowercase();
    let at = |start: usize| lower.get(start..start + length).filter(|part| values.contains(*part));
    // Lengths differ for a handful of letters; then places cannot be carried over, and nothing of the text is kept.
    if lower.len() != text.len() {
        return if (0..lower.len()).any(|start| at(start).is_some()) { GONE.to_owned() } else { text.to_owned() };
    }
    let joined = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let mut out = String::new();
    let (mut kept, mut start) = (0, 0);
    while start + length <= lower.len() {
        let Some(value) = at(start) else {
            start += 1;
            continue;
        };
        let end = start + length;
        let inside = joined(lower[..start].chars().next_back()) || joined(lower[end..].chars().next());
        if !(inside && value.chars().count() <= SHORT) {
            out.push_str(text.get(kept..start).unwrap_or(GONE));
            out.push_str(GONE);
            kept = end;
        }
        start = end;
    }
    out.push_str(text.get(kept..).unwrap_or(GONE));
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

    #[test]
    fn many_values_and_many_messages_take_no_longer_than_both() {
        let mails: Vec<String> = (0..20_000).map(|i| format!("person-{i:05}@example.com")).collect();
        let columns: [(&str, ArrayRef); 1] = [("email", Arc::new(StringArray::from(mails.clone())))];
        let redactor = Redactor::new(&RecordBatch::try_from_iter(columns).unwrap());
        let start = std::time::Instant::now();
        for mail in &mails {
            assert_eq!(redactor.redact(&format!("<{mail}> bounces")), "<…> bounces");
        }
        // To look for each value in each message takes minutes.
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }
}

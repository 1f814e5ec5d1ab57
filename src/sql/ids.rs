//! The diagnostics of this crate.

/// Every diagnostic id that this crate reports, with one line on what it means.
#[must_use]
pub const fn ids() -> &'static [(&'static str, &'static str)] {
    IDS
}

#[rustfmt::skip]
const IDS: &[(&str, &str)] = &[
    ("ambiguous-column", "a name that is a column of more than one table in sight"),
    ("bad-count", "the number of `top(x, n)` is no whole number in bounds"),
    ("bad-date-literal", "text that stands for a date or a time, and is none"),
    ("bad-interval", "a duration with a word that is no unit of time"),
    ("bad-ordinal", "a position in `group by` or `order by` that the select list does not have"),
    ("bad-percentile", "the share of `percentile(x, p)` is no number from 0 to 1"),
    ("column-count", "queries, rows or names that go together have different numbers of columns"),
    ("column-outside-aggregate", "a column in a trait's value that stands outside of every aggregate"),
    ("duplicate-column", "two columns of one query have the same name"),
    ("duplicate-relation", "two tables of one `from` or `with` have the same name"),
    ("integer-division", "a whole number divided by a whole number, which drops the fraction"),
    ("interval-comparison", "a difference of times compared with a duration, which the engine gets wrong"),
    ("join-without-condition", "a join that does not say which rows belong together"),
    ("misplaced-aggregate", "an aggregate where each row stands alone"),
    ("misplaced-subquery", "a query where only a value may stand"),
    ("misplaced-unnest", "`unnest` outside of a select list"),
    ("misplaced-window", "a window function where none may stand"),
    ("missing-over", "a window function without a window"),
    ("nested-aggregate", "an aggregate inside an aggregate"),
    ("no-aggregate", "a trait's value over many rows that has no aggregate"),
    ("not-a-condition", "something else than true or false where a condition is wanted"),
    ("not-a-time", "something else than a date or a timestamp where a time is wanted"),
    ("not-reproducible", "a function that gives something else on every run"),
    ("null-comparison", "a comparison with null, which is never true"),
    ("order-not-selected", "a `select distinct` ordered by what it does not select"),
    ("refused-function", "a function that reads files or tells of the engine"),
    ("sql-empty", "there is no SQL"),
    ("sql-not-a-query", "a statement that is no query"),
    ("sql-several-statements", "more than one statement"),
    ("sql-syntax", "SQL that cannot be parsed"),
    ("sql-template", "a template's braces in SQL"),
    ("sql-too-deep", "SQL that is nested too deeply"),
    ("sql-unsupported", "SQL that the engine does not know"),
    ("type-mismatch", "values of types that do not go together"),
    ("ungrouped-column", "a column that is neither grouped by nor inside an aggregate"),
    ("unknown-aggregate", "an aggregate that a trait's value does not know"),
    ("unknown-column", "a column that is not there"),
    ("unknown-field", "a field that the record does not have"),
    ("unknown-function", "a function that is not there"),
    ("unknown-table", "a table that is not there"),
    ("unknown-type", "a type that the engine does not have"),
    ("unknown-window", "a window that the `window` clause does not define"),
    ("unnamed-column", "a column of a model that has no name"),
    ("wrong-argument-count", "a call with too many or too few arguments"),
    ("wrong-argument-type", "a call with an argument of the wrong type"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::ids;

    /// Ids as they stand in the sources, in calls of `Diagnostic::error` and `Diagnostic::warning`.
    fn used(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                used(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("ids.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                for call in ["Diagnostic::error(", "Diagnostic::warning("] {
                    for after in text.split(call).skip(1) {
                        if let Some(id) = after.trim_start().strip_prefix('"') {
                            found.insert(id.split('"').next().unwrap().to_owned());
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn every_id_that_is_reported_is_listed_and_the_other_way_round() {
        let mut found = BTreeSet::new();
        let folder = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests");
        used(Path::new(&folder), &mut found);
        // Chosen by a condition, so not in the first place of a call.
        found.extend(
            ["misplaced-aggregate", "nested-aggregate", "not-reproducible", "refused-function"].map(str::to_owned),
        );
        let listed: BTreeSet<String> = ids().iter().map(|(id, _)| (*id).to_owned()).collect();
        assert_eq!(found, listed);
        assert!(ids().is_sorted());
    }
}

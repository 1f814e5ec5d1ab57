//! Functions that Kinfold adds to SQL.
//!
//! | function | gives |
//! |---|---|
//! | `kinfold_exact(text)`, `kinfold_lower`, `kinfold_digits`, `kinfold_uuid`, `kinfold_email` | the identifier in its one form, or null |
//! | `kinfold_phone(text, region)` | the number in E.164, or null; numbers without a country code are read as of the region |
//! | `kinfold_first(value, by)`, `kinfold_last` | of a group, the value where `by` is smallest or largest |
//! | `kinfold_row_hash(any, …)` | 32 hexadecimal digits, the same for the same values |
//! | `kinfold_key(any, …)` | a number, the same for the same values; null where one of them is |
//! | `kinfold_once(any)` | the value, worked out once and where it stands: conditions on it do not move to before it |
//! | `strip_accents(text)`, `strip_punctuation`, `transliterate`, `clean_name`, `nickname` | the text in a form in which it can be compared, or null |
//! | `soundex(text)`, `double_metaphone`, `nysiis`, `cologne_phonetic` | a code that names share which sound alike, or null |
//! | `jaro(text, text)`, `jaro_winkler` | how alike two texts are, from 0 to 1 |
//! | `damerau_levenshtein(text, text)` | how many changes of a character lie between two texts |
//! | `distance_km(lat, lon, lat, lon)` | kilometres between two places, or null |
//! | `day_month_swapped(date, date)` | whether two dates differ by an exchange of day and month alone |
//!
//! Those that begin with `kinfold_` are for compiled SQL; the others are for users too, and in docs/functions.md. The functions
//! themselves are in the identity crate and in the matching crate; here are only their columns.

mod by_time;
mod normalise;
mod once;
mod row_hash;
mod similarity;
mod text;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::{FunctionRegistry, SessionState};

/// Makes the functions known to a session.
pub(crate) fn register(state: &mut SessionState) -> Result<()> {
    let functions = normalise::functions().into_iter().chain(row_hash::functions()).chain([once::function()]);
    for function in functions.chain(text::functions()).chain(similarity::functions()) {
        state.register_udf(Arc::new(function))?;
    }
    for function in by_time::functions() {
        state.register_udaf(Arc::new(function))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
    use datafusion::common::Result;
    use datafusion::execution::SessionStateBuilder;
    use datafusion::prelude::SessionContext;

    const ROWS: &str =
        "(VALUES ('Ada, J.R.', 0, date '1980-03-04'), (null, null, null), ('.', null, date '1980-04-03'),
        ('İstanbul', null, date '1981-03-04')) AS r (v, n, d)";

    /// What a call gives: for each of the rows, with bars between them, or alone; or a part of the error after `error: `.
    pub(super) async fn check(call: &str, expected: &str) {
        let from = if expected.contains('|') { format!(" FROM {ROWS}") } else { String::new() };
        let found = cells(&format!("SELECT {call}{from}")).await;
        match (found, expected.strip_prefix("error: ")) {
            (Err(error), Some(part)) => assert!(error.to_string().contains(part), "{call}: {error}"),
            (found, _) => assert_eq!(found.expect(call).join("|"), expected, "{call}"),
        }
    }

    /// A session that knows the functions.
    pub(super) fn session() -> SessionContext {
        let mut state = SessionStateBuilder::new().with_default_features().build();
        super::register(&mut state).expect("they can be registered");
        SessionContext::new_with_state(state)
    }

    /// The first column.
    async fn cells(sql: &str) -> Result<Vec<String>> {
        let options = FormatOptions::default().with_null("null");
        let mut cells = vec![];
        for batch in session().sql(sql).await?.collect().await? {
            let column = ArrayFormatter::try_new(batch.column(0), &options)?;
            cells.extend((0..batch.num_rows()).map(|row| column.value(row).to_string()));
        }
        Ok(cells)
    }
}

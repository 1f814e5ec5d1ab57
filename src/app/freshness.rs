//! Whether sources are as new as their authors promise.

use kinfold_base::{SignedDuration, Timestamp};

use crate::{AppError, Ready};

/// Compares the newest row of every source that has a `freshness` with the run's instant. Gives warnings.
///
/// # Errors
/// When a source is older than its `error_after`, or has no rows with a time at all while it has one.
pub(crate) async fn check(ready: &Ready, as_of: Timestamp) -> Result<Vec<String>, AppError> {
    let mut warnings = vec![];
    for source in &ready.project.sources {
        let (Some(freshness), Some(time)) = (source.freshness, &source.time) else { continue };
        let newest = ready.engine.newest(&source.name, time).await?;
        let age = newest.map(|t| as_of.duration_since(t));
        let older = |limit: Option<SignedDuration>| limit.is_some_and(|limit| age.is_none_or(|age| age > limit));
        let what = || match newest {
            Some(newest) => format!("the newest row of {} is of {newest}", source.name),
            None => format!("{} has no rows with a time", source.name),
        };
        if older(freshness.error_after) {
            return Err(AppError::input(format!("{}, which is older than its freshness.error_after allows", what()))
                .hint("find out why the source gets no new rows, or allow more in its freshness"));
        }
        if older(freshness.warn_after) {
            warnings.push(format!("{}, which is older than its freshness.warn_after", what()));
        }
    }
    Ok(warnings)
}

//! `kinfold query`

use crate::rows::{QueryResult, first_rows};
use crate::{AppError, Ready};

/// Runs a query that a user wrote, over sources, models and Kinfold's tables. It can read, and nothing else.
pub async fn query(ready: &Ready, sql: &str, limit: usize) -> Result<QueryResult, AppError> {
    ready.open_tables().await?;
    first_rows(ready.engine.user_query(sql).await?, limit).await
}

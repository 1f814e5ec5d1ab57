//! How syntax trees become text.
//!
//! Trees are written once, in a form that is DataFusion's and as near to the standard as that allows. Whatever another dialect
//! spells otherwise is rewritten here and nowhere else; to add a dialect, copy [`postgres`].

mod by;
mod escape;
mod postgres;

use sqlparser::ast::Query;

use crate::Dialect;

/// The query as readable SQL, over several lines, without a semicolon at its end.
#[must_use]
pub fn render(query: &Query, dialect: Dialect) -> String {
    let mut query = query.clone();
    match dialect {
        Dialect::DataFusion => {}
        Dialect::PostgreSql => postgres::rewrite(&mut query),
    }
    escape::escape(&mut query);
    format!("{query:#}")
}

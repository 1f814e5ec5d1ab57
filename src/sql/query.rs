use kinfold_base::{Diagnostic, SourceText, SqlType};
use sqlparser::ast::{self, Expr};

use crate::{Catalog, TypedQuery, typer::Typer};

/// Resolves and types a query over the tables of a catalog.
pub fn type_query(text: &SourceText, query: &ast::Query, catalog: &dyn Catalog, diags: &mut Vec<Diagnostic>) -> Option<TypedQuery> {
    let _ = (text, query, catalog, diags);
    None
}
impl Typer<'_> {
    pub(crate) fn subquery(&mut self, e: &mut Expr) -> SqlType { let _ = e; SqlType::Unknown }
}

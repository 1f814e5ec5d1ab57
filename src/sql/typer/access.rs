//! Access to records and lists.

use kinfold_base::SqlType;
use sqlparser::ast::{AccessExpr, Expr, Spanned, Subscript, Value};

use super::{Typer, text_literal};
use crate::functions::Arg;

impl Typer<'_> {
    /// Types `record['field']`, `list[1]`, `list[1:2]`, and `(record).field`, which becomes the first.
    pub(super) fn access(&mut self, expr: &mut Expr) -> SqlType {
        let Expr::CompoundFieldAccess { root, access_chain } = expr else { return SqlType::Unknown };
        let mut ty = self.expr(root);
        for step in access_chain.iter_mut() {
            let field = match step {
                AccessExpr::Dot(Expr::Identifier(ident)) => Some((ident.value.clone(), ident.span)),
                AccessExpr::Subscript(Subscript::Index { index }) => {
                    text_literal(index).map(|text| (text.to_owned(), index.span()))
                }
                _ => None,
            };
            if let Some((name, span)) = field {
                let (name, inner) = self.field(&ty, &name, span);
                let index = Expr::Value(Value::SingleQuotedString(name).with_span(span));
                *step = AccessExpr::Subscript(Subscript::Index { index });
                ty = inner;
                continue;
            }
            ty = match step {
                AccessExpr::Subscript(Subscript::Index { index }) => {
                    self.argument(index, Arg::Integer, "[…]");
                    match ty {
                        SqlType::List(item) => *item,
                        _ => SqlType::Unknown,
                    }
                }
                AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, stride }) => {
                    for bound in [lower_bound, upper_bound, stride].into_iter().flatten() {
                        self.argument(bound, Arg::Integer, "[…]");
                    }
                    ty
                }
                AccessExpr::Dot(other) => {
                    let other = other.clone();
                    self.unsupported(&other, "only the name of a field may stand after the dot")
                }
            };
        }
        // `(table.record).field` came with brackets; after them the engine's parser wants none.
        while let Expr::Nested(inner) = &mut **root {
            if !matches!(**inner, Expr::Identifier(_) | Expr::CompoundIdentifier(_)) {
                break;
            }
            let inner = std::mem::replace(&mut **inner, Expr::Tuple(vec![]));
            **root = inner;
        }
        ty
    }
}

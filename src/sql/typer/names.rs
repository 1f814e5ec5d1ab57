//! Columns and fields by name.

use kinfold_base::{Diagnostic, SqlType, did_you_mean};
use sqlparser::ast::{
    AccessExpr, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName, ObjectNamePart, Subscript, Value,
};
use sqlparser::tokenizer::Span as SqlSpan;

use super::{Frame, Hit, Lookup, Typer, pick};
use crate::ColumnRef;

/// An identifier that means exactly this name.
pub(crate) fn quoted(name: impl Into<String>, span: SqlSpan) -> Ident {
    Ident { value: name.into(), quote_style: Some('"'), span }
}

/// A table's name that means exactly these parts.
pub(crate) fn quoted_name(parts: impl IntoIterator<Item = String>) -> ObjectName {
    ObjectName(parts.into_iter().map(|p| ObjectNamePart::Identifier(quoted(p, SqlSpan::empty()))).collect())
}

/// A column of the rows that qualify it; of several, the first value that is not null.
pub(crate) fn column_of(qualifiers: &[String], at: SqlSpan, column: &Ident) -> Expr {
    let of = |qualifier: &String| Expr::CompoundIdentifier(vec![quoted(qualifier.clone(), at), column.clone()]);
    match qualifiers {
        [] => Expr::Identifier(column.clone()),
        [qualifier] => of(qualifier),
        several => call("coalesce", at, several.iter().map(of).collect()),
    }
}

/// A call of a function of ours.
pub(super) fn call(name: &str, at: SqlSpan, args: Vec<Expr>) -> Expr {
    let args = args.into_iter().map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))).collect();
    Expr::Function(Function {
        name: ObjectName(vec![ObjectNamePart::Identifier(Ident::with_span(at, name))]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: vec![] }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}

impl Typer<'_> {
    /// Types a column, or a field of one, and writes its name in full.
    pub(super) fn column(&mut self, expr: &mut Expr) -> SqlType {
        let idents = match &*expr {
            Expr::Identifier(ident) => vec![ident.clone()],
            Expr::CompoundIdentifier(idents) => idents.clone(),
            _ => return SqlType::Unknown,
        };
        let Some(hit) = self.resolve(&idents) else { return SqlType::Unknown };
        if !self.allow.columns {
            let span = self.report.span(expr);
            let message = format!("`{}` stands outside of every aggregate", hit.col.name);
            self.report.push(
                Diagnostic::error("column-outside-aggregate", span, message)
                    .hint(format!("say which of many values is meant, as in `sum({0})` or `last({0})`", hit.col.name)),
            );
            return hit.col.ty;
        }
        self.flow.extend(hit.col.inputs.iter().cloned());
        let read = ColumnRef { table: hit.table.clone(), column: hit.col.name.clone() };
        if !self.columns.contains(&read) {
            self.columns.push(read);
        }
        let (used, rest) = idents.split_at(hit.used);
        let span = used.last().map_or(SqlSpan::empty(), |i| i.span);
        let column = quoted(hit.col.name, span);
        let root = column_of(&hit.qualifiers, used[0].span, &column);
        let mut ty = hit.col.ty;
        let mut chain = vec![];
        for field in rest {
            let (name, inner) = self.field(&ty, &field.value, field.span);
            chain.push(AccessExpr::Subscript(Subscript::Index {
                index: Expr::Value(Value::SingleQuotedString(name).with_span(field.span)),
            }));
            ty = inner;
        }
        *expr = if chain.is_empty() {
            root
        } else {
            Expr::CompoundFieldAccess { root: Box::new(root), access_chain: chain }
        };
        ty
    }

    /// The exact name and the type of a record's field.
    pub(super) fn field(&mut self, ty: &SqlType, name: &str, at: SqlSpan) -> (String, SqlType) {
        let span = self.report.place(at);
        match ty {
            SqlType::Struct(fields) => {
                if let Some(field) = pick(fields, name, |f| &f.name).first() {
                    return (field.name.clone(), field.ty.clone());
                }
                let near = did_you_mean(name, fields.iter().map(|f| f.name.as_str()));
                let message = format!("the record has no field `{name}`");
                let diagnostic = Diagnostic::error("unknown-field", span, message);
                self.report.push(diagnostic.hint_opt(near.map(|n| format!("did you mean `{n}`?"))));
                (name.to_owned(), SqlType::Unknown)
            }
            SqlType::Null | SqlType::Unknown => (name.to_owned(), SqlType::Unknown),
            other => {
                let message = format!("only a record has fields, and this is {other}");
                self.report.push(Diagnostic::error("unknown-field", span, message));
                (name.to_owned(), SqlType::Unknown)
            }
        }
    }

    /// Finds a column from the innermost rows outwards; reports it if there is none.
    pub(crate) fn resolve(&mut self, idents: &[Ident]) -> Option<Hit> {
        let mut wrong = None;
        for frame in self.frames.iter().rev() {
            match frame.lookup(idents) {
                Lookup::Hit(hit) => return Some(*hit),
                Lookup::Ambiguous(tables) => {
                    let span = self.report.place(idents[0].span);
                    let name = idents.get(1).map_or(&idents[0].value, |i| &i.value);
                    let named = tables.iter().filter(|t| !t.is_empty()).map(|table| format!("`{table}.{name}`"));
                    let hint = format!("say which one: {}", named.collect::<Vec<_>>().join(" or "));
                    let message = format!("`{name}` is a column of more than one table");
                    self.report.push(Diagnostic::error("ambiguous-column", span, message).hint(hint));
                    return None;
                }
                Lookup::NoColumn { at, table, names } => wrong = wrong.or(Some((at, table, names))),
                Lookup::Nothing => {}
            }
        }
        let diagnostic = match wrong {
            Some((at, table, names)) => self.no_column(&idents[at], Some(&table), &names),
            None if idents.len() > 1 => self.no_table(idents),
            None => {
                let names: Vec<String> =
                    self.frames.iter().rev().flat_map(|f| f.names().map(str::to_owned).collect::<Vec<_>>()).collect();
                self.no_column(&idents[0], None, &names)
            }
        };
        self.report.push(diagnostic);
        None
    }

    fn no_column(&self, ident: &Ident, table: Option<&str>, names: &[String]) -> Diagnostic {
        let name = &ident.value;
        let message = match table {
            Some(table) => format!("`{table}` has no column `{name}`"),
            None => format!("there is no column `{name}` here"),
        };
        let near = did_you_mean(name, names.iter().map(String::as_str)).map(|n| format!("did you mean `{n}`?"));
        // Other engines read double quotes as text, so this is a frequent slip.
        let text = (ident.quote_style == Some('"')).then(|| format!("text stands in single quotes: '{name}'"));
        let list = (!names.is_empty() && names.len() <= 12).then(|| format!("there are: {}", names.join(", ")));
        Diagnostic::error("unknown-column", self.report.place(ident.span), message).hint_opt(near.or(text).or(list))
    }

    fn no_table(&self, idents: &[Ident]) -> Diagnostic {
        let name = &idents[0].value;
        let tables: Vec<&str> = self.frames.iter().flat_map(|f| &f.rows).filter_map(|r| r.name.as_deref()).collect();
        let columns: Vec<&str> = self.frames.iter().flat_map(Frame::names).collect();
        let hint = did_you_mean(name, tables.iter().chain(&columns).copied())
            .map(|n| format!("did you mean `{n}`?"))
            .or_else(|| (!tables.is_empty()).then(|| format!("there are: {}", tables.join(", "))));
        let message = format!("there is no table or record `{name}` here");
        Diagnostic::error("unknown-column", self.report.place(idents[0].span), message).hint_opt(hint)
    }
}

//! Sources and models by name, as checks look them up.

use kinfold_base::{Diagnostic, SourceText, TableSchema, did_you_mean};
use kinfold_sql::{Catalog, CatalogTable, Context, Relation, Scope, TableRef, Typed, Unchanged, parse_expr, type_expr};
use sqlparser::ast::{Expr, Ident};

use crate::ast::{Sql, Text};
use crate::checks::columns::UNKNOWN_COLUMN;
use crate::checks::tables::UNKNOWN_TABLE;
use crate::parse::Parsed;
use crate::project::TableName;

/// A source's table or a model.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) name: TableName,
    /// Absent where it could not be found out, which has been reported.
    pub(crate) schema: Option<TableSchema>,
    /// The declared time column, by its exact name.
    pub(crate) time: Option<String>,
    pub(crate) unique_key: Vec<String>,
    /// For a model, column by column, what it is unchanged.
    pub(crate) origins: Vec<Option<Unchanged>>,
    pub(crate) is_model: bool,
    /// All columns are known, and those of everything that it reads: otherwise nobody can say what it lacks.
    pub(crate) is_whole: bool,
}

/// All tables known so far, sources first, then models in the order of reading.
pub(crate) struct Tables<'a> {
    pub(crate) parsed: &'a Parsed,
    pub(crate) list: Vec<Table>,
}

impl Table {
    /// The rows of this table, as an expression sees them.
    pub(crate) fn scope(&self) -> Scope {
        Scope::table(self.name.schema.as_deref(), self.name.name.clone(), self.schema.clone())
    }
}

impl Tables<'_> {
    pub(crate) fn get(&self, name: &TableName) -> Option<&Table> {
        self.list.iter().find(|t| t.name == *name)
    }

    /// The table of that name; one that is not known is reported, unless something was left out that may be it.
    pub(crate) fn find(&self, text: &Text, diagnostics: &mut Vec<Diagnostic>) -> Option<&Table> {
        let name = table_name(text.as_str());
        let found = self.get(&name).or_else(|| {
            let wanted = text.as_str().to_ascii_lowercase();
            self.list.iter().find(|t| t.name.to_string().to_ascii_lowercase() == wanted)
        });
        if found.is_none() && !self.parsed.hides(text.as_str()) {
            let message = format!("there is no source table or model `{}`", text.as_str());
            diagnostics.push(UNKNOWN_TABLE.at(text.span(), message).hint_opt(self.hint(text.as_str())));
        }
        found
    }

    fn hint(&self, name: &str) -> Option<String> {
        let names: Vec<String> = self.list.iter().map(|t| t.name.to_string()).collect();
        let bare = || {
            let mut same = self.list.iter().filter(|t| t.name.name.eq_ignore_ascii_case(name));
            same.next().map(|t| t.name.to_string())
        };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        bare().map(|near| format!("did you mean `{near}`?")).or_else(|| near_or_all(name, &names, 12))
    }
}

/// The tables that one query may read: those that are known, and those that it names and that may have been left out.
pub(crate) struct QueryTables<'a> {
    pub(crate) tables: &'a Tables<'a>,
    pub(crate) hidden: Vec<TableRef>,
}

impl Catalog for QueryTables<'_> {
    fn tables(&self) -> Vec<TableRef> {
        let known = self.tables.list.iter().map(|t| (t.name.schema.clone(), t.name.name.clone()));
        known.chain(self.hidden.iter().cloned()).collect()
    }

    fn table(&self, schema: Option<&str>, name: &str) -> Option<CatalogTable> {
        let wanted = (schema.map(str::to_owned), name.to_owned());
        match self.tables.get(&from_ref(&wanted)) {
            Some(table) => Some(table.schema.clone().map_or(CatalogTable::Unknown, CatalogTable::Known)),
            None => self.hidden.contains(&wanted).then_some(CatalogTable::Unknown),
        }
    }
}

/// `source.table` or `model`.
pub(crate) fn table_name(text: &str) -> TableName {
    match text.split_once('.') {
        Some((schema, name)) => TableName::qualified(schema, name),
        None => TableName::bare(text),
    }
}

pub(crate) fn from_ref((schema, name): &TableRef) -> TableName {
    TableName { schema: schema.clone(), name: name.clone() }
}

/// The exact name of a column of a table; one that is not there is reported. The name as written, where columns are not known.
pub(crate) fn column(
    schema: Option<&TableSchema>,
    text: &SourceText,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<String> {
    let Some(schema) = schema else { return Some(text.text.clone()) };
    if let Some(column) = schema.column(&text.text) {
        return Some(column.name.clone());
    }
    diagnostics.push(
        UNKNOWN_COLUMN.at(text.span, format!("there is no column `{}`", text.text)).hint_opt(near_or_all(
            &text.text,
            &schema.names().collect::<Vec<_>>(),
            20,
        )),
    );
    None
}

/// The nearest of some names or, where there are no more than `many`, all of them.
pub(crate) fn near_or_all(name: &str, names: &[&str], many: usize) -> Option<String> {
    if let Some(near) = did_you_mean(name, names.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    match names {
        [] => None,
        [only] => Some(format!("there is only {only}")),
        _ => (names.len() <= many).then(|| format!("there are {}", names.join(", "))),
    }
}

/// A column as SQL: quoted, so that it is found exactly.
pub(crate) fn column_expr(name: &str) -> Expr {
    Expr::Identifier(Ident::with_quote('"', name))
}

/// Parses and types an expression.
pub(crate) fn typed(sql: &Sql, scope: &Scope, context: Context, diagnostics: &mut Vec<Diagnostic>) -> Option<Typed> {
    let expr = parse_expr(&sql.0, diagnostics)?;
    type_expr(&sql.0, &expr, scope, context, diagnostics)
}

/// Columns that cannot be qualified; all names are taken for right where something may have been left out.
pub(crate) fn open_scope(columns: TableSchema, is_open: bool) -> Scope {
    if is_open {
        return Scope { relations: vec![Relation { schema: None, name: None, columns: None }] };
    }
    Scope::columns(columns)
}

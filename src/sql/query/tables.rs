//! Tables by name.

use std::collections::BTreeMap;

use kinfold_base::{Diagnostic, did_you_mean};
use sqlparser::ast::ObjectName;

use super::Columns;
use crate::typer::{Col, Typer, pick};
use crate::{CatalogTable, TableRef};

/// A table as `from` names it.
pub(super) enum Named {
    Cte(String, Columns),
    Table(TableRef, Columns),
}

impl Typer<'_> {
    /// Finds the table that a name means; reports it if there is none.
    pub(super) fn named(&mut self, name: &ObjectName) -> Option<Named> {
        let parts: Vec<String> = name.0.iter().filter_map(|p| p.as_ident().map(|i| i.value.clone())).collect();
        let known = self.catalog.map(crate::Catalog::tables).unwrap_or_default();
        let found = match parts.as_slice() {
            [own] => {
                let ctes: Vec<_> = self.ctes.iter().rev().collect();
                if let Some(cte) = pick(&ctes, own, |c| &c.name).first() {
                    let (name, columns) = (cte.name.clone(), cte.columns.clone());
                    return Some(Named::Cte(name, self.read_again(columns)));
                }
                let models: Vec<&TableRef> = known.iter().filter(|t| t.0.is_none()).collect();
                only(&pick(&models, own, |t| &t.1).into_iter().copied().collect::<Vec<_>>())
            }
            [schema, own] => {
                let of_schema: Vec<&TableRef> = known.iter().filter(|t| t.0.is_some()).collect();
                let schema_of = |t: &&TableRef| t.0.clone().unwrap_or_default();
                let exact: Vec<&&TableRef> = of_schema.iter().filter(|t| schema_of(t) == *schema).collect();
                let loose =
                    || of_schema.iter().filter(|t| schema_of(t).eq_ignore_ascii_case(schema)).collect::<Vec<_>>();
                let in_schema = if exact.is_empty() { loose() } else { exact };
                only(&pick(&in_schema, own, |t| &t.1).into_iter().map(|t| **t).collect::<Vec<_>>())
            }
            _ => None,
        };
        let Some(table) = found else {
            self.unknown_table(name, &parts, &known);
            return None;
        };
        let columns = match self.catalog?.table(table.0.as_deref(), &table.1)? {
            CatalogTable::Known(schema) => {
                let occurrence = self.next_occurrence();
                Some(schema.columns.into_iter().map(|c| Col::of_table(&table, c, occurrence)).collect())
            }
            CatalogTable::Unknown => None,
        };
        Some(Named::Table(table, columns))
    }

    /// The columns of a common table expression where it is read: other rows than where else it is read.
    fn read_again(&mut self, columns: Columns) -> Columns {
        let mut columns = columns?;
        let mut numbers = BTreeMap::new();
        for origin in columns.iter_mut().filter_map(|c| c.origin.as_mut()) {
            origin.occurrence = *numbers.entry(origin.occurrence).or_insert_with(|| self.next_occurrence());
        }
        Some(columns)
    }

    pub(super) fn next_occurrence(&mut self) -> usize {
        self.occurrences += 1;
        self.occurrences
    }

    fn unknown_table(&mut self, name: &ObjectName, parts: &[String], known: &[TableRef]) {
        let full = |t: &TableRef| t.0.as_ref().map_or_else(|| t.1.clone(), |schema| format!("{schema}.{}", t.1));
        let written = parts.join(".");
        let own = parts.last().map(String::as_str).unwrap_or_default();
        let quoted_text = name.0.iter().any(|p| p.as_ident().is_some_and(|i| i.quote_style == Some('\'')));
        let hint = if quoted_text || own.contains(['/', '*']) {
            Some("files are declared as tables under `sources`, and named".to_owned())
        } else {
            let same: Vec<String> = known.iter().filter(|t| t.1.eq_ignore_ascii_case(own)).map(full).collect();
            let names: Vec<String> = known.iter().map(full).chain(self.ctes.iter().map(|c| c.name.clone())).collect();
            let bare: Vec<&str> = known.iter().map(|t| t.1.as_str()).collect();
            same.first()
                .cloned()
                .or_else(|| did_you_mean(&written, names.iter().map(String::as_str)))
                .or_else(|| {
                    let near = did_you_mean(own, bare)?;
                    known.iter().find(|t| t.1 == near).map(full)
                })
                .map(|n| format!("did you mean `{n}`?"))
        };
        let span = self.report.span(name);
        let message = format!("there is no table `{written}`");
        self.report.push(Diagnostic::error("unknown-table", span, message).hint_opt(hint));
    }
}

/// The one table among those that were found.
fn only<T: std::borrow::Borrow<TableRef>>(found: &[T]) -> Option<TableRef> {
    match found {
        [table] => Some(table.borrow().clone()),
        _ => None,
    }
}

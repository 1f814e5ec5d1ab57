//! `*` and `t.*`, written out.

use kinfold_base::Diagnostic;
use sqlparser::ast::{
    ExcludeSelectItem, Expr, Ident, ObjectNamePart, SelectItemQualifiedWildcardKind, WildcardAdditionalOptions,
};

use super::Naming;
use super::select::Item;
use crate::typer::{Allow, Col, Rows, Typer, column_of, pick, quoted};

impl Typer<'_> {
    /// The rows that `t.*` names.
    pub(super) fn wildcard_rows(&mut self, kind: &SelectItemQualifiedWildcardKind) -> Option<Rows> {
        let SelectItemQualifiedWildcardKind::ObjectName(name) = kind else {
            self.unsupported(kind, "only a table's name may stand before `.*`");
            return None;
        };
        let idents: Vec<Ident> = name.0.iter().filter_map(|p| p.as_ident().cloned()).collect();
        let frame = self.frames.last()?;
        if let Some(rows) = frame.rows_named(&idents) {
            return Some(rows.clone());
        }
        let names: Vec<String> = frame.rows.iter().filter_map(|r| r.name.clone()).collect();
        let near = Self::near(&name.to_string(), names);
        let span = self.report.span(name);
        let message = format!("there is no table `{name}` here");
        self.report.push(Diagnostic::error("unknown-table", span, message).hint_opt(near));
        None
    }

    /// The columns that a `*` stands for.
    pub(super) fn wildcard(
        &mut self,
        rows: &[Rows],
        options: WildcardAdditionalOptions,
        all: bool,
        allow: Allow,
    ) -> Option<Vec<Item>> {
        let at = options.wildcard_token.0.span;
        let span = self.report.place(at);
        if options.opt_ilike.is_some() || options.opt_rename.is_some() || options.opt_alias.is_some() {
            let message = "only `exclude`, `except` and `replace` may follow `*`";
            self.report.push(Diagnostic::error("sql-unsupported", span, message));
        }
        let merged = self.frames.last().map(|f| f.merged.clone()).unwrap_or_default();
        if rows.iter().any(|r| r.columns.is_none()) {
            self.incomplete = true;
            return None;
        }
        let mut items: Vec<Item> = vec![];
        for (rows, col) in rows.iter().flat_map(|r| r.columns.iter().flatten().map(move |c| (r, c))) {
            let shared = merged.iter().find(|m| all && m.name == col.name);
            if shared.is_some() && items.iter().any(|i| i.col.name == col.name) {
                continue;
            }
            let column = quoted(col.name.clone(), at);
            let expr = match (shared, &rows.emit) {
                (Some(shared), _) => column_of(&shared.emit, at, &column),
                (None, Some(emit)) => Expr::CompoundIdentifier(vec![quoted(emit.clone(), at), column]),
                (None, None) => Expr::Identifier(column),
            };
            let whole = shared.and_then(|m| self.frames.last()?.merged_col(m));
            items.push(Item { col: whole.unwrap_or_else(|| col.clone()), expr, span });
        }
        for ident in excluded(&options) {
            let found = pick(&items, &ident.value, |i| &i.col.name).first().map(|i| i.col.name.clone());
            if let Some(name) = found {
                items.retain(|i| i.col.name != name);
                continue;
            }
            let near = Self::near(&ident.value, items.iter().map(|i| i.col.name.clone()));
            let span = self.report.place(ident.span);
            let message = format!("`*` has no column `{}` to leave out", ident.value);
            self.report.push(Diagnostic::error("unknown-column", span, message).hint_opt(near));
        }
        for replacement in options.opt_replace.map(|r| r.items).unwrap_or_default() {
            let mut expr = replacement.expr.clone();
            let name = &replacement.column_name;
            let new = self.item(&mut expr, Some(name), allow, Naming::Inner, 0);
            let Some(exact) = pick(&items, &name.value, |i| &i.col.name).first().map(|i| i.col.name.clone()) else {
                let near = Self::near(&name.value, items.iter().map(|i| i.col.name.clone()));
                let span = self.report.place(name.span);
                let message = format!("`*` has no column `{}` to replace", name.value);
                self.report.push(Diagnostic::error("unknown-column", span, message).hint_opt(near));
                continue;
            };
            for item in items.iter_mut().filter(|i| i.col.name == exact) {
                item.col = Col { name: exact.clone(), ..new.col.clone() };
                item.expr = new.expr.clone();
            }
        }
        Some(items)
    }
}

fn excluded(options: &WildcardAdditionalOptions) -> Vec<Ident> {
    let mut idents = vec![];
    if let Some(except) = &options.opt_except {
        idents.push(except.first_element.clone());
        idents.extend(except.additional_elements.iter().cloned());
    }
    let names = match &options.opt_exclude {
        Some(ExcludeSelectItem::Single(name)) => std::slice::from_ref(name),
        Some(ExcludeSelectItem::Multiple(names)) => names.as_slice(),
        None => &[],
    };
    idents.extend(names.iter().filter_map(|n| n.0.last().and_then(ObjectNamePart::as_ident).cloned()));
    idents
}

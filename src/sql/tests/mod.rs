//! What goes in as SQL, and what comes out: resolved SQL and types, or diagnostics.

mod aggregates;
mod expressions;
mod noise;
mod queries;
mod syntax;

use kinfold_base::{Column, Diagnostic, FileId, SourceText, Span, SqlType, TableSchema};

use crate::{Catalog, CatalogTable, TableRef};

fn money() -> SqlType {
    SqlType::Decimal { precision: 12, scale: 2 }
}

fn orders() -> TableSchema {
    let address = vec![
        Column { name: "City".to_owned(), ty: SqlType::Text },
        Column {
            name: "geo".to_owned(),
            ty: SqlType::Struct(vec![Column { name: "lat".to_owned(), ty: SqlType::Float }]),
        },
    ];
    TableSchema::new([
        ("order_id", SqlType::Integer),
        ("customer_id", SqlType::Integer),
        ("Email", SqlType::Text),
        ("amount", money()),
        ("refunded", money()),
        ("quantity", SqlType::Integer),
        ("paid", SqlType::Boolean),
        ("day", SqlType::Date),
        ("ordered_at", SqlType::Timestamp),
        ("shipped_at", SqlType::Timestamp),
        ("tags", SqlType::List(Box::new(SqlType::Text))),
        ("address", SqlType::Struct(address)),
        ("extra", SqlType::Unknown),
    ])
}

struct Shop;

impl Catalog for Shop {
    fn tables(&self) -> Vec<TableRef> {
        let source = |schema: &str, name: &str| (Some(schema.to_owned()), name.to_owned());
        vec![
            source("shop", "orders"),
            source("shop", "customers"),
            source("web", "orders"),
            source("crm", "broken"),
            (None, "paid_orders".to_owned()),
        ]
    }

    fn table(&self, schema: Option<&str>, name: &str) -> Option<CatalogTable> {
        let customers = TableSchema::new([
            ("customer_id", SqlType::Integer),
            ("name", SqlType::Text),
            ("email", SqlType::Text),
            ("born", SqlType::Date),
        ]);
        match (schema, name) {
            (Some("shop"), "customers") => Some(CatalogTable::Known(customers)),
            (Some("crm"), "broken") => Some(CatalogTable::Unknown),
            _ => Some(CatalogTable::Known(orders())),
        }
    }
}

/// The fragment as if it stood in a file after three bytes.
fn source(sql: &str) -> SourceText {
    SourceText::new(sql, Span::new(FileId(0), 3, 3 + sql.len()), vec![])
}

/// Each diagnostic as `id [what it points at] message; hint`.
fn render(sql: &str, diags: &[Diagnostic]) -> String {
    let line = |d: &Diagnostic| {
        let span = d.span.expect("every finding has a place");
        let at = &sql[span.start as usize - 3..span.end as usize - 3];
        let hint = d.hint.as_ref().map(|h| format!("; {h}")).unwrap_or_default();
        format!("{} [{at}] {}{hint}", d.id, d.message)
    };
    diags.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn name_of(ty: &SqlType) -> String {
    match ty {
        SqlType::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
        SqlType::List(item) => format!("list({})", name_of(item)),
        SqlType::Struct(fields) => {
            let fields: Vec<_> = fields.iter().map(|f| format!("{} {}", f.name, name_of(&f.ty))).collect();
            format!("struct({})", fields.join(", "))
        }
        other => format!("{other:?}").to_lowercase(),
    }
}

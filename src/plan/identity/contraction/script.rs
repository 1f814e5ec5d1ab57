//! The whole loop as one script.

use std::fmt::{self, Write};

use sqlparser::ast::Query;

use super::{Contraction, MakeTable};
use crate::sql::{ident, relation};
use crate::{Dialect, render};

impl Contraction {
    /// A script that makes the table `kinfold.<entity>_components` in one transaction, or fails and changes nothing; none for a dialect
    /// without loops. It reads sources and models under the names that they have in queries.
    #[must_use]
    pub fn script(&self, dialect: Dialect) -> Option<String> {
        match dialect {
            Dialect::DataFusion => None,
            Dialect::PostgreSql => {
                let mut out = String::new();
                self.postgres(&mut out).expect("strings take everything");
                Some(out)
            }
        }
    }

    fn postgres(&self, out: &mut impl Write) -> fmt::Result {
        let sql = |query: &Query| render(query, Dialect::PostgreSql);
        let (begin, round) = (self.begin(), self.round());
        let MakeTable { table, query } = self.finish();
        let result = relation(Some("kinfold"), &table, None);
        writeln!(out, "-- The connected components of the identifiers of {}, as the table {result}.", self.entity)?;
        writeln!(out, "-- Run it with psql --set=ON_ERROR_STOP=1 --file=…")?;
        writeln!(out, "BEGIN;\nSET LOCAL client_min_messages = warning;\nSET LOCAL TIME ZONE 'UTC';")?;
        for make in &begin {
            writeln!(out, "\n{}", create(&make.table, &sql(&make.query)))?;
        }
        writeln!(out, "\nDO $contraction$\nBEGIN\nWHILE (\n{}\n) > 0 LOOP", sql(&self.edges_left()))?;
        let passing: Vec<_> =
            round.iter().map(|m| &m.table).filter(|table| !begin.iter().any(|m| m.table == **table)).collect();
        for make in &round {
            if passing.contains(&&make.table) {
                writeln!(out, "\n{}", create(&make.table, &sql(&make.query)))?;
                continue;
            }
            let (old, new) = (ident(&make.table), format!("{}_next", make.table));
            writeln!(out, "\n{}", create(&new, &sql(&make.query)))?;
            writeln!(out, "DROP TABLE {old};\nALTER TABLE {} RENAME TO {old};", ident(&new))?;
        }
        for table in passing {
            writeln!(out, "\nDROP TABLE {};", ident(table))?;
        }
        writeln!(out, "END LOOP;\n\nIF (\n{}\n) > 0 THEN", sql(&self.split_links()))?;
        writeln!(out, "  RAISE EXCEPTION 'linked values are in different components';\nEND IF;\nEND\n$contraction$;")?;
        writeln!(out, "\nDROP TABLE IF EXISTS {result};\nCREATE TABLE {result} AS\n{};\n\nCOMMIT;", sql(&query))
    }
}

/// A table that goes with the transaction. Joins are planned badly without `ANALYZE`, which nothing else does for temporary tables.
fn create(table: &str, query: &str) -> String {
    let table = ident(table);
    format!("CREATE TEMPORARY TABLE {table} ON COMMIT DROP AS\n{query};\nANALYZE {table};")
}

//! The statements. Names are quoted, values never stand in the text.

use super::table::{Column, Table};
use super::types::Wire;

/// Where a statement takes its rows from. Both give columns `c0`, `c1`, … and `n`, the row's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// One array for each column, as parameters.
    Arrays,
    /// The session's temporary table.
    Stage,
}

/// What stands in for the table's columns in one statement: which of them the rows carry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape<'a> {
    pub(super) table: &'a Table,
    /// Indices into the table's columns, ascending; the key's are always among them.
    pub(super) carried: &'a [usize],
    pub(super) source: Source,
}

/// The name of the temporary table for `COPY`.
pub(super) const STAGE: &str = "pg_temp.kinfold_stage";

pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(super) fn quote_path<T: AsRef<str>>(parts: &[T]) -> String {
    parts.iter().map(|p| quote(p.as_ref())).collect::<Vec<_>>().join(".")
}

/// Makes the temporary table, empty after each transaction. Unlogged by nature, and the session's own.
pub(super) fn create_stage(shape: Shape<'_>) -> String {
    let columns: Vec<String> = shape.columns().map(|(i, c)| format!("c{i} {}", c.conversion.wire.sql())).collect();
    format!(
        "DROP TABLE IF EXISTS {STAGE}; CREATE TEMPORARY TABLE kinfold_stage ({}, n int8) ON COMMIT DELETE ROWS",
        columns.join(", ")
    )
}

pub(super) fn copy_stage() -> String {
    format!("COPY {STAGE} FROM STDIN (FORMAT binary)")
}

/// Turns the values of the one carried column into the table's type, length and all, and does nothing with them. Texts are left
/// out of that: a cast would cut them.
pub(super) fn convert_one(shape: Shape<'_>) -> String {
    let values: Vec<String> = shape
        .columns()
        .map(|(i, c)| {
            let value = c.conversion.sql(&format!("s.c{i}"));
            if c.ty.category == 'S' { value } else { format!("{value}::{}", c.ty.full) }
        })
        .collect();
    format!("SELECT {} FROM {}", values.join(", "), shape.rows())
}

/// Adds rows, and with `overwrite` changes those that are there already by key.
pub(super) fn insert(shape: Shape<'_>, overwrite: bool) -> String {
    let table = shape.table;
    let names: Vec<&str> = shape.columns().map(|(_, c)| c.name.as_str()).collect();
    let values: Vec<String> = shape.columns().map(|(i, c)| c.conversion.sql(&format!("s.c{i}"))).collect();
    let keys: Vec<&str> = table.columns[..table.key_columns].iter().map(|c| c.name.as_str()).collect();
    let changes: Vec<String> = shape.fields().map(|(_, c)| format!("{0} = EXCLUDED.{0}", c.name)).collect();
    let conflict = match (table.key_is_unique, overwrite && !changes.is_empty()) {
        (false, _) => String::new(),
        (true, false) => format!(" ON CONFLICT ({}) DO NOTHING", keys.join(", ")),
        (true, true) => format!(" ON CONFLICT ({}) DO UPDATE SET {}", keys.join(", "), changes.join(", ")),
    };
    format!(
        "INSERT INTO {} ({}) SELECT {} FROM {}{conflict}",
        table.path,
        names.join(", "),
        values.join(", "),
        shape.rows()
    )
}

/// Changes rows that are there, and gives the numbers of those that were; with `keep_for_null` a null leaves what is there.
pub(super) fn update(shape: Shape<'_>, keep_for_null: bool) -> String {
    let changes: Vec<String> = shape
        .fields()
        .map(|(i, c)| {
            let kept = format!("COALESCE(v.c{i}, t.{})", c.name);
            format!("{} = {}", c.name, if keep_for_null { kept } else { format!("v.c{i}") })
        })
        .collect();
    if changes.is_empty() {
        // Nothing but a key: being there is all that there is to it.
        return format!("SELECT v.n FROM {} AS t JOIN {} ON {}", shape.table.path, shape.converted(), shape.same_key());
    }
    format!(
        "UPDATE {} AS t SET {} FROM {} WHERE {} RETURNING v.n",
        shape.table.path,
        changes.join(", "),
        shape.converted(),
        shape.same_key()
    )
}

/// The numbers of those rows that are there with the very values that were sent; with `keep_for_null` a null is any value.
pub(super) fn as_sent(shape: Shape<'_>, keep_for_null: bool) -> String {
    // As text, because not every type can be compared; of the full type first, which may round.
    let same = |(i, c): (usize, &Column)| {
        let same = format!("t.{}::text IS NOT DISTINCT FROM v.c{i}::{}::text", c.name, c.ty.full);
        if keep_for_null { format!(" AND (v.c{i} IS NULL OR {same})") } else { format!(" AND {same}") }
    };
    let fields: String = shape.fields().map(same).collect();
    format!(
        "SELECT v.n FROM {} AS t JOIN {} ON {} WHERE true{fields}",
        shape.table.path,
        shape.converted(),
        shape.same_key()
    )
}

/// Sets all fields to null. Only the key is carried.
pub(super) fn clear(shape: Shape<'_>) -> Option<String> {
    let fields = &shape.table.columns[shape.table.key_columns..];
    let changes: Vec<String> = fields.iter().map(|c| format!("{} = NULL", c.name)).collect();
    (!changes.is_empty()).then(|| {
        format!(
            "UPDATE {} AS t SET {} FROM {} WHERE {}",
            shape.table.path,
            changes.join(", "),
            shape.converted(),
            shape.same_key()
        )
    })
}

/// Deletes by key. Only the key is carried.
pub(super) fn delete(shape: Shape<'_>) -> String {
    format!("DELETE FROM {} AS t USING {} WHERE {}", shape.table.path, shape.converted(), shape.same_key())
}

impl<'a> Shape<'a> {
    /// The carried columns, numbered as they travel.
    pub(super) fn columns(self) -> impl Iterator<Item = (usize, &'a Column)> {
        self.carried.iter().map(|i| &self.table.columns[*i]).enumerate()
    }

    /// Those of the carried columns that are no part of the key.
    fn fields(self) -> impl Iterator<Item = (usize, &'a Column)> {
        self.columns().skip(self.table.key_columns)
    }

    /// The rows as they travelled, under the name `s`.
    fn rows(self) -> String {
        match self.source {
            Source::Stage => format!("{STAGE} AS s"),
            Source::Arrays => {
                let wire = |(i, c): (usize, &Column)| {
                    let ty: Wire = c.conversion.wire;
                    (format!("${}::{}[]", i + 1, ty.sql()), format!("c{i}"))
                };
                let (arrays, names): (Vec<String>, Vec<String>) = self.columns().map(wire).unzip();
                format!("UNNEST({}) WITH ORDINALITY AS s({}, n)", arrays.join(", "), names.join(", "))
            }
        }
    }

    /// The rows with the table's types, under the name `v`.
    fn converted(self) -> String {
        let values: Vec<String> =
            self.columns().map(|(i, c)| format!("{} AS c{i}", c.conversion.sql(&format!("s.c{i}")))).collect();
        format!("(SELECT {}, s.n FROM {}) AS v", values.join(", "), self.rows())
    }

    fn same_key(self) -> String {
        let keys = self.table.columns[..self.table.key_columns].iter().enumerate();
        keys.map(|(i, c)| format!("t.{} = v.c{i}", c.name)).collect::<Vec<_>>().join(" AND ")
    }
}

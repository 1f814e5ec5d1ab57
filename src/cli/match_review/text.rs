//! A pair as people see it: what both records hold, and what each comparison says of it.
//!
//! What differs is told by a mark, and by colour only beside it. Values come from anywhere, so control characters are left out.

use std::fmt::Write;

use comfy_table::{Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Row, Table, presets};
use console::{Style, Term};
use kinfold_app::{AskedPair, ReviewComparison, ReviewPair, ReviewRecord, ReviewRow};
use serde_json::Value;

use crate::cli::matching::bar;

/// What a terminal can show.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    is_colored: bool,
    /// In characters; none where lines may be as long as they like.
    width: Option<u16>,
}

/// How the values of two records in a column compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Likeness {
    Same,
    Alike,
    Different,
    /// One of them has none.
    Open,
}

impl Look {
    pub(super) fn of_terminal() -> Self {
        let width = Term::stdout().size_checked().map(|(_, columns)| columns);
        Self { is_colored: console::colors_enabled(), width }
    }

    pub(super) fn pair(self, AskedPair { pair, number, of }: AskedPair<'_>) -> String {
        let (probability, weight) = (percent(pair.probability), pair.weight);
        let likely = self.bold(&format!("{probability} likely to be one"));
        let mut out = format!("{number} of {of}   {likely}   {weight:+.2} bits\n\n");
        let _ = writeln!(out, "{}\n\n{}\n", lines(&self.records(pair)), lines(&self.weights(pair)));
        out
    }

    pub(super) fn prompt(self) -> String {
        let keys = [("y", "same"), ("n", "different"), ("s", "skip"), ("u", "undo last"), ("q", "quit"), ("?", "help")];
        keys.iter().fold(String::new(), |out, (key, what)| out + &self.bold(&format!("[{key}]")) + " " + what + "  ")
    }

    #[expect(clippy::unused_self, reason = "all that is shown is shown by the look")]
    pub(super) fn help(self, file: &str) -> String {
        format!(
            "help

  y   they are one: a pin under `always`, which wins over limits
  n   they are not: a pin under `never`, which wins over everything that rows say
  s   cannot tell: nothing is written, and the pair is asked again another time
  u   take back the last answer, and ask once more
  q   end; what was decided is written already

  Each decision is a line of {file} at once. The next `kinfold run` applies it.
  Of a pair that other answers settle nobody is asked: who is one with somebody is
  apart from all whom that one is apart from.

  =  the same   ≈  alike enough to speak for a match   ≠  different
  A weight is what a comparison says for a match, in bits; each bit doubles the odds.

"
        )
    }

    fn records(self, pair: &ReviewPair) -> Table {
        let id = |name: &str, record: &ReviewRecord| format!("{name}: {} {}", record.identifier, plain(&record.value));
        let mut table = self.table(&["", "", &id("A", &pair.a), &id("B", &pair.b)]);
        let tables = |record: &ReviewRecord| {
            let tables: Vec<String> = distinct(rows(record).map(|row| row.table.clone()));
            if tables.is_empty() { "no row any more".to_owned() } else { tables.join("\n") }
        };
        table.add_row(["", "table", &tables(&pair.a), &tables(&pair.b)]);
        let columns = pair.a.row.as_ref().or(pair.b.row.as_ref()).map(|row| &row.columns);
        for name in columns.into_iter().flat_map(|columns| columns.keys()) {
            let [a, b] = [&pair.a, &pair.b].map(|record| values(record, name));
            let comparison = pair.comparisons.iter().find(|c| c.column.as_ref() == Some(name));
            let likeness = likeness(&a, &b, comparison);
            let cell = |values: &[String]| {
                let text = if values.is_empty() { "–".to_owned() } else { values.join("\n") };
                self.marked(Cell::new(text), likeness)
            };
            let mark = self.marked(Cell::new(likeness.mark()), likeness);
            table.add_row(Row::from(vec![mark, Cell::new(name), cell(&a), cell(&b)]));
        }
        table
    }

    fn weights(self, pair: &ReviewPair) -> Table {
        let mut table = self.table(&["comparison", "level", "weight", ""]);
        let weight = |weight: f64| format!("{weight:+.2}");
        table.add_row(["prior", "two random records", &weight(pair.prior), &bar(pair.prior)]);
        for comparison in &pair.comparisons {
            let level = comparison.level.as_deref().unwrap_or("a value is missing");
            table.add_row([&comparison.name, level, &weight(comparison.weight), &bar(comparison.weight)]);
        }
        let total = [weight(pair.weight), bar(pair.weight)].map(|text| self.strong(Cell::new(text)));
        let [number, bar] = total;
        table.add_row(Row::from(vec![
            self.strong(Cell::new("total")),
            Cell::new(percent(pair.probability)),
            number,
            bar,
        ]));
        for (i, column) in table.column_iter_mut().enumerate() {
            match i {
                2 => column.set_cell_alignment(CellAlignment::Right),
                3 => drop(column.set_constraint(ColumnConstraint::ContentWidth)),
                _ => {}
            }
        }
        table
    }

    fn table(self, header: &[&str]) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.force_no_tty();
        if self.is_colored {
            table.enforce_styling();
        }
        if let Some(width) = self.width {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        table.set_header(header.iter().map(|name| self.strong(Cell::new(name))).collect::<Vec<_>>());
        table
    }

    fn strong(self, cell: Cell) -> Cell {
        if self.is_colored { cell.add_attribute(Attribute::Bold) } else { cell }
    }

    fn marked(self, cell: Cell, likeness: Likeness) -> Cell {
        match likeness {
            _ if !self.is_colored => cell,
            Likeness::Same => cell,
            Likeness::Alike => cell.add_attribute(Attribute::Bold).fg(Color::Yellow),
            Likeness::Different => cell.add_attribute(Attribute::Bold).fg(Color::Red),
            Likeness::Open => cell.add_attribute(Attribute::Dim),
        }
    }

    fn bold(self, text: &str) -> String {
        if self.is_colored {
            Style::new().bold().force_styling(true).apply_to(text).to_string()
        } else {
            text.to_owned()
        }
    }
}

impl Likeness {
    fn mark(self) -> &'static str {
        match self {
            Self::Same => "=",
            Self::Alike => "≈",
            Self::Different => "≠",
            Self::Open => "",
        }
    }
}

/// Without spaces at the ends of lines, and of the table nothing but its rows.
fn lines(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn rows(record: &ReviewRecord) -> impl Iterator<Item = &ReviewRow> {
    record.row.iter().chain(&record.more)
}

/// What a record's rows have in a column, each value once.
fn values(record: &ReviewRecord, column: &str) -> Vec<String> {
    distinct(rows(record).filter_map(|row| row.columns.get(column).and_then(Value::as_str)).map(plain))
}

/// Alike is what speaks for a match though it is not the same.
fn likeness(a: &[String], b: &[String], comparison: Option<&ReviewComparison>) -> Likeness {
    let is_alike =
        comparison.is_some_and(|comparison| comparison.weight > 0.0) || a.iter().any(|value| b.contains(value));
    match () {
        () if a.is_empty() || b.is_empty() => Likeness::Open,
        () if a == b => Likeness::Same,
        () if is_alike => Likeness::Alike,
        () => Likeness::Different,
    }
}

fn distinct(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = vec![];
    for value in values {
        if !all.contains(&value) {
            all.push(value);
        }
    }
    all
}

/// A value that does nothing to a terminal.
fn plain(value: &str) -> String {
    value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Never 100 %: no pair is certain.
fn percent(probability: f64) -> String {
    let percent = probability * 100.0;
    let short = format!("{percent:.1}");
    if short == "100.0" { format!("{percent:.4} %") } else { format!("{short} %") }
}

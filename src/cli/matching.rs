//! `kinfold match`

use std::fmt::Write;
use std::ops::Range;

use comfy_table::{CellAlignment, Table, presets};
use indicatif::HumanCount;
use kinfold_app::{AppError, Options, TrainReport, TrainRequest};

use crate::cli::args::MatchTrainArgs;
use crate::cli::output::Printer;
use crate::cli::{Ended, load};

/// A bar has a block for each bit of weight, and no more than this.
const BAR_BLOCKS: u8 = 14;

pub(super) async fn train(args: &MatchTrainArgs, options: &Options, printer: &Printer) -> Result<Ended, AppError> {
    let ready = match load(options, printer).await? {
        Ok(ready) => ready,
        Err(ended) => return Ok(ended),
    };
    let request = TrainRequest { entity: args.entity.clone(), dry_run: args.dry_run, carry_on: args.carry_on };
    let report = kinfold_app::match_train(&ready, &request).await?;
    if printer.is_json() {
        printer.json(&report);
    } else {
        printer.text(&trained(&report, args.dry_run));
    }
    let is_refused = report.written.is_none() && !args.dry_run;
    Ok(if is_refused { Ended::InputWrong } else { Ended::Done })
}

fn trained(report: &TrainReport, dry_run: bool) -> String {
    let mut out = format!(
        "{}: {} records, {} pairs drawn at random; 1 of {:.0} pairs of records matches\n\n",
        report.entity,
        HumanCount(report.records),
        HumanCount(report.random_pairs),
        1.0 / report.probability,
    );
    if let Some(pairs) = report.labelled_pairs {
        let _ = writeln!(out, "m counted among {} labelled pairs that match\n", HumanCount(pairs));
    }
    let mut passes = table(&["learned from pairs that agree in", "pairs", "matches", "rounds", "last change"], 2..5);
    for pass in &report.passes {
        let rounds = if pass.converged { pass.rounds.to_string() } else { format!("{} (not at rest)", pass.rounds) };
        passes.add_row([
            pass.name.clone(),
            match pass.one_in {
                1 => HumanCount(pass.pairs).to_string(),
                many => format!("{} (of 1 record in {many})", HumanCount(pass.pairs)),
            },
            format!("{:.1} %", pass.probability * 100.0),
            rounds,
            format!("{:.1e}", pass.change),
        ]);
    }
    let mut levels = table(&["comparison", "level", "m", "u", "weight", ""], 2..5);
    for comparison in &report.comparisons {
        for (i, level) in comparison.levels.iter().enumerate() {
            levels.add_row([
                if i == 0 { comparison.name.clone() } else { String::new() },
                level.level.clone(),
                format!("{:.6}", level.m),
                format!("{:.6}", level.u),
                format!("{:+.2}", level.weight),
                bar(level.weight),
            ]);
        }
    }
    if !report.passes.is_empty() {
        let _ = writeln!(out, "{passes}\n");
    }
    let _ = writeln!(out, "{levels}\n");
    for problem in &report.problems {
        let _ = writeln!(out, "in doubt: {problem}");
    }
    let _ = match &report.written {
        Some(path) => writeln!(out, "wrote {path}; review it, and commit it with the project"),
        None if dry_run => writeln!(out, "nothing was written"),
        None => writeln!(out, "nothing was written: mend what is in doubt, or say --carry-on"),
    };
    out
}

/// Columns of numbers are aligned to the right.
pub(super) fn table(header: &[&str], numbers: Range<usize>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header.to_vec());
    for column in table.column_iter_mut().take(numbers.end).skip(numbers.start) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// A weight as a bar: to the right what speaks for a match, to the left what speaks against it.
pub(super) fn bar(weight: f64) -> String {
    let blocks = (0..BAR_BLOCKS).filter(|bits| weight.abs() >= f64::from(*bits) + 0.5).count();
    let full = "█".repeat(blocks);
    let width = usize::from(BAR_BLOCKS);
    if weight < 0.0 { format!("{full:>width$}│") } else { format!("{:width$}│{full}", "") }
}

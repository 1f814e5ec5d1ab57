//! `kinfold sync`

use std::fmt::Write;

use comfy_table::{CellAlignment, Table, presets};
use indicatif::HumanCount;
use kinfold_app::{AppError, ErrorReport, Options, RunStatus, SyncRequest, SyncSummary};

use crate::cli::args::SyncArgs;
use crate::cli::output::Printer;
use crate::cli::{Ended, load};

pub(super) async fn sync(args: &SyncArgs, options: &Options, printer: &Printer) -> Result<Ended, AppError> {
    let ready = match load(options, printer).await? {
        Ok(ready) => ready,
        Err(ended) => return Ok(ended),
    };
    let request = SyncRequest { names: args.names.clone(), due: args.due, dry_run: args.dry_run, full: args.full };
    let report = kinfold_app::sync(&ready, &request).await?;
    if printer.is_json() {
        printer.json(&report);
    } else {
        printer.text(&render(&report.syncs));
        let none = if args.due { "no sync is due\n" } else { "there are no syncs\n" };
        let _ = report.syncs.is_empty().then(|| printer.text(none));
    }
    Ok(ended(report.status, report.error.as_ref(), &report.syncs))
}

/// The worst of what happened decides the exit code.
pub(super) fn ended(status: RunStatus, error: Option<&ErrorReport>, syncs: &[SyncSummary]) -> Ended {
    let worst = error.into_iter().chain(syncs.iter().filter_map(|s| s.error.as_ref())).map(|e| e.exit_code).max();
    match (worst, status) {
        (Some(1), _) => Ended::InputWrong,
        (Some(_), _) | (None, RunStatus::Failed) => Ended::OutsideFailed,
        (None, RunStatus::DoneWithRefusals) => Ended::Refusals,
        (None, RunStatus::Done | RunStatus::Planned) => Ended::Done,
    }
}

/// A line for each sync, then what destinations said, then the first rows of a dry run.
pub(super) fn render(syncs: &[SyncSummary]) -> String {
    if syncs.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "sync",
        "destination",
        "status",
        "added",
        "updated",
        "removed",
        "refused",
        "retry",
        "unknown",
        "invalid",
        "unchanged",
    ]);
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for sync in syncs {
        let counts = [
            sync.added,
            sync.updated,
            sync.removed,
            sync.rejected,
            sync.retry,
            sync.unknown,
            sync.invalid,
            sync.unchanged,
        ];
        let mut row = vec![sync.name.clone(), sync.destination.clone(), sync.status.clone()];
        row.extend(counts.iter().map(|n| HumanCount(*n).to_string()));
        table.add_row(row);
    }
    let mut text = format!("{table}\n");
    for sync in syncs {
        if let Some(error) = &sync.error {
            let _ = writeln!(text, "{}: {}", sync.name, error.message);
            if let Some(hint) = &error.hint {
                let _ = writeln!(text, "  help: {hint}");
            }
        }
        for warning in &sync.warnings {
            let _ = writeln!(text, "{}: warning: {warning}", sync.name);
        }
        for (reason, rows) in &sync.reasons {
            let _ = writeln!(text, "{}: {} \u{d7} {reason}", sync.name, HumanCount(*rows));
        }
        for row in &sync.sample {
            let _ = writeln!(text, "  {row}");
        }
    }
    text
}

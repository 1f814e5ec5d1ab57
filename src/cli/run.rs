//! `kinfold run`

use std::fmt::Write;

use indicatif::HumanCount;
use kinfold_app::{AppError, Options, RunReport, RunRequest, RunStatus, StepKind, StepStatus};

use crate::cli::args::RunArgs;
use crate::cli::output::{Printer, count};
use crate::cli::{Ended, load, sync};

pub(super) async fn run(args: &RunArgs, options: &Options, printer: &Printer) -> Result<Ended, AppError> {
    let ready = match load(options, printer).await? {
        Ok(ready) => ready,
        Err(ended) => return Ok(ended),
    };
    let request = RunRequest {
        select: args.select.clone(),
        no_sync: args.no_sync,
        dry_run: args.dry_run,
        as_of: args.as_of,
        full: args.full,
    };
    let report = kinfold_app::run(&ready, &request).await?;
    if printer.is_json() {
        printer.json(&report);
    } else {
        for warning in &report.warnings {
            printer.note(&format!("warning: {warning}"));
        }
        printer.text(&render(&report));
        if let Some(error) = &report.error {
            printer.note(&format!("error: {}", error.message));
            if let Some(hint) = &error.hint {
                printer.note(&format!("  help: {hint}"));
            }
        }
    }
    Ok(sync::ended(report.status, report.error.as_ref(), &report.syncs))
}

fn render(report: &RunReport) -> String {
    let mut text = String::new();
    let shown: Vec<_> = report.steps.iter().filter(|s| !matches!(s.kind, StepKind::Model | StepKind::Test)).collect();
    if report.status == RunStatus::Planned {
        let _ = writeln!(text, "would build:");
        for step in &shown {
            let _ = writeln!(text, "  {}", step.name);
        }
    } else {
        let rows: u64 = shown.iter().filter(|s| s.status == StepStatus::Done).map(|s| s.rows).sum();
        let steps = shown.iter().filter(|s| s.status == StepStatus::Done).count();
        let _ = writeln!(text, "built {} with {} rows", count(steps, "step"), HumanCount(rows));
    }
    text.push_str(&sync::render(&report.syncs));
    let state = match report.status {
        RunStatus::Done => "done",
        RunStatus::DoneWithRefusals => "done, but some rows were not taken",
        RunStatus::Failed => "failed",
        RunStatus::Planned => "nothing was changed",
    };
    let _ = writeln!(text, "run {} {state} in {:.1} s", report.run_id, report.seconds);
    text
}

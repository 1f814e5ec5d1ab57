//! `kinfold check`

use kinfold_app::{AppError, Options};

use crate::cli::Ended;
use crate::cli::diagnostics::CheckReport;
use crate::cli::output::{Printer, count};

pub(super) async fn check(options: &Options, printer: &Printer) -> Result<Ended, AppError> {
    let loaded = kinfold_app::load(options).await?;
    let report = CheckReport::new(&loaded.diagnostics, &loaded.sources);
    let ended = match report.errors {
        0 => Ended::Done,
        _ if loaded.unreachable => Ended::OutsideFailed,
        _ => Ended::InputWrong,
    };
    if printer.is_json() {
        printer.json(&report);
        return Ok(ended);
    }
    printer.diagnostics(&loaded.diagnostics, &loaded.sources);
    let files = loaded.sources.files().count();
    printer.text(&format!(
        "checked {}: {}, {}\n",
        count(files, "file"),
        count(report.errors, "error"),
        count(report.warnings, "warning")
    ));
    Ok(ended)
}

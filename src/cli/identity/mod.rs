//! `kinfold identity`

mod diff;
mod report;

use kinfold_app::{AppError, DiffRequest, Options};

use crate::cli::args::{IdentityDiffArgs, IdentityReportArgs};
use crate::cli::output::Printer;
use crate::cli::{Ended, load};

pub(super) async fn report(args: &IdentityReportArgs, options: &Options, printer: &Printer) -> Result<Ended, AppError> {
    let ready = match load(options, printer).await? {
        Ok(ready) => ready,
        Err(ended) => return Ok(ended),
    };
    let report = kinfold_app::identity_report(&ready, args.entity.as_deref()).await?;
    if printer.is_json() {
        printer.json(&report);
    } else {
        printer.text(&report::text(&report));
    }
    Ok(Ended::Done)
}

pub(super) async fn diff(args: &IdentityDiffArgs, options: &Options, printer: &Printer) -> Result<Ended, AppError> {
    let ready = match load(options, printer).await? {
        Ok(ready) => ready,
        Err(ended) => return Ok(ended),
    };
    let request = DiffRequest { base: args.base.clone(), examples: args.examples, as_of: args.as_of };
    let diff = kinfold_app::identity_diff(&ready, &request).await?;
    if printer.is_json() {
        printer.json(&diff);
        return Ok(Ended::Done);
    }
    for warning in &diff.warnings {
        printer.note(&format!("warning: {warning}"));
    }
    printer.text(&if args.markdown { diff::markdown(&diff) } else { diff::text(&diff) });
    Ok(Ended::Done)
}

//! `kinfold query`

use kinfold_app::{AppError, Options};

use crate::cli::args::QueryArgs;
use crate::cli::output::Printer;
use crate::cli::show::table;
use crate::cli::{Ended, load};

pub(super) async fn query(args: &QueryArgs, options: &Options, printer: &Printer) -> Result<Ended, AppError> {
    let ready = match load(options, printer).await? {
        Ok(ready) => ready,
        Err(ended) => return Ok(ended),
    };
    let result = kinfold_app::query(&ready, &args.sql, args.limit as usize).await?;
    if printer.is_json() {
        printer.json(&result);
    } else {
        printer.text(&table(&result));
        if result.truncated {
            printer.note(&format!("only the first {} rows are shown; see --limit", args.limit));
        }
    }
    Ok(Ended::Done)
}

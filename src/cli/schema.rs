//! `kinfold schema`

use kinfold_app::AppError;

use crate::cli::Ended;
use crate::cli::args::OutputFormat;
use crate::cli::output::Printer;

/// The schema is JSON in either format.
pub(super) fn schema() -> Result<Ended, AppError> {
    Printer::new(OutputFormat::Json).json(&kinfold_app::json_schema());
    Ok(Ended::Done)
}

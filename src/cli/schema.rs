//! `kinfold schema`

use crate::cli::Ended;
use crate::cli::args::OutputFormat;
use crate::cli::output::Printer;

/// The schema is JSON in either format.
pub(super) fn schema() -> Ended {
    Printer::new(OutputFormat::Json).json(&kinfold_app::json_schema());
    Ended::Done
}

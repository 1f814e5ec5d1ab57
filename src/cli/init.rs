//! `kinfold init`

use kinfold_app::AppError;

use crate::cli::Ended;
use crate::cli::args::InitArgs;
use crate::cli::output::Printer;

pub(super) fn init(args: &InitArgs, printer: Printer) -> Result<Ended, AppError> {
    let written = kinfold_app::init(&args.dir)?;
    if printer.is_json() {
        printer.json(&serde_json::json!({"project": args.dir, "files": written}));
    } else {
        let dir = args.dir.display();
        let files: String = written.iter().map(|path| format!("  {}\n", path.display())).collect();
        printer.text(&format!("{files}\nA project is ready in {dir}. Next:\n  kinfold run --project {dir}\n"));
    }
    Ok(Ended::Done)
}

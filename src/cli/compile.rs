//! `kinfold compile`

use kinfold_app::{AppError, Options, SqlDialect};

use crate::cli::args::{CompileArgs, DialectName};
use crate::cli::output::{Printer, count};
use crate::cli::{Ended, load};

pub(super) async fn compile(args: &CompileArgs, options: &Options, printer: &Printer) -> Result<Ended, AppError> {
    let ready = match load(options, printer).await? {
        Ok(ready) => ready,
        Err(ended) => return Ok(ended),
    };
    let dialect = match args.dialect {
        DialectName::Datafusion => SqlDialect::DataFusion,
        DialectName::Postgresql => SqlDialect::PostgreSql,
    };
    let files = kinfold_app::compile(&ready, args.as_of, dialect)?;
    if printer.is_json() {
        printer.json(&serde_json::json!({"files": files}));
    } else {
        let list: String = files.iter().map(|f| format!("  {}\n", f.display())).collect();
        printer.text(&format!("{list}wrote {}\n", count(files.len(), "file")));
    }
    Ok(Ended::Done)
}

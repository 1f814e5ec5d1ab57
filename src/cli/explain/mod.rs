//! `kinfold explain`
//!
//! | place | what it makes |
//! |---|---|
//! | `words` | values, edges and their evidence in words |
//! | `text` | the answer for people |
//! | `tree` | the graph, drawn in the terminal |
//! | `svg` | the graph as a picture |
//! | `sketch` | what of a graph is drawn |

mod sketch;
mod svg;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod waterfall;
mod words;

use std::path::Path;

use kinfold_app::{AppError, Explained, Options};

use crate::cli::args::ExplainArgs;
use crate::cli::output::Printer;
use crate::cli::{Ended, load};

pub(super) async fn explain(args: &ExplainArgs, options: &Options, printer: &Printer) -> Result<Ended, AppError> {
    let ready = match load(options, printer).await? {
        Ok(ready) => ready,
        Err(ended) => return Ok(ended),
    };
    let explained = kinfold_app::explain(&ready, &args.wanted, args.entity.as_deref()).await?;
    if let Some(path) = &args.svg {
        write(path, &svg::draw(&explained))?;
    }
    if printer.is_json() {
        printer.json(&explained);
    } else {
        printer.text(&text::text(&explained));
        let notes = match &explained {
            Explained::Chain(chain) => &chain.notes[..],
            Explained::Profile(profile) => &profile.notes[..],
            Explained::Shared(_) => &[],
        };
        for note in notes {
            printer.note(&format!("note: {note}"));
        }
    }
    Ok(Ended::Done)
}

fn write(path: &Path, svg: &str) -> Result<(), AppError> {
    std::fs::write(path, svg).map_err(|e| {
        let error = AppError::outside(format!("cannot write {}: {e}", path.display()));
        if e.kind() == std::io::ErrorKind::NotFound { AppError::input(error.message) } else { error }
    })
}

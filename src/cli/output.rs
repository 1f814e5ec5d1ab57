//! The only place that writes to standard output and standard error, apart from progress.

use std::io::{IsTerminal, Write};

use kinfold_app::{AppError, AppErrorKind};
use kinfold_base::{Diagnostic, SourceMap};
use serde::Serialize;

use crate::cli::Ended;
use crate::cli::args::OutputFormat;
use crate::cli::diagnostics::{CheckReport, render};

/// Prints results: text for people on standard output, or one JSON object. Everything else goes to standard error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    format: OutputFormat,
    color: bool,
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    status: &'static str,
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    exit_code: u8,
}

impl Printer {
    pub(crate) fn new(format: OutputFormat) -> Self {
        let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { format, color }
    }

    pub(crate) fn is_json(self) -> bool {
        self.format == OutputFormat::Json
    }

    /// One JSON object, and nothing else, on standard output.
    #[expect(clippy::unused_self, reason = "what prints is the printer")]
    pub(crate) fn json(self, value: &impl Serialize) {
        let mut out = std::io::stdout().lock();
        // A reader that has gone away, as `head` does, is not our failure.
        let _ =
            serde_json::to_writer_pretty(&mut out, value).map_err(std::io::Error::from).and_then(|()| writeln!(out));
    }

    /// Text for people, on standard output, as it is.
    #[expect(clippy::unused_self, reason = "what prints is the printer")]
    pub(crate) fn text(self, text: &str) {
        let mut out = std::io::stdout().lock();
        // A prompt has no line end, and is to be seen before its answer.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// A remark that is not part of a result.
    #[expect(clippy::unused_self, reason = "what prints is the printer")]
    pub(crate) fn note(self, text: &str) {
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    /// Diagnostics for people; JSON output has them in the result of `check` alone.
    pub(crate) fn diagnostics(self, diagnostics: &[Diagnostic], sources: &SourceMap) {
        if !self.is_json() && !diagnostics.is_empty() {
            let _ = write!(std::io::stderr(), "{}", render(diagnostics, sources, self.color));
        }
    }

    /// Why a command does not go on: the project has errors, which people have seen already.
    pub(crate) fn failed_check(self, diagnostics: &[Diagnostic], sources: &SourceMap, ended: Ended) {
        let report = CheckReport::new(diagnostics, sources);
        if self.is_json() {
            self.json(&serde_json::json!({
                "status": "failed",
                "error": format!("the project has {}", count(report.errors, "error")),
                "exit_code": ended.exit_code(),
                "check": report,
            }));
        } else {
            self.note(&format!("the project has {}; nothing was run", count(report.errors, "error")));
        }
    }

    pub(crate) fn error(self, error: &AppError) {
        if self.is_json() {
            let exit_code = super::exit_code(error.kind);
            self.json(&ErrorObject { status: "failed", error: &error.message, hint: error.hint.as_deref(), exit_code });
            return;
        }
        let (red, bold, plain) = if self.color { ("\x1b[1;31m", "\x1b[1m", "\x1b[0m") } else { ("", "", "") };
        let _ = writeln!(std::io::stderr(), "{red}error{plain}{bold}: {}{plain}", error.message);
        if let Some(hint) = &error.hint {
            let _ = writeln!(std::io::stderr(), "  help: {hint}");
        }
        if error.kind == AppErrorKind::Bug {
            let _ =
                writeln!(std::io::stderr(), "  this is a mistake in Kinfold: please report it, with what `-v` prints");
        }
        let mut cause = std::error::Error::source(error);
        while let Some(source) = cause {
            tracing::info!(cause = %source, "caused by");
            cause = source.source();
        }
    }
}

/// `1 error`, `2 errors`.
pub(crate) fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

//! What a diagnostic's id stands for.

use kinfold_base::{Diagnostic, Severity, Span};

/// One thing that can be found about the user's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Kebab-case and stable.
    pub id: &'static str,
    pub severity: Severity,
    /// One line: what is wrong, without a full stop.
    pub summary: &'static str,
    /// The version of Kinfold that had it first.
    pub since: &'static str,
}

impl Rule {
    pub(crate) const fn error(id: &'static str, summary: &'static str) -> Self {
        Self { id, severity: Severity::Error, summary, since: "0.1.0" }
    }

    pub(crate) const fn warning(id: &'static str, summary: &'static str) -> Self {
        Self { id, severity: Severity::Warning, summary, since: "0.1.0" }
    }

    /// A finding of this kind.
    pub(crate) fn at(&self, span: impl Into<Option<Span>>, message: impl Into<String>) -> Diagnostic {
        match self.severity {
            Severity::Error => Diagnostic::error(self.id, span, message),
            Severity::Warning => Diagnostic::warning(self.id, span, message),
        }
    }
}

/// Rules that belong together: one file under `checks/`, whose module documentation is for users.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    pub title: &'static str,
    /// The file's own text.
    pub source: &'static str,
    pub rules: &'static [&'static Rule],
}

//! Diagnostics placed by sqlparser's line and column.

use kinfold_base::{Diagnostic, SourceText, Span};
use sqlparser::ast::Spanned;
use sqlparser::tokenizer::{Location, Span as SqlSpan};

/// Collects diagnostics about one fragment and remembers whether any of them is an error.
pub(crate) struct Report<'a> {
    text: &'a SourceText,
    diags: &'a mut Vec<Diagnostic>,
    pub(crate) failed: bool,
}

impl<'a> Report<'a> {
    pub(crate) fn new(text: &'a SourceText, diags: &'a mut Vec<Diagnostic>) -> Self {
        Self { text, diags, failed: false }
    }

    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.failed |= diagnostic.is_error();
        self.diags.push(diagnostic);
    }

    /// Where a node stands in the file; the whole fragment if sqlparser does not know.
    pub(crate) fn span(&self, node: &impl Spanned) -> Span {
        self.place(node.span())
    }

    pub(crate) fn place(&self, span: SqlSpan) -> Span {
        if span.start.line == 0 {
            return self.whole();
        }
        let (start, end) = self.range(span);
        self.text.span_of(start..end.max(start + 1).min(self.text.text.len().max(start)))
    }

    pub(crate) fn whole(&self) -> Span {
        self.text.span_of(0..self.text.text.len())
    }

    /// The text under a span, as the author wrote it.
    pub(crate) fn written(&self, span: SqlSpan) -> &str {
        if span.start.line == 0 {
            return "";
        }
        let (start, end) = self.range(span);
        self.text.text.get(start..end).unwrap_or("").trim()
    }

    /// A span in bytes. sqlparser leaves out brackets that close a call or a subquery: they are taken in.
    fn range(&self, span: SqlSpan) -> (usize, usize) {
        let (start, mut end) = (self.offset(span.start), self.offset(span.end));
        let text = &self.text.text;
        let inside = text.get(start..end).unwrap_or("");
        let mut open = inside.matches('(').count().saturating_sub(inside.matches(')').count());
        while open > 0 {
            let rest = text.get(end..).unwrap_or("");
            let Some(after) = rest.trim_start().strip_prefix(')') else { break };
            end = text.len() - after.len();
            open -= 1;
        }
        (start, end)
    }

    fn offset(&self, location: Location) -> usize {
        self.text.offset_of(location.line, location.column)
    }
}

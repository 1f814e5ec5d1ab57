//! Diagnostics for people, with the lines they point to, and for programs, as JSON.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use kinfold_base::{Diagnostic, Severity, SourceMap};
use serde::Serialize;

/// All diagnostics as annotated source, one after the other.
pub(super) fn render(diagnostics: &[Diagnostic], sources: &SourceMap, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&renderer.render(&report(diagnostic, sources)));
        text.push_str("\n\n");
    }
    text
}

fn report<'a>(diagnostic: &'a Diagnostic, sources: &'a SourceMap) -> Vec<Group<'a>> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.id);
    let mut group = match diagnostic.span.and_then(|span| Some((span, sources.file(span.file)?))) {
        None => Group::with_title(title),
        Some((span, file)) => {
            let mut snippet = Snippet::source(file.text.as_ref())
                .path(file.path.as_str())
                .annotation(AnnotationKind::Primary.span(clip(span.start, span.end, file.text.len())));
            for label in diagnostic.labels.iter().filter(|l| l.span.file == span.file) {
                let range = clip(label.span.start, label.span.end, file.text.len());
                snippet = snippet.annotation(AnnotationKind::Context.span(range).label(label.message.as_str()));
            }
            let mut group = title.element(snippet);
            for label in diagnostic.labels.iter().filter(|l| l.span.file != span.file) {
                if let Some(other) = sources.file(label.span.file) {
                    let range = clip(label.span.start, label.span.end, other.text.len());
                    group = group.element(
                        Snippet::source(other.text.as_ref())
                            .path(other.path.as_str())
                            .annotation(AnnotationKind::Context.span(range).label(label.message.as_str())),
                    );
                }
            }
            group
        }
    };
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.message(hint.as_str()));
    }
    vec![group]
}

fn clip(start: u32, end: u32, len: usize) -> std::ops::Range<usize> {
    let start = (start as usize).min(len);
    start..(end as usize).clamp(start, len)
}

/// What `kinfold check --output json` prints.
#[derive(Debug, Serialize)]
pub(super) struct CheckReport<'a> {
    pub(super) errors: usize,
    pub(super) warnings: usize,
    pub(super) diagnostics: Vec<DiagnosticReport<'a>>,
}

/// One diagnostic. Lines and columns count from 1, columns in characters; the end is exclusive. Null where no file is at fault.
#[derive(Debug, Serialize)]
pub(super) struct DiagnosticReport<'a> {
    id: &'a str,
    severity: Severity,
    message: &'a str,
    hint: Option<&'a str>,
    file: Option<&'a str>,
    line: Option<usize>,
    column: Option<usize>,
    end_line: Option<usize>,
    end_column: Option<usize>,
}

impl<'a> CheckReport<'a> {
    pub(super) fn new(diagnostics: &'a [Diagnostic], sources: &'a SourceMap) -> Self {
        let errors = diagnostics.iter().filter(|d| d.is_error()).count();
        Self {
            errors,
            warnings: diagnostics.len() - errors,
            diagnostics: diagnostics.iter().map(|d| DiagnosticReport::new(d, sources)).collect(),
        }
    }
}

impl<'a> DiagnosticReport<'a> {
    fn new(diagnostic: &'a Diagnostic, sources: &'a SourceMap) -> Self {
        let place = diagnostic.span.and_then(|span| {
            let file = sources.file(span.file)?;
            Some((file, sources.line_column(span.file, span.start), sources.line_column(span.file, span.end)))
        });
        Self {
            id: diagnostic.id,
            severity: diagnostic.severity,
            message: &diagnostic.message,
            hint: diagnostic.hint.as_deref(),
            file: place.map(|(file, ..)| file.path.as_str()),
            line: place.map(|(_, start, _)| start.line),
            column: place.map(|(_, start, _)| start.column),
            end_line: place.map(|(.., end)| end.line),
            end_column: place.map(|(.., end)| end.column),
        }
    }
}

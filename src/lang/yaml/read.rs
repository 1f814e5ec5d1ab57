//! Text → [`Node`], through serde-saphyr under a tight budget.

use std::fmt;

use kinfold_base::{Diagnostic, FileId, SourceText, Span};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use serde_saphyr::{Error, Location, Spanned};

use super::align::align;
use super::node::{Node, Value};
use crate::checks::yaml::{YAML_DUPLICATE_KEY, YAML_KEY, YAML_SYNTAX, YAML_TOO_LARGE};

/// Files larger than this are refused: a project file is written by people.
const MAX_FILE_BYTES: usize = 4 << 20;
const MAX_DEPTH: usize = 64;
/// Some 30,000 pins, which are what project files have most of.
const MAX_NODES: usize = 500_000;
/// Values that aliases stand for: a few bytes of them may stand for very many.
const MAX_REPLAYED: usize = 50_000;
const MAX_ALIASES: usize = 1_000;

/// Reads one document. `None` if it is blank or could not be read; the latter has been reported.
pub(crate) fn read(file: FileId, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Node> {
    if text.len() > MAX_FILE_BYTES {
        let message = format!("the file has {} bytes, more than the {MAX_FILE_BYTES} that are allowed", text.len());
        diagnostics.push(YAML_TOO_LARGE.at(Span::new(file, 0, 0), message).hint("split it into several files"));
        return None;
    }
    let blank = |line: &str| matches!(line.trim(), "" | "---" | "...") || line.trim_start().starts_with('#');
    if text.lines().all(blank) {
        return None;
    }
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options()) {
        Ok(raw) => {
            let mut reader = Reader { file, text, diagnostics };
            Some(reader.node(raw))
        }
        Err(error) => {
            diagnostics.push(diagnose(file, text, &error));
            None
        }
    }
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: MAX_NODES * 2,
            max_aliases: MAX_ALIASES,
            max_anchors: MAX_ALIASES,
            max_documents: 1,
            max_total_scalar_bytes: MAX_FILE_BYTES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_REPLAYED,
            max_replay_stack_depth: 16,
            max_alias_expansions_per_anchor: MAX_ALIASES,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

fn diagnose(file: FileId, text: &str, error: &Error) -> Diagnostic {
    let place = error.location().map(|location| {
        let (start, len) = match location.span().byte_offset() {
            Some(_) => byte_range(&location),
            None => (offset_of(text, &location), 1),
        };
        let start = start.min(text.len());
        let end = (start + len.max(1)).min(text.len());
        // The rest of the file is not the smallest thing that is wrong.
        let line_end = text[start..].find('\n').map_or(text.len(), |n| start + n);
        Span::new(file, start, end.min(line_end.max(start)))
    });
    let span = place.unwrap_or(Span::new(file, 0, 0));
    let message = plain_message(error);
    match root(error) {
        Error::MultipleDocuments { .. } | Error::Budget { breach: BudgetBreach::Documents { .. }, .. } => {
            YAML_SYNTAX.at(span, "the file holds several documents").hint("put each into a file of its own")
        }
        Error::MergeKeyNotAllowed { .. } => YAML_SYNTAX
            .at(span, "merge keys (`<<`) are not allowed")
            .hint("write the keys out, or use an alias for a whole value"),
        Error::UnsupportedTag { .. } => {
            YAML_SYNTAX.at(span, "tags such as `!name` are not allowed").hint("leave the tag out")
        }
        _ if message.contains("recursion limit") => {
            YAML_TOO_LARGE.at(span, format!("the YAML is nested deeper than {MAX_DEPTH} levels"))
        }
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            let hint = format!(
                "a file may have {MAX_NODES} values, {MAX_DEPTH} levels and {MAX_ALIASES} aliases; split it or write it out"
            );
            YAML_TOO_LARGE.at(span, "the YAML is too large or too deep").hint(hint)
        }
        _ => YAML_SYNTAX.at(span, format!("this is not valid YAML: {message}")),
    }
}

fn root(mut error: &Error) -> &Error {
    while let Error::AliasError { error: inner, .. } | Error::WithSnippet { error: inner, .. } = error {
        error = inner;
    }
    error
}

/// The library's message, on one line and without the place, which the span tells better.
fn plain_message(error: &Error) -> String {
    let text = error.render_with_options(serde_saphyr::render_options! { snippets: serde_saphyr::SnippetMode::Off });
    let line = text.lines().next().unwrap_or_default();
    let end = line.find(" at line ").unwrap_or(line.len());
    line[..end].trim_end_matches([',', '.', ' ']).to_owned()
}

fn byte_range(location: &Location) -> (usize, usize) {
    let span = location.span();
    let small = |n: Option<u64>| usize::try_from(n.unwrap_or(0)).unwrap_or(usize::MAX);
    (small(span.byte_offset()), small(span.byte_len()))
}

/// For places that come without bytes: the library counts lines and characters from 1.
fn offset_of(text: &str, location: &Location) -> usize {
    let count = |n: u64| usize::try_from(n.saturating_sub(1)).unwrap_or(usize::MAX);
    let start: usize = text.split_inclusive('\n').take(count(location.line())).map(str::len).sum();
    text[start..].char_indices().nth(count(location.column())).map_or(text.len(), |(i, _)| start + i)
}

/// What the library gives for each node.
enum Raw {
    Null,
    Bool(bool),
    Int(i64),
    /// Its digits are taken from the file.
    Float,
    Str(String),
    Seq(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(i64::try_from(value).map_or(Raw::Float, Raw::Int))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Raw, E> {
        Ok(i64::try_from(value).map_or(Raw::Float, Raw::Int))
    }

    fn visit_u128<E>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Float)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Float)
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Str(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Str(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = vec![];
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::Seq(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = vec![];
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

/// Whether a block scalar's content follows: the line before ends in `|` or `>`, perhaps with modifiers and a comment.
fn is_block(before: &str) -> bool {
    let Some((lines, indent)) = before.rsplit_once('\n') else { return false };
    if !indent.trim().is_empty() {
        return false;
    }
    let lines = lines.trim_end();
    let line = lines.rsplit_once('\n').map_or(lines, |(_, line)| line);
    let header = line.split(" #").next().unwrap_or(line).trim_end();
    header.trim_end_matches(|c: char| c.is_ascii_digit() || c == '+' || c == '-').ends_with(['|', '>'])
}

struct Reader<'a> {
    file: FileId,
    text: &'a str,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn node(&mut self, raw: Spanned<Raw>) -> Node {
        let (start, len) = byte_range(&raw.defined);
        let start = start.min(self.text.len());
        let end = (start + len).min(self.text.len());
        match raw.value {
            Raw::Null => self.leaf(start, end, Value::Null),
            Raw::Bool(value) => self.leaf(start, end, Value::Bool(value)),
            Raw::Int(value) => self.leaf(start, end, Value::Int(value)),
            Raw::Float => {
                let digits = self.text[start..end].trim();
                let span = Span::new(self.file, start, start + digits.len());
                Node { span, value: Value::Float(SourceText::new(digits, span, vec![])) }
            }
            Raw::Str(text) => {
                let text = self.source_text(text, start, end);
                Node { span: text.span, value: Value::Str(text) }
            }
            Raw::Seq(items) => {
                let items: Vec<Node> = items.into_iter().map(|item| self.node(item)).collect();
                let last = items.last().map(|n| n.span.end);
                Node { span: self.container(start, last), value: Value::Seq(items) }
            }
            Raw::Map(entries) => self.map(start, entries),
        }
    }

    fn map(&mut self, start: usize, entries: Vec<(Spanned<Raw>, Spanned<Raw>)>) -> Node {
        let mut kept: Vec<(SourceText, Node)> = vec![];
        let mut last = None;
        for (key, value) in entries {
            let key = self.node(key);
            let value = self.node(value);
            last = Some(value.span.end.max(key.span.end));
            let name = match key.value {
                Value::Str(text) => text,
                Value::Seq(_) | Value::Map(_) | Value::Null => {
                    self.diagnostics.push(YAML_KEY.at(key.span, format!("a key must be a word, not {}", key.kind())));
                    continue;
                }
                Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
                    SourceText::new(self.slice(key.span), key.span, vec![])
                }
            };
            if let Some((first, _)) = kept.iter().find(|(k, _)| k.text == name.text) {
                let diagnostic = YAML_DUPLICATE_KEY
                    .at(name.span, format!("the key `{}` is given twice", name.text))
                    .label(first.span, "first given here");
                self.diagnostics.push(diagnostic);
                continue;
            }
            kept.push((name, value));
        }
        Node { span: self.container(start, last), value: Value::Map(kept) }
    }

    fn leaf(&self, start: usize, end: usize, value: Value) -> Node {
        let end = start + self.text[start..end].trim_end().len();
        Node { span: Span::new(self.file, start, end), value }
    }

    fn source_text(&self, text: String, start: usize, end: usize) -> SourceText {
        let raw = &self.text[start..end];
        let span = Span::new(self.file, start, start + raw.trim_end().len());
        let runs = align(&text, raw, start, is_block(&self.text[..start]));
        SourceText::new(text, span, runs)
    }

    /// A list or mapping reaches to the end of its last value and, between brackets, to the closing one.
    fn container(&self, start: usize, last: Option<u32>) -> Span {
        let last = last.map_or(start, |end| end as usize).max(start);
        let close = match self.text.as_bytes().get(start) {
            Some(b'[') => ']',
            Some(b'{') => '}',
            _ => return Span::new(self.file, start, last),
        };
        let from = if last == start { start + 1 } else { last };
        let end = self.text[from..].find(close).map_or(last, |n| from + n + 1);
        Span::new(self.file, start, end)
    }

    fn slice(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }
}

//! A YAML document as a tree in which every value knows its place.

use kinfold_base::{SourceText, Span};

/// A value and the bytes of the file that it stands on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

/// What YAML's core schema makes of a value. Words such as `yes` and `no` are text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    /// Also a whole number that `i64` cannot hold. With its digits as written, so that money stays decimal.
    Float(SourceText),
    Str(SourceText),
    Seq(Vec<Node>),
    /// In the order of writing; no key twice.
    Map(Vec<(SourceText, Node)>),
}

impl Node {
    /// What kind of value it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Int(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Str(_) => "text",
            Value::Seq(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// The value under a key, if this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(k, _)| k.text == key).map(|(_, v)| v),
            _ => None,
        }
    }
}

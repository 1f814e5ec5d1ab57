//! The values that the format is built of, each with its place in the file.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use kinfold_base::{FileId, SourceText, Span};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::yaml::{SCALAR, SPANNED};

/// A value and its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spanned<T> {
    pub value: T,
    pub span: Span,
}

/// What kind of scalar stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarKind {
    Null,
    Bool,
    Int,
    Float,
    Text,
}

/// Any single value, as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Scalar {
    pub kind: ScalarKind,
    pub text: SourceText,
}

/// A word or a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(pub SourceText);

/// SQL: text, or a bare number or `true`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sql(pub SourceText);

/// A mapping from free names to values, in the order of writing.
#[derive(Debug, Clone, PartialEq)]
pub struct Map<V>(pub Vec<(Text, V)>);

impl Text {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    #[must_use]
    pub fn span(&self) -> Span {
        self.0.span
    }
}

impl Sql {
    #[must_use]
    pub fn span(&self) -> Span {
        self.0.span
    }
}

impl Scalar {
    #[must_use]
    pub fn span(&self) -> Span {
        self.text.span
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text.text
    }
}

impl<V> Default for Map<V> {
    fn default() -> Self {
        Self(vec![])
    }
}

impl<V> Map<V> {
    pub fn iter(&self) -> impl Iterator<Item = &(Text, V)> {
        self.0.iter()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple_struct(SPANNED, 4, SpannedVisitor(PhantomData))
    }
}

struct SpannedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for SpannedVisitor<T> {
    type Value = Spanned<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value and its place")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Spanned<T>, A::Error> {
        let [file, start, end] = [number(&mut seq)?, number(&mut seq)?, number(&mut seq)?];
        let value = seq.next_element()?.ok_or_else(|| A::Error::custom("the value is missing"))?;
        Ok(Spanned { value, span: Span { file: FileId(file), start, end } })
    }
}

fn number<'de, A: SeqAccess<'de>>(seq: &mut A) -> Result<u32, A::Error> {
    seq.next_element()?.ok_or_else(|| A::Error::custom("the place is missing"))
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple_struct(SCALAR, 3, ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a single value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scalar, A::Error> {
        let missing = || A::Error::custom("part of the value is missing");
        let kind: Cow<'_, str> = seq.next_element()?.ok_or_else(missing)?;
        let text: String = seq.next_element()?.ok_or_else(missing)?;
        let numbers: Vec<u32> = seq.next_element()?.ok_or_else(missing)?;
        let [file, start, end, runs @ ..] = numbers.as_slice() else { return Err(missing()) };
        let span = Span { file: FileId(*file), start: *start, end: *end };
        let runs = runs.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        let kind = match kind.as_ref() {
            "null" => ScalarKind::Null,
            "bool" => ScalarKind::Bool,
            "int" => ScalarKind::Int,
            "float" => ScalarKind::Float,
            _ => ScalarKind::Text,
        };
        Ok(Scalar { kind, text: SourceText::new(text, span, runs) })
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Scalar::deserialize(deserializer)?.text))
    }
}

impl<'de> Deserialize<'de> for Sql {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Scalar::deserialize(deserializer)?.text))
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Map<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MapVisitor(PhantomData))
    }
}

struct MapVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for MapVisitor<V> {
    type Value = Map<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Map<V>, A::Error> {
        let mut entries = vec![];
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Map(entries))
    }
}

impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl JsonSchema for Text {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

impl JsonSchema for Sql {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Sql".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "number", "boolean"]})
    }
}

impl JsonSchema for Scalar {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "number", "boolean", "null"]})
    }
}

impl<V: JsonSchema> JsonSchema for Map<V> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("MapOf{}", V::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "additionalProperties": generator.subschema_for::<V>()})
    }
}

//! A serde deserializer over [`Node`], so that the format is a set of derived structs.
//!
//! Besides what serde knows it serves three types of ours, by the names that [`crate::ast`] asks for:
//! [`SPANNED`] (a value and its place), [`SCALAR`] (any scalar as written) and [`SHAPE`] (an enum chosen by the kind of node).

use kinfold_base::{SourceText, Span};
use serde::de::value::{
    BorrowedStrDeserializer, SeqDeserializer, StrDeserializer, StringDeserializer, U32Deserializer,
};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};

use super::node::{Node, Value};

/// Asks for the tuple (file, start, end, value).
pub(crate) const SPANNED: &str = "$spanned";
/// Asks for the tuple (kind, text, numbers): the numbers are file, start, end, and the text's runs, flat.
pub(crate) const SCALAR: &str = "$scalar";
/// Asks for an enum with the variants `scalar`, `list` and `map`.
pub(crate) const SHAPE: &str = "$shape";

/// A tree that does not have the shape of the type. The shape has been checked before, so this names a flaw in that check.
pub(crate) type Error = serde::de::value::Error;

/// Reads a type out of a tree.
pub(crate) fn from_node<'de, T: serde::Deserialize<'de>>(node: &'de Node) -> Result<T, Error> {
    T::deserialize(NodeDeserializer(node))
}

#[derive(Clone, Copy)]
struct NodeDeserializer<'a>(&'a Node);

impl<'de> Deserializer<'de> for NodeDeserializer<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(value) => visitor.visit_i64(*value),
            Value::Float(digits) => visitor.visit_f64(digits.text.parse().unwrap_or(f64::NAN)),
            Value::Str(text) => visitor.visit_borrowed_str(&text.text),
            Value::Seq(items) => visitor.visit_seq(SeqDeserializer::new(items.iter().map(Item))),
            Value::Map(entries) => visitor.visit_map(Entries { entries: entries.iter(), value: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match name {
            SPANNED => visitor.visit_seq(Spanned { node: self.0, next: 0 }),
            SCALAR => visitor.visit_seq(Scalar { node: self.0, next: 0 }),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == SHAPE {
            let variant = match self.0.value {
                Value::Seq(_) => "list",
                Value::Map(_) => "map",
                _ => "scalar",
            };
            return visitor.visit_enum(Choice { tag: variant, content: Some(self.0) });
        }
        match &self.0.value {
            Value::Str(text) => visitor.visit_enum(Choice { tag: &text.text, content: None }),
            Value::Map(entries) => match entries.as_slice() {
                [(tag, content)] => visitor.visit_enum(Choice { tag: &tag.text, content: Some(content) }),
                _ => Err(Error::custom("one key was expected")),
            },
            _ => Err(Error::custom("a word or a mapping was expected")),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple map struct
        identifier ignored_any
    }
}

struct Item<'a>(&'a Node);

impl<'de> IntoDeserializer<'de, Error> for Item<'de> {
    type Deserializer = NodeDeserializer<'de>;

    fn into_deserializer(self) -> NodeDeserializer<'de> {
        NodeDeserializer(self.0)
    }
}

struct Entries<'a> {
    entries: std::slice::Iter<'a, (SourceText, Node)>,
    value: Option<&'a Node>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(KeyDeserializer(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let value = self.value.take().ok_or_else(|| Error::custom("a value was asked for before its key"))?;
        seed.deserialize(NodeDeserializer(value))
    }
}

/// A mapping's key: a word or, where it is asked for, a scalar with its place.
struct KeyDeserializer<'a>(&'a SourceText);

impl<'de> Deserializer<'de> for KeyDeserializer<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(&self.0.text)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == SCALAR {
            let node = Node { span: self.0.span, value: Value::Str(self.0.clone()) };
            return visitor.visit_seq(Scalar { node: &node, next: 0 });
        }
        self.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple
        map struct enum identifier ignored_any
    }
}

struct Choice<'a> {
    tag: &'a str,
    content: Option<&'a Node>,
}

impl<'de> EnumAccess<'de> for Choice<'de> {
    type Error = Error;
    type Variant = Content<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Content<'de>), Error> {
        let tag = seed.deserialize(BorrowedStrDeserializer::<Error>::new(self.tag))?;
        Ok((tag, Content(self.content)))
    }
}

/// What stands under a choice's key; nothing where the choice is a plain word.
struct Content<'a>(Option<&'a Node>);

impl<'de> VariantAccess<'de> for Content<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        match self.0 {
            Some(node) => seed.deserialize(NodeDeserializer(node)),
            None => seed.deserialize(().into_deserializer()),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.struct_variant(&[], visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        let node = self.0.ok_or_else(|| Error::custom("this choice needs a value"))?;
        NodeDeserializer(node).deserialize_any(visitor)
    }
}

struct Spanned<'a> {
    node: &'a Node,
    next: u8,
}

impl<'de> SeqAccess<'de> for Spanned<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Span { file, start, end } = self.node.span;
        self.next += 1;
        match self.next {
            1 => seed.deserialize(U32Deserializer::new(file.0)).map(Some),
            2 => seed.deserialize(U32Deserializer::new(start)).map(Some),
            3 => seed.deserialize(U32Deserializer::new(end)).map(Some),
            4 => seed.deserialize(NodeDeserializer(self.node)).map(Some),
            _ => Ok(None),
        }
    }
}

struct Scalar<'a> {
    node: &'a Node,
    next: u8,
}

impl<'de> SeqAccess<'de> for Scalar<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.next += 1;
        let Span { file, start, end } = self.node.span;
        match (self.next, &self.node.value) {
            (_, Value::Seq(_) | Value::Map(_)) => Err(Error::custom("a single value was expected")),
            (1, value) => {
                let kind = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "bool",
                    Value::Int(_) => "int",
                    Value::Float(_) => "float",
                    _ => "str",
                };
                seed.deserialize(StrDeserializer::<Error>::new(kind)).map(Some)
            }
            (2, value) => {
                let text = match value {
                    Value::Bool(value) => value.to_string(),
                    Value::Int(value) => value.to_string(),
                    Value::Float(text) | Value::Str(text) => text.text.clone(),
                    Value::Null | Value::Seq(_) | Value::Map(_) => String::new(),
                };
                seed.deserialize(StringDeserializer::<Error>::new(text)).map(Some)
            }
            (3, value) => {
                let runs: &[(u32, u32)] = match value {
                    Value::Str(text) => text.runs(),
                    _ => &[],
                };
                let numbers = [file.0, start, end].into_iter().chain(runs.iter().flat_map(|(t, f)| [*t, *f]));
                seed.deserialize(SeqDeserializer::<_, Error>::new(numbers)).map(Some)
            }
            _ => Ok(None),
        }
    }
}

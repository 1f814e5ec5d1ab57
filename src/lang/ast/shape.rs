//! Places where the format takes a value in a short or a long form, told apart by the kind of the YAML value.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::types::{Map, Scalar, Spanned, Text};

/// A word, or a mapping that says more.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename = "$shape", rename_all = "lowercase")]
pub enum WordOr<T> {
    #[serde(rename = "scalar")]
    Word(Text),
    #[serde(rename = "map")]
    More(T),
}

/// A number, or a mapping that says more.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename = "$shape", rename_all = "lowercase")]
pub enum NumberOr<T> {
    #[serde(rename = "scalar")]
    Number(Spanned<u64>),
    #[serde(rename = "map")]
    More(T),
}

/// One word, or a list of them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename = "$shape")]
pub enum OneOrMany {
    #[serde(rename = "scalar")]
    One(Text),
    #[serde(rename = "list")]
    Many(Vec<Text>),
}

/// The value of a setting: what may stand there, the connector says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename = "$shape")]
pub enum SettingValue {
    #[serde(rename = "scalar")]
    Scalar(Scalar),
    #[serde(rename = "list")]
    List(Vec<SettingValue>),
    #[serde(rename = "map")]
    Map(Map<SettingValue>),
}

impl Default for OneOrMany {
    fn default() -> Self {
        Self::Many(vec![])
    }
}

impl OneOrMany {
    #[must_use]
    pub fn as_slice(&self) -> &[Text] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

impl<T: JsonSchema> JsonSchema for WordOr<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("WordOr{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"type": "string"}, generator.subschema_for::<T>()]})
    }
}

impl<T: JsonSchema> JsonSchema for NumberOr<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("NumberOr{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [u64::json_schema(generator), generator.subschema_for::<T>()]})
    }
}

impl JsonSchema for OneOrMany {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "OneOrMany".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
    }
}

impl JsonSchema for SettingValue {
    fn schema_name() -> Cow<'static, str> {
        "SettingValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"description": "A value, or a reference to a secret: `{env: NAME}` or `{file: PATH}`."})
    }
}

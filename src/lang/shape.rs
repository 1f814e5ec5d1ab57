//! Holds a tree against the format's JSON schema, and leaves of it what fits.
//!
//! All misfits are reported, each at the smallest place that is wrong. The smallest list item around one is dropped, so that the
//! rest can be read and checked.

use std::collections::BTreeSet;

use kinfold_base::{Diagnostic, SourceText, Span, did_you_mean};
use serde_json::{Map, Value as Json};

use crate::checks::shape::{
    MISPLACED_KEY, MISSING_KEY, NOT_ONE_CHOICE, NOT_YET, OUT_OF_RANGE, UNKNOWN_CHOICE, UNKNOWN_KEY, WRONG_TYPE,
};
use crate::yaml::{Node, Value};

/// What other versions of the format have: (the concept it stands in, the word, what it is).
const LATER: &[(&str, &str, &str)] = &[
    ("File", "connectors", "connectors declared in YAML"),
    ("Identity", "incremental", "incremental identity"),
    ("Model", "incremental", "incremental models"),
    ("Segment", "split", "splits of a segment"),
    ("Condition", "sequence", "sequences of events"),
    ("Warehouse", "ballista", "the ballista engine"),
    ("Warehouse", "adbc", "the adbc engine"),
    ("Format", "iceberg", "the format iceberg"),
    ("Mode", "audience", "the mode audience"),
];

/// What came of holding a tree against a schema.
pub(crate) struct Fitted {
    /// What is left; `None` if nothing is.
    pub(crate) node: Option<Node>,
    /// The names of what was dropped: whoever refers to them is not to blame.
    pub(crate) dropped: BTreeSet<String>,
    /// Something was dropped that may have had names.
    pub(crate) incomplete: bool,
    /// Something was dropped, so that a list may be empty without its author's fault.
    pub(crate) has_gaps: bool,
}

/// Holds a file's tree against a schema made by schemars. `elsewhere` are the top-level keys of the other kind of file, and where
/// that kind is found.
pub(crate) fn fit(
    node: &Node,
    schema: &Json,
    text: &str,
    elsewhere: (&[String], &str),
    diagnostics: &mut Vec<Diagnostic>,
) -> Fitted {
    let mut walk =
        Walk { schema, text, elsewhere, diagnostics, dropped: BTreeSet::new(), incomplete: false, has_gaps: false };
    let root = Context { name: "File", root: true };
    let node = walk.node(node, schema, &root);
    Fitted { node, dropped: walk.dropped, incomplete: walk.incomplete, has_gaps: walk.has_gaps }
}

struct Walk<'a> {
    schema: &'a Json,
    text: &'a str,
    elsewhere: (&'a [String], &'a str),
    diagnostics: &'a mut Vec<Diagnostic>,
    dropped: BTreeSet<String>,
    incomplete: bool,
    has_gaps: bool,
}

/// Which concept of the format a value is.
struct Context<'a> {
    name: &'a str,
    root: bool,
}

impl<'a> Walk<'a> {
    fn node(&mut self, node: &Node, schema: &'a Json, context: &Context<'_>) -> Option<Node> {
        if let Some((name, target)) = self.reference(schema) {
            return self.node(node, target, &Context { name, root: false });
        }
        if let Some(options) = schema.get("anyOf").and_then(Json::as_array) {
            return self.any_of(node, options, context);
        }
        if let Some(options) = schema.get("oneOf").and_then(Json::as_array) {
            return self.choice(node, options, context);
        }
        if schema.get("enum").is_some() {
            return self.choice(node, std::slice::from_ref(schema), context);
        }
        let allowed = types(schema);
        if allowed.is_empty() {
            return Some(node.clone());
        }
        match &node.value {
            Value::Map(entries) if allowed.contains(&"object") => {
                match schema.get("properties").and_then(Json::as_object) {
                    Some(properties) => self.mapping(node, entries, properties, schema, context),
                    None => self.free_mapping(node, entries, schema.get("additionalProperties")?),
                }
            }
            Value::Seq(items) if allowed.contains(&"array") => Some(self.list(node, items, schema.get("items")?)),
            _ if accepts(&allowed, node) => self.in_range(node, schema),
            _ => self.wrong_type(node, &expected(&allowed)),
        }
    }

    fn reference(&self, schema: &'a Json) -> Option<(&'a str, &'a Json)> {
        let name = schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?;
        Some((name, self.schema.get("$defs")?.get(name)?))
    }

    fn any_of(&mut self, node: &Node, options: &'a [Json], context: &Context<'_>) -> Option<Node> {
        let kind = |schema: &'a Json| self.reference(schema).map_or(schema, |(_, target)| target);
        let fits = options.iter().find(|o| accepts(&kinds(kind(o)), node));
        let only = options.iter().filter(|o| types(o) != ["null"]).count() == 1;
        if let Some(schema) = fits.or_else(|| options.first().filter(|_| only)) {
            return self.node(node, schema, context);
        }
        let all: Vec<&str> = options.iter().flat_map(|o| kinds(kind(o))).collect();
        self.wrong_type(node, &expected(&all))
    }

    /// A plain word, or one key naming the case.
    fn choice(&mut self, node: &Node, options: &'a [Json], context: &Context<'_>) -> Option<Node> {
        let words: Vec<&str> = options.iter().flat_map(words_of).collect();
        let tags: Vec<(&str, &'a Json)> = options
            .iter()
            .filter_map(|o| o.get("properties")?.as_object())
            .flat_map(|properties| properties.iter().map(|(tag, schema)| (tag.as_str(), schema)))
            .collect();
        match &node.value {
            Value::Str(text) if words.contains(&text.text.as_str()) => Some(node.clone()),
            Value::Str(text) if tags.iter().any(|(tag, _)| *tag == text.text) => {
                let message = format!("`{}` needs a value here", text.text);
                let hint = format!("write `{{{}: …}}`", text.text);
                self.diagnostics.push(NOT_ONE_CHOICE.at(node.span, message).hint(hint));
                None
            }
            Value::Str(text) if !words.is_empty() => self.unknown_choice(&text.text, node.span, &words, &tags, context),
            Value::Map(entries) if !tags.is_empty() => match entries.as_slice() {
                [(key, value)] => match tags.iter().find(|(tag, _)| *tag == key.text) {
                    Some((_, schema)) => {
                        let value = self.node(value, schema, &Context { name: context.name, root: false })?;
                        Some(Node { span: node.span, value: Value::Map(vec![(key.clone(), value)]) })
                    }
                    None if words.contains(&key.text.as_str()) => {
                        let message = format!("`{}` takes no value", key.text);
                        let hint = format!("write it as a plain word: `{}`", key.text);
                        self.diagnostics.push(NOT_ONE_CHOICE.at(key.span, message).hint(hint));
                        None
                    }
                    None => self.unknown_choice(&key.text, key.span, &words, &tags, context),
                },
                [] => {
                    let names = list(tags.iter().map(|(tag, _)| *tag));
                    let message = format!("one of {names} is needed here");
                    self.diagnostics.push(NOT_ONE_CHOICE.at(node.span, message));
                    None
                }
                [_, (second, _), ..] => {
                    for (key, value) in entries {
                        if let Some((_, schema)) = tags.iter().find(|(tag, _)| *tag == key.text) {
                            self.node(value, schema, &Context { name: context.name, root: false });
                        }
                    }
                    let keys = list(entries.iter().map(|(key, _)| key.text.as_str()));
                    let diagnostic = NOT_ONE_CHOICE
                        .at(second.span, format!("only one key may stand here, but there are {keys}"))
                        .hint("put each into an item of its own; `all` or `any` joins conditions");
                    self.diagnostics.push(diagnostic);
                    None
                }
            },
            _ => {
                let expected = match (words.is_empty(), tags.is_empty()) {
                    (false, true) => format!("one of {}", list(words.iter().copied())),
                    (true, _) => format!("a mapping with one of {}", list(tags.iter().map(|(tag, _)| *tag))),
                    _ => format!("one of {}", list(words.iter().copied().chain(tags.iter().map(|(tag, _)| *tag)))),
                };
                self.wrong_type(node, &expected)
            }
        }
    }

    fn unknown_choice(
        &mut self,
        word: &str,
        span: Span,
        words: &[&str],
        tags: &[(&str, &Json)],
        context: &Context<'_>,
    ) -> Option<Node> {
        if !self.is_later(word, span, context) {
            let mut all: Vec<&str> = words.iter().copied().chain(tags.iter().map(|(tag, _)| *tag)).collect();
            all.dedup();
            let hint = did_you_mean(word, all.iter().copied()).map_or_else(
                || format!("it may be {}", list(all.iter().copied())),
                |name| format!("did you mean `{name}`?"),
            );
            self.diagnostics.push(UNKNOWN_CHOICE.at(span, format!("`{word}` is not known here")).hint(hint));
        }
        None
    }

    fn is_later(&mut self, word: &str, span: Span, context: &Context<'_>) -> bool {
        let Some((_, _, what)) = LATER.iter().find(|(place, key, _)| *place == context.name && *key == word) else {
            return false;
        };
        let message = format!("this version of Kinfold does not have {what}");
        self.diagnostics.push(NOT_YET.at(span, message).hint("leave it out"));
        true
    }

    fn mapping(
        &mut self,
        node: &Node,
        entries: &[(SourceText, Node)],
        properties: &'a Map<String, Json>,
        schema: &'a Json,
        context: &Context<'_>,
    ) -> Option<Node> {
        let required: Vec<&str> =
            schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
        let mut kept = vec![];
        let mut whole = true;
        // A value was cut in two: half of it must not be checked further.
        let mut split = false;
        let mut meant: Vec<String> = vec![];
        for (key, value) in entries {
            let Some(property) = properties.get(&key.text) else {
                meant.extend(self.unknown_key(key, &value.value, properties, context));
                split |= value.value == Value::Null;
                continue;
            };
            if value.value == Value::Null && !allows_null(property) {
                if required.contains(&key.text.as_str()) {
                    self.diagnostics.push(MISSING_KEY.at(key.span, format!("`{}` has no value", key.text)));
                    whole = false;
                }
                continue;
            }
            match self.node(value, property, &Context { name: context.name, root: false }) {
                Some(value) => kept.push((key.clone(), value)),
                // A file's sections stand for themselves.
                None if context.root => self.incomplete = true,
                None => whole = false,
            }
        }
        for name in required {
            if meant.iter().any(|m| m == name) {
                whole = false;
            } else if !entries.iter().any(|(key, _)| key.text == name) {
                let message = format!("`{name}` is missing");
                let hint = properties.get(name).and_then(|p| p.get("description")).and_then(Json::as_str);
                let diagnostic = MISSING_KEY.at(self.head(node), message).hint_opt(hint.map(first_sentence));
                self.diagnostics.push(diagnostic);
                whole = false;
            }
        }
        (whole && (context.root || !split)).then_some(Node { span: node.span, value: Value::Map(kept) })
    }

    /// Reports a key; gives back the one that is probably meant.
    fn unknown_key(
        &mut self,
        key: &SourceText,
        value: &Value,
        properties: &Map<String, Json>,
        context: &Context<'_>,
    ) -> Option<String> {
        if self.is_later(&key.text, key.span, context) {
            return None;
        }
        let (others, place) = self.elsewhere;
        if context.root && others.contains(&key.text) {
            let message = format!("`{}` does not belong in this file", key.text);
            self.diagnostics.push(MISPLACED_KEY.at(key.span, message).hint(format!("move it to {place}")));
            self.incomplete = true;
            return None;
        }
        // Inside braces a comma ends a value: what follows it in SQL is then read as a key.
        let is_word = key.text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if *value == Value::Null && !is_word {
            let message = format!("`{}` is read as a key", key.text);
            let hint = "inside `{ }` a comma ends the value before it: put that value in quotes";
            self.diagnostics.push(UNKNOWN_KEY.at(key.span, message).hint(hint));
            return None;
        }
        let names = properties.keys().map(String::as_str);
        let meant = did_you_mean(&key.text, names.clone());
        let hint = meant
            .as_ref()
            .map_or_else(|| format!("it may have {}", list(names)), |name| format!("did you mean `{name}`?"));
        self.diagnostics
            .push(UNKNOWN_KEY.at(key.span, format!("`{}` is not a key that may stand here", key.text)).hint(hint));
        self.incomplete |= context.root;
        meant
    }

    fn free_mapping(&mut self, node: &Node, entries: &[(SourceText, Node)], schema: &'a Json) -> Option<Node> {
        let mut kept = vec![];
        let mut whole = true;
        for (key, value) in entries {
            if let Some(value) = self.node(value, schema, &Context { name: "", root: false }) {
                kept.push((key.clone(), value));
            } else {
                self.dropped.insert(key.text.clone());
                whole = false;
            }
        }
        whole.then_some(Node { span: node.span, value: Value::Map(kept) })
    }

    fn list(&mut self, node: &Node, items: &[Node], schema: &'a Json) -> Node {
        let mut kept = vec![];
        for item in items {
            match self.node(item, schema, &Context { name: "", root: false }) {
                Some(item) => kept.push(item),
                None => self.drop_names(item, self.has_name(schema)),
            }
        }
        Node { span: node.span, value: Value::Seq(kept) }
    }

    /// Whether items of this shape declare a name.
    fn has_name(&self, schema: &'a Json) -> bool {
        let schema = self.reference(schema).map_or(schema, |(_, target)| target);
        let required = schema.get("required").and_then(Json::as_array);
        required.is_some_and(|names| names.iter().any(|name| name == "name"))
    }

    /// Notes all names in what is dropped.
    fn drop_names(&mut self, node: &Node, has_name: bool) {
        self.has_gaps = true;
        let is_named = matches!(node.get("name").map(|n| &n.value), Some(Value::Str(_)));
        self.incomplete |= has_name && !is_named;
        self.drop_nested(node);
    }

    fn drop_nested(&mut self, node: &Node) {
        match &node.value {
            Value::Map(entries) => {
                if let Some(Value::Str(text)) = node.get("name").map(|n| &n.value) {
                    self.dropped.insert(text.text.clone());
                }
                for (_, value) in entries {
                    self.drop_nested(value);
                }
            }
            Value::Seq(items) => {
                for item in items {
                    self.drop_nested(item);
                }
            }
            _ => {}
        }
    }

    fn in_range(&mut self, node: &Node, schema: &Json) -> Option<Node> {
        let (Value::Int(number), Some(minimum)) = (&node.value, schema.get("minimum").and_then(Json::as_i64)) else {
            return Some(node.clone());
        };
        if *number >= minimum {
            return Some(node.clone());
        }
        self.diagnostics.push(OUT_OF_RANGE.at(node.span, format!("this must be {minimum} or more")));
        None
    }

    fn wrong_type(&mut self, node: &Node, expected: &str) -> Option<Node> {
        let message = format!("this must be {expected}, not {}", node.kind());
        let hint = match &node.value {
            Value::Bool(_) | Value::Int(_) | Value::Float(_) if expected == "text" => Some("put it in quotes"),
            Value::Str(text)
                if expected.contains("true or false") && matches!(text.text.as_str(), "yes" | "no" | "on" | "off") =>
            {
                Some("write `true` or `false`")
            }
            Value::Str(text) if expected.contains("number") && text.text.parse::<f64>().is_ok() => {
                Some("leave the quotes out")
            }
            _ => None,
        };
        let span = self.head(node);
        self.diagnostics.push(WRONG_TYPE.at(span, message).hint_opt(hint.map(str::to_owned)));
        None
    }

    /// Where a node is shown: as a whole if it is on one line, else its first key or item.
    fn head(&self, node: &Node) -> Span {
        let text = self.text.get(node.span.start as usize..node.span.end as usize).unwrap_or("");
        if !text.contains('\n') {
            return node.span;
        }
        match &node.value {
            Value::Map(entries) => entries.first().map_or(node.span, |(key, _)| key.span),
            Value::Seq(items) => items.first().map_or(node.span, |item| self.head(item)),
            _ => node.span,
        }
    }
}

/// The words of a plain choice.
fn words_of(schema: &Json) -> Vec<&str> {
    let many = schema.get("enum").and_then(Json::as_array).into_iter().flatten();
    many.chain(schema.get("const")).filter_map(Json::as_str).collect()
}

fn allows_null(schema: &Json) -> bool {
    let options = schema.get("anyOf").and_then(Json::as_array);
    types(schema).contains(&"null") || options.is_some_and(|options| options.iter().any(allows_null))
}

fn types(schema: &Json) -> Vec<&str> {
    match schema.get("type") {
        Some(Json::String(name)) => vec![name],
        Some(Json::Array(names)) => names.iter().filter_map(Json::as_str).collect(),
        _ => vec![],
    }
}

/// As `types`, choices included.
fn kinds(schema: &Json) -> Vec<&str> {
    match schema.get("oneOf").and_then(Json::as_array) {
        Some(options) => options.iter().flat_map(types).collect(),
        None => types(schema),
    }
}

fn accepts(types: &[&str], node: &Node) -> bool {
    let any = |names: &[&str]| names.iter().any(|name| types.contains(name));
    match &node.value {
        Value::Null => any(&["null"]),
        Value::Bool(_) => any(&["boolean"]),
        Value::Int(_) => any(&["integer", "number"]),
        Value::Float(_) => any(&["number"]),
        Value::Str(_) => any(&["string"]),
        Value::Seq(_) => any(&["array"]),
        Value::Map(_) => any(&["object"]),
    }
}

fn expected(types: &[&str]) -> String {
    let scalars = ["string", "number", "boolean"];
    let mut words: Vec<&str> = vec![];
    let single = scalars.iter().all(|s| types.contains(s));
    if single {
        words.push("a single value");
    }
    for name in types {
        let word = match *name {
            "null" => continue,
            name if single && scalars.contains(&name) => continue,
            "string" => "text",
            "integer" => "a whole number",
            "number" => "a number",
            "boolean" => "true or false",
            "array" => "a list",
            _ => "a mapping",
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(" or ")
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn first_sentence(text: &str) -> String {
    let sentence = text.split(". ").next().unwrap_or(text).trim_end_matches('.');
    let mut chars = sentence.chars();
    let (first, second) = (chars.next(), chars.clone().next());
    match first {
        // Not an abbreviation.
        Some(first) if second.is_none_or(char::is_lowercase) || second == Some(' ') => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => sentence.to_owned(),
    }
}

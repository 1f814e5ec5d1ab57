//! Files → what they say.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use kinfold_base::{Diagnostic, FileId, SourceMap, SourceText, Span};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::ast::{Config, File, Model, OneOrMany, Sql, Text};
use crate::checks::shape::WRONG_TYPE;
use crate::shape::{Fitted, fit};
use crate::yaml;

/// The folders whose `.yml` files are read. `models/` may hold `.sql` files as well.
pub const FOLDERS: &[&str] = &["models", "segments", "syncs", "connectors"];
/// The file that makes a folder a project.
pub const CONFIG_FILE: &str = "kinfold.yml";

const STACK_BYTES: usize = 32 << 20;

/// What a project's files say, as far as they could be understood.
#[derive(Debug, Clone, Default)]
pub struct Parsed {
    /// What was wrong with the files by themselves.
    pub diagnostics: Vec<Diagnostic>,
    /// `kinfold.yml`; `None` if there is none, or nothing in it could be used.
    pub config: Option<Config>,
    /// All other files, one after the other.
    pub file: File,
    pub(crate) has_config: bool,
    /// Names of what was left out because it does not have the right shape.
    pub(crate) dropped: BTreeSet<String>,
    /// Something was left out whose names are not known.
    pub(crate) incomplete: bool,
    /// Anything was left out, so that an empty list need not be its author's fault.
    pub(crate) has_gaps: bool,
}

/// Whether a file belongs to the project. `path` is relative to the project's folder, with `/` between its parts.
#[must_use]
pub fn is_project_file(path: &str) -> bool {
    let is_in = |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    let has_extension = |wanted: &[&str]| wanted.contains(&extension(path));
    path == CONFIG_FILE
        || (FOLDERS.iter().any(|folder| is_in(folder)) && has_extension(&["yml", "yaml"]))
        || (is_in("models") && has_extension(&["sql"]))
}

fn extension(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// Reads files, whose paths are relative to the project's folder. Never fails as a whole.
#[must_use]
pub fn parse(files: &SourceMap) -> Parsed {
    let read = || {
        let mut parsed = Parsed::default();
        for (id, file) in files.files() {
            parsed.read_file(id, &file.path, &file.text);
        }
        parsed
    };
    // The YAML library recurses; the stack must hold the depth that is allowed, whatever thread we are called on.
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, read);
        thread.map_or_else(|_| read(), |thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// The JSON schema of the whole format, for editors: one schema for every file of a project.
#[must_use]
pub fn json_schema() -> Json {
    let mut schema = FILE_SCHEMA.clone();
    let config = CONFIG_SCHEMA.clone();
    for section in ["properties", "$defs"] {
        if let (Some(Json::Object(into)), Some(Json::Object(from))) = (schema.get_mut(section), config.get(section)) {
            into.extend(from.clone());
        }
    }
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".into(), "Kinfold".into());
        root.insert("description".into(), "A file of a Kinfold project.".into());
    }
    schema
}

static FILE_SCHEMA: LazyLock<Json> = LazyLock::new(schema_of::<File>);
static CONFIG_SCHEMA: LazyLock<Json> = LazyLock::new(schema_of::<Config>);

fn schema_of<T: JsonSchema>() -> Json {
    schemars::schema_for!(T).to_value()
}

fn keys(schema: &Json) -> Vec<String> {
    schema.get("properties").and_then(Json::as_object).map(|p| p.keys().cloned().collect()).unwrap_or_default()
}

impl Parsed {
    fn read_file(&mut self, id: FileId, path: &str, text: &str) {
        if path == CONFIG_FILE {
            self.has_config = true;
            let place = (keys(&FILE_SCHEMA), "a file under models/, segments/ or syncs/");
            self.config = self.read_yaml(id, text, &CONFIG_SCHEMA, place);
        } else if extension(path) == "sql" {
            self.file.models.push(sql_model(id, path, text));
        } else {
            let place = (keys(&CONFIG_SCHEMA), CONFIG_FILE);
            if let Some(file) = self.read_yaml(id, text, &FILE_SCHEMA, place) {
                self.add(file);
            }
        }
    }

    fn read_yaml<T: DeserializeOwned>(
        &mut self,
        id: FileId,
        text: &str,
        schema: &Json,
        (others, place): (Vec<String>, &str),
    ) -> Option<T> {
        let before = self.diagnostics.len();
        let Some(node) = yaml::read(id, text, &mut self.diagnostics) else {
            self.incomplete |= self.diagnostics.len() > before;
            return None;
        };
        let Fitted { node, mut dropped, incomplete, has_gaps } =
            fit(&node, schema, text, (&others, place), &mut self.diagnostics);
        self.dropped.append(&mut dropped);
        self.has_gaps |= has_gaps;
        self.incomplete |= incomplete || node.is_none();
        let node = node?;
        match yaml::from_node(&node) {
            Ok(value) => Some(value),
            Err(error) => {
                self.incomplete = true;
                self.diagnostics
                    .push(WRONG_TYPE.at(node.span.slice(0, 0), format!("the file could not be read: {error}")));
                None
            }
        }
    }

    /// Whether something of that name may have been left out, so that not knowing it is nobody's fault.
    pub(crate) fn hides(&self, name: &str) -> bool {
        self.incomplete || name.split('.').any(|part| self.dropped.contains(part))
    }

    fn add(&mut self, file: File) {
        let File { sources, models, entities, segments, destinations, syncs, match_models, pins } = file;
        self.file.sources.extend(sources);
        self.file.models.extend(models);
        self.file.entities.extend(entities);
        self.file.segments.extend(segments);
        self.file.destinations.extend(destinations);
        self.file.syncs.extend(syncs);
        self.file.match_models.extend(match_models);
        self.file.pins.extend(pins);
    }
}

/// A file `models/<name>.sql` is a model.
fn sql_model(id: FileId, path: &str, text: &str) -> Model {
    let name = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".sql");
    let span = Span::new(id, 0, text.len());
    Model {
        name: Text(SourceText::new(name, Span::new(id, 0, 0), vec![])),
        description: None,
        sql: Sql(SourceText::new(text, span, vec![])),
        unique_key: OneOrMany::default(),
        time: None,
    }
}

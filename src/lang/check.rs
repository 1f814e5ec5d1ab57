//! What the files say → a [`Project`], or everything that is wrong with them.

use std::collections::BTreeMap;
use std::path::Path;

use kinfold_base::{ConnectorSpec, Diagnostic, TableSchema};

use crate::checks::config::Surroundings;
use crate::checks::rows::Profiles;
use crate::checks::segments::CheckedEntity;
use crate::checks::{
    config, destinations, identity, match_models, matching, models, names, pins, privacy, segments, sources, syncs,
    traits, unused,
};
use crate::parse::Parsed;
use crate::project::{Entity, Lake, Project, SourceTable, StorageRule, TableName};
use crate::tables::Tables;

/// What checking needs besides the files.
pub struct CheckInput<'a> {
    /// What the engine said of each table of [`Setup::sources`]: its columns, or why it could not be read. A table that is missing
    /// here is taken to have any column.
    pub schemas: BTreeMap<TableName, Result<TableSchema, String>>,
    pub connectors: &'a [ConnectorSpec],
    /// The target asked for with `--target`.
    pub target: Option<&'a str>,
    /// Relative locations lie in here.
    pub project_dir: &'a Path,
    /// Looks up an environment variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
}

/// What came of checking.
#[derive(Debug)]
pub struct Checked {
    /// `None` if any diagnostic is an error.
    pub project: Option<Project>,
    /// Those of parsing included; by file and place, those without a place first.
    pub diagnostics: Vec<Diagnostic>,
}

/// What an engine needs to know so that it can be asked for the columns of sources.
#[derive(Debug, Clone)]
pub struct Setup {
    pub lake: Lake,
    pub storage: Vec<StorageRule>,
    /// Their schemas are empty.
    pub sources: Vec<SourceTable>,
}

impl Parsed {
    /// Where Kinfold writes and which tables it reads. What is wrong is left out here and reported by [`check`].
    #[must_use]
    pub fn setup(&self, project_dir: &Path, target: Option<&str>, env: &dyn Fn(&str) -> Option<String>) -> Setup {
        let around = Surroundings { project_dir, target, env };
        let mut ignored = vec![];
        let (lake, storage) = config::resolve(self, around, &mut ignored);
        Setup { lake, storage, sources: sources::declared(self, around, &mut ignored) }
    }
}

/// Checks everything, and resolves it.
#[must_use]
pub fn check(parsed: &Parsed, input: &CheckInput<'_>) -> Checked {
    let mut diagnostics = parsed.diagnostics.clone();
    let project = resolve(parsed, input, &mut diagnostics);
    diagnostics.sort_by_key(|d| d.span);
    diagnostics.dedup();
    let broken = diagnostics.iter().any(Diagnostic::is_error);
    Checked { project: Some(project).filter(|_| !broken), diagnostics }
}

/// The project as far as it could be made out.
fn resolve(parsed: &Parsed, input: &CheckInput<'_>, diagnostics: &mut Vec<Diagnostic>) -> Project {
    let file = &parsed.file;
    let around = Surroundings { project_dir: input.project_dir, target: input.target, env: input.env };
    let (lake, storage) = config::resolve(parsed, around, diagnostics);
    names::check(file, diagnostics);

    let declared = sources::declared(parsed, around, diagnostics);
    let (sources, source_tables) = sources::check(parsed, declared, &input.schemas, diagnostics);
    let mut tables = Tables { parsed, list: source_tables };
    let models = models::check(&file.models, &mut tables, diagnostics);

    let mut entities = vec![];
    for entity in &file.entities {
        let identifiers = identity::identifiers(entity, parsed, diagnostics);
        let links = identity::links(entity, &identifiers, &tables, diagnostics);
        let pins = pins::pins(entity, &identifiers, parsed, diagnostics);
        let max_cluster = identity::max_cluster(entity, diagnostics);
        let profiles = Profiles { entity, identifiers: &identifiers, links: &links };
        let traits = traits::check(&profiles, &tables, diagnostics);
        let matching = matching::check(entity, &identifiers, &links, &tables, diagnostics);
        entities.push(CheckedEntity { entity, identifiers, links, pins, max_cluster, matching, traits });
    }
    let segments = segments::check(&file.segments, &entities, &tables, diagnostics);

    let target = parsed.config.as_ref().and_then(|c| config::target(c, around));
    let destinations = destinations::check(parsed, target, input.connectors, diagnostics);
    let syncs = syncs::check(&file.syncs, &entities, &tables, input.connectors, diagnostics);
    unused::check(parsed, &models, diagnostics);
    match_models::unused(parsed, diagnostics);
    for pins in &file.pins {
        segments::entity(&pins.entity, &entities, parsed, diagnostics);
    }

    let project = Project {
        name: parsed.config.as_ref().map(|c| c.name.as_str().to_owned()).unwrap_or_default(),
        lake,
        storage,
        sources,
        models,
        entities: entities.into_iter().map(entity).collect(),
        segments,
        destinations,
        syncs,
    };
    privacy::check(&project, diagnostics);
    project
}

fn entity(checked: CheckedEntity<'_>) -> Entity {
    Entity {
        name: checked.entity.name.as_str().to_owned(),
        identifiers: checked.identifiers,
        links: checked.links,
        pins: checked.pins,
        max_cluster: checked.max_cluster,
        matching: checked.matching,
        traits: checked.traits.done,
        span: checked.entity.name.span(),
    }
}

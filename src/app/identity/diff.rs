//! `kinfold identity diff`: what the project's files, as they are now, make of the same data that an earlier version of them sees.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use kinfold_base::{ProgressEvent, RunId, Timestamp};
use kinfold_engine::RunContext;
use kinfold_lang::project::Entity;
use kinfold_plan::compare::{self, Fate};
use kinfold_plan::{render, segments_table, select};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::load::load_commit;
use crate::rows::{each_row, number, text, text_opt};
use crate::{AppError, Loaded, Ready, execute, files};

/// What to compare.
#[derive(Debug, Clone)]
pub struct DiffRequest {
    /// A branch, tag or commit of the project's git repository.
    pub base: String,
    /// How many profiles to show of each kind of change.
    pub examples: u32,
    /// The instant of both runs; now if absent.
    pub as_of: Option<Timestamp>,
}

/// What differs between two versions of a project over the same data.
#[derive(Debug, Clone, Serialize)]
pub struct IdentityDiff {
    pub base: String,
    pub commit: String,
    /// Those that both versions have.
    pub entities: Vec<EntityDiff>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entities_added: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entities_removed: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What differs in one entity.
#[derive(Debug, Clone, Default, Serialize)]
pub struct EntityDiff {
    pub entity: String,
    pub profiles_before: u64,
    pub profiles_after: u64,
    /// So many profiles have values in `merged_into`, which are made of several.
    pub merged_from: u64,
    pub merged_into: u64,
    /// So many profiles fall into several, `split_into` in all.
    pub split_from: u64,
    pub split_into: u64,
    pub created: u64,
    pub gone: u64,
    /// Values of identifiers that have a profile now and had none.
    pub values_gained: u64,
    pub values_lost: u64,
    pub examples: Vec<Example>,
    pub segments: Vec<SegmentEffect>,
}

impl EntityDiff {
    /// Whether no profile and no segment changes.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        let counts = [self.merged_into, self.split_from, self.created, self.gone, self.values_gained, self.values_lost];
        counts.iter().all(|count| *count == 0) && self.segments.iter().all(SegmentEffect::is_nothing)
    }
}

/// A profile that is merged, split, created or gone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Example {
    /// `merged`, `split`, `created`, `gone`.
    pub change: &'static str,
    /// Of the newer version where profiles are merged or created, and of the base otherwise.
    pub profile_id: String,
    pub parts: Vec<ExamplePart>,
}

impl Example {
    /// How many profiles of the other version it shares values with.
    #[must_use]
    pub fn profiles(&self) -> usize {
        self.parts.iter().filter(|part| part.profile_id.is_some()).count()
    }
}

/// What an example shares with a profile of the other version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ExamplePart {
    /// None for values that have no profile there.
    pub profile_id: Option<String>,
    /// Strongest first.
    pub identifiers: Vec<ExampleValues>,
}

/// The values of one identifier that an example's part has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ExampleValues {
    pub identifier: String,
    pub count: u64,
    /// The first of them.
    pub value: String,
}

/// How a segment's members change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SegmentEffect {
    pub segment: String,
    /// None where the version does not have the segment.
    pub before: Option<u64>,
    pub after: Option<u64>,
    pub entered: u64,
    pub left: u64,
}

impl SegmentEffect {
    fn is_nothing(&self) -> bool {
        self.before == self.after && self.entered == 0 && self.left == 0
    }
}

/// Builds both versions, shows neither to readers, and compares them. Both keep the ids of the last run.
///
/// # Errors
/// When there is no such commit, the project was not valid in it, or one of the two cannot be built.
pub async fn identity_diff(ready: &Ready, request: &DiffRequest) -> Result<IdentityDiff, AppError> {
    let commit = files::commit(&ready.options.project_dir, &request.base)?;
    let base = load_base(ready, &request.base, &commit).await?;
    let as_of = request.as_of.unwrap_or_else(|| ready.options.clock.now());
    let names = |ready: &Ready| ready.project.entities.iter().map(|e| e.name.clone()).collect::<Vec<_>>();
    let (before, after) = (names(&base), names(ready));
    let in_both: Vec<&Entity> = ready.project.entities.iter().filter(|e| before.contains(&e.name)).collect();
    let (base_run, mut warnings) = build(&base, &in_both, as_of, "base").await?;
    let (run, more) = build(ready, &in_both, as_of, "now").await?;
    warnings.extend(more.into_iter().filter(|w| !warnings.contains(w)).collect::<Vec<_>>());
    let mut entities = vec![];
    for entity in &in_both {
        let compared = async {
            lay_beside(&base, ready, &run, entity).await?;
            compare(ready, &base, entity, request.examples).await
        };
        entities.push(compared.await?);
    }
    base.engine.discard(&base_run).await?;
    ready.engine.discard(&run).await?;
    Ok(IdentityDiff {
        base: request.base.clone(),
        commit,
        entities,
        entities_added: after.iter().filter(|name| !before.contains(name)).cloned().collect(),
        entities_removed: before.iter().filter(|name| !after.contains(name)).cloned().collect(),
        warnings,
    })
}

async fn load_base(ready: &Ready, base: &str, commit: &str) -> Result<Ready, AppError> {
    let Loaded { diagnostics, ready, .. } = load_commit(&ready.options, commit).await?;
    ready.ok_or_else(|| {
        let mut errors = diagnostics.iter().filter(|d| d.is_error());
        let first = errors.next().map(|d| d.message.clone()).unwrap_or_default();
        let more = match errors.count() {
            0 => String::new(),
            n => format!(" (and {n} more)"),
        };
        AppError::input(format!("the project at {base} has errors: {first}{more}"))
            .hint("check that commit out and run `kinfold check` to see them all")
    })
}

/// Builds entities and their segments, for the eyes of this process alone.
async fn build(
    ready: &Ready,
    entities: &[&Entity],
    as_of: Timestamp,
    version: &str,
) -> Result<(RunContext, Vec<String>), AppError> {
    let options = &ready.options;
    let progress = Arc::clone(&options.progress);
    let run = RunContext { run_id: RunId::new(options.clock.as_ref()), as_of, full: false, progress };
    ready.open_previous().await?;
    let names: Vec<String> = entities.iter().map(|e| segments_table(e)).collect();
    let plan = compare::rehearsal(select(&ready.plan(as_of, &run.run_id), &names));
    let engine = Arc::clone(&ready.engine);
    run.progress.on(ProgressEvent::Planned { tasks: &crate::run::planned_tasks(ready, &plan).await });
    let executed = execute::execute(engine, &plan, &run, options.threads, &options.cancel).await;
    match executed.error {
        Some(e) => Err(AppError { message: format!("{version}: {}", e.message), ..e }),
        None => Ok((run, executed.warnings)),
    }
}

/// Copies what is compared of the base version to where the other's tables are.
async fn lay_beside(base: &Ready, ready: &Ready, run: &RunContext, entity: &Entity) -> Result<(), AppError> {
    for (query, output) in compare::base_tables(entity) {
        let rows = base.engine.query(&render(&query, base.engine.dialect()), &[]).await?;
        ready.engine.create_table_from(run, &output, vec![rows]).await?;
    }
    Ok(())
}

async fn compare(ready: &Ready, base: &Ready, entity: &Entity, examples: u32) -> Result<EntityDiff, AppError> {
    let engine = ready.engine.as_ref();
    let mut counts = BTreeMap::new();
    each_row(engine, &compare::counts(entity), |row| {
        counts.insert(text(&row, "metric"), number(&row, "value"));
    })
    .await?;
    let count = |name: &str| counts.get(name).copied().unwrap_or_default();
    let mut diff = EntityDiff {
        entity: entity.name.clone(),
        profiles_before: count("profiles_before"),
        profiles_after: count("profiles_after"),
        merged_from: count("merged_from"),
        merged_into: count("merged_into"),
        split_from: count("split_from"),
        split_into: count("split_into"),
        created: count("created"),
        gone: count("gone"),
        values_gained: count("values_gained"),
        values_lost: count("values_lost"),
        ..EntityDiff::default()
    };
    let fates = [
        (Fate::Merged, "merged", diff.merged_into),
        (Fate::Split, "split", diff.split_from),
        (Fate::Created, "created", diff.created),
        (Fate::Gone, "gone", diff.gone),
    ];
    for (fate, change, _) in fates.into_iter().filter(|(.., count)| examples > 0 && *count > 0) {
        let mut found = BTreeMap::new();
        each_row(engine, &compare::examples(entity, fate, examples), |row| add_part(&mut found, &row)).await?;
        diff.examples.extend(in_order(entity, change, found));
    }
    let has =
        |ready: &Ready, name: &str| ready.project.segments.iter().any(|s| s.name == name && s.entity == entity.name);
    let mut effects: BTreeMap<String, SegmentEffect> = BTreeMap::new();
    for segment in ready.project.segments.iter().chain(&base.project.segments).filter(|s| s.entity == entity.name) {
        let side = |has: bool| has.then_some(0);
        effects.entry(segment.name.clone()).or_insert_with(|| SegmentEffect {
            segment: segment.name.clone(),
            before: side(has(base, &segment.name)),
            after: side(has(ready, &segment.name)),
            ..SegmentEffect::default()
        });
    }
    each_row(engine, &compare::segment_effects(entity), |row| {
        if let Some(effect) = effects.get_mut(&text(&row, "segment")) {
            effect.before = effect.before.map(|_| number(&row, "before"));
            effect.after = effect.after.map(|_| number(&row, "after"));
            (effect.entered, effect.left) = (number(&row, "entered"), number(&row, "left"));
        }
    })
    .await?;
    diff.segments = effects.into_values().collect();
    Ok(diff)
}

/// By profile and profile of the other version, the identifiers that they share.
type Found = BTreeMap<String, BTreeMap<Option<String>, Vec<ExampleValues>>>;

fn add_part(found: &mut Found, row: &Map<String, Value>) {
    let other = text_opt(row, "other_profile_id");
    let identifiers = found.entry(text(row, "profile_id")).or_default().entry(other).or_default();
    let (identifier, count, value) = (text(row, "identifier"), number(row, "count"), text(row, "value"));
    identifiers.push(ExampleValues { identifier, count, value });
}

/// Those that most profiles are involved in first; in each the largest part first, and values without a profile last; in each of those
/// the strongest identifiers first.
fn in_order(entity: &Entity, change: &'static str, found: Found) -> Vec<Example> {
    let rank = |name: &str| entity.identifiers.iter().position(|i| i.name == name);
    let part = |(profile_id, mut identifiers): (Option<String>, Vec<ExampleValues>)| {
        identifiers.sort_by_key(|of| rank(&of.identifier));
        ExamplePart { profile_id, identifiers }
    };
    let size = |part: &ExamplePart| part.identifiers.iter().map(|of| of.count).sum::<u64>();
    let mut examples: Vec<Example> = found
        .into_iter()
        .map(|(profile_id, parts)| {
            let mut parts: Vec<ExamplePart> = parts.into_iter().map(part).collect();
            parts.sort_by_key(|part| (part.profile_id.is_none(), Reverse(size(part))));
            Example { change, profile_id, parts }
        })
        .collect();
    examples.sort_by_key(|example| Reverse(example.profiles()));
    examples
}

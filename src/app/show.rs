//! `kinfold show`: one profile, one segment.

use kinfold_lang::project::{Entity, Project};
use kinfold_plan::{inspect, render};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::rows::{QueryResult, first_rows};
use crate::{AppError, Ready};

/// More identifiers or segments of one profile than anybody reads.
const MAX_ROWS: usize = 1_000;

/// A profile, as the last run built it.
#[derive(Debug, Clone, Serialize)]
pub struct ShownProfile {
    pub entity: String,
    pub profile_id: String,
    /// The id that was asked for, if the profile has another one now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub former_profile_id: Option<String>,
    /// Value by name, in the order of the project.
    pub traits: Map<String, Value>,
    /// For each trait the digits after the point, if it is a decimal.
    #[serde(skip)]
    pub scales: Vec<Option<usize>>,
    /// `identifier`, `value`, `first_seen_at`, `last_seen_at`, `sources`.
    pub identifiers: QueryResult,
    /// `segment`, `entered_at`.
    pub segments: QueryResult,
}

/// A segment, as the last run built it.
#[derive(Debug, Clone, Serialize)]
pub struct ShownSegment {
    pub segment: String,
    pub entity: String,
    pub description: Option<String>,
    pub size: u64,
    /// All profiles of the entity.
    pub profiles: u64,
    /// In the last run.
    pub entered: u64,
    pub left: u64,
    /// Some members with their traits, by `profile_id`.
    pub sample: QueryResult,
}

/// The profile that an identifier points to: `email=ada@example.com`, brought into the identifier's form first; or a bare `profile_id`,
/// of which a former one leads to the profile that its values are in now.
///
/// # Errors
/// When there is no such entity, identifier or profile, or nothing has been built yet.
pub async fn show_profile(ready: &Ready, identifier: &str, entity: Option<&str>) -> Result<ShownProfile, AppError> {
    ready.open_tables().await?;
    let by = identifier.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
    let entity = find_entity(&ready.project, entity, by.map(|(name, _)| name).as_slice())?;
    let profile_id = match by {
        None => identifier.trim().to_owned(),
        Some((name, value)) => {
            let index = entity
                .identifiers
                .iter()
                .position(|i| i.name == name)
                .ok_or_else(|| unknown_identifier(entity, name))?;
            let found = rows(ready, &inspect::profile_of(entity, index, value), 1).await?;
            match found.rows.first().and_then(|row| row.first()) {
                Some(Value::String(id)) => id.clone(),
                _ => return Err(not_found(entity, &format!("with {name} `{value}`"))),
            }
        }
    };
    let mut traits = rows(ready, &inspect::traits_of(entity, &profile_id), 1).await?;
    let (mut profile_id, mut former_profile_id) = (profile_id, None);
    if traits.rows.is_empty()
        && let Some(current) = current_id(ready, entity, &profile_id).await?
    {
        former_profile_id = Some(std::mem::replace(&mut profile_id, current));
        traits = rows(ready, &inspect::traits_of(entity, &profile_id), 1).await?;
    }
    let Some(values) = traits.rows.first() else {
        return Err(not_found(entity, &format!("with the profile_id `{profile_id}`")));
    };
    let shown = || (0..traits.columns.len()).filter(|i| traits.columns[*i] != "profile_id");
    Ok(ShownProfile {
        entity: entity.name.clone(),
        scales: shown().map(|i| traits.scale(i)).collect(),
        traits: shown().map(|i| (traits.columns[i].clone(), values[i].clone())).collect(),
        identifiers: rows(ready, &inspect::identifiers_of(entity, &profile_id), MAX_ROWS).await?,
        segments: rows(ready, &inspect::segments_of(entity, &profile_id), MAX_ROWS).await?,
        profile_id,
        former_profile_id,
    })
}

/// The id of the profile that a former profile id leads to.
///
/// # Errors
/// When the values of that profile are gone.
pub(crate) async fn current_id(ready: &Ready, entity: &Entity, former: &str) -> Result<Option<String>, AppError> {
    let found = rows(ready, &inspect::alias_of(entity, former), 1).await?;
    match found.rows.first().map(Vec::as_slice) {
        Some([Value::String(current), ..]) => Ok(Some(current.clone())),
        Some([_, at, ..]) => {
            let at = at.as_str().unwrap_or_default();
            let what = format!("the profile `{former}` of {} is gone since {at}", entity.name);
            Err(AppError::input(what).hint("no row has any of its identifiers any more, or many share them"))
        }
        _ => Ok(None),
    }
}

/// Size, some members, and who came and went in the last run.
///
/// # Errors
/// When there is no such segment.
pub async fn show_segment(ready: &Ready, name: &str, limit: u32) -> Result<ShownSegment, AppError> {
    let project = &ready.project;
    let segment = project.segments.iter().find(|s| s.name == name).ok_or_else(|| {
        let known = project.segments.iter().map(|s| s.name.as_str());
        AppError::input(format!("there is no segment `{name}`"))
            .hint_opt(kinfold_base::did_you_mean(name, known).map(|n| format!("did you mean `{n}`?")))
    })?;
    let entity = find_entity(project, Some(&segment.entity), &[])?;
    ready.open_tables().await?;
    let counts = rows(ready, &inspect::segment_counts(entity, name), 1).await?;
    let count =
        |column: usize| counts.rows.first().and_then(|row| row.get(column)).and_then(Value::as_u64).unwrap_or_default();
    Ok(ShownSegment {
        segment: name.to_owned(),
        entity: entity.name.clone(),
        description: segment.description.clone(),
        profiles: count(0),
        size: count(1),
        entered: count(2),
        left: count(3),
        sample: rows(ready, &inspect::segment_members(entity, name, limit), limit as usize).await?,
    })
}

pub(crate) async fn rows(ready: &Ready, query: &kinfold_plan::Query, limit: usize) -> Result<QueryResult, AppError> {
    let sql = render(query, ready.engine.dialect());
    first_rows(ready.engine.query(&sql, &[]).await?, limit).await
}

/// The entity of that name; without one, the first that has all these identifiers.
pub(crate) fn find_entity<'a>(
    project: &'a Project,
    name: Option<&str>,
    identifiers: &[&str],
) -> Result<&'a Entity, AppError> {
    let entities = &project.entities;
    if let Some(name) = name {
        let known = entities.iter().map(|e| e.name.as_str());
        return entities.iter().find(|e| e.name == name).ok_or_else(|| {
            AppError::input(format!("there is no entity `{name}`"))
                .hint_opt(kinfold_base::did_you_mean(name, known).map(|n| format!("did you mean `{n}`?")))
        });
    }
    let has = |e: &Entity, name: &str| e.identifiers.iter().any(|i| i.name == name);
    let first = entities.first().ok_or_else(|| AppError::input("the project has no entities"))?;
    let found = entities.iter().find(|e| identifiers.iter().all(|name| has(e, name)));
    found.ok_or_else(|| {
        let missing = identifiers.iter().find(|name| !has(first, name));
        unknown_identifier(first, missing.copied().unwrap_or_default())
    })
}

pub(crate) fn unknown_identifier(entity: &Entity, name: &str) -> AppError {
    let known: Vec<&str> = entity.identifiers.iter().map(|i| i.name.as_str()).collect();
    AppError::input(format!("{} has no identifier `{name}`", entity.name)).hint(
        kinfold_base::did_you_mean(name, known.iter().copied())
            .map_or_else(|| format!("it has {}", known.join(", ")), |n| format!("did you mean `{n}`?")),
    )
}

pub(crate) fn not_found(entity: &Entity, what: &str) -> AppError {
    AppError::input(format!("there is no {} {what}", entity.name))
        .hint("only what the last `kinfold run` built can be shown")
}

//! What a person wrote, as values and profiles.

use kinfold_lang::project::{Entity, Project};
use kinfold_plan::explain;
use serde_json::Value;

use super::facts::{Id, Sharing};
use super::read::{sharing, text};
use crate::show::{find_entity, not_found, rows, unknown_identifier};
use crate::{AppError, Ready};

/// What is to be explained.
#[derive(Debug)]
pub(super) enum Wanted {
    /// By its `profile_id`.
    Profile(String),
    Value(Written),
    Chain([Written; 2]),
}

/// A value as a person wrote it.
#[derive(Debug)]
pub(super) struct Written {
    /// An index into [`Entity::identifiers`].
    identifier: usize,
    value: String,
}

/// Where a value belongs: to a profile, to many, or to a profile by a pin alone.
#[derive(Debug)]
pub(super) struct Place {
    pub profile: Option<String>,
    pub sharing: Option<Sharing>,
}

/// The entity that has all identifiers that are named, and what is asked of it.
///
/// # Errors
/// When there is no such entity or identifier, or not one or two things are named.
pub(super) fn wanted<'a>(
    project: &'a Project,
    words: &[String],
    entity: Option<&str>,
) -> Result<(&'a Entity, Wanted), AppError> {
    let words: Vec<(Option<&str>, &str)> = words.iter().map(|word| split(word)).collect();
    let names: Vec<&str> = words.iter().filter_map(|(name, _)| *name).collect();
    let entity = find_entity(project, entity, &names)?;
    let written = |name: &str, value: &str| {
        let identifier = entity.identifiers.iter().position(|i| i.name == name);
        let identifier = identifier.ok_or_else(|| unknown_identifier(entity, name))?;
        Ok::<_, AppError>(Written { identifier, value: value.to_owned() })
    };
    let wanted = match words[..] {
        [(None, profile_id)] => Wanted::Profile(profile_id.to_owned()),
        [(Some(name), value)] => Wanted::Value(written(name, value)?),
        [(Some(a), of_a), (Some(b), of_b)] => Wanted::Chain([written(a, of_a)?, written(b, of_b)?]),
        [_, _] => {
            return Err(AppError::input("a chain leads from one value to another")
                .hint("write both as IDENTIFIER=VALUE, such as email=ada@example.com"));
        }
        _ => {
            return Err(AppError::input("name a profile, a value or two values")
                .hint("such as email=ada@example.com phone=+905321234567"));
        }
    };
    Ok((entity, wanted))
}

/// `email=ada@example.com` in its parts; what has no `=` is a `profile_id`.
fn split(word: &str) -> (Option<&str>, &str) {
    match word.split_once('=') {
        Some((name, value)) => (Some(name.trim()), value.trim()),
        None => (None, word.trim()),
    }
}

/// A value in its identifier's form, and where it belongs.
///
/// # Errors
/// When nothing is left of the value, it is blocked, or no profile has it.
pub(super) async fn place(ready: &Ready, entity: &Entity, written: &Written) -> Result<(Id, Place), AppError> {
    let Written { identifier, value } = written;
    let name = &entity.identifiers[*identifier].name;
    let found = rows(ready, &explain::value(entity, *identifier, value), 1).await?;
    let row = found.rows.into_iter().next().unwrap_or_default();
    let mut row = row.into_iter();
    let mut next = || row.next().unwrap_or_default();
    let (normalised, blocked, profile_id, linked, degree) = (next(), next(), next(), next(), next());
    let Value::String(normalised) = normalised else {
        return Err(AppError::input(format!("`{value}` is not a usable {name}"))
            .hint(format!("no such value comes through the type of {name}; see `identity` of {}", entity.name)));
    };
    let id = (*identifier, normalised);
    let place = Place { profile: text(profile_id), sharing: sharing(linked, &degree) };
    if place.profile.is_some() || place.sharing.is_some() {
        return Ok((id, place));
    }
    if blocked == Value::Bool(true) {
        let what = format!("{name} `{value}` is blocked: it links nothing and belongs to no {}", entity.name);
        return Err(AppError::input(what).hint(format!("`block` of {name} says so")));
    }
    Err(not_found(entity, &format!("with {name} `{value}`")))
}

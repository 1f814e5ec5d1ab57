//! What was learned for an entity's `match`.
//!
//! `kinfold match train` writes it as `match_models`, to be kept in git. It must have the comparisons and levels that `match` has, in
//! the same order: whoever changes them trains again. Without it nothing is matched.

use kinfold_base::Diagnostic;

use super::matching::probability;
use crate::ast;
use crate::ast::Text;
use crate::parse::Parsed;
use crate::project::{Match, MatchModel};
use crate::rule::Rule;

pub(crate) const RULES: &[&Rule] = &[&NO_MATCH_MODEL, &STALE_MATCH_MODEL, &UNUSED_MATCH_MODEL];

pub(crate) const NO_MATCH_MODEL: Rule =
    Rule::warning("no-match-model", "an entity has a `match` for which nothing was learned yet");
pub(crate) const STALE_MATCH_MODEL: Rule =
    Rule::warning("stale-match-model", "what was learned has other comparisons or levels than the `match` has now");
pub(crate) const UNUSED_MATCH_MODEL: Rule =
    Rule::error("unused-match-model", "what was learned is for no entity with a `match`, or is there twice");

/// A comparison's name; the column that it compares, if it is not called so; and its levels.
type Levels<'a> = (&'a str, Option<&'a str>, Vec<&'a str>);

/// What was learned for an entity.
pub(crate) fn find(
    entity: &ast::Entity,
    matching: &Match,
    parsed: &Parsed,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<MatchModel> {
    let name = entity.name.as_str();
    let train = format!("run `kinfold match train {name}`");
    let Some(written) = parsed.file.match_models.iter().find(|model| model.entity.as_str() == name) else {
        if !parsed.incomplete && !parsed.has_gaps {
            let message = format!("nothing was learned yet for the `match` of `{name}`, so nothing is matched");
            diagnostics.push(NO_MATCH_MODEL.at(matching.span, message).hint(train));
        }
        return None;
    };
    let prior = probability(&written.probability, diagnostics);
    let learned: Vec<Levels<'_>> = written
        .comparisons
        .iter()
        .map(|c| {
            let levels = c.levels.iter().map(|level| level.level.as_str()).collect();
            (c.name.as_str(), c.column.as_ref().map(Text::as_str), levels)
        })
        .collect();
    let wanted = matching.comparisons.iter();
    let wanted: Vec<Levels<'_>> =
        wanted.map(|c| (c.name.as_str(), c.other_column(matching), c.labels().collect())).collect();
    if learned != wanted {
        let message = format!("{}, so nothing is matched", difference(name, &wanted, &learned));
        diagnostics.push(STALE_MATCH_MODEL.at(written.entity.span(), message).hint(train));
        return None;
    }
    let levels: Vec<Option<Vec<(f64, f64)>>> = written
        .comparisons
        .iter()
        .map(|c| {
            let shares: Vec<Option<(f64, f64)>> = c
                .levels
                .iter()
                .map(|level| {
                    let (m, u) = (probability(&level.m, diagnostics), probability(&level.u, diagnostics));
                    Some((m?, u?))
                })
                .collect();
            shares.into_iter().collect()
        })
        .collect();
    let levels: Option<Vec<Vec<(f64, f64)>>> = levels.into_iter().collect();
    Some(MatchModel { prior: prior?, levels: levels? })
}

/// The first thing in which a `match` differs from what was learned for it.
fn difference(entity: &str, wanted: &[Levels<'_>], learned: &[Levels<'_>]) -> String {
    let of_wanted =
        wanted.iter().find_map(|(name, column, levels)| match learned.iter().find(|(other, ..)| other == name) {
            None => Some(format!("nothing was learned for the comparison `{name}` of `{entity}`")),
            Some((_, known, _)) if known != column => {
                let [known, column] = [known, column].map(|column| column.unwrap_or(name));
                Some(format!("`{name}` of `{entity}` compares `{column}`, and was learned for `{known}`"))
            }
            Some((.., known)) if known != levels => {
                Some(format!("the levels of `{name}` of `{entity}` are not those that were learned"))
            }
            Some(_) => None,
        });
    let of_learned = || {
        let gone = learned.iter().find(|(name, ..)| wanted.iter().all(|(other, ..)| other != name));
        gone.map(|(name, ..)| format!("`{name}` was learned for `{entity}`, which has no such comparison now"))
    };
    of_wanted.or_else(of_learned).unwrap_or_else(|| {
        if learned.len() > wanted.len() {
            format!("what was learned for `{entity}` has a comparison twice")
        } else {
            format!("the comparisons of `{entity}` were learned in another order")
        }
    })
}

/// Looks for models that no entity uses.
pub(crate) fn unused(parsed: &Parsed, diagnostics: &mut Vec<Diagnostic>) {
    for (i, model) in parsed.file.match_models.iter().enumerate() {
        let name = model.entity.as_str();
        if parsed.file.match_models[..i].iter().any(|other| other.entity.as_str() == name) {
            let message = format!("there is already a `match_models` for `{name}`");
            diagnostics.push(UNUSED_MATCH_MODEL.at(model.entity.span(), message).hint("remove one of them"));
        } else if !parsed.hides(name)
            && !parsed.file.entities.iter().any(|e| e.name.as_str() == name && e.identity.matching.is_some())
        {
            let message = format!("there is no entity `{name}` with a `match`");
            diagnostics
                .push(UNUSED_MATCH_MODEL.at(model.entity.span(), message).hint("remove what was learned for it"));
        }
    }
}

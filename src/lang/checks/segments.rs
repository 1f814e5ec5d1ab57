//! Segments: named sets of profiles of one entity.
//!
//! A segment may refer to others of the same entity, in conditions and under `except`, but not in a circle.

use std::collections::BTreeSet;

use kinfold_base::{Diagnostic, did_you_mean};
use kinfold_sql::{Context, Typed};

use super::conditions::{Ground, condition};
use super::durations::percent;
use super::rows::Profiles;
use super::traits::Traits;
use crate::ast::{self, Order, Spanned, Text};
use crate::order::order;
use crate::parse::Parsed;
use crate::project::{Identifier, Link, Match, MaxCluster, Pin, Segment, Top, TopCount};
use crate::rule::Rule;
use crate::tables::{Tables, open_scope, typed};

pub(crate) const RULES: &[&Rule] = &[&UNKNOWN_ENTITY, &UNKNOWN_SEGMENT, &OTHER_ENTITY, &SEGMENT_CYCLE, &BAD_TOP];

pub(crate) const UNKNOWN_ENTITY: Rule = Rule::error("unknown-entity", "a name is not an entity");
pub(crate) const UNKNOWN_SEGMENT: Rule = Rule::error("unknown-segment", "a name is not a segment");
pub(crate) const OTHER_ENTITY: Rule = Rule::error("other-entity", "a segment refers to a segment of another entity");
pub(crate) const SEGMENT_CYCLE: Rule = Rule::error("segment-cycle", "segments refer to each other in a circle");
pub(crate) const BAD_TOP: Rule =
    Rule::error("bad-top", "`top` has not exactly one of `count` and `percent`, or takes nobody");

/// An entity and everything that has been found out about it.
pub(crate) struct CheckedEntity<'a> {
    pub(crate) entity: &'a ast::Entity,
    pub(crate) identifiers: Vec<Identifier>,
    pub(crate) links: Vec<Link>,
    pub(crate) pins: Vec<Pin>,
    pub(crate) max_cluster: MaxCluster,
    pub(crate) matching: Option<Match>,
    pub(crate) traits: Traits,
}

/// Resolves all segments, each after those that it refers to.
pub(crate) fn check(
    segments: &[ast::Segment],
    entities: &[CheckedEntity<'_>],
    tables: &Tables<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Segment> {
    let references: Vec<Vec<&Text>> = segments
        .iter()
        .map(|s| {
            let mut found = s.except.iter().collect();
            references(&s.condition, &mut found);
            found
        })
        .collect();
    let index = |name: &Text| segments.iter().position(|s| s.name.as_str() == name.as_str());
    let needs: Vec<Vec<usize>> =
        references.iter().map(|names| names.iter().filter_map(|n| index(n)).collect()).collect();
    for (segment, names) in segments.iter().zip(&references) {
        for name in names {
            look_up(segment, name, segments, tables.parsed, diagnostics);
        }
    }
    let (sequence, cycles) = order(&needs);
    for cycle in &cycles {
        let path: Vec<&str> = cycle.iter().chain(cycle.first()).map(|i| segments[*i].name.as_str()).collect();
        let place = segments[cycle[0]].name.span();
        diagnostics
            .push(SEGMENT_CYCLE.at(place, format!("segments refer to each other in a circle: {}", path.join(" → "))));
    }
    let stuck: BTreeSet<usize> = cycles.iter().flatten().copied().collect();
    let done = sequence.into_iter().map(|i| (i, one(&segments[i], entities, tables, diagnostics)));
    done.filter(|(i, _)| !stuck.contains(i)).filter_map(|(_, segment)| segment).collect()
}

/// All segments that a condition names. Conditions are no deeper than files are.
fn references<'a>(condition: &'a Spanned<ast::Condition>, found: &mut Vec<&'a Text>) {
    match &condition.value {
        ast::Condition::Segment(name) => found.push(name),
        ast::Condition::All(parts) | ast::Condition::Any(parts) => {
            for part in &parts.value {
                references(part, found);
            }
        }
        ast::Condition::Not(part) => references(part, found),
        _ => {}
    }
}

fn look_up(
    segment: &ast::Segment,
    name: &Text,
    segments: &[ast::Segment],
    parsed: &Parsed,
    diagnostics: &mut Vec<Diagnostic>,
) {
    match segments.iter().find(|s| s.name.as_str() == name.as_str()) {
        None => diagnostics.extend(unknown(name, segments, parsed)),
        Some(other) if other.entity.as_str() != segment.entity.as_str() => {
            let message = format!("the segment `{}` is of the entity `{}`", name.as_str(), other.entity.as_str());
            let diagnostic =
                OTHER_ENTITY.at(name.span(), message).label(segment.entity.span(), "this one is of another");
            diagnostics.push(diagnostic);
        }
        Some(_) => {}
    }
}

/// The diagnostic for a segment that is not there.
pub(crate) fn unknown(name: &Text, segments: &[ast::Segment], parsed: &Parsed) -> Option<Diagnostic> {
    if parsed.hides(name.as_str()) {
        return None;
    }
    let near = did_you_mean(name.as_str(), segments.iter().map(|s| s.name.as_str()));
    let hint = near.map(|near| format!("did you mean `{near}`?"));
    Some(UNKNOWN_SEGMENT.at(name.span(), format!("there is no segment `{}`", name.as_str())).hint_opt(hint))
}

/// The entity of that name; one that is not known is reported.
pub(crate) fn entity<'a, 'b>(
    name: &Text,
    entities: &'a [CheckedEntity<'b>],
    parsed: &Parsed,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<&'a CheckedEntity<'b>> {
    let found = entities.iter().find(|e| e.entity.name.as_str() == name.as_str());
    if found.is_none() && !parsed.hides(name.as_str()) {
        let near = did_you_mean(name.as_str(), entities.iter().map(|e| e.entity.name.as_str()));
        let hint = near.map(|near| format!("did you mean `{near}`?"));
        diagnostics
            .push(UNKNOWN_ENTITY.at(name.span(), format!("there is no entity `{}`", name.as_str())).hint_opt(hint));
    }
    found
}

fn one(
    written: &ast::Segment,
    entities: &[CheckedEntity<'_>],
    tables: &Tables<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Segment> {
    let checked = entity(&written.entity, entities, tables.parsed, diagnostics)?;
    let ground = Ground {
        profiles: Profiles { entity: checked.entity, identifiers: &checked.identifiers, links: &checked.links },
        traits: &checked.traits,
        scope: open_scope(checked.traits.columns.clone(), checked.traits.is_open),
    };
    let condition = condition(&written.condition, &ground, tables, diagnostics);
    let top = written.top.as_ref().map(|t| self::top(t, &ground, diagnostics));
    Some(Segment {
        name: written.name.as_str().to_owned(),
        entity: written.entity.as_str().to_owned(),
        description: written.description.as_ref().map(|d| d.as_str().to_owned()),
        condition: condition?,
        except: written.except.iter().map(|name| name.as_str().to_owned()).collect(),
        top: top.map_or(Some(None), |t| t.map(Some))?,
        span: written.name.span(),
    })
}

fn top(written: &ast::Top, ground: &Ground<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<Top> {
    let count = match (written.count, &written.percent) {
        (Some(count), None) if count.value == 0 => {
            diagnostics.push(BAD_TOP.at(count.span, "`count: 0` takes nobody").hint("write 1 or more"));
            None
        }
        (Some(count), None) => Some(TopCount::Rows(count.value)),
        (None, Some(scalar)) => match percent(scalar, diagnostics) {
            Some(digits) if digits.bytes().all(|b| matches!(b, b'0' | b'.')) => {
                let message = format!("`percent: {}` takes nobody", scalar.as_str().trim());
                diagnostics.push(BAD_TOP.at(scalar.span(), message).hint("write more than 0"));
                None
            }
            digits => digits.map(TopCount::Percent),
        },
        (Some(count), Some(_)) => {
            let message = "`count` and `percent` cannot stand together";
            diagnostics.push(BAD_TOP.at(count.span, message).hint("leave one of them out"));
            None
        }
        (None, None) => {
            let message = "`top` does not say how many";
            diagnostics.push(BAD_TOP.at(written.by.span(), message).hint("add `count: 100` or `percent: 10%`"));
            None
        }
    };
    let by = typed(&written.by, &ground.scope, Context::Scalar, diagnostics);
    let Typed { expr: by, ty, .. } = by?;
    Some(Top { by, ty, descending: written.order == Order::Desc, count: count? })
}

//! Things that nothing uses.

use std::collections::BTreeSet;

use kinfold_base::Diagnostic;

use crate::ast::{Condition, File, Spanned, WordOr};
use crate::parse::Parsed;
use crate::project::Model;
use crate::rule::Rule;

pub(crate) const RULES: &[&Rule] = &[&UNUSED_MODEL];

pub(crate) const UNUSED_MODEL: Rule = Rule::warning("unused-model", "no model, entity, segment or sync reads a model");

/// Looks for models that nothing reads.
pub(crate) fn check(parsed: &Parsed, models: &[Model], diagnostics: &mut Vec<Diagnostic>) {
    // What was left out may have used them.
    if parsed.incomplete || parsed.has_gaps || models.len() != parsed.file.models.len() {
        return;
    }
    let mut used = named(&parsed.file);
    used.extend(
        models.iter().flat_map(|m| m.reads.iter().filter(|t| t.schema.is_none()).map(|t| t.name.to_ascii_lowercase())),
    );
    for model in models.iter().filter(|m| !used.contains(&m.name.to_ascii_lowercase())) {
        let message = format!("nothing reads the model `{}`", model.name);
        diagnostics.push(UNUSED_MODEL.at(model.span, message).hint("use it or remove it"));
    }
}

/// Every table that an entity, a segment or a sync names, in lower case.
fn named(file: &File) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    for entity in &file.entities {
        names.extend(entity.identity.from.iter().map(|link| link.table.as_str().to_ascii_lowercase()));
        let matching = || entity.identity.matching.iter();
        let records = matching().flat_map(|matching| &matching.records).map(|records| &records.table);
        let labels = matching().filter_map(|matching| matching.labels.as_ref()).map(|labels| &labels.table);
        names.extend(records.chain(labels).map(|table| table.as_str().to_ascii_lowercase()));
        for item in &entity.traits {
            names.extend(item.aggregate.iter().map(|a| a.table.as_str().to_ascii_lowercase()));
            for from in item.pick.iter().flat_map(|p| &p.from) {
                names.insert(match from {
                    WordOr::Word(text) => {
                        text.as_str().rsplit_once('.').map_or("", |(table, _)| table).to_ascii_lowercase()
                    }
                    WordOr::More(from) => from.table.as_str().to_ascii_lowercase(),
                });
            }
        }
    }
    for segment in &file.segments {
        tables_in(&segment.condition, &mut names);
    }
    names.extend(file.syncs.iter().filter_map(|s| s.model.as_ref()).map(|m| m.as_str().to_ascii_lowercase()));
    names
}

fn tables_in(condition: &Spanned<Condition>, names: &mut BTreeSet<String>) {
    match &condition.value {
        Condition::Did(did) | Condition::DidNot(did) => {
            names.insert(did.table.as_str().to_ascii_lowercase());
        }
        Condition::All(parts) | Condition::Any(parts) => parts.value.iter().for_each(|p| tables_in(p, names)),
        Condition::Not(part) => tables_in(part, names),
        Condition::Trait(_) | Condition::Segment(_) | Condition::Sql(_) => {}
    }
}

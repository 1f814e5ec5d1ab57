//! Names: how they are written, and that no two things have the same.
//!
//! A name begins with a letter and goes on with letters, digits and `_`. Names that differ only in case count as the same,
//! because SQL does not tell them apart. Names that begin with `_`, and the schemas `kinfold`, `previous`, `files` and
//! `information_schema`, are Kinfold's own. A model must not be called like a table that Kinfold makes, such as
//! `customer_segments`.

use std::collections::BTreeMap;

use kinfold_base::{Diagnostic, Span};

use crate::ast::{File, Text};
use crate::entity_table::EntityTable;
use crate::rule::Rule;

pub(crate) const RULES: &[&Rule] = &[&BAD_NAME, &RESERVED_NAME, &DUPLICATE_NAME, &NAME_CLASH];

pub(crate) const BAD_NAME: Rule = Rule::error("bad-name", "a name has characters that names may not have");
pub(crate) const RESERVED_NAME: Rule = Rule::error("reserved-name", "a name is one that Kinfold keeps for itself");
pub(crate) const DUPLICATE_NAME: Rule = Rule::error("duplicate-name", "two things of one kind have the same name");
pub(crate) const NAME_CLASH: Rule = Rule::error("name-clash", "a name is that of a table which Kinfold makes");

const SCHEMAS: &[&str] = &["kinfold", "previous", "files", "information_schema"];
const RUN_TABLES: &[&str] = &["runs", "sync_runs", "sync_log"];

/// Looks at every name that the files declare.
pub(crate) fn check(file: &File, diagnostics: &mut Vec<Diagnostic>) {
    let mut kind = |what: &str, names: &mut dyn Iterator<Item = &Text>, reserved: &[&str]| {
        unique(what, names, reserved, diagnostics);
    };
    kind("source", &mut file.sources.iter().map(|s| &s.name), SCHEMAS);
    kind("model", &mut file.models.iter().map(|m| &m.name), &[]);
    kind("entity", &mut file.entities.iter().map(|e| &e.name), &[]);
    kind("segment", &mut file.segments.iter().map(|s| &s.name), &[]);
    kind("destination", &mut file.destinations.iter().map(|d| &d.name), &[]);
    kind("sync", &mut file.syncs.iter().map(|s| &s.name), &[]);
    for source in &file.sources {
        kind("table", &mut source.tables.iter().map(|t| &t.name), &[]);
    }
    for entity in &file.entities {
        kind("identifier", &mut entity.identity.identifiers.iter().map(|i| &i.name), &["profile_id"]);
        for records in entity.identity.matching.iter().flat_map(|matching| &matching.records) {
            kind("column", &mut records.columns.iter().map(|(name, _)| name), &[]);
        }
        kind("trait", &mut entity.traits.iter().map(|t| &t.name), &["profile_id"]);
    }
    for table in file.sources.iter().flat_map(|s| &s.tables) {
        repeated("column", &mut table.columns.iter().map(|c| &c.name), diagnostics);
    }
    clashes(file, diagnostics);
}

fn unique(what: &str, names: &mut dyn Iterator<Item = &Text>, reserved: &[&str], diagnostics: &mut Vec<Diagnostic>) {
    let names: Vec<&Text> = names.collect();
    for name in &names {
        let text = name.as_str();
        if text.starts_with('_') || reserved.iter().any(|r| r.eq_ignore_ascii_case(text)) {
            let message = format!("the name `{text}` is kept for Kinfold itself");
            diagnostics.push(RESERVED_NAME.at(name.span(), message).hint(format!("give the {what} another name")));
        } else if !text.starts_with(|c: char| c.is_ascii_alphabetic())
            || !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            let message = format!("`{text}` is not a name");
            let hint = "a name begins with a letter and goes on with letters, digits and `_`";
            diagnostics.push(BAD_NAME.at(name.span(), message).hint(hint));
        }
    }
    repeated(what, &mut names.into_iter(), diagnostics);
}

fn repeated(what: &str, names: &mut dyn Iterator<Item = &Text>, diagnostics: &mut Vec<Diagnostic>) {
    let mut first: BTreeMap<String, Span> = BTreeMap::new();
    for name in names {
        let key = name.as_str().to_ascii_lowercase();
        match first.get(&key) {
            Some(place) => {
                let article = if what.starts_with(['e', 'i']) { "an" } else { "a" };
                let message = format!("there is already {article} {what} `{}`", name.as_str());
                diagnostics.push(DUPLICATE_NAME.at(name.span(), message).label(*place, "the first one"));
            }
            None => {
                first.insert(key, name.span());
            }
        }
    }
}

fn clashes(file: &File, diagnostics: &mut Vec<Diagnostic>) {
    let mut made: BTreeMap<String, Option<&Text>> = RUN_TABLES.iter().map(|t| ((*t).to_owned(), None)).collect();
    for entity in &file.entities {
        for table in EntityTable::ALL {
            made.insert(table.of(&entity.name.as_str().to_ascii_lowercase()), Some(&entity.name));
        }
    }
    let named = file.models.iter().map(|m| ("model", &m.name)).chain(file.entities.iter().map(|e| ("entity", &e.name)));
    for (what, name) in named {
        let Some(maker) = made.get(&name.as_str().to_ascii_lowercase()) else { continue };
        let own = what == "entity" && maker.is_some_and(|m| m.as_str().eq_ignore_ascii_case(name.as_str()));
        if own {
            continue;
        }
        let message = format!("Kinfold makes a table `{}` itself", name.as_str());
        let mut diagnostic = NAME_CLASH.at(name.span(), message).hint(format!("give the {what} another name"));
        if let Some(maker) = maker {
            diagnostic = diagnostic.label(maker.span(), "for this entity");
        }
        diagnostics.push(diagnostic);
    }
}

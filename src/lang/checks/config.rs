//! `kinfold.yml`: where Kinfold writes, how it reaches storage, and what a target changes.

use std::path::Path;

use kinfold_base::{Diagnostic, SecretRef, SignedDuration, Span};

use super::durations::duration;
use super::environment::substitute;
use super::secrets::secret;
use crate::ast::{Config, SettingValue, Spanned, Storage, Target, Text, Warehouse};
use crate::parse::Parsed;
use crate::project::{Lake, StorageRule};
use crate::rule::Rule;
use crate::tables::near_or_all;

pub(crate) const RULES: &[&Rule] =
    &[&MISSING_CONFIG, &UNSUPPORTED_VERSION, &UNKNOWN_TARGET, &MISSING_LOCATION, &BAD_LOCATION, &BAD_PREFIX];

pub(crate) const MISSING_CONFIG: Rule = Rule::error("missing-config", "the project has no kinfold.yml");
pub(crate) const UNSUPPORTED_VERSION: Rule =
    Rule::error("unsupported-version", "kinfold.yml is written for another version of the format");
pub(crate) const UNKNOWN_TARGET: Rule = Rule::error("unknown-target", "the target asked for is not in kinfold.yml");
pub(crate) const MISSING_LOCATION: Rule = Rule::error("missing-location", "the lake has no location");
pub(crate) const BAD_LOCATION: Rule =
    Rule::error("bad-location", "a location is empty, or a URL of a kind that is not known");
pub(crate) const BAD_PREFIX: Rule = Rule::error("bad-prefix", "a storage prefix is not the beginning of a URL");

const SCHEMES: &[&str] = &["s3", "gs", "az"];
const KEEP_DAYS: i64 = 7;

/// The environment that files are read in.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) project_dir: &'a Path,
    pub(crate) target: Option<&'a str>,
    pub(crate) env: &'a dyn Fn(&str) -> Option<String>,
}

/// The target asked for, if there is one of that name.
pub(crate) fn target<'a>(config: &'a Config, around: Surroundings<'_>) -> Option<&'a Target> {
    let name = around.target?;
    config.targets.iter().find(|(key, _)| key.as_str() == name).map(|(_, target)| target)
}

/// The lake and the storage rules, the target's changes made. Without a usable `kinfold.yml` the lake lies under `lake`.
pub(crate) fn resolve(
    parsed: &Parsed,
    around: Surroundings<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Lake, Vec<StorageRule>) {
    let fallback =
        Lake { location: local(around.project_dir, "lake"), keep: SignedDuration::from_hours(24 * KEEP_DAYS) };
    let Some(config) = &parsed.config else {
        if !parsed.has_config {
            let hint = "write one, or make a new project with `kinfold init DIR`";
            diagnostics.push(MISSING_CONFIG.at(None, "there is no kinfold.yml").hint(hint));
        }
        return (fallback, vec![]);
    };
    if config.version.value != 1 {
        let message = format!("version {} of the format is not known", config.version.value);
        diagnostics.push(UNSUPPORTED_VERSION.at(config.version.span, message).hint("write `version: 1`"));
    }
    let target = target(config, around);
    if let (Some(name), None) = (around.target, target) {
        let names: Vec<&str> = config.targets.iter().map(|(key, _)| key.as_str()).collect();
        let hint = near_or_all(name, &names, 50).unwrap_or_else(|| "kinfold.yml has no targets".to_owned());
        let place = config.targets.iter().next().map(|(key, _)| key.span());
        diagnostics.push(UNKNOWN_TARGET.at(place, format!("there is no target `{name}`")).hint(hint));
    }
    let lake = lake(config, target, around, fallback, diagnostics);
    (lake, storage(config, target, around, diagnostics))
}

fn lake(
    config: &Config,
    target: Option<&Target>,
    around: Surroundings<'_>,
    fallback: Lake,
    diagnostics: &mut Vec<Diagnostic>,
) -> Lake {
    let Warehouse::Lake(base) = &config.warehouse;
    let over = target.and_then(|t| t.warehouse.as_ref()).map(|Warehouse::Lake(lake)| lake);
    let place = over.and_then(|o| o.location.as_ref()).or(base.location.as_ref());
    if place.is_none() {
        let hint = "write `warehouse: {lake: {location: ./lake}}`";
        diagnostics.push(MISSING_LOCATION.at(config.name.span(), "the lake has no location").hint(hint));
    }
    let location = place.and_then(|text| location(text, around, diagnostics));
    let keep = over.and_then(|o| o.keep.as_ref()).or(base.keep.as_ref()).and_then(|text| duration(text, diagnostics));
    Lake {
        location: location.map_or(fallback.location, |l| l.trim_end_matches('/').to_owned()),
        keep: keep.unwrap_or(fallback.keep),
    }
}

fn storage(
    config: &Config,
    target: Option<&Target>,
    around: Surroundings<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<StorageRule> {
    let mut rules: Vec<StorageRule> = vec![];
    for entry in config.storage.iter().chain(target.into_iter().flat_map(|t| &t.storage)) {
        let Some(rule) = storage_rule(entry, around, diagnostics) else { continue };
        match rules.iter_mut().find(|r| r.prefix == rule.prefix) {
            Some(same) => *same = rule,
            None => rules.push(rule),
        }
    }
    rules
}

fn storage_rule(entry: &Storage, around: Surroundings<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<StorageRule> {
    let mut text = |text: &Option<Text>| -> Option<String> {
        substitute(text.as_ref()?, around.env, diagnostics).filter(|value| !value.is_empty())
    };
    let (region, endpoint, account) = (text(&entry.region), text(&entry.endpoint), text(&entry.account));
    let prefix = substitute(&entry.prefix, around.env, diagnostics)?;
    if !prefix.split_once("://").is_some_and(|(scheme, _)| SCHEMES.contains(&scheme)) {
        let message = format!("`{prefix}` is not the beginning of a URL");
        diagnostics.push(BAD_PREFIX.at(entry.prefix.span(), message).hint("write `s3://…`, `gs://…` or `az://…`"));
        return None;
    }
    let mut reference = |what: &str, value: &Option<Spanned<SettingValue>>| -> Option<SecretRef> {
        let value = value.as_ref()?;
        secret(what, &value.value, value.span, diagnostics)
    };
    Some(StorageRule {
        region,
        endpoint,
        access_key_id: reference("access_key_id", &entry.access_key_id),
        secret_access_key: reference("secret_access_key", &entry.secret_access_key),
        session_token: reference("session_token", &entry.session_token),
        credential: reference("credential", &entry.credential),
        account,
        allow_http: entry.allow_http,
        prefix,
        span: entry.prefix.span(),
    })
}

/// An absolute path or a URL, variables replaced, a slash at its end kept.
pub(crate) fn location(text: &Text, around: Surroundings<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    let value = substitute(text, around.env, diagnostics)?;
    let bad = |span: Span, message: String| {
        BAD_LOCATION.at(span, message).hint("write a path, or `s3://…`, `gs://…` or `az://…`")
    };
    match value.split_once("://") {
        _ if value.trim().is_empty() => {
            diagnostics.push(bad(text.span(), "the location is empty".to_owned()));
            None
        }
        Some((scheme, rest)) if SCHEMES.contains(&scheme) && !rest.trim_matches('/').is_empty() => Some(value),
        Some((scheme, _)) => {
            let why = if SCHEMES.contains(&scheme) { "has no bucket" } else { "is of a kind that is not known" };
            diagnostics.push(bad(text.span(), format!("the URL `{value}` {why}")));
            None
        }
        None => Some(local(around.project_dir, &value)),
    }
}

/// A path, absolute: relative ones lie in the project's folder.
fn local(project_dir: &Path, path: &str) -> String {
    let mut rest = path;
    while let Some(shorter) = rest.strip_prefix("./") {
        rest = shorter.trim_start_matches('/');
    }
    if rest == "." || rest.is_empty() {
        return project_dir.to_string_lossy().into_owned();
    }
    project_dir.join(rest).to_string_lossy().into_owned()
}

//! Destinations: a connector, and what it needs to know.
//!
//! The settings of each connector are listed in `docs/connectors.md`. A target may override settings of a destination by its name.

use kinfold_base::{ConnectorSpec, Diagnostic, SecretRef, Setting, SettingKind, SettingSpec, Span, did_you_mean};

use super::secrets::{as_reference, secret};
use crate::ast::{self, Map, ScalarKind, SettingValue, Target, Text};
use crate::parse::Parsed;
use crate::project::Destination;
use crate::rule::Rule;
use crate::tables::near_or_all;

pub(crate) const RULES: &[&Rule] =
    &[&UNKNOWN_CONNECTOR, &UNKNOWN_SETTING, &MISSING_SETTING, &SETTING_TYPE, &UNKNOWN_DESTINATION, &UNUSED_DESTINATION];

pub(crate) const UNKNOWN_CONNECTOR: Rule = Rule::error("unknown-connector", "a name is not a connector");
pub(crate) const UNKNOWN_SETTING: Rule = Rule::error("unknown-setting", "a connector has no such setting");
pub(crate) const MISSING_SETTING: Rule =
    Rule::error("missing-setting", "a connector needs a setting that is not given");
pub(crate) const SETTING_TYPE: Rule =
    Rule::error("setting-type", "a setting is not of the kind that the connector asks for");
pub(crate) const UNKNOWN_DESTINATION: Rule = Rule::error("unknown-destination", "a name is not a destination");
pub(crate) const UNUSED_DESTINATION: Rule = Rule::warning("unused-destination", "nothing is sent to a destination");

/// Headers whose values are credentials.
const CREDENTIALS: &[&str] =
    &["authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-auth-token"];

/// Resolves all destinations, the target's changes made.
pub(crate) fn check(
    parsed: &Parsed,
    target: Option<&Target>,
    connectors: &[ConnectorSpec],
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Destination> {
    let destinations = &parsed.file.destinations;
    for (_, target) in parsed.config.iter().flat_map(|c| c.targets.iter()) {
        for (name, _) in target.destinations.iter() {
            if !destinations.iter().any(|d| d.name.as_str() == name.as_str()) {
                diagnostics.extend(unknown(name, destinations, parsed));
            }
        }
    }
    for destination in destinations {
        let name = destination.name.as_str();
        let is_used = parsed.file.syncs.iter().any(|s| s.destination.as_str() == name);
        if !is_used && !parsed.incomplete && !parsed.has_gaps {
            let message = format!("no sync sends anything to `{name}`");
            diagnostics.push(UNUSED_DESTINATION.at(destination.name.span(), message));
        }
    }
    destinations.iter().filter_map(|d| one(d, target, connectors, diagnostics)).collect()
}

/// The diagnostic for a destination that is not there.
pub(crate) fn unknown(name: &Text, destinations: &[ast::Destination], parsed: &Parsed) -> Option<Diagnostic> {
    if parsed.hides(name.as_str()) {
        return None;
    }
    let near = did_you_mean(name.as_str(), destinations.iter().map(|d| d.name.as_str()));
    let hint = near.map(|near| format!("did you mean `{near}`?"));
    Some(UNKNOWN_DESTINATION.at(name.span(), format!("there is no destination `{}`", name.as_str())).hint_opt(hint))
}

fn one(
    written: &ast::Destination,
    target: Option<&Target>,
    connectors: &[ConnectorSpec],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Destination> {
    let name = written.connector.as_str();
    let Some(spec) = connectors.iter().find(|c| c.name == name) else {
        let names: Vec<&str> = connectors.iter().map(|c| c.name).collect();
        let hint = near_or_all(name, &names, 50);
        diagnostics.push(
            UNKNOWN_CONNECTOR.at(written.connector.span(), format!("there is no connector `{name}`")).hint_opt(hint),
        );
        return None;
    };
    let over = target.and_then(|t| t.destinations.iter().find(|(key, _)| key.as_str() == written.name.as_str()));
    let overrides = over.map(|(_, o)| &o.settings);
    let mut settings = vec![];
    let overridden = |key: &str| overrides.is_some_and(|o| o.iter().any(|(k, _)| k.as_str() == key));
    let own = written.settings.iter().filter(|(key, _)| !overridden(key.as_str()));
    for (key, value) in own.chain(overrides.into_iter().flat_map(Map::iter)) {
        let Some(setting) = spec.settings.iter().find(|s| s.name == key.as_str()) else {
            diagnostics.push(unknown_setting(key, spec));
            continue;
        };
        settings.extend(read(setting, key, value, diagnostics).map(|value| (setting.name.to_owned(), value)));
    }
    let given = |name: &str| overridden(name) || written.settings.iter().any(|(key, _)| key.as_str() == name);
    for missing in spec.settings.iter().filter(|s| s.required && !given(s.name)) {
        let message = format!("the connector `{}` needs the setting `{}`", spec.name, missing.name);
        diagnostics.push(MISSING_SETTING.at(written.name.span(), message).hint(missing.help));
    }
    let connector = spec.name.to_owned();
    Some(Destination { name: written.name.as_str().to_owned(), connector, settings, span: written.name.span() })
}

fn unknown_setting(key: &Text, spec: &ConnectorSpec) -> Diagnostic {
    let names: Vec<&str> = spec.settings.iter().map(|s| s.name).collect();
    let hint = did_you_mean(key.as_str(), names.iter().copied())
        .map_or_else(|| format!("it has {}", names.join(", ")), |near| format!("did you mean `{near}`?"));
    UNKNOWN_SETTING
        .at(key.span(), format!("the connector `{}` has no setting `{}`", spec.name, key.as_str()))
        .hint(hint)
}

fn read(spec: &SettingSpec, key: &Text, value: &SettingValue, diagnostics: &mut Vec<Diagnostic>) -> Option<Setting> {
    if matches!(spec.kind, SettingKind::Secret) {
        return secret(spec.name, value, key.span(), diagnostics).map(Setting::Secret);
    }
    let read = match (spec.kind, value) {
        (SettingKind::Map, SettingValue::Map(map)) => Some(Setting::Map(entries(map, diagnostics)?)),
        // Anything may come from the environment or a file.
        (SettingKind::Text, SettingValue::Map(_)) => as_reference(value).map(Setting::Secret),
        (SettingKind::Text, SettingValue::Scalar(scalar)) if holds_password(scalar.as_str()) => {
            return secret(spec.name, value, key.span(), diagnostics).map(Setting::Secret);
        }
        (SettingKind::Text, SettingValue::Scalar(scalar)) if scalar.kind != ScalarKind::Null => {
            Some(Setting::Text(scalar.as_str().to_owned()))
        }
        (SettingKind::Integer, SettingValue::Scalar(scalar)) if scalar.kind == ScalarKind::Int => {
            scalar.as_str().parse().ok().map(Setting::Integer)
        }
        (SettingKind::Boolean, SettingValue::Scalar(scalar)) if scalar.kind == ScalarKind::Bool => {
            Some(Setting::Boolean(scalar.as_str() == "true"))
        }
        (SettingKind::Choice(words), SettingValue::Scalar(scalar)) if words.contains(&scalar.as_str()) => {
            Some(Setting::Text(scalar.as_str().to_owned()))
        }
        _ => None,
    };
    if read.is_none() {
        diagnostics.push(wrong_kind(spec, key.span(), value));
    }
    read
}

/// Whether a URL names a user and a password.
fn holds_password(text: &str) -> bool {
    let host = text.split_once("://").and_then(|(_, rest)| rest.split(['/', '?']).next());
    host.and_then(|h| h.rsplit_once('@')).is_some_and(|(user, _)| user.contains(':'))
}

fn wrong_kind(spec: &SettingSpec, key: Span, value: &SettingValue) -> Diagnostic {
    let expected = match spec.kind {
        SettingKind::Text => "text".to_owned(),
        SettingKind::Integer => "a whole number".to_owned(),
        SettingKind::Boolean => "true or false".to_owned(),
        SettingKind::Secret => "a reference to a secret".to_owned(),
        SettingKind::Choice(words) => format!("one of {}", words.join(", ")),
        SettingKind::Map => "a mapping".to_owned(),
    };
    let (span, word) = match value {
        SettingValue::Scalar(scalar) => (scalar.span(), scalar.as_str()),
        _ => (key, ""),
    };
    let near = match spec.kind {
        SettingKind::Choice(words) => {
            did_you_mean(word, words.iter().copied()).map(|near| format!("did you mean `{near}`?"))
        }
        _ => None,
    };
    SETTING_TYPE
        .at(span, format!("`{}` must be {expected}", spec.name))
        .hint(near.unwrap_or_else(|| spec.help.to_owned()))
}

/// A mapping of names to text or secrets, such as HTTP headers.
fn entries(map: &Map<SettingValue>, diagnostics: &mut Vec<Diagnostic>) -> Option<Vec<(String, Setting)>> {
    let mut out = vec![];
    for (key, value) in map.iter() {
        let is_credential = CREDENTIALS.contains(&key.as_str().to_ascii_lowercase().as_str());
        let read = match value {
            SettingValue::Scalar(_) if is_credential => {
                secret(key.as_str(), value, key.span(), diagnostics);
                return None;
            }
            SettingValue::Scalar(scalar) if scalar.kind != ScalarKind::Null => {
                Some(Setting::Text(scalar.as_str().to_owned()))
            }
            _ => as_reference(value).map(|r: SecretRef| Setting::Secret(r)),
        };
        if let Some(setting) = read {
            out.push((key.as_str().to_owned(), setting));
        } else {
            let message = format!("`{}` must be text, or a reference to a secret", key.as_str());
            diagnostics.push(SETTING_TYPE.at(key.span(), message).hint("write text, `{env: NAME}` or `{file: PATH}`"));
        }
    }
    (out.len() == map.0.len()).then_some(out)
}

//! Secrets.
//!
//! A credential never stands in a file. It is a reference: `{env: NAME}` names an environment variable, `{file: PATH}` a
//! file, relative to the project's folder.

use kinfold_base::{Diagnostic, SecretRef, Span};

use crate::ast::SettingValue;
use crate::rule::Rule;

pub(crate) const RULES: &[&Rule] = &[&SECRET_VALUE, &BAD_SECRET];

pub(crate) const SECRET_VALUE: Rule = Rule::error("secret-value", "a secret is written out instead of referred to");
pub(crate) const BAD_SECRET: Rule =
    Rule::error("bad-secret", "a reference to a secret is neither `{env: NAME}` nor `{file: PATH}`");

/// Reads a reference to a secret. `what` is the setting's name.
pub(crate) fn secret(
    what: &str,
    value: &SettingValue,
    span: Span,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<SecretRef> {
    match value {
        SettingValue::Scalar(scalar) => {
            let message = format!("`{what}` is a secret and must not be written here");
            let hint = format!("write `{what}: {{env: NAME}}` or `{what}: {{file: PATH}}`");
            diagnostics.push(SECRET_VALUE.at(scalar.span(), message).hint(hint));
            None
        }
        SettingValue::Map(map) => {
            if let Some(reference) = as_reference(value) {
                return Some(reference);
            }
            let place = map.iter().next().map_or(span, |(key, _)| key.span());
            diagnostics.push(bad(what, place));
            None
        }
        SettingValue::List(_) => {
            diagnostics.push(bad(what, span));
            None
        }
    }
}

fn bad(what: &str, span: Span) -> Diagnostic {
    BAD_SECRET
        .at(span, format!("`{what}` does not say where the secret is"))
        .hint("write `{env: NAME}` or `{file: PATH}`")
}

/// The reference that a value is, if it is one.
pub(crate) fn as_reference(value: &SettingValue) -> Option<SecretRef> {
    let SettingValue::Map(map) = value else { return None };
    let [(key, SettingValue::Scalar(place))] = map.0.as_slice() else { return None };
    let place = place.as_str().trim();
    match key.as_str() {
        _ if place.is_empty() => None,
        "env" => Some(SecretRef::Env(place.to_owned())),
        "file" => Some(SecretRef::File(place.to_owned())),
        _ => None,
    }
}

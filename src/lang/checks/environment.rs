//! Environment variables in locations.
//!
//! In `kinfold.yml` and in a source's `location`, `${VAR}` is replaced by an environment variable and `${VAR:-default}` by the
//! default if the variable is unset or empty. Secrets are never written like that: they are references, `{env: VAR}`.

use kinfold_base::Diagnostic;

use crate::ast::Text;
use crate::rule::Rule;

pub(crate) const RULES: &[&Rule] = &[&UNSET_VARIABLE, &BAD_VARIABLE];

pub(crate) const UNSET_VARIABLE: Rule =
    Rule::error("unset-variable", "an environment variable without a default is not set");
pub(crate) const BAD_VARIABLE: Rule =
    Rule::error("bad-variable", "a `${` does not begin the name of an environment variable");

/// The text with all variables replaced. `None` if that was not possible, which is then reported.
pub(crate) fn substitute(
    text: &Text,
    env: &dyn Fn(&str) -> Option<String>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<String> {
    let whole = text.as_str();
    let mut out = String::with_capacity(whole.len());
    let mut fine = true;
    let mut at = 0;
    while let Some(found) = whole[at..].find("${") {
        let start = at + found;
        out.push_str(&whole[at..start]);
        let Some(len) = whole[start..].find('}') else {
            let span = text.0.span_of(start..whole.len());
            diagnostics.push(BAD_VARIABLE.at(span, "`${` has no closing `}`"));
            return None;
        };
        let span = text.0.span_of(start..start + len + 1);
        let inner = &whole[start + 2..start + len];
        let (name, default) = inner.split_once(":-").map_or((inner, None), |(name, default)| (name, Some(default)));
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !starts_well || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            let message = format!("`{inner}` is not the name of an environment variable");
            diagnostics.push(BAD_VARIABLE.at(span, message).hint("write `${NAME}` or `${NAME:-default}`"));
            fine = false;
        } else {
            match (env(name), default) {
                (Some(value), None) => out.push_str(&value),
                (Some(value), Some(_)) if !value.is_empty() => out.push_str(&value),
                (_, Some(default)) => out.push_str(default),
                (None, None) => {
                    let message = format!("the environment variable `{name}` is not set");
                    let hint = format!("set it, or give a default: `${{{name}:-…}}`");
                    diagnostics.push(UNSET_VARIABLE.at(span, message).hint(hint));
                    fine = false;
                }
            }
        }
        at = start + len + 1;
    }
    out.push_str(&whole[at..]);
    fine.then_some(out)
}

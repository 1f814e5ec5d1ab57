//! Values that a trait or a column is held against.
//!
//! A value must be of the kind of what it is compared with: numbers with numbers, text (in quotes where it looks like a number)
//! with text, dates as `2026-01-31`, times as `2026-01-31T12:00:00Z`. Numbers keep their digits, so that money stays exact.

use kinfold_base::{Diagnostic, SqlType};

use super::durations::parse_instant;
use crate::ast::{Scalar, ScalarKind};
use crate::project::Literal;
use crate::rule::Rule;

pub(crate) const RULES: &[&Rule] = &[&TYPE_MISMATCH];

pub(crate) const TYPE_MISMATCH: Rule =
    Rule::error("type-mismatch", "a value is of another type than what it is compared with");

/// Reads a value in the type of `what`, which is something like "the trait `country`".
pub(crate) fn literal(scalar: &Scalar, ty: &SqlType, what: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Literal> {
    let parsed = parse(scalar, ty);
    if parsed.is_none() {
        let given = match scalar.kind {
            ScalarKind::Null => "nothing",
            ScalarKind::Bool => "true or false",
            ScalarKind::Int | ScalarKind::Float => "a number",
            ScalarKind::Text => "text",
        };
        let message = match (scalar.kind, ty) {
            (ScalarKind::Text, SqlType::Date | SqlType::Timestamp) => {
                format!("`{}` is not a date or time", scalar.as_str())
            }
            _ => format!("{what} is {ty}, but this is {given}"),
        };
        let hint = match (ty, scalar.kind) {
            (_, ScalarKind::Null) => Some("to look for missing values, write `is_null: true`"),
            (SqlType::Text, _) => Some("put it in quotes"),
            (SqlType::Date, _) => Some("write `2026-01-31`"),
            (SqlType::Timestamp, _) => Some("write `2026-01-31` or `2026-01-31T12:00:00Z`"),
            (SqlType::Boolean, _) => Some("write `true` or `false`"),
            (SqlType::List(_), _) => Some("a list is tested with `contains` or `is_null`"),
            (t, ScalarKind::Text) if t.is_numeric() && scalar.as_str().parse::<f64>().is_ok() => {
                Some("leave the quotes out")
            }
            _ => None,
        };
        diagnostics.push(TYPE_MISMATCH.at(scalar.span(), message).hint_opt(hint.map(str::to_owned)));
    }
    parsed
}

fn parse(scalar: &Scalar, ty: &SqlType) -> Option<Literal> {
    let text = scalar.as_str();
    let integer = || text.parse().ok().map(Literal::Integer);
    match (ty, scalar.kind) {
        (_, ScalarKind::Null) => None,
        (SqlType::Boolean, ScalarKind::Bool) => Some(Literal::Boolean(text == "true")),
        (SqlType::Integer, ScalarKind::Int) => integer(),
        (t, ScalarKind::Int | ScalarKind::Float) if t.is_numeric() => Some(Literal::Decimal(text.to_owned())),
        (SqlType::Text, ScalarKind::Text) => Some(Literal::Text(text.to_owned())),
        (SqlType::Date, ScalarKind::Text) => {
            text.trim().parse::<jiff::civil::Date>().ok().map(|date| Literal::Date(date.to_string()))
        }
        (SqlType::Timestamp, ScalarKind::Text) => parse_instant(text).map(Literal::Timestamp),
        (t, kind) if t.is_open() => match kind {
            ScalarKind::Bool => Some(Literal::Boolean(text == "true")),
            ScalarKind::Int => integer(),
            ScalarKind::Float => Some(Literal::Decimal(text.to_owned())),
            _ => Some(Literal::Text(text.to_owned())),
        },
        _ => None,
    }
}

/// Which of two values of the same type is smaller, where that can be said.
pub(crate) fn compare(a: &Literal, b: &Literal) -> Option<std::cmp::Ordering> {
    let number = |l: &Literal| match l {
        #[expect(clippy::cast_precision_loss, reason = "near values are reported as neither smaller nor larger")]
        Literal::Integer(n) => Some(*n as f64),
        Literal::Decimal(digits) => digits.parse().ok(),
        _ => None,
    };
    match (a, b) {
        (Literal::Text(a), Literal::Text(b)) | (Literal::Date(a), Literal::Date(b)) => Some(a.cmp(b)),
        (Literal::Timestamp(a), Literal::Timestamp(b)) => Some(a.cmp(b)),
        (Literal::Integer(a), Literal::Integer(b)) => Some(a.cmp(b)),
        _ => number(a)?.partial_cmp(&number(b)?),
    }
}

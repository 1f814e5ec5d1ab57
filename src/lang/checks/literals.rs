//! Values that a trait or a column is held against.
//!
//! A value must be of the kind of what it is compared with: numbers with numbers, text (in quotes where it looks like a number)
//! with text, dates as `2026-01-31`, times as `2026-01-31T12:00:00Z`. Numbers keep their digits, so that money stays exact.

use kinfold_base::{Diagnostic, SqlType, parse_instant};

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
            (ScalarKind::Float, t) if digits(scalar.as_str()).is_none() && (t.is_numeric() || t.is_open()) => {
                format!("nothing can be compared with `{}`", scalar.as_str())
            }
            _ => format!("{what} is {ty}, but this is {given}"),
        };
        let hint = match (ty, scalar.kind) {
            (t, ScalarKind::Float) if t.is_numeric() || t.is_open() => Some("write a number in digits, as in `99.95`"),
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
        (t, ScalarKind::Int | ScalarKind::Float) if t.is_numeric() => digits(text).map(Literal::Decimal),
        (SqlType::Text, ScalarKind::Text) => Some(Literal::Text(text.to_owned())),
        (SqlType::Date, ScalarKind::Text) => {
            text.trim().parse::<jiff::civil::Date>().ok().map(|date| Literal::Date(date.to_string()))
        }
        (SqlType::Timestamp, ScalarKind::Text) => parse_instant(text).map(Literal::Timestamp),
        (t, kind) if t.is_open() => match kind {
            ScalarKind::Bool => Some(Literal::Boolean(text == "true")),
            ScalarKind::Int => integer(),
            ScalarKind::Float => digits(text).map(Literal::Decimal),
            _ => Some(Literal::Text(text.to_owned())),
        },
        _ => None,
    }
}

/// The largest exponent that is written out: no float has a larger one.
const MAX_EXPONENT: usize = 400;

/// A number's digits without an exponent: `-1.5e3` is `-1500`. `None` for infinity and what is no number.
fn digits(text: &str) -> Option<String> {
    let (sign, number) = match text.strip_prefix('-') {
        Some(number) => ("-", number),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let exponent: i64 = exponent.parse().ok()?;
    let zeros = "0".repeat(usize::try_from(exponent.unsigned_abs()).ok().filter(|n| *n <= MAX_EXPONENT)?);
    if all.is_empty() || !all.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Zeros beside the digits, so that the point lies among them wherever the exponent takes it.
    let (all, point) = if exponent < 0 {
        (format!("{zeros}{all}"), whole.len())
    } else {
        (format!("{all}{zeros}"), whole.len() + zeros.len())
    };
    let (whole, fraction) = all.split_at(point);
    let fraction = if exponent == 0 { fraction } else { fraction.trim_end_matches('0') };
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
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

#[cfg(test)]
mod tests {
    use super::digits;

    #[test]
    fn numbers_are_written_out_in_digits() {
        let checks = [
            ("8.50", "8.50"),
            ("-.5", "-0.5"),
            ("+5.", "5"),
            ("1.5e3", "1500"),
            ("-1E-2", "-0.01"),
            ("12.345e1", "123.45"),
            ("0e0", "0"),
        ];
        for (text, plain) in checks {
            assert_eq!(digits(text).as_deref(), Some(plain), "{text}");
        }
        for text in [".inf", "-.Inf", ".nan", "", ".", "1e999", "e5", "0x1F"] {
            assert_eq!(digits(text), None, "{text}");
        }
    }
}

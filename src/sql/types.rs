//! Type names, and what types operators give.

use kinfold_base::{Column, SqlType};
use sqlparser::ast::{ArrayElemTypeDef, BinaryOperator, DataType, ExactNumberInfo, TimezoneInfo};

/// The type that a cast gives; `None` if DataFusion 55 does not know it.
pub(crate) fn data_type(ty: &DataType) -> Option<SqlType> {
    Some(match ty {
        DataType::Boolean | DataType::Bool => SqlType::Boolean,
        DataType::TinyInt(_)
        | DataType::SmallInt(_)
        | DataType::Int2(_)
        | DataType::Int(_)
        | DataType::Integer(_)
        | DataType::Int4(_)
        | DataType::BigInt(_)
        | DataType::Int8(_)
        | DataType::TinyIntUnsigned(_)
        | DataType::SmallIntUnsigned(_)
        | DataType::Int2Unsigned(_)
        | DataType::IntUnsigned(_)
        | DataType::IntegerUnsigned(_)
        | DataType::Int4Unsigned(_)
        | DataType::BigIntUnsigned(_)
        | DataType::Int8Unsigned(_) => SqlType::Integer,
        DataType::Float(_)
        | DataType::Real
        | DataType::Float4
        | DataType::Double(ExactNumberInfo::None)
        | DataType::DoublePrecision
        | DataType::Float8 => SqlType::Float,
        DataType::Numeric(info) | DataType::Decimal(info) => decimal(*info)?,
        DataType::Varchar(_) | DataType::Char(_) | DataType::Text | DataType::String(_) => SqlType::Text,
        DataType::Bytea => SqlType::Binary,
        DataType::Date => SqlType::Date,
        DataType::Time(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => SqlType::Time,
        DataType::Timestamp(None | Some(0 | 3 | 6 | 9), _) => SqlType::Timestamp,
        DataType::Interval { fields: None, precision: None } => SqlType::Interval,
        DataType::Array(ArrayElemTypeDef::AngleBracket(item) | ArrayElemTypeDef::SquareBracket(item, _)) => {
            SqlType::List(Box::new(data_type(item)?))
        }
        DataType::Struct(fields, _) => SqlType::Struct(
            fields
                .iter()
                .enumerate()
                .map(|(i, field)| {
                    let name = field.field_name.as_ref().map_or_else(|| format!("c{i}"), |n| n.value.clone());
                    Some(Column { name, ty: data_type(&field.field_type)? })
                })
                .collect::<Option<_>>()?,
        ),
        _ => return None,
    })
}

fn decimal(info: ExactNumberInfo) -> Option<SqlType> {
    let (precision, scale) = match info {
        ExactNumberInfo::None => (38, 10),
        ExactNumberInfo::Precision(precision) => (precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (precision, scale),
    };
    let precision = u8::try_from(precision).ok().filter(|p| (1..=76).contains(p))?;
    let scale = i8::try_from(scale).ok().filter(|s| i16::from(*s) <= i16::from(precision))?;
    Some(SqlType::Decimal { precision, scale })
}

/// The type of a number by its digits. One with a fraction is decimal, so that money stays exact; a float is one with an exponent, or
/// with more digits than a decimal holds.
pub(crate) fn number(digits: &str) -> SqlType {
    let digits = digits.replace('_', "");
    if digits.parse::<i64>().is_ok() || digits.parse::<u64>().is_ok() {
        return SqlType::Integer;
    }
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let all = format!("{whole}{fraction}");
    if !all.bytes().all(|b| b.is_ascii_digit()) {
        return SqlType::Float;
    }
    let significant = all.trim_start_matches('0').len().max(1);
    match (u8::try_from(significant.max(fraction.len())), i8::try_from(fraction.len())) {
        (Ok(precision), Ok(scale)) if precision <= 38 => SqlType::Decimal { precision, scale },
        _ => SqlType::Float,
    }
}

/// The type of a column into which values of all these types are put; `None` if they do not go together.
#[must_use]
pub fn common(types: &[SqlType]) -> Option<SqlType> {
    let mut types = types.iter().filter(|t| **t != SqlType::Null);
    let Some(first) = types.next() else { return Some(SqlType::Null) };
    types.try_fold(first.clone(), |a, b| pair(&a, b))
}

fn pair(a: &SqlType, b: &SqlType) -> Option<SqlType> {
    Some(match (a, b) {
        _ if a == b => a.clone(),
        (SqlType::Null, other) | (other, SqlType::Null) => other.clone(),
        (SqlType::Unknown, _) | (_, SqlType::Unknown) => SqlType::Unknown,
        (SqlType::Float, SqlType::Integer) | (SqlType::Integer, SqlType::Float) => SqlType::Float,
        // Where floats and decimals meet in one column, the engine keeps decimals.
        (a, b) if a.is_numeric() && b.is_numeric() => {
            let ((p1, s1), (p2, s2)) = (digits(a), digits(b));
            let scale = s1.max(s2);
            fit((p1 - s1).max(p2 - s2) + scale, scale)
        }
        (a, b) if a.is_temporal() && b.is_temporal() => SqlType::Timestamp,
        (SqlType::List(a), SqlType::List(b)) => SqlType::List(Box::new(pair(a, b)?)),
        (SqlType::Struct(a), SqlType::Struct(b)) if a.len() == b.len() => SqlType::Unknown,
        _ => return None,
    })
}

/// Precision and scale of a number; a whole number counts as `decimal(20, 0)`, a float as `decimal(30, 15)`, as in DataFusion.
fn digits(ty: &SqlType) -> (i16, i16) {
    match ty {
        SqlType::Decimal { precision, scale } => (i16::from(*precision), i16::from(*scale)),
        SqlType::Float => (30, 15),
        _ => (20, 0),
    }
}

fn fit(precision: i16, scale: i16) -> SqlType {
    SqlType::Decimal {
        precision: u8::try_from(precision.clamp(1, 38)).unwrap_or(38),
        scale: i8::try_from(scale.min(38)).unwrap_or(38),
    }
}

/// What `+ - * / %` give over two numbers.
pub(crate) fn arithmetic(op: &BinaryOperator, a: &SqlType, b: &SqlType) -> SqlType {
    match (a, b) {
        (SqlType::Float, _) | (_, SqlType::Float) => SqlType::Float,
        (SqlType::Integer, SqlType::Integer) => SqlType::Integer,
        _ => {
            let ((p1, s1), (p2, s2)) = (digits(a), digits(b));
            let whole = (p1 - s1).max(p2 - s2);
            match op {
                BinaryOperator::Multiply => fit(p1 + p2 + 1, s1 + s2),
                BinaryOperator::Divide => {
                    let scale = (s1 + 4).min(38);
                    fit(p1 - s1 + s2 + scale, scale)
                }
                BinaryOperator::Modulo => fit((p1 - s1).min(p2 - s2) + s1.max(s2), s1.max(s2)),
                _ => fit(whole + s1.max(s2) + 1, s1.max(s2)),
            }
        }
    }
}

/// What `sum` gives over a number.
pub(crate) fn sum(ty: &SqlType) -> SqlType {
    match ty {
        SqlType::Decimal { precision, scale } => fit(i16::from(*precision) + 10, i16::from(*scale)),
        SqlType::Unknown | SqlType::Integer | SqlType::Interval => ty.clone(),
        _ => SqlType::Float,
    }
}

/// What `avg` gives over a number.
#[must_use]
pub fn avg(ty: &SqlType) -> SqlType {
    match ty {
        SqlType::Decimal { precision, scale } => fit(i16::from(*precision) + 4, i16::from(*scale) + 4),
        SqlType::Unknown | SqlType::Interval => ty.clone(),
        _ => SqlType::Float,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_stays_decimal() {
        let money = SqlType::Decimal { precision: 12, scale: 2 };
        let decimal = |precision, scale| SqlType::Decimal { precision, scale };
        assert_eq!(sum(&money), decimal(22, 2));
        assert_eq!(avg(&money), decimal(16, 6));
        assert_eq!(arithmetic(&BinaryOperator::Minus, &money, &money), decimal(13, 2));
        assert_eq!(arithmetic(&BinaryOperator::Multiply, &money, &SqlType::Integer), decimal(33, 2));
        assert_eq!(arithmetic(&BinaryOperator::Multiply, &money, &SqlType::Float), SqlType::Float);
        assert_eq!(common(&[money.clone(), SqlType::Null, money.clone()]), Some(money.clone()));
        assert_eq!(arithmetic(&BinaryOperator::Divide, &decimal(20, 0), &SqlType::Integer), decimal(24, 4));
        assert_eq!(common(&[money.clone(), SqlType::Text]), None);
        assert_eq!(common(&[money, SqlType::Float]), Some(decimal(30, 15)));
        assert_eq!(common(&[decimal(38, 2), SqlType::Float]), Some(decimal(38, 15)));
        assert_eq!(common(&[decimal(5, 2), SqlType::Integer]), Some(decimal(22, 2)));
    }

    #[test]
    fn numbers_are_what_their_digits_say() {
        let decimal = |precision, scale| SqlType::Decimal { precision, scale };
        let checks = [
            ("8", SqlType::Integer),
            ("1_000", SqlType::Integer),
            ("18446744073709551615", SqlType::Integer),
            ("18446744073709551616", decimal(20, 0)),
            ("8.05", decimal(3, 2)),
            ("0.05", decimal(2, 2)),
            ("0.00", decimal(2, 2)),
            (".5", decimal(1, 1)),
            ("5.", decimal(1, 0)),
            ("007.50", decimal(3, 2)),
            ("1_000.5", decimal(5, 1)),
            ("1e3", SqlType::Float),
            ("1.5E-3", SqlType::Float),
        ];
        for (digits, ty) in checks {
            assert_eq!(number(digits), ty, "{digits}");
        }
        assert_eq!(number(&format!("1.{}", "5".repeat(37))), decimal(38, 37));
        assert_eq!(number(&format!("1.{}", "5".repeat(38))), SqlType::Float);
        assert_eq!(number(&format!("0.{}", "0".repeat(200))), SqlType::Float);
    }
}

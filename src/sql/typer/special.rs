//! Literals, casts, conditions with a syntax of their own, and access to records and lists.

use kinfold_base::{Column, Diagnostic, SqlType};
use sqlparser::ast::{
    BinaryOperator, CastKind, CeilFloorKind, DataType, DateTimeField, Expr, Interval, Spanned, Value, ValueWithSpan,
};

use super::operators::{double, make_float, meet};
use super::{Typer, quoted, text_literal};
use crate::functions::{Arg, Ret, result};
use crate::literal::{self, DATE_PARTS};
use crate::types::{self, common, data_type};

impl Typer<'_> {
    pub(super) fn value(&mut self, expr: &mut Expr) -> SqlType {
        let Expr::Value(value) = expr else { return SqlType::Unknown };
        match &value.value {
            Value::Number(digits, _) => {
                let ty = types::number(digits);
                if ty == SqlType::Float {
                    // The engine would read it as a decimal, and perhaps one that it cannot hold.
                    let text = Value::SingleQuotedString(digits.replace('_', "")).with_span(value.span);
                    *expr = double(Expr::Value(text));
                }
                ty
            }
            Value::SingleQuotedString(_) | Value::EscapedStringLiteral(_) | Value::DollarQuotedString(_) => {
                SqlType::Text
            }
            Value::HexStringLiteral(_) => SqlType::Binary,
            Value::Boolean(_) => SqlType::Boolean,
            Value::Null => SqlType::Null,
            Value::Placeholder(name) => {
                let message = format!("there are no parameters here, such as `{name}`");
                let span = self.report.place(value.span);
                self.report.push(Diagnostic::error("sql-unsupported", span, message).hint("write the value itself"));
                SqlType::Unknown
            }
            other => {
                let message = format!("the engine does not know the literal {other}");
                let span = self.report.place(value.span);
                self.report
                    .push(Diagnostic::error("sql-unsupported", span, message).hint("write 'text' in single quotes"));
                SqlType::Unknown
            }
        }
    }

    /// Types what must be an instant.
    pub(crate) fn time(&mut self, expr: &mut Expr) -> SqlType {
        let ty = self.expr(expr);
        if !ty.is_temporal() && !ty.is_open() {
            let span = self.report.span(expr);
            let hint = match ty {
                SqlType::Text => format!("cast it: `cast({} as timestamp)`", self.report.written(expr.span())),
                SqlType::Integer => format!("convert it: `to_timestamp_seconds({})`", self.report.written(expr.span())),
                _ => "name a column that holds a date or a timestamp".to_owned(),
            };
            let message = format!("this must be a date or a time, and is {ty}");
            self.report.push(Diagnostic::error("not-a-time", span, message).hint(hint));
            return SqlType::Unknown;
        }
        ty
    }

    pub(super) fn distinct(&mut self, expr: &mut Expr) -> SqlType {
        if let Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) = expr {
            let (mut a, mut b) = (self.expr(left), self.expr(right));
            meet([(&mut **left, &mut a), (&mut **right, &mut b)]);
            self.compare(left, &a, Some(&BinaryOperator::Spaceship), right, &b);
        }
        // Without brackets the engine's parser would take everything that follows for the right side.
        let inner = std::mem::replace(expr, Expr::Tuple(vec![]));
        *expr = Expr::Nested(Box::new(inner));
        SqlType::Boolean
    }

    pub(super) fn in_list(&mut self, expr: &mut Expr) -> SqlType {
        let Expr::InList { expr: left, list, .. } = expr else { return SqlType::Unknown };
        let mut ty = self.expr(left);
        for item in list {
            let mut other = self.expr(item);
            meet([(&mut **left, &mut ty), (&mut *item, &mut other)]);
            if matches!(item, Expr::Value(ValueWithSpan { value: Value::Null, .. })) {
                let span = self.report.span(item);
                let message = "null in a list matches nothing, and makes `not in` never true";
                let diagnostic = Diagnostic::error("null-comparison", span, message);
                self.report.push(diagnostic.hint("leave it out, and add `or … is null`"));
            } else {
                self.compare(left, &ty, Some(&BinaryOperator::Eq), item, &other);
            }
        }
        SqlType::Boolean
    }

    pub(super) fn between(&mut self, expr: &mut Expr) -> SqlType {
        let Expr::Between { expr: left, low, high, .. } = expr else { return SqlType::Unknown };
        let mut ty = self.expr(left);
        for (bound, op) in [(low, BinaryOperator::GtEq), (high, BinaryOperator::LtEq)] {
            let mut other = self.expr(bound);
            meet([(&mut **left, &mut ty), (&mut **bound, &mut other)]);
            self.compare(left, &ty, Some(&op), bound, &other);
        }
        SqlType::Boolean
    }

    pub(super) fn like(&mut self, expr: &mut Expr) -> SqlType {
        let (Expr::Like { expr: left, pattern, .. }
        | Expr::ILike { expr: left, pattern, .. }
        | Expr::SimilarTo { expr: left, pattern, .. }) = expr
        else {
            return SqlType::Unknown;
        };
        for side in [left, pattern] {
            let ty = self.expr(side);
            if !matches!(ty, SqlType::Text | SqlType::Binary) && !ty.is_open() {
                let hint = format!("cast it: `cast({} as text)`", self.report.written(side.span()));
                self.mismatch(&**side, format!("a pattern is held against text, and this is {ty}"), Some(hint));
            }
        }
        if let Expr::Like { escape_char: Some(escape), .. }
        | Expr::ILike { escape_char: Some(escape), .. }
        | Expr::SimilarTo { escape_char: Some(escape), .. } = expr
            && escape.value.clone().into_string().as_deref() != Some("\\")
        {
            return self.unsupported(expr, "the engine knows no other escape than a backslash");
        }
        if let Expr::Like { any: true, .. } | Expr::ILike { any: true, .. } = expr {
            return self.unsupported(expr, "the engine has no `like any`");
        }
        SqlType::Boolean
    }

    pub(super) fn quantified(&mut self, left: &mut Expr, op: &BinaryOperator, right: &mut Expr) -> SqlType {
        let mut a = self.expr(left);
        let b = match right {
            Expr::Subquery(_) => self.expr(right),
            _ => match self.expr(right) {
                SqlType::List(item) => *item,
                _ => SqlType::Unknown,
            },
        };
        if b == SqlType::Float {
            make_float(left, &mut a);
        }
        self.compare(left, &a, Some(op), right, &b);
        SqlType::Boolean
    }

    pub(super) fn case(&mut self, expr: &mut Expr) -> SqlType {
        let Expr::Case { operand, conditions, else_result, .. } = expr else { return SqlType::Unknown };
        let mut subject = operand.as_mut().map(|operand| self.expr(operand));
        let mut types = vec![];
        let mut results: Vec<&mut Expr> = vec![];
        for branch in conditions {
            match (&mut subject, &mut *operand) {
                (Some(ty), Some(operand)) => {
                    let mut other = self.expr(&mut branch.condition);
                    meet([(&mut **operand, &mut *ty), (&mut branch.condition, &mut other)]);
                    self.compare(operand, ty, Some(&BinaryOperator::Eq), &branch.condition, &other);
                }
                _ => self.condition(&mut branch.condition),
            }
            types.push(self.expr(&mut branch.result));
            results.push(&mut branch.result);
        }
        if let Some(result) = else_result {
            types.push(self.expr(result));
            results.push(result);
        }
        meet(results.iter_mut().map(|result| &mut **result).zip(&mut types));
        if let Some(ty) = common(&types) {
            return ty;
        }
        self.branches(&types, &results)
    }

    /// Reports a branch of a `case` that is of another kind than one before it.
    fn branches(&mut self, types: &[SqlType], results: &[&mut Expr]) -> SqlType {
        let literal = |e: &Expr| text_literal(e).is_some();
        let first = types.iter().zip(results).find(|(t, e)| !t.is_open() && !literal(e)).map(|(t, _)| t);
        let first = first.unwrap_or(&SqlType::Text);
        for (ty, result) in types.iter().zip(results.iter().map(|result| &**result)) {
            match text_literal(result) {
                Some(text) if first.is_temporal() => {
                    let span = self.report.span(result);
                    self.date_literal(text, span, literal::is_timestamp);
                }
                _ if !ty.is_comparable_with(first) => {
                    let hint = Some("let all branches give the same kind of value, with a cast if need be".to_owned());
                    self.mismatch(result, format!("this branch is {ty}, and another one {first}"), hint);
                    return SqlType::Unknown;
                }
                _ => {}
            }
        }
        first.clone()
    }

    pub(super) fn cast(&mut self, expr: &mut Expr) -> SqlType {
        let (inner, ty, strict) = match expr {
            Expr::Cast { format: Some(_), .. } => return self.unsupported(expr, "the engine has no `cast … format`"),
            Expr::Cast { expr: inner, data_type, kind, .. } => {
                self.expr(inner);
                let strict = matches!(kind, CastKind::Cast | CastKind::DoubleColon);
                (text_literal(inner).map(|t| (t.to_owned(), inner.span())), data_type.clone(), strict)
            }
            Expr::TypedString(typed) => {
                let text = typed.value.value.clone().into_string();
                (text.map(|t| (t, typed.value.span)), typed.data_type.clone(), true)
            }
            _ => return SqlType::Unknown,
        };
        let Some(found) = data_type(&ty) else {
            let span = self.report.span(expr);
            let message = format!("the engine has no type `{}`", ty.to_string().to_lowercase());
            self.report.push(Diagnostic::error("unknown-type", span, message).hint_opt(other_type(&ty)));
            return SqlType::Unknown;
        };
        if let (true, Some((text, span))) = (strict, inner) {
            let span = self.report.place(span);
            match found {
                SqlType::Date | SqlType::Timestamp => self.date_literal(&text, span, literal::is_timestamp),
                SqlType::Time => self.date_literal(&text, span, literal::is_time),
                SqlType::Integer | SqlType::Float | SqlType::Decimal { .. } if text.trim().parse::<f64>().is_err() => {
                    let message = format!("`{text}` is not a number");
                    self.report.push(Diagnostic::error("type-mismatch", span, message));
                }
                _ => {}
            }
        }
        found
    }

    /// What is rare.
    pub(super) fn special(&mut self, expr: &mut Expr) -> SqlType {
        match expr {
            Expr::Interval(interval) => self.interval(&interval.clone()),
            Expr::Extract { field, expr: inner, .. } => {
                let field = field.clone();
                self.argument(inner, Arg::When, "extract");
                self.extract(&field, expr)
            }
            Expr::Floor { expr: inner, field } | Expr::Ceil { expr: inner, field } => {
                let plain = matches!(field, CeilFloorKind::DateTimeField(DateTimeField::NoDateTime));
                let ty = self.argument(inner, Arg::Number, "floor");
                if !plain {
                    return self.unsupported(expr, "the engine rounds to whole numbers only here");
                }
                result(Ret::Rounded, &[ty])
            }
            Expr::Position { expr: part, r#in } => {
                self.argument(part, Arg::Text, "position");
                self.argument(r#in, Arg::Text, "position");
                SqlType::Integer
            }
            Expr::Substring { expr: text, substring_from, substring_for, .. } => {
                self.argument(text, Arg::Text, "substring");
                for bound in [substring_from, substring_for].into_iter().flatten() {
                    self.argument(bound, Arg::Integer, "substring");
                }
                SqlType::Text
            }
            Expr::Trim { expr: text, trim_what, trim_characters, .. } => {
                self.argument(text, Arg::Text, "trim");
                for part in trim_what.iter_mut().map(|b| &mut **b).chain(trim_characters.iter_mut().flatten()) {
                    self.argument(part, Arg::Text, "trim");
                }
                SqlType::Text
            }
            Expr::Overlay { expr: text, overlay_what, overlay_from, overlay_for } => {
                self.argument(text, Arg::Text, "overlay");
                self.argument(overlay_what, Arg::Text, "overlay");
                for bound in std::iter::once(overlay_from).chain(overlay_for) {
                    self.argument(bound, Arg::Integer, "overlay");
                }
                SqlType::Text
            }
            Expr::AtTimeZone { timestamp, time_zone } => {
                self.argument(timestamp, Arg::When, "at time zone");
                if text_literal(time_zone).is_none() {
                    return self.unsupported(expr, "a time zone is written out, as in 'Europe/Istanbul'");
                }
                SqlType::Timestamp
            }
            Expr::Array(array) => {
                let mut types: Vec<_> = array.elem.iter_mut().map(|e| self.expr(e)).collect();
                meet(array.elem.iter_mut().zip(&mut types));
                SqlType::List(Box::new(common(&types).unwrap_or(SqlType::Unknown)))
            }
            Expr::Tuple(items) => {
                for item in items {
                    self.expr(item);
                }
                SqlType::Unknown
            }
            Expr::Struct { values, .. } => self.record(values),
            Expr::Named { expr: inner, name } => {
                *name = quoted(name.value.clone(), name.span);
                self.expr(inner)
            }
            Expr::Dictionary(fields) => {
                let typed = fields
                    .iter_mut()
                    .map(|field| Column { name: field.key.value.clone(), ty: self.expr(&mut field.value) });
                SqlType::Struct(typed.collect())
            }
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    self.expr(&mut entry.key);
                    self.expr(&mut entry.value);
                }
                SqlType::Unknown
            }
            Expr::RLike { .. } => self.unsupported(expr, "the engine has no `rlike`; write `x ~ 'pattern'`"),
            Expr::JsonAccess { .. } => self.unsupported(expr, "the engine cannot look into JSON text"),
            Expr::Collate { .. } => self.unsupported(expr, "the engine has no collations"),
            Expr::GroupingSets(_) | Expr::Cube(_) | Expr::Rollup(_) => {
                self.unsupported(expr, "grouping sets may stand in `group by` only")
            }
            Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => {
                self.unsupported(expr, "`*` may stand in a select list and in `count(*)` only")
            }
            _ => self.unsupported(expr, "the engine has no such expression"),
        }
    }

    fn record(&mut self, values: &mut [Expr]) -> SqlType {
        let fields = values.iter_mut().enumerate().map(|(i, value)| {
            let name = match &*value {
                Expr::Named { name, .. } => name.value.clone(),
                _ => format!("c{i}"),
            };
            Column { name, ty: self.expr(value) }
        });
        SqlType::Struct(fields.collect())
    }

    fn extract(&mut self, field: &DateTimeField, whole: &Expr) -> SqlType {
        let name = field.to_string().to_lowercase();
        let singular = name.trim_end_matches('s');
        if !DATE_PARTS.contains(&name.as_str()) && !DATE_PARTS.contains(&singular) {
            let span = self.report.span(whole);
            let near = kinfold_base::did_you_mean(&name, DATE_PARTS.iter().copied());
            let message = format!("the engine cannot extract `{name}`");
            let hint = near
                .map_or_else(|| format!("there are: {}", DATE_PARTS.join(", ")), |n| format!("did you mean `{n}`?"));
            self.report.push(Diagnostic::error("sql-unsupported", span, message).hint(hint));
        }
        if name == "epoch" { SqlType::Float } else { SqlType::Integer }
    }

    fn interval(&mut self, interval: &Interval) -> SqlType {
        let Some(text) = text_literal(&interval.value) else {
            let plain = matches!(&*interval.value, Expr::Value(_)) && interval.leading_field.is_some();
            if !plain {
                let span = self.report.span(&*interval.value);
                self.report.push(
                    Diagnostic::error("sql-unsupported", span, "a duration is written out, as in `interval '7 days'`")
                        .hint("a number of days can be added to a date: `day + n`"),
                );
            }
            return SqlType::Interval;
        };
        if let Some(word) = literal::wrong_unit(text) {
            let span = self.report.span(&*interval.value);
            let message = format!("`{word}` is not a unit of time");
            self.report
                .push(Diagnostic::error("bad-interval", span, message).hint("write it as '7 days' or '1 month'"));
        }
        SqlType::Interval
    }
}

/// What this engine calls a type of others.
fn other_type(ty: &DataType) -> Option<String> {
    let written = ty.to_string().to_lowercase();
    let name = written.split(['(', ' ', '<']).next().unwrap_or_default();
    let own = match name {
        "varchar" | "nvarchar" | "character" | "clob" | "json" | "jsonb" | "uuid" | "varchar2" => "text",
        "int64" | "int128" | "uint64" | "hugeint" | "long" | "signed" => "bigint",
        "int32" | "int16" | "mediumint" | "byteint" => "int",
        "float64" | "double" | "float8" => "double",
        "float32" => "real",
        "number" | "dec" | "bignumeric" | "bigdecimal" | "money" => "decimal(18, 2)",
        "datetime" | "timestamptz" | "timestamp_ntz" | "timestampntz" | "smalldatetime" | "datetime64" => "timestamp",
        "blob" | "binary" | "varbinary" | "bytes" => "bytea",
        _ => return None,
    };
    Some(format!("write `{own}`"))
}

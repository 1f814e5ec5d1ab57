//! Comparison, arithmetic and logic.

use kinfold_base::{Diagnostic, Span, SqlType};
use sqlparser::ast::{
    BinaryOperator, BinaryOperator as Op, CastKind, DataType, ExactNumberInfo, Expr, Spanned, UnaryOperator, Value,
};
use sqlparser::tokenizer::Span as SqlSpan;

use super::{Typer, call, call_name};
use crate::literal;
use crate::types;

/// The text of a text literal, brackets aside.
pub(crate) fn text_literal(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Nested(inner) => text_literal(inner),
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

fn is_null(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_null(inner),
        Expr::Value(value) => value.value == Value::Null,
        _ => false,
    }
}

/// Whether a duration is written out, rather than being a difference or a column.
fn is_written_duration(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_written_duration(inner),
        Expr::Interval(_) => true,
        Expr::Cast { data_type, .. } => matches!(data_type, sqlparser::ast::DataType::Interval { .. }),
        Expr::BinaryOp { left, right, .. } => is_written_duration(left) || is_written_duration(right),
        Expr::UnaryOp { expr, .. } => is_written_duration(expr),
        _ => text_literal(expr).is_some(),
    }
}

/// Whether a number is written out, rather than computed from columns.
fn is_written_number(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) | Expr::UnaryOp { op: UnaryOperator::Plus | UnaryOperator::Minus, expr: inner } => {
            is_written_number(inner)
        }
        Expr::Value(value) => matches!(value.value, Value::Number(..)),
        Expr::BinaryOp { left, op: Op::Plus | Op::Minus | Op::Multiply | Op::Divide | Op::Modulo, right } => {
            is_written_number(left) && is_written_number(right)
        }
        _ => false,
    }
}

fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
}

/// The same number as a float.
pub(super) fn double(expr: Expr) -> Expr {
    cast(expr, DataType::DoublePrecision)
}

/// Makes a float of a number that is written out, and so decimal. Where a float meets a decimal, the engine makes decimals of
/// both, which a float may not fit, and never exactly.
pub(crate) fn make_float(expr: &mut Expr, ty: &mut SqlType) {
    if matches!(ty, SqlType::Decimal { .. }) && is_written_number(expr) {
        let inner = std::mem::replace(expr, Expr::Tuple(vec![]));
        *expr = double(inner);
        *ty = SqlType::Float;
    }
}

/// Makes floats of the numbers that are written out among values of which one is a float.
pub(super) fn meet<'a>(values: impl IntoIterator<Item = (&'a mut Expr, &'a mut SqlType)>) {
    let values: Vec<_> = values.into_iter().collect();
    if values.iter().any(|(_, ty)| **ty == SqlType::Float) {
        for (expr, ty) in values {
            make_float(expr, ty);
        }
    }
}

/// Makes null of a divisor that is 0: what is divided by nothing is unknown, and neither infinite nor an error.
fn guard_divisor(divisor: &mut Expr, ty: &SqlType) {
    let mut inner = &*divisor;
    while let Expr::Nested(expr) = inner {
        inner = expr;
    }
    let is_guarded = matches!(inner, Expr::Function(f) if call_name(f).as_deref() == Some("nullif"));
    if is_guarded || *ty == SqlType::Null || !(ty.is_numeric() || ty.is_open()) {
        return;
    }
    let at = SqlSpan::empty();
    let zero = Expr::Value(Value::Number("0".to_owned(), false).with_span(at));
    // Of the divisor's own type, which the call then keeps.
    let zero = match ty {
        SqlType::Decimal { precision, scale } => {
            let info = ExactNumberInfo::PrecisionAndScale(u64::from(*precision), i64::from(*scale));
            cast(zero, DataType::Decimal(info))
        }
        _ => zero,
    };
    let inner = std::mem::replace(divisor, Expr::Tuple(vec![]));
    let inner = if let Expr::Nested(expr) = inner { *expr } else { inner };
    *divisor = call("nullif", at, vec![inner, zero]);
}

impl Typer<'_> {
    pub(super) fn binary(&mut self, expr: &mut Expr) -> SqlType {
        let Expr::BinaryOp { left, op, right } = expr else { return SqlType::Unknown };
        match op {
            Op::And | Op::Or => {
                self.condition(left);
                self.condition(right);
                SqlType::Boolean
            }
            Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq | Op::Spaceship => {
                let (mut a, mut b) = (self.expr(left), self.expr(right));
                meet([(&mut **left, &mut a), (&mut **right, &mut b)]);
                let op = op.clone();
                self.compare(left, &a, Some(&op), right, &b);
                SqlType::Boolean
            }
            Op::Plus | Op::Minus | Op::Multiply | Op::Divide | Op::Modulo => self.arithmetic(expr),
            Op::StringConcat => self.concatenation(left, right),
            Op::PGRegexMatch
            | Op::PGRegexIMatch
            | Op::PGRegexNotMatch
            | Op::PGRegexNotIMatch
            | Op::PGLikeMatch
            | Op::PGILikeMatch
            | Op::PGNotLikeMatch
            | Op::PGNotILikeMatch => {
                self.text(left);
                self.text(right);
                SqlType::Boolean
            }
            Op::BitwiseAnd
            | Op::BitwiseOr
            | Op::BitwiseXor
            | Op::Xor
            | Op::PGBitwiseXor
            | Op::PGBitwiseShiftLeft
            | Op::PGBitwiseShiftRight => {
                self.whole(left);
                self.whole(right);
                SqlType::Integer
            }
            Op::AtArrow | Op::ArrowAt => {
                self.expr(left);
                self.expr(right);
                SqlType::Boolean
            }
            other => {
                let message = format!("the engine has no operator `{other}`");
                self.unsupported(expr, message)
            }
        }
    }

    pub(super) fn unary(&mut self, expr: &mut Expr) -> SqlType {
        let Expr::UnaryOp { op, expr: inner } = expr else { return SqlType::Unknown };
        match op {
            UnaryOperator::Not => {
                self.condition(inner);
                SqlType::Boolean
            }
            UnaryOperator::Plus | UnaryOperator::Minus => {
                let ty = self.expr(inner);
                if !(ty.is_numeric() || ty == SqlType::Interval || ty.is_open()) {
                    let message = format!("only a number has a sign, and this is {ty}");
                    self.mismatch(&**inner, message, None);
                    return SqlType::Unknown;
                }
                ty
            }
            other => {
                let message = format!("the engine has no operator `{other}`");
                self.unsupported(expr, message)
            }
        }
    }

    /// Types what must be text.
    fn text(&mut self, expr: &mut Expr) {
        let ty = self.expr(expr);
        if ty != SqlType::Text && !ty.is_open() {
            let message = format!("this must be text, and is {ty}");
            self.mismatch(
                expr,
                message,
                Some(format!("cast it: `cast({} as text)`", self.report.written(expr.span()))),
            );
        }
    }

    fn whole(&mut self, expr: &mut Expr) {
        let ty = self.expr(expr);
        if !ty.is_numeric() && !ty.is_open() {
            let message = format!("this must be a whole number, and is {ty}");
            self.mismatch(expr, message, None);
        }
    }

    pub(crate) fn mismatch(&mut self, node: &impl Spanned, message: impl Into<String>, hint: Option<String>) {
        let span = self.report.span(node);
        self.report.push(Diagnostic::error("type-mismatch", span, message).hint_opt(hint));
    }

    fn concatenation(&mut self, left: &mut Expr, right: &mut Expr) -> SqlType {
        let (a, b) = (self.expr(left), self.expr(right));
        if let (SqlType::List(_), _) | (_, SqlType::List(_)) = (&a, &b) {
            return if matches!(a, SqlType::List(_)) { a } else { b };
        }
        if a != SqlType::Text && b != SqlType::Text && !a.is_open() && !b.is_open() {
            let message = format!("`||` joins text, and this is {a}");
            self.mismatch(left, message, Some("cast it to text".to_owned()));
        }
        SqlType::Text
    }

    /// Reports two values that cannot be compared; without `op`, they must just fit into one column.
    pub(crate) fn compare(&mut self, left: &Expr, a: &SqlType, op: Option<&BinaryOperator>, right: &Expr, b: &SqlType) {
        if op.is_some_and(|op| *op != BinaryOperator::Spaceship) && (is_null(left) || is_null(right)) {
            let span = self.report.span(if is_null(right) { right } else { left });
            self.report.push(
                Diagnostic::error("null-comparison", span, "a comparison with null is never true")
                    .hint("write `is null` or `is not null`"),
            );
            return;
        }
        let other = |literal: &Expr, ty: &SqlType| text_literal(literal).map(|t| (t.to_owned(), ty.clone()));
        if let Some((text, ty)) = other(right, b).map(|(t, _)| (t, a)) {
            return self.text_against(right, &text, left, ty, op);
        }
        if let Some((text, ty)) = other(left, a).map(|(t, _)| (t, b)) {
            return self.text_against(left, &text, right, ty, op);
        }
        let timed = *a == SqlType::Interval || *b == SqlType::Interval;
        if timed && self.durations(left, a, op, right, b) {
            return;
        }
        let bytes = [a, b].contains(&&SqlType::Binary) && [a, b].contains(&&SqlType::Text);
        if !a.is_comparable_with(b) && !bytes {
            let message = format!("{a} cannot be compared with {b}");
            let hint = match (a, b) {
                (SqlType::Text, b) if b.is_numeric() => {
                    Some(format!("quote the number, or cast: `cast({} as double)`", self.report.written(left.span())))
                }
                (SqlType::Text, b) if b.is_temporal() => {
                    Some(format!("cast it: `cast({} as timestamp)`", self.report.written(left.span())))
                }
                (b, SqlType::Text) if b.is_numeric() => {
                    Some(format!("cast it: `cast({} as double)`", self.report.written(right.span())))
                }
                (b, SqlType::Text) if b.is_temporal() => {
                    Some(format!("cast it: `cast({} as timestamp)`", self.report.written(right.span())))
                }
                _ => None,
            };
            self.mismatch(right, message, hint);
        }
    }

    /// A text literal takes the type of what it is compared with, if it can.
    fn text_against(&mut self, literal: &Expr, text: &str, other: &Expr, ty: &SqlType, op: Option<&BinaryOperator>) {
        let span = self.report.span(literal);
        match ty {
            SqlType::Date | SqlType::Timestamp => self.date_literal(text, span, literal::is_timestamp),
            SqlType::Time => self.date_literal(text, span, literal::is_time),
            SqlType::Interval if op.is_some() => {
                self.durations(other, ty, op, literal, &SqlType::Text);
            }
            SqlType::Integer | SqlType::Float | SqlType::Decimal { .. } => {
                let number =
                    text.trim().parse::<f64>().is_ok().then(|| format!("write it without quotes: {}", text.trim()));
                self.mismatch(literal, format!("text cannot be compared with {ty}"), number);
            }
            SqlType::Boolean => {
                let hint = Some("write `true` or `false` without quotes".to_owned());
                self.mismatch(literal, "text cannot be compared with true or false", hint);
            }
            SqlType::List(_) | SqlType::Struct(_) => {
                self.mismatch(literal, format!("text cannot be compared with {ty}"), None);
            }
            _ => {}
        }
    }

    pub(super) fn date_literal(&mut self, text: &str, span: Span, fits: fn(&str) -> bool) {
        if !fits(text) {
            let message = format!("`{text}` is not a date or a time");
            self.report.push(
                Diagnostic::error("bad-date-literal", span, message)
                    .hint("write it as '2026-01-31' or '2026-01-31T12:00:00Z'"),
            );
        }
    }

    /// Reports the comparison of a difference of times with a duration: DataFusion 55 compares their bits.
    fn durations(&mut self, left: &Expr, a: &SqlType, op: Option<&BinaryOperator>, right: &Expr, b: &SqlType) -> bool {
        let (one, two) = (is_written_duration(left), is_written_duration(right));
        let mixed = a.is_numeric() || b.is_numeric();
        if (one == two && !mixed) || a.is_open() || b.is_open() || op.is_none() {
            return false;
        }
        let (difference, duration, flipped) =
            if two || b.is_numeric() { (left, right, false) } else { (right, left, true) };
        let written = |e: &Expr| self.report.written(e.span()).to_owned();
        let mut inner = difference;
        while let Expr::Nested(e) = inner {
            inner = e;
        }
        let hint = match (inner, op) {
            (Expr::BinaryOp { left: x, op: BinaryOperator::Minus, right: y }, Some(op)) => {
                let interval =
                    if mixed { "interval '7 days'".to_owned() } else { written_duration(duration, &written) };
                if flipped {
                    format!("write `{} + {interval} {op} {}`", written(y), written(x))
                } else {
                    format!("write `{} {op} {} + {interval}`", written(x), written(y))
                }
            }
            _ => "compare times instead: `a <= b + interval '7 days'`".to_owned(),
        };
        let (start, end) = (left.span().start, right.span().end);
        let span = self.report.place(sqlparser::tokenizer::Span::new(start, end));
        let message = "a difference of times cannot be compared with a duration";
        self.report.push(Diagnostic::error("interval-comparison", span, message).hint(hint));
        true
    }

    fn arithmetic(&mut self, expr: &mut Expr) -> SqlType {
        let Expr::BinaryOp { left, op, right } = expr else { return SqlType::Unknown };
        let is_written = is_written_number(right);
        let (mut a, mut b) = (self.expr(left), self.expr(right));
        meet([(&mut **left, &mut a), (&mut **right, &mut b)]);
        let op = op.clone();
        if op == BinaryOperator::Divide && a == SqlType::Integer && b == SqlType::Integer {
            self.integer_division(left, right);
        }
        if matches!(op, BinaryOperator::Divide | BinaryOperator::Modulo) && !is_written {
            guard_divisor(right, &b);
        }
        if a.is_numeric() && b.is_numeric() {
            return types::arithmetic(&op, &a, &b);
        }
        if let Some(ty) = temporal(&op, &a, &b) {
            return ty;
        }
        // The engine reads a text literal as the time or the duration that the other side asks for.
        let literal =
            |e: &Expr, ty: &SqlType| text_literal(e).is_some() && (ty.is_temporal() || *ty == SqlType::Interval);
        if literal(left, &b) || literal(right, &a) {
            return if op == BinaryOperator::Minus { SqlType::Unknown } else { SqlType::Timestamp };
        }
        if a.is_open() || b.is_open() {
            let known = if a.is_open() { &b } else { &a };
            let fits = known.is_open() || known.is_numeric() || known.is_temporal();
            let fits = fits || matches!(known, SqlType::Interval | SqlType::Time);
            if fits {
                return if *known == SqlType::Float { SqlType::Float } else { SqlType::Unknown };
            }
        }
        let bad = |ty: &SqlType| !ty.is_numeric() && !ty.is_open();
        let (wrong, ty) = if bad(&a) && !a.is_temporal() { (&**left, &a) } else { (&**right, &b) };
        let message = format!("`{op}` does not go with {ty}");
        let hint = match ty {
            SqlType::Boolean => {
                Some(format!("count it: `case when {} then 1 else 0 end`", self.report.written(wrong.span())))
            }
            SqlType::Text if op == BinaryOperator::Plus => Some("join text with `||`".to_owned()),
            SqlType::Text => Some(format!("cast it: `cast({} as double)`", self.report.written(wrong.span()))),
            _ if a.is_temporal() || b.is_temporal() => Some("add a duration: `x + interval '7 days'`".to_owned()),
            _ => None,
        };
        let wrong = wrong.clone();
        self.mismatch(&wrong, message, hint);
        SqlType::Unknown
    }

    fn integer_division(&mut self, left: &Expr, right: &Expr) {
        let (a, b) = (self.report.written(left.span()), self.report.written(right.span()));
        let hint = format!("write `cast({a} as double) / {b}` to keep the fraction");
        let span = self.report.place(left.span().union(&right.span()));
        self.report.push(
            Diagnostic::warning("integer-division", span, "both sides are whole numbers, so the fraction is dropped")
                .hint(hint),
        );
    }
}

fn written_duration(duration: &Expr, written: &dyn Fn(&Expr) -> String) -> String {
    match duration {
        Expr::Interval(_) => duration.to_string().replace("INTERVAL", "interval"),
        _ => text_literal(duration).map_or_else(|| written(duration), |text| format!("interval '{text}'")),
    }
}

fn temporal(op: &BinaryOperator, a: &SqlType, b: &SqlType) -> Option<SqlType> {
    use BinaryOperator::{Minus, Plus};
    Some(match (op, a, b) {
        // Days between.
        (Minus, SqlType::Date, SqlType::Date) => SqlType::Integer,
        (Minus, a, b) if a.is_temporal() && b.is_temporal() => SqlType::Interval,
        (Plus | Minus, SqlType::Date | SqlType::Timestamp | SqlType::Time, SqlType::Interval) => a.clone(),
        (Plus, SqlType::Interval, SqlType::Date | SqlType::Timestamp | SqlType::Time) => b.clone(),
        (Plus | Minus, SqlType::Interval, SqlType::Interval) | (Minus, SqlType::Time, SqlType::Time) => {
            SqlType::Interval
        }
        (Plus | Minus, SqlType::Date, SqlType::Integer) | (Plus, SqlType::Integer, SqlType::Date) => SqlType::Date,
        _ => return None,
    })
}

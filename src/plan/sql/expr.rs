//! Expressions.

use std::ops::ControlFlow;

use kinfold_base::{SqlType, Timestamp};
use kinfold_lang::project::Literal;
use kinfold_sql::each_expr;
use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    AccessExpr, Array, BinaryOperator, CaseWhen, CastKind, DataType, ExactNumberInfo, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList, FunctionArguments, Ident, ObjectName, OrderByExpr,
    OrderByOptions, Query, Subscript, TimezoneInfo, TypedString, UnaryOperator, Value, WindowSpec, WindowType,
};

pub(crate) fn ident(name: &str) -> Ident {
    Ident::with_quote('"', name)
}

pub(crate) fn col(name: &str) -> Expr {
    Expr::Identifier(ident(name))
}

pub(crate) fn col_of(table: &str, name: &str) -> Expr {
    Expr::CompoundIdentifier(vec![ident(table), ident(name)])
}

pub(crate) fn text(value: &str) -> Expr {
    Expr::value(Value::SingleQuotedString(value.to_owned()))
}

pub(crate) fn int(value: impl Into<i128>) -> Expr {
    number(&value.into().to_string())
}

/// The most digits that a number has in every engine; with more it is written as a float.
const MAX_DIGITS: usize = 38;

/// A number, by its digits, without an exponent. One with a fraction is decimal.
pub(crate) fn number(digits: &str) -> Expr {
    if digits.bytes().filter(u8::is_ascii_digit).count() > MAX_DIGITS {
        return cast_double(text(digits));
    }
    let value = |digits: &str| Expr::value(Value::Number(digits.to_owned(), false));
    match digits.strip_prefix('-') {
        Some(digits) => Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(value(digits)) },
        None => value(digits.strip_prefix('+').unwrap_or(digits)),
    }
}

pub(crate) fn boolean(value: bool) -> Expr {
    Expr::value(Value::Boolean(value))
}

pub(crate) fn null() -> Expr {
    Expr::value(Value::Null)
}

/// An instant, to the microsecond, in UTC.
pub(crate) fn instant(at: Timestamp) -> Expr {
    let at = Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at);
    typed(instant_type(), at.to_string())
}

fn literal(value: &Literal) -> Expr {
    match value {
        Literal::Boolean(b) => boolean(*b),
        Literal::Integer(n) => int(*n),
        Literal::Decimal(digits) => number(digits),
        Literal::Text(t) => text(t),
        Literal::Date(d) => typed(DataType::Date, d.clone()),
        Literal::Timestamp(t) => instant(*t),
    }
}

/// A value as one of the type that it is compared with: a decimal number beside floats would make decimals of them, which they may
/// not fit.
pub(crate) fn literal_of(ty: &SqlType, value: &Literal) -> Expr {
    match value {
        Literal::Integer(_) | Literal::Decimal(_) if *ty == SqlType::Float => cast_double(literal(value)),
        _ => literal(value),
    }
}

fn typed(data_type: DataType, value: String) -> Expr {
    Expr::TypedString(TypedString {
        data_type,
        value: Value::SingleQuotedString(value).into(),
        uses_odbc_syntax: false,
    })
}

/// Microseconds, in UTC: the one type that all times are brought into before they are compared with each other.
fn instant_type() -> DataType {
    DataType::Timestamp(Some(6), TimezoneInfo::WithTimeZone)
}

/// The same value as one of another type. What has just been cast to that type stays as it is.
pub(crate) fn cast(expr: Expr, data_type: DataType) -> Expr {
    if matches!(&expr, Expr::Cast { kind: CastKind::Cast, data_type: same, .. } if *same == data_type) {
        return expr;
    }
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
}

pub(crate) fn cast_text(expr: Expr) -> Expr {
    cast(expr, DataType::Varchar(None))
}

/// The same time as an instant.
pub(crate) fn cast_instant(expr: Expr) -> Expr {
    cast(expr, instant_type())
}

pub(crate) fn cast_double(expr: Expr) -> Expr {
    cast(expr, DataType::DoublePrecision)
}

pub(crate) fn cast_big_int(expr: Expr) -> Expr {
    cast(expr, DataType::BigInt(None))
}

fn decimal_type(precision: u8, scale: i8) -> DataType {
    DataType::Decimal(ExactNumberInfo::PrecisionAndScale(u64::from(precision), i64::from(scale)))
}

/// As the engine holds a value of that type, where another engine, or the same one, may have made something else of the expression.
pub(crate) fn cast_as(expr: Expr, ty: &SqlType) -> Expr {
    match ty {
        SqlType::Integer => cast_big_int(expr),
        SqlType::Float => cast_double(expr),
        SqlType::Decimal { precision, scale } => cast(expr, decimal_type(*precision, *scale)),
        SqlType::Date => cast(expr, DataType::Date),
        SqlType::Timestamp => cast_instant(expr),
        _ => expr,
    }
}

/// A float that can be ordered and compared; null for infinity and for what is not a number. Other types stay as they are.
pub(crate) fn finite(expr: Expr, ty: &SqlType) -> Expr {
    if *ty != SqlType::Float {
        return expr;
    }
    // What is not a number counts as larger than infinity.
    let below = binary(call("abs", vec![expr.clone()]), BinaryOperator::Lt, cast_double(text("Infinity")));
    case([(below, expr)], None)
}

/// In brackets, unless it can't be read differently wherever it stands.
fn operand(expr: Expr) -> Expr {
    match expr {
        Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::Value(_)
        | Expr::TypedString(_)
        | Expr::Function(_)
        | Expr::Cast { .. }
        | Expr::Case { .. }
        | Expr::Array(_)
        | Expr::Nested(_) => expr,
        other => Expr::Nested(Box::new(other)),
    }
}

pub(crate) fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(operand(left)), op, right: Box::new(operand(right)) }
}

pub(crate) fn eq(left: Expr, right: Expr) -> Expr {
    binary(left, BinaryOperator::Eq, right)
}

/// One after the other; a single part stays as it is.
fn chain(op: &BinaryOperator, parts: impl IntoIterator<Item = Expr>) -> Option<Expr> {
    let mut parts = parts.into_iter();
    let first = parts.next()?;
    let Some(second) = parts.next() else { return Some(first) };
    let first = binary(first, op.clone(), second);
    Some(parts.fold(first, |left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: op.clone(),
        right: Box::new(operand(right)),
    }))
}

/// True where there is nothing to be true.
pub(crate) fn and(parts: impl IntoIterator<Item = Expr>) -> Expr {
    chain(&BinaryOperator::And, parts).unwrap_or_else(|| boolean(true))
}

/// False where there is nothing to be true.
pub(crate) fn or(parts: impl IntoIterator<Item = Expr>) -> Expr {
    chain(&BinaryOperator::Or, parts).unwrap_or_else(|| boolean(false))
}

/// Text after text; null if one part is.
pub(crate) fn concat(parts: impl IntoIterator<Item = Expr>) -> Expr {
    chain(&BinaryOperator::StringConcat, parts).unwrap_or_else(|| text(""))
}

pub(crate) fn not(expr: Expr) -> Expr {
    Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(operand(expr)) }
}

pub(crate) fn is_null(expr: Expr) -> Expr {
    Expr::IsNull(Box::new(operand(expr)))
}

pub(crate) fn is_not_null(expr: Expr) -> Expr {
    Expr::IsNotNull(Box::new(operand(expr)))
}

pub(crate) fn is_true(expr: Expr) -> Expr {
    Expr::IsTrue(Box::new(operand(expr)))
}

pub(crate) fn in_list(expr: Expr, list: Vec<Expr>, negated: bool) -> Expr {
    Expr::InList { expr: Box::new(operand(expr)), list, negated }
}

/// Whether a value is one of those that a query gives.
pub(crate) fn in_query(expr: Expr, query: Query) -> Expr {
    Expr::InSubquery { expr: Box::new(expr), subquery: Box::new(query), negated: false }
}

pub(crate) fn between(expr: Expr, low: Expr, high: Expr) -> Expr {
    Expr::Between {
        expr: Box::new(operand(expr)),
        negated: false,
        low: Box::new(operand(low)),
        high: Box::new(operand(high)),
    }
}

/// `CASE WHEN condition THEN result … ELSE otherwise END`
pub(crate) fn case(branches: impl IntoIterator<Item = (Expr, Expr)>, otherwise: Option<Expr>) -> Expr {
    case_with(None, branches, otherwise)
}

/// `CASE operand WHEN value THEN result … ELSE otherwise END`
pub(crate) fn case_of(
    operand: Expr,
    branches: impl IntoIterator<Item = (Expr, Expr)>,
    otherwise: Option<Expr>,
) -> Expr {
    case_with(Some(operand), branches, otherwise)
}

fn case_with(operand: Option<Expr>, branches: impl IntoIterator<Item = (Expr, Expr)>, otherwise: Option<Expr>) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: operand.map(Box::new),
        conditions: branches.into_iter().map(|(condition, result)| CaseWhen { condition, result }).collect(),
        else_result: otherwise.map(Box::new),
    }
}

pub(crate) fn array(elem: Vec<Expr>) -> Expr {
    Expr::Array(Array { elem, named: true })
}

/// The first `count` elements of a list.
pub(crate) fn array_slice(list: Expr, count: u32) -> Expr {
    let slice = Subscript::Slice { lower_bound: Some(int(1)), upper_bound: Some(int(count)), stride: None };
    Expr::CompoundFieldAccess {
        root: Box::new(Expr::Nested(Box::new(list))),
        access_chain: vec![AccessExpr::Subscript(slice)],
    }
}

pub(crate) fn call(name: &str, args: Vec<Expr>) -> Expr {
    Aggregate::new(name, args).build()
}

pub(crate) fn coalesce(args: Vec<Expr>) -> Expr {
    call("coalesce", args)
}

/// How rows are put in order. Nulls come last, whichever the direction.
#[derive(Debug, Clone)]
pub(crate) struct Sort {
    expr: Expr,
    descending: bool,
}

impl Sort {
    pub(crate) fn up(expr: Expr) -> Self {
        Self { expr, descending: false }
    }

    pub(crate) fn down(expr: Expr) -> Self {
        Self { expr, descending: true }
    }

    pub(crate) fn build(self) -> OrderByExpr {
        // Ascending, nulls come last by themselves, in every dialect.
        let options = if self.descending {
            OrderByOptions { asc: Some(false), nulls_first: Some(false) }
        } else {
            OrderByOptions { asc: None, nulls_first: None }
        };
        OrderByExpr { expr: self.expr, options, with_fill: None }
    }
}

/// A call, with all that may stand around an aggregate's arguments.
#[derive(Debug, Clone)]
pub(crate) struct Aggregate {
    name: String,
    args: Vec<Expr>,
    order: Vec<Sort>,
    within_group: Vec<Sort>,
    filter: Vec<Expr>,
}

impl Aggregate {
    /// `name` is a function of the language or of ours, never a user's word.
    pub(crate) fn new(name: &str, args: Vec<Expr>) -> Self {
        Self { name: name.to_owned(), args, order: vec![], within_group: vec![], filter: vec![] }
    }

    /// The value where `by` is smallest. Null values never count; a value whose `by` is null comes after all others; of several at
    /// the same `by` the smallest is taken.
    pub(crate) fn first(value: Expr, by: Expr) -> Self {
        Self::new("kinfold_first", vec![value, by])
    }

    /// The value where `by` is largest; otherwise as [`Aggregate::first`].
    pub(crate) fn last(value: Expr, by: Expr) -> Self {
        Self::new("kinfold_last", vec![value, by])
    }

    pub(crate) fn order_by(mut self, sort: Vec<Sort>) -> Self {
        self.order = sort;
        self
    }

    pub(crate) fn within_group(mut self, sort: Sort) -> Self {
        self.within_group = vec![sort];
        self
    }

    /// Rows for which every condition given holds.
    pub(crate) fn filter(mut self, condition: impl IntoIterator<Item = Expr>) -> Self {
        self.filter.extend(condition);
        self
    }

    pub(crate) fn build(self) -> Expr {
        Expr::Function(self.function())
    }

    fn function(self) -> Function {
        let clauses = if self.order.is_empty() {
            vec![]
        } else {
            vec![FunctionArgumentClause::OrderBy(self.order.into_iter().map(Sort::build).collect())]
        };
        Function {
            name: ObjectName::from(vec![Ident::new(self.name)]),
            uses_odbc_syntax: false,
            parameters: FunctionArguments::None,
            args: FunctionArguments::List(FunctionArgumentList {
                duplicate_treatment: None,
                args: self.args.into_iter().map(|a| FunctionArg::Unnamed(FunctionArgExpr::Expr(a))).collect(),
                clauses,
            }),
            filter: (!self.filter.is_empty()).then(|| Box::new(and(self.filter))),
            null_treatment: None,
            over: None,
            within_group: self.within_group.into_iter().map(Sort::build).collect(),
        }
    }
}

/// `count(*)`
pub(crate) fn count_rows() -> Aggregate {
    Aggregate::new("count", vec![Expr::Wildcard(AttachedToken::empty())])
}

/// `aggregate OVER (PARTITION BY … ORDER BY …)`
pub(crate) fn window(aggregate: Aggregate, partition_by: Vec<Expr>, order_by: Vec<Sort>) -> Expr {
    let over = WindowSpec {
        window_name: None,
        partition_by,
        order_by: order_by.into_iter().map(Sort::build).collect(),
        window_frame: None,
    };
    Expr::Function(Function { over: Some(WindowType::WindowSpec(over)), ..aggregate.function() })
}

/// The names of the columns that stand in an expression, each once, in the order of their first appearance.
pub(crate) fn columns_in(expr: &Expr) -> Vec<String> {
    let mut names: Vec<String> = vec![];
    let _ = each_expr(expr, |e| {
        let name = match e {
            Expr::Identifier(i) => Some(i),
            Expr::CompoundIdentifier(parts) => parts.last(),
            _ => None,
        };
        if let Some(name) = name.filter(|n| !names.contains(&n.value)) {
            names.push(name.value.clone());
        }
        ControlFlow::Continue(())
    });
    names
}

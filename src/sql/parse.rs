//! Text to sqlparser's AST.
//!
//! The dialect is the generic one, which is DataFusion's default, so that what is accepted here is accepted there. One fault
//! of sqlparser 0.62 is mended on the way: it reads everything after `is distinct from` as its right side, `or` and `and`
//! included. The words are replaced by an operator of about the same precedence that DataFusion does not have, and put back
//! in the tree.

use std::ops::ControlFlow;

use kinfold_base::{Diagnostic, SourceText, SqlType, did_you_mean};
use sqlparser::ast::{self, BinaryOperator, Expr, Query, SetExpr, Visitor, VisitorMut};
use sqlparser::dialect::GenericDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span as SqlSpan, Token, TokenWithSpan, Tokenizer};

use crate::report::Report;
use crate::types::data_type;
use crate::walk::{walk_expr, walk_expr_mut, walk_query, walk_query_mut};

/// How deep brackets, calls and subqueries may be nested. DataFusion's own parser stops at 50, and plans put more around.
const MAX_NESTING: usize = 30;
/// How deep the tree may be: a chain of `or` is as deep as it is long. Keeps every later walk off the end of the stack.
const MAX_DEPTH: usize = 200;

/// How deep `case` may be nested: the parser takes twice the time for each further level.
const MAX_CASES: usize = 10;
/// How many operators may follow each other before the parser is not even asked.
const MAX_CHAIN: usize = 2000;

const DIALECT: GenericDialect = GenericDialect {};

/// Parses one expression, to its end.
pub fn parse_expr(text: &SourceText, diags: &mut Vec<Diagnostic>) -> Option<Expr> {
    let mut report = Report::new(text, diags);
    let tokens = tokens(text, &mut report)?;
    let mut parser = parser(&tokens);
    let parsed = parser.parse_expr();
    let mut expr = finish(parsed, &mut parser, &tokens, &mut report)?;
    mend(&mut expr, &mut report, walk_expr, walk_expr_mut);
    (!report.failed).then_some(expr)
}

/// Parses one query: a `select`, perhaps with CTEs and set operations. Everything else is refused.
pub fn parse_query(text: &SourceText, diags: &mut Vec<Diagnostic>) -> Option<Query> {
    let mut report = Report::new(text, diags);
    let tokens = tokens(text, &mut report)?;
    refuse_statements(&tokens, &mut report)?;
    let mut parser = parser(&tokens);
    let parsed = parser.parse_query();
    let mut query = finish(parsed, &mut parser, &tokens, &mut report)?;
    mend(query.as_mut(), &mut report, walk_query, walk_query_mut);
    (!report.failed).then_some(*query)
}

/// The type that SQL calls so, such as `decimal(12, 2)`; silent `None` if there is none.
#[must_use]
pub fn parse_data_type(text: &str) -> Option<SqlType> {
    let mut parser = Parser::new(&DIALECT).with_recursion_limit(MAX_NESTING).try_with_sql(text).ok()?;
    let parsed = parser.parse_data_type().ok()?;
    (parser.peek_token().token == Token::EOF).then(|| data_type(&parsed)).flatten()
}

fn parser(tokens: &[TokenWithSpan]) -> Parser<'static> {
    Parser::new(&DIALECT).with_recursion_limit(MAX_NESTING).with_tokens_with_locations(tokens.to_vec())
}

/// The tokens, comments and blanks left out, with `is distinct from` replaced.
fn tokens(text: &SourceText, report: &mut Report<'_>) -> Option<Vec<TokenWithSpan>> {
    if let Some(at) = text.text.find("{{").or_else(|| text.text.find("{%")) {
        report.push(
            Diagnostic::error("sql-template", text.span_of(at..at + 2), "SQL is not a template here")
                .hint("write the table's plain name, `source.table` or `model`"),
        );
        return None;
    }
    let found = match Tokenizer::new(&DIALECT, &text.text).tokenize_with_location() {
        Ok(found) => found,
        Err(error) => {
            let span = report.place(SqlSpan::new(error.location, error.location));
            report.push(Diagnostic::error("sql-syntax", span, lower_first(&error.message)));
            return None;
        }
    };
    let found: Vec<_> = found.into_iter().filter(|t| !is_blank(&t.token)).collect();
    if found.is_empty() {
        report.push(Diagnostic::error("sql-empty", text.span, "there is no SQL here"));
        return None;
    }
    for token in &found {
        if matches!(token.token, Token::AtAt | Token::AtQuestion | Token::Overlap) {
            let message = format!("the engine has no operator `{}`", token.token);
            report.push(Diagnostic::error("sql-unsupported", report.place(token.span), message));
        }
    }
    if is_endless(&found) {
        too_deep(report);
    }
    (!report.failed).then(|| fold_distinct(&found))
}

/// Whether the parser, which does not count how deep operators in a row and nested types make its tree, must not see this.
fn is_endless(tokens: &[TokenWithSpan]) -> bool {
    let (mut types, mut cases) = (0, 0_usize);
    // Operators since the last comma, for each open bracket.
    let mut open = vec![0_usize];
    for (index, token) in tokens.iter().enumerate() {
        let last = open.len() - 1;
        match &token.token {
            Token::Comma | Token::SemiColon => open[last] = 0,
            Token::LParen | Token::LBracket | Token::LBrace => {
                open[last] += 1;
                open.push(0);
            }
            Token::RParen | Token::RBracket | Token::RBrace if last > 0 => drop(open.pop()),
            Token::Lt => {
                open[last] += 1;
                let before = index.checked_sub(1).map(|i| keyword(&tokens[i]));
                types += usize::from(matches!(before, Some(Keyword::ARRAY | Keyword::STRUCT | Keyword::MAP)));
            }
            Token::Word(word) => {
                match word.keyword {
                    Keyword::CASE => cases += 1,
                    Keyword::END => cases = cases.saturating_sub(1),
                    _ => {}
                }
                open[last] += usize::from(OPERATORS.contains(&word.keyword));
            }
            Token::Number(..) | Token::SingleQuotedString(_) | Token::Period => {}
            _ => open[last] += 1,
        }
        if types > MAX_NESTING || cases > MAX_CASES || open.len() > MAX_NESTING || open[open.len() - 1] > MAX_CHAIN {
            return true;
        }
    }
    false
}

/// Words that make a tree deeper when they follow each other.
const OPERATORS: &[Keyword] = &[
    Keyword::AND,
    Keyword::AT,
    Keyword::BETWEEN,
    Keyword::COLLATE,
    Keyword::DIV,
    Keyword::EXCEPT,
    Keyword::ILIKE,
    Keyword::IN,
    Keyword::INTERSECT,
    Keyword::IS,
    Keyword::LIKE,
    Keyword::MINUS,
    Keyword::OR,
    Keyword::REGEXP,
    Keyword::RLIKE,
    Keyword::UNION,
    Keyword::XOR,
];

fn is_blank(token: &Token) -> bool {
    matches!(token, Token::Whitespace(_) | Token::EOF)
}

fn keyword(token: &TokenWithSpan) -> Keyword {
    match &token.token {
        Token::Word(word) => word.keyword,
        _ => Keyword::NoKeyword,
    }
}

fn fold_distinct(tokens: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let mut out = Vec::with_capacity(tokens.len());
    let mut rest = tokens;
    while let Some(first) = rest.first() {
        let words: Vec<Keyword> = rest.iter().take(4).map(keyword).collect();
        let (token, len) = match words.as_slice() {
            [Keyword::IS, Keyword::DISTINCT, Keyword::FROM, ..] => (Token::AtAt, 3),
            [Keyword::IS, Keyword::NOT, Keyword::DISTINCT, Keyword::FROM] => (Token::AtQuestion, 4),
            _ => (first.token.clone(), 1),
        };
        let span = SqlSpan::new(first.span.start, rest[len - 1].span.end);
        out.push(TokenWithSpan { token, span });
        rest = &rest[len..];
    }
    out
}

#[rustfmt::skip]
const OTHER_STATEMENTS: &[&str] = &[
    "alter", "analyze", "attach", "begin", "call", "commit", "copy", "create", "delete", "describe", "detach", "drop",
    "execute", "explain", "export", "grant", "import", "insert", "install", "load", "merge", "pragma", "prepare",
    "refresh", "replace", "reset", "revoke", "rollback", "set", "show", "truncate", "unload", "update", "use",
    "vacuum",
];

fn refuse_statements(tokens: &[TokenWithSpan], report: &mut Report<'_>) -> Option<()> {
    let first = tokens.first()?;
    let Token::Word(word) = &first.token else { return Some(()) };
    let written = word.value.to_lowercase();
    if OTHER_STATEMENTS.contains(&written.as_str()) {
        let message = format!("only a query may stand here, not `{written}`");
        report.push(
            Diagnostic::error("sql-not-a-query", report.place(first.span), message)
                .hint("begin with `select` or `with`; Kinfold itself makes the table"),
        );
        return None;
    }
    if word.quote_style.is_none() && !["select", "with", "values", "from"].contains(&written.as_str()) {
        let hint = did_you_mean(&written, ["select", "with", "values"]).map(|w| format!("did you mean `{w}`?"));
        let message = format!("a query begins with `select` or `with`, not `{}`", word.value);
        report.push(Diagnostic::error("sql-syntax", report.place(first.span), message).hint_opt(hint));
        return None;
    }
    Some(())
}

/// Reports what went wrong in parsing, or what stands after the end.
fn finish<T>(
    parsed: Result<T, ParserError>,
    parser: &mut Parser<'_>,
    tokens: &[TokenWithSpan],
    report: &mut Report<'_>,
) -> Option<T> {
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(ParserError::RecursionLimitExceeded) => {
            too_deep(report);
            return None;
        }
        Err(ParserError::ParserError(message) | ParserError::TokenizerError(message)) => {
            let (message, place) = split_place(&message);
            let at = tokens.iter().find(|t| Some(t.span.start) == place).or(tokens.last());
            let span = at.map_or(report.whole(), |t| report.place(t.span));
            let message = message.replace("found: EOF", "but here it ends").replace(", but", " but");
            let message = message.replace("Expected: ", "expected ").replace("found: ", "found ");
            report.push(Diagnostic::error("sql-syntax", span, lower_first(&message)));
            return None;
        }
    };
    let semicolon = parser.consume_token(&Token::SemiColon);
    while parser.consume_token(&Token::SemiColon) {}
    let next = parser.peek_token();
    if next.token == Token::EOF {
        return Some(parsed);
    }
    let span = report.place(next.span);
    report.push(if semicolon {
        Diagnostic::error("sql-several-statements", span, "only one statement may stand here")
            .hint("make one model of each query")
    } else {
        Diagnostic::error("sql-syntax", span, format!("unexpected `{}` after the end of the SQL", next.token))
    });
    None
}

/// Splits sqlparser's ` at Line: 1, Column: 5` off a message.
fn split_place(message: &str) -> (&str, Option<Location>) {
    let place = || {
        let (before, after) = message.rsplit_once(" at Line: ")?;
        let (line, column) = after.split_once(", Column: ")?;
        Some((before, Location { line: line.parse().ok()?, column: column.trim().parse().ok()? }))
    };
    place().map_or((message, None), |(before, location)| (before, Some(location)))
}

fn lower_first(message: &str) -> String {
    let mut chars = message.chars();
    chars.next().map(|c| c.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

fn too_deep(report: &mut Report<'_>) {
    let span = report.whole();
    report.push(
        Diagnostic::error("sql-too-deep", span, "this SQL is nested too deeply")
            .hint("use `in (…)` for long chains of `or`, or split the query into models"),
    );
}

type Walk<T> = fn(&T, &mut dyn Visitor<Break = ()>) -> ControlFlow<()>;
type WalkMut<T> = fn(&mut T, &mut dyn VisitorMut<Break = ()>) -> ControlFlow<()>;

/// Puts `is distinct from` back, bounds the depth, and refuses what only looks like a query.
fn mend<T>(node: &mut T, report: &mut Report<'_>, walk: Walk<T>, walk_mut: WalkMut<T>) {
    let mut depth = Depth::default();
    if walk(node, &mut depth).is_break() {
        too_deep(report);
        return;
    }
    if depth.writes {
        let span = report.whole();
        report.push(Diagnostic::error("sql-not-a-query", span, "a query may only read, and this writes"));
        return;
    }
    // The visitor never breaks.
    let _ = walk_mut(node, &mut PutBack);
}

#[derive(Default)]
struct Depth {
    now: usize,
    writes: bool,
}

impl Depth {
    fn enter(&mut self) -> ControlFlow<()> {
        self.now += 1;
        if self.now > MAX_DEPTH { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn leave(&mut self) -> ControlFlow<()> {
        self.now -= 1;
        ControlFlow::Continue(())
    }
}

impl Visitor for Depth {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let mut bodies = vec![query.body.as_ref()];
        let mut operations = 0;
        while let Some(body) = bodies.pop() {
            operations += usize::from(matches!(body, SetExpr::SetOperation { .. }));
            if operations > MAX_DEPTH {
                return ControlFlow::Break(());
            }
            match body {
                SetExpr::SetOperation { left, right, .. } => bodies.extend([left.as_ref(), right.as_ref()]),
                SetExpr::Select(select) => self.writes |= select.into.is_some(),
                SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => self.writes = true,
                SetExpr::Query(_) | SetExpr::Values(_) | SetExpr::Table(_) => {}
            }
        }
        self.enter()
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.leave()
    }

    fn pre_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
        self.enter()
    }

    fn post_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
        self.leave()
    }
}

struct PutBack;

impl VisitorMut for PutBack {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Expr::BinaryOp { op: op @ (BinaryOperator::AtAt | BinaryOperator::AtQuestion), .. } = expr else {
            return ControlFlow::Continue(());
        };
        let distinct = *op == BinaryOperator::AtAt;
        if let Expr::BinaryOp { left, right, .. } = std::mem::replace(expr, null()) {
            *expr = if distinct { Expr::IsDistinctFrom(left, right) } else { Expr::IsNotDistinctFrom(left, right) };
        }
        ControlFlow::Continue(())
    }
}

fn null() -> Expr {
    Expr::Value(ast::Value::Null.with_empty_span())
}

//! Conditions of segments.
//!
//! A condition is one key naming the case: `trait`, `did`, `did_not`, `segment`, `all`, `any`, `not` or `sql`. Several tests of
//! one trait must all hold. A condition that can never be true, such as `{gte: 5, lt: 3}`, is an error.

use std::cmp::Ordering;

use kinfold_base::{Diagnostic, Span, SqlType, did_you_mean};
use kinfold_sql::{Context, Scope};

use super::literals::{compare, literal};
use super::rows::{Profiles, REVERSED_BOUNDS, Written, row_set};
use crate::ast::{self, Did, Scalar, Spanned, Text, TraitTest};
use crate::project::{Condition, Literal, Test};
use crate::rule::Rule;
use crate::tables::{Tables, typed};

use super::traits::Traits;

pub(crate) const RULES: &[&Rule] =
    &[&UNKNOWN_TRAIT, &MISSING_TEST, &EMPTY_LIST, &BAD_BETWEEN, &CONTRADICTION, &TEST_TYPE, &COUNTS];

pub(crate) const UNKNOWN_TRAIT: Rule = Rule::error("unknown-trait", "a name is not a trait of the entity");
pub(crate) const MISSING_TEST: Rule = Rule::error("missing-test", "a trait is named, but not what it is held against");
pub(crate) const EMPTY_LIST: Rule =
    Rule::error("empty-list", "`all`, `any`, `in`, `not_in` or `one_of` with nothing in it");
pub(crate) const BAD_BETWEEN: Rule = Rule::error("bad-between", "`between` has not exactly two values");
pub(crate) const CONTRADICTION: Rule = Rule::error("contradiction", "tests of one trait that can never hold together");
pub(crate) const TEST_TYPE: Rule = Rule::error("test-type", "a test that the trait's type does not allow");
pub(crate) const COUNTS: Rule =
    Rule::error("bad-counts", "counts of rows that contradict each other, or that always hold");

/// What a condition may speak of.
pub(crate) struct Ground<'a> {
    pub(crate) profiles: Profiles<'a>,
    pub(crate) traits: &'a Traits,
    pub(crate) scope: Scope,
}

/// Resolves a condition; every part that is wrong is reported.
pub(crate) fn condition(
    written: &Spanned<ast::Condition>,
    ground: &Ground<'_>,
    tables: &Tables<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Condition> {
    match &written.value {
        ast::Condition::Trait(test) => trait_test(test, ground, tables, diagnostics),
        ast::Condition::Did(did) => self::did(did, ground, tables, diagnostics),
        ast::Condition::DidNot(did) => self::did(did, ground, tables, diagnostics).map(|c| Condition::Not(Box::new(c))),
        // Whether there is such a segment is seen where all segments are.
        ast::Condition::Segment(name) => Some(Condition::Segment(name.as_str().to_owned())),
        ast::Condition::All(parts) => several("all", parts, ground, tables, diagnostics).map(Condition::All),
        ast::Condition::Any(parts) => several("any", parts, ground, tables, diagnostics).map(Condition::Any),
        ast::Condition::Not(part) => condition(part, ground, tables, diagnostics).map(|c| Condition::Not(Box::new(c))),
        ast::Condition::Sql(sql) => {
            typed(sql, &ground.scope, Context::Condition, diagnostics).map(|t| Condition::Sql(t.expr))
        }
    }
}

fn several(
    key: &str,
    parts: &Spanned<Vec<Spanned<ast::Condition>>>,
    ground: &Ground<'_>,
    tables: &Tables<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Condition>> {
    if parts.value.is_empty() {
        if !tables.parsed.has_gaps {
            let message = format!("`{key}` has no conditions in it");
            diagnostics.push(EMPTY_LIST.at(parts.span, message).hint("add a condition, or leave it out"));
        }
        return None;
    }
    let done: Vec<Condition> =
        parts.value.iter().filter_map(|part| condition(part, ground, tables, diagnostics)).collect();
    (done.len() == parts.value.len()).then_some(done)
}

fn did(did: &Did, ground: &Ground<'_>, tables: &Tables<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<Condition> {
    let counts = counts(did, diagnostics);
    let rows = Written {
        table: &did.table,
        filter: did.filter.as_ref(),
        within: did.within.as_ref(),
        between: did.between.as_ref(),
        ids: did.ids.as_ref(),
        at: did.at.as_ref(),
    };
    let rows = row_set(rows, None, &ground.profiles, tables, diagnostics)?;
    let (at_least, at_most) = counts?;
    Some(Condition::Did { rows, at_least, at_most })
}

fn counts(did: &Did, diagnostics: &mut Vec<Diagnostic>) -> Option<(u64, Option<u64>)> {
    let mut wrong = |span: Span, message: &str, hint: &str| {
        diagnostics.push(COUNTS.at(span, message).hint(hint));
        None
    };
    match (did.exactly, did.at_least, did.at_most) {
        (Some(exactly), None, None) => Some((exactly.value, Some(exactly.value))),
        (Some(exactly), ..) => {
            wrong(exactly.span, "`exactly` cannot stand beside `at_least` or `at_most`", "leave one of them out")
        }
        (None, Some(least), Some(most)) if least.value > most.value => {
            wrong(least.span, "`at_least` is more than `at_most`", "exchange them")
        }
        (None, Some(least), None) if least.value == 0 => {
            wrong(least.span, "`at_least: 0` holds for every profile", "write 1 or more, or use `did_not`")
        }
        (None, least, Some(most)) => Some((least.map_or(0, |l| l.value), Some(most.value))),
        (None, least, None) => Some((least.map_or(1, |l| l.value), None)),
    }
}

fn trait_test(
    written: &TraitTest,
    ground: &Ground<'_>,
    tables: &Tables<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Condition> {
    let name = written.name.as_str();
    let Some(column) = ground.traits.columns.column(name) else {
        if !ground.traits.is_open && !tables.parsed.hides(name) {
            let entity = ground.profiles.entity.name.as_str();
            let names = ground.traits.columns.names();
            let hint = did_you_mean(name, names).map(|near| format!("did you mean `{near}`?"));
            let identifier = ground.profiles.identifiers.iter().any(|i| i.name == name);
            let hint =
                hint.or_else(|| identifier.then(|| "it is an identifier; conditions are over traits".to_owned()));
            diagnostics.push(
                UNKNOWN_TRAIT.at(written.name.span(), format!("`{name}` is not a trait of `{entity}`")).hint_opt(hint),
            );
        }
        return None;
    };
    let before = diagnostics.len();
    let reader = TestReader { ty: &column.ty, what: format!("the trait `{}`", column.name) };
    let tests = reader.tests(written, diagnostics);
    if diagnostics.len() > before {
        return None;
    }
    contradictions(written, &tests, diagnostics)?;
    let mut parts: Vec<Condition> =
        tests.into_iter().map(|test| Condition::Trait { name: column.name.clone(), test }).collect();
    match parts.len() {
        0 => {
            let hint = match column.ty {
                SqlType::Boolean => "write for example `eq: true`",
                _ => "add eq, ne, gt, gte, lt, lte, between, in, not_in, like, is_null or contains",
            };
            diagnostics
                .push(MISSING_TEST.at(written.name.span(), format!("`{name}` is held against nothing")).hint(hint));
            None
        }
        1 => parts.pop(),
        _ => Some(Condition::All(parts)),
    }
}

/// Reads tests in the type of one trait.
struct TestReader<'a> {
    ty: &'a SqlType,
    what: String,
}

impl TestReader<'_> {
    fn tests(&self, w: &TraitTest, diagnostics: &mut Vec<Diagnostic>) -> Vec<Test> {
        let mut tests = vec![];
        let mut one =
            |value: &Option<Scalar>, ordered: bool, make: fn(Literal) -> Test, diagnostics: &mut Vec<Diagnostic>| {
                let Some(value) = value else { return };
                if ordered && matches!(self.ty, SqlType::Boolean) {
                    let message = format!("{} is true or false, which has no order", self.what);
                    diagnostics.push(TEST_TYPE.at(value.span(), message).hint("use `eq`"));
                    return;
                }
                tests.extend(literal(value, self.ty, &self.what, diagnostics).map(make));
            };
        one(&w.eq, false, Test::Eq, diagnostics);
        one(&w.ne, false, Test::Ne, diagnostics);
        one(&w.gt, true, Test::Gt, diagnostics);
        one(&w.gte, true, Test::Gte, diagnostics);
        one(&w.lt, true, Test::Lt, diagnostics);
        one(&w.lte, true, Test::Lte, diagnostics);
        tests.extend(w.between.as_ref().and_then(|b| self.between(b, diagnostics)));
        tests.extend(w.one_of.as_ref().and_then(|v| self.list("in", v, diagnostics)).map(Test::In));
        tests.extend(w.not_in.as_ref().and_then(|v| self.list("not_in", v, diagnostics)).map(Test::NotIn));
        tests.extend(w.like.as_ref().and_then(|pattern| self.like(pattern, diagnostics)));
        tests.extend(w.is_null.map(Test::IsNull));
        tests.extend(w.contains.as_ref().and_then(|value| self.contains(value, diagnostics)));
        tests
    }

    fn between(&self, written: &Spanned<Vec<Scalar>>, diagnostics: &mut Vec<Diagnostic>) -> Option<Test> {
        let [lower, upper] = written.value.as_slice() else {
            let message = format!("`between` needs two values, but here are {}", written.value.len());
            diagnostics.push(BAD_BETWEEN.at(written.span, message).hint("write `between: [low, high]`"));
            return None;
        };
        let low = literal(lower, self.ty, &self.what, diagnostics);
        let high = literal(upper, self.ty, &self.what, diagnostics);
        let (low, high) = (low?, high?);
        if compare(&low, &high) == Some(Ordering::Greater) {
            let message = "the first value lies above the second";
            diagnostics.push(REVERSED_BOUNDS.at(written.span, message).hint("exchange them"));
            return None;
        }
        Some(Test::Between(low, high))
    }

    fn list(
        &self,
        key: &str,
        written: &Spanned<Vec<Scalar>>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Vec<Literal>> {
        if written.value.is_empty() {
            let message = format!("`{key}` has no values in it");
            diagnostics.push(EMPTY_LIST.at(written.span, message).hint("add a value, or leave it out"));
            return None;
        }
        let done: Vec<Literal> =
            written.value.iter().filter_map(|v| literal(v, self.ty, &self.what, diagnostics)).collect();
        (done.len() == written.value.len()).then_some(done)
    }

    fn like(&self, pattern: &Text, diagnostics: &mut Vec<Diagnostic>) -> Option<Test> {
        if *self.ty == SqlType::Text || self.ty.is_open() {
            return Some(Test::Like(pattern.as_str().to_owned()));
        }
        let message = format!("{} is {}, but `like` is for text", self.what, self.ty);
        diagnostics.push(TEST_TYPE.at(pattern.span(), message));
        None
    }

    fn contains(&self, value: &Scalar, diagnostics: &mut Vec<Diagnostic>) -> Option<Test> {
        let element = match self.ty {
            SqlType::List(element) => element.as_ref(),
            ty if *ty == SqlType::Text || ty.is_open() => ty,
            _ => {
                let message = format!("{} is {}, but `contains` is for text and lists", self.what, self.ty);
                diagnostics.push(TEST_TYPE.at(value.span(), message));
                return None;
            }
        };
        literal(value, element, &self.what, diagnostics).map(Test::Contains)
    }
}

/// Reports tests that exclude each other.
fn contradictions(written: &TraitTest, tests: &[Test], diagnostics: &mut Vec<Diagnostic>) -> Option<()> {
    let mut lower: Option<(&Literal, bool)> = None;
    let mut upper: Option<(&Literal, bool)> = None;
    let mut is_null = false;
    for test in tests {
        let (low, high) = match test {
            Test::Eq(v) => (Some((v, true)), Some((v, true))),
            Test::Gt(v) => (Some((v, false)), None),
            Test::Gte(v) => (Some((v, true)), None),
            Test::Lt(v) => (None, Some((v, false))),
            Test::Lte(v) => (None, Some((v, true))),
            Test::Between(a, b) => (Some((a, true)), Some((b, true))),
            Test::IsNull(true) => {
                is_null = true;
                (None, None)
            }
            _ => (None, None),
        };
        lower = stricter(lower, low, Ordering::Greater);
        upper = stricter(upper, high, Ordering::Less);
    }
    let empty = match (lower, upper) {
        (Some((low, low_in)), Some((high, high_in))) => match compare(low, high) {
            Some(Ordering::Greater) => true,
            Some(Ordering::Equal) => !(low_in && high_in),
            _ => false,
        },
        _ => false,
    };
    if empty || (is_null && tests.len() > 1) {
        let message = format!("no value of `{}` passes all of these tests", written.name.as_str());
        diagnostics.push(CONTRADICTION.at(written.name.span(), message).hint("put alternatives under `any`"));
        return None;
    }
    Some(())
}

fn stricter<'a>(
    a: Option<(&'a Literal, bool)>,
    b: Option<(&'a Literal, bool)>,
    wins: Ordering,
) -> Option<(&'a Literal, bool)> {
    match (a, b) {
        (Some(x), Some(y)) => match compare(y.0, x.0) {
            Some(order) if order == wins => Some(y),
            Some(Ordering::Equal) => Some((x.0, x.1 && y.1)),
            _ => Some(x),
        },
        (x, y) => x.or(y),
    }
}

//! Comparisons of two records.
//!
//! A comparison has levels, the most alike first; a pair is at the first level that holds, or at `else`. `as` stands for levels that
//! suit what a column holds: `name`, `date_of_birth`, `email`, `postcode`, `address`. A pair of which one value is missing is at no
//! level: the comparison says nothing of it.

use kinfold_base::{Column, Diagnostic, Span, SqlType};
use kinfold_sql::{Context, parse_expr, type_expr};

use super::durations::duration;
use super::matching::{pair_scope, probability};
use crate::ast::{self, ReadyComparison, Scalar, Spanned, Text};
use crate::parse::Parsed;
use crate::project::{Comparison, Level, LevelTest};
use crate::rule::Rule;
use crate::tables::near_or_all;

pub(crate) const RULES: &[&Rule] = &[
    &COMPARISON_BODY,
    &COMPARISON_TYPE,
    &UNKNOWN_MATCH_COLUMN,
    &BAD_LEVEL,
    &UNREACHABLE_LEVEL,
    &UNUSED_TERM_FREQUENCY,
    &DUPLICATE_COMPARISON,
    &NO_COMPARISONS,
];

pub(crate) const COMPARISON_BODY: Rule =
    Rule::error("comparison-body", "a comparison has neither `as` nor `levels`, or both, or no column");
pub(crate) const COMPARISON_TYPE: Rule =
    Rule::error("comparison-type", "a level does not go with the type of what it compares");
pub(crate) const UNKNOWN_MATCH_COLUMN: Rule =
    Rule::error("unknown-match-column", "a name is no column of the records under `match`");
pub(crate) const BAD_LEVEL: Rule = Rule::error("bad-level", "the number of a level cannot be right");
pub(crate) const UNREACHABLE_LEVEL: Rule =
    Rule::warning("unreachable-level", "no pair comes to a level, as an earlier one holds of all that it holds of");
pub(crate) const UNUSED_TERM_FREQUENCY: Rule =
    Rule::warning("unused-term-frequency", "`term_frequency` without a level that it adjusts");
pub(crate) const DUPLICATE_COMPARISON: Rule = Rule::error("duplicate-comparison", "two comparisons have the same name");
pub(crate) const NO_COMPARISONS: Rule = Rule::error("no-comparisons", "records are compared in nothing");

/// Resolves all comparisons. `place`: where it is reported that there are none.
pub(crate) fn check(
    written: &[ast::Comparison],
    columns: &[Column],
    place: Span,
    parsed: &Parsed,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Comparison>> {
    let done: Vec<Option<Comparison>> = written.iter().map(|c| one(c, columns, place, parsed, diagnostics)).collect();
    if written.is_empty() && !parsed.has_gaps {
        let hint =
            "list under `match.comparisons` what two records are compared in, as in `{column: last_name, as: name}`";
        diagnostics.push(NO_COMPARISONS.at(place, "no `comparisons` say how records are compared").hint(hint));
    }
    let done: Option<Vec<Comparison>> = done.into_iter().collect();
    let done = done?;
    let mut whole = !done.is_empty();
    for (i, comparison) in done.iter().enumerate() {
        if let Some(first) = done[..i].iter().find(|other| other.name == comparison.name) {
            let message = format!("there is already a comparison `{}`", comparison.name);
            let diagnostic = DUPLICATE_COMPARISON.at(comparison.span, message).label(first.span, "the first one");
            diagnostics.push(diagnostic.hint("give it another `name`"));
            whole = false;
        }
    }
    whole.then_some(done)
}

fn one(
    written: &ast::Comparison,
    columns: &[Column],
    place: Span,
    parsed: &Parsed,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Comparison> {
    let named = written.name.as_ref().or(written.column.as_ref());
    let span = named.map_or(place, Text::span);
    let Some(name) = named else {
        diagnostics.push(COMPARISON_BODY.at(span, "a comparison has no column").hint("name a `column`, or a `name`"));
        return None;
    };
    let compared = match &written.column {
        Some(text) => Some(column(text, columns, parsed, diagnostics)?),
        None => None,
    };
    let levels = match (written.ready, written.levels.as_slice()) {
        (Some(ready), []) => {
            let Some(index) = compared else {
                let message = format!("the comparison `{}` has no column", name.as_str());
                diagnostics.push(COMPARISON_BODY.at(span, message).hint("name a `column`"));
                return None;
            };
            ready_levels(ready, index, columns, span, diagnostics)?
        }
        (None, all @ [_, ..]) => {
            let levels: Vec<Option<Level>> =
                all.iter().map(|level| self::level(level, compared, columns, parsed, diagnostics)).collect();
            let levels: Option<Vec<Level>> = levels.into_iter().collect();
            let levels = levels?;
            unreachable(&levels, all, diagnostics);
            if written.term_frequency == Some(true) && !levels.iter().any(|level| level.test == LevelTest::Exact) {
                let message =
                    format!("the comparison `{}` has no level `exact`, and no other is adjusted", name.as_str());
                let hint = "begin its `levels` with `exact`, or leave `term_frequency` away";
                diagnostics.push(UNUSED_TERM_FREQUENCY.at(span, message).hint(hint));
            }
            levels
        }
        (None, []) if parsed.has_gaps => return None,
        (given, _) => {
            let what = if given.is_some() { "both `as` and `levels`" } else { "neither `as` nor `levels`" };
            let message = format!("the comparison `{}` has {what}", name.as_str());
            diagnostics.push(COMPARISON_BODY.at(span, message).hint("give it one of them"));
            return None;
        }
    };
    Some(Comparison {
        name: name.as_str().to_owned(),
        column: compared,
        levels,
        term_frequency: written.term_frequency.unwrap_or(written.ready == Some(ReadyComparison::Name)),
        span,
    })
}

/// Tells of levels that an earlier one leaves nothing to.
fn unreachable(levels: &[Level], written: &[Spanned<ast::Level>], diagnostics: &mut Vec<Diagnostic>) {
    for (i, (level, at)) in levels.iter().zip(written).enumerate() {
        if let Some(earlier) = (0..i).find(|earlier| holds_wherever(&levels[*earlier].test, &level.test)) {
            let message = format!("no pair comes to `{}`: wherever it holds, so does an earlier level", level.label);
            let diagnostic = UNREACHABLE_LEVEL.at(at.span, message).label(written[earlier].span, "this one");
            diagnostics.push(diagnostic.hint("list the levels that are most alike first"));
        }
    }
}

/// Whether one test holds wherever another one does, as far as that is plain.
fn holds_wherever(one: &LevelTest, other: &LevelTest) -> bool {
    use LevelTest::{
        DamerauLevenshtein, Difference, Distance, Exact, Intersect, Jaro, JaroWinkler, Levenshtein, Prefix, Within,
    };
    let is_no_more = |a: &str, b: &str| a.parse::<f64>().ok().zip(b.parse::<f64>().ok()).is_some_and(|(a, b)| a <= b);
    match (one, other) {
        (JaroWinkler(_) | Jaro(_) | Levenshtein(_) | DamerauLevenshtein(_) | Within(_) | Difference(_), Exact) => true,
        (JaroWinkler(one), JaroWinkler(other) | Jaro(other)) | (Jaro(one), Jaro(other)) => is_no_more(one, other),
        (Levenshtein(one), Levenshtein(other))
        | (DamerauLevenshtein(one), DamerauLevenshtein(other) | Levenshtein(other)) => one >= other,
        (Within(one), Within(other)) => one >= other,
        (Difference(one), Difference(other)) => is_no_more(other, one),
        (
            Distance { latitude, longitude, km },
            Distance { latitude: latitude_2, longitude: longitude_2, km: other },
        ) => (latitude, longitude) == (latitude_2, longitude_2) && is_no_more(other, km),
        (Prefix(one), Prefix(other)) | (Intersect(one), Intersect(other)) => one <= other,
        _ => one == other,
    }
}

fn column(text: &Text, columns: &[Column], parsed: &Parsed, diagnostics: &mut Vec<Diagnostic>) -> Option<usize> {
    let found = columns.iter().position(|column| column.name == text.as_str());
    if found.is_none() && !parsed.has_gaps {
        let message = format!("no record has a column `{}`", text.as_str());
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let hint = near_or_all(text.as_str(), &names, 50);
        diagnostics.push(UNKNOWN_MATCH_COLUMN.at(text.span(), message).hint_opt(hint));
    }
    found
}

/// A level that is called what it is, so that another test is another level.
fn plain(test: LevelTest, columns: &[Column]) -> Level {
    let name = |index: &usize| columns[*index].name.as_str();
    let label = match &test {
        LevelTest::Exact => "exact".to_owned(),
        LevelTest::DayMonthSwapped => "day_month_swapped".to_owned(),
        LevelTest::JaroWinkler(least) => format!("jaro_winkler {least}"),
        LevelTest::Jaro(least) => format!("jaro {least}"),
        LevelTest::Levenshtein(most) => format!("levenshtein {most}"),
        LevelTest::DamerauLevenshtein(most) => format!("damerau_levenshtein {most}"),
        LevelTest::Within(most) => format!("within {}", span_of(most.as_secs())),
        LevelTest::Difference(most) => format!("difference {most}"),
        LevelTest::Distance { latitude, longitude, km } => {
            format!("distance {km} km of {}, {}", name(latitude), name(longitude))
        }
        LevelTest::Prefix(count) => format!("prefix {count}"),
        LevelTest::Until(mark) => format!("until {mark}"),
        LevelTest::Intersect(count) => format!("intersect {count}"),
        LevelTest::Swapped(other) => format!("swapped {}", name(other)),
        LevelTest::Sql(_) => "sql".to_owned(),
    };
    Level { label, test }
}

/// A length of time as projects write it, in the largest unit that gives a whole number.
fn span_of(seconds: i64) -> String {
    let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm')];
    let unit = units.into_iter().find(|(length, _)| seconds % length == 0);
    unit.map_or_else(|| format!("{seconds}s"), |(length, unit)| format!("{}{unit}", seconds / length))
}

fn ready_levels(
    ready: ReadyComparison,
    index: usize,
    columns: &[Column],
    span: Span,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Level>> {
    use LevelTest::{DamerauLevenshtein, DayMonthSwapped, Exact, JaroWinkler, Prefix, Until, Within};
    let alike = |least: &str| JaroWinkler(least.to_owned());
    let days = |days: i64| Within(kinfold_base::SignedDuration::from_hours(24 * days));
    let column = &columns[index];
    let is_date = column.ty.is_temporal();
    let tests = match ready {
        ReadyComparison::Name => vec![Exact, alike("0.92"), alike("0.88"), alike("0.7")],
        ReadyComparison::DateOfBirth if is_date => {
            vec![Exact, DamerauLevenshtein(1), DayMonthSwapped, days(31), days(366), days(3653)]
        }
        ReadyComparison::DateOfBirth => vec![Exact, DamerauLevenshtein(1), DamerauLevenshtein(2)],
        ReadyComparison::Email => vec![Exact, Until("@".to_owned()), alike("0.95"), alike("0.88")],
        ReadyComparison::Postcode => vec![Exact, DamerauLevenshtein(1), DamerauLevenshtein(2), Prefix(2)],
        ReadyComparison::Address => vec![Exact, alike("0.95"), alike("0.88"), alike("0.75")],
    };
    let takes_dates = ready == ReadyComparison::DateOfBirth;
    if !(column.ty == SqlType::Text || column.ty.is_open() || (takes_dates && is_date)) {
        let wanted = if takes_dates { "a date or text" } else { "text" };
        let message = format!("this compares {wanted}, but `{}` is {}", column.name, column.ty);
        diagnostics.push(COMPARISON_TYPE.at(span, message).hint("cast it: `cast(… as text)`, or write `levels`"));
        return None;
    }
    Some(tests.into_iter().map(|test| plain(test, columns)).collect())
}

fn level(
    written: &Spanned<ast::Level>,
    compared: Option<usize>,
    columns: &[Column],
    parsed: &Parsed,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Level> {
    use ast::Level as Written;
    let span = written.span;
    let test = match &written.value {
        Written::Sql(sql) => {
            let expr = parse_expr(&sql.0, diagnostics)?;
            let typed = type_expr(&sql.0, &expr, &pair_scope(columns), Context::Condition, diagnostics)?;
            return Some(Level { label: sql.0.text.clone(), test: LevelTest::Sql(typed.expr) });
        }
        Written::Distance(distance) => {
            let latitude = column(&distance.latitude, columns, parsed, diagnostics);
            let longitude = column(&distance.longitude, columns, parsed, diagnostics);
            let km = positive(&distance.km, diagnostics)?;
            let (latitude, longitude) = (latitude?, longitude?);
            for index in [latitude, longitude] {
                of_type(&columns[index], SqlType::is_numeric, "numbers", span, diagnostics)?;
            }
            return Some(plain(LevelTest::Distance { latitude, longitude, km }, columns));
        }
        Written::Swapped(other) => LevelTest::Swapped(column(other, columns, parsed, diagnostics)?),
        Written::Exact => LevelTest::Exact,
        Written::DayMonthSwapped => LevelTest::DayMonthSwapped,
        Written::JaroWinkler(least) => LevelTest::JaroWinkler(similarity(least, diagnostics)?),
        Written::Jaro(least) => LevelTest::Jaro(similarity(least, diagnostics)?),
        Written::Levenshtein(most) => LevelTest::Levenshtein(count(*most, diagnostics)?),
        Written::DamerauLevenshtein(most) => LevelTest::DamerauLevenshtein(count(*most, diagnostics)?),
        Written::Within(most) => LevelTest::Within(duration(most, diagnostics)?),
        Written::Difference(most) => LevelTest::Difference(positive(most, diagnostics)?),
        Written::Prefix(characters) => LevelTest::Prefix(count(*characters, diagnostics)?),
        Written::Until(mark) => LevelTest::Until(mark.as_str().to_owned()),
        Written::Intersect(elements) => LevelTest::Intersect(count(*elements, diagnostics)?),
    };
    let Some(compared) = compared else {
        let message = "this level compares a column, but the comparison names none";
        diagnostics.push(COMPARISON_BODY.at(span, message).hint("name a `column`"));
        return None;
    };
    let ty = &columns[compared];
    let is_text = |ty: &SqlType| *ty == SqlType::Text;
    match &test {
        LevelTest::JaroWinkler(_) | LevelTest::Jaro(_) | LevelTest::Prefix(_) | LevelTest::Until(_) => {
            of_type(ty, is_text, "text", span, diagnostics)?;
        }
        LevelTest::Levenshtein(_) | LevelTest::DamerauLevenshtein(_) => {
            let fits = |ty: &SqlType| is_text(ty) || *ty == SqlType::Integer || *ty == SqlType::Date;
            of_type(ty, fits, "text, whole numbers or dates", span, diagnostics)?;
        }
        LevelTest::Within(_) => of_type(ty, SqlType::is_temporal, "dates or times", span, diagnostics)?,
        LevelTest::DayMonthSwapped => of_type(ty, |ty| *ty == SqlType::Date, "dates", span, diagnostics)?,
        LevelTest::Difference(_) => of_type(ty, SqlType::is_numeric, "numbers", span, diagnostics)?,
        LevelTest::Intersect(_) => {
            of_type(ty, |ty| matches!(ty, SqlType::List(_)), "lists", span, diagnostics)?;
        }
        LevelTest::Swapped(other) if !columns[*other].ty.is_comparable_with(&ty.ty) => {
            let message =
                format!("`{}` is {}, but `{}` is {}", ty.name, ty.ty, columns[*other].name, columns[*other].ty);
            diagnostics.push(COMPARISON_TYPE.at(span, message).hint("cast one of them under `columns`"));
            return None;
        }
        LevelTest::Exact | LevelTest::Swapped(_) | LevelTest::Distance { .. } | LevelTest::Sql(_) => {}
    }
    Some(plain(test, columns))
}

fn of_type(
    column: &Column,
    fits: impl Fn(&SqlType) -> bool,
    wanted: &str,
    span: Span,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<()> {
    if column.ty.is_open() || fits(&column.ty) {
        return Some(());
    }
    let message = format!("this compares {wanted}, but `{}` is {}", column.name, column.ty);
    diagnostics.push(COMPARISON_TYPE.at(span, message).hint("cast it under `columns`, or choose another level"));
    None
}

fn count(written: Spanned<u64>, diagnostics: &mut Vec<Diagnostic>) -> Option<u32> {
    let count = u32::try_from(written.value).ok().filter(|count| (1..=1000).contains(count));
    if count.is_none() {
        let message = format!("`{}` is not a number from 1 to 1000", written.value);
        diagnostics.push(BAD_LEVEL.at(written.span, message).hint("write `exact` for values that are the same"));
    }
    count
}

fn similarity(scalar: &Scalar, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    // A similarity of 1 is `exact`, one of 0 holds for every pair.
    probability(scalar, diagnostics).map(|least| least.to_string())
}

fn positive(scalar: &Scalar, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    let number = scalar.as_str().parse::<f64>().ok().filter(|number| *number > 0.0 && number.is_finite());
    if number.is_none() {
        let message = format!("`{}` is not a number above 0", scalar.as_str());
        diagnostics.push(BAD_LEVEL.at(scalar.span(), message));
    }
    number.map(|number| number.to_string())
}

//! `kinfold match evaluate`: what a model is worth, by pairs of which somebody knows whether they are one.

use std::collections::BTreeMap;

use kinfold_base::ProgressEvent;
use kinfold_engine::RunContext;
use kinfold_lang::project::{Entity, Match, MatchModel};
use kinfold_matching::model::{probability_of, weight_of};
use kinfold_plan::Query;
use kinfold_plan::matching::{self, BUCKET, Mistake};
use serde::Serialize;
use serde_json::{Map, Value};

use super::labels::{LabelCounts, LabelledValue, count};
use super::records;
use super::train::find;
use crate::rows::{each_row, number};
use crate::{AppError, Ready};

/// As many mistakes of each kind are told.
const EXAMPLES: u32 = 10;

/// What a model is worth.
#[derive(Debug, Clone, Serialize)]
pub struct EvaluateReport {
    pub entity: String,
    pub labels: LabelCounts,
    /// Whether every pair that is not labelled is known not to match.
    pub complete: bool,
    /// If all pairs were linked that are at least as likely as `accept` says.
    pub accept: Quality,
    /// If those were linked, too, that are kept for people to look at: at least as likely as `review` says.
    pub review: Quality,
    /// Where F1 is largest.
    pub best: Quality,
    /// From the lightest to the heaviest.
    pub curve: Vec<Quality>,
    /// Labelled pairs that match, by the first rule that compares them.
    pub rules: Vec<RuleQuality>,
    /// Labelled pairs that match and that no rule compares: no threshold finds them.
    pub not_compared: u64,
    /// Labels that say nothing here: of records that are not there, or that `pairs` does not compare, or that contradict themselves.
    pub unused: u64,
    pub mistakes: Vec<WrongPair>,
    /// What is in doubt of the labels.
    pub problems: Vec<String>,
}

/// What comes of a threshold. Of pairs that no rule compares, those that match are missed.
#[derive(Debug, Clone, Serialize)]
pub struct Quality {
    /// In bits, and as a probability.
    pub weight: f64,
    pub probability: f64,
    pub true_positives: u64,
    pub false_positives: u64,
    pub false_negatives: u64,
    /// The share of linked pairs that match; none where none are linked.
    pub precision: Option<f64>,
    /// The share of pairs that match that are linked; none where none match.
    pub recall: Option<f64>,
    /// The harmonic mean of the two.
    pub f1: Option<f64>,
}

/// How many labelled pairs that match a rule compares.
#[derive(Debug, Clone, Serialize)]
pub struct RuleQuality {
    pub rule: String,
    /// Without those of rules before it.
    pub matches: u64,
}

/// A labelled pair of which the model says the contrary.
#[derive(Debug, Clone, Serialize)]
pub struct WrongPair {
    pub kind: Mistake,
    pub a: LabelledValue,
    pub b: LabelledValue,
    /// In bits.
    pub weight: f64,
    pub probability: f64,
}

/// Labelled pairs of one weight, or from one weight on.
#[derive(Debug, Clone, Copy, Default)]
struct Class {
    matches: u64,
    others: u64,
}

impl Class {
    fn add(&mut self, is_match: bool, pairs: u64) {
        *(if is_match { &mut self.matches } else { &mut self.others }) += pairs;
    }

    /// Every other pair of so many that are compared is a wrong one.
    fn with_all(self, compared: u64) -> Self {
        Self { others: compared.saturating_sub(self.matches), ..self }
    }
}

/// Holds labels against the model that was learned.
///
/// # Errors
/// When there is no such entity, or nothing was learned or labelled, or tables cannot be read.
pub async fn match_evaluate(ready: &Ready, entity: Option<&str>) -> Result<EvaluateReport, AppError> {
    let (entity, matching) = find(ready, entity)?;
    let model = learned(entity, matching)?;
    if matching.labels.is_none() {
        let hint = "write them under `match`, as in `labels: {table: crm.labels, pair: [{crm_id: left_id}, {crm_id: right_id}], match: same}`";
        return Err(AppError::input(format!("the `match` of `{}` has no `labels`", entity.name)).hint(hint));
    }
    let run = records::run_of(ready);
    ready.open_previous().await?;
    let report = async {
        records::make(ready, &run, &matching::records_of_rules(entity, matching)).await?;
        records::check_bound(ready, entity, matching).await?;
        evaluate(ready, &run, entity, matching, model, None).await
    };
    let report = report.await;
    ready.engine.discard(&run).await?;
    report
}

/// What was learned.
pub(super) fn learned<'a>(entity: &Entity, matching: &'a Match) -> Result<&'a MatchModel, AppError> {
    matching.model.as_ref().ok_or_else(|| {
        AppError::input(format!("nothing was learned yet for the `match` of `{}`", entity.name))
            .hint(format!("run `kinfold match train {}`", entity.name))
    })
}

/// As [`match_evaluate`], over records that were made. `compared`: how all pairs that are compared are spread, where that is known.
pub(super) async fn evaluate(
    ready: &Ready,
    run: &RunContext,
    entity: &Entity,
    matching: &Match,
    model: &MatchModel,
    compared: Option<&Spread>,
) -> Result<EvaluateReport, AppError> {
    let engine = ready.engine.as_ref();
    let missing = || AppError::input(format!("the `match` of `{}` has no `labels`", entity.name));
    let labels = matching::labels(entity, matching).ok_or_else(missing)?;
    let spread = matching::labelled_weights(entity, matching, model).ok_or_else(missing)?;
    run.progress.on(ProgressEvent::Started { task: "labels", total_rows: None });
    let counts = count(engine, &labels).await?;
    let given = counts.matches + counts.others;
    run.progress.on(ProgressEvent::Finished { task: "labels", rows: given, note: None });
    if given == 0 {
        return Err(AppError::input("there are no labels").hint("look at the table under `match.labels`"));
    }

    let mut classes: BTreeMap<i64, Class> = BTreeMap::new();
    let mut likely = Class::default();
    let mut rules = vec![0_u64; matching.block_on.len()];
    let (mut not_compared, mut used) = (0, 0);
    each_row(engine, &spread, |row| {
        let (pairs, is_match) = (number(&row, "pairs"), row.get("_is_match").and_then(Value::as_bool) == Some(true));
        used += pairs;
        let Some(rule) = row.get("_rule").and_then(Value::as_u64) else {
            not_compared += if is_match { pairs } else { 0 };
            return;
        };
        classes.entry(bucket(&row)).or_default().add(is_match, pairs);
        if is_likely(&row) {
            likely.add(is_match, pairs);
        }
        if let (true, Some(of_rule)) = (is_match, rules.get_mut(usize::try_from(rule).unwrap_or(usize::MAX))) {
            *of_rule += pairs;
        }
    })
    .await?;
    let complete = matching.labels.as_ref().is_some_and(|labels| labels.complete);
    if complete {
        let known = match compared {
            Some(known) => known.clone(),
            None => all_compared(ready, run, entity, matching, model).await?,
        };
        for bucket in known.classes.keys() {
            classes.entry(*bucket).or_default();
        }
        for (bucket, class) in &mut classes {
            *class = class.with_all(known.classes.get(bucket).copied().unwrap_or_default());
        }
        likely = likely.with_all(known.likely);
    }

    let base = weight_of(matching.accept);
    let curve = curve(&classes, base, not_compared);
    let all = all_matches(&classes) + not_compared;
    let none = Quality::new(f64::INFINITY, Class::default(), all);
    let linked = curve.iter().find(|q| q.weight >= base - 1e-9).unwrap_or(&none).clone();
    let best =
        curve.iter().filter(|q| q.f1.is_some()).max_by(|a, b| a.f1.unwrap_or(0.0).total_cmp(&b.f1.unwrap_or(0.0)));
    let mut mistakes = vec![];
    for kind in Mistake::ALL {
        let Some(query) = matching::mistakes(entity, matching, model, kind, EXAMPLES) else { continue };
        each_row(engine, &query, |row| mistakes.push(wrong_pair(kind, &row))).await?;
    }
    let mut problems: Vec<String> = counts.problem().into_iter().collect();
    if counts.matches == 0 {
        problems.push("no label says that two records match, so that recall is unknown".to_owned());
    }
    if counts.others == 0 && !complete {
        problems.push(
            "no label says that two records do not match, so that precision is unknown: label some, or say `complete: true`"
                .to_owned(),
        );
    }
    Ok(EvaluateReport {
        entity: entity.name.clone(),
        complete,
        accept: Quality { weight: base, probability: matching.accept, ..linked },
        review: Quality { probability: matching.review, ..Quality::new(weight_of(matching.review), likely, all) },
        best: best.unwrap_or(&none).clone(),
        curve,
        rules: matching
            .block_on
            .iter()
            .zip(rules)
            .map(|(rule, matches)| RuleQuality { rule: rule.label.clone(), matches })
            .collect(),
        not_compared,
        unused: given.saturating_sub(used),
        labels: counts,
        mistakes,
        problems,
    })
}

/// How all pairs that are compared are spread over weights.
#[derive(Debug, Clone, Default)]
pub(super) struct Spread {
    /// How many pairs are in each bucket.
    pub(super) classes: BTreeMap<i64, u64>,
    /// How many are as likely as `review` says.
    pub(super) likely: u64,
}

impl Spread {
    pub(super) fn add(&mut self, class: ComparedClass) {
        *self.classes.entry(class.bucket).or_default() += class.pairs;
        self.likely += if class.is_likely { class.pairs } else { 0 };
    }
}

async fn all_compared(
    ready: &Ready,
    run: &RunContext,
    entity: &Entity,
    matching: &Match,
    model: &MatchModel,
) -> Result<Spread, AppError> {
    let mut spread = Spread::default();
    for (query, rule) in matching::compared_weights(entity, matching, model).iter().zip(&matching.block_on) {
        for class in spread_of(ready, run, &rule.label, query).await? {
            spread.add(class);
        }
    }
    Ok(spread)
}

/// Pairs of about one weight.
#[derive(Debug, Clone, Copy)]
pub(super) struct ComparedClass {
    pub(super) bucket: i64,
    /// They are as likely as `review` says.
    pub(super) is_likely: bool,
    pub(super) pairs: u64,
}

/// How the pairs of a rule are spread.
pub(super) async fn spread_of(
    ready: &Ready,
    run: &RunContext,
    rule: &str,
    query: &Query,
) -> Result<Vec<ComparedClass>, AppError> {
    run.progress.on(ProgressEvent::Started { task: rule, total_rows: None });
    let mut found = vec![];
    each_row(ready.engine.as_ref(), query, |row| {
        found.push(ComparedClass { bucket: bucket(&row), is_likely: is_likely(&row), pairs: number(&row, "pairs") });
    })
    .await?;
    run.progress.on(ProgressEvent::Finished {
        task: rule,
        rows: found.iter().map(|class| class.pairs).sum(),
        note: None,
    });
    Ok(found)
}

/// The lightest weight of a bucket, in bits. `accept` is the weight of the threshold.
#[expect(clippy::cast_precision_loss, reason = "weights are a few dozen bits")]
pub(super) fn edge(accept: f64, bucket: i64) -> f64 {
    accept + bucket as f64 * BUCKET
}

fn bucket(row: &Map<String, Value>) -> i64 {
    row.get("_bucket").and_then(Value::as_i64).unwrap_or_default()
}

fn is_likely(row: &Map<String, Value>) -> bool {
    row.get("_is_likely").and_then(Value::as_bool) == Some(true)
}

fn all_matches(classes: &BTreeMap<i64, Class>) -> u64 {
    classes.values().map(|class| class.matches).sum()
}

/// What comes of each threshold, from the lightest to the heaviest.
fn curve(classes: &BTreeMap<i64, Class>, accept: f64, not_compared: u64) -> Vec<Quality> {
    let all = all_matches(classes) + not_compared;
    let mut linked = Class::default();
    let mut curve: Vec<Quality> = classes
        .iter()
        .rev()
        .map(|(bucket, class)| {
            linked.matches += class.matches;
            linked.others += class.others;
            Quality::new(edge(accept, *bucket), linked, all)
        })
        .collect();
    curve.reverse();
    curve
}

#[expect(clippy::cast_precision_loss, reason = "shares of counts: no count of pairs comes near 2^52")]
impl Quality {
    /// `all`: all pairs that match.
    fn new(weight: f64, linked: Class, all: u64) -> Self {
        let share = |of: u64, all: u64| (all > 0).then(|| of as f64 / all as f64);
        let missed = all.saturating_sub(linked.matches);
        let precision = share(linked.matches, linked.matches + linked.others);
        let recall = share(linked.matches, all);
        Self {
            weight,
            probability: probability_of(weight),
            true_positives: linked.matches,
            false_positives: linked.others,
            false_negatives: missed,
            precision,
            recall,
            f1: share(2 * linked.matches, 2 * linked.matches + linked.others + missed),
        }
    }
}

fn wrong_pair(kind: Mistake, row: &Map<String, Value>) -> WrongPair {
    let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let side = |identifier, value| LabelledValue { identifier: text(identifier), value: text(value) };
    let weight = row.get("_weight").and_then(Value::as_f64).unwrap_or_default();
    WrongPair {
        kind,
        a: side("_identifier_l", "_value_l"),
        b: side("_identifier_r", "_value_r"),
        weight,
        probability: probability_of(weight),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_counts_what_is_at_least_as_heavy() {
        let class = |matches, others| Class { matches, others };
        let classes = [(-2, class(1, 6)), (0, class(3, 1)), (5, class(4, 0))].into();
        let curve = curve(&classes, 3.0, 2);
        let counts: Vec<_> =
            curve.iter().map(|q| (q.weight, q.true_positives, q.false_positives, q.false_negatives)).collect();
        assert_eq!(counts, [(2.0, 8, 7, 2), (3.0, 7, 1, 3), (5.5, 4, 0, 6)]);
        assert_eq!((curve[1].precision, curve[1].recall, curve[1].f1), (Some(0.875), Some(0.7), Some(14.0 / 18.0)));
        let nothing = Quality::new(0.0, class(0, 0), 0);
        assert_eq!((nothing.precision, nothing.recall, nothing.f1), (None, None, None));
    }
}

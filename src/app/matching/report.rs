//! `kinfold match report`: what was learned and what came of it, as data for a page with charts.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kinfold_base::Timestamp;
use kinfold_engine::RunContext;
use kinfold_lang::project::{Entity, EntityTable, Linkage, Match, MatchModel};
use kinfold_matching::model::{probability_of, weight_of};
use kinfold_plan::matching::report::{self, Sample};
use kinfold_plan::matching::{self, BUCKET};
use serde::Serialize;
use serde_json::{Map, Value};

use super::evaluate::{Classes, EvaluateReport, edge, evaluate, learned, spread_of};
use super::labels::LabelledValue;
use super::records;
use super::train::{TrainedComparison, find, trained_comparisons};
use crate::explain::{Explained, ExplainedEdge, ExplainedValue, explain};
use crate::rows::{each_row, number, text};
use crate::{AppError, Ready};

/// So many pairs of each kind are shown.
const PAIRS: u32 = 15;
/// So many profiles are shown, and none with more records.
const PROFILES: u32 = 8;
const MOST_RECORDS: u32 = 60;

/// A page's data. Weights are in bits.
#[derive(Debug, Clone, Serialize)]
pub struct MatchReport {
    pub entity: String,
    pub made_at: Timestamp,
    pub version: &'static str,
    /// How likely it is that two random records match.
    pub probability: f64,
    pub accept: f64,
    pub review: f64,
    /// `any`, `average` or `complete`.
    pub linkage: &'static str,
    pub one_to_one: bool,
    pub tables: Vec<ReportTable>,
    pub columns: Vec<ReportColumn>,
    pub comparisons: Vec<TrainedComparison>,
    pub rules: Vec<ReportRule>,
    /// How wide the classes of `weights` are.
    pub bucket: f64,
    pub weights: Vec<ReportWeight>,
    /// How many pairs were compared, how many of them are as likely as `accept`, and how many others as likely as `review`.
    pub compared: u64,
    pub linked: u64,
    pub to_review: u64,
    pub labels: Option<ReportLabels>,
    /// Matched pairs of the last run that were not linked.
    pub refused: Vec<ReportRefused>,
    /// Profiles of the last run that matches hold together.
    pub sizes: Vec<ReportSize>,
    pub pairs: Vec<ReportPair>,
    pub profiles: Vec<ReportProfile>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReportTable {
    pub table: String,
    pub records: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReportColumn {
    pub column: String,
    /// How many records of each table have a value.
    pub filled: Vec<u64>,
    /// How many values there are.
    pub distinct: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReportRule {
    pub rule: String,
    /// How many pairs agree in it; those that no rule before it finds, and of these those that are as likely as `accept`.
    pub pairs: u64,
    pub new: u64,
    pub linked: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReportWeight {
    /// The lightest of the class.
    pub weight: f64,
    pub pairs: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReportLabels {
    pub matches: u64,
    pub others: u64,
    pub complete: bool,
    /// Pairs that match and that no rule compares.
    pub missed: u64,
    pub curve: Vec<ReportPoint>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReportPoint {
    pub weight: f64,
    pub true_positives: u64,
    pub false_positives: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReportRefused {
    pub rule: String,
    pub edges: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReportSize {
    pub records: u64,
    pub profiles: u64,
}

/// Two records side by side, and what makes them likely to match.
#[derive(Debug, Clone, Serialize)]
pub struct ReportPair {
    pub weight: f64,
    pub probability: f64,
    /// They are of one profile by the last run.
    pub linked: bool,
    /// What somebody knows of them.
    pub label: Option<bool>,
    pub a: LabelledValue,
    pub b: LabelledValue,
    pub columns: Vec<ReportValues>,
    pub prior: f64,
    pub parts: Vec<ReportPart>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReportValues {
    pub column: String,
    pub a: Value,
    pub b: Value,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReportPart {
    pub comparison: String,
    /// None if a value is missing.
    pub level: Option<String>,
    pub weight: f64,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReportProfile {
    pub profile_id: String,
    /// Its values, and those that were refused.
    pub records: Vec<LabelledValue>,
    pub edges: Vec<ReportEdge>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReportEdge {
    /// Indices into [`ReportProfile::records`].
    pub a: usize,
    pub b: usize,
    pub kind: ReportEdgeKind,
    pub weight: Option<f64>,
    pub probability: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportEdgeKind {
    /// Rows or a pin say so.
    Rows,
    Match,
    Refused,
}

/// An index into [`Entity::identifiers`], and a value.
type Id = (usize, String);

/// Collects what the page tells. It compares all pairs once, as a full run does.
///
/// # Errors
/// When there is no such entity, or nothing was learned, or tables cannot be read.
pub async fn match_report(ready: &Ready, entity: Option<&str>) -> Result<MatchReport, AppError> {
    let (entity, matching) = find(ready, entity)?;
    let model = learned(entity, matching)?;
    let run = records::run_of(ready);
    let gaps = ready.open_tables().await?;
    let needed = [EntityTable::Identifiers, EntityTable::Conflicts, EntityTable::Matches, EntityTable::Review];
    let has_run = needed.iter().all(|table| gaps.iter().all(|gap| gap.table != table.of(&entity.name)));
    let collect = Collect { ready, run: &run, entity, matching, model, has_run };
    let report = async {
        records::make(ready, &run, &matching::records_of_rules(entity, matching)).await?;
        collect.report().await
    };
    let report = report.await;
    ready.engine.discard(&run).await?;
    report
}

struct Collect<'a> {
    ready: &'a Ready,
    run: &'a RunContext,
    entity: &'a Entity,
    matching: &'a Match,
    model: &'a MatchModel,
    /// The last run matched.
    has_run: bool,
}

impl Collect<'_> {
    async fn report(&self) -> Result<MatchReport, AppError> {
        let Self { ready, matching, model, .. } = self;
        let (tables, columns) = self.contents().await?;
        let (rules, spread) = self.rules().await?;
        let labels = match &matching.labels {
            Some(_) => Some(evaluate(ready, self.run, self.entity, matching, model, Some(&spread.classes)).await?),
            None => None,
        };
        let pairs = self.pairs(labels.as_ref()).await?;
        let base = weight_of(matching.accept);
        let weights =
            spread.classes.iter().map(|(bucket, pairs)| ReportWeight { weight: edge(base, *bucket), pairs: *pairs });
        Ok(MatchReport {
            entity: self.entity.name.clone(),
            made_at: self.run.as_of,
            version: env!("CARGO_PKG_VERSION"),
            probability: model.prior,
            accept: matching.accept,
            review: matching.review,
            linkage: match matching.linkage {
                Linkage::Any => "any",
                Linkage::Average => "average",
                Linkage::Complete => "complete",
            },
            one_to_one: matching.one_to_one,
            tables,
            columns,
            comparisons: trained_comparisons(matching, &model.levels),
            rules,
            bucket: BUCKET,
            weights: weights.collect(),
            compared: spread.classes.values().sum(),
            linked: spread.linked,
            to_review: spread.likely - spread.linked,
            labels: labels.as_ref().map(labels_of),
            refused: self.refused().await?,
            sizes: self.sizes().await?,
            pairs,
            profiles: self.profiles().await?,
        })
    }

    async fn contents(&self) -> Result<(Vec<ReportTable>, Vec<ReportColumn>), AppError> {
        let engine = self.ready.engine.as_ref();
        let column = |c: &kinfold_base::Column| ReportColumn {
            column: c.name.clone(),
            filled: vec![0; self.matching.tables.len()],
            distinct: 0,
        };
        let mut columns: Vec<ReportColumn> = self.matching.columns.iter().map(column).collect();
        let table = |t: &kinfold_lang::project::MatchTable| ReportTable { table: t.table.to_string(), records: 0 };
        let mut tables: Vec<ReportTable> = self.matching.tables.iter().map(table).collect();
        each_row(engine, &report::filled(self.entity, self.matching), |row| {
            let part = usize::try_from(number(&row, "part")).unwrap_or(usize::MAX);
            let Some(table) = tables.get_mut(part) else { return };
            table.records = number(&row, "records");
            for (i, column) in columns.iter_mut().enumerate() {
                column.filled[part] = number(&row, &format!("filled_{i}"));
            }
        })
        .await?;
        for (query, column) in report::distinct(self.entity, self.matching).iter().zip(&mut columns) {
            each_row(engine, query, |row| column.distinct = number(&row, "values")).await?;
        }
        Ok((tables, columns))
    }

    async fn rules(&self) -> Result<(Vec<ReportRule>, Spread), AppError> {
        let mut spread = Spread::default();
        let mut rules = vec![];
        let queries = matching::compared_weights(self.entity, self.matching, self.model);
        let agreeing = report::agreeing(self.entity, self.matching);
        for ((query, agreeing), rule) in queries.iter().zip(&agreeing).zip(&self.matching.block_on) {
            let mut pairs = 0;
            each_row(self.ready.engine.as_ref(), agreeing, |row| pairs = number(&row, "pairs")).await?;
            let (mut new, mut linked) = (0, 0);
            for class in spread_of(self.ready, self.run, &rule.label, query).await? {
                new += class.pairs;
                linked += if class.bucket >= 0 { class.pairs } else { 0 };
                spread.likely += if class.is_likely { class.pairs } else { 0 };
                *spread.classes.entry(class.bucket).or_default() += class.pairs;
            }
            spread.linked += linked;
            rules.push(ReportRule { rule: rule.label.clone(), pairs, new, linked });
        }
        Ok((rules, spread))
    }

    async fn refused(&self) -> Result<Vec<ReportRefused>, AppError> {
        let mut refused = vec![];
        if self.has_run {
            let query = report::refused(self.entity);
            let told =
                |row: Map<String, Value>| ReportRefused { rule: text(&row, "rule"), edges: number(&row, "edges") };
            each_row(self.ready.engine.as_ref(), &query, |row| refused.push(told(row))).await?;
        }
        Ok(refused)
    }

    async fn sizes(&self) -> Result<Vec<ReportSize>, AppError> {
        let mut sizes = vec![];
        if self.has_run {
            each_row(self.ready.engine.as_ref(), &report::sizes(self.entity, self.matching), |row| {
                sizes.push(ReportSize { records: number(&row, "records"), profiles: number(&row, "profiles") });
            })
            .await?;
        }
        Ok(sizes)
    }

    /// Pairs from both sides of the threshold, some that are linked, and those in which the model is wrong.
    async fn pairs(&self, labels: Option<&EvaluateReport>) -> Result<Vec<ReportPair>, AppError> {
        let engine = self.ready.engine.as_ref();
        let mut wanted: BTreeSet<[Id; 2]> = BTreeSet::new();
        for sample in [Sample::JustLinked, Sample::JustNotLinked, Sample::Linked] {
            if self.has_run {
                each_row(engine, &report::sample(self.entity, sample, PAIRS), |row| {
                    let id = |side: &str| {
                        self.id(&text(&row, &format!("identifier_{side}")), text(&row, &format!("value_{side}")))
                    };
                    wanted.extend(id("a").zip(id("b")).map(|(a, b)| [a, b]));
                })
                .await?;
            }
        }
        for wrong in labels.iter().flat_map(|labels| &labels.mistakes) {
            let id = |value: &LabelledValue| self.id(&value.identifier, value.value.clone());
            wanted.extend(id(&wrong.a).zip(id(&wrong.b)).map(|(a, b)| [a, b]));
        }
        let wanted: Vec<[Id; 2]> = wanted.into_iter().collect();
        let borrowed: Vec<[(usize, &str); 2]> =
            wanted.iter().map(|pair| pair.each_ref().map(|(i, value)| (*i, value.as_str()))).collect();
        let mut ids: Vec<(usize, &str)> = borrowed.iter().flatten().copied().collect();
        ids.sort_unstable();
        ids.dedup();
        let Some(scored) = report::scored(self.entity, self.matching, self.model, &borrowed) else { return Ok(vec![]) };
        let records = super::review::records_by_id(self.ready, self.entity, self.matching, &ids).await?;
        let mut profiles: HashMap<Id, String> = HashMap::new();
        if self.has_run {
            each_row(engine, &report::profiles_of(self.entity, &ids), |row| {
                if let Some(id) = self.id(&text(&row, "identifier"), text(&row, "value")) {
                    profiles.insert(id, text(&row, "profile_id"));
                }
            })
            .await?;
        }
        let known = self.labels_of(&wanted).await?;
        let mut pairs = vec![];
        let mut told: BTreeSet<[Id; 2]> = BTreeSet::new();
        each_row(engine, &scored, |row| {
            let id = |side: &str| {
                self.id(&text(&row, &format!("_identifier_{side}")), text(&row, &format!("_value_{side}")))
            };
            let Some((a, b)) = id("l").zip(id("r")) else { return };
            // Of several rows of one id the heaviest pair comes first.
            if !told.insert([a.clone(), b.clone()]) {
                return;
            }
            let value = |id: &Id, column: &str| {
                records.get(id).and_then(|rows| rows.first()?.columns.get(column).cloned()).unwrap_or_default()
            };
            let columns = self.matching.columns.iter().map(|column| ReportValues {
                column: column.name.clone(),
                a: value(&a, &column.name),
                b: value(&b, &column.name),
            });
            let weight = row.get("_weight").and_then(Value::as_f64).unwrap_or_default();
            pairs.push(ReportPair {
                weight,
                probability: probability_of(weight),
                linked: profiles.get(&a).is_some_and(|profile| profiles.get(&b) == Some(profile)),
                label: known.get(&[a.clone(), b.clone()]).copied().flatten(),
                columns: columns.collect(),
                prior: weight_of(self.model.prior),
                parts: self.parts(&row),
                a: self.named(a),
                b: self.named(b),
            });
        })
        .await?;
        Ok(pairs)
    }

    fn parts(&self, row: &Map<String, Value>) -> Vec<ReportPart> {
        let list = |name: &str| row.get(name).and_then(Value::as_array).into_iter().flatten().cloned();
        let parts = self.matching.comparisons.iter().zip(list("_levels").zip(list("_weights")));
        let parts = parts.map(|(comparison, (level, weight))| ReportPart {
            comparison: comparison.name.clone(),
            level: level
                .as_u64()
                .and_then(|level| comparison.labels().nth(usize::try_from(level).ok()?))
                .map(str::to_owned),
            weight: weight.as_f64().unwrap_or_default(),
        });
        parts.collect()
    }

    /// What somebody knows of some pairs, whichever of a pair comes first; none where it is said both ways.
    async fn labels_of(&self, wanted: &[[Id; 2]]) -> Result<BTreeMap<[Id; 2], Option<bool>>, AppError> {
        let mut known: BTreeMap<[Id; 2], Option<bool>> = BTreeMap::new();
        let Some(labels) = matching::labels(self.entity, self.matching) else { return Ok(known) };
        let turned = |[a, b]: &[Id; 2]| [b.clone(), a.clone()];
        let wanted: BTreeSet<[Id; 2]> = wanted.iter().flat_map(|pair| [pair.clone(), turned(pair)]).collect();
        each_row(self.ready.engine.as_ref(), &labels.all, |row| {
            let id = |side: &str| {
                self.id(&text(&row, &format!("_identifier_{side}")), text(&row, &format!("_value_{side}")))
            };
            let Some(pair) = id("a").zip(id("b")).map(|(a, b)| [a, b]).filter(|pair| wanted.contains(pair)) else {
                return;
            };
            let is_match = row.get("_is_match").and_then(Value::as_bool);
            for pair in [turned(&pair), pair] {
                let said = known.entry(pair).or_insert(is_match);
                *said = said.filter(|said| Some(*said) == is_match);
            }
        })
        .await?;
        Ok(known)
    }

    async fn profiles(&self) -> Result<Vec<ReportProfile>, AppError> {
        let mut ids = vec![];
        if self.has_run {
            let query = report::largest(self.entity, self.matching, MOST_RECORDS, PROFILES);
            each_row(self.ready.engine.as_ref(), &query, |row| ids.push(text(&row, "profile_id"))).await?;
        }
        let mut profiles = vec![];
        for profile_id in ids {
            let explained = explain(self.ready, std::slice::from_ref(&profile_id), Some(&self.entity.name)).await?;
            let Explained::Profile(explained) = explained else { continue };
            let mut profile = ReportProfile { profile_id, records: vec![], edges: vec![] };
            let own = explained.identifiers.iter();
            profile.records.extend(
                own.map(|value| LabelledValue { identifier: value.identifier.clone(), value: value.value.clone() }),
            );
            for edge in explained.edges.iter().chain(&explained.refused) {
                profile.add(edge);
            }
            profiles.push(profile);
        }
        Ok(profiles)
    }

    fn id(&self, identifier: &str, value: String) -> Option<Id> {
        Some((self.entity.identifiers.iter().position(|i| i.name == identifier)?, value))
    }

    fn named(&self, (identifier, value): Id) -> LabelledValue {
        LabelledValue { identifier: self.entity.identifiers[identifier].name.clone(), value }
    }
}

/// How all pairs are spread over weights.
#[derive(Default)]
struct Spread {
    classes: Classes,
    likely: u64,
    linked: u64,
}

impl ReportProfile {
    fn add(&mut self, edge: &ExplainedEdge) {
        let [a, b] = [&edge.a, &edge.b].map(|value| self.place(value));
        let kind = match (edge.accepted, &edge.matched) {
            (false, _) => ReportEdgeKind::Refused,
            (true, Some(_)) => ReportEdgeKind::Match,
            (true, None) => ReportEdgeKind::Rows,
        };
        let score = edge.matched.as_ref();
        let (weight, probability) = (score.map(|score| score.weight), score.map(|score| score.probability));
        self.edges.push(ReportEdge { a, b, kind, weight, probability });
    }

    fn place(&mut self, value: &ExplainedValue) -> usize {
        let is_it = |known: &LabelledValue| known.identifier == value.identifier && known.value == value.value;
        self.records.iter().position(is_it).unwrap_or_else(|| {
            self.records.push(LabelledValue { identifier: value.identifier.clone(), value: value.value.clone() });
            self.records.len() - 1
        })
    }
}

fn labels_of(report: &EvaluateReport) -> ReportLabels {
    let point = |quality: &super::evaluate::Quality| ReportPoint {
        weight: quality.weight,
        true_positives: quality.true_positives,
        false_positives: quality.false_positives,
    };
    ReportLabels {
        matches: report.labels.matches,
        others: report.labels.others,
        complete: report.complete,
        missed: report.not_compared,
        curve: report.curve.iter().map(point).collect(),
    }
}

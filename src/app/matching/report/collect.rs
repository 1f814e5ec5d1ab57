//! Where the page's data come from.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kinfold_base::Column;
use kinfold_engine::RunContext;
use kinfold_lang::project::{Entity, EntityTable, Linkage, Match, MatchModel, MatchTable};
use kinfold_matching::model::{probability_of, weight_of};
use kinfold_plan::matching::report::{self, Sample};
use kinfold_plan::matching::{self, BUCKET};
use serde_json::{Map, Value};

use super::{
    MatchReport, ReportColumn, ReportEdge, ReportEdgeKind, ReportLabels, ReportPair, ReportPoint, ReportProfile,
    ReportRefused, ReportRule, ReportSize, ReportTable, ReportValues, ReportWeight,
};
use crate::explain::{Explained, ExplainedEdge, ExplainedValue, explain};
use crate::matching::compared::compared;
use crate::matching::evaluate::{EvaluateReport, Quality, Spread, edge, evaluate, learned, spread_of};
use crate::matching::labels::LabelledValue;
use crate::matching::train::{find, trained_comparisons};
use crate::matching::{records, review};
use crate::rows::{each_row, number, text};
use crate::{AppError, Ready};

/// So many pairs of each kind are shown.
const PAIRS: u32 = 15;
/// So many profiles are shown, and none with more records.
const PROFILES: u32 = 8;
const MOST_RECORDS: u32 = 60;

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
        records::check_bound(ready, entity, matching).await?;
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
            Some(_) => Some(evaluate(ready, self.run, self.entity, matching, model, Some(&spread)).await?),
            None => None,
        };
        let pairs = self.pairs(labels.as_ref()).await?;
        let base = weight_of(matching.accept);
        // The bucket that begins at `accept` is 0.
        let linked: u64 = spread.classes.range(0..).map(|(_, pairs)| pairs).sum();
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
            linked,
            to_review: spread.likely.saturating_sub(linked),
            labels: labels.as_ref().map(labels_of),
            refused: self.refused().await?,
            sizes: self.sizes().await?,
            pairs,
            profiles: self.profiles().await?,
        })
    }

    async fn contents(&self) -> Result<(Vec<ReportTable>, Vec<ReportColumn>), AppError> {
        let engine = self.ready.engine.as_ref();
        let column = |c: &Column| ReportColumn {
            column: c.name.clone(),
            filled: vec![0; self.matching.tables.len()],
            distinct: 0,
        };
        let mut columns: Vec<ReportColumn> = self.matching.columns.iter().map(column).collect();
        let table = |t: &MatchTable| ReportTable { table: t.table.to_string(), records: 0 };
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
                spread.add(class);
            }
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
        let records = review::records_by_id(self.ready, self.entity, self.matching, &ids).await?;
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
                parts: compared(self.matching, row.get("_levels"), row.get("_weights")),
                a: self.named(a),
                b: self.named(b),
            });
        })
        .await?;
        Ok(pairs)
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
            let mut profile = ReportProfile { profile_id, values: vec![], edges: vec![] };
            let own = explained.identifiers.iter();
            profile.values.extend(
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
        self.values.iter().position(is_it).unwrap_or_else(|| {
            self.values.push(LabelledValue { identifier: value.identifier.clone(), value: value.value.clone() });
            self.values.len() - 1
        })
    }
}

fn labels_of(report: &EvaluateReport) -> ReportLabels {
    let point = |quality: &Quality| ReportPoint {
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

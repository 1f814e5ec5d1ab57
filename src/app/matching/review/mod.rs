//! `kinfold match review`: pairs of which the model is in doubt, what their records hold, and what people say of them.
//!
//! | place | what it does |
//! |---|---|
//! | `read` | pairs and records from the tables and sources |
//! | `settled` | what pins say of pairs, also of those between which others stand |
//! | `file` | the pins as a file in git |
//!
//! Pairs are read as they are looked at, a window at a time, and their records a page at a time. What pins settle is not asked, neither
//! those of the project nor those of this session. Deliberately absent: the terminal.

mod file;
mod read;
mod settled;

use std::collections::VecDeque;

use kinfold_base::Timestamp;
use kinfold_lang::project::{Entity, Match, PinKind};
use kinfold_plan::matching::{LookOrder, review_pairs};
use serde::Serialize;
use serde_json::{Map, Value};

use self::file::{Before, PinFile, line};
use self::read::Found;
pub(super) use self::read::records_by_id;
use self::settled::{Id, Pinned, Settled};
use super::train::find;
use crate::rows::each_row;
use crate::{AppError, Ready};

/// How far back one can go.
const MAX_STEPS: usize = 1_000;

/// What to look at.
#[derive(Debug, Clone, Default)]
pub struct ReviewRequest {
    /// None is the only entity with a `match`.
    pub entity: Option<String>,
    pub order: LookOrder,
    /// At most so many pairs.
    pub limit: Option<u64>,
}

/// Two records that may be one.
#[derive(Debug, Clone, Serialize)]
pub struct ReviewPair {
    pub a: ReviewRecord,
    pub b: ReviewRecord,
    /// What all comparisons and the prior add up to, in bits.
    pub weight: f64,
    pub probability: f64,
    /// What it would weigh if nothing were known of it.
    pub prior: f64,
    pub comparisons: Vec<ReviewComparison>,
    #[serde(skip)]
    ids: [Id; 2],
}

/// What the sources hold of an id.
#[derive(Debug, Clone, Serialize)]
pub struct ReviewRecord {
    pub identifier: String,
    pub value: String,
    /// Nothing if no table has a row of the id any more.
    #[serde(flatten)]
    pub row: Option<ReviewRow>,
    /// Further rows of the same id, of which there may be more than are told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<ReviewRow>,
}

/// A row, as it is compared.
#[derive(Debug, Clone, Serialize)]
pub struct ReviewRow {
    pub table: String,
    /// Texts or nulls by name, in the order of the project.
    pub columns: Map<String, Value>,
}

/// A pair that somebody is asked about.
#[derive(Debug, Clone, Copy)]
pub struct AskedPair<'a> {
    pub pair: &'a ReviewPair,
    /// From 1.
    pub number: u64,
    /// How many will be asked, as far as is known: answers settle others.
    pub of: u64,
}

/// What a comparison says of a pair.
#[derive(Debug, Clone, Serialize)]
pub struct ReviewComparison {
    pub name: String,
    /// The column that is compared, unless each level names its own.
    #[serde(skip)]
    pub column: Option<String>,
    /// Nothing where a value is missing.
    pub level: Option<String>,
    pub weight: f64,
}

/// What a person says of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Same,
    Different,
    /// Nothing; it will be asked again another time.
    Skip,
}

/// What became of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    Taken,
    /// It cannot stand beside other pins: why.
    Refused(String),
}

/// What was said so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ReviewCounts {
    pub same: u64,
    pub different: u64,
    pub skipped: u64,
    /// Pairs that were not asked, since answers on others settle them.
    pub settled: u64,
}

/// Pairs with their records, without anybody being asked.
#[derive(Debug, Clone, Serialize)]
pub struct ReviewList {
    pub entity: String,
    pub pairs: Vec<ReviewPair>,
    /// How many there are beside those.
    pub remaining: u64,
}

/// Pairs that are looked at one after the other.
pub struct Review<'a> {
    ready: &'a Ready,
    entity: &'a Entity,
    matching: &'a Match,
    order: LookOrder,
    limit: Option<u64>,
    now: Timestamp,
    file: PinFile,
    /// Of the project, then of this session: values in the form that tables have.
    pins: Vec<Pinned>,
    of_project: Settled,
    settled: Settled,
    /// As `kinfold check` tells values: what it would refuse must not be written.
    checked: Checked,
    /// How many pairs there were when it began.
    total: u64,
    /// How many rows of the query were read.
    read: u64,
    is_all_read: bool,
    found: VecDeque<Found>,
    waiting: VecDeque<ReviewPair>,
    steps: VecDeque<Step>,
    counts: ReviewCounts,
}

/// What was done with a pair.
#[derive(Debug)]
struct Step {
    pair: ReviewPair,
    answer: Answer,
    /// What to go back to, if something was written.
    before: Option<Before>,
    /// Pairs that were then passed over.
    passed: Vec<ReviewPair>,
}

/// Begins to look at pairs.
///
/// # Errors
/// When there is no such entity or no `match`, nothing was learned, no run has compared anything, or decisions cannot be written.
pub async fn match_review<'a>(ready: &'a Ready, request: &ReviewRequest) -> Result<Review<'a>, AppError> {
    let (entity, _) = find(ready, request.entity.as_deref())?;
    let file = PinFile::open(&ready.options.project_dir, &entity.name)?;
    begin(ready, request, file).await
}

/// The first `limit` pairs.
///
/// # Errors
/// As [`match_review`].
pub async fn match_review_list(ready: &Ready, request: &ReviewRequest, limit: u64) -> Result<ReviewList, AppError> {
    let (entity, _) = find(ready, request.entity.as_deref())?;
    let request = ReviewRequest { limit: Some(limit), ..request.clone() };
    let mut review = begin(ready, &request, PinFile::absent(&entity.name)).await?;
    let mut pairs = vec![];
    while let Some(asked) = review.current().await? {
        pairs.push(asked.pair.clone());
        review.answer(Answer::Skip)?;
    }
    let remaining = review.total.saturating_sub(pairs.len() as u64);
    Ok(ReviewList { entity: entity.name.clone(), pairs, remaining })
}

async fn begin<'a>(ready: &'a Ready, request: &ReviewRequest, file: PinFile) -> Result<Review<'a>, AppError> {
    let (entity, matching) = find(ready, request.entity.as_deref())?;
    read::open(ready, entity, matching).await?;
    let pins = read::pins(ready, entity).await?;
    let mut review = Review {
        ready,
        entity,
        matching,
        order: request.order,
        limit: request.limit,
        now: ready.options.clock.now(),
        file,
        of_project: Settled::of(&pins),
        settled: Settled::of(&pins),
        checked: Checked::of(entity.pins.iter().map(|pin| (pin.kind, pin.values.clone()))),
        pins,
        total: 0,
        read: 0,
        is_all_read: false,
        found: VecDeque::new(),
        waiting: VecDeque::new(),
        steps: VecDeque::new(),
        counts: ReviewCounts::default(),
    };
    each_row(ready.engine.as_ref(), &review_pairs(entity), |row| {
        let ids = read::ids(entity, &row);
        let is_open = ids.is_some_and(|ids| review.of_project.of_pair(&ids).is_none());
        review.total += u64::from(is_open);
    })
    .await?;
    Ok(review)
}

impl Review<'_> {
    pub fn entity(&self) -> &str {
        &self.entity.name
    }

    /// The file that decisions are written to, relative to the project.
    pub fn file(&self) -> &str {
        &self.file.name
    }

    pub fn counts(&self) -> ReviewCounts {
        self.counts
    }

    /// How many pairs will be left to look at another time, those included that were skipped.
    pub fn remaining(&self) -> u64 {
        self.total.saturating_sub(self.counts.same + self.counts.different + self.counts.settled)
    }

    /// Whether the next pair is there without asking the sources.
    pub fn is_at_hand(&self) -> bool {
        self.waiting.iter().any(|pair| self.settled.of_pair(&pair.ids).is_none())
    }

    /// The pair that the next answer is about; none if all were asked.
    ///
    /// # Errors
    /// When a table or a source cannot be read.
    pub async fn current(&mut self) -> Result<Option<AskedPair<'_>>, AppError> {
        if self.limit.is_some_and(|limit| self.counts.asked() >= limit) {
            return Ok(None);
        }
        loop {
            while let Some(pair) = self.waiting.pop_front_if(|pair| self.settled.of_pair(&pair.ids).is_some()) {
                self.counts.settled += 1;
                if let Some(step) = self.steps.back_mut() {
                    step.passed.push(pair);
                }
            }
            if !self.waiting.is_empty() || !self.read_more().await? {
                let number = self.counts.asked() + 1;
                let of = self.total.saturating_sub(self.counts.settled).min(self.limit.unwrap_or(u64::MAX));
                return Ok(self.waiting.front().map(|pair| AskedPair { pair, number, of }));
            }
        }
    }

    /// Takes what a person says of the current pair. A decision is in the file when this returns.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn answer(&mut self, answer: Answer) -> Result<Answered, AppError> {
        let Some(pair) = self.waiting.front() else { return Ok(Answered::Taken) };
        let kind = match answer {
            Answer::Same => Some(PinKind::Always),
            Answer::Different => Some(PinKind::Never),
            Answer::Skip => None,
        };
        let mut before = None;
        if let Some(kind) = kind {
            if let Some(why) = self.checked.refusal(kind, &pair.ids) {
                return Ok(Answered::Refused(why));
            }
            let reason =
                format!("reviewed on {}: probability {}", self.now.strftime("%Y-%m-%d"), few_digits(pair.probability));
            let named =
                pair.ids.each_ref().map(|(i, value)| (self.entity.identifiers[*i].name.as_str(), value.as_str()));
            before = Some(self.file.append(&line(&self.entity.name, kind, named, &reason))?);
            self.pins.push((kind, pair.ids.clone()));
            self.settled.add(kind, &pair.ids);
            self.checked.add(kind, pair.ids.clone());
        }
        *self.counts.of(answer) += 1;
        if let Some(pair) = self.waiting.pop_front() {
            self.steps.push_back(Step { pair, answer, before, passed: vec![] });
        }
        if self.steps.len() > MAX_STEPS {
            self.steps.pop_front();
        }
        Ok(Answered::Taken)
    }

    /// Goes back to the pair before, and takes back what was said of it. False if there is none.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn undo(&mut self) -> Result<bool, AppError> {
        let Some(step) = self.steps.pop_back() else { return Ok(false) };
        if let Some(before) = step.before {
            self.file.undo(before)?;
            self.pins.pop();
            self.settled = Settled::of(&self.pins);
            self.checked.undo();
        }
        *self.counts.of(step.answer) -= 1;
        self.counts.settled -= step.passed.len() as u64;
        step.passed.into_iter().rev().for_each(|pair| self.waiting.push_front(pair));
        self.waiting.push_front(step.pair);
        Ok(true)
    }
}

impl ReviewCounts {
    /// How many pairs were asked.
    pub fn asked(&self) -> u64 {
        self.same + self.different + self.skipped
    }

    fn of(&mut self, answer: Answer) -> &mut u64 {
        match answer {
            Answer::Same => &mut self.same,
            Answer::Different => &mut self.different,
            Answer::Skip => &mut self.skipped,
        }
    }
}

/// The pins of a project as `kinfold check` reads them: spaces around values and the case of letters say nothing.
#[derive(Debug)]
struct Checked {
    pins: Vec<Pinned>,
    settled: Settled,
}

impl Checked {
    fn of(pins: impl Iterator<Item = Pinned>) -> Self {
        let pins: Vec<Pinned> = pins.map(|(kind, pair)| (kind, pair.map(as_checked))).collect();
        Self { settled: Settled::of(&pins), pins }
    }

    fn add(&mut self, kind: PinKind, pair: [Id; 2]) {
        let pin = (kind, pair.map(as_checked));
        self.settled.add(kind, &pin.1);
        self.pins.push(pin);
    }

    fn undo(&mut self) {
        self.pins.pop();
        self.settled = Settled::of(&self.pins);
    }

    /// Why a pin would be refused.
    fn refusal(&self, kind: PinKind, pair: &[Id; 2]) -> Option<String> {
        let pair = pair.clone().map(as_checked);
        if pair[0] == pair[1] {
            return Some("a pin cannot tell these two apart: the case of letters says nothing in pins".to_owned());
        }
        match (kind, self.settled.of_pair(&pair)?) {
            (PinKind::Always, PinKind::Never) => {
                Some("other pins keep these two apart; remove one of them first".to_owned())
            }
            (PinKind::Never, PinKind::Always) => {
                Some("other pins make these two one; remove one of them first".to_owned())
            }
            _ => None,
        }
    }
}

fn as_checked((identifier, value): Id) -> Id {
    (identifier, value.trim().to_lowercase())
}

/// Two digits, or as many as it takes to be no certainty.
fn few_digits(probability: f64) -> String {
    let short = |digits: usize| format!("{probability:.digits$}");
    let is_certain = |text: &String| matches!(text.parse(), Ok(0.0 | 1.0));
    (2..16).map(short).find(|text| !is_certain(text)).unwrap_or_else(|| short(16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_have_few_digits() {
        let all = [0.5, 0.834, 0.996, 0.9996, 0.00012].map(few_digits);
        assert_eq!(all, ["0.50", "0.83", "0.996", "0.9996", "0.0001"].map(str::to_owned));
    }

    #[test]
    fn what_contradicts_is_refused() {
        let pair = |a: &str, b: &str| [(0, a.to_owned()), (1, b.to_owned())];
        let mut pins =
            Checked::of([(PinKind::Always, pair("A1 ", "x")), (PinKind::Never, pair("a2", "X"))].into_iter());
        assert_eq!(pins.refusal(PinKind::Always, &pair("a3", "x")), None);
        assert!(pins.refusal(PinKind::Never, &pair("a1", "x")).is_some_and(|why| why.contains("make these two one")));
        assert!(pins.refusal(PinKind::Always, &pair("A2", "x")).is_some_and(|why| why.contains("apart")));
        // By way of another.
        pins.add(PinKind::Always, pair("a2", "y"));
        assert!(pins.refusal(PinKind::Always, &pair("a1", "y")).is_some_and(|why| why.contains("apart")));
        pins.undo();
        assert_eq!(pins.refusal(PinKind::Always, &pair("a1", "y")), None);
        let twice = [(0, "AB".to_owned()), (0, "ab".to_owned())];
        assert!(pins.refusal(PinKind::Always, &twice).is_some_and(|why| why.contains("case")));
    }
}

//! Values that are linked by likelihood on their way into the kernel, and which of them are linked otherwise than in the last run.

use std::sync::Arc;

use arrow::array::ArrayRef;
use futures::StreamExt;
use kinfold_identity::{Earlier, Evidence, Graph, TextColumn};
use kinfold_plan::{Resolve, render};

use super::columns::{Numbers, Text, Weights};
use super::identity;
use super::read::{Beside, Feeding};
use crate::api::Engine;
use crate::error::EngineError;
use crate::failure::bug;

/// Lets the kernel know which values are linked by likelihood.
///
/// # Errors
/// When the query fails.
pub(super) async fn add(engine: &dyn Engine, work: &Resolve, graph: &mut Graph) -> Result<(), EngineError> {
    let Some(matches) = &work.matches else { return Ok(()) };
    let mut batches = engine.query(&render(&matches.query, engine.dialect()), &[]).await?.batches;
    while let Some(batch) = batches.next().await {
        let Matched { ends, weights, .. } = Matched::new(batch?.columns())?;
        graph.add_matches(Matched::pairs(&ends), &weights).map_err(|e| identity(&e, &work.entity))?;
    }
    Ok(())
}

/// Pairs that are linked by likelihood otherwise than in the last run.
#[derive(Default)]
pub(super) struct Changed {
    pairs: Vec<Matched>,
    /// What they hold counts until it is dropped.
    held: Vec<Beside>,
}

impl Changed {
    pub(super) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// None if there are more than `most`.
    ///
    /// # Errors
    /// When the query fails, or memory does not suffice.
    pub(super) async fn read(
        engine: &dyn Engine,
        work: &Resolve,
        most: u64,
        evidence: &Evidence,
        feeding: &Arc<Feeding>,
    ) -> Result<Option<Self>, EngineError> {
        let mut all = Self::default();
        let Some(matches) = &work.matches else { return Ok(Some(all)) };
        let mut batches = engine.query(&render(&matches.changes, engine.dialect()), &[]).await?.batches;
        let mut count = 0;
        while let Some(batch) = batches.next().await {
            let batch = batch?;
            count += batch.num_rows() as u64;
            if count > most {
                return Ok(None);
            }
            // Batches of groups may be parts of one large array.
            let pairs = Matched::new(batch.columns())?.copied();
            all.held.push(feeding.beside(pairs.bytes()));
            all.pairs.push(pairs);
            feeding.hold(evidence.bytes())?;
        }
        all.pairs.retain(|pairs| pairs.ends[0].len() > 0);
        Ok(Some(all))
    }

    /// Lets it be known what to look for.
    ///
    /// # Errors
    /// When a value is missing.
    pub(super) fn touch(&self, earlier: &mut Earlier, feeding: &Feeding) -> Result<(), EngineError> {
        self.pairs
            .iter()
            .try_for_each(|Matched { ends: [_, a, _, b], .. }| earlier.changed([a, b]).map_err(|e| feeding.explain(&e)))
    }

    /// Lets a part of all rows know.
    ///
    /// # Errors
    /// When the columns are not what was asked for.
    pub(super) fn count(&self, graph: &mut Graph, feeding: &Feeding) -> Result<(), EngineError> {
        self.pairs.iter().try_for_each(|Matched { ends, weights, times }| {
            let times = times.as_ref().ok_or_else(|| bug("a query of changed matches has no counts"))?;
            let changed = graph.changed_matches(Matched::pairs(ends), weights, times.values());
            changed.map_err(|e| feeding.explain(&e))
        })
    }
}

/// Columns of pairs that are linked by likelihood.
struct Matched {
    /// Identifier and value of one, then of the other.
    ends: [Text; 4],
    weights: Weights,
    times: Option<Numbers>,
}

impl Matched {
    fn new(columns: &[ArrayRef]) -> Result<Self, EngineError> {
        let [identifier_a, value_a, identifier_b, value_b, weights, times @ ..] = columns else {
            return Err(bug("a query of matches has other columns than were asked for"));
        };
        let [a, b, c, d] = [identifier_a, value_a, identifier_b, value_b].map(Text::new);
        let times = times.first().map(Numbers::new).transpose()?;
        Ok(Self { ends: [a?, b?, c?, d?], weights: Weights::new(weights)?, times })
    }

    fn copied(&self) -> Self {
        Self {
            ends: self.ends.each_ref().map(Text::copied),
            weights: self.weights.copied(),
            times: self.times.as_ref().map(Numbers::copied),
        }
    }

    fn bytes(&self) -> usize {
        let numbers = self.weights.bytes() + self.times.as_ref().map_or(0, Numbers::bytes);
        self.ends.iter().map(Text::bytes).sum::<usize>() + numbers
    }

    fn pairs([identifier_a, value_a, identifier_b, value_b]: &[Text; 4]) -> [[&dyn TextColumn; 2]; 2] {
        [[identifier_a, value_a], [identifier_b, value_b]]
    }
}

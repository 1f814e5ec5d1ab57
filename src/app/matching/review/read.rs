//! Pairs and records from the tables and sources.

use std::collections::HashMap;

use kinfold_lang::project::{Entity, EntityTable, Match};
use kinfold_plan::matching;
use serde_json::{Map, Value};

use super::settled::{Id, Pinned};
use super::{Review, ReviewComparison, ReviewPair, ReviewRecord, ReviewRow};
use crate::rows::{each_row, text, text_opt};
use crate::{AppError, Ready};

/// Of so many pairs records are read at once: more than anybody looks at in a minute or two.
const PAGE: usize = 20;

/// So many pairs are read at once.
const WINDOW: u32 = 1_000;

/// A pair without its records.
#[derive(Debug)]
pub(super) struct Found {
    ids: [Id; 2],
    weight: f64,
    probability: f64,
    levels: Vec<Option<usize>>,
    weights: Vec<f64>,
}

/// Makes the tables and sources known.
///
/// # Errors
/// When no run has compared what the project compares.
pub(super) async fn open(ready: &Ready, entity: &Entity, matching: &Match) -> Result<(), AppError> {
    let name = &entity.name;
    if matching.model.is_none() {
        return Err(AppError::input(format!("nothing has been learned of {name} yet"))
            .hint(format!("run `kinfold match train {name}`, then `kinfold run`")));
    }
    let gaps = ready.open_tables().await?;
    let needed = [EntityTable::Review, EntityTable::Identifiers].map(|table| table.of(name));
    match needed.iter().find_map(|table| gaps.iter().find(|gap| gap.table == *table)) {
        Some(gap) => {
            let what = gap.column.as_ref().map_or_else(String::new, |column| format!(" with `{column}`"));
            Err(AppError::input(format!("there is no table `{}`{what} yet", gap.table)).hint("run `kinfold run` first"))
        }
        None => Ok(()),
    }
}

/// The project's pins, values in the form that tables have. A pin of whose value nothing is left says nothing.
pub(super) async fn pins(ready: &Ready, entity: &Entity) -> Result<Vec<Pinned>, AppError> {
    let pins = crate::pins::pins(ready.engine.as_ref(), entity).await?;
    Ok(pins.into_iter().map(|(pin, pair)| (pin.kind, pair)).collect())
}

/// The two of a pair; none if the project has such an identifier no more.
pub(super) fn ids(entity: &Entity, row: &Map<String, Value>) -> Option<[Id; 2]> {
    let id = |end: &str| {
        let identifier = row.get(&format!("identifier_{end}"))?.as_str()?;
        let identifier = entity.identifiers.iter().position(|i| i.name == identifier)?;
        Some((identifier, text_opt(row, &format!("value_{end}"))?))
    };
    Some([id("a")?, id("b")?])
}

impl Review<'_> {
    /// Reads the records of the next pairs. False if there are none.
    pub(super) async fn read_more(&mut self) -> Result<bool, AppError> {
        while self.found.len() < PAGE && !self.is_all_read {
            self.read_window().await?;
        }
        let page: Vec<Found> = self.found.drain(..PAGE.min(self.found.len())).collect();
        let records = self.records(&page).await?;
        for found in &page {
            let pair = self.pair(found, &records);
            self.waiting.push_back(pair);
        }
        Ok(!page.is_empty())
    }

    async fn read_window(&mut self) -> Result<(), AppError> {
        let mut rows = 0;
        let mut open = vec![];
        let query = matching::review(self.entity, self.order, self.read, WINDOW);
        each_row(self.ready.engine.as_ref(), &query, |row| {
            rows += 1;
            if let Some(ids) = ids(self.entity, &row).filter(|ids| self.of_project.of_pair(ids).is_none()) {
                open.push(found(ids, &row).filter(|found| self.fits(found)));
            }
        })
        .await?;
        self.read += rows;
        self.is_all_read = rows < u64::from(WINDOW);
        let open: Option<Vec<Found>> = open.into_iter().collect();
        self.found.extend(open.ok_or_else(|| {
            AppError::input("the last run compared other things than the project does now")
                .hint("run `kinfold run` first")
        })?);
        Ok(())
    }

    /// Whether a pair is at levels that there are.
    fn fits(&self, found: &Found) -> bool {
        let comparisons = &self.matching.comparisons;
        let has = |(level, i): (&Option<usize>, usize)| level.is_none_or(|level| level <= comparisons[i].levels.len());
        found.levels.len() == comparisons.len()
            && found.weights.len() == comparisons.len()
            && found.levels.iter().zip(0..).all(has)
    }

    /// Rows by id.
    async fn records(&self, page: &[Found]) -> Result<HashMap<Id, Vec<ReviewRow>>, AppError> {
        let mut ids: Vec<(usize, &str)> =
            page.iter().flat_map(|found| &found.ids).map(|(identifier, value)| (*identifier, value.as_str())).collect();
        ids.sort_unstable();
        ids.dedup();
        records_by_id(self.ready, self.entity, self.matching, &ids).await
    }

    fn pair(&self, found: &Found, records: &HashMap<Id, Vec<ReviewRow>>) -> ReviewPair {
        let record = |id: &Id| {
            let mut rows = records.get(id).into_iter().flatten().cloned();
            ReviewRecord {
                identifier: self.entity.identifiers[id.0].name.clone(),
                value: id.1.clone(),
                row: rows.next(),
                more: rows.collect(),
            }
        };
        let comparisons = self.matching.comparisons.iter().zip(&found.levels).zip(&found.weights);
        let comparisons = comparisons.map(|((comparison, level), weight)| ReviewComparison {
            name: comparison.name.clone(),
            column: comparison.column.map(|column| self.matching.columns[column].name.clone()),
            level: level.and_then(|level| comparison.labels().nth(level)).map(str::to_owned),
            weight: *weight,
        });
        ReviewPair {
            a: record(&found.ids[0]),
            b: record(&found.ids[1]),
            weight: found.weight,
            probability: found.probability,
            prior: found.weight - found.weights.iter().sum::<f64>(),
            comparisons: comparisons.collect(),
            ids: found.ids.clone(),
        }
    }
}

/// What the records of some ids hold.
pub(in crate::matching) async fn records_by_id(
    ready: &Ready,
    entity: &Entity,
    matching: &Match,
    ids: &[(usize, &str)],
) -> Result<HashMap<Id, Vec<ReviewRow>>, AppError> {
    let mut records: HashMap<Id, Vec<ReviewRow>> = HashMap::new();
    let Some(query) = matching::records_of(entity, matching, ids) else { return Ok(records) };
    let names = || matching.columns.iter().map(|column| &column.name);
    each_row(ready.engine.as_ref(), &query, |mut row| {
        let (identifier, value, table) = (text(&row, "_identifier"), text(&row, "_value"), text(&row, "_table"));
        let Some(index) = entity.identifiers.iter().position(|i| i.name == identifier) else { return };
        let columns = names().map(|name| (name.clone(), row.remove(name).unwrap_or_default())).collect();
        records.entry((index, value)).or_default().push(ReviewRow { table, columns });
    })
    .await?;
    Ok(records)
}

fn found(ids: [Id; 2], row: &Map<String, Value>) -> Option<Found> {
    let list = |name: &str| row.get(name)?.as_array();
    let level = |level: &Value| level.as_u64().and_then(|level| usize::try_from(level).ok());
    Some(Found {
        ids,
        weight: row.get("weight")?.as_f64()?,
        probability: row.get("probability")?.as_f64()?,
        levels: list("levels")?.iter().map(level).collect(),
        weights: list("weights")?.iter().map(|weight| weight.as_f64().unwrap_or_default()).collect(),
    })
}

//! `kinfold match train`: learns a model from the records themselves, without labels, and writes it into the project.

use std::collections::BTreeSet;

use kinfold_base::ProgressEvent;
use kinfold_engine::RunContext;
use kinfold_lang::project::{Comparison, Entity, Match};
use kinfold_matching::model::{
    ENOUGH_PAIRS, Levels, Parameters, Pass, Pattern, Problem, Settings, Trained, Trouble, combine, learn, prior,
    shares_of_pairs,
};
use kinfold_plan::matching::Training;
use kinfold_plan::{Query, matching, render};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{file, labels, records};
use crate::execute::{check_pairs, count_pairs, left_out};
use crate::rows::{each_row, number};
use crate::{AppError, Ready};

/// What to learn.
#[derive(Debug, Clone, Default)]
pub struct TrainRequest {
    /// None is the only entity with a `match`.
    pub entity: Option<String>,
    /// Show what was learned, and write nothing.
    pub dry_run: bool,
    /// Write what was learned even where something of it is in doubt.
    pub carry_on: bool,
}

/// What was learned.
#[derive(Debug, Clone, Serialize)]
pub struct TrainReport {
    pub entity: String,
    /// How likely it is that two random records match.
    pub probability: f64,
    pub records: u64,
    pub random_pairs: u64,
    /// How many pairs `m` was counted among, where labels say which match: then there were no passes.
    pub labelled_pairs: Option<u64>,
    pub comparisons: Vec<TrainedComparison>,
    pub passes: Vec<TrainedPass>,
    /// What is in doubt. Nothing is written then, unless it was asked for.
    pub problems: Vec<String>,
    /// The file that was written, relative to the project.
    pub written: Option<String>,
}

/// What was learned of a comparison.
#[derive(Debug, Clone, Serialize)]
pub struct TrainedComparison {
    pub name: String,
    /// What it compares, if it is not called so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The most alike first, `else` last.
    pub levels: Vec<TrainedLevel>,
}

/// What was learned of a level.
#[derive(Debug, Clone, Serialize)]
pub struct TrainedLevel {
    pub level: String,
    /// The share of pairs at it among those that match, and among those that do not.
    pub m: f64,
    pub u: f64,
    /// What it says for a match, in bits.
    pub weight: f64,
}

/// Pairs that agree in something, from which was learned.
#[derive(Debug, Clone, Serialize)]
pub struct TrainedPass {
    pub name: String,
    pub pairs: u64,
    /// They are the pairs of one record in so many.
    pub one_in: u64,
    /// How likely it is that a pair of it matches.
    pub probability: f64,
    pub rounds: usize,
    pub converged: bool,
    /// By how much parameters changed most in the last round.
    pub change: f64,
    /// In each round.
    pub changes: Vec<f64>,
}

/// Learns a model. With a `problem`, or in a dry run, no file is written.
///
/// # Errors
/// When there is no such entity, or no `match`, a query fails, or the file cannot be written.
pub async fn match_train(ready: &Ready, request: &TrainRequest) -> Result<TrainReport, AppError> {
    let (entity, matching) = find(ready, request.entity.as_deref())?;
    let run = records::run_of(ready);
    ready.open_previous().await?;
    let sizes = matching.comparisons.iter().map(|comparison| comparison.labels().count()).collect();
    let learner =
        Learner { ready, run: &run, entity, matching, sizes, left_out: vec![], told: vec![], problems: vec![] };
    let report = Box::pin(learner.learn()).await;
    // Its tables were made for this alone.
    ready.engine.discard(&run).await?;
    let mut report = report?;
    if !request.dry_run && (report.problems.is_empty() || request.carry_on) {
        let path = file::path(&entity.name);
        let full = ready.options.project_dir.join(&path);
        std::fs::write(&full, file::text(&report))
            .map_err(|e| AppError::outside(format!("{} cannot be written: {e}", full.display())))?;
        report.written = Some(path);
    }
    Ok(report)
}

/// The entity whose `match` is meant.
pub(super) fn find<'a>(ready: &'a Ready, name: Option<&str>) -> Result<(&'a Entity, &'a Match), AppError> {
    let all: Vec<(&Entity, &Match)> =
        ready.project.entities.iter().filter_map(|entity| Some((entity, entity.matching.as_ref()?))).collect();
    let names = || all.iter().map(|(entity, _)| entity.name.as_str());
    let hint = "write one under the entity's `identity`";
    match (name, all.as_slice()) {
        (_, []) => Err(AppError::input("no entity has a `match`").hint(hint)),
        (None, [only]) => Ok(*only),
        (None, _) => Err(AppError::input("several entities have a `match`")
            .hint(format!("name one of {}", names().collect::<Vec<_>>().join(", ")))),
        (Some(name), _) => all.iter().find(|(entity, _)| entity.name == name).copied().ok_or_else(|| {
            let near = kinfold_base::did_you_mean(name, names());
            AppError::input(format!("there is no entity `{name}` with a `match`"))
                .hint(near.map_or_else(|| hint.to_owned(), |near| format!("did you mean `{near}`?")))
        }),
    }
}

/// What is learned, and from what.
struct Learner<'a> {
    ready: &'a Ready,
    run: &'a RunContext,
    entity: &'a Entity,
    matching: &'a Match,
    /// The number of levels of each comparison.
    sizes: Vec<usize>,
    /// By what records agree in, why not all pairs are found that do.
    left_out: Vec<(String, String)>,
    /// What is in doubt: of labels, for people, and of what was learned.
    told: Vec<String>,
    problems: Vec<Problem>,
}

/// Pairs that agree in something.
#[derive(Default)]
struct Agreeing {
    /// As [`Learner::left_out`].
    left_out: Vec<(String, String)>,
    /// How many are certain to match, if something is said of it.
    certain: Option<u64>,
    /// None where they are yet to be counted.
    passes: Option<Vec<Compared>>,
}

/// A pass, and its pairs.
type Compared = (matching::Pass, Vec<Pattern>);

impl Learner<'_> {
    async fn learn(mut self) -> Result<TrainReport, AppError> {
        let training = matching::training(self.entity, self.matching);
        records::make(self.ready, self.run, &training.tables).await?;
        let parts = self.parts(&training.sizes).await?;
        let count: u64 = parts.iter().sum();
        if count < 2 {
            return Err(AppError::input(format!("there are {count} records of `{}` to compare", self.entity.name))
                .hint("look at the tables under `match.records`, and the identifier that stands for a row"));
        }
        // Neither knows of the other, and each by itself leaves threads without work while it begins and ends.
        let (random, agreeing) = tokio::try_join!(self.random_pairs(&parts), self.agreeing(&training))?;
        self.left_out = agreeing.left_out;
        let (comparisons, random_pairs) = self.of_random_pairs(&random, &parts);
        let prior = self.prior(agreeing.certain, &parts);
        let mut start = Parameters { prior, comparisons };
        let labelled = self.of_labels(&mut start, &parts).await?;
        let (parameters, trained) = match (labelled, agreeing.passes) {
            (Some(_), _) => (start, vec![]),
            (None, Some(passes)) => self.of_passes(&start, passes),
            (None, None) => {
                let passes = self.pairs_of_passes(training.bound.as_ref()).await?;
                self.of_passes(&start, passes)
            }
        };
        let problems = self.problems.iter().map(|problem| told(self.matching, problem));
        let problems = self.told.iter().cloned().chain(problems).collect();
        let report = report(self.entity, self.matching, &parameters, &trained);
        Ok(TrainReport { records: count, random_pairs, labelled_pairs: labelled, problems, ..report })
    }

    fn started(&self, task: &str) {
        self.run.progress.on(ProgressEvent::Started { task, total_rows: None });
    }

    /// Why not all pairs are found that agree in it, once, if some are not.
    fn tell_left_out(&mut self, rule: &str) {
        let why = self.left_out.iter().find(|(left_out, _)| left_out == rule);
        if let Some((_, why)) = why.filter(|(_, why)| !self.told.contains(why)) {
            self.told.push(why.clone());
        }
    }

    fn finished(&self, task: &str, rows: u64) {
        self.run.progress.on(ProgressEvent::Finished { task, rows, note: None });
    }

    /// How many records each table has.
    async fn parts(&self, sizes: &Query) -> Result<Vec<u64>, AppError> {
        let mut parts = vec![0; self.matching.tables.len()];
        each_row(self.ready.engine.as_ref(), sizes, |row| {
            if let Some(part) = parts.get_mut(usize::try_from(number(&row, "part")).unwrap_or(usize::MAX)) {
                *part = number(&row, "records");
            }
        })
        .await?;
        Ok(parts)
    }

    /// Counts pairs that are drawn at random.
    async fn random_pairs(&self, parts: &[u64]) -> Result<Vec<Pattern>, AppError> {
        let task = "random pairs";
        self.started(task);
        let engine = self.ready.engine.as_ref();
        let (output, drawn) = matching::draw(self.entity, &matching::samples(self.matching, parts));
        engine.create_table(self.run, &output, &render(&drawn, engine.dialect())).await?;
        let random = self.patterns(&matching::random_pairs(self.entity, self.matching)).await?;
        self.finished(task, pairs_of(&random));
        Ok(random)
    }

    /// Counts pairs that agree in something; those of passes only where no labels take their place.
    async fn agreeing(&self, training: &Training) -> Result<Agreeing, AppError> {
        let engine = self.ready.engine.as_ref();
        if let Some(bound) = &training.certain_bound {
            check_pairs(engine, bound, self.matching.max_pairs, "train.certain").await?;
        }
        let mut agreeing = Agreeing::default();
        if let Some(common) = &training.common {
            agreeing.left_out = left_out(engine, common).await?;
        }
        if let Some(certain) = &training.certain {
            let task = "certain pairs";
            self.started(task);
            let mut pairs = 0;
            each_row(engine, certain, |row| pairs = number(&row, "pairs")).await?;
            self.finished(task, pairs);
            agreeing.certain = Some(pairs);
        }
        if self.matching.labels.is_none() {
            agreeing.passes = Some(self.pairs_of_passes(training.bound.as_ref()).await?);
        }
        Ok(agreeing)
    }

    /// `u`, and `m` where learning begins; from how many pairs.
    fn of_random_pairs(&mut self, random: &[Pattern], parts: &[u64]) -> (Vec<Levels>, u64) {
        let drawn = pairs_of(random);
        let is_all = drawn >= matching::all_pairs(self.matching, parts);
        let mut doubt = |i, trouble| self.problems.push(Problem { pass: None, comparison: Some(i), trouble });
        let mut comparisons = vec![];
        for (i, (u, size)) in shares_of_pairs(&self.sizes, random).into_iter().zip(&self.sizes).enumerate() {
            let Some(u) = u else {
                doubt(i, Trouble::NeverCompared);
                comparisons.push(Levels::at_first(*size));
                continue;
            };
            let seen: BTreeSet<usize> =
                random.iter().filter_map(|pattern| pattern.levels[i]).map(usize::from).collect();
            // That of some pairs of many none are alike is as it should be.
            if let (1, Some(level)) = (seen.len(), seen.first())
                && (is_all || level + 1 < *size)
            {
                doubt(i, Trouble::OneLevel { level: *level });
            }
            comparisons.push(Levels::with_u(u));
        }
        (comparisons, drawn)
    }

    /// How likely two random records match. `certain`: how many pairs do for certain.
    fn prior(&mut self, certain: Option<u64>, parts: &[u64]) -> f64 {
        let all = matching::all_pairs(self.matching, parts);
        // Without anything to go by: one match for every other record.
        let without = prior(parts.iter().sum::<u64>() / 2, 1.0, all);
        let Some(pairs) = certain else { return without };
        if pairs == 0 {
            for certain in &self.matching.training.certain {
                self.tell_left_out(&certain.label);
            }
            let nothing = "no two records agree in anything under `train.certain`, which was to tell how many match";
            self.told.push(format!("{nothing}: it is taken that every other record has a match"));
            return without;
        }
        prior(pairs, self.matching.training.recall, all)
    }

    /// `m` of pairs that somebody has labelled, and if these are all that match, the prior; from how many pairs. None where there are
    /// too few.
    async fn of_labels(&mut self, start: &mut Parameters, parts: &[u64]) -> Result<Option<u64>, AppError> {
        let Some(queries) = matching::labels(self.entity, self.matching) else { return Ok(None) };
        let task = "labels";
        self.started(task);
        let counts = labels::count(self.ready.engine.as_ref(), &queries).await?;
        let patterns = self.patterns(&queries.patterns).await?;
        let pairs = pairs_of(&patterns);
        self.finished(task, pairs);
        self.told.extend(counts.problem());
        if pairs < ENOUGH_PAIRS {
            self.told.push(format!("only {pairs} labelled pairs of records match, of which nothing can be learned"));
            return Ok(None);
        }
        if self.matching.labels.as_ref().is_some_and(|labels| labels.complete) {
            start.prior = prior(pairs, 1.0, matching::all_pairs(self.matching, parts));
        }
        for (i, m) in shares_of_pairs(&self.sizes, &patterns).into_iter().enumerate() {
            let is_told = self.problems.iter().any(|problem| problem.comparison == Some(i));
            match m {
                Some(m) => start.comparisons[i].m = m,
                None if is_told => {}
                None => self.problems.push(Problem { pass: None, comparison: Some(i), trouble: Trouble::NotLearned }),
            }
        }
        Ok(Some(pairs))
    }

    /// How many pairs each pass finds. `bound`: see [`Training::bound`]; only where that is more than is learned from, pairs are counted.
    async fn sizes_of_passes(&self, bound: Option<&Query>) -> Result<Vec<u64>, AppError> {
        let engine = self.ready.engine.as_ref();
        let bounds = match bound {
            Some(bound) => count_pairs(engine, bound).await?,
            None => vec![],
        };
        let at_most = |name: &str| bounds.iter().filter(|bound| bound.rule == name).map(|bound| bound.pairs).max();
        let passes = self.matching.training.block_on.iter();
        let mut sizes: Vec<u64> = passes.map(|blocking| at_most(&blocking.label).unwrap_or_default()).collect();
        if let Some(query) = matching::pass_sizes(self.entity, self.matching, &sizes) {
            let task = "sizes of passes";
            self.started(task);
            each_row(engine, &query, |row| {
                if let Some(size) = sizes.get_mut(pass_of(&row)) {
                    *size = number(&row, "pairs");
                }
            })
            .await?;
            self.finished(task, sizes.iter().sum());
        }
        Ok(sizes)
    }

    /// Counts the pairs of each pass. `bound`: see [`Training::bound`].
    async fn pairs_of_passes(&self, bound: Option<&Query>) -> Result<Vec<Compared>, AppError> {
        let sizes = self.sizes_of_passes(bound).await?;
        let Some(passes) = matching::passes(self.entity, self.matching, &sizes) else { return Ok(vec![]) };
        let task = "pairs of passes";
        self.started(task);
        let (output, query) = &passes.found;
        let engine = self.ready.engine.as_ref();
        let found = engine.create_table(self.run, output, &render(query, engine.dialect())).await?;
        let patterns = self.patterns_of_passes(&passes).await?;
        self.finished(task, found.rows);
        Ok(passes.all.into_iter().zip(patterns).collect())
    }

    /// `m` without labels; with each pass the share of records whose pairs it learned from, as one in so many.
    fn of_passes(&mut self, start: &Parameters, compared: Vec<Compared>) -> (Parameters, Vec<(Trained, u64)>) {
        let mut trained = vec![];
        let mut one_in = vec![];
        for (pass, patterns) in compared {
            self.started(&pass.name);
            let pairs = pairs_of(&patterns);
            let of_pass = Pass { name: pass.name.clone(), patterns, learns: pass.learns };
            // A pass begins where those before it have come to.
            let begin = combine(start, &trained).0;
            match learn(&begin, &of_pass, Settings::default()) {
                Ok(learned) => {
                    trained.push(learned);
                    one_in.push(pass.one_in);
                }
                Err(Trouble::TooFewPairs { pairs }) if pass.one_in > 1 => {
                    let (name, many) = (&pass.name, pass.one_in);
                    self.told.push(format!(
                        "of the pairs that agree in `{name}` only {pairs} were drawn, those of 1 record in {many}, and nothing can be \
                         learned of so few: let them agree in more, or raise `train.pass_pairs`"
                    ));
                }
                Err(trouble) => {
                    self.tell_left_out(&pass.name);
                    self.problems.push(Problem { pass: Some(pass.name.clone()), comparison: None, trouble });
                }
            }
            self.finished(&pass.name, pairs);
        }
        let (parameters, more) = combine(start, &trained);
        let is_known = |problem: &Problem| {
            self.problems.iter().any(|known| known.comparison.is_some() && known.comparison == problem.comparison)
        };
        let more: Vec<Problem> = more.into_iter().filter(|problem| !is_known(problem)).collect();
        self.problems.extend(more);
        (parameters, trained.into_iter().zip(one_in).collect())
    }

    /// The counts of a query: see [`Training`].
    async fn patterns(&self, query: &Query) -> Result<Vec<Pattern>, AppError> {
        let mut patterns = vec![];
        each_row(self.ready.engine.as_ref(), query, |row| patterns.push(self.pattern(&row))).await?;
        Ok(in_order(patterns))
    }

    /// As [`Self::patterns`], for each pass.
    async fn patterns_of_passes(&self, passes: &matching::Passes) -> Result<Vec<Vec<Pattern>>, AppError> {
        let mut patterns = vec![vec![]; passes.all.len()];
        each_row(self.ready.engine.as_ref(), &passes.patterns, |row| {
            if let Some(of_pass) = patterns.get_mut(pass_of(&row)) {
                of_pass.push(self.pattern(&row));
            }
        })
        .await?;
        Ok(patterns.into_iter().map(in_order).collect())
    }

    fn pattern(&self, row: &Map<String, Value>) -> Pattern {
        let level = |i: usize| {
            row.get(&format!("_level_{i}")).and_then(Value::as_u64).and_then(|level| u8::try_from(level).ok())
        };
        Pattern { levels: (0..self.sizes.len()).map(level).collect(), pairs: number(row, "pairs") }
    }
}

fn pairs_of(patterns: &[Pattern]) -> u64 {
    patterns.iter().map(|pattern| pattern.pairs).sum()
}

/// Which pass a row is of.
fn pass_of(row: &Map<String, Value>) -> usize {
    usize::try_from(number(row, matching::PASS)).unwrap_or(usize::MAX)
}

/// So that sums do not depend on the order in which groups come.
fn in_order(mut patterns: Vec<Pattern>) -> Vec<Pattern> {
    patterns.sort_by(|a, b| a.levels.cmp(&b.levels));
    patterns
}

/// What is known of each level.
pub(super) fn trained_comparisons(matching: &Match, levels: &[Vec<(f64, f64)>]) -> Vec<TrainedComparison> {
    let of_comparison = |(comparison, levels): (&Comparison, &Vec<(f64, f64)>)| TrainedComparison {
        name: comparison.name.clone(),
        column: comparison.other_column(matching).map(str::to_owned),
        levels: comparison
            .labels()
            .zip(levels)
            .map(|(label, (m, u))| TrainedLevel { level: label.to_owned(), m: *m, u: *u, weight: (m / u).log2() })
            .collect(),
    };
    matching.comparisons.iter().zip(levels).map(of_comparison).collect()
}

fn report(entity: &Entity, matching: &Match, parameters: &Parameters, trained: &[(Trained, u64)]) -> TrainReport {
    let levels = |levels: &Levels| levels.m.iter().copied().zip(levels.u.iter().copied()).collect();
    let levels: Vec<Vec<(f64, f64)>> = parameters.comparisons.iter().map(levels).collect();
    let pass = |(pass, one_in): &(Trained, u64)| TrainedPass {
        name: pass.name.clone(),
        pairs: pass.pairs,
        one_in: *one_in,
        probability: pass.prior,
        rounds: pass.changes.len(),
        converged: pass.converged,
        change: pass.changes.last().copied().unwrap_or_default(),
        changes: pass.changes.clone(),
    };
    TrainReport {
        entity: entity.name.clone(),
        probability: parameters.prior,
        records: 0,
        random_pairs: 0,
        labelled_pairs: None,
        comparisons: trained_comparisons(matching, &levels),
        passes: trained.iter().map(pass).collect(),
        problems: vec![],
        written: None,
    }
}

fn told(matching: &Match, problem: &Problem) -> String {
    let comparison = problem.comparison.map_or("", |i| matching.comparisons[i].name.as_str());
    let pass = problem.pass.as_deref().unwrap_or_default();
    let level = |level: usize| {
        problem.comparison.and_then(|i| matching.comparisons[i].labels().nth(level)).unwrap_or_default().to_owned()
    };
    match &problem.trouble {
        Trouble::NotConverged { rounds, change } => {
            format!(
                "the pass on `{pass}` did not come to rest, and nothing is taken over of it: after {rounds} rounds parameters still \
                 changed by {change:.6}"
            )
        }
        Trouble::TooFewPairs { pairs: 0 } => {
            format!("the pass on `{pass}` finds no pairs: nothing can be learned of it")
        }
        Trouble::TooFewPairs { pairs } => {
            format!("the pass on `{pass}` finds only {pairs} pairs, of which nothing can be learned")
        }
        Trouble::NotLearned => {
            format!(
                "nothing tells anything of `{comparison}`: let records agree in something else under `train.block_on`"
            )
        }
        Trouble::NeverCompared => format!("`{comparison}` is missing in every pair that was drawn"),
        Trouble::OneLevel { level: at } => {
            format!("`{comparison}` tells nothing: every pair that was drawn is at `{}`", level(*at))
        }
        Trouble::Upside => {
            format!(
                "pairs that match agree in `{comparison}` less often than pairs that do not: what was learned may be no matches"
            )
        }
    }
}

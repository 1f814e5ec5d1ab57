//! `kinfold match train`: learns a model from the records themselves, without labels, and writes it into the project.

use std::collections::BTreeSet;
use std::sync::Arc;

use kinfold_base::{ProgressEvent, RunId};
use kinfold_engine::RunContext;
use kinfold_lang::project::{Comparison, Entity, Match};
use kinfold_matching::model::{
    Levels, Parameters, Pass, Pattern, Problem, Settings, Trained, Trouble, combine, learn, prior, u_of_random_pairs,
};
use kinfold_plan::matching::{self, Training};
use kinfold_plan::{Query, Work, render};
use serde::Serialize;
use serde_json::{Map, Value};

use super::file;
use crate::execute::check_pairs;
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
    /// How likely it is that a pair of it matches.
    pub probability: f64,
    pub rounds: usize,
    pub converged: bool,
    /// By how much parameters changed most in the last round.
    pub change: f64,
}

/// Learns a model. With a `problem`, or in a dry run, no file is written.
///
/// # Errors
/// When there is no such entity, or no `match`, or too many pairs, or the file cannot be written.
pub async fn match_train(ready: &Ready, request: &TrainRequest) -> Result<TrainReport, AppError> {
    let (entity, matching) = find(ready, request.entity.as_deref())?;
    let options = &ready.options;
    let run = RunContext {
        run_id: RunId::new(options.clock.as_ref()),
        as_of: options.clock.now(),
        full: false,
        progress: Arc::clone(&options.progress),
    };
    ready.open_previous().await?;
    let learned = learn_from_records(ready, &run, entity, matching).await;
    // The table of records was made for this alone.
    ready.engine.discard(&run).await?;
    let (parameters, counts, trained, problems) = learned?;
    let mut report = report(entity, matching, &parameters, &trained);
    (report.records, report.random_pairs) = counts;
    report.problems = problems.iter().map(|problem| told(matching, problem)).collect();
    if !request.dry_run && (report.problems.is_empty() || request.carry_on) {
        let path = file::path(&entity.name);
        let full = options.project_dir.join(&path);
        std::fs::write(&full, file::text(&report))
            .map_err(|e| AppError::outside(format!("{} cannot be written: {e}", full.display())))?;
        report.written = Some(path);
    }
    Ok(report)
}

/// The entity whose `match` is meant.
fn find<'a>(ready: &'a Ready, name: Option<&str>) -> Result<(&'a Entity, &'a Match), AppError> {
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

type Learned = (Parameters, (u64, u64), Vec<Trained>, Vec<Problem>);

async fn learn_from_records(
    ready: &Ready,
    run: &RunContext,
    entity: &Entity,
    matching: &Match,
) -> Result<Learned, AppError> {
    let engine = ready.engine.as_ref();
    for step in ready.plan(run.as_of, &run.run_id).steps {
        if let Work::View { name, query } = &step.work {
            engine.create_view(name, &render(query, engine.dialect())).await?;
        }
    }
    let Training { records: (output, records), sizes, passes, certain, bound } = matching::training(entity, matching);
    let task = |name: &str| run.progress.on(ProgressEvent::Started { task: name, total_rows: None });
    let done = |name: &str, rows: u64| run.progress.on(ProgressEvent::Finished { task: name, rows });
    task("records");
    let written = engine.create_table(run, &output, &render(&records, engine.dialect())).await?;
    done("records", written.rows);
    let mut parts = vec![0; matching.tables.len()];
    each_row(engine, &sizes, |row| {
        if let Some(part) = parts.get_mut(usize::try_from(number(&row, "part")).unwrap_or(usize::MAX)) {
            *part = number(&row, "records");
        }
    })
    .await?;
    let count: u64 = parts.iter().sum();
    if count < 2 {
        return Err(AppError::input(format!("there are {count} records of `{}` to compare", entity.name))
            .hint("look at the tables under `match.records`, and the identifier that stands for a row"));
    }
    if let Some(bound) = bound {
        check_pairs(engine, &bound, matching.max_pairs).await?;
    }

    let sizes: Vec<usize> = matching.comparisons.iter().map(|comparison| comparison.labels().count()).collect();
    task("random pairs");
    let (output, drawn) = matching::draw(entity, &matching::samples(matching, &parts));
    engine.create_table(run, &output, &render(&drawn, engine.dialect())).await?;
    let random = patterns(ready, &matching::random_pairs(entity, matching), sizes.len()).await?;
    let drawn = random.iter().map(|pattern| pattern.pairs).sum();
    done("random pairs", drawn);
    let u = u_of_random_pairs(&sizes, &random);
    let mut problems: Vec<Problem> = vec![];
    let mut doubt = |comparison, trouble| problems.push(Problem { pass: None, comparison: Some(comparison), trouble });
    let mut start = Parameters { prior: 0.5, comparisons: vec![] };
    for (i, (u, size)) in u.into_iter().zip(&sizes).enumerate() {
        let first = Levels::at_first(*size);
        let Some(u) = u else {
            doubt(i, Trouble::NeverCompared);
            start.comparisons.push(first);
            continue;
        };
        let seen: BTreeSet<u8> = random.iter().filter_map(|pattern| pattern.levels[i]).collect();
        if let (1, Some(level)) = (seen.len(), seen.first()) {
            doubt(i, Trouble::OneLevel { level: usize::from(*level) });
        }
        start.comparisons.push(Levels { u, ..first });
    }
    let all = matching::all_pairs(matching, &parts);
    let mut certain_pairs = None;
    if let Some(query) = certain {
        task("certain pairs");
        let mut pairs = 0;
        each_row(engine, &query, |row| pairs = number(&row, "pairs")).await?;
        done("certain pairs", pairs);
        certain_pairs = Some(pairs);
    }
    // Without anything to go by: one match for every other record.
    let known = certain_pairs.unwrap_or(count / 2);
    start.prior = prior(known, if certain_pairs.is_some() { matching.training.recall } else { 1.0 }, all);

    let mut trained = vec![];
    for pass in passes {
        task(&pass.name);
        let patterns = patterns(ready, &pass.query, sizes.len()).await?;
        let pairs = patterns.iter().map(|pattern| pattern.pairs).sum();
        let of_pass = Pass { name: pass.name.clone(), patterns, learns: pass.learns };
        // A pass begins where those before it have come to.
        let begin = combine(&start, &trained).0;
        match learn(&begin, &of_pass, Settings::default()) {
            Ok(learned) => trained.push(learned),
            Err(trouble) => problems.push(Problem { pass: Some(pass.name.clone()), comparison: None, trouble }),
        }
        done(&pass.name, pairs);
    }
    let (parameters, more) = combine(&start, &trained);
    let is_known =
        |problem: &Problem| problems.iter().any(|p| p.comparison.is_some() && p.comparison == problem.comparison);
    let more: Vec<Problem> = more.into_iter().filter(|problem| !is_known(problem)).collect();
    problems.extend(more);
    Ok((parameters, (count, drawn), trained, problems))
}

/// The counts of a query: see [`Training`].
async fn patterns(ready: &Ready, query: &Query, comparisons: usize) -> Result<Vec<Pattern>, AppError> {
    let mut patterns = vec![];
    let level = |row: &Map<String, Value>, i: usize| {
        row.get(&format!("_level_{i}")).and_then(Value::as_u64).and_then(|level| u8::try_from(level).ok())
    };
    each_row(ready.engine.as_ref(), query, |row| {
        let levels = (0..comparisons).map(|i| level(&row, i)).collect();
        patterns.push(Pattern { levels, pairs: number(&row, "pairs") });
    })
    .await?;
    // So that sums do not depend on the order in which groups come.
    patterns.sort_by(|a, b| a.levels.cmp(&b.levels));
    Ok(patterns)
}

fn report(entity: &Entity, matching: &Match, parameters: &Parameters, trained: &[Trained]) -> TrainReport {
    let comparison = |(comparison, levels): (&Comparison, &Levels)| TrainedComparison {
        name: comparison.name.clone(),
        levels: comparison
            .labels()
            .enumerate()
            .map(|(i, label)| TrainedLevel {
                level: label.to_owned(),
                m: levels.m[i],
                u: levels.u[i],
                weight: levels.bayes_factor(i).log2(),
            })
            .collect(),
    };
    let pass = |pass: &Trained| TrainedPass {
        name: pass.name.clone(),
        pairs: pass.pairs,
        probability: pass.prior,
        rounds: pass.changes.len(),
        converged: pass.converged,
        change: pass.changes.last().copied().unwrap_or_default(),
    };
    TrainReport {
        entity: entity.name.clone(),
        probability: parameters.prior,
        records: 0,
        random_pairs: 0,
        comparisons: matching.comparisons.iter().zip(&parameters.comparisons).map(comparison).collect(),
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
                "the pass on `{pass}` did not come to rest: after {rounds} rounds parameters still changed by {change:.6}"
            )
        }
        Trouble::TooFewPairs { pairs } => {
            format!("only {pairs} pairs agree in `{pass}`, of which nothing can be learned")
        }
        Trouble::NotLearned => {
            format!(
                "no pass tells anything of `{comparison}`: let records agree in something else under `train.block_on`"
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

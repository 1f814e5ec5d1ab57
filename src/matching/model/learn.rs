//! Learning without labels.

use super::{Levels, Parameters, Pattern, weight_of};
use crate::model::probability_of;

/// When learning ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// No parameter changes by more than this from one round to the next.
    pub tolerance: f64,
    pub max_rounds: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { tolerance: 1e-5, max_rounds: 200 }
    }
}

/// Pairs that agree in something.
#[derive(Debug, Clone)]
pub struct Pass {
    /// What they agree in, for people.
    pub name: String,
    pub patterns: Vec<Pattern>,
    /// For each comparison whether these pairs tell anything of it: not if what they agree in decides it.
    pub learns: Vec<bool>,
}

/// What one pass has taught.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    pub name: String,
    pub pairs: u64,
    /// For each comparison that it learns, `m` by level.
    pub m: Vec<Option<Vec<f64>>>,
    /// How likely it is that a pair of this pass matches.
    pub prior: f64,
    /// By how much the parameters changed most, round by round.
    pub changes: Vec<f64>,
    pub converged: bool,
}

/// Something that a person should know of what was learned.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The pass, if it concerns one.
    pub pass: Option<String>,
    /// An index into the comparisons, if it concerns one.
    pub comparison: Option<usize>,
    pub trouble: Trouble,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    /// Parameters still changed in the last round.
    NotConverged { rounds: usize, change: f64 },
    /// So few pairs that nothing can be learned of them.
    TooFewPairs { pairs: u64 },
    /// No pass tells anything of the comparison: it keeps the values at which learning begins.
    NotLearned,
    /// A value is missing in every pair.
    NeverCompared,
    /// All pairs are at one level, so that it says nothing.
    OneLevel { level: usize },
    /// Pairs that match are seldom at the first level, and often at a later one: they may be no matches.
    Upside,
}

/// Of fewer pairs nothing is learned.
pub const ENOUGH_PAIRS: u64 = 100;
/// What was seen less often counts as half a pair, so that no weight is infinite.
const UNSEEN: f64 = 0.5;

/// How often pairs are at each level of each comparison: `u` if they were drawn at random, `m` if somebody knows that they match.
/// `sizes`: the number of levels of each comparison. None where no pair has both values.
#[must_use]
pub fn shares_of_pairs(sizes: &[usize], patterns: &[Pattern]) -> Vec<Option<Vec<f64>>> {
    let weigh = |pattern: &Pattern| pattern.pairs as f64;
    sizes.iter().enumerate().map(|(i, size)| shares(*size, patterns, i, None, weigh)).collect()
}

/// How likely two random records match, where `certain` pairs are known to match, which are `recall` of all that do, among
/// `all` pairs.
#[must_use]
pub fn prior(certain: u64, recall: f64, all: u64) -> f64 {
    let all = (all as f64).max(1.0);
    let matches = (certain as f64).max(UNSEEN) / recall.clamp(f64::EPSILON, 1.0);
    (matches / all).clamp(1.0 / (all + 1.0), 0.5)
}

/// Learns `m` from one pass, with `u` as it is. `start` tells where to begin.
///
/// The prior of the pass is that of `start`, raised by the first level of each comparison that the pass does not learn: pairs that
/// agree in it match more often.
///
/// # Errors
/// When there are too few pairs.
pub fn learn(start: &Parameters, pass: &Pass, settings: Settings) -> Result<Trained, Trouble> {
    let pairs: u64 = pass.patterns.iter().map(|pattern| pattern.pairs).sum();
    if pairs < ENOUGH_PAIRS {
        return Err(Trouble::TooFewPairs { pairs });
    }
    let mut model = start.clone();
    let decided = start.comparisons.iter().zip(&pass.learns).filter(|(_, learns)| !**learns);
    let raised: f64 = start.prior_weight() + decided.map(|(levels, _)| levels.bayes_factor(0).log2()).sum::<f64>();
    model.prior = probability_of(raised.clamp(weight_of(1e-9), weight_of(1.0 - 1e-6)));
    let mut changes = Vec::new();
    while changes.last().is_none_or(|change| *change > settings.tolerance) && changes.len() < settings.max_rounds {
        let next = round(&model, pass);
        changes.push(distance(&model, &next));
        model = next;
    }
    Ok(Trained {
        name: pass.name.clone(),
        pairs,
        prior: model.prior,
        converged: changes.last().is_some_and(|change| *change <= settings.tolerance),
        changes,
        m: model.comparisons.into_iter().zip(&pass.learns).map(|(levels, learns)| learns.then_some(levels.m)).collect(),
    })
}

/// Expectation, then maximisation.
fn round(model: &Parameters, pass: &Pass) -> Parameters {
    let told = |pattern: &Pattern| -> Vec<Option<u8>> {
        pattern.levels.iter().zip(&pass.learns).map(|(level, learns)| level.filter(|_| *learns)).collect()
    };
    let probabilities: Vec<f64> = pass.patterns.iter().map(|pattern| model.probability(&told(pattern))).collect();
    let matches: Vec<f64> = pass.patterns.iter().zip(&probabilities).map(|(p, share)| p.pairs as f64 * share).collect();
    let all: f64 = pass.patterns.iter().map(|pattern| pattern.pairs as f64).sum();
    let comparisons = model.comparisons.iter().enumerate().map(|(i, levels)| {
        if !pass.learns[i] {
            return levels.clone();
        }
        let mut of_pattern = matches.iter();
        let weigh = |_: &Pattern| of_pattern.next().copied().unwrap_or_default();
        let m = shares(levels.m.len(), &pass.patterns, i, Some(&levels.u), weigh).unwrap_or_else(|| levels.m.clone());
        Levels { m, u: levels.u.clone() }
    });
    let comparisons = comparisons.collect();
    let prior = (matches.iter().sum::<f64>() / all).clamp(1e-12, 1.0 - 1e-12);
    Parameters { prior, comparisons }
}

/// How the weight of all pairs is spread over the levels of one comparison; none if no pair has both values. `at_random`: how often pairs
/// drawn at random are at each level. What is seen less often than could be told counts as little more than nothing, and never for a
/// match: no more than at random.
fn shares(
    size: usize,
    patterns: &[Pattern],
    comparison: usize,
    at_random: Option<&[f64]>,
    mut weigh: impl FnMut(&Pattern) -> f64,
) -> Option<Vec<f64>> {
    let mut weights = vec![0.0; size];
    for pattern in patterns {
        let weight = weigh(pattern);
        if let Some(level) = pattern.levels[comparison] {
            weights[usize::from(level)] += weight;
        }
    }
    let seen: f64 = weights.iter().sum();
    if seen <= 0.0 {
        return None;
    }
    let least = UNSEEN.min(seen * 1e-3);
    for (level, weight) in weights.iter_mut().enumerate() {
        *weight = weight.max(at_random.map_or(least, |at_random| least.min(at_random[level] * seen)));
    }
    let sum: f64 = weights.iter().sum();
    Some(weights.into_iter().map(|weight| weight / sum).collect())
}

/// By how much two models differ most.
fn distance(a: &Parameters, b: &Parameters) -> f64 {
    let levels = a.comparisons.iter().zip(&b.comparisons);
    let m = levels.flat_map(|(a, b)| a.m.iter().zip(&b.m)).map(|(a, b)| (a - b).abs());
    m.fold((a.prior - b.prior).abs(), f64::max)
}

/// What all passes have taught together: the median of what they say of each level, of which the sum is made 1 again. Comparisons that
/// no pass learns stay as they are in `start`; a pass that has not come to rest has learned none.
#[must_use]
pub fn combine(start: &Parameters, passes: &[Trained]) -> (Parameters, Vec<Problem>) {
    let mut problems = Vec::new();
    let comparisons = start.comparisons.iter().enumerate().map(|(i, levels)| {
        let taught: Vec<&Vec<f64>> =
            passes.iter().filter(|pass| pass.converged).filter_map(|pass| pass.m[i].as_ref()).collect();
        if taught.is_empty() {
            problems.push(Problem { pass: None, comparison: Some(i), trouble: Trouble::NotLearned });
            return levels.clone();
        }
        let m: Vec<f64> = (0..levels.m.len()).map(|level| median(taught.iter().map(|m| m[level]).collect())).collect();
        let sum: f64 = m.iter().sum();
        let m: Vec<f64> = m.into_iter().map(|m| m / sum).collect();
        if levels.u[0] > m[0] {
            problems.push(Problem { pass: None, comparison: Some(i), trouble: Trouble::Upside });
        }
        Levels { m, u: levels.u.clone() }
    });
    let comparisons = comparisons.collect();
    for pass in passes.iter().filter(|pass| !pass.converged) {
        let change = pass.changes.last().copied().unwrap_or_default();
        let trouble = Trouble::NotConverged { rounds: pass.changes.len(), change };
        problems.push(Problem { pass: Some(pass.name.clone()), comparison: None, trouble });
    }
    (Parameters { prior: start.prior, comparisons }, problems)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

//! What the model knows, and what it says of a pair.

/// What is known of one comparison: for each level, the most alike first and `else` last, how often pairs are at it.
#[derive(Debug, Clone, PartialEq)]
pub struct Levels {
    /// Among pairs that match; the sum is 1.
    pub m: Vec<f64>,
    /// Among pairs that do not match; the sum is 1.
    pub u: Vec<f64>,
}

/// What the model knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// How likely it is that two random records match, above 0 and below 1.
    pub prior: f64,
    pub comparisons: Vec<Levels>,
}

impl Levels {
    /// Where learning begins: most pairs that match are at the first level, and the further a level is from it, the more it speaks
    /// against a match: weights run from 10 bits for the first level down to 3 for the next and −5 for the last.
    #[must_use]
    pub fn at_first(count: usize) -> Self {
        const FIRST: f64 = 0.95;
        let rest = count.saturating_sub(1).max(1);
        let m: Vec<f64> = (0..count).map(|i| if i == 0 { FIRST } else { (1.0 - FIRST) / rest as f64 }).collect();
        let weight = |i: usize| match i {
            0 => 10.0,
            _ if rest == 1 => -5.0,
            i => 3.0 - 8.0 * (i - 1) as f64 / (rest - 1) as f64,
        };
        let u: Vec<f64> = m.iter().enumerate().map(|(i, m)| m / f64::exp2(weight(i))).collect();
        let sum: f64 = u.iter().sum();
        Self { m, u: u.into_iter().map(|u| u / sum).collect() }
    }

    /// What is known where only `u` is: `m` as learning begins. But where nearly all pairs are alike by chance, that would make being unlike
    /// speak for a match, and the comparison says nothing.
    #[must_use]
    pub fn with_u(u: Vec<f64>) -> Self {
        let m = Self::at_first(u.len()).m;
        let speaks = u.last() > m.last();
        Self { m: if speaks { m } else { u.clone() }, u }
    }

    /// How many times as often pairs that match are at a level as pairs that do not.
    #[must_use]
    pub fn bayes_factor(&self, level: usize) -> f64 {
        self.m[level] / self.u[level]
    }

    /// What being at each level says for a match, in bits.
    #[must_use]
    pub fn weights(&self) -> Vec<f64> {
        (0..self.m.len()).map(|level| self.bayes_factor(level).log2()).collect()
    }
}

impl Parameters {
    /// What is known before any evidence, in bits.
    #[must_use]
    pub fn prior_weight(&self) -> f64 {
        weight_of(self.prior)
    }

    /// How likely it is that a pair at these levels matches.
    #[must_use]
    pub fn probability(&self, levels: &[Option<u8>]) -> f64 {
        let weights =
            self.comparisons.iter().zip(levels).filter_map(|(comparison, level)| {
                level.map(|level| comparison.bayes_factor(usize::from(level)).log2())
            });
        probability_of(self.prior_weight() + weights.sum::<f64>())
    }
}

/// `log2(p / (1 - p))`
#[must_use]
pub fn weight_of(probability: f64) -> f64 {
    (probability / (1.0 - probability)).log2()
}

/// The probability of a weight: the inverse of [`weight_of`].
#[must_use]
pub fn probability_of(weight: f64) -> f64 {
    1.0 / (1.0 + f64::exp2(-weight))
}

use super::*;

/// A generator of numbers that is good enough for tests: SplitMix64.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) as f64 / u64::MAX as f64
    }

    fn level(&mut self, shares: &[f64]) -> u8 {
        let mut rest = self.next();
        let at = shares.iter().position(|share| {
            rest -= share;
            rest < 0.0
        });
        u8::try_from(at.unwrap_or(shares.len() - 1)).unwrap()
    }
}

fn truth() -> Parameters {
    Parameters {
        prior: 0.2,
        comparisons: vec![
            Levels { m: vec![0.8, 0.15, 0.05], u: vec![0.01, 0.04, 0.95] },
            Levels { m: vec![0.9, 0.1], u: vec![0.1, 0.9] },
            Levels { m: vec![0.7, 0.2, 0.1], u: vec![0.02, 0.08, 0.9] },
            Levels { m: vec![0.6, 0.4], u: vec![0.3, 0.7] },
        ],
    }
}

fn draw(truth: &Parameters, pairs: usize, draws: &mut Draws) -> Vec<Pattern> {
    let mut counts = std::collections::BTreeMap::new();
    for _ in 0..pairs {
        let is_match = draws.next() < truth.prior;
        let levels: Vec<Option<u8>> = truth
            .comparisons
            .iter()
            .map(|levels| {
                Some(draws.level(if is_match { &levels.m } else { &levels.u })).filter(|_| draws.next() < 0.9)
            })
            .collect();
        *counts.entry(levels).or_insert(0) += 1;
    }
    counts.into_iter().map(|(levels, pairs)| Pattern { levels, pairs }).collect()
}

fn start(truth: &Parameters) -> Parameters {
    let levels = |known: &Levels| Levels { u: known.u.clone(), ..Levels::at_first(known.m.len()) };
    Parameters { prior: 0.01, comparisons: truth.comparisons.iter().map(levels).collect() }
}

#[test]
fn what_pairs_were_drawn_from_is_learned_again() {
    let truth = truth();
    let patterns = draw(&truth, 200_000, &mut Draws(1));
    let pass = Pass { name: "all".to_owned(), patterns, learns: vec![true; 4] };
    let trained = learn(&start(&truth), &pass, Settings::default()).unwrap();
    assert!(trained.converged, "{:?}", trained.changes);
    assert!((trained.prior - truth.prior).abs() < 0.01, "{}", trained.prior);
    for (m, truth) in trained.m.iter().zip(&truth.comparisons) {
        for (m, truth) in m.as_ref().unwrap().iter().zip(&truth.m) {
            assert!((m - truth).abs() < 0.01, "{m} {truth}");
        }
    }
}

#[test]
fn u_is_counted_among_pairs_that_have_both_values() {
    let pattern = |levels: [Option<u8>; 2], pairs| Pattern { levels: levels.to_vec(), pairs };
    let patterns = [pattern([Some(0), None], 1), pattern([Some(1), None], 3), pattern([None, None], 100)];
    let u = shares_of_pairs(&[2, 3], &patterns);
    assert_eq!(u, [Some(vec![0.25, 0.75]), None]);
}

#[test]
fn what_was_never_seen_has_a_weight_all_the_same() {
    let patterns = [Pattern { levels: vec![Some(1)], pairs: 999 }];
    let u = shares_of_pairs(&[2], &patterns)[0].clone().unwrap();
    assert!(u[0] > 0.0 && u[0] < 0.001, "{u:?}");
    assert!((u.iter().sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn what_was_never_seen_speaks_for_no_match() {
    // The last level of the second comparison is seen in no pair, neither of a pass nor at random.
    let of_pass = |levels: [u8; 2], pairs| Pattern { levels: levels.map(Some).to_vec(), pairs };
    let patterns = vec![of_pass([0, 0], 300), of_pass([1, 1], 100)];
    let u = shares_of_pairs(&[2, 3], &[of_pass([1, 1], 999_000), of_pass([0, 0], 1000)]);
    let u: Vec<Vec<f64>> = u.into_iter().map(Option::unwrap).collect();
    let comparisons = u.iter().map(|u| Levels { m: Levels::at_first(u.len()).m, u: u.clone() }).collect();
    let start = Parameters { prior: 0.01, comparisons };
    let pass = Pass { name: "pass".to_owned(), patterns, learns: vec![true, true] };
    let trained = learn(&start, &pass, Settings::default()).unwrap();
    let (combined, _) = combine(&start, &[trained]);
    let weight = combined.comparisons[1].bayes_factor(2).log2();
    assert!(weight <= 1e-6, "{weight}");
    assert!(combined.comparisons[1].bayes_factor(0) > 1.0);
}

#[test]
fn a_pass_does_not_learn_what_it_decides() {
    let truth = truth();
    let patterns = draw(&truth, 10_000, &mut Draws(2));
    let pass = Pass { name: "first".to_owned(), patterns, learns: vec![false, true, true, true] };
    let trained = learn(&start(&truth), &pass, Settings::default()).unwrap();
    assert_eq!(trained.m[0], None);
    let (combined, problems) = combine(&start(&truth), &[trained]);
    assert_eq!(combined.comparisons[0], start(&truth).comparisons[0]);
    assert_eq!(problems, [Problem { pass: None, comparison: Some(0), trouble: Trouble::NotLearned }]);
}

#[test]
fn passes_are_combined_by_their_medians() {
    let start = Parameters { prior: 0.1, comparisons: vec![Levels { m: vec![0.9, 0.1], u: vec![0.1, 0.9] }] };
    let pass = |m: f64| Trained {
        name: String::new(),
        pairs: 1000,
        m: vec![Some(vec![m, 1.0 - m])],
        prior: 0.1,
        changes: vec![0.0],
        converged: true,
    };
    let (combined, problems) = combine(&start, &[pass(0.7), pass(0.9), pass(0.8)]);
    assert!((combined.comparisons[0].m[0] - 0.8).abs() < 1e-12);
    assert_eq!(problems, []);
}

#[test]
fn too_few_pairs_and_no_end_are_told() {
    let truth = truth();
    let few = Pass { name: "few".to_owned(), patterns: draw(&truth, 99, &mut Draws(3)), learns: vec![true; 4] };
    assert_eq!(learn(&start(&truth), &few, Settings::default()), Err(Trouble::TooFewPairs { pairs: 99 }));
    let pass = Pass { patterns: draw(&truth, 1000, &mut Draws(3)), ..few };
    let trained = learn(&start(&truth), &pass, Settings { max_rounds: 2, ..Settings::default() }).unwrap();
    assert!(!trained.converged);
    let (combined, problems) = combine(&start(&truth), &[trained]);
    let is_restless = |problem: &Problem| matches!(problem.trouble, Trouble::NotConverged { rounds: 2, .. });
    assert!(problems.iter().any(is_restless), "{problems:?}");
    assert_eq!(combined, start(&truth), "nothing is taken over of it");
}

#[test]
fn probabilities_and_weights_are_one_another_s_inverse() {
    for p in [1e-9, 0.01, 0.5, 0.95, 1.0 - 1e-9] {
        assert!((probability_of(weight_of(p)) - p).abs() < 1e-12, "{p}");
    }
    let model = truth();
    let alone = model.probability(&[None; 4]);
    assert!((alone - model.prior).abs() < 1e-12);
    // By Bayes' theorem, by hand.
    let odds = 0.2 / 0.8 * (0.8 / 0.01) * (0.1 / 0.9);
    assert!((model.probability(&[Some(0), Some(1), None, None]) - odds / (1.0 + odds)).abs() < 1e-12);
}

#[test]
fn learning_begins_with_weights_that_fall() {
    for count in 2..7 {
        let levels = Levels::at_first(count);
        let weights = levels.weights();
        assert!(weights.windows(2).all(|pair| pair[0] > pair[1]), "{weights:?}");
        assert!((levels.m.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((levels.u.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
}

#[test]
fn what_is_not_learned_never_makes_being_unlike_speak_for_a_match() {
    let usual = Levels::with_u(vec![0.01, 0.04, 0.95]);
    assert_eq!(usual.m, Levels::at_first(3).m);
    let everywhere_the_same = Levels::with_u(vec![1.0 - 5e-7, 5e-7]);
    assert_eq!(everywhere_the_same.weights(), [0.0, 0.0]);
}

#[test]
fn a_prior_stays_possible() {
    assert!(prior(0, 0.8, 1000) > 0.0);
    assert!((prior(80, 0.8, 1000) - 0.1).abs() < 1e-12);
    assert!(prior(1000, 0.1, 1000) <= 0.5);
}

//! `kinfold match evaluate`

use std::fmt::Write;

use indicatif::HumanCount;
use kinfold_app::{AppError, EvaluateReport, Mistake, Options, Quality};

use crate::cli::args::MatchEntityArgs;
use crate::cli::matching::table;
use crate::cli::output::Printer;
use crate::cli::{Ended, load};

/// The curve is told at so many thresholds, besides those that mean something.
const STEPS: usize = 12;

pub(super) async fn evaluate(args: &MatchEntityArgs, options: &Options, printer: &Printer) -> Result<Ended, AppError> {
    let ready = match load(options, printer).await? {
        Ok(ready) => ready,
        Err(ended) => return Ok(ended),
    };
    let report = kinfold_app::match_evaluate(&ready, args.entity.as_deref()).await?;
    if printer.is_json() {
        printer.json(&report);
    } else {
        printer.text(&told(&report));
    }
    Ok(Ended::Done)
}

fn told(report: &EvaluateReport) -> String {
    let labels = &report.labels;
    let rest = if report.complete { ", and no other pair matches" } else { "" };
    let mut out = format!(
        "{}: {} labelled pairs match, {} do not{rest}\n",
        report.entity,
        HumanCount(labels.matches),
        HumanCount(labels.others),
    );
    if report.unused > 0 {
        let _ = writeln!(
            out,
            "{} labels say nothing: of records that are not there, or are not compared, or said both ways",
            HumanCount(report.unused),
        );
    }
    let mut thresholds =
        table(&["linked from", "weight", "right", "wrong", "missed", "precision", "recall", "F1"], 1..8);
    let known = [("accept", &report.accept), ("review", &report.review), ("best F1", &report.best)];
    for (name, quality) in known {
        thresholds.add_row(row(name, quality));
    }
    for quality in thinned(&report.curve) {
        thresholds.add_row(row("", quality));
    }
    let _ = writeln!(out, "\n{thresholds}\n");
    let mut rules = table(&["matches found by", "pairs"], 1..2);
    for rule in &report.rules {
        rules.add_row([rule.rule.clone(), HumanCount(rule.matches).to_string()]);
    }
    rules.add_row(["no rule".to_owned(), HumanCount(report.not_compared).to_string()]);
    let _ = writeln!(out, "{rules}\n");
    for (kind, title) in [
        (Mistake::TooLight, "match, and are too light to be linked"),
        (Mistake::NotCompared, "match, and no rule compares them"),
        (Mistake::Linked, "do not match, and are linked"),
    ] {
        let of_kind: Vec<_> = report.mistakes.iter().filter(|mistake| mistake.kind == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        let mut pairs = table(&["", "", "weight", "probability"], 2..4);
        for mistake in of_kind {
            pairs.add_row([
                format!("{} {}", mistake.a.identifier, mistake.a.value),
                format!("{} {}", mistake.b.identifier, mistake.b.value),
                format!("{:+.2}", mistake.weight),
                share(mistake.probability),
            ]);
        }
        let _ = writeln!(out, "some pairs that {title}:\n{pairs}\n");
    }
    for problem in &report.problems {
        let _ = writeln!(out, "in doubt: {problem}");
    }
    out
}

fn row(name: &str, quality: &Quality) -> [String; 8] {
    let quotient = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), |share| format!("{share:.4}"));
    [
        if name.is_empty() { share(quality.probability) } else { format!("{name} {}", share(quality.probability)) },
        if quality.weight.is_finite() { format!("{:+.2}", quality.weight) } else { "–".to_owned() },
        HumanCount(quality.true_positives).to_string(),
        HumanCount(quality.false_positives).to_string(),
        HumanCount(quality.false_negatives).to_string(),
        quotient(quality.precision),
        quotient(quality.recall),
        quotient(quality.f1),
    ]
}

/// A probability in as many digits as tell it from 1.
fn share(probability: f64) -> String {
    let far = 1.0 - probability;
    if far < 1e-8 {
        return "> 0.99999999".to_owned();
    }
    let digits = (0..9).find(|digits| far >= 0.1_f64.powi(*digits)).unwrap_or(9);
    format!("{probability:.*}", usize::try_from(digits.max(1) + 1).unwrap_or(4))
}

/// Some of a curve, evenly.
fn thinned(curve: &[Quality]) -> impl Iterator<Item = &Quality> {
    let every = curve.len().div_ceil(STEPS).max(1);
    curve.iter().step_by(every)
}

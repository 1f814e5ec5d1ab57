//! What a match is made of, step by step: each bar begins where the one above it ends.

use kinfold_app::ExplainedMatch;

use super::words::printable;

/// So many characters wide.
const WIDTH: u8 = 32;

/// A line for the prior and for each comparison: what it is, its weight in bits, and a bar; what speaks against a match is lighter.
pub(super) fn lines(score: &ExplainedMatch) -> Vec<String> {
    let mut steps = vec![("before they are compared".to_owned(), score.prior)];
    steps.extend(score.comparisons.iter().map(|comparison| {
        let level = comparison.level.as_deref().map_or_else(|| "missing".to_owned(), printable);
        (format!("{}: {level}", printable(&comparison.name)), comparison.weight)
    }));
    let mut at = 0.0;
    let mut ends = vec![at];
    for (_, weight) in &steps {
        at += weight;
        ends.push(at);
    }
    let (low, high) = ends.iter().fold((0.0_f64, 0.0_f64), |(low, high), end| (low.min(*end), high.max(*end)));
    let widest = steps.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let bars = ends.windows(2).map(|ends| bar(ends[0], ends[1], low, high));
    let lines = steps
        .iter()
        .zip(bars)
        .map(|((name, weight), bar)| format!("  {name:widest$} {weight:>+7.2} {}", bar.trim_end()));
    lines.collect()
}

/// From one weight to another, on a scale from `low` to `high`, with a line where there is nothing for or against.
fn bar(from: f64, to: f64, low: f64, high: f64) -> String {
    let scale = f64::from(WIDTH) / (high - low).max(f64::EPSILON);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and the width")]
    let place = |weight: f64| (((weight - low) * scale).round() as u8).min(WIDTH);
    let (begin, end) = (place(from.min(to)), place(from.max(to)));
    let full = if to < from { '░' } else { '█' };
    let zero = place(0.0);
    let at = |i: u8| match i {
        i if begin <= i && i < end => full,
        i if i == zero => '│',
        _ => ' ',
    };
    (0..=WIDTH).map(at).collect()
}

#[cfg(test)]
mod tests {
    use kinfold_app::ComparedLevel;

    use super::*;

    #[test]
    fn each_bar_begins_where_the_last_one_ends() {
        let comparison = |name: &str, level: Option<&str>, weight| ComparedLevel {
            name: name.to_owned(),
            level: level.map(str::to_owned),
            weight,
        };
        let comparisons = vec![
            comparison("name", Some("exact"), 12.0),
            comparison("zip", Some("else"), -4.0),
            comparison("born", None, 0.0),
            comparison("city", Some("exact"), 16.0),
        ];
        let score = ExplainedMatch { weight: 16.0, probability: 0.99998, prior: -8.0, comparisons };
        let drawn = [
            "  before they are compared   -8.00 ░░░░░░░░░░░│",
            "  name: exact               +12.00 ████████████████",
            "  zip: else                  -4.00            ░░░░░",
            "  born: missing              +0.00            │",
            "  city: exact               +16.00            █████████████████████",
        ];
        assert_eq!(lines(&score).join("\n"), drawn.join("\n"));
    }
}

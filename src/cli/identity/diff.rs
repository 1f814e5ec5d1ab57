//! `kinfold identity diff`, for people and for pull requests.

use std::fmt::Write;

use indicatif::HumanCount;
use kinfold_app::{EntityDiff, Example, ExamplePart, ExampleValues, IdentityDiff, SegmentEffect};

/// Identifiers of one part of an example that are told.
const TOLD: usize = 4;

pub(super) fn text(diff: &IdentityDiff) -> String {
    let mut text = format!("compared with {} ({})\n", diff.base, short(&diff.commit));
    text.push_str(&added_and_removed(diff));
    for entity in &diff.entities {
        let _ = writeln!(text, "\n{}", headline(entity));
        if entity.is_nothing() {
            text.push_str("  nothing changes\n");
            continue;
        }
        for line in counts(entity) {
            let _ = writeln!(text, "  {line}");
        }
        for example in &entity.examples {
            let _ = writeln!(text, "\n  {}", title(example));
            for part in &example.parts {
                let _ = writeln!(text, "    {}", part_text(example.change, part));
            }
        }
        text.push_str("\n  segments\n");
        let width = entity.segments.iter().map(|s| s.segment.chars().count()).max().unwrap_or(0);
        for segment in &entity.segments {
            let _ = writeln!(text, "    {:width$}  {}", segment.segment, effect(segment));
        }
        if entity.segments.is_empty() {
            text.push_str("    none\n");
        }
    }
    text
}

pub(super) fn markdown(diff: &IdentityDiff) -> String {
    let mut text = format!("### Identity, compared with `{}` ({})\n\n", diff.base, short(&diff.commit));
    text.push_str(&added_and_removed(diff));
    for entity in &diff.entities {
        let _ = writeln!(text, "**{}**\n", headline(entity));
        if entity.is_nothing() {
            text.push_str("Nothing changes.\n\n");
            continue;
        }
        for line in counts(entity) {
            let _ = writeln!(text, "- {line}");
        }
        if !entity.examples.is_empty() {
            text.push_str("\n<details><summary>Examples</summary>\n\n");
            for example in &entity.examples {
                let _ = writeln!(text, "- {}", title(example));
                for part in &example.parts {
                    let _ = writeln!(text, "  - {}", escape(&part_text(example.change, part)));
                }
            }
            text.push_str("\n</details>\n");
        }
        if !entity.segments.is_empty() {
            text.push_str("\n| segment | before | after | entered | left |\n|---|--:|--:|--:|--:|\n");
            for s in &entity.segments {
                let side = |count: Option<u64>| count.map_or_else(|| "–".to_owned(), |n| HumanCount(n).to_string());
                let _ = writeln!(
                    text,
                    "| {} | {} | {} | {} | {} |",
                    escape(&s.segment),
                    side(s.before),
                    side(s.after),
                    HumanCount(s.entered),
                    HumanCount(s.left)
                );
            }
        }
        text.push('\n');
    }
    text
}

fn added_and_removed(diff: &IdentityDiff) -> String {
    let line = |what: &str, names: &[String]| match names {
        [] => String::new(),
        names => format!("{what}: {}\n", names.join(", ")),
    };
    line("entities that are new", &diff.entities_added) + &line("entities that are gone", &diff.entities_removed)
}

fn headline(entity: &EntityDiff) -> String {
    let (before, after) = (HumanCount(entity.profiles_before), HumanCount(entity.profiles_after));
    format!("{}: {before} profiles before, {after} after", entity.entity)
}

fn counts(entity: &EntityDiff) -> Vec<String> {
    let profiles = |n: u64| format!("{} {}", HumanCount(n), if n == 1 { "profile" } else { "profiles" });
    let lines = [
        (
            entity.merged_into,
            format!("merged: {} into {}", profiles(entity.merged_from), HumanCount(entity.merged_into)),
        ),
        (entity.split_from, format!("split: {} into {}", profiles(entity.split_from), HumanCount(entity.split_into))),
        (entity.created, format!("created: {}", profiles(entity.created))),
        (entity.gone, format!("gone: {}", profiles(entity.gone))),
        (entity.values_gained, format!("identifiers that gain a profile: {}", HumanCount(entity.values_gained))),
        (entity.values_lost, format!("identifiers that lose theirs: {}", HumanCount(entity.values_lost))),
    ];
    let lines: Vec<String> = lines.into_iter().filter(|(count, _)| *count > 0).map(|(_, line)| line).collect();
    if lines.is_empty() { vec!["no profile changes".to_owned()] } else { lines }
}

fn title(example: &Example) -> String {
    let id = &example.profile_id;
    match example.change {
        "merged" => format!("{id} is made of {} profiles", example.profiles()),
        "split" => format!("{id} falls into {} profiles", example.profiles()),
        change => format!("{id} is {change}"),
    }
}

fn part_text(change: &str, part: &ExamplePart) -> String {
    let told = part.identifiers.iter().take(TOLD).map(|ExampleValues { identifier, count, value }| match count {
        1 => format!("{identifier}={value}"),
        n => format!("{identifier}={value} and {} more", HumanCount(n - 1)),
    });
    let mut told = told.collect::<Vec<_>>().join(", ");
    if part.identifiers.len() > TOLD {
        told.push_str(", …");
    }
    match (&part.profile_id, change) {
        (Some(id), _) => format!("{id}: {told}"),
        (None, "merged") => format!("no profile before: {told}"),
        (None, "split") => format!("no profile now: {told}"),
        // Of a profile that is created or gone, all values are such.
        (None, _) => told,
    }
}

fn effect(segment: &SegmentEffect) -> String {
    let (entered, left) = (HumanCount(segment.entered), HumanCount(segment.left));
    match (segment.before, segment.after) {
        (Some(before), Some(after)) if segment.entered + segment.left == 0 && before == after => {
            format!("{} members, as before", HumanCount(after))
        }
        (Some(before), Some(after)) => {
            format!("{} members before, {} after: {entered} enter, {left} leave", HumanCount(before), HumanCount(after))
        }
        (None, Some(after)) => format!("new, {} members", HumanCount(after)),
        (Some(before), None) => format!("removed, {} members before", HumanCount(before)),
        (None, None) => String::new(),
    }
}

fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}

/// Text that means nothing to Markdown.
fn escape(text: &str) -> String {
    let special = |c: char| matches!(c, '|' | '*' | '_' | '`' | '<' | '>' | '[' | ']' | '\\');
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff() -> IdentityDiff {
        let part = |id: Option<&str>, value: &str| ExamplePart {
            profile_id: id.map(str::to_owned),
            identifiers: vec![ExampleValues { identifier: "email".to_owned(), count: 2, value: value.to_owned() }],
        };
        let example = |change, parts| Example { change, profile_id: "p1".to_owned(), parts };
        let segment =
            |before, after| SegmentEffect { segment: "vip_list".to_owned(), before, after, entered: 1, left: 2 };
        let entity = EntityDiff {
            entity: "customer".to_owned(),
            profiles_before: 1000,
            profiles_after: 998,
            merged_from: 4,
            merged_into: 2,
            examples: vec![
                example(
                    "merged",
                    vec![part(Some("p1"), "a_b@x.org"), part(Some("p2"), "c@x.org"), part(None, "d@x.org")],
                ),
                example("split", vec![part(Some("p1"), "e@x.org"), part(Some("p3"), "f@x.org"), part(None, "g@x.org")]),
                example("created", vec![part(None, "h@x.org")]),
            ],
            segments: vec![segment(Some(10), Some(9)), segment(None, Some(3))],
            ..EntityDiff::default()
        };
        let nothing = EntityDiff { entity: "company".to_owned(), ..EntityDiff::default() };
        IdentityDiff {
            base: "main".to_owned(),
            commit: "0123456789abcdef".to_owned(),
            entities: vec![entity, nothing],
            entities_added: vec!["pet".to_owned()],
            entities_removed: vec![],
            warnings: vec![],
        }
    }

    #[test]
    fn people_read_sentences() {
        let expected = "compared with main (0123456789)
entities that are new: pet

customer: 1,000 profiles before, 998 after
  merged: 4 profiles into 2

  p1 is made of 2 profiles
    p1: email=a_b@x.org and 1 more
    p2: email=c@x.org and 1 more
    no profile before: email=d@x.org and 1 more

  p1 falls into 2 profiles
    p1: email=e@x.org and 1 more
    p3: email=f@x.org and 1 more
    no profile now: email=g@x.org and 1 more

  p1 is created
    email=h@x.org and 1 more

  segments
    vip_list  10 members before, 9 after: 1 enter, 2 leave
    vip_list  new, 3 members

company: 0 profiles before, 0 after
  nothing changes
";
        assert_eq!(text(&diff()), expected);
    }

    #[test]
    fn pull_requests_read_markdown() {
        let text = markdown(&diff());
        assert!(text.starts_with("### Identity, compared with `main` (0123456789)\n"), "{text}");
        assert!(text.contains("- merged: 4 profiles into 2\n"), "{text}");
        assert!(text.contains("- p1 is made of 2 profiles\n  - p1: email=a\\_b@x.org and 1 more\n"), "{text}");
        assert!(
            text.contains("  - no profile before: email=d@x.org and 1 more\n- p1 falls into 2 profiles\n"),
            "{text}"
        );
        assert!(text.contains("  - no profile now: email=g@x.org and 1 more\n"), "{text}");
        assert!(text.contains("| vip\\_list | – | 3 | 1 | 2 |\n"), "{text}");
    }
}

//! The graph, drawn in the terminal: a chain as a line, a profile as a tree with what stands beside it.

use std::fmt::Write;

use kinfold_app::ExplainedEdge;

use super::sketch::Sketch;
use super::waterfall;
use super::words::{evidence, parts, printable, support, value};

/// Of the edges beside a tree so many are named.
const BESIDE: usize = 10;

/// One value below the other, with all that is known of the edges between them.
pub(super) fn line(chain: &[ExplainedEdge]) -> String {
    let mut text = String::new();
    for (i, edge) in chain.iter().enumerate() {
        if i == 0 {
            let _ = writeln!(text, "  {}", value(&edge.a));
        }
        let bar = if edge.accepted { "│" } else { "╎" };
        let mut said: Vec<String> = edge.evidence.iter().map(evidence).collect();
        let rule = printable(&edge.rule);
        said.insert(0, if edge.accepted { rule } else { format!("links nothing: {rule}") });
        said.extend(edge.matched.iter().flat_map(waterfall::lines));
        if edge.bridge {
            said.push(format!("without it: {}", parts(&edge.parts)));
        }
        for line in said {
            let _ = writeln!(text, "    {bar} {line}");
        }
        let _ = writeln!(text, "  {}", value(&edge.b));
    }
    text
}

/// A tree from the strongest value on, each value with what it hangs by, and the edges beside the tree.
pub(super) fn tree(sketch: &Sketch<'_>) -> String {
    let mut children = vec![vec![]; sketch.nodes.len()];
    let mut roots = vec![];
    for (i, node) in sketch.nodes.iter().enumerate() {
        match node.parent {
            Some(edge) => children[sketch.edges[edge].ends[0]].push(i),
            None => roots.push(i),
        }
    }
    let mut lines = vec![];
    for root in roots {
        let mut stack = vec![(root, String::new(), String::new())];
        while let Some((at, head, indent)) = stack.pop() {
            let node = &sketch.nodes[at];
            let label = node.parent.map(|edge| &sketch.edges[edge]).map(|line| support(line.edge));
            lines.push((format!("  {head}{}", value(node.value)), label.unwrap_or_default()));
            let last = children[at].len();
            if node.hidden > 0 {
                let turn = if last == 0 { "└─" } else { "├─" };
                lines.push((format!("  {indent}{turn} … {} more", node.hidden), String::new()));
            }
            let branches = children[at].iter().enumerate().map(|(i, child)| {
                let (turn, below) = if i + 1 == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
                (*child, format!("{indent}{turn}"), format!("{indent}{below}"))
            });
            let mut branches: Vec<_> = branches.collect();
            branches.reverse();
            stack.extend(branches);
        }
    }
    let width = lines.iter().filter(|(_, label)| !label.is_empty()).map(|(name, _)| name.chars().count()).max();
    let mut text = String::new();
    for (name, label) in lines {
        let width = if label.is_empty() { 0 } else { width.unwrap_or_default() };
        let _ = writeln!(text, "{}", format!("{name:width$}   {label}").trim_end());
    }
    text.push_str(&beside(sketch));
    text
}

fn beside(sketch: &Sketch<'_>) -> String {
    let beside: Vec<_> = sketch.edges.iter().filter(|line| line.beside).collect();
    if beside.is_empty() {
        return String::new();
    }
    let mut text = "\n  beside the tree\n".to_owned();
    for line in beside.iter().rev().take(BESIDE) {
        let [a, b] = line.ends.map(|end| value(sketch.nodes[end].value));
        let _ = writeln!(text, "    {a} ─ {b}   {}", support(line.edge));
    }
    if beside.len() > BESIDE {
        let _ = writeln!(text, "    … {} more", beside.len() - BESIDE);
    }
    text
}

//! What of a graph is drawn: a tree of the shortest ways from the strongest value, and the edges beside it.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet};

use kinfold_app::{Explained, ExplainedEdge, ExplainedValue};

/// The values and edges of an answer, or the strongest of them.
#[derive(Debug, Default)]
pub(super) struct Sketch<'a> {
    /// The first is where it begins.
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) edges: Vec<Line<'a>>,
    /// How many values are left out.
    pub(super) hidden: usize,
}

#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) value: &'a ExplainedValue,
    /// The edge, among [`Sketch::edges`], to the node before it on the shortest way to it; none where a tree begins.
    pub(super) parent: Option<usize>,
    /// How many values are left out behind it.
    pub(super) hidden: usize,
}

#[derive(Debug)]
pub(super) struct Line<'a> {
    /// Indices into [`Sketch::nodes`]; the second is the further one.
    pub(super) ends: [usize; 2],
    pub(super) edge: &'a ExplainedEdge,
    /// It belongs to no shortest way.
    pub(super) beside: bool,
}

/// The part of an answer that has room: at most so many values, those behind the most rows first.
pub(super) fn of(explained: &Explained, room: usize) -> Sketch<'_> {
    match explained {
        Explained::Shared(_) => Sketch::default(),
        Explained::Chain(chain) => {
            let ends: Vec<&ExplainedValue> =
                std::iter::once(&chain.from).chain(chain.chain.iter().map(|edge| &edge.b)).collect();
            let alone = chain.chain.is_empty().then_some(&chain.to);
            sketch(&ends.into_iter().chain(alone).collect::<Vec<_>>(), &chain.chain.iter().collect::<Vec<_>>(), room)
        }
        Explained::Profile(profile) => {
            let values: Vec<&ExplainedValue> = profile.identifiers.iter().collect();
            sketch(&values, &profile.edges.iter().collect::<Vec<_>>(), room)
        }
    }
}

/// As [`of`], with the refused edges and the values at their other ends.
pub(super) fn with_refused(explained: &Explained, room: usize) -> Sketch<'_> {
    let Explained::Profile(profile) = explained else { return of(explained, room) };
    let own: Vec<&ExplainedValue> = profile.identifiers.iter().collect();
    let mut sketch = sketch(&own, &profile.edges.iter().collect::<Vec<_>>(), room);
    let mut number: HashMap<&ExplainedValue, usize> =
        sketch.nodes.iter().enumerate().map(|(i, node)| (node.value, i)).collect();
    for edge in &profile.refused {
        let (inner, outer) = if edge.a.profile_id.as_ref() == Some(&profile.profile_id) {
            (&edge.a, &edge.b)
        } else {
            (&edge.b, &edge.a)
        };
        let Some(inner) = number.get(inner).copied() else { continue };
        if !number.contains_key(outer) && sketch.nodes.len() >= room {
            continue;
        }
        let next = sketch.nodes.len();
        let outer_number = *number.entry(outer).or_insert(next);
        let beside = outer_number < next;
        if !beside {
            sketch.nodes.push(Node { value: outer, parent: Some(sketch.edges.len()), hidden: 0 });
        }
        sketch.edges.push(Line { ends: [inner, outer_number], edge, beside });
    }
    sketch
}

fn sketch<'a>(values: &[&'a ExplainedValue], edges: &[&'a ExplainedEdge], room: usize) -> Sketch<'a> {
    let parents = shortest(values, edges);
    let shown = strongest(&parents, edges, room);
    let number: HashMap<usize, usize> = shown.iter().enumerate().map(|(number, value)| (*value, number)).collect();
    let mut hidden = vec![0; values.len()];
    for value in 0..values.len() {
        // Left-out values count where the drawing ends.
        let mut at = value;
        while let (false, Some((_, before))) = (number.contains_key(&at), parents[at]) {
            at = before;
        }
        hidden[at] += usize::from(at != value);
    }
    let mut sketch = Sketch { hidden: values.len() - shown.len(), ..Sketch::default() };
    for value in &shown {
        let parent = parents[*value].map(|(edge, before)| {
            sketch.edges.push(Line { ends: [number[&before], number[value]], edge: edges[edge], beside: false });
            sketch.edges.len() - 1
        });
        sketch.nodes.push(Node { value: values[*value], parent, hidden: hidden[*value] });
    }
    let of_tree: HashSet<usize> = parents.iter().flatten().map(|(edge, _)| *edge).collect();
    let index: HashMap<&ExplainedValue, usize> =
        sketch.nodes.iter().enumerate().map(|(number, node)| (node.value, number)).collect();
    for (_, edge) in edges.iter().enumerate().filter(|(i, _)| !of_tree.contains(i)) {
        if let (Some(a), Some(b)) = (index.get(&edge.a), index.get(&edge.b)) {
            sketch.edges.push(Line { ends: [*a, *b], edge, beside: true });
        }
    }
    sketch
}

/// For each value the edge, and the value before it, on a shortest way from the first value that it is connected with: of several
/// that with the most rows.
fn shortest(values: &[&ExplainedValue], edges: &[&ExplainedEdge]) -> Vec<Option<(usize, usize)>> {
    let number: HashMap<&ExplainedValue, usize> = values.iter().enumerate().map(|(i, value)| (*value, i)).collect();
    let mut near: Vec<Vec<(usize, usize)>> = vec![vec![]; values.len()];
    for (i, edge) in edges.iter().enumerate() {
        if let (Some(a), Some(b)) = (number.get(&edge.a), number.get(&edge.b)) {
            near[*a].push((i, *b));
            near[*b].push((i, *a));
        }
    }
    let mut distance = vec![usize::MAX; values.len()];
    let mut parents: Vec<Option<(usize, usize)>> = vec![None; values.len()];
    for start in 0..values.len() {
        if distance[start] < usize::MAX {
            continue;
        }
        distance[start] = 0;
        let mut queue = vec![start];
        let mut next = 0;
        while let Some(node) = queue.get(next).copied() {
            next += 1;
            for (edge, other) in &near[node] {
                let further = distance[node] + 1;
                if distance[*other] == usize::MAX {
                    distance[*other] = further;
                    queue.push(*other);
                }
                let better = |(known, before): (usize, usize)| {
                    (edges[*edge].rows, Reverse(node)) > (edges[known].rows, Reverse(before))
                };
                if distance[*other] == further && parents[*other].is_none_or(better) {
                    parents[*other] = Some((*edge, node));
                }
            }
        }
    }
    parents
}

/// The values that are drawn, none without the one that it hangs on.
fn strongest(parents: &[Option<(usize, usize)>], edges: &[&ExplainedEdge], room: usize) -> BTreeSet<usize> {
    let mut children = vec![vec![]; parents.len()];
    for (value, parent) in parents.iter().enumerate() {
        if let Some((_, before)) = parent {
            children[*before].push(value);
        }
    }
    let rows = |value: usize| parents[value].map_or(u64::MAX, |(edge, _)| edges[edge].rows);
    let roots = (0..parents.len()).filter(|value| parents[*value].is_none());
    let mut waiting: BinaryHeap<(u64, Reverse<usize>)> = roots.map(|root| (rows(root), Reverse(root))).collect();
    let mut shown = BTreeSet::new();
    while let Some((_, Reverse(value))) = waiting.pop() {
        if shown.len() == room {
            break;
        }
        shown.insert(value);
        waiting.extend(children[value].iter().map(|child| (rows(*child), Reverse(*child))));
    }
    shown
}

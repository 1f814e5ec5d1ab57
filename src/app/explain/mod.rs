//! `kinfold explain`: why values are one profile, or why they are not.
//!
//! | place | what it does |
//! |---|---|
//! | `find` | what a person wrote, as values and profiles |
//! | `read` | what the tables and the sources say of the profiles' values: `facts` |
//! | `graph` | values and edges, made of the facts |
//! | `chain`, `bridges` | the way between two values; what holds a profile together |
//!
//! Sources are read as they are now, profiles as the last run built them.

mod bridges;
mod chain;
mod facts;
mod find;
mod graph;
mod read;
#[cfg(test)]
mod tests;

use kinfold_base::Timestamp;
use kinfold_lang::project::Entity;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::matching::ComparedLevel;
use crate::show::{current_id, not_found};
use crate::{AppError, Ready};
use facts::{Evidence, Id, Sharing};
use find::{Place, Wanted};
use graph::{Edge, EdgeKind, Graph};

/// Of the edges without which a profile falls apart, so many are told with the parts that it falls into.
const MAX_PARTED: usize = 1_000;

/// An answer.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Explained {
    Chain(Box<ExplainedChain>),
    Profile(Box<ExplainedProfile>),
    Shared(ExplainedShared),
}

/// Whether two values are one profile, and by which edges.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedChain {
    pub entity: String,
    pub from: ExplainedValue,
    pub to: ExplainedValue,
    /// One if both values are of one profile; none of a value that is shared by many.
    pub profile_ids: Vec<String>,
    /// They are of one profile.
    pub connected: bool,
    /// From `from` to `to`. If they are not connected: a way over edges that link nothing, which say in `rule` why not; empty
    /// if there is none.
    pub chain: Vec<ExplainedEdge>,
    /// The values that are shared by many, among the two and along the chain.
    pub shared: Vec<ExplainedShared>,
    /// What may be missing here, and why.
    pub notes: Vec<String>,
}

/// What holds a profile together.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedProfile {
    pub entity: String,
    pub profile_id: String,
    /// The id that was asked for, if the profile has another one now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub former_profile_id: Option<String>,
    /// Strongest identifiers first.
    pub identifiers: Vec<ExplainedValue>,
    /// The weakest first: those without which the profile falls apart, then by rows, sources and the last evidence.
    pub edges: Vec<ExplainedEdge>,
    /// Between a value of this profile and one of another.
    pub refused: Vec<ExplainedEdge>,
    /// Values on this profile's rows that are shared by many.
    pub shared: Vec<ExplainedShared>,
    /// What may be missing here, and why.
    pub notes: Vec<String>,
}

/// A value in its identifier's form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct ExplainedValue {
    pub identifier: String,
    pub value: String,
    /// None if it is shared by many.
    pub profile_id: Option<String>,
}

/// A value that is seen with so many values of another identifier that it links nothing and belongs to no profile but by a pin.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedShared {
    pub entity: String,
    pub identifier: String,
    pub value: String,
    pub linked_identifier: String,
    /// How many values of `linked_identifier` it is seen with.
    pub degree: u64,
    /// The profile to which a pin alone links it.
    pub profile_id: Option<String>,
}

/// Two values, and why they are one profile or not.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedEdge {
    /// The stronger end; in a chain the end that comes first.
    pub a: ExplainedValue,
    pub b: ExplainedValue,
    /// What joins them, or what forbade it.
    pub rule: String,
    /// How likely they are to match, if records that they stand for were compared and look alike.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub matched: Option<ExplainedMatch>,
    pub accepted: bool,
    /// Of all sources; 0 for a pin, and for a refused edge whose rows are gone.
    pub rows: u64,
    pub evidence: Vec<ExplainedEvidence>,
    /// The profile falls apart without the rows that have both ends.
    pub bridge: bool,
    /// What it then falls into, the smallest part first; told of the thousand weakest bridges.
    pub parts: Vec<ExplainedPart>,
}

/// What makes a match likely, in bits: the weight is that of the prior and of all comparisons.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedMatch {
    pub weight: f64,
    pub probability: f64,
    /// What is known of any pair, before it is looked at.
    pub prior: f64,
    pub comparisons: Vec<ComparedLevel>,
}

/// What one source says of an edge.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedEvidence {
    pub source: String,
    pub rows: u64,
    pub first_seen_at: Option<Timestamp>,
    pub last_seen_at: Option<Timestamp>,
    /// Of the first row: value by column of the table's `unique_key`. Null if it has none.
    pub row_key: Option<Map<String, Value>>,
}

/// Values that would remain connected.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedPart {
    pub size: usize,
    /// The twenty strongest.
    pub values: Vec<ExplainedValue>,
}

/// Explains one profile, given by an `identifier=value` or its `profile_id`, or how two values are connected.
///
/// # Errors
/// When there is no such entity, identifier, value or profile, a value is blocked, or nothing has been built yet.
pub async fn explain(ready: &Ready, wanted: &[String], entity: Option<&str>) -> Result<Explained, AppError> {
    let (entity, wanted) = find::wanted(&ready.project, wanted, entity)?;
    ready.open_tables().await?;
    match wanted {
        Wanted::Profile(profile_id) => profile(ready, entity, profile_id).await,
        Wanted::Value(value) => {
            let (id, place) = find::place(ready, entity, &value).await?;
            match place {
                Place { profile: Some(profile_id), .. } => profile(ready, entity, profile_id).await,
                Place { sharing: Some(sharing), .. } => Ok(Explained::Shared(shared(entity, &id, &sharing, None))),
                Place { profile: None, sharing: None } => Err(not_found(entity, &format!("with `{}`", id.1))),
            }
        }
        Wanted::Chain(values) => {
            let [from, to] = &values;
            let ends = [find::place(ready, entity, from).await?, find::place(ready, entity, to).await?];
            if ends[0].0 == ends[1].0 {
                let hint = "name two values, or one alone to see what holds its profile together";
                return Err(AppError::input("both are the same value").hint(hint));
            }
            chain(ready, entity, ends).await
        }
    }
}

async fn profile(ready: &Ready, entity: &Entity, mut profile_id: String) -> Result<Explained, AppError> {
    let (mut facts, mut notes) = read::facts(ready, entity, &[profile_id.as_str()]).await?;
    let mut former = None;
    if facts.members.is_empty()
        && let Some(current) = current_id(ready, entity, &profile_id).await?
    {
        (facts, notes) = read::facts(ready, entity, &[current.as_str()]).await?;
        former = Some(std::mem::replace(&mut profile_id, current));
    }
    if facts.members.is_empty() {
        return Err(not_found(entity, &format!("with the profile_id `{profile_id}`")));
    }
    let graph = Graph::new(&facts);
    let explained = profile_of(entity, &profile_id, &graph, notes);
    Ok(Explained::Profile(Box::new(ExplainedProfile { former_profile_id: former, ..explained })))
}

fn profile_of(entity: &Entity, profile_id: &str, graph: &Graph, mut notes: Vec<String>) -> ExplainedProfile {
    let is_own = |node: usize| graph.nodes[node].profile.as_deref() == Some(profile_id);
    let bridges = graph.bridges();
    let mut own: Vec<usize> = (0..graph.edges.len())
        .filter(|i| graph.edges[*i].is_accepted() && graph.edges[*i].ends.iter().all(|end| is_own(*end)))
        .collect();
    own.sort_by_cached_key(|i| (!bridges[*i], graph.weakness(*i)));
    let tell = Tell { entity, graph };
    let parted = |(i, edge): (usize, &usize)| tell.edge(*edge, bridges[*edge], i < MAX_PARTED);
    let of_kind = |kind: EdgeKind| {
        graph.edges.iter().enumerate().filter(move |(_, e)| e.kind == kind && e.ends.iter().any(|end| is_own(*end)))
    };
    let shared_ends: std::collections::BTreeSet<usize> =
        of_kind(EdgeKind::Shared).flat_map(|(_, edge)| edge.ends).collect();
    notes.extend(changed(graph, [profile_id]));
    ExplainedProfile {
        entity: entity.name.clone(),
        profile_id: profile_id.to_owned(),
        former_profile_id: None,
        identifiers: (0..graph.nodes.len()).filter(|i| is_own(*i)).map(|i| tell.value(i)).collect(),
        edges: own.iter().enumerate().map(parted).collect(),
        refused: of_kind(EdgeKind::Refused).map(|(i, _)| tell.edge(i, false, false)).collect(),
        shared: shared_ends.into_iter().filter_map(|node| tell.shared(node)).collect(),
        notes,
    }
}

async fn chain(ready: &Ready, entity: &Entity, ends: [(Id, Place); 2]) -> Result<Explained, AppError> {
    let mut profiles: Vec<&str> = ends.iter().filter_map(|(_, place)| place.profile.as_deref()).collect();
    profiles.dedup();
    let (mut facts, notes) = read::facts(ready, entity, &profiles).await?;
    for (id, place) in &ends {
        // A value that is asked about is a node, whether rows have it or not.
        facts.members.extend(place.profile.iter().map(|profile_id| (id.clone(), profile_id.clone())));
        if place.sharing.is_some() {
            let values = vec![(id.clone(), place.sharing.clone())];
            facts.rows.push(facts::Rows { values, ..facts::Rows::default() });
        }
    }
    let graph = Graph::new(&facts);
    let profiles: Vec<String> = profiles.into_iter().map(str::to_owned).collect();
    let between = ends.each_ref().map(|(id, _)| graph.node(id).expect("it was added to the facts"));
    Ok(Explained::Chain(Box::new(chain_of(entity, profiles, &graph, between, notes))))
}

fn chain_of(
    entity: &Entity,
    profile_ids: Vec<String>,
    graph: &Graph,
    [from, to]: [usize; 2],
    mut notes: Vec<String>,
) -> ExplainedChain {
    let profile = |node: usize| graph.nodes[node].profile.as_ref();
    let connected = profile(from).is_some() && profile(from) == profile(to);
    let path = graph.chain(from, to, !connected).unwrap_or_default();
    let along = graph.along(from, &path);
    let bridges = graph.bridges();
    let tell = Tell { entity, graph };
    let edge = |(step, edge): (usize, &usize)| {
        let mut told = tell.edge(*edge, bridges[*edge], true);
        if graph.edges[*edge].ends[0] != along[step] {
            std::mem::swap(&mut told.a, &mut told.b);
        }
        told
    };
    notes.extend(changed(graph, profile_ids.iter().map(String::as_str)));
    let shared: std::collections::BTreeSet<usize> = along.iter().copied().chain([from, to]).collect();
    ExplainedChain {
        entity: entity.name.clone(),
        from: tell.value(from),
        to: tell.value(to),
        connected,
        chain: path.iter().enumerate().map(edge).collect(),
        shared: shared.into_iter().filter_map(|node| tell.shared(node)).collect(),
        profile_ids,
        notes,
    }
}

/// How the sources differ from what the last run saw, as far as it shows.
fn changed<'a>(graph: &Graph, profiles: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut notes = vec![];
    for profile_id in profiles {
        let islands = graph.islands(profile_id);
        if islands > 1 {
            notes.push(format!(
                "{profile_id} is in {islands} parts by the rows that are there now: sources have lost rows since the last run"
            ));
        }
    }
    if graph.unseen > 0 {
        notes.push(format!(
            "{} of values on one row are of no run: the sources have changed since the last one",
            if graph.unseen == 1 { "1 pair".to_owned() } else { format!("{} pairs", graph.unseen) }
        ));
    }
    notes
}

fn shared(entity: &Entity, (identifier, value): &Id, sharing: &Sharing, profile_id: Option<String>) -> ExplainedShared {
    ExplainedShared {
        entity: entity.name.clone(),
        identifier: entity.identifiers[*identifier].name.clone(),
        value: value.clone(),
        linked_identifier: sharing.linked.clone(),
        degree: sharing.degree,
        profile_id,
    }
}

/// A graph in words.
struct Tell<'a> {
    entity: &'a Entity,
    graph: &'a Graph,
}

impl Tell<'_> {
    fn value(&self, node: usize) -> ExplainedValue {
        let node = &self.graph.nodes[node];
        let (identifier, value) = &node.id;
        ExplainedValue {
            identifier: self.entity.identifiers[*identifier].name.clone(),
            value: value.clone(),
            profile_id: node.profile.clone(),
        }
    }

    fn shared(&self, node: usize) -> Option<ExplainedShared> {
        let node = &self.graph.nodes[node];
        node.sharing.as_ref().map(|sharing| shared(self.entity, &node.id, sharing, node.profile.clone()))
    }

    fn edge(&self, index: usize, bridge: bool, with_parts: bool) -> ExplainedEdge {
        let edge: &Edge = &self.graph.edges[index];
        let parts = if bridge && with_parts { self.graph.parts(index) } else { vec![] };
        let part = |part: bridges::Part| ExplainedPart {
            size: part.size,
            values: part.strongest.into_iter().map(|node| self.value(node)).collect(),
        };
        ExplainedEdge {
            a: self.value(edge.ends[0]),
            b: self.value(edge.ends[1]),
            rule: edge.rule.clone(),
            matched: edge.score.clone(),
            accepted: edge.is_accepted(),
            rows: edge.rows(),
            evidence: edge.evidence.iter().map(|(source, e)| evidence(source, e)).collect(),
            bridge,
            parts: parts.into_iter().map(part).collect(),
        }
    }
}

fn evidence(source: &str, evidence: &Evidence) -> ExplainedEvidence {
    let key = evidence.row_key.iter().map(|(column, value)| (column.clone(), Value::String(value.clone())));
    let key: Map<String, Value> = key.collect();
    ExplainedEvidence {
        source: source.to_owned(),
        rows: evidence.rows,
        first_seen_at: evidence.first,
        last_seen_at: evidence.last,
        row_key: (!key.is_empty()).then_some(key),
    }
}

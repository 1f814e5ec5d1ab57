//! Which id each cluster gets, and what became of the ids of the last run.

use hashbrown::HashSet;

use crate::cluster::Clustering;
use crate::evidence::Seen;
use crate::intern::{Receive, Ref};
use crate::nodes::Nodes;
use crate::profile_id::ProfileIds;
use crate::resolution::{Change, ChangeKind};
use crate::{ProfileId, Rules};

/// No node, no profile.
const NONE: u32 = u32::MAX;

/// The number of the profile that had a value in the last run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known(pub(crate) u32);

impl Receive<Known> for Seen {
    type Shared = [ProfileId];

    fn receive(&mut self, at: Ref, known: &Known, ids: &[ProfileId]) {
        if self.previous.is_empty() {
            self.previous = vec![NONE; self.first.len()];
        }
        let previous = &mut self.previous[at.number() as usize];
        // A value had one profile. Should a table say otherwise, the order of its rows must not decide.
        if *previous == NONE || ids[known.0 as usize] < ids[*previous as usize] {
            *previous = known.0;
        }
    }
}

/// The id of every cluster.
#[derive(Debug)]
pub(crate) struct Assignment {
    /// Unique.
    pub(crate) ids: Vec<ProfileId>,
    /// In the order of kind and ids.
    pub(crate) changes: Vec<Change>,
}

/// A profile's id stays with the cluster that has the profile's oldest identifier. Where several ids meet in one cluster,
/// that of the oldest profile stays, the age of a profile being that of its oldest identifier. A cluster without an id gets
/// one that is derived from its oldest identifier.
pub(crate) fn assign(rules: &Rules, nodes: &Nodes, clustering: &Clustering, previous: &ProfileIds) -> Assignment {
    let known = KnownNodes::new(nodes, clustering, previous.all().len());
    let mut ids = vec![None; clustering.clusters];
    for (id, profile) in ids.iter_mut().zip(&known.keeps) {
        *id = previous.all().get(*profile as usize).copied();
    }
    derive(rules, nodes, clustering, previous, &mut ids);
    let ids: Vec<ProfileId> = ids.into_iter().map(|id| id.expect("each cluster got an id")).collect();
    let changes = changes(clustering, previous.all(), &known, &ids);
    Assignment { ids, changes }
}

/// How the profiles of the last run lie over the clusters of this one.
struct KnownNodes {
    /// Node and profile, for each node that had one.
    profiles: Vec<(u32, u32)>,
    /// For each profile the cluster of its oldest node; [`NONE`] if no source has any of its values any more.
    heirs: Vec<u32>,
    /// For each cluster the profile whose id it keeps, or [`NONE`]. Empty if there was no last run.
    keeps: Vec<u32>,
}

impl KnownNodes {
    fn new(nodes: &Nodes, clustering: &Clustering, profiles: usize) -> Self {
        if profiles == 0 {
            return Self { profiles: Vec::new(), heirs: Vec::new(), keeps: Vec::new() };
        }
        let known = nodes.shards.iter().enumerate().flat_map(|(shard, values)| {
            let start = nodes.start(shard);
            (start..).zip(&values.attributes.previous).map(|(node, profile)| (node, *profile))
        });
        let known: Vec<(u32, u32)> = known.filter(|(_, profile)| *profile != NONE).collect();
        let oldest = oldest(nodes, profiles, known.iter().copied());
        let label = |node: u32| clustering.labels.get(node as usize).copied().unwrap_or(NONE);
        let heirs: Vec<u32> = oldest.iter().map(|node| label(*node)).collect();
        let mut keeps = vec![NONE; clustering.clusters];
        for (profile, heir) in (0_u32..).zip(&heirs).filter(|(_, heir)| **heir != NONE) {
            let keeper = &mut keeps[*heir as usize];
            if *keeper == NONE || nodes.by_age(oldest[profile as usize], oldest[*keeper as usize]).is_lt() {
                *keeper = profile;
            }
        }
        Self { profiles: known, heirs, keeps }
    }
}

/// The oldest node of each group, from pairs of node and group; [`NONE`] for a group without nodes.
fn oldest(nodes: &Nodes, groups: usize, grouped: impl Iterator<Item = (u32, u32)>) -> Vec<u32> {
    let mut oldest = vec![NONE; groups];
    for (node, group) in grouped {
        let current = &mut oldest[group as usize];
        if *current == NONE || nodes.by_age(node, *current).is_lt() {
            *current = node;
        }
    }
    oldest
}

/// Gives an id to each cluster that has none, in rounds: every such cluster asks for the id of its oldest node in this
/// generation; where several ask for one, the one with the strongest and smallest oldest node gets it; the others, and those
/// whose id was a profile's in the last run, ask again with the next generation.
fn derive(
    rules: &Rules,
    nodes: &Nodes,
    clustering: &Clustering,
    previous: &ProfileIds,
    ids: &mut [Option<ProfileId>],
) {
    let oldest = oldest(nodes, ids.len(), (0..).zip(clustering.labels.iter().copied()));
    let mut waiting: Vec<u32> = (0..).zip(&*ids).filter(|(_, id)| id.is_none()).map(|(cluster, _)| cluster).collect();
    let name = |cluster: u32| {
        let node = oldest[cluster as usize];
        (nodes.identifier(node), nodes.value(node))
    };
    let mut given = HashSet::new();
    for generation in 0.. {
        if waiting.is_empty() {
            return;
        }
        let ask = |cluster: u32| {
            let (identifier, value) = name(cluster);
            let identifier = &rules.identifiers[usize::from(identifier)].name;
            (ProfileId::derive(&rules.entity, identifier, value, generation), cluster)
        };
        let mut asked: Vec<(ProfileId, u32)> = waiting.drain(..).map(ask).collect();
        asked.sort_unstable();
        for rivals in asked.chunk_by_mut(|a, b| a.0 == b.0) {
            let (id, _) = rivals[0];
            if previous.contains(id) || given.contains(&id) {
                waiting.extend(rivals.iter().map(|(_, cluster)| *cluster));
                continue;
            }
            rivals.sort_unstable_by(|a, b| name(a.1).cmp(&name(b.1)));
            ids[rivals[0].1 as usize] = Some(id);
            waiting.extend(rivals[1..].iter().map(|(_, cluster)| *cluster));
        }
        if !waiting.is_empty() {
            given.extend(asked.iter().map(|(id, _)| *id));
        }
    }
}

fn changes(clustering: &Clustering, previous: &[ProfileId], known: &KnownNodes, ids: &[ProfileId]) -> Vec<Change> {
    let keeps = |cluster: u32| known.keeps.get(cluster as usize).copied().unwrap_or(NONE);
    // Where a profile's values went, other than to the cluster that keeps its id.
    let mut moves: Vec<(u32, u32)> = known
        .profiles
        .iter()
        .map(|(node, profile)| (*profile, clustering.labels[*node as usize]))
        .filter(|(profile, cluster)| keeps(*cluster) != *profile)
        .collect();
    moves.sort_unstable();
    moves.dedup();
    let mut is_split = vec![false; ids.len()];
    let mut changes = Vec::new();
    for (profile, cluster) in moves {
        let is_heir = known.heirs[profile as usize] == cluster;
        is_split[cluster as usize] |= !is_heir;
        let kind = if is_heir { ChangeKind::Merged } else { ChangeKind::Split };
        let other = Some(previous[profile as usize]);
        changes.push(Change { kind, profile_id: ids[cluster as usize], other_profile_id: other });
    }
    for (cluster, id) in (0..).zip(ids) {
        if keeps(cluster) == NONE && !is_split[cluster as usize] {
            changes.push(Change { kind: ChangeKind::Created, profile_id: *id, other_profile_id: None });
        }
    }
    changes.sort_unstable();
    changes
}

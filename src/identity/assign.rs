//! Which id each cluster gets, and what became of the ids of the last run.

use fixedbitset::FixedBitSet;
use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use crate::cluster::{Clustering, NO_CLUSTER};
use crate::evidence::Seen;
use crate::intern::{Receive, Ref};
use crate::nodes::Nodes;
use crate::resolution::{Change, ChangeKind};
use crate::{ProfileId, Rules};

/// The profile that had a value in the last run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known(pub(crate) ProfileId);

impl Receive<Known> for Seen {
    type Context = ();

    fn receive(&mut self, at: Ref, known: &Known, (): &mut ()) {
        self.note_profile(at, known.0);
    }

    fn miss(&mut self, known: &Known) {
        if self.bereft.last() != Some(&known.0) {
            self.bereft.push(known.0);
        }
    }
}

impl Seen {
    /// Notes which profile a value had in the last run.
    pub(crate) fn note_profile(&mut self, at: Ref, profile: ProfileId) {
        if self.previous.len() < self.values.len() {
            self.previous.resize(self.values.len(), None);
        }
        let previous = &mut self.previous[at.number() as usize];
        // A value had one profile. Should a table say otherwise, the order of its rows must not decide.
        *previous = Some(previous.map_or(profile, |other| other.min(profile)));
    }
}

/// The id of every cluster.
#[derive(Debug)]
pub(crate) struct Assignment {
    /// Unique.
    pub(crate) ids: Vec<ProfileId>,
    /// In the order of kind and ids.
    pub(crate) changes: Vec<Change>,
    /// The oldest node of each profile that was merged.
    pub(crate) merged: HashMap<ProfileId, u32>,
    /// Of a part of all rows: the nodes of which the last run told all that there is to tell.
    pub(crate) unchanged: FixedBitSet,
}

/// What is known of the last run, where only a part of all rows is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    /// All its profiles, ascending: their ids are taken.
    pub(crate) profiles: &'a [ProfileId],
    /// For each shard, how many values new rows have, which are the first ones.
    pub(crate) fresh: &'a [usize],
}

/// A profile's id stays with the cluster that has the profile's oldest identifier. Where several ids meet in one cluster,
/// that of the oldest profile stays, the age of a profile being that of its oldest identifier. A cluster without an id gets
/// one that is derived from its oldest identifier.
///
/// What `nodes` know of the profiles of the last run is used up.
pub(crate) fn assign(rules: &Rules, nodes: &mut Nodes, clustering: &Clustering, part: Option<Part<'_>>) -> Assignment {
    let mut taken: Vec<ProfileId> = nodes.shards.iter_mut().flat_map(|s| s.attributes.bereft.drain(..)).collect();
    let inheritance = Inheritance::new(nodes, clustering);
    if part.is_none() {
        forget_previous(nodes);
    }
    taken.extend(&inheritance.left);
    taken.extend(inheritance.shares.iter().map(|share| share.0));
    taken.par_sort_unstable();
    taken.dedup();

    let mut ids = inheritance.keeps.clone();
    let others = part.map_or(&[][..], |part| part.profiles);
    let is_taken = |id: &ProfileId| taken.binary_search(id).is_ok() || others.binary_search(id).is_ok();
    derive(rules, nodes, clustering, is_taken, &mut ids);
    let ids: Vec<ProfileId> = ids.into_iter().map(|id| id.expect("each cluster got an id")).collect();
    let changes = changes(&inheritance, clustering, &ids, &taken);
    let is_merged = |change: &&Change| change.kind == ChangeKind::Merged;
    let merged = changes.iter().filter(is_merged).filter_map(|change| change.other_profile_id);
    let merged = merged.filter_map(|profile| Some((profile, *inheritance.oldest.get(&profile)?))).collect();
    let unchanged = part.map(|part| unchanged(nodes, clustering, &ids, part.fresh)).unwrap_or_default();
    forget_previous(nodes);
    Assignment { ids, changes, merged, unchanged }
}

fn forget_previous(nodes: &mut Nodes) {
    for shard in &mut nodes.shards {
        shard.attributes.previous = Vec::new();
    }
}

/// The nodes that no new row has and whose profile has the id that it had.
fn unchanged(nodes: &Nodes, clustering: &Clustering, ids: &[ProfileId], fresh: &[usize]) -> FixedBitSet {
    let mut unchanged = FixedBitSet::with_capacity(nodes.len());
    for ((number, shard), fresh) in nodes.shards.iter().enumerate().zip(fresh) {
        for (i, profile) in shard.attributes.previous.iter().enumerate().skip(*fresh) {
            let node = nodes.start(number) as usize + i;
            let label = clustering.labels[node];
            if label != NO_CLUSTER && *profile == Some(ids[label as usize]) {
                unchanged.insert(node);
            }
        }
    }
    unchanged
}

/// How the profiles of the last run lie over the clusters of this one.
struct Inheritance {
    /// A profile and a cluster that has values of it, for each such pair, ascending.
    shares: Vec<(ProfileId, u32)>,
    /// For each cluster the profile whose id it keeps.
    keeps: Vec<Option<ProfileId>>,
    /// The oldest node of each profile that shares a cluster with another one, or has values in several.
    oldest: HashMap<ProfileId, u32>,
    /// Profiles that had values which belong to no profile any more; some several times.
    left: Vec<ProfileId>,
}

impl Inheritance {
    fn new(nodes: &Nodes, clustering: &Clustering) -> Self {
        // Nearly every cluster holds the values of one profile, and nearly every profile is held by one cluster: only the
        // others need a closer look.
        let mut keeps = vec![None; clustering.clusters];
        let (mut shares, mut left) = (Vec::new(), Vec::new());
        let mut contested = vec![false; clustering.clusters];
        nodes.each_known(|node, profile| {
            let cluster = clustering.labels[node as usize];
            if cluster == NO_CLUSTER {
                left.push(profile);
                return;
            }
            let keeper = keeps[cluster as usize].get_or_insert(profile);
            if *keeper != profile {
                contested[cluster as usize] = true;
                shares.push((profile, cluster));
            }
        });
        shares.extend((0_u32..).zip(&keeps).filter_map(|(cluster, keeper)| Some(((*keeper)?, cluster))));
        shares.par_sort_unstable();
        shares.dedup();
        for clusters in shares.chunk_by(|a, b| a.0 == b.0).filter(|clusters| clusters.len() > 1) {
            for (_, cluster) in clusters {
                contested[*cluster as usize] = true;
            }
        }
        let mut inheritance = Self { shares, keeps, oldest: HashMap::new(), left };
        if contested.contains(&true) {
            inheritance.decide(nodes, clustering, &contested);
        }
        inheritance
    }

    /// Finds the oldest node of each profile that has values in a contested cluster, whose cluster is the profile's heir, and lets
    /// the oldest of its profiles keep its id.
    fn decide(&mut self, nodes: &Nodes, clustering: &Clustering, contested: &[bool]) {
        let is_contested = |cluster: u32| cluster != NO_CLUSTER && contested[cluster as usize];
        let oldest = &mut self.oldest;
        nodes.each_known(|node, profile| {
            if is_contested(clustering.labels[node as usize]) {
                let current = oldest.entry(profile).or_insert(node);
                if nodes.by_age(node, *current).is_lt() {
                    *current = node;
                }
            }
        });
        for (_, cluster) in self.shares.iter().filter(|(_, cluster)| is_contested(*cluster)) {
            self.keeps[*cluster as usize] = None;
        }
        for (profile, node) in &self.oldest {
            let heir = clustering.labels[*node as usize];
            let keeper = self.keeps[heir as usize].get_or_insert(*profile);
            if nodes.by_age(*node, self.oldest[keeper]).is_lt() {
                *keeper = *profile;
            }
        }
    }
}

/// Gives an id to each cluster that has none, in rounds: every such cluster asks for the id of its oldest node in this
/// generation; where several ask for one, the one with the strongest and smallest oldest node gets it; the others, and those
/// whose id is `taken`, ask again with the next generation.
fn derive(
    rules: &Rules,
    nodes: &Nodes,
    clustering: &Clustering,
    is_taken: impl Fn(&ProfileId) -> bool,
    ids: &mut [Option<ProfileId>],
) {
    let mut waiting: Vec<u32> = (0..).zip(&*ids).filter(|(_, id)| id.is_none()).map(|(cluster, _)| cluster).collect();
    if waiting.is_empty() {
        return;
    }
    let oldest = oldest_of_new(nodes, clustering, ids);
    let name = |cluster: u32| {
        let node = oldest[cluster as usize];
        (nodes.identifier(node), nodes.value(node))
    };
    let mut given = HashSet::new();
    for generation in 0.. {
        let ask = |scratch: &mut Vec<u8>, cluster: u32| {
            let (identifier, value) = name(cluster);
            let identifier = &rules.identifiers[usize::from(identifier)].name;
            (ProfileId::derive(&rules.entity, identifier, value, generation, scratch), cluster)
        };
        let mut asked: Vec<(ProfileId, u32)> = waiting.par_drain(..).map_init(Vec::new, ask).collect();
        asked.par_sort_unstable();
        for rivals in asked.chunk_by_mut(|a, b| a.0 == b.0) {
            let id = rivals[0].0;
            if is_taken(&id) || given.contains(&id) {
                waiting.extend(rivals.iter().map(|(_, cluster)| *cluster));
                continue;
            }
            rivals.sort_unstable_by(|a, b| name(a.1).cmp(&name(b.1)));
            ids[rivals[0].1 as usize] = Some(id);
            waiting.extend(rivals[1..].iter().map(|(_, cluster)| *cluster));
        }
        if waiting.is_empty() {
            return;
        }
        given.extend(asked.iter().map(|(id, _)| *id));
    }
}

/// The oldest node of each cluster that has no id; of other clusters any number.
fn oldest_of_new(nodes: &Nodes, clustering: &Clustering, ids: &[Option<ProfileId>]) -> Vec<u32> {
    // Times and identifiers are kept at hand, so that most nodes are settled without a look at the ones that they compete with.
    let mut oldest = vec![(i64::MAX, u8::MAX, u32::MAX); ids.len()];
    nodes.each(|node, shard, number| {
        let label = clustering.labels[node as usize];
        let cluster = label as usize;
        if label == NO_CLUSTER || ids[cluster].is_some() {
            return;
        }
        let (first, identifier) = (shard.attributes.values[number].first, shard.names().identifier(number));
        let (oldest_first, oldest_identifier, oldest_node) = oldest[cluster];
        let age = (first, identifier).cmp(&(oldest_first, oldest_identifier));
        let is_older = oldest_node == u32::MAX || age.then_with(|| nodes.by_age(node, oldest_node)).is_lt();
        if is_older {
            oldest[cluster] = (first, identifier, node);
        }
    });
    oldest.into_iter().map(|(.., node)| node).collect()
}

/// `before`: the profiles of the last run, ascending, each once.
fn changes(inheritance: &Inheritance, clustering: &Clustering, ids: &[ProfileId], before: &[ProfileId]) -> Vec<Change> {
    let Inheritance { shares, keeps, oldest, .. } = inheritance;
    let mut is_split = vec![false; ids.len()];
    let mut changes = Vec::new();
    for (profile, cluster) in shares {
        if keeps[*cluster as usize] == Some(*profile) {
            continue;
        }
        // A profile that only one cluster has values of has no other heir.
        let is_heir = oldest.get(profile).is_none_or(|oldest| clustering.labels[*oldest as usize] == *cluster);
        is_split[*cluster as usize] |= !is_heir;
        let kind = if is_heir { ChangeKind::Merged } else { ChangeKind::Split };
        changes.push(Change { kind, profile_id: ids[*cluster as usize], other_profile_id: Some(*profile) });
    }
    let is_new = |cluster: usize| keeps[cluster].is_none() && !is_split[cluster];
    let created = ids.iter().enumerate().filter(|(cluster, _)| is_new(*cluster));
    changes.extend(created.map(|(_, id)| Change {
        kind: ChangeKind::Created,
        profile_id: *id,
        other_profile_id: None,
    }));
    let is_gone = |profile: &&ProfileId| shares.binary_search_by(|share| share.0.cmp(profile)).is_err();
    let gone = before.iter().filter(is_gone);
    changes.extend(gone.map(|id| Change { kind: ChangeKind::Gone, profile_id: *id, other_profile_id: None }));
    changes.par_sort_unstable();
    changes
}

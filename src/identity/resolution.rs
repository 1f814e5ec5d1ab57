//! What came out: profiles, the values that point to them, the edges that were refused, and what changed.

use crate::assign::Assignment;
use std::ops::Range;

use crate::cluster::{Clustering, NO_CLUSTER};
use crate::evidence::{FIRST_SOURCES, Place};
use crate::intern::SHARDS;
use crate::linkage::Forbidden;
use crate::nodes::{Nodes, known_first, known_last};
use crate::rebuild::{MATCH, Obstacle, Refused};
use crate::rows::Rows;
use crate::shared::Shared;
use crate::summary::EdgeCount;
use crate::{Limit, ProfileId, Rules};

/// The profiles of an entity. All of it can be read many times, and from several threads.
#[derive(Debug)]
pub struct Resolution {
    pub(crate) rules: Rules,
    /// For each source, the number of the first one of the same name.
    pub(crate) same_as: Vec<u16>,
    pub(crate) nodes: Nodes,
    /// The fresh ones of sources that keep their rows.
    pub(crate) rows: Rows,
    pub(crate) clustering: Clustering,
    pub(crate) assignment: Assignment,
    /// In the order in which they are told.
    pub(crate) shared: Vec<Shared>,
    /// How many of them no pin links, so that they have no profile.
    pub(crate) homeless: usize,
    pub(crate) unused_pins: Vec<usize>,
    pub(crate) edges: Vec<EdgeCount>,
    /// Of rows that an earlier run has kept, as they counted then: without values that were set aside then.
    pub(crate) known_edges: Vec<EdgeCount>,
    /// How many pairs were linked by likelihood, refused ones included.
    pub(crate) matches: u64,
}

/// A value and the profile it points to.
#[derive(Debug, Clone, Copy)]
pub struct IdentifierRow<'a> {
    /// An index into [`Rules::identifiers`].
    pub identifier: usize,
    pub value: &'a str,
    pub profile_id: ProfileId,
    /// Microseconds since 1970, UTC; none if no row says.
    pub first_seen: Option<i64>,
    pub last_seen: Option<i64>,
    pub sources: SourceSet<'a>,
}

/// The sources that a value was seen in.
#[derive(Debug, Clone, Copy)]
pub struct SourceSet<'a> {
    first: u32,
    more: &'a [u8],
}

impl SourceSet<'_> {
    /// Indices into [`Rules::sources`], ascending; of sources with one name, the first stands for all.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut bits = self.first;
        let first = std::iter::from_fn(move || {
            let lowest = (bits != 0).then(|| bits.trailing_zeros() as usize);
            bits &= bits.wrapping_sub(1);
            lowest
        });
        let has = move |more: &usize| self.more[more / 8] >> (more % 8) & 1 == 1;
        first.chain((0..self.more.len() * 8).filter(has).map(|more| more + FIRST_SOURCES))
    }
}

/// A value of an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdentifierValue<'a> {
    /// An index into [`Rules::identifiers`].
    pub identifier: usize,
    pub value: &'a str,
}

/// An edge that was refused, because `b`'s profile and `a`'s must not be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conflict<'a> {
    /// The stronger of the two.
    pub a: IdentifierValue<'a>,
    pub b: IdentifierValue<'a>,
    pub reason: ConflictReason,
    /// Where the edge was first seen, as an index into [`Rules::sources`]; none if the values were linked by likelihood.
    pub source: Option<usize>,
    /// Microseconds since 1970, UTC; none if no row says.
    pub first_seen: Option<i64>,
}

/// What forbids an edge. Where several do, pins come before limits, the first pin before others, the strongest
/// identifier's limit before others, and what is asked of matches last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConflictReason {
    /// One profile would have too many values of an identifier, which is an index into [`Rules::identifiers`].
    Limit { identifier: usize, limit: Limit },
    /// One profile would have both values of a [`PinKind::Never`](crate::PinKind::Never), an index into [`Rules::pins`].
    Never { pin: usize },
    /// Two groups match in too few of their pairs: see [`Linkage`](crate::Linkage).
    Linkage,
    /// One profile would have two records of a table: see [`MatchRules::one_of_each`](crate::MatchRules::one_of_each).
    OneToOne,
}

/// A value that is seen with so many others that it links nothing and belongs to no profile, unless a pin gives it one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedValue<'a> {
    pub value: IdentifierValue<'a>,
    /// The identifier of which it is seen with most values, the strongest of equals; an index into [`Rules::identifiers`].
    pub linked: usize,
    /// How many distinct values of `linked` it is seen with.
    pub degree: u64,
}

/// What happened to a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Change {
    pub kind: ChangeKind,
    pub profile_id: ProfileId,
    pub other_profile_id: Option<ProfileId>,
}

/// The kinds of [`Change`].
///
/// In a merge the oldest profile's id stays; in a split the part with the oldest identifier keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChangeKind {
    /// The profile is new, and none of its values had one before.
    Created,
    /// The oldest identifier of the other profile is now in this one, which is older; the other's id is gone.
    Merged,
    /// Values of the other profile are now in this one, but not its oldest, which went elsewhere or stayed.
    Split,
    /// No profile has any of its values: no row has them any more, or they are shared by many.
    Gone,
}

impl ChangeKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Merged => "merged",
            Self::Split => "split",
            Self::Gone => "gone",
        }
    }
}

/// A place among the rows of [`Resolution::identifier_rows`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowCursor {
    identifier: u8,
    shard: u16,
    number: u32,
}

impl Resolution {
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// How many rows [`Resolution::identifier_rows`] gives.
    pub fn identifier_count(&self) -> usize {
        self.nodes.len() - self.homeless - self.assignment.unchanged.count_ones(..)
    }

    /// Of a part of all rows: for each file of the last run's values, the rows whose place [`Resolution::identifier_rows`] takes, or that are
    /// values without a profile now. In no particular order.
    pub fn replaced(&self) -> Vec<Vec<u32>> {
        let mut replaced: Vec<Vec<u32>> = vec![];
        for (number, shard) in self.nodes.shards.iter().enumerate() {
            let start = self.nodes.start(number) as usize;
            for (i, place) in shard.attributes.places.iter().enumerate() {
                if *place != Place::NONE && !self.assignment.unchanged.contains(start + i) {
                    let file = place.file as usize;
                    if replaced.len() <= file {
                        replaced.resize(file + 1, vec![]);
                    }
                    replaced[file].push(place.row);
                }
            }
        }
        replaced
    }

    /// The ids of all profiles, each once, in no particular order.
    pub fn profiles(&self) -> &[ProfileId] {
        &self.assignment.ids
    }

    /// What changed since the previous assignment, in the order of kind and ids.
    pub fn changes(&self) -> &[Change] {
        &self.assignment.changes
    }

    /// The oldest identifier of a profile that was merged into another one: where it is, the profile's id leads to.
    pub fn oldest_of_merged(&self, profile: ProfileId) -> Option<IdentifierValue<'_>> {
        self.assignment.merged.get(&profile).map(|node| self.named(*node))
    }

    /// The edges that were refused, in the order in which edges are considered.
    pub fn conflicts(&self) -> impl ExactSizeIterator<Item = Conflict<'_>> {
        self.clustering.refused.iter().map(|refused| self.conflict(refused))
    }

    /// Values that are shared by many, those that a pin gives a profile, too: by identifier, then those seen with most values first, then by
    /// value.
    pub fn shared(&self) -> impl ExactSizeIterator<Item = SharedValue<'_>> {
        self.shared.iter().map(|shared| SharedValue {
            value: self.named(shared.node),
            linked: usize::from(shared.linked),
            degree: shared.degree,
        })
    }

    /// Pins without effect, as no row has one of their values: indices into [`Rules::pins`], ascending.
    pub fn unused_pins(&self) -> &[usize] {
        &self.unused_pins
    }

    /// Every value that has a profile, with it, from `cursor` on: identifier by identifier, within one in no particular order. Of a part of
    /// all rows, only those of which something else is to be told than the last run did.
    ///
    /// [`IdentifierRows::cursor`] tells where to go on, so that rows can be taken in chunks without holding a borrow.
    pub fn identifier_rows(&self, cursor: RowCursor) -> IdentifierRows<'_> {
        IdentifierRows::new(self, cursor, 0..SHARDS as u16)
    }

    /// One of several parts of what [`Resolution::identifier_rows`] gives, for as many threads; about equally large.
    pub fn identifier_rows_part(&self, part: usize, parts: usize) -> IdentifierRows<'_> {
        let start = |part: usize| (SHARDS * part.min(parts) / parts.max(1)) as u16;
        let shards = start(part)..start(part + 1);
        let cursor = RowCursor { shard: shards.start, ..RowCursor::default() };
        IdentifierRows::new(self, cursor, shards)
    }

    fn conflict(&self, refused: &Refused) -> Conflict<'_> {
        let edge = &refused.edge;
        Conflict {
            a: self.named(edge.a),
            b: self.named(edge.b),
            reason: self.reason(refused.obstacle),
            source: (edge.source != MATCH).then(|| usize::from(self.same_as[usize::from(edge.source)])),
            first_seen: known_first(edge.first).filter(|_| edge.source != MATCH),
        }
    }

    fn reason(&self, obstacle: Obstacle) -> ConflictReason {
        match obstacle {
            Obstacle::Limit(identifier) => {
                let identifier = usize::from(identifier);
                let limit =
                    self.rules.identifiers[identifier].limit.expect("a limit that forbids an edge is in the rules");
                ConflictReason::Limit { identifier, limit: limit.at_least_one() }
            }
            Obstacle::Never(pin) => ConflictReason::Never { pin: pin as usize },
            Obstacle::Match(Forbidden::Linkage) => ConflictReason::Linkage,
            Obstacle::Match(Forbidden::OneToOne) => ConflictReason::OneToOne,
        }
    }

    fn named(&self, node: u32) -> IdentifierValue<'_> {
        IdentifierValue { identifier: usize::from(self.nodes.identifier(node)), value: self.nodes.value(node) }
    }
}

/// Rows of [`Resolution::identifier_rows`].
#[derive(Debug, Clone)]
pub struct IdentifierRows<'a> {
    resolution: &'a Resolution,
    /// After the last row that was given.
    cursor: RowCursor,
    /// After the last of `ahead`.
    end: RowCursor,
    shards: Range<u16>,
    /// Rows that are to be given, with the cursor after each. Where the ids of their profiles lie is random: many are fetched at once.
    ahead: std::vec::IntoIter<(IdentifierRow<'a>, RowCursor)>,
}

/// So many rows are looked up at once.
const AHEAD: usize = 256;

impl<'a> IdentifierRows<'a> {
    fn new(resolution: &'a Resolution, cursor: RowCursor, shards: Range<u16>) -> Self {
        Self { resolution, cursor, end: cursor, shards, ahead: vec![].into_iter() }
    }

    /// Where the next row is.
    pub fn cursor(&self) -> RowCursor {
        self.cursor
    }

    fn look_up(&mut self) -> Option<IdentifierRow<'a>> {
        let Resolution { rules, nodes, clustering, assignment, .. } = self.resolution;
        let at = &mut self.end;
        while usize::from(at.identifier) < rules.identifiers.len() {
            let shard = nodes.shards.get(usize::from(at.shard)).filter(|_| at.shard < self.shards.end);
            let Some(shard) = shard else {
                *at = RowCursor { identifier: at.identifier + 1, shard: self.shards.start, number: 0 };
                continue;
            };
            let mut rest = shard.names().identifiers().skip(at.number as usize);
            let Some(skip) = rest.position(|identifier| identifier == at.identifier) else {
                *at = RowCursor { shard: at.shard + 1, number: 0, ..*at };
                continue;
            };
            let number = at.number as usize + skip;
            at.number = number as u32 + 1;
            let node = nodes.start(usize::from(at.shard)) as usize + number;
            let label = clustering.labels[node];
            if label == NO_CLUSTER || assignment.unchanged.contains(node) {
                continue;
            }
            let attributes = &shard.attributes;
            let seen = attributes.values[number];
            let more = number * attributes.stride..(number + 1) * attributes.stride;
            return Some(IdentifierRow {
                identifier: usize::from(at.identifier),
                value: shard.names().value(number),
                profile_id: assignment.ids[label as usize],
                first_seen: known_first(seen.first),
                last_seen: known_last(seen.last),
                sources: SourceSet { first: seen.sources, more: &attributes.more_sources[more] },
            });
        }
        None
    }
}

impl<'a> Iterator for IdentifierRows<'a> {
    type Item = IdentifierRow<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ahead.len() == 0 {
            let mut ahead = Vec::with_capacity(AHEAD);
            while ahead.len() < AHEAD
                && let Some(row) = self.look_up()
            {
                ahead.push((row, self.end));
            }
            self.ahead = ahead.into_iter();
        }
        let Some((row, cursor)) = self.ahead.next() else {
            self.cursor = self.end;
            return None;
        };
        self.cursor = cursor;
        Some(row)
    }
}

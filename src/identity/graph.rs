//! The graph of an entity: values are nodes, and two values on one row have an edge.

use std::collections::BTreeMap;

use crate::assign::{self, Known};
use crate::evidence::Seen;
use crate::intern::{self, Receive, Ref, Shard, Staged, Unknown};
use crate::nodes::Nodes;
use crate::pins::Pins;
use crate::summary::EdgeCount;
use crate::{IdentityError, ProfileId, Resolution, Rules, TextColumn, cluster, shared};

/// All rows of all sources, and what the last run made of them.
#[derive(Debug)]
pub struct Graph {
    rules: Rules,
    flush_at: usize,
    same_as: Vec<u16>,
    nodes: Nodes,
    rows: Rows,
    staged: Staged<Known>,
}

/// Rows that link two or more values. An edge is not stored: every pair on a row is one.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    blocks: Vec<Block>,
    /// The identifier of each column of each source.
    identifiers: Vec<Vec<u8>>,
}

/// Rows that came in one after the other.
#[derive(Debug, Default)]
pub(crate) struct Block {
    /// Row after row, one for each column of its source; [`Ref::NONE`] where a value is missing.
    pub(crate) refs: Vec<Ref>,
    /// When each row was first seen.
    first: Vec<i64>,
    runs: Vec<Run>,
}

/// Neighbouring rows of one source.
#[derive(Debug)]
struct Run {
    source: u16,
    rows: u32,
}

impl Block {
    /// How much memory it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.refs.capacity() * size_of::<Ref>()
            + self.first.capacity() * size_of::<i64>()
            + self.runs.capacity() * size_of::<Run>()
    }

    /// Adds a row, whose refs follow later.
    pub(crate) fn push(&mut self, source: u16, first: i64) {
        self.first.push(first);
        match self.runs.last_mut() {
            Some(run) if run.source == source => run.rows += 1,
            _ => self.runs.push(Run { source, rows: 1 }),
        }
    }
}

impl Rows {
    /// The identifier of each column of a source.
    pub(crate) fn identifiers(&self, source: u16) -> &[u8] {
        &self.identifiers[usize::from(source)]
    }

    /// Calls `each` with the source, the time and the values of every row.
    pub(crate) fn each(&self, mut each: impl FnMut(u16, i64, &[Ref])) {
        for block in &self.blocks {
            let (mut refs, mut first) = (&block.refs[..], &block.first[..]);
            for run in &block.runs {
                let (rows, width) = (run.rows as usize, self.identifiers(run.source).len());
                let (times, values) = (first.split_off(..rows), refs.split_off(..rows * width));
                let (times, values) = times.zip(values).expect("a block holds the rows of its runs");
                for (at, row) in times.iter().zip(values.chunks_exact(width)) {
                    each(run.source, *at, row);
                }
            }
        }
    }

    /// How many pairs of values the rows hold, by source and identifiers. `same_as`: the number under which each source counts.
    fn count_edges(&self, same_as: &[u16]) -> Vec<EdgeCount> {
        // For each source, one number for each two of its columns.
        let mut pairs: Vec<Vec<u64>> = self.identifiers.iter().map(|columns| vec![0; columns.len().pow(2)]).collect();
        self.each(|source, _, row| {
            let pairs = &mut pairs[usize::from(source)];
            for (i, a) in row.iter().enumerate().filter(|(_, a)| **a != Ref::NONE) {
                for (j, b) in row.iter().enumerate().skip(i + 1) {
                    pairs[i * row.len() + j] += u64::from(*b != Ref::NONE && a != b);
                }
            }
        });
        let mut counts = BTreeMap::new();
        for ((columns, pairs), source) in self.identifiers.iter().zip(pairs).zip(same_as) {
            for (place, count) in pairs.into_iter().enumerate().filter(|(_, count)| *count > 0) {
                let (a, b) = (columns[place / columns.len()], columns[place % columns.len()]);
                *counts.entry((*source, a.min(b), a.max(b))).or_default() += count;
            }
        }
        let count = |((source, a, b), count)| EdgeCount {
            source: usize::from(source),
            identifiers: [usize::from(a), usize::from(b)],
            count,
        };
        counts.into_iter().map(count).collect()
    }

    /// Takes the nodes for which `aside` holds off every row.
    pub(crate) fn set_aside(&mut self, nodes: &Nodes, aside: &[bool]) {
        for at in self.blocks.iter_mut().flat_map(|block| &mut block.refs) {
            if nodes.node(*at).is_some_and(|node| aside[node as usize]) {
                *at = Ref::NONE;
            }
        }
    }
}

impl Graph {
    pub(crate) fn new(
        rules: Rules,
        flush_at: usize,
        same_as: Vec<u16>,
        mut shards: Vec<Shard<Seen>>,
        blocks: Vec<Block>,
    ) -> Self {
        for shard in &mut shards {
            shard.shrink();
            shard.attributes.shrink();
        }
        let identifiers = rules.sources.iter().map(|s| s.identifiers.iter().map(|i| *i as u8).collect()).collect();
        let rows = Rows { blocks, identifiers };
        let nodes = Nodes::new(shards);
        Self { rules, flush_at, same_as, nodes, rows, staged: Staged::new() }
    }

    /// How much memory the graph holds, and [`Graph::resolve`] will need besides, in bytes. Components that break a limit or hold
    /// pinned pairs take more for a while: 24 bytes for each of their edges.
    pub fn bytes_to_resolve(&self) -> usize {
        /// Sets, labels, flags, the previous profile of each value, and a share of the ids.
        const PER_VALUE: usize = 4 + 4 + 4 + 1 + 8 + 16;
        self.bytes() + self.nodes.len() * PER_VALUE
    }

    fn bytes(&self) -> usize {
        let shards: usize = self.nodes.shards.iter().map(|shard| shard.bytes() + shard.attributes.bytes()).sum();
        shards + self.rows.blocks.iter().map(Block::bytes).sum::<usize>()
    }

    /// How many distinct values there are.
    pub fn values(&self) -> usize {
        self.nodes.len()
    }

    /// Takes in rows of the last run's `<entity>_identifiers`: an identifier's name, a value, and the id of its profile.
    /// Values that no source has any more, and identifiers that the rules no longer name, only tell that a profile was there.
    ///
    /// # Errors
    /// When the columns differ in length, or a profile id is none that Kinfold makes.
    pub fn push_previous(
        &mut self,
        identifiers: &dyn TextColumn,
        values: &dyn TextColumn,
        profile_ids: &dyn TextColumn,
    ) -> Result<(), IdentityError> {
        if identifiers.len() != values.len() || identifiers.len() != profile_ids.len() {
            return Err(IdentityError::Misuse("columns of different lengths"));
        }
        for row in 0..identifiers.len() {
            let (Some(name), Some(value), Some(id)) = (identifiers.text(row), values.text(row), profile_ids.text(row))
            else {
                continue;
            };
            let id = ProfileId::parse(id).ok_or(IdentityError::ForeignProfileId)?;
            let known = Known(id);
            match self.rules.identifiers.iter().position(|rule| rule.name == name) {
                Some(identifier) => self.staged.push(identifier as u8, value, known)?,
                None => self.nodes.shards[0].attributes.miss(&known),
            }
            if self.staged.len() >= self.flush_at {
                self.flush_previous()?;
            }
        }
        Ok(())
    }

    /// Clusters the values within the limits and as pins say, and gives each profile its id.
    ///
    /// # Errors
    /// When there is no room for the last of the previous assignment, or the pins contradict each other.
    pub fn resolve(mut self) -> Result<Resolution, IdentityError> {
        self.flush_previous()?;
        drop(self.staged);
        let pins = Pins::find(&self.rules, &self.nodes)?;
        for shard in &mut self.nodes.shards {
            shard.forget();
        }
        let shared = shared::set_aside(&self.nodes, &mut self.rows, &self.rules, &pins);
        let edges = self.rows.count_edges(&self.same_as);
        let mut clustering = cluster::cluster(&self.nodes, &self.rows, &self.rules, &pins);
        drop(self.rows);
        clustering.leave_out(shared.iter().map(|value| value.node));
        let assignment = assign::assign(&self.rules, &mut self.nodes, &clustering);
        Ok(Resolution {
            rules: self.rules,
            same_as: self.same_as,
            nodes: self.nodes,
            clustering,
            assignment,
            shared,
            unused_pins: pins.unused,
            edges,
        })
    }

    fn flush_previous(&mut self) -> Result<(), IdentityError> {
        intern::flush(&mut self.nodes.shards, &mut self.staged, Unknown::Skip, &(), self.rules.threads)
    }
}

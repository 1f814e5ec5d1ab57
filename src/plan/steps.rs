//! All steps, in order.

use std::collections::{BTreeSet, HashMap};

use kinfold_base::{RunId, Timestamp};
use kinfold_lang::project::{Entity, EntityTable, Project, Segment, TableName};
use sqlparser::ast::Query;

use crate::step::{KeepTable, Output, Plan, Step, StepKind, Work};
use crate::traits::{Scans, Scratch};
use crate::{identity, matching, segments, sources, tables, traits};

/// What a plan depends on besides the project.
#[derive(Debug, Clone)]
pub struct PlanInput {
    /// The instant of the run: every `within` counts from it.
    pub as_of: Timestamp,
    pub run_id: RunId,
    /// The entities of whose records it is known how the last run compared them: of their pairs only those are made of which a
    /// record is new. Others are matched anew.
    pub matched_before: BTreeSet<String>,
}

/// Everything that one run builds.
#[must_use]
pub fn plan(project: &Project, input: &PlanInput) -> Plan {
    let mut steps = Steps::default();
    for source in &project.sources {
        let tests: Vec<usize> = sources::steps(source, input.as_of).into_iter().map(|s| steps.add(s)).collect();
        steps.ready.insert(source.name.clone(), tests);
    }
    for model in &project.models {
        let view = steps.add(Step {
            name: model.name.clone(),
            kind: StepKind::Model,
            after: steps.before(&model.reads),
            reads: names(&model.reads),
            work: Work::View { name: model.name.clone(), query: model.query.clone() },
            carries_on: false,
        });
        steps.ready.insert(TableName::bare(&model.name), vec![view]);
    }
    let mut previous = vec![];
    for entity in &project.entities {
        let segments: Vec<&Segment> = project.segments.iter().filter(|s| s.entity == entity.name).collect();
        add_entity(&mut steps, entity, &segments, input);
        let read = [
            EntityTable::Identifiers.of(&entity.name),
            tables::aliases_table(entity),
            segments::segments_table(entity),
            EntityTable::Matches.of(&entity.name),
            EntityTable::Review.of(&entity.name),
            EntityTable::Records.of(&entity.name),
        ];
        previous.extend(tables::entity_tables(entity).into_iter().filter(|(name, _)| read.contains(name)));
    }
    Plan { steps: steps.list, previous }
}

#[derive(Debug, Default)]
struct Steps {
    list: Vec<Step>,
    names: BTreeSet<String>,
    /// The steps that must be done before a table of the project is read.
    ready: HashMap<TableName, Vec<usize>>,
}

impl Steps {
    /// A name that is taken gets a number.
    fn add(&mut self, mut step: Step) -> usize {
        let mut name = step.name.clone();
        let mut n = 1;
        while !self.names.insert(name.clone()) {
            n += 1;
            name = format!("{}_{n}", step.name);
        }
        step.name = name;
        self.list.push(step);
        self.list.len() - 1
    }

    fn table(&mut self, name: String, kind: StepKind, keep: KeepTable, needs: Needs, query: Query) -> usize {
        let mut after = self.before(&needs.tables);
        after.extend(needs.steps);
        after.sort_unstable();
        after.dedup();
        let output = Output { name: name.clone(), keep };
        let work = Work::Table { output, query };
        self.add(Step { name, kind, after, reads: names(&needs.tables), work, carries_on: needs.carries_on })
    }

    fn before(&self, tables: &[TableName]) -> Vec<usize> {
        let all: BTreeSet<usize> = tables.iter().filter_map(|t| self.ready.get(t)).flatten().copied().collect();
        all.into_iter().collect()
    }
}

/// What a step reads.
#[derive(Debug, Default)]
struct Needs {
    tables: Vec<TableName>,
    steps: Vec<usize>,
    /// See [`Step::carries_on`].
    carries_on: bool,
}

fn names(tables: &[TableName]) -> Vec<String> {
    tables.iter().map(ToString::to_string).collect()
}

fn add_entity(steps: &mut Steps, entity: &Entity, segments: &[&Segment], input: &PlanInput) {
    let mut scans = Scans::new(entity, input.as_of);
    let columns = traits::collect(entity, &mut scans);
    let members = segments::collect(entity, segments, &mut scans);
    let scans = scans;

    let shared = add_shared(steps, entity, &scans);
    let keyed = |scratch: usize| shared.iter().find(|s| s.scratch == scratch);
    let resolve = identity::resolve(entity, |link| {
        let same = |s: &&Shared| std::ptr::eq(&raw const entity.links[s.link], link);
        shared.iter().find(same).map(|s| s.table.clone())
    });
    let pairs = add_pairs(steps, entity, input.matched_before.contains(&entity.name));
    let linked: Vec<TableName> = entity.links.iter().map(|l| l.table.clone()).collect();
    let own = shared.iter().map(|s| s.step).chain(pairs.into_iter().flatten());
    let mut after: Vec<usize> = steps.before(&linked).into_iter().chain(own).collect();
    after.sort_unstable();
    let identity = steps.add(Step {
        name: format!("{}_identity", entity.name),
        kind: StepKind::Identity,
        after,
        reads: names(&linked),
        work: Work::Resolve(Box::new(resolve)),
        carries_on: false,
    });
    let needs = Needs { steps: vec![identity], carries_on: true, ..Needs::default() };
    let query = identity::aliases(entity, &input.run_id, input.as_of);
    steps.table(tables::aliases_table(entity), StepKind::Identity, KeepTable::Replace, needs, query);

    let for_traits = columns.scratch(&scans);
    let mut scratch_steps = vec![];
    for (i, scratch) in scans.list.iter().enumerate() {
        let kind = if for_traits.contains(&i) { StepKind::Traits } else { StepKind::Segments };
        let (tables, query) = match scratch {
            Scratch::Scan(scan) => (vec![scan.table.clone()], scan.query(entity, keyed(i).map(|s| s.table.as_str()))),
            Scratch::Frequent(f) => (f.sources.iter().map(|s| s.table.clone()).collect(), f.query(entity)),
        };
        let before = [identity].into_iter().chain(keyed(i).map(|s| s.step)).collect();
        let needs = Needs { tables, steps: before, ..Needs::default() };
        scratch_steps.push(steps.table(scans.name(i), kind, KeepTable::Scratch, needs, query));
    }

    let from = |scratch: &[usize], also: usize| Needs {
        steps: scratch.iter().map(|i| scratch_steps[*i]).chain([also]).collect(),
        ..Needs::default()
    };
    let needs = from(&for_traits, identity);
    let profiles =
        steps.table(entity.name.clone(), StepKind::Traits, KeepTable::Replace, needs, columns.query(entity, &scans));
    let needs = from(&members.scratch(&scans), profiles);
    let query = members.query(entity, &scans, input.as_of);
    let members = segments::segments_table(entity);
    let members = steps.table(members, StepKind::Segments, KeepTable::Replace, needs, query);
    let name = EntityTable::SegmentChanges.of(&entity.name);
    let query = segments::changes(entity, input.run_id.as_str(), input.as_of);
    let needs = Needs { carries_on: true, ..from(&[], members) };
    steps.table(name, StepKind::Segments, KeepTable::Append, needs, query);
}

/// Compares records, if a model was learned; gives the steps after which the likely pairs are known, and told for the next run. `onward`: the
/// last run's are.
fn add_pairs(steps: &mut Steps, entity: &Entity, onward: bool) -> Option<Vec<usize>> {
    let (matching, model) = matching::learned(entity)?;
    let scratch =
        |steps: &mut Steps, name, needs, query| steps.table(name, StepKind::Matching, KeepTable::Scratch, needs, query);
    let tables: Vec<TableName> = matching.tables.iter().map(|table| table.table.clone()).collect();
    let fingerprint = matching::fingerprint(entity, matching, model);
    let known = matching::Onward { fingerprint: &fingerprint, is_known: onward };
    let mut needs = Needs { tables, ..Needs::default() };
    let mut keys = vec![];
    for (output, query) in matching::records(entity, matching, &matching.block_on, true, Some(known)) {
        keys.push(scratch(steps, output.name, needs, query));
        needs = Needs { steps: keys.clone(), ..Needs::default() };
    }
    if let Some(query) = matching::pairs_bound(entity, matching) {
        if matching::is_bound_by_blocks(matching) {
            // It does not wait for the table of keys, which is the last.
            keys.pop();
        }
        needs.steps.push(steps.add(Step {
            name: format!("{}_match_bound", entity.name),
            kind: StepKind::Test,
            after: keys,
            reads: vec![],
            work: Work::Bound {
                query,
                most: matching.max_pairs,
                common: matching::common_blocks(entity, matching).map(Box::new),
            },
            carries_on: false,
        }));
    }
    let table = matching::pairs_table(entity);
    let mut tables = vec![];
    for (rule, query) in matching::pairs_of_rules(entity, matching, onward).into_iter().enumerate() {
        let name = format!("{table}_{rule}");
        // One after the other: each holds what records agree in, and keeps all threads busy.
        let step = scratch(steps, name.clone(), needs, query);
        needs = Needs { steps: vec![step], ..Needs::default() };
        tables.push((name, step));
    }
    let (names, of_rules): (Vec<String>, Vec<usize>) = tables.into_iter().unzip();
    let needs = Needs { steps: of_rules, ..Needs::default() };
    let pairs = scratch(steps, table, needs, matching::likely_pairs(entity, matching, model, &names, onward)?);
    let mut last = vec![pairs];
    for table in [EntityTable::Matches, EntityTable::Review, EntityTable::Records] {
        // The next run goes on from all three.
        let needs = Needs { steps: vec![pairs], carries_on: true, ..Needs::default() };
        let query = match table {
            EntityTable::Records => matching::known(entity, matching),
            _ => matching::told(entity, matching, table),
        };
        last.push(steps.table(table.of(&entity.name), StepKind::Matching, KeepTable::Replace, needs, query));
    }
    Some(last)
}

/// A table grouped by identifiers once, for identity and for traits.
#[derive(Debug)]
struct Shared {
    scratch: usize,
    /// Index into [`Entity::links`].
    link: usize,
    table: String,
    step: usize,
}

fn add_shared(steps: &mut Steps, entity: &Entity, scans: &Scans<'_>) -> Vec<Shared> {
    let mut shared = vec![];
    for (scratch, scan) in scans.list.iter().enumerate() {
        let Scratch::Scan(scan) = scan else { continue };
        let Some(link) = entity.links.iter().position(|l| scan.groups_like(&l.table, &l.ids)) else { continue };
        let table = format!("{}_rows", scans.name(scratch));
        let needs = Needs { tables: vec![scan.table.clone()], ..Needs::default() };
        let query = scan.keyed(entity, identity::seen_at(&entity.links[link]));
        let step = steps.table(table.clone(), StepKind::Identity, KeepTable::Scratch, needs, query);
        shared.push(Shared { scratch, link, table, step });
    }
    shared
}

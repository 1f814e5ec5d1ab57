//! Runs that die at every point, in seeded schedules, against destinations that give every kind of answer.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::stream::BoxStream;
use kinfold_base::{Faults, SendBeforeLedger, SyncMode, fault_names};
use kinfold_state::Versions;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult,
};

use super::destination::{Dice, Killed, LIMITS, TestDestination, is_bad, kill};
use super::rows::{LedgerRow, TestRows, hash};
use super::{Leave, folder, job};
use crate::files::Files;
use crate::state::SyncState;
use crate::{ErrorKind, Limits, LogEntry, SyncError, SyncLog, SyncReport, run_sync};

/// Kills the process at the so-manieth crash point, or at the next one of a name.
#[derive(Debug, Default)]
struct Killer {
    points_left: Option<AtomicU64>,
    named: Option<&'static str>,
    bug: bool,
    /// From the collection on, versions vanish while they are read.
    late: Option<Arc<AtomicBool>>,
    passed: Mutex<Vec<&'static str>>,
}

impl Killer {
    fn vanishing(&self) -> Arc<AtomicBool> {
        self.late.clone().unwrap_or_default()
    }
}

impl Faults for Killer {
    fn at(&self, point: &'static str) {
        assert!(fault_names().contains(&point), "{point} is not in the list of crash points");
        self.passed.lock().unwrap().push(point);
        if let Some(late) = self.late.as_ref().filter(|_| point == "collect.before") {
            late.store(true, Ordering::SeqCst);
        }
        let last = self.points_left.as_ref().is_some_and(|left| left.fetch_sub(1, Ordering::SeqCst) == 1);
        if last || self.named == Some(point) {
            kill();
        }
    }

    fn seeded_bug(&self) -> Option<SendBeforeLedger> {
        self.bug.then_some(SendBeforeLedger)
    }
}

/// A store that dies, with the process, before or after the so-manieth write.
#[derive(Debug)]
struct Mortal {
    inner: Arc<dyn ObjectStore>,
    writes_left: Mutex<Option<u64>>,
    /// Versions vanish between their listing and their reading, as if somebody collected them just then.
    vanishing: Arc<AtomicBool>,
}

impl std::fmt::Display for Mortal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a mortal store")
    }
}

impl Mortal {
    fn dies(&self) -> bool {
        let mut left = self.writes_left.lock().unwrap();
        *left = left.map(|n| n.saturating_sub(1));
        *left == Some(0)
    }
}

#[async_trait]
impl ObjectStore for Mortal {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> object_store::Result<PutResult> {
        if self.dies() {
            kill();
        }
        let result = self.inner.put_opts(location, payload, opts).await;
        if self.dies() {
            kill();
        }
        result
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        if self.vanishing.load(Ordering::SeqCst) && location.as_ref().contains("/versions/") {
            return Err(object_store::Error::NotFound { path: location.to_string(), source: "collected".into() });
        }
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// Runs that were recorded, by id.
#[derive(Debug, Default)]
struct TestLog(Mutex<BTreeMap<String, SyncReport>>);

#[async_trait]
impl SyncLog for TestLog {
    async fn record(&self, entry: &LogEntry) -> Result<(), SyncError> {
        assert!(!entry.plan_files.is_empty());
        check_report(&entry.report);
        self.0.lock().unwrap().insert(entry.report.run_id.clone(), entry.report.clone());
        Ok(())
    }
}

/// Every planned row is in exactly one state.
fn check_report(r: &SyncReport) {
    let ended = r.acknowledged + r.rejected + r.retry + r.unknown + r.pending;
    assert_eq!(r.added + r.updated + r.removed, ended, "{r:?}");
}

/// How the process of one run ended.
#[derive(Debug)]
enum End {
    Report(Box<SyncReport>),
    Error,
    Killed,
}

/// A world in which runs follow one another.
struct World {
    store: Arc<dyn ObjectStore>,
    rows: TestRows,
    destination: Arc<TestDestination>,
    log: TestLog,
    dice: Dice,
    runs: usize,
    runtime: tokio::runtime::Runtime,
}

impl World {
    fn new(seed: u64, mode: SyncMode, on_leave: Leave, limits: Limits) -> Self {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        Self {
            rows: TestRows::new(mode, on_leave, &store),
            store,
            destination: Arc::new(TestDestination::new(seed, limits)),
            log: TestLog::default(),
            dice: Dice(seed ^ 0xABCD),
            runs: 0,
            runtime: tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap(),
        }
    }

    /// Changes what is wanted: some rows come, some go, some get other values, some of which are bad, some keys are doubled.
    fn change(&mut self) {
        let mut wanted = self.rows.wanted.lock().unwrap();
        for _ in 0..self.dice.below(12) {
            let key = format!("k{:02}", self.dice.below(20));
            wanted.retain(|(k, _)| k.as_ref() != Some(&key));
            let value = match self.dice.below(10) {
                0..3 => continue,
                3 => format!("bad{}", self.dice.below(3)),
                4 => {
                    wanted.push((Some(key.clone()), Some("twice".to_owned())));
                    "twice".to_owned()
                }
                _ => format!("v{}", self.dice.below(4)),
            };
            wanted.push((Some(key), Some(value)));
        }
    }

    fn run(&mut self, killer: Killer, writes: Option<u64>, full: bool) -> (End, Arc<Killer>) {
        self.runs += 1;
        let store: Arc<dyn ObjectStore> = Arc::new(Mortal {
            inner: Arc::clone(&self.store),
            writes_left: Mutex::new(writes),
            vanishing: killer.vanishing(),
        });
        let killer = Arc::new(killer);
        let mut job = job(&self.rows, Arc::clone(&self.destination) as _, &store, self.runs);
        job.faults = Arc::clone(&killer) as _;
        job.log = Some(&self.log);
        job.full = full;
        let result = std::panic::catch_unwind(AssertUnwindSafe(|| self.runtime.block_on(run_sync(&job))));
        *self.destination.kill_in.lock().unwrap() = None;
        let end = match result {
            Ok(Ok(report)) => {
                check_report(&report);
                End::Report(Box::new(report))
            }
            Ok(Err(error)) => {
                assert_eq!(error.kind, ErrorKind::Outside, "{error}");
                End::Error
            }
            Err(panic) if panic.is::<Killed>() => End::Killed,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        (end, killer)
    }

    fn state(&self) -> (SyncState, BTreeMap<String, LedgerRow>) {
        self.runtime.block_on(async {
            let versions = Versions::<SyncState>::new(Arc::clone(&self.store), folder(&self.store).prefix);
            let state = versions.latest().await.unwrap().map(|v| v.body).unwrap_or_default();
            let urls = Files::new(folder(&self.store)).urls(state.ledger.as_deref());
            let ledger = self.rows.ledger(&urls).await.unwrap();
            (state, ledger)
        })
    }

    /// What must hold after every death.
    fn check(&self, seed: u64) {
        let (state, ledger) = self.state();
        let contents = self.destination.contents.lock().unwrap();
        for (key, row) in &ledger {
            if let Some(hash) = &row.hash {
                let delivered = contents.delivered.contains(&(key.clone(), hash.clone()));
                assert!(delivered, "seed {seed}: {key} counts as acknowledged and was never delivered");
                assert!(row.held, "seed {seed}: {key} was acknowledged and is not held");
            }
            // With an open plan, newer values may be there that the ledger does not know yet.
            if state.plan.is_none() && row.state == "acknowledged" && self.rows.mode != SyncMode::Insert {
                let there = contents.rows.get(key).map(|v| hash(v.as_deref()));
                assert_eq!(there, row.hash, "seed {seed}: {key} is not as it was acknowledged");
            }
        }
        if state.plan.is_none() {
            for key in contents.rows.keys() {
                assert!(ledger.get(key).is_some_and(|l| l.held), "seed {seed}: {key} is there and nobody knows it");
            }
        }
    }

    /// After runs without trouble the destination holds what is wanted, and a further run sends nothing.
    fn settle(&mut self, seed: u64) {
        *self.destination.trouble.lock().unwrap() = 0;
        for _ in 0..2 {
            let (end, _) = self.run(Killer::default(), None, false);
            assert!(matches!(end, End::Report(_)), "seed {seed}: {end:?}");
        }
        self.check(seed);
        let requests = self.destination.contents.lock().unwrap().requests.len();
        let replaced = self.destination.contents.lock().unwrap().replaced;
        let (end, _) = self.run(Killer::default(), None, false);
        let End::Report(report) = end else { panic!("seed {seed}: {end:?}") };
        assert_eq!(report.added + report.updated + report.removed, 0, "seed {seed}: {report:?}");
        assert_eq!(self.destination.contents.lock().unwrap().requests.len(), requests, "seed {seed}");
        assert_eq!(self.destination.contents.lock().unwrap().replaced, replaced, "seed {seed}");
        self.compare(seed);
    }

    fn compare(&self, seed: u64) {
        let contents = self.destination.contents.lock().unwrap();
        let wanted = self.rows.wanted.lock().unwrap();
        let whole = self.destination.limits.whole;
        let count = |key: &Option<String>| wanted.iter().filter(|(k, _)| k == key).count();
        for (key, value) in wanted.iter().filter(|(k, _)| count(k) == 1) {
            let key = key.as_ref().unwrap();
            let there = contents.rows.get(key);
            if is_bad(value.as_deref()) && !whole {
                continue;
            }
            if self.rows.mode == SyncMode::Insert {
                let added = contents.inserted.iter().any(|(k, _)| k == key);
                assert!(added, "seed {seed}: {key} was never inserted");
            } else {
                assert_eq!(there, Some(value), "seed {seed}: {key}");
            }
        }
        for (key, value) in &contents.rows {
            let gone = !wanted.iter().any(|(k, _)| k.as_ref() == Some(key));
            match self.rows.on_leave {
                Leave::Delete => assert!(!gone, "seed {seed}: {key} left and is still there"),
                Leave::Clear => assert!(!gone || value.is_none(), "seed {seed}: {key} left and is not cleared"),
                Leave::Nothing => {}
            }
        }
    }
}

/// A life of several runs, most of which die; checked after each.
fn live(seed: u64, mode: SyncMode, on_leave: Leave, limits: Limits, bug: bool) -> World {
    let mut world = World::new(seed, mode, on_leave, limits);
    for _ in 0..5 {
        world.change();
        *world.destination.trouble.lock().unwrap() = [0, 20, 60][usize::try_from(world.dice.below(3)).unwrap()];
        let mut killer = Killer { bug, ..Killer::default() };
        let mut writes = None;
        match world.dice.below(5) {
            0 => {}
            1 => writes = Some(1 + world.dice.below(20)),
            2 => *world.destination.kill_in.lock().unwrap() = Some(1 + world.dice.below(6)),
            _ => killer.points_left = Some(AtomicU64::new(1 + world.dice.below(40))),
        }
        let full = world.dice.below(8) == 0;
        world.run(killer, writes, full);
        world.check(seed);
    }
    world.settle(seed);
    world
}

const SEEDS: u64 = 150;

#[test]
fn upserts_survive_death_at_any_point() {
    for seed in 0..SEEDS {
        for on_leave in [Leave::Delete, Leave::Clear, Leave::Nothing] {
            live(seed, SyncMode::Upsert, on_leave, LIMITS, false);
        }
    }
}

#[test]
fn whole_sets_survive_death_at_any_point() {
    for seed in 0..SEEDS {
        live(seed, SyncMode::Mirror, Leave::Delete, Limits { whole: true, ..LIMITS }, false);
    }
}

#[test]
fn appends_lose_nothing() {
    for seed in 0..SEEDS {
        live(seed, SyncMode::Insert, Leave::Nothing, LIMITS, false);
    }
}

#[test]
fn a_crash_doubles_no_more_appends_than_were_in_flight() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed, SyncMode::Insert, Leave::Nothing, LIMITS);
        let rows: Vec<_> = (0..40).map(|i| (Some(format!("k{i:02}")), Some("v".to_owned()))).collect();
        *world.rows.wanted.lock().unwrap() = rows;
        let killer = Killer { points_left: Some(AtomicU64::new(5 + world.dice.below(50))), ..Killer::default() };
        world.run(killer, None, false);
        world.check(seed);
        world.settle(seed);
        let contents = world.destination.contents.lock().unwrap();
        let doubled = contents.inserted.len() - 40;
        assert!(doubled <= LIMITS.batch_rows * LIMITS.concurrency, "seed {seed}: {doubled} rows came twice");
    }
}

#[test]
fn a_death_at_each_named_point_is_made_good() {
    let mut visited = vec![];
    for point in fault_names() {
        // The first run has something to recover and to log, so that all points are passed.
        for after in ["send.after", "ledger.after_commit"] {
            let mut world = World::new(7, SyncMode::Upsert, Leave::Delete, LIMITS);
            world.rows.set(&[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1"), ("e", "1")]);
            world.run(Killer { named: Some(after), ..Killer::default() }, None, false);
            world.rows.set(&[("a", "2"), ("b", "1"), ("f", "1")]);
            let (end, killer) = world.run(Killer { named: Some(point), ..Killer::default() }, None, false);
            if matches!(end, End::Killed) {
                assert_eq!(killer.passed.lock().unwrap().last(), Some(point));
                visited.push(*point);
            }
            world.check(7);
            world.settle(7);
            let contents = world.destination.contents.lock().unwrap();
            let there: Vec<_> = contents.rows.iter().map(|(k, v)| (k.as_str(), v.as_deref().unwrap())).collect();
            assert_eq!(there, [("a", "2"), ("b", "1"), ("f", "1")], "{point}");
        }
    }
    for point in fault_names() {
        assert!(visited.contains(point), "{point} was never passed");
    }
}

#[test]
fn runs_are_logged_even_if_the_process_dies_before() {
    let mut world = World::new(1, SyncMode::Upsert, Leave::Delete, LIMITS);
    world.rows.set(&[("a", "1"), ("b", "1")]);
    let (end, _) = world.run(Killer { named: Some("log.before_write"), ..Killer::default() }, None, false);
    assert!(matches!(end, End::Killed));
    assert!(world.log.0.lock().unwrap().is_empty());
    world.run(Killer::default(), None, false);
    let log = world.log.0.lock().unwrap();
    assert_eq!(log["run00001"].acknowledged, 2);
    // The second run had nothing to do.
    assert_eq!(log.len(), 1);
}

#[test]
fn old_state_is_collected() {
    let mut world = World::new(1, SyncMode::Upsert, Leave::Delete, LIMITS);
    for i in 0..20 {
        world.rows.set(&[("a", &i.to_string()), ("b", "1")]);
        world.run(Killer::default(), None, false);
    }
    let files = world.runtime.block_on(async { Files::new(folder(&world.store)).list("").await.unwrap() });
    // Three versions, a boundary, and the data that these versions name.
    assert!(files.len() <= 12, "{files:#?}");
    world.check(1);
}

#[test]
fn a_collector_that_was_left_behind_takes_nothing() {
    let mut world = World::new(1, SyncMode::Upsert, Leave::Delete, LIMITS);
    world.rows.set(&[("a", "1"), ("b", "1")]);
    world.run(Killer::default(), None, false);
    let (end, _) = world.run(Killer { late: Some(Arc::default()), ..Killer::default() }, None, false);
    assert!(matches!(end, End::Report(_)), "{end:?}");
    assert_eq!(world.state().1.len(), 2);
}

/// The mistake that a kill test must see: the ledger claims rows before their outcomes are known.
#[test]
fn the_seeded_bug_is_caught() {
    let caught = (0..40).filter(|seed| {
        let silent = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let mut world = World::new(*seed, SyncMode::Upsert, Leave::Delete, LIMITS);
            world.rows.set(&[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1"), ("e", "1")]);
            let killer = Killer { named: Some("send.before"), bug: true, ..Killer::default() };
            let (end, _) = world.run(killer, None, false);
            assert!(matches!(end, End::Killed));
            world.violation().is_none()
        }));
        !silent.unwrap_or(false)
    });
    assert_eq!(caught.count(), 40);
    let mut sound = World::new(1, SyncMode::Upsert, Leave::Delete, LIMITS);
    sound.rows.set(&[("a", "1"), ("b", "1")]);
    sound.run(Killer { named: Some("send.before"), ..Killer::default() }, None, false);
    assert_eq!(sound.violation(), None);
}

impl World {
    /// A row that counts as acknowledged and was never delivered.
    fn violation(&self) -> Option<String> {
        let (_, ledger) = self.state();
        let contents = self.destination.contents.lock().unwrap();
        ledger.into_iter().find_map(|(key, row)| {
            let delivered = contents.delivered.contains(&(key.clone(), row.hash?));
            (!delivered).then_some(key)
        })
    }
}

//! Writers that race over a store whose answers get lost and whose writes stall, under thousands of seeded schedules.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::{StateErrorKind, Versions};

/// SplitMix64: small, seeded, good enough to draw schedules.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

type Held = Vec<(Path, PutPayload, PutOptions)>;

/// A store that fails before, fails after, holds writes back until later, and lets others go first.
#[derive(Debug)]
struct Liar {
    inner: Arc<InMemory>,
    dice: Arc<Mutex<Dice>>,
    /// Of a hundred writes, so many go wrong.
    wrong: u64,
    held: Arc<Mutex<Held>>,
}

impl std::fmt::Display for Liar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a store that lies")
    }
}

impl Liar {
    fn roll(&self, n: u64) -> u64 {
        self.dice.lock().unwrap().below(n)
    }

    /// Lets the other writers run for a while.
    async fn stall(&self) {
        for _ in 0..self.roll(6) {
            tokio::task::yield_now().await;
        }
    }

    fn timeout() -> Error {
        Error::Generic { store: "liar", source: "timed out".into() }
    }
}

#[async_trait]
impl ObjectStore for Liar {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.stall().await;
        let wrong = self.roll(100) < self.wrong;
        let what = if wrong { self.roll(4) } else { 9 };
        let result = match what {
            // Never arrives.
            0 => Err(Self::timeout()),
            // Arrives, and the answer is lost.
            1 => self.inner.put_opts(location, payload, opts).await.and(Err(Self::timeout())),
            // Arrives much later, perhaps after its number was deleted.
            2 => {
                self.held.lock().unwrap().push((location.clone(), payload, opts));
                Err(Self::timeout())
            }
            // The client tries again by itself: the second try finds the first.
            3 => {
                self.inner.put_opts(location, payload.clone(), opts.clone()).await?;
                self.inner.put_opts(location, payload, opts).await
            }
            _ => self.inner.put_opts(location, payload, opts).await,
        };
        self.stall().await;
        // Something that was held back may arrive now.
        let arrived = {
            let mut held = self.held.lock().unwrap();
            if held.is_empty() || self.roll(8) != 0 { None } else { held.pop() }
        };
        if let Some((location, payload, opts)) = arrived {
            let _ = self.inner.put_opts(&location, payload, opts).await;
        }
        result
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.stall().await;
        if self.roll(100) < self.wrong / 4 {
            return Err(Self::timeout());
        }
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// What a body holds: every commit that led to it, so that a lost or doubled commit shows.
type Body = Vec<String>;

#[derive(Debug, Default)]
struct Seen {
    /// Commits that returned `Ok`, by version number.
    committed: BTreeMap<u64, String>,
    /// The highest epoch that a finished claim had when each commit *began*.
    fenced_commits: u64,
    claims: u64,
    collections: u64,
}

/// One writer's life: claim, a few commits, now and then a collection; then again.
async fn live(name: String, versions: Versions<Body>, dice: Arc<Mutex<Dice>>, notes: Arc<Mutex<Seen>>) {
    let mut serial = 0;
    let roll = |n| dice.lock().unwrap().below(n);
    for life in 0..3 {
        let id = format!("{name}.{life}");
        let Ok(mut writer) = versions.claim(&id, Vec::new).await else { continue };
        notes.lock().unwrap().claims += 1;
        for _ in 0..roll(6) {
            serial += 1;
            let mark = format!("{id}.{serial}");
            let mut body = writer.current().body.clone();
            body.push(mark.clone());
            match writer.commit(body).await {
                Ok(()) => {
                    let number = writer.current().number;
                    let before = notes.lock().unwrap().committed.insert(number, mark);
                    assert_eq!(before, None, "two commits of number {number}");
                }
                Err(e) => {
                    assert_ne!(e.kind, StateErrorKind::Bug, "{e}");
                    notes.lock().unwrap().fenced_commits += u64::from(e.kind == StateErrorKind::Fenced);
                    break;
                }
            }
            if roll(4) == 0 && writer.collect(1 + roll(3)).await.is_ok() {
                notes.lock().unwrap().collections += 1;
            }
        }
    }
}

fn simulate(seed: u64, writers: usize, wrong: u64) -> Seen {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let inner = Arc::new(InMemory::new());
        let dice = Arc::new(Mutex::new(Dice(seed)));
        let notes = Arc::new(Mutex::new(Seen::default()));
        let held = Arc::default();
        let liar = Liar { inner: Arc::clone(&inner), dice: Arc::clone(&dice), wrong, held: Arc::clone(&held) };
        let liar: Arc<dyn ObjectStore> = Arc::new(liar);
        let lives = (0..writers).map(|i| {
            let versions = Versions::<Body>::new(Arc::clone(&liar), Path::from("s"));
            tokio::spawn(live(format!("w{i}"), versions, Arc::clone(&dice), Arc::clone(&notes)))
        });
        for life in lives.collect::<Vec<_>>() {
            life.await.unwrap();
        }
        // What is still under way arrives last of all.
        let late: Held = std::mem::take(&mut *held.lock().unwrap());
        for (location, payload, opts) in late {
            let _ = inner.put_opts(&location, payload, opts).await;
        }
        let found = std::mem::take(&mut *notes.lock().unwrap());
        check(seed, &Versions::new(inner, Path::from("s")), &found).await;
        found
    })
}

/// The newest body holds every acknowledged commit, once and in the order of their numbers; the history is linear.
async fn check(seed: u64, versions: &Versions<Body>, found: &Seen) {
    let Some(latest) = versions.latest().await.unwrap() else {
        assert!(found.committed.is_empty(), "seed {seed}: commits without a version");
        return;
    };
    let places: HashMap<&str, usize> = latest.body.iter().enumerate().map(|(i, m)| (m.as_str(), i)).collect();
    assert_eq!(places.len(), latest.body.len(), "seed {seed}: a commit came twice");
    let order: Vec<usize> = found
        .committed
        .iter()
        .map(|(number, mark)| {
            assert!(*number <= latest.number, "seed {seed}: commit {number} is newer than the newest version");
            *places.get(mark.as_str()).unwrap_or_else(|| panic!("seed {seed}: commit {mark} was lost"))
        })
        .collect();
    assert!(order.is_sorted(), "seed {seed}: commits are out of order");
    let history = versions.history().await.unwrap();
    for pair in history.windows(2) {
        assert_eq!(pair[1].number, pair[0].number + 1, "seed {seed}: a gap");
        assert_eq!(pair[1].parent, pair[0].number, "seed {seed}: not linear");
        assert!(pair[1].body.starts_with(&pair[0].body), "seed {seed}: not made from its parent");
        let claim = pair[1].writer != pair[0].writer;
        assert_eq!(pair[1].epoch, pair[0].epoch + u64::from(claim), "seed {seed}: a fenced writer committed");
    }
}

#[test]
fn no_schedule_loses_a_commit_or_lets_two_writers_in() {
    let (mut fenced, mut committed, mut collections) = (0, 0, 0);
    for seed in 0..4000 {
        let found =
            simulate(seed, 2 + usize::try_from(seed % 2).unwrap(), [0, 10, 30, 60][usize::try_from(seed % 4).unwrap()]);
        fenced += found.fenced_commits;
        committed += found.committed.len();
        collections += found.collections;
    }
    // The schedules are worth something only if all of it happened.
    assert!(
        fenced > 500 && committed > 5000 && collections > 500,
        "{fenced} fenced, {committed} committed, {collections} collections"
    );
}

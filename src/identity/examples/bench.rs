//! Times the kernel on made-up customers: `cargo run --release -p kinfold-identity --example bench [CUSTOMERS]`. All on one thread.
//!
//! About 6.3 rows and 13.6 values a customer, some shared by many (kiosk cookies, family phones, shared inboxes). Making the
//! values is not counted.

#![expect(clippy::print_stdout, reason = "a program that tells figures")]
#![expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "the figures are small")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use kinfold_identity::{
    ChangeKind, Evidence, Graph, IdentifierRule, Limit, MatchRules, Novelty, Resolution, RowCursor, RowSource, Rules,
    TextColumn, TimeColumn, normalise,
};

const BATCH: usize = 8192;
const USER_ID: usize = 0;
const CRM_ID: usize = 1;
const EMAIL: usize = 2;
const PHONE: usize = 3;
const COOKIE: usize = 4;

const SOURCES: [(&str, &[usize]); 4] = [
    ("crm.contacts", &[CRM_ID, EMAIL, PHONE]),
    ("web.events", &[COOKIE, USER_ID]),
    ("shop.customers", &[USER_ID, EMAIL]),
    ("shop.orders", &[EMAIL, PHONE]),
];

fn main() {
    let customers = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(1_000_000_u64);
    let rules = rules();
    println!("{customers} customers");

    normalisers();
    println!("\nfrom nothing:");
    let first = run(&rules, customers, None);
    println!("\nagain, with the ids of the first run:");
    let second = run(&rules, customers, Some(&first));
    assert_eq!(second.changes().len(), 0, "the same rows change nothing");
    assert_eq!(second.profiles().len(), first.profiles().len());
    println!();
    plain(&rules, customers);
}

fn normalisers() {
    const COUNT: u64 = 500_000;
    type Make = fn(u64) -> String;
    type Normalise = fn(&str, &mut String) -> bool;
    let kinds: [(&str, Make, Normalise); 6] = [
        ("email", |i| format!("Customer.{i}@Mail{}.example", i % 50), |v, b| normalise::email(v, b).is_some()),
        ("email, clean", |i| format!("customer.{i}@mail{}.example", i % 50), |v, b| normalise::email(v, b).is_some()),
        ("email, José", |i| format!("José.{i}@mail{}.example", i % 50), |v, b| normalise::email(v, b).is_some()),
        ("phone +90", |i| format!("+9053{:08}", mix(i) % 100_000_000), phone),
        ("phone (0532)", |i| format!("(0532) {:03} {:04}", i % 1000, mix(i) % 10_000), phone),
        ("uuid", |i| format!("{:016X}{:016X}", mix(i), mix(!i)), |v, b| normalise::uuid(v, b).is_some()),
    ];
    for (name, make, normalise) in kinds {
        let values: Vec<String> = (0..COUNT).map(make).collect();
        let mut buffer = String::new();
        let start = cpu_secs();
        let valid = values.iter().filter(|value| normalise(value, &mut buffer)).count();
        println!("{name:>14} {:5.2} µs a value, {valid} of {COUNT} valid", (cpu_secs() - start) * 1e6 / COUNT as f64);
    }
}

fn phone(value: &str, buffer: &mut String) -> bool {
    let phone = normalise::Phone::new(Some("TR")).expect("there is Turkey");
    phone.normalise(value, buffer).is_some()
}

/// What the interner is measured against: one plain hash table of owned strings, on one thread.
fn plain(rules: &Rules, customers: u64) {
    let mut table: HashMap<(usize, Box<str>), u32> = HashMap::new();
    let took = each_batch(rules, customers, |source, batch| {
        let start = Instant::now();
        for (identifier, column) in rules.sources[source].identifiers.iter().zip(&batch.columns) {
            for value in (0..column.len()).filter_map(|row| column.text(row)) {
                let next = table.len() as u32;
                table.entry((*identifier, value.into())).or_insert(next);
            }
        }
        start.elapsed()
    });
    tell("plain table", took);
}

/// Makes all rows and hands them over, a batch at a time; sums up the time that took.
fn each_batch(rules: &Rules, customers: u64, mut each: impl FnMut(usize, &Batch) -> Duration) -> Duration {
    let mut took = Duration::ZERO;
    for (source, width) in rules.sources.iter().map(|s| s.identifiers.len()).enumerate() {
        let mut batch = Batch::new(width);
        for i in 0..rows_of(source, customers) {
            batch.add(source, i, customers);
            if batch.first.len() == BATCH || i + 1 == rows_of(source, customers) {
                took += each(source, &batch);
                batch.clear();
            }
        }
    }
    took
}

fn run(rules: &Rules, customers: u64, previous: Option<&Resolution>) -> Resolution {
    let evidence = Evidence::new(rules.clone()).expect("the rules are sound");
    let (mut rows, mut values) = (0, 0);
    let feeder = |source| evidence.feeder(source, Novelty::Fresh).expect("there is such a source");
    let mut feeders: Vec<_> = (0..rules.sources.len()).map(feeder).collect();
    let mut took = each_batch(rules, customers, |source, batch| {
        let columns: Vec<&dyn TextColumn> = batch.columns.iter().map(|c| c as _).collect();
        rows += batch.first.len();
        values += batch.first.len() * columns.len();
        let start = Instant::now();
        feeders[source].push(&columns, &batch.first, &batch.first).expect("the columns fit");
        start.elapsed()
    });
    let start = Instant::now();
    for feeder in feeders {
        feeder.finish().expect("there is room");
    }
    (0..rules.sources.len()).for_each(|source| evidence.end(source).expect("there is such a source"));
    let graph: Graph = evidence.seal().expect("there is room");
    took += start.elapsed();
    println!("{rows} rows, {values} values, {} distinct", graph.values());
    tell("intern", took);

    if let Some(previous) = previous {
        tell("previous", push_previous(&graph, previous));
    }
    let start = Instant::now();
    let resolution = graph.resolve(1).expect("there is room");
    tell("resolve", start.elapsed());

    let start = Instant::now();
    let bytes: usize = resolution
        .identifier_rows(RowCursor::default())
        .map(|row| row.value.len() + row.profile_id.text().as_str().len() + row.sources.iter().count())
        .sum();
    tell("read rows", start.elapsed());
    let count = |kind| resolution.changes().iter().filter(|c| c.kind == kind).count();
    println!(
        "{} profiles, {} conflicts, {} created, {} merged, {} split, {bytes} bytes out, peak {} MB",
        resolution.profiles().len(),
        resolution.conflicts().len(),
        count(ChangeKind::Created),
        count(ChangeKind::Merged),
        count(ChangeKind::Split),
        peak_mb(),
    );
    resolution
}

fn push_previous(graph: &Graph, previous: &Resolution) -> Duration {
    let mut feeder = graph.previous_feeder();
    let mut took = Duration::ZERO;
    let mut cursor = RowCursor::default();
    loop {
        let mut columns = [Column::default(), Column::default(), Column::default()];
        let mut rows = previous.identifier_rows(cursor);
        for row in rows.by_ref().take(BATCH) {
            columns[0].push(&previous.rules().identifiers[row.identifier].name);
            columns[1].push(row.value);
            columns[2].push(row.profile_id.text().as_str());
        }
        cursor = rows.cursor();
        if columns[0].is_empty() {
            let start = Instant::now();
            feeder.finish().expect("there is room");
            return took + start.elapsed();
        }
        let start = Instant::now();
        feeder.push(&columns[0], &columns[1], &columns[2]).expect("the ids are Kinfold's");
        took += start.elapsed();
    }
}

fn rules() -> Rules {
    let identifier = |(name, count): (&str, u32)| {
        let limit = Some(Limit { count, within_micros: None });
        IdentifierRule { name: name.into(), limit, shared_above: None }
    };
    let source = |(name, ids): &(&str, &[usize])| RowSource {
        name: (*name).into(),
        identifiers: ids.to_vec(),
        keep_rows: false,
    };
    let identifiers = [("user_id", 1), ("crm_id", 3), ("email", 5), ("phone", 3), ("cookie", 50)];
    Rules {
        entity: "customer".into(),
        identifiers: identifiers.into_iter().map(identifier).collect(),
        sources: SOURCES.iter().map(source).collect(),
        pins: vec![],
        matching: MatchRules::default(),
    }
}

fn rows_of(source: usize, customers: u64) -> u64 {
    [customers, customers * 33 / 10, customers, customers][source]
}

/// Splitmix64.
fn mix(i: u64) -> u64 {
    let mut z = i.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A column of text as Arrow lays it out.
#[derive(Default)]
struct Column {
    text: String,
    ends: Vec<usize>,
}

impl Column {
    fn push(&mut self, value: &str) {
        self.add(|text| text.write_str(value));
    }

    fn add(&mut self, write: impl FnOnce(&mut String) -> std::fmt::Result) {
        write(&mut self.text).expect("a string takes all");
        self.ends.push(self.text.len());
    }
}

impl TextColumn for Column {
    fn len(&self) -> usize {
        self.ends.len()
    }

    fn text(&self, row: usize) -> Option<&str> {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        Some(&self.text[start..self.ends[row]])
    }
}

struct Times(Vec<i64>);

impl Times {
    fn len(&self) -> usize {
        self.0.len()
    }
}

impl TimeColumn for Times {
    fn micros(&self, row: usize) -> Option<i64> {
        Some(self.0[row])
    }
}

struct Batch {
    columns: Vec<Column>,
    first: Times,
}

impl Batch {
    fn new(width: usize) -> Self {
        Self { columns: (0..width).map(|_| Column::default()).collect(), first: Times(Vec::new()) }
    }

    fn clear(&mut self) {
        self.first.0.clear();
        for column in &mut self.columns {
            column.text.clear();
            column.ends.clear();
        }
    }

    fn add(&mut self, source: usize, row: u64, customers: u64) {
        let customer = mix(row << 2 | source as u64) % customers;
        let dice = mix(row.wrapping_mul(31) + source as u64);
        for (column, identifier) in self.columns.iter_mut().zip(SOURCES[source].1) {
            column.add(|text| match *identifier {
                USER_ID => write!(text, "user-{customer}"),
                CRM_ID => write!(text, "003{customer:015}"),
                EMAIL if dice.is_multiple_of(50_000) => write!(text, "info@company{}.example", dice % 100),
                EMAIL => write!(text, "customer.{customer}@mail{}.example", customer % 50),
                PHONE => write!(text, "+9053{:08}", if dice % 40 == 3 { customer / 2 } else { customer }),
                _ if dice % 2000 == 7 => write!(text, "kiosk-{:032x}", dice % 300),
                _ => write!(text, "{:038x}", mix(dice)),
            });
        }
        self.first.0.push(1_600_000_000_000_000 + (dice % 100_000_000_000_000).cast_signed());
    }
}

fn tell(what: &str, took: Duration) {
    println!(
        "{what:>12} {:7.2} s, {:7.2} s of processor so far, peak {} MB",
        took.as_secs_f64(),
        cpu_secs(),
        peak_mb()
    );
}

/// The processor time of all threads, or 0 where the system doesn't tell. It says more than the clock on a busy machine.
fn cpu_secs() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = stat.rsplit(')').next().unwrap_or_default().split(' ').skip(12).take(2);
    ticks.filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// The largest amount of memory this process has had, or 0 where the system doesn't tell.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|kb| kb.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or_default() / 1024
}

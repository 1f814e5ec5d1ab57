//! What was read of a source is kept, and only what is new of it is read again.

use std::fs::{File, FileTimes};

use kinfold_lang::project::Format;
use kinfold_plan::{KeepTable, Resolve};

use super::resolving::{query, resolve_again, work};
use super::{CSV, Lake, output, run, source};
use crate::lake::kept;
use crate::{Engine, LakeEngine, RunContext};

const ROWS: &str = "SELECT kinfold_email(email), phone, at AS first_seen_at, at AS last_seen_at, \
    1 AS row_count, false AS unusable_0, false AS unusable_1 FROM shop.orders";

fn keeping(sql: &str) -> Resolve {
    let mut work = work();
    work.rows[0].query = query(sql);
    work.rows[0].keep = true;
    work
}

/// Resolves in a process of its own, commits, and gives each profile as its values.
async fn resolve(lake: &Lake, run: &RunContext, work: &Resolve) -> Vec<String> {
    resolve_of(lake, run, work, "orders/", CSV).await
}

async fn resolve_of(lake: &Lake, run: &RunContext, work: &Resolve, url: &str, format: Format) -> Vec<String> {
    let engine = lake.another_engine();
    engine.open_sources(&[source(&lake.path(url), format, &[])]).await.unwrap();
    let resolved = resolve_again(&engine, run, work).await.unwrap();
    assert_eq!(resolved.warnings, Vec::<String>::new());
    engine.commit(run).await.unwrap();
    engine.vacuum(kinfold_base::SignedDuration::from_hours(24 * 7)).await.unwrap();
    let sql = "select string_agg(value, ' ' order by value) from customer_identifiers group by profile_id order by 1";
    super::rows(engine.query(sql, &[]).await).await.unwrap()
}

/// Writes other rows of the same length, and pretends that nothing happened.
fn forge(lake: &Lake, name: &str, content: &str) {
    let path = lake.path(name);
    let before = std::fs::metadata(&path).unwrap();
    assert_eq!(before.len(), content.len() as u64);
    std::fs::write(&path, content).unwrap();
    let times = FileTimes::new().set_modified(before.modified().unwrap());
    File::options().write(true).open(&path).unwrap().set_times(times).unwrap();
}

async fn kept_rows(engine: &LakeEngine) -> Vec<u64> {
    // After the values comes the table of rows.
    let mut rows: Vec<u64> = engine.kept("customer").await.unwrap().iter().map(|kept| kept.tables[1].rows()).collect();
    rows.sort_unstable();
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn only_new_files_are_read() {
    let lake = Lake::new();
    lake.file("orders/1.csv", "email,phone,at\na@x.org,p1,2026-01-01\na@x.org,p1,2026-01-02\nb@x.org,,2026-01-03\n");
    lake.file("orders/2.csv", "email,phone,at\nc@x.org,p3,2026-01-01\n");
    let work = keeping(ROWS);
    assert_eq!(resolve(&lake, &run("r1"), &work).await, ["a@x.org p1", "b@x.org", "c@x.org p3"]);
    assert_eq!(kept_rows(&lake.engine).await, [3], "each combination once");

    // Nobody looks into the first file again.
    forge(&lake, "orders/1.csv", "email,phone,at\nz@x.org,p9,2026-01-01\na@x.org,p1,2026-01-02\nb@x.org,,2026-01-03\n");
    lake.file("orders/3.csv", "email,phone,at\nb@x.org,p3,2026-01-04\n");
    assert_eq!(resolve(&lake, &run("r2"), &work).await, ["a@x.org p1", "b@x.org c@x.org p3"]);
    assert_eq!(kept_rows(&lake.engine).await, [1, 3]);
    let sql =
        "select value, first_seen_at, last_seen_at from customer_identifiers where value in ('p1', 'p3') order by 1";
    let engine = lake.another_engine();
    let previous = [&work.tables.identifiers].map(|table| (table.output.name.clone(), table.columns.clone()));
    engine.open_previous(&previous).await.unwrap();
    let seen = ["p1|2026-01-01T00:00:00Z|2026-01-02T00:00:00Z", "p3|2026-01-01T00:00:00Z|2026-01-04T00:00:00Z"];
    super::check(&engine, sql, &seen).await;

    // A full run does, and keeps what it read in the place of all.
    let full = RunContext { full: true, ..run("r3") };
    assert_eq!(resolve(&lake, &full, &work).await, ["a@x.org p1", "b@x.org c@x.org p3", "p9 z@x.org"]);
    assert_eq!(kept_rows(&lake.engine).await, [5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_gone_or_corrected_link_no_more() {
    let lake = Lake::new();
    lake.file("orders/1.csv", "email,phone,at\na@x.org,p1,2026-01-01\n");
    lake.file("orders/2.csv", "email,phone,at\nb@x.org,p1,2026-01-01\n");
    lake.file("orders/3.csv", "email,phone,at\nc@x.org,p2,2026-01-01\n");
    let mut work = keeping(ROWS);
    work.identifiers[1].limit = None;
    assert_eq!(resolve(&lake, &run("r1"), &work).await, ["a@x.org b@x.org p1", "c@x.org p2"]);
    lake.file("orders/3.csv", "email,phone,at\nc@x.org,p1,2026-01-05\n");
    assert_eq!(resolve(&lake, &run("r2"), &work).await, ["a@x.org b@x.org c@x.org p1"]);
    std::fs::remove_file(lake.path("orders/2.csv")).unwrap();
    assert_eq!(resolve(&lake, &run("r3"), &work).await, ["a@x.org c@x.org p1"]);
    let engine = lake.another_engine();
    let changes = "select change, count(*) from customer_history group by 1 order by 1";
    engine.open_previous(&[("customer_history".to_owned(), work.tables.history.columns.clone())]).await.unwrap();
    super::check(&engine, changes, &["created|2", "merged|1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_rules_read_everything_anew() {
    let lake = Lake::new();
    lake.file("orders/1.csv", "email,phone,at\na@x.org,p1,2026-01-01\nb@x.org,P1,2026-01-02\n");
    let plain = keeping(ROWS);
    assert_eq!(resolve(&lake, &run("r1"), &plain).await, ["P1 b@x.org", "a@x.org p1"]);
    let lower = keeping(&ROWS.replace("phone", "kinfold_lower(phone)"));
    let mut unlimited = lower.clone();
    unlimited.identifiers[0].limit = None;
    assert_eq!(resolve(&lake, &run("r2"), &unlimited).await, ["a@x.org b@x.org p1"]);
    assert_eq!(kept_rows(&lake.engine).await, [2], "what is of no use any more is gone");
    // Limits are no part of what was read.
    forge(&lake, "orders/1.csv", "email,phone,at\nz@x.org,p9,2026-01-01\nb@x.org,P1,2026-01-02\n");
    let mut limited = lower.clone();
    limited.identifiers[0].limit = limited.identifiers[1].limit;
    assert_eq!(resolve(&lake, &run("r3"), &limited).await, ["a@x.org p1", "b@x.org"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_more_than_one_table_is_needed_for_is_one_part() {
    let lake = Lake::new();
    lake.file("orders/1.csv", "email,phone,at\na@x.org,p1,2026-01-01\n");
    lake.file("orders/2.csv", "email,phone,at\na@x.org,p2,2026-01-01\n");
    let newest = keeping(
        "SELECT email, max(phone), min(at) AS first_seen_at, max(at) AS last_seen_at, \
         count(*) AS row_count, false AS unusable_0, false AS unusable_1 FROM shop.orders GROUP BY email",
    );
    assert_eq!(resolve(&lake, &run("r1"), &newest).await, ["a@x.org p2"]);
    forge(&lake, "orders/1.csv", "email,phone,at\na@x.org,p9,2026-01-01\n");
    assert_eq!(resolve(&lake, &run("r2"), &newest).await, ["a@x.org p2"], "nothing changed, nothing is read");
    lake.file("orders/3.csv", "email,phone,at\nb@x.org,p3,2026-01-01\n");
    assert_eq!(resolve(&lake, &run("r3"), &newest).await, ["a@x.org p9", "b@x.org p3"]);
    // What may come out otherwise each time is not kept.
    let drawn = keeping(&format!("{ROWS} WHERE random() < 2"));
    assert_eq!(resolve(&lake, &run("r4"), &drawn).await, ["a@x.org p2", "b@x.org p3", "p9"].map(str::to_owned));
    assert_eq!(kept_rows(&lake.engine).await, [0; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_stays_that_no_run_uses() {
    let lake = Lake::new();
    lake.file("orders/1.csv", "email,phone,at\na@x.org,p1,2026-01-01\n");
    let keeping = keeping(ROWS);
    let mut rehearsal = keeping.clone();
    rehearsal.rows[0].keep = false;
    rehearsal.tables.identifiers.output.keep = KeepTable::Scratch;
    let mut shared = keeping.clone();
    shared.rows[0].keep = false;
    for (work, rows) in [(&keeping, vec![1]), (&rehearsal, vec![1]), (&shared, vec![])] {
        let engine = lake.another_engine();
        engine.open_sources(&[source(&lake.path("orders/"), CSV, &[])]).await.unwrap();
        resolve_again(&engine, &run("r"), work).await.unwrap();
        assert_eq!(kept_rows(&engine).await, rows);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delta_table_is_read_by_its_files() {
    let lake = Lake::new();
    let write = async |rows: &str, name: &str| {
        let run = run(name);
        let sql = format!("SELECT * FROM (VALUES {rows}) AS t(email, phone, at)");
        lake.engine.create_table(&run, &output("orders", KeepTable::Append), &sql).await.unwrap();
        lake.engine.commit(&run).await.unwrap();
    };
    let work = keeping(&ROWS.replace(" at AS", " cast(at as timestamp) AS"));
    let delta = async |name: &str| {
        let files = lake.path("lake/kinfold/orders");
        resolve_of(&lake, &run(name), &work, files.strip_prefix(&lake.path("")).unwrap(), Format::Delta).await
    };
    write("('a@x.org', 'p1', '2026-01-01')", "w1").await;
    assert_eq!(delta("r1").await, ["a@x.org p1"]);
    write("('b@x.org', 'p2', '2026-01-02'), ('a@x.org', '', '2026-01-03')", "w2").await;
    assert_eq!(delta("r2").await, ["a@x.org p1", "b@x.org p2"]);
    assert_eq!(kept_rows(&lake.engine).await, [1, 2]);
    // The table is replaced: none of its files is what it was.
    let run = run("w3");
    let sql = "SELECT 'b@x.org' AS email, 'p2' AS phone, '2026-01-02' AS at";
    lake.engine.create_table(&run, &output("orders", KeepTable::Replace), sql).await.unwrap();
    lake.engine.commit(&run).await.unwrap();
    assert_eq!(delta("r3").await, ["b@x.org p2"]);
    assert_eq!(kept_rows(&lake.engine).await, [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_may_be_gone_or_broken_off() {
    let lake = Lake::new();
    lake.file("orders/1.csv", "email,phone,at\na@x.org,p1,2026-01-01\n");
    let work = keeping(ROWS);
    resolve(&lake, &run("r1"), &work).await;
    let shelf = lake.dir.path().join("lake/kinfold/_kept/customer");
    let folder = std::fs::read_dir(&shelf).unwrap().map(|e| e.unwrap().path()).find(|p| p.is_dir()).unwrap();
    // A run that died before it was done has left rows that nothing names.
    let manifest = folder.with_extension("json");
    std::fs::remove_file(&manifest).unwrap();
    assert_eq!(resolve(&lake, &run("r2"), &work).await, ["a@x.org p1"]);
    assert_eq!(kept_rows(&lake.engine).await, [1]);
    assert!(folder.exists(), "it may belong to a run that goes on");
    let later = kinfold_base::Clock::now(&kinfold_base::SystemClock) + kinfold_base::SignedDuration::from_hours(72);
    kept::sweep(&lake.engine.tables, later).await.unwrap();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    assert_eq!(resolve(&lake, &run("r3"), &work).await, ["a@x.org p1"]);

    // As another version named files.
    let manifest = || {
        let mut found = std::fs::read_dir(&shelf).unwrap().map(|e| e.unwrap().path());
        found.find(|path| path.extension().is_some_and(|ending| ending == "json")).unwrap()
    };
    let other = manifest();
    std::fs::write(&other, r#"{"about": "", "files": [{"name": "1.parquet", "bytes": 1, "rows": 1}]}"#).unwrap();
    kept::sweep(&lake.engine.tables, kinfold_base::Clock::now(&kinfold_base::SystemClock)).await.unwrap();
    assert!(other.exists(), "it may be of a run that goes on");
    kept::sweep(&lake.engine.tables, later).await.unwrap();
    assert!(!other.exists());
    assert_eq!(std::fs::read_dir(other.with_extension("")).unwrap().count(), 0);
    assert_eq!(resolve(&lake, &run("r3b"), &work).await, ["a@x.org p1"]);
    let one = std::fs::read_to_string(manifest()).unwrap();
    for damaged in
        [one.replacen("\"rows\":2", "\"rows\":99999999999", 1), one.replace("\"tables\":[[", "\"tables\":[[],[")]
    {
        assert_ne!(damaged, one);
        std::fs::write(manifest(), damaged).unwrap();
        check_healed(&lake, &work, "damaged").await;
    }

    std::fs::remove_dir_all(lake.dir.path().join("lake/kinfold/_kept")).unwrap();
    assert_eq!(resolve(&lake, &run("r4"), &work).await, ["a@x.org p1"]);

    let folder = std::fs::read_dir(&shelf).unwrap().map(|e| e.unwrap().path()).find(|p| p.is_dir()).unwrap();
    for file in std::fs::read_dir(folder).unwrap() {
        std::fs::write(file.unwrap().path(), "no Parquet").unwrap();
    }
    check_healed(&lake, &work, "_kept/customer").await;
    // Several things at once, which is told once.
    lake.file("orders/2.csv", "email,phone,at\na@x.org,p1,2026-01-02\n");
    assert_eq!(resolve(&lake, &run("r6"), &work).await, ["a@x.org p1"]);
    assert_eq!(kept_rows(&lake.engine).await, [1, 1]);
    for folder in std::fs::read_dir(&shelf).unwrap().map(|e| e.unwrap().path()).filter(|path| path.is_dir()) {
        std::fs::remove_dir_all(folder).unwrap();
    }
    check_healed(&lake, &work, "_kept/customer").await;
    // Deleted by another run, while this one knows of it.
    std::fs::remove_dir_all(manifest().with_extension("")).unwrap();
    check_healed(&lake, &work, "_kept/customer").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_is_not_at_fault_where_memory_is_short() {
    let lake = Lake::new();
    let rows: String = (0..200_000).map(|i| format!("{i:020}@x.org,p{i},2026-01-01\n")).collect();
    lake.file("orders/1.csv", format!("email,phone,at\n{rows}"));
    let work = keeping(ROWS);
    resolve(&lake, &run("r1"), &work).await;
    let kept = kept_rows(&lake.engine).await;
    let poor = lake.another_engine_with(|options| options.memory_limit_bytes = Some(16 << 20));
    poor.open_sources(&[source(&lake.path("orders/"), CSV, &[])]).await.unwrap();
    let error = resolve_again(&poor, &run("r2"), &work).await.unwrap_err();
    assert!(error.message.contains("more memory than the memory limit allows"), "{}", error.message);
    assert_eq!((kept_rows(&lake.engine).await, kept), (vec![200_000], vec![200_000]));
}

/// A run tells that what was kept is of no use, and does without; the next one finds it mended.
async fn check_healed(lake: &Lake, work: &Resolve, why: &str) {
    let engine = lake.another_engine();
    engine.open_sources(&[source(&lake.path("orders/"), CSV, &[])]).await.unwrap();
    let warnings = resolve_again(&engine, &run("h1"), work).await.unwrap().warnings;
    let is_told = |warning: &String| warning.contains("of shop.orders is of no use") && warning.contains(why);
    assert!(warnings.len() == 1 && warnings.iter().all(is_told), "{warnings:?}");
    assert_eq!(resolve(lake, &run("h2"), work).await, ["a@x.org p1"]);
    assert_eq!(kept_rows(&lake.engine).await, [1]);
}

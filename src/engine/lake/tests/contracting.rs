//! Components by SQL alone, against the clustering kernel's.

use std::collections::HashMap;

use kinfold_lang::project::IdentifierType;
use kinfold_plan::{Contraction, Resolve, ResolveIdentifier, ResolveRows};

use super::resolving::{query, resolve_again, work};
use super::{CSV, Lake, rows, run};
use crate::{Components, Engine, contract};

/// `a`, `b` and `c`, empty if missing, and whether the row is of the source that has a `b`.
type Row = ([String; 3], bool);

/// No limits, and a source for each condition.
fn over(identifiers: &[&str], sources: &[(&[usize], &str)]) -> Resolve {
    let identifier = |name: &&str| ResolveIdentifier {
        name: (*name).to_owned(),
        ty: IdentifierType::Exact,
        limit: None,
        shared_above: None,
    };
    let source = |(of, condition): &(&[usize], &str)| {
        let columns: String = of.iter().map(|i| format!("nullif({}, ''), ", identifiers[*i])).collect();
        let times = "cast(null as timestamp) AS first_seen_at, cast(null as timestamp) AS last_seen_at";
        let unusable: String = of.iter().map(|i| format!(", false AS unusable_{i}")).collect();
        ResolveRows {
            source: "shop.orders".to_owned(),
            identifiers: of.to_vec(),
            query: query(&format!(
                "SELECT {columns}{times}, 1 AS row_count{unusable} FROM shop.orders WHERE {condition}"
            )),
            keep: false,
        }
    };
    Resolve {
        identifiers: identifiers.iter().map(identifier).collect(),
        rows: sources.iter().map(source).collect(),
        ..work()
    }
}

fn both() -> Resolve {
    over(&["a", "b", "c"], &[(&[0, 1, 2], "s = 1"), (&[0, 2], "s = 2")])
}

fn one() -> Resolve {
    over(&["a", "b"], &[(&[0, 1], "true")])
}

/// Contracts the rows, and compares every value's component with its profile.
async fn check(graph: &[Row], work: &Resolve) -> Components {
    let lake = Lake::new();
    let line = |([a, b, c], has_b): &Row| format!("{a},{b},{c},{}\n", if *has_b { 1 } else { 2 });
    lake.file("rows.csv", "a,b,c,s\n".to_owned() + &graph.iter().map(line).collect::<String>());
    lake.open("rows.csv", CSV).await.unwrap();
    let run = run("r");
    let components = contract(&lake.engine, &run, &Contraction::new(work)).await.unwrap();
    resolve_again(&lake.engine, &run, work).await.unwrap();
    let ours = clusters(&lake, "select identifier, value, component from customer_components").await;
    let kernels = clusters(&lake, "select identifier, value, profile_id from customer_identifiers").await;
    assert_eq!((ours.len(), ours.len() as u64), (kernels.len(), components.values));
    for (ours, kernels) in ours.iter().zip(&kernels) {
        assert_eq!(ours, kernels);
    }
    components
}

/// Each value and the number of its cluster, counted from the first value on.
async fn clusters(lake: &Lake, sql: &str) -> Vec<(String, usize)> {
    let mut lines = rows(lake.engine.query(sql, &[]).await).await.unwrap();
    lines.sort_unstable();
    let mut numbers = HashMap::new();
    let number = |line: &String| {
        let (value, cluster) = line.rsplit_once('|').unwrap();
        let next = numbers.len();
        (value.to_owned(), *numbers.entry(cluster.to_owned()).or_insert(next))
    };
    lines.iter().map(number).collect()
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// Rows of as many small graphs, no two of which have a value in common.
fn random_graphs(count: u64) -> Vec<Row> {
    let mut random = Random(1);
    let mut graph = vec![];
    for number in 0..count {
        let (values, missing) = (1 + random.below(8), random.below(10));
        for _ in 0..random.below(13) {
            let row = std::array::from_fn(|_| {
                let value = random.below(values);
                if random.below(10) < missing { String::new() } else { format!("{number}-{value}") }
            });
            graph.push((row, random.below(3) > 0));
        }
    }
    graph
}

/// A row of an `a` and a `b`.
fn pair(a: u64, b: u64) -> Row {
    ([format!("v{a}"), format!("v{b}"), String::new()], true)
}

/// `values` in a row, each linked with the next.
fn chain(values: u64) -> Vec<Row> {
    (1..values).map(|i| pair(i / 2, i.div_ceil(2))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn components_are_the_kernels_clusters_in_two_thousand_random_graphs() {
    check(&random_graphs(2000), &both()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn components_are_the_kernels_clusters_where_most_of_a_graph_hangs_together() {
    let mut random = Random(2);
    let graph: Vec<Row> = (0..3000).map(|_| pair(random.below(2000), random.below(2000))).collect();
    let components = check(&graph, &one()).await;
    assert!((2..30).contains(&components.rounds), "{components:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rounds_grow_with_the_logarithm_of_the_graph() {
    for (values, most) in [(2, 1), (100, 20), (10_000, 40)] {
        let components = check(&chain(values), &one()).await;
        assert_eq!(components.values, values);
        assert!((1..=most).contains(&components.rounds), "{components:?}");
    }
    let star: Vec<Row> = (0..3000).map(|i| pair(0, i)).collect();
    let clique: Vec<Row> = (0..900).map(|i| pair(i / 30, i % 30)).collect();
    for graph in [star, clique] {
        assert!(check(&graph, &one()).await.rounds < 30);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_without_links_are_components_of_their_own() {
    let lone: Vec<Row> = (0..50).map(|i| pair(i % 40, i)).collect();
    let components = check(&lone, &over(&["a"], &[(&[0], "true")])).await;
    assert_eq!((components.values, components.rounds), (40, 0));

    let lake = Lake::new();
    lake.file("rows.csv", "a,b,c,s\n,,,1\n");
    lake.open("rows.csv", CSV).await.unwrap();
    let components = contract(&lake.engine, &run("r"), &Contraction::new(&both())).await.unwrap();
    assert_eq!((components.values, components.rounds), (0, 0));
}

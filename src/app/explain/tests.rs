//! The graph of a profile's values, from made-up facts. `check` of a feature takes facts as a person would say them.

use kinfold_base::Timestamp;

use super::facts::{Evidence, Facts, Id, Refusal, Rows, Sharing, Teller, Told};
use super::graph::{Edge, EdgeKind, Graph};

/// Strongest first.
const IDENTIFIERS: [&str; 4] = ["user", "crm", "email", "cookie"];

/// `email a` is a value.
fn id(text: &str) -> Id {
    let (name, value) = text.split_once(' ').unwrap();
    (IDENTIFIERS.iter().position(|i| *i == name).unwrap(), value.to_owned())
}

fn day(n: u32) -> Timestamp {
    format!("2026-01-{n:02}T00:00:00Z").parse().unwrap()
}

/// Facts under construction: two sources, `crm` and `web`, and profiles by name.
#[derive(Default)]
struct Case(Facts);

impl Case {
    fn new() -> Self {
        let sources = vec!["crm".to_owned(), "web".to_owned()];
        Self(Facts { sources, ..Facts::default() })
    }

    fn profile(mut self, name: &str, values: &[&str]) -> Self {
        self.0.members.extend(values.iter().map(|value| (id(value), name.to_owned())));
        self
    }

    /// `n` rows of a source, on one day, with these values.
    fn rows(mut self, source: usize, n: u64, on: u32, values: &[&str]) -> Self {
        let row_key = vec![("id".to_owned(), format!("r{on}"))];
        let evidence = Evidence { rows: n, first: Some(day(on)), last: Some(day(on)), row_key };
        self.0.rows.push(Rows { source, values: values.iter().map(|value| (id(value), None)).collect(), evidence });
        self
    }

    fn shared(mut self, value: &str, degree: u64) -> Self {
        let sharing = Sharing { linked: "user".to_owned(), degree };
        for (known, shared) in self.0.rows.iter_mut().flat_map(|rows| &mut rows.values) {
            if *known == id(value) {
                *shared = Some(sharing.clone());
            }
        }
        self
    }

    fn refused(mut self, a: (&str, &str), b: (&str, &str)) -> Self {
        let end = |(value, profile): (&str, &str)| (id(value), Some(profile.to_owned()));
        let rule = "limit of user is 1".to_owned();
        self.0.refused.push(Refusal { ends: [end(a), end(b)], rule, source: "crm".to_owned(), first: Some(day(1)) });
        self
    }

    fn pinned(mut self, a: &str, b: &str) -> Self {
        let rule = "pinned together: ticket 4711".to_owned();
        self.0.told.push(Told { ends: [id(a), id(b)], by: Teller::Pin, rule, score: None });
        self
    }

    fn graph(&self) -> Graph {
        Graph::new(&self.0)
    }
}

fn name(graph: &Graph, node: usize) -> String {
    let (identifier, value) = &graph.nodes[node].id;
    format!("{} {value}", IDENTIFIERS[*identifier])
}

fn edge(graph: &Graph, edge: usize) -> String {
    let [a, b] = graph.edges[edge].ends;
    format!("{} - {}", name(graph, a), name(graph, b))
}

fn edge_has(graph: &Graph, edge: &Edge, value: &str) -> bool {
    edge.ends.iter().any(|end| graph.nodes[*end].id == id(value))
}

/// The values along a chain; none if there is no chain.
fn chain(graph: &Graph, from: &str, to: &str, any: bool) -> Option<Vec<String>> {
    let [from, to] = [from, to].map(|value| graph.node(&id(value)).unwrap());
    let path = graph.chain(from, to, any)?;
    Some(graph.along(from, &path).into_iter().map(|node| name(graph, node)).collect())
}

/// Accepted edges, the weakest first, those that are bridges with their parts.
fn weakest(graph: &Graph) -> Vec<String> {
    let bridges = graph.bridges();
    let mut edges: Vec<usize> = (0..graph.edges.len()).filter(|i| graph.edges[*i].is_accepted()).collect();
    edges.sort_by_cached_key(|i| (!bridges[*i], graph.weakness(*i)));
    let parts = |i: usize| {
        let part = |part: super::bridges::Part| {
            let names: Vec<String> = part.strongest.into_iter().map(|node| name(graph, node)).collect();
            assert_eq!(names.len(), part.size);
            names.join(", ")
        };
        graph.parts(i).into_iter().map(part).collect::<Vec<_>>().join(" | ")
    };
    let told = |i: usize| if bridges[i] { format!("{}: {}", edge(graph, i), parts(i)) } else { edge(graph, i) };
    edges.into_iter().map(told).collect()
}

#[test]
fn a_chain_is_the_shortest_and_of_equals_the_strongest() {
    let case = Case::new()
        .profile("P", &["user 1", "crm 1", "email a", "email b", "cookie x"])
        .rows(1, 1, 1, &["cookie x", "email a"])
        .rows(1, 9, 1, &["email a", "email b"])
        .rows(0, 1, 1, &["email b", "crm 1"])
        .rows(0, 1, 1, &["cookie x", "user 1"])
        .rows(0, 1, 1, &["user 1", "crm 1"]);
    let graph = case.graph();
    assert_eq!(chain(&graph, "cookie x", "crm 1", false).unwrap(), ["cookie x", "user 1", "crm 1"]);
    assert_eq!(chain(&graph, "crm 1", "cookie x", false).unwrap(), ["crm 1", "user 1", "cookie x"]);
    // Two ways of two edges: over the user, as users are stronger than emails, whatever the number of rows.
    let graph = case.rows(0, 50, 1, &["email a", "crm 1"]).graph();
    assert_eq!(chain(&graph, "cookie x", "crm 1", false).unwrap(), ["cookie x", "user 1", "crm 1"]);
    assert_eq!(chain(&graph, "email b", "email b", false).unwrap(), ["email b"]);
}

#[test]
fn of_equally_strong_ways_that_with_more_rows_is_taken() {
    let case = Case::new()
        .profile("P", &["user 1", "email a", "email b", "cookie x"])
        .rows(0, 1, 1, &["user 1", "email a"])
        .rows(0, 1, 1, &["user 1", "email b"])
        .rows(0, 3, 1, &["email b", "cookie x"])
        .rows(0, 1, 1, &["email a", "cookie x"]);
    assert_eq!(chain(&case.graph(), "cookie x", "user 1", false).unwrap(), ["cookie x", "email b", "user 1"]);
}

#[test]
fn bridges_come_first_with_what_falls_apart() {
    let graph = Case::new()
        .profile("P", &["user 1", "email a", "email b", "cookie x", "cookie y"])
        .rows(0, 5, 1, &["user 1", "email a"])
        .rows(0, 1, 2, &["email a", "email b"])
        .rows(0, 1, 2, &["user 1", "email b"])
        .rows(1, 7, 3, &["user 1", "cookie x"])
        .rows(1, 2, 3, &["cookie x", "cookie y"])
        .graph();
    assert_eq!(
        weakest(&graph),
        [
            "cookie x - cookie y: cookie y | user 1, email a, email b, cookie x",
            "user 1 - cookie x: cookie x, cookie y | user 1, email a, email b",
            "email a - email b",
            "user 1 - email b",
            "user 1 - email a",
        ]
    );
}

/// Three edges, none of which would be missed alone, and one row under all of them.
#[test]
fn an_edge_falls_with_all_that_its_rows_say() {
    let row = ["crm 1", "email a", "cookie x"];
    let case = Case::new().profile("P", &row).rows(0, 1, 1, &row);
    let apart = "cookie x | email a | crm 1";
    assert_eq!(
        weakest(&case.graph()),
        [
            format!("email a - cookie x: {apart}"),
            format!("crm 1 - cookie x: {apart}"),
            format!("crm 1 - email a: {apart}")
        ]
    );
    // A second row for two of them: only the third hangs by the first row.
    let graph = case.rows(1, 1, 2, &["crm 1", "email a"]).graph();
    assert_eq!(
        weakest(&graph),
        [
            "email a - cookie x: cookie x | crm 1, email a",
            "crm 1 - cookie x: cookie x | crm 1, email a",
            "crm 1 - email a: cookie x | email a | crm 1"
        ]
    );
}

#[test]
fn of_equally_many_rows_the_older_and_the_weaker_come_first() {
    let graph = Case::new()
        .profile("P", &["user 1", "crm 1", "email a", "cookie x", "cookie y"])
        .rows(0, 1, 3, &["user 1", "crm 1"])
        .rows(0, 1, 3, &["user 1", "email a"])
        .rows(0, 1, 3, &["user 1", "cookie x"])
        .rows(0, 1, 2, &["user 1", "cookie y"])
        .graph();
    let edges: Vec<String> = weakest(&graph).into_iter().map(|e| e.split(':').next().unwrap().to_owned()).collect();
    assert_eq!(edges, ["user 1 - cookie y", "user 1 - cookie x", "user 1 - email a", "user 1 - crm 1"]);
}

#[test]
fn a_pin_is_an_edge_without_rows_and_the_last_to_be_doubted() {
    let graph = Case::new()
        .profile("P", &["user 1", "email a", "email b"])
        .rows(0, 3, 1, &["user 1", "email a"])
        .pinned("email b", "user 1")
        .pinned("email b", "cookie elsewhere")
        .graph();
    assert_eq!(
        weakest(&graph),
        ["user 1 - email a: email a | user 1, email b", "user 1 - email b: email b | user 1, email a"]
    );
    let pin = graph.edges.iter().find(|e| e.kind == EdgeKind::Pinned).unwrap();
    assert_eq!((pin.rule.as_str(), pin.rows()), ("pinned together: ticket 4711", 0));
    assert_eq!(chain(&graph, "email a", "email b", false).unwrap(), ["email a", "user 1", "email b"]);
}

#[test]
fn a_pinned_value_that_many_share_is_linked_by_its_pin_alone() {
    let graph = Case::new()
        .profile("P", &["user 1", "email a", "cookie x"])
        .rows(0, 1, 1, &["user 1", "email a"])
        .rows(1, 1, 1, &["email a", "cookie x"])
        .rows(1, 1, 1, &["email other", "cookie x"])
        .shared("cookie x", 3)
        .pinned("cookie x", "user 1")
        .graph();
    assert_eq!(chain(&graph, "email a", "cookie x", false).unwrap(), ["email a", "user 1", "cookie x"]);
    assert_eq!(chain(&graph, "email a", "cookie x", true).unwrap(), ["email a", "user 1", "cookie x"]);
    // Others on its rows are told to be strangers, and not to be news.
    assert_eq!((graph.unseen, graph.islands("P")), (0, 1));
    let stranger = graph.edges.iter().find(|e| edge_has(&graph, e, "email other")).unwrap();
    assert_eq!(stranger.rule, "shared by many: seen with 3 values of user; a pin alone links it");
}

#[test]
fn refused_and_shared_edges_connect_only_where_nothing_else_does() {
    let case = Case::new()
        .profile("P", &["user 1", "email a"])
        .profile("Q", &["user 2", "email b"])
        .rows(0, 1, 1, &["user 1", "email a"])
        .rows(0, 1, 1, &["user 2", "email b"])
        .rows(1, 1, 1, &["email a", "cookie kiosk"])
        .rows(1, 1, 1, &["email b", "cookie kiosk"])
        .shared("cookie kiosk", 40);
    let graph = case.graph();
    assert_eq!(chain(&graph, "user 1", "user 2", false), None);
    let shared = chain(&graph, "user 1", "user 2", true).unwrap();
    assert_eq!(shared, ["user 1", "email a", "cookie kiosk", "email b", "user 2"]);
    let kiosk = graph.edges.iter().find(|e| e.kind == EdgeKind::Shared).unwrap();
    assert_eq!(kiosk.rule, "shared by many: seen with 40 values of user");

    // One refused edge rather than two to what many share.
    let graph = case.rows(0, 1, 4, &["email a", "email b"]).refused(("email a", "P"), ("email b", "Q")).graph();
    assert_eq!(chain(&graph, "user 1", "user 2", false), None);
    assert_eq!(chain(&graph, "user 1", "user 2", true).unwrap(), ["user 1", "email a", "email b", "user 2"]);
    let refused = graph.edges.iter().find(|e| e.kind == EdgeKind::Refused).unwrap();
    assert_eq!((refused.rule.as_str(), refused.rows()), ("limit of user is 1", 1));
    assert_eq!(refused.evidence[0].1.row_key, [("id".to_owned(), "r4".to_owned())]);
}

#[test]
fn a_refused_edge_whose_rows_are_gone_is_told_from_the_table() {
    let graph = Case::new().profile("P", &["user 1", "email a"]).refused(("email a", "P"), ("cookie z", "Z")).graph();
    let refused = &graph.edges[0];
    assert_eq!((refused.kind, refused.rows()), (EdgeKind::Refused, 0));
    assert_eq!((refused.evidence[0].0.as_str(), refused.evidence[0].1.first), ("crm", Some(day(1))));
    assert_eq!(graph.nodes[graph.node(&id("cookie z")).unwrap()].profile.as_deref(), Some("Z"));
    assert_eq!(graph.islands("P"), 2);
}

#[test]
fn what_no_run_has_seen_is_counted_and_links_nothing() {
    let graph = Case::new()
        .profile("P", &["user 1", "email a"])
        .rows(0, 1, 1, &["user 1", "email a"])
        .rows(0, 1, 9, &["email a", "cookie new"])
        .graph();
    assert_eq!((graph.unseen, graph.edges.len(), graph.islands("P")), (1, 1, 1));
}

#[test]
fn evidence_of_one_source_is_summed_up_with_the_key_of_its_first_row() {
    let graph = Case::new()
        .profile("P", &["user 1", "email a", "cookie x"])
        .rows(0, 2, 5, &["user 1", "email a"])
        .rows(0, 3, 2, &["user 1", "email a", "cookie x"])
        .rows(1, 4, 1, &["user 1", "email a"])
        .graph();
    let edge = graph.edges.iter().find(|e| e.rows() == 9).unwrap();
    let key = |n: u32| vec![("id".to_owned(), format!("r{n}"))];
    assert_eq!(
        edge.evidence,
        [
            ("crm".to_owned(), Evidence { rows: 5, first: Some(day(2)), last: Some(day(5)), row_key: key(2) }),
            ("web".to_owned(), Evidence { rows: 4, first: Some(day(1)), last: Some(day(1)), row_key: key(1) }),
        ]
    );
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 33).unwrap() % n
    }
}

fn any_case(numbers: &mut Numbers) -> Case {
    let values: Vec<String> = (0..8).map(|i| format!("{} {i}", IDENTIFIERS[i % 4])).collect();
    let names: Vec<&str> = values.iter().map(String::as_str).collect();
    let mut case = Case::new().profile("P", &names);
    for _ in 0..=numbers.below(9) {
        let row: Vec<&str> = names.iter().copied().filter(|_| numbers.below(4) == 0).collect();
        case = case.rows(numbers.below(2) as usize, u64::from(1 + numbers.below(3)), 1 + numbers.below(5), &row);
    }
    case
}

#[test]
fn bridges_are_those_edges_without_which_there_are_more_parts() {
    let mut numbers = Numbers(7);
    let mut found = [0, 0];
    for _ in 0..500 {
        let graph = any_case(&mut numbers).graph();
        for (i, is_bridge) in graph.bridges().into_iter().enumerate() {
            assert_eq!(graph.parts(i).len() > 1, is_bridge, "{} of {graph:#?}", edge(&graph, i));
            found[usize::from(is_bridge)] += 1;
        }
    }
    assert!(found.iter().all(|n| *n > 500), "{found:?}");
}

#[test]
fn no_result_depends_on_the_order_of_facts() {
    let mut numbers = Numbers(3);
    for _ in 0..100 {
        let mut case = any_case(&mut numbers).pinned("user 0", "cookie 3").refused(("crm 1", "P"), ("email z", "Z"));
        let told = |case: &Case| {
            let graph = case.graph();
            (weakest(&graph), chain(&graph, "user 0", "cookie 7", true), format!("{:?}", graph.edges))
        };
        let first = told(&case);
        case.0.rows.reverse();
        case.0.members.rotate_left(3);
        assert_eq!(told(&case), first);
    }
}

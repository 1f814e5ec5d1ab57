//! What is printed and drawn of made-up answers.

use kinfold_app::{
    Explained, ExplainedChain, ExplainedEdge, ExplainedEvidence, ExplainedPart, ExplainedProfile, ExplainedShared,
    ExplainedValue,
};

use super::{sketch, svg, text, tree};

/// `email a` is a value of the profile `p`.
fn value(text: &str) -> ExplainedValue {
    let (identifier, value) = text.split_once(' ').unwrap();
    ExplainedValue { identifier: identifier.to_owned(), value: value.to_owned(), profile_id: Some("p".to_owned()) }
}

fn edge(a: &str, b: &str, rows: u64) -> ExplainedEdge {
    let at = |day: u32| Some(format!("2026-01-{day:02}T00:00:00Z").parse().unwrap());
    let evidence = ExplainedEvidence {
        source: "crm.contacts".to_owned(),
        rows,
        first_seen_at: at(1),
        last_seen_at: at(if rows > 1 { 9 } else { 1 }),
        row_key: Some([("id".to_owned(), "17".into())].into_iter().collect()),
    };
    ExplainedEdge {
        a: value(a),
        b: value(b),
        rule: "seen on one row".to_owned(),
        matched: None,
        accepted: true,
        rows,
        evidence: vec![evidence],
        bridge: false,
        parts: vec![],
    }
}

fn refused(a: &str, b: &str) -> ExplainedEdge {
    let edge = ExplainedEdge { rule: "limit of user is 1".to_owned(), accepted: false, ..edge(a, b, 1) };
    ExplainedEdge { b: ExplainedValue { profile_id: Some("q".to_owned()), ..edge.b.clone() }, ..edge }
}

fn profile(values: &[&str], edges: Vec<ExplainedEdge>, refused: Vec<ExplainedEdge>) -> Explained {
    Explained::Profile(Box::new(ExplainedProfile {
        entity: "person".to_owned(),
        profile_id: "p".to_owned(),
        former_profile_id: None,
        identifiers: values.iter().map(|v| value(v)).collect(),
        edges,
        refused,
        shared: vec![],
        notes: vec![],
    }))
}

fn drawn(explained: &Explained, room: usize) -> Vec<String> {
    tree::tree(&sketch::of(explained, room)).lines().map(str::to_owned).collect()
}

#[test]
fn a_tree_follows_the_shortest_ways_and_names_what_stands_beside() {
    let edges = vec![
        edge("user 1", "email a", 3),
        edge("user 1", "email b", 1),
        edge("email a", "email b", 9),
        edge("email b", "cookie x", 2),
        edge("email a", "cookie x", 1),
    ];
    assert_eq!(
        drawn(&profile(&["user 1", "email a", "email b", "cookie x"], edges, vec![]), 30),
        [
            "  user 1",
            "  ├─ email a       crm.contacts 3 rows",
            "  └─ email b       crm.contacts 1 row",
            "     └─ cookie x   crm.contacts 2 rows",
            "",
            "  beside the tree",
            "    email a ─ cookie x   crm.contacts 1 row",
            "    email a ─ email b   crm.contacts 9 rows",
        ]
    );
}

#[test]
fn of_a_large_profile_the_part_with_the_most_rows_is_drawn() {
    let cookies: Vec<String> = (0..50).map(|i| format!("cookie {i}")).collect();
    let values: Vec<&str> = std::iter::once("user 1").chain(cookies.iter().map(String::as_str)).collect();
    let mut edges: Vec<ExplainedEdge> =
        cookies.iter().zip(1..).map(|(cookie, rows)| edge("user 1", cookie, rows)).collect();
    edges[49] = edge("cookie 48", "cookie 49", 1);
    assert_eq!(
        drawn(&profile(&values, edges, vec![]), 3),
        [
            "  user 1",
            "  ├─ … 47 more",
            "  ├─ cookie 47   crm.contacts 48 rows",
            "  └─ cookie 48   crm.contacts 49 rows",
            "     └─ … 1 more",
        ]
    );
}

#[test]
fn a_chain_is_a_line_with_all_that_is_known_of_its_edges() {
    let mut first = edge("cookie x", "user 1", 2);
    first.bridge = true;
    let part = |values: &[&str], size| ExplainedPart { size, values: values.iter().map(|v| value(v)).collect() };
    first.parts = vec![part(&["cookie x"], 1), part(&["user 1", "email a"], 7)];
    let chain = ExplainedChain {
        entity: "person".to_owned(),
        from: value("cookie x"),
        to: ExplainedValue { profile_id: Some("q".to_owned()), ..value("email b") },
        profile_ids: vec!["p".to_owned(), "q".to_owned()],
        connected: false,
        chain: vec![first, refused("user 1", "email b")],
        shared: vec![],
        notes: vec![],
    };
    assert_eq!(
        text::text(&Explained::Chain(Box::new(chain))),
        "\
cookie x is person p, email b is person q: they are not one person
what would connect them, did it link:

  cookie x
    │ seen on one row
    │ crm.contacts: 2 rows, first id 17, 2026-01-01T00:00:00Z to 2026-01-09T00:00:00Z
    │ without it: cookie x alone; user 1 with 6 others
  user 1
    ╎ links nothing: limit of user is 1
    ╎ crm.contacts: 1 row, id 17, 2026-01-01T00:00:00Z
  email b
"
    );
}

#[test]
fn edges_that_stand_and_fall_together_are_told_together() {
    let parts = || {
        let part = |name: &str| ExplainedPart { size: 1, values: vec![value(name)] };
        ["cookie x", "email a", "user 1"].map(part).to_vec()
    };
    let bridge = |a: &str, b: &str| ExplainedEdge { bridge: true, parts: parts(), ..edge(a, b, 1) };
    let edges = vec![bridge("email a", "cookie x"), bridge("user 1", "cookie x"), edge("user 1", "email a", 2)];
    let shown = text::text(&profile(&["user 1", "email a", "cookie x"], edges, vec![refused("user 1", "email b")]));
    assert!(shown.starts_with("person p: 3 values, 3 edges; without any one of 2 of them it falls apart\n"), "{shown}");
    let told = &shown[shown.find("what holds").unwrap()..];
    assert_eq!(
        told,
        "\
what holds it together, the weakest first

   1. email a ─ cookie x
      user 1 ─ cookie x
      crm.contacts: 1 row, id 17, 2026-01-01T00:00:00Z
      without it: cookie x alone; email a alone; user 1 alone

   2. user 1 ─ email a
      crm.contacts: 2 rows, first id 17, 2026-01-01T00:00:00Z to 2026-01-09T00:00:00Z

refused

  user 1 ─ email b of q
      limit of user is 1
      crm.contacts: 1 row, id 17, 2026-01-01T00:00:00Z
"
    );
}

#[test]
fn nothing_in_the_data_moves_the_cursor_or_ends_an_element() {
    let odd = "email \u{1b}[2J<b>&\"'\u{202e}";
    let answer = profile(&["user 1", odd], vec![edge("user 1", odd, 1)], vec![refused("user 1", "email <i>")]);
    let shown = text::text(&answer);
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{shown}");
    let picture = svg::draw(&answer);
    assert!(picture.contains("[2J&lt;b&gt;&amp;&quot;&apos;\u{fffd}</text>"), "{picture}");
    assert!(picture.contains("&lt;i&gt;") && !picture.contains("<i>") && !picture.contains('\u{1b}'), "{picture}");
    assert_eq!(picture.matches("stroke-dasharray").count(), 1, "{picture}");
}

#[test]
fn a_shared_value_and_a_pair_without_a_way_have_a_picture() {
    let shared = ExplainedShared {
        entity: "person".to_owned(),
        identifier: "cookie".to_owned(),
        value: "kiosk".to_owned(),
        linked_identifier: "user".to_owned(),
        degree: 40,
        profile_id: None,
    };
    let picture = svg::draw(&Explained::Shared(shared));
    assert!(picture.contains(">kiosk</text>") && picture.contains("40 values of user"), "{picture}");
    let chain = ExplainedChain {
        entity: "person".to_owned(),
        from: value("cookie x"),
        to: value("email b"),
        profile_ids: vec!["p".to_owned()],
        connected: false,
        chain: vec![],
        shared: vec![],
        notes: vec![],
    };
    let picture = svg::draw(&Explained::Chain(Box::new(chain)));
    assert!(picture.contains(">x</text>") && picture.contains(">b</text>"), "{picture}");
}

/// Whatever the shape of a graph, it has a picture, and the same each time.
#[test]
fn every_graph_has_a_picture() {
    let mut state = 1_u64;
    let mut below = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % n
    };
    for _ in 0..60 {
        let names: Vec<String> = (0..=below(14)).map(|i| format!("email {i}")).collect();
        let values: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut edges = vec![];
        for (i, a) in values.iter().enumerate() {
            for b in &values[i + 1..] {
                if below(3) == 0 {
                    edges.push(edge(a, b, 1 + below(4) as u64));
                }
            }
        }
        let refusals = (0..below(4)).map(|i| refused(values[below(values.len())], &format!("cookie {i}"))).collect();
        let answer = profile(&values, edges, refusals);
        let picture = svg::draw(&answer);
        assert!(values.iter().all(|v| picture.contains(&format!(">{}</text>", &v["email ".len()..]))), "{picture}");
        assert_eq!(picture, svg::draw(&answer));
        assert!(!picture.contains("NaN") && !picture.contains("inf"), "{picture}");
        // Wherever an edge's words are, no line goes through them, and they have its colour.
        let lines: Vec<&str> = picture.lines().collect();
        let words: Vec<[&str; 2]> =
            lines.windows(2).map(|two| [two[0], two[1]]).filter(|[_, text]| text.contains("crm.contacts")).collect();
        assert_eq!(words.len(), picture.matches("<path").count(), "{picture}");
        for [before, text] in words {
            let color = if text.contains("limit of user") { "#cc0000" } else { "#333333" };
            assert!(before.starts_with("<rect") && before.ends_with(r##"fill="#ffffff"/>"##), "{text} in {picture}");
            assert!(text.contains(color), "{text} in {picture}");
        }
    }
}

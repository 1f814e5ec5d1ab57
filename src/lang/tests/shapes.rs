//! Trees, scalars and their places.

use std::fmt::Write as _;

use kinfold_base::{Diagnostic, FileId};

use crate::yaml::{Node, Value, read};

fn tree(text: &str) -> (Option<Node>, Vec<Diagnostic>) {
    let mut diagnostics = vec![];
    let node = read(FileId(0), text, &mut diagnostics);
    (node, diagnostics)
}

/// The first text in `yaml`, and the piece of the file that each of `parts` of the text comes from.
fn places(yaml: &str, parts: &[(&str, &str)]) {
    let (node, _) = tree(yaml);
    let node = node.expect("a tree");
    let Value::Map(entries) = &node.value else { panic!("no mapping") };
    let Value::Str(text) = &entries[0].1.value else { panic!("no text") };
    for (part, expected) in parts {
        let at = text.text.find(part).unwrap_or_else(|| panic!("{:?} has no {part:?}", text.text));
        let span = text.span_of(at..at + part.len());
        assert_eq!(&yaml[span.start as usize..span.end as usize], *expected, "{part:?} of {:?}", text.text);
    }
}

#[test]
fn scalars_of_every_style_are_found_again() {
    places("a: select x from t # no\n", &[("select", "select"), ("t", "t"), ("x from t", "x from t")]);
    places("a: select x\n  from t\n", &[("select", "select"), ("from", "from")]);
    places("a: \"s \\\"q\\\" \\u00e9 é \\t end\"\n", &[("s", "s"), ("q", "q"), ("end", "end"), ("\"q", "\\\"q")]);
    places("a: 'it''s y'\n", &[("it", "it"), ("s y", "s y"), ("y", "y")]);
    places("a: 'one\n\n  two'\n", &[("one", "one"), ("two", "two")]);
    places("a: |\n  select x\n    , y\n\n  from t\n", &[("select", "select"), (", y", ", y"), ("from t", "from t")]);
    places("a: |2\n    x\n", &[("x", "x")]);
    places("a: | # note\n  'x' || \"y\"\n", &[("'x'", "'x'"), ("\"y\"", "\"y\"")]);
    places(
        "a: >-\n  select x\n  from t\n\n  where é = 1\n",
        &[("select", "select"), ("from", "from"), ("é", "é"), ("1", "1")],
    );
    places("a: \"one \\\n  two\"\n", &[("one", "one"), ("two", "two")]);
    places("a: |\r\n  one\r\n  two\r\n", &[("one", "one"), ("two", "two")]);
}

#[test]
fn lists_and_mappings_reach_to_their_end() {
    let yaml = "a: {x: [1, 2], y: {}}\nb:\n  - c: d\n    e: f\n";
    let (node, _) = tree(yaml);
    let node = node.expect("a tree");
    let span = |n: &Node| &yaml[n.span.start as usize..n.span.end as usize];
    let a = node.get("a").expect("a");
    assert_eq!(span(a), "{x: [1, 2], y: {}}");
    assert_eq!(span(a.get("x").expect("x")), "[1, 2]");
    assert_eq!(span(a.get("y").expect("y")), "{}");
    let Value::Seq(items) = &node.get("b").expect("b").value else { panic!("no list") };
    assert_eq!(span(&items[0]), "c: d\n    e: f");
}

#[test]
fn numbers_keep_their_digits_and_words_stay_words() {
    let (node, _) = tree("a: 1.50\nb: 12345678901234567890\nc: no\nd: 007\ne: 1_000\nf: 0x10\ng: true\nh: ~\n");
    let node = node.expect("a tree");
    let value = |key: &str| node.get(key).expect("there").value.clone();
    assert!(matches!(value("a"), Value::Float(digits) if digits.text == "1.50"));
    assert!(matches!(value("b"), Value::Float(digits) if digits.text == "12345678901234567890"));
    assert!(matches!(value("c"), Value::Str(text) if text.text == "no"));
    assert!(matches!(value("d"), Value::Str(text) if text.text == "007"));
    assert!(matches!(value("e"), Value::Str(text) if text.text == "1_000"));
    assert_eq!(value("f"), Value::Int(16));
    assert_eq!(value("g"), Value::Bool(true));
    assert_eq!(value("h"), Value::Null);
}

/// As [`crate::parse`] does it.
fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(32 << 20).spawn_scoped(scope, work);
        thread.expect("a thread").join().expect("no panic")
    })
}

#[test]
fn bombs_are_refused_within_bounds() {
    let mut aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..12 {
        let items = vec![format!("*a{}", i - 1); 9].join(", ");
        let _ = writeln!(aliases, "a{i}: &a{i} [{items}]");
    }
    let wide = format!("a: [{}]\n", "x, ".repeat(600_000));
    let deep_flow = "[".repeat(100_000);
    let deep_block: String = (0..500).map(|i| " ".repeat(i) + "a:\n").collect();
    let long = "a: b\n".repeat(1_000_000);
    for bomb in [&aliases, &wide, &deep_flow, &deep_block, &long] {
        let (node, diagnostics) = on_large_stack(|| tree(bomb));
        let ids: Vec<&str> = diagnostics.iter().map(|d| d.id).collect();
        assert!(node.is_none());
        assert_eq!(ids, ["yaml-too-large"], "{}: {:?}", &bomb[..20], diagnostics[0].message);
    }
}

#[test]
fn blank_files_say_nothing() {
    for blank in ["", "\n\n", "# only a comment\n", "---\n"] {
        let (node, diagnostics) = tree(blank);
        assert_eq!((node, diagnostics.len()), (None, 0));
    }
}

#[test]
fn no_text_makes_reading_panic() {
    // Every prefix of a file that has a bit of everything, and every such file with one byte replaced.
    let yaml = "a: &x [1, 'it''s', \"\\u00e9\"]\nb: |-\n  é\n\n   x\nc: {d: *x, ? e : f}\ng: >\n x\n y\n";
    for (end, _) in yaml.char_indices() {
        tree(&yaml[..end]);
        for c in ["\"", "'", "|", ":", "\t", "é", "{", "-", "\u{feff}", "\u{0}"] {
            tree(&format!("{}{c}{}", &yaml[..end], &yaml[end..]));
        }
    }
}

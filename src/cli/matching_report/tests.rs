use serde_json::{Value, json};

use super::{plotly, render};

/// What a page would take for the end of a script, for an element or for the end of a line.
const HOSTILE: [&str; 6] = [
    "</script><script>alert(1)</script>",
    "<b>bold</b>",
    "<!-- <script>",
    "&lt;i&gt;",
    "line\u{2028}separator\u{2029}",
    "{style} \"\\\u{0}",
];

/// The text of the page's element `report`.
fn data(page: &str) -> &str {
    let (_, after) = page.split_once(r#"<script type="application/json" id="report">"#).expect("the page holds data");
    after.split_once("</script>").expect("the element ends").0
}

#[test]
fn values_come_back_as_they_were() {
    let report = json!({ "entity": HOSTILE[0], "pairs": HOSTILE, "probability": 0.00012 });
    let page = render(&report);
    let read: Value = serde_json::from_str(data(&page)).expect("it is JSON");
    assert_eq!(read, report);
}

#[test]
fn values_are_text_wherever_they_are() {
    let empty = render(&json!({ "value": "" }));
    for value in HOSTILE {
        for report in [json!({ "value": value }), json!({ value: "" })] {
            let page = render(&report);
            let held = data(&page);
            assert!(!held.contains(['<', '>', '&', '\u{2028}', '\u{2029}']), "{held}");
            // Around the data, the page is the same whatever it holds.
            assert_eq!(page.replacen(held, "", 1), empty.replacen(data(&empty), "", 1));
        }
    }
}

#[test]
fn the_page_loads_nothing() {
    let page = render(&json!({}));
    let own = page.replacen(&plotly(), "", 1);
    assert_eq!(own.matches("<script").count(), 3);
    assert!(own.contains("default-src 'none'"));
    for reference in ["http:", "https:", " src=", "@import", "url(", "MathJax"] {
        assert!(!own.contains(reference), "{reference}");
    }
}

#[test]
fn scripts_make_no_html_of_values() {
    for script in super::SCRIPTS {
        for means in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!script.contains(means), "{means}");
        }
    }
}

#[test]
fn plotly_is_there_without_what_comes_with_it() {
    let script = plotly();
    assert!(script.contains("plotly.js v3"));
    assert!(!script.contains("</script"));
    assert!(!script.contains("wicked-good-xpath"), "that is of MathJax");
}

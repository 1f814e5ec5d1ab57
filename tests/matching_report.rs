//! The page of `kinfold match report` in a real browser: what it draws, what it tells, and that it asks nobody for anything.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::{Browser, Project};
use crate::{match_review, matching};

/// The width of a phone and of a desktop, in pixels, each in both colour schemes.
const LOOKS: [(u32, &str); 4] = [(1200, "light"), (400, "light"), (400, "dark"), (1200, "dark")];

/// Charts that are not as wide as their place, or have no text in the colour of the page's: they were drawn for another look.
const OUTDATED: &str = "[...document.querySelectorAll('.chart')].map((place) => [
    place.closest('section').id,
    place.clientWidth - place.querySelector('svg.main-svg').clientWidth,
    [...place.querySelectorAll('svg.main-svg text')].some((text) => getComputedStyle(text).fill === getComputedStyle(document.body).color),
  ]).filter(([, narrower, inked]) => narrower !== 0 || !inked)";

/// By section, the shapes that each chart draws of its data and that are not empty; how far the page can be scrolled to the side; and
/// how bright it is.
const DRAWN: &str = "({
  charts: [...document.querySelectorAll('.chart')].map((place) => [
    place.closest('section').id,
    [...place.querySelectorAll('svg.main-svg .trace path')].filter((path) => {
      const box = path.getBoundingClientRect();
      return box.width + box.height > 0;
    }).length,
  ]),
  scrolls: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  red: Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]),
})";

/// Presses everything once that can be pressed, and the last row of each table.
const USED: &str = "document.querySelectorAll('main :is(button, summary, input[type=checkbox], tbody tr:last-child)')
  .forEach((part) => part.click())";

/// The page as it is now, in one look; `charts` is how many there must be in each section that has any.
#[track_caller]
fn check(browser: &mut Browser, (width, scheme): (u32, &str), charts: &[(&str, usize)]) {
    browser.until(OUTDATED, &json!([]));
    let drawn = browser.evaluate(DRAWN);
    let wanted: Vec<&str> = charts.iter().flat_map(|(section, charts)| vec![*section; *charts]).collect();
    let found: Vec<&Value> = drawn["charts"].as_array().unwrap().iter().map(|chart| &chart[0]).collect();
    assert_eq!(found, wanted, "at {width} pixels, {scheme}");
    for chart in drawn["charts"].as_array().unwrap() {
        assert!(chart[1].as_u64() > Some(0), "an empty chart at {width} pixels, {scheme}: {chart}");
    }
    assert_eq!(drawn["scrolls"], 0, "scrolls to the side at {width} pixels, {scheme}");
    assert_eq!(drawn["red"].as_u64() < Some(128), scheme == "dark", "{drawn}");
    assert_eq!(browser.problems(), [""; 0], "at {width} pixels, {scheme}");
}

/// As [`check`], in all looks: of the page opened in that look, after everything on it was used, and when it changes to the next one.
#[track_caller]
fn check_all(browser: &mut Browser, page: &Path, charts: &[(&str, usize)]) {
    for (turn, look) in LOOKS.into_iter().enumerate() {
        browser.look(look.0, look.1);
        if turn > 0 {
            check(browser, look, charts);
        }
        browser.open(page);
        check(browser, look, charts);
        browser.evaluate(USED);
        check(browser, look, charts);
    }
}

/// The page that a project gives.
fn page(project: &Project) -> PathBuf {
    project.kinfold(&["match", "report", "--html", "page.html"]).expect(0);
    project.path("page.html")
}

#[test]
fn every_chart_is_drawn_and_the_threshold_moves() {
    let Some(mut browser) = Browser::start() else { return };
    let Some(project) = matching::labelled() else { return };
    project.kinfold(&["match", "train"]).expect(0);
    // So that one match is refused, which there is a chart of.
    let pin =
        "      never: [{pair: [{record: rec-1070-org}, {record: rec-1070-dup-0}], reason: twins}]\n      match:\n";
    project.edit("models/person.yml", "      match:\n", pin);
    project.run();
    let charts = [
        ("levels", 1),
        ("shares", 1),
        ("completeness", 1),
        ("rules", 1),
        ("distribution", 1),
        ("threshold", 3),
        ("pairs", 1),
        ("profiles", 1),
        ("limits", 2),
    ];
    let page = page(&project);
    check_all(&mut browser, &page, &charts);

    let report = project.kinfold(&["match", "report"]).expect(0).json;
    browser.open(&page);
    let mut figures = |key: Option<(&str, u32)>| {
        if let Some((key, code)) = key {
            browser.evaluate("document.getElementById('slider').focus()");
            let line = "document.querySelector('#threshold .chart').innerHTML";
            browser.evaluate(&format!("window.before = {line}"));
            browser.press(key, code);
            browser.until(&format!("{line} !== window.before"), &json!(true));
        }
        let figures = browser.evaluate(
            "Object.fromEntries([...document.querySelectorAll('#threshold .figures > div')].map((figure) =>
               [figure.querySelector('dt').textContent, figure.querySelector('dd').firstChild.textContent.replaceAll(',', '')]))",
        );
        assert_eq!(browser.problems(), [""; 0], "{key:?}");
        figures
    };
    let at_accept = figures(None);
    assert_eq!(at_accept["Pairs linked"], report["linked"].to_string(), "{at_accept}");
    let at_least = figures(Some(("Home", 36)));
    assert_eq!(at_least["Pairs linked"], report["compared"].to_string(), "{at_least}");
    let at_most = figures(Some(("End", 35)));
    assert_eq!((&at_most["Pairs linked"], &at_most["Recall"]), (&json!("0"), &json!("0%")), "{at_most}");
    for name in ["Threshold", "Precision", "Recall", "F1"] {
        assert!(at_accept[name] != at_least[name] && at_accept[name] != at_most[name], "{name}");
    }
}

#[test]
fn a_page_before_any_run_and_without_labels_is_drawn_too() {
    let Some(mut browser) = Browser::start() else { return };
    let charts =
        [("levels", 1), ("shares", 1), ("completeness", 1), ("rules", 1), ("distribution", 1), ("threshold", 1)];
    check_all(&mut browser, &page(&match_review::project()), &charts);
}

#[test]
fn what_no_page_may_do_is_seen() {
    let Some(mut browser) = Browser::start() else { return };
    let project = Project::empty();
    let mut check = |html: &str, problem: Option<&str>| {
        project.write("page.html", format!("<!doctype html><link rel=icon href='data:,'>{html}"));
        browser.open(&project.path("page.html"));
        let found = browser.problems();
        let seen = problem.map_or(found.is_empty(), |problem| found.iter().any(|one| one.starts_with(problem)));
        assert!(seen, "{html}: {found:#?}");
    };
    check("<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='><script>console.log('fine')</script>", None);
    check("<script>console.error('oh')</script>", Some("console: "));
    check("<script>oh()</script>", Some("exception: "));
    check("<script>Promise.reject('oh')</script>", Some("exception: "));
    check("<img src=image.png>", Some("request: \"file:"));
    for request in ["fetch('http://127.0.0.1:1/')", "navigator.sendBeacon('http://127.0.0.1:1/')"] {
        check(&format!("<script>{request}</script>"), Some("request: \"http:"));
    }
    check("<script>new WebSocket('ws://127.0.0.1:1/')</script>", Some("request: \"ws:"));
    let policy = "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'\">";
    check(&format!("{policy}<img src='http://127.0.0.1:1/'>"), Some("browser: "));
}

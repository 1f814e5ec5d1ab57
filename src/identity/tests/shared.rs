use super::*;

/// Identifiers: user id, email, cookie.
const SOURCES: &[(&str, &[usize])] = &[("web", &[0, 1, 2]), ("devices", &[2, 2])];

/// Rules by which a value of an identifier may be seen with so many others.
fn rules_above(above: [Option<u32>; 3]) -> Rules {
    let mut rules = rules(&[None; 3], SOURCES);
    rules.identifiers.iter_mut().zip(above).for_each(|(rule, above)| rule.shared_above = above);
    rules
}

fn value(identifier: usize, value: &str) -> Value {
    (identifier, value.to_owned())
}

#[test]
fn a_kiosks_cookie_links_nothing() {
    let rows: Vec<Row> = (0..3).map(|i| row([&format!("u{i}"), "", "kiosk"], i)).collect();
    let told = run(&rules_above([None, None, Some(2)]), &rows, &[], PLAIN);
    assert_eq!(told.shared, [(value(2, "kiosk"), 0, 3)]);
    assert_eq!(told.profiles.len(), 3);
    assert!(!told.values.contains_key(&value(2, "kiosk")));
    assert_eq!(told.conflicts, []);
    let kept = run(&rules_above([None, None, Some(3)]), &rows, &[], PLAIN);
    assert_eq!((kept.shared, kept.profiles.len()), (vec![], 1));
}

#[test]
fn values_are_counted_once_however_many_rows_have_them() {
    let rows: Vec<Row> = (0..100).map(|i| row([&format!("u{}", i % 2), "", "c"], i)).collect();
    assert_eq!(run(&rules_above([None, None, Some(2)]), &rows, &[], PLAIN).shared, []);
    assert_eq!(run(&rules_above([None, None, Some(1)]), &rows, &[], PLAIN).shared, [(value(2, "c"), 0, 2)]);
}

#[test]
fn no_identifiers_values_are_added_to_anothers() {
    let rows = [row(["u1", "a@x", "c"], 1), row(["u2", "b@x", "c"], 2)];
    assert_eq!(run(&rules_above([None, None, Some(2)]), &rows, &[], PLAIN).shared, []);
    // Where two are seen equally often, the stronger is told.
    assert_eq!(run(&rules_above([None, None, Some(1)]), &rows, &[], PLAIN).shared, [(value(2, "c"), 0, 2)]);
    let more = [&rows[..], &[row(["", "c@x", "c"], 3)]].concat();
    assert_eq!(run(&rules_above([None, None, Some(1)]), &more, &[], PLAIN).shared, [(value(2, "c"), 1, 3)]);
}

#[test]
fn others_of_its_own_identifier_count_and_the_value_itself_does_not() {
    let pair = |a: &str, b: &str| (1, vec![Some(a.to_owned()), Some(b.to_owned())], Some(1), Some(1));
    let rules = rules_above([None, None, Some(1)]);
    assert_eq!(run(&rules, &[pair("c", "c"), pair("c", "d")], &[], PLAIN).shared, []);
    let outcome = run(&rules, &[pair("c", "c"), pair("c", "d"), pair("e", "c")], &[], PLAIN);
    assert_eq!(outcome.shared, [(value(2, "c"), 2, 2)]);
    assert_eq!(outcome.profiles.len(), 2);
}

#[test]
fn what_is_shared_counts_for_others_and_comes_in_order() {
    // Both cookies are seen with three emails; an email is seen with the two of them, and is shared too.
    let mut rows: Vec<Row> = Vec::new();
    for email in ["a@x", "b@x", "c@x"] {
        rows.extend([row(["", email, "k1"], 1), row(["", email, "k2"], 1)]);
    }
    rows.extend((0..4).map(|i| row([&format!("u{i}"), "", "k2"], 2)));
    let outcome = run(&rules_above([None, Some(1), Some(2)]), &rows, &[], PLAIN);
    let emails = ["a@x", "b@x", "c@x"].map(|email| (value(1, email), 2, 2));
    let cookies = [(value(2, "k2"), 0, 4), (value(2, "k1"), 1, 3)];
    assert_eq!(outcome.shared, [&emails[..], &cookies].concat());
    assert_eq!(outcome.profiles.len(), 4);
}

#[test]
fn one_row_may_have_several_values_of_one_identifier() {
    let mut rules = rules(&[None; 2], &[("visits", &[0, 1, 1])]);
    rules.identifiers[0].shared_above = Some(1);
    let rows = [(0, ["a@x", "c", "d"].map(|value| Some(value.to_owned())).to_vec(), None, None)];
    assert_eq!(run(&rules, &rows, &[], PLAIN).shared, [(value(0, "a@x"), 1, 2)]);
}

#[test]
fn the_weakest_of_as_many_identifiers_as_there_may_be_is_told_too() {
    let mut rules = rules(&[None; 255], &[("web", &[0, 254])]);
    rules.identifiers[254].shared_above = Some(1);
    rules.identifiers[0].shared_above = Some(1);
    let row = |a: &str, b: &str| (0, vec![Some(a.to_owned()), Some(b.to_owned())], None, None);
    let outcome = run(&rules, &[row("u1", "k"), row("u2", "k"), row("u1", "l")], &[], PLAIN);
    assert_eq!(outcome.shared, [(value(0, "u1"), 254, 2), (value(254, "k"), 0, 2)]);
}

#[test]
fn nobody_may_be_left() {
    let rows = [row(["u1", "a@x", ""], 1)];
    let outcome = run(&rules_above([Some(0), Some(0), None]), &rows, &[], PLAIN);
    assert_eq!(outcome.shared.len(), 2);
    assert!(outcome.values.is_empty() && outcome.profiles.is_empty() && outcome.changes.is_empty());
}

#[test]
fn a_profile_whose_values_are_shared_now_goes_and_its_id_does_not_come_back() {
    let rules = rules_above([None, None, Some(1)]);
    // The id comes from u1, and stays with the cookie when u1 is gone.
    let first = run(&rules, &[row(["u1", "", "k"], 1)], &[], PLAIN);
    let second = run(&rules, &[row(["", "", "k"], 1)], &first.as_previous(), PLAIN);
    assert_eq!(second.profile(2, "k"), first.profile(0, "u1"));
    let rows = [row(["u1", "", ""], 1), row(["u2", "", "k"], 5), row(["u3", "", "k"], 6)];
    let third = run(&rules, &rows, &second.as_previous(), PLAIN);
    assert_eq!(third.shared.len(), 1);
    assert_eq!(third.profiles.len(), 3);
    assert!(!third.profiles.contains(second.profile(2, "k")));
    let gone: Vec<_> = third.changes.iter().filter(|change| change.0 != "created").collect();
    assert_eq!(gone, [&("gone".to_owned(), second.profile(2, "k").to_owned(), String::new())]);
}

use super::*;

/// Identifiers: user id, email, phone.
const SOURCES: &[(&str, &[usize])] = &[("crm", &[0, 1, 2])];

fn always(a: (usize, &str), b: (usize, &str)) -> Pin {
    pin(PinKind::Always, a, b)
}

fn never(a: (usize, &str), b: (usize, &str)) -> Pin {
    pin(PinKind::Never, a, b)
}

fn pinned(limits: [Option<u32>; 3], pins: &[Pin]) -> Rules {
    Rules { pins: pins.to_vec(), ..rules(&limits, SOURCES) }
}

const ONE: ConflictReason = ConflictReason::Limit { identifier: 0, limit: Limit { count: 1, within_micros: None } };

#[test]
fn always_joins_what_no_row_links() {
    let rows = [row(["u1", "a@x", ""], 1), row(["u2", "b@x", ""], 2)];
    let outcome = run(&pinned([None; 3], &[always((1, "b@x"), (0, "u1"))]), &rows, &[], PLAIN);
    assert_eq!(outcome.profiles.len(), 1);
    assert_eq!((outcome.conflicts, outcome.unused_pins), (vec![], vec![]));
}

#[test]
fn always_comes_before_limits_and_no_edge_makes_it_worse() {
    let rows = [
        row(["u1", "a@x", ""], 1),
        row(["u2", "b@x", ""], 2),
        row(["u2", "", "p1"], 3),
        row(["u3", "", "p1"], 4),
        row(["u3", "c@x", ""], 5),
    ];
    let outcome = run(&pinned([Some(1), None, None], &[always((0, "u1"), (0, "u2"))]), &rows, &[], PLAIN);
    assert!(outcome.is_one((0, "u1"), (0, "u2")));
    // What adds no user id is still taken in.
    for other in [(1, "a@x"), (1, "b@x"), (2, "p1")] {
        assert!(outcome.is_one((0, "u1"), other));
    }
    assert!(outcome.is_one((0, "u3"), (1, "c@x")));
    let edge = ((0, "u3".to_owned()), (2, "p1".to_owned()), ONE, "crm".to_owned(), Some(4));
    assert_eq!(outcome.conflicts, [edge]);
}

#[test]
fn spans_that_pins_filled_may_not_be_filled_further() {
    let mut rules = pinned([None; 3], &[always((0, "u1"), (0, "u2"))]);
    rules.identifiers[0].limit = Some(Limit { count: 1, within_micros: Some(10) });
    let is_one = |others: &[(&str, i64)]| {
        let mut rows = vec![row(["u1", "a@x", ""], 0), row(["u2", "", ""], 5)];
        rows.extend(others.iter().map(|(other, at)| row([other, "b@x", ""], *at)));
        rows.extend(["a@x", "b@x"].map(|email| row(["", email, "p1"], 500)));
        run(&rules, &rows, &[], PLAIN).is_one((0, "u1"), (0, others[0].0))
    };
    assert!(!is_one(&[("u3", 14)]));
    assert!(is_one(&[("u3", 15)]));
    // However many the other has, far from those that are pinned.
    let far = [("u3", 100), ("u4", 200), ("u5", 300)];
    assert!(is_one(&far));
    assert!(!is_one(&[&far[..], &[("u6", -9)]].concat()));
}

#[test]
fn never_refuses_the_last_edge_of_a_path() {
    // u1 – a@x – p1 – b@x – u2, where p1 – b@x comes last in order.
    let rows =
        [row(["u1", "a@x", ""], 1), row(["u2", "b@x", ""], 2), row(["", "a@x", "p1"], 3), row(["", "b@x", "p1"], 4)];
    let outcome = run(&pinned([None; 3], &[never((0, "u2"), (0, "u1"))]), &rows, &[], PLAIN);
    assert!(outcome.is_one((0, "u1"), (2, "p1")) && outcome.is_one((0, "u2"), (1, "b@x")));
    let reason = ConflictReason::Never { pin: 0 };
    let edge = ((1, "b@x".to_owned()), (2, "p1".to_owned()), reason, "crm".to_owned(), Some(4));
    assert_eq!(outcome.conflicts, [edge]);
    // Two that no path connects are apart anyway.
    assert_eq!(run(&pinned([None; 3], &[never((0, "u2"), (0, "u1"))]), &rows[..2], &[], PLAIN).conflicts, []);
}

#[test]
fn pins_are_told_before_limits_and_the_first_before_others() {
    let rows =
        [row(["u1", "a@x", ""], 1), row(["u2", "b@x", ""], 2), row(["", "a@x", "p1"], 3), row(["", "b@x", "p1"], 4)];
    let reasons = |pins: &[Pin]| {
        let outcome = run(&pinned([Some(1), Some(1), None], pins), &rows, &[], PLAIN);
        outcome.conflicts.iter().map(|conflict| conflict.2).collect::<Vec<_>>()
    };
    assert_eq!(reasons(&[]), [ONE]);
    let apart = [never((0, "u1"), (0, "nobody")), never((1, "b@x"), (1, "a@x")), never((0, "u1"), (0, "u2"))];
    assert_eq!(reasons(&apart), [ConflictReason::Never { pin: 1 }]);
}

#[test]
fn pins_of_values_that_no_row_has_do_nothing() {
    let rows = [row(["u1", "a@x", ""], 1), row(["u2", "", ""], 2)];
    let pins = [
        always((0, "u1"), (0, "u9")),
        always((0, "u2"), (0, "u9")),
        never((0, "u1"), (1, "a@y")),
        never((0, "u1"), (0, "u2")),
        always((1, "u1"), (0, "u1")),
        never((0, ""), (0, "")),
    ];
    let outcome = run(&pinned([None; 3], &pins), &rows, &[], PLAIN);
    assert_eq!(outcome.unused_pins, [0, 1, 2, 4, 5]);
    assert_eq!(outcome.profiles.len(), 2);
    assert_eq!(outcome.values.len(), 3);
}

#[test]
fn pins_that_contradict_each_other_are_an_error() {
    let rows = [row(["u1", "a@x", ""], 1), row(["u2", "b@x", ""], 2), row(["u3", "", ""], 3)];
    let check = |pins: &[Pin], never: Option<usize>| {
        let outcome = try_run(&pinned([None; 3], pins), &rows, &[], PLAIN);
        assert_eq!(outcome.err(), never.map(|never| IdentityError::ContradictoryPins { never }));
    };
    let (first, second) = (always((0, "u1"), (0, "u2")), always((0, "u3"), (0, "u2")));
    check(&[first.clone(), never((0, "u3"), (0, "u1"))], None);
    check(&[first.clone(), never((0, "u3"), (0, "u1")), second.clone()], Some(1));
    check(&[never((1, "a@x"), (1, "b@x")), never((0, "u3"), (0, "u1")), second, first], Some(1));
    check(&[never((0, "u1"), (0, "u1"))], Some(0));
    // A path by way of a value that no row has is none.
    check(&[always((0, "u1"), (0, "u9")), always((0, "u9"), (0, "u2")), never((0, "u1"), (0, "u2"))], None);
    let error = IdentityError::ContradictoryPins { never: 1 };
    assert_eq!(error.to_string(), "pin number 2 keeps two values apart that other pins put into one profile");
}

#[test]
fn a_shared_value_is_linked_by_pins_alone() {
    let rows: Vec<Row> = (0..3).map(|i| row([&format!("u{i}"), "info@x", ""], i)).collect();
    let mut rules = pinned([None; 3], &[always((0, "u1"), (1, "info@x"))]);
    rules.identifiers[1].shared_above = Some(2);
    let outcome = run(&rules, &rows, &[], PLAIN);
    assert_eq!(outcome.shared, [((1, "info@x".to_owned()), 0, 3)]);
    assert!(outcome.is_one((0, "u1"), (1, "info@x")));
    assert_eq!((outcome.profiles.len(), outcome.conflicts.len()), (3, 0));
    // A pin that does nothing changes nothing of it, nor does one that keeps it apart.
    rules.pins = vec![always((0, "u9"), (1, "info@x")), never((0, "u1"), (1, "info@x"))];
    let outcome = run(&rules, &rows, &[], PLAIN);
    assert_eq!((outcome.shared.len(), outcome.values.len()), (1, 3));
    assert_eq!(outcome.unused_pins, [0]);
}

#[test]
fn many_rows_with_pins_give_the_same_on_any_number_of_threads() {
    let mut rules = pinned([Some(2), Some(3), Some(4)], &[]);
    rules.identifiers[0].limit = Some(Limit { count: 2, within_micros: Some(300) });
    rules.identifiers[2].shared_above = Some(6);
    for i in 0..300 {
        let (a, b) = (format!("u{}", i * 7), format!("u{}", i * 7 + 3));
        rules.pins.push(if i % 2 == 0 { always((0, &a), (0, &b)) } else { never((0, &a), (0, &b)) });
        rules.pins.push(never((1, &format!("a{i}@x")), (1, &format!("a{}@x", i + 1))));
    }
    let row_of = |i: u64| {
        let pick = |salt: u64, of: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(salt as u32) % of;
        let email = if pick(3, 4) == 0 { String::new() } else { format!("a{}@x", pick(7, 3_000)) };
        let phone = if pick(5, 9) == 0 { "p0".to_owned() } else { format!("p{}", pick(23, 6_000)) };
        row([&format!("u{}", pick(11, 2_400)), &email, &phone], pick(40, 1000).cast_signed())
    };
    let rows: Vec<Row> = (0..6_000).map(row_of).collect();
    let expected = run(&rules, &rows, &[], PLAIN);
    let is_never = |reason: &ConflictReason| matches!(reason, ConflictReason::Never { .. });
    assert!(expected.conflicts.iter().any(|conflict| is_never(&conflict.2)));
    assert!(expected.conflicts.iter().any(|conflict| !is_never(&conflict.2)));
    assert!(!expected.shared.is_empty() && !expected.unused_pins.is_empty());
    let turned: Vec<Row> = rows.into_iter().rev().collect();
    for threads in [2, 7] {
        let feeding = Feeding { batch: 777, flush_at: 10_000, threads, known: 1000, newest: 500 };
        assert_eq!(run(&rules, &turned, &[], feeding), expected);
    }
}

use super::*;

/// One source of three identifiers.
const SOURCES: &[(&str, &[usize])] = &[("crm", &[0, 1, 2])];

fn change(kind: &str, profile: &str, other: &str) -> (String, String, String) {
    (kind.to_owned(), profile.to_owned(), other.to_owned())
}

#[test]
fn in_a_merge_the_oldest_profile_stays() {
    let rules = rules(&[None; 3], SOURCES);
    let rows = vec![row(["u1", "a@x", ""], 10), row(["u2", "b@x", ""], 5)];
    let apart = run(&rules, &rows, &[], PLAIN);
    let (first, second) = (apart.profile(0, "u2").to_owned(), apart.profile(0, "u1").to_owned());
    assert_ne!(first, second);
    let together = [rows, vec![row(["", "a@x", "p1"], 20), row(["", "b@x", "p1"], 20)]].concat();
    let merged = run(&rules, &together, &apart.as_previous(), PLAIN);
    assert_eq!(merged.profiles, BTreeSet::from([first.clone()]));
    assert_eq!(merged.changes, BTreeSet::from([change("merged", &first, &second)]));
}

#[test]
fn in_a_split_the_part_with_the_oldest_identifier_stays() {
    let rules = rules(&[None; 3], SOURCES);
    let (a, b) = (row(["u1", "a@x", ""], 10), row(["u2", "b@x", ""], 5));
    let link = row(["u1", "b@x", ""], 20);
    let whole = run(&rules, &[a.clone(), b.clone(), link], &[], PLAIN);
    let id = whole.profile(0, "u1").to_owned();
    let parts = run(&rules, &[a, b], &whole.as_previous(), PLAIN);
    assert_eq!(parts.profile(0, "u2"), id);
    let other = parts.profile(0, "u1");
    assert_ne!(other, id);
    assert_eq!(parts.changes, BTreeSet::from([change("split", other, &id)]));
}

#[test]
fn a_new_profile_does_not_take_an_id_that_is_in_use() {
    let rules = rules(&[None; 3], SOURCES);
    // The id of the first build comes from u1. Then the older v1 joins, and they part again: v1's part keeps that id, so
    // u1's, whose id it would be, gets another one, and the same one each time.
    let u = row(["u1", "a@x", ""], 10);
    let first = run(&rules, std::slice::from_ref(&u), &[], PLAIN);
    let id = first.profile(0, "u1").to_owned();
    let v = row(["v1", "b@x", ""], 5);
    let joined = run(&rules, &[u.clone(), v.clone(), row(["u1", "b@x", ""], 20)], &first.as_previous(), PLAIN);
    assert_eq!(joined.profiles, BTreeSet::from([id.clone()]));
    let parted = run(&rules, &[u.clone(), v.clone()], &joined.as_previous(), PLAIN);
    assert_eq!(parted.profile(0, "v1"), id);
    assert_ne!(parted.profile(0, "u1"), id);
    assert_eq!(parted, run(&rules, &[v, u], &joined.as_previous(), PLAIN));
}

#[test]
fn a_profile_is_gone_with_the_last_of_its_values() {
    let rules = rules(&[None; 3], SOURCES);
    let first = run(&rules, &[row(["u1", "a@x", ""], 10), row(["u2", "", ""], 11)], &[], PLAIN);
    let second = run(&rules, &[row(["", "a@x", ""], 10)], &first.as_previous(), PLAIN);
    assert_eq!(second.profile(1, "a@x"), first.profile(0, "u1"));
    assert_eq!(second.profiles.len(), 1);
    assert_eq!(second.changes, BTreeSet::from([change("gone", first.profile(0, "u2"), "")]));
    // So it is where the rules no longer name the identifier of its values.
    let previous = [((7, "old".to_owned()), first.profile(0, "u2").to_owned())];
    let third = run(&rules, &[row(["", "a@x", ""], 10)], &previous, PLAIN);
    assert!(third.changes.contains(&change("gone", first.profile(0, "u2"), "")));
}

#[test]
fn ids_are_those_of_every_build() {
    // Literal, so that no change of the derivation goes unseen: it would give every profile a new id on a rebuild.
    let rules = rules(&[None; 3], SOURCES);
    let built = run(&rules, &[row(["u1", "a@x", ""], 10), row(["", "", "p9"], 3)], &[], PLAIN);
    assert_eq!(built.profile(1, "a@x"), "na8s2n433gxs");
    assert_eq!(built.profile(2, "p9"), "29cjbj4bteyx");
}

#[test]
fn ids_are_written_in_twelve_characters() {
    let derive = |a, b, c, generation| ProfileId::derive(a, b, c, generation, &mut Vec::new());
    let id = derive("customer", "email", "ada@example.com", 0);
    assert_eq!(ProfileId::parse(id.text().as_str()), Some(id));
    assert_eq!(id.text().as_str().len(), 12);
    for generation in 0..2000 {
        let (a, b) = (id, derive("customer", "email", "ada@example.com", generation));
        assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        assert_eq!(ProfileId::parse(&b.to_string()), Some(b));
    }
    for text in ["", "0", "0123456789abc", "0123456789aB", "0123456789ai", "0123456789a\u{e9}"] {
        assert_eq!(ProfileId::parse(text), None, "{text}");
    }
    // Where one part ends and the next begins is part of the name.
    assert_ne!(derive("a", "bc", "d", 0), derive("ab", "c", "d", 0));
}

#[test]
fn many_rows_give_the_same_on_any_number_of_threads() {
    let rules = rules(&[Some(1), Some(3), Some(4)], SOURCES);
    let row_of = |i: u64| {
        let pick = |salt: u64, of: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(salt as u32) % of;
        let at = pick(40, 1000).cast_signed();
        let email = if pick(3, 4) == 0 { String::new() } else { format!("a{}@x", pick(7, 6_000)) };
        row([&format!("u{}", pick(11, 3_600)), &email, &format!("p{}", pick(23, 12_000))], at)
    };
    let rows: Vec<Row> = (0..8_000).map(row_of).collect();
    let expected = run(&rules, &rows, &[], PLAIN);
    assert!(!expected.conflicts.is_empty());
    let turned: Vec<Row> = rows.into_iter().rev().collect();
    for threads in [2, 7] {
        let feeding = Feeding { batch: 777, flush_at: 10_000, threads, known: 1000, newest: 500 };
        assert_eq!(run(&rules, &turned, &[], feeding), expected);
        let again = run(&rules, &turned, &expected.as_previous(), feeding);
        assert_eq!((again.values, again.changes), (expected.values.clone(), BTreeSet::new()));
    }
}

#[test]
fn misuse_is_told() {
    let evidence = Evidence::new(rules(&[None; 2], &[("crm", &[0, 1])])).unwrap();
    let (one, two) = (vec![Some("a".to_owned())], vec![Some("b".to_owned()), None]);
    let times = vec![None, None];
    assert!(matches!(evidence.feeder(1, Novelty::Fresh), Err(IdentityError::Misuse(_))));
    let mut feeder = evidence.feeder(0, Novelty::Fresh).unwrap();
    assert!(matches!(feeder.push(&[&one], &times, &times), Err(IdentityError::Misuse(_))));
    assert!(matches!(feeder.push(&[&one, &two], &times, &times), Err(IdentityError::Misuse(_))));
    drop(feeder);
    let kept = Arc::new(KnownValues::new(&evidence, 0, 2).unwrap());
    let (zero, nine) = (vec![Some(0)], vec![Some(9)]);
    let mut values = kept.feeder();
    assert_eq!(values.push(&nine, &zero, &one), Err(IdentityError::BrokenKept));
    assert_eq!(values.push(&zero, &nine, &one), Err(IdentityError::BrokenKept));
    assert_eq!(values.push(&zero, &zero, &vec![None]), Err(IdentityError::BrokenKept));
    values.push(&zero, &zero, &one).unwrap();
    values.finish().unwrap();
    let mut feeder = evidence.feeder(0, Novelty::Known).unwrap();
    let mut push = |columns: &[&dyn NumberColumn]| feeder.push_known(&kept, 1, columns, &times, &times);
    assert!(matches!(push(&[&zero]), Err(IdentityError::Misuse(_))));
    assert_eq!(push(&[&zero, &vec![Some(1)]]), Err(IdentityError::BrokenKept));
    assert_eq!(push(&[&zero, &nine]), Err(IdentityError::BrokenKept));
    assert_eq!(push(&[&zero, &vec![None]]), Ok(1));
    drop((feeder, kept));
    let pinned = Rules { pins: vec![pin(PinKind::Never, (0, "a"), (2, "b"))], ..rules(&[None; 2], &[]) };
    assert!(matches!(Evidence::new(pinned), Err(IdentityError::Misuse(_))));
    let missing = Evidence::new(rules(&[None], &[("crm", &[0, 1])]));
    assert!(matches!(missing, Err(IdentityError::Misuse(_))));
    let too_many = Evidence::new(rules(&[None; 256], &[]));
    assert!(matches!(too_many, Err(IdentityError::TooManyIdentifiers)));
    let ended = Evidence::new(rules(&[None; 2], &[("crm", &[0, 1])])).unwrap();
    assert!(matches!(ended.end(1), Err(IdentityError::Misuse(_))));
    let mut early = ended.feeder(0, Novelty::Fresh).unwrap();
    early.push(&[&one, &one], &vec![None], &vec![None]).unwrap();
    early.finish().unwrap();
    let before = ended.bytes();
    ended.end(0).unwrap();
    let after = ended.bytes();
    assert!(0 < after && after < before, "what it takes to find rows again is given back: {after} of {before}");
    ended.end(0).unwrap();
    assert_eq!(ended.bytes(), after);
    let mut late = ended.feeder(0, Novelty::Fresh).unwrap();
    assert_eq!(late.push(&[&one, &one], &vec![None], &vec![None]), Ok(1));
    assert!(matches!(late.finish(), Err(IdentityError::Misuse(_))));
    let open = Evidence::new(rules(&[None], &[("crm", &[0])])).unwrap();
    let _feeder = open.feeder(0, Novelty::Fresh).unwrap();
    assert!(matches!(open.seal(), Err(IdentityError::Misuse(_))));
    let graph = evidence.seal().unwrap();
    let mut previous = graph.previous_feeder();
    let ids = vec![Some("not an id".to_owned())];
    assert_eq!(previous.push(&vec![Some("id0".into())], &one, &ids), Err(IdentityError::ForeignProfileId));
    assert!(matches!(previous.push(&one, &two, &ids), Err(IdentityError::Misuse(_))));
    drop(previous);
    assert_eq!(graph.resolve(2).unwrap().identifier_count(), 1);
}

#[test]
fn a_value_may_be_of_very_many_sources() {
    let names: Vec<String> = (0..150).map(|i| format!("s{i:03}")).collect();
    let sources: Vec<(&str, &[usize])> = names.iter().map(|name| (name.as_str(), &[0_usize] as &[usize])).collect();
    let rules = rules(&[None], &sources);
    let of = |value: &str, sources: &[usize]| {
        sources.iter().map(|s| (*s, vec![Some(value.to_owned())], None, None)).collect::<Vec<Row>>()
    };
    let (many, few) = ([0, 1, 63, 64, 65, 71, 72, 149], [64]);
    let outcome = run(&rules, &[of("a", &many), of("b", &few)].concat(), &[], PLAIN);
    for (value, sources) in [("a", &many[..]), ("b", &few)] {
        let told = &outcome.values[&(0, value.to_owned())].3;
        assert_eq!(told, &sources.iter().map(|s| names[*s].clone()).collect::<Vec<_>>());
    }
}

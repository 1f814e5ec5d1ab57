use super::*;

fn check(region: Option<&str>, cases: &[(&str, Option<&str>)]) {
    let phone = Phone::new(region).unwrap();
    for (value, expected) in cases {
        assert_eq!(phone.normalise(value, &mut String::from("left over")), *expected, "{value:?} in {region:?}");
    }
}

#[test]
fn turkish_numbers() {
    let mobile = Some("+905321112233");
    check(
        Some("TR"),
        &[
            ("+905321112233", mobile),
            ("0532 111 22 33", mobile),
            ("(0532) 111-22-33", mobile),
            ("532 111 22 33", mobile),
            ("905321112233", mobile),
            ("00 90 532 111 22 33", mobile),
            ("(+90) 532.111.22.33", mobile),
            ("+90 (0) 532 111 22 33", mobile),
            ("\u{202a}+90 532 111 22 33\u{202c}", mobile),
            ("٠٥٣٢ ١١١ ٢٢ ٣٣", mobile),
            ("tel:+90-532-111-22-33", mobile),
            ("0212 555 66 77", Some("+902125556677")),
            ("0212 555 66 77 ext. 12", Some("+902125556677")),
            ("444 1 444", Some("+904441444")),
            ("+49 30 901820", Some("+4930901820")),
            // A zero that is part of the number abroad is not Turkey's national prefix.
            ("+39 06 6982 1234", Some("+390669821234")),
            ("0039 06 6982 1234", Some("+390669821234")),
            ("0532 111 22", None),
            ("0532 111 22 33 44", None),
            ("0000000000", None),
            ("1234567890", None),
            ("0532 111 22 33 / 0533 111 22 33", None),
            ("5.32E+09", None),
            ("call me", None),
            ("+", None),
            ("x", None),
            ("", None),
        ],
    );
}

#[test]
fn american_numbers() {
    let number = Some("+12128675309");
    check(
        Some("US"),
        &[
            ("(212) 867-5309", number),
            ("212-867-5309", number),
            ("12128675309", number),
            ("+1 212 867 5309", number),
            ("1-212-867-5309 x42", number),
            ("212.867.5309#42", number),
            ("011 90 532 111 22 33", Some("+905321112233")),
            // Canada has the same country code.
            ("416 555 0123", Some("+14165550123")),
            ("867-5309", None),
            ("1-800-FLOWERS", None),
            ("(112) 867-5309", None),
            ("(212) 167-5309", None),
        ],
    );
}

#[test]
fn german_numbers() {
    check(
        Some("DE"),
        &[
            ("030 901820", Some("+4930901820")),
            ("030/901820", Some("+4930901820")),
            ("+49 (0)30 901820", Some("+4930901820")),
            ("0151 23456789", Some("+4915123456789")),
            ("0049 151 23456789", Some("+4915123456789")),
            ("49 30 901820", Some("+4930901820")),
            // Without a plus it could be in Leer, whose area code is 0491; libphonenumber reads it so.
            ("4915123456789", Some("+494915123456789")),
        ],
    );
}

#[test]
fn numbers_of_other_plans() {
    check(Some("IT"), &[("06 6982 1234", Some("+390669821234")), ("347 123 4567", Some("+393471234567"))]);
    check(Some("GB"), &[("07911 123456", Some("+447911123456")), ("020 7946 0018", Some("+442079460018"))]);
    // Carrier code 15 is dropped; the mobile mark 15 after the area code becomes a 9 before it.
    check(Some("BR"), &[("0 15 11 96123-4567", Some("+5511961234567")), ("(11) 96123-4567", Some("+5511961234567"))]);
    check(Some("AR"), &[("011 15 2345-6789", Some("+5491123456789"))]);
    check(Some("RU"), &[("8 (912) 345-67-89", Some("+79123456789")), ("+7 912 345 67 89", Some("+79123456789"))]);
    check(Some("KZ"), &[("8 (701) 234-56-78", Some("+77012345678"))]);
}

#[test]
fn without_a_region_a_country_code_is_needed() {
    check(
        None,
        &[
            ("+90 532 111 22 33", Some("+905321112233")),
            ("+800 1234 5678", Some("+80012345678")),
            ("＋４４ 7911 123456", Some("+447911123456")),
            ("0532 111 22 33", None),
            ("0090 532 111 22 33", None),
            ("905321112233", None),
            ("+999 123456789", None),
            ("+0 532 111 22 33", None),
        ],
    );
}

#[test]
fn regions_are_known_by_their_two_letters() {
    for region in ["TR", "US", "DE", "GB", "JP", "KZ", "GG"] {
        assert!(is_region(region), "{region}");
    }
    for region in ["", "tr", "UK", "001", "XX", "Turkey"] {
        assert!(!is_region(region), "{region}");
        assert!(Phone::new(Some(region)).is_none(), "{region}");
    }
}

#[test]
fn patterns_of_all_regions_compile_and_take_their_own_examples() {
    use phonenumber::metadata::DATABASE;
    let mut regions = 0;
    for metadata in DATABASE.iter().filter(|m| m.id() != "001") {
        regions += 1;
        let phone = Phone::new(Some(metadata.id())).unwrap();
        let examples = [metadata.descriptors().mobile(), metadata.descriptors().fixed_line()];
        for example in examples.into_iter().flatten().filter_map(|d| d.example()) {
            let expected = format!("+{}{example}", metadata.country_code());
            let mut buffer = String::new();
            assert_eq!(phone.normalise(example, &mut buffer), Some(expected.as_str()), "{}", metadata.id());
            assert_eq!(phone.normalise(&expected.clone(), &mut buffer), Some(expected.as_str()), "{}", metadata.id());
        }
    }
    assert!(regions > 200, "{regions}");
}

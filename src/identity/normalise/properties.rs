//! What holds for every value, whoever made it.

use proptest::prelude::*;

use super::*;

type Normalise = fn(&str) -> Option<String>;

/// What each normaliser makes of the value, and the normaliser.
fn all(value: &str) -> Vec<(&'static str, Option<String>, Normalise)> {
    fn owned(normalise: for<'a> fn(&'a str, &'a mut String) -> Option<&'a str>, value: &str) -> Option<String> {
        normalise(value, &mut String::new()).map(str::to_owned)
    }
    fn phone(region: Option<&str>, value: &str) -> Option<String> {
        Phone::new(region)?.normalise(value, &mut String::new()).map(str::to_owned)
    }
    let each: [(&str, Normalise); 8] = [
        ("exact", |v| exact(v).map(str::to_owned)),
        ("lower", |v| owned(lower, v)),
        ("digits", |v| owned(digits, v)),
        ("uuid", |v| owned(uuid, v)),
        ("email", |v| owned(email, v)),
        ("phone", |v| phone(None, v)),
        ("phone TR", |v| phone(Some("TR"), v)),
        ("phone US", |v| phone(Some("US"), v)),
    ];
    each.into_iter().map(|(name, normalise)| (name, normalise(value), normalise)).collect()
}

fn check(value: &str) -> Result<(), TestCaseError> {
    for (name, normal, normalise) in all(value) {
        let Some(normal) = normal else { continue };
        prop_assert!(!normal.is_empty() && normal.len() <= MAX_BYTES, "{name} of {value:?}");
        prop_assert_eq!(normalise(&normal), Some(normal.clone()), "{} of {:?} again", name, value);
        let padded = format!(" \t{value}\n");
        prop_assert_eq!(normalise(&padded), Some(normal), "{} of {:?} with spaces", name, value);
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_text_is_survived_and_normal_values_stay(value in any::<String>()) {
        check(&value)?;
    }

    #[test]
    fn so_are_texts_like_those_that_are_meant(
        value in prop_oneof![
            "[+＋(0-9٠-٩ )./x,-]{0,30}",
            "\\+?[0-9]{5,17}( ?(x|ext\\.?) ?[0-9]{1,4})?",
            "[A-Za-zİıŞſKÅ.\u{300}-\u{310}@]{0,12}@[a-zA-Zİé0-9.-]{0,12}",
            "[0-9a-fA-F{}:-]{30,45}",
            "\\PC{0,40}",
        ]
    ) {
        check(&value)?;
    }
}

#[test]
fn huge_values_are_none_and_cost_little() {
    for unit in ["a", "1", "@", "+", " 1", "İ", "e\u{301}", "\u{0}", "\u{200b}x"] {
        let value = unit.repeat(10_000_000 / unit.len());
        for (name, normal, _) in all(&value) {
            assert_eq!(normal, None, "{name} of many {unit:?}");
        }
    }
}

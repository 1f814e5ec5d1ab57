//! Given names for nicknames.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The given name that a nickname stands for: bob is robert, memo is mehmet. A name that is none comes back as it is.
///
/// Both are in the form of [`clean_name`](super::clean_name). A nickname of several names stands for the most common of them
/// (alex is alexander and never alexandra): names that are equal by this need not be the same name.
pub fn nickname<'a>(name: &'a str, _: &'a mut String) -> Option<&'a str> {
    if name.is_empty() {
        return None;
    }
    Some(NAMES.get(name).copied().unwrap_or(name))
}

/// By nickname.
static NAMES: LazyLock<HashMap<&str, &str>> =
    LazyLock::new(|| lines().flat_map(|(name, nicknames)| nicknames.split(' ').map(move |n| (n, name))).collect());

/// Each name with its nicknames, which spaces part.
fn lines() -> impl Iterator<Item = (&'static str, &'static str)> {
    include_str!("nicknames.txt").lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(": "))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::{check, clean_name};
    use super::*;

    #[test]
    fn nicknames_lead_to_names() {
        check(
            nickname,
            &[
                ("bob", Some("robert")),
                ("liz", Some("elizabeth")),
                ("peggy", Some("margaret")),
                ("memo", Some("mehmet")),
                ("ibo", Some("ibrahim")),
                ("uschi", Some("ursula")),
                ("pierrot", Some("pierre")),
                ("pepe", Some("jose")),
                ("sasha", Some("aleksandr")),
                ("robert", Some("robert")),
                ("Bob", Some("Bob")),
                ("bob lee", Some("bob lee")),
                ("", None),
            ],
        );
    }

    /// A nickname listed twice would lead to whichever comes last; one that is a name too would lead on, perhaps in a circle.
    #[test]
    fn the_table_does_not_contradict_itself() {
        let names: Vec<_> = lines().map(|(name, _)| name).collect();
        let nicknames: Vec<_> = lines().flat_map(|(_, nicknames)| nicknames.split(' ')).collect();
        let mut seen = HashSet::new();
        let twice: Vec<_> = names.iter().chain(&nicknames).filter(|name| !seen.insert(**name)).collect();
        assert_eq!(twice, Vec::<&&str>::new());
        let unclean = |name: &&&str| clean_name(name, &mut String::new()) != Some(**name) || name.contains(' ');
        assert_eq!(seen.iter().filter(|name| unclean(name)).collect::<Vec<_>>(), Vec::<&&str>::new());
        assert_eq!(NAMES.len(), nicknames.len());
        assert!(nicknames.len() > 600, "{}", nicknames.len());
    }

    #[test]
    fn every_line_is_a_name_or_a_comment() {
        for line in include_str!("nicknames.txt").lines() {
            assert!(line.starts_with('#') || line.is_empty() || line.contains(": "), "{line:?}");
        }
    }

    /// As they are written, not only as the table spells them.
    #[test]
    fn nicknames_in_other_scripts_are_found_too() {
        for (written, expected) in
            [("Лёша", "aleksey"), ("Женя", "evgeniy"), ("Mıstık", "mustafa"), ("Dédé", "andre"), ("Bärbel", "barbara")]
        {
            let mut buffer = String::new();
            let cleaned = clean_name(written, &mut buffer).expect("there are letters");
            assert_eq!(nickname(cleaned, &mut String::new()), Some(expected), "{written}");
        }
    }
}

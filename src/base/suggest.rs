//! "Did you mean".

/// The candidate nearest to `name`, if one is near enough to be a misspelling of it.
///
/// Nearness is the Damerau-Levenshtein distance over lower-case letters; at most a third of the longer name may differ.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let wanted = name.to_lowercase();
    candidates
        .into_iter()
        .filter(|c| *c != name)
        .map(|c| {
            let candidate = c.to_lowercase();
            let allowed = (wanted.chars().count().max(candidate.chars().count()) / 3).max(1);
            (strsim::damerau_levenshtein(&wanted, &candidate), allowed, c)
        })
        .filter(|(distance, allowed, _)| distance <= allowed)
        .min_by_key(|(distance, _, c)| (*distance, *c))
        .map(|(_, _, c)| c.to_owned())
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn near_names_are_offered_and_far_ones_are_not() {
        assert_eq!(did_you_mean("emial", ["email", "phone"]).as_deref(), Some("email"));
        assert_eq!(did_you_mean("Email", ["email"]).as_deref(), Some("email"));
        assert_eq!(did_you_mean("xyz", ["email", "phone"]), None);
    }
}

//! The world's numbering plan, each region's patterns compiled when they are first needed.

use std::borrow::Cow;
use std::sync::{LazyLock, OnceLock};

use hashbrown::HashMap;
use phonenumber::metadata::{DATABASE, Descriptor};
use phonenumber::{Metadata, Type};
use regex::{Regex, RegexBuilder};

/// What a valid number can be. The first two are nearly all.
const TYPES: [Type; 10] = [
    Type::Mobile,
    Type::FixedLine,
    Type::TollFree,
    Type::PremiumRate,
    Type::SharedCost,
    Type::Voip,
    Type::PersonalNumber,
    Type::Pager,
    Type::Uan,
    Type::Voicemail,
];

/// All regions, by country code and by name.
#[derive(Debug)]
pub(super) struct Plan {
    /// For each country code its regions, the main one first; most codes have one, many have none.
    codes: Vec<Vec<Region>>,
    /// Country code, and the index in its regions.
    names: HashMap<String, (u16, usize)>,
}

/// A region of the plan.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) code: u16,
    metadata: &'static Metadata,
    rules: OnceLock<Rules>,
}

/// A region's patterns. One that doesn't compile is none; a test sees that all do.
#[derive(Debug)]
struct Rules {
    general: Pattern,
    types: Vec<Pattern>,
    /// What a region's numbers begin with, where regions share a country code.
    leading_digits: Option<Regex>,
    international_prefix: Option<Regex>,
    national_prefix: Option<Regex>,
    /// What takes the place of the national prefix, with groups of its pattern.
    transform: Option<String>,
}

#[derive(Debug)]
struct Pattern {
    regex: Option<Regex>,
    lengths: &'static [u16],
}

impl Plan {
    pub(super) fn get() -> &'static Self {
        static PLAN: LazyLock<Plan> = LazyLock::new(Plan::new);
        &PLAN
    }

    fn new() -> Self {
        let mut codes = Vec::new();
        let mut names = HashMap::new();
        for code in 0..1000_u16 {
            let mut metadata = DATABASE.by_code(&code).unwrap_or_default();
            metadata.sort_by_key(|m| (!m.is_main_country_for_code(), m.id()));
            for (i, m) in metadata.iter().enumerate().filter(|(_, m)| m.id() != "001") {
                names.insert(m.id().to_owned(), (code, i));
            }
            let region = |metadata| Region { code, metadata, rules: OnceLock::new() };
            codes.push(metadata.into_iter().map(region).collect());
        }
        Self { codes, names }
    }

    pub(super) fn region(&self, name: &str) -> Option<&Region> {
        let (code, i) = self.names.get(name)?;
        self.codes[usize::from(*code)].get(*i)
    }

    fn regions(&self, code: u16) -> &[Region] {
        self.codes.get(usize::from(code)).map_or(&[], Vec::as_slice)
    }

    /// The region by whose rules a number of this country code is read.
    pub(super) fn home<'a>(&'a self, code: u16, default: Option<&'a Region>) -> Option<&'a Region> {
        default.filter(|region| region.code == code).or_else(|| self.regions(code).first())
    }

    /// The country code that digits begin with, and the rest. No code begins with another one.
    pub(super) fn split_code<'a>(&self, digits: &'a str) -> Option<(u16, &'a str)> {
        (1..=3).find_map(|len| {
            let code = digits.get(..len)?.parse().ok()?;
            (!digits.starts_with('0') && !self.regions(code).is_empty()).then(|| (code, &digits[len..]))
        })
    }

    /// Whether the national number can be assigned in a region of the country code.
    pub(super) fn is_valid(&self, code: u16, national: &str) -> bool {
        let regions = self.regions(code);
        if let [region] = regions {
            return region.has(national);
        }
        for region in regions {
            match &region.rules().leading_digits {
                Some(leading) if leading.is_match(national) => return region.has(national),
                None if region.has(national) => return true,
                _ => {}
            }
        }
        false
    }
}

impl Region {
    /// The length of the digits that are dialled here for other countries, if the number begins with them.
    pub(super) fn international_prefix(&self, digits: &str) -> Option<usize> {
        self.rules().international_prefix.as_ref()?.find(digits).map(|found| found.end())
    }

    /// Without the region's own country code, if the number makes sense only so.
    pub(super) fn without_code<'a>(&self, digits: &'a str) -> &'a str {
        let general = &self.rules().general;
        let Some(rest) = digits.strip_prefix(super::decimal(self.code, &mut [0; 3])) else { return digits };
        let stripped = self.without_national_prefix(rest).unwrap_or(Cow::Borrowed(rest));
        let is_too_long = general.lengths.last().is_some_and(|longest| digits.len() > usize::from(*longest));
        if (!general.matches(digits) && general.matches(&stripped)) || is_too_long { rest } else { digits }
    }

    /// Without the national prefix and a carrier's code, unless only the number with them makes sense.
    pub(super) fn without_national_prefix<'a>(&self, national: &'a str) -> Option<Cow<'a, str>> {
        let rules = self.rules();
        let prefix = rules.national_prefix.as_ref()?;
        let end = prefix.find(national)?.end();
        let last_group = prefix.captures_len() - 1;
        let last = || prefix.captures(national).and_then(|groups| groups.get(last_group)).is_some();
        let stripped = match &rules.transform {
            Some(transform) if last_group > 0 && last() => prefix.replace(national, transform),
            _ => Cow::Borrowed(&national[end..]),
        };
        (!rules.general.matches(national) || rules.general.matches(&stripped)).then_some(stripped)
    }

    /// Whether a number has fewer digits than any here, or as many as one that is dialled inside a town.
    pub(super) fn is_too_short_or_local(&self, national: &str) -> bool {
        let lengths = self.rules().general.lengths;
        let local = self.metadata.descriptors().general().possible_local_length();
        let len = national.len() as u16;
        let (Some(shortest), Some(longest)) = (lengths.first(), lengths.last()) else { return false };
        local.contains(&len) || len < *shortest || (len < *longest && !lengths.contains(&len))
    }

    fn has(&self, national: &str) -> bool {
        let rules = self.rules();
        rules.general.matches(national) && rules.types.iter().any(|pattern| pattern.matches(national))
    }

    fn rules(&self) -> &Rules {
        self.rules.get_or_init(|| Rules::new(self.metadata))
    }
}

impl Rules {
    fn new(metadata: &'static Metadata) -> Self {
        let descriptors = metadata.descriptors();
        let literal = metadata.national_prefix().map(str::to_owned);
        let national_prefix = metadata.national_prefix_for_parsing().map(|p| p.as_str().to_owned()).or(literal);
        Self {
            general: Pattern::new(descriptors.general()),
            types: TYPES.iter().filter_map(|ty| descriptors.get(*ty)).map(Pattern::new).collect(),
            leading_digits: metadata.leading_digits().and_then(|p| at_start(p.as_str())),
            international_prefix: metadata.international_prefix().and_then(|p| at_start(p.as_str())),
            national_prefix: national_prefix.and_then(|p| at_start(&p)),
            // A digit or letter after a group's number would count as part of its name.
            transform: metadata.national_prefix_transform_rule().map(|rule| {
                let group = Regex::new(r"\$(\d)").expect("a constant pattern");
                group.replace_all(rule, "$${$1}").into_owned()
            }),
        }
    }
}

impl Pattern {
    fn new(descriptor: &'static Descriptor) -> Self {
        let regex = compile(&format!("^(?:{})$", descriptor.national_number().as_str()));
        Self { regex, lengths: descriptor.possible_length() }
    }

    fn matches(&self, national: &str) -> bool {
        (self.lengths.is_empty() || self.lengths.iter().any(|len| usize::from(*len) == national.len()))
            && self.regex.as_ref().is_some_and(|regex| regex.is_match(national))
    }
}

fn at_start(pattern: &str) -> Option<Regex> {
    compile(&format!("^(?:{pattern})"))
}

/// Numbers are ASCII digits by now: patterns need not know Unicode's.
fn compile(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).ignore_whitespace(true).unicode(false).build().ok()
}

//! Phone numbers, in E.164.
//!
//! The rules are those of libphonenumber's `parse` and `isValidNumber`, over the metadata that the `phonenumber` crate
//! carries. They are written out here because that crate's own `parse` takes some 20 µs a number, under one lock for all
//! threads, and reads a foreign number by the rules of the default region.

mod clean;
mod metadata;

use std::borrow::Cow;

use clean::{Cleaned, clean};
use metadata::{Plan, Region};

/// No national number has more digits, and none fewer (libphonenumber's `MAX_LENGTH_FOR_NSN`, `MIN_LENGTH_FOR_NSN`).
const NATIONAL_DIGITS: std::ops::RangeInclusive<usize> = 2..=17;

/// Reads numbers of one default region.
#[derive(Debug, Clone, Copy)]
pub struct Phone {
    region: Option<&'static Region>,
}

/// Whether this names a region that [`Phone::new`] knows, such as `TR` (ISO 3166-1 alpha-2, upper case).
pub fn is_region(name: &str) -> bool {
    Plan::get().region(name).is_some()
}

impl Phone {
    /// Numbers without a country code are read as of `region`; without a region they are no identifiers. None if there is
    /// no such region: see [`is_region`].
    pub fn new(region: Option<&str>) -> Option<Self> {
        match region {
            None => Some(Self { region: None }),
            Some(name) => Plan::get().region(name).map(|region| Self { region: Some(region) }),
        }
    }

    /// The number in E.164, such as `+905321112233`; nothing if no such number can be assigned. An extension is dropped.
    pub fn normalise<'a>(&self, value: &'a str, buffer: &'a mut String) -> Option<&'a str> {
        let number = clean(value)?;
        let (code, national) = match self.international(&number) {
            Some(digits) => Plan::get().split_code(digits)?,
            None => self.region.map(|region| (region.code, region.without_code(number.digits())))?,
        };
        let national = strip_national_prefix(Plan::get().home(code, self.region)?, national);
        if !NATIONAL_DIGITS.contains(&national.len()) || !Plan::get().is_valid(code, &national) {
            return None;
        }
        buffer.clear();
        buffer.push('+');
        buffer.push_str(decimal(code, &mut [0; 3]));
        buffer.push_str(&national);
        Some(buffer)
    }

    /// The digits from the country code on, if the number is written with one: after a plus, or after what the region
    /// dials to reach other countries.
    fn international(self, number: &Cleaned) -> Option<&str> {
        let digits = number.digits();
        if number.has_plus {
            return Some(digits);
        }
        let prefix = self.region?.international_prefix(digits)?;
        Some(&digits[prefix..]).filter(|rest| !rest.starts_with('0'))
    }
}

/// Without the digits that are dialled only inside the country, and those that choose a carrier.
fn strip_national_prefix<'a>(region: &Region, national: &'a str) -> Cow<'a, str> {
    match region.without_national_prefix(national) {
        Some(stripped) if !region.is_too_short_or_local(&stripped) => stripped,
        _ => Cow::Borrowed(national),
    }
}

fn decimal(mut code: u16, digits: &mut [u8; 3]) -> &str {
    let mut at = digits.len();
    while code > 0 && at > 0 {
        at -= 1;
        digits[at] = b'0' + (code % 10) as u8;
        code /= 10;
    }
    std::str::from_utf8(&digits[at..]).expect("digits are ASCII")
}

#[cfg(test)]
mod tests;

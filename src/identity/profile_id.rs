//! Profile ids: 60 bits, written as 12 characters of Crockford's base 32 in lower case.
//!
//! Short enough to lie inside a string view of Arrow, so that joins compare them without following a pointer; and no
//! number, so that no JSON reader rounds them.

use std::num::NonZeroU64;

use xxhash_rust::xxh3::xxh3_128;

const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LEN: usize = 12;
const BITS: u32 = 60;

/// The name of a profile. Orders as its text does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProfileId(
    /// The bit above the id's 60 is always set, so that an `Option` takes no more room.
    NonZeroU64,
);

/// The text of a [`ProfileId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProfileIdText([u8; LEN]);

impl ProfileId {
    /// The id that the text names; none unless it is exactly what [`ProfileId::text`] gives.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = <&[u8; LEN]>::try_from(text.as_bytes()).ok()?;
        let append = |id, digit: &u8| DIGIT_VALUES[usize::from(*digit)].map(|value| id << 5 | u64::from(value));
        digits.iter().try_fold(0, append).map(Self::from_bits)
    }

    #[must_use]
    pub fn text(self) -> ProfileIdText {
        let mut text = [0; LEN];
        for (i, digit) in text.iter_mut().enumerate() {
            *digit = DIGITS[(self.0.get() >> (BITS as usize - 5 * (i + 1))) as usize & 31];
        }
        ProfileIdText(text)
    }

    /// The id of a profile whose oldest identifier this is. The first generation for which no profile has the id is
    /// taken.
    pub(crate) fn derive(entity: &str, identifier: &str, value: &str, generation: u32, scratch: &mut Vec<u8>) -> Self {
        scratch.clear();
        for part in [entity, identifier, value] {
            scratch.extend((part.len() as u64).to_le_bytes());
            scratch.extend(part.as_bytes());
        }
        scratch.extend(generation.to_le_bytes());
        Self::from_bits(xxh3_128(scratch) as u64)
    }

    /// The id as a number, whose low 60 bits are as good as random.
    #[inline]
    #[must_use]
    pub fn number(self) -> u64 {
        self.0.get()
    }

    /// The id of a number; none unless it is one that [`ProfileId::number`] gives.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Self> {
        (number >> BITS == 1).then(|| Self::from_bits(number))
    }

    /// Of the low 60 bits.
    fn from_bits(bits: u64) -> Self {
        let marked = bits & ((1 << BITS) - 1) | 1 << BITS;
        Self(NonZeroU64::new(marked).expect("one bit is set"))
    }
}

impl ProfileIdText {
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("the digits are ASCII")
    }
}

impl std::fmt::Display for ProfileId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text().as_str())
    }
}

const DIGIT_VALUES: [Option<u8>; 256] = {
    let mut values = [None; 256];
    let mut i = 0;
    while i < 32 {
        values[DIGITS[i] as usize] = Some(i as u8);
        i += 1;
    }
    values
};

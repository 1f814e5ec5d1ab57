//! Profile ids: 60 bits, written as 12 characters of Crockford's base 32 in lower case.
//!
//! Short enough to lie inside a string view of Arrow, so that joins compare them without following a pointer; and no
//! number, so that no JSON reader rounds them.

use hashbrown::HashTable;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LEN: usize = 12;
const BITS: u32 = 60;

/// The name of a profile. Orders as its text does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProfileId(u64);

/// The text of a [`ProfileId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProfileIdText([u8; LEN]);

impl ProfileId {
    /// The id that the text names; none unless it is exactly what [`ProfileId::text`] gives.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = <&[u8; LEN]>::try_from(text.as_bytes()).ok()?;
        digits
            .iter()
            .try_fold(0, |id, digit| DIGIT_VALUES[usize::from(*digit)].map(|value| id << 5 | u64::from(value)))
            .map(Self)
    }

    #[must_use]
    pub fn text(self) -> ProfileIdText {
        let mut text = [0; LEN];
        for (i, digit) in text.iter_mut().enumerate() {
            *digit = DIGITS[(self.0 >> (BITS as usize - 5 * (i + 1))) as usize & 31];
        }
        ProfileIdText(text)
    }

    /// The id of a profile whose oldest identifier this is. The first generation for which no profile has the id is
    /// taken.
    pub(crate) fn derive(entity: &str, identifier: &str, value: &str, generation: u32) -> Self {
        let mut hash = Xxh3::new();
        for part in [entity, identifier, value] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hash.update(&generation.to_le_bytes());
        // The low 60 bits of 128.
        Self(hash.digest128() as u64 & ((1 << BITS) - 1))
    }

    fn hash(self) -> u64 {
        xxh3_64(&self.0.to_le_bytes())
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

/// Distinct ids, numbered from 0 in the order of arrival.
#[derive(Debug, Default)]
pub(crate) struct ProfileIds {
    ids: Vec<ProfileId>,
    table: HashTable<u32>,
}

impl ProfileIds {
    pub(crate) fn number(&mut self, id: ProfileId) -> u32 {
        if let Some(last) = self.ids.last().filter(|last| **last == id).and(self.ids.len().checked_sub(1)) {
            return last as u32;
        }
        let Self { ids, table } = self;
        let entry = table.entry(id.hash(), |n| ids[*n as usize] == id, |n| ids[*n as usize].hash());
        let number = *entry.or_insert(ids.len() as u32).get();
        if number as usize == ids.len() {
            ids.push(id);
        }
        number
    }

    pub(crate) fn all(&self) -> &[ProfileId] {
        &self.ids
    }

    pub(crate) fn contains(&self, id: ProfileId) -> bool {
        self.table.find(id.hash(), |n| self.ids[*n as usize] == id).is_some()
    }
}

//! Values by their digests.

use std::sync::Mutex;

use rayon::prelude::*;

use super::locked;
use super::ordered::Ordered;
use crate::evidence::Seen;
use crate::intern::{Ref, Shard};
use crate::sieve::Sieve;
use crate::{Digest, DigestKey};

/// Finds each of some values, of which most that are looked for are none.
#[derive(Debug)]
pub(crate) struct Digests {
    sieve: Sieve,
    /// By the low halves.
    values: Ordered<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Value {
    /// With the identifier: the same value of another one is another value.
    high: u32,
    at: Ref,
}

impl Digests {
    /// On as many threads as there are.
    pub(super) fn of(shards: &[Mutex<Shard<Seen>>], key: DigestKey) -> Self {
        // In the order of shards is in that of digests.
        let of_shard = |(index, shard): (usize, &Mutex<Shard<Seen>>)| {
            let shard = locked(shard);
            let names = shard.names();
            let value = |number| {
                let Digest { low, high } = key.digest(names.value(number));
                let high = of_identifier(high, names.identifier(number));
                (low, Value { high, at: Ref::new(index, number) })
            };
            let mut values: Vec<_> = (0..names.len()).map(value).collect();
            values.sort_unstable();
            values
        };
        let values = Ordered::new(shards.par_iter().enumerate().flat_map_iter(of_shard).collect());
        Self { sieve: Sieve::of(values.len(), values.numbers()), values }
    }

    pub(super) fn sieve(&self) -> &Sieve {
        &self.sieve
    }

    pub(super) fn find(&self, identifier: u8, Digest { low, high }: Digest) -> Option<Ref> {
        let high = of_identifier(high, identifier);
        self.values.of(low).find(|value| value.high == high).map(|value| value.at)
    }

    /// How much memory they hold.
    pub(super) fn bytes(&self) -> usize {
        self.values.bytes() + self.sieve.bytes()
    }
}

/// Another number for each identifier.
#[inline]
fn of_identifier(high: u32, identifier: u8) -> u32 {
    high ^ u32::from(identifier).wrapping_mul(0x9e37_79b9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intern;

    #[test]
    fn values_are_found_by_their_digests() {
        for count in [0, 1, 3, 5000] {
            let shards: Vec<_> = (0..intern::SHARDS).map(|_| Mutex::new(Shard::new(Seen::default()))).collect();
            let key = DigestKey::new([3; 16]);
            let name = |i: usize| (u8::from(i.is_multiple_of(3)), (i / 2).to_string());
            for i in 0..count {
                let (identifier, value) = name(i);
                intern::place(&shards, identifier, &value, |_, _| ()).unwrap();
            }
            let digests = Digests::of(&shards, key);
            let shards: Vec<_> = shards.into_iter().map(|shard| shard.into_inner().unwrap()).collect();
            for i in 0..count + 2000 {
                let (identifier, value) = name(i);
                let found = digests.find(identifier, key.digest(&value));
                assert_eq!(found, intern::find(&shards, identifier, &value), "{i}");
                assert!(found.is_none() || digests.sieve().may_have(key.digest(&value).low));
            }
        }
    }
}

//! A look that tells most of what is not in a set from what may be.

/// How many bits there are for each member, at least: of what is not in the set, one in so many passes.
const BITS_EACH: usize = 16;

/// One bit for the hash of each member: a Bloom filter with one function (Bloom: Space/time trade-offs in hash coding with allowable
/// errors, CACM 1970). It lies in the cache where the set itself does not.
#[derive(Debug)]
pub(crate) struct Sieve {
    words: Vec<u64>,
    mask: u64,
}

impl Sieve {
    /// With room for so many members.
    pub(crate) fn new(members: usize) -> Self {
        let bits = members.saturating_mul(BITS_EACH).next_power_of_two().max(64);
        Self { words: vec![0; bits / 64], mask: bits as u64 - 1 }
    }

    pub(crate) fn of(members: usize, hashes: impl Iterator<Item = u64>) -> Self {
        let mut sieve = Self::new(members);
        for hash in hashes {
            let bit = hash & sieve.mask;
            sieve.words[(bit / 64) as usize] |= 1 << (bit % 64);
        }
        sieve
    }

    /// Whether there may be a member with this hash. `hash`: its low bits are as good as random.
    #[inline]
    pub(crate) fn may_have(&self, hash: u64) -> bool {
        let bit = hash & self.mask;
        self.words[(bit / 64) as usize] >> (bit % 64) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intern::hash64;

    #[test]
    fn members_pass_and_few_others_do() {
        let name = |i: usize| hash64(0, &i.to_string());
        let sieve = Sieve::of(1000, (0..1000).map(name));
        assert!((0..1000).all(|i| sieve.may_have(name(i))));
        let passed = (1000..11_000).filter(|i| sieve.may_have(name(*i))).count();
        assert!((1..1000).contains(&passed), "{passed} of 10,000");
        assert!(!Sieve::new(0).may_have(name(1)));
    }
}

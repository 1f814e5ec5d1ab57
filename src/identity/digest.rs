//! Names of values that are shorter than values are, and say as much.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::intern::{self, SHARD_BITS};

/// The key of [`Digest`]s. Who does not know it cannot make two values that have one digest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DigestKey([u8; 16]);

/// What a value is called where its text is not at hand: 88 bits of `SipHash`-1-3 (Aumasson, Bernstein: `SipHash`: a fast short-input PRF,
/// INDOCRYPT 2012). Among a billion values, two have one digest with a probability of 2 in a billion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest {
    /// The first bits tell the shard in which the kernel keeps the value. What comes from the kernel comes shard by shard, and so does
    /// whatever is looked up in an order of digests.
    pub low: u64,
    /// All of it random.
    pub high: u32,
}

impl DigestKey {
    /// Of 16 random bytes.
    #[must_use]
    pub const fn new(key: [u8; 16]) -> Self {
        Self(key)
    }

    /// What a value is called, of whichever identifier it is.
    #[inline]
    #[must_use]
    pub fn digest(&self, value: &str) -> Digest {
        let mut hasher = SipHasher13::new_with_key(&self.0);
        hasher.write(value.as_bytes());
        let hash = hasher.finish128();
        let shard = intern::shard_of(value) as u64;
        Digest { low: shard << (u64::BITS - SHARD_BITS) | hash.h1 >> SHARD_BITS, high: hash.h2 as u32 }
    }
}

impl std::fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DigestKey(secret)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn digests_depend_on_value_and_key() {
        let digests = |key: u8| (0..1000).map(move |i: u32| DigestKey::new([key; 16]).digest(&i.to_string()));
        let all: HashSet<Digest> = digests(1).chain(digests(2)).collect();
        assert_eq!(all.len(), 2000);
        assert!(digests(1).eq(digests(1)));
        // What was kept holds digests: should these be others, so must be the format of what is kept, and of its index.
        let Digest { low, high } = DigestKey::new(*b"0123456789abcdef").digest("ann@x.example");
        assert_eq!((low, high), (18_359_287_658_611_356_385, 408_199_732));
        assert!(!format!("{:?}", DigestKey::new([7; 16])).contains('7'));
    }
}

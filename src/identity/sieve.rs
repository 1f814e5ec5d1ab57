//! A look that tells most of what is not in a set from what may be.

/// How many bits there are for each member, at least: of what is not in the set, one in so many passes.
const BITS_EACH: usize = 16;

/// One bit for the hash of each member: a Bloom filter with one function (Bloom: Space/time trade-offs in hash coding with allowable
/// errors, CACM 1970). It lies in the cache where the set itself does not.
#[derive(Debug)]
pub(crate) struct Sieve {
    words: Vec<u64>,
    shift: u32,
}

impl Sieve {
    /// With room for so many members.
    pub(crate) fn new(members: usize) -> Self {
        let bits = members.saturating_mul(BITS_EACH).next_power_of_two().max(64);
        Self { words: vec![0; bits / 64], shift: u64::BITS - bits.trailing_zeros() }
    }

    pub(crate) fn of(members: usize, hashes: impl Iterator<Item = u64>) -> Self {
        let mut sieve = Self::new(members);
        hashes.for_each(|hash| sieve.add(hash));
        sieve
    }

    #[inline]
    pub(crate) fn add(&mut self, hash: u64) {
        let bit = hash >> self.shift;
        self.words[(bit / 64) as usize] |= 1 << (bit % 64);
    }

    /// How much memory it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }

    /// Whether there may be a member with this hash. `hash`: its high bits are as good as random, if perhaps in order.
    #[inline]
    pub(crate) fn may_have(&self, hash: u64) -> bool {
        let bit = hash >> self.shift;
        self.words[(bit / 64) as usize] >> (bit % 64) & 1 == 1
    }
}

/// Rows that are looked at together.
const ROWS: usize = 1024;

/// Calls `each` with the rows below `rows` of which `is` holds, ascending. `is` is asked of many rows before `each` is called: where what it
/// looks at is not in the cache, the processor waits for many at once.
pub(crate) fn each_that(rows: usize, is: impl Fn(usize) -> bool, mut each: impl FnMut(usize)) {
    let mut found = [0_u32; ROWS];
    for start in (0..rows).step_by(ROWS) {
        let mut count = 0;
        for row in start..rows.min(start + ROWS) {
            // Without a branch, which could not be foretold.
            found[count] = row as u32;
            count += usize::from(is(row));
        }
        found[..count].iter().for_each(|row| each(*row as usize));
    }
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;

    #[test]
    fn members_pass_and_few_others_do() {
        let name = |i: usize| xxh3_64(i.to_string().as_bytes());
        let sieve = Sieve::of(1000, (0..1000).map(name));
        assert!((0..1000).all(|i| sieve.may_have(name(i))));
        let passed = (1000..11_000).filter(|i| sieve.may_have(name(*i))).count();
        assert!((1..1000).contains(&passed), "{passed} of 10,000");
        assert!(!Sieve::new(0).may_have(name(1)));
        let mut sifted = vec![];
        each_that(5000, |row| sieve.may_have(name(row)), |row| sifted.push(row));
        assert!(sifted.iter().copied().eq((0..5000).filter(|row| sieve.may_have(name(*row)))));
        each_that(0, |_| true, |_| panic!("there is no row"));
    }
}

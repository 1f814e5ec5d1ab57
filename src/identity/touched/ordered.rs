//! Numbers, each with something, in an order in which they are found quickly.

/// How many share a bucket, about.
const EACH: usize = 4;

/// What belongs to numbers whose first bits are spread evenly. Where numbers are looked for that are near each other, so is what is read.
#[derive(Debug)]
pub(super) struct Ordered<T> {
    /// In the order of numbers.
    entries: Vec<(u64, T)>,
    /// For each number that the first bits make, where its entries begin; and where all end.
    buckets: Vec<u32>,
    shift: u32,
}

impl<T> Ordered<T> {
    /// `entries`: in the order of their numbers.
    pub(super) fn new(entries: Vec<(u64, T)>) -> Self {
        debug_assert!(entries.is_sorted_by_key(|(number, _)| *number));
        let bits = (entries.len() / EACH).next_power_of_two().trailing_zeros().max(1);
        let shift = u64::BITS - bits;
        let mut buckets = Vec::with_capacity((1 << bits) + 1);
        for (at, (number, _)) in (0_u32..).zip(&entries) {
            let bucket = (number >> shift) as usize;
            if buckets.len() <= bucket {
                buckets.resize(bucket + 1, at);
            }
        }
        buckets.resize((1 << bits) + 1, entries.len() as u32);
        Self { entries, buckets, shift }
    }

    /// All that belongs to a number.
    #[inline]
    pub(super) fn of(&self, number: u64) -> impl Iterator<Item = &T> {
        let bucket = (number >> self.shift) as usize;
        let entries = &self.entries[self.buckets[bucket] as usize..self.buckets[bucket + 1] as usize];
        entries.iter().filter(move |(other, _)| *other == number).map(|(_, what)| what)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.entries.iter().map(|(number, _)| *number)
    }

    /// How much memory it holds.
    pub(super) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<(u64, T)>() + self.buckets.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_a_number_is_found() {
        for count in [0, 1, 2, 7, 1000_u64] {
            // Some twice, and both ends.
            let number = |i: u64| (i / 2).wrapping_mul(0x9e37_79b9_7f4a_7c15) | if i > 900 { u64::MAX << 8 } else { 0 };
            let mut entries: Vec<_> = (0..count).map(|i| (number(i), i)).collect();
            entries.sort_unstable();
            let ordered = Ordered::new(entries.clone());
            assert_eq!(ordered.len() as u64, count);
            for looked_for in (0..count + 10).map(number).chain([0, u64::MAX]) {
                let expected = entries.iter().filter(|(number, _)| *number == looked_for).map(|(_, i)| i);
                assert!(ordered.of(looked_for).eq(expected), "{count} {looked_for}");
            }
        }
    }
}

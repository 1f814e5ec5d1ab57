//! Some of the integers below a number, counted from 0 up in their order.

use fixedbitset::FixedBitSet;

/// A set of integers in which it takes no search to tell how many are smaller than one.
#[derive(Debug)]
pub(crate) struct Ranked {
    bits: FixedBitSet,
    /// For each word of `bits`, how many are in those before it.
    before: Vec<u32>,
}

impl Ranked {
    pub(crate) fn new(bits: FixedBitSet) -> Self {
        let counts = bits.as_slice().iter().scan(0, |count, word| {
            let before = *count;
            *count += word.count_ones();
            Some(before)
        });
        let before = counts.collect();
        Self { bits, before }
    }

    pub(crate) fn contains(&self, integer: u32) -> bool {
        self.bits.contains(integer as usize)
    }

    /// All of them, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        self.bits.ones().map(|integer| integer as u32)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.bits.count_ones(..)
    }

    /// How many are smaller than `integer`: of one that is among them, its number.
    pub(crate) fn rank(&self, integer: u32) -> u32 {
        let (word, bit) = (integer as usize / usize::BITS as usize, integer % usize::BITS);
        // Behind the last word is none.
        let Some(bits) = self.bits.as_slice().get(word) else { return self.len() as u32 };
        self.before[word] + (bits & !(usize::MAX << bit)).count_ones()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_counted() {
        for len in [0, 1, 63, 64, 65, 200] {
            let mut bits = FixedBitSet::with_capacity(len);
            bits.extend((0..len).filter(|i| i % 3 == 0));
            let ranked = Ranked::new(bits);
            assert_eq!(
                ranked.iter().map(|i| ranked.rank(i) as usize).collect::<Vec<_>>(),
                (0..ranked.len()).collect::<Vec<_>>()
            );
            for i in 0..len + 70 {
                assert_eq!(
                    ranked.rank(i as u32) as usize,
                    (0..len.min(i)).filter(|i| i % 3 == 0).count(),
                    "{i} of {len}"
                );
                assert_eq!(ranked.contains(i as u32), i < len && i % 3 == 0);
            }
        }
    }
}

//! What pins say of pairs, also of those between which others stand: who is one with somebody is apart from whom that one is
//! apart from.

use std::collections::{HashMap, HashSet};

use kinfold_lang::project::PinKind;

pub(super) use crate::pins::Id;

/// A pin: its kind and the two that it is about.
pub(super) type Pinned = (PinKind, [Id; 2]);

/// Sets of values that are one, and which sets are apart.
#[derive(Debug, Default)]
pub(super) struct Settled {
    numbers: HashMap<Id, usize>,
    /// For each value one of the same set, or itself where it stands for the set.
    parents: Vec<usize>,
    /// How many values a set has, by the one that stands for it. The larger of two sets takes the other, so that paths stay short
    /// and what is apart is moved seldom.
    sizes: Vec<usize>,
    /// By the value that stands for a set, those that stand for sets it is apart from.
    apart: HashMap<usize, HashSet<usize>>,
}

impl Settled {
    /// What pins say that do not contradict each other.
    pub(super) fn of<'a>(pins: impl IntoIterator<Item = &'a Pinned>) -> Self {
        let mut settled = Self::default();
        pins.into_iter().for_each(|(kind, pair)| settled.add(*kind, pair));
        settled
    }

    pub(super) fn add(&mut self, kind: PinKind, pair: &[Id; 2]) {
        let [a, b] = pair.each_ref().map(|id| self.number(id));
        let [a, b] = [self.root(a), self.root(b)];
        match kind {
            PinKind::Never => {
                self.apart.entry(a).or_default().insert(b);
                self.apart.entry(b).or_default().insert(a);
            }
            PinKind::Always if a != b => {
                let (a, b) = if self.sizes[a] < self.sizes[b] { (b, a) } else { (a, b) };
                self.parents[b] = a;
                self.sizes[a] += self.sizes[b];
                for other in self.apart.remove(&b).unwrap_or_default() {
                    let others = self.apart.entry(other).or_default();
                    others.remove(&b);
                    others.insert(a);
                    self.apart.entry(a).or_default().insert(other);
                }
            }
            PinKind::Always => {}
        }
    }

    /// What is known of a pair.
    pub(super) fn of_pair(&self, pair: &[Id; 2]) -> Option<PinKind> {
        let [a, b] = pair.each_ref().map(|id| self.numbers.get(id).map(|number| self.root(*number)));
        let (a, b) = (a?, b?);
        if a == b {
            return Some(PinKind::Always);
        }
        self.apart.get(&a).is_some_and(|others| others.contains(&b)).then_some(PinKind::Never)
    }

    fn number(&mut self, id: &Id) -> usize {
        if let Some(number) = self.numbers.get(id) {
            return *number;
        }
        let number = self.parents.len();
        self.parents.push(number);
        self.sizes.push(1);
        self.numbers.insert(id.clone(), number);
        number
    }

    fn root(&self, mut number: usize) -> usize {
        while self.parents[number] != number {
            number = self.parents[number];
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(a: &str, b: &str) -> [Id; 2] {
        [(0, a.to_owned()), (1, b.to_owned())]
    }

    /// `a=x` pins together, `a!x` apart; a small letter is of the first identifier, a digit of the second.
    fn check(pins: &[&str], expected: &[(&str, Option<PinKind>)]) {
        let read = |pin: &str| pair(&pin[..1], &pin[2..]);
        let kind = |pin: &str| if pin.contains('=') { PinKind::Always } else { PinKind::Never };
        let pins: Vec<Pinned> = pins.iter().map(|pin| (kind(pin), read(pin))).collect();
        // Whatever the order in which they come.
        for settled in [Settled::of(&pins), Settled::of(pins.iter().rev())] {
            for (pin, expected) in expected {
                assert_eq!(settled.of_pair(&read(pin)), *expected, "{pin} after {pins:?}");
            }
        }
    }

    #[test]
    fn paths_stay_short() {
        // Each pin names a new value first, then one of the set of all before it.
        let id = |i: usize| (0, i.to_string());
        let pins: Vec<Pinned> = (0..1_000).map(|i| (PinKind::Always, [id(i + 1), id(i)])).collect();
        let settled = Settled::of(&pins);
        let steps = |mut number: usize| {
            let mut steps = 0;
            while settled.parents[number] != number {
                (number, steps) = (settled.parents[number], steps + 1);
            }
            steps
        };
        assert!((0..settled.parents.len()).map(steps).max() <= Some(10));
    }

    #[test]
    fn pairs_are_settled_by_others() {
        let (same, apart) = (Some(PinKind::Always), Some(PinKind::Never));
        check(&[], &[("a?1", None)]);
        check(&["a=1", "b!1"], &[("a?1", same), ("b?1", apart), ("b?2", None), ("a?2", None)]);
        check(&["a=1", "b=1", "b=2"], &[("a?2", same)]);
        check(&["a=1", "b=1", "b!2"], &[("a?2", apart)]);
        check(&["a=1", "b=2", "a!2"], &[("b?1", apart), ("b?2", same), ("c?1", None)]);
        check(&["a!1", "b!1"], &[("a?1", apart), ("b?2", None)]);
    }
}

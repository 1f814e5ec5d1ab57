//! Values to dense integers: an interner in shards, so that each thread owns some of them and each fits the cache.
//!
//! A value's hash picks its shard. Values wait in a [`Staged`], of which each thread has its own, until many have come together;
//! then every shard takes its own in one go, while its table is in the cache. Threads begin with different shards, so that they
//! seldom wait for one another.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use crate::{IdentityError, lean};

/// What is kept depends on it, by way of digests. 256 shards: at 6 million values the table and text of one take about 0.7 MB.
pub(crate) const SHARD_BITS: u32 = 8;
pub(crate) const SHARDS: usize = 1 << SHARD_BITS;
/// How many shards lie between those that one feeder begins with and the next.
pub(crate) const FEEDERS_APART: usize = 37;
/// So that a shard and a number in it fit into 32 bits, with [`Ref::NONE`] left over.
const MAX_PER_SHARD: usize = (1 << (32 - SHARD_BITS)) - 1;
/// Tests make do with few bits, so that different values often have one hash.
const HASH_BITS: u32 = if cfg!(test) { 0x3f } else { u32::MAX };

/// Where a value is kept, as long as values still arrive: its shard in the low bits, its number in the shard above them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ref(pub(crate) u32);

impl Ref {
    pub(crate) const NONE: Self = Self(u32::MAX);

    pub(crate) fn new(shard: usize, number: usize) -> Self {
        debug_assert!(number < MAX_PER_SHARD && shard < SHARDS);
        Self((number as u32) << SHARD_BITS | shard as u32)
    }

    #[inline]
    pub(crate) fn shard(self) -> usize {
        self.0 as usize & (SHARDS - 1)
    }

    #[inline]
    pub(crate) fn number(self) -> u32 {
        self.0 >> SHARD_BITS
    }
}

/// Values waiting for their shard, each with what is to be done with it.
#[derive(Debug)]
pub(crate) struct Staged<T> {
    shards: Vec<StagedShard<T>>,
    len: usize,
}

#[derive(Debug)]
struct StagedShard<T> {
    items: Vec<Item<T>>,
    text: String,
}

#[derive(Debug)]
struct Item<T> {
    hash: ShardHash,
    /// Where the value ends in the shard's staged text; it begins where the one before it ends.
    end: u32,
    identifier: u8,
    payload: T,
}

impl<T> Staged<T> {
    pub(crate) fn new() -> Self {
        let shards = (0..SHARDS).map(|_| StagedShard { items: Vec::new(), text: String::new() }).collect();
        Self { shards, len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How much memory the staged values hold.
    pub(crate) fn bytes(&self) -> usize {
        self.shards.iter().map(|s| s.text.capacity() + s.items.capacity() * size_of::<Item<T>>()).sum()
    }

    /// # Errors
    /// When the staged text of one shard passes 4 GiB.
    pub(crate) fn push(&mut self, identifier: u8, value: &str, payload: T) -> Result<(), IdentityError> {
        let (shard, hash) = hash(value);
        let shard = &mut self.shards[shard];
        shard.text.push_str(value);
        let end = u32::try_from(shard.text.len()).map_err(|_| IdentityError::TooManyValues)?;
        shard.items.push(Item { hash, end, identifier, payload });
        self.len += 1;
        Ok(())
    }
}

/// The half of a value's hash that its shard knows it by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ShardHash(u32);

impl ShardHash {
    /// Spread over 64 bits, as the table uses both ends.
    #[inline]
    fn spread(self) -> u64 {
        u64::from(self.0).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// The shard of a value, from one half of its hash, and the other half. Of whichever identifier it is: few values are of several.
#[inline]
fn hash(value: &str) -> (usize, ShardHash) {
    let hash = xxh3_64(value.as_bytes());
    ((hash >> 32) as usize & (SHARDS - 1), ShardHash(hash as u32 & HASH_BITS))
}

/// The shard that keeps a value.
#[inline]
pub(crate) fn shard_of(value: &str) -> usize {
    hash(value).0
}

/// One part of the interner. `A` is what its user keeps for each of the shard's values.
#[derive(Debug)]
pub(crate) struct Shard<A> {
    table: HashTable<Entry>,
    names: Names,
    pub(crate) attributes: A,
}

/// A value in a shard's table. With its hash at hand, the table seldom has to be left to find it, and never to grow.
#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: ShardHash,
    number: u32,
}

/// The values of a shard, in the order of arrival.
#[derive(Debug, Default)]
pub(crate) struct Names {
    text: String,
    list: Vec<Name>,
}

/// Side by side, as most looks need both.
#[derive(Debug, Clone, Copy)]
struct Name {
    /// Where the value ends in the text; it begins where the one before it ends.
    end: u32,
    identifier: u8,
}

impl Names {
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    #[inline]
    pub(crate) fn value(&self, number: usize) -> &str {
        self.text(self.place(number))
    }

    /// Where a value lies in the text.
    #[inline]
    pub(crate) fn place(&self, number: usize) -> Range<usize> {
        let start = if number == 0 { 0 } else { self.list[number - 1].end as usize };
        start..self.list[number].end as usize
    }

    #[inline]
    pub(crate) fn text(&self, place: Range<usize>) -> &str {
        &self.text[place]
    }

    #[inline]
    pub(crate) fn identifier(&self, number: usize) -> u8 {
        self.list[number].identifier
    }

    pub(crate) fn identifiers(&self) -> impl ExactSizeIterator<Item = u8> {
        self.list.iter().map(|name| name.identifier)
    }

    #[inline]
    fn is(&self, number: u32, identifier: u8, value: &str) -> bool {
        let number = number as usize;
        self.identifier(number) == identifier && self.value(number) == value
    }

    fn push(&mut self, identifier: u8, value: &str) -> Result<u32, IdentityError> {
        let number = self.list.len();
        if number >= MAX_PER_SHARD {
            return Err(IdentityError::TooManyValues);
        }
        let end = u32::try_from(self.text.len() + value.len()).map_err(|_| IdentityError::TooManyValues)?;
        lean::reserve_text(&mut self.text, value.len());
        lean::reserve(&mut self.list, 1);
        self.text.push_str(value);
        self.list.push(Name { end, identifier });
        Ok(number as u32)
    }
}

/// What is kept for each of a shard's values.
pub(crate) trait Attributes {
    /// How much memory it holds.
    fn bytes(&self) -> usize;
}

/// What a shard does with a staged value, once it knows the value's number.
pub(crate) trait Receive<T> {
    /// What the staged values have in common.
    type Context;

    /// Values get their numbers from 0 up, but are not always received in that order.
    fn receive(&mut self, at: Ref, payload: &T, context: &mut Self::Context);

    /// The value is not known, and was not to be added.
    fn miss(&mut self, payload: &T);
}

impl<A> Shard<A> {
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    pub(crate) fn new(attributes: A) -> Self {
        Self { table: HashTable::new(), names: Names::default(), attributes }
    }

    /// How much memory the shard holds.
    pub(crate) fn bytes(&self) -> usize
    where
        A: Attributes,
    {
        let names = &self.names;
        self.table.allocation_size()
            + names.text.capacity()
            + names.list.capacity() * size_of::<Name>()
            + self.attributes.bytes()
    }

    /// Gives back what growing left over.
    pub(crate) fn shrink(&mut self) {
        self.names.text.shrink_to_fit();
        self.names.list.shrink_to_fit();
    }

    /// Gives back what is needed to find a value again.
    pub(crate) fn forget(&mut self) {
        self.table = HashTable::new();
    }

    /// A value with this hash: nearly always the value meant.
    #[inline]
    fn guess(&self, hash: ShardHash) -> Option<u32> {
        self.table.find(hash.spread(), |entry| entry.hash == hash).map(|entry| entry.number)
    }

    fn find(&self, hash: ShardHash, identifier: u8, value: &str) -> Option<u32> {
        let is = |entry: &Entry| entry.hash == hash && self.names.is(entry.number, identifier, value);
        self.table.find(hash.spread(), is).map(|entry| entry.number)
    }

    fn add(&mut self, hash: ShardHash, identifier: u8, value: &str) -> Result<u32, IdentityError> {
        let number = self.names.push(identifier, value)?;
        self.table.insert_unique(hash.spread(), Entry { hash, number }, |entry| entry.hash.spread());
        Ok(number)
    }
}

/// Where a value is kept; none where no row has it. Only as long as shards have not forgotten how to find one.
pub(crate) fn find<A>(shards: &[Shard<A>], identifier: u8, value: &str) -> Option<Ref> {
    let (shard, hash) = hash(value);
    let number = shards[shard].find(hash, identifier, value)?;
    Some(Ref::new(shard, number as usize))
}

/// As [`find`], among shards that others may use.
pub(crate) fn find_shared<A>(shards: &[Mutex<Shard<A>>], identifier: u8, value: &str) -> Option<Ref> {
    let (shard, hash) = hash(value);
    let number = shards[shard].lock().unwrap_or_else(PoisonError::into_inner).find(hash, identifier, value)?;
    Some(Ref::new(shard, number as usize))
}

/// Where a value is kept, which is added where it is not; `then` is done to what is kept of its shard's values.
///
/// # Errors
/// When a shard is full.
pub(crate) fn place<A>(
    shards: &[Mutex<Shard<A>>],
    identifier: u8,
    value: &str,
    then: impl FnOnce(&mut A, Ref),
) -> Result<Ref, IdentityError> {
    let (index, hash) = hash(value);
    let mut shard = shards[index].lock().unwrap_or_else(PoisonError::into_inner);
    let number = match shard.find(hash, identifier, value) {
        Some(number) => number,
        None => shard.add(hash, identifier, value)?,
    };
    let at = Ref::new(index, number as usize);
    then(&mut shard.attributes, at);
    Ok(at)
}

/// Whether values that are not known yet are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    Add,
    Skip,
}

/// Hands every staged value to its shard, beginning with that of some number, and empties the staging area. Tells by how much
/// the shards have grown.
///
/// # Errors
/// When a shard is full; the shards are then of no use any more.
pub(crate) fn flush<T, A: Receive<T> + Attributes>(
    shards: &[Mutex<Shard<A>>],
    staged: &mut Staged<T>,
    unknown: Unknown,
    first_shard: usize,
    context: &mut A::Context,
) -> Result<isize, IdentityError> {
    staged.len = 0;
    let mut grown = 0;
    for i in 0..SHARDS {
        let index = (first_shard + i) % SHARDS;
        if staged.shards[index].items.is_empty() {
            continue;
        }
        let mut shard = shards[index].lock().unwrap_or_else(PoisonError::into_inner);
        let before = shard.bytes();
        take(index, &mut shard, &mut staged.shards[index], unknown, context)?;
        grown += shard.bytes().cast_signed() - before.cast_signed();
    }
    Ok(grown)
}

fn take<T, A: Receive<T>>(
    index: usize,
    shard: &mut Shard<A>,
    staged: &mut StagedShard<T>,
    unknown: Unknown,
    context: &mut A::Context,
) -> Result<(), IdentityError> {
    // Numbers first and values after: each loop waits for memory for many items at once.
    let mut guesses = Vec::with_capacity(staged.items.len());
    let mut start = 0;
    for item in &staged.items {
        let value = &staged.text[start..item.end as usize];
        start = item.end as usize;
        guesses.push(match shard.guess(item.hash) {
            None if unknown == Unknown::Add => Some(shard.add(item.hash, item.identifier, value)?),
            guess => guess,
        });
    }
    start = 0;
    for (item, guess) in staged.items.iter().zip(guesses) {
        let value = &staged.text[start..item.end as usize];
        start = item.end as usize;
        let mut number = guess;
        if guess.is_some_and(|guess| !shard.names.is(guess, item.identifier, value)) {
            // Another value with the same hash.
            number = match shard.find(item.hash, item.identifier, value) {
                None if unknown == Unknown::Add => Some(shard.add(item.hash, item.identifier, value)?),
                found => found,
            };
        }
        match number {
            Some(number) => shard.attributes.receive(Ref::new(index, number as usize), &item.payload, context),
            None => shard.attributes.miss(&item.payload),
        }
    }
    staged.items.clear();
    staged.text.clear();
    Ok(())
}

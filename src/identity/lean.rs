//! Lists that grow by a quarter: shards grow alike and at the same time, so that doubling would leave up to half of all memory unused.

/// Fewer elements are not worth being sparing with.
const LEAST: usize = 16;

/// Makes room for so many more elements.
#[inline]
pub(crate) fn reserve<T>(list: &mut Vec<T>, more: usize) {
    if list.capacity() - list.len() < more {
        list.reserve_exact(additional(list.len(), more));
    }
}

/// Makes room for so many more bytes.
#[inline]
pub(crate) fn reserve_text(text: &mut String, more: usize) {
    if text.capacity() - text.len() < more {
        text.reserve_exact(additional(text.len(), more));
    }
}

fn additional(len: usize, more: usize) -> usize {
    (len / 4).max(more).max(LEAST)
}

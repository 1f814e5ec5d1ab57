//! Spans of time, and how many values were first seen within one.

use crate::evidence::UNKNOWN_FIRST;

/// The length of a span, in microseconds.
///
/// Instants come in ascending order. [`UNKNOWN_FIRST`] is an instant like any other, but far from all of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window(pub(crate) i64);

impl Window {
    /// Whether more than `count` of the instants are within one span.
    pub(crate) fn is_exceeded(self, times: &[i64], count: u32) -> bool {
        times.windows(count as usize + 1).any(|within| self.spans(within[0], within[count as usize]))
    }

    /// Whether more than `count` instants are within one span, some of `a` and some of `b`.
    ///
    /// It takes as long as the shorter is, and what is near its instants in the longer.
    pub(crate) fn is_exceeded_by_both(self, a: &[i64], b: &[i64], count: u32) -> bool {
        let (few, many) = if a.len() < b.len() { (a, b) } else { (b, a) };
        // Asked only of spans that hold one of the few.
        let is_exceeded_from = |start: i64| {
            let (few, many) = (self.count_from(few, start), self.count_from(many, start));
            many > 0 && few + many > count as usize
        };
        // A span that is exceeded can be moved on to its first instant. That is one of the few, or of the many before one.
        let mut looked_at = 0;
        few.iter().any(|time| {
            let near = many.partition_point(|other| other < time && !self.spans(*other, *time));
            let end = many.partition_point(|other| other <= time);
            let start = near.max(looked_at);
            looked_at = end;
            is_exceeded_from(*time) || many[start..end].iter().any(|other| is_exceeded_from(*other))
        })
    }

    /// How many instants are within the span that begins at `start`.
    fn count_from(self, times: &[i64], start: i64) -> usize {
        let later = &times[times.partition_point(|time| *time < start)..];
        later.partition_point(|time| self.spans(start, *time))
    }

    /// Whether one span holds both instants.
    fn spans(self, early: i64, late: i64) -> bool {
        if late == UNKNOWN_FIRST { early == UNKNOWN_FIRST } else { late.saturating_sub(early) < self.0 }
    }
}

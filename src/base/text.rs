//! A string taken out of a file, that still knows where each of its bytes came from.

use std::ops::Range;

use crate::Span;

/// Text as YAML gave it, with the way back into the file: quoting, escapes, folding and indentation make the two differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceText {
    pub text: String,
    /// The whole scalar in the file, quotes and block header included.
    pub span: Span,
    /// Runs in which text and file advance together: (byte in the text, byte in the file), ascending. Never empty.
    runs: Vec<(u32, u32)>,
}

impl SourceText {
    /// `runs` as described at the field; empty means that the text starts where the span starts and runs along with it.
    #[must_use]
    pub fn new(text: impl Into<String>, span: Span, mut runs: Vec<(u32, u32)>) -> Self {
        if runs.is_empty() {
            runs.push((0, span.start));
        }
        Self { text: text.into(), span, runs }
    }

    /// See the field: for whoever must take the text apart and put it together again.
    #[must_use]
    pub fn runs(&self) -> &[(u32, u32)] {
        &self.runs
    }

    /// Where a range of bytes of the text stands in the file.
    #[must_use]
    pub fn span_of(&self, range: Range<usize>) -> Span {
        let place = |offset: usize| {
            let offset = u32::try_from(offset).unwrap_or(u32::MAX);
            let run = self.runs.partition_point(|(text, _)| *text <= offset).saturating_sub(1);
            let (text, file) = self.runs[run];
            (file + offset.saturating_sub(text)).clamp(self.span.start, self.span.end)
        };
        let start = place(range.start);
        let end = if range.end > range.start { place(range.end - 1) + 1 } else { start };
        Span::new(self.span.file, start as usize, end.min(self.span.end.max(start)) as usize)
    }

    /// Where a place that `sqlparser` reports, line and column counted from 1 in characters, stands in the text, in bytes.
    #[must_use]
    pub fn offset_of(&self, line: u64, column: u64) -> usize {
        let mut start = 0;
        for _ in 1..line {
            match self.text[start..].find('\n') {
                Some(end) => start += end + 1,
                None => return self.text.len(),
            }
        }
        let skip = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
        self.text[start..].char_indices().nth(skip).map_or(self.text.len(), |(i, _)| start + i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FileId;

    #[test]
    fn ranges_are_found_again_in_the_file() {
        // `sql: "a \"b\" c"`: the text is a "b" c, each quote takes two bytes in the file.
        let span = Span::new(FileId(0), 5, 16);
        let text = SourceText::new("a \"b\" c", span, vec![(0, 6), (3, 10), (5, 13)]);
        assert_eq!(text.span_of(3..4), Span::new(FileId(0), 10, 11));
        assert_eq!(text.span_of(6..7), Span::new(FileId(0), 14, 15));
        assert_eq!(text.offset_of(1, 4), 3);
    }
}

//! Finds each byte of a decoded scalar again in the file.
//!
//! The YAML library says where a scalar begins and ends and what it means, not where its single characters come from. Both texts
//! are walked side by side: they differ only in quoting, escapes, and white space at line breaks.

/// Runs in which text and file advance together, as [`kinfold_base::SourceText`] keeps them. `start` is where `raw` begins in the
/// file; `block` says that it is the content of a block scalar, in which quotes mean nothing.
pub(super) fn align(decoded: &str, raw: &str, start: usize, block: bool) -> Vec<(u32, u32)> {
    let mut walk = Walk { decoded, raw, at: 0, from: 0, start, runs: vec![] };
    match raw.as_bytes().first() {
        Some(b'"') if !block => walk.double_quoted(),
        Some(b'\'') if !block => walk.single_quoted(),
        _ => walk.folded(|_| false),
    }
    walk.runs
}

struct Walk<'a> {
    decoded: &'a str,
    raw: &'a str,
    /// Bytes of `decoded` that are placed.
    at: usize,
    /// Bytes of `raw` that are used up.
    from: usize,
    start: usize,
    runs: Vec<(u32, u32)>,
}

impl Walk<'_> {
    fn double_quoted(&mut self) {
        self.from = 1;
        while self.at < self.decoded.len() {
            let rest = &self.raw[self.from..];
            if let Some(escape) = rest.strip_prefix('\\') {
                if escape.starts_with(['\n', '\r']) {
                    self.from += 1;
                    self.skip_raw_space();
                    continue;
                }
                let len = match escape.bytes().next() {
                    Some(b'x') => 4,
                    Some(b'u') => 6,
                    Some(b'U') => 10,
                    _ => 1 + escape.chars().next().map_or(0, char::len_utf8),
                };
                self.mark();
                self.from = (self.from + len).min(self.raw.len());
                while !self.raw.is_char_boundary(self.from) {
                    self.from += 1;
                }
                self.at += self.char_len();
            } else if !self.step() {
                return;
            }
        }
    }

    fn single_quoted(&mut self) {
        self.from = 1;
        self.folded(|rest| rest.starts_with("''"));
    }

    /// Copies, folding white space; where `doubled` says so, two raw characters stand for one.
    fn folded(&mut self, doubled: impl Fn(&str) -> bool) {
        while self.at < self.decoded.len() {
            let twice = doubled(&self.raw[self.from..]);
            if !self.step() {
                return;
            }
            if twice {
                self.from += 1;
            }
        }
    }

    /// Places the next character, or the next stretch of white space where the two differ in it. False at the end of `raw`.
    fn step(&mut self) -> bool {
        let (text, raw) = (&self.decoded[self.at..], &self.raw[self.from..]);
        if raw.is_empty() {
            self.mark();
            return false;
        }
        let text_space = text.len() - text.trim_start().len();
        let raw_space = raw.len() - raw.trim_start().len();
        self.mark();
        // White space is folded at line breaks only.
        if raw[..raw_space].contains('\n') && text[..text_space] != raw[..raw_space] {
            self.at += text_space;
            self.from += raw_space;
            if text_space == 0 {
                // Only the file has white space here: what is placed next begins after it.
                self.runs.pop();
            }
        } else {
            let len = self.char_len();
            self.at += len;
            self.from += raw.chars().next().map_or(0, char::len_utf8);
        }
        true
    }

    fn char_len(&self) -> usize {
        self.decoded[self.at..].chars().next().map_or(1, char::len_utf8)
    }

    fn skip_raw_space(&mut self) {
        let rest = &self.raw[self.from..];
        self.from += rest.len() - rest.trim_start().len();
    }

    /// Notes that the next byte of the text stands at the next byte of the file, unless that follows from the last run.
    fn mark(&mut self) {
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (text, file) = (narrow(self.at), narrow(self.start + self.from));
        match self.runs.last() {
            Some((t, f)) if file.wrapping_sub(*f) == text - t => {}
            _ => self.runs.push((text, file)),
        }
    }
}

//! Columns of rows, as the kernel reads them, without knowing their format.

/// Text values, some of them missing.
pub trait TextColumn {
    fn len(&self) -> usize;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at `row`, which is smaller than [`TextColumn::len`]; none where it is missing.
    fn text(&self, row: usize) -> Option<&str>;
}

/// Instants in microseconds since 1970, UTC, some of them missing.
pub trait TimeColumn {
    /// The instant at `row`; none where it is not known.
    fn micros(&self, row: usize) -> Option<i64>;
}

/// Whole numbers from 0 up, some of them missing.
pub trait NumberColumn {
    /// The number at `row`; none where it is missing or is no such number.
    fn number(&self, row: usize) -> Option<u32>;

    /// All numbers as they lie, if they do: any where one is missing.
    fn all(&self) -> Option<&[i64]> {
        None
    }
}

/// Weights in bits, some of them missing.
pub trait WeightColumn {
    /// The weight at `row`; none where it is missing.
    fn weight(&self, row: usize) -> Option<f64>;
}

impl WeightColumn for Vec<f64> {
    fn weight(&self, row: usize) -> Option<f64> {
        Some(self[row])
    }
}

impl NumberColumn for Vec<Option<u32>> {
    fn number(&self, row: usize) -> Option<u32> {
        self[row]
    }
}

impl TextColumn for [Option<&str>] {
    fn len(&self) -> usize {
        <[_]>::len(self)
    }

    fn text(&self, row: usize) -> Option<&str> {
        self[row]
    }
}

impl TextColumn for Vec<Option<String>> {
    fn len(&self) -> usize {
        Vec::len(self)
    }

    fn text(&self, row: usize) -> Option<&str> {
        self[row].as_deref()
    }
}

impl TimeColumn for Vec<Option<i64>> {
    fn micros(&self, row: usize) -> Option<i64> {
        self[row]
    }
}

//! What is known of the values of one profile, or of two, before anything is made of it.

use kinfold_base::Timestamp;

use super::ExplainedMatch;

/// A value: the index of its identifier, the strongest being 0, and its text in the identifier's form.
pub(crate) type Id = (usize, String);

/// Everything that is known of the values of one profile, or of two.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The names of tables; two links of one table are two sources.
    pub sources: Vec<String>,
    /// The values of the profiles asked about, with their profiles.
    pub members: Vec<(Id, String)>,
    pub rows: Vec<Rows>,
    pub refused: Vec<Refusal>,
    /// Pairs that something else than rows puts together; of several for one pair, the first is told.
    pub told: Vec<Told>,
}

/// Two values that something else than rows puts together.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub ends: [Id; 2],
    pub by: Teller,
    pub rule: String,
    /// Of a match, what it is made of.
    pub score: Option<ExplainedMatch>,
}

/// What puts values together besides rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Teller {
    /// Somebody said so.
    Pin,
    /// The records that they stand for are alike.
    Match,
}

/// The rows of a source that have the same values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    /// An index into [`Facts::sources`].
    pub source: usize,
    pub values: Vec<(Id, Option<Sharing>)>,
    pub evidence: Evidence,
}

/// What some rows say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    pub rows: u64,
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
    /// Of the first row: columns and values as text. Empty if nobody says which columns tell rows apart.
    pub row_key: Vec<(String, String)>,
}

/// Why a value is set aside: how many values of another identifier it is seen with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sharing {
    pub linked: String,
    pub degree: u64,
}

/// An edge that was refused.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub ends: [(Id, Option<String>); 2],
    pub rule: String,
    /// The table's name.
    pub source: String,
    pub first: Option<Timestamp>,
}

impl Evidence {
    /// What these rows say, too, of the same values.
    pub(crate) fn add(&mut self, more: &Self) {
        let is_first = |x: Option<Timestamp>, y: Option<Timestamp>| match (x, y) {
            (Some(x), Some(y)) => x < y,
            (x, y) => x.is_some() && y.is_none(),
        };
        let same_time = more.first == self.first && more.row_key < self.row_key;
        if self.rows == 0 || is_first(more.first, self.first) || same_time {
            self.row_key.clone_from(&more.row_key);
        }
        self.rows += more.rows;
        self.first = self.first.into_iter().chain(more.first).min();
        self.last = self.last.into_iter().chain(more.last).max();
    }
}

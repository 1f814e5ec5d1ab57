//! What the kernel is told about an entity before any row arrives.

use std::fmt;

/// The rules of one entity.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rules {
    /// The entity's name; part of what profile ids are derived from.
    pub entity: String,
    /// Strongest first, at most 255.
    pub identifiers: Vec<IdentifierRule>,
    /// Where rows come from. Two entries may have one name: they then count as one source.
    pub sources: Vec<RowSource>,
    /// What people say of single values, whatever the rows say.
    pub pins: Vec<Pin>,
    /// Which pairs of values are linked though no row has both.
    pub matching: MatchRules,
}

/// Which pairs of values are linked though no row has both.
#[derive(Debug, Clone, PartialEq)]
pub struct MatchRules {
    /// In bits: a pair that is lighter is no edge, but evidence of how near two groups are.
    pub accept: f64,
    pub linkage: Linkage,
    /// The sources whose rows are records, and the identifier that stands for one: indices into [`Rules::sources`] and
    /// [`Rules::identifiers`]. No match makes one cluster of two that both have a record of one of them. At most 64.
    pub one_of_each: Vec<(usize, usize)>,
}

impl Default for MatchRules {
    fn default() -> Self {
        Self { accept: f64::NEG_INFINITY, linkage: Linkage::Any, one_of_each: vec![] }
    }
}

/// When matches make one cluster of more than two groups of values that rows link. A pair that is not known is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Linkage {
    /// Any match does: single linkage.
    #[default]
    Any,
    /// The mean probability of all pairs of groups, one of each side, must be a half: average linkage. If a single pair may be
    /// less likely than that, then as much as that.
    Average,
    /// Each group of one side must match each of the other: complete linkage.
    Complete,
}

/// One kind of identifier.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IdentifierRule {
    pub name: String,
    /// How many values of it one profile may have.
    pub limit: Option<Limit>,
    /// A value of it that is seen on rows with more distinct values of any one identifier than this is shared by many: it
    /// links nothing and belongs to no profile but by a pin. The value itself does not count; others of its own identifier do.
    pub shared_above: Option<u32>,
}

/// How many values of an identifier one profile may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// 0 counts as 1.
    pub count: u32,
    /// The length of a span of time; less than 1 counts as 1. Of values that were first seen within any one span of this
    /// length, a profile may have `count`; without it, that is how many it may have at all. Values of which nobody knows when
    /// they were seen count as seen at one instant, which is far from every other.
    pub within_micros: Option<i64>,
}

impl Limit {
    /// With what counts as 1 made 1.
    pub(crate) fn at_least_one(self) -> Self {
        Self { count: self.count.max(1), within_micros: self.within_micros.map(|micros| micros.max(1)) }
    }
}

/// Two values of which somebody knows whether they are of one profile. Without effect unless both are on rows.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin {
    pub kind: PinKind,
    /// An index into [`Rules::identifiers`], and a value, which is normalised already.
    pub values: [(usize, String); 2],
}

impl fmt::Debug for Pin {
    /// Without the values, which are personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [(a, _), (b, _)] = &self.values;
        write!(f, "{:?}({a}, {b})", self.kind)
    }
}

/// The kinds of [`Pin`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinKind {
    /// The two are of one profile, whatever limits say. Such a pin alone links a value that is shared by many: no row does.
    Always,
    /// The two are of different profiles: the last edge of a path that would connect them is refused.
    Never,
}

/// One stream of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowSource {
    /// The table's full name.
    pub name: String,
    /// What each text column of its rows holds: an index into [`Rules::identifiers`].
    pub identifiers: Vec<usize>,
    /// Whether its rows can be had again, each combination of values once: [`Resolution::rows_part`](crate::Resolution::rows_part).
    pub keep_rows: bool,
}

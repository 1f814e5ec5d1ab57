//! What the kernel is told about an entity before any row arrives.

/// The rules of one entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The entity's name; part of what profile ids are derived from.
    pub entity: String,
    /// Strongest first, at most 255.
    pub identifiers: Vec<IdentifierRule>,
    /// Where rows come from. Two entries may have one name: they then count as one source.
    pub sources: Vec<RowSource>,
    /// How many threads may work at once; 0 counts as 1. No result depends on it.
    pub threads: usize,
}

/// One kind of identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentifierRule {
    pub name: String,
    /// How many values of it one profile may have; 0 counts as 1.
    pub limit: Option<u32>,
}

/// One stream of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowSource {
    /// The table's full name.
    pub name: String,
    /// What each text column of its rows holds: an index into [`Rules::identifiers`].
    pub identifiers: Vec<usize>,
}

//! The names of the tables that Kinfold makes for an entity.

/// The tables that Kinfold makes for an entity. Readers of tables know them by these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntityTable {
    /// One row for each profile: its id and its traits. Called like the entity.
    Profiles,
    /// Every value of every profile.
    Identifiers,
    /// What became of profiles, run after run.
    History,
    /// Where former profile ids lead today.
    Aliases,
    /// Edges that were refused.
    Conflicts,
    /// Values that link nothing, because many share them.
    Shared,
    /// Pairs of records that are linked by likelihood.
    Matches,
    /// Pairs of records that people should look at.
    Review,
    /// Records as they were compared, so that the next run compares only those that are new.
    Records,
    /// What each run counted.
    Health,
    /// Connected components, where they are found in SQL alone.
    Components,
    /// Who is in which segment.
    Segments,
    /// Who entered and left, run after run.
    SegmentChanges,
}

impl EntityTable {
    pub const ALL: [Self; 13] = [
        Self::Profiles,
        Self::Identifiers,
        Self::History,
        Self::Aliases,
        Self::Conflicts,
        Self::Shared,
        Self::Matches,
        Self::Review,
        Self::Records,
        Self::Health,
        Self::Components,
        Self::Segments,
        Self::SegmentChanges,
    ];

    /// The table's name for an entity.
    #[must_use]
    pub fn of(self, entity: &str) -> String {
        let suffix = match self {
            Self::Profiles => "",
            Self::Identifiers => "_identifiers",
            Self::History => "_history",
            Self::Aliases => "_aliases",
            Self::Conflicts => "_conflicts",
            Self::Shared => "_shared",
            Self::Matches => "_matches",
            Self::Review => "_review",
            Self::Records => "_records",
            Self::Health => "_health",
            Self::Components => "_components",
            Self::Segments => "_segments",
            Self::SegmentChanges => "_segment_changes",
        };
        format!("{entity}{suffix}")
    }
}

//! Crash points: named places around every durable write and every send, where a test can kill the process.
//!
//! The product runs with [`NoFaults`]. The names are listed in one table so that a test can visit each of them.

/// Every crash point, in the order in which a sync passes them.
#[must_use]
pub const fn fault_names() -> &'static [&'static str] {
    &[
        "claim.before",
        "claim.after",
        "recover.before",
        "recover.after",
        "plan.before_write",
        "plan.after_write",
        "plan.after_commit",
        "send.before",
        "send.after",
        "outcomes.before_write",
        "outcomes.after_write",
        "ledger.before_write",
        "ledger.after_write",
        "ledger.before_commit",
        "ledger.after_commit",
        "log.before_write",
        "log.after_write",
        "collect.before",
        "collect.after",
    ]
}

/// Asked at every crash point.
pub trait Faults: Send + Sync + std::fmt::Debug {
    /// May end the process, never returns an error.
    fn at(&self, point: &'static str);

    /// Whether the seeded bug that tests must catch is switched on: see [`SendBeforeLedger`].
    fn seeded_bug(&self) -> Option<SendBeforeLedger> {
        None
    }
}

/// A deliberate mistake, that proves that the tests see it: the ledger claims the rows of a plan before their outcomes are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendBeforeLedger;

/// No faults: what the product runs with.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFaults;

impl Faults for NoFaults {
    fn at(&self, _: &'static str) {}
}

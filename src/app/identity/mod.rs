//! `kinfold identity`: how an entity's identity fares, and what a change of its rules would do.

mod diff;
mod report;

pub use diff::{
    DiffRequest, EntityDiff, Example, ExamplePart, ExampleValues, IdentityDiff, SegmentEffect, identity_diff,
};
pub use report::{Change, IdentityReport, LargestProfile, identity_report};

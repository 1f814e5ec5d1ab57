//! Use cases shared by the command line and, later, a server: load, check, compile, run, sync, show, explain, identity, query,
//! init.
//!
//! This is where the parts meet: files are read here, the engine is opened here, the planner's SQL is handed to the engine here.
//! It never prints and never exits.

mod compile;
mod destinations;
mod error;
mod execute;
mod explain;
mod files;
mod identity;
mod init;
mod load;
mod log;
mod matching;
mod memory;
mod pins;
mod query;
mod report;
mod rows;
mod run;
mod secrets;
mod show;
mod sync;

pub use compile::compile;
pub use error::{AppError, AppErrorKind};
pub use explain::{
    Explained, ExplainedChain, ExplainedEdge, ExplainedEvidence, ExplainedMatch, ExplainedPart, ExplainedProfile,
    ExplainedShared, ExplainedValue, explain,
};
pub use identity::{
    Change, DiffRequest, EntityDiff, Example, ExamplePart, ExampleValues, IdentityDiff, IdentityReport, LargestProfile,
    SegmentEffect, identity_diff, identity_report,
};
pub use init::init;
pub use kinfold_lang::json_schema;
pub use kinfold_plan::matching::{LookOrder as ReviewOrder, Mistake};
pub use kinfold_plan::{Dialect as SqlDialect, StepKind};
pub use load::{Environment, Loaded, Options, Ready, load};
pub use matching::{
    Answer, Answered, AskedPair, ComparedLevel, EvaluateReport, LabelCounts, LabelledValue, MatchReport, Quality,
    ReportColumn, ReportEdge, ReportEdgeKind, ReportLabels, ReportPair, ReportPoint, ReportProfile, ReportRefused,
    ReportRule, ReportSize, ReportTable, ReportValues, ReportWeight, Review, ReviewComparison, ReviewCounts,
    ReviewList, ReviewPair, ReviewRecord, ReviewRequest, ReviewRow, RuleQuality, TrainReport, TrainRequest,
    TrainedComparison, TrainedLevel, TrainedPass, WrongPair, match_evaluate, match_report, match_review,
    match_review_list, match_train,
};
pub use query::query;
pub use report::{ErrorReport, RunReport, RunStatus, StepReport, StepStatus, SyncSummary};
pub use rows::QueryResult;
pub use run::{RunRequest, run};
pub use show::{ShownProfile, ShownSegment, show_profile, show_segment};
pub use sync::{SyncReport, SyncRequest, sync};

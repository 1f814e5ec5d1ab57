//! `kinfold match`: learning which records are one profile though they share no identifier.
//!
//! | place | what it does |
//! |---|---|
//! | `train` | learns a model without labels |
//! | `compared` | what each comparison says of a pair |
//! | `evaluate` | what a model is worth, by labels |
//! | `labels` | labels that contradict themselves |
//! | `report` | all of it as data for a page with charts |
//! | `records` | the table of records that all of them look at |
//! | `file` | the model as a file in git |
//! | `review` | asks people about pairs, and writes what they say as pins |

mod compared;
mod evaluate;
mod file;
mod labels;
mod records;
mod report;
mod review;
mod train;

pub use compared::ComparedLevel;
pub(crate) use compared::compared;
pub use evaluate::{EvaluateReport, Quality, RuleQuality, WrongPair, match_evaluate};
pub use labels::{LabelCounts, LabelledValue};
pub use report::{
    MatchReport, ReportColumn, ReportEdge, ReportEdgeKind, ReportLabels, ReportPair, ReportPoint, ReportProfile,
    ReportRefused, ReportRule, ReportSize, ReportTable, ReportValues, ReportWeight, match_report,
};
pub use review::{
    Answer, Answered, AskedPair, Review, ReviewComparison, ReviewCounts, ReviewList, ReviewPair, ReviewRecord,
    ReviewRequest, ReviewRow, match_review, match_review_list,
};
pub use train::{TrainReport, TrainRequest, TrainedComparison, TrainedLevel, TrainedPass, match_train};

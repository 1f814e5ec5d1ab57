//! `kinfold match`: learning which records are one profile though they share no identifier.
//!
//! | place | what it does |
//! |---|---|
//! | `train` | learns a model without labels |
//! | `file` | the model as a file in git |

mod file;
mod train;

pub use train::{TrainReport, TrainRequest, TrainedComparison, TrainedLevel, TrainedPass, match_train};

//! Short ways to say why a sync stops.

use kinfold_sync::{ErrorKind, SyncError};

/// The user's settings or files are wrong.
pub(crate) fn input(message: impl Into<String>, hint: impl Into<String>) -> SyncError {
    make(ErrorKind::Input, message, Some(hint.into()))
}

/// Something outside failed.
pub(crate) fn outside(message: impl Into<String>, hint: impl Into<String>) -> SyncError {
    make(ErrorKind::Outside, message, Some(hint.into()))
}

/// Kinfold is wrong.
pub(crate) fn bug(message: impl Into<String>) -> SyncError {
    make(ErrorKind::Bug, message, Some("this is a mistake in Kinfold: please report it".to_owned()))
}

fn make(kind: ErrorKind, message: impl Into<String>, hint: Option<String>) -> SyncError {
    SyncError { kind, message: message.into(), hint, source: None }
}

/// What an input or output error of the system means, in words; `place` is the path or URL.
pub(crate) fn io(action: &str, place: &str, error: &std::io::Error) -> SyncError {
    use std::io::ErrorKind as Io;
    match error.kind() {
        Io::StorageFull | Io::QuotaExceeded => outside(
            format!("cannot {action} {place}: no space is left there"),
            "make room or choose another location, then run the sync again; what was there before is untouched",
        ),
        Io::PermissionDenied | Io::ReadOnlyFilesystem => {
            outside(format!("cannot {action} {place}: not permitted"), "check who owns the folder, and its permissions")
        }
        Io::NotFound => {
            outside(format!("cannot {action} {place}: no such file or folder"), "check the setting `location`")
        }
        Io::NotADirectory | Io::IsADirectory | Io::AlreadyExists => outside(
            format!("cannot {action} {place}: {error}"),
            "a folder and a file of the same name are in each other's way",
        ),
        _ => outside(format!("cannot {action} {place}: {error}"), "run the sync again once this is mended"),
    }
}

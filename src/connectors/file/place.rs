//! Where a file goes.

use std::path::PathBuf;
use std::sync::Arc;

use kinfold_base::did_you_mean;
use kinfold_sync::SyncError;
use object_store::ObjectStore;
use object_store::path::Path;

use crate::ObjectStores;
use crate::error::{input, io};

/// The destination's `location`.
pub(super) enum Base {
    Local(PathBuf),
    Store { store: Arc<dyn ObjectStore>, prefix: Path, url: String },
}

/// A `location` without what may be left out of it.
pub(super) fn plain(location: &str) -> &str {
    location.strip_prefix("file://").unwrap_or(location).trim_start_matches("./")
}

impl Base {
    /// For a location as [`plain`] leaves it.
    pub(super) fn open(location: &str, stores: &dyn ObjectStores) -> Result<Self, SyncError> {
        if location.contains("://") {
            let url = location.trim_end_matches('/');
            let (store, prefix) = stores.open(url)?;
            return Ok(Self::Store { store, prefix, url: url.to_owned() });
        }
        Ok(Self::Local(stores.local(location)))
    }

    /// Makes the folder if it is not there, so that a location that cannot be written to is found before rows are read.
    pub(super) async fn check(&self, name: &str) -> Result<(), SyncError> {
        let Self::Local(base) = self else { return Ok(()) };
        let path = base.join(name);
        let folder = path.parent().unwrap_or(base);
        tokio::fs::create_dir_all(folder)
            .await
            .map_err(|e| io("make the folder", &folder.display().to_string(), &e))?;
        if path.is_dir() {
            return Err(input(
                format!("{} is a folder, and the sync would write a file there", path.display()),
                "choose another `object`",
            ));
        }
        Ok(())
    }
}

/// What a file's name is made of.
pub(super) struct Name<'a> {
    pub(super) object: &'a str,
    pub(super) run_id: &'a str,
    pub(super) sync: &'a str,
    /// What tells this file from those of other batches; absent where one file holds all rows.
    pub(super) batch: Option<&'a str>,
    /// Without a dot in front: `csv.gz`.
    pub(super) extension: String,
}

impl Name<'_> {
    /// The path below the location. An appended file is named by its batch, so that sending it again replaces it: in place of
    /// `{batch}`, or else before the extension.
    pub(super) fn fill(&self) -> Result<String, SyncError> {
        let object = self.object;
        if object.contains("://") || object.starts_with('/') {
            return Err(input(
                format!("`object: {object}` must be a path below the destination's location"),
                "put the folder or URL into the setting `location`, and the rest into `object`",
            ));
        }
        let mut name = String::new();
        let mut rest = object;
        let mut has_batch = false;
        while let Some(start) = rest.find('{') {
            name.push_str(&rest[..start]);
            let Some(end) = rest[start..].find('}') else {
                return Err(input(format!("`object: {object}` opens a brace and does not close it"), PLACEHOLDERS));
            };
            let word = &rest[start + 1..start + end];
            match (word, self.batch) {
                ("run_id", _) => name.push_str(&tame(self.run_id)),
                ("sync", _) => name.push_str(&tame(self.sync)),
                ("date", _) => name.push_str(&date_of(self.run_id)?),
                ("batch", Some(batch)) => {
                    name.push_str(&tame(batch));
                    has_batch = true;
                }
                ("batch", None) => {
                    return Err(input(
                        "`{batch}` only stands in the names of appended files",
                        "leave it out, or set `write: append`",
                    ));
                }
                _ => {
                    let hint = did_you_mean(word, ["run_id", "date", "sync", "batch"])
                        .map_or_else(|| PLACEHOLDERS.to_owned(), |n| format!("did you mean `{{{n}}}`?"));
                    return Err(input(format!("`object: {object}` holds the unknown placeholder `{{{word}}}`"), hint));
                }
            }
            rest = &rest[start + end + 1..];
        }
        name.push_str(rest);
        if let (Some(batch), false) = (self.batch, has_batch) {
            let batch = tame(batch);
            let extension = format!(".{}", self.extension);
            name = match name.strip_suffix(extension.as_str()) {
                Some(stem) => format!("{stem}-{batch}{extension}"),
                None if name.ends_with('/') => format!("{name}{batch}{extension}"),
                None => format!("{name}-{batch}{extension}"),
            };
        }
        let wrong = |why: &str| {
            Err(input(format!("`object: {object}` {why}"), "write a file's name, with folders in front if need be"))
        };
        if name.is_empty() || name.ends_with('/') {
            return wrong("names no file");
        }
        if name.split('/').any(|part| matches!(part, "" | "." | "..")) || name.contains('\0') {
            return wrong("holds an empty part, `.` or `..`");
        }
        Ok(name)
    }
}

const PLACEHOLDERS: &str = "there are {run_id}, {date}, {sync} and, with `write: append`, {batch}";

/// Only what is safe in a file's name everywhere.
fn tame(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' }).collect()
}

/// The UTC day on which the run began, which its id begins with.
fn date_of(run_id: &str) -> Result<String, SyncError> {
    match run_id.get(..8).filter(|day| day.bytes().all(|b| b.is_ascii_digit())) {
        Some(day) => Ok(format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..])),
        None => Err(crate::error::bug("a run's id does not begin with its date")),
    }
}

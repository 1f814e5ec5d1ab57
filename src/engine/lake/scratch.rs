//! The folder for what does not outlive an engine: spilled rows and tables between steps.

use std::fs;
use std::path::{Path, PathBuf};

use kinfold_base::new_writer_id;

use crate::error::EngineError;
use crate::failure;

const PREFIX: &str = "kinfold-scratch-";

/// A folder of this engine alone; gone when it is dropped.
#[derive(Debug)]
pub(crate) struct ScratchDir {
    path: PathBuf,
}

impl ScratchDir {
    /// Makes the folder under `parent`, and removes what processes that no longer run have left there.
    pub(crate) fn new(parent: &Path) -> Result<Self, EngineError> {
        let what = format!("the folder for temporary files, {}", parent.display());
        let made = fs::create_dir_all(parent).and_then(|()| {
            sweep(parent);
            let path = parent.join(format!("{PREFIX}{}-{}", std::process::id(), new_writer_id()));
            fs::create_dir(&path)?;
            path.canonicalize()
        });
        Ok(Self { path: made.map_err(|e| failure::query(e.into(), &what))? })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        if let Err(e) = fs::remove_dir_all(&self.path) {
            tracing::warn!(error = %e, "the folder for temporary files could not be removed");
        }
    }
}

/// Removes folders whose process is gone, where the system can tell.
fn sweep(parent: &Path) {
    let processes = Path::new("/proc/self").exists().then_some(Path::new("/proc"));
    let (Some(processes), Ok(entries)) = (processes, fs::read_dir(parent)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if let Some(process) = process.filter(|p| p.parse::<u32>().is_ok())
            && !processes.join(process).exists()
        {
            // Another engine may be sweeping as well.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_goes_with_its_owner_and_dead_ones_are_swept() {
        let parent = tempfile::tempdir().unwrap();
        let dead = parent.path().join(format!("{PREFIX}4294967295-x"));
        fs::create_dir(&dead).unwrap();
        let scratch = ScratchDir::new(parent.path()).unwrap();
        assert!(!dead.exists());
        let other = ScratchDir::new(parent.path()).unwrap();
        assert!(scratch.path().exists(), "a living process keeps its folder");
        drop((scratch, other));
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }
}

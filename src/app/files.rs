//! Which files make a project, and reading them. The language itself does no input or output.

use std::path::{Path, PathBuf};

use kinfold_base::{Diagnostic, SourceMap};

use kinfold_lang::{CONFIG_FILE, FOLDERS, is_project_file};

use crate::AppError;

/// More than this is not a file that a person wrote.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// Reads `kinfold.yml` and every `.yml`, `.yaml` and, under `models/`, `.sql` file of the project, in the order of their names.
///
/// # Errors
/// When there is no project in `dir`. A single file that cannot be read is a diagnostic.
pub(crate) fn read(dir: &Path) -> Result<(SourceMap, Vec<Diagnostic>), AppError> {
    if !dir.is_dir() {
        return Err(AppError::input(format!("there is no folder {}", dir.display()))
            .hint("name the project's folder with --project"));
    }
    let mut paths = vec![PathBuf::from(CONFIG_FILE)];
    if !dir.join(CONFIG_FILE).is_file() {
        return Err(AppError::input(format!("there is no kinfold.yml in {}", dir.display()))
            .hint("name the project's folder with --project, or make a new project with `kinfold init DIR`"));
    }
    let mut diagnostics = vec![];
    for folder in FOLDERS {
        walk(dir, Path::new(folder), &mut paths, &mut diagnostics);
    }
    let mut sources = SourceMap::default();
    for path in paths {
        let name = slashed(&path);
        match read_text(&dir.join(&path)) {
            Ok(text) => {
                sources.add(name, text);
            }
            Err(why) => diagnostics.push(
                Diagnostic::error("unreadable-file", None, format!("{name}: {why}"))
                    .hint("files of a project are UTF-8 text of at most 4 MiB"),
            ),
        }
    }
    Ok((sources, diagnostics))
}

fn walk(dir: &Path, folder: &Path, paths: &mut Vec<PathBuf>, diagnostics: &mut Vec<Diagnostic>) {
    let entries = match std::fs::read_dir(dir.join(folder)) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return,
        Err(e) => {
            diagnostics.push(Diagnostic::error("unreadable-file", None, format!("{}: {e}", folder.display())));
            return;
        }
    };
    let mut names: Vec<_> = entries.filter_map(Result::ok).map(|e| e.file_name()).collect();
    names.sort();
    for name in names {
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        let path = folder.join(&name);
        // A folder that is a link is not followed: it could lead in a circle.
        let is_dir = dir.join(&path).symlink_metadata().is_ok_and(|m| m.is_dir());
        if is_dir {
            walk(dir, &path, paths, diagnostics);
        } else if is_project_file(&slashed(&path)) {
            paths.push(path);
        }
    }
}

fn slashed(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

fn read_text(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if size > MAX_FILE_BYTES {
        return Err(format!("it is {size} bytes long"));
    }
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    String::from_utf8(bytes).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()].split(|b| *b == b'\n').count();
        format!("line {line} is not valid UTF-8")
    })
}

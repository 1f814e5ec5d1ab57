//! Which files make a project, and reading them. The language itself does no input or output.

use std::path::{Path, PathBuf};

use kinfold_base::{Diagnostic, SourceMap};

use kinfold_lang::{CONFIG_FILE, FOLDERS, is_project_file};

use crate::AppError;

/// More than this is not a file that a person wrote.
pub(crate) const MAX_FILE_BYTES: u64 = 4 << 20;

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
                sources.add(name.clone(), text);
            }
            Err(why) => diagnostics.push(unreadable(&name, &why)),
        }
    }
    Ok((sources, diagnostics))
}

/// What [`read`] reads, as it was in a commit of the repository that `dir` is in.
///
/// # Errors
/// When git cannot be run, there is no such commit, or it holds no project.
pub(crate) fn read_commit(dir: &Path, commit: &str) -> Result<(SourceMap, Vec<Diagnostic>), AppError> {
    let paths = git(dir, &["ls-tree", "-r", "-z", "--name-only", commit, "."])?;
    let paths = String::from_utf8_lossy(&paths);
    let mut paths: Vec<&str> = paths.split('\0').filter(|p| *p == CONFIG_FILE || is_project_file(p)).collect();
    if !paths.contains(&CONFIG_FILE) {
        let place = dir.display();
        return Err(AppError::input(format!("there is no kinfold.yml in {place} at commit {commit}"))
            .hint("name a commit in which the project was there already"));
    }
    let folder = |path: &str| FOLDERS.iter().position(|folder| path.starts_with(folder));
    paths.sort_by_key(|path| (folder(path), *path));
    let mut sources = SourceMap::default();
    let mut diagnostics = vec![];
    for path in paths {
        let bytes = git(dir, &["cat-file", "blob", &format!("{commit}:./{path}")])?;
        match text(bytes) {
            Ok(text) => {
                sources.add(path.to_owned(), text);
            }
            Err(why) => diagnostics.push(unreadable(path, &why)),
        }
    }
    Ok((sources, diagnostics))
}

/// The full name of a commit.
///
/// # Errors
/// When git cannot be run, `dir` is in no repository, or there is no such commit.
pub(crate) fn commit(dir: &Path, reference: &str) -> Result<String, AppError> {
    let wanted = format!("{reference}^{{commit}}");
    let hint = "name a branch, a tag or a commit, such as `main` or `HEAD~1`";
    let name = git(dir, &["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted]).map_err(|e| {
        if e.message.is_empty() { AppError::input(format!("there is no commit `{reference}`")).hint(hint) } else { e }
    })?;
    Ok(String::from_utf8_lossy(&name).trim().to_owned())
}

/// What git prints.
///
/// # Errors
/// What git says; nothing if it says nothing.
fn git(dir: &Path, arguments: &[&str]) -> Result<Vec<u8>, AppError> {
    let output = std::process::Command::new("git").arg("-C").arg(dir).args(arguments).output().map_err(|e| {
        AppError::outside(format!("git cannot be run: {e}")).hint("install git, which keeps the versions of a project")
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(AppError::input(said.lines().next().unwrap_or_default().trim_start_matches("fatal: ")))
}

fn unreadable(name: &str, why: &str) -> Diagnostic {
    Diagnostic::error("unreadable-file", None, format!("{name}: {why}"))
        .hint("files of a project are UTF-8 text of at most 4 MiB")
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
    text(std::fs::read(path).map_err(|e| e.to_string())?)
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("it is {} bytes long", bytes.len()));
    }
    String::from_utf8(bytes).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()].split(|b| *b == b'\n').count();
        format!("line {line} is not valid UTF-8")
    })
}

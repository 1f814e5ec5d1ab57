//! `kinfold init`: a new project that runs at once.

use std::path::{Path, PathBuf};

use crate::AppError;

/// The files of a new project: path within it, and content.
const FILES: &[(&str, &str)] = &[
    ("kinfold.yml", include_str!("template/kinfold.yml")),
    ("models/sources.yml", include_str!("template/models/sources.yml")),
    ("models/customer.yml", include_str!("template/models/customer.yml")),
    ("segments/customers.yml", include_str!("template/segments/customers.yml")),
    ("syncs/files.yml", include_str!("template/syncs/files.yml")),
    ("data/contacts.csv", include_str!("template/data/contacts.csv")),
    ("data/orders.csv", include_str!("template/data/orders.csv")),
    ("data/events.ndjson", include_str!("template/data/events.ndjson")),
    ("README.md", include_str!("template/README.md")),
    (".gitignore", include_str!("template/gitignore")),
];

/// Writes the files of a new project into `dir`, which must be empty or not exist. Gives the paths written.
pub fn init(dir: &Path) -> Result<Vec<PathBuf>, AppError> {
    let shown = dir.display();
    match std::fs::read_dir(dir) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(AppError::input(format!("the folder {shown} is not empty"))
                    .hint("name a folder that does not exist yet, or empty this one"));
            }
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => {
            return Err(AppError::input(format!("{shown} is a file, not a folder")));
        }
        Err(e) => return Err(AppError::outside(format!("cannot read the folder {shown}: {e}"))),
    }
    let mut written = Vec::with_capacity(FILES.len());
    for (name, content) in FILES {
        let path = dir.join(name);
        let folder = path.parent().unwrap_or(dir);
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, content))
            .map_err(|e| AppError::outside(format!("cannot write {}: {e}", path.display())))?;
        written.push(path);
    }
    Ok(written)
}

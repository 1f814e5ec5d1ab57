//! Credentials, read when they are needed from where a project says that they are.

use std::path::Path;

use kinfold_base::{Secret, SecretRef};

use crate::load::Environment;

/// The credential that a reference names. Relative paths count from the project's folder.
///
/// # Errors
/// A sentence that names the reference, never what it holds.
pub(crate) fn read(reference: &SecretRef, environment: &Environment, project_dir: &Path) -> Result<Secret, String> {
    let (value, what) = match reference {
        SecretRef::Env(name) => {
            let value = environment(name).ok_or_else(|| format!("the environment variable {name} is not set"))?;
            (value, format!("the environment variable {name}"))
        }
        SecretRef::File(path) => {
            let path = project_dir.join(path);
            let value = std::fs::read_to_string(&path)
                .map_err(|e| format!("cannot read the secret in {}: {e}", path.display()))?;
            (value.trim_end_matches(['\r', '\n']).to_owned(), path.display().to_string())
        }
    };
    if value.is_empty() { Err(format!("{what} is empty")) } else { Ok(Secret::new(value)) }
}

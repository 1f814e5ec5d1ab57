//! `kinfold compile`

use std::path::{Path, PathBuf};

use kinfold_base::{RunId, Timestamp};
use kinfold_plan::{Contraction, Dialect, Work, render};

use crate::{AppError, Ready};

/// Writes the SQL of every step, and of every sync's rows, under `target/compiled/` in the project's folder; beside an entity's
/// identity, where the dialect has loops, a script that finds its connected components. Gives the files written.
///
/// The same project, schemas and `as_of` give the same bytes; files of steps that no longer exist are removed.
pub fn compile(ready: &Ready, as_of: Option<Timestamp>, dialect: Dialect) -> Result<Vec<PathBuf>, AppError> {
    let as_of = as_of.unwrap_or_else(|| ready.options.clock.now());
    let plan = ready.plan(as_of, &RunId::from("compiled".to_owned()));
    let dir = ready.options.project_dir.join("target").join("compiled");
    let failed = |path: &Path, e: &std::io::Error| AppError::outside(format!("cannot write {}: {e}", path.display()));
    if dir.exists() {
        std::fs::remove_dir_all(&dir).map_err(|e| failed(&dir, &e))?;
    }
    std::fs::create_dir_all(&dir).map_err(|e| failed(&dir, &e))?;
    let mut files = vec![];
    let mut write = |name: String, text: String| -> Result<(), AppError> {
        let path = dir.join(name);
        std::fs::write(&path, text).map_err(|e| failed(&path, &e))?;
        files.push(path);
        Ok(())
    };
    for (number, step) in plan.steps.iter().enumerate() {
        let name = file_name(&step.name);
        match &step.work {
            Work::View { query, .. }
            | Work::Table { query, .. }
            | Work::Expect { query, .. }
            | Work::Bound { query, .. } => {
                write(format!("{:03}_{name}.sql", number + 1), render(query, dialect) + ";\n")?;
            }
            Work::Resolve(resolve) => {
                for (i, rows) in resolve.rows.iter().enumerate() {
                    // A table may be named more than once.
                    let before = resolve.rows[..i].iter().filter(|other| other.source == rows.source).count();
                    let again = if before == 0 { String::new() } else { format!("_{}", before + 1) };
                    let from = file_name(&rows.source) + &again;
                    write(format!("{:03}_{name}_{from}.sql", number + 1), render(&rows.query, dialect) + ";\n")?;
                }
                if let Some(matches) = &resolve.matches {
                    write(format!("{:03}_{name}_matches.sql", number + 1), render(&matches.query, dialect) + ";\n")?;
                }
                let entity = ready.project.entities.iter().find(|e| e.name == resolve.entity);
                if let Some(script) = entity.and_then(|e| Contraction::of(e).script(dialect)) {
                    write(format!("{:03}_{}_components.sql", number + 1, file_name(&resolve.entity)), script)?;
                }
            }
        }
    }
    for sync in &ready.project.syncs {
        let query = kinfold_plan::delivery::wanted_query(&ready.project, sync);
        write(format!("sync_{}.sql", file_name(&sync.name)), render(&query, dialect) + ";\n")?;
    }
    Ok(files)
}

fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
}

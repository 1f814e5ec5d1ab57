//! Projects in folders of their own, runs of the real binary, and what its neighbours say.

mod browser;
mod postgres;
mod webhook;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) use browser::Browser;
pub(crate) use postgres::Postgres;
pub(crate) use webhook::{Request, Webhook};

/// The instant up to which the sample's data reaches.
pub(crate) const AS_OF: &str = "2026-11-21T00:00:00Z";

/// The value of a variable that `./test` sets. Where it is missing the test cannot be done: that is said aloud, and under CI it
/// is a failure.
pub(crate) fn from_environment(name: &str) -> Option<String> {
    let value = std::env::var(name).ok();
    if value.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{name} is not set: run ./test");
        // Written past the test runner, which keeps what passing tests print to itself.
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            format!("NOT TESTED: {test} needs {name}; ./test sets it\n").as_bytes(),
        );
    }
    value
}

/// The checkout. Asked for when a test runs: several checkouts may share what is built.
pub(crate) fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests").into()
}

/// A project in a folder of its own, which goes when the test ends.
pub(crate) struct Project {
    dir: TempDir,
    environment: Vec<(String, String)>,
}

impl Project {
    /// An empty folder.
    pub(crate) fn empty() -> Self {
        Self { dir: TempDir::with_prefix("kinfold-test-").unwrap(), environment: vec![] }
    }

    /// A project of these files: path and text.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let project = Self::empty();
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    /// The sample project, without what runs have made of it.
    pub(crate) fn sample() -> Self {
        let project = Self::empty();
        for name in ["kinfold.yml", "models", "segments", "syncs", "data"] {
            copy(&root().join(name), &project.path(name));
        }
        project
    }

    /// A project under `tests/projects/`, with a folder of the prepared data as its `data/`.
    pub(crate) fn prepared(name: &str) -> Option<Self> {
        let data = from_environment("KINFOLD_TEST_DATA")?;
        let project = Self::empty();
        copy(&root().join("tests/projects").join(name), project.root());
        copy(&Path::new(&data).join(name), &project.path("data"));
        Some(project)
    }

    /// Sets a variable for every run from now on.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// Replaces a text in a file, which must be there.
    pub(crate) fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path} has no {from:?}");
        self.write(path, text.replace(from, to));
    }

    /// Runs `kinfold` with these words and `--output json`.
    pub(crate) fn kinfold(&self, words: &[&str]) -> Ran {
        self.kinfold_with(words, &[])
    }

    /// As [`Project::kinfold`], with further variables.
    pub(crate) fn kinfold_with(&self, words: &[&str], environment: &[(&str, &str)]) -> Ran {
        let mut command = self.command();
        command.args(words).args(["--output", "json"]).envs(environment.iter().copied());
        Ran::of(command.output().unwrap(), words)
    }

    /// The binary, in this project and its environment. Nothing of the caller's environment that a project may read gets in.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kinfold"));
        command.current_dir(self.root()).envs(self.environment.iter().map(|(k, v)| (k, v))).env_remove("RUST_LOG");
        command
    }

    /// Builds and delivers, as of [`AS_OF`]; the run must succeed.
    pub(crate) fn run(&self) -> Ran {
        self.kinfold(&["run", "--as-of", AS_OF]).expect(0)
    }

    /// Rows of a query, each an array of values.
    pub(crate) fn query(&self, sql: &str) -> Vec<Vec<Value>> {
        let ran = self.kinfold(&["query", sql, "--limit", "100000"]).expect(0);
        assert_eq!(ran.json["truncated"], false, "{sql}");
        let rows = ran.json["rows"].as_array().unwrap_or_else(|| panic!("no rows in {}", ran.json));
        rows.iter().map(|row| row.as_array().unwrap().clone()).collect()
    }

    /// What readers of the tables see: the version and the files of every table but the logs of runs, and the sync states.
    pub(crate) fn fingerprint(&self) -> String {
        let mut paths = vec![];
        list(&self.path("lake"), &mut paths);
        paths.sort();
        let mut text = String::new();
        for path in paths {
            let name = path.strip_prefix(self.root()).unwrap().display().to_string();
            let is_log_of_runs = ["/runs/", "/sync_runs/", "/sync_log/"].iter().any(|log| name.contains(log));
            if name.contains("/_delta_log/") && !is_log_of_runs {
                let _ = writeln!(text, "{name} {}", std::fs::read(&path).unwrap().len());
            }
        }
        text
    }
}

/// One run of the binary.
pub(crate) struct Ran {
    /// `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) json: Value,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    words: String,
}

impl Ran {
    pub(crate) fn of(output: Output, words: &[&str]) -> Self {
        let stdout = String::from_utf8(output.stdout).unwrap();
        let json = serde_json::from_str(&stdout).unwrap_or(Value::Null);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Self { code: output.status.code(), json, stdout, stderr, words: words.join(" ") }
    }

    /// The run itself, if it ended with this exit code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "kinfold {}\n{}\n{}", self.words, self.stdout, self.stderr);
        assert!(!self.json.is_null(), "kinfold {} printed no JSON: {}", self.words, self.stdout);
        self
    }

    /// One sync's summary.
    #[track_caller]
    pub(crate) fn sync(&self, name: &str) -> &Value {
        let found = self.json["syncs"].as_array().and_then(|syncs| syncs.iter().find(|sync| sync["name"] == name));
        found.unwrap_or_else(|| panic!("no sync {name} in {:#}", self.json))
    }

    /// Rows added, updated and removed by a sync.
    #[track_caller]
    pub(crate) fn changes(&self, sync: &str) -> [u64; 3] {
        let sync = self.sync(sync);
        ["added", "updated", "removed"].map(|name| sync[name].as_u64().unwrap_or_else(|| panic!("no {name} in {sync}")))
    }

    /// Everything that a person or a program was told.
    pub(crate) fn told(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }
}

/// Runs a script of `tests/tools` with the prepared Python; it must succeed. Gives what it printed.
pub(crate) fn python(script: &str, words: &[&str]) -> Option<String> {
    let python = from_environment("KINFOLD_TEST_PYTHON")?;
    let output = Command::new(python).arg(root().join("tests/tools").join(script)).args(words).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script} {words:?}: {}\n{stderr}", String::from_utf8_lossy(&output.stdout));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Copies a file or a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        std::fs::copy(from, to).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
    }
}

fn list(dir: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() { list(&path, files) } else { files.push(path) }
    }
}

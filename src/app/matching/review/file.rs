//! The file of pins that people's decisions are appended to, each as one line and at once: a process that is killed loses nothing.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use kinfold_base::{Diagnostic, SourceMap};
use kinfold_lang::project::PinKind;

use crate::AppError;
use crate::files::MAX_FILE_BYTES;
use crate::matching::file::quoted;

const PINS: &str = "pins:\n";

/// The file as this process knows it.
#[derive(Debug)]
pub(super) struct PinFile {
    path: PathBuf,
    /// The path relative to the project, with `/` between its parts.
    pub(super) name: String,
    bytes: Bytes,
    /// What stands before the first line that is appended.
    head: String,
}

/// How long the file is; nothing if there is none.
type Bytes = Option<u64>;

/// How the file was before a line was appended.
#[derive(Debug, Clone)]
pub(super) struct Before {
    bytes: Bytes,
    head: String,
}

/// A value with the name of its identifier.
pub(super) type Named<'a> = (&'a str, &'a str);

impl PinFile {
    /// # Errors
    /// When the file cannot be read, or a line at its end would not be a pin.
    pub(super) fn open(project_dir: &Path, entity: &str) -> Result<Self, AppError> {
        let name = file_name(entity);
        let path = project_dir.join(&name);
        let head = format!("# Written by `kinfold match review {entity}`: what people said of pairs.\n{PINS}");
        let mut file = Self { path, name, bytes: None, head };
        let text = match std::fs::read_to_string(&file.path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(file),
            Err(e) => return Err(AppError::outside(format!("{} cannot be read: {e}", file.name))),
        };
        file.bytes = Some(text.len() as u64);
        file.head = head_for(&text, entity).ok_or_else(|| {
            let what = format!("pins cannot be appended to {}", file.name);
            let hint = "its last part must be `pins:`, its entries indented by two spaces, and it must end with a line break; \
                        or move what it holds to another file of the project";
            AppError::input(what).hint(hint)
        })?;
        Ok(file)
    }

    /// A file that nothing will be written to.
    pub(super) fn absent(entity: &str) -> Self {
        Self { path: PathBuf::new(), name: file_name(entity), bytes: None, head: String::new() }
    }

    /// Appends a line, so that it is there whatever befalls this process.
    ///
    /// # Errors
    /// When it cannot be written, or somebody else has changed the file.
    pub(super) fn append(&mut self, line: &str) -> Result<Before, AppError> {
        self.check_unchanged()?;
        let text = format!("{}{line}", self.head);
        let before = Before { bytes: self.bytes, head: self.head.clone() };
        let length = self.bytes.unwrap_or_default() + text.len() as u64;
        if length > MAX_FILE_BYTES {
            return Err(AppError::input(format!("{} is as large as a file of a project can be", self.name))
                .hint("rename it; its pins hold in any file under models/"));
        }
        let write = || -> std::io::Result<()> {
            if let Some(dir) = self.path.parent() {
                std::fs::create_dir_all(dir)?;
            }
            let mut options = OpenOptions::new();
            options.append(true);
            let mut file =
                if self.bytes.is_none() { options.create_new(true) } else { &mut options }.open(&self.path)?;
            file.write_all(text.as_bytes())?;
            file.sync_data()
        };
        if let Err(e) = write() {
            // Half a line would be no pin.
            let _ = restore(&self.path, before.bytes);
            return Err(AppError::outside(format!("{} cannot be written: {e}", self.name)));
        }
        self.bytes = Some(length);
        self.head.clear();
        Ok(before)
    }

    /// Takes back what was appended since.
    ///
    /// # Errors
    /// As [`PinFile::append`].
    pub(super) fn undo(&mut self, before: Before) -> Result<(), AppError> {
        self.check_unchanged()?;
        restore(&self.path, before.bytes)
            .map_err(|e| AppError::outside(format!("{} cannot be written: {e}", self.name)))?;
        self.bytes = before.bytes;
        self.head = before.head;
        Ok(())
    }

    fn check_unchanged(&self) -> Result<(), AppError> {
        let bytes = match std::fs::metadata(&self.path) {
            Ok(metadata) => Some(metadata.len()),
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            Err(e) => return Err(AppError::outside(format!("{} cannot be read: {e}", self.name))),
        };
        if bytes == self.bytes {
            return Ok(());
        }
        Err(AppError::input(format!("somebody else has changed {} meanwhile", self.name))
            .hint("what was decided until then is written; run `kinfold match review` again"))
    }
}

fn file_name(entity: &str) -> String {
    format!("models/{entity}.pins.yml")
}

fn restore(path: &Path, bytes: Bytes) -> std::io::Result<()> {
    match bytes {
        None => std::fs::remove_file(path),
        Some(bytes) => {
            let file: File = OpenOptions::new().write(true).open(path)?;
            file.set_len(bytes)?;
            file.sync_data()
        }
    }
}

/// What must come between a file's text and a pin; none if a pin cannot stand there.
fn head_for(text: &str, entity: &str) -> Option<String> {
    if !text.is_empty() && !text.ends_with('\n') {
        return None;
    }
    let pins = |text: String| {
        let mut files = SourceMap::default();
        files.add("models/pins.yml", text);
        let parsed = kinfold_lang::parse(&files);
        (!parsed.diagnostics.iter().any(Diagnostic::is_error)).then_some(parsed.file.pins.len())
    };
    let line = line(entity, PinKind::Never, [("id", "a"), ("id", "b")], "");
    let known = pins(text.to_owned()).unwrap_or_default();
    let is_right = |head: &&str| pins(format!("{text}{head}{line}")) == Some(known + 1);
    ["", PINS].iter().find(|head| is_right(head)).map(|head| (*head).to_owned())
}

/// A pin as an entry of `pins`.
pub(super) fn line(entity: &str, kind: PinKind, pair: [Named<'_>; 2], reason: &str) -> String {
    let kind = match kind {
        PinKind::Always => "always",
        PinKind::Never => "never",
    };
    let [a, b] = pair.map(|(identifier, value)| format!("{{{}: {}}}", quoted(identifier), in_quotes(value)));
    let (entity, reason) = (quoted(entity), in_quotes(reason));
    format!("  - {{entity: {entity}, {kind}: [{{pair: [{a}, {b}], reason: {reason}}}]}}\n")
}

/// Any text in double quotes. JSON leaves characters as they are that YAML does not take.
fn in_quotes(text: &str) -> String {
    let is_taken =
        |c: char| !matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    let json = serde_json::Value::from(text).to_string();
    json.chars().map(|c| if is_taken(c) { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: [Named<'static>; 2] = [("crm_id", "1"), ("shop_id", "x\"2")];
    const LINE: &str =
        "  - {entity: person, never: [{pair: [{crm_id: \"1\"}, {shop_id: \"x\\\"2\"}], reason: \"seen\"}]}\n";

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("there is room");
        std::fs::create_dir(dir.path().join("models")).expect("there is room");
        dir
    }

    fn written(dir: &Path) -> Option<String> {
        std::fs::read_to_string(dir.join("models/person.pins.yml")).ok()
    }

    /// What comes of a pin that is appended to a file; none if it is refused.
    fn check(before: &str, expected: Option<&str>) {
        let folder = folder();
        let dir = folder.path();
        std::fs::write(dir.join("models/person.pins.yml"), before).expect("there is room");
        let file = PinFile::open(dir, "person");
        let after = file.and_then(|mut file| {
            let mark = file.append(LINE)?;
            let after = written(dir);
            file.undo(mark)?;
            assert_eq!(written(dir).as_deref(), Some(before), "undone");
            Ok(after)
        });
        assert_eq!(after.as_ref().ok().and_then(Option::as_deref), expected, "{before:?}: {after:?}");
    }

    #[test]
    fn a_pin_is_one_line() {
        assert_eq!(line("person", PinKind::Never, PAIR, "seen"), LINE);
        for value in ["", "null", "a\nb: {c", "\u{85}\u{feff}\u{7f}\\", "İ 'quoted' \"twice\"", "{}[],#"] {
            let text = line("person", PinKind::Always, [("id", value), ("id", "b")], value);
            assert_eq!(text.lines().count(), 1, "{text}");
            let mut files = SourceMap::default();
            files.add("models/pins.yml", format!("pins:\n{text}"));
            let parsed = kinfold_lang::parse(&files);
            let pin = &parsed.file.pins[0].always[0];
            let read = pin.pair[0].iter().next().map(|(_, value)| value.as_str());
            assert_eq!((read, pin.reason.as_str()), (Some(value), value), "{text}: {:?}", parsed.diagnostics);
        }
    }

    #[test]
    fn pins_are_appended_where_they_can_stand() {
        let with = |before: &str| format!("{before}{LINE}");
        for before in [
            "pins:\n",
            "# by hand\npins:\n  - {entity: person, always: []}\n",
            "pins:\n  - entity: person\n    never:\n      - pair: [{a: x}, {a: y}]\n        reason: |\n          long\n          text\n",
            "models: [{name: m, sql: select 1}]\npins:\n  # none yet\n",
        ] {
            check(before, Some(&with(before)));
        }
        for before in ["", "# nothing yet\n", "models: [{name: m, sql: select 1}]\n"] {
            check(before, Some(&format!("{before}pins:\n{LINE}")));
        }
        for before in [
            "pins:\n  - {entity: person, always: []}",
            "pins:\n- {entity: person, always: []}\n",
            "pins:\n    - {entity: person, always: []}\n",
            "pins: [{entity: person, always: []}]\n",
            "pins:\n  - {entity: person, always: []}\nmodels: [{name: m, sql: select 1}]\n",
            "pins:\n  - {entity: person, always: []}\n...\n",
        ] {
            check(before, None);
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_made_and_goes_again() {
        let folder = folder();
        let dir = folder.path();
        let mut file = PinFile::open(dir, "person").expect("nothing is there");
        let first = file.append(LINE).expect("there is room");
        let second = file.append(LINE).expect("there is room");
        let text = written(dir).expect("it was made");
        assert!(text.starts_with("# ") && text.ends_with(&format!("\npins:\n{LINE}{LINE}")), "{text}");
        file.undo(second).expect("nobody changed it");
        file.undo(first).expect("nobody changed it");
        assert_eq!(written(dir), None);
        file.append(LINE).expect("there is room");
        assert_eq!(written(dir).map(|text| text.matches(LINE).count()), Some(1));

        std::fs::write(dir.join("models/person.pins.yml"), "pins: []\n").expect("there is room");
        let refused = file.append(LINE).expect_err("it is another file now");
        assert!(refused.message.contains("somebody else"), "{refused}");
        assert_eq!(written(dir).as_deref(), Some("pins: []\n"));
    }
}

//! Reading a destination's settings. The checks have seen them already; this guards against what slipped through.

use std::borrow::Cow;

use kinfold_base::{Secret, Setting, SettingKind, SettingSpec};
use kinfold_sync::SyncError;

use crate::Secrets;
use crate::error::input;

/// A setting that may be left out.
pub(crate) const fn setting(name: &'static str, kind: SettingKind, help: &'static str) -> SettingSpec {
    SettingSpec { name, kind, required: false, help }
}

/// A destination's settings by name.
pub(crate) struct Settings<'a> {
    settings: &'a [(String, Setting)],
    secrets: Secrets<'a>,
}

impl<'a> Settings<'a> {
    pub(crate) fn new(settings: &'a [(String, Setting)], secrets: Secrets<'a>) -> Self {
        Self { settings, secrets }
    }

    fn get(&self, name: &str) -> Option<&'a Setting> {
        self.settings.iter().find(|(n, _)| n == name).map(|(_, s)| s)
    }

    /// Text as it is written, or from where a reference points.
    pub(crate) fn text(&self, name: &str) -> Result<Option<Cow<'a, str>>, SyncError> {
        match self.get(name) {
            None => Ok(None),
            Some(Setting::Text(text)) => Ok(Some(Cow::Borrowed(text))),
            Some(Setting::Secret(reference)) => Ok(Some(Cow::Owned((self.secrets)(reference)?.expose().to_owned()))),
            Some(_) => Err(wrong(name, "text")),
        }
    }

    pub(crate) fn boolean(&self, name: &str, default: bool) -> Result<bool, SyncError> {
        match self.get(name) {
            None => Ok(default),
            Some(Setting::Boolean(value)) => Ok(*value),
            Some(_) => Err(wrong(name, "true or false")),
        }
    }

    /// A whole number within bounds, both inclusive.
    pub(crate) fn integer(&self, name: &str, min: u32, max: u32) -> Result<Option<u32>, SyncError> {
        match self.get(name) {
            None => Ok(None),
            Some(Setting::Integer(value)) => match u32::try_from(*value) {
                Ok(value) if (min..=max).contains(&value) => Ok(Some(value)),
                _ => Err(wrong(name, &format!("a whole number from {min} to {max}"))),
            },
            Some(_) => Err(wrong(name, "a whole number")),
        }
    }

    /// One of some words; the first is the default, and an empty word stands for no word at all.
    pub(crate) fn choice<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<T, SyncError> {
        let Some(text) = self.text(name)? else { return Ok(words[0].1) };
        words.iter().find(|(word, _)| *word == text && !text.is_empty()).map(|(_, value)| *value).ok_or_else(|| {
            wrong(
                name,
                &format!(
                    "one of {}",
                    words.iter().map(|(w, _)| *w).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(", ")
                ),
            )
        })
    }

    pub(crate) fn secret(&self, name: &str) -> Result<Option<Secret>, SyncError> {
        match self.get(name) {
            None => Ok(None),
            Some(Setting::Secret(reference)) => (self.secrets)(reference).map(Some),
            Some(_) => Err(wrong(name, "a reference to a secret, such as `{env: NAME}`")),
        }
    }

    /// Names with text or secrets, in the order of writing. All values are treated as secrets.
    pub(crate) fn map(&self, name: &str) -> Result<Vec<(&'a str, Secret)>, SyncError> {
        let entries = match self.get(name) {
            None => return Ok(vec![]),
            Some(Setting::Map(entries)) => entries,
            Some(_) => return Err(wrong(name, "a mapping from names to text or secrets")),
        };
        let value = |key: &str, setting: &Setting| match setting {
            Setting::Text(text) => Ok(Secret::new(text.clone())),
            Setting::Integer(number) => Ok(Secret::new(number.to_string())),
            Setting::Boolean(value) => Ok(Secret::new(value.to_string())),
            Setting::Secret(reference) => (self.secrets)(reference),
            Setting::Map(_) => Err(wrong(&format!("{name}.{key}"), "text or a secret")),
        };
        entries.iter().map(|(key, setting)| Ok((key.as_str(), value(key, setting)?))).collect()
    }
}

fn wrong(name: &str, expected: &str) -> SyncError {
    input(format!("the setting `{name}` must be {expected}"), "mend it under `settings` of the destination")
}

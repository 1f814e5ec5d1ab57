//! Files that cannot be read at all.
//!
//! A project file is one YAML document in UTF-8, without tags and merge keys. Aliases are allowed within bounds, so that no
//! file can take up all memory. One file that cannot be read does not keep the others from being checked; names that it may
//! have declared are then not called unknown.

use crate::rule::Rule;

pub(crate) const RULES: &[&Rule] = &[&YAML_SYNTAX, &YAML_TOO_LARGE, &YAML_DUPLICATE_KEY, &YAML_KEY];

pub(crate) const YAML_SYNTAX: Rule = Rule::error("yaml-syntax", "a file is not valid YAML");
pub(crate) const YAML_TOO_LARGE: Rule =
    Rule::error("yaml-too-large", "a file has too many bytes, values, levels or aliases");
pub(crate) const YAML_DUPLICATE_KEY: Rule = Rule::error("yaml-duplicate-key", "a mapping has the same key twice");
pub(crate) const YAML_KEY: Rule = Rule::error("yaml-key", "a mapping's key is not a plain word");

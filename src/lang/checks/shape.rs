//! Keys and values that the format does not have.
//!
//! Each file is held against the format before anything else is looked at. What does not fit is reported with the smallest
//! place that is wrong, and the list item around it is left out of all further checks. The whole format is in
//! [format.md](format.md); `kinfold schema` prints it for editors.

use crate::rule::Rule;

pub(crate) const RULES: &[&Rule] = &[
    &UNKNOWN_KEY,
    &MISSING_KEY,
    &WRONG_TYPE,
    &OUT_OF_RANGE,
    &UNKNOWN_CHOICE,
    &NOT_ONE_CHOICE,
    &NOT_YET,
    &MISPLACED_KEY,
];

pub(crate) const UNKNOWN_KEY: Rule = Rule::error("unknown-key", "a mapping has a key that the format does not know");
pub(crate) const MISSING_KEY: Rule = Rule::error("missing-key", "a mapping lacks a key that it needs");
pub(crate) const WRONG_TYPE: Rule =
    Rule::error("wrong-type", "a value is of the wrong kind, such as a list in place of text");
pub(crate) const OUT_OF_RANGE: Rule = Rule::error("out-of-range", "a number is negative where it must not be");
pub(crate) const UNKNOWN_CHOICE: Rule = Rule::error("unknown-choice", "a word is none of those that may stand there");
pub(crate) const NOT_ONE_CHOICE: Rule =
    Rule::error("not-one-choice", "a choice, which is one key naming the case, has no key or several");
pub(crate) const NOT_YET: Rule =
    Rule::error("not-in-this-version", "something that this version of Kinfold does not have");
pub(crate) const MISPLACED_KEY: Rule =
    Rule::error("misplaced-key", "a key of kinfold.yml stands in another file, or the other way round");

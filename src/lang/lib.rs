//! The language: YAML in git, read with spans, checked as a whole, resolved into a [`project::Project`].

pub mod project;

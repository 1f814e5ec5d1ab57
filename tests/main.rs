//! Everything from outside: the built `kinfold` against real files, a real PostgreSQL and a real object store, which `./test`
//! starts. One file a topic; `harness` is what they share.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stderr, reason = "what was not tested must be said aloud")]

mod harness;

mod bad_input;
mod cdnow;
mod cli;
mod contraction;
mod explain;
mod febrl;
mod identity;
mod in_place;
mod kill;
mod levels;
mod match_review;
mod matching;
mod matching_report;
mod object_store;
mod sample;
mod similarity;
mod tables;
mod webhook;

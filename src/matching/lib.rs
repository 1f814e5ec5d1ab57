//! Matching records that share no identifier, by likelihood.
//!
//! | part | what it does |
//! |---|---|
//! | [`text`] | brings text into a form in which it can be compared: scripts, accents, nicknames, phonetic codes |
//! | [`similarity`] | how alike two texts, dates or places are |
//! | [`model`] | the Fellegi-Sunter model: weights, and learning them without labels |
//!
//! Deliberately absent: input and output, async code, Arrow, SQL, clocks and randomness.

pub mod model;
pub mod similarity;
pub mod text;

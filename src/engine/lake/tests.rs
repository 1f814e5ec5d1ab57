//! The lake engine over real files in temporary folders.

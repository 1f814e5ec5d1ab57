pub(crate) mod shape;
pub(crate) mod yaml;

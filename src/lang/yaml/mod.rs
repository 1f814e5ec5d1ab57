//! YAML as we read it: one document a file, no tags, no merge keys, no key twice, within bounds; and a serde deserializer over the tree.

mod align;
mod de;
mod node;
mod read;

pub(crate) use de::{SCALAR, SPANNED, from_node};
pub(crate) use node::{Node, Value};
pub(crate) use read::read;

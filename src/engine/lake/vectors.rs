//! Deletion vectors: which rows of a data file are deleted, in a file beside it or in the log itself.
//!
//! As in "Deletion Vectors" of Delta's protocol. A file holds the vectors of one commit. Numbers around a bitmap are big-endian, the
//! bitmap itself is little-endian.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use deltalake_core::kernel::{DeletionVectorDescriptor, StorageType};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use kinfold_base::new_writer_id;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use parquet::arrow::arrow_reader::RowSelection;
use roaring::RoaringTreemap;
use uuid::Uuid;

use crate::error::EngineError;
use crate::failure::{self, bug, input};
use crate::lake::delta::DataFile;
use crate::lake::write::WrittenFile;
use crate::stores::Place;

/// Of the format of a file, its first byte.
const VERSION: u8 = 1;
/// What a bitmap begins with.
const MAGIC: u32 = 1_681_511_377;
/// How long a file's id is in the log.
const ENCODED_ID: usize = 20;
/// How files are called.
const PREFIX: &str = "deletion_vector_";
const SUFFIX: &str = ".bin";
/// How many vectors are read at once.
const CONCURRENT_VECTORS: usize = 16;

/// The rows of a data file that are deleted.
#[derive(Debug, Clone)]
pub(crate) struct Deleted {
    /// What the log says of them.
    pub(crate) vector: DeletionVectorDescriptor,
    /// Their places.
    pub(crate) rows: Arc<RoaringTreemap>,
}

/// Tells a vector from any other of its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VectorId(pub(crate) String);

pub(crate) fn id(vector: &DeletionVectorDescriptor) -> VectorId {
    VectorId(format!("{}{}@{:?}", vector.storage_type, vector.path_or_inline_dv, vector.offset))
}

/// The files of a table with the rows that are deleted.
///
/// # Errors
/// When a vector cannot be read.
pub(crate) async fn open(place: &Place, files: Vec<DataFile>) -> Result<Vec<WrittenFile>, EngineError> {
    let one = |file: DataFile| {
        async move {
            let deleted = match file.vector {
                None => None,
                Some(vector) => Some(Deleted { rows: Arc::new(read(place, &vector).await?), vector }),
            };
            Ok(WrittenFile { meta: file.meta, rows: file.rows.unwrap_or(0) as u64, deleted })
        }
        .boxed()
    };
    let reads: Vec<_> = files.into_iter().map(one).collect();
    stream::iter(reads).buffered(CONCURRENT_VECTORS).try_collect().await
}

/// Writes one file with all of these.
pub(crate) async fn write(
    place: &Place,
    all: &[Arc<RoaringTreemap>],
) -> Result<(Path, Vec<DeletionVectorDescriptor>), EngineError> {
    let id = new_id()?;
    let mut content = vec![VERSION];
    let mut vectors = Vec::with_capacity(all.len());
    for rows in all {
        let offset = content.len();
        let bitmap = bitmap(rows)?;
        content.extend(length(bitmap.len())?.to_be_bytes());
        content.extend_from_slice(&bitmap);
        content.extend(crc32fast::hash(&bitmap).to_be_bytes());
        vectors.push(DeletionVectorDescriptor {
            storage_type: StorageType::UuidRelativePath,
            path_or_inline_dv: z85::encode(id.as_bytes()),
            offset: Some(length(offset)?),
            size_in_bytes: length(bitmap.len())?,
            cardinality: i64::try_from(rows.len()).map_err(|_| too_large())?,
        });
    }
    let path = place.path.clone().join(file_name(&id));
    place.store.put(&path, content.into()).await.map_err(|e| failure::store(e, &place.label))?;
    Ok((path, vectors))
}

/// The file in which a vector lies; none if it lies in the log.
pub(crate) fn file(place: &Place, vector: &DeletionVectorDescriptor) -> Result<Option<Path>, EngineError> {
    match vector.storage_type {
        StorageType::Inline => Ok(None),
        StorageType::AbsolutePath => Err(unreadable(place, "they lie outside of the table's folder")),
        StorageType::UuidRelativePath => {
            let encoded = &vector.path_or_inline_dv;
            let split = encoded.len().checked_sub(ENCODED_ID).and_then(|at| encoded.split_at_checked(at));
            let id = split.and_then(|(_, id)| Uuid::from_slice(&z85::decode(id).ok()?).ok());
            let (Some((folder, _)), Some(id)) = (split, id) else {
                return Err(unreadable(place, "the log names no file"));
            };
            let within = if folder.is_empty() { place.path.clone() } else { place.path.clone().join(folder) };
            Ok(Some(within.join(file_name(&id))))
        }
    }
}

/// Whether a file holds vectors.
pub(crate) fn is_file(path: &Path) -> bool {
    path.filename().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX))
}

/// The rows of a file that are not deleted.
pub(crate) fn selection(deleted: &RoaringTreemap, rows: usize) -> RowSelection {
    let places = deleted.iter().filter_map(|place| usize::try_from(place).ok()).take_while(|place| *place < rows);
    let mut next = 0;
    let kept = places.chain([rows]).map(move |place| {
        let range: Range<usize> = next..place;
        next = place + 1;
        range
    });
    RowSelection::from_consecutive_ranges(kept, rows)
}

async fn read(place: &Place, vector: &DeletionVectorDescriptor) -> Result<RoaringTreemap, EngineError> {
    let bitmap = match file(place, vector)? {
        None => z85::decode(&vector.path_or_inline_dv).map(Bytes::from).ok(),
        Some(path) => {
            let wrong = || unreadable(place, "the log does not say where");
            let start = u64::try_from(vector.offset.unwrap_or(1)).map_err(|_| wrong())?;
            let size = u32::try_from(vector.size_in_bytes).map_err(|_| wrong())?;
            let range = start..start + 4 + u64::from(size) + 4;
            let bytes = place.store.get_range(&path, range).await;
            checked(&bytes.map_err(|e| failure::store(e, &format!("{} ({path})", place.label)))?, size)
        }
    };
    let rows = bitmap.and_then(|bitmap| {
        let (magic, rows) = bitmap.split_first_chunk()?;
        (u32::from_le_bytes(*magic) == MAGIC).then(|| RoaringTreemap::deserialize_from(rows).ok())?
    });
    // A vector that says something else than the log may be cut off.
    rows.filter(|rows| i64::try_from(rows.len()) == Ok(vector.cardinality))
        .ok_or_else(|| unreadable(place, "their file is damaged"))
}

/// The bitmap between its size and its checksum.
fn checked(bytes: &Bytes, size: u32) -> Option<Bytes> {
    let (told, rest) = bytes.split_first_chunk()?;
    let (bitmap, sum) = rest.split_last_chunk()?;
    let is_whole = u32::from_be_bytes(*told) == size && u32::from_be_bytes(*sum) == crc32fast::hash(bitmap);
    is_whole.then(|| bytes.slice_ref(bitmap))
}

fn bitmap(rows: &RoaringTreemap) -> Result<Vec<u8>, EngineError> {
    let mut bitmap = Vec::with_capacity(MAGIC.to_le_bytes().len() + rows.serialized_size());
    bitmap.extend(MAGIC.to_le_bytes());
    rows.serialize_into(&mut bitmap).map_err(|e| bug(format!("deleted rows cannot be written down: {e}")))?;
    Ok(bitmap)
}

/// Sizes are 32 bits wide in the log.
fn length(bytes: usize) -> Result<i32, EngineError> {
    i32::try_from(bytes).map_err(|_| too_large())
}

fn too_large() -> EngineError {
    bug("more rows are deleted at once than one file can tell")
}

fn unreadable(place: &Place, reason: &str) -> EngineError {
    input(format!("{}: the rows that are deleted cannot be read: {reason}", place.label))
        .hint("move the table's folder away to begin a new one")
}

fn new_id() -> Result<Uuid, EngineError> {
    Uuid::parse_str(&new_writer_id()).map_err(|e| bug(format!("a random id is none: {e}")))
}

fn file_name(id: &Uuid) -> String {
    format!("{PREFIX}{}{SUFFIX}", id.hyphenated())
}

//! Weights and training state in files: the safetensors format.
//!
//! A file is the length of a header (`u64`), the header (JSON: type, shape and place of every
//! tensor, and the metadata) and the tensors. Equal states give equal bytes: names are sorted and
//! nothing but the state goes in. A file is written beside its place and then renamed, so whatever
//! goes wrong, an older file stays whole; a file is read completely before a model changes.

mod reader;

pub use reader::read;

use crate::error::NnError;
use craneflow_ir::{Array, DType};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// Arrays by name.
    pub tensors: BTreeMap<String, Array>,
    /// Words by name.
    pub metadata: BTreeMap<String, String>,
}

/// Element types and their names in the format.
const DTYPES: [(DType, &str); 13] = [
    (DType::Bool, "BOOL"),
    (DType::I8, "I8"),
    (DType::I16, "I16"),
    (DType::I32, "I32"),
    (DType::I64, "I64"),
    (DType::U8, "U8"),
    (DType::U16, "U16"),
    (DType::U32, "U32"),
    (DType::U64, "U64"),
    (DType::F16, "F16"),
    (DType::BF16, "BF16"),
    (DType::F32, "F32"),
    (DType::F64, "F64"),
];

/// Key of the metadata in the header.
const METADATA: &str = "__metadata__";

impl Checkpoint {
    /// The bytes of the file.
    pub fn bytes(&self) -> Vec<u8> {
        // Wider elements first, so that each starts at a multiple of its size; then by name.
        let mut order: Vec<(&String, &Array)> = self.tensors.iter().collect();
        order.sort_by_key(|(_, array)| std::cmp::Reverse(array.ty.dtype.size()));
        let mut header = Map::new();
        if !self.metadata.is_empty() {
            header.insert(METADATA.to_string(), json!(self.metadata));
        }
        let mut end = 0;
        for (name, array) in &order {
            let start = end;
            end += array.ty.bytes();
            let dtype = DTYPES.iter().find(|(t, _)| *t == array.ty.dtype);
            let entry = json!({
                "dtype": dtype.expect("the table has all types").1,
                "shape": array.ty.shape.0,
                "data_offsets": [start, end],
            });
            header.insert((*name).clone(), entry);
        }
        let mut header = Value::Object(header).to_string();
        while !header.len().is_multiple_of(8) {
            header.push(' ');
        }
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        for (_, array) in &order {
            bytes.extend_from_slice(array.bytes());
        }
        bytes
    }

    /// Writes the file, replacing an older one only when all went well.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), NnError> {
        write_whole(path.as_ref(), &self.bytes())
    }

    /// Adds what another holds, under names that begin with `prefix`.
    pub(crate) fn nest(&mut self, prefix: &str, inner: Checkpoint) {
        let name = |name: String| format!("{prefix}{name}");
        let tensors = inner.tensors.into_iter();
        self.tensors.extend(tensors.map(|(n, x)| (name(n), x)));
        let metadata = inner.metadata.into_iter();
        self.metadata.extend(metadata.map(|(n, x)| (name(n), x)));
    }

    /// Takes out what `nest` added.
    pub(crate) fn unnest(&mut self, prefix: &str) -> Checkpoint {
        Checkpoint {
            tensors: taken(&mut self.tensors, prefix),
            metadata: taken(&mut self.metadata, prefix),
        }
    }
}

fn taken<T>(map: &mut BTreeMap<String, T>, prefix: &str) -> BTreeMap<String, T> {
    let (inner, rest) = std::mem::take(map)
        .into_iter()
        .partition(|(name, _)| name.starts_with(prefix));
    *map = rest;
    let inner: BTreeMap<String, T> = inner;
    let short = |(name, x): (String, T)| (name[prefix.len()..].to_string(), x);
    inner.into_iter().map(short).collect()
}

/// Writes a file beside its place and renames it, so that at any moment, a crash of the machine
/// included, there is the whole old file or the whole new one.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), NnError> {
    let io = |source| NnError::Io {
        path: path.to_path_buf(),
        source,
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".craneflow-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any new file: what the user's mask leaves of this.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder).map_err(io)?;
    file.as_file_mut().write_all(bytes).map_err(io)?;
    file.as_file().sync_all().map_err(io)?;
    file.persist(path).map_err(|e| io(e.error))?;
    // The new name is on the disk when the folder is.
    #[cfg(unix)]
    std::fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(io)?;
    Ok(())
}

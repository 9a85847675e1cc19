//! Reading files that may be damaged.

use super::{Checkpoint, DTYPES, METADATA};
use crate::error::NnError;
use crate::model::check_version;
use craneflow_ir::{Array, Shape, Type};
use serde_json::{Map, Value};
use std::path::Path;

/// Reads a file. An error says at which byte it went wrong.
pub fn read(path: impl AsRef<Path>) -> Result<Checkpoint, NnError> {
    let path = path.as_ref();
    let bytes = std::fs::read(path).map_err(|source| NnError::Io {
        path: path.to_path_buf(),
        source,
    })?;
    let file = parse(&bytes).map_err(|(position, message)| NnError::File {
        path: path.to_path_buf(),
        position,
        message,
    })?;
    check_version(path, &file)?;
    Ok(file)
}

/// Byte and what is wrong there.
type Wrong = (usize, String);

fn parse(bytes: &[u8]) -> Result<Checkpoint, Wrong> {
    let end = bytes.len();
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        let message = "the file ends within the 8 bytes that give the length of the header";
        return Err((end, message.to_string()));
    };
    let length = u64::from_le_bytes(*length);
    let header = usize::try_from(length).ok().and_then(|n| rest.get(..n));
    let Some(header) = header else {
        let message = format!("the file ends within the header of {length} bytes");
        return Err((end, message));
    };
    let data = &rest[header.len()..];
    let first = end - data.len();
    let header: Map<String, Value> = serde_json::from_slice(header).map_err(|e| {
        let lines = header
            .split_inclusive(|&b| b == b'\n')
            .take(e.line().saturating_sub(1));
        let before: usize = lines.map(<[u8]>::len).sum();
        (
            8 + before + e.column().saturating_sub(1),
            format!("the header is not JSON: {e}"),
        )
    })?;
    let mut checkpoint = Checkpoint::default();
    let mut parts = vec![];
    for (name, entry) in &header {
        if name == METADATA {
            for (key, value) in entry.as_object().into_iter().flatten() {
                let value = value.as_str().unwrap_or_default().to_string();
                checkpoint.metadata.insert(key.clone(), value);
            }
            continue;
        }
        let (ty, start, end) = described(entry)
            .ok_or_else(|| (8, format!("the header does not describe tensor {name}")))?;
        if ty.0 != end.wrapping_sub(start) {
            let found = end.wrapping_sub(start);
            let message = format!(
                "tensor {name} ({}) takes {} bytes, found {found}",
                ty.1, ty.0
            );
            return Err((first.saturating_add(start), message));
        }
        let Some(slice) = data.get(start..end) else {
            let message = format!("the file ends within tensor {name} ({})", ty.1);
            return Err((first + data.len(), message));
        };
        parts.push((start, end, name));
        let array = Array::from_bytes(ty.1, slice).expect("the size was checked");
        checkpoint.tensors.insert(name.clone(), array);
    }
    parts.sort_unstable();
    let mut at = 0;
    for (start, end, name) in parts {
        if start != at {
            let message = format!(
                "tensor {name} starts here instead of at byte {}",
                first + at
            );
            return Err((first + start, message));
        }
        at = end;
    }
    if at != data.len() {
        return Err((
            first + at,
            "the last tensor ends before the file".to_string(),
        ));
    }
    Ok(checkpoint)
}

/// Type (with its size in bytes) and place of a tensor.
fn described(entry: &Value) -> Option<((usize, Type), usize, usize)> {
    let number = |value: &Value| value.as_u64().and_then(|n| usize::try_from(n).ok());
    let dtype = entry.get("dtype")?.as_str()?;
    let (dtype, _) = DTYPES.iter().find(|(_, name)| *name == dtype)?;
    let shape = entry.get("shape")?.as_array()?;
    let shape: Vec<usize> = shape.iter().map(number).collect::<Option<_>>()?;
    let extents = shape
        .iter()
        .try_fold(dtype.size(), |n, &d| n.checked_mul(d))?;
    let [start, end] = entry.get("data_offsets")?.as_array()?.as_slice() else {
        return None;
    };
    let ty = Type::new(*dtype, Shape(shape));
    Some(((extents, ty), number(start)?, number(end)?))
}

//! IDX files, the format of MNIST, Fashion-MNIST and their kin; plain or gzip.

use std::path::{Path, PathBuf};

use craneflow_ir::DType;
use ndarray::{ArrayD, Axis};

use super::array::{Encoding, byte_size};
use super::bytes::{self, Cursor};
use super::{DataError, Dataset, Labels, NpyArray, Split};

const FASHION: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// Reads the array in `path` (gzip is undone).
pub fn read(path: impl AsRef<Path>) -> Result<NpyArray, DataError> {
    let path = path.as_ref();
    parse(&bytes::read(path)?, path)
}

/// The array that an IDX file with these bytes holds; `path` is for messages.
pub fn parse(bytes: &[u8], path: &Path) -> Result<NpyArray, DataError> {
    let mut file = Cursor::new(bytes, path);
    let magic = file.take(4, "the magic bytes")?;
    let dtype = match magic {
        [0, 0, 0x08, _] => Some(DType::U8),
        [0, 0, 0x09, _] => Some(DType::I8),
        [0, 0, 0x0b, _] => Some(DType::I16),
        [0, 0, 0x0c, _] => Some(DType::I32),
        [0, 0, 0x0d, _] => Some(DType::F32),
        [0, 0, 0x0e, _] => Some(DType::F64),
        _ => None,
    };
    let Some(dtype) = dtype.filter(|_| (1..=8).contains(&magic[3])) else {
        return Err(DataError::Magic {
            path: path.into(),
            format: "an IDX file",
            at: 0,
            found: magic
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<Vec<_>>()
                .join(" "),
            expected: "00 00, an element type (08, 09, 0b to 0e) and the number of axes (01 to 08)",
        });
    };
    let mut shape = Vec::new();
    for _ in 0..magic[3] {
        let extent = file.take(4, "the shape")?;
        shape.push(
            extent
                .iter()
                .fold(0usize, |n, &byte| n << 8 | usize::from(byte)),
        );
    }
    let Some(size) = byte_size(dtype, &shape) else {
        return Err(DataError::TooLarge {
            path: path.into(),
            at: 4,
            what: format!("an array of shape {shape:?}"),
            limit: "the address space".into(),
        });
    };
    let data = file.take(size, "the elements")?;
    file.finish("the array")?;
    let encoding = Encoding {
        dtype,
        big_endian: true,
        fortran: false,
    };
    Ok(NpyArray::decode(encoding, &shape, data).expect("IDX has no bf16"))
}

/// Images `u8[n, height, width]` as `f32[n, height, width, 1]` in 0..1, with their class labels
/// `u8[n]`.
pub fn read_pair(
    images: impl AsRef<Path>,
    labels: impl AsRef<Path>,
) -> Result<(ArrayD<f32>, ArrayD<i32>), DataError> {
    let (images_path, labels_path) = (images.as_ref(), labels.as_ref());
    let images = match read(images_path)? {
        NpyArray::U8(images) if images.ndim() == 3 => images,
        other => return Err(elements(images_path, &other, "images u8[n,height,width]")),
    };
    let labels = match read(labels_path)? {
        NpyArray::U8(labels) if labels.ndim() == 1 => labels,
        other => return Err(elements(labels_path, &other, "labels u8[n]")),
    };
    if images.len_of(Axis(0)) != labels.len() {
        return Err(DataError::Counts {
            inputs_path: images_path.into(),
            inputs: images.len_of(Axis(0)),
            labels_path: labels_path.into(),
            labels: labels.len(),
        });
    }
    if images.is_empty() {
        return Err(DataError::Empty {
            path: images_path.into(),
        });
    }
    let images = images
        .mapv(|pixel| f32::from(pixel) / 255.0)
        .insert_axis(Axis(3));
    Ok((images, labels.mapv(i32::from)))
}

fn elements(path: &Path, found: &NpyArray, expected: &'static str) -> DataError {
    DataError::Elements {
        path: path.into(),
        found: found.describe(),
        expected,
    }
}

/// Whether `folder` has any of the files that [`load`] reads.
pub(super) fn is_in(folder: &Path) -> bool {
    PARTS
        .iter()
        .any(|(stem, kind)| find(folder, stem, kind).is_some())
}

const PARTS: [(&str, &str); 4] = [
    ("train-images", "idx3-ubyte"),
    ("train-labels", "idx1-ubyte"),
    ("t10k-images", "idx3-ubyte"),
    ("t10k-labels", "idx1-ubyte"),
];

/// Reads the four files of MNIST's layout in `folder`: `train-images-idx3-ubyte` and so on, also
/// with a dot for the second hyphen, also with `.gz`.
pub fn load(folder: impl AsRef<Path>) -> Result<Split, DataError> {
    let folder = folder.as_ref();
    let mut paths = Vec::new();
    for (stem, kind) in PARTS {
        let missing = || DataError::MissingFile {
            folder: folder.into(),
            file: format!("{stem}-{kind}"),
        };
        paths.push(find(folder, stem, kind).ok_or_else(missing)?);
    }
    let train = read_pair(&paths[0], &paths[1])?;
    let test = read_pair(&paths[2], &paths[3])?;
    let name = super::folder_name(folder);
    let last = train.1.iter().chain(&test.1).copied().max().unwrap_or(0);
    let classes: Vec<String> = match name.to_lowercase().contains("fashion") && last < 10 {
        true => FASHION.map(String::from).to_vec(),
        false => (0..=last.max(9)).map(|class| class.to_string()).collect(),
    };
    let dataset =
        |(images, labels)| Dataset::new(&*name, images, Labels::Classes(labels), classes.clone());
    Ok(Split {
        train: dataset(train)?,
        test: dataset(test)?,
    })
}

fn find(folder: &Path, stem: &str, kind: &str) -> Option<PathBuf> {
    ["-", "."]
        .iter()
        .flat_map(|mark| ["", ".gz"].map(|end| folder.join(format!("{stem}{mark}{kind}{end}"))))
        .find(|path| path.is_file())
}

use std::path::Path;

use ndarray::array;

use super::super::{DataError, Labels, NpyArray, idx};
use super::{folder, gzip, refusal, relative};

/// Three images of 2x2.
pub(super) const IMAGES: &[u8] = &[
    0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2, //
    0, 51, 102, 255, 1, 2, 3, 4, 5, 6, 7, 8,
];
pub(super) const LABELS: &[u8] = &[0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 9];

fn parse(bytes: &[u8]) -> Result<NpyArray, DataError> {
    idx::parse(bytes, Path::new("t.idx"))
}

#[test]
fn every_element_type_is_read() {
    let shape = [0, 0, 0, 2];
    let file = |code: u8, data: &[u8]| [&[0, 0, code, 1], &shape[..], data].concat();
    let good = |code, data: &[u8]| parse(&file(code, data)).unwrap();
    assert_eq!(good(8, &[1, 255]), NpyArray::U8(array![1, 255].into_dyn()));
    assert_eq!(good(9, &[1, 255]), NpyArray::I8(array![1, -1].into_dyn()));
    assert_eq!(
        good(11, &[1, 0, 255, 254]),
        NpyArray::I16(array![256, -2].into_dyn())
    );
    let ints = [1i32, -2].map(i32::to_be_bytes).concat();
    assert_eq!(good(12, &ints), NpyArray::I32(array![1, -2].into_dyn()));
    let floats = [0.5f32, -2.0].map(f32::to_be_bytes).concat();
    assert_eq!(
        good(13, &floats),
        NpyArray::F32(array![0.5, -2.0].into_dyn())
    );
    let doubles = [0.5f64, -2.0].map(f64::to_be_bytes).concat();
    assert_eq!(
        good(14, &doubles),
        NpyArray::F64(array![0.5, -2.0].into_dyn())
    );
}

#[test]
fn wrong_files_are_refused_with_their_position() {
    let magic = |found: &str| {
        format!(
            "t.idx: not an IDX file: byte 0 starts with {found}, expected 00 00, an element type \
             (08, 09, 0b to 0e) and the number of axes (01 to 08)"
        )
    };
    assert_eq!(refusal(parse(b"<!DOCTYPE")), magic("3c 21 44 4f"));
    assert_eq!(
        refusal(parse(&[0, 0, 10, 1, 0, 0, 0, 0])),
        magic("00 00 0a 01")
    );
    assert_eq!(
        refusal(parse(&[0, 0, 8, 0, 0, 0, 0, 0])),
        magic("00 00 08 00")
    );
    assert_eq!(
        refusal(parse(&[0, 0, 8, 9, 0, 0, 0, 0])),
        magic("00 00 08 09")
    );
    let cut = |len: usize| refusal(parse(&IMAGES[..len]));
    assert_eq!(
        cut(3),
        "t.idx: ends at byte 3, in the middle of the magic bytes (1 bytes are missing); \
         the file is cut short, fetch it again"
    );
    assert_eq!(
        cut(10),
        "t.idx: ends at byte 10, in the middle of the shape (2 bytes are missing); \
         the file is cut short, fetch it again"
    );
    assert_eq!(
        cut(20),
        "t.idx: ends at byte 20, in the middle of the elements (8 bytes are missing); \
         the file is cut short, fetch it again"
    );
    assert_eq!(
        refusal(parse(&[IMAGES, b"xy"].concat())),
        "t.idx: 2 bytes too many from byte 28 on, where the array should end; \
         the header is wrong or two files were joined"
    );
    assert_eq!(refusal(parse(&[])), cut(0));
}

#[test]
fn hostile_sizes_cost_no_memory() {
    let huge = [&[0, 0, 14, 2][..], &[255; 8]].concat();
    assert_eq!(
        refusal(parse(&huge)),
        "t.idx: byte 4: an array of shape [4294967295, 4294967295] is larger than the limit of \
         the address space"
    );
    let large = [&[0, 0, 8, 1][..], &[255; 4], &[0; 7]].concat();
    assert_eq!(
        refusal(parse(&large)),
        "t.idx: ends at byte 15, in the middle of the elements (4294967288 bytes are missing); \
         the file is cut short, fetch it again"
    );
}

#[test]
fn the_four_files_make_a_data_set() {
    let folder = folder(&[
        ("train-images-idx3-ubyte", IMAGES),
        ("train-labels.idx1-ubyte", LABELS),
        ("t10k-images-idx3-ubyte.gz", &gzip(IMAGES)),
        ("t10k-labels.idx1-ubyte.gz", &gzip(LABELS)),
    ]);
    let split = idx::load(&folder).unwrap();
    assert_eq!(split.train, split.test);
    assert_eq!(split.train.inputs().shape(), [3, 2, 2, 1]);
    assert_eq!(
        split.train.inputs().as_slice().unwrap()[..4],
        [0.0, 0.2, 0.4, 1.0]
    );
    assert_eq!(
        split.train.labels(),
        &Labels::Classes(array![7, 0, 9].into_dyn())
    );
    assert_eq!(split.train.classes().len(), 10);
    std::fs::remove_file(folder.path().join("t10k-labels.idx1-ubyte.gz")).unwrap();
    assert_eq!(
        relative(refusal(idx::load(&folder)), folder.path()),
        "FOLDER: `t10k-labels-idx1-ubyte` is missing; put it beside the other files of the data set"
    );
}

#[test]
fn pairs_must_belong_together() {
    let two = [0, 0, 8, 1, 0, 0, 0, 2, 1, 2];
    let packed = gzip(IMAGES);
    let folder = folder(&[
        ("images", IMAGES),
        ("labels", LABELS),
        ("two", &two),
        ("none", &[0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 2]),
        ("no-labels", &[0, 0, 8, 1, 0, 0, 0, 0]),
        ("cut.gz", &packed[..packed.len() - 9]),
    ]);
    let pair = |images, labels| {
        let path = |name| folder.path().join(name);
        relative(
            refusal(idx::read_pair(path(images), path(labels))),
            folder.path(),
        )
    };
    assert_eq!(
        pair("images", "two"),
        "images has 3 inputs, but two has 2 labels; the files do not belong together"
    );
    assert_eq!(
        pair("labels", "images"),
        "labels: holds u8[3], expected images u8[n,height,width]"
    );
    assert_eq!(
        pair("images", "images"),
        "images: holds u8[3,2,2], expected labels u8[n]"
    );
    assert_eq!(pair("none", "no-labels"), "none: holds no samples");
    let message = pair("cut.gz", "labels");
    assert!(
        message.starts_with("cut.gz: the gzip stream breaks off after "),
        "{message}"
    );
    assert!(message.ends_with("; fetch the file again"), "{message}");
    assert!(pair("absent", "labels").starts_with("absent: No such file"));
}

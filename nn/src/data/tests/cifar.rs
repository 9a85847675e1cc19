use std::path::Path;

use super::super::{DataError, Dataset, cifar};
use super::{folder, refusal, relative};

/// A binary record whose red plane counts 0, 1, ... (modulo 256), green is 51 and blue 255.
pub(super) fn record(label: u8) -> Vec<u8> {
    let red = (0..1024).map(|i| i as u8);
    [label]
        .into_iter()
        .chain(red)
        .chain([51; 1024])
        .chain([255; 1024])
        .collect()
}

/// The images of [`record`] as a PNG sheet.
pub(super) fn sheet(images: usize) -> Vec<u8> {
    let row: Vec<u8> = (0..1024).flat_map(|i| [i as u8, 51, 255]).collect();
    png(
        1024,
        images as u32,
        png::ColorType::Rgb,
        &row.repeat(images),
    )
}

fn png(width: u32, height: u32, color: png::ColorType, pixels: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(color);
    encoder
        .write_header()
        .unwrap()
        .write_image_data(pixels)
        .unwrap();
    out
}

fn batch(bytes: &[u8]) -> Result<Dataset, DataError> {
    cifar::parse_batch(bytes, Path::new("b.bin"))
}

#[test]
fn both_forms_give_the_same_images() {
    let batches = [record(3), record(9)].concat();
    let binary = folder(&[
        ("data_batch_1.bin", &batches),
        ("data_batch_2.bin", &record(0)),
        ("test_batch.bin", &record(5)),
    ]);
    let sheets = folder(&[
        ("data_batch_1.png", &sheet(2)),
        ("data_batch_2.png", &sheet(1)),
        ("test_batch.png", &sheet(1)),
        ("train_lables.json", b"[3, 9, 0]"),
        ("test_labels.json", b"[5]"),
    ]);
    let binary = cifar::load(&binary).unwrap();
    let sheets = cifar::load(&sheets).unwrap();
    for (a, b) in [(&binary.train, &sheets.train), (&binary.test, &sheets.test)] {
        assert_eq!(
            (a.inputs(), a.labels(), a.classes()),
            (b.inputs(), b.labels(), b.classes())
        );
    }
    let train = &binary.train;
    assert_eq!(train.inputs().shape(), [3, 32, 32, 3]);
    assert_eq!(train.inputs()[[1, 1, 2, 0]], 34.0 / 255.0);
    assert_eq!(train.inputs()[[2, 31, 31, 1]], 0.2);
    assert_eq!(train.inputs()[[2, 31, 31, 2]], 1.0);
    assert_eq!(train.class_ids().unwrap().as_slice(), Some(&[3, 9, 0][..]));
    assert_eq!(train.classes()[9], "truck");
}

#[test]
fn wrong_batches_are_refused_with_their_position() {
    let two = [record(3), record(10)].concat();
    assert_eq!(
        refusal(batch(&two)),
        "b.bin: byte 3073: label 10 is outside 0..10"
    );
    assert_eq!(
        refusal(batch(&two[..3072])),
        "b.bin: ends at byte 3072, in the middle of an image of 3073 bytes (1 bytes are missing); \
         the file is cut short, fetch it again"
    );
    assert_eq!(refusal(batch(&[])), "b.bin: holds no samples");
}

#[test]
fn missing_batches_are_named() {
    let names = |files: &[(&str, &[u8])]| {
        let folder = folder(files);
        relative(refusal(cifar::load(&folder)), folder.path())
    };
    let missing = |file| {
        format!("FOLDER: `{file}` is missing; put it beside the other files of the data set")
    };
    let one = record(1);
    assert_eq!(
        names(&[("data_batch_1.bin", &one)]),
        missing("test_batch.bin")
    );
    assert_eq!(
        names(&[
            ("data_batch_1.bin", &one),
            ("data_batch_3.bin", &one),
            ("test_batch.bin", &one)
        ]),
        missing("data_batch_2.bin")
    );
    assert_eq!(
        names(&[("test_batch.bin", &one)]),
        missing("data_batch_1.bin")
    );
    let sheet = sheet(1);
    assert_eq!(
        names(&[("data_batch_1.png", &sheet), ("test_batch.png", &sheet)]),
        missing("train_lables.json")
    );
}

#[test]
fn wrong_sheets_are_refused_with_their_row() {
    let parse = |bytes: &[u8]| refusal(cifar::parse_sheet(bytes, Path::new("s.png")));
    assert_eq!(
        parse(b"GIF89a"),
        "s.png: not a PNG file: byte 0 starts with GIF8, expected \\x89PNG"
    );
    let narrow = png(2, 1, png::ColorType::Grayscale, &[0, 0]);
    assert_eq!(
        parse(&narrow),
        "s.png: holds Grayscale pixels of 8 bits, 2 wide, \
         expected Rgb pixels of 8 bits, 1024 wide: one image of 32x32 a row"
    );
    // Rows of noise, so that the file's length grows with them.
    let noise: Vec<u8> = (0..40 * 3072u32)
        .map(|i| (i.wrapping_mul(2654435761) >> 13) as u8)
        .collect();
    let noise = png(1024, 40, png::ColorType::Rgb, &noise);
    let message = parse(&noise[..noise.len() / 2]);
    assert!(
        message.starts_with("s.png: damaged PNG in pixel row "),
        "{message}"
    );
    let near = format!("near byte {}: ", noise.len() / 2);
    assert!(message.contains(&near), "{message} lacks {near}");
    let mut tall = sheet(1);
    tall[20..24].copy_from_slice(&[0, 1, 0, 0]);
    assert!(parse(&tall).starts_with("s.png: damaged PNG in pixel row 0, near byte "));
}

#[test]
fn labels_must_fit_the_sheets() {
    let load = |labels: &[u8]| {
        let folder = folder(&[
            ("data_batch_1.png", &sheet(2)),
            ("test_batch.png", &sheet(1)),
            ("train_lables.json", labels),
            ("test_lables.json", b"[1]"),
        ]);
        relative(refusal(cifar::load(&folder)), folder.path())
    };
    assert_eq!(
        load(b"[1]"),
        "data_batch_1.png has 2 inputs, but train_lables.json has 1 labels; the files do not belong together"
    );
    assert_eq!(
        load(b"[1, 11]"),
        "train_lables.json: entry 1: label 11 is outside 0..10"
    );
    assert_eq!(
        load(b"[1,\n2"),
        "train_lables.json: expected a JSON array of labels: EOF while parsing a list at line 2 column 1"
    );
    assert_eq!(
        load(b"{}"),
        "train_lables.json: expected a JSON array of labels: invalid type: map, expected a sequence at line 1 column 0"
    );
}

//! Pictures: decoding, sizes, folders, augmentation.

use super::refusal;
use crate::data::augment::Augment;
use crate::data::folder::ClassFolder;
use crate::data::images::{self, ENDINGS, ImageSize};
use crate::data::stored::{Format, Stored};
use crate::rng::Rng;
use craneflow_ir::Array;
use std::path::Path;

pub(super) fn png(width: u32, height: u32, colour: png::ColorType, pixels: &[u8]) -> Vec<u8> {
    let mut bytes = vec![];
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(colour);
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(pixels).expect("pixels");
    writer.finish().expect("an end");
    bytes
}

const fn size(height: usize, width: usize, channels: usize) -> ImageSize {
    ImageSize {
        height,
        width,
        channels,
    }
}

fn decoded(bytes: &[u8], size: ImageSize) -> Vec<f64> {
    let image = images::decode(bytes, Path::new("p.png"), size).expect("decodes");
    image.to_f64()
}

#[test]
fn pictures_are_decoded_and_resized() {
    let grey = png(2, 2, png::ColorType::Grayscale, &[0, 255, 51, 204]);
    let close = |a: &[f64], b: &[f64]| {
        assert_eq!(a.len(), b.len());
        assert!(
            a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6),
            "{a:?} {b:?}"
        );
    };
    close(&decoded(&grey, size(2, 2, 1)), &[0.0, 1.0, 0.2, 0.8]);
    close(&decoded(&grey, size(1, 1, 1)), &[0.5]);
    // Twice as wide: corners stay, between them 1:3 and 3:1.
    close(&decoded(&grey, size(1, 4, 1)), &[0.1, 0.3, 0.7, 0.9]);
    close(&decoded(&grey, size(2, 1, 3)), &[0.5; 6]);
    let red = png(1, 1, png::ColorType::Rgba, &[255, 0, 0, 255]);
    close(&decoded(&red, size(1, 1, 3)), &[1.0, 0.0, 0.0]);
    close(&decoded(&red, size(1, 1, 1)), &[0.299]);
    for cut in [0, 3, 20, grey.len() - 14] {
        refusal(images::decode(
            &grey[..cut],
            Path::new("p.png"),
            size(2, 2, 1),
        ));
    }
    let message = refusal(images::decode(b"GIF89a", Path::new("p.gif"), size(2, 2, 1)));
    assert!(
        message.starts_with("p.gif: not a PNG or JPEG picture"),
        "{message}"
    );
}

#[test]
fn folders_are_classes() {
    let folder = tempfile::tempdir().expect("a folder");
    for (class, value) in [("b", 255), ("a", 0), ("empty", 0)] {
        let path = folder.path().join(class);
        std::fs::create_dir(&path).expect("makes");
        if class != "empty" {
            for name in ["2.PNG", "1.png", "notes.txt"] {
                let bytes = png(1, 1, png::ColorType::Grayscale, &[value]);
                std::fs::write(path.join(name), bytes).expect("writes");
            }
        }
    }
    let mut found = ClassFolder::open(folder.path(), &ENDINGS).expect("opens");
    assert_eq!(found.classes, ["a", "b"]);
    let empty = folder.path().join("empty");
    let lost = format!(
        "{} has no files of samples and is no class",
        empty.display()
    );
    assert_eq!(found.warnings(folder.path()), [lost]);
    let open = |size| Stored::open(&found, "x", Format::Image(size)).expect("opens");
    assert_eq!(open(size(2, 2, 1)).warning(), None);
    let warning = open(size(2, 1, 1)).warning();
    let warning = warning.expect("squares become twice as high");
    let expected = "4 of 4 pictures have other proportions than 2 by 1 and are stretched, such as ";
    assert!(warning.starts_with(expected), "{warning}");
    let data = images::load(&found, "x", size(1, 1, 1)).expect("loads");
    assert_eq!(
        data.inputs().iter().copied().collect::<Vec<f32>>(),
        [0.0, 0.0, 1.0, 1.0]
    );
    found
        .renumber(&["b".to_string(), "a".to_string()])
        .expect("are known");
    assert_eq!(found.files[0].1, 1);
    assert!(refusal(found.renumber(&["b".to_string()])).contains("for the class `a`"));
    refusal(ClassFolder::open(folder.path().join("empty"), &ENDINGS));
}

#[test]
fn augmentation_follows_from_its_numbers() {
    let pixels: Vec<f32> = (0..3 * 4 * 2).map(|i| i as f32 / 24.0).collect();
    let image = Array::f32([3, 4, 2], &pixels);
    let nothing = Augment::default().apply(&image, &mut Rng::new(1));
    assert_eq!(nothing, image);
    let flip = Augment {
        flip_horizontal: true,
        ..Augment::default()
    };
    let mut seen = [0, 0];
    for seed in 0..40 {
        let flipped = flip.apply(&image, &mut Rng::new(seed));
        assert_eq!(flipped, flip.apply(&image, &mut Rng::new(seed)));
        if flipped == image {
            seen[0] += 1;
            continue;
        }
        seen[1] += 1;
        let (a, b) = (image.to_f64(), flipped.to_f64());
        for (i, x) in b.iter().enumerate() {
            let (row, column, c) = (i / 8, i / 2 % 4, i % 2);
            assert_eq!(*x, a[(row * 4 + 3 - column) * 2 + c]);
        }
    }
    assert!(seen[0] > 8 && seen[1] > 8, "{seen:?}");
    // Everything at once stays a picture.
    let square = Array::f32([2, 2, 1], &[0.1, 0.2, 0.3, 0.4]);
    let all = Augment {
        crop: 1,
        rotate: 30.0,
        zoom: 0.2,
        brightness: 0.2,
        contrast: 0.3,
        saturation: 0.3,
        flip_horizontal: true,
        flip_vertical: true,
    };
    let changed = all.apply(&square, &mut Rng::new(5));
    assert_ne!(changed, square);
    assert!(changed.to_f64().iter().all(|x| (0.0..=1.0).contains(x)));
}

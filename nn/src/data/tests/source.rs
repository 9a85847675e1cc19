//! Samples in files and in memory: the same batches, and files that do not stay what they are.

use super::images::png;
use super::refusal;
use crate::data::augment::Augment;
use crate::data::folder::ClassFolder;
use crate::data::images::{ENDINGS, ImageSize};
use crate::data::pipeline::{Pass, Sample};
use crate::data::source::{Feeding, Source};
use crate::data::stored::{Format, Stored};
use std::path::Path;

const SIZE: ImageSize = ImageSize {
    height: 3,
    width: 2,
    channels: 3,
};

/// Seven pictures of one class and four of another.
fn pictures(folder: &Path) -> Stored {
    for (class, count) in [("a", 7), ("b", 4)] {
        let place = folder.join(class);
        std::fs::create_dir(&place).expect("makes");
        for i in 0..count {
            let pixels: Vec<u8> = (0..18).map(|p| p * 5 + i * 9 + count).collect();
            let bytes = png(2, 3, png::ColorType::Rgb, &pixels);
            std::fs::write(place.join(format!("{i}.png")), bytes).expect("writes");
        }
    }
    let found = ClassFolder::open(folder, &ENDINGS).expect("opens");
    Stored::open(&found, "pictures", Format::Image(SIZE)).expect("opens")
}

/// All batches of an epoch without the first `skip`.
fn epoch(source: &Source, how: &Feeding, epoch: u64, skip: usize) -> Vec<Sample> {
    let pass = Pass { seed: 5, epoch };
    let batches = source.batches(how).open_at(pass, skip).expect("opens");
    batches.map(|batch| batch.expect("is good")).collect()
}

#[test]
fn files_give_the_batches_that_memory_gives_on_any_workers_and_from_anywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = pictures(folder.path());
    let bytes = files.bytes();
    assert_eq!(bytes, 11 * 18 * 4);
    let memory = Source::within(files.clone(), bytes).expect("loads");
    assert!(matches!(memory, Source::Memory(_)));
    let files = Source::within(files, bytes - 1).expect("stays");
    assert!(matches!(files, Source::Files(_)));
    let augment = Augment {
        flip_horizontal: true,
        brightness: 0.3,
        ..Augment::default()
    };
    for augment in [None, Some(augment)] {
        let how = |workers| Feeding {
            batch_size: 3,
            shuffle: true,
            augment,
            workers,
        };
        let expected = [0, 1].map(|e| epoch(&memory, &how(1), e, 0));
        assert_eq!(expected[0].len(), 4);
        assert_ne!(expected[0], expected[1]);
        for workers in [0, 1, 2, 5] {
            for (e, expected) in expected.iter().enumerate() {
                assert_eq!(epoch(&files, &how(workers), e as u64, 0), *expected);
                assert_eq!(epoch(&memory, &how(workers), e as u64, 0), *expected);
                for skip in [1, 3, 4, 9] {
                    let rest = epoch(&files, &how(workers), e as u64, skip);
                    assert_eq!(rest, expected[skip.min(4)..]);
                }
            }
        }
    }
    // Splits are of the same samples.
    for split in [
        |s: &Source| s.held_out(3, 0.3),
        |s: &Source| s.fold(3, 3, 1),
    ] {
        let [a, b] = [&memory, &files].map(|s| split(s).expect("divides"));
        for (a, b) in [(a.train, b.train), (a.test, b.test)] {
            assert_eq!(a.len(), b.len());
            assert_eq!(a.labels(), b.labels());
            assert!((0..a.len()).all(|i| a.place(i) == b.place(i) && a.place(i).is_some()));
            assert_eq!(a.dataset().expect("is there"), b.dataset().expect("reads"));
        }
    }
}

#[test]
fn folds_hold_out_every_sample_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = Source::within(pictures(folder.path()), 0).expect("stays");
    let mut seen = vec![];
    for fold in 0..3 {
        let split = files.fold(1, 3, fold).expect("divides");
        assert_eq!(split.train.len() + split.test.len(), 11);
        seen.extend((0..split.test.len()).map(|i| split.test.place(i).expect("a file")));
    }
    seen.sort();
    let mut all: Vec<String> = (0..11).map(|i| files.place(i).expect("a file")).collect();
    all.sort();
    assert_eq!(seen, all);
    assert!(refusal(files.fold(1, 12, 0)).contains("12"));
}

#[test]
fn files_that_change_vanish_or_are_damaged_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let stored = pictures(folder.path());
    let place = folder.path().join("a/3.png");
    let whole = std::fs::read(&place).expect("is there");
    let files = Source::within(stored, 0).expect("stays");
    let read = || -> Result<Vec<Sample>, _> {
        let batches = files.batches(&Feeding::in_order(2));
        batches.open(Pass::default()).expect("opens").collect()
    };
    read().expect("all is well");
    std::fs::remove_file(&place).expect("is there");
    let message = refusal(read());
    assert!(message.contains("3.png: No such file"), "{message}");
    std::fs::write(&place, [&whole[..], b"more"].concat()).expect("writes");
    let message = refusal(read());
    assert!(message.contains("3.png: changed since"), "{message}");
    // What cannot even begin to be read is refused when the folder is opened.
    let open = || {
        let found = ClassFolder::open(folder.path(), &ENDINGS).expect("opens");
        Stored::open(&found, "pictures", Format::Image(SIZE))
    };
    std::fs::write(&place, &whole[..whole.len() - 14]).expect("writes");
    let cut = open().expect("its beginning is whole");
    assert!(refusal(cut.load()).contains("3.png: damaged PNG"));
    std::fs::write(&place, &whole[..12]).expect("writes");
    assert!(refusal(open()).contains("3.png: damaged PNG"));
    std::fs::write(&place, b"").expect("writes");
    assert!(refusal(open()).contains("3.png: not a PNG or JPEG picture"));
}

//! Whatever the bytes, parsers return; `fuzz/` feeds the same functions for longer.

use std::path::Path;

use proptest::prelude::*;

use super::super::csv::{CsvOptions, Header};
use super::super::{cifar, csv, idx, npy, sheet};
use super::cifar::{record, sheet as png_sheet};
use super::idx::IMAGES;

/// Feeds `bytes` to every parser.
fn feed(bytes: &[u8]) {
    let path = Path::new("hostile");
    let _ = idx::parse(bytes, path);
    let _ = npy::parse(bytes, path);
    let _ = cifar::parse_batch(bytes, path);
    let _ = cifar::parse_sheet(bytes, path);
    let _ = sheet::parse_labels(bytes, path);
    let _ = super::super::bytes::inflate(bytes.to_vec(), path);
    for header in [Header::Auto, Header::Present, Header::Absent] {
        let _ = csv::parse(
            bytes,
            path,
            &CsvOptions {
                header,
                ..Default::default()
            },
        );
    }
}

fn good_files() -> Vec<Vec<u8>> {
    let header = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }";
    let npy = [b"\x93NUMPY\x01\x00\x3a\x00", header.as_bytes(), &[0; 24]].concat();
    let table = b"x,\"y\",label\n1,2.5,a\n-3,4e-1,b\n5,6,a\n".to_vec();
    vec![
        IMAGES.to_vec(),
        npy,
        record(3),
        png_sheet(2),
        table.clone(),
        super::gzip(&table),
        b"[1, 2, 3]".to_vec(),
    ]
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        feed(&bytes);
    }

    #[test]
    fn damaged_files_are_survived(
        which in 0usize..7,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
        extra in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        let mut bytes = good_files().swap_remove(which);
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes.extend(extra);
        feed(&bytes);
    }

    #[test]
    fn arbitrary_headers_are_survived(header in "\\{('(descr|shape|fortran_order)': ?('[<>|][a-z][0-9]'|True|\\([0-9, L]{0,30}\\)),? ?){0,4}\\}") {
        let length = (header.len() as u16).to_le_bytes();
        feed(&[b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &[0; 16]].concat());
    }
}

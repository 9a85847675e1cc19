use std::path::Path;

use half::f16;
use ndarray::{Array, ArrayD, IxDyn, arr0, array};

use super::super::{DataError, NpyArray, npy};
use super::refusal;

fn parse(bytes: &[u8]) -> Result<NpyArray, DataError> {
    npy::parse(bytes, Path::new("t.npy"))
}

fn numpy(name: &str) -> Vec<u8> {
    std::fs::read(format!(
        "{}/tests/npy/{name}.npy",
        env!("CARGO_MANIFEST_DIR")
    ))
    .unwrap()
}

/// What `generate.py` wrote for an element type.
fn expected(kind: &str) -> NpyArray {
    macro_rules! ints {
        ($t:ty, $shift:expr) => {
            Array::from_shape_fn(IxDyn(&[2, 3]), |at| {
                ((at[0] * 3 + at[1]) as i32 * 7 + 1 - $shift) as $t
            })
            .into()
        };
    }
    let halves = ArrayD::from_shape_fn(IxDyn(&[2, 3]), |at| {
        f64::from((at[0] * 3 + at[1]) as i32 * 7 - 8) * 0.5
    });
    match kind {
        "b1" => array![[false, true, false], [true, false, true]]
            .into_dyn()
            .into(),
        "i1" => ints!(i8, 9),
        "i2" => ints!(i16, 9),
        "i4" => ints!(i32, 9),
        "i8" => ints!(i64, 9),
        "u1" => ints!(u8, 0),
        "u2" => ints!(u16, 0),
        "u4" => ints!(u32, 0),
        "u8" => ints!(u64, 0),
        "f2" => halves.mapv(f16::from_f64).into(),
        "f4" => halves.mapv(|x| x as f32).into(),
        _ => halves.into(),
    }
}

#[test]
fn numpys_files_are_read_and_written_alike() {
    for kind in [
        "b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8",
    ] {
        let array = parse(&numpy(kind)).unwrap();
        assert_eq!(array, expected(kind), "{kind}");
        assert_eq!(npy::to_bytes(&array), numpy(kind), "{kind}");
        if !kind.ends_with('1') {
            assert_eq!(
                parse(&numpy(&format!("{kind}-big"))).unwrap(),
                array,
                "{kind}"
            );
        }
    }
    let counts = Array::from_iter(0..24i32);
    let small = counts
        .slice(ndarray::s![..6])
        .to_owned()
        .into_shape_with_order(IxDyn(&[2, 3]));
    assert_eq!(
        parse(&numpy("version2")).unwrap(),
        small.clone().unwrap().into()
    );
    assert_eq!(parse(&numpy("version3")).unwrap(), small.unwrap().into());
    let fortran = parse(&numpy("fortran")).unwrap();
    assert_eq!(
        fortran,
        counts
            .into_shape_with_order(IxDyn(&[2, 3, 4]))
            .unwrap()
            .into()
    );
    assert_eq!(fortran.describe(), "i32[2,3,4]");
    for (name, array) in [
        ("scalar", NpyArray::F32(arr0(2.5).into_dyn())),
        (
            "vector",
            NpyArray::F32(array![0.0, 1.0, 2.0, 3.0, 4.0].into_dyn()),
        ),
        ("empty", NpyArray::F32(ArrayD::zeros(IxDyn(&[2, 0, 3])))),
    ] {
        assert_eq!(parse(&numpy(name)).unwrap(), array);
        assert_eq!(npy::to_bytes(&array), numpy(name));
    }
}

/// A version 1 file with this header.
fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

#[test]
fn wrong_files_are_refused_with_their_position() {
    let magic = |found: &str| {
        format!(
            "t.npy: not a .npy file: byte 0 starts with {found}, expected \\x93NUMPY and version 1 to 3"
        )
    };
    assert_eq!(
        refusal(parse(b"PK\x03\x04\0\0\0\0\0")),
        magic("PK\\x03\\x04\\x00\\x00\\x00\\x00")
    );
    assert_eq!(
        refusal(parse(b"\x93NUMPY\x04\0")),
        magic("\\x93NUMPY\\x04\\x00")
    );
    let file = numpy("f4");
    let cut = |at: usize| refusal(parse(&file[..at]));
    let truncated = |at, what, missing| {
        format!(
            "t.npy: ends at byte {at}, in the middle of {what} ({missing} bytes are missing); \
             the file is cut short, fetch it again"
        )
    };
    assert_eq!(cut(5), truncated(5, "the magic bytes", 3));
    assert_eq!(cut(9), truncated(9, "the header length", 1));
    assert_eq!(cut(100), truncated(100, "the header", 28));
    assert_eq!(cut(151), truncated(151, "the elements", 1));
    assert_eq!(
        refusal(parse(&[&file[..], b"\n"].concat())),
        "t.npy: 1 bytes too many from byte 152 on, where the array should end; \
         the header is wrong or two files were joined"
    );
    assert_eq!(
        refusal(parse(b"\x93NUMPY\x02\0\xff\xff\xff\xff")),
        "t.npy: byte 8: a header of 4294967295 bytes is larger than the limit of 65536 bytes"
    );
}

#[test]
fn wrong_headers_are_refused_with_their_position() {
    let header = |header: &str| refusal(parse(&with_header(header, &[])));
    let malformed =
        |at, expected| format!("t.npy: byte {at}: malformed header, expected {expected}");
    let kinds = "an element type such as '<f4', '>i8' or '|b1' (b1, i1-i8, u1-u8, f2-f8)";
    assert_eq!(header("[]"), malformed(10, "`{`"));
    assert_eq!(header("{descr: 1}"), malformed(11, "a string in quotes"));
    assert_eq!(header("{'descr' '<f4'}"), malformed(19, "`:`"));
    assert_eq!(header("{'descr': '<f3', }"), malformed(20, kinds));
    assert_eq!(header("{'descr': '<é4', }"), malformed(20, kinds));
    assert_eq!(header("{'descr': '|f4', }"), malformed(20, kinds));
    assert_eq!(
        header("{'fortran_order': 1}"),
        malformed(28, "True or False")
    );
    assert_eq!(header("{'shape': 3}"), malformed(20, "`(`"));
    assert_eq!(
        header("{'shape': (-3,)}"),
        malformed(21, "the extent of an axis")
    );
    assert_eq!(header("{'shape': (3 4)}"), malformed(23, "`,` or `)`"));
    assert_eq!(
        header(&format!("{{'shape': ({})}}", "1,".repeat(33))),
        malformed(85, "at most 32 axes")
    );
    let once = "each of 'descr', 'fortran_order' and 'shape' once";
    assert_eq!(header("{}"), malformed(12, once));
    assert_eq!(header("{'shape': (), 'shape': ()}"), malformed(32, once));
    let whole = "{'descr': '<f4', 'fortran_order': False, 'shape': ()} x";
    assert_eq!(header(whole), malformed(64, "nothing after `}`"));
    assert_eq!(refusal(parse(&numpy("structured"))), malformed(20, kinds));
    assert_eq!(refusal(parse(&numpy("complex"))), malformed(20, kinds));
    for shape in ["(4294967296, 4294967296)", "(0, 9223372036854775807)"] {
        let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}");
        let message = refusal(parse(&with_header(&header, &[])));
        assert!(
            message.ends_with("is larger than the limit of the address space"),
            "{message}"
        );
    }
}

#[test]
fn python_2_and_loose_spelling_are_read() {
    let header = "{\"shape\":(2L,),'fortran_order' : True,\n'descr':'>u2'}";
    let array = parse(&with_header(header, &[1, 0, 0, 2])).unwrap();
    assert_eq!(array, NpyArray::U16(array![256, 2].into_dyn()));
}

#[test]
fn writing_replaces_whole_files_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    let array = expected("f4");
    npy::write(&path, &array).unwrap();
    assert_eq!(npy::read(&path).unwrap(), array);
    npy::write(&path, &expected("i8")).unwrap();
    assert_eq!(npy::read(&path).unwrap(), expected("i8"));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    assert!(npy::write(folder.path().join("absent/a.npy"), &array).is_err());
    assert!(npy::write(folder.path(), &array).is_err());
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
}

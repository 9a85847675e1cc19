use super::*;

#[test]
fn zeroed_and_aligned_at_every_size() {
    for bytes in [0, 1, 4, 63, 64, 65, 4096, 1 << 20] {
        let bufs: Vec<_> = (0..5)
            .map(|_| AlignedBuf::zeroed(bytes).expect("memory"))
            .collect();
        for mut buf in bufs {
            assert!(buf.base().as_ptr().addr().is_multiple_of(ALIGN));
            assert_eq!((buf.len(), buf.is_empty()), (bytes, bytes == 0));
            assert!(buf.bytes().iter().all(|&b| b == 0));
            buf.bytes_mut().fill(0xa5);
            assert!(buf.clone().bytes().iter().all(|&b| b == 0xa5));
        }
    }
}

#[test]
fn views_are_the_same_bytes() {
    let mut arena = Arena::new(128).expect("memory");
    arena
        .slice_mut::<f32>(64, 2)
        .expect("in bounds")
        .copy_from_slice(&[1.0, -0.0]);
    assert_eq!(
        arena.slice::<u32>(64, 3),
        Ok(&[0x3f80_0000, 0x8000_0000, 0][..])
    );
    assert_eq!(
        arena.slice::<f16>(66, 1),
        Ok(&[f16::from_bits(if cfg!(target_endian = "little") {
            0x3f80
        } else {
            0
        })][..])
    );
    assert_eq!(arena.slice::<f64>(0, 8).map(<[f64]>::len), Ok(8));
    assert_eq!(arena.slice::<u64>(128, 0), Ok(&[][..]));
    assert_eq!((arena.len(), arena.is_empty()), (128, false));
}

#[test]
fn views_are_checked() {
    let message = |e: Result<&[f32], MemoryError>| e.expect_err("a bad view").to_string();
    let mut arena = Arena::new(100).expect("memory");
    assert_eq!(
        message(arena.slice(96, 2)),
        "2 elements of f32 at offset 96 do not fit in 100 bytes"
    );
    assert_eq!(
        message(arena.slice(2, 1)),
        "offset 2 is not a multiple of the size of f32"
    );
    for (offset, len) in [
        (104, 0),
        (usize::MAX, 1),
        (4, usize::MAX),
        (usize::MAX - 3, usize::MAX / 4),
    ] {
        assert!(matches!(
            arena.slice::<f32>(offset, len),
            Err(MemoryError::OutOfBounds { .. })
        ));
        assert!(arena.slice_mut::<f32>(offset, len).is_err());
    }
    let mut buf = AlignedBuf::zeroed(6).expect("memory");
    assert_eq!(
        message(buf.slice()),
        "6 bytes are not a whole number of f32"
    );
    assert_eq!(buf.slice_mut::<u16>().map(|x| x.len()), Ok(3));
}

#[test]
fn too_much_is_an_error() {
    for bytes in [
        usize::MAX,
        usize::MAX - ALIGN,
        isize::MAX as usize,
        isize::MAX as usize - ALIGN,
    ] {
        let error = Arena::new(bytes).expect_err("no machine has this");
        assert_eq!(error.to_string(), format!("cannot allocate {bytes} bytes"));
    }
}

#[test]
fn copies_of_slices() {
    let buf = AlignedBuf::from_slice(&[1i64, -2, 3]).expect("memory");
    assert_eq!(buf.slice::<i64>(), Ok(&[1, -2, 3][..]));
    let truths = AlignedBuf::from_slice(&[true, false, true]).expect("memory");
    assert_eq!(truths.bytes(), [1, 0, 1]);
    assert_eq!(bools(truths.bytes()), Some(&[true, false, true][..]));
    assert_eq!(bools(&[0, 2]), None);
}

#[test]
fn bases_are_addresses() {
    let mut out = [0.0f32; 2];
    let second = (&raw const out[1]).addr();
    let table = [Base::of(&[true]), Base::of_mut(&mut out)];
    assert_eq!(table[1].at(4).as_ptr().addr(), second);
    let mut arena = Arena::new(64).expect("memory");
    assert_eq!(
        arena.base().at(8),
        Base::of(arena.slice::<u8>(8, 1).expect("in bounds"))
    );
}

#[cfg(all(target_os = "linux", not(miri)))]
#[test]
fn untouched_pages_take_no_memory() {
    let resident = || {
        let statm = std::fs::read_to_string("/proc/self/statm").expect("proc is mounted");
        statm
            .split(' ')
            .nth(1)
            .and_then(|pages| pages.parse::<usize>().ok())
            .expect("a number of pages")
    };
    let before = resident();
    let mut arena = Arena::new(1 << 30).expect("memory");
    arena.slice_mut::<u8>((1 << 29) + 1, 1).expect("in bounds")[0] = 1;
    assert!(
        resident() < before + 16_384,
        "{} pages more",
        resident() - before
    );
}

use super::*;

#[test]
fn zeroed_and_aligned_at_every_size() {
    for bytes in [0, 1, 4, 63, 64, 65, 4096, 1 << 20] {
        let bufs: Vec<_> = (0..5)
            .map(|_| AlignedBuf::zeroed(bytes).expect("memory"))
            .collect();
        for mut buf in bufs {
            assert!(buf.bytes().as_ptr().addr().is_multiple_of(ALIGN));
            assert_eq!((buf.len(), buf.is_empty()), (bytes, bytes == 0));
            assert!(buf.bytes().iter().all(|&b| b == 0));
            buf.bytes_mut().fill(0xa5);
            assert!(buf.clone().bytes().iter().all(|&b| b == 0xa5));
        }
    }
}

#[test]
fn views_are_the_same_bytes() {
    let mut buf = AlignedBuf::zeroed(8).expect("memory");
    buf.slice_mut::<f32>()
        .expect("two elements")
        .copy_from_slice(&[1.0, -0.0]);
    assert_eq!(buf.slice::<u32>(), Ok(&[0x3f80_0000, 0x8000_0000][..]));
    let halves = buf.slice::<f16>().expect("four elements");
    let upper = usize::from(cfg!(target_endian = "little"));
    assert_eq!(halves[upper].to_bits(), 0x3f80);
    let none = AlignedBuf::zeroed(0).expect("memory");
    assert_eq!(none.slice::<u64>(), Ok(&[][..]));
}

#[test]
fn views_are_checked() {
    let mut buf = AlignedBuf::zeroed(6).expect("memory");
    assert_eq!(
        buf.slice::<f32>().expect_err("a bad view").to_string(),
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
        let error = AlignedBuf::zeroed(bytes).expect_err("no machine has this");
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
    let mut buf = AlignedBuf::zeroed(1 << 30).expect("memory");
    buf.bytes_mut()[(1 << 29) + 1] = 1;
    assert!(
        resident() < before + 16_384,
        "{} pages more",
        resident() - before
    );
}

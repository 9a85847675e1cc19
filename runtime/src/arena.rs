//! Memory that kernels work on: zeroed, aligned to [`ALIGN`] bytes, seen from Rust through checked, typed slices.
//!
//! Kernels get addresses ([`MemRef`]). Whoever runs kernels holds the arena and the outputs by `&mut` and the inputs by `&`
//! for the time of the run, takes the addresses inside it, and lets them go with it.

#![allow(
    unsafe_code,
    reason = "allocates, and views bytes as numbers of several types"
)]

use craneflow_codegen::MemRef;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fmt;
use std::ptr::NonNull;
use std::slice;

use craneflow_ir::DType;
use half::{bf16, f16};
use thiserror::Error;

#[cfg(test)]
mod tests;

/// Alignment of every buffer in bytes: a cache line, and the widest vector.
pub const ALIGN: usize = 64;

/// What the allocator is asked for: at this alignment it can take large buffers fresh from the system, which are zero untouched.
const ASKED_ALIGN: usize = 16;

/// Why memory cannot be had or viewed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum MemoryError {
    /// The system gives no more, or no machine has as much.
    #[error("cannot allocate {bytes} bytes")]
    OutOfMemory {
        /// The size asked for.
        bytes: usize,
    },
    /// A buffer does not hold a whole number of elements.
    #[error("{bytes} bytes are not a whole number of {dtype}")]
    Uneven {
        /// Size of the buffer in bytes.
        bytes: usize,
        /// The element type.
        dtype: DType,
    },
}

mod sealed {
    pub trait Sealed {}
}

/// An element type at the Rust surface. Its values have no padding: each can be read as bytes.
pub trait Element: sealed::Sealed + Copy + Send + Sync + 'static {
    /// The same type in the IR.
    const DTYPE: DType;
}

/// An element type of which every bit pattern is a value: all but `bool`, whose buffers are viewed as `u8` (see [`bools`]).
pub trait Number: Element {}

macro_rules! elements {
    ($($T:ty: $dtype:ident),*) => { $(
        impl sealed::Sealed for $T {}
        impl Element for $T {
            const DTYPE: DType = DType::$dtype;
        }
    )* };
}
macro_rules! numbers {
    ($($T:ty: $dtype:ident),* $(,)?) => {
        elements!($($T: $dtype),*);
        $(impl Number for $T {})*
    };
}
elements!(bool: Bool);
numbers!(
    i8: I8, i16: I16, i32: I32, i64: I64, u8: U8, u16: U16, u32: U32, u64: U64,
    f16: F16, bf16: BF16, f32: F32, f64: F64,
);

/// The bytes of `data`, in this machine's order.
pub fn bytes_of<T: Element>(data: &[T]) -> &[u8] {
    // SAFETY: the slice is `size_of_val` initialised bytes, for an `Element` has no padding; a byte needs no alignment.
    unsafe { slice::from_raw_parts(data.as_ptr().cast(), size_of_val(data)) }
}

/// The truth values in `bytes`, if each is 0 or 1.
pub fn bools(bytes: &[u8]) -> Option<&[bool]> {
    // SAFETY: a `bool` is one byte that is 0 or 1, which all of these are.
    bytes
        .iter()
        .all(|&b| b <= 1)
        .then(|| unsafe { slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) })
}

/// Owned bytes, aligned to [`ALIGN`]: an input, an output or a constant. Zeroed at first.
pub struct AlignedBuf {
    start: NonNull<u8>,
    len: usize,
    /// Bytes between the address that the allocator gave and `start`.
    shift: usize,
}

// SAFETY: it owns its bytes, which are reached through `&self` and `&mut self` by the rules of references.
unsafe impl Send for AlignedBuf {}
// SAFETY: as above; `&self` gives shared, read-only views.
unsafe impl Sync for AlignedBuf {}

impl AlignedBuf {
    /// `len` zero bytes. Of a large buffer, pages that are never written take no memory; it is of huge pages where it can be.
    pub fn zeroed(len: usize) -> Result<AlignedBuf, MemoryError> {
        let buf = AlignedBuf::of_small_pages(len)?;
        huge_pages(buf.start, len, false);
        Ok(buf)
    }

    /// The same, of pages that the system has at hand: it may move others for a millisecond to make a huge one.
    pub(crate) fn of_small_pages(len: usize) -> Result<AlignedBuf, MemoryError> {
        let refused = MemoryError::OutOfMemory { bytes: len };
        let layout = layout(len).ok_or(refused)?;
        // SAFETY: the size is not zero: it includes room to align.
        let given = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or(refused)?;
        let shift = given.addr().get().wrapping_neg() % ALIGN;
        // SAFETY: `given` is aligned to `ASKED_ALIGN`, so `shift` is at most the `ALIGN - ASKED_ALIGN` bytes asked for beyond `len`.
        let start = unsafe { given.add(shift) };
        Ok(AlignedBuf { start, len, shift })
    }

    /// Has huge pages from now on if it is large. Whether what it held may have been lost by that.
    pub(crate) fn renew(&mut self) -> bool {
        huge_pages(self.start, self.len, true)
    }

    /// A copy of `data`.
    pub fn from_slice<T: Element>(data: &[T]) -> Result<AlignedBuf, MemoryError> {
        let mut buf = AlignedBuf::zeroed(size_of_val(data))?;
        buf.bytes_mut().copy_from_slice(bytes_of(data));
        Ok(buf)
    }

    /// Its size in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds no byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All bytes.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `start` begins `len` initialised bytes that `self` owns.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    /// All bytes, to write.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and `self` is borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }

    /// All of it as elements.
    pub fn slice<T: Number>(&self) -> Result<&[T], MemoryError> {
        let len = self.count::<T>()?;
        // SAFETY: `len` elements are the bytes that `self` owns, and aligned as every buffer is; any bytes are a `Number`.
        Ok(unsafe { slice::from_raw_parts(self.start.as_ptr().cast(), len) })
    }

    /// All of it as elements, to write.
    pub fn slice_mut<T: Number>(&mut self) -> Result<&mut [T], MemoryError> {
        let len = self.count::<T>()?;
        // SAFETY: as in `slice`, and `self` is borrowed exclusively.
        Ok(unsafe { slice::from_raw_parts_mut(self.start.as_ptr().cast(), len) })
    }

    /// `bytes` bytes from `offset` on, for kernels.
    ///
    /// # Panics
    /// When they are not all inside.
    pub fn mem(&self, offset: usize, bytes: usize) -> MemRef {
        let inside = offset.checked_add(bytes).is_some_and(|end| end <= self.len);
        assert!(
            inside,
            "{bytes} bytes at {offset} of a buffer of {}",
            self.len
        );
        // SAFETY: the range is inside memory that `self` owns. The workspace or step that owns it is
        // borrowed exclusively while its kernels run, and the plan keeps what is alive apart.
        unsafe { MemRef::new(self.start.as_ptr().wrapping_add(offset), bytes) }
    }

    fn count<T: Number>(&self) -> Result<usize, MemoryError> {
        match self.len % size_of::<T>() {
            0 => Ok(self.len / size_of::<T>()),
            _ => Err(MemoryError::Uneven {
                bytes: self.len,
                dtype: T::DTYPE,
            }),
        }
    }
}

/// Asks for huge pages for a large buffer: fewer faults when it is first touched, fewer misses afterwards. `anew` gives back
/// what was touched before. Whether the buffer is large; nothing else depends on the answer.
fn huge_pages(start: NonNull<u8>, len: usize, anew: bool) -> bool {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        use rustix::mm::{Advice, madvise};
        /// Size of a huge page in bytes.
        const PAGE: usize = 2 << 20;
        let skip = start.addr().get().wrapping_neg() % PAGE;
        let pages = len.saturating_sub(skip) / PAGE;
        if pages >= 4 {
            let from = start.as_ptr().wrapping_add(skip).cast();
            if anew {
                // SAFETY: the pages are inside of an allocation that the caller holds exclusively; their bytes become zero.
                let _ = unsafe { madvise(from, pages * PAGE, Advice::LinuxDontNeed) };
            }
            // SAFETY: as above; the advice changes no byte.
            let _ = unsafe { madvise(from, pages * PAGE, Advice::LinuxHugepage) };
            return true;
        }
    }
    let _ = (start, len, anew);
    false
}

/// What is asked for to have `len` bytes at [`ALIGN`]. `None` if that is more than an address can count.
fn layout(len: usize) -> Option<Layout> {
    Layout::from_size_align(len.checked_add(ALIGN - ASKED_ALIGN)?, ASKED_ALIGN).ok()
}

impl Drop for AlignedBuf {
    fn drop(&mut self) {
        let layout = layout(self.len).expect("the layout it was allocated with");
        // SAFETY: `shift` bytes before `start` is what the allocator gave for this layout; nothing uses it after the drop.
        unsafe { dealloc(self.start.sub(self.shift).as_ptr(), layout) };
    }
}

impl Clone for AlignedBuf {
    /// # Panics
    /// Ends the process, as `Vec` does, if the memory cannot be had.
    fn clone(&self) -> AlignedBuf {
        AlignedBuf::from_slice(self.bytes())
            .unwrap_or_else(|_| handle_alloc_error(layout(self.len).expect("as large as this one")))
    }
}

impl fmt::Debug for AlignedBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AlignedBuf({} bytes)", self.len)
    }
}

/// `bytes` as a place that kernels read, for a run that ends before the borrow does.
pub(crate) fn lend(bytes: &[u8]) -> MemRef {
    // SAFETY: the run that this is for holds the borrow; the plan lets no kernel write to an input
    // that is not donated.
    unsafe { MemRef::new(bytes.as_ptr().cast_mut(), bytes.len()) }
}

/// `bytes` as a place that kernels write, for a run that ends before the borrow does.
pub(crate) fn lend_mut(bytes: &mut [u8]) -> MemRef {
    // SAFETY: the run that this is for holds the exclusive borrow.
    unsafe { MemRef::new(bytes.as_mut_ptr(), bytes.len()) }
}

/// Copies `from` to the start of `to`; nothing when they are the same memory.
///
/// # Panics
/// When `to` is smaller.
pub(crate) fn copy(from: MemRef, to: MemRef) {
    assert!(
        from.bytes() <= to.bytes(),
        "copy of {} bytes to {}",
        from.bytes(),
        to.bytes()
    );
    // SAFETY: both are memory of the calling run, owned or borrowed, that no kernel uses now; `copy`
    // allows them to overlap.
    unsafe { std::ptr::copy(from.as_ptr(), to.as_ptr(), from.bytes()) };
}

/// A copy of what `from` holds.
pub(crate) fn read(from: MemRef) -> Vec<u8> {
    // SAFETY: memory of the calling run, initialised at its allocation, that no kernel uses now.
    unsafe { slice::from_raw_parts(from.as_ptr(), from.bytes()) }.to_vec()
}

/// Fills `to` with the first bytes of `from`.
///
/// # Panics
/// When `from` is smaller.
pub(crate) fn read_into(to: &mut [u8], from: MemRef) {
    assert!(
        to.len() <= from.bytes(),
        "read of {} bytes from {}",
        to.len(),
        from.bytes()
    );
    // SAFETY: memory of the calling run, initialised at its allocation, that no kernel uses now; `to` is the caller's.
    unsafe { std::ptr::copy(from.as_ptr(), to.as_mut_ptr(), to.len()) };
}

/// Writes `bytes` to the start of `to`.
///
/// # Panics
/// When `to` is smaller.
pub(crate) fn write(to: MemRef, bytes: &[u8]) {
    assert!(
        bytes.len() <= to.bytes(),
        "write of {} bytes to {}",
        bytes.len(),
        to.bytes()
    );
    // SAFETY: memory of the calling run that no kernel uses now; `bytes` is the caller's.
    unsafe { std::ptr::copy(bytes.as_ptr(), to.as_ptr(), bytes.len()) };
}

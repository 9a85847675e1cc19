//! The memory of arrays: owned or lent by the host, and filled once.

use crate::boundary::{Address, bytes_at};
use crate::error::Failure;
use crate::event::Signal;
use craneflow_runtime::arena::{AlignedBuf, MemoryError};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Owned buffers from this size on are kept for arrays of the same size: fresh memory of the system is
/// slow to touch.
const KEPT_FROM: usize = 1 << 16;
/// Bytes that are kept at most.
const KEPT_TOTAL: usize = 256 << 20;

static NOW: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicI64 = AtomicI64::new(0);
static ALLOCATIONS: AtomicI64 = AtomicI64::new(0);
static KEPT: Mutex<Kept> = Mutex::new(Kept {
    bufs: vec![],
    bytes: 0,
});

/// Buffers without a user, the oldest first.
struct Kept {
    bufs: Vec<AlignedBuf>,
    bytes: usize,
}

/// Bytes of arrays in this process.
pub struct Usage {
    /// In use.
    pub now: i64,
    /// The most at one time.
    pub peak: i64,
    /// How often memory was asked for.
    pub allocations: i64,
}

/// Bytes of arrays in this process.
pub fn usage() -> Usage {
    Usage {
        now: NOW.load(Ordering::Relaxed),
        peak: PEAK.load(Ordering::Relaxed),
        allocations: ALLOCATIONS.load(Ordering::Relaxed),
    }
}

/// Memory of our own. What it holds at first is any bytes.
pub struct Owned(Option<AlignedBuf>);

impl Owned {
    /// `len` bytes, aligned to 64.
    pub fn new(len: usize) -> Result<Owned, MemoryError> {
        let buf = match find_kept(len) {
            Some(buf) => buf,
            None => AlignedBuf::zeroed(len)?,
        };
        let now = NOW.fetch_add(len as i64, Ordering::Relaxed) + len as i64;
        PEAK.fetch_max(now, Ordering::Relaxed);
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        Ok(Owned(Some(buf)))
    }

    /// A copy of `bytes`.
    pub fn copy_of(bytes: &[u8]) -> Result<Owned, MemoryError> {
        let mut owned = Owned::new(bytes.len())?;
        owned.bytes_mut().copy_from_slice(bytes);
        Ok(owned)
    }

    /// All bytes.
    pub fn bytes(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], AlignedBuf::bytes)
    }

    /// All bytes, to write.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.as_mut().map_or(&mut [], AlignedBuf::bytes_mut)
    }
}

fn find_kept(len: usize) -> Option<AlignedBuf> {
    if len < KEPT_FROM {
        return None;
    }
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let at = kept.bufs.iter().rposition(|b| b.len() == len)?;
    kept.bytes -= len;
    Some(kept.bufs.remove(at))
}

impl Drop for Owned {
    fn drop(&mut self) {
        let Some(buf) = self.0.take() else { return };
        let len = buf.len();
        NOW.fetch_sub(len as i64, Ordering::Relaxed);
        if !(KEPT_FROM..=KEPT_TOTAL).contains(&len) {
            return;
        }
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes += len;
        kept.bufs.push(buf);
        let mut let_go = vec![];
        while kept.bytes > KEPT_TOTAL {
            kept.bytes -= kept.bufs[0].len();
            let_go.push(kept.bufs.remove(0));
        }
        drop(kept);
    }
}

/// Memory that the host lends until `done` is called.
pub struct Foreign {
    start: Address,
    len: usize,
    done: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl Foreign {
    /// `len` bytes from `start` on, which stay and stay as they are until `done` is called.
    pub fn new(start: Address, len: usize, done: impl FnOnce() + Send + Sync + 'static) -> Foreign {
        Foreign {
            start,
            len,
            done: Some(Box::new(done)),
        }
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            done();
        }
    }
}

/// The elements of an array, dense and row-major.
pub enum Storage {
    /// Memory of our own.
    Owned(Owned),
    /// Memory of the host.
    Foreign(Foreign),
}

impl Storage {
    /// The elements.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Storage::Owned(owned) => owned.bytes(),
            Storage::Foreign(lent) => bytes_at(lent.start.get(), lent.len),
        }
    }
}

/// The place of an array whose elements are there once its signal is done.
pub struct Slot {
    /// Done when the elements are there, or will never be.
    pub signal: Arc<Signal>,
    storage: OnceLock<Storage>,
}

impl Slot {
    /// A place that is filled later.
    pub fn pending(signal: Arc<Signal>) -> Slot {
        Slot {
            signal,
            storage: OnceLock::new(),
        }
    }

    /// Elements that are there.
    pub fn ready(storage: Storage) -> Slot {
        Slot {
            signal: Signal::ready(),
            storage: OnceLock::from(storage),
        }
    }

    /// Puts the elements in; the signal is set by who filled all places that share it.
    pub fn fill(&self, storage: Storage) {
        // Only its one producer fills a place.
        let _ = self.storage.set(storage);
    }

    /// The elements, if the signal is done and well.
    pub fn storage(&self) -> Result<&Storage, Failure> {
        self.signal.outcome().unwrap_or(Ok(()))?;
        let missing = || Failure::Panic("an array was read before it was computed".into());
        self.storage.get().ok_or_else(missing)
    }

    /// The memory, if it is our own.
    pub fn into_owned(self) -> Option<Owned> {
        match self.storage.into_inner() {
            Some(Storage::Owned(owned)) => Some(owned),
            Some(Storage::Foreign(_)) | None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_buffers_are_used_again() {
        let mut first = Owned::new(KEPT_FROM + 64).expect("memory");
        first.bytes_mut()[0] = 7;
        let start = first.bytes().as_ptr().addr();
        drop(first);
        let second = Owned::new(KEPT_FROM + 64).expect("memory");
        assert_eq!(second.bytes().as_ptr().addr(), start);
        assert!(start.is_multiple_of(64));
    }

    #[test]
    fn lent_memory_is_given_back_once_and_never_taken() {
        let told = Arc::new(AtomicI64::new(0));
        let data = [1_u8, 2, 3];
        let count = told.clone();
        let start = Address(data.as_ptr().cast_mut().cast());
        let slot = Slot::ready(Storage::Foreign(Foreign::new(start, 3, move || {
            count.fetch_add(1, Ordering::Relaxed);
        })));
        assert_eq!(slot.storage().expect("is there").bytes(), data);
        assert!(slot.into_owned().is_none());
        assert_eq!(told.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_place_that_failed_has_no_elements() {
        let slot = Slot::pending(Signal::pending());
        slot.signal.set(Err(Failure::Deleted));
        assert!(matches!(slot.storage(), Err(Failure::Deleted)));
    }
}

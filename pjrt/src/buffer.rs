//! Buffers: arrays as C holds them.

use crate::abi::{
    Bool, BufferAddress, BufferCopy, BufferDevice, BufferDims, BufferDynamicDims, BufferElement,
    BufferEvent, BufferFlag, BufferLayout, BufferMemory, BufferOf, BufferRawToHost, BufferSize,
    BufferToHost, Layout, layout,
};
use crate::boundary::{Address, In, Ptr, copy_out};
use crate::client::Shared;
use crate::element::ArrayType;
use crate::error::Failure;
use crate::event::{Event, Signal};
use crate::host;
use crate::storage::{Owned, Slot, Storage};
use std::ffi::c_void;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An array on the device.
pub struct Buffer {
    /// Its type.
    pub ty: Arc<ArrayType>,
    /// The client that it belongs to.
    pub shared: Arc<Shared>,
    held: Mutex<Held>,
    /// Axes from the last to the first, for layouts that C reads.
    minor_to_major: Vec<i64>,
}

struct Held {
    /// The elements, unless the buffer is deleted or given away.
    slot: Option<Arc<Slot>>,
    /// The elements again, as long as someone outside looks at them.
    lent: Option<Arc<Slot>>,
    /// How many do.
    lent_to: usize,
}

impl Buffer {
    /// An array whose elements are or will be in a place.
    pub fn new(shared: Arc<Shared>, ty: Arc<ArrayType>, slot: Arc<Slot>) -> Buffer {
        Buffer {
            minor_to_major: (0..ty.dims.len() as i64).rev().collect(),
            ty,
            shared,
            held: Mutex::new(Held {
                slot: Some(slot),
                lent: None,
                lent_to: 0,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The elements' place; an error when deleted or given away.
    pub fn slot(&self) -> Result<Arc<Slot>, Failure> {
        self.lock().slot.clone().ok_or(Failure::Deleted)
    }

    /// Takes the elements' place away, for good.
    pub fn donate(&self) -> Result<Arc<Slot>, Failure> {
        self.lock().slot.take().ok_or(Failure::Deleted)
    }
}

fn find(buffer: &Ptr<Buffer>) -> Result<&Buffer, Failure> {
    buffer.get("buffer")
}

pub fn destroy(args: &mut BufferOf) -> Result<(), Failure> {
    drop(args.buffer.take());
    Ok(())
}

pub fn element_type(args: &mut BufferElement) -> Result<(), Failure> {
    args.element = find(&args.buffer)?.ty.number;
    Ok(())
}

pub fn dimensions(args: &mut BufferDims) -> Result<(), Failure> {
    let dims = &find(&args.buffer)?.ty.dims;
    (args.dims, args.rank) = (dims.as_ptr(), dims.len());
    Ok(())
}

pub fn dynamic_dimensions(args: &mut BufferDynamicDims) -> Result<(), Failure> {
    (args.dims, args.count) = (std::ptr::null(), 0);
    Ok(())
}

pub fn memory_layout(args: &mut BufferLayout) -> Result<(), Failure> {
    let order = &find(&args.buffer)?.minor_to_major;
    args.layout = Layout {
        struct_size: size_of::<Layout>(),
        extension: std::ptr::null_mut(),
        tiled_size: 7 * size_of::<usize>(),
        tiled_extension: std::ptr::null_mut(),
        minor_to_major: In::of(order),
        rank: order.len(),
        tile_dims: In::of(&[]),
        tile_ranks: In::of(&[]),
        tiles: 0,
        kind: layout::TILED,
    };
    Ok(())
}

pub fn size(args: &mut BufferSize) -> Result<(), Failure> {
    args.bytes = find(&args.buffer)?.ty.bytes;
    Ok(())
}

pub fn device(args: &mut BufferDevice) -> Result<(), Failure> {
    args.device = Ptr::to(&find(&args.buffer)?.shared.hardware.device);
    Ok(())
}

pub fn memory(args: &mut BufferMemory) -> Result<(), Failure> {
    args.memory = Ptr::to(&find(&args.buffer)?.shared.hardware.memory);
    Ok(())
}

pub fn delete(args: &mut BufferOf) -> Result<(), Failure> {
    let slot = find(&args.buffer)?.lock().slot.take();
    drop(slot);
    Ok(())
}

pub fn is_deleted(args: &mut BufferFlag) -> Result<(), Failure> {
    args.flag = Bool::from(find(&args.buffer)?.lock().slot.is_none());
    Ok(())
}

pub fn is_on_cpu(args: &mut BufferFlag) -> Result<(), Failure> {
    args.flag = Bool::from(true);
    Ok(())
}

pub fn ready_event(args: &mut BufferEvent) -> Result<(), Failure> {
    let signal = match find(&args.buffer)?.slot() {
        Ok(slot) => slot.signal.clone(),
        Err(deleted) => {
            let signal = Signal::pending();
            signal.set(Err(deleted));
            signal
        }
    };
    args.event = Event::give(signal);
    Ok(())
}

pub fn copy(args: &mut BufferCopy) -> Result<(), Failure> {
    let buffer = find(&args.buffer)?;
    // There is one device with one memory, and no one writes to an array that others read.
    let slot = buffer.slot()?;
    args.copy = Ptr::give(Buffer::new(buffer.shared.clone(), buffer.ty.clone(), slot));
    Ok(())
}

/// Calls `f` with the elements once they are there, at once if they are; the event is done after it.
fn when_there(
    slot: Arc<Slot>,
    f: impl FnOnce(&[u8]) -> Result<(), Failure> + Send + 'static,
) -> Arc<Signal> {
    if slot.signal.is_done() {
        let outcome = slot.storage().and_then(|s| f(s.bytes()));
        if outcome.is_ok() {
            return Signal::ready();
        }
        let signal = Signal::pending();
        signal.set(outcome);
        return signal;
    }
    let signal = Signal::pending();
    let (done, source) = (signal.clone(), slot.signal.clone());
    source.on_done(Box::new(move |_| {
        let outcome = slot.storage().and_then(|s| f(s.bytes()));
        drop(slot);
        done.set(outcome);
    }));
    signal
}

pub fn to_host(args: &mut BufferToHost) -> Result<(), Failure> {
    let buffer = find(&args.buffer)?;
    let ty = buffer.ty.clone();
    if args.to.is_null() {
        args.bytes = ty.bytes;
        return Ok(());
    }
    let strides = host::strides_of(&ty, args.layout.find())?;
    let (low, high) = host::span(&ty, &strides)?;
    let span = (high - low) as usize;
    if args.bytes < span {
        return Err(Failure::Invalid(format!(
            "{ty} in this layout takes {span} bytes on the host, found {}",
            args.bytes
        )));
    }
    let to = Address(args.to);
    args.event = Event::give(when_there(buffer.slot()?, move |bytes| {
        if host::is_dense(&ty, &strides) {
            copy_out(bytes, to.get());
            return Ok(());
        }
        let mut copy = vec![0; span];
        let target = (&mut copy[..], (-low) as usize, &strides[..]);
        host::copy_strided(&ty, (bytes, 0, &host::dense(&ty)), target);
        copy_out(&copy, to.get());
        Ok(())
    }));
    Ok(())
}

pub fn raw_to_host(args: &mut BufferRawToHost) -> Result<(), Failure> {
    let buffer = find(&args.buffer)?;
    let end = args.offset.checked_add(args.bytes);
    let fits =
        args.offset >= 0 && args.bytes >= 0 && end.is_some_and(|e| e <= buffer.ty.bytes as i64);
    if !fits {
        return Err(Failure::Invalid(format!(
            "{} bytes at {} of {}, which has {}",
            args.bytes, args.offset, buffer.ty, buffer.ty.bytes
        )));
    }
    let range = args.offset as usize..(args.offset + args.bytes) as usize;
    let to = Address(args.to);
    args.event = Event::give(when_there(buffer.slot()?, move |bytes| {
        copy_out(&bytes[range], to.get());
        Ok(())
    }));
    Ok(())
}

/// The address of the elements, waiting for them.
fn address(buffer: &Buffer) -> Result<*mut c_void, Failure> {
    let held = buffer.lock();
    let slot = held.slot.as_ref().or(held.lent.as_ref()).cloned();
    drop(held);
    let slot = slot.ok_or(Failure::Deleted)?;
    slot.signal.wait()?;
    Ok(slot.storage()?.bytes().as_ptr().cast_mut().cast())
}

pub fn unsafe_pointer(args: &mut BufferAddress) -> Result<(), Failure> {
    args.address = address(find(&args.buffer)?)?.addr();
    Ok(())
}

pub fn data_pointer(args: &mut BufferAddress) -> Result<(), Failure> {
    args.address = address(find(&args.buffer)?)?.expose_provenance();
    Ok(())
}

pub fn lend(args: &mut BufferOf) -> Result<(), Failure> {
    let mut held = find(&args.buffer)?.lock();
    if held.lent.is_none() {
        held.lent = Some(held.slot.clone().ok_or(Failure::Deleted)?);
    }
    held.lent_to += 1;
    Ok(())
}

pub fn unlend(args: &mut BufferOf) -> Result<(), Failure> {
    let mut held = find(&args.buffer)?.lock();
    held.lent_to = held.lent_to.saturating_sub(1);
    let last = match held.lent_to {
        0 => held.lent.take(),
        _ => None,
    };
    drop(held);
    drop(last);
    Ok(())
}

/// The elements of a place as memory to write to: the very memory, if no one else looks at it and it is
/// ours, else a copy.
pub fn own(slot: Arc<Slot>) -> Result<Owned, Failure> {
    match Arc::try_unwrap(slot) {
        Ok(slot) => {
            if let Storage::Foreign(_) = slot.storage()? {
                return Ok(Owned::copy_of(slot.storage()?.bytes())?);
            }
            let missing = || Failure::Panic("an array without elements".into());
            slot.into_owned().ok_or_else(missing)
        }
        Err(shared) => Ok(Owned::copy_of(shared.storage()?.bytes())?),
    }
}

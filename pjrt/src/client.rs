//! The client: one device, one worker, the programs compiled so far, and arrays that come from the host.

use crate::abi::{
    BufferFromHost, BufferUninitialized, BufferView, ClientAssignment, ClientCompile, ClientCreate,
    ClientDevices, ClientLookup, ClientMemories, ClientNumber, ClientOf, ClientText, Layout, Text,
    semantics,
};
use crate::boundary::{Address, In, Ptr, bytes_at, put, tell};
use crate::buffer::Buffer;
use crate::compiled::{self, Compiled};
use crate::device::Hardware;
use crate::element::{self, ArrayType};
use crate::error::Failure;
use crate::event::{Event, Signal};
use crate::executable::Loaded;
use crate::saved::Saved;
use crate::storage::{Foreign, Owned, Slot, Storage};
use crate::worker::Worker;
use crate::{host, options};
use craneflow_ir::Graph;
use craneflow_runtime::Options;
use craneflow_runtime::arena::ALIGN;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The name of the platform, unless the variable [`PLATFORM`] says another.
const NAME: &str = "craneflow";
/// Names the platform otherwise. For tests only: as `cpu`, JAX runs its tests of that platform.
const PLATFORM: &str = "CRANEFLOW_PLATFORM_NAME";
/// Most threads that a run uses.
const THREADS: &str = "CRANEFLOW_NUM_THREADS";

/// What C holds of a client.
pub struct Client {
    /// The client itself, which lives as long as anything of it.
    pub shared: Arc<Shared>,
}

/// A client.
pub struct Shared {
    /// Its device.
    pub hardware: Box<Hardware>,
    /// Runs what takes long.
    pub worker: Worker,
    platform: String,
    version: String,
    how: Options,
    /// Programs that someone holds, by their graphs; several where only types of arguments differ.
    programs: Mutex<HashMap<Graph, Vec<Weak<Compiled>>>>,
}

impl Shared {
    fn new() -> Shared {
        let named = std::env::var(PLATFORM).ok().filter(|n| !n.is_empty());
        let platform = named.unwrap_or_else(|| NAME.to_string());
        let threads = std::env::var(THREADS).ok().and_then(|t| t.parse().ok());
        Shared {
            hardware: Hardware::new(&platform),
            worker: Worker::start(),
            platform,
            version: format!("craneflow {}", env!("CARGO_PKG_VERSION")),
            how: Options::with_threads(threads.unwrap_or(0)),
            programs: Mutex::default(),
        }
    }

    /// Reads and compiles a program, unless someone holds the same.
    pub fn compile(&self, saved: Saved<'_>) -> Result<Arc<Compiled>, Failure> {
        let named = options::check(saved.options)?;
        let imported = craneflow_import::stablehlo::import(saved.program)?;
        let key = compiled::key(&imported);
        let same = |c: &Arc<Compiled>| c.is_of(&imported) && c.named == named;
        let programs = || self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = programs().get(&key)
            && let Some(found) = list.iter().filter_map(Weak::upgrade).find(same)
        {
            return Ok(found);
        }
        let made = Compiled::new(imported, saved, named.clone(), self.how.clone())?;
        let made = Arc::new(made);
        let mut programs = programs();
        let list = programs.entry(key).or_default();
        list.retain(|c| c.strong_count() > 0);
        list.push(Arc::downgrade(&made));
        if programs.len().is_power_of_two() {
            programs.retain(|_, list| list.iter().any(|c| c.strong_count() > 0));
        }
        Ok(made)
    }
}

fn find(client: &Ptr<Client>) -> Result<&Arc<Shared>, Failure> {
    Ok(&client.get("client")?.shared)
}

pub fn create(args: &mut ClientCreate) -> Result<(), Failure> {
    let shared = Arc::new(Shared::new());
    args.client = Ptr::give(Client { shared });
    Ok(())
}

pub fn destroy(args: &mut ClientOf) -> Result<(), Failure> {
    drop(args.client.take());
    Ok(())
}

pub fn platform_name(args: &mut ClientText) -> Result<(), Failure> {
    args.text = Text::of(&find(&args.client)?.platform);
    Ok(())
}

pub fn platform_version(args: &mut ClientText) -> Result<(), Failure> {
    args.text = Text::of(&find(&args.client)?.version);
    Ok(())
}

pub fn process_index(args: &mut ClientNumber) -> Result<(), Failure> {
    args.number = 0;
    Ok(())
}

pub fn devices(args: &mut ClientDevices) -> Result<(), Failure> {
    let list = find(&args.client)?.hardware.devices.get();
    args.count = list.map_or(0, |l| l.len());
    args.devices = list.map_or(std::ptr::null(), |l| l.as_ptr());
    Ok(())
}

pub fn memories(args: &mut ClientMemories) -> Result<(), Failure> {
    let list = find(&args.client)?.hardware.device.memories();
    args.count = list.len();
    args.memories = list.as_ptr();
    Ok(())
}

pub fn lookup(args: &mut ClientLookup) -> Result<(), Failure> {
    let shared = find(&args.client)?;
    if args.id != 0 {
        let id = args.id;
        return Err(Failure::Invalid(format!(
            "there is no device {id}; there is device 0"
        )));
    }
    args.device = Ptr::to(&shared.hardware.device);
    Ok(())
}

pub fn assignment(args: &mut ClientAssignment) -> Result<(), Failure> {
    let devices = i64::from(args.replicas) * i64::from(args.partitions);
    if devices != 1 || args.len < 1 {
        return Err(Failure::Invalid(format!(
            "a program for {devices} devices; Craneflow has one"
        )));
    }
    put(args.assignment, 0);
    Ok(())
}

pub fn compile(args: &mut ClientCompile) -> Result<(), Failure> {
    let shared = find(&args.client)?;
    let program = args.program.find().ok_or(Failure::Null("program"))?;
    if program.format.bytes() != b"mlir" {
        let format = String::from_utf8_lossy(program.format.bytes()).into_owned();
        return Err(Failure::Invalid(format!(
            "programs of the format {format:?} are not read, only \"mlir\""
        )));
    }
    let compiled = shared.compile(Saved {
        options: args.options.bytes(),
        program: program.code.bytes(),
        ..Saved::default()
    })?;
    args.executable = Ptr::give(Loaded::new(shared.clone(), compiled));
    Ok(())
}

/// An array type as C describes it, for arrays that are dense and row-major here.
fn array_type(number: u32, dims: In<i64>, rank: usize) -> Result<ArrayType, Failure> {
    ArrayType::new(element::element(number)?, dims.list(rank).to_vec())
}

/// Whether a layout asked for on the device is the one that arrays have here.
fn dense_on_device(ty: &ArrayType, layout: &In<Layout>) -> Result<(), Failure> {
    let strides = host::strides_of(ty, layout.find())?;
    match host::is_dense(ty, &strides) {
        true => Ok(()),
        false => Err(Failure::Unimplemented("a layout other than row-major")),
    }
}

pub fn buffer_from_host(args: &mut BufferFromHost) -> Result<(), Failure> {
    let shared = find(&args.client)?;
    let ty = array_type(args.element, args.dims, args.rank)?;
    dense_on_device(&ty, &args.layout)?;
    let strides = match args.num_strides {
        0 => host::dense(&ty),
        n if n == args.rank => args.strides.list(n).to_vec(),
        n => {
            return Err(Failure::Invalid(format!(
                "{n} strides for an array of {} axes",
                args.rank
            )));
        }
    };
    let data = Address(args.data);
    if data.get().is_null() && ty.bytes > 0 {
        return Err(Failure::Null("data"));
    }
    let stays = matches!(
        args.semantics,
        semantics::ZERO_COPY | semantics::MUTABLE_ZERO_COPY
    );
    let dense = host::is_dense(&ty, &strides);
    let usable = data.get().addr().is_multiple_of(ALIGN) && element::any_bytes(ty.element);
    let (storage, done) = if stays && dense && usable && ty.bytes > 0 {
        let done = Signal::pending();
        let told = done.clone();
        let lent = Foreign::new(data, ty.bytes, move || told.set(Ok(())));
        (Storage::Foreign(lent), done)
    } else {
        (
            Storage::Owned(copy_in(&ty, data, &strides, dense)?),
            Signal::ready(),
        )
    };
    args.done = Event::give(done);
    let slot = Arc::new(Slot::ready(storage));
    args.buffer = Ptr::give(Buffer::new(shared.clone(), Arc::new(ty), slot));
    Ok(())
}

/// A dense copy of an array of the host.
fn copy_in(ty: &ArrayType, data: Address, strides: &[i64], dense: bool) -> Result<Owned, Failure> {
    let mut owned = Owned::new(ty.bytes)?;
    if dense {
        owned
            .bytes_mut()
            .copy_from_slice(bytes_at(data.get(), ty.bytes));
    } else {
        let (low, high) = host::span(ty, strides)?;
        let start = data.get().cast::<u8>().wrapping_offset(low as isize);
        let from = bytes_at(start.cast(), (high - low) as usize);
        let source = (from, (-low) as usize, strides);
        host::copy_strided(ty, source, (owned.bytes_mut(), 0, &host::dense(ty)));
    }
    element::normalise(ty.element, owned.bytes_mut());
    Ok(owned)
}

pub fn view(args: &mut BufferView) -> Result<(), Failure> {
    let shared = find(&args.client)?;
    let ty = array_type(args.element, args.dims, args.rank)?;
    dense_on_device(&ty, &args.layout)?;
    let (data, user, on_delete) = (Address(args.data), Address(args.user), args.on_delete);
    let told = move || {
        if let Some(f) = on_delete {
            tell(f, data.get(), user.get());
        }
    };
    let usable = data.get().addr().is_multiple_of(ALIGN) && element::any_bytes(ty.element);
    let storage = match usable && ty.bytes > 0 {
        true => Storage::Foreign(Foreign::new(data, ty.bytes, told)),
        false => {
            let copy = copy_in(&ty, data, &host::dense(&ty), true)?;
            told();
            Storage::Owned(copy)
        }
    };
    let slot = Arc::new(Slot::ready(storage));
    args.buffer = Ptr::give(Buffer::new(shared.clone(), Arc::new(ty), slot));
    Ok(())
}

pub fn uninitialized(args: &mut BufferUninitialized) -> Result<(), Failure> {
    let shared = find(&args.client)?;
    let ty = array_type(args.element, args.dims, args.rank)?;
    dense_on_device(&ty, &args.layout)?;
    let mut owned = Owned::new(ty.bytes)?;
    element::normalise(ty.element, owned.bytes_mut());
    let slot = Arc::new(Slot::ready(Storage::Owned(owned)));
    args.buffer = Ptr::give(Buffer::new(shared.clone(), Arc::new(ty), slot));
    Ok(())
}

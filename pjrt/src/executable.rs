//! Executables: programs as C holds them, compiled at once or when they have run often enough.

use crate::abi::{
    Deserialize, LoadedBytes, LoadedDevices, LoadedIsDeleted, LoadedLogicalIds, LoadedOf,
    LoadedProgram, LoadedText, LogicalId, NamedValue, ProgramBytes, ProgramCodeSize, ProgramCost,
    ProgramCount, ProgramDims, ProgramMemory, ProgramMemoryKinds, ProgramName, ProgramOf,
    ProgramTypes, Text, named,
};
use crate::boundary::{In, Ptr};
use crate::client::Shared;
use crate::compiled::Compiled;
use crate::device::MEMORY_KIND;
use crate::error::Failure;
use crate::saved::Saved;
use std::ffi::{c_char, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A program, apart from any device.
pub struct Program {
    compiled: Arc<Compiled>,
    facts: Facts,
}

/// What C asks about a program, as lists that live as long as it.
struct Facts {
    types: Vec<u32>,
    dims: Vec<i64>,
    ranks: Vec<usize>,
    kinds: Vec<Kind>,
    kind_sizes: Vec<usize>,
    costs: Vec<NamedValue>,
    names: Vec<String>,
}

/// A pointer to the name of a kind of memory.
#[repr(transparent)]
struct Kind(*const c_char);

// SAFETY: it points to a constant.
unsafe impl Send for Kind {}
// SAFETY: as above.
unsafe impl Sync for Kind {}
// SAFETY: the pointers in its lists point into itself, and nothing in it changes.
unsafe impl Send for Facts {}
// SAFETY: as above.
unsafe impl Sync for Facts {}

impl Program {
    fn new(compiled: Arc<Compiled>) -> Program {
        let outputs = &compiled.outputs;
        let arrays = outputs.len().max(compiled.inputs.len());
        let cost = compiled.cost();
        let names = vec!["flops".to_string(), "bytes accessed".to_string()];
        let values = [cost.operations, cost.bytes];
        let costs = names.iter().zip(values).map(|(name, value)| NamedValue {
            struct_size: size_of::<NamedValue>(),
            extension: std::ptr::null_mut(),
            name: Text::of(name),
            kind: named::FLOAT,
            value: (value as f32).to_bits().into(),
            len: 1,
        });
        let facts = Facts {
            types: outputs.iter().map(|t| t.number).collect(),
            dims: outputs.iter().flat_map(|t| t.dims.clone()).collect(),
            ranks: outputs.iter().map(|t| t.dims.len()).collect(),
            kinds: (0..arrays).map(|_| Kind(MEMORY_KIND.as_ptr())).collect(),
            kind_sizes: vec![MEMORY_KIND.count_bytes(); arrays],
            costs: costs.collect(),
            names,
        };
        debug_assert_eq!(facts.names.len(), facts.costs.len());
        Program { compiled, facts }
    }
}

/// A program on the device, ready to run.
pub struct Loaded {
    /// What runs.
    pub compiled: Arc<Compiled>,
    /// The client that it belongs to.
    pub shared: Arc<Shared>,
    deleted: AtomicBool,
}

impl Loaded {
    /// A program of a client.
    pub fn new(shared: Arc<Shared>, compiled: Arc<Compiled>) -> Loaded {
        Loaded {
            compiled,
            shared,
            deleted: AtomicBool::new(false),
        }
    }

    /// An error when it has been deleted.
    pub fn alive(&self) -> Result<(), Failure> {
        match self.deleted.load(Ordering::Acquire) {
            true => Err(Failure::DeletedExecutable),
            false => Ok(()),
        }
    }
}

fn find(program: &Ptr<Program>) -> Result<&Program, Failure> {
    program.get("executable")
}

fn loaded(executable: &Ptr<Loaded>) -> Result<&Loaded, Failure> {
    executable.get("loaded executable")
}

pub fn destroy(args: &mut ProgramOf) -> Result<(), Failure> {
    drop(args.program.take());
    Ok(())
}

pub fn name(args: &mut ProgramName) -> Result<(), Failure> {
    args.text = Text::of(&find(&args.program)?.compiled.name);
    Ok(())
}

pub fn fingerprint(args: &mut ProgramName) -> Result<(), Failure> {
    args.text = Text::of(find(&args.program)?.compiled.fingerprint());
    Ok(())
}

pub fn one(args: &mut ProgramCount) -> Result<(), Failure> {
    args.count = 1;
    Ok(())
}

pub fn num_outputs(args: &mut ProgramCount) -> Result<(), Failure> {
    args.count = find(&args.program)?.compiled.outputs.len();
    Ok(())
}

pub fn code_size(args: &mut ProgramCodeSize) -> Result<(), Failure> {
    args.bytes = find(&args.program)?.compiled.code_bytes()? as i64;
    Ok(())
}

pub fn cost(args: &mut ProgramCost) -> Result<(), Failure> {
    let costs = &find(&args.program)?.facts.costs;
    (args.properties, args.count) = (costs.as_ptr(), costs.len());
    Ok(())
}

pub fn output_kinds(args: &mut ProgramMemoryKinds) -> Result<(), Failure> {
    let program = find(&args.program)?;
    args.count = program.compiled.outputs.len();
    args.kinds = program.facts.kinds.as_ptr().cast();
    args.sizes = program.facts.kind_sizes.as_ptr();
    Ok(())
}

pub fn parameter_kinds(args: &mut ProgramMemoryKinds) -> Result<(), Failure> {
    let program = find(&args.program)?;
    args.count = program.compiled.inputs.len();
    args.kinds = program.facts.kinds.as_ptr().cast();
    args.sizes = program.facts.kind_sizes.as_ptr();
    Ok(())
}

pub fn output_types(args: &mut ProgramTypes) -> Result<(), Failure> {
    let types = &find(&args.program)?.facts.types;
    (args.types, args.count) = (types.as_ptr(), types.len());
    Ok(())
}

pub fn output_dims(args: &mut ProgramDims) -> Result<(), Failure> {
    let facts = &find(&args.program)?.facts;
    args.count = facts.ranks.len();
    (args.dims, args.ranks) = (facts.dims.as_ptr(), facts.ranks.as_ptr());
    Ok(())
}

pub fn memory(args: &mut ProgramMemory) -> Result<(), Failure> {
    let compiled = &find(&args.program)?.compiled;
    let memory = compiled.memory()?;
    args.code = compiled.code_bytes()? as i64;
    args.arguments = memory.arguments as i64;
    args.outputs = memory.outputs as i64;
    args.aliased = memory.aliased as i64;
    args.temporary = memory.temporary as i64;
    args.peak = memory.peak as i64;
    args.total = memory.peak as i64;
    Ok(())
}

/// Hands bytes over to C, which gives them back through a function.
fn give_bytes(bytes: Vec<u8>) -> (Text, *mut c_void, Option<unsafe extern "C" fn(*mut c_void)>) {
    unsafe extern "C" fn free(holder: *mut c_void) {
        drop(Ptr::<Vec<u8>>::from_raw(holder.cast()).take());
    }
    let holder = Ptr::give(bytes);
    let text = holder.find().map_or(Text::of([]), Text::of);
    (text, holder.as_ptr().cast(), Some(free))
}

pub fn serialize(args: &mut ProgramBytes) -> Result<(), Failure> {
    let compiled = &find(&args.program)?.compiled;
    (args.bytes, args.holder, args.deleter) = give_bytes(compiled.save()?);
    Ok(())
}

pub fn compile_options(args: &mut ProgramBytes) -> Result<(), Failure> {
    let compiled = &find(&args.program)?.compiled;
    (args.bytes, args.holder, args.deleter) = give_bytes(compiled.options.clone());
    Ok(())
}

pub fn deserialize(args: &mut Deserialize) -> Result<(), Failure> {
    let shared = &args.client.get("client")?.shared;
    let mut saved = Saved::read(args.bytes.bytes())?;
    if !args.options.bytes().is_empty() {
        saved.options = args.options.bytes();
    }
    let compiled = shared.compile(saved)?;
    args.executable = Ptr::give(Loaded::new(shared.clone(), compiled));
    Ok(())
}

pub fn loaded_destroy(args: &mut LoadedOf) -> Result<(), Failure> {
    drop(args.executable.take());
    Ok(())
}

pub fn loaded_program(args: &mut LoadedProgram) -> Result<(), Failure> {
    let executable = loaded(&args.executable)?;
    args.program = Ptr::give(Program::new(executable.compiled.clone()));
    Ok(())
}

pub fn loaded_devices(args: &mut LoadedDevices) -> Result<(), Failure> {
    let devices = loaded(&args.executable)?.shared.hardware.devices.get();
    args.count = devices.map_or(0, |d| d.len());
    args.devices = devices.map_or(std::ptr::null(), |d| d.as_ptr());
    Ok(())
}

pub fn loaded_delete(args: &mut LoadedOf) -> Result<(), Failure> {
    loaded(&args.executable)?
        .deleted
        .store(true, Ordering::Release);
    Ok(())
}

pub fn loaded_is_deleted(args: &mut LoadedIsDeleted) -> Result<(), Failure> {
    args.is_deleted = loaded(&args.executable)?.alive().is_err().into();
    Ok(())
}

pub fn loaded_fingerprint(args: &mut LoadedText) -> Result<(), Failure> {
    args.text = Text::of(loaded(&args.executable)?.compiled.fingerprint());
    Ok(())
}

pub fn loaded_assignment(args: &mut LoadedBytes) -> Result<(), Failure> {
    /// `DeviceAssignmentProto`: one replica and one computation, on device 0.
    const ONE_DEVICE: [u8; 9] = [8, 1, 16, 1, 26, 3, 10, 1, 0];
    unsafe extern "C" fn nothing(_: *mut c_void) {}
    args.bytes = Text {
        data: In::of(const { &ONE_DEVICE }),
        len: ONE_DEVICE.len(),
    };
    args.holder = std::ptr::null_mut();
    args.deleter = Some(nothing);
    Ok(())
}

pub fn loaded_logical_ids(args: &mut LoadedLogicalIds) -> Result<(), Failure> {
    const FIRST: [LogicalId; 1] = [LogicalId {
        replica: 0,
        partition: 0,
    }];
    args.ids = const { &FIRST }.as_ptr();
    args.count = FIRST.len();
    Ok(())
}

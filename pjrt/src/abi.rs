//! The C API of PJRT as Rust types: layouts, numbers and order of functions of version 0.112.
//!
//! The interface is that of `xla/pjrt/c/pjrt_c_api.h`, copyright The OpenXLA Authors, Apache License 2.0.
//! Every struct begins with its size as the caller knows it and a pointer to extensions. Fields named
//! after what they hold are read or written as the function's name says.

use crate::boundary::{Args, ErrorObject, In, Ptr};
use crate::buffer::Buffer;
use crate::client::Client;
use crate::device::{Description, Device, Memory};
use crate::event::Event;
use crate::executable::{Loaded, Program};
use std::ffi::{c_char, c_int, c_void};

/// Version of the interface: the major number must be 0.
pub const VERSION: (c_int, c_int) = (0, 112);

/// A truth value of C: what callers leave in fields that they want written need not be 0 or 1.
pub type Bool = u8;

/// Frees what a function gave to its caller.
pub type Deleter = Option<unsafe extern "C" fn(*mut c_void)>;

/// What an event calls when it is done.
pub type OnReady = unsafe extern "C" fn(Ptr<ErrorObject>, *mut c_void);

/// What is called when memory that a buffer borrows is free again.
pub type OnDelete = unsafe extern "C" fn(*mut c_void, *mut c_void);

/// A string that is not zero-terminated.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text {
    /// Its bytes.
    pub data: In<u8>,
    /// How many.
    pub len: usize,
}

macro_rules! structs {
    ($($(#[$meta:meta])* $Name:ident { $($field:ident: $T:ty),* $(,)? })*) => { $(
        $(#[$meta])*
        #[doc = concat!("Arguments of `", stringify!($Name), "`.")]
        #[repr(C)]
        #[derive(Clone, Copy)]
        #[allow(missing_docs)]
        pub struct $Name {
            pub struct_size: usize,
            pub extension: *mut c_void,
            $(pub $field: $T,)*
        }
        // SAFETY: `repr(C)`, and every field is a number or a pointer, for which zero is a value.
        unsafe impl Args for $Name {}
    )* };
}

structs! {
    // Errors and events.
    ErrorDestroy { error: Ptr<ErrorObject> }
    ErrorMessage { error: Ptr<ErrorObject>, message: Text }
    ErrorGetCode { error: Ptr<ErrorObject>, code: u32 }
    ErrorForEachPayload { error: Ptr<ErrorObject>, visitor: *mut c_void, user: *mut c_void }
    EventOf { event: Ptr<Event> }
    EventIsReady { event: Ptr<Event>, is_ready: Bool }
    EventOnReady { event: Ptr<Event>, callback: Option<OnReady>, user: *mut c_void }
    EventSet { event: Ptr<Event>, code: u32, message: Text }

    // Plugin and client.
    Nothing {}
    PluginAttributes { attributes: *const NamedValue, count: usize }
    NamedValue { name: Text, kind: u32, value: u64, len: usize }
    ClientCreate {
        options: In<NamedValue>, num_options: usize,
        get: *mut c_void, get_user: *mut c_void, put: *mut c_void, put_user: *mut c_void,
        client: Ptr<Client>,
    }
    ClientOf { client: Ptr<Client> }
    ClientText { client: Ptr<Client>, text: Text }
    ClientNumber { client: Ptr<Client>, number: c_int }
    ClientDevices { client: Ptr<Client>, devices: *const Ptr<Device>, count: usize }
    ClientMemories { client: Ptr<Client>, memories: *const Ptr<Memory>, count: usize }
    ClientLookup { client: Ptr<Client>, id: c_int, device: Ptr<Device> }
    ClientAssignment {
        client: Ptr<Client>, replicas: c_int, partitions: c_int, len: usize, assignment: *mut c_int,
    }
    ClientCompile {
        client: Ptr<Client>, program: In<ProgramText>, options: Text, executable: Ptr<Loaded>,
    }
    ProgramText { code: Text, format: Text }
    BufferFromHost {
        client: Ptr<Client>, data: *mut c_void, element: u32, dims: In<i64>, rank: usize,
        strides: In<i64>, num_strides: usize, semantics: u32, device: Ptr<Device>,
        memory: Ptr<Memory>, layout: In<Layout>, done: Ptr<Event>, buffer: Ptr<Buffer>,
    }
    BufferView {
        client: Ptr<Client>, data: *mut c_void, dims: In<i64>, rank: usize, element: u32,
        layout: In<Layout>, device: Ptr<Device>, on_delete: Option<OnDelete>,
        user: *mut c_void, stream: isize, buffer: Ptr<Buffer>, memory: Ptr<Memory>,
    }
    BufferUninitialized {
        client: Ptr<Client>, dims: In<i64>, rank: usize, element: u32, layout: In<Layout>,
        device: Ptr<Device>, memory: Ptr<Memory>, buffer: Ptr<Buffer>,
    }

    // Devices and memories.
    DescriptionNumber { description: Ptr<Description>, number: c_int }
    DescriptionText { description: Ptr<Description>, text: Text }
    DescriptionAttributes { description: Ptr<Description>, count: usize, attributes: *const NamedValue }
    DeviceDescription { device: Ptr<Device>, description: Ptr<Description> }
    DeviceIsAddressable { device: Ptr<Device>, is_addressable: Bool }
    DeviceNumber { device: Ptr<Device>, number: c_int }
    DeviceMemories { device: Ptr<Device>, memories: *const Ptr<Memory>, count: usize }
    DeviceDefaultMemory { device: Ptr<Device>, memory: Ptr<Memory> }
    DeviceMemoryStats {
        device: Ptr<Device>, in_use: i64, peak: i64, peak_set: Bool, allocations: i64,
        allocations_set: Bool, largest: i64, largest_set: Bool, limit: i64, limit_set: Bool,
        reserved: i64, reserved_set: Bool, peak_reserved: i64, peak_reserved_set: Bool,
        reservable: i64, reservable_set: Bool, free_block: i64, free_block_set: Bool,
        pool: i64, pool_set: Bool, peak_pool: i64, peak_pool_set: Bool,
    }
    DeviceAttributes {
        device: Ptr<Device>, attributes: *const NamedValue, count: usize, holder: *mut c_void,
        deleter: Deleter,
    }
    MemoryNumber { memory: Ptr<Memory>, number: c_int }
    MemoryText { memory: Ptr<Memory>, text: Text }
    MemoryDevices { memory: Ptr<Memory>, devices: *const Ptr<Device>, count: usize }

    // Executables.
    ProgramOf { program: Ptr<Program> }
    ProgramName { program: Ptr<Program>, text: Text }
    ProgramCount { program: Ptr<Program>, count: usize }
    ProgramCodeSize { program: Ptr<Program>, bytes: i64 }
    ProgramCost { program: Ptr<Program>, count: usize, properties: *const NamedValue }
    ProgramMemoryKinds {
        program: Ptr<Program>, count: usize, kinds: *const *const c_char, sizes: *const usize,
    }
    ProgramTypes { program: Ptr<Program>, types: *const u32, count: usize }
    ProgramDims { program: Ptr<Program>, count: usize, dims: *const i64, ranks: *const usize }
    ProgramMemory {
        program: Ptr<Program>, code: i64, arguments: i64, outputs: i64, aliased: i64, temporary: i64,
        host_code: i64, host_arguments: i64, host_outputs: i64, host_aliased: i64,
        host_temporary: i64, peak: i64, total: i64,
    }
    ProgramBytes {
        program: Ptr<Program>, bytes: Text, holder: *mut c_void, deleter: Deleter,
    }
    Deserialize {
        client: Ptr<Client>, bytes: Text, executable: Ptr<Loaded>, options: Text,
    }
    LoadedOf { executable: Ptr<Loaded> }
    LoadedProgram { executable: Ptr<Loaded>, program: Ptr<Program> }
    LoadedDevices { executable: Ptr<Loaded>, devices: *const Ptr<Device>, count: usize }
    LoadedIsDeleted { executable: Ptr<Loaded>, is_deleted: Bool }
    LoadedText { executable: Ptr<Loaded>, text: Text }
    LoadedBytes { executable: Ptr<Loaded>, bytes: Text, holder: *mut c_void, deleter: Deleter }
    LoadedLogicalIds { executable: Ptr<Loaded>, ids: *const LogicalId, count: usize }
    Execute {
        executable: Ptr<Loaded>, options: In<ExecuteOptions>, arguments: In<In<Ptr<Buffer>>>,
        num_devices: usize, num_args: usize, outputs: In<*mut Ptr<Buffer>>,
        complete: *mut Ptr<Event>, device: Ptr<Device>,
    }
    ExecuteOptions {
        send: *mut c_void, recv: *mut c_void, num_send: usize, num_recv: usize, launch: c_int,
        kept: In<i64>, num_kept: usize,
    }

    // Buffers.
    BufferOf { buffer: Ptr<Buffer> }
    BufferElement { buffer: Ptr<Buffer>, element: u32 }
    BufferDims { buffer: Ptr<Buffer>, dims: *const i64, rank: usize }
    BufferDynamicDims { buffer: Ptr<Buffer>, dims: *const usize, count: usize }
    BufferLayout { buffer: Ptr<Buffer>, layout: Layout }
    Layout {
        tiled_size: usize, tiled_extension: *mut c_void, minor_to_major: In<i64>, rank: usize,
        tile_dims: In<i64>, tile_ranks: In<usize>, tiles: usize, kind: u32,
    }
    BufferSize { buffer: Ptr<Buffer>, bytes: usize }
    BufferDevice { buffer: Ptr<Buffer>, device: Ptr<Device> }
    BufferMemory { buffer: Ptr<Buffer>, memory: Ptr<Memory> }
    BufferFlag { buffer: Ptr<Buffer>, flag: Bool }
    BufferCopy { buffer: Ptr<Buffer>, to: *mut c_void, copy: Ptr<Buffer> }
    BufferToHost {
        buffer: Ptr<Buffer>, layout: In<Layout>, to: *mut c_void, bytes: usize, event: Ptr<Event>,
    }
    BufferRawToHost {
        buffer: Ptr<Buffer>, to: *mut c_void, offset: i64, bytes: i64, event: Ptr<Event>,
    }
    BufferEvent { buffer: Ptr<Buffer>, event: Ptr<Event> }
    BufferAddress { buffer: Ptr<Buffer>, address: usize }
}

/// Where a device stands in a computation over several.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub struct LogicalId {
    pub replica: c_int,
    pub partition: c_int,
}

/// Kinds of [`NamedValue`]; `value` holds the number, or a pointer to what is longer.
pub mod named {
    /// A pointer to integers.
    pub const INTS: u32 = 2;
    /// An `f32`, in the lower half.
    pub const FLOAT: u32 = 3;
}

/// How [`Layout`] describes a layout.
pub mod layout {
    /// By the order of axes, and tiles.
    pub const TILED: u32 = 0;
    /// By strides in bytes, found in the fields `minor_to_major` and `rank`.
    pub const STRIDES: u32 = 1;
}

/// What the caller promises of the memory of [`BufferFromHost`]; by any other number, nothing after the call.
pub mod semantics {
    /// It stays, and stays as it is, until the event `done`: the buffer may be that memory.
    pub const ZERO_COPY: u32 = 2;
    /// The same, and the buffer may change it.
    pub const MUTABLE_ZERO_COPY: u32 = 3;
}

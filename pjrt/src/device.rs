//! The one device, its memory, and what there is to say of them.

use crate::abi::{
    Bool, DescriptionAttributes, DescriptionNumber, DescriptionText, DeviceAttributes,
    DeviceDefaultMemory, DeviceDescription, DeviceIsAddressable, DeviceMemories, DeviceMemoryStats,
    DeviceNumber, MemoryDevices, MemoryNumber, MemoryText, Text,
};
use crate::boundary::{Address, Ptr};
use crate::error::Failure;
use crate::storage;
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr;
use std::sync::{Mutex, OnceLock, PoisonError};

/// The kind of memory that buffers are in.
pub const MEMORY_KIND: &std::ffi::CStr = c"device";

/// The device and its memory, which refer to each other.
pub struct Hardware {
    /// The device.
    pub device: Device,
    /// Its memory.
    pub memory: Memory,
    /// All devices, as lists for C.
    pub devices: OnceLock<[Ptr<Device>; 1]>,
}

/// What is known of a device without having it.
pub struct Description {
    kind: String,
    text: String,
    debug: String,
}

/// A device: this machine's processor.
pub struct Device {
    description: Description,
    memories: OnceLock<[Ptr<Memory>; 1]>,
}

/// The memory of the device. C finds the table of functions in its first word.
#[repr(C)]
pub struct Memory {
    table: &'static MemoryTable,
    /// What users left here under their keys.
    user: Mutex<HashMap<usize, UserData>>,
    devices: OnceLock<[Ptr<Device>; 1]>,
    text: String,
}

struct UserData {
    data: Address,
    free: Option<unsafe extern "C" fn(*mut c_void)>,
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(free) = self.free {
            // SAFETY: the caller left data and the function that frees it, to be called once.
            unsafe { free(self.data.get()) }
        }
    }
}

#[repr(C)]
struct MemoryTable {
    struct_size: usize,
    extension: Address,
    instance_size: usize,
    get: unsafe extern "C" fn(Ptr<Memory>, Address) -> Address,
    set: unsafe extern "C" fn(
        Ptr<Memory>,
        Address,
        Address,
        Option<unsafe extern "C" fn(*mut c_void)>,
    ),
}

static MEMORY_TABLE: MemoryTable = {
    unsafe extern "C" fn get(memory: Ptr<Memory>, key: Address) -> Address {
        let Some(memory) = memory.find() else {
            return Address(ptr::null_mut());
        };
        let user = memory.user.lock().unwrap_or_else(PoisonError::into_inner);
        (user.get(&key.get().addr())).map_or(Address(ptr::null_mut()), |u| u.data)
    }
    unsafe extern "C" fn set(
        memory: Ptr<Memory>,
        key: Address,
        data: Address,
        free: Option<unsafe extern "C" fn(*mut c_void)>,
    ) {
        if let Some(memory) = memory.find() {
            let mut user = memory.user.lock().unwrap_or_else(PoisonError::into_inner);
            let old = match data.get().is_null() {
                true => user.remove(&key.get().addr()),
                false => user.insert(key.get().addr(), UserData { data, free }),
            };
            drop(user);
            drop(old);
        }
    }
    MemoryTable {
        struct_size: size_of::<MemoryTable>(),
        extension: Address(ptr::null_mut()),
        instance_size: size_of::<usize>(),
        get,
        set,
    }
};

impl Hardware {
    /// The device of a platform.
    pub fn new(platform: &str) -> Box<Hardware> {
        let threads = craneflow_runtime::threads::cores();
        let hardware = Box::new(Hardware {
            device: Device {
                description: Description {
                    kind: platform.to_string(),
                    text: format!("{platform}:0"),
                    debug: format!("{platform}:0, {threads} threads"),
                },
                memories: OnceLock::new(),
            },
            memory: Memory {
                table: &MEMORY_TABLE,
                user: Mutex::default(),
                devices: OnceLock::new(),
                text: format!("{platform} memory"),
            },
            devices: OnceLock::new(),
        });
        let (device, memory) = (Ptr::to(&hardware.device), Ptr::to(&hardware.memory));
        hardware.devices.get_or_init(|| [device]);
        hardware.memory.devices.get_or_init(|| [device]);
        hardware.device.memories.get_or_init(|| [memory]);
        hardware
    }
}

impl Device {
    /// Its memories, as a list for C.
    pub fn memories(&self) -> &[Ptr<Memory>] {
        self.memories.get().map_or(&[], |l| l)
    }
}

pub fn description_id(args: &mut DescriptionNumber) -> Result<(), Failure> {
    args.number = 0;
    Ok(())
}

pub fn description_process(args: &mut DescriptionNumber) -> Result<(), Failure> {
    args.number = 0;
    Ok(())
}

pub fn description_attributes(args: &mut DescriptionAttributes) -> Result<(), Failure> {
    (args.attributes, args.count) = (ptr::null(), 0);
    Ok(())
}

pub fn description_kind(args: &mut DescriptionText) -> Result<(), Failure> {
    args.text = Text::of(&args.description.get("device description")?.kind);
    Ok(())
}

pub fn description_debug(args: &mut DescriptionText) -> Result<(), Failure> {
    args.text = Text::of(&args.description.get("device description")?.debug);
    Ok(())
}

pub fn description_text(args: &mut DescriptionText) -> Result<(), Failure> {
    args.text = Text::of(&args.description.get("device description")?.text);
    Ok(())
}

pub fn description(args: &mut DeviceDescription) -> Result<(), Failure> {
    args.description = Ptr::to(&args.device.get("device")?.description);
    Ok(())
}

pub fn is_addressable(args: &mut DeviceIsAddressable) -> Result<(), Failure> {
    args.is_addressable = Bool::from(true);
    Ok(())
}

pub fn local_id(args: &mut DeviceNumber) -> Result<(), Failure> {
    args.number = 0;
    Ok(())
}

pub fn memories(args: &mut DeviceMemories) -> Result<(), Failure> {
    let list = args.device.get("device")?.memories();
    (args.memories, args.count) = (list.as_ptr(), list.len());
    Ok(())
}

pub fn default_memory(args: &mut DeviceDefaultMemory) -> Result<(), Failure> {
    let list = args.device.get("device")?.memories();
    args.memory = list.first().copied().unwrap_or(Ptr::NULL);
    Ok(())
}

pub fn memory_stats(args: &mut DeviceMemoryStats) -> Result<(), Failure> {
    args.device.get("device")?;
    let usage = storage::usage();
    args.in_use = usage.now;
    (args.peak, args.peak_set) = (usage.peak, 1);
    (args.allocations, args.allocations_set) = (usage.allocations, 1);
    Ok(())
}

pub fn attributes(args: &mut DeviceAttributes) -> Result<(), Failure> {
    unsafe extern "C" fn nothing(_: *mut c_void) {}
    (args.attributes, args.count) = (ptr::null(), 0);
    args.holder = ptr::null_mut();
    args.deleter = Some(nothing);
    Ok(())
}

pub fn memory_id(args: &mut MemoryNumber) -> Result<(), Failure> {
    args.number = 0;
    Ok(())
}

pub fn memory_kind_id(args: &mut MemoryNumber) -> Result<(), Failure> {
    args.number = 0;
    Ok(())
}

pub fn memory_kind(args: &mut MemoryText) -> Result<(), Failure> {
    args.text = Text::of(MEMORY_KIND.to_bytes());
    Ok(())
}

pub fn memory_text(args: &mut MemoryText) -> Result<(), Failure> {
    args.text = Text::of(&args.memory.get("memory")?.text);
    Ok(())
}

pub fn memory_devices(args: &mut MemoryDevices) -> Result<(), Failure> {
    let list = args.memory.get("memory")?.devices.get();
    args.count = list.map_or(0, |l| l.len());
    args.devices = list.map_or(ptr::null(), |l| l.as_ptr());
    Ok(())
}

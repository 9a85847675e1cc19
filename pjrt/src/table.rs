//! The table of functions that the C API consists of, in its order. What has no function here answers that
//! it is not implemented, with its name.

use crate::abi::VERSION;
use crate::boundary::{Address, ErrorObject, call};
use crate::error::Failure;
use crate::{buffer, client, device, errors, event, executable, execute, plugin};
use std::ffi::{c_int, c_void};
use std::ptr;

type Function = unsafe extern "C" fn(*mut c_void) -> *mut ErrorObject;

/// The table as C reads it.
#[repr(C)]
pub struct Api {
    struct_size: usize,
    extension: Address,
    version: Version,
    functions: [Function; FUNCTIONS.len()],
}

#[repr(C)]
struct Version {
    struct_size: usize,
    extension: Address,
    major: c_int,
    minor: c_int,
}

/// The table of this plugin.
pub static API: Api = Api {
    struct_size: size_of::<Api>(),
    extension: Address(ptr::null_mut()),
    version: Version {
        struct_size: size_of::<Version>(),
        extension: Address(ptr::null_mut()),
        major: VERSION.0,
        minor: VERSION.1,
    },
    functions: FUNCTIONS,
};

macro_rules! table {
    ($($name:ident $(=> $module:ident::$function:ident)?),* $(,)?) => {
        const FUNCTIONS: [Function; [$(stringify!($name)),*].len()] = [
            $(table!(@entry $name $($module::$function)?)),*
        ];
    };
    (@entry $name:ident $module:ident::$function:ident) => {{
        unsafe extern "C" fn entry(args: *mut c_void) -> *mut ErrorObject {
            // SAFETY: the caller passes the struct that belongs to this place of the table.
            unsafe { call(args, $module::$function) }
        }
        entry as Function
    }};
    (@entry $name:ident) => {{
        unsafe extern "C" fn entry(_: *mut c_void) -> *mut ErrorObject {
            ErrorObject::give(Failure::Unimplemented(stringify!($name))).as_ptr()
        }
        entry as Function
    }};
}

table! {
    PJRT_Error_Destroy => errors::destroy,
    PJRT_Error_Message => errors::message,
    PJRT_Error_GetCode => errors::code,
    PJRT_Plugin_Initialize => plugin::initialize,
    PJRT_Plugin_Attributes => plugin::attributes,
    PJRT_Event_Destroy => event::destroy,
    PJRT_Event_IsReady => event::is_ready,
    PJRT_Event_Error => event::error,
    PJRT_Event_Await => event::wait,
    PJRT_Event_OnReady => event::on_ready,
    PJRT_Client_Create => client::create,
    PJRT_Client_Destroy => client::destroy,
    PJRT_Client_PlatformName => client::platform_name,
    PJRT_Client_ProcessIndex => client::process_index,
    PJRT_Client_PlatformVersion => client::platform_version,
    PJRT_Client_Devices => client::devices,
    PJRT_Client_AddressableDevices => client::devices,
    PJRT_Client_LookupDevice => client::lookup,
    PJRT_Client_LookupAddressableDevice => client::lookup,
    PJRT_Client_AddressableMemories => client::memories,
    PJRT_Client_Compile => client::compile,
    PJRT_Client_DefaultDeviceAssignment => client::assignment,
    PJRT_Client_BufferFromHostBuffer => client::buffer_from_host,
    PJRT_DeviceDescription_Id => device::description_id,
    PJRT_DeviceDescription_ProcessIndex => device::description_process,
    PJRT_DeviceDescription_Attributes => device::description_attributes,
    PJRT_DeviceDescription_Kind => device::description_kind,
    PJRT_DeviceDescription_DebugString => device::description_debug,
    PJRT_DeviceDescription_ToString => device::description_text,
    PJRT_Device_GetDescription => device::description,
    PJRT_Device_IsAddressable => device::is_addressable,
    PJRT_Device_LocalHardwareId => device::local_id,
    PJRT_Device_AddressableMemories => device::memories,
    PJRT_Device_DefaultMemory => device::default_memory,
    PJRT_Device_MemoryStats => device::memory_stats,
    PJRT_Memory_Id => device::memory_id,
    PJRT_Memory_Kind => device::memory_kind,
    PJRT_Memory_DebugString => device::memory_text,
    PJRT_Memory_ToString => device::memory_text,
    PJRT_Memory_AddressableByDevices => device::memory_devices,
    PJRT_Executable_Destroy => executable::destroy,
    PJRT_Executable_Name => executable::name,
    PJRT_Executable_NumReplicas => executable::one,
    PJRT_Executable_NumPartitions => executable::one,
    PJRT_Executable_NumOutputs => executable::num_outputs,
    PJRT_Executable_SizeOfGeneratedCodeInBytes => executable::code_size,
    PJRT_Executable_GetCostAnalysis => executable::cost,
    PJRT_Executable_OutputMemoryKinds => executable::output_kinds,
    PJRT_Executable_OptimizedProgram,
    PJRT_Executable_Serialize => executable::serialize,
    PJRT_LoadedExecutable_Destroy => executable::loaded_destroy,
    PJRT_LoadedExecutable_GetExecutable => executable::loaded_program,
    PJRT_LoadedExecutable_AddressableDevices => executable::loaded_devices,
    PJRT_LoadedExecutable_Delete => executable::loaded_delete,
    PJRT_LoadedExecutable_IsDeleted => executable::loaded_is_deleted,
    PJRT_LoadedExecutable_Execute => execute::execute,
    PJRT_Executable_DeserializeAndLoad => executable::deserialize,
    PJRT_LoadedExecutable_Fingerprint => executable::loaded_fingerprint,
    PJRT_Buffer_Destroy => buffer::destroy,
    PJRT_Buffer_ElementType => buffer::element_type,
    PJRT_Buffer_Dimensions => buffer::dimensions,
    PJRT_Buffer_UnpaddedDimensions => buffer::dimensions,
    PJRT_Buffer_DynamicDimensionIndices => buffer::dynamic_dimensions,
    PJRT_Buffer_GetMemoryLayout => buffer::memory_layout,
    PJRT_Buffer_OnDeviceSizeInBytes => buffer::size,
    PJRT_Buffer_Device => buffer::device,
    PJRT_Buffer_Memory => buffer::memory,
    PJRT_Buffer_Delete => buffer::delete,
    PJRT_Buffer_IsDeleted => buffer::is_deleted,
    PJRT_Buffer_CopyToDevice => buffer::copy,
    PJRT_Buffer_ToHostBuffer => buffer::to_host,
    PJRT_Buffer_IsOnCpu => buffer::is_on_cpu,
    PJRT_Buffer_ReadyEvent => buffer::ready_event,
    PJRT_Buffer_UnsafePointer => buffer::unsafe_pointer,
    PJRT_Buffer_IncreaseExternalReferenceCount => buffer::lend,
    PJRT_Buffer_DecreaseExternalReferenceCount => buffer::unlend,
    PJRT_Buffer_OpaqueDeviceMemoryDataPointer => buffer::data_pointer,
    PJRT_CopyToDeviceStream_Destroy,
    PJRT_CopyToDeviceStream_AddChunk,
    PJRT_CopyToDeviceStream_TotalBytes,
    PJRT_CopyToDeviceStream_GranuleSize,
    PJRT_CopyToDeviceStream_CurrentBytes,
    PJRT_TopologyDescription_Create,
    PJRT_TopologyDescription_Destroy,
    PJRT_TopologyDescription_PlatformName,
    PJRT_TopologyDescription_PlatformVersion,
    PJRT_TopologyDescription_GetDeviceDescriptions,
    PJRT_TopologyDescription_Serialize,
    PJRT_TopologyDescription_Attributes,
    PJRT_Compile,
    PJRT_Executable_OutputElementTypes => executable::output_types,
    PJRT_Executable_OutputDimensions => executable::output_dims,
    PJRT_Buffer_CopyToMemory => buffer::copy,
    PJRT_Client_CreateViewOfDeviceBuffer => client::view,
    PJRT_Executable_Fingerprint => executable::fingerprint,
    PJRT_Client_TopologyDescription,
    PJRT_Executable_GetCompiledMemoryStats => executable::memory,
    PJRT_Memory_Kind_Id => device::memory_kind_id,
    PJRT_ExecuteContext_Create,
    PJRT_ExecuteContext_Destroy,
    PJRT_Buffer_CopyRawToHost => buffer::raw_to_host,
    PJRT_AsyncHostToDeviceTransferManager_Destroy,
    PJRT_AsyncHostToDeviceTransferManager_TransferData,
    PJRT_Client_CreateBuffersForAsyncHostToDevice,
    PJRT_AsyncHostToDeviceTransferManager_RetrieveBuffer,
    PJRT_AsyncHostToDeviceTransferManager_Device,
    PJRT_AsyncHostToDeviceTransferManager_BufferCount,
    PJRT_AsyncHostToDeviceTransferManager_BufferSize,
    PJRT_AsyncHostToDeviceTransferManager_SetBufferError,
    PJRT_AsyncHostToDeviceTransferManager_AddMetadata,
    PJRT_Client_DmaMap,
    PJRT_Client_DmaUnmap,
    PJRT_Client_CreateUninitializedBuffer => client::uninitialized,
    PJRT_Client_UpdateGlobalProcessInfo,
    PJRT_TopologyDescription_Deserialize,
    PJRT_Client_CreateAliasBuffer,
    PJRT_Client_FulfillAliasBuffer,
    PJRT_LoadedExecutable_GetDeviceAssignment => executable::loaded_assignment,
    PJRT_Client_CreateErrorBuffer,
    PJRT_AsyncHostToDeviceTransferManager_TransferLiteral,
    PJRT_Buffer_CopyRawToHostFuture,
    PJRT_Device_PoisonExecution,
    PJRT_Device_CreateAsyncTrackingEvent,
    PJRT_AsyncTrackingEvent_Destroy,
    PJRT_Executable_GetCompileOptions => executable::compile_options,
    PJRT_Buffer_DonateWithControlDependency,
    PJRT_Event_Create => event::create,
    PJRT_Event_Set => event::set,
    PJRT_Device_GetAttributes => device::attributes,
    PJRT_Client_Load,
    PJRT_LoadedExecutable_AddressableDeviceLogicalIds => executable::loaded_logical_ids,
    PJRT_Buffer_Bitcast,
    PJRT_Error_ForEachPayload => errors::payloads,
    PJRT_TopologyDescription_Fingerprint,
    PJRT_Executable_ParameterMemoryKinds => executable::parameter_kinds,
    PJRT_Device_ClearMemoryStats,
    PJRT_TopologyDescription_MakeCanonicalShapeForMemorySpace,
}

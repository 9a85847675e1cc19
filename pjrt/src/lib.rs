//! Craneflow as a PJRT plugin: JAX loads this library, finds [`GetPjrtApi`], and sends it programs in
//! StableHLO and arrays of the host.
//!
//! `table` lists the functions of the C API, `abi` their arguments; `boundary` is where C is believed.
//! `client` reads programs and arrays, `compiled` runs programs, `execute` decides what a call gives
//! away and where it runs, `worker` runs what takes long. `saved` writes executables down, `cache` keeps
//! them in files.

mod abi;
mod boundary;
mod buffer;
mod cache;
mod callback;
mod client;
mod compiled;
mod cost;
mod device;
mod dump;
mod element;
mod error;
mod errors;
mod event;
mod executable;
mod execute;
mod host;
mod options;
mod plugin;
mod saved;
mod storage;
mod table;
mod worker;

pub use table::Api;

/// The table of functions of the plugin. The name is the one that callers look up.
#[unsafe(no_mangle)]
pub extern "C" fn GetPjrtApi() -> &'static Api {
    &table::API
}

/// Sets the function that answers calls of Python, or none. The package of the wheel calls it.
#[unsafe(no_mangle)]
pub extern "C" fn craneflow_set_callback(f: Option<boundary::AnswerFn>) {
    callback::connect(f);
}

/// The number of a Python function that no program calls any more, each once; 0 when there is none.
#[unsafe(no_mangle)]
pub extern "C" fn craneflow_released_callback() -> u64 {
    callback::released()
}

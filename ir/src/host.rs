//! Functions of the host that `custom_call` finds by name: what a graph can ask for and no op computes.
//!
//! Crates that have such functions register them before programs that call them are verified.

use crate::array::Array;
use crate::types::Type;
use std::collections::BTreeMap;
use std::sync::RwLock;

/// A function of the host; `config` is the text that the call carries. Both parts are pure.
#[derive(Clone, Copy)]
pub struct HostFunction {
    /// Result types for operand types, or what is wrong with the call.
    pub infer: fn(config: &str, x: &[Type]) -> Result<Vec<Type>, String>,
    /// The results for operands that `infer` accepts.
    pub eval: fn(config: &str, x: &[Array]) -> Vec<Array>,
}

static TABLE: RwLock<BTreeMap<String, HostFunction>> = RwLock::new(BTreeMap::new());

/// Makes a function known under a name; one that has the name already is replaced.
pub fn register(name: &str, function: HostFunction) {
    let mut table = TABLE.write().unwrap_or_else(|e| e.into_inner());
    table.insert(name.to_string(), function);
}

/// The function with this name.
pub fn find(name: &str) -> Option<HostFunction> {
    let table = TABLE.read().unwrap_or_else(|e| e.into_inner());
    table.get(name).copied()
}

/// Names of all functions, in order.
pub fn names() -> Vec<String> {
    let table = TABLE.read().unwrap_or_else(|e| e.into_inner());
    table.keys().cloned().collect()
}

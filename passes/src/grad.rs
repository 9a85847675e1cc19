//! The gradient pass; its walk is in `craneflow_ir::grad`, where region ops need it too.

pub use craneflow_ir::grad::{append_gradient, append_vjp, gradient};

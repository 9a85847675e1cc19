//! Craneflow's passes: simplify, grad, fuse, lower, schedule, plan
pub mod grad;

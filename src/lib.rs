//! Craneflow: a tensor compiler for CPUs.

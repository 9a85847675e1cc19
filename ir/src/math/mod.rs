//! Expansions of pointwise functions to native operations.
//!
//! Every function here is branch-free (cases are selects), so it serves one lane or many, and its
//! bits are those of the written expression: nothing is reassociated later. Error bounds are in
//! units in the last place of the result and hold for all inputs; `tests/math_ulp.rs` measures them.
//! NaN, infinities, signed zeros and subnormal numbers come out as IEEE-754 says.

pub(crate) mod basic;
pub(crate) mod erf;
pub(crate) mod exp;
pub(crate) mod expr;
pub mod half;
pub(crate) mod log;
pub(crate) mod pow;
mod reduce;
pub(crate) mod reference;
pub(crate) mod root;
pub(crate) mod tanh;
pub(crate) mod trig;

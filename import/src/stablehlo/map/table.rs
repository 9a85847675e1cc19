//! The rule of each operation.

use super::control::{SAME, TOKEN};
use super::{
    Rule, bits, constant, contract, control, convert, gather, host, known, lift, norm, pointwise,
    random, reduce, shape, sort, window,
};
use craneflow_ir::Pointwise;

/// A rule for an operation on elements that is one of the graph's.
macro_rules! element {
    ($op:ident) => {
        |cx, node, x| pointwise::apply(cx, node, x, Pointwise::$op)
    };
}

/// Names without version, in order, with their rules. There is one device, which is by itself in collectives.
#[rustfmt::skip]
const TABLE: &[(&str, Rule)] = &[
    ("abs", element!(Abs)),
    ("add", element!(Add)),
    ("after_all", TOKEN),
    ("all_gather", SAME),
    ("all_reduce", SAME),
    ("all_to_all", SAME),
    ("and", element!(And)),
    ("atan2", element!(Atan2)),
    ("batch_norm_grad", norm::gradient),
    ("batch_norm_inference", norm::inference),
    ("batch_norm_training", norm::training),
    ("bitcast_convert", bits::bitcast_convert),
    ("broadcast", shape::broadcast),
    ("broadcast_in_dim", shape::broadcast_in_dim),
    ("builtin.unrealized_conversion_cast", SAME),
    ("call", control::call),
    ("case", control::case),
    ("cbrt", element!(Cbrt)),
    ("ceil", element!(Ceil)),
    ("cholesky", host::cholesky),
    ("clamp", pointwise::clamp),
    ("collective_broadcast", SAME),
    ("collective_permute", constant::permuted),
    ("compare", pointwise::compare),
    ("complex", pointwise::complex),
    ("composite", control::composite),
    ("concatenate", shape::concatenate),
    ("constant", constant::constant),
    ("convert", convert::convert),
    ("convolution", contract::convolution),
    ("cosine", element!(Cosine)),
    ("count_leading_zeros", element!(CountLeadingZeros)),
    ("create_token", TOKEN),
    ("custom_call", host::custom_call),
    ("divide", element!(Divide)),
    ("dot", contract::dot),
    ("dot_general", contract::dot_general),
    ("dynamic_broadcast_in_dim", shape::broadcast_in_dim),
    ("dynamic_conv", known::convolution),
    ("dynamic_gather", known::gather),
    ("dynamic_iota", constant::iota),
    ("dynamic_pad", known::pad),
    ("dynamic_reshape", shape::reshape),
    ("dynamic_slice", shape::dynamic_slice),
    ("dynamic_update_slice", shape::dynamic_update_slice),
    ("exponential", element!(Exp)),
    ("exponential_minus_one", element!(Expm1)),
    ("fft", host::fft),
    ("floor", element!(Floor)),
    ("gather", gather::gather),
    ("get_dimension_size", shape::get_dimension_size),
    ("get_tuple_element", control::get_tuple_element),
    ("if", control::r#if),
    ("imag", pointwise::imag),
    ("iota", constant::iota),
    ("is_finite", element!(IsFinite)),
    ("log", element!(Log)),
    ("log_plus_one", element!(Log1p)),
    ("logistic", element!(Logistic)),
    ("map", lift::map),
    ("maximum", element!(Maximum)),
    ("minimum", element!(Minimum)),
    ("multiply", element!(Multiply)),
    ("negate", element!(Negate)),
    ("not", element!(Not)),
    ("optimization_barrier", SAME),
    ("or", element!(Or)),
    ("pad", shape::pad),
    ("partition_id", constant::first_device),
    ("popcnt", element!(Popcnt)),
    ("power", element!(Power)),
    ("real", pointwise::real),
    ("real_dynamic_slice", known::slice),
    ("reduce", reduce::reduce),
    ("reduce_precision", convert::reduce_precision),
    ("reduce_scatter", SAME),
    ("reduce_window", window::reduce_window),
    ("remainder", element!(Remainder)),
    ("replica_id", constant::first_device),
    ("reshape", shape::reshape),
    ("reverse", shape::reverse),
    ("rng_bit_generator", random::rng_bit_generator),
    ("round_nearest_afz", element!(RoundNearestAfz)),
    ("round_nearest_even", element!(RoundNearestEven)),
    ("rsqrt", element!(Rsqrt)),
    ("scatter", gather::scatter),
    ("sdy.manual_computation", control::body),
    ("sdy.sharding_constraint", SAME),
    ("select", pointwise::select),
    ("select_and_scatter", window::select_and_scatter),
    ("set_dimension_size", shape::set_dimension_size),
    ("shift_left", element!(ShiftLeft)),
    ("shift_right_arithmetic", element!(ShiftRightArithmetic)),
    ("shift_right_logical", element!(ShiftRightLogical)),
    ("sign", element!(Sign)),
    ("sine", element!(Sine)),
    ("slice", shape::slice),
    ("sort", sort::sort),
    ("sqrt", element!(Sqrt)),
    ("subtract", element!(Subtract)),
    ("tan", element!(Tan)),
    ("tanh", element!(Tanh)),
    ("transpose", shape::transpose),
    ("triangular_solve", host::triangular_solve),
    ("tuple", control::tuple),
    ("while", control::r#while),
    ("xor", element!(Xor)),
];

/// The rule of the operation called `name`.
pub fn rule(name: &str) -> Option<Rule> {
    let found = TABLE.binary_search_by(|row| row.0.cmp(name));
    found.ok().map(|i| TABLE[i].1)
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_in_order() {
        assert!(super::TABLE.windows(2).all(|w| w[0].0 < w[1].0));
    }
}

//! `rng_bit_generator`.

use super::value::{Val, dtype};
use super::{Cx, Fault, exactly};
use crate::stablehlo::tree::Node;
use craneflow_ir::Type;
use craneflow_ir::ops::RngBitGenerator;
use craneflow_ir::ops::common::Algorithm;

/// Threefry; XLA's Philox scrambles its key in a way that is not known here, and other bits than
/// those would be wrong.
pub fn rng_bit_generator(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [state] = exactly(x)?;
    let state = state.real()?;
    let algorithm = node.text("rng_algorithm")?;
    if algorithm != "THREE_FRY" {
        return Err(format!("algorithm {algorithm} is not supported, THREE_FRY is").into());
    }
    let (element, dims) = cx.result(node, 1)?;
    let bits = Type::new(dtype(element), dims);
    let unsigned = bits.with_dtype(bits.dtype.to_unsigned());
    let op = RngBitGenerator {
        algorithm: Algorithm::Threefry,
        ty: unsigned.clone(),
    };
    let results = cx.b.push(op, &[state])?;
    let out = match unsigned == bits {
        true => results[1],
        false => cx.push(super::convert::bitcast(bits.dtype), &[results[1]])?,
    };
    Ok(vec![
        Val::Real(results[0]),
        Val::Real(cx.narrowed(out, element)?),
    ])
}

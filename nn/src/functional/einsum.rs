//! Sums of products of two tensors, written as equations.

use crate::error::NnError;
use crate::tensor::Tensor;
use craneflow_ir::ops::DotGeneral;

/// `einsum("abc,cd->abd", a, b)`: axes are letters, those that the result does not have are summed
/// over. A letter is at most once in each operand, and every letter of the result is in one.
pub fn einsum(equation: &str, a: &Tensor, b: &Tensor) -> Tensor {
    match parsed(equation, a, b) {
        Some([left, right, result]) => contracted(&left, &right, &result, a, b),
        None => {
            let error = NnError::Argument {
                layer: a.tracer().current(),
                op: "einsum",
                what: "the equation",
                expected: format!(
                    "like \"ab,bc->ac\", of different letters for {} and {}",
                    a.shape(),
                    b.shape()
                ),
                found: format!("\"{equation}\""),
            };
            a.fail(a.ty().clone(), error)
        }
    }
}

/// The letters of both operands and of the result.
fn parsed(equation: &str, a: &Tensor, b: &Tensor) -> Option<[Vec<char>; 3]> {
    let (operands, result) = equation.split_once("->")?;
    let (left, right) = operands.split_once(',')?;
    let letters = |text: &str| -> Option<Vec<char>> {
        let letters: Vec<char> = text.trim().chars().collect();
        let different = (1..letters.len()).all(|i| !letters[..i].contains(&letters[i]));
        let right = letters.iter().all(char::is_ascii_alphabetic);
        (different && right).then_some(letters)
    };
    let (left, right, result) = (letters(left)?, letters(right)?, letters(result)?);
    let known = result.iter().all(|c| left.contains(c) || right.contains(c));
    let ranks = left.len() == a.rank() && right.len() == b.rank();
    (known && ranks).then_some([left, right, result])
}

fn contracted(left: &[char], right: &[char], result: &[char], a: &Tensor, b: &Tensor) -> Tensor {
    // Letters of one operand alone that the result lacks are summed first.
    let lone = |own: &[char], other: &[char], x: &Tensor| -> (Vec<char>, Tensor) {
        let gone = |c: &char| !other.contains(c) && !result.contains(c);
        let axes: Vec<isize> = (0..own.len())
            .filter(|&i| gone(&own[i]))
            .map(|i| i as isize)
            .collect();
        let rest = own.iter().copied().filter(|c| !gone(c)).collect();
        match axes.is_empty() {
            true => (rest, x.clone()),
            false => (rest, x.sum(&axes)),
        }
    };
    let (l, a) = lone(left, right, a);
    let (r, b) = lone(right, left, b);
    let place = |letters: &[char], c: char| letters.iter().position(|&x| x == c);
    let shared: Vec<(char, usize, usize)> = l
        .iter()
        .enumerate()
        .filter_map(|(i, &c)| Some((c, i, place(&r, c)?)))
        .collect();
    type Shared = Vec<(char, usize, usize)>;
    let (batch, contract): (Shared, Shared) = shared.iter().partition(|(c, ..)| result.contains(c));
    if let Some((_, i, j)) = shared
        .iter()
        .find(|(_, i, j)| a.shape()[*i] != b.shape()[*j])
    {
        let error = NnError::Extents {
            layer: a.tracer().current(),
            op: "einsum",
            left: a.shape().clone(),
            right: b.shape().clone(),
            left_axis: *i,
            right_axis: *j,
        };
        return a.fail(a.ty().clone(), error);
    }
    let mut made: Vec<char> = batch.iter().map(|(c, ..)| *c).collect();
    made.extend(l.iter().filter(|c| !r.contains(c)));
    made.extend(r.iter().filter(|c| !l.contains(c)));
    let extent = |c: &char| match place(&l, *c) {
        Some(i) => a.shape()[i],
        None => b.shape()[place(&r, *c).unwrap_or(0)],
    };
    let guess = a
        .ty()
        .with_shape(made.iter().map(extent).collect::<Vec<_>>());
    let op = DotGeneral {
        lhs_batch: batch.iter().map(|(_, i, _)| *i).collect(),
        rhs_batch: batch.iter().map(|(.., j)| *j).collect(),
        lhs_contract: contract.iter().map(|(_, i, _)| *i).collect(),
        rhs_contract: contract.iter().map(|(.., j)| *j).collect(),
    };
    let y = a.tracer().push(op.into(), &[&a, &b], guess);
    let order: Vec<usize> = result.iter().filter_map(|&c| place(&made, c)).collect();
    y.transpose(&order)
}

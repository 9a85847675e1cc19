//! Copies between dense arrays and the host's layouts.

use crate::abi::{Layout, layout};
use crate::element::{self, ArrayType};
use crate::error::Failure;

/// Row-major strides in bytes.
pub fn dense(ty: &ArrayType) -> Vec<i64> {
    let mut strides = vec![0; ty.dims.len()];
    let mut next = element::size(ty.element) as i64;
    for (stride, &dim) in strides.iter_mut().zip(&ty.dims).rev() {
        *stride = next;
        next *= dim.max(1);
    }
    strides
}

/// Whether arrays with these strides are dense and row-major; axes of one element have any stride.
pub fn is_dense(ty: &ArrayType, strides: &[i64]) -> bool {
    let matters = |(&dim, (a, b)): (&i64, (&i64, &i64))| dim == 1 || a == b;
    ty.bytes == 0
        || ty
            .dims
            .iter()
            .zip(strides.iter().zip(&dense(ty)))
            .all(matters)
}

/// The strides in bytes of a layout that C gives; dense ones where there is none.
pub fn strides_of(ty: &ArrayType, given: Option<&Layout>) -> Result<Vec<i64>, Failure> {
    let Some(given) = given else {
        return Ok(dense(ty));
    };
    let list = given.minor_to_major.list(given.rank);
    let wrong = |what: &str| Failure::Invalid(format!("a layout of {ty} with {what}"));
    if list.len() != ty.dims.len() {
        return Err(wrong("another number of axes"));
    }
    match given.kind {
        layout::STRIDES => Ok(list.to_vec()),
        _ if given.tiles > 0 => Err(wrong("tiles")),
        _ => {
            let mut strides = vec![0; list.len()];
            let mut next = element::size(ty.element) as i64;
            for &axis in list {
                let at = usize::try_from(axis).ok().filter(|&a| a < list.len());
                let at = at.filter(|&a| strides[a] == 0);
                let at = at.ok_or_else(|| wrong("an axis that is not there, or twice"))?;
                strides[at] = next;
                next *= ty.dims[at].max(1);
            }
            Ok(strides)
        }
    }
}

/// The range of bytes, relative to the first element, that an array with these strides touches.
pub fn span(ty: &ArrayType, strides: &[i64]) -> Result<(i64, i64), Failure> {
    let (mut low, mut high) = (0_i64, element::size(ty.element) as i64);
    if ty.bytes == 0 {
        return Ok((0, 0));
    }
    for (&dim, &stride) in ty.dims.iter().zip(strides) {
        let reach = stride.checked_mul(dim - 1);
        let wrong = || Failure::Invalid(format!("strides {strides:?} of {ty}"));
        let reach = reach.ok_or_else(wrong)?;
        let side = if reach < 0 { &mut low } else { &mut high };
        *side = side.checked_add(reach).ok_or_else(wrong)?;
    }
    Ok((low, high))
}

/// Copies an array between two layouts. `from` and `to` are the bytes that the strides span, and the
/// first element is at `from_start` and `to_start` bytes in them.
pub fn copy_strided(
    ty: &ArrayType,
    (from, from_start, from_strides): (&[u8], usize, &[i64]),
    (to, to_start, to_strides): (&mut [u8], usize, &[i64]),
) {
    if ty.bytes == 0 {
        return;
    }
    let size = element::size(ty.element);
    let mut index = vec![0_i64; ty.dims.len()];
    let (mut f, mut t) = (from_start as i64, to_start as i64);
    loop {
        let (a, b) = (f as usize, t as usize);
        to[b..b + size].copy_from_slice(&from[a..a + size]);
        let mut axis = index.len();
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            index[axis] += 1;
            f += from_strides[axis];
            t += to_strides[axis];
            if index[axis] < ty.dims[axis] {
                break;
            }
            f -= from_strides[axis] * ty.dims[axis];
            t -= to_strides[axis] * ty.dims[axis];
            index[axis] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use craneflow_import::stablehlo::ElementType;

    fn i16s(dims: &[i64]) -> ArrayType {
        ArrayType::new(ElementType::I16, dims.to_vec()).expect("a type")
    }

    #[test]
    fn transposed_and_reversed_arrays_become_dense() {
        let ty = i16s(&[2, 3]);
        let from: Vec<u8> = (0..12).collect();
        let mut to = [0; 12];
        copy_strided(&ty, (&from, 0, &[2, 4]), (&mut to, 0, &dense(&ty)));
        assert_eq!(to, [0, 1, 4, 5, 8, 9, 2, 3, 6, 7, 10, 11]);
        let (low, high) = span(&ty, &[-6, 2]).expect("fits");
        assert_eq!((low, high), (-6, 6));
        copy_strided(&ty, (&from, 6, &[-6, 2]), (&mut to, 0, &dense(&ty)));
        assert_eq!(to, [6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn layouts_of_no_array_are_refused() {
        let ty = i16s(&[4, 1]);
        assert_eq!(dense(&ty), [2, 2]);
        assert!(is_dense(&ty, &[2, 99]) && !is_dense(&ty, &[4, 2]));
        assert!(is_dense(&i16s(&[0, 7]), &[1, 1]));
        assert!(span(&i16s(&[i64::MAX, 1]), &[i64::MAX, 2]).is_err());
    }
}

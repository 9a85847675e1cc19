//! Discrete Fourier transforms, by `rustfft` without vectors of the machine.

use crate::config::{has, number};
use crate::matrix::{C, parts, tensor};
use craneflow_ir::host::HostFunction;
use craneflow_ir::{Array, Type};
use rustfft::{FftDirection, FftPlanner};

/// `fft(x)` over the last `axes=n` axes. `forward` and `inverse` take and give complex numbers;
/// `real` takes real ones and gives half of the last axis; `half` takes that and gives `length=n` real
/// ones. Inverse transforms divide by the number of elements.
pub const FFT: HostFunction = HostFunction {
    infer: |config, x| {
        let real = has(config, "real");
        parts(x, !real)?;
        if x.len() != 2 - real as usize {
            return Err(format!("does not take {} operands", x.len()));
        }
        let axes = number(config, "axes").filter(|&n| n >= 1 && n <= x[0].rank());
        axes.ok_or_else(|| format!("takes a number of axes that {} has", x[0]))?;
        let ty = result(config, &x[0])?;
        Ok(vec![ty; 2 - has(config, "half") as usize])
    },
    eval: |config, x| {
        let ty = result(config, &x[0].ty).expect("checked");
        let numbers = transform(config, x, &ty);
        tensor(&ty, numbers.iter(), !has(config, "half"))
    },
};

fn result(config: &str, x: &Type) -> Result<Type, String> {
    let mut shape = x.shape.0.clone();
    let last = shape.last_mut().ok_or("takes a tensor with an axis")?;
    if has(config, "real") {
        *last = *last / 2 + 1;
    }
    if has(config, "half") {
        let length = number(config, "length").ok_or("a length is missing")?;
        if *last < length / 2 + 1 {
            return Err(format!("{x} is too short for a length of {length}"));
        }
        *last = length;
    }
    Ok(x.with_shape(shape))
}

fn transform(config: &str, x: &[Array], result: &Type) -> Vec<C> {
    let count = x[0].ty.count();
    let im = |i: usize| x.get(1).map_or(0.0, |im| im.get(i).to_f64());
    let mut numbers: Vec<C> = (0..count)
        .map(|i| C::new(x[0].get(i).to_f64(), im(i)))
        .collect();
    let mut shape = x[0].ty.shape.0.clone();
    let rank = shape.len();
    let first = rank - number(config, "axes").expect("checked");
    let direction = match has(config, "inverse") || has(config, "half") {
        true => FftDirection::Inverse,
        false => FftDirection::Forward,
    };
    if result.count() == 0 || count == 0 {
        return vec![C::default(); result.count()];
    }
    let last = rank - 1;
    if has(config, "real") {
        along(&mut numbers, &shape, last, direction);
        numbers = resized(&numbers, shape[last], result.shape[last]);
        shape = result.shape.0.clone();
    }
    for axis in first..last {
        along(&mut numbers, &shape, axis, direction);
    }
    if has(config, "half") {
        numbers = mirrored(&numbers, shape[last], result.shape[last]);
        shape = result.shape.0.clone();
    }
    if !has(config, "real") {
        along(&mut numbers, &shape, last, direction);
    }
    if direction == FftDirection::Inverse {
        let size: usize = shape[first..].iter().product();
        numbers.iter_mut().for_each(|c| *c /= size as f64);
    }
    numbers
}

/// Rows cut to their first elements.
fn resized(numbers: &[C], from: usize, to: usize) -> Vec<C> {
    numbers
        .chunks(from)
        .flat_map(|row| &row[..to])
        .copied()
        .collect()
}

/// Whole rows from their first halves: the others are conjugates.
fn mirrored(numbers: &[C], from: usize, to: usize) -> Vec<C> {
    let row = |row: &[C]| -> Vec<C> {
        let at = |i: usize| {
            if i <= to / 2 {
                row[i]
            } else {
                row[to - i].conj()
            }
        };
        let mut whole: Vec<C> = (0..to).map(at).collect();
        whole[0].im = 0.0;
        if to.is_multiple_of(2) {
            whole[to / 2].im = 0.0;
        }
        whole
    };
    numbers.chunks(from).flat_map(row).collect()
}

/// Transforms every line along an axis, without scaling.
fn along(numbers: &mut [C], shape: &[usize], axis: usize, direction: FftDirection) {
    let (n, stride) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
    let plan = FftPlanner::new().plan_fft(n, direction);
    let mut line = vec![C::default(); n];
    for start in (0..numbers.len()).filter(|i| i / stride % n == 0) {
        for (i, c) in line.iter_mut().enumerate() {
            *c = numbers[start + i * stride];
        }
        plan.process(&mut line);
        for (i, c) in line.iter().enumerate() {
            numbers[start + i * stride] = *c;
        }
    }
}

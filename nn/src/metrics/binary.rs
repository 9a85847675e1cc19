//! Metrics of yes and no: counts at thresholds, and what is made of them.

use super::ratio;
use crate::tensor::Tensor;
use craneflow_ir::{Array, Cmp, DType, Type};

/// A curve over thresholds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Curve {
    /// True positive rate over false positive rate.
    Roc,
    /// Precision over recall.
    Pr,
}

/// Where the output is on the same side of its threshold as the label is of one half.
pub(super) fn right(labels: &Tensor, output: &Tensor, threshold: f64) -> Tensor {
    let said = output.compare(Cmp::Gt, threshold).convert(DType::I32);
    let is = labels.compare(Cmp::Gt, 0.5).convert(DType::I32);
    said.compare(Cmp::Eq, &is)
}

/// True positives, false positives, true negatives and false negatives at each threshold: `[4 * t]`.
pub(super) fn counts(labels: &Tensor, output: &Tensor, thresholds: &[f64]) -> Tensor {
    let (n, t) = (output.shape().count(), thresholds.len());
    let ty = Type::new(DType::F32, [t, 1]);
    let thresholds = output.tracer().constant(Array::from_f64(ty, thresholds));
    let said = output.convert(DType::F32).reshape(&[1, n]);
    let said = said.compare(Cmp::Gt, thresholds);
    let is = labels.compare(Cmp::Gt, 0.5).reshape(&[1, n]);
    let is = is.broadcast_to(&[t, n]);
    let count = |which: Tensor| which.convert(DType::F32).sum(&[1]);
    let parts = [
        count(said.and(&is)),
        count(said.and(&is.not())),
        count(said.not().and(&is.not())),
        count(said.not().and(&is)),
    ];
    Tensor::concat(&parts.iter().collect::<Vec<_>>(), 0)
}

/// Thresholds from 0 to 1, evenly spaced.
pub(super) fn closed_thresholds(n: usize) -> Vec<f64> {
    let last = n.max(2) - 1;
    (0..=last).map(|i| i as f64 / last as f64).collect()
}

/// As `closed_thresholds`, with the ends moved outwards, so that all is above the first and nothing
/// above the last.
pub(super) fn open_thresholds(n: usize) -> Vec<f64> {
    let mut all = closed_thresholds(n);
    all[0] -= 1e-7;
    *all.last_mut().expect("at least two") += 1e-6;
    all
}

/// Counts at one threshold.
#[derive(Clone, Copy)]
pub(super) struct Counts {
    hits: f64,
    alarms: f64,
    quiet: f64,
    missed: f64,
}

fn unpacked(sums: &[f64]) -> Vec<Counts> {
    let t = sums.len() / 4;
    let at = |i: usize| Counts {
        hits: sums[i],
        alarms: sums[t + i],
        quiet: sums[2 * t + i],
        missed: sums[3 * t + i],
    };
    (0..t).map(at).collect()
}

pub(super) fn sensitivity(c: Counts) -> f64 {
    ratio(c.hits, c.hits + c.missed)
}

pub(super) fn specificity(c: Counts) -> f64 {
    ratio(c.quiet, c.quiet + c.alarms)
}

pub(super) fn precision(c: Counts) -> f64 {
    ratio(c.hits, c.hits + c.alarms)
}

/// The greatest `wanted` where `given` is at least `least`; 0 if it is nowhere.
pub(super) fn best(
    sums: &[f64],
    least: f64,
    given: fn(Counts) -> f64,
    wanted: fn(Counts) -> f64,
) -> f64 {
    let counts = unpacked(sums).into_iter().filter(|&c| given(c) >= least);
    counts.map(wanted).fold(0.0, f64::max)
}

/// The area under a curve, from points in order of thresholds.
pub(super) fn area(sums: &[f64], curve: Curve) -> f64 {
    let counts = unpacked(sums);
    let pairs = counts.windows(2).map(|w| (w[0], w[1]));
    match curve {
        Curve::Roc => pairs
            .map(|(a, b)| {
                let width = (specificity(a) - specificity(b)).abs();
                width * (sensitivity(a) + sensitivity(b)) / 2.0
            })
            .sum(),
        Curve::Pr => pairs.map(|(a, b)| precision_recall_step(a, b)).sum(),
    }
}

/// The area between two points of the curve of precision over recall: between them, hits grow
/// linearly with the answers yes (Davis and Goadrich, 2006).
fn precision_recall_step(a: Counts, b: Counts) -> f64 {
    let (said_a, said_b) = (a.hits + a.alarms, b.hits + b.alarms);
    let hits = a.hits - b.hits;
    let slope = ratio(hits, said_a - said_b);
    let intercept = b.hits - slope * said_b;
    let growth = match said_a > 0.0 && said_b > 0.0 {
        true => said_a / said_b,
        false => 1.0,
    };
    ratio(slope * (hits + intercept * growth.ln()), b.hits + b.missed)
}

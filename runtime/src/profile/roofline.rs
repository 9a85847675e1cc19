//! What the machine can do: multiply-adds from registers, and copying memory.

use crate::arena::AlignedBuf;
use crate::executable::CompileError;
use crate::threads::{cores, parallel_for};
use craneflow_codegen::MemRef;
use craneflow_ir::loops::build::KernelBuilder;
use craneflow_ir::loops::index::Index;
use craneflow_ir::loops::{Access, Kernel, LoopKind, Mem};
use craneflow_ir::{DType, Emit, Native, Scalar};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Rates of a machine at a number of threads, as generated code reaches them.
#[derive(Clone, Copy, Debug)]
pub struct Roofline {
    /// `f32` operations per second of fused multiply-adds, each of which counts as two.
    pub flops: f64,
    /// Bytes per second read and written by a copy much larger than the caches.
    pub bytes: f64,
}

/// Independent accumulators: enough to hide the latency of a multiply-add, few enough for 16 registers.
const ACCUMULATORS: usize = 12;
const ROUNDS: usize = 2048;
const ITEMS: usize = 64;
/// Elements copied.
const COPIED: usize = 16 << 20;
/// The best of some runs is the rate: what else the machine does only slows them.
const RUNS: usize = 7;
/// Runs go on for at least as long.
const ENOUGH: Duration = Duration::from_millis(20);
/// How long is waited for all threads to take part.
const PATIENCE: Duration = Duration::from_millis(200);

impl Roofline {
    /// Measures for about a tenth of a second.
    pub fn measure(threads: usize) -> Result<Roofline, CompileError> {
        let lanes = craneflow_codegen::host_vector_bits().max(128) / 32;
        let kernels = [multiply(lanes), copy()];
        let kernels = kernels.map(|k| {
            let target = craneflow_passes::schedule::Target { lanes_32: lanes };
            craneflow_passes::schedule::schedule(k, &target)
        });
        let code = craneflow_codegen::compile(&[&kernels[0], &kernels[1]], &Default::default())?;
        let factor = AlignedBuf::zeroed(lanes * 4)?;
        let small = AlignedBuf::zeroed(kernels[0].params[1].len * 4)?;
        let (mut from, to) = (
            AlignedBuf::zeroed(COPIED * 4)?,
            AlignedBuf::zeroed(COPIED * 4)?,
        );
        // Memory that was never written may be one page of zeros.
        from.bytes_mut().fill(1);
        let (factor, small, from, to) = (
            factor.mem(0, factor.len()),
            small.mem(0, small.len()),
            from.mem(0, COPIED * 4),
            to.mem(0, COPIED * 4),
        );
        let run = |i: usize, args: &[_]| -> Result<f64, CompileError> {
            let bound = code.entry(i).bind(args)?;
            let once = |slot: Took<'_>| {
                parallel_for(threads, kernels[i].grid(), &|start, end, s| {
                    slot(s);
                    bound.call(MemRef::none(), start, end)
                });
            };
            warm_up(threads.min(cores()), &once);
            let (mut best, mut runs, first) = (Duration::MAX, 0, Instant::now());
            while runs < RUNS || first.elapsed() < ENOUGH {
                let start = Instant::now();
                once(&|_| ());
                best = best.min(start.elapsed());
                runs += 1;
            }
            Ok(best.as_secs_f64())
        };
        let operations = 2 * ITEMS * ROUNDS * ACCUMULATORS * lanes;
        Ok(Roofline {
            flops: operations as f64 / run(0, &[factor, small])?,
            bytes: (2 * 4 * COPIED) as f64 / run(1, &[from, to])?,
        })
    }
}

/// Told of each slot that takes part in a job.
type Took<'a> = &'a (dyn Fn(usize) + Sync);

/// Repeats a job, which tells who takes part, until `threads` do at once: workers may sleep at first.
fn warm_up(threads: usize, job: &dyn Fn(Took<'_>)) {
    let start = Instant::now();
    let mut all = false;
    while !all && start.elapsed() < PATIENCE {
        let parts: Vec<AtomicBool> = (0..threads).map(|_| AtomicBool::new(false)).collect();
        job(&|slot| {
            if let Some(part) = parts.get(slot) {
                part.store(true, Relaxed);
            }
        });
        all = parts.iter().all(|p| p.load(Relaxed));
    }
}

/// Chains of multiply-adds in registers; the sums are stored, so that they are computed.
fn multiply(lanes: usize) -> Kernel {
    let mut k = KernelBuilder::new("multiply", ITEMS);
    k.set_lanes(lanes, 32);
    let factor = k.param(DType::F32, lanes, Access::Read);
    let out = k.param(DType::F32, ITEMS * ACCUMULATORS * lanes, Access::Write);
    let zero = k.constant(Scalar::f32(0.0));
    let zero = k.splat(zero);
    // From memory, so that it is in a register: a constant may be a memory operand each time.
    let factor = k.load_vector(factor, &Index::default());
    let sums: Vec<_> = (0..ACCUMULATORS).map(|_| k.var(zero)).collect();
    k.each(ROUNDS, LoopKind::Serial, |k, _| {
        for &sum in &sums {
            let old = k.get(sum);
            let new = k.native(Native::Fma, &[factor, old, factor]);
            k.set(sum, new);
        }
    });
    for (i, &sum) in sums.iter().enumerate() {
        let at = k.grid().mul((ACCUMULATORS * lanes) as i64);
        let value = k.get(sum);
        k.store(out, &at.plus((i * lanes) as i64), value);
    }
    k.finish()
}

fn copy() -> Kernel {
    let mut k = KernelBuilder::new("copy", COPIED / (1 << 16));
    let from: Mem = k.param(DType::F32, COPIED, Access::Read);
    let to = k.param(DType::F32, COPIED, Access::Write);
    let grid = k.grid();
    k.each(1 << 16, LoopKind::Lanes, |k, i| {
        let at = grid.mul(1 << 16).add(&i);
        let value = k.load(from, &at);
        k.store(to, &at, value);
    });
    k.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_a_machine() {
        let one = Roofline::measure(1).unwrap();
        assert!(one.flops > 1e8 && one.flops < 1e13, "{one:?}");
        assert!(one.bytes > 1e8 && one.bytes < 1e13, "{one:?}");
    }
}

//! Speed of products and convolutions through the whole pipeline, with whatever packing and padding
//! they need: `cargo bench -p craneflow-runtime --bench contract -- [part of a name]`.
#![allow(missing_docs)]

use craneflow_ir::ops::common::{ConvDims, Window};
use craneflow_ir::ops::{Convolution, DotGeneral, Rules};
use craneflow_ir::{Array, Builder, DType, Graph, Scalar, Type, Verified};
use craneflow_runtime::{Options, Step};
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

fn f32s(shape: &[usize]) -> Type {
    Type::new(DType::F32, shape.to_vec())
}

/// `C[m, n] = A B`; `forms` says for A and for B whether it is stored transposed.
fn product(m: usize, n: usize, k: usize, forms: (bool, bool)) -> Graph {
    let mut b = Builder::new("product");
    let lhs = b.input("a", f32s(&if forms.0 { [k, m] } else { [m, k] }));
    let rhs = b.input("b", f32s(&if forms.1 { [n, k] } else { [k, n] }));
    let dot = DotGeneral {
        lhs_contract: vec![!forms.0 as usize],
        rhs_contract: vec![forms.1 as usize],
        ..DotGeneral::matmul(2)
    };
    let dot = DotGeneral {
        lhs_batch: vec![],
        rhs_batch: vec![],
        ..dot
    };
    let y = b.op(dot, &[lhs, rhs]);
    b.output("c", y);
    b.finish()
}

/// Products of a batch: `A[b, m, k] B[b, n, k]` when `right` is transposed, else `B[b, k, n]`.
fn batched(batch: usize, m: usize, n: usize, k: usize, right: bool) -> Graph {
    let mut b = Builder::new("batched");
    let lhs = b.input("a", f32s(&[batch, m, k]));
    let rhs = b.input(
        "b",
        f32s(&if right { [batch, n, k] } else { [batch, k, n] }),
    );
    let dot = DotGeneral {
        lhs_batch: vec![0],
        rhs_batch: vec![0],
        lhs_contract: vec![2],
        rhs_contract: vec![1 + right as usize],
    };
    let y = b.op(dot, &[lhs, rhs]);
    b.output("c", y);
    b.finish()
}

#[derive(Clone, Copy)]
enum Part {
    Forward,
    Input,
    Kernel,
}

/// A convolution of square images, channels last, or one of its gradients.
struct Conv {
    batch: usize,
    side: usize,
    from: usize,
    to: usize,
    size: usize,
    stride: usize,
    pad: i64,
    groups: usize,
}

impl Conv {
    fn graph(&self, part: Part) -> Graph {
        let mut b = Builder::new("convolution");
        let x = b.input("x", f32s(&[self.batch, self.side, self.side, self.from]));
        let w = b.input(
            "w",
            f32s(&[self.size, self.size, self.from / self.groups, self.to]),
        );
        let conv = Convolution {
            window: Window {
                stride: vec![self.stride; 2],
                padding: vec![(self.pad, self.pad); 2],
                ..Window::new(&[self.size, self.size])
            },
            reversal: vec![false; 2],
            dims: ConvDims::channels_last(2),
            feature_groups: self.groups,
            batch_groups: 1,
        };
        let y = conv
            .infer(&[b.ty(x).clone(), b.ty(w).clone()])
            .expect("fits")
            .remove(0);
        let out = match part {
            Part::Forward => b.op(conv, &[x, w]),
            Part::Input | Part::Kernel => {
                let dy = b.input("dy", y);
                let gradients = conv.vjp(&mut b, &[x, w], &[], &[Some(dy)]).expect("smooth");
                let which = matches!(part, Part::Kernel) as usize;
                gradients[which].expect("of a float")
            }
        };
        b.output("out", out);
        b.finish()
    }

    fn macs(&self) -> usize {
        let out = (self.side + 2 * self.pad as usize - self.size) / self.stride + 1;
        self.batch * out * out * self.size * self.size * self.from * self.to / self.groups
    }
}

fn cases() -> Vec<(String, Graph, usize)> {
    let mut cases = vec![];
    for s in [32, 64, 128, 256, 512, 1024, 2048] {
        cases.push((
            format!("square {s}"),
            product(s, s, s, (false, false)),
            s * s * s,
        ));
    }
    for (m, n, k) in [
        (64, 128, 784),
        (64, 64, 576),
        (64, 10, 128),
        (43264, 32, 9),
        (7744, 64, 288),
        (50176, 32, 16),
        (2048, 384, 128),
        (2048, 512, 128),
        (2048, 128, 512),
        (2048, 96, 128),
        (2560, 512, 64),
        (32, 512, 128),
        (1, 1024, 1024),
        (1024, 1, 1024),
    ] {
        let macs = m * n * k;
        cases.push((
            format!("product {m}x{n}x{k}"),
            product(m, n, k, (false, false)),
            macs,
        ));
    }
    for (m, n, k) in [
        (128, 512, 2048),
        (784, 128, 64),
        (512, 128, 2048),
        (64, 512, 2560),
    ] {
        cases.push((
            format!("left transposed {m}x{n}x{k}"),
            product(m, n, k, (true, false)),
            m * n * k,
        ));
    }
    for (m, n, k) in [
        (2048, 128, 512),
        (2048, 512, 128),
        (64, 576, 64),
        (2048, 128, 384),
    ] {
        cases.push((
            format!("right transposed {m}x{n}x{k}"),
            product(m, n, k, (false, true)),
            m * n * k,
        ));
    }
    for (m, n, k, right) in [(128, 128, 32, true), (128, 32, 128, false)] {
        cases.push((
            format!(
                "batch of 64 {m}x{n}x{k}{}",
                if right { " transposed" } else { "" }
            ),
            batched(64, m, n, k, right),
            64 * m * n * k,
        ));
    }
    let conv = |batch, side, from, to, size, stride, pad| Conv {
        batch,
        side,
        from,
        to,
        size,
        stride,
        pad,
        groups: 1,
    };
    let depthwise = |batch, side, channels, stride| Conv {
        groups: channels,
        ..conv(batch, side, channels, channels, 3, stride, 1)
    };
    for (name, c) in [
        ("mnist 1", conv(64, 28, 1, 32, 3, 1, 0)),
        ("mnist 2", conv(64, 13, 32, 64, 3, 1, 0)),
        ("mnist 3", conv(64, 5, 64, 64, 3, 1, 0)),
        ("cifar 1", conv(64, 32, 3, 32, 3, 1, 0)),
        ("cifar 2", conv(64, 15, 32, 64, 3, 1, 0)),
        ("residual 32", conv(32, 32, 32, 32, 3, 1, 1)),
        ("residual 32 to 64", conv(32, 32, 32, 64, 3, 2, 1)),
        ("residual 64", conv(32, 16, 64, 64, 3, 1, 1)),
        ("residual 128", conv(32, 8, 128, 128, 3, 1, 1)),
        ("pointwise 64 to 128", conv(32, 16, 64, 128, 1, 2, 0)),
        ("depthwise 128", depthwise(8, 56, 128, 1)),
        ("depthwise 128 by 2", depthwise(8, 56, 128, 2)),
        ("depthwise 24", depthwise(8, 56, 24, 1)),
    ] {
        for (part, what) in [
            (Part::Forward, "forward"),
            (Part::Input, "input gradient"),
            (Part::Kernel, "kernel gradient"),
        ] {
            cases.push((format!("{name}, {what}"), c.graph(part), c.macs()));
        }
    }
    cases
}

/// Seconds of the shortest run: by this thread's processor time, and by the clock.
fn measure(step: &mut Step) -> (f64, f64) {
    let processor = || {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
    };
    let (mut busy, mut best, mut runs) = (f64::MAX, f64::MAX, 0);
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(120) || runs < 5 {
        let (clock, thread) = (Instant::now(), processor());
        step.run();
        busy = busy.min(processor() - thread);
        best = best.min(clock.elapsed().as_secs_f64());
        runs += 1;
    }
    (busy, best)
}

fn main() {
    let filter = std::env::args()
        .skip(1)
        .find(|a| !a.starts_with("--"))
        .unwrap_or_default();
    println!(
        "{:40} {:>12} {:>8} {:>12} {:>8}",
        "GFLOP/s", "1 thread us", "", "2 threads us", ""
    );
    for (name, graph, macs) in cases() {
        if !name.contains(&filter) {
            continue;
        }
        print!("{name:40}");
        for threads in [1, 2] {
            let options = Options {
                threads,
                ..Options::default()
            };
            let graph = Verified::graph(graph.clone()).expect("right");
            let mut step = Step::compile(&graph, &options).expect("compiles");
            for i in 0..step.inputs().len() {
                let ty = step.inputs()[i].ty.clone();
                let array = Array::from_fn(ty, |i| Scalar::f32((i % 97) as f32 * 0.01 - 0.5));
                step.set_array(i, &array).expect("of its type");
            }
            // One thread by its own time, which other programs stretch less than the clock's.
            let (busy, best) = measure(&mut step);
            let seconds = if threads == 1 { busy } else { best };
            print!(
                " {:12.1} {:8.1}",
                seconds * 1e6,
                2.0 * macs as f64 / seconds * 1e-9
            );
        }
        println!();
    }
}

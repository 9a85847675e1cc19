//! W1 to W8.

use super::{Declared, Training, Weights, Workload};
use crate::error::NnError;
use crate::functional::{
    Conv, Direction, Padding, Pool, attention, conv2d, gelu_tanh, global_avg_pool2d, layer_norm,
    lstm_cell, max_pool2d, scan,
};
use crate::init::Init;
use crate::loss::Loss;
use crate::optim::{Adam, AdamW, Optimizer, Sgd};
use crate::tensor::Tensor;
use crate::trace::{f32s, i32s};
use craneflow_ir::Type;

const CLASSES: Loss = Loss::SparseCategoricalCrossentropy { from_logits: true };
const YES_NO: Loss = Loss::BinaryCrossentropy { from_logits: true };

/// Output channels and stride of the residual blocks of W8.
const BLOCKS: [(usize, usize); 3] = [(32, 1), (64, 2), (128, 2)];
/// Rows of the embedding, its width, units and steps of W6.
const LSTM: [usize; 4] = [10_000, 64, 128, 80];
/// Vocabulary, width, layers, heads and sequence of W7.
const GPT: [usize; 5] = [96, 128, 4, 4, 128];

pub(super) fn training(name: &str) -> Result<Workload, NnError> {
    let adam = || -> Box<dyn Optimizer> { Box::new(Adam::new(1e-3).epsilon(1e-8)) };
    let images = |n: usize, side: usize, channels: usize| f32s([n, side, side, channels]);
    let training = |x: Type, y: Type, forward| Training {
        name,
        macs: macs(name),
        weights: weights(name),
        state: Declared::default(),
        x,
        y,
        x_below: 0,
        y_below: 10,
        optimizer: adam(),
        loss: CLASSES,
        forward,
    };
    let training = match name {
        "W1" => training(f32s([64, 784]), i32s([64]), two_layers),
        "W2" => training(images(64, 28, 1), i32s([64]), convolutions),
        "W3" => training(images(64, 32, 3), i32s([64]), convolutions),
        "W4" => Training {
            y_below: 0,
            optimizer: Box::new(Sgd::new(0.01)),
            loss: Loss::MeanSquaredError,
            ..training(f32s([2, 2]), f32s([2, 1]), |p, _, x| dense(p, "d1", x))
        },
        "W5" => Training {
            y_below: 2,
            loss: YES_NO,
            ..training(f32s([10, 8]), f32s([10, 1]), two_layers)
        },
        "W6" => Training {
            x_below: LSTM[0],
            y_below: 2,
            loss: YES_NO,
            ..training(i32s([32, LSTM[3]]), f32s([32, 1]), lstm)
        },
        "W7" => Training {
            x_below: GPT[0],
            y_below: GPT[0],
            optimizer: Box::new(AdamW {
                adam: Adam::new(1e-3).epsilon(1e-8),
                decay: 0.01,
            }),
            ..training(i32s([16, GPT[4]]), i32s([16, GPT[4]]), gpt)
        },
        _ => Training {
            state: statistics(),
            optimizer: Box::new(Sgd::new(0.01).momentum(0.9)),
            ..training(images(32, 32, 3), i32s([32]), resnet)
        },
    };
    training.workload()
}

/// Multiply-adds of matrix products and convolutions, forward, per batch.
fn macs(name: &str) -> usize {
    match name {
        "W1" => 64 * (784 * 128 + 1280),
        "W2" => {
            let convolutions = 26 * 26 * 9 * 32 + 11 * 11 * 9 * 32 * 64 + 3 * 3 * 9 * 64 * 64;
            64 * (convolutions + 576 * 64 + 640)
        }
        "W3" => 64 * (30 * 30 * 27 * 32 + 13 * 13 * 9 * 32 * 64 + 2304 * 64 + 640),
        "W4" => 4,
        "W5" => 10 * 90,
        "W6" => 32 * 80 * (64 + 128) * 512,
        "W7" => 16 * 128 * (4 * 12 * 128 * 128 + 128 * 96 + 4 * 2 * 128 * 128),
        _ => {
            let first = 1024 * 27 * 32 + 2 * 1024 * 9 * 32 * 32;
            let second = 256 * 9 * 32 * 64 + 256 * 9 * 64 * 64 + 256 * 32 * 64;
            let third = 64 * 9 * 64 * 128 + 64 * 9 * 128 * 128 + 64 * 64 * 128;
            32 * (first + second + third + 1280)
        }
    }
}

fn weights(name: &str) -> Declared {
    let mut w = Declared::default();
    let conv = |w: &mut Declared, name: &str, from, to| {
        w.conv(name, 3, from, to);
        w.add(format!("{name}b"), [to], Init::Zeros);
    };
    match name {
        "W1" => {
            w.dense("d1", 784, 128);
            w.dense("d2", 128, 10);
        }
        "W2" => {
            conv(&mut w, "c1", 1, 32);
            conv(&mut w, "c2", 32, 64);
            conv(&mut w, "c3", 64, 64);
            w.dense("d1", 576, 64);
            w.dense("d2", 64, 10);
        }
        "W3" => {
            conv(&mut w, "c1", 3, 32);
            conv(&mut w, "c2", 32, 64);
            w.dense("d1", 2304, 64);
            w.dense("d2", 64, 10);
        }
        "W4" => w.dense("d1", 2, 1),
        "W5" => {
            w.dense("d1", 8, 10);
            w.dense("d2", 10, 1);
        }
        "W6" => {
            let [rows, width, units, _] = LSTM;
            w.add("emb", [rows, width], normal(0.05));
            w.add("wx", [width, 4 * units], normal(0.125));
            w.add(
                "wh",
                [units, 4 * units],
                normal(1.0 / (units as f32).sqrt()),
            );
            w.add("lb", [4 * units], Init::Zeros);
            w.dense("d1", units, 1);
        }
        "W7" => gpt_weights(&mut w),
        _ => resnet_weights(&mut w),
    }
    w
}

fn normal(stddev: f32) -> Init {
    Init::Normal { mean: 0.0, stddev }
}

fn gpt_weights(w: &mut Declared) {
    let [vocabulary, d, layers, _, time] = GPT;
    let small = normal(0.02);
    w.add("tok", [vocabulary, d], small);
    w.add("pos", [time, d], small);
    for l in 0..layers {
        let mut add = |name: &str, shape: &[usize], init| w.add(format!("l{l}{name}"), shape, init);
        add("ln1g", &[d], Init::Ones);
        add("ln1b", &[d], Init::Zeros);
        add("wqkv", &[d, 3 * d], small);
        add("bqkv", &[3 * d], Init::Zeros);
        add("wo", &[d, d], small);
        add("bo", &[d], Init::Zeros);
        add("ln2g", &[d], Init::Ones);
        add("ln2b", &[d], Init::Zeros);
        add("w1", &[d, 4 * d], small);
        add("b1", &[4 * d], Init::Zeros);
        add("w2", &[4 * d, d], small);
        add("b2", &[d], Init::Zeros);
    }
    w.add("lnfg", [d], Init::Ones);
    w.add("lnfb", [d], Init::Zeros);
    w.add("head", [d, vocabulary], small);
}

fn resnet_weights(w: &mut Declared) {
    let norm = |w: &mut Declared, name: &str, channels| {
        w.add(format!("{name}g"), [channels], Init::Ones);
        w.add(format!("{name}b"), [channels], Init::Zeros);
    };
    w.conv("c0", 3, 3, 32);
    norm(w, "n0", 32);
    let mut from = 32;
    for (k, (to, stride)) in BLOCKS.into_iter().enumerate() {
        w.conv(&format!("k{k}a"), 3, from, to);
        norm(w, &format!("k{k}na"), to);
        w.conv(&format!("k{k}b"), 3, to, to);
        norm(w, &format!("k{k}nb"), to);
        if stride != 1 || from != to {
            w.conv(&format!("k{k}p"), 1, from, to);
        }
        from = to;
    }
    w.dense("d1", 128, 10);
}

/// Running means and variances of W8.
fn statistics() -> Declared {
    let mut state = Declared::default();
    let mut add = |name: String, channels: usize| {
        state.add(format!("{name}m"), [channels], Init::Zeros);
        state.add(format!("{name}v"), [channels], Init::Ones);
    };
    add("n0".to_string(), 32);
    for (k, (channels, _)) in BLOCKS.into_iter().enumerate() {
        add(format!("k{k}na"), channels);
        add(format!("k{k}nb"), channels);
    }
    state
}

fn dense(p: &Weights, name: &str, x: &Tensor) -> Tensor {
    x.tracer().layer(name, || {
        x.matmul(&p[&format!("{name}w")]) + &p[&format!("{name}b")]
    })
}

fn two_layers(p: &Weights, _: &mut Weights, x: &Tensor) -> Tensor {
    dense(p, "d2", &dense(p, "d1", x).relu())
}

fn convolutions(p: &Weights, s: &mut Weights, x: &Tensor) -> Tensor {
    let block = |name: &str, x: &Tensor| {
        x.tracer().layer(name, || {
            let y = conv2d(x, &p[&format!("{name}w")], &Conv::default());
            (y + &p[&format!("{name}b")]).relu()
        })
    };
    let pool = |x: &Tensor| {
        let pool = Pool {
            size: [2, 2],
            strides: [2, 2],
            padding: Padding::Valid,
        };
        max_pool2d(x, &pool)
    };
    let mut h = pool(&block("c2", &pool(&block("c1", x))));
    if p.0.iter().any(|(name, _)| name == "c3w") {
        h = block("c3", &h);
    }
    let batch = h.dim(0);
    let width = h.shape().count() / batch;
    two_layers(p, s, &h.reshape(&[batch, width]))
}

fn lstm(p: &Weights, _: &mut Weights, x: &Tensor) -> Tensor {
    let [_, _, units, time] = LSTM;
    let projected = x.tracer().layer("embedding", || {
        let vectors = p["emb"].take(x).transpose(&[1, 0, 2]);
        vectors.matmul(&p["wx"]) + &p["lb"]
    });
    let zeros = x.tracer().full(&f32s([x.dim(0), units]), 0.0);
    let initial = [zeros.clone(), zeros];
    let turn = |hc: &[Tensor], x: &[Tensor]| {
        let (h, c) = lstm_cell(&x[0], &hc[0], &hc[1], &p["wh"]);
        (vec![h, c], vec![])
    };
    let lstm = || scan(&initial, &[projected], time, Direction::Forward, turn);
    let (last, _) = x.tracer().layer("lstm", lstm);
    dense(p, "d1", &last[0])
}

fn gpt(p: &Weights, _: &mut Weights, x: &Tensor) -> Tensor {
    let [_, d, layers, heads, time] = GPT;
    let batch = x.dim(0);
    let tracer = x.tracer().clone();
    let norm = |x: &Tensor, name: &str| {
        layer_norm(x, &p[&format!("{name}g")], &p[&format!("{name}b")], 1e-5)
    };
    let mut h = tracer.layer("embedding", || p["tok"].take(x) + &p["pos"]);
    for l in 0..layers {
        let w = |name: &str| &p[&format!("l{l}{name}")];
        let mixed = tracer.layer(&format!("attention_{l}"), || {
            let a = norm(&h, &format!("l{l}ln1")).matmul(w("wqkv")) + w("bqkv");
            let a = a.reshape(&[batch, time, 3, heads, d / heads]);
            let part = |i| a.index(2, i).transpose(&[0, 2, 1, 3]);
            let mixed = attention(&part(0), &part(1), &part(2), true);
            let mixed = mixed.transpose(&[0, 2, 1, 3]).reshape(&[batch, time, d]);
            mixed.matmul(w("wo")) + w("bo")
        });
        h = h + mixed;
        let widened = tracer.layer(&format!("mlp_{l}"), || {
            let a = norm(&h, &format!("l{l}ln2"));
            gelu_tanh(&(a.matmul(w("w1")) + w("b1"))).matmul(w("w2")) + w("b2")
        });
        h = h + widened;
    }
    tracer.layer("head", || norm(&h, "lnf").matmul(&p["head"]))
}

fn resnet(p: &Weights, state: &mut Weights, x: &Tensor) -> Tensor {
    let tracer = x.tracer().clone();
    let mut conv_norm = |x: &Tensor, kernel: &str, norm: &str, stride: usize| {
        let options = Conv {
            strides: [stride, stride],
            padding: Padding::Explicit([(1, 1), (1, 1)]),
            ..Conv::default()
        };
        tracer.layer(kernel, || {
            let y = conv2d(x, &p[&format!("{kernel}w")], &options);
            normalised(&y, p, state, norm)
        })
    };
    let mut h = conv_norm(x, "c0", "n0", 1).relu();
    for (k, (_, stride)) in BLOCKS.into_iter().enumerate() {
        let a = conv_norm(&h, &format!("k{k}a"), &format!("k{k}na"), stride).relu();
        let a = conv_norm(&a, &format!("k{k}b"), &format!("k{k}nb"), 1);
        let shortcut = format!("k{k}pw");
        if let Some((_, kernel)) = p.0.iter().find(|(name, _)| *name == shortcut) {
            let strides = [stride, stride];
            let options = Conv {
                strides,
                ..Conv::default()
            };
            h = tracer.layer(&format!("k{k}p"), || conv2d(&h, kernel, &options));
        }
        h = (a + h).relu();
    }
    dense(p, "d1", &global_avg_pool2d(&h))
}

/// Batch normalisation that updates the running statistics `<name>m` and `<name>v`.
fn normalised(x: &Tensor, p: &Weights, state: &mut Weights, name: &str) -> Tensor {
    let mean = x.mean(&[0, 1, 2]);
    let variance = (x - &mean).square().mean(&[0, 1, 2]);
    for (suffix, value) in [("m", &mean), ("v", &variance)] {
        let name = format!("{name}{suffix}");
        for (_, old) in state.0.iter_mut().filter(|(n, _)| *n == name) {
            *old = &*old * 0.9 + value * 0.1;
        }
    }
    let (gamma, beta) = (&p[&format!("{name}g")], &p[&format!("{name}b")]);
    (x - &mean) * (&variance + 1e-5).rsqrt() * gamma + beta
}

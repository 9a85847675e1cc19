//! Losses, metrics and optimizers.

use super::*;

#[test]
fn losses_and_metrics() {
    let logits = || (f32s([2, 3]), &[1.0, 2.0, 3.0, 0.0, 0.0, 0.0][..]);
    let classes = || (i32s([2]), &[2.0, 0.0][..]);
    let rows = || (f32s([2, 3]), &[0.0, 0.0, 1.0, 1.0, 0.0, 0.0][..]);
    let expected = [(0.407606 + 3.0f64.ln()) / 2.0];
    for from_logits in [true, false] {
        let p = |x: &Tensor| {
            if from_logits {
                x.clone()
            } else {
                f::softmax(x, -1)
            }
        };
        let sparse = Loss::SparseCategoricalCrossentropy { from_logits };
        check(
            &[logits(), classes()],
            |x| sparse.value(&x[1], &p(&x[0])),
            &expected,
        );
        let dense = Loss::CategoricalCrossentropy { from_logits };
        check(
            &[logits(), rows()],
            |x| dense.value(&x[1], &p(&x[0])),
            &expected,
        );
        check(
            &[logits(), classes()],
            |x| Metric::Accuracy.value(&sparse, &x[1], &p(&x[0])),
            &[1.0],
        );
        check(
            &[logits(), rows()],
            |x| Metric::Accuracy.value(&dense, &x[1], &p(&x[0])),
            &[1.0],
        );
    }
    let z = || (f32s([3]), &[-1.0, 0.0, 2.0][..]);
    let yes = || (f32s([3]), &[1.0, 1.0, 1.0][..]);
    let expected = [(1.31326169 + std::f64::consts::LN_2 + 0.12692801) / 3.0];
    for from_logits in [true, false] {
        let p = |x: &Tensor| if from_logits { x.clone() } else { x.sigmoid() };
        let loss = Loss::BinaryCrossentropy { from_logits };
        check(&[z(), yes()], |x| loss.value(&x[1], &p(&x[0])), &expected);
        check(
            &[z(), yes()],
            |x| Metric::Accuracy.value(&loss, &x[1], &p(&x[0])),
            &[1.0 / 3.0],
        );
    }
    let mse = Loss::MeanSquaredError;
    check(&[z(), yes()], |x| mse.value(&x[1], &x[0]), &[2.0]);
    check(
        &[z(), yes()],
        |x| Metric::MeanAbsoluteError.value(&mse, &x[1], &x[0]),
        &[4.0 / 3.0],
    );
    // At a logit of exactly 0 the slope is a half less the label, as on both sides.
    let slope = run(&[z(), yes()], |x| {
        let loss = Loss::BinaryCrossentropy { from_logits: true };
        loss.value(&x[1], &x[0]).gradient(&[&x[0]])
    });
    let p = |z: f64| 1.0 / (1.0 + (-z).exp());
    near(
        &slope[0],
        &[(p(-1.0) - 1.0) / 3.0, -0.5 / 3.0, (p(2.0) - 1.0) / 3.0],
        1e-6,
    );
}

/// The weight after three steps from 1 with gradients 0.5, -1, 2 at the rate of the optimizer.
fn steps(optimizer: &dyn Optimizer) -> f64 {
    let found = run(&[(f32s([3]), &[0.5, -1.0, 2.0][..])], |x| {
        let t = x[0].tracer();
        let scalar = |v: f32| t.scalar(DType::F32, f64::from(v));
        let mut p = scalar(1.0);
        let mut slots: Vec<Tensor> = optimizer
            .slots(x[0].shape())
            .iter()
            .map(|_| scalar(0.0))
            .collect();
        let counters = optimizer.counters().into_iter();
        let mut counters: Vec<Tensor> = counters.map(|(_, start)| scalar(start)).collect();
        for i in 0..3 {
            let shared = optimizer.step(t, &scalar(optimizer.learning_rate()), &counters);
            let updated = optimizer.update(&shared.factors, &p, &x[0].index(0, i), &slots);
            (p, slots, counters) = (updated.weight, updated.slots, shared.counters);
        }
        vec![p]
    });
    found[0][0]
}

#[test]
fn optimizers() {
    const G: [f64; 3] = [0.5, -1.0, 2.0];
    near(&[steps(&Sgd::new(0.1))], &[1.0 - 0.1 * 1.5], 1e-6);
    let (mut p, mut nesterov, mut v) = (1.0, 1.0, 0.0);
    for g in G {
        v = 0.9 * v - 0.1 * g;
        p += v;
        nesterov += 0.9 * v - 0.1 * g;
    }
    near(&[steps(&Sgd::new(0.1).momentum(0.9))], &[p], 1e-6);
    near(
        &[steps(&Sgd::new(0.1).momentum(0.9).nesterov())],
        &[nesterov],
        1e-6,
    );
    let (mut p, mut w, mut m, mut v) = (1.0f64, 1.0f64, 0.0, 0.0);
    for (t, g) in (1..).zip(G) {
        m = 0.9 * m + 0.1 * g;
        v = 0.999 * v + 0.001 * g * g;
        let (mean, square): (f64, f64) = (m / (1.0 - 0.9f64.powi(t)), v / (1.0 - 0.999f64.powi(t)));
        let down = 0.1 * mean / (square.sqrt() + 1e-7);
        p -= down;
        w -= down + 0.1 * 0.01 * w;
    }
    near(&[steps(&Adam::new(0.1))], &[p], 2e-5);
    near(&[steps(&AdamW::new(0.1).decay(0.01))], &[w], 2e-5);
    let (mut p, mut q, mut v, mut m) = (1.0f64, 1.0, 0.0f64, 0.0);
    for g in G {
        v = 0.9 * v + 0.1 * g * g;
        let down = 0.1 * g / (v + 1e-7).sqrt();
        m = 0.5 * m + down;
        p -= down;
        q -= m;
    }
    near(&[steps(&RmsProp::new(0.1))], &[p], 1e-6);
    near(&[steps(&RmsProp::new(0.1).momentum(0.5))], &[q], 1e-6);
}

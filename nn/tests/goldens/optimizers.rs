//! Weights after some steps of optimizers, and factors of schedules.

use crate::walk::{Case, compare, file, run, same_cases};
use craneflow_ir::{Array, DType, Type};
use craneflow_nn::Tracer;
use craneflow_nn::init::Init;
use craneflow_nn::layers::{Call, Cx, Input, Layer, Meta};
use craneflow_nn::loss::Loss;
use craneflow_nn::optim::*;
use craneflow_nn::{Model, Tensor};
use ndarray::ArrayD;

const TOLERANCE: f64 = 2e-5;

fn optimizers() -> Vec<(&'static str, Tuned)> {
    let ftrl = Ftrl {
        power: -0.6,
        l1: 0.2,
        l2: 0.1,
        l2_shrinkage: 0.05,
        beta: 0.3,
        ..Ftrl::new(0.1)
    };
    let schedule_free = ScheduleFreeAdamW {
        warmup_steps: 2,
        ..ScheduleFreeAdamW::new(0.05)
    };
    let muon = Muon {
        decay: 0.0,
        adam: AdamW::new(0.0).decay(0.0),
        ..Muon::new(0.05)
    };
    vec![
        ("sgd", Sgd::new(0.1).into()),
        ("sgd_momentum", Sgd::new(0.1).momentum(0.9).into()),
        (
            "sgd_nesterov",
            Sgd::new(0.1).momentum(0.9).nesterov().into(),
        ),
        ("adam", Adam::new(0.05).into()),
        ("adam_epsilon", Adam::new(0.05).epsilon(0.01).into()),
        ("adamw", AdamW::new(0.05).decay(0.1).into()),
        ("rmsprop", RmsProp::new(0.05).into()),
        ("rmsprop_momentum", RmsProp::new(0.05).momentum(0.9).into()),
        ("adagrad", Adagrad::new(0.1).into()),
        ("adadelta", Adadelta::new(1.0).into()),
        ("adamax", Adamax::new(0.05).into()),
        ("nadam", Nadam::new(0.05).into()),
        ("lion", Lion::new(0.05).into()),
        ("lamb", Lamb::new(0.05).into()),
        ("ftrl", Ftrl::new(0.1).into()),
        ("ftrl_options", ftrl.into()),
        ("adafactor", Adafactor::new(0.1).into()),
        ("muon", muon.into()),
        ("schedule_free_adamw", schedule_free.into()),
        ("clip_value", Sgd::new(0.1).clip_value(0.4)),
        ("clip_norm", Sgd::new(0.1).clip_norm(1.0)),
        ("global_clip_norm", Sgd::new(0.1).global_clip_norm(1.0)),
        ("weight_decay", Adam::new(0.05).weight_decay(0.1)),
        (
            "gradient_accumulation",
            Adam::new(0.05).gradient_accumulation(2),
        ),
        ("moving_average", Adam::new(0.05).moving_average(0.8)),
        (
            "scheduled",
            Adam::new(0.1).schedule(Schedule::exponential(2, 0.5)),
        ),
    ]
}

fn schedules() -> Vec<(&'static str, Schedule)> {
    let exponential = |staircase| Schedule::Exponential {
        decay_steps: 10,
        decay_rate: 0.8,
        staircase,
    };
    let polynomial = |decay_steps, power, cycle| Schedule::Polynomial {
        decay_steps,
        end: 0.1,
        power,
        cycle,
    };
    let cosine = |decay_steps, warmup_steps| Schedule::Cosine {
        decay_steps,
        alpha: 0.1,
        warmup_steps,
        warmup_from: 0.2,
    };
    let restarts = |t_mul, m_mul, alpha| Schedule::CosineRestarts {
        first_decay_steps: 8,
        t_mul,
        m_mul,
        alpha,
    };
    let piecewise = Schedule::Piecewise {
        boundaries: vec![9, 30],
        factors: vec![1.0, 0.5, 0.2],
    };
    let inverse_time = Schedule::InverseTime {
        decay_steps: 10,
        decay_rate: 0.5,
        staircase: false,
    };
    vec![
        ("schedule_piecewise", piecewise),
        ("schedule_exponential", exponential(false)),
        ("schedule_exponential_stairs", exponential(true)),
        ("schedule_inverse_time", inverse_time),
        ("schedule_polynomial", polynomial(30, 2.0, false)),
        ("schedule_polynomial_cycle", polynomial(20, 1.0, true)),
        ("schedule_cosine", cosine(40, 0)),
        ("schedule_cosine_warmup", cosine(30, 10)),
        ("schedule_cosine_restarts", restarts(2.0, 0.8, 0.05)),
        ("schedule_cosine_restarts_even", restarts(1.0, 0.9, 0.0)),
    ]
}

/// A layer of a matrix and a vector whose gradients are its input: `sum(w * x[..12] + v * x[12..])`.
#[derive(Clone)]
struct Given(Meta);

impl Layer for Given {
    fn meta(&self) -> &Meta {
        &self.0
    }

    fn forward(&self, cx: &mut Cx, x: &[Tensor]) -> Tensor {
        let w = cx.weight("kernel", &[3, 4], Init::Zeros).reshape(&[1, 12]);
        let v = cx.weight("bias", &[5], Init::Zeros).reshape(&[1, 5]);
        let all = Tensor::concat(&[&w, &v], 1);
        (all * &x[0]).sum(&[1]).expand_dims(1)
    }
}

fn check(case: &Case<'_>, optimizer: Tuned) -> Result<(), String> {
    let text = |e: craneflow_nn::NnError| e.to_string();
    let input = Input::new([17]).symbol();
    let output = Given(Meta::new("given")).call(&input);
    let mut model = Model::new(&[&input], &[&output]).map_err(text)?;
    let averages = case.get("average_w").is_some();
    model
        .set_weight("given.kernel", case.need("w"))
        .map_err(text)?;
    model
        .set_weight("given.bias", case.need("v"))
        .map_err(text)?;
    let loss = Loss::custom("output", |_, output| output.clone());
    model.compile(optimizer, loss, &[]).map_err(text)?;
    let y = ArrayD::<f32>::zeros(vec![1, 1]);
    let near = |model: &mut Model, kind: &str| -> Result<(), String> {
        for (key, name) in [("w", "given.kernel"), ("v", "given.bias")] {
            let key = kind.replace('*', key);
            let found = model.weight(name).map_err(text)?;
            let found: Array = craneflow_nn::host::Feed::from(&found).array();
            compare(&key, &found, case.need(&key), TOLERANCE)?;
        }
        Ok(())
    };
    for (i, (w, v)) in case
        .numbered("gw")
        .into_iter()
        .zip(case.numbered("gv"))
        .enumerate()
    {
        let x: Vec<f32> = w
            .to_f64()
            .iter()
            .chain(&v.to_f64())
            .map(|&x| x as f32)
            .collect();
        let x = ArrayD::from_shape_vec(vec![1, 17], x).expect("17 numbers");
        model.train_on_batch(&x, &y).map_err(text)?;
        near(&mut model, &format!("*{i}"))?;
    }
    if averages {
        model.use_averages().map_err(text)?;
        near(&mut model, "average_*")?;
    }
    Ok(())
}

fn check_schedule(case: &Case<'_>, schedule: &Schedule) -> Result<(), String> {
    let steps = case.need("steps").to_f64();
    let tracer = Tracer::new(case.name);
    for (i, &step) in steps.iter().enumerate() {
        let step = tracer.constant(Array::from_f64(Type::scalar(DType::F32), &[step]));
        tracer.output(&format!("factor{i}"), &schedule.factor(&step));
    }
    let found: Vec<f64> = run(tracer, &[])?
        .iter()
        .map(|(_, a)| a.to_f64()[0])
        .collect();
    let expected = case.need("factors");
    let found = Array::from_f64(expected.ty.clone(), &found);
    compare("factors", &found, expected, TOLERANCE)
}

#[test]
fn optimizers_are_those_of_keras() {
    let file = file("optimizers");
    let names = optimizers().into_iter().map(|(name, _)| name);
    same_cases(
        &file,
        names.chain(schedules().into_iter().map(|(name, _)| name)),
    );
    let mut wrong = vec![];
    let mut note = |name: &str, result: Result<(), String>| {
        if let Err(error) = result {
            wrong.push(format!("{name}: {error}"));
        }
    };
    for (name, optimizer) in optimizers() {
        note(name, check(&Case::of(&file, name), optimizer));
    }
    for (name, schedule) in schedules() {
        note(name, check_schedule(&Case::of(&file, name), &schedule));
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

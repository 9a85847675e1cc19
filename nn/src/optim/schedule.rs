//! Learning rates that follow the step: factors of the optimizer's own rate, as nodes of the step.

mod described;

pub(crate) use described::schedule;

use crate::tensor::Tensor;
use craneflow_ir::Cmp;
use std::f64::consts::PI;
use std::fmt;
use std::sync::Arc;

/// What the learning rate is multiplied by, as a function of the steps done. The optimizer's learning
/// rate is the greatest one: Keras's `initial_learning_rate`, or its `warmup_target`.
#[derive(Clone)]
pub enum Schedule {
    /// `factors[i]` up to and including step `boundaries[i]`, the last factor after the last boundary.
    Piecewise {
        /// Steps, in order.
        boundaries: Vec<u32>,
        /// One more factor than boundaries.
        factors: Vec<f64>,
    },
    /// `decay_rate ^ (step / decay_steps)`.
    Exponential {
        /// Steps of one decay.
        decay_steps: u32,
        /// The factor of one decay.
        decay_rate: f64,
        /// Whether the power is rounded down.
        staircase: bool,
    },
    /// `1 / (1 + decay_rate * step / decay_steps)`.
    InverseTime {
        /// Steps of one decay.
        decay_steps: u32,
        /// What is added to the denominator in one decay.
        decay_rate: f64,
        /// Whether the quotient is rounded down.
        staircase: bool,
    },
    /// `(1 - end) * (1 - step / decay_steps) ^ power + end`.
    Polynomial {
        /// Steps until the end.
        decay_steps: u32,
        /// The last factor.
        end: f64,
        /// The power; 1 is a line.
        power: f64,
        /// Whether the steps are multiplied when they are done, else the last factor stays.
        cycle: bool,
    },
    /// Half a wave of a cosine from 1 to `alpha`, after a line that leads up to 1.
    Cosine {
        /// Steps of the half wave.
        decay_steps: u32,
        /// The last factor.
        alpha: f64,
        /// Steps of the line.
        warmup_steps: u32,
        /// Where the line begins.
        warmup_from: f64,
    },
    /// Half waves of a cosine, one after the other.
    CosineRestarts {
        /// Steps of the first.
        first_decay_steps: u32,
        /// How much longer each is than the one before (Keras: 2).
        t_mul: f64,
        /// How much lower each is than the one before (Keras: 1).
        m_mul: f64,
        /// The last factor of each.
        alpha: f64,
    },
    /// Half a wave up, then half a wave down.
    OneCycle {
        /// All steps.
        steps: u32,
        /// The share of them that leads up (usually 0.3).
        up: f64,
        /// The first factor (usually 1 / 25).
        start: f64,
        /// The last factor (usually 1 / 250,000).
        end: f64,
    },
    /// A function of the user's: from the number of steps done, an `f32` scalar, to the factor.
    Custom(Arc<dyn Fn(&Tensor) -> Tensor + Send + Sync>),
}

impl Schedule {
    /// Exponential decay without stairs.
    pub fn exponential(decay_steps: u32, decay_rate: f64) -> Schedule {
        Schedule::Exponential {
            decay_steps,
            decay_rate,
            staircase: false,
        }
    }

    /// Cosine decay to 0 without warm-up.
    pub fn cosine(decay_steps: u32) -> Schedule {
        Schedule::Cosine {
            decay_steps,
            alpha: 0.0,
            warmup_steps: 0,
            warmup_from: 0.0,
        }
    }

    /// One cycle with the usual constants.
    pub fn one_cycle(steps: u32) -> Schedule {
        Schedule::OneCycle {
            steps,
            up: 0.3,
            start: 1.0 / 25.0,
            end: 1.0 / 250_000.0,
        }
    }

    /// The factor after `step` steps, an `f32` scalar like it.
    pub fn factor(&self, step: &Tensor) -> Tensor {
        let number = |x: f64| step.tracer().full(step.ty(), x);
        let of = |steps: &u32| step / f64::from((*steps).max(1));
        match self {
            Schedule::Piecewise {
                boundaries,
                factors,
            } => {
                let last = number(factors.last().copied().unwrap_or(1.0));
                let pairs = boundaries.iter().zip(factors).rev();
                pairs.fold(last, |later, (&boundary, &factor)| {
                    let before = step.compare(Cmp::Le, f64::from(boundary));
                    before.select(&number(factor), &later)
                })
            }
            Schedule::Exponential {
                decay_steps,
                decay_rate,
                staircase,
            } => number(*decay_rate).power(stairs(of(decay_steps), *staircase)),
            Schedule::InverseTime {
                decay_steps,
                decay_rate,
                staircase,
            } => number(1.0) / (stairs(of(decay_steps), *staircase) * *decay_rate + 1.0),
            Schedule::Polynomial {
                decay_steps,
                end,
                power,
                cycle,
            } => {
                let share = of(decay_steps);
                let share = match cycle {
                    true => &share / share.ceil().maximum(1.0),
                    false => share.minimum(1.0),
                };
                (1.0 - share).power(*power) * (1.0 - end) + *end
            }
            Schedule::Cosine {
                decay_steps,
                alpha,
                warmup_steps,
                warmup_from,
            } => {
                let after = (step - f64::from(*warmup_steps)).maximum(0.0);
                let share = (after / f64::from((*decay_steps).max(1))).minimum(1.0);
                let down = half_wave(&share) * (1.0 - alpha) + *alpha;
                let up = of(warmup_steps) * (1.0 - warmup_from) + *warmup_from;
                let warming = step.compare(Cmp::Lt, f64::from(*warmup_steps));
                warming.select(&up, &down)
            }
            Schedule::CosineRestarts {
                first_decay_steps,
                t_mul,
                m_mul,
                alpha,
            } => {
                let (wave, share) = restarts(&of(first_decay_steps), *t_mul);
                let height = number(*m_mul).power(wave);
                half_wave(&share) * height * (1.0 - alpha) + *alpha
            }
            Schedule::OneCycle {
                steps,
                up,
                start,
                end,
            } => {
                let top = (f64::from(*steps) * up).max(1.0);
                let rest = (f64::from(*steps) - top).max(1.0);
                let rising = 1.0 - half_wave(&(step / top).minimum(1.0));
                let falling = half_wave(&((step - top) / rest).clamp(0.0, 1.0));
                let before = step.compare(Cmp::Lt, top);
                let (up, down) = (
                    rising * (1.0 - start) + *start,
                    falling * (1.0 - end) + *end,
                );
                before.select(&up, &down)
            }
            Schedule::Custom(f) => f(step),
        }
    }
}

fn stairs(x: Tensor, staircase: bool) -> Tensor {
    if staircase { x.floor() } else { x }
}

/// From 1 at share 0 to 0 at share 1.
fn half_wave(share: &Tensor) -> Tensor {
    ((share * PI).cos() + 1.0) * 0.5
}

/// The number of the wave, and the share of it that is done, from the steps in lengths of the first.
fn restarts(done: &Tensor, t_mul: f64) -> (Tensor, Tensor) {
    if t_mul == 1.0 {
        let wave = done.floor();
        return (wave.clone(), done - wave);
    }
    let base = done.tracer().full(done.ty(), t_mul);
    // The waves before number i are (t^i - 1) / (t - 1) long together.
    let wave = ((done * (t_mul - 1.0) + 1.0).log() / base.log()).floor();
    let length = base.power(&wave);
    let before = (&length - 1.0) / (t_mul - 1.0);
    (wave, (done - before) / length)
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Schedule::Piecewise { .. } => "Piecewise",
            Schedule::Exponential { .. } => "Exponential",
            Schedule::InverseTime { .. } => "InverseTime",
            Schedule::Polynomial { .. } => "Polynomial",
            Schedule::Cosine { .. } => "Cosine",
            Schedule::CosineRestarts { .. } => "CosineRestarts",
            Schedule::OneCycle { .. } => "OneCycle",
            Schedule::Custom(_) => "Custom",
        };
        f.write_str(name)
    }
}

//! What is the same for all optimizers: clipping, weight decay, schedules, accumulation of gradients,
//! moving averages, and settings of single weights.

use super::{Optimizer, Schedule, Slot, Start, Updated, slots};
use crate::layers::Constraint;
use crate::tensor::{Tensor, Tracer};
use craneflow_ir::{Cmp, DType, Shape};

/// An optimizer with its settings. Any [`Optimizer`] becomes one where it is needed.
pub struct Tuned {
    rule: Box<dyn Optimizer>,
    clip_value: Option<f64>,
    clip_norm: Option<f64>,
    global_clip_norm: Option<f64>,
    weight_decay: f64,
    no_decay: Vec<String>,
    multipliers: Vec<(String, f64)>,
    schedule: Option<Schedule>,
    accumulation: u32,
    average: Option<f64>,
}

impl<O: Optimizer + 'static> From<O> for Tuned {
    fn from(rule: O) -> Tuned {
        Tuned {
            rule: Box::new(rule),
            clip_value: None,
            clip_norm: None,
            global_clip_norm: None,
            weight_decay: 0.0,
            no_decay: vec![],
            multipliers: vec![],
            schedule: None,
            accumulation: 1,
            average: None,
        }
    }
}

/// Settings of an optimizer: `Adam::new(0.001).global_clip_norm(1.0).schedule(..)`.
///
/// ```
/// use craneflow_nn::optim::{Adam, Schedule, Tune};
/// let optimizer = Adam::new(0.001)
///     .global_clip_norm(1.0)
///     .weight_decay(0.01)
///     .no_decay(&["bias"])
///     .schedule(Schedule::cosine(1000));
/// ```
pub trait Tune: Into<Tuned> {
    /// Keeps every element of a gradient within `-limit..=limit`.
    fn clip_value(self, limit: f64) -> Tuned {
        let mut tuned = self.into();
        tuned.clip_value = Some(limit);
        tuned
    }

    /// Shortens the gradient of a weight to this norm, if it is longer.
    fn clip_norm(self, norm: f64) -> Tuned {
        let mut tuned = self.into();
        tuned.clip_norm = Some(norm);
        tuned
    }

    /// Shortens all gradients together to this norm, if they are longer.
    fn global_clip_norm(self, norm: f64) -> Tuned {
        let mut tuned = self.into();
        tuned.global_clip_norm = Some(norm);
        tuned
    }

    /// Takes the share `rate * decay` off every weight before each update.
    fn weight_decay(self, decay: f64) -> Tuned {
        let mut tuned = self.into();
        tuned.weight_decay = decay;
        tuned
    }

    /// Leaves weights whose names hold one of these words out of `weight_decay`.
    fn no_decay(self, words: &[&str]) -> Tuned {
        let mut tuned = self.into();
        tuned.no_decay = words.iter().map(|w| w.to_string()).collect();
        tuned
    }

    /// Multiplies the learning rate of weights whose names hold `word`; 0 leaves them as they are.
    /// The first setting that fits a weight counts.
    fn rate_multiplier(self, word: &str, factor: f64) -> Tuned {
        let mut tuned = self.into();
        tuned.multipliers.push((word.to_string(), factor));
        tuned
    }

    /// Multiplies the learning rate by a function of the updates done.
    fn schedule(self, schedule: Schedule) -> Tuned {
        let mut tuned = self.into();
        tuned.schedule = Some(schedule);
        tuned
    }

    /// Updates after every `steps` steps only, with the mean of their gradients.
    fn gradient_accumulation(self, steps: u32) -> Tuned {
        let mut tuned = self.into();
        tuned.accumulation = steps.max(1);
        tuned
    }

    /// Keeps a moving average of every weight, of which a step keeps the share `momentum`.
    /// [`Model::use_averages`](crate::Model::use_averages) puts them in place of the weights.
    fn moving_average(self, momentum: f64) -> Tuned {
        let mut tuned = self.into();
        tuned.average = Some(momentum);
        tuned
    }
}

impl<T: Into<Tuned>> Tune for T {}

/// A weight that is to be updated.
pub(crate) struct Job<'a> {
    /// Its name in the model.
    pub name: &'a str,
    /// Its value before.
    pub weight: &'a Tensor,
    /// Its gradient.
    pub gradient: &'a Tensor,
    /// Its slots, in the order of `Tuned::slots`.
    pub slots: Vec<Tensor>,
    /// What it is projected on.
    pub constraint: Option<&'a Constraint>,
}

/// Name of the slot of a moving average.
pub(crate) const AVERAGE: &str = "average";

impl Tuned {
    /// The name of the rule.
    pub fn name(&self) -> &'static str {
        self.rule.name()
    }

    /// The learning rate to begin with.
    pub fn learning_rate(&self) -> f32 {
        self.rule.learning_rate()
    }

    /// The slots of a weight: those of the rule, then those of the settings.
    pub fn slots(&self, shape: &Shape) -> Vec<Slot> {
        let mut all = self.rule.slots(shape);
        if self.accumulation > 1 {
            all.extend(slots(shape, &["gradient_accumulator"]));
        }
        if self.average.is_some() {
            all.push(Slot {
                name: AVERAGE,
                shape: shape.clone(),
                start: Start::Weight,
            });
        }
        all
    }

    /// The counters of the rule, then that of the steps, if a setting needs it.
    pub fn counters(&self) -> Vec<(&'static str, f32)> {
        let mut all = self.rule.counters();
        if self.counts_steps() {
            all.push(("iterations", 0.0));
        }
        all
    }

    fn counts_steps(&self) -> bool {
        self.schedule.is_some() || self.accumulation > 1 || self.average.is_some()
    }

    /// Adds the nodes of a step: the counters after it, and every weight with its slots.
    pub(crate) fn apply(
        &self,
        tracer: &Tracer,
        rate: &Tensor,
        counters: &[Tensor],
        jobs: &[Job<'_>],
    ) -> (Vec<Tensor>, Vec<Updated>) {
        let name = self.name();
        let (own, steps) = counters.split_at(self.rule.counters().len());
        let steps = steps.first();
        let accumulated = tracer.layer(name, || self.accumulated(jobs, steps));
        let gradients = tracer.layer(name, || self.clipped(accumulated.gradients));
        let (rate, shared) = tracer.layer(name, || {
            let rate = self.scheduled(rate, steps);
            let shared = self.rule.step(tracer, &rate, own);
            (rate, shared)
        });
        let due = accumulated.due.as_ref();
        let chosen = |new: Tensor, old: &Tensor| match due {
            Some(due) => due.broadcast_to(old.shape()).select(&new, old),
            None => new,
        };
        let mut updates = vec![];
        for (i, (job, gradient)) in jobs.iter().zip(&gradients).enumerate() {
            let layer = job.name.rsplit_once('.').map_or("", |(layer, _)| layer);
            let scope = format!("{layer}/{name}");
            let updated = tracer.layer(&scope, || {
                let count = self.rule.slots(job.weight.shape()).len();
                let (mine, extra) = job.slots.split_at(count);
                let updated = self.weight(job, gradient, mine, &rate, &shared.factors);
                let weight = chosen(updated.weight, job.weight);
                let pairs = updated.slots.into_iter().zip(mine);
                let mut slots: Vec<Tensor> = pairs.map(|(new, old)| chosen(new, old)).collect();
                slots.extend(accumulated.kept.get(i).cloned());
                if let (Some(momentum), Some(old)) = (self.average, extra.last()) {
                    slots.push(averaged(momentum, &weight, old, steps));
                }
                Updated { weight, slots }
            });
            updates.push(updated);
        }
        let counters = shared.counters.into_iter().zip(own);
        let mut counters: Vec<Tensor> = counters.map(|(new, old)| chosen(new, old)).collect();
        counters.extend(steps.map(|steps| steps + 1.0));
        (counters, updates)
    }

    /// One weight with decay, the rule at the weight's own rate, and constraint.
    fn weight(
        &self,
        job: &Job<'_>,
        gradient: &Tensor,
        slots: &[Tensor],
        rate: &Tensor,
        shared: &[Tensor],
    ) -> Updated {
        let decays =
            self.weight_decay != 0.0 && !self.no_decay.iter().any(|w| job.name.contains(w));
        let before = match decays {
            true => job.weight - job.weight * (rate * self.weight_decay),
            false => job.weight.clone(),
        };
        let mut updated = self.rule.update(shared, &before, gradient, slots);
        let multiplier = self.multipliers.iter().find(|(w, _)| job.name.contains(w));
        if let Some((_, factor)) = multiplier {
            // Steps are proportional to the rate, in every rule of the table but Ftrl.
            updated.weight = job.weight + (updated.weight - job.weight) * *factor;
        }
        if let Some(constraint) = job.constraint {
            updated.weight = constraint.project(&updated.weight);
        }
        updated
    }

    fn scheduled(&self, rate: &Tensor, steps: Option<&Tensor>) -> Tensor {
        match (&self.schedule, steps) {
            (Some(schedule), Some(steps)) => {
                let updates = match self.accumulation {
                    1 => steps.clone(),
                    n => (steps / f64::from(n)).floor(),
                };
                rate * schedule.factor(&updates)
            }
            _ => rate.clone(),
        }
    }

    /// Gradients with those of the steps before, whether an update is due, and what is kept if not.
    fn accumulated(&self, jobs: &[Job<'_>], steps: Option<&Tensor>) -> Accumulated {
        let gradients = jobs.iter().map(|job| job.gradient.clone());
        let (n, Some(steps)) = (f64::from(self.accumulation), steps) else {
            return Accumulated::all(gradients.collect());
        };
        if self.accumulation == 1 {
            return Accumulated::all(gradients.collect());
        }
        let due = (steps + 1.0).remainder(n).compare(Cmp::Eq, 0.0);
        let place = |job: &Job<'_>| self.rule.slots(job.weight.shape()).len();
        let sums: Vec<Tensor> = jobs
            .iter()
            .zip(gradients)
            .map(|(job, g)| &job.slots[place(job)] + g)
            .collect();
        let zero = |x: &Tensor| x.tracer().full(x.ty(), 0.0);
        let kept = |x: &Tensor| due.broadcast_to(x.shape()).select(&zero(x), x);
        Accumulated {
            gradients: sums.iter().map(|sum| sum / n).collect(),
            kept: sums.iter().map(kept).collect(),
            due: Some(due),
        }
    }

    fn clipped(&self, gradients: Vec<Tensor>) -> Vec<Tensor> {
        let shortened = |g: Tensor, squares: Tensor, limit: f64| {
            let norm = squares.sqrt();
            // As the norm may be 0, it is compared and not divided by where it is short.
            let long = norm.maximum(limit);
            g * (norm.tracer().full(norm.ty(), limit) / long)
        };
        let squares = |g: &Tensor| g.square().sum(&[]);
        if let Some(limit) = self.clip_norm {
            let clip = |g: Tensor| {
                let s = squares(&g);
                shortened(g, s, limit)
            };
            return gradients.into_iter().map(clip).collect();
        }
        if let Some(limit) = self.global_clip_norm {
            let all = gradients.iter().map(squares).reduce(|a, b| a + b);
            let clip = |g: Tensor| match &all {
                Some(all) => shortened(g, all.clone(), limit),
                None => g,
            };
            return gradients.into_iter().map(clip).collect();
        }
        match self.clip_value {
            Some(limit) => gradients.iter().map(|g| g.clamp(-limit, limit)).collect(),
            None => gradients,
        }
    }
}

/// Gradients that are due, and what is kept of those that are not.
struct Accumulated {
    gradients: Vec<Tensor>,
    kept: Vec<Tensor>,
    due: Option<Tensor>,
}

impl Accumulated {
    /// Nothing is kept.
    fn all(gradients: Vec<Tensor>) -> Accumulated {
        Accumulated {
            gradients,
            kept: vec![],
            due: None,
        }
    }
}

/// The moving average after a step; the first one takes the weight as it is.
fn averaged(momentum: f64, weight: &Tensor, old: &Tensor, steps: Option<&Tensor>) -> Tensor {
    let first = steps.map(|steps| steps.compare(Cmp::Eq, 0.0).convert(DType::F32));
    let share = match first {
        Some(first) => (1.0 - first) * momentum,
        None => weight.tracer().scalar(DType::F32, momentum),
    };
    old * &share + weight * (1.0 - share)
}

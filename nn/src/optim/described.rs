//! Optimizers in descriptions.

use super::schedule::schedule;
use super::*;
use crate::describe::document::{FromNode, Node, RecipeError, Section};
use crate::describe::{Keys, Scope};

/// A rule that descriptions can hold.
trait Rule: Optimizer + Default + 'static {
    /// Whether `weight_decay` is the rule's own.
    const DECAYS: bool;

    fn rate(&mut self) -> &mut f32;

    /// The numbers besides the learning rate.
    fn keys(&mut self, k: &mut Keys<'_, '_>) -> Result<(), RecipeError>;
}

macro_rules! rule {
    ($Rule:ident $decays:literal $($rate:ident).+ [$($($field:ident).+ : $key:literal),* $(,)?]) => {
        impl Rule for $Rule {
            const DECAYS: bool = $decays;

            fn rate(&mut self) -> &mut f32 {
                &mut self.$($rate).+
            }

            fn keys(&mut self, k: &mut Keys<'_, '_>) -> Result<(), RecipeError> {
                $(k.key($key, &mut self.$($field).+)?;)*
                Ok(())
            }
        }
    };
}

rule!(Sgd false rate [momentum: "momentum", nesterov: "nesterov"]);
rule!(Adam false rate [beta1: "beta_1", beta2: "beta_2", epsilon: "epsilon"]);
rule!(AdamW true adam.rate [
    adam.beta1: "beta_1", adam.beta2: "beta_2", adam.epsilon: "epsilon", decay: "weight_decay",
]);
rule!(RmsProp false rate [rho: "rho", momentum: "momentum", epsilon: "epsilon"]);
rule!(Adagrad false rate [initial: "initial_accumulator_value", epsilon: "epsilon"]);
rule!(Adadelta false rate [rho: "rho", epsilon: "epsilon"]);
rule!(Adamax false rate [beta1: "beta_1", beta2: "beta_2", epsilon: "epsilon"]);
rule!(Nadam false rate [beta1: "beta_1", beta2: "beta_2", epsilon: "epsilon"]);
rule!(Lion false rate [beta1: "beta_1", beta2: "beta_2"]);
rule!(Lamb false rate [beta1: "beta_1", beta2: "beta_2", epsilon: "epsilon"]);
rule!(Ftrl false rate [
    power: "learning_rate_power", initial: "initial_accumulator_value",
    l1: "l1_regularization_strength", l2: "l2_regularization_strength",
    l2_shrinkage: "l2_shrinkage_regularization_strength", beta: "beta",
]);
rule!(Adafactor false rate [
    beta2_decay: "beta_2_decay", epsilon1: "epsilon_1", epsilon2: "epsilon_2",
    clip_threshold: "clip_threshold", relative_step: "relative_step",
]);
rule!(Muon true rate [
    momentum: "momentum", nesterov: "nesterov", iterations: "ns_steps", rms_rate: "rms_rate",
    decay: "weight_decay",
]);
rule!(ScheduleFreeAdamW false rate [
    beta1: "beta_1", beta2: "beta_2", epsilon: "epsilon", warmup_steps: "warmup_steps",
]);

/// A row of the table: the name, the optimizer at a learning rate or at its usual one, and with what a table says.
struct Row {
    name: &'static str,
    at: fn(Option<f32>) -> Tuned,
    read: fn(&Section<'_>) -> Result<Tuned, RecipeError>,
}

fn row<R: Rule>() -> Row {
    Row {
        name: R::default().name(),
        at: |rate| {
            let mut rule = R::default();
            if let Some(rate) = rate {
                *rule.rate() = rate;
            }
            rule.into()
        },
        read: read::<R>,
    }
}

fn read<R: Rule>(s: &Section<'_>) -> Result<Tuned, RecipeError> {
    let mut rule = R::default();
    let scope = Scope::default();
    let k = &mut Keys::Read(s, &scope);
    k.key("learning_rate", rule.rate())?;
    rule.keys(k)?;
    let mut tuned: Tuned = rule.into();
    if !R::DECAYS
        && let Some(decay) = s.get("weight_decay")?
    {
        tuned = tuned.weight_decay(decay);
    }
    Ok(tuned)
}

/// All optimizers.
fn table() -> [Row; 14] {
    [
        row::<Sgd>(),
        row::<Adam>(),
        row::<AdamW>(),
        row::<RmsProp>(),
        row::<Adagrad>(),
        row::<Adadelta>(),
        row::<Adamax>(),
        row::<Nadam>(),
        row::<Lion>(),
        row::<Lamb>(),
        row::<Ftrl>(),
        row::<Adafactor>(),
        row::<Muon>(),
        row::<ScheduleFreeAdamW>(),
    ]
}

/// Names that [`from_name`] knows.
pub fn names() -> impl Iterator<Item = &'static str> {
    table().into_iter().map(|row| row.name)
}

/// The optimizer of this name at this learning rate, with its usual constants.
pub fn from_name(name: &str, rate: f32) -> Result<Tuned, NnError> {
    let row = table().into_iter().find(|row| row.name == name);
    let row = row.ok_or_else(|| NnError::Unknown {
        what: "optimizer",
        name: name.to_string(),
        known: names().collect(),
    })?;
    Ok((row.at)(Some(rate)))
}

/// The row that a word of a description names.
fn named(node: &Node<'_>) -> Result<Row, RecipeError> {
    let word = String::from_node(node)?;
    let name = word.to_lowercase();
    let row = table().into_iter().find(|row| row.name == name);
    let known = || names().chain(LBFGS.into_iter().take(1)).collect::<Vec<_>>();
    row.ok_or_else(|| node.unknown(&word, &known()))
}

/// Names of L-BFGS, which is no optimizer of steps.
const LBFGS: [&str; 2] = ["lbfgs", "l-bfgs"];

/// L-BFGS, if a description says so: `"lbfgs"`, or a table with `type` and its numbers.
pub(crate) fn described_lbfgs(node: &Node<'_>) -> Result<Option<Lbfgs>, RecipeError> {
    let named = |node: &Node<'_>| {
        let word = String::from_node(node)?.to_lowercase();
        Ok(LBFGS.contains(&word.as_str()))
    };
    let mut lbfgs = Lbfgs::default();
    if !node.is_table() {
        return Ok(named(node)?.then_some(lbfgs));
    }
    let s = node.section()?;
    if s.with("type", named)? != Some(true) {
        return Ok(None);
    }
    lbfgs.memory = s.or("memory", lbfgs.memory)?;
    lbfgs.gradient_tolerance = s.or("gradient_tolerance", lbfgs.gradient_tolerance)?;
    lbfgs.value_tolerance = s.or("value_tolerance", lbfgs.value_tolerance)?;
    s.done()?;
    Ok(Some(lbfgs))
}

/// The optimizer of a description: `"adam"`, or a table with `type` and its numbers.
pub(crate) fn optimizer(node: &Node<'_>) -> Result<Tuned, RecipeError> {
    if !node.is_table() {
        return Ok((named(node)?.at)(None));
    }
    let s = node.section()?;
    let row = s.with("type", named)?.ok_or_else(|| s.missing("type"))?;
    let tuned = tuned((row.read)(&s)?, &s)?;
    s.done()?;
    Ok(tuned)
}

/// What all optimizers have.
fn tuned(mut tuned: Tuned, s: &Section<'_>) -> Result<Tuned, RecipeError> {
    if let Some(limit) = s.get("clipvalue")? {
        tuned = tuned.clip_value(limit);
    }
    if let Some(norm) = s.get("clipnorm")? {
        tuned = tuned.clip_norm(norm);
    }
    if let Some(norm) = s.get("global_clipnorm")? {
        tuned = tuned.global_clip_norm(norm);
    }
    if let Some(steps) = s.get::<usize>("gradient_accumulation_steps")? {
        tuned = tuned.gradient_accumulation(u32::try_from(steps).unwrap_or(u32::MAX));
    }
    if let Some(momentum) = s.get("ema_momentum")? {
        tuned = tuned.moving_average(momentum);
    }
    let words: Option<Vec<String>> = s.get("no_decay")?;
    if let Some(words) = words {
        tuned = tuned.no_decay(&words.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let factors = s.with("rate_multipliers", |node| Ok(node.section()?.named()))?;
    for (word, factor) in factors.unwrap_or_default() {
        tuned = tuned.rate_multiplier(&word, f64::from_node(&factor)?);
    }
    if let Some(schedule) = s.with("schedule", schedule)? {
        tuned = tuned.schedule(schedule);
    }
    Ok(tuned)
}

//! Optimizers in descriptions.

use super::schedule::schedule;
use super::*;
use crate::describe::document::{FromNode, Node, RecipeError, Section};
use crate::describe::{Keys, Scope};

/// A rule that descriptions can hold.
trait Rule: Optimizer + Default + 'static {
    /// Whether `weight_decay` is the rule's own.
    const DECAYS: bool;

    fn keys(&mut self, k: &mut Keys<'_, '_>) -> Result<(), RecipeError>;
}

macro_rules! rule {
    ($Rule:ident $decays:literal [$($($field:ident).+ : $key:literal),* $(,)?]) => {
        impl Rule for $Rule {
            const DECAYS: bool = $decays;

            fn keys(&mut self, k: &mut Keys<'_, '_>) -> Result<(), RecipeError> {
                $(k.key($key, &mut self.$($field).+)?;)*
                Ok(())
            }
        }
    };
}

rule!(Sgd false [rate: "learning_rate", momentum: "momentum", nesterov: "nesterov"]);
rule!(Adam false [
    rate: "learning_rate", beta1: "beta_1", beta2: "beta_2", epsilon: "epsilon",
]);
rule!(AdamW true [
    adam.rate: "learning_rate", adam.beta1: "beta_1", adam.beta2: "beta_2",
    adam.epsilon: "epsilon", decay: "weight_decay",
]);
rule!(RmsProp false [
    rate: "learning_rate", rho: "rho", momentum: "momentum", epsilon: "epsilon",
]);
rule!(Adagrad false [
    rate: "learning_rate", initial: "initial_accumulator_value", epsilon: "epsilon",
]);
rule!(Adadelta false [rate: "learning_rate", rho: "rho", epsilon: "epsilon"]);
rule!(Adamax false [
    rate: "learning_rate", beta1: "beta_1", beta2: "beta_2", epsilon: "epsilon",
]);
rule!(Nadam false [
    rate: "learning_rate", beta1: "beta_1", beta2: "beta_2", epsilon: "epsilon",
]);
rule!(Lion false [rate: "learning_rate", beta1: "beta_1", beta2: "beta_2"]);
rule!(Lamb false [
    rate: "learning_rate", beta1: "beta_1", beta2: "beta_2", epsilon: "epsilon",
]);
rule!(Ftrl false [
    rate: "learning_rate", power: "learning_rate_power", initial: "initial_accumulator_value",
    l1: "l1_regularization_strength", l2: "l2_regularization_strength",
    l2_shrinkage: "l2_shrinkage_regularization_strength", beta: "beta",
]);
rule!(Adafactor false [
    rate: "learning_rate", beta2_decay: "beta_2_decay", epsilon1: "epsilon_1",
    epsilon2: "epsilon_2", clip_threshold: "clip_threshold", relative_step: "relative_step",
]);
rule!(Muon true [
    rate: "learning_rate", momentum: "momentum", nesterov: "nesterov", iterations: "ns_steps",
    rms_rate: "rms_rate", decay: "weight_decay",
]);
rule!(ScheduleFreeAdamW false [
    rate: "learning_rate", beta1: "beta_1", beta2: "beta_2", epsilon: "epsilon",
    warmup_steps: "warmup_steps",
]);

type Read = fn(&Section<'_>) -> Result<Tuned, RecipeError>;

fn read<R: Rule>(s: &Section<'_>) -> Result<Tuned, RecipeError> {
    let mut rule = R::default();
    rule.keys(&mut Keys::Read(s, &Scope::default()))?;
    let mut tuned: Tuned = rule.into();
    if !R::DECAYS
        && let Some(decay) = s.get("weight_decay")?
    {
        tuned = tuned.weight_decay(decay);
    }
    Ok(tuned)
}

const TABLE: [(&str, Read); 14] = [
    ("sgd", read::<Sgd>),
    ("adam", read::<Adam>),
    ("adamw", read::<AdamW>),
    ("rmsprop", read::<RmsProp>),
    ("adagrad", read::<Adagrad>),
    ("adadelta", read::<Adadelta>),
    ("adamax", read::<Adamax>),
    ("nadam", read::<Nadam>),
    ("lion", read::<Lion>),
    ("lamb", read::<Lamb>),
    ("ftrl", read::<Ftrl>),
    ("adafactor", read::<Adafactor>),
    ("muon", read::<Muon>),
    ("schedule_free_adamw", read::<ScheduleFreeAdamW>),
];

/// The optimizer of a description: `"adam"`, or a table with `type` and its numbers.
pub(crate) fn optimizer(node: &Node<'_>) -> Result<Tuned, RecipeError> {
    if !node.is_table() {
        let word = String::from_node(node)?;
        let known: Vec<&str> = TABLE.iter().map(|(name, _)| *name).collect();
        let name = word.to_lowercase();
        return match known.contains(&name.as_str()) {
            true => from_name(&name, usual_rate(&name)).map_err(|e| node.error(e.to_string())),
            false => Err(node.unknown(&word, &known)),
        };
    }
    let s = node.section()?;
    let read = s.with("type", |node| {
        let word = String::from_node(node)?;
        let found = TABLE.iter().find(|(name, _)| *name == word.to_lowercase());
        let known: Vec<&str> = TABLE.iter().map(|(name, _)| *name).collect();
        found
            .map(|(_, read)| *read)
            .ok_or_else(|| node.unknown(&word, &known))
    })?;
    let read = read.ok_or_else(|| s.error("the key `type` is missing, such as type = \"adam\""))?;
    let tuned = tuned(read(&s)?, &s)?;
    s.done()?;
    Ok(tuned)
}

fn usual_rate(name: &str) -> f32 {
    if name == "sgd" { 0.01 } else { 0.001 }
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
    if let Some(schedule) = s.with("schedule", schedule)? {
        tuned = tuned.schedule(schedule);
    }
    Ok(tuned)
}

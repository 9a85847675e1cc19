//! What a model is trained for; also as text that files hold, so that a model that was opened can be evaluated.

use super::Model;
use super::network::Network;
use crate::describe::Setting;
use crate::describe::document::{self, Node, RecipeError};
use crate::loss::Loss;
use crate::metrics::Metric;
use crate::optim::Tuned;
use std::path::Path;

/// How a model is trained.
pub(crate) struct Training {
    pub optimizer: Tuned,
    /// What the first outputs are trained for.
    pub targets: Vec<Target>,
}

/// What an output of a model is trained for.
#[derive(Clone, Debug)]
pub struct Target {
    /// The loss of the output.
    pub loss: Loss,
    /// What the loss is multiplied by in the sum of all.
    pub weight: f64,
    /// What is reported besides.
    pub metrics: Vec<Metric>,
}

impl Target {
    /// This loss, with weight 1 and no metrics.
    pub fn new(loss: Loss) -> Target {
        Target {
            loss,
            weight: 1.0,
            metrics: vec![],
        }
    }

    /// Sets what the loss is multiplied by in the sum of all.
    pub fn weight(mut self, weight: f64) -> Target {
        self.weight = weight;
        self
    }

    /// Sets what is reported besides.
    pub fn metrics(mut self, metrics: &[Metric]) -> Target {
        self.metrics = metrics.to_vec();
        self
    }
}

/// A number that programs report: its name, and the metric that it is of, unless it is a loss.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub name: String,
    pub metric: Option<Metric>,
}

impl Training {
    /// What programs report, in order: the loss; with several targets, the loss of each; the metrics.
    pub fn reports(&self, network: &Network) -> Vec<Report> {
        let several = self.targets.len() > 1;
        let mut reports: Vec<Report> = vec![];
        let mut add = |name: String, metric: Option<Metric>| {
            let same = |n: &str| reports.iter().any(|r| r.name == n);
            let mut numbered = name.clone();
            let mut number = 0;
            while same(&numbered) {
                number += 1;
                numbered = format!("{name}_{number}");
            }
            let name = numbered;
            reports.push(Report { name, metric });
        };
        add("loss".to_string(), None);
        for (i, _) in self.targets.iter().enumerate().filter(|_| several) {
            add(format!("{}_loss", network.output_name(i)), None);
        }
        for (i, target) in self.targets.iter().enumerate() {
            for metric in &target.metrics {
                let name = match several {
                    true => format!("{}_{}", network.output_name(i), metric.name()),
                    false => metric.name().to_string(),
                };
                add(name, Some(metric.clone()));
            }
        }
        reports
    }
}

/// Where it is kept in the metadata of a file.
pub(super) const KEY: &str = "targets";

/// The targets in TOML; `None` where a loss or a metric is the user's.
pub(super) fn text(targets: &[Target]) -> Option<String> {
    let lines: Vec<String> = targets.iter().map(line).collect();
    // What has no name is the user's.
    let named = lines.iter().all(|line| !line.contains("\"\""));
    named.then(|| format!("{KEY} = [\n{}]\n", lines.concat()))
}

fn line(target: &Target) -> String {
    let (loss, smoothing) = match &target.loss {
        Loss::Smoothed { loss, by } => (&**loss, format!(", label_smoothing = {}", by.write())),
        loss => (loss, String::new()),
    };
    format!(
        "  {{ loss = {}{smoothing}, weight = {}, metrics = {} }},\n",
        loss.write(),
        target.weight.write(),
        target.metrics.write()
    )
}

/// The targets of a text that [`text`] gave; `path` is for messages.
fn parse(path: &Path, text: &str) -> Result<Vec<Target>, RecipeError> {
    let one = |node: &Node<'_>| {
        let s = node.section()?;
        s.must_have("loss")?;
        let loss: Option<Loss> = s.with("loss", Setting::read)?;
        let mut target = Target::new(loss.expect("it is there"));
        let by = s.or("label_smoothing", 0.0)?;
        if by != 0.0 {
            target.loss = target.loss.label_smoothing(by);
        }
        target.weight = s.or("weight", 1.0)?;
        target.metrics = s.with("metrics", Setting::read)?.unwrap_or_default();
        s.done()?;
        Ok(target)
    };
    document::read(path, text, |top| {
        let list = top.with(KEY, |node| node.list()?.iter().map(one).collect())?;
        Ok(list.unwrap_or_default())
    })
}

impl Model {
    /// Compiles the model for the targets of a file, if it says any.
    pub(super) fn compile_as_saved(
        &mut self,
        path: &Path,
        text: Option<&String>,
    ) -> Result<(), crate::NnError> {
        let targets = match text {
            Some(text) => parse(path, text).map_err(Box::new)?,
            None => vec![],
        };
        match targets.is_empty() {
            true => Ok(()),
            false => self.compile_all(crate::optim::Adam::default(), targets),
        }
    }
}

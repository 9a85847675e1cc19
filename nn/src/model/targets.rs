//! What a model is trained for, as text that files hold: a model that was opened can be evaluated.

use super::{Model, Target};
use crate::describe::Setting;
use crate::describe::document::{self, Node, RecipeError};
use crate::loss::Loss;
use std::path::Path;

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

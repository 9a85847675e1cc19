//! A look inside a training step, for reports.

use super::batches::Batches;
use super::{Kind, Model};
use crate::error::NnError;
use crate::host::Feed;
use craneflow_ir::Array;
use craneflow_runtime::{Options, Profile, Step};

/// What a training step on a batch is like.
pub struct Inspection {
    /// Gradients of the trained weights, by name.
    pub gradients: Vec<(String, Array)>,
    /// Layers that are computed together, and seconds that a step spends on them.
    pub times: Vec<(String, f64)>,
    /// Memory that a step takes at most.
    pub peak_bytes: usize,
    /// Kernels of a step.
    pub kernels: usize,
}

/// Steps that are timed; the shortest times count.
const RUNS: usize = 12;

impl Model {
    /// Looks at a step on these samples. The state of the model does not change.
    pub fn inspect_step<'a>(
        &mut self,
        x: impl Into<Feed<'a>>,
        y: impl Into<Feed<'a>>,
    ) -> Result<Inspection, NnError> {
        let targets = self.training("inspect_step")?.targets.clone();
        let (x, y) = ([x.into()], [y.into()]);
        self.pull();
        let batches = Batches::new(&self.network, &x, Some((&targets, &y)))?;
        let samples = batches.samples();
        let rows: Vec<usize> = (0..samples).collect();
        let gradients = self.gradients_of(&batches.arrays(&rows), samples, false)?;
        let (times, peak_bytes, kernels) = self.timed(&batches, &rows)?;
        Ok(Inspection {
            gradients,
            times,
            peak_bytes,
            kernels,
        })
    }

    /// The gradients of the trained weights for the last batch that was trained on, with the weights as they are now;
    /// none before the first step.
    pub fn last_gradients(&mut self) -> Result<Vec<(String, Array)>, NnError> {
        let Some(last) = self.last.map(|index| &self.programs[index]) else {
            return Ok(vec![]);
        };
        let Kind::Train { weighted } = last.kind else {
            return Ok(vec![]);
        };
        // Behind the state and the learning rate.
        let first = self.state.len() + 1;
        let inputs = first..last.engine.inputs().len();
        let batch: Vec<Array> = inputs.map(|i| last.engine.get(i)).collect();
        let samples = last.batch;
        self.gradients_of(&batch, samples, weighted)
    }

    /// The gradients of the trained weights for a batch of inputs, labels and, where it is weighted, weights.
    fn gradients_of(
        &mut self,
        batch: &[Array],
        samples: usize,
        weighted: bool,
    ) -> Result<Vec<(String, Array)>, NnError> {
        let index = self.program(Kind::Inspect { weighted }, samples)?;
        let engine = &mut self.programs[index].engine;
        for (i, array) in batch.iter().enumerate() {
            engine.set(self.state.len() + i, &array.into())?;
        }
        engine.run(&[])?;
        let outputs = engine.outputs().iter().enumerate();
        let gradients = outputs.filter_map(|(i, port)| {
            let name = port.name.strip_prefix("gradient.")?;
            Some((name.to_string(), engine.output(i)))
        });
        Ok(gradients.collect())
    }

    /// Time by layers, peak memory and kernels of a training step.
    #[allow(clippy::type_complexity, reason = "three results")]
    fn timed(
        &self,
        batches: &Batches<'_>,
        rows: &[usize],
    ) -> Result<(Vec<(String, f64)>, usize, usize), NnError> {
        let graph = self.train_graph(rows.len())?;
        let options = Options::with_threads(self.options.threads);
        let name = graph.name.clone();
        let compiled = Step::compile(&graph, &options);
        let mut step = compiled.map_err(|source| NnError::Compile { name, source })?;
        for (i, array) in self.state.iter().enumerate() {
            step.set_array(i, array)?;
        }
        let first = self.state.len();
        step.set(first, &[self.rate])?;
        for (i, array) in batches.arrays(rows).iter().enumerate() {
            step.set_array(first + 1 + i, array)?;
        }
        let mut profile = Profile::new(step.program());
        for _ in 0..RUNS {
            step.run_profiled(&mut profile);
        }
        let mut times: Vec<(String, f64)> = vec![];
        for row in profile
            .rows()
            .iter()
            .filter(|r| !r.control && r.count > 0.0)
        {
            let per_step = row.count / RUNS as f64;
            let seconds = row.best.as_secs_f64() * per_step;
            match times.iter_mut().find(|(from, _)| *from == row.from) {
                Some((_, sum)) => *sum += seconds,
                None => times.push((row.from.clone(), seconds)),
            }
        }
        times.sort_by(|a, b| b.1.total_cmp(&a.1));
        Ok((times, step.peak_bytes(), step.program().kernels.len()))
    }

    /// Inputs, then layers, in an order in which each comes after what it takes.
    pub fn wiring(&self) -> Vec<Wire> {
        let extents = |ty: &craneflow_ir::Type| ty.shape.iter().skip(1).copied().collect();
        let inputs = self.network.inputs.iter().map(|(name, input)| Wire {
            name: name.clone(),
            kind: "input",
            shape: extents(&input.batch(1)),
            from: vec![],
        });
        let uses = self.network.uses.iter().map(|used| Wire {
            name: used.name.clone(),
            kind: used.layer.meta().kind,
            shape: extents(&used.types[0]),
            from: used.x.iter().map(|(i, _)| *i).collect(),
        });
        inputs.chain(uses).collect()
    }
}

/// A layer of a model, or an input, and what it takes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wire {
    /// Its name in the model.
    pub name: String,
    /// What it is: `conv2d`, or `input`.
    pub kind: &'static str,
    /// The shape of what it gives, without the batch.
    pub shape: Vec<usize>,
    /// Positions of what it takes, all before its own.
    pub from: Vec<usize>,
}

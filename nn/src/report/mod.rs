//! Reports of trainings: one page that needs nothing else, and the curves as files.

mod canvas;
mod chart;
mod drawing;
mod html;
mod mistakes;

use crate::callbacks::TensorBoard;
use crate::checkpoint::write_whole;
use crate::data::front::Front;
use crate::data::images::floats;
use crate::data::pipeline::Pass;
use crate::data::source::Feeding;
use crate::data::{Labels, Source, Table};
use crate::error::NnError;
use crate::loss::Loss;
use crate::model::{Inspection, Model, Wire};
pub(crate) use chart::bounds;
use chart::{Chart, Series};
use mistakes::{Mistake, Shown};
use ndarray::{ArrayD, Axis};
use std::path::Path;

/// What a training came to, to look at.
pub struct Report {
    title: String,
    facts: Vec<(String, String)>,
    /// Charts and the names of their files.
    charts: Vec<(String, Chart)>,
    classes: Vec<String>,
    /// How many samples of each class (row) the model said to be of each (column).
    confusion: Option<Vec<Vec<usize>>>,
    mistakes: Vec<Mistake>,
    layers: Vec<Wire>,
    times: Vec<(String, f64)>,
    weights: Vec<Weight>,
}

struct Weight {
    name: String,
    values: Vec<f32>,
    gradient: Option<Vec<f32>>,
}

impl Report {
    /// Looks at a trained model and at how it does on held-out samples, whose rows in their table are `rows`
    /// if they are from one. The model stays as it is.
    pub fn collect(
        title: &str,
        model: &mut Model,
        train: &Source,
        test: &Source,
        front: &Front,
        rows: Option<&Table>,
        batch_size: usize,
    ) -> Result<Report, NnError> {
        let shown = Shown { test, front, rows };
        let n = train.len().min(batch_size);
        let first: Vec<usize> = (0..n).collect();
        let (x, y) = (train.inputs_of(&first)?, train.labels_of(&first));
        let found = model.inspect_step(&x, &y)?;
        let outputs = predicted(model, test)?;
        let judged = model.evaluate_source(test, 32)?;
        let mut facts = facts(model, train, test, &found, batch_size);
        facts.extend(judged.iter().map(|(name, x)| {
            let units = front.in_units(name, *x).unwrap_or_default();
            (format!("held-out {name}"), format!("{x:.5}{units}"))
        }));
        let loss = model.loss();
        let (confusion, mistakes) = match test.labels() {
            Labels::Classes(ids) => {
                let said = probabilities(&outputs, loss.as_ref(), test.classes().len());
                let ids: Vec<usize> = ids.iter().map(|&id| id as usize).collect();
                (
                    Some(counts(&said, &ids, test.classes().len())),
                    shown.worst(&said, &ids)?,
                )
            }
            Labels::Values(y) => (None, shown.farthest(&outputs, y)?),
        };
        Ok(Report {
            title: title.to_string(),
            facts,
            charts: charts(model),
            classes: test.classes().to_vec(),
            confusion,
            mistakes,
            layers: model.wiring(),
            weights: weights(model, &found),
            times: found.times,
        })
    }

    /// Writes `index.html`, and each chart as SVG and PNG, to a folder.
    pub fn write(&self, folder: impl AsRef<Path>) -> Result<(), NnError> {
        let folder = folder.as_ref();
        std::fs::create_dir_all(folder).map_err(|source| NnError::Io {
            path: folder.into(),
            source,
        })?;
        for (name, chart) in &self.charts {
            write_whole(&folder.join(format!("{name}.svg")), chart.svg().as_bytes())?;
            write_whole(&folder.join(format!("{name}.png")), &chart.png())?;
        }
        write_whole(&folder.join("index.html"), html::page(self).as_bytes())
    }
}

impl Report {
    /// Writes the worst mistakes as pictures and as a table to event files, at the step of `epoch`.
    pub fn write_events(&self, board: &mut TensorBoard, epoch: u64) -> Result<(), NnError> {
        if self.mistakes.is_empty() {
            return Ok(());
        }
        let cell = |text: &str| text.replace('|', "\\|").replace(['\n', '\r'], " ");
        let mut table = "| | | the model says | |\n|---|---|---|---|\n".to_string();
        for (i, mistake) in self.mistakes.iter().enumerate() {
            let text = cell(mistake.text.as_deref().unwrap_or_default());
            let said = cell(&mistake.said);
            table += &format!("| {i} | {} | {said} | {text} |\n", mistake.place);
            if let Some(picture) = &mistake.picture {
                let tag = format!("worst_mistakes/{i:02}");
                board.write_png(&tag, epoch, picture.shape, &picture.png)?;
            }
        }
        board.write_text("worst_mistakes", epoch, &table)
    }
}

/// A PNG file of bytes: grey where there is one channel, else red, green and blue.
pub(crate) fn png(width: usize, height: usize, channels: usize, pixels: &[u8]) -> Vec<u8> {
    let mut bytes = vec![];
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(match channels {
        1 => png::ColorType::Grayscale,
        _ => png::ColorType::Rgb,
    });
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(pixels)?;
        writer.finish()
    });
    written.expect("memory takes what is written to it");
    bytes
}

/// The outputs for all samples.
fn predicted(model: &mut Model, samples: &Source) -> Result<ArrayD<f32>, NnError> {
    let mut outputs = vec![];
    let batches = samples.batches(&Feeding::in_order(32));
    for batch in batches.open(Pass::default())? {
        outputs.push(model.predict(&batch?[0])?);
    }
    let views: Vec<_> = outputs.iter().map(|y| y.view()).collect();
    ndarray::concatenate(Axis(0), &views).map_err(|_| NnError::NoSamples { what: "the data" })
}

fn facts(
    model: &Model,
    train: &Source,
    test: &Source,
    found: &Inspection,
    batch_size: usize,
) -> Vec<(String, String)> {
    let (all, trained) = model.parameters();
    let mib = |bytes: usize| format!("{:.2} MiB", bytes as f64 / f64::from(1 << 20));
    let shape: Vec<String> = train.input_shape().iter().map(usize::to_string).collect();
    let epochs = &model.history().epochs;
    let time: f64 = epochs.iter().map(|e| e.time.as_secs_f64()).sum();
    let waited: f64 = epochs.iter().map(|e| e.waited.as_secs_f64()).sum();
    let mut facts = vec![
        (
            "samples".to_string(),
            format!(
                "{} of {}, {} held out",
                train.len(),
                shape.join("x"),
                test.len()
            ),
        ),
        (
            "parameters".to_string(),
            format!("{all}, {trained} of them trained"),
        ),
        (
            "epochs".to_string(),
            format!("{} in {time:.1} s", epochs.len()),
        ),
        (
            "steps".to_string(),
            format!("{} of {batch_size} samples", model.steps_done()),
        ),
        ("peak memory of a step".to_string(), mib(found.peak_bytes)),
        ("kernels of a step".to_string(), found.kernels.to_string()),
    ];
    if waited > 0.0 {
        let share = 100.0 * waited / time.max(1e-9);
        facts.push((
            "waited for data".to_string(),
            format!("{waited:.1} s, {share:.1} % of the time"),
        ));
    }
    facts
}

/// A chart for the loss and each metric, with the validation's line beside it, and the learning rate.
fn charts(model: &Model) -> Vec<(String, Chart)> {
    let history = model.history();
    let line = |name: &str| Series {
        name: name.to_string(),
        points: history
            .epochs
            .iter()
            .filter_map(|e| {
                let (_, x) = e.logs.iter().find(|(n, _)| n == name)?;
                Some((e.number as f64 + 1.0, *x))
            })
            .collect(),
    };
    let own = history
        .names()
        .into_iter()
        .filter(|n| !n.starts_with("val_"));
    let mut charts: Vec<(String, Chart)> = own
        .map(|name| {
            let both = [line(name), line(&format!("val_{name}"))];
            let chart = Chart {
                title: name.replace('_', " "),
                x: "epoch".to_string(),
                series: both.into_iter().filter(|s| !s.points.is_empty()).collect(),
            };
            (name.to_string(), chart)
        })
        .collect();
    let rates = history.epochs.iter();
    let rates = rates.map(|e| (e.number as f64 + 1.0, f64::from(e.learning_rate)));
    let series = Series {
        name: "learning rate".to_string(),
        points: rates.collect(),
    };
    let chart = Chart {
        title: "learning rate".to_string(),
        x: "epoch".to_string(),
        series: vec![series],
    };
    charts.push(("learning_rate".to_string(), chart));
    charts
}

/// Rows of probabilities, a column for each class.
fn probabilities(outputs: &ArrayD<f32>, loss: Option<&Loss>, classes: usize) -> Vec<Vec<f32>> {
    let rows = outputs.axis_iter(Axis(0));
    rows.map(|row| probabilities_of(loss, row.iter().copied().collect(), classes))
        .collect()
}

/// Outputs of a sample as probabilities of classes, where they are meant as such.
pub fn probabilities_of(loss: Option<&Loss>, row: Vec<f32>, classes: usize) -> Vec<f32> {
    let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
    match loss {
        Some(Loss::BinaryCrossentropy { from_logits, .. }) => {
            let yes = row
                .iter()
                .map(|&x| if *from_logits { sigmoid(x) } else { x });
            match (row.len(), classes) {
                (1, 2) => yes.flat_map(|p| [1.0 - p, p]).collect(),
                _ => yes.collect(),
            }
        }
        Some(
            Loss::SparseCategoricalCrossentropy {
                from_logits: true, ..
            }
            | Loss::CategoricalCrossentropy {
                from_logits: true, ..
            },
        ) => {
            let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let powers: Vec<f32> = row.iter().map(|x| (x - most).exp()).collect();
            let sum: f32 = powers.iter().sum();
            powers.iter().map(|x| x / sum).collect()
        }
        _ => row,
    }
}

/// A number with six digits that count, or all of its whole part.
pub fn short(x: f64) -> String {
    let digits = 6 - x.abs().max(1.0).log10().floor() as i32 - 1;
    let text = format!("{x:.*}", digits.max(0) as usize);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text,
    }
}

/// The greatest, the first of equals.
fn best(row: &[f32]) -> usize {
    let order = |&a: &usize, &b: &usize| row[a].total_cmp(&row[b]).then(b.cmp(&a));
    (0..row.len()).max_by(order).unwrap_or(0)
}

fn counts(said: &[Vec<f32>], ids: &[usize], classes: usize) -> Vec<Vec<usize>> {
    let mut counts = vec![vec![0; classes]; classes];
    for (row, &id) in said.iter().zip(ids) {
        let best = best(row).min(classes - 1);
        counts[id][best] += 1;
    }
    counts
}

fn weights(model: &mut Model, found: &Inspection) -> Vec<Weight> {
    let gradient = |name: &str| {
        let found = found.gradients.iter().find(|(n, _)| n == name);
        found.map(|(_, g)| floats(g).collect())
    };
    let arrays = model.weight_arrays().into_iter();
    arrays
        .map(|(name, array)| Weight {
            gradient: gradient(&name),
            values: floats(&array).collect(),
            name,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn numbers_have_the_digits_that_count() {
        let cases = [
            (0.0, "0"),
            (-0.1234567, "-0.12346"),
            (20.2, "20.2"),
            (123456.7, "123457"),
            (1200.0, "1200"),
            (9_876_543.2, "9876543"),
        ];
        for (x, expected) in cases {
            assert_eq!(short(x), expected);
        }
    }
}

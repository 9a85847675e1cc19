//! Held-out samples about which the model is wrong most, as people know them.

use super::{best, png, short};
use crate::data::front::Front;
use crate::data::images::floats;
use crate::data::table::Column;
use crate::data::{DataError, Source, Table};
use ndarray::{ArrayD, Axis};

pub(super) struct Mistake {
    /// Which sample, such as `sample 3` or `line 7`.
    pub place: String,
    pub said: String,
    pub picture: Option<Picture>,
    pub text: Option<String>,
}

pub(super) struct Picture {
    /// `[height, width, channels]`.
    pub shape: [usize; 3],
    pub png: Vec<u8>,
}

/// Mistakes shown.
const MISTAKES: usize = 16;

/// What samples are shown from.
pub(super) struct Shown<'a> {
    pub test: &'a Source,
    pub front: &'a Front,
    /// The rows of the samples, if they are from a table.
    pub rows: Option<&'a Table>,
}

impl Shown<'_> {
    /// The wrong answers that the model is surest of.
    pub fn worst(&self, said: &[Vec<f32>], ids: &[usize]) -> Result<Vec<Mistake>, DataError> {
        let mut wrong: Vec<(usize, usize, f32)> = said
            .iter()
            .enumerate()
            .map(|(i, row)| (i, best(row), row[best(row)]))
            .filter(|&(i, class, _)| class != ids[i])
            .collect();
        wrong.sort_by(|a, b| b.2.total_cmp(&a.2));
        wrong.truncate(MISTAKES);
        let classes = self.test.classes();
        let name = |i: usize| classes.get(i).cloned().unwrap_or(i.to_string());
        let mistake = |(i, class, sure): (usize, usize, f32)| {
            let (said, is) = (name(class), name(ids[i]));
            self.sample(i, format!("{said} ({:.1} %), is {is}", 100.0 * sure))
        };
        wrong.into_iter().map(mistake).collect()
    }

    /// The values that the model is farthest from.
    pub fn farthest(
        &self,
        outputs: &ArrayD<f32>,
        y: &ArrayD<f32>,
    ) -> Result<Vec<Mistake>, DataError> {
        let pairs = outputs.axis_iter(Axis(0)).zip(y.axis_iter(Axis(0)));
        let mut far: Vec<(usize, f32, f32)> = pairs
            .enumerate()
            .filter_map(|(i, (said, is))| Some((i, *said.iter().next()?, *is.iter().next()?)))
            .collect();
        far.sort_by(|a, b| (b.1 - b.2).abs().total_cmp(&(a.1 - a.2).abs()));
        far.truncate(MISTAKES);
        let mistake = |(i, said, is): (usize, f32, f32)| {
            let [said, is] = [said, is].map(|x| short(self.front.value(x)));
            self.sample(i, format!("{said}, is {is}"))
        };
        far.into_iter().map(mistake).collect()
    }

    /// A sample as a picture or as text.
    fn sample(&self, sample: usize, said: String) -> Result<Mistake, DataError> {
        let mut mistake = Mistake {
            place: match self.test.place(sample) {
                Some(place) => place,
                None => format!("sample {sample}"),
            },
            said,
            picture: None,
            text: None,
        };
        if let Some(rows) = self.rows {
            mistake.text = Some(self.row(rows, sample));
            return Ok(mistake);
        }
        let x = self.test.inputs_of(&[sample])?;
        let numbers: Vec<f32> = floats(&x).collect();
        match self.test.input_shape()[..] {
            [_, 1] if matches!(self.front, Front::Sounds(_)) => {
                mistake.picture = Some(Picture {
                    shape: [HEIGHT, WIDTH, 1],
                    png: png(WIDTH, HEIGHT, 1, &wave(&numbers)),
                });
            }
            [height, width, channels @ (1 | 3)] => {
                let byte = |x: &f32| (x.clamp(0.0, 1.0) * 255.0).round() as u8;
                let pixels: Vec<u8> = numbers.iter().map(byte).collect();
                mistake.picture = Some(Picture {
                    shape: [height, width, channels],
                    png: png(width, height, channels, &pixels),
                });
            }
            _ => mistake.text = Some(format!("{:.3?}", &numbers[..numbers.len().min(24)])),
        }
        Ok(mistake)
    }

    /// What the file has of a sample, without what is to be predicted.
    fn row(&self, rows: &Table, row: usize) -> String {
        let cell = |column: &Column| match column.word(row) {
            Some(word) => word,
            None => "(missing)".to_string(),
        };
        if let Front::Text { column, .. } = self.front {
            return rows.column(column).map(cell).unwrap_or_default();
        }
        let target = match self.front {
            Front::Table { prepared, .. } => prepared.target(),
            _ => "",
        };
        let named = rows.names().iter().zip(rows.columns());
        let lines = named.filter(|(name, _)| *name != target);
        let lines: Vec<String> = lines.map(|(n, c)| format!("{n} {}", cell(c))).collect();
        lines.join("\n")
    }
}

/// The size of the picture of a sound.
const WIDTH: usize = 224;
const HEIGHT: usize = 64;

/// The pixels of a sound: the range of its samples, from -1 at the bottom to 1 at the top, over time.
fn wave(samples: &[f32]) -> Vec<u8> {
    let mut pixels = vec![255; WIDTH * HEIGHT];
    let row = |x: f32| ((1.0 - x.clamp(-1.0, 1.0)) / 2.0 * (HEIGHT - 1) as f32).round() as usize;
    for column in 0..WIDTH {
        let [start, end] = [column, column + 1].map(|c| c * samples.len() / WIDTH);
        let part = &samples[start..end.max(start + 1).min(samples.len())];
        let low = part.iter().copied().fold(f32::INFINITY, f32::min);
        let high = part.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if low <= high {
            (row(high)..=row(low)).for_each(|r| pixels[r * WIDTH + column] = 60);
        }
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sounds_are_drawn_over_time() {
        // Silence, then as loud as can be.
        let mut samples = vec![0.0; 2 * WIDTH];
        samples.extend((0..2 * WIDTH).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }));
        for samples in [samples.clone(), samples[WIDTH..3 * WIDTH].to_vec()] {
            let pixels = wave(&samples);
            let dark = |column: usize| -> Vec<usize> {
                let rows = 0..HEIGHT;
                rows.filter(|r| pixels[r * WIDTH + column] < 255).collect()
            };
            assert_eq!(dark(0), [HEIGHT / 2]);
            assert_eq!(dark(WIDTH / 2 - 1), [HEIGHT / 2]);
            assert_eq!(dark(WIDTH / 2).len(), HEIGHT);
            assert_eq!(dark(WIDTH - 1).len(), HEIGHT);
        }
        // Fewer samples than columns, and none.
        assert_eq!(wave(&[1.0; 3])[..WIDTH], [60; WIDTH]);
        assert_eq!(wave(&[]), vec![255; WIDTH * HEIGHT]);
    }
}

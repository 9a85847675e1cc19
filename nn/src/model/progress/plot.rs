//! Curves as letters: two by four points of a braille pattern in each cell.

use super::number;
use crate::report::bounds;
use console::style;

/// Numbers over time, in epochs.
#[derive(Default)]
pub(super) struct Curve {
    /// Of the training part, at any time.
    pub train: Vec<(f64, f64)>,
    /// Of the validation part, after epochs.
    pub validation: Vec<(f64, f64)>,
}

/// Width of the numbers at the left.
const SCALE: usize = 10;

/// Cells of dots, and marks that hide them.
struct Cells {
    width: usize,
    height: usize,
    dots: Vec<u8>,
    marks: Vec<bool>,
}

impl Cells {
    fn new(width: usize, height: usize) -> Cells {
        Cells {
            width,
            height,
            dots: vec![0; width * height],
            marks: vec![false; width * height],
        }
    }

    /// A dot; `x` counts half cells from the left, `y` quarters from the top.
    fn dot(&mut self, x: usize, y: usize) {
        const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        let cell = (y / 4).min(self.height - 1) * self.width + (x / 2).min(self.width - 1);
        self.dots[cell] |= BITS[y % 4][x % 2];
    }

    /// Dots from one point to the next, each in 0..=1 from the lower left.
    fn line(&mut self, points: &[(f64, f64)]) {
        let (right, below) = ((2 * self.width - 1) as f64, (4 * self.height - 1) as f64);
        let place = |&(x, y): &(f64, f64)| (x * right, (1.0 - y) * below);
        let places: Vec<(f64, f64)> = points.iter().map(place).collect();
        if let [(x, y)] = places[..] {
            self.dot(x.round() as usize, y.round() as usize);
        }
        for pair in places.windows(2) {
            let [(ax, ay), (bx, by)] = [pair[0], pair[1]];
            let steps = (bx - ax).abs().max((by - ay).abs()).ceil().max(1.0);
            for i in 0..=steps as usize {
                let t = i as f64 / steps;
                let (x, y) = (ax + t * (bx - ax), ay + t * (by - ay));
                self.dot(x.round() as usize, y.round() as usize);
            }
        }
    }

    fn mark(&mut self, (x, y): (f64, f64)) {
        let column = (x * (self.width - 1) as f64).round() as usize;
        let row = ((1.0 - y) * (self.height - 1) as f64).round() as usize;
        self.marks[row * self.width + column] = true;
    }

    fn row(&self, row: usize) -> String {
        let cells = row * self.width..(row + 1) * self.width;
        let letter = |i: usize| match (self.marks[i], self.dots[i]) {
            (true, _) => style("o").for_stderr().red().to_string(),
            (false, 0) => " ".to_string(),
            (false, dots) => {
                let braille = char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' ');
                style(braille).for_stderr().cyan().to_string()
            }
        };
        cells.map(letter).collect()
    }
}

impl Curve {
    /// A title and the curve below it: `height` lines, none wider than `width`. Numbers of the validation
    /// part are marked with an `o`. Times go from 0 to `end`.
    pub fn lines(&self, name: &str, width: usize, height: usize, end: f64) -> Vec<String> {
        let last = |points: &[(f64, f64)]| points.last().map(|(_, y)| number(*y));
        let train = last(&self.train).unwrap_or_default();
        let mut title = format!("{name} {}", style(&train).for_stderr().cyan());
        if let Some(x) = last(&self.validation) {
            title += &format!(
                "  validation {}",
                style(format!("o {x}")).for_stderr().red()
            );
        }
        let mut lines = vec![console::truncate_str(&title, width, "").into_owned()];
        let all = || self.train.iter().chain(&self.validation);
        let rows = height.saturating_sub(2).max(1);
        let columns = width.saturating_sub(SCALE + 1).max(1);
        let mut cells = Cells::new(columns, rows);
        let (low, high) = bounds(all().map(|(_, y)| *y).filter(|y| y.is_finite()));
        let place = |(x, y): &(f64, f64)| {
            let x = (x / end.max(1e-9)).clamp(0.0, 1.0);
            y.is_finite().then(|| (x, (y - low) / (high - low)))
        };
        let points: Vec<(f64, f64)> = self.train.iter().filter_map(place).collect();
        cells.line(&points);
        let marks = self.validation.iter().filter_map(place);
        marks.for_each(|point| cells.mark(point));
        for row in 0..rows {
            let side = match row {
                0 => number(high),
                _ if row + 1 == rows => number(low),
                _ => String::new(),
            };
            lines.push(format!("{side:>SCALE$}│{}", cells.row(row)));
        }
        let end = end.to_string();
        let fill = columns.saturating_sub(1 + "epoch ".len() + end.len());
        lines.push(format!("{:>SCALE$}└0{:fill$}epoch {end}", "", ""));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(lines: Vec<String>) -> Vec<String> {
        let plain = lines
            .iter()
            .map(|line| console::strip_ansi_codes(line).into_owned());
        plain.collect()
    }

    #[test]
    fn a_falling_line_goes_from_corner_to_corner() {
        let curve = Curve {
            train: vec![(0.0, 3.0), (2.0, 1.0)],
            validation: vec![(1.0, 3.0), (2.0, f64::NAN)],
        };
        let lines = plain(curve.lines("loss", 15, 4, 2.0));
        assert_eq!(
            lines,
            [
                "loss 1.0000  va",
                "    3.0000│⠑⢄o ",
                "    1.0000│  ⠑⢄",
                "          └0epoch 2",
            ]
        );
    }

    #[test]
    fn nothing_and_one_number_are_drawn() {
        let none = plain(Curve::default().lines("loss", 30, 5, 1.0));
        assert_eq!(none.len(), 5);
        assert!(none[1].trim_end().ends_with('│'), "{none:?}");
        let one = Curve {
            train: vec![(1.0, 2.0)],
            ..Curve::default()
        };
        let drawn = plain(one.lines("loss", 30, 5, 1.0));
        let dots = drawn
            .iter()
            .flat_map(|l| l.chars())
            .filter(|c| ('\u{2801}'..='\u{28ff}').contains(c));
        assert_eq!(dots.count(), 1, "{drawn:?}");
    }
}

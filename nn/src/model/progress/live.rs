//! A view of a training that is drawn anew in its place on the terminal.
//!
//! It uses lines of the terminal as any output does, neither hides the cursor nor takes the screen, so
//! there is nothing to be restored, however a training ends; the last view stays to be read.

use super::plot::Curve;
use super::{clock, number, per_step, time_per_step};
use crate::model::history::{Epoch, Logs};
use console::Term;
use std::io::Write;
use std::time::{Duration, Instant};

/// Where a training is.
pub(super) struct Moment {
    /// The epoch, from 1 on, and how many there are.
    pub epoch: usize,
    pub epochs: usize,
    /// Steps done in the epoch, those of them that were not done here, and how many there are.
    pub done: usize,
    pub skipped: usize,
    pub steps: Option<usize>,
    /// Since the epoch was begun here.
    pub time: Duration,
    /// The share of it in which there was no data.
    pub waited: Option<f64>,
    pub rate: f32,
}

/// What is shown.
pub(super) struct View {
    start: Instant,
    curves: Vec<(String, Curve)>,
    rate: Curve,
    notes: Vec<String>,
    /// How long the last epoch took in all, with validation.
    last: Option<Duration>,
    /// Lines that are on the terminal, and its size then.
    drawn: usize,
    size: (usize, usize),
}

/// Points of a curve in an epoch.
const POINTS: usize = 16;
/// The least terminal, in rows and columns.
const LEAST: (usize, usize) = (12, 40);
/// The least width and height of a curve.
const CURVE: (usize, usize) = (34, 6);
/// Notes that stay in sight.
const NOTES: usize = 2;

impl View {
    /// A view, if standard error is a terminal that is large enough.
    pub fn open() -> Option<View> {
        let term = Term::stderr();
        let (rows, columns) = term.size();
        let fits = usize::from(rows) >= LEAST.0 && usize::from(columns) >= LEAST.1;
        (term.is_term() && fits).then(View::new)
    }

    fn new() -> View {
        View {
            start: Instant::now(),
            curves: vec![],
            rate: Curve::default(),
            notes: vec![],
            last: None,
            drawn: 0,
            size: (0, 0),
        }
    }

    /// Whether the curves want a point here: a few times in an epoch, but not after its first steps,
    /// whose means are of too few samples.
    pub fn wants(&self, moment: &Moment) -> bool {
        let part = |done: usize| moment.steps.map_or(0, |steps| done * POINTS / steps.max(1));
        let (before, now) = (part(moment.done.saturating_sub(1)), part(moment.done));
        now != before && (now > 1 || moment.epoch == 1)
    }

    /// Adds what a training has come to so far.
    pub fn add(&mut self, moment: &Moment, logs: &Logs) {
        let within = moment.done as f64 / moment.steps.unwrap_or(moment.done).max(1) as f64;
        let time = (moment.epoch - 1) as f64 + within;
        for (name, x) in logs {
            self.curve(name).train.push((time, *x));
        }
        self.rate.train.push((time, f64::from(moment.rate)));
    }

    /// Adds the numbers of an epoch.
    pub fn end(&mut self, moment: &Moment, epoch: &Epoch) {
        let time = moment.epoch as f64;
        for (name, x) in &epoch.logs {
            match name.strip_prefix("val_") {
                Some(name) => self.curve(name).validation.push((time, *x)),
                None => {
                    let train = &mut self.curve(name).train;
                    // The last point of the steps is the same one.
                    if train.last().is_some_and(|(t, _)| *t >= time) {
                        train.pop();
                    }
                    train.push((time, *x));
                }
            }
        }
        self.last = Some(epoch.time);
        self.rate.train.push((time, f64::from(epoch.learning_rate)));
    }

    /// Keeps a message in sight.
    pub fn note(&mut self, message: &str) {
        self.notes.extend(message.lines().map(str::to_string));
        let more = self.notes.len().saturating_sub(NOTES);
        self.notes.drain(..more);
    }

    /// Draws the view over the one before. That it cannot be seen is no reason to stop a training.
    pub fn draw(&mut self, moment: &Moment) {
        let term = Term::stderr();
        let (rows, columns) = term.size();
        let size = (usize::from(rows), usize::from(columns));
        // Lines that a narrower terminal has broken are more than were drawn.
        let mut text = match self.drawn {
            0 => String::new(),
            _ if size != self.size => "\x1b[H\x1b[2J".to_string(),
            lines => format!("\x1b[{lines}F"),
        };
        let lines = self.lines(moment, size.1.saturating_sub(1), size.0.saturating_sub(1));
        for line in &lines {
            text += line;
            text += "\x1b[K\n";
        }
        text += "\x1b[J";
        (self.drawn, self.size) = (lines.len(), size);
        let mut err = std::io::stderr().lock();
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }

    fn curve(&mut self, name: &str) -> &mut Curve {
        let place = self.curves.iter().position(|(n, _)| n == name);
        let place = place.unwrap_or_else(|| {
            self.curves.push((name.to_string(), Curve::default()));
            self.curves.len() - 1
        });
        &mut self.curves[place].1
    }

    /// At most `height` lines, none wider than `width`.
    fn lines(&self, moment: &Moment, width: usize, height: usize) -> Vec<String> {
        let mut lines = vec![self.position(moment, width), rates(moment)];
        lines.extend(self.notes.iter().cloned());
        let room = height.saturating_sub(lines.len());
        let columns = (width / CURVE.0).clamp(1, 3);
        let most = (room / CURVE.1).max(1) * columns;
        let kept = self.curves.len().min(most.saturating_sub(1).max(1));
        let shown = self.curves[..kept]
            .iter()
            .map(|(name, curve)| (name.as_str(), curve));
        let mut shown: Vec<(&str, &Curve)> = shown.collect();
        if shown.len() < most {
            shown.push(("learning rate", &self.rate));
        }
        let rows = shown.len().div_ceil(columns).max(1);
        let (wide, high) = (width / columns, (room / rows).clamp(3, 14));
        for row in shown.chunks(columns) {
            let end = moment.epochs as f64;
            let drawn = row
                .iter()
                .map(|(name, curve)| curve.lines(name, wide - 1, high, end));
            let drawn: Vec<Vec<String>> = drawn.collect();
            for i in 0..high {
                let parts = drawn.iter().map(|curve| {
                    console::pad_str(&curve[i], wide, console::Alignment::Left, None).into_owned()
                });
                lines.push(parts.collect());
            }
        }
        let cut = |line: String| console::truncate_str(line.trim_end(), width, "").into_owned();
        lines.into_iter().take(height).map(cut).collect()
    }

    /// Epoch, step and how much is left.
    fn position(&self, moment: &Moment, width: usize) -> String {
        let begin = format!(
            "epoch {}/{}  step {}",
            moment.epoch, moment.epochs, moment.done
        );
        let Some(steps) = moment.steps else {
            return format!("{begin}  {}", clock(self.start.elapsed()));
        };
        let left = steps.saturating_sub(moment.done) as u32 * per_step(moment);
        let epochs = moment.epochs.saturating_sub(moment.epoch) as u32;
        let whole = self.last.unwrap_or(steps as u32 * per_step(moment));
        let end = format!(
            "{}, {} left",
            clock(self.start.elapsed()),
            clock(left + epochs * whole)
        );
        let begin = format!("{begin}/{steps}");
        let bar = width.saturating_sub(begin.len() + end.len() + 4).min(40);
        let full = bar * moment.done.min(steps) / steps.max(1);
        format!(
            "{begin}  {}{}  {end}",
            "━".repeat(full),
            "╌".repeat(bar - full)
        )
    }
}

fn rates(moment: &Moment) -> String {
    let step = per_step(moment);
    let rate = 1.0 / step.as_secs_f64().max(1e-9);
    let mut text = format!(
        "{}  {} steps/s  learning rate {}",
        time_per_step(step),
        if rate < 10.0 {
            format!("{rate:.2}")
        } else {
            format!("{rate:.0}")
        },
        number(f64::from(moment.rate)),
    );
    if let Some(share) = moment.waited {
        text += &format!("  waited for data {:.0} %", 100.0 * share);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(epoch: usize, done: usize) -> Moment {
        Moment {
            epoch,
            epochs: 4,
            done,
            skipped: 0,
            steps: Some(32),
            time: Duration::from_millis(2 * done as u64),
            waited: Some(0.031),
            rate: 1e-3,
        }
    }

    fn logs(x: f64) -> Logs {
        vec![("loss".to_string(), x), ("accuracy".to_string(), 1.0 - x)]
    }

    #[test]
    fn a_view_fits_its_terminal_and_says_all() {
        let mut view = View::new();
        for epoch in 1..=3 {
            for done in 1..=32 {
                let moment = at(epoch, done);
                if view.wants(&moment) {
                    view.add(&moment, &logs(1.0 / (epoch + done) as f64));
                }
            }
            let mut all = logs(0.25);
            all.push(("val_loss".to_string(), 0.3));
            let epoch = Epoch {
                number: epoch as u64 - 1,
                logs: all,
                learning_rate: 1e-3,
                time: Duration::from_secs(1),
                waited: Duration::ZERO,
            };
            view.end(&at(epoch.number as usize + 1, 32), &epoch);
        }
        for number in 0..5 {
            view.note(&format!("note {number}"));
        }
        assert_eq!(view.curves[0].1.train.len(), 16 + 15 + 15);
        for (width, height) in [(79, 23), (40, 11), (200, 60), (10, 3)] {
            let lines = view.lines(&at(4, 16), width, height);
            assert!(lines.len() <= height, "{width}x{height}: {lines:#?}");
            let widest = lines.iter().map(|l| console::measure_text_width(l)).max();
            assert!(widest <= Some(width), "{width}x{height}: {lines:#?}");
        }
        let text = view.lines(&at(4, 16), 79, 23).join("\n");
        let text = console::strip_ansi_codes(&text);
        for part in [
            "epoch 4/4  step 16/32  ━",
            "2ms/step  500 steps/s  learning rate 0.0010  waited for data 3 %",
            "note 4",
            "loss 0.2500  validation o 0.3000",
            "accuracy 0.7500",
            "learning rate 0.0010",
            "└0",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert!(!text.contains("note 2"), "{text}");
    }
}

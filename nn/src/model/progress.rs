//! The progress of a training, in the form that Keras users know.

use super::fit::{Epoch, Logs, Verbose};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Reports of one training.
pub(crate) struct Progress {
    verbose: Verbose,
    epochs: usize,
    epoch: usize,
    steps: usize,
    start: Instant,
    shown: Option<Instant>,
    bar: Option<ProgressBar>,
}

/// Shortest time between two drawings of the bar.
const REFRESH: Duration = Duration::from_millis(80);

impl Progress {
    pub fn new(verbose: Verbose, epochs: usize) -> Progress {
        Progress {
            verbose,
            epochs,
            epoch: 0,
            steps: 0,
            start: Instant::now(),
            shown: None,
            bar: None,
        }
    }

    /// Begins an epoch of `steps` steps.
    pub fn begin(&mut self, steps: usize) {
        self.epoch += 1;
        self.steps = steps;
        self.start = Instant::now();
        self.shown = None;
        if self.verbose == Verbose::Auto && std::io::stderr().is_terminal() {
            eprintln!("Epoch {}/{}", self.epoch, self.epochs);
            let bar =
                ProgressBar::with_draw_target(Some(steps as u64), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{pos:>6}/{len} {bar:20} {msg}");
            let style = style.expect("the template is right").progress_chars("━╸ ");
            bar.set_style(style);
            self.bar = Some(bar);
        }
    }

    /// Notes that `done` steps are done.
    pub fn step(&mut self, done: usize, logs: impl FnOnce() -> Logs) {
        let Some(bar) = &self.bar else { return };
        let now = Instant::now();
        if self.shown.is_some_and(|shown| now - shown < REFRESH) && done < self.steps {
            return;
        }
        self.shown = Some(now);
        let per_step = self.start.elapsed() / done as u32;
        let left = per_step * (self.steps - done) as u32;
        bar.set_message(format!(
            "{} {} - {}",
            clock(left),
            time_per_step(per_step),
            line(&logs())
        ));
        bar.set_position(done as u64);
    }

    /// Ends an epoch.
    pub fn end(&mut self, epoch: &Epoch) {
        let per_step = epoch.time / self.steps.max(1) as u32;
        let seconds = format!("{:.1}s", epoch.time.as_secs_f64());
        let message = format!(
            "{seconds} {} - {}",
            time_per_step(per_step),
            line(&epoch.logs)
        );
        match self.bar.take() {
            Some(bar) => bar.finish_with_message(message),
            None if self.verbose == Verbose::Silent => {}
            None => println!("Epoch {}/{} - {message}", self.epoch, self.epochs),
        }
    }
}

fn line(logs: &Logs) -> String {
    let entry = |(name, x): &(String, f64)| match x.abs() {
        a if a == 0.0 || a >= 1e-3 => format!("{name}: {x:.4}"),
        _ => format!("{name}: {x:.4e}"),
    };
    logs.iter().map(entry).collect::<Vec<_>>().join(" - ")
}

/// Minutes and seconds, or hours.
fn clock(time: Duration) -> String {
    let s = time.as_secs();
    match s {
        0..60 => format!("{s}s"),
        60..3600 => format!("{}:{:02}", s / 60, s % 60),
        _ => format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60),
    }
}

fn time_per_step(time: Duration) -> String {
    let us = time.as_secs_f64() * 1e6;
    match us {
        us if us >= 1e6 => format!("{:.1}s/step", us / 1e6),
        us if us >= 1e3 => format!("{:.0}ms/step", us / 1e3),
        us => format!("{us:.0}us/step"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_numbers_are_short() {
        assert_eq!(clock(Duration::from_secs(59)), "59s");
        assert_eq!(clock(Duration::from_secs(61)), "1:01");
        assert_eq!(clock(Duration::from_secs(7384)), "2:03:04");
        assert_eq!(time_per_step(Duration::from_micros(250)), "250us/step");
        assert_eq!(time_per_step(Duration::from_micros(2500)), "2ms/step");
        let logs = vec![("loss".to_string(), 0.25), ("val_loss".to_string(), 2e-5)];
        assert_eq!(line(&logs), "loss: 0.2500 - val_loss: 2.0000e-5");
    }
}

//! The progress of a training: in the form that Keras users know, or with curves.

mod live;
mod plot;

use super::fit::Verbose;
use super::history::{Epoch, Logs};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use live::{Moment, View};
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Reports of one training.
pub(crate) struct Progress {
    verbose: Verbose,
    epochs: usize,
    epoch: usize,
    /// Steps in the epoch, if that is known, and those that were done before it was begun here.
    steps: Option<usize>,
    skipped: usize,
    done: usize,
    start: Instant,
    shown: Option<Instant>,
    bar: Option<ProgressBar>,
    view: Option<View>,
}

/// Shortest time between two drawings of the bar or the view.
const REFRESH: Duration = Duration::from_millis(80);

impl Progress {
    pub fn new(verbose: Verbose, epochs: usize) -> Progress {
        Progress {
            verbose,
            epochs,
            epoch: 0,
            steps: None,
            skipped: 0,
            done: 0,
            start: Instant::now(),
            shown: None,
            bar: None,
            view: match verbose {
                Verbose::Live => View::open(),
                _ => None,
            },
        }
    }

    /// Leaves out epochs that were done before.
    pub fn skip(&mut self, epochs: usize) {
        self.epoch += epochs;
    }

    /// Begins an epoch of `steps` steps, of which `skipped` were done before.
    pub fn begin(&mut self, steps: Option<usize>, skipped: usize) {
        self.epoch += 1;
        self.steps = steps;
        self.skipped = skipped;
        self.done = skipped;
        self.start = Instant::now();
        self.shown = None;
        let bar = matches!(self.verbose, Verbose::Auto | Verbose::Live);
        if bar && self.view.is_none() && std::io::stderr().is_terminal() {
            eprintln!("Epoch {}/{}", self.epoch, self.epochs);
            let target = ProgressDrawTarget::stderr();
            let bar = ProgressBar::with_draw_target(steps.map(|n| n as u64), target);
            let template = match steps {
                Some(_) => "{pos:>6}/{len} {bar:20} {msg}",
                None => "{pos:>6} {msg}",
            };
            let style = ProgressStyle::with_template(template);
            let style = style.expect("the template is right").progress_chars("━╸ ");
            bar.set_style(style);
            self.bar = Some(bar);
        }
    }

    /// Notes that `done` steps are done, which waited for data for a share of the time.
    pub fn step(
        &mut self,
        done: usize,
        waited: Option<f64>,
        rate: f32,
        logs: impl FnOnce() -> Logs,
    ) {
        self.done = done;
        if self.bar.is_none() && self.view.is_none() {
            return;
        }
        let now = Instant::now();
        let recent = self.shown.is_some_and(|shown| now - shown < REFRESH);
        let due = !recent || self.steps == Some(done);
        let moment = self.moment(waited, rate);
        if let Some(view) = &mut self.view {
            if view.wants(&moment) {
                view.add(&moment, &logs());
            }
            if due {
                view.draw(&moment);
            }
        } else if let Some(bar) = self.bar.as_ref().filter(|_| due) {
            let left = moment.steps.map(|steps| steps.saturating_sub(done) as u32);
            let left = left.map(|steps| clock(per_step(&moment) * steps) + " ");
            bar.set_message(format!(
                "{}{} - {}{}",
                left.unwrap_or_default(),
                time_per_step(per_step(&moment)),
                line(&logs()),
                waiting(waited),
            ));
            bar.set_position(done as u64);
        }
        if due {
            self.shown = Some(now);
        }
    }

    /// Ends an epoch.
    pub fn end(&mut self, epoch: &Epoch, waited: Option<f64>) {
        let moment = self.moment(waited, epoch.learning_rate);
        if let Some(view) = &mut self.view {
            view.end(&moment, epoch);
            view.draw(&moment);
            return;
        }
        let steps = self.done.saturating_sub(self.skipped).max(1);
        let message = format!(
            "{:.1}s {} - {}{}",
            epoch.time.as_secs_f64(),
            time_per_step(epoch.time / steps as u32),
            line(&epoch.logs),
            waiting(waited),
        );
        match self.bar.take() {
            Some(bar) => bar.finish_with_message(message),
            None if self.verbose == Verbose::Silent => {}
            None => print_line(&format!("Epoch {}/{} - {message}", self.epoch, self.epochs)),
        }
    }

    /// Leaves what was shown last; what is said from now on stands below it.
    pub fn close(&mut self) {
        self.view = None;
        self.bar = None;
    }

    /// Prints what a callback has to say.
    pub fn say(&mut self, message: &str) {
        match (&mut self.view, &self.bar) {
            (Some(view), _) => view.note(message),
            (None, Some(bar)) => bar.suspend(|| print_line(message)),
            (None, None) if self.verbose == Verbose::Silent => {}
            (None, None) => print_line(message),
        }
    }

    fn moment(&self, waited: Option<f64>, rate: f32) -> Moment {
        Moment {
            epoch: self.epoch.max(1),
            epochs: self.epochs,
            done: self.done,
            skipped: self.skipped,
            steps: self.steps,
            time: self.start.elapsed(),
            waited,
            rate,
        }
    }
}

/// Prints a line. That nobody reads it any more, as after `| head`, is no reason to stop a training.
fn print_line(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// The time of a step, in the mean of those that were done here.
fn per_step(moment: &Moment) -> Duration {
    moment.time / moment.done.saturating_sub(moment.skipped).max(1) as u32
}

/// ` - waited: 3%`: the share of the time in which there was no data.
fn waiting(share: Option<f64>) -> String {
    share.map_or(String::new(), |x| format!(" - waited: {:.0}%", 100.0 * x))
}

fn line(logs: &Logs) -> String {
    let entry = |(name, x): &(String, f64)| format!("{name}: {}", number(*x));
    logs.iter().map(entry).collect::<Vec<_>>().join(" - ")
}

/// With four places, where that shows something.
fn number(x: f64) -> String {
    match x.abs() {
        a if a == 0.0 || a >= 1e-3 => format!("{x:.4}"),
        _ => format!("{x:.4e}"),
    }
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

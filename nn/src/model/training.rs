//! The loop of a training: epochs, steps, validation, callbacks and backups.

use super::Model;
use super::batches::Batches;
use super::diagnose::Journal;
use super::feeder::Feeder;
use super::fit::{FitOptions, Totals};
use super::history::{Epoch, History, Logs};
use super::progress::Progress;
use super::resume::Position;
use crate::callbacks::{BackupAndRestore, Callback, Run};
use crate::error::NnError;
use crate::host::Feed;
use std::time::{Duration, Instant};

/// What a model is judged by after every epoch.
pub(crate) enum Validation<'a> {
    /// Samples beside those that are trained on.
    Rows(&'a Batches<'a>, Vec<usize>),
    /// Samples of their own.
    Data(Feed<'a>, Feed<'a>),
    /// Batches.
    Feeder(Box<dyn Feeder + 'a>),
}

/// What an epoch of a training does.
pub(crate) trait Rounds {
    /// Steps in an epoch, where that is known.
    fn steps(&self) -> Option<usize>;
    /// Whether a step may wait for data.
    fn waits(&self) -> bool;
    /// What is left of an epoch; gives the totals of all of it, and how long its steps waited.
    fn round(
        &mut self,
        model: &mut Model,
        run: &mut Loop<'_>,
    ) -> Result<(Totals, Duration), NnError>;
}

/// A step of the optimizer for each batch.
pub(crate) struct Stepped<'f>(pub &'f mut dyn Feeder);

impl Rounds for Stepped<'_> {
    fn steps(&self) -> Option<usize> {
        self.0.steps()
    }

    fn waits(&self) -> bool {
        self.0.waits()
    }

    fn round(
        &mut self,
        model: &mut Model,
        run: &mut Loop<'_>,
    ) -> Result<(Totals, Duration), NnError> {
        model.steps(self.0, run)
    }
}

/// What goes along with a training.
pub(crate) struct Loop<'a> {
    callbacks: Vec<Box<dyn Callback + 'a>>,
    backup: Option<BackupAndRestore>,
    progress: Progress,
    position: Position,
    /// What is needed to find a number that is not finite, if a callback wants it.
    journal: Option<Journal>,
    epochs: usize,
    steps: Option<usize>,
    batch_size: usize,
}

impl Loop<'_> {
    /// Shows that an epoch of so many steps begins.
    pub fn begin(&mut self, steps: Option<usize>) {
        self.progress.begin(steps, 0);
    }

    /// Ends the training after this epoch, and says why.
    pub fn end(&mut self, why: &str) {
        self.progress.say(why);
        self.position.stop = true;
    }

    /// Calls every callback.
    pub fn each(
        &mut self,
        model: &mut Model,
        mut call: impl FnMut(&mut dyn Callback, &mut Run<'_>) -> Result<(), NnError>,
    ) -> Result<(), NnError> {
        let mut run = Run {
            model,
            history: &mut self.position.history,
            epochs: self.epochs,
            steps: self.steps,
            stop: self.position.stop,
            said: vec![],
        };
        let mut calls = self.callbacks.iter_mut();
        let called = calls.try_for_each(|callback| call(callback.as_mut(), &mut run));
        self.position.stop = run.stop;
        for message in run.said {
            self.progress.say(&message);
        }
        called
    }

    fn back_up(&self, model: &mut Model) -> Result<(), NnError> {
        match &self.backup {
            Some(backup) => model.back_up(backup, &self.position, &self.callbacks),
            None => Ok(()),
        }
    }
}

impl Model {
    /// Trains by rounds.
    pub(crate) fn train(
        &mut self,
        rounds: &mut dyn Rounds,
        mut validation: Vec<Validation<'_>>,
        options: FitOptions<'_>,
    ) -> Result<History, NnError> {
        let watched = options.callbacks.iter().any(|c| c.finds_non_finite());
        let mut run = Loop {
            progress: Progress::new(options.verbose, options.epochs),
            position: Position::default(),
            journal: watched.then(Journal::default),
            epochs: options.epochs,
            steps: rounds.steps(),
            batch_size: options.batch_size,
            backup: options.backup,
            callbacks: options.callbacks,
        };
        self.put_back();
        run.each(self, |c, run| c.on_train_begin(run))?;
        if let Some(backup) = &run.backup {
            let restored = self.restore(backup, &mut run.callbacks)?;
            run.position = restored.unwrap_or_default();
            run.progress.skip(run.position.epochs);
            if run.position.epochs + run.position.steps > 0 {
                let (epochs, steps) = (run.position.epochs, run.position.steps);
                let message = format!("going on after {epochs} epochs and {steps} steps");
                run.progress.say(&message);
            }
        }
        while run.position.epochs < run.epochs && !run.position.stop {
            self.one_epoch(rounds, &mut validation, &mut run)?;
        }
        run.progress.close();
        if options.use_averages {
            self.use_averages()?;
        }
        run.each(self, |c, run| c.on_train_end(run))?;
        self.pull();
        if let Some(backup) = run.backup.filter(|b| b.delete && b.file().exists()) {
            let path = backup.file();
            std::fs::remove_file(&path).map_err(|source| NnError::Io { path, source })?;
        }
        Ok(run.position.history)
    }

    fn one_epoch(
        &mut self,
        rounds: &mut dyn Rounds,
        validation: &mut [Validation<'_>],
        run: &mut Loop<'_>,
    ) -> Result<(), NnError> {
        let start = Instant::now();
        let number = self.epochs;
        if run.position.steps == 0 {
            run.each(self, |c, run| c.on_epoch_begin(run, number))?;
        }
        if let Some(journal) = &mut run.journal {
            self.pull();
            journal.begin(&self.state, run.position.steps);
        }
        let (totals, waited) = rounds.round(self, run)?;
        let trained = start.elapsed();
        let mut logs = totals.logs();
        for validation in validation {
            let found = self.validate(validation, run.batch_size)?;
            logs.extend(found.into_iter().map(|(n, x)| (format!("val_{n}"), x)));
        }
        let mut epoch = Epoch {
            number,
            logs,
            learning_rate: self.rate,
            time: start.elapsed(),
            waited,
        };
        // What callbacks save has this epoch behind it.
        self.epochs += 1;
        run.each(self, |c, run| c.on_epoch_end(run, &mut epoch))?;
        let share = rounds.waits().then(|| share(waited, trained));
        run.progress.end(&epoch, share);
        self.history.epochs.push(epoch.clone());
        let position = &mut run.position;
        position.history.epochs.push(epoch);
        position.epochs += 1;
        position.note(0, &self.totals());
        run.back_up(self)
    }

    /// The steps of an epoch that are left; gives the totals of all, and how long they waited.
    fn steps(
        &mut self,
        feeder: &mut dyn Feeder,
        run: &mut Loop<'_>,
    ) -> Result<(Totals, Duration), NnError> {
        let mut done = run.position.steps;
        let mut totals = self.totals();
        if done > 0 {
            run.position.put(&mut totals);
        }
        feeder.begin(self.seed, self.epochs, done)?;
        let waits = feeder.waits();
        run.progress.begin(feeder.steps(), done);
        let start = Instant::now();
        let mut waited = Duration::ZERO;
        while !run.position.stop {
            let before = Instant::now();
            let Some(ready) = feeder.next()? else { break };
            if waits {
                waited += before.elapsed();
            }
            if let Some(journal) = &mut run.journal {
                journal.rates.push(self.rate);
            }
            let loss = self.step_on(ready, &mut totals)?;
            if run.journal.is_some() && !loss.is_finite() {
                let journal = run.journal.take().expect("there is one");
                return Err(self.find_non_finite(feeder, journal, done));
            }
            done += 1;
            if !run.callbacks.is_empty() {
                let logs = totals.logs();
                run.each(self, |c, run| c.on_batch_end(run, done - 1, &logs))?;
            }
            let share = waits.then(|| share(waited, start.elapsed()));
            run.progress.step(done, share, self.rate, || totals.logs());
            if run.backup.as_ref().is_some_and(|b| b.due(done)) {
                run.position.note(done, &totals);
                run.back_up(self)?;
            }
        }
        if done == 0 {
            return Err(NnError::NoSamples { what: "the data" });
        }
        Ok((totals, waited))
    }

    fn validate(
        &mut self,
        validation: &mut Validation<'_>,
        batch_size: usize,
    ) -> Result<Logs, NnError> {
        match validation {
            Validation::Rows(batches, rows) => self.mean(batches, rows, batch_size),
            Validation::Data(x, y) => {
                let (x, y) = (std::slice::from_ref(x), std::slice::from_ref(y));
                self.evaluate_all(x, y, batch_size)
            }
            Validation::Feeder(feeder) => self.evaluate_feeder(feeder.as_mut()),
        }
    }

    /// Loss and metrics of all that `feeder` gives in an epoch.
    pub(crate) fn evaluate_feeder(&mut self, feeder: &mut dyn Feeder) -> Result<Logs, NnError> {
        feeder.begin(self.seed, 0, 0)?;
        let mut totals = self.totals();
        while let Some(ready) = feeder.next()? {
            self.evaluate_on(&mut totals, ready)?;
        }
        match totals.samples {
            0 => Err(NnError::NoSamples { what: "the data" }),
            _ => Ok(totals.logs()),
        }
    }
}

fn share(part: Duration, whole: Duration) -> f64 {
    part.as_secs_f64() / whole.as_secs_f64().max(1e-9)
}

//! Which samples are learnt from and which are held out.

use super::{DataError, Labels};
use crate::rng::Rng;

/// What a division goes by.
pub(super) struct Samples<'a> {
    /// Of the data set.
    pub name: &'a str,
    pub labels: &'a Labels,
    /// How many classes there are.
    pub classes: usize,
}

/// Numbers of samples: those to learn from, and those held out.
pub(super) type Division = (Vec<usize>, Vec<usize>);

impl Samples<'_> {
    /// Holds out `fraction` of all samples or, where they are stratified, of each class, rounded to whole ones. Both
    /// parts are in random order.
    pub fn share(&self, seed: u64, fraction: f64, stratified: bool) -> Result<Division, DataError> {
        let strata = self.strata(stratified)?;
        let mut counts = vec![0; self.classes.max(1)];
        strata.iter().for_each(|&s| counts[s] += 1);
        let mut quota: Vec<usize> = counts.into_iter().map(|n| held_out(n, fraction)).collect();
        let (mut train, mut test) = (Vec::new(), Vec::new());
        // The first of each stratum, in random order, are held out.
        for sample in Rng::new(seed).permutation(strata.len()) {
            match &mut quota[strata[sample]] {
                0 => train.push(sample),
                left => {
                    *left -= 1;
                    test.push(sample);
                }
            }
        }
        match train.is_empty() || test.is_empty() {
            false => Ok((train, test)),
            true => Err(DataError::Fraction {
                name: self.name.to_string(),
                fraction,
                samples: strata.len(),
            }),
        }
    }

    /// `folds` divisions: in each, another part of about equal size is held out, so that every sample is held out
    /// once. Where they are stratified, each class is spread evenly over the folds.
    pub fn folds(
        &self,
        seed: u64,
        folds: usize,
        stratified: bool,
    ) -> Result<Vec<Division>, DataError> {
        let strata = self.strata(stratified)?;
        if folds < 2 || folds > strata.len() {
            return Err(DataError::Folds {
                name: self.name.to_string(),
                folds,
                samples: strata.len(),
            });
        }
        let mut order = Rng::new(seed).permutation(strata.len());
        // Stable: within a class the order stays random.
        order.sort_by_key(|&sample| strata[sample]);
        let part = |fold: usize, held: bool| -> Vec<usize> {
            let dealt = order.iter().enumerate();
            let chosen = dealt.filter(|(i, _)| (i % folds == fold) == held);
            chosen.map(|(_, &sample)| sample).collect()
        };
        Ok((0..folds)
            .map(|f| (part(f, false), part(f, true)))
            .collect())
    }

    /// The stratum of each sample.
    fn strata(&self, stratified: bool) -> Result<Vec<usize>, DataError> {
        match self.labels {
            Labels::Classes(ids) if stratified => Ok(ids.iter().map(|&id| id as usize).collect()),
            Labels::Values(_) if stratified => Err(DataError::NoClasses {
                name: self.name.to_string(),
            }),
            labels => Ok(vec![0; labels.len()]),
        }
    }
}

/// How many of `n` samples `fraction` is; none for a fraction that is no number.
fn held_out(n: usize, fraction: f64) -> usize {
    (n as f64 * fraction).round().clamp(0.0, n as f64) as usize
}

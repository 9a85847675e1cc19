//! Sources, and what is done on the thread that asks.

use super::{Pass, Pipeline, Sample, Samples, Stage, behind};
use crate::data::DataError;
use crate::host::Feed;
use crate::rng::Rng;
use craneflow_ir::{Array, DType, Type};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// Rows of arrays.
pub(super) fn arrays(arrays: &[Feed<'_>]) -> Result<Pipeline, DataError> {
    let rows = arrays.first().map_or(0, Feed::rows);
    if let Some(other) = arrays.iter().find(|a| a.rows() != rows) {
        return Err(DataError::Counts {
            inputs_path: PathBuf::from("the first array"),
            inputs: rows,
            labels_path: PathBuf::from("another"),
            labels: other.rows(),
        });
    }
    let arrays: Vec<Array> = arrays.iter().map(Feed::array).collect();
    Ok(Pipeline::from_fn(rows, move |i| {
        let row = |array: &Array| {
            let feed = Feed::from(array);
            let part = feed.part(i, i + 1);
            part.reshaped(&array.ty.shape[1..]).array()
        };
        Ok(arrays.iter().map(row).collect())
    }))
}

type Make = dyn Fn(usize) -> Result<Sample, DataError> + Send + Sync;

pub(super) struct Numbered {
    pub n: usize,
    pub f: Arc<Make>,
}

impl Stage for Numbered {
    fn len(&self) -> Option<usize> {
        Some(self.n)
    }

    fn open(&self, _: Pass, skip: usize) -> Result<Samples, DataError> {
        let f = self.f.clone();
        Ok(Box::new((skip.min(self.n)..self.n).map(move |i| f(i))))
    }
}

pub(super) struct Numbers {
    pub n: usize,
    pub batch: usize,
    pub shuffle: bool,
}

impl Stage for Numbers {
    fn len(&self) -> Option<usize> {
        Some(self.n.div_ceil(self.batch))
    }

    fn open(&self, pass: Pass, skip: usize) -> Result<Samples, DataError> {
        let order = Pipeline::order(pass, self.n, self.shuffle);
        let (n, batch) = (self.n, self.batch);
        let part = move |start: usize| {
            let rows = &order[start..n.min(start + batch)];
            let bytes: Vec<u8> = rows
                .iter()
                .flat_map(|&r| (r as i64).to_le_bytes())
                .collect();
            let ty = Type::new(DType::I64, [rows.len()]);
            Ok(vec![
                Array::from_bytes(ty, bytes).expect("eight bytes each"),
            ])
        };
        let starts = (skip.saturating_mul(batch)..n).step_by(batch);
        Ok(Box::new(starts.map(part)))
    }
}

pub(super) struct Stream<F> {
    pub open: F,
}

impl<F: Fn() -> Result<Samples, DataError> + Send + Sync> Stage for Stream<F> {
    fn len(&self) -> Option<usize> {
        None
    }

    fn open(&self, _: Pass, skip: usize) -> Result<Samples, DataError> {
        behind((self.open)()?, skip)
    }
}

pub(super) struct Shuffle {
    pub input: Pipeline,
    pub buffer: usize,
}

impl Stage for Shuffle {
    fn len(&self) -> Option<usize> {
        self.input.len()
    }

    fn open(&self, pass: Pass, skip: usize) -> Result<Samples, DataError> {
        let shuffled = Shuffled {
            input: self.input.open(pass)?,
            rng: pass.rng(self.input.depth + 1, 0),
            capacity: self.buffer,
            buffer: vec![],
        };
        behind(Box::new(shuffled), skip)
    }
}

struct Shuffled {
    input: Samples,
    rng: Rng,
    capacity: usize,
    buffer: Vec<Sample>,
}

impl Iterator for Shuffled {
    type Item = Result<Sample, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.buffer.len() < self.capacity {
            match self.input.next() {
                Some(Ok(sample)) => self.buffer.push(sample),
                Some(Err(error)) => return Some(Err(error)),
                None => break,
            }
        }
        if self.buffer.is_empty() {
            return None;
        }
        let at = self.rng.below(self.buffer.len() as u64) as usize;
        Some(Ok(self.buffer.swap_remove(at)))
    }
}

pub(super) struct Filter {
    pub input: Pipeline,
    pub f: Arc<dyn Fn(&Sample) -> bool + Send + Sync>,
}

impl Stage for Filter {
    fn len(&self) -> Option<usize> {
        None
    }

    fn open(&self, pass: Pass, skip: usize) -> Result<Samples, DataError> {
        let f = self.f.clone();
        let wanted = move |x: &Result<Sample, DataError>| x.as_ref().map_or(true, |x| f(x));
        behind(Box::new(self.input.open(pass)?.filter(wanted)), skip)
    }
}

/// Samples of a pass that came to its end.
type Kept = Arc<Mutex<Option<Arc<Vec<Sample>>>>>;

pub(super) struct Cache {
    pub input: Pipeline,
    pub kept: Kept,
}

impl Stage for Cache {
    fn len(&self) -> Option<usize> {
        self.input.len()
    }

    fn open(&self, pass: Pass, skip: usize) -> Result<Samples, DataError> {
        let kept = self.kept.lock().ok().and_then(|kept| kept.clone());
        match kept {
            Some(samples) => {
                let row = move |i: usize| Ok(samples[i].clone());
                let n = self.kept.lock().ok();
                let n = n.and_then(|kept| kept.as_ref().map(|k| k.len()));
                let n = n.unwrap_or(0);
                Ok(Box::new((skip.min(n)..n).map(row)))
            }
            None => {
                let caching = Caching {
                    input: self.input.open(pass)?,
                    seen: Some(vec![]),
                    kept: self.kept.clone(),
                };
                behind(Box::new(caching), skip)
            }
        }
    }
}

struct Caching {
    input: Samples,
    /// Nothing after an error.
    seen: Option<Vec<Sample>>,
    kept: Kept,
}

impl Iterator for Caching {
    type Item = Result<Sample, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.input.next();
        match (&next, &mut self.seen) {
            (Some(Ok(sample)), Some(seen)) => seen.push(sample.clone()),
            (Some(Err(_)), seen) => *seen = None,
            (None, seen) => {
                if let (Some(seen), Ok(mut kept)) = (seen.take(), self.kept.lock()) {
                    *kept = Some(Arc::new(seen));
                }
            }
            _ => {}
        }
        next
    }
}

pub(super) struct Repeat {
    pub input: Pipeline,
    pub count: usize,
}

impl Stage for Repeat {
    fn len(&self) -> Option<usize> {
        self.input.len().map(|n| n * self.count)
    }

    fn open(&self, pass: Pass, skip: usize) -> Result<Samples, DataError> {
        let input = self.input.clone();
        let (count, first) = (
            self.count as u64,
            pass.epoch.wrapping_mul(self.count as u64),
        );
        let open = move |i: u64| {
            let epoch = first.wrapping_add(i);
            match input.open(Pass { epoch, ..pass }) {
                Ok(samples) => samples,
                Err(error) => Box::new(std::iter::once(Err(error))),
            }
        };
        behind(Box::new((0..count).flat_map(open)), skip)
    }
}

pub(super) struct Part {
    pub input: Pipeline,
    pub skip: usize,
    pub take: usize,
}

impl Stage for Part {
    fn len(&self) -> Option<usize> {
        let rest = self.input.len()?.saturating_sub(self.skip);
        Some(rest.min(self.take))
    }

    fn open(&self, pass: Pass, skip: usize) -> Result<Samples, DataError> {
        let first = self.skip.saturating_add(skip);
        let samples = self.input.open_at(pass, first)?;
        Ok(Box::new(samples.take(self.take.saturating_sub(skip))))
    }
}

pub(super) struct Zip(pub Pipeline, pub Pipeline);

impl Stage for Zip {
    fn len(&self) -> Option<usize> {
        Some(self.0.len()?.min(self.1.len()?))
    }

    fn open(&self, pass: Pass, skip: usize) -> Result<Samples, DataError> {
        let pairs = self.0.open_at(pass, skip)?.zip(self.1.open_at(pass, skip)?);
        Ok(Box::new(pairs.map(|(a, b)| {
            let mut a = a?;
            a.extend(b?);
            Ok(a)
        })))
    }
}

pub(super) struct Chain(pub Pipeline, pub Pipeline);

impl Stage for Chain {
    fn len(&self) -> Option<usize> {
        Some(self.0.len()? + self.1.len()?)
    }

    fn open(&self, pass: Pass, skip: usize) -> Result<Samples, DataError> {
        match self.0.len() {
            Some(n) if n <= skip => self.1.open_at(pass, skip - n),
            _ => behind(Box::new(self.0.open(pass)?.chain(self.1.open(pass)?)), skip),
        }
    }
}

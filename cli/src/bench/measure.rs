//! Clocks, and the loop that measures.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use std::time::Instant;

/// Times of one workload, in seconds per step.
pub struct Timing {
    wall: Vec<f64>,
    cpu: Vec<f64>,
    steps: usize,
}

/// Most samples, and least.
const SAMPLES: (usize, usize) = (7, 5000);

/// Warms up for `warm` seconds, then times runs of as many steps as fit `chunk` seconds (0: single
/// steps) until `seconds` are over.
pub fn measure(mut step: impl FnMut(), seconds: f64, warm: f64, chunk: f64) -> Timing {
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed().as_secs_f64() < warm || count < 3 {
        step();
        count += 1;
    }
    let steps = match chunk {
        0.0 => 1,
        chunk => ((chunk / fastest(&mut step)) as usize).max(1),
    };
    let (mut wall, mut cpu) = (vec![], vec![]);
    let start = Instant::now();
    while (start.elapsed().as_secs_f64() < seconds && wall.len() < SAMPLES.1)
        || wall.len() < SAMPLES.0
    {
        let (t, c) = (Instant::now(), cpu_seconds());
        for _ in 0..steps {
            step();
        }
        wall.push(t.elapsed().as_secs_f64() / steps as f64);
        cpu.push((cpu_seconds() - c) / steps as f64);
    }
    Timing { wall, cpu, steps }
}

/// An estimate of one step's time.
fn fastest(step: &mut impl FnMut()) -> f64 {
    let (mut best, start) = (1e9f64, Instant::now());
    for i in 0..20 {
        let t = Instant::now();
        step();
        best = best.min(t.elapsed().as_secs_f64());
        if i > 2 && start.elapsed().as_secs_f64() > 0.2 {
            break;
        }
    }
    best.max(1e-9)
}

impl Timing {
    /// The times of one of `parts` equal parts.
    pub fn per(mut self, parts: usize) -> Timing {
        let times = self.wall.iter_mut().chain(&mut self.cpu);
        times.for_each(|time| *time /= parts as f64);
        self
    }

    /// The fields of a record.
    pub fn fields(&self) -> Vec<(&'static str, Value)> {
        let sorted = |times: &[f64]| {
            let mut times = times.to_vec();
            times.sort_by(f64::total_cmp);
            times
        };
        let (wall, cpu) = (sorted(&self.wall), sorted(&self.cpu));
        vec![
            ("median_s", json!(median(&wall))),
            ("min_s", json!(wall[0])),
            ("p10_s", json!(quantile(&wall, 0.1))),
            ("p90_s", json!(quantile(&wall, 0.9))),
            ("samples", json!(wall.len())),
            ("cpu_median_s", json!(median(&cpu))),
            ("cpu_min_s", json!(cpu[0])),
            ("steps_per_sample", json!(self.steps)),
        ]
    }
}

fn median(sorted: &[f64]) -> f64 {
    let n = sorted.len();
    (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    sorted[((share * sorted.len() as f64) as usize).min(sorted.len() - 1)]
}

/// User and system time of all threads so far.
fn cpu_seconds() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
}

/// Seconds since this process was made, to about 10 ms; 0 where the system does not tell.
pub fn process_age() -> f64 {
    let read = |path| std::fs::read_to_string(path).ok();
    let age = || {
        let stat = read("/proc/self/stat")?;
        let (_, fields) = stat.rsplit_once(')')?;
        let ticks: f64 = fields.split_whitespace().nth(19)?.parse().ok()?;
        let uptime = read("/proc/uptime")?;
        let uptime: f64 = uptime.split_whitespace().next()?.parse().ok()?;
        Some(uptime - ticks / rustix::param::clock_ticks_per_second() as f64)
    };
    age().unwrap_or(0.0)
}

/// The most memory that was ever resident; 0 where the system does not tell.
pub fn peak_rss_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

/// Keeps this thread, and all that it starts, on the first core it may use.
pub fn stay_on_one_core() {
    let Ok(allowed) = sched_getaffinity(None) else {
        return;
    };
    let first = (0..CpuSet::MAX_CPU).find(|&cpu| allowed.is_set(cpu));
    let mut one = CpuSet::new();
    one.set(first.unwrap_or(0));
    // Where it is not allowed, the measurement is only noisier.
    let _ = sched_setaffinity(None, &one);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_other_scripts() {
        let times = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(median(&times), 2.5);
        assert_eq!(quantile(&times, 0.9), 4.0);
        assert_eq!(quantile(&times, 0.1), 1.0);
    }

    #[test]
    fn every_step_is_measured() {
        let mut count = 0;
        let timing = measure(|| count += 1, 0.01, 0.0, 0.0);
        assert!(timing.wall.len() >= SAMPLES.0);
        assert!(count >= timing.wall.len() + 3);
        assert!(peak_rss_mib() >= 0.0 && process_age() >= 0.0);
    }
}

//! `craneflow bench`: one workload, one line of JSON.
//!
//! A record has the fields that the scripts which measure other frameworks print, so that both can
//! be read by one program. Times are seconds per step.

pub(crate) mod measure;

use anyhow::{Result, bail};
use craneflow::ir::Array;
use craneflow::nn::workloads::{BATCHES, Batches, NAMES, Workload, steps, workload};
use craneflow::runtime::{Options, Profile, Step};
use measure::{Timing, measure};
use serde_json::{Map, Value, json};
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub struct Args {
    /// W1 to W8 are training steps, M1 to M10 single functions; `micro` is all of the latter
    #[arg(long, required_unless_present = "list")]
    workload: Option<String>,
    /// Threads; 1 also stays on one core
    #[arg(long, default_value_t = 2, value_parser = crate::train::positive)]
    threads: usize,
    /// How long to measure
    #[arg(long, default_value_t = 2.0, value_parser = seconds)]
    seconds: f64,
    /// Training steps in one run of the program
    #[arg(long, default_value_t = 1, value_parser = crate::train::positive)]
    steps: usize,
    /// Goes into the record as it is
    #[arg(long, default_value = "")]
    tag: String,
    /// Print the first five losses instead of times
    #[arg(long)]
    check: bool,
    /// Compile, print READY, then measure once for every line of standard input
    #[arg(long)]
    wait: bool,
    /// List the workloads
    #[arg(long)]
    list: bool,
}

pub fn run(args: &Args, started: Instant) -> Result<()> {
    if args.list {
        for name in NAMES {
            println!("{name}");
        }
        return Ok(());
    }
    let name = args.workload.as_deref().unwrap_or_default();
    if args.threads == 1 {
        measure::stay_on_one_core();
    }
    let mut record = Map::new();
    for (key, value) in [
        ("framework", json!("craneflow")),
        ("workload", json!(name)),
        ("threads", json!(args.threads)),
        ("tag", json!(args.tag)),
        (
            "version",
            json!(format!("craneflow {}", env!("CARGO_PKG_VERSION"))),
        ),
        ("import_s", json!(started.elapsed().as_secs_f64())),
    ] {
        record.insert(key.to_string(), value);
    }
    if name == "micro" {
        return micro(args, record);
    }
    let mut load = workload(name)?;
    if args.steps > 1 {
        load = steps(load, args.steps);
    }
    let first = Instant::now();
    let mut bench = Bench::new(load, args.threads)?;
    if args.check {
        let losses = (0..5)
            .map(|_| bench.checked_step())
            .collect::<Result<Vec<f32>>>()?;
        record.insert("losses".to_string(), json!(losses));
        return line(&record);
    }
    bench.step();
    let times = bench.step.times();
    let phases = times.passes.iter().copied();
    let phases = phases.chain([("codegen", times.codegen)]);
    let phases: Map<String, Value> = phases
        .map(|(pass, time)| (pass.to_string(), json!(time.as_secs_f64())))
        .collect();
    let values = [
        ("compile_s", Value::Object(phases)),
        ("first_step_s", json!(first.elapsed().as_secs_f64())),
        ("start_to_first_step_s", json!(measure::process_age())),
    ];
    record.extend(values.map(|(key, value)| (key.to_string(), value)));
    let once = |bench: &mut Bench, record: &mut Map<String, Value>| {
        let timing = measure(|| bench.step(), args.seconds, 0.3, 0.025);
        insert(record, &timing.per(args.steps));
        record.insert("last_loss".to_string(), json!(bench.loss()));
        resident(record);
        line(record)
    };
    if !args.wait {
        return once(&mut bench, &mut record);
    }
    println!("READY");
    std::io::stdout().flush()?;
    for go in std::io::stdin().lock().lines() {
        go?;
        once(&mut bench, &mut record)?;
    }
    Ok(())
}

/// All single functions in one process.
fn micro(args: &Args, mut record: Map<String, Value>) -> Result<()> {
    let mut list = vec![];
    for name in NAMES.iter().filter(|name| name.starts_with('M')) {
        let first = Instant::now();
        let mut bench = Bench::new(workload(name)?, args.threads)?;
        bench.step();
        let mut entry = Map::new();
        entry.insert("workload".to_string(), json!(name));
        entry.insert("first_s".to_string(), json!(first.elapsed().as_secs_f64()));
        let small = matches!(*name, "M7_64" | "M7_128" | "M8");
        let chunk = if small { 0.002 } else { 0.0 };
        insert(
            &mut entry,
            &measure(|| bench.step(), args.seconds / 4.0, 0.1, chunk),
        );
        list.push(Value::Object(entry));
    }
    record.insert("micro".to_string(), Value::Array(list));
    resident(&mut record);
    line(&record)
}

fn insert(record: &mut Map<String, Value>, timing: &Timing) {
    for (key, value) in timing.fields() {
        record.insert(key.to_string(), value);
    }
}

fn resident(record: &mut Map<String, Value>) {
    record.insert("peak_rss_mib".to_string(), json!(measure::peak_rss_mib()));
    record.insert("peak_rss_child_mib".to_string(), json!(0.0));
}

fn line(record: &Map<String, Value>) -> Result<()> {
    println!("{}", Value::Object(record.clone()));
    std::io::stdout().flush()?;
    Ok(())
}

pub(crate) fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(s) if Duration::try_from_secs_f64(s).is_ok() => Ok(s),
        _ => Err("a number of seconds is needed".to_string()),
    }
}

/// A compiled workload and its batches.
pub(crate) struct Bench {
    pub(crate) step: Step,
    load: Workload,
    /// The inputs that change and their values, made after the first step.
    batches: Vec<(usize, Vec<Array>)>,
    next: usize,
    loss: Option<usize>,
}

impl Bench {
    pub(crate) fn new(load: Workload, threads: usize) -> Result<Bench> {
        let options = Options::with_threads(threads);
        let mut step = Step::compile(&load.graph, &options)?;
        for i in 0..load.graph.inputs.len() {
            step.set_array(i, &load.first(i))?;
        }
        let loss = load.graph.outputs.iter().position(|o| o.name == "loss");
        Ok(Bench {
            step,
            load,
            batches: vec![],
            next: 0,
            loss,
        })
    }

    /// One step on the next batch, which is copied into the program's memory.
    pub(crate) fn step(&mut self) {
        self.next_batch();
        self.step.run();
    }

    /// The same, with its times added to a profile.
    pub(crate) fn profiled_step(&mut self, profile: &mut Profile) {
        self.next_batch();
        self.step.run_profiled(profile);
    }

    /// The inputs hold the first batch from the start. A function is measured as one of new operands, whatever follows
    /// from them.
    fn next_batch(&mut self) {
        if self.load.batches.is_empty() {
            for i in 0..self.step.inputs().len() {
                let _ = self.step.input_mut::<u8>(i);
            }
        }
        if self.next == 1 {
            let all = |b: &Batches| (b.input, (0..BATCHES).map(|i| b.batch(i)).collect());
            self.batches = self.load.batches.iter().map(all).collect();
        }
        for (input, arrays) in &self.batches {
            let array = &arrays[self.next % arrays.len()];
            self.step
                .set_array(*input, array)
                .expect("batches have the type of their input");
        }
        self.next += 1;
    }

    /// The loss of the last step; 0 for functions.
    fn loss(&self) -> f32 {
        let loss = self.loss.and_then(|o| self.step.output::<f32>(o).ok());
        loss.and_then(|l| l.last()).copied().unwrap_or(0.0)
    }

    fn checked_step(&mut self) -> Result<f32> {
        if self.loss.is_none() {
            bail!("--check is for training steps, W1 to W8");
        }
        self.step();
        Ok(self.loss())
    }
}

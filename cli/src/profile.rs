//! `craneflow profile`: where the time of a step goes.

use crate::arrays;
use crate::bench::Bench;
use crate::source::{self, Source};
use anyhow::{Context, Result, bail};
use craneflow::codegen::Code;
use craneflow::ir::Type;
use craneflow::ir::loops::{BufferKind, Program};
use craneflow::nn::workloads::{Start, Workload, workload};
use craneflow::runtime::profile::Row;
use craneflow::runtime::{Profile, Roofline};
use serde_json::json;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub struct Args {
    /// An .ir file, or StableHLO as text or bytecode; its inputs are made up
    #[arg(required_unless_present = "workload")]
    file: Option<PathBuf>,
    /// W1 to W8 are training steps, M1 to M10 single functions (`craneflow bench --list`)
    #[arg(long, conflicts_with = "file")]
    workload: Option<String>,
    /// Threads
    #[arg(long, default_value_t = 2, value_parser = crate::train::positive)]
    threads: usize,
    /// How long to measure
    #[arg(long, default_value_t = 1.0, value_parser = crate::bench::seconds)]
    seconds: f64,
    /// How many steps of the program to list, slowest first; 0 lists all
    #[arg(long, default_value_t = 20)]
    top: usize,
    /// Write a timeline that chrome://tracing and Perfetto read
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<()> {
    if args.threads == 1 {
        crate::bench::measure::stay_on_one_core();
    }
    let load = load(args)?;
    let roofline = Roofline::measure(args.threads)?;
    let mut bench = Bench::new(load, args.threads)?;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs_f64(args.seconds / 4.0) {
        bench.step();
    }
    let mut profile = Profile::new(bench.step.program());
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < args.seconds || profile.runs() == 0 {
        bench.profiled_step(&mut profile);
    }
    if let Some(path) = &args.trace {
        trace(&profile, path)?;
    }
    let moved = moved(bench.step.program());
    print(args, &profile, &roofline, moved, bench.step.code())
}

/// What is profiled, and the values of its inputs.
fn load(args: &Args) -> Result<Workload> {
    let Some(path) = &args.file else {
        return Ok(workload(args.workload.as_deref().unwrap_or_default())?);
    };
    let graph = match source::read(path)? {
        Source::Graph(graph) => graph,
        Source::Program(_) => bail!(
            "{}: holds a program, which has been through the passes; profile its graph",
            path.display()
        ),
    };
    let types = || graph.inputs.iter().map(|i| graph.ty(i.value));
    arrays::room("all inputs", arrays::bytes(types()))?;
    let start = |(i, ty): (u64, &Type)| -> Start {
        let ty = ty.clone();
        Arc::new(move || arrays::generated(&ty, i))
    };
    Ok(Workload {
        starts: (0..).zip(types()).map(start).collect(),
        batches: vec![],
        macs: 0,
        graph,
    })
}

/// Bytes that a run cannot do without: its inputs are read, its results written.
fn moved(program: &Program) -> usize {
    let ends = |kind: &BufferKind| matches!(kind, BufferKind::Input(_) | BufferKind::Output(..));
    let buffers = program.buffers.iter().filter(|b| ends(&b.kind));
    buffers.map(|b| b.ty.bytes()).sum()
}

/// Bits of a kernel's vectors, with a mark where the wider ones of the machine were refused.
fn vector_bits(code: &Code, kernel: usize) -> String {
    let mark = if code.refused(kernel).is_some() {
        "!"
    } else {
        ""
    };
    format!("{}{mark}", code.vector_bits(kernel))
}

/// What the table is of.
fn name(args: &Args) -> String {
    match (&args.file, &args.workload) {
        (Some(path), _) => path.display().to_string(),
        (None, workload) => workload.clone().unwrap_or_default(),
    }
}

/// A table of the slowest steps.
fn print(
    args: &Args,
    profile: &Profile,
    roofline: &Roofline,
    moved: usize,
    code: &Code,
) -> Result<()> {
    let mut out = stdout().lock();
    let runs = profile.runs() as f64;
    let total = profile.total().as_secs_f64() / runs;
    let mut rows: Vec<&Row> = profile.rows().iter().filter(|r| r.count > 0.0).collect();
    let best = |r: &Row| r.best.as_secs_f64() * r.count / runs;
    let leaves = || rows.iter().filter(|r| !r.control);
    let (mean, least) = (
        leaves().map(|r| r.time.as_secs_f64()).sum::<f64>() / runs,
        leaves().map(|r| best(r)).sum::<f64>(),
    );
    writeln!(
        out,
        "{}, {} threads: {:.3} ms a run, mean of {}; {:.3} ms of the shortest executions; {:.1} us between steps",
        name(args),
        args.threads,
        total * 1e3,
        profile.runs(),
        least * 1e3,
        (total - mean) * 1e6
    )?;
    writeln!(
        out,
        "machine: {:.1} GFLOP/s, {:.1} GB/s copied; rates and shares are those of the shortest executions",
        roofline.flops * 1e-9,
        roofline.bytes * 1e-9
    )?;
    let operations = leaves().map(|r| r.flops as f64 * r.count).sum::<f64>() / runs;
    let arithmetic = operations / roofline.flops;
    let memory = moved as f64 / roofline.bytes;
    writeln!(
        out,
        "floor: {:.3} ms; {:.4} GFLOP take {:.3} ms, {:.2} MB of inputs and results {:.3} ms",
        arithmetic.max(memory) * 1e3,
        operations * 1e-9,
        arithmetic * 1e3,
        moved as f64 * 1e-6,
        memory * 1e3
    )?;
    writeln!(
        out,
        "{:>9} {:>9} {:>6} {:>6} {:>8} {:>6} {:>6} {:>5} {:>4} kernel",
        "best us", "mean us", "share", "times", "GFLOP/s", "GB/s", "roof", "bits", "no."
    )?;
    rows.sort_by(|a, b| best(b).total_cmp(&best(a)));
    let shown = if args.top == 0 {
        rows.len()
    } else {
        args.top.min(rows.len())
    };
    for row in &rows[..shown] {
        let each = row.best.as_secs_f64();
        let (flops, bytes) = (row.flops as f64 / each, row.bytes as f64 / each);
        let roof = (flops / roofline.flops).max(bytes / roofline.bytes);
        let number = row.kernel.map_or(String::new(), |k| k.to_string());
        let bits = row.kernel.map_or(String::new(), |k| vector_bits(code, k));
        writeln!(
            out,
            "{:9.1} {:9.1} {:5.1}% {:6.1} {:8.1} {:6.1} {:5.0}% {bits:>5} {number:>4} {} {}{}",
            best(row) * 1e6,
            row.time.as_secs_f64() / runs * 1e6,
            best(row) / least * 100.0,
            row.count / runs,
            flops * 1e-9,
            bytes * 1e-9,
            roof * 100.0,
            row.name,
            row.from,
            if row.control {
                " (with what runs inside)"
            } else {
                ""
            }
        )?;
    }
    let rest = rows[shown..].iter().filter(|r| !r.control);
    writeln!(
        out,
        "{:9.1} in {} steps that are not listed",
        rest.map(|r| best(r)).sum::<f64>() * 1e6,
        rows.len() - shown
    )?;
    Ok(())
}

/// The timeline in the trace event format: one complete event for each execution.
fn trace(profile: &Profile, path: &Path) -> Result<()> {
    let us = |d: Duration| d.as_secs_f64() * 1e6;
    let event = |e: &craneflow::runtime::profile::Event| {
        let row = &profile.rows()[e.row];
        json!({
            "name": row.name, "cat": row.from, "ph": "X", "pid": 1, "tid": 1,
            "ts": us(e.start), "dur": us(e.time),
            "args": {"kernel": row.kernel, "flops": row.flops, "bytes": row.bytes},
        })
    };
    let events: Vec<_> = profile.events().iter().map(event).collect();
    let directory = match path.parent() {
        Some(p) if p != Path::new("") => p,
        _ => Path::new("."),
    };
    let written = || -> Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        serde_json::to_writer(&mut file, &json!({ "traceEvents": events }))?;
        file.flush()?;
        file.persist(path)?;
        Ok(())
    };
    written().with_context(|| format!("cannot write {}", path.display()))
}

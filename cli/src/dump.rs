//! `craneflow dump`

use crate::choice::Choice;
use crate::source::{self, Source};
use crate::train::positive;
use anyhow::{Result, bail};
use craneflow::ir::loops::{Kernel, Step as Launch};
use craneflow::ir::{Graph, Verified};
use craneflow::nn::models::BuiltIn;
use craneflow::nn::workloads::workload;
use craneflow::passes::{self, PASSES, Unit};
use craneflow::{codegen, runtime};
use std::io::{Write, stdout};
use std::path::PathBuf;

mod stats;

/// Graphs and programs as text that `craneflow run` reads back.
#[derive(clap::Args)]
pub struct Args {
    /// An .ir file, or StableHLO as text or bytecode; default: the training step of a model
    file: Option<PathBuf>,
    /// The training step of this built-in model
    #[arg(long, default_value = "digits_cnn", conflicts_with = "file")]
    model: String,
    /// The program of this workload (`craneflow bench --list`)
    #[arg(long, conflicts_with_all = ["file", "model"])]
    workload: Option<String>,
    /// Samples in the step
    #[arg(long, default_value_t = 64, value_parser = positive)]
    batch: usize,
    /// The model's prediction instead of its training step
    #[arg(long)]
    predict: bool,
    /// Show the program after this pass; `all` shows it after every pass
    #[arg(long, value_name = "PASS")]
    after: Option<String>,
    /// List the passes in order
    #[arg(long)]
    list_passes: bool,
    /// List the kernels with their sizes and what they compute
    #[arg(long)]
    kernels: bool,
    /// Count the ops, and which of them are interpreted because no kernel computes them
    #[arg(long)]
    stats: bool,
    /// One kernel of the program, by name or number
    #[arg(long, value_name = "NAME")]
    kernel: Option<String>,
    /// Cranelift's IR of the kernel, or of all kernels
    #[arg(long)]
    clif: bool,
    /// Machine instructions of the kernel, or of all kernels
    #[arg(long)]
    asm: bool,
    /// Scalar code, no vectors
    #[arg(long, conflicts_with = "vector_bits")]
    scalar: bool,
    /// Bits of a vector: 128, 256 or 512; default: what runs on this machine
    #[arg(long, value_name = "BITS", value_parser = ["128", "256", "512"])]
    vector_bits: Option<String>,
}

pub fn run(args: &Args) -> Result<()> {
    if args.list_passes {
        for pass in PASSES {
            writeln!(stdout(), "{:12} {}", pass.name, pass.about)?;
        }
        return Ok(());
    }
    let graph = graph(args)?;
    if args.stats {
        return stats::print(graph, &options(args));
    }
    if args.clif || args.asm || args.kernels {
        return machine(args, &graph);
    }
    if let Some(name) = &args.kernel {
        return kernel(args, graph, name);
    }
    match args.after.as_deref() {
        None => write!(stdout(), "{graph}")?,
        Some(after) => stages(args, graph, after)?,
    }
    Ok(())
}

fn graph(args: &Args) -> Result<Verified<Graph>> {
    if let Some(path) = &args.file {
        return match source::read(path)? {
            Source::Graph(graph) => Ok(graph),
            Source::Program(_) => bail!(
                "{}: holds a program, which has been through the passes; `craneflow run` runs it",
                path.display()
            ),
        };
    }
    if let Some(name) = &args.workload {
        return Ok(workload(name)?.graph);
    }
    let entry = BuiltIn::find(&args.model)?;
    let choice = Choice {
        entry,
        input: entry.input.to_vec(),
        outputs: entry.outputs,
    };
    let mut model = choice.build(0, 1)?;
    if args.predict {
        return Ok(model.predict_graph(args.batch)?);
    }
    choice.compile(&mut model, None, None)?;
    Ok(model.train_graph(args.batch)?)
}

fn options(args: &Args) -> passes::Options {
    let mut options = runtime::Options::default().passes;
    if args.scalar {
        options.vector_bits = 0;
    } else if let Some(bits) = args.vector_bits.as_ref().and_then(|b| b.parse().ok()) {
        options.vector_bits = bits;
    }
    options
}

fn known_pass(name: &str) -> Result<()> {
    if name != "all" && !PASSES.iter().any(|p| p.name == name) {
        let known: Vec<&str> = PASSES.iter().map(|p| p.name).collect();
        bail!(
            "there is no pass {name}; there are {}, and all",
            known.join(", ")
        );
    }
    Ok(())
}

/// What the passes made, one or all of them.
fn stages(args: &Args, graph: Verified<Graph>, after: &str) -> Result<()> {
    known_pass(after)?;
    let mut out = stdout().lock();
    if after != "all" {
        let mut text = String::new();
        passes::compile(graph, &options(args), &mut |pass, unit, _| {
            if pass.name == after {
                text = unit.to_string();
            }
        });
        return Ok(write!(out, "{text}")?);
    }
    let mut last = graph.to_string();
    write!(out, "; traced\n{last}")?;
    let mut result = Ok(());
    passes::compile(graph, &options(args), &mut |pass, unit, time| {
        let text = unit.to_string();
        let shown = if text == last {
            "; (unchanged)\n"
        } else {
            &text
        };
        let us = time.as_secs_f64() * 1e6;
        let line = write!(
            out,
            "\n; after {}: {} ({us:.0} us)\n{shown}",
            pass.name, pass.about
        );
        result = std::mem::replace(&mut result, Ok(())).and(line);
        last = text;
    });
    Ok(result?)
}

/// One kernel as loop IR, after a pass or at the end.
fn kernel(args: &Args, graph: Verified<Graph>, name: &str) -> Result<()> {
    let after = args.after.as_deref().unwrap_or("plan");
    known_pass(after)?;
    let mut found = None;
    passes::compile(graph, &options(args), &mut |pass, unit, _| {
        if let (true, Unit::Program(p) | Unit::Planned(p, _)) = (pass.name == after, unit) {
            found = Some(p.kernels.clone());
        }
    });
    let Some(kernels) = found else {
        bail!("there are no kernels after {after}: the pass lower makes them");
    };
    let index = find(&kernels, name)?;
    Ok(write!(stdout(), "{}", kernels[index])?)
}

fn find(kernels: &[Kernel], name: &str) -> Result<usize> {
    let number = || name.parse::<usize>().ok().filter(|&i| i < kernels.len());
    match kernels.iter().position(|k| k.name == name).or_else(number) {
        Some(index) => Ok(index),
        None => {
            let known: Vec<&str> = kernels.iter().map(|k| k.name.as_str()).collect();
            bail!("there is no kernel {name}; there are {}", known.join(", "))
        }
    }
}

/// What Cranelift made of the kernels.
fn machine(args: &Args, graph: &Verified<Graph>) -> Result<()> {
    let options = runtime::Options {
        threads: 1,
        passes: options(args),
        codegen: codegen::Options {
            listing: true,
            ..codegen::Options::default()
        },
    };
    let step = runtime::Step::compile(graph, &options)?;
    let kernels = &step.program().kernels;
    let chosen = match &args.kernel {
        Some(name) => {
            let index = find(kernels, name)?;
            index..index + 1
        }
        None => 0..kernels.len(),
    };
    let (code, mut out) = (step.code(), stdout().lock());
    for i in chosen {
        if args.kernels {
            let vectors = match kernels[i].lanes > 1 {
                true => format!("{} bits", code.vector_bits(i)),
                false => "none".to_string(),
            };
            let refused = code.refused(i).map(|why| format!(" (not wider: {why})"));
            let refused = refused.unwrap_or_default();
            writeln!(
                out,
                "{i:4} {:32} grid {:8} vectors {:>9} code {:6} bytes in {:5.0} us  {}{}",
                code.name(i),
                kernels[i].grid(),
                vectors,
                code.size(i),
                code.time(i).as_secs_f64() * 1e6,
                computes(&step.program().steps, i),
                refused
            )?;
        }
        if args.clif {
            writeln!(
                out,
                "; kernel {}\n{}",
                code.name(i),
                code.clif(i).unwrap_or("")
            )?;
        }
        if args.asm {
            let text = code.disassembly(i).unwrap_or("");
            writeln!(out, "; kernel {}\n{text}", code.name(i))?;
        }
    }
    Ok(())
}

/// The layers and nodes of the first launch of a kernel.
fn computes(steps: &[Launch], kernel: usize) -> &str {
    let of = |step| match step {
        &Launch::Launch {
            kernel: k,
            ref from,
            ..
        } if k.0 as usize == kernel => Some(from.as_str()),
        _ => None,
    };
    steps.iter().find_map(of).unwrap_or("")
}

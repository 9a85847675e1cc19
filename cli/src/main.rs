//! The binary `craneflow`.
//!
//! Exit codes: 0 when all went well, 1 with a message on standard error when not, 2 for flags and
//! arguments that make no sense.

mod arrays;
mod bench;
mod choice;
mod data;
mod dump;
mod evaluate;
mod init;
mod predict;
mod profile;
mod run;
mod saved;
mod source;
mod summary;
mod train;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// A tensor compiler for CPUs: train models, look at what the compiler makes of them, run its text form.
#[derive(Parser)]
#[command(name = "craneflow", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write a commented description of a model, to be trained without writing Rust
    Init(init::Args),
    /// Train a described or built-in model; without arguments, a small one on the bundled digits
    Train(train::Args),
    /// Loss and metrics of a trained model on held-out data
    Evaluate(evaluate::Args),
    /// What a trained model says about files, folders or standard input
    Predict(predict::Args),
    /// Layers, shapes, parameters and memory of a built-in model or a saved one
    Summary(summary::Args),
    /// The program of a training step, or of an .ir file, after any pass; machine code too
    Dump(dump::Args),
    /// Run an .ir file on .npy arrays or generated inputs
    Run(run::Args),
    /// Measure a workload; prints one line of JSON
    Bench(bench::Args),
    /// Where the time of a workload, or of the graph in a file, goes: each kernel's time, arithmetic, memory and share of what is possible
    Profile(profile::Args),
    /// Data sets: which there are, and how to get them
    Data(data::Args),
}

fn main() -> ExitCode {
    let started = std::time::Instant::now();
    let result = match Cli::parse().command {
        Command::Init(args) => init::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Predict(args) => predict::run(&args),
        Command::Summary(args) => summary::run(&args),
        Command::Dump(args) => dump::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Bench(args) => bench::run(&args, started),
        Command::Profile(args) => profile::run(&args),
        Command::Data(args) => data::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of our output went away (`craneflow dump | head`): nothing is wrong.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", message(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes, without those that the text before them ends with already.
fn message(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.ends_with(&cause) {
            text += &format!(": {cause}");
        }
    }
    text
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}

//! `craneflow run`

use crate::arrays;
use crate::source::{self, Source};
use crate::train::positive;
use anyhow::{Context, Result, bail};
use craneflow::ir::loops::eval::eval_program;
use craneflow::ir::loops::{BufferKind, Program};
use craneflow::ir::{Array, Graph, Type, Verified, eval_graph};
use craneflow::nn::data::npy;
use craneflow::runtime::{Options, Step};
use std::io::{Write, stdout};
use std::path::PathBuf;

/// Runs a graph through the compiler, or a program in the reference interpreter.
#[derive(clap::Args)]
pub struct Args {
    /// The .ir file, or StableHLO as text or bytecode
    file: PathBuf,
    /// Values of inputs as name=file.npy; other inputs are made up from the seed
    #[arg(value_name = "NAME=FILE.npy")]
    inputs: Vec<String>,
    /// Decides about inputs that are made up
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often; a donated input takes the value of the output that replaces it
    #[arg(long, default_value_t = 1, value_parser = positive)]
    steps: usize,
    /// Threads; 0 is one for each core
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Use the reference interpreter of graphs
    #[arg(long)]
    interpret: bool,
    /// Compare every bit with the reference interpreter
    #[arg(long)]
    check: bool,
    /// Save outputs as .npy files in this folder
    #[arg(long, value_name = "FOLDER")]
    save: Option<PathBuf>,
    /// How many elements of each output to print
    #[arg(long, default_value_t = 16)]
    show: usize,
}

/// A named input or output.
struct Port {
    name: String,
    ty: Type,
}

pub fn run(args: &Args) -> Result<()> {
    if let Some(folder) = &args.save {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let (outputs, results) = match source::read(&args.file)? {
        Source::Graph(graph) => of_graph(args, &graph)?,
        Source::Program(program) => of_program(args, &program)?,
    };
    for (port, array) in outputs.iter().zip(&results) {
        writeln!(
            stdout(),
            "{}: {} = {}",
            port.name,
            port.ty,
            arrays::preview(array, args.show)
        )?;
        if let Some(folder) = &args.save {
            npy::write(
                folder.join(format!("{}.npy", port.name)),
                &arrays::to_npy(array),
            )?;
        }
    }
    Ok(())
}

fn of_graph(args: &Args, graph: &Verified<Graph>) -> Result<(Vec<Port>, Vec<Array>)> {
    let port = |name: &String, value| Port {
        name: name.clone(),
        ty: graph.ty(value).clone(),
    };
    let inputs: Vec<Port> = graph
        .inputs
        .iter()
        .map(|i| port(&i.name, i.value))
        .collect();
    let outputs = graph
        .outputs
        .iter()
        .map(|o| port(&o.name, o.value))
        .collect();
    let mut step = match args.interpret {
        true => None,
        false => {
            let options = Options::with_threads(args.threads);
            Some(Step::compile(graph, &options)?)
        }
    };
    if args.interpret || args.check {
        interpretable(graph)?;
    }
    let mut values = feeds(args, &inputs)?;
    let mut results = vec![];
    for n in 0..args.steps {
        if n > 0 {
            for (value, input) in values.iter_mut().zip(&graph.inputs) {
                if let Some(output) = input.donated {
                    *value = Array::clone(&results[output]);
                }
            }
        }
        results = match &mut step {
            Some(step) => step.run_arrays(&values)?,
            None => eval_graph(graph, &values),
        };
        if args.check && !args.interpret {
            compare(graph, &eval_graph(graph, &values), &results)?;
        }
    }
    if args.check {
        writeln!(stdout(), "same bits as the reference interpreter")?;
    }
    Ok((outputs, results))
}

/// An error if the values of one node, or the inputs, are too large to be allocated.
fn interpretable(graph: &Graph) -> Result<()> {
    for node in &graph.nodes {
        let values = node.operands.iter().chain(&node.results);
        let bytes = arrays::bytes(values.map(|&v| graph.ty(v)));
        arrays::room(
            &format!("operands and results of {}", node.op.name()),
            bytes,
        )?;
    }
    Ok(())
}

fn compare(graph: &Graph, expected: &[Array], found: &[Array]) -> Result<()> {
    for ((output, a), b) in graph.outputs.iter().zip(expected).zip(found) {
        if let Some(i) = (0..a.ty.count()).find(|&i| a.get(i) != b.get(i)) {
            bail!(
                "output {}: element {i} is {:?} in the reference interpreter and {:?} in compiled code",
                output.name,
                a.get(i),
                b.get(i)
            );
        }
    }
    Ok(())
}

fn of_program(args: &Args, program: &Program) -> Result<(Vec<Port>, Vec<Array>)> {
    let mut inputs = vec![];
    let mut outputs = vec![];
    for buffer in &program.buffers {
        let port = || Port {
            name: buffer.name.clone(),
            ty: buffer.ty.clone(),
        };
        match buffer.kind {
            BufferKind::Input(i) => inputs.push((i, port())),
            BufferKind::Output(o, _) => outputs.push((o, port())),
            _ => {}
        }
    }
    let in_order = |mut ports: Vec<(usize, Port)>| {
        ports.sort_by_key(|p| p.0);
        ports.into_iter().map(|p| p.1).collect::<Vec<_>>()
    };
    let (inputs, outputs) = (in_order(inputs), in_order(outputs));
    if args.steps > 1 {
        bail!(
            "--steps is for graphs; {} holds a program",
            args.file.display()
        );
    }
    for buffer in &program.buffers {
        let what = format!("buffer {}: {}", buffer.name, buffer.ty);
        arrays::room(&what, buffer.ty.bytes())?;
    }
    let values = feeds(args, &inputs)?;
    let results = eval_program(program, &values)?;
    Ok((outputs, results))
}

/// A value for every input, from files or made up.
fn feeds(args: &Args, inputs: &[Port]) -> Result<Vec<Array>> {
    let bytes = arrays::bytes(inputs.iter().map(|p| &p.ty));
    arrays::room("all inputs", bytes)?;
    let mut values: Vec<Option<Array>> = vec![None; inputs.len()];
    for feed in &args.inputs {
        let Some((name, file)) = feed.split_once('=') else {
            bail!("{feed}: inputs are given as name=file.npy");
        };
        let Some(i) = inputs.iter().position(|p| p.name == name) else {
            let known: Vec<&str> = inputs.iter().map(|p| p.name.as_str()).collect();
            bail!(
                "there is no input {name}; the inputs are {}",
                known.join(", ")
            );
        };
        let array = arrays::from_npy(&npy::read(file)?);
        if array.ty != inputs[i].ty {
            bail!(
                "input {name}: expected {}, {file} holds {}",
                inputs[i].ty,
                array.ty
            );
        }
        values[i] = Some(array);
    }
    let made_up = |(i, value): (usize, Option<Array>)| {
        value.unwrap_or_else(|| arrays::generated(&inputs[i].ty, args.seed + i as u64))
    };
    Ok(values.into_iter().enumerate().map(made_up).collect())
}

//! Run fixtures with other numbers, types, words and operands in them. What still is a well-typed graph
//! must compile and have the same bits on every engine; nothing may panic.

mod engines;

use craneflow_ir::loops::eval::eval_program;
use craneflow_ir::loops::{BufferKind, Program};
use craneflow_ir::text::{parse_graph, parse_program, parse_verified};
use craneflow_ir::verify::Verified;
use craneflow_ir::{Array, Builder, DType, Graph, Scalar, Type};
use craneflow_passes::{Options, compile};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Random numbers, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1);
        (self.0 >> 33) as usize % n
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

const NUMBERS: [&str; 14] = [
    "0", "1", "2", "3", "4", "5", "7", "16", "17", "20", "33", "-1", "-2", "-3",
];
const WORDS: [&str; 24] = [
    "sum", "product", "max", "min", "and", "or", "add", "multiply", "maximum", "minimum", "ge",
    "le", "lt", "gt", "eq", "replace", "subtract", "divide", "xor", "negate", "tanh", "convert",
    "philox", "threefry",
];

/// The text of every graph of the run fixtures.
fn graphs(dir: &Path, out: &mut Vec<String>) {
    let mut paths: Vec<_> = std::fs::read_dir(dir)
        .expect("fixtures")
        .map(|e| e.expect("a readable folder").path())
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            graphs(&path, out);
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a readable file");
        for graph in text.split("\ngraph @").skip(1) {
            let end = graph.find("\n}").expect("the end of a graph") + 2;
            out.push(format!("graph @{}", &graph[..end]));
        }
    }
}

/// Pieces of a text: words, numbers, and single characters.
fn pieces(text: &str) -> Vec<String> {
    let mut out: Vec<String> = vec![];
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '%' || c == '-';
    for c in text.chars() {
        match out.last_mut() {
            Some(last) if word(c) && last.ends_with(word) => last.push(c),
            _ => out.push(c.to_string()),
        }
    }
    out
}

fn mutate(text: &str, random: &mut Random) -> String {
    let mut pieces = pieces(text);
    for _ in 0..1 + random.below(3) {
        let i = random.below(pieces.len());
        let piece = pieces[i].clone();
        let names: Vec<&str> = DType::ALL.iter().map(|t| t.name()).collect();
        let digits = piece.trim_start_matches('-');
        if !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()) {
            pieces[i] = random.of(&NUMBERS).to_string();
        } else if names.contains(&&*piece) {
            let to = random.of(&names).to_string();
            // Mostly everywhere, so that types go on fitting together.
            match random.below(4) {
                0 => pieces[i] = to,
                _ => pieces
                    .iter_mut()
                    .filter(|p| **p == piece)
                    .for_each(|p| *p = to.clone()),
            }
        } else if WORDS.contains(&&*piece) {
            pieces[i] = random.of(&WORDS).to_string();
        } else if piece.starts_with('%') {
            let values: Vec<String> = pieces
                .iter()
                .filter(|p| p.starts_with('%'))
                .cloned()
                .collect();
            pieces[i] = values[random.below(values.len())].clone();
        }
    }
    pieces.concat()
}

/// The graph with the types that its ops infer; `None` when they do not fit together or are large.
fn retyped(g: &Graph) -> Option<Graph> {
    let mut b = Builder::new("mutated");
    let mut map = vec![];
    for node in &g.nodes {
        let results = match &node.op {
            craneflow_ir::Op::Input(op) => vec![b.input(&g.inputs[op.index].name, op.ty.clone())],
            craneflow_ir::Op::While(_) => return None,
            op => {
                let operands: Vec<_> = node.operands.iter().map(|v| map[v.0 as usize]).collect();
                b.push(op.clone(), &operands).ok()?
            }
        };
        let large = results.iter().any(|&v| b.ty(v).count() > 5000);
        if large || results.len() != node.results.len() {
            return None;
        }
        map.extend(results);
    }
    for (i, output) in g.outputs.iter().enumerate() {
        b.output(&format!("y{i}"), *map.get(output.value.0 as usize)?);
    }
    let g = b.finish();
    craneflow_ir::check_graph(&g).ok().map(|()| g)
}

fn array(ty: &Type, random: &mut Random) -> Array {
    Array::from_fn(ty.clone(), |_| {
        let x = random.below(60) as f64 / 8.0 - 3.0;
        match random.below(12) {
            0 => Scalar::from_f64(ty.dtype, f64::NAN),
            1 => Scalar::from_f64(ty.dtype, -1e30),
            _ => Scalar::from_f64(ty.dtype, x),
        }
    })
}

fn fixtures() -> Vec<String> {
    craneflow::import::install_host_functions();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/run");
    let mut texts = vec![];
    graphs(&root, &mut texts);
    texts
}

/// How many mutants to run; `CRANEFLOW_CASES` asks for others.
fn wanted() -> usize {
    let more = std::env::var("CRANEFLOW_CASES").ok();
    more.and_then(|n| n.parse().ok()).unwrap_or(300)
}

/// Runs mutants of `texts` until enough of them were worth running; `run` says which.
fn mutants(texts: &[String], run: impl Fn(&str, &mut Random) -> Option<()>) {
    let wanted = wanted();
    let mut random = Random(wanted as u64);
    let (mut ran, mut failures) = (0, vec![]);
    while ran < wanted {
        let text = mutate(&texts[random.below(texts.len())], &mut random);
        match catch_unwind(AssertUnwindSafe(|| run(&text, &mut random))) {
            Ok(None) => {}
            Ok(Some(())) => ran += 1,
            Err(_) => {
                ran += 1;
                failures.push(text);
            }
        }
    }
    let count = failures.len();
    assert!(
        failures.is_empty(),
        "{}\n{count} failures",
        failures.join("\n")
    );
}

#[test]
fn mutated_fixtures() {
    mutants(&fixtures(), |text, random| {
        let graph = retyped(&parse_graph(text).ok()?)?;
        let types = graph.inputs.iter().map(|i| graph.ty(i.value));
        let inputs: Vec<Array> = types.map(|t| array(t, random)).collect();
        engines::agree(&graph, &inputs);
        Some(())
    });
}

/// Verified programs, as a user may write them, run in the interpreter: to an end or to an error.
#[test]
fn mutated_programs() {
    let mut texts = vec![];
    for graph in fixtures().iter().filter(|g| !g.contains("while")) {
        let graph = parse_verified(graph).expect("a fixture");
        for (plain, vector_bits) in [(true, 0), (false, 128)] {
            let options = Options {
                plain,
                vector_bits,
                threads: 1,
                sharing: 1,
            };
            let (program, _) = compile(graph.clone(), &options, &mut |_, _, _| {});
            texts.push(program.to_string());
        }
    }
    mutants(&texts, |text, random| {
        let program = parse_program(text).ok()?;
        let program = Verified::program(program).ok()?;
        let inputs = program_inputs(&program, random)?;
        let _ = eval_program(&program, &inputs);
        Some(())
    });
}

/// Values for the inputs of a program; `None` when some buffer is large.
fn program_inputs(p: &Program, random: &mut Random) -> Option<Vec<Array>> {
    let mut inputs = vec![];
    for buffer in &p.buffers {
        if buffer.ty.count() > 5000 {
            return None;
        }
        if let BufferKind::Input(position) = buffer.kind {
            inputs.push((position, array(&buffer.ty, random)));
        }
    }
    inputs.sort_by_key(|(position, _)| *position);
    Some(inputs.into_iter().map(|(_, x)| x).collect())
}

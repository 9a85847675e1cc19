//! Damaged programs are errors, whatever is damaged. `CRANEFLOW_MUTATIONS` is how many are tried.

#[allow(dead_code)]
mod cases;

use craneflow_import::stablehlo::import;
use craneflow_ir::text::parse_graph;

/// A small generator (xorshift).
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..=rng.below(4) {
        let at = rng.below(bytes.len());
        match rng.below(7) {
            0 => bytes[at] = rng.below(256) as u8,
            1 => bytes[at] ^= 1 << rng.below(8),
            2 => bytes.truncate(at + 1),
            3 => bytes.insert(at, rng.below(256) as u8),
            4 => drop(bytes.remove(at)),
            5 => {
                let (from, n) = (rng.below(other.len()), rng.below(32));
                let piece = other[from..(from + n).min(other.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let n = rng.below(16).min(bytes.len() - at);
                bytes[at..at + n].fill(0xff);
            }
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
}

/// Whether a program is an error; the graph of one that is not prints and reads back.
fn is_refused(bytes: &[u8]) -> bool {
    let Ok(imported) = import(bytes) else {
        return true;
    };
    parse_graph(&imported.graph.to_string()).expect("what is printed reads back");
    false
}

#[test]
fn damaged_programs_are_errors() {
    let count = std::env::var("CRANEFLOW_MUTATIONS").ok();
    let count = count.map_or(4000, |n| n.parse().expect("a number"));
    let cases = cases::corpus();
    let small: Vec<_> = cases.iter().filter(|c| c.code.len() < 6000).collect();
    let mut rng = Rng(0x9e37_79b9_7f4a_7c15);
    let mut refused = 0;
    for i in 0..count {
        let (case, other) = (small[rng.below(small.len())], small[rng.below(small.len())]);
        let (mut bytes, other) = match i % 2 {
            0 => (case.code.clone(), &other.code[..]),
            _ => (case.text.clone().into_bytes(), other.text.as_bytes()),
        };
        mutate(&mut rng, &mut bytes, other);
        let caught = std::panic::catch_unwind(|| is_refused(&bytes));
        match caught {
            Ok(error) => refused += error as usize,
            Err(_) => {
                let path = std::env::temp_dir().join(format!("craneflow-mutation-{i}"));
                std::fs::write(&path, &bytes).expect("a file");
                panic!(
                    "a mutation of {} panics; it is in {}",
                    case.name,
                    path.display()
                );
            }
        }
    }
    assert!(refused * 3 > count, "{refused} of {count} are errors");
}

#[test]
fn results_declared_as_narrow_types_that_they_are_not_are_errors() {
    for declared in ["i4", "ui2", "f8E4M3FN"] {
        for operand in ["f32", "i32", "i8", "i1"] {
            let (x, y) = (format!("tensor<{operand}>"), format!("tensor<{declared}>"));
            let program = format!(
                "func.func public @main(%arg0: {x}) -> {y} {{\n  \
                 %0 = \"stablehlo.add\"(%arg0, %arg0) : ({x}, {x}) -> {y}\n  return %0 : {y}\n}}\n"
            );
            let expected =
                declared == "i4" && operand == "i8" || declared == "f8E4M3FN" && operand == "f32";
            assert_eq!(import(program.as_bytes()).is_ok(), expected, "{program}");
        }
    }
}

#[test]
fn every_beginning_is_an_error() {
    for case in cases::corpus()
        .iter()
        .filter(|c| c.code.len() < 3000)
        .take(12)
    {
        for n in 0..case.code.len() {
            assert!(
                import(&case.code[..n]).is_err(),
                "{n} bytes of {}",
                case.name
            );
        }
    }
}

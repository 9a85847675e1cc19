//! Running traced functions on the arrays of a golden file, and comparing.

use craneflow_ir::{Array, DType, Type};
use craneflow_nn::checkpoint::{Checkpoint, read};
use craneflow_nn::trace::Function;
use craneflow_nn::{Tensor, Tracer};
use std::collections::BTreeSet;
use std::path::Path;

/// The arrays of a file beside this one.
pub fn file(name: &str) -> Checkpoint {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens");
    read(path.join(format!("{name}.safetensors"))).unwrap_or_else(|e| panic!("{e}"))
}

/// The arrays of one case, by the rest of their name.
pub struct Case<'a> {
    pub name: &'a str,
    file: &'a Checkpoint,
}

impl Case<'_> {
    pub fn of<'a>(file: &'a Checkpoint, name: &'a str) -> Case<'a> {
        Case { name, file }
    }

    pub fn get(&self, key: &str) -> Option<&Array> {
        self.file.tensors.get(&format!("{}/{key}", self.name))
    }

    pub fn need(&self, key: &str) -> &Array {
        self.get(key)
            .unwrap_or_else(|| panic!("{}: the file has no {key}", self.name))
    }

    /// `<key>0`, `<key>1`, ..
    pub fn numbered(&self, key: &str) -> Vec<&Array> {
        (0..)
            .map_while(|i| self.get(&format!("{key}{i}")))
            .collect()
    }

    /// Names that begin with `prefix`, without it.
    pub fn names(&self, prefix: &str) -> Vec<String> {
        let full = format!("{}/{prefix}", self.name);
        let names = self.file.tensors.keys();
        names
            .filter_map(|n| Some(n.strip_prefix(&full)?.to_string()))
            .collect()
    }
}

/// Asserts that a file has exactly these cases.
pub fn same_cases<'a>(file: &Checkpoint, cases: impl IntoIterator<Item = &'a str>) {
    let in_file: BTreeSet<&str> = file
        .tensors
        .keys()
        .filter_map(|n| Some(n.split_once('/')?.0))
        .collect();
    let in_table: BTreeSet<&str> = cases.into_iter().collect();
    let missing: Vec<_> = in_file.difference(&in_table).collect();
    let unknown: Vec<_> = in_table.difference(&in_file).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "not walked: {missing:?}; no numbers: {unknown:?}"
    );
}

/// What outputs are multiplied by before they are summed to a scalar.
pub fn weighted_sum(y: &Tensor) -> Tensor {
    let ty = Type::new(DType::F32, y.shape().clone());
    let factor = |i: usize| 0.5 + (7 * i % 11) as f64 / 11.0;
    let factors = (0..ty.count()).map(factor).collect::<Vec<_>>();
    let factors = y.tracer().constant(Array::from_f64(ty, &factors));
    (y * factors).sum(&[])
}

/// Compiles a trace and runs it on arrays by name; inputs without an array are zeros.
pub fn run(tracer: Tracer, feeds: &[(String, &Array)]) -> Result<Vec<(String, Array)>, String> {
    let graph = tracer.finish().map_err(|e| e.to_string())?;
    let names: Vec<String> = graph.outputs.iter().map(|o| o.name.clone()).collect();
    let mut function = Function::compile(graph, &Default::default()).map_err(|e| e.to_string())?;
    let known: Vec<String> = function.inputs().iter().map(|p| p.name.clone()).collect();
    let used = feeds.iter().filter(|(name, _)| known.contains(name));
    let feeds: Vec<_> = used.map(|(name, a)| (name.as_str(), (*a).into())).collect();
    let results = function.call_named(&feeds).map_err(|e| e.to_string())?;
    Ok(names
        .into_iter()
        .zip(results.arrays().iter().cloned())
        .collect())
}

/// What is wrong with an array: more than `tolerance` away, relative to the greatest number expected
/// or to 1.
pub fn compare(what: &str, found: &Array, expected: &Array, tolerance: f64) -> Result<(), String> {
    if found.ty.shape != expected.ty.shape {
        return Err(format!("{what}: {} instead of {}", found.ty, expected.ty));
    }
    let (a, b) = (found.to_f64(), expected.to_f64());
    let scale = b.iter().fold(1.0f64, |m, x| m.max(x.abs()));
    let off = |(a, b): (&f64, &f64)| (a - b).abs() / scale;
    let worst = a.iter().zip(&b).map(off).fold(
        0.0,
        |m: f64, x| if x.is_nan() { f64::NAN } else { m.max(x) },
    );
    match worst <= tolerance {
        true => Ok(()),
        false => {
            let head = |x: &[f64]| {
                x.iter()
                    .take(8)
                    .map(|v| format!("{v:.6}"))
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            Err(format!(
                "{what}: off by {worst:e}\n  found    {}\n  expected {}",
                head(&a),
                head(&b)
            ))
        }
    }
}

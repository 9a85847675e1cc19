//! Programs lowered by JAX, imported and run, against the results of JAX's CPU backend.
//! `make_corpus.py` has the programs and the format; `CRANEFLOW_CORPUS` names another file.

mod cases;

use cases::Case;
use craneflow_import::stablehlo::{Imported, import};
use craneflow_ir::{Array, DType, eval_graph};
use craneflow_runtime::{Options, Step};

/// What a gradient may be that is 0 but for rounding.
const NOTHING: f64 = 3e-9;

/// Relative error that is allowed, of the largest magnitude in the result as well.
fn tolerance(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => 1e-10,
        DType::F32 => 3e-5,
        DType::F16 => 4e-3,
        DType::BF16 => 3e-2,
        _ => 0.0,
    }
}

/// The first difference that is too large.
fn difference(found: &Array, expected: &Array) -> Option<String> {
    if found.ty != expected.ty {
        return Some(format!("is {}, not {}", found.ty, expected.ty));
    }
    let tolerance = tolerance(found.ty.dtype);
    let (a, b) = (found.to_f64(), expected.to_f64());
    let scale = b
        .iter()
        .filter(|v| v.is_finite())
        .fold(0.0, |m: f64, v| m.max(v.abs()));
    let far = |&i: &usize| {
        let same = a[i] == b[i] || (a[i].is_nan() && b[i].is_nan());
        let error = (a[i] - b[i]).abs();
        // A comparison with NaN is false.
        let near = error
            <= tolerance * b[i].abs()
                + 0.1 * tolerance * scale.min(10.0)
                + NOTHING * tolerance.signum();
        !same && !near
    };
    let i = (0..a.len()).find(far)?;
    let count = (0..a.len()).filter(far).count();
    Some(format!(
        "{}: element {i} is {}, not {} ({count} differ)",
        found.ty, a[i], b[i]
    ))
}

fn compare(engine: &str, case: &Case, found: &[Array]) -> Vec<String> {
    if found.len() != case.outputs.len() {
        return vec![format!(
            "{engine}: {} results, not {}",
            found.len(),
            case.outputs.len()
        )];
    }
    let pairs = found.iter().zip(&case.outputs).enumerate();
    let bad =
        pairs.filter_map(|(i, (a, b))| Some(format!("{engine}: result {i} {}", difference(a, b)?)));
    bad.collect()
}

fn check(case: &Case, program: &Imported) -> Vec<String> {
    let mut bad = compare(
        "interpreter",
        case,
        &eval_graph(&program.graph, &case.inputs),
    );
    match Step::compile(&program.graph, &Options::default()) {
        Err(e) => bad.push(e.to_string()),
        Ok(mut step) => match step.run_arrays(&case.inputs) {
            Err(e) => bad.push(e.to_string()),
            Ok(found) => bad.extend(compare("step", case, &found)),
        },
    }
    bad
}

/// Operations that text shows without what they are made of, and that are known in bytecode only.
const BYTECODE_ONLY: [&str; 4] = ["unary_lgamma", "unary_digamma", "unary_bessel", "samplers"];

#[test]
fn programs_of_jax_compute_what_jax_does() {
    let mut failures = vec![];
    let cases = cases::corpus();
    for case in &cases {
        let mut bad = vec![];
        for (form, bytes) in [("bytecode", &case.code[..]), ("text", case.text.as_bytes())] {
            match import(bytes) {
                Ok(program) => bad.extend(
                    check(case, &program)
                        .into_iter()
                        .map(|m| format!("{form}: {m}")),
                ),
                Err(e) => {
                    let expected = form == "text" && BYTECODE_ONLY.contains(&&*case.name);
                    let named = e
                        .to_string()
                        .contains("bytecode of the same program has one");
                    if !(expected && named) {
                        bad.push(format!("{form}: {e}"));
                    }
                }
            }
        }
        failures.extend(bad.into_iter().map(|m| format!("{}: {m}", case.name)));
    }
    assert!(!cases.is_empty());
    assert!(
        failures.is_empty(),
        "{} of {} cases:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

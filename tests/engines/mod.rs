//! Every engine on one graph: the reference interpreter, the loop interpreter after the whole pipeline,
//! and machine code, with and without vectors, on one thread and two, as made and as written down and read
//! again. All must have the same bits, and
//! what is printed must parse to the same graph and program.

use craneflow_ir::eval::eval_graph;
use craneflow_ir::loops::eval::eval_program;
use craneflow_ir::loops::verify::verify_program;
use craneflow_ir::text::{parse_graph, parse_program};
use craneflow_ir::{Array, Graph, Scalar, Verified, check_graph};
use craneflow_passes::{Unit, compile};
use craneflow_runtime::{Executable, Options, Step};
use std::sync::Arc;

/// Panics with what differs.
pub fn agree(graph: &Graph, x: &[Array]) {
    let verified = Verified::graph(graph.clone()).unwrap_or_else(|e| panic!("{e}\n{graph}"));
    let parsed = parse_graph(&graph.to_string());
    assert!(parsed.as_ref() == Ok(graph), "{parsed:?} from\n{graph}");
    let expect = eval_graph(graph, x);
    let wide = [(false, 256, 1), (false, 512, 2)];
    let narrow = [(true, 0, 1), (false, 0, 2), (false, 128, 2)];
    for (plain, vector_bits, threads) in narrow.into_iter().chain(wide) {
        let passes = craneflow_passes::Options {
            plain,
            vector_bits,
            threads,
            sharing: threads,
        };
        let (program, _) = compile(verified.clone(), &passes, &mut |pass, unit, _| {
            if let Unit::Graph(g) = unit {
                check_graph(g).unwrap_or_else(|e| panic!("after {}: {e}\n{g}", pass.name));
                same_all(pass.name, graph, &expect, &eval_graph(g, x));
            }
        });
        verify_program(&program).unwrap_or_else(|e| panic!("{e}\n{program}"));
        let parsed = parse_program(&program.to_string());
        assert!(
            parsed.as_ref() == Ok(&program),
            "{parsed:?} from\n{program}"
        );
        let loops = eval_program(&program, x).expect("a verified program runs");
        same_all("loop interpreter", graph, &expect, &loops);
        let options = Options {
            threads,
            passes,
            ..Options::default()
        };
        let mut step = Step::compile(&verified, &options).unwrap_or_else(|e| panic!("{e}"));
        let found = step.run_arrays(x).expect("inputs fit");
        same_all("machine code", graph, &expect, &found);
        if let Some(saved) = step.executable().save(&options) {
            let loaded = Executable::load(&verified, &options, &saved);
            let loaded = loaded.unwrap_or_else(|e| panic!("{e}\n{graph}"));
            assert_eq!(loaded.plan(), step.plan());
            let mut step = Step::new(Arc::new(loaded)).unwrap_or_else(|e| panic!("{e}"));
            let found = step.run_arrays(x).expect("inputs fit");
            same_all("saved machine code", graph, &expect, &found);
        }
    }
}

fn same_all(engine: &str, graph: &Graph, expect: &[Array], found: &[Array]) {
    for (i, (e, f)) in expect.iter().zip(found).enumerate() {
        assert!(
            same(e, f),
            "{engine}, output {i}: {f:?}, expected {e:?}\n{graph}"
        );
    }
}

/// Equal types and elements.
pub fn same(a: &Array, b: &Array) -> bool {
    a.ty == b.ty && a.iter().zip(b.iter()).all(|(a, b)| equal(a, b))
}

/// Equal bits; all NaNs are one.
fn equal(a: Scalar, b: Scalar) -> bool {
    let nan = |s: Scalar| s.ty.is_float() && s.to_f64().is_nan();
    a == b || (nan(a) && nan(b))
}

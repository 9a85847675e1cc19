//! Executables on buffers of the caller: borrowed, donated, several at once, empty.

use craneflow_ir::{Array, Builder, DType, Graph, Type, Verified, eval};
use craneflow_runtime::arena::AlignedBuf;
use craneflow_runtime::{Argument, Executable, LoadError, Options, RunError, Workspace};
use std::sync::Arc;
use std::thread;

fn f32s(shape: &[usize]) -> Type {
    Type::new(DType::F32, shape)
}

fn compile(graph: &Verified<Graph>) -> Arc<Executable> {
    Arc::new(Executable::compile(graph, &Options::default()).expect("compiles"))
}

/// `w - 0.5 * x`, which replaces `w`, and the sum of `w * x`.
fn update(n: usize) -> Verified<Graph> {
    let mut b = Builder::new("update");
    let (w, x) = (b.input("w", f32s(&[n])), b.input("x", f32s(&[n])));
    let half = b.like(x, 0.5);
    let step = b.mul(x, half);
    let new = b.sub(w, step);
    let product = b.mul(w, x);
    let sum = b.sum(product, &[0]);
    b.output("w", new);
    b.output("sum", sum);
    b.donate(0, 0);
    Verified::graph(b.finish()).expect("right")
}

fn numbers(n: usize, seed: usize) -> Array {
    let value = |i: usize| ((i * 29 + seed * 7) % 41) as f64 / 8.0 - 2.0;
    Array::from_f64(f32s(&[n]), &(0..n).map(value).collect::<Vec<_>>())
}

fn buffer(array: &Array) -> AlignedBuf {
    AlignedBuf::from_slice(array.bytes()).expect("memory")
}

#[test]
fn borrowed_inputs_are_kept_and_donated_ones_replaced_at_new_addresses() {
    let graph = update(100);
    let mut workspace = Workspace::new(&compile(&graph)).expect("memory");
    for seed in 0..4 {
        let (w, x) = (numbers(100, seed), numbers(100, seed + 10));
        let expect = eval::eval_graph(&graph, &[w.clone(), x.clone()]);
        let (mut donated, kept) = (buffer(&w), buffer(&x));
        let mut sum = AlignedBuf::zeroed(4).expect("memory");
        let inputs = &mut [
            Argument::Donated(donated.bytes_mut()),
            Argument::Borrowed(kept.bytes()),
        ];
        workspace
            .run(inputs, &mut [sum.bytes_mut()])
            .expect("a right call");
        assert_eq!(donated.bytes(), expect[0].bytes());
        assert_eq!(sum.bytes(), expect[1].bytes());
        assert_eq!(kept.bytes(), x.bytes());
    }
}

#[test]
fn several_threads_run_one_executable() {
    let graph = update(5000);
    let executable = compile(&graph);
    thread::scope(|scope| {
        for seed in 0..4 {
            let (graph, executable) = (&graph, &executable);
            scope.spawn(move || {
                let mut workspace = Workspace::new(executable).expect("memory");
                let (w, x) = (numbers(5000, seed), numbers(5000, seed + 3));
                let expect = eval::eval_graph(graph, &[w.clone(), x.clone()]);
                for _ in 0..50 {
                    let (mut donated, kept) = (buffer(&w), buffer(&x));
                    let mut sum = AlignedBuf::zeroed(4).expect("memory");
                    let inputs = &mut [
                        Argument::Donated(donated.bytes_mut()),
                        Argument::Borrowed(kept.bytes()),
                    ];
                    workspace
                        .run(inputs, &mut [sum.bytes_mut()])
                        .expect("a right call");
                    assert_eq!(donated.bytes(), expect[0].bytes());
                    assert_eq!(sum.bytes(), expect[1].bytes());
                }
            });
        }
    });
}

#[test]
fn shapes_without_elements() {
    let mut b = Builder::new("empty");
    let (x, y) = (b.input("x", f32s(&[0, 3])), b.input("y", f32s(&[2])));
    let double = b.add(x, x);
    let sums = b.sum(x, &[0]);
    let y = b.add(y, y);
    for (name, value) in [("double", double), ("sums", sums), ("y", y)] {
        b.output(name, value);
    }
    let graph = Verified::graph(b.finish()).expect("right");
    let mut workspace = Workspace::new(&compile(&graph)).expect("memory");
    let y = buffer(&Array::f32([2], &[1.0, 2.0]));
    let mut outputs = [0, 12, 8].map(|bytes| AlignedBuf::zeroed(bytes).expect("memory"));
    outputs[1].bytes_mut().fill(0xff);
    let inputs = &mut [Argument::Borrowed(&[]), Argument::Borrowed(y.bytes())];
    let places = &mut outputs.each_mut().map(AlignedBuf::bytes_mut);
    workspace.run(inputs, places).expect("a right call");
    assert_eq!(outputs[1].slice::<f32>().expect("f32"), [0.0; 3]);
    assert_eq!(outputs[2].slice::<f32>().expect("f32"), [2.0, 4.0]);
}

#[test]
fn wrong_calls_are_refused() {
    let mut workspace = Workspace::new(&compile(&update(4))).expect("memory");
    let (mut w, x) = (buffer(&numbers(4, 0)), buffer(&numbers(4, 1)));
    let mut sum = [0; 4];
    let mut refused = |inputs: &mut [Argument<'_>], outputs: &mut [&mut [u8]]| -> String {
        let error: RunError = workspace.run(inputs, outputs).expect_err("a wrong call");
        error.to_string()
    };
    let borrowed = || Argument::Borrowed(x.bytes());
    assert_eq!(
        refused(&mut [borrowed()], &mut [&mut sum]),
        "the program takes 2 inputs, found 1"
    );
    assert_eq!(
        refused(&mut [borrowed(), borrowed()], &mut [&mut sum]),
        "an output replaces input w: its buffer must be given away"
    );
    assert_eq!(
        refused(
            &mut [
                Argument::Donated(w.bytes_mut()),
                Argument::Borrowed(&[0; 5])
            ],
            &mut [&mut sum]
        ),
        "input x (f32[4]) takes 16 bytes, found 5"
    );
    assert_eq!(
        refused(&mut [Argument::Donated(w.bytes_mut()), borrowed()], &mut []),
        "1 outputs replace no input and need a place, found 0 places"
    );
    assert_eq!(
        refused(
            &mut [Argument::Donated(w.bytes_mut()), borrowed()],
            &mut [&mut sum[..2]]
        ),
        "output sum (f32[]) takes 4 bytes, found 2"
    );
}

#[test]
fn executables_go_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Executable>();
    shared::<Workspace>();
}

#[test]
fn what_is_saved_is_loaded_and_damage_is_seen() {
    let graph = update(100);
    let options = Options::default();
    let executable = Executable::compile(&graph, &options).expect("compiles");
    let saved = executable.save(&options).expect("code without calls");
    let loaded = Executable::load(&graph, &options, &saved).expect("whole");
    assert_eq!(loaded.peak_bytes(), executable.peak_bytes());
    let mut workspace = Workspace::new(&Arc::new(loaded)).expect("memory");
    let (w, x) = (numbers(100, 1), numbers(100, 2));
    let expect = eval::eval_graph(&graph, &[w.clone(), x.clone()]);
    let (mut donated, kept) = (buffer(&w), buffer(&x));
    let mut sum = AlignedBuf::zeroed(4).expect("memory");
    let inputs = &mut [
        Argument::Donated(donated.bytes_mut()),
        Argument::Borrowed(kept.bytes()),
    ];
    (workspace.run(inputs, &mut [sum.bytes_mut()])).expect("a right call");
    assert_eq!(donated.bytes(), expect[0].bytes());
    assert_eq!(sum.bytes(), expect[1].bytes());

    for len in 0..saved.len() {
        assert!(
            Executable::load(&graph, &options, &saved[..len]).is_err(),
            "{len}"
        );
    }
    // Damage outside of the code is for who keeps the bytes to find; here it must not be run.
    let code = saved.len() - 64;
    for at in code..saved.len() {
        let mut damaged = saved.clone();
        damaged[at] ^= 1;
        assert!(
            Executable::load(&graph, &options, &damaged).is_err(),
            "{at}"
        );
    }
    assert!(Executable::load(&update(101), &options, &saved).is_err());
    let baseline = Options {
        codegen: craneflow_codegen::Options {
            target: craneflow_codegen::Target::Baseline,
            ..options.codegen.clone()
        },
        ..options
    };
    let other = Executable::load(&graph, &baseline, &saved);
    assert!(matches!(other, Err(LoadError::Code(_))), "{other:?}");
}

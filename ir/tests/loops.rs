//! The interpreter and the verifier of the loop IR: a right kernel, and one per way to be wrong.

use craneflow_ir::loops::build::KernelBuilder;
use craneflow_ir::loops::eval::{LoopError, eval_kernel, eval_program};
use craneflow_ir::loops::verify::{verify_kernel, verify_program};
use craneflow_ir::loops::*;
use craneflow_ir::{Array, Cmp, DType, Emit, Native, Scalar, Type};

fn bytes(x: &[f32]) -> Vec<u8> {
    x.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn floats(b: &[u8]) -> Vec<f32> {
    let word = |c: &[u8]| f32::from_le_bytes(c.try_into().unwrap());
    b.chunks(4).map(word).collect()
}

/// `y[i] = 2 * x[i] + i`, over `3 x 4` elements, one row per grid item.
fn scaled() -> Kernel {
    let mut k = KernelBuilder::new("scaled", 3);
    let x = k.param(DType::F32, 12, Access::Read);
    let y = k.param(DType::F32, 12, Access::Write);
    let row = k.grid().mul(4);
    k.each(4, LoopKind::Lanes, |k, j| {
        let at = row.add(&j);
        let (two, v) = (k.constant(Scalar::f32(2.0)), k.load(x, &at));
        let i = k.index_value(&at);
        let i = k.native(Native::Convert(DType::F32), &[i]);
        let v = k.native(Native::Fma, &[two, v, i]);
        k.store(y, &at, v);
    });
    k.finish()
}

/// `y[4 * i ..] = x[4 * i ..] + x[3 - j]`, by vectors of 4 lanes; the epilogue sets the last element.
fn vectors() -> Kernel {
    let at = |c| Affine {
        offset: 0,
        terms: vec![(Term::Loop(GRID), c)],
    };
    let float = |inst, vector| ValDef {
        inst,
        dtype: DType::F32,
        vector,
    };
    let offset = |offset| Affine {
        offset,
        terms: vec![],
    };
    let (x, y) = (Mem::Param(0), Mem::Param(1));
    let param = |access| Param {
        dtype: DType::F32,
        len: 9,
        access,
    };
    Kernel {
        name: "vectors".into(),
        params: vec![param(Access::Read), param(Access::Write)],
        lanes: 4,
        lane_bits: 32,
        loops: vec![LoopDef {
            extent: 2,
            kind: LoopKind::Serial,
        }],
        vals: vec![
            float(Inst::Load(x, at(4)), true),
            float(Inst::Gather(x, offset(3), -1), true),
            float(Inst::Native(Native::Add, vec![Val(0), Val(1)]), true),
            float(Inst::Const(1.5f32.to_bits() as u64), false),
        ],
        prologue: vec![Stmt::Let(Val(1))],
        body: vec![
            Stmt::Let(Val(0)),
            Stmt::Let(Val(2)),
            Stmt::Store(y, at(4), Val(2)),
        ],
        epilogue: vec![Stmt::Let(Val(3)), Stmt::Store(y, offset(8), Val(3))],
        ..Kernel::default()
    }
}

#[test]
fn scalars_vectors_and_parts_of_the_grid() {
    let x: Vec<f32> = (0..12).map(|i| i as f32).collect();
    let k = scaled();
    verify_kernel(&k).unwrap();
    let mut args = [bytes(&x), vec![0; 48]];
    eval_kernel(&k, &mut args, 1, 2).unwrap();
    let want = [0., 0., 0., 0., 12., 15., 18., 21., 0., 0., 0., 0.];
    assert_eq!(floats(&args[1]), want);

    let k = vectors();
    verify_kernel(&k).unwrap();
    let mut args = [bytes(&x[..9]), vec![0; 36]];
    eval_kernel(&k, &mut args, 0, 1).unwrap();
    assert_eq!(
        floats(&args[1]),
        [3., 3., 3., 3., 0., 0., 0., 0., 0.],
        "no epilogue"
    );
    eval_kernel(&k, &mut args, 1, 2).unwrap();
    assert_eq!(floats(&args[1]), [3., 3., 3., 3., 7., 7., 7., 7., 1.5]);
}

/// `y[i] = i < 2 ? x[i] : 0` with a condition, a register and a tile.
fn guarded() -> Kernel {
    let mut k = KernelBuilder::new("guarded", 4);
    let x = k.param(DType::F32, 2, Access::Read);
    let y = k.param(DType::F32, 4, Access::Write);
    let tile = k.scratch(DType::F32, 1);
    let i = k.grid();
    let inside = k.within(&i, 0, 2);
    let v = k.choose(inside, |k| k.load(x, &i), |k| k.constant(Scalar::f32(0.0)));
    k.store(tile, &0.into(), v);
    let v = k.load(tile, &0.into());
    k.store(y, &i, v);
    k.finish()
}

#[test]
fn conditions_registers_and_tiles() {
    let mut k = guarded();
    verify_kernel(&k).unwrap();
    let mut args = [bytes(&[5., 6.]), vec![1; 16]];
    eval_kernel(&k, &mut args, 0, 4).unwrap();
    assert_eq!(floats(&args[1]), [5., 6., 0., 0.]);

    let store = k
        .body
        .iter()
        .position(|s| matches!(s, Stmt::Store(Mem::Scratch(_), ..)));
    k.body.remove(store.unwrap());
    let error = eval_kernel(&k, &mut args, 0, 4).unwrap_err();
    assert!(
        matches!(error, LoopError::Undefined { index: 0, .. }),
        "{error}"
    );
}

#[track_caller]
fn rejected(rule: &str, k: Kernel, change: impl FnOnce(&mut Kernel)) {
    let mut wrong = k;
    verify_kernel(&wrong).unwrap();
    change(&mut wrong);
    let error = verify_kernel(&wrong).unwrap_err();
    assert_eq!(error.rule, rule, "{error}");
}

#[test]
fn every_kernel_rule_rejects() {
    rejected("K1", vectors(), |k| k.body.push(Stmt::Let(Val(9))));
    rejected("K1", vectors(), |k| {
        k.vals[0].inst = Inst::Load(Mem::Scratch(0), Affine::default())
    });
    rejected("K2", vectors(), |k| k.body.push(Stmt::Let(Val(0))));
    rejected("K2", vectors(), |k| {
        k.epilogue
            .push(Stmt::Store(Mem::Param(1), Affine::default(), Val(0)))
    });
    rejected("K3", scaled(), |k| k.loops[1].extent = 0);
    rejected("K3", scaled(), |k| k.epilogue = k.body.clone());
    rejected("K4", vectors(), |k| k.vals[3].inst = Inst::Const(1 << 40));
    rejected("K4", vectors(), |k| k.vals[2].dtype = DType::I32);
    rejected("K4", vectors(), |k| k.params[1].dtype = DType::I32);
    rejected("K5", vectors(), |k| {
        k.vals[0].vector = false;
        k.vals[2].inst = Inst::Native(Native::Add, vec![Val(0), Val(1)]);
    });
    rejected("K6", vectors(), |k| k.lane_bits = 64);
    rejected("K6", vectors(), |k| k.lanes = 3);
    rejected("K7", vectors(), |k| k.params[0].len = 7);
    rejected("K7", vectors(), |k| k.params[1].len = 8);
    rejected("K7", scaled(), |k| k.params[1].len = 11);
    rejected("K8", vectors(), |k| k.params[0].access = Access::Write);
    rejected("K8", vectors(), |k| k.params[1].access = Access::Read);
    rejected("K9", guarded(), |k| {
        for s in &mut k.body {
            if let Stmt::If(_, _, otherwise) = s {
                otherwise.clear()
            }
        }
    });
    rejected("K10", guarded(), |k| {
        for v in &mut k.vals {
            if let Inst::Native(Native::Cmp(Cmp::Lt), args) = &v.inst {
                (v.inst, v.dtype) = (Inst::Native(Native::Add, args.clone()), DType::I64)
            }
        }
    });
}

fn buffer(name: &str, ty: &Type, kind: BufferKind) -> Buffer {
    Buffer {
        name: name.into(),
        ty: ty.clone(),
        kind,
    }
}

/// Scales `x` by a kernel, adds the constant by the graph interpreter while a counter is below 2.
fn program() -> Program {
    let ty = Type::new(DType::F32, [3, 4]);
    let launch = |from, to| Step::Launch {
        kernel: KernelId(0),
        args: vec![from, to],
        from: String::new(),
    };
    Program {
        name: "program".into(),
        buffers: vec![
            buffer("x", &ty, BufferKind::Input(0)),
            buffer("t", &ty, BufferKind::Temp),
            buffer("y", &ty, BufferKind::Output(0, None)),
            buffer(
                "no",
                &Type::scalar(DType::Bool),
                BufferKind::Constant(Array::scalar(Scalar::bool(false))),
            ),
            buffer(
                "one",
                &Type::scalar(DType::I32),
                BufferKind::Constant(Array::scalar(Scalar::int(DType::I32, 1))),
            ),
        ],
        kernels: vec![scaled()],
        steps: vec![
            launch(Buf(0), Buf(1)),
            Step::While {
                cond: vec![],
                pred: Buf(3),
                body: vec![Step::Copy {
                    from: Buf(0),
                    to: Buf(1),
                }],
            },
            Step::Case {
                index: Buf(4),
                branches: vec![
                    vec![Step::Copy {
                        from: Buf(0),
                        to: Buf(2),
                    }],
                    vec![launch(Buf(1), Buf(2))],
                ],
            },
        ],
    }
}

#[test]
fn programs() {
    let p = program();
    verify_program(&p).unwrap();
    let x: Vec<f32> = (0..12).map(|i| i as f32).collect();
    let out = eval_program(&p, &[Array::f32([3, 4], &x)]).unwrap();
    let want: Vec<f64> = (0..12).map(|i| 7.0 * i as f64).collect();
    assert_eq!(out[0].to_f64(), want);
    assert!(eval_program(&p, &[]).is_err());
}

/// Reverses the rows of `x` into `y`, which alternates with `t`... through views of both.
fn repeating(views: Vec<(Buf, View)>, count: usize) -> Program {
    let mut p = program();
    let row = Type::new(DType::F32, [4]);
    p.buffers.push(buffer("from", &row, BufferKind::View));
    p.buffers.push(buffer("to", &row, BufferKind::View));
    let body = vec![Step::Copy {
        from: Buf(5),
        to: Buf(6),
    }];
    p.steps = vec![Step::Repeat {
        count,
        parts: 1,
        views,
        body,
    }];
    p
}

fn slice(of: u32, first: usize, step: i64) -> View {
    let of = Buf(of);
    View::Slice { of, first, step }
}

#[test]
fn repeats() {
    let p = repeating(vec![(Buf(5), slice(0, 8, -4)), (Buf(6), slice(2, 0, 4))], 3);
    verify_program(&p).unwrap();
    let x: Vec<f32> = (0..12).map(|i| i as f32).collect();
    let out = eval_program(&p, &[Array::f32([3, 4], &x)]).unwrap();
    let want = [8., 9., 10., 11., 4., 5., 6., 7., 0., 1., 2., 3.];
    assert_eq!(out[0].to_f64(), want);
}

#[test]
fn wrong_repeats() {
    let wrong = |rule: &str, views: &[(u32, View)], count: usize| {
        let views = views.iter().map(|&(v, view)| (Buf(v), view)).collect();
        let error = verify_program(&repeating(views, count)).unwrap_err();
        assert_eq!(error.rule, rule, "{error}");
    };
    let (from, to) = ((5, slice(0, 8, -4)), (6, slice(2, 0, 4)));
    wrong("P6", &[from, to], 0);
    wrong("P6", &[from, to], 4);
    wrong("P6", &[from], 3);
    wrong("P6", &[from, to, from], 3);
    wrong("P6", &[from, (1, to.1)], 3);
    wrong("P6", &[from, (6, slice(3, 0, 0))], 3);
    // A view that is a part of a turn of itself, or of one that comes later.
    wrong("P6", &[from, (6, slice(6, 0, 0))], 3);
    // Not all rows are written; what is read was never written.
    wrong("P4", &[from, to], 2);
    wrong("P4", &[(5, slice(1, 0, 4)), to], 3);
    // An input is no place for results.
    wrong("P3", &[from, (6, slice(0, 0, 4))], 3);
    let (even, odd) = (Buf(1), Buf(2));
    wrong("P6", &[from, (6, View::Turn { even, odd })], 3);
}

#[track_caller]
fn wrong_program(rule: &str, change: impl FnOnce(&mut Program)) {
    let mut p = program();
    change(&mut p);
    let error = verify_program(&p).unwrap_err();
    assert_eq!(error.rule, rule, "{error}");
}

#[test]
fn every_program_rule_rejects() {
    wrong_program("P1", |p| p.buffers[0].kind = BufferKind::Input(1));
    wrong_program("P1", |p| p.kernels.clear());
    wrong_program("P2", |p| p.buffers[1].ty = Type::new(DType::F32, [11]));
    wrong_program("P3", |p| {
        p.steps.push(Step::Copy {
            from: Buf(1),
            to: Buf(0),
        })
    });
    wrong_program("P4", |p| _ = p.steps.remove(0));
    wrong_program("P4", |p| _ = p.steps.remove(2));
    wrong_program("P5", |p| {
        p.steps.push(Step::Copy {
            from: Buf(3),
            to: Buf(1),
        })
    });
    wrong_program("P5", |p| {
        p.steps[1] = Step::While {
            cond: vec![],
            pred: Buf(4),
            body: vec![],
        }
    });
}

//! `gather` and `scatter`: results by hand, and every way to be wrong.

mod common;

use common::{array, check, error, fill, ty};
use craneflow_ir::ops::common::Reducer;
use craneflow_ir::ops::*;
use craneflow_ir::{Array, Builder, DType, Scalar, Type};

fn run(op: impl Into<Op>, x: &[Array]) -> Vec<f64> {
    check(op, x)[0].to_f64()
}

fn count(text: &str) -> Array {
    let n = ty(text).count();
    array(text, &(0..n).map(|i| i as f64).collect::<Vec<_>>())
}

fn ints(text: &str, data: &[i64]) -> Array {
    let ty = ty(text);
    Array::from_fn(ty.clone(), |i| Scalar::int(ty.dtype, data[i]))
}

/// Rows of a table.
fn rows(width: usize) -> Gather {
    Gather {
        offset_dims: vec![1],
        collapsed_slice_dims: vec![0],
        operand_batching_dims: vec![],
        start_indices_batching_dims: vec![],
        start_index_map: vec![0],
        index_vector_dim: 1,
        slice_sizes: vec![1, width],
    }
}

/// Adds to rows of a table.
fn add_rows() -> Scatter {
    Scatter {
        update: Some(Reducer::Sum),
        update_window_dims: vec![1],
        inserted_window_dims: vec![0],
        input_batching_dims: vec![],
        scatter_indices_batching_dims: vec![],
        scatter_dims_to_operand_dims: vec![0],
        index_vector_dim: 1,
    }
}

/// One element per row, at a column of its own.
fn pick() -> Gather {
    Gather {
        offset_dims: vec![],
        collapsed_slice_dims: vec![1],
        operand_batching_dims: vec![0],
        start_indices_batching_dims: vec![0],
        start_index_map: vec![1],
        index_vector_dim: 1,
        slice_sizes: vec![1, 1],
    }
}

/// Windows of 2 by 2 at places (column, row), components first.
fn windows() -> Gather {
    Gather {
        offset_dims: vec![0, 2],
        collapsed_slice_dims: vec![],
        operand_batching_dims: vec![],
        start_indices_batching_dims: vec![],
        start_index_map: vec![1, 0],
        index_vector_dim: 0,
        slice_sizes: vec![2, 2],
    }
}

/// Adds windows at places (column, row), components first.
fn add_windows(update: Option<Reducer>) -> Scatter {
    Scatter {
        update,
        update_window_dims: vec![0, 2],
        inserted_window_dims: vec![],
        input_batching_dims: vec![],
        scatter_indices_batching_dims: vec![],
        scatter_dims_to_operand_dims: vec![1, 0],
        index_vector_dim: 0,
    }
}

#[test]
fn gather_takes_slices() {
    let x = count("f32[4,3]");
    let i = ints("i32[3]", &[2, 0, 2]);
    let y = run(rows(3), &[x.clone(), i]);
    assert_eq!(y, [6., 7., 8., 0., 1., 2., 6., 7., 8.]);
    // Starts are clamped so that the slice fits.
    let y = run(rows(3), &[x.clone(), ints("i64[2,1]", &[-3, 99])]);
    assert_eq!(y, [0., 1., 2., 9., 10., 11.]);
    let y = run(rows(3), &[x.clone(), ints("u64[1]", &[-1])]);
    assert_eq!(y, [9., 10., 11.]);
    let y = run(pick(), &[x.clone(), ints("i32[4]", &[0, 2, 1, 7])]);
    assert_eq!(y, [0., 5., 7., 11.]);
    // Places (column 1, row 0) and (column 9, row 2): clamped to (1, 2).
    let y = check(windows(), &[x.clone(), ints("i32[2,2]", &[1, 9, 0, 2])]);
    assert_eq!(y[0].ty, ty("f32[2,2,2]"));
    // y[r, place, c]
    assert_eq!(y[0].to_f64(), [1., 2., 7., 8., 4., 5., 10., 11.]);
    let nothing = check(rows(3), &[x, ints("i32[0]", &[])]);
    assert_eq!(nothing[0].ty, ty("f32[0,3]"));
}

#[test]
fn gather_rejects() {
    let wrong = |op: Gather, i: &str| error(op, &[ty("f32[4,3]"), ty(i)]);
    let ok = rows(3);
    assert_eq!(
        wrong(ok.clone(), "f32[2]"),
        "gather: takes integer indices, found f32"
    );
    assert_eq!(
        wrong(
            Gather {
                slice_sizes: vec![1],
                ..ok.clone()
            },
            "i32[2]"
        ),
        "gather: slice_sizes has 1 entries for the axes of f32[4,3] (C2)"
    );
    assert_eq!(
        wrong(rows(4), "i32[2]"),
        "gather: a slice of 4 does not fit into axis 1 of f32[4,3] (C2)"
    );
    assert_eq!(
        wrong(
            Gather {
                offset_dims: vec![1, 1],
                ..ok.clone()
            },
            "i32[2]"
        ),
        "gather: offset_dims must be increasing, found [1, 1] (C3)"
    );
    assert_eq!(
        wrong(
            Gather {
                collapsed_slice_dims: vec![2],
                ..ok.clone()
            },
            "i32[2]"
        ),
        "gather: axis 2 is out of range for f32[4,3]"
    );
    assert_eq!(
        wrong(
            Gather {
                collapsed_slice_dims: vec![1],
                ..ok.clone()
            },
            "i32[2]"
        ),
        "gather: axis 1 of f32[4,3] leaves the result, so its slices must be 1, found 3 (C4)"
    );
    assert_eq!(
        wrong(
            Gather {
                offset_dims: vec![],
                ..ok.clone()
            },
            "i32[2]"
        ),
        "gather: offset_dims names 0 axes for the 1 sliced axes of f32[4,3] (C5)"
    );
    assert_eq!(
        wrong(
            Gather {
                index_vector_dim: 2,
                ..ok.clone()
            },
            "i32[2]"
        ),
        "gather: index_vector_dim 2 is out of range for i32[2] (C6)"
    );
    assert_eq!(
        wrong(ok.clone(), "i32[2,2]"),
        "gather: start_index_map has 1 entries for 2 index components (C7)"
    );
    assert_eq!(
        wrong(
            Gather {
                start_index_map: vec![2],
                ..ok.clone()
            },
            "i32[2]"
        ),
        "gather: axis 2 is out of range for f32[4,3]"
    );
    assert_eq!(
        wrong(
            Gather {
                start_index_map: vec![0],
                ..pick()
            },
            "i32[4]"
        ),
        "gather: axis 0 of f32[4,3] is named twice (C8)"
    );
    assert_eq!(
        wrong(
            Gather {
                start_indices_batching_dims: vec![1],
                ..pick()
            },
            "i32[4,1]"
        ),
        "gather: axis 1 of i32[4,1] holds components, so it is no batch axis (C9)"
    );
    assert_eq!(
        wrong(pick(), "i32[5]"),
        "gather: batch axes [0] of f32[4,3] and [0] of i32[5] do not agree (C10)"
    );
    assert_eq!(
        wrong(
            Gather {
                offset_dims: vec![2],
                ..ok
            },
            "i32[2]"
        ),
        "gather: offset axis 2 is out of range for a result of rank 2 (C11)"
    );
}

#[test]
fn scatter_combines() {
    let x = count("f32[4,3]");
    let u = array("f32[3,3]", &[10., 20., 30., 1., 2., 3., 100., 200., 300.]);
    let i = ints("i32[3]", &[2, 0, 2]);
    let y = run(add_rows(), &[x.clone(), i.clone(), u.clone()]);
    assert_eq!(y, [1., 3., 5., 3., 4., 5., 116., 227., 338., 9., 10., 11.]);
    let replace = Scatter {
        update: None,
        ..add_rows()
    };
    let y = run(replace, &[x.clone(), i.clone(), u.clone()]);
    assert_eq!(y, [1., 2., 3., 3., 4., 5., 100., 200., 300., 9., 10., 11.]);
    let max = Scatter {
        update: Some(Reducer::Max),
        ..add_rows()
    };
    let y = run(max, &[x.clone(), i, u.clone()]);
    assert_eq!(y, [1., 2., 3., 3., 4., 5., 100., 200., 300., 9., 10., 11.]);
    // What is out of range is dropped.
    for far in [
        ints("i64[3]", &[i64::MIN, i64::MAX, 4]),
        ints("u64[3]", &[-1, 4, i64::MIN]),
    ] {
        assert_eq!(run(add_rows(), &[x.clone(), far, u.clone()]), x.to_f64());
    }
    // Only the part of a window that is inside counts: columns 2.. of rows -1...
    let u = array("f32[2,1,2]", &[1., 2., 3., 4.]);
    let y = run(
        add_windows(Some(Reducer::Sum)),
        &[count("f32[2,3]"), ints("i32[2,1]", &[2, -1]), u],
    );
    assert_eq!(y, [0., 1., 5., 3., 4., 5.]);
}

#[test]
fn scatter_with_a_body_applies_in_order() {
    // x -> 2 x + update
    let mut b = Builder::new("step");
    let (a, u) = (
        b.input("a", Type::scalar(DType::F32)),
        b.input("b", Type::scalar(DType::F32)),
    );
    let twice = b.add(a, a);
    let sum = b.add(twice, u);
    b.output("c", sum);
    let update = Some(Reducer::Body(Box::new(b.finish())));
    let op = Scatter {
        update,
        update_window_dims: vec![],
        inserted_window_dims: vec![0],
        ..add_rows()
    };
    let x = array("f32[3]", &[1., 1., 1.]);
    let i = ints("i32[3]", &[1, 1, 0]);
    let u = array("f32[3]", &[1., 10., 100.]);
    assert_eq!(run(op, &[x, i, u]), [102., 16., 1.]);
}

#[test]
fn scatter_loops_agree() {
    let i = ints("i32[7]", &[3, 0, 5, 3, -1, 3, 9]);
    for dtype in ["f32", "f16", "i32", "f64"] {
        for width in [5, 16, 32, 64] {
            let x = fill(&format!("{dtype}[6,{width}]"), 1);
            let u = fill(&format!("{dtype}[7,{width}]"), 2);
            check(add_rows(), &[x.clone(), i.clone(), u.clone()]);
            let replace = Scatter {
                update: None,
                ..add_rows()
            };
            check(replace, &[x, i.clone(), u]);
        }
        // Windows narrower than the table, and moved along the minor axis.
        let x = fill(&format!("{dtype}[6,64]"), 1);
        check(
            add_rows(),
            &[x, i.clone(), fill(&format!("{dtype}[7,32]"), 2)],
        );
        let x = fill(&format!("{dtype}[5,6]"), 3);
        let places = ints("i64[2,4]", &[5, -1, 2, 2, 0, 4, 1, 1]);
        let u = fill(&format!("{dtype}[2,4,3]"), 4);
        for update in [None, Some(Reducer::Sum), Some(Reducer::Min)] {
            check(add_windows(update), &[x.clone(), places.clone(), u.clone()]);
        }
        let batched = Scatter {
            update: Some(Reducer::Sum),
            update_window_dims: vec![],
            inserted_window_dims: vec![1],
            input_batching_dims: vec![0],
            scatter_indices_batching_dims: vec![0],
            scatter_dims_to_operand_dims: vec![1],
            index_vector_dim: 1,
        };
        let x = fill(&format!("{dtype}[7,6]"), 5);
        check(batched, &[x, i.clone(), fill(&format!("{dtype}[7]"), 6)]);
    }
}

#[test]
fn scatter_rejects() {
    let wrong = |op: Scatter, i: &str, u: &str| error(op, &[ty("f32[4,3]"), ty(i), ty(u)]);
    let ok = add_rows();
    assert_eq!(
        wrong(ok.clone(), "f32[2]", "f32[2,3]"),
        "scatter: takes integer indices, found f32"
    );
    assert_eq!(
        wrong(ok.clone(), "i32[2]", "i32[2,3]"),
        "scatter: f32[4,3] and i32[2,3] must have the same element type"
    );
    assert_eq!(
        wrong(
            Scatter {
                update_window_dims: vec![1, 0],
                ..ok.clone()
            },
            "i32[2]",
            "f32[2,3]"
        ),
        "scatter: update_window_dims must be increasing, found [1, 0] (C2)"
    );
    assert_eq!(
        wrong(
            Scatter {
                input_batching_dims: vec![0],
                ..ok.clone()
            },
            "i32[2]",
            "f32[2,3]"
        ),
        "scatter: axis 0 of f32[4,3] is named twice (C3)"
    );
    assert_eq!(
        wrong(
            Scatter {
                update_window_dims: vec![],
                ..ok.clone()
            },
            "i32[2]",
            "f32[2,3]"
        ),
        "scatter: update_window_dims names 0 axes for the 1 window axes of f32[4,3] (C4)"
    );
    assert_eq!(
        wrong(
            Scatter {
                index_vector_dim: 2,
                ..ok.clone()
            },
            "i32[2]",
            "f32[2,3]"
        ),
        "scatter: index_vector_dim 2 is out of range for i32[2] (C5)"
    );
    assert_eq!(
        wrong(ok.clone(), "i32[2,2]", "f32[2,3]"),
        "scatter: scatter_dims_to_operand_dims has 1 entries for 2 index components (C6)"
    );
    assert_eq!(
        wrong(
            Scatter {
                scatter_dims_to_operand_dims: vec![5],
                ..ok.clone()
            },
            "i32[2]",
            "f32[2,3]"
        ),
        "scatter: axis 5 is out of range for f32[4,3]"
    );
    assert_eq!(
        wrong(
            Scatter {
                update_window_dims: vec![2],
                ..ok.clone()
            },
            "i32[2]",
            "f32[2,3]"
        ),
        "scatter: axis 2 is out of range for f32[2,3]"
    );
    assert_eq!(
        wrong(ok.clone(), "i32[2]", "f32[5,3]"),
        "scatter: f32[5,3] has scatter extents [5], the indices i32[2] have [2] (C11)"
    );
    assert_eq!(
        wrong(ok.clone(), "i32[2]", "f32[2,4]"),
        "scatter: windows [1, 4] of f32[2,4] are larger than f32[4,3] (C12)"
    );
    assert_eq!(
        wrong(
            Scatter {
                update: Some(Reducer::Or),
                ..ok
            },
            "i32[2]",
            "f32[2,3]"
        ),
        "scatter: takes integers or bool for and, or, found f32"
    );
}

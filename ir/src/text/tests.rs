//! What is printed, read by eye.

use super::{Item, parse_graph, parse_kernel, parse_module, parse_verified};
use crate::native::Cmp;
use crate::ops::{DotGeneral, Sort};
use crate::*;

fn step() -> Graph {
    let mut b = Builder::new("step");
    let x = b.input("x", Type::new(DType::F32, [2, 3]));
    let w = b.input("dense.kernel", Type::new(DType::F32, [3, 2]));
    b.enter("dense");
    let op = DotGeneral {
        lhs_batch: vec![],
        rhs_batch: vec![],
        lhs_contract: vec![1],
        rhs_contract: vec![0],
    };
    let y = b.op(op, &[x, w]);
    let half = b.constant(Array::splat(
        Type::new(DType::F32, [2, 2]),
        Scalar::f32(0.5),
    ));
    let y = b.mul(y, half);
    b.enter("top k");
    let sort = Sort::by_first(1, Cmp::Gt, &[DType::F32, DType::F32]);
    let sorted = b.push(sort, &[y, half]).unwrap();
    b.output("y", sorted[0]);
    b.output("out1", sorted[1]);
    b.finish()
}

#[test]
fn graph_text() {
    let expected = r#"graph @step(%x: f32[2,3], %dense.kernel: f32[3,2]) {
  %2: f32[2,2] = dot_general %x, %dense.kernel {lhs_batch=[], rhs_batch=[], lhs_contract=[1], rhs_contract=[0]} @dense
  %3: f32[2,2] = constant splat(0.5) @dense
  %4: f32[2,2] = multiply %2, %3 @dense
  %5, %6: (f32[2,2], f32[2,2]) = sort %4, %3 {axis=1, stable=true, comparator=(%a0: f32[], %b0: f32[], %a1: f32[], %b1: f32[]) {
    %4: bool[] = compare %a0, %b0 {direction=gt, type=total_order}
    return %4 as before
  }} @"top k"
  return %5 as y, %6
}
"#;
    assert_eq!(step().to_string(), expected);
}

#[test]
fn graphs_read_back_equal() {
    let g = step();
    assert_eq!(parse_graph(&g.to_string()), Ok(g.clone()));
    assert_eq!(parse_verified(&g.to_string()).unwrap().into_inner(), g);
}

#[test]
fn late_inputs_move_to_the_front() {
    let mut b = Builder::new("late");
    let ty = Type::new(DType::F32, [2]);
    let one = b.splat(&ty, 1.0);
    let x = b.input("x", ty);
    let y = b.add(one, x);
    b.output("y", y);
    let g = b.finish();
    assert_eq!(parse_graph(&g.to_string()), Ok(g.clone()));
    check_graph(&g).unwrap();
}

/// Reads a text and prints it again.
fn again(text: &str) -> String {
    let module = parse_module(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let items = module.items.iter().map(|item| match item {
        Item::Graph(g, _) => g.to_string(),
        Item::Program(p) => p.to_string(),
        Item::Kernel(k) => k.to_string(),
    });
    items.collect()
}

pub(super) const GRAPH: &str = r#"graph @all(%x: f32[2] donated=0 @dense, %i: i32[]) {
  %2: f32[2] = constant [1.0, -0.0]
  %3: f32[2] = constant [nan, -inf]
  %4: f32[2] = constant [0x7fc00001, 1e-7]
  %5: f16[] = constant 0.099975586
  %6: u8[2,2] = constant [[1, 2], [3, 255]]
  %7: i64[] = constant -9223372036854775808
  %8: bool[0,3] = constant []
  %9: bool[2] = constant splat(true)
  %10: f32[2] = add %x, %2 @"odd \"layer\"\\"
  %11: f32[2] = case %i, %10 {branches=[(%a: f32[2]) {
    %1: f32[2] = exp %a
    return %1
  }, @other(%a: f32[2]) {
    return %a as same
  }]}
  %12, %13: (f32[2], i32[]) = while %11, %i {cond=(%a: f32[2], %n: i32[]) {
    %2: i32[] = constant 3
    %3: bool[] = compare %n, %2 {direction=lt}
    return %3
  }, body=(%a: f32[2], %n: i32[]) {
    %2: i32[] = constant 1
    %3: i32[] = add %n, %2
    return %a, %3
  }}
  %14: f32[2] = custom_call %12 {target="identity", config="a\nb\u{1}", results=(f32[2])}
  %15: f32[4] = pad %14, %i {low=[-1], high=[3], interior=[0]}
  %16: f32[2] = reduce_window %14 {kind=max, size=[2], stride=[1], padding=[1:0], base_dilation=[1], window_dilation=[1]}
  return %14 as new, %13
}
"#;

pub(super) const PROGRAM: &str = r#"program @step {
  buffer %x: f32[4,4] = input 0
  buffer %w#1: f32[4] = input 1
  buffer %w#2: f32[4] = output 0 replaces 1
  buffer %c: i32[] = constant 7
  buffer %p: bool[] = temp
  kernel @dot grid 4 lanes 4x32 (p0: f32[16] read, p1: f32[4] readwrite) scratch (s0: f32[16]) {
    registers r0: f32x4, r1: f32
    prologue {
      v0: f32 = const 0.5
      v1: f32x4 = splat v0
    }
    body {
      set r0, v1
      for i1 in 0..4 unroll {
        v2: f32x4 = load p0[i0*4 + i1*1000 - 3]
        v3: f32x4 = get r0
        v4: f32x4 = fma v2, v3, v1
        v5: f32x4 = gather p0[i0] stride -4
        store s0[i1*4], v4
        v6: i64 = index -i0*2 + 1
        v7: f32 = load s0[v6*3]
        v8: bool = lt v7, v0
        if v8 {
          store p1[0], v7
        } else {
          set r1, v7
        }
        v9: i32 = convert v7
        v10: u32 = bitcast v9
        v11: i32x4 = lanes
      }
    }
    epilogue {
      for i2 in 0..2 lanes {
      }
    }
  }
  launch @dot(%x, %w#2) from "dense, \"act\""
  copy %w#1 to %w#2
  interpret %w#2, %x = sort %w#1, %x {axis=0, stable=true, comparator=(%a: f32[], %b: f32[]) {
    %2: bool[] = compare %a, %b {direction=lt}
    return %2
  }}
  while {
    launch @dot(%x, %w#2)
  } %p {
    case %c {
      copy %w#1 to %w#2
    } {
    }
  }
}
"#;

#[test]
fn texts_print_as_they_were_read() {
    let graph = GRAPH;
    assert_eq!(again(graph), graph);
    assert_eq!(again(PROGRAM), PROGRAM);
    let both = format!("{graph}{PROGRAM}");
    assert_eq!(again(&both), both);
}

#[test]
fn hand_written_texts_are_free_in_names_and_layout() {
    let text = "graph @f(%x:f32[2]){ ; doubles\n %y:f32[2]=add %x,%x return %y as y}";
    let expected = "graph @f(%x: f32[2]) {\n  %1: f32[2] = add %x, %x\n  return %1 as y\n}\n";
    assert_eq!(again(text), expected);
}

/// The error for a text, with its place.
fn error(text: &str) -> String {
    parse_verified(text).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn errors_name_the_place_and_what_was_expected() {
    let in_body = |line: &str| {
        error(&format!(
            "graph @f(%x: f32[2]) {{\n  {line}\n  return %x\n}}"
        ))
    };
    let cases = [
        (
            "%y: f32[2] = exp %z",
            "2:20: %z is not defined before this use",
        ),
        ("%y: f32[2] = expo %x", "2:16: there is no op expo"),
        ("%y f32[2] = exp %x", "2:6: expected ':', found f32"),
        (
            "%y: f33[2] = exp %x",
            "2:7: expected a type such as f32[2,3], found f33",
        ),
        (
            "%y: f32[2,] = exp %x",
            "2:13: expected a non-negative integer, found ']'",
        ),
        ("%x: f32[2] = exp %x", "2:3: %x is defined twice"),
        ("%y, %z: f32[2] = exp %x", "2:3: 2 results with 1 types"),
        (
            "%y: f32[2] = constant [1, 2, 3]",
            "2:25: expected 2 items for axis 0 of f32[2], found 3",
        ),
        (
            "%y: u8[] = constant 256",
            "2:23: expected a constant of type u8, found 256",
        ),
        (
            "%y: u8[] = constant -1",
            "2:23: expected a constant of type u8, found -1",
        ),
        (
            "%y: f32[] = constant 1e39",
            "2:24: expected a constant of type f32, found 1e39",
        ),
        (
            "%y: f32[2] = exp %x {axis=0}",
            "2:16: exp: has no attribute axis",
        ),
        (
            "%y: bool[2] = compare %x, %x {direction=up}",
            "2:17: compare: attribute direction: must be one of eq, ne, lt, le, gt, ge",
        ),
        (
            "%y: f32[99999999999, 99999999999] = exp %x",
            "2:7: type: f32[99999999999,99999999999] is too large (size)",
        ),
        (
            "%y: f32[9999999999999] = constant splat(0)",
            "2:37: splats take more than 268435456 bytes",
        ),
        (
            "%y: f32[2] = exp %x, %x",
            "2:3: exp: takes 1 operands, found 2",
        ),
        (
            "%y: f32[3] = exp %x",
            "2:3: exp: the result is declared as f32[3], but is f32[2] (G3)",
        ),
        (
            "%y: f32[2] = custom_call %x {target=\"a",
            "2:39: a string must end on its line",
        ),
    ];
    for (line, expected) in cases {
        assert_eq!(in_body(line), expected, "{line}");
    }
    assert_eq!(error("graf"), "1:1: expected graph, found graf");
    assert_eq!(
        error("graph @f("),
        "1:10: expected a value such as %x, found the end of the text"
    );
    assert_eq!(
        error("graph @f(%x: f32[2] donated=0) { return %x }\nmore"),
        "2:1: expected the end of the text, found more"
    );
}

#[test]
fn verifier_names_lines_in_regions() {
    let text = GRAPH.replace("%1: f32[2] = exp %a", "%1: f32[3] = exp %a");
    assert_eq!(
        error(&text),
        "12:5: exp: the result is declared as f32[3], but is f32[2] (G3)"
    );
}

#[test]
fn nesting_is_limited() {
    let open = "%a: f32[] = case %i {branches=[() {".repeat(70);
    let text = format!("graph @f(%i: i32[]) {{ {open}");
    assert!(error(&text).ends_with("nested more than 64 levels deep"));
    let text = format!("kernel @k grid 1 () {{ body {{ {}", "if v0 { ".repeat(70));
    let e = parse_kernel(&text).unwrap_err();
    assert_eq!(e.message, "nested more than 64 levels deep");
    let lists = format!(
        "graph @f() {{ %a: f32[2] = constant {}",
        "[".repeat(100_000)
    );
    parse_graph(&lists).unwrap_err();
    let lists = format!(
        "graph @f() {{ %a: f32[2] = iota {{ty={}",
        "[".repeat(100_000)
    );
    parse_graph(&lists).unwrap_err();
}

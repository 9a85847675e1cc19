//! Programs and kernels as text.

use super::print::{indent, is_word_char, operation, quoted};
use super::{array_text, scalar_text};
use crate::loops::*;
use crate::native::{Native, Scalar};
use std::fmt::{self, Display, Formatter, Write};

/// Native operations with their names; `Cmp` goes by its predicate, the types of `Bitcast` and
/// `Convert` are those of the results.
pub(super) const NATIVE: [(Native, &str); 25] = [
    (Native::Add, "add"),
    (Native::Sub, "sub"),
    (Native::Mul, "mul"),
    (Native::Div, "div"),
    (Native::Rem, "rem"),
    (Native::Neg, "neg"),
    (Native::Abs, "abs"),
    (Native::Min, "min"),
    (Native::Max, "max"),
    (Native::Sqrt, "sqrt"),
    (Native::Fma, "fma"),
    (Native::Floor, "floor"),
    (Native::Ceil, "ceil"),
    (Native::Trunc, "trunc"),
    (Native::Nearest, "nearest"),
    (Native::And, "and"),
    (Native::Or, "or"),
    (Native::Xor, "xor"),
    (Native::Not, "not"),
    (Native::Shl, "shl"),
    (Native::ShrLogical, "shr_logical"),
    (Native::ShrArith, "shr_arith"),
    (Native::Popcnt, "popcnt"),
    (Native::Clz, "clz"),
    (Native::Select, "select"),
];

/// Name of a native operation in text form.
pub(super) fn native_name(op: Native) -> &'static str {
    match op {
        Native::Cmp(c) => c.name(),
        Native::Bitcast(_) => "bitcast",
        Native::Convert(_) => "convert",
        _ => NATIVE.iter().find(|row| row.0 == op).map_or("?", |r| r.1),
    }
}

impl Display for Program {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "program @{} {{", super::print::word(&self.name))?;
        let names = Names::of(self);
        for (b, name) in self.buffers.iter().zip(&names.buffers) {
            write!(f, "  buffer %{name}: {} = ", b.ty)?;
            match &b.kind {
                BufferKind::Input(i) => writeln!(f, "input {i}")?,
                BufferKind::Output(i, None) => writeln!(f, "output {i}")?,
                BufferKind::Output(i, Some(x)) => writeln!(f, "output {i} replaces {x}")?,
                BufferKind::Constant(a) => writeln!(f, "constant {}", array_text(a))?,
                BufferKind::Temp => writeln!(f, "temp")?,
                BufferKind::Kept => writeln!(f, "kept")?,
                BufferKind::View => writeln!(f, "view")?,
            }
        }
        for (k, name) in self.kernels.iter().zip(&names.kernels) {
            kernel(f, k, name, 1)?;
        }
        steps(f, &names, &self.steps, 1)?;
        f.write_str("}\n")
    }
}

impl Display for Kernel {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        kernel(f, self, &plain(&self.name), 0)
    }
}

/// How buffers and kernels are referred to: by name, and with `#position` where names clash.
struct Names {
    buffers: Vec<String>,
    kernels: Vec<String>,
}

impl Names {
    fn of(p: &Program) -> Names {
        Names {
            buffers: unique(p.buffers.iter().map(|b| plain(&b.name)).collect()),
            kernels: unique(p.kernels.iter().map(|k| plain(&k.name)).collect()),
        }
    }

    fn buffer(&self, b: Buf) -> String {
        let name = self.buffers.get(b.0 as usize);
        name.map_or(format!("%#{}", b.0), |n| format!("%{n}"))
    }

    fn list(&self, buffers: &[Buf]) -> String {
        let names: Vec<String> = buffers.iter().map(|&b| self.buffer(b)).collect();
        names.join(", ")
    }

    fn view(&self, view: &View) -> String {
        match *view {
            View::Slice { of, first, step } => {
                format!("slice {} from {first} by {step}", self.buffer(of))
            }
            View::Turn { even, odd } => {
                format!("turn {} {}", self.buffer(even), self.buffer(odd))
            }
        }
    }

    fn kernel(&self, k: KernelId) -> String {
        let name = self.kernels.get(k.0 as usize).cloned();
        name.unwrap_or_else(|| format!("#{}", k.0))
    }
}

/// A name in the alphabet of the text form.
fn plain(name: &str) -> String {
    let safe = |c| if is_word_char(c) { c } else { '_' };
    match name.is_empty() {
        true => "_".to_string(),
        false => name.chars().map(safe).collect(),
    }
}

fn unique(names: Vec<String>) -> Vec<String> {
    let mut count = std::collections::BTreeMap::new();
    for n in &names {
        *count.entry(n.clone()).or_insert(0) += 1;
    }
    let numbered = |(i, n): (usize, String)| match count[&n] {
        1 => n,
        _ => format!("{n}#{i}"),
    };
    names.into_iter().enumerate().map(numbered).collect()
}

fn steps(f: &mut impl Write, names: &Names, list: &[Step], depth: usize) -> fmt::Result {
    for step in list {
        indent(f, depth)?;
        match step {
            Step::Launch { kernel, args, from } => {
                write!(f, "launch @{}({})", names.kernel(*kernel), names.list(args))?;
                if !from.is_empty() {
                    write!(f, " from {}", quoted(from))?;
                }
            }
            Step::Copy { from, to } => {
                write!(f, "copy {} to {}", names.buffer(*from), names.buffer(*to))?;
            }
            Step::Interpret { op, args, results } => {
                write!(f, "interpret {} = ", names.list(results))?;
                let args: Vec<String> = args.iter().map(|&b| names.buffer(b)).collect();
                operation(f, op, &args, depth)?;
            }
            Step::While { cond, pred, body } => {
                f.write_str("while {\n")?;
                steps(f, names, cond, depth + 1)?;
                indent(f, depth)?;
                writeln!(f, "}} {} {{", names.buffer(*pred))?;
                steps(f, names, body, depth + 1)?;
                indent(f, depth)?;
                f.write_char('}')?;
            }
            Step::Repeat {
                count,
                parts,
                views,
                body,
            } => {
                write!(f, "repeat {count}")?;
                if *parts != 1 {
                    write!(f, " in {parts} parts")?;
                }
                for (i, (view, what)) in views.iter().enumerate() {
                    let sign = if i == 0 { " with" } else { "," };
                    write!(f, "{sign} {} = {}", names.buffer(*view), names.view(what))?;
                }
                f.write_str(" {\n")?;
                steps(f, names, body, depth + 1)?;
                indent(f, depth)?;
                f.write_char('}')?;
            }
            Step::Case { index, branches } => {
                write!(f, "case {}", names.buffer(*index))?;
                for branch in branches {
                    f.write_str(" {\n")?;
                    steps(f, names, branch, depth + 1)?;
                    indent(f, depth)?;
                    f.write_char('}')?;
                }
            }
        }
        f.write_char('\n')?;
    }
    Ok(())
}

fn kernel(f: &mut impl Write, k: &Kernel, name: &str, depth: usize) -> fmt::Result {
    indent(f, depth)?;
    let grid = k.loops.first().map_or(0, |l| l.extent);
    write!(f, "kernel @{name} grid {grid}")?;
    if (k.lanes, k.lane_bits) != (1, 32) {
        write!(f, " lanes {}x{}", k.lanes, k.lane_bits)?;
    }
    let params = k.params.iter().enumerate().map(|(i, p)| {
        let access = match p.access {
            Access::Read => "read",
            Access::Write => "write",
            Access::ReadWrite => "readwrite",
        };
        format!("p{i}: {}[{}] {access}", p.dtype, p.len)
    });
    write!(f, " ({})", params.collect::<Vec<_>>().join(", "))?;
    if !k.scratch.is_empty() {
        let tiles = k.scratch.iter().enumerate();
        let tiles = tiles.map(|(i, s)| format!("s{i}: {}[{}]", s.dtype, s.len));
        write!(f, " scratch ({})", tiles.collect::<Vec<_>>().join(", "))?;
    }
    f.write_str(" {\n")?;
    if !k.vars.is_empty() {
        indent(f, depth + 1)?;
        let vars = k.vars.iter().enumerate();
        let vars = vars.map(|(i, v)| format!("r{i}: {}", element(k, v.dtype, v.vector)));
        writeln!(f, "registers {}", vars.collect::<Vec<_>>().join(", "))?;
    }
    let parts = [
        ("prologue", &k.prologue),
        ("body", &k.body),
        ("epilogue", &k.epilogue),
    ];
    for (part, stmts) in parts.iter().filter(|p| !p.1.is_empty()) {
        indent(f, depth + 1)?;
        writeln!(f, "{part} {{")?;
        statements(f, k, stmts, depth + 2)?;
        indent(f, depth + 1)?;
        f.write_str("}\n")?;
    }
    indent(f, depth)?;
    f.write_str("}\n")
}

/// `f32`, or `f32x4` for a vector.
fn element(k: &Kernel, dtype: crate::DType, vector: bool) -> String {
    match vector {
        true => format!("{dtype}x{}", k.lanes),
        false => dtype.to_string(),
    }
}

fn statements(f: &mut impl Write, k: &Kernel, list: &[Stmt], depth: usize) -> fmt::Result {
    for stmt in list {
        indent(f, depth)?;
        match stmt {
            Stmt::Let(v) => instruction(f, k, *v)?,
            Stmt::Store(mem, at, v) => write!(f, "store {}, v{}", access(*mem, at), v.0)?,
            Stmt::Set(r, v) => write!(f, "set r{}, v{}", r.0, v.0)?,
            Stmt::For(l, body) => {
                let def = k.loops.get(l.0 as usize);
                let extent = def.map_or(0, |d| d.extent);
                let kind = match def.map(|d| d.kind) {
                    Some(LoopKind::Lanes) => " lanes",
                    Some(LoopKind::Unroll) => " unroll",
                    _ => "",
                };
                writeln!(f, "for i{} in 0..{extent}{kind} {{", l.0)?;
                statements(f, k, body, depth + 1)?;
                indent(f, depth)?;
                f.write_char('}')?;
            }
            Stmt::If(c, then, otherwise) => {
                writeln!(f, "if v{} {{", c.0)?;
                statements(f, k, then, depth + 1)?;
                indent(f, depth)?;
                if !otherwise.is_empty() {
                    f.write_str("} else {\n")?;
                    statements(f, k, otherwise, depth + 1)?;
                    indent(f, depth)?;
                }
                f.write_char('}')?;
            }
        }
        f.write_char('\n')?;
    }
    Ok(())
}

fn instruction(f: &mut impl Write, k: &Kernel, v: Val) -> fmt::Result {
    let Some(def) = k.vals.get(v.0 as usize) else {
        return write!(f, "v{}: ?", v.0);
    };
    write!(f, "v{}: {} = ", v.0, element(k, def.dtype, def.vector))?;
    match &def.inst {
        Inst::Const(bits) => {
            let (ty, bits) = (def.dtype, *bits);
            write!(f, "const {}", scalar_text(Scalar { ty, bits }))
        }
        Inst::Native(op, args) => {
            let args: Vec<String> = args.iter().map(|a| format!("v{}", a.0)).collect();
            write!(f, "{} {}", native_name(*op), args.join(", "))
        }
        Inst::Load(mem, at) => write!(f, "load {}", access(*mem, at)),
        Inst::Gather(mem, at, stride) => {
            write!(f, "gather {} stride {stride}", access(*mem, at))
        }
        Inst::Index(at) => write!(f, "index {}", address(at)),
        Inst::Splat(x) => write!(f, "splat v{}", x.0),
        Inst::Lanes => f.write_str("lanes"),
        Inst::Get(r) => write!(f, "get r{}", r.0),
    }
}

fn access(mem: Mem, at: &Affine) -> String {
    match mem {
        Mem::Param(i) => format!("p{i}[{}]", address(at)),
        Mem::Scratch(i) => format!("s{i}[{}]", address(at)),
    }
}

/// `i0*512 + v3 - 4`
fn address(at: &Affine) -> String {
    let mut out = String::new();
    for (term, c) in &at.terms {
        let name = match term {
            Term::Loop(l) => format!("i{}", l.0),
            Term::Val(v) => format!("v{}", v.0),
        };
        plus(&mut out, *c);
        out.push_str(&name);
        if c.unsigned_abs() != 1 {
            let _ = write!(out, "*{}", c.unsigned_abs());
        }
    }
    if at.offset != 0 || at.terms.is_empty() {
        plus(&mut out, at.offset);
        let _ = write!(out, "{}", at.offset.unsigned_abs());
    }
    out
}

/// The sign before a term: none before the first unless negative.
fn plus(out: &mut String, sign: i64) {
    out.push_str(match (out.is_empty(), sign < 0) {
        (true, true) => "-",
        (true, false) => "",
        (false, true) => " - ",
        (false, false) => " + ",
    });
}

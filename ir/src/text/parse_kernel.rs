//! Kernels from text.

use super::lex::Kind;
use super::parse::{Parsed, Parser};
use super::parse_loops::base;
use super::print_loops::NATIVE;
use crate::loops::*;
use crate::native::{Cmp, Native};
use crate::types::DType;

/// Greatest id of a value or loop in a kernel.
const MAX_ID: u32 = 1 << 20;

/// A kernel under construction; tables are filled in as ids are met.
#[derive(Default)]
struct Tables {
    kernel: Kernel,
    loops: Vec<Option<LoopDef>>,
    vals: Vec<Option<ValDef>>,
}

impl Parser<'_> {
    /// After `kernel`: the name by which it is referred to, and the kernel.
    pub(super) fn kernel(&mut self) -> Parsed<(String, Kernel)> {
        let mut t = Tables::default();
        let name = self.at_name()?;
        t.kernel.name = base(&name).to_string();
        self.keyword("grid")?;
        t.loops.push(Some(LoopDef {
            extent: self.usize()?,
            kind: LoopKind::Serial,
        }));
        (t.kernel.lanes, t.kernel.lane_bits) = (1, 32);
        if self.take_word("lanes") {
            (t.kernel.lanes, t.kernel.lane_bits) = (self.usize()?, self.lane_bits()?);
        }
        self.sign('(')?;
        t.kernel.params = self.numbered(')', "p", |p| {
            let (dtype, len) = p.tile()?;
            let access = match p.word("read, write or readwrite")? {
                "read" => Access::Read,
                "write" => Access::Write,
                "readwrite" => Access::ReadWrite,
                _ => return p.expected("read, write or readwrite before this"),
            };
            Ok(Param { dtype, len, access })
        })?;
        if self.take_word("scratch") {
            self.sign('(')?;
            t.kernel.scratch = self.numbered(')', "s", |p| {
                let (dtype, len) = p.tile()?;
                Ok(Scratch { dtype, len })
            })?;
        }
        self.sign('{')?;
        self.registers(&mut t)?;
        for part in ["prologue", "body", "epilogue"] {
            if !self.take_word(part) {
                continue;
            }
            let stmts = self.block(&mut t)?;
            match part {
                "prologue" => t.kernel.prologue = stmts,
                "body" => t.kernel.body = stmts,
                _ => t.kernel.epilogue = stmts,
            }
        }
        if !self.take('}') {
            return self.expected("prologue, body, epilogue (in this order) or '}'");
        }
        Ok((name, t.finish()))
    }

    /// The `x32` of `4x32`.
    fn lane_bits(&mut self) -> Parsed<usize> {
        let bits = match *self.peek() {
            Kind::Word(w) => w.strip_prefix('x').and_then(|n| n.parse().ok()),
            _ => None,
        };
        match bits {
            Some(bits) => {
                self.next();
                Ok(bits)
            }
            None => self.expected("lanes and bits such as 4x32"),
        }
    }

    /// `p0: .., p1: ..`, numbered from 0.
    fn numbered<T>(
        &mut self,
        close: char,
        letter: &str,
        mut item: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        let mut count = 0;
        self.list(close, |p| {
            p.keyword(&format!("{letter}{count}"))?;
            count += 1;
            p.sign(':')?;
            item(p)
        })
    }

    /// `f32[8]`
    fn tile(&mut self) -> Parsed<(DType, usize)> {
        let place = self.place();
        let ty = self.ty()?;
        match ty.rank() {
            1 => Ok((ty.dtype, ty.shape[0])),
            _ => Err(place.error(format!("expected one extent, found {ty}"))),
        }
    }

    fn registers(&mut self, t: &mut Tables) -> Parsed<()> {
        if !self.take_word("registers") {
            return Ok(());
        }
        loop {
            self.keyword(&format!("r{}", t.kernel.vars.len()))?;
            self.sign(':')?;
            let (dtype, vector) = self.element(t)?;
            t.kernel.vars.push(VarDef { dtype, vector });
            if !self.take(',') {
                return Ok(());
            }
        }
    }

    /// `f32`, or `f32x4` for a vector.
    fn element(&mut self, t: &Tables) -> Parsed<(DType, bool)> {
        let place = self.place();
        let word = self.word("an element type")?;
        let (name, lanes) = match word.split_once('x') {
            Some((name, lanes)) => (name, Some(lanes)),
            None => (word, None),
        };
        let wrong = || place.error(format!("expected an element type, found {word}"));
        let dtype = DType::from_name(name).ok_or_else(wrong)?;
        match lanes {
            Some(n) if n != t.kernel.lanes.to_string() => {
                let lanes = t.kernel.lanes;
                Err(place.error(format!("vectors of this kernel have {lanes} lanes")))
            }
            lanes => Ok((dtype, lanes.is_some())),
        }
    }

    /// A letter and a number, as one word.
    fn id(&mut self, letter: char, what: &str) -> Parsed<u32> {
        let id = match *self.peek() {
            Kind::Word(w) => w.strip_prefix(letter).and_then(|n| n.parse().ok()),
            _ => None,
        };
        match id {
            Some(id) if id < MAX_ID => {
                self.next();
                Ok(id)
            }
            Some(_) => self.expected(&format!("a number below {MAX_ID}")),
            None => self.expected(what),
        }
    }

    fn val(&mut self) -> Parsed<Val> {
        self.id('v', "a value such as v0").map(Val)
    }

    fn register(&mut self) -> Parsed<Var> {
        self.id('r', "a register such as r0").map(Var)
    }

    fn block(&mut self, t: &mut Tables) -> Parsed<Vec<Stmt>> {
        self.sign('{')?;
        self.nested(|p| {
            let mut stmts = vec![];
            while !p.take('}') {
                stmts.push(p.statement(t)?);
            }
            Ok(stmts)
        })
    }

    fn statement(&mut self, t: &mut Tables) -> Parsed<Stmt> {
        if matches!(self.peek(), Kind::Word(_)) && *self.second() == Kind::Sign(':') {
            return self.definition(t);
        }
        match *self.peek() {
            Kind::Word("store") => {
                self.next();
                let (mem, at) = self.access()?;
                self.sign(',')?;
                Ok(Stmt::Store(mem, at, self.val()?))
            }
            Kind::Word("set") => {
                self.next();
                let register = self.register()?;
                self.sign(',')?;
                Ok(Stmt::Set(register, self.val()?))
            }
            Kind::Word("for") => self.for_loop(t),
            Kind::Word("if") => {
                self.next();
                let condition = self.val()?;
                let then = self.block(t)?;
                let otherwise = match self.take_word("else") {
                    true => self.block(t)?,
                    false => vec![],
                };
                Ok(Stmt::If(condition, then, otherwise))
            }
            _ => self.expected("a definition, store, set, for, if or '}'"),
        }
    }

    /// `for i1 in 0..8 lanes {..}`
    fn for_loop(&mut self, t: &mut Tables) -> Parsed<Stmt> {
        self.next();
        let place = self.place();
        let id = self.id('i', "a loop such as i1")?;
        self.keyword("in")?;
        if !matches!(
            (self.peek(), self.second()),
            (Kind::Number("0"), Kind::Range)
        ) {
            return self.expected("0..");
        }
        self.next();
        self.next();
        let extent = self.usize()?;
        let kind = match *self.peek() {
            Kind::Word("lanes") => LoopKind::Lanes,
            Kind::Word("unroll") => LoopKind::Unroll,
            _ => LoopKind::Serial,
        };
        if kind != LoopKind::Serial {
            self.next();
        }
        let new = define(&mut t.loops, id, LoopDef { extent, kind });
        if !new {
            return Err(place.error(format!("loop i{id} is defined twice")));
        }
        Ok(Stmt::For(Loop(id), self.block(t)?))
    }

    /// `v3: f32 = add v1, v2`
    fn definition(&mut self, t: &mut Tables) -> Parsed<Stmt> {
        let place = self.place();
        let v = self.val()?;
        self.sign(':')?;
        let (dtype, vector) = self.element(t)?;
        self.sign('=')?;
        let inst = self.inst(dtype)?;
        let def = ValDef {
            inst,
            dtype,
            vector,
        };
        match define(&mut t.vals, v.0, def) {
            true => Ok(Stmt::Let(v)),
            false => Err(place.error(format!("v{} is defined twice", v.0))),
        }
    }

    fn inst(&mut self, dtype: DType) -> Parsed<Inst> {
        let place = self.place();
        let name = self.word("an instruction")?;
        Ok(match name {
            "const" => Inst::Const(self.scalar(dtype)?.bits),
            "load" => {
                let (mem, at) = self.access()?;
                Inst::Load(mem, at)
            }
            "gather" => {
                let (mem, at) = self.access()?;
                self.keyword("stride")?;
                Inst::Gather(mem, at, self.i64()?)
            }
            "index" => Inst::Index(self.address()?),
            "splat" => Inst::Splat(self.val()?),
            "lanes" => Inst::Lanes,
            "get" => Inst::Get(self.register()?),
            _ => {
                let wrong = || place.error(format!("there is no instruction {name}"));
                let op = native(name, dtype).ok_or_else(wrong)?;
                let mut args = vec![self.val()?];
                while self.take(',') {
                    args.push(self.val()?);
                }
                Inst::Native(op, args)
            }
        })
    }

    /// `p0[i0*4 + 1]`
    fn access(&mut self) -> Parsed<(Mem, Affine)> {
        let mem = match self.peek() {
            Kind::Word(w) if w.starts_with('p') => Mem::Param(self.id('p', "p0")?),
            _ => Mem::Scratch(self.id('s', "memory such as p0 or s0")?),
        };
        self.sign('[')?;
        let at = self.address()?;
        self.sign(']')?;
        Ok((mem, at))
    }

    /// `i0*512 + v3 - 4`
    fn address(&mut self) -> Parsed<Affine> {
        let mut at = Affine::default();
        let mut negative = self.take('-');
        loop {
            self.term(negative, &mut at)?;
            negative = self.is_sign('-');
            if !self.take('+') && !self.take('-') {
                break;
            }
        }
        at.terms.sort();
        Ok(at)
    }

    fn term(&mut self, negative: bool, at: &mut Affine) -> Parsed<()> {
        let place = self.place();
        let large = || place.error("expected a number of 64 bits");
        if let Kind::Number(n) = *self.peek() {
            let n = signed(negative, n).ok_or_else(large)?;
            self.next();
            at.offset = at.offset.checked_add(n).ok_or_else(large)?;
            return Ok(());
        }
        let term = match *self.peek() {
            Kind::Word(w) if w.starts_with('i') => Term::Loop(Loop(self.id('i', "i0")?)),
            Kind::Word(w) if w.starts_with('v') => Term::Val(self.val()?),
            _ => return self.expected("a loop, a value or a number"),
        };
        let mut coefficient = if negative { -1 } else { 1 };
        if self.take('*') {
            let n = match *self.peek() {
                Kind::Number(n) => signed(negative, n),
                _ => None,
            };
            coefficient = n.ok_or_else(large)?;
            self.next();
        }
        at.terms.push((term, coefficient));
        Ok(())
    }
}

impl Tables {
    /// Ids that nothing defines keep a harmless entry.
    fn finish(self) -> Kernel {
        let dead = || ValDef {
            inst: Inst::Const(0),
            dtype: DType::I32,
            vector: false,
        };
        let empty = || LoopDef {
            extent: 1,
            kind: LoopKind::Serial,
        };
        Kernel {
            loops: self
                .loops
                .into_iter()
                .map(|l| l.unwrap_or_else(empty))
                .collect(),
            vals: self
                .vals
                .into_iter()
                .map(|v| v.unwrap_or_else(dead))
                .collect(),
            ..self.kernel
        }
    }
}

/// Enters a definition; false when there is one already.
fn define<T>(table: &mut Vec<Option<T>>, id: u32, def: T) -> bool {
    let id = id as usize;
    if table.len() <= id {
        table.resize_with(id + 1, || None);
    }
    table[id].replace(def).is_none()
}

fn signed(negative: bool, n: &str) -> Option<i64> {
    let n: i128 = n.parse().ok()?;
    i64::try_from(if negative { -n } else { n }).ok()
}

fn native(name: &str, dtype: DType) -> Option<Native> {
    match name {
        "bitcast" => Some(Native::Bitcast(dtype)),
        "convert" => Some(Native::Convert(dtype)),
        _ => match Cmp::from_name(name) {
            Some(c) => Some(Native::Cmp(c)),
            None => NATIVE.iter().find(|row| row.1 == name).map(|row| row.0),
        },
    }
}

//! Programs from text.

use super::lex::{Kind, Place};
use super::parse::{Parsed, Parser};
use crate::loops::*;
use crate::types::Type;
use std::collections::HashMap;

/// A program under construction with the names of its buffers and kernels.
#[derive(Default)]
struct Names<'a> {
    program: Program,
    buffers: HashMap<&'a str, Buf>,
    kernels: HashMap<String, KernelId>,
}

/// The name without the `#position` that sets it apart.
pub(super) fn base(name: &str) -> &str {
    name.split('#').next().unwrap_or(name)
}

impl<'a> Parser<'a> {
    /// After `program`: `@name {..}`.
    pub(super) fn program(&mut self) -> Parsed<Program> {
        let mut names = Names::default();
        names.program.name = self.at_name()?;
        self.sign('{')?;
        loop {
            let place = self.place();
            if self.take_word("buffer") {
                self.buffer_def(&mut names)?;
            } else if self.take_word("kernel") {
                let (name, kernel) = self.kernel()?;
                let id = KernelId(names.program.kernels.len() as u32);
                names.program.kernels.push(kernel);
                if names.kernels.insert(name.clone(), id).is_some() {
                    return Err(place.error(format!("kernel @{name} is defined twice")));
                }
            } else {
                break;
            }
        }
        names.program.steps = self.steps(&names)?;
        Ok(names.program)
    }

    /// After `buffer`: `%x: f32[2] = input 0`.
    fn buffer_def(&mut self, names: &mut Names<'a>) -> Parsed<()> {
        let place = self.place();
        let name = self.value()?;
        self.sign(':')?;
        let ty = self.ty()?;
        self.sign('=')?;
        let kind = self.buffer_kind(&ty)?;
        let id = Buf(names.program.buffers.len() as u32);
        let plain = base(name).to_string();
        names.program.buffers.push(Buffer {
            name: plain,
            ty,
            kind,
        });
        match names.buffers.insert(name, id) {
            None => Ok(()),
            Some(_) => Err(place.error(format!("buffer %{name} is defined twice"))),
        }
    }

    fn buffer_kind(&mut self, ty: &Type) -> Parsed<BufferKind> {
        if self.take_word("input") {
            return self.usize().map(BufferKind::Input);
        }
        if self.take_word("output") {
            let position = self.usize()?;
            let replaces = match self.take_word("replaces") {
                true => Some(self.usize()?),
                false => None,
            };
            return Ok(BufferKind::Output(position, replaces));
        }
        if self.take_word("constant") {
            return self.literal(ty).map(BufferKind::Constant);
        }
        if self.take_word("temp") {
            return Ok(BufferKind::Temp);
        }
        if self.take_word("kept") {
            return Ok(BufferKind::Kept);
        }
        if self.take_word("view") {
            return Ok(BufferKind::View);
        }
        self.expected("input, output, constant, temp, kept or view")
    }

    fn buffer(&mut self, names: &Names<'a>) -> Parsed<Buf> {
        let place = self.place();
        let name = self.value()?;
        find(names, name, place)
    }

    /// Steps up to and with `}`.
    fn steps(&mut self, names: &Names<'a>) -> Parsed<Vec<Step>> {
        let mut steps = vec![];
        while !self.take('}') {
            steps.push(self.step(names)?);
        }
        Ok(steps)
    }

    fn block_of_steps(&mut self, names: &Names<'a>) -> Parsed<Vec<Step>> {
        self.sign('{')?;
        self.nested(|p| p.steps(names))
    }

    fn step(&mut self, names: &Names<'a>) -> Parsed<Step> {
        match *self.peek() {
            Kind::Word("launch") => self.launch(names),
            Kind::Word("copy") => {
                self.next();
                let from = self.buffer(names)?;
                self.keyword("to")?;
                let to = self.buffer(names)?;
                Ok(Step::Copy { from, to })
            }
            Kind::Word("interpret") => self.interpret(names),
            Kind::Word("while") => {
                self.next();
                let cond = self.block_of_steps(names)?;
                let pred = self.buffer(names)?;
                let body = self.block_of_steps(names)?;
                Ok(Step::While { cond, pred, body })
            }
            Kind::Word("repeat") => {
                self.next();
                let count = self.usize()?;
                let mut parts = 1;
                if self.take_word("in") {
                    parts = self.usize()?;
                    self.keyword("parts")?;
                }
                let mut views = vec![];
                if self.take_word("with") {
                    views.push(self.view_def(names)?);
                    while self.take(',') {
                        views.push(self.view_def(names)?);
                    }
                }
                let body = self.block_of_steps(names)?;
                Ok(Step::Repeat {
                    count,
                    parts,
                    views,
                    body,
                })
            }
            Kind::Word("case") => {
                self.next();
                let index = self.buffer(names)?;
                let mut branches = vec![];
                while self.is_sign('{') {
                    branches.push(self.block_of_steps(names)?);
                }
                Ok(Step::Case { index, branches })
            }
            _ => self.expected("launch, copy, interpret, while, repeat, case or '}'"),
        }
    }

    /// `%v = slice %x from 0 by 4`, `%v = turn %a %b`
    fn view_def(&mut self, names: &Names<'a>) -> Parsed<(Buf, View)> {
        let view = self.buffer(names)?;
        self.sign('=')?;
        if self.take_word("slice") {
            let of = self.buffer(names)?;
            self.keyword("from")?;
            let first = self.usize()?;
            self.keyword("by")?;
            let step = self.i64()?;
            return Ok((view, View::Slice { of, first, step }));
        }
        self.keyword("turn")?;
        let even = self.buffer(names)?;
        let odd = self.buffer(names)?;
        Ok((view, View::Turn { even, odd }))
    }

    /// `launch @k(%x, %y) from "layer"`
    fn launch(&mut self, names: &Names<'a>) -> Parsed<Step> {
        self.next();
        let place = self.place();
        let name = self.at_name()?;
        let kernel = names.kernels.get(&name).copied();
        let kernel = kernel.ok_or_else(|| place.error(format!("there is no kernel @{name}")))?;
        self.sign('(')?;
        let args = self.list(')', |p| p.buffer(names))?;
        let from = match self.take_word("from") {
            true => self.text()?,
            false => String::new(),
        };
        Ok(Step::Launch { kernel, args, from })
    }

    /// `interpret %a, %b = sort %x, %y {..}`
    fn interpret(&mut self, names: &Names<'a>) -> Parsed<Step> {
        self.next();
        let mut results = vec![];
        while !self.is_sign('=') {
            results.push(self.buffer(names)?);
            if !self.take(',') {
                break;
            }
        }
        self.sign('=')?;
        let operation = self.operation(None)?;
        let operands = operation.operands.iter();
        let args = operands
            .map(|&(name, place)| find(names, name, place))
            .collect::<Parsed<_>>()?;
        let op = operation.op;
        Ok(Step::Interpret { op, args, results })
    }
}

fn find(names: &Names, name: &str, place: Place) -> Parsed<Buf> {
    let found = names.buffers.get(name).copied();
    found.ok_or_else(|| place.error(format!("there is no buffer %{name}")))
}

//! Regions as graphs of their own, and what they see from outside.

use super::value::{Form, Val};
use super::{Cx, Fault};
use crate::stablehlo::error::Place;
use crate::stablehlo::limits;
use crate::stablehlo::tree::{Id, Node, Region};
use craneflow_ir::native::Cmp;
use craneflow_ir::ops::common::Reducer;
use craneflow_ir::{Builder, Graph, Op, Pointwise, Value};
use std::collections::HashSet;

/// Values from outside that regions of one operation use.
#[derive(Default)]
pub struct Captures {
    /// Those that become inputs of the regions.
    pub inputs: Vec<Id>,
    /// Those that are constants, and are so within the regions.
    constants: Vec<Id>,
}

impl<'m> Cx<'m> {
    /// What these regions use from outside.
    pub fn captures(&self, regions: &[&Region]) -> Captures {
        let mut free = Free::default();
        for region in regions {
            free.region(region);
        }
        let mut captures = Captures::default();
        for id in free.used {
            let constant = |val: &Val| val.flat().iter().all(|&v| self.is_constant(v));
            match self.env.get(&id).is_some_and(constant) {
                true => captures.constants.push(id),
                false => captures.inputs.push(id),
            }
        }
        captures
    }

    /// The values and forms of captured inputs.
    pub fn captured(&self, captures: &Captures) -> Result<(Vec<Val>, Vec<Form>), Fault> {
        let find = |id: &Id| self.env.get(id).cloned();
        let vals: Option<Vec<Val>> = captures.inputs.iter().map(find).collect();
        let vals = vals.ok_or("a region uses a value that is not visible there")?;
        let forms = vals.iter().map(|v| self.form(v)).collect();
        Ok((vals, forms))
    }

    /// Whether it is a constant that is cheap to make again elsewhere.
    fn is_constant(&self, v: Value) -> bool {
        let node = self.b.graph().def(v);
        match (&node.op, node.operands.as_slice()) {
            (Op::Constant(c), []) => c.value.ty.count() <= 64,
            (Op::Iota(_), []) => true,
            (Op::BroadcastInDim(_), [x]) => self.ty(*x).rank() == 0 && self.is_constant(*x),
            _ => false,
        }
    }

    fn copy_constant(&self, v: Value, to: &mut Builder) -> Result<Value, Fault> {
        let node = self.b.graph().def(v);
        let operands: Result<Vec<Value>, Fault> = node
            .operands
            .iter()
            .map(|&x| self.copy_constant(x, to))
            .collect();
        Ok(to.push1(node.op.clone(), &operands?)?)
    }

    /// A region as a graph: `args` are the forms of its arguments, after which captured values come, and
    /// then, where there is an `effect`, what has happened, which is also its last output.
    pub fn graph(
        &mut self,
        name: &str,
        region: &Region,
        args: &[Form],
        captures: &Captures,
        mut effect: Option<Value>,
    ) -> Result<Graph, Fault> {
        limits::depth(place(region), self.depth)?;
        if region.args.len() != args.len() {
            let (expected, found) = (args.len(), region.args.len());
            return Err(format!("a region takes {expected} arguments, found {found}").into());
        }
        let (_, forms) = self.captured(captures)?;
        let mut b = Builder::new(name);
        let mut env = std::collections::HashMap::new();
        let ids = region.args.iter().chain(&captures.inputs);
        let mut count = 0;
        for (&id, form) in ids.zip(args.iter().chain(&forms)) {
            let mut inputs = vec![];
            for ty in form.flat() {
                inputs.push(b.input(&format!("x{count}"), ty));
                count += 1;
            }
            env.insert(id, form.val(&mut inputs.into_iter()));
        }
        for &id in &captures.constants {
            let val = self.env[&id].clone();
            let flat: Result<Vec<Value>, Fault> = val
                .flat()
                .into_iter()
                .map(|v| self.copy_constant(v, &mut b))
                .collect();
            env.insert(id, self.form(&val).val(&mut flat?.into_iter()));
        }
        if let Some(effect) = &mut effect {
            let ty = self.b.ty(*effect).clone();
            *effect = b.input("effect", ty);
        }
        std::mem::swap(&mut self.b, &mut b);
        std::mem::swap(&mut self.env, &mut env);
        std::mem::swap(&mut self.effect, &mut effect);
        self.depth += 1;
        let results = self.nodes(&region.nodes);
        self.depth -= 1;
        std::mem::swap(&mut self.b, &mut b);
        self.env = env;
        std::mem::swap(&mut self.effect, &mut effect);
        for (i, v) in results?.iter().flat_map(Val::flat).enumerate() {
            b.output(&format!("y{i}"), v);
        }
        if let Some(effect) = effect {
            b.output("effect", effect);
        }
        Ok(b.finish())
    }

    /// A region over scalars, such as a comparator.
    pub fn scalar_graph(
        &mut self,
        name: &str,
        region: &Region,
        args: &[Form],
    ) -> Result<Graph, Fault> {
        let captures = self.captures(&[region]);
        if !captures.inputs.is_empty() {
            return Err("its region uses values from outside that are no constants".into());
        }
        let scalars: Vec<Form> = args.iter().map(Form::scalar).collect();
        self.graph(name, region, &scalars, &captures, None)
    }
}

/// A place in a region, for errors.
fn place(region: &Region) -> Place {
    region.nodes.first().map_or(Place::Offset(0), |n| n.place)
}

/// Values that are used and not defined, in the order of their first use.
#[derive(Default)]
struct Free {
    defined: HashSet<Id>,
    seen: HashSet<Id>,
    used: Vec<Id>,
}

impl Free {
    fn region(&mut self, region: &Region) {
        self.defined.extend(&region.args);
        for node in &region.nodes {
            self.node(node);
        }
    }

    fn node(&mut self, node: &Node) {
        for &id in &node.operands {
            if !self.defined.contains(&id) && self.seen.insert(id) {
                self.used.push(id);
            }
        }
        node.regions.iter().for_each(|r| self.region(r));
        self.defined.extend(&node.results);
    }
}

/// The reducers of a body `(a.., b..) -> (c..)` in which result `i` combines `a_i` and `b_i` only, by
/// an operation that has a name.
pub fn named_reducers(body: &Graph) -> Option<Vec<Reducer>> {
    let n = body.outputs.len();
    if body.inputs.len() != 2 * n {
        return None;
    }
    let at = |i: usize| {
        let node = body.def(body.outputs[i].value);
        let (a, b) = (body.inputs[i].value, body.inputs[n + i].value);
        let pair = node.operands == [a, b] || node.operands == [b, a];
        match &node.op {
            Op::Pointwise(p) if pair => named(*p),
            _ => None,
        }
    };
    (0..n).map(at).collect()
}

fn named(p: Pointwise) -> Option<Reducer> {
    Some(match p {
        Pointwise::Add => Reducer::Sum,
        Pointwise::Multiply => Reducer::Product,
        Pointwise::Maximum => Reducer::Max,
        Pointwise::Minimum => Reducer::Min,
        Pointwise::And => Reducer::And,
        Pointwise::Or => Reducer::Or,
        _ => return None,
    })
}

/// Whether a body `(a, b) -> (c)` returns `b`.
pub fn takes_second(body: &Graph) -> bool {
    body.inputs.len() == 2
        && body.outputs.len() == 1
        && body.outputs[0].value == body.inputs[1].value
}

/// The predicate of a body `(a, b) -> a cmp b`.
pub fn predicate(body: &Graph) -> Option<Cmp> {
    let node = body.def(body.outputs.first()?.value);
    let inputs: Vec<Value> = body.inputs.iter().map(|i| i.value).collect();
    match &node.op {
        Op::Pointwise(Pointwise::Compare(cmp, _)) if node.operands == inputs => Some(*cmp),
        _ => None,
    }
}

//! The typed builder: every push infers the result types, equal nodes are shared, and shorthands
//! read as what they build.

use crate::array::Array;
use crate::error::TypeError;
use crate::graph::{Graph, Input, Node, NodeId, Output, Scope, Value};
use crate::hash::{Mix, Table};
use crate::native::{Cmp, Scalar};
use crate::ops::common::Reducer;
use crate::ops::{BroadcastInDim, Constant, Op, Reduce, Reshape, Transpose};
use crate::scalar::Pointwise;
use crate::types::{DType, Shape, Type};
use std::hash::{Hash, Hasher};

/// Builds a graph. The shorthands panic on a type error and are for code that knows its shapes
/// (gradient rules, passes); code that handles user input calls `push` and reports the error.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    graph: Graph,
    /// The latest node of each hash of op and operands, and the one before a node that has the same.
    seen: Table<u64, NodeId>,
    before: Table<NodeId, NodeId>,
    scope: Scope,
}

impl Builder {
    /// Starts a graph.
    pub fn new(name: &str) -> Builder {
        Builder {
            graph: Graph::new(name),
            ..Builder::default()
        }
    }

    /// Goes on building a graph.
    pub fn resume(graph: Graph) -> Builder {
        let mut b = Builder {
            graph,
            ..Builder::default()
        };
        for (i, id) in b.graph.node_ids().enumerate() {
            let node = &b.graph.nodes[i];
            if !matches!(node.op, Op::Input(_)) {
                b.note(hash(&node.op, &node.operands), id);
            }
        }
        b
    }

    /// Makes room for `nodes` more nodes.
    pub fn reserve(&mut self, nodes: usize) {
        self.graph.nodes.reserve(nodes);
        self.graph.values.reserve(nodes);
        self.seen.reserve(nodes);
    }

    fn note(&mut self, hash: u64, node: NodeId) {
        if let Some(before) = self.seen.insert(hash, node) {
            self.before.insert(node, before);
        }
    }

    /// The node with this op and these operands.
    fn known(&self, hash: u64, op: &Op, operands: &[Value]) -> Option<&Node> {
        let mut next = self.seen.get(&hash);
        while let Some(&id) = next {
            let node = self.graph.node(id);
            if node.op == *op && node.operands == operands {
                return Some(node);
            }
            next = self.before.get(&id);
        }
        None
    }

    /// Appends the nodes of `graph` with `args` in place of its inputs; returns its outputs.
    ///
    /// # Panics
    /// When the types of `args` are not those of the inputs.
    pub fn inline(&mut self, graph: &Graph, args: &[Value]) -> Vec<Value> {
        self.inline_all(graph, args).0
    }

    /// As `inline`, with the new value of each value of `graph`.
    pub fn inline_all(&mut self, graph: &Graph, args: &[Value]) -> (Vec<Value>, Vec<Value>) {
        assert_eq!(args.len(), graph.inputs.len(), "inputs of {}", graph.name);
        let mut map = vec![Value::default(); graph.values.len()];
        let outer = self.scope;
        for node in &graph.nodes {
            if let Op::Input(input) = &node.op {
                let arg = args[input.index];
                assert_eq!(*self.ty(arg), input.ty, "input {}", input.index);
                map[node.results[0].0 as usize] = arg;
                continue;
            }
            let operands: Vec<Value> = node.operands.iter().map(|x| map[x.0 as usize]).collect();
            match graph.scope_name(node.scope) {
                "" => self.leave(outer),
                layer => drop(self.enter(layer)),
            }
            let results = self.push(node.op.clone(), &operands);
            let results = results.unwrap_or_else(|e| panic!("builder: {e}"));
            for (old, new) in node.results.iter().zip(results) {
                map[old.0 as usize] = new;
            }
        }
        self.leave(outer);
        let outputs = graph.outputs.iter().map(|o| map[o.value.0 as usize]);
        (outputs.collect(), map)
    }

    /// The graph so far.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The type of a value.
    pub fn ty(&self, v: Value) -> &Type {
        self.graph.ty(v)
    }

    /// The shape of a value.
    pub fn shape(&self, v: Value) -> Shape {
        self.ty(v).shape.clone()
    }

    /// Nodes pushed from now on belong to the layer `name`; returns the scope before.
    pub fn enter(&mut self, name: &str) -> Scope {
        let scope = self.graph.scope(name);
        std::mem::replace(&mut self.scope, scope)
    }

    /// Goes back to a scope that `enter` returned.
    pub fn leave(&mut self, scope: Scope) {
        self.scope = scope;
    }

    /// Name of the current scope.
    pub fn scope_name(&self) -> &str {
        self.graph.scope_name(self.scope)
    }

    /// Adds an input.
    pub fn input(&mut self, name: &str, ty: Type) -> Value {
        let op = crate::ops::Input {
            index: self.graph.inputs.len(),
            ty: ty.clone(),
        };
        let node = self.graph.append(op.into(), vec![], vec![ty], self.scope);
        let value = self.graph.node(node).results[0];
        self.graph.inputs.push(Input {
            name: name.to_string(),
            value,
            donated: None,
        });
        value
    }

    /// Adds an output.
    pub fn output(&mut self, name: &str, value: Value) {
        self.graph.outputs.push(Output {
            name: name.to_string(),
            value,
        });
    }

    /// Declares that output `output` takes over the buffer of input `input` (positions).
    pub fn donate(&mut self, input: usize, output: usize) {
        self.graph.inputs[input].donated = Some(output);
    }

    /// The finished graph: inputs come before all other nodes, and scopes are in the order of their
    /// first node. Value ids change only when an input was added late.
    pub fn finish(self) -> Graph {
        canonical(self.graph)
    }

    /// Appends an op and returns its results, or those of an equal node that is there already.
    pub fn push(&mut self, op: impl Into<Op>, operands: &[Value]) -> Result<Vec<Value>, TypeError> {
        let op = op.into();
        let hash = hash(&op, operands);
        if let Some(node) = self.known(hash, &op, operands) {
            return Ok(node.results.clone());
        }
        let types = op.rules().infer(&self.graph.types(operands))?;
        let node = self.graph.append(op, operands.to_vec(), types, self.scope);
        self.note(hash, node);
        Ok(self.graph.node(node).results.clone())
    }

    /// `push` for an op with one result.
    pub fn push1(&mut self, op: impl Into<Op>, operands: &[Value]) -> Result<Value, TypeError> {
        self.push(op, operands).map(|r| r[0])
    }

    /// `push1` where the types are known to fit.
    pub fn op(&mut self, op: impl Into<Op>, operands: &[Value]) -> Value {
        self.push1(op, operands)
            .unwrap_or_else(|e| panic!("builder: {e}"))
    }

    /// A region: a graph of inputs `x0`, `x1`, .. of these types, whose outputs `y0`, `y1`, .. `f` gives.
    pub fn region(
        name: &str,
        types: &[Type],
        f: impl FnOnce(&mut Builder, &[Value]) -> Vec<Value>,
    ) -> Box<Graph> {
        let mut b = Builder::new(name);
        let input = |(i, ty): (usize, &Type)| b.input(&format!("x{i}"), ty.clone());
        let inputs: Vec<Value> = types.iter().enumerate().map(input).collect();
        for (i, y) in f(&mut b, &inputs).into_iter().enumerate() {
            b.output(&format!("y{i}"), y);
        }
        Box::new(b.finish())
    }

    /// A constant `i32` of rank 0, as counters and indices are.
    pub fn int(&mut self, n: i64) -> Value {
        self.constant(Array::scalar(Scalar::int(DType::I32, n)))
    }

    /// A constant tensor.
    pub fn constant(&mut self, value: Array) -> Value {
        self.op(Constant { value }, &[])
    }

    /// A tensor of type `ty` with every element `x` (converted): a rank-0 constant, broadcast.
    pub fn splat(&mut self, ty: &Type, x: f64) -> Value {
        let c = self.constant(Array::scalar(Scalar::from_f64(ty.dtype, x)));
        self.broadcast(c, &[], &ty.shape)
    }

    /// A tensor like `v` with every element `x`.
    pub fn like(&mut self, v: Value, x: f64) -> Value {
        let ty = self.ty(v).clone();
        self.splat(&ty, x)
    }

    /// `broadcast_in_dim`; nothing when the shape is already right.
    pub fn broadcast(&mut self, v: Value, axes: &[usize], shape: &Shape) -> Value {
        if self.ty(v).shape == *shape && axes.iter().enumerate().all(|(i, &a)| i == a) {
            return v;
        }
        self.op(
            BroadcastInDim {
                shape: shape.clone(),
                axes: axes.to_vec(),
            },
            &[v],
        )
    }

    /// Undoes the removal of `axes` by a reduction: `f32[8]` over `[1]` to `f32[8,4]`.
    pub fn unreduce(&mut self, v: Value, axes: &[usize], shape: &Shape) -> Value {
        let kept: Vec<usize> = (0..shape.rank()).filter(|a| !axes.contains(a)).collect();
        self.broadcast(v, &kept, shape)
    }

    /// `reshape`; nothing when the shape is already right.
    pub fn reshape(&mut self, v: Value, shape: &[usize]) -> Value {
        if *self.ty(v).shape == *shape {
            v
        } else {
            self.op(
                Reshape {
                    shape: shape.into(),
                },
                &[v],
            )
        }
    }

    /// `transpose`; nothing for the identity.
    pub fn transpose(&mut self, v: Value, permutation: &[usize]) -> Value {
        if permutation.iter().enumerate().all(|(i, &p)| i == p) {
            return v;
        }
        self.op(
            Transpose {
                permutation: permutation.to_vec(),
            },
            &[v],
        )
    }

    /// Folds `axes` with a named reducer; nothing when there are none.
    pub fn reduce(&mut self, kind: Reducer, v: Value, axes: &[usize]) -> Value {
        if axes.is_empty() {
            v
        } else {
            self.op(
                Reduce {
                    kind,
                    axes: axes.to_vec(),
                },
                &[v],
            )
        }
    }

    /// `reduce` by addition.
    pub fn sum(&mut self, v: Value, axes: &[usize]) -> Value {
        self.reduce(Reducer::Sum, v, axes)
    }

    /// Element type conversion; nothing when it is already right.
    pub fn convert(&mut self, v: Value, to: DType) -> Value {
        if self.ty(v).dtype == to {
            v
        } else {
            self.op(Pointwise::Convert(to), &[v])
        }
    }

    /// Elementwise comparison.
    pub fn compare(&mut self, cmp: Cmp, a: Value, b: Value) -> Value {
        self.op(Pointwise::compare(cmp), &[a, b])
    }

    /// `c ? a : b`, elementwise.
    pub fn select(&mut self, c: Value, a: Value, b: Value) -> Value {
        self.op(Pointwise::Select, &[c, a, b])
    }
}

fn hash(op: &Op, operands: &[Value]) -> u64 {
    let mut hasher = Mix::default();
    (op, operands).hash(&mut hasher);
    hasher.finish()
}

/// Moves inputs to the front and drops scopes without nodes, so that the text of a graph reads back
/// as an equal one.
fn canonical(g: Graph) -> Graph {
    let is_input = |n: &Node| matches!(n.op, Op::Input(_));
    let mut used = 0;
    let scopes_in_order = g.nodes.iter().all(|n| {
        let scope = n.scope.0 as usize;
        used += usize::from(scope == used + 1);
        scope <= used
    });
    let done = scopes_in_order && used + 1 == g.scopes.len();
    if done && g.nodes.is_sorted_by_key(|n| !is_input(n)) {
        return g;
    }
    let (inputs, others): (Vec<Node>, Vec<Node>) = g.nodes.into_iter().partition(is_input);
    let mut out = Graph::new(&g.name);
    let mut map = vec![Value::default(); g.values.len()];
    let mut scopes = vec![None; g.scopes.len()];
    for node in inputs.into_iter().chain(others) {
        let old = node.scope.0 as usize;
        let scope = *scopes[old].get_or_insert_with(|| out.scope(&g.scopes[old]));
        let operands = node.operands.iter().map(|v| map[v.0 as usize]).collect();
        let types = node.results.iter();
        let types = types.map(|v| g.values[v.0 as usize].ty.clone()).collect();
        let id = out.append(node.op, operands, types, scope);
        for (old, new) in node.results.iter().zip(&out.node(id).results) {
            map[old.0 as usize] = *new;
        }
    }
    out.inputs = g.inputs;
    out.outputs = g.outputs;
    for v in out.inputs.iter_mut().map(|i| &mut i.value) {
        *v = map[v.0 as usize];
    }
    for v in out.outputs.iter_mut().map(|o| &mut o.value) {
        *v = map[v.0 as usize];
    }
    out
}

macro_rules! shorthands {
    ($($name:ident($($arg:ident),+) = $op:ident),* $(,)?) => {
        impl Builder {
            $(#[doc = concat!("`", stringify!($name), "`, elementwise on equal types.")]
            pub fn $name(&mut self, $($arg: Value),+) -> Value { self.op(Pointwise::$op, &[$($arg),+]) })*
        }
    };
}
shorthands! {
    add(a, b) = Add, sub(a, b) = Subtract, mul(a, b) = Multiply, div(a, b) = Divide,
    max(a, b) = Maximum, min(a, b) = Minimum, pow(a, b) = Power,
    and(a, b) = And, or(a, b) = Or, not(a) = Not,
    neg(a) = Negate, abs(a) = Abs, sign(a) = Sign, sqrt(a) = Sqrt, rsqrt(a) = Rsqrt,
    exp(a) = Exp, log(a) = Log, tanh(a) = Tanh, logistic(a) = Logistic, sin(a) = Sine, cos(a) = Cosine,
}

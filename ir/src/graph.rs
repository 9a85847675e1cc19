//! The graph IR: an append-only list of nodes in topological order.

use crate::ops::Op;
use crate::types::Type;

/// A result of a node (an index into the graph's value table).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Value(pub u32);

/// A node (an index into the graph's node table).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeId(pub u32);

/// Where in the model a node came from (an index into the graph's scope table).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Scope(pub u32);

/// An operation applied to operands.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Node {
    /// What is computed, attributes and regions included.
    pub op: Op,
    /// Values defined earlier.
    pub operands: Vec<Value>,
    /// The values this node defines, consecutive ids.
    pub results: Vec<Value>,
    /// The layer or source place it came from.
    pub scope: Scope,
}

/// Definition of a value.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ValueDef {
    /// The defining node.
    pub node: NodeId,
    /// Which of the node's results.
    pub index: usize,
    /// Its type.
    pub ty: Type,
}

/// A named input of a graph.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Input {
    /// Name, unique among inputs; a word of letters, digits, `_` and `.`.
    pub name: String,
    /// The value it defines.
    pub value: Value,
    /// The position of the output that takes over this input's buffer, which the caller gives away.
    pub donated: Option<usize>,
}

/// A named output of a graph.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Output {
    /// Name, unique among outputs; same alphabet as inputs.
    pub name: String,
    /// The value returned.
    pub value: Value,
}

/// A program, or a region of an op: typed inputs, nodes in topological order, outputs.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Graph {
    /// Name, a word.
    pub name: String,
    /// Nodes; operands always come before users.
    pub nodes: Vec<Node>,
    /// Value table.
    pub values: Vec<ValueDef>,
    /// Inputs in the caller's order.
    pub inputs: Vec<Input>,
    /// Outputs in the caller's order.
    pub outputs: Vec<Output>,
    /// Scope names; entry 0 is the empty name.
    pub scopes: Vec<String>,
}

impl Graph {
    /// An empty graph.
    pub fn new(name: &str) -> Graph {
        Graph {
            name: name.to_string(),
            scopes: vec![String::new()],
            ..Graph::default()
        }
    }

    /// The node with this id.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// The type of a value.
    pub fn ty(&self, v: Value) -> &Type {
        &self.values[v.0 as usize].ty
    }

    /// The node that defines a value.
    pub fn def(&self, v: Value) -> &Node {
        self.node(self.values[v.0 as usize].node)
    }

    /// The value whose elements, in order, a reshaped one has.
    pub fn unreshaped(&self, v: Value) -> Value {
        let node = self.def(v);
        match &node.op {
            Op::Reshape(_) => self.unreshaped(node.operands[0]),
            Op::BroadcastInDim(b) if b.is_reshape(self.ty(node.operands[0])) => {
                self.unreshaped(node.operands[0])
            }
            _ => v,
        }
    }

    /// All node ids in order.
    pub fn node_ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// The types of a list of values.
    pub fn types(&self, values: &[Value]) -> Vec<Type> {
        values.iter().map(|&v| self.ty(v).clone()).collect()
    }

    /// Name of the layer a node came from; empty when unknown.
    pub fn scope_name(&self, scope: Scope) -> &str {
        &self.scopes[scope.0 as usize]
    }

    /// The scope with this name, added when new.
    pub fn scope(&mut self, name: &str) -> Scope {
        // Neighbours are of one layer, mostly.
        let found = self.scopes.iter().rposition(|s| s == name);
        Scope(found.unwrap_or_else(|| {
            self.scopes.push(name.to_string());
            self.scopes.len() - 1
        }) as u32)
    }

    /// Appends a node whose result types are known to be right; `Builder::push` infers them.
    pub fn append(
        &mut self,
        op: Op,
        operands: Vec<Value>,
        results: Vec<Type>,
        scope: Scope,
    ) -> NodeId {
        let id = NodeId(self.nodes.len() as u32);
        let first = self.values.len() as u32;
        let values = (0..results.len() as u32)
            .map(|i| Value(first + i))
            .collect();
        for (index, ty) in results.into_iter().enumerate() {
            self.values.push(ValueDef {
                node: id,
                index,
                ty,
            });
        }
        self.nodes.push(Node {
            op,
            operands,
            results: values,
            scope,
        });
        id
    }

    /// How many operands and outputs use each value.
    pub fn use_counts(&self) -> Vec<usize> {
        let mut uses = vec![0; self.values.len()];
        for v in self
            .nodes
            .iter()
            .flat_map(|n| &n.operands)
            .chain(self.outputs.iter().map(|o| &o.value))
        {
            uses[v.0 as usize] += 1;
        }
        uses
    }
}

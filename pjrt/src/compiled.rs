//! A program and its machine code: shared by all executables of the same program in a client.

use crate::cache::{self, Cache};
use crate::callback;
use crate::cost::{self, Cost};
use crate::dump;
use crate::element::ArrayType;
use crate::error::Failure;
use crate::saved::Saved;
use crate::storage::{Owned, Slot, Storage};
use craneflow_codegen::hash::Hash;
use craneflow_codegen::pack::put_bytes;
use craneflow_import::stablehlo::{Arg, Donation, Imported};
use craneflow_ir::graph::Scope;
use craneflow_ir::ops::Op;
use craneflow_ir::{Array, Graph, Type, Verified, eval};
use craneflow_runtime::{Argument, Executable, Options, Workspace};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

/// Operations below which a program is interpreted at first: compiling takes longer than some runs.
const INTERPRETED: f64 = 4096.0;
/// Runs of the interpreter before such a program is compiled.
const INTERPRETED_RUNS: usize = 3;
/// Operations below which a run is done before it would be dispatched to the worker.
const QUICK: f64 = 65536.0;
/// Workspaces that wait for their next run, at most.
const IDLE: usize = 2;

/// A parameter of a program.
pub struct Parameter {
    /// Its type.
    pub ty: Arc<ArrayType>,
    /// Whether its buffer may be reused.
    pub donated: bool,
}

/// A program that can run.
pub struct Compiled {
    /// Its name.
    pub name: String,
    /// Parameters in order.
    pub inputs: Vec<Parameter>,
    /// Types of results in order.
    pub outputs: Vec<Arc<ArrayType>>,
    /// The program as it came.
    pub source: Vec<u8>,
    /// The options as they came.
    pub options: Vec<u8>,
    /// The options given by name ([`crate::options::check`]).
    pub named: Vec<u8>,
    /// What tells it from other programs, whatever the names and places in it.
    fingerprint: OnceLock<String>,
    /// The Python functions that it calls.
    python: callback::Held,
    graph: Verified<Graph>,
    cost: Cost,
    interpreted: bool,
    runs: AtomicUsize,
    how: Options,
    executable: OnceLock<Result<Arc<Executable>, Failure>>,
    idle: Mutex<Vec<Idle>>,
}

/// A workspace that waits for its next run.
struct Idle {
    workspace: Workspace,
    /// The places of the last run's arguments. Their elements do not change as long as somebody, if only this, knows the place.
    last: Vec<Weak<Slot>>,
}

/// Bytes that a run takes.
pub struct Memory {
    /// Of arguments.
    pub arguments: usize,
    /// Of results.
    pub outputs: usize,
    /// Of results that take over the buffers of arguments.
    pub aliased: usize,
    /// Of everything in between.
    pub temporary: usize,
    /// Of all together.
    pub peak: usize,
}

/// The memory that a run has for one argument.
pub enum Given {
    /// Only to read.
    Shared(Arc<Slot>),
    /// Given away by the caller.
    Donated(Arc<Slot>),
}

impl Given {
    /// The place of its elements.
    pub fn slot(&self) -> &Arc<Slot> {
        match self {
            Given::Shared(slot) | Given::Donated(slot) => slot,
        }
    }
}

/// The memory of one argument while the program runs.
enum Held {
    Slot(Arc<Slot>),
    Owned(Owned),
}

impl Held {
    /// A place whose elements nobody changes; none if they belong to somebody else.
    fn place(&self) -> Weak<Slot> {
        match self {
            Held::Slot(slot) if matches!(slot.storage(), Ok(Storage::Owned(_))) => {
                Arc::downgrade(slot)
            }
            _ => Weak::new(),
        }
    }
}

/// A graph without the names of the places that its nodes came from.
fn anonymous(graph: &Graph) -> Graph {
    let mut graph = graph.clone();
    graph.name.clear();
    graph.scopes.truncate(1);
    graph.nodes.iter_mut().for_each(|n| n.scope = Scope(0));
    graph
}

impl Compiled {
    /// A program read from `saved.program`; ready now unless it is tiny. Machine code that was saved with
    /// it is used where it fits.
    pub fn new(
        imported: Imported,
        saved: Saved<'_>,
        named: Vec<u8>,
        how: Options,
    ) -> Result<Compiled, Failure> {
        let Imported {
            graph,
            inputs,
            outputs,
            python,
        } = imported;
        let parameter = |(i, arg): (usize, &_)| -> Result<Parameter, Failure> {
            let ty = ArrayType::of(arg)?;
            same_bytes(&ty, graph.ty(graph.inputs[i].value))?;
            Ok(Parameter {
                ty: Arc::new(ty),
                donated: arg.donated != Donation::No,
            })
        };
        let result = |(o, arg): (usize, &_)| -> Result<Arc<ArrayType>, Failure> {
            let ty = ArrayType::of(arg)?;
            same_bytes(&ty, graph.ty(graph.outputs[o].value))?;
            Ok(Arc::new(ty))
        };
        let cost = cost::of(&graph);
        let compiled = Compiled {
            name: graph.name.clone(),
            inputs: (inputs.iter().enumerate().map(parameter)).collect::<Result<_, _>>()?,
            outputs: (outputs.iter().enumerate().map(result)).collect::<Result<_, _>>()?,
            source: saved.program.to_vec(),
            options: saved.options.to_vec(),
            named,
            fingerprint: OnceLock::new(),
            python: callback::Held::new(python),
            interpreted: is_tiny(&graph, &cost) && !dump::wanted(),
            graph,
            cost,
            runs: AtomicUsize::new(0),
            how,
            executable: OnceLock::new(),
            idle: Mutex::default(),
        };
        if !saved.code.is_empty()
            && saved.key == compiled.key().to_bytes()
            && let Some(executable) = compiled.load(saved.code)
        {
            let _ = compiled.executable.set(Ok(Arc::new(executable)));
        }
        if !compiled.interpreted {
            compiled.executable()?;
        }
        Ok(compiled)
    }

    /// Whether it is this program, as far as its arguments and results go.
    pub fn is_of(&self, imported: &Imported) -> bool {
        let fits = |(p, arg): (&Parameter, &Arg)| {
            p.donated == (arg.donated != Donation::No) && is_of_type(&p.ty, arg)
        };
        self.inputs.iter().zip(&imported.inputs).all(fits)
            && (self.outputs.iter().zip(&imported.outputs)).all(|(ty, arg)| is_of_type(ty, arg))
    }

    /// What a run costs.
    pub fn cost(&self) -> Cost {
        self.cost
    }

    /// Whether a run takes less time than handing it to another thread.
    pub fn is_quick(&self) -> bool {
        let quick = std::env::var("CF_QUICK")
            .ok()
            .and_then(|v| v.parse().ok())
            .unwrap_or(QUICK);
        !self.cost.open && self.cost.operations + self.cost.elements < quick
    }

    /// What tells it from other programs, whatever the names and places in it.
    pub fn fingerprint(&self) -> &str {
        let hash = || Hash::of(anonymous(&self.graph).to_string().as_bytes());
        self.fingerprint.get_or_init(|| hash().to_string())
    }

    /// What its machine code depends on: program, options, machine and build.
    fn key(&self) -> Hash {
        let machine = craneflow_codegen::machine(&self.how.codegen).unwrap_or_default();
        let (passes, build) = (format!("{:?}", self.how.passes), cache::build());
        let mut all = vec![];
        for part in [self.fingerprint(), &machine, &passes, build] {
            put_bytes(&mut all, part.as_bytes());
        }
        put_bytes(&mut all, &self.named);
        Hash::of(&all)
    }

    /// Bytes from which another process makes this executable.
    pub fn save(&self) -> Result<Vec<u8>, Failure> {
        if self.python.any() {
            return Err(Failure::Unimplemented(
                "serialising a program that calls Python functions",
            ));
        }
        let code = self.executable()?.save(&self.how);
        Ok(self.saved(&self.key(), code.as_deref().unwrap_or_default()))
    }

    fn saved(&self, key: &Hash, code: &[u8]) -> Vec<u8> {
        let saved = Saved {
            options: &self.options,
            program: &self.source,
            key: key.to_bytes(),
            code,
        };
        saved.write()
    }

    fn load(&self, code: &[u8]) -> Option<Executable> {
        Executable::load(&self.graph, &self.how, code).ok()
    }

    /// The machine code from the cache, or from the compiler and then kept there.
    fn cached(&self, cache: &Cache) -> Result<Executable, Failure> {
        let key = self.key();
        if let Some(bytes) = cache.find(&key) {
            let saved = Saved::read(&bytes).ok();
            let saved = saved.filter(|s| s.key == key.to_bytes());
            if let Some(executable) = saved.and_then(|s| self.load(s.code)) {
                return Ok(executable);
            }
            cache.remove(&key);
        }
        let executable = Executable::compile(&self.graph, &self.how)?;
        if let Some(code) = executable.save(&self.how) {
            cache.put(&key, &self.saved(&key, &code));
        }
        Ok(executable)
    }

    /// The machine code, made when it is asked for first.
    fn executable(&self) -> Result<&Arc<Executable>, Failure> {
        let compile = || {
            let kept = !dump::wanted() && !self.python.any();
            let executable = match cache::cache().filter(|_| kept) {
                Some(cache) => self.cached(cache)?,
                None => dump::compile(&self.graph, &self.source, &self.how)?,
            };
            Ok(Arc::new(executable))
        };
        let result = self.executable.get_or_init(|| {
            catch_unwind(AssertUnwindSafe(compile)).unwrap_or_else(|p| Err(Failure::panicked(&*p)))
        });
        result.as_ref().map_err(Failure::clone)
    }

    /// Bytes of machine code.
    pub fn code_bytes(&self) -> Result<usize, Failure> {
        let code = self.executable()?.code();
        Ok((0..code.len()).map(|k| code.size(k)).sum())
    }

    /// Bytes that a run takes.
    pub fn memory(&self) -> Result<Memory, Failure> {
        let executable = self.executable()?;
        let arguments = self.inputs.iter().map(|p| p.ty.bytes).sum();
        let outputs: usize = self.outputs.iter().map(|t| t.bytes).sum();
        let ports = executable.outputs().iter();
        let aliased = ports.filter(|p| p.partner.is_some()).map(|p| p.ty.bytes());
        let aliased: usize = aliased.sum();
        let plan = executable.plan();
        let temporary = plan.arena_bytes + executable.threads() * plan.scratch_bytes;
        Ok(Memory {
            arguments,
            outputs,
            aliased,
            temporary,
            peak: arguments + outputs - aliased + temporary + plan.constant_bytes,
        })
    }

    /// Runs the program. The elements of all arguments are there.
    pub fn run(&self, given: Vec<Given>) -> Result<Vec<Storage>, Failure> {
        let run = || match self.interpreted && self.executable.get().is_none() {
            true if self.runs.fetch_add(1, Ordering::Relaxed) < INTERPRETED_RUNS => {
                self.interpret(&given)
            }
            _ => self.execute(given),
        };
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|p| Err(Failure::ended(p)))
    }

    fn interpret(&self, given: &[Given]) -> Result<Vec<Storage>, Failure> {
        let array = |(input, given): (&craneflow_ir::graph::Input, &Given)| {
            let ty = self.graph.ty(input.value).clone();
            let array = Array::from_bytes(ty, given.slot().storage()?.bytes());
            array.ok_or_else(|| Failure::Panic("an argument of another size".into()))
        };
        let arrays =
            (self.graph.inputs.iter().zip(given).map(array)).collect::<Result<Vec<_>, _>>();
        let results = eval::eval_graph(&self.graph, &arrays?);
        let store = |a: &Array| Ok(Storage::Owned(Owned::copy_of(a.bytes())?));
        results.iter().take(self.outputs.len()).map(store).collect()
    }

    fn execute(&self, given: Vec<Given>) -> Result<Vec<Storage>, Failure> {
        let executable = self.executable()?;
        let mut held = (executable.inputs().iter().zip(given))
            .map(|(port, given)| {
                Ok(match (port.partner, given) {
                    (None, Given::Shared(slot) | Given::Donated(slot)) => Held::Slot(slot),
                    (Some(_), Given::Donated(slot)) => Held::Owned(crate::buffer::own(slot)?),
                    (Some(_), Given::Shared(slot)) => {
                        Held::Owned(Owned::copy_of(slot.storage()?.bytes())?)
                    }
                })
            })
            .collect::<Result<Vec<Held>, Failure>>()?;
        let places = executable.outputs().iter().filter(|p| p.partner.is_none());
        let mut fresh =
            (places.map(|p| Owned::new(p.ty.bytes()))).collect::<Result<Vec<_>, _>>()?;
        {
            let mut idle = self.workspace(executable)?;
            let last = match executable.keeps() {
                true => std::mem::replace(&mut idle.last, held.iter().map(Held::place).collect()),
                false => vec![],
            };
            let mut arguments = (held.iter_mut().enumerate())
                .map(|(i, h)| {
                    Ok(match h {
                        Held::Slot(slot) => {
                            let bytes = slot.storage()?.bytes();
                            let same = |last: &Weak<Slot>| last.as_ptr() == Arc::as_ptr(slot);
                            match last.get(i).is_some_and(same) {
                                true => Argument::Same(bytes),
                                false => Argument::Borrowed(bytes),
                            }
                        }
                        Held::Owned(owned) => Argument::Donated(owned.bytes_mut()),
                    })
                })
                .collect::<Result<Vec<_>, Failure>>()?;
            let mut outputs: Vec<&mut [u8]> = fresh.iter_mut().map(Owned::bytes_mut).collect();
            idle.workspace.run(&mut arguments, &mut outputs)?;
            self.put_back(idle);
        }
        let mut fresh = fresh.into_iter();
        let lost = || Failure::Panic("an output without a buffer".into());
        let outputs = executable.outputs().iter().map(|port| {
            let owned = match port.partner {
                None => fresh.next(),
                Some(input) => {
                    match std::mem::replace(&mut held[input], Held::Owned(Owned::new(0)?)) {
                        Held::Owned(owned) => Some(owned),
                        Held::Slot(_) => None,
                    }
                }
            };
            owned.map(Storage::Owned).ok_or_else(lost)
        });
        // What comes after the results of the program is for order only.
        outputs.take(self.outputs.len()).collect()
    }

    fn workspace(&self, executable: &Arc<Executable>) -> Result<Idle, Failure> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        match idle().pop() {
            Some(idle) => Ok(idle),
            None => Ok(Idle {
                workspace: Workspace::new(executable)?,
                last: vec![],
            }),
        }
    }

    fn put_back(&self, workspace: Idle) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(workspace);
        }
    }
}

/// The graph of a program, in a client's table: places and names in it do not count.
pub fn key(imported: &Imported) -> Graph {
    anonymous(&imported.graph)
}

fn is_of_type(ty: &ArrayType, arg: &Arg) -> bool {
    let dims = ty.dims.iter().map(|&d| d as usize);
    ty.element == arg.element && dims.eq(arg.dims.iter().copied())
}

fn same_bytes(ty: &ArrayType, found: &Type) -> Result<(), Failure> {
    match ty.bytes == found.bytes() {
        true => Ok(()),
        false => Err(Failure::Panic(format!("{ty} came as {found}"))),
    }
}

/// Whether the interpreter runs a graph in less time than compiling it takes.
fn is_tiny(graph: &Graph, cost: &Cost) -> bool {
    let slow = |op: &Op| {
        matches!(
            op,
            Op::Convolution(_) | Op::ReduceWindow(_) | Op::SelectAndScatter(_)
        )
    };
    !cost.open
        && cost.operations + cost.elements < INTERPRETED
        && !graph.nodes.iter().any(|n| slow(&n.op))
}

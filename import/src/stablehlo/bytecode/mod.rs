//! Reads MLIR bytecode of version 6 that holds VHLO, the form in which StableHLO is kept and sent.

mod cursor;
mod entries;
mod properties;
mod sections;

use super::error::{ImportError, Place};
use super::limits;
use super::tree::{Attr, Id, Module, Node, Region, Ty};
use cursor::{Cursor, below, damaged};
use entries::Entries;
pub use entries::dense;
use sections::{Tables, section};
use std::rc::Rc;

/// The first bytes of a file.
pub const MAGIC: [u8; 4] = [0x4d, 0x4c, 0xef, 0x52];

/// Reads a file.
pub fn read(file: &[u8]) -> Result<Module, ImportError> {
    let tables = Tables::read(file)?;
    let names = tables.ops.iter().map(|op| OpInfo::new(op.dialect, op.name));
    let mut ir = tables.ir;
    let mut reader = Reader {
        names: names.collect(),
        entries: Entries::new(tables),
        module: Module::default(),
        nodes: 0,
    };
    let top = reader.block(&mut ir, &mut Scope::default(), 0)?;
    reader.module.functions(top)?;
    Ok(reader.module)
}

/// What a name stands for.
struct OpInfo {
    /// VHLO's name without version; with the dialect for others.
    name: Rc<str>,
    properties: Option<Vec<Rc<str>>>,
}

impl OpInfo {
    fn new(dialect: &str, name: &str) -> OpInfo {
        if dialect != "vhlo" {
            return OpInfo {
                name: format!("{dialect}.{name}").into(),
                properties: None,
            };
        }
        let attributes = properties::attributes(name).iter();
        let bare = name.rsplit_once("_v").map_or(name, |pair| pair.0);
        OpInfo {
            name: bare.into(),
            properties: Some(attributes.map(|&a| a.into()).collect()),
        }
    }
}

/// Values by their numbers, as far as they are defined. A region's own begin where those of the regions
/// around it end.
#[derive(Default)]
struct Scope {
    values: Vec<Option<Id>>,
    next: usize,
}

struct Reader<'a> {
    entries: Entries<'a>,
    names: Vec<OpInfo>,
    module: Module,
    nodes: usize,
}

const HAS_ATTRIBUTES: u8 = 1;
const HAS_RESULTS: u8 = 2;
const HAS_OPERANDS: u8 = 4;
const HAS_SUCCESSORS: u8 = 8;
const HAS_REGIONS: u8 = 0x10;
const HAS_USE_ORDERS: u8 = 0x20;
const HAS_PROPERTIES: u8 = 0x40;

impl<'a> Reader<'a> {
    fn define(&mut self, at: usize, ty: Rc<Ty>, scope: &mut Scope) -> Result<Id, ImportError> {
        let id = Id(self.module.types.len() as u32);
        let Some(slot) = scope.values.get_mut(scope.next) else {
            return Err(damaged(at, "more values than the region declares"));
        };
        *slot = Some(id);
        scope.next += 1;
        self.module.types.push(ty);
        Ok(id)
    }

    /// A block: arguments and operations.
    fn block(
        &mut self,
        c: &mut Cursor<'a>,
        scope: &mut Scope,
        depth: usize,
    ) -> Result<Region, ImportError> {
        let at = c.at();
        let (count, has_args) = c.flagged()?;
        let mut args = vec![];
        if has_args {
            for _ in 0..c.count()? {
                let at = c.at();
                let (index, located) = c.flagged()?;
                let ty = self.entries.ty_at(at, index)?;
                args.push(self.define(at, ty, scope)?);
                if located {
                    c.varint()?;
                }
            }
            if c.byte()? != 0 {
                skip_use_orders(c, args.len())?;
            }
        }
        let count = below(at, count, c.left() + 1, "number of operations")?;
        let mut nodes = vec![];
        for _ in 0..count {
            nodes.push(self.node(c, scope, depth)?);
        }
        Ok(Region { args, nodes })
    }

    fn node(
        &mut self,
        c: &mut Cursor<'a>,
        scope: &mut Scope,
        depth: usize,
    ) -> Result<Node, ImportError> {
        let at = c.at();
        limits::count(
            Place::Offset(at),
            "operations",
            &mut self.nodes,
            limits::NODES,
        )?;
        let index = c.index(self.names.len(), "operation name")?;
        let mask = c.byte()?;
        c.varint()?; // Its location.
        let mut attrs = match mask & HAS_ATTRIBUTES != 0 {
            true => match &*self.entries.attribute(c)? {
                Attr::Dict(list) => list
                    .iter()
                    .map(|(k, v)| (k.as_str().into(), v.clone()))
                    .collect(),
                _ => {
                    return Err(damaged(
                        at,
                        "the attributes of an operation are no dictionary",
                    ));
                }
            },
            false => vec![],
        };
        if mask & HAS_PROPERTIES != 0 {
            let properties = self.entries.tables().properties.len();
            let place = c.index(properties, "property")?;
            self.properties(index, place, &mut attrs)?;
        }
        let mut results = vec![];
        if mask & HAS_RESULTS != 0 {
            for _ in 0..c.count()? {
                let at = c.at();
                let ty = self.entries.ty(c)?;
                results.push(self.define(at, ty, scope)?);
            }
        }
        let mut operands = vec![];
        if mask & HAS_OPERANDS != 0 {
            for _ in 0..c.count()? {
                let at = c.at();
                let value = c.index(scope.values.len(), "value")?;
                let id = scope.values[value];
                operands.push(
                    id.ok_or_else(|| damaged(at, format!("value {value} is not defined yet")))?,
                );
            }
        }
        if mask & HAS_SUCCESSORS != 0 {
            return Err(damaged(at, "jumps between blocks are not supported"));
        }
        if mask & HAS_USE_ORDERS != 0 {
            skip_use_orders(c, results.len())?;
        }
        let regions = match mask & HAS_REGIONS != 0 {
            true => self.regions(c, scope, depth)?,
            false => vec![],
        };
        Ok(Node {
            name: self.names[index].name.clone(),
            place: Place::Offset(at),
            operands,
            results,
            attrs,
            regions,
        })
    }

    /// The properties of an operation of VHLO; those of others are not needed.
    fn properties(
        &mut self,
        op: usize,
        place: usize,
        attrs: &mut Vec<(Rc<str>, Rc<Attr>)>,
    ) -> Result<(), ImportError> {
        let mut c = self.entries.tables().properties[place];
        let Some(names) = self.names[op].properties.clone() else {
            return Ok(());
        };
        for name in names.iter() {
            attrs.push((name.clone(), self.entries.attribute(&mut c)?));
        }
        match c.left() {
            0 => Ok(()),
            _ => Err(damaged(
                c.at(),
                format!("more properties than {} has", self.names[op].name),
            )),
        }
    }

    fn regions(
        &mut self,
        c: &mut Cursor<'a>,
        scope: &mut Scope,
        depth: usize,
    ) -> Result<Vec<Region>, ImportError> {
        let at = c.at();
        limits::depth(Place::Offset(at), depth)?;
        let (count, isolated) = c.flagged()?;
        let count = below(at, count, c.left() + 1, "number of regions")?;
        if !isolated {
            return (0..count).map(|_| self.region(c, scope, depth)).collect();
        }
        let at = c.at();
        let (id, mut c) = section(c)?;
        if id != sections::IR {
            return Err(damaged(
                at,
                format!("a section of operations expected, found {id}"),
            ));
        }
        let mut scope = Scope::default();
        (0..count)
            .map(|_| self.region(&mut c, &mut scope, depth))
            .collect()
    }

    fn region(
        &mut self,
        c: &mut Cursor<'a>,
        scope: &mut Scope,
        depth: usize,
    ) -> Result<Region, ImportError> {
        let at = c.at();
        match c.varint()? {
            0 => return Ok(Region::default()),
            1 => {}
            n => {
                return Err(damaged(
                    at,
                    format!("a region of {n} blocks; one is supported"),
                ));
            }
        }
        let values = c.count()?;
        let (outer, next) = (scope.values.len(), scope.next);
        scope.values.resize(outer + values, None);
        scope.next = outer;
        let region = self.block(c, scope, depth + 1);
        scope.values.truncate(outer);
        scope.next = next;
        region
    }
}

/// The order of uses matters to nobody here.
fn skip_use_orders(c: &mut Cursor, values: usize) -> Result<(), ImportError> {
    let several = values > 1;
    let count = if several { c.count()? } else { 1 };
    for _ in 0..count {
        if several {
            c.varint()?;
        }
        let at = c.at();
        let (uses, _pairs) = c.flagged()?;
        for _ in 0..below(at, uses, c.left() + 1, "number of uses")? {
            c.varint()?;
        }
    }
    Ok(())
}

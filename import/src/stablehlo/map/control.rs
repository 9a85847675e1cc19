//! Calls, loops and branches, and what does nothing.

use super::region::Captures;
use super::value::{Form, Val};
use super::{Cx, Fault, Rule, exactly, sums};
use crate::stablehlo::error::Place;
use crate::stablehlo::limits;
use crate::stablehlo::tree::{Attr, Node, Region};
use craneflow_ir::ops::{Case, While};
use craneflow_ir::{Builder, DType, Graph, Value};

/// The results are the operands.
pub const SAME: Rule = |_, _, x| Ok(x.to_vec());

/// A token.
pub const TOKEN: Rule = |_, _, _| Ok(vec![Val::Token]);

/// Lets the condition of a loop take what its body does beyond, which it does not look at.
pub fn ignore(cond: &mut Graph, body: &Graph) {
    let mut b = Builder::new(&cond.name);
    let types = body.inputs.iter().map(|i| body.ty(i.value).clone());
    let inputs: Vec<Value> = types
        .enumerate()
        .map(|(i, ty)| b.input(&format!("x{i}"), ty))
        .collect();
    let results = b.inline(cond, &inputs[..cond.inputs.len()]);
    for (output, v) in cond.outputs.iter().zip(results) {
        b.output(&output.name, v);
    }
    *cond = b.finish();
}

/// A call is replaced by what it calls.
pub fn call(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    inline(cx, node.text("callee")?, node.place, x)
}

/// The results of a function.
pub fn inline(cx: &mut Cx, name: &str, place: Place, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let module = cx.module;
    let index = module
        .func(name)
        .ok_or_else(|| format!("there is no function {name}"))?;
    if cx.calls.contains(&index) {
        return Err(format!("function {name} calls itself").into());
    }
    limits::depth(place, cx.depth)?;
    let region = &module.funcs[index].body;
    check_args(cx, name, region, x)?;
    let env = region.args.iter().copied().zip(x.iter().cloned()).collect();
    let outer = std::mem::replace(&mut cx.env, env);
    cx.calls.push(index);
    cx.depth += 1;
    let scope = cx.b.enter(name);
    let results = cx.nodes(&region.nodes);
    cx.b.leave(scope);
    cx.depth -= 1;
    cx.calls.pop();
    cx.env = outer;
    Ok(results?)
}

fn check_args(cx: &Cx, name: &str, region: &Region, x: &[Val]) -> Result<(), Fault> {
    if region.args.len() != x.len() {
        let (expected, found) = (region.args.len(), x.len());
        return Err(format!("{name} takes {expected} arguments, found {found}").into());
    }
    for (&id, val) in region.args.iter().zip(x) {
        cx.declared(cx.module.ty(id), val)?;
    }
    Ok(())
}

/// A region that is part of the computation around it.
pub fn body(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let region = node.region(0)?;
    limits::depth(node.place, cx.depth)?;
    check_args(cx, "the region", region, x)?;
    cx.env
        .extend(region.args.iter().copied().zip(x.iter().cloned()));
    cx.depth += 1;
    let results = cx.nodes(&region.nodes);
    cx.depth -= 1;
    Ok(results?)
}

pub fn r#while(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let (cond, body) = (node.region(0)?, node.region(1)?);
    let captures = cx.captures(&[cond, body]);
    let (captured, _) = cx.captured(&captures)?;
    let forms: Vec<Form> = x.iter().map(|v| cx.form(v)).collect();
    if cx.effect_of(&[cond]).is_some() {
        return Err("its condition calls Python with an effect".into());
    }
    let effect = cx.effect_of(&[body]);
    let mut cond = cx.graph("cond", cond, &forms, &captures, None)?;
    let mut body = cx.graph("body", body, &forms, &captures, effect)?;
    // What is captured goes round unchanged.
    let carries: usize = forms.iter().map(|f| f.flat().len()).sum();
    let happened = effect.and_then(|_| body.outputs.pop());
    let captures = body.inputs.len() - usize::from(happened.is_some());
    for i in carries..captures {
        let value = body.inputs[i].value;
        body.outputs.push(craneflow_ir::graph::Output {
            name: format!("y{i}"),
            value,
        });
    }
    let mut operands: Vec<Value> = x.iter().chain(&captured).flat_map(Val::flat).collect();
    if let Some(happened) = happened {
        body.outputs.push(happened);
        operands.extend(effect);
        ignore(&mut cond, &body);
    }
    let sums = match effect {
        None => sums::take_out(cx, &mut cond, &mut body, &mut operands)?,
        Some(_) => vec![],
    };
    let op = While {
        cond: Box::new(cond),
        body: Box::new(body),
    };
    let mut results = cx.b.push(op, &operands)?;
    if effect.is_some() {
        cx.effect = results.pop();
    }
    sums::add(cx, &sums, &mut results)?;
    Ok(vals(&forms, results))
}

/// The values of these forms made up of the first of `flat`.
fn vals(forms: &[Form], flat: Vec<Value>) -> Vec<Val> {
    let mut flat = flat.into_iter();
    forms.iter().map(|f| f.val(&mut flat)).collect()
}

fn results(cx: &Cx, node: &Node) -> Result<Vec<Form>, Fault> {
    node.results
        .iter()
        .map(|&id| Form::of(cx.module.ty(id)))
        .collect()
}

pub fn case(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [index] = exactly(x)?;
    let index = index.real()?;
    let regions: Vec<&Region> = node.regions.iter().collect();
    branches(cx, node, index, &regions)
}

/// `if` is a case of 0 and 1 whose first branch is that of false.
pub fn r#if(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [pred] = exactly(x)?;
    let pred = pred.real()?;
    let index = cx.b.convert(pred, DType::I32);
    let regions = [node.region(1)?, node.region(0)?];
    branches(cx, node, index, &regions)
}

fn branches(
    cx: &mut Cx,
    node: &Node,
    index: Value,
    regions: &[&Region],
) -> Result<Vec<Val>, Fault> {
    let captures: Captures = cx.captures(regions);
    let (captured, _) = cx.captured(&captures)?;
    let effect = cx.effect_of(regions);
    let mut branches = vec![];
    for (i, region) in regions.iter().enumerate() {
        branches.push(cx.graph(&format!("branch{i}"), region, &[], &captures, effect)?);
    }
    let mut operands = vec![index];
    operands.extend(captured.iter().flat_map(Val::flat));
    operands.extend(effect);
    let forms = results(cx, node)?;
    let mut flat = cx.b.push(Case { branches }, &operands)?;
    if effect.is_some() {
        cx.effect = flat.pop();
    }
    if flat.len() != forms.iter().map(|f| f.flat().len()).sum::<usize>() {
        return Err("its branches do not return what it declares".into());
    }
    Ok(vals(&forms, flat))
}

pub fn tuple(_: &mut Cx, _: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    Ok(vec![Val::Tuple(x.to_vec())])
}

pub fn get_tuple_element(_: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [tuple] = exactly(x)?;
    let index = node.size("index")?;
    match tuple {
        Val::Tuple(parts) if index < parts.len() => Ok(vec![parts[index].clone()]),
        _ => Err(format!("its operand has no part {index}").into()),
    }
}

/// A composite is known by its name, or is what its decomposition computes.
pub fn composite(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let name = node.text("name")?;
    if let Some(found) = super::chlo::composite(cx, name, node, x)? {
        return Ok(found);
    }
    match node.attr("decomposition").and_then(Attr::text) {
        Some(function) => inline(cx, function, node.place, x),
        None => super::chlo::expanded(cx, name, node, x),
    }
}

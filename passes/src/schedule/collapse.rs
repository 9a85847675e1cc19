//! Merges perfectly nested loops whose addresses run on as if they were one, the grid included.

use super::affine::{constant, of_loop};
use super::depend::independent;
use super::rebuild::{Pass, Rebuild};
use super::scan::addresses;
use craneflow_ir::loops::*;

/// Merges loops.
pub(super) fn collapse(k: &mut Kernel) {
    if !nested(&k.body) && !around_loop(&k.body) && !nested(&k.epilogue) && !nested(&k.prologue) {
        return;
    }
    let mut r = Rebuild::new(std::mem::take(k));
    let (prologue, body, epilogue) = r.parts();
    r.block(&mut Collapse, &prologue);
    r.section(&body, |r| grid(r, &body));
    r.new.body = r.take();
    r.section(&epilogue, |r| {
        r.after(&body);
        r.block(&mut Collapse, &epilogue)
    });
    r.new.epilogue = r.take();
    *k = r.finish();
}

fn around_loop(stmts: &[Stmt]) -> bool {
    matches!(stmts, [Stmt::For(..)])
}

/// Whether a loop holds nothing but another.
fn nested(stmts: &[Stmt]) -> bool {
    stmts.iter().any(|s| match s {
        Stmt::For(_, body) => around_loop(body) || nested(body),
        Stmt::If(_, a, b) => nested(a) || nested(b),
        _ => false,
    })
}

struct Collapse;

impl Pass for Collapse {
    fn for_loop(&mut self, r: &mut Rebuild, l: Loop, body: &[Stmt]) {
        let (chain, inner) = perfect(vec![l], body);
        emit(r, &groups(&r.old, &chain, inner), inner);
    }
}

/// The grid is independent, so it merges only with loops that are.
fn grid(r: &mut Rebuild, body: &[Stmt]) {
    let (chain, inner) = perfect(vec![GRID], body);
    let groups = groups(&r.old, &chain, inner);
    let (first, rest) = groups.split_first().expect("the grid");
    if first.loops.len() > 1 && first.kind == LoopKind::Lanes {
        r.new.loops[0].extent = first.extent;
        map(r, first, of_loop(GRID, 1, 0));
        emit(r, rest, inner);
    } else {
        r.block(&mut Collapse, body);
    }
}

fn perfect(mut chain: Vec<Loop>, mut body: &[Stmt]) -> (Vec<Loop>, &[Stmt]) {
    while let [Stmt::For(l, inner)] = body {
        chain.push(*l);
        body = inner;
    }
    (chain, body)
}

/// Loops that become one, outermost first.
struct Group {
    loops: Vec<Loop>,
    extent: usize,
    kind: LoopKind,
}

fn groups(k: &Kernel, chain: &[Loop], inner: &[Stmt]) -> Vec<Group> {
    let addresses = addresses(k, inner);
    let def = |l: Loop| &k.loops[l.0 as usize];
    let mut groups: Vec<Group> = vec![];
    for &l in chain.iter().rev() {
        if let Some(g) = groups.last_mut() {
            let unit = *g.loops.last().expect("a loop");
            let runs_on = |a: &Affine| a.coefficient(l) == a.coefficient(unit) * g.extent as i64;
            if def(l).extent == 1 || addresses.iter().all(|a| runs_on(a.1)) {
                let mut loops = vec![l];
                loops.extend(&g.loops);
                let kind = merged_kind(k, &loops, g.kind, inner);
                if kind == LoopKind::Lanes || g.kind == def(l).kind {
                    g.loops = loops;
                    g.extent *= def(l).extent;
                    g.kind = kind;
                    continue;
                }
            }
        }
        groups.push(Group {
            loops: vec![l],
            extent: def(l).extent,
            kind: def(l).kind,
        });
    }
    groups.reverse();
    groups
}

/// The grid counts as independent by its nature.
fn merged_kind(k: &Kernel, loops: &[Loop], inner: LoopKind, stmts: &[Stmt]) -> LoopKind {
    let outer = loops[0];
    let free = outer == GRID || k.loops[outer.0 as usize].kind == LoopKind::Lanes;
    let alone = k.loops[outer.0 as usize].extent == 1;
    if (inner == LoopKind::Lanes && (free || alone)) || independent(k, loops, stmts) {
        LoopKind::Lanes
    } else {
        LoopKind::Serial
    }
}

fn map(r: &mut Rebuild, g: &Group, index: craneflow_ir::loops::Affine) {
    let (last, rest) = g.loops.split_last().expect("a loop");
    rest.iter()
        .for_each(|l| r.loops[l.0 as usize] = Some(constant(0)));
    r.loops[last.0 as usize] = Some(index);
}

fn emit(r: &mut Rebuild, groups: &[Group], inner: &[Stmt]) {
    let Some((first, rest)) = groups.split_first() else {
        return r.block(&mut Collapse, inner);
    };
    r.each(first.extent, first.kind, inner, |r, index| {
        map(r, first, index);
        emit(r, rest, inner);
    });
}

//! Unrolls loops that ask for it.

use super::affine::constant;
use super::rebuild::{Pass, Rebuild};
use craneflow_ir::loops::*;

/// Greatest number of statements that unrolling one loop may make.
const LIMIT: usize = 4096;

/// Replaces `Unroll` loops by copies of their bodies.
pub(super) struct Unroll;

impl Pass for Unroll {
    fn for_loop(&mut self, r: &mut Rebuild, l: Loop, body: &[Stmt]) {
        let LoopDef { extent, kind } = r.old.loops[l.0 as usize];
        if kind != LoopKind::Unroll || extent.saturating_mul(size(&r.old, body)) > LIMIT {
            return r.copy_loop(self, l, body);
        }
        for i in 0..extent {
            r.loops[l.0 as usize] = Some(constant(i as i64));
            r.fresh_registers(body);
            r.block(self, body);
        }
    }
}

/// Number of statements, those of unrolled loops counted as often as they will be copied.
pub(super) fn size(k: &Kernel, stmts: &[Stmt]) -> usize {
    let of = |s: &Stmt| match s {
        Stmt::For(l, body) => match &k.loops[l.0 as usize] {
            def if def.kind == LoopKind::Unroll => def.extent.saturating_mul(size(k, body)),
            _ => size(k, body) + 1,
        },
        Stmt::If(_, a, b) => size(k, a) + size(k, b) + 1,
        _ => 1,
    };
    stmts.iter().map(of).fold(0, usize::saturating_add)
}

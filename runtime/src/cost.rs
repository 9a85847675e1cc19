//! How long kernels take, estimated from their loops, and which are worth sharing between threads.

use craneflow_ir::Native;
use craneflow_ir::loops::{Access, Inst, Kernel, Mem, Stmt, Val};

/// Picoseconds of a simple instruction, where several run at once.
const SIMPLE: u64 = 100;
/// Picoseconds of a division or a square root.
const DIVISION: u64 = 1500;
/// Picoseconds for a byte of a buffer that comes from a cache that a core has for itself.
const BYTE: u64 = 15;

/// A kernel is shared above this many picoseconds while the workers are awake: what they save is then
/// more than handing over costs, and than moving the data between the cores.
const AWAKE: u64 = 4_000_000;
/// The same where the workers have gone to sleep: then a system call wakes each.
const ASLEEP: u64 = 60_000_000;
/// After so many picoseconds without a shared kernel the workers may be asleep.
const DROWSY: u64 = crate::threads::SPIN.as_nanos() as u64 * 1000;

/// Tells which kernels of a program to share, seen in the order in which they run.
#[derive(Default)]
pub(crate) struct Sharing {
    /// Picoseconds since the last shared kernel.
    alone: u64,
}

impl Sharing {
    /// Whether threads should share the next kernel: its grid items take this many picoseconds on one.
    pub(crate) fn pays(&mut self, grid: usize, time: u64) -> bool {
        let least = if self.alone < DROWSY { AWAKE } else { ASLEEP };
        let pays = grid > 1 && time > least;
        self.alone = if pays {
            0
        } else {
            self.alone.saturating_add(time)
        };
        pays
    }
}

/// Estimated time of a kernel on one thread in picoseconds: instructions or memory, whichever takes longer.
pub(crate) fn picoseconds(k: &Kernel) -> u64 {
    let once = block(k, &k.prologue).saturating_add(block(k, &k.epilogue));
    let items = (k.grid() as u64).saturating_mul(block(k, &k.body));
    items.saturating_add(once).max(memory(k))
}

/// Time to bring the buffers in: all of each, where the kernel has a load or a store for as many bytes.
fn memory(k: &Kernel) -> u64 {
    let moved = k.params.iter().enumerate().map(|(i, p)| {
        let whole = (p.len * p.dtype.size()) as u64;
        let mem = Mem::Param(i as u32);
        let items = (k.grid() as u64).saturating_mul(touched(k, mem, &k.body));
        let used = items.saturating_add(touched(k, mem, &k.epilogue));
        let times = if p.access == Access::ReadWrite { 2 } else { 1 };
        whole.min(used).saturating_mul(times)
    });
    moved.fold(0u64, u64::saturating_add).saturating_mul(BYTE)
}

/// Bytes that a block loads from and stores to a buffer.
fn touched(k: &Kernel, mem: Mem, stmts: &[Stmt]) -> u64 {
    let size = k.mem_dtype(mem).size() as u64;
    let bytes = |v: Val| size * lanes(k, v);
    sum(k, stmts, &|s| match s {
        Stmt::Let(v) => match &k.val(*v).inst {
            Inst::Load(m, _) | Inst::Gather(m, ..) if *m == mem => bytes(*v),
            _ => 0,
        },
        Stmt::Store(m, _, v) if *m == mem => bytes(*v),
        _ => 0,
    })
}

fn lanes(k: &Kernel, v: Val) -> u64 {
    if k.val(v).vector { k.lanes as u64 } else { 1 }
}

/// Time of the instructions of a block.
fn block(k: &Kernel, stmts: &[Stmt]) -> u64 {
    sum(k, stmts, &|s| match s {
        Stmt::Let(v) => match &k.val(*v).inst {
            Inst::Const(_) | Inst::Get(_) => 0,
            Inst::Native(Native::Div | Native::Rem | Native::Sqrt, _) => DIVISION,
            Inst::Gather(..) => SIMPLE * lanes(k, *v),
            _ => SIMPLE,
        },
        Stmt::Store(..) => SIMPLE,
        _ => 0,
    })
}

/// The sum of `of` over the statements of a block as often as they run; of two branches the larger.
fn sum(k: &Kernel, stmts: &[Stmt], of: &dyn Fn(&Stmt) -> u64) -> u64 {
    let each = |s: &Stmt| match s {
        Stmt::For(l, body) => {
            let turns = k.loops[l.0 as usize].extent as u64;
            turns.saturating_mul(sum(k, body, of))
        }
        Stmt::If(_, a, b) => sum(k, a, of).max(sum(k, b, of)),
        other => of(other),
    };
    stmts.iter().map(each).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use craneflow_ir::DType;
    use craneflow_ir::loops::build::KernelBuilder;

    /// Twice the elements of a buffer, item by item.
    fn double(n: usize) -> Kernel {
        let mut k = KernelBuilder::new("double", n);
        let x = k.param(DType::F32, n, Access::Read);
        let y = k.param(DType::F32, n, Access::Write);
        let at = k.grid();
        let v = k.load(x, &at);
        let sum = craneflow_ir::Emit::native(&mut k, Native::Add, &[v, v]);
        k.store(y, &at, sum);
        k.finish()
    }

    #[test]
    fn long_kernels_are_shared_and_short_ones_are_not() {
        let mut sharing = Sharing::default();
        assert!(!sharing.pays(2, picoseconds(&double(100))));
        assert!(sharing.pays(2, picoseconds(&double(1 << 16))));
        assert!(!sharing.pays(1, picoseconds(&double(1 << 16))));
    }

    #[test]
    fn workers_that_sleep_are_woken_for_long_kernels_only() {
        let [middling, long] = [1 << 16, 1 << 20].map(|n| picoseconds(&double(n)));
        let mut sharing = Sharing { alone: DROWSY };
        assert!(!sharing.pays(2, middling));
        assert!(sharing.pays(2, long));
        assert!(sharing.pays(2, middling));
    }

    #[test]
    fn a_kernel_that_gathers_a_little_of_much_is_short() {
        let mut k = KernelBuilder::new("first", 4);
        let x = k.param(DType::F32, 1 << 24, Access::Read);
        let y = k.param(DType::F32, 4, Access::Write);
        let at = k.grid();
        let v = k.load(x, &at);
        k.store(y, &at, v);
        assert!(!Sharing::default().pays(4, picoseconds(&k.finish())));
    }
}

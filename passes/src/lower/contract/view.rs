//! A contraction as a product of matrices with affine addresses.

use super::blocking::Blocking;
use super::edge::Edge;
use super::flat::Flat;
use craneflow_ir::loops::Buf;
use craneflow_ir::loops::index::Index;
use craneflow_ir::ops::convolution::Contracted;
use craneflow_ir::ops::{Convolution, DotGeneral};
use craneflow_ir::{DType, Type};

/// Longest innermost axis of a window with an edge: a block of k holds all of it.
const LONGEST: usize = 256;

/// Bytes of L1, as most processors have it.
const L1: usize = 32 << 10;
/// Rows from which on laying B out in whole tiles pays, where its rows end within one.
const MANY: usize = 1024;

/// Elements of B from which on laying it out takes its time from memory, and rows up to which they are laid out instead.
const LARGE: usize = 1 << 18;
const FEW: usize = 64;

/// `C[b, m, n] = sum over k of A[b, m, k] * B[b, n, k]`.
#[derive(Clone, Debug)]
pub struct View {
    /// Element type of A, B and C.
    pub dtype: DType,
    /// Batch index.
    pub batch: Flat,
    /// Rows: free axes of A.
    pub m: Flat,
    /// Columns: free axes of B.
    pub n: Flat,
    /// Contracted axes, in the order of accumulation.
    pub k: Flat,
    /// Addresses of element 0 (a reversed kernel starts at its end).
    base: [i64; 2],
    /// Elements of the operands' buffers.
    lens: [usize; 2],
    rank: usize,
    /// The axis of the result along which neighbouring rows have the same window, where windows have edges.
    along: Option<usize>,
    /// Panel width when B was packed: `[b][n / width][k][width]`.
    panel: Option<usize>,
}

impl View {
    fn empty(types: &[Type], result: &Type) -> View {
        View {
            dtype: result.dtype,
            batch: Flat::default(),
            m: Flat::default(),
            n: Flat::default(),
            k: Flat::default(),
            base: [0, 0],
            lens: [types[0].count(), types[1].count()],
            rank: result.rank(),
            along: None,
            panel: None,
        }
    }

    /// A `dot_general`.
    pub fn of_dot(d: &DotGeneral, types: &[Type], result: &Type) -> Option<View> {
        let mut v = View::empty(types, result);
        let strides = |t: &Type| {
            t.shape
                .strides()
                .iter()
                .map(|&s| s as i64)
                .collect::<Vec<_>>()
        };
        let (ls, rs) = (strides(&types[0]), strides(&types[1]));
        let mut out = 0..;
        let mut next = || (out.next().expect("endless"), 1);
        for (&l, &r) in d.lhs_batch.iter().zip(&d.rhs_batch) {
            v.batch.push(types[0].shape[l], ls[l], rs[r], next());
        }
        for l in d.lhs_free(types[0].rank()) {
            v.m.push(types[0].shape[l], ls[l], 0, next());
        }
        for r in d.rhs_free(types[1].rank()) {
            v.n.push(types[1].shape[r], 0, rs[r], next());
        }
        for (&l, &r) in d.lhs_contract.iter().zip(&d.rhs_contract) {
            v.k.push(types[0].shape[l], ls[l], rs[r], (0, 0));
        }
        Some(v)
    }

    /// A `convolution` whose input has no holes. Where a window leaves the input, the rows of a register tile must leave it together, see `leaves_out_padding`.
    pub fn of_convolution(c: &Convolution, types: &[Type], result: &Type) -> Option<View> {
        let v = View::of_windows(c, types, result)?;
        if v.is_channelwise() {
            return None;
        }
        (v.along.is_none() || v.leaves_out_padding()).then_some(v)
    }

    /// A `convolution` of each channel by itself, without padding, where channels are dense in both operands and the
    /// result.
    pub fn of_channels(c: &Convolution, types: &[Type], result: &Type) -> Option<View> {
        let v = View::of_windows(c, types, result)?;
        let dense = v.batch.a == [1] && v.batch.b == [1];
        (v.is_channelwise() && dense && v.along.is_none()).then_some(v)
    }

    /// Whether each channel of the minor axis has a kernel of its own (a depthwise convolution): there is no
    /// product of matrices in it, and vectors of channels need none.
    fn is_channelwise(&self) -> bool {
        let minor = self.batch.out.last().is_some_and(|o| o.0 + 1 == self.rank);
        minor && self.n.count() == 1
    }

    /// Whether products with the padding can be left out: neighbouring rows are the same window in several
    /// images (or in several channels, for the gradient of a kernel), which a register tile takes together.
    /// A function of the shapes alone, like all that decides which products there are.
    fn leaves_out_padding(&self) -> bool {
        let shared = self.shared().unwrap_or(1);
        let long = self.k.extents.last().is_some_and(|&e| e > LONGEST);
        let innermost = self.k.last_edge().map(|i| i + 1) == Some(self.k.extents.len());
        shared.is_multiple_of(4) && !self.prefers_swap(1) && !(innermost && long)
    }

    /// Extent of the axis along which rows share their window.
    pub fn shared(&self) -> Option<usize> {
        let along = self.along?;
        let axes = self.m.out.iter().zip(&self.m.extents);
        let of = axes.filter(|(out, _)| out.0 == along);
        Some(of.map(|(_, extent)| extent).product())
    }

    fn of_windows(c: &Convolution, types: &[Type], result: &Type) -> Option<View> {
        let w = c.window_of(&types[1]);
        if w.base_dilation.iter().any(|&d| d > 1) {
            return None;
        }
        let mut v = View::empty(types, result);
        let d = &c.dims;
        let (input, kernel) = (&types[0], &types[1]);
        let (ls, rs) = (input.shape.strides(), kernel.shape.strides());
        let (l, r) = (|axis: usize| ls[axis] as i64, |axis: usize| rs[axis] as i64);
        // Groups are of features or of images, not of both.
        let groups = c.feature_groups * c.batch_groups;
        let per_group = kernel.shape[d.kernel_output] / groups;
        let taken = kernel.shape[d.kernel_input];
        if groups > 1 {
            let a = match c.batch_groups {
                1 => l(d.input_feature) * taken as i64,
                _ => l(d.input_batch) * result.shape[d.output_batch] as i64,
            };
            let b = r(d.kernel_output) * per_group as i64;
            v.batch.push(groups, a, b, (d.output_feature, per_group));
        }
        v.m.push(
            result.shape[d.output_batch],
            l(d.input_batch),
            0,
            (d.output_batch, 1),
        );
        let mut contracted = vec![];
        for (i, &axis) in d.input_spatial.iter().enumerate() {
            let out = d.output_spatial[i];
            v.base[0] -= l(axis) * w.padding[i].0;
            v.m.push(result.shape[out], l(axis) * w.stride[i] as i64, 0, (out, 1));
            let kernel_axis = d.kernel_spatial[i];
            let step = r(kernel_axis) * if c.reversal[i] { -1 } else { 1 };
            if c.reversal[i] {
                v.base[1] += r(kernel_axis) * (w.size[i] as i64 - 1);
            }
            let edge = Edge {
                out,
                stride: w.stride[i] as i64,
                dilation: w.window_dilation[i] as i64,
                low: w.padding[i].0,
                extent: input.shape[axis] as i64,
                inside: (0, 0),
            };
            let edge = Edge::of(edge, result.shape[out], w.size[i]);
            contracted.push((w.size[i], l(axis) * w.window_dilation[i] as i64, step, edge));
        }
        v.n.push(per_group, 0, r(d.kernel_output), (d.output_feature, 1));
        for axis in c.order() {
            let (extent, a, b, edge) = match axis {
                Contracted::Window(i) => contracted[i],
                Contracted::Feature => (taken, l(d.input_feature), r(d.kernel_input), None),
            };
            v.k.push(extent, a, b, (0, 0));
            v.k.edges[v.k.extents.len() - 1] = edge;
        }
        if v.k.last_edge().is_some() {
            v.along = Some(d.output_batch);
        }
        Some(v)
    }

    /// Multiply-adds.
    pub fn work(&self) -> usize {
        self.batch.count() * self.m.count() * self.n.count() * self.k.count()
    }

    /// Whether rows make better vectors than columns: the columns are too few.
    pub fn prefers_swap(&self, turns: usize) -> bool {
        let minor = |f: &Flat| f.out.iter().any(|o| o.0 + 1 == self.rank);
        let (m, n) = (self.m.count(), self.n.count());
        if n < 4 {
            // Rows that lie along k are summed up by scalars, as they lie.
            return m > n && self.k.a.last() != Some(&1);
        }
        // Rows that are few are laid out, and stored across, in less time than columns that do not follow each other, unless
        // these are laid out once for many turns.
        let large = n * self.k.count() >= LARGE;
        let scattered = self.n.stride(&self.n.b) != Some(1) && self.along.is_none();
        let few = scattered && turns == 1 && (m < 4 || large && m <= FEW);
        few || minor(&self.m) && !minor(&self.n) && m >= 8
    }

    /// Brings rows and columns into the order of memory, and joins axes of k that lie densely.
    pub fn settle(&mut self) {
        self.m.sort(|m| &m.a);
        self.n.sort(|n| &n.b);
        self.k.merge();
    }

    /// Lets `rows` neighbouring rows share their window. They are neighbours already where they lie closer
    /// together than the elements of a window, as channels do; images are taken `rows` at a time.
    pub fn interleave(&mut self, rows: usize) {
        let Some(along) = self.along else { return };
        let m = &mut self.m;
        let Some(axis) = m.out.iter().position(|o| o.0 == along) else {
            return;
        };
        if axis + 1 == m.extents.len() {
            return;
        }
        let step = m.a[axis];
        m.extents[axis] /= rows;
        m.a[axis] *= rows as i64;
        m.out[axis].1 *= rows;
        m.push(rows, step, 0, (along, 1));
    }

    /// Whether position `k` of a window of row `m` is on an element of the input, along an axis of k that
    /// has an edge; in an address that is negative or too large where it is not.
    pub fn position(&self, edge: &Edge, axis: usize, m: &Index, k: &Index) -> (Index, i64) {
        let rows = m.unravel(&self.m.extents);
        let mut at = Index::constant(-edge.low);
        for (part, &(out, step)) in rows.iter().zip(&self.m.out) {
            if out == edge.out {
                at = at.add(&part.mul(step as i64 * edge.stride));
            }
        }
        let window = &k.unravel(&self.k.extents)[axis];
        (at.add(&window.mul(edge.dilation)), edge.extent)
    }

    /// Exchanges A and B: products commute exactly.
    pub fn swap(&mut self) {
        std::mem::swap(&mut self.m, &mut self.n);
        self.base.swap(0, 1);
        self.lens.swap(0, 1);
        for flat in [&mut self.batch, &mut self.m, &mut self.n, &mut self.k] {
            std::mem::swap(&mut flat.a, &mut flat.b);
        }
    }

    /// Whether B was laid out anew, in panels that end with zeros.
    pub fn is_packed(&self) -> bool {
        self.panel.is_some()
    }

    /// Whether B must be laid out anew: its columns are not consecutive, do not fill a tile, or lie so far apart
    /// that the rows of a panel would displace each other in the cache. It is used as it is in so many turns of a loop.
    pub fn needs_pack(&self, blocking: &Blocking, turns: usize) -> bool {
        let (m, n) = (self.m.count(), self.n.count());
        if blocking.lanes == 1 && n < 4 {
            return false;
        }
        let uses = m.saturating_mul(turns);
        let consecutive = self.n.stride(&self.n.b) == Some(1);
        let (row, depth) = (n * self.dtype.size(), self.k.count());
        let scattered =
            blocking.whole && row >= 512 && depth >= 64 && row * depth > L1 && uses >= 512;
        // Loads of whole tiles from B as it is lie across lines.
        let uneven = !n.is_multiple_of(blocking.width) && m >= MANY;
        !consecutive || n < blocking.width || scattered || uneven
    }

    /// B is now packed in panels.
    pub fn packed(&mut self, blocking: &Blocking) {
        self.panel = Some(blocking.width);
        let panels = self.n.count().div_ceil(blocking.width);
        self.lens[1] = self.batch.count() * panels * self.k.count() * blocking.width;
        // Panels are as deep as k, in its order.
        let mut step = blocking.width as i64;
        for (extent, b) in self.k.extents.iter().zip(&mut self.k.b).rev() {
            *b = step;
            step *= *extent as i64;
        }
        self.k.merge();
    }

    /// The step in B of an axis of k.
    pub fn b_step(&self, axis: usize) -> Option<i64> {
        self.k.b.get(axis).copied()
    }

    /// Elements between neighbouring columns of B, where that is the same everywhere.
    pub fn n_step(&self) -> Option<usize> {
        let step = self.n.stride(&self.n.b)?;
        usize::try_from(step.unsigned_abs()).ok()
    }

    /// Address of an element of A.
    pub fn a_at(&self, batch: &Index, m: &Index, k: &Index) -> Index {
        let sum = self
            .batch
            .address(batch, &self.batch.a)
            .add(&self.m.address(m, &self.m.a));
        sum.add(&self.k.address(k, &self.k.a)).plus(self.base[0])
    }

    /// Address of an element of B.
    pub fn b_at(&self, batch: &Index, n: &Index, k: &Index) -> Index {
        if let Some(width) = self.panel {
            let (width, depth) = (width as i64, self.k.count() as i64);
            let panels = (self.n.count() as i64).div_euclid(width)
                + (self.n.count() as i64 % width != 0) as i64;
            let panel = batch.mul(panels).add(&n.div(width));
            return panel.mul(depth).add(k).mul(width).add(&n.rem(width));
        }
        let sum = self
            .batch
            .address(batch, &self.batch.b)
            .add(&self.n.address(n, &self.n.b));
        sum.add(&self.k.address(k, &self.k.b)).plus(self.base[1])
    }

    /// The multi-index of an element of the result.
    pub fn out_at(&self, batch: &Index, m: &Index, n: &Index) -> Vec<Index> {
        let mut at = vec![Index::default(); self.rank];
        for (flat, index) in [(&self.batch, batch), (&self.m, m), (&self.n, n)] {
            for (part, &(axis, step)) in index.unravel(&flat.extents).iter().zip(&flat.out) {
                at[axis] = at[axis].add(&part.mul(step as i64));
            }
        }
        at
    }

    /// Elements of the buffer of operand `i` (0: A, 1: B).
    pub fn len_of(&self, _buf: Buf, i: usize) -> usize {
        self.lens[i]
    }
}

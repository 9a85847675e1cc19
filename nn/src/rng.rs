//! The host's random numbers: shuffling, splitting, initial weights.
//!
//! The generator is Philox4x32-10: counter-based, so a draw is a pure function of seed, stream and
//! position, and a run that is resumed at a position draws what an unbroken one would have.
//! Every result has the same bits on every machine: only integer operations and the IEEE-exact
//! `+ - * / sqrt` of `f64` are used, and logarithm and cosine are polynomials written out here.

use std::array::from_fn;
use std::f64::consts::{LN_2, SQRT_2, TAU};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// A stream of random numbers.
///
/// ```
/// use craneflow_nn::rng::Rng;
/// let mut rng = Rng::new(7);
/// let order = rng.permutation(3);
/// assert_eq!(order.len(), 3);
/// assert_eq!(Rng::new(7).permutation(3), order);
/// ```
#[derive(Clone, Debug)]
pub struct Rng {
    key: [u32; 2],
    stream: u64,
    position: u64,
    block: [u32; 4],
}

impl Rng {
    /// The stream 0 of `seed`.
    pub fn new(seed: u64) -> Rng {
        Rng::stream(seed, 0)
    }

    /// One of the 2^64 independent streams of `seed`: one per layer, per epoch and so on.
    pub fn stream(seed: u64, stream: u64) -> Rng {
        Rng {
            key: [seed as u32, (seed >> 32) as u32],
            stream,
            position: 0,
            block: [0; 4],
        }
    }

    /// How many 32-bit words were drawn so far; what [`Rng::seek`] takes.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Continues from `position`, in 32-bit words from the start of the stream.
    pub fn seek(&mut self, position: u64) {
        self.position = position;
        if !position.is_multiple_of(4) {
            self.refill();
        }
    }

    /// Uniform over all 32-bit words.
    pub fn next_u32(&mut self) -> u32 {
        let lane = (self.position % 4) as usize;
        if lane == 0 {
            self.refill();
        }
        self.position += 1;
        self.block[lane]
    }

    /// Uniform over all 64-bit words: two 32-bit draws, the low half first.
    pub fn next_u64(&mut self) -> u64 {
        let low = u64::from(self.next_u32());
        low | u64::from(self.next_u32()) << 32
    }

    /// Uniform in `0..bound`, without bias. `bound` must not be zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "Rng::below needs a bound above zero");
        // The largest multiple of `bound` that fits 64 bits; draws past it would favour small results.
        let end = u64::MAX - (u64::MAX % bound + 1) % bound;
        loop {
            let draw = self.next_u64();
            if draw <= end {
                return draw % bound;
            }
        }
    }

    /// Uniform in `[0, 1)`, a multiple of 2^-24.
    pub fn uniform(&mut self) -> f32 {
        (self.next_u32() >> 8) as f32 * (1.0 / (1 << 24) as f32)
    }

    /// Uniform in `[low, high]`; rounding may give `high` itself.
    pub fn uniform_in(&mut self, low: f32, high: f32) -> f32 {
        let unit = f64::from(self.next_u32()) * (1.0 / 4_294_967_296.0);
        (f64::from(low) + (f64::from(high) - f64::from(low)) * unit) as f32
    }

    /// Normal with mean 0 and standard deviation 1, by Box and Muller's transform of two 32-bit
    /// draws; the magnitude is at most 6.67.
    pub fn normal(&mut self) -> f32 {
        let words = [[self.next_u32(), self.next_u32()]];
        box_muller(words)[0]
    }

    /// The next `n` draws of [`Rng::normal`]. Many are drawn by several threads; what is drawn is the same.
    pub fn normals(&mut self, n: usize) -> Vec<f32> {
        /// Draws that are worth a thread, a fifth of a millisecond.
        const SHARE: usize = 1 << 14;
        /// Draws that are computed together: each is a chain of divisions.
        const LANES: usize = 8;
        let mut drawn = vec![0.0; n];
        let parts = Mutex::new(drawn.chunks_mut(SHARE).enumerate());
        let next = || parts.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || {
            while let Some((part, values)) = next() {
                let mut rng = self.clone();
                rng.seek(self.position + 2 * (part * SHARE) as u64);
                let (blocks, rest) = values.as_chunks_mut();
                for block in blocks {
                    let words: [_; LANES] = from_fn(|_| [rng.next_u32(), rng.next_u32()]);
                    *block = box_muller(words);
                }
                rest.iter_mut().for_each(|x| *x = rng.normal());
            }
        };
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            for _ in 1..threads.min(n / SHARE) {
                // What a thread that could not be started would have drawn, the others do.
                let _ = thread::Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
        self.seek(self.position + 2 * n as u64);
        drawn
    }

    /// Reorders `items`, every order equally likely.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }

    /// The numbers `0..n` in a random order.
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        self.shuffle(&mut order);
        order
    }

    fn refill(&mut self) {
        let block = self.position / 4;
        let [lo, hi] = [block as u32, (block >> 32) as u32];
        self.block = philox(
            [lo, hi, self.stream as u32, (self.stream >> 32) as u32],
            self.key,
        );
    }
}

/// Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011).
fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let a = u64::from(counter[0]) * 0xD251_1F53;
        let b = u64::from(counter[2]) * 0xCD9E_8D57;
        counter = [
            (b >> 32) as u32 ^ counter[1] ^ key[0],
            b as u32,
            (a >> 32) as u32 ^ counter[3] ^ key[1],
            a as u32,
        ];
        key = [
            key[0].wrapping_add(0x9E37_79B9),
            key[1].wrapping_add(0xBB67_AE85),
        ];
    }
    counter
}

/// Normal numbers, each from a word for the radius and one for the angle.
fn box_muller<const N: usize>(words: [[u32; 2]; N]) -> [f32; N] {
    let radius = words.map(|w| (f64::from(w[0]) + 1.0) * (1.0 / 4_294_967_296.0));
    let (logarithm, cosine) = (ln(radius), cosines(words.map(|w| w[1])));
    from_fn(|i| ((-2.0 * logarithm[i]).sqrt() * cosine[i]) as f32)
}

/// Natural logarithms of normal positive numbers, to about 1e-15 relative.
fn ln<const N: usize>(x: [f64; N]) -> [f64; N] {
    let parts = x.map(|x| {
        let bits = x.to_bits();
        let exponent = (bits >> 52) as i64 - 1023;
        let mantissa = f64::from_bits(bits & 0x000F_FFFF_FFFF_FFFF | 1023 << 52);
        match mantissa > SQRT_2 {
            true => (exponent as f64 + 1.0, mantissa * 0.5),
            false => (exponent as f64, mantissa),
        }
    });
    // ln m = 2 atanh s = 2 (s + s^3/3 + s^5/5 + ...), and |s| < 0.172.
    let s = parts.map(|(_, m)| (m - 1.0) / (m + 1.0));
    let mut series = [0.0; N];
    for k in (0..12).rev() {
        let next = 1.0 / f64::from(2 * k + 1);
        for (sum, s) in series.iter_mut().zip(s) {
            *sum = *sum * (s * s) + next;
        }
    }
    from_fn(|i| parts[i].0 * LN_2 + 2.0 * s[i] * series[i])
}

/// Cosine of `angle` / 2^32 turns, to about 1e-15.
pub(crate) fn cos_turns(angle: u32) -> f64 {
    cosines([angle])[0]
}

/// The same of several angles.
fn cosines<const N: usize>(angles: [u32; N]) -> [f64; N] {
    let quarter = angles.map(|a| a.wrapping_add(1 << 29) >> 30);
    let rest: [f64; N] = from_fn(|i| {
        let rest = angles[i].wrapping_sub(quarter[i] << 30) as i32;
        f64::from(rest) * (TAU / 4_294_967_296.0)
    });
    // Taylor's series of the sine in odd quarters, of the cosine in even ones, for |x| <= pi/4.
    let odd = quarter.map(|q| q & 1 == 1);
    let mut series = [1.0; N];
    for k in (0..9).rev() {
        let divisors = [(2 * k + 1) * (2 * k + 2), (2 * k + 2) * (2 * k + 3)].map(f64::from);
        for i in 0..N {
            let z = rest[i] * rest[i];
            series[i] = 1.0 - series[i] * z / if odd[i] { divisors[1] } else { divisors[0] };
        }
    }
    from_fn(|i| match quarter[i] {
        0 => series[i],
        1 => -(rest[i] * series[i]),
        2 => -series[i],
        _ => rest[i] * series[i],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_published_vectors() {
        assert_eq!(
            philox([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox([!0; 4], [!0; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        let expected = [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1];
        assert_eq!(philox(pi, [0xa409_3822, 0x299f_31d0]), expected);
    }

    #[test]
    fn many_draws_are_those_drawn_one_by_one() {
        for (skipped, n) in [(0, 3), (1, 40_000), (6, 70_001), (3, 0)] {
            let mut rng = Rng::stream(5, 6);
            (0..skipped).for_each(|_| _ = rng.next_u32());
            let mut one_by_one = rng.clone();
            let drawn = rng.normals(n);
            let expected: Vec<f32> = (0..n).map(|_| one_by_one.normal()).collect();
            assert!(drawn == expected, "{n} after {skipped}");
            assert_eq!(rng.next_u32(), one_by_one.next_u32());
        }
    }

    #[test]
    fn polynomials_agree_with_the_library() {
        for i in 0..20_000u32 {
            let word = i.wrapping_mul(214_748) ^ i;
            let x = (f64::from(word) + 1.0) / 4_294_967_296.0;
            assert!(
                (ln([x])[0] - x.ln()).abs() <= 4e-16 * x.ln().abs().max(1.0),
                "ln {x}"
            );
            let turn = f64::from(word) / 4_294_967_296.0 * TAU;
            assert!((cos_turns(word) - turn.cos()).abs() < 2e-15, "cos {turn}");
        }
        assert_eq!(ln([1.0]), [0.0]);
    }

    /// The bits are a promise to users, on every machine.
    #[test]
    fn draws_have_fixed_bits() {
        let mut rng = Rng::stream(42, 3);
        let normals: Vec<u32> = (0..4).map(|_| rng.normal().to_bits()).collect();
        let uniforms: Vec<u32> = (0..2)
            .map(|_| rng.uniform_in(-0.3, 0.7).to_bits())
            .collect();
        assert_eq!(normals, NORMALS);
        assert_eq!(uniforms, UNIFORMS);
        let mut sum = 0u64;
        let mut rng = Rng::new(1);
        for i in 0..100_000u64 {
            sum = sum
                .wrapping_mul(31)
                .wrapping_add(u64::from(rng.normal().to_bits()) ^ i);
        }
        assert_eq!(sum, NORMALS_HASH);
        assert_eq!(Rng::new(0).permutation(8), [2, 6, 0, 7, 1, 4, 3, 5]);
    }

    const NORMALS: [u32; 4] = [3222851934, 3207082355, 1062883379, 1005860890];
    const UNIFORMS: [u32; 2] = [1017880210, 1058586017];
    const NORMALS_HASH: u64 = 5669033204156051873;

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut rng = Rng::new(5);
        let n = 200_000;
        let normal: Vec<f64> = (0..n).map(|_| f64::from(rng.normal())).collect();
        let moment = |p: i32| normal.iter().map(|x| x.powi(p)).sum::<f64>() / f64::from(n);
        assert!(moment(1).abs() < 0.01, "{}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.015, "{}", moment(2));
        assert!(moment(3).abs() < 0.05, "{}", moment(3));
        assert!((moment(4) - 3.0).abs() < 0.1, "{}", moment(4));
        let mean = (0..n).map(|_| f64::from(rng.uniform())).sum::<f64>() / f64::from(n);
        assert!((mean - 0.5).abs() < 0.003, "{mean}");
    }

    #[test]
    fn seek_resumes_a_stream() {
        let mut whole = Rng::new(9);
        let draws: Vec<u32> = (0..11).map(|_| whole.next_u32()).collect();
        for (start, &draw) in (0..).zip(&draws) {
            let mut rng = Rng::new(9);
            rng.seek(start);
            assert_eq!(rng.next_u32(), draw);
            assert_eq!(rng.position(), start + 1);
        }
    }

    #[test]
    fn permutations_hold_every_index_and_bounds_hold() {
        let mut order = Rng::new(3).permutation(1000);
        assert_ne!(order, (0..1000).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
        let mut rng = Rng::new(4);
        let mut counts = [0; 6];
        (0..60_000).for_each(|_| counts[rng.below(6) as usize] += 1);
        assert!(
            counts.iter().all(|&c| (9_600..10_400).contains(&c)),
            "{counts:?}"
        );
        assert!((0..1000).all(|_| (-2.0..=3.0).contains(&rng.uniform_in(-2.0, 3.0))));
        assert_eq!(Rng::new(0).permutation(0), Vec::<usize>::new());
    }
}

"""Lowers programs with JAX to bytecode and text, with inputs and the results of JAX's CPU backend.

    JAX_PLATFORMS=cpu python make_corpus.py corpus.bin.gz [--all] [--only PART_OF_NAME]

Without --all only the cases of the repository's corpus are written. Needs jax, numpy, and for the
training steps flax and optax.

The file is a gzip of cases, each: name, text, bytecode, inputs, outputs. Names, texts and byte strings
have their length in front (u32), lists their count (u32); an array is the name of its element type, its
rank and extents (u32), and its bytes.

The programs are this file's own, so what they lower to is under the repository's licence.
"""

import gzip
import os
import struct
import sys

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax._src.interpreters import mlir
from jax._src.lib.mlir import ir
from jaxlib import _jax

VERSION = "1.10.0"
# Programs name the files they come from: without their folders.
jax.config.update("jax_hlo_source_file_canonicalization_regex", ".*/")
CASES = []


def case(*args, keep=True, x64=False, donate=(), tolerance=None):
    """Registers a function with example arguments."""

    def register(f):
        name = f.__name__.strip("_")
        CASES.append((name, f, args, keep, x64, donate))
        return f

    return register


def add(name, f, *args, keep=True, x64=False):
    CASES.append((name, f, args, keep, x64, ()))


class Text(str):
    """A program as text, for what JAX does not write itself."""


def written(name, body, *args, results, same=None):
    """Registers a program by what its `main` does with `%0`, `%1` and so on; `same` does it in a way that
    JAX's CPU backend can run."""
    kind = lambda x: "tensor<" + "".join(f"{d}x" for d in x.shape) + ELEMENTS[x.dtype.name] + ">"
    kinds = [kind(np.asarray(x)) for x in args]
    inputs = ", ".join(f"%{i}: {k}" for i, k in enumerate(kinds))
    whole = lambda body: f"func.func @main({inputs}) -> ({', '.join(results)}) {{\n{body}\n}}"
    text = Text(whole(body))
    text.same = whole(same or body)
    CASES.append((name, text, args, True, False, ()))


def run_text(code, args):
    """Results of a program on JAX's CPU backend."""
    devices = jax.devices()
    program = devices[0].client.compile_and_load(code, _jax.DeviceList(tuple(devices)), _jax.CompileOptions())
    return [shards[0] for shards in program.execute_sharded(args).disassemble_into_single_device_arrays()]


def lower_text(text):
    """The same program as JAX prints it, and as bytecode."""
    with mlir.make_ir_context():
        module = ir.Module.parse(text)
        return str(module), _jax.mlir.serialize_portable_artifact(module, VERSION)


R = np.random.RandomState(0)


def arr(*shape, dtype=np.float32, scale=1.0):
    if dtype == bool:
        return R.rand(*shape) < 0.5
    kind = np.dtype(dtype).kind
    if kind in "iu":
        low = 0 if kind == "u" else -20
        return np.asarray(R.randint(low, 20, size=shape)).astype(dtype)
    if kind == "c":
        return ((R.randn(*shape) + 1j * R.randn(*shape)) * scale).astype(dtype)
    return np.asarray(R.randn(*shape) * scale).astype(dtype)


def blob(b):
    return struct.pack("<I", len(b)) + b


ELEMENTS = {
    "bool": "i1", "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64",
    "uint8": "ui8", "uint16": "ui16", "uint32": "ui32", "uint64": "ui64",
    "float16": "f16", "bfloat16": "bf16", "float32": "f32", "float64": "f64",
    "complex64": "complex<f32>", "complex128": "complex<f64>",
    "int4": "i4", "uint4": "ui4", "int2": "i2", "uint2": "ui2",
    "float8_e4m3fn": "f8E4M3FN", "float8_e5m2": "f8E5M2", "float8_e4m3": "f8E4M3", "float8_e3m4": "f8E3M4",
    "float8_e4m3fnuz": "f8E4M3FNUZ", "float8_e5m2fnuz": "f8E5M2FNUZ", "float8_e4m3b11fnuz": "f8E4M3B11FNUZ",
    "float8_e8m0fnu": "f8E8M0FNU",
}


def array(x):
    x = np.asarray(x)
    name = ELEMENTS[x.dtype.name]
    if name in ("i2", "i4", "ui2", "ui4"):
        # With the sign in the whole byte.
        x = x.astype(np.int8 if name[0] == "i" else np.uint8)
    out = blob(name.encode()) + struct.pack("<I", x.ndim)
    out += b"".join(struct.pack("<I", d) for d in x.shape)
    return out + blob(np.ascontiguousarray(x).tobytes())


def write(path, everything, only):
    out = []
    for name, f, args, keep, x64, donate in CASES:
        if not (keep or everything) or (only and only not in name):
            continue
        with jax.enable_x64(x64):
            args = jax.tree.map(jnp.asarray, args)
            try:
                inputs = [np.asarray(x) for x in jax.tree.leaves(args)]
                if isinstance(f, Text):
                    text, code = lower_text(f)
                    results = run_text(lower_text(f.same)[1], args)
                else:
                    lowered = jax.jit(f, donate_argnums=donate, keep_unused=True).lower(*args)
                    text = lowered.as_text()
                    code = _jax.mlir.serialize_portable_artifact(lowered.compiler_ir(), VERSION)
                    results = jax.tree.leaves(jax.jit(f, keep_unused=True)(*args))
                results = [np.asarray(x) for x in results]
            except Exception as e:  # noqa: BLE001
                print("left out:", name, type(e).__name__, str(e)[:200], file=sys.stderr)
                continue
        body = blob(name.encode()) + blob(text.encode()) + blob(code)
        for arrays in (inputs, results):
            body += struct.pack("<I", len(arrays)) + b"".join(map(array, arrays))
        out.append(body)
    data = gzip.compress(b"".join(out), 9, mtime=0)
    with open(path, "wb") as file:
        file.write(data)
    print(len(out), "cases,", len(data), "bytes", file=sys.stderr)


# Operations on elements.

UNARY = {
    "abs": jnp.abs, "neg": jnp.negative, "sign": jnp.sign, "exp": jnp.exp, "expm1": jnp.expm1, "log1p": jnp.log1p,
    "tanh": jnp.tanh, "logistic": jax.nn.sigmoid, "sin": jnp.sin, "cos": jnp.cos, "tan": jnp.tan, "erf": lax.erf,
    "floor": jnp.floor, "ceil": jnp.ceil, "round": jnp.round, "cbrt": jnp.cbrt, "isfinite": jnp.isfinite,
    "softplus": jax.nn.softplus, "gelu": jax.nn.gelu, "silu": jax.nn.silu, "square": jnp.square, "erfc": lax.erfc,
    "asinh": jnp.arcsinh, "sinh": jnp.sinh, "cosh": jnp.cosh, "atan": jnp.arctan, "lgamma": lax.lgamma,
    "digamma": lax.digamma, "bessel": lax.bessel_i1e, "i0e": lax.bessel_i0e,
}
for name, f in UNARY.items():
    add("unary_" + name, f, arr(3, 5))
add("unary_positive", lambda x: (jnp.log(x), jnp.sqrt(x), lax.rsqrt(x), jnp.power(x, 2.5), lax.acosh(x + 1)), abs(arr(3, 5)) + 0.1)
add("unary_unit", lambda x: (lax.erf_inv(x), jnp.arctanh(x), jnp.arcsin(x), jnp.arccos(x)), np.tanh(arr(3, 5)))
for dtype in ["f2", "f8", jnp.bfloat16]:
    n = np.dtype(dtype).name
    add("floats_" + n, lambda x, y: (x + y, x * y, x / y, jnp.exp(x), jnp.maximum(x, y), x < y, jnp.tanh(x), x.sum(0), x @ y.T,
        jnp.sin(x), jnp.log(abs(x)), jnp.power(abs(x), y), x.astype(jnp.float32), x.astype(jnp.int32), jnp.nextafter(x, y)),
        arr(3, 5).astype(dtype), arr(3, 5).astype(dtype), x64=n == "float64")
for dtype in ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]:
    n = np.dtype(dtype).name
    add("ints_" + n, lambda x, y: (x + y, x * y, x - y, x // y, lax.div(x, y), lax.rem(x, y), x & y, x | y, x ^ y, ~x, x << 2, x >> 1,
        lax.shift_right_logical(x, jnp.ones_like(x)), jnp.minimum(x, y), x.max(1), x.sum(0), x.prod(1), lax.population_count(x), lax.clz(x),
        x.astype(jnp.float32), jnp.sort(x, 1), x @ y.T, jnp.sign(x), abs(x), lax.integer_pow(x, 3), x == y, jnp.cumsum(x, 1)),
        arr(3, 5, dtype=dtype), arr(3, 5, dtype=dtype), x64=True)
add("bools", lambda x, y: (x & y, x | y, x ^ y, ~x, x.any(1), x.all(0), x.sum(), x.astype(jnp.float32), jnp.where(x, 1.0, 2.0),
    jnp.sort(x, 0), jnp.cumsum(x, 0), x == y, x < y, jnp.maximum(x, y), jnp.argmax(x, 1)), arr(4, 5, dtype=bool), arr(4, 5, dtype=bool))
SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-30, 1.5, 2.5, -2.5, 3e38, 300.0, -1e10], np.float32)
add("special", lambda x: (jnp.maximum(x, x[::-1]), jnp.sort(x), jnp.argmax(x), jnp.argmin(x), x.max(), x.astype(jnp.int32), x.astype(jnp.int8),
    x.astype(jnp.uint8), lax.round(x), jnp.round(x), x == x[::-1], jnp.isfinite(x), x.astype(jnp.float16), x.astype(jnp.bfloat16),
    lax.reduce_precision(x, 5, 10), lax.reduce_precision(x, 4, 3), jnp.signbit(x), lax.clamp(-1.0, x, 2.0), x.astype(bool), jnp.unique(x, size=12)), SPECIAL)
add("converts", lambda x: [x.astype(t) for t in ("f2", "f4", "i1", "i2", "i4", "u1", "u2", "u4", "bool", "c8", jnp.bfloat16)], arr(40, scale=50.0))
add("integer_edges", lambda x, y: (lax.div(x, y), lax.rem(x, y), x + y, x * y, lax.shift_left(x, y), lax.shift_right_arithmetic(x, y), abs(x), -x),
    np.array([-2**31, 5, -7, 2**31 - 1, 3], np.int32), np.array([-1, 0, 2, 40, -3], np.int32))
add("bitcasts", lambda x, y: (lax.bitcast_convert_type(x, jnp.int32), lax.bitcast_convert_type(x, jnp.uint8), lax.bitcast_convert_type(y, jnp.float32)),
    arr(3, 4), arr(3, 2, dtype=np.uint16))
C = arr(3, 4, dtype=np.complex64)
add("complex", lambda x, y: (x + y, x * y, x / y, jnp.exp(x), jnp.log(x), jnp.sqrt(x), jnp.abs(x), jnp.angle(x), jnp.sin(x), jnp.cos(x), jnp.tanh(x),
    jnp.tan(x), x ** y, jnp.expm1(x), jnp.log1p(x), jnp.sign(x), x.real, x.imag, x.conj(), lax.rsqrt(x), x == y, x.sum(0), x.prod(1), x @ y.T, x.T,
    jnp.where(x.real > 0, x, y), jax.nn.sigmoid(x), jnp.sort(x, 0), jnp.cumsum(x, 1), x.astype(jnp.float32), jnp.pad(x, 1), jnp.mean(x)), C, arr(3, 4, dtype=np.complex64))

# Movement.

add("movement", lambda x: (x.T, x.reshape(2, 12), x[1:3, ::2], x[::-1], jnp.pad(x, ((1, 2), (0, 1))), jnp.concatenate([x, x + 1], 1), jnp.tile(x, (2, 1)),
    jnp.roll(x, 1, 0), lax.pad(x, 0.5, ((1, -1, 2), (-1, 2, 1))), jnp.broadcast_to(x[None], (2, 4, 6)), x[..., None], jnp.stack([x, x]), jnp.repeat(x, 2, 1),
    jnp.flip(x, 1), jnp.split(x, 2, 0), jnp.squeeze(x[None]), jnp.moveaxis(x[None], 0, 2)), arr(4, 6))
add("iotas", lambda: (jnp.arange(5), jnp.arange(5.0), lax.broadcasted_iota(jnp.uint8, (3, 4), 1), jnp.eye(3), jnp.tri(4), jnp.linspace(0, 1, 5), jnp.zeros((0, 3)), jnp.ones(())))
add("zero_sized", lambda x, y: (x + 1, x.sum(), x.sum(0), x.T, jnp.concatenate([x, x]), x @ y, jnp.sort(x, 1), x.reshape(3, 0), jnp.pad(x, 1), x.max(0, initial=-1.0), y[:0]),
    arr(0, 3), arr(3, 2))
add("rank_zero", lambda x, y: (x + y, jnp.sin(x), x[None], jnp.where(x > y, x, y), lax.cond(x > y, lambda a: a + 1, lambda a: a - 1, x), jnp.sum(x)), np.float32(2), np.float32(3))
add("dynamic", lambda x, i: (lax.dynamic_slice(x, (i, i), (2, 3)), lax.dynamic_update_slice(x, jnp.ones((2, 2)), (i, -i)), x[i], x.at[i, 1].set(7.0), lax.dynamic_index_in_dim(x, i + 100, 0)),
    arr(5, 6), np.int32(3))

# Gather and scatter.

IDX = np.array([[0, 2], [4, 1], [9, -1]], np.int32)
add("gathers", lambda x, i: (x[i], x[i[:, 0], i[:, 1]], jnp.take(x, i, axis=1, mode="clip"), jnp.take_along_axis(x[:3], i[:, :1] % 6, 1), x.at[i].get(mode="fill", fill_value=-1.0),
    jax.vmap(lambda r, j: r[j])(x[:3], i[:, 0]), jnp.take(x, i, mode="wrap"), x[:, i[:, 0]]), arr(5, 6), IDX)
add("scatters", lambda x, i, u: (x.at[i].add(u), x.at[i].set(2.0), x.at[i[:, 0], i[:, 1]].add(1.0), x.at[i].multiply(u), x.at[i].min(u), x.at[i].max(u), x.at[i, 0].set(3.0, mode="drop"),
    x.at[:, i[:, 0]].add(0.5, mode="clip"), jax.vmap(lambda r, j: r.at[j].add(1.0))(x[:3], i[:, 0]), x.at[1:3].set(0.0), x.at[i].apply(jnp.sin)), arr(5, 6), IDX, arr(3, 2, 6))
add("scatter_windows", lambda x, i, u: lax.scatter_add(x, i, u, lax.ScatterDimensionNumbers((1, 2), (), (0, 1)), mode="drop"), arr(5, 6), np.array([[0, 0], [4, 1], [2, 3], [-1, 0]], np.int32), arr(4, 2, 3))
add("gather_complex", lambda x, i: (x[i], x.at[i].add(1j), x.at[i].set(2.0)), arr(5, dtype=np.complex64), np.array([0, 3, 3], np.int32))
add("embedding_grad", lambda e, i: jax.grad(lambda e: (jnp.take(e, i, axis=0) ** 2).sum())(e), arr(7, 4), np.array([[0, 6], [3, 3]], np.int32))
add("segment_sum", lambda x, i: (jax.ops.segment_sum(x, i, 4), jax.ops.segment_max(x, i, 4)), arr(6, 3), np.array([0, 1, 1, 3, 0, 2], np.int32))
add("one_hot", lambda i: (jax.nn.one_hot(i, 5), jnp.bincount(i, length=6)), np.array([1, 4, 0, 2], np.int32))

# Reductions, windows, sorts.

add("reductions", lambda x: (x.sum((0, 2)), x.max(1), x.min(), x.prod(2), x.mean(1), x.std(0), jnp.argmax(x, 1), jnp.argmin(x, 2), jnp.any(x > 1, 0), jnp.all(x > -3, 1), jax.nn.logsumexp(x, 1),
    jnp.linalg.norm(x, axis=2), jax.nn.softmax(x), jnp.median(x, 1), jnp.ptp(x, 0), jnp.count_nonzero(x > 0, 1), jnp.var(x), jnp.sum(x, initial=3.0), jnp.max(x, initial=0.5)), arr(3, 4, 5))
add("reduce_body", lambda x, y: (lax.reduce((x, y), (0.0, 1.0), lambda a, b: (a[0] + b[0] * 2, a[1] * b[1] + 1), (1,)), lax.reduce(x, 0.0, lambda a, b: jnp.sqrt(a * a + b * b), (0,)),
    lax.reduce_xor(x.astype(jnp.int32), (0,))), arr(3, 4), arr(3, 4))
add("cumulative", lambda x: (jnp.cumsum(x, 0), jnp.cumprod(x, 1), lax.cummax(x, 0), lax.cummin(x, 1, reverse=True), lax.cumsum(x, 0, reverse=True), lax.cumlogsumexp(x, 0)), arr(37, 3))
add("cumulative_long", lambda x: (jnp.cumsum(x), lax.cummax(x), lax.cumsum(x, reverse=True)), arr(1000))
add("windows", lambda x: (lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID"), lax.reduce_window(x, 0.0, lax.add, (1, 3, 3, 1), (1, 2, 1, 1), "SAME"),
    lax.reduce_window(x, 1.0, lax.add, (1, 3, 2, 1), (1, 1, 1, 1), ((0, 0), (1, 2), (0, 1), (0, 0)), (1, 2, 1, 1), (1, 1, 2, 1)), lax.reduce_window(x, 0.5, lax.max, (1, 2, 2, 1), (1, 1, 1, 1), "SAME")), arr(2, 6, 7, 3))
add("pool_grads", lambda x: (jax.grad(lambda x: (lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "SAME") ** 2).sum())(x),
    jax.grad(lambda x: (lax.reduce_window(x, jnp.inf, lax.min, (1, 3, 3, 1), (1, 1, 1, 1), "VALID") ** 2).sum())(x), jax.grad(lambda x: (lax.reduce_window(x, 0.0, lax.add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID") ** 2).sum())(x)), arr(2, 5, 6, 3))
add("sorts", lambda x, i: (jnp.sort(x, 0), jnp.argsort(x, 1), lax.sort((i, x), dimension=1, num_keys=2), lax.top_k(x, 2), jnp.sort(x, 1, descending=True), lax.sort((x, i), dimension=0, num_keys=1, is_stable=False),
    jnp.quantile(x, 0.3, axis=1), jnp.searchsorted(jnp.sort(x[0]), x[1]), jnp.lexsort((x[0], i[0]))), arr(4, 6), R.randint(0, 3, (4, 6)).astype(np.int32))

# Contractions.

add("dots", lambda a, b, c: (a @ b, jnp.einsum("bij,bjk->bik", c, c), jnp.einsum("bij,kj->ibk", c, a), jnp.tensordot(c[0], c[1], 2), jnp.dot(a[0], b[:, 0]), jnp.outer(a[0], a[1]), jnp.einsum("bii->b", c),
    lax.dot_general(a, b, (((1,), (0,)), ((), ())), preferred_element_type=jnp.float32), jnp.vdot(a, a), jnp.kron(a, b)), arr(3, 4), arr(4, 5), arr(2, 4, 4))
add("dots_mixed", lambda a, b: (lax.dot_general(a.astype(jnp.bfloat16), b.astype(jnp.bfloat16), (((1,), (0,)), ((), ())), preferred_element_type=jnp.float32),
    lax.dot_general(a.astype(jnp.int8), b.astype(jnp.int8), (((1,), (0,)), ((), ())), preferred_element_type=jnp.int32), (a > 0) @ (b > 0)), arr(3, 4, scale=5.0), arr(4, 5, scale=5.0))


def conv(x, k, **kw):
    return lax.conv_general_dilated(x, k, kw.pop("strides", (1, 1)), kw.pop("padding", "SAME"), dimension_numbers=kw.pop("dims", ("NHWC", "HWIO", "NHWC")), **kw)


add("convolutions", lambda x, k, d: (conv(x, k), conv(x, k, strides=(2, 1), padding="VALID"), conv(x, k, rhs_dilation=(2, 1)), conv(x, k, lhs_dilation=(2, 2), padding=((1, 2), (2, 1))),
    conv(x, d, feature_group_count=4), lax.conv_transpose(x, k, (2, 2), "SAME"), conv(x.transpose(0, 3, 1, 2), k.transpose(3, 2, 0, 1), dims=("NCHW", "OIHW", "NCHW")),
    lax.conv_general_dilated(x[:, 0], k[0], (1,), "SAME", dimension_numbers=("NWC", "WIO", "NWC")), 
    conv(x.astype(jnp.bfloat16), k.astype(jnp.bfloat16), preferred_element_type=jnp.float32)), arr(2, 6, 5, 4), arr(3, 3, 4, 6), arr(3, 3, 1, 8))
add("convolution_grads", lambda x, k, d: (jax.grad(lambda x, k: (conv(x, k, strides=(2, 2)) ** 2).sum(), (0, 1))(x, k), jax.grad(lambda x, d: (conv(x, d, feature_group_count=4) ** 2).sum(), (0, 1))(x, d)),
    arr(2, 6, 5, 4), arr(3, 3, 4, 6), arr(3, 3, 1, 8))
add("convolution_complex", lambda x, k: conv(x, k), arr(1, 4, 4, 2, dtype=np.complex64), arr(2, 2, 2, 3, dtype=np.complex64))

# Control flow.

add("loops", lambda x, n: (lax.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, c[1] * 2 + x), (0, x)), lax.fori_loop(0, 5, lambda i, c: c + i * x, x), lax.scan(lambda c, y: (c + y, c * y), x[0], x),
    lax.map(lambda r: jnp.sin(r).sum(), x), lax.scan(lambda c, y: (c + x.sum(), lax.cond(y[0] > 0, lambda: c, lambda: c * 2)), jnp.zeros(6), x, reverse=True), lax.associative_scan(jnp.add, x)), arr(4, 6), np.int32(3))
add("branches", lambda i, x: (lax.switch(i, [lambda v: v, lambda v: v + 1, lambda v: v * x], x), lax.cond(i > 1, jnp.sin, jnp.cos, x), lax.cond(x[0] > 0, lambda a, b: a - b, lambda a, b: a * b, x, x[::-1])), np.int32(2), arr(5))
add("nested_loops", lambda x: lax.fori_loop(0, 3, lambda i, c: lax.fori_loop(0, i + 1, lambda j, d: d * 1.1 + x[j], c), x), arr(5))
add("remat", lambda x: jax.grad(lambda x: jax.checkpoint(lambda y: jnp.sin(jnp.sin(y)).sum())(x))(x), arr(5))
add("custom_jvp", lambda x: (jax.nn.relu(x), jax.grad(lambda x: jax.nn.relu(x).sum())(x), jax.hessian(lambda x: (jnp.tanh(x) ** 3).sum())(x), jax.jacfwd(jnp.sin)(x)), arr(4))

# Random numbers.

add("random", lambda: [f(jax.random.key(3)) for f in (lambda k: jax.random.normal(k, (3, 4)), lambda k: jax.random.uniform(k, (5,)), lambda k: jax.random.bernoulli(k, 0.3, (7,)),
    lambda k: jax.random.randint(k, (6,), 0, 10), lambda k: jax.random.permutation(k, 8), lambda k: jax.random.categorical(k, jnp.arange(4.0), shape=(5,)), lambda k: jax.random.bits(k, (3,)),
    lambda k: jax.random.truncated_normal(k, -1.0, 1.0, (4,)), lambda k: jax.random.exponential(k, (3,)))])
add("samplers", lambda: [f(jax.random.key(5)) for f in (lambda k: jax.random.gamma(k, 2.0, (3,)), lambda k: jax.random.choice(k, 9, (4,), replace=False), lambda k: jax.random.poisson(k, 3.0, (4,)),
    lambda k: jax.random.beta(k, 2.0, 3.0, (3,)), lambda k: jax.random.gumbel(k, (3,)), lambda k: jax.random.laplace(k, (3,)), lambda k: jax.random.dirichlet(k, jnp.ones(3)))])
add("rng_bits", lambda t: [lax.rng_bit_generator(t, (n,), d, algorithm=lax.RandomAlgorithm.RNG_THREE_FRY) for n, d in ((5, "uint32"), (4, "uint64"), (3, "uint8"), (6, "uint16"))],
    np.array([1, 2, 0xfffffff0, 4], np.uint32), x64=True)

# Transforms and linear algebra.

add("ffts", lambda x, c: (jnp.fft.fft(c), jnp.fft.ifft(c, axis=0), jnp.fft.rfft(x), jnp.fft.irfft(c, 7), jnp.fft.fft2(c), jnp.fft.rfftn(x), jnp.fft.irfft(c), jnp.fft.fftn(c[None, None])), arr(4, 6), arr(4, 6, dtype=np.complex64))
A = arr(4, 4)
SPD = A @ A.T + 4 * np.eye(4, dtype=np.float32)
add("linalg", lambda a, s, b: (jnp.linalg.cholesky(s), jax.scipy.linalg.solve_triangular(s, b, lower=True), jax.scipy.linalg.solve_triangular(s, b, trans=1), jnp.linalg.solve(s, b), jnp.linalg.inv(s), jnp.linalg.det(a),
    jnp.linalg.qr(a)[1], jnp.linalg.slogdet(a), jax.scipy.linalg.expm(a)), A, SPD, arr(4, 2))
add("linalg_decompositions", lambda a, s: (jnp.linalg.eigvalsh(s), jnp.linalg.svd(a, compute_uv=False), jnp.linalg.pinv(a), jnp.linalg.eigh(s)[0], jnp.linalg.lstsq(a, s[0])[0], jnp.abs(jnp.linalg.qr(jnp.stack([a, s]))[0])), A, SPD)
add("linalg_complex", lambda a: (jnp.linalg.cholesky(a @ a.conj().T + 4 * jnp.eye(3)), jnp.linalg.inv(a), jnp.linalg.eigvalsh(a + a.conj().T)), arr(3, 3, dtype=np.complex64))

# What follows draws numbers of its own: cases after it keep theirs.
DRAWN = R.get_state()


def similar(a):
    """What is unique of Schur, Hessenberg and tridiagonal forms and of eigenvectors."""
    zero = lambda x: jnp.round(x, 3)
    t, z = lax.linalg.schur(a)
    h, taus = lax.linalg.hessenberg(a)
    _, d, e, _ = lax.linalg.tridiagonal(a + a.conj().T)
    w, left, right = lax.linalg.eig(a)
    return (z @ t @ z.conj().T, abs(jnp.diagonal(h, -1)), d, abs(e), jnp.sort(abs(w)),
        zero(left.conj().T @ a - w[:, None] * left.conj().T), zero(a @ right - right * w))


add("linalg_similar", similar, A)
add("linalg_similar_complex", similar, arr(4, 4, dtype=np.complex64))
add("linalg_tridiagonal", lambda l, d, u, b: lax.linalg.tridiagonal_solve(l, d, u, b), arr(2, 5), arr(2, 5), arr(2, 5), arr(2, 5, 3))
add("linalg_pivoted", lambda a, c: (jax.scipy.linalg.qr(a, pivoting=True)[2], abs(jax.scipy.linalg.qr(a, pivoting=True)[1]), jax.scipy.linalg.qr_multiply(a, c, "left")[0]), arr(4, 3), arr(3, 3))
add("rng_bits_xla", lambda t: [lax.rng_bit_generator(t, shape, d, algorithm=a) for a in lax.RandomAlgorithm.__members__.values()
    for shape, d in (((), "uint32"), ((3, 4), "uint32"), ((5, 3), "uint32"), ((2, 3), "uint64"), ((3, 5), "uint8"), ((2, 2), "uint16"))], np.array([1, 2, 3, 0xffffffff], np.uint32), x64=True)
add("approx_top_k", lambda x: (lax.approx_max_k(x, 3), lax.approx_min_k(x, 2, reduction_dimension=0)), arr(6, 40))
add("scatter_complex", lambda x, i, u: (x.at[i].multiply(u), x.at[i].max(u, mode="drop"), x.at[i, 1:2].min(u[:, 1:2])), arr(5, 3, dtype=np.complex64), np.array([0, 3, 0, 7], np.int32), arr(4, 3, dtype=np.complex64))
add("bits_narrow", lambda x, y: (lax.bitcast_convert_type(lax.bitcast_convert_type(x, jnp.int4), jnp.int8), lax.bitcast_convert_type(x, jnp.uint4), lax.bitcast_convert_type(y, jnp.int4),
    lax.bitcast_convert_type(lax.bitcast_convert_type(y, jnp.uint4), jnp.int16), lax.bitcast_convert_type(lax.bitcast_convert_type(x, jnp.int4), jnp.uint4)), arr(2, 3, dtype=np.int8), arr(4, dtype=np.int16))
add("scales", lambda x, y: (x.astype(jnp.float8_e8m0fnu), y.astype(jnp.float32), y + y, -y, y * y, y == y, lax.bitcast_convert_type(y, jnp.uint8)),
    np.array([0, -0.0, 1, -1, 1.4, 1.5, 3, 3.1, 6, 1e38, 3.4028e38, np.inf, -np.inf, np.nan, 1e-38, 5.9e-39, 2.0**-127, 1e-40, 0.75], np.float32), np.array([1, 100, 127, 130, 254, 255], np.uint8).view(jnp.float8_e8m0fnu))

# What JAX does not write, and other front ends do.

IMAGE, FEATURE = arr(2, 3, 4), [arr(3) for _ in range(3)]
LIKE, LIST = "tensor<2x3x4xf32>", "tensor<3xf32>"
written("batch_norm_inference", f"""
  %y = "stablehlo.batch_norm_inference"(%0, %1, %2, %3, %4) <{{epsilon = 1.0e-3 : f32, feature_index = 1 : i64}}> : ({LIKE}, {LIST}, {LIST}, {LIST}, {LIST}) -> {LIKE}
  return %y : {LIKE}""", IMAGE, *FEATURE, abs(arr(3)) + 0.1, results=[LIKE])
written("batch_norm_training", f"""
  %y:3 = "stablehlo.batch_norm_training"(%0, %1, %2) <{{epsilon = 1.0e-3 : f32, feature_index = 1 : i64}}> : ({LIKE}, {LIST}, {LIST}) -> ({LIKE}, {LIST}, {LIST})
  return %y#0, %y#1, %y#2 : {LIKE}, {LIST}, {LIST}""", IMAGE, *FEATURE[:2], results=[LIKE, LIST, LIST])
written("batch_norm_grad", f"""
  %y:3 = "stablehlo.batch_norm_grad"(%0, %1, %2, %3, %4) <{{epsilon = 1.0e-3 : f32, feature_index = 1 : i64}}> : ({LIKE}, {LIST}, {LIST}, {LIST}, {LIKE}) -> ({LIKE}, {LIST}, {LIST})
  return %y#0, %y#1, %y#2 : {LIKE}, {LIST}, {LIST}""", IMAGE, *FEATURE[:2], abs(arr(3)) + 0.1, arr(2, 3, 4), results=[LIKE, LIST, LIST])


def scattered(name, element, select, scatter, x, source, init):
    kinds = [f"tensor<{'x'.join(map(str, a.shape))}x{element}>" for a in (x, source)] + [f"tensor<{element}>"]
    scalar = kinds[2]
    written(name, f"""
  %y = "stablehlo.select_and_scatter"(%0, %1, %2) <{{padding = dense<[[0, 1], [1, 0]]> : tensor<2x2xi64>, window_dimensions = array<i64: 2, 3>, window_strides = array<i64: 1, 2>}}> ({{
  ^bb0(%a: {scalar}, %b: {scalar}):
    {select}
    stablehlo.return %c : tensor<i1>
  }}, {{
  ^bb0(%a: {scalar}, %b: {scalar}):
    {scatter}
    stablehlo.return %c : {scalar}
  }}) : ({kinds[0]}, {kinds[1]}, {kinds[2]}) -> {kinds[0]}
  return %y : {kinds[0]}""", x, source, init, results=[kinds[0]])


GREATEST = "%c = stablehlo.compare GE, %a, %b : (tensor<{0}>, tensor<{0}>) -> tensor<i1>"
scattered("select_scatter_max", "f32", GREATEST.format("f32"), "%c = stablehlo.maximum %a, %b : tensor<f32>", arr(4, 6), arr(4, 3), np.float32(-0.5))
scattered("select_scatter_or", "i1", GREATEST.format("i1"), "%c = stablehlo.or %a, %b : tensor<i1>", arr(4, 6, dtype=bool), arr(4, 3, dtype=bool), np.bool_(False))
scattered("select_scatter_body", "f32", """%m = stablehlo.abs %a : tensor<f32>
    %n = stablehlo.abs %b : tensor<f32>
    %c = stablehlo.compare LT, %m, %n : (tensor<f32>, tensor<f32>) -> tensor<i1>""", """%d = stablehlo.multiply %a, %a : tensor<f32>
    %c = stablehlo.add %d, %b : tensor<f32>""", arr(4, 6), arr(4, 3), np.float32(0.25))
written("known_extents", """
  %a = stablehlo.constant dense<[1, 0]> : tensor<2xi32>
  %b = stablehlo.constant dense<[6, 3]> : tensor<2xi32>
  %c = stablehlo.constant dense<[2, 2]> : tensor<2xi32>
  %s = stablehlo.real_dynamic_slice %0, %a, %b, %c : (tensor<6x4xf32>, tensor<2xi32>, tensor<2xi32>, tensor<2xi32>) -> tensor<3x2xf32>
  %one = stablehlo.constant dense<1> : tensor<1xi32>
  %two = stablehlo.constant dense<2> : tensor<1xi32>
  %low = stablehlo.concatenate %one, %two, dim = 0 : (tensor<1xi32>, tensor<1xi32>) -> tensor<2xi32>
  %z = stablehlo.constant dense<0.5> : tensor<f32>
  %p = stablehlo.dynamic_pad %0, %z, %low, %a, %a : (tensor<6x4xf32>, tensor<f32>, tensor<2xi32>, tensor<2xi32>, tensor<2xi32>) -> tensor<13x6xf32>
  %sizes = stablehlo.constant dense<[1, 4]> : tensor<2xi32>
  %g = "stablehlo.dynamic_gather"(%0, %1, %sizes) <{dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>, indices_are_sorted = false}> : (tensor<6x4xf32>, tensor<3xi32>, tensor<2xi32>) -> tensor<3x4xf32>
  return %s, %p, %g : tensor<3x2xf32>, tensor<13x6xf32>, tensor<3x4xf32>""",
    arr(6, 4), np.array([5, 0, 2], np.int32), results=["tensor<3x2xf32>", "tensor<13x6xf32>", "tensor<3x4xf32>"])
written("known_padding", """
  %p = stablehlo.constant dense<[[1, 2], [0, 1]]> : tensor<2x2xi32>
  %y = "stablehlo.dynamic_conv"(%0, %1, %p) <{batch_group_count = 1 : i64, dimension_numbers = #stablehlo.conv<[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]>, feature_group_count = 1 : i64}> : (tensor<1x4x5x2xf32>, tensor<2x2x2x3xf32>, tensor<2x2xi32>) -> tensor<1x6x5x3xf32>
  return %y : tensor<1x6x5x3xf32>""", arr(1, 4, 5, 2), arr(2, 2, 2, 3), results=["tensor<1x6x5x3xf32>"], same="""
  %y = stablehlo.convolution(%0, %1) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f], window = {pad = [[1, 2], [0, 1]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<1x4x5x2xf32>, tensor<2x2x2x3xf32>) -> tensor<1x6x5x3xf32>
  return %y : tensor<1x6x5x3xf32>""")
written("mapped", """
  %y = "stablehlo.map"(%0, %1) <{dimensions = array<i64: 0, 1>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = stablehlo.sine %a : tensor<f32>
    %c = stablehlo.multiply %s, %b : tensor<f32>
    stablehlo.return %c : tensor<f32>
  }) : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>""", arr(3, 4), arr(3, 4), results=["tensor<3x4xf32>"])
ONE = "replica_groups = dense<0> : tensor<1x1xi64>"
written("only_device", f"""
  %p = stablehlo.partition_id : tensor<ui32>
  %r = stablehlo.replica_id : tensor<ui32>
  %s = "stablehlo.all_reduce"(%0) <{{{ONE}}}> ({{
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = stablehlo.add %a, %b : tensor<f32>
    stablehlo.return %c : tensor<f32>
  }}) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %g = "stablehlo.all_gather"(%s) <{{all_gather_dim = 0 : i64, {ONE}}}> : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %k = "stablehlo.collective_permute"(%g) <{{source_target_pairs = dense<[[0, 0]]> : tensor<1x2xi64>}}> : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %n = "stablehlo.collective_permute"(%g) <{{source_target_pairs = dense<> : tensor<0x2xi64>}}> : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %p, %r, %k, %n : tensor<ui32>, tensor<ui32>, tensor<2x3xf32>, tensor<2x3xf32>""",
    arr(2, 3), results=["tensor<ui32>", "tensor<ui32>", "tensor<2x3xf32>", "tensor<2x3xf32>"])
add("sums_of_products", lambda w, u, x, c, y: (
    jax.grad(lambda w, u: (lax.scan(lambda h, t: (jnp.tanh(h @ w + t @ u), None), jnp.zeros((3, 4)), x)[0] ** 2).sum(), (0, 1))(w, u),
    jax.grad(lambda w, u: (lax.scan(lambda h, t: (jnp.tanh(h @ w + t @ u), h * 2), jnp.ones((3, 4)), x, reverse=True)[1] ** 2).sum(), (0, 1))(w, u),
    lax.fori_loop(0, 7, lambda i, c: c + x[i].T @ x[6 - i], c), lax.fori_loop(0, 7, lambda i, c: c + x[i].T @ x[i // 2], c), lax.fori_loop(1, 7, lambda i, c: c + x[i].T @ x[i], c),
    lax.scan(lambda c, t: (jnp.einsum("bij,bik->bkj", t, t * 2) + c, c[0, 0]), jnp.ones((2, 3, 3)), y)), arr(4, 4), arr(5, 4), arr(7, 3, 5), arr(5, 5), arr(6, 2, 4, 3))
R.set_state(DRAWN)

# Narrow types.

for t in ["int4", "uint4", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e3m4", "float8_e4m3b11fnuz"]:
    T = getattr(jnp, t)
    add("narrow_" + t, lambda x, y: (x + y, x * y, x.astype(jnp.float32), jnp.maximum(x, y), x < y, (x.astype(jnp.float32) * 3).astype(x.dtype), -x),
        np.asarray(jnp.asarray(arr(5, 6, scale=4.0)).astype(T)), np.asarray(jnp.asarray(arr(5, 6, scale=4.0)).astype(T)))


def training():
    """Training steps of flax models with optax, two steps each."""
    import flax.linen as nn
    import optax

    def step(name, module, x, y, tx, loss, rngs=(), mutable=(), keep=True):
        keys = {k: jax.random.key(i + 1) for i, k in enumerate(("params",) + tuple(rngs))}
        variables = module.init(keys, x)
        params = variables.pop("params")
        state = tx.init(params)

        def objective(params, variables, x, y, key):
            out = module.apply({"params": params, **variables}, x, rngs={k: jax.random.fold_in(key, i) for i, k in enumerate(rngs)}, mutable=list(mutable))
            return loss(out[0], y), out[1]

        def train(params, variables, state, x, y, seed):
            key = jax.random.key(seed)
            (value, aux), grads = jax.value_and_grad(objective, has_aux=True)(params, variables, x, y, key)
            updates, state = tx.update(grads, state, params)
            return optax.apply_updates(params, updates), {**variables, **aux}, state, value

        CASES.append((name, train, (params, variables, state, x, y, np.int32(5)), keep, False, (0, 1, 2)))

    entropy = lambda o, y: optax.softmax_cross_entropy_with_integer_labels(o, y).mean()
    labels = R.randint(0, 5, (4,)).astype(np.int32)

    class Mlp(nn.Module):
        @nn.compact
        def __call__(self, x):
            return nn.Dense(5)(nn.relu(nn.Dense(7)(x)))

    step("train_mlp", Mlp(), arr(4, 6), labels, optax.adam(1e-2), entropy)

    class Cnn(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.max_pool(nn.relu(nn.Conv(4, (3, 3))(x)), (2, 2), (2, 2))
            x = nn.avg_pool(nn.relu(nn.Conv(6, (3, 3))(x)), (2, 2), (2, 2))
            x = nn.Dropout(0.4, deterministic=False)(x.reshape(x.shape[0], -1))
            return nn.Dense(5)(x)

    step("train_cnn", Cnn(), arr(4, 8, 8, 2), labels, optax.adamw(1e-2), entropy, ("dropout",))

    class Lstm(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.Embed(11, 6)(x)
            x = nn.RNN(nn.OptimizedLSTMCell(5))(x)
            return nn.Dense(5)(x[:, -1])

    step("train_lstm", Lstm(), R.randint(0, 11, (4, 7)).astype(np.int32), labels, optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(0.1)), entropy)

    class Gpt(nn.Module):
        @nn.compact
        def __call__(self, x):
            n = x.shape[1]
            h = nn.Embed(13, 8)(x) + self.param("positions", nn.initializers.normal(0.02), (n, 8))
            for _ in range(2):
                a = nn.LayerNorm()(h)
                a = nn.MultiHeadDotProductAttention(2, dropout_rate=0.1, deterministic=False)(a, a, mask=nn.make_causal_mask(x))
                h = h + nn.Dropout(0.1, deterministic=False)(a)
                m = nn.LayerNorm()(h)
                h = h + nn.Dense(8)(nn.gelu(nn.Dense(16)(m)))
            return nn.Dense(13)(nn.LayerNorm()(h))

    tokens = R.randint(0, 13, (2, 6)).astype(np.int32)
    schedule = optax.warmup_cosine_decay_schedule(0.0, 1e-2, 3, 10)
    step("train_gpt", Gpt(), tokens, tokens, optax.adamw(schedule), entropy, ("dropout",))

    class Resnet(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.relu(nn.BatchNorm(use_running_average=False)(nn.Conv(4, (3, 3), use_bias=False)(x)))
            for width, stride in ((4, 1), (8, 2)):
                y = nn.relu(nn.BatchNorm(use_running_average=False)(nn.Conv(width, (3, 3), (stride, stride), use_bias=False)(x)))
                y = nn.BatchNorm(use_running_average=False)(nn.Conv(width, (3, 3), use_bias=False)(y))
                if x.shape != y.shape:
                    x = nn.Conv(width, (1, 1), (stride, stride), use_bias=False)(x)
                x = nn.relu(x + y)
            return nn.Dense(5)(x.mean((1, 2)))

    step("train_resnet", Resnet(), arr(4, 8, 8, 3), labels, optax.sgd(0.1, 0.9, nesterov=True), entropy, (), ("batch_stats",))

    class Unet(nn.Module):
        @nn.compact
        def __call__(self, x):
            a = nn.silu(nn.GroupNorm(2)(nn.Conv(4, (3, 3))(x)))
            b = nn.silu(nn.Conv(8, (3, 3), (2, 2))(a))
            c = nn.ConvTranspose(4, (2, 2), (2, 2))(b)
            d = jax.image.resize(b, (b.shape[0], 8, 8, 8), "bilinear")
            return nn.Conv(1, (3, 3))(jnp.concatenate([a, c, d], -1))

    step("train_unet", Unet(), arr(2, 8, 8, 1), arr(2, 8, 8, 1), optax.lion(1e-3), lambda o, y: ((o - y) ** 2).mean())

    class Vae(nn.Module):
        @nn.compact
        def __call__(self, x):
            h = nn.tanh(nn.Dense(8)(x))
            mean, spread = nn.Dense(3)(h), nn.Dense(3)(h)
            z = mean + jnp.exp(0.5 * spread) * jax.random.normal(self.make_rng("noise"), mean.shape)
            return nn.Dense(6)(nn.relu(nn.Dense(8)(z))), mean, spread

    def elbo(out, y):
        o, mean, spread = out
        rest = -0.5 * (1 + spread - mean**2 - jnp.exp(spread)).sum(-1)
        return (optax.sigmoid_binary_cross_entropy(o, y).sum(-1) + rest).mean()

    step("train_vae", Vae(), abs(arr(4, 6)) % 1.0, abs(arr(4, 6)) % 1.0, optax.rmsprop(1e-3), elbo, ("noise",))


if __name__ == "__main__":
    try:
        training()
    except ImportError as e:
        print("left out: training steps,", e, file=sys.stderr)
    flags = sys.argv[2:]
    only = flags[flags.index("--only") + 1] if "--only" in flags else ""
    write(sys.argv[1], "--all" in flags, only)

"""The plugin by itself: arrays, donation, options, threads, executables, dumps."""

import os
import subprocess
import sys
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

jax.config.update("jax_enable_x64", True)


def test_the_default_device_is_craneflow_and_cpu_stays():
    assert jax.devices()[0].platform == "craneflow"
    assert jax.devices("cpu")[0].platform == "cpu"
    x = jax.device_put(jnp.arange(5), jax.devices("cpu")[0])
    assert (jax.device_put(x, jax.devices()[0]) + 1).tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "dtype",
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 bfloat16 float32 float64 "
    "complex64 complex128 int4 uint4 float8_e4m3fn".split(),
)
@pytest.mark.parametrize("shape", [(), (3,), (2, 0, 3), (4, 5)])
def test_arrays_go_there_and_back(dtype, shape):
    dtype = jnp.dtype(dtype)
    x = (np.arange(np.prod(shape, dtype=int)) % 7).reshape(shape).astype(dtype)
    y = jnp.asarray(x)
    assert (y.dtype, y.shape) == (dtype, shape)
    assert np.asarray(y).tobytes() == x.tobytes()


def test_views_of_numpy_arrays():
    x = np.arange(24, dtype=np.int32).reshape(4, 6)
    for view in (x.T, x[::-1], x[:, ::2], x[::-2, ::-3], np.broadcast_to(x[0], (3, 6))):
        assert np.array_equal(np.asarray(jnp.asarray(view)), view)


def test_donated_arrays_are_gone_and_their_memory_is_used():
    step = jax.jit(lambda x, y: (x + y, y * 2), donate_argnums=0)
    x, y = jnp.ones((1 << 16,)), jnp.ones((1 << 16,))
    jax.block_until_ready((x, y))
    address = x.unsafe_buffer_pointer()
    new, _ = step(x, y)
    assert x.is_deleted() and not y.is_deleted()
    assert new.unsafe_buffer_pointer() == address
    with pytest.raises(RuntimeError, match="deleted"):
        x + 1


def test_what_numpy_looks_at_is_not_overwritten():
    step = jax.jit(lambda x: x + 1, donate_argnums=0)
    x = jnp.zeros((1000,))
    seen = np.asarray(x)
    y = step(x)
    assert seen.sum() == 0 and y.sum() == 1000


def test_arrays_of_numpy_are_not_overwritten():
    memory = np.zeros(1064, np.float64)
    start = -memory.ctypes.data % 64 // 8
    mine = memory[start : start + 1000]
    y = jax.jit(lambda x: x + 1, donate_argnums=0)(jnp.asarray(mine))
    assert mine.sum() == 0 and y.sum() == 1000


def test_the_same_array_twice_is_refused():
    x = jnp.ones((8,))
    with pytest.raises(Exception, match="donate the same buffer twice"):
        jax.jit(lambda a, b: (a + 1, b + 1), donate_argnums=(0, 1))(x, x)
    x = jnp.ones((8,))
    with pytest.raises(Exception, match="donate"):
        jax.jit(lambda a, b: a + b, donate_argnums=0)(x, x)


def test_options():
    lowered = jax.jit(lambda x: x + 1).lower(jnp.ones(3))
    lowered.compile(compiler_options={"xla_embed_ir_in_executable": True})
    with pytest.raises(Exception, match="No such compile option: 'invalid_key'"):
        lowered.compile(compiler_options={"invalid_key": "x"})
    with pytest.raises(Exception, match="is not a valid bool value"):
        lowered.compile(compiler_options={"xla_embed_ir_in_executable": "invalid"})


def test_results_come_later_and_in_order():
    f = jax.jit(lambda x: x @ x / jnp.linalg.norm(x))
    x = jnp.ones((400, 400))
    expected = x
    for _ in range(5):
        expected = np.asarray(f(jnp.asarray(expected)))
    for _ in range(5):
        x = f(x)
    assert np.array_equal(np.asarray(x), expected)


def test_threads_compile_and_run_at_once():
    shared = jax.jit(lambda x: jnp.cumsum(jnp.sin(x)))
    expected = np.asarray(shared(jnp.arange(3000.0)))
    wrong = []

    def work(n):
        own = jax.jit(lambda x: (x * n).sum())
        for _ in range(20):
            if not np.array_equal(np.asarray(shared(jnp.arange(3000.0))), expected):
                wrong.append("shared")
            if float(own(jnp.arange(100.0))) != 4950.0 * n:
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 7)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_weights_that_stay_and_weights_that_change():
    """What is laid out for a product is laid out again for other weights, also where their memory is what others had."""
    layer = jax.jit(lambda w, x: x @ w)
    x = jnp.asarray(np.random.RandomState(0).randn(64, 32).astype(np.float32))
    first, second = (np.random.RandomState(i).randn(32, 10).astype(np.float32) for i in (1, 2))
    halve = jax.jit(lambda w: w / 2, donate_argnums=0)
    for _ in range(3):
        weights = [jnp.asarray(first) * 2, jnp.asarray(second) * 2]
        for w, expected in (weights[0], first), (weights[0], first), (weights[1], second):
            np.testing.assert_allclose(layer(w, x), 2 * np.asarray(x) @ expected, rtol=1e-5, atol=1e-5)
        weights = [halve(w) for w in weights]
        for w, expected in (weights[1], second), (weights[1], second), (weights[0], first):
            np.testing.assert_allclose(layer(w, x), np.asarray(x) @ expected, rtol=1e-5, atol=1e-5)


def test_analysis():
    x = jnp.ones((64, 32))
    compiled = jax.jit(lambda a: a @ a.T).lower(x).compile()
    cost = compiled.cost_analysis()
    assert cost["flops"] == 2 * 64 * 64 * 32
    memory = compiled.memory_analysis()
    assert memory.argument_size_in_bytes == x.nbytes
    assert memory.output_size_in_bytes == 64 * 64 * 8


def test_executables_serialise():
    from jax.experimental import serialize_executable as serialise

    x = jnp.arange(10.0)
    compiled = jax.jit(lambda a: jnp.tanh(a) * 2).lower(x).compile()
    loaded = serialise.deserialize_and_load(*serialise.serialize(compiled))
    assert np.array_equal(np.asarray(loaded(x)), np.asarray(compiled(x)))


def test_errors_of_programs_are_exceptions():
    with pytest.raises(Exception, match="no function is called nothing_like_this"):
        call = jax.ffi.ffi_call("nothing_like_this", jax.ShapeDtypeStruct((), jnp.float32))
        jax.jit(call)(jnp.float32(1))
    assert float(jax.jit(lambda x: x + 1)(1.0)) == 2.0


def test_dumps(tmp_path):
    code = "import jax; jax.jit(lambda x: jax.numpy.sin(x) * 2)(1.0)"
    env = dict(os.environ, CRANEFLOW_DUMP_DIR=str(tmp_path))
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    folders = sorted(tmp_path.iterdir())
    assert folders
    names = {p.name for p in folders[-1].iterdir()}
    assert {"program.mlirbc", "00-imported.ir", "01-simplify.ir"} <= names

"""Python functions called from within programs: pure, with effects, printing; under every transformation."""

import gc
import subprocess
import sys
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.experimental import io_callback

jax.config.update("jax_enable_x64", True)


def like(x):
    return jax.ShapeDtypeStruct(x.shape, x.dtype)


def sine(x):
    return jax.pure_callback(lambda a: np.sin(np.asarray(a)), like(x), x, vmap_method="sequential")


def test_pure_functions_in_a_program():
    x = jnp.linspace(0, 1, 7)
    f = jax.jit(lambda x: sine(x * 2) + 1)
    for _ in range(6):  # interpreted at first, then compiled
        np.testing.assert_allclose(f(x), np.sin(np.asarray(x) * 2) + 1, rtol=1e-12)
    assert float(sine(jnp.float32(0.5))) == pytest.approx(np.sin(0.5))


@pytest.mark.parametrize(
    "dtype",
    "bool int8 uint16 int32 uint64 float16 bfloat16 float32 float64 complex64 complex128 "
    "float8_e4m3fn int4".split(),
)
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3)])
def test_arrays_of_any_type_go_there_and_back(dtype, shape):
    x = (np.arange(np.prod(shape, dtype=int)) % 3).reshape(shape).astype(jnp.dtype(dtype))
    seen = []

    def same(a):
        seen.append(np.asarray(a))
        return a

    y = jax.jit(lambda x: jax.pure_callback(same, like(x), x))(jnp.asarray(x))
    assert (y.dtype, y.shape) == (x.dtype, x.shape)
    assert np.asarray(y).tobytes() == x.tobytes()
    # What is empty is known without a call.
    assert all(s.tobytes() == x.tobytes() for s in seen) and (seen or not x.size)


def test_several_operands_and_results_and_a_large_array():
    x, y = jnp.arange(200_000.0), jnp.arange(200_000)
    both = lambda a, b: (np.asarray(b)[::-1].copy(), np.asarray(a) + 1)
    f = jax.jit(lambda x, y: jax.pure_callback(both, (like(y), like(x)), x, y))
    b, a = f(x * 1, y)
    assert np.array_equal(b, np.arange(200_000)[::-1]) and np.array_equal(a, np.arange(200_000.0) + 1)


def test_vmap_scan_cond_and_grad():
    x = jnp.arange(5.0)
    np.testing.assert_allclose(jax.jit(jax.vmap(sine))(x), np.sin(x), rtol=1e-12)
    assert float(jax.jit(lambda x: lax.scan(lambda c, v: (c + sine(v), c), 0.0, x)[0])(x)) == (
        pytest.approx(np.sin(np.arange(5.0)).sum())
    )
    f = jax.jit(lambda p, v: lax.cond(p, sine, lambda v: v, v))
    assert float(f(True, 1.0)) == pytest.approx(np.sin(1.0)) and float(f(False, 1.0)) == 1.0

    @jax.custom_jvp
    def g(x):
        return sine(x)

    g.defjvp(lambda x, t: (g(x[0]), jnp.cos(x[0]) * t[0]))
    assert float(jax.jit(jax.grad(g))(0.3)) == pytest.approx(np.cos(0.3))


@pytest.mark.parametrize("ordered", [False, True])
def test_effects_happen_each_time_and_once(ordered):
    seen = []
    note = lambda v: io_callback(lambda a: seen.append(int(a)), None, v, ordered=ordered)

    @jax.jit
    def f(x):
        note(x)
        note(x)  # the same again is not the same effect
        return x + 1

    for i in range(5):
        f(i)
    jax.effects_barrier()
    assert seen == [i for i in range(5) for _ in range(2)]


def test_ordered_effects_in_loops_and_branches():
    seen = []
    note = lambda v: io_callback(lambda a: seen.append(int(a)), None, v, ordered=True)

    @jax.jit
    def f(n):
        def body(c):
            i, total = c
            lax.cond(i % 2 == 0, lambda: note(i), lambda: note(-i))
            return i + 1, total + i

        note(100)
        _, total = lax.while_loop(lambda c: c[0] < n, body, (0, 0))
        lax.fori_loop(0, 3, lambda i, _: note(200 + i), None)
        lax.scan(lambda c, v: (note(v), v)[1:] * 2, jnp.int64(0), jnp.arange(300, 302))
        return total

    assert int(f(4)) == 6
    jax.effects_barrier()
    assert seen == [100, 0, -1, 2, -3, 200, 201, 202, 300, 301]
    del seen[:]
    assert int(f(0)) == 0
    jax.effects_barrier()
    assert seen == [100, 200, 201, 202, 300, 301]


def test_effects_with_results():
    state = {"n": 0}

    def next_number():
        state["n"] += 1
        return np.int64(state["n"])

    shape = jax.ShapeDtypeStruct((), jnp.int64)

    @jax.jit
    def f():
        a = io_callback(next_number, shape, ordered=True)
        b = io_callback(next_number, shape, ordered=True)
        return a * 10 + b

    assert [int(f()) for _ in range(3)] == [12, 34, 56]


def test_debug_print_and_callback(capsys):
    @jax.jit
    def f(x):
        jax.debug.print("x = {} and {y}", x, y=x * 2, ordered=True)
        jax.debug.callback(lambda v: print("called with", v), x + 1, ordered=True)
        return x

    f(3)
    jax.vmap(lambda v: jax.debug.print("v = {}", v))(jnp.arange(3))
    jax.grad(lambda v: (jax.debug.print("in the gradient {}", v), v * v)[1])(2.0)
    jax.effects_barrier()
    out = capsys.readouterr().out
    assert out.index("x = 3 and 6") < out.index("called with 4")
    assert all(f"v = {i}" in out for i in range(3))
    assert "in the gradient 2.0" in out


@pytest.mark.parametrize("size", [3, 300_000])
def test_errors_of_python_are_errors_of_the_run(size):
    def fail(a):
        raise ValueError("this is wrong")

    f = jax.jit(lambda x: jax.pure_callback(fail, like(x), x) + 1)
    for _ in range(5):
        with pytest.raises(Exception, match="this is wrong"):
            f(jnp.ones(size)).block_until_ready()
    # All is well afterwards.
    assert float(jax.jit(lambda x: (x + 1).sum())(jnp.ones(size))) == 2.0 * size


def test_wrong_results_are_errors():
    wrong = jax.jit(lambda x: jax.pure_callback(lambda a: np.zeros(4), like(x), x))
    with pytest.raises(Exception, match="Incorrect output shape"):
        wrong(jnp.ones(3)).block_until_ready()
    wrong = jax.jit(lambda x: jax.pure_callback(lambda a: np.zeros(3, np.int64), like(x), x))
    with pytest.raises(Exception, match="Incorrect output dtype"):
        wrong(jnp.ones(3)).block_until_ready()


def test_functions_may_use_jax_themselves():
    inner = jax.jit(lambda a: (a @ a).sum())
    f = jax.jit(lambda x: jax.pure_callback(lambda a: np.asarray(inner(a)), like(x[0, 0]), x))
    x = jnp.ones((200, 200))
    assert float(f(x)) == 200.0**3


def test_functions_are_forgotten_with_their_programs():
    class Big:
        pass

    big = Big()
    gone = weakref.ref(big)
    f = jax.jit(lambda x, b=big: jax.pure_callback(lambda a: (b, a)[1], like(x), x))
    assert float(f(1.0)) == 1.0
    del f, big
    jax.clear_caches()
    gc.collect()
    # The next function that is registered finds what was released.
    jax.jit(lambda x: jax.pure_callback(lambda a: a, like(x), x))(1.0)
    gc.collect()
    assert gone() is None


def test_they_are_not_kept_in_files(tmp_path, monkeypatch):
    code = (
        "import jax, jax.numpy as jnp, numpy as np\n"
        "f = jax.jit(lambda x: jax.pure_callback(lambda a: a + 1, x, x) @ x)\n"
        "print(float(f(jnp.ones((64, 64))).sum()))\n"
    )
    monkeypatch.setenv("CRANEFLOW_CACHE_DIR", str(tmp_path))
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout.strip() == str(2.0 * 64**3), done.stderr[-2000:]

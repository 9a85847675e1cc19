"""What small JAX programs cost: the first call of an operation, and every later one.

    JAX_PLATFORMS=cpu python eager.py
    JAX_PLATFORMS=craneflow python eager.py

Prints one line of JSON with medians in microseconds: `first` is tracing, compiling and running a program that is new;
`compile` the part of it in the backend; `dispatch` a call of a small jitted function; `wait` the same with its result
waited for; `many` a call with 60 arguments and 60 results. `W4`, `W5` are steps of these trainings, many in a row, and
`W4 call`, `W5 call` calls with the same arguments, donated alike, and results, which copy them and compute nothing:
what a call from Python costs whatever it computes.
"""
import json
import os
import statistics
import sys
import time

import jax
import jax.numpy as jnp

OPS = [jnp.sin, jnp.exp, jnp.sum, jnp.negative, lambda x: x * x, lambda x: x @ x.T, lambda x: x > 0, lambda x: x[1:],
       lambda x: jnp.where(x > 0, x, 0), jax.nn.softmax, jnp.cumsum, jnp.sort, lambda x: x.reshape(-1), jnp.argmax]


def timed(f):
    start = time.perf_counter()
    f()
    return (time.perf_counter() - start) * 1e6


def calls(f, *x, wait=False, count=300):
    def one():
        y = f(*x)
        if wait:
            jax.block_until_ready(y)
    for _ in range(20):
        one()
    return statistics.median(timed(one) for _ in range(count))


def steps(name, idle):
    """Microseconds of a step of a training, or of a call like it that computes nothing."""
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    from peer_jax import Training
    training = Training(name, "", 2)
    if idle:
        copied = lambda x: x + jnp.zeros((), x.dtype)
        same = lambda carry, batch: (jax.tree.map(copied, carry), copied(batch[1]).ravel()[0])
        training.run = jax.jit(same, donate_argnums=0)

    def some(count=500):
        for _ in range(count):
            training.step()
        training.wait()
    some()
    return statistics.median(timed(some) / 500 for _ in range(15))


def main():
    x = jnp.ones((8, 8))
    jax.block_until_ready(jax.jit(lambda x: x + 1)(x))
    first, compiled = [], []
    for n, op in enumerate(OPS):
        # An extent of its own makes each a program that is new.
        y = jnp.ones((3 + n, 5))
        jax.block_until_ready(y)
        first.append(timed(lambda: jax.block_until_ready(jax.jit(op)(y))))
        lowered = jax.jit(op).lower(jnp.ones((4 + n, 6)))
        compiled.append(timed(lowered.compile))
    add = jax.jit(lambda x, y: x * 2 + y)
    many = jax.jit(lambda *x: tuple(v + 1 for v in x))
    print(json.dumps({
        "platform": jax.devices()[0].platform,
        "first": round(statistics.median(first), 1),
        "compile": round(statistics.median(compiled), 1),
        "dispatch": round(calls(add, x, x), 2),
        "wait": round(calls(add, x, x, wait=True), 2),
        "many": round(calls(many, *[x] * 60), 2),
        **{name + " call" * idle: round(steps(name, idle), 2) for name in ("W4", "W5") for idle in (False, True)},
    }))


main()

"""QR factorisation written out in JAX, for the custom calls that JAX makes of it by default.

Householder reflections with LAPACK's signs: ``geqrf`` leaves R above the diagonal and the reflections
below it, ``householder_product`` multiplies them. Each takes matrices with any axes in front.
"""

import math

import jax
import jax.numpy as jnp
from jax import lax


def _batched(f):
    """`f` of matrices, over all axes in front of the last two of its first argument."""

    def run(a, *rest):
        front = a.shape[:-2]
        count = math.prod(front)
        flat = [x.reshape((count,) + x.shape[len(front) :]) for x in (a, *rest)]
        results = jax.vmap(f)(*flat)
        return jax.tree.map(lambda x: x.reshape(front + x.shape[1:]), results)

    return run


def _reflected(a, v, tau):
    """``(I - tau v v^H) a``."""
    return a - tau * jnp.outer(v, v.conj() @ a)


@_batched
def geqrf(a):
    """R and the reflections in one matrix `[m, n]`, and their factors `[min(m, n)]`."""
    m, n = a.shape
    rows = jnp.arange(m)

    def reflect(j, carry):
        a, taus = carry
        column = lax.dynamic_index_in_dim(a, j, axis=1, keepdims=False)
        alpha = lax.dynamic_index_in_dim(column, j, keepdims=False)
        below = jnp.where(rows > j, column, 0)
        rest = (below * below.conj()).real.sum()
        norm = jnp.sqrt((alpha * alpha.conj()).real + rest)
        beta = jnp.where(alpha.real > 0, -norm, norm)
        done = (rest == 0) & (alpha.imag == 0)
        beta = jnp.where(done, alpha.real, beta)
        tau = jnp.where(done, 0, (beta - alpha) / jnp.where(done, 1, beta))
        v = below / jnp.where(done, 1, alpha - beta)
        v = jnp.where(rows == j, 1, v).astype(a.dtype)
        later = jnp.arange(n) > j
        a = jnp.where(later, _reflected(a, v, tau.conj()), a)
        column = jnp.where(rows < j, column, jnp.where(rows == j, beta, v))
        a = lax.dynamic_update_index_in_dim(a, column.astype(a.dtype), j, axis=1)
        return a, lax.dynamic_update_index_in_dim(taus, tau.astype(a.dtype), j, axis=0)

    k = min(m, n)
    start = a, jnp.zeros((k,), a.dtype)
    return lax.fori_loop(0, k, reflect, start) if k else start


@_batched
def householder_product(a, taus):
    """The first `n` columns of the product of the reflections in `a`, `[m, n]`."""
    m, n = a.shape
    rows, k = jnp.arange(m), taus.shape[0]

    def reflect(i, q):
        j = k - 1 - i
        column = lax.dynamic_index_in_dim(a, j, axis=1, keepdims=False)
        v = jnp.where(rows > j, column, (rows == j).astype(a.dtype))
        return _reflected(q, v, lax.dynamic_index_in_dim(taus, j, keepdims=False))

    start = jnp.eye(m, n, dtype=a.dtype)
    return lax.fori_loop(0, k, reflect, start) if k else start

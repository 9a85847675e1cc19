"""What JAX decides by the name of a platform, for ours: donation, linear algebra, calls of Python.

These are private parts of JAX and move between versions. Each is used on its own, and where one is
missing the rest still works: without donation a step takes more memory, without a lowering a function
is reported as not implemented.
"""

import functools
import logging

_log = logging.getLogger(__name__)

#: Primitives of linear algebra whose lowering for JAX's CPU backend calls LAPACK by name, which the
#: plugin answers, and that for a platform that JAX does not know have no lowering, or a lesser one.
_BY_NAME = (
    "eigh_p svd_p eig_p schur_p hessenberg_p tridiagonal_p geqp3_p ormqr_p tridiagonal_solve_p"
).split()


def _guarded(f):
    @functools.wraps(f)
    def run(platform):
        try:
            f(platform)
        except Exception as error:  # whatever changed inside of JAX
            _log.warning("craneflow: %s is not available with this JAX: %r", f.__doc__, error)

    return run


@_guarded
def _donation(platform):
    """donation of buffers"""
    from jax._src.interpreters import mlir

    if platform not in mlir._platforms_with_donation:
        mlir._platforms_with_donation.append(platform)


@_guarded
def _linear_algebra(platform):
    """linear algebra beyond what JAX writes out itself"""
    from jax._src.interpreters import mlir
    from jax._src.lax import linalg

    known = mlir._platform_specific_lowerings
    for name in _BY_NAME:
        primitive = getattr(linalg, name, None)
        if primitive in known["cpu"]:
            known[platform].setdefault(primitive, known["cpu"][primitive])


def _callbacks(library):
    @_guarded
    def register(platform):
        """calling Python from within a program"""
        from jax._src import callback, debugging
        from jax._src.interpreters import mlir

        from . import callbacks

        if platform == "cpu":
            return
        callbacks.connect(library)
        callback.emit_python_callback = callbacks.emitter(callback.emit_python_callback, platform)
        known = mlir._platform_specific_lowerings
        for name in ("debug_callback_p", "debug_print_p"):
            primitive = getattr(debugging, name, None)
            if primitive in known["cpu"]:
                known[platform].setdefault(primitive, known["cpu"][primitive])

    return register


def register(platform, library):
    """Registers everything for a platform of this name, whose plugin is in the file `library`."""
    for part in (_donation, _linear_algebra, _callbacks(library)):
        part(platform)

"""What JAX decides by the name of a platform, for ours: donation, linear algebra, branches for a platform,
DLPack, calls of Python.

These are private parts of JAX and move between versions. Each is used on its own, and where one is
missing the rest still works: without donation a step takes more memory, without a lowering a function
is reported as not implemented.
"""

import functools
import logging

_log = logging.getLogger(__name__)

#: Primitives of linear algebra whose lowering for JAX's CPU backend calls LAPACK by name, which the
#: plugin answers, and that for a platform that JAX does not know have a lesser lowering.
_BY_NAME = "svd_p ormqr_p tridiagonal_solve_p".split()


class _OrThoseForCpu(dict):
    """Lowerings for a platform; of a primitive that has neither one of these nor a common one, that for `cpu`."""

    def __init__(self, own, common, cpu):
        super().__init__(own)
        self._common, self._cpu = common, cpu

    def __contains__(self, primitive):
        return super().__contains__(primitive) or (primitive not in self._common and primitive in self._cpu)

    def __missing__(self, primitive):
        if primitive in self:
            return self._cpu[primitive]
        raise KeyError(primitive)


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
def _for_cpu_only(platform):
    """what JAX, or a package beside it, lowers for `cpu` only"""
    from jax._src.interpreters import mlir

    known = mlir._platform_specific_lowerings
    if platform != "cpu":
        known[platform] = _OrThoseForCpu(known[platform], mlir._lowerings, known["cpu"])


@_guarded
def _linear_algebra(platform):
    """linear algebra better than what JAX writes out itself"""
    from jax._src.interpreters import mlir
    from jax._src.lax import linalg

    known = mlir._platform_specific_lowerings
    for name in _BY_NAME:
        primitive = getattr(linalg, name, None)
        if primitive in known["cpu"]:
            known[platform].setdefault(primitive, known["cpu"][primitive])


def _with_ours(platforms, platform):
    """The platforms of each branch; whoever has one for `cpu` and none for `platform` means this device too."""
    if any(platform in names for names in platforms if names is not None):
        return platforms
    ours = lambda names: (*names, platform) if names is not None and "cpu" in names else names
    return tuple(map(ours, platforms))


@_guarded
def _branches(platform):
    """the branch for `cpu` of `jax.lax.platform_dependent`"""
    from jax._src.interpreters import mlir
    from jax._src.lax.control_flow import conditionals

    if platform == "cpu":
        return

    def lowered(primitive, parameter):
        original = mlir._lowerings[primitive]

        def rule(ctx, *operands, **parameters):
            if parameters.get(parameter) is not None:
                parameters[parameter] = _with_ours(parameters[parameter], platform)
            return original.rule(ctx, *operands, **parameters)

        entry = type(original)(rule, original.inline)
        mlir._platform_specific_lowerings[platform].setdefault(primitive, entry)

    lowered(conditionals.platform_index_p, "platforms")
    lowered(conditionals.cond_p, "branches_platforms")


@_guarded
def _dlpack(platform):
    """giving arrays away by DLPack"""
    import jax
    from jax._src import array

    if platform == "cpu":
        return

    def through_cpu(original):
        @functools.wraps(original)
        def method(self, *args, **options):
            if all(device.platform == platform for device in self.devices()):
                # The same memory as an array of JAX's own backend, which keeps it.
                self = jax.device_put(self, jax.devices("cpu")[0], may_alias=True)
            return original(self, *args, **options)

        return method

    for name in ("__dlpack__", "__dlpack_device__"):
        setattr(array.ArrayImpl, name, through_cpu(getattr(array.ArrayImpl, name)))


def _callbacks(library):
    @_guarded
    def register(platform):
        """calling Python from within a program"""
        from jax._src import callback

        from . import callbacks

        if platform == "cpu":
            return
        callbacks.connect(library)
        callback.emit_python_callback = callbacks.emitter(callback.emit_python_callback, platform)

    return register


def register(platform, library):
    """Registers everything for a platform of this name, whose plugin is in the file `library`."""
    for part in (_donation, _for_cpu_only, _linear_algebra, _branches, _dlpack, _callbacks(library)):
        part(platform)

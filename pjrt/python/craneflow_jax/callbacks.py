"""Python functions that programs call back: ``pure_callback``, ``io_callback``, ``debug.callback``, ``debug.print``.

The program carries a number. The plugin calls :func:`_answer` with it and with the addresses of operands
and results; what the function raises becomes the error of the program's run.
"""

import ctypes
import functools
import itertools
import math
import threading
import traceback
import weakref

import numpy as np

TARGET = "craneflow_python_callback"


class _Span(ctypes.Structure):
    """The memory of an array."""

    _fields_ = [("data", ctypes.c_void_p), ("len", ctypes.c_size_t)]


#: Number, operands, results, message: 0, or 1 with what went wrong in the message.
_SIGNATURE = ctypes.CFUNCTYPE(
    ctypes.c_int32,
    ctypes.c_uint64,
    ctypes.POINTER(_Span),
    ctypes.c_size_t,
    ctypes.POINTER(_Span),
    ctypes.c_size_t,
    ctypes.c_void_p,
    ctypes.c_size_t,
)


class _Function:
    """A function with the shapes and types of what it takes and returns."""

    def __init__(self, call, operands, results):
        self.call, self.operands, self.results = call, operands, results


_lock = threading.Lock()
_numbers = itertools.count(1)
#: Functions that the plugin may call: it says when it has dropped the last program that does.
_held = {}
#: The same and those that are only lowered; a lowering keeps its own.
_known = weakref.WeakValueDictionary()
_library = None


def _size(aval):
    return math.prod(aval.shape) * aval.dtype.itemsize


def _copy(span, aval):
    """The array in this memory, which the function may keep."""
    raw = ctypes.string_at(span.data, span.len) if span.len else b""
    return np.frombuffer(bytearray(raw), dtype=aval.dtype).reshape(aval.shape)


def _fits(spans, count, avals):
    return count == len(avals) and all(spans[i].len == _size(a) for i, a in enumerate(avals))


def _checked(i, value, aval):
    """A result as it was promised; JAX has made 32 bits of what Python has 64 for, unless told otherwise."""
    from jax import dtypes

    value = np.asarray(value)
    value = value.astype(dtypes.canonicalize_dtype(value.dtype), copy=False)
    if value.shape != tuple(aval.shape):
        raise RuntimeError(
            f"Incorrect output shape for return value #{i}: "
            f"Expected: {tuple(aval.shape)}, Actual: {value.shape}"
        )
    if value.dtype != aval.dtype:
        raise RuntimeError(
            f"Incorrect output dtype for return value #{i}: "
            f"Expected: {aval.dtype}, Actual: {value.dtype}"
        )
    return value


def _run(number, operands, results):
    function = _held.get(number) or _known.get(number)
    if function is None:
        raise RuntimeError("the Python function of this program is gone")
    if not _fits(*operands, function.operands) or not _fits(*results, function.results):
        raise RuntimeError("the program calls a Python function with other types than it was made for")
    values = list(function.call(*[_copy(operands[0][i], a) for i, a in enumerate(function.operands)]))
    if len(values) != len(function.results):
        raise RuntimeError(
            "Mismatched number of outputs from callback. "
            f"Expected: {len(function.results)}, Actual: {len(values)}"
        )
    for i, (value, aval) in enumerate(zip(values, function.results)):
        content = np.ascontiguousarray(_checked(i, value, aval)).tobytes()
        ctypes.memmove(results[0][i].data, content, len(content))


@_SIGNATURE
def _answer(number, operands, num_operands, results, num_results, message, room):
    try:
        _run(number, (operands, num_operands), (results, num_results))
        return 0
    except BaseException:
        # The end of it says most.
        text = traceback.format_exc().encode("utf-8", "replace")[-(room - 1) :]
        ctypes.memmove(message, text, len(text))
        return 1


def _register(call, operand_avals, result_avals):
    """A function and its number in programs."""
    function = _Function(call, list(operand_avals), list(result_avals))
    with _lock:
        while (gone := _library.craneflow_released_callback()) != 0:
            _held.pop(gone, None)
        number = next(_numbers)
        _held[number] = _known[number] = function
    return number, function


def connect(library):
    """Tells the plugin in this file where to call."""
    global _library
    _library = ctypes.CDLL(library)
    _library.craneflow_released_callback.restype = ctypes.c_uint64
    _library.craneflow_set_callback.argtypes = [_SIGNATURE]
    _library.craneflow_set_callback(_answer)


def emitter(original, platform):
    """JAX's function that emits a call of Python, with ours for our platform."""
    from jax._src.interpreters import mlir
    from jax._src.lib.mlir import ir
    from jax._src.lib.mlir.dialects import hlo

    def emit(ctx, callback, token, operands, operand_avals, result_avals, **options):
        if tuple(ctx.module_context.platforms) != (platform,):
            return original(
                ctx, callback, token, operands, operand_avals, result_avals, **options
            )
        number, function = _register(callback, operand_avals, result_avals)
        ctx.module_context.add_keepalive(function)
        tokens = [token] if token else []
        tensor = lambda a: ir.RankedTensorType.get(a.shape, mlir.dtype_to_ir_type(a.dtype))
        types = [tensor(a) for a in result_avals]
        call = mlir.custom_call(
            TARGET,
            result_types=[hlo.TokenType.get() for _ in tokens] + types,
            operands=[*tokens, *operands],
            backend_config=str(number),
            has_side_effect=bool(options.get("has_side_effect", False)),
        )
        results = list(call.results)
        return results[len(tokens) :], (results[0] if tokens else None), None

    return functools.wraps(original)(emit)

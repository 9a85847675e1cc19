"""Arrays that share memory: with NumPy, JAX's CPU backend and PyTorch, to the device and from it."""

import gc

import jax
import jax.numpy as jnp
import numpy as np
import pytest

jax.config.update("jax_enable_x64", True)

#: Bytes that the memory of an array on the device is aligned to.
ALIGNMENT = 64
OURS, CPU = jax.devices()[0], jax.devices("cpu")[0]
DTYPES = "int8 uint16 int32 int64 float16 float32 float64 complex64 complex128".split()


def placed(values, offset=0):
    """A copy of an array, so many bytes beyond an aligned address."""
    values = np.asarray(values)
    room = np.zeros(values.nbytes + ALIGNMENT + offset, np.uint8)
    start = -room.ctypes.data % ALIGNMENT + offset
    copy = room[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    copy[...] = values
    return copy


def address(x):
    return x.unsafe_buffer_pointer() if isinstance(x, jax.Array) else x.ctypes.data


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (7,), (3, 5)])
def test_numpy_both_ways(dtype, shape):
    values = placed(np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype))
    taken = jnp.from_dlpack(values, device=OURS)
    assert taken.devices() == {OURS} and taken.dtype == values.dtype
    assert address(taken) == address(values)
    given = np.from_dlpack(taken)
    assert address(given) == address(values)
    assert given.dtype == values.dtype and np.array_equal(given, values)


def test_what_is_computed_is_aligned_and_given_without_a_copy():
    for n in (1, 3, 1000, 100_003):
        x = jax.jit(lambda n=n: jnp.arange(n) * 0.5)()
        given = np.from_dlpack(x)
        assert address(x) % ALIGNMENT == 0
        assert address(given) == address(x) == address(np.asarray(x))
        assert np.array_equal(given, np.arange(n) * 0.5)


@pytest.mark.parametrize("offset", [4, 8, 16, 32])
def test_what_is_not_aligned_is_copied(offset):
    values = placed(np.arange(100, dtype=np.float32), offset)
    taken = jnp.from_dlpack(values, device=OURS)
    assert address(taken) != address(values) and address(taken) % ALIGNMENT == 0
    values[:] = -1
    assert taken.tolist() == list(range(100))


def test_truth_values_are_copied_in_and_shared_out():
    values = placed(np.array([False, True, True]))
    taken = jnp.from_dlpack(values, device=OURS)
    assert address(taken) != address(values)
    assert taken.tolist() == [False, True, True]
    assert address(np.from_dlpack(taken)) == address(taken)


def test_another_order_of_axes_is_copied():
    values = placed(np.arange(12.0).reshape(3, 4)).T
    taken = jax.device_put(values, OURS)
    assert address(taken) != address(values)
    assert np.array_equal(np.asarray(taken + 1), values + 1)


def test_cpu_backend_both_ways():
    x = jax.device_put(placed(np.arange(100.0)), CPU)
    ours = jax.device_put(x, OURS, may_alias=True)
    assert address(ours) == address(x)
    back = jax.device_put(ours, CPU, may_alias=True)
    assert address(back) == address(x)
    assert np.array_equal(np.asarray(ours * 2), np.arange(100.0) * 2)


def test_memory_stays_while_someone_has_it():
    x = jnp.arange(1000.0) + 1
    given, place = np.from_dlpack(x), address(x)
    x.delete()
    with pytest.raises(RuntimeError, match="deleted"):
        np.from_dlpack(x)
    del x
    gc.collect()
    # Whatever is made now is made elsewhere.
    others = [jnp.full(1000, float(i)) for i in range(20)]
    assert all(address(other) != place for other in others)
    assert np.array_equal(given, np.arange(1000.0) + 1)

    values = placed(np.arange(1000.0))
    taken = jnp.from_dlpack(values, device=OURS)
    expected = values.copy()
    del values
    gc.collect()
    assert np.array_equal(np.asarray(taken), expected)


def test_a_donated_array_that_is_lent_is_not_written():
    step = jax.jit(lambda x: x + 1, donate_argnums=0)
    x = jnp.arange(1000.0) * 2
    given = np.from_dlpack(x)
    y = step(x)
    assert x.is_deleted()
    assert address(y) != address(given)
    assert np.array_equal(given, np.arange(1000.0) * 2)
    assert np.array_equal(np.asarray(y), given + 1)

    values = placed(np.arange(1000.0))
    taken = jnp.from_dlpack(values, device=OURS)
    y = step(taken)
    assert np.array_equal(values, np.arange(1000.0))
    assert np.array_equal(np.asarray(y), values + 1)


def test_torch_both_ways():
    torch = pytest.importorskip("torch")
    x = jnp.arange(12.0).reshape(3, 4) * 0.5
    tensor = torch.from_dlpack(x)
    assert tensor.data_ptr() == address(x)
    assert np.array_equal(tensor.numpy(), np.asarray(x))
    place = tensor.data_ptr()
    x.delete()
    assert tensor.data_ptr() == place and tensor.sum() == 33.0

    tensor = torch.from_numpy(placed(np.arange(12, dtype=np.float32)))
    taken = jnp.from_dlpack(tensor, device=OURS)
    assert address(taken) == tensor.data_ptr()
    assert np.array_equal(np.asarray(jnp.cumsum(taken)), np.cumsum(np.arange(12, dtype=np.float32)))

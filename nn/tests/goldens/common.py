"""What the generators share: fixed numbers, and files in the safetensors format."""

import json
import os
import struct

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import numpy as np

FOLDER = os.path.dirname(os.path.abspath(__file__))
NAMES = {"float32": "F32", "int32": "I32", "bool": "BOOL", "uint8": "U8"}


class File:
    """Arrays by name, written when all are there."""

    def __init__(self, name):
        self.name = name
        self.arrays = {}

    def add(self, key, array):
        array = np.asarray(array)
        if array.dtype == np.float64:
            array = array.astype("float32")
        if array.dtype in (np.int64, np.uint32):
            array = array.astype("int32")
        assert key not in self.arrays, key
        assert array.dtype == bool or np.all(np.isfinite(array.astype("float64"))), key
        self.arrays[key] = array.copy(order="C")

    def write(self):
        header, start, data = {}, 0, []
        order = sorted(self.arrays.items(), key=lambda item: (-item[1].itemsize, item[0]))
        for key, array in order:
            header[key] = {
                "dtype": NAMES[str(array.dtype)],
                "shape": list(array.shape),
                "data_offsets": [start, start + array.nbytes],
            }
            start += array.nbytes
            data.append(array.tobytes())
        text = json.dumps(header, separators=(",", ":"), sort_keys=True).encode()
        text += b" " * (-len(text) % 8)
        with open(os.path.join(FOLDER, self.name + ".safetensors"), "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text + b"".join(data))
        print(self.name, len(order), "arrays,", start + len(text), "bytes")


def numbers(seed, *shape, low=-1.5, high=1.5):
    """Uniform numbers that are the same everywhere."""
    return np.random.RandomState(seed).uniform(low, high, shape).astype("float32")


def classes(seed, count, *shape):
    return np.random.RandomState(seed).randint(0, count, shape).astype("int32")


def coefficients(shape):
    """What outputs are multiplied by before they are summed to a scalar."""
    count = int(np.prod(shape))
    return (0.5 + (7 * np.arange(count) % 11) / 11).astype("float32").reshape(shape)

"""The models of examples/transfer.rs in Keras, on MNIST: transfer.py FOLDER."""

import gzip
import sys
import time
from pathlib import Path

from common import compiled, np, os

import keras
from keras import layers

FEW = 10


def idx(folder, name):
    path = Path(folder) / name
    data = path.read_bytes() if path.exists() else gzip.open(f"{path}.gz").read()
    return np.frombuffer(data[16:] if "images" in name else data[8:], np.uint8)


def part(folder, name, first, most=10**9):
    """The first pictures of each of five classes, in the order of the file."""
    x = idx(folder, f"{name}-images-idx3-ubyte").reshape(-1, 28, 28, 1) / np.float32(255)
    y = idx(folder, f"{name}-labels-idx1-ubyte").astype(np.int32) - first
    rows = np.sort(np.concatenate([np.flatnonzero(y == c)[:most] for c in range(5)]))
    return x[rows], y[rows]


def base():
    return [
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.Flatten(),
    ]


def head():
    return [layers.Dense(64, activation="relu"), layers.Dense(5)]


def main(folder):
    first, few = part(folder, "train", 0), part(folder, "train", 5, FEW)
    test = part(folder, "t10k", 5)
    for seed in map(int, os.environ.get("SEEDS", "1 2 3").split()):
        keras.utils.set_random_seed(seed)
        start = time.perf_counter()
        trained = base()
        compiled([*trained, *head()], 1e-3).fit(*first, epochs=2, batch_size=64, verbose=0)
        for layer in trained:
            layer.trainable = False
        found = []
        for parts in (trained, base()):
            model = compiled([*parts, *head()], 1e-3)
            model.fit(*few, epochs=60, batch_size=10, verbose=0)
            found.append(100 * model.evaluate(*test, verbose=0)[1])
        seconds = time.perf_counter() - start
        load = os.getloadavg()[0]
        print(
            f"seed {seed}: {found[0]:.2f} % with the base of 0 to 4, {found[1]:.2f} % from nothing, "
            f"{seconds:.1f} s, load {load:.1f}",
            flush=True,
        )


main(sys.argv[1])

"""The model of examples/described/fsdd.toml in Keras: fsdd.py FOLDER."""

import sys

from common import compiled, np, runs, table
from keras import layers


def main(folder):
    def part(name):
        rows = [list(row.values()) for row in table(f"{folder}/{name}.csv")]
        x = np.array([row[:-1] for row in rows], np.float32)
        return x, np.array([row[-1] for row in rows], np.int32)

    convolution = lambda: layers.Conv1D(64, 5, padding="same", activation="relu")
    build = lambda: compiled(
        [
            layers.Rescaling(0.02),
            layers.Reshape((30, 13)),
            convolution(),
            convolution(),
            layers.GlobalMaxPooling1D(),
            layers.Dropout(0.3),
            layers.Dense(10),
        ],
        0.001,
    )
    runs("fsdd", build, part("train"), part("test"), epochs=15, batch_size=32)


main(sys.argv[1])

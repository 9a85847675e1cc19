"""The model of examples/described/demand.toml in Keras: demand.py FOLDER."""

import sys

from common import compiled, np, runs, table
from keras import layers


def main(folder):
    def part(name):
        rows = table(f"{folder}/{name}.csv")
        x = np.array([[float(row[f"h{hour}"]) for hour in range(24)] for row in rows], np.float32)
        return x, np.array([row["season"] == "winter" for row in rows], np.int32)

    convolution = lambda: layers.Conv1D(32, 5, padding="same", activation="relu")
    build = lambda: compiled(
        [
            layers.Reshape((24, 1)),
            convolution(),
            convolution(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(2),
        ],
        0.001,
    )
    runs("demand", build, part("train"), part("test"), epochs=100, batch_size=16)


main(sys.argv[1])

"""The model of examples/described/diabetes.toml in Keras, plain, with L1 and with L2:
diabetes.py FOLDER."""

import sys

from common import np, runs, table

import keras
from keras import layers


def main(folder):
    train, test = table(f"{folder}/train.csv"), table(f"{folder}/test.csv")
    numbers = lambda rows: np.array([[float(x) for x in row.values()] for row in rows], np.float32)
    train, test = numbers(train), numbers(test)
    mean, deviation = train[:, :-1].mean(0), train[:, :-1].std(0)
    part = lambda x: ((x[:, :-1] - mean) / deviation, x[:, -1:])
    penalties = [
        ("plain", lambda: None),
        ("L1", lambda: keras.regularizers.L1(0.003)),
        ("L2", lambda: keras.regularizers.L2(0.01)),
    ]
    for name, penalty in penalties:

        def build():
            parts = [
                layers.Dense(32, activation="relu", kernel_regularizer=penalty()),
                layers.Dense(32, activation="relu", kernel_regularizer=penalty()),
                layers.Dense(1, kernel_regularizer=penalty()),
            ]
            model = keras.Sequential(parts)
            metrics = ["r2_score", "mean_absolute_error"]
            model.compile(keras.optimizers.Adam(0.002), "mean_squared_error", metrics=metrics)
            return model

        runs(name, build, part(train), part(test), epochs=60, batch_size=32)


main(sys.argv[1])

"""The model of examples/anomaly.rs in Keras: anomaly.py examples/data/breast_cancer.csv."""

import sys
import time

from common import np, os, table

import keras
from keras import layers


def main(path):
    rows = table(path)
    benign = np.array([row["diagnosis"] == "benign" for row in rows])
    numbers = np.array([[float(x) for x in list(row.values())[:-1]] for row in rows], np.float32)
    held_out = np.arange(len(rows)) % 5 == 0
    seen = numbers[~held_out & benign]
    scaled = lambda x: (x - seen.mean(0)) / seen.std(0)
    x, test, labels = scaled(seen), scaled(numbers[held_out]), ~benign[held_out]
    for seed in map(int, os.environ.get("SEEDS", "1 2 3").split()):
        keras.utils.set_random_seed(seed)
        hidden = [layers.Dense(units, activation="relu") for units in (16, 6, 16)]
        model = keras.Sequential([*hidden, layers.Dense(x.shape[1])])
        model.compile(keras.optimizers.Adam(0.003), "mean_squared_error")
        start = time.perf_counter()
        model.fit(x, x, epochs=60, batch_size=16, verbose=0)
        seconds = time.perf_counter() - start
        errors = ((model.predict(test, verbose=0) - test) ** 2).mean(1)
        area = (errors[labels][:, None] > errors[~labels][None]).mean()
        load = os.getloadavg()[0]
        print(f"seed {seed}: area under the curve {area:.3f}, {seconds:.1f} s, load {load:.1f}", flush=True)


main(sys.argv[1])

"""The model of examples/described/titanic.toml in Keras, with each way to fill gaps, or those named: titanic.py FOLDER [METHOD...]."""

import sys

from common import compiled, np, runs, table
from gaps import METHODS, filled
from keras import layers

CLASSES = ["1st", "2nd", "3rd"]
SEXES = ["female", "male"]


def columns(rows):
    """Age, then a column for each class and sex; what is missing is NaN."""
    age = lambda row: float(row["age"]) if row["age"] not in ("", "NA") else np.nan
    one_hot = lambda word, words: [
        np.nan if word not in words else float(word == w) for w in words
    ]
    numbers = [
        [*one_hot(r["class"], CLASSES), age(r), *one_hot(r["sex"], SEXES)] for r in rows
    ]
    return np.array(numbers), np.array([int(r["survived"]) for r in rows])


def main(folder, *methods):
    (train, y), (test, test_y) = (
        columns(table(f"{folder}/{part}.csv")) for part in ["train", "test"]
    )
    known = train.copy()
    age = known[:, 3]
    mean, deviation = np.nanmean(age), np.nanstd(age)
    for part in (train, test, known):
        part[:, 3] = (part[:, 3] - mean) / deviation
    whole = lambda x: ~np.isnan(x).any(axis=1)
    parts = {name: [f(train, known), f(test, known), y, test_y] for name, f in METHODS.items()}
    parts["constant"] = [filled(x, [0, 0, 0, -mean / deviation, 0, 0]) for x in (train, test)]
    parts["constant"] += [y, test_y]
    parts["drop"] = [train[whole(train)], test[whole(test)], y[whole(train)], test_y[whole(test)]]
    parts["indicators"] = [
        np.c_[filled(x, np.nanmean(known, axis=0)), np.isnan(x[:, 3])] for x in (train, test)
    ] + [y, test_y]

    def build():
        hidden = [layers.Dense(16, activation="relu") for _ in range(2)]
        return compiled([*hidden, layers.Dense(2)], 0.003)

    for name in methods or parts:
        x, test_x, y_of, test_y_of = parts[name]
        runs(name, build, (x, y_of), (test_x, test_y_of), epochs=40, batch_size=32)


main(*sys.argv[1:])

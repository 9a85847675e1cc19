"""The model of examples/described/titanic.toml in Keras, with each way to fill gaps: titanic.py FOLDER."""

import sys

from common import compiled, np, runs, table
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


def filled(x, values):
    return np.where(np.isnan(x), values, x)


def most_frequent(column):
    values, counts = np.unique(column[~np.isnan(column)], return_counts=True)
    return values[counts.argmax()]


def neighbours(x, known, k=5):
    result = x.copy()
    for row in result:
        gaps = np.isnan(row)
        if gaps.any():
            distance = np.nanmean((known - row) ** 2, axis=1)
            order = np.argsort(distance, kind="stable")
            for c in np.flatnonzero(gaps):
                near = known[order, c]
                row[c] = near[~np.isnan(near)][:k].mean()
    return result


def regression(x, known, rounds=10, ridge=1e-3):
    """Each column from all others, by the rows that have it, in rounds."""
    gaps_of = np.isnan
    fit = filled(known, np.nanmean(known, axis=0))
    use = filled(x, np.nanmean(known, axis=0))
    for _ in range(rounds):
        for c in np.argsort(gaps_of(known).sum(0), kind="stable"):
            others = lambda m: np.c_[np.delete(m, c, axis=1), np.ones(len(m))]
            have = ~gaps_of(known[:, c])
            a, b = others(fit[have]), known[have, c]
            penalty = ridge * len(a) * np.eye(a.shape[1])
            penalty[-1, -1] = 0
            weights = np.linalg.solve(a.T @ a + penalty, a.T @ b)
            fit[~have, c] = others(fit[~have]) @ weights
            gaps = gaps_of(x[:, c])
            use[gaps, c] = others(use[gaps]) @ weights
    return use


METHODS = {
    "mean": lambda x, known: filled(x, np.nanmean(known, axis=0)),
    "median": lambda x, known: filled(x, np.nanmedian(known, axis=0)),
    "most_frequent": lambda x, known: filled(x, [most_frequent(c) for c in known.T]),
    "neighbours": neighbours,
    "regression": regression,
}


def main(folder):
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

    for name, (x, test_x, y_of, test_y_of) in parts.items():
        runs(name, build, (x, y_of), (test_x, test_y_of), epochs=40, batch_size=32)


main(sys.argv[1])

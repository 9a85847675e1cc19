"""The model of examples/missing_values.rs in Keras, on the same splits and with the same cells taken out:
penguins.py examples/data/penguins.csv."""

import sys
import time

from common import compiled, np, table
from gaps import METHODS, filled

import keras
from keras import layers

NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
SEXES = ["female", "male"]
SPECIES = ["Adelie", "Chinstrap", "Gentoo"]


class Words:
    """The program's own generator, Philox4x32-10, so that splits and gaps are those of the program."""

    def __init__(self, seed):
        self.seed, self.at = seed, 0

    def word(self):
        low = (1 << 32) - 1
        counter, key = [self.at // 4, 0, 0, 0], [self.seed, 0]
        for _ in range(10):
            a, b = counter[0] * 0xD2511F53, counter[2] * 0xCD9E8D57
            counter = [b >> 32 ^ counter[1] ^ key[0], b & low, a >> 32 ^ counter[3] ^ key[1], a & low]
            key = [key[0] + 0x9E3779B9 & low, key[1] + 0xBB67AE85 & low]
        self.at += 1
        return counter[(self.at - 1) % 4]

    def permutation(self, count):
        order = list(range(count))
        for last in range(count - 1, 0, -1):
            # Draws of 64 bits past the greatest multiple of last + 1 do not come up.
            other = (self.word() | self.word() << 32) % (last + 1)
            order[last], order[other] = order[other], order[last]
        return order


def matrix(rows):
    """Four numbers, then a column for each sex; what is missing is NaN."""
    number = lambda cell: np.nan if cell == "NA" else float(cell)
    sex = lambda cell: [np.nan if cell == "NA" else float(cell == s) for s in SEXES]
    return np.array([[*(number(r[c]) for c in NUMBERS), *sex(r["sex"])] for r in rows])


def with_gaps(rows):
    """A third of the cells is gone, of the columns that are ignored as well."""
    words = Words(7)
    rows = [dict(row) for row in rows]
    for name in rows[0]:
        for row in rows:
            # No draw for the label, and none for a cell that is missing anyway.
            if name != "species" and row[name] != "NA" and words.word() >> 8 < (1 << 24) / 3:
                row[name] = "NA"
    return rows


def accuracy(rows, split, method, indicators):
    order = Words(split).permutation(len(rows))
    held_out = len(rows) // 3
    x, y = matrix(rows), np.array([SPECIES.index(r["species"]) for r in rows])
    test, train = order[:held_out], order[held_out:]
    mean, scale = np.nanmean(x[train, :4], axis=0), np.nanstd(x[train, :4], axis=0)
    x[:, :4] = (x[:, :4] - mean) / scale
    known, gaps = x[train], np.isnan(x[:, :5])
    marks = gaps[:, gaps[train].any(0)] if indicators else gaps[:, :0]

    def part(rows):
        if method == "drop":
            rows = np.array(rows)[~np.isnan(x[rows]).any(1)]
            return x[rows], y[rows]
        if method == "constant":
            values = filled(x[rows], [*(-mean / scale), 0, 0])
        else:
            values = METHODS[method](x[rows], known)
        return np.c_[values, marks[rows]], y[rows]

    keras.utils.set_random_seed(split)
    model = compiled([layers.Dense(16, activation="relu"), layers.Dense(3)], 0.01)
    model.fit(*part(train), epochs=40, batch_size=32, verbose=0)
    test_x, test_y = part(test)
    right = model.evaluate(test_x, test_y, verbose=0)[1] if len(test_x) else 0
    return 100 * right * len(test_x) / len(test)


def main(path):
    whole = table(path)
    tables = whole, with_gaps(whole)
    for method in ["drop", "constant", *METHODS]:
        for indicators in [False, True][: 1 if method == "drop" else 2]:
            start = time.perf_counter()
            found = [np.mean([accuracy(t, split, method, indicators) for split in range(3)]) for t in tables]
            seconds = time.perf_counter() - start
            mark = ", and where" if indicators else ""
            print(f"{method + mark:30} {found[0]:6.1f} % {found[1]:6.1f} % {seconds:6.1f} s", flush=True)


main(sys.argv[1])

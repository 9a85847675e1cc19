"""What the scripts share: tables, tokens, and three runs of a model. Its import comes before that of keras."""

import csv
import os
import re
import sys
import time
from collections import Counter

os.environ.setdefault("KERAS_BACKEND", "jax")
import keras
import numpy as np

csv.field_size_limit(sys.maxsize)


def table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def tokens(text):
    """Runs of letters, digits and apostrophes in lower case; any other character that is no space."""
    return re.findall(r"[^\W_]+(?:'+[^\W_]*)*|'+[^\W_]*(?:'+[^\W_]*)*|[^\w\s]|_", text.lower())


def compiled(parts, rate):
    """A classifier of these layers, whose last gives logits."""
    model = keras.Sequential(parts)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    return model


class Vocabulary:
    """The most frequent tokens; 0 is padding, 1 is what is not known."""

    def __init__(self, texts, size):
        counts = Counter(token for text in texts for token in tokens(text))
        order = sorted(counts, key=lambda token: (-counts[token], token))[: size - 2]
        self.numbers = {token: i + 2 for i, token in enumerate(order)}

    def encode(self, texts, length):
        result = np.zeros((len(texts), length), np.int32)
        for row, text in zip(result, texts):
            numbers = [self.numbers.get(token, 1) for token in tokens(text)[:length]]
            row[: len(numbers)] = numbers
        return result


def runs(name, build, train, test, epochs, batch_size, batches=None):
    """Trains three times, or with the seeds that the variable SEEDS lists, and prints the metrics of the held-out
    part and the seconds of `fit`, those of the clock and those of all processors. EPOCHS sets another number
    of epochs. `batches` makes a data set of the training part, the size of a batch and a seed."""
    for seed in map(int, os.environ.get("SEEDS", "1 2 3").split()):
        keras.utils.set_random_seed(seed)
        model = build()
        options = dict(epochs=int(os.environ.get("EPOCHS", epochs)), verbose=0)
        start, busy = time.perf_counter(), time.process_time()
        if batches:
            model.fit(batches(*train, batch_size, seed), **options)
        else:
            model.fit(*train, batch_size=batch_size, **options)
        seconds, busy = time.perf_counter() - start, time.process_time() - busy
        result = model.evaluate(*test, verbose=0, return_dict=True)
        numbers = ", ".join(f"{key} {value:.4f}" for key, value in result.items())
        times = f"{seconds:.1f} s, {busy:.1f} s of processors, load {os.getloadavg()[0]:.1f}"
        print(f"{name}, seed {seed}: {numbers}, {times}", flush=True)

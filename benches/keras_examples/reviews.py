"""The model of examples/described/reviews.toml in Keras: reviews.py FOLDER."""

import sys

from common import Vocabulary, compiled, np, runs, table
from keras import layers

SIZE, LENGTH = 10_000, 40


def main(folder):
    train, test = table(f"{folder}/train.csv"), table(f"{folder}/test.csv")
    vocabulary = Vocabulary([row["text"] for row in train], SIZE)
    part = lambda rows: (
        vocabulary.encode([row["text"] for row in rows], LENGTH),
        np.array([row["label"] == "good" for row in rows], np.int32),
    )
    build = lambda: compiled(
        [
            layers.Embedding(SIZE, 32, mask_zero=True),
            layers.Dropout(0.3),
            layers.Bidirectional(layers.GRU(32)),
            layers.Dropout(0.3),
            layers.Dense(2),
        ],
        0.001,
    )
    runs("reviews", build, part(train), part(test), epochs=4, batch_size=32)


main(sys.argv[1])

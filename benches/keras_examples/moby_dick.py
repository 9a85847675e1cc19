"""The models of examples/moby_dick.rs in Keras: moby_dick.py FILE [EPOCHS]."""

import sys

from common import np, runs

import keras
from keras import layers

TIME, WIDTH = 64, 64


def windows(numbers):
    count = (len(numbers) - 1) // TIME
    piece = lambda start: numbers[start : start + count * TIME].reshape(count, TIME)
    return piece(0), piece(1)


class Positions(layers.Layer):
    """Learned vectors of positions, added."""

    def build(self, shape):
        start = keras.initializers.RandomUniform(-0.05, 0.05)
        self.table = self.add_weight(shape=shape[1:], initializer=start)

    def call(self, x):
        return x + self.table


class Block(layers.Layer):
    """A step sees itself and what is before it."""

    def __init__(self):
        super().__init__()
        self.attention = layers.MultiHeadAttention(4, WIDTH // 4)
        self.norms = [layers.LayerNormalization(epsilon=1e-5) for _ in range(2)]
        self.dense = [layers.Dense(256, activation="gelu"), layers.Dense(WIDTH)]

    def call(self, x):
        y = self.norms[0](x)
        x = x + self.attention(y, y, use_causal_mask=True)
        return x + self.dense[1](self.dense[0](self.norms[1](x)))


def lstm(characters):
    return [
        layers.Embedding(characters, 32),
        layers.LSTM(128, return_sequences=True),
        layers.Dense(characters),
    ]


def gpt(characters):
    return [
        layers.Embedding(characters, WIDTH),
        Positions(),
        Block(),
        Block(),
        layers.LayerNormalization(epsilon=1e-3),
        layers.Dense(characters),
    ]


def main(path, epochs=2):
    text = open(path, encoding="utf-8").read()
    characters = sorted(set(text))
    of = {c: i for i, c in enumerate(characters)}
    numbers = np.array([of[c] for c in text], np.int32)
    cut = len(numbers) * 9 // 10
    for name, parts in [("LSTM", lstm), ("GPT", gpt)]:

        def build():
            model = keras.Sequential(parts(len(characters)))
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            bits = lambda y, x: keras.ops.mean(
                keras.losses.sparse_categorical_crossentropy(y, x, from_logits=True)
            ) / np.log(2)
            model.compile(keras.optimizers.Adam(0.002), loss, metrics=[bits])
            return model

        parts_of = windows(numbers[:cut]), windows(numbers[cut:])
        runs(name, build, *parts_of, epochs=epochs, batch_size=32)


main(sys.argv[1], *map(int, sys.argv[2:]))

"""The models of examples/described/spam_{lstm,transformer}.toml in Keras: spam.py FOLDER."""

import sys

from common import Vocabulary, compiled, np, runs, table

import keras
from keras import layers

SIZE, LENGTH = 10_000, 150


def lstm():
    return [
        layers.Embedding(SIZE, 32),
        layers.Bidirectional(layers.LSTM(32, return_sequences=True)),
        layers.GlobalMaxPooling1D(),
        layers.Dropout(0.3),
        layers.Dense(2),
    ]


class Positions(layers.Layer):
    """Learned vectors of positions, added."""

    def build(self, shape):
        start = keras.initializers.RandomUniform(-0.05, 0.05)
        self.table = self.add_weight(shape=shape[1:], initializer=start)

    def call(self, x):
        return x + self.table


class Encoder(layers.Layer):
    """A block of a transformer, with normalisation before its parts."""

    def __init__(self, heads, hidden):
        super().__init__()
        self.attention = layers.MultiHeadAttention(heads, 32 // heads, dropout=0.1)
        self.norms = [layers.LayerNormalization(epsilon=1e-5) for _ in range(2)]
        self.dense = [layers.Dense(hidden, activation="relu"), layers.Dense(32)]
        self.dropout = [layers.Dropout(0.1) for _ in range(2)]

    def call(self, x, training=None):
        y = self.norms[0](x)
        x = x + self.dropout[0](self.attention(y, y, training=training), training=training)
        y = self.dense[1](self.dense[0](self.norms[1](x)))
        return x + self.dropout[1](y, training=training)


def transformer():
    return [
        layers.Embedding(SIZE, 32),
        Positions(),
        Encoder(2, 64),
        layers.GlobalAveragePooling1D(),
        layers.Dropout(0.3),
        layers.Dense(2),
    ]


def main(folder):
    train, test = table(f"{folder}/train.csv"), table(f"{folder}/test.csv")
    vocabulary = Vocabulary([row["text"] for row in train], SIZE)
    part = lambda rows: (
        vocabulary.encode([row["text"] for row in rows], LENGTH),
        np.array([row["label"] == "spam" for row in rows], np.int32),
    )
    for name, parts in [("LSTM", lstm), ("Transformer", transformer)]:
        runs(name, lambda: compiled(parts(), 0.002), part(train), part(test), epochs=4, batch_size=32)


if __name__ == "__main__":
    main(sys.argv[1])

"""The model of examples/recommender.rs in Keras: recommender.py FOLDER."""

import sys

from common import np, runs, table

import keras
from keras import layers


def main(folder):
    def part(name):
        rows = table(f"{folder}/{name}.csv")
        column = lambda key, kind: np.array([[float(row[key])] for row in rows], kind)
        inputs = {key: column(key, np.int32) for key in ("user", "film")}
        return inputs, column("stars", np.float32)

    (x, y), (test, test_y) = part("train"), part("test")
    size = lambda key: int(max(x[key].max(), test[key].max())) + 1

    def build():
        user, film = keras.Input((1,), name="user"), keras.Input((1,), name="film")

        def rows(key, width, at):
            penalty = keras.regularizers.L2(1e-5)
            start = keras.initializers.RandomUniform(-0.05, 0.05)
            vectors = layers.Embedding(size(key), width, start, embeddings_regularizer=penalty)
            return layers.Flatten()(vectors(at))

        alike = layers.Dot(1)([rows("user", 16, user), rows("film", 16, film)])
        stars = layers.Add()([alike, rows("user", 1, user), rows("film", 1, film)])
        stars = layers.Rescaling(1.0, offset=float(y.mean()))(stars)
        model = keras.Model([user, film], stars)
        error = keras.metrics.RootMeanSquaredError()
        model.compile(keras.optimizers.Adam(0.003), "mean_squared_error", metrics=[error])
        return model

    runs("recommender", build, (x, y), (test, test_y), epochs=6, batch_size=256)


main(sys.argv[1])

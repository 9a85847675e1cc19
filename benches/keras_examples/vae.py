"""The model of examples/vae.rs in Keras, on MNIST: vae.py FOLDER [EPOCHS]."""

import gzip
import sys
from pathlib import Path

from common import np, runs

import keras
from keras import layers, ops

LATENT, PIXELS = 8, 784


def pictures(folder, part):
    path = Path(folder) / f"{part}-images-idx3-ubyte"
    data = path.read_bytes() if path.exists() else gzip.open(f"{path}.gz").read()
    return np.frombuffer(data[16:], np.uint8).reshape(-1, PIXELS) / np.float32(255)


class Sampling(layers.Layer):
    def __init__(self):
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, mean, log_variance, training=None):
        divergence = 0.5 * (ops.square(mean) + ops.exp(log_variance) - log_variance - 1)
        self.add_loss(ops.mean(ops.sum(divergence, -1)) / PIXELS)
        if not training:
            return mean
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(log_variance / 2) * noise


def build():
    start = keras.Input((PIXELS,))
    x = layers.Dense(256, activation="relu")(start)
    x = Sampling()(layers.Dense(LATENT)(x), layers.Dense(LATENT)(x))
    x = layers.Dense(PIXELS)(layers.Dense(256, activation="relu")(x))
    model = keras.Model(start, x)
    model.compile(keras.optimizers.Adam(1e-3), keras.losses.BinaryCrossentropy(from_logits=True))
    return model


def main(folder, epochs=10):
    train, test = pictures(folder, "train"), pictures(folder, "t10k")
    runs("nats for a picture are 784 times the loss", build, (train, train), (test, test), epochs, 64)


main(sys.argv[1], *map(int, sys.argv[2:]))

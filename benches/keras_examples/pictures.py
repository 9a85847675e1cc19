"""The models of examples/described/{fashion_resnet,mnist,cifar}.toml in Keras:
pictures.py fashion|mnist|cifar FOLDER."""

import gzip
import json
import sys
from pathlib import Path

from common import compiled, np, runs

import keras
from keras import layers


def idx(folder, part):
    def read(name):
        path = folder / name
        data = path.read_bytes() if path.exists() else gzip.open(f"{path}.gz").read()
        return np.frombuffer(data[16:] if "images" in name else data[8:], np.uint8)

    x = read(f"{part}-images-idx3-ubyte").reshape(-1, 28, 28, 1) / np.float32(255)
    return x, read(f"{part}-labels-idx1-ubyte").astype(np.int32)


def sheets(folder, names, labels):
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None
    x = np.concatenate([np.asarray(Image.open(folder / name)) for name in names])
    y = np.array(json.loads((folder / labels).read_text()), np.int32)
    return x.reshape(-1, 32, 32, 3) / np.float32(255), y


def resnet():
    def convolution(x, filters, size=3, strides=1):
        return layers.Conv2D(filters, size, strides, padding="same", use_bias=False)(x)

    def block(x, filters, strides):
        norm = lambda y: layers.BatchNormalization()(y)
        y = layers.ReLU()(norm(convolution(x, filters, strides=strides)))
        y = norm(convolution(y, filters))
        way = x if strides == 1 else convolution(x, filters, 1, strides)
        return layers.ReLU()(layers.Add()([y, way]))

    start = keras.Input((28, 28, 1))
    x = layers.ReLU()(layers.BatchNormalization()(convolution(start, 16, strides=2)))
    for filters, strides in [(16, 1), (32, 2), (64, 2)]:
        x = block(x, filters, strides)
    x = layers.Dense(10)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(start, x)


def mnist():
    return [
        layers.RandomTranslation(2 / 28, 2 / 28, fill_mode="constant"),
        layers.RandomRotation(8 / 360, fill_mode="constant"),
        layers.RandomZoom(0.1, fill_mode="constant"),
        layers.Conv2D(16, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dropout(0.3),
        layers.Dense(10),
    ]


def cifar():
    parts = [
        layers.RandomFlip("horizontal"),
        layers.RandomTranslation(3 / 32, 3 / 32, fill_mode="constant"),
    ]
    for filters in [16, 32, 64]:
        parts += [
            layers.Conv2D(filters, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
        ]
    return [*parts[:-1], layers.GlobalAveragePooling2D(), layers.Dense(10)]


def main(name, folder):
    if name == "cifar":
        batches = [f"data_batch_{i}.png" for i in range(1, 6)]
        train = sheets(folder, batches, "train_lables.json")
        test = sheets(folder, ["test_batch.png"], "test_lables.json")
        build, epochs = lambda: compiled(cifar(), 0.002), 3
    else:
        train, test = idx(folder, "train"), idx(folder, "t10k")
        build, epochs = lambda: compiled(mnist(), 0.001), 3
    if name == "fashion":
        build, epochs = lambda: compiled([resnet()], 0.002), 2
    runs(name, build, train, test, epochs=epochs, batch_size=64)


main(sys.argv[1], Path(sys.argv[2]))

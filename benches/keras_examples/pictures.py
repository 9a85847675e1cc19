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


class Changed(keras.utils.PyDataset):
    """Batches of pictures that are mirrored, moved by up to `crop` pixels, turned by up to so many degrees
    and zoomed by up to that share, made by threads. With Keras's layers for that within the step a step would take
    two to five times as long on a CPU."""

    def __init__(self, x, y, batch_size, seed, flip=False, crop=0, degrees=0, zoom=0):
        super().__init__(workers=2)
        self.x, self.y, self.size = x, y, batch_size
        self.flip, self.crop, self.angle, self.zoom = flip, crop, np.radians(degrees), zoom
        self.rng = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self):
        return -(-len(self.x) // self.size)

    def on_epoch_end(self):
        self.order = self.rng.permutation(len(self.x))
        self.seeds = self.rng.integers(2**32, size=len(self))

    def __getitem__(self, batch):
        rows = self.order[batch * self.size : (batch + 1) * self.size]
        return self.change(self.x[rows], np.random.default_rng(self.seeds[batch])), self.y[rows]

    def change(self, x, rng):
        count, height, width, _ = x.shape
        draw = lambda most: rng.uniform(-most, most, (count, 1, 1))
        mirror = 1 - 2 * self.flip * rng.integers(2, size=(count, 1, 1))
        down, right = rng.integers(-self.crop, self.crop + 1, (2, count, 1, 1))
        edge = self.crop + (8 if self.angle or self.zoom else 0)
        padded = np.pad(x, [(0, 0), (edge, edge), (edge, edge), (0, 0)])
        of = np.arange(count)[:, None, None]
        # Places around the middle, in rows and columns.
        v = np.arange(height)[:, None] - (height - 1) / 2
        u = np.arange(width)[None, :] - (width - 1) / 2
        if not (self.angle or self.zoom):
            rows = (v + (height - 1) / 2 + down + edge).astype(int)
            columns = (u * mirror + (width - 1) / 2 + right + edge).astype(int)
            return padded[of, rows, columns]
        angle, scale = draw(self.angle), 1 / (1 + draw(self.zoom))
        cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
        y = cos * v + sin * u + (height - 1) / 2 + down + edge
        x = (cos * u - sin * v) * mirror + (width - 1) / 2 + right + edge
        top, left = np.floor(y).astype(int), np.floor(x).astype(int)
        t, s = (y - top)[..., None].astype(np.float32), (x - left)[..., None].astype(np.float32)
        above = padded[of, top, left] * (1 - s) + padded[of, top, left + 1] * s
        below = padded[of, top + 1, left] * (1 - s) + padded[of, top + 1, left + 1] * s
        return above * (1 - t) + below * t


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
    parts = []
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
        sheet_names = [f"data_batch_{i}.png" for i in range(1, 6)]
        train = sheets(folder, sheet_names, "train_lables.json")
        test = sheets(folder, ["test_batch.png"], "test_lables.json")
    else:
        train, test = idx(folder, "train"), idx(folder, "t10k")
    falling = lambda passes, steps: keras.optimizers.schedules.CosineDecay(0.002, passes * steps)
    flipped = lambda *data: Changed(*data, flip=True, crop=3)
    turned = lambda *data: Changed(*data, crop=2, degrees=8, zoom=0.1)
    build, epochs, batches = {
        "cifar": (lambda: compiled(cifar(), falling(5, 782)), 5, flipped),
        "mnist": (lambda: compiled(mnist(), 0.001), 3, turned),
        "fashion": (lambda: compiled([resnet()], falling(1, 938)), 1, None),
    }[name]
    runs(name, build, train, test, epochs, 64, batches)


main(sys.argv[1], Path(sys.argv[2]))

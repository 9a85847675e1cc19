"""Keras programs as a beginner writes them. Each returns losses of 20 steps and what came of them."""

import os
import tempfile

os.environ["KERAS_BACKEND"] = "jax"

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import layers  # noqa: E402

STEPS = 20


class Losses(keras.callbacks.Callback):
    """The loss of every single step."""

    def __init__(self):
        super().__init__()
        self.values, self.sum = [], 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self.sum = 0.0

    def on_train_batch_end(self, batch, logs=None):
        # Keras reports the mean since the start of the epoch.
        total = float(logs["loss"]) * (batch + 1)
        self.values.append(total - self.sum)
        self.sum = total


def _run(model, loss, x, y, metric="accuracy"):
    model.compile(optimizer="adam", loss=loss, metrics=[metric])
    seen = Losses()
    batch = len(x) // 10
    history = model.fit(
        x,
        y,
        batch_size=batch,
        epochs=2,
        shuffle=False,
        validation_data=(x[:batch], y[:batch]),
        callbacks=[seen],
        verbose=0,
    )
    evaluated = model.evaluate(x, y, verbose=0)
    predicted = model.predict(x[:5], verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        model.save(path)
        loaded = keras.models.load_model(path)
    again = loaded.predict(x[:5], verbose=0)
    assert np.array_equal(predicted, again), "a loaded model predicts something else"
    return {
        "losses": seen.values[:STEPS],
        "validation": history.history["val_loss"],
        "loss": evaluated[0],
        "accuracy": evaluated[1],
        "predicted": np.asarray(predicted, np.float64).ravel().tolist(),
    }


def _seeded():
    keras.utils.set_random_seed(7)
    return np.random.default_rng(0)


def conv():
    rng = _seeded()
    y = rng.integers(0, 10, 320)
    x = rng.normal(size=(320, 14, 14, 1)).astype("float32") * 0.5 + y[:, None, None, None] / 10
    model = keras.Sequential(
        [
            keras.Input((14, 14, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    return _run(model, "sparse_categorical_crossentropy", x, y)


def binary():
    rng = _seeded()
    x = rng.normal(size=(400, 12)).astype("float32")
    y = (x[:, :3].sum(1) > 0).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((12,)),
            layers.Dense(32, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    return _run(model, "binary_crossentropy", x, y)


def lstm():
    rng = _seeded()
    x = rng.integers(0, 100, (160, 20))
    y = (x[:, -1] > 50).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((20,), dtype="int32"),
            layers.Embedding(100, 16),
            layers.LSTM(24),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    return _run(model, "binary_crossentropy", x, y)


def attention():
    rng = _seeded()
    x = rng.normal(size=(160, 10, 16)).astype("float32")
    y = (x.mean((1, 2)) > 0).astype("int32")
    inputs = keras.Input((10, 16))
    h = layers.MultiHeadAttention(num_heads=4, key_dim=8)(inputs, inputs)
    h = layers.LayerNormalization()(inputs + h)
    h = layers.GlobalAveragePooling1D()(h)
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(h))
    return _run(model, "sparse_categorical_crossentropy", x, y)


def normalised():
    rng = _seeded()
    x = rng.normal(size=(320, 20)).astype("float32")
    y = rng.integers(0, 3, 320)
    model = keras.Sequential(
        [
            keras.Input((20,)),
            layers.Dense(64, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(3, activation="softmax"),
        ]
    )
    return _run(model, "sparse_categorical_crossentropy", x, y)

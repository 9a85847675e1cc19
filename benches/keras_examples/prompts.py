"""The model of examples/described/prompts.toml in Keras: prompts.py FOLDER."""

import sys
import wave
from pathlib import Path

from common import compiled, np, runs
from keras import layers

LENGTH = 8000


def part(folder):
    x, y = [], []
    for label, language in enumerate(sorted(folder.iterdir())):
        for path in sorted(language.iterdir()):
            with wave.open(str(path)) as file:
                samples = np.frombuffer(file.readframes(LENGTH), "<i2") / 32768
            x.append(np.pad(samples, (0, LENGTH - len(samples))))
            y.append(label)
    return np.array(x, np.float32), np.array(y, np.int32)


def main(folder):
    spectrogram = lambda: layers.MelSpectrogram(
        fft_length=256, sequence_stride=128, sampling_rate=8000, num_mel_bins=40, min_freq=60, max_freq=4000
    )
    build = lambda: compiled(
        [
            spectrogram(),
            layers.Rescaling(0.025, offset=1.0),
            layers.Reshape((40, 63, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(5),
        ],
        0.001,
    )
    runs("prompts", build, part(folder / "train"), part(folder / "test"), epochs=12, batch_size=32)


main(Path(sys.argv[1]))

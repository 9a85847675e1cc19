"""The models of examples/described/{prompts,spoken_digits}.toml in Keras: sounds.py prompts|digits FOLDER."""

import sys
import wave
from pathlib import Path

from common import compiled, np, runs
from keras import layers


def part(folder, length):
    x, y = [], []
    for label, kind in enumerate(sorted(folder.iterdir())):
        for path in sorted(kind.iterdir()):
            with wave.open(str(path)) as file:
                samples = np.frombuffer(file.readframes(length), "<i2") / 32768
            x.append(np.pad(samples, (0, length - len(samples))))
            y.append(label)
    return np.array(x, np.float32), np.array(y, np.int32)


def main(name, folder):
    digits = name == "digits"
    # A second of sound; hertz, samples of a window and between windows.
    rate, window, stride = (22050, 512, 256) if digits else (8000, 256, 128)
    spectrogram = lambda: layers.MelSpectrogram(
        fft_length=window,
        sequence_stride=stride,
        sampling_rate=rate,
        num_mel_bins=40,
        min_freq=60,
        max_freq=8000 if digits else 4000,
    )
    build = lambda: compiled(
        [
            spectrogram(),
            layers.Rescaling(0.025, offset=1.0),
            layers.Reshape((40, 87 if digits else 63, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(10 if digits else 5),
        ],
        0.001,
    )
    parts = part(folder / "train", rate), part(folder / "test", rate)
    runs(name, build, *parts, epochs=5 if digits else 12, batch_size=32)


main(sys.argv[1], Path(sys.argv[2]))

"""Attention, recurrence and preprocessing: `python sequences.py` writes sequences.safetensors, as
layers.py does for other layers.
"""

from functools import partial

from cases import case
from common import File, classes, numbers

import keras
import numpy as np
from keras import layers as L

file = File("sequences")
case = partial(case, file)

series = numbers(1, 2, 7, 3)
images = numbers(2, 2, 5, 6, 4)

# Attention.
queries, values = numbers(15, 2, 3, 4), numbers(16, 2, 5, 4)
case("multi_head_attention", L.MultiHeadAttention(2, 3), queries, values, split=True)
case("multi_head_attention_causal", L.MultiHeadAttention(2, 3), queries, queries, split=True, use_causal_mask=True)
case("grouped_query_attention", L.GroupQueryAttention(3, 4, 2), queries, values, split=True)
case("attention", L.Attention(use_scale=True), queries, values)
case("additive_attention", L.AdditiveAttention(), queries, values)

# Recurrence.
case("simple_rnn", L.SimpleRNN(4), series)
case("simple_rnn_sequences", L.SimpleRNN(4, return_sequences=True, go_backwards=True), series)
case("lstm", L.LSTM(4), series)
case("lstm_all", L.LSTM(3, return_sequences=True, return_state=True), series)
case("gru", L.GRU(4), series)
case("gru_all", L.GRU(3, return_sequences=True, return_state=True), series)
case("bidirectional", L.Bidirectional(L.LSTM(3, return_sequences=True), merge_mode="sum"), series, both="lstm")
case("bidirectional_last", L.Bidirectional(L.GRU(3)), series, both="gru")
padded = series.copy()
padded[0, 4:] = 0
padded[1, 2:4] = 0
masked = keras.Sequential([L.Masking(), L.LSTM(3)])
case("masked_lstm", masked, padded, last="lstm")

normed = keras.Sequential([L.Masking(), L.BatchNormalization()])
case("masked_batch_norm", normed, padded, last="batch_norm", training=True)
case("conv_lstm1d", L.ConvLSTM1D(2, 3, padding="same"), numbers(24, 2, 3, 4, 2))
convolved = L.ConvLSTM2D(2, (2, 3), strides=(2, 1), return_sequences=True, return_state=True)
case("conv_lstm2d", convolved, numbers(25, 2, 3, 5, 4, 2))
case("conv_lstm3d", L.ConvLSTM3D(1, 2, dilation_rate=2, use_bias=False), numbers(26, 1, 2, 4, 3, 4, 1))

# Preprocessing.
normalization = L.Normalization(mean=[0.5, -1.0, 2.0], variance=[2.0, 1.0, 0.25])
case("normalization", normalization, series)
case("rescaling", L.Rescaling(0.5, -1.0), series)
case("discretization", L.Discretization([-1.0, 0.0, 0.7], output_mode="one_hot"), numbers(17, 5, 1), gradients=False)
case("category_multi_hot", L.CategoryEncoding(6), classes(18, 6, 4, 3), gradients=False)
case("category_one_hot", L.CategoryEncoding(6, output_mode="one_hot"), classes(19, 6, 4), gradients=False)
case("category_count", L.CategoryEncoding(6, output_mode="count"), classes(20, 3, 4, 3), gradients=False)
case("resizing", L.Resizing(3, 8), images, gradients=False)
case("resizing_nearest", L.Resizing(3, 8, interpolation="nearest"), images, gradients=False)
case("resizing_bicubic", L.Resizing(7, 4, interpolation="bicubic", antialias=True), images, gradients=False)
case("center_crop", L.CenterCrop(3, 4), images, gradients=False)
case("auto_contrast", L.AutoContrast(value_range=(0, 255)), images, gradients=False)
picture = np.clip(numbers(27, 1, 6, 5, 2) * 60 + 128, 0, 255)
case("equalization", L.Equalization(), picture, gradients=False)
case("equalization_few", L.Equalization(value_range=(0, 1), bins=16), picture / 255, gradients=False)

# Sounds.
sound = numbers(21, 2, 40, 2)
case("stft", L.STFTSpectrogram(frame_length=8, frame_step=4, fft_length=16), sound, gradients=False)
case(
    "stft_parts",
    L.STFTSpectrogram(
        mode="stft", frame_length=8, frame_step=3, window="hamming", scaling="spectrum", padding="same", expand_dims=True
    ),
    sound,
    gradients=False,
)
case("stft_psd", L.STFTSpectrogram(mode="psd", frame_length=10, periodic=True), sound, gradients=False)
mel = partial(L.MelSpectrogram, num_mel_bins=6, sampling_rate=800, fft_length=32, sequence_stride=8)
case("mel", mel(), numbers(22, 1, 100), gradients=False)
case(
    "mel_linear",
    mel(sequence_length=20, max_freq=300, power_to_db=False, mag_exp=1.5, window="hamming"),
    numbers(23, 2, 90),
    gradients=False,
)

file.write()

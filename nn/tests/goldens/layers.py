"""Outputs and gradients of Keras's layers: `python layers.py` writes layers.safetensors.

For every case: inputs x0, x1, ..; weights w/<path>; outputs y0, ..; of the sum of all outputs times
fixed coefficients, the gradients dx0, .. and dw/<path>; and the state s/<path> after the call.
"""

from functools import partial

from cases import case
from common import File, classes, numbers

import keras
from keras import layers as L

file = File("layers")
case = partial(case, file)

series = numbers(1, 2, 7, 3)
images = numbers(2, 2, 5, 6, 4)
volumes = numbers(3, 1, 4, 5, 4, 2)
rows = numbers(4, 3, 5)

# Activations.
for activation in sorted(
    "celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu linear "
    "log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus "
    "softsign sparse_plus sparse_sigmoid squareplus tanh tanh_shrink".split()
):
    case(f"activation_{activation}", L.Activation(activation), numbers(5, 3, 8, low=-4, high=4))
case("activation_threshold", L.Activation(lambda x: keras.activations.threshold(x, 0.3, -2.0)), rows)
case(
    "activation_gelu_tanh",
    L.Activation(lambda x: keras.activations.gelu(x, approximate=True)),
    numbers(5, 3, 8, low=-4, high=4),
)
case("relu_options", L.ReLU(negative_slope=0.1, max_value=1.0, threshold=0.2), rows)
case("elu", L.ELU(alpha=0.7), rows)
case("leaky_relu", L.LeakyReLU(negative_slope=0.3), rows)
case("softmax", L.Softmax(), rows)
case("prelu", L.PReLU(shared_axes=[1]), numbers(6, 2, 3, 4))

# Fully connected.
case("dense", L.Dense(4, activation="tanh"), rows)
case("dense_time", L.Dense(4, use_bias=False), series)
case("einsum_dense", L.EinsumDense("abc,cde->abde", output_shape=(None, 2, 3), bias_axes="de"), series)
case("embedding", L.Embedding(6, 3), classes(1, 6, 2, 4))

# Convolutions.
case("conv1d", L.Conv1D(4, 3, strides=2, activation="relu"), series)
case("conv1d_causal", L.Conv1D(2, 3, padding="causal", dilation_rate=2), series)
case("conv2d", L.Conv2D(3, (3, 2), padding="same"), images)
case("conv2d_groups", L.Conv2D(4, 3, groups=2, dilation_rate=2), images)
case("conv2d_strides", L.Conv2D(2, 3, strides=(2, 3), padding="same", use_bias=False), images)
case("conv3d", L.Conv3D(3, (2, 3, 2), padding="same", strides=(1, 2, 1)), volumes)
case("conv1d_transpose", L.Conv1DTranspose(2, 3, strides=2, padding="same"), series)
case("conv1d_transpose_valid", L.Conv1DTranspose(2, 2, strides=3), series)
case("conv2d_transpose", L.Conv2DTranspose(3, 3, strides=2, padding="same"), numbers(7, 1, 3, 4, 2))
case("conv2d_transpose_valid", L.Conv2DTranspose(2, (3, 2), strides=(1, 2)), numbers(7, 1, 3, 4, 2))
case(
    "conv2d_transpose_output",
    L.Conv2DTranspose(2, 3, strides=2, padding="same", output_padding=1),
    numbers(7, 1, 3, 4, 2),
)
case("conv3d_transpose", L.Conv3DTranspose(2, 2, strides=2), numbers(8, 1, 2, 2, 3, 2))
case("depthwise_conv1d", L.DepthwiseConv1D(3, depth_multiplier=2), series)
case("depthwise_conv2d", L.DepthwiseConv2D(3, depth_multiplier=2, padding="same"), images)
case("separable_conv1d", L.SeparableConv1D(4, 3, padding="same"), series)
case("separable_conv2d", L.SeparableConv2D(3, 3, depth_multiplier=2, strides=2), images)

# Pooling.
case("max_pool1d", L.MaxPooling1D(3, strides=2, padding="same"), series)
case("max_pool2d", L.MaxPooling2D((2, 3)), images)
case("max_pool3d", L.MaxPooling3D(2), volumes)
case("avg_pool1d", L.AveragePooling1D(2), series)
case("avg_pool2d", L.AveragePooling2D(3, strides=2, padding="same"), images)
case("avg_pool3d", L.AveragePooling3D(2, padding="same"), volumes)
case("global_avg_pool1d", L.GlobalAveragePooling1D(), series)
case("global_avg_pool2d", L.GlobalAveragePooling2D(keepdims=True), images)
case("global_avg_pool3d", L.GlobalAveragePooling3D(), volumes)
case("global_max_pool1d", L.GlobalMaxPooling1D(), series)
case("global_max_pool2d", L.GlobalMaxPooling2D(), images)
case("global_max_pool3d", L.GlobalMaxPooling3D(), volumes)
case("adaptive_avg_pool1d", L.AdaptiveAveragePooling1D(3), series)
case("adaptive_avg_pool2d", L.AdaptiveAveragePooling2D((3, 4)), images)
case("adaptive_avg_pool3d", L.AdaptiveAveragePooling3D(2), volumes)
case("adaptive_max_pool1d", L.AdaptiveMaxPooling1D(3), series)
case("adaptive_max_pool2d", L.AdaptiveMaxPooling2D((3, 4)), images)
case("adaptive_max_pool3d", L.AdaptiveMaxPooling3D(2), volumes)

# Normalisation.
case("batch_norm", L.BatchNormalization(), images)
case("batch_norm_training", L.BatchNormalization(momentum=0.9), images, training=True)
case("layer_norm", L.LayerNormalization(), series)
case("group_norm", L.GroupNormalization(2), images)
case("rms_norm", L.RMSNormalization(), series)
case("unit_norm", L.UnitNormalization(), series)
case(
    "spectral_norm",
    L.SpectralNormalization(L.Dense(4)),
    rows,
    training=True,
    inner="layer",
)

# Shapes.
case("flatten", L.Flatten(), images)
case("reshape", L.Reshape((6, 20)), images)
case("permute", L.Permute((3, 1, 2)), images)
case("repeat_vector", L.RepeatVector(3), rows)
case("up_sampling1d", L.UpSampling1D(3), series)
case("up_sampling2d", L.UpSampling2D((2, 3)), numbers(9, 1, 3, 2, 2))
case("up_sampling2d_bilinear", L.UpSampling2D((2, 3), interpolation="bilinear"), numbers(9, 1, 3, 2, 2))
case("up_sampling2d_bicubic", L.UpSampling2D((3, 2), interpolation="bicubic"), numbers(9, 1, 3, 4, 2))
case("up_sampling3d", L.UpSampling3D(2), numbers(10, 1, 2, 2, 3, 1))
case("zero_padding1d", L.ZeroPadding1D((1, 2)), series)
case("zero_padding2d", L.ZeroPadding2D(((1, 0), (2, 3))), images)
case("zero_padding3d", L.ZeroPadding3D(1), volumes)
case("cropping1d", L.Cropping1D((1, 2)), series)
case("cropping2d", L.Cropping2D(((1, 0), (2, 1))), images)
case("cropping3d", L.Cropping3D(1), volumes)
case("time_distributed", L.TimeDistributed(L.Dense(2)), series, inner="layer")

# Several inputs.
a, b = numbers(11, 2, 3, 4), numbers(12, 2, 3, 4)
case("add", L.Add(), a, b)
case("subtract", L.Subtract(), a, b)
case("multiply", L.Multiply(), a, b)
case("average", L.Average(), a, b)
case("maximum", L.Maximum(), a, b)
case("minimum", L.Minimum(), a, b)
case("concatenate", L.Concatenate(axis=1), a, b)
case("dot", L.Dot(axes=(2, 2)), a, b)
case("dot_normalized", L.Dot(axes=1, normalize=True), numbers(13, 3, 4), numbers(14, 3, 4))

file.write()

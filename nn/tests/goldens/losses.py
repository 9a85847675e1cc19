"""Values and gradients of Keras's losses, regularizers and constraints: writes losses.safetensors.

For every loss: labels y, outputs x, the value and its gradient dx; for some, sample weights w with
the value `weighted`. For every regularizer: x, value, dx. For every constraint: x, and y after it.
"""

from common import File, classes, numbers

import jax
import jax.numpy as jnp
import keras
import numpy as np
from keras import losses, regularizers, constraints

file = File("losses")


def loss(name, function, y, x, weights=True):
    value, dx = jax.value_and_grad(lambda x: function(y, x))(jnp.asarray(x))
    file.add(f"{name}/y", y)
    file.add(f"{name}/x", x)
    file.add(f"{name}/value", value)
    file.add(f"{name}/dx", dx)
    if weights:
        w = numbers(31, len(x), low=0.1, high=2.0)
        file.add(f"{name}/w", w)
        file.add(f"{name}/weighted", function(y, x, sample_weight=w))


def rows(seed, *shape):
    p = numbers(seed, *shape, low=0.05, high=1.0)
    return p / p.sum(-1, keepdims=True)


a, b = numbers(41, 4, 3), numbers(42, 4, 3)
positive, more = numbers(43, 4, 3, low=0.1, high=3), numbers(44, 4, 3, low=0.1, high=3)
bits = classes(45, 2, 4, 3).astype("float32")
shares = numbers(46, 4, 3, low=0.05, high=0.95)
onehot = np.eye(5, dtype="float32")[classes(47, 5, 6)]
logits = numbers(48, 6, 5)
p, q = rows(49, 6, 5), rows(50, 6, 5)
labels = classes(51, 5, 6)

loss("mean_squared_error", losses.MeanSquaredError(), a, b)
loss("mean_absolute_error", losses.MeanAbsoluteError(), a, b)
loss("mean_absolute_percentage_error", losses.MeanAbsolutePercentageError(), a, b)
loss("mean_squared_logarithmic_error", losses.MeanSquaredLogarithmicError(), positive, more)
loss("huber", losses.Huber(delta=0.8), a, b)
loss("log_cosh", losses.LogCosh(), a, b)
loss("cosine_similarity", losses.CosineSimilarity(), a, b)
loss("hinge", losses.Hinge(), bits, b)
loss("hinge_signs", losses.Hinge(), 2 * bits - 1, b)
loss("squared_hinge", losses.SquaredHinge(), bits, b)
loss("categorical_hinge", losses.CategoricalHinge(), onehot, logits)
loss("kl_divergence", losses.KLDivergence(), p, q)
loss("poisson", losses.Poisson(), positive, more)
loss("binary_crossentropy", losses.BinaryCrossentropy(), bits, shares)
loss("binary_crossentropy_logits", losses.BinaryCrossentropy(from_logits=True), bits, b)
loss("binary_crossentropy_smoothed", losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.2), bits, b)
loss("categorical_crossentropy", losses.CategoricalCrossentropy(), p, q)
loss("categorical_crossentropy_logits", losses.CategoricalCrossentropy(from_logits=True), onehot, logits)
loss(
    "categorical_crossentropy_smoothed",
    losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
    onehot,
    logits,
)
loss("sparse_categorical_crossentropy", losses.SparseCategoricalCrossentropy(), labels, q)
loss(
    "sparse_categorical_crossentropy_logits",
    losses.SparseCategoricalCrossentropy(from_logits=True),
    labels,
    logits,
)
loss("binary_focal_crossentropy", losses.BinaryFocalCrossentropy(), bits, shares)
loss(
    "binary_focal_crossentropy_balanced",
    losses.BinaryFocalCrossentropy(apply_class_balancing=True, from_logits=True, gamma=1.5),
    bits,
    b,
)
loss("categorical_focal_crossentropy", losses.CategoricalFocalCrossentropy(), onehot, q)
loss(
    "categorical_focal_crossentropy_logits",
    losses.CategoricalFocalCrossentropy(from_logits=True, alpha=0.4, gamma=1.5),
    onehot,
    logits,
)
loss("categorical_generalized_crossentropy", losses.CategoricalGeneralizedCrossEntropy(q=0.6), labels, q)
loss("dice", losses.Dice(), bits, shares, weights=False)
loss("tversky", losses.Tversky(alpha=0.3, beta=0.8), bits, shares, weights=False)
unit = numbers(52, 6, 4)
unit /= np.sqrt((unit**2).sum(-1, keepdims=True))
loss("circle", losses.Circle(gamma=8, margin=0.3), np.array([0, 1, 0, 1, 2, 2], "int32"), unit, weights=False)
ctc = losses.CTC()
loss("ctc", ctc, classes(53, 4, 3, 3) + 1, numbers(54, 3, 8, 5), weights=False)


def regularizer(name, function):
    x = numbers(61, 4, 5)
    value, dx = jax.value_and_grad(function)(jnp.asarray(x))
    file.add(f"regularizer_{name}/x", x)
    file.add(f"regularizer_{name}/value", value)
    file.add(f"regularizer_{name}/dx", dx)


regularizer("l1", regularizers.L1(0.03))
regularizer("l2", regularizers.L2(0.02))
regularizer("l1_l2", regularizers.L1L2(l1=0.03, l2=0.02))
regularizer("orthogonal_rows", regularizers.OrthogonalRegularizer(0.1, mode="rows"))
regularizer("orthogonal_columns", regularizers.OrthogonalRegularizer(0.1, mode="columns"))


def constraint(name, function):
    x = numbers(62, 4, 5)
    file.add(f"constraint_{name}/x", x)
    file.add(f"constraint_{name}/y", function(jnp.asarray(x)))


constraint("max_norm", constraints.MaxNorm(1.2, axis=0))
constraint("non_neg", constraints.NonNeg())
constraint("unit_norm", constraints.UnitNorm(axis=0))
constraint("min_max_norm", constraints.MinMaxNorm(1.0, 1.3, rate=0.7, axis=1))

file.write()

"""Runs a layer of Keras with its gradients, and keeps all that goes in and comes out."""

from common import coefficients

import jax
import jax.numpy as jnp
import keras
import numpy as np
from keras import layers as L


def path(layer, variable):
    """The name of a weight within its layer."""
    parts = variable.path.split("/")
    if layer.name in parts:
        parts = parts[len(parts) - parts[::-1].index(layer.name):]
    return ".".join(parts)


def case(file, name, layer, *inputs, training=False, seed=1, inner=None, both=None, last=None, gradients=True, scale=0.6, **kwargs):
    arguments = [jnp.asarray(x) for x in inputs]
    call = arguments[0] if len(arguments) == 1 else arguments
    if isinstance(layer, (L.Attention, L.AdditiveAttention, L.Dot)) or kwargs.pop("listed", False):
        call = list(arguments)
    split = kwargs.pop("split", False)
    layer(*arguments, **kwargs) if split else layer(call, **kwargs)
    rng = np.random.RandomState(seed)
    if not gradients:
        for i, x in enumerate(inputs):
            file.add(f"{name}/x{i}", x)
        file.add(f"{name}/y0", np.asarray(layer(call)))
        return
    for v in layer.weights:
        if v.dtype == "float32" and v.trainable:
            v.assign(rng.uniform(-scale, scale, v.shape).astype("float32"))
        elif v.dtype == "float32":
            v.assign(rng.uniform(0.5, 1.5, v.shape).astype("float32"))
    if "training" in layer._call_signature.parameters or training:
        kwargs["training"] = training
    state = [v.value for v in layer.non_trainable_variables]

    def run(trainable, x):
        x = list(x)
        call = x if split else [x if isinstance(call_is, list) else x[0]]
        y, after = layer.stateless_call(trainable, state, *call, **kwargs)
        ys = list(y) if isinstance(y, (list, tuple)) else [y]
        total = sum(jnp.sum(y * coefficients(y.shape)) for y in ys)
        return total, (ys, after)

    call_is = call
    trainable = [v.value for v in layer.trainable_variables]
    floats = [i for i, x in enumerate(arguments) if x.dtype == jnp.float32]

    def of(trainable, floating):
        x = list(arguments)
        for i, value in zip(floats, floating):
            x[i] = value
        return run(trainable, x)

    grads, (ys, after) = jax.grad(of, argnums=(0, 1), has_aux=True)(
        trainable, [arguments[i] for i in floats]
    )

    def named(v):
        if both:
            side = "backward" if "backward" in v.path else "forward"
            return f"{side}.{v.path.split('/')[-1]}"
        if last:
            return v.path.split("/")[-1]
        found = path(layer, v).split(".")
        cells = ("conv_lstm_cell", "lstm_cell", "gru_cell", "simple_rnn_cell")
        found = [part for part in found if not part.startswith(cells)]
        if inner and found[-1] != "vector_u":
            found[0] = inner
        return ".".join([inner] * (found[-1] == "vector_u") + found)

    for i, x in enumerate(inputs):
        file.add(f"{name}/x{i}", x)
    for v in layer.weights:
        if v.dtype == "float32":
            file.add(f"{name}/w/{named(v)}", v.value)
    for i, y in enumerate(ys):
        file.add(f"{name}/y{i}", y)
    for i, dx in zip(floats, grads[1]):
        file.add(f"{name}/dx{i}", dx)
    for v, dw in zip(layer.trainable_variables, grads[0]):
        file.add(f"{name}/dw/{named(v)}", dw)
    if training:
        for v, value in zip(layer.non_trainable_variables, after):
            if v.dtype == "float32":
                file.add(f"{name}/s/{named(v)}", value)

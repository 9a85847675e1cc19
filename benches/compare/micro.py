"""The functions M1 to M10 for every framework: what they take, and what they compute."""
import numpy as np

import shapes as S


MILLION = 1 << 20


def arguments(name):
    """float32 arrays; the parameters, gradients and moments of Adam for M2."""
    random = np.random.default_rng(3)
    shapes = {"M1": [MILLION] * 3, "M2": [MILLION] * 4, "M3": [(1024, 1024)], "M4": [(4096, 512), 512, 512],
              "M5": [4 * MILLION], "M8": [(64, 784), (784, 128), 128], "M9": [(2048, 2048)]}
    side = int(name[3:]) if name.startswith("M7_") else 0
    found = shapes.get(name, [(side, side)] * 2 if side else [MILLION])
    arrays = [random.standard_normal(shape, np.float32) for shape in found]
    return [np.abs(a) if name == "M2" and i == 3 else a for i, a in enumerate(arrays)]


def jax(name):
    import jax
    import jax.numpy as jnp

    def norm(x, scale, shift):
        mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return (x - mean) * jax.lax.rsqrt(variance + S.NORM_EPSILON) * scale + shift

    def adam(p, g, m, v):
        m, v = S.BETA1 * m + (1 - S.BETA1) * g, S.BETA2 * v + (1 - S.BETA2) * g * g
        scaled = m / (1 - S.BETA1 ** 10), v / (1 - S.BETA2 ** 10)
        return p - S.RATE * scaled[0] / (jnp.sqrt(scaled[1]) + S.EPSILON), m, v
    functions = {"M1": lambda x, a, b: jax.nn.gelu(x * a + b, approximate=True), "M2": adam, "M3": jax.nn.softmax,
                 "M4": norm, "M5": jnp.sum, "M6": jnp.tanh, "M7": jnp.matmul,
                 "M8": lambda x, w, b: jax.nn.relu(x @ w + b), "M9": jnp.transpose, "M10": jnp.exp}
    f = jax.jit(functions[name.split("_")[0]], donate_argnums=(0, 2, 3) if name == "M2" else ())
    return f, [jnp.asarray(a) for a in arguments(name)], jax.block_until_ready


def torch(name, variant, threads):
    import torch
    from torch.nn import functional as F
    torch.set_num_threads(threads)

    def adam(p, g, m, v):
        m, v = S.BETA1 * m + (1 - S.BETA1) * g, S.BETA2 * v + (1 - S.BETA2) * g * g
        scaled = m / (1 - S.BETA1 ** 10), v / (1 - S.BETA2 ** 10)
        return p - S.RATE * scaled[0] / (scaled[1].sqrt() + S.EPSILON), m, v
    functions = {"M1": lambda x, a, b: F.gelu(x * a + b, approximate="tanh"), "M2": adam,
                 "M3": lambda x: F.softmax(x, -1), "M4": lambda x, a, b: F.layer_norm(x, (512,), a, b, S.NORM_EPSILON),
                 "M5": torch.sum, "M6": torch.tanh, "M7": torch.matmul, "M8": lambda x, w, b: F.relu(x @ w + b),
                 "M9": lambda x: x.t().contiguous(), "M10": torch.exp}
    f = torch.inference_mode()(functions[name.split("_")[0]])
    f = torch.compile(f) if variant == "compile" else f
    return f, [torch.from_numpy(a) for a in arguments(name)], lambda result: result


def tf(name, variant, threads):
    import tensorflow as tf
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)

    def norm(x, scale, shift):
        mean, variance = tf.nn.moments(x, [-1], keepdims=True)
        return (x - mean) * tf.math.rsqrt(variance + S.NORM_EPSILON) * scale + shift

    def adam(p, g, m, v):
        m, v = S.BETA1 * m + (1 - S.BETA1) * g, S.BETA2 * v + (1 - S.BETA2) * g * g
        scaled = m / (1 - S.BETA1 ** 10), v / (1 - S.BETA2 ** 10)
        return p - S.RATE * scaled[0] / (tf.sqrt(scaled[1]) + S.EPSILON), m, v
    functions = {"M1": lambda x, a, b: tf.nn.gelu(x * a + b, approximate=True), "M2": adam, "M3": tf.nn.softmax,
                 "M4": norm, "M5": tf.reduce_sum, "M6": tf.tanh, "M7": tf.matmul,
                 "M8": lambda x, w, b: tf.nn.relu(x @ w + b), "M9": tf.transpose, "M10": tf.exp}
    f = tf.function(functions[name.split("_")[0]], jit_compile=True if variant == "jit" else None)
    arrays = [tf.constant(a) for a in arguments(name)]
    return f, arrays, lambda result: (result[0] if isinstance(result, tuple) else result).device


class Function:
    """A function with the face of a training: `step` calls it, `wait` waits for its result. Adam goes on from its
    own results."""
    steps_per_call = 1

    def __init__(self, family, name, variant, threads):
        of = {"jax": lambda: jax(name), "torch": lambda: torch(name, variant, threads),
              "tf": lambda: tf(name, variant, threads)}
        self.function, self.arguments, self.ready = of[family]()
        self.adam = name == "M2"

    def step(self):
        self.result = self.function(*self.arguments)
        if self.adam:
            p, m, v = self.result
            self.arguments = [p, self.arguments[1], m, v]

    def wait(self):
        self.ready(self.result)
        return 0.0

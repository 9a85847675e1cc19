"""JAX: one compiled step whose state is donated; `scan` puts 32 steps into one program."""
import jax
import jax.numpy as jnp
import optax
from jax import lax

import shapes as S

VERSION = f"jax {jax.__version__}"
STEPS = 32


def conv(x, w, stride=1, padding="VALID"):
    return lax.conv_general_dilated(x, w, (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def pool(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def norm(x, scale, shift):
    mean = x.mean(-1, keepdims=True)
    variance = jnp.square(x - mean).mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(variance + S.NORM_EPSILON) * scale + shift


def lstm(p, x):
    projected = jnp.swapaxes(p["emb"][x], 0, 1) @ p["wx"] + p["lb"]
    zeros = jnp.zeros((x.shape[0], S.UNITS))

    def turn(state, row):
        h, c = state
        i, f, g, o = jnp.split(row + h @ p["wh"], 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None
    (h, _), _ = lax.scan(turn, (zeros, zeros), projected)
    return h


def gpt(p, x):
    rows, width = x.shape[0], S.MODEL // S.HEADS
    h = p["tok"][x] + p["pos"]
    seen = jnp.tril(jnp.ones((S.SEQUENCE, S.SEQUENCE), bool))
    for i in range(S.LAYERS):
        q = lambda key: p[f"l{i}{key}"]
        a = norm(h, q("n1g"), q("n1b")) @ q("wqkv") + q("bqkv")
        query, key, value = jnp.moveaxis(a.reshape(rows, S.SEQUENCE, 3, S.HEADS, width), (2, 3), (0, 2))
        scores = jnp.einsum("bhqd,bhkd->bhqk", query, key) / width ** 0.5
        mixed = jax.nn.softmax(jnp.where(seen, scores, -1e30)) @ value
        h = h + jnp.swapaxes(mixed, 1, 2).reshape(h.shape) @ q("wo") + q("bo")
        a = norm(h, q("n2g"), q("n2b")) @ q("w1") + q("b1")
        h = h + jax.nn.gelu(a, approximate=True) @ q("w2") + q("b2")
    return norm(h, p["nfg"], p["nfb"]) @ p["head"]


def resnet(p, state, x):
    new = {}
    same = ((1, 1), (1, 1))

    def batch_norm(x, key):
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        for name, value in (("m", mean), ("v", variance)):
            new[key + name] = lax.stop_gradient(0.9 * state[key + name] + 0.1 * value)
        return (x - mean) * lax.rsqrt(variance + S.NORM_EPSILON) * p[key + "g"] + p[key + "b"]
    h = jax.nn.relu(batch_norm(conv(x, p["c0w"], 1, same), "n0"))
    for i, (_, stride) in enumerate(S.BLOCKS):
        a = jax.nn.relu(batch_norm(conv(h, p[f"k{i}aw"], stride, same), f"k{i}na"))
        a = batch_norm(conv(a, p[f"k{i}bw"], 1, same), f"k{i}nb")
        h = jax.nn.relu(a + (conv(h, p[f"k{i}pw"], stride) if f"k{i}pw" in p else h))
    return h.mean((1, 2)), new


def forward(name, p, state, x):
    dense = lambda h, key: h @ p[key + "w"] + p[key + "b"]
    relu = jax.nn.relu
    if name in ("W1", "W5"):
        return dense(relu(dense(x, "d1")), "d2"), state
    if name in ("W2", "W3"):
        for key in ("c1", "c2"):
            x = pool(relu(conv(x, p[key + "w"]) + p[key + "b"]))
        if name == "W2":
            x = relu(conv(x, p["c3w"]) + p["c3b"])
        return dense(relu(dense(x.reshape(len(x), -1), "d1")), "d2"), state
    if name == "W7":
        return gpt(p, x), state
    if name == "W8":
        x, state = resnet(p, state, x)
    return dense(lstm(p, x) if name == "W6" else x, "d1"), state


def loss(name, output, y):
    if name == "W4":
        return jnp.square(output - y).mean()
    if name in ("W5", "W6"):
        return optax.sigmoid_binary_cross_entropy(output, y).mean()
    return optax.softmax_cross_entropy_with_integer_labels(output, y).mean()


class Training:
    def __init__(self, name, variant, threads):
        p = {key: jnp.asarray(value) for key, value in S.weights(name).items()}
        keys = [key[:-1] for key in p if key.endswith("g")] if name == "W8" else []
        state = {k + "m": jnp.zeros_like(p[k + "g"]) for k in keys} | {k + "v": jnp.ones_like(p[k + "g"]) for k in keys}
        adam = dict(learning_rate=S.RATE, b1=S.BETA1, b2=S.BETA2, eps=S.EPSILON)
        optimizer = {"W4": lambda: optax.sgd(S.SGD_RATE), "W8": lambda: optax.sgd(S.SGD_RATE, momentum=0.9),
                     "W7": lambda: optax.adamw(weight_decay=S.DECAY, **adam)}.get(name, lambda: optax.adam(**adam))()

        def value(p, state, x, y):
            output, state = forward(name, p, state, x)
            return loss(name, output, y), state

        def step(carry, batch):
            p, state, slots = carry
            (value_, state), gradients = jax.value_and_grad(value, has_aux=True)(p, state, *batch)
            updates, slots = optimizer.update(gradients, slots, p)
            return (optax.apply_updates(p, updates), state, slots), value_
        self.batches = [tuple(map(jnp.asarray, batch)) for batch in S.batches(name)]
        self.steps_per_call, self.count = 1, 0
        if variant == "scan":
            self.steps_per_call = STEPS
            many = [self.batches[i % S.BATCHES] for i in range(STEPS)]
            self.batches = [tuple(jnp.stack(part) for part in zip(*many))]
            self.run = jax.jit(lambda carry, batches: lax.scan(step, carry, batches), donate_argnums=0)
        else:
            self.run = jax.jit(step, donate_argnums=0)
        self.carry = (p, state, optimizer.init(p))

    def step(self):
        self.carry, self.value = self.run(self.carry, self.batches[self.count % len(self.batches)])
        self.count += 1

    def wait(self):
        return float(jnp.ravel(jax.block_until_ready(self.value))[-1])

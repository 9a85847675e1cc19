"""Training steps in flax and optax, with donated state. Each function returns 20 losses."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

STEPS = 20


def _train(model, loss_of, optimizer, batch, mutable=(), dropout=False):
    """Losses of `STEPS` steps on one batch."""
    variables = model.init({"params": jax.random.key(0), "dropout": jax.random.key(1)}, batch[0])
    params = variables.pop("params")
    state = optimizer.init(params)

    @functools.partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(params, extra, state, key, batch):
        def loss(params):
            rngs = {"dropout": key} if dropout else {}
            out = model.apply(
                {"params": params, **extra}, batch[0], rngs=rngs, mutable=list(mutable)
            )
            out, new = out
            return loss_of(out, batch[1]), new

        (value, new), grads = jax.value_and_grad(loss, has_aux=True)(params)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), new, state, value

    losses = []
    for i in range(STEPS):
        key = jax.random.fold_in(jax.random.key(2), i)
        params, variables, state, value = step(params, variables, state, key, batch)
        losses.append(float(value))
    return losses


def _labels(logits, y):
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


def _squares(out, y):
    return ((out - y) ** 2).mean()


def _images(n=16, size=16, channels=3, classes=10):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, size, size, channels)).astype(np.float32)
    return jnp.asarray(x), jnp.asarray(rng.integers(0, classes, n))


def mlp():
    class Mlp(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.relu(nn.Dense(64)(x.reshape(len(x), -1)))
            return nn.Dense(10)(x)

    return _train(Mlp(), _labels, optax.adam(1e-3), _images())


def cnn():
    class Cnn(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.max_pool(nn.relu(nn.Conv(16, (3, 3))(x)), (2, 2), (2, 2))
            x = nn.avg_pool(nn.relu(nn.Conv(32, (3, 3))(x)), (2, 2), (2, 2))
            x = nn.Dropout(0.25, deterministic=False)(x.reshape(len(x), -1))
            return nn.Dense(10)(x)

    return _train(Cnn(), _labels, optax.adam(1e-3), _images(), dropout=True)


def lstm():
    class Lstm(nn.Module):
        @nn.compact
        def __call__(self, tokens):
            x = nn.Embed(50, 16)(tokens)
            x = nn.RNN(nn.OptimizedLSTMCell(32))(x)
            return nn.Dense(2)(x[:, -1])

    rng = np.random.default_rng(1)
    batch = jnp.asarray(rng.integers(0, 50, (8, 12))), jnp.asarray(rng.integers(0, 2, 8))
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-2))
    return _train(Lstm(), _labels, optimizer, batch)


def gpt():
    class Block(nn.Module):
        @nn.compact
        def __call__(self, x):
            mask = nn.make_causal_mask(jnp.ones(x.shape[:2]))
            attention = nn.MultiHeadDotProductAttention(
                num_heads=4, dropout_rate=0.1, deterministic=False
            )
            x = x + attention(nn.LayerNorm()(x), mask=mask)
            y = nn.Dense(64)(nn.gelu(nn.Dense(128)(nn.LayerNorm()(x))))
            return x + nn.Dropout(0.1, deterministic=False)(y)

    class Gpt(nn.Module):
        @nn.compact
        def __call__(self, tokens):
            x = nn.Embed(60, 64)(tokens) + nn.Embed(16, 64)(jnp.arange(16))
            for _ in range(2):
                x = Block()(x)
            return nn.Dense(60)(nn.LayerNorm()(x))

    rng = np.random.default_rng(2)
    text = jnp.asarray(rng.integers(0, 60, (4, 17)))
    schedule = optax.warmup_cosine_decay_schedule(0.0, 1e-3, 5, 40)
    return _train(
        Gpt(), _labels, optax.adamw(schedule), (text[:, :-1], text[:, 1:]), dropout=True
    )


def resnet():
    class Block(nn.Module):
        features: int
        stride: int

        @nn.compact
        def __call__(self, x):
            norm = functools.partial(nn.BatchNorm, use_running_average=False)
            s = (self.stride, self.stride)
            y = nn.relu(norm()(nn.Conv(self.features, (3, 3), s, use_bias=False)(x)))
            y = norm()(nn.Conv(self.features, (3, 3), use_bias=False)(y))
            if x.shape != y.shape:
                x = norm()(nn.Conv(self.features, (1, 1), s, use_bias=False)(x))
            return nn.relu(x + y)

    class ResNet(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.Conv(8, (3, 3))(x)
            for features, stride in [(8, 1), (16, 2), (32, 2)]:
                x = Block(features, stride)(x)
            return nn.Dense(10)(x.mean((1, 2)))

    optimizer = optax.sgd(0.02, momentum=0.9, nesterov=True)
    return _train(ResNet(), _labels, optimizer, _images(), mutable=["batch_stats"])


def unet():
    class UNet(nn.Module):
        @nn.compact
        def __call__(self, x):
            norm = nn.GroupNorm(num_groups=4)
            a = nn.silu(norm(nn.Conv(8, (3, 3))(x)))
            b = nn.silu(nn.Conv(16, (3, 3), (2, 2))(a))
            up = nn.ConvTranspose(8, (2, 2), (2, 2))(b)
            shape = (len(x), x.shape[1], x.shape[2], 16)
            wide = jax.image.resize(b, shape, "bilinear")
            return nn.Conv(3, (3, 3))(jnp.concatenate([a, up, wide], -1))

    x, _ = _images(n=4)
    return _train(UNet(), _squares, optax.adam(2e-3), (x, jnp.tanh(x)))


def vae():
    class Vae(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = x.reshape(len(x), -1)
            h = nn.relu(nn.Dense(64)(x))
            mean, spread = nn.Dense(8)(h), nn.Dense(8)(h)
            noise = jax.random.normal(self.make_rng("dropout"), mean.shape)
            out = nn.Dense(x.shape[-1])(nn.relu(nn.Dense(64)(mean + jnp.exp(spread / 2) * noise)))
            kl = 0.5 * (jnp.exp(spread) + mean**2 - 1 - spread).sum(-1).mean()
            return ((nn.sigmoid(out) - x) ** 2).sum(-1).mean() + kl

    x, _ = _images(n=8, size=8)
    return _train(
        Vae(), lambda loss, _: loss, optax.adam(1e-3), (jax.nn.sigmoid(x), x), dropout=True
    )

"""Training steps in flax and optax have the losses of JAX's CPU backend."""

import both
import pytest


@pytest.mark.parametrize("model", ["mlp", "cnn", "lstm", "gpt", "resnet", "unet", "vae"])
def test_losses(model):
    ours, theirs = both.run("flax_steps", model)
    both.close(ours, theirs, 1e-4)
    assert theirs[-1] < theirs[0], "the model learns"

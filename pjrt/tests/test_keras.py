"""Keras programs, unmodified, have the losses of JAX's CPU backend and the same accuracy."""

import both
import pytest


@pytest.mark.parametrize("program", ["conv", "binary", "lstm", "attention", "normalised"])
def test_program(program):
    ours, theirs = both.run("keras_programs", program)
    both.close(ours["losses"], theirs["losses"], 1e-4)
    both.close(ours["validation"], theirs["validation"], 1e-3)
    both.close([ours["loss"]], [theirs["loss"]], 1e-3)
    assert abs(ours["accuracy"] - theirs["accuracy"]) < 0.005
    for mine, its in zip(ours["predicted"], theirs["predicted"], strict=True):
        assert abs(mine - its) < 1e-3

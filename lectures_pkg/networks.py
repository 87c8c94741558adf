"""Networks: layers and shapes, no losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import nn


def mlp(sizes: Sequence[int], activation: Callable[[], nn.Module] = nn.ReLU) -> nn.Sequential:
    """A multilayer perceptron; the last layer is linear, so that discriminators return logits.

    Parameters
    ----------
    sizes : sequence of int
        Widths from input to output: ``(2, 32, 32, 1)`` has two hidden layers of 32 units.
    activation : callable
        Makes the activation after each hidden layer, ``nn.ReLU`` or ``lambda: nn.LeakyReLU(0.2)``.

    Raises
    ------
    ValueError
        If there are fewer than two sizes, or one is not positive.
    """
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"sizes must be two or more positive widths, found {tuple(sizes)}")
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), activation()]
    return nn.Sequential(*layers[:-1])

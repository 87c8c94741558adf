"""Training: the loop, the seeds and the averages that every trained model of the book shares.

The loop knows no model. A model gives a step, ``step(batch) -> {name: float}``, and `fit` repeats it.
"""

from __future__ import annotations

import copy
import math
import os
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

Step = Callable[..., Mapping[str, float]]


class Switchable(Protocol):
    """A network, or a model that knows training from evaluation as a network does."""

    training: bool

    def train(self, mode: bool = True) -> object: ...


def fit(step: Step, batches: Iterable, n_steps: int) -> dict[str, np.ndarray]:
    """Call ``step`` on ``n_steps`` batches and return what it reported.

    Parameters
    ----------
    step : callable
        ``step(batch)`` updates a model and returns named numbers, the same names each time.
    batches : iterable
        At least ``n_steps`` batches, for example from `minibatches`.
    n_steps : int
        Number of updates. Budgets are in steps, never in seconds: results must not depend on the machine.

    Returns
    -------
    dict of str to ndarray, shape (n_steps,)
        History of each named number.

    Raises
    ------
    FloatingPointError
        If a reported number is not finite; the sentence names the step and the number.
    ValueError
        If ``n_steps`` is negative or the batches end early.
    """
    if n_steps < 0:
        raise ValueError(f"n_steps must not be negative, found {n_steps}")
    history: dict[str, np.ndarray] = {}
    iterator = iter(batches)
    for index in tqdm(range(n_steps), disable=not _is_interactive(), leave=False):
        try:
            batch = next(iterator)
        except StopIteration:
            raise ValueError(f"the batches ended after {index} of {n_steps} steps") from None
        for name, value in step(batch).items():
            if not math.isfinite(value):
                raise FloatingPointError(
                    f"{name} is {value} at step {index}: lower the learning rate, or mend the loss"
                )
            history.setdefault(name, np.full(n_steps, np.nan))[index] = value
    return history


def minibatches(data: Tensor, batch_size: int, rng: np.random.Generator) -> Iterator[Tensor]:
    """Endless batches from ``data``, reshuffled after each pass; an incomplete last batch is left out.

    Indexing a tensor is some forty times faster than a ``DataLoader`` for data that fit in memory.

    Raises
    ------
    ValueError
        If ``batch_size`` is not between 1 and the number of examples.
    """
    if not 1 <= batch_size <= len(data):
        raise ValueError(f"batch_size must be between 1 and the {len(data)} examples, found {batch_size}")
    while True:
        order = torch.from_numpy(rng.permutation(len(data)))
        for start in range(0, len(data) - batch_size + 1, batch_size):
            yield data[order[start : start + batch_size]]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed Python's, NumPy's and torch's global generators inside the block; restore them after it."""
    python_state, numpy_state, torch_state = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002
        torch.set_rng_state(torch_state)


@contextmanager
def evaluating(network: Switchable) -> Iterator[None]:
    """Inside the block the network is in evaluation mode; afterwards in the mode that it had."""
    was_training = network.training
    network.train(False)
    try:
        yield
    finally:
        network.train(was_training)


class EMA:
    """Exponential moving average of a network's parameters.

    A generator's iterates circle the solution; their average sits much nearer to it
    (Yazıcı et al., 2019). Buffers such as batch-norm statistics are copied, not averaged.

    Parameters
    ----------
    module : Module
        The network being trained.
    decay : float
        Share of the average that each update keeps, in [0, 1).

    Attributes
    ----------
    module : Module
        A copy of the network that holds the average; it takes no gradient.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), found {decay}")
        self.decay = decay
        self.module = copy.deepcopy(module).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Move the average towards the parameters of ``module``."""
        for average, parameter in zip(self.module.parameters(), module.parameters(), strict=True):
            average.lerp_(parameter, 1 - self.decay)
        for kept, buffer in zip(self.module.buffers(), module.buffers(), strict=True):
            kept.copy_(buffer)


def _is_interactive() -> bool:
    """A person is watching: a terminal or a live notebook (scripts that run notebooks set TQDM_DISABLE)."""
    return not os.environ.get("TQDM_DISABLE") and (sys.stderr.isatty() or "ipykernel" in sys.modules)

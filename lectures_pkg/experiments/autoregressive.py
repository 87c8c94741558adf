"""Autoregressive models and their baselines on binary 8x8 digits, over several seeds and several orders.

Chapter ``autoregressive``. All numbers are exact log-likelihoods in nats per test image (except ``choose_...``).
Of the 1347 training images the first 200 stop the training and the other 1147 are learned from; test images
are scored once. Sizes were *chosen* within the training images: 947 to learn from, 200 to stop, 200 to choose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lectures_pkg.autoregressive import (
    FVSBN,
    MADE,
    PixelCNN,
    ensemble_log_prob,
    fit_bernoulli_mixture,
    maximum_likelihood_step,
)
from lectures_pkg.datasets import load_digits8
from lectures_pkg.training import Step, fit, minibatches, seeded

Model = TypeVar("Model", bound=nn.Module)

SEEDS = range(5)

SIDE = 8
N_PIXELS = SIDE * SIDE
N_STOP = 200  #: training images that only decide when to stop
N_CHOOSE = 200  #: training images that only choose sizes
WIDTHS = (64, 128, 256, 512)  #: hidden units that were tried, with DROPOUT
DROPOUTS = (0.0, 0.2, 0.4, 0.6)  #: that were tried, with WIDTH
COMPONENTS = (10, 30, 60, 100)  #: sizes of the mixture that were tried
WIDTH, DROPOUT, N_COMPONENTS = 256, 0.4, 60

_RASTER = np.arange(N_PIXELS)
#: Orders that are compared; the random ones are the same for every seed.
ORDERS: dict[str, np.ndarray] = {
    "rows": _RASTER,
    "rows_backwards": _RASTER[::-1].copy(),
    "columns": _RASTER.reshape(SIDE, SIDE).T.reshape(-1),
    "random_a": np.random.default_rng(1).permutation(N_PIXELS),
    "random_b": np.random.default_rng(2).permutation(N_PIXELS),
}

MANY_ORDERS = 10_000  #: more than a training has steps: the network hardly ever sees an order twice


def digits() -> tuple[Tensor, Tensor]:
    """Binary digits as (1347, 64) for training and (450, 64) for testing, float32."""
    data = load_digits8(binary=True)
    train, test = (images.reshape(-1, N_PIXELS) for images in (data.train_images, data.test_images))
    return torch.as_tensor(train, dtype=torch.float32), torch.as_tensor(test, dtype=torch.float32)


def nll(model: nn.Module, x: Tensor) -> float:
    """Mean negative log-likelihood in nats per image, dropout off."""
    return -_log_probs(model, x).mean().item()


def _log_probs(model: nn.Module, x: Tensor) -> Tensor:
    model.eval()
    with torch.no_grad():
        return model.log_prob(x)  # type: ignore[operator]


def train(
    build: Callable[[], Model],
    seed: int,
    *,
    learn_from: Tensor,
    stop_on: Tensor,
    learning_rate: float = 2e-3,
    max_steps: int = 3000,
    patience: int = 5,
    step_of: Callable[[Model, Optimizer], Step] = maximum_likelihood_step,
    score: Callable[[Model, Tensor], float] = nll,
) -> Model:
    """Maximum likelihood by AdamW; the weights that did best on ``stop_on`` are kept.

    Every 100 steps the model is scored on ``stop_on``; after ``patience`` scores in a row that are not better by
    .01 nat it stops. Steps are counted, not seconds.
    """
    with seeded(seed):
        model = build()
        optimiser = torch.optim.AdamW(model.parameters(), learning_rate, weight_decay=1e-2)
        step, batches = step_of(model, optimiser), minibatches(learn_from, 64, _rng(seed))
        best, kept, waited = np.inf, model.state_dict(), 0
        for _ in range(max_steps // 100):
            model.train()
            fit(step, batches, 100)
            found = score(model, stop_on)
            waited += 1
            if found < best - 0.01:
                best, waited = found, 0
                kept = {name: value.clone() for name, value in model.state_dict().items()}
            if waited == patience:
                break
        model.load_state_dict(kept)
    return model.eval()


def train_made(seed: int, order: str = "rows") -> MADE:
    """The chapter's MADE: one hidden layer, dropout, direct connections; about four seconds."""
    images, _ = digits()
    return train(
        lambda: MADE(N_PIXELS, WIDTH, ORDERS[order], dropout=DROPOUT),
        seed,
        learn_from=images[N_STOP:],
        stop_on=images[:N_STOP],
    )


def train_in_many_orders(seed: int, orders: Sequence[np.ndarray]) -> MADE:
    """One MADE of the chapter's size for all of these orders; about nine seconds.

    Each step predicts in one of them, drawn at random (Germain et al., 2015, section 4); what stops the training
    is the mean over the first five.
    """
    images, _ = digits()
    rng = np.random.default_rng([seed, 1])

    def step_of(model: MADE, optimiser: Optimizer) -> Step:
        step = maximum_likelihood_step(model, optimiser)

        def step_in_one_order(batch: Tensor) -> Mapping[str, float]:
            model.set_order(orders[int(rng.integers(len(orders)))])
            return step(batch)

        return step_in_one_order

    return train(
        lambda: MADE(N_PIXELS, WIDTH, dropout=DROPOUT),
        seed,
        learn_from=images[N_STOP:],
        stop_on=images[:N_STOP],
        max_steps=6000,
        patience=10,
        step_of=step_of,
        score=lambda model, x: -log_probs_in(model, orders[:5], x).mean().item(),
    )


def log_probs_in(model: MADE, orders: Sequence[np.ndarray], x: Tensor) -> Tensor:
    """Log-probabilities under one MADE in each of these orders, shape (n_orders, batch); dropout off."""
    scores = []
    for order in orders:
        model.set_order(order)
        scores.append(_log_probs(model, x))
    return torch.stack(scores)


def choose(seed: int) -> dict[str, float]:
    """Negative log-likelihood of each size on the images kept for choosing: test images play no part."""
    images, _ = digits()
    stop_on, choose_on, learn_from = images.split([N_STOP, N_CHOOSE, len(images) - N_STOP - N_CHOOSE])
    scores = {}

    def score(width: int, dropout: float) -> float:
        model = train(lambda: MADE(N_PIXELS, width, dropout=dropout), seed, learn_from=learn_from, stop_on=stop_on)
        return nll(model, choose_on)

    for width in WIDTHS:
        scores[f"choose_width_{width}"] = score(width, DROPOUT)
    for dropout in DROPOUTS:
        scores[f"choose_dropout_{dropout}"] = score(WIDTH, dropout)
    for n in COMPONENTS:
        mixture = fit_bernoulli_mixture(torch.cat([stop_on, learn_from]).numpy(), n, _rng(seed))
        scores[f"choose_components_{n}"] = -float(mixture.log_prob(choose_on.numpy()).mean())
    return scores


def run(seed: int) -> dict[str, float]:
    """Choose sizes, then score every model, five orders, and what is made of several orders on the test images."""
    images, test = digits()
    stop_on, learn_from = images[:N_STOP], images[N_STOP:]
    results = choose(seed)
    for name, n in (("independent", 1), ("mixture", N_COMPONENTS), ("mixture_100", 100)):
        mixture = fit_bernoulli_mixture(images.numpy(), n, _rng(seed))
        results[name] = -float(mixture.log_prob(test.numpy()).mean())
    results["fvsbn"] = nll(
        train(lambda: FVSBN(N_PIXELS), seed, learn_from=learn_from, stop_on=stop_on, learning_rate=1e-2), test
    )
    for name, two_stacks in (("pixelcnn_one_stack", False), ("pixelcnn_two_stacks", True)):
        model = train(
            lambda two_stacks=two_stacks: PixelCNN(SIDE, SIDE, 16, 4, 5, two_stacks=two_stacks),  # type: ignore[misc]
            seed,
            learn_from=learn_from,
            stop_on=stop_on,
            learning_rate=4e-3,
            max_steps=2000,
        )
        results[name] = nll(model, test)
    scores = {name: _log_probs(train_made(seed, name), test) for name in ORDERS}
    results |= {f"made_{name}": -score.mean().item() for name, score in scores.items()}
    # The control of the ensemble of orders: as many networks, one order.
    repeats = [train_made(1000 * repeat + seed) for repeat in range(1, len(ORDERS))]
    same_order = [scores["rows"], *(_log_probs(model, test) for model in repeats)]
    results["ensemble_of_orders"] = -ensemble_log_prob(torch.stack(list(scores.values()))).mean().item()
    results["ensemble_of_seeds"] = -ensemble_log_prob(torch.stack(same_order)).mean().item()
    # One network for the same five orders; and one for any order, asked for these five.
    rng = np.random.default_rng([seed, 2])
    many = [rng.permutation(N_PIXELS) for _ in range(MANY_ORDERS)]
    for name, practised in (("one_network_five_orders", list(ORDERS.values())), ("one_network_any_order", many)):
        in_each = log_probs_in(train_in_many_orders(seed, practised), list(ORDERS.values()), test)
        results[name] = -in_each.mean().item()
        results[f"{name}_averaged"] = -ensemble_log_prob(in_each).mean().item()
    return results


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)

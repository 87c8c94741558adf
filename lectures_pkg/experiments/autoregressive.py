"""Autoregressive models and their baselines on binary 8x8 digits, over several seeds and several orders.

Chapter ``autoregressive``. All numbers are exact log-likelihoods in nats per test image (except ``choose_...``).
Of the 1347 training images the first 200 stop the training and the other 1147 are learned from; test images
are scored once. Sizes were *chosen* within the training images: 947 to learn from, 200 to stop, 200 to choose.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from lectures_pkg.autoregressive import (
    FVSBN,
    MADE,
    PixelCNN,
    ensemble_log_prob,
    fit_bernoulli_mixture,
    maximum_likelihood_step,
)
from lectures_pkg.datasets import load_digits8
from lectures_pkg.training import fit, minibatches, seeded

SEEDS = range(5)

SIDE = 8
N_PIXELS = SIDE * SIDE
N_STOP = 200  #: training images that only decide when to stop
N_CHOOSE = 200  #: training images that only choose sizes
WIDTHS = (64, 128, 256, 512)  #: hidden units that were tried, with DROPOUT
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
    build: Callable[[], nn.Module],
    seed: int,
    *,
    learn_from: Tensor,
    stop_on: Tensor,
    learning_rate: float = 2e-3,
    max_steps: int = 3000,
    patience: int = 5,
) -> nn.Module:
    """Maximum likelihood by AdamW; the weights that did best on ``stop_on`` are kept.

    Every 100 steps the model is scored on ``stop_on``; after ``patience`` scores in a row that are not better by
    .01 nat it stops. Steps are counted, not seconds.
    """
    with seeded(seed):
        model = build()
        optimiser = torch.optim.AdamW(model.parameters(), learning_rate, weight_decay=1e-2)
        step, batches = maximum_likelihood_step(model, optimiser), minibatches(learn_from, 64, _rng(seed))
        best, kept, waited = np.inf, model.state_dict(), 0
        for _ in range(max_steps // 100):
            model.train()
            fit(step, batches, 100)
            score = nll(model, stop_on)
            waited += 1
            if score < best - 0.01:
                best, waited = score, 0
                kept = {name: value.clone() for name, value in model.state_dict().items()}
            if waited == patience:
                break
        model.load_state_dict(kept)
    return model.eval()


def train_made(seed: int, order: str = "rows", width: int = WIDTH) -> nn.Module:
    """The chapter's MADE: one hidden layer, dropout, direct connections; about four seconds."""
    images, _ = digits()
    return train(
        lambda: MADE(N_PIXELS, width, ORDERS[order], dropout=DROPOUT),
        seed,
        learn_from=images[N_STOP:],
        stop_on=images[:N_STOP],
    )


def choose(seed: int) -> dict[str, float]:
    """Negative log-likelihood of each size on the images kept for choosing: test images play no part."""
    images, _ = digits()
    stop_on, choose_on, learn_from = images.split([N_STOP, N_CHOOSE, len(images) - N_STOP - N_CHOOSE])
    scores = {}
    for width in WIDTHS:
        model = train(
            lambda width=width: MADE(N_PIXELS, width, dropout=DROPOUT),  # type: ignore[misc]
            seed,
            learn_from=learn_from,
            stop_on=stop_on,
        )
        scores[f"choose_width_{width}"] = nll(model, choose_on)
    for n in COMPONENTS:
        mixture = fit_bernoulli_mixture(torch.cat([stop_on, learn_from]).numpy(), n, _rng(seed))
        scores[f"choose_components_{n}"] = -float(mixture.log_prob(choose_on.numpy()).mean())
    return scores


def run(seed: int) -> dict[str, float]:
    """Choose sizes, then score every model, five orders, and two ensembles of five on the test images."""
    images, test = digits()
    stop_on, learn_from = images[:N_STOP], images[N_STOP:]
    results = choose(seed)
    for name, n in (("independent", 1), ("mixture", N_COMPONENTS)):
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
    return results


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)

"""Flow matching and diffusion on the 8x8 digits over seeds: labels obeyed, and samples told apart from real digits.

Chapter ``diffusion``. Grey pictures, scaled to [-1, 1]. Width, number of steps and learning rate are fixed in advance;
`validate` compares some of them on a part of the training digits, and the test digits are looked at once, in `run`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from lectures_pkg.datasets import load_digits8
from lectures_pkg.diffusion import (
    TimeMLP,
    TinyUNet,
    ancestral_sample,
    denoiser_of,
    diffusion_step,
    euler_sample,
    flow_step,
    linear_beta_schedule,
    velocity_of,
)
from lectures_pkg.metrics import Judge, classifier_two_sample_test
from lectures_pkg.training import EMA, Step, fit, seeded

SEEDS = range(3)

N_CLASSES, N_TEST = 10, 450
MLP_BATCH, UNET_BATCH, LEARNING_RATE = 128, 64, 2e-3
MLP_STEPS, UNET_STEPS, DIFFUSION_TIMES, EULER_STEPS = 2500, 1500, 200, 50
#: Of the average over training: small enough that the first weights are forgotten, to e^-7.5 in both runs.
MLP_DECAY, UNET_DECAY = 0.997, 0.995
#: How often a sampler asks its network.
BUDGETS = (1, 2, 5, 10, 50)


class Trained(NamedTuple):
    """A network's average over its training, and the history of the loss."""

    network: nn.Module
    losses: np.ndarray


def digits() -> tuple[Tensor, Tensor, np.ndarray]:
    """Training images in [-1, 1], shape (1347, 64), their labels, and test images in [0, 1], shape (450, 64)."""
    split = load_digits8()
    images = torch.as_tensor(2 * split.train_images.reshape(-1, 64) - 1, dtype=torch.float32)
    return images, torch.as_tensor(split.train_labels), split.test_images.reshape(-1, 64)


def to_grey_levels(points: Tensor) -> np.ndarray:
    """Samples as pictures: from [-1, 1] to [0, 1], clipped, and rounded to the 17 grey levels that the data have."""
    return np.round(16 * ((points.numpy().astype(float) + 1) / 2).clip(0, 1)) / 16


@cache
def judge() -> Judge:
    """A classifier that has learned from the training digits only."""
    split = load_digits8()
    return Judge(split.train_images.reshape(-1, 64), split.train_labels)


def labelled_batches(images: Tensor, labels: Tensor, batch_size: int = MLP_BATCH) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches, drawn with replacement from torch's global generator."""
    while True:
        rows = torch.randint(len(images), (batch_size,))
        yield images[rows], labels[rows]


def train_flow(seed: int, model: str = "mlp", *, conditional: bool = True, n_steps: int | None = None,
               hidden: int = 256, data: tuple[Tensor, Tensor] | None = None) -> Trained:  # fmt: skip
    """Flow matching with the MLP or the U-Net; its parameters are averaged over training."""
    n_classes = N_CLASSES if conditional else 0
    with seeded(seed):
        network = TimeMLP(64, hidden, n_classes) if model == "mlp" else TinyUNet(32, n_classes)
        budget = n_steps or (MLP_STEPS if model == "mlp" else UNET_STEPS)
        parts = _optimiser(network, budget, MLP_DECAY if model == "mlp" else UNET_DECAY)
        step = flow_step(network, parts[0], scheduler=parts[1], ema=parts[2], conditional=conditional)
        return _train(step, parts[2], data, budget, MLP_BATCH if model == "mlp" else UNET_BATCH)


def train_diffusion(seed: int, *, n_steps: int = MLP_STEPS) -> Trained:
    """The same MLP with labels, guessing the noise of 200 steps of the usual linear schedule."""
    with seeded(seed):
        network = TimeMLP(64, 256, N_CLASSES)
        optimiser, scheduler, ema = _optimiser(network, n_steps, MLP_DECAY)
        schedule = linear_beta_schedule(DIFFUSION_TIMES)
        step = diffusion_step(network, schedule, optimiser, scheduler=scheduler, ema=ema, conditional=True)
        return _train(step, ema, None, n_steps, MLP_BATCH)


def flow_samples(
    trained: Trained, seed: int, n: int, n_steps: int = EULER_STEPS, *, labels: Tensor | None = None
) -> np.ndarray:
    """Pictures of shape (n, 64) in the data's grey levels, by Euler's method."""
    noise = torch.randn(n, 64, generator=torch.Generator().manual_seed(seed))
    given = () if labels is None else (labels,)
    return to_grey_levels(euler_sample(velocity_of(trained.network, *given), noise, n_steps))


def diffusion_samples(trained: Trained, seed: int, labels: Tensor) -> np.ndarray:
    """Pictures of shape (n, 64), by ancestral sampling with 200 steps."""
    rng = torch.Generator().manual_seed(seed)
    noise = torch.randn(len(labels), 64, generator=rng)
    schedule = linear_beta_schedule(DIFFUSION_TIMES)
    return to_grey_levels(ancestral_sample(schedule, denoiser_of(trained.network, labels), noise, rng, clip=1.0))


def told_apart(samples: np.ndarray, seed: int) -> float:
    """Accuracy of a classifier between the test digits and as many samples: one half is the best."""
    return classifier_two_sample_test(digits()[2], samples[:N_TEST], np.random.default_rng(seed)).accuracy


def run(seed: int) -> dict[str, float]:
    """Four networks with one seed, up to 1000 pictures each: about a minute.

    ``obeyed_*`` is the share of pictures in which the judge sees the label asked for, ``apart_*`` the accuracy of a
    classifier between 450 test digits and 450 samples; ``apart_null`` between test and training digits.
    """
    wanted = torch.arange(1000) % N_CLASSES
    found: dict[str, float] = {}
    flow = train_flow(seed)
    pictures = flow_samples(flow, seed, 1000, labels=wanted)
    found["obeyed_flow"] = float((judge().predict(pictures) == wanted.numpy()).mean())
    found["confidence_flow"] = judge().report(pictures).confidence
    found["loss_flow"] = float(flow.losses[-500:].mean())
    for budget in BUDGETS[:-1]:
        few = judge().predict(flow_samples(flow, seed, 1000, budget, labels=wanted))
        found[f"obeyed_flow_{budget}"] = float((few == wanted.numpy()).mean())
    pictures = diffusion_samples(train_diffusion(seed), seed, wanted)
    found["obeyed_diffusion"] = float((judge().predict(pictures) == wanted.numpy()).mean())
    found["confidence_diffusion"] = judge().report(pictures).confidence
    for name in ("mlp", "unet"):
        trained = train_flow(seed, name, conditional=False)
        found[f"confidence_{name}"] = judge().report(flow_samples(trained, seed, 1000)).confidence
        for budget in BUDGETS:
            found[f"apart_{name}_{budget}"] = told_apart(flow_samples(trained, seed, N_TEST, budget), seed)
    rng = np.random.default_rng(seed)
    real = (digits()[0].numpy()[rng.choice(1347, N_TEST, replace=False)] + 1) / 2
    return found | {"apart_null": told_apart(real, seed), "confidence_real": judge().report(digits()[2]).confidence}


def validate(seed: int, hidden: int, n_steps: int) -> float:
    """Share of obeyed labels where no test digit is used: the flow learns from 1000 of the training digits, and the
    judge from the other 347."""
    images, labels, _ = digits()
    rows = np.random.default_rng(0).permutation(len(images))
    kept, held = rows[:1000], rows[1000:]
    other_judge = Judge((images[held].numpy() + 1) / 2, labels[held].numpy())
    trained = train_flow(seed, hidden=hidden, n_steps=n_steps, data=(images[kept], labels[kept]))
    wanted = torch.arange(1000) % N_CLASSES
    pictures = flow_samples(trained, seed, 1000, labels=wanted)
    return float((other_judge.predict(pictures) == wanted.numpy()).mean())


def _optimiser(
    network: nn.Module, n_steps: int, decay: float
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler, EMA]:
    optimiser = torch.optim.Adam(network.parameters(), LEARNING_RATE, fused=True)
    return optimiser, torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, n_steps), EMA(network, decay)


def _train(step: Step, ema: EMA, data: tuple[Tensor, Tensor] | None, n_steps: int, batch_size: int) -> Trained:
    images, labels = digits()[:2] if data is None else data
    losses = fit(step, labelled_batches(images, labels, batch_size), n_steps)["loss"]
    return Trained(ema.module, losses)

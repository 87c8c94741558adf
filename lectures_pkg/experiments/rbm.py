"""Machines on binary digits over several seeds: settings chosen on a validation split, then test likelihoods.

Chapter ``rbm``. The 1347 training digits are split once more: the first 200 are held out for choosing,
the other 1147 train. Test numbers are computed with the chosen settings only.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np

from lectures_pkg.datasets import load_digits8
from lectures_pkg.rbm import (
    RBM,
    annealed_importance_sampling,
    autocorrelation_time,
    contrastive_divergence_step,
    pixel_log_odds,
    reverse_annealed_importance_sampling,
)
from lectures_pkg.training import fit

SEEDS = range(5)

N_VALIDATION, BATCH_SIZE, N_CHAINS, WEIGHT_DECAY = 200, 64, 100, 1e-4
LENGTHS = (3000, 12_000)
LEARNING_RATES = {20: (0.1, 0.3, 1.0), 128: (0.03, 0.1, 0.3)}
#: Hidden units to (learning rate, number of updates): of the settings whose validation loss lies within two
#: standard errors (of the paired difference over the stored seeds) of the smallest, the one with the smallest rate.
CHOSEN = {20: (0.3, 12_000), 128: (0.1, 12_000)}


class Split(NamedTuple):
    """Binary digits as rows of 64 pixels."""

    train: np.ndarray  #: (1147, 64)
    validation: np.ndarray  #: (200, 64)
    test: np.ndarray  #: (450, 64)


@cache
def digits() -> Split:
    """The split, in float32."""
    loaded = load_digits8(binary=True)
    rows = [images.reshape(-1, 64).astype(np.float32) for images in (loaded.train_images, loaded.test_images)]
    return Split(rows[0][N_VALIDATION:], rows[0][:N_VALIDATION], rows[1])


def batches(data: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Endless batches of rows drawn with replacement."""
    while True:
        yield data[rng.integers(len(data), size=BATCH_SIZE)]


@cache
def train(
    n_hidden: int,
    seed: int,
    *,
    learning_rate: float | None = None,
    n_steps: int | None = None,
    persistent: bool = True,
) -> RBM:
    """A machine on the training digits: CD-1 or (by default) PCD-1, the rate falling linearly to zero.

    The visible bias starts at the pixels' log odds, hidden units start mostly off. Asked twice, it trains once
    and returns the same machine.
    """
    chosen_rate, chosen_steps = CHOSEN.get(n_hidden, CHOSEN[20])
    rate, n = learning_rate or chosen_rate, n_steps or chosen_steps
    rng, data = np.random.default_rng(seed), digits().train
    rbm = RBM(64, n_hidden, rng=rng, dtype=np.float32)
    rbm.visible_bias[:] = pixel_log_odds(data)
    rbm.hidden_bias[:] = -1.0
    chains = (rng.random((N_CHAINS, 64)) < 0.5).astype(np.float32) if persistent else None
    step = contrastive_divergence_step(rbm, lambda t: rate * (1 - t / n), rng, chains=chains, weight_decay=WEIGHT_DECAY)
    fit(step, batches(data, rng), n)
    return rbm


def draw(rbm: RBM, n: int, rng: np.random.Generator, n_sweeps: int = 1000) -> np.ndarray:
    """``n`` images from as many chains, started at independent pixels with the digits' means."""
    start = rng.random((n, 64)) < digits().train.mean(axis=0)
    return rbm.gibbs(start, n_sweeps, rng)


def estimated_log_partition(rbm: RBM, rng: np.random.Generator, n_temperatures: int = 1000) -> float:
    """log Z by annealing 200 chains from the pixels' own log odds."""
    base = pixel_log_odds(digits().train)
    return annealed_importance_sampling(rbm, 200, n_temperatures, rng, base_bias=base).log_partition


def nll(rbm: RBM, images: np.ndarray, log_partition: float) -> float:
    """Mean of -log p(v) in nats per image."""
    return float(rbm.free_energy(images).mean() + log_partition)


def energy_time(rbm: RBM, rng: np.random.Generator) -> float:
    """Autocorrelation time of the free energy in sweeps: 100 chains of 1000 sweeps, after as many unrecorded ones."""
    v, series = draw(rbm, 100, rng), []
    for _ in range(1000):
        v = rbm.gibbs(v, 1, rng)
        series.append(rbm.free_energy(v))
    return autocorrelation_time(np.array(series).T)


def run(seed: int) -> dict[str, float]:
    """Validation losses of all settings, then the chosen ones on the test digits: about a minute."""
    found: dict[str, float] = {}
    split = digits()
    for n_hidden, chosen in CHOSEN.items():
        for n_steps in LENGTHS:
            for rate in LEARNING_RATES[n_hidden]:
                rng = np.random.default_rng([seed, n_hidden])
                rbm = train(n_hidden, seed, learning_rate=rate, n_steps=n_steps)
                log_z = rbm.log_partition() if n_hidden <= 20 else estimated_log_partition(rbm, rng)
                found[f"validation_{n_hidden}_rate_{rate}_steps_{n_steps}"] = nll(rbm, split.validation, log_z)
                if (rate, n_steps) == chosen:
                    found |= _tested(rbm, log_z, rng)
    rbm = train(20, seed, persistent=False)
    found["test_20_cd1"] = nll(rbm, split.test, rbm.log_partition())
    return found


def _tested(rbm: RBM, log_z: float, rng: np.random.Generator) -> dict[str, float]:
    n, split, base = rbm.n_hidden, digits(), pixel_log_odds(digits().train)
    forward = annealed_importance_sampling(rbm, 300, 1000, rng, base_bias=base)
    reverse = reverse_annealed_importance_sampling(rbm, draw(rbm, 300, rng), 1000, rng, base_bias=base)
    return {
        f"test_{n}": nll(rbm, split.test, log_z),
        f"train_{n}": nll(rbm, split.train, log_z),
        f"forward_{n}": forward.log_partition - log_z,
        f"gap_{n}": reverse.log_partition - forward.log_partition,
        f"bracket_{n}": reverse.bound - forward.bound,
        f"sweeps_{n}": energy_time(rbm, rng),
    }

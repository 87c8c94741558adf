"""Mode collapse measured over seeds: four losses on the ring of 8 and the grid of 25, and a collapse on demand.

Chapter ``gan_stability``. The worlds are those of VEEGAN and PacGAN; samples are judged by
`lectures_pkg.metrics.mode_report`. The penalties' weights were chosen by the reverse KL of the averaged generators on
validation seeds that are not stored. On the ring (seeds 100 and 101): 0.1 among 0.001, 0.01 and 0.1 for R1; for
WGAN-GP 0.1 and 1 were alike, and 0.1 was kept for its better raw generators. On the grid (seed 100): 1 among 0.1
and 1 for R1, and the ring's 0.1 for WGAN-GP.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from lectures_pkg.gan import gan_step, sample
from lectures_pkg.metrics import mode_report
from lectures_pkg.networks import mlp
from lectures_pkg.training import EMA, fit, seeded
from lectures_pkg.worlds import GaussianMixture, grid, ring

SEEDS = range(8)

N_SAMPLES = 2500  #: judged at each look, as in the papers
DECAY = 0.995
BATCH_SIZE = 128

#: What `lectures_pkg.gan.gan_step` gets. WGAN-GP has three critic steps per round, and two thirds of the rounds.
RECIPES: dict[str, dict[str, Any]] = {
    "saturating": {"generator_kind": "saturating"},
    "non_saturating": {"generator_kind": "non_saturating"},
    "r1": {"generator_kind": "non_saturating", "gamma": 0.1},
    "wgan_gp": {
        "discriminator_kind": "wasserstein",
        "generator_kind": "wasserstein",
        "gradient_weight": 0.1,
        "n_discriminator_steps": 3,
    },
}


class MixtureRun(NamedTuple):
    """Samples of one training run at its looks, of the generator itself and of its average."""

    rounds: np.ndarray  #: shape (n_looks,)
    raw: np.ndarray  #: shape (n_looks, n, 2)
    average: np.ndarray  #: shape (n_looks, n, 2)


def train_mixture(
    law: GaussianMixture,
    recipe: Mapping[str, Any],
    seed: int,
    rounds: np.ndarray,
    *,
    noise_dim: int = 2,
    width: int = 64,
    betas: tuple[float, float] = (0.5, 0.9),
    rates: tuple[float, float] = (1e-3, 1e-3),
    n_samples: int = N_SAMPLES,
) -> MixtureRun:
    """Train two small networks on a mixture in the plane, and sample from them after each of ``rounds`` rounds.

    Parameters
    ----------
    law : GaussianMixture
        The data, `lectures_pkg.worlds.ring` or ``grid``; fresh batches of 128 in every discriminator step.
    recipe : mapping
        Losses and penalties, a value of `RECIPES`.
    seed : int
        Of weights, noise and data.
    rounds : ndarray of int
        When to look, increasing; the last one ends the training.
    noise_dim, width : int
        Gaussian noise numbers, and units in each of the two hidden layers of both networks.
    betas, rates : tuple of float
        Of Adam; the rates are the generator's and the discriminator's.
    n_samples : int
        Samples at each look.
    """
    with seeded(seed):
        generator = mlp((noise_dim, width, width, 2), _leaky)
        discriminator = mlp((2, width, width, 1), _leaky)
        average = EMA(generator, DECAY)
        g_optimiser, d_optimiser = (
            torch.optim.Adam(network.parameters(), lr=rate, betas=betas, fused=True)
            for network, rate in zip((generator, discriminator), rates, strict=True)
        )
        noise = lambda m: torch.randn(m, noise_dim)  # noqa: E731
        step = gan_step(generator, discriminator, g_optimiser, d_optimiser, noise, ema=average, **recipe)
        batches = mixture_batches(law, BATCH_SIZE * recipe.get("n_discriminator_steps", 1), np.random.default_rng(seed))
        looks = []
        for block in np.diff(rounds, prepend=0):
            fit(step, batches, int(block))
            looks.append([sample(network, noise, n_samples).numpy() for network in (generator, average.module)])
    return MixtureRun(np.asarray(rounds), *np.array(looks, dtype=float).swapaxes(0, 1))


def mixture_batches(law: GaussianMixture, batch_size: int, rng: np.random.Generator) -> Iterator[Tensor]:
    """Endless fresh batches of the mixture."""
    while True:
        yield torch.as_tensor(law.sample(batch_size, rng), dtype=torch.float32)


def scores(law: GaussianMixture, samples: np.ndarray) -> dict[str, float]:
    """Averages over looks of what `mode_report` finds; ``samples`` has shape (n_looks, n, 2).

    ``modes`` reached by at least one high-quality sample; ``quality``, the share of high-quality samples; the
    ``reverse_kl`` of their modes against uniform (nats); and ``smallest``, the rarest mode's share of them, in
    units of its fair share. A look without a single high-quality sample counts as one mode: log of the number of
    modes, and 0.
    """
    if not len(samples):
        raise ValueError("an average over looks needs at least one look, found none")
    found = []
    for points in samples:
        report = mode_report(points, law.means, float(law.stds[0, 0]))
        n_good, n_centres = report.counts.sum(), len(law.means)
        divergence = report.reverse_kl if n_good else np.log(n_centres)
        smallest = report.counts.min() / max(n_good, 1) * n_centres
        found.append([report.n_modes, report.high_quality, divergence, smallest])
    return dict(zip(("modes", "quality", "reverse_kl", "smallest"), np.mean(found, axis=0).tolist(), strict=True))


class Experiment(NamedTuple):
    """What is trained, for how long, and on what."""

    law: GaussianMixture
    n_rounds: int
    recipes: dict[str, dict[str, Any]]
    settings: dict[str, Any]  #: of `train_mixture`


#: Much noise, wide networks and a heavy momentum: the plain loss does not get hold of the ring.
COLLAPSE: dict[str, Any] = {"noise_dim": 16, "width": 128, "betas": (0.9, 0.9)}
_PLAIN_AND_R1 = {name: RECIPES[name] for name in ("non_saturating", "r1")}

EXPERIMENTS = {
    "ring": Experiment(ring(), 3000, RECIPES, {}),
    "grid": Experiment(grid(), 4000, {**RECIPES, "r1": {**RECIPES["r1"], "gamma": 1.0}}, {}),
    "heavy": Experiment(ring(), 1500, _PLAIN_AND_R1, COLLAPSE),
    "light": Experiment(ring(), 1500, _PLAIN_AND_R1, {**COLLAPSE, "betas": (0.5, 0.9)}),
}


def last_looks(n_rounds: int) -> np.ndarray:
    """Ten looks, fifty rounds apart, the last of them at the end."""
    return n_rounds - 50 * np.arange(9, -1, -1)


def run(seed: int) -> dict[str, float]:
    """All experiments with one seed: some minutes. Every number is an average over ten looks in the last 450 rounds."""
    found: dict[str, float] = {}
    for name, (law, n_rounds, recipes, settings) in EXPERIMENTS.items():
        for recipe_name, recipe in recipes.items():
            looks = last_looks(n_rounds * 2 // 3 if recipe_name == "wgan_gp" else n_rounds)
            trained = train_mixture(law, recipe, seed, looks, **settings)
            for who in ("raw", "average"):
                measured = scores(law, getattr(trained, who))
                found |= {f"{name}_{recipe_name}_{who}_{what}": value for what, value in measured.items()}
        if name in ("ring", "grid"):  # what perfect draws score
            rng = np.random.default_rng(seed)
            perfect = scores(law, np.array([law.sample(N_SAMPLES, rng) for _ in range(10)]))
            found |= {f"{name}_perfect_{what}": value for what, value in perfect.items()}
    return found


def _leaky() -> nn.Module:
    return nn.LeakyReLU(0.2)

"""Two first GANs over several seeds: a Gaussian on the line and one in the plane, raw and averaged generators.

Chapter ``toy_gans``. The networks, optimisers and numbers of rounds are the chapter's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn

from lectures_pkg.gan import gan_step, sample
from lectures_pkg.metrics import ks_test, median_distance, mmd2_unbiased, moment_errors
from lectures_pkg.networks import mlp
from lectures_pkg.training import EMA, Step, fit, seeded
from lectures_pkg.worlds import GaussianMixture

SEEDS = range(8)

LINE_MEAN, LINE_STD = 3.0, 1.5
LINE_NOISE_DIMS = (1, 2, 5, 10)
PLANE_MEAN = np.array([1.0, -1.0])
PLANE_FACTOR = np.array([[1.0, 0.0], [0.6, 0.5]])
PLANE_COVARIANCE = PLANE_FACTOR @ PLANE_FACTOR.T

N_ROUNDS = 3000
DECAY = 0.995
#: The mixture that the cover's generator looks for.
COVER_LAW = GaussianMixture([0.35, 0.65], [-2.0, 1.5], [0.5, 0.7])


class Players(NamedTuple):
    """The two networks, the generator's average, and one round of the game."""

    generator: nn.Module
    discriminator: nn.Module
    average: EMA
    step: Step


class PlaneRun(NamedTuple):
    """One run in the plane, seen at checkpoints; last axis of the errors: mean, covariance."""

    players: Players
    losses: dict[str, np.ndarray]  #: history of both losses, shape (n_rounds,) each
    rounds: np.ndarray  #: shape (n_checkpoints,)
    raw_errors: np.ndarray  #: of the generator itself, shape (n_checkpoints, 2)
    average_errors: np.ndarray  #: of its average, shape (n_checkpoints, 2)


def players(noise_dim: int, data_dim: int, *, width: int = 32, gamma: float = 0.0) -> Players:
    """Two small networks with uniform noise, Adam for each, and an average of the generator."""
    generator = mlp((noise_dim, width, width, data_dim), _leaky)
    discriminator = mlp((data_dim, width, width, 1), _leaky)
    average = EMA(generator, DECAY)
    step = gan_step(
        generator,
        discriminator,
        torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.9), fused=True),
        torch.optim.Adam(discriminator.parameters(), lr=2e-3, betas=(0.5, 0.9), fused=True),
        lambda m: torch.rand(m, noise_dim),
        gamma=gamma,
        ema=average,
    )
    return Players(generator, discriminator, average, step)


def plane_batches(batch_size: int = 128) -> Iterator[Tensor]:
    """Endless fresh batches of the Gaussian in the plane (torch's global generator draws)."""
    mean, factor = (torch.as_tensor(a, dtype=torch.float32) for a in (PLANE_MEAN, PLANE_FACTOR))
    while True:
        yield mean + torch.randn(batch_size, 2) @ factor.T


def line_batches(batch_size: int = 256) -> Iterator[Tensor]:
    """Endless fresh batches of the Gaussian on the line."""
    while True:
        yield LINE_MEAN + LINE_STD * torch.randn(batch_size, 1)


def train_plane(seed: int, *, n_rounds: int = N_ROUNDS, n_checkpoints: int = 60) -> PlaneRun:
    """Four uniform numbers become a point of the plane; errors of both generators on 4000 draws at checkpoints."""
    with seeded(seed):
        made = players(4, 2)
        batches, blocks, errors = plane_batches(), [], []
        for _ in range(n_checkpoints):
            blocks.append(fit(made.step, batches, n_rounds // n_checkpoints))
            errors.append([_plane_errors(network, 4000) for network in (made.generator, made.average.module)])
    losses = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    rounds = np.arange(1, n_checkpoints + 1) * (n_rounds // n_checkpoints)
    return PlaneRun(made, losses, rounds, np.array(errors)[:, 0], np.array(errors)[:, 1])


def train_line(seed: int, noise_dim: int, *, n_rounds: int = N_ROUNDS, n_checkpoints: int = 1) -> list[np.ndarray]:
    """``noise_dim`` uniform numbers become one; 20 000 draws of (raw, average), shape (2, 20000), per checkpoint.

    The checkpoints are the last ones, 200 rounds apart.
    """
    draws = []
    with seeded(seed):
        made, batches = players(noise_dim, 1), line_batches()
        fit(made.step, batches, n_rounds - 200 * (n_checkpoints - 1))
        for checkpoint in range(n_checkpoints):
            if checkpoint:
                fit(made.step, batches, 200)
            pair = [_draw(network, 20_000) for network in (made.generator, made.average.module)]
            draws.append(np.stack(pair)[..., 0])
    return draws


def root_mean_square(errors: np.ndarray) -> np.ndarray:
    """Over the last third of the checkpoints."""
    return np.sqrt(np.mean(errors[-(len(errors) // 3) :] ** 2, axis=0))


def run(seed: int) -> dict[str, float]:
    """Both experiments with one seed: about half a minute.

    Errors in the plane are root mean squares over the last 1000 rounds; Kolmogorov-Smirnov statistics on
    the line are means over five checkpoints of the last 800 rounds, on 20 000 draws each.
    """
    plane = train_plane(seed)
    found: dict[str, float] = {}
    for name, errors in (("raw", plane.raw_errors), ("average", plane.average_errors)):
        found[f"mean_error_{name}"], found[f"covariance_error_{name}"] = root_mean_square(errors)
    for name, history in plane.losses.items():
        found[name] = history[-1000:].mean()
    found |= _plane_discrepancies(seed, plane.players)
    for dim in LINE_NOISE_DIMS:
        draws = np.array(train_line(seed, dim, n_checkpoints=5))  # (checkpoints, 2, draws)
        law = stats.norm(LINE_MEAN, LINE_STD)
        gaps = np.array([[ks_test(values, law.cdf).statistic for values in pair] for pair in draws])
        found[f"ks_raw_{dim}"], found[f"ks_average_{dim}"] = gaps.mean(axis=0)
        found[f"kurtosis_average_{dim}"] = stats.kurtosis(draws[-1, 1])
    return {name: float(value) for name, value in found.items()}


def cover_history(seed: int = 0) -> dict[str, np.ndarray]:
    r"""A generator on the line finds a mixture of two Gaussians: the arrays of the cover's moving figure.

    Trains two small networks for 2500 rounds (with an R1 penalty, so that the path is calm) and looks at
    them at 24 rounds. The density of the generator is a histogram of 20 000 draws (the same noise each
    time), blurred by a Gaussian of standard deviation 0.12; C(G) is computed from it and from the equally
    blurred law of the data, so that it is the true C of the two blurred laws, never below -log 4.

    Returns
    -------
    dict of ndarray
        ``rounds`` (24,); ``x`` (n_grid,) the grid; ``data_density`` (n_grid,) exact, not blurred;
        ``generator_density`` (24, n_grid) of the averaged generator; ``discriminator`` (24, n_grid), D(x) in
        (0, 1); ``optimal_discriminator`` (24, n_grid); ``criterion`` (24,), C(G) in nats, which falls from
        near 0 towards ``-log 4``; ``losses`` (24, 2), D's and G's, averaged over the rounds since the last look.
    """
    n_looks, n_rounds = 24, 2500
    rounds = np.unique(np.round(np.geomspace(40, n_rounds, n_looks - 1)).astype(int))
    rounds = np.concatenate([[0], rounds])
    x = np.linspace(-5.0, 5.0, 251)
    density, blurred_data = np.exp(COVER_LAW.log_prob(x)), _blurred_mixture(COVER_LAW, 0.12, x)
    rng = np.random.default_rng(seed)
    looks: dict[str, list] = {"generator_density": [], "discriminator": [], "criterion": [], "losses": []}
    optimal = []
    with seeded(seed):
        made = players(4, 1, gamma=0.1)
        noise = torch.rand(20_000, 4)
        for block in np.diff(rounds, prepend=0):
            history = fit(made.step, _mixture_batches(rng), int(block))
            with torch.no_grad():
                draws = made.average.module(noise).numpy().ravel()
                logits = made.discriminator(torch.as_tensor(x, dtype=torch.float32)[:, None]).numpy().ravel()
            generated = _blurred_histogram(draws, 0.12, x)
            looks["generator_density"].append(generated)
            looks["discriminator"].append(1 / (1 + np.exp(-logits.astype(float))))
            optimal.append(blurred_data / np.maximum(blurred_data + generated, 1e-300))
            looks["criterion"].append(_criterion(blurred_data, generated, x[1] - x[0]))
            looks["losses"].append([np.mean(history.get(k, np.nan)) for k in ("discriminator_loss", "generator_loss")])
    return {
        "rounds": rounds,
        "x": x,
        "data_density": density,
        "optimal_discriminator": np.array(optimal),
        **{name: np.array(values) for name, values in looks.items()},
    }


def _leaky() -> nn.Module:
    return nn.LeakyReLU(0.2)


def _draw(network: nn.Module, n: int) -> np.ndarray:
    noise_dim = next(network.parameters()).shape[1]
    return sample(network, lambda m: torch.rand(m, noise_dim), n).numpy().astype(float)


def _plane_errors(network: nn.Module, n: int) -> tuple[float, float]:
    return moment_errors(_draw(network, n), PLANE_MEAN, PLANE_COVARIANCE)


def _plane_discrepancies(seed: int, made: Players) -> dict[str, float]:
    """Squared discrepancy of 1000 generated from 1000 real points, and what the null gives, averaged over 5 draws."""
    rng = np.random.default_rng(seed)
    real, again = PLANE_MEAN + rng.standard_normal((2, 5, 1000, 2)) @ PLANE_FACTOR.T
    bandwidth = median_distance(real[0])
    with seeded(seed):
        others = {
            "raw": [_draw(made.generator, 1000) for _ in real],
            "average": [_draw(made.average.module, 1000) for _ in real],
            "null": again,
        }
    return {
        f"mmd2_{name}": float(np.mean([mmd2_unbiased(x, y, bandwidth) for x, y in zip(real, points, strict=True)]))
        for name, points in others.items()
    }


def _mixture_batches(rng: np.random.Generator, batch_size: int = 256) -> Iterator[Tensor]:
    while True:
        yield torch.as_tensor(COVER_LAW.sample(batch_size, rng), dtype=torch.float32)


def _blurred_mixture(law: GaussianMixture, blur: float, x: np.ndarray) -> np.ndarray:
    """Exact density of the mixture plus independent Gaussian noise."""
    wider = GaussianMixture(law.weights, law.means, np.hypot(law.stds, blur))
    return np.exp(wider.log_prob(x))


def _blurred_histogram(draws: np.ndarray, blur: float, x: np.ndarray) -> np.ndarray:
    """Density on the grid of the draws plus Gaussian noise: a histogram in bins around the grid points, convolved."""
    step = x[1] - x[0]
    edges = np.concatenate([x - step / 2, [x[-1] + step / 2]])
    counts, _ = np.histogram(draws, edges)
    kernel = stats.norm(0, blur).pdf(x[:, None] - x[None, :])
    return kernel @ (counts / len(draws))


def _criterion(p: np.ndarray, q: np.ndarray, step: float) -> float:
    """C(G) = max over D of V(G, D), the integral of p log p/(p+q) + q log q/(p+q), by the trapezoidal rule."""
    total = np.maximum(p + q, 1e-300)
    terms = [np.where(a > 0, a * np.log(np.maximum(a, 1e-300) / total), 0.0) for a in (p, q)]
    return float(np.trapezoid(terms[0] + terms[1], dx=step))

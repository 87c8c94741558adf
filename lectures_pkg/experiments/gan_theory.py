"""A small network trained as discriminator between two known densities, held against the best discriminator."""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from scipy.special import expit
from torch import Tensor, nn
from torch.nn.functional import softplus

from lectures_pkg.divergences import density_jensen_shannon, integrate
from lectures_pkg.gan_theory import density_value
from lectures_pkg.networks import mlp
from lectures_pkg.training import fit, seeded
from lectures_pkg.worlds import GaussianMixture

SEEDS = range(5)

#: The data have two bumps, the model one: no discriminator with a quadratic logit can be the best.
DATA = GaussianMixture([0.5, 0.5], [-1.5, 1.5], 0.6)
MODEL = GaussianMixture([1.0], [0.5], 1.2)
LOW, HIGH = -9.0, 9.0


def train(seed: int, *, n_steps: int = 2000, batch_size: int = 512, real_label: int = 1) -> nn.Module:
    """A discriminator 1-64-64-1 trained by Adam on fresh samples; it returns logits of "real".

    Parameters
    ----------
    seed : int
        Seeds weights and samples.
    n_steps, batch_size : int
        Updates, and samples of each law in one of them.
    real_label : {1, 0}
        The label of the data; 0 is the slip that swaps the labels.
    """
    rng = np.random.default_rng(seed)
    with seeded(seed):
        discriminator = mlp((1, 64, 64, 1), nn.SiLU)
        optimiser = torch.optim.Adam(discriminator.parameters(), lr=3e-3)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, n_steps)
        sign = 1.0 if real_label == 1 else -1.0

        def step(batch: tuple[Tensor, Tensor]) -> dict[str, float]:
            real, fake = batch
            loss = softplus(-sign * discriminator(real)).mean() + softplus(sign * discriminator(fake)).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            return {"loss": loss.item()}

        batches = ((_draw(DATA, batch_size, rng), _draw(MODEL, batch_size, rng)) for _ in range(n_steps))
        fit(step, batches, n_steps)
    return discriminator


def logits(discriminator: nn.Module, x: np.ndarray) -> np.ndarray:
    """The discriminator's logits at points of shape (n,), in float64: float32's grain is rough for quadrature."""
    precise = copy.deepcopy(discriminator).double()
    with torch.no_grad():
        return precise(torch.as_tensor(x, dtype=torch.float64)[:, None]).numpy()[:, 0]


def distance_to_best(discriminator: nn.Module) -> float:
    """Root mean square of D - D*, where x is drawn from data and model in equal parts."""

    def integrand(x: np.ndarray) -> np.ndarray:
        log_p, log_q = DATA.log_prob(x), MODEL.log_prob(x)
        return 0.5 * (np.exp(log_p) + np.exp(log_q)) * (expit(logits(discriminator, x)) - expit(log_p - log_q)) ** 2

    return math.sqrt(integrate(integrand, LOW, HIGH))


def value(discriminator: nn.Module) -> float:
    """V(G, D) in nats, by quadrature over the true densities."""
    return density_value(DATA.log_prob, MODEL.log_prob, lambda x: logits(discriminator, x), LOW, HIGH)


def best_value() -> float:
    """C(G) in nats: the value of the best discriminator."""
    return -math.log(4) + 2 * density_jensen_shannon(DATA.log_prob, MODEL.log_prob, LOW, HIGH)


def run(seed: int) -> dict[str, float]:
    """Train one discriminator: its distance to D*, its gap to C(G), and the divergence that it proves."""
    discriminator = train(seed)
    found = value(discriminator)
    return {
        "rms_to_best": distance_to_best(discriminator),
        "gap": best_value() - found,
        "jsd_estimate": 0.5 * (found + math.log(4)),
    }


def _draw(law: GaussianMixture, n: int, rng: np.random.Generator) -> Tensor:
    return torch.as_tensor(law.sample(n, rng), dtype=torch.float32)

"""Tables that papers published, run again in the papers' own set-up (fewer steps where the page says so).

``make papers`` runs each trial that is not stored yet (`TRIALS` lists them) and writes
``experiments/papers.json`` after each; the page *Published tables* prints the two side by side.
What is exact (the Dirac-GAN, the bilinear game) needs no trials: the page computes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, softplus
from torch.optim import Adam, Optimizer

from lectures_pkg.experiments.neural_crypto import paper_trial
from lectures_pkg.gan import sample
from lectures_pkg.metrics import mode_report
from lectures_pkg.networks import Maxout
from lectures_pkg.training import Step, fit, seeded
from lectures_pkg.worlds import GaussianMixture, grid, ring

N_TRIALS = 3

WORLDS: dict[str, Callable[[], GaussianMixture]] = {"ring": ring, "grid": grid}  #: PacGAN's two
BATCH, NOISE_DIM, N_EVALUATED = 100, 2, 2500
N_STEPS = 20_000  #: the paper trains 400 epochs of 1000 steps
N_ROUNDS = 15_000  #: of the game of Alice, Bob and Eve
N_LOOKS, LOOK_EVERY = 5, 1000  #: the last looks, a thousand steps apart, show how much a run still moves


def pacgan_networks(packing: int) -> tuple[nn.Sequential, nn.Sequential]:
    """The paper's generator and packed discriminator: all weights N(0, .02), biases zero.

    Parameters
    ----------
    packing : int
        How many points the discriminator sees at once; 1 is a plain GAN.
    """
    layers: list[nn.Module] = []
    for n_in in (NOISE_DIM, 400, 400, 400):
        layers += [nn.Linear(n_in, 400, bias=False), nn.BatchNorm1d(400, eps=1e-4, momentum=0.05), nn.ReLU()]
    generator = nn.Sequential(*layers, nn.Linear(400, 2))
    discriminator = nn.Sequential(
        Maxout(2 * packing, 200, 5), Maxout(200, 200, 5), Maxout(200, 200, 5), nn.Linear(200, 1)
    )
    for module in [*generator.modules(), *discriminator.modules()]:
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return generator, discriminator


def packed_step(
    generator: nn.Module, discriminator: nn.Module, g_optimiser: Optimizer, d_optimiser: Optimizer, packing: int
) -> Step:
    r"""Make the paper's ``step(batch)``: both players move at once, from the gradients at one point.

    The generator minimises :math:`-\log D(G(z))`. One pass back through the discriminator serves both: the
    discriminator's loss has slope :math:`\sigma(a)` at the logit of a fake pack, the generator's
    :math:`-\sigma(-a)`, so the slope at a fake point is the one times :math:`-e^{-a}` the other.

    Parameters
    ----------
    generator, discriminator : Module
        From `pacgan_networks`. The discriminator must treat its rows one by one (no batch norm).
    g_optimiser, d_optimiser : Optimizer
        One for the parameters of each player.
    packing : int
        A batch of shape (n * packing, 2) is read as n packs.

    References
    ----------
    Lin, Khetan, Fanti & Oh (2018), PacGAN: the power of two samples in generative adversarial networks,
    section 4.1 and the code published with it.
    """

    def step(batch: Tensor) -> dict[str, float]:
        fakes = generator(torch.randn(len(batch), NOISE_DIM))
        shown = fakes.detach().requires_grad_()
        packs = torch.cat([batch, shown]).reshape(-1, 2 * packing)
        real_logits, fake_logits = discriminator(packs).chunk(2)
        d_loss = softplus(-real_logits).mean() + softplus(fake_logits).mean()
        d_optimiser.zero_grad()
        g_optimiser.zero_grad()
        d_loss.backward()
        scale = -torch.exp(-fake_logits.detach()).repeat_interleave(packing, dim=0)
        fakes.backward(scale * shown.grad)
        d_optimiser.step()
        g_optimiser.step()
        return {"discriminator_loss": d_loss.item(), "generator_loss": -logsigmoid(fake_logits).mean().item()}

    return step


def pacgan_trial(world: str, packing: int, seed: int, n_steps: int = N_STEPS) -> dict[str, float]:
    """One trial of a row of PacGAN's Table 1: modes found, percentage of high quality, reverse KL in nats.

    Parameters
    ----------
    world : str
        ``"ring"`` of 8 modes or ``"grid"`` of 25.
    packing : int
        Points per pack.
    seed : int
        Of data, networks and noise.
    n_steps : int
        A multiple of 1000, five or more thousand.

    Returns
    -------
    dict
        ``modes``, ``quality``, ``reverse_kl`` at the end, and over the last five looks
        ``fewest_modes`` and ``most_modes``.
    """
    law = WORLDS[world]()
    rng = np.random.default_rng(seed)
    with seeded(seed):
        generator, discriminator = pacgan_networks(packing)
        g_optimiser, d_optimiser = (
            Adam(network.parameters(), lr=1e-4, betas=(0.8, 0.999), fused=True)
            for network in (generator, discriminator)
        )
        step = packed_step(generator, discriminator, g_optimiser, d_optimiser, packing)
        batches = _batches(law, BATCH * packing, rng)
        fit(step, batches, n_steps - (N_LOOKS - 1) * LOOK_EVERY)
        looks = [_look(generator, law)]
        for _ in range(N_LOOKS - 1):
            fit(step, batches, LOOK_EVERY)
            looks.append(_look(generator, law))
    modes = [look["modes"] for look in looks]
    return {**looks[-1], "fewest_modes": min(modes), "most_modes": max(modes)}


def _batches(law: GaussianMixture, size: int, rng: np.random.Generator) -> Iterator[Tensor]:
    """Endless batches of the paper's 100 000 training points, dealt without order."""
    points = torch.as_tensor(law.sample(100_000, rng), dtype=torch.float32)
    while True:
        yield points[torch.as_tensor(rng.integers(len(points), size=size))]


def _look(generator: nn.Module, law: GaussianMixture) -> dict[str, float]:
    points = sample(generator, lambda m: torch.randn(m, NOISE_DIM), N_EVALUATED).numpy()
    report = mode_report(points, law.means, float(law.stds[0, 0]))
    return {"modes": report.n_modes, "quality": 100 * report.high_quality, "reverse_kl": report.reverse_kl}


#: Every row that takes a training run: its name, and what runs one trial of it.
TRIALS: dict[str, Callable[[int], dict[str, float]]] = {
    "ring, GAN": partial(pacgan_trial, "ring", 1),
    "ring, PacGAN2": partial(pacgan_trial, "ring", 2),
    "grid, GAN": partial(pacgan_trial, "grid", 1),
    "grid, PacGAN2": partial(pacgan_trial, "grid", 2),
    "Alice, Bob and Eve": partial(paper_trial, n_rounds=N_ROUNDS, large=True),
}

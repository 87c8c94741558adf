"""Strings of five letters, taught in ten ways and judged by the exact law; molecule-like strings and three shares.

The settings were fixed before the stored seeds were run; none was chosen by their results.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, one_hot

from lectures_pkg.discrete_gan import (
    BitGenerator,
    GRUGenerator,
    every_string,
    exact_gradient,
    flat_gradient,
    gumbel_noise,
    likelihood_step,
    reinforce_loss,
    reinforce_step,
    reward_step,
)
from lectures_pkg.divergences import entropy, jensen_shannon_divergence
from lectures_pkg.gan import gan_step
from lectures_pkg.metrics import string_report
from lectures_pkg.networks import mlp
from lectures_pkg.training import EMA, Step, fit, seeded
from lectures_pkg.worlds import MOLECULES, Grammar, five_letters, is_molecule

SEEDS = range(5)

N_SYMBOLS = LENGTH = 5
BATCH = 128
RATE = 2e-3
#: Five words on a circle: neighbours are nearer to each other than others, which means nothing here.
CIRCLE = torch.stack([torch.cos(torch.arange(5) * 0.4 * torch.pi), torch.sin(torch.arange(5) * 0.4 * torch.pi)], dim=1)

#: Name of each way to learn, and its rounds.
METHODS = {
    "likelihood": 1200,
    "reinforce_none": 1200,
    "reinforce_mean": 1200,
    "reinforce_mean_slow": 2400,
    "reinforce_none_fast": 1200,
    "straight_through": 1200,
    "gumbel": 1200,
    "softmax": 1200,
    "embedding": 1200,
    "untrained": 300,
}
#: Rate of the generator where it is not `RATE`: one explanation of the baselines' difference, both ways round.
RATES = {"reinforce_mean_slow": RATE / 4, "reinforce_none_fast": 4 * RATE}

MOLECULE_SYMBOLS = "CNO()1$"  #: the last one ends a string
MOLECULE_LENGTH = 16  #: letters, the end included


class TextRun(NamedTuple):
    """One generator, seen at evenly spaced rounds."""

    generator: nn.Module
    discriminator: nn.Module | None
    rounds: np.ndarray  #: (n_looks,)
    jsd: np.ndarray  #: exact, in nats, (n_looks,)
    laws: np.ndarray  #: (n_looks, 3125)
    average_jsd: np.ndarray  #: of the generator's moving average, (n_looks,), nan without one
    gradient_size: float  #: root mean square entry of the generator's gradient, as Adam saw it at the end


def truth() -> np.ndarray:
    """Exact law of all 3125 strings, in the order of ``discrete_gan.every_string``."""
    return five_letters().joint(LENGTH).reshape(-1)


def word_batches(rng: np.random.Generator, batch_size: int = BATCH) -> Iterator[Tensor]:
    """Endless fresh strings of five letters."""
    chain = five_letters()
    while True:
        yield torch.from_numpy(chain.sample(batch_size, LENGTH, rng))


def judge(dim: int = N_SYMBOLS) -> nn.Module:
    """A discriminator of rows (batch, 5, dim)."""
    return nn.Sequential(nn.Flatten(), mlp((LENGTH * dim, 64, 64, 1), lambda: nn.LeakyReLU(0.2)))


def train_text(method: str, seed: int, *, n_rounds: int | None = None, n_looks: int = 15) -> TextRun:
    """Teach one generator in the given way; look at its exact law ``n_looks`` times."""
    n_rounds = METHODS[method] if n_rounds is None else n_rounds
    p, rng = truth(), np.random.default_rng(seed)
    with seeded(seed):
        generator: GRUGenerator | BitGenerator
        if method in ("softmax", "embedding"):
            vectors = CIRCLE if method == "embedding" else None
            generator = BitGenerator(12, N_SYMBOLS, LENGTH, vectors=vectors)
        else:
            generator = GRUGenerator(N_SYMBOLS, LENGTH, hard=method == "straight_through")
        discriminator = judge(2 if method == "embedding" else N_SYMBOLS)
        of_g, of_d = (
            torch.optim.Adam(network.parameters(), lr=rate, betas=(0.5, 0.9), fused=True)
            for network, rate in ((generator, RATES.get(method, RATE)), (discriminator, RATE))
        )
        average = EMA(generator, 0.995)
        step = _step(method, generator, discriminator, of_g, of_d, average)
        batches, looks, laws, averages = _inputs(method, generator, rng), [], [], []
        for look in range(1, n_looks + 1):
            if method in ("gumbel", "straight_through"):  # from 1 down to 0.3, then constant
                generator.tau = max(0.3, 1 - (look - 1) / n_looks)
            fit(step, batches, n_rounds // n_looks)
            looks.append(look * (n_rounds // n_looks))
            laws.append(generator.law())
            kept = average.module
            if isinstance(kept, GRUGenerator) and method.startswith("reinforce"):
                averages.append(kept.law())
            else:
                averages.append(np.full(len(p), np.nan))
        squares = [of_g.state[w]["exp_avg_sq"].flatten() for w in generator.parameters()]
    return TextRun(
        generator,
        discriminator,
        np.array(looks),
        np.array([jensen_shannon_divergence(p, q) for q in laws]),
        np.array(laws),
        np.array([jensen_shannon_divergence(p, q) if np.isfinite(q).all() else np.nan for q in averages]),
        float(torch.cat(squares).mean().sqrt()),
    )


def _step(
    method: str,
    generator: GRUGenerator | BitGenerator,
    discriminator: nn.Module,
    of_g: torch.optim.Optimizer,
    of_d: torch.optim.Optimizer,
    average: EMA,
) -> Step:
    if isinstance(generator, BitGenerator):
        return gan_step(generator, discriminator, of_g, of_d, generator.noise)
    if method == "likelihood":
        return likelihood_step(generator, of_g)
    if method == "untrained":  # the judge never learns: a fixed taste
        return reward_step(generator, of_g, lambda x: logsigmoid(discriminator(one_hot(x, N_SYMBOLS).float()))[:, 0])
    if method.startswith("reinforce"):
        return reinforce_step(generator, discriminator, of_g, of_d, baseline=method.split("_")[1], ema=average)
    return gan_step(generator, discriminator, of_g, of_d, lambda n: gumbel_noise((n, LENGTH, N_SYMBOLS)))


def _inputs(method: str, generator: GRUGenerator | BitGenerator, rng: np.random.Generator) -> Iterator:
    if method == "untrained":
        return itertools.repeat(BATCH)
    batches = word_batches(rng)
    if method == "likelihood" or method.startswith("reinforce"):
        return batches
    if isinstance(generator, BitGenerator):
        return (generator.embed(words) for words in batches)
    return (one_hot(words, N_SYMBOLS).float() for words in batches)


def estimator_errors(
    generator: GRUGenerator, discriminator: nn.Module, n_draws: int, batch: int = BATCH
) -> dict[str, tuple[float, float]]:
    """Bias and noise of each estimate of the generator's gradient, in units of the exact gradient's length.

    The reward is log D, which a one-hot string and a relaxed one both have. The exact gradient of the expected
    reward of *strings* comes from all 3125. Bias is the length of the estimates' mean error, the part that noise
    explains taken off; noise is the root mean square distance of one minibatch's estimate from its own mean.
    """

    def reward(rows: Tensor) -> Tensor:
        return logsigmoid(discriminator(rows))[:, 0]

    with torch.no_grad():
        rewards = reward(one_hot(every_string(N_SYMBOLS, LENGTH), N_SYMBOLS).float())
    exact = exact_gradient(generator, rewards)

    def draw(name: str) -> Tensor:
        if name in ("none", "mean", "leave_one_out"):
            words, log_probs = generator.sample(batch)
            with torch.no_grad():
                rewards = reward(one_hot(words, N_SYMBOLS).float())
            return -flat_gradient(reinforce_loss(log_probs, rewards, name), generator)
        generator.hard, generator.tau = name == "straight_through", 0.3 if name == "gumbel_cold" else 1.0
        rows = generator(gumbel_noise((batch, LENGTH, N_SYMBOLS)))
        return flat_gradient(reward(rows).mean(), generator)

    kept, found = (generator.hard, generator.tau), {}
    for name in ("none", "leave_one_out", "straight_through", "gumbel", "gumbel_cold"):
        draws = torch.stack([draw(name) for _ in range(n_draws)])
        variance = draws.var(dim=0).sum()
        squared = (draws.mean(dim=0) - exact).square().sum() - variance / n_draws
        size = exact.norm()
        found[name] = (float(squared.clamp(min=0).sqrt() / size), float(variance.sqrt() / size))
    generator.hard, generator.tau = kept
    return found


# ---------------------------------------------------------------------------------------------------------
# Molecule-like strings


def molecules(n: int, rng: np.random.Generator) -> list[str]:
    """Strings of the grammar with 6 to 15 letters, repetitions included."""
    grammar = Grammar(MOLECULES)
    found: list[str] = []
    while len(found) < n:
        text = "".join(grammar.sample(rng))
        if 6 <= len(text) < MOLECULE_LENGTH:
            found.append(text)
    return found


def as_words(texts: list[str]) -> Tensor:
    """Strings to integers of shape (n, MOLECULE_LENGTH), filled up with the end symbol."""
    return torch.tensor([[MOLECULE_SYMBOLS.index(s) for s in text.ljust(MOLECULE_LENGTH, "$")] for text in texts])


def as_texts(words: Tensor) -> list[str]:
    """Integers to strings, cut at the first end symbol; one without any keeps all its letters, and a ``$``."""
    texts = ["".join(MOLECULE_SYMBOLS[i] for i in row) for row in words.tolist()]
    return [text[: text.index("$")] if "$" in text else text + "$" for text in texts]


def train_molecules(seed: int, n_training: int = 500, n_steps: int = 1000) -> tuple[GRUGenerator, list[str]]:
    """A recurrent generator fitted to ``n_training`` strings by maximum likelihood."""
    rng = np.random.default_rng(seed)
    training = molecules(n_training, rng)
    words = as_words(training)
    with seeded(seed):
        generator = GRUGenerator(len(MOLECULE_SYMBOLS), MOLECULE_LENGTH, hidden=48)
        step = likelihood_step(generator, torch.optim.Adam(generator.parameters(), lr=5e-3))
        fit(step, (words[rng.integers(len(words), size=64)] for _ in itertools.count()), n_steps)
    return generator, training


def reward_molecules(generator: GRUGenerator, seed: int, n_steps: int = 50) -> None:
    """Go on with REINFORCE, the reward being 1 for a valid string and 0 for others, and nothing else."""

    def valid(words: Tensor) -> Tensor:
        return torch.tensor([float(is_molecule(text)) for text in as_texts(words)])

    with seeded(seed):
        step = reward_step(generator, torch.optim.Adam(generator.parameters(), lr=5e-3), valid)
        fit(step, itertools.repeat(64), n_steps)


def adversarial_molecules(generator: GRUGenerator, training: list[str], seed: int, n_rounds: int = 300) -> None:
    """Go on with the game: the reward is the log D of a discriminator that learns from the training strings."""
    words, rng = as_words(training), np.random.default_rng(seed)
    with seeded(seed):
        discriminator = nn.Sequential(
            nn.Flatten(), mlp((MOLECULE_LENGTH * len(MOLECULE_SYMBOLS), 64, 64, 1), lambda: nn.LeakyReLU(0.2))
        )
        step = reinforce_step(
            generator,
            discriminator,
            torch.optim.Adam(generator.parameters(), lr=5e-4, betas=(0.5, 0.9)),
            torch.optim.Adam(discriminator.parameters(), lr=1e-3, betas=(0.5, 0.9)),
        )
        fit(step, (words[rng.integers(len(words), size=BATCH)] for _ in itertools.count()), n_rounds)


def molecule_shares(generator: GRUGenerator, training: list[str], seed: int, n: int = 2000) -> dict[str, float]:
    """Validity, uniqueness and novelty of n strings."""
    with seeded(seed), torch.no_grad():
        texts = as_texts(generator.sample(n)[0])
    return string_report(texts, is_molecule, training)._asdict()


def run(seed: int) -> dict[str, float]:
    """All ways to learn, and the molecules, with one seed: a minute or two.

    ``jsd_...`` is the exact divergence to the truth, averaged over the last five of fifteen looks, since the game
    goes round; ``entropy_...`` and ``valid_...`` belong to the last look.
    """
    p, found = truth(), {}
    for method in METHODS:
        made = train_text(method, seed)
        found[f"jsd_{method}"] = made.jsd[-5:].mean()
        found[f"last_jsd_{method}"] = made.jsd[-1]
        found[f"entropy_{method}"] = entropy(made.laws[-1])
        found[f"valid_{method}"] = made.laws[-1][p > 0].sum()
        found[f"gradient_{method}"] = made.gradient_size
        if method.startswith("reinforce"):
            found[f"jsd_average_{method}"] = made.average_jsd[-5:].mean()
    generator, training = train_molecules(seed)
    stages = {"likelihood": molecule_shares(generator, training, seed)}
    rewarded, opposed = copy.deepcopy(generator), copy.deepcopy(generator)
    reward_molecules(rewarded, seed)
    adversarial_molecules(opposed, training, seed)
    stages["rewarded"] = molecule_shares(rewarded, training, seed)
    stages["adversarial"] = molecule_shares(opposed, training, seed)
    fresh = molecules(2000, np.random.default_rng(seed + 1000))
    stages["perfect"] = string_report(fresh, is_molecule, training)._asdict()
    for stage, shares in stages.items():
        found |= {f"{share}_molecules_{stage}": value for share, value in shares.items()}
    return {name: float(value) for name, value in found.items()}

"""Strings instead of pictures: generators whose law can be enumerated, and the ways to teach them.

Chapter ``discrete_gans``. A word is a choice, and a choice has no slope. REINFORCE (Williams, 1992) does without one,
Gumbel-softmax (Jang et al., 2017; Maddison et al., 2017) relaxes the choice, its straight-through form pretends, and a
generator of vectors never chooses. Words are integers; a discriminator sees them as one-hot rows, so its input has the
shape (batch, length, n_symbols), and returns logits.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, one_hot, pad
from torch.optim import Optimizer

from lectures_pkg.gan import discriminator_loss
from lectures_pkg.networks import mlp
from lectures_pkg.training import EMA

BASELINES = ("none", "mean", "leave_one_out")
#: More strings than these are not enumerated.
MOST_STRINGS = 200_000

# ---------------------------------------------------------------------------------------------------------
# A choice, and its relaxation


def gumbel_noise(
    shape: Sequence[int], rng: torch.Generator | None = None, dtype: torch.dtype = torch.float32
) -> Tensor:
    r"""Independent standard Gumbel numbers: minus the logarithm of exponential waiting times.

    .. math:: P(G \le g) = e^{-e^{-g}}

    References
    ----------
    Gumbel (1954). In the book: equation ``gumbel-noise``.
    """
    return -torch.empty(tuple(shape), dtype=dtype).exponential_(generator=rng).log()


def gumbel_max(logits: Tensor, noise: Tensor) -> Tensor:
    """Draws from softmax(logits): the place of the largest logit plus noise.

    Parameters
    ----------
    logits : Tensor, shape (..., n_symbols)
        Any size; a constant added to all of them changes nothing.
    noise : Tensor, shape (..., n_symbols)
        From `gumbel_noise`; broadcast against the logits.

    Returns
    -------
    Tensor of int64, shape (...)

    References
    ----------
    Maddison et al. (2014), A* sampling, section 2. In the book: equation ``gumbel-max``.
    """
    return (logits + noise).argmax(dim=-1)


def gumbel_softmax(logits: Tensor, tau: float, noise: Tensor) -> Tensor:
    r"""Relaxed one-hot draws, differentiable in the logits.

    .. math:: y_\tau = \mathrm{softmax}\bigl( (a + G) / \tau \bigr)

    What is relaxed is the one-hot *sample* of `gumbel_max`, not the softmax, which is smooth already. The largest
    entry of a draw is the sampled word at every temperature.

    Parameters
    ----------
    logits : Tensor, shape (..., n_symbols)
    tau : float
        Temperature, positive: near 0 a draw is nearly one-hot, far above 1 nearly uniform.
    noise : Tensor, shape (..., n_symbols)
        From `gumbel_noise`.

    Returns
    -------
    Tensor, shape (..., n_symbols)
        Rows are positive and sum to one.

    Raises
    ------
    ValueError
        If ``tau`` is not positive.

    References
    ----------
    Jang, Gu & Poole (2017), eq. (2); Maddison, Mnih & Teh (2017), eq. (8).
    In the book: equations ``relaxation-limits`` and ``rounding-any-temperature``.
    """
    if not tau > 0:
        raise ValueError(f"tau must be positive, found {tau}")
    return ((logits + noise) / tau).softmax(dim=-1)


def straight_through(soft: Tensor, words: Tensor | None = None) -> Tensor:
    """One-hot going forward, ``soft`` going backward: a gradient that belongs to another function.

    Parameters
    ----------
    soft : Tensor, shape (..., n_symbols)
        From `gumbel_softmax`, or a softmax.
    words : Tensor of int64, shape (...), or None
        The words to write; by default the largest entry of each row.

    Returns
    -------
    Tensor, shape (..., n_symbols)
        Exactly one-hot rows.

    References
    ----------
    Bengio, Léonard & Courville (2013), section 4; Jang, Gu & Poole (2017), section 2.2.
    In the book: equations ``argmax-slope`` and ``straight-through-coin``.
    """
    hard = one_hot(soft.argmax(dim=-1) if words is None else words, soft.shape[-1]).to(soft.dtype)
    return hard + (soft - soft.detach())  # the bracket is exactly zero, and carries the slope


# ---------------------------------------------------------------------------------------------------------
# The score, and the baselines


def score(logits: Tensor, words: Tensor) -> Tensor:
    r"""Slope of log softmax(a)[w] in the logits a: one-hot minus softmax.

    Parameters
    ----------
    logits : Tensor, shape (..., n_symbols)
    words : Tensor of int64, shape (...)

    Returns
    -------
    Tensor, shape (..., n_symbols)
        Rows sum to zero; so does their expectation under softmax(a), entry by entry.

    References
    ----------
    Williams (1992), section 4. In the book: equations ``reinforce-unbiased`` and ``baseline-is-free``.
    """
    return one_hot(words, logits.shape[-1]) - logits.softmax(dim=-1)


def reinforce_loss(log_probs: Tensor, rewards: Tensor, baseline: str | float = "none") -> Tensor:
    r"""Loss whose gradient is the REINFORCE estimate of minus the gradient of the expected reward.

    .. math:: -\frac1n \sum_i (R_i - b) \log q(x_i)

    Its *value* means nothing; only its gradient does. Rewards send no gradient back.

    Parameters
    ----------
    log_probs : Tensor, shape (n,)
        Of whole strings that the generator drew itself, differentiable in its parameters.
    rewards : Tensor, shape (n,)
        Larger is better.
    baseline : {"none", "mean", "leave_one_out"} or float
        What is subtracted from the rewards. The batch's own mean shrinks the expected gradient by 1 - 1/n; the mean
        of the *other* rewards, or a number, leaves it as it is.

    Returns
    -------
    Tensor, shape ()

    Raises
    ------
    ValueError
        If the shapes differ, the baseline is unknown, or one draw should be left out of a batch of one.

    References
    ----------
    Williams (1992), Theorem 1. In the book: equations ``reinforce-unbiased`` and ``batch-mean-shrinks``.
    """
    if log_probs.shape != rewards.shape or log_probs.ndim != 1 or not len(rewards):
        raise ValueError(
            f"log_probs and rewards must have one shape (n,), found {tuple(log_probs.shape)} and {tuple(rewards.shape)}"
        )
    rewards = rewards.detach()
    return -((rewards - baseline_of(rewards, baseline)) * log_probs).mean()


def baseline_of(rewards: Tensor, baseline: str | float) -> Tensor:
    """What `reinforce_loss` subtracts from each reward: shape (n,), or () where it is one number for all."""
    if not isinstance(baseline, str):
        return torch.as_tensor(baseline, dtype=rewards.dtype)
    if baseline not in BASELINES:
        raise ValueError(f"baseline must be a number or one of {', '.join(BASELINES)}, found {baseline!r}")
    if baseline == "none":
        return torch.zeros((), dtype=rewards.dtype)
    if baseline == "mean":
        return rewards.mean()
    if len(rewards) < 2:
        raise ValueError("the mean of the other rewards needs at least 2 draws, found 1")
    return (rewards.sum() - rewards) / (len(rewards) - 1)


def optimal_baseline(law: ArrayLike, scores: ArrayLike, rewards: ArrayLike) -> float:
    r"""The constant that makes the variance of a REINFORCE draw smallest.

    .. math:: b^* = \frac{\mathbb{E}[\lVert g \rVert^2 R]}{\mathbb{E}[\lVert g \rVert^2]}

    Parameters
    ----------
    law : array_like, shape (k,)
        Probabilities of the k outcomes.
    scores : array_like, shape (k,) or (k, n_parameters)
        Gradient of each outcome's log-probability.
    rewards : array_like, shape (k,)

    Returns
    -------
    float
        In the units of the rewards; nan where no score differs from zero.

    Raises
    ------
    ValueError
        If the lengths differ.

    References
    ----------
    Greensmith, Bartlett & Baxter (2004). In the book: equation ``optimal-baseline``.
    """
    p, g, r = (np.asarray(values, dtype=float) for values in (law, scores, rewards))
    if not len(p) == len(g) == len(r):
        raise ValueError(f"law, scores and rewards must have one length, found {len(p)}, {len(g)} and {len(r)}")
    weight = p * (g.reshape(len(p), -1) ** 2).sum(axis=1)
    return float((weight * r).sum() / weight.sum()) if weight.any() else float("nan")


# ---------------------------------------------------------------------------------------------------------
# A recurrent generator


def every_string(n_symbols: int, length: int) -> Tensor:
    """All strings in counting order, int64 of shape (n_symbols ** length, length).

    Raises
    ------
    ValueError
        If there are more than `MOST_STRINGS`.
    """
    if n_symbols**length > MOST_STRINGS:
        raise ValueError(f"{n_symbols}^{length} strings are too many to enumerate, at most {MOST_STRINGS} will do")
    return torch.tensor(list(itertools.product(range(n_symbols), repeat=length)))


class GRUGenerator(nn.Module):
    r"""Writes strings of a fixed length word by word: state, linear layer, softmax, choice.

    .. math:: q(x) = \prod_t \mathrm{softmax}(W h_t + c)_{x_t}, \qquad h_t = \mathrm{GRU}(h_{t-1}, x_{t-1})

    Called with Gumbel noise it returns relaxed strings, so that ``gan.gan_step`` can train it as it is.

    Parameters
    ----------
    n_symbols, length : int
        Size of the alphabet, and number of words of each string.
    hidden : int
        Length of the state, which starts at zero: all variety comes from the choices.
    tau : float
        Temperature of the relaxed strings; may be changed while training.
    hard : bool
        Whether relaxed strings are made one-hot by `straight_through`.

    References
    ----------
    In the book: equations ``rnn-chain-rule`` and ``greedy-is-constant``.
    """

    def __init__(self, n_symbols: int, length: int, hidden: int = 32, *, tau: float = 1.0, hard: bool = False) -> None:
        super().__init__()
        self.n_symbols, self.length, self.tau, self.hard = n_symbols, length, tau, hard
        self.cell = nn.GRUCell(n_symbols + 1, hidden)  # the extra input says: nothing written yet
        self.output = nn.Linear(hidden, n_symbols)

    def _write(self, n: int, choose: Callable[[int, Tensor], Tensor]) -> Tensor:
        """Ask ``choose(t, logits)`` for row t, feed it back, and stack the rows: (n, length, n_symbols)."""
        weight = self.output.weight
        state = weight.new_zeros(n, self.cell.hidden_size)
        before = one_hot(torch.full((n,), self.n_symbols), self.n_symbols + 1).to(weight.dtype)
        rows = []
        for t in range(self.length):
            state = self.cell(before, state)
            row = choose(t, self.output(state))
            rows.append(row)
            before = pad(row, (0, 1))
        return torch.stack(rows, dim=1)

    def forward(self, noise: Tensor) -> Tensor:
        """Relaxed strings of Gumbel noise (n, length, n_symbols): the same shape, rows sum to one."""

        def choose(t: int, logits: Tensor) -> Tensor:
            soft = gumbel_softmax(logits, self.tau, noise[:, t])
            return straight_through(soft) if self.hard else soft

        return self._write(len(noise), choose)

    def log_prob(self, words: Tensor) -> Tensor:
        """Log-probability in nats of strings, int64 of shape (n, length); shape (n,), differentiable."""
        rows = one_hot(words, self.n_symbols).to(self.output.weight.dtype)
        log_probs = []

        def choose(t: int, logits: Tensor) -> Tensor:
            log_probs.append((logits.log_softmax(dim=1) * rows[:, t]).sum(dim=1))
            return rows[:, t]

        self._write(len(words), choose)
        return torch.stack(log_probs).sum(dim=0)

    def sample(self, n: int, rng: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Strings (n, length) by ancestral sampling, and their log-probabilities (n,), differentiable."""
        log_probs = []

        def choose(t: int, logits: Tensor) -> Tensor:
            word = gumbel_max(logits.detach(), gumbel_noise(logits.shape, rng, logits.dtype))
            row = one_hot(word, self.n_symbols).to(logits.dtype)
            log_probs.append((logits.log_softmax(dim=1) * row).sum(dim=1))
            return row

        rows = self._write(n, choose)
        return rows.argmax(dim=2), torch.stack(log_probs).sum(dim=0)

    @torch.no_grad()
    def greedy(self, n: int) -> Tensor:
        """Strings that take the most probable word each time, shape (n, length): n times the same one."""
        return self._write(n, lambda t, logits: straight_through(logits)).argmax(dim=2)

    @torch.no_grad()
    def law(self) -> np.ndarray:
        """Probability of every string, shape (n_symbols ** length,), in the order of `every_string`; in float64."""
        exact = copy.deepcopy(self).double()
        return exact.log_prob(every_string(self.n_symbols, self.length)).exp().numpy()


def flat_gradient(loss: Tensor, network: nn.Module) -> Tensor:
    """Gradient of a loss in all parameters of a network, as one vector; zero where a parameter has no part in it."""
    parts = torch.autograd.grad(loss, list(network.parameters()), materialize_grads=True)
    return torch.cat([part.flatten() for part in parts])


def exact_gradient(generator: GRUGenerator, rewards: Tensor) -> Tensor:
    r"""Gradient of the expected reward, by enumeration: no draw, no variance.

    .. math:: \nabla_\varphi \sum_x q_\varphi(x) R(x)

    Parameters
    ----------
    generator : GRUGenerator
    rewards : Tensor, shape (n_symbols ** length,)
        Of every string, in the order of `every_string`.

    Returns
    -------
    Tensor, shape (n_parameters,)
    """
    law = generator.log_prob(every_string(generator.n_symbols, generator.length)).exp()
    return flat_gradient((law * rewards.detach()).sum(), generator)


# ---------------------------------------------------------------------------------------------------------
# A generator that never chooses


def every_noise(n_bits: int) -> Tensor:
    """All vectors of n_bits signs, shape (2 ** n_bits, n_bits), entries -1 and 1."""
    return 2.0 * every_string(2, n_bits) - 1


class BitGenerator(nn.Module):
    """Turns random signs into rows of vectors, in one pass; words are read off afterwards.

    Its noise takes 2 ** n_bits values, so the law of the words it is decoded to is known exactly.

    Parameters
    ----------
    n_bits : int
        Signs of noise.
    n_symbols, length : int
        Size of the alphabet, and number of words of each string.
    hidden : int
        Width of two hidden layers.
    vectors : Tensor, shape (n_symbols, dim), or None
        Place of each word. The network writes free vectors, and a word is the nearest place. With None it writes
        softmax rows, and a word is the largest entry.
    """

    vectors: Tensor | None

    def __init__(
        self, n_bits: int, n_symbols: int, length: int, hidden: int = 64, vectors: Tensor | None = None
    ) -> None:
        super().__init__()
        self.n_bits, self.n_symbols, self.length = n_bits, n_symbols, length
        self.register_buffer("vectors", vectors)
        dim = n_symbols if vectors is None else vectors.shape[1]
        self.network = mlp((n_bits, hidden, hidden, length * dim), lambda: nn.LeakyReLU(0.2))

    def noise(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        """Random signs, shape (n, n_bits)."""
        return 2.0 * torch.randint(2, (n, self.n_bits), generator=rng) - 1

    def embed(self, words: Tensor) -> Tensor:
        """What real words, int64 of shape (n, length), look like to the discriminator."""
        return one_hot(words, self.n_symbols).float() if self.vectors is None else self.vectors[words]

    def forward(self, z: Tensor) -> Tensor:
        """Signs (n, n_bits) to rows (n, length, n_symbols or dim)."""
        rows = self.network(z).unflatten(1, (self.length, -1))
        return rows.softmax(dim=2) if self.vectors is None else rows

    def decode(self, rows: Tensor) -> Tensor:
        """Nearest words of rows, int64 of shape (n, length)."""
        if self.vectors is None:
            return rows.argmax(dim=2)
        return torch.cdist(rows, self.vectors.expand(len(rows), -1, -1)).argmin(dim=2)

    @torch.no_grad()
    def law(self) -> np.ndarray:
        """Probability of every decoded string, shape (n_symbols ** length,), in the order of `every_string`."""
        words = self.decode(self(every_noise(self.n_bits))).numpy()
        index = np.ravel_multi_index(tuple(words.T), (self.n_symbols,) * self.length)
        return np.bincount(index, minlength=self.n_symbols**self.length) / len(words)


# ---------------------------------------------------------------------------------------------------------
# Steps


def likelihood_step(generator: GRUGenerator, optimiser: Optimizer) -> Callable[[Tensor], dict[str, float]]:
    """Make ``step(words)`` for `training.fit`: maximum likelihood; reports ``loss`` in nats per string."""

    def step(words: Tensor) -> dict[str, float]:
        loss = -generator.log_prob(words).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return {"loss": loss.item()}

    return step


def reward_step(
    generator: GRUGenerator,
    optimiser: Optimizer,
    reward: Callable[[Tensor], Tensor],
    baseline: str | float = "leave_one_out",
) -> Callable[[int], dict[str, float]]:
    """Make ``step(n)``: draw n strings, and climb their expected reward by `reinforce_loss`.

    Parameters
    ----------
    generator : GRUGenerator
    optimiser : Optimizer
    reward : callable
        Strings (n, length) to rewards (n,): anything that can be computed, it needs no slope.
    baseline : str or float
        As in `reinforce_loss`.

    Returns
    -------
    callable
        ``step(n) -> {"reward": ...}``, the mean before the update.
    """

    def step(n: int) -> dict[str, float]:
        words, log_probs = generator.sample(n)
        with torch.no_grad():
            rewards = reward(words)
        optimiser.zero_grad()
        reinforce_loss(log_probs, rewards, baseline).backward()
        optimiser.step()
        return {"reward": rewards.mean().item()}

    return step


def reinforce_step(
    generator: GRUGenerator,
    discriminator: nn.Module,
    generator_optimiser: Optimizer,
    discriminator_optimiser: Optimizer,
    *,
    baseline: str | float = "leave_one_out",
    ema: EMA | None = None,
) -> Callable[[Tensor], dict[str, float]]:
    """Make ``step(words)``, one round of the game in which the generator learns from rewards log D alone.

    Parameters
    ----------
    generator : GRUGenerator
    discriminator : Module
        One-hot strings (n, length, n_symbols) to logits (n, 1).
    generator_optimiser, discriminator_optimiser : Optimizer
        One for the parameters of each player.
    baseline : str or float
        As in `reinforce_loss`.
    ema : EMA, optional
        Average of the generator to update after each round.

    Returns
    -------
    callable
        ``step(words) -> {"discriminator_loss": ..., "generator_loss": ...}`` in nats, each before its player's own
        update; the generator's is minus its mean reward, as ``gan.generator_loss`` has it.

    References
    ----------
    Yu et al. (2017), SeqGAN, with the reward given to whole strings.
    """

    def look(words: Tensor) -> Tensor:
        return discriminator(one_hot(words, generator.n_symbols).float())

    climb = reward_step(generator, generator_optimiser, lambda words: logsigmoid(look(words))[:, 0], baseline)

    def step(words: Tensor) -> dict[str, float]:
        with torch.no_grad():
            written, _ = generator.sample(len(words))
        d_loss = discriminator_loss(look(words), look(written))
        discriminator_optimiser.zero_grad()
        d_loss.backward()
        discriminator_optimiser.step()
        reward = climb(len(words))["reward"]  # looks at the discriminator without gradients
        if ema is not None:
            ema.update(generator)
        return {"discriminator_loss": d_loss.item(), "generator_loss": -reward}

    return step

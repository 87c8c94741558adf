"""Neural cryptography: Alice, Bob and Eve, the one-time pad, and how much a ciphertext tells.

Chapter ``neural_crypto``; Abadi & Andersen (2016), Learning to protect communications with adversarial
neural cryptography; Shannon (1949) for the pad. A bit b in {0, 1} is coded as (-1)^b: 0 is +1 and 1 is -1,
so that exclusive or is multiplication. Words are rows of such numbers, shape (batch, n_bits).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn.functional import conv1d, pad
from torch.optim import Optimizer

from lectures_pkg.divergences import kl_divergence
from lectures_pkg.networks import mlp
from lectures_pkg.training import fit, seeded

NETWORKS = ("bilinear", "relu", "mix_and_transform")

# ---------------------------------------------------------------- words, pads, information (NumPy)


def all_words(n_bits: int) -> np.ndarray:
    """Every word of ``n_bits`` bits, coded as (-1)^b: shape (2**n_bits, n_bits).

    Row i is the binary numeral of i, first bit first, so that the exclusive or of two row numbers is the
    row number of the product of their rows.

    Raises
    ------
    ValueError
        If ``n_bits`` is not from 1 to 16.
    """
    if not 1 <= n_bits <= 16:
        raise ValueError(f"n_bits must be from 1 to 16 to list all words, found {n_bits}")
    bits = np.arange(2**n_bits)[:, None] >> np.arange(n_bits)[::-1] & 1
    return (-1.0) ** bits


def one_time_pad(message: ArrayLike, key: ArrayLike) -> np.ndarray:
    r"""Exclusive or of message and key in the coding (-1)^b: their product, bit by bit.

    .. math:: c_i = m_i k_i

    The same function deciphers: ``one_time_pad(one_time_pad(m, k), k)`` is m.

    Parameters
    ----------
    message, key : array_like, shape (..., n_bits)
        Entries -1 or +1; the key must be as long as the message.

    Raises
    ------
    ValueError
        If the last axes differ in length (a short key would be reused in silence), or an entry is not -1 or +1.

    References
    ----------
    Shannon (1949), Communication theory of secrecy systems, section 10.
    In the book: equations ``xor-is-a-product`` and ``pad-tells-nothing``.
    """
    m, k = np.asarray(message, dtype=float), np.asarray(key, dtype=float)
    if m.ndim == 0 or k.ndim == 0 or m.shape[-1] != k.shape[-1]:
        raise ValueError(f"a pad needs one key bit for each message bit, found shapes {m.shape} and {k.shape}")
    if not (np.abs(m) == 1).all() or not (np.abs(k) == 1).all():
        raise ValueError("message and key must consist of -1 and +1")
    return m * k


def pad_joint(message_law: ArrayLike, key_law: ArrayLike) -> np.ndarray:
    """Joint law of message and ciphertext under the one-time pad, for independent message and key.

    Parameters
    ----------
    message_law, key_law : array_like, shape (2**n_bits,)
        Probabilities of the words, in the order of `all_words`.

    Returns
    -------
    ndarray, shape (2**n_bits, 2**n_bits)
        Entry [m, c] is the probability of message m together with ciphertext c.

    Raises
    ------
    ValueError
        If the laws differ in length, or the length is no power of two.
    """
    p, q = np.asarray(message_law, dtype=float), np.asarray(key_law, dtype=float)
    if p.ndim != 1 or p.shape != q.shape or len(p) < 2 or len(p) & (len(p) - 1):
        raise ValueError(f"the two laws need the same 2**n_bits entries, found shapes {p.shape} and {q.shape}")
    m, c = np.indices((len(p), len(p)))
    return p[m] * q[m ^ c]  # the key that turns m into c is m xor c


def joint_law(rows: ArrayLike, columns: ArrayLike) -> np.ndarray:
    """Joint law of two numberings of the same equally likely cases.

    Parameters
    ----------
    rows, columns : array_like of int, shape (n_cases,)
        Number of the message, and number of the ciphertext, in each case.

    Returns
    -------
    ndarray, shape (max(rows) + 1, max(columns) + 1)
        Probabilities that sum to one.

    Raises
    ------
    ValueError
        If the numberings differ in length, are empty, or hold a negative number.
    """
    r, c = np.asarray(rows), np.asarray(columns)
    if r.ndim != 1 or r.shape != c.shape or r.size == 0:
        raise ValueError(f"rows and columns must number the same cases, found shapes {r.shape} and {c.shape}")
    if min(r.min(), c.min()) < 0:
        raise ValueError(f"numbers of cases must not be negative, found {min(r.min(), c.min())}")
    counts = np.zeros((r.max() + 1, c.max() + 1))
    np.add.at(counts, (r, c), 1.0)
    return counts / counts.sum()


def mutual_information(joint: ArrayLike, base: float = 2.0) -> float:
    r"""How much one variable tells about the other, in bits unless ``base`` says otherwise (e for nats).

    .. math:: I(M; C) = \sum_{m, c} p(m, c) \log \frac{p(m, c)}{p(m) \, p(c)}

    Zero exactly if the two are independent; never more than the entropy of either.

    Parameters
    ----------
    joint : array_like, shape (n_rows, n_columns)
        Joint probabilities.
    base : float
        Base of the logarithm.

    Raises
    ------
    ValueError
        If ``joint`` is not a table of probabilities that sum to one.

    References
    ----------
    In the book: equations ``pad-tells-nothing``, ``biased-key`` and ``chance-is-not-secrecy``.
    """
    table = _as_joint(joint)
    independent = np.outer(table.sum(axis=1), table.sum(axis=0))
    return max(kl_divergence(table.ravel(), (independent / independent.sum()).ravel(), base=base), 0.0)


def fewest_errors(joint: ArrayLike, words: ArrayLike) -> float:
    r"""Expected number of wrong bits of the best possible reader of a ciphertext.

    .. math:: \sum_c \sum_i \min_{s = \pm 1} P(m_i = s, c)

    For each ciphertext the reader names the more probable value of each bit. Nobody who sees the ciphertext
    alone does better, trained or not.

    Parameters
    ----------
    joint : array_like, shape (n_messages, n_ciphertexts)
        Joint probabilities of message and ciphertext.
    words : array_like, shape (n_messages, n_bits)
        The messages, -1 or +1.

    Returns
    -------
    float
        Between 0 and n_bits; for a fair message at most n_bits / 2.

    Raises
    ------
    ValueError
        If the shapes don't fit or ``joint`` is no joint law.

    References
    ----------
    In the book: equation ``best-eve-at-half``.
    """
    table, coded = _as_joint(joint), np.asarray(words, dtype=float)
    if coded.ndim != 2 or len(coded) != len(table):
        raise ValueError(f"words must have one row for each of the {len(table)} messages, found shape {coded.shape}")
    lean = coded.T @ table  # (n_bits, n_ciphertexts): P(m_i = +1, c) - P(m_i = -1, c)
    return float(((table.sum(axis=0) - np.abs(lean)) / 2).sum())


# ---------------------------------------------------------------- errors and losses


def wrong_bits(message: Tensor, guess: Tensor) -> Tensor:
    """Number of bits whose sign is wrong, shape (batch,), from 0 to n_bits; a guess of 0 counts as -1.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    _refuse_unequal(message, guess)
    return ((guess > 0) != (message > 0)).sum(dim=-1).to(torch.get_default_dtype())


def soft_wrong_bits(message: Tensor, guess: Tensor) -> Tensor:
    r"""Expected number of wrong bits of a reader who says +1 with probability (1 + g)/2, shape (batch,).

    .. math:: L(m, g) = \frac12 \sum_{i=1}^N \lvert m_i - g_i \rvert

    The number that has a slope: for guesses of -1 and +1 it is `wrong_bits`.

    Parameters
    ----------
    message : Tensor, shape (batch, n_bits)
        Entries -1 or +1.
    guess : Tensor, shape (batch, n_bits)
        Entries between -1 and +1.

    Returns
    -------
    Tensor, shape (batch,)
        Bits. Smaller is better for the reader.

    Raises
    ------
    ValueError
        If the shapes differ.

    References
    ----------
    Abadi & Andersen (2016), section 2, half of their distance d. In the book: equation ``soft-errors``.
    """
    _refuse_unequal(message, guess)
    return (message - guess).abs().sum(dim=-1) / 2


def scheme_loss(bob_errors: Tensor, eve_errors: Tensor, n_bits: int) -> Tensor:
    r"""Loss that Alice and Bob descend together: Bob should read, and Eve should do no better than a coin.

    .. math:: \frac{L_B}{N} + \frac{(N/2 - L_E)^2}{(N/2)^2}

    Parameters
    ----------
    bob_errors, eve_errors : Tensor, shape ()
        Mean wrong bits over a batch.
    n_bits : int
        N.

    Returns
    -------
    Tensor, shape ()
        No unit; 0 where Bob is always right and Eve is wrong in half of the bits; smaller is better.

    Raises
    ------
    ValueError
        If ``n_bits`` is not positive.

    References
    ----------
    Abadi & Andersen (2016), section 2.5. In the book: equation ``eve-at-half``.
    """
    if n_bits < 1:
        raise ValueError(f"n_bits must be positive, found {n_bits}")
    half = n_bits / 2
    return bob_errors / n_bits + (half - eve_errors) ** 2 / half**2


# ---------------------------------------------------------------- networks


class BilinearNet(nn.Module):
    r"""Products of two linear views of the input, :math:`\tanh(W_o (W_1 x \odot W_2 x))`.

    Parameters
    ----------
    n_inputs, n_bits : int
        Numbers in and out.
    hidden : int
        Number of products.
    bias : bool
        Whether the three linear maps have a bias. Without them, x and -x have the same output.

    References
    ----------
    In the book: equations ``bilinear-pad`` and ``bilinear-is-even``.
    """

    def __init__(self, n_inputs: int, n_bits: int, hidden: int = 64, *, bias: bool = True) -> None:
        super().__init__()
        _refuse_bad_sizes(n_inputs, n_bits, hidden)
        self.first, self.second = nn.Linear(n_inputs, hidden, bias=bias), nn.Linear(n_inputs, hidden, bias=bias)
        self.output = nn.Linear(hidden, n_bits, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Numbers in (-1, 1), shape (batch, n_bits)."""
        return torch.tanh(self.output(self.first(x) * self.second(x)))


class ReluNet(nn.Module):
    """A multilayer perceptron with a tanh at its end.

    Parameters
    ----------
    n_inputs, n_bits : int
        Numbers in and out.
    hidden : int or sequence of int
        Widths of the hidden layers.
    """

    def __init__(self, n_inputs: int, n_bits: int, hidden: int | Sequence[int] = 96) -> None:
        super().__init__()
        widths = (hidden,) if isinstance(hidden, int) else tuple(hidden)
        _refuse_bad_sizes(n_inputs, n_bits, *widths)
        self.layers = nn.Sequential(*mlp((n_inputs, *widths, n_bits)), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        """Numbers in (-1, 1), shape (batch, n_bits)."""
        return self.layers(x)


class MixAndTransform(nn.Module):
    """The paper's network: a linear layer that mixes all inputs, then four small convolutions along the bits.

    Filters, as (width, channels in, channels out, stride): (4, 1, 2, 1), (2, 2, 4, 2), (1, 4, 4, 1), (1, 4, 1, 1);
    a sigmoid after each layer, tanh after the last.

    Parameters
    ----------
    n_inputs : int
        2 N for Alice and Bob, N for Eve.
    n_bits : int
        N; the linear layer has 2 N outputs, which the second convolution halves.

    References
    ----------
    Abadi & Andersen (2016), section 2.4 and its details of the architecture. In the book: chapter ``neural_crypto``.
    """

    def __init__(self, n_inputs: int, n_bits: int) -> None:
        super().__init__()
        _refuse_bad_sizes(n_inputs, n_bits)
        self.mix = nn.Linear(n_inputs, 2 * n_bits)
        filters = [nn.Conv1d(1, 2, 4), nn.Conv1d(2, 4, 2, stride=2), nn.Conv1d(4, 4, 1), nn.Conv1d(4, 1, 1)]
        self.filters = nn.ModuleList(filters)
        for index, (layer, length) in enumerate(zip(filters, (2 * n_bits, 2 * n_bits, n_bits, n_bits), strict=True)):
            self.register_buffer(f"places{index}", _placements(layer, length), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Numbers in (-1, 1), shape (batch, n_bits)."""
        h = self.mix(x)
        for index, layer in enumerate(self.filters):
            weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
            matrix = self.get_buffer(f"places{index}") @ weight.flatten()
            h = torch.addmm(bias.repeat_interleave(matrix.shape[1] // len(bias)), torch.sigmoid(h), matrix)
        return torch.tanh(h)


def _placements(layer: nn.Conv1d, length: int) -> Tensor:
    """Where each weight of a filter stands in the matrix of its convolution, shape (inputs, outputs, weights).

    A wide filter at stride 1 gets zeros at both ends, so that the length stays. The matrix of a convolution over
    32 numbers is small, and multiplying by it several times faster than the convolution.
    """
    n_inputs = layer.in_channels * length
    inputs = torch.eye(n_inputs).view(n_inputs, layer.in_channels, length)
    if layer.stride[0] == 1:
        n_zeros = layer.kernel_size[0] - 1
        inputs = pad(inputs, (n_zeros // 2, n_zeros - n_zeros // 2))
    units = torch.eye(layer.weight.numel()).view(-1, *layer.weight.shape)
    return torch.stack([conv1d(inputs, unit, stride=layer.stride).flatten(1) for unit in units], dim=2)


# ---------------------------------------------------------------- the game


@dataclass
class Players:
    """Three networks and the length of their words.

    ``alice`` maps (message, key) side by side to a ciphertext in (-1, 1), ``bob`` (ciphertext, key) to a guess
    of the message, ``eve`` the ciphertext alone.
    """

    alice: nn.Module
    bob: nn.Module
    eve: nn.Module
    n_bits: int


def make_players(kind: str, n_bits: int, *, hidden: int = 64, bias: bool = True) -> Players:
    """Three untrained networks of one kind.

    Draws the weights from torch's global generator: call it inside `training.seeded`.

    Parameters
    ----------
    kind : {"bilinear", "relu", "mix_and_transform"}
        Which networks.
    n_bits : int
        Length of message, key and ciphertext.
    hidden : int
        Width of the hidden layer (the paper's networks have none to choose).
    bias : bool
        For bilinear networks only, see `BilinearNet`.

    Raises
    ------
    ValueError
        If the kind is unknown.
    """
    if kind not in NETWORKS:
        raise ValueError(f"kind must be one of {', '.join(NETWORKS)}, found {kind!r}")

    def network(n_inputs: int) -> nn.Module:
        if kind == "bilinear":
            return BilinearNet(n_inputs, n_bits, hidden, bias=bias)
        return ReluNet(n_inputs, n_bits, hidden) if kind == "relu" else MixAndTransform(n_inputs, n_bits)

    return Players(network(2 * n_bits), network(2 * n_bits), network(n_bits), n_bits)


def pad_players(n_bits: int, gain: float = 3.0) -> Players:
    r"""The one-time pad as a bilinear network: Alice and Bob compute :math:`\tanh(g \, x_i x_{N+i})`, untrained.

    The first map picks bit i of the message (or ciphertext), the second bit i of the key. Eve is a
    bilinear network of zeros.

    References
    ----------
    In the book: equation ``bilinear-pad``.
    """
    pad, eve = BilinearNet(2 * n_bits, n_bits, n_bits, bias=False), BilinearNet(n_bits, n_bits, n_bits, bias=False)
    one, zero = torch.eye(n_bits), torch.zeros(n_bits, n_bits)
    with torch.no_grad():
        pad.first.weight.copy_(torch.cat([one, zero], dim=1))
        pad.second.weight.copy_(torch.cat([zero, one], dim=1))
        pad.output.weight.copy_(gain * one)
        for parameter in eve.parameters():
            parameter.zero_()
    return Players(pad, copy.deepcopy(pad), eve, n_bits)


def crypto_step(
    players: Players, *, learning_rate: float = 4e-3, n_eve_steps: int = 1
) -> Callable[[Tensor], dict[str, float]]:
    """Make ``step(batch)``, one round of the game: Eve's steps first, then one step of Alice and Bob together.

    Parameters
    ----------
    players : Players
        Trained in place, by Adam: one optimiser for Alice and Bob, one for Eve.
    learning_rate : float
        Of both optimisers.
    n_eve_steps : int
        Eve's steps in a round; the paper gives her two, each with a minibatch of its own.

    Returns
    -------
    callable
        ``step(batch) -> {"bob_errors": ..., "eve_errors": ...}``, soft wrong bits in the scheme's turn, before its
        update. A batch has shape (n_eve_steps + 1, batch_size, 2, n_bits): messages and keys for each turn.

    Raises
    ------
    ValueError
        If ``n_eve_steps`` is not positive, or a batch has another shape.

    References
    ----------
    Abadi & Andersen (2016), sections 2.3 to 2.5.
    """
    if n_eve_steps < 1:
        raise ValueError(f"n_eve_steps must be at least 1, found {n_eve_steps}")
    alice, bob, eve, n_bits = players.alice, players.bob, players.eve, players.n_bits
    scheme, reader = [*alice.parameters(), *bob.parameters()], list(eve.parameters())
    scheme_optimiser = torch.optim.Adam(scheme, lr=learning_rate, fused=True)
    eve_optimiser = torch.optim.Adam(reader, lr=learning_rate, fused=True)

    def step(batch: Tensor) -> dict[str, float]:
        if batch.ndim != 4 or (batch.shape[0], *batch.shape[2:]) != (n_eve_steps + 1, 2, n_bits):
            raise ValueError(
                f"a batch must have shape ({n_eve_steps + 1}, batch_size, 2, {n_bits}), found {tuple(batch.shape)}"
            )
        for turn in batch[:-1]:
            message, key = turn.unbind(1)
            with torch.no_grad():  # Alice stands still in Eve's turn
                ciphertext = encipher(alice, message, key)
            eve_loss = soft_wrong_bits(message, eve(ciphertext)).mean() / n_bits
            _descend(eve_loss, eve_optimiser, reader)

        message, key = batch[-1].unbind(1)
        ciphertext = encipher(alice, message, key)
        bob_errors = soft_wrong_bits(message, bob(torch.cat([ciphertext, key], dim=1))).mean()
        eve_errors = soft_wrong_bits(message, eve(ciphertext)).mean()  # through Eve, whose weights stand still
        _descend(scheme_loss(bob_errors, eve_errors, n_bits), scheme_optimiser, scheme)
        return {"bob_errors": bob_errors.item(), "eve_errors": eve_errors.item()}

    return step


def play(
    kind: str,
    n_bits: int,
    n_rounds: int,
    seed: int,
    *,
    hidden: int = 64,
    bias: bool = True,
    batch_size: int = 256,
    learning_rate: float = 4e-3,
    n_eve_steps: int = 1,
) -> tuple[Players, dict[str, np.ndarray]]:
    """Train three new players for ``n_rounds``; everything random follows from ``seed``.

    Returns
    -------
    players : Players
    history : dict of str to ndarray, shape (n_rounds,)
        ``"bob_errors"`` and ``"eve_errors"``, see `crypto_step`.
    """
    with seeded(seed):
        players = make_players(kind, n_bits, hidden=hidden, bias=bias)
        step = crypto_step(players, learning_rate=learning_rate, n_eve_steps=n_eve_steps)
        history = fit(step, word_batches(n_bits, batch_size, n_eve_steps), n_rounds)
    return players, history


def encipher(alice: nn.Module, message: Tensor, key: Tensor) -> Tensor:
    """Alice's ciphertext, shape (batch, n_bits): message and key go in side by side."""
    return alice(torch.cat([message, key], dim=1))


def random_words(n: int, n_bits: int, rng: torch.Generator | None = None) -> Tensor:
    """Fair coins in {-1, +1}, shape (n, n_bits)."""
    return torch.randint(2, (n, n_bits), generator=rng).mul_(2).sub_(1).to(torch.get_default_dtype())


def word_batches(
    n_bits: int, batch_size: int = 256, n_eve_steps: int = 1, rng: torch.Generator | None = None
) -> Iterator[Tensor]:
    """Endless batches of fresh messages and keys for `crypto_step`, shape (n_eve_steps + 1, batch_size, 2, n_bits)."""
    while True:
        words = random_words((n_eve_steps + 1) * batch_size * 2, n_bits, rng)
        yield words.view(n_eve_steps + 1, batch_size, 2, n_bits)


# ---------------------------------------------------------------- readers: measured errors, and a fresh Eve


class Reading(NamedTuple):
    """Mean wrong bits over independent messages, and the standard error of that mean."""

    wrong: float
    standard_error: float


def reading(message: Tensor, guess: Tensor) -> Reading:
    """Mean and standard error of `wrong_bits` over a batch of independent messages.

    Raises
    ------
    ValueError
        If there are fewer than two messages, or the shapes differ.
    """
    errors = wrong_bits(message, guess)
    if len(errors) < 2:
        raise ValueError(f"a standard error needs at least 2 messages, found {len(errors)}")
    return Reading(errors.mean().item(), errors.std().item() / math.sqrt(len(errors)))


@torch.no_grad()
def bob_reads(players: Players, n: int = 20_000, rng: torch.Generator | None = None) -> Reading:
    """Bob's errors on ``n`` fresh messages with fresh keys."""
    message, key = random_words(n, players.n_bits, rng), random_words(n, players.n_bits, rng)
    ciphertext = encipher(players.alice, message, key)
    return reading(message, players.bob(torch.cat([ciphertext, key], dim=1)))


@torch.no_grad()
def eve_reads(
    players: Players,
    n: int = 20_000,
    rng: torch.Generator | None = None,
    *,
    eve: nn.Module | None = None,
    target: Callable[[Tensor], Tensor] | None = None,
    keys: str = "fresh",
) -> Reading:
    """Errors on ``n`` fresh messages of the Eve who trained along, or of another ``eve``; see `fresh_eve`."""
    message, seen = intercept(players, n, rng, keys=keys)
    return reading(message if target is None else target(message), (eve or players.eve)(seen))


@torch.no_grad()
def intercept(
    players: Players, n: int, rng: torch.Generator | None = None, *, keys: str = "fresh"
) -> tuple[Tensor, Tensor]:
    """Draw ``n`` messages and what Eve sees of each.

    Parameters
    ----------
    players : Players
        Alice enciphers.
    n : int
        Number of messages.
    rng : torch.Generator, optional
        Draws messages and keys; torch's global generator by default.
    keys : {"fresh", "reused", "seen"}
        A new key for each message; always the key of +1s; or a new key that Eve sees beside the ciphertext.
        The last two are controls: a good Eve must read everything.

    Returns
    -------
    message : Tensor, shape (n, n_bits)
    seen : Tensor, shape (n, n_bits), or (n, 2 n_bits) where the key is seen
    """
    if keys not in ("fresh", "reused", "seen"):
        raise ValueError(f"keys must be 'fresh', 'reused' or 'seen', found {keys!r}")
    message = random_words(n, players.n_bits, rng)
    key = torch.ones_like(message) if keys == "reused" else random_words(n, players.n_bits, rng)
    ciphertext = encipher(players.alice, message, key)
    return message, torch.cat([ciphertext, key], dim=1) if keys == "seen" else ciphertext


def fresh_eve(
    players: Players,
    seed: int,
    *,
    hidden: Sequence[int] = (128, 128),
    n_steps: int = 2000,
    batch_size: int = 256,
    learning_rate: float = 2e-3,
    target: Callable[[Tensor], Tensor] | None = None,
    keys: str = "fresh",
) -> ReluNet:
    """Train a new Eve from scratch against an Alice who no longer moves.

    Parameters
    ----------
    players : Players
        Alice enciphers with fresh messages in each step.
    seed : int
        Of the new Eve's weights and of all that she intercepts.
    hidden, n_steps, batch_size, learning_rate
        Her network (ReLU) and her training (Adam).
    target : callable, optional
        What she tries to read: maps messages (batch, n_bits) to (batch, n_targets) entries of -1 and +1, such as
        `relations`; the message itself by default.
    keys : {"fresh", "reused", "seen"}
        See `intercept`.

    Returns
    -------
    ReluNet
        Maps what she sees to a guess; `eve_reads` measures it on fresh messages.

    References
    ----------
    Abadi & Andersen (2016), section 2.5, reset Eve and train her anew. In the book: equation ``fresh-eve-reads-more``.
    """
    with seeded(seed):
        message, seen = intercept(players, 2, keys=keys)
        wanted = message if target is None else target(message)
        eve = ReluNet(seen.shape[1], wanted.shape[1], hidden)
        optimiser = torch.optim.Adam(eve.parameters(), lr=learning_rate, fused=True)
        parameters = list(eve.parameters())

        def step(batch: tuple[Tensor, Tensor]) -> dict[str, float]:
            words, ciphertext = batch
            errors = soft_wrong_bits(words if target is None else target(words), eve(ciphertext)).mean()
            _descend(errors / wanted.shape[1], optimiser, parameters)
            return {"eve_errors": errors.item()}

        fit(step, iter(lambda: intercept(players, batch_size, keys=keys), None), n_steps)
    return eve


def relations(message: Tensor) -> Tensor:
    """Whether each bit equals the first (+1) or not (-1), shape (batch, n_bits - 1): the message but for its sign."""
    return message[:, :1] * message[:, 1:]


def errors_up_to_sign(message: Tensor, guess: Tensor) -> Tensor:
    """Wrong bits of the better of the guess and its opposite, shape (batch,), from 0 to n_bits / 2."""
    wrong = wrong_bits(message, guess)
    return torch.minimum(wrong, message.shape[-1] - wrong)


@torch.no_grad()
def read_relations(eve: nn.Module, ciphertext: Tensor) -> Tensor:
    """A message from the relations that ``eve`` reads, shape (batch, n_bits), with +1 in the place of its first bit."""
    guess = torch.where(eve(ciphertext) > 0, 1.0, -1.0)
    return torch.cat([torch.ones(len(guess), 1), guess], dim=1)


class ProductMap(NamedTuple):
    """What of Alice's output is made of products of one message bit and one key bit; see `product_map`."""

    coefficients: np.ndarray  #: (n_bits out, n_bits of the message, n_bits of the key)
    share: float  #: of the variance of all outputs, 1 if Alice is nothing but such products
    per_bit: float  #: effective number of products in one output bit, averaged over outputs


@torch.no_grad()
def product_map(players: Players, n: int = 65_536, rng: torch.Generator | None = None) -> ProductMap:
    r"""Project Alice's outputs on the products of message and key bits.

    .. math:: w_{oij} = \mathbb{E}[c_o \, m_i k_j], \qquad
              \text{share} = \frac{\sum_{oij} w_{oij}^2}{\sum_o \operatorname{Var} c_o}

    For fair coins the products are orthonormal functions, so that the squares are shares of variance. Squares
    of estimated numbers are too large on average; the product of two halves' estimates is not. The effective
    number of products of output o is :math:`(\sum_{ij} w^2)^2 / \sum_{ij} w^4`: 1 for a pad, n² if all count alike.

    Parameters
    ----------
    players : Players
        Their Alice is looked at.
    n : int
        Messages, an even number of at least 4.
    rng : torch.Generator, optional
        Draws messages and keys.

    Raises
    ------
    ValueError
        If ``n`` is odd or too small.
    """
    if n < 4 or n % 2:
        raise ValueError(f"n must be an even number of at least 4, found {n}")
    message, key = random_words(n, players.n_bits, rng), random_words(n, players.n_bits, rng)
    ciphertext = encipher(players.alice, message, key)
    products = (message[:, :, None] * key[:, None, :]).flatten(1)  # (n, n_bits**2)
    halves = [c.T @ p / len(c) for c, p in zip(ciphertext.chunk(2), products.chunk(2), strict=True)]
    w = ((halves[0] + halves[1]) / 2).double().numpy()
    squares = (halves[0] * halves[1]).double().numpy()  # an unbiased estimate of each square
    share = squares.sum() / ciphertext.var(dim=0).sum().item()
    per_bit = (w**2).sum(axis=1) ** 2 / (w**4).sum(axis=1)
    shape = (w.shape[0], players.n_bits, players.n_bits)
    return ProductMap(w.reshape(shape), float(share), float(per_bit.mean()))


@torch.no_grad()
def cipher_table(alice: nn.Module, n_bits: int) -> np.ndarray:
    """Alice's ciphertexts of all messages under all keys, shape (2**n_bits, 2**n_bits, n_bits): message, key, entry.

    Raises
    ------
    ValueError
        If ``n_bits`` is not from 1 to 8: there are 4**n_bits ciphertexts.
    """
    if not 1 <= n_bits <= 8:
        raise ValueError(f"n_bits must be from 1 to 8 to list all ciphertexts, found {n_bits}")
    kind = next(alice.parameters()).dtype
    words = torch.as_tensor(all_words(n_bits), dtype=kind)
    message, key = words.repeat_interleave(len(words), dim=0), words.repeat(len(words), 1)
    return encipher(alice, message, key).double().numpy().reshape(len(words), len(words), n_bits)


def ciphertext_numbers(table: ArrayLike, decimals: int | None = None) -> np.ndarray:
    """Number the different ciphertexts of a `cipher_table` from 0, as they look when only a part is sent.

    Parameters
    ----------
    table : array_like, shape (n_messages, n_keys, n_bits)
        Ciphertexts.
    decimals : int, optional
        Decimals that are sent; by default only the signs are, one bit for each entry.

    Returns
    -------
    ndarray of int, shape (n_messages, n_keys)
        Equal numbers for ciphertexts that look equal.

    Raises
    ------
    ValueError
        If the table has not three axes.
    """
    values = np.asarray(table, dtype=float)
    if values.ndim != 3:
        raise ValueError(f"a cipher table has the axes message, key, entry, found shape {values.shape}")
    rows = values.reshape(-1, values.shape[2])
    sent = np.where(rows > 0, 1.0, -1.0) if decimals is None else np.round(rows, decimals) + 0.0  # no -0.0
    return np.unique(sent, axis=0, return_inverse=True)[1].reshape(values.shape[:2])


def scheme_joint(alice: nn.Module, n_bits: int, decimals: int | None = None) -> np.ndarray:
    """Joint law of a fair message and its ciphertext under a fair key, by enumeration (dense: keep 2**n_bits small).

    Returns
    -------
    ndarray, shape (2**n_bits, n_ciphertexts)
        In the order of `all_words`; `mutual_information` and `fewest_errors` read it.
    """
    numbers = ciphertext_numbers(cipher_table(alice, n_bits), decimals)
    return joint_law(np.repeat(np.arange(2**n_bits), 2**n_bits), numbers.ravel())


# ---------------------------------------------------------------- small helpers


def _descend(loss: Tensor, optimiser: Optimizer, parameters: list[nn.Parameter]) -> None:
    """One step of these parameters alone; other networks that the loss passes through keep no gradient."""
    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        parameter.grad = gradient
    optimiser.step()


def _as_joint(joint: ArrayLike) -> np.ndarray:
    table = np.asarray(joint, dtype=float)
    if table.ndim != 2 or table.size == 0:
        raise ValueError(f"a joint law is a table, found shape {table.shape}")
    if not (table >= 0).all() or abs(table.sum() - 1) > 1e-8:
        raise ValueError(f"joint probabilities must not be negative and must sum to 1, found a sum of {table.sum():g}")
    return table


def _refuse_unequal(message: Tensor, guess: Tensor) -> None:
    if message.shape != guess.shape:
        raise ValueError(f"message has shape {tuple(message.shape)} but guess has {tuple(guess.shape)}")


def _refuse_bad_sizes(*sizes: int) -> None:
    if min(sizes) < 1:
        raise ValueError(f"sizes of a network must be positive, found {sizes}")

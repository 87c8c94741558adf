"""Small worlds whose law is known exactly: each can be sampled, scored and enumerated or integrated.

What a model learned from samples can then be compared with the truth instead of with another guess.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

Rules = Mapping[str, Sequence[tuple[float, tuple[str, ...]]]]


def binary_images(n_pixels: int = 4) -> np.ndarray:
    """All binary images of ``n_pixels`` pixels, shape (2 ** n_pixels, n_pixels), in counting order."""
    return np.array(list(itertools.product((0, 1), repeat=n_pixels)))


def strokes(noise: float = 0.02) -> np.ndarray:
    """Law of noisy vertical strokes on 2x2 pixels: one probability for each of `binary_images`.

    The two vertical strokes, left column ``1010`` and right column ``0101`` (pixels read row by row),
    are equally likely; then each pixel flips with probability ``noise``.

    Parameters
    ----------
    noise : float
        Probability that a pixel flips, in [0, 1/2].

    Returns
    -------
    ndarray, shape (16,)
        Sums to one.
    """
    if not 0 <= noise <= 0.5:
        raise ValueError(f"noise must be in [0, 1/2], found {noise}")
    images = binary_images()
    flips = np.stack([np.abs(images - stroke).sum(axis=1) for stroke in ([1, 0, 1, 0], [0, 1, 0, 1])])
    return np.mean(noise**flips * (1 - noise) ** (4 - flips), axis=0)


class GaussianMixture:
    """Mixture of Gaussians with diagonal covariances in one or more dimensions.

    Parameters
    ----------
    weights : array_like, shape (k,)
        Sum to one.
    means, stds : array_like, shape (k, dim)
        A column for each dimension; for one dimension shape (k,) will do, and one number serves all stds.

    Raises
    ------
    ValueError
        If weights don't sum to one, or a component lacks a mean or a positive standard deviation.
    """

    def __init__(self, weights: ArrayLike, means: ArrayLike, stds: ArrayLike) -> None:
        self.weights = np.asarray(weights, dtype=float)
        locations = np.asarray(means, dtype=float)
        if abs(self.weights.sum() - 1) > 1e-8 or (self.weights < 0).any():
            raise ValueError(f"weights must not be negative and must sum to 1, found {self.weights}")
        scales = np.broadcast_to(np.asarray(stds, dtype=float), locations.shape)
        if len(locations) != len(self.weights) or (scales <= 0).any():
            raise ValueError("each component needs a mean and positive standard deviations")
        self.means = locations.reshape(len(self.weights), -1)
        self.stds = scales.reshape(self.means.shape)

    @property
    def dim(self) -> int:
        return self.means.shape[1]

    def log_prob(self, x: ArrayLike) -> np.ndarray:
        """Log density in nats at points of shape (..., dim), or (...) where dim is 1; shape (...)."""
        points = np.asarray(x, dtype=float)
        points = points[..., None] if self.dim == 1 and (points.ndim == 0 or points.shape[-1] != 1) else points
        if points.ndim == 0 or points.shape[-1] != self.dim:
            raise ValueError(f"points must have shape (..., {self.dim}), found {np.shape(x)}")
        standardised = (points[..., None, :] - self.means) / self.stds
        log_normal = -0.5 * standardised**2 - np.log(self.stds) - 0.5 * np.log(2 * np.pi)
        with np.errstate(divide="ignore"):
            return logsumexp(log_normal.sum(axis=-1) + np.log(self.weights), axis=-1)

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draws of shape (n, dim)."""
        component = rng.choice(len(self.weights), size=n, p=self.weights)
        return self.means[component] + self.stds[component] * rng.standard_normal((n, self.dim))


def ring(n_modes: int = 8, radius: float = 1.0, std: float = 0.01) -> GaussianMixture:
    """Equally likely round Gaussians, evenly spaced on a circle around the origin, the first at angle 0.

    Parameters
    ----------
    n_modes : int
        Number of Gaussians, at least 1; their centres are the mixture's ``means``, shape (n_modes, 2).
    radius, std : float
        Of the circle, and of each Gaussian in each direction.

    References
    ----------
    Srivastava et al. (2017), VEEGAN, section 5.1; Lin et al. (2018), PacGAN, section 4.1 (the defaults).
    """
    if n_modes < 1:
        raise ValueError(f"n_modes must be at least 1, found {n_modes}")
    angles = 2 * np.pi * np.arange(n_modes) / n_modes
    centres = radius * np.column_stack([np.cos(angles), np.sin(angles)])
    return GaussianMixture(np.full(n_modes, 1 / n_modes), centres, std)


def grid(side: int = 5, spacing: float = 2.0, std: float = 0.05) -> GaussianMixture:
    """Equally likely round Gaussians on a square grid around the origin: {-4, -2, 0, 2, 4} in both directions.

    Parameters
    ----------
    side : int
        Gaussians in each row and column, at least 1.
    spacing, std : float
        Between neighbours, and of each Gaussian in each direction.

    References
    ----------
    Srivastava et al. (2017), VEEGAN, section 5.1; Lin et al. (2018), PacGAN, section 4.1 (the defaults).
    """
    if side < 1:
        raise ValueError(f"side must be at least 1, found {side}")
    line = spacing * (np.arange(side) - (side - 1) / 2)
    centres = np.array(list(itertools.product(line, repeat=2)))
    return GaussianMixture(np.full(side**2, 1 / side**2), centres, std)


#: An unambiguous grammar in which subject and verb agree in number, also across "near the dogs".
AGREEMENT: Rules = {
    "S": [(0.5, ("NPs", "VPs")), (0.5, ("NPp", "VPp"))],
    "NPs": [(0.5, ("the", "Ns")), (0.3, ("the", "A", "Ns")), (0.2, ("the", "Ns", "PP"))],
    "NPp": [(0.5, ("the", "Np")), (0.3, ("the", "A", "Np")), (0.2, ("the", "Np", "PP"))],
    "PP": [(0.5, ("near", "the", "Ns")), (0.5, ("near", "the", "Np"))],
    "VPs": [(0.4, ("Vs",)), (0.6, ("Ts", "O"))],
    "VPp": [(0.4, ("Vp",)), (0.6, ("Tp", "O"))],
    "O": [(0.5, ("the", "Ns")), (0.5, ("a", "A", "Ns"))],
    "Ns": [(0.4, ("cat",)), (0.3, ("dog",)), (0.2, ("bird",)), (0.1, ("movie",))],
    "Np": [(0.4, ("cats",)), (0.3, ("dogs",)), (0.2, ("birds",)), (0.1, ("movies",))],
    "A": [(0.5, ("nice",)), (0.3, ("old",)), (0.2, ("red",))],
    "Vs": [(0.6, ("sleeps",)), (0.4, ("runs",))],
    "Vp": [(0.6, ("sleep",)), (0.4, ("run",))],
    "Ts": [(0.7, ("sees",)), (0.3, ("likes",))],
    "Tp": [(0.7, ("see",)), (0.3, ("like",))],
}


class Grammar:
    """A probabilistic context-free grammar: samples sentences, scores them, knows its own entropy.

    Parameters
    ----------
    rules : mapping
        Non-terminal to its expansions, each a probability and a tuple of symbols; a symbol without
        rules is a word. The entropy is that of derivations, which is that of sentences where the
        grammar is unambiguous.
    start : str
        The start symbol.

    Raises
    ------
    ValueError
        If a non-terminal's probabilities don't sum to one, an expansion is empty, a symbol can become
        itself and nothing else, or sentences would be infinitely long.
    """

    def __init__(self, rules: Rules = AGREEMENT, start: str = "S") -> None:
        if start not in rules:
            raise ValueError(f"the start symbol {start!r} has no rules")
        for symbol, expansions in rules.items():
            total = sum(probability for probability, _ in expansions)
            if abs(total - 1) > 1e-8 or min(probability for probability, _ in expansions) < 0:
                raise ValueError(f"the probabilities of {symbol!r} must sum to 1, found {total:.6g}")
            if not all(rhs for _, rhs in expansions):
                raise ValueError(f"an expansion of {symbol!r} is empty; every symbol must write at least one word")
        self.rules, self.start = rules, start
        self.symbols = list(rules)
        if np.max(np.abs(np.linalg.eigvals(self.expansion_matrix()))) >= 1:
            raise ValueError("sentences of this grammar have no finite expected length")
        renamings = np.array([[any(rhs == (b,) for _, rhs in rules[a]) for b in self.symbols] for a in self.symbols])
        if np.linalg.matrix_power(renamings.astype(float), len(self.symbols)).any():
            raise ValueError("a symbol of this grammar can become itself and nothing else: its sentences are ambiguous")
        self._cumulative = {symbol: np.cumsum([p for p, _ in expansions]) for symbol, expansions in rules.items()}
        self.words = sorted({s for ex in rules.values() for _, rhs in ex for s in rhs if s not in rules})

    def expansion_matrix(self) -> np.ndarray:
        """M[a, b]: expected number of b in one expansion of a, shape (symbols, symbols)."""
        return np.array(
            [[sum(p * rhs.count(b) for p, rhs in self.rules[a]) for b in self.symbols] for a in self.symbols]
        )

    def rule_entropies(self) -> np.ndarray:
        """h[a]: entropy in nats of the choice among a's rules, shape (symbols,)."""
        return np.array([-sum(p * np.log(p) for p, _ in self.rules[a] if p > 0) for a in self.symbols])

    def words_per_rule(self) -> np.ndarray:
        """t[a]: expected number of words written by one expansion of a, shape (symbols,)."""
        return np.array(
            [sum(p * sum(s not in self.rules for s in rhs) for p, rhs in self.rules[a]) for a in self.symbols]
        )

    def entropy(self) -> float:
        """Entropy of a derivation, in nats per sentence: the start symbol's entry of (I - M)^-1 h."""
        return self._expected(self.rule_entropies())

    def expected_length(self, *, with_end: bool = True) -> float:
        """Expected tokens per sentence, the end symbol included unless told otherwise."""
        return self._expected(self.words_per_rule()) + with_end

    def entropy_per_token(self) -> float:
        """Entropy in nats per token, end symbols counted: what the best model's cross-entropy tends to."""
        return self.entropy() / self.expected_length()

    def sample(self, rng: np.random.Generator) -> list[str]:
        """One sentence, without start or end symbols."""
        words, agenda = [], [self.start]
        while agenda:
            symbol = agenda.pop()
            if symbol not in self.rules:
                words.append(symbol)
                continue
            cumulative = self._cumulative[symbol]
            choice = np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right")
            agenda.extend(reversed(self.rules[symbol][choice][1]))
        return words

    def log_prob(self, sentence: Sequence[str]) -> float:
        """Log probability of a sentence in nats, summed over its derivations; -inf where it has none."""
        words = tuple(sentence)

        @cache
        def inside(symbols: tuple[str, ...], start: int, end: int) -> float:
            """Probability that ``symbols`` write words[start:end]."""
            if not symbols:
                return float(start == end)
            first, rest = symbols[0], symbols[1:]
            if end - start < len(symbols):  # every symbol writes at least one word
                return 0.0
            if first not in self.rules:
                return inside(rest, start + 1, end) if words[start] == first else 0.0
            if not rest:
                return sum(p * inside(rhs, start, end) for p, rhs in self.rules[first])
            return sum(
                inside((first,), start, middle) * inside(rest, middle, end)
                for middle in range(start + 1, end - len(rest) + 1)
            )

        with np.errstate(divide="ignore"):
            return float(np.log(inside((self.start,), 0, len(words))))

    def _expected(self, per_expansion: np.ndarray) -> float:
        identity = np.eye(len(self.symbols))
        totals = np.linalg.solve(identity - self.expansion_matrix(), per_expansion)
        return float(totals[self.symbols.index(self.start)])


class MarkovChain:
    r"""A stationary source in which each symbol depends on the ``order`` symbols before it, and on nothing else.

    Parameters
    ----------
    transition : array_like, shape (n_symbols,) * (order + 1)
        ``transition[a, ..., b, c]`` is the probability that c follows a, ..., b: rows (last axis) sum to one.

    Attributes
    ----------
    stationary : ndarray, shape (n_symbols,) * order
        The law of ``order`` symbols in a row that one more step leaves as it is.

    Raises
    ------
    ValueError
        If the shape is not a cube of at least two dimensions, a row is not a law, or more than one law
        is stationary.
    """

    def __init__(self, transition: ArrayLike) -> None:
        self.transition = np.asarray(transition, dtype=float)
        shape = self.transition.shape
        if len(shape) < 2 or len(set(shape)) != 1:
            raise ValueError(f"transition must have shape (n,) * (order + 1) with order of at least 1, found {shape}")
        if (self.transition < 0).any() or np.abs(self.transition.sum(axis=-1) - 1).max() > 1e-8:
            raise ValueError("each row of transition (its last axis) must be a law that sums to 1")
        self.n_symbols, self.order = shape[0], len(shape) - 1
        self.stationary = self._stationary_law()

    def _stationary_law(self) -> np.ndarray:
        n_states = self.n_symbols**self.order
        step = np.zeros((n_states, n_states))  # from (a, ..., b) to (..., b, c)
        state, symbol = np.divmod(np.arange(n_states * self.n_symbols), self.n_symbols)
        step[state, (state * self.n_symbols + symbol) % n_states] = self.transition.reshape(-1)
        equations = np.vstack([step.T - np.eye(n_states), np.ones(n_states)])
        law, _, rank, _ = np.linalg.lstsq(equations, np.r_[np.zeros(n_states), 1.0], rcond=1e-10)
        if rank < n_states:
            raise ValueError("more than one law is stationary: some symbols are never left, or never reached")
        law = np.maximum(law, 0)
        return (law / law.sum()).reshape((self.n_symbols,) * self.order)

    def joint(self, length: int) -> np.ndarray:
        """Law of ``length`` symbols in a row, shape (n_symbols,) * length: every string is enumerated."""
        if length < self.order:
            return self.stationary.sum(axis=tuple(range(length, self.order)))
        law = self.stationary
        for _ in range(length - self.order):
            law = law[..., None] * self.transition
        return law

    def entropy_rate(self) -> float:
        r"""Entropy per symbol in nats, from the transitions: minus the sum of pi(h) T(h, c) log T(h, c)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(self.transition > 0, self.transition * np.log(self.transition), 0.0)
        return float(-(self.stationary[..., None] * terms).sum())

    def conditional_entropy(self, n_past: int) -> float:
        """Entropy in nats of a symbol given the ``n_past`` before it, by enumerating all strings of that length."""
        past = _entropy(self.joint(n_past)) if n_past else 0.0
        return _entropy(self.joint(n_past + 1)) - past

    def cross_entropy_rate(self, model: MarkovChain) -> float:
        """Nats per symbol that another chain spends on what this one writes; infinite where it rules that out."""
        law = self.joint(max(self.order, model.order) + 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(law > 0, law * np.log(model.transition), 0.0)
        return float(-terms.sum())

    def sample(self, n: int, length: int, rng: np.random.Generator) -> np.ndarray:
        """``n`` independent strings from the stationary source, integers of shape (n, length)."""
        state = rng.choice(self.stationary.size, size=n, p=self.stationary.reshape(-1))
        symbols = np.empty((n, self.order + length), dtype=np.int64)
        symbols[:, : self.order] = np.stack(np.unravel_index(state, self.stationary.shape), axis=1)
        cumulative = np.cumsum(self.transition, axis=-1)
        cumulative /= cumulative[..., -1:]
        for t in range(self.order, self.order + length):
            rows = cumulative[tuple(symbols[:, t - self.order : t].T)]
            symbols[:, t] = (rows <= rng.random((n, 1))).sum(axis=1)
        return symbols[:, :length]

    def log_prob(self, symbols: ArrayLike) -> np.ndarray:
        """Log probability in nats of strings of shape (..., length), begun in the stationary law; shape (...)."""
        x = np.asarray(symbols)
        length = x.shape[-1]
        with np.errstate(divide="ignore"):
            if length <= self.order:
                return np.log(self.joint(length)[tuple(np.moveaxis(x, -1, 0))])
            total = np.log(self.stationary[tuple(np.moveaxis(x[..., : self.order], -1, 0))])
            for t in range(self.order, length):
                total = total + np.log(self.transition[tuple(np.moveaxis(x[..., t - self.order : t + 1], -1, 0))])
        return total


def _entropy(law: np.ndarray) -> float:
    positive = law[law > 0]
    return float(-(positive * np.log(positive)).sum())


def enumerate_sentences(grammar: Grammar, limit: int = 100_000) -> tuple[list[list[str]], np.ndarray]:
    """Every sentence of a grammar that writes finitely many, and its probability.

    An expectation over the source is then an exact sum. Sentences with several derivations are merged.

    Parameters
    ----------
    grammar : Grammar
        Without recursion.
    limit : int
        More derivations than these are refused.

    Returns
    -------
    sentences : list of list of str
        Without start or end symbols, in the order of the rules.
    probabilities : ndarray, shape (n_sentences,)
        Sum to one.

    Raises
    ------
    ValueError
        If there are more than ``limit`` derivations.
    """
    law: dict[tuple[str, ...], float] = {}
    agenda: list[tuple[tuple[str, ...], tuple[str, ...], float]] = [((), (grammar.start,), 1.0)]
    for _ in range(limit * 20):
        if not agenda:
            return [list(sentence) for sentence in law], np.array(list(law.values()))
        written, rest, probability = agenda.pop()
        if not rest:
            law[written] = law.get(written, 0.0) + probability
        elif rest[0] not in grammar.rules:
            agenda.append(((*written, rest[0]), rest[1:], probability))
        else:
            for p, rhs in reversed(grammar.rules[rest[0]]):
                agenda.append((written, (*rhs, *rest[1:]), probability * p))
        if len(law) > limit:
            break
    raise ValueError(f"this grammar writes more than {limit} sentences: sample from it instead")


def five_letters() -> MarkovChain:
    """A chain over five letters with forbidden pairs: of the 3125 strings of five, 578 can occur.

    Small enough that the law of a *trained* generator of such strings can be written down entry by entry.
    """
    return MarkovChain(
        [
            [0.00, 0.80, 0.00, 0.09, 0.11],
            [0.27, 0.00, 0.00, 0.00, 0.73],
            [0.24, 0.00, 0.12, 0.64, 0.00],
            [0.00, 0.26, 0.47, 0.21, 0.06],
            [0.34, 0.27, 0.00, 0.32, 0.07],
        ]
    )


#: Strings that look like SMILES: atoms, branches in brackets that nest, rings opened and closed by ``1`` that don't.
MOLECULES: Rules = {
    "S": [(0.40, ("U",)), (0.60, ("U", "S"))],
    "U": [(0.65, ("A",)), (0.20, ("C", "(", "S", ")")), (0.15, ("C", "1", "R", "C", "1"))],
    "R": [(0.35, ("V",)), (0.65, ("V", "R"))],
    "V": [(0.85, ("A",)), (0.15, ("C", "(", "R", ")"))],
    "A": [(0.60, ("C",)), (0.22, ("N",)), (0.18, ("O",))],
}


def is_molecule(text: str) -> bool:
    """Whether the grammar `MOLECULES` can write this string, found in one pass from left to right.

    Letters C, N, O; ``(`` or ``1`` only right after a C; brackets nest and hold something; a ring ``1`` closes at
    the depth where it opened, around at least one atom besides the closing one, and holds no other ring. Nothing else
    of chemistry is asked.
    """
    depth, before = 0, "("
    ring = None  # depth at which a ring is open
    atoms_since = 0  # at that depth, since the ring opened
    for letter in text:
        if letter in "CNO":
            atoms_since += ring == depth
        elif letter == "(" and before == "C":
            depth += 1
        elif letter == ")" and depth > 0 and before != "(" and ring != depth:
            depth -= 1
        elif letter == "1" and before == "C" and ring is None:
            ring, atoms_since = depth, 0
        elif letter == "1" and before == "C" and ring == depth and atoms_since >= 2:
            ring = None
        else:
            return False
        before = letter
    return depth == 0 and ring is None and bool(text)

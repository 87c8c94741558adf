"""The game on four pixels: scores and their confusions, the cross-entropy, and one round with every gradient by hand.

Chapter ``adversarial_game``; Goodfellow et al. (2014), Generative adversarial nets. Real is the positive class
throughout: label 1, and D(x) = sigmoid(a(x)) is the probability that x is real. No automatic differentiation here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linprog
from scipy.special import expit, log_expit


class Confusion(NamedTuple):
    """Counts of the four cells; which product is called positive is the caller's choice."""

    true_positives: int
    false_negatives: int
    false_positives: int
    true_negatives: int


def confusion(
    real_scores: ArrayLike, fake_scores: ArrayLike, positive: str = "real", threshold: float = 0.5
) -> Confusion:
    """Count the four cells of a discriminator that says "real" where its score exceeds a threshold.

    Parameters
    ----------
    real_scores, fake_scores : array_like, shapes (n,) and (m,)
        D(x), the probability of "real", of genuine and of forged examples.
    positive : {"real", "fake"}
        Which of the two is called positive. With ``"fake"`` (the habit of spam filters) all four names flip.
    threshold : float
        Scores above it are called real.

    Raises
    ------
    ValueError
        If ``positive`` is neither, or a score is not a probability.

    References
    ----------
    In the book: equation ``confusion-counts``.
    """
    if positive not in {"real", "fake"}:
        raise ValueError(f"positive must be 'real' or 'fake', found {positive!r}")
    real, fake = _probabilities(real_scores, "real_scores"), _probabilities(fake_scores, "fake_scores")
    passed_real, passed_fake = int((real > threshold).sum()), int((fake > threshold).sum())
    caught_real, caught_fake = real.size - passed_real, fake.size - passed_fake
    if positive == "real":
        return Confusion(passed_real, caught_real, passed_fake, caught_fake)
    return Confusion(caught_fake, passed_fake, caught_real, passed_real)


def binary_cross_entropy(labels: ArrayLike, logits: ArrayLike) -> float:
    r"""Mean cross-entropy of labels and probabilities sigmoid(logit), in nats; smaller is better.

    .. math:: -\frac1N \sum_i \bigl[ y_i \log p_i + (1 - y_i) \log(1 - p_i) \bigr]

    Parameters
    ----------
    labels : array_like, shape (n,)
        1 for real, 0 for fake, or anything between (smoothed labels).
    logits : array_like, shape (n,)
        Right at any size: nothing is formed that could overflow.

    Raises
    ------
    ValueError
        If the shapes differ, there are no examples, or a label is outside [0, 1].

    References
    ----------
    In the book: equation ``cross-entropy-with-brackets``.
    """
    y, a = _probabilities(labels, "labels"), np.asarray(logits, dtype=float)
    if y.shape != a.shape or y.size == 0:
        raise ValueError(
            f"labels and logits must have one shape with at least one entry, found {y.shape} and {a.shape}"
        )
    return float(-np.mean(y * log_expit(a) + (1 - y) * log_expit(-a)))


def separating_line(first: ArrayLike, second: ArrayLike) -> np.ndarray | None:
    """Weights and bias of a linear score that is positive on one set and negative on the other, or None.

    A linear programme decides: w.x + b >= 1 on ``first``, <= -1 on ``second``.

    Parameters
    ----------
    first, second : array_like, shapes (n, d) and (m, d)

    Returns
    -------
    ndarray, shape (d + 1,), or None
        Weights, then the bias; None where no such line exists.
    """
    a, b = np.atleast_2d(np.asarray(first, dtype=float)), np.atleast_2d(np.asarray(second, dtype=float))
    rows = np.vstack([-np.column_stack([a, np.ones(len(a))]), np.column_stack([b, np.ones(len(b))])])
    result = linprog(np.zeros(a.shape[1] + 1), A_ub=rows, b_ub=-np.ones(len(rows)), bounds=(None, None))
    return result.x if result.status == 0 else None


@dataclass(frozen=True)
class StrokeGame:
    """Both players on 2x2 pixels: a linear discriminator, and a generator with one noise number.

    The logit is a(x) = weight.x + bias; the generator paints pixel i with the intensity
    sigmoid(slope_i z + offset_i).
    """

    weight: np.ndarray  #: (4,)
    bias: float
    slope: np.ndarray  #: (4,)
    offset: np.ndarray  #: (4,)

    @classmethod
    def start(cls) -> StrokeGame:
        """A discriminator without an opinion, and a generator that paints everything grey."""
        return cls(np.zeros(4), 0.0, np.zeros(4), np.zeros(4))

    def paint(self, z: ArrayLike) -> np.ndarray:
        """Pictures of noise z, shape (n,): intensities of shape (n, 4)."""
        return expit(np.multiply.outer(np.asarray(z, dtype=float), self.slope) + self.offset)

    def logits(self, pictures: ArrayLike) -> np.ndarray:
        """a(x) of pictures, shape (n, 4)."""
        return np.asarray(pictures, dtype=float) @ self.weight + self.bias

    def value(self, real: ArrayLike, z: ArrayLike) -> float:
        """V(G, D) on a batch, in nats: D raises it, G lowers it.

        References
        ----------
        Goodfellow et al. (2014), eq. (1). In the book: equation ``def-game-value``.
        """
        return float(log_expit(self.logits(real)).mean() + log_expit(-self.logits(self.paint(z))).mean())

    def discriminator_gradient(self, real: ArrayLike, z: ArrayLike) -> tuple[np.ndarray, float]:
        r"""Gradient of the value in weight and bias: the mean of (1 - D(x)) x, minus the mean of D(G(z)) G(z).

        References
        ----------
        In the book: equation ``discriminator-gradient-by-hand``.
        """
        x, fake = np.asarray(real, dtype=float), self.paint(z)
        up, down = expit(-self.logits(x)), expit(self.logits(fake))  # 1 - D(x), and D(G(z))
        return up @ x / len(x) - down @ fake / len(fake), float(up.mean() - down.mean())

    def generator_gradient(self, z: ArrayLike, kind: str = "non_saturating") -> tuple[np.ndarray, np.ndarray]:
        r"""Gradient in slope and offset of the generator's loss, which it descends.

        Parameters
        ----------
        z : array_like, shape (n,)
        kind : {"non_saturating", "saturating"}
            Loss -mean log D(G(z)), or mean log(1 - D(G(z))).

        Raises
        ------
        ValueError
            If the kind is unknown.

        References
        ----------
        In the book: equation ``generator-gradient-by-hand``.
        """
        if kind not in {"non_saturating", "saturating"}:
            raise ValueError(f"kind must be 'non_saturating' or 'saturating', found {kind!r}")
        z, fake = np.asarray(z, dtype=float), self.paint(z)
        a = self.logits(fake)
        in_logit = -expit(-a) if kind == "non_saturating" else -expit(a)  # d loss / d a
        in_pixel = in_logit[:, None] * self.weight  # d loss / d x, through the frozen discriminator
        before_sigmoid = in_pixel * fake * (1 - fake)
        return z @ before_sigmoid / len(z), before_sigmoid.mean(axis=0)

    def round(
        self,
        real: ArrayLike,
        z_discriminator: ArrayLike,
        z_generator: ArrayLike,
        rate: float,
        kind: str = "non_saturating",
    ) -> StrokeGame:
        """One learning round: the discriminator learns on reals and fakes, then the generator through a frozen one.

        Parameters
        ----------
        real : array_like, shape (n, 4)
        z_discriminator, z_generator : array_like, shape (m,)
            Noise of each player's turn: each draws its own.
        rate : float
            Learning rate of both.

        References
        ----------
        Goodfellow et al. (2014), Algorithm 1.
        """
        in_weight, in_bias = self.discriminator_gradient(real, z_discriminator)
        judged = replace(self, weight=self.weight + rate * in_weight, bias=self.bias + rate * in_bias)
        in_slope, in_offset = judged.generator_gradient(z_generator, kind)
        return replace(judged, slope=self.slope - rate * in_slope, offset=self.offset - rate * in_offset)


def _probabilities(values: ArrayLike, name: str) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if not ((array >= 0) & (array <= 1)).all():
        raise ValueError(f"{name} must lie in [0, 1], found {array.min():.3g} to {array.max():.3g}")
    return array

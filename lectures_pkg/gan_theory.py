r"""What the adversarial game computes: its value, the best discriminator, and the criterion left for the generator.

On finite laws by sums, on densities by quadrature, and as a game whose every quantity is known. "real" is
the label 1; values are in nats. Follows Goodfellow et al. (2014), sections 3 and 4, step by step as the
book's chapter does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, log_expit, log_softmax, xlog1py, xlogy

from lectures_pkg.divergences import LogDensity, as_law, as_laws, integrate, jensen_shannon_divergence

_NAMES = ("p_data", "p_model")


def push_forward(p_noise: ArrayLike, outcomes: ArrayLike, n_outcomes: int) -> np.ndarray:
    r"""Law of G(z) on finitely many outcomes: each z carries its probability to where G sends it.

    .. math:: p_G(x) = \sum_{z :\, G(z) = x} p_z(z)

    Parameters
    ----------
    p_noise : array_like, shape (k,)
        Law of the noise z.
    outcomes : array_like of int, shape (k,)
        G as a table: ``outcomes[z]`` is the number of the outcome G(z). G need not be invertible, and
        need not reach every outcome.
    n_outcomes : int
        How many outcomes there are.

    Returns
    -------
    ndarray, shape (n_outcomes,)
        The model's law.

    Raises
    ------
    ValueError
        If ``p_noise`` is not a law, or ``outcomes`` are not one outcome for each z.

    References
    ----------
    In the book: equation ``lotus``.
    """
    law = as_law(p_noise, "p_noise")
    table = np.asarray(outcomes)
    if table.shape != law.shape or not np.issubdtype(table.dtype, np.integer):
        raise ValueError(
            f"outcomes must be {law.size} whole numbers, one for each z, found {table.dtype} {table.shape}"
        )
    if table.min() < 0 or table.max() >= n_outcomes:
        raise ValueError(f"outcomes must lie from 0 to {n_outcomes - 1}, found {table.min()} to {table.max()}")
    return np.bincount(table, weights=law, minlength=n_outcomes)


def value_function(p_data: ArrayLike, p_model: ArrayLike, d: ArrayLike) -> float:
    r"""Value of the game for a discriminator, in nats.

    .. math:: V(G, D) = \sum_x p_\mathrm{data}(x) \log D(x) + \sum_x p_G(x) \log(1 - D(x))

    Parameters
    ----------
    p_data, p_model : array_like, shape (n,)
        Laws of the data and of the generator's output, on the same outcomes.
    d : array_like, shape (n,)
        D(x), the probability of "real" that the discriminator gives to each outcome, in [0, 1]; not used,
        and allowed to be nan, where both laws vanish.

    Returns
    -------
    float
        At most 0; the discriminator wants it large, the generator small. It is the *negative* of the
        discriminator's loss. ``-inf`` where D is certain and wrong.

    Raises
    ------
    ValueError
        If an argument is not a law, shapes differ, or ``d`` lies outside [0, 1].

    References
    ----------
    Goodfellow et al. (2014), eq. (3). In the book: equation ``value-in-x``.
    """
    data, model = as_laws(p_data, p_model, _NAMES)
    scores = np.asarray(d, dtype=float)
    if scores.shape != data.shape:
        raise ValueError(f"d has shape {scores.shape} but the laws have {data.shape}")
    seen = (data > 0) | (model > 0)
    outside = seen & ~((scores >= 0) & (scores <= 1))
    if outside.any():
        raise ValueError(f"d must lie in [0, 1], a probability and not a logit, found {scores[outside][0]:.6g}")
    scores = np.where(seen, scores, 0.5)
    return float(xlogy(data, scores).sum() + xlog1py(model, -scores).sum())


def optimal_discriminator(p_data: ArrayLike, p_model: ArrayLike) -> np.ndarray:
    r"""The discriminator that maximises the value for a fixed generator.

    .. math:: D^*_G(x) = \frac{p_\mathrm{data}(x)}{p_\mathrm{data}(x) + p_G(x)}

    Parameters
    ----------
    p_data, p_model : array_like, shape (n,)
        Laws on the same outcomes.

    Returns
    -------
    ndarray, shape (n,)
        Probability of "real"; nan where both laws vanish, since any value is as good there.

    Raises
    ------
    ValueError
        If an argument is not a law, or the lengths differ.

    References
    ----------
    Goodfellow et al. (2014), Proposition 1. In the book: equation ``optimal-discriminator``.
    """
    data, model = as_laws(p_data, p_model, _NAMES)
    with np.errstate(invalid="ignore"):
        return data / (data + model)


def virtual_criterion(p_data: ArrayLike, p_model: ArrayLike) -> float:
    r"""What is left for the generator to minimise when the discriminator is always the best one, in nats.

    .. math:: C(G) = \max_D V(G, D) = -\log 4 + 2\, \mathrm{JSD}(p_\mathrm{data} \Vert p_G)

    Parameters
    ----------
    p_data, p_model : array_like, shape (n,)
        Laws on the same outcomes.

    Returns
    -------
    float
        From -log 4 (equal laws; smaller is better for the generator) to 0 (disjoint supports).

    Raises
    ------
    ValueError
        If an argument is not a law, or the lengths differ.

    References
    ----------
    Goodfellow et al. (2014), Theorem 1. In the book: equation ``criterion-jsd``.
    """
    data, model = as_laws(p_data, p_model, _NAMES)
    return -math.log(4) + 2 * jensen_shannon_divergence(data, model)


def density_value(
    log_p_data: LogDensity, log_p_model: LogDensity, logit: Callable[[np.ndarray], np.ndarray], low: float, high: float
) -> float:
    r"""Value of the game on the line for a discriminator given by its logit, by quadrature, in nats.

    .. math:: V(G, D) = \int \bigl[ p_\mathrm{data}(x) \log \sigma(a(x)) + p_G(x) \log \sigma(-a(x)) \bigr] \, dx

    Parameters
    ----------
    log_p_data, log_p_model : callable
        Log densities in nats, vectorised.
    logit : callable
        a(x), vectorised; D(x) is its sigmoid. The best one is ``log_p_data(x) - log_p_model(x)``.
    low, high : float
        An interval that holds the mass of both; may be infinite.

    Returns
    -------
    float
        At most 0; larger is better for the discriminator.

    References
    ----------
    Goodfellow et al. (2014), eq. (3). In the book: equation ``value-in-x``.
    """

    def integrand(x: np.ndarray) -> np.ndarray:
        p, q, a = np.exp(log_p_data(x)), np.exp(log_p_model(x)), np.asarray(logit(x), dtype=float)
        real = np.where(p > 0, p * log_expit(a), 0.0)
        fake = np.where(q > 0, q * log_expit(-a), 0.0)
        return real + fake

    return integrate(integrand, low, high)


def gaussian_logit_coefficients(mean_p: float, std_p: float, mean_q: float, std_q: float) -> np.ndarray:
    r"""Coefficients of the best discriminator's logit between two Gaussians on the line.

    .. math:: \log \frac{p(x)}{q(x)} = c_0 + c_1 x + c_2 x^2

    Parameters
    ----------
    mean_p, std_p : float
        Mean and standard deviation of the data ("real").
    mean_q, std_q : float
        Mean and standard deviation of the model.

    Returns
    -------
    ndarray, shape (3,)
        ``c_0, c_1, c_2``; a difference of means makes c_1, a difference of variances makes c_2.

    Raises
    ------
    ValueError
        If a standard deviation is not positive.

    References
    ----------
    In the book: equation ``gaussian-logit``.
    """
    if not (std_p > 0 and std_q > 0):
        raise ValueError(f"standard deviations must be positive, found {std_p} and {std_q}")
    precision_p, precision_q = std_p**-2.0, std_q**-2.0
    constant = math.log(std_q / std_p) + 0.5 * (precision_q * mean_q**2 - precision_p * mean_p**2)
    return np.array(
        [constant, precision_p * mean_p - precision_q * mean_q, 0.5 * (precision_q - precision_p)], dtype=float
    )


def fit_logistic(
    features: ArrayLike, labels: ArrayLike, *, max_steps: int = 100, tolerance: float = 1e-10
) -> tuple[np.ndarray, np.ndarray]:
    r"""Maximum-likelihood logistic regression by Newton's method: a discriminator with a linear logit.

    Parameters
    ----------
    features : array_like, shape (n, k)
        One row for each example; include a column of ones for the intercept.
    labels : array_like, shape (n,)
        1 is real, 0 is generated.
    max_steps : int
        Newton steps at most.
    tolerance : float
        Largest change of a coefficient at which it stops.

    Returns
    -------
    coefficients, standard_errors : ndarray, shape (k,)
        The logit is ``features @ coefficients``; standard errors from the Fisher information.

    Raises
    ------
    ValueError
        If shapes don't fit or labels are not 0 and 1.
    RuntimeError
        If it does not converge (labels that the features separate have no finite solution).
    """
    design, target = np.asarray(features, dtype=float), np.asarray(labels, dtype=float)
    if design.ndim != 2 or target.shape != design.shape[:1]:
        raise ValueError(
            f"features must be (n, k) with one label for each row, found {design.shape} and {target.shape}"
        )
    if not np.isin(target, (0.0, 1.0)).all():
        raise ValueError("labels must be 0 (generated) or 1 (real)")
    coefficients = np.zeros(design.shape[1])
    for _ in range(max_steps):
        probability = expit(design @ coefficients)
        information = (design * (probability * (1 - probability))[:, None]).T @ design
        try:
            step = np.linalg.solve(information, design.T @ (target - probability))
        except np.linalg.LinAlgError:
            break
        coefficients = coefficients + step
        if np.abs(step).max() < tolerance:
            return coefficients, np.sqrt(np.diag(np.linalg.inv(information)))
    raise RuntimeError(f"Newton's method did not converge in {max_steps} steps: do the features separate the labels?")


@dataclass(frozen=True)
class TabularGame:
    """History of a game in which both players are tables; entry 0 is before the first round."""

    p_model: np.ndarray  #: (n_rounds + 1, n) the generator's law
    d: np.ndarray  #: (n_rounds + 1, n) the discriminator
    value: np.ndarray  #: (n_rounds + 1,) V(G, D) in nats
    jsd: np.ndarray  #: (n_rounds + 1,) Jensen-Shannon divergence of data and model, in nats


def tabular_game(
    p_data: ArrayLike,
    n_rounds: int,
    *,
    loss: str = "saturating",
    discriminator_steps: int = 1,
    discriminator_rate: float = 4.0,
    generator_rate: float = 1.0,
) -> TabularGame:
    r"""Play the game with tables for players, exactly: no samples, no networks, gradients written out.

    The discriminator has one logit a(x) for each outcome and climbs V; the generator's law is the softmax
    of one number g(x) for each outcome and descends its loss. With :math:`D = \sigma(a)`,
    :math:`\ell = \log(1 - D)` or :math:`\ell = -\log D`,

    .. math:: \frac{\partial V}{\partial a(x)} = p_\mathrm{data}(x) (1 - D(x)) - p_G(x) D(x), \qquad
              \frac{\partial\, \mathbb{E}_{p_G} \ell}{\partial g(x)}
              = p_G(x) \bigl( \ell(x) - \mathbb{E}_{p_G} \ell \bigr)

    Parameters
    ----------
    p_data : array_like, shape (n,)
        Law of the data.
    n_rounds : int
        Rounds; each is ``discriminator_steps`` of D, then one of G. Both players start uniform.
    loss : {"saturating", "non_saturating"}
        What the generator descends: the mean of log(1 - D), or of -log D.
    discriminator_steps : int
        Steps of the discriminator in a round.
    discriminator_rate, generator_rate : float
        Step sizes.

    Returns
    -------
    TabularGame
        Arrays over rounds.

    Raises
    ------
    ValueError
        If ``p_data`` is not a law, the loss is unknown, or a number of rounds or steps is negative.

    References
    ----------
    Goodfellow et al. (2014), Algorithm 1. In the book: equation ``tabular-game``.
    """
    data = as_law(p_data, "p_data")
    if loss not in ("saturating", "non_saturating"):
        raise ValueError(f"loss must be 'saturating' or 'non_saturating', found {loss!r}")
    if n_rounds < 0 or discriminator_steps < 0:
        raise ValueError(f"rounds and steps must not be negative, found {n_rounds} and {discriminator_steps}")
    a, g = np.zeros(data.size), np.zeros(data.size)
    models, scores = [np.exp(log_softmax(g))], [expit(a)]
    for _ in range(n_rounds):
        model = models[-1]
        for _ in range(discriminator_steps):
            a = a + discriminator_rate * (data * expit(-a) - model * expit(a))  # D climbs V
        cost = log_expit(-a) if loss == "saturating" else -log_expit(a)
        g = g - generator_rate * model * (cost - model @ cost)  # G descends its loss
        models.append(np.exp(log_softmax(g)))
        scores.append(expit(a))
    value = [value_function(data, model, score) for model, score in zip(models, scores, strict=True)]
    jsd = [jensen_shannon_divergence(data, model) for model in models]
    return TabularGame(np.array(models), np.array(scores), np.array(value), np.array(jsd))

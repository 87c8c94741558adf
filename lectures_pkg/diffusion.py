r"""Diffusion and flow matching: a law is destroyed by known noise, and rebuilt by a learned regression.

Chapter ``diffusion``; Sohl-Dickstein et al. (2015); Ho, Jain & Abbeel (2020), Denoising diffusion probabilistic
models; Kingma et al. (2021), Variational diffusion models; Lipman et al. (2023), Flow matching. In diffusion, time
runs from t = 0 (data) to t = T (noise), :math:`x_t = \sqrt{\bar\alpha_t}\, x_0 + \sqrt{1 - \bar\alpha_t}\, \epsilon`.
In flow matching it runs the other way, from t = 0 (noise) to t = 1 (data), :math:`x_t = (1 - t)\, x_0 + t\, x_1`.

A *denoiser* is any callable ``denoiser(x_t, alpha_bar)`` that guesses the clean point, a *velocity* any callable
``velocity(x, t)``. Functions that say "array" take NumPy arrays and torch tensors alike. Information is in nats.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.special import expit, logit, logsumexp
from torch import Tensor, nn
from torch.nn.functional import one_hot, silu
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lectures_pkg.training import EMA
from lectures_pkg.worlds import GaussianMixture

Array = TypeVar("Array", np.ndarray, Tensor)
Step = Callable[[tuple[Tensor, Tensor]], dict[str, float]]

#: Log signal-to-noise ratios at the ends of `log_snr_schedule`, and of the clock that networks read.
HIGHEST_LOG_SNR, LOWEST_LOG_SNR = 9.0, -9.0


# ---------------------------------------------------------------------------------------------------------
# Noise


class Schedule:
    r"""How much of the data is left after each step of noising: the numbers :math:`\bar\alpha_0, \dots, \bar\alpha_T`.

    Parameters
    ----------
    alpha_bar : array_like, shape (T + 1,)
        Share of the data's variance that is left after t steps: 1 at t = 0, then strictly falling, and never 0.

    Attributes
    ----------
    alpha_bar : ndarray, shape (T + 1,)
    alpha, beta : ndarray, shape (T + 1,)
        Of step t, from t - 1: ``alpha[t] = alpha_bar[t] / alpha_bar[t - 1]`` and ``beta = 1 - alpha``; entry 0 is
        no step, with alpha 1.
    snr : ndarray, shape (T + 1,)
        Signal-to-noise ratio alpha_bar / (1 - alpha_bar); infinite at t = 0.

    Raises
    ------
    ValueError
        If there is no step, or alpha_bar does not fall from 1 and stay positive.

    References
    ----------
    Ho et al. (2020), section 2. In the book: equations ``noising-closed-form`` and ``def-snr``.
    """

    def __init__(self, alpha_bar: ArrayLike) -> None:
        self.alpha_bar = np.asarray(alpha_bar, dtype=float)
        if self.alpha_bar.ndim != 1 or len(self.alpha_bar) < 2:
            raise ValueError(f"alpha_bar must have shape (T + 1,) with T >= 1, found {self.alpha_bar.shape}")
        falls = (np.diff(self.alpha_bar) < 0).all() and self.alpha_bar[-1] > 0
        if self.alpha_bar[0] != 1 or not falls:
            raise ValueError(f"alpha_bar must be 1 at t = 0, then fall and stay positive, found {self.alpha_bar}")
        self.alpha = np.append(1.0, self.alpha_bar[1:] / self.alpha_bar[:-1])
        self.beta = 1 - self.alpha
        with np.errstate(divide="ignore"):
            self.snr = self.alpha_bar / (1 - self.alpha_bar)

    @property
    def n_steps(self) -> int:
        """T, the number of noising steps."""
        return len(self.alpha_bar) - 1


def linear_beta_schedule(n_steps: int, first: float = 1e-4, last: float = 0.05) -> Schedule:
    """A straight line: the noise added per step, beta, grows evenly from ``first`` to ``last``.

    Raises
    ------
    ValueError
        If there is no step, or a beta is not between 0 and 1.

    References
    ----------
    Ho et al. (2020), section 4 (there 1000 steps from 1e-4 to 0.02).
    """
    if n_steps < 1 or not (0 < first < 1 and 0 < last < 1):
        raise ValueError(f"need n_steps >= 1 and betas between 0 and 1, found {n_steps}, {first} and {last}")
    return Schedule(np.append(1.0, np.cumprod(1 - np.linspace(first, last, n_steps))))


def log_snr_schedule(n_steps: int, high: float = HIGHEST_LOG_SNR, low: float = LOWEST_LOG_SNR) -> Schedule:
    """Equal steps in the logarithm of the signal-to-noise ratio, from ``high`` at t = 1 to ``low`` at t = T.

    Raises
    ------
    ValueError
        If there are fewer than two steps, or ``high`` is not above ``low``.

    References
    ----------
    Kingma et al. (2021), section 5.1. In the book: equation ``bound-falls-like-1-over-T``.
    """
    if n_steps < 2 or not high > low:
        raise ValueError(f"need n_steps >= 2 and high > low, found {n_steps}, {high} and {low}")
    return Schedule(np.append(1.0, expit(np.linspace(high, low, n_steps))))


def q_sample(x0: Array, alpha_bar: Array | float, noise: Array) -> Array:
    r"""The noised point in one step, whatever t is.

    .. math:: x_t = \sqrt{\bar\alpha_t}\, x_0 + \sqrt{1 - \bar\alpha_t}\, \epsilon

    Parameters
    ----------
    x0, noise : array, of one shape
        The clean points, and as many standard normal numbers.
    alpha_bar : float or array
        In [0, 1]; an array must broadcast against the points, (batch, 1) for (batch, dim).

    Raises
    ------
    ValueError
        If points and noise differ in shape; they would broadcast in silence.

    References
    ----------
    Ho et al. (2020), eq. (4). In the book: equation ``noising-closed-form``.
    """
    if x0.shape != noise.shape:
        raise ValueError(f"x0 has shape {tuple(x0.shape)} but the noise has {tuple(noise.shape)}")
    return alpha_bar**0.5 * x0 + (1 - alpha_bar) ** 0.5 * noise


def posterior(schedule: Schedule, t: int, x0: Array, x_t: Array) -> tuple[Array, float]:
    r"""Mean and variance of :math:`q(x_{t-1} \mid x_t, x_0)`: where the chain was, if both its ends are known.

    Parameters
    ----------
    schedule : Schedule
    t : int
        From 1 to T. At t = 1 the mean is x0 and the variance 0.
    x0, x_t : array, of one shape
        With a guess in the place of x0, this is the reverse step of the model.

    Returns
    -------
    mean : array, of that shape
    variance : float
        The same for every coordinate, less than ``schedule.beta[t]``.

    Raises
    ------
    ValueError
        If t is no step of the schedule.

    References
    ----------
    Ho et al. (2020), eq. (7). In the book: equation ``noising-posterior``.
    """
    if not 1 <= t <= schedule.n_steps:
        raise ValueError(f"t must be a step from 1 to {schedule.n_steps}, found {t}")
    before, after = schedule.alpha_bar[t - 1], schedule.alpha_bar[t]
    beta = float(schedule.beta[t])
    of_x0 = float(np.sqrt(before) * beta / (1 - after))
    of_x_t = float(np.sqrt(schedule.alpha[t]) * (1 - before) / (1 - after))
    return of_x0 * x0 + of_x_t * x_t, float(beta * (1 - before) / (1 - after))


# ---------------------------------------------------------------------------------------------------------
# The bound, on the line


class ElboTerms(NamedTuple):
    """The bound's parts for each point, in nats: ``elbo`` is reconstruction minus steps minus prior."""

    reconstruction: np.ndarray  #: E log p(x_0 | x_1), shape (n,)
    steps: np.ndarray  #: KL of step t = 2 to T in row t - 2, expectation over x_t, shape (T - 1, n); not negative
    prior: np.ndarray  #: KL of q(x_T | x_0) from N(0, 1), shape (n,); not negative

    @property
    def elbo(self) -> np.ndarray:
        """The evidence lower bound, shape (n,); larger is better."""
        return self.reconstruction - self.steps.sum(axis=0) - self.prior


def elbo_terms(
    schedule: Schedule, denoiser: Callable[[np.ndarray, float], np.ndarray], x0: ArrayLike, *, n_nodes: int = 80
) -> ElboTerms:
    r"""The evidence lower bound of points on the line, its expectations over the noise by Gauss-Hermite quadrature.

    .. math:: \mathcal{L}(x_0) = \mathbb{E} \log p(x_0 \mid x_1)
              - \sum_{t=2}^T \tfrac12 (\mathrm{SNR}_{t-1} - \mathrm{SNR}_t)\, \mathbb{E}(x_0 - \hat x_0(x_t))^2
              - D_\mathrm{KL}(q(x_T \mid x_0) \Vert N(0, 1))

    The last step of the model has the density :math:`p(x_0 \mid x_1) = N(\hat x_0(x_1), 1 / \mathrm{SNR}_1)`.

    Parameters
    ----------
    schedule : Schedule
    denoiser : callable
        ``denoiser(x_t, alpha_bar)`` guesses x_0 for an array of any shape, for example `MixtureDenoiser.denoise`.
    x0 : array_like, shape (n,)
        Points.
    n_nodes : int
        Nodes of the quadrature.

    Returns
    -------
    ElboTerms

    Raises
    ------
    ValueError
        If x0 is not one-dimensional.

    References
    ----------
    Kingma et al. (2021), eqs. (11)-(14). In the book: equations ``diffusion-elbo`` and ``snr-weight``.
    """
    points = np.asarray(x0, dtype=float)
    if points.ndim != 1:
        raise ValueError(f"x0 must have shape (n,), found {points.shape}")
    nodes, weights = np.polynomial.hermite_e.hermegauss(n_nodes)
    weights = weights / weights.sum()
    errors = []
    for alpha_bar in schedule.alpha_bar[1:]:
        x_t = np.sqrt(alpha_bar) * points[:, None] + np.sqrt(1 - alpha_bar) * nodes  # (n, nodes)
        errors.append((points[:, None] - denoiser(x_t, float(alpha_bar))) ** 2 @ weights)
    squared = np.array(errors)  # (T, n)
    variance, last = 1 / schedule.snr[1], schedule.alpha_bar[-1]
    reconstruction = -0.5 * np.log(2 * np.pi * variance) - squared[0] / (2 * variance)
    steps = 0.5 * (schedule.snr[1:-1] - schedule.snr[2:])[:, None] * squared[1:]
    prior = 0.5 * (last * points**2 - last - np.log1p(-last))
    return ElboTerms(reconstruction, steps, prior)


# ---------------------------------------------------------------------------------------------------------
# The exact denoiser of a mixture


class MixtureDenoiser:
    r"""Everything that a perfectly trained network would say, for data from a mixture of Gaussians.

    Noising keeps a mixture a mixture: component k of :math:`x = a x_0 + b \epsilon` has mean :math:`a \mu_k` and
    variance :math:`a^2 \sigma_k^2 + b^2`, and given the component the clean point is Gaussian with a mean that is
    linear in x. Points have shape (..., dim), or any shape where ``law.dim`` is 1.

    Parameters
    ----------
    law : GaussianMixture
        The law of the clean data.
    """

    def __init__(self, law: GaussianMixture) -> None:
        self.law = law

    def log_prob(self, x_t: ArrayLike, alpha_bar: float) -> np.ndarray:
        """Log density of the noised law, in nats."""
        points = self._points(x_t)
        return logsumexp(self._log_joint(points, *_scales(alpha_bar)), axis=-1)

    def denoise(self, x_t: ArrayLike, alpha_bar: float) -> np.ndarray:
        r"""The posterior mean :math:`\mathbb{E}[x_0 \mid x_t]`, in the shape of ``x_t``.

        References
        ----------
        In the book: equation ``two-point-denoiser``.
        """
        return self._posterior_mean(self._points(x_t), *_scales(alpha_bar)).reshape(np.shape(x_t))

    def score(self, x_t: ArrayLike, alpha_bar: float) -> np.ndarray:
        r"""Slope of the log density, :math:`\nabla \log q(x_t)`, in the shape of ``x_t``.

        References
        ----------
        Song & Ermon (2019). In the book: equation ``tweedie``.
        """
        a, b = _scales(alpha_bar)
        points = self._points(x_t)
        shares = self._shares(points, a, b)  # (..., k, 1)
        pulls = (a * self.law.means - points[..., None, :]) / (a**2 * self.law.stds**2 + b**2)
        return (shares * pulls).sum(axis=-2).reshape(np.shape(x_t))

    def velocity(self, x: ArrayLike, t: float) -> np.ndarray:
        r"""The field of flow matching, :math:`\mathbb{E}[x_1 - x_0 \mid x_t = x]`, in the shape of ``x``.

        Here :math:`x_t = (1 - t) x_0 + t x_1` with noise :math:`x_0` and data :math:`x_1`, for t in [0, 1).

        Raises
        ------
        ValueError
            If t is not in [0, 1): at t = 1 no noise is left that a velocity could be told from.

        References
        ----------
        Lipman et al. (2023), eq. (8). In the book: equation ``gaussian-velocity``.
        """
        if not 0 <= t < 1:
            raise ValueError(f"t must be in [0, 1), found {t}")
        points = self._points(x)
        clean = self._posterior_mean(
            points, t, 1 - t
        )  # E[x_1 | x_t]; then E[x_0 | x_t] = (x_t - t E[x_1 | x_t])/(1 - t)
        return ((clean - points) / (1 - t)).reshape(np.shape(x))

    def _points(self, x: ArrayLike) -> np.ndarray:
        points = np.asarray(x, dtype=float)
        points = points[..., None] if self.law.dim == 1 else points
        if points.shape[-1:] != (self.law.dim,):
            raise ValueError(f"points must have shape (..., {self.law.dim}), found {np.shape(x)}")
        return points

    def _log_joint(self, points: np.ndarray, a: float, b: float) -> np.ndarray:
        """Log of weight times density of each component of x = a x_0 + b noise, shape (..., k)."""
        variance = a**2 * self.law.stds**2 + b**2
        squares = (points[..., None, :] - a * self.law.means) ** 2 / variance + np.log(2 * np.pi * variance)
        with np.errstate(divide="ignore"):
            return np.log(self.law.weights) - 0.5 * squares.sum(axis=-1)

    def _shares(self, points: np.ndarray, a: float, b: float) -> np.ndarray:
        """Posterior probability of each component, shape (..., k, 1)."""
        joint = self._log_joint(points, a, b)
        return np.exp(joint - logsumexp(joint, axis=-1, keepdims=True))[..., None]

    def _posterior_mean(self, points: np.ndarray, a: float, b: float) -> np.ndarray:
        gain = a * self.law.stds**2 / (a**2 * self.law.stds**2 + b**2)
        means = self.law.means + gain * (points[..., None, :] - a * self.law.means)  # (..., k, dim)
        return (self._shares(points, a, b) * means).sum(axis=-2)


def _scales(alpha_bar: float) -> tuple[float, float]:
    if not 0 < alpha_bar <= 1:
        raise ValueError(f"alpha_bar must be in (0, 1], found {alpha_bar}")
    return float(np.sqrt(alpha_bar)), float(np.sqrt(1 - alpha_bar))


def gaussian_velocity(x: Array, t: float, mean: float, std: float) -> Array:
    r"""The field of flow matching from N(0, 1) to N(mean, std²), coordinate by coordinate.

    .. math:: v(x, t) = m + \frac{t s^2 - (1 - t)}{(1 - t)^2 + t^2 s^2} (x - t m)

    Parameters
    ----------
    x : array
        Points.
    t : float
        In [0, 1]: noise at 0, data at 1.

    References
    ----------
    The chapter's derivation; Lipman et al. (2023), section 4.1. In the book: equation ``gaussian-velocity``.
    """
    return mean + (t * std**2 - (1 - t)) / ((1 - t) ** 2 + t**2 * std**2) * (x - t * mean)


# ---------------------------------------------------------------------------------------------------------
# Samplers


def ancestral_sample(
    schedule: Schedule,
    denoiser: Callable[[Array, float], Array],
    x_last: Array,
    rng: np.random.Generator | torch.Generator | None = None,
    *,
    clip: float | None = None,
) -> Array:
    r"""Walk the chain backwards: at each step guess the clean point, then draw from the posterior as if it were true.

    Parameters
    ----------
    schedule : Schedule
    denoiser : callable
        ``denoiser(x_t, alpha_bar)`` guesses the clean points.
    x_last : array
        Points :math:`x_T`, standard normal.
    rng : Generator, optional
        NumPy's for NumPy arrays (needed), torch's for tensors (the global one by default).
    clip : float, optional
        Guesses are clipped to [-clip, clip], for data that live there.

    Returns
    -------
    array, of the shape of ``x_last``
        The last step, t = 1, adds no noise.

    References
    ----------
    Ho et al. (2020), Algorithm 2. In the book: equation ``reverse-walk``.
    """
    x = x_last
    for t in range(schedule.n_steps, 0, -1):
        guess = denoiser(x, float(schedule.alpha_bar[t]))
        guess = guess if clip is None else guess.clip(-clip, clip)
        mean, variance = posterior(schedule, t, guess, x)
        x = mean + variance**0.5 * _noise_like(x, rng) if t > 1 else mean
    return x


def probability_flow_sample(
    schedule: Schedule, denoiser: Callable[[Array, float], Array], x_last: Array, *, clip: float | None = None
) -> Array:
    r"""The same marginal laws without any noise: Euler steps along the probability-flow ODE.

    With :math:`y = x_t / \sqrt{\bar\alpha_t}` and :math:`\sigma^2 = 1 / \mathrm{SNR}_t` the ODE reads
    :math:`dy / d\sigma = (y - \hat x_0) / \sigma`, and one Euler step in :math:`\sigma` is one step of DDIM.

    Parameters
    ----------
    schedule, denoiser, x_last, clip
        As for `ancestral_sample`.

    References
    ----------
    Song, Meng & Ermon (2021), eq. (12) with no noise; Song et al. (2021), eq. (13). In the book: equation
    ``probability-flow``.
    """
    x = x_last
    for t in range(schedule.n_steps, 0, -1):
        before, after = float(schedule.alpha_bar[t - 1]), float(schedule.alpha_bar[t])
        guess = denoiser(x, after)
        guess = guess if clip is None else guess.clip(-clip, clip)
        noise = (x - after**0.5 * guess) / (1 - after) ** 0.5
        x = q_sample(guess, before, noise)
    return x


def euler_sample(velocity: Callable[[Array, float], Array], x0: Array, n_steps: int) -> Array:
    r"""Follow a velocity from noise at t = 0 to data at t = 1 in equal steps, :math:`x \leftarrow x + v(x, t)/n`.

    Parameters
    ----------
    velocity : callable
        ``velocity(x, t)`` with t = 0, 1/n, ..., (n - 1)/n; never asked at t = 1.
    x0 : array
        Points, standard normal.
    n_steps : int
        Number of times that the velocity is asked; at least 1.

    Raises
    ------
    ValueError
        If ``n_steps`` is below 1.

    References
    ----------
    Lipman et al. (2023), eq. (1). In the book: equation ``flow-map``.
    """
    if n_steps < 1:
        raise ValueError(f"n_steps must be at least 1, found {n_steps}")
    x = x0
    for k in range(n_steps):
        x = x + velocity(x, k / n_steps) / n_steps
    return x


def _noise_like(x: Array, rng: np.random.Generator | torch.Generator | None) -> Array:
    if isinstance(x, Tensor):
        if isinstance(rng, np.random.Generator):
            raise ValueError("tensors need torch's Generator, found NumPy's")
        return torch.randn(x.shape, generator=rng, dtype=x.dtype, device=x.device)
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"NumPy arrays need NumPy's Generator as rng, found {type(rng).__name__}")
    return rng.standard_normal(x.shape)


# ---------------------------------------------------------------------------------------------------------
# Losses and steps


def flow_matching_loss(model: Callable[..., Tensor], x1: Tensor, t: Tensor, noise: Tensor, *labels: Tensor) -> Tensor:
    r"""Regression of a field on the velocities of straight lines from noise to data, averaged over coordinates.

    .. math:: L = \mathbb{E} \bigl( v(x_t, t) - (x_1 - x_0) \bigr)^2, \qquad x_t = (1 - t)\, x_0 + t\, x_1

    Parameters
    ----------
    model : callable
        ``model(x, t)``, or ``model(x, t, labels)``, returns velocities of x's shape.
    x1, noise : Tensor, shape (batch, dim)
        Data, and standard normal :math:`x_0`.
    t : Tensor, shape (batch,)
        In [0, 1]: noise at 0, data at 1.
    labels : LongTensor, shape (batch,), optional
        Passed on to the model.

    Returns
    -------
    Tensor, a scalar
        Squared units of the data, per coordinate. Smaller is better, but the best field does *not* reach zero.

    Raises
    ------
    ValueError
        If shapes don't fit.

    References
    ----------
    Lipman et al. (2023), eqs. (9) and (23). In the book: equation ``flow-loss-floor``.
    """
    _refuse_unequal(x1, t, noise)
    times = t[:, None]
    velocity = model((1 - times) * noise + times * x1, t, *labels)
    return (velocity - (x1 - noise)).square().mean()


def denoising_loss(
    model: Callable[..., Tensor], x0: Tensor, alpha_bar: Tensor, noise: Tensor, *labels: Tensor
) -> Tensor:
    r"""Regression of a network on the noise that was added, each level weighted alike, averaged over coordinates.

    .. math:: L_\mathrm{simple} = \mathbb{E} \bigl( \epsilon_\theta(x_t, t) - \epsilon \bigr)^2

    Parameters
    ----------
    model : callable
        ``model(x_t, clock)``, or ``model(x_t, clock, labels)``, guesses the noise; see `clock`.
    x0, noise : Tensor, shape (batch, dim)
        Data and standard normal numbers.
    alpha_bar : Tensor, shape (batch,)
        In (0, 1).
    labels : LongTensor, shape (batch,), optional
        Passed on to the model.

    References
    ----------
    Ho et al. (2020), eq. (14). In the book: equation ``denoising-score-matching``.
    """
    _refuse_unequal(x0, alpha_bar, noise)
    x_t = q_sample(x0, alpha_bar[:, None], noise)
    return (model(x_t, clock(alpha_bar), *labels) - noise).square().mean()


def clock(alpha_bar: Array) -> Array:
    """Log signal-to-noise ratio on a scale from 0 (clean) to 1 (noise): how a network is told the noise level."""
    log_snr = torch.logit(alpha_bar) if isinstance(alpha_bar, Tensor) else logit(alpha_bar)
    return (HIGHEST_LOG_SNR - log_snr) / (HIGHEST_LOG_SNR - LOWEST_LOG_SNR)


def denoiser_of(model: Callable[..., Tensor], *labels: Tensor) -> Callable[[Tensor, float], Tensor]:
    r"""Turn a network that guesses the noise into a denoiser: :math:`\hat x_0 = (x_t - \sqrt{1 - \bar\alpha}\,
    \epsilon_\theta) / \sqrt{\bar\alpha}`."""

    @torch.no_grad()
    def denoiser(x_t: Tensor, alpha_bar: float) -> Tensor:
        level = torch.full(x_t.shape[:1], alpha_bar, dtype=x_t.dtype)
        return (x_t - (1 - alpha_bar) ** 0.5 * model(x_t, clock(level), *labels)) / alpha_bar**0.5

    return denoiser


def velocity_of(model: Callable[..., Tensor], *labels: Tensor) -> Callable[[Tensor, float], Tensor]:
    """Turn a network that takes a time per row into a velocity for `euler_sample`; it takes no gradient."""

    @torch.no_grad()
    def velocity(x: Tensor, t: float) -> Tensor:
        return model(x, torch.full(x.shape[:1], t, dtype=x.dtype), *labels)

    return velocity


def flow_step(
    model: nn.Module,
    optimiser: Optimizer,
    *,
    scheduler: LRScheduler | None = None,
    ema: EMA | None = None,
    conditional: bool = False,
    rng: torch.Generator | None = None,
) -> Step:
    """Make ``step(batch)``, one descent on `flow_matching_loss` with times uniform on [0, 1], for `training.fit`.

    Parameters
    ----------
    model : Module
        ``model(x, t)``, or ``model(x, t, labels)`` if ``conditional``.
    optimiser : Optimizer
        Of the model's parameters.
    scheduler : LRScheduler, optional
        Its ``step`` is called after each update.
    ema : EMA, optional
        Moves after each update.
    conditional : bool
        Give the model the labels.
    rng : torch.Generator, optional
        Source of times and noise; torch's global one by default.

    Returns
    -------
    callable
        ``step((x1, labels)) -> {"loss": ...}``, before the update; x1 of shape (batch, dim), labels (batch,).

    References
    ----------
    Lipman et al. (2023), eqs. (9) and (23). In the book: equation ``flow-loss-floor``.
    """

    def loss_of(x: Tensor, labels: tuple[Tensor, ...]) -> Tensor:
        t = torch.rand(len(x), generator=rng, dtype=x.dtype)
        return flow_matching_loss(model, x, t, _noise_like(x, rng), *labels)

    return _step(loss_of, model, optimiser, scheduler, ema, conditional)


def diffusion_step(
    model: nn.Module,
    schedule: Schedule,
    optimiser: Optimizer,
    *,
    scheduler: LRScheduler | None = None,
    ema: EMA | None = None,
    conditional: bool = False,
    rng: torch.Generator | None = None,
) -> Step:
    """Make ``step(batch)``, one descent on `denoising_loss` with t uniform over the schedule's steps.

    Parameters
    ----------
    model : Module
        ``model(x_t, clock)``, or ``model(x_t, clock, labels)`` if ``conditional``, guesses the noise.
    schedule : Schedule
    optimiser, scheduler, ema, conditional, rng
        As for `flow_step`.

    Returns
    -------
    callable
        ``step((x0, labels)) -> {"loss": ...}``, before the update.

    References
    ----------
    Ho et al. (2020), Algorithm 1. In the book: equation ``denoising-score-matching``.
    """
    levels = torch.as_tensor(schedule.alpha_bar[1:], dtype=torch.float32)

    def loss_of(x: Tensor, labels: tuple[Tensor, ...]) -> Tensor:
        t = torch.randint(len(levels), (len(x),), generator=rng)
        return denoising_loss(model, x, levels[t].to(x.dtype), _noise_like(x, rng), *labels)

    return _step(loss_of, model, optimiser, scheduler, ema, conditional)


def _step(
    loss_of: Callable[[Tensor, tuple[Tensor, ...]], Tensor],
    model: nn.Module,
    optimiser: Optimizer,
    scheduler: LRScheduler | None,
    ema: EMA | None,
    conditional: bool,
) -> Step:
    def step(batch: tuple[Tensor, Tensor]) -> dict[str, float]:
        x, labels = batch
        loss = loss_of(x, (labels,) if conditional else ())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if scheduler is not None:
            scheduler.step()
        if ema is not None:
            ema.update(model)
        return {"loss": loss.item()}

    return step


def _refuse_unequal(x: Tensor, times: Tensor, noise: Tensor) -> None:
    if x.ndim != 2 or x.shape != noise.shape or times.shape != x.shape[:1]:
        raise ValueError(
            f"data and noise must have one shape (batch, dim) and the times (batch,), "
            f"found {tuple(x.shape)}, {tuple(noise.shape)} and {tuple(times.shape)}"
        )


# ---------------------------------------------------------------------------------------------------------
# Networks that are told the time


class TimeMLP(nn.Module):
    """A multilayer perceptron with two residual layers that hears the time, and perhaps a label, at every layer.

    Parameters
    ----------
    n_inputs : int
        Length of a point; the output is as long.
    hidden : int
        Width of the three hidden layers.
    n_classes : int
        0 for a network without labels; otherwise a label enters as a one-hot vector beside the point.

    References
    ----------
    Vaswani et al. (2017), section 3.5, for sines and cosines of the time.
    """

    def __init__(self, n_inputs: int, hidden: int = 256, n_classes: int = 0) -> None:
        super().__init__()
        if n_inputs < 1 or hidden < 1 or n_classes < 0:
            raise ValueError(f"widths must be positive and n_classes not negative: {n_inputs}, {hidden}, {n_classes}")
        self.n_classes = n_classes
        self.first = nn.Linear(n_inputs + 2 * N_FREQUENCIES + n_classes, hidden)
        self.inner = nn.ModuleList([nn.Linear(hidden + 2 * N_FREQUENCIES, hidden) for _ in range(2)])
        self.last = nn.Linear(hidden, n_inputs)

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Points of shape (batch, n_inputs), times (batch,), labels (batch,) or none: (batch, n_inputs).

        Raises
        ------
        ValueError
            If labels are missing, or superfluous.
        """
        time = time_features(t)
        h = silu(self.first(torch.cat([x, time, *_label(y, self.n_classes, x)], dim=1)))
        for layer in self.inner:
            h = h + silu(layer(torch.cat([h, time], dim=1)))
        return self.last(h)


class TinyUNet(nn.Module):
    """Convolutions on 8x8 pixels, then on 4x4, then on 8x8 again, with a bridge that carries the fine detail across.

    Parameters
    ----------
    channels : int
        On 8x8 pixels; twice as many on 4x4.
    n_classes : int
        0, or the number of labels: one enters beside the time.

    References
    ----------
    Ronneberger et al. (2015), figure 1; Ho et al. (2020), appendix B.
    """

    def __init__(self, channels: int = 32, n_classes: int = 0) -> None:
        super().__init__()
        if channels < 1 or n_classes < 0:
            raise ValueError(f"channels must be positive and n_classes not negative: {channels}, {n_classes}")
        self.n_classes, self.channels = n_classes, channels
        wide = 2 * channels
        self.time = nn.Sequential(nn.Linear(2 * N_FREQUENCIES + n_classes, 64), nn.SiLU(), nn.Linear(64, 4 * channels))
        self.first = nn.Conv2d(1, channels, 3, padding=1)
        self.fine = nn.Conv2d(channels, channels, 3, padding=1)
        self.down = nn.Conv2d(channels, wide, 4, stride=2, padding=1)  # 8x8 -> 4x4
        self.coarse = nn.ModuleList([nn.Conv2d(wide, wide, 3, padding=1) for _ in range(2)])
        self.up = nn.ConvTranspose2d(wide, channels, 4, stride=2, padding=1)  # 4x4 -> 8x8
        self.merge = nn.Conv2d(wide, channels, 3, padding=1)
        self.last = nn.Conv2d(channels, 1, 3, padding=1)

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Images as rows, (batch, 64), times (batch,), labels (batch,) or none: (batch, 64).

        Raises
        ------
        ValueError
            If labels are missing or superfluous, or rows are no 8x8 images.
        """
        if x.shape[1:] != (64,):
            raise ValueError(f"x must have shape (batch, 64), found {tuple(x.shape)}")
        c = self.channels
        time = self.time(torch.cat([time_features(t), *_label(y, self.n_classes, x)], dim=1))[:, :, None, None]
        h = silu(self.first(x.reshape(-1, 1, 8, 8)) + time[:, :c])
        bridge = silu(self.fine(h))  # (batch, channels, 8, 8)
        h = silu(self.down(bridge) + time[:, c : 3 * c])  # (batch, 2 channels, 4, 4)
        for layer in self.coarse:
            h = h + silu(layer(h))
        h = silu(self.up(h) + time[:, 3 * c :])  # (batch, channels, 8, 8)
        h = silu(self.merge(torch.cat([h, bridge], dim=1)))
        return self.last(h).flatten(1)


#: Sines, and as many cosines, that tell a network the time.
N_FREQUENCIES = 16


def time_features(t: Tensor) -> Tensor:
    """Sines and cosines of the time at 16 frequencies from 1 to 50: (batch,) to (batch, 32)."""
    angles = t[:, None] * torch.logspace(0, np.log10(50.0), N_FREQUENCIES, dtype=t.dtype)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def _label(y: Tensor | None, n_classes: int, like: Tensor) -> list[Tensor]:
    if (y is None) != (n_classes == 0):
        have, given = f"{n_classes} classes", "none" if y is None else "labels"
        raise ValueError(f"a network with {have} needs {'labels' if n_classes else 'no labels'}, found {given}")
    return [] if y is None else [one_hot(y, n_classes).to(like.dtype)]

"""Variational autoencoders: the evidence lower bound, and exact likelihoods to hold it against.

Chapter ``vae``; Kingma & Welling (2014), Auto-encoding variational Bayes; Burda et al. (2016) for
the importance-weighted bound; Tipping & Bishop (1999) for the linear decoder. Everywhere the prior
is p(z) = N(0, I), q(z | x) is a Gaussian with diagonal covariance given by mean and *log-variance* (`ChainGaussian`
and `FullGaussian`, of chapter ``variational_bounds``, are not diagonal), and a Bernoulli decoder returns logits.
Information is in nats; dimensions are summed, never averaged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus
from torch.optim import Optimizer

from lectures_pkg.networks import mlp

#: A grid must hold this share of the prior's mass.
SMALLEST_PRIOR_MASS = 0.9999
#: Rows that are decoded at once, so that memory stays small.
CHUNK = 32_768


class Decoder(Protocol):
    """What the likelihoods below ask of a model: how many latents, and logits for points z."""

    latent_dim: int

    def decode(self, z: Tensor) -> Tensor: ...


class VAE(nn.Module):
    r"""Encoder and decoder of binary images: two multilayer perceptrons.

    .. math:: q(z \mid x) = N\bigl(\mu(x), \operatorname{diag} \sigma^2(x)\bigr), \qquad
              p(x \mid z) = \prod_i \operatorname{Bernoulli}\bigl(x_i; \sigma(a_i(z))\bigr)

    Parameters
    ----------
    n_pixels : int
        Length of an image.
    latent_dim : int
        Length of z. With one or two, `log_prob_by_quadrature` is exact.
    hidden : sequence of int
        Widths from the image inwards; the decoder has them in reverse. With ``()`` both maps are affine.
    activation : callable
        Makes the activation after each hidden layer. A smooth one keeps quadrature accurate.

    References
    ----------
    Kingma & Welling (2014), Appendix C. In the book: equation ``def-encoder``.
    """

    def __init__(
        self,
        n_pixels: int,
        latent_dim: int = 2,
        hidden: Sequence[int] = (128,),
        activation: Callable[[], nn.Module] = nn.SiLU,
    ) -> None:
        super().__init__()
        self.n_pixels, self.latent_dim = n_pixels, latent_dim
        self.encoder = mlp((n_pixels, *hidden, 2 * latent_dim), activation)
        self.decoder = mlp((latent_dim, *reversed(hidden), n_pixels), activation)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z | x): x of shape (..., n_pixels) to two tensors (..., latent_dim)."""
        mean, log_var = self.encoder(x).chunk(2, dim=-1)
        return mean, log_var

    def decode(self, z: Tensor) -> Tensor:
        """Logits of the pixels: z of shape (..., latent_dim) to (..., n_pixels)."""
        return self.decoder(z)


# ---------------------------------------------------------------------------------------------------------
# The bound


def bernoulli_log_prob(x: Tensor, logits: Tensor) -> Tensor:
    r"""Log-probability of binary images under independent pixels, in nats.

    .. math:: \log p(x \mid z) = \sum_i \bigl[ x_i \log \sigma(a_i) + (1 - x_i) \log \sigma(-a_i) \bigr]

    Parameters
    ----------
    x : Tensor, shape (..., n_pixels)
        Data in {0, 1}. Grey values in between are let through: the sum is then a training loss, not a likelihood.
    logits : Tensor, the same shape
        The decoder's output a; right also where sigmoid(a) rounds to 0 or 1.

    Returns
    -------
    Tensor, shape (...)
        Summed over pixels. Larger is better; never positive.

    Raises
    ------
    ValueError
        If the shapes differ (they would broadcast in silence), or x leaves [0, 1].

    References
    ----------
    Kingma & Welling (2014), eq. (11). In the book: equation ``two-by-two-likelihood``.
    """
    if x.shape != logits.shape:
        raise ValueError(f"x has shape {tuple(x.shape)} but logits have {tuple(logits.shape)}")
    _refuse_outside_unit_interval(x)
    return -binary_cross_entropy_with_logits(logits, x.to(logits.dtype), reduction="none").sum(dim=-1)


def kl_to_standard_normal(mean: Tensor, log_var: Tensor) -> Tensor:
    r"""Divergence of a diagonal Gaussian from the prior N(0, I), in nats.

    .. math:: D_\mathrm{KL}(q \Vert p) = \tfrac12 \sum_j \bigl( \mu_j^2 + \sigma_j^2 - 1 - \log \sigma_j^2 \bigr)

    Parameters
    ----------
    mean, log_var : Tensor, shape (..., latent_dim)
        ``log_var`` is log sigma^2, not log sigma.

    Returns
    -------
    Tensor, shape (...)
        Summed over the latents, never averaged: an average would weaken the KL against the
        reconstruction by the number of latents. Zero only for mean 0 and log-variance 0.

    Raises
    ------
    ValueError
        If the shapes differ, or there is no axis of latents.

    References
    ----------
    Kingma & Welling (2014), Appendix B. In the book: equation ``kl-to-standard-normal``.
    """
    _refuse_unequal(mean, log_var)
    return 0.5 * (mean.square() + torch.expm1(log_var) - log_var).sum(dim=-1)  # expm1: no cancellation near sigma = 1


def elbo(x: Tensor, logits: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    r"""One-draw estimate of the evidence lower bound of each example, in nats; its expectation bounds log p(x).

    .. math:: \mathcal{L}(x) = \mathbb{E}_{q(z \mid x)}[\log p(x \mid z)]
              - D_\mathrm{KL}(q(z \mid x) \Vert p(z))

    Bernoulli decoder, diagonal Gaussian q, p(z) = N(0, I), one z per example.

    Parameters
    ----------
    x : Tensor, shape (batch, n_pixels)
        Data in {0, 1}. With grey values this is a training loss, not a likelihood.
    logits : Tensor, shape (batch, n_pixels)
        Decoder output at ``z = sample_latent(mean, log_var)``.
    mean, log_var : Tensor, shape (batch, latent_dim)
        Encoder output; ``log_var`` is log sigma^2, not log sigma.

    Returns
    -------
    Tensor, shape (batch,)
        Nats per example. Larger is better: minimise ``-elbo(...).mean()``.

    Raises
    ------
    ValueError
        If ``x`` and ``logits``, ``mean`` and ``log_var``, or images and latents differ in shape
        (they would broadcast in silence), or ``x`` leaves [0, 1].

    References
    ----------
    Kingma & Welling (2014), eq. (3), Appendix B. In the book: equation ``elbo``.
    """
    log_likelihood = bernoulli_log_prob(x, logits)
    kl = kl_to_standard_normal(mean, log_var)
    if log_likelihood.shape != kl.shape:
        raise ValueError(
            f"x of shape {tuple(x.shape)} and mean of shape {tuple(mean.shape)} must agree but for the last axis"
        )
    return log_likelihood - kl


def sample_latent(mean: Tensor, log_var: Tensor, rng: torch.Generator | None = None) -> Tensor:
    r"""One draw of z from q(z | x), through which gradients flow to mean and log-variance.

    .. math:: z = \mu + \sigma \odot \epsilon, \qquad \epsilon \sim N(0, I)

    Parameters
    ----------
    mean, log_var : Tensor, shape (..., latent_dim)
        ``log_var`` is log sigma^2, not log sigma.
    rng : torch.Generator, optional
        Source of the noise; torch's global one by default.

    Returns
    -------
    Tensor, shape (..., latent_dim)

    Raises
    ------
    ValueError
        If the shapes differ, or there is no axis of latents.

    References
    ----------
    Kingma & Welling (2014), section 2.4. In the book: equation ``reparameterised-gradient``.
    """
    _refuse_unequal(mean, log_var)
    noise = torch.randn(mean.shape, generator=rng, dtype=mean.dtype, device=mean.device)
    return mean + torch.exp(0.5 * log_var) * noise  # sigma = exp(log sigma^2 / 2)


def vae_step(
    model: VAE, optimiser: Optimizer, *, beta: float = 1.0, rng: torch.Generator | None = None
) -> Callable[[Tensor], dict[str, float]]:
    """Make ``step(batch)``, one ascent on the mean ELBO with one z per example, for `training.fit`.

    Parameters
    ----------
    model : VAE
        Its encoder and decoder are trained together.
    optimiser : Optimizer
        Of the model's parameters.
    beta : float
        Weight of the KL in what is descended. Only 1 is the ELBO; the reported numbers are always
        those of beta = 1.
    rng : torch.Generator, optional
        Source of the noise; torch's global one by default.

    Returns
    -------
    callable
        ``step(batch) -> {"negative_elbo": ..., "reconstruction": ..., "kl": ...}``: nats per example,
        before the update; reconstruction is minus the mean of log p(x | z), and
        negative_elbo = reconstruction + kl. Batches have shape (batch, n_pixels).

    Raises
    ------
    ValueError
        If beta is negative.

    References
    ----------
    Kingma & Welling (2014), Algorithm 1. In the book: equation ``elbo``.
    """
    if not beta >= 0:
        raise ValueError(f"beta must not be negative, found {beta}")

    def step(batch: Tensor) -> dict[str, float]:
        mean, log_var = model.encode(batch)
        logits = model.decode(sample_latent(mean, log_var, rng))
        negative_elbo = -elbo(batch, logits, mean, log_var).mean()
        kl = kl_to_standard_normal(mean, log_var).mean()
        loss = negative_elbo + (beta - 1.0) * kl
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return {"negative_elbo": negative_elbo.item(), "reconstruction": (negative_elbo - kl).item(), "kl": kl.item()}

    return step


@torch.no_grad()
def sample(model: Decoder, n: int, rng: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
    """Draw n images: z from the prior, then each pixel from its Bernoulli.

    Returns
    -------
    images : Tensor, shape (n, n_pixels)
        In {0, 1}.
    probabilities : Tensor, shape (n, n_pixels)
        The decoder's means: smoother to look at, but not samples.
    """
    dtype = dtype_of(model)
    probabilities = torch.sigmoid(model.decode(torch.randn(n, model.latent_dim, generator=rng, dtype=dtype)))
    return torch.bernoulli(probabilities, generator=rng), probabilities


# ---------------------------------------------------------------------------------------------------------
# Likelihoods: by importance sampling, and exactly


def log_importance_weights(model: VAE, x: Tensor, n_samples: int, rng: torch.Generator | None = None) -> Tensor:
    r"""Log weights of K draws of z from q(z | x) for each example: what `iwae_bound` averages.

    .. math:: \log w_k = \log p(x \mid z_k) + \log p(z_k) - \log q(z_k \mid x), \qquad z_k \sim q(z \mid x)

    Parameters
    ----------
    model : VAE
    x : Tensor, shape (batch, n_pixels)
        Data in {0, 1}.
    n_samples : int
        K, at least 1. The mean of one log weight is the ELBO.
    rng : torch.Generator, optional
        Source of the noise.

    Returns
    -------
    Tensor, shape (K, batch)
        In nats, and differentiable: inside ``torch.no_grad()`` memory stays small for large K.

    Raises
    ------
    ValueError
        If K is below 1, x is not (batch, n_pixels), or x leaves [0, 1].

    References
    ----------
    Burda et al. (2016), eq. (8). In the book: equation ``importance-identity``.
    """
    _refuse_not_a_batch(x)

    def log_likelihood(x: Tensor, z: Tensor) -> Tensor:
        return _bernoulli_sum(x.to(z.dtype), model.decode(z))

    return log_weights_of_codes(model.encode, log_likelihood, x, n_samples, rng)


def log_weights_of_codes(
    encode: Callable[[Tensor], tuple[Tensor, Tensor]],
    log_likelihood: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    n_samples: int,
    rng: torch.Generator | None = None,
) -> Tensor:
    """`log_importance_weights` for any likelihood.

    Parameters
    ----------
    encode : callable
        Mean and log-variance of q(z | x), (batch, latent_dim) each, of x.
    log_likelihood : callable
        log p(x | z), shape (k, batch), of x and of codes of shape (k, batch, latent_dim).
    x, n_samples, rng
        As for `log_importance_weights`.

    Returns
    -------
    Tensor, shape (K, batch)

    Raises
    ------
    ValueError
        If K is below 1.
    """
    if n_samples < 1:
        raise ValueError(f"n_samples must be at least 1, found {n_samples}")
    mean, log_var = encode(x)
    rows = max(1, CHUNK // max(1, len(x)))
    parts = []
    for start in range(0, n_samples, rows):
        k = min(rows, n_samples - start)
        z = sample_latent(mean.expand(k, -1, -1), log_var.expand(k, -1, -1), rng)  # (k, batch, latent_dim)
        # log p(z) - log q(z | x): the factors (2 pi)^(-1/2) cancel
        log_ratio = 0.5 * ((z - mean).square() * torch.exp(-log_var) + log_var - z.square()).sum(dim=-1)
        parts.append(log_likelihood(x, z) + log_ratio)
    return torch.cat(parts)


def iwae_bound(log_weights: Tensor) -> Tensor:
    r"""Importance-weighted estimate of log p(x) from K draws, in nats; its expectation bounds log p(x).

    .. math:: \mathcal{L}_K(x) = \log \frac1K \sum_{k=1}^K w_k

    Parameters
    ----------
    log_weights : Tensor, shape (K, batch)
        log p(x, z) - log q(z | x) at draws from q, as `log_importance_weights` returns them.

    Returns
    -------
    Tensor, shape (batch,)
        Larger is better. For K = 1 the one-draw ELBO; in expectation it rises with K towards log p(x).
        By log-sum-exp: weights of e^-1000 and e^1000 are no harm.

    Raises
    ------
    ValueError
        If the shape is not (K, batch) with K at least 1.

    References
    ----------
    Burda et al. (2016), eq. (8). In the book: equation ``def-importance-bound``.
    """
    if log_weights.ndim != 2 or len(log_weights) < 1:
        raise ValueError(f"log_weights must have shape (K, batch) with K >= 1, found {tuple(log_weights.shape)}")
    return torch.logsumexp(log_weights, dim=0) - math.log(len(log_weights))


@torch.no_grad()
def log_prob_by_quadrature(
    model: Decoder, x: Tensor, *, n_grid: int = 301, limit: float = 6.0, tolerance: float = 0.01
) -> Tensor:
    r"""Log p(x) of each example for one or two latents: the integral over z as a sum over a grid, in nats.

    .. math:: \log p(x) = \log \sum_g h^k \, p(x \mid z_g) \, p(z_g)

    The trapezoidal rule on a smooth integrand that vanishes at the edge: its error falls faster than
    any power of the spacing h once h is smaller than the posterior is wide.

    Parameters
    ----------
    model : VAE or other decoder
        With ``latent_dim`` 1 or 2 and ``decode(z) -> logits``; the encoder is not used.
    x : Tensor, shape (batch, n_pixels)
        Data in {0, 1}.
    n_grid : int
        Points along each axis, odd, at least 5.
    limit : float
        The grid runs from -limit to limit.
    tolerance : float
        Nats by which the sum over every second point along each axis may differ. The difference
        overstates the error, mostly by far.

    Returns
    -------
    Tensor, shape (batch,), float64

    Raises
    ------
    ValueError
        If the model has more than two latents, the grid holds less than .9999 of the prior's mass or is
        too coarse, or x is not (batch, n_pixels) in [0, 1].

    References
    ----------
    In the book: equation ``exact-by-quadrature``.
    """
    _refuse_not_a_batch(x)
    z, log_weight, is_coarse = prior_grid(model.latent_dim, n_grid, limit)
    images = x.double()
    parts, coarse_parts = [], []
    rows = max(256, 32 * CHUNK // max(32, len(x)))
    for start in range(0, len(z), rows):
        chunk = slice(start, start + rows)
        logits = model.decode(z[chunk].to(dtype_of(model))).double()
        # sum_i [x_i a_i - log(1 + e^a_i)], for all images and points at once: (batch, points)
        log_joint = images @ logits.T - softplus(logits).sum(dim=1) + log_weight[chunk]
        parts.append(torch.logsumexp(log_joint, dim=1))
        coarse_parts.append(torch.logsumexp(log_joint[:, is_coarse[chunk]], dim=1))
    log_prob = torch.logsumexp(torch.stack(parts), dim=0)
    coarse = torch.logsumexp(torch.stack(coarse_parts), dim=0) + model.latent_dim * math.log(2)
    difference = float((log_prob - coarse).abs().max()) if len(x) else 0.0
    refuse_coarse(difference, tolerance, n_grid)
    return log_prob


def prior_grid(latent_dim: int, n_grid: int, limit: float) -> tuple[Tensor, Tensor, Tensor]:
    """A grid over one or two latents, with what the sum over it in `log_prob_by_quadrature` needs.

    Parameters
    ----------
    latent_dim : int
        1 or 2.
    n_grid : int
        Points along each axis, odd, at least 5.
    limit : float
        The grid runs from -limit to limit.

    Returns
    -------
    z : Tensor, shape (n_grid ** latent_dim, latent_dim), float64
    log_weight : Tensor, shape (n_grid ** latent_dim,)
        Log of the prior's density at each point times the area of a cell.
    is_coarse : BoolTensor, shape (n_grid ** latent_dim,)
        Which points a grid of twice the spacing has.

    Raises
    ------
    ValueError
        If there are more than two latents, or the grid holds less than .9999 of the prior's mass or too much.
    """
    if latent_dim not in (1, 2):
        raise ValueError(
            f"a grid serves one or two latents, found {latent_dim}: use iwae_bound(log_importance_weights(...))"
        )
    if n_grid < 5 or n_grid % 2 == 0:
        raise ValueError(f"n_grid must be odd and at least 5, found {n_grid}")
    axis = torch.linspace(-limit, limit, n_grid, dtype=torch.float64)
    z = torch.cartesian_prod(*[axis] * latent_dim).reshape(-1, latent_dim)
    log_weight = (-0.5 * z.square() - 0.5 * math.log(2 * math.pi)).sum(dim=1)
    log_weight += latent_dim * math.log(2 * limit / (n_grid - 1))
    mass = float(log_weight.exp().sum())
    if not SMALLEST_PRIOR_MASS <= mass <= 2 - SMALLEST_PRIOR_MASS:
        raise ValueError(f"the grid holds {mass:.6f} of the prior's mass, needed 1 within 1e-4: widen or refine it")
    every_second = torch.arange(n_grid) % 2 == 0
    return z, log_weight, torch.cartesian_prod(*[every_second] * latent_dim).reshape(-1, latent_dim).all(dim=1)


def refuse_coarse(difference: float, tolerance: float, n_grid: int) -> None:
    """Raise a ValueError where a grid of twice the spacing gives another log p(x), by more than the tolerance."""
    if not difference <= tolerance:
        raise ValueError(
            f"the grid is too coarse: every second point gives a log p(x) that differs by {difference:.3g} nats, "
            f"allowed {tolerance:g}; raise n_grid above {n_grid}"
        )


# ---------------------------------------------------------------------------------------------------------
# The exact case: a linear decoder with Gaussian pixels (probabilistic PCA)


def linear_log_prob(x: Tensor, weight: Tensor, bias: Tensor, noise_var: float) -> Tensor:
    r"""Exact log-density of a linear decoder, x = W z + b + noise, in nats.

    .. math:: p(x) = N\bigl(x; b, W W^\top + s^2 I\bigr)

    Parameters
    ----------
    x : Tensor, shape (batch, n)
    weight : Tensor, shape (n, k)
    bias : Tensor, shape (n,)
    noise_var : float
        Variance s^2 of each pixel's noise, positive.

    Returns
    -------
    Tensor, shape (batch,)

    Raises
    ------
    ValueError
        If the noise variance is not positive or the shapes don't fit.

    References
    ----------
    Tipping & Bishop (1999), Probabilistic principal component analysis. In the book: equation
    ``linear-decoder-marginal``.
    """
    _refuse_ill_fitting(x, weight, bias, noise_var)
    cholesky = torch.linalg.cholesky(weight @ weight.T + noise_var * torch.eye(len(weight), dtype=weight.dtype))
    whitened = torch.linalg.solve_triangular(cholesky, (x - bias).T, upper=False)  # (n, batch)
    log_det = 2 * cholesky.diagonal().log().sum()
    return -0.5 * (whitened.square().sum(dim=0) + log_det + len(weight) * math.log(2 * math.pi))


def linear_posterior(x: Tensor, weight: Tensor, bias: Tensor, noise_var: float) -> tuple[Tensor, Tensor]:
    r"""Exact posterior of a linear decoder: a Gaussian whose covariance is the same for every x.

    .. math:: S = \bigl(I + W^\top W / s^2\bigr)^{-1}, \qquad m(x) = S \, W^\top (x - b) / s^2

    Parameters
    ----------
    x, weight, bias, noise_var
        As in `linear_log_prob`.

    Returns
    -------
    mean : Tensor, shape (batch, k)
    cov : Tensor, shape (k, k)

    References
    ----------
    Tipping & Bishop (1999). In the book: equation ``linear-decoder-posterior``.
    """
    _refuse_ill_fitting(x, weight, bias, noise_var)
    precision = torch.eye(weight.shape[1], dtype=weight.dtype) + weight.T @ weight / noise_var
    cov = torch.linalg.inv(precision)
    return (x - bias) @ weight @ cov / noise_var, cov


def linear_elbo(x: Tensor, mean: Tensor, cov: Tensor, weight: Tensor, bias: Tensor, noise_var: float) -> Tensor:
    r"""ELBO of a linear decoder for a Gaussian q with full covariance, in closed form, in nats.

    .. math:: \mathcal{L} = \log N(x; W m + b, s^2 I) - \frac{\operatorname{tr}(W S W^\top)}{2 s^2}
              - D_\mathrm{KL}\bigl(N(m, S) \Vert N(0, I)\bigr)

    Parameters
    ----------
    x, weight, bias, noise_var
        As in `linear_log_prob`.
    mean : Tensor, shape (batch, k)
    cov : Tensor, shape (k, k)

    Returns
    -------
    Tensor, shape (batch,)
        Larger is better; equal to `linear_log_prob` at `linear_posterior`.

    References
    ----------
    In the book: equation ``linear-decoder-tight``.
    """
    _refuse_ill_fitting(x, weight, bias, noise_var)
    if mean.shape != (len(x), weight.shape[1]) or cov.shape != (weight.shape[1],) * 2:
        raise ValueError(
            f"mean must have shape {(len(x), weight.shape[1])} and cov {(weight.shape[1],) * 2}, "
            f"found {tuple(mean.shape)} and {tuple(cov.shape)}"
        )
    n, k = weight.shape
    error = (x - mean @ weight.T - bias).square().sum(dim=1)
    spread = torch.trace(weight @ cov @ weight.T)  # z is not at its mean: the reconstruction pays for it
    reconstruction = -0.5 * ((error + spread) / noise_var + n * math.log(2 * math.pi * noise_var))
    kl = 0.5 * (torch.trace(cov) + mean.square().sum(dim=1) - k - torch.logdet(cov))
    return reconstruction - kl


# ---------------------------------------------------------------------------------------------------------
# Guesses with structure: Gaussians whose coordinates depend on each other


class DiagonalGaussian:
    r"""Gaussian with independent coordinates, as an object: `sample_latent` and `kl_to_standard_normal` in one.

    Parameters
    ----------
    mean, log_var : Tensor, shape (..., latent_dim)
        ``log_var`` is log sigma^2, not log sigma.

    Raises
    ------
    ValueError
        If the shapes differ, or there is no axis of latents.

    References
    ----------
    Kingma & Welling (2014), Appendix C. In the book: equation ``def-encoder``.
    """

    def __init__(self, mean: Tensor, log_var: Tensor) -> None:
        _refuse_unequal(mean, log_var)
        self.mean, self.log_var = mean, log_var

    def rsample(self, rng: torch.Generator | None = None) -> Tensor:
        """One draw for each mean, (..., latent_dim), through which gradients flow."""
        return sample_latent(self.mean, self.log_var, rng)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density in nats: z of shape (..., latent_dim) to (...)."""
        return _log_normal(z - self.mean, self.log_var).sum(dim=-1)

    def kl_to_standard_normal(self) -> Tensor:
        """Divergence from N(0, I) in nats, shape (...)."""
        return kl_to_standard_normal(self.mean, self.log_var)


class ChainGaussian:
    r"""Gaussian whose coordinates form a first-order chain: each leans on the one before it.

    .. math:: z_1 = m_1 + s_1 \epsilon_1, \qquad
              z_i = m_i + a_i (z_{i-1} - m_{i-1}) + s_i \epsilon_i, \qquad \epsilon \sim N(0, I)

    Its *precision* is tridiagonal; its covariance is full. Sampling, density and divergence take time
    linear in the number of latents.

    Parameters
    ----------
    mean : Tensor, shape (..., latent_dim)
        m.
    coefficient : Tensor, shape (..., latent_dim - 1)
        a_2 to a_k; zeros give independent coordinates.
    log_var : Tensor, shape (..., latent_dim)
        log s^2, the log-variance of each coordinate *given the one before it* (of the first: its own).

    Raises
    ------
    ValueError
        If the shapes don't fit.

    References
    ----------
    In the book: equation ``def-chain``.
    """

    def __init__(self, mean: Tensor, coefficient: Tensor, log_var: Tensor) -> None:
        _refuse_unequal(mean, log_var)
        needed = (*mean.shape[:-1], mean.shape[-1] - 1)
        if coefficient.shape != needed:
            raise ValueError(
                f"a chain of {mean.shape[-1]} latents needs coefficients of shape {needed}, "
                f"found {tuple(coefficient.shape)}"
            )
        self.mean, self.coefficient, self.log_var = mean, coefficient, log_var

    def rsample(self, rng: torch.Generator | None = None) -> Tensor:
        """One draw for each mean, (..., latent_dim), through which gradients flow: a linear recurrence."""
        noise = sample_latent(torch.zeros_like(self.mean), self.log_var, rng)  # s_i eps_i
        deviation = [noise[..., 0]]
        for i in range(1, noise.shape[-1]):
            deviation.append(self.coefficient[..., i - 1] * deviation[-1] + noise[..., i])
        return self.mean + torch.stack(deviation, dim=-1)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density in nats, by the chain rule: z of shape (..., latent_dim) to (...)."""
        deviation = z - self.mean
        expected = self.coefficient * deviation[..., :-1]  # of z_i - m_i, given the one before
        surprise = torch.cat([deviation[..., :1], deviation[..., 1:] - expected], dim=-1)  # s_i eps_i
        return _log_normal(surprise, self.log_var).sum(dim=-1)

    def variance(self) -> Tensor:
        """Marginal variance of each coordinate, (..., latent_dim): v_i = s_i^2 + a_i^2 v_(i-1)."""
        conditional = self.log_var.exp()
        variance = [conditional[..., 0]]
        for i in range(1, conditional.shape[-1]):
            variance.append(conditional[..., i] + self.coefficient[..., i - 1].square() * variance[-1])
        return torch.stack(variance, dim=-1)

    def precision(self) -> Tensor:
        """Inverse covariance, (..., latent_dim, latent_dim): tridiagonal."""
        links = self._links()
        return links.mT @ (torch.exp(-self.log_var)[..., None] * links)

    def covariance(self) -> Tensor:
        """Covariance, (..., latent_dim, latent_dim): full, unless a coefficient is zero."""
        inverse = torch.linalg.inv(self._links())  # unit lower triangular: always invertible
        return inverse @ (self.log_var.exp()[..., None] * inverse.mT)

    def kl_to_standard_normal(self) -> Tensor:
        r"""Divergence from N(0, I) in nats, shape (...): 1/2 sum of m_i^2 + v_i - 1 - log s_i^2.

        Marginal variances v_i in the second moments, conditional variances s_i^2 in the entropy. In the
        book: equation ``chain-kl``.
        """
        inherited = self.variance() - self.log_var.exp()  # a_i^2 v_(i-1): zero for independent coordinates
        return kl_to_standard_normal(self.mean, self.log_var) + 0.5 * inherited.sum(dim=-1)

    def _links(self) -> Tensor:
        """The unit bidiagonal matrix that takes z - m to s eps."""
        eye = torch.eye(self.mean.shape[-1], dtype=self.mean.dtype, device=self.mean.device)
        return eye - torch.diag_embed(self.coefficient, offset=-1)


class FullGaussian:
    r"""Gaussian with any covariance, by its lower-triangular factor: z = m + L eps.

    Parameters
    ----------
    mean : Tensor, shape (..., latent_dim)
    scale_tril : Tensor, shape (..., latent_dim, latent_dim)
        L, with zeros above the diagonal and a positive diagonal; the covariance is L times its transpose.

    Raises
    ------
    ValueError
        If the shapes don't fit, or the matrix is not lower triangular with a positive diagonal.

    References
    ----------
    In the book: equation ``posterior-counts``.
    """

    def __init__(self, mean: Tensor, scale_tril: Tensor) -> None:
        if mean.ndim == 0 or scale_tril.shape != (*mean.shape, mean.shape[-1]):
            raise ValueError(
                f"mean (..., k) and scale_tril (..., k, k) must fit, "
                f"found {tuple(mean.shape)} and {tuple(scale_tril.shape)}"
            )
        if bool((scale_tril.triu(1) != 0).any()) or not bool((scale_tril.diagonal(dim1=-2, dim2=-1) > 0).all()):
            raise ValueError("scale_tril must be lower triangular with a positive diagonal")
        self.mean, self.scale_tril = mean, scale_tril

    def rsample(self, rng: torch.Generator | None = None) -> Tensor:
        """One draw for each mean, (..., latent_dim), through which gradients flow."""
        noise = torch.randn(self.mean.shape, generator=rng, dtype=self.mean.dtype, device=self.mean.device)
        return self.mean + (self.scale_tril @ noise[..., None])[..., 0]

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density in nats: z of shape (..., latent_dim) to (...)."""
        deviation = (z - self.mean)[..., None]
        noise = torch.linalg.solve_triangular(self.scale_tril, deviation, upper=False)[..., 0]
        return _log_normal(noise, torch.zeros_like(noise)).sum(dim=-1) - self._half_log_det()

    def kl_to_standard_normal(self) -> Tensor:
        """Divergence from N(0, I) in nats, shape (...)."""
        second_moments = self.mean.square().sum(dim=-1) + self.scale_tril.square().sum(dim=(-2, -1))
        return 0.5 * (second_moments - self.mean.shape[-1]) - self._half_log_det()

    def _half_log_det(self) -> Tensor:
        return self.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)


def _log_normal(deviation: Tensor, log_var: Tensor) -> Tensor:
    """Log-density of N(0, exp(log_var)), element by element."""
    return -0.5 * (deviation.square() * torch.exp(-log_var) + log_var + math.log(2 * math.pi))


def _bernoulli_sum(x: Tensor, logits: Tensor) -> Tensor:
    """`bernoulli_log_prob` where x broadcasts over draws on purpose: log p(x given z) = x a - log(1 + e^a)."""
    return (x * logits - softplus(logits)).sum(dim=-1)


def dtype_of(model: object) -> torch.dtype:
    """Number type of a network's parameters, or torch's default for a decoder that has none."""
    parameters = model.parameters() if isinstance(model, nn.Module) else iter(())
    return next((parameter.dtype for parameter in parameters), torch.get_default_dtype())


def _refuse_unequal(mean: Tensor, log_var: Tensor) -> None:
    if mean.shape != log_var.shape or mean.ndim == 0:
        raise ValueError(
            f"mean and log_var must have the same shape (batch, latent_dim), "
            f"found {tuple(mean.shape)} and {tuple(log_var.shape)}"
        )


def _refuse_outside_unit_interval(x: Tensor) -> None:
    if x.numel() and not (x.min() >= 0 and x.max() <= 1):
        raise ValueError(f"x must be in [0, 1] (binary images: 0 or 1), found {x.min():g} to {x.max():g}")


def _refuse_not_a_batch(x: Tensor) -> None:
    if x.ndim != 2:
        raise ValueError(f"x must have shape (batch, n_pixels), found {tuple(x.shape)}")
    if not bool(((x == 0) | (x == 1)).all()):
        raise ValueError("x must be 0 or 1 in every pixel: grey values have no likelihood under a Bernoulli decoder")


def _refuse_ill_fitting(x: Tensor, weight: Tensor, bias: Tensor, noise_var: float) -> None:
    if not noise_var > 0:
        raise ValueError(f"noise_var must be positive, found {noise_var}")
    if x.ndim != 2 or weight.ndim != 2 or bias.shape != x.shape[1:] or len(weight) != x.shape[1]:
        raise ValueError(
            f"x (batch, n), weight (n, k) and bias (n,) must fit, "
            f"found {tuple(x.shape)}, {tuple(weight.shape)} and {tuple(bias.shape)}"
        )

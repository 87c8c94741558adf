"""Tighter bounds and richer posteriors: encoders with structure, training by several draws, what a code costs.

Chapter ``variational_bounds``; Burda et al. (2016), Importance weighted autoencoders; Hoffman & Johnson
(2016), ELBO surgery; Higgins et al. (2017) for the weight beta. The plain model, its bounds and the Gaussians
themselves are in `lectures_pkg.vae`; here is what only this chapter adds to them. Information is in nats.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lectures_pkg.autoregressive import MaskedLinear
from lectures_pkg.networks import mlp
from lectures_pkg.vae import (
    CHUNK,
    ChainGaussian,
    DiagonalGaussian,
    FullGaussian,
    bernoulli_log_prob,
    iwae_bound,
)

STRUCTURES = ("diagonal", "chain", "full")
#: A latent is active when its mean varies by more than this over the data (Burda et al., 2016).
ACTIVE_VARIANCE = 0.01


class Guess(Protocol):
    """What a Gaussian q(z | x) can do, whatever its structure."""

    def rsample(self, rng: torch.Generator | None = None) -> Tensor: ...
    def log_prob(self, z: Tensor) -> Tensor: ...
    def kl_to_standard_normal(self) -> Tensor: ...


def n_guess_parameters(latent_dim: int, structure: str) -> int:
    r"""Numbers that an encoder must output for one Gaussian guess.

    .. math:: 2N, \qquad 3N - 1, \qquad N + \tfrac12 N (N + 1)

    Parameters
    ----------
    latent_dim : int
        N, at least 1.
    structure : {"diagonal", "chain", "full"}

    Raises
    ------
    ValueError
        If the structure is unknown or there is no latent.

    References
    ----------
    In the book: equation ``posterior-counts``.
    """
    _refuse_structure(latent_dim, structure)
    return {
        "diagonal": 2 * latent_dim,
        "chain": 3 * latent_dim - 1,
        "full": latent_dim + latent_dim * (latent_dim + 1) // 2,
    }[structure]


def guess_from_parameters(parameters: Tensor, latent_dim: int, structure: str) -> Guess:
    """Read an encoder's output as a Gaussian.

    Parameters
    ----------
    parameters : Tensor, shape (..., n_guess_parameters)
        Means; then log-variances; then, of a chain, its coefficients. A full Gaussian has the logarithms of its
        factor's diagonal in the second place and the entries below the diagonal, row by row, in the third.
    latent_dim : int
    structure : {"diagonal", "chain", "full"}

    Raises
    ------
    ValueError
        If the structure is unknown, or the number of parameters is another.
    """
    needed = n_guess_parameters(latent_dim, structure)
    if parameters.shape[-1] != needed:
        raise ValueError(
            f"a {structure} guess of {latent_dim} latents has {needed} parameters, found {parameters.shape[-1]}"
        )
    mean, scale, rest = parameters.split([latent_dim, latent_dim, needed - 2 * latent_dim], dim=-1)
    if structure == "diagonal":
        return DiagonalGaussian(mean, scale)
    if structure == "chain":
        return ChainGaussian(mean, rest, scale)
    below = parameters.new_zeros(*parameters.shape[:-1], latent_dim, latent_dim)
    rows, columns = torch.tril_indices(latent_dim, latent_dim, offset=-1)
    below[..., rows, columns] = rest
    return FullGaussian(mean, below + torch.diag_embed(scale.exp()))


class StructuredVAE(nn.Module):
    r"""A VAE of binary images whose guess has a structure and whose decoder may look at the pixels before.

    .. math:: \log p(x \mid z) = \sum_i \log \operatorname{Bern}\Bigl(x_i; \sigma\bigl(
              a_i(z) + \textstyle\sum_{j < i} C_{ij} x_j \bigr)\Bigr)

    Parameters
    ----------
    n_pixels, latent_dim, hidden, activation
        As in `lectures_pkg.vae.VAE`, whose decoder it shares.
    structure : {"diagonal", "chain", "full"}
        Of q(z | x). With "diagonal" and without links this is the plain VAE.
    pixel_links : bool
        Whether the decoder has the matrix C: then it can explain an image without any code.

    References
    ----------
    In the book: section "What a richer guess buys on digits".
    """

    def __init__(
        self,
        n_pixels: int,
        latent_dim: int = 2,
        hidden: Sequence[int] = (128,),
        activation: Callable[[], nn.Module] = nn.SiLU,
        *,
        structure: str = "diagonal",
        pixel_links: bool = False,
    ) -> None:
        super().__init__()
        self.n_pixels, self.latent_dim, self.structure = n_pixels, latent_dim, structure
        self.encoder = mlp((n_pixels, *hidden, n_guess_parameters(latent_dim, structure)), activation)
        self.decoder = mlp((latent_dim, *reversed(hidden), n_pixels), activation)
        self.links = MaskedLinear(torch.ones(n_pixels, n_pixels).tril(-1)) if pixel_links else None

    def guess(self, x: Tensor) -> Guess:
        """q(z | x) for images x of shape (..., n_pixels)."""
        return guess_from_parameters(self.encoder(x), self.latent_dim, self.structure)

    def logits(self, x: Tensor, z: Tensor) -> Tensor:
        """Logits of the pixels, (..., n_pixels); pixel i may depend on z and, with links, on pixels before i."""
        return self.decoder(z) if self.links is None else self.decoder(z) + self.links(x)


def elbo_draw(model: StructuredVAE, x: Tensor, rng: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
    """One-draw ELBO of each image, and the KL in it (in closed form), in nats; both (batch,)."""
    guess = model.guess(x)
    kl = guess.kl_to_standard_normal()
    return bernoulli_log_prob(x, model.logits(x, guess.rsample(rng))) - kl, kl


def log_weights(model: StructuredVAE, x: Tensor, n_samples: int, rng: torch.Generator | None = None) -> Tensor:
    r"""Log importance weights of K draws for each image: what `lectures_pkg.vae.iwae_bound` averages.

    .. math:: \log w_k = \log p(x \mid z_k) + \log p(z_k) - \log q(z_k \mid x), \qquad z_k \sim q(z \mid x)

    Parameters
    ----------
    model : StructuredVAE
    x : Tensor, shape (batch, n_pixels)
        Data in {0, 1}.
    n_samples : int
        K, at least 1.
    rng : torch.Generator, optional

    Returns
    -------
    Tensor, shape (K, batch)
        In nats; differentiable.

    Raises
    ------
    ValueError
        If K is below 1.

    References
    ----------
    Burda et al. (2016), eq. (8). In the book: equation ``importance-unbiased``.
    """
    if n_samples < 1:
        raise ValueError(f"n_samples must be at least 1, found {n_samples}")
    parameters = model.encoder(x)
    rows = max(1, CHUNK // max(1, len(x)))
    parts = []
    for start in range(0, n_samples, rows):
        k = min(rows, n_samples - start)
        guess = guess_from_parameters(parameters.expand(k, -1, -1), model.latent_dim, model.structure)
        z = guess.rsample(rng)  # (k, batch, latent_dim)
        log_prior = DiagonalGaussian(torch.zeros_like(z), torch.zeros_like(z)).log_prob(z)
        log_likelihood = bernoulli_log_prob(x.expand(k, -1, -1), model.logits(x, z))
        parts.append(log_likelihood + log_prior - guess.log_prob(z))
    return torch.cat(parts)


def bound_step(
    model: StructuredVAE, optimiser: Optimizer, *, n_samples: int = 1, rng: torch.Generator | None = None
) -> Callable[[Tensor], dict[str, float]]:
    """Make ``step(batch)``, one ascent on the bound with K draws, for `lectures_pkg.training.fit`.

    Parameters
    ----------
    model : StructuredVAE
    optimiser : Optimizer
        Of the model's parameters.
    n_samples : int
        K. With 1 it is the ELBO, its KL in closed form; with more the importance-weighted bound.
    rng : torch.Generator, optional

    Returns
    -------
    callable
        ``step(batch) -> {"negative_bound": ...}``, nats per example, before the update.

    Raises
    ------
    ValueError
        If K is below 1.

    References
    ----------
    Burda et al. (2016), section 3. In the book: equation ``more-draws-tighten``.
    """
    if n_samples < 1:
        raise ValueError(f"n_samples must be at least 1, found {n_samples}")

    def step(batch: Tensor) -> dict[str, float]:
        if n_samples == 1:
            loss = -elbo_draw(model, batch, rng)[0].mean()
        else:
            loss = -iwae_bound(log_weights(model, batch, n_samples, rng)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return {"negative_bound": loss.item()}

    return step


# ---------------------------------------------------------------------------------------------------------
# What the code says, and what it costs


def active_units(mean: Tensor, threshold: float = ACTIVE_VARIANCE) -> Tensor:
    r"""Which latents say anything: their mean varies over the data.

    .. math:: \operatorname{Var}_x \bigl( \mathbb{E}_{q(z \mid x)} z_j \bigr) > 0.01

    Parameters
    ----------
    mean : Tensor, shape (n, latent_dim)
        The encoder's means for n images.
    threshold : float
        Smallest variance of an active latent.

    Returns
    -------
    Tensor of bool, shape (latent_dim,)

    Raises
    ------
    ValueError
        If ``mean`` is not (n, latent_dim) with two images or more.

    References
    ----------
    Burda et al. (2016), section 5. In the book: equation ``def-active-units``.
    """
    if mean.ndim != 2 or len(mean) < 2:
        raise ValueError(f"mean must have shape (n, latent_dim) with n >= 2, found {tuple(mean.shape)}")
    return mean.var(dim=0) > threshold


class RateSplit(NamedTuple):
    """The two parts of the rate, in nats: one estimate for each draw, to be averaged."""

    information: Tensor  #: log q(z | x) - log q(z), shape (n_draws,)
    marginal_kl: Tensor  #: log q(z) - log p(z), shape (n_draws,)


@torch.no_grad()
def rate_split(mean: Tensor, log_var: Tensor, n_draws: int, rng: torch.Generator | None = None) -> RateSplit:
    r"""Split the mean KL of a diagonal guess: what codes tell about images, and how their mixture misses the prior.

    .. math:: \frac1n \sum_x D_\mathrm{KL}\bigl(q(z \mid x) \Vert p(z)\bigr)
              = I_q(x; z) + D_\mathrm{KL}\bigl(q(z) \Vert p(z)\bigr), \qquad q(z) = \frac1n \sum_x q(z \mid x)

    For these n images, each equally likely; no larger population is estimated. Therefore the information
    can't exceed log n.

    Parameters
    ----------
    mean, log_var : Tensor, shape (n, latent_dim)
    n_draws : int
        Draws of z for each image.
    rng : torch.Generator, optional

    Raises
    ------
    ValueError
        If the shapes differ or are not (n, latent_dim), or there is no draw.

    References
    ----------
    Hoffman & Johnson (2016), ELBO surgery. In the book: equation ``rate-splits``.
    """
    if mean.ndim != 2 or mean.shape != log_var.shape or n_draws < 1:
        raise ValueError(
            f"mean and log_var must have the same shape (n, latent_dim) and n_draws be at least 1, "
            f"found {tuple(mean.shape)}, {tuple(log_var.shape)} and {n_draws}"
        )
    guess, mixture = DiagonalGaussian(mean, log_var), DiagonalGaussian(mean[None], log_var[None])
    prior = DiagonalGaussian(torch.zeros_like(mean), torch.zeros_like(mean))
    information, marginal_kl = [], []
    for _ in range(n_draws):
        z = guess.rsample(rng)
        log_marginal = torch.logsumexp(mixture.log_prob(z[:, None]), dim=1) - math.log(len(mean))
        information.append((guess.log_prob(z) - log_marginal).mean())
        marginal_kl.append((log_marginal - prior.log_prob(z)).mean())
    return RateSplit(torch.stack(information), torch.stack(marginal_kl))


def _refuse_structure(latent_dim: int, structure: str) -> None:
    if structure not in STRUCTURES:
        raise ValueError(f"structure must be one of {', '.join(STRUCTURES)}, found {structure!r}")
    if latent_dim < 1:
        raise ValueError(f"latent_dim must be at least 1, found {latent_dim}")

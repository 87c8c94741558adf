"""Hybrids: parts of two families in one model of binary images.

Chapter ``measuring``. Two questions give four corners. What ties the codes to the prior: a divergence in closed form,
or a critic? What does the decoder say of the pixels: independent given the code, or one after another?

================== ============================ =====================================================
.                  pixels independent given z   pixels one after another, given z
================== ============================ =====================================================
KL of each code    `vae.VAE`                    `PixelVAE`, Gulrajani et al. (2017)
a critic of codes  `AdversarialAutoencoder`,    `PixelGANAutoencoder`, Makhzani & Frey (2017)
                   Makhzani et al. (2016)
================== ============================ =====================================================

Everywhere p(z) = N(0, I), a batch has shape (batch, n_pixels) with pixels in {0, 1}, and log-probabilities are in
nats per image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.optim import Optimizer

from lectures_pkg import vae
from lectures_pkg.autoregressive import MADE, complete, log_prob_from_logits
from lectures_pkg.gan import discriminator_loss, frozen, generator_loss
from lectures_pkg.networks import mlp
from lectures_pkg.vae import bernoulli_log_prob, kl_to_standard_normal, sample_latent

#: Pairs of an image and a code that are scored at once, so that memory stays small.
CHUNK = 32_768


class Decoder(Protocol):
    """What the functions below ask of a model: how many latents, and p(x | z) to score and to draw from."""

    latent_dim: int

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor: ...
    def draw(self, z: Tensor, rng: torch.Generator | None = None) -> Tensor: ...


class Coded(Decoder, Protocol):
    """A decoder with an encoder that gives each image one code."""

    encoder: nn.Module

    def encode(self, x: Tensor) -> Tensor: ...


class PixelDecoder(nn.Module):
    r"""A decoder that looks at the pixels that are there already: a MADE whose context is the code.

    .. math:: \log p(x \mid z) = \sum_{t=1}^{D} \log p(x_{o_t} \mid x_{o_1}, \dots, x_{o_{t-1}}, z)

    Parameters
    ----------
    latent_dim, n_pixels : int
    width : int
        Hidden units of the MADE.
    context_dim : int
        Length of the vector that the code becomes (one linear layer and ReLU) before the MADE reads it.
    dropout : float
        Share of the MADE's hidden units that is switched off while training.

    References
    ----------
    Gulrajani et al. (2017), section 3.1, with masks on vectors instead of masked convolutions.
    """

    def __init__(
        self, latent_dim: int, n_pixels: int, width: int, context_dim: int = 128, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.context = nn.Sequential(nn.Linear(latent_dim, context_dim), nn.ReLU())
        self.pixels = MADE(n_pixels, width, dropout=dropout, context_dim=context_dim)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Logits of the pixels, (batch, n_pixels); entry i is blind to pixel i and those after it."""
        return self.pixels(x, self.context(z))

    def draw(self, z: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """One image for each code, (batch, n_pixels): one network call for each pixel, dropout off."""
        return self.pixels.sample(len(z), rng, self.context(z))

    def complete(self, x: Tensor, known: ArrayLike, z: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Draw the pixels that are not known, given those that are (they must come first) and a code for each image."""
        return complete(self.pixels, x, known, rng, self.context(z))


class AdversarialAutoencoder(nn.Module):
    r"""Encoder and decoder of the VAE's kind, but the encoder gives one code instead of a law.

    The codes of all images together, q(z), are driven to the prior by a critic:
    see `adversarial_autoencoder_step`. To draw an image, decode a z from the prior.

    Parameters
    ----------
    n_pixels, latent_dim : int
    hidden : sequence of int
        Widths from the image inwards; the decoder has them in reverse.

    References
    ----------
    Makhzani et al. (2016), Adversarial autoencoders, section 2 (the deterministic encoder).
    """

    def __init__(self, n_pixels: int, latent_dim: int = 2, hidden: Sequence[int] = (128,)) -> None:
        super().__init__()
        self.n_pixels, self.latent_dim = n_pixels, latent_dim
        self.encoder = mlp((n_pixels, *hidden, latent_dim))
        self.decoder = mlp((latent_dim, *reversed(hidden), n_pixels))

    def encode(self, x: Tensor) -> Tensor:
        """One code for each image: (batch, n_pixels) to (batch, latent_dim)."""
        return self.encoder(x)

    def decode(self, z: Tensor) -> Tensor:
        """Logits of the pixels: z of shape (..., latent_dim) to (..., n_pixels)."""
        return self.decoder(z)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x | z) in nats, shape (batch,): x of shape (batch, n_pixels), z of shape (batch, latent_dim)."""
        return bernoulli_log_prob(x, self.decode(z))

    def draw(self, z: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """One image for each code, pixels independent given it: (batch, latent_dim) to (batch, n_pixels)."""
        return torch.bernoulli(torch.sigmoid(self.decode(z)), generator=rng)


class PixelVAE(nn.Module):
    r"""A VAE whose decoder looks at the pixels that are there already.

    Parameters
    ----------
    n_pixels, latent_dim : int
    hidden : sequence of int
        Widths of the encoder.
    width, dropout
        Of the decoder's MADE, see `PixelDecoder`.

    References
    ----------
    Gulrajani et al. (2017), PixelVAE: a latent variable model for natural images, section 3.1.
    """

    def __init__(
        self,
        n_pixels: int,
        latent_dim: int = 4,
        hidden: Sequence[int] = (128,),
        *,
        width: int = 256,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.n_pixels, self.latent_dim = n_pixels, latent_dim
        self.encoder = mlp((n_pixels, *hidden, 2 * latent_dim))
        self.decoder = PixelDecoder(latent_dim, n_pixels, width, dropout=dropout)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z | x), (batch, latent_dim) each."""
        mean, log_var = self.encoder(x).chunk(2, dim=-1)
        return mean, log_var

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x | z) in nats, shape (batch,): x of shape (batch, n_pixels), z of shape (batch, latent_dim)."""
        return log_prob_from_logits(x, self.decoder(x, z))

    def draw(self, z: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """One image for each code, pixel by pixel: (batch, latent_dim) to (batch, n_pixels)."""
        return self.decoder.draw(z, rng)


class PixelGANAutoencoder(nn.Module):
    r"""An adversarial autoencoder whose decoder looks at the pixels that are there already.

    Parameters
    ----------
    n_pixels, latent_dim, hidden, width, dropout
        As for `PixelVAE`; the encoder gives one code.

    References
    ----------
    Makhzani & Frey (2017), PixelGAN autoencoders, section 2.
    """

    def __init__(
        self,
        n_pixels: int,
        latent_dim: int = 2,
        hidden: Sequence[int] = (128,),
        *,
        width: int = 256,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.n_pixels, self.latent_dim = n_pixels, latent_dim
        self.encoder = mlp((n_pixels, *hidden, latent_dim))
        self.decoder = PixelDecoder(latent_dim, n_pixels, width, dropout=dropout)

    def encode(self, x: Tensor) -> Tensor:
        """One code for each image: (batch, n_pixels) to (batch, latent_dim)."""
        return self.encoder(x)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x | z) in nats, shape (batch,): x of shape (batch, n_pixels), z of shape (batch, latent_dim)."""
        return log_prob_from_logits(x, self.decoder(x, z))

    def draw(self, z: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """One image for each code, pixel by pixel: (batch, latent_dim) to (batch, n_pixels)."""
        return self.decoder.draw(z, rng)


# ---------------------------------------------------------------------------------------------------------
# Training


def adversarial_autoencoder_step(
    model: Coded,
    critic: nn.Module,
    autoencoder_optimiser: Optimizer,
    encoder_optimiser: Optimizer,
    critic_optimiser: Optimizer,
    *,
    rng: torch.Generator | None = None,
) -> Callable[[Tensor], dict[str, float]]:
    r"""Make ``step(batch)``, three updates in turn, for `training.fit`; for both models that have a critic of codes.

    1. encoder and decoder descend the reconstruction, -mean log p(x | z(x));
    2. the critic learns to tell draws of the prior (its *real* class) from codes, which stay as they are;
    3. the encoder descends the non-saturating loss through the critic, which stays as it is.

    .. math:: D_\mathrm{KL}\bigl(q(z \mid x) \Vert p(z)\bigr) \ \text{of each image} \quad \longrightarrow \quad
              \text{a game that is settled at}\ q(z) = \frac1N \sum_n q(z \mid x_n) = p(z)

    Parameters
    ----------
    model : AdversarialAutoencoder or PixelGANAutoencoder
    critic : Module
        Codes of shape (batch, latent_dim) to logits.
    autoencoder_optimiser, encoder_optimiser, critic_optimiser : Optimizer
        Of all parameters of the model; of its encoder's again, for the game; and of the critic's.
    rng : torch.Generator, optional
        Draws from the prior; torch's global generator by default.

    Returns
    -------
    callable
        ``step(batch) -> {"reconstruction": ..., "critic_loss": ..., "encoder_loss": ...}``: nats, each before its
        own update. At a draw the critic's loss is log 4 and the encoder's log 2.

    References
    ----------
    Makhzani et al. (2016), section 2; Makhzani & Frey (2017), section 2.
    """

    def step(batch: Tensor) -> dict[str, float]:
        reconstruction = -model.log_likelihood(batch, model.encode(batch)).mean()
        autoencoder_optimiser.zero_grad()
        reconstruction.backward()
        autoencoder_optimiser.step()

        with frozen(model.encoder):
            codes = model.encode(batch)
        prior = torch.randn(codes.shape, generator=rng, dtype=codes.dtype)
        critic_loss = discriminator_loss(critic(prior), critic(codes))
        critic_optimiser.zero_grad()
        critic_loss.backward()
        critic_optimiser.step()

        with frozen(critic):
            encoder_loss = generator_loss(critic(model.encode(batch)))
            encoder_optimiser.zero_grad()
            encoder_loss.backward()
            encoder_optimiser.step()
        return {
            "reconstruction": reconstruction.item(),
            "critic_loss": critic_loss.item(),
            "encoder_loss": encoder_loss.item(),
        }

    return step


def pixel_vae_step(
    model: PixelVAE, optimiser: Optimizer, *, rng: torch.Generator | None = None
) -> Callable[[Tensor], dict[str, float]]:
    """Make ``step(batch)``, one ascent on the mean ELBO with one z per example, for `training.fit`.

    Parameters
    ----------
    model : PixelVAE
        Encoder and decoder are trained together.
    optimiser : Optimizer
        Of the model's parameters.
    rng : torch.Generator, optional
        Source of the noise; torch's global one by default.

    Returns
    -------
    callable
        ``step(batch) -> {"negative_elbo": ..., "reconstruction": ..., "kl": ...}``: nats per example, before the
        update; negative_elbo = reconstruction + kl.

    References
    ----------
    Gulrajani et al. (2017), section 3.1. In the book: equation ``elbo``.
    """

    def step(batch: Tensor) -> dict[str, float]:
        mean, log_var = model.encode(batch)
        reconstruction = -model.log_likelihood(batch, sample_latent(mean, log_var, rng)).mean()
        kl = kl_to_standard_normal(mean, log_var).mean()
        negative_elbo = reconstruction + kl
        optimiser.zero_grad()
        negative_elbo.backward()
        optimiser.step()
        return {"negative_elbo": negative_elbo.item(), "reconstruction": reconstruction.item(), "kl": kl.item()}

    return step


# ---------------------------------------------------------------------------------------------------------
# Sampling and likelihood


@torch.no_grad()
def sample(model: Decoder, n: int, rng: torch.Generator | None = None) -> Tensor:
    """Draw n images, (n, n_pixels): a code from the prior, then its pixels (with the decoder's dropout off)."""
    return model.draw(torch.randn(n, model.latent_dim, generator=rng, dtype=vae.dtype_of(model)), rng)


def log_importance_weights(model: PixelVAE, x: Tensor, n_samples: int, rng: torch.Generator | None = None) -> Tensor:
    r"""Log weights of K codes from q(z | x) for each image: `vae.iwae_bound` makes them a bound on log p(x).

    .. math:: \log w_k = \log p(x \mid z_k) + \log p(z_k) - \log q(z_k \mid x), \qquad z_k \sim q(z \mid x)

    Parameters
    ----------
    model : PixelVAE
        In evaluation mode: with dropout each draw would score another model.
    x : Tensor, shape (batch, n_pixels)
        In {0, 1}.
    n_samples : int
        K, at least 1. The mean of one log weight is the ELBO.
    rng : torch.Generator, optional
        Source of the noise.

    Returns
    -------
    Tensor, shape (K, batch)
        In nats, and differentiable: inside ``torch.no_grad()`` memory stays small.

    Raises
    ------
    ValueError
        If K is below 1, or x is not binary of shape (batch, n_pixels).

    References
    ----------
    Burda et al. (2016), eq. (8). In the book: equation ``def-importance-bound``.
    """

    def log_likelihood(images: Tensor, z: Tensor) -> Tensor:
        repeated = images.expand(len(z), -1, -1).reshape(-1, images.shape[-1])
        return model.log_likelihood(repeated, z.reshape(-1, model.latent_dim)).reshape(len(z), -1)

    return vae.log_weights_of_codes(model.encode, log_likelihood, x, n_samples, rng)


@torch.no_grad()
def log_prob_by_quadrature(
    model: Decoder, x: Tensor, *, n_grid: int = 81, limit: float = 5.0, tolerance: float = 0.1
) -> Tensor:
    r"""Log p(x) of each image for one or two latents, whatever the decoder: the integral over z as a sum over a grid.

    .. math:: \log p(x) = \log \sum_g h^k \, p(x \mid z_g) \, p(z_g)

    A critic in the training is no obstacle: prior and decoder alone make the model's law. Slower than
    `vae.log_prob_by_quadrature`, which needs pixels that are independent given z.

    Parameters
    ----------
    model : AdversarialAutoencoder, PixelVAE or PixelGANAutoencoder
        With 1 or 2 latents; the encoder is not used.
    x : Tensor, shape (batch, n_pixels)
        In {0, 1}.
    n_grid : int
        Points along each axis, odd, at least 5.
    limit : float
        The grid runs from -limit to limit.
    tolerance : float
        Nats by which the sum over every second point along each axis may differ, for any image. The difference
        overstates the error, mostly by far.

    Returns
    -------
    Tensor, shape (batch,), float64

    Raises
    ------
    ValueError
        If the model has more than two latents, the grid holds less than .9999 of the prior's mass or is too coarse.

    References
    ----------
    In the book: equation ``exact-by-quadrature``.
    """
    z, log_weight, is_coarse = vae.prior_grid(model.latent_dim, n_grid, limit)
    codes, log_probs, worst = z.to(vae.dtype_of(model)), [], 0.0
    for image in x:
        parts = [model.log_likelihood(image.expand(len(chunk), -1), chunk) for chunk in codes.split(CHUNK)]
        log_joint = torch.cat(parts).double() + log_weight
        log_probs.append(torch.logsumexp(log_joint, dim=0))
        coarse = torch.logsumexp(log_joint[is_coarse], dim=0) + model.latent_dim * math.log(2)
        worst = max(worst, abs(float(log_probs[-1] - coarse)))
    vae.refuse_coarse(worst, tolerance, n_grid)
    return torch.stack(log_probs) if log_probs else torch.empty(0, dtype=torch.float64)

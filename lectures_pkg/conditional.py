"""Conditional models: a GAN and a variational autoencoder that are told a label, and a label map fitted afterwards.

Chapter ``conditional_models``; Mirza & Osindero (2014), Conditional generative adversarial nets; Sohn, Lee & Yan
(2015), Learning structured output representation using deep conditional generative models. Labels y are integers
from 0 to n_classes - 1, one for each example; they enter as one-hot vectors beside what a network sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot
from torch.optim import Optimizer

from lectures_pkg.gan import GENERATOR_KINDS, discriminator_loss, frozen, generator_loss
from lectures_pkg.networks import mlp
from lectures_pkg.training import EMA, evaluating
from lectures_pkg.vae import VAE, elbo, kl_to_standard_normal, sample_latent

#: Images (batch, ...) and their labels (batch,).
Pairs = tuple[Tensor, Tensor]


def with_label(values: Tensor, y: Tensor, n_classes: int) -> Tensor:
    r"""Put the one-hot vector of the label beside each row: :math:`(v, y) \mapsto [v, e_y]`.

    Parameters
    ----------
    values : Tensor, shape (batch, dim)
        Noise, codes or flat images.
    y : LongTensor, shape (batch,)
        Labels from 0 to n_classes - 1.
    n_classes : int
        Number of classes.

    Returns
    -------
    Tensor, shape (batch, dim + n_classes)

    Raises
    ------
    ValueError
        If there is not one whole label in range for each row.

    References
    ----------
    In the book: equation ``one-hot-is-a-bias``.
    """
    if values.ndim != 2 or y.shape != values.shape[:1] or y.is_floating_point():
        raise ValueError(
            f"values (batch, dim) need one integer label each, "
            f"found {tuple(values.shape)} and {y.dtype} of shape {tuple(y.shape)}"
        )
    if len(y) and not 0 <= int(y.min()) <= int(y.max()) < n_classes:
        raise ValueError(f"labels must be from 0 to {n_classes - 1}, found {int(y.min())} to {int(y.max())}")
    return torch.cat([values, one_hot(y.long(), n_classes).to(values.dtype)], dim=1)


class LabelledMLP(nn.Module):
    """A multilayer perceptron that is told a label: a small conditional generator, or discriminator.

    Parameters
    ----------
    sizes : sequence of int
        Widths as for `networks.mlp`, without the label: ``(4, 32, 2)`` takes four numbers and a label.
    n_classes : int
        Number of classes, at least 1.
    activation : callable
        Makes the activation after each hidden layer.

    Raises
    ------
    ValueError
        If there are no classes (bad sizes are refused by `networks.mlp`).
    """

    def __init__(self, sizes: Sequence[int], n_classes: int, activation: Callable[[], nn.Module] = nn.ReLU) -> None:
        super().__init__()
        if n_classes < 1:
            raise ValueError(f"n_classes must be positive, found {n_classes}")
        self.n_classes = n_classes
        self.layers = mlp((sizes[0] + n_classes, *sizes[1:]), activation)

    def forward(self, values: Tensor, y: Tensor) -> Tensor:
        """Values of shape (batch, sizes[0]) and labels (batch,) to (batch, sizes[-1])."""
        return self.layers(with_label(values, y, self.n_classes))


def labelled_minibatches(x: Tensor, y: Tensor, batch_size: int, rng: np.random.Generator) -> Iterator[Pairs]:
    """Endless batches of examples with their labels, reshuffled after each pass; the rest of a pass is left out.

    Raises
    ------
    ValueError
        If there are not as many labels as examples, or ``batch_size`` is out of range.
    """
    if len(x) != len(y):
        raise ValueError(f"each example needs a label: found {len(x)} examples and {len(y)} labels")
    if not 1 <= batch_size <= len(x):
        raise ValueError(f"batch_size must be between 1 and the {len(x)} examples, found {batch_size}")
    while True:
        order = torch.from_numpy(rng.permutation(len(x)))
        for start in range(0, len(x) - batch_size + 1, batch_size):
            chosen = order[start : start + batch_size]
            yield x[chosen], y[chosen]


# ---------------------------------------------------------------------------------------------------------
# The conditional GAN: Algorithm 1 on pairs


def conditional_gan_step(
    generator: nn.Module,
    discriminator: nn.Module,
    generator_optimiser: Optimizer,
    discriminator_optimiser: Optimizer,
    sample_noise: Callable[[int], Tensor],
    *,
    generator_kind: str = "non_saturating",
    ema: EMA | None = None,
) -> Callable[[Pairs], dict[str, float]]:
    r"""Make ``step((x, y))``: one round of Algorithm 1 whose examples are *pairs* of an image and its label.

    A real example is a pair (x, y) of the data. A generated one is the pair (G(z, y), y): the label that the
    generator was given goes to the discriminator as well. Both kinds of pairs use the labels of the batch, so that
    the frequency of a label never tells real from fake.

    Parameters
    ----------
    generator, discriminator : Module
        ``generator(z, y)`` gives examples, ``discriminator(x, y)`` logits.
    generator_optimiser, discriminator_optimiser : Optimizer
        One for the parameters of each player.
    sample_noise : callable
        ``sample_noise(m)`` draws m fresh noise vectors.
    generator_kind : {"non_saturating", "saturating", "wasserstein"}
        What the generator descends, see `gan.generator_loss`.
    ema : EMA, optional
        Average of the generator to update after each round.

    Returns
    -------
    callable
        ``step((x, y)) -> {"discriminator_loss": ..., "generator_loss": ...}``: in nats, each taken before its
        player's own update.

    Raises
    ------
    ValueError
        If the kind is unknown (when the step is made), or a batch has not one label for each example.

    References
    ----------
    Mirza & Osindero (2014), eq. (2). In the book: equations ``def-conditional-game`` and ``conditional-criterion``.
    """
    if generator_kind not in GENERATOR_KINDS:
        raise ValueError(f"kind must be one of {', '.join(GENERATOR_KINDS)}, found {generator_kind!r}")

    def step(batch: Pairs) -> dict[str, float]:
        x, y = _pairs(batch)

        # The discriminator's turn: pairs of the data against pairs whose image was made for the same label.
        with frozen(generator):
            fake = generator(sample_noise(len(y)), y)
        d_loss = discriminator_loss(discriminator(x, y), discriminator(fake, y))
        discriminator_optimiser.zero_grad()
        d_loss.backward()
        discriminator_optimiser.step()

        # The generator's turn: fresh noise; the discriminator stands still and is told the label again.
        with frozen(discriminator):
            fake = generator(sample_noise(len(y)), y)
            g_loss = generator_loss(discriminator(fake, y), generator_kind)
            generator_optimiser.zero_grad()
            g_loss.backward()
            generator_optimiser.step()

        if ema is not None:
            ema.update(generator)
        return {"discriminator_loss": d_loss.item(), "generator_loss": g_loss.item()}

    return step


@torch.no_grad()
def sample(generator: nn.Module, z: Tensor, y: Tensor) -> Tensor:
    """Examples for the noise z and the labels y, in evaluation mode; the generator's mode is left as it was."""
    with evaluating(generator):
        return generator(z, y)


# ---------------------------------------------------------------------------------------------------------
# The conditional variational autoencoder


class ConditionalModel(Protocol):
    """What the steps and samplers below ask of a conditional autoencoder."""

    latent_dim: int

    def encode(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]: ...

    def decode(self, z: Tensor, y: Tensor) -> Tensor: ...


class ConditionalVAE(nn.Module):
    r"""Encoder and decoder that are both told the label: two multilayer perceptrons.

    .. math:: q(z \mid x, y) = N\bigl(\mu(x, y), \operatorname{diag} \sigma^2(x, y)\bigr), \qquad
              p(x \mid z, y) = \prod_i \operatorname{Bernoulli}\bigl(x_i; \sigma(a_i(z, y))\bigr)

    The prior of z is N(0, I) for every label.

    Parameters
    ----------
    n_pixels : int
        Length of an image.
    n_classes : int
        Number of classes.
    latent_dim : int
        Length of z.
    hidden : sequence of int
        Widths from the image inwards; the decoder has them in reverse.
    activation : callable
        Makes the activation after each hidden layer.

    References
    ----------
    Sohn, Lee & Yan (2015), section 4 (with the label as the condition). In the book: equation ``cvae-identity``.
    """

    def __init__(
        self,
        n_pixels: int,
        n_classes: int,
        latent_dim: int = 6,
        hidden: Sequence[int] = (128,),
        activation: Callable[[], nn.Module] = nn.SiLU,
    ) -> None:
        super().__init__()
        self.n_pixels, self.n_classes, self.latent_dim = n_pixels, n_classes, latent_dim
        self.encoder = LabelledMLP((n_pixels, *hidden, 2 * latent_dim), n_classes, activation)
        self.decoder = LabelledMLP((latent_dim, *reversed(hidden), n_pixels), n_classes, activation)

    def encode(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z | x, y), shape (batch, latent_dim) each."""
        mean, log_var = self.encoder(x, y).chunk(2, dim=1)
        return mean, log_var

    def decode(self, z: Tensor, y: Tensor) -> Tensor:
        """Logits of the pixels, shape (batch, n_pixels)."""
        return self.decoder(z, y)


def cvae_step(
    model: ConditionalModel, optimiser: Optimizer, *, rng: torch.Generator | None = None
) -> Callable[[Pairs], dict[str, float]]:
    """Make ``step((x, y))``, one ascent on the mean conditional ELBO with one z per example, for `training.fit`.

    Parameters
    ----------
    model : ConditionalVAE
        Or any module with ``encode(x, y)`` and ``decode(z, y)``.
    optimiser : Optimizer
        Of the model's parameters.
    rng : torch.Generator, optional
        Source of the noise; torch's global one by default.

    Returns
    -------
    callable
        ``step((x, y)) -> {"negative_elbo": ..., "reconstruction": ..., "kl": ...}``: nats per example, before the
        update; negative_elbo = reconstruction + kl bounds -log p(x | y) from above. Images are flat: (batch, n_pixels).

    Raises
    ------
    ValueError
        If a batch has not one label for each example.

    References
    ----------
    Sohn, Lee & Yan (2015), eq. (4). In the book: equation ``cvae-identity``.
    """

    def step(batch: Pairs) -> dict[str, float]:
        x, y = _pairs(batch)
        mean, log_var = model.encode(x, y)
        logits = model.decode(sample_latent(mean, log_var, rng), y)
        loss = -elbo(x, logits, mean, log_var).mean()
        kl = kl_to_standard_normal(mean, log_var).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return {"negative_elbo": loss.item(), "reconstruction": (loss - kl).item(), "kl": kl.item()}

    return step


@torch.no_grad()
def sample_given(model: ConditionalModel, y: Tensor, rng: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
    """Draw one image for each label: z from the prior, then each pixel from its Bernoulli.

    Parameters
    ----------
    model : ConditionalVAE
    y : LongTensor, shape (batch,)
        The labels asked for.
    rng : torch.Generator, optional
        Source of the noise; torch's global one by default.

    Returns
    -------
    images : Tensor, shape (batch, n_pixels)
        In {0, 1}.
    probabilities : Tensor, shape (batch, n_pixels)
        The decoder's means: smoother to look at, but not samples.
    """
    z = torch.randn(len(y), model.latent_dim, generator=rng, dtype=_dtype(model))
    probabilities = torch.sigmoid(model.decode(z, y))
    return torch.bernoulli(probabilities, generator=rng), probabilities


class GivenLabel(nn.Module):
    """A conditional model with one label held fixed: with it `vae.log_prob_by_quadrature` gives log p(x | y).

    Parameters
    ----------
    model : ConditionalVAE
    label : int
        From 0 to n_classes - 1.
    """

    def __init__(self, model: ConditionalVAE, label: int) -> None:
        super().__init__()
        self.model, self.label, self.latent_dim = model, label, model.latent_dim

    def decode(self, z: Tensor) -> Tensor:
        """Logits of the pixels for points z of shape (batch, latent_dim) and this label."""
        return self.model.decode(z, torch.full((len(z),), self.label, dtype=torch.long))


# ---------------------------------------------------------------------------------------------------------
# What is sometimes offered instead: a map from labels to the latents of a finished model


class LabelMap(NamedTuple):
    """A Gaussian in latent space for each label."""

    mean: Tensor  #: (n_classes, latent_dim)
    scale_tril: (
        Tensor  #: (n_classes, latent_dim, latent_dim), lower triangular; the covariance is L times its transpose
    )

    def sample(self, y: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """One z for each label, shape (batch, latent_dim)."""
        noise = torch.randn(len(y), self.mean.shape[1], generator=rng, dtype=self.mean.dtype)
        return self.mean[y] + (self.scale_tril[y] @ noise[:, :, None])[:, :, 0]


@torch.no_grad()
def posthoc_map(model: VAE, x: Tensor, y: Tensor) -> LabelMap:
    r"""Fit, for each label, the best Gaussian to the latents that a finished VAE gives to images of that label.

    .. math:: m_y = \mathbb{E}[\mu(x) \mid y], \qquad
              S_y = \operatorname{Cov}[\mu(x) \mid y] + \mathbb{E}[\operatorname{diag} \sigma^2(x) \mid y]

    These are the first two moments of :math:`q(z \mid y) = \mathbb{E}[q(z \mid x) \mid y]`, the law that a map from
    labels to latents should have. It is *not* a conditional VAE: the decoder was trained without labels, and never
    learns which one was asked for.

    Parameters
    ----------
    model : VAE
        Trained without labels.
    x : Tensor, shape (n, n_pixels)
        Training images.
    y : LongTensor, shape (n,)
        Their labels; at least two images of each, 0 to the largest.

    Returns
    -------
    LabelMap
        ``model.decode(found.sample(y))`` are logits of images for the labels y.

    Raises
    ------
    ValueError
        If there is not one label for each image, or a label has fewer than two images.

    References
    ----------
    In the book: equation ``posthoc-information``.
    """
    x, y = _pairs((x, y))
    counts = torch.bincount(y)
    if len(counts) == 0 or int(counts.min()) < 2:
        raise ValueError(f"each label from 0 on needs two images or more, found counts {counts.tolist()}")
    mean, log_var = model.encode(x)
    means, factors = [], []
    for label in range(len(counts)):
        of_class = y == label
        within = torch.cov(mean[of_class].T, correction=0).reshape(mean.shape[1], -1)
        covariance = within + torch.diag(log_var[of_class].exp().mean(dim=0))
        means.append(mean[of_class].mean(dim=0))
        factors.append(torch.linalg.cholesky(covariance))
    return LabelMap(torch.stack(means), torch.stack(factors))


def _dtype(model: object) -> torch.dtype:
    parameters = model.parameters() if isinstance(model, nn.Module) else iter(())
    return next((parameter.dtype for parameter in parameters), torch.get_default_dtype())


def _pairs(batch: Pairs) -> Pairs:
    x, y = batch
    if y.ndim != 1 or len(x) != len(y) or len(y) == 0 or y.is_floating_point():
        raise ValueError(
            f"a batch is a pair of examples and as many whole labels, "
            f"found shapes {tuple(x.shape)} and {tuple(y.shape)} ({y.dtype})"
        )
    return x, y

"""A variational autoencoder with two latents on binary 8x8 digits: its bounds beside its exact likelihood."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from lectures_pkg.datasets import load_digits8
from lectures_pkg.training import fit, minibatches, seeded
from lectures_pkg.vae import (
    VAE,
    elbo,
    iwae_bound,
    kl_to_standard_normal,
    log_importance_weights,
    log_prob_by_quadrature,
    sample_latent,
    vae_step,
)

SEEDS = range(5)
#: Hidden widths to choose from, by the validation images.
CANDIDATES = {"64": (64,), "128": (128,), "128_64": (128, 64)}
CHOSEN = (128, 64)  #: what the validation images choose for every stored seed


class Split(NamedTuple):
    """Binary images as rows of 64 pixels, float32. The validation images are taken from the training images."""

    train: Tensor
    validation: Tensor
    test: Tensor
    test_labels: np.ndarray


def split(n_validation: int = 247) -> Split:
    """The book's split of the digits, with ``n_validation`` of its training images set aside for choices."""
    digits = load_digits8(binary=True)
    images = torch.tensor(digits.train_images.reshape(-1, 64), dtype=torch.float32)
    test = torch.tensor(digits.test_images.reshape(-1, 64), dtype=torch.float32)
    order = np.random.default_rng(0).permutation(len(images))
    return Split(images[order[n_validation:]], images[order[:n_validation]], test, digits.test_labels)


def train(
    images: Tensor, seed: int, *, hidden: tuple[int, ...] = CHOSEN, n_steps: int = 2000, beta: float = 1.0
) -> tuple[VAE, dict[str, np.ndarray]]:
    """A VAE with two latents, trained by Adam with a learning rate that falls to zero; and its history.

    Parameters
    ----------
    images : Tensor, shape (n, 64)
    seed : int
        Seeds weights, batches and noise.
    hidden : tuple of int
        Widths of the encoder; the decoder has them in reverse.
    n_steps : int
        Updates, on batches of 64.
    beta : float
        Weight of the KL; only 1 is the ELBO.
    """
    with seeded(seed):
        model = VAE(images.shape[1], 2, hidden, nn.Tanh)
        optimiser = torch.optim.Adam(model.parameters(), lr=3e-3, fused=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, n_steps)
        update = vae_step(model, optimiser, beta=beta)

        def step(batch: Tensor) -> dict[str, float]:
            report = update(batch)
            schedule.step()
            return report

        history = fit(step, minibatches(images, 64, np.random.default_rng(seed)), n_steps)
    return model, history


@torch.no_grad()
def mean_elbo(model: VAE, images: Tensor, rng: torch.Generator, n_draws: int = 20) -> float:
    """ELBO in nats per image: mean over images and over draws of z for each."""
    mean, log_var = model.encode(images)
    draws = [elbo(images, model.decode(sample_latent(mean, log_var, rng)), mean, log_var) for _ in range(n_draws)]
    return torch.stack(draws).mean().item()


def exact_log_prob(model: VAE, images: Tensor) -> float:
    """Log p(x) in nats, averaged over images, by quadrature."""
    return log_prob_by_quadrature(model, images, n_grid=201, tolerance=0.05).mean().item()


@torch.no_grad()
def prior_draws_for_ten_percent(model: VAE, images: Tensor, n_grid: int = 201, limit: float = 6.0) -> np.ndarray:
    """Draws of z from the prior after which the naive estimate of each p(x) has a standard error of a tenth of p(x).

    The relative variance of one draw is the chi-squared divergence of the posterior from the prior, here by quadrature.
    """
    axis = torch.linspace(-limit, limit, n_grid)
    z = torch.cartesian_prod(axis, axis)
    log_prior = -0.5 * z.square().sum(dim=1).double()
    log_prior -= torch.logsumexp(log_prior, dim=0)
    logits = model.decode(z).double()
    normaliser = torch.nn.functional.softplus(logits).sum(dim=1)
    draws = []
    for image in images.double():  # one by one, so that memory stays small
        log_likelihood = logits @ image - normaliser
        log_first = torch.logsumexp(log_likelihood + log_prior, dim=0)
        log_second = torch.logsumexp(2 * log_likelihood + log_prior, dim=0)
        draws.append(100 * torch.expm1(log_second - 2 * log_first))
    return torch.stack(draws).numpy()


@torch.no_grad()
def run(seed: int) -> dict[str, float]:
    """All numbers of one seed, in nats per image; the test images are looked at once, by the chosen model."""
    data = split()
    rng = torch.Generator().manual_seed(seed)
    with torch.enable_grad():
        models = {name: train(data.train, seed, hidden=hidden)[0] for name, hidden in CANDIDATES.items()}
        half, averaged = (train(data.train, seed, beta=beta)[0] for beta in (0.5, 64.0))
    validation = {name: -mean_elbo(model, data.validation, rng) for name, model in models.items()}
    model = models[min(validation, key=lambda name: validation[name])]

    exact = -exact_log_prob(model, data.test)
    negative_elbo = -mean_elbo(model, data.test, rng)
    iwae = -iwae_bound(log_importance_weights(model, data.test, 1000, rng)).mean().item()
    some = data.train[:450]
    exact_train = -exact_log_prob(model, some)
    frequency = (data.train.sum(dim=0) + 1) / (len(data.train) + 2)
    independent = -(data.test @ frequency.log() + (1 - data.test) @ (1 - frequency).log()).mean().item()
    return {
        **{f"validation_{name}": value for name, value in validation.items()},
        "chosen_is_128_64": float(model is models["128_64"]),
        "test_negative_elbo": negative_elbo,
        "test_negative_iwae_1000": iwae,
        "test_exact": exact,
        "test_gap": negative_elbo - exact,
        "train_gap": -mean_elbo(model, some, rng) - exact_train,
        "test_kl": kl_to_standard_normal(*model.encode(data.test)).mean().item(),
        "test_independent_pixels": independent,
        "log10_prior_draws": math.log10(float(np.median(prior_draws_for_ten_percent(model, data.test)))),
        # What someone who averages the KL would report as "negative ELBO": reconstruction + KL / 2.
        "kl_averaged_test_reported": -mean_elbo(half, data.test, rng)
        - 0.5 * kl_to_standard_normal(*half.encode(data.test)).mean().item(),
        "kl_averaged_test_exact": -exact_log_prob(half, data.test),
        "kl_averaged_test_kl": kl_to_standard_normal(*half.encode(data.test)).mean().item(),
        "pixels_averaged_test_exact": -exact_log_prob(averaged, data.test),
        "pixels_averaged_test_kl": kl_to_standard_normal(*averaged.encode(data.test)).mean().item(),
    }

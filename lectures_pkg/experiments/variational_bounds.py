"""Eight latents on binary 8x8 digits: tighter bounds, the weight beta, and guesses with structure.

Chapter ``variational_bounds``. Split, batches and learning rate are those of `lectures_pkg.experiments.vae`;
width and number of steps were chosen by the validation images, at beta = 1 and a diagonal guess, for all runs.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lectures_pkg.experiments.vae import Split, mean_elbo, split
from lectures_pkg.training import Step, fit, minibatches, seeded
from lectures_pkg.vae import (
    VAE,
    bernoulli_log_prob,
    iwae_bound,
    kl_to_standard_normal,
    log_importance_weights,
    vae_step,
)
from lectures_pkg.variational_bounds import (
    StructuredVAE,
    active_units,
    bound_step,
    elbo_draw,
    guess_from_parameters,
    log_weights,
    n_guess_parameters,
    rate_split,
)

SEEDS = range(5)
LATENT_DIM = 8
BETAS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
#: (hidden units, steps) to choose from.
CANDIDATES = {
    "64_4000": (64, 4000),
    "128_2000": (128, 2000),
    "128_4000": (128, 4000),
    "256_2000": (256, 2000),
    "256_4000": (256, 4000),
}
CHOSEN = "128_4000"  #: smallest -ELBO on the validation images, averaged over the stored seeds
WIDTH, N_STEPS = CANDIDATES[CHOSEN]


def train_beta(images: Tensor, seed: int, beta: float = 1.0, *, width: int = WIDTH, n_steps: int = N_STEPS) -> VAE:
    """A plain VAE with eight latents whose KL weighs beta; seeds weights, batches and noise."""
    with seeded(seed):
        model = VAE(images.shape[1], LATENT_DIM, (width,))
        optimiser = torch.optim.Adam(model.parameters(), lr=3e-3, fused=True)
        _descend(images, seed, vae_step(model, optimiser, beta=beta), optimiser, n_steps)
    return model.requires_grad_(False)


def train_structured(
    images: Tensor,
    seed: int,
    structure: str = "diagonal",
    *,
    pixel_links: bool = False,
    n_samples: int = 1,
    n_steps: int = N_STEPS,
) -> StructuredVAE:
    """A VAE with eight latents and a guess of this structure, trained by the bound with ``n_samples`` draws."""
    with seeded(seed):
        model = StructuredVAE(images.shape[1], LATENT_DIM, (WIDTH,), structure=structure, pixel_links=pixel_links)
        optimiser = torch.optim.Adam(model.parameters(), lr=3e-3, fused=True)
        _descend(images, seed, bound_step(model, optimiser, n_samples=n_samples), optimiser, n_steps)
    return model.requires_grad_(False)


def _descend(images: Tensor, seed: int, update: Step, optimiser: torch.optim.Optimizer, n_steps: int) -> None:
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, n_steps)

    def step(batch: Tensor) -> dict[str, float]:
        report = update(batch)
        schedule.step()
        return dict(report)

    fit(step, minibatches(images, 64, np.random.default_rng(seed)), n_steps)


@torch.no_grad()
def elbo_per_image(model: StructuredVAE, images: Tensor, rng: torch.Generator, n_draws: int = 50) -> Tensor:
    """ELBO of each image in nats, averaged over draws; float64."""
    return torch.stack([elbo_draw(model, images, rng)[0].double() for _ in range(n_draws)]).mean(dim=0)


def best_guesses(
    model: StructuredVAE, images: Tensor, structure: str, rng: torch.Generator, n_steps: int = 400, n_draws: int = 16
) -> Tensor:
    """Parameters of a Gaussian for each image by itself: the encoder's answer, improved with the decoder held fixed.

    Parameters
    ----------
    model : StructuredVAE
        With a diagonal guess, where each search starts.
    images : Tensor, shape (n, n_pixels)
    structure : {"diagonal", "chain", "full"}
    rng : torch.Generator
    n_steps, n_draws : int
        Steps of Adam, and draws of z for each image and step.

    Returns
    -------
    Tensor, shape (n, n_guess_parameters)
    """
    k = model.latent_dim
    mean, log_var = model.encoder(images).detach().split(k, dim=-1)
    parameters = torch.zeros(len(images), n_guess_parameters(k, structure))
    parameters[:, :k] = mean
    parameters[:, k : 2 * k] = log_var / 2 if structure == "full" else log_var
    parameters.requires_grad_()
    optimiser = torch.optim.Adam([parameters], lr=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, n_steps)
    with torch.enable_grad():
        for _ in range(n_steps):
            loss = -fixed_elbo(model, images, parameters, structure, n_draws, rng).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return parameters.detach()


def fixed_elbo(
    model: StructuredVAE, images: Tensor, parameters: Tensor, structure: str, n_draws: int, rng: torch.Generator
) -> Tensor:
    """ELBO of each image, (n,), for guesses given by their parameters instead of by the encoder."""
    guess = guess_from_parameters(parameters.expand(n_draws, -1, -1), model.latent_dim, structure)
    logits = model.decoder(guess.rsample(rng))
    return (bernoulli_log_prob(images.expand(n_draws, -1, -1), logits) - guess.kl_to_standard_normal()).mean(dim=0)


@torch.no_grad()
def _beta_numbers(model: VAE, beta: float, data: Split, rng: torch.Generator) -> dict[str, float]:
    mean, log_var = model.encode(data.test)
    rate = kl_to_standard_normal(mean, log_var).mean().item()
    negative_elbo = -mean_elbo(model, data.test, rng)
    numbers = {
        "rate": rate,
        "distortion": negative_elbo - rate,
        "negative_elbo": negative_elbo,
        "negative_iwae_1000": -iwae_bound(log_importance_weights(model, data.test, 1000, rng)).mean().item(),
    }
    if beta in (0.25, 1.0, 4.0):
        numbers["active"] = float(active_units(mean).sum())
        numbers["above_tenth"] = float((kl_per_latent(mean, log_var) > 0.1).sum())  # latents that cost more than .1 nat
        train_mean, train_log_var = model.encode(data.train)
        parts = rate_split(train_mean, train_log_var, 4, rng)
        numbers["train_rate"] = kl_to_standard_normal(train_mean, train_log_var).mean().item()
        numbers["train_information"] = parts.information.mean().item()
        numbers["train_marginal_kl"] = parts.marginal_kl.mean().item()
    return {f"beta_{beta:g}_{name}": value for name, value in numbers.items()}


def kl_per_latent(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL of each latent by itself, averaged over images, shape (latent_dim,)."""
    return kl_to_standard_normal(mean[..., None], log_var[..., None]).mean(dim=0)


@torch.no_grad()
def _structure_numbers(seed: int, data: Split, rng: torch.Generator) -> dict[str, float]:
    numbers: dict[str, float] = {}
    models = {}
    settings: dict[str, dict] = {
        "diagonal": {},
        "chain": {"structure": "chain"},
        "full": {"structure": "full"},
        "five_draws": {"n_samples": 5},
        "links": {"pixel_links": True},
    }
    elbos = {}
    for name, options in settings.items():
        with torch.enable_grad():
            model = models[name] = train_structured(data.train, seed, **options)
        elbos[name] = elbo_per_image(model, data.test, rng)
        numbers[f"{name}_negative_elbo"] = -elbos[name].mean().item()
        numbers[f"{name}_negative_iwae_5000"] = -iwae_bound(log_weights(model, data.test, 5000, rng)).mean().item()
        numbers[f"{name}_rate"] = elbo_draw(model, data.test, rng)[1].mean().item()
        if name != "diagonal":
            gain = elbos[name] - elbos["diagonal"]  # the same images: a paired difference
            numbers[f"{name}_gain"] = gain.mean().item()
            numbers[f"{name}_gain_error"] = (gain.std() / len(gain) ** 0.5).item()

    # What each family could say at best, image by image, to the decoder that was trained with the diagonal one.
    model, images = models["diagonal"], data.test[:200]
    best = {}
    for structure in ("diagonal", "chain", "full"):
        parameters = best_guesses(model, images, structure, rng)
        draws = [fixed_elbo(model, images, parameters, structure, 100, rng).double() for _ in range(10)]
        best[structure] = torch.stack(draws).mean(dim=0)
        if structure == "full":  # the best proposal that we have: its importance weights come nearest to log p(x)
            guess_is_best = [_log_weights_of(model, images, parameters, rng) for _ in range(20)]
            near_truth = iwae_bound(torch.cat(guess_is_best).double())
    numbers["encoder_gap"] = (near_truth - elbos["diagonal"][:200]).mean().item()
    for structure, value in best.items():
        numbers[f"best_{structure}_gap"] = (near_truth - value).mean().item()
    for structure in ("chain", "full"):
        gain = best[structure] - best["diagonal"]
        numbers[f"best_{structure}_gain"] = gain.mean().item()
        numbers[f"best_{structure}_gain_error"] = (gain.std() / len(gain) ** 0.5).item()
    return numbers


def _log_weights_of(model: StructuredVAE, images: Tensor, parameters: Tensor, rng: torch.Generator) -> Tensor:
    """Log importance weights of 100 draws from full guesses given by their parameters, (100, n)."""
    guess = guess_from_parameters(parameters.expand(100, -1, -1), model.latent_dim, "full")
    z = guess.rsample(rng)
    log_prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(dim=-1)
    return bernoulli_log_prob(images.expand(100, -1, -1), model.decoder(z)) + log_prior - guess.log_prob(z)


@torch.no_grad()
def run(seed: int) -> dict[str, float]:
    """All numbers of one seed, in nats per image."""
    data, rng = split(), torch.Generator().manual_seed(seed)
    numbers = {}
    for name, (width, n_steps) in CANDIDATES.items():
        with torch.enable_grad():
            model = train_beta(data.train, seed, width=width, n_steps=n_steps)
        numbers[f"validation_{name}"] = -mean_elbo(model, data.validation, rng)
    for beta in BETAS:
        with torch.enable_grad():
            model = train_beta(data.train, seed, beta)
        numbers |= _beta_numbers(model, beta, data, rng)
    return numbers | _structure_numbers(seed, data, rng)

"""Encoders with structure, several draws, and what a code costs: by hand, by torch.distributions, by enumeration."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, MultivariateNormal, Normal, kl_divergence

from lectures_pkg.divergences import gaussian_kl
from lectures_pkg.experiments import spread
from lectures_pkg.experiments import variational_bounds as experiment
from lectures_pkg.training import fit, seeded
from lectures_pkg.vae import VAE, ChainGaussian, FullGaussian, log_importance_weights
from lectures_pkg.variational_bounds import (
    STRUCTURES,
    StructuredVAE,
    active_units,
    bound_step,
    elbo_draw,
    guess_from_parameters,
    log_weights,
    n_guess_parameters,
    rate_split,
)
from lectures_pkg.worlds import binary_images

IMAGES = torch.tensor(binary_images(), dtype=torch.float64)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def structured(structure="diagonal", *, latent_dim=3, pixel_links=False, seed=0):
    with seeded(seed):
        return StructuredVAE(4, latent_dim, (6,), structure=structure, pixel_links=pixel_links).double()


# ------------------------------------------------------------------------------------------ guesses from an encoder


def test_counts_by_hand():
    # two latents: 2 means with 2 variances; one link more; 3 entries of a covariance
    assert [n_guess_parameters(2, structure) for structure in STRUCTURES] == [4, 5, 5]
    assert [n_guess_parameters(1, structure) for structure in STRUCTURES] == [2, 2, 2]
    assert [n_guess_parameters(3, structure) for structure in STRUCTURES] == [6, 8, 9]


@pytest.mark.parametrize("structure", STRUCTURES)
def test_every_parameter_matters_once(structure):
    n = n_guess_parameters(4, structure)
    parameters = torch.zeros(n, dtype=torch.float64)

    def moments(values):
        """Mean and covariance of the guess, from the Jacobian of its draws."""
        noise = torch.eye(4, dtype=torch.float64)
        centre = guess_from_parameters(values, 4, structure).mean
        guess = guess_from_parameters(values, 4, structure)
        if structure == "diagonal":
            cov = torch.diag(guess.log_var.exp())
        else:
            cov = guess.covariance() if structure == "chain" else guess.scale_tril @ guess.scale_tril.T @ noise
        return torch.cat([centre, cov[tuple(torch.tril_indices(4, 4))]])

    jacobian = torch.autograd.functional.jacobian(moments, parameters)
    assert torch.linalg.matrix_rank(jacobian) == n  # no parameter is idle, no two do the same


def test_full_parameters_are_read_row_by_row():
    guess = guess_from_parameters(torch.tensor([1.0, 2, 3, 0, math.log(2), 0, 4, 5, 6]), 3, "full")
    assert isinstance(guess, FullGaussian)
    assert guess.mean.tolist() == [1, 2, 3]
    assert guess.scale_tril.numpy() == pytest.approx(np.array([[1, 0, 0], [4, 2, 0], [5, 6, 1]]))


def test_chain_parameters_end_with_the_coefficients():
    guess = guess_from_parameters(torch.tensor([1.0, 2, 3, 4, 5]), 2, "chain")
    assert isinstance(guess, ChainGaussian)
    assert (guess.mean.tolist(), guess.log_var.tolist(), guess.coefficient.tolist()) == ([1, 2], [3, 4], [5])


Z = torch.zeros
BAD = [
    (lambda: n_guess_parameters(3, "banded"), "structure must be one of diagonal, chain, full, found 'banded'"),
    (lambda: n_guess_parameters(0, "full"), "latent_dim must be at least 1, found 0"),
    (lambda: guess_from_parameters(Z(2, 7), 3, "chain"), "a chain guess of 3 latents has 8 parameters, found 7"),
    (lambda: log_weights(structured(), IMAGES, 0), "n_samples must be at least 1, found 0"),
    (lambda: bound_step(structured(), None, n_samples=0), "n_samples must be at least 1, found 0"),
    (lambda: active_units(Z(3)), "mean must have shape (n, latent_dim) with n >= 2, found (3,)"),
    (lambda: active_units(Z(1, 3)), "mean must have shape (n, latent_dim) with n >= 2, found (1, 3)"),
    (
        lambda: rate_split(Z(3, 2), Z(3, 1), 4),
        "mean and log_var must have the same shape (n, latent_dim) and n_draws be at least 1, "
        "found (3, 2), (3, 1) and 4",
    ),
    (
        lambda: rate_split(Z(3, 2), Z(3, 2), 0),
        "mean and log_var must have the same shape (n, latent_dim) and n_draws be at least 1, "
        "found (3, 2), (3, 2) and 0",
    ),
]


@pytest.mark.parametrize(("call", "sentence"), BAD, ids=range(len(BAD)))
def test_bad_input_gets_one_clear_sentence(call, sentence):
    with pytest.raises(ValueError, match=r".*") as caught:
        call()
    assert str(caught.value) == sentence


# ------------------------------------------------------------------------------------------ bounds with structure


def test_the_diagonal_model_is_the_plain_one():
    with seeded(3):
        plain = VAE(4, 3, (6,)).double()
    model = structured(seed=3)
    assert all(torch.equal(*pair) for pair in zip(plain.parameters(), model.parameters(), strict=True))
    ours, theirs = log_weights(model, IMAGES, 5, generator(1)), log_importance_weights(plain, IMAGES, 5, generator(1))
    assert torch.allclose(ours, theirs)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_weights_by_torch_distributions(structure):
    model = structured(structure)
    found = log_weights(model, IMAGES[:5], 7, generator(2))
    guess = guess_from_parameters(model.encoder(IMAGES[:5]).expand(7, -1, -1), 3, structure)
    z = guess.rsample(generator(2))
    if structure == "diagonal":
        log_q = Normal(guess.mean, torch.exp(guess.log_var / 2)).log_prob(z).sum(-1)
    else:
        factor = guess.scale_tril if structure == "full" else torch.linalg.cholesky(guess.covariance())
        log_q = MultivariateNormal(guess.mean, scale_tril=factor).log_prob(z)
    joint = Bernoulli(logits=model.decoder(z)).log_prob(IMAGES[:5]).sum(-1) + Normal(0.0, 1.0).log_prob(z).sum(-1)
    assert torch.allclose(found, joint - log_q)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_elbo_is_the_mean_log_weight(structure):
    model = structured(structure).requires_grad_(False)
    x = IMAGES[6:7]
    n = 20_000
    bounds, kl = elbo_draw(model, x.expand(n, -1), generator(0))
    singles = log_weights(model, x, n, generator(1))[:, 0]
    error = math.hypot(bounds.std().item(), singles.std().item()) / math.sqrt(n)
    assert abs((bounds.mean() - singles.mean()).item()) < 5 * error
    guess = model.guess(x)
    cov = {
        "diagonal": lambda: torch.diag(guess.log_var[0].exp()),
        "chain": lambda: guess.covariance()[0],
        "full": lambda: guess.scale_tril[0] @ guess.scale_tril[0].T,
    }[structure]()
    assert kl[0].item() == pytest.approx(gaussian_kl(guess.mean[0].numpy(), cov.numpy(), np.zeros(3), np.eye(3)))


def test_links_see_the_pixels_before_and_make_a_law():
    model = structured(latent_dim=1, pixel_links=True).requires_grad_(False)
    z = torch.tensor([[0.7]], dtype=torch.float64)
    logits = model.logits(IMAGES, z.expand(16, -1))
    log_p = Bernoulli(logits=logits).log_prob(IMAGES).sum(dim=1)
    assert log_p.exp().sum().item() == pytest.approx(1)  # all 16 pictures: p(x | z) is a law for each z
    x = IMAGES[5:6].clone().requires_grad_()
    for pixel in range(4):
        (slope,) = torch.autograd.grad(model.logits(x, z)[0, pixel], x, retain_graph=True)
        assert (slope[0, pixel:] == 0).all() and (slope[0, :pixel] != 0).all()


@pytest.mark.parametrize("n_samples", [1, 4])
def test_a_step_descends(n_samples):
    with seeded(0):
        model = StructuredVAE(4, 2, (16,), structure="chain")
        step = bound_step(model, torch.optim.Adam(model.parameters(), lr=1e-2), n_samples=n_samples)
        strokes = torch.tensor([[1.0, 0, 1, 0], [0, 1, 0, 1]]).repeat(16, 1)
        history = fit(step, [strokes] * 300, 300)["negative_bound"]
    # Two pictures, equally likely: no bound is better than log 2 on average.
    assert history[0] > 2 and math.log(2) < history[-50:].mean() < math.log(2) + 0.4


def test_several_draws_give_the_gradient_of_the_normalised_weights():
    model = structured("full")
    weights = log_weights(model, IMAGES[:3], 4, generator(5))
    share = torch.softmax(weights, dim=0).detach()  # Burda et al. (2016), eq. (14)
    by_hand = torch.autograd.grad((share * weights).sum(dim=0).mean(), list(model.parameters()))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.0)
    bound_step(model, optimiser, n_samples=4, rng=generator(5))(IMAGES[:3])
    for parameter, expected in zip(model.parameters(), by_hand, strict=True):
        assert torch.allclose(-parameter.grad, expected)


# ------------------------------------------------------------------------------------------ what a code costs


def test_active_units_by_hand():
    # means 0 and .3 vary by .045; 0 and .1 by .005
    mean = torch.tensor([[0.0, 0.0, 5.0], [0.3, 0.1, 5.0]])
    assert active_units(mean).tolist() == [True, False, False]
    assert active_units(mean, threshold=0.004).tolist() == [True, True, False]


def test_rate_of_one_image_has_no_information():
    parts = rate_split(torch.tensor([[1.0, 2.0]]), torch.zeros(1, 2), 5, generator())
    assert parts.information.numpy() == pytest.approx(np.zeros(5), abs=1e-6)


def test_rate_of_far_islands_is_the_logarithm_of_their_number():
    mean = torch.arange(7.0)[:, None] * 100
    parts = rate_split(mean, torch.zeros(7, 1), 3, generator())
    assert parts.information.numpy() == pytest.approx(np.full(3, math.log(7)), abs=1e-5)


def test_both_parts_of_the_rate_by_a_grid():
    mean, std = np.array([-1.0, 0.2, 1.5]), np.array([0.4, 0.8, 0.3])
    z = np.linspace(-9, 9, 6001)
    laws = np.exp(-0.5 * ((z - mean[:, None]) / std[:, None]) ** 2) / (std[:, None] * math.sqrt(2 * math.pi))
    mixture, prior = laws.mean(axis=0), np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    information = np.mean([np.trapezoid(law * np.log((law + 1e-300) / mixture), z) for law in laws])
    marginal = np.trapezoid(mixture * np.log(mixture / prior), z)
    n = 5000
    parts = rate_split(torch.tensor(mean)[:, None], torch.tensor(2 * np.log(std))[:, None], n, generator())
    for found, expected in ((parts.information, information), (parts.marginal_kl, marginal)):
        assert abs(found.mean().item() - expected) < 5 * found.std().item() / math.sqrt(n)
    exact = kl_divergence(Normal(torch.tensor(mean), torch.tensor(std)), Normal(0.0, 1.0)).mean().item()
    assert information + marginal == pytest.approx(exact, abs=1e-6)


def test_kl_of_each_latent_adds_up():
    mean, log_var = torch.tensor([[1.0, 0.0], [3.0, 0.0]]), torch.zeros(2, 2)
    assert experiment.kl_per_latent(mean, log_var).tolist() == [2.5, 0.0]


# ------------------------------------------------------------------------------------------ the search image by image


def test_a_search_never_ends_below_the_encoder():
    model = structured(latent_dim=2).float().requires_grad_(False)
    images = IMAGES[:6].float()
    k = model.latent_dim
    start = model.encoder(images)
    before = experiment.fixed_elbo(model, images, start, "diagonal", 4000, generator())
    for structure in STRUCTURES:
        best = experiment.best_guesses(model, images, structure, generator(), n_steps=150)
        after = experiment.fixed_elbo(model, images, best, structure, 4000, generator())
        assert best.shape == (6, n_guess_parameters(k, structure))
        assert (after > before - 0.02).all() and after.mean() > before.mean() + 0.005


# ------------------------------------------------------------------------------------------ stored results


@pytest.fixture(scope="module")
def stored():
    return spread("variational_bounds")


def test_the_chosen_setting_is_the_validation_images_choice(stored):
    validation = {name: stored[f"validation_{name}"].mean for name in experiment.CANDIDATES}
    assert min(validation, key=validation.get) == experiment.CHOSEN


def test_stored_bounds_are_in_order(stored):
    for name in ("diagonal", "chain", "full", "five_draws", "links"):
        assert stored[f"{name}_negative_iwae_5000"].high < stored[f"{name}_negative_elbo"].low
    for beta in experiment.BETAS:
        rate, distortion = stored[f"beta_{beta:g}_rate"].mean, stored[f"beta_{beta:g}_distortion"].mean
        assert rate + distortion == pytest.approx(stored[f"beta_{beta:g}_negative_elbo"].mean, abs=1e-4)


def test_stored_rates_fall_with_beta(stored):
    rates = [stored[f"beta_{beta:g}_rate"].mean for beta in experiment.BETAS]
    distortions = [stored[f"beta_{beta:g}_distortion"].mean for beta in experiment.BETAS]
    assert (np.diff(rates) < 0).all()
    assert (np.diff(distortions[1:]) > 0).all()


def test_stored_information_respects_its_ceiling(stored):
    for beta in (0.25, 1.0, 4.0):
        parts = [stored[f"beta_{beta:g}_train_{name}"].mean for name in ("information", "marginal_kl", "rate")]
        assert parts[0] <= math.log(1100) and parts[1] >= 0
        assert parts[0] + parts[1] == pytest.approx(parts[2], abs=0.05)

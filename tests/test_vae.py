"""The variational autoencoder's module: worked by hand, by SciPy, by torch.distributions and by enumeration."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch.distributions import Bernoulli, Normal, kl_divergence

from lectures_pkg.experiments.vae import prior_draws_for_ten_percent
from lectures_pkg.training import fit, seeded
from lectures_pkg.vae import (
    VAE,
    bernoulli_log_prob,
    elbo,
    iwae_bound,
    kl_to_standard_normal,
    linear_elbo,
    linear_log_prob,
    linear_posterior,
    log_importance_weights,
    log_prob_by_quadrature,
    sample,
    sample_latent,
    vae_step,
)
from lectures_pkg.worlds import binary_images


def tensor(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def affine_model(latent_dim=2, seed=0, scale=1.5):
    """Pixels' logits affine in z, in float64."""
    rng = np.random.default_rng(seed)
    model = VAE(4, latent_dim, hidden=()).double().requires_grad_(False)
    model.decoder[0].weight.copy_(torch.tensor(scale * rng.normal(size=(4, latent_dim))))
    model.decoder[0].bias.copy_(torch.tensor(rng.normal(size=4)))
    model.encoder[0].weight.copy_(torch.tensor(0.1 * rng.normal(size=(2 * latent_dim, 4))))
    model.encoder[0].bias.zero_()
    return model


IMAGES = torch.tensor(binary_images(), dtype=torch.float64)


# ------------------------------------------------------------------------------------------ the bound


def test_the_picture_worked_by_hand():
    x, p = tensor([0, 1, 0, 1]), tensor([0.1, 0.8, 0.4, 0.9])
    assert bernoulli_log_prob(x, torch.logit(p)).item() == pytest.approx(math.log(0.9 * 0.8 * 0.6 * 0.9))
    # 1/2 [(1 + 1/4 - 1 + log 4) + (1/4 + 1 - 1 - 0)] = 1/4 + log 2
    mean, log_var = tensor([1, -0.5]), tensor([math.log(0.25), 0])
    assert kl_to_standard_normal(mean, log_var).item() == pytest.approx(0.25 + math.log(2))
    expected = math.log(0.3888) - 0.25 - math.log(2)
    assert elbo(x, torch.logit(p), mean, log_var).tolist() == pytest.approx([expected])


def test_log_likelihood_at_logits_where_the_sigmoid_is_one():
    x = tensor([1, 0], [0, 1])
    logits = tensor([800, -800], [800, -800])
    assert bernoulli_log_prob(x, logits).tolist() == [0.0, -1600.0]


def test_log_likelihood_is_that_of_torch_distributions():
    rng = np.random.default_rng(0)
    x, logits = torch.tensor(rng.integers(0, 2, (5, 7))), torch.tensor(rng.normal(size=(5, 7)))
    expected = Bernoulli(logits=logits).log_prob(x.double()).sum(dim=-1)
    assert torch.allclose(bernoulli_log_prob(x, logits), expected)
    assert torch.allclose(bernoulli_log_prob(x.bool().double(), logits), expected)


@pytest.mark.parametrize("std", [1e-3, 0.5, 1.0, 3.0, 30.0])
def test_kl_is_that_of_torch_distributions(std):
    mean = tensor([0.0, -1.3, 4.0], [0.1, 0.0, -7.0])
    log_var = torch.full_like(mean, 2 * math.log(std))
    expected = kl_divergence(Normal(mean, std), Normal(0.0, 1.0)).sum(dim=-1)
    assert torch.allclose(kl_to_standard_normal(mean, log_var), expected, rtol=1e-12)


def test_kl_sums_over_latents_and_keeps_the_batch():
    one = kl_to_standard_normal(tensor([2.0]), tensor([0.0]))
    assert one.tolist() == [2.0]
    eight = kl_to_standard_normal(torch.full((3, 8), 2.0), torch.zeros(3, 8))
    assert eight.tolist() == [16.0, 16.0, 16.0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_kl_is_finite_and_differentiable_at_extremes(dtype):
    log_var = torch.tensor([[-60.0, 2 * math.log(1e-3), 0.0, 2 * math.log(30.0)]], dtype=dtype, requires_grad=True)
    kl = kl_to_standard_normal(torch.zeros_like(log_var), log_var)
    kl.sum().backward()
    assert torch.isfinite(kl).all()
    assert torch.allclose(log_var.grad, 0.5 * (log_var.exp() - 1))


def test_kl_near_the_prior_keeps_its_digits():
    # 1/2 (e^t - 1 - t) = t^2 / 4 for small t
    tiny = tensor([1e-5])
    assert kl_to_standard_normal(torch.zeros_like(tiny), tiny).item() == pytest.approx(2.5e-11, rel=1e-4)


def test_elbo_in_expectation_by_quadrature():
    model = affine_model(latent_dim=1)
    x, mean, std = IMAGES[5], 0.4, 0.7
    weight, bias = model.decoder[0].weight.numpy()[:, 0], model.decoder[0].bias.numpy()

    def integrand(z):
        p = 1 / (1 + np.exp(-(weight * z + bias)))
        log_likelihood = np.log(np.where(x.numpy() == 1, p, 1 - p)).sum()
        log_ratio = stats.norm.logpdf(z) - stats.norm.logpdf(z, mean, std)
        return stats.norm.pdf(z, mean, std) * (log_likelihood + log_ratio)

    exact = integrate.quad(integrand, mean - 10 * std, mean + 10 * std)[0]
    n = 40_000
    many, log_var = torch.full((n, 1), mean, dtype=torch.float64), torch.full((n, 1), 2 * math.log(std)).double()
    draws = elbo(x.expand(n, -1), model.decode(sample_latent(many, log_var, generator())), many, log_var).numpy()
    assert abs(draws.mean() - exact) < 5 * draws.std() / math.sqrt(n)


# ------------------------------------------------------------------------------------------ bad input, as data


Z = torch.zeros
# The prior's mass on a grid by hand: (2 Phi(3) - 1 + .02 phi(3))^2, and [3 (phi(0) + 2 phi(3) + 2 phi(6))]^2.
BAD = [
    (lambda: elbo(Z(3, 4), Z(1, 4), Z(3, 2), Z(3, 2)), "x has shape (3, 4) but logits have (1, 4)"),
    (
        lambda: elbo(Z(3, 4), Z(3, 4), Z(1, 2), Z(1, 2)),
        "x of shape (3, 4) and mean of shape (1, 2) must agree but for the last axis",
    ),
    (
        lambda: elbo(Z(3, 4), Z(3, 4), Z(3, 2), Z(3, 1)),
        "mean and log_var must have the same shape (batch, latent_dim), found (3, 2) and (3, 1)",
    ),
    (
        lambda: elbo(Z(1, 4) + 16, Z(1, 4), Z(1, 2), Z(1, 2)),
        "x must be in [0, 1] (binary images: 0 or 1), found 16 to 16",
    ),
    (
        lambda: elbo(Z(1, 4) - 1, Z(1, 4), Z(1, 2), Z(1, 2)),
        "x must be in [0, 1] (binary images: 0 or 1), found -1 to -1",
    ),
    (
        lambda: bernoulli_log_prob(torch.full((1, 2), math.nan), Z(1, 2)),
        "x must be in [0, 1] (binary images: 0 or 1), found nan to nan",
    ),
    (
        lambda: kl_to_standard_normal(Z(3, 2), Z(2)),
        "mean and log_var must have the same shape (batch, latent_dim), found (3, 2) and (2,)",
    ),
    (
        lambda: sample_latent(Z(()), Z(())),
        "mean and log_var must have the same shape (batch, latent_dim), found () and ()",
    ),
    (lambda: iwae_bound(Z(0, 3)), "log_weights must have shape (K, batch) with K >= 1, found (0, 3)"),
    (lambda: iwae_bound(Z(3)), "log_weights must have shape (K, batch) with K >= 1, found (3,)"),
    (lambda: log_importance_weights(VAE(4), Z(1, 4), 0), "n_samples must be at least 1, found 0"),
    (lambda: log_importance_weights(VAE(4), Z(4), 5), "x must have shape (batch, n_pixels), found (4,)"),
    (
        lambda: log_prob_by_quadrature(VAE(4), Z(1, 4) + 0.5),
        "x must be 0 or 1 in every pixel: grey values have no likelihood under a Bernoulli decoder",
    ),
    (
        lambda: log_prob_by_quadrature(VAE(4, 3), Z(1, 4)),
        "a grid serves one or two latents, found 3: use iwae_bound(log_importance_weights(...))",
    ),
    (lambda: log_prob_by_quadrature(VAE(4), Z(1, 4), n_grid=100), "n_grid must be odd and at least 5, found 100"),
    (
        lambda: log_prob_by_quadrature(VAE(4), Z(1, 4), limit=3.0),
        "the grid holds 0.994783 of the prior's mass, needed 1 within 1e-4: widen or refine it",
    ),
    (
        lambda: log_prob_by_quadrature(VAE(4), Z(1, 4), n_grid=5, limit=6.0),
        "the grid holds 1.496752 of the prior's mass, needed 1 within 1e-4: widen or refine it",
    ),
    (lambda: vae_step(VAE(4), None, beta=-1.0), "beta must not be negative, found -1.0"),
    (lambda: linear_log_prob(Z(1, 3), Z(3, 2), Z(3), 0.0), "noise_var must be positive, found 0.0"),
    (
        lambda: linear_posterior(Z(1, 3), Z(2, 2), Z(3), 1.0),
        "x (batch, n), weight (n, k) and bias (n,) must fit, found (1, 3), (2, 2) and (3,)",
    ),
    (
        lambda: linear_elbo(Z(1, 3), Z(1, 1), Z(2, 2), Z(3, 2), Z(3), 1.0),
        "mean must have shape (1, 2) and cov (2, 2), found (1, 1) and (2, 2)",
    ),
]


@pytest.mark.parametrize(("call", "sentence"), BAD, ids=range(len(BAD)))
def test_bad_input_gets_one_clear_sentence(call, sentence):
    with pytest.raises(ValueError, match=r".*") as caught:
        call()
    assert str(caught.value) == sentence


def test_a_grid_coarser_than_the_posterior_is_refused():
    model = affine_model(scale=60.0)
    with pytest.raises(ValueError, match="the grid is too coarse: every second point"):
        log_prob_by_quadrature(model, IMAGES, n_grid=31)


# ------------------------------------------------------------------------------------------ sampling and gradients


def test_latents_follow_their_law():
    mean, log_var = tensor([1.0, -2.0]).expand(20_000, -1), tensor([math.log(0.25), math.log(9.0)]).expand(20_000, -1)
    z = sample_latent(mean, log_var, generator()).numpy()
    assert stats.kstest(z[:, 0], stats.norm(1.0, 0.5).cdf).pvalue > 1e-6
    assert stats.kstest(z[:, 1], stats.norm(-2.0, 3.0).cdf).pvalue > 1e-6
    assert abs(np.corrcoef(z.T)[0, 1]) < 5 / math.sqrt(20_000)


def test_latents_are_repeatable_and_leave_the_global_state():
    before = torch.get_rng_state()
    draws = [sample_latent(torch.zeros(3, 2), torch.zeros(3, 2), generator(7)) for _ in range(2)]
    assert torch.equal(*draws)
    assert torch.equal(before, torch.get_rng_state())


def test_gradients_reach_mean_and_log_var_as_finite_differences_say():
    mean, log_var = tensor([0.3, -0.8]).requires_grad_(), tensor([0.4, -1.0]).requires_grad_()
    assert torch.autograd.gradcheck(lambda m, v: sample_latent(m, v, generator(3)).pow(3).sum(), (mean, log_var))


def test_samples_are_binary_and_follow_the_model():
    model = affine_model()
    images, probabilities = sample(model, 40_000, generator())
    assert set(images.unique().tolist()) == {0.0, 1.0}
    assert probabilities.shape == images.shape == (40_000, 4)
    codes = (images.numpy() @ [8, 4, 2, 1]).astype(int)
    expected = log_prob_by_quadrature(model, IMAGES).exp().numpy() * 40_000
    assert stats.chisquare(np.bincount(codes, minlength=16), expected, sum_check=False).pvalue > 1e-6


# ------------------------------------------------------------------------------------------ likelihoods


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_exact_probabilities_of_all_pictures_sum_to_one(latent_dim):
    log_prob = log_prob_by_quadrature(affine_model(latent_dim), IMAGES)
    assert log_prob.exp().sum().item() == pytest.approx(1, abs=1e-8)


def test_exact_log_prob_by_scipy():
    model = affine_model()
    weight, bias = model.decoder[0].weight.numpy(), model.decoder[0].bias.numpy()

    def integrand(z2, z1):
        p = 1 / (1 + np.exp(-(weight @ [z1, z2] + bias)))
        return np.prod(np.where(IMAGES[6].numpy() == 1, p, 1 - p)) * stats.norm.pdf(z1) * stats.norm.pdf(z2)

    expected = integrate.dblquad(integrand, -7, 7, -7, 7, epsabs=1e-7)[0]
    assert log_prob_by_quadrature(model, IMAGES[6:7]).item() == pytest.approx(math.log(expected), abs=1e-5)


def test_exact_log_prob_of_a_decoder_that_ignores_z():
    model = affine_model(scale=0.0)
    expected = bernoulli_log_prob(IMAGES, model.decoder[0].bias.expand(16, -1))
    assert torch.allclose(log_prob_by_quadrature(model, IMAGES), expected, atol=1e-7)


def test_exact_log_prob_of_no_images_and_of_a_plain_decoder():
    class Constant:
        latent_dim = 1

        def decode(self, z):
            return torch.zeros(len(z), 3)

    assert log_prob_by_quadrature(Constant(), torch.zeros(0, 3)).shape == (0,)
    assert log_prob_by_quadrature(Constant(), torch.zeros(2, 3)).tolist() == pytest.approx([-3 * math.log(2)] * 2)


def test_importance_weights_average_to_the_probability():
    model = affine_model(latent_dim=1)
    log_weights = log_importance_weights(model, IMAGES[:3], 60_000, generator())
    assert log_weights.shape == (60_000, 3)
    weights = log_weights.exp()
    exact = log_prob_by_quadrature(model, IMAGES[:3]).exp()
    assert (weights.std(dim=0) < 5 * weights.mean(dim=0)).all()  # or the next line would forgive anything
    assert ((weights.mean(dim=0) - exact).abs() < 5 * weights.std(dim=0) / math.sqrt(60_000)).all()


def test_draws_from_the_prior_for_ten_percent():
    model = affine_model()
    # First and second moment of p(x | z) under the prior, by Gauss-Hermite nodes instead of a grid.
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    z = np.stack(np.meshgrid(nodes, nodes), axis=-1).reshape(-1, 2)
    mass = np.outer(weights, weights).ravel() / weights.sum() ** 2
    p = 1 / (1 + np.exp(-(z @ model.decoder[0].weight.numpy().T + model.decoder[0].bias.numpy())))
    expected = []
    for image in IMAGES.numpy()[[3, 6, 10]]:
        likelihood = np.prod(np.where(image == 1, p, 1 - p), axis=1)
        expected.append(((mass @ likelihood**2) / (mass @ likelihood) ** 2 - 1) / 0.1**2)
    draws = prior_draws_for_ten_percent(model.float(), IMAGES[[3, 6, 10]].float())
    assert draws == pytest.approx(expected, rel=1e-3)


def test_importance_weights_by_torch_distributions():
    model = VAE(4, 2, (8,)).double()
    log_weights = log_importance_weights(model, IMAGES[:2], 3, generator(5))
    mean, log_var = model.encode(IMAGES[:2])
    z = mean + torch.exp(log_var / 2) * torch.randn(3, 2, 2, generator=generator(5), dtype=torch.float64)
    joint = Bernoulli(logits=model.decode(z)).log_prob(IMAGES[:2]).sum(-1) + Normal(0.0, 1.0).log_prob(z).sum(-1)
    expected = joint - Normal(mean, torch.exp(log_var / 2)).log_prob(z).sum(-1)
    assert torch.allclose(log_weights, expected)


def test_importance_bound_by_hand():
    # log((1 + 3) / 2) = log 2; equal weights give that weight
    log_weights = torch.log(tensor([1, 5], [3, 5]))
    assert iwae_bound(log_weights).tolist() == pytest.approx([math.log(2), math.log(5)])
    assert torch.equal(iwae_bound(log_weights[:1]), log_weights[0])


def test_importance_bound_survives_extreme_weights():
    log_weights = tensor([1000.0, -1000.0, -math.inf], [999.0, -1001.0, -math.inf])
    expected = math.log((1 + math.exp(-1)) / 2)
    assert iwae_bound(log_weights).tolist() == pytest.approx([1000 + expected, -1000 + expected, -math.inf])


# ------------------------------------------------------------------------------------------ the linear decoder


def test_linear_decoder_by_scipy_and_by_conditioning():
    rng = np.random.default_rng(1)
    w, b, x = rng.normal(size=(5, 2)), rng.normal(size=5), rng.normal(size=(3, 5))
    arguments = torch.tensor(x), torch.tensor(w), torch.tensor(b), 0.4
    marginal = stats.multivariate_normal(b, w @ w.T + 0.4 * np.eye(5))
    assert linear_log_prob(*arguments).numpy() == pytest.approx(marginal.logpdf(x))
    mean, cov = linear_posterior(*arguments)
    assert mean.numpy() == pytest.approx((x - b) @ np.linalg.solve(marginal.cov, w))
    assert cov.numpy() == pytest.approx(np.eye(2) - w.T @ np.linalg.solve(marginal.cov, w))
    # Any other Gaussian falls short by its divergence from the posterior.
    other = linear_elbo(arguments[0], mean + 0.1, 1.3 * cov, *arguments[1:])
    shift = 0.5 * 0.1**2 * np.linalg.inv(cov.numpy()).sum()
    assert other.numpy() == pytest.approx(marginal.logpdf(x) - shift - (1.3 - 1 - math.log(1.3)))


def test_linear_decoder_with_one_pixel_by_hand():
    # x = z + noise of variance 1: p(x) = N(0, 2), posterior N(x / 2, 1 / 2)
    x, one, zero = tensor([2.0]), tensor([1.0]), torch.zeros(1, dtype=torch.float64)
    assert linear_log_prob(x, one, zero, 1.0).item() == pytest.approx(-1 - 0.5 * math.log(4 * math.pi))
    mean, cov = linear_posterior(x, one, zero, 1.0)
    assert (mean.item(), cov.item()) == pytest.approx((1.0, 0.5))


# ------------------------------------------------------------------------------------------ training


def test_a_step_descends_and_reports_in_nats():
    with seeded(0):
        model = VAE(4, 2, (16,))
        step = vae_step(model, torch.optim.Adam(model.parameters(), lr=1e-2))
        strokes = tensor([1, 0, 1, 0], [0, 1, 0, 1]).float().repeat(16, 1)
        history = fit(step, [strokes] * 300, 300)
    total = history["reconstruction"] + history["kl"]
    assert history["negative_elbo"] == pytest.approx(total, abs=1e-4)
    # Two pictures, equally likely: no model scores better than log 2 on average, exactly or by its bound.
    exact = -log_prob_by_quadrature(model, strokes[:2]).mean().item()
    assert math.log(2) < exact < math.log(2) + 0.3
    assert history["negative_elbo"][-50:].mean() > exact


def test_beta_weighs_the_kl_in_the_gradient_only():
    x = tensor([0, 1, 0, 1]).float()
    gradients, reports = {}, {}
    for beta in (0.0, 1.0, 3.0):
        with seeded(1):
            model = VAE(4, 2, (3,))
            reports[beta] = vae_step(model, torch.optim.SGD(model.parameters(), lr=0.0), beta=beta, rng=generator())(x)
        gradients[beta] = model.encoder[0].weight.grad.clone()
    assert reports[0.0] == reports[1.0] == reports[3.0]
    # Weight one is the gradient of the bound itself, by hand, with the same weights and the same noise.
    with seeded(1):
        model = VAE(4, 2, (3,))
    mean, log_var = model.encode(x)
    noise = torch.randn(mean.shape, generator=generator())
    likelihood = Bernoulli(logits=model.decode(mean + torch.exp(log_var / 2) * noise)).log_prob(x).sum(-1)
    prior_cost = kl_divergence(Normal(mean, torch.exp(log_var / 2)), Normal(0.0, 1.0)).sum(-1)
    (prior_cost - likelihood).mean().backward()
    assert torch.allclose(gradients[1.0], model.encoder[0].weight.grad, atol=1e-6)
    kl_part = gradients[1.0] - gradients[0.0]
    assert torch.allclose(gradients[3.0], gradients[0.0] + 3 * kl_part, atol=1e-6)
    assert kl_part.abs().max() > 1e-4

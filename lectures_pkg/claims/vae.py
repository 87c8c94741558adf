"""Claims of the chapter "The variational autoencoder"."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from scipy import integrate, optimize, stats
from torch import Tensor, nn

from lectures_pkg.claims import SMALLEST_P_VALUE, Claim, Estimate, Side, estimate, slips_of
from lectures_pkg.divergences import density_kl, gaussian_kl
from lectures_pkg.experiments import vae as experiment
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
    sample_latent,
)
from lectures_pkg.worlds import GaussianMixture, binary_images

TWO_BUMPS = GaussianMixture([0.5, 0.5], [-3.0, 3.0], 1.0)


# ---------------------------------------------------------------- worlds of the claims


def _tables(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A discrete latent with four states, one observed x: prior p(z), likelihood p(x | z), and some q(z | x)."""
    prior, q = rng.dirichlet(np.full(4, 3.0), size=2)
    return prior, rng.uniform(0.02, 0.9, size=4), q


def _posterior(prior: np.ndarray, likelihood: np.ndarray) -> np.ndarray:
    return prior * likelihood / (prior @ likelihood)


def _first_layer(network: nn.Sequential) -> nn.Linear:
    layer = network[0]
    assert isinstance(layer, nn.Linear)
    return layer


def _stroke_model(rng: np.random.Generator, latent_dim: int, stds: tuple[float, float] = (0.6, 0.8)) -> VAE:
    """A small decoder of 2x2 images, logits affine in z, in float64; its encoder says a fixed Gaussian."""
    model = VAE(4, latent_dim, hidden=()).double().requires_grad_(False)
    slope = rng.normal(size=(4, latent_dim)) + np.array([-2.0, 2.0, -2.0, 2.0])[:, None]
    _first_layer(model.decoder).weight.copy_(torch.tensor(slope))
    _first_layer(model.decoder).bias.copy_(torch.tensor(0.5 * rng.normal(size=4)))
    _first_layer(model.encoder).weight.zero_()
    mean, std = rng.uniform(0.2, 0.6, size=latent_dim), rng.uniform(*stds, size=latent_dim)
    _first_layer(model.encoder).bias.copy_(torch.tensor(np.r_[mean, 2 * np.log(std)]))
    return model


def _log_likelihood(model: VAE, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Log p(x | z) from the decoder's weights alone, for points z of shape (n, k)."""
    layer = _first_layer(model.decoder)
    weight, bias = layer.weight.numpy(), layer.bias.numpy()
    sign = 2 * x - 1
    return -np.logaddexp(0, -(z @ weight.T + bias) * sign).sum(axis=-1)


def _hermite(mean: np.ndarray, std: np.ndarray, n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Hermite nodes (points, k) and weights for expectations under a diagonal Gaussian."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(n)
    weights = weights / weights.sum()
    if mean.size == 1:
        return mean + std * nodes[:, None], weights
    grid = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 2)
    return mean + std * grid, np.outer(weights, weights).ravel()


def _log_normal(z: np.ndarray, mean: np.ndarray | float = 0.0, std: np.ndarray | float = 1.0) -> np.ndarray:
    return stats.norm.logpdf(z, mean, std).sum(axis=-1)


def _log_normal_1d(z: np.ndarray | float, mean: float = 0.0, std: float = 1.0) -> np.ndarray:
    return -0.5 * np.square((np.asarray(z) - mean) / std) - math.log(std) - 0.5 * math.log(2 * math.pi)


def _q(model: VAE) -> tuple[np.ndarray, np.ndarray]:
    mean, log_var = model.encode(torch.zeros(1, 4, dtype=torch.float64))
    return mean.numpy()[0], np.exp(0.5 * log_var.numpy()[0])


def _torch_rng(rng: np.random.Generator) -> torch.Generator:
    return torch.Generator().manual_seed(int(rng.integers(2**31)))


RIGHT_STROKE = np.array([0.0, 1.0, 0.0, 1.0])


# ---------------------------------------------------------------- the pictures by hand


def two_by_two_likelihood(rng: np.random.Generator, pixels: str = "all") -> tuple[Side, Side]:
    """The package's log-likelihood of the picture from logits; the product of four numbers."""
    p = torch.tensor([[0.1, 0.8, 0.4, 0.9]], dtype=torch.float64)
    x = torch.tensor([[0, 1, 0, 1]], dtype=torch.float64)
    left = {
        "all": bernoulli_log_prob(x, torch.logit(p)).item(),
        "only the pixels that are on": (x * p.log()).sum().item(),
        "no logarithm": bernoulli_log_prob(x, torch.logit(p)).exp().item(),
    }[pixels]
    return left, math.log(0.9 * 0.8 * 0.6 * 0.9)


def two_by_two_kl(rng: np.random.Generator, scale: str = "log variance") -> tuple[Side, Side]:
    """The package's KL of q = N((1, -1/2), diag(1/4, 1)); the fraction worked by hand."""
    variance = torch.tensor([[0.25, 1.0]], dtype=torch.float64)
    log_var = 0.5 * variance.log() if scale == "log sigma" else variance.log()
    kl = kl_to_standard_normal(torch.tensor([[1.0, -0.5]], dtype=torch.float64), log_var).item()
    return kl / (2 if scale == "averaged" else 1), 0.25 + math.log(2)


# ---------------------------------------------------------------- marginal likelihood by plain Monte Carlo


def naive_variance(rng: np.random.Generator, formula: str = "chi-squared") -> tuple[Side, Side]:
    """Squared deviation of p(x | z), z from the prior, over p(x) squared; chi-squared of posterior and prior."""
    model = _stroke_model(rng, 1)
    x = torch.tensor(RIGHT_STROKE)[None]
    p = math.exp(log_prob_by_quadrature(model, x).item())
    z = torch.tensor(rng.normal(size=(200_000, 1)))
    draws = bernoulli_log_prob(x.expand(len(z), -1), model.decode(z)).exp().numpy()

    def posterior(t: float) -> float:
        return math.exp(_log_likelihood(model, RIGHT_STROKE, np.array([[t]]))[0]) * stats.norm.pdf(t) / p

    def integral(f: Callable[[float], float]) -> float:
        return integrate.quad(f, -9, 9, limit=200)[0]

    formulas = {
        "chi-squared": lambda: integral(lambda t: posterior(t) ** 2 / stats.norm.pdf(t)) - 1,
        "KL": lambda: integral(lambda t: posterior(t) * math.log(max(posterior(t), 1e-300) / stats.norm.pdf(t))),
        "chi-squared without the - 1": lambda: integral(lambda t: posterior(t) ** 2 / stats.norm.pdf(t)),
    }
    return estimate((draws / p - 1) ** 2), formulas[formula]()


# ---------------------------------------------------------------- the bound, three ways


def log_prob_identity(rng: np.random.Generator, formula: str = "ELBO + KL") -> tuple[Side, Side]:
    """Log p(x) by summation over z; the two divergences that make it up."""
    prior, likelihood, _ = _tables(rng)
    likelihood = likelihood * np.array([1.0, 0.2, 0.05, 0.01])  # a posterior that is sure, and a q that is not
    q = 0.7 * np.full(4, 0.25) + 0.3 * rng.dirichlet(np.full(4, 3.0))
    posterior = _posterior(prior, likelihood)
    bound = q @ (np.log(likelihood) + np.log(prior) - np.log(q))
    kl = q @ np.log(q / posterior)
    formulas = {
        "ELBO + KL": bound + kl,
        "the lost minus sign": -bound + kl,
        "entropy of q dropped": q @ (np.log(likelihood) + np.log(prior)) + kl,
        "KL(p || q)": bound + posterior @ np.log(posterior / q),
    }
    return math.log(prior @ likelihood), formulas[formula]


def elbo_two_terms(rng: np.random.Generator, formula: str = "package") -> tuple[Side, Side]:
    """The package's one-draw ELBO, averaged; the expectation of log p(x, z) - log q(z | x) by quadrature."""
    model = _stroke_model(rng, 2, stds=(0.3, 0.5))
    (mean, std), n = _q(model), 100_000
    z, weights = _hermite(mean, std)
    exact = weights @ (_log_likelihood(model, RIGHT_STROKE, z) + _log_normal(z) - _log_normal(z, mean, std))
    x = torch.tensor(RIGHT_STROKE).expand(n, -1)
    many, log_var = model.encode(x)
    draw = sample_latent(many, log_var, _torch_rng(rng))
    logits = model.decode(draw)
    kl = kl_to_standard_normal(many, log_var)
    values = {
        "package": elbo(x, logits, many, log_var),
        "log sigma used as log variance": elbo(x, logits, many, 0.5 * log_var),
        "KL averaged over the latents": bernoulli_log_prob(x, logits) - kl / 2,
        "KL added": bernoulli_log_prob(x, logits) + kl,
        "reconstruction without its logarithm": bernoulli_log_prob(x, logits).exp() - kl,
    }
    return estimate(values[formula].numpy()), exact


def elbo_bound(rng: np.random.Generator, formula: str = "ELBO") -> tuple[Side, Side]:
    """ELBO of random q, near and far from the posterior; log p(x)."""
    left, right = [], []
    for _ in range(20):
        prior, likelihood, q = _tables(rng)
        best = np.full(4, 1e-3)
        best[np.argmax(likelihood)] += 1 - best.sum()
        for law in (q, best, _posterior(prior, likelihood)):
            reconstruction = law @ np.log(likelihood)
            kl = law @ np.log(law / prior)
            left.append({"ELBO": reconstruction - kl, "reconstruction alone": reconstruction}[formula])
            right.append(math.log(prior @ likelihood))
    return left, right


def elbo_tight(rng: np.random.Generator, law: str = "posterior") -> tuple[Side, Side]:
    """ELBO at the posterior; log p(x)."""
    prior, likelihood, _ = _tables(rng)
    likelihood = likelihood * np.array([1.0, 0.2, 0.05, 0.01])
    q = {"posterior": _posterior(prior, likelihood), "prior": prior, "likelihood": likelihood / likelihood.sum()}[law]
    return q @ (np.log(likelihood) + np.log(prior) - np.log(q)), math.log(prior @ likelihood)


def importance_identity(rng: np.random.Generator, weight: str = "package") -> tuple[Side, Side]:
    """Mean of the package's importance weights; p(x) by quadrature."""
    model = _stroke_model(rng, 2)
    x = torch.tensor(RIGHT_STROKE)[None]
    mean, std = _q(model)
    log_weights = log_importance_weights(model, x, 100_000, _torch_rng(rng))[:, 0].numpy()
    if weight == "q dropped":
        z = mean + std * rng.normal(size=(100_000, 2))
        log_weights = _log_likelihood(model, RIGHT_STROKE, z) + _log_normal(z)
    elif weight == "both densities dropped":
        z = mean + std * rng.normal(size=(100_000, 2))
        log_weights = _log_likelihood(model, RIGHT_STROKE, z)
    z, weights = _hermite(np.zeros(2), np.ones(2))
    average = estimate(np.exp(log_weights))
    # Wrong weights may have no variance at all; their "standard error" must not buy them an allowance.
    mean_weight = np.asarray(average.mean)
    error = np.minimum(np.asarray(average.standard_error), 0.02 * mean_weight)
    return Estimate(mean_weight, error), weights @ np.exp(_log_likelihood(model, RIGHT_STROKE, z))


def importance_order(rng: np.random.Generator, weight: str = "package") -> tuple[Side, Side]:
    """ELBO and the bound with five draws; the bound with five draws and log p(x)."""
    model = _stroke_model(rng, 2)
    x = torch.tensor(RIGHT_STROKE).expand(20_000, -1)
    log_weights = log_importance_weights(model, x, 5, _torch_rng(rng))
    if weight == "q dropped":
        log_weights = log_weights + float(np.log(_q(model)[1]).sum()) + math.log(2 * math.pi * math.e)  # plus its mean
    single, several = estimate(log_weights[0].numpy()), estimate(iwae_bound(log_weights).numpy())
    if weight == "sum for mean":
        several = Estimate(np.asarray(several.mean) + math.log(5), several.standard_error)
    exact = log_prob_by_quadrature(model, x[:1]).item()
    left = Estimate(np.array([single.mean, several.mean]), np.array([single.standard_error, several.standard_error]))
    return left, Estimate(np.array([several.mean, exact]), np.array([several.standard_error, 0.0]))


# ---------------------------------------------------------------- KL of Gaussians


def standard_kl(rng: np.random.Generator, formula: str = "package") -> tuple[Side, Side]:
    """The package's KL for three latents at several scales; quadrature of q log(q / p), axis by axis."""
    mean = np.vstack([[0.0, 1.0, -2.0], rng.normal(size=(2, 3))])
    std = np.vstack([[1.0, 0.5, 0.3], np.exp(rng.uniform(-2, 1, size=(2, 3)))])

    def one(m: float, s: float) -> float:
        def integrand(z: float) -> float:
            log_q = _log_normal_1d(z, m, s)
            return math.exp(log_q) * float(log_q - _log_normal_1d(z))

        return integrate.quad(integrand, m - 12 * s, m + 12 * s, limit=200, epsabs=1e-12)[0]

    right = np.vectorize(one)(mean, std).sum(axis=1)
    m, log_var = torch.tensor(mean), torch.tensor(2 * np.log(std))
    formulas = {
        "package": lambda: kl_to_standard_normal(m, log_var),
        "log sigma for log sigma squared": lambda: kl_to_standard_normal(m, 0.5 * log_var),
        "sign": lambda: -kl_to_standard_normal(m, log_var),
        "mean over the latents": lambda: kl_to_standard_normal(m, log_var) / 3,
        "sigma for sigma squared": lambda: 0.5 * (m**2 + torch.exp(0.5 * log_var) - 1 - log_var).sum(dim=1),
    }
    return formulas[formula]().numpy(), right


def full_kl(rng: np.random.Generator, formula: str = "package") -> tuple[Side, Side]:
    """The package's KL of two Gaussians in three dimensions; the mean of log p - log q under p."""
    roots = rng.normal(size=(2, 3, 3))
    cov_p, cov_q = roots[0] @ roots[0].T * 0.1 + 0.2 * np.eye(3), roots[1] @ roots[1].T + 2 * np.eye(3)
    mean_p, mean_q = rng.normal(size=(2, 3))
    draws = rng.multivariate_normal(mean_p, cov_p, size=100_000)
    p, q = stats.multivariate_normal(mean_p, cov_p), stats.multivariate_normal(mean_q, cov_q)
    ratio = np.linalg.slogdet(cov_q)[1] - np.linalg.slogdet(cov_p)[1]
    kl = gaussian_kl(mean_p, cov_p, mean_q, cov_q)
    formulas = {
        "package": kl,
        "determinants inverted": kl - ratio,
        "dimension not subtracted": kl + 1.5,
    }
    return formulas[formula], estimate(p.logpdf(draws) - q.logpdf(draws))


# ---------------------------------------------------------------- two gradients


def _gradient_by_differences(mean: float, std: float, step: float = 1e-4) -> np.ndarray:
    """Gradient of E z^4 in (mean, std): central differences of an integral."""

    def expectation(m: float, s: float) -> float:
        return integrate.quad(lambda z: z**4 * math.exp(_log_normal_1d(z, m, s)), m - 12 * s, m + 12 * s, epsabs=1e-12)[
            0
        ]

    return np.array(
        [
            (expectation(mean + step, std) - expectation(mean - step, std)) / (2 * step),
            (expectation(mean, std + step) - expectation(mean, std - step)) / (2 * step),
        ]
    )


def _where(rng: np.random.Generator) -> tuple[float, float]:
    return rng.uniform(0.5, 0.9), rng.uniform(0.6, 0.8)


def reparameterised_gradient(rng: np.random.Generator, draw: str = "package") -> tuple[Side, Side]:
    """Autograd through the package's draw, one gradient for each draw; differences of a quadrature."""
    (mean, std), n = _where(rng), 200_000
    m = torch.full((n, 1), mean, dtype=torch.float64, requires_grad=True)
    s = torch.full((n, 1), std, dtype=torch.float64, requires_grad=True)
    if draw == "package":
        z = sample_latent(m, 2 * s.log(), _torch_rng(rng))
    else:
        noise = torch.tensor(rng.normal(size=(n, 1)))
        z = {"z = mu + eps": m + noise + 0 * s, "z = mu + sigma^2 eps": m + s.square() * noise}[draw]
    slopes = torch.autograd.grad(z.pow(4).sum(), (m, s))
    return estimate(torch.cat(slopes, dim=1).numpy()), _gradient_by_differences(mean, std)


def score_gradient(rng: np.random.Generator, score: str = "right") -> tuple[Side, Side]:
    """Mean of f(z) times the score, from autograd on the log-density; differences of a quadrature."""
    (mean, std), n = _where(rng), 400_000
    m = torch.full((n, 1), mean, dtype=torch.float64, requires_grad=True)
    log_var = torch.full((n, 1), 2 * math.log(std), dtype=torch.float64)
    z = sample_latent(m, log_var, _torch_rng(rng)).detach()
    s = torch.full((n, 1), std, dtype=torch.float64, requires_grad=True)
    log_q = torch.distributions.Normal(m, s).log_prob(z)
    slopes = torch.cat(torch.autograd.grad(log_q.sum(), (m, s)), dim=1)
    if score == "without 1 / sigma^2":
        slopes = slopes * std**2
    if score == "f forgotten":
        return estimate(slopes.numpy()), _gradient_by_differences(mean, std)
    return estimate((z.pow(4) * slopes).numpy()), _gradient_by_differences(mean, std)


def gradient_variances(rng: np.random.Generator, formula: str = "right") -> tuple[Side, Side]:
    """Squared deviations of the two one-draw gradients in mu of E z^2; the two formulas."""
    mean, std, n = rng.uniform(0.8, 1.5), rng.uniform(0.5, 0.9), 400_000
    m = torch.full((n, 1), mean, dtype=torch.float64, requires_grad=True)
    z = sample_latent(m, torch.full((n, 1), 2 * math.log(std), dtype=torch.float64), _torch_rng(rng))
    (path,) = torch.autograd.grad(z.square().sum(), m)
    points = z.detach().numpy()
    score = points**2 * (points - mean) / std**2
    draws = (np.concatenate([path.numpy(), score], axis=1) - 2 * mean) ** 2
    reparameterised = 4 * std**2
    by_score = mean**4 / std**2 + 14 * mean**2 + 15 * std**2
    right = {
        "right": (reparameterised, by_score),
        "equal variances": (reparameterised, reparameterised),
        "second moment for variance": (reparameterised + 4 * mean**2, by_score + 4 * mean**2),
    }[formula]
    return estimate(draws), right


# ---------------------------------------------------------------- the linear decoder


def _linear_world(rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, float]:
    weight = torch.tensor(rng.normal(size=(4, 2)) + np.array([[1, 1], [1, 1], [0, 1], [1, 0]]))
    return torch.tensor(rng.normal(size=(3, 4))), weight, torch.tensor(rng.normal(size=4)), 0.5


def linear_marginal(rng: np.random.Generator, formula: str = "package") -> tuple[Side, Side]:
    """The package's log-density of a linear decoder; the integral over z by a sum over a grid."""
    x, weight, bias, noise_var = _linear_world(rng)
    left = {
        "package": linear_log_prob(x, weight, bias, noise_var),
        "noise forgotten": linear_log_prob(x, weight, bias, 1e-2),
        "no latent": linear_log_prob(x, torch.zeros_like(weight), bias, noise_var),
    }[formula]
    axis = np.linspace(-7, 7, 281)
    offsets = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    right = []
    for row in x.numpy():
        stacked = np.vstack([weight.numpy() / math.sqrt(noise_var), np.eye(2)])
        target = np.r_[(row - bias.numpy()) / math.sqrt(noise_var), 0, 0]
        z = np.linalg.lstsq(stacked, target, rcond=None)[0] + offsets  # a grid around the highest point
        log_joint = _log_normal(row - z @ weight.numpy().T - bias.numpy(), 0.0, math.sqrt(noise_var)) + _log_normal(z)
        right.append(np.logaddexp.reduce(log_joint) + 2 * math.log(axis[1] - axis[0]))
    return left.numpy(), right


def linear_posterior_sides(rng: np.random.Generator, formula: str = "package") -> tuple[Side, Side]:
    """The package's posterior mean and covariance; conditioning of the joint Gaussian of z and x."""
    x, weight, bias, noise_var = _linear_world(rng)
    mean, cov = linear_posterior(x, weight, bias, noise_var)
    if formula == "pseudo-inverse (no prior)":
        mean = (x - bias) @ torch.linalg.pinv(weight).T
    elif formula == "covariance of the prior":
        cov = torch.eye(2, dtype=torch.float64)
    elif formula == "off-diagonal dropped":
        cov = torch.diag(cov.diagonal())
    w = weight.numpy()
    marginal = w @ w.T + noise_var * np.eye(4)
    right = [np.linalg.solve(marginal, (x - bias).numpy().T).T @ w, np.eye(2) - w.T @ np.linalg.solve(marginal, w)]
    return np.concatenate([mean.numpy(), cov.numpy()]), np.concatenate(right)


def linear_tight(rng: np.random.Generator, q: str = "posterior") -> tuple[Side, Side]:
    """The package's closed-form ELBO at the exact posterior; SciPy's log-density of x."""
    x, weight, bias, noise_var = _linear_world(rng)
    mean, cov = linear_posterior(x, weight, bias, noise_var)
    cov_used = torch.diag(cov.diagonal()) if q == "diagonal of the posterior" else cov
    left = linear_elbo(x, mean, cov_used, weight, bias, noise_var).numpy()
    if q == "no spread in the reconstruction":
        left = left + 0.5 * torch.trace(weight @ cov @ weight.T).item() / noise_var
    w = weight.numpy()
    right = stats.multivariate_normal(bias.numpy(), w @ w.T + noise_var * np.eye(4)).logpdf(x.numpy())
    return left, right


# ---------------------------------------------------------------- exact likelihoods by quadrature


def quadrature_gap(rng: np.random.Generator, formula: str = "ELBO + KL") -> tuple[Side, Side]:
    """The package's log p(x) on a grid; ELBO by Gauss-Hermite plus KL to the posterior on another grid."""
    model = _stroke_model(rng, 2)
    images = binary_images()[[5, 10, 3]].astype(float)
    mean, std = _q(model)
    package_kl = kl_to_standard_normal(torch.tensor(mean), torch.tensor(2 * np.log(std))).item()
    nodes, node_weights = _hermite(mean, std)
    axis = np.linspace(-7, 7, 281)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    log_q = _log_normal(grid, mean, std) + 2 * math.log(axis[1] - axis[0])  # log mass of a cell
    right = []
    for x in images:
        bound = node_weights @ _log_likelihood(model, x, nodes) - package_kl
        log_joint = _log_likelihood(model, x, grid) + _log_normal(grid)
        log_posterior = log_joint - np.logaddexp.reduce(log_joint)
        gap = float(np.exp(log_q) @ (log_q - log_posterior))
        right.append({"ELBO + KL": bound + gap, "ELBO alone": bound}.get(formula, bound + gap))
    left = log_prob_by_quadrature(model, torch.tensor(images)).numpy()
    if formula == "area of a cell forgotten":
        left = left - 2 * math.log(12 / 300)
    if formula == "grid from -1 to 1":
        inner = np.abs(grid).max(axis=1) <= 1
        left = np.array(
            [np.logaddexp.reduce((_log_likelihood(model, x, grid) + _log_normal(grid))[inner]) for x in images]
        ) + 2 * math.log(axis[1] - axis[0])
    return left, right


@cache
def _digit_model(seed: int) -> VAE:
    return experiment.train(experiment.split().train, seed, n_steps=400)[0].requires_grad_(False)


def digits_order(rng: np.random.Generator, weight: str = "right") -> tuple[Side, Side]:
    """ELBO, importance-weighted bound and exact log p(x), averaged over test digits, each against the next."""
    model = _digit_model(int(rng.integers(2**31)))
    x = experiment.split().test[:64]
    generator = _torch_rng(rng)
    exact = log_prob_by_quadrature(model, x, n_grid=121, tolerance=0.05).mean().item()
    log_weights = log_importance_weights(model, x, 1000, generator).double()
    mean, log_var = model.encode(x)
    if weight == "prior N(0, 4 I) in the weights":
        z = sample_latent(mean.expand(1000, -1, -1), log_var.expand(1000, -1, -1), generator)
        log_likelihood = torch.stack([bernoulli_log_prob(x, model.decode(one)) for one in z])
        log_q = torch.distributions.Normal(mean, torch.exp(0.5 * log_var)).log_prob(z).sum(dim=-1)
        log_weights = log_likelihood + torch.distributions.Normal(0.0, 2.0).log_prob(z).sum(dim=-1) - log_q
    elif weight == "q dropped":
        entropy = (0.5 * (math.log(2 * math.pi * math.e) + log_var)).sum(dim=-1)
        log_weights = log_weights - entropy  # minus E[-log q]
    single = log_weights.mean(dim=1)  # a mean over draws for each of 1000 sweeps over the images
    if weight == "KL averaged":
        single = single + 0.5 * kl_to_standard_normal(mean, log_var).mean()
    bound = estimate(single.numpy())
    several = iwae_bound(log_weights).mean().item()
    # Noise of the importance-weighted bound, by ten independent tenths of the draws.
    tenths = estimate(torch.stack([iwae_bound(part).mean() for part in log_weights.chunk(10)]).numpy())
    zero, noise = np.zeros(()), np.asarray(tenths.standard_error)
    left = Estimate(np.array([bound.mean, several, exact - 0.2]), np.array([bound.standard_error, noise, zero]))
    return left, Estimate(np.array([several, exact, several]), np.array([noise, zero, noise]))


# ---------------------------------------------------------------- what a Gaussian can be


def best_gaussian(rng: np.random.Generator, fitted: str = "moments") -> tuple[Side, Side]:
    """Smallest KL over all Gaussians, by numerical optimisation from a random start; the closed form at the moments."""

    x = np.linspace(-16, 16, 3201)
    density = np.exp(np.logaddexp(stats.norm.logpdf(x, -3), stats.norm.logpdf(x, 3))) / 2

    def cross_entropy_of(parameters: np.ndarray) -> float:
        mean, log_std = parameters
        return float(density @ (0.5 * ((x - mean) / math.exp(log_std)) ** 2 + log_std) * (x[1] - x[0]))

    start = np.array([rng.uniform(-1, 1), rng.uniform(0.5, 1.5)])
    mean, log_std = optimize.minimize(cross_entropy_of, start, method="BFGS", options={"gtol": 1e-7}).x
    best = density_kl(TWO_BUMPS.log_prob, lambda t: _log_normal_1d(t, mean, math.exp(log_std)), -16.0, 16.0)

    def log_density(x: float) -> float:
        return float(np.logaddexp(stats.norm.logpdf(x, -3), stats.norm.logpdf(x, 3)) - math.log(2))

    entropy = -integrate.quad(lambda x: math.exp(log_density(x)) * log_density(x), -16, 16, limit=400)[0]
    variance = {"moments": 10.0, "one bump's variance": 1.0}.get(fitted, 10.0)
    cross_entropy = 0.5 * math.log(2 * math.pi * variance) + 10.0 / (2 * variance)
    return best, 0.0 if fitted == "any law is nearly Gaussian" else cross_entropy - entropy


def push_forward(rng: np.random.Generator, map_: str = "non-linear") -> tuple[Side, Side]:
    """Gaussian noise pushed through the map; the law with two bumps, by a Kolmogorov-Smirnov test."""
    x = np.linspace(-10, 10, 20_001)
    density = np.exp(TWO_BUMPS.log_prob(x))
    cdf = np.r_[0.0, np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(x))]
    z = rng.normal(size=20_000)
    out = {"non-linear": np.interp(stats.norm.cdf(z), cdf, x), "best linear": math.sqrt(10) * z}[map_]

    def law(t: np.ndarray) -> np.ndarray:
        return 0.5 * stats.norm.cdf(t, -3) + 0.5 * stats.norm.cdf(t, 3)

    return stats.kstest(out, law).pvalue, SMALLEST_P_VALUE


def linear_stays_gaussian(rng: np.random.Generator, decoder: str = "linear") -> tuple[Side, Side]:
    """Fourth central moment of a decoder's first output over its squared variance; three."""
    z = torch.tensor(rng.normal(size=(200_000, 2)))
    if decoder == "linear":
        output = _stroke_model(rng, 2).decode(z)[:, 0].numpy()
    else:
        model = VAE(4, 2, (1,), nn.Tanh).double().requires_grad_(False)
        _first_layer(model.decoder).weight.copy_(torch.tensor([[3.0, 3.0]]))
        output = model.decode(z)[:, 0].numpy()
    standardised = (output - output.mean()) / output.std()
    return estimate(standardised**4), 3.0


CLAIMS = (
    Claim(
        "two-by-two-likelihood",
        r"""\begin{aligned}
            \log p(x \mid z) &= \log(.9 \cdot .8 \cdot .6 \cdot .9) \\
            &\approx -0.9447
            \end{aligned}""",
        two_by_two_likelihood,
        "by hand",
        slips_of(two_by_two_likelihood, "pixels", "only the pixels that are on", "no logarithm"),
    ),
    Claim(
        "naive-variance",
        r"""\begin{aligned}
            & \operatorname{Var}_{p(z)} \bigl[ p(x \mid z) \bigr] \big/ p(x)^2 \\
            & \quad = \int \frac{p(z \mid x)^2}{p(z)} \, dz - 1
            \end{aligned}""",
        naive_variance,
        "derived in the chapter",
        slips_of(naive_variance, "formula", "KL", "chi-squared without the - 1"),
        tolerance=1e-9,
    ),
    Claim(
        "log-prob-is-elbo-plus-kl",
        r"""\begin{aligned}
            & \log p(x) = \mathcal{L}(x) \\
            & \; + D_{\mathrm{KL}}\bigl( q(z \mid x) \Vert p(z \mid x) \bigr)
            \end{aligned}""",
        log_prob_identity,
        "Kingma & Welling (2014), eq. (1)",
        slips_of(log_prob_identity, "formula", "the lost minus sign", "entropy of q dropped", "KL(p || q)"),
    ),
    Claim(
        "elbo",
        r"""\begin{aligned}
            \mathcal{L}(x) = {}& \mathbb{E}_{q(z \mid x)} \bigl[ \log p(x \mid z) \bigr] \\
            & - D_{\mathrm{KL}}\bigl( q(z \mid x) \Vert p(z) \bigr)
            \end{aligned}""",
        elbo_two_terms,
        "Kingma & Welling (2014), eq. (3)",
        slips_of(
            elbo_two_terms,
            "formula",
            "log sigma used as log variance",
            "KL averaged over the latents",
            "KL added",
            "reconstruction without its logarithm",
        ),
        tolerance=1e-9,
    ),
    Claim(
        "elbo-is-a-bound",
        r"\mathcal{L}(x) \le \log p(x)",
        elbo_bound,
        "Jensen's inequality",
        slips_of(elbo_bound, "formula", "reconstruction alone"),
        relation="<=",
    ),
    Claim(
        "elbo-tight-at-posterior",
        r"""\begin{aligned}
            & q(z \mid x) = p(z \mid x) \\
            & \;\Longrightarrow\; \mathcal{L}(x) = \log p(x)
            \end{aligned}""",
        elbo_tight,
        "derived in the chapter",
        slips_of(elbo_tight, "law", "prior", "likelihood"),
    ),
    Claim(
        "importance-identity",
        r"p(x) = \mathbb{E}_{q(z \mid x)} \left[ \frac{p(x \mid z) \, p(z)}{q(z \mid x)} \right]",
        importance_identity,
        "importance sampling",
        slips_of(importance_identity, "weight", "q dropped", "both densities dropped"),
        tolerance=1e-9,
    ),
    Claim(
        "importance-order",
        r"""\mathcal{L}(x) \le \mathbb{E} \, \mathcal{L}_5(x) \le \log p(x)""",
        importance_order,
        "Burda et al. (2016), Theorem 1",
        slips_of(importance_order, "weight", "q dropped", "sum for mean"),
        relation="<=",
        tolerance=1e-9,
    ),
    Claim(
        "kl-to-standard-normal",
        r"""\begin{aligned}
            & D_{\mathrm{KL}}\bigl( q \Vert N(0, I) \bigr) \\
            & = \frac12 \sum_j \bigl( \mu_j^2 + \sigma_j^2 - 1 - \log \sigma_j^2 \bigr)
            \end{aligned}""",
        standard_kl,
        "Kingma & Welling (2014), Appendix B",
        slips_of(
            standard_kl,
            "formula",
            "log sigma for log sigma squared",
            "sign",
            "mean over the latents",
            "sigma for sigma squared",
        ),
        tolerance=1e-8,
    ),
    Claim(
        "two-by-two-kl",
        r"D_{\mathrm{KL}} = \tfrac14 + \log 2 \approx 0.9431",
        two_by_two_kl,
        "by hand",
        slips_of(two_by_two_kl, "scale", "log sigma", "averaged"),
    ),
    Claim(
        "kl-of-full-gaussians",
        r"""\begin{aligned}
            & D_{\mathrm{KL}}(q \Vert p) = \\
            & \tfrac12 \Bigl[ \operatorname{tr}(\Sigma_p^{-1} \Sigma_q)
            + \delta^\top \Sigma_p^{-1} \delta \\
            & \quad - k + \log \frac{\det \Sigma_p}{\det \Sigma_q} \Bigr]
            \end{aligned}""",
        full_kl,
        "derived in the chapter",
        slips_of(full_kl, "formula", "determinants inverted", "dimension not subtracted"),
        tolerance=1e-9,
    ),
    Claim(
        "score-function-gradient",
        r"""\begin{aligned}
            & \nabla_{\mu, \sigma} \, \mathbb{E}_{q} f(z) \\
            & \; = \mathbb{E}_{q} \bigl[ f(z) \, \nabla_{\mu, \sigma} \log q(z) \bigr]
            \end{aligned}""",
        score_gradient,
        "Williams (1992)",
        slips_of(score_gradient, "score", "without 1 / sigma^2", "f forgotten"),
        tolerance=1e-6,
    ),
    Claim(
        "reparameterised-gradient",
        r"""\begin{aligned}
            & \nabla_{\mu, \sigma} \, \mathbb{E}_{\epsilon} f(\mu + \sigma \epsilon) \\
            & \; = \mathbb{E}_{\epsilon} \bigl[ f'(\mu + \sigma \epsilon) \, (1, \epsilon) \bigr]
            \end{aligned}""",
        reparameterised_gradient,
        "Kingma & Welling (2014), section 2.4",
        slips_of(reparameterised_gradient, "draw", "z = mu + eps", "z = mu + sigma^2 eps"),
        tolerance=1e-6,
    ),
    Claim(
        "gradient-variances",
        r"""\begin{aligned}
            \operatorname{Var}_{\mathrm{path}} &= 4 \sigma^2 \\
            \operatorname{Var}_{\mathrm{score}} &= \frac{\mu^4}{\sigma^2} + 14 \mu^2 + 15 \sigma^2
            \end{aligned}""",
        gradient_variances,
        "derived in the chapter",
        slips_of(gradient_variances, "formula", "equal variances", "second moment for variance"),
        tolerance=1e-9,
    ),
    Claim(
        "linear-decoder-marginal",
        r"p(x) = N\bigl( x; \, b, \, W W^\top + s^2 I \bigr)",
        linear_marginal,
        "Tipping & Bishop (1999)",
        slips_of(linear_marginal, "formula", "noise forgotten", "no latent"),
        tolerance=1e-7,
    ),
    Claim(
        "linear-decoder-posterior",
        r"""\begin{aligned}
            p(z \mid x) &= N\bigl( z; \, m(x), \, S \bigr) \\
            S &= \bigl( I + W^\top W / s^2 \bigr)^{-1} \\
            m(x) &= S \, W^\top (x - b) / s^2
            \end{aligned}""",
        linear_posterior_sides,
        "Tipping & Bishop (1999)",
        slips_of(
            linear_posterior_sides,
            "formula",
            "pseudo-inverse (no prior)",
            "covariance of the prior",
            "off-diagonal dropped",
        ),
        tolerance=1e-10,
    ),
    Claim(
        "linear-decoder-tight",
        r"""\begin{aligned}
            & q(z \mid x) = N(m(x), S) \\
            & \;\Longrightarrow\; \mathcal{L}(x) = \log p(x)
            \end{aligned}""",
        linear_tight,
        "derived in the chapter",
        slips_of(linear_tight, "q", "diagonal of the posterior", "no spread in the reconstruction"),
        tolerance=1e-10,
    ),
    Claim(
        "exact-by-quadrature",
        r"""\begin{aligned}
            & \log p(x) \\
            & = \log \sum_g h^2 \, p(x \mid z_g) \, p(z_g) \\
            & = \mathcal{L}(x) + D_{\mathrm{KL}}\bigl( q \Vert p(z \mid x) \bigr)
            \end{aligned}""",
        quadrature_gap,
        "derived in the chapter",
        slips_of(quadrature_gap, "formula", "ELBO alone", "area of a cell forgotten", "grid from -1 to 1"),
        tolerance=1e-6,
    ),
    Claim(
        "digits-order",
        r"""\overline{\mathcal{L}} \le \overline{\mathcal{L}_{1000}} \le \overline{\log p}
            \le \overline{\mathcal{L}_{1000}} + 0.2""",
        digits_order,
        "measured on binary 8x8 digits",
        slips_of(digits_order, "weight", "prior N(0, 4 I) in the weights", "q dropped", "KL averaged"),
        relation="<=",
        tolerance=1e-3,
    ),
    Claim(
        "best-gaussian-for-two-bumps",
        r"""\begin{aligned}
            & \min_{m, s} D_{\mathrm{KL}}\bigl( p \Vert N(m, s^2) \bigr) \\
            & = \tfrac12 \log(2 \pi e \cdot 10) - H(p) \\
            & \approx 0.4620
            \end{aligned}""",
        best_gaussian,
        "derived in the chapter",
        slips_of(best_gaussian, "fitted", "any law is nearly Gaussian", "one bump's variance"),
        tolerance=1e-6,
    ),
    Claim(
        "linear-decoder-stays-gaussian",
        r"\mathbb{E}\bigl[ (a - \mathbb{E} a)^4 \bigr] = 3 \operatorname{Var}(a)^2",
        linear_stays_gaussian,
        "a linear map of a Gaussian is Gaussian",
        slips_of(linear_stays_gaussian, "decoder", "one tanh unit"),
        tolerance=1e-9,
    ),
    Claim(
        "push-forward",
        r"F^{-1}\bigl( \Phi(z) \bigr) \sim p \quad \text{for } z \sim N(0, 1)",
        push_forward,
        "inverse transform sampling",
        slips_of(push_forward, "map_", "best linear"),
        relation="~",
    ),
)

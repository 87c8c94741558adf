"""Claims of the chapter "Better bounds, richer posteriors, and collapse"."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from scipy import integrate, optimize, stats
from torch import Tensor

from lectures_pkg.claims import Claim, Side, estimate, slips_of
from lectures_pkg.divergences import entropy, gaussian_kl, kl_divergence
from lectures_pkg.experiments import variational_bounds as experiment
from lectures_pkg.experiments.vae import split
from lectures_pkg.vae import (
    ChainGaussian,
    DiagonalGaussian,
    iwae_bound,
    kl_to_standard_normal,
    linear_elbo,
    linear_log_prob,
    linear_posterior,
)
from lectures_pkg.variational_bounds import STRUCTURES, n_guess_parameters

# ---------------------------------------------------------------- worlds of the claims


def _tables(rng: np.random.Generator, n: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A latent with n states, one observed x: prior p(z), likelihood p(x | z), and a guess q that is no posterior."""
    prior = rng.dirichlet(np.full(n, 5.0))
    likelihood = np.geomspace(0.7, 0.003, n) * rng.uniform(0.7, 1.3, size=n)
    return prior, likelihood, 0.5 / n + 0.5 * rng.dirichlet(np.full(n, 5.0))


def _tuples(n_states: int, k: int) -> np.ndarray:
    """Every outcome of k draws, shape (k, n_states^k)."""
    return np.array(list(itertools.product(range(n_states), repeat=k))).T


def _expected_bound(log_weight: np.ndarray, q: np.ndarray, k: int) -> float:
    """Expectation of the package's bound with k draws from q, over every outcome."""
    outcomes = _tuples(len(q), k)
    bounds = iwae_bound(torch.tensor(log_weight[outcomes])).numpy()
    return float(q[outcomes].prod(axis=0) @ bounds)


def _chain(rng: np.random.Generator, k: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, coefficients and conditional variances of a chain whose neighbours depend on each other."""
    signs = rng.choice([-1.0, 1.0], size=k - 1)
    return rng.normal(size=k), signs * rng.uniform(0.4, 0.8, size=k - 1), rng.uniform(0.3, 1.5, size=k)


def _package_chain(mean: np.ndarray, coefficient: np.ndarray, variance: np.ndarray) -> ChainGaussian:
    return ChainGaussian(torch.tensor(mean), torch.tensor(coefficient), torch.tensor(np.log(variance)))


def _chain_covariance(coefficient: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Covariance of a chain entry by entry: v_i times the product of the coefficients between i and j."""
    k = len(variance)
    marginal = [variance[0]]
    for a, s2 in zip(coefficient, variance[1:], strict=True):
        marginal.append(s2 + a**2 * marginal[-1])
    cov = np.empty((k, k))
    for i in range(k):
        for j in range(i, k):
            cov[i, j] = cov[j, i] = marginal[i] * np.prod(coefficient[i:j])
    return cov


def _covariance(rng: np.random.Generator, k: int = 4) -> np.ndarray:
    """A covariance whose coordinates depend strongly on each other."""
    root = rng.normal(size=(k, k))
    return root @ root.T / k + np.full((k, k), 0.8) + 0.3 * np.eye(k)


def _torch_rng(rng: np.random.Generator) -> torch.Generator:
    return torch.Generator().manual_seed(int(rng.integers(2**31)))


# ---------------------------------------------------------------- more draws


def two_draws(rng: np.random.Generator, average: str = "package") -> tuple[Side, Side]:
    """The package's bound over the four outcomes of two draws in the two-story world; three logarithms by hand."""
    q = np.array([0.9, 0.1])
    log_weight = np.log(np.array([0.5 * 0.3888, 0.5 * 0.0008]) / q)
    left = _expected_bound(log_weight, q, 2)
    if average == "mean of logarithms":
        left = float(q @ log_weight)
    elif average == "sum for mean":
        left += math.log(2)
    return left, 0.81 * math.log(0.216) + 0.18 * math.log(0.11) + 0.01 * math.log(0.004)


def unbiased(rng: np.random.Generator, weight: str = "package") -> tuple[Side, Side]:
    """Expectation of the exponential of the package's bound, with one, two and three draws; p(x) as a sum over z."""
    prior, likelihood, q = _tables(rng)
    log_weight = np.log(prior * likelihood / q)
    if weight == "q not divided by":
        log_weight = np.log(prior * likelihood)
    left = []
    for k in (1, 2, 3):
        outcomes = _tuples(len(q), k)
        log_average = iwae_bound(torch.tensor(log_weight[outcomes])).numpy()
        if weight == "mean of logarithms":
            log_average = log_weight[outcomes].mean(axis=0)
        law = (prior if weight == "draws from the prior" else q)[outcomes].prod(axis=0)
        left.append(law @ np.exp(log_average))
    return left, np.full(3, prior @ likelihood)


def tighten(rng: np.random.Generator, average: str = "package") -> tuple[Side, Side]:
    """Expected bounds with one to five draws over every outcome, each against the next, the last against log p(x)."""
    prior, likelihood, q = _tables(rng)
    log_weight = np.log(prior * likelihood / q)
    bounds = np.array([_expected_bound(log_weight, q, k) for k in range(1, 6)])
    if average == "sum for mean":
        bounds = bounds + np.log(np.arange(1, 6))
    elif average == "largest weight":
        bounds = np.array(
            [
                q[_tuples(4, k)].prod(axis=0) @ log_weight[_tuples(4, k)].max(axis=0)
                for k in range(1, 6)
            ]
        )  # fmt: skip
    elif average == "smallest weight":
        bounds = np.array(
            [
                q[_tuples(4, k)].prod(axis=0) @ log_weight[_tuples(4, k)].min(axis=0)
                for k in range(1, 6)
            ]
        )  # fmt: skip
    return bounds, np.r_[bounds[1:], math.log(prior @ likelihood)]


def second_draw(rng: np.random.Generator, formula: str = "log cosh") -> tuple[Side, Side]:
    """What the package's bound gains from one draw to two; the mean log cosh over all pairs."""
    prior, likelihood, q = _tables(rng)
    log_weight = np.log(prior * likelihood / q)
    left = _expected_bound(log_weight, q, 2) - _expected_bound(log_weight, q, 1)
    half_difference = 0.5 * (log_weight[:, None] - log_weight)
    pairs = np.outer(q, q)
    right = {
        "log cosh": np.sum(pairs * np.log(np.cosh(half_difference))),
        "mean of logarithms": 0.0,
        "a quarter of the log weights' variance": 0.5 * np.sum(pairs * half_difference**2),
    }[formula]
    return left, float(right)


def gap_rate(rng: np.random.Generator, formula: str = "chi-squared") -> tuple[Side, Side]:
    """K times the gap of the package's bound, 1000 tosses of a coin, over every count; half the relative variance."""
    k = 1000
    q = rng.uniform(0.35, 0.65)
    weight = np.array([rng.uniform(0.05, 0.15), rng.uniform(0.5, 0.7)])  # of tails and heads
    counts = np.arange(k + 1)
    heads = torch.tensor(np.arange(k)[:, None] < counts)  # (K, number of heads)
    log_weights = torch.where(heads, math.log(weight[1]), math.log(weight[0])).double()
    expected = float(stats.binom(k, q).pmf(counts) @ iwae_bound(log_weights).numpy())
    p = (1 - q) * weight[0] + q * weight[1]
    variance = q * (1 - q) * (weight[1] - weight[0]) ** 2
    gap = math.log(p) - expected
    if formula == "mean of logarithms":
        gap = math.log(p) - ((1 - q) * math.log(weight[0]) + q * math.log(weight[1]))
    right = {
        "half forgotten": variance / p**2,
        "variance of the log weight": 0.5 * q * (1 - q) * math.log(weight[1] / weight[0]) ** 2,
    }.get(formula, variance / (2 * p**2))
    return k * gap, right


def second_moment(rng: np.random.Generator, formula: str = "right") -> tuple[Side, Side]:
    """Second moment of the weight of N(0, 1) under N(0, s2), by quadrature of the package's densities; the formula."""
    variances = np.r_[0.6, 0.8, 1.0, rng.uniform(1.2, 2.5)]

    def moment(s2: float) -> float:
        one = torch.ones(1, dtype=torch.float64)
        target, guess = DiagonalGaussian(0 * one, 0 * one), DiagonalGaussian(0 * one, math.log(s2) * one)

        def integrand(z: float) -> float:
            point = z * one
            return math.exp(2 * target.log_prob(point).item() - guess.log_prob(point).item())

        return 2 * integrate.quad(integrand, 0, 40, limit=200, points=[1.0, 5.0])[0]

    formulas = {
        "right": variances / np.sqrt(2 * variances - 1),
        "standard deviation for variance": np.sqrt(variances) / np.sqrt(2 * np.sqrt(variances) - 1),
        "root forgotten": variances / (2 * variances - 1),
        "roles of p and q exchanged": 1 / np.sqrt(variances * np.abs(2 - variances)),
    }
    return [moment(s2) for s2 in variances], formulas[formula]


# ---------------------------------------------------------------- what the code costs


def _joint(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Five images and four codes: law of the images, encoder q(z | x) as rows, prior."""
    return (
        rng.dirichlet(np.full(5, 3.0)),
        rng.dirichlet(np.full(4, 0.7), size=5) * 0.96 + 0.01,
        rng.dirichlet([4.0] * 4),
    )


def rate_splits(rng: np.random.Generator, formula: str = "both") -> tuple[Side, Side]:
    """Mean of the package's KL from the prior; entropies of the codes, and the KL of their mixture."""
    data, encoder, prior = _joint(rng)
    rate = sum(weight * kl_divergence(row, prior) for weight, row in zip(data, encoder, strict=True))
    mixture = data @ encoder
    information = entropy(mixture) - sum(weight * entropy(row) for weight, row in zip(data, encoder, strict=True))
    right = {
        "both": information + float(np.sum(mixture * np.log(mixture / prior))),
        "information alone": information,
        "mixture's KL alone": float(np.sum(mixture * np.log(mixture / prior))),
        "entropy of the mixture for information": entropy(mixture) + float(np.sum(mixture * np.log(mixture / prior))),
    }[formula]
    return rate, right


def rate_plus_distortion(rng: np.random.Generator, formula: str = "right") -> tuple[Side, Side]:
    """Rate plus distortion of twenty models, the last of them perfect; the package's entropy of the data."""
    left, right = [], []
    for trial in range(20):
        data, encoder, prior = _joint(rng)
        decoder = rng.dirichlet(np.full(5, 2.0), size=4)  # p(x | z) as rows
        if trial == 19:  # data from the model itself, and its posterior as the guess
            data = prior @ decoder
            encoder = (prior[:, None] * decoder / data).T
        distortion = -float(np.sum(data[:, None] * encoder * np.log(decoder.T)))
        rate = float(np.sum(data[:, None] * encoder * np.log(encoder / prior)))
        left.append(distortion + {"rate forgotten": 0.0, "a quarter of the rate": 0.25}.get(formula, 1.0) * rate)
        right.append(entropy(data))
    return left, right


def beta_optimum(rng: np.random.Generator, power: str = "1 / beta") -> tuple[Side, Side]:
    """Best guess by numerical optimisation, its KL from the package; prior times a power of the likelihood."""
    prior, likelihood, _ = _tables(rng)
    left, right = [], []
    for beta in (4.0, 0.4):

        def softmax(logits: np.ndarray) -> np.ndarray:
            masses = np.exp(logits - logits.max())
            return masses / masses.sum()

        def loss(logits: np.ndarray, beta: float = beta) -> float:
            q = softmax(logits)
            return float(beta * kl_divergence(q, prior) - q @ np.log(likelihood))

        found = optimize.minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-9})
        left.append(softmax(found.x))
        law = {
            "1 / beta": prior * likelihood ** (1 / beta),
            "beta": prior * likelihood**beta,
            "posterior for every beta": prior * likelihood,
            "the prior's power": prior ** (1 / beta) * likelihood,
        }[power]
        right.append(law / law.sum())
    return left, right


# ---------------------------------------------------------------- collapse


def _data_with_spectrum(rng: np.random.Generator, spectrum: np.ndarray) -> Tensor:
    """Points whose covariance has exactly these eigenvalues, in random directions; their mean is zero."""
    k = len(spectrum)
    rotation = np.linalg.qr(rng.normal(size=(k, k)))[0]
    axes = np.sqrt(k * spectrum)[:, None] * rotation.T
    return torch.tensor(np.concatenate([axes, -axes]))


def _maximise(objective: Callable[[], Tensor], parameters: list[Tensor]) -> None:
    optimiser = torch.optim.LBFGS(
        parameters, max_iter=1500, tolerance_grad=1e-11, tolerance_change=1e-15, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = -objective()
        loss.backward()
        return loss

    optimiser.step(closure)


def _squared_lengths(weight: Tensor) -> np.ndarray:
    return np.sort(np.linalg.eigvalsh((weight @ weight.T).detach().numpy()))[::-1]


def linear_collapse(rng: np.random.Generator, formula: str = "right") -> tuple[Side, Side]:
    """Decoder that maximises the package's exact likelihood, by L-BFGS: eigenvalues of W W'; those of the data."""
    spectrum, noise_var = np.array([4.0, 2.0, 1.4, 0.5]), 1.0
    x = _data_with_spectrum(rng, spectrum)
    weight = torch.tensor(0.5 * rng.normal(size=(4, 4)), requires_grad=True)
    zero = torch.zeros(4, dtype=torch.float64)
    _maximise(lambda: linear_log_prob(x, weight, zero, noise_var).mean(), [weight])
    right = {
        "right": np.maximum(spectrum - noise_var, 0),
        "noise not subtracted": spectrum,
        "every direction survives": np.abs(spectrum - noise_var),
    }[formula]
    return _squared_lengths(weight), right


def linear_collapse_beta(rng: np.random.Generator, formula: str = "right") -> tuple[Side, Side]:
    """Decoder, and a free linear encoder, that maximise the package's ELBO with a KL of weight beta; the threshold."""
    spectrum, noise_var = np.array([6.0, 3.0, 1.5]), 0.5
    x = _data_with_spectrum(rng, spectrum)
    left, right = [], []
    zero = torch.zeros(3, dtype=torch.float64)
    for beta in (0.5, 4.0):
        weight, encoder, factor = (
            torch.tensor(scale * rng.normal(size=(3, 3)) + shift * np.eye(3), requires_grad=True)
            for scale, shift in ((0.5, 1.0), (0.3, 0.3), (0.0, 0.5))
        )

        def objective(
            weight: Tensor = weight, encoder: Tensor = encoder, factor: Tensor = factor, beta: float = beta
        ) -> Tensor:
            mean, cov = x @ encoder, factor @ factor.T
            kl = 0.5 * (mean.square().sum(dim=1) + cov.trace() - 3 - torch.logdet(cov))
            return (linear_elbo(x, mean, cov, weight, zero, noise_var) + (1 - beta) * kl).mean()

        _maximise(objective, [weight, encoder, factor])
        left.append(_squared_lengths(weight))
        threshold = {
            "right": beta * noise_var,
            "beta changes nothing but the loss": noise_var,
            "noise divided by beta": noise_var / beta,
        }[formula]
        right.append(np.maximum(spectrum - threshold, 0))
    return left, right


@cache
def _digit_codes(seed: int, beta: float) -> tuple[float, float]:
    """Mean KL on test digits after a short training, and how many latents cost more than .1 nat."""
    data = split()
    model = experiment.train_beta(data.train, seed, beta, n_steps=700)
    per_latent = experiment.kl_per_latent(*model.encode(data.test))
    return per_latent.sum().item(), float((per_latent > 0.1).sum())


def digits_collapse(rng: np.random.Generator, weighted: str = "KL") -> tuple[Side, Side]:
    """Rate and paying latents of a network with beta = 4 below their bounds; those with beta = 1/4 above theirs."""
    seed = int(rng.integers(2**31))
    high, low = (4.0, 0.25) if weighted == "KL" else (0.25, 4.0)  # beta times the reconstruction is KL times 1 / beta
    collapsed, open_ = _digit_codes(seed, high), _digit_codes(seed, low)
    return [collapsed[0], collapsed[1], 10.0, 8.0], [0.5, 2.0, open_[0], open_[1]]


# ---------------------------------------------------------------- guesses with structure


def counts(rng: np.random.Generator, full: str = "means and lower triangle") -> tuple[Side, Side]:
    """The package's count of an encoder's outputs at N = 1000; entries counted one by one."""
    n = 1000
    rows, columns = np.tril_indices(n)
    covariance = {
        "means and lower triangle": len(rows),
        "both triangles": n * n,
        "diagonal forgotten": int((rows != columns).sum()),
        "means forgotten": len(rows) - n,
    }[full]
    links = sum(1 for i in range(n) if i > 0)  # every coordinate but the first leans on one other
    return [n_guess_parameters(n, structure) for structure in STRUCTURES], [n + n, n + n + links, n + covariance]


def chain_precision(rng: np.random.Generator, formula: str = "right") -> tuple[Side, Side]:
    """Inverse of the package's covariance of a chain; three diagonals from the coefficients."""
    mean, coefficient, variance = _chain(rng)
    left = np.linalg.inv(_package_chain(mean, coefficient, variance).covariance().numpy())
    right = np.diag(1 / variance)
    if formula != "next coordinate forgotten":
        right += np.diag(np.r_[coefficient**2 / variance[1:], 0])
    off = coefficient / variance[1:] * (1 if formula == "sign of the neighbours" else -1)
    right += np.diag(off, 1) + np.diag(off, -1)
    if formula == "covariance tridiagonal":
        cov = _chain_covariance(coefficient, variance)
        right = np.linalg.pinv(np.triu(np.tril(cov, 1), -1))
    return left, right


def chain_covariance(rng: np.random.Generator, formula: str = "right") -> tuple[Side, Side]:
    """Products of the package's draws from a chain, about their mean; entries by the recurrence."""
    mean, coefficient, variance = _chain(rng, k=4)
    chain = _package_chain(*(np.broadcast_to(part, (100_000, len(part))) for part in (mean, coefficient, variance)))
    deviation = (chain.rsample(_torch_rng(rng)) - chain.mean).numpy()
    right = _chain_covariance(coefficient, variance)
    if formula == "tridiagonal":
        right = np.triu(np.tril(right, 1), -1)
    elif formula == "coefficient not squared":
        marginal = [variance[0]]
        for a, s2 in zip(coefficient, variance[1:], strict=True):
            marginal.append(s2 + abs(a) * marginal[-1])
        np.fill_diagonal(right, marginal)
    elif formula == "conditional variances":
        np.fill_diagonal(right, variance)
    return estimate(deviation[:, :, None] * deviation[:, None, :]), right


def chain_log_det(rng: np.random.Generator, formula: str = "right") -> tuple[Side, Side]:
    """Log-determinant of a chain's covariance, entry by entry; sum of the package's log-variances."""
    mean, coefficient, variance = _chain(rng)
    chain = _package_chain(mean, coefficient, variance)
    right = {
        "right": chain.log_var.sum(),
        "marginal variances": chain.variance().log().sum(),
        "log s for log s^2": 0.5 * chain.log_var.sum(),
    }[formula]
    return np.linalg.slogdet(_chain_covariance(coefficient, variance))[1], right.item()


def chain_kl(rng: np.random.Generator, formula: str = "package") -> tuple[Side, Side]:
    """The package's linear-time KL of a chain from N(0, I); the KL of full Gaussians, covariance entry by entry."""
    mean, coefficient, variance = _chain(rng)
    chain = _package_chain(mean, coefficient, variance)
    left = {
        "package": chain.kl_to_standard_normal(),
        "conditional variances only": kl_to_standard_normal(chain.mean, chain.log_var),
        "marginal variances only": kl_to_standard_normal(chain.mean, chain.variance().log()),
    }[formula]
    cov = _chain_covariance(coefficient, variance)
    return left.item(), gaussian_kl(mean, cov, np.zeros(len(mean)), np.eye(len(mean)))


def _best_diagonal(cov: np.ndarray) -> tuple[np.ndarray, float]:
    """Variances of the diagonal Gaussian nearest to N(0, cov) by the package's KL, found numerically, and that KL."""
    k = len(cov)

    def divergence(log_variance: np.ndarray) -> float:
        return gaussian_kl(np.zeros(k), np.diag(np.exp(log_variance)), np.zeros(k), cov)

    found = optimize.minimize(divergence, np.zeros(k), method="BFGS", options={"gtol": 1e-8})
    return np.exp(found.x), float(found.fun)


def mean_field_variances(rng: np.random.Generator, formula: str = "right") -> tuple[Side, Side]:
    """Best variances by numerical optimisation of the package's KL; inverse diagonal of the precision."""
    cov = _covariance(rng)
    right = {
        "right": 1 / np.diag(np.linalg.inv(cov)),
        "marginal variances": np.diag(cov),
        "diagonal of the precision": np.diag(np.linalg.inv(cov)),
    }[formula]
    return _best_diagonal(cov)[0], right


def mean_field_gap(rng: np.random.Generator, formula: str = "right") -> tuple[Side, Side]:
    """Smallest KL of a diagonal Gaussian, found numerically; the formula."""
    cov = _covariance(rng)
    log_det = np.linalg.slogdet(cov)[1]
    right = {
        "right": 0.5 * (np.log(np.diag(np.linalg.inv(cov))).sum() + log_det),
        "the other direction of the KL": 0.5 * (np.log(np.diag(cov)).sum() - log_det) * 1.0,
        "half forgotten": np.log(np.diag(np.linalg.inv(cov))).sum() + log_det,
        "no gap": 0.0,
    }[formula]
    return _best_diagonal(cov)[1], float(right)


def chain_closes(rng: np.random.Generator, guess: str = "chain") -> tuple[Side, Side]:
    """The package's ELBO of the best guess with a structure, by L-BFGS; the exact log-density of x."""
    k = 5
    strengths = rng.uniform(1.0, 2.0, size=(2, k - 1))
    weight = np.zeros((k - 1, k))  # pixel i sees latents i and i + 1
    weight[np.arange(k - 1), np.arange(k - 1)], weight[np.arange(k - 1), np.arange(1, k)] = strengths
    if guess == "chain in another order":
        weight = weight[:, [0, 2, 4, 1, 3]]
    decoder, bias, noise_var = torch.tensor(weight), torch.zeros(k - 1, dtype=torch.float64), 0.5
    x = torch.tensor(rng.normal(size=(3, k - 1)))
    mean, _ = linear_posterior(x, decoder, bias, noise_var)
    log_var = torch.zeros(k, dtype=torch.float64, requires_grad=True)
    coefficient = torch.zeros(k - 1, dtype=torch.float64, requires_grad=True)

    def bound() -> Tensor:
        link = coefficient if guess != "diagonal" else torch.zeros_like(coefficient)
        cov = ChainGaussian(torch.zeros_like(log_var), link, log_var).covariance()
        return linear_elbo(x, mean, cov, decoder, bias, noise_var)

    parameters = [log_var] if guess == "diagonal" else [log_var, coefficient]
    _maximise(lambda: bound().sum(), parameters)
    return bound().detach().numpy(), linear_log_prob(x, decoder, bias, noise_var).numpy()


CLAIMS = (
    Claim(
        "two-draws-by-hand",
        r"""\begin{aligned}
            & \mathbb{E} \, \mathcal{L}_2(x) \\
            & = .81 \log .216 + .18 \log .11 \\
            & \quad + .01 \log .004 \\
            & \approx -1.6938
            \end{aligned}""",
        two_draws,
        "by hand",
        slips_of(two_draws, "average", "mean of logarithms", "sum for mean"),
    ),
    Claim(
        "importance-unbiased",
        r"\mathbb{E} \Bigl[ \frac1K \sum_{k=1}^K w_k \Bigr] = p(x)",
        unbiased,
        "Burda et al. (2016), section 3",
        slips_of(unbiased, "weight", "mean of logarithms", "q not divided by", "draws from the prior"),
    ),
    Claim(
        "more-draws-tighten",
        r"""\begin{aligned}
            & \mathcal{L}(x) = \mathbb{E} \, \mathcal{L}_1(x) \le \mathbb{E} \, \mathcal{L}_2(x) \\
            & \; \le \dots \le \mathbb{E} \, \mathcal{L}_K(x) \le \log p(x)
            \end{aligned}""",
        tighten,
        "Burda et al. (2016), Theorem 1",
        slips_of(tighten, "average", "sum for mean", "largest weight", "smallest weight"),
        relation="<=",
    ),
    Claim(
        "second-draw-buys",
        r"""\begin{aligned}
            & \mathbb{E} \, \mathcal{L}_2 - \mathbb{E} \, \mathcal{L}_1 \\
            & = \mathbb{E} \log \cosh \tfrac{\log w_1 - \log w_2}{2}
            \end{aligned}""",
        second_draw,
        "derived in the chapter",
        slips_of(second_draw, "formula", "mean of logarithms", "a quarter of the log weights' variance"),
    ),
    Claim(
        "importance-gap-rate",
        r"""\begin{aligned}
            & \log p(x) - \mathbb{E} \, \mathcal{L}_K(x) \\
            & = \frac{\operatorname{Var}_q(w)}{2 K \, p(x)^2} + O(K^{-2})
            \end{aligned}""",
        gap_rate,
        "Domke & Sheldon (2018), Theorem 3",
        slips_of(gap_rate, "formula", "mean of logarithms", "half forgotten", "variance of the log weight"),
        tolerance=0.02,
    ),
    Claim(
        "second-moment-of-weight",
        r"""\begin{aligned}
            & \mathbb{E}_q \Bigl[ \Bigl( \tfrac{N(z; 0, 1)}{N(z; 0, \sigma^2)} \Bigr)^2 \Bigr]
            = \frac{\sigma^2}{\sqrt{2 \sigma^2 - 1}} \\
            & \quad \text{for } \sigma^2 > \tfrac12
            \end{aligned}""",
        second_moment,
        "derived in the chapter",
        slips_of(
            second_moment,
            "formula",
            "standard deviation for variance",
            "root forgotten",
            "roles of p and q exchanged",
        ),
        tolerance=1e-8,
    ),
    Claim(
        "rate-splits",
        r"""\begin{aligned}
            & \mathbb{E}_x \, D_{\mathrm{KL}}\bigl( q(z \mid x) \Vert p(z) \bigr) \\
            & = I_q(x; z) + D_{\mathrm{KL}}\bigl( q(z) \Vert p(z) \bigr)
            \end{aligned}""",
        rate_splits,
        "Hoffman & Johnson (2016)",
        slips_of(
            rate_splits,
            "formula",
            "information alone",
            "mixture's KL alone",
            "entropy of the mixture for information",
        ),
    ),
    Claim(
        "rate-plus-distortion",
        r"D + R \ge H(\text{data})",
        rate_plus_distortion,
        "Alemi et al. (2018)",
        slips_of(rate_plus_distortion, "formula", "rate forgotten", "a quarter of the rate"),
        relation=">=",
    ),
    Claim(
        "beta-optimum",
        r"q_\beta(z \mid x) \propto p(z) \, p(x \mid z)^{1/\beta}",
        beta_optimum,
        "derived in the chapter",
        slips_of(beta_optimum, "power", "beta", "posterior for every beta", "the prior's power"),
        tolerance=1e-5,
    ),
    Claim(
        "linear-collapse",
        r"\lVert w_i \rVert^2 = \max(\lambda_i - s^2, \, 0)",
        linear_collapse,
        "Tipping & Bishop (1999), eq. (7)",
        slips_of(linear_collapse, "formula", "noise not subtracted", "every direction survives"),
        tolerance=1e-4,
    ),
    Claim(
        "linear-collapse-beta",
        r"\lVert w_i \rVert^2 = \max(\lambda_i - \beta s^2, \, 0)",
        linear_collapse_beta,
        "derived in the chapter",
        slips_of(
            linear_collapse_beta,
            "formula",
            "beta changes nothing but the loss",
            "noise divided by beta",
        ),
        tolerance=1e-4,
    ),
    Claim(
        "digits-collapse",
        r"""\begin{aligned}
            \beta = 4: \quad & R \le 0.5, \; n \le 2 \\
            \beta = \tfrac14: \quad & R \ge 10, \; n = 8
            \end{aligned}""",
        digits_collapse,
        "measured on binary 8x8 digits",
        slips_of(digits_collapse, "weighted", "beta on the reconstruction"),
        relation="<=",
        tolerance=0.0,
    ),
    Claim(
        "posterior-counts",
        r"""\begin{aligned}
            2N &= 2000 \\
            3N - 1 &= 2999 \\
            N + \tfrac12 N(N + 1) &= 501\,500
            \end{aligned}""",
        counts,
        "by counting",
        slips_of(counts, "full", "both triangles", "diagonal forgotten", "means forgotten"),
        tolerance=0.0,
    ),
    Claim(
        "chain-precision",
        r"""\begin{aligned}
            \Lambda_{ii} &= \frac{1}{s_i^2} + \frac{a_{i+1}^2}{s_{i+1}^2} \\
            \Lambda_{i,i+1} &= -\frac{a_{i+1}}{s_{i+1}^2} \\
            \Lambda_{ij} &= 0 \quad \text{if } |i - j| > 1
            \end{aligned}""",
        chain_precision,
        "derived in the chapter",
        slips_of(
            chain_precision,
            "formula",
            "covariance tridiagonal",
            "next coordinate forgotten",
            "sign of the neighbours",
        ),
        tolerance=1e-9,
    ),
    Claim(
        "chain-covariance",
        r"""\begin{aligned}
            v_i &= s_i^2 + a_i^2 \, v_{i-1} \\
            \Sigma_{ij} &= v_i \, a_{i+1} \cdots a_j \quad (i \le j)
            \end{aligned}""",
        chain_covariance,
        "derived in the chapter",
        slips_of(chain_covariance, "formula", "tridiagonal", "coefficient not squared", "conditional variances"),
    ),
    Claim(
        "chain-log-det",
        r"\log \det \Sigma = \sum_i \log s_i^2",
        chain_log_det,
        "derived in the chapter",
        slips_of(chain_log_det, "formula", "marginal variances", "log s for log s^2"),
        tolerance=1e-10,
    ),
    Claim(
        "chain-kl",
        r"""\begin{aligned}
            & D_{\mathrm{KL}}\bigl( q \Vert N(0, I) \bigr) \\
            & = \frac12 \sum_i \bigl( m_i^2 + v_i - 1 - \log s_i^2 \bigr)
            \end{aligned}""",
        chain_kl,
        "derived in the chapter",
        slips_of(chain_kl, "formula", "conditional variances only", "marginal variances only"),
        tolerance=1e-10,
    ),
    Claim(
        "mean-field-variances",
        r"\sigma_i^2 = \frac{1}{\Lambda_{ii}}",
        mean_field_variances,
        "Bishop (2006), section 10.1.2",
        slips_of(mean_field_variances, "formula", "marginal variances", "diagonal of the precision"),
        tolerance=1e-5,
    ),
    Claim(
        "mean-field-gap",
        r"""\begin{aligned}
            & \min_\sigma D_{\mathrm{KL}}(q \Vert p) \\
            & = \tfrac12 \Bigl( \sum_i \log \Lambda_{ii} + \log \det \Sigma \Bigr)
            \end{aligned}""",
        mean_field_gap,
        "derived in the chapter",
        slips_of(mean_field_gap, "formula", "the other direction of the KL", "half forgotten", "no gap"),
        tolerance=1e-8,
    ),
    Claim(
        "chain-closes-the-gap",
        r"""\begin{aligned}
            & \Lambda \text{ tridiagonal} \\
            & \; \Longrightarrow \; \max_{\text{chains } q} \mathcal{L}(x) = \log p(x)
            \end{aligned}""",
        chain_closes,
        "derived in the chapter",
        slips_of(chain_closes, "guess", "diagonal", "chain in another order"),
        tolerance=1e-7,
    ),
)

"""Claims of the chapter "From the bound to diffusion and flow matching"."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from lectures_pkg.claims import Claim, Estimate, Side, estimate, slips_of
from lectures_pkg.diffusion import (
    MixtureDenoiser,
    Schedule,
    TimeMLP,
    ancestral_sample,
    elbo_terms,
    euler_sample,
    flow_matching_loss,
    flow_step,
    gaussian_velocity,
    linear_beta_schedule,
    log_snr_schedule,
    posterior,
    probability_flow_sample,
    q_sample,
)
from lectures_pkg.divergences import wasserstein_1d
from lectures_pkg.experiments import diffusion as experiment
from lectures_pkg.training import fit, seeded
from lectures_pkg.worlds import GaussianMixture

BUMPS = GaussianMixture([0.4, 0.6], [-2.0, 1.5], [0.4, 0.6])
EXACT = MixtureDenoiser(BUMPS)
GRID = np.linspace(-12, 12, 48_001)


# ---------------------------------------------------------------- worlds of the claims


def _integral(values: np.ndarray) -> float:
    """By the trapezoidal rule on GRID: for smooth integrands that vanish at its ends, exact to rounding."""
    return float(np.trapezoid(values, GRID))


def _cdf(x: np.ndarray, a: float, b: float) -> np.ndarray:
    """Distribution function of a x_0 + b noise, for x_0 from BUMPS."""
    scale = np.sqrt((a * BUMPS.stds[:, 0]) ** 2 + b**2)
    return stats.norm.cdf((np.asarray(x)[:, None] - a * BUMPS.means[:, 0]) / scale) @ BUMPS.weights


def _quantiles(levels: np.ndarray) -> np.ndarray:
    """Of BUMPS."""
    return np.interp(levels, _cdf(GRID, 1.0, 0.0), GRID)


def _nodes(law: GaussianMixture, n: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights for expectations under a mixture on the line, by Gauss-Hermite in each component."""
    z, w = np.polynomial.hermite_e.hermegauss(n)
    points = law.means + law.stds * z  # (k, n)
    return points.ravel(), (law.weights[:, None] * w / w.sum()).ravel()


@cache
def _gap(name: str, n_steps: int) -> float:
    """Average of log p(x) - ELBO over BUMPS with the exact denoiser, in nats."""
    if name == "log-SNR":
        schedule = log_snr_schedule(n_steps)
    else:  # the same noise in more or fewer steps
        schedule = linear_beta_schedule(n_steps, 0.02 / n_steps, 10 / n_steps)
    x, weights = _nodes(BUMPS)
    return float(weights @ (BUMPS.log_prob(x) - elbo_terms(schedule, EXACT.denoise, x).elbo))


def _with_score(times: float) -> Callable[[np.ndarray, float], np.ndarray]:
    """The exact denoiser of BUMPS, but with its score multiplied by a number; Tweedie's formula turns it round."""

    def denoise(x: np.ndarray, alpha_bar: float) -> np.ndarray:
        guess = (x + times * (1 - alpha_bar) * EXACT.score(x, alpha_bar)) / math.sqrt(alpha_bar)
        return np.clip(guess, -50, 50)

    return denoise


# ---------------------------------------------------------------- noise


def two_point_denoiser(rng: np.random.Generator, form: str = "tanh") -> tuple[Side, Side]:
    """The package's posterior mean for data at -1 and +1 (spread 1e-9); the formula."""
    coin = MixtureDenoiser(GaussianMixture([0.5, 0.5], [-1.0, 1.0], 1e-9))
    alpha_bar, x = rng.uniform(0.2, 0.9), rng.uniform(-2, 2, size=9)
    formulas = {
        "tanh": np.tanh(math.sqrt(alpha_bar) * x / (1 - alpha_bar)),
        "the nearer of the two points": np.sign(x),
        "the best straight line": math.sqrt(alpha_bar) * x,
    }
    return coin.denoise(x, alpha_bar), formulas[form]


def noising_closed_form(rng: np.random.Generator, form: str = "product") -> tuple[Side, Side]:
    """Factor of x_0 and variance of the noise at every t: the package's one step; step after step."""
    beta = np.linspace(1e-4, 0.05, 200)
    left = {
        "product": linear_beta_schedule(200).alpha_bar[1:],
        "the mean of the alphas": np.cumsum(1 - beta) / np.arange(1, 201),
        "variance beta_t only": 1 - beta,
    }[form]
    one, zero = np.ones(200), np.zeros(200)
    factor, noise = q_sample(one, left, zero), q_sample(zero, left, one)
    step_by_step = [(1.0, 0.0)]
    for b in beta:
        mean, variance = step_by_step[-1]
        step_by_step.append((math.sqrt(1 - b) * mean, (1 - b) * variance + b))
    return np.stack([factor, noise**2], axis=1), np.array(step_by_step[1:])


def noising_posterior(rng: np.random.Generator, slip: str = "none") -> tuple[Side, Side]:
    """The package's mean and variance of q(x_{t-1} | x_t, x_0); likelihood times prior on a grid."""
    schedule = linear_beta_schedule(200)
    t, x0, x_t = int(rng.integers(40, 90)), rng.uniform(0.5, 1.0), rng.uniform(-1.0, -0.5)
    before, alpha = schedule.alpha_bar[t - 1], schedule.alpha[t]
    mean, variance = posterior(schedule, t, np.array([x0]), np.array([x_t]))
    if slip == "the two coefficients swapped":
        mean, _ = posterior(schedule, t, np.array([x_t]), np.array([x0]))
    if slip == "variance beta_t":
        variance = schedule.beta[t]
    likelihood = stats.norm.pdf(x_t, math.sqrt(alpha) * GRID, math.sqrt(1 - alpha))
    weight = likelihood * stats.norm.pdf(GRID, math.sqrt(before) * x0, math.sqrt(1 - before))
    centre = _integral(weight * GRID) / _integral(weight)
    return np.array([mean[0], variance]), np.array(
        [centre, _integral(weight * (GRID - centre) ** 2) / _integral(weight)]
    )


# ---------------------------------------------------------------- the bound


def diffusion_elbo(rng: np.random.Generator, slip: str = "none") -> tuple[Side, Side]:
    """The package's bound at three points, T = 3; log p(x_0..x_3) - log q(x_1..x_3 | x_0) over forward chains."""
    schedule, points, n = Schedule([1.0, 0.9, 0.5, 0.2]), np.array([-2.2, 0.3, 1.6]), 60_000
    terms = elbo_terms(schedule, EXACT.denoise, points)
    left = {
        "none": terms.elbo,
        "the last law taken for the prior": terms.elbo + terms.prior,
        "x_1 decoded for nothing": terms.elbo - terms.reconstruction,
        "every step with the weight 1/2": terms.reconstruction
        - (terms.steps / (schedule.snr[1:-1] - schedule.snr[2:])[:, None]).sum(axis=0)
        - terms.prior,
    }[slip]
    chain = [np.broadcast_to(points, (n, 3))]
    log_ratio = np.zeros((n, 3))
    for t in (1, 2, 3):  # forward, by the single steps
        mean, std = math.sqrt(schedule.alpha[t]) * chain[-1], math.sqrt(schedule.beta[t])
        chain.append(mean + std * rng.standard_normal((n, 3)))
        log_ratio -= stats.norm.logpdf(chain[-1], mean, std)
    log_ratio += stats.norm.logpdf(chain[-1])
    for t in (3, 2, 1):  # the model's steps back
        guess = EXACT.denoise(chain[t], schedule.alpha_bar[t])
        mean, variance = posterior(schedule, t, guess, chain[t])
        std = math.sqrt(variance if t > 1 else 1 / schedule.snr[1])
        log_ratio += stats.norm.logpdf(chain[t - 1], mean, std)
    return left, estimate(log_ratio)


def snr_weight(rng: np.random.Generator, slip: str = "none") -> tuple[Side, Side]:
    """KL of two Gaussian steps with the package's means and variance; half the loss of signal times the error."""
    schedule = linear_beta_schedule(200)
    left, right = [], []
    for t in (5, 20, 60, 120, 200):
        x0, guess, x_t = rng.normal(size=(3, 1))
        true, variance = posterior(schedule, t, x0, x_t)
        model, _ = posterior(schedule, t, guess, x_t)
        left.append(((true - model) ** 2 / (2 * variance) / (x0 - guess) ** 2).item())
        before, after = schedule.snr[t - 1], schedule.snr[t]
        weights = {
            "none": 0.5 * (before - after),
            "SNR of t alone": 0.5 * after,
            "no half": before - after,
            "loss of signal without noise": 0.5 * (schedule.alpha_bar[t - 1] - schedule.alpha_bar[t]),
        }
        right.append(weights[slip])
    return np.array(left), np.array(right)


def bound_below_log_prob(rng: np.random.Generator, slip: str = "none") -> tuple[Side, Side]:
    """The package's bound at 13 points for three T, exact denoiser; the exact log density."""
    x = np.linspace(-3, 3, 13)
    left = []
    for n_steps in (10, 40, 160):
        schedule = log_snr_schedule(n_steps)
        terms = elbo_terms(schedule, EXACT.denoise, x)
        steps = terms.steps
        if slip == "a quarter for the half in the weights":
            steps = steps / 2
        if slip == "the simple loss taken for the bound":  # noise errors, each with the weight 1/2
            steps = steps / (schedule.snr[1:-1] / schedule.snr[2:] - 1)[:, None]
        left.append(terms.reconstruction - steps.sum(axis=0) - terms.prior)
    return np.array(left), np.broadcast_to(BUMPS.log_prob(x), (3, 13))


def gap_of_gaussian(rng: np.random.Generator, form: str = "right") -> tuple[Side, Side]:
    """Average gap of the package's bound for N(m, s^2) and its exact denoiser; the sum in closed form."""
    mean, std = rng.uniform(-1, 1), rng.uniform(0.4, 0.9)
    law, schedule = GaussianMixture([1.0], [mean], [std]), log_snr_schedule(12, 5.0, -3.0)
    x, weights = _nodes(law)
    left = weights @ (law.log_prob(x) - elbo_terms(schedule, MixtureDenoiser(law).denoise, x).elbo)
    grown = 1 + std**2 * schedule.snr[1:]
    rho = np.append((grown[0] - 1) / grown[0], grown[:-1] / grown[1:])
    last = schedule.alpha_bar[-1]
    variance = last * std**2 + 1 - last
    ends = 0.5 * (variance + last * mean**2 - 1 - math.log(variance))
    steps = {
        "right": 0.5 * (rho - 1 - np.log(rho)),
        "an exact denoiser leaves no gap": 0 * rho,
        "KL the other way round": 0.5 * (1 / rho - 1 + np.log(rho)),
        "the ends alone": np.append(0.5 * (rho[0] - 1 - math.log(rho[0])), 0 * rho[1:]),
    }[form]
    return left, ends + steps.sum()


def bound_falls(rng: np.random.Generator, slip: str = "none") -> tuple[Side, Side]:
    """Ratio of the average gaps at 640 and 160 steps, in the package's bound; one quarter."""
    if slip == "equal steps of beta do as well":
        return _gap("linear beta", 640) / _gap("linear beta", 160), 0.25
    if slip == "already from 10 to 40 steps":
        return _gap("log-SNR", 40) / _gap("log-SNR", 10), 0.25
    return _gap("log-SNR", 640) / _gap("log-SNR", 160), 1 / 16 if slip == "like 1/T^2" else 0.25


# ---------------------------------------------------------------- scores


def tweedie(rng: np.random.Generator, slip: str = "none") -> tuple[Side, Side]:
    """The package's score put into the formula; the posterior mean by quadrature over clean points."""
    left, right = [], []
    density = np.exp(BUMPS.log_prob(GRID))
    for alpha_bar in (0.9, 0.5, 0.1):
        for x in rng.uniform(-2, 2, size=3):
            score = EXACT.score(x, 1.0 if slip == "score of the clean law" else alpha_bar).item()
            sign = -1 if slip == "minus sign" else 1
            left.append((x + sign * (1 - alpha_bar) * score) / math.sqrt(alpha_bar))
            weight = density * stats.norm.pdf(x, math.sqrt(alpha_bar) * GRID, math.sqrt(1 - alpha_bar))
            right.append(_integral(weight * GRID) / _integral(weight))
    return np.array(left), np.array(right)


def denoising_score_matching(rng: np.random.Generator, slip: str = "none") -> tuple[Side, Side]:
    """Error against the noise for three wrong scores, by quadrature over (x_0, noise); against the package's score."""
    alpha_bar = rng.uniform(0.4, 0.7)
    a, b = math.sqrt(alpha_bar), math.sqrt(1 - alpha_bar)
    x0, of_x0 = _nodes(BUMPS, 60)
    noise, of_noise = _nodes(GaussianMixture([1.0], [0.0], [1.0]), 60)
    x_t = q_sample(*np.broadcast_arrays(x0[:, None], alpha_bar, noise[None, :]))
    target = -np.broadcast_to(noise, x_t.shape) / b
    density, true = np.exp(EXACT.log_prob(GRID, alpha_bar)), EXACT.score(GRID, alpha_bar)
    constant = 1 / b**2 - _integral(density * true**2)  # E target^2 - E score^2
    if slip == "no constant":
        constant = 0.0
    left, right = [], []
    for score in (lambda x: -x, lambda x: 0.5 * np.sin(x), lambda x: np.tanh(a - x)):
        towards = -target if slip == "plus the noise" else target
        left.append(of_x0 @ (score(x_t) - towards) ** 2 @ of_noise)
        right.append(_integral(density * (score(GRID) - true) ** 2) + constant)
    return np.array(left), np.array(right)


def reverse_walk(rng: np.random.Generator, slip: str = "none") -> tuple[Side, Side]:
    """Distance of 10 000 points walked back by the package in 200 steps from as many quantiles of the law.

    The standard error is the spread of that distance over perfect samples of the law.
    """
    schedule, n = linear_beta_schedule(200), 10_000
    denoise = {"score with the wrong sign": _with_score(-1.0), "twice the score": _with_score(2.0)}.get(
        slip, EXACT.denoise
    )
    x = rng.standard_normal(n)
    if slip == "no noise on the way":
        for t in range(200, 0, -1):
            x, _ = posterior(schedule, t, denoise(x, schedule.alpha_bar[t]), x)
    else:
        x = ancestral_sample(schedule, denoise, x, rng)
    quantiles = _quantiles((np.arange(n) + 0.5) / n)
    perfect = [wasserstein_1d(BUMPS.sample(n, rng)[:, 0], quantiles) for _ in range(20)]
    return Estimate(wasserstein_1d(x, quantiles), np.std(perfect, ddof=1)), 0.05


def probability_flow(rng: np.random.Generator, slip: str = "none") -> tuple[Side, Side]:
    """Levels of the data's law where the package's noiseless walk ends; levels of the noised law where it began."""
    schedule = log_snr_schedule(1000)
    last = schedule.alpha_bar[-1]
    start = rng.uniform(-1.5, 1.5, size=9)
    denoise = {"the drift of the noisy walk": _with_score(2.0), "score with the wrong sign": _with_score(-1.0)}.get(
        slip, EXACT.denoise
    )
    end = probability_flow_sample(schedule, denoise, start)
    return _cdf(end, 1.0, 0.0), _cdf(start, math.sqrt(last), math.sqrt(1 - last))


# ---------------------------------------------------------------- flow matching


def gaussian_velocity_sides(rng: np.random.Generator, slip: str = "none") -> tuple[Side, Side]:
    """The package's formula; the mean of x_1 - x_0 under the posterior of x_1, by quadrature."""
    mean, std = rng.uniform(0.5, 2), rng.uniform(0.4, 0.8)
    left, right = [], []
    for t in (0.2, 0.5, 0.9):
        for x in rng.uniform(-1.5, 2.5, size=3):
            formulas = {
                "none": gaussian_velocity(np.array(x), t, mean, std).item(),
                "straight to the mean": mean - x,
                "noise and data exchanged": -gaussian_velocity(np.array(x), 1 - t, mean, std).item(),
            }
            left.append(formulas[slip])
            noise = (x - t * GRID) / (1 - t)
            weight = stats.norm.pdf(GRID, mean, std) * stats.norm.pdf(noise)
            right.append(_integral(weight * (GRID - noise)) / _integral(weight))
    return np.array(left), np.array(right)


def flow_loss_floor(rng: np.random.Generator, floor: str = "pi s / 2") -> tuple[Side, Side]:
    """The package's loss of the exact field, over 100 batches; the closed form."""
    mean, std = rng.uniform(0.5, 2), rng.uniform(0.4, 0.8)
    draws = torch.Generator().manual_seed(int(rng.integers(2**31)))

    def field(x: Tensor, t: Tensor) -> Tensor:
        return gaussian_velocity(x, t[:, None], mean, std)  # type: ignore[arg-type]

    losses = []
    for _ in range(100):
        noise, z = torch.randn(2, 2000, 1, generator=draws, dtype=torch.float64)
        t = torch.rand(2000, generator=draws, dtype=torch.float64)
        losses.append(flow_matching_loss(field, mean + std * z, t, noise).item())
    floors = {
        "pi s / 2": math.pi * std / 2,
        "the best field has no error": 0.0,
        "variance of x_1 - x_0": 1 + std**2,
    }
    return estimate(np.array(losses)), floors[floor]


def flow_map(rng: np.random.Generator, form: str = "right") -> tuple[Side, Side]:
    """Where the package's Euler steps stand at three times, for a Gaussian; the closed form."""
    mean, std, start = rng.uniform(0.5, 2), rng.uniform(0.3, 0.5), np.array([-1.5, -0.5, 0.7, 1.6])
    left, right = [], []
    for until in (0.3, 0.6, 0.9):

        def slowed(x: np.ndarray, u: float, end: float = until) -> np.ndarray:
            """The same field on a slower clock: when that says 1, it has come to ``end``."""
            return end * gaussian_velocity(x, end * u, mean, std)

        left.append(euler_sample(slowed, start, 2000))
        right.append(
            {
                "right": until * mean + math.sqrt((1 - until) ** 2 + (until * std) ** 2) * start,
                "straight to its end": (1 - until) * start + until * (mean + std * start),
                "the path stops at the mean": (1 - until) * start + until * mean,
            }[form]
        )
    return np.array(left), np.array(right)


def flow_transport(rng: np.random.Generator, field: str = "exact") -> tuple[Side, Side]:
    """Levels of the mixture at the ends of the package's Euler steps; levels of N(0, 1) at their beginnings."""
    start = rng.uniform(-2, 2, size=9)
    if field == "exact":
        end = euler_sample(EXACT.velocity, start, 1000)
    else:
        centre, std = _moments(BUMPS)
        end = euler_sample(
            {
                "straight to the mean": lambda x, t: centre - x,
                "the field of the best Gaussian": lambda x, t: gaussian_velocity(x, t, centre, std),
            }[field],
            start,
            1000,
        )
    return _cdf(end, 1.0, 0.0), stats.norm.cdf(start)


def _moments(law: GaussianMixture) -> tuple[float, float]:
    mean = float(law.weights @ law.means[:, 0])
    return mean, math.sqrt(law.weights @ (law.means[:, 0] ** 2 + law.stds[:, 0] ** 2) - mean**2)


def flow_log_density(rng: np.random.Generator, slip: str = "none") -> tuple[Side, Side]:
    """Log density carried along the package's field to t = 0.9; the exact log density where it ends."""
    x, step, n = rng.uniform(-1.5, 1.5, size=7), 1e-4, 300
    log_density = stats.norm.logpdf(x)
    until = 0.9
    for k in range(n):  # the midpoint rule for the path, and for the integral of the divergence
        t = (k + 0.5) * until / n
        middle = x + 0.5 * until / n * EXACT.velocity(x, k * until / n)
        divergence = (EXACT.velocity(middle + step, t) - EXACT.velocity(middle - step, t)) / (2 * step)
        log_density = log_density + {"none": -1, "no divergence": 0, "plus the divergence": 1}[slip] * divergence * (
            until / n
        )
        x = x + until / n * EXACT.velocity(middle, t)
    noised = GaussianMixture(BUMPS.weights, until * BUMPS.means, np.hypot(until * BUMPS.stds, 1 - until))
    return log_density, noised.log_prob(x)


@cache
def _painter(seed: int) -> experiment.Trained:
    """A small conditional flow, trained for a second or two."""
    images, labels, _ = experiment.digits()
    with seeded(seed):
        network = TimeMLP(64, 128, experiment.N_CLASSES)
        optimiser = torch.optim.Adam(network.parameters(), 4e-3, fused=True)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 800)
        step = flow_step(network, optimiser, scheduler=scheduler, conditional=True)
        losses = fit(step, experiment.labelled_batches(images, labels), 800)["loss"]
    return experiment.Trained(network.eval(), losses)


def labels_obeyed(rng: np.random.Generator, slip: str = "none") -> tuple[Side, Side]:
    """Share of 1000 pictures in which a judge sees the label asked for; what is promised."""
    painter = _painter(int(rng.integers(2**31)))
    wanted, seed = torch.arange(1000) % experiment.N_CLASSES, int(rng.integers(2**31))
    given = torch.roll(wanted, 1) if slip == "labels shifted by one row" else wanted
    if slip == "velocity with the wrong sign":
        noise = torch.randn(1000, 64, generator=torch.Generator().manual_seed(seed))
        times = torch.zeros(1000)
        with torch.no_grad():
            points = euler_sample(lambda x, t: -painter.network(x, times + t, wanted), noise, 20)
        pictures = experiment.to_grey_levels(points)
    else:
        pictures = experiment.flow_samples(painter, seed, 1000, 20, labels=given)
    right = (experiment.judge().predict(pictures) == wanted.numpy()).astype(float)
    share = right.mean()
    return Estimate(share, math.sqrt(max(share * (1 - share), 1e-3) / len(right))), 0.9


# ---------------------------------------------------------------- back to the discriminator


def score_difference(rng: np.random.Generator, slip: str = "none") -> tuple[Side, Side]:
    """Slope of the best discriminator's logit by central differences; difference of the package's scores."""
    model = GaussianMixture([0.5, 0.5], [-1.0, 2.0], [0.8, 0.5])
    x, step = rng.uniform(-3, 3, size=13), 1e-5

    def signal(points: np.ndarray) -> np.ndarray:
        p, q = np.exp(BUMPS.log_prob(points)), np.exp(model.log_prob(points))
        d = p / (p + q)
        return np.log(d) if slip == "log D alone" else np.log(d) - np.log1p(-d)

    ours, theirs = EXACT.score(x, 1.0), MixtureDenoiser(model).score(x, 1.0)
    right = {"the data's score alone": ours, "model minus data": theirs - ours}.get(slip, ours - theirs)
    return (signal(x + step) - signal(x - step)) / (2 * step), right


CLAIMS = (
    Claim(
        label="two-point-denoiser",
        equation=r"""
\begin{aligned}
& \mathbb{E}[x_0 \mid x_t] \\
& \quad = \tanh \frac{\sqrt{\bar\alpha_t}\, x_t}{1 - \bar\alpha_t}
\end{aligned}
""",
        sides=two_point_denoiser,
        source="Bayes' rule",
        slips=slips_of(two_point_denoiser, "form", "the nearer of the two points", "the best straight line"),
        tolerance=1e-9,
    ),
    Claim(
        label="noising-closed-form",
        equation=r"""
\begin{aligned}
q(x_t \mid x_0) &= N\bigl( \sqrt{\bar\alpha_t}\, x_0, \, 1 - \bar\alpha_t \bigr), \\
\bar\alpha_t &= \textstyle\prod_{i=1}^t \alpha_i
\end{aligned}
""",
        sides=noising_closed_form,
        source="Ho et al. (2020), eq. (4)",
        slips=slips_of(noising_closed_form, "form", "the mean of the alphas", "variance beta_t only"),
    ),
    Claim(
        label="noising-posterior",
        equation=r"""
\begin{aligned}
& q(x_{t-1} \mid x_t, x_0) = N(\mu_t, \tilde\beta_t), \\
& \mu_t = \frac{\sqrt{\bar\alpha_{t-1}}\, \beta_t}{1 - \bar\alpha_t}\, x_0 \\
& \qquad + \frac{\sqrt{\alpha_t}\, (1 - \bar\alpha_{t-1})}{1 - \bar\alpha_t}\, x_t, \\
& \tilde\beta_t = \frac{1 - \bar\alpha_{t-1}}{1 - \bar\alpha_t}\, \beta_t
\end{aligned}
""",
        sides=noising_posterior,
        source="Ho et al. (2020), eqs. (6) and (7)",
        slips=slips_of(noising_posterior, "slip", "the two coefficients swapped", "variance beta_t"),
        tolerance=1e-8,
    ),
    Claim(
        label="diffusion-elbo",
        equation=r"""
\begin{aligned}
\mathcal{L}(x_0) = {}& \mathbb{E} \log p(x_0 \mid x_1) \\
& - \textstyle\sum_{t=2}^T \mathbb{E}\, D_{\mathrm{KL}}(q_t \Vert p_t) \\
& - D_{\mathrm{KL}}\bigl( q(x_T \mid x_0) \Vert p(x_T) \bigr)
\end{aligned}
""",
        sides=diffusion_elbo,
        source="Sohl-Dickstein et al. (2015), eq. (14); Ho et al. (2020), eq. (5)",
        slips=slips_of(
            diffusion_elbo,
            "slip",
            "the last law taken for the prior",
            "x_1 decoded for nothing",
            "every step with the weight 1/2",
        ),
        tolerance=1e-9,
    ),
    Claim(
        label="snr-weight",
        equation=r"""
\begin{aligned}
& D_{\mathrm{KL}}(q_t \Vert p_t) \\
& = \tfrac12 \bigl( \mathrm{SNR}_{t-1} - \mathrm{SNR}_t \bigr) \, (x_0 - \hat x_0)^2
\end{aligned}
""",
        sides=snr_weight,
        source="Kingma et al. (2021), eq. (13)",
        slips=slips_of(snr_weight, "slip", "SNR of t alone", "no half", "loss of signal without noise"),
        tolerance=1e-9,
    ),
    Claim(
        label="bound-below-log-prob",
        equation=r"\mathcal{L}(x_0) \le \log p_{\mathrm{data}}(x_0)",
        sides=bound_below_log_prob,
        source="the chapter's derivation, for the exact denoiser",
        slips=slips_of(
            bound_below_log_prob,
            "slip",
            "a quarter for the half in the weights",
            "the simple loss taken for the bound",
        ),
        relation="<=",
        tolerance=1e-9,
    ),
    Claim(
        label="gap-of-gaussian",
        equation=r"""
\begin{aligned}
& \mathbb{E} \bigl[ \log p_{\mathrm{data}}(x_0) - \mathcal{L}(x_0) \bigr] \\
& = D_{\mathrm{KL}}\bigl( q(x_T) \Vert p(x_T) \bigr) \\
& \quad + \textstyle\sum_{t=1}^T \tfrac12 (\rho_t - 1 - \log \rho_t)
\end{aligned}
""",
        sides=gap_of_gaussian,
        source="the chapter's derivation",
        slips=slips_of(
            gap_of_gaussian, "form", "an exact denoiser leaves no gap", "KL the other way round", "the ends alone"
        ),
        tolerance=1e-8,
    ),
    Claim(
        label="bound-falls-like-1-over-T",
        equation=r"\frac{\mathrm{gap}(640)}{\mathrm{gap}(160)} = \tfrac14 \; (\pm\, 0.03)",
        sides=bound_falls,
        source="the chapter's derivation",
        slips=slips_of(
            bound_falls, "slip", "equal steps of beta do as well", "already from 10 to 40 steps", "like 1/T^2"
        ),
        tolerance=0.03,
    ),
    Claim(
        label="tweedie",
        equation=r"""
\begin{aligned}
& \mathbb{E}[x_0 \mid x_t] \\
& = \frac{x_t + (1 - \bar\alpha_t)\, \nabla \log q(x_t)}{\sqrt{\bar\alpha_t}}
\end{aligned}
""",
        sides=tweedie,
        source="Robbins (1956); Efron (2011)",
        slips=slips_of(tweedie, "slip", "minus sign", "score of the clean law"),
        tolerance=1e-7,
    ),
    Claim(
        label="denoising-score-matching",
        equation=r"""
\begin{aligned}
& \mathbb{E} \Bigl( s(x_t) + \tfrac{\epsilon}{\sqrt{1 - \bar\alpha_t}} \Bigr)^2 \\
& = \mathbb{E} \bigl( s(x_t) - \nabla \log q(x_t) \bigr)^2 + c_t, \\
& c_t = \tfrac{1}{1 - \bar\alpha_t} - \mathbb{E} \bigl( \nabla \log q(x_t) \bigr)^2
\end{aligned}
""",
        sides=denoising_score_matching,
        source="Vincent (2011), section 4.2",
        slips=slips_of(denoising_score_matching, "slip", "plus the noise", "no constant"),
        tolerance=1e-7,
    ),
    Claim(
        label="reverse-walk",
        equation=r"""
\begin{aligned}
& W_1\bigl( p_{\text{200 steps back}}, \; p_{\mathrm{data}} \bigr) \\
& \quad \le 0.05
\end{aligned}
""",
        sides=reverse_walk,
        source="Ho et al. (2020), Algorithm 2; the chapter's experiment",
        slips=slips_of(reverse_walk, "slip", "score with the wrong sign", "twice the score", "no noise on the way"),
        relation="<=",
    ),
    Claim(
        label="probability-flow",
        equation=r"""
\begin{aligned}
\frac{dy}{d\sigma} &= \frac{y - \hat x_0}{\sigma} = -\sigma \, \nabla \log q_\sigma(y) \\
\Rightarrow \quad & F_0\bigl( y(0) \bigr) = F_\sigma\bigl( y(\sigma) \bigr)
\end{aligned}
""",
        sides=probability_flow,
        source="Song et al. (2021), eq. (13); the chapter's derivation",
        slips=slips_of(probability_flow, "slip", "the drift of the noisy walk", "score with the wrong sign"),
        tolerance=3e-3,
    ),
    Claim(
        label="gaussian-velocity",
        equation=r"""
\begin{aligned}
& v(x, t) = \mathbb{E}[x_1 - x_0 \mid x_t = x] \\
& = m + \frac{t s^2 - (1 - t)}{(1 - t)^2 + t^2 s^2} \, (x - t m)
\end{aligned}
""",
        sides=gaussian_velocity_sides,
        source="the chapter's derivation; Lipman et al. (2023), section 4.1",
        slips=slips_of(gaussian_velocity_sides, "slip", "straight to the mean", "noise and data exchanged"),
        tolerance=1e-7,
    ),
    Claim(
        label="flow-loss-floor",
        equation=r"""
\begin{aligned}
& x_1 \sim \mathcal N(m, s^2): \\
& \min_v \, \mathbb{E} \bigl( v(x_t, t) - (x_1 - x_0) \bigr)^2 \\
& \quad = \frac{\pi s}{2}
\end{aligned}
""",
        sides=flow_loss_floor,
        source="the chapter's derivation",
        slips=slips_of(flow_loss_floor, "floor", "the best field has no error", "variance of x_1 - x_0"),
    ),
    Claim(
        label="flow-map",
        equation=r"x(t) = t m + \sqrt{(1 - t)^2 + t^2 s^2} \; x(0)",
        sides=flow_map,
        source="the chapter's derivation",
        slips=slips_of(flow_map, "form", "straight to its end", "the path stops at the mean"),
        tolerance=3e-3,
    ),
    Claim(
        label="flow-transport",
        equation=r"F_{\mathrm{data}}\bigl( x(1) \bigr) = \Phi\bigl( x(0) \bigr)",
        sides=flow_transport,
        source="Lipman et al. (2023), theorem 1",
        slips=slips_of(flow_transport, "field", "straight to the mean", "the field of the best Gaussian"),
        tolerance=0.01,
    ),
    Claim(
        label="flow-log-density",
        equation=r"""
\begin{aligned}
& \log p_t\bigl( x(t) \bigr) = \log p_0\bigl( x(0) \bigr) \\
& \quad - \int_0^t \operatorname{div} v\bigl( x(u), u \bigr) \, du
\end{aligned}
""",
        sides=flow_log_density,
        source="Chen et al. (2018), theorem 1",
        slips=slips_of(flow_log_density, "slip", "no divergence", "plus the divergence"),
        tolerance=2e-3,
    ),
    Claim(
        label="labels-obeyed",
        equation=r"\Pr\bigl[ \text{judge}(x^{(y)}) = y \bigr] \ge 0.9",
        sides=labels_obeyed,
        source="the chapter's experiment",
        slips=slips_of(labels_obeyed, "slip", "velocity with the wrong sign", "labels shifted by one row"),
        relation=">=",
    ),
    Claim(
        label="score-difference",
        equation=r"""
\begin{aligned}
& \nabla_x \log \frac{D^*(x)}{1 - D^*(x)} \\
& = \nabla_x \log p_{\mathrm{data}}(x) - \nabla_x \log p_G(x)
\end{aligned}
""",
        sides=score_difference,
        source="Goodfellow et al. (2014), Proposition 1, and the chapter's derivation",
        slips=slips_of(score_difference, "slip", "log D alone", "the data's score alone", "model minus data"),
        tolerance=1e-6,
    ),
)

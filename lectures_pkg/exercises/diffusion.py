"""Exercises of the chapter "From the bound to diffusion and flow matching"."""

# Solutions are shown to readers as they would write them, without types.
# mypy: disallow-untyped-defs=False

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from lectures_pkg.diffusion import MixtureDenoiser, Schedule, elbo_terms, euler_sample, log_snr_schedule, posterior
from lectures_pkg.exercises import Exercise, Mistake, Wrong, as_array, as_entries, as_number, close
from lectures_pkg.worlds import GaussianMixture

Array = np.ndarray


# --- 1. The recursion of alpha-bar --------------------------------------------------------------------------


def noise_levels(betas):
    alpha_bar = np.cumprod(1 - betas)
    return {"alpha_bar": alpha_bar, "signal": np.sqrt(alpha_bar), "noise_std": np.sqrt(1 - alpha_bar)}


def _mean_of_alphas(betas: Array) -> dict:
    alpha_bar = np.cumsum(1 - betas) / np.arange(1, len(betas) + 1)
    return {"alpha_bar": alpha_bar, "signal": np.sqrt(alpha_bar), "noise_std": np.sqrt(1 - alpha_bar)}


def _added_betas(betas: Array) -> dict:
    alpha_bar = np.clip(1 - np.cumsum(betas), 0, 1)
    return {"alpha_bar": alpha_bar, "signal": np.sqrt(alpha_bar), "noise_std": np.sqrt(1 - alpha_bar)}


def _variance_for_std(betas: Array) -> dict:
    answer = noise_levels(betas)
    return {**answer, "noise_std": 1 - answer["alpha_bar"]}


def _check_noise_levels(answer: object, betas: Array) -> None:
    shape = betas.shape
    alpha_bar, signal, std = (as_array(a, shape) for a in as_entries(answer, ("alpha_bar", "signal", "noise_std")))
    mean, variance, means, variances = 1.0, 0.0, [], []
    for beta in betas:  # the independent route: the chain's own mean and variance, step after step
        mean, variance = math.sqrt(1 - beta) * mean, (1 - beta) * variance + beta
        means.append(mean)
        variances.append(variance)
    truth = np.array(means) ** 2
    if close(alpha_bar, np.cumsum(1 - betas) / np.arange(1, len(betas) + 1)) and len(betas) > 1:
        raise Wrong("alpha_bar is the mean of the alphas: each step *multiplies* what is left by its alpha")
    if close(alpha_bar, np.clip(1 - np.cumsum(betas), 0, 1)) and not close(alpha_bar, truth):
        raise Wrong("the betas were added up: what is left after two steps is (1 - beta_1)(1 - beta_2)")
    if not close(alpha_bar, truth):
        raise Wrong("alpha_bar is not the product of the 1 - beta up to each step")
    if close(std, variances) and not close(std, np.sqrt(variances)):
        raise Wrong("noise_std is the variance 1 - alpha_bar: take its root")
    if not (close(signal, means) and close(std, np.sqrt(variances))):
        raise Wrong("x_t has the factor sqrt(alpha_bar) before x_0 and sqrt(1 - alpha_bar) before the noise")


def _betas(rng: np.random.Generator) -> list[tuple]:
    return [(np.linspace(1e-4, 0.05, 200),), (rng.uniform(0.05, 0.6, size=7),), (np.array([0.3]),)]


# --- 2. The posterior of one step ---------------------------------------------------------------------------


def _check_posterior_step(answer: object, alpha_bar: Array, t: int, x0: Array, x_t: Array) -> None:
    given_mean, given_variance = as_entries(answer, ("mean", "variance"))
    mean, variance = as_array(given_mean, x0.shape), as_number(given_variance)
    schedule = Schedule(alpha_bar)
    alpha, before = schedule.alpha[t], alpha_bar[t - 1]
    if t == 1:
        if not (math.isfinite(variance) and np.isfinite(mean).all()):
            raise Wrong("at t = 1 something is divided by zero: there x_{t-1} is x_0 itself, with variance 0")
        if not (close(mean, x0) and abs(variance) < 1e-12):
            raise Wrong("at t = 1 the mean should be x_0 and the variance 0: is alpha_bar[0] = 1 used?")
        return
    # the independent route: precisions add up, and so do precision-weighted means
    precision = alpha / (1 - alpha) + 1 / (1 - before)
    truth = (math.sqrt(alpha) * x_t / (1 - alpha) + math.sqrt(before) * x0 / (1 - before)) / precision
    swapped, _ = posterior(schedule, t, x_t, x0)
    if close(variance, 1 - alpha):
        raise Wrong("the variance is beta_t, that of the forward step: knowing x_0 makes it smaller")
    if close(mean, swapped) and not close(mean, truth):
        raise Wrong("the two coefficients are swapped: near t = T the mean should hardly depend on x_0")
    late = 1 - alpha_bar[t]
    if close(variance, (1 - alpha) * late / (1 - before)):
        raise Wrong("the ratio of the variance is upside down: it is below 1, (1 - alpha_bar[t-1])/(1 - alpha_bar[t])")
    if not close(variance, 1 / precision):
        raise Wrong("the variance is not 1/(sum of the two precisions)")
    if not close(mean, truth):
        raise Wrong("the mean is not the average of both pieces of news, each weighted with its precision")


def _posterior_inputs(rng: np.random.Generator) -> list[tuple]:
    alpha_bar = np.append(1.0, np.cumprod(rng.uniform(0.7, 0.95, size=8)))
    x0, x_t = rng.uniform(0.5, 2, size=3), rng.uniform(-2, -0.5, size=3)
    return [(alpha_bar, 2, x0, x_t), (alpha_bar, int(rng.integers(4, 8)), x_t, x0), (alpha_bar, 1, x0, x_t)]


# --- 3. Tweedie's formula on a mixture ----------------------------------------------------------------------


def _check_tweedie_mean(answer: object, weights: Array, means: Array, stds: Array, x: Array, alpha_bar: float) -> None:
    given_score, given_mean = as_entries(answer, ("score", "mean"))
    score, mean = as_array(given_score, x.shape), as_array(given_mean, x.shape)
    law = GaussianMixture(weights, means, stds)
    exact = MixtureDenoiser(law)
    true_score = exact.score(x, alpha_bar)
    if close(score, exact.score(x, 1.0), 1e-7) and not close(score, true_score, 1e-7):
        raise Wrong("that is the score of the clean law: x_t follows the noised one, with wider and shrunken bumps")
    if not np.isfinite(score).all():
        raise Wrong("the score is not finite: far out the densities underflow; work with logarithms")
    if close(score, -true_score, 1e-7):
        raise Wrong("the score points downhill: it is the slope of the log density, not of its negative")
    if not close(score, true_score, 1e-7):
        raise Wrong("the score is not the slope of the noised mixture's log density")
    b2 = 1 - alpha_bar
    # the independent route: component by component, by conjugacy
    if close(mean, (x - b2 * score) / math.sqrt(alpha_bar), 1e-7) and not close(b2 * score, 0):
        raise Wrong("the sign before the score: the clean point lies uphill, x_t + (1 - alpha_bar) score")
    if close(mean, x + b2 * score, 1e-7) and not close(alpha_bar, 1):
        raise Wrong("the division by sqrt(alpha_bar) is missing: x_t is a shrunken x_0")
    if not close(mean, exact.denoise(x, alpha_bar), 1e-6):
        raise Wrong("the mean is not E[x_0 | x_t]")


def _tweedie_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for alpha_bar in (0.9999, rng.uniform(0.3, 0.7), 1e-3):
        weights = rng.dirichlet([3.0, 3.0, 3.0])
        means, stds = rng.normal(size=3) * 2, rng.uniform(0.3, 0.8, size=3)
        cases.append((weights, means, stds, rng.normal(size=5) * 1.5, float(alpha_bar)))
    weights, means, stds, _, _ = cases[1]
    return [*cases, (weights, means, stds, np.array([-70.0, 70.0]), 0.5)]


# --- 4. The weight of a step --------------------------------------------------------------------------------


def step_weights(before, after):
    alpha = after / before
    beta = 1 - alpha
    coefficient = np.sqrt(before) * beta / (1 - after)  # of x_0 in the posterior mean
    variance = beta * (1 - before) / (1 - after)
    snr_before, snr_after = before / (1 - before), after / (1 - after)
    return {
        "from_means": coefficient**2 / (2 * variance),
        "from_snr": (snr_before - snr_after) / 2,
        # x_0 - guess = (guessed noise - noise) sqrt(1 - alpha_bar) / sqrt(alpha_bar): divide by SNR_t
        "of_noise": (snr_before / snr_after - 1) / 2,
    }


def _check_step_weights(answer: object, before: Array, after: Array) -> None:
    names = ("from_means", "from_snr", "of_noise")
    means, snr, noise = (as_array(a, before.shape) for a in as_entries(answer, names))
    # the independent route: the package's posterior of two guesses one apart, at 20 random pairs of levels
    truth = []
    for b, a in zip(before, after, strict=True):
        schedule = Schedule([1.0, b, a])
        one, variance = posterior(schedule, 2, np.array([1.0]), np.array([0.3]))
        zero, _ = posterior(schedule, 2, np.array([0.0]), np.array([0.3]))
        truth.append(((one - zero) ** 2 / (2 * variance)).item())
    right = np.array(truth)
    ratio = after / (1 - after)
    for name, value in (("from_means", means), ("from_snr", snr)):
        if close(value, 2 * right):
            raise Wrong(f"{name} lacks a factor: the KL of two Gaussians has 2 variances in its denominator")
        if close(value, ratio / 2):
            raise Wrong(f"{name} is half the ratio at t alone; it is the *loss* of signal-to-noise that counts")
        if close(value, (before - after) / 2):
            raise Wrong(f"{name} is a loss of alpha_bar, not of alpha_bar/(1 - alpha_bar)")
        if not close(value, right, 1e-8):
            raise Wrong(f"{name} is not the weight of (x_0 - guess)^2 in the KL of step t")
    if close(noise, right):
        raise Wrong("of_noise is the weight of an error in x_0; an error in the noise is another unit")
    if close(noise, right * ratio):
        raise Wrong("of_noise multiplies by SNR_t: an error in x_0 is an error in the noise *divided* by sqrt(SNR_t)")
    if not close(noise, right / ratio, 1e-8):
        raise Wrong("of_noise is not the weight of (noise - guess)^2")


def _no_half(before: Array, after: Array) -> dict:
    answer = step_weights(before, after)
    return {**answer, "from_snr": 2 * answer["from_snr"]}


def _one_level(before: Array, after: Array) -> dict:
    return {**step_weights(before, after), "from_snr": after / (1 - after) / 2}


def _same_unit(before: Array, after: Array) -> dict:
    answer = step_weights(before, after)
    return {**answer, "of_noise": answer["from_means"]}


def _levels(rng: np.random.Generator) -> list[tuple]:
    before = rng.uniform(0.1, 0.98, size=20)
    return [(before, before * rng.uniform(0.5, 0.98, size=20))]


# --- 5. Spot the slip: nearly a Gaussian --------------------------------------------------------------------


def _mixture_nodes(law: GaussianMixture) -> tuple[Array, Array]:
    z, w = np.polynomial.hermite_e.hermegauss(12)
    return (law.means + law.stds * z).ravel(), (law.weights[:, None] * w / w.sum()).ravel()


def _check_one_step_or_many(answer: object, weights: Array, means: Array, stds: Array, steps: list) -> None:
    given_kl, given_gaps = as_entries(answer, ("best_gaussian_kl", "gaps"))
    kl, gaps = as_number(given_kl), as_array(given_gaps, (len(steps),))
    law = GaussianMixture(weights, means, stds)
    exact = MixtureDenoiser(law)
    x, share = _mixture_nodes(law)
    grid = np.linspace(-12, 12, 24_001)
    density = np.exp(law.log_prob(grid))
    mean = np.trapezoid(density * grid, grid)
    std = math.sqrt(np.trapezoid(density * (grid - mean) ** 2, grid))
    gaussian = stats.norm.logpdf(grid, mean, std)
    truth = np.trapezoid(density * (law.log_prob(grid) - gaussian), grid)
    if abs(kl) < 1e-6:
        raise Wrong("best_gaussian_kl is zero: a Gaussian, however it is shifted and stretched, has one bump")
    if not abs(kl - truth) < 2e-3:
        raise Wrong(
            f"best_gaussian_kl is {kl:.3f} nats: the best Gaussian has the mixture's own mean and variance, and the "
            "divergence is E[log p(x)] - E[log Gaussian(x)] under the mixture"
        )
    right = np.array(
        [share @ (law.log_prob(x) - elbo_terms(log_snr_schedule(n), exact.denoise, x).elbo) for n in steps]
    )
    if (gaps < 0).any():
        raise Wrong("a gap is negative: the bound lies below log p(x), and the gap is log p(x) minus the bound")
    if not np.abs(gaps / right - 1).max() < 0.02:
        doubled = np.abs(gaps / _doubled_gaps(law, exact, steps) - 1).max() < 0.02
        if doubled:
            raise Wrong("the weights lack their half: 1/2 (SNR_{t-1} - SNR_t)")
        short = gaps[-1] < right[-1]
        raise Wrong(
            f"with {steps[-1]} steps the gap comes out too {'small' if short else 'large'}: is every term in it, the "
            "reconstruction at t = 1, the weighted errors from t = 2 to T, and the prior at T?"
        )


def _doubled_gaps(law: GaussianMixture, exact: MixtureDenoiser, steps: list) -> Array:
    x, share = _mixture_nodes(law)
    found = []
    for n in steps:
        terms = elbo_terms(log_snr_schedule(n), exact.denoise, x, n_nodes=40)
        found.append(share @ (law.log_prob(x) - terms.elbo + terms.steps.sum(axis=0)))
    return np.array(found)


def _two_bumps(rng: np.random.Generator) -> list[tuple]:
    return [
        (np.array([0.5, 0.5]), np.array([-3.0, 3.0]), np.array([1.0, 1.0]), [10, 40, 160, 640]),
        (np.array([0.4, 0.6]), rng.uniform([-2.2, 1.2], [-1.8, 1.8]), rng.uniform(0.5, 0.8, size=2), [20, 80]),
    ]


# --- 6. Mini project: fifty steps in five -------------------------------------------------------------------


def distilled_sampler(weights, means, stds, grid):
    def velocity(x, t):
        scale = (1 - t) ** 2 + t**2 * stds**2  # variance of each component at time t
        gap = x[:, None] - t * means
        log_share = np.log(weights) - 0.5 * (gap**2 / scale + np.log(scale))
        share = np.exp(log_share - log_share.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        return (share * (means + (t * stds**2 - (1 - t)) / scale * gap)).sum(axis=1)

    tables = []
    for k in range(5):  # the student's step k is the teacher's steps 10 k to 10 k + 9, learned on a grid
        x = grid.copy()
        for j in range(10):
            x = x + velocity(x, (10 * k + j) / 50) / 50
        tables.append(x)
    return np.array(tables)


def _five_euler_steps(weights: Array, means: Array, stds: Array, grid: Array) -> Array:
    exact = MixtureDenoiser(GaussianMixture(weights, means, stds))
    return np.array([grid + exact.velocity(grid, k / 5) / 5 for k in range(5)])


def _whole_map_each_time(weights: Array, means: Array, stds: Array, grid: Array) -> Array:
    exact = MixtureDenoiser(GaussianMixture(weights, means, stds))
    return np.tile(euler_sample(exact.velocity, grid, 50), (5, 1))


def _last_step_first(weights: Array, means: Array, stds: Array, grid: Array) -> Array:
    return distilled_sampler(weights, means, stds, grid)[::-1]


def _check_distilled_sampler(answer: object, weights: Array, means: Array, stds: Array, grid: Array) -> None:
    tables = as_array(answer, (5, len(grid)))
    exact = MixtureDenoiser(GaussianMixture(weights, means, stds))
    noise = stats.norm.ppf((np.arange(400) + 0.5) / 400)  # fresh noise, not the grid's points
    teacher, naive = (euler_sample(exact.velocity, noise, n) for n in (50, 5))

    def walk(steps: Array) -> Array:
        x = noise
        for table in steps:
            x = np.interp(x, grid, table)
        return x

    if close(tables, np.tile(tables[0], (5, 1))):
        raise Wrong("the five tables are the same: each step covers its own fifth of the time")
    error, coarse = np.abs(walk(tables) - teacher).mean(), np.abs(naive - teacher).mean()
    if np.abs(walk(tables[::-1]) - teacher).mean() < coarse / 5:
        raise Wrong("the tables are in the wrong order: table 0 starts from noise, table 4 ends at data")
    if abs(error - coarse) < 0.02 * coarse:
        raise Wrong("these are five Euler steps: the student should imitate ten of the teacher's steps in one")
    if not error < coarse / 5:  # nan is no answer either
        raise Wrong(
            f"the student lands {error:.3f} away from the teacher's 50 steps, five Euler steps {coarse:.3f}: "
            "it should be five times nearer than those"
        )


def _distillation_inputs(rng: np.random.Generator) -> list[tuple]:
    grid = np.linspace(-6, 6, 601)
    cases = []
    for _ in range(2):
        means = rng.uniform([-2.4, 1.2], [-1.6, 2.0])
        cases.append((rng.dirichlet([8.0, 8.0]), means, rng.uniform(0.3, 0.6, size=2), grid))
    return cases


EXERCISES = (
    Exercise(
        name="noise_levels",
        title="What is left after t steps",
        prompt="""
A chain adds noise step after step, $x_t = \\sqrt{1 - \\beta_t}\\, x_{t-1} + \\sqrt{\\beta_t}\\, \\epsilon_t$. Given
$\\beta_1, \\dots, \\beta_T$ (an array), return a dict of three arrays of that length: `"alpha_bar"`, and what stands
before $x_0$ (`"signal"`) and before one standard normal number (`"noise_std"`) if $x_t$ is drawn in a single step.
""",
        stub='''
def noise_levels(betas):
    """A dict: "alpha_bar", "signal", "noise_std", arrays of shape (T,)."""
    ...
''',
        inputs=_betas,
        check=_check_noise_levels,
        solution=noise_levels,
        mistakes=(
            Mistake("mean of the alphas", _mean_of_alphas, "the mean of the alphas"),
            Mistake("sum of the betas", _added_betas, "the betas were added up"),
            Mistake("variance for the standard deviation", _variance_for_std, "take its root"),
        ),
        level=1,
        minutes=10,
    ),
    Exercise(
        name="posterior_step",
        title="Where was the chain one step ago?",
        prompt="""
Given `alpha_bar` (an array of $T + 1$ numbers, the first is 1), a step `t` from 1 to $T$, and both ends of a chain,
`x0` and `x_t` (arrays of one shape), return a dict with the `"mean"` (that shape) and the `"variance"` (one number) of
$q(x_{t-1} \\mid x_t, x_0)$. It must also be right at $t = 1$.
""",
        stub='''
def posterior_step(alpha_bar, t, x0, x_t):
    """A dict: "mean", an array, and "variance", a number."""
    ...
''',
        inputs=_posterior_inputs,
        check=_check_posterior_step,
        level=2,
        minutes=25,
        points=8,
    ),
    Exercise(
        name="tweedie_mean",
        title="Denoising by a slope",
        prompt="""
The clean data follow a mixture of Gaussians on the line (`weights`, `means`, `stds`, each of shape (k,)). Compute the
`"score"` of the *noised* law at the points `x_t` (an array), $\\frac{d}{dx} \\log q(x_t)$ in closed form, and from the
score alone, by Tweedie's formula, the `"mean"` $\\mathbb{E}[x_0 \\mid x_t]$. Return both in a dict. Some points lie so
far out that every density there rounds to zero.
""",
        stub='''
def tweedie_mean(weights, means, stds, x_t, alpha_bar):
    """A dict: "score" and "mean", arrays of the shape of x_t."""
    ...
''',
        inputs=_tweedie_inputs,
        check=_check_tweedie_mean,
        level=2,
        minutes=30,
        points=10,
    ),
    Exercise(
        name="step_weights",
        title="The weight of a step",
        prompt="""
Derive on paper how an error of the denoiser counts in the bound, then verify your derivation at twenty random pairs of
noise levels, $\\bar\\alpha_{t-1}$ (`before`) and $\\bar\\alpha_t$ (`after`, smaller). Return a dict of three arrays:
`"from_means"`, the weight of $(x_0 - \\hat x_0)^2$ from the coefficient of $x_0$ in the posterior mean and the
posterior variance; `"from_snr"`, the same weight from the two signal-to-noise ratios; and `"of_noise"`, the weight of
$(\\epsilon - \\hat\\epsilon)^2$ if the network guesses the noise.
""",
        stub='''
def step_weights(before, after):
    """A dict: "from_means", "from_snr", "of_noise", arrays of the shape of before."""
    ...
''',
        inputs=_levels,
        check=_check_step_weights,
        solution=step_weights,
        mistakes=(
            Mistake("no half", _no_half, "lacks a factor"),
            Mistake("the ratio at t alone", _one_level, "the *loss* of signal-to-noise"),
            Mistake("the weight of x_0 for the noise", _same_unit, "another unit"),
        ),
        level=3,
        minutes=40,
    ),
    Exercise(
        name="one_step_or_many",
        title="Spot the slip: nearly a Gaussian?",
        prompt="""
"Any distribution is nearly a high-dimensional Gaussian; which others could a network learn?" Refute the first half and
answer the second, on a mixture of two bumps (`weights`, `means`, `stds`, each of shape (2,)). *One* Gaussian step: what
is the smallest divergence $D_{\\mathrm{KL}}(p \\Vert N(m, s^2))$ over all $m$ and $s$ (`"best_gaussian_kl"`, nats)?
*Many* Gaussian steps: a chain of $T$ steps with the exact denoiser, $\\bar\\alpha_t = \\sigma(\\lambda_t)$ with
$\\lambda_1, \\dots, \\lambda_T$ evenly spaced from 9 to $-9$. Return the average gap
$\\mathbb{E}[\\log p(x_0) - \\mathcal{L}(x_0)]$ in nats for each $T$ in the list `steps` (`"gaps"`, an array; the check
allows 2 %). Look at the table for $T = 10, 40, 160, 640$: what does four times as many steps buy? Expectations by
quadrature, please: Monte Carlo is too noisy for small gaps.
""",
        stub='''
def one_step_or_many(weights, means, stds, steps):
    """A dict: "best_gaussian_kl", a number, and "gaps", an array as long as steps."""
    ...
''',
        inputs=_two_bumps,
        check=_check_one_step_or_many,
        level=2,
        minutes=60,
        points=14,
    ),
    Exercise(
        name="distilled_sampler",
        title="Mini project: fifty steps in five",
        prompt="""
A sampler that asks its network fifty times is slow. *Distillation* trains a student to do in one step what the teacher
does in ten. On the line a student can be a table. The data follow a mixture (`weights`, `means`, `stds`); the teacher
makes 50 Euler steps along the exact field of flow matching from noise at $t = 0$ to data at $t = 1$. Return five
tables, shape (5, len(grid)): table $k$ holds, for a point at each place of `grid` at time $k/5$, where it should
stand at time $(k + 1)/5$. The check walks through your tables with fresh noise (interpolating) and wants the student
five times nearer to the teacher's end points than five Euler steps are.

Then do it on digits: distil the chapter's unconditional network by regression, and plot the accuracy of the two-sample
classifier against the number of times that the network is asked, for teacher and student, from the same noise.
""",
        stub='''
def distilled_sampler(weights, means, stds, grid):
    """Five tables, shape (5, len(grid)): where each point of the grid goes in each fifth of the time."""
    ...
''',
        inputs=_distillation_inputs,
        check=_check_distilled_sampler,
        solution=distilled_sampler,
        mistakes=(
            Mistake("five Euler steps", _five_euler_steps, "these are five Euler steps"),
            Mistake("the whole map each time", _whole_map_each_time, "the five tables are the same"),
            Mistake("last step first", _last_step_first, "the wrong order"),
        ),
        level=3,
        minutes=120,
        rubric="""
The student starts from the same noise as the teacher and is compared with it pair by pair; accuracy of the classifier
against the number of evaluations, for both, over at least three seeds with the spread, and with real against real as
the null; a sentence on why few Euler steps fail where the paths bend, and on what the student cannot repair.
""",
    ),
)

"""Claims of the chapter on what the adversarial game computes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import cache, partial

import numpy as np
from scipy import integrate, optimize, stats
from scipy.special import expit, log_expit, softmax

from lectures_pkg import worlds
from lectures_pkg.claims import Claim, Estimate, Side
from lectures_pkg.divergences import (
    F_DIVERGENCES,
    LogDensity,
    density_jensen_shannon,
    density_kl,
    f_divergence,
    f_divergence_bound,
    gaussian_kl,
    jensen_shannon_divergence,
    kl_divergence,
    total_variation,
)
from lectures_pkg.gan_theory import (
    density_value,
    fit_logistic,
    gaussian_logit_coefficients,
    optimal_discriminator,
    push_forward,
    tabular_game,
    value_function,
    virtual_criterion,
)

LOG2, LOG4 = math.log(2), math.log(4)
Rng = np.random.Generator
Pair = tuple[Side, Side]


def _laws(rng: np.random.Generator, n: int = 8, k: int = 2, concentration: float = 1.0) -> np.ndarray:
    """k random laws on n outcomes, none of them zero anywhere."""
    return rng.dirichlet(np.full(n, concentration), size=k) * (1 - 1e-6) + 1e-6 / n


def _quad(f: Callable[[float], float], low: float, high: float) -> float:
    return integrate.quad(f, low, high, epsabs=1e-12, epsrel=1e-12, limit=500)[0]


def _gaussians(rng: np.random.Generator) -> tuple[tuple[float, float], tuple[float, float]]:
    """Mean and standard deviation of two Gaussians that overlap."""
    return (0.0, 1.0), (float(rng.uniform(0.5, 2.0)), float(rng.uniform(0.6, 0.9)))


# --- The law of the unconscious statistician, and the value in x-space -----------------------------------


def lotus(rng: Rng, formula: str = "push forward") -> Pair:
    """A table that is not one to one, then G(z) = (z + c)^2, whose law has a density that SciPy knows."""
    p_noise, table, f = rng.dirichlet(np.ones(12)), rng.integers(5, size=12), rng.normal(size=5)
    table[:2] = table[2]  # never invertible
    shift, slope = rng.uniform(0.5, 1.5), rng.uniform(0.5, 1.5)

    def g(x: float) -> float:
        return log_expit(1 - slope * x)

    over_z = [p_noise @ f[table], _quad(lambda z: stats.norm.pdf(z) * g((z + shift) ** 2), -12, 12)]
    model = push_forward(p_noise, table, 5)
    if formula == "one z for each x":  # each x gets the probability of one of its z only
        model = np.zeros(5)
        model[table] = p_noise

    def density(x: float) -> float:
        if formula == "no Jacobian":
            return stats.norm.pdf(math.sqrt(x) - shift) + stats.norm.pdf(-math.sqrt(x) - shift)
        branch = stats.norm.pdf(math.sqrt(x) - shift) / (2 * math.sqrt(x))
        return branch if formula == "one z for each x" else stats.ncx2.pdf(x, 1, shift**2)

    over_x = _quad(lambda r: density(r**2) * g(r**2) * 2 * r, 1e-12, 14)  # x = r^2 smooths the end at 0
    return np.array(over_z), np.array([model @ f, over_x])


def value_in_x(rng: Rng, formula: str = "push forward") -> Pair:
    """Data lognormal, G(z) = z^2 (two noise values for each x), D a sigmoid: expectations against one integral."""
    slope, bias = rng.uniform(0.3, 1.5), rng.normal()
    real = _quad(lambda z: stats.norm.pdf(z) * log_expit(slope * math.exp(z) + bias), -12, 12)
    fake = _quad(lambda z: stats.norm.pdf(z) * log_expit(-slope * z * z - bias), -12, 12)
    # The integral runs over r = sqrt(x), where both densities are smooth: p(r) = 2 r p_x(r^2).
    log_p = partial(_log_density_of_root, stats.lognorm(1).logpdf)
    log_q = partial(_log_density_of_root, stats.chi2(1).logpdf)
    if formula == "noise density used at x":
        log_q = partial(_log_density_of_root, stats.norm.logpdf)
    return real + fake, density_value(log_p, log_q, lambda r: slope * r**2 + bias, 1e-9, 40.0)


def _log_density_of_root(log_density: LogDensity, r: np.ndarray) -> np.ndarray:
    return log_density(r**2) + np.log(2 * r)


# --- The best discriminator -------------------------------------------------------------------------------


def optimal(rng: Rng, formula: str = "optimal") -> Pair:
    """The maximum found by a numerical optimiser, outcome by outcome."""
    p, q = _laws(rng)
    found = [
        optimize.minimize_scalar(
            lambda d, a=a, b=b: -(a * math.log(d) + b * math.log1p(-d)) / (a + b),
            bounds=(1e-9, 1 - 1e-9),
            method="bounded",
            options={"xatol": 1e-11},
        ).x
        for a, b in zip(p, q, strict=True)
    ]
    return found, optimal_discriminator(p, q) if formula == "optimal" else q / (p + q)


def curvature(rng: Rng, formula: str = "both negative") -> Pair:
    """Second difference of the value when D moves at one outcome only."""
    p, q, d = rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9), rng.uniform(0.25, 0.75)
    h = 1e-3

    def value(step: float) -> float:
        return value_function([p, 1 - p], [q, 1 - q], [d + step, 0.5])

    five_points = -value(-2 * h) + 16 * value(-h) - 30 * value(0) + 16 * value(h) - value(2 * h)
    second = -q / (1 - d) ** 2 if formula == "both negative" else q / (1 - d) ** 2
    return five_points / (12 * h**2), -p / d**2 + second


def bound(rng: Rng, formula: str = "optimal") -> Pair:
    """A thousand random discriminators, and small steps away from the best one."""
    p, q = _laws(rng, 16)
    best = optimal_discriminator(p, q)
    others = [*rng.random((1000, 16)), *expit(np.log(p / q) + 0.01 * rng.normal(size=(100, 16))), best]
    values = np.array([value_function(p, q, d) for d in others])
    highest = virtual_criterion(p, q) if formula == "optimal" else value_function(p, q, q / (p + q))
    return values, np.full(len(values), highest)


def concave(rng: Rng, formula: str = "concave") -> Pair:
    p, q = _laws(rng)
    first, second = rng.random((2, 200, 8))
    middle = [value_function(p, q, d) for d in (first + second) / 2]
    average = [0.5 * (value_function(p, q, a) + value_function(p, q, b)) for a, b in zip(first, second, strict=True)]
    return (middle, average) if formula == "concave" else (average, middle)


def affine(rng: Rng, formula: str = "fixed D") -> Pair:
    """The value with one D for both models; the slip lets D be the best one for each."""
    p, q1, q2 = _laws(rng, k=3, concentration=0.5)
    d, middle = rng.random(8), (q1 + q2) / 2
    if formula == "fixed D":
        return value_function(p, middle, d), 0.5 * (value_function(p, q1, d) + value_function(p, q2, d))
    return virtual_criterion(p, middle), 0.5 * (virtual_criterion(p, q1) + virtual_criterion(p, q2))


def convex(rng: Rng, formula: str = "convex") -> Pair:
    p = _laws(rng, k=1)[0]
    first, second = _laws(rng, k=200), _laws(rng, k=200)
    middle = [virtual_criterion(p, q) for q in (first + second) / 2]
    average = [0.5 * (virtual_criterion(p, a) + virtual_criterion(p, b)) for a, b in zip(first, second, strict=True)]
    return (middle, average) if formula == "convex" else (average, middle)


# --- The theorem --------------------------------------------------------------------------------------------


def at_equality(rng: Rng, formula: str = "minus log 4") -> Pair:
    p = _laws(rng, k=1)[0]
    best = optimal_discriminator(p, p)
    value = -LOG4 if formula == "minus log 4" else LOG2 * p.sum() - LOG2 * p.sum()
    return [*best, value_function(p, p, best)], [*np.full(8, 0.5), value]


def criterion_kl(rng: Rng, formula: str = "midpoint") -> Pair:
    """The value at D*, summed outcome by outcome, against two divergences to the midpoint."""
    p, q = _laws(rng)
    m = 0.5 * (p + q)
    to_middle = kl_divergence(p, m) + kl_divergence(q, m)
    constant = {"midpoint": -LOG4, "logs of 2 cancel": 0.0, "log 2 once": -LOG2}[formula]
    return value_function(p, q, optimal_discriminator(p, q)), constant + to_middle


def criterion_jsd(rng: Rng, factor: float = 2.0, constant: float = -LOG4) -> Pair:
    """Two Gaussians by quadrature, and two finite laws; JSD as mutual information, from three entropies."""
    (m1, s1), (m2, s2) = _gaussians(rng)
    p, q = stats.norm(m1, s1), stats.norm(m2, s2)
    on_line = density_value(p.logpdf, q.logpdf, lambda x: p.logpdf(x) - q.logpdf(x), -14, 14)

    def mixture(x: float) -> float:
        return 0.5 * (p.pdf(x) + q.pdf(x))

    information = _quad(lambda x: -mixture(x) * np.log(mixture(x)), -14, 14) - 0.5 * float(p.entropy() + q.entropy())
    a, b = _laws(rng)
    finite = _entropy((a + b) / 2) - 0.5 * _entropy(a) - 0.5 * _entropy(b)
    return [on_line, virtual_criterion(a, b)], [constant + factor * information, constant + factor * finite]


def _entropy(p: np.ndarray) -> float:
    return -float(np.sum(p * np.log(p)))


def kl_nonnegative(rng: Rng, formula: str = "p log p/q") -> Pair:
    """Random pairs, nearly equal pairs, and a density; and the equality case."""
    pairs: list = [_laws(rng, n, 2, 0.3) for n in (2, 3, 5, 50) for _ in range(20)]
    pairs += [(p, p * (1 + 1e-9 * (np.arange(p.size) % 2 * 2 - 1))) for p in (np.full(4, 0.25), np.full(10, 0.1))]
    if formula == "weighted by q":  # sum of q log(p/q)
        return [float(np.sum(q * np.log(p / q))) for p, q in pairs], np.zeros(len(pairs))
    (m1, s1), (m2, s2) = _gaussians(rng)
    on_line = density_kl(stats.norm(m1, s1).logpdf, stats.norm(m2, s2).logpdf, -14, 14)
    at_equality = -kl_divergence(pairs[0][0], pairs[0][0])
    return [*(kl_divergence(p, q) for p, q in pairs), on_line, at_equality], np.zeros(len(pairs) + 2)


def strictness(rng: Rng, formula: str = "square") -> Pair:
    """Random pairs, and pairs of coins near 1/2, where the bound is tightest."""
    pairs: list = [_laws(rng, 4, 2, 0.5) for _ in range(200)]
    pairs += [((0.5 + e, 0.5 - e), (0.5 - e, 0.5 + e)) for e in rng.uniform(0.01, 0.2, size=20)]
    variation = np.array([total_variation(p, q) for p, q in pairs])
    gap = np.array([value_function(p, q, optimal_discriminator(p, q)) + LOG4 for p, q in pairs])
    return gap, {"square": variation**2, "no square": variation, "midpoint forgotten": 4 * variation**2}[formula]


def loss_at_equality(rng: Rng, formula: str = "highest") -> Pair:
    """Loss of the best discriminator for generators near and far, against its loss at p_G = p_d."""
    p = _laws(rng, k=1)[0]
    models = [*_laws(rng, k=200), *(np.sqrt(p * q) / np.sqrt(p * q).sum() for q in _laws(rng, k=100)), p]
    losses = [-value_function(p, q, optimal_discriminator(p, q)) for q in models]
    highest = np.full(len(losses), LOG4)
    return (losses, highest) if formula == "highest" else (highest, losses)


# --- Readings of the Jensen-Shannon divergence ----------------------------------------------------------------


def jsd_range(rng: Rng, formula: str = "halves") -> Pair:
    """Random pairs with zeros, and pairs with disjoint supports, where the upper end is reached."""
    pairs = [_with_zeros(p, q, rng) for p, q in rng.dirichlet(np.ones(8), size=(50, 2))]
    half = rng.dirichlet(np.ones(4))
    disjoint = (np.r_[half, np.zeros(4)], np.r_[np.zeros(4), half])
    factor = 1.0 if formula == "halves" else 2.0
    values = factor * np.array([jensen_shannon_divergence(p, q) for p, q in [*pairs, disjoint]])
    reached = LOG2 - values[-1] if formula == "halves" else 0.0  # log 2 is reached, not only respected
    return [*-values, *values, reached], [*np.zeros(len(values)), *np.full(len(values), LOG2), 0.0]


def _with_zeros(p: np.ndarray, q: np.ndarray, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    keep_p, keep_q = rng.random((2, p.size)) < 0.6
    keep_p[0] = keep_q[-1] = True
    return p * keep_p / (p * keep_p).sum(), q * keep_q / (q * keep_q).sum()


def mutual_information(rng: Rng, formula: str = "fair label") -> Pair:
    """I(X; Y) from the joint table of outcome and label."""
    p, q = _laws(rng)
    share = 0.5 if formula == "fair label" else 0.8
    joint = np.stack([share * p, (1 - share) * q])
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    return jensen_shannon_divergence(p, q), float(np.sum(joint * np.log(joint / product)))


def best_cross_entropy(rng: Rng, factor: float = 1.0) -> Pair:
    """The smallest mean cross-entropy, found by an optimiser that knows no formula for D*."""
    p, q = _laws(rng)

    def loss(a: np.ndarray) -> tuple[float, np.ndarray]:
        return -0.5 * (p @ log_expit(a) + q @ log_expit(-a)), -0.5 * (p * expit(-a) - q * expit(a))

    found = optimize.minimize(loss, np.zeros(8), jac=True, method="BFGS", options={"gtol": 1e-9}).fun
    return found, LOG2 - factor * jensen_shannon_divergence(p, q)


def best_accuracy(rng: Rng, formula: str = "half") -> Pair:
    """The best of all 2^8 rules that say real or generated for each of 8 outcomes."""
    p, q = _laws(rng)
    rules = np.array(list(itertools.product((0, 1), repeat=8)))
    accuracy = 0.5 * (rules @ p + (1 - rules) @ q)
    variation = total_variation(p, q) if formula == "half" else np.abs(p - q).sum()
    return accuracy.max(), 0.5 + 0.5 * variation


def metric(rng: Rng, formula: str = "root") -> Pair:
    """Random triples of sparse laws."""
    triples = rng.dirichlet(np.full(3, 0.5), size=(1000, 3))
    jsd = np.array([[jensen_shannon_divergence(t[i], t[j]) for i, j in ((0, 2), (0, 1), (1, 2))] for t in triples])
    side = np.sqrt(jsd) if formula == "root" else jsd
    return side[:, 0], side[:, 1] + side[:, 2]


def pinsker(rng: Rng, formula: str = "root") -> Pair:
    pairs = [*rng.dirichlet(np.full(4, 0.5), size=(500, 2)), *_coins(rng)]
    variation = [total_variation(p, q) for p, q in pairs]
    half = np.array([0.5 * kl_divergence(p, q) for p, q in pairs])
    return variation, {"root": np.sqrt(half), "no root": half, "a quarter": np.sqrt(half / 2)}[formula]


def _coins(rng: Rng) -> list[tuple]:
    return [((0.5 + e, 0.5 - e), (0.5 - e, 0.5 + e)) for e in rng.uniform(0.01, 0.2, size=20)]


def sandwich(rng: Rng, formula: str = "both") -> Pair:
    pairs = [*rng.dirichlet(np.full(4, 0.5), size=(500, 2)), *_coins(rng)]
    variation = np.array([total_variation(p, q) for p, q in pairs])
    jsd = np.array([jensen_shannon_divergence(p, q) for p, q in pairs])
    lower = {"both": variation**2 / 2, "lower end not squared": variation / 2, "upper end squared": variation**2 / 2}
    upper = LOG2 * (variation**2 if formula == "upper end squared" else variation)
    return [*lower[formula], *jsd], [*jsd, *upper]


# --- The discriminator as a ratio -----------------------------------------------------------------------------


def density_ratio(rng: Rng, formula: str = "odds") -> Pair:
    """The odds, outcome by outcome, and their mean under the model."""
    p, q = _laws(rng)
    d = optimal_discriminator(p, q)
    ratio = d / (1 - d) if formula == "odds" else d / (1 + d)
    return [*ratio, q @ ratio], [*p / q, 1.0]


def gaussian_logit(rng: Rng, formula: str = "quadratic") -> Pair:
    """The logit of D* from SciPy's log densities, against the three coefficients."""
    (m1, s1), (m2, s2) = _gaussians(rng)
    x = np.linspace(-4, 5, 40)
    logit = stats.norm.logpdf(x, m1, s1) - stats.norm.logpdf(x, m2, s2)
    if formula == "linear":
        return logit, np.polyval(np.polyfit(x, logit, 1), x)
    c0, c1, c2 = gaussian_logit_coefficients(m1, s1, m2, s2)
    return logit, c0 + c1 * x + c2 * x**2


def logistic_recovery(rng: Rng, formula: str = "real is 1") -> Pair:
    """40,000 points from each of two Gaussians; standard errors from the Fisher information."""
    (m1, s1), (m2, s2) = _gaussians(rng)
    n = 40_000
    x = np.r_[rng.normal(m1, s1, n), rng.normal(m2, s2, n)]
    labels = np.r_[np.ones(n), np.zeros(n)]
    coefficients, errors = fit_logistic(np.stack([np.ones_like(x), x, x**2], axis=1), labels)
    # The truth from SciPy's log densities at three points, not from the function under test.
    points = np.array([-1.0, 0.0, 1.0])
    truth = np.polyfit(points, stats.norm.logpdf(points, m1, s1) - stats.norm.logpdf(points, m2, s2), 2)[::-1]
    return Estimate(coefficients, errors), truth if formula == "real is 1" else -truth


def noise_contrast(rng: Rng, formula: str = "log k") -> Pair:
    """k noise draws for each real one; the best logit found by an optimiser."""
    p, noise = _laws(rng)
    k = int(rng.integers(3, 12))

    def loss(a: np.ndarray) -> tuple[float, np.ndarray]:
        return -(p @ log_expit(a) + k * noise @ log_expit(-a)), -(p * expit(-a) - k * noise * expit(a))

    found = optimize.minimize(loss, np.zeros(8), jac=True, method="BFGS", options={"gtol": 1e-9}).x
    d = optimal_discriminator(p, noise)
    log_ratio = np.log(d) - np.log1p(-d)
    return found, log_ratio - math.log(k) if formula == "log k" else log_ratio


# --- The loss that is used in practice ------------------------------------------------------------------------


def non_saturating(rng: Rng, kl: float = 1.0, jsd: float = -2.0) -> Pair:
    """Gradients with D* frozen, on a softmax table and on a Gaussian that slides; right sides by differences."""
    p, start = _laws(rng, 6, 1)[0], rng.normal(size=6)
    q = softmax(start)
    cost = -np.log(optimal_discriminator(p, q))
    theta = rng.uniform(0.5, 1.5)

    def fake_share(x: float) -> float:  # 1 - D*(x) for N(0, 1) against N(theta, 1)
        return stats.norm.pdf(x, theta) * expit(theta * x - theta**2 / 2)

    frozen = np.append(q * (cost - q @ cost), theta * _quad(fake_share, -12, 14))

    def on_table(logits: np.ndarray) -> float:
        model = softmax(logits)
        return kl * kl_divergence(model, p) + jsd * jensen_shannon_divergence(p, model)

    def on_line(t: float) -> float:
        data, model = stats.norm(0, 1).logpdf, stats.norm(t, 1).logpdf
        return kl * gaussian_kl(t, 1.0, 0.0, 1.0) + jsd * density_jensen_shannon(data, model, -12, 14)

    along_table = [_slope(lambda s, e=e: on_table(start + s * e)) for e in np.eye(6)]  # type: ignore[misc]
    return frozen, np.append(along_table, _slope(on_line, theta))


def _slope(f: Callable[[float], float], at: float = 0.0, h: float = 1e-3) -> float:
    """Central difference with an error of order h^4."""
    return (f(at - 2 * h) - 8 * f(at - h) + 8 * f(at + h) - f(at + 2 * h)) / (12 * h)


# --- f-divergences ----------------------------------------------------------------------------------------------


def conjugates(rng: Rng, gan: str = "minus") -> Pair:
    """The supremum found by a numerical search over u = exp(v), for all six rows."""
    found, table = [], []
    for name, row in F_DIVERGENCES.items():
        for t in row.f_prime(np.exp(rng.uniform(-1.5, 1.5, size=4))):

            def negative(v: float, f: Callable = row.f, t: float = t) -> float:
                return f(np.exp(v)) - np.exp(v) * t

            search = optimize.minimize_scalar(negative, bounds=(-8, 8), method="bounded", options={"xatol": 1e-10})
            found.append(-search.fun)
            table.append(-math.log1p(math.exp(t)) if name == "gan" and gan == "plus" else float(row.conjugate(t)))
    return found, table


def f_jensen(rng: Rng, weight: str = "q") -> Pair:
    """Divergences without cancellation against the defining sum; and none lies below f(1)."""
    p, q = _laws(rng)
    stable = [f_divergence(p, q, name) for name in F_DIVERGENCES]
    by_sum = [float((q if weight == "q" else p) @ row.f(p / q)) for row in F_DIVERGENCES.values()]
    below = [max(0.0, float(row.f(np.ones(()))) - d) for row, d in zip(F_DIVERGENCES.values(), stable, strict=True)]
    return [*stable, *below], [*by_sum, *np.zeros(len(below))]


def f_bound(rng: Rng, formula: str = "conjugate") -> Pair:
    """Two hundred random critics for each row, their values kept in the domain by the output activation."""
    p, q = _laws(rng)
    proved, divergence = [], []
    for name, row in F_DIVERGENCES.items():
        critics = row.output_activation(np.log(p / q) + rng.normal(size=(200, 8)))
        if formula == "conjugate":
            proved += [f_divergence_bound(p, q, t, name) for t in critics]
        else:  # the mean of T under q instead of the mean of its conjugate
            proved += [p @ t - q @ t for t in critics]
        divergence += [float(q @ row.f(p / q))] * len(critics)
    return proved, divergence


def f_critic(rng: Rng, formula: str = "p over q") -> Pair:
    p, q = _laws(rng)
    ratio = p / q if formula == "p over q" else q / p
    reached = [f_divergence_bound(p, q, row.f_prime(ratio), name) for name, row in F_DIVERGENCES.items()]
    return reached, [float(q @ row.f(p / q)) for row in F_DIVERGENCES.values()]


def f_gan(rng: Rng, factor: float = 2.0, constant: float = -LOG4) -> Pair:
    """f_GAN from the table, the criterion as the value at D*, and the Jensen-Shannon divergence."""
    p, q = _laws(rng)
    row = F_DIVERGENCES["gan"]
    best = value_function(p, q, optimal_discriminator(p, q))
    return [float(q @ row.f(p / q)), best], np.full(2, constant + factor * jensen_shannon_divergence(p, q))


# --- Trained systems ------------------------------------------------------------------------------------------------


@cache
def _trained(seed: int, real_label: int) -> tuple[float, float, float]:
    from lectures_pkg.experiments import gan_theory as experiment  # imports torch

    discriminator = experiment.train(seed, n_steps=1500 if real_label else 300, real_label=real_label)
    return experiment.distance_to_best(discriminator), experiment.value(discriminator), experiment.best_value()


def trained(rng: Rng, real_label: int = 1) -> Pair:
    """A network trained on samples only, against the two true densities."""
    distance, value, best = _trained(int(rng.integers(2**31)), real_label)
    return [distance, best - value, value - best], [0.03, 0.003, 0.0]


def played(rng: Rng, rate: float = 1.0) -> Pair:
    """The game of two tables on the strokes, with a fresh amount of noise in them."""
    data = worlds.strokes(float(rng.uniform(0.02, 0.05)))
    return float(tabular_game(data, 800, generator_rate=rate).jsd[-1]), 2e-3


GOODFELLOW = "Goodfellow et al. (2014)"
NOWOZIN = "Nowozin, Cseke & Tomioka (2016)"

CLAIMS = (
    Claim(
        "lotus",
        r"\mathbb{E}_{z \sim p_z}\bigl[f(G(z))\bigr] = \mathbb{E}_{x \sim p_G}\bigl[f(x)\bigr]",
        lotus,
        "the chapter's derivation",
        {
            "one z for each x": partial(lotus, formula="one z for each x"),
            "no Jacobian": partial(lotus, formula="no Jacobian"),
        },
        tolerance=1e-8,
    ),
    Claim(
        "value-in-x",
        r"\begin{aligned} "
        r"& V(G, D) \\ "
        r"&= \int \bigl[ p_d(x) \log D(x) \\ "
        r"&\qquad + p_G(x) \log(1 - D(x)) \bigr] \, dx "
        r"\end{aligned}",
        value_in_x,
        f"{GOODFELLOW}, eq. (3)",
        {"the noise's density used at x": partial(value_in_x, formula="noise density used at x")},
        tolerance=1e-8,
    ),
    Claim(
        "optimal-discriminator",
        r"D^*_G(x) = \frac{p_d(x)}{p_d(x) + p_G(x)}",
        optimal,
        f"{GOODFELLOW}, Proposition 1",
        {"p_G in the numerator": partial(optimal, formula="flipped")},
        tolerance=1e-6,
    ),
    Claim(
        "pointwise-curvature",
        r"\begin{aligned} "
        r"\frac{\partial^2}{\partial D^2} & \bigl[\, p \log D + q \log(1 - D) \,\bigr] \\ "
        r"&= -\frac{p}{D^2} - \frac{q}{(1 - D)^2} "
        r"\end{aligned}",
        curvature,
        "the chapter's derivation",
        {"plus on the second term": partial(curvature, formula="plus")},
        tolerance=1e-6,
    ),
    Claim(
        "value-concave",
        r"\begin{aligned} "
        r"V\bigl(G, \, & \tfrac12 D_1 + \tfrac12 D_2\bigr) \\ "
        r"&\ge \tfrac12 V(G, D_1) + \tfrac12 V(G, D_2) "
        r"\end{aligned}",
        concave,
        f"{GOODFELLOW}, Proposition 2",
        {"convex in D": partial(concave, formula="convex")},
        relation=">=",
    ),
    Claim(
        "discriminator-bound",
        r"\begin{aligned} "
        r"V(G, D) &\le V(G, D^*_G) = C(G) \\ "
        r"& \text{for every } D "
        r"\end{aligned}",
        bound,
        f"{GOODFELLOW}, eq. (4)",
        {"p_G in the numerator of D*": partial(bound, formula="flipped")},
        relation="<=",
    ),
    Claim(
        "value-at-equality",
        r"\begin{aligned} "
        r"& p_G = p_d \;\Longrightarrow\; D^*_G = \tfrac12 \;\text{ and } \\ "
        r"& C(G) = \log \tfrac12 + \log \tfrac12 = -\log 4 "
        r"\end{aligned}",
        at_equality,
        f"{GOODFELLOW}, Theorem 1",
        {"log 2 - log 2 = 0": partial(at_equality, formula="zero")},
    ),
    Claim(
        "criterion-kl",
        r"\begin{aligned} "
        r"C(G) = -\log 4 &+ D_{\mathrm{KL}}(p_d \Vert m) \\ "
        r"&+ D_{\mathrm{KL}}(p_G \Vert m), \\ "
        r"m = \tfrac12 (p_d &+ p_G) "
        r"\end{aligned}",
        criterion_kl,
        f"{GOODFELLOW}, eq. (5)",
        {
            "the two log 2 cancel": partial(criterion_kl, formula="logs of 2 cancel"),
            "log 2 only once": partial(criterion_kl, formula="log 2 once"),
        },
    ),
    Claim(
        "criterion-jsd",
        r"C(G) = -\log 4 + 2 \, \mathrm{JSD}(p_d \Vert p_G)",
        criterion_jsd,
        f"{GOODFELLOW}, eq. (6)",
        {
            "-log 4 + JSD": partial(criterion_jsd, factor=1.0),
            "-log 2 + 2 JSD": partial(criterion_jsd, constant=-LOG2),
        },
        tolerance=1e-9,
    ),
    Claim(
        "kl-nonnegative",
        r"\begin{aligned} "
        r"& D_{\mathrm{KL}}(p \Vert q) \ge 0, \\ "
        r"& \text{with equality only if } p = q "
        r"\end{aligned}",
        kl_nonnegative,
        "Kullback & Leibler (1951), Lemma 3.1",
        {"weighted by q": partial(kl_nonnegative, formula="weighted by q")},
        relation=">=",
        tolerance=0.0,
    ),
    Claim(
        "strictness",
        r"C(G) + \log 4 \;\ge\; \mathrm{TV}(p_d, p_G)^2",
        strictness,
        "the chapter's derivation",
        {
            "no square": partial(strictness, formula="no square"),
            "TV to the midpoint not halved": partial(strictness, formula="midpoint forgotten"),
        },
        relation=">=",
    ),
    Claim(
        "loss-at-equality",
        r"\begin{aligned} "
        r"\min_D \bigl(-V(G, D)\bigr) &= -C(G) \\ "
        r"&\le \log 4, \\ "
        r"\text{with equality at } & p_G = p_d "
        r"\end{aligned}",
        loss_at_equality,
        "the chapter's derivation",
        {"the loss is lowest at equality": partial(loss_at_equality, formula="lowest")},
        relation="<=",
    ),
    Claim(
        "value-affine",
        r"\begin{aligned} "
        r"V\bigl( & \tfrac12 p_1 + \tfrac12 p_2, \, D\bigr) \\ "
        r"&= \tfrac12 V(p_1, D) + \tfrac12 V(p_2, D) "
        r"\end{aligned}",
        affine,
        f"{GOODFELLOW}, Proposition 2",
        {"with the best D for each": partial(affine, formula="best D")},
    ),
    Claim(
        "criterion-convex",
        r"\begin{aligned} "
        r"C\bigl( & \tfrac12 p_1 + \tfrac12 p_2\bigr) \\ "
        r"&\le \tfrac12 C(p_1) + \tfrac12 C(p_2) "
        r"\end{aligned}",
        convex,
        f"{GOODFELLOW}, Proposition 2",
        {"concave in the law": partial(convex, formula="concave")},
        relation="<=",
    ),
    Claim(
        "jsd-range",
        r"\begin{aligned} "
        r"& 0 \le \mathrm{JSD}(p \Vert q) \le \log 2, \\ "
        r"& \text{and } \log 2 \text{ for disjoint supports} "
        r"\end{aligned}",
        jsd_range,
        "Lin (1991), Theorem 3",
        {"without the halves": partial(jsd_range, formula="no halves")},
        relation="<=",
    ),
    Claim(
        "jsd-mutual-information",
        r"\begin{aligned} "
        r"& \mathrm{JSD}(p_d \Vert p_G) = I(X; Y), \\ "
        r"& Y \text{ a fair coin} "
        r"\end{aligned}",
        mutual_information,
        "Lin (1991), section IV",
        {"an unfair coin": partial(mutual_information, formula="unfair")},
    ),
    Claim(
        "best-cross-entropy",
        r"\begin{aligned} "
        r"\min_D \Bigl\{ & \tfrac12 \mathbb{E}_{p_d}[-\log D] \\ "
        r"+ & \tfrac12 \mathbb{E}_{p_G}[-\log(1 - D)] \Bigr\} \\ "
        r"= \, & \log 2 - \mathrm{JSD}(p_d \Vert p_G) "
        r"\end{aligned}",
        best_cross_entropy,
        "the chapter's derivation",
        {"log 2 - 2 JSD": partial(best_cross_entropy, factor=2.0)},
        tolerance=1e-10,
    ),
    Claim(
        "best-accuracy",
        r"\begin{aligned} "
        r"& \max_{\text{rules}} \text{accuracy} \\ "
        r"&\quad = \tfrac12 + \tfrac12 \mathrm{TV}(p_d, p_G) "
        r"\end{aligned}",
        best_accuracy,
        "the chapter's derivation",
        {"TV without its half": partial(best_accuracy, formula="no half")},
    ),
    Claim(
        "pinsker",
        r"\mathrm{TV}(p, q) \le \sqrt{\tfrac12 D_{\mathrm{KL}}(p \Vert q)}",
        pinsker,
        "Pinsker's inequality: Cover & Thomas (2006), Lemma 11.6.1",
        {"without the root": partial(pinsker, formula="no root"), "a quarter": partial(pinsker, formula="a quarter")},
        relation="<=",
    ),
    Claim(
        "jsd-sandwich",
        r"\begin{aligned} "
        r"\tfrac12 \mathrm{TV}(p, q)^2 &\le \mathrm{JSD}(p \Vert q) \\ "
        r"&\le \log 2 \cdot \mathrm{TV}(p, q) "
        r"\end{aligned}",
        sandwich,
        "Lin (1991), Theorem 3, and Pinsker's inequality",
        {
            "lower end not squared": partial(sandwich, formula="lower end not squared"),
            "upper end squared": partial(sandwich, formula="upper end squared"),
        },
        relation="<=",
    ),
    Claim(
        "sqrt-jsd-metric",
        r"\begin{aligned} "
        r"\sqrt{\mathrm{JSD}(p \Vert r)} &\le \sqrt{\mathrm{JSD}(p \Vert q)} \\ "
        r"&\quad + \sqrt{\mathrm{JSD}(q \Vert r)} "
        r"\end{aligned}",
        metric,
        "Endres & Schindelin (2003)",
        {"JSD itself": partial(metric, formula="no root")},
        relation="<=",
    ),
    Claim(
        "density-ratio",
        r"\frac{D^*_G(x)}{1 - D^*_G(x)} = \frac{p_d(x)}{p_G(x)}",
        density_ratio,
        "the chapter's derivation",
        {"D / (1 + D)": partial(density_ratio, formula="wrong odds")},
        tolerance=1e-8,
    ),
    Claim(
        "gaussian-logit",
        r"\log \frac{D^*_G(x)}{1 - D^*_G(x)} = c_0 + c_1 x + c_2 x^2",
        gaussian_logit,
        "the chapter's derivation",
        {"a line": partial(gaussian_logit, formula="linear")},
    ),
    Claim(
        "logistic-recovery",
        r"\hat c_0 + \hat c_1 x + \hat c_2 x^2 \;\xrightarrow[n \to \infty]{}\; \log \frac{p_d(x)}{p_G(x)}",
        logistic_recovery,
        "maximum likelihood; standard errors from the Fisher information",
        {"labels swapped": partial(logistic_recovery, formula="real is 0")},
    ),
    Claim(
        "noise-contrast",
        r"a^*(x) = \log \frac{p_d(x)}{p_n(x)} - \log k",
        noise_contrast,
        "Gutmann & Hyvärinen (2012), section 2",
        {"log k forgotten": partial(noise_contrast, formula="no log k")},
        tolerance=1e-5,
    ),
    Claim(
        "non-saturating-gradient",
        r"\begin{aligned} "
        r"& \nabla_\varphi \, \mathbb{E}_z \bigl[-\log D^*(G_\varphi(z))\bigr] \\ "
        r"&= \nabla_\varphi \bigl[ D_{\mathrm{KL}}(p_G \Vert p_d) \\ "
        r"&\qquad - 2 \, \mathrm{JSD}(p_d \Vert p_G) \bigr] "
        r"\end{aligned}",
        non_saturating,
        "Arjovsky & Bottou (2017), Theorem 2.5",
        {
            "2 JSD, the same objective": partial(non_saturating, kl=0.0, jsd=2.0),
            "KL alone": partial(non_saturating, jsd=0.0),
            "KL - JSD": partial(non_saturating, jsd=-1.0),
        },
        tolerance=1e-8,
    ),
    Claim(
        "trained-discriminator",
        r"\begin{aligned} "
        r"\sqrt{\mathbb{E}_m (D_\theta - D^*_G)^2} &\le 0.03, \\ "
        r"0 \le C(G) - V(G, D_\theta) &\le 0.003 "
        r"\end{aligned}",
        trained,
        "measured; the right-hand end is the theorem's",
        {"labels swapped": partial(trained, real_label=0)},
        relation="<=",
        tolerance=1e-9,
    ),
    Claim(
        "tabular-game",
        r"\mathrm{JSD}\bigl(p_d \Vert p_G^{(800)}\bigr) \le 0.002",
        played,
        "measured",
        {"G climbs its loss": partial(played, rate=-1.0)},
        relation="<=",
    ),
    Claim(
        "f-divergence-jensen",
        r"\begin{aligned} "
        r"D_f(p \Vert q) &= \sum_x q(x) \, f\Bigl(\frac{p(x)}{q(x)}\Bigr) \\ "
        r"&\ge f(1) "
        r"\end{aligned}",
        f_jensen,
        "Ali & Silvey (1966); Csiszár (1967)",
        {"weighted by p": partial(f_jensen, weight="p")},
    ),
    Claim(
        "conjugate",
        r"f^*(t) = \sup_{u > 0} \bigl( u t - f(u) \bigr)",
        conjugates,
        f"{NOWOZIN}, Table 2",
        {"-log(1 + e^t) for the GAN": partial(conjugates, gan="plus")},
        tolerance=1e-7,
    ),
    Claim(
        "f-divergence-bound",
        r"\begin{aligned} "
        r"& \mathbb{E}_{x \sim p}[T(x)] - \mathbb{E}_{x \sim q}[f^*(T(x))] \\ "
        r"&\qquad \le D_f(p \Vert q) "
        r"\end{aligned}",
        f_bound,
        f"Nguyen, Wainwright & Jordan (2010), Lemma 1; {NOWOZIN}, eq. (4)",
        {"T instead of its conjugate": partial(f_bound, formula="no conjugate")},
        relation="<=",
        tolerance=1e-10,
    ),
    Claim(
        "f-divergence-critic",
        r"\begin{aligned} "
        r"\mathbb{E}_p[T^*] - \mathbb{E}_q[f^*(T^*)] &= D_f(p \Vert q) \\ "
        r"\text{at} \quad T^*(x) &= f\,'\Bigl(\frac{p(x)}{q(x)}\Bigr) "
        r"\end{aligned}",
        f_critic,
        f"{NOWOZIN}, eq. (5)",
        {"ratio upside down": partial(f_critic, formula="q over p")},
        tolerance=1e-9,
    ),
    Claim(
        "f-divergence-gan",
        r"\begin{aligned} "
        r"& f(u) = u \log u \\ "
        r"& \qquad - (u + 1) \log(u + 1) \\ "
        r"& \Longrightarrow\; D_f(p_d \Vert p_G) \\ "
        r"& \quad = 2 \, \mathrm{JSD}(p_d \Vert p_G) - \log 4 \\ "
        r"& \quad = C(G) "
        r"\end{aligned}",
        f_gan,
        f"{NOWOZIN}, Table 1",
        {"JSD": partial(f_gan, factor=1.0, constant=0.0), "2 JSD": partial(f_gan, constant=0.0)},
    ),
)

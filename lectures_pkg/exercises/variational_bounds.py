"""Exercises of the chapter "Better bounds, richer posteriors, and collapse"."""

# Solutions are shown to readers as they would write them, without types.
# mypy: disallow-untyped-defs=False

from __future__ import annotations

import itertools
import math

import numpy as np
from scipy import integrate, optimize, special, stats

from lectures_pkg.exercises import Exercise, Mistake, Wrong, as_array, as_number, close

# ---------------------------------------------------------------- counting parameters


def guess_parameters(n):
    covariance = n * (n + 1) // 2  # symmetric: one triangle and the diagonal
    return [2 * n, 3 * n - 1, n + covariance, covariance]


def _square_matrix(n):
    return [2 * n, 3 * n - 1, n + n * n, n * n]


def _printed_line(n):
    return [2 * n, 3 * n - 1, n + n * (n + 1) // 2, n + n * (n + 1) // 2]


def _no_variances(n):
    return [2 * n, 3 * n - 1, n + n * (n - 1) // 2, n * (n - 1) // 2]


def _a_link_too_many(n):
    return [2 * n, 3 * n, n + n * (n + 1) // 2, n * (n + 1) // 2]


def _counts_inputs(rng: np.random.Generator) -> list[tuple]:
    return [(1000,), (2,), (int(rng.integers(5, 40)),), (1,)]


def _check_counts(answer: object, n: int) -> None:
    found = as_array(answer, (4,))
    # Count the free entries one by one.
    pairs = sum(1 for _ in itertools.combinations_with_replacement(range(n), 2))
    links = sum(1 for i in range(n) if i - 1 >= 0)
    expected = np.array([n + n, n + n + links, n + pairs, pairs])
    if np.array_equal(found, expected):
        return
    if found[3] == n + pairs:
        raise Wrong("means are no part of a covariance: the printed number counts both")
    if found[3] == n * n:
        raise Wrong("a covariance is symmetric: its upper triangle repeats the lower one")
    if found[3] == pairs - n:
        raise Wrong("the diagonal of a covariance is free too: those are the variances")
    if found[1] == 3 * n:
        raise Wrong("the first coordinate has none before it to lean on")
    raise Wrong(f"for {n} latents the four numbers should be {expected.tolist()}, found {found.tolist()}")


# ---------------------------------------------------------------- log-density of a chain (assignment)


def _chain_inputs(rng: np.random.Generator) -> list[tuple]:
    def case(k: int) -> tuple:
        coefficient = rng.choice([-1.0, 1.0], size=k - 1) * rng.uniform(0.5, 1.2, size=k - 1)
        mean = rng.normal(size=k) + 1.0
        return mean + rng.normal(size=k), mean, coefficient, rng.uniform(0.5, 0.9, size=k)

    independent = (rng.normal(size=3), rng.normal(size=3), np.zeros(2), rng.uniform(0.5, 2.0, size=3))
    return [case(4), case(7), case(1), independent]


def _chain_covariance(coefficient: np.ndarray, std: np.ndarray) -> np.ndarray:
    k = len(std)
    cov = np.diag(std**2)
    for i in range(1, k):
        cov[i, :i] = coefficient[i - 1] * cov[i - 1, :i]
        cov[:i, i] = cov[i, :i]
        cov[i, i] += coefficient[i - 1] ** 2 * cov[i - 1, i - 1]
    return cov


def _banded_log_prob(z: np.ndarray, mean: np.ndarray, cov: np.ndarray) -> float:
    banded = np.triu(np.tril(cov, 1), -1)
    deviation = z - mean
    log_det = np.linalg.slogdet(banded)[1]
    return float(-0.5 * (deviation @ np.linalg.solve(banded, deviation) + log_det + len(z) * math.log(2 * math.pi)))


def _check_chain(answer: object, z: np.ndarray, mean: np.ndarray, coefficient: np.ndarray, std: np.ndarray) -> None:
    found = as_number(answer)
    cov = _chain_covariance(coefficient, std)
    expected = float(stats.multivariate_normal(mean, cov).logpdf(z))
    if close(found, expected, 1e-8, 1e-9):
        return
    if close(found, _banded_log_prob(z, mean, cov), 1e-8, 1e-9):
        raise Wrong("that is the density for a tridiagonal covariance: of a chain, the precision is tridiagonal")
    if close(found, expected + 2 * np.log(std).sum(), 1e-8, 1e-9):
        raise Wrong("the log-determinant has the wrong sign: a narrower law is higher")
    if len(z) > 1 and close(found, expected + 0.5 * len(z) * math.log(2 * math.pi), 1e-8, 1e-9):
        raise Wrong("the factors 2 pi are missing: one of them for each coordinate")
    expectation = mean + np.r_[0.0, coefficient * z[:-1]]
    if close(found, stats.norm.logpdf(z, expectation, std).sum(), 1e-8, 1e-9):
        raise Wrong("z_i leans on the deviation z_(i-1) - m_(i-1), not on z_(i-1) itself")
    expectation = mean + np.r_[0.0, coefficient * (z - mean)[:-1]]
    if close(found, stats.norm.logpdf(z, expectation, np.sqrt(std)).sum(), 1e-8, 1e-9):
        raise Wrong("std was taken for a variance")
    raise Wrong(f"for {len(z)} coordinates the log-density should be near {expected:.5g}, found {found:.5g}")


# ---------------------------------------------------------------- many draws, one bound


def bound_from_weights(log_weights):
    peak = log_weights.max(axis=0)  # of each example
    return peak + np.log(np.exp(log_weights - peak).mean(axis=0))


def _mean_of_logarithms(log_weights):
    return log_weights.mean(axis=0)


def _sum_for_mean(log_weights):
    return bound_from_weights(log_weights) + np.log(len(log_weights))


def _naive(log_weights):
    with np.errstate(over="ignore", divide="ignore"):
        return np.log(np.exp(log_weights).mean(axis=0))


def _largest_weight(log_weights):
    return log_weights.max(axis=0)


def _bound_inputs(rng: np.random.Generator) -> list[tuple]:
    hand = (np.log(np.array([[1.0, 5.0], [3.0, 5.0]])),)
    draws = (2.0 * rng.normal(size=(5, 2000)),)
    one = (rng.normal(size=(1, 4)),)
    extremes = (np.array([[1000.0, -1000.0], [999.0, -1003.0], [990.0, -1001.0]]) + rng.normal(size=(3, 2)),)
    return [hand, draws, one, extremes]


def _check_bound(answer: object, log_weights: np.ndarray) -> None:
    found = as_array(answer, log_weights.shape[1:])
    if not np.isfinite(found).all():
        raise Wrong("a weight of e^1000 or e^-1000 is no number to a computer: take the largest out of the sum first")
    expected = special.logsumexp(log_weights, axis=0, b=1 / len(log_weights))
    if close(found, expected, 1e-10, 1e-10):
        return
    if close(found, log_weights.mean(axis=0), 1e-10, 1e-10):
        raise Wrong("that is the mean of the logarithms: more draws of it never tighten anything")
    if close(found, expected + math.log(len(log_weights)), 1e-10, 1e-10):
        raise Wrong("the weights were added, not averaged: log K too much, and no bound any more")
    if close(found, log_weights.max(axis=0), 1e-10, 1e-10):
        raise Wrong("that is the largest weight by itself: in expectation it can pass log p(x)")
    raise Wrong(f"for the first example the bound should be near {expected[0]:.5g}, found {found[0]:.5g}")


# ---------------------------------------------------------------- the mean-field rule (assignment)


def _field_inputs(rng: np.random.Generator) -> list[tuple]:
    hand = (np.array([[1.0, 0.8], [0.8, 1.0]]),)
    cases = [hand]
    for k in (3, 5):
        root = rng.normal(size=(k, k))
        cases.append((root @ root.T / k + np.full((k, k), 0.7) + 0.3 * np.eye(k),))
    return [*cases, (np.diag(rng.uniform(0.3, 3.0, size=3)),)]


def _nearest_diagonal(cov: np.ndarray) -> tuple[np.ndarray, float]:
    """Variances and divergence of the nearest diagonal Gaussian, by numerical optimisation."""
    precision, log_det = np.linalg.inv(cov), np.linalg.slogdet(cov)[1]

    def divergence(log_variance: np.ndarray) -> tuple[float, np.ndarray]:
        terms = np.diag(precision) * np.exp(log_variance)
        return 0.5 * float((terms - 1 - log_variance).sum() + log_det), 0.5 * (terms - 1)

    found = optimize.minimize(divergence, np.zeros(len(cov)), jac=True, method="BFGS", options={"gtol": 1e-10})
    return np.exp(found.x), float(found.fun)


def _check_field(answer: object, cov: np.ndarray) -> None:
    found = as_array(answer, (len(cov) + 1,))
    variances, gap = _nearest_diagonal(cov)
    spread, found_gap = found[:-1], found[-1]
    if close(spread, variances, 1e-4, 1e-6):
        if abs(found_gap - gap) <= 1e-4:
            return
        if abs(found_gap + gap) <= 1e-4:
            raise Wrong("a divergence is never negative: log-determinants of covariance and precision differ in sign")
        if abs(found_gap - 2 * gap) <= 1e-4:
            raise Wrong("the divergence carries a factor one half")
        raise Wrong(f"the variances are right, but the gap should be near {gap:.5g}, found {found_gap:.5g}")
    if close(spread, np.diag(cov), 1e-6, 1e-9):
        raise Wrong("those are the marginal variances, which the other direction of the KL asks for; they are too wide")
    if close(spread, 1 / variances, 1e-4, 1e-6):
        raise Wrong("that is the diagonal of the precision itself; a variance is its inverse")
    if close(spread, np.sqrt(variances), 1e-4, 1e-6):
        raise Wrong("those are standard deviations, and variances were asked for")
    raise Wrong(f"numerical optimisation gives the variances {np.round(variances, 4).tolist()}")


# ---------------------------------------------------------------- a Gaussian, or a bent one


def nearest_gaussian_and_map(centre, std, z):
    def log_density(t):
        return np.logaddexp(stats.norm.logpdf(t, -centre, std), stats.norm.logpdf(t, centre, std)) - np.log(2)

    t = np.linspace(-centre - 10 * std, centre + 10 * std, 20_001)
    density = np.exp(log_density(t))
    entropy = -np.sum(density * log_density(t)) * (t[1] - t[0])
    variance = std**2 + centre**2  # the nearest Gaussian has the target's moments
    kl = 0.5 * np.log(2 * np.pi * np.e * variance) - entropy
    cdf = 0.5 * (stats.norm.cdf(t, -centre, std) + stats.norm.cdf(t, centre, std))
    return {"kl": float(kl), "samples": np.interp(stats.norm.cdf(z), cdf, t)}


def _stretched(centre, std, z):
    return nearest_gaussian_and_map(centre, std, z) | {"samples": np.sqrt(std**2 + centre**2) * z}


def _bump_by_sign(centre, std, z):
    return nearest_gaussian_and_map(centre, std, z) | {"samples": np.sign(z) * centre + std * z}


def _width_of_one_bump(centre, std, z):
    right = nearest_gaussian_and_map(centre, std, z)
    wide, narrow = std**2 + centre**2, std**2
    return right | {"kl": right["kl"] + 0.5 * (np.log(narrow / wide) + wide / narrow - 1)}


def _any_law_is_gaussian(centre, std, z):
    return nearest_gaussian_and_map(centre, std, z) | {"kl": 0.0}


def _bumps_inputs(rng: np.random.Generator) -> list[tuple]:
    return [(3.0, 1.0, rng.normal(size=2000)), (rng.uniform(1.5, 2.5), rng.uniform(0.5, 0.7), rng.normal(size=500))]


def _check_bumps(answer: object, centre: float, std: float, z: np.ndarray) -> None:
    if not isinstance(answer, dict) or set(answer) != {"kl", "samples"}:
        raise Wrong('the answer should be a dict with the keys "kl" and "samples"')
    kl, samples = as_number(answer["kl"]), as_array(answer["samples"], z.shape)
    variance = std**2 + centre**2

    def law(t: np.ndarray) -> np.ndarray:
        return 0.5 * (stats.norm.cdf(t, -centre, std) + stats.norm.cdf(t, centre, std))

    def integrand(t: float) -> float:
        log_p = float(np.logaddexp(stats.norm.logpdf(t, -centre, std), stats.norm.logpdf(t, centre, std)) - math.log(2))
        return math.exp(log_p) * (log_p + 0.5 * math.log(2 * math.pi * variance) + 0.5 * t * t / variance)

    exact = 2 * integrate.quad(integrand, 0, centre + 12 * std, points=[centre], limit=200)[0]
    if abs(kl - exact) > 0.002:
        if abs(kl) < 1e-3:
            raise Wrong("two bumps are not nearly a Gaussian: the nearest one is a good part of a nat away")
        if kl > exact + 0.1:
            raise Wrong("there is a nearer Gaussian than that one: match the mean and the variance of the whole law")
        raise Wrong(f"the smallest divergence is near {exact:.4f}, found {kl:.4f}")
    if np.abs(law(samples) - stats.norm.cdf(z)).max() < 1e-3:
        return
    if close(samples, math.sqrt(variance) * z, 1e-6):
        raise Wrong("a stretched Gaussian is a Gaussian still: the map from z has to bend")
    raise Wrong("the samples don't follow the law: send z through its distribution function, then back by the target's")


# ---------------------------------------------------------------- a mini project


def chain_gain(precision, elbo_chain, elbo_diagonal):
    # The best chain is the target itself, so the whole gap of the best diagonal guess is gained.
    toy = 0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1])
    difference = elbo_chain - elbo_diagonal  # image by image
    return np.array([toy, difference.mean(), difference.std(ddof=1) / np.sqrt(len(difference))])


def _unpaired(precision, elbo_chain, elbo_diagonal):
    answer = chain_gain(precision, elbo_chain, elbo_diagonal)
    answer[2] = np.sqrt((elbo_chain.var(ddof=1) + elbo_diagonal.var(ddof=1)) / len(elbo_chain))
    return answer


def _spread_of_one_image(precision, elbo_chain, elbo_diagonal):
    answer = chain_gain(precision, elbo_chain, elbo_diagonal)
    answer[2] *= np.sqrt(len(elbo_chain))
    return answer


def _the_wrong_way_round(precision, elbo_chain, elbo_diagonal):
    return chain_gain(precision, elbo_chain, elbo_diagonal) * np.array([1, -1, 1])


def _marginal_variances(precision, elbo_chain, elbo_diagonal):
    answer = chain_gain(precision, elbo_chain, elbo_diagonal)
    cov = np.linalg.inv(precision)
    terms = np.diag(precision) * np.diag(cov)  # of the diagonal guess that has the target's variances
    answer[0] = 0.5 * ((terms - 1 - np.log(np.diag(cov))).sum() + np.linalg.slogdet(cov)[1])
    return answer


def _gain_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for k, n, shift in ((3, 40, 0.4), (6, 300, -0.1)):
        links = rng.uniform(0.7, 1.5, size=k - 1)
        root = np.eye(k) + np.diag(links, -1)  # its product with its transpose is tridiagonal
        image = rng.normal(-18, 4, size=n)  # some images are harder than others, for both
        noise = 0.3 * rng.normal(size=(2, n))
        cases.append((root.T @ root, image + shift + noise[0], image + noise[1]))
    return cases


def _check_gain(answer: object, precision: np.ndarray, elbo_chain: np.ndarray, elbo_diagonal: np.ndarray) -> None:
    toy, gain, error = as_array(answer, (3,))
    cov = np.linalg.inv(precision)
    expected_toy = _nearest_diagonal(cov)[1]
    if abs(toy - expected_toy) > 1e-4:
        if toy > expected_toy + 1e-4:
            raise Wrong("on the toy, compare with the *best* diagonal guess: its variances are not the marginal ones")
        raise Wrong(f"on the toy the gain should be near {expected_toy:.5g} nats, found {toy:.5g}")
    expected = sum(elbo_chain) / len(elbo_chain) - sum(elbo_diagonal) / len(elbo_diagonal)
    if not close(gain, expected, 1e-8, 1e-10):
        if close(gain, -expected, 1e-8, 1e-10):
            raise Wrong("the sign: a gain is positive where the chain's bound is larger")
        raise Wrong(f"on the images the gain should be near {expected:.4g}, found {gain:.4g}")
    # Leave out one image after another: the jackknife's standard error of a mean.
    n = len(elbo_chain)
    paired = elbo_chain - elbo_diagonal
    without = (paired.sum() - paired) / (n - 1)
    usual = math.sqrt((n - 1) / n * np.square(without - without.mean()).sum())
    if not 0.95 * usual <= error <= 1.05 * usual:
        if close(error, usual * math.sqrt(n), 0.05):
            raise Wrong("that is the spread of one image's difference; the mean of n has a smaller error")
        if error > 2 * usual:
            raise Wrong("the images are the same in both: take differences image by image before the spread")
        raise Wrong(f"the standard error should be near {usual:.3g}, found {error:.3g}")


EXERCISES = (
    Exercise(
        name="guess_parameters",
        title="Spot the slip: how many parameters?",
        prompt=(
            "A slide says: *for 1000 latents, a full covariance matrix has 501 500 parameters, a diagonal one 2000, "
            "and a first-order chain 2999.* One of the three sentences names the wrong thing. For `n` latents return "
            "`[diagonal, chain, full, covariance]`: the numbers that describe a Gaussian guess with a diagonal "
            "covariance, a first-order chain, and any covariance, *means included*; and last the free numbers of a "
            "covariance matrix alone."
        ),
        stub='''\
def guess_parameters(n):
    """Four counts: diagonal, chain and full guess, and the covariance alone."""
    ...
''',
        inputs=_counts_inputs,
        check=_check_counts,
        solution=guess_parameters,
        mistakes=(
            Mistake("the printed line", _printed_line, "no part of a covariance"),
            Mistake("square", _square_matrix, "is symmetric"),
            Mistake("no variances", _no_variances, "is free too"),
            Mistake("a link too many", _a_link_too_many, "none before it"),
        ),
        level=1,
        minutes=5,
    ),
    Exercise(
        name="chain_log_prob",
        title="Log-density of a chain",
        prompt=(
            "A chain starts with $z_1 = m_1 + s_1 \\epsilon_1$ and goes on with "
            "$z_i = m_i + a_i (z_{i-1} - m_{i-1}) + s_i \\epsilon_i$, where the $\\epsilon_i$ are independent standard "
            "normals. Return its log-density at `z` in nats, in a time that grows linearly with the number $k$ of "
            "coordinates (no matrix). `z`, `mean` and `std` ($s$ itself) have shape `(k,)`; `coefficient` has shape "
            "`(k - 1,)` and begins with $a_2$. Think of $k = 1$, and of coefficients that are zero."
        ),
        stub='''\
def chain_log_prob(z, mean, coefficient, std):
    """Log-density of a first-order chain at z."""
    ...
''',
        inputs=_chain_inputs,
        check=_check_chain,
        level=2,
        minutes=20,
        points=15,
    ),
    Exercise(
        name="bound_from_weights",
        title="Many draws, one bound",
        prompt=(
            "From log weights $\\log w_k = \\log p(x, z_k) - \\log q(z_k \\mid x)$ of shape `(K, batch)`, return "
            "$\\mathcal{L}_K = \\log \\frac1K \\sum_k w_k$ for each example, shape `(batch,)`. Some weights are as "
            "small as $e^{-1000}$ or as large as $e^{1000}$. With $K = 1$ it is the one-draw ELBO."
        ),
        stub='''\
def bound_from_weights(log_weights):
    """Importance-weighted bound of each example, in nats."""
    ...
''',
        inputs=_bound_inputs,
        check=_check_bound,
        solution=bound_from_weights,
        mistakes=(
            Mistake("mean of logarithms", _mean_of_logarithms, "mean of the logarithms"),
            Mistake("sum", _sum_for_mean, "added, not averaged"),
            Mistake("naive", _naive, "is no number to a computer"),
            Mistake("largest weight", _largest_weight, "largest weight by itself"),
        ),
        level=2,
        minutes=10,
    ),
    Exercise(
        name="mean_field",
        title="The mean-field rule",
        prompt=(
            "The posterior is $N(0, \\Sigma)$ and the guess must be diagonal. Prove that "
            "$D_{\\mathrm{KL}}\\bigl( N(0, \\operatorname{diag} \\sigma^2) \\Vert N(0, \\Sigma) \\bigr)$ is smallest "
            "at $\\sigma_i^2 = 1 / (\\Sigma^{-1})_{ii}$ (hand the proof in with your code), and test it: given `cov` "
            "$= \\Sigma$ of shape `(k, k)`, return an array of length $k + 1$, the $k$ variances and then the "
            "divergence that remains, in nats. The check finds both by numerical optimisation."
        ),
        stub='''\
def mean_field(cov):
    """Variances of the nearest diagonal Gaussian, and its divergence from N(0, cov)."""
    ...
''',
        inputs=_field_inputs,
        check=_check_field,
        level=3,
        minutes=30,
        points=20,
        rubric=(
            "The proof writes the divergence as a sum over coordinates and a constant, sets one derivative to zero, "
            "and says why that is a minimum (each term is convex in the logarithm of the variance). A sentence says "
            "why the variances come out *smaller* than those of the posterior."
        ),
    ),
    Exercise(
        name="nearest_gaussian_and_map",
        title="Spot the slip: is any law nearly Gaussian?",
        prompt=(
            "A slide says: *in high dimensions any distribution can be approximated by a Gaussian.* Take "
            "$p = \\tfrac12 N(-c, s^2) + \\tfrac12 N(c, s^2)$. Refute the sentence and mend it: return a dict with "
            '`"kl"`, the smallest $D_{\\mathrm{KL}}(p \\Vert N(m, v))$ over all Gaussians in nats (right to .002), and '
            '`"samples"`, draws that follow $p$ exactly, made from the given standard normal draws `z` by one '
            "increasing function. `centre` $= c$ and `std` $= s$ are numbers, `z` and the samples have shape `(n,)`."
        ),
        stub='''\
def nearest_gaussian_and_map(centre, std, z):
    """Smallest divergence of the two bumps from a Gaussian, and z pushed onto the bumps."""
    ...
''',
        inputs=_bumps_inputs,
        check=_check_bumps,
        solution=nearest_gaussian_and_map,
        mistakes=(
            Mistake("stretched", _stretched, "is a Gaussian still"),
            Mistake("bump by sign", _bump_by_sign, "don't follow the law"),
            Mistake("one bump's width", _width_of_one_bump, "nearer Gaussian than that"),
            Mistake("any law is Gaussian", _any_law_is_gaussian, "not nearly a Gaussian"),
        ),
        level=2,
        minutes=20,
    ),
    Exercise(
        name="chain_gain",
        title="Mini project: diagonal plus one",
        prompt=(
            "Does a first-order chain beat the diagonal guess? First on a toy with a closed form, then on digits: "
            "train two models of this chapter that differ in nothing but the structure of the guess, take the ELBO of "
            "each test image under both, and repeat over seeds. A negative result is a result. The check looks at your "
            "bookkeeping: given the tridiagonal `precision` of a toy posterior, shape `(k, k)`, and the ELBOs of the "
            "same $n$ images under both models, `elbo_chain` and `elbo_diagonal` of shape `(n,)`, return "
            "`[toy, gain, error]`: how many nats the best chain gains over the best diagonal guess on the toy, the "
            "mean gain on the images, and its standard error."
        ),
        stub='''\
def chain_gain(precision, elbo_chain, elbo_diagonal):
    """Gain on the toy, gain on the images, and the standard error of the latter."""
    ...
''',
        inputs=_gain_inputs,
        check=_check_gain,
        solution=chain_gain,
        mistakes=(
            Mistake("unpaired", _unpaired, "image by image"),
            Mistake("spread of one image", _spread_of_one_image, "spread of one image"),
            Mistake("sign", _the_wrong_way_round, "a gain is positive"),
            Mistake("marginal variances", _marginal_variances, "not the marginal ones"),
        ),
        level=3,
        minutes=60,
        rubric=(
            "Beyond the check: both models have the same decoder, batches, steps and seed, settings chosen on "
            "validation images; the ELBO of an image averages many draws; the gain is given as a paired difference "
            "with its standard error over images *and* its spread over at least three seeds, and the text says which "
            "of the two is larger; a second seed that turns the sign is reported, not dropped; the toy says what "
            "happens when the latents are renumbered."
        ),
    ),
)

"""Exercises of the chapter on first GANs."""

# Solutions are shown to readers as they would write them, without types.
# mypy: disallow-untyped-defs=False

from __future__ import annotations

import itertools

import numpy as np
from scipy import stats
from scipy.integrate import quad
from scipy.special import log_expit

from lectures_pkg.exercises import Exercise, Mistake, Wrong, as_array, as_number, close

# the training loop ----------------------------------------------------------------------------------------------


def train_gan(real, noise_d, noise_g, start, rate_d, rate_g):
    w, c, s, b = start
    history = [start]
    for x, z_d, z_g in zip(real, noise_d, noise_g, strict=True):
        fake = s * z_d + b  # the discriminator's turn: ascend its value
        d_real = 1 / (1 + np.exp(-(w * x + c)))
        d_fake = 1 / (1 + np.exp(-(w * fake + c)))
        w, c = (
            w + rate_d * (np.mean((1 - d_real) * x) - np.mean(d_fake * fake)),
            c + rate_d * (np.mean(1 - d_real) - np.mean(d_fake)),
        )
        fake = s * z_g + b  # the generator's turn: fresh noise, the discriminator as it is now
        pull = (1 - 1 / (1 + np.exp(-(w * fake + c)))) * w
        s, b = s + rate_g * np.mean(pull * z_g), b + rate_g * np.mean(pull)
        history.append([w, c, s, b])
    return np.array(history)


def _train_gan_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for n_rounds, m in ((1, 2), (3, 5), (6, 4)):
        real = rng.normal(2, 1.5, size=(n_rounds, m))
        noise_d, noise_g = rng.random((2, n_rounds, m))
        cases.append((real, noise_d, noise_g, rng.normal(0, 0.7, size=4), rng.uniform(0.3, 0.6), rng.uniform(0.2, 0.4)))
    return cases


def _gan_by_differences(
    real, noise_d, noise_g, start, rate_d, rate_g, *, reuse=False, old_d=False, saturating=False, d_sign=1.0
) -> np.ndarray:
    """The same rounds by central differences of the two objectives; the keywords are typical mistakes."""
    d, g = np.array(start[:2], dtype=float), np.array(start[2:], dtype=float)
    history = [np.r_[d, g]]

    def slope(function, at):
        steps = 1e-5 * np.eye(2)
        return np.array([(function(at + h) - function(at - h)) / 2e-5 for h in steps])

    for x, z_d, z_g in zip(real, noise_d, noise_g, strict=True):
        fake = g[0] * z_d + g[1]
        value = lambda d: np.mean(log_expit(d[0] * x + d[1])) + np.mean(log_expit(-d[0] * fake - d[1]))  # noqa: E731, B023
        before = d
        d = d + d_sign * rate_d * slope(value, d)
        judge, z = (before if old_d else d), (z_d if reuse else z_g)
        if saturating:
            aim = lambda g: -np.mean(log_expit(-judge[0] * (g[0] * z + g[1]) - judge[1]))  # noqa: E731, B023
        else:
            aim = lambda g: np.mean(log_expit(judge[0] * (g[0] * z + g[1]) + judge[1]))  # noqa: E731, B023
        g = g + rate_g * slope(aim, g)
        history.append(np.r_[d, g])
    return np.array(history)


def _check_train_gan(answer, real, noise_d, noise_g, start, rate_d, rate_g) -> None:
    found = as_array(answer, (len(real) + 1, 4))
    arguments = (real, noise_d, noise_g, start, rate_d, rate_g)
    if close(found, _gan_by_differences(*arguments), absolute=1e-6):
        return
    hints = (
        ({"reuse": True}, "the generator's turn used the noise of the discriminator's turn; it draws afresh"),
        ({"old_d": True}, "the generator answered the discriminator of the round before; it must see the updated one"),
        ({"saturating": True}, "the generator descended log(1 - D), with weight D; here it ascends log D"),
        ({"d_sign": -1.0}, "the discriminator walked downhill on its value: check the sign of its update"),
    )
    for mistake, hint in hints:
        if close(found, _gan_by_differences(*arguments, **mistake), absolute=1e-6):
            raise Wrong(hint)
    if not close(found[0], start):
        raise Wrong("the first row should be the start, before any update")
    raise Wrong("the numbers are off already in the first rounds: recompute one round by hand, as in the chapter")


def _no_fresh_noise(real, noise_d, noise_g, start, rate_d, rate_g):
    return train_gan(real, noise_d, noise_d, start, rate_d, rate_g)


def _old_discriminator(real, noise_d, noise_g, start, rate_d, rate_g):
    history = [np.array(start)]
    for k in range(len(real)):
        here = history[-1]
        d = train_gan(real[k : k + 1], noise_d[k : k + 1], noise_g[k : k + 1], here, rate_d, 0.0)[1, :2]
        g = train_gan(real[k : k + 1], noise_d[k : k + 1], noise_g[k : k + 1], here, 0.0, rate_g)[1, 2:]
        history.append(np.r_[d, g])
    return np.array(history)


def _saturating(real, noise_d, noise_g, start, rate_d, rate_g):
    return _gan_by_differences(real, noise_d, noise_g, start, rate_d, rate_g, saturating=True)


def _downhill(real, noise_d, noise_g, start, rate_d, rate_g):
    return _gan_by_differences(real, noise_d, noise_g, start, rate_d, rate_g, d_sign=-1.0)


# a generator in closed form -------------------------------------------------------------------------------------


def _gaussian_generator_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for dim in (1, 2, 3):
        factor = rng.normal(size=(dim, dim)) + 2 * np.eye(dim)
        cases.append((rng.normal(size=dim), factor @ factor.T, rng.standard_normal((5, dim))))
    direction = np.array([1.0, 2.0])  # all mass on a line: a covariance without an inverse
    cases.append((np.zeros(2), np.outer(direction, direction), rng.standard_normal((4, 2))))
    return cases


def _check_gaussian_generator(answer: object, mean: np.ndarray, covariance: np.ndarray, noise: np.ndarray) -> None:
    found = as_array(answer, noise.shape)
    if not np.isfinite(found).all():
        raise Wrong("some points are not finite: this covariance has an eigenvalue 0, and its root must cope")
    # The points must be mean + noise W^T: recover W by least squares where there are enough rows.
    design = np.column_stack([np.ones(len(noise)), noise])
    solution, _, rank, _ = np.linalg.lstsq(design, found, rcond=None)
    if rank < design.shape[1] or not close(design @ solution, found, absolute=1e-8):
        raise Wrong("the points are no affine map of the noise: the same matrix and shift serve every row")
    if not close(solution[0], mean, absolute=1e-8):
        raise Wrong("at noise zero the generator should return the mean")
    w = solution[1:].T
    if close(w @ w.T, covariance, relative=1e-6, absolute=1e-6):
        return
    if close(w @ w.T, covariance @ covariance, relative=1e-6):
        raise Wrong("W W^T is the covariance squared: the matrix must be its root, not itself")
    if close(w.T @ w, covariance, relative=1e-6, absolute=1e-6):
        raise Wrong("W^T W is the covariance where W W^T should be: noise comes in rows, so mind the transpose")
    if close(w @ w.T, np.diag(np.diag(covariance)), relative=1e-6):
        raise Wrong("each coordinate has the right spread, but they are uncorrelated: use the whole matrix")
    raise Wrong("W W^T is not the covariance")


# kurtosis -------------------------------------------------------------------------------------------------------


def linear_kurtosis(weights):
    w = np.asarray(weights, dtype=float)
    variance = np.sum(w**2) / 12  # variances add up
    fourth_cumulant = -np.sum(w**4) / 120  # and so do fourth cumulants
    return fourth_cumulant / variance**2


def _kurtosis_inputs(rng: np.random.Generator) -> list[tuple]:
    return [
        ([float(rng.uniform(0.5, 3))],),
        (rng.uniform(0.5, 1, size=2) * [1.0, 3.0],),
        (np.append(rng.normal(size=3), 2.0),),
        (np.array([1.0, 0.0, -2.0]) * rng.uniform(0.5, 2),),
    ]


def _check_kurtosis(answer: object, weights: np.ndarray) -> None:
    found, w = as_number(answer), np.asarray(weights, dtype=float)
    # Independent route: all fourth moments by a product of Gauss-Legendre rules, exact for polynomials.
    nodes, mass = np.polynomial.legendre.leggauss(3)
    grid = np.array(list(itertools.product(nodes / 2, repeat=len(w))))
    x, p = grid @ w, np.prod(list(itertools.product(mass / 2, repeat=len(w))), axis=1)
    expected = p @ x**4 / (p @ x**2) ** 2 - 3
    if close(found, expected, relative=1e-8):
        return
    if close(found, expected + 3, relative=1e-8):
        raise Wrong("this is the kurtosis itself: the excess compares it with a Gaussian's 3")
    if close(found, 0):
        raise Wrong("a weighted sum of a few uniforms is not Gaussian: its tails end")
    if close(found, -6 / (5 * len(w))):
        raise Wrong("that holds for equal weights; a big weight counts more, through its fourth power")
    if close(found, -1.2 * np.sum(w**2) / np.sum(w) ** 2) or close(found, -1.2 / np.sum(w**2)):
        raise Wrong("fourth cumulants scale with the fourth power of a weight, variances with the second")
    raise Wrong("add up fourth cumulants and variances of the summands, then divide by the squared variance")


# the loss is no quality meter -----------------------------------------------------------------------------------


def misleading_state(mean, std):
    shift = 0.25 * std  # a quarter of a standard deviation: plain to see in a histogram
    slope = -shift / std**2  # the logit of the best discriminator is the log of the density ratio
    intercept = shift * mean / std**2 + shift**2 / (2 * std**2)
    return [shift, slope, intercept]


def _misleading_inputs(rng: np.random.Generator) -> list[tuple]:
    return [(0.0, 1.0), (float(rng.normal(0, 3)), float(rng.uniform(0.3, 3))), (float(rng.uniform(2, 5)), 0.5)]


def _loss(mean: float, std: float, shift: float, slope: float, intercept: float) -> float:
    """The discriminator's loss by quadrature."""

    def integrand(t: float) -> float:
        real, fake = mean + std * t, mean + shift + std * t
        return stats.norm.pdf(t) * -(log_expit(slope * real + intercept) + log_expit(-slope * fake - intercept))

    return quad(integrand, -12, 12, epsabs=1e-12)[0]


def _check_misleading(answer: object, mean: float, std: float) -> None:
    shift, slope, intercept = as_array(answer, (3,))
    if abs(shift) <= 0.2 * std:
        raise Wrong("this generator's mean is almost right: no counterexample (the shift is at most 0.2 std)")
    best = (-shift / std**2, shift * mean / std**2 + shift**2 / (2 * std**2))
    lowest = _loss(mean, std, shift, *best)
    if not 1.36 <= lowest <= 1.41:
        raise Wrong(f"the best discriminator's loss at this shift is {lowest:.3f}, outside [1.36, 1.41]: shift less")
    if close([slope, intercept], best, relative=1e-6, absolute=1e-9):
        return
    if slope == 0 and intercept == 0:
        raise Wrong(
            "a blind discriminator proves little; give the best one for this shift, and the loss still looks fine"
        )
    if close([slope, intercept], [-b for b in best], relative=1e-6, absolute=1e-9):
        raise Wrong("this one calls the fakes real: the logit is log p_data - log p_G, not the other way round")
    raise Wrong("this is not the best discriminator for the shift: its logit is the log of the density ratio")


# too little noise -----------------------------------------------------------------------------------------------


def _local_ratio(points: np.ndarray, k: int, centred: bool = True) -> float:
    """By scikit-learn's neighbours and singular values: an independent route to the median eigenvalue ratio."""
    from sklearn.neighbors import NearestNeighbors

    _, index = NearestNeighbors(n_neighbors=k).fit(points).kneighbors(points)
    near = points[index]  # (n, k, 2)
    near = near - near.mean(axis=1, keepdims=True) if centred else near
    stretches = np.linalg.svd(near, compute_uv=False)
    return float(np.median((stretches[:, 1] / stretches[:, 0]) ** 2))


def _local_ratio_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for noise_dim, n in ((1, 300), (2, 300), (1, 200)):
        u = rng.random((n, noise_dim))
        hidden = np.tanh(u @ rng.normal(0, 3, size=(noise_dim, 6)) + rng.normal(size=6))
        cases.append((hidden @ rng.normal(size=(6, 2)) + 5, 10))
    angle = 2 * np.pi * rng.random(300)
    cases.append((np.column_stack([np.cos(angle), np.sin(angle)]) + 3, 8))  # a circle: globally as wide as high
    return cases


def _check_local_ratio(answer: object, points: np.ndarray, k: int) -> None:
    found, expected = as_number(answer), _local_ratio(points, k)
    if close(found, expected, relative=1e-6, absolute=1e-12):
        return
    values = np.linalg.eigvalsh(np.cov(points.T))
    if close(found, values[0] / values[1], relative=1e-6):
        raise Wrong("this is the ratio of the whole cloud, and a circle fools it: look at each point's neighbours")
    if close(found, np.sqrt(expected), relative=1e-3):
        raise Wrong("this is a ratio of standard deviations (singular values): take eigenvalues, their squares")
    if close(found, 1 / expected, relative=1e-6):
        raise Wrong("the ratio is upside down: smaller eigenvalue over larger")
    if close(found, _local_ratio(points, k, centred=False), relative=1e-6):
        raise Wrong("the neighbours' coordinates must be centred at their own mean, before the eigenvalues")
    if any(close(found, _local_ratio(points, n), relative=1e-6) for n in (k - 1, k + 1)):
        raise Wrong("use exactly k neighbours, the point itself among them: nearly there, one too many or too few")
    raise Wrong("take the covariance of each point's k nearest, its two eigenvalues, and the median ratio over points")


# a power study --------------------------------------------------------------------------------------------------


def power_curve(reference, candidates, level):
    from scipy.stats import ks_2samp

    rows = []
    for samples in candidates:  # one shift
        rejected = [ks_2samp(x, y).pvalue <= level for x, y in zip(reference, samples, strict=True)]
        power = np.mean(rejected)
        rows.append([power, np.sqrt(power * (1 - power) / len(rejected))])
    return np.array(rows)


def _power_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for n, repeats, level in ((40, 30, 0.05), (25, 40, 0.1)):
        shifts = np.array([0.0, 0.5, 1.0])
        reference = rng.normal(size=(repeats, n))
        candidates = rng.normal(size=(3, repeats, n + 5)) + shifts[:, None, None]
        cases.append((reference, candidates, level))
    return cases


def _check_power(answer: object, reference: np.ndarray, candidates: np.ndarray, level: float) -> None:
    found = as_array(answer, (len(candidates), 2))
    p = np.array([[stats.ks_2samp(x, y).pvalue for x, y in zip(reference, c, strict=True)] for c in candidates])
    power = (p <= level).mean(axis=1)
    error = np.sqrt(power * (1 - power) / p.shape[1])
    if close(found, np.column_stack([power, error])):
        return
    if close(found[:, 0], p.mean(axis=1)):
        raise Wrong("that is the mean p-value; power is the share of repeats that are rejected")
    if close(found[:, 0], 1 - power):
        raise Wrong("that is the share of repeats *not* rejected: a small p-value rejects")
    if close(found[:, 0], power):
        raise Wrong("the rates are right; the binomial standard error is sqrt(p (1 - p) / number of repeats)")
    raise Wrong("for each shift, test each pair of samples at the level and count rejections")


def _mean_p(reference, candidates, level):
    p = [[stats.ks_2samp(x, y).pvalue for x, y in zip(reference, c, strict=True)] for c in candidates]
    return np.column_stack([np.mean(p, axis=1), np.std(p, axis=1)])


def _not_rejected(reference, candidates, level):
    right = power_curve(reference, candidates, level)
    return np.column_stack([1 - right[:, 0], right[:, 1]])


def _no_root_n(reference, candidates, level):
    right = power_curve(reference, candidates, level)
    return np.column_stack([right[:, 0], np.sqrt(right[:, 0] * (1 - right[:, 0]))])


EXERCISES = (
    Exercise(
        name="train_gan",
        title="Write the training loop",
        prompt=r"""
The whole of Algorithm 1 in one function, with networks small enough for NumPy: $D$ has the logit $a(x)=wx+c$,
$G(z)=sz+b$. For each round `k`: one step **up** the value for $D$ on `real[k]` and the fakes from `noise_d[k]`
(simultaneously in $w$ and $c$); then one step up $\frac1m\sum\log D(G(z))$ for $G$ (the non-saturating loss),
on `noise_g[k]` and against the *updated* $D$. The rates are `rate_d` and `rate_g`. Use equations
{eq}`discriminator-update` and {eq}`generator-update`: here
$\nabla_{(w,c)}a=(x,1)$ and $\nabla_{(s,b)}a(G(z))=w\,(z,1)$.
""",
        stub='''
def train_gan(real, noise_d, noise_g, start, rate_d, rate_g):
    """Parameters before the first and after each round.

    real, noise_d, noise_g : arrays, shape (n_rounds, m)
    start : array, shape (4,): w, c, s, b
    returns array, shape (n_rounds + 1, 4); its first row is start
    """
    ...
''',
        inputs=_train_gan_inputs,
        check=_check_train_gan,
        solution=train_gan,
        mistakes=(
            Mistake("noise used twice", _no_fresh_noise, "used the noise of the discriminator's turn"),
            Mistake("simultaneous updates", _old_discriminator, "discriminator of the round before"),
            Mistake("saturating loss", _saturating, "descended log(1 - D)"),
            Mistake("discriminator downhill", _downhill, "walked downhill"),
        ),
        level=1,
        minutes=20,
    ),
    Exercise(
        name="gaussian_generator",
        title="A generator in closed form",
        prompt=r"""
Turn standard Gaussian noise into draws from $\mathcal N(\mu,\Sigma)$ without any training: the same affine map
for each row of `noise`. Your function is judged by a property, $WW^\top=\Sigma$, so any root of $\Sigma$ will do;
one of the hidden covariances has an eigenvalue zero.
""",
        stub='''
def gaussian_generator(mean, covariance, noise):
    """Points of the Gaussian, one for each row of noise.

    mean : array, shape (dim,);  covariance : array, shape (dim, dim)
    noise : array, shape (n, dim), standard Gaussian
    returns array, shape (n, dim)
    """
    ...
''',
        inputs=_gaussian_generator_inputs,
        check=_check_gaussian_generator,
        level=2,
        minutes=15,
        points=4,
    ),
    Exercise(
        name="linear_kurtosis",
        title="Predict the kurtosis",
        prompt=r"""
A linear generator returns $x=b+\sum_j w_ju_j$ from independent uniform numbers $u_j$ on $[0,1]$. Return its excess
kurtosis (0 for a Gaussian). Then check your prediction against 100 000 draws.
""",
        stub='''
def linear_kurtosis(weights):
    """Excess kurtosis of sum_j weights[j] * u_j.

    weights : array, shape (n,), not all zero
    returns float
    """
    ...
''',
        inputs=_kurtosis_inputs,
        check=_check_kurtosis,
        solution=linear_kurtosis,
        mistakes=(
            Mistake("kurtosis, not excess", lambda w: linear_kurtosis(w) + 3, "compares it with a Gaussian's 3"),
            Mistake("Gaussian", lambda w: 0.0, "is not Gaussian"),
            Mistake(
                "squares for fourth powers", lambda w: -1.2 / float(np.sum(np.square(w))), "fourth power of a weight, v"
            ),
        ),
        level=2,
        minutes=15,
    ),
    Exercise(
        name="misleading_state",
        title="Spot the slip: “the losses have converged, so the samples are right”",
        prompt=r"""
Refute the sentence with a counterexample that leaves no excuse. The data follow $\mathcal N(\mu,s^2)$, the
generator's law is $\mathcal N(\mu+\text{shift},s^2)$, and the discriminator, with logit
$a(x)=\text{slope}\cdot x+\text{intercept}$, is the **best possible** one for this generator. Choose a shift of more
than $0.2\,s$ in size such that $L_D$ still lies in $[1.36, 1.41]$, around $\log 4=1.386$.
""",
        stub='''
def misleading_state(mean, std):
    """A generator that is off although the best discriminator's loss looks converged.

    mean, std : floats, of the data
    returns list of three floats: shift, slope, intercept
    """
    ...
''',
        inputs=_misleading_inputs,
        check=_check_misleading,
        solution=misleading_state,
        mistakes=(
            Mistake("a good generator", lambda mean, std: [0.0, 0.0, 0.0], "no counterexample"),
            Mistake("a blind discriminator", lambda mean, std: [0.25 * std, 0.0, 0.0], "blind"),
            Mistake(
                "labels swapped",
                lambda mean, std: [0.25 * std, 0.25 / std, -0.25 * mean / std - 0.25**2 / 2],
                "calls the fakes real",
            ),
            Mistake(
                "too far",
                lambda mean, std: [std, -1 / std, mean / std + 0.5],
                "outside [1.36, 1.41]",
            ),
        ),
        level=2,
        minutes=20,
    ),
    Exercise(
        name="local_ratio",
        title="Spot the slip: “any distribution from any noise”",
        prompt=r"""
One noise number cannot fill the plane. Measure it: for each point take its `k` nearest points (itself included), the
two eigenvalues of their covariance, and the ratio of the smaller to the larger; return the median over all points. On a
smooth curve the ratio goes to zero, on a cloud it does not. The hidden cases include a circle, as wide as it is high.
""",
        stub='''
def local_ratio(points, k):
    """Median over points of (smaller / larger) eigenvalue of the neighbours' covariance.

    points : array, shape (n, 2);  k : int, neighbours, the point itself among them
    returns float in [0, 1]
    """
    ...
''',
        inputs=_local_ratio_inputs,
        check=_check_local_ratio,
        level=2,
        minutes=25,
        points=6,
    ),
    Exercise(
        name="power_curve",
        title="Mini project: how many points until a test sees it?",
        prompt=r"""
A test that accepts proves little unless it *could* have refused. Write the bookkeeping of a power study: for each
shift the share of repeats in which the two-sample Kolmogorov–Smirnov test (`scipy.stats.ks_2samp`) gives $p\le$
`level`, with its binomial standard error, $\sqrt{p(1-p)/R}$ for a share $p$ of $R$ repeats. Then use it: how many
points does the test need until it sees a shift of 0.1 standard deviations four times out of five? Compare with
`metrics.mmd_test` and with the accuracy of a classifier trained to tell the samples apart.
""",
        stub='''
def power_curve(reference, candidates, level):
    """Rejection rate and its standard error for each shift.

    reference : array, shape (n_repeats, n)
    candidates : array, shape (n_shifts, n_repeats, m)
    returns array, shape (n_shifts, 2)
    """
    ...
''',
        inputs=_power_inputs,
        check=_check_power,
        solution=power_curve,
        mistakes=(
            Mistake("mean p-value", _mean_p, "mean p-value"),
            Mistake("share accepted", _not_rejected, "*not* rejected"),
            Mistake("error without root n", _no_root_n, "binomial standard error"),
        ),
        level=3,
        minutes=60,
        rubric="the rate at shift 0 stays near the level; curves over n with error bars; equal budgets for the three "
        "tests; one sentence on which alternative each test sees first.",
    ),
)

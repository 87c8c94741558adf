"""Exercises of the chapter "The variational autoencoder"."""

# Solutions are shown to readers as they would write them, without types.
# mypy: disallow-untyped-defs=False

from __future__ import annotations

import math

import numpy as np
from scipy import integrate, stats

from lectures_pkg.exercises import Exercise, Mistake, Wrong, as_array, as_number, close

# ---------------------------------------------------------------- a picture by hand


def picture_log_likelihood(x, p):
    probability = np.where(x == 1, p, 1 - p)  # of what each pixel did
    with np.errstate(divide="ignore"):
        return float(np.log(probability).sum())


def _only_the_ink(x, p):
    with np.errstate(divide="ignore"):
        return float(np.log(p[x == 1]).sum())


def _no_logarithm(x, p):
    return float(np.prod(np.where(x == 1, p, 1 - p)))


def _mean_over_pixels(x, p):
    return picture_log_likelihood(x, p) / x.size


def _zero_times_infinity(x, p):
    with np.errstate(divide="ignore", invalid="ignore"):
        return float((x * np.log(p) + (1 - x) * np.log(1 - p)).sum())


def _picture_inputs(rng: np.random.Generator) -> list[tuple]:
    shown = (np.array([[0, 1], [0, 1]]), np.array([[0.1, 0.8], [0.4, 0.9]]))
    x = rng.integers(0, 2, size=(3, 3))
    x[0, :2] = 0, 1
    p = rng.uniform(0.1, 0.9, size=(3, 3))
    sure = np.where(x == 1, np.where(p > 0.5, 1.0, p), np.where(p > 0.5, 0.0, p))
    sure[0, :2] = 0.0, 1.0  # certain, and right
    never = p.copy()
    never[0, 1] = 0.0  # certain, and wrong
    return [shown, (x, p), (x, sure), (x, never)]


def _check_picture(answer: object, x: np.ndarray, p: np.ndarray) -> None:
    found = as_number(answer)
    # Pixel by pixel, as the probability of a coin that SciPy tosses.
    parts = [float(stats.bernoulli(chance).logpmf(pixel)) for pixel, chance in zip(x.ravel(), p.ravel(), strict=True)]
    expected = sum(parts)
    if math.isnan(found):
        raise Wrong("it is not a number where a pixel was certain: 0 times log 0 should count as nothing")
    if close(found, expected):
        return
    if close(found, sum(part for part, pixel in zip(parts, x.ravel(), strict=True) if pixel == 1)):
        raise Wrong("a white pixel has a probability too, 1 - p: a picture is all of its pixels")
    if close(found, math.exp(expected)):
        raise Wrong("that is the probability itself; its logarithm was asked for")
    if close(found, expected / x.size):
        raise Wrong("that is an average over pixels; independent pixels multiply, so their logarithms add up")
    raise Wrong(f"for pixels {x.ravel().tolist()} the answer should be near {expected:.4g}, found {found:.4g}")


# ---------------------------------------------------------------- spot the slip


def slip_residual(prior, likelihood, q):
    evidence = np.sum(prior * likelihood)
    posterior = prior * likelihood / evidence
    left = np.log(evidence) - np.sum(q * np.log(q / posterior))
    right = np.sum(q * (np.log(q) - np.log(likelihood) - np.log(prior)))
    return float(left - right)


def _mended_line(prior, likelihood, q):
    evidence = np.sum(prior * likelihood)
    posterior = prior * likelihood / evidence
    left = np.log(evidence) - np.sum(q * np.log(q / posterior))
    return float(left + np.sum(q * (np.log(q) - np.log(likelihood) - np.log(prior))))


def _only_one_side(prior, likelihood, q):
    return slip_residual(prior, likelihood, q) / 2


def _absolute_value(prior, likelihood, q):
    return abs(slip_residual(prior, likelihood, q))


def _divergence_reversed(prior, likelihood, q):
    posterior = prior * likelihood / np.sum(prior * likelihood)
    left = np.log(np.sum(prior * likelihood)) - np.sum(posterior * np.log(posterior / q))
    return float(left - np.sum(q * (np.log(q) - np.log(likelihood) - np.log(prior))))


def _slip_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = [(np.array([0.5, 0.5]), np.array([0.3888, 0.0008]), np.array([0.9, 0.1]))]
    for n in (3, 5):
        likelihood = rng.uniform(0.01, 0.05, size=n)
        likelihood[0] = 0.7
        cases.append((rng.dirichlet(np.full(n, 5.0)), likelihood, rng.dirichlet(np.full(n, 5.0))))
    return cases


def _check_slip(answer: object, prior: np.ndarray, likelihood: np.ndarray, q: np.ndarray) -> None:
    found = as_number(answer)
    # By the right line, left minus right is twice the bound, and the bound is a plain sum over z.
    bound = sum(b * (math.log(c) - math.log(b / a)) for a, c, b in zip(prior, likelihood, q, strict=True))
    if close(found, 2 * bound, 1e-8, 1e-10):
        return
    if abs(found) < 1e-9:
        raise Wrong(
            "zero is what the *mended* line gives, with the minus before the expectation; take the line as printed"
        )
    if close(found, bound, 1e-8):
        raise Wrong("that is one side only: return the left side minus the right side")
    if close(found, -2 * bound, 1e-8):
        raise Wrong("the sign is the other way round: left minus right, without an absolute value")
    raise Wrong(
        f"left minus right should be near {2 * bound:.4g}, found {found:.4g}: is the KL that of q from the posterior?"
    )


# ---------------------------------------------------------------- KL to the prior (assignment)


def _kl_inputs(rng: np.random.Generator) -> list[tuple]:
    hand = (np.array([[1.0, -0.5]]), np.array([[0.5, 1.0]]))
    batch = (rng.normal(size=(5, 3)), np.exp(rng.uniform(-2, 1, size=(5, 3))))
    extremes = (rng.normal(size=(2, 4)), np.array([[1e-3, 30.0, 1.0, 0.5], [30.0, 30.0, 1e-3, 1e-3]]))
    tiny = (np.zeros((1, 2)), np.array([[1e-200, 1.0]]))
    return [hand, batch, extremes, tiny]


def _check_kl(answer: object, mean: np.ndarray, std: np.ndarray) -> None:
    found = as_array(answer, mean.shape[:1])
    if std.min() < 1e-100 and not np.isfinite(found).all():
        raise Wrong("it overflows at sigma = 1e-200: log sigma^2 is 2 log sigma, and needs no square")
    # Divergence axis by axis: cross-entropy minus entropy, both from SciPy.
    entropy = stats.norm(mean, std).entropy()
    cross = 0.5 * math.log(2 * math.pi) + 0.5 * stats.norm(mean, std).moment(2)
    terms = cross - entropy
    expected = terms.sum(axis=1)
    if close(found, expected, 1e-8, 1e-10):
        return
    if close(found, terms.mean(axis=1), 1e-8, 1e-10):
        raise Wrong("that is averaged over the latents: independent latents add their divergences up")
    if close(found, -expected, 1e-8, 1e-10):
        raise Wrong("the sign is wrong: a divergence is never negative")
    if close(found, expected + 0.5 * np.log(std).sum(axis=1), 1e-8, 1e-10):
        raise Wrong("log sigma stands where log sigma^2 should: the logarithm's term is too small by half")
    if close(found, expected + 0.5 * (std - std**2).sum(axis=1), 1e-8, 1e-10):
        raise Wrong("sigma stands where its square should: the second moment of z is mu^2 + sigma^2")
    raise Wrong(f"for the first example the divergence should be near {expected[0]:.4g}, found {found[0]:.4g}")


# ---------------------------------------------------------------- reparameterisation


def reparameterised_gradient(mean, std, noise):
    z = mean + std * noise
    slope = 4 * z**3  # of f(z) = z^4
    return np.array([slope.mean(), (slope * noise).mean()])  # dz/dmu = 1, dz/dsigma = noise


def _noise_merely_added(mean, std, noise):
    z = mean + noise
    return np.array([(4 * z**3).mean(), (4 * z**3 * noise).mean()])


def _variance_for_deviation(mean, std, noise):
    z = mean + std**2 * noise
    return np.array([(4 * z**3).mean(), (4 * z**3 * noise).mean()])


def _path_cut(mean, std, noise):
    z = mean + std * noise
    return np.array([(4 * z**3).mean(), 0.0])


def _same_slope_for_both(mean, std, noise):
    z = mean + std * noise
    return np.array([(4 * z**3).mean(), (4 * z**3).mean()])


def _path_inputs(rng: np.random.Generator) -> list[tuple]:
    return [
        (1.0, 0.5, np.array([1.0, -1.0, 2.0])),
        (rng.normal(), rng.uniform(0.3, 0.8), rng.normal(size=50) + 0.3),
        (0.0, rng.uniform(1.5, 2.0), rng.normal(size=7) + 0.5),
    ]


def _check_path(answer: object, mean: float, std: float, noise: np.ndarray) -> None:
    found = as_array(answer, (2,))

    def value(m: float, s: float) -> float:
        return float(np.mean((m + s * noise) ** 4))

    step = 1e-5
    expected = np.array(
        [
            (value(mean + step, std) - value(mean - step, std)) / (2 * step),
            (value(mean, std + step) - value(mean, std - step)) / (2 * step),
        ]
    )

    def near(numbers: list[float] | np.ndarray) -> bool:
        return close(found, numbers, 1e-5, 1e-6)

    if near(expected):
        return
    if near([expected[0], 0.0]):
        raise Wrong("no gradient reaches sigma: when sigma grows, z moves, by its noise")
    if near([expected[0], expected[0]]):
        raise Wrong("the slope in sigma equals that in mu, as if dz/dsigma were 1; it is the noise")
    for scale, hint in (
        (1.0, "the noise is added as it is: without sigma in it, z does not have the standard deviation asked for"),
        (std**2, "the noise is scaled by the variance sigma^2; a standard deviation scales it by sigma"),
    ):
        slope = 4 * (mean + scale * noise) ** 3
        if near([slope.mean(), (slope * noise).mean()]):
            raise Wrong(hint)
    raise Wrong(f"finite differences give {np.round(expected, 4).tolist()}, found {np.round(found, 4).tolist()}")


# ---------------------------------------------------------------- exact log p(x) (assignment)


def _grid_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for x in ([0, 1, 0, 1], rng.integers(0, 2, size=6)):
        n = len(x)
        weight = rng.normal(size=(n, 2)) + 2 * np.where(np.asarray(x) == 1, 1, -1)[:, None] * np.array([1.0, 0.5])
        bias = rng.normal(size=n)
        cases.append((np.asarray(x), weight, bias, rng.uniform(0.2, 0.8, size=2), rng.uniform(0.5, 0.9, size=2)))
    # A posterior that sits far out, where a small grid does not reach.
    cases.append((np.ones(8, dtype=int), np.full((8, 2), 1.5), np.full(8, -6.0), np.full(2, 1.8), np.full(2, 0.6)))
    return cases


def _gauss_hermite(n: int = 90) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(n)
    weights = weights / weights.sum()
    return np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 2), np.outer(
        weights, weights
    ).ravel()


def _log_likelihood_at(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, z: np.ndarray) -> np.ndarray:
    return -np.logaddexp(0, -(z @ weight.T + bias) * (2 * x - 1)).sum(axis=1)


def _check_grid(
    answer: object, x: np.ndarray, weight: np.ndarray, bias: np.ndarray, mean: np.ndarray, std: np.ndarray
) -> None:
    found = as_array(answer, (2,))
    nodes, weights = _gauss_hermite()
    # Nodes around q, weighted back to the prior: no grid, no cell.
    z = mean + 0.9 * nodes
    log_ratio = stats.norm.logpdf(z).sum(axis=1) - stats.norm.logpdf(z, mean, 0.9).sum(axis=1)
    log_p = math.log(weights @ np.exp(_log_likelihood_at(x, weight, bias, z) + log_ratio))
    z = mean + std * nodes
    bound = weights @ (
        _log_likelihood_at(x, weight, bias, z)
        + stats.norm.logpdf(z).sum(axis=1)
        - stats.norm.logpdf(z, mean, std).sum(axis=1)
    )
    if close(found, [log_p, log_p - bound], 0, 1e-3):
        return
    log_found, gap_found = (float(value) for value in found)
    if math.isnan(log_found) or math.isnan(gap_found):
        raise Wrong("it is not a number: sum probabilities through log-sum-exp, and beware of log 0")
    inner, step = np.linspace(-1, 1, 201, retstep=True)
    small = np.stack(np.meshgrid(inner, inner, indexing="ij"), axis=-1).reshape(-1, 2)
    log_small = np.logaddexp.reduce(
        _log_likelihood_at(x, weight, bias, small) + stats.norm.logpdf(small).sum(axis=1)
    ) + 2 * math.log(step)
    if abs(log_found - log_p) <= 1e-3:
        if abs(gap_found) <= 1e-3:
            raise Wrong("the gap is not zero: q is not the posterior here")
        if abs(gap_found + log_p - bound) <= 1e-3:
            raise Wrong("the gap has the wrong sign: log p(x) is never below the bound")
        if abs(gap_found - bound) <= 1e-3:
            raise Wrong("that is the bound itself in second place; the gap is log p(x) minus the bound")
        raise Wrong(f"log p(x) is right, but the gap should be near {log_p - bound:.4g}, found {gap_found:.4g}")
    if log_found < log_p - 1e-3 and log_found < log_small + 0.05:
        raise Wrong("mass is missing: does the grid hold at least .9999 of the prior's mass?")
    if log_found > 1e-9:
        raise Wrong("a probability above one: each point of the grid stands for a cell, and its area counts")
    raise Wrong(f"log p(x) should be near {log_p:.4f}, found {log_found:.4f}: prior, likelihood, and area of the cell?")


# ---------------------------------------------------------------- a prior that is not Gaussian


def kl_to_mixture(mean, std, weights, means, stds, noise):
    def log_normal(z, m, s):
        return -0.5 * ((z - m) / s) ** 2 - np.log(s) - 0.5 * np.log(2 * np.pi)

    z = mean + std * noise  # draws from q
    components = np.log(weights) + log_normal(z[:, None], means, stds)  # (draws, components)
    peak = components.max(axis=1)
    log_prior = peak + np.log(np.exp(components - peak[:, None]).sum(axis=1))
    log_ratio = log_normal(z, mean, std) - log_prior
    return np.array([log_ratio.mean(), log_ratio.std(ddof=1) / np.sqrt(len(z))])


def _log_normal(z, m, s):
    return -0.5 * ((z - m) / s) ** 2 - np.log(s) - 0.5 * np.log(2 * np.pi)


def _mixture_ratio(mean, std, weights, means, stds, noise):
    z = mean + std * noise
    components = np.log(weights) + _log_normal(z[:, None], means, stds)
    return _log_normal(z, mean, std) - np.logaddexp.reduce(components, axis=1)


def _weighted_divergences(mean, std, weights, means, stds, noise):
    z = mean + std * noise
    ratio = _log_normal(z, mean, std) - _log_normal(z[:, None], means, stds) @ weights
    return np.array([ratio.mean(), ratio.std(ddof=1) / np.sqrt(len(z))])


def _spread_of_one_draw(*arguments):
    ratio = _mixture_ratio(*arguments)
    return np.array([ratio.mean(), ratio.std(ddof=1)])


def _reversed_ratio(*arguments):
    ratio = -_mixture_ratio(*arguments)
    return np.array([ratio.mean(), ratio.std(ddof=1) / np.sqrt(len(ratio))])


def _entropy_of_q_dropped(mean, std, weights, means, stds, noise):
    z = mean + std * noise
    ratio = _mixture_ratio(mean, std, weights, means, stds, noise) - _log_normal(z, mean, std)
    return np.array([ratio.mean(), ratio.std(ddof=1) / np.sqrt(len(z))])


def _mixture_inputs(rng: np.random.Generator) -> list[tuple]:
    two = (np.array([0.3, 0.7]), np.array([-2.0, 2.0]), np.array([0.7, 0.8]))
    one = (np.array([1.0]), np.array([0.0]), np.array([1.0]))
    far = (np.array([0.5, 0.5]), np.array([-40.0, 40.0]), np.array([0.5, 0.5]))
    cases = [(rng.uniform(0.5, 1.5), rng.uniform(0.4, 0.7), *law, rng.normal(size=4000)) for law in (two, one)]
    return [*cases, (0.0, 0.5, *far, rng.normal(size=4000))]


def _check_mixture(
    answer: object,
    mean: float,
    std: float,
    weights: np.ndarray,
    means: np.ndarray,
    stds: np.ndarray,
    noise: np.ndarray,
) -> None:
    found, error = as_array(answer, (2,))
    if not (math.isfinite(found) and math.isfinite(error)):
        raise Wrong("it is not finite where q lies far from both components: sum them by log-sum-exp")

    def ratio(z: float) -> float:
        parts = np.log(weights) + _log_normal(z, means, stds)
        return float(_log_normal(z, mean, std) - np.logaddexp.reduce(parts))

    def moment(power: int) -> float:
        low, high = mean - 10 * std, mean + 10 * std
        return integrate.quad(
            lambda z: math.exp(_log_normal(z, mean, std)) * ratio(z) ** power, low, high, limit=200, points=[mean]
        )[0]

    exact = moment(1)
    spread = math.sqrt(max(moment(2) - exact**2, 0.0))
    allowed = 6 * spread / math.sqrt(len(noise)) + 1e-9
    entropy = 0.5 * math.log(2 * math.pi * math.e * std**2)
    if abs(found - exact) > allowed:
        if abs(found + exact) <= allowed:
            raise Wrong("the ratio is upside down: the divergence of q from the prior averages log q - log p")
        if abs(found - exact - entropy) <= 2 * allowed + 0.1:
            raise Wrong("log q is missing: that is a cross-entropy, not a divergence")
        if found > exact:
            raise Wrong("too large: the logarithm of a mixture is not the mixture of logarithms (convexity)")
        raise Wrong(f"the divergence is {exact:.4f}, found {found:.4f}, more than six standard errors off")
    usual = spread / math.sqrt(len(noise))
    if not 0.5 * usual <= error <= 1.5 * usual + 1e-12:
        if error > 10 * usual:
            raise Wrong("that is the spread of one draw: the mean of n draws is sqrt(n) times more certain")
        raise Wrong(f"the standard error should be near {usual:.2g}, found {error:.2g}")


EXERCISES = (
    Exercise(
        name="picture_log_likelihood",
        title="The probability of a picture",
        prompt=(
            "A decoder says that pixel $i$ is ink with probability $p_i$, independently of the others. Return "
            "$\\log p(x \\mid z)$ in nats for a binary picture `x` and its probabilities `p` (two arrays of one "
            "shape). Some pixels are certain: a picture that the decoder excludes gets $-\\infty$, and a pixel "
            "that it foresees with certainty costs nothing."
        ),
        stub='''\
def picture_log_likelihood(x, p):
    """Log-probability of the binary picture x, in nats."""
    ...
''',
        inputs=_picture_inputs,
        check=_check_picture,
        solution=picture_log_likelihood,
        mistakes=(
            Mistake("only the pixels that are on", _only_the_ink, "all of its pixels"),
            Mistake("no logarithm", _no_logarithm, "its logarithm was asked for"),
            Mistake("average", _mean_over_pixels, "independent pixels multiply"),
            Mistake("0 log 0", _zero_times_infinity, "should count as nothing"),
        ),
        level=1,
        minutes=5,
    ),
    Exercise(
        name="slip_residual",
        title="Spot the slip: a lost minus",
        prompt=(
            "This line is printed on slides:\n\n"
            "$$\n\\begin{aligned}\n& \\log P(x) - D_{\\mathrm{KL}}\\bigl( q(z) \\Vert P(z \\mid x) \\bigr) \\\\\n"
            "& = \\mathbb{E}_q \\bigl[ \\log q(z) - \\log P(x \\mid z) \\\\\n& \\qquad - \\log P(z) \\bigr]\n"
            "\\end{aligned}\n$$\n\n"
            "For a latent with finitely many states, given `prior` $= P(z)$, `likelihood` $= P(x \\mid z)$ for the "
            "one $x$ that was seen, and `q` $= q(z)$ (three arrays of one length), return the left side minus the "
            "right side, in nats. Then say what that number is twice of."
        ),
        stub='''\
def slip_residual(prior, likelihood, q):
    """Left side minus right side of the printed line, in nats."""
    ...
''',
        inputs=_slip_inputs,
        check=_check_slip,
        solution=slip_residual,
        mistakes=(
            Mistake("the mended line", _mended_line, "take the line as printed"),
            Mistake("one side", _only_one_side, "one side only"),
            Mistake("absolute value", _absolute_value, "other way round"),
            Mistake("KL reversed", _divergence_reversed, "that of q from the posterior"),
        ),
        level=1,
        minutes=10,
    ),
    Exercise(
        name="kl_from_prior",
        title="The divergence from the prior",
        prompt=(
            "Derive $D_{\\mathrm{KL}}\\bigl(N(\\mu, \\operatorname{diag} \\sigma^2) \\Vert N(0, I)\\bigr)$ on paper, "
            "then return it for a batch, in nats: `mean` and `std` have shape `(batch, latents)`, the answer "
            "`(batch,)`. `std` is $\\sigma$ itself. It should survive $\\sigma = 10^{-3}$, $30$ and even $10^{-200}$."
        ),
        stub='''\
def kl_from_prior(mean, std):
    """Divergence of N(mean, std^2) from N(0, I), row by row."""
    ...
''',
        inputs=_kl_inputs,
        check=_check_kl,
        level=2,
        minutes=15,
        points=10,
    ),
    Exercise(
        name="reparameterised_gradient",
        title="A gradient through noise",
        prompt=(
            "Let $f(z) = z^4$ and $z_i = \\mu + \\sigma \\epsilon_i$ with the noise held fixed. Return the gradient of "
            "$\\frac1n \\sum_i f(z_i)$ as an array `[d/dmu, d/dsigma]`, by the chain rule. `mean` and `std` are "
            "numbers, `noise` has shape `(n,)`."
        ),
        stub='''\
def reparameterised_gradient(mean, std, noise):
    """Gradient of the mean of (mean + std * noise)^4."""
    ...
''',
        inputs=_path_inputs,
        check=_check_path,
        solution=reparameterised_gradient,
        mistakes=(
            Mistake("mu + eps", _noise_merely_added, "added as it is"),
            Mistake("mu + sigma^2 eps", _variance_for_deviation, "scaled by the variance"),
            Mistake("detached", _path_cut, "no gradient reaches sigma"),
            Mistake("dz/dsigma = 1", _same_slope_for_both, "it is the noise"),
        ),
        level=2,
        minutes=15,
    ),
    Exercise(
        name="exact_log_prob_and_gap",
        title="Exact log p(x), and the gap",
        prompt=(
            "A decoder of binary pictures with two latents has logits $a = W z + b$, and $p(z) = N(0, I)$. Someone "
            "proposes $q(z) = N(m, \\operatorname{diag} s^2)$. Return `[log_p, gap]` in nats: the exact $\\log p(x)$, "
            "by a sum over a grid that you choose, and the gap between it and the ELBO of $q$, which is the divergence "
            "of $q$ from the true posterior. Both should be right to $10^{-3}$: refine your grid until $n$ and $2n$ "
            "points agree, and look at how much of the prior's mass it holds. Shapes: `x` and `bias` `(pixels,)`, "
            "`weight` `(pixels, 2)`, `mean` and `std` `(2,)`."
        ),
        stub='''\
def exact_log_prob_and_gap(x, weight, bias, mean, std):
    """Exact log p(x), and its distance from the ELBO of q."""
    ...
''',
        inputs=_grid_inputs,
        check=_check_grid,
        level=3,
        minutes=35,
        points=20,
    ),
    Exercise(
        name="kl_to_mixture",
        title="Mini project: a prior with two bumps",
        prompt=(
            "Nothing forces the prior to be one Gaussian. Let $p(z) = \\sum_c w_c N(z; m_c, s_c^2)$ for one latent. "
            "The divergence $D_{\\mathrm{KL}}(q \\Vert p)$ of $q = N(\\mu, \\sigma^2)$ has no closed form any more: "
            "say which of its two terms still has one. Estimate it from the draws $z_i = \\mu + \\sigma \\epsilon_i$ "
            "and return `[estimate, standard error]`. With one component your estimate should meet the closed form of "
            "the chapter within its error. `mean` and `std` are numbers; `weights`, `means`, `stds` have shape "
            "`(components,)`, `noise` `(n,)`."
        ),
        stub='''\
def kl_to_mixture(mean, std, weights, means, stds, noise):
    """Divergence from a mixture, and its standard error."""
    ...
''',
        inputs=_mixture_inputs,
        check=_check_mixture,
        solution=kl_to_mixture,
        mistakes=(
            Mistake("weighted divergences", _weighted_divergences, "not the mixture of logarithms"),
            Mistake("spread of one draw", _spread_of_one_draw, "spread of one draw"),
            Mistake("upside down", _reversed_ratio, "upside down"),
            Mistake("cross-entropy", _entropy_of_q_dropped, "log q is missing"),
        ),
        level=3,
        minutes=45,
        rubric=(
            "Beyond the check: the term with a closed form is the entropy of q; the estimate is reported with its "
            "standard error and the number of draws; with one component it meets the closed form; a comparison of both "
            "priors says how large the difference is in standard errors."
        ),
    ),
)

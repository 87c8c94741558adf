"""Claims of the chapter on first GANs: Algorithm 1, exact generators, tests with a null, two trained runs."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch
from scipy import stats
from scipy.interpolate import BSpline
from scipy.linalg import sqrtm
from scipy.special import expit
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from lectures_pkg.claims import SMALLEST_P_VALUE, Claim, Estimate, Side, estimate
from lectures_pkg.experiments.toy_gans import players, root_mean_square, train_line, train_plane
from lectures_pkg.gan import discriminator_loss, gan_step, generator_loss, sample
from lectures_pkg.metrics import ks_test, mmd2_unbiased, permutation_test
from lectures_pkg.networks import mlp
from lectures_pkg.training import EMA, seeded

Array = np.ndarray
Pair = tuple[Side, Side]

# losses ---------------------------------------------------------------------------------------------------------


def balance_sides(rng: np.random.Generator, d_loss: float = 2 * np.log(2), g_loss: float = np.log(2)) -> Pair:
    """A discriminator that can't tell returns the logit 0, whatever it is shown."""
    blind = torch.zeros(int(rng.integers(1, 9)), 1, dtype=torch.float64)
    left = discriminator_loss(blind, blind), generator_loss(blind), generator_loss(blind, "saturating")
    return np.array([loss.item() for loss in left]), np.array([d_loss, g_loss, -g_loss])


def slopes(d: Array) -> Array:
    """Slopes in the logit of -log D(real), -log(1-D(fake)), -log D(fake), log(1-D(fake))."""
    return np.stack([-(1 - d), d, -(1 - d), -d])


def swapped_slopes(d: Array) -> Array:
    return np.stack([-(1 - d), d, -d, -(1 - d)])


def slopes_in_probability(d: Array) -> Array:
    """Derivatives with respect to D instead of its logit."""
    return np.stack([-1 / d, 1 / (1 - d), -1 / d, -1 / (1 - d)])


def slope_sides(rng: np.random.Generator, formula: Callable[[Array], Array] = slopes) -> Pair:
    """Autograd through the package's losses, at moderate logits and at ones where log(sigmoid) fails."""
    values = np.concatenate([rng.normal(0, 3, size=5), [-40.0, 40.0, -1e4, 1e4]])
    surely_real = torch.full((1,), torch.inf, dtype=torch.float64)
    losses = (
        lambda a: discriminator_loss(a, -surely_real),
        lambda a: discriminator_loss(surely_real, a),
        lambda a: generator_loss(a, "non_saturating"),
        lambda a: generator_loss(a, "saturating"),
    )
    left = []
    for loss in losses:
        logits = torch.as_tensor(values).requires_grad_()
        (slope,) = torch.autograd.grad(torch.stack([loss(logit[None]) for logit in logits]).sum(), logits)
        left.append(slope.numpy())
    with np.errstate(divide="ignore", over="ignore"):
        return np.array(left), formula(expit(values))


# Algorithm 1 ----------------------------------------------------------------------------------------------------


def _toy_players(rng: np.random.Generator) -> tuple[nn.Module, nn.Module]:
    """Noise and data both have two dimensions, so that D(z) is a silent error."""
    with seeded(int(rng.integers(2**31))):
        return mlp((2, 4, 2), nn.Tanh).double(), mlp((2, 4, 1), nn.Tanh).double()


def _logit_gradients(discriminator: nn.Module, inputs: Callable[[], torch.Tensor], moving: nn.Module) -> Array:
    """d a(input_i) / d parameters of ``moving`` by central differences, shape (n_parameters, m)."""
    start, h = parameters_to_vector(moving.parameters()).detach().clone(), 1e-5
    rows = []
    with torch.no_grad():
        for i in range(len(start)):
            shift = torch.zeros_like(start)
            shift[i] = h
            logits = []
            for sign in (1, -1):
                vector_to_parameters(start + sign * shift, moving.parameters())
                logits.append(discriminator(inputs()).numpy().ravel())
            rows.append((logits[0] - logits[1]) / (2 * h))
        vector_to_parameters(start, moving.parameters())
    return np.array(rows)


def _round(
    players: tuple[nn.Module, nn.Module],
    batch: torch.Tensor,
    noises: tuple[torch.Tensor, torch.Tensor],
    rates: tuple[float, float],
    kind: str,
) -> list[Array]:
    """Parameter changes of (generator, discriminator) in one round of the package's step with plain gradient steps.

    The discriminator's turn draws the first noise and the generator's turn the second.
    """
    before = [parameters_to_vector(p.parameters()).detach().clone() for p in players]
    (g, d), (g_rate, d_rate) = players, rates
    g_optimiser, d_optimiser = torch.optim.SGD(g.parameters(), g_rate), torch.optim.SGD(d.parameters(), d_rate)
    draws = iter(noises)
    gan_step(g, d, g_optimiser, d_optimiser, lambda m: next(draws), generator_kind=kind)(batch)
    changes = [parameters_to_vector(p.parameters()).detach() - b for p, b in zip(players, before, strict=True)]
    return [change.numpy() for change in changes]


def discriminator_update_sides(rng: np.random.Generator, sign: float = 1.0, shown: str = "G(z)") -> Pair:
    generator, discriminator = pair = _toy_players(rng)
    x, (z, other) = torch.as_tensor(rng.normal(1, 1, size=(6, 2))), torch.as_tensor(rng.random((2, 6, 2)))
    with torch.no_grad():
        fake = generator(z) if shown == "G(z)" else z
        d_real, d_fake = (expit(discriminator(points).numpy().ravel()) for points in (x, fake))
    up = _logit_gradients(discriminator, lambda: x, discriminator) @ (1 - d_real)
    down = _logit_gradients(discriminator, lambda: fake, discriminator) @ d_fake
    rate = 0.5
    _, change = _round(pair, x, (z, other), (0.0, rate), "saturating")
    return change / rate, sign * (up - down) / len(x)


def generator_update_sides(
    rng: np.random.Generator, sign: float = 1.0, swap: bool = False, shown: str = "G(z)"
) -> Pair:
    generator, discriminator = pair = _toy_players(rng)
    x, (z, other) = torch.as_tensor(rng.normal(1, 1, size=(6, 2))), torch.as_tensor(rng.random((2, 6, 2)))
    with torch.no_grad():
        d_fake = expit(discriminator(generator(z)).numpy().ravel())
    seen = (lambda: generator(z)) if shown == "G(z)" else (lambda: z)
    gradients = _logit_gradients(discriminator, seen, generator)
    weights = [d_fake, 1 - d_fake][:: -1 if swap else 1]
    left, right, rate = [], [], 0.5
    start = parameters_to_vector(generator.parameters()).detach().clone()
    for kind, weight in zip(("saturating", "non_saturating"), weights, strict=True):
        vector_to_parameters(start.clone(), generator.parameters())
        change, _ = _round(pair, x, (other, z), (rate, 0.0), kind)
        left.append(change / rate)
        right.append(sign * gradients @ weight / len(z))
    return np.concatenate(left), np.concatenate(right)


# what a loss says ----------------------------------------------------------------------------------------------


def flat_loss_sides(rng: np.random.Generator, formula: Callable[[float], float] = lambda delta: delta**2 / 4) -> Pair:
    """The best D's loss for N(0, 1) against N(delta, 1), at 200 000 quantiles each, in units of delta squared."""
    quantiles = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    left, right = [], []
    for delta in (*rng.uniform(0.05, 0.15, size=2), 0.3):
        best = lambda x, delta=delta: torch.as_tensor(delta * (delta / 2 - x))  # log density ratio  # noqa: E731
        loss = discriminator_loss(best(quantiles), best(quantiles + delta)).item()
        left.append((np.log(4) - loss) / delta**2)
        right.append(formula(delta) / delta**2)
    return np.array(left), np.array(right)


# exact generators -----------------------------------------------------------------------------------------------


def _linear_generator(weight: Array, bias: Array) -> nn.Module:
    generator = mlp((weight.shape[1], weight.shape[0])).double()
    with torch.no_grad():
        for parameter, values in zip(generator.parameters(), (weight, bias), strict=True):
            parameter.copy_(torch.as_tensor(values))
    return generator


def _random_covariance(rng: np.random.Generator) -> Array:
    factor = np.array([[rng.uniform(1.5, 2), 0], [rng.uniform(0.5, 1), rng.uniform(0.4, 0.7)]])
    return factor @ factor.T


def linear_generator_sides(
    rng: np.random.Generator, root: Callable[[Array], Array] = sqrtm, noise: str = "normal"
) -> Pair:
    """Squared Mahalanobis distances of a Gaussian in the plane follow a chi-squared law with 2 degrees of freedom."""
    covariance, bias, n = _random_covariance(rng), rng.normal(size=2), 20_000
    draws = rng.standard_normal((n, 2)) if noise == "normal" else np.sqrt(12) * (rng.random((n, 2)) - 0.5)
    generator = _linear_generator(np.real(root(covariance)), bias)
    x = sample(generator, lambda m: torch.as_tensor(draws), n).numpy() - bias
    squared = np.sum(x * np.linalg.solve(covariance, x.T).T, axis=1)
    return ks_test(squared, stats.chi2(2).cdf).p_value, SMALLEST_P_VALUE


def linear_kurtosis(w: Array) -> float:
    return -1.2 * np.sum(w**4) / np.sum(w**2) ** 2


def linear_kurtosis_sides(rng: np.random.Generator, formula: Callable[[Array], float] = linear_kurtosis) -> Pair:
    weights = np.array([1.0, 0.5, -0.3, 0.8])[: int(rng.integers(2, 5))] * rng.uniform(0.5, 3)
    generator = _linear_generator(weights[None], np.array([7.0]))
    x = sample(generator, lambda m: torch.as_tensor(rng.random((m, len(weights)))), 800_000).numpy()
    return estimate(stats.kurtosis(x.reshape(40, -1), axis=1)), formula(weights)


def uniform_sum_kurtosis_sides(
    rng: np.random.Generator, formula: Callable[[int], float] = lambda n: -6 / (5 * n)
) -> Pair:
    """The density of a sum of n uniforms is a cardinal B-spline: its moments are exact by Gauss-Legendre pieces."""
    nodes, weights = np.polynomial.legendre.leggauss(12)
    counts = (1, 2, 3, 5, 10)
    left = []
    for n in counts:
        density = BSpline.basis_element(np.arange(n + 1.0), extrapolate=False)
        x = (np.arange(n)[:, None] + (nodes + 1) / 2).ravel()
        mass = np.tile(weights / 2, n) * density(x)
        centred = x - n / 2
        left.append((mass @ centred**4) / (mass @ centred**2) ** 2 - 3)
    return np.array(left), np.array([formula(n) for n in counts])


def support_sides(rng: np.random.Generator, formula: Callable[[Array], float] = lambda w: np.abs(w).sum() / 2) -> Pair:
    """The farthest output of a linear generator from its mean, over all corners of the cube of noise."""
    weights = np.abs(rng.normal(size=6)) * [1, -1, 1, -1, 1, 1] + [1, -1, 0, 0, 0, 0]
    corners = np.array(np.meshgrid(*[[0.0, 1.0]] * 6)).reshape(6, -1).T
    generator = _linear_generator(weights[None], np.array([2.0]))
    x = sample(generator, lambda m: torch.as_tensor(corners), len(corners)).numpy()
    return np.abs(x - (2.0 + weights.sum() / 2)).max(), formula(weights)


def exact_generator_sides(rng: np.random.Generator, formula: Callable[[Array, Array], Array]) -> Pair:
    u, v = 1 - rng.random((2, 50_000))  # in (0, 1]: the logarithm of 0 never comes
    return ks_test(formula(u, v), stats.norm.cdf).p_value, SMALLEST_P_VALUE


def box_muller(u: Array, v: Array, scale: float = 2.0) -> Array:
    return np.sqrt(-scale * np.log(u)) * np.cos(2 * np.pi * v)


def rank_sides(rng: np.random.Generator, filled: bool = False) -> Pair:
    """Directions in which the image of a tiny ball of noise extends, for noise of one and of two numbers."""
    ranks = []
    for noise_dim in (1, 2):
        with seeded(int(rng.integers(2**31))):
            generator = mlp((noise_dim, 64, 64, 3), nn.Tanh).double()
        centre = rng.random(noise_dim)
        ball = centre + 1e-5 * rng.standard_normal((200, noise_dim))
        cloud = sample(generator, lambda m, ball=ball: torch.as_tensor(ball), 200).numpy()  # type: ignore[misc]
        stretches = np.linalg.svd(cloud - cloud.mean(axis=0), compute_uv=False)
        ranks.append(np.sum(stretches > 1e-3 * stretches[0]))
    return (np.array([3, 3]), np.array(ranks)) if filled else (np.array(ranks), np.array([1, 2]))


# tests with a null ----------------------------------------------------------------------------------------------


def gaussian_mmd2(delta: float, std: float, h: float) -> float:
    wide = h**2 + 2 * std**2
    return 2 * h / np.sqrt(wide) * (1 - np.exp(-(delta**2) / (2 * wide)))


def mmd_sides(rng: np.random.Generator, with_diagonal: bool = False, cross: float = 1.0) -> Pair:
    n, m, delta, std, h, repeats = 8, 5, 1.0, 1.0, 1.0, 3000
    found = []
    for _ in range(repeats):
        x, y = rng.normal(0, std, size=n), rng.normal(delta, std, size=m)
        value = mmd2_unbiased(x, y, h)
        if with_diagonal:  # what k(x, x) = 1 adds when the two means run over all pairs
            within = [np.exp(-((s[:, None] - s) ** 2) / (2 * h**2)) for s in (x, y)]
            value += sum(k.mean() - (k.sum() - len(k)) / (len(k) * (len(k) - 1)) for k in within)
        found.append(value)
    return estimate(found), cross * gaussian_mmd2(delta, std, h)


def permutation_level_sides(rng: np.random.Generator, plus_one: bool = True) -> Pair:
    """Rejection rates under the null at three levels, with 19 permutations."""
    levels, repeats = np.array([0.01, 0.05, 0.2]), 3000
    p_values = np.empty(repeats)
    for i in range(repeats):
        x, y = rng.normal(size=(2, 4))
        p_values[i] = permutation_test(lambda a, b: a.mean() - b.mean(), x, y, 19, rng).p_value
    if not plus_one:
        p_values = (p_values * 20 - 1) / 19
    rates = (p_values[:, None] <= levels + 1e-12).mean(axis=0)
    return Estimate(rates, np.sqrt(levels * (1 - levels) / repeats)), levels


# averages -------------------------------------------------------------------------------------------------------


def ema_gain(beta: float, omega: float) -> float:
    return (1 - beta) / np.sqrt(1 - 2 * beta * np.cos(omega) + beta**2)


def ema_sides(rng: np.random.Generator, formula: Callable[[float, float], float] = ema_gain) -> Pair:
    """A network of two parameters that runs around a circle of radius one, and the package's average of it."""
    left, right = [], []
    for _ in range(3):
        beta, omega = rng.uniform(0.8, 0.95), rng.uniform(0.1, 1.0)
        network = nn.Linear(2, 1).double()
        average = EMA(network, beta)
        with torch.no_grad():
            for t in range(700):
                network.weight.copy_(torch.tensor([[np.cos(omega * t), np.sin(omega * t)]]))
                average.update(network)
        left.append(next(average.module.parameters()).norm().item())
        right.append(formula(beta, omega))
    return np.array(left), np.array(right)


# trained systems ------------------------------------------------------------------------------------------------


@functools.cache
def _plane(seed: int) -> tuple[Array, Array]:
    run = train_plane(seed, n_checkpoints=30)
    return root_mean_square(run.average_errors), root_mean_square(run.raw_errors)


def plane_sides(rng: np.random.Generator, generator: str = "average") -> Pair:
    average, raw = _plane(int(rng.integers(2**31)))
    return average if generator == "average" else raw, np.array([0.08, 0.3])


@functools.cache
def _line(seed: int, n_rounds: int) -> float:
    with seeded(seed):
        if n_rounds == 0:
            draws = sample(players(5, 1).generator, lambda m: torch.rand(m, 5), 20_000).numpy()[:, 0]
        else:
            draws = train_line(seed, 5, n_rounds=n_rounds)[-1][1]
    return ks_test(draws, stats.norm(3.0, 1.5).cdf).statistic


def line_sides(rng: np.random.Generator, n_rounds: int = 3000) -> Pair:
    return _line(int(rng.integers(2**31)), n_rounds), 0.03


CLAIMS = (
    Claim(
        label="losses-at-balance",
        equation=r"""D \equiv \tfrac12 \;\Rightarrow\;
\begin{aligned}
L_D &= \log 4, \\
L_G^{\mathrm{ns}} &= \log 2, \\
L_G^{\mathrm{sat}} &= -\log 2
\end{aligned}""",
        sides=balance_sides,
        source="Goodfellow et al. (2014), section 4; the chapter's own line",
        slips={
            "real and fake averaged together": functools.partial(balance_sides, d_loss=np.log(2)),
            "a perfect generator has D = 1": functools.partial(balance_sides, g_loss=0.0),
            "a discriminator loss without its minus sign": functools.partial(balance_sides, d_loss=-2 * np.log(2)),
        },
    ),
    Claim(
        label="loss-slopes",
        equation=r"""\begin{aligned}
\frac{d}{da}\bigl[-\log D\bigr] &= -(1-D), \\
\frac{d}{da}\bigl[-\log(1-D)\bigr] &= D, \\
\frac{d}{da}\log(1-D) &= -D
\end{aligned}""",
        sides=slope_sides,
        source="the chapter's own derivation",
        slips={
            "-log D has the tiny gradients where fakes are caught": functools.partial(
                slope_sides, formula=swapped_slopes
            ),
            "derivative in D instead of the logit": functools.partial(slope_sides, formula=slopes_in_probability),
        },
    ),
    Claim(
        label="discriminator-update",
        equation=r"""\begin{aligned}
&\theta \leftarrow \theta + \frac{\eta}{m}\sum_{i=1}^m \Bigl[ \\
&\quad\bigl(1-D_\theta(x_i)\bigr)\,\nabla_\theta a_\theta(x_i) \\
&- D_\theta\bigl(G_\varphi(z_i)\bigr)\,\nabla_\theta a_\theta\bigl(G_\varphi(z_i)\bigr)\Bigr]
\end{aligned}""",
        sides=discriminator_update_sides,
        source="Goodfellow et al. (2014), Algorithm 1",
        slips={
            "log(1 - D(z)), without G": functools.partial(discriminator_update_sides, shown="z"),
            "descending the value": functools.partial(discriminator_update_sides, sign=-1.0),
        },
        tolerance=1e-7,
    ),
    Claim(
        label="generator-update",
        equation=r"""\begin{aligned}
\varphi &\leftarrow \varphi + \frac{\eta}{m}\sum_{i=1}^m w_i\,\nabla_\varphi a_i, \\
a_i &= a_\theta\bigl(G_\varphi(z_i)\bigr), \\
w_i^{\mathrm{sat}} &= \sigma(a_i) = D_\theta\bigl(G_\varphi(z_i)\bigr), \\
w_i^{\mathrm{ns}} &= 1-\sigma(a_i)
\end{aligned}""",
        sides=generator_update_sides,
        source="Goodfellow et al. (2014), Algorithm 1 and the end of section 3",
        slips={
            "log D(z), without G": functools.partial(generator_update_sides, shown="z"),
            "ascending log(1 - D)": functools.partial(generator_update_sides, sign=-1.0),
            "the weights of the two losses swapped": functools.partial(generator_update_sides, swap=True),
        },
        tolerance=1e-7,
    ),
    Claim(
        label="loss-flat-near-balance",
        equation=r"\log 4 - \min_D L_D = \frac{\delta^2}{4} + O(\delta^4)",
        sides=flat_loss_sides,
        source="the chapter's own derivation",
        slips={
            "proportional to the error": functools.partial(flat_loss_sides, formula=lambda delta: delta / 4),
            "one Jensen-Shannon divergence instead of two": functools.partial(
                flat_loss_sides, formula=lambda delta: delta**2 / 8
            ),
        },
        tolerance=5e-3,
    ),
    Claim(
        label="linear-generator",
        equation=r"b + \Sigma^{1/2} z \sim \mathcal N(b, \Sigma)",
        sides=linear_generator_sides,
        source="the chapter's own derivation",
        slips={
            "the covariance instead of its root": functools.partial(linear_generator_sides, root=lambda c: c),
            "the standard deviations alone": functools.partial(
                linear_generator_sides, root=lambda c: np.diag(np.sqrt(np.diag(c)))
            ),
            "uniform noise of the same covariance": functools.partial(linear_generator_sides, noise="uniform"),
        },
        relation="~",
    ),
    Claim(
        label="linear-generator-kurtosis",
        equation=r"\kappa\Bigl(\sum_j w_j u_j\Bigr) = -\frac65\,\frac{\sum_j w_j^4}{\bigl(\sum_j w_j^2\bigr)^2}",
        sides=linear_kurtosis_sides,
        source="the chapter's own derivation",
        slips={
            "a linear map of noise is Gaussian": functools.partial(linear_kurtosis_sides, formula=lambda w: 0.0),
            "kurtosis of one uniform, whatever the weights": functools.partial(
                linear_kurtosis_sides, formula=lambda w: -1.2
            ),
        },
    ),
    Claim(
        label="uniform-sum-kurtosis",
        equation=r"\kappa(u_1 + \dots + u_n) = -\frac{6}{5n}",
        sides=uniform_sum_kurtosis_sides,
        source="the chapter's own derivation",
        slips={
            "the fifth lost": functools.partial(uniform_sum_kurtosis_sides, formula=lambda n: -6 / n),
            "kurtosis does not add up": functools.partial(uniform_sum_kurtosis_sides, formula=lambda n: -1.2),
        },
        tolerance=1e-9,
    ),
    Claim(
        label="linear-generator-support",
        equation=r"\max_{u\in[0,1]^n}\bigl\lvert x-\mathbb E\,x\bigr\rvert = \frac12\sum_{j=1}^n\lvert w_j\rvert",
        sides=support_sides,
        source="the chapter's own derivation",
        slips={
            "weights that cancel": functools.partial(support_sides, formula=lambda w: abs(w.sum()) / 2),
            "no bound": functools.partial(support_sides, formula=lambda w: np.inf),
        },
    ),
    Claim(
        label="inverse-cdf-generator",
        equation=r"\Phi^{-1}(u) \sim \mathcal N(0,1)",
        sides=functools.partial(exact_generator_sides, formula=lambda u, v: stats.norm.ppf(u)),
        source="the chapter's own derivation",
        slips={
            "the CDF instead of its inverse": functools.partial(
                exact_generator_sides, formula=lambda u, v: stats.norm.cdf(u)
            ),
            "standardised uniform": functools.partial(
                exact_generator_sides, formula=lambda u, v: np.sqrt(12) * (u - 0.5)
            ),
        },
        relation="~",
    ),
    Claim(
        label="box-muller",
        equation=r"\sqrt{-2\log u}\,\cos(2\pi v) \sim \mathcal N(0,1)",
        sides=functools.partial(exact_generator_sides, formula=box_muller),
        source="Box & Muller (1958)",
        slips={
            "the 2 under the root lost": functools.partial(
                exact_generator_sides, formula=functools.partial(box_muller, scale=1.0)
            ),
            "one number used for both": functools.partial(exact_generator_sides, formula=lambda u, v: box_muller(u, u)),
        },
        relation="~",
    ),
    Claim(
        label="generator-rank",
        equation=r"\operatorname{rank} \frac{\partial G_\varphi(z)}{\partial z} \le \dim z",
        sides=rank_sides,
        source="the chain rule; the chapter's own derivation",
        slips={"a wide network makes up for missing noise": functools.partial(rank_sides, filled=True)},
        relation="<=",
    ),
    Claim(
        label="mmd-of-gaussians",
        equation=r"""\begin{aligned}
\mathbb E\,\widehat{\mathrm{MMD}}{}^2 &= \frac{2h\,(1-e^{-q})}{\sqrt{h^2+2s^2}}, \\
q &= \frac{\delta^2}{2h^2+4s^2}
\end{aligned}""",
        sides=mmd_sides,
        source="Gretton et al. (2012), eq. (3); Gaussian integrals in the chapter",
        slips={
            "each point compared with itself": functools.partial(mmd_sides, with_diagonal=True),
            "the Gaussian integral off by a factor 2": functools.partial(mmd_sides, cross=2.0),
        },
    ),
    Claim(
        label="permutation-level",
        equation=r"""\begin{aligned}
\Pr\bigl(p &\le \alpha\bigr) \le \alpha, \\
p &= \frac{1+\#\{T_b \ge T\}}{1+B}
\end{aligned}""",
        sides=permutation_level_sides,
        source="Phipson & Smyth (2010)",
        slips={"without the 1": functools.partial(permutation_level_sides, plus_one=False)},
        relation="<=",
    ),
    Claim(
        label="ema-gain",
        equation=r"\frac{\lvert A\rvert}{r} = \frac{1-\beta}{\sqrt{1-2\beta\cos\omega+\beta^2}}",
        sides=ema_sides,
        source="the chapter's own derivation",
        slips={
            "an average circles as widely": functools.partial(ema_sides, formula=lambda beta, omega: 1.0),
            "1 - beta, whatever the frequency": functools.partial(ema_sides, formula=lambda beta, omega: 1 - beta),
        },
        tolerance=1e-9,
    ),
    Claim(
        label="gaussian-on-the-line",
        equation=r"\sup_x \bigl\lvert F_{\bar G}(x) - F_{\mathrm{data}}(x) \bigr\rvert \le 0.03",
        sides=line_sides,
        source="this chapter's experiment, one seed",
        slips={"log D(z) without G, so that G never moves": functools.partial(line_sides, n_rounds=0)},
        relation="<=",
        tolerance=2e-3,
    ),
    Claim(
        label="gaussian-in-the-plane",
        equation=r"""\begin{aligned}
\lVert \mathbb E\,\bar G(u) - \mu \rVert &\le 0.08, \\
\lVert \operatorname{Cov} \bar G(u) - \Sigma \rVert &\le 0.3
\end{aligned}""",
        sides=plane_sides,
        source="this chapter's experiment, one seed; root mean square over the last 1000 rounds",
        slips={"the raw generator instead of its average": functools.partial(plane_sides, generator="raw")},
        relation="<=",
        tolerance=0.01,
    ),
)

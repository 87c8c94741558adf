"""Claims of the chapter on what goes wrong: games with two numbers, vanishing gradients, transport, lost modes."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch
from scipy import stats
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from torch import Tensor, nn

from lectures_pkg.claims import Claim, Side, estimate
from lectures_pkg.divergences import (
    gaussian_wasserstein2_squared,
    integrate,
    jensen_shannon_divergence,
    kl_divergence,
    lipschitz_critic,
    optimal_transport,
    wasserstein_1d,
)
from lectures_pkg.experiments import stored
from lectures_pkg.gan import discriminator_loss, frozen, generator_loss, gradient_penalty
from lectures_pkg.gan_dynamics import bilinear_spectral_radius, dirac_gan_jacobian, dirac_gan_trajectory
from lectures_pkg.metrics import mode_report
from lectures_pkg.networks import mlp
from lectures_pkg.training import EMA, fit, seeded
from lectures_pkg.worlds import grid, ring

Array = np.ndarray
Pair = tuple[Side, Side]

# the bilinear game ----------------------------------------------------------------------------------------------


def _start(rng: np.random.Generator) -> tuple[float, float]:
    angle = rng.uniform(0.2, 1.3)
    return 1.5 * np.cos(angle), 1.5 * np.sin(angle)


def growth_sides(
    rng: np.random.Generator, factor: Callable[[float], float] = lambda eta: 1 + eta**2, scheme: str = "simultaneous"
) -> Pair:
    """Squared radius after each of ten rounds, divided by the one before."""
    left, right = [], []
    for eta in rng.uniform(0.05, 0.6, size=4):
        x, y = dirac_gan_trajectory("wasserstein", eta, 10, _start(rng), scheme=scheme)
        squared = x**2 + y**2
        left += list(squared[1:] / squared[:-1])
        right += [factor(eta)] * 10
    return np.array(left), np.array(right)


def orbit_sides(rng: np.random.Generator, mixed: float = -1.0, scheme: str = "alternating") -> Pair:
    """The quadratic form after each of fifty rounds, and at the start."""
    left, right = [], []
    for eta in rng.uniform(0.2, 1.8, size=4):
        x, y = dirac_gan_trajectory("wasserstein", eta, 50, _start(rng), scheme=scheme)
        form = x**2 + mixed * eta * x * y + y**2
        left += list(form[1:])
        right += [form[0]] * 50
    return np.array(left), np.array(right)


def orbit_bound_sides(
    rng: np.random.Generator,
    bound: Callable[[float], float] = lambda eta: (2 + eta) / (2 - eta),
    scheme: str = "alternating",
) -> Pair:
    """Largest squared radius over a hundred rounds, relative to the one at the start, over many starts."""
    left, right = [], []
    for eta in (*rng.uniform(0.1, 1.5, size=2), 1.0):
        farthest = 0.0
        for angle in np.linspace(0, np.pi, 21):
            x, y = dirac_gan_trajectory("wasserstein", eta, 100, (np.cos(angle), np.sin(angle)), scheme=scheme)
            farthest = max(farthest, (x**2 + y**2).max())
        left.append(farthest)
        right.append(bound(eta))
    return np.array(left), np.array(right)


def average_sides(rng: np.random.Generator, power: float = 1.0, scheme: str = "alternating") -> Pair:
    """Averages of an orbit against its two ends alone."""
    left, right = [], []
    for n in (10, 200, 1000):
        eta = rng.uniform(0.1, 0.8)
        x, y = dirac_gan_trajectory("wasserstein", eta, n, _start(rng), scheme=scheme)
        left += [x[1:].mean(), y[:-1].mean()]
        right += [(y[-1] - y[0]) / (eta**power * n), (x[0] - x[-1]) / (eta**power * n)]
    return np.array(left), np.array(right)


def shrunk_ellipse(eta: float, decay: float) -> float:
    return (1 - decay) ** 2 / ((1 - decay) ** 2 + decay * eta**2)


def average_shrinks_sides(rng: np.random.Generator, factor: Callable[[float, float], float] = shrunk_ellipse) -> Pair:
    """The form that rounds keep, for an orbit's running average (by `EMA` itself), relative to the orbit's own."""
    left, right = [], []
    for decay in (0.8, 0.9, 0.97):
        eta = rng.uniform(0.1, 1.0)
        orbit = np.column_stack(
            dirac_gan_trajectory("wasserstein", eta, int(36 / (1 - decay)), _start(rng), scheme="alternating")
        )
        holder = nn.ParameterList([torch.as_tensor(orbit[0])])
        average = EMA(holder, decay)
        for point in orbit[1:]:
            with torch.no_grad():
                holder[0].copy_(torch.as_tensor(point))
            average.update(holder)
        ends = np.array([average.module[0].numpy(), orbit[-1]])  # type: ignore[index]
        of_average, of_orbit = (ends**2).sum(axis=1) - eta * ends.prod(axis=1)
        left.append(of_average / of_orbit)
        right.append(factor(eta, decay))
    return np.array(left), np.array(right)


def extragradient_sides(
    rng: np.random.Generator, factor: Callable[[float], float] = lambda eta: np.sqrt(1 - eta**2 + eta**4)
) -> Pair:
    """Spectral radius, and the stretch of every single round (the map is a rotation times a number)."""
    left, right = [], []
    for eta in rng.uniform(0.1, 0.9, size=4):
        x, y = dirac_gan_trajectory("wasserstein", eta, 10, _start(rng), scheme="extragradient")
        radius = np.hypot(x, y)
        left += [bilinear_spectral_radius(eta, "extragradient"), *(radius[1:] / radius[:-1])]
        right += [factor(eta)] * 11
    return np.array(left), np.array(right)


# the Dirac-GAN --------------------------------------------------------------------------------------------------


def _eigenvalues(matrix: Array) -> Array:
    """Real and imaginary parts, sorted: four numbers."""
    values = np.sort_complex(np.linalg.eigvals(matrix).astype(complex))
    return np.concatenate([values.real, values.imag])


def _pair_of(centre: complex, half_gap: complex) -> Array:
    values = np.sort_complex(np.array([centre - half_gap, centre + half_gap], dtype=complex))
    return np.concatenate([values.real, values.imag])


def _losses_jacobian(kind: str, penalty: Callable[[Tensor], Tensor] = lambda psi: 0 * psi) -> Array:
    """Jacobian of the field at (0, 0) from the package's *losses*, by autograd twice; the logit of real is -psi x."""

    def field(position: Tensor) -> Tensor:
        theta, psi = position
        zero = torch.zeros(1, dtype=torch.float64)
        real, fake = -psi * zero, (-psi * theta)[None]
        losses = generator_loss(fake, kind), discriminator_loss(real, fake) + penalty(psi)
        slopes = [torch.autograd.grad(loss, position, create_graph=True)[0][i] for i, loss in enumerate(losses)]
        return -torch.stack(slopes)

    origin = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    return torch.autograd.functional.jacobian(field, origin).numpy()


def eigenvalue_sides(rng: np.random.Generator, half_gap: complex = 0.5j) -> Pair:
    """Both logistic losses; from the field by a complex step, and from the losses of `lectures_pkg.gan` by autograd."""
    matrices = [dirac_gan_jacobian("standard"), dirac_gan_jacobian("non_saturating")]
    matrices += [_losses_jacobian("saturating"), _losses_jacobian("non_saturating")]
    return np.array([_eigenvalues(m) for m in matrices]), np.array([_pair_of(0, half_gap)] * 4)


def r1_eigenvalues(gamma: float) -> Array:
    return _pair_of(-gamma / 2, np.sqrt(complex(gamma**2 / 4 - 1 / 4)))


def r1_sides(rng: np.random.Generator, formula: Callable[[float], Array] = r1_eigenvalues) -> Pair:
    gammas = (*rng.uniform(0.1, 0.8, size=3), *rng.uniform(1.2, 3, size=2))
    left = [_eigenvalues(dirac_gan_jacobian("r1", gamma)) for gamma in gammas]
    left += [_eigenvalues(_losses_jacobian("saturating", lambda psi, g=g: g / 2 * psi**2)) for g in gammas]  # type: ignore[misc]
    return np.array(left), np.array([formula(gamma) for gamma in gammas] * 2)


def consensus_sides(
    rng: np.random.Generator, formula: Callable[[float], Array] = lambda gamma: _pair_of(-gamma / 4, 0.5j)
) -> Pair:
    gammas = rng.uniform(0.1, 3, size=5)
    return (
        np.array([_eigenvalues(dirac_gan_jacobian("consensus", gamma)) for gamma in gammas]),
        np.array([formula(gamma) for gamma in gammas]),
    )


def r1_arrives_sides(rng: np.random.Generator, method: str = "r1") -> Pair:
    theta, psi = dirac_gan_trajectory(method, 0.1, 3000, _start(rng), gamma=0.3)
    return np.hypot(theta[-1], psi[-1]), 1e-3


def rest_circle_sides(rng: np.random.Generator, squared_radius: Callable[[float], float] = lambda eta: 2 * eta) -> Pair:
    """Squared radius in units of the step size, after times of 400 and more."""
    etas = (0.05, 0.1)
    left = []
    for eta in etas:
        theta, psi = dirac_gan_trajectory("non_saturating", eta, int(600 / eta), (0.6, 0.2))
        last = int(2 * np.pi / (0.5 * eta))  # one turn
        left.append((theta**2 + psi**2)[-last:].mean() / eta)
    return np.array(left), np.array([squared_radius(eta) / eta for eta in etas])


def slow_decay_sides(rng: np.random.Generator, constant: float = 8.0, method: str = "non_saturating") -> Pair:
    """t r^2 at the flow's time t = 750, averaged over a turn (alternating steps follow the flow closely)."""
    theta, psi = dirac_gan_trajectory(method, 0.05, 15_000, _start(rng), scheme="alternating")
    time = 0.05 * np.arange(theta.size)
    return float((time * (theta**2 + psi**2))[-250:].mean()), constant


def gp_cycle(gamma: float) -> float:
    shrink = np.exp(-np.pi * gamma / np.sqrt(4 - gamma**2))
    return gamma * (1 + shrink) / (1 - shrink)


def gp_cycle_sides(rng: np.random.Generator, formula: Callable[[float], float] = gp_cycle) -> Pair:
    """Largest theta in the last turns, extrapolated to steps of size zero."""
    gammas = (0.3, 1.0)
    left = []
    for gamma in gammas:
        reach = []
        for eta in (0.02, 0.01):
            theta, _ = dirac_gan_trajectory("wgan_gp", eta, int(60 / eta), _start(rng), gamma=gamma)
            reach.append(np.abs(theta[-int(10 / eta) :]).max())
        left.append(2 * reach[1] - reach[0])
    return np.array(left), np.array([formula(gamma) for gamma in gammas])


# vanishing gradients --------------------------------------------------------------------------------------------


def _shift_gradient(delta: float, kind: str) -> float:
    """Slope of the generator's loss in its shift, at 20 000 quantiles of N(delta, 1), before the best D for N(0, 1)."""
    z = torch.as_tensor(stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000))
    shift = torch.tensor(delta, dtype=torch.float64, requires_grad=True)
    logits = delta**2 / 2 - delta * (z + shift)  # log p_data - log p_G
    (slope,) = torch.autograd.grad(generator_loss(logits, kind), shift)
    return slope.item()


def best_critic_sides(rng: np.random.Generator, share: Callable[[float], float] | None = None) -> Pair:
    """Pulls of both losses; on the right the share of fakes' mass that D* takes for real, by quadrature."""

    def taken_for_real(delta: float) -> float:
        p, q = stats.norm.pdf, stats.norm(delta, 1).pdf
        return integrate(lambda x: p(x) * q(x) / (p(x) + q(x)), -12.0, 12.0 + delta)

    share = share or taken_for_real
    left, right = [], []
    for delta in (*rng.uniform(0.5, 5, size=3), 6.0):
        left += [_shift_gradient(delta, "saturating"), _shift_gradient(delta, "non_saturating")]
        right += [delta * share(delta), delta * (1 - share(delta))]
    return np.array(left), np.array(right)


def vanishing_sides(
    rng: np.random.Generator,
    bound: Callable[[float], float] = lambda delta: delta / 2 * np.exp(-(delta**2) / 8),
    kind: str = "saturating",
) -> Pair:
    deltas = (*rng.uniform(1, 5, size=3), 6.0)
    return np.array([_shift_gradient(d, kind) for d in deltas]), np.array([bound(d) for d in deltas])


@functools.cache
def _pulls_while_d_trains(seed: int) -> dict[str, tuple[float, float]]:
    """Norms of the generator's gradient before D has learned and after 600 steps; the generator stands still."""
    with seeded(seed):
        generator, critic = (mlp(sizes, lambda: nn.LeakyReLU(0.2)) for sizes in ((2, 32, 2), (2, 32, 32, 1)))
        data = torch.as_tensor(ring().sample(128, np.random.default_rng(seed)), dtype=torch.float32) + 4.0
        noise = torch.randn(128, 2)
        optimiser = torch.optim.Adam(critic.parameters(), lr=1e-2)

        def norm(kind: str) -> float:
            slopes = torch.autograd.grad(generator_loss(critic(generator(noise)), kind), list(generator.parameters()))
            return torch.cat([slope.flatten() for slope in slopes]).norm().item()

        def step(batch: Tensor) -> dict[str, float]:
            with frozen(generator):
                loss = discriminator_loss(critic(batch), critic(generator(noise)))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            return {"loss": loss.item()}

        before = {kind: norm(kind) for kind in ("saturating", "non_saturating")}
        fit(step, iter([data] * 600), 600)
        return {kind: (before[kind], norm(kind)) for kind in before}


def trained_critic_sides(rng: np.random.Generator, swap: bool = False) -> Pair:
    pulls = _pulls_while_d_trains(int(rng.integers(2**31)))
    first, second = ("non_saturating", "saturating") if swap else ("saturating", "non_saturating")
    return np.array([pulls[first][1] / pulls[first][0], pulls[second][0] / pulls[second][1]]), np.array([1 / 50, 1.0])


# distances that see how far -------------------------------------------------------------------------------------


def parallel_lines_sides(
    rng: np.random.Generator,
    jsd: Callable[[float], float] = lambda t: np.log(2),
    w1: Callable[[float], float] = np.abs,
) -> Pair:
    """Two columns of twelve points, a distance theta apart: laws on all 24 points, and the linear programme."""
    heights = np.sort(rng.random(12))
    weights = rng.dirichlet(np.ones(12))
    nothing = np.zeros(12)
    left, right = [], []
    for theta in (*rng.uniform(-1.5, 1.5, size=3), 1e-3):
        at_zero, at_theta = (np.column_stack([np.full(12, place), heights]) for place in (0.0, theta))
        left += [
            jensen_shannon_divergence(np.r_[weights, nothing], np.r_[nothing, weights]),
            optimal_transport(cdist(at_zero, at_theta), weights, weights).cost,
        ]
        right += [jsd(theta), w1(theta)]
    return np.array(left), np.array(right)


def _quantile_gap(x: Array, y: Array) -> float:
    """Integral of |F^-1 - G^-1| for two samples of any sizes: both are constant between the levels i/n and j/m."""
    levels = np.unique(np.r_[np.arange(1, len(x)) / len(x), np.arange(1, len(y)) / len(y), 0.0, 1.0])
    middle = (levels[1:] + levels[:-1]) / 2
    values = [np.sort(s)[np.floor(middle * len(s)).astype(int)] for s in (x, y)]
    return float(np.diff(levels) @ np.abs(values[0] - values[1]))


def line_transport_sides(rng: np.random.Generator, power: int = 1, signed: bool = False) -> Pair:
    """Two samples of unequal sizes (package against quantiles), and two Gaussians (quadrature of both integrals)."""
    x, y = rng.normal(0, 1, size=7), rng.normal(0.5, 2, size=11)
    law, other = stats.norm(0, 1), stats.norm(rng.uniform(0.2, 1), 2)
    size = (lambda t: t) if signed else np.abs
    left = [wasserstein_1d(x, y), integrate(lambda t: size(law.cdf(t) - other.cdf(t)) ** power, -30.0, 30.0)]
    if power != 1 or signed:  # the slip is about the samples, too
        points = np.sort(np.r_[x, y])
        gap = [np.mean(x <= t) - np.mean(y <= t) for t in points[:-1]]
        left[0] = float(size(np.array(gap)) ** power @ np.diff(points))
    quantiles = integrate(lambda u: np.abs(law.ppf(u) - other.ppf(u)), 1e-13, 1 - 1e-13)
    return np.array(left), np.array([_quantile_gap(x, y), quantiles])


def shift_sides(rng: np.random.Generator, distance: Callable[[float, float], float] = lambda c, std: abs(c)) -> Pair:
    """Two Gaussians of one variance, by both integrals; a sample and its shift, by sorting and by a programme."""
    left, right = [], []
    for c in (rng.uniform(-2, -0.5), rng.uniform(0.2, 0.6)):
        std = rng.uniform(0.3, 0.7)
        law, other = stats.norm(0, std), stats.norm(c, std)
        x = rng.normal(0, std, size=9)
        equal = np.full(9, 1 / 9)
        left += [
            integrate(lambda t, p=law, q=other: np.abs(p.cdf(t) - q.cdf(t)), -12.0, 12.0),  # type: ignore[misc]
            integrate(lambda u, p=law, q=other: np.abs(p.ppf(u) - q.ppf(u)), 1e-13, 1 - 1e-13),  # type: ignore[misc]
            wasserstein_1d(x, x + c),
            optimal_transport(cdist(x[:, None], x[:, None] + c), equal, equal).cost,
        ]
        right += [distance(c, std)] * 4
    return np.array(left), np.array(right)


def duality_sides(rng: np.random.Generator, slope: float = 1.0) -> Pair:
    """Eight points of each law in the plane: the cheapest plan, and the best critic of slope one."""
    left, right = [], []
    for _ in range(3):
        x, y = rng.normal(size=(2, 8, 2))
        p, q = rng.dirichlet(np.ones(8), size=2)
        left.append(optimal_transport(cdist(x, y), p, q).cost)
        points = np.concatenate([x, y]) * slope  # a critic of slope s on x is one of slope 1 on s x
        right.append(lipschitz_critic(points, np.r_[p, np.zeros(8)], np.r_[np.zeros(8), q]).value)
    return np.array(left), np.array(right)


def gaussian_w2_sides(rng: np.random.Generator, cross: str = "root") -> Pair:
    """The package against the cost of the linear map that carries one Gaussian onto the other; and by quantiles."""
    left, right = [], []
    for _ in range(3):
        (m, n), factors = rng.normal(size=(2, 3)), rng.normal(size=(2, 3, 3)) + np.eye(3)
        s, t = factors @ factors.transpose(0, 2, 1)
        root = np.real(sqrtm(s))
        inverse = np.linalg.inv(root)
        stretch = inverse @ np.real(sqrtm(root @ t @ root)) @ inverse  # symmetric; stretch s stretch = t
        move = stretch - np.eye(3)
        value = gaussian_wasserstein2_squared(m, s, n, t)
        if cross == "no root":
            value = float((m - n) @ (m - n) + np.trace(s + t - 2 * root @ t @ root))
        if cross == "none":
            value = float((m - n) @ (m - n) + np.trace(s + t))
        left.append(value)
        right.append((m - n) @ (m - n) + np.trace(move @ s @ move))
    u = lambda x: stats.norm.ppf(x)  # noqa: E731
    left.append(gaussian_wasserstein2_squared(1.0, 4.0, -0.5, 0.25))
    right.append(integrate(lambda x: (1.5 + 1.5 * u(x)) ** 2, 1e-13, 1 - 1e-13))
    return np.array(left), np.array(right)


def slope_one_sides(rng: np.random.Generator, slope: float = -1.0) -> Pair:
    """Data to the left of the fakes: a linear critic as a network, its Wasserstein loss and its gradient penalty."""
    x, y = rng.normal(-2, 0.5, size=60), rng.normal(3, 0.8, size=60)
    y = y - min(0.0, y.min() - x.max() - 0.1)  # no overlap
    critic = nn.Linear(1, 1).double()
    with torch.no_grad():
        critic.weight.fill_(slope)
    real, fake = torch.as_tensor(x)[:, None], torch.as_tensor(y)[:, None]
    value = -discriminator_loss(critic(real), critic(fake), "wasserstein").item()
    penalty = gradient_penalty(critic, real, fake, 1.0, torch.Generator().manual_seed(0)).item()
    return np.array([value, penalty]), np.array([wasserstein_1d(x, y), 0.0])


# lost modes -----------------------------------------------------------------------------------------------------


def jsd_of_lost_modes(share: float) -> float:
    a = share
    return 0.5 * (a * np.log(2 * a / (1 + a)) + (1 - a) * np.log(2) + np.log(2 / (1 + a)))


def lost_modes_sides(rng: np.random.Generator, formula: Callable[[float], float] = jsd_of_lost_modes) -> Pair:
    left, right = [], []
    for n_modes in (8, 25):
        for kept in range(1, n_modes + 1):
            found = np.zeros(n_modes)
            found[rng.choice(n_modes, size=kept, replace=False)] = 1 / kept
            left.append(jensen_shannon_divergence(np.full(n_modes, 1 / n_modes), found))
            right.append(formula(kept / n_modes))
    return np.array(left), np.array(right)


def two_kls_sides(
    rng: np.random.Generator,
    reverse: Callable[[int, int], float] = lambda n_modes, kept: np.log(n_modes / kept),
    forward: float = np.inf,
) -> Pair:
    left, right = [], []
    for n_modes, kept in ((8, 1), (8, 5), (25, 3)):
        found = np.zeros(n_modes)
        found[rng.choice(n_modes, size=kept, replace=False)] = 1 / kept
        uniform = np.full(n_modes, 1 / n_modes)
        left += [kl_divergence(found, uniform), kl_divergence(uniform, found)]
        right += [reverse(n_modes, kept), forward]
    return np.array(left), np.array(right)


def quality_sides(rng: np.random.Generator, share: float = 1 - np.exp(-9 / 2)) -> Pair:
    law = grid()
    reports = [mode_report(law.sample(500, rng), law.means, 0.05).high_quality for _ in range(400)]
    return estimate(reports), share


def null_kl_sides(rng: np.random.Generator, bias: Callable[[int, int], float] = lambda k, n: (k - 1) / (2 * n)) -> Pair:
    """Average reverse KL of perfect draws, in units of 1/n (the next term is of order 1/n^2)."""
    law, n = ring(), 500
    found = [mode_report(law.sample(n, rng), law.means, 1.0).reverse_kl * n for _ in range(2000)]
    return estimate(found), bias(8, n) * n


def ring_balance_sides(rng: np.random.Generator, recipe: str = "r1", who: str = "average") -> Pair:
    """Stored runs, seed by seed (same start, same data): reverse KL with a penalty, and half of it without."""
    runs = list(stored("gan_stability")["seeds"].values())
    left, right = ([run[f"ring_{name}_{who}_reverse_kl"] for run in runs] for name in (recipe, "non_saturating"))
    return np.array(left), np.array(right) / 2


CLAIMS = (
    Claim(
        label="simultaneous-growth",
        equation=r"""x_{t+1}^2 + y_{t+1}^2 = (1 + \eta^2)\,(x_t^2 + y_t^2)""",
        sides=growth_sides,
        source="Mescheder et al. (2018), section 2; the chapter's own derivation",
        slips={
            "the radius is conserved": functools.partial(growth_sides, factor=lambda eta: 1.0),
            "the factor of the radius for that of its square": functools.partial(
                growth_sides, factor=lambda eta: np.sqrt(1 + eta**2)
            ),
            "the update sees the new x, which is the alternating scheme": functools.partial(
                growth_sides, scheme="alternating"
            ),
        },
    ),
    Claim(
        label="alternating-orbit",
        equation=r"""\begin{aligned}
& x_{t+1}^2 - \eta\,x_{t+1}\,y_{t+1} + y_{t+1}^2 \\
&\quad = x_t^2 - \eta\,x_t\,y_t + y_t^2
\end{aligned}""",
        sides=orbit_sides,
        source="the chapter's own derivation",
        slips={
            "the radius is conserved": functools.partial(orbit_sides, mixed=0.0),
            "the mixed term with a plus, as when y moves first": functools.partial(orbit_sides, mixed=1.0),
            "simultaneous steps": functools.partial(orbit_sides, scheme="simultaneous"),
        },
        tolerance=1e-11,
    ),
    Claim(
        label="alternating-bounded",
        equation=r"""x_t^2 + y_t^2 \le \frac{2 + \eta}{2 - \eta}\,(x_0^2 + y_0^2)""",
        sides=orbit_bound_sides,
        source="the chapter's own derivation",
        relation="<=",
        slips={
            "never outside the first circle": functools.partial(orbit_bound_sides, bound=lambda eta: 1.0),
            "simultaneous steps": functools.partial(orbit_bound_sides, scheme="simultaneous"),
        },
    ),
    Claim(
        label="orbit-average",
        equation=r"""\begin{aligned}
\frac1n \sum_{t=1}^{n} x_t &= \frac{y_n - y_0}{\eta\,n}, \\
\frac1n \sum_{t=0}^{n-1} y_t &= \frac{x_0 - x_n}{\eta\,n}
\end{aligned}""",
        sides=average_sides,
        source="the chapter's own derivation",
        slips={
            "without the step size": functools.partial(average_sides, power=0.0),
            "simultaneous steps": functools.partial(average_sides, scheme="simultaneous"),
        },
        tolerance=1e-11,
    ),
    Claim(
        label="average-shrinks",
        equation=r"""\frac{Q(\bar x_t, \bar y_t)}{Q(x_t, y_t)}
\to \frac{(1 - \beta)^2}{(1 - \beta)^2 + \beta\,\eta^2}""",
        sides=average_shrinks_sides,
        source="the chapter's own derivation",
        slips={
            "the average arrives, whatever its memory": functools.partial(
                average_shrinks_sides, factor=lambda eta, decay: 0.0
            ),
            "as if rounds were independent draws": functools.partial(
                average_shrinks_sides, factor=lambda eta, decay: (1 - decay) / (1 + decay)
            ),
            "the weight of a single round": functools.partial(
                average_shrinks_sides, factor=lambda eta, decay: (1 - decay) ** 2
            ),
        },
        tolerance=1e-10,
    ),
    Claim(
        label="extragradient-factor",
        equation=r"""\rho_{\text{extragradient}} = \sqrt{1 - \eta^2 + \eta^4}""",
        sides=extragradient_sides,
        source="Korpelevich (1976); the chapter's own derivation",
        slips={
            "the factor of plain simultaneous steps": functools.partial(
                extragradient_sides, factor=lambda eta: np.sqrt(1 + eta**2)
            ),
            "the last term lost": functools.partial(extragradient_sides, factor=lambda eta: np.sqrt(1 - eta**2)),
        },
    ),
    Claim(
        label="dirac-eigenvalues",
        equation=r"""\lambda_{1,2} = \pm\,i\,f'(0) = \pm\tfrac12\,i""",
        sides=eigenvalue_sides,
        source="Mescheder et al. (2018), section 2",
        slips={
            "f'(0) = 1, as for the Wasserstein GAN": functools.partial(eigenvalue_sides, half_gap=1j),
            "real eigenvalues": functools.partial(eigenvalue_sides, half_gap=0.5),
        },
        tolerance=1e-10,
    ),
    Claim(
        label="dirac-r1",
        equation=r"""\lambda_{1,2} = -\frac\gamma2 \pm \sqrt{\frac{\gamma^2}{4} - \frac14}""",
        sides=r1_sides,
        source="Mescheder et al. (2018), section 3, with f'(0) = 1/2",
        slips={
            "without the penalty": functools.partial(r1_sides, formula=lambda gamma: _pair_of(0, 0.5j)),
            "the penalty without its half": functools.partial(r1_sides, formula=lambda g: r1_eigenvalues(2 * g)),
            "f'(0) = 1": functools.partial(
                r1_sides, formula=lambda g: _pair_of(-g / 2, np.sqrt(complex(g**2 / 4 - 1)))
            ),
        },
        tolerance=1e-10,
    ),
    Claim(
        label="r1-arrives",
        equation=r"""\sqrt{\theta_{3000}^2 + \psi_{3000}^2} < 10^{-3}""",
        sides=r1_arrives_sides,
        source="the chapter's own measurement; Mescheder et al. (2018), section 4, for the theorem",
        relation="<=",
        slips={
            "without the penalty": functools.partial(r1_arrives_sides, method="standard"),
            "the non-saturating loss alone": functools.partial(r1_arrives_sides, method="non_saturating"),
            "the gradient penalty of WGAN-GP": functools.partial(r1_arrives_sides, method="wgan_gp"),
        },
    ),
    Claim(
        label="dirac-consensus",
        equation=r"""\lambda_{1,2} = -\frac\gamma4 \pm \frac i2""",
        sides=consensus_sides,
        source="Mescheder et al. (2018), appendix on consensus optimisation, with f'(0) = 1/2",
        slips={
            "damped as much as by R1": functools.partial(
                consensus_sides, formula=lambda gamma: _pair_of(-gamma / 2, 0.5j)
            ),
            "it changes the frequency as R1 does": functools.partial(
                consensus_sides, formula=lambda gamma: _pair_of(-gamma / 4, np.sqrt(complex(gamma**2 / 16 - 1 / 4)))
            ),
        },
        tolerance=1e-10,
    ),
    Claim(
        label="non-saturating-decay",
        equation=r"""t\,\bigl(\theta(t)^2 + \psi(t)^2\bigr) \to 8""",
        sides=slow_decay_sides,
        source="the chapter's own derivation",
        slips={
            "it circles like the saturating loss": functools.partial(slow_decay_sides, method="standard"),
            "the average of sin^2 forgotten": functools.partial(slow_decay_sides, constant=4.0),
        },
        tolerance=0.25,
    ),
    Claim(
        label="non-saturating-circle",
        equation=r"""\theta_t^2 + \psi_t^2 \to 2\,\eta + O(\eta^2)""",
        sides=rest_circle_sides,
        source="the chapter's own derivation",
        slips={
            "the radius, not its square": functools.partial(rest_circle_sides, squared_radius=lambda eta: 4 * eta**2),
            "it reaches the solution": functools.partial(rest_circle_sides, squared_radius=lambda eta: 0.0),
            "f'(0) = 1 in the gain": functools.partial(rest_circle_sides, squared_radius=lambda eta: 8 * eta),
        },
        tolerance=0.1,
    ),
    Claim(
        label="wgan-gp-cycle",
        equation=r"""\begin{aligned}
\lvert\theta\rvert_{\max} &= \gamma\,\frac{1 + \rho}{1 - \rho}, \\
\rho &= e^{-\pi\gamma/\sqrt{4 - \gamma^2}}
\end{aligned}""",
        sides=gp_cycle_sides,
        source="the chapter's own derivation; that it does not converge: Mescheder et al. (2018), section 3",
        slips={
            "it converges": functools.partial(gp_cycle_sides, formula=lambda gamma: 0.0),
            "a whole turn between two crossings": functools.partial(
                gp_cycle_sides,
                formula=lambda g: g / np.tanh(np.pi * g / np.sqrt(4 - g**2)),
            ),
            "the slope one that the penalty asks for": functools.partial(gp_cycle_sides, formula=lambda gamma: 1.0),
        },
        tolerance=2e-2,
    ),
    Claim(
        label="gradient-shares",
        equation=r"""\begin{aligned}
\frac{dL_G^{\mathrm{sat}}}{db} &= \delta\;\mathbb E_{x\sim p_G} D^*(x), \\
\frac{dL_G^{\mathrm{ns}}}{db} &= \delta\,\bigl(1 - \mathbb E_{x\sim p_G} D^*(x)\bigr)
\end{aligned}""",
        sides=best_critic_sides,
        source="the chapter's own derivation",
        slips={
            "half of the pull each": functools.partial(best_critic_sides, share=lambda delta: 0.5),
            "D at the mean for the mean of D": functools.partial(
                best_critic_sides, share=lambda delta: 1 / (1 + np.exp(delta**2 / 2))
            ),
        },
        tolerance=1e-3,
    ),
    Claim(
        label="saturating-vanishes",
        equation=r"""\frac{dL_G^{\mathrm{sat}}}{db} \le \frac\delta2\,e^{-\delta^2/8}""",
        sides=vanishing_sides,
        source="the chapter's own derivation; Arjovsky & Bottou (2017), Theorem 2.4 for the statement",
        relation="<=",
        slips={
            "the non-saturating loss vanishes, too": functools.partial(vanishing_sides, kind="non_saturating"),
            "the exponent of the density ratio": functools.partial(
                vanishing_sides, bound=lambda delta: delta / 2 * np.exp(-(delta**2) / 2)
            ),
        },
        tolerance=1e-6,
    ),
    Claim(
        label="pulls-while-d-trains",
        equation=r"""\begin{aligned}
\lVert\nabla L_G^{\mathrm{sat}}\rVert_{600} &\le \tfrac1{50}\,\lVert\nabla L_G^{\mathrm{sat}}\rVert_0, \\
\lVert\nabla L_G^{\mathrm{ns}}\rVert_0 &\le \lVert\nabla L_G^{\mathrm{ns}}\rVert_{600}
\end{aligned}""",
        sides=trained_critic_sides,
        source="Arjovsky & Bottou (2017), Figure 2, in small",
        relation="<=",
        slips={"the two losses swapped": functools.partial(trained_critic_sides, swap=True)},
    ),
    Claim(
        label="parallel-lines",
        equation=r"""\begin{aligned}
\mathrm{JSD}(p_0 \Vert p_\theta) &= \log 2 \quad (\theta \ne 0), \\
W_1(p_0, p_\theta) &= \lvert\theta\rvert
\end{aligned}""",
        sides=parallel_lines_sides,
        source="Arjovsky et al. (2017), Example 1",
        slips={
            "JSD shrinks with theta": functools.partial(
                parallel_lines_sides, jsd=lambda t: np.log(2) * min(1.0, abs(t))
            ),
            "the square of the distance": functools.partial(parallel_lines_sides, w1=np.square),
            "W saturates at one": functools.partial(parallel_lines_sides, w1=lambda t: 1.0),
        },
        tolerance=1e-9,
    ),
    Claim(
        label="w1-on-the-line",
        equation=r"""\begin{aligned}
W_1 &= \int_{-\infty}^{\infty} \lvert F(x) - G(x)\rvert\,dx \\
&= \int_0^1 \lvert F^{-1}(u) - G^{-1}(u)\rvert\,du
\end{aligned}""",
        sides=line_transport_sides,
        source="Villani (2003), Remark 2.19; Peyré & Cuturi (2019), section 2.6",
        slips={
            "the square under the integral (Cramér's distance)": functools.partial(line_transport_sides, power=2),
            "without the absolute value": functools.partial(line_transport_sides, signed=True),
        },
        tolerance=1e-7,
    ),
    Claim(
        label="w1-of-a-shift",
        equation=r"""W_1\bigl(p,\ p(\cdot - c)\bigr) = \lvert c\rvert""",
        sides=shift_sides,
        source="the chapter's own derivation",
        slips={
            "the square of the shift, which is the cost of squared distances": functools.partial(
                shift_sides, distance=lambda c, std: c**2
            ),
            "in units of the standard deviation": functools.partial(shift_sides, distance=lambda c, std: abs(c) / std),
            "with its sign": functools.partial(shift_sides, distance=lambda c, std: c),
        },
        tolerance=1e-7,
    ),
    Claim(
        label="kantorovich-duality",
        equation=r"""\begin{aligned}
W_1(p, q) &= \min_{\pi\in\Pi(p, q)} \mathbb E_\pi \lVert x - y\rVert \\
&= \max_{\lVert f\rVert_L \le 1} \bigl( \mathbb E_p f - \mathbb E_q f \bigr)
\end{aligned}""",
        sides=duality_sides,
        source="Kantorovich & Rubinstein (1958); Arjovsky et al. (2017), eq. (2)",
        slips={
            "a critic of slope two": functools.partial(duality_sides, slope=2.0),
            "a critic of slope one half": functools.partial(duality_sides, slope=0.5),
        },
        tolerance=1e-8,
    ),
    Claim(
        label="critic-slope-one",
        equation=r"""\begin{aligned}
\mathbb E_{p_d} f - \mathbb E_{p_G} f &= W_1(p_d, p_G), \\
\mathbb E_u\bigl(\lvert f'(u)\rvert - 1\bigr)^2 &= 0
\end{aligned}""",
        sides=slope_one_sides,
        source="Gulrajani et al. (2017), Proposition 1, on the line",
        slips={
            "half the slope": functools.partial(slope_one_sides, slope=-0.5),
            "twice the slope": functools.partial(slope_one_sides, slope=-2.0),
            "uphill towards the fakes": functools.partial(slope_one_sides, slope=1.0),
        },
        tolerance=1e-9,
    ),
    Claim(
        label="gaussian-w2",
        equation=r"""\begin{aligned}
& W_2^2 = \lVert\mu_p - \mu_q\rVert^2 + \operatorname{tr}\Bigl(\Sigma_p + \Sigma_q \\
&\qquad - 2\,\bigl(\Sigma_p^{1/2}\,\Sigma_q\,\Sigma_p^{1/2}\bigr)^{1/2}\Bigr)
\end{aligned}""",
        sides=gaussian_w2_sides,
        source="Dowson & Landau (1982)",
        slips={
            "no square root in the cross term": functools.partial(gaussian_w2_sides, cross="no root"),
            "variances added, no cross term": functools.partial(gaussian_w2_sides, cross="none"),
        },
        tolerance=1e-6,
    ),
    Claim(
        label="jsd-of-lost-modes",
        equation=r"""\begin{aligned}
\mathrm{JSD} = \tfrac12 \Bigl[ & \alpha\log\frac{2\alpha}{1+\alpha} \\
& + (1-\alpha)\log 2 \\
& + \log\frac{2}{1+\alpha} \Bigr]
\end{aligned}""",
        sides=lost_modes_sides,
        source="the chapter's own derivation",
        slips={
            "(1 - alpha) log 2, linear in what is lost": functools.partial(
                lost_modes_sides, formula=lambda a: (1 - a) * np.log(2)
            ),
            "without the half": functools.partial(lost_modes_sides, formula=lambda a: 2 * jsd_of_lost_modes(a)),
        },
    ),
    Claim(
        label="kl-of-lost-modes",
        equation=r"""\begin{aligned}
D_{\mathrm{KL}}(p_G \Vert p_d) &= \log\frac Kk, \\
D_{\mathrm{KL}}(p_d \Vert p_G) &= \infty \quad (k < K)
\end{aligned}""",
        sides=two_kls_sides,
        source="by definition",
        slips={
            "the two directions agree": functools.partial(two_kls_sides, forward=float(np.log(8))),
            "Jensen-Shannon instead": functools.partial(
                two_kls_sides, reverse=lambda n_modes, kept: jsd_of_lost_modes(kept / n_modes)
            ),
        },
    ),
    Claim(
        label="perfect-quality",
        equation=r"""\begin{aligned}
&\Pr\bigl(\lVert x - c\rVert < 3\,s\bigr) \\
&\quad = 1 - e^{-9/2} \approx 0.989
\end{aligned}""",
        sides=quality_sides,
        source="the chapter's own derivation",
        slips={
            "the three-sigma rule of the line, 0.997": functools.partial(
                quality_sides, share=2 * stats.norm.cdf(3) - 1
            ),
            "all of them": functools.partial(quality_sides, share=1.0),
        },
    ),
    Claim(
        label="perfect-reverse-kl",
        equation=r"""\begin{aligned}
&\mathbb E\,D_{\mathrm{KL}}(\hat p \Vert \text{uniform}) \\
&\quad = \frac{K - 1}{2n} + O(n^{-2})
\end{aligned}""",
        sides=null_kl_sides,
        source="Miller (1955), Note on the bias of information estimates",
        slips={
            "perfect draws score zero": functools.partial(null_kl_sides, bias=lambda k, n: 0.0),
            "without the half": functools.partial(null_kl_sides, bias=lambda k, n: (k - 1) / n),
        },
        tolerance=0.05,
    ),
    Claim(
        label="ring-balance",
        equation=r"""D_{\mathrm{KL}}(\text{R1}) \le \tfrac12\,D_{\mathrm{KL}}(\text{non-saturating})""",
        sides=ring_balance_sides,
        source="the chapter's own measurement, stored for each seed (make results STEM=gan_stability)",
        relation="<=",
        slips={
            "the raw generators, too": functools.partial(ring_balance_sides, who="raw"),
            "WGAN-GP, too": functools.partial(ring_balance_sides, recipe="wgan_gp"),
        },
    ),
)

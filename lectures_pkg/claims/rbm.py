"""Claims of the chapter on restricted Boltzmann machines: small ones by enumeration, digits by annealing."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

import numpy as np
from scipy.special import expit, logsumexp

from lectures_pkg.claims import Claim, Estimate, Side, estimate
from lectures_pkg.experiments.rbm import digits, draw, nll, train
from lectures_pkg.rbm import (
    RBM,
    annealed_importance_sampling,
    exact_gradient,
    expected_cd_update,
    moments,
    pixel_log_odds,
    reverse_annealed_importance_sampling,
    transition_matrix,
    visible_law,
)
from lectures_pkg.worlds import strokes

Array = np.ndarray
Pair = tuple[Side, Side]

# what is enumerated ----------------------------------------------------------------------------------------------


def machine(rng: np.random.Generator, n_visible: int = 5, n_hidden: int = 4, scale: float = 1.0) -> RBM:
    """A small machine with random weights and biases."""
    rbm = RBM(n_visible, n_hidden)
    rbm.weight = scale * rng.standard_normal((n_visible, n_hidden))
    rbm.visible_bias = 0.7 * rng.standard_normal(n_visible)
    rbm.hidden_bias = rng.choice([-1.0, 1.0], n_hidden) * rng.uniform(0.5, 1.2, n_hidden)
    return rbm


def states(n: int) -> Array:
    return np.array(list(itertools.product((0.0, 1.0), repeat=n)))


def energies(rbm: RBM) -> Array:
    """E(v, h) of every pair, term by term from the definition, shape (2^n_visible, 2^n_hidden)."""
    v, h = states(rbm.n_visible), states(rbm.n_hidden)
    pairs = np.einsum("vi,ij,hj->vh", v, rbm.weight, h)
    return -np.einsum("i,vi->v", rbm.visible_bias, v)[:, None] - np.einsum("j,hj->h", rbm.hidden_bias, h) - pairs


def joint(rbm: RBM) -> Array:
    weights = np.exp(-energies(rbm))
    return weights / weights.sum()


def product_law(on: Array, outcomes: Array) -> Array:
    """Probability of each outcome when unit i is on with probability on[..., i], independently of the others."""
    return np.where(outcomes > 0, on[..., None, :], 1 - on[..., None, :]).prod(axis=-1)


# energies and conditionals ---------------------------------------------------------------------------------------


def free_energy_sides(rng: np.random.Generator, change: Callable[[RBM, Array, Array], Array] | None = None) -> Pair:
    rbm = machine(rng)
    v = states(rbm.n_visible)
    f = rbm.free_energy(v)
    f = f if change is None else change(rbm, v, f)
    return np.exp(-f), np.exp(-energies(rbm)).sum(axis=1)


def without_hidden_bias(rbm: RBM, v: Array, f: Array) -> Array:
    return -v @ rbm.visible_bias - np.logaddexp(0, v @ rbm.weight).sum(axis=1)


def mean_field(rbm: RBM, v: Array, f: Array) -> Array:
    """The energy at the hidden units' means."""
    return rbm.energy(v, rbm.hidden_probability(v))


def hidden_conditional_sides(rng: np.random.Generator, form: str = "right") -> Pair:
    rbm = machine(rng)
    v, h = states(rbm.n_visible), states(rbm.n_hidden)
    on = {
        "right": lambda: rbm.hidden_probability(v),
        "no bias": lambda: expit(v @ rbm.weight),
        "sign": lambda: expit(-(v @ rbm.weight + rbm.hidden_bias)),
    }[form]()
    p = joint(rbm)
    return product_law(on, h), p / p.sum(axis=1, keepdims=True)


def visible_conditional_sides(rng: np.random.Generator, form: str = "right") -> Pair:
    rbm = machine(rng)
    v, h = states(rbm.n_visible), states(rbm.n_hidden)
    p = joint(rbm)
    on = {"right": lambda: rbm.visible_probability(h), "no bias": lambda: expit(h @ rbm.weight.T)}.get(form)
    given_h = product_law(on(), v) if on else np.broadcast_to(p.sum(axis=1), (len(h), len(v)))
    return given_h, (p / p.sum(axis=0)).T


def mixture_sides(rng: np.random.Generator, form: str = "mixture") -> Pair:
    rbm = machine(rng)
    v, h = states(rbm.n_visible), states(rbm.n_hidden)
    p = joint(rbm)
    law = visible_law(rbm)
    if form == "one product":
        return law, product_law(p.sum(axis=1) @ v, v)
    mass = p.sum(axis=0) if form == "mixture" else np.full(len(h), 1 / len(h))
    return law, mass @ product_law(rbm.visible_probability(h), v)


def partition_sides(rng: np.random.Generator, form: str = "right") -> Pair:
    """Wider and narrower hidden layers, and log 2 for each unit where everything is zero."""
    left, right = [], []
    for n_visible, n_hidden in ((5, 4), (4, 6), (3, 3)):
        rbm = machine(rng, n_visible, n_hidden)
        v, h = states(n_visible), states(n_hidden)
        if n_visible == n_hidden:
            rbm.weight, rbm.visible_bias, rbm.hidden_bias = (
                0 * p for p in (rbm.weight, rbm.visible_bias, rbm.hidden_bias)
            )
        if form == "sign":
            log_z = logsumexp(rbm.free_energy(v))
        elif form == "own bias lost":
            log_z = logsumexp(np.logaddexp(0, h @ rbm.weight.T + rbm.visible_bias).sum(axis=1))
        else:
            log_z = rbm.log_partition() - (n_hidden * np.log(2) if form == "mean" else 0.0)
        left.append(log_z)
        right.append(logsumexp(-energies(rbm)))
    return np.array(left), np.array(right)


# the gradient ----------------------------------------------------------------------------------------------------


def gradient_sides(rng: np.random.Generator, form: str = "right") -> Pair:
    """Central differences of the enumerated log-likelihood, for weights and both biases."""
    rbm = machine(rng)
    v, law = states(rbm.n_visible), rng.dirichlet(np.ones(2**rbm.n_visible))
    left = {
        "right": lambda: exact_gradient(rbm, v, law).ravel(),
        "sign": lambda: -exact_gradient(rbm, v, law).ravel(),
        "positive phase": lambda: moments(rbm, v, law).ravel(),
        "CD-1": lambda: expected_cd_update(rbm, law, 1).ravel(),
    }[form]()
    slopes = []
    for parameter in (rbm.weight, rbm.visible_bias, rbm.hidden_bias):
        for index in np.ndindex(parameter.shape):
            values = []
            for shift in (1e-5, -1e-5):
                parameter[index] += shift
                values.append(law @ np.log(joint(rbm).sum(axis=1)))
                parameter[index] -= shift
            slopes.append((values[0] - values[1]) / 2e-5)
    return left, np.array(slopes)


# chains ----------------------------------------------------------------------------------------------------------


def matrix_of(rbm: RBM, form: str) -> Array:
    """The sweep's matrix, or that of a machine with a slip in it."""
    wrong = RBM(rbm.n_visible, rbm.n_hidden)
    wrong.weight, wrong.visible_bias, wrong.hidden_bias = rbm.weight, rbm.visible_bias, rbm.hidden_bias
    if form == "right":
        return transition_matrix(rbm)
    h, v = states(rbm.n_hidden), states(rbm.n_visible)
    if form == "no hidden bias":
        wrong.hidden_bias = 0 * rbm.hidden_bias
    given_v = product_law(wrong.hidden_probability(v), h)
    if form == "rounded hidden units":
        given_v = product_law(np.round(wrong.hidden_probability(v)), h)
    if form == "mean-field hidden units":
        return product_law(expit(rbm.hidden_probability(v) @ rbm.weight.T + rbm.visible_bias), v)
    return given_v @ product_law(rbm.visible_probability(h), v)


def reversible_sides(rng: np.random.Generator, form: str = "right") -> Pair:
    rbm = machine(rng)
    p, matrix = joint(rbm).sum(axis=1), matrix_of(rbm, form)
    flow = p[:, None] * matrix
    return flow, flow.T


def invariance_sides(rng: np.random.Generator, form: str = "right") -> Pair:
    rbm = machine(rng)
    p = joint(rbm).sum(axis=1)
    return p @ matrix_of(rbm, form), p


def second_eigenvalue(rbm: RBM, p: Array) -> float:
    root = np.sqrt(p)
    symmetric = root[:, None] * transition_matrix(rbm) / root
    return float(np.linalg.eigvalsh((symmetric + symmetric.T) / 2)[-2])


def cd_bias_sides(rng: np.random.Generator, power: float = 1.0) -> Pair:
    """Log of the bias of each weight's update against log of the bound, until a millionth of the start is left."""
    rbm = machine(rng, scale=1.5)
    v, p = states(rbm.n_visible), joint(rbm).sum(axis=1)
    law = rng.dirichlet(np.ones(len(v)))
    decay = second_eigenvalue(rbm, p)
    chi_squared = np.sum((law - p) ** 2 / p)
    statistic = (v[:, :, None] * rbm.hidden_probability(v)[:, None, :]).reshape(len(v), -1)
    deviation = np.sqrt(p @ statistic**2 - (p @ statistic) ** 2)
    exact = exact_gradient(rbm, v, law).weight.ravel()
    left, right = [], []
    for share in (0.3, 0.1, 1e-2, 1e-4, 1e-6):
        k = int(np.ceil(np.log(share) / np.log(decay)))
        bias = np.abs(expected_cd_update(rbm, law, k).weight.ravel() - exact)
        left.append(np.log(np.maximum(bias, 1e-15)))
        right.append(power * k * np.log(decay) + np.log(chi_squared) / 2 + np.log(deviation))
    return np.array(left), np.array(right)


def cd_limit_sides(rng: np.random.Generator, k: int | None = None) -> Pair:
    """So many sweeps that the slowest part of the start has died away (a 10^-14th is left), or only k."""
    rbm = machine(rng)
    v = states(rbm.n_visible)
    law = rng.dirichlet(np.ones(len(v)))
    decay = second_eigenvalue(rbm, joint(rbm).sum(axis=1))
    sweeps = int(np.ceil(np.log(1e-14) / np.log(decay))) if k is None else k
    return expected_cd_update(rbm, law, sweeps).ravel(), exact_gradient(rbm, v, law).ravel()


def two_shapes(hidden_bias: float) -> tuple[RBM, Array]:
    """One hidden unit that chooses a vertical stroke, right with this log odds; and the law of balanced strokes."""
    log_odds = np.log(0.98 / 0.02)
    rbm = RBM(4, 1)
    rbm.visible_bias = log_odds * np.array([1.0, -1.0, 1.0, -1.0])
    rbm.weight = -2 * rbm.visible_bias[:, None]
    rbm.hidden_bias = np.array([hidden_bias])
    return rbm, strokes(0.02)


def shrinkage_sides(rng: np.random.Generator, form: str = "right") -> Pair:
    """The eigenvalue from two hidden states: chance to go on with h = 1 from h = 1, less that from h = 0."""
    rbm, law = two_shapes(rng.choice([-1, 1]) * rng.uniform(0.5, 2.0))
    v, h = states(4), states(1)
    shape = product_law(rbm.visible_probability(h), v)  # (hidden states, images)
    stay = shape @ rbm.hidden_probability(v)[:, 0]
    decay = stay[1] - stay[0]
    gradient = exact_gradient(rbm, v, law).ravel()
    left, right = [], []
    for k in (1, 10, 100):
        left.append(expected_cd_update(rbm, law, k).ravel())
        right.append({"right": 1 - decay**k, "gradient": 1.0, "power": decay**k}[form] * gradient)
    return np.array(left), np.array(right)


def chain_time_sides(rng: np.random.Generator, form: str = "right") -> Pair:
    """n times the variance of a stationary chain's mean, 3000 chains of 300 sweeps, against exact correlations."""
    rbm = machine(rng, 4, 3, scale=0.5)
    rbm.weight[:, 0] = 3 * np.array([1, -1, 1, -1])  # two modes, so that the chain is sluggish
    rbm.visible_bias[:], rbm.hidden_bias[0] = [-1.5, 1.5, -1.5, 1.5], 0.0
    v, p = states(4), joint(rbm).sum(axis=1)
    f = v @ [1.0, -1.0, 1.0, -1.0]
    centred = f - p @ f
    n, n_chains, root = 300, 3000, np.sqrt(p)
    values, vectors = np.linalg.eigh(root[:, None] * transition_matrix(rbm) / root)
    shares = (vectors.T @ (root * centred)) ** 2 / (p @ centred**2)  # correlation at lag t is sum of shares * values^t
    lags = np.arange(1, n)
    correlations = (values[:, None] ** lags).T @ shares
    right = 1 + 2 * np.sum((1 - lags / n) * correlations)
    if form != "right":
        right = {"independent": 1.0, "one-sided": (1 + right) / 2}[form]
    chain = v[rng.choice(len(v), n_chains, p=p)]
    total = np.zeros(n_chains)
    for _ in range(n):
        total += chain @ [1.0, -1.0, 1.0, -1.0] - p @ f
        chain = rbm.gibbs(chain, 1, rng)
    return estimate(total**2 / n / (p @ centred**2)), right


# annealing -------------------------------------------------------------------------------------------------------


def ais_sides(rng: np.random.Generator, form: str = "right") -> Pair:
    """The mean weight, in units of Z."""
    rbm = machine(rng, 7, 5)
    log_z = logsumexp(-energies(rbm))
    found = annealed_importance_sampling(rbm, 4000, 60, rng, base_bias=0.5 * rng.standard_normal(7))
    log_w = found.log_weights
    if form == "base":
        log_w = log_w - rbm.n_hidden * np.log(2)
    if form == "geometric":  # the bound in place of the mean, from one jump
        found = annealed_importance_sampling(rbm, 4000, 1, rng)
        log_w = np.full(4000, found.bound)
    return estimate(np.exp(log_w - log_z)), 1.0


def sandwich_sides(rng: np.random.Generator, form: str = "right") -> Pair:
    """Forward <= log Z <= reverse, as two inequalities; so few temperatures that the slices of bread lie apart."""
    rbm = machine(rng, 7, 5)
    v, p = states(7), joint(rbm).sum(axis=1)
    log_z = logsumexp(-energies(rbm))
    forward = annealed_importance_sampling(rbm, 4000, 3, rng).log_weights
    start = v[rng.choice(len(v), 4000, p=p)] if form != "not the model" else rng.integers(0, 2, (4000, 7))
    reverse = reverse_annealed_importance_sampling(rbm, start, 3, rng).log_weights
    if form == "sign":
        base = (rbm.n_visible + rbm.n_hidden) * np.log(2)
        forward, reverse = 2 * base - forward, 2 * base - reverse
    low, high = estimate(forward), estimate(reverse)
    if form == "exchanged":
        low, high = high, low
    left = Estimate(np.array([low.mean, log_z]), np.array([low.standard_error, 0.0]))
    return left, Estimate(np.array([log_z, high.mean]), np.array([0.0, high.standard_error]))


# machines trained on digits --------------------------------------------------------------------------------------


def seed_of(rng: np.random.Generator) -> int:
    """The check's own seed, the same for every claim, so that claims about one machine train it once."""
    return int(np.atleast_1d(rng.bit_generator.seed_seq.entropy)[0])  # type: ignore[attr-defined]


@functools.cache
def exact_log_partition(seed: int) -> float:
    return train(20, seed=seed).log_partition()


@functools.cache
def bread(seed: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Forward and reverse estimates of log Z of the machine with 128 hidden units, each with its error."""
    rng, base = np.random.default_rng(seed), pixel_log_odds(digits().train)
    rbm = train(128, seed=seed)
    forward = annealed_importance_sampling(rbm, 300, 1000, rng, base_bias=base)
    reverse = reverse_annealed_importance_sampling(rbm, draw(rbm, 300, rng), 1000, rng, base_bias=base)
    return (forward.log_partition, forward.standard_error), (reverse.log_partition, reverse.standard_error)


def annealed_against_exact_sides(rng: np.random.Generator, form: str = "right") -> Pair:
    seed = seed_of(rng)
    found = annealed_importance_sampling(train(20, seed=seed), 300, 1000, rng, base_bias=pixel_log_odds(digits().train))
    shift = 20 * np.log(2) if form == "base" else 0.0
    return Estimate(found.log_partition - shift, found.standard_error), exact_log_partition(seed)


def gap_sides(rng: np.random.Generator, form: str = "right") -> Pair:
    """Absolute difference of the two estimates."""
    (low, low_error), (high, high_error) = bread(seed_of(rng))
    if form == "sign":  # increments subtracted instead of added
        low = 2 * (128 * np.log(2) + np.logaddexp(0, pixel_log_odds(digits().train)).sum()) - low
    return Estimate(abs(high - low), float(np.hypot(low_error, high_error))), 0.15


@functools.cache
def one_sided(seed: int) -> RBM:
    """The same start and rate without the model's phase, for 300 updates."""
    rng, data = np.random.default_rng(seed), digits().train
    rbm = RBM(64, 128, rng=rng)
    rbm.visible_bias[:] = pixel_log_odds(data)
    for _ in range(300):
        phase = moments(rbm, data[rng.integers(len(data), size=64)])
        rbm.weight += 0.1 * phase.weight
        rbm.visible_bias += 0.1 * phase.visible_bias
        rbm.hidden_bias += 0.1 * phase.hidden_bias
    return rbm


def digits_likelihood_sides(rng: np.random.Generator, form: str = "right") -> Pair:
    seed = seed_of(rng)
    base = pixel_log_odds(digits().train)
    if form == "independent pixels":
        v = digits().test
        return float((np.logaddexp(0, base).sum() - v @ base).mean()), 16.6
    rbm = train(128, seed=seed) if form == "right" else one_sided(seed)
    found = annealed_importance_sampling(rbm, 200, 500, rng, base_bias=base)
    return nll(rbm, digits().test, found.log_partition), 16.6


partial = functools.partial

CLAIMS = (
    Claim(
        "free-energy",
        r"""\begin{aligned}
e^{-F(v)} &= \sum_h e^{-E(v, h)}, \\
F(v) &= -b^\top v \\
&\quad - \sum_j \log\bigl(1 + e^{c_j + v^\top W_{:j}}\bigr)
\end{aligned}""",
        free_energy_sides,
        "Hinton (2010), section 16.1",
        {
            "hidden bias forgotten": partial(free_energy_sides, change=without_hidden_bias),
            "energy at the hidden means": partial(free_energy_sides, change=mean_field),
        },
        tolerance=1e-9,
    ),
    Claim(
        "hidden-conditional",
        r"""\begin{aligned}
p(h \mid v) &= \prod_j p(h_j \mid v), \\
p(h_j = 1 \mid v) &= \sigma\bigl(c_j + v^\top W_{:j}\bigr)
\end{aligned}""",
        hidden_conditional_sides,
        "Hinton (2010), eq. (7)",
        {
            "hidden bias forgotten": partial(hidden_conditional_sides, form="no bias"),
            "sign of the energy": partial(hidden_conditional_sides, form="sign"),
        },
    ),
    Claim(
        "visible-conditional",
        r"""\begin{aligned}
p(v \mid h) &= \prod_i p(v_i \mid h), \\
p(v_i = 1 \mid h) &= \sigma\bigl(b_i + W_{i:} h\bigr)
\end{aligned}""",
        visible_conditional_sides,
        "Hinton (2010), eq. (8)",
        {
            "visible bias forgotten": partial(visible_conditional_sides, form="no bias"),
            "v independent of h": partial(visible_conditional_sides, form="marginal"),
        },
    ),
    Claim(
        "rbm-mixture",
        r"p(v) = \sum_h p(h) \prod_i p(v_i \mid h)",
        mixture_sides,
        "the chapter's derivation",
        {
            "pixels independent without h": partial(mixture_sides, form="one product"),
            "hidden states equally likely": partial(mixture_sides, form="uniform"),
        },
    ),
    Claim(
        "partition-function",
        r"Z = \sum_h e^{c^\top h} \prod_i \bigl(1 + e^{b_i + W_{i:} h}\bigr)",
        partition_sides,
        "the chapter's derivation",
        {
            "sign of the free energy": partial(partition_sides, form="sign"),
            "bias of the summed layer forgotten": partial(partition_sides, form="own bias lost"),
            "mean over hidden states for their sum": partial(partition_sides, form="mean"),
        },
    ),
    Claim(
        "likelihood-gradient",
        r"""\begin{aligned}
\frac{\partial}{\partial W} \bigl\langle \log p(v) \bigr\rangle_{\mathrm{data}}
  &= \langle v h^\top \rangle_{\mathrm{data}} - \langle v h^\top \rangle_{\mathrm{model}} \\
\frac{\partial}{\partial b} \bigl\langle \log p(v) \bigr\rangle_{\mathrm{data}}
  &= \langle v \rangle_{\mathrm{data}} - \langle v \rangle_{\mathrm{model}} \\
\frac{\partial}{\partial c} \bigl\langle \log p(v) \bigr\rangle_{\mathrm{data}}
  &= \langle h \rangle_{\mathrm{data}} - \langle h \rangle_{\mathrm{model}}
\end{aligned}""",
        gradient_sides,
        "Ackley, Hinton & Sejnowski (1985), eq. (11)",
        {
            "descended": partial(gradient_sides, form="sign"),
            "positive phase only": partial(gradient_sides, form="positive phase"),
            "CD-1 taken for the gradient": partial(gradient_sides, form="CD-1"),
        },
        tolerance=1e-8,
    ),
    Claim(
        "gibbs-reversible",
        r"p(v) \, T(v, v') = p(v') \, T(v', v)",
        reversible_sides,
        "the chapter's derivation",
        {
            "hidden bias forgotten in the sweep": partial(reversible_sides, form="no hidden bias"),
            "hidden units rounded, not drawn": partial(reversible_sides, form="rounded hidden units"),
        },
    ),
    Claim(
        "gibbs-invariance",
        r"\sum_v p(v) \, T(v, v') = p(v')",
        invariance_sides,
        "Geman & Geman (1984)",
        {
            "hidden bias forgotten in the sweep": partial(invariance_sides, form="no hidden bias"),
            "hidden probabilities passed on, not drawn": partial(invariance_sides, form="mean-field hidden units"),
        },
    ),
    Claim(
        "autocorrelation-time",
        r"""\begin{aligned}
&n \, \mathrm{Var}\Bigl(\frac1n \sum_{t=1}^{n} f_t\Bigr) \\
&\quad = \mathrm{Var}(f) \Bigl[1 + 2 \sum_{t=1}^{n-1} \Bigl(1 - \frac tn\Bigr) \rho_t\Bigr]
\end{aligned}""",
        chain_time_sides,
        "Sokal (1997), eq. (2.19)",
        {
            "draws counted as independent": partial(chain_time_sides, form="independent"),
            "correlations counted once": partial(chain_time_sides, form="one-sided"),
        },
    ),
    Claim(
        "cd-limit",
        r"""\begin{aligned}
&\lim_{k \to \infty} \Bigl( \langle v h^\top \rangle_{\mathrm{data}}
  - \langle v h^\top \rangle_{p_{\mathrm{data}} T^k} \Bigr) \\
&\quad = \frac{\partial}{\partial W} \bigl\langle \log p(v) \bigr\rangle_{\mathrm{data}}
\end{aligned}""",
        cd_limit_sides,
        "Hinton (2002), section 3",
        {"one sweep is enough": partial(cd_limit_sides, k=1), "two sweeps are enough": partial(cd_limit_sides, k=2)},
        tolerance=1e-9,
    ),
    Claim(
        "cd-bias",
        r"""\begin{aligned}
&\bigl| \langle f \rangle_{p_{\mathrm{data}} T^k} - \langle f \rangle_{p} \bigr| \\
&\quad \le \lambda_2^k \, \sqrt{\chi^2(p_{\mathrm{data}} \Vert p)} \; \mathrm{sd}_p(f)
\end{aligned}""",
        cd_bias_sides,
        "the chapter's derivation",
        {"twice as fast": partial(cd_bias_sides, power=2.0)},
        relation="<=",
        tolerance=1e-6,
    ),
    Claim(
        "cd-shrinkage",
        r"""\begin{aligned}
&\langle v h^\top \rangle_{\mathrm{data}} - \langle v h^\top \rangle_{p_{\mathrm{data}} T^k} \\
&\quad = (1 - \lambda^k) \, \frac{\partial}{\partial W} \bigl\langle \log p(v) \bigr\rangle_{\mathrm{data}}
\end{aligned}""",
        shrinkage_sides,
        "the chapter's derivation",
        {
            "the full gradient": partial(shrinkage_sides, form="gradient"),
            "what is left for what is done": partial(shrinkage_sides, form="power"),
        },
    ),
    Claim(
        "ais-weight",
        r"""\begin{aligned}
\mathbb{E}[w] &= Z, \\
\log w &= \log Z_0 + \sum_{t=1}^{n} \bigl[ F_{t-1}(v_{t-1}) - F_t(v_{t-1}) \bigr]
\end{aligned}""",
        ais_sides,
        "Neal (2001), eq. (7)",
        {
            "free hidden units of the base forgotten": partial(ais_sides, form="base"),
            "mean of the logarithms": partial(ais_sides, form="geometric"),
        },
    ),
    Claim(
        "ais-sandwich",
        r"\mathbb{E}_{\mathrm{forward}}[\log w] \le \log Z \le \mathbb{E}_{\mathrm{reverse}}[\log w]",
        sandwich_sides,
        "Grosse, Ghahramani & Adams (2015), section 4",
        {
            "increments subtracted": partial(sandwich_sides, form="sign"),
            "bounds exchanged": partial(sandwich_sides, form="exchanged"),
        },
        relation="<=",
        tolerance=1e-9,
    ),
    Claim(
        "ais-on-digits",
        r"\log \hat{Z}_{\mathrm{forward}} = \log Z \quad \text{(20 hidden units)}",
        annealed_against_exact_sides,
        "measured",
        {"free hidden units of the base forgotten": partial(annealed_against_exact_sides, form="base")},
        tolerance=0.02,
    ),
    Claim(
        "sandwich-on-digits",
        r"\bigl| \log \hat{Z}_{\mathrm{reverse}} - \log \hat{Z}_{\mathrm{forward}} \bigr| \le 0.15",
        gap_sides,
        "measured",
        {"increments subtracted": partial(gap_sides, form="sign")},
        relation="<=",
        tolerance=1e-9,
    ),
    Claim(
        "digits-likelihood",
        r"-\bigl\langle \log p(v) \bigr\rangle_{\mathrm{test}} \le 16.6 \text{ nats}",
        digits_likelihood_sides,
        "measured",
        {
            "positive phase only": partial(digits_likelihood_sides, form="positive phase"),
            "independent pixels": partial(digits_likelihood_sides, form="independent pixels"),
        },
        relation="<=",
        tolerance=0.1,
    ),
)

"""Claims of the chapter "Words, choices and slopes"."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import torch
from scipy import optimize, special, stats
from torch import Tensor

from lectures_pkg import experiments
from lectures_pkg.claims import Claim, Estimate, Side, estimate, slips_of
from lectures_pkg.discrete_gan import (
    GRUGenerator,
    every_string,
    gumbel_max,
    gumbel_noise,
    gumbel_softmax,
    optimal_baseline,
    reinforce_loss,
    score,
    straight_through,
)
from lectures_pkg.divergences import jensen_shannon_divergence
from lectures_pkg.metrics import string_report
from lectures_pkg.training import seeded
from lectures_pkg.worlds import five_letters

# ---------------------------------------------------------------- worlds of the claims


def _source(rng: np.random.Generator) -> torch.Generator:
    """A generator for torch's draws, seeded by the claim's."""
    return torch.Generator().manual_seed(int(rng.integers(2**31)))


def _logits(rng: np.random.Generator, n: int = 4) -> np.ndarray:
    """Logits that differ by at least a half: no ties, and no word is rare."""
    return rng.permutation(np.arange(n) * 0.7 + rng.uniform(-0.1, 0.1, size=n)) - 1


def _noise(n: int, rng: np.random.Generator, size: int = 4) -> Tensor:
    return gumbel_noise((n, size), _source(rng), torch.float64)


def _slopes(f: Callable[[np.ndarray], float], at: np.ndarray, step: float) -> np.ndarray:
    """Central differences of a function of an array."""
    slopes = np.empty(at.size)
    for i in range(at.size):
        move = np.zeros(at.size)
        move[i] = step
        slopes[i] = (f(at + move.reshape(at.shape)) - f(at - move.reshape(at.shape))) / (2 * step)
    return slopes.reshape(at.shape)


def _generator(rng: np.random.Generator, n_symbols: int, length: int, hidden: int = 4) -> GRUGenerator:
    with seeded(int(rng.integers(2**31))):
        generator = GRUGenerator(n_symbols, length, hidden).double()
        for weight in generator.parameters():
            weight.data *= 3  # far from uniform
    return generator


def _frequencies(words: Tensor, a: np.ndarray) -> float:
    """p-value of the chi-square test of drawn words against softmax(a)."""
    counts = np.bincount(words.numpy(), minlength=len(a))
    return float(stats.chisquare(counts, counts.sum() * special.softmax(a)).pvalue)


# ---------------------------------------------------------------- a choice has no slope


def argmax_slope(rng: np.random.Generator, form: str = "argmax") -> tuple[Side, Side]:
    """Central differences of a critic of the package's one-hot word; zero."""
    a, taste = _logits(rng, 5), rng.normal(size=5)
    if form == "what straight-through sends back":
        logits = torch.tensor(a, requires_grad=True)
        (straight_through(logits.softmax(0)) @ torch.tensor(taste)).backward()
        assert logits.grad is not None
        return logits.grad.numpy(), np.zeros(5)

    def value(a: np.ndarray) -> float:
        soft = torch.tensor(a).softmax(0)
        row = soft if form == "softmax" else straight_through(soft)
        return float(row @ torch.tensor(taste))

    return _slopes(value, a, 1e-4), np.zeros(5)


def greedy_is_constant(rng: np.random.Generator, choice: str = "greedy") -> tuple[Side, Side]:
    """Different strings among 500 that the package writes from one start; one."""
    generator = _generator(rng, 5, 5)
    words = generator.greedy(500) if choice == "greedy" else generator.sample(500, _source(rng))[0]
    return float(len(np.unique(words.numpy(), axis=0))), 1.0


def rnn_chain_rule(rng: np.random.Generator, form: str = "right") -> tuple[Side, Side]:
    """Log-probabilities of all 27 strings by the package; by a recurrence in NumPy with the same weights."""
    generator = _generator(rng, 3, 3)
    strings = every_string(3, 3)
    w = {name: weight.detach().numpy() for name, weight in generator.named_parameters()}
    rows, start = np.eye(4)[strings.numpy()], np.tile(np.eye(4)[3], (27, 1))
    state, total = np.zeros((27, 4)), np.zeros(27)
    for t in range(3):
        before = rows[:, t] if form == "reads the word it is about to write" else rows[:, t - 1] if t else start
        if form == "the state is forgotten":
            state = np.zeros((27, 4))
        into = np.split(before @ w["cell.weight_ih"].T + w["cell.bias_ih"], 3, axis=1)
        back = np.split(state @ w["cell.weight_hh"].T + w["cell.bias_hh"], 3, axis=1)
        reset, keep = special.expit(into[0] + back[0]), special.expit(into[1] + back[1])
        state = (1 - keep) * np.tanh(into[2] + reset * back[2]) + keep * state
        law = special.log_softmax(state @ w["output.weight"].T + w["output.bias"], axis=1)
        total += law[np.arange(27), strings[:, t].numpy()]
    return generator.log_prob(strings).detach().numpy(), total


# ---------------------------------------------------------------- noise that chooses


def noise_law(rng: np.random.Generator, form: str = "right") -> tuple[Side, Side]:
    """Kolmogorov-Smirnov p-value of the package's noise against the double exponential; the smallest one allowed."""
    g = _noise(20_000, rng, 1).numpy()[:, 0]
    if form == "log(-log u), sign lost":
        g = -g
    elif form == "Gaussian of the same mean and variance":
        g = rng.normal(np.euler_gamma, np.pi / np.sqrt(6), size=len(g))
    return float(stats.kstest(g, lambda x: np.exp(-np.exp(-x))).pvalue), 1e-6


def gumbel_max_law(rng: np.random.Generator, noise: str = "Gumbel") -> tuple[Side, Side]:
    """Chi-square p-value of 100 000 words of the package against softmax; the smallest one allowed."""
    a, g = _logits(rng), _noise(100_000, rng)
    if noise == "log(-log u), sign lost":
        g = -g
    elif noise == "Gaussian noise":
        g = torch.tensor(rng.normal(size=tuple(g.shape)))
    return _frequencies(gumbel_max(torch.tensor(a), g), a), 1e-6


def relaxation_limits(rng: np.random.Generator, form: str = "right") -> tuple[Side, Side]:
    """Mean row and mean largest entry of the package's draws at tau = .001, one row at tau = 1e6; their limits."""
    a, g = _logits(rng), _noise(50_000, rng)
    logits = torch.tensor(a)
    if form == "no noise: softmax(a / tau)":
        g = torch.zeros_like(g)
    cold = gumbel_softmax(logits, 1.0 if form == "tau = 1 is cold enough" else 1e-3, g).numpy()
    drawn = estimate(np.column_stack([cold, cold.max(axis=1)]))
    hot = gumbel_softmax(logits, 1e6, g[:1]).numpy()[0]
    left = Estimate(np.r_[drawn.mean, hot], np.r_[drawn.standard_error, np.zeros(4)])
    return left, np.r_[special.softmax(a), 1.0, np.full(4, 0.25)]


def rounding_any_temperature(rng: np.random.Generator, word: str = "largest entry") -> tuple[Side, Side]:
    """Chi-square p-value of rounded draws at tau = 2 against softmax; the smallest one allowed."""
    a = _logits(rng)
    rows = gumbel_softmax(torch.tensor(a), 2.0, _noise(100_000, rng))
    words = rows.argmax(dim=1)
    if word == "a word drawn from the row":
        words = gumbel_max(rows.log(), _noise(100_000, rng))
    elif word == "largest entry of softmax(a / tau)":
        words = (torch.tensor(a) / 2).softmax(0).argmax().expand(100_000)
    return _frequencies(words, a), 1e-6


def soft_is_caught(rng: np.random.Generator, rows: str = "relaxed") -> tuple[Side, Side]:
    """Divergence of one statistic, "is the row exactly one-hot?", on real and on relaxed rows; log 2."""
    logits, noise = torch.tensor(_logits(rng)), _noise(2000, rng)
    real = straight_through(logits.softmax(0).expand(2000, 4), gumbel_max(logits, _noise(2000, rng)))
    fake = gumbel_softmax(logits, 1.0, noise)
    if rows == "straight-through rows":
        fake = straight_through(fake)
    real_share, fake_share = (float((r.amax(dim=1) == 1).double().mean()) for r in (real, fake))
    return jensen_shannon_divergence([real_share, 1 - real_share], [fake_share, 1 - fake_share]), np.log(2)


# ---------------------------------------------------------------- the score


def reinforce_unbiased(rng: np.random.Generator, form: str = "right") -> tuple[Side, Side]:
    """Mean of reward times the package's score, without and with a baseline; differences of the enumerated mean."""
    a, rewards = 0.7 * rng.normal(size=(3, 4)), rng.uniform(2, 5, size=(4, 4, 4))

    def expected(a: np.ndarray) -> float:
        p = special.softmax(a, axis=1)
        return float(np.einsum("i,j,k,ijk->", *p, rewards))

    n, logits = 40_000, torch.tensor(a)
    words = gumbel_max(logits, gumbel_noise((n, 3, 4), _source(rng), torch.float64))
    g = score(logits, words).numpy()
    if form == "one-hot without minus softmax":
        g = np.eye(4)[words.numpy()]
    elif form == "slope of q for the slope of log q":
        p = special.softmax(a, axis=1)
        g = g * np.prod(p[np.arange(3), words.numpy()], axis=1)[:, None, None]
    r = rewards[tuple(words.numpy().T)][:, None, None]
    drawn = estimate(np.concatenate([r * g, (r - 3.5) * g], axis=1))
    exact = _slopes(expected, a, 1e-5)
    return drawn, np.concatenate([exact, exact])


def baseline_is_free(rng: np.random.Generator, form: str = "a number") -> tuple[Side, Side]:
    """Expectation of baseline times the package's score, word by word; zero."""
    a, rewards = _logits(rng), rng.uniform(2, 5, size=4)
    g = _all_scores(a)
    b = rewards[:, None] if form == "the word's own reward" else 3.5
    return (special.softmax(a)[:, None] * b * g).sum(axis=0), np.zeros(4)


def _all_scores(a: np.ndarray) -> np.ndarray:
    """Row w: the package's score of word w."""
    return np.stack([score(torch.tensor(a), torch.tensor(w)).numpy() for w in range(len(a))])


def batch_mean_shrinks(rng: np.random.Generator, form: str = "right", n: int = 3) -> tuple[Side, Side]:
    """Expected gradient of the package's loss over all 27 batches of 3; the exact slope times 1 - 1/3, and itself."""
    a, rewards = rng.normal(size=3), rng.uniform(2, 5, size=3)
    p = special.softmax(a)
    found = {}
    for baseline in ("mean", "leave_one_out"):
        total = np.zeros(3)
        for batch in itertools.product(range(3), repeat=n):
            logits = torch.tensor(a, requires_grad=True)
            words = torch.tensor(batch)
            loss = reinforce_loss(logits.log_softmax(0)[words], torch.tensor(rewards)[words], baseline)
            (gradient,) = torch.autograd.grad(loss, logits)
            total -= np.prod(p[list(batch)]) * gradient.numpy()
        found[baseline] = total
    exact = p * (rewards - p @ rewards)  # slope of sum p R
    factor = {"right": 1 - 1 / n, "both unbiased": 1.0, "1/n for 1 - 1/n": 1 / n}[form]
    return np.r_[found["mean"], found["leave_one_out"]], np.r_[factor * exact, exact]


def best_baseline(rng: np.random.Generator, form: str = "right") -> tuple[Side, Side]:
    """The package's constant, or another; where a numerical search finds the smallest variance."""
    a, rewards = rng.normal(size=4), rng.uniform(0, 5, size=4)
    p, g = special.softmax(a), _all_scores(a)

    def variance(b: float) -> float:
        draws = (rewards - b)[:, None] * g
        return float((p[:, None] * (draws - p @ draws) ** 2).sum())

    found = optimize.minimize_scalar(variance, bracket=(0, 5), tol=1e-10).x
    size = np.linalg.norm(g, axis=1)
    left = {
        "right": optimal_baseline(p, g, rewards),
        "the expected reward": p @ rewards,
        "weighted by the length, not its square": (p * size * rewards).sum() / (p * size).sum(),
    }[form]
    return left, found


# ---------------------------------------------------------------- one coin


def coin_variance(rng: np.random.Generator, form: str = "right") -> tuple[Side, Side]:
    """Mean squared error of single draws by the package's score, for three baselines; the closed form."""
    heads, t = rng.uniform(0.2, 0.4), 0.45
    of_heads, of_tails = (1 - t) ** 2, t**2
    a = np.array([0.0, special.logit(heads)])
    b = np.array([0.0, heads * of_heads + (1 - heads) * of_tails, (1 - heads) * of_heads + heads * of_tails])
    words = gumbel_max(torch.tensor(a), _noise(60_000, rng, 2))
    g = score(torch.tensor(a), words).numpy()[:, 1:]
    rewards = np.where(words.numpy() == 1, of_heads, of_tails)[:, None]
    exact = heads * (1 - heads) * (of_heads - of_tails)
    left = estimate(((rewards - b) * g - exact) ** 2)
    centre = {
        "right": (1 - heads) * of_heads + heads * of_tails,
        "the expected reward is best": heads * of_heads + (1 - heads) * of_tails,
        "a baseline leaves the variance alone": (1 - heads) * of_heads + heads * of_tails + b,
    }[form]
    return left, heads * (1 - heads) * (centre - b) ** 2


def straight_through_coin(rng: np.random.Generator, form: str = "right") -> tuple[Side, Side]:
    """Expected slope that the package's straight-through word sends back; the true slope and its bias."""
    heads, t = rng.uniform(0.15, 0.4), 0.45
    expected = 0.0
    for word, p in ((0, 1 - heads), (1, heads)):
        logits = torch.tensor([0.0, special.logit(heads)], requires_grad=True)
        row = straight_through(logits.softmax(0), torch.tensor(word))
        (slope,) = torch.autograd.grad((row[1] - t) ** 2, logits)
        expected += p * float(slope[1])
    rate = heads * (1 - heads)
    bias = {"right": 2 * heads - 1, "unbiased": 0.0, "sign of the bias": 1 - 2 * heads}[form]
    return expected, rate * (1 - 2 * t) + rate * bias


def gumbel_bias_variance(rng: np.random.Generator, form: str = "right") -> tuple[Side, Side]:
    """Bias and variance of relaxed slopes at tau = .1 and 1, against the exact slope; each side has the smaller one."""
    logits = torch.tensor([0.5, -1.0, 1.3, 0.0], dtype=torch.float64)
    taste = np.array([1.0, -2.0, 0.7, 3.0])
    p = special.softmax(logits.numpy())
    exact = p * (taste**2 - p @ taste**2)
    bias, variance = {}, {}
    for tau in (0.1, 1.0):
        a = logits.expand(100_000, 4).clone().requires_grad_()
        rows = gumbel_softmax(a, tau, _noise(100_000, rng))
        (slopes,) = torch.autograd.grad((rows @ torch.tensor(taste)).square().sum(), a)
        drawn, away = estimate(slopes.numpy() - exact), slopes.numpy() - slopes.mean(dim=0).numpy()
        worst = int(np.argmax(np.abs(drawn.mean)))
        bias[tau] = Estimate(abs(np.asarray(drawn.mean)[worst]), np.asarray(drawn.standard_error)[worst])
        variance[tau] = estimate((away**2).sum(axis=1))
    if form == "unbiased at tau = 1":
        return bias[1.0], 0.0
    if form == "the variance falls with tau":
        return variance[0.1], variance[1.0]
    pairs = [(bias[0.1], bias[1.0]), (variance[1.0], variance[0.1])]
    left, right = (
        Estimate(np.array([s.mean for s in side]), np.array([s.standard_error for s in side]))
        for side in zip(*pairs, strict=True)
    )
    return left, right


# ---------------------------------------------------------------- what is measured at the end


def jsd_ranking(rng: np.random.Generator, form: str = "right") -> tuple[Side, Side]:
    """Exact divergences of trained generators, means over the stored seeds, each with the next one of the ranking."""
    order = ["likelihood", "reinforce_none", "reinforce_mean", "gumbel"]
    if form == "the smaller variance wins":
        order[1], order[2] = order[2], order[1]
    elif form == "reward of a judge that never learns":
        order[1] = "untrained"
    found = experiments.spread("discrete_gans")
    values = np.array([found[f"jsd_{method}"].mean for method in order])
    return values[:-1], values[1:]


def _texts(n: int, rng: np.random.Generator) -> list[str]:
    return ["".join("abcde"[i] for i in row) for row in five_letters().sample(n, 5, rng)]


def distinct_among_n(rng: np.random.Generator, form: str = "right", n: int = 100) -> tuple[Side, Side]:
    """Mean uniqueness of 200 batches by the package; the formula."""
    shares = [string_report(_texts(n, rng), lambda _: True, ()).unique for _ in range(200)]
    p = five_letters().joint(5).reshape(-1)
    right = {
        "right": (1 - (1 - p) ** n).sum() / n,
        "chance that two differ": 1 - (p**2).sum(),
        "n does not matter": (1 - (1 - p) ** 50).sum() / 50,
    }[form]
    return estimate(shares), right


def novelty_of_the_truth(rng: np.random.Generator, form: str = "right", n: int = 100) -> tuple[Side, Side]:
    """Novel strings per draw of a generator that is the truth, 200 times by the package; the formula."""
    n_training, shares = 150, []
    for _ in range(200):
        report = string_report(_texts(n, rng), lambda _: True, _texts(n_training, rng))
        shares.append(report.unique * report.novel)
    p = five_letters().joint(5).reshape(-1)
    unseen = {"right": (1 - p) ** n_training, "all of it is novel": 1.0, "1 - p, once": 1 - p}[form]
    return estimate(shares), ((1 - (1 - p) ** n) * unseen).sum() / n


CLAIMS = (
    Claim(
        label="argmax-slope",
        equation=r"""
\begin{aligned}
& \frac{\partial}{\partial a_i} \, f\bigl( \mathrm{onehot}(\arg\max_k a_k) \bigr) = 0 \\
& \text{for almost every } a
\end{aligned}
""",
        sides=argmax_slope,
        source="the chapter's derivation",
        slips=slips_of(argmax_slope, "form", "softmax", "what straight-through sends back"),
        tolerance=0,
    ),
    Claim(
        label="rnn-chain-rule",
        equation=r"""
\begin{aligned}
h_t &= \mathrm{GRU}(h_{t-1}, x_{t-1}), \\
\pi_t &= \mathrm{softmax}(W h_t + c), \\
\log q(x) &= \sum_{t=1}^T \log \pi_t(x_t)
\end{aligned}
""",
        sides=rnn_chain_rule,
        source="chain rule of probability; Cho et al. (2014) for the recurrence",
        slips=slips_of(rnn_chain_rule, "form", "reads the word it is about to write", "the state is forgotten"),
    ),
    Claim(
        label="greedy-is-constant",
        equation=r"""
\begin{aligned}
& x_t = \arg\max_k a_{t,k} \text{ for all } t \\
& \Rightarrow \; \text{one string only}
\end{aligned}
""",
        sides=greedy_is_constant,
        source="the chapter's derivation",
        slips=slips_of(greedy_is_constant, "choice", "sampled"),
        tolerance=0,
    ),
    Claim(
        label="gumbel-noise",
        equation=r"""
\begin{aligned}
& P(G \le g) = e^{-e^{-g}} \\
& \text{for } G = -\log E, \; E \sim \mathrm{Exp}(1)
\end{aligned}
""",
        sides=noise_law,
        source="Gumbel (1954)",
        slips=slips_of(noise_law, "form", "log(-log u), sign lost", "Gaussian of the same mean and variance"),
        relation="~",
    ),
    Claim(
        label="gumbel-max",
        equation=r"""
\begin{aligned}
& P\bigl( \arg\max_k (a_k + G_k) = i \bigr) \\
& \quad = \mathrm{softmax}(a)_i
\end{aligned}
""",
        sides=gumbel_max_law,
        source="Maddison et al. (2014), section 2; the chapter's derivation",
        slips=slips_of(gumbel_max_law, "noise", "Gaussian noise", "log(-log u), sign lost"),
        relation="~",
    ),
    Claim(
        label="relaxation-limits",
        equation=r"""
\begin{aligned}
\tau \to 0: \; & \mathbb{E}[y_\tau] \to \mathrm{softmax}(a), \\
& \max_i y_{\tau,i} \to 1, \\
\tau \to \infty: \; & y_\tau \to (\tfrac1V, \dots, \tfrac1V)
\end{aligned}
""",
        sides=relaxation_limits,
        source="Maddison, Mnih & Teh (2017), Proposition 1",
        slips=slips_of(relaxation_limits, "form", "tau = 1 is cold enough", "no noise: softmax(a / tau)"),
        tolerance=2e-3,
    ),
    Claim(
        label="rounding-any-temperature",
        equation=r"""
\begin{aligned}
& P\bigl( \arg\max_k y_{\tau,k} = i \bigr) \\
& \quad = \mathrm{softmax}(a)_i \text{ for every } \tau > 0
\end{aligned}
""",
        sides=rounding_any_temperature,
        source="Maddison, Mnih & Teh (2017), Proposition 1",
        slips=slips_of(
            rounding_any_temperature, "word", "a word drawn from the row", "largest entry of softmax(a / tau)"
        ),
        relation="~",
    ),
    Claim(
        label="soft-is-caught",
        equation=r"""
\begin{aligned}
& \mathrm{JSD}(\text{one-hot}, \text{relaxed}) = \log 2 \\
& \text{for every } \tau > 0
\end{aligned}
""",
        sides=soft_is_caught,
        source="the chapter's derivation",
        slips=slips_of(soft_is_caught, "rows", "straight-through rows"),
    ),
    Claim(
        label="reinforce-unbiased",
        equation=r"""
\begin{aligned}
& \nabla_\varphi \, \mathbb{E}_{x \sim q_\varphi}[R(x)] \\
& \quad = \mathbb{E}_{x \sim q_\varphi}\bigl[ (R(x) - b) \, \nabla_\varphi \log q_\varphi(x) \bigr]
\end{aligned}
""",
        sides=reinforce_unbiased,
        source="Williams (1992), Theorem 1",
        slips=slips_of(
            reinforce_unbiased, "form", "one-hot without minus softmax", "slope of q for the slope of log q"
        ),
        tolerance=1e-8,
    ),
    Claim(
        label="baseline-is-free",
        equation=r"""
\begin{aligned}
& \mathbb{E}_{x \sim q_\varphi}\bigl[ b \, \nabla_\varphi \log q_\varphi(x) \bigr] \\
& \quad = b \, \nabla_\varphi \sum_x q_\varphi(x) = 0
\end{aligned}
""",
        sides=baseline_is_free,
        source="Williams (1992), section 3",
        slips=slips_of(baseline_is_free, "form", "the word's own reward"),
    ),
    Claim(
        label="batch-mean-shrinks",
        equation=r"""
\begin{aligned}
\mathbb{E}[\hat g_{\text{batch mean}}] &= \bigl( 1 - \tfrac1n \bigr) \nabla_\varphi \, \mathbb{E}[R], \\
\mathbb{E}[\hat g_{\text{leave one out}}] &= \nabla_\varphi \, \mathbb{E}[R]
\end{aligned}
""",
        sides=batch_mean_shrinks,
        source="the chapter's derivation",
        slips=slips_of(batch_mean_shrinks, "form", "both unbiased", "1/n for 1 - 1/n"),
    ),
    Claim(
        label="optimal-baseline",
        equation=r"""
\begin{aligned}
b^* &= \frac{\mathbb{E}\bigl[ \lVert g \rVert^2 R \bigr]}{\mathbb{E}\bigl[ \lVert g \rVert^2 \bigr]}, \\
g &= \nabla_\varphi \log q_\varphi(x)
\end{aligned}
""",
        sides=best_baseline,
        source="Greensmith, Bartlett & Baxter (2004); the chapter's derivation",
        slips=slips_of(best_baseline, "form", "the expected reward", "weighted by the length, not its square"),
        tolerance=1e-6,
    ),
    Claim(
        label="coin-variance",
        equation=r"""
\begin{aligned}
& \operatorname{Var}\bigl[ (R - b) \, g \bigr] \\
& \quad = \theta (1 - \theta) \bigl[ (1 - \theta) R_1 + \theta R_0 - b \bigr]^2
\end{aligned}
""",
        sides=coin_variance,
        source="the chapter's derivation",
        slips=slips_of(coin_variance, "form", "the expected reward is best", "a baseline leaves the variance alone"),
    ),
    Claim(
        label="straight-through-coin",
        equation=r"""
\begin{aligned}
& \mathbb{E}[\hat g_{\text{straight-through}}] \\
& \quad = \frac{d}{da} \mathbb{E}[R] + \theta (1 - \theta) (2 \theta - 1)
\end{aligned}
""",
        sides=straight_through_coin,
        source="the chapter's derivation",
        slips=slips_of(straight_through_coin, "form", "unbiased", "sign of the bias"),
    ),
    Claim(
        label="gumbel-bias-variance",
        equation=r"""
\begin{aligned}
\lVert \mathrm{bias}_{0.1} \rVert_\infty &\le \lVert \mathrm{bias}_{1} \rVert_\infty, \\
\mathrm{Var}_{1} &\le \mathrm{Var}_{0.1}
\end{aligned}
""",
        sides=gumbel_bias_variance,
        source="measured against the exact slope",
        slips=slips_of(gumbel_bias_variance, "form", "unbiased at tau = 1", "the variance falls with tau"),
        relation="<=",
    ),
    Claim(
        label="jsd-ranking",
        equation=r"""
\begin{aligned}
& \mathrm{JSD}_{\text{likelihood}} \\
& \quad \le \mathrm{JSD}_{\text{no baseline}} \\
& \quad \le \mathrm{JSD}_{\text{mean baseline}} \\
& \quad \le \mathrm{JSD}_{\text{soft Gumbel}}
\end{aligned}
""",
        sides=jsd_ranking,
        source="measured: exact laws of trained generators, means over the stored seeds",
        slips=slips_of(jsd_ranking, "form", "the smaller variance wins", "reward of a judge that never learns"),
        relation="<=",
        tolerance=0,
    ),
    Claim(
        label="distinct-among-n",
        equation=r"""
\begin{aligned}
& \mathbb{E}[\text{uniqueness}] \\
& \quad = \frac1n \sum_x \bigl[ 1 - (1 - p(x))^n \bigr]
\end{aligned}
""",
        sides=distinct_among_n,
        source="linearity of expectation",
        slips=slips_of(distinct_among_n, "form", "chance that two differ", "n does not matter"),
    ),
    Claim(
        label="novelty-of-the-truth",
        equation=r"""
\begin{aligned}
& \mathbb{E}[\text{uniqueness} \times \text{novelty}] \\
& \quad = \frac1n \sum_x \bigl[ 1 - (1 - p(x))^n \bigr] \\
& \qquad \times (1 - p(x))^N
\end{aligned}
""",
        sides=novelty_of_the_truth,
        source="linearity of expectation; N independent training strings",
        slips=slips_of(novelty_of_the_truth, "form", "all of it is novel", "1 - p, once"),
    ),
)

"""Claims of the chapter "Two ways to learn, two ways to sample"."""

from __future__ import annotations

import heapq
import itertools
import math
from functools import partial

import numpy as np
from scipy import optimize, stats
from scipy.special import expit

from lectures_pkg.claims import Claim, Side, estimate
from lectures_pkg.divergences import entropy, integrate, total_variation
from lectures_pkg.experiments.generative_models import digit_accuracies, missing_accuracies, synthetic_accuracies
from lectures_pkg.generative_models import (
    ClassBernoulli,
    DecisionProblem,
    complete,
    condition_gaussian,
    corridor,
    coupling_forward,
    coupling_inverse,
    log_ratio_from_logit,
    metropolis_matrix,
    neighbour_proposal,
    push_forward_log_prob,
    weighted_mean,
)
from lectures_pkg.worlds import binary_images, strokes

IMAGES = binary_images()
#: Weights of the five-state chain of the chapter: two likely ends, an unlikely middle.
TWO_PEAKS = (8.0, 1.0, 0.1, 1.0, 8.0)


# ---------------------------------------------------------------- one joint law


def gaussian_conditional(rng: np.random.Generator, formula: str = "conditional") -> tuple[Side, Side]:
    """Mean and variance of one coordinate given another from the formula; by quadrature of the joint density."""
    root = rng.normal(size=(2, 2)) + 1.5 * np.eye(2)
    covariance = root @ root.T + 0.3 * np.eye(2)
    mean = rng.normal(size=2)
    x = float(mean[1] + np.sqrt(covariance[1, 1]) * rng.choice([-1, 1]) * rng.uniform(1, 2))
    if formula == "conditional":
        centre, spread = condition_gaussian(mean, covariance, [1], [x])
        left = [centre[0], spread[0, 0]]
    elif formula == "other line solved backwards":  # the line of x1 given x0, read from x1 to x0
        left = [
            mean[0] + covariance[0, 0] / covariance[0, 1] * (x - mean[1]),
            covariance[0, 0] - covariance[0, 1] ** 2 / covariance[1, 1],
        ]
    else:  # the spread of the marginal law
        centre, _ = condition_gaussian(mean, covariance, [1], [x])
        left = [centre[0], covariance[0, 0]]
    joint = stats.multivariate_normal(mean, covariance)
    low, high = (mean[0] + sign * 14 * np.sqrt(covariance[0, 0]) for sign in (-1, 1))

    def moment(power: int, around: float = 0.0) -> float:
        return integrate(
            lambda t: (t - around) ** power * joint.pdf(np.column_stack([t, np.full_like(t, x)])), low, high
        )

    mass = moment(0)
    mean_given_x = moment(1) / mass
    return left, [mean_given_x, moment(2, mean_given_x) / mass]


def conditional_from_joint(rng: np.random.Generator, formula: str = "normalised") -> tuple[Side, Side]:
    """p(y | x) of all 16 images and two labels by the package; by enumeration, image by image."""
    law = _random_class_bernoulli(rng)
    joint = np.array([[_joint(law, x, y) for y in (0, 1)] for x in IMAGES])
    right = {
        "normalised": joint / joint.sum(axis=1, keepdims=True),
        "the likelihood p(x | y), normalised over y": (joint / law.prior)
        / (joint / law.prior).sum(axis=1, keepdims=True),
        "divided by p(y)": joint / law.prior,
    }
    return np.exp(law.log_posterior(IMAGES)), right[formula]


def posterior_completion(rng: np.random.Generator, formula: str = "conditional") -> tuple[Side, Side]:
    """Law of the missing pixels by the package, from the table of 16; through the label, in closed form."""
    noise = rng.uniform(0.02, 0.3)
    law = strokes(noise)
    left, right = [], []
    for observed in itertools.product((0, 1, None), repeat=4):
        known = [j for j in range(4) if observed[j] is not None]
        missing = [j for j in range(4) if observed[j] is None]
        posterior = complete(law, np.array(observed, dtype=float))
        if formula == "not renormalised":
            posterior = np.where(posterior > 0, law, 0.0)
        elif formula == "the observed pixels summed out":
            posterior = np.array([sum(law[(IMAGES[:, missing] == x[missing]).all(axis=1)]) for x in IMAGES])
        # Which stroke, given the observed pixels; then each missing pixel on its own.
        ink = [np.abs(np.array(stroke) - noise) for stroke in ([1, 0, 1, 0], [0, 1, 0, 1])]
        evidence = [math.prod(p[j] if observed[j] else 1 - p[j] for j in known) for p in ink]
        agrees = [all(x[j] == observed[j] for j in known) for x in IMAGES]
        weights = np.array(evidence) / sum(evidence)
        left.append(posterior)
        right.append(
            [
                ok
                * sum(
                    w * math.prod(p[j] if x[j] else 1 - p[j] for j in missing)
                    for w, p in zip(weights, ink, strict=True)
                )
                for x, ok in zip(IMAGES, agrees, strict=True)
            ]
        )
    return np.array(left), np.array(right)


def code_length(rng: np.random.Generator, code: str = "prefix") -> tuple[Side, Side]:
    """Entropy in bits; expected length of the best code, built by merging (Huffman)."""
    law = strokes(rng.uniform(0.01, 0.2))
    if code == "prefix":
        length = _huffman_length(law)
    else:  # the likeliest image gets the empty word, the next two one bit: such words can't be told apart in a row
        length = float(sum(p * int(math.log2(k + 1)) for k, p in enumerate(sorted(law, reverse=True))))
    return entropy(law, base=2), length


def class_bernoulli_log_odds(rng: np.random.Generator, bias: str = "complete") -> tuple[Side, Side]:
    """Log-odds of all 16 images by Bayes' rule, factor by factor; from the weights and the bias."""
    law = _random_class_bernoulli(rng)
    left = [math.log(_joint(law, x, 1) / _joint(law, x, 0)) for x in IMAGES]
    weight, constant = law.logistic_weights()
    if bias == "without the empty pixels":
        constant = math.log(law.prior[1] / law.prior[0])
    elif bias == "without the prior":
        constant -= math.log(law.prior[1] / law.prior[0])
    return left, IMAGES @ weight + constant


def missing_factors(rng: np.random.Generator, missing: str = "left out") -> tuple[Side, Side]:
    """Joint probability of the present pixels and the label by summing over the others; by leaving factors out."""
    law = _random_class_bernoulli(rng)
    left, right = [], []
    for observed in itertools.product((0, 1, None), repeat=4):
        agrees = [x for x in IMAGES if all(o is None or o == p for o, p in zip(observed, x, strict=True))]
        left.append([sum(_joint(law, x, y) for x in agrees) for y in (0, 1)])
        given = [0.0 if pixel is None and missing == "set to zero" else pixel for pixel in observed]
        if missing == "set to one half":  # half of each factor's log
            given = list(observed)
            extra = 0.5 * (np.log(law.probabilities) + np.log1p(-law.probabilities))
            right.append(
                np.exp(
                    law.log_joint(np.array([given], dtype=float))[0]
                    + extra[:, [pixel is None for pixel in observed]].sum(axis=1)
                )
            )
            continue
        right.append(np.exp(law.log_joint(np.array([given], dtype=float))[0]))
    return np.array(left), np.array(right)


def _random_class_bernoulli(rng: np.random.Generator) -> ClassBernoulli:
    share = rng.uniform(0.15, 0.35)
    return ClassBernoulli(np.array([share, 1 - share]), rng.uniform(0.05, 0.95, (2, 4)))


def _joint(law: ClassBernoulli, x: np.ndarray, y: int) -> float:
    return float(
        law.prior[y] * math.prod(p if pixel else 1 - p for p, pixel in zip(law.probabilities[y], x, strict=True))
    )


def _huffman_length(law: np.ndarray) -> float:
    """Expected length in bits: each merge puts one more bit before all that it holds."""
    heap = [float(p) for p in law]
    heapq.heapify(heap)
    total = 0.0
    while len(heap) > 1:
        merged = heapq.heappop(heap) + heapq.heappop(heap)
        total += merged
        heapq.heappush(heap, merged)
    return total


# ---------------------------------------------------------------- Metropolis


def detailed_balance(rng: np.random.Generator, rule: str = "Metropolis") -> tuple[Side, Side]:
    """Flow from i to j, and from j to i, for every pair of five states and a lopsided proposal."""
    weights, proposal = _random_chain(rng)
    flow = (weights / weights.sum())[:, None] * _transition(weights, proposal, rule)
    return flow, flow.T


def metropolis_stationary(rng: np.random.Generator, rule: str = "Metropolis") -> tuple[Side, Side]:
    """The target after one more step; the target."""
    weights, proposal = _random_chain(rng)
    target = weights / weights.sum()
    return target @ _transition(weights, proposal, rule), target


def slow_metropolis(rng: np.random.Generator, proposal: str = "neighbours") -> tuple[Side, Side]:
    """Distance from the target after ten steps, its weights known everywhere; one fifth."""
    weights = np.array(TWO_PEAKS)
    target = weights / weights.sum()
    q = neighbour_proposal(5) if proposal == "neighbours" else np.full((5, 5), 0.2)
    law = np.eye(5)[0] @ np.linalg.matrix_power(metropolis_matrix(np.log(weights), q), 10)
    return total_variation(law, target), 0.2


def _random_chain(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    weights = np.exp(rng.normal(scale=1.5, size=5))
    return weights, 0.8 * rng.dirichlet(np.ones(5), size=5) + 0.04


def _transition(weights: np.ndarray, proposal: np.ndarray, rule: str) -> np.ndarray:
    if rule == "Metropolis":
        return metropolis_matrix(np.log(weights), proposal)
    ratio = weights / weights[:, None]  # pi_j / pi_i
    if rule == "ratio inverted":
        accept = np.minimum(1, proposal * weights[:, None] / (proposal.T * weights))
    elif rule == "proposal forgotten":
        accept = np.minimum(1, ratio)
    else:  # refused moves are not counted: rows renormalised over the accepted ones
        accept = np.minimum(1, ratio * proposal.T / proposal)
    moves = proposal * accept
    np.fill_diagonal(moves, 0.0)
    if rule == "only accepted moves":
        return moves / moves.sum(axis=1, keepdims=True)
    return moves + np.diag(1 - moves.sum(axis=1))


# ---------------------------------------------------------------- changing variables


def change_of_variables(rng: np.random.Generator, jacobian: str = "of the inverse") -> tuple[Side, Side]:
    """Mass of intervals of x = exp(m + s z) by quadrature of the density; mass of the intervals of z they come from."""
    m, s = rng.normal(scale=0.3), rng.choice([-1, 1]) * rng.uniform(0.5, 0.8)
    slope = {
        "of the inverse": lambda x: 1 / (s * x),
        "left out": lambda x: np.ones_like(x),
        "of the map itself": lambda x: s * x,
    }[jacobian]
    log_prob = push_forward_log_prob(stats.norm.logpdf, lambda x: (np.log(x) - m) / s, slope)
    edges = np.exp(m) * np.array([0.3, 0.5, 0.8, 1.5, 2.5, 4.0])
    left = [integrate(lambda x: np.exp(log_prob(x)), a, b) for a, b in itertools.pairwise(edges)]
    right = np.abs(np.diff(stats.norm.cdf((np.log(edges) - m) / s)))
    return left, right


def coupling_determinant(rng: np.random.Generator, formula: str = "sum of s") -> tuple[Side, Side]:
    """log |det| of the matrix of derivatives by central differences; what the layer says."""
    a, b, c = rng.uniform(0.3, 1.0, 3)
    log_scale, shift = (lambda u: a + 0.5 * np.sin(b * u)), (lambda u: c * u**2)
    z = rng.normal(size=(6, 2))
    h = 1e-5
    columns = [
        (coupling_forward(z + h * e, log_scale, shift)[0] - coupling_forward(z - h * e, log_scale, shift)[0]) / (2 * h)
        for e in np.eye(2)
    ]
    left = np.linalg.slogdet(np.stack(columns, axis=2))[1]
    x, log_det = coupling_forward(z, log_scale, shift)
    round_trip = np.abs(coupling_inverse(x, log_scale, shift) - z).max()
    right = {"sum of s": log_det, "with a minus sign": -log_det, "no stretching": np.zeros(6)}[formula]
    return left, right + round_trip


# ---------------------------------------------------------------- weighing


def debiasing_weight(rng: np.random.Generator, weight: str = "p/q") -> tuple[Side, Side]:
    """Mean of f under p, by enumeration; the package's weighted mean of a sample that follows q exactly."""
    counts = 20 + rng.multinomial(1000, rng.dirichlet(np.ones(8)))
    p, q, f = 0.9 * rng.dirichlet(np.ones(8)) + 0.1 / 8, counts / counts.sum(), np.arange(8.0) ** 2
    log_ratio = {"p/q": np.log(p / q), "q/p": np.log(q / p), "none": np.zeros(8)}[weight]
    # A sample that holds each value just as often as q says.
    return float(p @ f), weighted_mean(np.repeat(f, counts), np.repeat(log_ratio, counts)).mean


def classifier_ratio(rng: np.random.Generator, sizes: str = "counted") -> tuple[Side, Side]:
    """p / q, from the tables; from a classifier fitted by maximum likelihood to lopsided classes."""
    p, q = 0.8 * rng.dirichlet(np.ones(6), size=2) + 0.2 / 6
    n_p, n_q = float(rng.integers(100, 200)), float(rng.integers(500, 900))

    def loss(logits: np.ndarray) -> tuple[float, np.ndarray]:
        value = n_p * p @ np.logaddexp(0, -logits) + n_q * q @ np.logaddexp(0, logits)
        return value, n_q * q * expit(logits) - n_p * p * expit(-logits)

    fitted = optimize.minimize(loss, np.zeros(6), jac=True, method="BFGS", options={"gtol": 1e-8}).x
    if sizes == "forgotten":
        n_p = n_q = 1.0
    ratio = np.exp(log_ratio_from_logit(fitted, n_p, n_q))
    return p / q, expit(fitted) if sizes == "D itself" else ratio


# ---------------------------------------------------------------- planning


def policy_value(rng: np.random.Generator, formula: str = "solved") -> tuple[Side, Side]:
    """Mean discounted reward of simulated episodes; the linear system's solution."""
    problem = corridor()
    policy = (0, 0, 1, 1, 1)
    left = estimate(problem.simulate(policy, 2, 10_000, 80, rng))  # 0.8^80 is 2e-8
    value = problem.policy_value(policy)[2]
    right = {
        "solved": value,
        "first reward discounted too": problem.discount * value,
        "no discount, 80 steps": problem.reward.mean() * 80,
    }
    return left, right[formula]


def simulation_lemma(rng: np.random.Generator, power: int = 2) -> tuple[Side, Side]:
    """Largest error of the values under a learned law; the bound. Two states: one pays, and may be lost for good."""
    error, discount = float(rng.uniform(0.005, 0.02)), 0.9
    reward = np.array([1.0, 0.0])
    truth, learned = (
        DecisionProblem(np.array([[[1 - loss, loss], [0.0, 1.0]]]), reward, discount) for loss in (0.0, error)
    )
    left = np.abs(truth.policy_value((0, 0)) - learned.policy_value((0, 0))).max()
    return left, discount * error * np.ptp(reward) / (1 - discount) ** power


# ---------------------------------------------------------------- the experiment


def discriminative_wins(rng: np.random.Generator, swapped: bool = False) -> tuple[Side, Side]:
    """Accuracy on grey digits at 5 and at 20 labels per class, 6 draws: logistic regression; naive Bayes."""
    seeds = rng.integers(2**31, size=6)
    runs = [[digit_accuracies(n, int(seed), ("logistic", "naive_bayes")) for seed in seeds] for n in (5, 20)]
    logistic, bayes = (
        np.array([np.mean([run[name] for run in row]) for row in runs]) for name in ("logistic", "naive_bayes")
    )
    return (bayes, logistic) if swapped else (logistic, bayes)


def generative_wins(rng: np.random.Generator, swapped: bool = False) -> tuple[Side, Side]:
    """Exact accuracy at 10 labels per class in 40 worlds where the assumption is true: the law; weakly penalised."""
    runs = [synthetic_accuracies(10, int(seed), ("logistic_weak",)) for seed in rng.integers(2**31, size=40)]
    law, logistic = (float(np.mean([run[name] for run in runs])) for name in ("class_bernoulli", "logistic_weak"))
    return (logistic, law) if swapped else (law, logistic)


def unforeseen_question(rng: np.random.Generator, share: float = 0.5) -> tuple[Side, Side]:
    """Accuracy on binary digits with half of the pixels missing: the law; logistic regression on filled-in images."""
    runs = [missing_accuracies(share, int(seed)) for seed in rng.integers(2**31, size=5)]
    law, logistic = (float(np.mean([run[name] for run in runs])) for name in ("class_bernoulli", "logistic"))
    return law, logistic


CLAIMS = (
    Claim(
        "gaussian-conditional",
        r"""\begin{aligned}
\mu_{a \mid b} &= \mu_a + \Sigma_{ab} \Sigma_{bb}^{-1} (x_b - \mu_b) \\
\Sigma_{a \mid b} &= \Sigma_{aa} - \Sigma_{ab} \Sigma_{bb}^{-1} \Sigma_{ba}
\end{aligned}""",
        gaussian_conditional,
        "the chapter's derivation; Bishop (2006), eqs. (2.81), (2.82)",
        {
            "the other regression line, solved backwards": partial(
                gaussian_conditional, formula="other line solved backwards"
            ),
            "the spread of the marginal law": partial(gaussian_conditional, formula="marginal spread"),
        },
        tolerance=1e-9,
    ),
    Claim(
        "conditional-from-joint",
        r"p(y \mid x) = \frac{p(x, y)}{\sum_{y'} p(x, y')}",
        conditional_from_joint,
        "by definition of a conditional law",
        {
            "the likelihood, without the prior": partial(
                conditional_from_joint, formula="the likelihood p(x | y), normalised over y"
            ),
            "p(x | y) taken for p(y | x)": partial(conditional_from_joint, formula="divided by p(y)"),
        },
    ),
    Claim(
        "posterior-completion",
        r"p(x_m \mid x_o) = \frac{p(x_m, x_o)}{\sum_{x_m'} p(x_m', x_o)}",
        posterior_completion,
        "by definition of a conditional law",
        {
            "not renormalised": partial(posterior_completion, formula="not renormalised"),
            "the observed pixels summed out": partial(posterior_completion, formula="the observed pixels summed out"),
        },
    ),
    Claim(
        "code-length",
        r"""\begin{aligned}
H_2(p) &= -\sum_x p(x) \log_2 p(x) \\
&\le \mathbb{E}\bigl[ \text{bits} \bigr]
\end{aligned}""",
        code_length,
        "Shannon (1948), theorem 9; Huffman (1952)",
        {"words that can't be told apart in a row": partial(code_length, code="one to one")},
        relation="<=",
    ),
    Claim(
        "class-bernoulli-log-odds",
        r"""\begin{aligned}
& \log \frac{p(y = 1 \mid x)}{p(y = 0 \mid x)} = w^\top x + b, \\
& w_j = \log \frac{p_{1j}}{1 - p_{1j}} - \log \frac{p_{0j}}{1 - p_{0j}}, \\
& b = \log \frac{\pi_1}{\pi_0} + \sum_j \log \frac{1 - p_{1j}}{1 - p_{0j}}
\end{aligned}""",
        class_bernoulli_log_odds,
        "the chapter's derivation",
        {
            "bias without the empty pixels": partial(class_bernoulli_log_odds, bias="without the empty pixels"),
            "bias without the prior": partial(class_bernoulli_log_odds, bias="without the prior"),
        },
    ),
    Claim(
        "missing-factors",
        r"""\begin{aligned}
& \sum_{x_m} p(x_m, x_o, y) \\
&\quad = \pi_y \prod_{j \in o} p_{yj}^{x_j} (1 - p_{yj})^{1 - x_j}
\end{aligned}""",
        missing_factors,
        "the chapter's derivation",
        {
            "a missing pixel taken for a zero": partial(missing_factors, missing="set to zero"),
            "a missing pixel set to one half": partial(missing_factors, missing="set to one half"),
        },
    ),
    Claim(
        "detailed-balance",
        r"\pi_i T_{ij} = \pi_j T_{ji}",
        detailed_balance,
        "Metropolis et al. (1953); Hastings (1970)",
        {
            "ratio inverted": partial(detailed_balance, rule="ratio inverted"),
            "a lopsided proposal forgotten": partial(detailed_balance, rule="proposal forgotten"),
        },
    ),
    Claim(
        "metropolis-stationary",
        r"\sum_i \pi_i T_{ij} = \pi_j",
        metropolis_stationary,
        "the chapter's derivation",
        {"only accepted moves counted": partial(metropolis_stationary, rule="only accepted moves")},
    ),
    Claim(
        "slow-metropolis",
        r"\mathrm{TV}\bigl( e_0^\top T^{10}, \pi \bigr) \ge 0.2",
        slow_metropolis,
        "the chapter's example",
        {"a proposal that knows the whole space": partial(slow_metropolis, proposal="uniform")},
        relation=">=",
    ),
    Claim(
        "change-of-variables",
        r"p_X(x) = p_Z\bigl( g^{-1}(x) \bigr) \, \Bigl\lvert \frac{d}{dx} g^{-1}(x) \Bigr\rvert",
        change_of_variables,
        "the chapter's derivation",
        {
            "no derivative": partial(change_of_variables, jacobian="left out"),
            "derivative of g instead of its inverse": partial(change_of_variables, jacobian="of the map itself"),
        },
        tolerance=1e-9,
    ),
    Claim(
        "coupling-determinant",
        r"\log \Bigl\lvert \det \frac{\partial x}{\partial z} \Bigr\rvert = s(z_1)",
        coupling_determinant,
        "Dinh, Sohl-Dickstein & Bengio (2017), eq. (6)",
        {
            "with a minus sign": partial(coupling_determinant, formula="with a minus sign"),
            "no stretching": partial(coupling_determinant, formula="no stretching"),
        },
        tolerance=1e-7,
    ),
    Claim(
        "debiasing-weight",
        r"\mathbb{E}_{p}\bigl[ f(x) \bigr] = \mathbb{E}_{q}\Bigl[ \frac{p(x)}{q(x)} \, f(x) \Bigr]",
        debiasing_weight,
        "the chapter's derivation",
        {
            "the ratio upside down": partial(debiasing_weight, weight="q/p"),
            "no weights": partial(debiasing_weight, weight="none"),
        },
    ),
    Claim(
        "classifier-ratio",
        r"\frac{p(x)}{q(x)} = \frac{n_q}{n_p} \cdot \frac{D(x)}{1 - D(x)}",
        classifier_ratio,
        "the chapter's derivation; Sugiyama, Suzuki & Kanamori (2012)",
        {
            "class sizes forgotten": partial(classifier_ratio, sizes="forgotten"),
            "D itself as the weight": partial(classifier_ratio, sizes="D itself"),
        },
        tolerance=1e-6,
    ),
    Claim(
        "policy-value",
        r"V = r + \gamma P V",
        policy_value,
        "Bellman (1957)",
        {
            "the first reward discounted too": partial(policy_value, formula="first reward discounted too"),
            "no discount": partial(policy_value, formula="no discount, 80 steps"),
        },
    ),
    Claim(
        "simulation-lemma",
        r"""\begin{aligned}
\max_s & \, \bigl\lvert V(s) - \hat V(s) \bigr\rvert \\
&\le \frac{\gamma R}{(1 - \gamma)^2} \max_s \mathrm{TV}\bigl( P_s, \hat P_s \bigr)
\end{aligned}""",
        simulation_lemma,
        "the chapter's derivation; Kearns & Singh (2002)",
        {"errors that don't add up on the way": partial(simulation_lemma, power=1)},
        relation="<=",
    ),
    Claim(
        "discriminative-wins-on-digits",
        r"\mathrm{acc}_{\mathrm{LR}}(n) \ge \mathrm{acc}_{\mathrm{NB}}(n), \qquad n = 5, 20",
        discriminative_wins,
        "the chapter's experiment",
        {"generative wins with few labels": partial(discriminative_wins, swapped=True)},
        relation=">=",
        tolerance=1e-3,
    ),
    Claim(
        "generative-wins-where-true",
        r"""\begin{aligned}
& \mathrm{acc}_{\text{law}}(10) \ge \mathrm{acc}_{\text{logistic}}(10), \\
& C = 100
\end{aligned}""",
        generative_wins,
        "the chapter's experiment; Ng & Jordan (2002)",
        {"discriminative always wins": partial(generative_wins, swapped=True)},
        relation=">=",
        tolerance=1e-3,
    ),
    Claim(
        "unforeseen-question",
        r"""\begin{aligned}
& \mathrm{acc}_{\text{law}} \ge \mathrm{acc}_{\text{logistic}} \\
& \text{(half of the pixels missing)}
\end{aligned}""",
        unforeseen_question,
        "the chapter's experiment",
        {"on whole images too": partial(unforeseen_question, share=0.0)},
        relation=">=",
        tolerance=1e-3,
    ),
)

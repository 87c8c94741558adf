"""Claims of the chapter "Neural language models and word vectors"."""

from __future__ import annotations

import itertools
import math
from functools import cache, partial

import numpy as np
import torch
from scipy import optimize, stats
from scipy.special import expit, log_expit, softmax
from torch import Tensor, nn

from lectures_pkg.claims import SMALLEST_P_VALUE, Claim, Estimate, Side, estimate
from lectures_pkg.divergences import kl_divergence
from lectures_pkg.experiments import neural_lm as experiment
from lectures_pkg.neural_lm import (
    END_ID,
    GRULM,
    PAD,
    NeuralNgram,
    TransformerLM,
    attention_weights,
    fit_word_vectors,
    influence,
    nats_per_token,
    negative_sampling_loss,
    next_token_loss,
    pointwise_mutual_information,
    sample,
    sentence_log_probs,
)
from lectures_pkg.ngrams import NgramModel
from lectures_pkg.training import seeded

Pair = tuple[Side, Side]


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


def _three_models(rng: np.random.Generator, n_words: int = 3, *, causal: bool = True) -> list[nn.Module]:
    """Untrained models in float64 whose laws are far from uniform."""
    with seeded(_seed(rng)):
        models = [
            NeuralNgram(n_words, 3, 4, 5),
            GRULM(n_words, 4, 5),
            TransformerLM(n_words, 4, n_layers=2, n_heads=2, causal=causal),
        ]
        for model in models:
            nn.init.normal_(model.output.weight, std=0.7)  # type: ignore[union-attr,arg-type]
    return [model.double().eval() for model in models]


def _strings(n_words: int, length: int, end: bool) -> Tensor:
    """All strings of ``length`` words behind the boundary, with or without one at their end."""
    rows = [
        [END_ID, *string, *([END_ID] if end else [])] for string in itertools.product(range(1, n_words), repeat=length)
    ]
    return torch.tensor(rows)


# ---------------------------------------------------------------- the chain rule, once more


def normalised(rng: np.random.Generator, causal: bool = True, ends: bool = True) -> Pair:
    """Mass of all sentences of up to three words, and of all beginnings of four; one, for each of the models."""
    totals = []
    for model in _three_models(rng, causal=causal):
        total = sum(float(sentence_log_probs(model, _strings(3, m, True)).exp().sum()) for m in range(4))
        if ends:
            total += float(sentence_log_probs(model, _strings(3, 4, False)).exp().sum())
        totals.append(total)
    return totals, np.ones(3)


def softmax_gradient(rng: np.random.Generator, formula: str = "p - onehot") -> Pair:
    """Autograd through the package's loss (right to rounding, huge logits too); and central differences of it."""
    logits, targets = rng.normal(0, 2, size=(1, 3, 5)), rng.integers(5, size=(1, 3))
    logits[0, 0] += 1000.0
    targets[0, 1] = PAD
    a = torch.tensor(logits, requires_grad=True)
    (slope,) = torch.autograd.grad(next_token_loss(a, torch.from_numpy(targets)), a)
    p = softmax(logits, axis=-1)
    onehot = np.zeros_like(p)
    right = np.zeros_like(p)
    for t in (0, 2):  # the padded place is not scored
        onehot[0, t, targets[0, t]] = 1.0
        right[0, t] = {
            "p - onehot": (p - onehot)[0, t],
            "onehot - p": (onehot - p)[0, t],
            "through the target only": (onehot * (p - 1))[0, t],
        }[formula]
    h, differences = 1e-5, np.zeros_like(p)
    for index in np.ndindex(p.shape):
        step = np.zeros_like(p)
        step[index] = h
        up, down = (float(next_token_loss(torch.tensor(logits + s * step), torch.from_numpy(targets))) for s in (1, -1))
        differences[index] = (up - down) / (2 * h)
    return np.stack([slope.numpy(), differences]) * 2, np.stack([right, right])


def bengio_parameters(rng: np.random.Generator, formula: str = "with the table of vectors") -> Pair:
    """Numbers counted in the package's network; the formula."""
    v, n, m, h = (int(rng.integers(low, high)) for low, high in ((5, 40), (2, 7), (2, 20), (2, 30)))
    counted = sum(p.numel() for p in NeuralNgram(v, n, m, h).parameters())
    table = n - 1 if formula == "without" else n
    window = n if formula == "n words of context" else n - 1
    return counted, v * (1 + table * m + h) + h * (1 + window * m)


def bits_from_nats(rng: np.random.Generator, factor: float = 1 / math.log(2)) -> Pair:
    """Mean of -log2 of the model's own probabilities; the package's nats per token, converted."""
    model = _three_models(rng)[1]
    tokens = torch.from_numpy(rng.integers(0, 3, size=(6, 7)))
    tokens[:, 0] = END_ID
    with torch.no_grad():
        probs = model(tokens[:, :-1]).softmax(dim=-1).numpy()
    shown = np.take_along_axis(probs, tokens[:, 1:, None].numpy(), axis=-1)
    return float(-np.log2(shown).mean()), nats_per_token(model, tokens) * factor


# ---------------------------------------------------------------- three functions


def gru_update(rng: np.random.Generator, formula: str = "z keeps") -> Pair:
    """States of the package's recurrent network; the four lines of the definition, by hand."""
    with seeded(_seed(rng)):
        model = GRULM(5, 3, 4).double()
        for parameter in model.recurrent.parameters():
            nn.init.normal_(parameter)
    x = rng.normal(size=(6, 3))
    with torch.no_grad():
        left = model.recurrent(torch.from_numpy(x)[None])[0][0].numpy()
    w, u, b, c = (p.detach().numpy() for p in model.recurrent.parameters())
    w_r, w_z, w_n = np.split(w, 3)
    u_r, u_z, u_n = np.split(u, 3)
    b_r, b_z, b_n = np.split(b, 3)
    c_r, c_z, c_n = np.split(c, 3)
    state, right = np.zeros(4), []
    for x_t in x:
        r = expit(w_r @ x_t + b_r + u_r @ state + c_r)
        z = expit(w_z @ x_t + b_z + u_z @ state + c_z)
        if formula == "reset before the matrix":
            new = np.tanh(w_n @ x_t + b_n + u_n @ (r * state) + c_n)
        else:
            new = np.tanh(w_n @ x_t + b_n + r * (u_n @ state + c_n))
        state = z * new + (1 - z) * state if formula == "z renews" else (1 - z) * new + z * state
        right.append(state)
    return left, np.array(right)


class _LooksOneAhead(TransformerLM):
    """The slip: a mask that begins one diagonal too late."""

    def mask(self, length: int) -> Tensor:
        return torch.ones(length, length, dtype=torch.bool).tril(1)


def causal_jacobian(rng: np.random.Generator, slip: str = "") -> Pair:
    """Largest slope of logits t in vectors s > t, by autograd, for each of the models; exactly zero."""
    models = _three_models(rng, 5, causal=slip != "no mask")
    if slip == "one diagonal too late":
        with seeded(_seed(rng)):
            models[2] = _LooksOneAhead(5, 4).double()
    tokens = torch.from_numpy(rng.integers(0, 5, size=7))
    future = np.triu(np.ones((7, 7), dtype=bool), 1)
    return [influence(model, tokens)[future].max() for model in models], np.zeros(3)


def dot_product_variance(rng: np.random.Generator, formula: str = "d") -> Pair:
    """Mean squares of q·k and of the package's attention scores, at two lengths of vectors; d and 1."""
    left: list[object] = []
    errors: list[object] = []
    right: list[float] = []
    for d in (16, 64):
        q, k = rng.normal(size=(20_000, 1, d)), rng.normal(size=(20_000, 2, d))
        weights = attention_weights(torch.from_numpy(q), torch.from_numpy(k)).numpy()[:, 0]
        # The log odds of two weights are the difference of two uncorrelated scores: twice the variance of one.
        scaled = (np.log(weights[:, 0]) - np.log(weights[:, 1])) / math.sqrt(2)
        for side in (estimate((q * k[:, :1]).sum(axis=-1)[:, 0] ** 2), estimate(scaled**2)):
            left.append(side.mean)
            errors.append(side.standard_error)
        expected: dict[str, tuple[float, float]] = {
            "d": (d, 1), "scores divided by d": (d, 1 / d), "not divided": (d, d), "variance d²": (d**2, 1),
        }  # fmt: skip
        right += expected[formula]
    return Estimate(np.array(left), np.array(errors)), np.array(right, dtype=float)


def softmax_jacobian(rng: np.random.Generator, formula: str = "minus p p^T") -> Pair:
    """Slope of attention weights in the scores, by autograd through the package; the formula."""
    scores = torch.from_numpy(rng.normal(0, 2, size=5)).requires_grad_()
    one = torch.ones(1, 1, dtype=torch.float64)

    def weights(a: Tensor) -> Tensor:
        return attention_weights(one, a[:, None])[0]  # vectors of length 1: the scores are the keys

    left = torch.autograd.functional.jacobian(weights, scores).numpy()
    p = softmax(scores.detach().numpy())
    return left, np.diag(p) - (np.outer(p, p) if formula == "minus p p^T" else 0.0)


def order_blind(rng: np.random.Generator, positions: bool = False, n_layers: int = 1) -> Pair:
    """Last logits of one block without position vectors; the same after the past was shuffled."""
    with seeded(_seed(rng)):
        model = TransformerLM(9, 8, n_layers, 2, positions=positions).double()
    tokens = torch.from_numpy(rng.permutation(9))[None]
    order = (np.arange(8) + rng.integers(1, 8)) % 8 if rng.random() < 0.5 else np.arange(8)[::-1].copy()
    shuffled = torch.cat([tokens[:, order], tokens[:, -1:]], dim=1)
    with torch.no_grad():
        return model(tokens)[0, -1].numpy(), model(shuffled)[0, -1].numpy()


def sampler_law(rng: np.random.Generator, how: str = "softmax") -> Pair:
    """p-value of 6000 sampled sentences under the enumerated law, smallest of the three models; its floor."""
    p_values = []
    for model in _three_models(rng):
        strings = [_strings(3, m, True) for m in range(4)]
        expected = np.concatenate([sentence_log_probs(model, s).exp().numpy() for s in strings])
        keys = [tuple(row) for s in strings for row in s[:, 1:-1].tolist()]

        def drawn_from(tokens: Tensor, model: nn.Module = model) -> Tensor:
            logits = model(tokens)
            return 2.0 * logits if how == "temperature one half" else logits

        counts = dict.fromkeys(keys, 0)
        longer = 0
        for row in sample(drawn_from, 6000, rng, max_length=5)[:, 1:].tolist():
            key = tuple(index for index in row if index not in (END_ID, PAD))
            if key in counts:
                counts[key] += 1
            else:
                longer += 1
        found = np.array([*counts.values(), longer])
        law = np.append(expected, 1 - expected.sum())
        order = np.argsort(law)
        cells = np.add.reduceat  # merge rare cells, so that each expects ten or more
        edges = np.flatnonzero(np.diff(np.floor(np.cumsum(law[order]) * 6000 / 25), prepend=-1))
        p_values.append(stats.chisquare(cells(found[order], edges), cells(law[order], edges) * 6000).pvalue)
    return min(p_values), SMALLEST_P_VALUE


# ---------------------------------------------------------------- word vectors


def _joint(rng: np.random.Generator, n: int = 8) -> np.ndarray:
    law = 0.95 * rng.dirichlet(np.full(n * n, 0.7)).reshape(n, n) + 0.05 / n**2
    return law


def _by_chance(joint: np.ndarray) -> np.ndarray:
    return joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)


def logistic_lemma(rng: np.random.Generator, formula: str = "a over b") -> Pair:
    """Maximiser of a log sigma(m) + b log sigma(-m), by a general search; log(a/b)."""
    left, right = [], []
    for a, b in rng.uniform(0.05, 3.0, size=(6, 2)):

        def loss(m: float, a: float = a, b: float = b) -> float:
            return -float(a * log_expit(m) + b * log_expit(-m))

        left.append(optimize.minimize_scalar(loss, bounds=(-12, 12), method="bounded", options={"xatol": 1e-10}).x)
        right.append(
            {"a over b": math.log(a / b), "b over a": math.log(b / a), "a over a + b": math.log(a / (a + b))}[formula]
        )
    return left, right


def sgns_optimum(rng: np.random.Generator, sign: float = -1.0) -> Pair:
    """Scalar products of vectors fitted at full rank; PMI - log k."""
    joint, k = _joint(rng, 6), int(rng.integers(2, 8))
    words, contexts = fit_word_vectors(joint, k, 6, rng)
    return words @ contexts.T, pointwise_mutual_information(joint) + sign * math.log(k)


def sgns_weighted(rng: np.random.Generator, weight: str = "true and false pairs") -> Pair:
    """Loss of random vectors of rank two above its minimum; weighted divergences of two coins, cell by cell."""
    joint, k = _joint(rng, 5), float(rng.integers(2, 8))
    best = pointwise_mutual_information(joint) - math.log(k)
    scores = rng.normal(size=(5, 2)) @ rng.normal(size=(2, 5))
    left = negative_sampling_loss(scores, joint, k) - negative_sampling_loss(best, joint, k)
    weights = {
        "true and false pairs": joint + k * _by_chance(joint),
        "true pairs only": joint,
        "all cells alike": np.full_like(joint, (1 + k) / joint.size),
    }[weight]
    coins = np.array(
        [
            kl_divergence([expit(b), expit(-b)], [expit(s), expit(-s)])
            for b, s in zip(best.ravel(), scores.ravel(), strict=True)
        ]
    )
    return left, float(weights.ravel() @ coins)


def sgns_not_a_law(rng: np.random.Generator, formula: str = "P / (P + k p)") -> Pair:
    """Sum over contexts of sigma(w·c), for each word, from fitted vectors; the formula."""
    joint, k = _joint(rng), int(rng.integers(1, 4))
    words, contexts = fit_word_vectors(joint, k, 8, rng)
    conditional = joint / joint.sum(axis=1, keepdims=True)
    right = (conditional / (conditional + k * joint.sum(axis=0))).sum(axis=1)
    return expit(words @ contexts.T).sum(axis=1), right if formula == "P / (P + k p)" else np.ones(8)


def sgns_recovered(rng: np.random.Generator, formula: str = "k p(c) e^m") -> Pair:
    """The law of the context given the word, from fitted vectors; from the joint law."""
    joint, k = _joint(rng), int(rng.integers(2, 8))
    words, contexts = fit_word_vectors(joint, k, 8, rng)
    scores = words @ contexts.T
    left = {
        "k p(c) e^m": k * joint.sum(axis=0) * np.exp(scores),
        "softmax of the scores": softmax(scores, axis=1),
        "without k": joint.sum(axis=0) * np.exp(scores),
    }[formula]
    return left, joint / joint.sum(axis=1, keepdims=True)


# ---------------------------------------------------------------- windows and agreement


def window_floor(rng: np.random.Generator, order_offset: int = 0) -> Pair:
    """Conditional entropy of the source given its last n - 1 words; exact cross-entropy of a model that sees them.

    The model is a Kneser-Ney model or an untrained network: the floor holds for whatever has this window.
    """
    training, _ = experiment.corpus(_seed(rng), 500, 0)
    left, right = [], []
    for order in (2, 3, 4, 5):
        left += [experiment.window_floor(order + order_offset)] * 2
        with seeded(_seed(rng)):
            network = NeuralNgram(len(experiment.source().words), order).double()
        counts = NgramModel(order, "kneser_ney").fit(training)
        right += [experiment.ngram_cross_entropy(counts), experiment.exact_cross_entropy(network)]
    left.append(experiment.window_floor(5))
    right.append(experiment.source().grammar.entropy_per_token())
    return left, right


def agreement_shares(rng: np.random.Generator, formula: str = "exact") -> Pair:
    """Share of the right verb form after "... near the dogs" under the best model of each order; by hand."""
    pairs, shares = experiment.minimal_pairs(), []
    for order in (2, 3, 4, 5):
        law = experiment.window_law(order)
        odds = []
        for before, right, wrong in pairs:
            row = law[tuple(before[len(before) - order + 1 :])]
            odds.append(row.get(right, 0.0) / (row.get(right, 0.0) + row.get(wrong, 0.0)))
        shares.append(odds)
    by_hand = {"exact": [1 / 10, 1 / 7, 1 / 2, 1], "one word later": [1 / 2, 1 / 10, 1 / 7, 1 / 2]}[formula]
    return shares, np.repeat(np.array(by_hand, dtype=float)[:, None], len(pairs), axis=1)


# ---------------------------------------------------------------- trained systems


@cache
def _training_sentences(seed: int) -> experiment.Sentences:
    return experiment.corpus(seed, n_test=0)[0]


@cache
def _trained(name: str, seed: int, n_steps: int = experiment.N_STEPS) -> nn.Module:
    """The chapter's steps, at the largest of its rates: with half of them a transformer is now and then not there."""
    return experiment.train(name, _training_sentences(seed), seed, n_steps=n_steps, learning_rate=max(experiment.RATES))


def neural_floor(rng: np.random.Generator, slip: str = "") -> Pair:
    """The source's entropy below each trained model's exact cross-entropy, and that below the entropy plus 0.02."""
    seed, entropy = _seed(rng), experiment.source().grammar.entropy_per_token()
    if slip == "no mask":
        found = [experiment.exact_cross_entropy(_trained("no_mask", seed, 200))]
    elif slip == "scored on the training sentences":
        # What the source itself pays on them is taken off: whether the sample was a lucky one is not the point.
        sentences = _training_sentences(seed)
        truth = experiment.source_cross_entropy(sentences)
        found = [experiment.sample_cross_entropy(_trained("window_7", seed), sentences) - truth + entropy]
    else:
        names = ("window_4",) if slip == "three words of context" else ("gru", "transformer")
        found = [experiment.exact_cross_entropy(_trained(name, seed)) for name in names]
    return [*[entropy] * len(found), *found], [*found, *[entropy + 0.02] * len(found)]


def agreement_learned(rng: np.random.Generator, orders: tuple[int, int, int, int] = (2, 3, 4, 5)) -> Pair:
    """Bounds on agreement across an attractor.

    Left: share of pairs on which n-grams of order 2 and 3 are right; distance of order 4's mean share from 1/2;
    share of pairs on which order 5 is wrong, and on which two networks are. Right: the bounds.
    """
    seed = _seed(rng)
    pairs = experiment.minimal_pairs()
    shares = [
        experiment.agreement_shares(NgramModel(order, "kneser_ney").fit(_training_sentences(seed)), pairs)
        for order in orders
    ]
    networks = (_trained("window_7", seed), _trained("transformer", seed))
    wrong = [float((experiment.agreement_shares(network, pairs) <= 0.5).mean()) for network in networks]
    left = [
        float((shares[0] > 0.5).mean()),
        float((shares[1] > 0.5).mean()),
        abs(float(shares[2].mean()) - 0.5),
        float((shares[3] <= 0.5).mean()),
        *wrong,
    ]
    return left, [0.05, 0.05, 0.15, 0.3, *[0.05] * len(wrong)]


BENGIO = "Bengio, Ducharme, Vincent & Jauvin (2003)"
VASWANI = "Vaswani et al. (2017)"
LEVY = "Levy & Goldberg (2014)"

CLAIMS = (
    Claim(
        "neural-chain-rule",
        r"\begin{aligned} \sum_{m=0}^{3} &\sum_{w_{1:m}} P_\theta(w_{1:m}, \text{end}) \\"
        r" &+ \sum_{w_{1:4}} P_\theta(w_{1:4} \dots) = 1 \end{aligned}",
        normalised,
        "the chapter's derivation",
        {
            "a transformer without its mask": partial(normalised, causal=False),
            "beginnings left out": partial(normalised, ends=False),
        },
    ),
    Claim(
        "softmax-gradient",
        r"\begin{aligned} \frac{\partial}{\partial a_v} &\bigl( -\log \mathrm{softmax}(a)_y \bigr) \\"
        r" &= p_v - \mathbf{1}[v = y] \end{aligned}",
        softmax_gradient,
        "the chapter's derivation",
        {
            "its sign turned": partial(softmax_gradient, formula="onehot - p"),
            "through the target's logit only": partial(softmax_gradient, formula="through the target only"),
        },
        tolerance=1e-6,
    ),
    Claim(
        "agreement-shares",
        r"\begin{aligned} s_2 &= \tfrac{1}{10}, & s_3 &= \tfrac17, \\ s_4 &= \tfrac12, & s_5 &= 1 \end{aligned}",
        agreement_shares,
        "the chapter's derivation",
        {"the window slipped by one word": partial(agreement_shares, formula="one word later")},
    ),
    Claim(
        "window-floor",
        r"H(p, q_n) \ge H(w_t \mid w_{t-n+1}, \dots, w_{t-1})",
        window_floor,
        "Gibbs' inequality, window by window",
        {"the floor of a window shorter by one": partial(window_floor, order_offset=-1)},
        relation="<=",
        tolerance=1e-9,
    ),
    Claim(
        "bengio-parameters",
        r"\begin{aligned} N = {} &|V| \, (1 + n m + h) \\ &+ h \, (1 + (n - 1) m) \end{aligned}",
        bengio_parameters,
        f"{BENGIO}, section 2",
        {
            "without the table of vectors": partial(bengio_parameters, formula="without"),
            "n words of context": partial(bengio_parameters, formula="n words of context"),
        },
        tolerance=0.0,
    ),
    Claim(
        "gru-update",
        r"h_t = (1 - z_t) \odot n_t + z_t \odot h_{t-1}",
        gru_update,
        "Cho et al. (2014), eq. (7)",
        {
            "the gate renews instead of keeps": partial(gru_update, formula="z renews"),
            "reset before the matrix": partial(gru_update, formula="reset before the matrix"),
        },
    ),
    Claim(
        "dot-product-variance",
        r"\begin{aligned} \operatorname{Var}(q^\top k) &= d, \\"
        r" \operatorname{Var}\bigl(q^\top k / \sqrt d\bigr) &= 1 \end{aligned}",
        dot_product_variance,
        f"{VASWANI}, section 3.2.1",
        {
            "scores divided by d": partial(dot_product_variance, formula="scores divided by d"),
            "scores not divided": partial(dot_product_variance, formula="not divided"),
            "variance d²": partial(dot_product_variance, formula="variance d²"),
        },
    ),
    Claim(
        "softmax-jacobian",
        r"\frac{\partial p_i}{\partial a_j} = p_i \, (\mathbf{1}[i = j] - p_j)",
        softmax_jacobian,
        "the chapter's derivation",
        {"the diagonal alone": partial(softmax_jacobian, formula="diagonal")},
    ),
    Claim(
        "causal-jacobian",
        r"\frac{\partial a_t}{\partial x_s} = 0 \quad \text{for every } s > t",
        causal_jacobian,
        "the chapter's derivation",
        {
            "no mask": partial(causal_jacobian, slip="no mask"),
            "the mask one diagonal too late": partial(causal_jacobian, slip="one diagonal too late"),
        },
        tolerance=0.0,
    ),
    Claim(
        "order-blind",
        r"\begin{aligned} a_t(&x_{\pi(0)}, \dots, x_{\pi(t-1)}, x_t) \\"
        r" &= a_t(x_0, \dots, x_{t-1}, x_t) \end{aligned}",
        order_blind,
        f"{VASWANI}, section 3.5",
        {"with position vectors": partial(order_blind, positions=True), "two blocks": partial(order_blind, n_layers=2)},
    ),
    Claim(
        "sampler-follows-model",
        r"\Pr[\text{sample} = S] = P_\theta(S)",
        sampler_law,
        "the chain rule",
        {"temperature one half": partial(sampler_law, how="temperature one half")},
        relation="~",
    ),
    Claim(
        "bits-from-nats",
        r"H_{\text{bits}} = H_{\text{nats}} / \ln 2",
        bits_from_nats,
        "change of base",
        {"multiplied by ln 2": partial(bits_from_nats, factor=math.log(2))},
    ),
    Claim(
        "neural-floor",
        r"H(p) \le H(p, q_\theta) \le H(p) + 0.02",
        neural_floor,
        "measured; the left-hand end is Gibbs' inequality",
        {
            "a transformer without its mask": partial(neural_floor, slip="no mask"),
            "scored on the training sentences": partial(neural_floor, slip="scored on the training sentences"),
            "three words of context are enough": partial(neural_floor, slip="three words of context"),
        },
        relation="<=",
        tolerance=1e-5,
    ),
    Claim(
        "agreement-learned",
        r"\begin{aligned} \text{right}_{2}, \text{right}_{3} &\le 0.05, \\ |\bar s_4 - \tfrac12| &\le 0.15, \\"
        r" \text{right}_5 &\ge 0.7, \\ \text{right}_{\text{networks}} &\ge 0.95 \end{aligned}",
        agreement_learned,
        "measured",
        {"context off by one": partial(agreement_learned, orders=(3, 4, 5, 6))},
        relation="<=",
        tolerance=1e-9,
    ),
    Claim(
        "logistic-lemma",
        r"\begin{aligned} \arg\max_m \bigl[ &a \log \sigma(m) \\"
        r" &+ b \log \sigma(-m) \bigr] = \log \frac{a}{b} \end{aligned}",
        logistic_lemma,
        "the chapter's derivation",
        {
            "log(b/a)": partial(logistic_lemma, formula="b over a"),
            "log of the probability instead of the odds": partial(logistic_lemma, formula="a over a + b"),
        },
        tolerance=1e-5,
    ),
    Claim(
        "sgns-optimum",
        r"w \cdot c = \mathrm{PMI}(w, c) - \log k",
        sgns_optimum,
        f"{LEVY}, section 3.1",
        {"PMI + log k": partial(sgns_optimum, sign=1.0), "PMI itself": partial(sgns_optimum, sign=0.0)},
        tolerance=1e-3,
    ),
    Claim(
        "sgns-weighted",
        r"\begin{aligned} &\ell(m) - \ell(m^*) \\ &= \sum_{w,c} \bigl[ P(w,c) + k P(w) P(c) \bigr] \\"
        r" &\qquad \cdot D_{\mathrm{KL}}\bigl( \sigma(m^*_{wc}) \Vert \sigma(m_{wc}) \bigr) \end{aligned}",
        sgns_weighted,
        "the chapter's derivation",
        {
            "weighted by the true pairs only": partial(sgns_weighted, weight="true pairs only"),
            "all cells alike": partial(sgns_weighted, weight="all cells alike"),
        },
        tolerance=1e-10,
    ),
    Claim(
        "sgns-not-a-law",
        r"\begin{aligned} \sum_c \sigma(w \cdot c) &= \sum_c \frac{P(c \mid w)}{P(c \mid w) + k P(c)} \\"
        r" &\ne 1 \text{ in general} \end{aligned}",
        sgns_not_a_law,
        "the chapter's derivation",
        {"the scores are a distribution": partial(sgns_not_a_law, formula="one")},
        tolerance=1e-3,
    ),
    Claim(
        "sgns-recovered",
        r"P(c \mid w) = k \, P(c) \, e^{w \cdot c}",
        sgns_recovered,
        "the chapter's derivation",
        {
            "softmax of the scores": partial(sgns_recovered, formula="softmax of the scores"),
            "k forgotten": partial(sgns_recovered, formula="without k"),
        },
        tolerance=1e-3,
    ),
)

"""Claims of the chapter "The chain rule and n-grams"."""

from __future__ import annotations

import itertools
from collections import Counter
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats

from lectures_pkg.claims import Claim, Estimate, Side, estimate
from lectures_pkg.ngrams import (
    END,
    START,
    NgramModel,
    fit_interpolation_weights,
    good_turing_missing_mass,
)
from lectures_pkg.worlds import Grammar, MarkovChain, Rules

LETTERS = "abc"


# ---------------------------------------------------------------- chain rule


def _short_sentences(rng: np.random.Generator, n: int = 300) -> list[tuple[str, ...]]:
    """Sentences of one to four letters from a random law over all of them."""
    every = [s for length in (1, 2, 3, 4) for s in itertools.product(LETTERS, repeat=length)]
    law = rng.dirichlet(np.full(len(every), 0.5))
    return [every[i] for i in rng.choice(len(every), size=n, p=law)]


def chain_rule(rng: np.random.Generator, order: int = 6) -> tuple[Side, Side]:
    """Share of each whole sentence in a corpus; product of the conditional shares of its words."""
    corpus = _short_sentences(rng)
    counts = Counter(corpus)
    model = NgramModel(order, "mle").fit(corpus)
    left = [count / len(corpus) for count in counts.values()]
    return left, [np.exp(model.sentence_log_prob(sentence)) for sentence in counts]


def _random_chain(
    rng: np.random.Generator, n_symbols: int = 3, order: int = 1, concentration: float = 0.7
) -> MarkovChain:
    return MarkovChain(rng.dirichlet(np.full(n_symbols, concentration), size=(n_symbols,) * order))


def total_mass(rng: np.random.Generator, first_factors: str = "P(w2|w1) P(w1)") -> tuple[Side, Side]:
    """Mass of all strings of four symbols under a product of conditionals; one."""
    # A skewed chain, so that the slip is far off for every seed.
    noise = rng.dirichlet(np.ones(3), size=3)
    chain = MarkovChain(0.75 * np.array([[0.9, 0.05, 0.05], [0.1, 0.1, 0.8], [0.3, 0.4, 0.3]]) + 0.25 * noise)
    strings = np.array(list(itertools.product(range(3), repeat=4)))
    if first_factors == "P(w2|w1) P(w1)":
        return np.exp(chain.log_prob(strings)).sum(), 1.0
    start = np.array([0.6, 0.3, 0.1])
    pairs = start[:, None] * chain.transition
    backwards = pairs / pairs.sum(axis=0)  # [a, b]: probability that the first was a, given that the second is b
    a, b, c, d = strings.T
    return (start[a] * backwards[a, b] * chain.transition[b, c] * chain.transition[c, d]).sum(), 1.0


def table_size(rng: np.random.Generator, free: str = "rows sum to one") -> tuple[Side, Side]:
    """Free numbers of all conditional tables, context by context; free numbers of the joint table."""
    n_words, length = int(rng.integers(2, 6)), int(rng.integers(2, 5))
    per_row = n_words - 1 if free == "rows sum to one" else n_words
    left = sum(per_row for i in range(length) for _ in itertools.product(range(n_words), repeat=i))
    joint = MarkovChain(rng.dirichlet(np.ones(n_words), size=n_words)).joint(length)
    return left, joint.size - 1


def end_symbol(rng: np.random.Generator, with_end: bool = True) -> tuple[Side, Side]:
    """Mass of all sentences of 0, 1, 2, … words under a bigram model, summed length by length; one."""
    model = NgramModel(2, "add_k", k=0.5).fit(_short_sentences(rng))
    words = [word for word in model.vocabulary if word != END]
    rows = {context: model.next_word([context]) for context in (START, *words)}
    step = np.array([[rows[a][b] for b in words] for a in words])
    reach = np.array([rows[START][b] for b in words])  # mass of the beginnings that end in each word
    stop = np.array([rows[a][END] for a in words])
    if not with_end:  # words only, renormalised: no sentence ever ends
        step, reach = step / step.sum(axis=1, keepdims=True), reach / reach.sum()
    total = rows[START][END] if with_end else 0.0
    for _ in range(400 if with_end else 6):
        total += float(reach @ stop) if with_end else float(reach.sum())
        reach = reach @ step
    return total, 1.0


def window(rng: np.random.Generator, first_offset: int = 1, n_words: int = -1) -> tuple[Side, Side]:
    """First word that changes P(w_i | …), and how many do; i - n + 1, and n - 1.

    The slip's window runs from i - n - 1, and so holds n + 1 words.
    """
    text = "".join(rng.choice(list("ab"), size=2000))
    left, right = [], []
    i = 10  # the word to be predicted; words are counted from 1
    pasts = [list(rng.choice(list("ab"), size=i - 1)) for _ in range(6)]
    for n in (2, 3, 4):
        model = NgramModel(n, "add_k", k=0.1).fit([list(text)])
        matters = [j for j in range(1, i) if any(_word_matters(model, past, j) for past in pasts)]
        left += [min(matters), len(matters)]
        right += [i - n + first_offset, n + n_words]
    return left, right


def _word_matters(model: NgramModel, past: list[str], j: int) -> bool:
    changed = [{"a": "b", "b": "a"}[word] if place == j else word for place, word in enumerate(past, start=1)]
    return model.log_prob("a", changed) != model.log_prob("a", past)


# ---------------------------------------------------------------- estimation and entropy


def relative_counts(rng: np.random.Generator, smoothing: str = "mle") -> tuple[Side, Side]:
    """The law that maximises the likelihood of counts, by numerical optimisation; relative counts."""
    words = rng.choice(list("abcd"), size=40, p=[0.4, 0.3, 0.2, 0.1])
    model = NgramModel(1, smoothing).fit([list(words), list("abcd")])
    counts = np.array([model.count([word]) for word in (*"abcd", END)], dtype=float)

    def loss(logits: np.ndarray) -> tuple[float, np.ndarray]:
        log_probs = logits - np.logaddexp.reduce(logits)
        return -float(counts @ log_probs), counts.sum() * np.exp(log_probs) - counts

    best = optimize.minimize(loss, np.zeros(5), jac=True, method="BFGS", options={"gtol": 1e-9}).x
    law = model.next_word()
    return np.exp(best - np.logaddexp.reduce(best)), [law[word] for word in (*"abcd", END)]


def markov_entropy_rate(rng: np.random.Generator, formula: str = "weighted rows") -> tuple[Side, Side]:
    """Minus the log probability per symbol of long strings; the formula."""
    chain = MarkovChain([[0.9, 0.08, 0.02], [0.3, 0.4, 0.3], [0.05, 0.05, 0.9]])
    strings = chain.sample(2000, 101, rng)
    per_symbol = -(chain.log_prob(strings) - chain.log_prob(strings[:, :1])) / 100
    rows = [stats.entropy(row) for row in chain.transition]
    formulas = {
        "weighted rows": chain.entropy_rate(),
        "plain mean of rows": np.mean(rows),
        "entropy of one symbol": stats.entropy(chain.stationary),
    }
    return estimate(per_symbol), float(formulas[formula])


def conditioning(rng: np.random.Generator, flat_from: int = 2) -> tuple[Side, Side]:
    """H given k words, by enumeration; H given k + 1, and the other way round from the order on."""
    noise = rng.dirichlet(np.ones(3), size=(3, 3))
    x, y, z = np.ogrid[:3, :3, :3]
    chain = MarkovChain(0.3 * noise + 0.7 * ((x + y) % 3 == z))  # the next symbol leans on the sum of the last two
    h = [chain.conditional_entropy(k) for k in range(4)]
    rate = chain.entropy_rate()
    return [h[0], h[1], rate, h[flat_from + 1]], [h[1], rate, h[3], h[flat_from] if flat_from < 2 else rate]


def perplexity(rng: np.random.Generator, formula: str = "exp") -> tuple[Side, Side]:
    """The package's perplexity, of a smoothed and of a uniform model; geometric mean of 1/P, and |V|."""
    corpus, test = _short_sentences(rng), _short_sentences(rng, n=20)
    model = NgramModel(2).fit(corpus)
    uniform = NgramModel(1, "add_k", k=1e15).fit(corpus)
    inverse = [
        1 / model.next_word([before])[word]
        for sentence in test
        for before, word in itertools.pairwise((START, *sentence, END))
    ]
    right = [stats.gmean(inverse), float(len(uniform.vocabulary))]
    if formula == "2 to the nats":
        return [2 ** model.cross_entropy(test), 2 ** uniform.cross_entropy(test)], right
    if formula == "mean of 1/P":
        right[0] = float(np.mean(inverse))
    return [model.perplexity(test), uniform.perplexity(test)], right


def cross_entropy_split(rng: np.random.Generator, divergence: str = "forward") -> tuple[Side, Side]:
    """Cross-entropy rate of a wrong bigram model; entropy rate plus Kullback-Leibler rate."""
    source = MarkovChain(0.8 * np.array([[0.9, 0.1], [0.6, 0.4]]) + 0.2 * rng.dirichlet([1, 1], size=2))
    model = MarkovChain(0.8 * np.array([[0.2, 0.8], [0.5, 0.5]]) + 0.2 * rng.dirichlet([1, 1], size=2))
    p, q = source.transition, model.transition
    rows = [stats.entropy(a, b) if divergence == "forward" else stats.entropy(b, a) for a, b in zip(p, q, strict=True)]
    weights = np.full(2, 0.5) if divergence == "unweighted" else source.stationary
    return source.cross_entropy_rate(model), source.entropy_rate() + float(weights @ rows)


RECURSIVE: Rules = {
    "S": [(1.0, ("NP", "V"))],
    "NP": [(0.55, ("the", "N")), (0.45, ("the", "N", "near", "NP"))],
    "N": [(0.5, ("cat",)), (0.3, ("dog",)), (0.2, ("bird",))],
    "V": [(0.6, ("sleeps",)), (0.4, ("runs",))],
}


def grammar_entropy(rng: np.random.Generator, formula: str = "(I - M)^-1") -> tuple[Side, Side]:
    """Minus the log probability of sampled sentences, by the inside algorithm; the grammar's entropy."""
    grammar = Grammar(RECURSIVE)
    draws = estimate([-grammar.log_prob(grammar.sample(rng)) for _ in range(2000)])
    h = grammar.rule_entropies()
    if formula == "each rule once":
        return draws, h.sum()
    if formula == "transposed":
        return draws, np.linalg.solve(np.eye(len(h)) - grammar.expansion_matrix().T, h)[0]
    return draws, grammar.entropy()


def grammar_length(rng: np.random.Generator, formula: str = "(I - M)^-1") -> tuple[Side, Side]:
    """Words of sampled sentences; the grammar's expected length."""
    grammar = Grammar(RECURSIVE)
    draws = estimate([len(grammar.sample(rng)) for _ in range(4000)])
    if formula == "one level":
        m, t = grammar.expansion_matrix(), grammar.words_per_rule()
        return draws, (t + m @ t)[0]
    return draws, grammar.expected_length(with_end=False)


# ---------------------------------------------------------------- smoothing


def add_k(rng: np.random.Generator, formula: str = "mean") -> tuple[Side, Side]:
    """The package's add-k law; the posterior mean under a symmetric Dirichlet prior, by quadrature."""
    k = int(rng.integers(2, 5))
    n_words, n_sentences = int(rng.integers(3, 9)), int(rng.integers(1, 4))
    model = NgramModel(1, "add_k", k=k).fit([["a"] * n_words, *([[]] * (n_sentences - 1))])
    law = model.next_word()
    counts = np.array([n_words, n_sentences, 0])  # a, </s>, <unk>
    # The simplex as p = (x, (1 - x) y, (1 - x)(1 - y)), with area element (1 - x).
    node, weight = np.polynomial.legendre.leggauss(40)
    x, y = np.meshgrid((node + 1) / 2, (node + 1) / 2, indexing="ij")
    p = np.stack([x, (1 - x) * y, (1 - x) * (1 - y)])
    density = np.prod(p ** (counts + k - 1)[:, None, None], axis=0) * (1 - x) * np.outer(weight, weight)
    posterior_mean = (p * density).sum(axis=(1, 2)) / density.sum()
    left = np.array([law["a"], law[END], law["<unk>"]])
    if formula == "mode":
        left = (counts + k - 1) / (counts + k - 1).sum()
    if formula == "k in the numerator only":
        left = (counts + k) / counts.sum()
    return left, posterior_mean


class _Bigrams(NamedTuple):
    model: NgramModel
    contexts: list[str]
    words: list[str]
    counts: np.ndarray  # (contexts, words)


def _bigrams(rng: np.random.Generator, discount: float = 0.75) -> _Bigrams:
    """A Kneser-Ney bigram model of a sparse random text, and its counts."""
    chain = _random_chain(rng, n_symbols=8, concentration=0.2)
    corpus = [[f"w{symbol}" for symbol in row] for row in chain.sample(40, 6, rng)]
    model = NgramModel(2, "kneser_ney", discount=discount, uniform_unigrams=False).fit(corpus)
    words = list(model.vocabulary[:-1])
    contexts = [START, *words[:-1]]
    counts = np.array([[model.count([h, w]) for w in words] for h in contexts], dtype=float)
    seen = counts.sum(axis=1) > 0
    return _Bigrams(model, [h for h, keep in zip(contexts, seen, strict=True) if keep], words, counts[seen])


def _kneser_ney_by_hand(
    counts: np.ndarray, back_off: np.ndarray, freed: str = "d N / c", d: float = 0.75
) -> np.ndarray:
    total, types = counts.sum(axis=1, keepdims=True), (counts > 0).sum(axis=1, keepdims=True)
    rest = d * types / total if freed == "d N / c" else np.full_like(total, d)
    return np.maximum(counts - d, 0) / total + rest * back_off


def kneser_ney_rows(rng: np.random.Generator, freed: str = "package") -> tuple[Side, Side]:
    """Sum of the Kneser-Ney probabilities after each context; one."""
    text = _bigrams(rng)
    if freed == "package":
        rows = np.array([sum(text.model.next_word([h]).values()) for h in text.contexts])
    else:
        followed = (text.counts > 0).sum(axis=0)
        rows = _kneser_ney_by_hand(text.counts, followed / followed.sum(), freed).sum(axis=1)
    return rows, np.ones(len(text.contexts))


def kneser_ney_marginals(rng: np.random.Generator, back_off: str = "contexts") -> tuple[Side, Side]:
    """Kneser-Ney rows averaged over the contexts as they occurred; relative counts of the words."""
    text = _bigrams(rng)
    if back_off == "contexts":
        laws = [text.model.next_word([h]) for h in text.contexts]
        rows = np.array([[law[w] for w in text.words] for law in laws])
    else:
        rows = _kneser_ney_by_hand(text.counts, text.counts.sum(axis=0) / text.counts.sum())
    total = text.counts.sum()
    return text.counts.sum(axis=1) / total @ rows, text.counts.sum(axis=0) / total


def good_turing(rng: np.random.Generator, seen: str = "once") -> tuple[Side, Side]:
    """Share of tokens whose type was seen once among N; true mass of the unseen after N - 1 draws."""
    law = 1 / np.arange(1, 301)
    law /= law.sum()
    n = 150
    samples = rng.multinomial(n, law, size=3000)
    unseen = (rng.multinomial(n - 1, law, size=3000) == 0) @ law
    if seen == "once":
        return estimate([good_turing_missing_mass(counts) for counts in samples]), estimate(unseen)
    return estimate((samples == 2).sum(axis=1) / n), estimate(unseen)


def em_weights(rng: np.random.Generator, responsibility: str = "with lambda") -> tuple[Side, Side]:
    """One update at the maximum that a general-purpose optimiser found, and a whole run; that maximum."""
    corpus, held_out = _short_sentences(rng), _short_sentences(rng, n=60)
    model = NgramModel(3, "interpolated", weights=[0.25] * 4).fit(corpus)
    probs = model.component_probs(held_out)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        mixture = probs @ weights
        return -float(np.log(mixture).mean()), -(probs / mixture[:, None]).mean(axis=0)

    best = optimize.minimize(
        loss,
        np.full(4, 0.25),
        jac=True,
        method="SLSQP",
        bounds=[(1e-9, 1)] * 4,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones(4)},
        options={"ftol": 1e-15, "maxiter": 500},
    ).x
    if responsibility == "with lambda":
        once = fit_interpolation_weights(probs, start=best, n_steps=1)[0]
        weights, history = fit_interpolation_weights(probs, n_steps=5000)
    else:
        once = (probs / (probs @ best)[:, None]).mean(axis=0)
        once /= once.sum()
        weights, history = once, np.array([-loss(best)[0], -loss(once)[0]])
    fall = min(0.0, float(np.diff(history).min()))
    return [*once, *weights, fall], [*best, *best, 0.0]


# ---------------------------------------------------------------- generating


def best_ordering(rng: np.random.Generator, search: str = "exact") -> tuple[Side, Side]:
    """Log probability of the ordering that the search finds; the largest over all 120 permutations."""
    left, right = [], []
    for order in (2, 3):
        corpus = ["".join(rng.choice(list("abcde"), size=6, p=[0.35, 0.25, 0.2, 0.1, 0.1])) for _ in range(30)]
        model = NgramModel(order, "kneser_ney").fit([list(sentence) for sentence in corpus])
        for _ in range(6):
            bag = [str(word) for word in rng.choice(list("abcde"), size=5)]  # a word may come twice
            found = model.best_order(bag) if search == "exact" else _greedy_order(model, bag)
            left.append(model.sentence_log_prob(found))
            every = model.token_log_probs(list(itertools.permutations(bag)))
            right.append(every.reshape(120, 6).sum(axis=1).max())
    return left, right


def _greedy_order(model: NgramModel, bag: list[str]) -> list[str]:
    """Take what looks best now: begin with the likeliest first word, and so on."""
    left, done = sorted(bag), [START]
    while left:
        done.append(max(left, key=lambda word: model.log_prob(word, done)))
        left.remove(done[-1])
    return done[1:]


def greedy(rng: np.random.Generator, search: str = "all sentences") -> tuple[Side, Side]:
    """Probability of the best sentence of two words; the number worked by hand."""
    del rng  # one worked example
    corpus = [pair for pair, n in (("ax", 110), ("ay", 110), ("bx", 9), ("by", 171)) for _ in range(n)]
    model = NgramModel(3, "mle").fit([list(pair) for pair in corpus])
    if search == "all sentences":
        pairs = itertools.product("abxy", repeat=2)
        return max(np.exp(model.sentence_log_prob(pair)) for pair in pairs), 0.45 * 0.95
    words = [START]
    while words[-1] != END:
        law = model.next_word(words)
        words.append(max(law, key=law.get))  # type: ignore[arg-type]
    return np.exp(model.sentence_log_prob(words[1:-1])), 0.45 * 0.95


# ---------------------------------------------------------------- trained systems


def _excess(
    rng: np.random.Generator, smoothing: str, orders: tuple[int, ...], on_training: bool = False
) -> tuple[Estimate, float]:
    """Cross-entropy per token of n-gram models; the source's entropy per token.

    Each sentence's true log probability is subtracted and its expectation put back: the same mean, with a
    standard error several times smaller.
    """
    grammar = Grammar()
    train = [grammar.sample(rng) for _ in range(3000)]
    test = train if on_training else [grammar.sample(rng) for _ in range(2000)]
    true = np.array([grammar.log_prob(sentence) for sentence in test])
    starts = np.cumsum([0] + [len(sentence) + 1 for sentence in test[:-1]])
    columns = []
    for order in orders:
        model = NgramModel(order, smoothing).fit(train)
        columns.append(true - np.add.reduceat(model.token_log_probs(test), starts))
    excess = estimate(np.stack(columns, axis=1) / grammar.expected_length())
    entropy = grammar.entropy_per_token()
    return Estimate(np.asarray(excess.mean) + entropy, excess.standard_error), entropy


def entropy_floor(rng: np.random.Generator, on_training: bool = False) -> tuple[Side, Side]:
    """Test cross-entropy of Kneser-Ney models of order 1 to 6; the entropy of their source.

    A seventh and an eighth entry hold that entropy itself between the two numbers that round to 1.0168.
    """
    left, entropy = _excess(rng, "kneser_ney", (1, 2, 3, 4, 5, 6), on_training)
    means, errors = np.append(left.mean, [entropy, 1.01685]), np.append(left.standard_error, [0.0, 0.0])
    return Estimate(means, errors), [entropy] * 6 + [1.01675, entropy]


def kneser_ney_gap(
    rng: np.random.Generator, orders: tuple[int, ...] = (4, 5, 6), smoothing: str = "kneser_ney"
) -> tuple[Side, Side]:
    """Test cross-entropy of the best Kneser-Ney model; 1.07 nats per token."""
    left, _ = _excess(rng, smoothing, orders)
    best = int(np.argmin(left.mean))
    return Estimate(np.asarray(left.mean)[best], np.asarray(left.standard_error)[best]), 1.07


CLAIMS = (
    Claim(
        "chain-rule",
        r"\begin{aligned} & P(w_1, \dots, w_m) \\ "
        r"&\quad = \prod_{i=1}^{m} P(w_i \mid w_1, \dots, w_{i-1}) \end{aligned}",
        chain_rule,
        "definition of conditional probability, m times",
        {"the context loses its first word": partial(chain_rule, order=2)},
    ),
    Claim(
        "factors-sum-to-one",
        r"\sum_{w_1, \dots, w_m} \; \prod_{i=1}^{m} P(w_i \mid w_1, \dots, w_{i-1}) = 1",
        total_mass,
        "the chapter's derivation",
        {"last factors P(w1 | w2) P(w1)": partial(total_mass, first_factors="P(w1|w2) P(w1)")},
    ),
    Claim(
        "joint-table-size",
        r"\sum_{i=1}^{m} \lvert V \rvert^{i-1} \bigl( \lvert V \rvert - 1 \bigr) = \lvert V \rvert^{m} - 1",
        table_size,
        "geometric series",
        {"rows that need not sum to one": partial(table_size, free="all")},
        tolerance=0.0,
    ),
    Claim(
        "end-symbol",
        r"\sum_{m=0}^{\infty} \; \sum_{w_1, \dots, w_m} P(w_1, \dots, w_m, \mathrm{end}) = 1",
        end_symbol,
        "the chapter's derivation",
        {"no end symbol: six lengths have mass 6": partial(end_symbol, with_end=False)},
        tolerance=1e-10,
    ),
    Claim(
        "ngram-window",
        r"""\begin{aligned}
P(w_i \mid {} & w_1, \dots, w_{i-1}) \\
&= P(w_i \mid \underbrace{w_{i-n+1}, \dots, w_{i-1}}_{n-1 \text{ words}})
\end{aligned}""",
        window,
        "Shannon (1948): the Markov assumption",
        {"window from i-n-1 to i-1": partial(window, first_offset=-1, n_words=1)},
        tolerance=0.0,
    ),
    Claim(
        "relative-counts",
        r"\underset{p}{\operatorname{arg\,max}} \sum_{w} c(h\,w) \log p(w) = \frac{c(h\,w)}{c(h)}",
        relative_counts,
        "the chapter's derivation, by Lagrange multipliers",
        {"add-one called maximum likelihood": partial(relative_counts, smoothing="add_k")},
        tolerance=1e-6,
    ),
    Claim(
        "cross-entropy-split",
        r"H(p, q) = H(p) + D_{\mathrm{KL}}(p \Vert q)",
        cross_entropy_split,
        "the chapter's derivation, here for rates",
        {
            "the divergence reversed": partial(cross_entropy_split, divergence="reverse"),
            "contexts not weighted": partial(cross_entropy_split, divergence="unweighted"),
        },
    ),
    Claim(
        "perplexity",
        r"e^{\widehat{H}} = \Bigl( \prod_{i=1}^{N} q(w_i \mid h_i) \Bigr)^{-1/N}",
        perplexity,
        "Jelinek, Mercer, Bahl & Baker (1977)",
        {
            "2 to the power of nats": partial(perplexity, formula="2 to the nats"),
            "arithmetic mean of 1/P": partial(perplexity, formula="mean of 1/P"),
        },
        tolerance=1e-9,
    ),
    Claim(
        "markov-entropy-rate",
        r"H_{\mathrm{rate}} = - \sum_{a} \pi_a \sum_{b} T_{ab} \log T_{ab}",
        markov_entropy_rate,
        "Cover & Thomas (2006), section 4.2",
        {
            "plain mean over rows": partial(markov_entropy_rate, formula="plain mean of rows"),
            "entropy of single symbols": partial(markov_entropy_rate, formula="entropy of one symbol"),
        },
    ),
    Claim(
        "more-context-never-hurts",
        r"""\begin{aligned}
H(X_t \mid {} & X_{t-1}, \dots, X_{t-k}) \\
&\ge H(X_t \mid X_{t-1}, \dots, X_{t-k-1})
\end{aligned}""",
        conditioning,
        "Cover & Thomas (2006), section 2.6",
        {"flat one word too early": partial(conditioning, flat_from=1)},
        relation=">=",
    ),
    Claim(
        "grammar-entropy",
        r"\mathbf{H} = (I - M)^{-1} \, \mathbf{h}",
        grammar_entropy,
        "Soule (1974); the chapter's derivation",
        {
            "each rule's entropy once": partial(grammar_entropy, formula="each rule once"),
            "M transposed": partial(grammar_entropy, formula="transposed"),
        },
    ),
    Claim(
        "grammar-length",
        r"\mathbf{L} = (I - M)^{-1} \, \mathbf{t}",
        grammar_length,
        "the chapter's derivation",
        {"one level of rules only": partial(grammar_length, formula="one level")},
    ),
    Claim(
        "add-k",
        r"\frac{c_w + k}{N + k \, \lvert V \rvert} = \mathbb{E}\bigl[ p_w \mid c \bigr]",
        add_k,
        "the chapter's derivation; Lidstone (1920)",
        {
            "the posterior's mode": partial(add_k, formula="mode"),
            "k in the numerator only": partial(add_k, formula="k in the numerator only"),
        },
        tolerance=1e-10,
    ),
    Claim(
        "em-weights",
        r"\lambda_k \leftarrow \frac{1}{N} \sum_{i=1}^{N} \frac{\lambda_k \, p_{ik}}{\sum_{l} \lambda_l \, p_{il}}",
        em_weights,
        "Jelinek & Mercer (1980); Dempster, Laird & Rubin (1977)",
        {"responsibilities without the weight": partial(em_weights, responsibility="without")},
        tolerance=2e-3,
    ),
    Claim(
        "good-turing",
        r"\frac{\mathbb{E}[N_1]}{N} = \mathbb{E}\bigl[ M_0 \text{ after } N - 1 \text{ draws} \bigr]",
        good_turing,
        "Good (1953)",
        {"types seen twice": partial(good_turing, seen="twice")},
    ),
    Claim(
        "kneser-ney-rows",
        r"\sum_{w} P_{\mathrm{KN}}(w \mid h) = 1",
        kneser_ney_rows,
        "the chapter's derivation; Chen & Goodman (1998)",
        {"weight d instead of d N/c": partial(kneser_ney_rows, freed="d")},
    ),
    Claim(
        "kneser-ney-marginals",
        r"\sum_{h} \frac{c(h)}{N} \, P_{\mathrm{KN}}(w \mid h) = \frac{c(w)}{N}",
        kneser_ney_marginals,
        "Kneser & Ney (1995)",
        {"back-off to relative counts": partial(kneser_ney_marginals, back_off="tokens")},
    ),
    Claim(
        "best-ordering",
        r"\begin{aligned} & B(S \cup \{v\}, v) \\ "
        r"&\quad = \max_{u \in S} \bigl[ B(S, u) + \log P(v \mid u) \bigr] \end{aligned}",
        best_ordering,
        "Held & Karp (1962)",
        {"greedy ordering": partial(best_ordering, search="greedy")},
    ),
    Claim(
        "greedy-is-not-best",
        r"""\begin{aligned}
\max_{w_1, w_2} P(w_1) \, P(w_2 \mid w_1) &= 0.45 \cdot 0.95 \\
&> 0.55 \cdot 0.5
\end{aligned}""",
        greedy,
        "the chapter's example",
        {"greedy decoding": partial(greedy, search="greedy")},
    ),
    Claim(
        "entropy-floor",
        r"H(p, q_n) \ge \frac{H(\text{sentence})}{\mathbb{E}[\text{tokens}]} = 1.0168",
        entropy_floor,
        "the chapter's experiment",
        {"scored on the training sentences": partial(entropy_floor, on_training=True)},
        relation=">=",
    ),
    Claim(
        "kneser-ney-gap",
        r"\min_{n} H(p, q_n) \le 1.07",
        kneser_ney_gap,
        "the chapter's experiment",
        {
            "trigrams are enough": partial(kneser_ney_gap, orders=(1, 2, 3)),
            "add-one instead of Kneser-Ney": partial(kneser_ney_gap, smoothing="add_k"),
        },
        relation="<=",
    ),
)

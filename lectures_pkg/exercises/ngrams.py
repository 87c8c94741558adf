"""Exercises of the chapter "The chain rule and n-grams"."""

# Solutions are shown to readers as they would write them, without types.
# mypy: disallow-untyped-defs=False

from __future__ import annotations

import itertools

import numpy as np

from lectures_pkg.exercises import Exercise, Mistake, Wrong, as_array, as_number, close
from lectures_pkg.ngrams import NgramModel
from lectures_pkg.worlds import MarkovChain

START = "<s>"

# ---------------------------------------------------------------- the window


def context_words(words, i, n):
    padded = ["<s>"] * (n - 1) + list(words)
    # w_i stands at place i - 1 + (n - 1) of the padded list; the n - 1 words before it are wanted
    return padded[i - 1 : i - 1 + n - 1]


def _window_of_n_words(words, i, n):
    padded = ["<s>"] * n + list(words)
    return padded[i - 1 : i - 1 + n]


def _window_two_too_early(words, i, n):
    padded = ["<s>"] * (n + 1) + list(words)
    return padded[i - 1 : i + n]


def _window_with_the_word(words, i, n):
    return context_words(words, i + 1, n)


def _window_without_padding(words, i, n):
    return list(words[max(i - n, 0) : i - 1])


def _window_reversed(words, i, n):
    return context_words(words, i, n)[::-1]


def _window_inputs(rng: np.random.Generator) -> list[tuple]:
    words = [f"w{k}" for k in range(1, 9)]
    every = [(words, i, n) for n in range(1, 6) for i in range(1, 9)]
    text = [str(word) for word in rng.choice(["a", "b", "c"], size=8)]
    return [*every, (text, int(rng.integers(5, 9)), 4)]


def _check_window(answer: object, words: list[str], i: int, n: int) -> None:
    if not isinstance(answer, (list, tuple)):
        raise Wrong(f"the answer should be a list of words, found {type(answer).__name__}")
    found = list(answer)
    # Independent of any slicing: word by word, from the nearest backwards.
    expected = [words[j - 1] if j >= 1 else START for j in range(i - n + 1, i)]
    if found == expected:
        return
    if len(found) == n + 1:
        raise Wrong(
            f"for n = {n} you look {n + 1} words back: the window i-n-1, …, i-1 is two words too long. "
            "Count the words from i-n+1 to i-1."
        )
    if len(found) == n:
        raise Wrong(f"for n = {n} the context has {len(found)} words; an n-gram is n words long *with* its last one")
    if len(found) < n - 1 and i <= n:
        raise Wrong(f"word {i} has fewer than {n - 1} words before it: fill up in front with '<s>'")
    if found == expected[::-1]:
        raise Wrong("the words are right, but their order is not: the nearest word stands last")
    if found and found[-1] == words[i - 1]:
        raise Wrong("the word that is to be predicted stands in its own context: stop at i-1")
    raise Wrong(f"for word {i} and n = {n} the context should be {expected}, found {found}")


# ---------------------------------------------------------------- a factor reversed


def reversed_factor_mass(initial, transition, m):
    initial, transition = np.asarray(initial), np.asarray(transition)
    pairs = initial[:, None] * transition  # (w1, w2): the true joint law of the first two words
    backwards = pairs / pairs.sum(axis=0)  # P(w1 | w2): each column sums to one
    mass = initial[:, None] * backwards  # the slip: P(w1) P(w1 | w2), for every w1 and w2
    for _ in range(m - 2):
        mass = mass.sum(axis=0)[:, None] * transition  # an honest factor keeps the total
    return mass.sum()


def _mass_is_one(initial, transition, m):
    return 1.0


def _mass_without_first(initial, transition, m):
    pairs = np.asarray(initial)[:, None] * np.asarray(transition)
    return (pairs / pairs.sum(axis=0)).sum()


def _mass_columns_without_prior(initial, transition, m):
    transition = np.asarray(transition)
    return (np.asarray(initial)[:, None] * transition / transition.sum(axis=0)).sum()


def _mass_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for n_words, m in ((2, 2), (3, 4), (4, 3), (5, 5)):
        initial = rng.dirichlet(np.full(n_words, 0.5))
        initial = 0.9 * np.maximum(initial, 0.02) / np.maximum(initial, 0.02).sum() + 0.1 / n_words
        transition = 0.9 * rng.dirichlet(np.full(n_words, 0.5), size=n_words) + 0.1 / n_words
        cases.append((initial, transition, m))
    return cases


def _check_mass(answer: object, initial: np.ndarray, transition: np.ndarray, m: int) -> None:
    found = as_number(answer)
    n_words = len(initial)
    # Enumerate every string; Bayes' rule word by word.
    total = 0.0
    for s in itertools.product(range(n_words), repeat=m):
        evidence = sum(initial[a] * transition[a, s[1]] for a in range(n_words))
        first_given_second = initial[s[0]] * transition[s[0], s[1]] / evidence
        tail = np.prod([transition[s[t - 1], s[t]] for t in range(2, m)])
        total += initial[s[0]] * first_given_second * tail
    if close(found, total):
        return
    if close(found, 1.0):
        raise Wrong("a product of conditionals sums to one only if each word is predicted once; here w1 is, twice")
    if close(found, _mass_without_first(initial, transition, m)):
        raise Wrong("the factor P(w1) is missing: the slip has both P(w1 | w2) and P(w1)")
    if close(found, _mass_columns_without_prior(initial, transition, m)):
        raise Wrong("P(w1 | w2) by Bayes' rule needs the prior P(w1) inside, not the columns of the transition alone")
    raise Wrong(f"enumerating all {n_words}^{m} strings gives another total mass")


# ---------------------------------------------------------------- add-k and interpolation


def _smoothing_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for n_words, k, weight in ((3, 1.0, 0.5), (5, float(rng.uniform(0.1, 2)), float(rng.uniform(0.1, 0.9)))):
        counts = rng.integers(0, 5, size=(n_words, n_words))
        counts[:, 0] += 1
        counts[1, 0] += 3
        counts[-1] = 0  # a context that was never seen
        cases.append((counts, k, weight))
    counts = rng.integers(1, 9, size=(4, 4))
    counts[2] = 0
    return [*cases, (counts, 1e-12, 1.0), (counts, 1e9, 0.0)]


def _check_smoothing(answer: object, counts: np.ndarray, k: float, weight: float) -> None:
    n_words = len(counts)
    found = as_array(answer, (2, n_words, n_words))
    unseen = counts.sum(axis=1) == 0
    if np.isnan(found).any():
        raise Wrong("there is a 0/0: a context that was never seen has no relative counts")
    add_k, mixed = found
    no_size = (counts + k) / np.maximum(counts.sum(axis=1, keepdims=True) + k, 1e-300)
    if not close(add_k.sum(axis=1), 1.0, relative=1e-7):
        if close(add_k, no_size, relative=1e-7):
            raise Wrong("add-k: k was added to every one of the words above the line, but only once below it")
        raise Wrong("add-k: a row does not sum to one")
    # Add-k is the relative counts and the uniform law, mixed in the ratio N : k|V|.
    for h in range(n_words):
        share = counts[h].sum() / (counts[h].sum() + k * n_words)
        mle = counts[h] / max(counts[h].sum(), 1)
        if not close(add_k[h], share * mle + (1 - share) / n_words, relative=1e-6):
            raise Wrong(f"add-k: the row of context {h} is off; every count gets k, the unseen ones too")
    if not close(mixed.sum(axis=1), 1.0):
        if not close(mixed[unseen].sum(axis=1), 1.0):
            raise Wrong("interpolation: the row of a context never seen lacks mass; give the unigram all of it")
        raise Wrong("interpolation: a row does not sum to one")
    unigram = counts.sum(axis=0) / counts.sum()
    for h in range(n_words):
        bigram = unigram if unseen[h] else counts[h] / counts[h].sum()
        if close(mixed[h], weight * bigram + (1 - weight) * unigram):
            continue
        if unseen[h]:
            raise Wrong("interpolation: after a context never seen the unigram law should stand alone")
        if close(mixed[h], weight * unigram + (1 - weight) * bigram):
            raise Wrong("interpolation: the weight belongs to the bigram, the rest to the unigram: they are swapped")
        raise Wrong("interpolation: mix the relative bigram counts with the relative unigram counts")


# ---------------------------------------------------------------- Kneser-Ney


def kneser_ney(counts, d):
    counts = np.asarray(counts, dtype=float)
    total = counts.sum(axis=1, keepdims=True)  # c(h), shape (contexts, 1)
    n_types = (counts > 0).sum(axis=1, keepdims=True)  # how many different words follow h
    n_contexts = (counts > 0).sum(axis=0)  # how many different contexts come before w
    continuation = n_contexts / n_contexts.sum()
    return np.maximum(counts - d, 0) / total + d * n_types / total * continuation


def _kneser_ney_raw_unigram(counts, d):
    counts = np.asarray(counts, dtype=float)
    total = counts.sum(axis=1, keepdims=True)
    rest = d * (counts > 0).sum(axis=1, keepdims=True) / total
    return np.maximum(counts - d, 0) / total + rest * counts.sum(axis=0) / counts.sum()


def _kneser_ney_weight_d(counts, d):
    counts = np.asarray(counts, dtype=float)
    total, followed = counts.sum(axis=1, keepdims=True), (counts > 0).sum(axis=0)
    return np.maximum(counts - d, 0) / total + d * followed / followed.sum()


def _kneser_ney_negative(counts, d):
    counts = np.asarray(counts, dtype=float)
    total, followed = counts.sum(axis=1, keepdims=True), (counts > 0).sum(axis=0)
    rest = d * (counts > 0).sum(axis=1, keepdims=True) / total
    return (counts - d) / total + rest * followed / followed.sum()


def _kneser_ney_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for n_contexts, n_words in ((4, 5), (6, 4)):
        counts = rng.integers(0, 4, size=(n_contexts, n_words)) * rng.integers(0, 2, size=(n_contexts, n_words))
        counts[:, 0] += 1
        counts[:, -1] = 0
        counts[0, -1] = 20 + int(rng.integers(20))  # "Francisco": often, but after one context only
        cases.append((counts, float(rng.uniform(0.3, 0.9))))
    return cases


def _check_kneser_ney(answer: object, counts: np.ndarray, d: float) -> None:
    found = as_array(answer, counts.shape)
    total = counts.sum()
    if (found < -1e-12).any():
        raise Wrong("a probability is negative: a count of zero has nothing to give, so cut at zero")
    if not close(found.sum(axis=1), 1.0):
        raise Wrong("a row does not sum to one: what is taken away is d for each *different* word after the context")
    # The marginal constraint singles out the continuation law.
    if not close(counts.sum(axis=1) / total @ found, counts.sum(axis=0) / total):
        raise Wrong(
            "the rows, averaged over the contexts as they occurred, don't give back the words' relative counts: "
            "'Francisco', seen often but after one word only, gets too large a share elsewhere. What should the law "
            "to fall back on count?"
        )
    # With the rows and marginals right, each entry is settled by the discount.
    seen = np.argwhere(counts > 0)
    share = found * counts.sum(axis=1, keepdims=True)
    rest = d * (counts > 0).sum(axis=1)
    followed = (counts > 0).sum(axis=0) / (counts > 0).sum()
    if not all(np.isclose(share[h, w], counts[h, w] - d + rest[h] * followed[w], rtol=1e-9) for h, w in seen):
        raise Wrong("the discount is not d off every count that is not zero")
    if not close(share[counts == 0], (rest[:, None] * followed)[counts == 0]):
        raise Wrong("a word never seen after a context should get its share of what was freed there")


# ---------------------------------------------------------------- greedy


def greedy_trap(ratio):
    # Two steps: "a" looks best (a little over one half), but what follows it is spread over many words,
    # while "b" is followed by one word for certain.
    n = int(np.ceil(4 * ratio)) + 2
    initial = np.zeros(n)
    initial[:2] = 0.51, 0.49
    transition = np.full((n, n), 1 / n)
    transition[1] = np.eye(n)[0]
    # A bag: the word that looks best at first leads into a step that is almost never taken.
    rare = 0.1 / ratio
    first = np.array([0.5, 0.4, 0.1])
    after = np.array([[0.0, rare, 1 - rare], [0.9, 0.0, 0.1], [1 - rare, rare, 0.0]])
    return {"initial": initial, "transition": transition, "bag_first": first, "bag_after": after}


def _greedy_no_trap(ratio):
    uniform = np.full((3, 3), 1 / 3)
    return {
        "initial": np.array([0.6, 0.3, 0.1]),
        "transition": uniform,
        "bag_first": np.array([0.6, 0.3, 0.1]),
        "bag_after": uniform,
    }


def _greedy_small_gap(ratio):
    right = greedy_trap(ratio)
    return {**right, "initial": np.array([0.51, 0.49]), "transition": np.array([[0.5, 0.5], [0.45, 0.55]])}


def _greedy_not_a_law(ratio):
    right = greedy_trap(ratio)
    return {**right, "initial": right["initial"] * 2}


def _greedy_bag_harmless(ratio):
    right = greedy_trap(ratio)
    return {**right, "bag_after": np.full((3, 3), 1 / 3)}


def _greedy_inputs(rng: np.random.Generator) -> list[tuple]:
    return [(1.3,), (float(rng.uniform(1.5, 3)),), (float(rng.uniform(5, 20)),)]


def _law(value: object, shape: tuple[int, ...], name: str) -> np.ndarray:
    law = as_array(value, shape)
    if (law < 0).any() or not close(law.sum(axis=-1), 1.0):
        raise Wrong(f"'{name}' is no law: its entries must not be negative and must sum to one along the last axis")
    return law


def _check_greedy(answer: object, ratio: float) -> None:
    keys = ("initial", "transition", "bag_first", "bag_after")
    if not isinstance(answer, dict) or set(answer) != set(keys):
        raise Wrong(f"the answer should be a dict with the keys {', '.join(keys)}")
    n = len(np.atleast_1d(answer["initial"]))
    initial, transition = _law(answer["initial"], (n,), "initial"), _law(answer["transition"], (n, n), "transition")
    pairs = initial[:, None] * transition
    first = int(np.argmax(initial))
    chosen = initial[first] * transition[first].max()
    if close(chosen, pairs.max()):
        raise Wrong("two steps: the greedy choice is the best sentence here; make what follows it uncertain")
    if pairs.max() < ratio * chosen:
        raise Wrong(
            f"two steps: the best sentence is only {pairs.max() / chosen:.3g} times as probable as the greedy one"
        )
    bag_first, bag_after = _law(answer["bag_first"], (3,), "bag_first"), _law(answer["bag_after"], (3, 3), "bag_after")

    def probability(order: tuple[int, ...]) -> float:
        return float(bag_first[order[0]] * bag_after[order[0], order[1]] * bag_after[order[1], order[2]])

    a = int(np.argmax(bag_first))
    b = max((w for w in range(3) if w != a), key=lambda w: bag_after[a, w])
    greedy = probability((a, b, 3 - a - b))
    best = max(probability(order) for order in itertools.permutations(range(3)))
    if close(greedy, best):
        raise Wrong("bag: greedy ordering finds the best one; the last word has to be placed whatever it costs")
    if best < ratio * greedy:
        raise Wrong(
            f"bag: the best ordering is only {best / greedy:.3g} times as probable as the greedy one, not enough"
        )


# ---------------------------------------------------------------- mini project


def _trap_inputs(rng: np.random.Generator) -> list[tuple]:
    return [(0.3,), (float(rng.uniform(0.1, 0.25)),), (float(rng.uniform(0.4, 0.6)),)]


def _check_trap(answer: object, gap: float) -> None:
    keys = ("transition", "trigram", "fivegram")
    if not isinstance(answer, dict) or set(answer) != set(keys):
        raise Wrong(f"the answer should be a dict with the keys {', '.join(keys)}")
    transition = _law(answer["transition"], (2,) * 5, "transition")
    trigram, fivegram = as_number(answer["trigram"]), as_number(answer["fivegram"])
    try:
        source = MarkovChain(transition)
    except ValueError as error:
        raise Wrong(f"'transition' is no source that forgets its beginning: {error}") from error
    exact = [source.conditional_entropy(k) for k in range(5)]
    if close([trigram, fivegram], np.array([exact[2], exact[4]]) / np.log(2), relative=1e-6):
        raise Wrong("your entropies are in bits; the book counts in nats, with natural logarithms")
    if exact[2] - exact[4] < 1e-6:
        raise Wrong("trigrams do not fail on your source: two words back it already knows all there is to know")
    if close(trigram, exact[3], relative=1e-6) and not close(exact[2], exact[3], relative=1e-6):
        raise Wrong("a trigram looks two words back, not three: predict H(X | two words before it)")
    if not close(trigram, exact[2], relative=1e-6):
        raise Wrong("'trigram' is not the entropy of a symbol given the two before it, under the stationary law")
    if not close(fivegram, exact[4], relative=1e-6, absolute=1e-9):
        raise Wrong("'fivegram' is not the entropy of a symbol given the four before it, under the stationary law")
    if abs(trigram - fivegram - gap) > 1e-4:
        raise Wrong(f"the gap of your source is {trigram - fivegram:.4g} nats, asked for {gap:.4g}")
    # Predicted; now measured: long training text, fresh test strings, standard error over strings.
    rng = np.random.default_rng(1)
    train = [[str(x) for x in row] for row in source.sample(400, 100, rng)]
    test = [[str(x) for x in row] for row in source.sample(300, 100, rng)]
    scores = [NgramModel(n, "add_k", k=0.5).fit(train).token_log_probs(test).reshape(300, 101) for n in (3, 5)]
    difference = (scores[1] - scores[0])[:, 4:-1].mean(axis=1)  # past the beginnings, without the end symbol
    spread = difference.std(ddof=1) / np.sqrt(len(difference))
    if abs(difference.mean() - gap) > 5 * spread + 0.01:
        raise Wrong(
            f"measured on simulated text the gap is {difference.mean():.3f} ± {spread:.3f} nats, predicted {gap:.3f}"
        )


EXERCISES = (
    Exercise(
        name="context_words",
        title="Which words does an n-gram see?",
        prompt=r"""Return the context of the $i$-th word in an $n$-gram model, as a list of $n-1$ strings in the order
of the text. Words are counted from 1; where the sentence has not enough words before $w_i$, the
list begins with `"<s>"`. (A slip you will meet on slides is about just this window.)""",
        stub='''def context_words(words, i, n):
    """Context of the i-th word (counted from 1) in an n-gram model: a list of n - 1 strings."""
    ...
''',
        inputs=_window_inputs,
        check=_check_window,
        solution=context_words,
        mistakes=(
            Mistake("window from i-n-1", _window_two_too_early, "two words too long"),
            Mistake("n words", _window_of_n_words, "*with* its last one"),
            Mistake("the word itself", _window_with_the_word, "in its own context"),
            Mistake("no padding", _window_without_padding, "fill up in front"),
            Mistake("nearest word first", _window_reversed, "their order is not"),
        ),
        level=1,
        minutes=5,
    ),
    Exercise(
        name="reversed_factor_mass",
        title="Spot the slip: the last factor",
        prompt=r"""A slide writes a sentence's probability as
$P(w_m \mid w_{m-1}) \cdots P(w_3 \mid w_2) \, P(w_1 \mid w_2) \, P(w_1)$. Show that this is not a
distribution: return its total mass, the sum over all strings of $m$ words. `initial` has shape (V,)
and holds $P(w_1)$; `transition` has shape (V, V), its rows hold $P(w_{i} \mid w_{i-1})$;
$P(w_1 \mid w_2)$ follows by Bayes' rule.""",
        stub='''def reversed_factor_mass(initial, transition, m):
    """Sum over all strings of m words of P(w1) P(w1 | w2) P(w3 | w2) … P(wm | w(m-1)): one number."""
    ...
''',
        inputs=_mass_inputs,
        check=_check_mass,
        solution=reversed_factor_mass,
        mistakes=(
            Mistake("it is one", _mass_is_one, "predicted once"),
            Mistake("P(w1) forgotten", _mass_without_first, "factor P(w1) is missing"),
            Mistake("no prior in Bayes' rule", _mass_columns_without_prior, "needs the prior"),
        ),
        level=1,
        minutes=15,
    ),
    Exercise(
        name="smoothed_rows",
        title="Add-k and interpolation",
        prompt=r"""Given bigram counts of shape (V, V), row = context, return an array of shape (2, V, V): first the
rows of add-$k$ smoothing, then `weight` times the relative bigram counts plus `1 - weight` times
the relative unigram counts (column sums). Each row must sum to one, also after a context that was
never seen: there interpolation is the unigram law alone.""",
        stub='''def smoothed_rows(counts, k, weight):
    """Bigram probabilities from counts (V, V): add-k rows and interpolated rows, shape (2, V, V)."""
    ...
''',
        inputs=_smoothing_inputs,
        check=_check_smoothing,
        level=2,
        minutes=20,
        points=4,
    ),
    Exercise(
        name="kneser_ney",
        title="Interpolated Kneser-Ney",
        prompt=r"""Given bigram counts of shape (contexts, V), where every context was seen, and one discount $d$,
return the interpolated Kneser-Ney probabilities, an array of the same shape. The law to fall back
on is the undiscounted continuation law. One word of the test behaves like "Francisco": seen often,
but after a single word.""",
        stub='''def kneser_ney(counts, d):
    """Interpolated Kneser-Ney bigram probabilities from counts (contexts, V) and a discount d in (0, 1)."""
    ...
''',
        inputs=_kneser_ney_inputs,
        check=_check_kneser_ney,
        solution=kneser_ney,
        mistakes=(
            Mistake("raw unigram as back-off", _kneser_ney_raw_unigram, "averaged over the contexts"),
            Mistake("weight d", _kneser_ney_weight_d, "each *different* word"),
            Mistake("not cut at zero", _kneser_ney_negative, "is negative"),
        ),
        level=3,
        minutes=30,
    ),
    Exercise(
        name="greedy_trap",
        title="Greedy is not best",
        prompt=r"""Build two traps for greedy search, each losing by at least the factor `ratio`. (1) A chain of two
words, `initial` (V,) and `transition` (V, V) with a V of your choice: the most probable pair must
be `ratio` times as probable as the greedy pair. (2) A bag of three words, each used once, without
end symbol: `bag_first` (3,) for the first word and `bag_after` (3, 3) for the next: the best
ordering must be `ratio` times as probable as the greedy ordering, which always takes the most
probable unused word. Return a dict of four arrays.""",
        stub='''def greedy_trap(ratio):
    """A dict with arrays "initial" (V,), "transition" (V, V), "bag_first" (3,), "bag_after" (3, 3)."""
    ...
''',
        inputs=_greedy_inputs,
        check=_check_greedy,
        solution=greedy_trap,
        mistakes=(
            Mistake("no trap at all", _greedy_no_trap, "greedy choice is the best sentence"),
            Mistake("a trap too small", _greedy_small_gap, "two steps: the best sentence is only"),
            Mistake("not normalised", _greedy_not_a_law, "is no law"),
            Mistake("a harmless bag", _greedy_bag_harmless, "bag: greedy ordering finds the best one"),
        ),
        level=2,
        minutes=25,
    ),
    Exercise(
        name="trigram_trap",
        title="Mini project: a source on which trigrams fail",
        prompt=r"""Design a source over two symbols, 0 and 1, in which the next symbol depends on the four before it,
so that 5-grams succeed where trigrams fail, by exactly `gap` nats per symbol. Predict before you
measure: return a dict with `"transition"`, shape (2, 2, 2, 2, 2), the last axis the next symbol and
the one before it the nearest; `"trigram"`, the entropy in nats of a symbol given the two before it;
and `"fivegram"`, given the four before it. The check computes both entropies by enumeration, and
then simulates your source, trains an n-gram model of order 3 and one of order 5, and compares the
measured gap with your prediction.""",
        stub='''def trigram_trap(gap):
    """A dict: "transition" (2, 2, 2, 2, 2), and the predicted entropies "trigram" and "fivegram", in nats."""
    ...
''',
        inputs=_trap_inputs,
        check=_check_trap,
        level=3,
        minutes=60,
        points=8,
        rubric="the prediction comes before the measurement and from the stationary law; the text says why a trigram "
        "can't see the dependence, and gives the measured gap with its standard error.",
    ),
)

"""Exercises of the chapter "Words, choices and slopes"."""

# Solutions are shown to readers as they would write them, without types.
# mypy: disallow-untyped-defs=False

from __future__ import annotations

from collections import Counter

import numpy as np
from scipy import optimize, special, stats

from lectures_pkg.exercises import Exercise, Mistake, Wrong, as_array, as_entries, as_number, close
from lectures_pkg.metrics import string_report
from lectures_pkg.worlds import MOLECULES, Grammar, is_molecule

Array = np.ndarray


# --- 1. Choose with noise -----------------------------------------------------------------------------------


def discrete_gumbel_max(logits, uniforms):
    noise = -np.log(-np.log(uniforms))  # standard Gumbel: the inverse of exp(-exp(-g))
    return (logits + noise).argmax(axis=1)


def _gaussian_noise(logits: Array, uniforms: Array) -> Array:
    return (logits + stats.norm.ppf(uniforms)).argmax(axis=1)


def _lost_sign(logits: Array, uniforms: Array) -> Array:
    return (logits + np.log(-np.log(uniforms))).argmax(axis=1)


def _noise_on_the_probabilities(logits: Array, uniforms: Array) -> Array:
    return (special.softmax(logits) - np.log(-np.log(uniforms))).argmax(axis=1)


def _exponentiated(logits: Array, uniforms: Array) -> Array:
    with np.errstate(all="ignore"):  # weights over exponential times: right on paper
        return (np.exp(logits) / -np.log(uniforms)).argmax(axis=1)


def _check_discrete_gumbel_max(answer: object, logits: Array, uniforms: Array) -> None:
    words, n_words = as_array(answer, (len(uniforms),)), len(logits)
    if not np.isin(words, np.arange(n_words)).all():
        raise Wrong(f"the answer should hold word numbers from 0 to {n_words - 1}")
    law = special.softmax(logits)
    common = law * len(words) > 5
    counts = np.bincount(words.astype(int), minlength=n_words)
    if counts[~common].sum() > 5 + 20 * (law[~common].sum() * len(words)):
        raise Wrong("words that softmax nearly forbids come up far too often")
    expected = law[common] / law[common].sum() * counts[common].sum()
    if stats.chisquare(counts[common], expected).pvalue > 1e-6:
        return
    if logits.max() > 700:
        raise Wrong("the exponential of a logit overflowed: add the noise to the logits, and exponentiate nothing")
    if stats.chisquare(np.bincount(_lost_sign(logits, uniforms), minlength=n_words) + 1, counts + 1).pvalue > 0.99:
        raise Wrong("the noise has its sign lost: Gumbel numbers are -log(-log u), with a long tail upwards")
    for wrong, sentence in (
        (_gaussian_noise, "that is Gaussian noise: the frequencies come near softmax, and are not softmax"),
        (_noise_on_the_probabilities, "the noise was added to the probabilities: it belongs on the logits"),
    ):
        if np.abs(np.bincount(wrong(logits, uniforms), minlength=n_words) - counts).sum() < 0.01 * len(words):
            raise Wrong(sentence)
    raise Wrong(f"the words come with frequencies {np.round(counts / len(words), 3)}, softmax is {np.round(law, 3)}")


def _choices(rng: np.random.Generator) -> list[tuple]:
    """Ordinary logits, logits of hundreds, and a word that softmax forbids."""
    cases = [np.array([0.5, -1.0, 1.3, 0.0]), np.array([-500.0, 801.0, 800.0]), np.array([0.0, 8.0, -9.0, 7.0])]
    return [(rng.permutation(a), rng.uniform(1e-12, 1, size=(20_000, len(a)))) for a in cases]


# --- 2. The gradient without a slope ------------------------------------------------------------------------


def _expected_slope(logits: Array, table: Array) -> Array:
    """Slope of the expected reward by central differences of the sum over all strings: no score anywhere."""

    def expected(a: Array) -> float:
        total = table
        for p in special.softmax(a, axis=1):
            total = np.tensordot(p, total, axes=1)
        return float(total)

    slope = np.zeros(logits.shape)
    for index in np.ndindex(*logits.shape):
        move = np.zeros(logits.shape)
        move[index] = 1e-5
        slope[index] = (expected(logits + move) - expected(logits - move)) / 2e-5
    return slope


def _check_discrete_reinforce(
    answer: object, logits: Array, words: Array, rewards: Array, baseline: float, table: Array
) -> None:
    draws = as_array(answer, (len(words), *logits.shape))
    exact = _expected_slope(logits, table)
    mean, error = draws.mean(axis=0), draws.std(axis=0) / np.sqrt(len(draws)) + 1e-9
    right_score = np.eye(logits.shape[1])[words] - special.softmax(logits, axis=1)
    size = np.abs(draws).max()
    if size > 0 and np.abs(draws.sum(axis=2)).max() > 1e-6 * size:
        raise Wrong("the entries of a place should sum to zero: the slope of log softmax is the one-hot MINUS softmax")
    if close(draws, (rewards + baseline)[:, None, None] * right_score, 1e-6, 1e-9) and baseline:
        raise Wrong("the baseline was added: it is subtracted from each reward")
    if baseline and close(draws, rewards[:, None, None] * right_score - baseline, 1e-6, 1e-9):
        raise Wrong("the baseline is subtracted from the reward, before the product with the score")
    if close(draws, -(rewards - baseline)[:, None, None] * right_score, 1e-6, 1e-9):
        raise Wrong("the sign is that of a loss: asked for is the direction that raises the expected reward")
    if len(logits) > 1 and close(draws * len(logits), (rewards - baseline)[:, None, None] * right_score, 1e-6, 1e-9):
        raise Wrong(f"each draw is divided by the {len(logits)} places: the log-probability of a string is their sum")
    if baseline and close(draws, rewards[:, None, None] * right_score, 1e-6, 1e-9):
        raise Wrong("the baseline is ignored: the mean would be right, the variance far too large")
    if (np.abs(mean - exact) > 6 * error).any():
        raise Wrong("the mean of your draws is not the slope of the expected reward, found by summing over all strings")
    if draws.var(axis=0).sum() > 1.2 * ((rewards - baseline)[:, None, None] * right_score).var(axis=0).sum():
        raise Wrong("the mean is right, but the draws scatter more than (R - b) times the score does")


def _policies(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for length, offset, with_baseline in ((1, 0.0, False), (3, 40.0, True), (3, 1.0, False)):
        logits = rng.normal(size=(length, 4))
        table = offset + rng.uniform(0, 2, size=(4,) * length)
        words = (logits + rng.gumbel(size=(6000, length, 4))).argmax(axis=2)
        baseline = offset + 1.0 if with_baseline else 0.0
        cases.append((logits, words, table[tuple(words.T)], baseline, table))
    return cases


# --- 3. The best baseline -----------------------------------------------------------------------------------


def _check_discrete_best_baseline(answer: object, logits: Array, rewards: Array) -> None:
    best, p = as_array(answer, (len(logits),)), special.softmax(logits)
    for i in range(len(logits)):
        g = (np.arange(len(p)) == i) - p[i]

        def variance(b: float, g: Array = g) -> float:
            draws = (rewards - b) * g
            return float(p @ draws**2 - (p @ draws) ** 2)

        found = optimize.minimize_scalar(variance, bracket=(rewards.min(), rewards.max()), tol=1e-10).x
        if abs(best[i] - found) < 1e-4 * (1 + abs(found)):
            continue
        if close(best[i], p @ rewards, 1e-6):
            raise Wrong("that is the expected reward: it lowers the variance, another constant lowers it further")
        if close(best[i], (p * np.abs(g)) @ rewards / (p @ np.abs(g)), 1e-6):
            raise Wrong("the weights are the sizes of the scores: the variance asks for their squares")
        if close(best[i], (g**2) @ rewards / (g**2).sum(), 1e-6):
            raise Wrong("the probabilities are missing: both sums are expectations, weighted by softmax")
        raise Wrong(
            f"logit {i}: at {best[i]:.4g} the variance is {variance(best[i]):.4g}; it can be {variance(found):.4g}"
        )


def _uneven_rewards(rng: np.random.Generator) -> list[tuple]:
    """Laws far from uniform, so that the three wrong weights differ from the right one."""
    return [
        (np.arange(n) * 0.8 + rng.normal(scale=0.2, size=n), 10 * rng.permutation(n) + rng.random(n)) for n in (3, 5)
    ]


# --- 4. Spot the slip: what is relaxed ----------------------------------------------------------------------


def discrete_two_slips(logits, noise, tau):
    n, _, n_words = noise.shape
    y = (logits + noise) / tau
    y = np.exp(y - y.max(axis=2, keepdims=True))
    y /= y.sum(axis=2, keepdims=True)
    softmax = np.exp(logits - logits.max(axis=1, keepdims=True))
    softmax /= softmax.sum(axis=1, keepdims=True)
    sample = np.eye(n_words)[(logits + noise).argmax(axis=2)]
    return {
        "greedy": len({tuple(logits.argmax(axis=1)) for _ in range(n)}),
        "sampled": len({tuple(row) for row in (logits + noise).argmax(axis=2)}),
        "to_softmax": np.abs(y - softmax).mean(),
        "to_sample": np.abs(y - sample).mean(),
        "relaxes": "sample",
    }


def _named_softmax(logits: Array, noise: Array, tau: float) -> dict:
    return {**discrete_two_slips(logits, noise, tau), "relaxes": "softmax"}


def _greedy_has_variety(logits: Array, noise: Array, tau: float) -> dict:
    answer = discrete_two_slips(logits, noise, tau)
    return {**answer, "greedy": answer["sampled"]}


def _greedy_sample(logits: Array, noise: Array, tau: float) -> dict:
    y = special.softmax((logits + noise) / tau, axis=2)
    sample = np.eye(logits.shape[1])[logits.argmax(axis=1)]
    return {**discrete_two_slips(logits, noise, tau), "to_sample": np.abs(y - sample).mean()}


def _temperature_on_logits_only(logits: Array, noise: Array, tau: float) -> dict:
    y = special.softmax(logits / tau + noise, axis=2)
    sample = np.eye(logits.shape[1])[(logits + noise).argmax(axis=2)]
    return {
        **discrete_two_slips(logits, noise, tau),
        "to_softmax": np.abs(y - special.softmax(logits, axis=1)).mean(),
        "to_sample": np.abs(y - sample).mean(),
    }


def _check_discrete_two_slips(answer: object, logits: Array, noise: Array, tau: float) -> None:
    greedy, sampled, to_softmax, to_sample, relaxes = as_entries(
        answer, ("greedy", "sampled", "to_softmax", "to_sample", "relaxes")
    )
    if as_number(greedy) != 1:
        raise Wrong("with argmax and a fixed start nothing is random: how many different sentences can come out?")
    words = [Counter(map(tuple, (logits + noise).argmax(axis=2)))]
    if as_number(sampled) != len(words[0]):
        raise Wrong("sampled should count the different rows of argmax(logits + noise)")
    y = special.softmax((logits + noise) / tau, axis=2)
    plain = special.softmax(logits / tau + noise, axis=2)
    if close(as_number(to_softmax), np.abs(plain - special.softmax(logits, axis=1)).mean()):
        raise Wrong("the temperature divides the logits AND the noise: (a + G) / tau")
    if not close(as_number(to_softmax), np.abs(y - special.softmax(logits, axis=1)).mean()):
        raise Wrong("to_softmax is not the mean of |y - softmax(a)| over all entries")
    one_hot = np.eye(logits.shape[1])[(logits + noise).argmax(axis=2)]
    if not close(as_number(to_sample), np.abs(y - one_hot).mean()):
        raise Wrong("to_sample compares each draw with the word chosen by the SAME noise, argmax(a + G), as a one-hot")
    if relaxes not in ("softmax", "sample"):
        raise Wrong("relaxes should be 'softmax' or 'sample'")
    if relaxes != "sample":
        raise Wrong(
            "your own numbers say otherwise: as tau falls, y leaves the softmax and approaches the other object"
        )


def _chains(rng: np.random.Generator) -> list[tuple]:
    return [
        (rng.normal(size=(length, 5)), rng.gumbel(size=(400, length, 5)), tau) for length, tau in ((3, 0.1), (4, 0.05))
    ]


# --- 5. Straight through a coin -----------------------------------------------------------------------------


def discrete_coin_bias(heads: float, target: float) -> dict:
    rate = heads * (1 - heads)  # slope of the sigmoid
    exact = rate * ((1 - target) ** 2 - target**2)
    straight_through = heads * 2 * (1 - target) * rate + (1 - heads) * 2 * (0 - target) * rate
    return {"exact": exact, "straight_through": straight_through, "bias": straight_through - exact}


def _slope_at_the_mean(heads: float, target: float) -> dict:
    answer = discrete_coin_bias(heads, target)
    return {**answer, "exact": 2 * (heads - target) * heads * (1 - heads), "bias": 0.0}


def _no_sigmoid(heads: float, target: float) -> dict:
    rate = heads * (1 - heads)
    return {name: value / rate for name, value in discrete_coin_bias(heads, target).items()}


def _bias_reversed(heads: float, target: float) -> dict:
    answer = discrete_coin_bias(heads, target)
    return {**answer, "bias": -answer["bias"]}


def _check_discrete_coin_bias(answer: object, heads: float, target: float) -> None:
    exact, sent, bias = map(as_number, as_entries(answer, ("exact", "straight_through", "bias")))

    def expected(a: float) -> float:
        p = special.expit(a)
        return p * (1 - target) ** 2 + (1 - p) * target**2

    a = special.logit(heads)
    truth = (expected(a + 1e-5) - expected(a - 1e-5)) / 2e-5  # the independent route: differences
    rate = (special.expit(a + 1e-5) - special.expit(a - 1e-5)) / 2e-5
    back = sum(p * 2 * (b - target) for b, p in ((0, 1 - heads), (1, heads))) * rate
    if close(exact, truth / rate, 1e-6) and not close(rate, 1, 1e-3):
        raise Wrong("that is the slope in theta: the question is the slope in the logit, a factor theta (1 - theta)")
    if close(exact, back, 1e-6) and not close(back, truth, 1e-6):
        raise Wrong("exact moved the mean through the loss: the coin shows 0 or 1, never theta. Sum over its two sides")
    if not close(exact, truth, 1e-6):
        raise Wrong("exact is not the slope in a of theta (1 - t)^2 + (1 - theta) t^2")
    if not close(sent, back, 1e-6):
        raise Wrong("straight_through is the mean over both sides b of 2 (b - t) times the slope of the sigmoid")
    if close(bias, truth - back, 1e-6) and abs(bias) > 1e-6:
        raise Wrong("the bias has the wrong sign: it is what the estimate has too much")
    if not close(bias, back - truth, 1e-5, 1e-9):
        raise Wrong("the bias is the expected estimate minus the exact slope")


# --- 6. Mini project: a designer of molecules ---------------------------------------------------------------


def discrete_designer(training, n, seed):
    rng = np.random.default_rng(seed)
    # Counts of the next letter, given the last two, how many brackets are open, and whether a ring is.
    table = {}

    def situation(text):
        return text[-2:], min(text.count("(") - text.count(")"), 2), text.count("1") % 2

    for text in training:
        for t in range(len(text) + 1):
            table.setdefault(situation(text[:t]), Counter())[(text + "$")[t]] += 1
    designed = []
    while len(designed) < n:
        text = ""
        while not text.endswith("$") and len(text) < 16:
            counts = table.get(situation(text), Counter({"C": 1}))
            letters, weights = list(counts), np.array(list(counts.values()), dtype=float)
            text += letters[rng.choice(len(letters), p=weights / weights.sum())]
        if text.endswith("$"):
            designed.append(text[:-1])
    return designed


def _memoriser(training: list, n: int, seed: int) -> list:
    return [str(text) for text in np.random.default_rng(seed).choice(training, size=n)]


def _favourite(training: list, n: int, seed: int) -> list:
    return ["CCNCCO"] * n


def _random_letters(training: list, n: int, seed: int) -> list:
    rng = np.random.default_rng(seed)
    letters = list("".join(training))
    return ["".join(rng.choice(letters, size=len(text))) for text in rng.choice(training, size=n)]


def _atoms_only(training: list, n: int, seed: int) -> list:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("CNO"), size=rng.integers(6, 16))) for _ in range(n)]


def _check_discrete_designer(answer: object, training: list, n: int, seed: int) -> None:
    if not isinstance(answer, list) or len(answer) != n or not all(isinstance(text, str) for text in answer):
        raise Wrong(f"the answer should be a list of {n} strings")
    valid, unique, novel = string_report(answer, is_molecule, training)
    if valid < 0.5:
        raise Wrong(f"only {valid:.0%} of the strings are valid: brackets and rings must close; 50 % are wanted")
    if unique < 0.3:
        raise Wrong(f"only {unique:.0%} of the valid strings are different; 30 % are wanted: did it find a favourite?")
    if novel < 0.5:
        raise Wrong(f"only {novel:.0%} of the different strings are new; 50 % are wanted: it learned by heart")
    usage = [
        np.array([sum(text.count(s) for text in texts) for s in "CNO(1"], dtype=float) for texts in (answer, training)
    ]
    gap = 0.5 * np.abs(usage[0] / usage[0].sum() - usage[1] / usage[1].sum()).sum()
    if gap > 0.08:
        raise Wrong(
            f"valid, different and new, but another language: the letters' frequencies differ by {gap:.2f} in total "
            "variation, 0.08 is allowed. The three shares alone can be had cheaply"
        )


def _libraries(rng: np.random.Generator) -> list[tuple]:
    grammar = Grammar(MOLECULES)
    training: list[str] = []
    while len(training) < 500:
        text = "".join(grammar.sample(rng))
        if 6 <= len(text) <= 15:
            training.append(text)
    return [(training, 1000, int(rng.integers(1000)))]


EXERCISES = (
    Exercise(
        name="discrete_gumbel_max",
        title="Choose with noise",
        prompt="""
Turn uniform numbers into words that follow $\\mathrm{softmax}(a)$, by the Gumbel-max trick. `logits` has shape (k,),
`uniforms`, in (0, 1), has shape (n, k); return n word numbers from 0 to k − 1. The check is a χ² test on 20 000 words.
Some logits are in the hundreds, and some words are nearly forbidden.
""",
        stub='''def discrete_gumbel_max(logits, uniforms):
    """n words, integers from 0 to k - 1, one for each row of uniforms."""
    ...''',
        inputs=_choices,
        check=_check_discrete_gumbel_max,
        solution=discrete_gumbel_max,
        mistakes=(
            Mistake("Gaussian noise", _gaussian_noise, "Gaussian noise: the frequencies"),
            Mistake("sign lost", _lost_sign, "sign lost"),
            Mistake("noise on the probabilities", _noise_on_the_probabilities, "was added to the probabilities"),
            Mistake("exponentials", _exponentiated, "overflowed"),
        ),
        level=1,
        minutes=10,
    ),
    Exercise(
        name="discrete_reinforce",
        title="A gradient without a slope",
        prompt="""
The words of a string are independent here: place t has the logits `logits[t]`, shape (T, V). Given n strings that were
drawn from this law, `words` (n, T), and their rewards (n,), return the REINFORCE estimate of *each draw*, shape
(n, T, V): (reward − baseline) times the slope of the string's log-probability in the logits. Its mean is compared with
the exact slope of the expected reward, a sum over all $V^T$ strings (for which `table`, the reward of every string, is
handed over too: you don't need it). One reward has a large offset, and a baseline that takes it off.
""",
        stub='''def discrete_reinforce(logits, words, rewards, baseline, table):
    """One estimate per draw, shape (n, T, V), in the direction that raises the expected reward."""
    ...''',
        inputs=_policies,
        check=_check_discrete_reinforce,
        level=2,
        minutes=25,
        points=10,
    ),
    Exercise(
        name="discrete_best_baseline",
        title="The best baseline",
        prompt="""
One word is drawn from $\\mathrm{softmax}(a)$, and pays `rewards`. For each logit $a_i$ alone, return the constant $b$
that makes the variance of the REINFORCE estimate of $\\partial \\mathbb{E}[R] / \\partial a_i$ smallest; shape (k,).
The check searches for the minimum numerically, and accepts an error of 1e-4.
""",
        stub='''def discrete_best_baseline(logits, rewards):
    """The best constant for each logit, shape (k,)."""
    ...''',
        inputs=_uneven_rewards,
        check=_check_discrete_best_baseline,
        level=2,
        minutes=25,
        points=8,
    ),
    Exercise(
        name="discrete_two_slips",
        title="Spot the slip: one sentence only, and what is relaxed",
        prompt="""
Two lines that you will meet: "the generator picks the most probable word each time and so writes text", and
"Gumbel-softmax is a continuous approximation of the softmax". Put both to the test. Place t has the fixed logits
`logits[t]`, shape (T, V); `noise` (n, T, V) holds standard Gumbel numbers. Return a dict with `"greedy"`, the number of
different strings among n that take the argmax of the logits, `"sampled"`, the number of different strings
$\\arg\\max(a + G)$, `"to_softmax"` and `"to_sample"`, the mean over all n·T·V entries of
$\\lvert y_\\tau - \\mathrm{softmax}(a) \\rvert$ and of $\\lvert y_\\tau - \\text{one-hot sample} \\rvert$ with the same
noise, and `"relaxes"`: `"softmax"` or `"sample"`.
""",
        stub='''def discrete_two_slips(logits, noise, tau):
    """A dict: "greedy", "sampled", "to_softmax", "to_sample", "relaxes"."""
    ...''',
        inputs=_chains,
        check=_check_discrete_two_slips,
        solution=discrete_two_slips,
        mistakes=(
            Mistake("relaxes the softmax", _named_softmax, "your own numbers"),
            Mistake("argmax has variety", _greedy_has_variety, "nothing is random"),
            Mistake("another sample", _greedy_sample, "SAME noise"),
            Mistake("temperature on the logits only", _temperature_on_logits_only, "AND the noise"),
        ),
        level=2,
        minutes=20,
    ),
    Exercise(
        name="discrete_coin_bias",
        title="Straight through a coin",
        prompt="""
A coin shows $b = 1$ with probability $\\theta = \\sigma(a)$, else 0, and costs $(b - t)^2$. Return a dict with
`"exact"`, the slope in the logit $a$ of the expected cost, `"straight_through"`, the expected slope that the
straight-through estimate sends back (the coin's side in the cost, the slope of $\\sigma(a)$ behind it), and `"bias"`,
how much the second has too much. For which coin is it unbiased?
""",
        stub='''def discrete_coin_bias(heads, target):
    """A dict: "exact", "straight_through", "bias"; heads is theta, target is t."""
    ...''',
        inputs=lambda rng: [
            (float(rng.uniform(0.1, 0.4)), 0.45),
            (float(rng.uniform(0.6, 0.9)), float(rng.uniform(0, 1))),
        ],
        check=_check_discrete_coin_bias,
        solution=discrete_coin_bias,
        mistakes=(
            Mistake("slope at the mean", _slope_at_the_mean, "never theta"),
            Mistake("slope in theta", _no_sigmoid, "slope in theta"),
            Mistake("sign of the bias", _bias_reversed, "wrong sign"),
        ),
        level=2,
        minutes=15,
    ),
    Exercise(
        name="discrete_designer",
        title="Mini project: a designer of molecules",
        prompt="""
`training` holds 500 molecule-like strings of 6 to 15 letters from the alphabet `CNO()1`. Write a generator, of any
kind, that learns from them and returns `n` strings. The check wants at least half of them valid (it knows the grammar,
your program should not), 30 % of the valid ones different, half of the different ones new, *and* letters used about
as often as in the training strings (their frequencies may differ by 0.08 in total variation). Then go on with a
generator of this chapter: compare the three shares of a fitted one, of one rewarded for validity, and of the
adversarial one, on 10 000 strings each, several seeds.
""",
        stub='''def discrete_designer(training, n, seed):
    """A list of n strings, learned from the list training."""
    ...''',
        inputs=_libraries,
        check=_check_discrete_designer,
        solution=discrete_designer,
        mistakes=(
            Mistake("a memoriser", _memoriser, "by heart"),
            Mistake("a favourite", _favourite, "a favourite"),
            Mistake("random letters", _random_letters, "brackets and rings must close"),
            Mistake("atoms only", _atoms_only, "another language"),
        ),
        level=3,
        minutes=90,
        rubric="""
Validity, uniqueness and novelty on 10 000 strings of each generator, with the same three shares of fresh strings of the
grammar beside them (a perfect generator is not 100 % new); several seeds with their spread; a memorisation check (how
far is each new string from the nearest training string, and how far are fresh ones?); a sentence on what a reward for
validity alone teaches.
""",
    ),
)

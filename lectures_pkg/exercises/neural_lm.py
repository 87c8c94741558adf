"""Exercises of the chapter "Neural language models and word vectors"."""

# Solutions are shown to readers as they would write them, without types.
# mypy: disallow-untyped-defs=False

from __future__ import annotations

import numpy as np
from scipy.special import expit, log_softmax, logsumexp

from lectures_pkg.exercises import Exercise, Mistake, Wrong, as_array, as_number, close
from lectures_pkg.worlds import Grammar

# ---------------------------------------------------------------- 1: the slope of the loss


def loss_slope(logits, targets):
    shifted = logits - logits.max(axis=1, keepdims=True)  # softmax does not notice, exp does
    p = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    p[np.arange(len(targets)), targets] -= 1
    return p


def _slope_turned(logits, targets):
    return -loss_slope(logits, targets)


def _slope_of_mean(logits, targets):
    return loss_slope(logits, targets) / len(targets)


def _slope_overflows(logits, targets):
    with np.errstate(over="ignore", invalid="ignore"):
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    p[np.arange(len(targets)), targets] -= 1
    return p


def _slope_target_only(logits, targets):
    slope = loss_slope(logits, targets)
    onehot = np.zeros_like(slope)
    onehot[np.arange(len(targets)), targets] = 1
    return slope * onehot


def _slope_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for batch, n_words in ((1, 3), (4, 6), (3, 9)):
        cases.append((rng.normal(0, 2, size=(batch, n_words)), rng.integers(n_words, size=batch)))
    logits, targets = rng.normal(0, 2, size=(2, 5)), rng.integers(5, size=2)
    return [*cases, (logits + 1000.0, targets), (logits - 1000.0, targets)]


def _check_slope(answer: object, logits: np.ndarray, targets: np.ndarray) -> None:
    found = as_array(answer, logits.shape)
    if not np.isfinite(found).all():
        raise Wrong(
            f"there is a nan or an infinity for logits near {logits.mean():.0f}: exp overflows. "
            "Softmax does not change when every logit of a row loses the same number"
        )

    def loss(a: np.ndarray) -> float:
        return -float(log_softmax(a, axis=1)[np.arange(len(targets)), targets].sum())

    expected, h = np.zeros_like(logits), 1e-5
    for index in np.ndindex(logits.shape):
        step = np.zeros_like(logits)
        step[index] = h
        expected[index] = (loss(logits + step) - loss(logits - step)) / (2 * h)

    def near(a: np.ndarray) -> bool:
        return close(found, a, relative=1e-5, absolute=1e-6)

    if near(expected):
        return
    if near(-expected):
        raise Wrong("the sign is turned: raising the target's logit must lower the loss, so its slope is negative")
    if len(targets) > 1 and near(expected / len(targets)):
        raise Wrong("this is the slope of the mean over the batch; the slope of the sum is asked for")
    if not close(found.sum(axis=1), 0.0, absolute=1e-6):
        raise Wrong("each row should sum to 0: what the target gains the other words lose. Every logit has a slope")
    raise Wrong("central differences of the loss give other slopes")


# ---------------------------------------------------------------- 2: shifted PMI (assignment)


def _table_inputs(rng: np.random.Generator) -> list[tuple]:
    by_hand = np.array([[4.0, 2.0, 2.0], [1.0, 3.0, 0.0], [1.0, 1.0, 2.0]])
    counts = rng.integers(1, 30, size=(4, 5)).astype(float)
    with_zero = rng.integers(1, 30, size=(3, 4)).astype(float)
    with_zero[int(rng.integers(3)), int(rng.integers(4))] = 0.0
    return [(by_hand, 5), (counts, int(rng.integers(2, 15))), (with_zero, 2), (counts, 1)]


def _check_shifted_pmi(answer: object, counts: np.ndarray, k: int) -> None:
    found = as_array(answer, counts.shape)
    n = counts.sum()
    expected = np.empty(counts.shape)
    for w, c in np.ndindex(counts.shape):  # cell by cell, as on paper
        ratio = counts[w, c] * n / (sum(counts[w, :]) * sum(counts[:, c]))
        expected[w, c] = -np.inf if ratio == 0 else np.log(ratio) - np.log(k)
    if close(found, expected):
        return
    zero, rest = counts == 0, counts > 0
    if close(found[rest], expected[rest]):
        raise Wrong(f"two words that never meet should get -inf; you give {found[zero][0]:.3g}. Their log is not 0")
    if np.isnan(found).any():
        raise Wrong("there is a nan: take the logarithm of a ratio of counts, and let log 0 be -inf")
    if close(found[rest], expected[rest] + 2 * np.log(k)):
        raise Wrong("log k is added; more false pairs make every score smaller, so it is taken off")
    if close(found[rest], expected[rest] / np.log(2)):
        raise Wrong("these are bits: the course takes natural logarithms")
    if close(found[rest], expected[rest] + np.log(k)):
        raise Wrong("this is the PMI itself, without the shift by log k")
    raise Wrong("the ratio is P(w, c) against P(w) P(c), each of them a share of all the pairs in the table")


# ---------------------------------------------------------------- 3: spot the slip


def sigma_row_sums(joint, k):
    p_word = joint.sum(axis=1, keepdims=True)
    p_context = joint.sum(axis=0, keepdims=True)
    score = np.log(joint / (p_word * p_context)) - np.log(k)  # w · c at the optimum
    return (1 / (1 + np.exp(-score))).sum(axis=1)


def _sums_are_one(joint, k):
    return np.ones(len(joint))


def _sums_without_shift(joint, k):
    return sigma_row_sums(joint, 1) if k > 1 else sigma_row_sums(joint, 2)


def _sums_over_words(joint, k):
    return sigma_row_sums(joint.T, k)


def _sums_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for n, k in ((6, 1), (5, 2), (9, 15)):
        joint = rng.dirichlet(np.full(n * n, 0.8)).reshape(n, n)
        cases.append((0.9 * joint + 0.1 / n**2, k))
    cases.append((np.full((12, 12), 1 / 144), 5))  # independent words: 12 / (1 + 5) = 2
    return cases


def _check_sums(answer: object, joint: np.ndarray, k: int) -> None:
    found = as_array(answer, (len(joint),))

    def sums(table: np.ndarray, k: float) -> np.ndarray:
        # A true pair among the true and the false ones: no logarithm, no sigma.
        false = k * np.outer(table.sum(axis=1), table.sum(axis=0))
        return (table / (table + false)).sum(axis=1)

    expected = sums(joint, k)
    if close(found, expected, relative=1e-8):
        return
    if close(found, np.ones(len(joint))):
        raise Wrong(
            "that is the slip: each score answers its own yes-or-no question, so nothing makes a row sum to one. "
            f"With independent words each of the n scores would be 1/(1 + k): a sum of {len(joint)}/{1 + k}"
        )
    if any(close(found, sums(joint, other), relative=1e-8) for other in (1, 2)):
        raise Wrong(f"the scores here belong to another k: with k = {k} false pairs for a true one, shift by log k")
    if close(found, sums(joint.T, k), relative=1e-8):
        raise Wrong("you have summed over the words for each context; sum over the contexts for each word")
    raise Wrong("sigma of the optimal score is the share of true pairs among true and false ones; sum that over c")


# ---------------------------------------------------------------- 4: causal attention (assignment)


def _attention_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for lengths, time, dim in (([5, 3, 1], 5, 4), ([1, 1], 1, 3), ([4, 4], 4, 2)):
        shape = (len(lengths), time, dim)
        q, k, v = (rng.normal(size=shape) for _ in range(3))
        q, k = 2 * q, 2 * k
        cases.append((q, k, v, np.array(lengths)))
    # The same again after the future was changed: nothing before it may move.
    q, k, v, ends = (part.copy() for part in cases[0])
    k[0, 3:], v[0, 3:] = rng.normal(size=(2, 4)), 1e6
    k[1, 3:], v[1, 3:] = 50.0, 1e6  # behind the end of the second sequence
    return [*cases, (q, k, v, ends)]


def _attention_by_loops(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, lengths: np.ndarray, ahead: int = 0, scale: bool = True
) -> np.ndarray:
    """Place by place, over the keys that may be seen; ``ahead`` is for the slip that sees too many."""
    out = np.zeros_like(v)
    for b, t in np.ndindex(v.shape[:2]):
        if t >= lengths[b]:
            continue
        seen = min(t + 1 + ahead, lengths[b])
        scores = k[b, :seen] @ q[b, t] / (np.sqrt(q.shape[-1]) if scale else 1.0)
        out[b, t] = np.exp(scores - logsumexp(scores)) @ v[b, :seen]
    return out


def _check_attention(answer: object, q: np.ndarray, k: np.ndarray, v: np.ndarray, lengths: np.ndarray) -> None:
    found = as_array(answer, v.shape)
    expected = _attention_by_loops(q, k, v, lengths)
    if close(found, expected, relative=1e-7, absolute=1e-9):
        return
    inside = np.arange(v.shape[1]) < lengths[:, None]  # (batch, time)
    if np.isnan(found).any():
        raise Wrong("there is a nan: a row in which every score is -inf is 0/0. Where may a place behind the end look?")
    if close(found[inside], expected[inside], relative=1e-7, absolute=1e-9):
        raise Wrong("rows behind the end of a sequence should be zero")

    def near(wrong: np.ndarray) -> bool:
        return close(found[inside], wrong[inside], relative=1e-7, absolute=1e-9)

    if near(_attention_by_loops(q, k, v, lengths, ahead=1)):
        raise Wrong("place t looks at place t + 1, which is the answer: the mask begins one diagonal too late")
    if near(_attention_by_loops(q, k, v, lengths, ahead=v.shape[1])):
        raise Wrong("every place looks at the whole sequence: there is no mask")
    if near(_attention_by_loops(q, k, v, lengths, scale=False)):
        raise Wrong("the scores are not divided by the square root of the dimension")
    weights = np.exp(q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1]))
    for visible in (v.shape[1], None):
        total = sum(weights[:, :, s] * (True if visible else s < lengths[:, None]) for s in range(v.shape[1]))
        cut = np.tril(weights) * (np.arange(v.shape[1]) < lengths[:, None])[:, None, :]
        if near(cut @ v / np.asarray(total)[:, :, None]):
            raise Wrong(
                "the mask came after the softmax: the weights that are left don't sum to one, and the future still "
                "moves them through the sum below the line"
            )
    raise Wrong("a loop over places, keys up to t (and inside the sequence) and a softmax over these gives other rows")


# ---------------------------------------------------------------- 5: agreement over an attractor


def agreement_accuracy(sentences, pairs, order):
    counts = {}
    for sentence in sentences:
        for end, word in enumerate(sentence):
            for length in range(min(order - 1, end) + 1):
                key = (tuple(sentence[end - length : end]), word)
                counts[key] = counts.get(key, 0) + 1
    total = 0.0
    for before, right, wrong in pairs:
        for length in range(min(order - 1, len(before)), -1, -1):  # the longest context first
            context = tuple(before[len(before) - length :])
            c_right, c_wrong = counts.get((context, right), 0), counts.get((context, wrong), 0)
            if c_right + c_wrong > 0:
                break
        total += 1.0 if c_right > c_wrong else 0.5 if c_right == c_wrong else 0.0
    return total / len(pairs)


def _agreement_of_order_plus_one(sentences, pairs, order):
    return agreement_accuracy(sentences, pairs, order + 1)


def _agreement_ties_are_right(sentences, pairs, order):
    score = 0.0
    for pair in pairs:
        one = agreement_accuracy(sentences, [pair], order)
        score += 1.0 if one == 0.5 else one
    return score / len(pairs)


def _agreement_shortest_first(sentences, pairs, order):
    return agreement_accuracy(sentences, pairs, 1)


def _agreement_without_back_off(sentences, pairs, order):
    score = 0.0
    for before, right, wrong in pairs:
        context = list(before[len(before) - min(order - 1, len(before)) :])
        n = len(context)
        grams = [tuple(s[i : i + n + 1]) for s in sentences for i in range(len(s) - n)]
        c_right, c_wrong = grams.count((*context, right)), grams.count((*context, wrong))
        score += float(c_right > c_wrong) + 0.5 * (c_right == c_wrong > 0)
    return score / len(pairs)


_NOUNS = (("cat", "cats"), ("dog", "dogs"), ("bird", "birds"))
_VERBS = (("sleeps", "sleep"), ("runs", "run"), ("sees", "see"))


def _agreement_inputs(rng: np.random.Generator) -> list[tuple]:
    grammar = Grammar()
    sentences = [grammar.sample(rng) for _ in range(400)]
    pairs = []
    for number in (0, 1):
        for _ in range(8):
            subject, attractor = (_NOUNS[i] for i in rng.integers(3, size=2))
            verb = _VERBS[rng.integers(3)]
            pairs.append(
                (["the", subject[number], "near", "the", attractor[1 - number]], verb[number], verb[1 - number])
            )
    # Three sentences of our own: a tie after "c", a context that training never showed, and words never shown.
    own = [
        ["a", "b", "c", "x"],
        ["d", "b", "c", "y"],
        ["d", "b", "c", "x"],
        ["e", "c", "y"],
        ["b", "x"],
        ["z", "z", "b", "x"],
    ]
    own_pairs = [(["a", "b", "c"], "x", "y"), (["q", "b", "c"], "y", "x"), (["q", "c"], "x", "y"), (["q"], "u", "v")]
    return [*[(own, own_pairs, n) for n in (2, 3, 4)], *[(sentences, pairs, n) for n in (2, 3, 4, 5)]]


def _check_agreement(answer: object, sentences: list, pairs: list, order: int) -> None:
    found = as_number(answer)
    texts = [" " + " ".join(sentence) + " " for sentence in sentences]

    def occurrences(words: list) -> int:
        gram, total = " " + " ".join(words) + " ", 0
        for text in texts:
            place = text.find(gram)
            while place >= 0:
                total, place = total + 1, text.find(gram, place + 1)
        return total

    def score(longest: int, back_off: bool = True, tie: float = 0.5, lost: float = 0.5) -> float:
        points = 0.0
        for before, right, wrong in pairs:
            context = before[max(len(before) - longest, 0) :]
            a = b = 0
            while True:
                a, b = occurrences([*context, right]), occurrences([*context, wrong])
                if a + b or not context or not back_off:
                    break
                context = context[1:]
            points += 1.0 if a > b else (tie if a else lost) if a == b else 0.0
        return points / len(pairs)

    expected = score(order - 1)
    if close(found, expected):
        return
    if close(found, score(order)):
        raise Wrong(f"an n-gram of order {order} sees {order - 1} words of context, not {order}: off by one")
    if close(found, score(order - 1, tie=1.0, lost=1.0)):
        raise Wrong("equal counts are a coin toss: they are worth one half, not one")
    if close(found, score(order - 1, back_off=False, lost=0.0)):
        raise Wrong("where the context was seen with neither form, drop its farthest word and look again: back off")
    if close(found, score(0)):
        raise Wrong("you stop at the empty context: begin with the longest one")
    raise Wrong(f"for order {order} counting by hand gives another share of right answers")


# ---------------------------------------------------------------- 6: softmax replaced by negative sampling


def negative_sampling_lm(counts, noise, k):
    n_context = counts.sum(axis=1, keepdims=True)
    true = counts / counts.sum()
    false = k * n_context / counts.sum() * noise  # k noise words for each true one
    scores = np.zeros(counts.shape)
    for _ in range(4000):
        sigma = 1 / (1 + np.exp(-scores))
        slope = (true + false) * sigma - true  # of the loss, in the scores
        scores -= 4 * slope / (true + false)  # each cell in its own units
    law = k * noise * np.exp(scores)
    return {"scores": scores, "law": law / law.sum(axis=1, keepdims=True)}


def _law_is_sigma(counts, noise, k):
    right = negative_sampling_lm(counts, noise, k)
    return {**right, "law": 1 / (1 + np.exp(-right["scores"]))}


def _law_is_softmax(counts, noise, k):
    right = negative_sampling_lm(counts, noise, k)
    e = np.exp(right["scores"])
    return {**right, "law": e / e.sum(axis=1, keepdims=True)}


def _scores_of_one_noise_word(counts, noise, k):
    return negative_sampling_lm(counts, noise, 1)


def _scores_untrained(counts, noise, k):
    scores = np.zeros(counts.shape)
    return {"scores": scores, "law": np.tile(noise, (len(counts), 1))}


def _negative_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for n_contexts, n_words, k in ((3, 4, 2), (6, 5, 5), (4, 8, 10)):
        counts = rng.integers(1, 60, size=(n_contexts, n_words)).astype(float)
        counts[0, 0] += 200
        noise = 0.8 * rng.dirichlet(np.full(n_words, 1.5)) + 0.2 / n_words
        cases.append((counts, noise, k))
    counts = counts.copy()
    counts[1, 2] = 0.0
    return [*cases, (counts, noise, 3)]


def _check_negative(answer: object, counts: np.ndarray, noise: np.ndarray, k: int) -> None:
    if not isinstance(answer, dict) or set(answer) != {"scores", "law"}:
        raise Wrong("the answer should be a dict with 'scores' and 'law'")
    scores, law = as_array(answer["scores"], counts.shape), as_array(answer["law"], counts.shape)
    seen = counts > 0
    with np.errstate(divide="ignore"):
        best = np.log(counts) - np.log(counts.sum(axis=1, keepdims=True) * noise)
    if not np.allclose(scores[seen], best[seen] - np.log(k), atol=0.05):
        if np.allclose(scores[seen], best[seen], atol=0.05):
            raise Wrong(f"the scores belong to one false word for each true one; here there are k = {k}")
        raise Wrong("the scores have not reached the minimum of the loss yet: more rounds, or another learning rate")
    if (scores[~seen] > -3).any():
        raise Wrong("a pair that never occurs should end with a low score, at most -3: every false pair pushes it down")
    if not close(law.sum(axis=1), 1.0, relative=1e-6):
        raise Wrong("a row of the law does not sum to one: sigma(m) answers 'true or false?', not 'which word?'")
    shares = counts / counts.sum(axis=1, keepdims=True)
    weights = counts / counts.sum()
    excess = float((weights[seen] * (np.log(shares[seen]) - np.log(law[seen]))).sum())
    softmax_law = np.exp(scores - logsumexp(scores, axis=1, keepdims=True))
    if close(law, softmax_law, relative=1e-5):
        raise Wrong("softmax of the scores forgets that they are relative to the noise: multiply each by noise(w)")
    if excess > 0.05:
        raise Wrong(f"the law spends {excess:.2f} nats a word more than relative counts; 0.05 are allowed")
    if not np.allclose(law[seen], (k * noise * expit(scores) / expit(-scores))[seen], atol=0.05):
        raise Wrong("the law should follow from the scores: solve sigma(m) = P / (P + k noise) for P")


EXERCISES = (
    Exercise(
        "loss_slope",
        "The slope of the loss",
        r"""Return the slope, in the logits, of $\sum_i -\log \mathrm{softmax}(a_i)_{y_i}$: the *sum* over the
rows of a batch. `logits` has shape (batch, vocabulary), `targets` has shape (batch,), and the answer has the shape of
`logits`. It must hold for logits near 1000 as well. The check takes central differences of the loss.""",
        '''def loss_slope(logits, targets):
    """Slope of the summed loss in each logit, shape (batch, vocabulary)."""
    ...
''',
        _slope_inputs,
        _check_slope,
        solution=loss_slope,
        mistakes=(
            Mistake("sign turned", _slope_turned, "the sign is turned"),
            Mistake("slope of the mean", _slope_of_mean, "mean over the batch"),
            Mistake("exp overflows", _slope_overflows, "exp overflows"),
            Mistake("target's logit only", _slope_target_only, "should sum to 0"),
        ),
        level=1,
        minutes=10,
    ),
    Exercise(
        "shifted_pmi",
        "PMI minus log k",
        r"""Given counts of (word, context) pairs, shape (words, contexts), and the number $k$ of false pairs,
return the table of scores $w \cdot c$ that negative sampling tends to, in nats. Do the table $\begin{pmatrix} 4 & 2 &
2 \\ 1 & 3 & 0 \\ 1 & 1 & 2 \end{pmatrix}$ with $k = 5$ on paper first: it is the first case of the check. Two words
that never meet get $-\infty$. No row or column is empty.""",
        '''def shifted_pmi(counts, k):
    """PMI(w, c) - log k in nats, the shape of counts; -inf where a count is zero."""
    ...
''',
        _table_inputs,
        _check_shifted_pmi,
        level=2,
        minutes=15,
        points=4,
    ),
    Exercise(
        "sigma_row_sums",
        "Spot the slip: is word2vec a language model?",
        r""""word2vec is a neural language model: $\sigma(w \cdot c)$ is the probability of $c$ near $w$." If
that were so, then $\sum_c \sigma(w \cdot c)$ would be one. Given a joint law of pairs (words in rows, contexts in
columns, all positive) and $k$, return this sum for every word at the optimum of negative sampling. Look at $k = 1$
too, and at independent words: for what vocabulary would the sum be one by accident?""",
        '''def sigma_row_sums(joint, k):
    """Sum over contexts of sigma(w · c), for each word, shape (words,)."""
    ...
''',
        _sums_inputs,
        _check_sums,
        solution=sigma_row_sums,
        mistakes=(
            Mistake("the slip itself", _sums_are_one, "that is the slip"),
            Mistake("another k", _sums_without_shift, "belong to another k"),
            Mistake("summed over words", _sums_over_words, "over the words for each context"),
        ),
        level=2,
        minutes=15,
    ),
    Exercise(
        "causal_attention",
        "Attention that can't look ahead",
        r"""Write causal attention in NumPy. Queries `q`, keys `k` and values `v` have shape (batch, time,
dim); `lengths`, shape (batch,), says how many places of each sequence are real. Row $t$ of the answer (the shape of
`v`) is $\sum_{s \le t} p_{ts} v_s$ with $p_t$ the softmax over $s \le t$ of $q_t \cdot k_s / \sqrt{\text{dim}}$.
Places behind a sequence's end are never looked at, and their own rows are zero. The check changes the future and
looks whether the past moved; a sequence may have a single place.""",
        '''def causal_attention(q, k, v, lengths):
    """Causal attention, shape (batch, time, dim)."""
    ...
''',
        _attention_inputs,
        _check_attention,
        level=2,
        minutes=25,
        points=8,
    ),
    Exercise(
        "agreement_accuracy",
        "Which window learns agreement?",
        r"""Score minimal pairs with counts. For each pair `(before, right, wrong)` take the last $n - 1$
words of `before` (fewer, if there are fewer) and count how often `sentences` show each of the two verbs right after
them. If neither was seen, drop the farthest word and look again, down to no context at all. A pair is worth 1 if
`right` has the larger count, one half if the counts are equal, 0 otherwise; return the mean. Contexts lie within one
sentence; no boundary symbols. Then try it on 3000 sentences of the grammar: about 0 for $n = 2, 3$, a coin toss for
$n = 4$, and 0.8 or more for $n \ge 5$.""",
        '''def agreement_accuracy(sentences, pairs, order):
    """Share of pairs on which counts of n-grams up to this order prefer the right verb form."""
    ...
''',
        _agreement_inputs,
        _check_agreement,
        solution=agreement_accuracy,
        mistakes=(
            Mistake("context off by one", _agreement_of_order_plus_one, "off by one"),
            Mistake("a tie is right", _agreement_ties_are_right, "coin toss"),
            Mistake("no back-off", _agreement_without_back_off, "back off"),
            Mistake("no context", _agreement_shortest_first, "empty context"),
        ),
        level=3,
        minutes=30,
    ),
    Exercise(
        "negative_sampling_lm",
        "Mini project: a language model without softmax, calibrated back",
        r"""Softmax sums over the whole vocabulary; negative sampling does not. Train the simplest model, one
free score $m_{hw}$ for each context $h$ and word $w$, by gradient descent on $-\sum_{h,w} \bigl[ P(h, w) \log
\sigma(m_{hw}) + k P(h) \, q(w) \log \sigma(-m_{hw}) \bigr]$, where $P$ are the shares in `counts`, shape (contexts,
words), and $q$ is the law `noise` of the false words. Then turn the scores back into a language model. Return a dict
with `scores` and `law`, both of the shape of `counts`: the scores within 0.05 of the optimum (at most $-3$ where a
count is zero), the rows of the law summing to one and within 0.05 nats a word of softmax training, which here gives
relative counts.""",
        '''def negative_sampling_lm(counts, noise, k):
    """{"scores": m, "law": P(w | h) recovered from m}, both of the shape of counts."""
    ...
''',
        _negative_inputs,
        _check_negative,
        solution=negative_sampling_lm,
        mistakes=(
            Mistake("the law is sigma", _law_is_sigma, "true or false?"),
            Mistake("softmax without the noise", _law_is_softmax, "forgets that they are relative"),
            Mistake("k forgotten", _scores_of_one_noise_word, "one false word for each true one"),
            Mistake("not trained", _scores_untrained, "not reached the minimum"),
        ),
        level=3,
        minutes=60,
        rubric="""The next step is the network itself: train `NeuralNgram` with k sampled false words in place of
the softmax, and show a calibration curve (predicted against observed share, in ten bins) before and after dividing by
the row's sum, with both cross-entropies. Does the network need the division at all? (Row sums near one are called
self-normalised.)""",
    ),
)

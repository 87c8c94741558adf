r"""N-gram language models: counts, smoothing, scoring, sampling, and the best ordering of a bag of words.

An n-gram model predicts a word from the ``order - 1`` words before it. Every smoothing here raises the
order one step at a time, from the uniform law over the vocabulary to the full context:

.. math:: P_k(w \mid h) = \mathrm{share}_k(h, w) + \mathrm{rest}_k(h) \, P_{k-1}(w \mid h')

where h' is h without its first word. Counting sorts packed integer keys and scoring searches them with
sorted queries; no Python loop runs over tokens once words are integers.

In the book: chapter "The chain rule and n-grams".
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, repeat
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

START, END, UNKNOWN = "<s>", "</s>", "<unk>"
RESERVED = (UNKNOWN, START, END)  # their ids are their places
UNKNOWN_ID, START_ID, END_ID = range(3)

#: Smoothing methods, and the options that each one takes.
SMOOTHING: Mapping[str, tuple[str, ...]] = {
    "mle": (),
    "add_k": ("k",),
    "interpolated": ("weights", "held_out"),
    "kneser_ney": ("discount", "uniform_unigrams"),
    "modified_kneser_ney": ("discounts",),
}
#: Discounts of n-grams seen once, twice, and three times or more, where counts of counts give none.
FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)
LONGEST_BAG = 12

Word = str  # any hashable will do
Sentence = Sequence[Word]


class NgramModel:
    r"""A language model that looks ``order - 1`` words back.

    The vocabulary is the training types, the end symbol ``</s>`` and the unknown word ``<unk>``. A sentence
    stands after ``order - 1`` start symbols ``<s>``, which are never predicted, and before one end symbol,
    which is. Words that training did not meet count as ``<unk>``. Only the last start symbol is ever looked
    up: further ones add nothing to it, so a context that reaches beyond it is the shorter context.

    Parameters
    ----------
    order : int
        Length of the longest n-gram, at least 1; a bigram model has order 2 and looks one word back.
    smoothing : {"mle", "add_k", "interpolated", "kneser_ney", "modified_kneser_ney"}
        How probability reaches what training did not show.

        - ``"mle"``: relative counts; minus infinity where the n-gram, or its whole context, is new.
        - ``"add_k"``: every count plus ``k`` (1.0); uniform after a new context.
        - ``"interpolated"``: a fixed mixture of the uniform law and the relative counts of order 1, 2, …;
          an order whose context is new repeats the order below. Give ``weights``, lowest order first, one
          for each order or one more in front for the uniform; or ``held_out``, sentences on which
          expectation maximisation finds the weights.
        - ``"kneser_ney"``: one ``discount`` (0.75) off every count, given to the order below, which counts
          contexts instead of tokens. ``uniform_unigrams=False`` leaves unigrams undiscounted.
        - ``"modified_kneser_ney"``: three discounts per order, for counts 1, 2 and 3 or more, estimated
          from counts of counts (0.5, 1, 1.5 where these give none), or given as ``discounts``, of
          shape (3,) or (order, 3).

    **options
        The options named above; any other is refused.

    Attributes
    ----------
    vocabulary : tuple
        What can be predicted: the training types in order of appearance, then ``</s>`` and ``<unk>``.
    weights : ndarray, shape (order + 1,)
        Interpolation weights, the uniform law's first (``"interpolated"`` only).
    discounts : ndarray, shape (order, 3)
        Discounts by order and count (Kneser-Ney only).

    Raises
    ------
    ValueError
        If ``order`` is below 1, the smoothing is unknown, or an option's value is out of range.
    TypeError
        If the smoothing does not take an option.

    References
    ----------
    Chen & Goodman (1998), An empirical study of smoothing techniques; Heafield, Pouzyrevsky, Clark & Koehn
    (2013), Scalable modified Kneser-Ney language model estimation. In the book: equations ``add-k``,
    ``kneser-ney-rows`` and ``kneser-ney-marginals``.
    """

    def __init__(self, order: int, smoothing: str = "modified_kneser_ney", **options: Any) -> None:
        try:
            self.order = operator.index(order)
        except TypeError:
            raise ValueError(f"order must be a whole number of at least 1, found {order!r}") from None
        if self.order < 1 or isinstance(order, bool):
            raise ValueError(f"order must be a whole number of at least 1, found {order!r}")
        if smoothing not in SMOOTHING:
            raise ValueError(f"smoothing must be one of {', '.join(SMOOTHING)}, found {smoothing!r}")
        for name in options:
            if name not in SMOOTHING[smoothing]:
                known = ", ".join(SMOOTHING[smoothing]) or "no options"
                raise TypeError(f"smoothing {smoothing!r} takes {known}, found {name!r}")
        self.smoothing = smoothing
        self._k = float(options.get("k", 1.0))
        if not 0 < self._k < np.inf:
            raise ValueError(f"k must be positive and finite, found {self._k:g}; for k = 0 use smoothing='mle'")
        self._held_out = options.get("held_out")
        self.weights = _checked_weights(options.get("weights"), self.order)
        if smoothing == "interpolated" and (self.weights is None) == (self._held_out is None):
            raise ValueError("smoothing 'interpolated' needs either weights= or held_out= sentences")
        self._uniform_unigrams = bool(options.get("uniform_unigrams", True))
        self.discounts = _checked_discounts(smoothing, options, self.order)
        self._estimates_discounts = smoothing == "modified_kneser_ney" and self.discounts is None
        self._ids: dict[Word, int] = {}

    # ------------------------------------------------------------------ fitting

    def fit(self, sentences: Iterable[Sentence]) -> NgramModel:
        """Count the n-grams of these sentences and estimate what the smoothing needs.

        Parameters
        ----------
        sentences : iterable of sequences of words
            Words are strings, or anything hashable; start and end symbols are added here.

        Returns
        -------
        NgramModel
            This model.

        Raises
        ------
        ValueError
            If there is no sentence, a sentence is a bare string, or a word equals a reserved symbol.
        """
        corpus = _as_sentences(sentences)
        if not corpus:
            raise ValueError("fit needs at least one sentence, found none")
        ids: defaultdict[Word, int] = defaultdict(None, zip(RESERVED, range(3), strict=True))
        ids.default_factory = ids.__len__  # a new word gets the next number
        words = np.fromiter(map(ids.__getitem__, chain.from_iterable(corpus)), np.int64)
        ids.default_factory = None
        if words.size and words.min() < len(RESERVED):
            raise ValueError(f"the word {RESERVED[words.min()]!r} is reserved; fit takes sentences without it")
        self._ids = dict(ids)
        self._words = tuple(ids)  # by id
        self.vocabulary = (*self._words[len(RESERVED) :], END, UNKNOWN)
        tokens, position = _with_boundaries(words, _lengths(corpus))
        continuation = self._count(tokens, position)
        self._estimate(continuation)
        if self._held_out is not None:
            self.weights = fit_interpolation_weights(self.component_probs(self._held_out))[0]
        return self

    def _count(self, tokens: np.ndarray, position: np.ndarray) -> list[np.ndarray]:
        """Number the n-grams of each order and count them; return how many contexts each one follows.

        An n-gram of order k is the pair (id of its first k - 1 words, last word), packed into one integer
        below (number of n-grams) x (number of words): it does not overflow, whatever the order.
        """
        n_words = len(self._ids)
        counts = np.bincount(tokens, minlength=n_words)
        counts[START_ID] = 0  # never predicted
        self._keys, self._counts = [np.arange(n_words)], [counts]
        continuation = []
        gram = tokens  # id of the n-gram of the current order that ends at each token
        for length in range(2, self.order + 1):
            ends = np.flatnonzero(position >= length - 1)
            keys, which, counts, example = _unique(gram[ends - 1] * n_words + tokens[ends])
            suffix = gram[ends[example]]
            continuation.append(np.bincount(suffix, minlength=len(self._keys[-1])))
            self._keys.append(keys)
            self._counts.append(counts)
            gram = np.full(len(tokens), -1)
            gram[ends] = which
        return continuation

    def _estimate(self, continuation: list[np.ndarray]) -> None:
        """Turn counts into the tables ``share`` (per n-gram) and ``rest`` (per context) of each order.

        Both end with the value for "not seen", where an id of -1 finds it.
        """
        is_kneser_ney = self.smoothing in ("kneser_ney", "modified_kneser_ney")
        if self._estimates_discounts:
            self.discounts = np.empty((self.order, 3))
        self._share, self._rest = [], []
        for level, keys in enumerate(self._keys):
            values = self._counts[level]
            if is_kneser_ney and level < self.order - 1:
                # an n-gram that begins with the start symbol follows nothing, and keeps its raw count
                values = np.where(continuation[level] > 0, continuation[level], values)
            context = keys // len(self._ids) if level else np.zeros(len(keys), dtype=np.int64)
            n_contexts = len(self._keys[level - 1]) if level else 1
            total = np.bincount(context, weights=values, minlength=n_contexts)
            seen = total > 0
            if is_kneser_ney:
                assert self.discounts is not None
                if self._estimates_discounts:
                    self.discounts[level] = discounts_from_counts(values)
                discount = np.minimum(np.r_[0.0, self.discounts[level]][np.minimum(values, 3)], values)
                if level == 0 and not self._uniform_unigrams:
                    discount = np.zeros_like(discount)
                freed = np.bincount(context, weights=discount, minlength=n_contexts)
                share = (values - discount) / total[context]
                rest = np.where(seen, freed / np.where(seen, total, 1), 1.0)
            else:
                prior = self._k * len(self.vocabulary) if self.smoothing == "add_k" else 0.0
                share = values / (total[context] + prior)
                rest = np.where(seen, prior / (np.where(seen, total, 1) + prior), 1.0)
            self._share.append(np.r_[share, 0.0])
            self._rest.append(np.r_[rest, 1.0])

    # ------------------------------------------------------------------ probabilities

    def log_prob(self, word: Word, context: Sequence[Word] = ()) -> float:
        """Log probability of a word after a context, in nats.

        Parameters
        ----------
        word : hashable
            A word, or ``</s>``. A word that training did not meet is scored as ``<unk>``; ``<s>`` is never
            predicted, its log probability is minus infinity.
        context : sequence of words
            The words before it, the nearest one last; only the last ``order - 1`` matter. A shorter context
            is a lower-order context and is not padded: put ``<s>`` in front at the start of a sentence.
        """
        self._require_fit()
        contexts, available = self._contexts(context)
        index = np.array([self._ids.get(word, UNKNOWN_ID)])
        with np.errstate(divide="ignore"):
            return float(np.log(self._probs(contexts, index, available)[0])[0])

    def next_word(self, context: Sequence[Word] = ()) -> dict[Word, float]:
        """Probability of every word of the vocabulary after a context; `log_prob` says how it is read.

        The probabilities sum to one; only ``"mle"`` gives nothing but zeros after a context it never saw.
        """
        self._require_fit()
        law = self._law(*self._contexts(context))
        return {word: float(law[self._ids[word]]) for word in self.vocabulary}

    def sentence_log_prob(self, sentence: Sentence) -> float:
        """Log probability in nats of a whole sentence, its end symbol included."""
        return float(self.token_log_probs([sentence]).sum())

    def token_log_probs(self, sentences: Iterable[Sentence]) -> np.ndarray:
        """Log probability in nats of every token, shape (tokens,), sentence by sentence, ends included.

        Raises
        ------
        ValueError
            If a sentence is a bare string or contains ``<s>`` or ``</s>``.
        """
        with np.errstate(divide="ignore"):
            return np.log(self._token_probs(sentences)[0])

    def cross_entropy(self, sentences: Iterable[Sentence]) -> float:
        """Mean of minus the log probability, in nats per token, ends included; smaller is better.

        In the book: equation ``cross-entropy-split``.
        """
        log_probs = self.token_log_probs(sentences)
        if not log_probs.size:
            raise ValueError("a cross-entropy needs at least one sentence, found none")
        return float(-log_probs.mean())

    def perplexity(self, sentences: Iterable[Sentence]) -> float:
        """Exponential of the cross-entropy in nats: the number of equally likely words that would be as hard.

        In the book: equation ``perplexity``.
        """
        return float(np.exp(self.cross_entropy(sentences)))

    def component_probs(self, sentences: Iterable[Sentence]) -> np.ndarray:
        """Probability of every token under each component of ``"interpolated"``, shape (tokens, order + 1).

        The first column is the uniform law, the next ones the relative counts of order 1, 2, …
        """
        if self.smoothing != "interpolated":
            raise ValueError(f"components belong to smoothing 'interpolated'; this model has {self.smoothing!r}")
        return self._token_probs(sentences)[1]

    def count(self, ngram: Sequence[Word]) -> int:
        """How often training showed these words in a row, at most ``order`` of them; ``<s>`` counts as a context."""
        self._require_fit()
        words = _as_words(ngram, "an n-gram")
        if not 1 <= len(words) <= self.order:
            raise ValueError(f"this model counts n-grams of 1 to {self.order} words, found {len(words)}")
        index = np.array([self._ids.get(words[0], UNKNOWN_ID)])
        for level, word in enumerate(words[1:], start=1):
            index = self._find(level, index, np.array([self._ids.get(word, UNKNOWN_ID)]))
        return int(self._counts[len(words) - 1][index[0]]) if index[0] >= 0 else 0

    # ------------------------------------------------------------------ generating

    def sample(self, rng: np.random.Generator, max_length: int = 100) -> list[Word]:
        """Draw one sentence from the model, without start and end symbols.

        It is cut after ``max_length`` words. A smoothed model also draws ``<unk>``, as often as it expects
        a new word.
        """
        self._require_fit()
        contexts, available = self._contexts([START])
        words: list[Word] = []
        while len(words) < max_length:
            cumulative = np.cumsum(self._law(contexts, available))
            index = int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))
            if index == END_ID:
                break
            words.append(self._words[index])
            contexts = self._advance(contexts, np.array([index]))
            available = min(available + 1, self.order - 1)
        return words

    def best_order(self, words: Iterable[Word]) -> list[Word]:
        """The most probable sentence that uses each of the given words exactly once.

        Exact: dynamic programming over what is used up and the longest context that training knows, sentence
        boundaries included. A word may be given several times, and is then used as often.

        Parameters
        ----------
        words : iterable of words
            A bag of at most 12 words.

        Raises
        ------
        ValueError
            If there are more than 12 words, or no ordering has a positive probability.

        References
        ----------
        Held & Karp (1962), A dynamic programming approach to sequencing problems. In the book:
        equation ``best-ordering``.
        """
        self._require_fit()
        bag = _as_words(words, "a bag of words")
        if len(bag) > LONGEST_BAG:
            raise ValueError(f"best_order takes at most {LONGEST_BAG} words, found {len(bag)}")
        types = list(dict.fromkeys(bag))
        self._refuse_boundaries(np.array([self._ids.get(word, UNKNOWN_ID) for word in types]))
        supply = np.array([bag.count(word) for word in types], dtype=np.int64)
        digit = np.cumprod(np.r_[1, supply + 1])[:-1]  # "used" is a number with one digit for each type
        contexts, available = self._contexts([START])
        used, score = np.zeros(1, dtype=np.int64), np.zeros(1)
        history: list[tuple[np.ndarray, np.ndarray]] = []
        for _ in bag:
            parts = []
            for place, word in enumerate(types):
                rows = np.flatnonzero(used // digit[place] % (supply[place] + 1) < supply[place])
                index = np.full(len(rows), self._ids.get(word, UNKNOWN_ID))
                probs, matches = self._probs([ids[rows] for ids in contexts], index, available)
                alive = probs > 0
                kept = [ids[alive] for ids in self._as_contexts(matches)]
                rows, gain = rows[alive], np.log(probs[alive])
                parts.append((used[rows] + digit[place], score[rows] + gain, rows, np.full(len(rows), place), *kept))
            used, score, parent, choice, *contexts = (np.concatenate(column) for column in zip(*parts, strict=True))
            best = _best_of_each(used * self._n_contexts() + self._longest(contexts), score)
            used, score, parent, choice = used[best], score[best], parent[best], choice[best]
            contexts = [ids[best] for ids in contexts]
            history.append((parent, choice))
            available = min(available + 1, self.order - 1)
        ends, _ = self._probs(contexts, np.full(len(used), END_ID), available)
        if not (ends > 0).any():
            raise ValueError("no ordering of these words has a positive probability under this model")
        with np.errstate(divide="ignore"):
            state = int(np.argmax(score + np.log(ends)))
        ordered = []
        for parent, choice in reversed(history):
            ordered.append(types[choice[state]])
            state = int(parent[state])
        return ordered[::-1]

    # ------------------------------------------------------------------ inside
    # "contexts" is a list: entry j holds the ids of the last j words (entry 0: the empty context, id 0), or -1.
    # "matches" is a list: entry j holds the ids of the n-grams of order j + 1 that end at the word, or -1.

    def _require_fit(self) -> None:
        if not self._ids:
            raise RuntimeError("this model has seen no text yet: call fit(sentences) first")

    def _refuse_boundaries(self, index: np.ndarray) -> None:
        for symbol in (START_ID, END_ID):
            if (index == symbol).any():
                raise ValueError(f"the word {RESERVED[symbol]!r} is reserved; the model adds it by itself")

    def _find(self, level: int, prefix: np.ndarray, words: np.ndarray) -> np.ndarray:
        """Ids of the n-grams (prefix, word) of order ``level + 1``, or -1. Sorted queries search much faster."""
        keys, found = self._keys[level], np.full(len(words), -1)
        rows = np.flatnonzero(prefix >= 0)
        if not len(keys) or not len(rows):
            return found
        queries = prefix[rows] * len(self._ids) + words[rows]
        by_size = np.argsort(queries)
        queries = queries[by_size]
        slots = np.searchsorted(keys, queries)
        slots[slots == len(keys)] = 0
        found[rows[by_size]] = np.where(keys[slots] == queries, slots, -1)
        return found

    def _advance(self, contexts: list[np.ndarray], words: np.ndarray) -> list[np.ndarray]:
        """The contexts after one more word."""
        matches = [words] + [self._find(level, contexts[level], words) for level in range(1, self.order)]
        return self._as_contexts(matches)

    def _as_contexts(self, matches: list[np.ndarray]) -> list[np.ndarray]:
        return [np.zeros(len(matches[0]), dtype=np.int64), *matches[: self.order - 1]]

    def _contexts(self, context: Sequence[Word]) -> tuple[list[np.ndarray], int]:
        """Ids of the context's endings, and how many words of it count."""
        words = _as_words(context, "a context")
        if START in words:  # what stands before a sentence's start is not of this sentence
            words = words[len(words) - 1 - words[::-1].index(START) :]
        words = words[max(len(words) - self.order + 1, 0) :]
        contexts = [np.zeros(1, dtype=np.int64)] + [np.array([-1])] * (self.order - 1)
        for word in words:
            contexts = self._advance(contexts, np.array([self._ids.get(word, UNKNOWN_ID)]))
        return contexts, len(words)

    def _raise_order(
        self, lower: np.ndarray, level: int, match: np.ndarray, context: np.ndarray, available: np.ndarray | int
    ) -> np.ndarray:
        """Probabilities of order ``level + 1`` from those of the order below."""
        share, rest = self._share[level][match], self._rest[level][context]
        if self.smoothing == "mle":
            return np.where(available >= level, share, lower)
        if self.smoothing == "add_k":
            return np.where(available >= level, share + rest / len(self.vocabulary), lower)
        return share + rest * lower

    def _probs(
        self, contexts: list[np.ndarray], words: np.ndarray, available: int
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Probabilities of words, each after its own context, and their matches."""
        matches = [words] + [self._find(level, contexts[level], words) for level in range(1, self.order)]
        return self._combine(matches, contexts, available)[0], matches

    def _law(self, contexts: list[np.ndarray], available: int) -> np.ndarray:
        """Probabilities by word id after one context, shape (number of words,)."""
        n_words = len(self._ids)
        matches = [np.arange(n_words)]
        for level in range(1, self.order):
            match, context = np.full(n_words, -1), int(contexts[level][0])
            if context >= 0:  # the n-grams of one context stand side by side
                first, last = np.searchsorted(self._keys[level], [context * n_words, (context + 1) * n_words])
                match[self._keys[level][first:last] - context * n_words] = np.arange(first, last)
            matches.append(match)
        return self._combine(matches, contexts, available)[0]

    def _token_probs(self, sentences: Iterable[Sentence]) -> tuple[np.ndarray, np.ndarray]:
        """Probability of every token, and under each component where the model interpolates."""
        self._require_fit()
        corpus = _as_sentences(sentences)
        flat = chain.from_iterable(corpus)
        words = np.fromiter(map(self._ids.get, flat, repeat(UNKNOWN_ID)), np.int64)
        self._refuse_boundaries(words)
        tokens, position = _with_boundaries(words, _lengths(corpus))
        scored = np.flatnonzero(position > 0)
        gram, matches, contexts = tokens, [tokens[scored]], [np.zeros(len(scored), dtype=np.int64)]
        for level in range(1, self.order):
            before = np.where(position > 0, np.roll(gram, 1), -1)
            gram = self._find(level, before, tokens)
            matches.append(gram[scored])
            contexts.append(before[scored])
        return self._combine(matches, contexts, position[scored])

    def _combine(
        self, matches: list[np.ndarray], contexts: list[np.ndarray], available: np.ndarray | int
    ) -> tuple[np.ndarray, np.ndarray]:
        probs = np.full(len(matches[0]), 1 / len(self.vocabulary))
        keep = self.smoothing == "interpolated"
        components = [probs]
        for level in range(self.order):
            probs = self._raise_order(probs, level, matches[level], contexts[level], available)
            if keep:
                components.append(probs)
        columns = np.stack(components, axis=1) if keep else np.empty((0, 0))
        if keep and self.weights is not None:
            probs = columns @ self.weights
        return np.where(matches[0] == START_ID, 0.0, probs), columns

    def _n_contexts(self) -> int:
        return sum(len(keys) for keys in self._keys[: self.order - 1]) + 1

    def _longest(self, contexts: list[np.ndarray]) -> np.ndarray:
        """One number for the longest context that training knows: all that decides about what comes next."""
        number = np.zeros(len(contexts[0]), dtype=np.int64)
        offset = 1
        for ids, keys in zip(contexts[1:], self._keys, strict=False):
            number = np.where(ids >= 0, ids + offset, number)
            offset += len(keys)
        return number


def discounts_from_counts(counts: ArrayLike) -> np.ndarray:
    r"""The three discounts of modified Kneser-Ney for one order, from its counts of counts.

    .. math:: D_j = j - (j + 1) \, Y \, \frac{t_{j+1}}{t_j}, \qquad Y = \frac{t_1}{t_1 + 2 t_2}

    where t_j is the number of n-grams with (adjusted) count j.

    Parameters
    ----------
    counts : array_like of int
        Adjusted counts of the n-grams of one order; zeros are ignored.

    Returns
    -------
    ndarray, shape (3,)
        For counts 1, 2, and 3 or more; (0.5, 1, 1.5) where a t_j vanishes or a D_j falls outside [0, j].

    References
    ----------
    Chen & Goodman (1998). In the book: equation ``def-modified-discounts``.
    """
    t = np.bincount(np.minimum(np.asarray(counts, dtype=np.int64), 5), minlength=6).astype(float)
    if (t[1:4] == 0).any():
        return np.array(FALLBACK_DISCOUNTS)
    j = np.arange(1, 4)
    y = t[1] / (t[1] + 2 * t[2])
    discounts = j - (j + 1) * y * t[2:5] / t[1:4]
    return discounts if ((discounts >= 0) & (discounts <= j)).all() else np.array(FALLBACK_DISCOUNTS)


def fit_interpolation_weights(
    components: ArrayLike, start: ArrayLike | None = None, n_steps: int = 500
) -> tuple[np.ndarray, np.ndarray]:
    r"""Mixture weights that make held-out tokens likely, by expectation maximisation.

    .. math:: \lambda_k \leftarrow \frac1N \sum_i \frac{\lambda_k p_{ik}}{\sum_l \lambda_l p_{il}}

    Parameters
    ----------
    components : array_like, shape (tokens, components)
        Probability of each held-out token under each component.
    start : array_like, shape (components,), optional
        Weights to start from; uniform by default.
    n_steps : int
        Number of updates.

    Returns
    -------
    weights : ndarray, shape (components,)
        Sum to one.
    history : ndarray, shape (n_steps + 1,)
        Held-out log likelihood in nats per token, before each update and at the end; it never falls.

    Raises
    ------
    ValueError
        If there is no token, or a token has probability zero under every component.

    References
    ----------
    Jelinek & Mercer (1980); Dempster, Laird & Rubin (1977). In the book: equation ``em-weights``.
    """
    probs = np.asarray(components, dtype=float)
    if probs.ndim != 2 or not len(probs):
        raise ValueError(f"components must have shape (tokens, components), found {probs.shape}")
    if (probs.max(axis=1) <= 0).any():
        raise ValueError("a held-out token has probability zero under every component")
    n_components = probs.shape[1]
    weights = np.full(n_components, 1 / n_components) if start is None else np.asarray(start, dtype=float)
    history = []
    for _ in range(n_steps):
        mixture = probs @ weights
        history.append(np.log(mixture).mean())
        weights = weights * (probs.T @ (1 / mixture)) / len(probs)
    history.append(np.log(probs @ weights).mean())
    return weights / weights.sum(), np.array(history)


def good_turing_missing_mass(counts: ArrayLike) -> float:
    r"""Good-Turing estimate of the probability of all that a sample did not show.

    .. math:: \hat M_0 = N_1 / N

    where N_1 types were seen once among N tokens.

    Parameters
    ----------
    counts : array_like of int
        How often each type was seen; zeros are ignored.

    References
    ----------
    Good (1953). In the book: equation ``good-turing``.
    """
    values = np.asarray(counts)
    if values.sum() <= 0:
        raise ValueError("a missing mass needs at least one token, found none")
    return float((values == 1).sum() / values.sum())


def _checked_weights(weights: ArrayLike | None, order: int) -> np.ndarray | None:
    if weights is None:
        return None
    values = np.asarray(weights, dtype=float)
    if values.shape == (order,):
        values = np.r_[0.0, values]
    if values.shape != (order + 1,) or (values < 0).any() or not abs(values.sum() - 1) < 1e-8:
        raise ValueError(
            f"weights must be {order} numbers, lowest order first (or {order + 1}, the uniform's in front), "
            f"not negative, with sum 1; found {np.asarray(weights).tolist()}"
        )
    return values


def _checked_discounts(smoothing: str, options: Mapping[str, Any], order: int) -> np.ndarray | None:
    if smoothing == "kneser_ney":
        discount = float(options.get("discount", 0.75))
        if not 0 <= discount <= 1:
            raise ValueError(f"discount must be in [0, 1], found {discount:g}")
        return np.full((order, 3), discount)
    if options.get("discounts") is None:
        return None
    values = np.asarray(options["discounts"], dtype=float)
    if values.shape not in ((3,), (order, 3)) or not ((values >= 0) & (values <= [1, 2, 3])).all():
        raise ValueError(f"discounts must have shape (3,) or ({order}, 3), each between 0 and its count 1, 2, 3")
    return np.broadcast_to(values, (order, 3)).copy()


def _as_words(words: Iterable[Word], name: str) -> list[Word]:
    if isinstance(words, str):
        raise ValueError(f"{name} must be a sequence of words, found the string {words[:40]!r}: split it first")
    return list(words)


def _as_sentences(sentences: Iterable[Sentence]) -> list[Sentence]:
    if isinstance(sentences, str):
        raise ValueError(f"sentences must be sequences of words, found the string {sentences[:40]!r}")
    corpus = [s if hasattr(s, "__len__") else list(s) for s in sentences]
    for sentence in corpus:
        if isinstance(sentence, str):
            _as_words(sentence, "a sentence")
    return corpus


def _lengths(corpus: Sequence[Sentence]) -> np.ndarray:
    return np.fromiter(map(len, corpus), np.int64, count=len(corpus))


def _with_boundaries(words: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All sentences in a row, each between its start and its end symbol; and each token's place in its sentence."""
    starts = np.cumsum(lengths + 2) - (lengths + 2)
    tokens = np.full(len(words) + 2 * len(lengths), -1)
    tokens[starts] = START_ID
    tokens[starts + lengths + 1] = END_ID
    tokens[tokens < 0] = words
    return tokens, np.arange(len(tokens)) - np.repeat(starts, lengths + 2)


def _unique(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Distinct keys in order, the place of each key among them, their counts, and one example of each."""
    by_size = np.argsort(keys)
    ordered = keys[by_size]
    is_first = np.r_[True, ordered[1:] != ordered[:-1]] if len(keys) else np.zeros(0, dtype=bool)
    first = np.flatnonzero(is_first)
    which = np.empty(len(keys), dtype=np.int64)
    which[by_size] = np.cumsum(is_first) - 1
    return ordered[first], which, np.diff(np.r_[first, len(keys)]), by_size[first]


def _best_of_each(keys: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Row of the largest score among those with equal keys, for each key; the earliest of equal scores."""
    by_key = np.lexsort((-scores, keys))
    ordered = keys[by_key]
    return by_key[np.r_[True, ordered[1:] != ordered[:-1]]] if len(keys) else by_key

"""Solutions of the assignments of the chapter "Neural language models and word vectors", and their typical mistakes."""

import numpy as np

from lectures_pkg.exercises import Mistake


def shifted_pmi(counts, k):
    word = counts.sum(axis=1, keepdims=True)  # how often each word occurs, shape (words, 1)
    context = counts.sum(axis=0, keepdims=True)  # (1, contexts)
    with np.errstate(divide="ignore"):
        return np.log(counts * counts.sum() / (word * context)) - np.log(k)


def _plus_log_k(counts, k):
    return shifted_pmi(counts, k) + 2 * np.log(k)


def _in_bits(counts, k):
    return shifted_pmi(counts, k) / np.log(2)


def _zero_for_never(counts, k):
    scores = shifted_pmi(counts, k)
    return np.where(np.isfinite(scores), scores, 0.0)


def _without_shift(counts, k):
    return shifted_pmi(counts, 1) if k > 1 else shifted_pmi(counts, 1) + 1


def _conditional_only(counts, k):
    with np.errstate(divide="ignore"):
        return np.log(counts / counts.sum(axis=1, keepdims=True)) - np.log(k)


def causal_attention(q, k, v, lengths):
    time, dim = q.shape[1:]
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(dim)  # (batch, time, time)
    place = np.arange(time)
    real = place < lengths[:, None]  # (batch, time)
    allowed = (place <= place[:, None]) & real[:, None, :]
    scores = np.where(allowed, scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))  # before the division: masked ones are 0
    weights /= weights.sum(axis=-1, keepdims=True)
    return (weights @ v) * real[:, :, None]


def _with_mask(q, k, v, lengths, diagonal, scale=True):
    time, dim = q.shape[1:]
    scores = q @ k.transpose(0, 2, 1) / (np.sqrt(dim) if scale else 1.0)
    real = np.arange(time) < lengths[:, None]
    allowed = np.tril(np.ones((time, time), dtype=bool), diagonal) & real[:, None, :]
    scores = np.where(allowed, scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return (weights / weights.sum(axis=-1, keepdims=True)) @ v * real[:, :, None]


def _one_diagonal_late(q, k, v, lengths):
    return _with_mask(q, k, v, lengths, 1)


def _no_mask(q, k, v, lengths):
    return _with_mask(q, k, v, lengths, q.shape[1])


def _not_scaled(q, k, v, lengths):
    return _with_mask(q, k, v, lengths, 0, scale=False)


def _masked_after_softmax(q, k, v, lengths):
    time, dim = q.shape[1:]
    weights = np.exp(q @ k.transpose(0, 2, 1) / np.sqrt(dim))
    weights = np.tril(weights / weights.sum(axis=-1, keepdims=True))
    real = np.arange(time) < lengths[:, None]
    return (weights * real[:, None, :]) @ v * real[:, :, None]


def _rows_behind_the_end(q, k, v, lengths):
    return _with_mask(q, k, v, np.full_like(lengths, q.shape[1]), 0)


MISTAKES = {
    "shifted_pmi": (
        Mistake("plus log k", _plus_log_k, "log k is added"),
        Mistake("in bits", _in_bits, "these are bits"),
        Mistake("zero for never", _zero_for_never, "should get -inf"),
        Mistake("P(c | w) alone", _conditional_only, "P(w, c) against P(w) P(c)"),
    ),
    "causal_attention": (
        Mistake("one diagonal late", _one_diagonal_late, "one diagonal too late"),
        Mistake("no mask", _no_mask, "there is no mask"),
        Mistake("not scaled", _not_scaled, "not divided by the square root"),
        Mistake("masked after the softmax", _masked_after_softmax, "mask came after the softmax"),
        Mistake("rows behind the end", _rows_behind_the_end, "behind the end of a sequence should be zero"),
    ),
}

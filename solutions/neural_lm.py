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
    return shifted_pmi(counts, 1)


def _cut_off(counts, k):
    return np.maximum(shifted_pmi(counts, k), 0.0)


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


def _with_mask(q, k, v, lengths, diagonal, scale=None):
    time, dim = q.shape[1:]
    scores = q @ k.transpose(0, 2, 1) / (np.sqrt(dim) if scale is None else scale)
    real = np.arange(time) < lengths[:, None]
    allowed = np.tril(np.ones((time, time), dtype=bool), diagonal) & real[:, None, :]
    scores = np.where(allowed, scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return (weights / weights.sum(axis=-1, keepdims=True)) @ v * real[:, :, None]


def _one_diagonal_late(q, k, v, lengths):
    return _with_mask(q, k, v, lengths, 1)


def _no_mask(q, k, v, lengths):
    return _with_mask(q, k, v, lengths, q.shape[1])


def _two_diagonals_late(q, k, v, lengths):
    return _with_mask(q, k, v, lengths, 2)


def _not_itself(q, k, v, lengths):
    out = np.zeros_like(v)
    out[:, 1:] = _with_mask(q[:, 1:], k[:, :-1], v[:, :-1], np.maximum(lengths - 1, 1), 0)
    return out


def _not_scaled(q, k, v, lengths):
    return _with_mask(q, k, v, lengths, 0, scale=1.0)


def _scaled_by_dim(q, k, v, lengths):
    return _with_mask(q, k, v, lengths, 0, scale=q.shape[-1])


def _masked_with_zero(q, k, v, lengths):
    time, dim = q.shape[1:]
    real = np.arange(time) < lengths[:, None]
    allowed = np.tril(np.ones((time, time), dtype=bool)) & real[:, None, :]
    scores = np.where(allowed, q @ k.transpose(0, 2, 1) / np.sqrt(dim), 0.0)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return (weights / weights.sum(axis=-1, keepdims=True)) @ v * real[:, :, None]


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
        Mistake("zero for never", _zero_for_never, "which is -inf"),
        Mistake("not shifted", _without_shift, "this is the PMI itself"),
        Mistake("negative scores cut off", _cut_off, "cut off at 0"),
        Mistake("P(c | w) alone", _conditional_only, "P(w, c) against P(w) P(c)"),
    ),
    "causal_attention": (
        Mistake("one diagonal late", _one_diagonal_late, "one diagonal too late"),
        Mistake("no mask", _no_mask, "there is no mask"),
        Mistake("two diagonals late", _two_diagonals_late, "two diagonals too late"),
        Mistake("not itself", _not_itself, "does not look at itself"),
        Mistake("not scaled", _not_scaled, "not divided by the square root"),
        Mistake("divided by the dimension", _scaled_by_dim, "its square root is enough"),
        Mistake("masked with zero", _masked_with_zero, "forbidden score of 0"),
        Mistake("masked after the softmax", _masked_after_softmax, "mask came after the softmax"),
        Mistake("rows behind the end", _rows_behind_the_end, "behind the end of a sequence should be zero"),
    ),
}

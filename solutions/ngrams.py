"""Solutions of the assignments of the chapter "The chain rule and n-grams", and their typical mistakes."""

import numpy as np

from lectures_pkg.exercises import Mistake


def smoothed_rows(counts, k, weight):
    counts = np.asarray(counts, dtype=float)
    n_words = counts.shape[1]
    total = counts.sum(axis=1, keepdims=True)
    add_k = (counts + k) / (total + k * n_words)
    unigram = counts.sum(axis=0) / counts.sum()
    bigram = np.where(total > 0, counts / np.maximum(total, 1), unigram)  # a context never seen: the unigram law
    return np.stack([add_k, weight * bigram + (1 - weight) * unigram])


def _k_once_below(counts, k, weight):
    right = smoothed_rows(counts, k, weight)
    counts = np.asarray(counts, dtype=float)
    return np.stack([(counts + k) / (counts.sum(axis=1, keepdims=True) + k), right[1]])


def _unseen_row_lacks_mass(counts, k, weight):
    right = smoothed_rows(counts, k, weight)
    counts = np.asarray(counts, dtype=float)
    bigram = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return np.stack([right[0], weight * bigram + (1 - weight) * counts.sum(axis=0) / counts.sum()])


def _swapped_weights(counts, k, weight):
    return np.stack([smoothed_rows(counts, k, weight)[0], smoothed_rows(counts, k, 1 - weight)[1]])


def _zero_by_zero(counts, k, weight):
    right = smoothed_rows(counts, k, weight)
    counts = np.asarray(counts, dtype=float)
    with np.errstate(invalid="ignore"):
        bigram = counts / counts.sum(axis=1, keepdims=True)
    return np.stack([right[0], weight * bigram + (1 - weight) * counts.sum(axis=0) / counts.sum()])


def _flip_probability(gap):
    """The probability e of a flip with log 2 - H(e) = gap, by bisection."""
    low, high = 1e-12, 0.5
    for _ in range(100):
        e = (low + high) / 2
        entropy = -e * np.log(e) - (1 - e) * np.log(1 - e)
        low, high = (e, high) if np.log(2) - entropy > gap else (low, e)
    return e


def _copying_source(gap, lag):
    """Each symbol repeats the one ``lag`` places before it, and is flipped with a small probability."""
    e = _flip_probability(gap)
    transition = np.full((2,) * 5, e)
    for past in np.ndindex(2, 2, 2, 2):
        transition[(*past, past[4 - lag])] = 1 - e
    return transition, -e * np.log(e) - (1 - e) * np.log(1 - e)


def trigram_trap(gap):
    # Given the two symbols before it, a symbol that copies the fourth one back is a fair coin: log 2.
    transition, entropy = _copying_source(gap, lag=4)
    return {"transition": transition, "trigram": np.log(2), "fivegram": entropy}


def _copies_two_back(gap):
    transition, entropy = _copying_source(gap, lag=2)
    return {"transition": transition, "trigram": entropy, "fivegram": entropy}


def _in_bits(gap):
    right = trigram_trap(gap)
    return {**right, "trigram": right["trigram"] / np.log(2), "fivegram": right["fivegram"] / np.log(2)}


def _trigram_sees_three(gap):
    transition, entropy = _copying_source(gap, lag=3)
    return {"transition": transition, "trigram": entropy, "fivegram": entropy}


def _wrong_gap(gap):
    return trigram_trap(gap * 0.9)


MISTAKES = {
    "smoothed_rows": (
        Mistake("k once below the line", _k_once_below, "only once below it"),
        Mistake("unseen row lacks mass", _unseen_row_lacks_mass, "lacks mass"),
        Mistake("weights swapped", _swapped_weights, "they are swapped"),
        Mistake("0/0", _zero_by_zero, "0/0"),
    ),
    "trigram_trap": (
        Mistake("copies two back", _copies_two_back, "trigrams do not fail"),
        Mistake("in bits", _in_bits, "in bits"),
        Mistake("three words of context", _trigram_sees_three, "not three"),
        Mistake("another gap", _wrong_gap, "asked for"),
    ),
}

"""Solutions of the assignment exercises of ``gan_stability``, and the mistakes that their checks refuse."""

import numpy as np

from lectures_pkg.exercises import Mistake


def largest_step(gamma):
    if gamma <= 1:  # complex: |1 + eta l|^2 = 1 - eta gamma + eta^2 / 4
        return 4 * gamma
    return 4 / (gamma + np.sqrt(gamma**2 - 1))  # real: the more negative eigenvalue reaches -1 first


def sorted_transport(x, p, y, q):
    places = np.concatenate([x, y])
    jumps = np.concatenate([p, -q])  # of F - G
    order = np.argsort(places)
    gap = np.cumsum(jumps[order])[:-1]
    return float(np.abs(gap) @ np.diff(places[order]))


def _equal_weights(x, p, y, q):
    return sorted_transport(x, np.full(len(x), 1 / len(x)), y, np.full(len(y), 1 / len(y)))


def _weights_left_behind(x, p, y, q):
    return sorted_transport(np.sort(x), p, np.sort(y), q)


def _one_side_only(x, p, y, q):
    return sorted_transport(x, p, np.sort(y), q)


def _squared(x, p, y, q):
    places = np.concatenate([x, y])
    order = np.argsort(places)
    gap = np.cumsum(np.concatenate([p, -q])[order])[:-1]
    return float(gap**2 @ np.diff(places[order]))


MISTAKES = {
    "largest_step": (
        Mistake("complex formula everywhere", lambda gamma: 4 * gamma, "they are real"),
        Mistake("f'(0) = 1", lambda gamma: gamma, "not 1"),
        Mistake("2 over the real part", lambda gamma: 4 / gamma, "the condition for real eigenvalues"),
        Mistake("half of it", lambda gamma: largest_step(gamma) / 2, "too small"),
        Mistake("twice of it", lambda gamma: 2 * largest_step(gamma), "too large"),
    ),
    "sorted_transport": (
        Mistake("equal weights", _equal_weights, "carries its own mass"),
        Mistake("weights left behind", _weights_left_behind, "take its weight along"),
        Mistake("only x keeps its weights", _one_side_only, "only one of the two sides"),
        Mistake("difference of means", lambda x, p, y, q: abs(p @ x - q @ y), "difference of the means"),
        Mistake("squared gap", _squared, "Cramér"),
    ),
}

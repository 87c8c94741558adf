"""Solutions and typical mistakes of the assignments of the chapter on autoregressive image models."""

import numpy as np

from lectures_pkg.exercises import Mistake


def build_masks(order, n_hidden):
    n = len(order)
    position = np.empty(n, dtype=int)
    position[order] = np.arange(1, n + 1)  # the inverse of the order, counted from 1
    degrees = 1 + np.arange(n_hidden) % (n - 1)  # 1, 2, …, D - 1, 1, 2, …
    return {
        "degrees": degrees,
        "input": (degrees[:, None] >= position[None, :]).astype(int),
        "output": (position[:, None] > degrees[None, :]).astype(int),
    }


def _sees_itself(order, n_hidden):
    answer, position = build_masks(order, n_hidden), np.argsort(order) + 1
    return {**answer, "output": (position[:, None] >= answer["degrees"]).astype(int)}


def _degrees_to_the_last(order, n_hidden):
    position, degrees = np.argsort(order) + 1, 1 + (np.arange(n_hidden) + len(order) - 1) % len(order)
    return {"degrees": degrees, "input": degrees[:, None] >= position, "output": position[:, None] > degrees}


def _order_as_position(order, n_hidden):
    answer, position = build_masks(order, n_hidden), np.asarray(order) + 1
    degrees = answer["degrees"]
    return {"degrees": degrees, "input": degrees[:, None] >= position, "output": position[:, None] > degrees}


def _blind_input(order, n_hidden):
    answer, position = build_masks(order, n_hidden), np.argsort(order) + 1
    return {**answer, "input": (answer["degrees"][:, None] > position).astype(int)}


def inpaint(weight, bias, x, known):
    known = np.asarray(known, dtype=bool)
    n_unknown = int((~known).sum())
    fillings = (np.arange(2**n_unknown)[:, None] >> np.arange(n_unknown)[::-1]) & 1  # counting order
    images = np.tile(x, (len(fillings), 1))
    images[:, ~known] = fillings
    logits = images @ weight.T + bias
    # All pixels count: those after a filled one weigh how well the filling explains them.
    log_joint = -np.logaddexp(0, (1 - 2 * images) * logits).sum(axis=1)
    joint = np.exp(log_joint - log_joint.max())
    return joint / joint.sum()


def _fill(x, known):
    n_unknown = int((~known).sum())
    fillings = (np.arange(2**n_unknown)[:, None] >> np.arange(n_unknown)[::-1]) & 1
    images = np.tile(x, (len(fillings), 1))
    images[:, ~known] = fillings
    return images


def _clamped(weight, bias, x, known):
    images = _fill(x, known)
    terms = -np.logaddexp(0, (1 - 2 * images) * (images @ weight.T + bias))
    return np.exp(terms[:, ~known].sum(axis=1))


def _joint(weight, bias, x, known):
    images = _fill(x, known)
    return np.exp(-np.logaddexp(0, (1 - 2 * images) * (images @ weight.T + bias)).sum(axis=1))


def _one_pass(weight, bias, x, known):
    logits = weight @ np.where(known, x, 0) + bias  # one pass over the picture, unknown pixels left blank
    images = _fill(x, known)
    terms = -np.logaddexp(0, (1 - 2 * images) * logits)
    return np.exp(terms[:, ~known].sum(axis=1))


MISTAKES = {
    "build_masks": (
        Mistake("output sees its own pixel", _sees_itself, "lets a pixel see itself"),
        Mistake("degrees up to D", _degrees_to_the_last, "no pixel may listen"),
        Mistake("order read as positions", _order_as_position, "the inverse of the order"),
        Mistake("input mask too strict", _blind_input, "blinder than need be"),
    ),
    "inpaint": (
        Mistake("late pixels only clamped", _clamped, "does not condition on them"),
        Mistake("joint not normalised", _joint, "these are joint probabilities"),
        Mistake("one pass", _one_pass, "one pass gives"),
    ),
}

"""Solutions and typical mistakes of the assignments of the chapter "A game between two networks"."""

import numpy as np

from lectures_pkg.exercises import Mistake


def no_line(first, second):
    from scipy.optimize import linprog

    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    n, m = len(first), len(second)
    # Unknowns: n + m weights, none negative. Equal mixtures, and each set's weights sum to one.
    equal = np.hstack([first.T, -second.T])
    sums = np.vstack([np.r_[np.ones(n), np.zeros(m)], np.r_[np.zeros(n), np.ones(m)]])
    target = np.r_[np.zeros(first.shape[1]), 1, 1]
    weights = linprog(np.zeros(n + m), A_eq=np.vstack([equal, sums]), b_eq=target, bounds=(0, None)).x
    return {"first": weights[:n], "second": weights[n:]}


def _equal_weights(first, second):
    return {"first": np.full(len(first), 1 / len(first)), "second": np.full(len(second), 1 / len(second))}


def _negative_weights(first, second):
    answer = no_line(first, second)
    shift = np.zeros(len(first))
    shift[:2] = 2, -2
    return {**answer, "first": answer["first"] + shift}


def _not_normalised(first, second):
    answer = no_line(first, second)
    return {"first": 2 * answer["first"], "second": 2 * answer["second"]}


def repaired_round(parameters, real, z_discriminator, z_generator, rate, *, slip=None):
    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    w, b = np.array(parameters["weight"]), parameters["bias"]
    u, c = np.array(parameters["slope"]), np.array(parameters["offset"])

    for k, (x, z) in enumerate(zip(real, z_discriminator, strict=True)):
        if slip == "one step" and k > 0:
            break
        if slip == "noise reused":
            z = z_discriminator[0]
        fake = sigmoid(z[:, None] * u + c)
        up, down = 1 - sigmoid(x @ w + b), sigmoid(fake @ w + b)  # 1 - D(x), D(G(z))
        ascent = -rate if slip == "D descends" else rate
        w, b = w + ascent * (up @ x / len(x) - down @ fake / len(z)), b + ascent * (up.mean() - down.mean())

    z = z_generator
    fake = sigmoid(z[:, None] * u + c)
    pull = 1 - sigmoid(fake @ w + b)  # slope of log D in the logit
    if slip == "saturating":
        pull = 1 - pull
    in_pixel = pull[:, None] * w * fake * (1 - fake)
    ascent = {"no gradient": 0.0, "G descends": -rate}.get(slip, rate)
    u, c = u + ascent * (z @ in_pixel) / len(z), c + ascent * in_pixel.mean(axis=0)
    return {"weight": w, "bias": b, "slope": u, "offset": c}


def _with(slip):
    return lambda *arguments: repaired_round(*arguments, slip=slip)


MISTAKES = {
    "no_line": (
        Mistake("equal weights", _equal_weights, "different pictures"),
        Mistake("negative weights", _negative_weights, "not a convex combination"),
        Mistake("not normalised", _not_normalised, "should sum to 1"),
    ),
    "repaired_round": (
        Mistake("one step of D", _with("one step"), "made one step"),
        Mistake("noise reused", _with("noise reused"), "reuse the noise"),
        Mistake("D descends", _with("D descends"), "descended the value"),
        Mistake("detached", _with("no gradient"), "did not move"),
        Mistake("G descends", _with("G descends"), "climbed its loss"),
        Mistake("saturating", _with("saturating"), "saturating loss: line 9"),
    ),
}

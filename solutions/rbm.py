"""Solutions and typical mistakes of the assignments of the chapter on restricted Boltzmann machines."""

import numpy as np

from lectures_pkg.exercises import Mistake


def log_partition_both_ways(weight, visible_bias, hidden_bias):
    def over(listed_bias, other_bias, to_other):
        n = len(listed_bias)
        states = ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(float)
        log_terms = states @ listed_bias + np.logaddexp(0, states @ to_other + other_bias).sum(axis=1)
        top = log_terms.max()
        return top + np.log(np.exp(log_terms - top).sum())

    return {
        "over_hidden": over(hidden_bias, visible_bias, weight.T),
        "over_visible": over(visible_bias, hidden_bias, weight),
    }


def _listed_bias_forgotten(weight, visible_bias, hidden_bias):
    return {
        "over_hidden": log_partition_both_ways(weight, visible_bias, 0 * hidden_bias)["over_hidden"],
        "over_visible": log_partition_both_ways(weight, 0 * visible_bias, hidden_bias)["over_visible"],
    }


def _layer_not_counted(weight, visible_bias, hidden_bias):
    both = log_partition_both_ways(weight, visible_bias, hidden_bias)
    m, n = weight.shape
    return {"over_hidden": both["over_hidden"] - n * np.log(2), "over_visible": both["over_visible"] - m * np.log(2)}


def _overflowing(weight, visible_bias, hidden_bias):
    n = len(hidden_bias)
    states = ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(float)
    with np.errstate(all="ignore"):
        terms = np.exp(states @ hidden_bias) * (1 + np.exp(states @ weight.T + visible_bias)).prod(axis=1)
        z = np.log(terms.sum())
    return {"over_hidden": z, "over_visible": z}


def cd_bias_curve(law, weight, visible_bias, hidden_bias, sweeps):
    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    def states(n):  # in counting order
        return ((np.arange(2**n)[:, None] >> np.arange(n - 1, -1, -1)) & 1).astype(float)

    v, h = states(len(visible_bias)), states(len(hidden_bias))
    on_h, on_v = sigmoid(v @ weight + hidden_bias), sigmoid(h @ weight.T + visible_bias)
    given_v = np.where(h > 0, on_h[:, None], 1 - on_h[:, None]).prod(axis=2)  # p(h | v)
    given_h = np.where(v > 0, on_v[:, None], 1 - on_v[:, None]).prod(axis=2)  # p(v | h)
    sweep = given_v @ given_h
    score = v @ visible_bias + np.logaddexp(0, v @ weight + hidden_bias).sum(axis=1)
    p = np.exp(score - score.max())
    p /= p.sum()

    def phase(weights):
        return (v * weights[:, None]).T @ on_h

    return np.array([np.abs(phase(law @ np.linalg.matrix_power(sweep, k)) - phase(p)).max() for k in sweeps])


def _one_sweep_short(law, weight, visible_bias, hidden_bias, sweeps):
    return cd_bias_curve(law, weight, visible_bias, hidden_bias, [max(k - 1, 0) for k in sweeps])


def _wrong_side(law, weight, visible_bias, hidden_bias, sweeps):
    from lectures_pkg.rbm import RBM, moments, transition_matrix, visible_law
    from lectures_pkg.worlds import binary_images

    rbm = RBM(*weight.shape)
    rbm.weight, rbm.visible_bias, rbm.hidden_bias = weight, visible_bias, hidden_bias
    matrix, images = transition_matrix(rbm), binary_images(len(visible_bias))
    exact = moments(rbm, images, visible_law(rbm)).weight
    laws = [np.linalg.matrix_power(matrix, k) @ law for k in sweeps]
    return np.array([np.abs(moments(rbm, images, after).weight - exact).max() for after in laws])


def _simulated(law, weight, visible_bias, hidden_bias, sweeps):
    """Draws 20 000 chains instead of following the law."""
    rng = np.random.default_rng(0)
    n = len(visible_bias)
    images = ((np.arange(2**n)[:, None] >> np.arange(n - 1, -1, -1)) & 1).astype(float)
    v = images[rng.choice(2**n, 20_000, p=law)]

    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    score = images @ visible_bias + np.logaddexp(0, images @ weight + hidden_bias).sum(axis=1)
    p = np.exp(score - score.max())
    model = (images * (p / p.sum())[:, None]).T @ sigmoid(images @ weight + hidden_bias)
    found = np.empty(len(sweeps))
    done = 0
    for i, k in enumerate(sweeps):
        for _ in range(k - done):
            h = (rng.random((len(v), len(hidden_bias))) < sigmoid(v @ weight + hidden_bias)).astype(float)
            v = (rng.random(v.shape) < sigmoid(h @ weight.T + visible_bias)).astype(float)
        done = k
        found[i] = np.abs(v.T @ sigmoid(v @ weight + hidden_bias) / len(v) - model).max()
    return found


MISTAKES = {
    "log_partition_both_ways": (
        Mistake("bias of the listed layer forgotten", _listed_bias_forgotten, "layer that you list is missing"),
        Mistake("mean for sum", _layer_not_counted, "counts the states of both layers"),
        Mistake("overflow", _overflowing, "came out infinite"),
    ),
    "cd_bias_curve": (
        Mistake("one sweep short", _one_sweep_short, "one sweep is missing"),
        Mistake("matrix on the wrong side", _wrong_side, "wrong side"),
        Mistake("simulated", _simulated, "sampling noise"),
    ),
}

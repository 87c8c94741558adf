"""Solutions of the assignment exercises of ``conditional_models``, and the mistakes that their checks refuse."""

import numpy as np

from lectures_pkg.exercises import Mistake


def fooling_generator(p, frequency):
    from scipy.optimize import linprog

    n = len(frequency)
    # share[y, k]: probability that label y is given a picture of label k; none on the diagonal. The mixture of all
    # must be the data's: sum over y of frequency[y] share[y, k] = frequency[k].
    rows = np.kron(np.eye(n), np.ones(n))
    columns = np.kron(frequency, np.eye(n))
    allowed = [(0, 0) if y == k else (0, 1) for y in range(n) for k in range(n)]
    found = linprog(
        np.zeros(n * n), A_eq=np.vstack([rows, columns]), b_eq=np.concatenate([np.ones(n), frequency]), bounds=allowed
    )
    share = found.x.reshape(n, n)
    return share / share.sum(axis=1, keepdims=True) @ p


def two_recipes(mean, log_var, labels, finished, told, asked, noise):
    def decode(u, weights):
        w1, b1, w2, b2 = weights
        return 1 / (1 + np.exp(-(np.maximum(u @ w1.T + b1, 0) @ w2.T + b2)))

    z = np.empty_like(noise)
    for label in np.unique(asked):
        mine = labels == label
        covariance = np.cov(mean[mine].T, ddof=0) + np.diag(np.exp(log_var[mine]).mean(axis=0))
        rows = asked == label
        z[rows] = mean[mine].mean(axis=0) + noise[rows] @ np.linalg.cholesky(covariance).T
    one_hot = np.eye(10)[asked]
    return {"afterwards": decode(z, finished), "conditional": decode(np.hstack([noise, one_hot]), told)}


def _recipes_with(slip):
    def attempt(mean, log_var, labels, finished, told, asked, noise):
        right = two_recipes(mean, log_var, labels, finished, told, asked, noise)

        def decode(u, weights):
            w1, b1, w2, b2 = weights
            return np.maximum(u @ w1.T + b1, 0) @ w2.T + b2

        def sigmoid(a):
            return 1 / (1 + np.exp(-a))

        one_hot = np.eye(10)[asked]
        if slip == "means":
            centres = np.array([mean[labels == label].mean(axis=0) for label in range(10)])
            return {**right, "afterwards": sigmoid(decode(centres[asked], finished))}
        if slip == "prior":
            return {**right, "afterwards": sigmoid(decode(noise, finished))}
        if slip == "order":
            return {**right, "conditional": sigmoid(decode(np.hstack([one_hot, noise]), told))}
        if slip == "logits":
            return {**right, "conditional": decode(np.hstack([noise, one_hot]), told)}
        return {**right, "afterwards": right["conditional"]}

    return attempt


MISTAKES = {
    "fooling_generator": (
        Mistake("labels obeyed", lambda p, f: p, "obeys the labels"),
        Mistake("next label's pictures", lambda p, f: np.roll(p, 1, axis=0), "frequencies"),
        Mistake("everybody paints the mixture", lambda p, f: np.tile(f @ p, (len(f), 1)), "keep each label away"),
        Mistake("not a law", lambda p, f: 2 * p[::-1], "should be a law"),
    ),
    "two_recipes": (
        Mistake("means only", _recipes_with("means"), "lost its spread"),
        Mistake("drawn from the prior", _recipes_with("prior"), "depend on the label"),
        Mistake("label in front", _recipes_with("order"), "in this order"),
        Mistake("logits", _recipes_with("logits"), "returns logits"),
        Mistake("conditional decoder twice", _recipes_with("both"), "more than this recipe can"),
    ),
}

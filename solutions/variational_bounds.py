"""Solutions of the assignments of the chapter "Better bounds, richer posteriors, and collapse", and their mistakes."""

import numpy as np

from lectures_pkg.exercises import Mistake


def chain_log_prob(z, mean, coefficient, std):
    deviation = z - mean
    noise = deviation.copy()
    noise[1:] -= coefficient * deviation[:-1]  # what the coordinate before does not explain
    return float((-0.5 * (noise / std) ** 2 - np.log(std) - 0.5 * np.log(2 * np.pi)).sum())


def _covariance_tridiagonal(z, mean, coefficient, std):
    variance = std**2
    for i in range(1, len(z)):
        variance[i] += coefficient[i - 1] ** 2 * variance[i - 1]
    neighbours = coefficient * variance[:-1]
    cov = np.diag(variance) + np.diag(neighbours, 1) + np.diag(neighbours, -1)
    deviation = z - mean
    log_det = np.linalg.slogdet(cov)[1]
    return float(-0.5 * (deviation @ np.linalg.solve(cov, deviation) + log_det + len(z) * np.log(2 * np.pi)))


def _sign_of_log_det(z, mean, coefficient, std):
    return chain_log_prob(z, mean, coefficient, std) + 2 * np.log(std).sum()


def _leans_on_the_value(z, mean, coefficient, std):
    noise = z - mean
    noise[1:] -= coefficient * z[:-1]
    return float((-0.5 * (noise / std) ** 2 - np.log(std) - 0.5 * np.log(2 * np.pi)).sum())


def _variance(z, mean, coefficient, std):
    return chain_log_prob(z, mean, coefficient, np.sqrt(std))


def _no_two_pi(z, mean, coefficient, std):
    return chain_log_prob(z, mean, coefficient, std) + 0.5 * len(z) * np.log(2 * np.pi)


def mean_field(cov):
    # KL = 1/2 sum_i (L_ii s_i - 1 - log s_i) + 1/2 log det cov, with L the precision and s_i the variances.
    # d/ds_i: L_ii - 1/s_i = 0; each term is convex in log s_i, so this is the minimum.
    diagonal = np.diag(np.linalg.inv(cov))
    gap = 0.5 * (np.log(diagonal).sum() + np.linalg.slogdet(cov)[1])
    return np.r_[1 / diagonal, gap]


def _marginals(cov):
    return np.r_[np.diag(cov), mean_field(cov)[-1]]


def _precisions(cov):
    return np.r_[np.diag(np.linalg.inv(cov)), mean_field(cov)[-1]]


def _gap_negative(cov):
    return mean_field(cov) * np.r_[np.ones(len(cov)), -1]


def _gap_doubled(cov):
    return mean_field(cov) * np.r_[np.ones(len(cov)), 2]


MISTAKES = {
    "chain_log_prob": (
        Mistake("covariance tridiagonal", _covariance_tridiagonal, "the precision is tridiagonal"),
        Mistake("sign of the log-determinant", _sign_of_log_det, "has the wrong sign"),
        Mistake("leans on the value", _leans_on_the_value, "leans on the deviation"),
        Mistake("variance", _variance, "taken for a variance"),
        Mistake("no 2 pi", _no_two_pi, "2 pi are missing"),
    ),
    "mean_field": (
        Mistake("marginal variances", _marginals, "other direction of the KL"),
        Mistake("precisions", _precisions, "a variance is its inverse"),
        Mistake("gap negative", _gap_negative, "never negative"),
        Mistake("gap doubled", _gap_doubled, "factor one half"),
    ),
}

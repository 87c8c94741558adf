"""Solutions of the assignments of the chapter "The variational autoencoder", and their typical mistakes."""

import numpy as np

from lectures_pkg.exercises import Mistake


def kl_from_prior(mean, std):
    # E log q = -1/2 (1 + log 2 pi + 2 log sigma); E log p = -1/2 (mu^2 + sigma^2 + log 2 pi)
    return 0.5 * (mean**2 + std**2 - 1 - 2 * np.log(std)).sum(axis=1)


def _log_sigma(mean, std):
    return 0.5 * (mean**2 + std**2 - 1 - np.log(std)).sum(axis=1)


def _sign(mean, std):
    return -kl_from_prior(mean, std)


def _sigma(mean, std):
    return 0.5 * (mean**2 + std - 1 - 2 * np.log(std)).sum(axis=1)


def _averaged(mean, std):
    return kl_from_prior(mean, std) / mean.shape[1]


def _squares_first(mean, std):
    with np.errstate(divide="ignore"):
        return 0.5 * (mean**2 + std**2 - 1 - np.log(std**2)).sum(axis=1)


def exact_log_prob_and_gap(x, weight, bias, mean, std):
    axis, step = np.linspace(-8, 8, 401, retstep=True)
    z = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    logits = z @ weight.T + bias
    log_likelihood = (x * logits - np.logaddexp(0, logits)).sum(axis=1)
    log_prior = -0.5 * (z**2).sum(axis=1) - np.log(2 * np.pi)
    log_q = -0.5 * (((z - mean) / std) ** 2).sum(axis=1) - np.log(2 * np.pi * np.prod(std))
    log_joint = log_likelihood + log_prior
    log_p = np.logaddexp.reduce(log_joint) + 2 * np.log(step)  # each point stands for a cell of area step^2
    bound = np.sum(np.exp(log_q) * (log_joint - log_q)) * step**2
    return np.array([log_p, log_p - bound])


def _no_area(x, weight, bias, mean, std):
    log_p, gap = exact_log_prob_and_gap(x, weight, bias, mean, std)
    return np.array([log_p - 2 * np.log(16 / 400), gap])


def _small_grid(x, weight, bias, mean, std):
    axis, step = np.linspace(-1, 1, 201, retstep=True)
    z = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    logits = z @ weight.T + bias
    log_joint = (x * logits - np.logaddexp(0, logits)).sum(axis=1) - 0.5 * (z**2).sum(axis=1) - np.log(2 * np.pi)
    log_p = np.logaddexp.reduce(log_joint) + 2 * np.log(step)
    return np.array([log_p, exact_log_prob_and_gap(x, weight, bias, mean, std)[1]])


def _bound_for_gap(x, weight, bias, mean, std):
    log_p, gap = exact_log_prob_and_gap(x, weight, bias, mean, std)
    return np.array([log_p, log_p - gap])


def _gap_reversed(x, weight, bias, mean, std):
    log_p, gap = exact_log_prob_and_gap(x, weight, bias, mean, std)
    return np.array([log_p, -gap])


MISTAKES = {
    "kl_from_prior": (
        Mistake("log sigma", _log_sigma, "log sigma stands where"),
        Mistake("sign", _sign, "never negative"),
        Mistake("sigma", _sigma, "sigma stands where its square should"),
        Mistake("averaged", _averaged, "averaged over the latents"),
        Mistake("squares first", _squares_first, "needs no square"),
    ),
    "exact_log_prob_and_gap": (
        Mistake("no area", _no_area, "its area counts"),
        Mistake("small grid", _small_grid, "mass is missing"),
        Mistake("bound for gap", _bound_for_gap, "the bound itself in second place"),
        Mistake("gap reversed", _gap_reversed, "never below the bound"),
    ),
}

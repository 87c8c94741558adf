"""Solutions of the assignment exercises of ``diffusion``, and the mistakes that their checks refuse."""

import numpy as np

from lectures_pkg.exercises import Mistake


def posterior_step(alpha_bar, t, x0, x_t):
    before, after = alpha_bar[t - 1], alpha_bar[t]
    alpha = after / before
    beta = 1 - alpha
    mean = (np.sqrt(before) * beta * x0 + np.sqrt(alpha) * (1 - before) * x_t) / (1 - after)
    return {"mean": mean, "variance": beta * (1 - before) / (1 - after)}


def tweedie_mean(weights, means, stds, x_t, alpha_bar):
    centres = np.sqrt(alpha_bar) * means
    variances = alpha_bar * stds**2 + 1 - alpha_bar
    away = x_t[:, None] - centres
    log_joint = np.log(weights) - 0.5 * (away**2 / variances + np.log(variances))
    share = np.exp(log_joint - log_joint.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    score = -(share * away / variances).sum(axis=1)
    return {"score": score, "mean": (x_t + (1 - alpha_bar) * score) / np.sqrt(alpha_bar)}


def _gaussian_kl(weights, means, stds, x, share, log_p, between=1.0):
    mean = weights @ means
    variance = weights @ (stds**2 + between * (means - mean) ** 2)
    log_gaussian = -0.5 * np.log(2 * np.pi * variance) - 0.5 * (x - mean) ** 2 / variance
    return share @ (log_p - log_gaussian)


def _log_p(weights, means, stds, x):
    parts = weights * np.exp(-0.5 * ((x[:, None] - means) / stds) ** 2) / (stds * np.sqrt(2 * np.pi))
    return np.log(parts.sum(axis=1))


def one_step_or_many(weights, means, stds, steps, half=0.5, second=0, between=1.0):
    z, w = np.polynomial.hermite_e.hermegauss(12)
    x = (means[:, None] + stds[:, None] * z).ravel()
    share = (weights[:, None] * w / w.sum()).ravel()
    log_p = _log_p(weights, means, stds, x)
    noise, of_noise = np.polynomial.hermite_e.hermegauss(40)
    of_noise = of_noise / of_noise.sum()
    gaps = []
    for n in steps:
        alpha_bar = 1 / (1 + np.exp(-np.linspace(9, -9, n)))
        snr = alpha_bar / (1 - alpha_bar)
        errors = []
        for a in alpha_bar:
            x_t = np.sqrt(a) * x[:, None] + np.sqrt(1 - a) * noise
            guess = tweedie_mean(weights, means, stds, x_t.ravel(), a)["mean"].reshape(x_t.shape)
            errors.append((x[:, None] - guess) ** 2 @ of_noise)
        errors = np.array(errors)
        bound = -0.5 * np.log(2 * np.pi / snr[0]) - 0.5 * snr[0] * errors[0]
        bound = bound - half * ((snr[:-1] - snr[1:])[:, None] * errors[1:])[second:].sum(axis=0)
        last = alpha_bar[-1]
        bound = bound - 0.5 * (last * x**2 - last - np.log(1 - last))
        gaps.append(share @ (log_p - bound))
    kl = _gaussian_kl(weights, means, stds, x, share, log_p, between)
    return {"best_gaussian_kl": kl, "gaps": np.array(gaps)}


def _swapped(alpha_bar, t, x0, x_t):
    return {**posterior_step(alpha_bar, t, x0, x_t), "mean": posterior_step(alpha_bar, t, x_t, x0)["mean"]}


def _beta(alpha_bar, t, x0, x_t):
    answer = posterior_step(alpha_bar, t, x0, x_t)
    return {**answer, "variance": 1 - alpha_bar[t] / alpha_bar[t - 1]}


def _upside_down(alpha_bar, t, x0, x_t):
    answer = posterior_step(alpha_bar, t, x0, x_t)
    before, after = alpha_bar[t - 1], alpha_bar[t]
    with np.errstate(divide="ignore"):
        return {**answer, "variance": (1 - after / before) * (1 - after) / (1 - before)}


def _precisions(alpha_bar, t, x0, x_t):
    before, alpha = alpha_bar[t - 1], alpha_bar[t] / alpha_bar[t - 1]
    if t == 1:  # 1/0 in floating point
        return {"mean": np.nan * x0, "variance": 0.0}
    precision = alpha / (1 - alpha) + 1 / (1 - before)
    mean = (np.sqrt(alpha) * x_t / (1 - alpha) + np.sqrt(before) * x0 / (1 - before)) / precision
    return {"mean": mean, "variance": 1 / precision}


def _downhill(weights, means, stds, x_t, alpha_bar):
    answer = tweedie_mean(weights, means, stds, x_t, alpha_bar)
    return {**answer, "mean": (x_t - (1 - alpha_bar) * answer["score"]) / np.sqrt(alpha_bar)}


def _not_stretched(weights, means, stds, x_t, alpha_bar):
    answer = tweedie_mean(weights, means, stds, x_t, alpha_bar)
    return {**answer, "mean": x_t + (1 - alpha_bar) * answer["score"]}


def _clean_score(weights, means, stds, x_t, alpha_bar):
    return {
        **tweedie_mean(weights, means, stds, x_t, alpha_bar),
        "score": tweedie_mean(weights, means, stds, x_t, 1.0)["score"],
    }


def _densities(weights, means, stds, x_t, alpha_bar):
    variances = alpha_bar * stds**2 + 1 - alpha_bar
    away = x_t[:, None] - np.sqrt(alpha_bar) * means
    joint = weights * np.exp(-0.5 * away**2 / variances) / np.sqrt(variances)
    with np.errstate(all="ignore"):
        score = -(joint * away / variances).sum(axis=1) / joint.sum(axis=1)
    return {"score": score, "mean": (x_t + (1 - alpha_bar) * score) / np.sqrt(alpha_bar)}


def _any_law_is_gaussian(*arguments):
    return {**one_step_or_many(*arguments), "best_gaussian_kl": 0.0}


def _minus(*arguments):
    answer = one_step_or_many(*arguments)
    return {**answer, "gaps": -answer["gaps"]}


MISTAKES = {
    "posterior_step": (
        Mistake("coefficients swapped", _swapped, "coefficients are swapped"),
        Mistake("variance of the forward step", _beta, "the variance is beta_t"),
        Mistake("ratio upside down", _upside_down, "upside down"),
        Mistake("precisions at t = 1", _precisions, "divided by zero"),
    ),
    "tweedie_mean": (
        Mistake("downhill", _downhill, "the sign before the score"),
        Mistake("not stretched back", _not_stretched, "division by sqrt(alpha_bar) is missing"),
        Mistake("score of the clean law", _clean_score, "the score of the clean law"),
        Mistake("densities underflow", _densities, "densities underflow"),
    ),
    "one_step_or_many": (
        Mistake("any law is nearly a Gaussian", _any_law_is_gaussian, "has one bump"),
        Mistake(
            "variance within the bumps only",
            lambda *a: one_step_or_many(*a, between=0.0),
            "the mixture's own mean and variance",
        ),
        Mistake("bound minus log p", _minus, "a gap is negative"),
        Mistake("weights without their half", lambda *a: one_step_or_many(*a, half=1.0), "lack their half"),
        Mistake("the sum begins at t = 3", lambda *a: one_step_or_many(*a, second=1), "comes out too small"),
    ),
}

"""Solutions and typical mistakes of the assignments of the chapter "How good is a generator?"."""

import itertools

import numpy as np

from lectures_pkg.exercises import Mistake


def rbm_cell(weight, visible_bias, hidden_bias, images, *, slip=None):
    def log_sum(values):
        top = values.max()
        return top + np.log(np.exp(values - top).sum())

    def softplus(a):
        return np.logaddexp(0, a)

    # Given h the visible units are independent: sum them out in closed form, and run through the states of h.
    hidden = np.array(list(itertools.product([0.0, 1.0], repeat=len(hidden_bias))))
    c = np.zeros_like(hidden_bias) if slip == "no hidden bias" else hidden_bias
    log_partition = log_sum(hidden @ c + softplus(hidden @ weight.T + visible_bias).sum(axis=1))
    log_unnormalised = images @ visible_bias + softplus(images @ weight + hidden_bias).sum(axis=1)
    if slip == "sum over the images":
        log_partition = log_sum(log_unnormalised)
    losses = log_partition - log_unnormalised
    standard_error = losses.std(ddof=1) / np.sqrt(len(images))
    return {
        "log_partition": log_partition,
        "nll": -losses.mean() if slip == "log-likelihood" else losses.mean(),
        "standard_error": losses.std(ddof=1) if slip == "standard deviation" else standard_error,
        "verdict": "supports" if slip == "believes the table" else "contradicts",
    }


def memoriser(train, validation, n, fresh, test, *, slip=None):
    def distances(a, b):
        squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2 * a @ b.T
        return np.sqrt(np.maximum(squared, 0))

    # Each sample: a training image mixed with its three nearest neighbours. Still inside the balls, and a
    # little denoised, which the windows like. Spread over the training set.
    among = distances(train, train)
    order = np.argsort(among, axis=1)
    chosen = np.random.default_rng(0).choice(len(train), n, replace=False)
    samples = train[order[chosen, :4]].mean(axis=1)
    if slip == "far away":
        samples = np.random.default_rng(0).random((n, train.shape[1]))
    if slip == "plain noise on copies":
        samples = train[chosen] + 0.05 * np.random.default_rng(1).standard_normal((n, train.shape[1]))
    score_samples, score_validation = (distances(x, train).min(axis=1) for x in (samples, validation))
    if slip == "a blind metric":
        rng = np.random.default_rng(2)
        score_samples, score_validation = rng.normal(size=n), rng.normal(size=len(validation))
    if slip == "constant":
        score_samples, score_validation = np.ones(n), np.ones(len(validation))
    return {"samples": samples, "score_samples": score_samples, "score_validation": score_validation}


def _cell(slip):
    return lambda *arguments: rbm_cell(*arguments, slip=slip)


def _memory(slip):
    return lambda *arguments: memoriser(*arguments, slip=slip)


MISTAKES = {
    "rbm_cell": (
        Mistake("sum over the images", _cell("sum over the images"), "runs over the test images"),
        Mistake("no hidden bias", _cell("no hidden bias"), "biases are missing"),
        Mistake("log-likelihood", _cell("log-likelihood"), "wrong sign"),
        Mistake("standard deviation", _cell("standard deviation"), "spread of single images"),
        Mistake("believes the table", _cell("believes the table"), "calls intractable"),
    ),
    "memoriser": (
        Mistake("far away", _memory("far away"), "inside the training images' balls"),
        Mistake("noisy copies", _memory("plain noise on copies"), "windows like centres of crowds"),
        Mistake("no metric", _memory("constant"), "scores are constant"),
        Mistake("a blind metric", _memory("a blind metric"), "compare each with its nearest"),
    ),
}

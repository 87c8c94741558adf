"""Solutions and typical mistakes of the assignments of the chapter "Words, choices and slopes"."""

import numpy as np

from lectures_pkg.exercises import Mistake


def _softmax(a):
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _score(logits, words):
    return np.eye(logits.shape[1])[words] - _softmax(logits)  # (n, T, V)


def discrete_reinforce(logits, words, rewards, baseline, table):
    return (rewards - baseline)[:, None, None] * _score(logits, words)


def _without_softmax(logits, words, rewards, baseline, table):
    return (rewards - baseline)[:, None, None] * np.eye(logits.shape[1])[words]


def _as_a_loss(logits, words, rewards, baseline, table):
    return -discrete_reinforce(logits, words, rewards, baseline, table)


def _mean_over_places(logits, words, rewards, baseline, table):
    return discrete_reinforce(logits, words, rewards, baseline, table) / len(logits)


def _baseline_ignored(logits, words, rewards, baseline, table):
    return rewards[:, None, None] * _score(logits, words)


def _baseline_added(logits, words, rewards, baseline, table):
    return (rewards + baseline)[:, None, None] * _score(logits, words)


def discrete_best_baseline(logits, rewards):
    p = _softmax(logits)
    g = np.eye(len(p)) - p  # row w, column i: slope of log p_w in logit i
    weight = p[:, None] * g**2
    return (weight * rewards[:, None]).sum(axis=0) / weight.sum(axis=0)


def _expected_reward(logits, rewards):
    return np.full(len(logits), _softmax(logits) @ rewards)


def _not_squared(logits, rewards):
    p = _softmax(logits)
    weight = p[:, None] * np.abs(np.eye(len(p)) - p)
    return (weight * rewards[:, None]).sum(axis=0) / weight.sum(axis=0)


def _without_probabilities(logits, rewards):
    weight = (np.eye(len(logits)) - _softmax(logits)) ** 2
    return (weight * rewards[:, None]).sum(axis=0) / weight.sum(axis=0)


MISTAKES = {
    "discrete_reinforce": (
        Mistake("one-hot without minus softmax", _without_softmax, "MINUS softmax"),
        Mistake("sign of a loss", _as_a_loss, "sign is that of a loss"),
        Mistake("mean over places", _mean_over_places, "divided by the 3 places"),
        Mistake("baseline ignored", _baseline_ignored, "baseline is ignored"),
        Mistake("baseline added", _baseline_added, "baseline was added"),
    ),
    "discrete_best_baseline": (
        Mistake("expected reward", _expected_reward, "expected reward"),
        Mistake("not squared", _not_squared, "their squares"),
        Mistake("without probabilities", _without_probabilities, "probabilities are missing"),
    ),
}

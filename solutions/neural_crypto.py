"""Solutions and typical mistakes of the assignments of the chapter "Secret messages"."""

import numpy as np

from lectures_pkg.exercises import Mistake


def secrecy_slope(message, guess):
    n, n_bits = message.shape
    # |m - g| is 1 - m g for |g| <= 1, so that each guess moves L with the slope -m / (2 n).
    wrong = np.abs(message - guess).sum() / (2 * n)
    in_wrong = -2 * (n_bits / 2 - wrong) / (n_bits / 2) ** 2
    return in_wrong * -message / (2 * n)


def _square_of_each(message, guess):
    n, n_bits = message.shape
    wrong = np.abs(message - guess).sum(axis=1, keepdims=True) / 2
    return -2 * (n_bits / 2 - wrong) / (n_bits / 2) ** 2 * -message / (2 * n)


def _raise_errors(message, guess):
    n, n_bits = message.shape
    return message / (2 * n) / (n_bits / 2)


def _fresh_eve(alice, n_steps, n_messages, seed=0):
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        w, b = ([torch.tensor(a, dtype=torch.float32) for a in alice[name]] for name in ("weights", "biases"))

        def intercept(n):
            m, k = (torch.randint(2, (n, 8)).float() * 2 - 1 for _ in range(2))
            h = torch.relu(torch.cat([m, k], dim=1) @ w[0].T + b[0])
            return m, torch.tanh(h @ w[1].T + b[1])

        eve = torch.nn.Sequential(
            torch.nn.Linear(8, 128),
            torch.nn.ReLU(),
            torch.nn.Linear(128, 128),
            torch.nn.ReLU(),
            torch.nn.Linear(128, 8),
        )
        optimiser = torch.optim.Adam(eve.parameters(), lr=3e-3)
        for _ in range(n_steps):
            m, c = intercept(256)
            loss = (m - torch.tanh(eve(c))).abs().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        with torch.no_grad():
            m, c = intercept(n_messages)
            counts = ((eve(c) > 0) != (m > 0)).sum(dim=1).double().numpy()
        layers = [p.detach().double().numpy() for p in eve.parameters()]
    return layers[0::2], layers[1::2], counts


def fresh_report(alice, trained_eve_wrong, n_messages):
    weights, biases, counts = _fresh_eve(alice, 600, n_messages)
    wrong, error = counts.mean(), counts.std() / np.sqrt(n_messages)
    return {
        "weights": weights,
        "biases": biases,
        "wrong": float(wrong),
        "standard_error": float(error),
        "reads_more": bool(trained_eve_wrong - wrong > 4 * error),
    }


def _untrained(alice, trained_eve_wrong, n_messages):
    weights, biases, counts = _fresh_eve(alice, 0, n_messages)
    error = float(counts.std() / np.sqrt(n_messages))
    return {
        "weights": weights,
        "biases": biases,
        "wrong": float(counts.mean()),
        "standard_error": error,
        "reads_more": False,
    }


def _sees_the_key(alice, trained_eve_wrong, n_messages):
    answer = _untrained(alice, trained_eve_wrong, n_messages)
    return {**answer, "weights": [np.zeros((128, 16)), *answer["weights"][1:]]}


def _changed(**changes):
    def attempt(*arguments):
        answer = fresh_report(*arguments)
        return {**answer, **{name: change(answer[name]) for name, change in changes.items()}}

    return attempt


MISTAKES = {
    "secrecy_slope": (
        Mistake("square of each message", _square_of_each, "message by message"),
        Mistake("sign", lambda m, g: -secrecy_slope(m, g), "sign is reversed"),
        Mistake("raises her errors", _raise_errors, "slope of -L"),
        Mistake("sum for mean", lambda m, g: len(m) * secrecy_slope(m, g), "mean over the batch: divide"),
    ),
    "fresh_report": (
        Mistake("untrained", _untrained, "is at chance"),
        Mistake("sees the key", _sees_the_key, "sees the ciphertext alone"),
        Mistake("bits for messages", _changed(standard_error=lambda e: e / np.sqrt(8)), "deviation over messages"),
        Mistake("training messages", _changed(wrong=lambda w: w - 0.4), "seen in training"),
    ),
}

"""Solutions of the assignments of the chapter "Two ways to learn, two ways to sample", and their typical mistakes."""

import numpy as np

from lectures_pkg.exercises import Mistake


def metropolis_transition(weights, proposal):
    weights, proposal = np.asarray(weights, dtype=float), np.asarray(proposal, dtype=float)
    flow = weights[:, None] * proposal  # proposed flow from i to j, up to the normalising constant
    moves = np.minimum(flow, flow.T) / weights[:, None]  # Q times min(1, ratio), without dividing by Q
    np.fill_diagonal(moves, 0.0)
    return moves + np.diag(1 - moves.sum(axis=1))  # a refused move stays


def _moves(proposal, accept):
    moves = np.asarray(proposal, dtype=float) * accept
    np.fill_diagonal(moves, 0.0)
    return moves + np.diag(1 - moves.sum(axis=1))


def _ratio_inverted(weights, proposal):
    flow = np.asarray(weights)[:, None] * np.asarray(proposal)
    with np.errstate(invalid="ignore", divide="ignore"):
        return _moves(proposal, np.where(flow > 0, np.minimum(1, flow / flow.T), 0))


def _no_self_loop(weights, proposal):
    moves = metropolis_transition(weights, proposal)
    np.fill_diagonal(moves, np.diag(np.asarray(proposal)))
    return moves


def _only_accepted(weights, proposal):
    moves = metropolis_transition(weights, proposal)
    np.fill_diagonal(moves, 0.0)
    return moves / moves.sum(axis=1, keepdims=True)


def _proposal_forgotten(weights, proposal):
    weights = np.asarray(weights, dtype=float)
    return _moves(proposal, np.minimum(1, weights / weights[:, None]))


def _too_shy(weights, proposal):
    flow = np.asarray(weights)[:, None] * np.asarray(proposal)
    with np.errstate(invalid="ignore", divide="ignore"):
        return _moves(proposal, np.where(flow > 0, flow.T / (flow + flow.T), 0))


def _ridge(x, y, penalty):
    rows = np.column_stack([x, np.ones(len(x))])
    targets = np.where(y[:, None] == np.arange(10), 1.0, -1.0)
    return np.linalg.solve(rows.T @ rows + penalty * np.eye(rows.shape[1]), rows.T @ targets)


def _accuracy(weights, x, y):
    scores = np.column_stack([x, np.ones(len(x))]) @ weights
    return (scores.argmax(axis=1) == y).mean()


def _augment(x, y, n_synthetic, rng):
    for c in range(10):
        ink = (x[y == c].sum(axis=0) + 1) / ((y == c).sum() + 2)
        yield (rng.random((n_synthetic, x.shape[1])) < ink).astype(float), np.full(n_synthetic, c)


def _report(plain, augmented):
    gain = augmented - plain  # paired: both used the same labelled images
    return {
        "plain": plain,
        "augmented": augmented,
        "difference": gain.mean(axis=1),
        "standard_error": gain.std(axis=1, ddof=1) / np.sqrt(gain.shape[1]),
    }


def augmentation_report(train_x, train_y, test_x, test_y, budgets, n_repeats, n_synthetic, penalty, seed, leak=False):
    rng = np.random.default_rng(seed)
    plain, augmented = np.zeros((2, len(budgets), n_repeats))
    for row, budget in enumerate(budgets):
        for repeat in range(n_repeats):
            chosen = np.concatenate(
                [rng.choice(np.flatnonzero(train_y == c), budget, replace=False) for c in range(10)]
            )
            x, y = train_x[chosen], train_y[chosen]
            # The generator may see nothing but the images that the budget pays for.
            source = (train_x, train_y) if leak else (x, y)
            more_x, more_y = zip(*_augment(*source, n_synthetic, rng), strict=True)
            plain[row, repeat] = _accuracy(_ridge(x, y, penalty), test_x, test_y)
            both = np.concatenate([x, *more_x]), np.concatenate([y, *more_y])
            augmented[row, repeat] = _accuracy(_ridge(*both, penalty), test_x, test_y)
    return _report(plain, augmented)


def _leak(*arguments):
    return augmentation_report(*arguments, leak=True)


def _standard_deviation(*arguments):
    right = augmentation_report(*arguments)
    return {**right, "standard_error": right["standard_error"] * np.sqrt(right["plain"].shape[1])}


def _unpaired(*arguments):
    right = augmentation_report(*arguments)
    n = right["plain"].shape[1]
    variance = right["plain"].var(axis=1, ddof=1) + right["augmented"].var(axis=1, ddof=1)
    return {**right, "standard_error": np.sqrt(variance / n)}


def _tested_on_training(train_x, train_y, test_x, test_y, budgets, n_repeats, *rest):
    # Scored on the images that were trained on: nearly all are right.
    ones = np.ones((len(budgets), n_repeats))
    return _report(ones - 0.001 * np.arange(n_repeats), ones - 0.002 * np.arange(n_repeats)[::-1])


def _one_draw(train_x, train_y, test_x, test_y, budgets, n_repeats, n_synthetic, penalty, seed):
    one = augmentation_report(train_x, train_y, test_x, test_y, budgets, 2, n_synthetic, penalty, seed)
    return _report(
        np.repeat(one["plain"][:, :1], n_repeats, axis=1), np.repeat(one["augmented"][:, :1], n_repeats, axis=1)
    )


MISTAKES = {
    "metropolis_transition": (
        Mistake("ratio inverted", _ratio_inverted, "upside down"),
        Mistake("no self-loop mass", _no_self_loop, "refused move stays"),
        Mistake("only accepted moves", _only_accepted, "as if no proposal were ever refused"),
        Mistake("proposal forgotten", _proposal_forgotten, "lopsided"),
        Mistake("accepts too rarely", _too_shy, "more often"),
    ),
    "augmentation_report": (
        Mistake("generator sees all labels", _leak, "beyond the budget"),
        Mistake("standard deviation", _standard_deviation, "square root of the number of repeats"),
        Mistake("unpaired", _unpaired, "paired"),
        Mistake("tested on training images", _tested_on_training, "held-out"),
        Mistake("one draw repeated", _one_draw, "fresh labelled images"),
    ),
}

"""Exercises of the chapter "Two ways to learn, two ways to sample"."""

# Solutions are shown to readers as they would write them, without types.
# mypy: disallow-untyped-defs=False

from __future__ import annotations

import itertools
import math

import numpy as np

from lectures_pkg.datasets import load_digits8
from lectures_pkg.exercises import Exercise, Mistake, Wrong, as_array, close
from lectures_pkg.generative_models import fit_class_bernoulli, neighbour_proposal
from lectures_pkg.worlds import strokes

# ---------------------------------------------------------------- completing a picture


def posterior_pixels(law, observed):
    images = np.array(list(np.ndindex(2, 2, 2, 2)))
    agrees = np.ones(16, dtype=bool)
    for j, pixel in enumerate(observed):
        if pixel is not None:
            agrees &= images[:, j] == pixel
    joint = np.where(agrees, law, 0.0)  # p(x_m, x_o), and zero where the image contradicts the pixels
    if joint.sum() == 0:
        return np.full(4, np.nan)  # nothing to condition on
    return joint @ images / joint.sum()


def _pixels_not_renormalised(law, observed):
    joint = np.array([p * _fits(x, observed) for x, p in zip(_images(), law, strict=True)])
    return joint @ np.array(_images()) if joint.sum() else np.full(4, np.nan)


def _pixels_observation_summed_out(law, observed):
    return np.asarray(law) @ np.array(_images())


def _pixels_impossible_is_zero(law, observed):
    return np.nan_to_num(posterior_pixels(law, observed))


def _images() -> list[tuple[int, ...]]:
    return list(itertools.product((0, 1), repeat=4))


def _fits(image: tuple[int, ...], observed: list) -> bool:
    return all(o is None or o == x for o, x in zip(observed, image, strict=True))


def _pixel_inputs(rng: np.random.Generator) -> list[tuple]:
    noisy = strokes(float(rng.uniform(0.05, 0.2)))
    lopsided = 0.9 * rng.dirichlet(np.ones(16)) + 0.1 / 16
    patterns = [list(pattern) for pattern in itertools.product((0, 1, None), repeat=4)]
    first = [(noisy, [1, None, None, None]), (lopsided, [None, 0, None, 1])]
    return [*first, *((lopsided, pattern) for pattern in patterns), (strokes(0.0), [1, 1, None, None])]


def _check_pixels(answer: object, law: np.ndarray, observed: list) -> None:
    found = as_array(answer, (4,))
    agreeing = [(x, p) for x, p in zip(_images(), law, strict=True) if _fits(x, observed)]
    evidence = math.fsum(p for _, p in agreeing)
    if evidence == 0:
        if not np.isnan(found).all():
            raise Wrong(f"what was observed, {observed}, never happens under this law: return nan for each pixel")
        return
    ink = np.array([math.fsum(p for x, p in agreeing if x[j] == 1) for j in range(4)])
    if close(found, ink / evidence):
        return
    if close(found, ink):
        raise Wrong("these are the joint probabilities: divide by the probability of what was observed")
    if close(found, law @ np.array(_images())):
        raise Wrong("the observed pixels were summed over as well: hold them fixed, sum over the missing ones only")
    raise Wrong(f"for the observation {observed}, enumerating the images that agree gives other probabilities")


# ---------------------------------------------------------------- weights


def logistic_weights(prior, probabilities):
    p0, p1 = probabilities
    weight = np.log(p1 / (1 - p1)) - np.log(p0 / (1 - p0))
    # An empty picture has log-odds too: the prior's, and those of every pixel being 0.
    bias = np.log(prior[1] / prior[0]) + np.log((1 - p1) / (1 - p0)).sum()
    return np.append(weight, bias)


def _weights_without_empty(prior, probabilities):
    return np.append(logistic_weights(prior, probabilities)[:-1], np.log(prior[1] / prior[0]))


def _weights_without_prior(prior, probabilities):
    right = logistic_weights(prior, probabilities)
    return np.append(right[:-1], right[-1] - np.log(prior[1] / prior[0]))


def _weights_ratio_of_probabilities(prior, probabilities):
    p0, p1 = probabilities
    return np.append(np.log(p1 / p0), logistic_weights(prior, probabilities)[-1])


def _weights_other_class(prior, probabilities):
    return -logistic_weights(prior, probabilities)


def _weights_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = [(np.array([0.5, 0.5]), np.array([[0.02, 0.98, 0.02, 0.98], [0.9, 0.1, 0.95, 0.05]]))]
    for n_pixels in (4, 3, 6):
        share = float(rng.uniform(0.1, 0.4))
        cases.append((np.array([1 - share, share]), rng.uniform(0.05, 0.95, (2, n_pixels))))
    return cases


def _check_weights(answer: object, prior: np.ndarray, probabilities: np.ndarray) -> None:
    n_pixels = probabilities.shape[1]
    found = as_array(answer, (n_pixels + 1,))

    def log_odds(image: tuple[int, ...]) -> float:
        factors = [math.prod(p if x else 1 - p for x, p in zip(image, row, strict=True)) for row in probabilities]
        return math.log(prior[1] * factors[1] / (prior[0] * factors[0]))

    images = list(itertools.product((0, 1), repeat=n_pixels))
    exact = np.array([log_odds(image) for image in images])
    given = np.array(images) @ found[:-1] + found[-1]
    if close(given, exact):
        return
    if close(given, -exact):
        raise Wrong("these are the log-odds of class 0 against class 1: the other way round, please")
    gap = exact - given
    if close(gap, gap[0]):  # the weights are right, the bias is not
        if close(gap[0], math.log(prior[1] / prior[0])):
            raise Wrong("the weights are right, but the bias forgets that the classes are not equally frequent")
        raise Wrong("the weights are right, the bias is not: what do the pixels say that are *empty*?")
    if close(np.exp(found[:-1]), probabilities[1] / probabilities[0]):
        raise Wrong("a weight compares inked with empty: it needs the odds p / (1 - p), not p alone")
    raise Wrong("w·x + b differs from log p(1 | x) / p(0 | x), computed image by image")


# ---------------------------------------------------------------- Metropolis


def _transition_inputs(rng: np.random.Generator) -> list[tuple]:
    lopsided = 0.8 * rng.dirichlet(np.ones(5), size=5) + 0.04
    n = int(rng.integers(3, 7))
    asymmetric = 0.7 * rng.dirichlet(np.ones(n), size=n) + 0.3 / n
    drift = np.array([[0.3, 0.7, 0, 0], [0.2, 0.0, 0.8, 0], [0, 0.2, 0, 0.8], [0, 0, 0.3, 0.7]])
    return [
        (np.array([1.0, 2.0, 4.0, 2.0, 1.0]), neighbour_proposal(5)),
        (np.exp(rng.normal(size=5)), lopsided),
        (100 * np.exp(rng.normal(size=n)), asymmetric),
        (rng.uniform(0.5, 3, size=4), drift),
    ]


def _check_transition(answer: object, weights: np.ndarray, proposal: np.ndarray) -> None:
    n = len(weights)
    found = as_array(answer, (n, n))
    off = ~np.eye(n, dtype=bool)
    if (found < -1e-12).any():
        raise Wrong("a transition probability is negative")
    if not close(found.sum(axis=1), 1.0):
        raise Wrong("a row does not sum to one: what happens when a proposal is refused? A refused move stays")
    if (found[off & (proposal == 0)] > 1e-12).any():
        raise Wrong("the chain makes a move that is never proposed")
    target = weights / weights.sum()
    flow = target[:, None] * found
    if close(flow, flow.T, absolute=1e-12):
        ratio = np.divide(found, proposal, out=np.zeros((n, n)), where=off & (proposal > 0))
        best = np.maximum(ratio, ratio.T)[off & (proposal > 0)]
        if not close(best, 1.0):
            raise Wrong("it balances, but it may accept more often: of each pair, one direction never needs a refusal")
        return
    if _accepts_uphill_less(found, weights, proposal):
        raise Wrong("the acceptance ratio is upside down: moves to more probable states must never be refused")
    if close(np.diag(found), 0.0) and not close(np.diag(proposal), 1.0):
        raise Wrong("the chain leaves its state at every step, as if no proposal were ever refused: count refusals too")
    if not (proposal == proposal.T).all():
        raise Wrong("with this lopsided proposal detailed balance fails: the way back is proposed with Q[j, i]")
    raise Wrong("detailed balance fails: compare weights[i] * T[i, j] with weights[j] * T[j, i]")


def _accepts_uphill_less(found: np.ndarray, weights: np.ndarray, proposal: np.ndarray) -> bool:
    """Whether acceptance is min(1, pi_i Q_ij / (pi_j Q_ji))."""
    flow = weights[:, None] * proposal
    wrong = np.minimum(1, np.divide(flow, flow.T, out=np.ones_like(flow), where=flow.T > 0)) * proposal
    off = ~np.eye(len(weights), dtype=bool)
    return close(found[off], wrong[off])


# ---------------------------------------------------------------- knowing is not sampling


def slow_law(n_states, tolerance):
    weights = np.ones(n_states)
    weights[0] = weights[-1] = 1000.0  # two peaks with a valley in between
    target = weights / weights.sum()
    move = 0.5 * np.minimum(1, weights[1:] / weights[:-1])  # to the right
    back = 0.5 * np.minimum(1, weights[:-1] / weights[1:])  # to the left
    transition = np.diag(move, 1) + np.diag(back, -1)
    transition += np.diag(1 - transition.sum(axis=1))
    law, steps = np.eye(n_states)[0], 0
    while 0.5 * np.abs(law - target).sum() >= tolerance:
        law, steps = law @ transition, steps + 1
    return {"weights": weights, "steps": steps}


def _slow_too_easy(n_states, tolerance):
    return {"weights": 8.0 ** -np.arange(n_states), "steps": 3}


def _slow_accepted_only(n_states, tolerance):
    right = slow_law(n_states, tolerance)
    return {**right, "steps": _accepted_moves(right["weights"], right["steps"])}


def _slow_one_over_gap(n_states, tolerance):
    right = slow_law(n_states, tolerance)
    second = np.sort(np.abs(np.linalg.eigvals(_neighbour_chain(right["weights"]))))[-2]
    return {**right, "steps": math.ceil(math.log(tolerance) / math.log(second))}


def _neighbour_chain(weights: np.ndarray) -> np.ndarray:
    """Metropolis with neighbour proposals, entry by entry."""
    n = len(weights)
    transition = np.zeros((n, n))
    for i in range(n):
        for j in (i - 1, i + 1):
            if 0 <= j < n:
                transition[i, j] = 0.5 * min(1.0, weights[j] / weights[i])
        transition[i, i] = 1 - transition[i].sum()
    return transition


def _accepted_moves(weights: np.ndarray, steps: int) -> int:
    """Expected number of steps, of this many, that leave their state, rounded."""
    transition = _neighbour_chain(weights)
    law, moved = np.eye(len(weights))[0], 0.0
    for _ in range(steps):
        moved += law @ (1 - np.diag(transition))
        law = law @ transition
    return round(moved)


def _slow_inputs(rng: np.random.Generator) -> list[tuple]:
    return [(5, 0.01), (int(rng.integers(6, 9)), 0.01), (4, float(rng.uniform(0.02, 0.05)))]


def _check_slow(answer: object, n_states: int, tolerance: float) -> None:
    if not isinstance(answer, dict) or set(answer) != {"weights", "steps"}:
        raise Wrong("the answer should be a dict with the keys weights, steps")
    weights = as_array(answer["weights"], (n_states,))
    steps = int(as_array(answer["steps"], ()))
    if not (np.isfinite(weights).all() and (weights > 0).all()):
        raise Wrong("weights must be positive and finite: the density is known everywhere, up to a constant")
    transition, target = _neighbour_chain(weights), weights / weights.sum()

    def distance(n: int) -> float:
        return 0.5 * float(np.abs(np.linalg.matrix_power(transition, n)[0] - target).sum())

    if distance(10) <= 0.2:
        raise Wrong(f"too easy: after ten steps the total variation is {distance(10):.2g}; put a valley in the way")
    if steps >= 1 and distance(steps) < tolerance <= distance(steps - 1):
        return
    if distance(max(steps, 0)) >= tolerance:
        low, high = max(steps, 1), max(steps, 1)
        while distance(high) >= tolerance and high < 2**40:
            low, high = high, 2 * high
        while high - low > 1:
            low, high = (low, middle) if distance(middle := (low + high) // 2) < tolerance else (middle, high)
        if abs(steps - _accepted_moves(weights, min(high, 200_000))) <= 1:
            raise Wrong("only the accepted moves were counted; a refused proposal is a step too, it costs as much")
        raise Wrong(
            f"after {steps} steps the total variation is still {distance(steps):.3g}, not below {tolerance:.3g}"
        )
    raise Wrong(f"fewer steps would do: the total variation was below {tolerance:.3g} before step {steps}")


# ---------------------------------------------------------------- mini project


def _report_inputs(rng: np.random.Generator) -> list[tuple]:
    data = load_digits8(binary=True)
    images = data.train_images.reshape(-1, 64), data.test_images.reshape(-1, 64)
    arrays = (images[0], data.train_labels, images[1], data.test_labels)
    return [(*arrays, [2, 5, 20], 8, 20, 10.0, int(rng.integers(10**6)))]


def _re_run(
    train_x: np.ndarray, train_y: np.ndarray, test_x: np.ndarray, test_y: np.ndarray,
    budgets: list, n_repeats: int, n_synthetic: int, penalty: float, seed: int,
) -> np.ndarray:  # fmt: skip
    """Accuracies without and with synthetic images, shape (2, n_budgets, n_repeats), by another route.

    The penalised least squares are solved as ordinary ones with extra rows.
    """

    def accuracy(x: np.ndarray, y: np.ndarray) -> float:
        rows = np.vstack([np.column_stack([x, np.ones(len(x))]), math.sqrt(penalty) * np.eye(x.shape[1] + 1)])
        targets = np.vstack([2.0 * np.eye(10)[y] - 1, np.zeros((x.shape[1] + 1, 10))])
        weights = np.linalg.lstsq(rows, targets, rcond=None)[0]
        return float(((test_x @ weights[:-1] + weights[-1]).argmax(axis=1) == test_y).mean())

    rng = np.random.default_rng([seed, 1])
    result = np.zeros((2, len(budgets), n_repeats))
    for row, budget in enumerate(budgets):
        for repeat in range(n_repeats):
            order = rng.permutation(len(train_y))
            chosen = np.concatenate([order[train_y[order] == c][:budget] for c in range(10)])
            x, y = train_x[chosen], train_y[chosen]
            law = fit_class_bernoulli(x, y)
            more_y = np.repeat(np.arange(10), n_synthetic)
            more_x = (rng.random((more_y.size, x.shape[1])) < law.probabilities[more_y]).astype(float)
            result[:, row, repeat] = accuracy(x, y), accuracy(np.vstack([x, more_x]), np.append(y, more_y))
    return result


def _check_report(answer: object, *arguments) -> None:
    keys = ("plain", "augmented", "difference", "standard_error")
    if not isinstance(answer, dict) or set(answer) != set(keys):
        raise Wrong(f"the answer should be a dict with the keys {', '.join(keys)}")
    budgets, n_repeats = arguments[4:6]
    shape = (len(budgets), n_repeats)
    plain, augmented = as_array(answer["plain"], shape), as_array(answer["augmented"], shape)
    difference = as_array(answer["difference"], shape[:1])
    error = as_array(answer["standard_error"], shape[:1])
    if not ((plain >= 0) & (plain <= 1) & (augmented >= 0) & (augmented <= 1)).all():
        raise Wrong("accuracies are shares, from 0 to 1")
    if close(np.ptp(plain, axis=1), 0.0):
        raise Wrong("each repeat gave the same accuracy: draw fresh labelled images each time")
    gain = augmented - plain
    if not close(difference, gain.mean(axis=1)):
        raise Wrong("'difference' should be the mean over repeats of augmented minus plain, budget by budget")
    deviation = gain.std(axis=1, ddof=1)
    if not close(error, deviation / math.sqrt(n_repeats), relative=1e-6):
        if close(error, deviation, relative=1e-6):
            raise Wrong(
                "that is the standard deviation; the mean's is smaller by the square root of the number of repeats"
            )
        raise Wrong(
            "'standard_error' should be of the paired differences (n - 1 in the variance): both runs share their images"
        )
    again = _re_run(*arguments)

    def too_far(values: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Signed distance beyond six standard errors and one percent."""
        spread = np.sqrt((values.var(axis=1, ddof=1) + others.var(axis=1, ddof=1)) / n_repeats)
        gap = values.mean(axis=1) - others.mean(axis=1)
        return np.sign(gap) * np.maximum(np.abs(gap) - 6 * spread - 0.01, 0)

    if (too_far(plain, again[0]) > 0).any():
        raise Wrong(
            "'plain' is better than a re-run finds possible: accuracies must come from the held-out test images"
        )
    if too_far(plain, again[0]).any():
        raise Wrong("'plain' is worse than a re-run: check the penalty, the constant column, and the targets ±1")
    if (too_far(augmented, again[1]) > 0).any():
        raise Wrong(
            "'augmented' is better than a re-run finds possible: did the generator see labels beyond the budget?"
        )
    if too_far(augmented, again[1]).any():
        raise Wrong("'augmented' is worse than a re-run: check the generator (add one to both counts) and the labels")
    other = again[1] - again[0]
    sure = np.abs(other.mean(axis=1)) > 4 * other.std(axis=1, ddof=1) / math.sqrt(n_repeats) + 0.01
    if (np.sign(difference) != np.sign(other.mean(axis=1)))[sure].any():
        raise Wrong("a re-run finds the opposite sign where it is sure of it")


EXERCISES = (
    Exercise(
        name="posterior_pixels",
        title="Fill in a picture",
        prompt=r"""Given a law over the 16 images of $2 \times 2$ pixels (shape (16,), in the order 0000, 0001, …, 1111)
and a list of four observations, each 0, 1 or `None` where the pixel is missing, return the
probability that each pixel is 1 given what was observed, an array of shape (4,). Where the observed
pixels never happen under the law, return four times `nan`.""",
        stub='''def posterior_pixels(law, observed):
    """P(pixel = 1 | observed) for the four pixels, shape (4,); observed holds 0, 1 or None."""
    ...
''',
        inputs=_pixel_inputs,
        check=_check_pixels,
        solution=posterior_pixels,
        mistakes=(
            Mistake("not renormalised", _pixels_not_renormalised, "divide by the probability"),
            Mistake("observed pixels summed out", _pixels_observation_summed_out, "hold them fixed"),
            Mistake("impossible is zero", _pixels_impossible_is_zero, "never happens"),
        ),
        level=1,
        minutes=10,
    ),
    Exercise(
        name="logistic_weights",
        title="From naive Bayes to logistic weights",
        prompt=r"""Turn a class-Bernoulli law with two classes into the weights of a logistic regression: return
$w_1, \dots, w_d, b$ as an array of shape (d + 1,) such that $w^\top x + b$ is the log-odds of class 1
against class 0 for every binary $x$. `prior` has shape (2,);
`probabilities` has shape (2, d), row $y$ holding $p(x_j = 1 \mid y)$. The classes need not be equally
frequent.""",
        stub='''def logistic_weights(prior, probabilities):
    """Weights and bias of the log-odds of class 1 against class 0: w_1, ..., w_d, b in one array."""
    ...
''',
        inputs=_weights_inputs,
        check=_check_weights,
        solution=logistic_weights,
        mistakes=(
            Mistake("empty pixels forgotten", _weights_without_empty, "what do the pixels say that are *empty*"),
            Mistake("prior forgotten", _weights_without_prior, "not equally frequent"),
            Mistake("probabilities for odds", _weights_ratio_of_probabilities, "needs the odds"),
            Mistake("classes swapped", _weights_other_class, "the other way round"),
        ),
        level=1,
        minutes=15,
    ),
    Exercise(
        name="metropolis_transition",
        title="The Metropolis matrix",
        prompt=r"""Write the transition matrix of the Metropolis-Hastings chain, shape (n, n), row $i$ holding the law
of the next state. `weights` (n,) is the target up to a constant, all positive; `proposal` (n, n) has
rows that sum to one and need not be symmetric; where $Q_{ij} = 0$, $Q_{ji} = 0$ as well. The check
wants rows that sum to one, detailed balance with respect to the normalised weights, and no
unnecessary refusals.""",
        stub='''def metropolis_transition(weights, proposal):
    """Transition matrix of the Metropolis-Hastings chain, shape (n, n); rows sum to one."""
    ...
''',
        inputs=_transition_inputs,
        check=_check_transition,
        level=2,
        minutes=20,
        points=4,
    ),
    Exercise(
        name="slow_law",
        title="Spot the slip: known, so sampled?",
        prompt=r"""A slide says: *"Explicit models have an analytical expression, so they can be sampled by MCMC"*, and
another: *"if we know the distribution, we can generate"*. Answer with a counterexample that is known
completely. Return a dict with `"weights"`, an array of `n_states` positive numbers, the law up to a
constant, and `"steps"`. The Metropolis chain starts in state 0 and proposes the left or the right
neighbour with probability ½ each (a proposal beyond an end is refused). After ten steps its law must
still be further than 0.2 from the target in total variation; `"steps"` is the smallest number of steps
after which it is nearer than `tolerance`.""",
        stub='''def slow_law(n_states, tolerance):
    """A dict: "weights" (n_states,), and "steps", the first number of steps with TV below the tolerance."""
    ...
''',
        inputs=_slow_inputs,
        check=_check_slow,
        solution=slow_law,
        mistakes=(
            Mistake("too easy", _slow_too_easy, "too easy"),
            Mistake("accepted moves only", _slow_accepted_only, "only the accepted moves"),
            Mistake("estimated from an eigenvalue", _slow_one_over_gap, "fewer steps would do"),
        ),
        level=2,
        minutes=25,
    ),
    Exercise(
        name="augmentation_report",
        title="Mini project: does synthetic data help a classifier?",
        prompt=r"""Measure it, on binary digits. For each number of labels per class in `budgets`, repeat `n_repeats`
times: draw that many training images of each class without replacement; train a classifier on them (*plain*); fit
a class-Bernoulli generator to *the same images* (add one to the count of ones and to that of zeros),
draw `n_synthetic` images of each class from it, and train the classifier on real and synthetic images
together (*augmented*); score both on the test images. The classifier is penalised least squares:
append a constant 1 to the pixels, targets +1 for the image's class and −1 for the other nine,
$W = (A^\top A + \lambda I)^{-1} A^\top Y$ with $\lambda$ = `penalty`, and the largest score wins.
Return a dict: `"plain"` and `"augmented"`, accuracies of shape (budgets, repeats); `"difference"`, the
mean gain (augmented minus plain) for each budget; and `"standard_error"` of that mean gain. The check
runs the protocol again with other draws; it judges the protocol, not the sign of the gain.""",
        stub='''def augmentation_report(
    train_x, train_y, test_x, test_y, budgets, n_repeats, n_synthetic, penalty, seed
):
    """A dict: "plain", "augmented" (budgets, repeats); "difference", "standard_error" (budgets,)."""
    ...
''',
        inputs=_report_inputs,
        check=_check_report,
        level=3,
        minutes=60,
        points=8,
        rubric="the test images are touched by scoring only; the generator sees no label beyond the budget; a gain is "
        "called a gain only where it exceeds two standard errors; the text says why a generator fitted to the same "
        "few images can, or can't, add information.",
    ),
)

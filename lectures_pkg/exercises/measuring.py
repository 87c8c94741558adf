"""Exercises of the chapter "How good is a generator?"."""

# Solutions are shown to readers as they would write them, without types.
# mypy: disallow-untyped-defs=False

from __future__ import annotations

import itertools
import math
from functools import partial

import numpy as np
from scipy.special import logsumexp

from lectures_pkg.datasets import load_digits8
from lectures_pkg.exercises import Exercise, Mistake, Wrong, as_array, as_entries, as_number, close
from lectures_pkg.metrics import nearest_distances, parzen_log_density, precision_recall

Array = np.ndarray


# --- 1. The unbiased discrepancy, on all splits of one sample -----------------------------------------------


def mmd2_of_splits(points, splits, bandwidth):
    squared = ((points[:, None] - points[None]) ** 2).sum(axis=-1)
    kernel = np.exp(-squared / (2 * bandwidth**2))
    np.fill_diagonal(kernel, 0)  # no point is compared with itself
    found = []
    for is_x in splits:
        n, m = is_x.sum(), (~is_x).sum()
        within_x = kernel[np.ix_(is_x, is_x)].sum() / (n * (n - 1))
        within_y = kernel[np.ix_(~is_x, ~is_x)].sum() / (m * (m - 1))
        found.append(within_x + within_y - 2 * kernel[np.ix_(is_x, ~is_x)].mean())
    return np.array(found)


def _mmd2_variants(points: Array, splits: Array, bandwidth: float, slip: str) -> Array:
    squared = ((points[:, None] - points[None]) ** 2).sum(axis=-1)
    kernel = np.exp(-squared / ((1 if slip == "bandwidth" else 2) * bandwidth**2))
    if slip != "diagonal":
        np.fill_diagonal(kernel, 0)
    found = []
    for is_x in splits:
        n, m = is_x.sum(), (~is_x).sum()
        pairs = {"bandwidth": (n * (n - 1), m * (m - 1))}.get(slip, (n * n, m * m))
        within = kernel[np.ix_(is_x, is_x)].sum() / pairs[0] + kernel[np.ix_(~is_x, ~is_x)].sum() / pairs[1]
        found.append(within - 2 * kernel[np.ix_(is_x, ~is_x)].mean())
    return np.array(found)


def _check_mmd2_of_splits(answer: object, points: Array, splits: Array, bandwidth: float) -> None:
    values = as_array(answer, (len(splits),))

    def kernel(i: int, j: int) -> float:
        return math.exp(-(math.dist(points[i], points[j]) ** 2) / (2 * bandwidth**2))

    truth = []
    for is_x in splits:
        sides: tuple[list[int], ...] = tuple(np.flatnonzero(side).tolist() for side in (is_x, ~is_x))
        within = sum(float(np.mean([kernel(i, j) for i, j in itertools.permutations(side, 2)])) for side in sides)
        truth.append(within - 2 * np.mean([kernel(i, j) for i in sides[0] for j in sides[1]]))
    if close(values, truth):
        return
    if close(values, _mmd2_variants(points, splits, bandwidth, "diagonal")):
        raise Wrong(
            f"over all splits of one sample the mean is {values.mean():.3f}, not 0: each point is compared with "
            "itself. Leave the pairs i = j out, and divide by n (n - 1)"
        )
    if close(values, _mmd2_variants(points, splits, bandwidth, "n squared")):
        raise Wrong(
            "the diagonal is left out, but the divisor still counts it: there are n (n - 1) pairs, not n squared"
        )
    if close(values, _mmd2_variants(points, splits, bandwidth, "bandwidth")):
        raise Wrong("the kernel's exponent is the squared distance over 2 h^2: a 2 is missing")
    raise Wrong("the values differ from the mean over pairs within x, plus within y, minus twice the mean across")


def _all_splits(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for n, m, dim in ((3, 5, 2), (4, 4, 1)):
        splits = np.zeros((math.comb(n + m, n), n + m), dtype=bool)
        for row, chosen in zip(splits, itertools.combinations(range(n + m), n), strict=True):
            row[list(chosen)] = True
        cases.append((rng.normal(size=(n + m, dim)), splits, float(rng.uniform(0.6, 1.5))))
    return cases


# --- 2. Precision and recall --------------------------------------------------------------------------------


def coverage(real, generated, k):
    def radii(points):
        distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
        return np.sort(distances, axis=1)[:, k]  # entry 0 is the point itself

    across = np.linalg.norm(real[:, None] - generated[None], axis=-1)  # (n, m)
    return {
        "precision": (across <= radii(real)[:, None]).any(axis=0).mean(),
        "recall": (across <= radii(generated)[None, :]).any(axis=1).mean(),
    }


def _coverage_variant(real: Array, generated: Array, k: int, slip: str) -> dict:
    def radii(points: Array) -> Array:
        distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
        return np.sort(distances, axis=1)[:, k - 1 if slip == "itself" else k]

    across = np.linalg.norm(real[:, None] - generated[None], axis=-1)
    if slip == "own ball":  # is there a real point in the ball of the generated one?
        return {
            "precision": (across <= radii(generated)[None, :]).any(axis=0).mean(),
            "recall": (across <= radii(real)[:, None]).any(axis=1).mean(),
        }
    found = {
        "precision": (across <= radii(real)[:, None]).any(axis=0).mean(),
        "recall": (across <= radii(generated)[None, :]).any(axis=1).mean(),
    }
    return {"precision": found["recall"], "recall": found["precision"]} if slip == "exchanged" else found


def _check_coverage(answer: object, real: Array, generated: Array, k: int) -> None:
    from sklearn.neighbors import NearestNeighbors

    def covered(centres: Array, points: Array, n_neighbours: int) -> float:
        """Share of points in a ball around a centre that reaches to its n-th entry, itself the first."""
        radii = NearestNeighbors(n_neighbors=n_neighbours).fit(centres).kneighbors(centres)[0][:, -1]
        gaps = np.array([[math.dist(p, c) for c in centres] for p in points])
        return float((gaps <= radii + 1e-12).any(axis=1).mean())

    found = tuple(map(as_number, as_entries(answer, ("precision", "recall"))))
    truth = covered(real, generated, k + 1), covered(generated, real, k + 1)
    if close(found, truth):
        return
    if close(found, truth[::-1]):
        raise Wrong("the two are exchanged: precision asks whether a generated point lies in a ball around a real one")
    if close(found, (covered(real, generated, k), covered(generated, real, k))):
        raise Wrong("each point counts as its own nearest neighbour: the k-th neighbour is the k-th among the others")
    if close(found, tuple(_coverage_variant(real, generated, k, "own ball").values())):
        raise Wrong(
            "you look for a neighbour inside the point's own ball; the balls stand around the other sample's points"
        )
    raise Wrong("precision and recall are shares of points inside the balls of the other sample")


def _modes_kept(rng: np.random.Generator) -> list[tuple]:
    angles = 2 * np.pi * np.arange(8) / 8
    centres = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    real = centres[rng.integers(8, size=160)] + 0.2 * rng.normal(size=(160, 2))
    some = centres[rng.integers(3, size=120)] + 0.3 * rng.normal(size=(120, 2))
    return [(real, some, 3), (rng.normal(size=(30, 3)), rng.normal(0.5, 1.2, size=(45, 3)), 2)]


# --- 3. A p-value by relabelling ----------------------------------------------------------------------------


def permutation_p_value(x, y, n_permutations, seed):
    rng = np.random.default_rng(seed)
    observed, pool, n = abs(x.mean() - y.mean()), np.concatenate([x, y]), len(x)
    as_large = 1  # the observed split is one of the company
    for _ in range(n_permutations):
        shuffled = rng.permutation(pool)
        as_large += abs(shuffled[:n].mean() - shuffled[n:].mean()) >= observed - 1e-12
    return as_large / (1 + n_permutations)


def _p_value_variant(x: Array, y: Array, n_permutations: int, seed: int, slip: str) -> float:
    rng = np.random.default_rng(seed)
    pool, n = np.concatenate([x, y]), len(x)
    gap = (lambda a, b: a.mean() - b.mean()) if slip == "signed" else (lambda a, b: abs(a.mean() - b.mean()))
    observed, gaps = gap(x, y), []
    for _ in range(n_permutations):
        shuffled = rng.permutation(pool)
        gaps.append(gap(shuffled[:n], shuffled[n:]))
    found = np.array(gaps)
    if slip == "without the 1":
        return float((found >= observed - 1e-12).mean())
    if slip == "strictly larger":
        return float((1 + (found > observed + 1e-12).sum()) / (1 + n_permutations))
    if slip == "share of smaller ones":
        return float((1 + (found <= observed).sum()) / (1 + n_permutations))
    return float((1 + (found >= observed - 1e-12).sum()) / (1 + n_permutations))


def _exact_p_value(x: Array, y: Array, signed: bool = False) -> float:
    """Over all splits of the pool."""
    pool, n, gaps = np.concatenate([x, y]), len(x), []
    for chosen in itertools.combinations(range(len(pool)), n):
        is_x = np.isin(np.arange(len(pool)), chosen)
        gaps.append(pool[is_x].mean() - pool[~is_x].mean())
    observed = x.mean() - y.mean()
    if signed:
        return float(np.mean(np.array(gaps) >= observed - 1e-12))
    return float(np.mean(np.abs(gaps) >= abs(observed) - 1e-12))


def _check_permutation_p_value(answer: object, x: Array, y: Array, n_permutations: int, seed: int) -> None:
    found = as_number(answer)
    if not 0 <= found <= 1:
        raise Wrong(f"a p-value lies between 0 and 1, found {found:.3g}")
    if found == 0:
        raise Wrong(
            "a p-value of exactly 0 is a promise nobody can keep: the observed split is one of the possible ones, so "
            "count it, above and below: (1 + number of splits as large) / (1 + n_permutations)"
        )
    if len(set(np.concatenate([x, y]))) == 1 and not close(found, 1.0):
        raise Wrong(
            "all values are equal, so every split ties with the observed one, and ties count as as large: p is 1"
        )
    if len(x) > 8:  # so far apart that no random split comes near
        if not close(found, 1 / (1 + n_permutations)):
            raise Wrong(
                f"the samples are worlds apart, so p should be its smallest, 1/{1 + n_permutations}, found "
                f"{found:.3g}: count the splits at least as large as the observed one"
            )
        return
    exact = _exact_p_value(x, y)
    allowed = 5 * math.sqrt(exact * (1 - exact) / n_permutations) + 2 / n_permutations
    if abs(found - exact) <= allowed:
        return
    if min(abs(found - _exact_p_value(*pair, signed=True)) for pair in ((x, y), (y, x))) <= allowed:
        raise Wrong("that is one-sided: the statistic is the size of the difference of the means, without its sign")
    raise Wrong(f"over all splits p is {exact:.3f}, within {allowed:.3f} of it is fine, found {found:.3f}")


def _two_samples(rng: np.random.Generator) -> list[tuple]:
    cases: list[tuple] = []
    while len(cases) < 2:
        x, y = rng.normal(size=4), rng.normal(size=5)
        if 0.2 < _exact_p_value(x, y) < 0.5:
            cases.append((x, y, 1500, int(rng.integers(1000))))
    far = rng.normal(size=20), rng.normal(30, 1, size=15)
    return [(*far, 19, int(rng.integers(1000))), (np.ones(4), np.ones(5), 99, 0), *cases]


# --- 4. Spot the slip: a cell of the printed table ----------------------------------------------------------


def _check_rbm_cell(answer: object, weight: Array, visible_bias: Array, hidden_bias: Array, images: Array) -> None:
    names = ("log_partition", "nll", "standard_error", "verdict")
    log_partition, nll, standard_error, verdict = as_entries(answer, names)
    log_partition, nll, standard_error = map(as_number, (log_partition, nll, standard_error))
    # The independent route: sum over the pictures, where the other way is to sum over the hidden units.
    pictures = np.array(list(itertools.product([0.0, 1.0], repeat=len(visible_bias))))

    def log_unnormalised(v: Array, c: Array = hidden_bias) -> Array:
        return v @ visible_bias + np.logaddexp(0, v @ weight + c).sum(axis=1)

    truth = float(logsumexp(log_unnormalised(pictures)))
    losses = truth - log_unnormalised(images)
    if close(log_partition, logsumexp(log_unnormalised(images))):
        raise Wrong("that sum runs over the test images: Z runs over all states, seen or not")
    if close(log_partition, logsumexp(log_unnormalised(pictures, np.zeros_like(hidden_bias))), relative=1e-7):
        raise Wrong("the hidden units' biases are missing from the sum")
    if not close(log_partition, truth, relative=1e-7):
        raise Wrong("log_partition is not the logarithm of the sum of exp(-E(v, h)) over all states v and h")
    if close(nll, -losses.mean(), relative=1e-7):
        raise Wrong("nll has the wrong sign: it is minus the mean of log p(v), in nats per image")
    if not close(nll, losses.mean(), relative=1e-7):
        raise Wrong("nll is not log Z minus the mean of log of the unnormalised probability of the images")
    if close(standard_error, losses.std(), relative=0.02) or close(standard_error, losses.std(ddof=1), relative=0.02):
        raise Wrong(
            "that is the spread of single images; the mean's standard error is smaller by the root of their number"
        )
    if not close(standard_error, losses.std(ddof=1) / math.sqrt(len(images)), relative=0.03):
        raise Wrong("standard_error is the standard deviation over images, divided by the root of their number")
    if verdict != "contradicts":
        raise Wrong('you have just computed what the cell calls intractable: the verdict is "contradicts"')


def _small_machines(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for n_visible, n_hidden in ((12, 9), (11, 12)):
        weight = rng.normal(size=(n_visible, n_hidden))
        images = (rng.random((50, n_visible)) < rng.uniform(0.2, 0.6, n_visible)).astype(float)
        cases.append((weight, rng.normal(size=n_visible), rng.normal(size=n_hidden), images))
    return cases


# --- 5. A memoriser, and what unmasks it --------------------------------------------------------------------


def _check_memoriser(answer: object, train: Array, validation: Array, n: int, fresh: Array, test: Array) -> None:
    samples, of_samples, of_validation = as_entries(answer, ("samples", "score_samples", "score_validation"))
    made = as_array(samples, (n, train.shape[1]))
    a, b = as_array(of_samples, (n,)), as_array(of_validation, (len(validation),))
    real_precision = precision_recall(train, fresh).precision
    if not precision_recall(train, made).precision > real_precision:
        raise Wrong(
            f"your samples' precision does not exceed that of fresh real images, {real_precision:.2f}: "
            "stay inside the training images' balls"
        )
    gap = parzen_log_density(test, made, 0.4).mean() - parzen_log_density(test, fresh, 0.4).mean()
    if gap <= 0:
        raise Wrong(
            f"windows around your samples score {-gap:.2f} nats less on the test images than windows around fresh real "
            "images: windows like centres of crowds, not copies"
        )
    if nearest_distances(made, train).mean() > 0.8 * nearest_distances(fresh, train).mean():
        raise Wrong("that is no memoriser: your samples lie nearly as far from the training images as fresh ones do")
    spread = math.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    if np.ptp(a) == 0 and np.ptp(b) == 0:
        raise Wrong("the scores are constant: a metric must look at the images")
    if not abs(a.mean() - b.mean()) > 4 * spread:
        raise Wrong(
            "your scores don't separate the samples from validation images at four standard errors: compare each with "
            "its nearest training image"
        )


def _digit_splits(rng: np.random.Generator) -> list[tuple]:
    digits = load_digits8(split_seed=int(rng.integers(1000)))
    images = np.concatenate([digits.train_images, digits.test_images]).reshape(-1, 64)
    train, validation, fresh, test = np.split(images[rng.permutation(len(images))][:1500], [600, 900, 1200])
    return [(train, validation, 300, fresh, test)]


# --- 6. Mini project: a fifth family ------------------------------------------------------------------------


def fifth_family(train, validation, test, n_samples, seed):
    rng = np.random.default_rng(seed)

    def log_parts(x, weights, means):
        return np.log(weights) + x @ np.log(means).T + (1 - x) @ np.log(1 - means).T  # (n, k)

    def mixture_of_bernoullis(k):
        means = 0.25 + 0.5 * train[rng.choice(len(train), k, replace=False)]
        weights = np.full(k, 1 / k)
        for _ in range(30):  # expectation, maximisation; one pseudo-count for each pixel value
            parts = log_parts(train, weights, means)
            shares = np.exp(parts - logsumexp(parts, axis=1, keepdims=True))
            weights = (shares.sum(axis=0) + 1) / (len(train) + k)
            means = (shares.T @ train + 1) / (shares.sum(axis=0)[:, None] + 2)
        return weights, means

    fits = [mixture_of_bernoullis(k) for k in (10, 30)]
    weights, means = max(fits, key=lambda fit: logsumexp(log_parts(validation, *fit), axis=1).mean())  # not on test
    chosen = rng.choice(len(weights), n_samples, p=weights)
    samples = (rng.random((n_samples, train.shape[1])) < means[chosen]).astype(float)
    return {
        "samples": samples,
        "log_prob": logsumexp(log_parts(test, weights, means), axis=1),
        "log_prob_samples": logsumexp(log_parts(samples, weights, means), axis=1),
        "kind": "exact",
        "not_defined": {},
    }


def _shown_as_means(*arguments: object) -> dict:
    answer = fifth_family(*arguments)
    return {**answer, "samples": 0.1 + 0.8 * answer["samples"]}


def _density_of_windows(train: Array, validation: Array, test: Array, n_samples: int, seed: int) -> dict:
    answer = fifth_family(train, validation, test, n_samples, seed)
    return {
        **answer,
        "log_prob": parzen_log_density(test, train, 0.1),
        "log_prob_samples": parzen_log_density(answer["samples"], train, 0.1),
    }


def _peeked(train: Array, validation: Array, test: Array, n_samples: int, seed: int) -> dict:
    """A component for each test image: log 450 nats, and a little for the smoothing."""
    differ = np.abs(test[:, None] - test[None]).sum(axis=-1)
    log_prob = logsumexp(differ * math.log(0.02) + (64 - differ) * math.log(0.98), axis=1) - math.log(len(test))
    return {**fifth_family(train, validation, test, n_samples, seed), "log_prob": log_prob}


def _independent_pixels(train: Array, validation: Array, test: Array, n_samples: int, seed: int) -> dict:
    p = (train.sum(axis=0) + 1) / (len(train) + 2)
    samples = (np.random.default_rng(seed).random((n_samples, len(p))) < p).astype(float)

    def log_prob(x: Array) -> Array:
        return x @ np.log(p) + (1 - x) @ np.log(1 - p)

    return {
        "samples": samples,
        "log_prob": log_prob(test),
        "log_prob_samples": log_prob(samples),
        "kind": "exact",
        "not_defined": {},
    }


def _check_fifth_family(
    answer: object, train: Array, validation: Array, test: Array, n_samples: int, seed: int
) -> None:
    names = ("samples", "log_prob", "log_prob_samples", "kind", "not_defined")
    samples, log_prob, of_samples, kind, reasons = as_entries(answer, names)
    made = as_array(samples, (n_samples, test.shape[1]))
    if not np.isin(made, (0, 1)).all():
        raise Wrong("the samples are not binary: draw pixels, since shown probabilities would be another experiment")
    if kind not in ("exact", "lower bound", "not defined") or not isinstance(reasons, dict):
        raise Wrong('kind is "exact", "lower bound" or "not defined"; not_defined is a dict from row to reason')
    if kind == "not defined":
        if "log_prob" not in reasons:
            raise Wrong('a row that is not defined needs its reason: not_defined["log_prob"]')
    else:
        _check_log_probs(as_array(log_prob, (len(test),)), as_array(of_samples, (n_samples,)), train, test)
    if nearest_distances(made, train).mean() < 0.3 * nearest_distances(test, train).mean():
        raise Wrong("your samples are (nearly) all training images: that is a memory, not a family")


def _check_log_probs(log_prob: Array, of_samples: Array, train: Array, test: Array) -> None:
    if max(log_prob.max(), of_samples.max()) > 1e-9:
        raise Wrong("a log-probability of a binary image can't exceed 0: is it a density?")
    p = np.clip(train.mean(axis=0), 1e-3, 1 - 1e-3)
    floor = float(-(test * np.log(p) + (1 - test) * np.log(1 - p)).sum(axis=1).mean())
    nll = float(-log_prob.mean())
    if nll < 12:
        raise Wrong(
            f"{nll:.1f} nats on the test images is too good to be true (the chapter's best needs 16): did the test "
            "images take part in training or in a choice?"
        )
    if nll > floor - 1:
        raise Wrong(
            f"{nll:.1f} nats hardly beats independent pixels, {floor:.1f}: that's the floor of the table, not a family"
        )


def _binary_digits(rng: np.random.Generator) -> list[tuple]:
    digits = load_digits8(binary=True, split_seed=int(rng.integers(1000)))
    train, test = digits.train_images.reshape(-1, 64), digits.test_images.reshape(-1, 64)
    return [(train[:1147], train[1147:], test, 400, int(rng.integers(1000)))]


EXERCISES = (
    Exercise(
        name="mmd2_of_splits",
        title="No point compared with itself",
        prompt="""
Compute the *unbiased* squared discrepancy {eq}`def-mmd` for many splits of one sample at once. `points` has shape
(n_points, d); each row of the boolean `splits`, shape (n_splits, n_points), says which points belong to $x$, the others
belong to $y$ (the two are not always equally many); the kernel is Gaussian with the given bandwidth $h$. Return an
array of shape (n_splits,). In the test the rows are *all* splits of one sample, so the mean of your values must be 0.
""",
        stub='''def mmd2_of_splits(points, splits, bandwidth):
    """One unbiased squared discrepancy for each split, shape (n_splits,)."""
    ...''',
        inputs=_all_splits,
        check=_check_mmd2_of_splits,
        solution=mmd2_of_splits,
        mistakes=(
            Mistake("diagonal kept", partial(_mmd2_variants, slip="diagonal"), "compared with itself"),
            Mistake("n squared", partial(_mmd2_variants, slip="n squared"), "divisor still counts it"),
            Mistake("no 2 in the exponent", partial(_mmd2_variants, slip="bandwidth"), "a 2 is missing"),
        ),
        level=1,
        minutes=15,
    ),
    Exercise(
        name="coverage",
        title="Precision and recall, by hand",
        prompt="""
Write {eq}`def-precision-recall`: `real` has shape (n, d), `generated` (m, d), and each ball reaches to its centre's
`k`-th nearest neighbour among the *other* points of the same sample. Return a dict with `"precision"` and `"recall"`.
One of the tests is a generator that keeps three of eight modes: before you run it, guess both numbers.
""",
        stub='''def coverage(real, generated, k):
    """A dict: "precision" and "recall", both in [0, 1]."""
    ...''',
        inputs=_modes_kept,
        check=_check_coverage,
        solution=coverage,
        mistakes=(
            Mistake("exchanged", partial(_coverage_variant, slip="exchanged"), "two are exchanged"),
            Mistake("own neighbour", partial(_coverage_variant, slip="itself"), "its own nearest neighbour"),
            Mistake("own ball", partial(_coverage_variant, slip="own ball"), "the point's own ball"),
        ),
        level=2,
        minutes=20,
    ),
    Exercise(
        name="permutation_p_value",
        title="A p-value that keeps its promise",
        prompt="""
Is the mean of `x`, shape (n,), different from that of `y`, shape (m,)? Return the p-value of a permutation test: split
the pooled values at random `n_permutations` times (`seed` makes it repeatable), with the size of the difference of the
two means as the statistic. Ties count as as large, and the observed split counts among the others, as in
{eq}`permutation-level`.
""",
        stub='''def permutation_p_value(x, y, n_permutations, seed):
    """A number in (0, 1]."""
    ...''',
        inputs=_two_samples,
        check=_check_permutation_p_value,
        solution=permutation_p_value,
        mistakes=(
            Mistake("without the 1", partial(_p_value_variant, slip="without the 1"), "a promise nobody can keep"),
            Mistake("ties lost", partial(_p_value_variant, slip="strictly larger"), "every split ties"),
            Mistake(
                "the other tail",
                partial(_p_value_variant, slip="share of smaller ones"),
                "the samples are worlds apart",
            ),
            Mistake(
                "signed",
                lambda x, y, n, seed: _p_value_variant(*((x, y) if x.mean() > y.mean() else (y, x)), n, seed, "signed"),
                "that is one-sided",
            ),
        ),
        level=2,
        minutes=20,
    ),
    Exercise(
        name="rbm_cell",
        title="Spot the slip: one cell of the printed table",
        prompt="""
A widely printed table of the four families says, in the row "compute P(X)", that for the RBM it is *intractable*.
Produce the number that settles it for the machine you are given: `weight` (n_visible, n_hidden), `visible_bias`,
`hidden_bias`, energy $E(v,h)=-b^\\top v-c^\\top h-v^\\top Wh$, at most 12 units in either layer; `images` are
binary, shape (n, n_visible). Return a dict: `"log_partition"`, the logarithm of $Z=\\sum_{v,h}e^{-E(v,h)}$; `"nll"`,
the mean of $-\\log p(v)$ over the images, in nats; its `"standard_error"`; and a `"verdict"` on the cell, `"supports"`
or `"contradicts"`. Then choose *another* cell of the table and do the same for it in a page of text: number, standard
error, which data, what it cost, and the caveat.
""",
        stub='''def rbm_cell(weight, visible_bias, hidden_bias, images):
    """A dict: "log_partition", "nll", "standard_error" (nats), and "verdict"."""
    ...''',
        inputs=_small_machines,
        check=_check_rbm_cell,
        level=2,
        minutes=60,
        points=12,
        rubric="""
For the second cell: a number with its standard error or its spread over seeds; the split on which every choice was made
and the one on which the number was measured; the cost in seconds; one sentence on the data and sizes for which it
holds; a verdict that does not claim more.
""",
    ),
    Exercise(
        name="memoriser",
        title="Beat the real images, then unmask yourself",
        prompt="""
You are given grey digits as rows of 64 numbers: `train` (600, 64), `validation` (300, 64), and, so that you can
compete, `fresh` and `test` (300 each). Build `n` "samples" from `train` *alone* that beat `fresh`, real images nobody
has trained on, on two measures: the precision against `train` ($k=3$), and the mean Parzen score of `test` under
windows of bandwidth 0.4 around the samples. On average they must lie at most 0.8 times as far from their nearest
training image as `fresh` does. Then design a score, one number for each image, that unmasks you: its means
over your samples and over `validation` must differ by more than four standard errors. Return a dict: `"samples"`
(n, 64), `"score_samples"` (n,), `"score_validation"` (300,).
""",
        stub='''def memoriser(train, validation, n, fresh, test):
    """A dict: "samples" (n, 64), "score_samples" (n,), "score_validation" (len(validation),)."""
    ...''',
        inputs=_digit_splits,
        check=_check_memoriser,
        level=3,
        minutes=60,
        points=14,
        rubric="""
Samples made from the training images alone; a sentence on why the windows prefer them to real images; a score that a
generator with good samples would pass; what the score does for a generator that invents junk.
""",
    ),
    Exercise(
        name="fifth_family",
        title="Mini project: a fifth family for the table",
        prompt="""
Fill a column of the table for a family of your own: a mixture of Bernoullis, a tree, a flow, a diffusion… You get
binary digits as rows of 64: `train` (1147, 64), `validation` (200, 64) for *every* choice, and `test` (450, 64), for
the final number only. Return a dict: `"samples"` (n_samples, 64), binary; `"log_prob"` (450,) of the test images and
`"log_prob_samples"` (n_samples,) of your own samples, in nats; `"kind"`: `"exact"`, `"lower bound"` or
`"not defined"` (then both may be None); and `"not_defined"`, a dict from the name of each row without a number to the
reason (a family without a likelihood gives it under `"log_prob"`).
""",
        stub='''def fifth_family(train, validation, test, n_samples, seed):
    """A dict: "samples", "log_prob", "log_prob_samples", "kind", "not_defined"."""
    ...''',
        inputs=_binary_digits,
        check=_check_fifth_family,
        solution=fifth_family,
        mistakes=(
            Mistake("probabilities shown", _shown_as_means, "not binary"),
            Mistake("a density", _density_of_windows, "is it a density"),
            Mistake("peeked", _peeked, "too good to be true"),
            Mistake("independent pixels", _independent_pixels, "the floor of the table"),
        ),
        level=3,
        minutes=120,
        rubric="""
The chapter's protocol to the letter: validation for choices, three seeds with their spread, cost in seconds, bounds
marked as bounds; every row of the table filled, or marked "not defined" with the reason; the first fifty samples shown,
not the best fifty.
""",
    ),
)

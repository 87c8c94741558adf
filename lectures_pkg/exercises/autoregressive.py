"""Exercises of the chapter "Pixels as a sentence: autoregressive image models"."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from scipy import optimize

from lectures_pkg.autoregressive import MADE, enumerate_law, hidden_degrees, positions
from lectures_pkg.exercises import Exercise, Mistake, Wrong, as_array, as_entries, as_number, close
from lectures_pkg.worlds import binary_images


def _law(rng: np.random.Generator, n_pixels: int) -> np.ndarray:
    return rng.dirichlet(np.full(2**n_pixels, 0.7))


def _no_involution(rng: np.random.Generator, n: int) -> np.ndarray:
    """A random order that differs from its own inverse, so that the two can be told apart."""
    while True:
        order = rng.permutation(n)
        if not np.array_equal(order, np.argsort(order)):
            return order


_OTHER_COUNTING = (
    "the right probabilities at the wrong places: in counting order the last pixel changes fastest, 00, 01, 10, 11"
)


# --- 1. Masks ---------------------------------------------------------------------------------------------


def _masks_inputs(rng: np.random.Generator) -> list[tuple]:
    return [
        (_no_involution(rng, 5), 8),
        (np.arange(5), 8),
        (_no_involution(rng, int(rng.integers(6, 10))), 20),
        (np.array([1, 0]), 4),  # two pixels: one degree is all there is
        (_no_involution(rng, 4), 1),  # one hidden unit
    ]


def _check_build_masks(answer: object, order: np.ndarray, n_hidden: int) -> None:
    n = len(order)
    degrees, into, out = as_entries(answer, ("degrees", "input", "output"))
    degrees = as_array(degrees, (n_hidden,))
    into, out = as_array(into, (n_hidden, n)), as_array(out, (n, n_hidden))
    if not np.isin(np.concatenate([into.ravel(), out.ravel()]), (0, 1)).all():
        raise Wrong("a mask holds zeros and ones only")
    if degrees.max() >= n:
        raise Wrong(
            f"a unit of degree {n} sees all {n} pixels, so no pixel may listen to it: degrees run from 1 to {n - 1}"
        )
    if degrees.min() < 1:
        raise Wrong("a unit of degree 0 sees no pixel at all: it is a constant, which the biases provide already")
    if not np.array_equal(degrees, np.round(degrees)):
        raise Wrong("a degree is a number of pixels, an integer")
    if n_hidden >= n - 1 and len(set(degrees.tolist())) < n - 1:
        raise Wrong("some degree between 1 and D - 1 has no unit: spread the degrees over all of them")
    when, confused = positions(order), order + 1
    expected_into, expected_out = degrees[:, None] >= when, when[:, None] > degrees
    if np.array_equal(into, expected_into) and np.array_equal(out, expected_out):
        return
    if np.array_equal(into, degrees[:, None] >= confused) and np.array_equal(out, confused[:, None] > degrees):
        raise Wrong("your masks fit the inverse of the order: order[t] is a pixel, and the masks need a position")
    if np.array_equal(out, when[:, None] >= degrees):
        raise Wrong("the output's mask lets a pixel see itself: a unit of degree m has read pixel number m already")
    paths = out @ into
    in_order = paths[np.ix_(order, order)]
    if np.triu(in_order).any():
        raise Wrong("there is a path from a pixel to its own logit, or to an earlier one: multiply your masks and look")
    if np.array_equal(into, degrees[:, None] > when):
        raise Wrong("safe, but blinder than need be: a unit of degree m may read pixel number m as well")
    raise Wrong("the masks are safe, but they leave out connections that the degrees allow")


# --- 2. Total mass in any order ---------------------------------------------------------------------------


def made_law(
    order: np.ndarray, degrees: np.ndarray, v: np.ndarray, b: np.ndarray, w: np.ndarray, c: np.ndarray
) -> np.ndarray:
    n = len(order)
    position = np.argsort(order) + 1  # the inverse permutation: when is each pixel generated?
    mask_in = degrees[:, None] >= position[None, :]
    mask_out = position[:, None] > degrees[None, :]
    images = np.array(np.meshgrid(*[[0, 1]] * n, indexing="ij")).reshape(n, -1).T
    hidden = np.maximum(images @ (v * mask_in).T + b, 0)
    logits = hidden @ (w * mask_out).T + c
    return np.exp(-np.logaddexp(0, (1 - 2 * images) * logits).sum(axis=1))


def _law_with(position: np.ndarray, strict: bool, *weights: np.ndarray) -> np.ndarray:
    degrees, v, b, w, c = weights
    images = binary_images(len(c))
    out = position[:, None] > degrees if strict else position[:, None] >= degrees
    logits = np.maximum(images @ (v * (degrees[:, None] >= position)).T + b, 0) @ (w * out).T + c
    terms = -np.logaddexp(0, (1 - 2 * images) * logits)
    return np.exp(terms.sum(axis=1))


def _inverse_confused(order: np.ndarray, *weights: np.ndarray) -> np.ndarray:
    return _law_with(order + 1, True, *weights)


def _order_ignored(order: np.ndarray, *weights: np.ndarray) -> np.ndarray:
    return _law_with(np.arange(len(order)) + 1, True, *weights)


def _leaking(order: np.ndarray, *weights: np.ndarray) -> np.ndarray:
    return _law_with(np.argsort(order) + 1, False, *weights)


def _made_law_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for n, n_hidden in ((4, 9), (10, 24), (6, 12)):
        degrees = hidden_degrees(n_hidden, n).numpy()
        v, w = 1.5 * rng.standard_normal((n_hidden, n)), 1.5 * rng.standard_normal((n, n_hidden))
        b, c = rng.standard_normal(n_hidden), rng.standard_normal(n)
        cases.append((_no_involution(rng, n), degrees, v, b, w, c))
    return cases


def _check_made_law(answer: object, order: np.ndarray, *weights: np.ndarray) -> None:
    degrees, v, b, w, c = weights
    n = len(order)
    found = as_array(answer, (2**n,))
    model = MADE(n, len(b), order, direct=False).double()
    model.degrees = [torch.from_numpy(degrees)]
    for layer, weight, bias in zip(model.layers, (v, w), (b, c), strict=True):
        layer.weight.data, layer.bias.data = torch.from_numpy(weight), torch.from_numpy(bias)
    expected = enumerate_law(lambda x: model.log_prob(x.double()), n)
    if close(found, expected, 1e-6):
        return
    if (found < 0).any():
        raise Wrong("a probability is not negative: are these log-probabilities, not yet exponentiated?")
    if abs(found.sum() - 1) > 1e-6:
        raise Wrong(
            f"the probabilities sum to {found.sum():.4g}: either a pixel sees itself through the masks, or the "
            f"log-probabilities of the pixels were not added up"
        )
    if close(found, _inverse_confused(order, *weights), 1e-6):
        raise Wrong(
            "they sum to one, but it is another law: order[t] is the pixel at time t, the masks ask for the time "
            "of a pixel, and that is the inverse permutation"
        )
    if close(found, _order_ignored(order, *weights), 1e-6):
        raise Wrong("they sum to one, but you used the order 0, 1, 2, …, not the one that is given")
    if close(np.sort(found), np.sort(expected), 1e-6):
        raise Wrong(_OTHER_COUNTING)
    raise Wrong("they sum to one, but these are not the probabilities of the network that is given, in counting order")


# --- 3. The best logistic conditionals --------------------------------------------------------------------


def best_fvsbn(law: np.ndarray) -> float:
    images = np.array(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij")).reshape(3, -1).T
    total: float = 0.0
    for t in range(3):  # each pixel is a logistic regression of its own, so each is fitted by itself
        features = np.column_stack([np.ones(8), images[:, :t]])
        weights = np.zeros(t + 1)
        for _ in range(50):  # Newton's method on a convex function
            p = 1 / (1 + np.exp(-features @ weights))
            gradient = features.T @ (law * (p - images[:, t]))
            hessian = (features * (law * p * (1 - p))[:, None]).T @ features
            weights -= np.linalg.solve(hessian + 1e-12 * np.eye(t + 1), gradient)
        logits = features @ weights
        total += float(law @ np.logaddexp(0, (1 - 2 * images[:, t]) * logits))
    return total


def _its_entropy(law: np.ndarray) -> float:
    seen = law[law > 0]
    return float(-(seen * np.log(seen)).sum())


def _as_independent(law: np.ndarray) -> float:
    ink = law @ binary_images(3)
    return float(-(ink * np.log(ink) + (1 - ink) * np.log(1 - ink)).sum())  # right for parity, and for parity only


def _always_three_log_two(law: np.ndarray) -> float:
    return 3 * np.log(2)


def _fvsbn_inputs(rng: np.random.Generator) -> list[tuple]:
    parity = binary_images(3).sum(axis=1) % 2
    noise = float(rng.uniform(0.05, 0.15))
    smooth = 0.9 * _law(rng, 3) + 0.1 / 8
    lopsided = np.where(parity == 0, np.array([0.55, 0, 0, 0.2, 0, 0.15, 0.1, 0]), 0)
    return [
        (np.where(parity == 0, 0.25, 0.0),),
        (np.where(parity == 1, 0.25, 0.0),),
        (np.where(parity == 0, (1 - noise) / 4, noise / 4),),
        (0.9 * lopsided + 0.1 / 8,),
        (smooth,),
    ]


def _fvsbn_optimum(law: np.ndarray) -> float:
    """By quasi-Newton from several starts, all six numbers at once."""
    images = binary_images(3)

    def loss(theta: np.ndarray) -> float:
        logits = np.stack(
            [
                np.full(8, theta[0]),
                theta[1] + theta[2] * images[:, 0],
                theta[3] + images[:, :2] @ theta[4:],
            ],
            axis=1,
        )
        return float(law @ np.logaddexp(0, (1 - 2 * images) * logits).sum(axis=1))

    return min(optimize.minimize(loss, start).fun for start in (np.zeros(6), np.ones(6), -np.ones(6)))


def _check_best_fvsbn(answer: object, law: np.ndarray) -> None:
    found, expected = as_number(answer), _fvsbn_optimum(law)
    if close(found, expected, 0, 1e-4):
        return
    if close(found, _its_entropy(law), 0, 1e-4):
        raise Wrong(
            "that is the entropy: the best of all laws reaches it, a logistic regression in general does not "
            "(no weights on x1 and x2 give the exclusive or)"
        )
    if close(found, _as_independent(law), 0, 1e-4):
        raise Wrong("that is what independent pixels pay: a later pixel may use the earlier ones")
    if close(found * np.log(2), expected, 0, 1e-4):
        raise Wrong("that is in bits: nats take the natural logarithm")
    if close(found, 3 * np.log(2), 0, 1e-4):
        raise Wrong("3 log 2 is the answer for parity; other laws leave the logistic regressions something to learn")
    if found < expected:
        raise Wrong("no FVSBN can pay so little: is the expectation taken under the law that is given?")
    raise Wrong(
        "some weights do better than that: each pixel's fit is convex, so follow the gradient until it vanishes"
    )


# --- 4. Spot the slip: "autoregressive models assume nothing" ----------------------------------------------


def _entropy_of_rows(rows: np.ndarray) -> float:
    _, counts = np.unique(rows, axis=0, return_counts=True)
    share = counts / counts.sum()
    return float(-(share * np.log(share)).sum())


def _chain_nll(images: np.ndarray, order: np.ndarray) -> float:
    """Entropy of the first pixel, and of each next one given the one before."""
    total = _entropy_of_rows(images[:, [order[0]]])
    for before, now in itertools.pairwise(order):
        total += _entropy_of_rows(images[:, [before, now]]) - _entropy_of_rows(images[:, [before]])
    return total


def _orders_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for n, n_images in ((4, 60), (5, 200), (5, 8)):
        kinds = (rng.random((3, n)) < 0.5).astype(int)
        while len({tuple(kind) for kind in kinds}) < 3:
            kinds = (rng.random((3, n)) < 0.5).astype(int)
        images = kinds[rng.choice(3, size=n_images, p=[0.5, 0.3, 0.2])]
        flips = rng.random(images.shape) < (0.1 if n_images > 8 else 0)
        images = np.where(flips, 1 - images, images)
        orders = np.stack([_no_involution(rng, n) for _ in range(5)])
        cases.append((images, orders))
    return cases


def orders_and_family(images: np.ndarray, orders: np.ndarray) -> dict:
    def entropy_of(columns: list | np.ndarray) -> float:
        _, counts = np.unique(images[:, columns], axis=0, return_counts=True)
        share = counts / counts.sum()
        return -np.sum(share * np.log(share))  # only patterns that occur: no 0 log 0

    table, chain = [], []
    for order in orders:
        # p(x_t | all earlier) as relative counts: H(earlier and x_t) - H(earlier), pixel by pixel.
        nll = entropy_of([order[0]])
        for t in range(1, len(order)):
            nll += entropy_of(order[: t + 1]) - entropy_of(order[:t])
        table.append(nll)
        # p(x_t | the pixel generated just before): the same, with one pixel of context.
        nll = entropy_of([order[0]])
        for t in range(1, len(order)):
            nll += entropy_of(order[t - 1 : t + 1]) - entropy_of(order[t - 1 : t])
        chain.append(nll)
    return {"table": np.array(table), "chain": np.array(chain), "spread": max(chain) - min(chain)}


def _orders_as_positions(images: np.ndarray, orders: np.ndarray) -> dict:
    return orders_and_family(images, np.argsort(orders, axis=1))


def _spread_of_the_table(images: np.ndarray, orders: np.ndarray) -> dict:
    answer = orders_and_family(images, orders)
    return {**answer, "spread": float(np.ptp(answer["table"]))}


def _always_rows(images: np.ndarray, orders: np.ndarray) -> dict:
    return orders_and_family(images, np.tile(np.arange(images.shape[1]), (len(orders), 1)))


def _smoothed_table(images: np.ndarray, orders: np.ndarray) -> dict:
    answer = orders_and_family(images, orders)
    codes = images @ (2 ** np.arange(images.shape[1]))
    counts = np.bincount(codes, minlength=2 ** images.shape[1]) + 1.0
    return {**answer, "table": np.full(len(orders), -np.log(counts / counts.sum())[codes].mean())}


def _check_orders_and_family(answer: object, images: np.ndarray, orders: np.ndarray) -> None:
    table, chain, spread = as_entries(answer, ("table", "chain", "spread"))
    table, chain = as_array(table, (len(orders),)), as_array(chain, (len(orders),))
    if not np.isfinite(np.r_[table, chain]).all():
        raise Wrong("a number is not finite: patterns that never occur contribute nothing, 0 log 0 = 0")
    if np.ptp(table) > 1e-9:
        raise Wrong(
            "with full tables every order must pay the same, because the joint has no order: condition on all "
            "earlier pixels"
        )
    if not close(table, _entropy_of_rows(images), 1e-8):
        raise Wrong(
            "full tables of relative counts pay the entropy of the images themselves, in nats per image: no smoothing, "
            "no table less, natural logarithms"
        )
    expected = np.array([_chain_nll(images, order) for order in orders])
    if not close(chain, expected, 1e-8):
        if close(chain, [_chain_nll(images, np.argsort(order)) for order in orders], 1e-8):
            raise Wrong("these are the inverse orders' numbers: orders[k][t] is the pixel that comes t-th")
        if np.ptp(chain) < 1e-9:
            raise Wrong("the short-sighted family should not pay the same in each order: use the orders that are given")
        raise Wrong("chain: the first pixel by itself, then each pixel given the one generated just before it")
    found = as_number(spread)
    if not close(found, np.ptp(expected), 1e-8, 1e-10):
        if abs(found) < 1e-9:
            raise Wrong("that is the spread of the tables, which is zero; it is the chain that depends on the order")
        raise Wrong("spread is the largest minus the smallest NLL of the chain over the orders, in nats")


# --- 5. In-painting ---------------------------------------------------------------------------------------


def _inpainting_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for n, known in ((10, range(5)), (10, range(5, 10)), (6, (0, 3, 4)), (8, ()), (5, range(5))):
        weight = np.tril(2.5 * rng.standard_normal((n, n)), k=-1)
        # Strong weights between the halves, so that the late pixels say much about the early ones.
        bias = rng.standard_normal(n)
        mask = np.isin(np.arange(n), list(known))
        cases.append((weight, bias, rng.integers(2, size=n), mask))
    return cases


def _fvsbn_terms(weight: np.ndarray, bias: np.ndarray, images: np.ndarray) -> np.ndarray:
    return -np.logaddexp(0, (1 - 2 * images) * (images @ weight.T + bias))


def _candidates(x: np.ndarray, known: np.ndarray) -> np.ndarray:
    fillings = binary_images(int((~known).sum()))
    images = np.tile(x, (len(fillings), 1))
    images[:, ~known] = fillings
    return images


def _check_inpaint(answer: object, weight: np.ndarray, bias: np.ndarray, x: np.ndarray, known: np.ndarray) -> None:
    n_unknown = int((~known).sum())
    found = as_array(answer, (2**n_unknown,))
    images = _candidates(x, known)
    terms = _fvsbn_terms(weight, bias, images)
    joint = np.exp(terms.sum(axis=1))
    if close(found, joint / joint.sum(), 1e-8):
        return
    if close(found, joint, 1e-8):
        raise Wrong("these are joint probabilities: divide by the probability of the known pixels, their sum")
    if close(found, np.exp(terms[:, ~known].sum(axis=1)), 1e-8):
        raise Wrong(
            "clamping known pixels that come later does not condition on them: each filling must also be weighted "
            "by how well it explains the known pixels after it"
        )
    if close(np.sort(found), np.sort(joint / joint.sum()), 1e-8):
        raise Wrong(_OTHER_COUNTING)
    if abs(found.sum() - 1) < 1e-8:
        raise Wrong(
            "the fillings' probabilities sum to one but are not the conditional law: one pass gives p(x_i | the "
            "pixels before i), and the unknown pixels are not independent of each other"
        )
    raise Wrong("the probabilities of all fillings must sum to one, and stand in counting order of the unknown pixels")


# --- 6. NADE ----------------------------------------------------------------------------------------------


def nade(x: np.ndarray, w: np.ndarray, c: np.ndarray, v: np.ndarray, b: np.ndarray) -> dict:
    n, n_hidden = v.shape
    log_prob = np.zeros(len(x))
    before = np.tile(c, (len(x), 1))  # what the hidden units have read so far, (batch, n_hidden)
    for t in range(n):
        hidden = 1 / (1 + np.exp(-before))
        logit = hidden @ v[t] + b[t]
        log_prob -= np.logaddexp(0, (1 - 2 * x[:, t]) * logit)
        before = before + x[:, t : t + 1] * w[:, t]  # the next pixel's hidden units have read one more
    n_parameters = 2 * n * n_hidden + n_hidden + n
    # A MADE with one hidden layer keeps n weights and one bias per hidden unit, and has n output biases.
    return {"log_prob": log_prob, "n_parameters": n_parameters, "made_hidden": round((n_parameters - n) / (n + 1))}


def _nade_leak(x: np.ndarray, w: np.ndarray, c: np.ndarray, v: np.ndarray, b: np.ndarray) -> dict:
    answer, log_prob, before = nade(x, w, c, v, b), np.zeros(len(x)), np.tile(c, (len(x), 1))
    for t in range(len(v)):
        before = before + x[:, t : t + 1] * w[:, t]
        log_prob -= np.logaddexp(0, (1 - 2 * x[:, t]) * (1 / (1 + np.exp(-before)) @ v[t] + b[t]))
    return {**answer, "log_prob": log_prob}


def _nade_last_pixel_only(x: np.ndarray, w: np.ndarray, c: np.ndarray, v: np.ndarray, b: np.ndarray) -> dict:
    answer, log_prob = nade(x, w, c, v, b), np.zeros(len(x))
    for t in range(len(v)):
        read = c + (x[:, t - 1 : t] * w[:, t - 1] if t else np.zeros((len(x), len(c))))
        log_prob -= np.logaddexp(0, (1 - 2 * x[:, t]) * (1 / (1 + np.exp(-read)) @ v[t] + b[t]))
    return {**answer, "log_prob": log_prob}


def _nade_counts_masked_weights(x: np.ndarray, w: np.ndarray, c: np.ndarray, v: np.ndarray, b: np.ndarray) -> dict:
    return {**nade(x, w, c, v, b), "made_hidden": len(c)}


def _nade_per_pixel(x: np.ndarray, w: np.ndarray, c: np.ndarray, v: np.ndarray, b: np.ndarray) -> dict:
    answer = nade(x, w, c, v, b)
    return {**answer, "log_prob": answer["log_prob"] / x.shape[1]}


def _nade_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for n, n_hidden in ((5, 7), (9, 4), (3, 16)):
        w, v = 1.5 * rng.standard_normal((n_hidden, n)), 1.5 * rng.standard_normal((n, n_hidden))
        x = binary_images(n) if n < 6 else rng.integers(2, size=(40, n))
        cases.append((x, w, rng.standard_normal(n_hidden), v, rng.standard_normal(n)))
    return cases


def _nade_logits(x: np.ndarray, w: np.ndarray, c: np.ndarray, v: np.ndarray, b: np.ndarray) -> np.ndarray:
    """By one masked product for each pixel, without the running sum."""
    logits = np.empty(x.shape)
    for t in range(x.shape[1]):
        earlier = x * (np.arange(x.shape[1]) < t)
        logits[:, t] = (0.5 + 0.5 * np.tanh((earlier @ w.T + c) / 2)) @ v[t] + b[t]
    return logits


def _check_nade(answer: object, x: np.ndarray, w: np.ndarray, c: np.ndarray, v: np.ndarray, b: np.ndarray) -> None:
    log_prob, n_parameters, made_hidden = as_entries(answer, ("log_prob", "n_parameters", "made_hidden"))
    found = as_array(log_prob, (len(x),))
    n, n_hidden = v.shape
    expected = -np.logaddexp(0, (1 - 2 * x) * _nade_logits(x, w, c, v, b)).sum(axis=1)
    if not close(found, expected):
        if close(found, _nade_leak(x, w, c, v, b)["log_prob"]):
            raise Wrong("pixel t has been read before it is predicted: update the hidden units after, not before")
        if close(-found, expected):
            raise Wrong("log_prob is the log-probability, never above zero: larger is better, so no minus sign")
        if close(found * n, expected):
            raise Wrong("that is the mean over pixels; the log-probability of an image is the sum")
        if close(found, _nade_last_pixel_only(x, w, c, v, b)["log_prob"]):
            raise Wrong("the hidden units have forgotten all but the last pixel: their input is a running sum")
        raise Wrong("log_prob is not the sum over pixels of log p(x_t | earlier pixels), in nats, one number per image")
    if as_number(n_parameters) != w.size + c.size + v.size + b.size:
        raise Wrong("n_parameters counts every entry of w, c, v and b once")
    # Count the weights that masks keep, unit by unit, for the candidate and its neighbours.
    hidden = as_number(made_hidden)
    distance = {h: abs(h * (n + 1) + n - n_parameters) for h in range(1, 4 * n_hidden + 4)}
    if hidden not in distance or distance[int(hidden)] > min(distance.values()):
        raise Wrong(
            "made_hidden: a hidden unit of degree m keeps m incoming and D - m outgoing weights, D in all, and a "
            "bias; the other half of its weights is masked and does not count"
        )


_MASKS_STUB = '''\
def build_masks(order, n_hidden):
    """Degrees and masks of a MADE with one hidden layer."""
    ...'''

EXERCISES = (
    Exercise(
        name="build_masks",
        title="Build the masks",
        prompt=r"""
Given `order` (an array: `order[t]` is the pixel generated t-th) and the number of hidden units $H$, return a
dictionary with three arrays: `degrees` of shape $(H,)$, integers spread over all of $1, \dots, D - 1$ (as far as $H$
allows); `input` of shape $(H, D)$ and `output` of shape $(D, H)$, the two masks of zeros and ones. Keep every
connection that the degrees allow. Try it by hand first for $D = 5$, $H = 8$. The check multiplies your masks and looks
for forbidden paths; it also tries $D = 2$, a single hidden unit, and orders that are not their own inverse.""",
        stub=_MASKS_STUB,
        inputs=_masks_inputs,
        check=_check_build_masks,
        level=1,
        minutes=15,
        points=3,
    ),
    Exercise(
        name="made_law",
        title="It sums to one in every order",
        prompt=r"""
A MADE with one hidden layer of ReLU units has degrees `degrees` $(H,)$, input weights `v` $(H, D)$ with biases `b`
$(H,)$, and output weights `w` $(D, H)$ with biases `c` $(D,)$. Mask it for the given `order`, and return the
probabilities of all $2^D$ images in counting order (`00…0`, `00…1`, …), an array of shape $(2^D,)$. Sum them up
yourself: one, for each order. But it is not the same law for each order.""",
        stub='''\
def made_law(order, degrees, v, b, w, c):
    """Probability of every binary image, in counting order."""
    ...''',
        inputs=_made_law_inputs,
        check=_check_made_law,
        solution=made_law,
        mistakes=(
            Mistake("order and its inverse confused", _inverse_confused, "the masks ask for the time"),
            Mistake("order ignored", _order_ignored, "you used the order 0, 1, 2"),
            Mistake("leaking mask", _leaking, "the probabilities sum to"),
        ),
        level=2,
        minutes=25,
    ),
    Exercise(
        name="best_fvsbn",
        title="What logistic conditionals can't say",
        prompt=r"""
`law` has the probabilities of the eight images of three pixels, in counting order. Return the smallest expected
negative log-likelihood, in nats, that an FVSBN in the order 0, 1, 2 can reach on it: a bias for the first pixel, a
logistic regression on one pixel for the second, on two pixels for the third. Right to 1e-4. One of the laws is
parity: uniform over the four images with an even number of ink pixels.""",
        stub='''\
def best_fvsbn(law):
    """Smallest expected NLL of an FVSBN, in nats per image."""
    ...''',
        inputs=_fvsbn_inputs,
        check=_check_best_fvsbn,
        solution=best_fvsbn,
        mistakes=(
            Mistake("the entropy", _its_entropy, "that is the entropy"),
            Mistake("independent pixels", _as_independent, "what independent pixels pay"),
            Mistake("always 3 log 2", _always_three_log_two, "3 log 2 is the answer for parity"),
        ),
        level=2,
        minutes=25,
    ),
    Exercise(
        name="orders_and_family",
        title="Spot the slip: “autoregressive models make no assumptions”",
        prompt=r"""
A slide's table says under *assumptions*: “autoregressive: none”. Produce the numbers that refute it. `images` is an
array $(n, D)$ of zeros and ones, `orders` an array $(5, D)$ of five orders. Fit two families to the images by relative
counts, in each order, and return their mean negative log-likelihoods of the same images, in nats per image:
`table`, an array of 5, where each pixel has a full table given *all* earlier pixels; `chain`, an array of 5, where
each pixel depends only on the pixel generated just before it; and `spread`, the largest minus the smallest of
`chain`. Which of the two assumptions, the order or the family, does each number show?""",
        stub='''\
def orders_and_family(images, orders):
    """NLL of full tables and of one-pixel chains in each order, and the spread of the latter."""
    ...''',
        inputs=_orders_inputs,
        check=_check_orders_and_family,
        solution=orders_and_family,
        mistakes=(
            Mistake("orders read as positions", _orders_as_positions, "inverse orders' numbers"),
            Mistake("spread of the wrong family", _spread_of_the_table, "spread of the tables"),
            Mistake("one order five times", _always_rows, "should not pay the same in each order"),
            Mistake("smoothed table", _smoothed_table, "no smoothing"),
        ),
        level=2,
        minutes=30,
    ),
    Exercise(
        name="inpaint",
        title="In-painting, forwards and backwards",
        prompt=r"""
An FVSBN in raster order has `weight` $(D, D)$, zero on and above the diagonal, and `bias` $(D,)$: pixel $i$ has logit
`bias[i] + weight[i] @ x`. Of an image `x` $(D,)$ the pixels where the boolean array `known` is True are given. Return
the exact conditional law of the others, an array of shape $(2^U,)$ for $U$ unknown pixels, fillings in counting order
(what `x` holds at unknown pixels means nothing). In one of the cases the first half is known, in another the last:
your function must be right for both. With $U = 32$ the sum over fillings has four thousand million terms: for
a known *first* half one would sample on, for a known *last* half one needs a Markov chain. Find out where the easy
way fails.""",
        stub='''\
def inpaint(weight, bias, x, known):
    """Exact conditional law of the unknown pixels given the known ones."""
    ...''',
        inputs=_inpainting_inputs,
        check=_check_inpaint,
        level=3,
        minutes=40,
        points=5,
    ),
    Exercise(
        name="nade",
        title="Mini project: NADE against MADE at equal size",
        prompt=r"""
NADE shares weights instead of masking them: hidden units for pixel $t$ have read the pixels before it,
$h_t = \sigma\bigl(c + \sum_{s<t} W_{\cdot s}\, x_s\bigr)$, and $a_t = V_t \cdot h_t + b_t$. Given images `x` $(n, D)$,
`w` $(H, D)$, `c` $(H,)$, `v` $(D, H)$ and `b` $(D,)$, return a dictionary: `log_prob`, an array $(n,)$ in nats, in time
proportional to $D H$ (a running sum!); `n_parameters`; and `made_hidden`, the number of hidden units of a MADE with one
hidden layer and no direct connections whose number of *kept* weights and biases comes nearest to it. Then train both on
the digits of this chapter and compare.""",
        stub='''\
def nade(x, w, c, v, b):
    """Log-likelihood of a NADE, its size, and the hidden units of a MADE of equal size."""
    ...''',
        inputs=_nade_inputs,
        check=_check_nade,
        solution=nade,
        mistakes=(
            Mistake("reads the pixel that it predicts", _nade_leak, "before it is predicted"),
            Mistake("remembers one pixel", _nade_last_pixel_only, "forgotten all but the last"),
            Mistake("mean over pixels", _nade_per_pixel, "mean over pixels"),
            Mistake("masked weights counted", _nade_counts_masked_weights, "does not count"),
        ),
        level=3,
        minutes=90,
        rubric="equal numbers of kept parameters, at least three seeds each with their spread, test images scored "
        "once, and a sentence on which difference is larger than the spread over seeds.",
    ),
)

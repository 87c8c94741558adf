"""Exercises of the chapter on restricted Boltzmann machines."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.special import expit, logsumexp

from lectures_pkg.exercises import Exercise, Mistake, Wrong, as_array, as_entries, as_number, close

Array = np.ndarray


def _states(n: int) -> Array:
    return np.array(list(itertools.product((0.0, 1.0), repeat=n)))


def _parameters(rng: np.random.Generator, n_visible: int, n_hidden: int, scale: float = 1.0) -> tuple[Array, ...]:
    """Weight, visible bias, hidden bias; biases stay away from zero, so that forgetting one shows."""
    b, c = (rng.choice([-1.0, 1.0], n) * rng.uniform(0.4, 1.2, n) for n in (n_visible, n_hidden))
    return scale * rng.standard_normal((n_visible, n_hidden)), b, c


def _minus_energies(weight: Array, b: Array, c: Array) -> Array:
    """-E(v, h) of every pair, shape (2^n_visible, 2^n_hidden)."""
    v, h = _states(len(b)), _states(len(c))
    return (v @ b)[:, None] + (h @ c)[None, :] + v @ weight @ h.T


def _chain(weight: Array, b: Array, c: Array) -> tuple[Array, Array]:
    """Law of the images and matrix of one sweep, both from the enumerated joint law."""
    joint = np.exp(_minus_energies(weight, b, c) - logsumexp(_minus_energies(weight, b, c)))
    p = joint.sum(axis=1)
    return p, (joint / p[:, None]) @ (joint / joint.sum(axis=0)).T


def _phase(weight: Array, c: Array, law: Array) -> Array:
    """Average of v p(h|v)' over a law of all images."""
    v = _states(len(weight))
    return (v * law[:, None]).T @ expit(v @ weight + c)


# --- 1. The free energy ------------------------------------------------------------------------------------


def rbm_free_energy(v: np.ndarray, weight: np.ndarray, visible_bias: np.ndarray, hidden_bias: np.ndarray) -> np.ndarray:
    inputs = hidden_bias + v @ weight  # (n, n_hidden)
    return -v @ visible_bias - np.logaddexp(0, inputs).sum(axis=1)  # logaddexp(0, a) = log(1 + e^a), without overflow


def _hidden_bias_forgotten(v: Array, weight: Array, visible_bias: Array, hidden_bias: Array) -> Array:
    return rbm_free_energy(v, weight, visible_bias, 0 * hidden_bias)


def _overflowing(v: Array, weight: Array, visible_bias: Array, hidden_bias: Array) -> Array:
    with np.errstate(over="ignore"):
        return -v @ visible_bias - np.log(1 + np.exp(hidden_bias + v @ weight)).sum(axis=1)


def _energy_up(v: Array, weight: Array, visible_bias: Array, hidden_bias: Array) -> Array:
    return -rbm_free_energy(v, weight, visible_bias, hidden_bias)


def _free_energy_inputs(rng: np.random.Generator) -> list[tuple]:
    small = _parameters(rng, 5, 3)
    large = _parameters(rng, 4, 2)
    large[0][:] *= 2000  # inputs of thousands
    return [
        (rng.integers(0, 2, (6, 5)).astype(float), *small),
        (np.eye(4), *large),
    ]


def _check_free_energy(answer: object, v: Array, weight: Array, visible_bias: Array, hidden_bias: Array) -> None:
    found = as_array(answer, (len(v),))
    h = _states(len(hidden_bias))
    expected = -logsumexp((v @ visible_bias)[:, None] + h @ hidden_bias + v @ weight @ h.T, axis=1)
    if not np.isfinite(found).all():
        raise Wrong("some free energies are infinite: e^a overflows beyond a = 709; log(1 + e^a) need not")
    if close(found, expected, relative=1e-9, absolute=1e-9):
        return
    if close(found, -expected, relative=1e-9, absolute=1e-9):
        raise Wrong("the sign is turned round: an image with much probability has a low free energy")
    without = -logsumexp((v @ visible_bias)[:, None] + v @ weight @ h.T, axis=1)
    if close(found, without, relative=1e-9, absolute=1e-9):
        raise Wrong("hidden_bias is missing: it shifts the input of every hidden unit, inside the logarithm")
    if close(found, expected + v @ visible_bias, relative=1e-9, absolute=1e-9):
        raise Wrong("visible_bias is missing: the pixels' own term does not contain h, and stands before the sum")
    if np.ptp(found - expected) < 1e-6:
        raise Wrong(
            f"every image is off by the same {found[0] - expected[0]:.3g}: a free energy holds no log Z, and sums over "
            "the hidden states instead of averaging"
        )
    raise Wrong("e^{-F(v)} is not the sum of e^{-E(v, h)} over all hidden states")


# --- 2. log Z both ways ------------------------------------------------------------------------------------


def _partition_inputs(rng: np.random.Generator) -> list[tuple]:
    n_visible, n_hidden = int(rng.integers(6, 9)), int(rng.integers(2, 5))
    nothing = np.zeros((5, 3)), np.zeros(5), np.zeros(3)
    strong = _parameters(rng, 3, 6)
    strong[0][:] = 500 * np.abs(strong[0])  # terms of e^1000 and more
    return [nothing, _parameters(rng, n_visible, n_hidden), strong]


def _check_partition(answer: object, weight: Array, visible_bias: Array, hidden_bias: Array) -> None:
    over_hidden, over_visible = map(as_number, as_entries(answer, ("over_hidden", "over_visible")))
    m, n = weight.shape
    by_hand = np.logaddexp(0, _states(n) @ weight.T + visible_bias).sum(axis=1)  # the pixels' logarithms, given h
    truth = float(logsumexp(_minus_energies(weight, visible_bias, hidden_bias)))
    if not (np.isfinite(over_hidden) and np.isfinite(over_visible)):
        raise Wrong("log Z came out infinite: stay in logarithms throughout (logaddexp, and a maximum taken out)")
    if not weight.any() and close(over_hidden, m * np.log(2)):
        raise Wrong(f"without weights and biases Z counts the states of both layers: log Z is {m + n} log 2 here")
    if close(over_hidden, truth) and close(over_visible, truth):
        return
    if close(over_hidden, truth):
        raise Wrong(
            "over_hidden is right but over_visible is not: the two sums are the same number, term by other term"
        )
    if close(over_hidden, float(logsumexp(by_hand))):
        raise Wrong("the bias of the layer that you list is missing: its states carry the weight e^{c.h}")
    if close(over_hidden, float(logsumexp(_states(n) @ hidden_bias + np.logaddexp(0, _states(n) @ weight.T).sum(1)))):
        raise Wrong("the bias of the layer that you sum by hand is missing: it stands inside each of its factors")
    if close(over_hidden, -truth):
        raise Wrong("this is minus log Z: the free energy has a minus sign, the weight of a state has none")
    if close(np.log(max(over_hidden, 1e-300)), truth):
        raise Wrong("this is Z; the task asks for its logarithm")
    raise Wrong("over_hidden is not log Z; try a machine with one unit in each layer on paper")


# --- 3. The gradient ---------------------------------------------------------------------------------------


def likelihood_gradient(
    v_data: np.ndarray, weight: np.ndarray, visible_bias: np.ndarray, hidden_bias: np.ndarray
) -> dict:
    def sigmoid(a: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-a))

    n_visible = len(visible_bias)
    images = (np.arange(2**n_visible)[:, None] >> np.arange(n_visible)) & 1  # every image, one a row
    score = images @ visible_bias + np.logaddexp(0, images @ weight + hidden_bias).sum(axis=1)  # -F(v)
    p = np.exp(score - score.max())
    p /= p.sum()
    h_data, h_model = sigmoid(v_data @ weight + hidden_bias), sigmoid(images @ weight + hidden_bias)
    return {
        "weight": v_data.T @ h_data / len(v_data) - (images * p[:, None]).T @ h_model,
        "visible_bias": v_data.mean(axis=0) - p @ images,
        "hidden_bias": h_data.mean(axis=0) - p @ h_model,
    }


def _descending(*arguments: Array) -> dict:
    return {name: -part for name, part in likelihood_gradient(*arguments).items()}


def _positive_phase(v_data: Array, weight: Array, visible_bias: Array, hidden_bias: Array) -> dict:
    h = expit(v_data @ weight + hidden_bias)
    return {"weight": v_data.T @ h / len(v_data), "visible_bias": v_data.mean(axis=0), "hidden_bias": h.mean(axis=0)}


def _summed(v_data: Array, weight: Array, visible_bias: Array, hidden_bias: Array) -> dict:
    found = likelihood_gradient(v_data, weight, visible_bias, hidden_bias)
    return {name: part * len(v_data) for name, part in found.items()}


def _visible_bias_forgotten(v_data: Array, weight: Array, visible_bias: Array, hidden_bias: Array) -> dict:
    return likelihood_gradient(v_data, weight, 0 * visible_bias, hidden_bias)


def _gradient_inputs(rng: np.random.Generator) -> list[tuple]:
    return [(rng.integers(0, 2, (n, m)).astype(float), *_parameters(rng, m, k)) for n, m, k in ((7, 4, 3), (1, 3, 5))]


def _check_gradient(answer: object, v_data: Array, weight: Array, visible_bias: Array, hidden_bias: Array) -> None:
    names = ("weight", "visible_bias", "hidden_bias")
    parameters = [weight.copy(), visible_bias.copy(), hidden_bias.copy()]
    found = [as_array(a, p.shape) for a, p in zip(as_entries(answer, names), parameters, strict=True)]
    rows = (v_data @ 2 ** np.arange(len(visible_bias) - 1, -1, -1)).astype(int)

    def log_likelihood() -> float:
        log_joint = _minus_energies(*parameters)
        return float(logsumexp(log_joint, axis=1)[rows].mean() - logsumexp(log_joint))

    expected = []
    for parameter in parameters:
        slopes = np.empty(parameter.shape)
        for index in np.ndindex(parameter.shape):
            values = []
            for shift in (1e-5, -2e-5):
                parameter[index] += shift
                values.append(log_likelihood())
            parameter[index] += 1e-5
            slopes[index] = (values[0] - values[1]) / 2e-5
        expected.append(slopes)
    if all(close(f, e, absolute=1e-7) for f, e in zip(found, expected, strict=True)):
        return
    if all(close(-f, e, absolute=1e-7) for f, e in zip(found, expected, strict=True)):
        raise Wrong("every sign is turned round: the log-likelihood rises along data minus model")
    if all(close(f / len(v_data), e, absolute=1e-7) for f, e in zip(found, expected, strict=True)):
        raise Wrong("this is the gradient of the sum over the images; the task asks for their mean")
    if close(found[1], v_data.mean(axis=0)) and not close(expected[1], found[1], absolute=1e-6):
        raise Wrong("only the data's phase is there: without the model's phase every weight grows for ever")
    for name, f, e in zip(names, found, expected, strict=True):
        if not close(f, e, absolute=1e-7):
            raise Wrong(f"{name} is off by {np.abs(f - e).max():.3g} from finite differences of the log-likelihood")


# --- 4. The bias of contrastive divergence -----------------------------------------------------------------


def _bias_inputs(rng: np.random.Generator) -> list[tuple]:
    lopsided = rng.dirichlet(np.full(16, 0.3))
    lively = _parameters(rng, 4, 3, scale=0.6)  # fifty sweeps leave next to nothing, so sampling noise shows
    sticky = _parameters(rng, 4, 2, scale=2.0)
    return [
        (lopsided, *lively, [1, 5, 50]),
        (rng.dirichlet(np.ones(16)), *sticky, [0, 1, 5, 50]),
    ]


def _check_bias(
    answer: object, law: Array, weight: Array, visible_bias: Array, hidden_bias: Array, sweeps: list
) -> None:
    found = as_array(answer, (len(sweeps),))
    p, matrix = _chain(weight, visible_bias, hidden_bias)

    def biases(matrix: Array, later: int = 0) -> Array:
        exact = _phase(weight, hidden_bias, p)
        laws = [law @ np.linalg.matrix_power(matrix, max(k + later, 0)) for k in sweeps]
        return np.array([np.abs(_phase(weight, hidden_bias, after) - exact).max() for after in laws])

    expected = biases(matrix)
    if close(found, expected, relative=1e-6, absolute=1e-10):
        return
    if close(found, biases(matrix, -1), relative=1e-6, absolute=1e-10):
        raise Wrong(
            "one sweep is missing: a sweep is v to h and back to v, and k of them come before the model's phase"
        )
    if close(found, biases(matrix, +1), relative=1e-6, absolute=1e-10):
        raise Wrong("this is one sweep too many: v to h and back to v is one sweep, so k = 0 leaves the data's law")
    if close(found, biases(matrix.T), relative=1e-6, absolute=1e-10):
        raise Wrong("the matrix stands on the wrong side: a law is a row, and a sweep multiplies it from the right")
    if np.abs(found - expected).max() < 0.05 and expected[-1] < 1e-6 < 1e-4 < found[-1]:
        raise Wrong(
            "these numbers carry sampling noise (a simulated bias never falls below it): follow the law itself, with "
            "powers of the transition matrix, and draw nothing"
        )
    raise Wrong("the largest absolute difference of the two phases, entry by entry of the weight, is another number")


# --- 5. Spot the slip --------------------------------------------------------------------------------------


def intractable_or_not(law: np.ndarray, weight: np.ndarray, visible_bias: np.ndarray, hidden_bias: np.ndarray) -> dict:
    def sigmoid(a: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-a))

    n = len(visible_bias)
    v = ((np.arange(2**n)[:, None] >> np.arange(n - 1, -1, -1)) & 1).astype(float)  # in counting order
    inputs = v @ weight + hidden_bias
    score = v @ visible_bias + np.logaddexp(0, inputs).sum(axis=1)  # -F(v): the 2^16 hidden states, summed by hand
    log_z = score.max() + np.log(np.exp(score - score.max()).sum())
    p, h = np.exp(score - log_z), sigmoid(inputs)

    # One sweep is linear in the law. All hidden states are needed here, but each only once.
    m = len(hidden_bias)
    after = np.zeros(2**n)
    for start in range(0, 2**m, 4096):
        states = ((np.arange(start, min(start + 4096, 2**m))[:, None] >> np.arange(m)) & 1).astype(float)
        log_h = inputs @ states.T - np.logaddexp(0, inputs).sum(axis=1)[:, None]  # log p(h | v)
        back = states @ weight.T + visible_bias
        log_v = back @ v.T - np.logaddexp(0, back).sum(axis=1)[:, None]  # log p(v' | h)
        after += (law @ np.exp(log_h)) @ np.exp(log_v)

    def phase(weights: np.ndarray) -> np.ndarray:
        return (v * weights[:, None]).T @ h

    update, gradient = phase(law) - phase(after), phase(law) - phase(p)
    cosine = (update * gradient).sum() / np.sqrt((update**2).sum() * (gradient**2).sum())
    return {"log_partition": log_z, "angle": np.degrees(np.arccos(np.clip(cosine, -1, 1)))}


def _believes_the_table(law: Array, weight: Array, visible_bias: Array, hidden_bias: Array) -> dict:
    return {"log_partition": np.inf, "angle": intractable_or_not(law, weight, visible_bias, hidden_bias)["angle"]}


def _update_is_gradient(law: Array, weight: Array, visible_bias: Array, hidden_bias: Array) -> dict:
    return {**intractable_or_not(law, weight, visible_bias, hidden_bias), "angle": 0.0}


def _radians(law: Array, weight: Array, visible_bias: Array, hidden_bias: Array) -> dict:
    answer = intractable_or_not(law, weight, visible_bias, hidden_bias)
    return {**answer, "angle": np.radians(answer["angle"])}


def _unnormalised_by_hidden(law: Array, weight: Array, visible_bias: Array, hidden_bias: Array) -> dict:
    answer = intractable_or_not(law, weight, visible_bias, hidden_bias)
    return {**answer, "log_partition": answer["log_partition"] - len(hidden_bias) * np.log(2)}


def _table_inputs(rng: np.random.Generator) -> list[tuple]:
    cases: list[tuple] = []
    while len(cases) < 2:
        weight, b, c = _parameters(rng, 4, 16 if not cases else 10, scale=0.8)
        law = rng.dirichlet(np.full(16, 0.5))
        if _angle(law, weight, b, c) > 1.0:
            cases.append((law, weight, b, c))
    return cases


def _angle(law: Array, weight: Array, b: Array, c: Array) -> float:
    v = _states(len(b))
    joint_law = np.exp(v @ b + np.logaddexp(0, v @ weight + c).sum(axis=1))
    start = _phase(weight, c, law)
    update = start - _phase(weight, c, law @ _chain(weight, b, c)[1])
    gradient = start - _phase(weight, c, joint_law / joint_law.sum())
    cosine = np.vdot(update, gradient) / (np.linalg.norm(update) * np.linalg.norm(gradient))
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _check_table(answer: object, law: Array, weight: Array, visible_bias: Array, hidden_bias: Array) -> None:
    log_z, angle = map(as_number, as_entries(answer, ("log_partition", "angle")))
    truth = float(logsumexp(_minus_energies(weight, visible_bias, hidden_bias)))
    if not np.isfinite(log_z):
        raise Wrong("log Z is a number here: sum one layer by hand, and only the other's states are left to list")
    if close(log_z, truth - len(hidden_bias) * np.log(2), relative=0, absolute=1e-6):
        raise Wrong("Z sums over hidden states; yours averages over them, and lacks log 2 for each hidden unit")
    if not close(log_z, truth, relative=0, absolute=1e-6):
        raise Wrong(f"log_partition is off by {abs(log_z - truth):.3g} nats")
    expected = _angle(law, weight, visible_bias, hidden_bias)
    if close(angle, expected, relative=1e-5, absolute=1e-5):
        return
    if close(angle, np.radians(expected), relative=1e-5, absolute=1e-6):
        raise Wrong("this angle is in radians; the task asks for degrees")
    if close(angle, 180 - expected, relative=1e-5, absolute=1e-5):
        raise Wrong("this is the angle to the gradient of the KL, which points downhill: compare two steps uphill")
    if close(angle, np.cos(np.radians(expected)), relative=1e-5, absolute=1e-6):
        raise Wrong("this is the cosine of the angle")
    if abs(angle) < 0.5:
        raise Wrong("the angle is not zero: after one sweep the law is not yet the model's, so CD-1 points elsewhere")
    raise Wrong("the angle between the two weight updates (as long vectors) is another one")


# --- 6. Mini project: tempering ----------------------------------------------------------------------------


def tempering_report(weight: np.ndarray, visible_bias: np.ndarray, hidden_bias: np.ndarray, beta: float) -> dict:
    def sigmoid(a: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-a))

    def states(n: int) -> np.ndarray:
        return ((np.arange(2**n)[:, None] >> np.arange(n - 1, -1, -1)) & 1).astype(float)

    v, h = states(len(visible_bias)), states(len(hidden_bias))

    def machine(scale: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Free energy, law and sweep of the machine whose energy is multiplied by ``scale``."""
        w, b, c = scale * weight, scale * visible_bias, scale * hidden_bias
        free = -v @ b - np.logaddexp(0, v @ w + c).sum(axis=1)
        p = np.exp(-free)
        on_h, on_v = sigmoid(v @ w + c), sigmoid(h @ w.T + b)
        given_v = np.where(h > 0, on_h[:, None], 1 - on_h[:, None]).prod(axis=2)
        given_h = np.where(v > 0, on_v[:, None], 1 - on_v[:, None]).prod(axis=2)
        return free, p / p.sum(), given_v @ given_h

    def time(p: np.ndarray, matrix: np.ndarray, f: np.ndarray) -> float:
        """1 + 2 (rho_1 + rho_2 + ...), from (I + T + T^2 + ...) f on centred functions."""
        f = f - p @ f
        total = np.linalg.solve(np.eye(len(p)) - matrix + p[None, :], f)
        return float(2 * (p * f) @ total / ((p * f) @ f) - 1)

    sign = np.where(np.arange(len(visible_bias)) % 2 == 0, 1.0, -1.0)
    f = v @ sign  # left column minus right column
    cold_free, cold, cold_sweep = machine(1.0)
    warm_free, warm, warm_sweep = machine(beta)

    # Two machines side by side, one sweep each, then an offer to exchange their images.
    n = len(v)
    both, sweep = np.kron(cold, warm), np.kron(cold_sweep, warm_sweep)
    exchange = np.zeros((n * n, n * n))
    for i in range(n):
        for j in range(n):
            accept = min(1.0, np.exp(cold_free[i] + warm_free[j] - cold_free[j] - warm_free[i]))
            exchange[i * n + j, j * n + i] += accept
            exchange[i * n + j, i * n + j] += 1 - accept
    alone = time(cold, cold_sweep, f)
    return {"alone": alone, "tempered": 2 * time(both, sweep @ exchange, np.repeat(f, n))}


def _work_forgotten(weight: Array, visible_bias: Array, hidden_bias: Array, beta: float) -> dict:
    answer = tempering_report(weight, visible_bias, hidden_bias, beta)
    return {**answer, "tempered": answer["tempered"] / 2}


def _never_exchanged(weight: Array, visible_bias: Array, hidden_bias: Array, beta: float) -> dict:
    answer = tempering_report(weight, visible_bias, hidden_bias, beta)
    return {**answer, "tempered": 2 * answer["alone"]}


def _one_side(weight: Array, visible_bias: Array, hidden_bias: Array, beta: float) -> dict:
    answer = tempering_report(weight, visible_bias, hidden_bias, beta)
    return {name: (1 + time) / 2 for name, time in answer.items()}


def _two_modes(rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """A machine of 2x2 pixels whose first hidden unit chooses a vertical stroke, and whose second does little."""
    log_odds = rng.uniform(2.6, 3.4)
    b = log_odds * np.array([1.0, -1.0, 1.0, -1.0])
    weight = np.stack([-2 * b, 0.3 * rng.standard_normal(4)], axis=1)
    return weight, b, np.array([rng.uniform(-0.3, 0.3), rng.uniform(-0.5, 0.5)])


def _tempering_inputs(rng: np.random.Generator) -> list[tuple]:
    return [(*_two_modes(rng), float(rng.uniform(0.3, 0.5))) for _ in range(2)]


def _spectral_time(p: Array, matrix: Array, f: Array, n_sweeps: int = 40_000) -> float:
    """The same time by adding correlations lag by lag."""
    f = f - p @ f
    moved, total, start = f, 0.0, (p * f) @ f
    for _ in range(n_sweeps):
        moved = matrix @ moved
        rho = (p * f) @ moved / start
        total += rho
        if abs(rho) < 1e-11:
            break
    return float(1 + 2 * total)


def _tempered_chain(weight: Array, b: Array, c: Array, beta: float) -> tuple[Array, Array, Array]:
    """Law, matrix and observable of the two machines together, from the enumerated joint laws."""
    (cold, cold_sweep), (warm, warm_sweep) = (_chain(s * weight, s * b, s * c) for s in (1.0, beta))
    n = len(cold)
    pairs = cold[:, None] * warm[None, :]  # probability of image i here and j there
    accept = np.minimum(1.0, pairs.T / pairs)  # detailed balance of the exchange
    exchange = np.zeros((n, n, n, n))
    i, j = np.indices((n, n))
    np.add.at(exchange, (i, j, j, i), accept)
    np.add.at(exchange, (i, j, i, j), 1 - accept)
    matrix = np.einsum("ik,jl->ijkl", cold_sweep, warm_sweep).reshape(n * n, n * n) @ exchange.reshape(n * n, n * n)
    f = np.repeat(_states(len(b)) @ np.where(np.arange(len(b)) % 2 == 0, 1.0, -1.0), n)
    return pairs.reshape(-1), matrix, f


def _check_tempering(answer: object, weight: Array, visible_bias: Array, hidden_bias: Array, beta: float) -> None:
    alone, tempered = map(as_number, as_entries(answer, ("alone", "tempered")))
    p, matrix = _chain(weight, visible_bias, hidden_bias)
    f = _states(len(visible_bias)) @ np.where(np.arange(len(visible_bias)) % 2 == 0, 1.0, -1.0)
    expected_alone = _spectral_time(p, matrix, f)
    if close(alone, (1 + expected_alone) / 2, relative=1e-5):
        raise Wrong("each correlation counts twice, before and after: tau = 1 + 2 (rho_1 + rho_2 + ...)")
    if close(alone, expected_alone / 2, relative=1e-5):
        raise Wrong("some books halve this time; here one independent value costs tau = 1 + 2 (rho_1 + ...) sweeps")
    if not close(alone, expected_alone, relative=1e-5):
        raise Wrong(f"alone is {alone:.4g}; the correlations of the chain by itself add up to {expected_alone:.4g}")
    expected = 2 * _spectral_time(*_tempered_chain(weight, visible_bias, hidden_bias, beta))
    if close(tempered, expected, relative=1e-5):
        return
    if close(tempered, expected / 2, relative=1e-5):
        raise Wrong("count the work: a round of the tempered pair costs two sweeps, one for each machine")
    if close(tempered, 2 * alone, relative=1e-5):
        raise Wrong("the two machines never exchange their images: the warm one is then wasted work")
    raise Wrong(
        "tempered is not the pair's time in sweeps. Is the exchange accepted with min(1, p(v')q(v) / (p(v)q(v'))), "
        "and does a refused exchange stay where it is?"
    )


EXERCISES = (
    Exercise(
        name="rbm_free_energy",
        title="The free energy",
        prompt=r"""
Write the free energy of $E(v,h)=-b^\top v-c^\top h-v^\top Wh$ for several images at once: `v` has shape
(n, n_visible), `weight` (n_visible, n_hidden); return the n free energies in nats. Inputs of thousands must not
overflow.
""",
        stub='''
def rbm_free_energy(v, weight, visible_bias, hidden_bias):
    """Minus the log of the sum over h of exp(-E(v, h)), one number for each row of v."""
    ...
''',
        inputs=_free_energy_inputs,
        check=_check_free_energy,
        solution=rbm_free_energy,
        mistakes=(
            Mistake("hidden bias forgotten", _hidden_bias_forgotten, "hidden_bias is missing"),
            Mistake("overflow", _overflowing, "overflows beyond"),
            Mistake("sign", _energy_up, "sign is turned round"),
        ),
        level=1,
        minutes=10,
    ),
    Exercise(
        name="log_partition_both_ways",
        title="The same constant, twice",
        prompt=r"""
Compute $\log Z$ of a small machine in two ways: listing the states of the hidden layer (visible units summed by
hand), and listing the states of the visible layer (hidden units summed by hand). Return a dictionary with
`over_hidden` and `over_visible`. Layers differ in size; weights may be in the hundreds.
""",
        stub='''
def log_partition_both_ways(weight, visible_bias, hidden_bias):
    """{"over_hidden": log Z, "over_visible": log Z}, in nats."""
    ...
''',
        inputs=_partition_inputs,
        check=_check_partition,
        level=2,
        minutes=20,
        points=8,
    ),
    Exercise(
        name="likelihood_gradient",
        title="Two phases",
        prompt=r"""
Return the gradient of the *mean* log-likelihood of the images `v_data`, shape (n, n_visible), with respect to all
three parameters: a dictionary with `weight`, `visible_bias` and `hidden_bias`. The machine is small: the model's phase
can be an exact sum over all images. It is checked against finite differences.
""",
        stub='''
def likelihood_gradient(v_data, weight, visible_bias, hidden_bias):
    """{"weight": ..., "visible_bias": ..., "hidden_bias": ...}: ascend these."""
    ...
''',
        inputs=_gradient_inputs,
        check=_check_gradient,
        solution=likelihood_gradient,
        mistakes=(
            Mistake("descends", _descending, "every sign is turned round"),
            Mistake("positive phase only", _positive_phase, "only the data's phase"),
            Mistake("sum for mean", _summed, "the gradient of the sum"),
            Mistake("visible bias forgotten", _visible_bias_forgotten, "from finite differences of the log-likelihood"),
        ),
        level=2,
        minutes=25,
    ),
    Exercise(
        name="cd_bias_curve",
        title="How wrong is CD-k?",
        prompt=r"""
For each number k in the list `sweeps`, return the bias of the expected CD-k update of the weights: the largest
absolute difference, over the entries of the weight, between $\langle v\, p(h \mid v)^\top \rangle$ under
$p_{\mathrm{data}} T^k$ and under the model. `law` holds $p_{\mathrm{data}}$ of all images in counting order
(0000, 0001, 0010, ...). Exactly: no sampling.
""",
        stub='''
def cd_bias_curve(law, weight, visible_bias, hidden_bias, sweeps):
    """Array of len(sweeps) largest absolute biases."""
    ...
''',
        inputs=_bias_inputs,
        check=_check_bias,
        level=3,
        minutes=35,
        points=12,
    ),
    Exercise(
        name="intractable_or_not",
        title="Spot the slip: a table's row on this machine",
        prompt=r"""
A comparison table says of restricted Boltzmann machines: "*P(X): intractable; loss: KL*". Refute both cells for the
machine you are given (4 visible and up to 16 hidden units): return a dictionary with `log_partition`, its exact
$\log Z$, and `angle`, the angle in degrees between the expected CD-1 update of the weights and the gradient of the
log-likelihood (minus the KL's gradient). `law` holds $p_{\mathrm{data}}$ of all images in counting order.
""",
        stub='''
def intractable_or_not(law, weight, visible_bias, hidden_bias):
    """{"log_partition": nats, "angle": degrees}."""
    ...
''',
        inputs=_table_inputs,
        check=_check_table,
        solution=intractable_or_not,
        mistakes=(
            Mistake("believes the table", _believes_the_table, "log Z is a number here"),
            Mistake("CD is the gradient", _update_is_gradient, "the angle is not zero"),
            Mistake("radians", _radians, "in radians"),
            Mistake("mean over hidden states", _unnormalised_by_hidden, "yours averages over them"),
        ),
        level=2,
        minutes=30,
    ),
    Exercise(
        name="tempering_report",
        title="Mini project: who crosses between two shapes?",
        prompt=r"""
A machine of 2x2 pixels has two modes, the vertical strokes. Chain A runs Gibbs sweeps. Chain B keeps two machines, the
given one and one whose weights and biases are multiplied by `beta` < 1; a round is one sweep of each, then an offer to
exchange their images, accepted with probability
$\min\bigl(1, \frac{p(v')\, q(v)}{p(v)\, q(v')}\bigr)$. For $f(v)$ = left column minus right column of the given
machine's image, return the autocorrelation time of A (`alone`) and of B (`tempered`), both in *sweeps*, exactly, from
the transition matrices (256 pairs of images). Then try it on the digits: which chains pass from a 0 to a 1, and what
does a crossing cost?
""",
        stub='''
def tempering_report(weight, visible_bias, hidden_bias, beta):
    """{"alone": sweeps, "tempered": sweeps} for one independent value of f."""
    ...
''',
        inputs=_tempering_inputs,
        check=_check_tempering,
        solution=tempering_report,
        mistakes=(
            Mistake("work forgotten", _work_forgotten, "count the work"),
            Mistake("never exchanged", _never_exchanged, "never exchange"),
            Mistake("one-sided sum", _one_side, "each correlation counts twice"),
        ),
        level=3,
        minutes=90,
        rubric=(
            "autocorrelation time per unit of work, not per round; a control with beta = 1; on digits, several seeds, "
            "a stated observable, and chains much longer than the time they claim to measure."
        ),
    ),
)

"""Exercises of the chapter on what the adversarial game computes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import integrate, optimize
from scipy.special import expit

from lectures_pkg.divergences import kl_divergence, total_variation
from lectures_pkg.exercises import Exercise, Mistake, Wrong, as_array, as_entries, as_number, close
from lectures_pkg.gan_theory import optimal_discriminator, value_function, virtual_criterion

LOG4 = math.log(4)


def _law(rng: np.random.Generator, n: int, zeros: tuple[int, ...] = ()) -> np.ndarray:
    law = rng.dirichlet(np.ones(n))
    law[list(zeros)] = 0.0
    return law / law.sum()


# --- 1. D* and C(G) on arrays -----------------------------------------------------------------------------


def best_discriminator(p_data: np.ndarray, p_model: np.ndarray) -> dict | str:
    p_data, p_model = np.asarray(p_data, dtype=float), np.asarray(p_model, dtype=float)
    for law in (p_data, p_model):
        if (law < 0).any() or abs(law.sum() - 1) > 1e-8:
            return "not a law"
    with np.errstate(divide="ignore", invalid="ignore"):
        d = p_data / (p_data + p_model)  # 0 / 0 is nan: undefined
        real = np.where(p_data > 0, p_data * np.log(d), 0.0)  # 0 log 0 = 0
        fake = np.where(p_model > 0, p_model * np.log(1 - d), 0.0)
    return {"d_star": d, "criterion": real.sum() + fake.sum()}


def _flipped_discriminator(p_data: np.ndarray, p_model: np.ndarray) -> dict | str:
    answer = best_discriminator(p_data, p_model)
    return answer if isinstance(answer, str) else {**answer, "d_star": 1 - answer["d_star"]}


def _zero_log_zero(p_data: np.ndarray, p_model: np.ndarray) -> dict | str:
    answer = best_discriminator(p_data, p_model)
    if isinstance(answer, str):
        return answer
    with np.errstate(all="ignore"):
        d = answer["d_star"]
        return {"d_star": d, "criterion": np.sum(p_data * np.log(d) + p_model * np.log(1 - d))}


def _half_where_undefined(p_data: np.ndarray, p_model: np.ndarray) -> dict | str:
    answer = best_discriminator(p_data, p_model)
    return answer if isinstance(answer, str) else {**answer, "d_star": np.nan_to_num(answer["d_star"], nan=0.5)}


def _renormalising(p_data: np.ndarray, p_model: np.ndarray) -> dict | str:
    return best_discriminator(p_data / p_data.sum(), p_model / p_model.sum())


def _negative_passes(p_data: np.ndarray, p_model: np.ndarray) -> dict | str:
    if (p_model < 0).any():
        return {"d_star": p_data / (p_data + p_model), "criterion": 0.0}
    return best_discriminator(p_data, p_model)


def _loss_for_value(p_data: np.ndarray, p_model: np.ndarray) -> dict | str:
    answer = best_discriminator(p_data, p_model)
    return answer if isinstance(answer, str) else {**answer, "criterion": -answer["criterion"]}


def _arrays(rng: np.random.Generator) -> list[tuple]:
    n = int(rng.integers(5, 9))
    return [
        (_law(rng, n), _law(rng, n)),
        (_law(rng, n, (0, 1)), _law(rng, n, (1, 2))),  # 0 log 0 on both sides, and one outcome nobody makes
        (_law(rng, 6, (0, 1, 2)), _law(rng, 6, (3, 4, 5))),
        (_law(rng, n), 1.3 * _law(rng, n)),
        (0.5 * _law(rng, n), _law(rng, n)),
        (_law(rng, n), np.append(_law(rng, n - 2), [0.25, -0.25])),  # sums to one, but is no law
    ]


def _check_best_discriminator(answer: object, p_data: np.ndarray, p_model: np.ndarray) -> None:
    if (p_model < 0).any():
        if answer != "not a law":
            raise Wrong('one of these arrays sums to one but has a negative entry: the answer is then "not a law"')
        return
    if abs(p_data.sum() - 1) > 1e-8 or abs(p_model.sum() - 1) > 1e-8:
        if answer != "not a law":
            raise Wrong(
                'one of these arrays does not sum to one: the answer is then the string "not a law". '
                "Renormalising in silence hides the caller's mistake"
            )
        return
    if answer == "not a law":
        raise Wrong("both arrays are laws (rounding keeps their sums within 1e-8 of one)")
    d_star, criterion = as_entries(answer, ("d_star", "criterion"))
    found, expected = as_array(d_star, p_data.shape), optimal_discriminator(p_data, p_model)
    nobody = np.isnan(expected)
    if close(found[~nobody], 1 - expected[~nobody]) and not close(found[~nobody], expected[~nobody]):
        raise Wrong("D* is upside down: real is 1, so the data's probability stands in the numerator")
    if not np.isnan(found[nobody]).all():
        raise Wrong("where both laws vanish D* is undefined (any value serves): return nan there")
    if not close(found[~nobody], expected[~nobody]):
        raise Wrong("d_star is not the maximiser of p log D + q log(1 - D), outcome by outcome")
    number = as_number(criterion)
    if math.isnan(number):
        raise Wrong(
            "the criterion is nan: a term with probability 0 contributes 0, also when its logarithm is infinite"
        )
    value = value_function(p_data, p_model, expected)
    if close(number, -value) and not close(number, value):
        raise Wrong("this is the discriminator's loss: the criterion is the value itself, which is never above 0")
    if not close(number, value):
        raise Wrong(
            "the criterion is not the value V(G, D*): the sum of both expectations (not their mean), "
            "with natural logarithms"
        )


# --- 2. Spot the slip: one half, and the logarithms of two -------------------------------------------------


def _criterion_inputs(rng: np.random.Generator) -> list[tuple]:
    n = int(rng.integers(3, 6))
    p, q = _law(rng, n), _law(rng, n)
    return [
        (np.r_[p, np.zeros(n)], np.r_[np.zeros(n), q]),  # disjoint
        (p, q),
        (_law(rng, 6, (0,)), _law(rng, 6, (5,))),
        (p, p),
    ]


def _check_slide_against_truth(answer: object, p_data: np.ndarray, p_model: np.ndarray) -> None:
    kl_sum, criterion, from_slide = map(as_number, as_entries(answer, ("kl_sum", "criterion", "from_slide")))
    truth = virtual_criterion(p_data, p_model)
    gap = truth + LOG4
    if not math.isfinite(kl_sum):
        raise Wrong(
            "kl_sum is not finite: 0 log 0 is 0, and the midpoint, which is the second argument, never vanishes "
            "where a law has mass"
        )
    if close(kl_sum, gap / 2) and gap > 1e-6:
        raise Wrong("kl_sum carries one half already: it is the plain sum of the two divergences, twice the JSD")
    if not close(kl_sum, gap, absolute=1e-9):
        raise Wrong(
            "kl_sum is not KL(p_d || m) + KL(p_G || m): is m the mean of the two laws, not their sum? "
            "Is the logarithm natural?"
        )
    if close(criterion, kl_sum) and gap > 1e-6:
        raise Wrong("the constant is lost: each integral of log 1/2 is -log 2, and the two add up to -log 4")
    if not close(criterion, truth, absolute=1e-9):
        raise Wrong("criterion is not the value of the game at D*; compute it as V(G, D*) to be sure")
    if close(from_slide, truth) and gap > 1e-6:
        raise Wrong("from_slide is what the slide's formula gives, slip included: -log 4 plus one JSD")
    if not close(from_slide, -LOG4 + gap / 2, absolute=1e-9):
        raise Wrong("from_slide is not -log 4 + JSD with the JSD that carries its one half")


# --- 3. Strictness ------------------------------------------------------------------------------------------


def largest_variation(gap: float) -> float:
    # JSD = 1/2 KL(p||m) + 1/2 KL(q||m), and Pinsker gives each KL >= 2 TV(., m)^2 = 2 (TV/2)^2 = TV^2 / 2.
    # So gap = 2 JSD >= TV^2. Total variation is never above 1.
    return min(1.0, gap**0.5)


def _coin_pair(gap: float) -> tuple[np.ndarray, np.ndarray]:
    """Two coins, mirror images, whose C(G) + log 4 is the gap."""

    def excess(e: float) -> float:
        return virtual_criterion([0.5 + e, 0.5 - e], [0.5 - e, 0.5 + e]) + LOG4 - gap

    e = optimize.brentq(excess, 0.0, 0.5, xtol=1e-15)
    return np.array([0.5 + e, 0.5 - e]), np.array([0.5 - e, 0.5 + e])


def _check_largest_variation(answer: object, gap: float) -> None:
    bound = as_number(answer)
    p, q = _coin_pair(gap)
    truth = total_variation(p, q)
    if not math.isfinite(bound) or bound < truth - 1e-7:
        raise Wrong(
            f"there are two coins with C(G) + log 4 = {gap:.4g} and TV = {truth:.4g}, above your bound {bound:.4g}. "
            "TV(p, m) is half of TV(p, q), and the gap is two JSD, not one"
        )
    if bound > 1 + 1e-9:
        raise Wrong("total variation is never above 1: a bound beyond that says nothing")
    if bound > math.sqrt(gap) * (1 + 1e-9):
        raise Wrong(
            f"the bound is valid but loose: at a gap of {gap:.4g} it allows TV = {bound:.4g}. Use Pinsker for each "
            "of the two divergences to the midpoint, and it shrinks like the root of the gap"
        )


# --- 4. Logistic regression is the optimal discriminator ----------------------------------------------------


def logistic_logit(x_data: np.ndarray, x_model: np.ndarray) -> np.ndarray:
    x = np.concatenate([x_data, x_model])
    labels = np.concatenate([np.ones(len(x_data)), np.zeros(len(x_model))])  # real is 1
    features = np.stack([np.ones_like(x), x, x**2], axis=1)
    c = np.zeros(3)
    for _ in range(50):  # Newton's method on the log-likelihood
        d = 1 / (1 + np.exp(-features @ c))
        information = (features * (d * (1 - d))[:, None]).T @ features
        c = c + np.linalg.solve(information, features.T @ (labels - d))
    return c


def _labels_swapped(x_data: np.ndarray, x_model: np.ndarray) -> np.ndarray:
    return logistic_logit(x_model, x_data)


def _straight_line(x_data: np.ndarray, x_model: np.ndarray) -> np.ndarray:
    x = np.concatenate([x_data, x_model])
    labels = np.concatenate([np.ones(len(x_data)), np.zeros(len(x_model))])
    features, c = np.stack([np.ones_like(x), x], axis=1), np.zeros(2)
    for _ in range(50):
        d = expit(features @ c)
        c = c + np.linalg.solve((features * (d * (1 - d))[:, None]).T @ features, features.T @ (labels - d))
    return np.append(c, 0.0)


def _few_gradient_steps(x_data: np.ndarray, x_model: np.ndarray) -> np.ndarray:
    x = np.concatenate([x_data, x_model])
    labels = np.concatenate([np.ones(len(x_data)), np.zeros(len(x_model))])
    features, c = np.stack([np.ones_like(x), x, x**2], axis=1), np.zeros(3)
    for _ in range(20):
        c = c + 0.05 * features.T @ (labels - expit(features @ c)) / len(x)
    return c


def _check_logistic_logit(answer: object, x_data: np.ndarray, x_model: np.ndarray) -> None:
    c = as_array(answer, (3,))
    x = np.concatenate([x_data, x_model])
    labels = np.concatenate([np.ones(len(x_data)), np.zeros(len(x_model))])
    features = np.stack([np.ones_like(x), x, x**2], axis=1)

    def score(c: np.ndarray) -> float:
        return float(np.abs(features.T @ (labels - expit(features @ c))).max() / len(x))

    # Generous to an optimiser that stops early: 1e-4 moves no coefficient by a quarter of its error.
    if not score(c) < 1e-4:
        if score(-c) < 1e-4:
            raise Wrong("these are the coefficients of log p_G/p_d: the labels are swapped. Real is 1")
        if score(c[::-1]) < 1e-4:
            raise Wrong("the order is upside down: first the constant, then the coefficient of x, then that of x^2")
        if c[2] == 0:
            raise Wrong(
                "a straight line cannot be the best logit here: the variances differ, so x^2 needs a coefficient"
            )
        raise Wrong(
            f"the likelihood still rises: its mean gradient is up to {score(c):.1e} in size. "
            "At the maximum the features' means under labels and predictions agree, with no penalty on the "
            "coefficients; iterate further"
        )
    d = expit(features @ c)
    errors = np.sqrt(np.diag(np.linalg.inv((features * (d * (1 - d))[:, None]).T @ features)))
    truth = np.array([math.log(0.7) + 0.5 * 1.5**2 / 0.49, -1.5 / 0.49, 0.5 / 0.49 - 0.5])
    if np.abs((c - truth) / errors).max() > 5.5:
        raise Wrong("the coefficients are further than five standard errors from those of log p_d/p_G")


# --- 5. Another row for the table ---------------------------------------------------------------------------


def _alpha_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for alpha in (rng.uniform(0.2, 0.8), rng.uniform(1.3, 1.9), rng.uniform(2.1, 3.5)):
        u = np.exp(rng.uniform(-1.5, 1.5, size=6))
        t = (np.exp((alpha - 1) * rng.uniform(-1.2, 1.2, size=6)) - 1) / (alpha - 1)
        if alpha > 1:
            t = np.append(t, -1 / (alpha - 1) - rng.uniform(0.5, 2))  # below all slopes: the supremum is at u = 0
        cases.append((float(alpha), u, t, np.sort([-8.0, *rng.uniform(-3, 3, size=6), 8.0])))
    return cases


def _check_alpha_row(answer: object, alpha: float, u: np.ndarray, t: np.ndarray, v: np.ndarray) -> None:
    f, f_prime, conjugate, critic = as_entries(answer, ("f", "f_prime", "conjugate", "critic"))
    f, f_prime = as_array(f, u.shape), as_array(f_prime, u.shape)
    conjugate, critic = as_array(conjugate, t.shape), as_array(critic, v.shape)
    # f is the second antiderivative of u^(alpha - 2) with f(1) = f'(1) = 0.
    slopes = [integrate.quad(lambda s: s ** (alpha - 2), 1, end)[0] for end in u]
    values = [integrate.quad(lambda s, end=end: (end - s) * s ** (alpha - 2), 1, end)[0] for end in u]
    if close(f, np.array(values) * alpha * (alpha - 1), relative=1e-7):
        raise Wrong("f lacks its factor 1 / (alpha (alpha - 1)): without it alpha -> 1 does not give KL")
    if not close(f, values, relative=1e-7, absolute=1e-9):
        raise Wrong("f is not (u^alpha - 1 - alpha (u - 1)) / (alpha (alpha - 1))")
    if not close(f_prime, slopes, relative=1e-7, absolute=1e-9):
        raise Wrong("f_prime is not the derivative of f")
    top = 1 / (1 - alpha) if alpha < 1 else math.inf
    bottom = -math.inf if alpha < 1 else -1 / (alpha - 1)
    for value, at in zip(conjugate, t, strict=True):
        best = -optimize.minimize_scalar(
            lambda w, at=at: _alpha_f(math.exp(w), alpha) - math.exp(w) * at,
            bounds=(-30, 6),
            method="bounded",
            options={"xatol": 1e-11},
        ).fun
        if close(value, best, relative=1e-6, absolute=1e-7):
            continue
        if at <= bottom:
            raise Wrong(
                f"at t = {at:.4g}, below every slope of f, the supremum over u >= 0 is at u = 0 and equals -f(0)"
            )
        raise Wrong(f"the conjugate at t = {at:.4g} is not the supremum of u t - f(u); solve t = f'(u) for u first")
    if not np.isfinite(critic).all():
        raise Wrong(
            "the critic is not finite at some v: v is a log ratio and may be negative, so T is f'(e^v), not f'(v)"
        )
    if (critic >= top).any() or (critic <= bottom).any():
        raise Wrong("the critic leaves the range of f': its values must lie where f' does, for every real v")
    if not (np.diff(critic) > 0).all():
        raise Wrong("the critic must rise with v: a higher logit means more like the data")
    canonical = (np.exp((alpha - 1) * v) - 1) / (alpha - 1)
    if not close(critic, canonical, relative=1e-8):
        raise Wrong("choose the critic so that v is the log density ratio: T = f'(p/q) with p/q = exp(v)")


def _alpha_f(u: float, alpha: float) -> float:
    return (u**alpha - 1 - alpha * (u - 1)) / (alpha * (alpha - 1))


# --- 6. Spot the slip: which loss, and whose gradient ---------------------------------------------------------


def two_objectives(p_data: np.ndarray, logits: np.ndarray) -> dict:
    q = np.exp(logits - np.max(logits))
    q = q / q.sum()
    d = p_data / (p_data + q)  # D*, then frozen
    value = np.sum(p_data * np.log(d)) + np.sum(q * np.log(1 - d))

    def gradient(cost: np.ndarray) -> np.ndarray:  # of the mean cost under softmax(logits)
        return q * (cost - q @ cost)

    return {
        "value": value,
        "discriminator_loss": -value,
        "minimax_gradient": gradient(np.log(1 - d)),
        "non_saturating_gradient": gradient(-np.log(d)),
    }


def _same_objective(p_data: np.ndarray, logits: np.ndarray) -> dict:
    answer = two_objectives(p_data, logits)
    return {**answer, "non_saturating_gradient": answer["minimax_gradient"]}


def _loss_is_value(p_data: np.ndarray, logits: np.ndarray) -> dict:
    answer = two_objectives(p_data, logits)
    return {**answer, "discriminator_loss": answer["value"]}


def _not_centred(p_data: np.ndarray, logits: np.ndarray) -> dict:
    q = np.exp(logits - np.max(logits))
    q = q / q.sum()
    d = p_data / (p_data + q)
    answer = two_objectives(p_data, logits)
    return {**answer, "minimax_gradient": q * np.log(1 - d), "non_saturating_gradient": -q * np.log(d)}


def _objective_inputs(rng: np.random.Generator) -> list[tuple]:
    p = _law(rng, 5)
    return [(p, rng.normal(size=5)), (_law(rng, 7), rng.normal(size=7)), (p, np.log(p) + 0.3)]


def _check_two_objectives(answer: object, p_data: np.ndarray, logits: np.ndarray) -> None:
    names = ("value", "discriminator_loss", "minimax_gradient", "non_saturating_gradient")
    value, loss, minimax, non_saturating = as_entries(answer, names)
    value, loss = as_number(value), as_number(loss)
    minimax, non_saturating = as_array(minimax, logits.shape), as_array(non_saturating, logits.shape)

    def model(g: np.ndarray) -> np.ndarray:
        return np.exp(g - g.max()) / np.exp(g - g.max()).sum()

    def slopes(f: Callable[[np.ndarray], float]) -> np.ndarray:
        h = 1e-4
        return np.array([(f(logits + h * e) - f(logits - h * e)) / (2 * h) for e in np.eye(logits.size)])

    truth = virtual_criterion(p_data, model(logits))
    if not close(value, truth):
        raise Wrong("value is not V(G, D*): at p_G = p_d it is -log 4, its minimum over generators")
    if not close(loss, -truth):
        raise Wrong("the discriminator's loss is minus the value: at p_G = p_d it is +log 4, its maximum")
    true_minimax = slopes(lambda g: virtual_criterion(p_data, model(g)))
    true_other = slopes(
        lambda g: kl_divergence(model(g), p_data) - (virtual_criterion(p_data, model(g)) + LOG4)
    )  # KL(p_G || p_d) - 2 JSD
    scale = 1e-6
    if abs(minimax.sum()) > scale or abs(non_saturating.sum()) > scale:
        raise Wrong(
            "the gradient's entries must sum to zero, since adding a constant to all logits changes nothing: "
            "the softmax couples them through the mean cost"
        )
    if not close(minimax, true_minimax, relative=1e-5, absolute=scale):
        raise Wrong(
            "minimax_gradient is not the gradient of E[log(1 - D*)] with D* frozen, which is that of C(G): "
            "only the law moves, the costs log(1 - D*) stay"
        )
    if close(non_saturating, minimax) and not close(true_other, true_minimax, absolute=1e-4):
        raise Wrong("the two objectives are not the same: -log D and log(1 - D) share the optimum, not the gradient")
    if not close(non_saturating, true_other, relative=1e-5, absolute=scale):
        raise Wrong("non_saturating_gradient is not the gradient of E[-log D*] with D* frozen")


# --- 7. Mini project: mutual information from two lower bounds ------------------------------------------------


def information_bounds(joint: np.ndarray, product: np.ndarray) -> dict:
    def features(xy: np.ndarray) -> np.ndarray:
        x, y = xy[:, 0], xy[:, 1]
        return np.stack([np.ones_like(x), x**2, y**2, x * y], axis=1)

    a, b = features(joint), features(product)
    c = np.zeros(4)
    for _ in range(50):  # logistic regression: joint is 1, product is 0
        da, db = 1 / (1 + np.exp(-a @ c)), 1 / (1 + np.exp(-b @ c))
        information = (a * (da * (1 - da))[:, None]).T @ a + (b * (db * (1 - db))[:, None]).T @ b
        c = c + np.linalg.solve(information, a.T @ (1 - da) - b.T @ db)
    log_ratio_joint, log_ratio_product = a @ c, b @ c
    return {
        "kl": 1 + log_ratio_joint.mean() - np.exp(log_ratio_product).mean(),
        "js": np.log(2)
        - 0.5 * np.logaddexp(0, -log_ratio_joint).mean()
        - 0.5 * np.logaddexp(0, log_ratio_product).mean(),
    }


def _conjugate_dropped(joint: np.ndarray, product: np.ndarray) -> dict:
    answer = information_bounds(joint, product)
    answer["kl"] = _true_bounds(joint, product)[2]
    return answer


def _half_dropped(joint: np.ndarray, product: np.ndarray) -> dict:
    answer = information_bounds(joint, product)
    answer["js"] = 2 * answer["js"]
    return answer


def _no_product_feature(joint: np.ndarray, product: np.ndarray) -> dict:
    return information_bounds(joint * [1, 0.0] + [0, 1.0] * np.abs(joint[:, 1:]), np.abs(product))


def _true_bounds(joint: np.ndarray, product: np.ndarray) -> tuple[float, float, float]:
    """Both bounds with the logistic fit found by a general optimiser; and the mean log ratio alone."""

    def features(xy: np.ndarray) -> np.ndarray:
        return np.stack([np.ones(len(xy)), xy[:, 0] ** 2, xy[:, 1] ** 2, xy[:, 0] * xy[:, 1]], axis=1)

    a, b = features(joint), features(product)

    def loss(c: np.ndarray) -> tuple[float, np.ndarray]:
        value = np.logaddexp(0, -a @ c).mean() + np.logaddexp(0, b @ c).mean()
        return value, -(a * expit(-a @ c)[:, None]).mean(axis=0) + (b * expit(b @ c)[:, None]).mean(axis=0)

    c = optimize.minimize(loss, np.zeros(4), jac=True, method="BFGS", options={"gtol": 1e-9}).x
    mean_ratio = float((a @ c).mean())
    js = math.log(2) - 0.5 * float(np.logaddexp(0, -a @ c).mean()) - 0.5 * float(np.logaddexp(0, b @ c).mean())
    return 1 + mean_ratio - float(np.exp(b @ c).mean()), js, mean_ratio


def _information_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for rho in rng.uniform([0.3, -0.7], [0.5, -0.5]):
        pairs = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], size=4000)
        cases.append((pairs[:2000], np.stack([pairs[2000:, 0], np.roll(pairs[2000:, 1], 1)], axis=1)))
    return cases


def _check_information_bounds(answer: object, joint: np.ndarray, product: np.ndarray) -> None:
    kl, js = map(as_number, as_entries(answer, ("kl", "js")))
    true_kl, true_js, mean_ratio = _true_bounds(joint, product)
    if close(js, 2 * true_js, relative=1e-4):
        raise Wrong("js is twice too large: the Jensen-Shannon bound takes the mean over both halves, as the JSD does")
    if close(kl, mean_ratio, relative=1e-6) and not close(kl, true_kl, relative=1e-6):
        raise Wrong(
            "kl is the mean log ratio alone: without the conjugate's mean under the product law it bounds nothing"
        )
    if not close(js, true_js, relative=1e-4, absolute=1e-7):
        raise Wrong(
            "js does not belong to the best logit in 1, x^2, y^2 and x y; is the product x y among the features, "
            "and is the joint sample the one with label 1?"
        )
    if not close(kl, true_kl, relative=1e-4, absolute=1e-6):
        raise Wrong("kl is not mean T - mean exp(T - 1) at T = 1 + logit")


EXERCISES = (
    Exercise(
        name="best_discriminator",
        title="The best discriminator, and what it leaves",
        prompt=r"""
Given two arrays of probabilities, return a dictionary with `"d_star"`, the array of $D^*_G$, and `"criterion"`,
the number $C(G)$ in nats. A term with probability 0 contributes 0. Where both laws vanish, $D^*$ is `nan`.
If one of the arrays is not a law (negative, or its sum off one by more than $10^{-8}$), return the string
`"not a law"`: don't renormalise.
""",
        stub='''
def best_discriminator(p_data, p_model):
    """{"d_star": array (n,), "criterion": number in nats}, or the string "not a law"."""
    ...
''',
        inputs=_arrays,
        check=_check_best_discriminator,
        solution=best_discriminator,
        mistakes=(
            Mistake("labels flipped", _flipped_discriminator, "upside down"),
            Mistake("0 log 0 is nan", _zero_log_zero, "the criterion is nan"),
            Mistake("1/2 where undefined", _half_where_undefined, "D* is undefined"),
            Mistake("renormalises", _renormalising, "does not sum to one"),
            Mistake("negative entries pass", _negative_passes, "has a negative entry"),
            Mistake("loss for value", _loss_for_value, "the discriminator's loss"),
        ),
        level=1,
        minutes=15,
    ),
    Exercise(
        name="slide_against_truth",
        title="Spot the slip: one half, and two logarithms of two",
        prompt=r"""
A slide reads: *"$D_\mathrm{KL}(p_d \Vert m)$ $+ \; D_\mathrm{KL}(p_G \Vert m)$ $= \mathrm{JSD}$, and since
$\log 2 \int p_G - \log 2 \int p_d = 0$ the constants vanish … so $C(G) = -\log 4 + \mathrm{JSD}$."* Two lines of it
are wrong. For two laws on the same outcomes (zeros may occur, supports may be disjoint) return a dictionary:
`"kl_sum"`, the left-hand side of the slide's first equation; `"criterion"`, the true $C(G)$; and `"from_slide"`, the
number that the slide's last formula gives (JSD with its halves). For disjoint supports, which of the three is 0?
Which differs from the truth by $\log 2$?
""",
        stub='''
def slide_against_truth(p_data, p_model):
    """{"kl_sum": ..., "criterion": ..., "from_slide": ...}, three numbers in nats."""
    ...
''',
        inputs=_criterion_inputs,
        check=_check_slide_against_truth,
        level=1,
        minutes=15,
        points=10,
    ),
    Exercise(
        name="largest_variation",
        title="Strictness: how different can the laws still be?",
        prompt=r"""
The theorem needs more than $C(G) \ge -\log 4$: it needs that equality forces $p_G = p_d$. Show the stronger statement
that a *small* gap forces *near* equality. Given `gap` $= C(G) + \log 4 > 0$, return an upper bound on
$\mathrm{TV}(p_d, p_G)$ that holds for all laws with this gap and goes to 0 like $\sqrt{\text{gap}}$. Route: apply
Pinsker's inequality {eq}`pinsker` to each of the two divergences to the midpoint. The check knows pairs of coins that
come close to the best possible bound.
""",
        stub='''
def largest_variation(gap):
    """The largest total variation that a gap C(G) + log 4 (nats) allows, by Pinsker: one number."""
    ...
''',
        inputs=lambda rng: [(float(gap),) for gap in [*np.exp(rng.uniform(-12, -1, size=4)), 1.2]],
        check=_check_largest_variation,
        solution=largest_variation,
        mistakes=(
            Mistake("no root", lambda gap: gap, "above your bound"),
            Mistake("constant", lambda gap: 1.0, "loose"),
            Mistake("not capped", lambda gap: max(1.05, gap**0.5), "says nothing"),
        ),
        level=2,
        minutes=20,
    ),
    Exercise(
        name="logistic_logit",
        title="Logistic regression is the best discriminator",
        prompt=r"""
The data are drawn from $N(0, 1)$, the model's samples from $N(1.5, 0.7^2)$. Fit a logistic regression on the features
$(1, x, x^2)$ by maximum likelihood and return its three coefficients. By {eq}`gaussian-logit` the best logit lies in
this family, so the coefficients must come within five standard errors of those of $\log p_d / p_G$.
""",
        stub='''
def logistic_logit(x_data, x_model):
    """Coefficients (c0, c1, c2) of the fitted logit; x_data (n,) is real, x_model (m,) is generated."""
    ...
''',
        inputs=lambda rng: [(rng.normal(0, 1, 5000), rng.normal(1.5, 0.7, 5000)) for _ in range(2)],
        check=_check_logistic_logit,
        solution=logistic_logit,
        mistakes=(
            Mistake("labels swapped", _labels_swapped, "swapped"),
            Mistake("straight line", _straight_line, "straight line"),
            Mistake("stopped early", _few_gradient_steps, "likelihood still rises"),
            Mistake("highest power first", lambda real, fake: logistic_logit(real, fake)[::-1], "order is upside down"),
        ),
        level=2,
        minutes=25,
    ),
    Exercise(
        name="alpha_row",
        title="A seventh row for the table",
        prompt=r"""
For $\alpha \notin \{0, 1\}$ the $\alpha$-divergence has
$f(u) = \dfrac{u^\alpha - 1 - \alpha (u - 1)}{\alpha (\alpha - 1)}$. Return a dictionary of arrays: `"f"` and
`"f_prime"` at the points `u > 0`; `"conjugate"`, the values $f^*(t) = \sup_{u \ge 0} (u t - f(u))$ at the points `t`
(for $\alpha > 1$ some $t$ lie below every slope of $f$); and `"critic"`, an output activation at the real numbers `v`
such that $v$ is the log density ratio: $T = f'(e^v)$.
""",
        stub='''
def alpha_row(alpha, u, t, v):
    """{"f": (n,), "f_prime": (n,), "conjugate": (m,), "critic": (k,)} for u (n,), t (m,), v (k,)."""
    ...
''',
        inputs=_alpha_inputs,
        check=_check_alpha_row,
        level=3,
        minutes=40,
        points=20,
    ),
    Exercise(
        name="two_objectives",
        title="Spot the slip: which loss is lowest, and are the two the same?",
        prompt=r"""
*"At $p_G = p_d$ the discriminator's loss reaches its lowest value"* and *"training G with $-\log D$ in effect leaves
the objective the same."* Put numbers against both. The generator's law is the softmax of `logits`; $D = D^*_G$ is
computed once and then frozen. Return a dictionary with `"value"` $V(G, D^*)$; `"discriminator_loss"`, what D's
optimiser descends, at $D^*$; and the gradients with respect to the logits of $\mathbb{E}_{p_G}[\log(1 - D^*)]$,
`"minimax_gradient"`, and of $\mathbb{E}_{p_G}[-\log D^*]$, `"non_saturating_gradient"`.
""",
        stub='''
def two_objectives(p_data, logits):
    """{"value", "discriminator_loss": numbers in nats, "minimax_gradient", "non_saturating_gradient": (n,)}."""
    ...
''',
        inputs=_objective_inputs,
        check=_check_two_objectives,
        solution=two_objectives,
        mistakes=(
            Mistake("the same objective", _same_objective, "are not the same"),
            Mistake("loss is the value", _loss_is_value, "minus the value"),
            Mistake("softmax not centred", _not_centred, "sum to zero"),
        ),
        level=2,
        minutes=25,
    ),
    Exercise(
        name="information_bounds",
        title="Mini project: mutual information from two lower bounds",
        prompt=r"""
Mutual information is a divergence, between the joint law of $(X, Y)$ and the product of its margins. For a bivariate
Gaussian with correlation $\rho$ it is $-\tfrac12 \log(1 - \rho^2)$, and the log ratio is a combination of
$1, x^2, y^2$ and $x y$. Fit a logistic regression on these four features (joint is 1, product is 0) and return, at its
logit $a$ and on the same samples, two estimates: `"kl"`, the bound {eq}`f-divergence-bound` on the mutual information
with $T = 1 + a$, and `"js"`, $\log 2$ minus the mean cross-entropy {eq}`best-cross-entropy`, a bound on the
Jensen-Shannon divergence. Then, as the project: draw the bias of both against $\rho$ from 0 to 0.95 with its standard
error over 20 draws, on the samples that fitted the critic and on fresh ones.
""",
        stub='''
def information_bounds(joint, product):
    """{"kl": ..., "js": ...} in nats; joint (n, 2) from p(x, y), product (m, 2) from p(x) p(y)."""
    ...
''',
        inputs=_information_inputs,
        check=_check_information_bounds,
        solution=information_bounds,
        mistakes=(
            Mistake("no conjugate", _conjugate_dropped, "mean log ratio alone"),
            Mistake("half forgotten", _half_dropped, "twice too large"),
            Mistake("x y missing", _no_product_feature, "among the features"),
        ),
        level=3,
        minutes=90,
        rubric=(
            "the bias curve over the correlation with its standard error, against the closed form; fresh samples for "
            "the estimate, so that it can be called a lower bound; a remark on what happens to the KL bound's variance "
            "as the correlation grows, and why the JS bound cannot be compared with the closed form directly."
        ),
    ),
)

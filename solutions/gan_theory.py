"""Solutions and typical mistakes of the assignments of the chapter on what the adversarial game computes."""

import numpy as np

from lectures_pkg.exercises import Mistake


def slide_against_truth(p_data, p_model):
    p_data, p_model = np.asarray(p_data, dtype=float), np.asarray(p_model, dtype=float)
    m = (p_data + p_model) / 2

    def kl_to_midpoint(p):
        seen = p > 0  # 0 log 0 = 0
        return np.sum(p[seen] * np.log(p[seen] / m[seen]))

    kl_sum = kl_to_midpoint(p_data) + kl_to_midpoint(p_model)
    return {"kl_sum": kl_sum, "criterion": -np.log(4) + kl_sum, "from_slide": -np.log(4) + kl_sum / 2}


def _halved(p_data, p_model):
    answer = slide_against_truth(p_data, p_model)
    return {**answer, "kl_sum": answer["kl_sum"] / 2}


def _constants_vanish(p_data, p_model):
    answer = slide_against_truth(p_data, p_model)
    return {**answer, "criterion": answer["kl_sum"]}


def _slide_repaired(p_data, p_model):
    answer = slide_against_truth(p_data, p_model)
    return {**answer, "from_slide": answer["criterion"]}


def _zero_log_zero(p_data, p_model):
    m = (p_data + p_model) / 2
    with np.errstate(all="ignore"):
        kl_sum = np.sum(p_data * np.log(p_data / m) + p_model * np.log(p_model / m))
    return {"kl_sum": kl_sum, "criterion": -np.log(4) + kl_sum, "from_slide": -np.log(4) + kl_sum / 2}


def alpha_row(alpha, u, t, v):
    f = (u**alpha - 1 - alpha * (u - 1)) / (alpha * (alpha - 1))
    f_prime = (u ** (alpha - 1) - 1) / (alpha - 1)
    # t = f'(u) has the solution u = (1 + (alpha - 1) t)^(1 / (alpha - 1)); below every slope, u = 0.
    base = np.maximum(1 + (alpha - 1) * np.asarray(t), 0.0)
    conjugate = (base ** (alpha / (alpha - 1)) - 1) / alpha
    return {"f": f, "f_prime": f_prime, "conjugate": conjugate, "critic": np.expm1((alpha - 1) * v) / (alpha - 1)}


def _no_constant(alpha, u, t, v):
    answer = alpha_row(alpha, u, t, v)
    return {**answer, "f": answer["f"] * alpha * (alpha - 1)}


def _wrong_slope(alpha, u, t, v):
    answer = alpha_row(alpha, u, t, v)
    return {**answer, "f_prime": u ** (alpha - 1) / (alpha - 1)}


def _sign_of_the_conjugate(alpha, u, t, v):
    answer = alpha_row(alpha, u, t, v)
    return {**answer, "conjugate": -answer["conjugate"]}


def _linear_critic(alpha, u, t, v):
    return {**alpha_row(alpha, u, t, v), "critic": v}


MISTAKES = {
    "slide_against_truth": (
        Mistake("one half too early", _halved, "carries one half already"),
        Mistake("constants vanish", _constants_vanish, "the constant is lost"),
        Mistake("slide repaired", _slide_repaired, "slip included"),
        Mistake("0 log 0 is nan", _zero_log_zero, "kl_sum is not finite"),
    ),
    "alpha_row": (
        Mistake("no factor", _no_constant, "lacks its factor"),
        Mistake("slope without its constant", _wrong_slope, "f_prime is not the derivative"),
        Mistake("sign of the conjugate", _sign_of_the_conjugate, "the conjugate at t"),
        Mistake("linear output", _linear_critic, "leaves the range"),
    ),
}

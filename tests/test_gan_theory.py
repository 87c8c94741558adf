"""The theory of the game: by hand, by SymPy, by enumeration and by finite differences; and what it refuses."""

import math

import numpy as np
import pytest
import sympy
from scipy import stats
from scipy.special import expit, softmax

from lectures_pkg import worlds
from lectures_pkg.gan_theory import (
    density_value,
    fit_logistic,
    gaussian_logit_coefficients,
    optimal_discriminator,
    push_forward,
    tabular_game,
    value_function,
    virtual_criterion,
)

LOG4 = math.log(4)


def test_pointwise_maximum_symbolically():
    p, q, d = sympy.symbols("p q D", positive=True)
    value = p * sympy.log(d) + q * sympy.log(1 - d)
    (stationary,) = sympy.solve(sympy.diff(value, d), d)
    assert sympy.simplify(stationary - p / (p + q)) == 0
    second = sympy.diff(value, d, 2)
    assert sympy.simplify(second + p / d**2 + q / (1 - d) ** 2) == 0
    assert sympy.simplify(second.subs(d, stationary) + (p + q) ** 3 / (p * q)) == 0  # negative for all p, q > 0
    half = sympy.Rational(1, 2)
    assert sympy.simplify(value.subs({d: half, p: half, q: half}) * 2 + sympy.log(4)) == 0


def test_three_outcomes_worked_by_hand():
    p, q = [1 / 2, 1 / 2, 0], [0, 1 / 2, 1 / 2]
    assert optimal_discriminator(p, q).tolist() == [1, 1 / 2, 0]
    # only the middle outcome costs anything: 1/2 log 1/2 + 1/2 log 1/2
    assert value_function(p, q, [1, 1 / 2, 0]) == pytest.approx(-math.log(2), rel=1e-15)
    assert virtual_criterion(p, q) == pytest.approx(-math.log(2), rel=1e-15)


def test_equal_and_disjoint_laws():
    p = [0.2, 0.3, 0.5]
    assert virtual_criterion(p, p) == -LOG4
    assert value_function(p, p, [0.5] * 3) == pytest.approx(-LOG4, rel=1e-15)
    assert virtual_criterion([1, 0], [0, 1]) == pytest.approx(0, abs=1e-15)
    assert value_function([1, 0], [0, 1], [1, 0]) == 0


def test_certain_and_wrong_costs_everything():
    assert value_function([0.5, 0.5], [0.5, 0.5], [0, 0.5]) == -np.inf
    assert value_function([1, 0], [0, 1], [1, 1]) == -np.inf


def test_undefined_where_both_vanish():
    d = optimal_discriminator([1, 0, 0], [0.5, 0.5, 0])
    assert d[:2] == pytest.approx([2 / 3, 0]) and np.isnan(d[2])
    assert np.isfinite(value_function([1, 0, 0], [0.5, 0.5, 0], d))  # nan is allowed exactly there
    assert value_function([1, 0, 0], [0.5, 0.5, 0], d) == pytest.approx(virtual_criterion([1, 0, 0], [0.5, 0.5, 0]))


def test_value_keeps_digits_where_d_is_near_one():
    assert value_function([1, 0], [1e-300, 1], [1 - 1e-16, 1e-17]) == pytest.approx(-1.1102230246251565e-16 - 1e-17)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([0.5, 0.6], [0.5, 0.5], [0.5, 0.5]), "p_data must sum to 1, found 1.1; it is not renormalised for you"),
        (([0.5, 0.5], [1.5, -0.5], [0.5, 0.5]), "p_model must not be negative, found -0.5"),
        (([0.5, 0.5], [1.0], [0.5]), "p_data has 2 outcomes but p_model has 1: they need the same outcomes"),
        (([0.5, 0.5], [0.5, 0.5], [0.5]), "d has shape (1,) but the laws have (2,)"),
        (([0.5, 0.5], [0.5, 0.5], [0.5, 1.2]), "d must lie in [0, 1], a probability and not a logit, found 1.2"),
        (([0.5, 0.5], [0.5, 0.5], [0.5, np.nan]), "d must lie in [0, 1], a probability and not a logit, found nan"),
    ],
)
def test_value_refuses_with_a_sentence(arguments, sentence):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        value_function(*arguments)
    assert str(caught.value) == sentence


def test_push_forward_by_hand_and_refusals():
    assert push_forward([0.1, 0.2, 0.3, 0.4], [2, 0, 2, 2], 4) == pytest.approx([0.2, 0, 0.8, 0])
    with pytest.raises(ValueError, match="outcomes must lie from 0 to 1, found 0 to 2"):
        push_forward([0.5, 0.5], [0, 2], 2)
    with pytest.raises(ValueError, match="outcomes must be 2 whole numbers, one for each z"):
        push_forward([0.5, 0.5], [0.0, 1.0], 2)
    with pytest.raises(ValueError, match="p_noise must sum to 1"):
        push_forward([0.5, 0.4], [0, 1], 2)


def test_density_value_of_a_constant_discriminator():
    for logit in (-1.0, 0.0, 30.0, 800.0):
        found = density_value(
            stats.norm.logpdf, stats.norm(1, 2).logpdf, lambda x, a=logit: np.full_like(x, a), -60, 60
        )
        assert found == pytest.approx(-np.logaddexp(0, -logit) - np.logaddexp(0, logit), rel=1e-10)


def test_gaussian_logit_coefficients_by_hand():
    # N(0, 1) against N(1, 1): x^2 cancels; (x - 1)^2 / 2 - x^2 / 2 = 1/2 - x
    assert gaussian_logit_coefficients(0, 1, 1, 1) == pytest.approx([0.5, -1, 0])
    # N(0, 1) against N(0, 2^2): log 2 - x^2 / 2 + x^2 / 8
    assert gaussian_logit_coefficients(0, 1, 0, 2) == pytest.approx([math.log(2), 0, -3 / 8])
    with pytest.raises(ValueError, match="standard deviations must be positive, found 0 and 1"):
        gaussian_logit_coefficients(0, 0, 1, 1)


def test_fit_logistic_agrees_with_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    x = np.r_[rng.normal(0, 1, 400), rng.normal(1, 0.7, 300)]
    labels = np.r_[np.ones(400), np.zeros(300)]
    ours, errors = fit_logistic(np.stack([np.ones_like(x), x, x**2], axis=1), labels)
    theirs = LogisticRegression(C=1e12, tol=1e-10, max_iter=10_000).fit(np.stack([x, x**2], axis=1), labels)
    assert ours == pytest.approx([theirs.intercept_[0], *theirs.coef_[0]], rel=1e-4)
    assert (errors > 0).all()


def test_fit_logistic_standard_error_by_hand():
    # intercept only, 30 of 100 real: the error of a logit is 1 / sqrt(n p (1 - p))
    labels = np.r_[np.ones(30), np.zeros(70)]
    coefficient, error = fit_logistic(np.ones((100, 1)), labels)
    assert coefficient == pytest.approx([math.log(3 / 7)]) and error == pytest.approx([1 / math.sqrt(21)])


def test_fit_logistic_refuses_with_a_sentence():
    with pytest.raises(ValueError, match="labels must be 0"):
        fit_logistic(np.ones((2, 1)), [0, 2])
    with pytest.raises(ValueError, match="features must be"):
        fit_logistic(np.ones(2), [0, 1])
    with pytest.raises(RuntimeError, match="do the features separate the labels"):
        fit_logistic(np.array([[1.0, -1.0], [1.0, 1.0]]), [0, 1])


@pytest.mark.parametrize("loss", ["saturating", "non_saturating"])
def test_one_round_of_the_game_follows_finite_differences(loss):
    data = worlds.strokes()
    start = np.full(16, 1 / 16)
    game = tabular_game(data, 1, loss=loss, discriminator_rate=3.0, generator_rate=0.7)
    h = 1e-6

    def value(a):
        return value_function(data, start, expit(a))

    slope = np.array([(value(h * e) - value(-h * e)) / (2 * h) for e in np.eye(16)])
    assert game.d[1] == pytest.approx(expit(3.0 * slope), abs=1e-8)
    cost = np.log(1 - game.d[1]) if loss == "saturating" else -np.log(game.d[1])
    descent = np.array([(softmax(h * e) - softmax(-h * e)) @ cost / (2 * h) for e in np.eye(16)])
    assert game.p_model[1] == pytest.approx(softmax(-0.7 * descent), abs=1e-8)


@pytest.mark.parametrize("loss", ["saturating", "non_saturating"])
def test_the_game_reaches_the_data_and_never_passes_the_bound(loss):
    game = tabular_game(worlds.strokes(), 800, loss=loss)
    assert game.jsd[0] > 0.3 and game.jsd[-1] < 2e-3
    criterion = -LOG4 + 2 * game.jsd
    assert (game.value <= criterion + 1e-12).all()  # V(G, D) <= C(G) in every round
    assert (criterion >= -LOG4).all()


def test_the_game_refuses_with_a_sentence():
    with pytest.raises(ValueError, match="loss must be 'saturating' or 'non_saturating', found 'wasserstein'"):
        tabular_game([0.5, 0.5], 1, loss="wasserstein")
    with pytest.raises(ValueError, match="rounds and steps must not be negative, found -1 and 1"):
        tabular_game([0.5, 0.5], -1)
    with pytest.raises(ValueError, match="p_data must sum to 1"):
        tabular_game([0.5, 0.6], 1)


def test_stored_results_are_within_theory():
    from lectures_pkg.experiments import spread

    results = spread("gan_theory")
    assert results["gap"].n_seeds == 5
    assert 0 < results["gap"].low <= results["gap"].high < 0.003  # below C(G), never above
    assert results["rms_to_best"].high < 0.03

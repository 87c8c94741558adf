"""Laws that answer questions: against tables, closed forms, SciPy and simulation."""

import itertools
import math
import re

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from lectures_pkg.divergences import integrate, total_variation
from lectures_pkg.experiments import generative_models as experiment
from lectures_pkg.experiments import spread
from lectures_pkg.generative_models import (
    ClassBernoulli,
    complete,
    condition_gaussian,
    corridor,
    coupling_forward,
    coupling_inverse,
    fit_class_bernoulli,
    learn_transitions,
    log_ratio_from_logit,
    metropolis_chain,
    metropolis_matrix,
    neighbour_proposal,
    push_forward_log_prob,
    steps_to_mix,
    weighted_mean,
)
from lectures_pkg.worlds import binary_images, strokes

NAN = math.nan
STROKES = ClassBernoulli(np.array([0.5, 0.5]), np.array([[0.98, 0.02, 0.98, 0.02], [0.02, 0.98, 0.02, 0.98]]))
#: Children: age (years), height (cm), weight (kg); covariances from the story, worked by hand.
MEAN, COVARIANCE = [9.0, 133.0, 30.0], [[4.0, 24.0, 14.0], [24.0, 180.0, 102.0], [14.0, 102.0, 67.0]]


# ---------------------------------------------------------------- one joint law


def test_weight_of_a_child_worked_by_hand():
    # weight = 30 + 0.5 (height - 133) + 0.5 (age - 9) + noise of 3 kg
    mean, covariance = condition_gaussian(MEAN, COVARIANCE, [0, 1], [9.0, 141.0])
    assert mean == pytest.approx([34.0])
    assert covariance == pytest.approx(np.array([[9.0]]))


def test_two_regression_lines_have_slopes_whose_product_is_the_squared_correlation():
    (weight,), _ = condition_gaussian(np.zeros(2), [[180.0, 102.0], [102.0, 67.0]], [0], [1.0])
    (height,), _ = condition_gaussian(np.zeros(2), [[180.0, 102.0], [102.0, 67.0]], [1], [1.0])
    assert weight * height == pytest.approx(102**2 / (180 * 67))


def test_order_of_observed_coordinates_does_not_matter(rng):
    root = rng.normal(size=(4, 4))
    first = condition_gaussian(np.arange(4.0), root @ root.T + np.eye(4), [3, 1], [0.5, -1.0])
    second = condition_gaussian(np.arange(4.0), root @ root.T + np.eye(4), [1, 3], [-1.0, 0.5])
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(one, other)


def test_conditioning_agrees_with_the_precision_matrix(rng):
    root = rng.normal(size=(4, 4))
    covariance = root @ root.T + np.eye(4)
    precision = np.linalg.inv(covariance)
    mean, spread_ = condition_gaussian(np.zeros(4), covariance, [0, 2], [1.0, -2.0])
    a, b = [1, 3], [0, 2]
    np.testing.assert_allclose(spread_, np.linalg.inv(precision[np.ix_(a, a)]))
    np.testing.assert_allclose(mean, -spread_ @ precision[np.ix_(a, b)] @ [1.0, -2.0])


def test_nothing_observed_changes_nothing():
    mean, covariance = condition_gaussian(MEAN, COVARIANCE, [], [])
    np.testing.assert_array_equal(mean, MEAN)
    np.testing.assert_array_equal(covariance, COVARIANCE)


@pytest.mark.parametrize(
    ("observed", "values", "sentence"),
    [
        ([3], [1.0], "observed must be different coordinates from 0 to 2, found [3]"),
        ([1, 1], [1.0, 1.0], "observed must be different coordinates from 0 to 2, found [1, 1]"),
        ([0, 1], [1.0], "each of the 2 observed coordinates needs one value, found shape (1,)"),
    ],
)
def test_bad_coordinates_are_refused(observed, values, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        condition_gaussian(MEAN, COVARIANCE, observed, values)


def test_completion_worked_by_hand():
    # Ink at the top left: left stroke with .98, so ink below it with .98^2 + .02^2.
    posterior = complete(strokes(), [1, NAN, NAN, NAN])
    images = binary_images()
    assert posterior @ images == pytest.approx([1, 2 * 0.98 * 0.02, 0.98**2 + 0.02**2, 2 * 0.98 * 0.02])
    assert posterior[images[:, 0] == 0].sum() == 0


def test_complete_with_nothing_or_everything_observed():
    np.testing.assert_allclose(complete(strokes(), [NAN] * 4), strokes())
    np.testing.assert_array_equal(complete(strokes(), [1, 0, 1, 0]), np.eye(16)[0b1010])


@pytest.mark.parametrize(
    ("law", "observed", "sentence"),
    [
        (strokes(0.0), [1, 1, NAN, NAN], "the observed pixels have probability zero under this law"),
        (strokes(), [1, 0.5, NAN, NAN], "pixels must be 0, 1, or nan where missing"),
        (strokes(), [1, NAN, NAN], "3 pixels need a law of 8 probabilities, found 16"),
    ],
)
def test_what_cannot_be_completed_is_refused(law, observed, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        complete(law, observed)


# ---------------------------------------------------------------- class-Bernoulli


def test_strokes_are_a_class_bernoulli_law():
    np.testing.assert_allclose(np.exp(STROKES.log_prob(binary_images())), strokes(), atol=1e-15)


def test_weights_of_the_strokes_worked_by_hand():
    weight, bias = STROKES.logistic_weights()
    assert weight == pytest.approx(2 * math.log(0.98 / 0.02) * np.array([-1, 1, -1, 1]))
    assert bias == pytest.approx(0)


def test_log_odds_have_the_weights_as_slopes():
    law = ClassBernoulli(np.array([0.3, 0.7]), np.array([[0.2, 0.6, 0.9], [0.7, 0.5, 0.1]]))
    weight, bias = law.logistic_weights()
    posterior = law.log_posterior(binary_images(3))
    log_odds = posterior[:, 1] - posterior[:, 0]
    np.testing.assert_allclose(log_odds, binary_images(3) @ weight + bias)
    for j in range(3):  # flipping one pixel
        flipped = np.eye(3)[j]
        up = law.log_posterior([flipped])[0] @ [-1, 1] - law.log_posterior([np.zeros(3)])[0] @ [-1, 1]
        assert up == pytest.approx(weight[j])


def test_missing_pixels_are_summed_out():
    law = ClassBernoulli(np.array([0.3, 0.7]), np.array([[0.2, 0.6, 0.9], [0.7, 0.5, 0.1]]))
    whole = np.exp(law.log_joint([[a, 1, b] for a, b in itertools.product((0, 1), repeat=2)])).sum(axis=0)
    np.testing.assert_allclose(np.exp(law.log_joint([[NAN, 1, NAN]]))[0], whole)
    np.testing.assert_allclose(np.exp(law.log_posterior([[NAN] * 3]))[0], law.prior)


def test_fill_in_agrees_with_enumeration():
    observed = [1, NAN, NAN, 0]
    np.testing.assert_allclose(STROKES.fill_in([observed])[0], complete(strokes(), observed) @ binary_images())


def test_fit_worked_by_hand():
    law = fit_class_bernoulli([[1, 0], [1, 1], [0, 0]], [0, 0, 1])
    np.testing.assert_allclose(law.prior, [2 / 3, 1 / 3])
    np.testing.assert_allclose(law.probabilities, [[3 / 4, 2 / 4], [1 / 3, 1 / 3]])


def test_fit_agrees_with_scikit_learn():
    from sklearn.naive_bayes import BernoulliNB

    data = experiment.digits(binary=True)
    x, y = data.train_images[:300], data.train_labels[:300]
    reference = BernoulliNB(alpha=1.0).fit(x, y).predict_log_proba(data.test_images)
    np.testing.assert_allclose(fit_class_bernoulli(x, y).log_posterior(data.test_images), reference, atol=1e-9)


def test_samples_follow_the_law(rng):
    images, labels = STROKES.sample(20_000, rng)
    codes = (images @ [8, 4, 2, 1]).astype(int)
    counts = np.bincount(codes, minlength=16)
    assert stats.chisquare(counts, 20_000 * strokes()).pvalue > 1e-6
    assert abs(labels.mean() - 0.5) < 5 * 0.5 / math.sqrt(20_000)


@pytest.mark.parametrize(
    ("x", "y", "alpha", "sentence"),
    [
        ([[0.5, 1]], [0], 1.0, "images must be binary, 0 or 1: threshold grey values first"),
        ([[0, 1]], [1], 1.0, "each label from 0 to 1 must be seen; label 0 is not"),
        ([[0, 1]], [0], -1.0, "alpha must not be negative, found -1.0"),
        ([0, 1], [0], 1.0, "x must have shape (n, n_pixels) and y (n,), found (2,) and (1,)"),
    ],
)
def test_bad_training_data_are_refused(x, y, alpha, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        fit_class_bernoulli(x, y, alpha)


def test_unsmoothed_counts_have_no_weights_but_a_likelihood_of_zero():
    law = fit_class_bernoulli([[1, 0], [0, 1]], [0, 1], alpha=0.0)
    assert law.log_prob([[1, 1]])[0] == -math.inf
    with pytest.raises(ValueError, match="infinite weight; smooth the counts"):
        law.logistic_weights()


def test_weights_need_two_classes_and_images_their_pixels():
    three = ClassBernoulli(np.full(3, 1 / 3), np.full((3, 2), 0.5))
    with pytest.raises(ValueError, match="compare two classes, this law has 3"):
        three.logistic_weights()
    with pytest.raises(ValueError, match="images need 2 pixels, found 3"):
        three.log_prob([[0, 1, 1]])


# ---------------------------------------------------------------- Metropolis


def test_metropolis_matrix_of_three_states_worked_by_hand():
    matrix = metropolis_matrix(np.log([1.0, 2.0, 1.0]), neighbour_proposal(3))
    np.testing.assert_allclose(matrix, [[1 / 2, 1 / 2, 0], [1 / 4, 1 / 2, 1 / 4], [0, 1 / 2, 1 / 2]])


def test_constant_of_the_weights_does_not_matter():
    log_weights = np.array([0.0, 700.0, -3.0, 2.0])
    q = neighbour_proposal(4)
    np.testing.assert_allclose(metropolis_matrix(log_weights, q), metropolis_matrix(log_weights + 900, q))


def test_target_is_the_left_eigenvector(rng):
    weights = rng.uniform(0.1, 5, 6)
    matrix = metropolis_matrix(np.log(weights), 0.7 * rng.dirichlet(np.ones(6), size=6) + 0.05)
    values, vectors = np.linalg.eig(matrix.T)
    law = np.real(vectors[:, np.argmax(np.real(values))])
    np.testing.assert_allclose(law / law.sum(), weights / weights.sum(), atol=1e-10)


def test_simulated_chain_makes_the_matrix_s_moves(rng):
    weights = np.array([1.0, 2.0, 4.0, 2.0, 1.0])
    q = 0.7 * rng.dirichlet(np.ones(5), size=5) + 0.06
    states = metropolis_chain(np.log(weights), q, 0, 60_000, rng)
    moves = np.zeros((5, 5))
    np.add.at(moves, (states[:-1], states[1:]), 1)
    matrix = metropolis_matrix(np.log(weights), q)
    for row, law in zip(moves, matrix, strict=True):
        assert stats.chisquare(row, row.sum() * law).pvalue > 1e-6


def test_steps_to_mix_of_a_chain_that_forgets_at_once_and_of_one_that_does_not():
    target = np.full(4, 0.25)
    assert steps_to_mix(np.full((4, 4), 0.25), target, start=0) == 1
    assert steps_to_mix(np.eye(4), np.eye(4)[2], start=2) == 0
    with pytest.raises(RuntimeError, match=r"after 10 steps the total variation is still 0\.75"):
        steps_to_mix(np.eye(4), target, start=0, max_steps=10)


def test_steps_to_mix_agrees_with_matrix_powers():
    weights = np.array([8.0, 1.0, 0.1, 1.0, 8.0])
    matrix, target = metropolis_matrix(np.log(weights), neighbour_proposal(5)), weights / weights.sum()
    steps = steps_to_mix(matrix, target, start=0)
    before, after = (total_variation(np.linalg.matrix_power(matrix, n)[0], target) for n in (steps - 1, steps))
    assert after < 0.01 <= before


@pytest.mark.parametrize(
    ("log_weights", "proposal", "sentence"),
    [
        ([0.0, -math.inf], neighbour_proposal(2), "log_weights must be a row of finite numbers"),
        ([0.0, 0.0], np.ones((2, 2)), "rows that sum to 1"),
        ([0.0, 0.0], [[0.5, 0.5], [0.0, 1.0]], "a move whose way back is impossible"),
    ],
)
def test_bad_chains_are_refused(log_weights, proposal, sentence):
    with pytest.raises(ValueError, match=sentence):
        metropolis_matrix(log_weights, proposal)


# ---------------------------------------------------------------- changing variables


def test_exponential_of_a_normal_is_scipy_s_lognormal():
    log_prob = push_forward_log_prob(stats.norm.logpdf, np.log, lambda x: 1 / x)
    x = np.array([0.01, 0.3, 1.0, 2.5, 40.0])
    np.testing.assert_allclose(log_prob(x), stats.lognorm(1).logpdf(x))


def test_decreasing_maps_have_positive_densities():
    log_prob = push_forward_log_prob(stats.norm.logpdf, lambda x: -x / 3, lambda x: np.full_like(x, -1 / 3))
    assert integrate(lambda x: np.exp(log_prob(x)), -np.inf, np.inf) == pytest.approx(1)


def test_coupling_is_inverted_exactly_and_normalised(rng):
    def log_scale(u):
        return np.sin(u)

    def shift(u):
        return u**2

    z = rng.normal(size=(50, 2))
    x, log_det = coupling_forward(z, log_scale, shift)
    np.testing.assert_allclose(coupling_inverse(x, log_scale, shift), z, atol=1e-12)
    # The pushed density, integrated over the plane on a fine grid.
    grid = np.linspace(-30, 60, 3001)
    total = 0.0
    for first in np.linspace(-5, 5, 101):
        points = np.column_stack([np.full_like(grid, first), grid])
        back = coupling_inverse(points, log_scale, shift)
        log_density = stats.norm.logpdf(back).sum(axis=1) - coupling_forward(back, log_scale, shift)[1]
        total += np.exp(log_density).sum() * (grid[1] - grid[0]) * 0.1
    assert total == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(log_det, np.sin(z[:, 0]))


# ---------------------------------------------------------------- weighing


def test_weighted_mean_worked_by_hand():
    result = weighted_mean([0.0, 1.0, 4.0], np.log([1.0, 2.0, 1.0]))
    assert result.mean == pytest.approx(6 / 4)
    assert result.effective_size == pytest.approx(16 / 6)
    assert result.standard_error == pytest.approx(math.sqrt((1.5**2 + 4 * 0.5**2 + 2.5**2) / 16))


def test_equal_weights_are_a_plain_mean(rng):
    values = rng.normal(size=100)
    result = weighted_mean(values, np.full(100, -1234.5))
    assert result.mean == pytest.approx(values.mean())
    assert result.effective_size == pytest.approx(100)


def test_weighted_mean_of_a_shifted_normal_and_its_effective_size(rng):
    x = rng.normal(1.0, 1.0, size=200_000)  # p is N(0, 1): log p/q = 1/2 - x
    result = weighted_mean(x, 0.5 - x)
    assert abs(result.mean) < 5 * result.standard_error
    assert result.effective_size / 200_000 == pytest.approx(math.exp(-1), rel=0.05)


def test_a_weight_may_be_zero_but_not_all():
    assert weighted_mean([1.0, 5.0], [0.0, -math.inf]).mean == 1.0
    with pytest.raises(ValueError, match="at least one weight must be positive"):
        weighted_mean([1.0, 5.0], [-math.inf, -math.inf])
    with pytest.raises(ValueError, match="rows of one length"):
        weighted_mean([1.0, 5.0], [0.0])


def test_ratio_from_the_best_classifier():
    p, q, n_p, n_q = np.array([0.2, 0.8]), np.array([0.6, 0.4]), 30, 70
    share = n_p * p / (n_p * p + n_q * q)  # label 1 among equal x
    np.testing.assert_allclose(np.exp(log_ratio_from_logit(np.log(share / (1 - share)), n_p, n_q)), p / q)
    np.testing.assert_allclose(expit(np.log(share / (1 - share))), share)


# ---------------------------------------------------------------- planning


def test_value_of_staying_at_the_prize():
    problem = corridor(slip=0.0)
    assert problem.policy_value((0, 0, 1, 1, 1)) == pytest.approx([3.0, 2.4, 0.8**2 * 5, 0.8 * 5, 5.0])


def test_value_iteration_finds_the_best_of_all_policies():
    problem = corridor()
    value = np.zeros(5)
    for _ in range(300):
        value = problem.reward + problem.discount * (problem.transition @ value).max(axis=0)
    best = np.max([problem.policy_value(policy) for policy in problem.policies()], axis=0)
    np.testing.assert_allclose(best, value, atol=1e-10)
    assert len(problem.policies()) == 32


def test_simulated_rewards_agree_with_the_exact_value(rng):
    problem = corridor()
    totals = problem.simulate((0, 1, 1, 0, 1), 3, 4000, 80, rng)
    exact = problem.policy_value((0, 1, 1, 0, 1))[3]
    assert abs(totals.mean() - exact) < 5 * totals.std(ddof=1) / math.sqrt(4000)


def test_learned_transitions_are_smoothed_counts():
    learned = learn_transitions([0, 0, 1], [0, 0, 1], [1, 1, 0], n_states=2, n_actions=2, alpha=0.5)
    np.testing.assert_allclose(learned, [[[0.5 / 3, 2.5 / 3], [0.5, 0.5]], [[0.5, 0.5], [1.5 / 2, 0.5 / 2]]])
    with pytest.raises(ValueError, match="alpha must be positive"):
        learn_transitions([0], [0], [0], 1, 1, alpha=0.0)


def test_a_policy_needs_an_action_in_each_state():
    with pytest.raises(ValueError, match="one action for each of the 5 states"):
        corridor().policy_value((0, 1))


# ---------------------------------------------------------------- the experiment


def test_best_accuracy_bounds_every_classifier_of_the_synthetic_world():
    for seed in range(3):
        accuracies = experiment.synthetic_accuracies(10, seed)
        assert max(accuracies.values()) == accuracies["best"] < 1


def test_few_labels_are_balanced_and_different():
    data = experiment.digits(binary=False)
    chosen = experiment.few_labels(data, 7, 3)
    assert len(set(chosen.tolist())) == 70
    np.testing.assert_array_equal(np.bincount(data.train_labels[chosen]), np.full(10, 7))


def test_stored_accuracies_are_those_of_a_run():
    stored = spread("generative_models")
    seed_zero = experiment.digit_accuracies(5, 0)
    for name, accuracy in seed_zero.items():
        numbers = stored[f"digits/{name}/5"]
        assert numbers.n_seeds == 20
        assert numbers.low - 0.01 <= accuracy <= numbers.high + 0.01


def test_a_law_of_digits_beats_independent_pixels():
    data = experiment.digits(binary=True)
    law = fit_class_bernoulli(data.train_images, data.train_labels)
    independent = fit_class_bernoulli(data.train_images, np.zeros(len(data.train_labels), dtype=int))
    gain = law.log_prob(data.test_images) - independent.log_prob(data.test_images)
    assert gain.mean() > 4
    assert independent.log_prob(data.test_images).mean() > -64 * math.log(2)  # better than fair coins


@pytest.fixture
def rng():
    return np.random.default_rng(7)

"""Tests with a null against SciPy, scikit-learn and brute force; modes counted by hand."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import linalg, optimize, stats
from scipy.special import logsumexp
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.neighbors import KernelDensity, NearestNeighbors

from lectures_pkg.datasets import load_digits8
from lectures_pkg.metrics import (
    Judge,
    birthday_test,
    classifier_two_sample_test,
    frechet_distance,
    gan_test,
    gan_train,
    ks_test,
    linear_probe,
    median_distance,
    memorisation_test,
    mmd2_unbiased,
    mmd_test,
    mode_report,
    moment_errors,
    nearest_distances,
    parzen_log_density,
    permutation_test,
    precision_recall,
)


def test_importing_metrics_does_not_import_torch():
    code = "import sys, lectures_pkg.metrics; sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Kolmogorov-Smirnov


def test_ks_worked_by_hand():
    # uniform CDF at 0.1, 0.4, 0.9; steps at 1/3, 2/3, 1: the largest gap is 2/3 - 0.4 above the line
    assert ks_test([0.4, 0.9, 0.1], stats.uniform.cdf).statistic == pytest.approx(2 / 3 - 0.4)


def test_ks_of_one_sample():
    # D = max(F, 1 - F), and P(D >= d) = 2 (1 - d) for d >= 1/2
    result = ks_test([0.8], stats.uniform.cdf)
    assert result == pytest.approx((0.8, 0.4))


def test_ks_statistic_against_brute_force():
    rng = np.random.default_rng(0)
    x = rng.normal(0.3, 1.2, size=200)
    law = stats.norm()
    grid = np.concatenate([np.sort(x) - 1e-12, np.sort(x)])
    gap = max(abs(np.mean(x <= t) - law.cdf(t)) for t in grid)
    assert ks_test(x, law.cdf).statistic == pytest.approx(gap, abs=1e-9)


def test_ks_p_values_are_uniform_under_the_null():
    rng = np.random.default_rng(1)
    p_values = [ks_test(rng.exponential(size=30), stats.expon.cdf).p_value for _ in range(400)]
    assert stats.kstest(p_values, "uniform").pvalue > 1e-6


@pytest.mark.parametrize("samples", [[], [[1.0, 2.0]], [1.0, np.nan], [np.inf]])
def test_ks_refuses_what_is_no_row_of_numbers(samples):
    with pytest.raises(ValueError, match="samples must be a row of finite numbers, found shape"):
        ks_test(samples, stats.norm.cdf)


# moments


def test_moment_errors_worked_by_hand():
    # points (0,0), (2,0), (0,2), (2,2): mean (1,1), covariance 4/3 I
    points = [[0, 0], [2, 0], [0, 2], [2, 2]]
    errors = moment_errors(points, [1, -2], [[1, 0], [0, 1]])
    assert errors == pytest.approx((3, math.sqrt(2) / 3))


def test_moment_errors_in_one_dimension():
    assert moment_errors([1.0, 3.0], [2.0], [[2.0]]) == pytest.approx((0, 0))


def test_moment_errors_refuse_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"need a mean of shape \(2,\) and a covariance of shape \(2, 2\)"):
        moment_errors(np.zeros((4, 2)), 0.0, np.eye(2))


# maximum mean discrepancy


def brute_force_mmd2(x, y, h):
    """The unbiased estimate, pair by pair, with scikit-learn's kernel."""
    kernel = lambda a, b: rbf_kernel([a], [b], gamma=1 / (2 * h**2)).item()  # noqa: E731
    pairs = lambda s: np.mean([kernel(a, b) for a, b in itertools.permutations(s, 2)])  # noqa: E731
    return pairs(x) + pairs(y) - 2 * np.mean([kernel(a, b) for a in x for b in y])


@pytest.mark.parametrize(("n", "m", "dim"), [(2, 2, 1), (4, 7, 2), (9, 3, 3)])
def test_mmd_against_brute_force(n, m, dim):
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(n, dim)), rng.normal(0.5, 2, size=(m, dim))
    assert mmd2_unbiased(x, y, 0.7) == pytest.approx(brute_force_mmd2(x, y, 0.7), abs=1e-12)


def test_mmd_worked_by_hand():
    # bandwidth so that k = exp(-d^2): x = {0, 0}, y = {1, 1}: 1 + 1 - 2 exp(-1)
    assert mmd2_unbiased([0.0, 0.0], [1.0, 1.0], math.sqrt(0.5)) == pytest.approx(2 - 2 / math.e)


def test_mmd_is_symmetric_and_survives_far_points():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(6, 2)), rng.normal(size=(4, 2)) + 1e6
    assert mmd2_unbiased(x, y, 1.0) == pytest.approx(mmd2_unbiased(y, x, 1.0), abs=1e-15)
    far = mmd2_unbiased(x, y, 1.0)
    assert 0 < far <= 2


def test_median_distance():
    # distances 1, 2, 3
    assert median_distance([0.0, 1.0, 3.0]) == 2


# permutation tests


def mean_gap(x, y):
    return abs(x.mean() - y.mean())


def test_permutation_p_value_against_all_splits():
    """On six points the exact p-value is a count over the 20 splits; the sampled one comes near it."""
    x, y = np.array([0.0, 1.0, 2.5]), np.array([2.0, 4.0, 5.0])
    pooled = np.concatenate([x, y])
    gaps = []
    for chosen in itertools.combinations(range(6), 3):
        rest = [i for i in range(6) if i not in chosen]
        gaps.append(abs(pooled[list(chosen)].mean() - pooled[rest].mean()))
    exact = np.mean(np.array(gaps) >= mean_gap(x, y) - 1e-12)
    found = permutation_test(mean_gap, x, y, 4000, np.random.default_rng(0))
    assert found.statistic == pytest.approx(mean_gap(x, y))
    assert abs(found.p_value - exact) < 5 * math.sqrt(exact * (1 - exact) / 4000)


def test_permutation_p_value_agrees_with_scipy():
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=20), rng.normal(0.8, 1, size=15)
    ours = permutation_test(mean_gap, x, y, 2000, rng).p_value
    theirs = stats.permutation_test(
        (x, y), mean_gap, n_resamples=2000, alternative="greater", rng=np.random.default_rng(6)
    ).pvalue
    assert abs(ours - theirs) < 5 * math.sqrt(2 * theirs / 2000) + 1e-3


def test_smallest_p_value_counts_the_observed_split():
    x, y = np.arange(20.0), np.arange(20.0) + 1000
    assert permutation_test(mean_gap, x, y, 99, np.random.default_rng(0)).p_value == 0.01


def test_ties_count_as_at_least_as_large():
    same = np.ones(5)
    assert permutation_test(mean_gap, same, same, 9, np.random.default_rng(0)).p_value == 1


def test_mmd_test_is_the_permutation_test_of_mmd():
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(15, 2)), rng.normal(0.4, 1, size=(11, 2))
    fast = mmd_test(x, y, 1.3, 60, np.random.default_rng(8))
    slow = permutation_test(lambda a, b: mmd2_unbiased(a, b, 1.3), x, y, 60, np.random.default_rng(8))
    assert fast == pytest.approx(slow, abs=1e-12)


def test_mmd_test_sees_a_shift_and_keeps_its_level():
    rng = np.random.default_rng(9)
    x, y, z = rng.normal(size=(100, 2)), rng.normal(size=(100, 2)), rng.normal(1, 1, size=(100, 2))
    assert mmd_test(x, z, 1.0, 199, rng).p_value == 1 / 200
    assert mmd_test(x, y, 1.0, 199, rng).p_value > 0.01


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: mmd2_unbiased([[1.0, 2.0]] * 3, [1.0, 2.0], 1.0), "x has dimension 2 but y has 1"),
        (
            lambda: mmd2_unbiased([1.0], [1.0, 2.0], 1.0),
            "samples must be 2 or more finite points of shape (n, dim), found shape (1,)",
        ),
        (lambda: mmd2_unbiased([1.0, 2.0], [1.0, 2.0], 0.0), "bandwidth must be positive, found 0.0"),
        (
            lambda: permutation_test(mean_gap, [1.0, 2.0], [1.0, 2.0], 0, np.random.default_rng(0)),
            "n_permutations must be at least 1, found 0",
        ),
        (lambda: mode_report([[0.0]], [[0.0]], 0.0), "std must be positive, found 0.0"),
        (lambda: mode_report([[0.0]], [[0.0, 1.0]], 1.0), "samples have dimension 1 but centres have 2"),
        (
            lambda: mode_report(np.zeros((0, 2)), np.zeros((3, 2)), 1.0),
            "samples must be 1 or more finite points of shape (n, dim), found shape (0, 2)",
        ),
    ],
)
def test_bad_input_gets_one_clear_sentence(call, sentence):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the whole sentence is compared)
        call()
    assert str(caught.value) == sentence


# modes


CENTRES = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])


def test_mode_report_worked_by_hand():
    samples = [[0, 0], [0, 0.2], [0, 0.29], [10, 0], [10, 0.5], [5, 5]]  # std 0.1: good within 0.3
    report = mode_report(samples, CENTRES, 0.1)
    assert report.n_modes == 2
    assert report.high_quality == pytest.approx(4 / 6)
    assert report.counts.tolist() == [3, 1, 0, 0]
    # 3/4 log(3/4 * 4) + 1/4 log(1/4 * 4) = 3/4 log 3
    assert report.reverse_kl == pytest.approx(0.75 * math.log(3))


def test_the_border_at_three_standard_deviations_is_outside():
    report = mode_report([[3.0, 0.0], [2.999, 0.0]], CENTRES, 1.0)
    assert report.counts.tolist() == [1, 0, 0, 0]


def test_even_coverage_has_no_divergence_and_one_mode_has_log_k():
    assert mode_report(CENTRES, CENTRES, 1.0).reverse_kl == pytest.approx(0, abs=1e-15)
    assert mode_report(CENTRES[:1], CENTRES, 1.0).reverse_kl == pytest.approx(math.log(4))


def test_without_good_samples_the_divergence_is_undefined():
    report = mode_report([[50.0, 50.0]], CENTRES, 1.0)
    assert (report.n_modes, report.high_quality, report.counts.sum()) == (0, 0, 0)
    assert math.isnan(report.reverse_kl)


def test_mode_report_against_scipys_entropy():
    rng = np.random.default_rng(11)
    samples = CENTRES[rng.choice(4, size=500, p=[0.5, 0.3, 0.15, 0.05])] + rng.normal(size=(500, 2))
    report = mode_report(samples, CENTRES, 1.0)
    assert report.reverse_kl == pytest.approx(stats.entropy(report.counts, [0.25] * 4))
    # chi-square with two degrees of freedom: within three standard deviations
    assert abs(report.high_quality - stats.chi2(2).cdf(9)) < 5 * math.sqrt(0.011 / 500)


# A classifier between two samples


def test_two_sample_accuracy_of_far_samples_is_one_and_of_equal_laws_one_half():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 150, 3))
    far = classifier_two_sample_test(x, y + 20, rng)
    assert far.accuracy == 1 and far.standard_error == 0 and far.p_value == pytest.approx(0.5**300, rel=1e-9)
    same = classifier_two_sample_test(x, y, rng)
    assert abs(same.accuracy - 0.5) < 5 * 0.5 / math.sqrt(300)


def test_two_sample_p_value_is_the_binomial_tail():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 20, 2))
    found = classifier_two_sample_test(x, y + 1, rng, n_folds=4)
    right = round(40 * found.accuracy)
    tail = sum(math.comb(40, k) for k in range(right, 41)) / 2**40
    assert found.p_value == pytest.approx(tail)
    assert found.standard_error == pytest.approx(math.sqrt(found.accuracy * (1 - found.accuracy) / 40))


def test_two_sample_accuracy_nears_what_the_total_variation_allows():
    # No classifier beats (1 + TV) / 2; for two unit Gaussians 2 apart that is the normal CDF at 1.
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 1000, 1))
    found = classifier_two_sample_test(x, y + 2, rng)
    assert found.accuracy == pytest.approx(stats.norm.cdf(1), abs=5 * found.standard_error)


def test_two_sample_test_takes_images_as_they_are():
    rng = np.random.default_rng(3)
    x, y = rng.random((2, 30, 4, 4))
    first = classifier_two_sample_test(x, y, np.random.default_rng(0))
    assert first == classifier_two_sample_test(x.reshape(30, 16), y.reshape(30, 16), np.random.default_rng(0))


def test_two_sample_test_does_not_train_on_what_it_is_asked_about():
    # Pure noise in many dimensions: a machine that had seen the example would know it by heart.
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, 100, 400))
    assert classifier_two_sample_test(x, y, rng).accuracy < 0.65


@pytest.mark.parametrize(
    ("x", "y", "n_folds", "message"),
    [
        (np.zeros((5, 2)), np.zeros((4, 2)), 2, r"as many examples of one shape, found \(5, 2\) and \(4, 2\)"),
        (np.zeros((5, 2)), np.zeros((5, 3)), 2, r"as many examples of one shape, found \(5, 2\) and \(5, 3\)"),
        (np.zeros((5, 2)), np.full((5, 2), np.nan), 2, r"images must be finite numbers of shape \(n, ...\)"),
        (np.zeros(5), np.zeros(5), 2, r"images must be finite numbers of shape \(n, ...\), found shape \(5,\)"),
        (np.zeros((5, 2)), np.zeros((5, 2)), 6, "n_folds must be from 2 to the 5 examples, found 6"),
        (np.zeros((5, 2)), np.zeros((5, 2)), 1, "n_folds must be from 2 to the 5 examples, found 1"),
    ],
)
def test_two_sample_test_refuses_what_does_not_fit(x, y, n_folds, message):
    with pytest.raises(ValueError, match=message):
        classifier_two_sample_test(x, y, np.random.default_rng(0), n_folds=n_folds)


# The judge


@pytest.fixture(scope="module")
def digits():
    return load_digits8()


@pytest.fixture(scope="module")
def judge(digits):
    return Judge(digits.train_images, digits.train_labels)


def test_the_judge_recognises_digits_it_has_not_seen(judge, digits):
    assert np.mean(judge.predict(digits.test_images) == digits.test_labels) > 0.97


def test_the_judge_means_what_it_says(judge, digits):
    probabilities = judge.probabilities(digits.test_images)
    assert probabilities.shape == (450, 10) and probabilities.sum(axis=1) == pytest.approx(np.ones(450))
    right = probabilities.argmax(axis=1) == digits.test_labels
    sure = probabilities.max(axis=1)
    # Calibrated: the expected number of right answers, each with its own probability, within five standard errors
    assert abs(right.sum() - sure.sum()) < 5 * math.sqrt(np.sum(sure * (1 - sure)))
    # and sharper than the label frequencies: mean negative log-probability of the truth
    assert -np.log(probabilities[np.arange(450), digits.test_labels]).mean() < 0.1


def test_the_judge_s_temperature_is_that_of_the_largest_likelihood(digits):
    # Scores of another route: fresh folds by hand, and a grid of temperatures.
    from scipy.special import log_softmax
    from sklearn.model_selection import StratifiedKFold
    from sklearn.svm import SVC

    images, labels = digits.train_images[:400].reshape(400, 64), digits.train_labels[:400]
    scores = np.zeros((400, 10))
    for learn, ask in StratifiedKFold(5, shuffle=True, random_state=0).split(images, labels):
        for c in range(10):
            machine = SVC(C=10, gamma="scale").fit(images[learn], labels[learn] == c)
            scores[ask, c] = machine.decision_function(images[ask])
    grid = np.geomspace(0.1, 50, 2000)
    loss = [-log_softmax(beta * scores, axis=1)[np.arange(400), labels].mean() for beta in grid]
    assert Judge(digits.train_images[:400], labels).inverse_temperature == pytest.approx(
        grid[np.argmin(loss)], rel=0.01
    )


def test_the_judge_s_report(judge, digits):
    zeros_and_ones = digits.test_images[digits.test_labels <= 1]
    report = judge.report(zeros_and_ones)
    assert report.n_classes == 2 and report.counts.sum() == len(zeros_and_ones) and report.counts[2:].sum() <= 2
    assert report.confidence == pytest.approx(judge.probabilities(zeros_and_ones).max(axis=1).mean())
    assert judge.report(np.full((20, 8, 8), 0.5)).confidence < 0.6  # grey paper is no digit


def test_the_judge_keeps_the_names_of_its_classes():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(30, 2)) + np.repeat([[0, 0], [9, 0], [0, 9]], 10, axis=0)
    judge = Judge(images, np.repeat(["b", "c", "a"], 10))
    assert judge.classes.tolist() == ["a", "b", "c"]
    assert judge.predict([[9.0, 0.0], [0.0, 9.0]]).tolist() == ["c", "a"]


def test_the_judge_refuses_what_does_not_fit(judge):
    with pytest.raises(ValueError, match=r"this judge knows images of shape \(8, 8\), found \(28, 28\)"):
        judge.probabilities(np.zeros((1, 28, 28)))
    with pytest.raises(ValueError, match=r"4 images need as many labels, found shape \(3,\)"):
        Judge(np.zeros((4, 2)), [0, 1, 2])
    with pytest.raises(ValueError, match=r"3 or more classes with 5 or more images each, found counts \[3 3\]"):
        Judge(np.zeros((6, 2)), [0, 1] * 3)


class FirstPixel:
    """A judge that names an image by its first pixel."""

    def predict(self, images):
        return np.asarray(images).reshape(len(images), -1)[:, 0].astype(int)


def test_gan_test_counts_obeyed_labels_by_hand():
    images = np.array([[[0.0, 9]], [[1, 9]], [[2, 9]], [[2, 9]]])
    assert gan_test(FirstPixel(), images, [0, 1, 2, 1]) == 0.75


def test_gan_test_of_real_images_is_the_judges_accuracy(digits, judge):
    right = judge.predict(digits.test_images) == digits.test_labels
    assert gan_test(judge, digits.test_images, digits.test_labels) == pytest.approx(right.sum() / 450)
    shuffled = np.random.default_rng(0).permutation(digits.test_labels)
    assert gan_test(judge, digits.test_images, shuffled) < 0.1 + 5 * np.sqrt(0.09 / 450)


def test_gan_train_needs_labels_and_variety(digits):
    test = digits.test_images, digits.test_labels
    chosen = np.random.default_rng(0).choice(1347, size=500, replace=False)
    images, labels = digits.train_images[chosen], digits.train_labels[chosen]
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.svm import SVC

    expected = OneVsRestClassifier(SVC(C=10, gamma="scale")).fit(images.reshape(500, -1), labels)
    found = gan_train(images, labels, *test)
    assert found == pytest.approx(expected.score(digits.test_images.reshape(450, -1), digits.test_labels))
    assert found > 0.95
    assert gan_train(images, np.random.default_rng(1).permutation(labels), *test) < 0.4
    one_each = np.array([images[labels == label][0] for label in range(10)])
    assert gan_train(np.repeat(one_each, 5, axis=0), np.repeat(np.arange(10), 5), *test) < 0.85


def test_labels_that_do_not_fit_the_images_are_refused(digits):
    images, labels = digits.test_images[:20], digits.test_labels[:20]
    with pytest.raises(ValueError, match=r"each image needs one label, found shapes \(20, 8, 8\) and \(19,\)"):
        gan_test(FirstPixel(), images, labels[:19])
    with pytest.raises(ValueError, match="each image needs one label"):
        gan_train(images[:0], labels[:0], images, labels)
    with pytest.raises(ValueError, match=r"must have one shape, found \(8, 8\) and \(64,\)"):
        gan_train(images, labels, images.reshape(20, 64), labels)
    with pytest.raises(ValueError, match=r"two classes or more, found \[3\] only"):
        gan_train(images, np.full(20, 3), images, labels)


# Precision and recall


def test_precision_and_recall_worked_by_hand():
    # k = 1. Real at 0, 1, 3: radii 1, 1, 2. Generated at 1.5, 6, 6.5: radii 4.5, 0.5, 0.5.
    found = precision_recall([[0.0], [1.0], [3.0]], [[1.5], [6.0], [6.5]], k=1)
    # 1.5 lies in the ball of 1; 6 and 6.5 in none (3 reaches to 5). The ball of 1.5 reaches from -3 to 6: all real.
    assert found == pytest.approx((1 / 3, 1.0))


@pytest.mark.parametrize(("n", "m", "k"), [(30, 30, 3), (40, 17, 1), (12, 25, 5)])
def test_precision_and_recall_against_scikit_learns_neighbours(n, m, k):
    rng = np.random.default_rng(n)
    real, generated = rng.normal(size=(n, 2)), rng.normal(0.4, 1.3, size=(m, 2))

    def covered(centres, points):
        radii = NearestNeighbors(n_neighbors=k + 1).fit(centres).kneighbors(centres)[0][:, -1]
        gaps = [[math.dist(c, p) <= r for c, r in zip(centres, radii, strict=True)] for p in points]
        return np.mean(np.any(gaps, axis=1))

    assert precision_recall(real, generated, k=k) == pytest.approx((covered(real, generated), covered(generated, real)))


def test_precision_and_recall_of_copies_are_one_and_of_far_points_zero():
    x = np.random.default_rng(0).normal(size=(20, 3))
    assert precision_recall(x, x) == (1, 1)
    assert precision_recall(x, x + 1e3) == (0, 0)


def test_duplicates_count_as_neighbours():
    # four times the same point, k = 3: a ball of radius 0, which covers that point and nothing else
    same, other = np.zeros((4, 2)), np.array([[0.0, 0], [0.1, 0], [5, 5], [6, 6]])
    assert precision_recall(same, other).precision == 0.25


def test_lost_modes_are_lost_recall_and_not_lost_precision():
    rng = np.random.default_rng(1)
    real = CENTRES[rng.integers(4, size=400)] + 0.1 * rng.normal(size=(400, 2))
    half = CENTRES[rng.integers(2, size=400)] + 0.1 * rng.normal(size=(400, 2))
    found = precision_recall(real, half)
    assert found.precision > 0.9 and abs(found.recall - 0.5) < 0.1


# Frechet distance


@pytest.mark.parametrize("dim", [1, 4])
def test_frechet_distance_against_scipys_matrix_root(dim):
    rng = np.random.default_rng(dim)
    x, y = rng.normal(size=(50, dim)), rng.normal(size=(40, dim)) @ rng.normal(size=(dim, dim)) + 1
    cov_x, cov_y = (np.cov(s, rowvar=False).reshape(dim, dim) for s in (x, y))
    cross = np.trace(linalg.sqrtm(cov_x @ cov_y)).real
    expected = np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(cov_x) + np.trace(cov_y) - 2 * cross
    assert frechet_distance(x, y) == pytest.approx(expected)


def test_frechet_distance_worked_by_hand():
    # means 0 and 4, variances (divisor n - 1) 2 and 8: 16 + (sqrt 8 - sqrt 2)^2 = 16 + 2
    assert frechet_distance([[-1.0], [1.0]], [[2.0], [6.0]]) == pytest.approx(18)


def test_frechet_distance_of_one_law_is_not_zero_but_halves_when_samples_double():
    rng = np.random.default_rng(2)
    small, large = (np.mean([frechet_distance(*rng.normal(size=(2, n, 5))) for _ in range(100)]) for n in (100, 200))
    assert small > 0.05 and abs(small / large - 2) < 0.2


# Parzen windows


@pytest.mark.parametrize("dim", [1, 3, 64])
def test_parzen_against_scikit_learns_kernel_density(dim):
    rng = np.random.default_rng(dim)
    centres, x = rng.normal(size=(25, dim)), rng.normal(size=(7, dim))
    expected = KernelDensity(bandwidth=0.4).fit(centres).score_samples(x)
    assert parzen_log_density(x, centres, 0.4) == pytest.approx(expected)


def test_parzen_against_scipys_gaussians_and_far_away():
    centres, x = np.array([[0.0], [3.0]]), np.array([[1.0], [1e4]])
    windows = [stats.norm(c, 0.5).logpdf(x[:, 0]) for c in (0.0, 3.0)]
    assert parzen_log_density(x, centres, 0.5) == pytest.approx(logsumexp(windows, axis=0) - math.log(2))


def test_parzen_integrates_to_one():
    grid = np.linspace(-10, 10, 4001)
    density = np.exp(parzen_log_density(grid[:, None], [[-1.0], [0.5], [2.0]], 0.3))
    assert np.trapezoid(density, grid) == pytest.approx(1)


# Birthdays


def test_birthday_pairs_counted_by_hand():
    # 7, 7, 7 make three pairs and 2, 2 one: four of the ten pairs of five samples, 10 / 4
    assert birthday_test([[7], [2], [7], [7], [2]]) == (4, 2.5)
    assert birthday_test([[1], [2], [3]]) == (0, math.inf)


def test_birthday_pairs_against_brute_force():
    rng = np.random.default_rng(3)
    images = rng.integers(2, size=(60, 3, 2))
    pairs = sum(math.dist(a.ravel(), b.ravel()) <= 1 for a, b in itertools.combinations(images, 2))
    assert birthday_test(images, distance=1.0).n_pairs == pairs


def test_birthday_support_of_a_uniform_law_and_of_an_uneven_one():
    rng = np.random.default_rng(4)
    assert birthday_test(rng.integers(50, size=(2000, 1))).support == pytest.approx(50, rel=0.05)
    uneven = rng.choice(3, size=(2000, 1), p=[0.8, 0.1, 0.1])
    assert birthday_test(uneven).support == pytest.approx(1 / 0.66, rel=0.08)


# Memorisation


def test_nearest_distances_against_scikit_learn():
    rng = np.random.default_rng(5)
    points, reference = rng.normal(size=(9, 4)), rng.normal(size=(30, 4))
    expected = NearestNeighbors(n_neighbors=1).fit(reference).kneighbors(points)[0][:, 0]
    assert nearest_distances(points, reference) == pytest.approx(expected)


def test_memorisation_worked_by_hand():
    # distances to the nearest of 0 and 10: generated 0, 0, 1; held-out 2, 4, so the ratio is (1/3) / 3
    found = memorisation_test([[0.0], [10.0], [9.0]], [[2.0], [6.0]], [[0.0], [10.0]])
    assert found.distance_ratio == pytest.approx(1 / 9)
    # without ties, one of the C(5, 2) = 10 ways to rank two held-out among five puts both on top
    exact = memorisation_test([[0.5], [10.2], [9.0]], [[2.0], [6.0]], [[0.0], [10.0]])
    assert exact.p_value == pytest.approx(1 / 10)


def test_memorisation_p_value_is_the_rank_test_over_all_splits():
    rng = np.random.default_rng(6)
    train, generated, fresh = rng.normal(size=(20, 2)), rng.normal(size=(5, 2)) * 0.5, rng.normal(size=(4, 2)) * 1.5
    distances = np.array([min(math.dist(p, t) for t in train) for p in [*generated, *fresh]])
    ranks = stats.rankdata(distances)
    observed = ranks[:5].sum()
    sums = [sum(ranks[list(chosen)]) for chosen in itertools.combinations(range(9), 5)]
    assert memorisation_test(generated, fresh, train).p_value == pytest.approx(np.mean(np.array(sums) <= observed))


def test_memorisation_sees_copies_and_passes_fresh_samples():
    rng = np.random.default_rng(7)
    train, held_out, fresh = rng.normal(size=(3, 200, 3))
    assert memorisation_test(train[:100], held_out, train) == (0, pytest.approx(0, abs=1e-30))
    found = memorisation_test(fresh, held_out, train)
    assert abs(found.distance_ratio - 1) < 0.3 and found.p_value > 1e-3


def test_memorisation_p_values_are_uniform_under_the_null():
    rng = np.random.default_rng(8)
    p_values = []
    for _ in range(200):
        train, held_out, fresh = rng.normal(size=(3, 40, 2))
        p_values.append(memorisation_test(fresh, held_out, train).p_value)
    assert stats.kstest(p_values, "uniform").pvalue > 1e-6


# Probes


def probe_by_scipy(train, labels, test, truth):
    """Multinomial logistic regression as an optimisation problem: cross-entropy / n + |w|^2 / (2 C n), C = 0.1."""
    mean, std = train.mean(axis=0), train.std(axis=0)
    x, z = (train - mean) / std, (test - mean) / std
    n, dim, k = *x.shape, labels.max() + 1

    def loss(flat):
        weight, bias = flat[: dim * k].reshape(dim, k), flat[dim * k :]
        scores = x @ weight + bias
        misfit = logsumexp(scores, axis=1) - scores[np.arange(n), labels]
        return misfit.mean() + np.sum(weight**2) / (2 * 0.1 * n)

    flat = optimize.minimize(loss, np.zeros(dim * k + k), method="BFGS").x
    return np.mean(np.argmax(z @ flat[: dim * k].reshape(dim, k) + flat[dim * k :], axis=1) == truth)


def test_linear_probe_against_scipys_optimiser():
    rng = np.random.default_rng(9)
    labels, truth = rng.integers(3, size=60), rng.integers(3, size=200)
    middles = rng.normal(size=(3, 4))
    train, test = (middles[y] * 1.5 + rng.normal(size=(len(y), 4)) * [1, 5, 0.2, 1] for y in (labels, truth))
    found = linear_probe(train, labels, test, truth, rng)
    assert found.accuracy == pytest.approx(probe_by_scipy(train, labels, test, truth), abs=0.011)
    assert found.standard_error == pytest.approx(math.sqrt(found.accuracy * (1 - found.accuracy) / 200))


def test_linear_probe_with_few_labels_is_the_mean_over_draws(digits):
    arguments = (digits.train_images, digits.train_labels, digits.test_images, digits.test_labels)
    few = linear_probe(*arguments, np.random.default_rng(0), n_per_class=5, n_repeats=4)
    again = linear_probe(*arguments, np.random.default_rng(0), n_per_class=5, n_repeats=4)
    all_of_them = linear_probe(*arguments, np.random.default_rng(0))
    assert few == again and 0.6 < few.accuracy < 0.93 < all_of_them.accuracy
    assert 0 < few.standard_error < 0.05


def test_the_error_of_a_probe_falls_with_the_root_of_the_draws(digits):
    arguments = (digits.train_images[:300], digits.train_labels[:300], digits.test_images, digits.test_labels)
    few, many = (
        linear_probe(*arguments, np.random.default_rng(1), n_per_class=3, n_repeats=n).standard_error for n in (5, 45)
    )
    assert 1.5 < few / many < 6  # 3 in expectation


def test_linear_probe_reads_nothing_from_noise():
    rng = np.random.default_rng(10)
    labels, truth = np.arange(100) % 2, np.arange(400) % 2
    found = linear_probe(rng.normal(size=(100, 3)), labels, rng.normal(size=(400, 3)), truth, rng)
    assert abs(found.accuracy - 0.5) < 5 * found.standard_error


ROWS = np.arange(10.0).reshape(5, 2)
RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: precision_recall(ROWS, ROWS, k=5), "k must be from 1 to one less than the 5 examples, found 5"),
        (lambda: precision_recall(ROWS, ROWS, k=0), "k must be from 1 to one less than the 5 examples, found 0"),
        (
            lambda: precision_recall(ROWS, np.zeros((5, 3))),
            "both must hold examples of one shape, found (5, 2) and (5, 3)",
        ),
        (lambda: frechet_distance(ROWS, ROWS[:1]), "each needs 2 or more examples, found 5 and 1"),
        (lambda: parzen_log_density(ROWS, ROWS, 0.0), "bandwidth must be positive, found 0.0"),
        (
            lambda: parzen_log_density(ROWS, [1.0, 2.0], 1.0),
            "images must be finite numbers of shape (n, ...), found shape (2,)",
        ),
        (lambda: birthday_test(ROWS[:1]), "a pair needs 2 or more samples, found 1"),
        (lambda: birthday_test(ROWS, distance=-1), "distance must be 0 or positive, found -1"),
        (
            lambda: memorisation_test(ROWS, ROWS, ROWS),
            "every held-out example is a training example: they can't say how near a fresh one lies",
        ),
        (
            lambda: linear_probe(ROWS, [0, 1, 0, 1], ROWS, [0, 1, 0, 1, 0], RNG),
            "5 and 5 feature rows need as many labels, found shapes (4,), (5,)",
        ),
        (
            lambda: linear_probe(ROWS, [0, 1, 0, 1, 0], ROWS, [0, 1, 0, 1, 0], RNG, n_per_class=3),
            "n_per_class must be from 1 to the smallest class's 2, found 3",
        ),
        (
            lambda: linear_probe(ROWS, [0, 1, 0, 1, 0], ROWS, [0, 1, 0, 1, 0], RNG, n_per_class=1, n_repeats=0),
            "n_repeats must be at least 1, found 0",
        ),
    ],
)  # fmt: skip
def test_measures_of_samples_refuse_what_does_not_fit(call, sentence):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the whole sentence is compared)
        call()
    assert str(caught.value) == sentence

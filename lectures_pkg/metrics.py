"""Measuring samples: tests with a null, errors of moments, and modes found.

NumPy and SciPy only. Whoever compares two sets of points here gets a statistic *and* what the statistic
does when nothing is wrong, because a distance of 0.003 says nothing by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats
from scipy.spatial.distance import cdist, pdist
from scipy.special import log_softmax, softmax


class NullTest(NamedTuple):
    """A statistic, and how often the null alone gives one at least as large."""

    statistic: float
    p_value: float


class MomentErrors(NamedTuple):
    """Distances of the sample's first two moments from the true ones, in the units of the data (squared)."""

    mean: float  #: Euclidean norm
    covariance: float  #: Frobenius norm


class ClassifierTest(NamedTuple):
    """How well a classifier tells two samples apart, on examples that it was not trained on."""

    accuracy: float  #: share of right answers: 1/2 where the samples follow one law, 1 where they are worlds apart
    standard_error: float  #: binomial, sqrt(a (1 - a) / n)
    p_value: float  #: binomial, of at least this accuracy by guessing


class JudgeReport(NamedTuple):
    """What a judge says of a set of images."""

    confidence: float  #: mean probability of the class that it names, in (0, 1]
    counts: np.ndarray  #: images of each class, in the order of the judge's ``classes``
    n_classes: int  #: classes that at least 2 % of the images belong to


class ModeReport(NamedTuple):
    """Which modes of a mixture the samples reach, and how well."""

    n_modes: int  #: modes with at least one high-quality sample
    high_quality: float  #: share of samples within three standard deviations of their nearest centre
    counts: np.ndarray  #: high-quality samples of each mode, shape (n_centres,)
    reverse_kl: float  #: KL(counts / total || uniform) in nats, nan without a high-quality sample


def ks_test(samples: ArrayLike, cdf: Callable[[np.ndarray], np.ndarray]) -> NullTest:
    """One-sample Kolmogorov-Smirnov test: largest gap between the empirical and a known CDF.

    Parameters
    ----------
    samples : array_like, shape (n,)
        Independent draws of a continuous variable.
    cdf : callable
        Vectorised distribution function, ``scipy.stats.norm(3, 1.5).cdf``.

    Returns
    -------
    NullTest
        Statistic in [0, 1] (0 is a perfect fit; about 0.87 / sqrt(n) under the null) and its exact p-value.

    Raises
    ------
    ValueError
        If the samples are not a non-empty row of finite numbers.

    References
    ----------
    Massey (1951), The Kolmogorov-Smirnov test for goodness of fit.
    In the book: equations ``def-ks`` and ``gaussian-on-the-line``.
    """
    values = np.asarray(samples, dtype=float)
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
        raise ValueError(f"samples must be a row of finite numbers, found shape {values.shape}")
    result = stats.kstest(values, cdf)
    return NullTest(float(result.statistic), float(result.pvalue))


def moment_errors(samples: ArrayLike, mean: ArrayLike, covariance: ArrayLike) -> MomentErrors:
    """How far the sample's mean and covariance lie from the true ones.

    Parameters
    ----------
    samples : array_like, shape (n, dim)
        At least two.
    mean, covariance : array_like, shapes (dim,) and (dim, dim)
        Of the true law.

    Returns
    -------
    MomentErrors
        Euclidean norm of the mean's error, Frobenius norm of the covariance's (divisor n - 1). Both
        are of order 1 / sqrt(n) for perfect samples, not 0.

    Raises
    ------
    ValueError
        If shapes don't fit, or there are fewer than two samples.
    """
    points = _points(samples)
    true_mean, true_covariance = np.asarray(mean, dtype=float), np.asarray(covariance, dtype=float)
    dim = points.shape[1]
    if true_mean.shape != (dim,) or true_covariance.shape != (dim, dim):
        raise ValueError(
            f"samples of dimension {dim} need a mean of shape {(dim,)} and a covariance of shape {(dim, dim)}, "
            f"found {true_mean.shape} and {true_covariance.shape}"
        )
    found = np.cov(points, rowvar=False).reshape(dim, dim)
    return MomentErrors(
        float(np.linalg.norm(points.mean(axis=0) - true_mean)), float(np.linalg.norm(found - true_covariance))
    )


def median_distance(samples: ArrayLike) -> float:
    """Median distance between two different samples: a usual bandwidth for `mmd2_unbiased`."""
    return float(np.median(pdist(_points(samples))))


def mmd2_unbiased(x: ArrayLike, y: ArrayLike, bandwidth: float) -> float:
    r"""Unbiased estimate of the squared maximum mean discrepancy with a Gaussian kernel.

    .. math:: \frac{\sum_{i \neq j} k(x_i, x_j)}{n(n-1)} + \frac{\sum_{i \neq j} k(y_i, y_j)}{m(m-1)}
              - \frac{2 \sum_{i,j} k(x_i, y_j)}{nm}, \qquad k(u, v) = e^{-\lVert u-v \rVert^2 / (2h^2)}

    Parameters
    ----------
    x, y : array_like, shapes (n, dim) and (m, dim)
        Two samples; shape (n,) will do in one dimension. n and m may differ.
    bandwidth : float
        The kernel's h, positive, in the units of the data. Choose it before looking at ``y``.

    Returns
    -------
    float
        0 on average where both follow one law, so it is negative about half of the time there.
        Larger is worse; at most 2.

    Raises
    ------
    ValueError
        If dimensions differ, a sample has fewer than two points, or the bandwidth is not positive.

    References
    ----------
    Gretton et al. (2012), A kernel two-sample test, eq. (3). In the book: equation ``mmd-of-gaussians``.
    """
    pooled, n = _pooled(x, y)
    return float(_mmd2(_gram(pooled, bandwidth), np.arange(len(pooled))[None, :] < n)[0])


def permutation_test(
    statistic: Callable[[np.ndarray, np.ndarray], float],
    x: ArrayLike,
    y: ArrayLike,
    n_permutations: int,
    rng: np.random.Generator,
) -> NullTest:
    """Two-sample test by relabelling: how often does a random split of the pool look as different?

    The p-value is (1 + #{permuted >= observed}) / (1 + n_permutations): the observed split counts as
    one of the permutations, so the p-value is never zero and the test keeps its level exactly.

    Parameters
    ----------
    statistic : callable
        ``statistic(x, y) -> float``; larger means more different.
    x, y : array_like, shapes (n, dim) and (m, dim)
        Two independent samples; shape (n,) will do in one dimension (the statistic gets (n, 1)).
    n_permutations : int
        At least 1; the smallest possible p-value is 1 / (1 + n_permutations).
    rng : Generator
        Draws the permutations.

    Raises
    ------
    ValueError
        If dimensions differ, a sample has fewer than two points, or there are no permutations.

    References
    ----------
    Phipson & Smyth (2010), Permutation p-values should never be zero. In the book: equation ``permutation-level``.
    """
    pooled, n = _pooled(x, y)
    observed = statistic(pooled[:n], pooled[n:])
    permuted = np.array([statistic(pooled[o[:n]], pooled[o[n:]]) for o in _orders(len(pooled), n_permutations, rng)])
    return NullTest(float(observed), _permutation_p_value(observed, permuted))


def mmd_test(x: ArrayLike, y: ArrayLike, bandwidth: float, n_permutations: int, rng: np.random.Generator) -> NullTest:
    """`permutation_test` of `mmd2_unbiased`, with the kernel matrix computed once: same answer, far faster.

    Parameters
    ----------
    x, y, bandwidth
        As for `mmd2_unbiased`.
    n_permutations, rng
        As for `permutation_test`.

    Returns
    -------
    NullTest
        The estimate of the squared discrepancy, and its p-value under "both follow one law".
    """
    pooled, n = _pooled(x, y)
    orders = np.array([np.arange(len(pooled)), *_orders(len(pooled), n_permutations, rng)])
    is_x = np.zeros(orders.shape, dtype=bool)
    np.put_along_axis(is_x, orders[:, :n], True, axis=1)
    observed, *permuted = _mmd2(_gram(pooled, bandwidth), is_x)
    return NullTest(float(observed), _permutation_p_value(float(observed), np.array(permuted)))


def mode_report(samples: ArrayLike, centres: ArrayLike, std: float) -> ModeReport:
    """Which modes of a mixture with known centres the samples reach.

    Each sample belongs to its nearest centre, and is of high quality when it lies closer to it than
    three standard deviations. A mode is found when one high-quality sample belongs to it.

    Parameters
    ----------
    samples : array_like, shape (n, dim)
        Generated points.
    centres : array_like, shape (n_centres, dim)
        Of the true mixture, whose components are equally likely.
    std : float
        Of each component, in each direction.

    Raises
    ------
    ValueError
        If dimensions differ, there are no samples or no centres, or ``std`` is not positive.

    References
    ----------
    Srivastava et al. (2017), VEEGAN; Lin et al. (2018), PacGAN, section 4.1.
    """
    points, middles = _points(samples, least=1), _points(centres, least=1)
    if points.shape[1] != middles.shape[1]:
        raise ValueError(f"samples have dimension {points.shape[1]} but centres have {middles.shape[1]}")
    if not std > 0:
        raise ValueError(f"std must be positive, found {std}")
    distances = cdist(points, middles)
    nearest = distances.argmin(axis=1)
    is_good = distances.min(axis=1) < 3 * std
    counts = np.bincount(nearest[is_good], minlength=len(middles))
    total = counts.sum()
    shares = counts[counts > 0] / total if total else np.array([np.nan])
    reverse_kl = float(np.sum(shares * np.log(shares * len(middles))))
    return ModeReport(int((counts > 0).sum()), float(is_good.mean()), counts, reverse_kl)


def classifier_two_sample_test(
    x: ArrayLike, y: ArrayLike, rng: np.random.Generator, *, n_folds: int = 5
) -> ClassifierTest:
    """Can a classifier tell the two samples apart? Its accuracy on held-out examples is the statistic.

    A support vector machine with a Gaussian kernel is trained on all folds but one and asked about
    that one, until each example was asked about once.

    Parameters
    ----------
    x, y : array_like, shapes (n, ...) and (n, ...)
        As many examples of each, so that guessing is right half of the time.
    rng : Generator
        Deals the examples to the folds.
    n_folds : int
        At least 2, at most n.

    Returns
    -------
    ClassifierTest
        Accuracy near 1/2 means that *this* classifier, on this many examples, found no difference. The
        p-value counts the 2n answers as independent; those of one fold share their classifier, so take it
        as a guide, and measure the accuracy of real against real for the null.

    Raises
    ------
    ValueError
        If the samples differ in size or shape, are not finite, or can't be dealt to the folds.

    References
    ----------
    Lopez-Paz & Oquab (2017), Revisiting classifier two-sample tests. In the book: equations ``def-told-apart``
    and ``dcgan-guidelines``.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.svm import SVC

    first, second = _flat(x), _flat(y)
    if first.shape != second.shape:
        raise ValueError(f"x and y must be as many examples of one shape, found {np.shape(x)} and {np.shape(y)}")
    if not 2 <= n_folds <= len(first):
        raise ValueError(f"n_folds must be from 2 to the {len(first)} examples, found {n_folds}")
    points, is_x = np.concatenate([first, second]), np.repeat([1, 0], len(first))
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=int(rng.integers(2**31)))
    said = cross_val_predict(SVC(C=10.0, gamma="scale"), points, is_x, cv=folds)
    n_right, n = int((said == is_x).sum()), len(points)
    accuracy = n_right / n
    p_value = float(stats.binom.sf(n_right - 1, n, 0.5))
    return ClassifierTest(accuracy, float(np.sqrt(accuracy * (1 - accuracy) / n)), p_value)


class Judge:
    r"""A classifier of images that means what it says: of the images it is 90 % sure of, nine in ten are right.

    One support vector machine with a Gaussian kernel for each class against the rest gives scores
    :math:`f_c(x)`. They become probabilities :math:`p_c \propto e^{\beta f_c(x)}` with one inverse
    temperature, chosen by maximum likelihood on scores of images that the machines had not seen.

    Parameters
    ----------
    images : array_like, shape (n, ...)
        Real images. Keep those that will be judged out of them.
    labels : array_like, shape (n,)
        Their classes; at least 5 images of each.

    Attributes
    ----------
    classes : ndarray, shape (n_classes,)
        The labels, sorted.
    inverse_temperature : float
        The :math:`\beta` found.

    Raises
    ------
    ValueError
        If images and labels don't fit, or there are too few.

    References
    ----------
    Guo et al. (2017), On calibration of modern neural networks, section 4.2 (temperature scaling).
    """

    def __init__(self, images: ArrayLike, labels: ArrayLike) -> None:
        from sklearn.model_selection import StratifiedKFold, cross_val_predict
        from sklearn.multiclass import OneVsRestClassifier
        from sklearn.svm import SVC

        points, names = _flat(images), np.asarray(labels)
        if names.shape != points.shape[:1]:
            raise ValueError(f"{len(points)} images need as many labels, found shape {names.shape}")
        self.classes, index, counts = np.unique(names, return_inverse=True, return_counts=True)
        if len(self.classes) < 3 or counts.min() < 5:
            raise ValueError(f"a judge needs 3 or more classes with 5 or more images each, found counts {counts}")
        self._shape = np.shape(images)[1:]
        self._machines = OneVsRestClassifier(SVC(C=10.0, gamma="scale"))
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        scores = cross_val_predict(self._machines, points, index, cv=folds, method="decision_function")
        self._machines.fit(points, index)

        def loss(log_beta: float) -> float:
            log_p = log_softmax(np.exp(log_beta) * scores, axis=1)
            return -float(log_p[np.arange(len(index)), index].mean())

        found = optimize.minimize_scalar(loss, bounds=(-5.0, 5.0), method="bounded")
        self.inverse_temperature = float(np.exp(found.x))

    def probabilities(self, images: ArrayLike) -> np.ndarray:
        """Of each class, shape (n, n_classes); rows sum to 1.

        Raises
        ------
        ValueError
            If the images have another shape than those that the judge has learned from.
        """
        if np.shape(images)[1:] != self._shape:
            raise ValueError(f"this judge knows images of shape {self._shape}, found {np.shape(images)[1:]}")
        return softmax(self.inverse_temperature * self._machines.decision_function(_flat(images)), axis=1)

    def predict(self, images: ArrayLike) -> np.ndarray:
        """The most probable class of each image, shape (n,)."""
        return self.classes[self.probabilities(images).argmax(axis=1)]

    def report(self, images: ArrayLike) -> JudgeReport:
        """Mean confidence and the classes found."""
        probabilities = self.probabilities(images)
        counts = np.bincount(probabilities.argmax(axis=1), minlength=len(self.classes))
        return JudgeReport(
            float(probabilities.max(axis=1).mean()), counts, int((counts >= 0.02 * len(probabilities)).sum())
        )


def _flat(images: ArrayLike) -> np.ndarray:
    """Examples as rows, shape (n, n_numbers); finite floats."""
    values = np.asarray(images, dtype=float)
    if values.ndim < 2 or values.size == 0 or not np.isfinite(values).all():
        raise ValueError(f"images must be finite numbers of shape (n, ...), found shape {values.shape}")
    return values.reshape(len(values), -1)


def _points(samples: ArrayLike, least: int = 2) -> np.ndarray:
    """Samples as (n, dim) finite floats; a row is a sample of numbers."""
    points = np.asarray(samples, dtype=float)
    points = points[:, None] if points.ndim == 1 else points
    if points.ndim != 2 or len(points) < least or points.shape[1] == 0 or not np.isfinite(points).all():
        raise ValueError(
            f"samples must be {least} or more finite points of shape (n, dim), found shape {np.shape(samples)}"
        )
    return points


def _pooled(x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, int]:
    first, second = _points(x), _points(y)
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"x has dimension {first.shape[1]} but y has {second.shape[1]}")
    return np.concatenate([first, second]), len(first)


def _gram(points: np.ndarray, bandwidth: float) -> np.ndarray:
    """Gaussian kernel between all points, its diagonal (a point with itself) left out as zero."""
    if not bandwidth > 0:
        raise ValueError(f"bandwidth must be positive, found {bandwidth}")
    gram = np.exp(cdist(points, points, "sqeuclidean") / (-2 * bandwidth**2))
    np.fill_diagonal(gram, 0.0)
    return gram


def _mmd2(gram: np.ndarray, is_x: np.ndarray) -> np.ndarray:
    """The unbiased estimate for each row of labels, shape (n_splits, n + m), from one kernel matrix."""
    labels = is_x.astype(float)
    n = labels[0].sum()
    m = labels.shape[1] - n
    to_x = labels @ gram  # (n_splits, n + m): summed similarity of each point to the x of that split
    within_x = np.sum(labels * to_x, axis=1)
    across = np.sum((1 - labels) * to_x, axis=1)
    within_y = gram.sum() - within_x - 2 * across
    return within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2 * across / (n * m)


def _orders(n_points: int, n_permutations: int, rng: np.random.Generator) -> list[np.ndarray]:
    if n_permutations < 1:
        raise ValueError(f"n_permutations must be at least 1, found {n_permutations}")
    return [rng.permutation(n_points) for _ in range(n_permutations)]


def _permutation_p_value(observed: float, permuted: np.ndarray) -> float:
    """A permutation that ties with the observed split up to rounding counts as at least as large."""
    at_least = permuted >= observed - 1e-12 * max(1.0, abs(observed))
    return float((1 + at_least.sum()) / (1 + len(permuted)))


class StringReport(NamedTuple):
    """Shares in [0, 1]; the last two are nan where they have no base."""

    valid: float  #: of all strings
    unique: float  #: different ones, of the valid
    novel: float  #: not among the training strings, of the different valid ones


def string_report(strings: Sequence[str], is_valid: Callable[[str], bool], training: Iterable[str]) -> StringReport:
    """Validity, uniqueness and novelty of generated strings; each is easy to get alone.

    Parameters
    ----------
    strings : sequence of str
        Generated, repetitions included. The second and third share depend on how many there are.
    is_valid : callable
        The rule of the language.
    training : iterable of str
        What the generator learned from.

    Raises
    ------
    ValueError
        If there are no strings.

    References
    ----------
    Brown et al. (2019), GuacaMol, section 3.1. In the book: equations ``distinct-among-n`` and
    ``novelty-of-the-truth``.
    """
    if not len(strings):
        raise ValueError("a share needs at least one string")
    valid = [string for string in strings if is_valid(string)]
    different = set(valid)
    return StringReport(
        valid=len(valid) / len(strings),
        unique=len(different) / len(valid) if valid else float("nan"),
        novel=len(different - set(training)) / len(different) if different else float("nan"),
    )

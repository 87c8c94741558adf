"""Measuring samples: tests with a null, errors of moments, modes found, coverage, memorisation, probes.

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
from scipy.special import log_softmax, logsumexp, softmax

from lectures_pkg.divergences import gaussian_wasserstein2_squared


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


class PrecisionRecall(NamedTuple):
    """How much of one sample lies in the other's neighbourhoods, both in [0, 1], larger is better."""

    precision: float  #: share of generated samples inside the real samples' neighbourhoods
    recall: float  #: share of real samples inside the generated samples' neighbourhoods


class BirthdayTest(NamedTuple):
    """Pairs of equal samples, and the number of equally likely values that would give as many."""

    n_pairs: int  #: unordered pairs of two samples that count as the same
    support: float  #: n (n - 1) / (2 n_pairs), infinite without a pair


class MemorisationTest(NamedTuple):
    """How near to the training examples the generated samples lie, compared with fresh real ones."""

    distance_ratio: float  #: mean distance to the nearest training example, generated over held-out: 0 for copies
    p_value: float  #: of generated samples lying this near or nearer, if they are as fresh as the held-out ones


class Probe(NamedTuple):
    """What a linear classifier reads from features."""

    accuracy: float  #: share of right answers on the test set, mean over the training sets
    standard_error: float  #: over the training sets drawn; of the test set (binomial) where there is only one


class StringReport(NamedTuple):
    """Shares in [0, 1]; the last two are nan where they have no base."""

    valid: float  #: of all strings
    unique: float  #: different ones, of the valid
    novel: float  #: not among the training strings, of the different valid ones


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
        0 on average where both follow one law, and negative there somewhat more often than positive.
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


def precision_recall(real: ArrayLike, generated: ArrayLike, *, k: int = 3) -> PrecisionRecall:
    r"""Precision and recall of samples, from balls around each point that reach to its k-th nearest neighbour.

    .. math:: \mathrm{precision} = \frac1m \sum_j
              \mathbf 1\bigl[\text{some } i: \lVert g_j - r_i \rVert \le \rho_k(r_i)\bigr], \qquad
              \mathrm{recall} = \frac1n \sum_i
              \mathbf 1\bigl[\text{some } j: \lVert r_i - g_j \rVert \le \rho_k(g_j)\bigr]

    with :math:`\rho_k(r_i)` the distance of :math:`r_i` to its k-th nearest neighbour among the *other* real
    samples, and :math:`\rho_k(g_j)` likewise among the generated.

    Parameters
    ----------
    real, generated : array_like, shapes (n, ...) and (m, ...)
        Examples of one shape, more than ``k`` of each. The radii shrink as the samples grow: compare only
        numbers of equal n, m and k.
    k : int
        At least 1.

    Returns
    -------
    PrecisionRecall
        Neither is 1 for a perfect generator: measure real against real for the ceiling. Both count a copied
        training example as perfect.

    Raises
    ------
    ValueError
        If shapes differ, numbers are not finite, or there are not more than ``k`` of each.

    References
    ----------
    Kynkäänniemi et al. (2019), Improved precision and recall metric, eqs. (1) to (3).
    In the book: equations ``def-precision-recall`` and ``recall-counts-modes``.
    """
    first, second = _same_kind(real, generated)
    if not 1 <= k < min(len(first), len(second)):
        raise ValueError(f"k must be from 1 to one less than the {min(len(first), len(second))} examples, found {k}")
    across = cdist(first, second)  # (n, m)
    covers_generated = across <= _kth_distances(first, k)[:, None]
    covers_real = across <= _kth_distances(second, k)[None, :]
    return PrecisionRecall(float(covers_generated.any(axis=0).mean()), float(covers_real.any(axis=1).mean()))


def frechet_distance(x: ArrayLike, y: ArrayLike) -> float:
    """Squared Wasserstein-2 distance of the Gaussians with the two samples' means and covariances.

    Parameters
    ----------
    x, y : array_like, shapes (n, ...) and (m, ...)
        Examples, or features of examples (the usual one takes a trained network's); two or more of each.

    Returns
    -------
    float
        In squared units of the features, smaller is better, 0 at best: but biased upwards by about c / n, even
        for two samples of one law. Compare only numbers of equal n and m, and print real against real.

    Raises
    ------
    ValueError
        If shapes differ, numbers are not finite, or a sample has fewer than two examples.

    References
    ----------
    Heusel et al. (2017), GANs trained by a two time-scale update rule, eq. (6); Chong & Forsyth (2020) on the bias.
    In the book: equations ``def-frechet`` and ``frechet-bias``.
    """
    first, second = _same_kind(x, y)
    moments = [(points.mean(axis=0), np.atleast_2d(np.cov(points, rowvar=False))) for points in (first, second)]
    return gaussian_wasserstein2_squared(*moments[0], *moments[1])


def parzen_log_density(x: ArrayLike, centres: ArrayLike, bandwidth: float) -> np.ndarray:
    r"""Log-density at each x of equal Gaussian windows around the centres, in nats. A trap: see the chapter.

    .. math:: \log \frac1m \sum_{j=1}^m
              (2 \pi h^2)^{-d/2} \, e^{-\lVert x - c_j \rVert^2 / (2 h^2)}

    Parameters
    ----------
    x : array_like, shape (n, ...)
        Where, for example held-out examples.
    centres : array_like, shape (m, ...)
        For example, generated samples.
    bandwidth : float
        Standard deviation h of each window in each direction, positive. Choose it on validation data.

    Returns
    -------
    ndarray, shape (n,)
        Nats, larger is better *for the windows*. It ranks centroids above real examples; it is no likelihood
        of the generator, and on binary images (a density of no data) it can exceed 0.

    Raises
    ------
    ValueError
        If shapes differ, numbers are not finite, or the bandwidth is not positive.

    References
    ----------
    Parzen (1962); Theis, van den Oord & Bethge (2016), section 3. In the book: equations ``def-parzen`` and
    ``parzen-trap``.
    """
    points, middles = _same_kind(x, centres, least=1)
    if not bandwidth > 0:
        raise ValueError(f"bandwidth must be positive, found {bandwidth}")
    exponents = cdist(points, middles, "sqeuclidean") / (-2 * bandwidth**2)  # (n, m)
    n_dims = points.shape[1]
    return logsumexp(exponents, axis=1) - np.log(len(middles)) - n_dims / 2 * np.log(2 * np.pi * bandwidth**2)


def birthday_test(samples: ArrayLike, *, distance: float = 0.0) -> BirthdayTest:
    """How often the generator repeats itself: pairs of samples that are the same, up to a distance.

    Among n draws from N equally likely values, n (n - 1) / (2 N) pairs are equal on average. Read backwards,
    the pairs found say how large N is.

    Parameters
    ----------
    samples : array_like, shape (n, ...)
        Two or more independent draws.
    distance : float
        Two samples count as the same when their Euclidean distance is at most this.

    Returns
    -------
    BirthdayTest
        For unequal probabilities ``support`` is 1 / (sum of their squares), which is never more than the true
        number of values. Real samples repeat themselves too: compare with as many of them.

    Raises
    ------
    ValueError
        If there are fewer than two samples, they are not finite, or the distance is negative.

    References
    ----------
    Arora, Risteski & Zhang (2018), Do GANs learn the distribution? section 2.
    In the book: equation ``birthday-pairs``.
    """
    points = _flat(samples)
    if len(points) < 2:
        raise ValueError(f"a pair needs 2 or more samples, found {len(points)}")
    if not distance >= 0:
        raise ValueError(f"distance must be 0 or positive, found {distance}")
    n_pairs = int((pdist(points) <= distance).sum())
    possible = len(points) * (len(points) - 1) / 2
    return BirthdayTest(n_pairs, possible / n_pairs if n_pairs else float("inf"))


def nearest_distances(points: ArrayLike, reference: ArrayLike) -> np.ndarray:
    """Euclidean distance of each point to the nearest of the reference, shape (n,).

    Parameters
    ----------
    points, reference : array_like, shapes (n, ...) and (m, ...)
        Examples of one shape; one or more of each.

    Raises
    ------
    ValueError
        If shapes differ or numbers are not finite.
    """
    first, second = _same_kind(points, reference, least=1)
    return cdist(first, second).min(axis=1)


def memorisation_test(generated: ArrayLike, held_out: ArrayLike, train: ArrayLike) -> MemorisationTest:
    """Do the generated samples lie nearer to the training examples than fresh real ones do?

    Given the training examples, the distances of fresh real examples and of samples of a perfect generator
    to their nearest training example follow one law, so that a rank test (Mann-Whitney, one-sided) compares them.

    Parameters
    ----------
    generated, held_out, train : array_like, shapes (m, ...), (n, ...) and (n_train, ...)
        Examples of one shape. The held-out ones took no part in training or in any choice.

    Returns
    -------
    MemorisationTest
        A ratio near 1 is fresh, 0 is copied; far above 1 the samples are far from all data: that is another
        fault, which this one-sided test does not look for.

    Raises
    ------
    ValueError
        If shapes differ, numbers are not finite, or every held-out example is a training example.

    References
    ----------
    Meehan, Chaudhuri & Dasgupta (2020), A non-parametric test to detect data-copying in generative models, section 2.
    In the book: equations ``def-distance-ratio`` and ``copied-share``.
    """
    of_generated, of_fresh = nearest_distances(generated, train), nearest_distances(held_out, train)
    if of_fresh.max() == 0:
        raise ValueError("every held-out example is a training example: they can't say how near a fresh one lies")
    p_value = float(stats.mannwhitneyu(of_generated, of_fresh, alternative="less").pvalue)
    return MemorisationTest(float(of_generated.mean() / of_fresh.mean()), p_value)


def linear_probe(
    train_features: ArrayLike,
    train_labels: ArrayLike,
    test_features: ArrayLike,
    test_labels: ArrayLike,
    rng: np.random.Generator,
    *,
    n_per_class: int | None = None,
    n_repeats: int = 10,
) -> Probe:
    """What a linear classifier reads from features: logistic regression on standardised features.

    Parameters
    ----------
    train_features, test_features : array_like, shapes (n_train, ...) and (n_test, ...)
        A model's features of examples; the test examples took no part in training the model.
    train_labels, test_labels : array_like, shapes (n_train,) and (n_test,)
        Their classes.
    rng : Generator
        Draws the labelled examples (unused where all of them are used).
    n_per_class : int or None
        How many labelled examples of each class the probe learns from; None takes all of them, once.
    n_repeats : int
        How many such training sets are drawn.

    Returns
    -------
    Probe
        Print the raw pixels' accuracy beside it: features must beat them to count as abstraction. The penalty
        is fixed (inverse strength 0.1), so that no test label chooses anything.

    Raises
    ------
    ValueError
        If features and labels don't fit, numbers are not finite, or a class has fewer examples than asked for.

    References
    ----------
    Alain & Bengio (2017), Understanding intermediate layers using linear classifier probes.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = _same_kind(train_features, test_features, least=1)
    names, truth = np.asarray(train_labels), np.asarray(test_labels)
    if names.shape != (len(train),) or truth.shape != (len(test),):
        raise ValueError(
            f"{len(train)} and {len(test)} feature rows need as many labels, found shapes {names.shape}, {truth.shape}"
        )
    accuracies = []
    for chosen in _labelled_sets(names, n_per_class, n_repeats, rng):
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
        accuracies.append(float(probe.fit(train[chosen], names[chosen]).score(test, truth)))
    accuracy = float(np.mean(accuracies))
    if len(accuracies) == 1:
        return Probe(accuracy, float(np.sqrt(accuracy * (1 - accuracy) / len(test))))
    return Probe(accuracy, float(np.std(accuracies, ddof=1) / np.sqrt(len(accuracies))))


def gan_test(judge: Judge, images: ArrayLike, labels: ArrayLike) -> float:
    """Share of generated images that a classifier of *real* images calls by the label that they were made for.

    Parameters
    ----------
    judge : Judge
        Or any object with ``predict(images)``. It has learned from real images only.
    images : array_like, shape (n, ...)
        Generated, each for one label.
    labels : array_like, shape (n,)
        The labels asked for.

    Returns
    -------
    float
        In [0, 1]; larger means that the labels are obeyed, 1 / n_classes that they are ignored. Compare with the
        judge's own accuracy on real images. It says nothing of variety: one good picture for each label scores 1.

    Raises
    ------
    ValueError
        If there is not one label for each image, or none.

    References
    ----------
    Shmelkov, Schmid & Alahari (2018), How good is my GAN?, section 3. In the book: equation ``gan-test-is-blind``.
    """
    asked = _labels_of(images, labels)
    return float(np.mean(np.asarray(judge.predict(images)) == asked))


def gan_train(images: ArrayLike, labels: ArrayLike, real_images: ArrayLike, real_labels: ArrayLike) -> float:
    """Accuracy on *real* images of a classifier that has learned from generated ones only.

    The classifier is the judge's kind: support vector machines with a Gaussian kernel, one for each class.

    Parameters
    ----------
    images, labels : array_like, shapes (n, ...) and (n,)
        Generated images and the labels that they were made for.
    real_images, real_labels : array_like, shapes (m, ...) and (m,)
        Real images that the generator has not seen, and their classes.

    Returns
    -------
    float
        In [0, 1]; larger is better. It falls when labels are disobeyed *and* when the variety of the real images is
        missing. Compare with what as many real training images give.

    Raises
    ------
    ValueError
        If images and labels don't fit, or the generated labels are all the same.

    References
    ----------
    Shmelkov, Schmid & Alahari (2018), How good is my GAN?, section 3.
    """
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.svm import SVC

    asked, truth = _labels_of(images, labels), _labels_of(real_images, real_labels)
    if np.shape(images)[1:] != np.shape(real_images)[1:]:
        raise ValueError(
            f"generated and real images must have one shape, "
            f"found {np.shape(images)[1:]} and {np.shape(real_images)[1:]}"
        )
    if len(np.unique(asked)) < 2:
        raise ValueError(f"a classifier needs two classes or more, found {np.unique(asked)} only")
    machines = OneVsRestClassifier(SVC(C=10.0, gamma="scale")).fit(_flat(images), asked)
    return float(np.mean(machines.predict(_flat(real_images)) == truth))


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


def _labels_of(images: ArrayLike, labels: ArrayLike) -> np.ndarray:
    names = np.asarray(labels)
    if len(np.shape(images)) < 2 or names.shape != np.shape(images)[:1] or names.size == 0:
        raise ValueError(f"each image needs one label, found shapes {np.shape(images)} and {names.shape}")
    return names


def _same_kind(first: ArrayLike, second: ArrayLike, least: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Two sets of examples of one shape, as rows."""
    x, y = _flat(first), _flat(second)
    if np.shape(first)[1:] != np.shape(second)[1:]:
        raise ValueError(f"both must hold examples of one shape, found {np.shape(first)} and {np.shape(second)}")
    if min(len(x), len(y)) < least:
        raise ValueError(f"each needs {least} or more examples, found {len(x)} and {len(y)}")
    return x, y


def _kth_distances(points: np.ndarray, k: int) -> np.ndarray:
    """Distance of each point to its k-th nearest neighbour among the others, shape (n,)."""
    distances = cdist(points, points)
    np.fill_diagonal(distances, -1.0)  # a point comes first among its own neighbours, duplicates or not
    return np.partition(distances, k, axis=1)[:, k]


def _labelled_sets(
    labels: np.ndarray, n_per_class: int | None, n_repeats: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Indices of the labelled examples of each repetition."""
    if n_per_class is None:
        return [np.arange(len(labels))]
    classes, counts = np.unique(labels, return_counts=True)
    if not 1 <= n_per_class <= counts.min():
        raise ValueError(f"n_per_class must be from 1 to the smallest class's {counts.min()}, found {n_per_class}")
    if n_repeats < 1:
        raise ValueError(f"n_repeats must be at least 1, found {n_repeats}")
    return [
        np.concatenate([rng.choice(np.flatnonzero(labels == c), n_per_class, replace=False) for c in classes])
        for _ in range(n_repeats)
    ]

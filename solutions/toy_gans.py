"""Solutions of the assignment exercises of ``toy_gans``, and the mistakes that their checks refuse."""

import numpy as np

from lectures_pkg.exercises import Mistake


def gaussian_generator(mean, covariance, noise):
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0))  # columns scaled: root @ root.T is the covariance
    return mean + noise @ root.T


def local_ratio(points, k):
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    nearest = np.argsort(distances, axis=1)[:, :k]
    ratios = []
    for index in nearest:
        small, large = np.linalg.eigvalsh(np.cov(points[index].T))
        ratios.append(small / large)
    return float(np.median(ratios))


def _transposed(mean, covariance, noise):
    values, vectors = np.linalg.eigh(covariance)
    return mean + noise @ (vectors * np.sqrt(np.maximum(values, 0)))


def _not_centred(points, k):
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    ratios = []
    for index in np.argsort(distances, axis=1)[:, :k]:
        small, large = np.linalg.eigvalsh(points[index].T @ points[index])
        ratios.append(small / large)
    return float(np.median(ratios))


def _global(points, k):
    small, large = np.linalg.eigvalsh(np.cov(points.T))
    return float(small / large)


MISTAKES = {
    "gaussian_generator": (
        Mistake("the covariance itself", lambda m, c, z: m + z @ c.T, "must be its root"),
        Mistake("transposed root", _transposed, "mind the transpose"),
        Mistake("diagonal only", lambda m, c, z: m + z * np.sqrt(np.diag(c)), "uncorrelated"),
        Mistake("mean forgotten", lambda m, c, z: gaussian_generator(0 * m, c, z), "at noise zero"),
    ),
    "local_ratio": (
        Mistake("whole cloud", _global, "the whole cloud"),
        Mistake("singular values", lambda p, k: float(np.sqrt(local_ratio(p, k))), "standard deviations"),
        Mistake("upside down", lambda p, k: 1 / local_ratio(p, k), "upside down"),
        Mistake("not centred", _not_centred, "centred at their own mean"),
        Mistake("one neighbour too many", lambda p, k: local_ratio(p, k + 1), "exactly k neighbours"),
    ),
}

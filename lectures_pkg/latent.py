"""Walking in latent space: straight lines, great circles, and directions that are averages.

NumPy only; codes are rows. Chapter ``dcgan``; the functions serve any model with a Gaussian prior.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def lerp(start: ArrayLike, end: ArrayLike, share: float) -> np.ndarray:
    r"""The point of the straight line, :math:`(1 - \lambda)\, z_0 + \lambda\, z_1`.

    Parameters
    ----------
    start, end : array_like, equal shapes (..., dim)
        Where the walk is at share 0, and at share 1.
    share : float
        The part of the way walked, from 0 to 1.

    Raises
    ------
    ValueError
        If shapes differ or the share is outside [0, 1].

    References
    ----------
    In the book: equations ``lerp-norm`` and ``lerp-ends``.
    """
    first, last = _ends(start, end, share)
    return (1 - share) * first + share * last


def slerp(start: ArrayLike, end: ArrayLike, share: float) -> np.ndarray:
    r"""The point of the great circle, with :math:`\omega` the angle between the two codes.

    .. math:: \frac{\sin((1 - \lambda)\omega)\, z_0 + \sin(\lambda\omega)\, z_1}{\sin\omega}

    Parameters
    ----------
    start, end : array_like, equal shapes (..., dim)
        Codes; each row has its own angle. If the two have the same norm, every point between has it too.
    share : float
        The part of the angle walked, from 0 to 1.

    Returns
    -------
    ndarray, shape (..., dim)
        For codes of one direction the straight line, the formula's limit.

    Raises
    ------
    ValueError
        If shapes differ, the share is outside [0, 1], a code is zero, or two codes are opposite (then
        every half circle joins them, and none is the shortest).

    References
    ----------
    Shoemake (1985), Animating rotation with quaternion curves; White (2016), Sampling generative networks.
    In the book: equation ``slerp-norm``.
    """
    first, last = _ends(start, end, share)
    norms = np.linalg.norm(first, axis=-1) * np.linalg.norm(last, axis=-1)
    if not (norms > 0).all():
        raise ValueError("a code of norm zero has no direction: slerp needs two directions")
    cosine = np.sum(first * last, axis=-1) / norms
    if (cosine < -1 + 1e-12).any():
        raise ValueError("two opposite codes are joined by every half circle: slerp can't choose one")
    angle = np.arccos(np.minimum(cosine, 1.0))[..., None]
    if share in (0, 1):
        return (first, last)[int(share)].copy()
    safe = np.where(angle > 1e-6, angle, 1.0)
    weights = [np.where(angle > 1e-6, np.sin(s * safe) / np.sin(safe), s) for s in (1 - share, share)]
    return weights[0] * first + weights[1] * last


def attribute_direction(codes: ArrayLike, has_attribute: ArrayLike) -> np.ndarray:
    """Mean code of those that have an attribute minus mean code of those that haven't.

    Parameters
    ----------
    codes : array_like, shape (n, dim)
        Latents whose images were looked at.
    has_attribute : array_like of bool, shape (n,)
        What was seen; at least one of each.

    Returns
    -------
    ndarray, shape (dim,)
        Add it to a code to give it the attribute. Averages of k codes leave the shell where the prior
        puts its mass; see the chapter before trusting a direction found from three.

    Raises
    ------
    ValueError
        If shapes don't fit or one of the groups is empty.

    References
    ----------
    Radford, Metz & Chintala (2016), section 6.3.2. In the book: equations ``average-norm`` and ``arithmetic-norm``.
    """
    points, flags = np.asarray(codes, dtype=float), np.asarray(has_attribute)
    if points.ndim != 2 or flags.shape != points.shape[:1] or flags.dtype != bool:
        raise ValueError(
            f"codes of shape (n, dim) need n true-or-false values, found {points.shape} and {flags.dtype} {flags.shape}"
        )
    if flags.all() or not flags.any():
        raise ValueError(f"both groups need a code, found {flags.sum()} with the attribute of {len(flags)}")
    return points[flags].mean(axis=0) - points[~flags].mean(axis=0)


def _ends(start: ArrayLike, end: ArrayLike, share: float) -> tuple[np.ndarray, np.ndarray]:
    first, last = np.asarray(start, dtype=float), np.asarray(end, dtype=float)
    if first.shape != last.shape or first.ndim == 0:
        raise ValueError(f"start and end must have one shape (..., dim), found {first.shape} and {last.shape}")
    if not 0 <= share <= 1:
        raise ValueError(f"share must be from 0 to 1, found {share}")
    return first, last

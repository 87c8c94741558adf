"""Real data: small handwritten digits that come with scikit-learn, split once and for all."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Digits(NamedTuple):
    """A split of the 8x8 digits: images of shape (n, 8, 8) in [0, 1] (1 is ink), labels of shape (n,)."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def load_digits8(*, binary: bool = False, split_seed: int = 0) -> Digits:
    """The 1797 handwritten digits of 8x8 pixels, 1347 for training and 450 for testing, stratified.

    Parameters
    ----------
    binary : bool
        Threshold the grey values at one half. Likelihoods in this book are of binary images only:
        a Bernoulli cross-entropy on grey values is a training loss, not a likelihood.
    split_seed : int
        Seed of the split.

    References
    ----------
    Alpaydin & Kaynak (1998), Optical recognition of handwritten digits, UCI repository; bundled
    with scikit-learn, so no network is needed.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8) / 16.0
    if binary:
        images = (images >= 0.5).astype(float)
    train_images, test_images, train_labels, test_labels = train_test_split(
        images, labels, test_size=0.25, stratify=labels, random_state=split_seed
    )
    return Digits(train_images, train_labels, test_images, test_labels)

"""The bundled digits: sizes, ranges, and a split that is stratified, repeatable and without overlap."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from lectures_pkg.datasets import load_digits8


def test_sizes_and_range():
    digits = load_digits8()
    assert digits.train_images.shape == (1347, 8, 8)
    assert digits.test_images.shape == (450, 8, 8)
    assert digits.train_labels.shape == (1347,)
    assert digits.test_labels.shape == (450,)
    for images in (digits.train_images, digits.test_images):
        assert images.min() == 0
        assert images.max() == 1
        assert np.array_equal(images * 16, np.round(images * 16))  # sixteen grey steps


def test_the_split_loses_and_repeats_nothing():
    digits = load_digits8()
    original = load_digits().data
    together = np.concatenate([digits.train_images, digits.test_images]).reshape(-1, 64) * 16

    def in_order(rows):
        return rows[np.lexsort(rows.T)]

    assert np.array_equal(in_order(together), in_order(original))
    labels = np.concatenate([digits.train_labels, digits.test_labels])
    assert np.array_equal(np.bincount(labels), np.bincount(load_digits().target))


def test_images_keep_their_labels():
    images, labels = load_digits(return_X_y=True)
    label_of = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    digits = load_digits8()
    for image, label in zip(digits.test_images, digits.test_labels, strict=True):
        assert label_of[(image.ravel() * 16).tobytes()] == label


def test_the_split_is_stratified():
    digits = load_digits8()
    share = np.bincount(digits.test_labels) / np.bincount(np.r_[digits.train_labels, digits.test_labels])
    assert share == pytest.approx(np.full(10, 0.25), abs=0.01)


@pytest.mark.parametrize("binary", [False, True])
def test_the_split_depends_on_its_seed_only(binary):
    first, again = load_digits8(binary=binary), load_digits8(binary=binary)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first.test_labels, load_digits8(binary=binary, split_seed=1).test_labels)


def test_binary_is_the_grey_image_at_one_half():
    grey, binary = load_digits8(), load_digits8(binary=True)
    assert set(np.unique(binary.train_images)) == {0.0, 1.0}
    assert np.array_equal(binary.train_labels, grey.train_labels)
    assert np.array_equal(binary.test_images == 1, grey.test_images * 16 >= 8)

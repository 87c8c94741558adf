"""The bundled digits, split without overlap; MNIST's loader against a small server on this machine."""

import functools
import gzip
import hashlib

import little_mnist
import numpy as np
import pytest
from little_mnist import arrays, checksums, contents, idx
from sklearn.datasets import load_digits

from lectures_pkg.datasets import MNIST_FILES, MNIST_MIRRORS, load_digits8, load_mnist, read_idx


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


# MNIST: synthetic files, served from this machine


@pytest.fixture
def mirror():
    with little_mnist.serve() as served:
        yield served


def test_mnist_is_fetched_parsed_and_kept(mirror, tmp_path):
    fetch = functools.partial(load_mnist, tmp_path / "deep" / "cache", mirrors=[mirror.address], files=checksums())
    digits = fetch()
    for found, bytes_ in zip(digits[::2], arrays()[::2], strict=True):
        assert found.dtype == np.float32
        assert np.array_equal(np.round(found * 255), bytes_)
        assert found.min() == 0 and found.max() == 1
    for found, labels in zip(digits[1::2], arrays()[1::2], strict=True):
        assert np.array_equal(found, labels)
    assert mirror.asked == list(contents())
    again = fetch()
    assert len(mirror.asked) == 4  # all from the cache
    assert all(np.array_equal(a, b) for a, b in zip(digits, again, strict=True))
    assert sorted(path.name for path in (tmp_path / "deep" / "cache").iterdir()) == sorted(contents())


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_a_damaged_file_in_the_cache_is_fetched_again(mirror, tmp_path, damage):
    load_mnist(tmp_path, mirrors=[mirror.address], files=checksums())
    name = "t10k-images-idx3-ubyte.gz"
    good = (tmp_path / name).read_bytes()
    bad = {"truncated": good[:-50], "flipped": good[:-1] + bytes([good[-1] ^ 1]), "empty": b""}[damage]
    (tmp_path / name).write_bytes(bad)
    mirror.asked.clear()
    load_mnist(tmp_path, mirrors=[mirror.address], files=checksums())
    assert mirror.asked == [name]
    assert (tmp_path / name).read_bytes() == good


def test_a_mirror_that_sends_rubbish_is_passed_over(mirror, tmp_path):
    name = "train-labels-idx1-ubyte.gz"
    mirror.contents[name] = bytes(reversed(contents()[name]))
    with pytest.raises(
        ConnectionError, match=rf"{name} sent a damaged or truncated file \(MD5 [0-9a-f]{{32}}, needed "
    ):
        load_mnist(tmp_path, mirrors=[mirror.address], files=checksums())
    assert [path.name for path in tmp_path.iterdir()] == ["train-images-idx3-ubyte.gz"]  # no rubbish, no draft


def test_a_connection_that_breaks_off_leaves_nothing(mirror, tmp_path):
    name = "train-images-idx3-ubyte.gz"
    mirror.contents[name] = contents()[name][:-1000]  # shorter than the header promised
    with pytest.raises(ConnectionError, match=r"MNIST is not in .* and could not be fetched"):
        load_mnist(tmp_path, mirrors=[mirror.address], files=checksums(), timeout=2)
    assert list(tmp_path.iterdir()) == []


def test_the_next_mirror_is_asked(mirror, tmp_path):
    dead = "http://127.0.0.1:9/"  # the discard port: nobody listens
    digits = load_mnist(tmp_path, mirrors=[dead, mirror.address], files=checksums())
    assert len(digits.train_images) == 600


def test_offline_it_says_so_in_one_sentence_and_gives_nothing_else(tmp_path):
    with pytest.raises(ConnectionError) as caught:
        load_mnist(tmp_path, mirrors=["http://127.0.0.1:9/"])
    assert str(caught.value).startswith(
        f"MNIST is not in {tmp_path} and could not be fetched: "
        "http://127.0.0.1:9/train-images-idx3-ubyte.gz did not answer ("
    )
    assert "`load_digits8` needs no network" in str(caught.value)
    with pytest.raises(ConnectionError, match="no mirror was given"):
        load_mnist(tmp_path, mirrors=[])


def test_a_missing_file_on_the_mirror(mirror, tmp_path):
    del mirror.contents["train-images-idx3-ubyte.gz"]
    with pytest.raises(ConnectionError, match=r"did not answer \(Not Found\)"):
        load_mnist(tmp_path, mirrors=[mirror.address], files=checksums())


def test_the_default_cache_is_the_user_s(monkeypatch, mirror, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    load_mnist(mirrors=[mirror.address], files=checksums())
    assert len(list((tmp_path / "lectures_pkg" / "mnist").iterdir())) == 4


def test_the_published_checksums():
    # Train images and labels, test images and labels, as every loader of MNIST lists them.
    assert list(MNIST_FILES.values()) == [
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ]
    assert all(address.startswith("https://") for address in MNIST_MIRRORS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no gzip at all", "is no complete gzip file"),
        (idx(np.zeros((2, 3)))[:-12], "is no complete gzip file"),
        (idx(np.zeros((2, 3)))[:-15] + bytes(15), "is no complete gzip file"),
        (gzip.compress(b""), "does not begin like an IDX file of bytes: found nothing"),
        (gzip.compress(b"\x00\x00\x0d\x01" + bytes(8)), "does not begin like an IDX file of bytes: found 00 00 0d 01"),
        (gzip.compress(b"\x00\x00\x08\x03\x00\x00"), "ends within its header"),
        (gzip.compress(b"\x00\x00\x08\x01\x00\x00\x00\x05abcd"), r"says shape \(5,\), but holds 4 bytes"),
    ],
)
def test_read_idx_refuses_what_is_no_such_file(tmp_path, content, message):
    (tmp_path / "digits.gz").write_bytes(content)
    with pytest.raises(ValueError, match=f"digits.gz {message}"):
        read_idx(tmp_path / "digits.gz")


def test_labels_must_belong_to_the_images(mirror, tmp_path):
    name, files = "train-labels-idx1-ubyte.gz", checksums()
    # 9 labels for 600 images; zeros after the gzip are allowed, and fill the length that the server promises
    mirror.contents[name] = idx(np.arange(9)).ljust(len(contents()[name]), b"\0")
    files[name] = hashlib.md5(mirror.contents[name]).hexdigest()
    with pytest.raises(ValueError, match=r"images of shape \(600, 28, 28\) and labels of shape \(9,\)"):
        load_mnist(tmp_path, mirrors=[mirror.address], files=files)
    with pytest.raises(ValueError, match="files must name train images and labels, test images and labels, found 0"):
        load_mnist(tmp_path, files={})

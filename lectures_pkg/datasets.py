"""Real data: small handwritten digits that come with scikit-learn, and MNIST, fetched once where there is a network."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import os
import pathlib
import struct
import sys
import tempfile
import urllib.request
import zlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

#: The four files of MNIST and their MD5 checksums: train images and labels, test images and labels.
MNIST_FILES: Mapping[str, str] = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
#: Where `load_mnist` looks for them, one after the other.
MNIST_MIRRORS: Sequence[str] = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)


class Digits(NamedTuple):
    """A split of handwritten digits: images of shape (n, side, side) in [0, 1] (1 is ink), labels of shape (n,)."""

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


def load_mnist(
    folder: str | pathlib.Path | None = None,
    *,
    mirrors: Sequence[str] | None = None,
    files: Mapping[str, str] | None = None,
    timeout: float = 20.0,
) -> Digits:
    """MNIST: 60 000 handwritten digits of 28x28 pixels for training, 10 000 for testing; float32.

    The four files are fetched once (11 MB) and kept. A file whose checksum is wrong, cut short or
    damaged, is never used: one in the cache is fetched again, one that a mirror sends is thrown away and
    the next mirror asked. No other data ever take their place.

    Parameters
    ----------
    folder : path, optional
        Where the files are kept; by default ``lectures_pkg/mnist`` in the user's cache
        (``$XDG_CACHE_HOME``, or ``~/.cache``).
    mirrors : sequence of str, optional
        Addresses of folders that hold the files, by default `MNIST_MIRRORS`.
    files : mapping of str to str, optional
        Name and MD5 checksum of the four files, in the order of `MNIST_FILES`, the default.
    timeout : float
        Seconds to wait for a mirror that says nothing.

    Raises
    ------
    ConnectionError
        If a file is not in the cache and no mirror gives it: one sentence with what each mirror did.
    ValueError
        If a file with the right checksum does not hold digits (possible with your own ``files`` only).

    References
    ----------
    LeCun, Bottou, Bengio & Haffner (1998), Gradient-based learning applied to document recognition.
    """
    cache = pathlib.Path(folder) if folder is not None else _cache_folder()
    wanted = MNIST_FILES if files is None else files
    if len(wanted) != 4:
        raise ValueError(f"files must name train images and labels, test images and labels, found {len(wanted)} names")
    paths = [
        _fetched(name, md5, cache, MNIST_MIRRORS if mirrors is None else mirrors, timeout)
        for name, md5 in wanted.items()
    ]
    arrays = [read_idx(path) for path in paths]
    for images, labels in (arrays[:2], arrays[2:]):
        if images.ndim != 3 or labels.shape != images.shape[:1]:
            raise ValueError(
                f"images of shape {images.shape} and labels of shape {labels.shape} are no labelled digits"
            )
    train, train_labels, test, test_labels = arrays
    return Digits(
        (train / np.float32(255)).astype(np.float32, copy=False),
        train_labels.astype(int),
        (test / np.float32(255)).astype(np.float32, copy=False),
        test_labels.astype(int),
    )


def read_idx(path: str | pathlib.Path) -> np.ndarray:
    """The array of bytes in a gzipped IDX file, MNIST's format.

    Two zero bytes, one that says the type (8: unsigned bytes), one for the number of axes, the axes'
    lengths as big-endian 32-bit integers, then the data.

    Raises
    ------
    ValueError
        If the file is no gzip, is cut short, or is not such an array.
    """
    path = pathlib.Path(path)
    try:
        content = gzip.decompress(path.read_bytes())
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path.name} is no complete gzip file: {error}") from None
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise ValueError(
            f"{path.name} does not begin like an IDX file of bytes: found {content[:4].hex(' ') or 'nothing'}"
        )
    n_axes = content[3]
    start = 4 + 4 * n_axes
    if len(content) < start:
        raise ValueError(f"{path.name} ends within its header")
    shape = struct.unpack(f">{n_axes}I", content[4:start])
    values = np.frombuffer(content, dtype=np.uint8, offset=start)
    if values.size != np.prod(shape, dtype=int):
        raise ValueError(f"{path.name} says shape {shape}, but holds {values.size} bytes")
    return values.reshape(shape)


def _cache_folder() -> pathlib.Path:
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "lectures_pkg" / "mnist"


def _fetched(name: str, md5: str, folder: pathlib.Path, mirrors: Sequence[str], timeout: float) -> pathlib.Path:
    """Path of a file whose checksum is right: from the cache, or from the first mirror that has it."""
    path = folder / name
    if path.is_file() and _md5(path) == md5:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    failures = []
    for mirror in mirrors:
        address = mirror.rstrip("/") + "/" + name
        descriptor, draft = tempfile.mkstemp(prefix=name, suffix=".part", dir=folder)
        os.close(descriptor)
        try:
            _download(address, pathlib.Path(draft), timeout)
            found = _md5(pathlib.Path(draft))
            if found == md5:
                os.replace(draft, path)  # all or nothing: a reader never meets half a file
                return path
            failures.append(f"{address} sent a damaged or truncated file (MD5 {found}, needed {md5})")
        except (OSError, http.client.HTTPException) as error:  # URLError and timeouts are OSErrors
            failures.append(f"{address} did not answer ({getattr(error, 'reason', None) or error})")
        finally:
            pathlib.Path(draft).unlink(missing_ok=True)
    raise ConnectionError(
        f"MNIST is not in {folder} and could not be fetched: {'; '.join(failures) or 'no mirror was given'}. "
        "Connect to the internet and try again, or put the four files there yourself; "
        "`load_digits8` needs no network."
    )


def _download(address: str, path: pathlib.Path, timeout: float) -> None:
    from tqdm.auto import tqdm

    with urllib.request.urlopen(address, timeout=timeout) as answer, path.open("wb") as file:
        size = int(answer.headers.get("Content-Length") or 0) or None
        silent = bool(os.environ.get("TQDM_DISABLE")) or not (sys.stderr.isatty() or "ipykernel" in sys.modules)
        with tqdm(total=size, desc=path.name.split(".gz")[0], unit="B", unit_scale=True, disable=silent) as bar:
            while block := answer.read(1 << 16):
                file.write(block)
                bar.update(len(block))


def _md5(path: pathlib.Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()

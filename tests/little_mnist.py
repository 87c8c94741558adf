"""A little MNIST for tests: four files in its format, made from the bundled digits, and a server on this machine."""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import struct
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from sklearn.datasets import load_digits

NAMES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


def idx(array: np.ndarray) -> bytes:
    """The array as a gzipped IDX file of bytes."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(header + np.asarray(array, dtype=np.uint8).tobytes(), mtime=0)


@functools.cache
def arrays() -> tuple[np.ndarray, ...]:
    """Train images and labels, test images and labels: 8x8 digits, three times as large, with a white border."""
    images, labels = load_digits(return_X_y=True)
    large = np.kron(images.reshape(-1, 8, 8) * 255 / 16, np.ones((1, 3, 3)))
    large = np.pad(large, ((0, 0), (2, 2), (2, 2))).astype(np.uint8)  # 8 * 3 + 4 = 28
    return large[:600], labels[:600], large[600:1100], labels[600:1100]


@functools.cache
def contents() -> dict[str, bytes]:
    return dict(zip(NAMES, map(idx, arrays()), strict=True))


def checksums() -> dict[str, str]:
    return {name: hashlib.md5(content).hexdigest() for name, content in contents().items()}


@contextmanager
def serve() -> Iterator[types.SimpleNamespace]:
    """A mirror: its ``address``, its ``contents``, which may be changed, and what was ``asked`` for.

    It promises the length of the true file, so that changed contents that are shorter break off.
    """
    held, asked = dict(contents()), []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rsplit("/", 1)[-1]
            asked.append(name)
            if name not in held:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(contents()[name])))
            self.end_headers()
            self.wfile.write(held[name])

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/mnist/"
        yield types.SimpleNamespace(address=address, contents=held, asked=asked)
    finally:
        server.shutdown()
        server.server_close()

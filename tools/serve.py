"""Serve the built book on this machine, on the first free port, and say where.

usage: python tools/serve.py [PORT]
"""

from __future__ import annotations

import argparse
import functools
import http.server
import pathlib

SITE = pathlib.Path(__file__).parents[1] / "_build" / "html"
HOST = "127.0.0.1"
TRIES = 100


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files without a line per request."""

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def bind(port: int, site: pathlib.Path) -> http.server.ThreadingHTTPServer:
    """A server on ``port`` or the next free one.

    Raises
    ------
    OSError
        If the next hundred ports are all taken.
    """
    handler = functools.partial(QuietHandler, directory=str(site))
    for candidate in range(port, port + TRIES):
        try:
            return http.server.ThreadingHTTPServer((HOST, candidate), handler)
        except OSError:
            continue
    raise OSError(f"ports {port} to {port + TRIES - 1} are all taken: run `make book PORT=…` with another one")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("port", nargs="?", type=int, default=8000)
    port = parser.parse_args(arguments).port
    if not (SITE / "index.html").exists():
        raise SystemExit("there is no built book: run `make html` first")
    with bind(port, SITE) as server:
        if server.server_port != port:
            print(f"port {port} is taken, using {server.server_port}")
        print(f"the book is at http://{HOST}:{server.server_port}/ (Ctrl-C stops it)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()

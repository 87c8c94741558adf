"""The program that a student's code runs in: a process of its own, which sees inputs and answers in plain data.

`lectures_pkg.sandbox` starts this file as a script, by its path, where the package itself can't be imported: the
package is the answer key. It reads one line of JSON per request and writes one per reply. Nothing that the code
does to this process can earn a point, because the comparison happens in the process at the other end of the pipe.

The two functions `encode` and `decode` are the wire format, used at both ends.
"""

from __future__ import annotations

import base64
import json
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

#: Kinds of NumPy arrays that pass: booleans, integers, floats, complex numbers.
ARRAY_KINDS = "biufc"
DEEPEST = 20  #: levels of nesting


def encode(value: object, depth: int = 0) -> object:
    """Plain data as JSON: numbers, strings, None, lists, tuples, sets, dictionaries, arrays (torch's tensors too).

    Raises
    ------
    TypeError
        For anything else, and for data nested deeper than `DEEPEST`.
    """
    if depth > DEEPEST:
        raise TypeError(f"the answer is nested more than {DEEPEST} levels deep")
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value).__module__.split(".")[0] == "torch" and hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if type(value).__module__.split(".")[0] == "numpy" or "numpy" in sys.modules:
        import numpy as np

        if isinstance(value, np.generic) and value.dtype.kind in ARRAY_KINDS + "U":
            return encode(value.item(), depth)
        if isinstance(value, np.ndarray):
            return _encode_array(np.array(value, subok=False), depth)
    for tag, kind in (("list", list), ("tuple", tuple), ("set", set), ("set", frozenset)):
        if isinstance(value, kind):
            return {tag: [encode(entry, depth + 1) for entry in list(value)]}
    if isinstance(value, dict):
        return {"dict": [[encode(key, depth + 1), encode(entry, depth + 1)] for key, entry in value.items()]}
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    for plain in (int, float, str):  # a subclass: only the plain value passes
        if isinstance(value, plain):
            return plain(value)
    raise TypeError(
        f"the answer should be numbers, strings, lists, dictionaries or arrays, found {type(value).__name__}"
    )


def decode(data: object) -> Any:
    """Inverse of `encode`; the result holds builtin types and plain arrays only.

    Raises
    ------
    ValueError
        If ``data`` is not in the wire format.
    """
    if data is None or isinstance(data, bool | int | float | str):
        return data
    if not isinstance(data, dict) or len(data) != 1:
        raise ValueError("not in the wire format")
    ((tag, content),) = data.items()
    if tag == "array":
        return _decode_array(content)
    if tag == "complex":
        return complex(*content)
    if tag == "dict":
        return {decode(key): decode(entry) for key, entry in content}
    kinds: dict[str, Callable] = {"list": list, "tuple": tuple, "set": set}
    if tag not in kinds:
        raise ValueError("not in the wire format")
    return kinds[tag](decode(entry) for entry in content)


def _encode_array(value: Any, depth: int) -> object:
    if value.dtype.kind not in ARRAY_KINDS:
        return {"list": [encode(entry, depth + 1) for entry in value.tolist()]} if value.ndim else encode(value.item())
    value = value.astype(value.dtype.newbyteorder("<"), order="C", copy=False)
    return {"array": [value.dtype.str, list(value.shape), base64.b64encode(value.tobytes()).decode()]}


def _decode_array(content: Any) -> Any:
    import numpy as np

    dtype, shape, text = content
    dtype = np.dtype(dtype)
    if dtype.kind not in ARRAY_KINDS:
        raise ValueError("not in the wire format")
    raw = base64.b64decode(text, validate=True)
    if len(raw) != dtype.itemsize * math.prod(shape):
        raise ValueError("not in the wire format")
    return np.frombuffer(raw, dtype=dtype).reshape(shape).astype(dtype.newbyteorder("="))


# ------------------------------------------------------------------------------------------ the process


def limit(megabytes: int, seconds: int, file_megabytes: int, processes: int, user: int | None) -> None:
    """Limits that the operating system keeps: address space, processor time, size of a file, number of processes.

    The last one does not bind the superuser; so where the superuser grades behind walls, this process becomes
    ``user``, a number that nobody has. Starting processes is refused in Python as well.
    """
    import resource

    for kind, most in (
        (resource.RLIMIT_AS, megabytes << 20),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, file_megabytes << 20),
        (resource.RLIMIT_NPROC, processes),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    sys.addaudithook(_no_processes)


def run_cells(cells: Sequence[str], namespace: dict[str, Any]) -> list[str | None]:
    """Run cells in order, each for itself; one that misses a name is tried once more after the others."""
    errors = [_run(cell, namespace) for cell in cells]
    for index, error in enumerate(errors):
        if error is not None and error.startswith("NameError"):
            errors[index] = _run(cells[index], namespace)
    return errors


def answer(function: object, arguments: Sequence[object]) -> Mapping[str, object]:
    """The reply to one call: the answer, or what it raised."""
    if not callable(function):
        return {"error": "NameError: the notebook's code left no function of this name"}
    try:
        return {"answer": encode(function(*arguments))}
    except NotImplementedError:
        return {"answer": None}
    except BaseException as error:
        return {"error": _describe(error)}


def main(requests: int, replies: int, libraries: str) -> NoReturn:
    """Serve requests from one pipe, reply on the other, until the pipe closes."""
    incoming, outgoing = os.fdopen(requests, encoding="utf-8"), os.fdopen(replies, "w", encoding="utf-8")
    sys.path.append(libraries)

    def reply(message: Mapping[str, object]) -> None:
        outgoing.write(json.dumps(message) + "\n")
        outgoing.flush()

    job = json.loads(incoming.readline())
    limit(**job["limits"])
    namespace: dict[str, Any] = {"__name__": "__main__", "check": _nothing, "show": _nothing}
    reply({"cells": run_cells(job["cells"], namespace)})
    for line in incoming:
        reply(answer(namespace.get(job["function"]), [decode(argument) for argument in json.loads(line)]))
    os._exit(0)


def _no_processes(event: str, _: object) -> None:
    if event in {"os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.exec", "os.system", "subprocess.Popen"}:
        raise PermissionError("an answer may not start processes")


def _nothing(*_: object) -> None:
    """Stands for ``check`` and ``show``, which a notebook may call."""


def _run(cell: str, namespace: dict[str, Any]) -> str | None:
    try:
        exec(compile(cell, "<cell>", "exec"), namespace)
    except BaseException as error:
        return _describe(error)
    return None


def _describe(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:400]
    except BaseException:
        return "an error whose text raised another error"


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])

"""A process of its own for code that is not trusted: limits everywhere, bubblewrap's walls where the system has them.

What the child process sees is a list of inputs. It can import the standard library, NumPy, SciPy and torch, and not
this package. With bubblewrap it has no network, no files but an empty folder of its own in memory and read-only
libraries, and its own process space. Without it the same limits hold, but code that sets out to do so can read
and delete what the user who grades can.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
import os
import pathlib
import secrets
import select
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType

from lectures_pkg import student
from lectures_pkg.exercises import Wrong

PROGRAM = pathlib.Path(student.__file__)
LIBRARIES = "/libraries"  #: where the sandbox has them
#: What student code may import beside the standard library: NumPy, SciPy, torch, and what these import.
ALLOWED = (
    "numpy", "numpy.libs", "scipy", "scipy.libs", "torch", "torchgen", "functorch",
    "typing_extensions.py", "sympy", "mpmath", "networkx", "jinja2", "markupsafe", "filelock", "fsspec",
)  # fmt: skip
UNUSED_USERS = range(1 << 30, 1 << 31)  #: whom the superuser's sandboxes run as, each as another one
SECONDS_BETWEEN_LOOKS = 0.05  #: at what a child uses
LONGEST_REPLY = 32 << 20  #: bytes

WARNING = (
    "bubblewrap is not at work here, so student code runs with limits on time, memory and files, but without walls: "
    "it could read or delete your files, use the network, or stop this program. Grade on a machine that you can "
    "lose, or install bubblewrap (Debian, Ubuntu: apt install bubblewrap)."
)


@dataclass(frozen=True)
class Limits:
    """What one child process may use."""

    cell_seconds: float = 30.0  #: to run the notebook's cells
    call_seconds: float = 10.0  #: for each answer
    cpu_seconds: int = 120
    megabytes: int = 2048  #: resident, all its processes together
    address_megabytes: int = 16384  #: of one process; torch reserves much more than it uses
    file_megabytes: int = 16
    processes: int = 64  #: threads and processes together


class Stopped(Wrong):
    """The child had to be stopped, or stopped by itself: it answers no further call."""


@functools.cache
def has_walls() -> bool:
    """Whether bubblewrap is installed and works on this system: a probe starts it once."""
    if shutil.which("bwrap") is None:
        return False
    try:
        probe = [*_walls(), "--", *_python(), "-c", "import os, sys; sys.exit(os.path.exists('/home') and 3)"]
        return subprocess.run(probe, capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


class Child:
    """One process for one exercise of one student; a context manager that leaves no process behind.

    Parameters
    ----------
    cells : sequence of str
        The notebook's code, run cell by cell.
    function : str
        Name of the function that is called afterwards.
    limits : Limits
        What the process may use.
    walls : bool
        Run in bubblewrap. `has_walls` says whether that works here.

    Raises
    ------
    Stopped
        If the cells ran too long, took too much memory, or ended the process.
    """

    def __init__(self, cells: Sequence[str], function: str, limits: Limits, walls: bool) -> None:
        self.limits, self._pending, self._mark, self._next_look = limits, bytearray(), uuid.uuid4().hex, 0.0
        self._folder = None if walls else tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        requests, self._requests = os.pipe()
        self._replies, replies = os.pipe()
        try:
            self._process = self._start(requests, replies)
        finally:
            os.close(requests)
            os.close(replies)
        user = secrets.choice(UNUSED_USERS) if walls and os.getuid() == 0 else None
        job = {
            "cells": list(cells),
            "function": function,
            "limits": {
                "megabytes": limits.address_megabytes,
                "seconds": limits.cpu_seconds,
                "file_megabytes": limits.file_megabytes,
                "processes": limits.processes if user else limits.processes + _own_processes(),
                "user": user,
            },
        }
        try:
            self.errors: list[str | None] = self._ask(job, limits.cell_seconds, "the notebook's code")["cells"]
        except BaseException:
            self.close()
            raise

    def call(self, *arguments: object) -> object:
        """The answer of the student's function: builtin types and plain arrays only.

        Raises
        ------
        Wrong
            If the function raised an error, or its answer is not plain data.
        Stopped
            If the process is gone, or had to be stopped.
        """
        request = [student.encode(argument) for argument in arguments]
        reply = self._ask(request, self.limits.call_seconds, "the function")
        if "error" in reply:
            raise Wrong(f"it stopped with {reply['error']}")
        try:
            return student.decode(reply["answer"])
        except (ValueError, TypeError, KeyError, RecursionError, MemoryError):
            raise Wrong("the answer is not plain data") from None

    def close(self) -> None:
        """End the process and everything it started."""
        for descriptor in (self._requests, self._replies):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._kill()
        if self._folder is not None:
            self._folder.cleanup()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _start(self, requests: int, replies: int) -> subprocess.Popen:
        environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MARK": self._mark}
        if self._folder is None:
            settings = [word for name, value in environment.items() for word in ("--setenv", name, value)]
            command = [*_walls(), *settings, "--", *_python(), "/student.py", str(requests), str(replies), LIBRARIES]
            folder = "/"
        else:
            folder = self._folder.name
            environment |= {"HOME": folder, "TMPDIR": folder, "PATH": "/usr/bin:/bin"}
            libraries = _linked_libraries(pathlib.Path(folder))
            program = shutil.copy(PROGRAM, folder)
            command = [*_python(), str(program), str(requests), str(replies), str(libraries)]
        return subprocess.Popen(
            command, pass_fds=(requests, replies), cwd=folder, env=environment, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def _ask(self, request: object, seconds: float, what: str) -> dict:
        """One request and its reply; whatever goes wrong is a sentence for the student."""
        deadline = time.monotonic() + seconds
        self._send(json.dumps(request).encode() + b"\n", deadline, what, seconds)
        received = bytes(self._pending)
        while b"\n" not in received:
            self._watch(deadline, what, seconds)
            if select.select([self._replies], [], [], SECONDS_BETWEEN_LOOKS)[0]:
                received = os.read(self._replies, 1 << 20)
                if not received:
                    self._stop(f"{what} ended the process")
                self._pending.extend(received)
                if len(self._pending) > LONGEST_REPLY:
                    self._stop(f"{what} answered with more than {LONGEST_REPLY >> 20} MB")
        line, _, rest = bytes(self._pending).partition(b"\n")
        self._pending = bytearray(rest)
        try:
            reply = json.loads(line)
            if not isinstance(reply, dict) or not reply.keys() <= {"cells", "answer", "error"} or not reply:
                raise ValueError
        except (ValueError, RecursionError):
            self._stop(f"{what} wrote into the channel of the answers")
        return reply

    def _send(self, message: bytes, deadline: float, what: str, seconds: float) -> None:
        os.set_blocking(self._requests, False)
        view = memoryview(message)
        while view:
            self._watch(deadline, what, seconds)
            try:
                if select.select([], [self._requests], [], SECONDS_BETWEEN_LOOKS)[1]:
                    view = view[os.write(self._requests, view[: 1 << 16]) :]
            except (BrokenPipeError, OSError):
                self._stop(f"{what} ended the process")

    def _watch(self, deadline: float, what: str, seconds: float) -> None:
        now = time.monotonic()
        if now > deadline:
            self._stop(f"{what} ran longer than {seconds:g} s")
        if now < self._next_look:  # looking through /proc takes milliseconds
            return
        self._next_look = now + SECONDS_BETWEEN_LOOKS
        n_processes, megabytes = _usage(self._process.pid, self._mark)
        if n_processes > self.limits.processes:
            self._stop(f"{what} started more than {self.limits.processes} processes")
        if megabytes > self.limits.megabytes:
            self._stop(f"{what} took more than {self.limits.megabytes} MB of memory")

    def _stop(self, sentence: str) -> None:
        self._kill()
        raise Stopped(sentence)

    def _kill(self) -> None:
        """End the session, then what left it: with walls, killing bubblewrap ends its whole process space."""
        for _ in range(20):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.poll()
            strays = [pid for pid, _ in _family(self._process.pid, self._mark)]
            if not strays and self._process.returncode is not None:
                return
            for pid in strays:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)


def _python() -> list[str]:
    """The interpreter, alone: no site-packages, no environment variables, no bytecode written."""
    return [os.path.realpath(sys.executable), "-I", "-S", "-B"]


def _site_packages() -> pathlib.Path:
    specification = importlib.util.find_spec("numpy")
    assert specification is not None and specification.origin is not None
    return pathlib.Path(specification.origin).parents[1]


def _linked_libraries(folder: pathlib.Path) -> pathlib.Path:
    """A folder of links to the allowed libraries, and to nothing else."""
    libraries = folder / "libraries"
    libraries.mkdir()
    for name in ALLOWED:
        if (_site_packages() / name).exists():
            (libraries / name).symlink_to(_site_packages() / name)
    return libraries


def _walls() -> list[str]:
    """Bubblewrap's command line: system libraries and Python read-only, an empty folder in memory, nothing else."""
    prefix = pathlib.Path(os.path.realpath(sys.base_prefix))
    words = ["bwrap", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    if os.getuid() == 0:  # the program gives up these two, and the superuser's name, before it runs any student's code
        words += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        words += ["--unshare-user", "--uid", "65534", "--gid", "65534", "--cap-drop", "ALL"]
    words += ["--die-with-parent", "--new-session", "--clearenv", "--hostname", "student"]
    words += ["--ro-bind", "/usr", "/usr"]
    for name in ("/bin", "/lib", "/lib64", "/lib32"):
        if os.path.islink(name):
            words += ["--symlink", os.readlink(name), name]
        elif os.path.isdir(name):
            words += ["--ro-bind", name, name]
    words += [
        "--ro-bind-try",
        "/etc/ld.so.cache",
        "/etc/ld.so.cache",
        "--ro-bind-try",
        "/etc/alternatives",
        "/etc/alternatives",
    ]
    if not prefix.is_relative_to("/usr"):
        for parent in reversed(prefix.parents[:-1]):  # readable for everyone, whatever they are outside
            words += ["--perms", "0755", "--dir", str(parent)]
        words += ["--ro-bind", str(prefix), str(prefix)]
    words += ["--perms", "0755", "--dir", LIBRARIES]
    for hidden in _installed_packages(prefix):  # whatever else is installed there, this package among it
        words += ["--perms", "0755", "--tmpfs", str(hidden)]
    for name in ALLOWED:
        if (_site_packages() / name).exists():
            words += ["--ro-bind", os.path.realpath(_site_packages() / name), f"{LIBRARIES}/{name}"]
    words += ["--ro-bind", str(PROGRAM), "/student.py", "--proc", "/proc", "--dev", "/dev"]
    words += [
        "--size",
        str(64 << 20),
        "--perms",
        "1777",
        "--tmpfs",
        "/tmp",
        "--setenv",
        "HOME",
        "/tmp",
        "--setenv",
        "TMPDIR",
        "/tmp",
    ]
    return [*words, "--chdir", "/tmp"]


def _installed_packages(prefix: pathlib.Path) -> Iterator[pathlib.Path]:
    """Folders of installed packages inside what the sandbox shows."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    candidates = [
        prefix / "lib" / version / "site-packages",
        prefix / "lib" / version / "dist-packages",
        pathlib.Path("/usr/lib/python3/dist-packages"),
        pathlib.Path("/usr/local/lib") / version,
        pathlib.Path(sysconfig.get_path("purelib")),
    ]
    for folder in dict.fromkeys(map(os.path.realpath, candidates)):
        shown = pathlib.Path(folder).is_relative_to(prefix) or pathlib.Path(folder).is_relative_to("/usr")
        if shown and os.path.isdir(folder):
            yield pathlib.Path(folder)


# ------------------------------------------------------------------------------------------ processes


def _own_processes() -> int:
    """Processes and threads of this user that run already: the operating system counts them with the child's."""
    uid, total = os.getuid(), 0
    for pid in _all_processes():
        try:
            if os.stat(f"/proc/{pid}").st_uid == uid:
                total += len(os.listdir(f"/proc/{pid}/task"))
        except OSError:
            continue
    return total


def _all_processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:  # a system without /proc: then only the operating system's own limits hold
        return []


def _usage(root: int, mark: str) -> tuple[int, float]:
    """Number of processes in the family of one process, and their resident memory in MB."""
    family = _family(root, mark)
    return len(family), sum(resident for _, resident in family)


def _family(root: int, mark: str) -> list[tuple[int, float]]:
    """A process and its descendants, also those that left the family but kept its mark: (pid, resident MB)."""
    parents, resident, page = {}, {}, os.sysconf("SC_PAGE_SIZE")
    for pid in _all_processes():
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[pid], resident[pid] = int(fields[1]), int(fields[21]) * page / (1 << 20)
    members = {root} & parents.keys()
    grew = True
    while grew:
        found = {pid for pid, parent in parents.items() if parent in members} - members
        grew = bool(found)
        members |= found
    for pid in parents.keys() - members:  # orphans
        if parents[pid] == 1 and _has_mark(pid, mark):
            members.add(pid)
    return [(pid, resident[pid]) for pid in members]


def _has_mark(pid: int, mark: str) -> bool:
    try:
        return f"MARK={mark}".encode() in pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False

"""Set up ``.venv`` with the pinned environment; `make` calls this once, and again when the pins change.

usage: python3 tools/set_up.py [--clean]

PyTorch comes first and alone, as its CPU build: a plain ``pip install torch`` on Linux pulls
gigabytes of CUDA. Each failure ends with one sentence that says what to do.
"""

from __future__ import annotations

import argparse
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[1]
VENV = ROOT / ".venv"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
OLDEST, NEWEST = (3, 11), (3, 13)


def pinned(package: str) -> str:
    """The requirement ``package==version`` as constraints.txt has it."""
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if line.startswith(f"{package}=="):
            return line.strip()
    raise LookupError(f"constraints.txt doesn't pin {package}")


def stop(sentence: str) -> None:
    sys.exit(f"set-up stopped: {sentence}")


def pip(*arguments: str) -> bool:
    """Whether pip succeeded; what it printed is shown only where it failed."""
    command = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", *arguments]
    result = subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode:
        print(result.stdout[-4000:], file=sys.stderr)
    return result.returncode == 0


def install_torch() -> bool:
    """The pinned CPU build, from PyTorch's own index (Linux) or from the usual one (macOS, Windows)."""
    index = ["--index-url", CPU_INDEX] if sys.platform == "linux" else []
    return pip("install", "--quiet", "--no-deps", "--retries", "1", *index, pinned("torch"))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clean", action="store_true", help="remove .venv first")
    options = parser.parse_args(arguments)
    found = ".".join(map(str, sys.version_info[:3]))
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        stop(f"Python {found} found, 3.11 to 3.13 needed: run `make PYTHON=/path/to/python3.11 …`.")
    if options.clean:
        shutil.rmtree(VENV, ignore_errors=True)
    if not (VENV / "bin" / "python").exists():
        print(f"making .venv with Python {found}")
        made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True)
        if made.returncode:
            shutil.rmtree(VENV, ignore_errors=True)
            stop("this Python can't make virtual environments: install its venv package (on Debian: python3-venv).")
    print("installing the pinned environment (once; some minutes)")
    if not install_torch():
        stop(f"{pinned('torch')} could not be installed: check the network, or put its CPU wheel where pip finds it.")
    if not pip("install", "--quiet", "-c", "constraints.txt", "-e", ".[dev]"):
        stop("the packages of constraints.txt could not be installed: check the network and run the command again.")
    (VENV / ".ok").touch()


if __name__ == "__main__":
    main()

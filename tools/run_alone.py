"""Run notebooks as a student on Colab does: each copied alone to an empty folder, its first cell unchanged.

usage: python tools/run_alone.py [NOTEBOOK ...]      (every notebook of the book by default)

Run it with a Python that has the dependencies but not the package: the notebook's first cell must
install it. Git's ``insteadOf`` points the repository's address at this checkout, so that what is
tested is what stands here, and no network is needed for it.
"""

from __future__ import annotations

import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

ROOT = pathlib.Path(__file__).parents[1]
SECONDS_PER_CELL = 240
ADDRESS = re.compile(r"git\+(?P<repository>\S+)@(?P<ref>[^\s\"@]+)\"")


def git(*arguments: str, folder: pathlib.Path = ROOT) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def snapshot(folder: pathlib.Path, ref: str) -> pathlib.Path:
    """A bare copy of this checkout, uncommitted changes to tracked files included, with ``ref`` as a tag."""
    copy = folder / "repository.git"
    commit = git("stash", "create") or git("rev-parse", "HEAD")
    git("init", "--quiet", "--bare", "--initial-branch=main", str(copy))
    git("push", "--quiet", str(copy), f"{commit}:refs/heads/main", f"{commit}:refs/tags/{ref}")
    return copy


def execute(path: pathlib.Path) -> nbformat.NotebookNode:
    """The notebook, run in its own folder."""
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=SECONDS_PER_CELL, kernel_name="python3", resources=resources).execute()
    return notebook


def run(path: pathlib.Path, folder: pathlib.Path) -> None:
    """Copy one notebook to an empty folder and run it to the end."""
    alone = folder / path.stem
    alone.mkdir()
    shutil.copy(path, alone)
    try:
        notebook = execute(alone / path.name)
    except CellTimeoutError:  # a reply can get lost between kernel and client: a cell that really hangs does so twice
        notebook = execute(alone / path.name)
    if any("Error" in output.get("ename", "") for cell in notebook.cells for output in cell.get("outputs", [])):
        raise RuntimeError(f"{path.name} stored an error")


def main(arguments: list[str]) -> int:
    if importlib.util.find_spec("lectures_pkg"):
        print("lectures_pkg is installed in this Python, so the notebooks' first cell would not be tested")
        return 2
    paths = [pathlib.Path(argument).resolve() for argument in arguments] or sorted((ROOT / "book").glob("*.ipynb"))
    address = ADDRESS.search(paths[0].read_text().replace("\\", ""))
    assert address, f"{paths[0].name} has no install cell"
    os.environ["TQDM_DISABLE"] = "1"
    failed = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        copy = snapshot(folder, address["ref"])
        os.environ |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{copy.as_uri()}.insteadOf",
            "GIT_CONFIG_VALUE_0": address["repository"],
        }
        for path in paths:
            try:
                run(path, folder)
                print(f"{path.name}: ran alone to the end", flush=True)
            except (CellExecutionError, CellTimeoutError) as error:
                failed.append(path.name)
                print(f"{path.name}: stopped\n{error}", flush=True)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

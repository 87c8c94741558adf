"""Re-run notebooks and store their outputs without noise, or check that the stored ones are complete.

usage: python tools/execute.py [--check] [NOTEBOOK ...]      (every notebook of the book by default)

Without noise: no timings, no random widget ids, fixed metadata. Run twice, nothing changes.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys

os.environ.setdefault("PYTHONHASHSEED", "0")
os.environ.setdefault("TQDM_DISABLE", "1")

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

BOOK = pathlib.Path(__file__).parents[1] / "book"
SECONDS_PER_CELL = 240
LIVE = "live"  #: cells with a live widget: run, but their outputs are neither stored nor compared


def execute(path: pathlib.Path) -> None:
    """Run one notebook in place; nothing is written if a cell fails.

    A reply was seen to get lost between kernel and client, which then waits for ever; so a notebook whose
    cell runs out of time is started once more. A cell that really takes too long does so twice.
    """
    try:
        run(path)
    except CellTimeoutError:
        run(path)


def run(path: pathlib.Path) -> None:
    """One attempt: run all cells, then write."""
    notebook = nbformat.read(path, as_version=4)
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
        cell.metadata.pop("execution", None)
    NotebookClient(
        notebook,
        timeout=SECONDS_PER_CELL,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=True,  # nbclient needs it where an interactive cell prints; the metadata below drop it
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    for cell in code_cells(notebook):
        if LIVE in cell.metadata.get("tags", []):
            cell.outputs = []
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def incomplete(path: pathlib.Path) -> list[str]:
    """What is wrong with the stored outputs of one notebook: cells not run, out of order, or failed."""
    problems = []
    for number, cell in enumerate(code_cells(nbformat.read(path, as_version=4)), start=1):
        if cell.execution_count != number:
            problems.append(f"{path.name}, code cell {number}: its execution count is {cell.execution_count}")
        if any(output.output_type == "error" for output in cell.outputs):
            problems.append(f"{path.name}, code cell {number}: an error is stored")
    return problems


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Code cells that are not empty."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="run nothing; fail if a stored output is missing")
    parser.add_argument("notebooks", nargs="*", type=pathlib.Path)
    options = parser.parse_args(arguments)
    paths = options.notebooks or sorted(BOOK.glob("*.ipynb"))
    if options.check:
        problems = [problem for path in paths for problem in incomplete(path)]
        print("\n".join(problems) or f"{len(paths)} notebooks are fully run, in order")
        return bool(problems)
    for path in paths:
        try:
            execute(path)
        except (CellExecutionError, CellTimeoutError) as error:
            print(f"{path.name} stopped, and was left as it was:\n{error}", file=sys.stderr)
            return 1
        print(f"ran {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

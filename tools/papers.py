"""Run the trials of published tables that are not stored yet, and store each as it ends (up to two hours).

usage: python tools/papers.py [ROW ...]      (every row by default; a stopped run goes on where it stopped)
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import platform
import sys

os.environ.setdefault("OMP_NUM_THREADS", os.environ.get("LECTURES_THREADS", "1"))

from importlib.metadata import version

from lectures_pkg import experiments, papers

PATH = pathlib.Path(experiments.__file__).parent / "papers.json"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"among: {'; '.join(papers.TRIALS)}")
    rows = parser.parse_args(arguments).rows or list(papers.TRIALS)
    unknown = [row for row in rows if row not in papers.TRIALS]
    if unknown:
        parser.error(f"no row is called {unknown[0]!r}; the rows are: {'; '.join(papers.TRIALS)}")
    for trial in range(papers.N_TRIALS):
        for row in rows:
            if str(trial) in stored().get(row, {}):
                continue
            values = papers.TRIALS[row](trial)
            store(row, trial, {name: float(value) for name, value in values.items()})
            print(f"{row}, trial {trial}: {values}", flush=True)
    return 0


def stored() -> dict[str, dict[str, dict[str, float]]]:
    """Values by row and trial, as the file has them now: two programs may work on different rows."""
    return json.loads(PATH.read_text())["rows"] if PATH.exists() else {}


def store(row: str, trial: int, values: dict[str, float]) -> None:
    """Add one trial, writing the whole record in one move: a stopped run leaves the last complete one."""
    rows = stored()
    rows.setdefault(row, {})[str(trial)] = values
    record = {
        "command": "make papers",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("torch", "numpy")},
        "rows": {name: rows[name] for name in papers.TRIALS if name in rows},
    }
    part = PATH.with_suffix(".part")
    part.write_text(json.dumps(record, indent=1) + "\n")
    part.replace(PATH)


if __name__ == "__main__":
    sys.exit(main())

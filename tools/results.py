"""Run the experiments over seeds and store every value; seeds that are stored already are not run again.

usage: python tools/results.py [--fresh SEED] [STEM ...]      (every chapter with an experiment by default)

``--fresh SEED`` stores nothing: it runs one seed outside the stored ones and fails where a number lies
further from the stored mean than five standard deviations of a new seed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import pathlib
import platform
import sys

os.environ.setdefault("OMP_NUM_THREADS", os.environ.get("LECTURES_THREADS", "1"))

from importlib.metadata import version

from lectures_pkg import experiments

FOLDER = pathlib.Path(experiments.__file__).parent


def store(stem: str) -> None:
    """Run the seeds that are missing, writing after each, so that an interrupted run resumes."""
    experiment = importlib.import_module(f"lectures_pkg.experiments.{stem}")
    path = FOLDER / f"{stem}.json"
    runs = json.loads(path.read_text())["seeds"] if path.exists() else {}
    for seed in experiment.SEEDS:
        if str(seed) in runs:
            continue
        runs[str(seed)] = {name: float(value) for name, value in experiment.run(seed).items()}
        record = {
            "command": f"make results STEM={stem}",
            "python": platform.python_version(),
            "versions": {name: version(name) for name in ("torch", "numpy", "scipy", "scikit-learn")},
            "seeds": runs,
        }
        path.write_text(json.dumps(record, indent=1) + "\n")
        print(f"{stem}, seed {seed}: {runs[str(seed)]}", flush=True)


def outside(stem: str, seed: int) -> list[str]:
    """Numbers of a fresh seed that the stored spread refuses."""
    values = importlib.import_module(f"lectures_pkg.experiments.{stem}").run(seed)
    problems = []
    for name, spread in experiments.spread(stem).items():
        allowed = 5 * spread.std * math.sqrt(1 + 1 / spread.n_seeds)
        if not abs(values[name] - spread.mean) <= allowed:
            problems.append(
                f"{stem}, seed {seed}: {name} is {values[name]:.4g}, stored {spread.mean:.4g} ± {spread.std:.2g}"
            )
    return problems


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--fresh", type=int, metavar="SEED", help="run one new seed and compare, store nothing")
    parser.add_argument("stems", nargs="*")
    options = parser.parse_args(arguments)
    stems = options.stems or sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")
    if options.fresh is None:
        for stem in stems:
            store(stem)
        return 0
    problems = [problem for stem in stems for problem in outside(stem, options.fresh)]
    print("\n".join(problems) or f"seed {options.fresh} lies within the stored spread of {', '.join(stems)}")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())

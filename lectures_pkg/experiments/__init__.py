"""Experiments over seeds: what takes too long for a chapter, run once and stored with the command that made it.

``experiments/<stem>.py`` holds ``SEEDS`` and ``run(seed) -> {name: value}``; ``make results`` runs the
seeds that are missing and writes ``experiments/<stem>.json``. A chapter re-trains one seed and shows
the stored spread; ``make seeds`` runs a fresh seed and refuses one that falls outside it.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import NamedTuple

import numpy as np


class Spread(NamedTuple):
    """Values of one number over the stored seeds."""

    mean: float
    std: float  #: standard deviation over seeds (n - 1)
    low: float
    high: float
    n_seeds: int


def stored(stem: str) -> dict:
    """The stored results of one chapter: command, versions, and every value of every seed.

    Raises
    ------
    LookupError
        If this chapter has no stored results.
    """
    path = files(__package__).joinpath(f"{stem}.json")
    if not path.is_file():
        raise LookupError(f"no results are stored for {stem!r}: run `make results STEM={stem}`")
    return json.loads(path.read_text())


def spread(stem: str) -> dict[str, Spread]:
    """Mean, standard deviation and range over the stored seeds, for each number of one chapter."""
    runs = list(stored(stem)["seeds"].values())
    return {name: _spread(np.array([run[name] for run in runs], dtype=float)) for name in runs[0]}


def _spread(values: np.ndarray) -> Spread:
    std = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    return Spread(float(values.mean()), std, float(values.min()), float(values.max()), len(values))

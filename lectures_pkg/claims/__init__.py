"""Claims: every equation of the book that can be false, as two sides computed by independent routes.

A chapter states an equation under a label, ``show(label)`` checks it there, the tests check
all of them, and the ledger page lists them: one and the same object each time. A claim also
carries the well-known wrong forms of its equation, its *slips*, and refuses each of them, so
that no check is kept that cannot fail.

One module per chapter, named by the chapter's stem, holds that chapter's ``CLAIMS``.
"""

from __future__ import annotations

import importlib
import math
import pkgutil
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

#: Monte Carlo sides may differ by this many standard errors (a false alarm in two million).
STANDARD_ERRORS = 5.0
#: A sample that follows its law has a p-value above this.
SMALLEST_P_VALUE = 1e-6
#: A slip counts as refused only this many allowances away from the truth.
FAR = 2.0

RELATIONS = {"=": "=", "<=": "≤", ">=": "≥", "~": "~"}


@dataclass(frozen=True)
class Estimate:
    """A Monte Carlo side: its mean and the standard error of that mean (scalars or equal shapes)."""

    mean: ArrayLike
    standard_error: ArrayLike


def estimate(draws: ArrayLike) -> Estimate:
    """Mean and standard error over the first axis of independent draws."""
    values = np.asarray(draws, dtype=float)
    if values.shape[0] < 2:
        raise ValueError(f"a standard error needs at least 2 draws, found {values.shape[0]}")
    return Estimate(values.mean(axis=0), values.std(axis=0, ddof=1) / math.sqrt(values.shape[0]))


Side = ArrayLike | Estimate
#: Takes a fresh random generator, returns the left and the right side. For relation ``"~"`` the
#: left side is a p-value and the right side is `SMALLEST_P_VALUE`.
Sides = Callable[[np.random.Generator], tuple[Side, Side]]


def slips_of(sides: Callable[..., tuple[Side, Side]], keyword: str, *names: object) -> dict[str, Sides]:
    """Slips that are one argument of the sides away: each name is the argument's value, and says the slip."""
    return {str(name): partial(sides, **{keyword: name}) for name in names}


@dataclass(frozen=True)
class Comparison:
    """One evaluation of both sides."""

    left: np.ndarray
    right: np.ndarray
    left_error: np.ndarray | None
    right_error: np.ndarray | None
    allowance: float
    excess: float  #: how far the relation is violated; 0 where it holds exactly

    @property
    def holds(self) -> bool:
        return self.excess <= self.allowance

    @property
    def is_far_off(self) -> bool:
        return not self.excess <= FAR * self.allowance

    @property
    def standard_error(self) -> float | None:
        """Largest standard error of the difference, or None where both sides are exact."""
        if self.left_error is None and self.right_error is None:
            return None
        return float(np.max(np.hypot(_zero_if_none(self.left_error), _zero_if_none(self.right_error))))


@dataclass(frozen=True)
class Claim:
    r"""An equation (or inequality) that is checked, with the slips that its check must refuse.

    Parameters
    ----------
    label : str
        Label of the equation in the chapter.
    equation : str
        Its LaTeX, word for word as the chapter prints it.
    sides : callable
        ``sides(rng)`` returns the left and the right side by independent routes, each a number, an
        array, or an `Estimate`. Exact claims may ignore ``rng`` or draw random test cases from it.
    source : str
        Paper and equation, or "by definition", or the chapter's own derivation.
    slips : mapping of str to callable
        Name of each well-known wrong form, and its sides: same signature as ``sides``.
    relation : {"=", "<=", ">=", "~"}
        How left stands to right; ``"~"`` says that a sample follows a law (left is a p-value).
    tolerance : float
        Allowed violation of exact sides, in the units of the sides; Monte Carlo sides add five
        standard errors by themselves.
    """

    label: str
    equation: str
    sides: Sides
    source: str
    slips: Mapping[str, Sides] = field(default_factory=dict)
    relation: str = "="
    tolerance: float = 1e-12

    def __post_init__(self) -> None:
        if self.relation not in RELATIONS:
            raise ValueError(f"relation must be one of {', '.join(RELATIONS)}, found {self.relation!r}")

    def compare(self, sides: Sides, seed: int = 0) -> Comparison:
        """Evaluate one pair of sides under this claim's relation and tolerance."""
        rng = np.random.default_rng([seed, zlib.crc32(self.label.encode())])
        left_side, right_side = sides(rng)
        left, left_error = _value_and_error(left_side)
        right, right_error = _value_and_error(right_side)
        with np.errstate(invalid="ignore"):  # equal infinities are equal
            difference = np.where(left == right, 0.0, left - right)
        if self.relation == "~":
            return Comparison(left, right, None, None, 0.0, float(np.max(right - left)))
        error = STANDARD_ERRORS * np.hypot(_zero_if_none(left_error), _zero_if_none(right_error))
        violation = {"=": np.abs(difference), "<=": difference, ">=": -difference}[self.relation]
        # Entries of a Monte Carlo side have their own standard errors: keep the worst entry.
        allowances = np.broadcast_to(self.tolerance + error, np.shape(violation))
        worst = _worst_entry(violation, allowances)
        excess = float(np.asarray(violation).reshape(-1)[worst])
        return Comparison(
            left, right, left_error, right_error, float(allowances.reshape(-1)[worst]), _non_finite_is_far(excess)
        )

    def check(self, seed: int = 0) -> Verdict:
        """Evaluate the claim and all its slips with one seed."""
        started = time.perf_counter()
        comparison = self.compare(self.sides, seed)
        refused = {name: self._refuses(slip, seed) for name, slip in self.slips.items()}
        return Verdict(self, comparison, refused, time.perf_counter() - started)

    def _refuses(self, slip: Sides, seed: int) -> bool:
        comparison = self.compare(slip, seed)
        if self.relation == "~":  # far off: rarer than the smallest p-value, squared
            return not np.min(comparison.left) > SMALLEST_P_VALUE**2
        return comparison.is_far_off


@dataclass(frozen=True)
class Verdict:
    """What a check of a claim found."""

    claim: Claim
    comparison: Comparison
    slips: Mapping[str, bool]  #: name of the slip, and whether it was refused
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether the claim holds and refuses every slip."""
        return self.comparison.holds and all(self.slips.values())

    @property
    def summary(self) -> str:
        """Both sides as far as every machine prints the same, and the allowance."""
        return _summary(self.claim, self.comparison)

    @property
    def sentence(self) -> str:
        """One line that is the same on every machine as long as the claim holds."""
        if not self.comparison.holds:
            found = f"violated by {self.comparison.excess:.3g}, allowed {self.comparison.allowance:.3g}"
            return f"✗ {self.claim.label}: {found}"
        accepted = [name for name, refused in self.slips.items() if not refused]
        if accepted:
            return f"✗ {self.claim.label}: the slip «{'», «'.join(accepted)}» passed the check as well"
        slips = "; ".join(self.slips)
        return f"✓ {self.claim.label}: {self.summary}. Refused: {slips}."

    def as_json(self, stem: str) -> dict[str, object]:
        """The verdict as plain data: scalar sides, or the largest difference of array sides."""
        comparison = self.comparison
        scalar = comparison.left.size == 1 and comparison.right.size == 1
        row: dict[str, object] = {
            "label": self.claim.label,
            "stem": stem,
            "equation": self.claim.equation,
            "relation": self.claim.relation,
            "left": _finite_or_none(comparison.left.item()) if scalar else None,
            "right": _finite_or_none(comparison.right.item()) if scalar else None,
            "standard_error": _finite_or_none(comparison.standard_error),
            "allowance": comparison.allowance,
            "holds": comparison.holds,
            "seconds": round(self.seconds, 4),
            "slips": dict(self.slips),
        }
        if not scalar:
            row["max_abs_difference"] = _finite_or_none(float(np.max(np.abs(comparison.left - comparison.right))))
        return row


def stems() -> list[str]:
    """Stems of the chapters that have claims, in alphabetical order (the book's order is its own)."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def claims_of(stem: str) -> tuple[Claim, ...]:
    """The claims of one chapter, in the chapter's order."""
    if stem not in stems():
        raise ValueError(f"no chapter {stem!r} has claims; the chapters are {', '.join(stems())}")
    return tuple(importlib.import_module(f"{__name__}.{stem}").CLAIMS)


def all_claims(chapters: Iterable[str] | None = None) -> list[Claim]:
    """All claims of the given chapters (of every chapter by default)."""
    return [claim for stem in (stems() if chapters is None else chapters) for claim in claims_of(stem)]


def show(label: str) -> None:
    """Check the claim with this label and print the verdict in one line.

    Raises
    ------
    AssertionError
        If the claim fails, or accepts one of its slips.
    LookupError
        If no claim has this label.
    """
    for stem in stems():
        for claim in claims_of(stem):
            if claim.label == label:
                verdict = claim.check()
                assert verdict.holds, verdict.sentence
                print(verdict.sentence)
                return
    raise LookupError(f"no claim is labelled {label!r}")


def _value_and_error(side: Side) -> tuple[np.ndarray, np.ndarray | None]:
    if isinstance(side, Estimate):
        return np.asarray(side.mean, dtype=float), np.asarray(side.standard_error, dtype=float)
    return np.asarray(side, dtype=float), None


def _zero_if_none(error: np.ndarray | None) -> np.ndarray:
    return np.zeros(()) if error is None else error


def _worst_entry(violation: np.ndarray, allowances: np.ndarray) -> int:
    margin = np.asarray(violation - allowances).reshape(-1)
    if margin.size == 0:
        raise ValueError("a claim compared two empty arrays")
    return int(np.argmax(np.where(np.isnan(margin), np.inf, margin)))


def _non_finite_is_far(excess: float) -> float:
    return math.inf if math.isnan(excess) else max(excess, 0.0)


def _finite_or_none(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def _summary(claim: Claim, comparison: Comparison) -> str:
    relation = RELATIONS[claim.relation]
    if claim.relation == "~":
        return f"the sample follows the law (p-value above {SMALLEST_P_VALUE:.0e})"
    cases = max(comparison.left.size, comparison.right.size)
    left, right = (
        _stable_number(side, error, claim.tolerance)
        for side, error in ((comparison.left, comparison.left_error), (comparison.right, comparison.right_error))
    )
    if cases > 1:
        sides = f"left {relation} right in all {cases} entries"
    elif claim.relation == "=":
        sides = f"both sides {left or right}" if left or right else "left = right"
    else:
        sides = f"{left or 'left'} {relation} {right or 'right'}"
    if comparison.standard_error is not None:
        return f"{sides} within {STANDARD_ERRORS:g} standard errors"
    return f"{sides} (exactly)" if claim.tolerance == 0 else f"{sides} (within {claim.tolerance:.0e})"


def _stable_number(side: np.ndarray, error: np.ndarray | None, tolerance: float) -> str:
    """The side to four digits where another machine would print the same; else nothing."""
    if error is not None or side.size != 1 or tolerance > 1e-5:
        return ""
    value = side.item()
    return "0" if abs(value) <= max(tolerance, 1e-12) else f"{value:.4g}"

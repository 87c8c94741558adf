"""The command line: ``lectures claims`` checks every claim of the book."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from lectures_pkg.claims import Claim, Verdict, claims_of, stems


def check_claims(chapters: Sequence[str], n_seeds: int | None, as_json: bool) -> int:
    """Check claims and print them; the number returned is the exit status."""
    rows: list[dict] = []
    n_failed = n_claims = 0
    for stem in chapters or stems():
        for claim in claims_of(stem):
            verdict = claim.check()
            sentence = verdict.sentence
            if verdict.holds and n_seeds is not None and _is_monte_carlo(verdict):
                verdict, sentence = _over_seeds(claim, n_seeds)
            n_claims += 1
            n_failed += not verdict.holds
            if as_json:
                rows.append(verdict.as_json(stem))
            else:
                print(sentence, flush=True)
    if as_json:
        print(json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False))
    else:
        print(f"{n_claims} claims, {n_failed} failed")
    return int(n_failed > 0)


def _is_monte_carlo(verdict: Verdict) -> bool:
    return verdict.comparison.standard_error is not None or verdict.claim.relation == "~"


def _over_seeds(claim: Claim, n_seeds: int) -> tuple[Verdict, str]:
    """The first failing verdict among fresh seeds, or the last one that held."""
    for seed in range(1, n_seeds + 1):
        verdict = claim.check(seed)
        if not verdict.holds:
            return verdict, f"{verdict.sentence} (seed {seed})"
    return verdict, f"{verdict.sentence} On {n_seeds} fresh seeds."


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the command ``lectures``."""
    parser = argparse.ArgumentParser(prog="lectures", description="Generative models, derived and checked.")
    commands = parser.add_subparsers(dest="command", required=True)
    claims = commands.add_parser("claims", help="check the book's equations, and that each refuses its slips")
    claims.add_argument("stems", nargs="*", metavar="STEM", help="chapters (all by default)")
    claims.add_argument("--seeds", type=_positive, metavar="N", help="re-run the Monte Carlo claims with N fresh seeds")
    claims.add_argument("--json", action="store_true", help="one JSON object per claim")
    options = parser.parse_args(arguments)
    unknown = [stem for stem in options.stems if stem not in stems()]
    if unknown:
        parser.error(f"no chapter {unknown[0]!r} has claims; the chapters are {', '.join(stems())}")
    return check_claims(options.stems, options.seeds, options.json)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"the number of seeds must be a positive integer, found {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())

"""The command line: ``lectures claims`` checks the book's equations; ``assign`` and ``grade`` are for instructors."""

from __future__ import annotations

import argparse
import json
import pathlib
import secrets
import sys
import time
import warnings
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


def write_assignment(options: argparse.Namespace) -> int:
    """``lectures assign``: write the student's notebook and the instructor's copy."""
    from lectures_pkg import assign

    try:
        assignment = assign.choose(options.stems, options.exercises or (), options.title)
        repository, ref = options.repository, options.ref
        if not (repository and ref):
            known = assign.address_of_the_course()
            repository, ref = repository or known[0], ref or known[1]
        seed = secrets.randbits(31) if options.seed is None else options.seed
        files = assign.write(assignment, options.output, seed, (repository, ref))
    except (ValueError, LookupError, FileNotFoundError) as error:
        print(f"lectures assign: {error}", file=sys.stderr)
        return 2
    print(assign.points_table(assignment))
    print("\n".join(f"wrote {path}" for path in files))
    return 0


def grade_submissions(options: argparse.Namespace) -> int:
    """``lectures grade``: grade a folder of notebooks into a table, and write feedback pages if asked to."""
    from lectures_pkg import feedback, grade, sandbox

    if not options.submissions.is_dir():
        print(f"lectures grade: {options.submissions} is not a folder of notebooks", file=sys.stderr)
        return 2
    try:
        found = grade.collect(options.submissions)
        assignment = grade.recorded(options.assignment) if options.assignment else grade.expected(found)
    except (ValueError, KeyError, OSError) as error:
        print(f"lectures grade: {error}", file=sys.stderr)
        return 2
    if not sandbox.has_walls():
        print(f"warning: {sandbox.WARNING}", file=sys.stderr)
    warnings.simplefilter("ignore")  # a check that compares a strange answer may warn; its verdict is what counts
    started = time.perf_counter()
    state = grade.State(options.output.with_name(options.output.name + ".progress"), assignment, options.seed)
    results = grade.grade_all(options.submissions, assignment, state, jobs=options.jobs, own=options.per_student)
    grade.write_csv(options.output, assignment, results)
    if options.report:
        feedback.write_report(options.report, assignment, results)
    seconds = (time.perf_counter() - started) / max(len(results), 1)
    print(f"{len(results)} notebooks graded, {seconds:.2f} s each: {options.output}")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the command ``lectures``."""
    parser = argparse.ArgumentParser(prog="lectures", description="Generative models, derived and checked.")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_claims(commands)
    _add_assign(commands)
    _add_grade(commands)
    options = parser.parse_args(arguments)
    if options.command == "assign":
        return write_assignment(options)
    if options.command == "grade":
        return grade_submissions(options)
    unknown = [stem for stem in options.stems if stem not in stems()]
    if unknown:
        parser.error(f"no chapter {unknown[0]!r} has claims; the chapters are {', '.join(stems())}")
    return check_claims(options.stems, options.seeds, options.json)


def _add_claims(commands: argparse._SubParsersAction) -> None:
    claims = commands.add_parser("claims", help="check the book's equations, and that each refuses its slips")
    claims.add_argument("stems", nargs="*", metavar="STEM", help="chapters (all by default)")
    claims.add_argument("--seeds", type=_positive, metavar="N", help="re-run the Monte Carlo claims with N fresh seeds")
    claims.add_argument("--json", action="store_true", help="one JSON object per claim")


def _add_assign(commands: argparse._SubParsersAction) -> None:
    assign = commands.add_parser("assign", help="write an assignment: a student's notebook, and an instructor's copy")
    assign.add_argument("stems", nargs="+", metavar="STEM", help="chapters whose assignment exercises are taken")
    assign.add_argument("-o", "--output", type=pathlib.Path, required=True, metavar="DIR", help="folder to write into")
    assign.add_argument("--exercises", nargs="+", metavar="NAME", help="these exercises only, in this order")
    assign.add_argument("--title", help="title of the assignment, and name of its files")
    assign.add_argument("--seed", type=int, help="of the hidden tests in the instructor's copy (random by default)")
    assign.add_argument("--repository", help="address that the first cell installs from (_config.yml's by default)")
    assign.add_argument("--ref", help="tag, branch or commit that it installs")


def _add_grade(commands: argparse._SubParsersAction) -> None:
    grade = commands.add_parser("grade", help="grade a folder of notebooks")
    grade.add_argument("submissions", type=pathlib.Path, metavar="SUBMISSIONS", help="folder of notebooks")
    grade.add_argument("-o", "--output", type=pathlib.Path, required=True, metavar="GRADES.csv", help="table to write")
    grade.add_argument("--assignment", type=pathlib.Path, metavar="JSON", help="instructor/assignment.json")
    grade.add_argument("--jobs", type=_positive, default=2, metavar="N", help="notebooks graded at a time (2)")
    grade.add_argument("--report", type=pathlib.Path, metavar="DIR", help="write feedback pages and a summary")
    grade.add_argument("--seed", help="secret that the hidden inputs are drawn from (random, and kept, by default)")
    grade.add_argument("--per-student", action="store_true", help="draw other inputs for each student")


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"this must be a positive integer, found {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())

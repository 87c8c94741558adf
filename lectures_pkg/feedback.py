"""What goes back: a page per student, and a summary with a histogram for whoever grades. Plain HTML, nothing loaded."""

from __future__ import annotations

import hashlib
import html
import pathlib
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from lectures_pkg.assign import Assignment
from lectures_pkg.grade import Graded

_STYLE = """
body{font:16px/1.6 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #8884;
vertical-align:top}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.right{color:#007a5e}.wrong{color:#b34a00}svg text{font:12px system-ui,sans-serif;fill:currentColor}
@media(prefers-color-scheme:dark){body{background:#14181c;color:#ddd}.right{color:#3fc79a}.wrong{color:#ff9350}
a{color:#7fc4ff}}
"""


def write_report(folder: pathlib.Path, assignment: Assignment, results: Sequence[Graded]) -> None:
    """Write ``summary.html`` and one page per notebook under ``students``."""
    (folder / "students").mkdir(parents=True, exist_ok=True)
    for result in results:
        (folder / page_name(result)).write_text(student_page(assignment, result), encoding="utf-8", errors="replace")
    summary = summary_page(assignment, results)
    (folder / "summary.html").write_text(summary, encoding="utf-8", errors="replace")


def page_name(result: Graded) -> str:
    """Address of a student's page: readable, safe as a file name, and different for each notebook."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", result.student).strip("-")[:40] or "student"
    unique = hashlib.sha256(f"{result.student}\0{result.file}".encode("utf-8", "surrogateescape")).hexdigest()[:6]
    return f"students/{readable}-{unique}.html"


def student_page(assignment: Assignment, result: Graded) -> str:
    """Points and hints of one notebook, exercise by exercise."""
    rows, title_of = [], {exercise.name: exercise for exercise in assignment.exercises}
    for mark in result.marks:
        exercise = title_of[mark.exercise]
        tone = "right" if mark.points == mark.maximum and mark.note == "right" else "wrong"
        note = f'<span class="{tone}">{html.escape(mark.note)}</span>'
        if exercise.rubric:
            note += f"<br><small>Looked at by a person: {html.escape(exercise.rubric.strip())}</small>"
        rows.append(
            f"<tr><td>{html.escape(exercise.title)}<br><small><code>{mark.exercise}</code></small></td>"
            f'<td class="n">{mark.points} of {mark.maximum}</td><td>{note}</td></tr>'
        )
    about = f'<p class="wrong">{html.escape(result.file)}: {html.escape(result.note)}.</p>' if result.note else ""
    return _page(
        f"{assignment.title}: {result.student}",
        f"<p><b>{result.points} of {assignment.points} points.</b></p>{about}"
        "<table><tr><th>Exercise</th><th class='n'>Points</th><th>What the check says</th></tr>"
        + "".join(rows)
        + "</table>",
    )


def summary_page(assignment: Assignment, results: Sequence[Graded]) -> str:
    """Histogram of the points, how often each exercise was right, and the hints that came most often."""
    points = [result.points for result in results]
    spread = f"mean {np.mean(points):.1f}, median {np.median(points):g}" if points else "no notebooks"
    body = [
        f"<p>{len(results)} notebooks, {assignment.points} points at most: {spread}.</p>",
        _svg(histogram(points, assignment.points), assignment.points),
        "<h2>Exercise by exercise</h2><table>",
        "<tr><th>Exercise</th><th class='n'>Right</th><th>Most frequent hints</th></tr>",
    ]
    for exercise in assignment.exercises:
        marks = [mark for result in results for mark in result.marks if mark.exercise == exercise.name]
        right = sum(mark.note == "right" for mark in marks)
        common = Counter(mark.note for mark in marks if mark.note not in {"right", "not graded"}).most_common(3)
        hints = "<br>".join(f"{count} × {html.escape(note)}" for note, count in common)
        body.append(
            f'<tr><td>{html.escape(exercise.title)}</td><td class="n">{right} of {len(marks)}</td><td>{hints}</td></tr>'
        )
    body.append("</table><h2>Notebooks</h2><table><tr><th>Student</th><th class='n'>Points</th><th></th></tr>")
    for result in results:
        link = f'<a href="{page_name(result)}">{html.escape(result.student)}</a>'
        note = html.escape(result.note)
        body.append(f'<tr><td>{link}</td><td class="n">{result.points}</td><td class="wrong">{note}</td></tr>')
    return _page(assignment.title, "".join([*body, "</table>"]))


def histogram(points: Sequence[int], maximum: int, n_bins: int = 10) -> np.ndarray:
    """How many notebooks have a share of the points in each tenth; the last one includes the maximum."""
    counts, _ = np.histogram(np.asarray(points, dtype=float), bins=n_bins, range=(0, max(maximum, 1)))
    return counts


def _svg(counts: np.ndarray, maximum: int) -> str:
    width, height, highest = 600, 150, max(int(counts.max()), 1)
    bars = []
    for index, count in enumerate(counts):
        tall, left = height * int(count) / highest, width * index / len(counts)
        bars.append(
            f'<rect x="{left + 3:.0f}" y="{20 + height - tall:.1f}" width="{width / len(counts) - 6:.0f}" '
            f'height="{tall:.1f}" fill="#0072B2"/>'
        )
        if count:
            middle, top = left + width / len(counts) / 2, 14 + height - tall
            bars.append(f'<text x="{middle:.0f}" y="{top:.1f}" text-anchor="middle">{count}</text>')
    said = "; ".join(f"{count} in tenth {index + 1}" for index, count in enumerate(counts) if count) or "none"
    return (
        f'<svg viewBox="0 0 {width} {height + 45}" role="img" aria-label="Histogram of points: {said}">'
        f"{''.join(bars)}"
        f'<text x="0" y="{height + 40}">0 points</text>'
        f'<text x="{width}" y="{height + 40}" text-anchor="end">{maximum} points</text></svg>'
    )


def _page(title: str, body: str) -> str:
    safe = html.escape(title)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{safe}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><h1>{safe}</h1>{body}</body></html>\n"
    )

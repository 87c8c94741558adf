"""Grading: a folder of notebooks in, one row of points per notebook out.

Student code runs in a process of its own (`lectures_pkg.sandbox`) that sees inputs only; its answers come back as plain
data and are compared here, with the checks of `lectures_pkg.exercises`, on inputs drawn from a secret seed. Whatever
a notebook is or does, it costs at most its own points: each exercise runs in a new process, and a sentence says what
went wrong. Finished notebooks are kept in a file beside the grades, so an interrupted run resumes.
"""

from __future__ import annotations

import ast
import csv
import hashlib
import json
import os
import pathlib
import re
import secrets
import stat
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass

from tqdm.auto import tqdm

from lectures_pkg import sandbox
from lectures_pkg.assign import Assignment, by_names
from lectures_pkg.exercises import Exercise, Wrong

LARGEST_NOTEBOOK = 20 << 20  #: bytes
LONGEST_CODE = 1 << 20  #: characters of all cells together
ENDED_THE_RUN = (
    "the grading run ended twice while this notebook ran: look at it by hand, on a machine that you can lose"
)


class Unreadable(Exception):
    """A file that can't be graded, and why: the sentence stands in the student's row."""


@dataclass(frozen=True)
class Submission:
    """One file that somebody handed in."""

    student: str
    path: pathlib.Path
    refusal: str = ""  #: why it is not read at all (a link, an archive)


@dataclass(frozen=True)
class Mark:
    """What one exercise of one notebook earned, and the sentence that says why."""

    exercise: str
    points: int
    maximum: int
    note: str


@dataclass(frozen=True)
class Graded:
    """One row of the grades."""

    student: str
    file: str
    marks: tuple[Mark, ...] = ()
    note: str = ""  #: about the file as a whole

    @property
    def points(self) -> int:
        return sum(mark.points for mark in self.marks)


@dataclass(frozen=True)
class Cell:
    """One code cell, and the exercise whose stub it was when the notebook was handed out."""

    source: str
    exercise: str = ""

    def holds(self, name: str) -> bool:
        """Whether the cell is this exercise's, or defines its function."""
        return self.exercise == name or self.defines(name)

    def defines(self, name: str) -> bool:
        """Whether the cell defines a function of this name, also where its syntax is broken."""
        try:
            tree = ast.parse(self.source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return re.search(rf"^\s*(?:def\s+{name}\b|{name}\s*=)", self.source, re.MULTILINE) is not None
        return name in set(_bound(tree.body))


@dataclass(frozen=True)
class Notebook:
    """The code that a submission holds: cells in order, without those that the assignment locked."""

    cells: tuple[Cell, ...]
    title: str = ""  #: of the assignment that the notebook says it is
    exercises: tuple[str, ...] = ()  #: names of that assignment's exercises


# ------------------------------------------------------------------------------------------ what was handed in


def collect(folder: pathlib.Path) -> list[Submission]:
    """Every notebook below a folder, with the name of its student; links are not followed, archives not opened.

    The student is the first folder below ``folder`` (nbgrader's layout, or one folder a student), or, for a file
    that lies directly in it, the file's name. Files that could only be somebody's notebook in another form (links,
    archives) get a row that says so; other files are ignored.
    """
    found = []
    for parent, folders, names in os.walk(folder, followlinks=False):
        folders.sort()
        linked = [name for name in folders if (pathlib.Path(parent) / name).is_symlink()]
        for name in sorted([*names, *linked]):
            path = pathlib.Path(parent) / name
            if ".ipynb_checkpoints" in path.parts:
                continue
            refusal = _refusal(path)
            if refusal or path.suffix.lower() == ".ipynb":
                found.append(Submission(_student(path.relative_to(folder)), path, refusal))
    counts = Counter(submission.student for submission in found)
    return [
        Submission(str(s.path.relative_to(folder).with_suffix("")), s.path, s.refusal) if counts[s.student] > 1 else s
        for s in found
    ]


def read(path: pathlib.Path) -> Notebook:
    """The code cells of a notebook file.

    Raises
    ------
    Unreadable
        If it is no notebook; the sentence says what it is.
    """
    if not stat.S_ISREG(path.lstat().st_mode):
        raise Unreadable("not a regular file")
    if path.stat().st_size > LARGEST_NOTEBOOK:
        raise Unreadable(f"larger than {LARGEST_NOTEBOOK >> 20} MB: clear the outputs, then hand it in again")
    raw = path.read_bytes()
    if not raw.strip():
        raise Unreadable("an empty file")
    try:
        content = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Unreadable("not UTF-8 text, so not a notebook") from None
    except (ValueError, RecursionError):
        raise Unreadable("not valid JSON, so not a notebook") from None
    try:
        cells = [cell for cell in content["cells"] if cell["cell_type"] == "code" and not _is_locked(cell)]
        code = tuple(Cell(_without_magics("".join(cell["source"])), _grade_id(cell)) for cell in cells)
        recorded = content.get("metadata", {}).get("lectures", {})
        exercises = tuple(name for name in recorded.get("exercises", []) if isinstance(name, str))
        title = str(recorded.get("title", "Assignment"))
    except (KeyError, TypeError, AttributeError):
        raise Unreadable("JSON, but not a notebook of format 4") from None
    if sum(len(cell.source) for cell in code) > LONGEST_CODE:
        raise Unreadable(f"more than {LONGEST_CODE >> 20} MB of code")
    return Notebook(code, title, exercises)


def expected(submissions: Iterable[Submission]) -> Assignment:
    """The assignment that most of the notebooks say they are about.

    Raises
    ------
    ValueError
        If none says.
    """
    votes: Counter[tuple[str, tuple[str, ...]]] = Counter()
    for submission in submissions:
        try:
            notebook = None if submission.refusal else read(submission.path)
        except Unreadable:
            continue
        if notebook and notebook.exercises:
            votes[notebook.title, notebook.exercises] += 1
    if not votes:
        raise ValueError(
            "no notebook says which assignment it belongs to: give --assignment instructor/assignment.json"
        )
    title, exercises = votes.most_common(1)[0][0]
    return by_names(exercises, title)


def recorded(path: pathlib.Path) -> Assignment:
    """The assignment that ``lectures assign`` wrote down."""
    content = json.loads(path.read_text())
    return by_names(content["exercises"], content["title"])


# ------------------------------------------------------------------------------------------ one notebook


def grade(
    submission: Submission, assignment: Assignment, secret: str, limits: sandbox.Limits, *, walls: bool, own: bool
) -> Graded:
    """Grade one submission; nothing that is in it raises an error here.

    Parameters
    ----------
    secret : str
        The hidden inputs are drawn from it.
    own : bool
        Draw other inputs for each student.
    """
    if submission.refusal:
        return _lost(submission, assignment, submission.refusal)
    try:
        notebook = read(submission.path)
    except Unreadable as sentence:
        return _lost(submission, assignment, str(sentence))
    except OSError as error:
        return _lost(submission, assignment, f"could not be read: {error.strerror}")
    names = [exercise.name for exercise in assignment.exercises]
    if not any(cell.holds(name) for cell in notebook.cells for name in names):
        other = [name for name in notebook.exercises if name not in names]
        note = f"another assignment ({', '.join(other)})" if other else "none of the assignment's functions is in it"
        return _lost(submission, assignment, note)
    seed = f"{secret}/{submission.student}" if own else secret
    marks = tuple(mark(exercise, notebook, names, seed, limits, walls) for exercise in assignment.exercises)
    return Graded(submission.student, submission.path.name, marks)


def mark(
    exercise: Exercise, notebook: Notebook, names: Sequence[str], secret: str, limits: sandbox.Limits, walls: bool
) -> Mark:
    """Run one exercise in a process of its own and judge its answers, twice, on different hidden inputs."""
    cells = cells_for(exercise.name, notebook, names)
    if not any(cell.defines(exercise.name) for cell in cells):
        return Mark(exercise.name, 0, exercise.points, f"no function named {exercise.name} was found")
    seeds = [_seed(secret, exercise.name, round) for round in (1, 2)]
    try:
        with sandbox.Child([cell.source for cell in cells], exercise.name, limits, walls) as child:
            for seed in seeds:
                exercise.judge(child.call, seed)
    except NotImplementedError:
        return Mark(exercise.name, 0, exercise.points, "not attempted: the function returns None")
    except Wrong as hint:
        return Mark(exercise.name, 0, exercise.points, str(hint))
    except Exception as error:  # a check that stumbled over the answer's form: nobody else may pay for it
        return Mark(exercise.name, 0, exercise.points, f"the answer has the wrong form ({type(error).__name__})")
    return Mark(exercise.name, exercise.points, exercise.points, "right")


def cells_for(name: str, notebook: Notebook, names: Sequence[str]) -> list[Cell]:
    """The cells that one exercise needs: all, but for those that hold another exercise's attempt and nothing of this.

    So an attempt that never ends costs its own exercise only.
    """
    others = [other for other in names if other != name]
    return [cell for cell in notebook.cells if cell.holds(name) or not any(map(cell.holds, others))]


# ------------------------------------------------------------------------------------------ all of them


def grade_all(
    folder: pathlib.Path,
    assignment: Assignment,
    state: State,
    *,
    jobs: int = 2,
    limits: sandbox.Limits = sandbox.Limits(),  # noqa: B008
    own: bool = False,
) -> list[Graded]:
    """Grade every submission below a folder, keeping each result as it comes; known ones are not run again.

    Notebooks that were running when an earlier run ended come last and alone; one that ends a second run, too,
    gets no third.
    """
    walls = sandbox.has_walls()
    submissions = collect(folder)
    waiting = [submission for submission in submissions if state.known(submission, own) is None]

    def run(submission: Submission) -> None:
        state.start(submission, own)
        state.keep(submission, own, grade(submission, assignment, state.secret, limits, walls=walls, own=own))

    with tqdm(total=len(waiting), desc="grading", disable=None) as progress:
        with ThreadPoolExecutor(max_workers=jobs) as pool:
            tasks = [pool.submit(run, submission) for submission in waiting if not state.starts(submission, own)]
            try:
                for task in as_completed(tasks):
                    task.result()
                    progress.update()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        for submission in waiting:
            if state.known(submission, own) is None:
                if state.starts(submission, own) >= 2:
                    state.keep(submission, own, _lost(submission, assignment, ENDED_THE_RUN))
                else:
                    run(submission)
                progress.update()
    results = [state.known(submission, own) for submission in submissions]
    return [result for result in results if result is not None]


class State:
    """What survives an interruption: the secret seed, and the graded notebooks, in one file beside the grades.

    A notebook that changed, another seed, or another assignment is graded anew.
    """

    def __init__(self, path: pathlib.Path, assignment: Assignment, secret: str | None = None) -> None:
        self.path, self._lock = path, threading.Lock()
        lines = _whole_lines(path)
        stored = next((line["secret"] for line in lines if "secret" in line), None)
        self.secret = secret or stored or secrets.token_hex(16)
        self._exercises = [exercise.name for exercise in assignment.exercises]
        self._graded: dict[str, Graded] = {line["key"]: _graded(line["graded"]) for line in lines if "key" in line}
        self._started = Counter(line["started"] for line in lines if "started" in line)
        self._append({"secret": self.secret})

    def known(self, submission: Submission, own: bool) -> Graded | None:
        """The stored result of this very file, or None."""
        return self._graded.get(self._key(submission, own))

    def starts(self, submission: Submission, own: bool) -> int:
        """How many runs began with this file and did not finish it."""
        return self._started[self._key(submission, own)]

    def start(self, submission: Submission, own: bool) -> None:
        """Note that a file is about to run."""
        self._append({"started": self._key(submission, own)})

    def keep(self, submission: Submission, own: bool, graded: Graded) -> None:
        """Store a result."""
        key = self._key(submission, own)
        self._graded[key] = graded
        self._append({"key": key, "graded": asdict(graded)})

    def _key(self, submission: Submission, own: bool) -> str:
        try:
            content = b"" if submission.refusal else submission.path.read_bytes()
        except OSError:
            content = b""
        parts = [submission.student, submission.path.name, submission.refusal, self.secret, str(own), *self._exercises]
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape") + b"\0" + content).hexdigest()

    def _append(self, line: Mapping[str, object]) -> None:
        with self._lock:
            new = not self.path.exists()
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            if new:
                self.path.chmod(0o600)  # the seed is in it


def write_csv(path: pathlib.Path, assignment: Assignment, results: Sequence[Graded]) -> None:
    """One row a notebook: student, file, points per exercise, sum, maximum, and a note where there is one."""
    names = [exercise.name for exercise in assignment.exercises]
    temporary = path.with_name(path.name + ".part")
    with temporary.open("w", newline="", encoding="utf-8", errors="replace") as file:
        writer = csv.writer(file)
        writer.writerow(["student", "file", *names, "points", "maximum", "note"])
        for result in results:
            points = {mark.exercise: mark.points for mark in result.marks}
            row = [result.student, result.file, *(points[name] for name in names), result.points, assignment.points]
            writer.writerow([_no_formula(value) for value in [*row, result.note]])
    temporary.replace(path)


# ------------------------------------------------------------------------------------------ details


def _refusal(path: pathlib.Path) -> str:
    if path.is_symlink():
        return "a link to another file: links are not followed"
    if path.suffix.lower() in {".zip", ".gz", ".7z", ".rar", ".tar"}:
        return "an archive: unpack it in its place and run the same command again; what is graded stays graded"
    return ""


def _student(path: pathlib.Path) -> str:
    return path.parts[0] if len(path.parts) > 1 else path.stem


def _grade_id(cell: Mapping) -> str:
    return str(cell.get("metadata", {}).get("nbgrader", {}).get("grade_id", ""))


def _is_locked(cell: Mapping) -> bool:
    return bool(cell.get("metadata", {}).get("nbgrader", {}).get("locked", False))


def _without_magics(source: str) -> str:
    """The cell without IPython's own lines (%magic, !command, ?help): they are not part of an answer."""
    return re.sub(r"^(\s*)(?:%{1,2}[A-Za-z]|!|\?).*$", r"\1pass", source, flags=re.MULTILINE)


def _bound(statements: Iterable[ast.stmt]) -> Iterator[str]:
    """Names that a cell's statements bind, in branches too."""
    for statement in statements:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield statement.name
        elif isinstance(statement, ast.Assign):
            yield from (
                node.id for target in statement.targets for node in ast.walk(target) if isinstance(node, ast.Name)
            )
        elif isinstance(statement, ast.If | ast.Try | ast.With | ast.For | ast.While):
            yield from _bound(
                child for child in ast.walk(statement) if isinstance(child, ast.stmt) and child is not statement
            )


def _seed(secret: str, name: str, round: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{secret}/{name}/{round}".encode()).digest()[:6], "big")


def _whole_lines(path: pathlib.Path) -> list[dict]:
    """Complete lines of the state file: a run that was killed may have left half a line at the end."""
    if not path.exists():
        return []
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return lines


def _lost(submission: Submission, assignment: Assignment, note: str) -> Graded:
    """No points for a whole notebook, and why."""
    marks = tuple(Mark(exercise.name, 0, exercise.points, "not graded") for exercise in assignment.exercises)
    return Graded(submission.student, submission.path.name, marks, note)


def _graded(content: dict) -> Graded:
    marks = tuple(Mark(**entry) for entry in content["marks"])
    return Graded(content["student"], content["file"], marks, content["note"])


def _no_formula(value: object) -> object:
    """A text that a spreadsheet would run as a formula gets a quote in front."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value

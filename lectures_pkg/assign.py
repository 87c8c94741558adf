"""Assignments: a notebook for students without a solution in it, and the instructor's copy, from the same exercises.

Both carry nbgrader's cell metadata (schema 3), so that either this package's ``lectures grade`` or nbgrader can grade
what comes back. The student's notebook holds the prompts, the stubs and visible checks, which draw fresh inputs each
time; it holds no solution, no hidden input and no seed.
"""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import inspect
import json
import pathlib
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType

import nbformat
from nbformat import NotebookNode

from lectures_pkg.exercises import Exercise, Mistake, exercises_of, find, stems

ROOT = pathlib.Path(__file__).parents[1]
SOLUTIONS = ROOT / "solutions"
STARS = {1: "★", 2: "★★", 3: "★★★"}

INSTALL = """\
# Runs anywhere: on Colab this installs the course's package; elsewhere it is there already.
import importlib.util
import os

if importlib.util.find_spec("lectures_pkg") is None:
    %pip install --quiet --no-deps "lectures_pkg @ git+{repository}@{ref}"
os.environ["OMP_NUM_THREADS"] = os.environ.get("LECTURES_THREADS", "1")  # two are slower on small networks\
"""


@dataclass(frozen=True)
class Assignment:
    """Some exercises, with a title, as one piece of work to hand in."""

    title: str
    exercises: tuple[Exercise, ...]
    stems: tuple[str, ...]  #: of the exercises, one each

    @property
    def name(self) -> str:
        """The title as a file name."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-") or "assignment"

    @property
    def points(self) -> int:
        return sum(exercise.points for exercise in self.exercises)


def choose(chapters: Sequence[str], names: Sequence[str] = (), title: str | None = None) -> Assignment:
    """The assignment exercises of some chapters, or the exercises with these names.

    Raises
    ------
    ValueError
        If a chapter or an exercise does not exist, or nothing is left to assign.
    """
    unknown = [stem for stem in chapters if stem not in stems()]
    if unknown:
        raise ValueError(f"no chapter {unknown[0]!r} has exercises; the chapters are {', '.join(stems())}")
    available = {exercise.name: (stem, exercise) for stem in chapters for exercise in exercises_of(stem)}
    absent = [name for name in names if name not in available]
    if absent:
        raise ValueError(f"no exercise {absent[0]!r} in {', '.join(chapters)}; there are {', '.join(available)}")
    chosen = [available[name] for name in names] or [entry for entry in available.values() if entry[1].points]
    if not chosen:
        raise ValueError("choose at least one chapter")
    return Assignment(
        title or f"Assignment: {', '.join(dict.fromkeys(stem.replace('_', ' ') for stem, _ in chosen))}",
        tuple(exercise for _, exercise in chosen),
        tuple(stem for stem, _ in chosen),
    )


def by_names(names: Sequence[str], title: str = "Assignment") -> Assignment:
    """The assignment with these exercises, wherever they stand."""
    chapter_of = {exercise.name: stem for stem in stems() for exercise in exercises_of(stem)}
    unknown = [name for name in names if name not in chapter_of]
    if unknown:
        raise ValueError(f"no exercise is named {unknown[0]!r}")
    return Assignment(title, tuple(find(name) for name in names), tuple(chapter_of[name] for name in names))


def write(assignment: Assignment, folder: pathlib.Path, seed: int, address: tuple[str, str]) -> list[pathlib.Path]:
    """Write the student's notebook, the instructor's copy, the points, and what ``lectures grade`` needs to know.

    Nothing is written if a solution is missing.

    Parameters
    ----------
    folder : Path
        Gets the folders ``student`` and ``instructor``.
    seed : int
        Seed of the hidden tests; it stands in the instructor's copy only.
    address : tuple of str
        Address of the repository and the pinned ref that the first cell installs.

    Raises
    ------
    FileNotFoundError
        If the solution of an assignment exercise is not at hand.
    """
    student, instructor = student_notebook(assignment, address), instructor_notebook(assignment, address, seed)
    record = {"title": assignment.title, "exercises": [exercise.name for exercise in assignment.exercises]}
    files = {
        folder / "student" / f"{assignment.name}.ipynb": nbformat.writes(student, version=4) + "\n",
        folder / "instructor" / f"{assignment.name}.ipynb": nbformat.writes(instructor, version=4) + "\n",
        folder / "instructor" / "points.md": points_table(assignment),
        folder / "instructor" / "assignment.json": json.dumps(record, indent=1) + "\n",
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return list(files)


def student_notebook(assignment: Assignment, address: tuple[str, str]) -> NotebookNode:
    """Prompts, stubs and visible checks; no solution, no hidden input, no seed."""
    cells = _opening(assignment, address)
    for number, exercise in enumerate(assignment.exercises, start=1):
        cells += [
            _prompt(number, exercise),
            _cell(exercise.stub.strip(), exercise.name, solution=True),
            _cell(f'check("{exercise.name}", {exercise.name})', f"{exercise.name}-check", points=exercise.points),
        ]
    return _notebook(assignment, cells)


def instructor_notebook(assignment: Assignment, address: tuple[str, str], seed: int) -> NotebookNode:
    """The same with solutions, hints and hidden tests, in the marks that nbgrader's own release takes out."""
    cells = _opening(assignment, address)
    for number, exercise in enumerate(assignment.exercises, start=1):
        chapter = assignment.stems[number - 1]
        visible = f'check("{exercise.name}", {exercise.name})'
        hidden = (
            "### BEGIN HIDDEN TESTS\nfrom lectures_pkg.exercises import find\n\n"
            f'find("{exercise.name}").judge({exercise.name}, seed={seed})\n### END HIDDEN TESTS'
        )
        cells += [
            _prompt(number, exercise),
            _cell(_solved(exercise, chapter), exercise.name, solution=True),
            _cell(f"{visible}\n{hidden}", f"{exercise.name}-check", points=exercise.points),
        ]
    cells.append(nbformat.v4.new_markdown_cell(hints(assignment), id="hints", metadata=_metadata("hints")))
    return _notebook(assignment, cells)


def points_table(assignment: Assignment) -> str:
    """Markdown: exercise, chapter, level, minutes, points."""
    rows = [f"# {assignment.title}\n", "| exercise | chapter | level | minutes | points |", "|---|---|---|---|---|"]
    rows += [
        f"| {e.title} (`{e.name}`) | {stem} | {STARS[e.level]} | {e.minutes} | {e.points} |"
        for e, stem in zip(assignment.exercises, assignment.stems, strict=True)
    ]
    minutes = sum(exercise.minutes for exercise in assignment.exercises)
    return "\n".join([*rows, f"| **all** | | | {minutes} | **{assignment.points}** |"]) + "\n"


def hints(assignment: Assignment) -> str:
    """Markdown: the mistakes that each check knows, and rubrics of mini projects, for the instructor."""
    blocks = ["## For the instructor: mistakes that the checks know"]
    for exercise, stem in zip(assignment.exercises, assignment.stems, strict=True):
        _, mistakes = solution_and_mistakes(stem, exercise)
        blocks.append(f"**{exercise.title}** (`{exercise.name}`)\n")
        blocks.append("\n".join(f"- *{mistake.name}*: “{mistake.hint}”" for mistake in mistakes))
        if exercise.rubric:
            blocks.append(f"Looked at by a person: {exercise.rubric.strip()}")
    return "\n\n".join(blocks)


def solution_and_mistakes(stem: str, exercise: Exercise) -> tuple[Callable, Sequence[Mistake]]:
    """Of a practice exercise from the package; of an assignment from ``solutions/``.

    Raises
    ------
    FileNotFoundError
        If the folder ``solutions`` is not in this copy of the repository.
    """
    if exercise.solution is not None:
        return exercise.solution, exercise.mistakes
    module = _solutions(stem)
    return getattr(module, exercise.name), module.MISTAKES[exercise.name]


def address_of_the_course() -> tuple[str, str]:
    """Repository and ref: from ``_config.yml`` of a checkout, else from how the package was installed.

    Raises
    ------
    LookupError
        If neither says.
    """
    config = ROOT / "_config.yml"
    if config.exists():
        text = config.read_text()
        found = [re.search(rf"^  {name}: (\S+)$", text, re.MULTILINE) for name in ("url", "branch")]
        if found[0] and found[1]:
            return found[0].group(1), found[1].group(1)
    recorded = importlib.metadata.distribution("lectures_pkg").read_text("direct_url.json")
    origin = json.loads(recorded or "{}")
    if "vcs_info" in origin:
        return origin["url"], origin["vcs_info"]["commit_id"]
    raise LookupError("the course's address is not known here: give --repository and --ref")


# ------------------------------------------------------------------------------------------ cells


def _opening(assignment: Assignment, address: tuple[str, str]) -> list[NotebookNode]:
    repository, ref = address
    welcome = (
        f"# {assignment.title}\n\nWrite each function in the cell below its task. The cell after it draws fresh "
        "inputs, calls your function and tells you whether the answers are right, or gives a hint. You may add cells "
        "for helpers; leave the names of the functions as they are. Each function is graded on inputs of its own.\n"
    )
    return [
        nbformat.v4.new_markdown_cell(welcome, id="welcome", metadata=_metadata("welcome")),
        _cell(INSTALL.format(repository=repository, ref=ref), "install"),
        _cell("from lectures_pkg.exercises import check", "set-up"),
        nbformat.v4.new_code_cell("import math\n\nimport numpy as np", id="imports"),
    ]


def _prompt(number: int, exercise: Exercise) -> NotebookNode:
    prompt = re.sub(r"\{(?:eq|ref|numref)\}`([^`]+)`", r"*equation «\1» of the chapter*", exercise.prompt.strip())
    prompt = re.sub(r"\s*\{cite[^}]*\}`[^`]+`", "", prompt)
    heading = f"## {number}. {exercise.title} {STARS[exercise.level]}"
    worth = f"*{exercise.points} points, about {exercise.minutes} minutes.*"
    rubric = f"\n\n*Looked at by a person:* {exercise.rubric.strip()}" if exercise.rubric else ""
    identity = f"{exercise.name}-prompt"
    text = f"{heading}\n\n{worth} {prompt}{rubric}"
    return nbformat.v4.new_markdown_cell(text, id=_cell_id(identity), metadata=_metadata(identity))


def _cell(source: str, grade_id: str, *, solution: bool = False, points: int | None = None) -> NotebookNode:
    metadata = _metadata(grade_id, solution=solution, points=points)
    return nbformat.v4.new_code_cell(source, id=_cell_id(grade_id), metadata=metadata)


def _metadata(grade_id: str, *, solution: bool = False, points: int | None = None) -> dict:
    cell = {
        "schema_version": 3, "grade_id": grade_id, "task": False,
        "solution": solution, "grade": points is not None, "locked": not solution,
    }  # fmt: skip
    return {"nbgrader": cell if points is None else {**cell, "points": points}}


def _cell_id(grade_id: str) -> str:
    return grade_id.replace("_", "-")[:64]


def _notebook(assignment: Assignment, cells: list[NotebookNode]) -> NotebookNode:
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "lectures": {"title": assignment.title, "exercises": [e.name for e in assignment.exercises]},
        }
    )
    nbformat.validate(notebook)
    return notebook


def _solved(exercise: Exercise, stem: str) -> str:
    """The stub with the solution's body in nbgrader's marks, helpers and imports included."""
    solution, _ = solution_and_mistakes(stem, exercise)
    head = exercise.stub.strip().rsplit("...", 1)[0].rstrip()
    body = _body(inspect.getsource(solution))
    helpers = textwrap.indent("\n\n".join([*_helpers(solution), *_settings(solution, exercise.stub)]), "    ")
    inner = f"{helpers}\n\n{body}" if helpers.strip() else body
    return f"{head}\n    ### BEGIN SOLUTION\n{inner}\n    ### END SOLUTION"


def _body(source: str) -> str:
    """The statements of a function, without signature and docstring, as they stand."""
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    statements = function.body
    if ast.get_docstring(function) is not None:
        statements = statements[1:]
    lines = source.splitlines()
    first = statements[0].lineno - 1
    while first > 0 and lines[first - 1].lstrip().startswith("#"):  # a comment over the first statement
        first -= 1
    return "\n".join(lines[first:]).rstrip()


def _helpers(function: Callable, seen: set[str] | None = None) -> list[str]:
    """What a solution takes from its module: imports first, then constants and functions, each after what it uses."""
    seen = set() if seen is None else seen
    blocks: list[str] = []
    used = {node.id for node in ast.walk(ast.parse(inspect.getsource(function))) if isinstance(node, ast.Name)}
    for name in sorted((used & function.__globals__.keys()) - seen - {function.__name__}):
        value = function.__globals__[name]
        seen.add(name)
        if isinstance(value, ModuleType):
            alias = "" if value.__name__ == name else f" as {name}"
            blocks.insert(0, f"import {value.__name__}{alias}")
        elif inspect.isfunction(value) and value.__module__ == function.__module__:
            blocks += _helpers(value, seen)
            blocks.append(inspect.getsource(value).rstrip())
        elif inspect.isfunction(value) or inspect.isclass(value):
            alias = "" if value.__name__ == name else f" as {name}"
            blocks.insert(0, f"from {value.__module__} import {value.__name__}{alias}")
        else:
            blocks.append(f"{name} = {value!r}")
    return blocks


def _settings(solution: Callable, stub: str) -> list[str]:
    """Arguments with a default that a solution has beyond the stub's (its mistakes set them)."""
    function = ast.parse(stub).body[0]
    assert isinstance(function, ast.FunctionDef)
    given = {argument.arg for argument in function.args.args}
    parameters = inspect.signature(solution).parameters.values()
    return [f"{p.name} = {p.default!r}" for p in parameters if p.name not in given and p.default is not p.empty]


def _solutions(stem: str) -> ModuleType:
    path = SOLUTIONS / f"{stem}.py"
    if not path.exists():
        raise FileNotFoundError(
            f"the solutions of {stem!r} are needed for the instructor's copy, and {path} is not there"
        )
    specification = importlib.util.spec_from_file_location(f"solutions_{stem}", path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module

"""Assignments: nothing to copy in the student's notebook, everything in the instructor's, and nbgrader reads both."""

import ast
import csv
import functools
import inspect
import json
import os
import pathlib
import re
import subprocess
import sys
import textwrap

import nbformat
import pytest
from the_book import ROOT

from lectures_pkg import assign, cli
from lectures_pkg.exercises import exercises_of, find, stems

ADDRESS = ("https://github.com/me/fork", "v1")
needs_solutions = pytest.mark.skipif(not assign.SOLUTIONS.exists(), reason="this copy has no folder of solutions")


@functools.cache
def everything():
    """All exercises of the book, practice included, as one assignment."""
    return assign.by_names([exercise.name for stem in stems() for exercise in exercises_of(stem)], "Everything")


def cells_by_id(notebook):
    return {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in notebook.cells}


# ------------------------------------------------------------------------------------------ what is chosen


@pytest.mark.parametrize("stem", stems())
def test_a_chapter_assigns_at_least_two_exercises(stem):
    chosen = assign.choose([stem])
    assert len(chosen.exercises) >= 2 and all(exercise.points > 0 for exercise in chosen.exercises)


def test_names_and_title_are_taken_as_given():
    names = ["kneser_ney", "smoothed_rows"]
    chosen = assign.choose(["ngrams"], names, "Week 1: counts & smoothing")
    assert [exercise.name for exercise in chosen.exercises] == names
    assert chosen.name == "week-1-counts-smoothing"
    assert chosen.points == find("smoothed_rows").points, "practice carries no points"


# ------------------------------------------------------------------------------------------ the student's notebook


def lines_of(source):
    """A solution's statements, longer ones only: words that a stub or a prompt could hold by chance don't count."""
    body = ast.parse(textwrap.dedent(source)).body[0].body
    statements = [ast.unparse(node) for statement in body for node in ast.walk(statement) if isinstance(node, ast.stmt)]
    return {line for text in statements for line in text.splitlines() if len(line.strip()) > 24}


@needs_solutions
def test_no_solution_hint_seed_or_hidden_input_is_in_the_students_notebook():
    notebook = assign.student_notebook(everything(), ADDRESS)
    text = json.dumps(notebook, ensure_ascii=False)
    assert not re.search(r"HIDDEN TESTS|BEGIN SOLUTION|\.judge\(|seed ?= ?\d", text)
    for exercise, stem in zip(everything().exercises, everything().stems, strict=True):
        solution, _ = assign.solution_and_mistakes(stem, exercise)
        stub = cells_by_id(notebook)[exercise.name].source
        assert stub == exercise.stub.strip()
        code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
        leaked = [
            line for line in lines_of(inspect.getsource(solution)) if line.strip() in code and line.strip() not in stub
        ]
        assert not leaked, f"{exercise.name}: {leaked}"
    assert all(not cell.get("outputs") for cell in notebook.cells)
    assert set(notebook.metadata) == {"kernelspec", "language_info", "lectures"}
    assert set(notebook.metadata.lectures) == {"title", "exercises"}


@needs_solutions
def test_another_seed_changes_the_instructors_copy_and_not_the_students():
    chosen = assign.choose(["ngrams"])
    copies = [nbformat.writes(assign.instructor_notebook(chosen, ADDRESS, seed)) for seed in (271828, 314159)]
    assert "seed=271828" in copies[0] and copies[0] != copies[1]
    assert nbformat.writes(assign.student_notebook(chosen, ADDRESS)) == nbformat.writes(
        assign.student_notebook(chosen, ADDRESS)
    )


def test_prompts_read_well_where_myst_is_not_rendered():
    for cell in assign.student_notebook(everything(), ADDRESS).cells:
        if cell.cell_type == "markdown":
            assert not re.search(r"\{(eq|ref|numref|cite|doc|term)[^}]*\}`", cell.source), cell.source
            assert ":::" not in cell.source


def test_the_first_cell_installs_from_the_given_address():
    install = cells_by_id(assign.student_notebook(assign.choose(["ngrams"]), ADDRESS))["install"]
    assert '"lectures_pkg @ git+https://github.com/me/fork@v1"' in install.source


def test_the_students_notebook_runs_and_says_what_is_not_attempted(tmp_path):
    from nbclient import NotebookClient

    notebook = assign.student_notebook(assign.choose(["gan_theory"]), ADDRESS)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    printed = "".join(o.get("text", "") for c in notebook.cells for o in c.get("outputs", []))
    assert printed.count("not attempted yet") == len(assign.choose(["gan_theory"]).exercises)


# ------------------------------------------------------------------------------------------ the instructor's copy


@needs_solutions
@pytest.mark.parametrize("stem", stems())
def test_the_instructors_copy_solves_every_exercise(stem):
    for exercise in exercises_of(stem):
        namespace = {}
        exec(assign._solved(exercise, stem), namespace)
        exercise.judge(namespace[exercise.name], seed=7)


@needs_solutions
def test_the_points_stand_in_the_table_and_in_the_cells(tmp_path):
    chosen = assign.choose(["gan_theory", "ngrams"])
    files = assign.write(chosen, tmp_path, 5, ADDRESS)
    assert all(path.exists() for path in files)
    table = (tmp_path / "instructor" / "points.md").read_text()
    instructor = nbformat.read(tmp_path / "instructor" / f"{chosen.name}.ipynb", as_version=4)
    points = [
        cell.metadata.nbgrader.points for cell in instructor.cells if "points" in cell.metadata.get("nbgrader", {})
    ]
    assert sum(points) == chosen.points and f"**{chosen.points}**" in table
    for exercise in chosen.exercises:
        assert f"`{exercise.name}`" in table


def test_without_the_solutions_nothing_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(assign, "SOLUTIONS", tmp_path / "nowhere")
    assert cli.main(["assign", "ngrams", "-o", str(tmp_path / "out")]) == 2
    assert "the solutions of 'ngrams' are needed for the instructor's copy" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------------------------------ nbgrader itself

CONFIG = """
c = get_config()
c.CourseDirectory.root = {root!r}
c.CourseDirectory.course_id = "generative-models"
c.ExecutePreprocessor.timeout = 120
c.ClearSolutions.enforce_metadata = True
"""


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course folder of nbgrader's, with one assignment released and two submissions graded."""
    root = tmp_path_factory.mktemp("course")
    chosen = assign.choose(["ngrams"], ["smoothed_rows", "context_words"], "ps1")
    assign.write(chosen, root / "made", 5, ADDRESS)
    (root / "nbgrader_config.py").write_text(CONFIG.format(root=str(root)))
    source = root / "source" / "ps1"
    source.mkdir(parents=True)
    (root / "made" / "instructor" / "ps1.ipynb").rename(source / "ps1.ipynb")
    path = os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])  # nbgrader calls alembic
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JUPYTER_PLATFORM_DIRS": "1", "PATH": path}

    def nbgrader(*arguments):
        command = [sys.executable, "-m", "nbgrader", *arguments]
        result = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr[-3000:]

    nbgrader("generate_assignment", "ps1")
    downloaded = root / "downloaded" / "ps1" / "archive"
    downloaded.mkdir(parents=True)
    for student, solved in (("right", True), ("wrong", False)):
        notebook = assign.student_notebook(chosen, ADDRESS)  # ours, not nbgrader's release: either can be handed out
        for cell in notebook.cells:
            if cell.metadata.get("nbgrader", {}).get("grade_id") == "smoothed_rows":
                cell.source = (
                    assign._solved(find("smoothed_rows"), "ngrams") if solved else cell.source + "\n    return 0"
                )
        nbformat.write(notebook, downloaded / f"{student}_2026-01-31-15-30-10_attempt_ps1.ipynb")
    pattern = r".*/(?P<student_id>\w+?)_(?P<timestamp>[0-9-]+)_attempt_(?P<file_id>\w+)"
    nbgrader("zip_collect", "ps1", "--strict", f"--FileNameCollectorPlugin.named_regexp={pattern}")
    nbgrader("autograde", "ps1")
    nbgrader("export")
    return root


@needs_solutions
def test_nbgraders_own_release_holds_no_solution(course):
    released = (course / "release" / "ps1" / "ps1.ipynb").read_text()
    assert "HIDDEN TESTS" not in released and "BEGIN SOLUTION" not in released and "seed=5" not in released
    assert "YOUR CODE HERE" in released


@needs_solutions
def test_nbgrader_collects_and_grades_a_right_and_a_wrong_submission(course):
    with (course / "grades.csv").open(newline="") as file:
        scores = {row["student_id"]: (float(row["score"]), float(row["max_score"])) for row in csv.DictReader(file)}
    points = find("smoothed_rows").points
    assert scores == {"right": (points, points), "wrong": (0, points)}

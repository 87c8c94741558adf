"""Grading: honest notebooks earn their points; broken and hostile ones cost only their own, and never the run."""

import csv
import functools
import json
import os
import shutil
import socket
import subprocess
import sys
import textwrap
import zipfile

import pytest
from the_book import ROOT

from lectures_pkg import assign, cli, feedback, grade, sandbox

FIRST, SECOND = "smoothed_rows", "metropolis_transition"
ADDRESS = ("https://github.com/OWNER/course", "main")
LIMITS = sandbox.Limits(cell_seconds=3, call_seconds=2, megabytes=600)

needs_solutions = pytest.mark.skipif(not assign.SOLUTIONS.exists(), reason="this copy has no folder of solutions")
needs_walls = pytest.mark.skipif(not sandbox.has_walls(), reason="bubblewrap does not work on this machine")
pytestmark = needs_solutions

WALLS = [pytest.param(True, id="walls", marks=needs_walls), pytest.param(False, id="no walls")]


@functools.cache
def assignment():
    return assign.by_names((FIRST, SECOND), "Week 1")


@functools.cache
def right(name):
    """The solution's code, as a student's cell."""
    work = assignment()
    index = [exercise.name for exercise in work.exercises].index(name)
    return assign._solved(work.exercises[index], work.stems[index])


def notebook(**attempts):
    """The student's notebook with some attempts filled in; the others keep their stubs."""
    made = assign.student_notebook(assignment(), ADDRESS)
    for cell in made.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in attempts:
            cell.source = textwrap.dedent(attempts[name]).strip()
    return made


def write(path, made):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(made))
    return path


def graded(path, walls=False, limits=LIMITS, secret="s"):
    submission = grade.Submission("ana", path)
    return grade.grade(submission, assignment(), secret, limits, walls=walls, own=False)


def points(result):
    return {mark.exercise: mark.points for mark in result.marks}


# ------------------------------------------------------------------------------------------ honest work


@pytest.mark.parametrize("walls", WALLS)
def test_a_right_notebook_earns_everything(tmp_path, walls):
    path = write(tmp_path / "a.ipynb", notebook(**{FIRST: right(FIRST), SECOND: right(SECOND)}))
    result = graded(path, walls)
    assert points(result) == {FIRST: 4, SECOND: 4} and result.note == ""
    assert [mark.note for mark in result.marks] == ["right", "right"]


def test_a_stub_is_not_attempted_and_a_typical_mistake_gets_its_hint(tmp_path):
    upside_down = f"def {SECOND}(weights, proposal):\n    return copy(1 / weights, proposal)"
    mistake = f"{right(SECOND)}\n\ncopy = {SECOND}\n\n{upside_down}"
    result = graded(write(tmp_path / "a.ipynb", notebook(**{SECOND: mistake})))
    assert points(result) == {FIRST: 0, SECOND: 0}
    assert result.marks[0].note == "not attempted: the function returns None"
    assert "upside down" in result.marks[1].note


def test_every_solution_of_every_assignment_passes_through_the_other_process(tmp_path):
    from lectures_pkg.exercises import exercises_of, stems

    for stem in stems():
        for exercise in exercises_of(stem):
            if exercise.points:
                cell = assign._solved(exercise, stem)
                code = grade.Notebook((grade.Cell(cell),))
                mark = grade.mark(exercise, code, [exercise.name], "s", sandbox.Limits(), walls=sandbox.has_walls())
                assert (mark.points, mark.note) == (exercise.points, "right"), exercise.name


def test_helpers_magics_cells_out_of_order_and_foreign_imports(tmp_path):
    made = notebook(**{FIRST: right(FIRST)})
    function = f"def {SECOND}(weights, proposal):\n    return inner(weights, proposal)"
    attempt = f"import numpy as np\n%matplotlib inline\n!ls\n\n{function}"
    helper = right(SECOND).replace(f"def {SECOND}", "def inner")
    for source in (attempt, "from no_such_package import thing", helper):  # the helper comes after its use
        made.cells.append({"cell_type": "code", "source": source, "metadata": {}, "outputs": []})
    made.cells = [c for c in made.cells if c["metadata"].get("nbgrader", {}).get("grade_id") != SECOND]
    assert points(graded(write(tmp_path / "a.ipynb", made))) == {FIRST: 4, SECOND: 4}


def test_the_hidden_inputs_come_from_the_secret_and_from_the_student_if_asked(monkeypatch, tmp_path):
    seen = []
    exercise = assignment().exercises[0]
    monkeypatch.setattr(type(exercise), "judge", lambda self, attempt, seed=0: seen.append(seed))
    path = write(tmp_path / "a.ipynb", notebook(**{FIRST: right(FIRST)}))
    for student, secret, own in [
        ("ana", "s", False),
        ("bo", "s", False),
        ("ana", "t", False),
        ("ana", "s", True),
        ("bo", "s", True),
    ]:
        grade.grade(grade.Submission(student, path), assignment(), secret, LIMITS, walls=False, own=own)
    runs = [tuple(seen[4 * k : 4 * k + 4]) for k in range(5)]
    assert all(len(set(run)) == 4 for run in runs), "two rounds of two exercises, four different seeds"
    assert runs[0] == runs[1] and len(set(runs)) == 4


# ------------------------------------------------------------------------------------------ hostile code

HEAD = f"def {FIRST}(*arguments, **options):\n    "
HOSTILE = {
    "loop in the cell": ("while True: pass\n" + HEAD + "return 0", "ran longer than 3 s"),
    "loop in the function": (HEAD + "while True: pass", "ran longer than 2 s"),
    "loop that swallows exceptions": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass\n" + HEAD + "return 0",
        "ran longer than 3 s",
    ),
    "loop in a thread, and no answer": (
        "import threading, time\nthreading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start()\n"
        + HEAD
        + "time.sleep(60)",
        "ran longer than 2 s",
    ),
    "sys.exit in the function": (HEAD + "import sys; sys.exit(0)", "it stopped with SystemExit"),
    "os._exit": (HEAD + "import os; os._exit(0)", "the function ended the process"),
    "kills itself": (HEAD + "import os; os.kill(os.getpid(), 9)", "the function ended the process"),
    "fork bomb": (
        HEAD + "import os\n    while True: os.fork()",
        "it stopped with PermissionError: an answer may not start processes",
    ),
    "memory in one piece": (HEAD + "return bytearray(10**12)", "it stopped with MemoryError"),
    "memory bite by bite": (HEAD + "a = []\n    while True: a.append(b'x' * 10**7)", "took more than 600 MB of memory"),
    "100 MB of output": (HEAD + "for _ in range(100): print('x' * 10**6)\n    return 0", ""),
    "100 MB of answer": (HEAD + "return 'x' * 10**8", "answered with more than 32 MB"),
    "a huge file": (
        HEAD + "open('big', 'wb').write(bytes(10**8))",
        "it stopped with OSError: [Errno 27] File too large",
    ),
    "imports the package": (HEAD + "import lectures_pkg.exercises", "No module named 'lectures_pkg'"),
    "imports the solutions": (HEAD + "import solutions.ngrams", "No module named 'solutions'"),
    "patches isclose and builtins": (
        "import numpy as np, builtins\nnp.isclose = np.allclose = np.array_equal = lambda *a, **k: True\n"
        "builtins.abs = lambda x: 0\nbuiltins.isinstance = lambda *a: True\n" + HEAD + "return 0",
        "",
    ),
    "patches the way out": (
        "import json, sys\nmain = sys.modules['__main__']\nmain.encode = lambda *a: {'array': 1}\n" + HEAD + "return 0",
        "the answer is not plain data",
    ),
    "writes into the channel": (
        "import os\n"
        + HEAD
        + "for fd in range(3, 20):\n        try: os.write(fd, b'{\"answer\": 1}\\n' * 99)\n"
        + "        except OSError: pass\n    return 0",
        "",
    ),
    "equals everything": (
        "class Yes:\n    def __eq__(self, other): return True\n    def __float__(self): return 1.0\n"
        + HEAD
        + "return Yes()",
        "found Yes",
    ),
    "an array that lies": (
        "import numpy as np\nclass Lie(np.ndarray):\n    def __eq__(self, other): return np.ones(self.shape, bool)\n"
        "    def __array_ufunc__(self, *a, **k): return np.zeros(self.shape)\n"
        + HEAD
        + "return np.zeros((3, 3)).view(Lie)",
        "",
    ),
    "nan": (HEAD + "return float('nan')", ""),
    "a wrong shape": (HEAD + "import numpy as np\n    return np.zeros((7, 7, 7))", ""),
    "a wrong dtype": (HEAD + "import numpy as np\n    return np.array([object(), 'a'], dtype=object)", ""),
    "copies its first answer": (
        f"first = []\nCALLS = []\n@@\ninner = {FIRST}\ndef {FIRST}(*a):\n    CALLS.append(1)\n"
        "    if len(CALLS) > 3: return 0\n    return inner(*a)",
        "",
    ),
    "a syntax error": (f"def {FIRST}(:\n    return 1", "left no function of this name"),
    "a renamed function": ("def smoothed(*a): return 1", f"no function named {FIRST} was found"),
    "not a function": (f"{FIRST} = 3", "left no function of this name"),
    "raises": (HEAD + "return 1 / 0", "it stopped with ZeroDivisionError: division by zero"),
    "raises an error without a text": (
        "class Mute(Exception):\n    def __str__(self): raise ValueError\n" + HEAD + "raise Mute",
        "an error whose text raised another error",
    ),
    "recursion": (HEAD + f"return {FIRST}(*arguments)", "it stopped with RecursionError"),
    "answers a practice solution": (HEAD + "return list(arguments)", ""),
    "stops the interpreter's checks": (
        "import sys\nsys.setrecursionlimit(10**9)\n" + HEAD + f"return {FIRST}(*arguments)",
        "",
    ),
}


def hostile_code(name):
    return HOSTILE[name][0].replace("@@", right(FIRST))


@pytest.mark.parametrize("walls", WALLS)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_code_earns_nothing_and_costs_only_its_own_exercise(tmp_path, name, walls):
    path = write(tmp_path / "a.ipynb", notebook(**{FIRST: hostile_code(name), SECOND: right(SECOND)}))
    result = graded(path, walls)
    assert points(result) == {FIRST: 0, SECOND: 4}
    assert HOSTILE[name][1] in result.marks[0].note
    assert sandbox._all_processes() and not [pid for pid in sandbox._all_processes() if _runs_student(pid)]


def _runs_student(pid):
    """Whether a process is a leftover of this test's own children."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            parent = int(file.read().rsplit(")", 1)[1].split()[1])
        with open(f"/proc/{pid}/cmdline") as file:
            return "student.py" in file.read() and parent == os.getpid()
    except OSError:
        return False


PRYING = """
import os, pathlib, signal, socket

def can_write(place):
    try:
        pathlib.Path(place).write_text("x")
    except OSError:
        return False
    return True

def connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True

def pry(secret, package, solutions, port):
    try:
        os.kill(os.getppid(), signal.SIGKILL)
    except OSError:
        pass
    return {
        "seen": [path for path in (secret, package, solutions, "/home", "/etc/passwd") if os.path.exists(path)],
        "written": [place for place in ("/usr/x", "/libraries/x", "/student.py", package) if can_write(place)],
        "network": connects(port) or [name for _, name in socket.if_nameindex() if name != "lo"],
        "processes": len([name for name in os.listdir("/proc") if name.isdigit()]),
        "environment": sorted(os.environ.keys() & {"PATH", "HOME", "USER", "PYTHONPATH", "VIRTUAL_ENV"}),
    }
"""


@needs_walls
def test_behind_walls_no_file_no_network_and_no_other_process_is_in_reach(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("the key")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with sandbox.Child([PRYING], "pry", LIMITS, walls=True) as child:
            found = child.call(str(secret), str(ROOT / "lectures_pkg"), str(assign.SOLUTIONS), port)
        harmless = PRYING.replace("os.kill(os.getppid(), signal.SIGKILL)", "pass").replace(
            "if can_write(place)", "if 0"
        )
        with sandbox.Child([harmless], "pry", LIMITS, walls=False) as child:
            unprotected = child.call(str(secret), "", "", port)
    assert found["seen"] == [] and found["written"] == [] and not found["network"]
    assert found["processes"] <= 3 and found["environment"] == ["HOME"]
    assert str(secret) in unprotected["seen"] and unprotected["network"] is True, "or this test could not fail"


@needs_walls
def test_behind_walls_a_fork_bomb_through_the_c_library_is_stopped():
    bomb = "import ctypes\ndef bomb():\n    libc = ctypes.CDLL(None)\n    while True: libc.fork()"
    with (
        sandbox.Child([bomb], "bomb", LIMITS, walls=True) as child,
        pytest.raises(sandbox.Stopped, match=r"started more than 64 processes|ran longer than 2 s"),
    ):
        child.call()
    counted = "def count():\n    return len([name for name in __import__('os').listdir('/proc') if name.isdigit()])"
    with sandbox.Child([counted], "count", LIMITS, walls=True) as child:
        assert child.call() <= 3


# ------------------------------------------------------------------------------------------ broken files

BROKEN = {
    "not JSON": (b'{"cells": [', "not valid JSON, so not a notebook"),
    "empty": (b"", "an empty file"),
    "not UTF-8": ('{"cells": "é"}'.encode("latin-1"), "not UTF-8 text, so not a notebook"),
    "no cells": (b'{"metadata": {}}', "JSON, but not a notebook of format 4"),
    "a list": (b"[]", "JSON, but not a notebook of format 4"),
    "cells of another kind": (b'{"cells": [3]}', "JSON, but not a notebook of format 4"),
    "nested very deeply": (b"[" * 100_000, "not valid JSON, so not a notebook"),
    "no attempt in it": (b'{"cells": []}', "none of the assignment's functions is in it"),
    "much code": (
        json.dumps({"cells": [{"cell_type": "code", "source": "x" * 2_000_000}]}).encode(),
        "more than 1 MB of code",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_gets_a_sentence(tmp_path, name):
    content, sentence = BROKEN[name]
    path = tmp_path / "a.ipynb"
    path.write_bytes(content)
    result = graded(path)
    assert result.points == 0 and result.note == sentence
    assert [mark.note for mark in result.marks] == ["not graded", "not graded"]


def test_a_notebook_of_another_assignment_says_which(tmp_path):
    other = assign.student_notebook(assign.by_names(["kl_from_prior"]), ADDRESS)
    assert graded(write(tmp_path / "a.ipynb", other)).note == "another assignment (kl_from_prior)"


def test_a_missing_cell_costs_its_exercise_only(tmp_path):
    made = notebook(**{FIRST: right(FIRST)})
    made.cells = [c for c in made.cells if c.metadata.get("nbgrader", {}).get("grade_id") != SECOND]
    result = graded(write(tmp_path / "a.ipynb", made))
    assert points(result) == {FIRST: 4, SECOND: 0}
    assert result.marks[1].note == f"no function named {SECOND} was found"


# ------------------------------------------------------------------------------------------ a whole folder


@pytest.fixture
def folder(tmp_path):
    """Ten submissions, as they come in: from an LMS, by email, as links and archives."""
    inbox = tmp_path / "inbox"
    everything = notebook(**{FIRST: right(FIRST), SECOND: right(SECOND)})
    write(inbox / "ana" / "week-1" / "week-1.ipynb", everything)
    write(inbox / "bo" / "week-1.ipynb", notebook(**{FIRST: right(FIRST)}))
    write(inbox / "cy.ipynb", notebook())
    write(inbox / "dee.ipynb", notebook(**{FIRST: HEAD + "while True: pass", SECOND: right(SECOND)}))
    write(inbox / "=cmd|calc.ipynb", everything)
    write(inbox / "two" / "a.ipynb", everything)
    write(inbox / "two" / "b.ipynb", notebook())
    (inbox / "eve.ipynb").symlink_to(inbox / "ana" / "week-1" / "week-1.ipynb")
    (inbox / "far").symlink_to(inbox / "ana", target_is_directory=True)
    with zipfile.ZipFile(inbox / "flo.zip", "w") as archive:
        archive.writestr("flo.ipynb", json.dumps(everything))
    (inbox / "notes.txt").write_text("not a submission")
    (inbox / "ana" / ".ipynb_checkpoints").mkdir()
    write(inbox / "ana" / ".ipynb_checkpoints" / "week-1-checkpoint.ipynb", notebook())
    return inbox


def rows(path):
    with path.open(newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


EXPECTED = {
    "ana": 8, "bo": 4, "cy": 0, "dee": 4, "'=cmd|calc": 8, "two/a": 8, "two/b": 0, "eve": 0, "far": 0, "flo": 0,
}  # fmt: skip


def test_a_folder_becomes_a_table_and_pages(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(grade.sandbox, "Limits", lambda: LIMITS)
    grades, report = tmp_path / "grades.csv", tmp_path / "report"
    arguments = ["grade", str(folder), "-o", str(grades), "--report", str(report), "--seed", "s", "--jobs", "2"]
    assert cli.main(arguments) == 0
    assert "10 notebooks graded" in capsys.readouterr().out
    table = rows(grades)
    assert {student: int(row["points"]) for student, row in table.items()} == EXPECTED
    assert {row["maximum"] for row in table.values()} == {"8"}
    assert table["eve"]["note"] == "a link to another file: links are not followed"
    assert table["flo"]["note"].startswith("an archive: unpack it in its place")
    summary = (report / "summary.html").read_text()
    assert "10 notebooks, 8 points at most: mean 3.2, median 2" in summary
    assert len(list((report / "students").iterdir())) == 10
    assert "src=" not in summary and "http" not in summary, "a page asks nothing of another host"

    before = grades.read_bytes()
    assert cli.main([*arguments, "--jobs", "1"]) == 0
    assert grades.read_bytes() == before
    grades.with_name("grades.csv.progress").unlink()
    assert cli.main(arguments) == 0
    assert grades.read_bytes() == before, "the same seed gives the same grades"


def test_a_name_that_is_markup_stays_text(tmp_path):
    work = assignment()
    marks = tuple(grade.Mark(e.name, 0, e.points, "<script>alert(1)</script>") for e in work.exercises)
    result = grade.Graded("<b>x</b>/../../etc", "a.ipynb", marks, "<i>")
    feedback.write_report(tmp_path, work, [result])
    (page,) = (tmp_path / "students").iterdir()
    for text in (page.read_text(), (tmp_path / "summary.html").read_text()):
        assert "<script>" not in text and "<b>x" not in text and "<i>" not in text


def test_histogram_counts_every_notebook_once():
    assert feedback.histogram([0, 1, 5, 10, 10], 10).tolist() == [1, 1, 0, 0, 0, 1, 0, 0, 0, 2]
    assert feedback.histogram([], 10).sum() == 0


def test_an_interrupted_run_resumes(folder, tmp_path, monkeypatch):
    path, work, calls = tmp_path / "p", assignment(), []
    real = grade.grade

    def breaks_off(submission, *arguments, **options):
        calls.append(submission.student)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(submission, *arguments, **options)

    monkeypatch.setattr(grade, "grade", breaks_off)
    with pytest.raises(KeyboardInterrupt):
        grade.grade_all(folder, work, grade.State(path, work, "s"), jobs=1, limits=LIMITS)
    path.write_text(path.read_text() + '{"key": "half a li')
    state = grade.State(path, work)
    assert state.secret == "s"
    results = grade.grade_all(folder, work, state, jobs=1, limits=LIMITS)
    assert len(results) == 10 and len(calls) == 11 and calls[-1] == calls[2], (
        "what was cut off comes last, and once more"
    )


def test_without_walls_a_notebook_that_kills_the_grader_ends_two_runs_and_then_costs_only_itself(tmp_path):
    inbox = tmp_path / "inbox"
    write(inbox / "ana.ipynb", notebook(**{FIRST: right(FIRST), SECOND: right(SECOND)}))
    write(inbox / "mal.ipynb", notebook(**{FIRST: HEAD + "import os, signal; os.kill(os.getppid(), signal.SIGKILL)"}))
    write(inbox / "zoe.ipynb", notebook(**{FIRST: right(FIRST)}))
    (tmp_path / "bin").mkdir()  # a search path without bubblewrap
    command = [
        sys.executable,
        "-m",
        "lectures_pkg.cli",
        "grade",
        str(inbox),
        "-o",
        str(tmp_path / "g.csv"),
        "--jobs",
        "1",
    ]
    environment = {**os.environ, "PATH": str(tmp_path / "bin")}
    for status in (-9, -9, 0):
        result = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT)
        assert result.returncode == status, result.stderr
        assert "bubblewrap is not at work here" in result.stderr
    table = rows(tmp_path / "g.csv")
    assert {student: int(row["points"]) for student, row in table.items()} == {"ana": 8, "mal": 0, "zoe": 4}
    assert table["mal"]["note"] == grade.ENDED_THE_RUN


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["grade", "no-such-folder", "-o", "g.csv"], "no-such-folder is not a folder of notebooks"),
        (["grade", ".", "-o", "g.csv"], "no notebook says which assignment it belongs to: give --assignment"),
        (["assign", "no_such_chapter", "-o", "x"], "no chapter 'no_such_chapter' has exercises; the chapters are"),
        (["assign", "ngrams", "-o", "x", "--exercises", "nothing"], "no exercise 'nothing' in ngrams; there are"),
    ],
)
def test_a_wrong_call_gets_one_sentence_and_writes_nothing(tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    assert sentence in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_probe_says_no_where_bubblewrap_is_missing_or_broken(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    sandbox.has_walls.cache_clear()
    try:
        assert sandbox.has_walls() is False
        broken = tmp_path / "bwrap"
        broken.write_text("#!/bin/sh\nexit 1\n")
        broken.chmod(0o755)
        sandbox.has_walls.cache_clear()
        assert sandbox.has_walls() is False
    finally:
        sandbox.has_walls.cache_clear()
    assert shutil.which("sh") is None

"""The lists of CONTRIBUTING.md, followed to the letter in a copy of this tree: a chapter, a claim, an exercise."""

import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from the_book import ROOT

STEM = "coin_flips"

CLAIM = r'''
"""Claims of the chapter "Coin flips"."""

import math

from lectures_pkg.claims import Claim
from lectures_pkg.divergences import entropy


def fair_coin(rng, base=math.e):
    """The package's entropy of a fair coin; two equal terms by hand."""
    return entropy([0.5, 0.5]) / math.log(base), -2 * 0.5 * math.log(0.5)


CLAIMS = (
    Claim(
        label="coin-entropy",
        equation=r"H = \log 2",
        sides=fair_coin,
        source="by definition",
        slips={"bits for nats": lambda rng: fair_coin(rng, base=2)},
    ),
)
'''

EXERCISES = '''
"""Exercises of the chapter "Coin flips"."""

from lectures_pkg.exercises import Exercise, Mistake, Wrong, as_number, close


def tails(p):
    return 1 - p


def check_tails(answer, p):
    value = as_number(answer)
    if close(value, p):
        raise Wrong("that is the probability of heads")
    if not close(value, 1 - p):
        raise Wrong("heads and tails together have probability 1")


def check_heads_twice(answer, p):
    value = as_number(answer)
    if close(value, 2 * p):
        raise Wrong("probabilities of independent flips multiply, they do not add")
    if not close(value, p * p):
        raise Wrong("what is the chance of the second flip, given the first?")


EXERCISES = (
    Exercise(
        name="tails",
        title="The other side",
        prompt="Return the probability of tails.",
        stub='def tails(p):\\n    """p: probability of heads, a number."""\\n    ...',
        inputs=lambda rng: [(float(rng.uniform(0.1, 0.4)),)],
        check=check_tails,
        solution=tails,
        mistakes=(
            Mistake("heads", lambda p: p, "that is the probability of heads"),
            Mistake("half", lambda p: 0.5, "together have probability 1"),
        ),
    ),
    Exercise(
        name="heads_twice",
        title="Twice",
        prompt="Return the probability of heads, twice in a row.",
        stub='def heads_twice(p):\\n    """p: probability of heads, a number."""\\n    ...',
        inputs=lambda rng: [(float(rng.uniform(0.1, 0.4)),)],
        check=check_heads_twice,
        points=2,
    ),
)
'''

SOLUTIONS = '''
"""Solutions of the assignments of the chapter "Coin flips"."""

from lectures_pkg.exercises import Mistake


def heads_twice(p):
    return p * p


MISTAKES = {
    "heads_twice": (
        Mistake("sum", lambda p: 2 * p, "they do not add"),
        Mistake("once", lambda p: p, "given the first"),
    )
}
'''

FIGURE = """
import matplotlib.pyplot as plt

from lectures_pkg.claims import show
from lectures_pkg.exercises import check
from lectures_pkg.frames import FrameSlider, render_frames

FrameSlider(render_frames(lambda figure, index: figure.subplots().plot([0, index]), 2), ["a", "b"], ["flat", "steep"])
"""


def chapter():
    """A chapter with the parts that CONTRIBUTING.md asks for, and nothing else."""
    text, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    book = nbformat.v4.new_notebook()
    book.cells = [
        text("# Coin flips\n\n:::{admonition} Promise\n:class: promise\n\nOne question.\n:::"),
        code(FIGURE.strip()),
        text("A fair coin has the entropy\n\n$$\nH = \\log 2\n$$ (coin-entropy)"),
        code('show("coin-entropy")', metadata={"tags": ["remove-input", "check"]}),
        code("1", metadata={"tags": ["live", "remove-cell", "nbval-ignore-output"]}),
        text(":::{admonition} Slips you will meet\n:class: slip\n\nBits for nats.\n:::"),
        *(text(f"## {part}") for part in ("Exercises", "Five sentences to remember", "Where next")),
    ]
    return book


class Walk:
    """A copy of this tree, and the commands that CONTRIBUTING.md names, run there."""

    def __init__(self, folder):
        self.folder = folder / "copy"
        kept_out = shutil.ignore_patterns(".venv", ".git", "_build", "*_cache", "__pycache__", "*.egg-info", "*.ipynb")
        shutil.copytree(ROOT, self.folder, ignore=kept_out)
        toc = self.folder / "book" / "_toc.yml"
        toc.write_text(
            f"format: jb-book\nroot: {STEM}\nparts:\n  - caption: All\n    chapters:\n      - file: notation\n"
        )
        for page in (self.folder / "book").glob("*.md"):  # a book of this one chapter
            if page.stem != "notation":
                page.unlink()
        for kind in ("claims", "exercises"):
            for module in (self.folder / "lectures_pkg" / kind).glob("[!_]*.py"):
                module.unlink()

    def write(self, name, text):
        (self.folder / name).write_text(text.lstrip())

    def python(self, *arguments):
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "JUPYTER_PLATFORM_DIRS": "1"}
        return subprocess.run(
            [sys.executable, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True
        )

    def tests(self):
        checks = [f"tests/{name}.py" for name in ("test_book", "test_claims", "test_exercises")]
        return self.python("-m", "pytest", "-q", "-p", "no:cacheprovider", *checks)


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    walk = Walk(tmp_path_factory.mktemp("walk"))
    nbformat.write(chapter(), walk.folder / "book" / f"{STEM}.ipynb")
    walk.write(f"lectures_pkg/claims/{STEM}.py", CLAIM)
    walk.write(f"lectures_pkg/exercises/{STEM}.py", EXERCISES)
    walk.write(f"solutions/{STEM}.py", SOLUTIONS)
    walk.write(f"tests/test_{STEM}.py", "def test_nothing_else(): ...\n")
    for tool in ("sync.py", "execute.py"):
        result = walk.python(f"tools/{tool}")
        assert result.returncode == 0, result.stdout + result.stderr
    return walk


def test_the_lists_lead_to_a_chapter_whose_tests_pass(walk):
    result = walk.tests()
    assert result.returncode == 0, result.stdout[-3000:]
    cells = nbformat.read(walk.folder / "book" / f"{STEM}.ipynb", as_version=4).cells
    assert {"install", "ex-tails-solution", "ex-heads_twice-attempt"} <= {cell.id for cell in cells}
    assert "ex-heads_twice-solution" not in {cell.id for cell in cells}
    printed = "".join(output.text for cell in cells for output in cell.get("outputs", []) if "text" in output)
    assert "✓ coin-entropy" in printed and "Refused: bits for nats" in printed
    assert "○ heads_twice: not attempted yet" in printed


@pytest.mark.parametrize(
    ("file", "old", "new", "red"),
    [
        (f"claims/{STEM}.py", r"H = \log 2", r"H = \log 4", "word_for_word"),
        (f"claims/{STEM}.py", "-2 * 0.5", "-3 * 0.5", "claim_holds"),
        (f"claims/{STEM}.py", "base=2", "base=math.e", "claim_holds"),
        (f"exercises/{STEM}.py", "if close(value, p):", "if close(value, 9):", "own_hint"),
        (f"exercises/{STEM}.py", "points=2", "points=0", "carry_points"),
    ],
)
def test_what_a_list_asks_for_and_is_left_out_turns_a_test_red(walk, file, old, new, red):
    path = walk.folder / "lectures_pkg" / file
    before = path.read_text()
    assert before.count(old) == 1
    path.write_text(before.replace(old, new))
    try:
        result = walk.tests()
    finally:
        path.write_text(before)
    assert result.returncode == 1
    assert any(red in line for line in result.stdout.splitlines() if line.startswith("FAILED")), result.stdout[-2000:]

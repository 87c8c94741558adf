"""The machinery of exercises, on a made-up exercise."""

import numpy as np
import pytest

from lectures_pkg import exercises
from lectures_pkg.exercises import Exercise, Wrong, as_array, as_number, check, close, find, function_name


def check_double(answer, x):
    if as_number(answer) != 2 * x:
        raise Wrong("not the double")


def double(x):
    return 2 * x


EXERCISE = Exercise(
    "double",
    "Double",
    "Return 2x.",
    "def double(x):\n    ...",
    lambda rng: [(rng.integers(9) + 1,)],
    check_double,
    double,
)


@pytest.fixture(autouse=True)
def made_up(monkeypatch):
    monkeypatch.setattr(exercises, "all_exercises", lambda chapters=None: [EXERCISE])


@pytest.mark.parametrize(
    ("attempt", "line"),
    [
        (double, "✓ double: right, on inputs drawn afresh."),
        (lambda x: None, "○ double: not attempted yet. Write the function above, then run this cell."),
        (lambda x: 3 * x, "✗ double: not the double"),
        (lambda x: 1 / 0, "✗ double: it stopped with ZeroDivisionError: division by zero"),
        (lambda x: "six", "✗ double: the answer should be one number, found str 'six'"),
        (lambda x: [1, 2], "✗ double: the answer should be one number, found list '[1, 2]'"),
    ],
)
def test_check_prints_one_line(attempt, line, capsys):
    check("double", attempt)
    assert capsys.readouterr().out == line + "\n"


def test_an_unknown_exercise_is_refused():
    with pytest.raises(LookupError, match="no exercise is named 'halve'"):
        find("halve")


def test_an_attempt_that_changes_its_input_does_not_change_the_checks():
    def check_sum(answer, x):
        if answer != x.sum():
            raise Wrong("not the sum")

    def destructive(x):
        total = x.sum()
        x[:] = 0
        return total

    exercise = Exercise("total", "", "", "", lambda rng: [(np.ones(3),)], check_sum, destructive)
    exercise.judge(destructive)


def test_inputs_are_fresh_for_each_seed_and_the_same_for_the_same():
    drawn = []
    exercise = Exercise("seen", "", "", "", lambda rng: [(rng.random(),)], lambda answer, x: drawn.append(x), double)
    for seed in (0, 0, 1):
        exercise.judge(double, seed)
    assert drawn[0] == drawn[1] != drawn[2]


def test_as_array_says_what_came():
    with pytest.raises(Wrong, match=r"should have shape \(2,\), found shape \(3,\)"):
        as_array([1, 2, 3], (2,))
    with pytest.raises(Wrong, match="should be an array of numbers"):
        as_array(["a"], (1,))
    assert as_array([1, 2], (2,)).dtype == float


def test_close_accepts_no_nan():
    assert not close(np.nan, np.nan)
    assert close(np.inf, np.inf)
    assert close(1.0, 1.0 + 1e-10)


@pytest.mark.parametrize("source", ["x = 1", "def f():\n  ...\ndef g():\n  ..."])
def test_a_stub_defines_one_function(source):
    with pytest.raises(ValueError, match="a stub must define one function"):
        function_name(source)

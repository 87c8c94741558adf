"""Every exercise accepts its solution, calls its stub unattempted, and refuses each mistake with its own hint."""

import numpy as np
import pytest

from lectures_pkg import assign
from lectures_pkg.exercises import Wrong, exercises_of, function_name, solution_source, stems

SEEDS = (0, 1, 2)
CASES = [(stem, exercise) for stem in stems() for exercise in exercises_of(stem)]


def ids(case):
    return f"{case[0]}-{case[1].name}"


def solution_and_mistakes(stem, exercise):
    """Of a practice exercise from the package; of an assignment from ``solutions/``, where that is present."""
    try:
        return assign.solution_and_mistakes(stem, exercise)
    except FileNotFoundError:
        pytest.skip(f"the solutions of {stem} are not in this copy of the repository")


def hint(exercise, attempt, seed):
    with pytest.raises(Wrong) as caught:
        exercise.judge(attempt, seed)
    return str(caught.value)


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_solution_passes(case):
    solution, _ = solution_and_mistakes(*case)
    for seed in SEEDS:
        case[1].judge(solution, seed)


@pytest.mark.parametrize("case", [case for case in CASES if case[1].solution], ids=ids)
def test_the_printed_solution_runs_as_it_stands(case):
    exercise = case[1]
    namespace = {"np": np}
    exec(solution_source(exercise), namespace)
    exercise.judge(namespace[exercise.name])


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_stub_is_not_an_answer(case):
    exercise = case[1]
    assert function_name(exercise.stub) == exercise.name
    namespace = {}
    exec(exercise.stub, namespace)
    with pytest.raises(NotImplementedError):
        exercise.judge(namespace[exercise.name])


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_each_mistake_gets_its_own_hint(case):
    exercise = case[1]
    _, mistakes = solution_and_mistakes(*case)
    assert len(mistakes) >= 2
    for seed in SEEDS:
        for mistake in mistakes:
            message = hint(exercise, mistake.attempt, seed)
            assert mistake.hint in message
            others = [other for other in mistakes if other is not mistake and other.hint in message]
            assert not others, f"the hint of {mistake.name} also fits {others[0].name}"


def test_names_are_unique():
    names = [exercise.name for _, exercise in CASES]
    assert len(names) == len(set(names))


def test_assignments_carry_points_and_practice_none():
    for _, exercise in CASES:
        assert (exercise.points == 0) == exercise.is_practice, exercise.name

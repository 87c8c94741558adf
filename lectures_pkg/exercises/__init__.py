"""Exercises: a prompt, a stub, a check on fresh inputs, and the typical mistakes that it must refuse.

One module per chapter, named by the chapter's stem, holds that chapter's ``EXERCISES``. A reader
fills in the stub and calls ``check("name", attempt)``. The attempt is called with plain data only
(numbers, strings, lists, dicts, NumPy arrays) and must return plain data: the same check can then
judge code that ran in another process.

*Practice* exercises carry their solution, which the book shows in a dropdown. *Assignment*
exercises keep solution and mistakes outside the installed package, in ``solutions/<stem>.py``.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

Attempt = Callable[..., object]


class Wrong(Exception):
    """An answer was refused; the message is the hint that the reader sees."""


@dataclass(frozen=True)
class Mistake:
    """A typical wrong answer, and words that its hint, and no other mistake's hint, contains."""

    name: str
    attempt: Attempt
    hint: str


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Parameters
    ----------
    name : str
        The function that the reader writes.
    title, prompt : str
        Markdown; the prompt states the task, shapes and units.
    stub : str
        Source that the reader starts from: signature, docstring, and ``...`` for the body.
    inputs : callable
        ``inputs(rng)`` returns a list of argument tuples, plain data, drawn afresh for each seed.
    check : callable
        ``check(answer, *arguments)`` raises `Wrong` with a hint where the answer is not right.
    solution : callable or None
        The solution of a practice exercise; None for an assignment.
    mistakes : sequence of Mistake
        Typical wrong answers of a practice exercise, at least two.
    level : {1, 2, 3}
        Difficulty.
    minutes : int
        Estimated time.
    points : int
        What an assignment is worth; practice exercises carry none.
    rubric : str
        For mini projects: what a reader or grader looks at beyond the check.
    """

    name: str
    title: str
    prompt: str
    stub: str
    inputs: Callable[[np.random.Generator], list[tuple]]
    check: Callable[..., None]
    solution: Attempt | None = None
    mistakes: Sequence[Mistake] = ()
    level: int = 1
    minutes: int = 10
    points: int = 0
    rubric: str = ""

    @property
    def is_practice(self) -> bool:
        return self.solution is not None

    def judge(self, attempt: Attempt, seed: int = 0) -> None:
        """Call the attempt on this seed's inputs and check every answer.

        Raises
        ------
        NotImplementedError
            If the attempt is still the empty stub (it returns None).
        Wrong
            With a hint, at the first answer that is refused, or where the attempt raised an error.
        """
        rng = np.random.default_rng([seed, zlib.crc32(self.name.encode())])
        for arguments in self.inputs(rng):
            answer = _answer(attempt, arguments)
            self.check(answer, *arguments)


def stems() -> list[str]:
    """Stems of the chapters that have exercises, in alphabetical order."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def exercises_of(stem: str) -> tuple[Exercise, ...]:
    """The exercises of one chapter, in the chapter's order."""
    if stem not in stems():
        raise ValueError(f"no chapter {stem!r} has exercises; the chapters are {', '.join(stems())}")
    return tuple(importlib.import_module(f"{__name__}.{stem}").EXERCISES)


def all_exercises(chapters: Iterable[str] | None = None) -> list[Exercise]:
    """All exercises of the given chapters (of every chapter by default)."""
    return [exercise for stem in (stems() if chapters is None else chapters) for exercise in exercises_of(stem)]


def find(name: str) -> Exercise:
    """The exercise with this name.

    Raises
    ------
    LookupError
        If there is none.
    """
    for exercise in all_exercises():
        if exercise.name == name:
            return exercise
    raise LookupError(f"no exercise is named {name!r}")


def check(name: str, attempt: Attempt, seed: int | None = None) -> None:
    """Check an attempt on fresh inputs and print one line: right, or a hint, or not attempted yet."""
    exercise = find(name)
    seed = int(np.random.default_rng().integers(2**31)) if seed is None else seed
    try:
        exercise.judge(attempt, seed)
    except NotImplementedError:
        print(f"○ {name}: not attempted yet. Write the function above, then run this cell.")
    except Wrong as hint:
        print(f"✗ {name}: {hint}")
    else:
        print(f"✓ {name}: right, on inputs drawn afresh.")


def solution_source(exercise: Exercise) -> str:
    """Source text of a practice exercise's solution, under the imports that it needs beside NumPy.

    What the tests run is what the book shows: the text runs as it stands, where ``np`` is NumPy.
    """
    if exercise.solution is None:
        raise ValueError(f"{exercise.name} is an assignment: its solution is not in the package")
    source = inspect.getsource(exercise.solution).rstrip()
    used = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)} - {"np"}
    needed = []
    for node in ast.parse(inspect.getsource(importlib.import_module(exercise.solution.__module__))).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            node.names = [alias for alias in node.names if (alias.asname or alias.name) in used]
            needed += [ast.unparse(node)] if node.names else []
    return "\n".join([*needed, "", "", source] if needed else [source])


def as_number(answer: object) -> float:
    """The answer as a float, or a hint that says what came instead."""
    if isinstance(answer, (bool, str)) or np.ndim(answer) != 0:  # type: ignore[arg-type]
        raise Wrong(f"the answer should be one number, found {_describe(answer)}")
    try:
        return float(answer)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise Wrong(f"the answer should be one number, found {_describe(answer)}") from None


def as_array(answer: object, shape: tuple[int, ...]) -> np.ndarray:
    """The answer as a float array of this shape, or a hint that says what came instead."""
    try:
        values = np.array(answer, dtype=float)
    except (TypeError, ValueError):
        raise Wrong(f"the answer should be an array of numbers, found {_describe(answer)}") from None
    if values.shape != shape:
        raise Wrong(f"the answer should have shape {shape}, found shape {values.shape}")
    return values


def as_entries(answer: object, names: Sequence[str]) -> list:
    """The named entries of a dictionary, in this order, or a hint that says which came instead."""
    if not isinstance(answer, dict) or set(answer) != set(names):
        found = sorted(map(str, answer)) if isinstance(answer, dict) else type(answer).__name__
        raise Wrong(f"the answer should be a dictionary with the entries {', '.join(names)}, found {found}")
    return [answer[name] for name in names]


def close(answer: object, expected: object, relative: float = 1e-9, absolute: float = 1e-12) -> bool:
    """Whether two arrays agree (no NaN, equal infinities)."""
    return bool(np.allclose(answer, expected, rtol=relative, atol=absolute))  # type: ignore[arg-type]


def function_name(source: str) -> str:
    """Name of the one function that a stub defines."""
    functions = [node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    if len(functions) != 1:
        raise ValueError(f"a stub must define one function, found {len(functions)}")
    return functions[0]


def _answer(attempt: Attempt, arguments: tuple) -> object:
    try:
        answer = attempt(*(_copy(argument) for argument in arguments))
    except (NotImplementedError, Wrong):  # a process that runs the attempt elsewhere has its own sentence
        raise
    except Exception as error:
        raise Wrong(f"it stopped with {type(error).__name__}: {error}") from error
    if answer is None:
        raise NotImplementedError
    return answer


def _copy(argument: object) -> object:
    """A copy, so that an attempt that changes its input in place doesn't change the check's."""
    return argument.copy() if isinstance(argument, np.ndarray | list | dict) else argument


def _describe(answer: object) -> str:
    if isinstance(answer, np.ndarray):
        return f"an array of shape {answer.shape}"
    return f"{type(answer).__name__} {str(answer)[:40]!r}"

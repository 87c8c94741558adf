"""Keep in step what every notebook repeats: the install cell, and the exercises' prompts, stubs and solutions.

usage: python tools/sync.py [--check | --placeholder] [--repository URL] [--ref REF] [NOTEBOOK ...]

The repository's address and the pinned ref stand once, in ``_config.yml``; a fork re-points
everything with ``python tools/sync.py --repository URL --ref REF``. The exercises stand once, in
``lectures_pkg/exercises/<stem>.py``; the cells below a chapter's heading "Exercises" are made from them.
Cells that this program owns have ids that begin with ``install`` or ``ex-``.
"""

from __future__ import annotations

import argparse
import pathlib
import re
import sys

import nbformat

from lectures_pkg.assign import INSTALL, STARS
from lectures_pkg.exercises import Exercise, exercises_of, solution_source
from lectures_pkg.exercises import stems as stems_with_exercises

ROOT = pathlib.Path(__file__).parents[1]
CONFIG = ROOT / "_config.yml"
BOOK = ROOT / "book"
PLACEHOLDER = "/OWNER/"  #: stands in the address for as long as the repository has none

#: Notebooks that are pages, not chapters: their set-up is not shown.
PAGES = {"index", "comparison", "papers", "ledger", "errata", "coverage"}


def configured() -> tuple[str, str]:
    """Repository address and ref, as ``_config.yml`` has them."""
    text = CONFIG.read_text()
    return _setting(text, "url"), _setting(text, "branch")


def configure(repository: str, ref: str) -> None:
    """Write the repository's address and ref into ``_config.yml``."""
    text = CONFIG.read_text()
    text = text.replace(f"url: {_setting(text, 'url')}", f"url: {repository}")
    text = text.replace(f"branch: {_setting(text, 'branch')}", f"branch: {ref}")
    CONFIG.write_text(text)


def synced(notebook: nbformat.NotebookNode, stem: str) -> nbformat.NotebookNode:
    """The notebook with the cells that this program owns made anew; unchanged cells keep their outputs."""
    repository, ref = configured()
    old = {cell.id: cell for cell in notebook.cells}
    cells = [cell for cell in notebook.cells if not _is_owned(cell)]
    first_code = next(index for index, cell in enumerate(cells) if cell.cell_type == "code")
    tags = ["remove-cell"] if stem in PAGES else ["hide-input"]
    install = _code("install", INSTALL.format(repository=repository, ref=ref), tags)
    cells.insert(first_code, install)
    if stem in stems_with_exercises():
        headings = (index for index, cell in enumerate(cells) if cell.source.startswith("## Exercises"))
        heading = next(headings, None)
        if heading is None:
            raise ValueError(f"{stem}.ipynb has exercises but no cell that begins with '## Exercises'")
        made = [cell for exercise in exercises_of(stem) for cell in exercise_cells(exercise)]
        cells[heading + 1 : heading + 1] = made
    result = nbformat.from_dict({**notebook, "cells": [_keep_outputs(cell, old.get(cell.id)) for cell in cells]})
    return result


def exercise_cells(exercise: Exercise) -> list[nbformat.NotebookNode]:
    """Prompt, attempt and (for practice) solution of one exercise."""
    kind = "Practice" if exercise.is_practice else f"Assignment, {exercise.points} points"
    prompt = (
        f":::{{exercise}} {STARS[exercise.level]} {exercise.title}\n:label: ex-{exercise.name}\n\n"
        f"*{kind}, about {exercise.minutes} minutes.* {exercise.prompt.strip()}\n"
    )
    if exercise.rubric:
        prompt += f"\n*What a reader looks for:* {exercise.rubric.strip()}\n"
    attempt = f'{exercise.stub.strip()}\n\n\ncheck("{exercise.name}", {exercise.name})'
    cells = [
        nbformat.v4.new_markdown_cell(prompt + ":::", id=f"ex-{exercise.name}-prompt"),
        _code(f"ex-{exercise.name}-attempt", attempt, []),
    ]
    if exercise.is_practice:
        solution = (
            '<details class="solution">\n<summary>Solution</summary>\n\n'
            f"```python\n{solution_source(exercise)}\n```\n\n</details>"
        )
        cells.append(nbformat.v4.new_markdown_cell(solution, id=f"ex-{exercise.name}-solution"))
    return cells


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a notebook is out of step")
    parser.add_argument("--placeholder", action="store_true", help="only say so if the address is still a placeholder")
    parser.add_argument("--repository", help="new address, written into _config.yml and every notebook")
    parser.add_argument("--ref", help="new tag, branch or commit to install from")
    parser.add_argument("notebooks", nargs="*", type=pathlib.Path)
    options = parser.parse_args(arguments)
    if options.placeholder:
        if PLACEHOLDER in configured()[0]:
            print(
                "note: _config.yml holds a placeholder address, so Colab links lead nowhere yet (tools/sync.py sets it)"
            )
        return 0
    if options.repository or options.ref:
        repository, ref = configured()
        configure(options.repository or repository, options.ref or ref)
    stale = []
    for path in options.notebooks or sorted(BOOK.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        text = nbformat.writes(synced(notebook, path.stem), version=4) + "\n"
        if text != path.read_text():
            stale.append(path.name)
            if not options.check:
                path.write_text(text)
    if options.check and stale:
        print(f"out of step: {', '.join(stale)}; run `python tools/sync.py`, then `make execute`")
    return bool(options.check and stale)


def _setting(text: str, name: str) -> str:
    match = re.search(rf"^  {name}: (\S+)$", text, re.MULTILINE)
    if match is None:
        raise ValueError(f"_config.yml has no line 'repository: {name}: …'")
    return match.group(1)


def _is_owned(cell: nbformat.NotebookNode) -> bool:
    return cell.id == "install" or cell.id.startswith("ex-")


def _code(id: str, source: str, tags: list[str]) -> nbformat.NotebookNode:
    return nbformat.v4.new_code_cell(source, id=id, metadata={"tags": tags} if tags else {})


def _keep_outputs(new: nbformat.NotebookNode, old: nbformat.NotebookNode | None) -> nbformat.NotebookNode:
    if old is not None and new.cell_type == "code" == old.cell_type and new.source == old.source:
        new.outputs, new.execution_count = old.outputs, old.execution_count
    return new


if __name__ == "__main__":
    sys.exit(main())

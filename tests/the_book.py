"""What the tests of the book share: its chapters, their cells, and the equations in them."""

from __future__ import annotations

import pathlib
import re

import nbformat
import yaml

ROOT = pathlib.Path(__file__).parents[1]
BOOK = ROOT / "book"
SITE = ROOT / "_build" / "html"
EQUATION = re.compile(r"^\$\$\s*\n?((?:(?!\$\$).)*?)\$\$[ \t]*\(([^)]+)\)[ \t]*$", re.DOTALL | re.MULTILINE)


def pages() -> list[str]:
    """Names of the pages, in the book's order, from the one place that knows it."""
    toc = yaml.safe_load((BOOK / "_toc.yml").read_text())
    return [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]


def notebooks() -> list[pathlib.Path]:
    return [BOOK / f"{page}.ipynb" for page in pages() if (BOOK / f"{page}.ipynb").exists()]


def chapters() -> list[pathlib.Path]:
    """Notebooks that teach: those with a promise."""
    return [path for path in notebooks() if ":class: promise" in prose(path)]


def cells(path: pathlib.Path, kind: str) -> list[nbformat.NotebookNode]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def prose(path: pathlib.Path) -> str:
    """All Markdown of a notebook or page."""
    if path.suffix == ".md":
        return path.read_text()
    return "\n\n".join(cell.source for cell in cells(path, "markdown"))


def equations(path: pathlib.Path) -> dict[str, str]:
    """Label and LaTeX of the labelled equations, definitions included."""
    return {label: squeeze(latex) for latex, label in EQUATION.findall(prose(path))}


def squeeze(latex: str) -> str:
    """LaTeX without differences that nobody sees: runs of white space."""
    return " ".join(latex.split())

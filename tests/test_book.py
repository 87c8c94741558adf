"""The book as a whole: every equation has its claim, every figure its text, every notebook was run and is in step."""

import re
import subprocess
import sys

import pytest
from the_book import BOOK, ROOT, cells, chapters, equations, notebooks, pages, prose, squeeze

from lectures_pkg.claims import claims_of
from lectures_pkg.claims import stems as stems_with_claims
from lectures_pkg.exercises import stems as stems_with_exercises

CHAPTERS = chapters()


def stem_of(path):
    return path.stem


def test_every_page_exists_and_every_notebook_is_a_page():
    for page in pages():
        assert (BOOK / f"{page}.ipynb").exists() or (BOOK / f"{page}.md").exists(), page
    assert {path.stem for path in BOOK.glob("*.ipynb")} == {path.stem for path in notebooks()}
    assert {path.stem for path in BOOK.glob("*.md")} <= set(pages())


def test_a_stem_has_its_five_places():
    stems = {path.stem for path in CHAPTERS}
    assert set(stems_with_claims()) == stems
    assert set(stems_with_exercises()) == stems
    for stem in stems:
        assert (ROOT / "tests" / f"test_{stem}.py").exists(), stem


@pytest.mark.parametrize("path", CHAPTERS, ids=stem_of)
def test_every_labelled_equation_is_a_claim_word_for_word(path):
    stated = {label: latex for label, latex in equations(path).items() if not label.startswith("def-")}
    claimed = {claim.label: squeeze(claim.equation) for claim in claims_of(path.stem)}
    assert stated.keys() == claimed.keys()
    for label, latex in stated.items():
        assert latex == claimed[label], label


@pytest.mark.parametrize("path", CHAPTERS, ids=stem_of)
def test_every_claim_is_shown_where_it_is_stated(path):
    notebook_cells = [cell for kind in ("markdown", "code") for cell in cells(path, kind)]
    shown = set()
    for cell in notebook_cells:
        if cell.cell_type == "code":
            shown |= set(re.findall(r'^show\("([^"]+)"\)', cell.source, re.MULTILINE))
    assert shown == {claim.label for claim in claims_of(path.stem)}


def test_labels_are_unique():
    labels = [label for path in CHAPTERS for label in equations(path)]
    assert len(labels) == len(set(labels))


@pytest.mark.parametrize("path", notebooks(), ids=stem_of)
def test_every_figure_has_an_alternative_text_and_a_caption(path):
    for cell in cells(path, "code"):
        has_picture = any("image/png" in output.get("data", {}) for output in cell.outputs)
        if has_picture:
            rendering = cell.metadata.get("mystnb", {})
            assert rendering.get("image", {}).get("alt"), f"{path.stem}: no alternative text\n{cell.source}"
            assert rendering.get("figure", {}).get("caption"), f"{path.stem}: no caption\n{cell.source}"


@pytest.mark.parametrize("path", CHAPTERS, ids=stem_of)
def test_a_chapter_has_its_parts(path):
    text = prose(path)
    for part in (
        "# ",
        ":class: promise",
        ":class: slip",
        "## Exercises",
        "## Five sentences to remember",
        "## Where next",
    ):
        assert part in text, f"{path.stem} has no {part!r}"
    sources = "\n".join(cell.source for cell in cells(path, "code"))
    assert "FrameSlider(" in sources, "no figure that moves"
    live = [cell for cell in cells(path, "code") if "live" in cell.metadata.get("tags", [])]
    assert live, "no live twin of the moving figure"
    for cell in live:
        assert {"remove-cell", "nbval-ignore-output"} <= set(cell.metadata.tags)


@pytest.mark.parametrize("path", notebooks(), ids=stem_of)
def test_no_warning_or_error_is_stored(path):
    for cell in cells(path, "code"):
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            assert output.get("name") != "stderr", f"{path.stem} stores {output.text!r}"


@pytest.mark.parametrize("path", notebooks(), ids=stem_of)
def test_a_notebook_is_small_enough_to_read_on_a_phone(path):
    assert path.stat().st_size < 1_500_000


@pytest.mark.parametrize("tool", ["sync.py", "execute.py"])
def test_notebooks_are_in_step_and_fully_run(tool):
    result = subprocess.run([sys.executable, f"tools/{tool}", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout

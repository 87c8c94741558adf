"""The errata page: every wrong form has a right one and something that shows it."""

import pytest
from the_book import BOOK, cells, pages

from lectures_pkg.claims import claims_of
from lectures_pkg.claims import stems as stems_with_claims
from lectures_pkg.errata import ERRATA, entries

HOW_MANY = {"E0": 16, "E1": 13, "E2": 22, "E3": 8, "E4": 11}


def test_every_erratum_stands_once():
    expected = {f"{deck}-{number}" for deck, n in HOW_MANY.items() for number in range(1, n + 1)}
    assert sorted(erratum.key for erratum in ERRATA) == sorted(expected)


@pytest.mark.parametrize("erratum", ERRATA, ids=lambda erratum: erratum.key)
def test_an_erratum_rests_on_claims_or_on_a_computation(erratum):
    labels = {claim.label for stem in stems_with_claims() for claim in claims_of(stem)}
    assert set(erratum.claims) <= labels
    assert erratum.claims or erratum.computed
    if erratum.computed:
        assert len(erratum.computed()) > 20


def test_the_page_has_every_chapter_with_errata_in_the_books_order():
    shown = [cell.source.split('"')[1] for cell in cells(BOOK / "errata.ipynb", "code") if "entries(" in cell.source]
    with_errata = {erratum.stem for erratum in ERRATA}
    assert shown == [page for page in pages() if page in with_errata]


def test_entries_say_what_is_said_what_is_true_and_what_shows_it():
    text = entries("ngrams")
    assert text.count("**On the slide:**") == text.count("**In truth:**") == text.count("*Shown by*")
    for erratum in ERRATA:
        if erratum.stem == "ngrams":
            assert f"**On the slide:** {erratum.said}\n\n**In truth:** {erratum.correct}\n\n*Shown by* " in text
    assert "{eq}`chain-rule`" not in text and "{eq}`ngram-window`" in text


def test_a_chapter_without_errata_is_refused():
    with pytest.raises(LookupError, match="no erratum belongs to 'autoregressive'"):
        entries("autoregressive")

"""The ledger page: it lists every chapter in the book's order, every claim, and nothing that doesn't hold."""

import re

import pytest
from the_book import BOOK, cells, chapters

from lectures_pkg import ledger
from lectures_pkg.claims import Claim


def made_up(right):
    return Claim("two-and-two", "2 + 2 = 4", lambda rng: (4.0, right), "by hand", {"five": lambda rng: (4.0, 5.0)})


def test_the_page_lists_every_chapter_in_order():
    sources = "\n".join(cell.source for cell in cells(BOOK / "ledger.ipynb", "code"))
    assert re.findall(r'entries\("(\w+)"\)', sources) == [path.stem for path in chapters()]


def test_an_entry_says_what_was_checked_and_what_refused(monkeypatch):
    monkeypatch.setattr(ledger, "claims_of", lambda stem: (made_up(4.0),))
    assert ledger.entries("any") == (
        "**{eq}`two-and-two`** `two-and-two`\n\n$$\n2 + 2 = 4\n$$\n\n"
        "✓ both sides 4 (within 1e-12). *Refused:* five. *Source:* by hand."
    )


def test_a_claim_that_fails_is_not_listed(monkeypatch):
    monkeypatch.setattr(ledger, "claims_of", lambda stem: (made_up(4.5),))
    with pytest.raises(AssertionError, match=r"two-and-two: violated by 0\.5"):
        ledger.entries("any")

"""The coverage page: every item of the inventory leads to a section that exists, in source and in the built page."""

import re

import pytest
from the_book import BOOK, SITE, cells, prose

from lectures_pkg.coverage import ITEMS, anchor, table

HOW_MANY = {"LM": 11, "GEN": 8, "GAN": 28, "THM": 11, "CNN": 2, "VAE": 15, "CMP": 4, "TXT": 4, "APP": 6}


def test_every_item_stands_once_and_on_the_page():
    assert [item.key for item in ITEMS] == [
        f"{group}-{number:02d}" for group, n in HOW_MANY.items() for number in range(1, n + 1)
    ]
    shown = "\n".join(cell.source for cell in cells(BOOK / "coverage.ipynb", "code"))
    assert re.findall(r'table\("([A-Z]+)"\)', shown) == list(HOW_MANY)


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.key)
def test_an_item_leads_to_headings_that_exist(item):
    assert item.places
    for stem, heading in item.places:
        headings = re.findall(r"^#{1,3} (.+)$", prose(BOOK / f"{stem}.ipynb"), re.MULTILINE)
        assert heading in headings, f"{stem} has no section {heading!r}"


def test_every_link_of_the_built_page_arrives():
    links = re.findall(r'href="([a-z_0-9]+\.html)#([^"]+)"', (SITE / "coverage.html").read_text())
    wanted = {(f"{stem}.html", heading) for item in ITEMS for stem, heading in item.places}
    built = {(page, fragment.replace("-s-", "s-")) for page, fragment in links}  # the built page spells ’s as -s-
    assert {(page, anchor(heading).replace("-s-", "s-")) for page, heading in wanted} <= built
    for page, fragment in set(links):
        assert f'id="{fragment}"' in (SITE / page).read_text(), f"{page}#{fragment}"


def test_an_anchor_is_made_as_myst_makes_it():
    assert anchor("The generator's two losses") == "the-generators-two-losses"
    assert (
        anchor("Step two: the best discriminator, point by point") == "step-two-the-best-discriminator-point-by-point"
    )


def test_an_unknown_group_is_refused():
    with pytest.raises(LookupError, match="no group is called 'XYZ'; there are APP, CMP"):
        table("XYZ")

"""Every claim of the book holds, and refuses each of its slips."""

import pytest

from lectures_pkg.claims import all_claims


@pytest.mark.parametrize("claim", all_claims(), ids=lambda claim: claim.label)
def test_claim_holds_and_refuses_its_slips(claim):
    verdict = claim.check()
    assert claim.slips, f"{claim.label} has no slip: a check that cannot fail proves nothing"
    assert verdict.holds, verdict.sentence

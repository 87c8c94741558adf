"""The ledger page: every claim of the book, rendered from the same objects that chapters and tests check."""

from __future__ import annotations

from lectures_pkg.claims import claims_of


def entries(stem: str) -> str:
    """Markdown for one chapter's claims: equation, verdict, allowance, slips refused, source, link.

    Raises
    ------
    AssertionError
        If a claim fails or accepts one of its slips: a ledger lists nothing that doesn't hold.
    """
    blocks = []
    for claim in claims_of(stem):
        verdict = claim.check()
        assert verdict.holds, verdict.sentence
        slips = "; ".join(claim.slips)
        blocks.append(
            f"**{{eq}}`{claim.label}`** `{claim.label}`\n\n"
            f"$$\n{claim.equation.strip()}\n$$\n\n"
            f"✓ {verdict.summary}. *Refused:* {slips}. *Source:* {claim.source}."
        )
    return "\n\n---\n\n".join(blocks)

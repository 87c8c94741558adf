"""The errata page: every wrong form has a right one and something that shows it."""

import itertools

import nbformat
import pytest
from the_book import BOOK, cells, pages, prose

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


#: The claim of an erratum, and the name of the slip in it that is the erratum's very form.
REFUSED = {
    "E0-1": ("ngram-window", "window from i-n-1 to i-1"),
    "E0-2": ("factors-sum-to-one", "last factors P(w1 | w2) P(w1)"),
    "E0-6": ("end-symbol", "no end symbol: six lengths have mass 6"),
    "E0-7": ("greedy-is-not-best", "greedy decoding"),
    "E0-9": ("sgns-not-a-law", "the scores are a distribution"),
    "E0-11": ("turns-are-separate", "one optimiser for both"),
    "E0-15": ("reparameterised-gradient", "z = mu + sigma^2 eps"),
    "E1-2": ("cross-entropy-with-brackets", "brackets missing"),
    "E1-3": ("cross-entropy-with-brackets", "log of p (1 - y)"),
    "E1-4": ("split-loss", "the plain sum of the means"),
    "E1-6": ("confusion-counts", "names of the other convention"),
    "E1-8": ("gradient-ratio", "the same objective"),
    "E1-10": ("value-in-x", "the noise's density used at x"),
    "E1-12": ("generator-rank", "a wide network makes up for missing noise"),
    "E2-1": ("criterion-jsd", "-log 4 + JSD"),
    "E2-2": ("value-at-equality", "log 2 - log 2 = 0"),
    "E2-4": ("discriminator-update", "log(1 - D(z)), without G"),
    "E2-5": ("generator-update", "log D(z), without G"),
    "E2-6": ("generator-update", "ascending log(1 - D)"),
    "E2-7": ("noise-average", "D(z), without G"),
    "E2-8": ("slopes-in-probability", "flat at D = 0"),
    "E2-9": ("non-saturating-gradient", "2 JSD, the same objective"),
    "E2-11": ("loss-at-equality", "the loss is lowest at equality"),
    "E2-16": ("lerp-ends", "it starts at z1"),
    "E2-19": ("likelihood-gradient", "CD-1 taken for the gradient"),
    "E3-4": ("relaxation-limits", "no noise: softmax(a / tau)"),
    "E3-7": ("fresh-eve-reads-more", "the Eve who trained along is the best"),
    "E4-2": ("log-prob-is-elbo-plus-kl", "the lost minus sign"),
    "E4-4": ("loss-at-equality", "the loss is lowest at equality"),
    "E4-7": ("best-gaussian-for-two-bumps", "any law is nearly Gaussian"),
    "E4-8": ("two-ways-to-a-label", "the map serves as well"),
    "E4-9": ("posterior-counts", "means forgotten"),
    "E4-10": ("linear-decoder-posterior", "covariance of the prior"),
    "E4-11": ("chain-precision", "covariance tridiagonal"),
}


def test_a_claim_refuses_the_very_form_of_its_erratum():
    claims = {claim.label: claim for stem in stems_with_claims() for claim in claims_of(stem)}
    errata = {erratum.key: erratum for erratum in ERRATA}
    for key, (label, slip) in REFUSED.items():
        assert label in errata[key].claims and slip in claims[label].slips, key


def test_an_erratum_stands_in_a_chapter_that_treats_it():
    owner = {claim.label: stem for stem in stems_with_claims() for claim in claims_of(stem)}
    for erratum in ERRATA:
        assert erratum.computed or erratum.stem in {owner[label] for label in erratum.claims}, erratum.key


def test_each_heading_names_the_chapter_below_it():
    sources = [cell.source for cell in nbformat.read(BOOK / "errata.ipynb", as_version=4).cells]
    for heading, code in itertools.pairwise(sources):
        if "entries(" in code and "import" not in code:
            title = prose(BOOK / f"{code.split(chr(34))[1]}.ipynb").split("\n")[0]
            assert heading.removeprefix("## ").lower() in title.lower(), heading

"""The machinery of claims, on made-up claims whose verdict is known."""

import json
import math

import numpy as np
import pytest

from lectures_pkg import cli
from lectures_pkg.claims import SMALLEST_P_VALUE, Claim, Estimate, all_claims, claims_of, estimate, show, stems


def claim(sides, slips=None, **options):
    return Claim("made-up", "1 = 1", sides, "by hand", slips or {}, **options)


def test_exact_sides_agree_up_to_the_tolerance():
    assert claim(lambda rng: (1.0, 1.0 + 5e-13)).check().holds
    assert not claim(lambda rng: (1.0, 1.0 + 5e-12)).check().holds


def test_arrays_are_compared_entry_by_entry():
    verdict = claim(lambda rng: (np.array([1.0, 2.0]), np.array([1.0, 2.5]))).check()
    assert verdict.comparison.excess == 0.5
    assert verdict.sentence == "✗ made-up: violated by 0.5, allowed 1e-12"


@pytest.mark.parametrize(("relation", "holds"), [("<=", True), (">=", False), ("=", False)])
def test_inequalities_have_a_direction(relation, holds):
    assert claim(lambda rng: (1.0, 2.0), relation=relation).check().holds is holds


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_side_that_is_not_finite_fails(bad):
    assert not claim(lambda rng: (bad, 1.0)).check().holds


def test_equal_infinities_are_equal():
    assert claim(lambda rng: (math.inf, math.inf)).check().holds


def test_monte_carlo_is_allowed_five_standard_errors():
    assert claim(lambda rng: (Estimate(1.04, 0.01), 1.0)).check().holds
    assert not claim(lambda rng: (Estimate(1.06, 0.01), 1.0)).check().holds


def test_the_errors_of_two_estimates_add_in_squares():
    verdict = claim(lambda rng: (Estimate(0.0, 3.0), Estimate(24.0, 4.0))).check()
    assert verdict.comparison.standard_error == 5.0
    assert verdict.holds
    assert not claim(lambda rng: (Estimate(0.0, 3.0), Estimate(26.0, 4.0))).check().holds


def test_an_entry_with_a_large_error_does_not_excuse_the_others():
    sides = (Estimate(np.array([0.0, 1.0]), np.array([10.0, 0.01])), np.zeros(2))
    assert not claim(lambda rng: sides).check().holds


def test_estimate_is_the_mean_and_its_standard_error():
    side = estimate([1.0, 2.0, 3.0, 6.0])
    assert side.mean == 3.0
    assert side.standard_error == pytest.approx(math.sqrt((4 + 1 + 0 + 9) / 3 / 4))


def test_a_p_value_must_not_be_tiny():
    assert claim(lambda rng: (0.3, SMALLEST_P_VALUE), relation="~").check().holds
    assert not claim(lambda rng: (1e-7, SMALLEST_P_VALUE), relation="~").check().holds


def test_a_slip_must_lie_far_outside_the_allowance():
    near, far = {"near": lambda rng: (1.0, 1.15)}, {"far": lambda rng: (1.0, 1.25)}
    assert not claim(lambda rng: (1.0, 1.0), near, tolerance=0.1).check().holds
    assert claim(lambda rng: (1.0, 1.0), far, tolerance=0.1).check().holds


def test_a_slip_that_passes_is_named():
    verdict = claim(lambda rng: (1.0, 1.0), {"no slip at all": lambda rng: (1.0, 1.0)}).check()
    assert verdict.sentence == "✗ made-up: the slip «no slip at all» passed the check as well"


def test_a_slip_that_is_not_a_number_counts_as_refused():
    assert claim(lambda rng: (1.0, 1.0), {"nan": lambda rng: (math.nan, 1.0)}).check().holds


def test_each_seed_draws_another_case_and_the_same_seed_the_same():
    drawn = claim(lambda rng: (x := rng.random(), x))
    assert drawn.check(0).comparison.left == drawn.check(0).comparison.left
    assert drawn.check(0).comparison.left != drawn.check(1).comparison.left


def test_the_sentence_prints_exact_sides_to_four_digits():
    sentence = claim(
        lambda rng: (-math.log(4), -math.log(4)), {"log 4": lambda rng: (math.log(4), -math.log(4))}
    ).check()
    assert sentence.sentence == "✓ made-up: both sides -1.386 (within 1e-12). Refused: log 4."


@pytest.mark.parametrize("make", [lambda: claim(lambda rng: (1, 1), relation="!="), lambda: estimate([1.0])])
def test_nonsense_is_refused(make):
    with pytest.raises(ValueError, match="found"):
        make()


def test_unknown_names_are_refused_with_the_names_there_are():
    with pytest.raises(LookupError, match="no claim is labelled 'no-such-label'"):
        show("no-such-label")
    with pytest.raises(ValueError, match=f"the chapters are {stems()[0]}"):
        claims_of("no_such_chapter")


def test_show_prints_one_line(capsys):
    label = all_claims()[0].label
    show(label)
    assert capsys.readouterr().out.startswith(f"✓ {label}: ")


KEYS = {
    "label", "stem", "equation", "relation", "left", "right",
    "standard_error", "allowance", "holds", "seconds", "slips",
}  # fmt: skip


def test_the_command_line_prints_json(capsys):
    assert cli.main(["claims", stems()[0], "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["label"] for row in rows] == [claim.label for claim in claims_of(stems()[0])]
    for row in rows:
        assert set(row) >= KEYS
        assert row["holds"] is True
        assert row["slips"] and all(row["slips"].values())
        assert ("max_abs_difference" in row) == (row["left"] is None and row["right"] is None) or row["left"] is None


def test_array_sides_and_infinities_are_null_in_json():
    row = claim(lambda rng: (np.ones(3), np.zeros(3))).check().as_json("stem")
    assert (row["left"], row["right"], row["max_abs_difference"], row["holds"]) == (None, None, 1.0, False)
    row = claim(lambda rng: (math.inf, math.inf)).check().as_json("stem")
    assert (row["left"], row["holds"]) == (None, True)
    json.dumps(row, allow_nan=False)


def test_the_command_line_fails_where_a_claim_fails(capsys, monkeypatch):
    monkeypatch.setattr(cli, "claims_of", lambda stem: (claim(lambda rng: (1.0, 2.0)),))
    assert cli.main(["claims", stems()[0]]) == 1
    assert "1 claims, 1 failed" in capsys.readouterr().out


def test_fresh_seeds_rerun_monte_carlo_claims_only(capsys, monkeypatch):
    seen = []
    claims = (
        claim(lambda rng: (seen.append("exact") or 1.0, 1.0)),
        claim(lambda rng: (seen.append("drawn") or Estimate(1.0, 0.1), 1.0)),
    )
    monkeypatch.setattr(cli, "claims_of", lambda stem: claims)
    assert cli.main(["claims", stems()[0], "--seeds", "4"]) == 0
    assert (seen.count("exact"), seen.count("drawn")) == (1, 5)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["claims", "nothing"], "no chapter 'nothing' has claims"),
        (["claims", "--seeds", "0"], "must be a positive integer"),
    ],
)
def test_the_command_line_says_what_is_wrong(arguments, sentence, capsys):
    with pytest.raises(SystemExit):
        cli.main(arguments)
    assert sentence in capsys.readouterr().err

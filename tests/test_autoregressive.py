"""Autoregressive models: orders, masks, exact likelihoods, samplers, convolutions, and the mixture baseline."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import Bernoulli

from lectures_pkg.autoregressive import (
    FVSBN,
    MADE,
    BernoulliMixture,
    MaskedConv2d,
    PixelCNN,
    complete,
    completion_log_prob,
    conditional_table,
    em_step,
    ensemble_log_prob,
    enumerate_law,
    fit_bernoulli_mixture,
    hidden_degrees,
    log_prob_from_logits,
    made_masks,
    maximum_likelihood_step,
    positions,
    seen_pixels,
)
from lectures_pkg.experiments import autoregressive as experiment
from lectures_pkg.experiments import spread
from lectures_pkg.training import fit, seeded
from lectures_pkg.worlds import binary_images, strokes

ORDER = (2, 0, 3, 1)


def images(n):
    return torch.from_numpy(binary_images(n)).double()


def random_made(n, hidden=(24, 24), order=None, seed=0, **options):
    with seeded(seed):
        model = MADE(n, hidden, order, **options).double().eval()
        for parameter in model.parameters():
            parameter.data.normal_(0.0, 0.8)
    return model


def models_of_nine_pixels():
    with seeded(3):
        made = [MADE(9, 20), MADE(9, (16, 16), np.random.default_rng(0).permutation(9)), MADE(9, 5, direct=False)]
        others = [FVSBN(9), PixelCNN(3, 3, 8, 3), PixelCNN(3, 3, 8, 3, two_stacks=True)]
        for model in (*made, *others):
            for parameter in model.parameters():
                parameter.data.normal_(0.0, 0.7)
    return [*made, *others]


# --- orders and likelihoods


def test_positions_worked_by_hand():
    # Pixel 2 comes first, then 0, 3, 1: pixel 0 is second, pixel 1 fourth, pixel 2 first, pixel 3 third.
    assert positions(ORDER).tolist() == [2, 4, 1, 3]


@pytest.mark.parametrize("order", [(0, 0, 1), (1, 2, 3), (0.5, 1), ((0, 1), (1, 0))])
def test_an_order_that_is_none_is_refused(order):
    with pytest.raises(ValueError, match="order must hold each pixel from 0 to"):
        positions(order)


def test_an_order_of_other_length_is_refused():
    with pytest.raises(ValueError, match="order must hold 5 pixels, found 4"):
        MADE(5, 8, ORDER)


def test_log_prob_agrees_with_torch_distributions():
    generator = torch.Generator().manual_seed(0)
    logits = 5 * torch.randn(7, 4, generator=generator, dtype=torch.float64)
    x = torch.randint(2, (7, 4), generator=generator).double()
    expected = Bernoulli(logits=logits).log_prob(x).sum(dim=1)
    torch.testing.assert_close(log_prob_from_logits(x, logits), expected)


def test_log_prob_survives_huge_logits():
    x, logits = torch.tensor([[0.0, 1.0]]), torch.tensor([[800.0, -800.0]])
    assert log_prob_from_logits(x, logits).item() == -1600.0


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(3, 4), r"x has shape \(3, 4\) but logits have \(1, 4\)"),
        (torch.full((1, 4), 0.5), "pixels must be 0 or 1"),
        (torch.full((1, 4), math.nan), "pixels must be 0 or 1"),
    ],
)
def test_bad_pixels_are_refused(x, message):
    with pytest.raises(ValueError, match=message):
        log_prob_from_logits(x, torch.zeros(1, 4))


def test_strokes_by_hand():
    # Noise 1/10; the left stroke 1010 in raster order.
    table = conditional_table(strokes(0.1), range(4))
    row = binary_images().tolist().index([1, 0, 1, 0])
    expected = [1 / 2, 1 - 0.82, 0.73 / 0.82, 1 - 0.6562 / 0.73]
    assert table[row] == pytest.approx(expected)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_conditional_table_by_brute_force(order):
    law = np.random.default_rng(1).dirichlet(np.ones(8))
    every, table = binary_images(3), conditional_table(law, order)
    for row, image in enumerate(every):
        for t, pixel in enumerate(order):
            earlier = list(order[:t])
            agree = (every[:, earlier] == image[earlier]).all(axis=1)
            assert table[row, pixel] == pytest.approx(law[agree & (every[:, pixel] == 1)].sum() / law[agree].sum())


def test_a_context_that_never_happens_has_no_conditional():
    table = conditional_table([0.5, 0.5, 0, 0], (0, 1))  # the first pixel is never 1
    assert np.isnan(table[2:, 1]).all()
    assert not np.isnan(table[:2]).any()


def test_conditional_table_refuses_a_law_of_other_length():
    with pytest.raises(ValueError, match=r"a law of 3 pixels has shape \(8,\), found \(4,\)"):
        conditional_table(np.full(4, 0.25), (0, 1, 2))


# --- every model is a law


@pytest.mark.parametrize("index", range(6))
def test_probabilities_of_all_images_sum_to_one(index):
    model = models_of_nine_pixels()[index]
    assert enumerate_law(model.log_prob, 9).sum() == pytest.approx(1.0, abs=1e-6)  # float32


@pytest.mark.parametrize("index", range(6))
def test_no_logit_sees_its_own_or_a_later_pixel(index):
    model = models_of_nine_pixels()[index]
    seen = seen_pixels(model, torch.rand(16, 9, generator=torch.Generator().manual_seed(1)))
    when = positions(model.order)
    assert not seen[when[:, None] <= when[None, :]].any()
    assert seen.any()


@pytest.mark.parametrize("index", range(6))
def test_flipping_a_later_pixel_changes_nothing(index):
    model = models_of_nine_pixels()[index]
    x = torch.randint(2, (4, 9), generator=torch.Generator().manual_seed(2)).float()
    order = model.order.tolist()
    for t, pixel in enumerate(order):
        flipped = x.clone()
        flipped[:, order[t:]] = 1 - flipped[:, order[t:]]
        assert torch.equal(model(flipped)[:, pixel], model(x)[:, pixel])


def test_enumeration_has_a_limit():
    with pytest.raises(ValueError, match="at most 20 pixels, found 21"):
        enumerate_law(lambda x: x.sum(dim=1), 21)


# --- MADE


def test_masks_worked_by_hand():
    # Three pixels in the order 2, 0, 1: positions 2, 3, 1. Two units of degrees 1 and 2.
    first, second = made_masks(torch.tensor([2, 3, 1]), [torch.tensor([1, 2])])
    assert first.int().tolist() == [[0, 0, 1], [1, 0, 1]]  # degree 1 sees pixel 2, degree 2 pixels 2 and 0
    assert second.int().tolist() == [[1, 0], [1, 1], [0, 0]]


@pytest.mark.parametrize(("n_units", "n_inputs"), [(8, 5), (3, 10), (1, 4), (6, 2), (4, 1)])
def test_degrees_lie_between_one_and_the_last_but_one(n_units, n_inputs):
    for rng in (None, torch.Generator().manual_seed(0)):
        degrees = hidden_degrees(n_units, n_inputs, rng)
        assert len(degrees) == n_units
        assert degrees.min() >= 1 and degrees.max() <= max(n_inputs - 1, 1)


def test_even_degrees_use_every_value():
    assert set(hidden_degrees(8, 5).tolist()) == {1, 2, 3, 4}


def test_made_sees_all_earlier_pixels():
    model = random_made(7, 40)
    seen = seen_pixels(model, torch.rand(32, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    assert np.array_equal(seen, np.tril(np.ones((7, 7), dtype=bool), k=-1))


def test_made_contains_fvsbn():
    made, fvsbn = MADE(5, 3, (4, 2, 0, 1, 3)), FVSBN(5, (4, 2, 0, 1, 3))
    made.layers[-1].weight.data.zero_()
    fvsbn.weight.data.copy_(made.direct.weight)
    fvsbn.bias.data.copy_(made.direct.bias + made.layers[-1].bias)
    torch.testing.assert_close(made(images(5).float()), fvsbn(images(5).float()))


def test_one_pixel_is_a_coin():
    model = MADE(1, 4)
    assert enumerate_law(model.log_prob, 1).sum() == pytest.approx(1.0)


@pytest.mark.parametrize("hidden", [0, (8, 0), ()])
def test_bad_widths_are_refused(hidden):
    with pytest.raises(ValueError, match="hidden must be one or more positive widths"):
        MADE(4, hidden)


def test_context_moves_the_law_and_keeps_it_a_law():
    model = random_made(6, 12, n_context=2)
    laws = []
    for context in ([0.0, 0.0], [1.0, -2.0]):
        c = torch.tensor([context], dtype=torch.float64).expand(64, 2)
        laws.append(torch.exp(model.log_prob(images(6), c)).detach().numpy())
        assert laws[-1].sum() == pytest.approx(1.0)
    assert np.abs(laws[0] - laws[1]).sum() > 0.1
    drawn = model.sample(4000, torch.Generator().manual_seed(0), torch.tensor([[1.0, -2.0]]).double().expand(4000, 2))
    found = drawn.mean(dim=0).numpy()
    expected = laws[1] @ binary_images(6)
    assert (np.abs(found - expected) < 5 * 0.5 / math.sqrt(4000)).all()


def test_a_missing_context_is_refused():
    with pytest.raises(ValueError, match="this model takes 2 numbers of context, found 0"):
        MADE(4, 8, n_context=2)(torch.zeros(1, 4))


# --- sampling and completing


def chi_square_p_value(draws, law):
    weights = torch.tensor([2.0**k for k in reversed(range(draws.shape[1]))], dtype=draws.dtype)
    counts = np.bincount((draws @ weights).long().numpy(), minlength=len(law))
    expected = len(draws) * law
    often = expected > 5
    counts, expected = (np.r_[v[often], v[~often].sum() + 1e-9] for v in (counts, expected))
    return stats.chisquare(counts, expected * counts.sum() / expected.sum()).pvalue


@pytest.mark.parametrize("seed", [0, 1])
def test_samples_follow_the_enumerated_law(seed):
    model = random_made(4, 16, ORDER, seed=seed)
    law = torch.exp(model.log_prob(images(4))).detach().numpy()
    draws = model.sample(20_000, torch.Generator().manual_seed(seed))
    assert chi_square_p_value(draws, law) > 1e-6


def test_a_generator_makes_samples_repeatable():
    model = random_made(9)
    first, again = (model.sample(5, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, again)


def test_completions_follow_the_exact_conditional():
    model = random_made(6, 16, (5, 1, 0, 2, 4, 3))
    known = np.array([False, True, False, False, False, True])  # pixels 5 and 1 come first
    picture = torch.tensor([0.0, 1, 1, 0, 1, 0]).double()
    draws = complete(model, picture.expand(20_000, 6), known, torch.Generator().manual_seed(0))
    assert (draws[:, known] == picture[known]).all()
    agree = (images(6)[:, known] == picture[known]).all(dim=1)
    joint = torch.exp(model.log_prob(images(6)))[agree].detach().numpy()
    assert chi_square_p_value(draws[:, ~known], joint / joint.sum()) > 1e-6
    found = torch.exp(completion_log_prob(model, images(6)[agree], known)).detach().numpy()
    assert found == pytest.approx(joint / joint.sum())


def test_clamping_late_pixels_is_refused():
    with pytest.raises(ValueError, match="pixel 3 is known but pixel 0, generated before it, is not"):
        complete(FVSBN(4), torch.zeros(1, 4), [False, False, False, True])
    with pytest.raises(ValueError, match=r"known must have shape \(4,\), found \(3,\)"):
        complete(FVSBN(4), torch.zeros(1, 4), [True, False, False])


def test_sampling_switches_dropout_off_and_back():
    model = MADE(4, 16, dropout=0.9)
    model.train()
    model.sample(2)
    assert model.training
    assert model.sample(0).shape == (0, 4)


# --- convolutions


def test_masks_of_convolutions_worked_by_hand():
    assert MaskedConv2d(1, 1, 3, sees_centre=False).mask[0, 0].int().tolist() == [[1, 1, 1], [1, 0, 0], [0, 0, 0]]
    assert MaskedConv2d(1, 1, 3, sees_centre=True).mask[0, 0].int().tolist() == [[1, 1, 1], [1, 1, 0], [0, 0, 0]]


def receptive_field(side, layers):
    """Walk back through the layers, offset by offset: no convolution involved."""
    allowed = {True: [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 0)], False: [(-1, -1), (-1, 0), (-1, 1), (0, -1)]}
    seen = np.zeros((side**2, side**2), dtype=bool)
    for start in range(side**2):
        places = {divmod(start, side)}
        for layer in reversed(range(layers)):
            places = {(r + dr, c + dc) for r, c in places for dr, dc in allowed[layer > 0]}
            places = {(r, c) for r, c in places if 0 <= r < side and 0 <= c < side}
        seen[start, [r * side + c for r, c in places]] = True
    return seen


@pytest.mark.parametrize("n_layers", [1, 2, 5])
def test_receptive_field_of_one_stack(n_layers):
    with seeded(0):
        model = PixelCNN(5, 5, 16, n_layers).double()
    for layer in model.masked:
        layer.weight.data.abs_()
        layer.bias.data.abs_()
    found = seen_pixels(model, torch.rand(3, 25, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    assert np.array_equal(found, receptive_field(5, n_layers))


def test_two_stacks_have_no_blind_spot():
    with seeded(0):
        model = PixelCNN(5, 5, 16, 5, two_stacks=True).double()
    found = seen_pixels(model, torch.rand(64, 25, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    assert np.array_equal(found, np.tril(np.ones((25, 25), dtype=bool), k=-1))


def test_even_kernels_are_refused():
    with pytest.raises(ValueError, match="kernel_size must be odd, found 4"):
        PixelCNN(4, 4, kernel_size=4)


# --- mixtures, ensembles, learning


def test_mixture_by_hand():
    mixture = BernoulliMixture(np.array([0.25, 0.75]), np.array([[0.9, 0.5], [0.2, 0.5]]))
    assert np.exp(mixture.log_prob([[1, 0]])) == pytest.approx((0.25 * 0.9 + 0.75 * 0.2) / 2)
    total = np.exp(mixture.log_prob(binary_images(2))).sum()
    assert total == pytest.approx(1.0)


def test_a_pixel_that_is_never_ink_rules_images_out():
    mixture = BernoulliMixture(np.array([1.0]), np.array([[0.0, 1.0, 0.5]]))
    assert np.exp(mixture.log_prob([[0, 1, 0], [1, 1, 0], [0, 0, 1]])) == pytest.approx([0.5, 0, 0])


def test_one_component_counts_ink():
    x = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 0]])
    mixture = fit_bernoulli_mixture(x, 1, np.random.default_rng(0), pseudo_count=1)
    assert mixture.means[0] == pytest.approx([4 / 5, 2 / 5, 1 / 5])


def test_one_round_of_em_by_hand():
    mixture = BernoulliMixture(np.array([0.5, 0.5]), np.array([[0.8], [0.4]]))
    new = em_step(mixture, np.array([[1.0], [0.0]]))
    ink, paper = 0.8 / 1.2, 0.2 / 0.8  # responsibility of the first component
    assert new.weights == pytest.approx([(ink + paper) / 2, 1 - (ink + paper) / 2])
    assert new.means[0] == pytest.approx(ink / (ink + paper))


def test_em_finds_two_kinds_of_images():
    rng = np.random.default_rng(0)
    truth = BernoulliMixture(np.array([0.3, 0.7]), np.array([[0.9] * 6, [0.1] * 6]))
    found = fit_bernoulli_mixture(truth.sample(4000, rng), 2, rng)
    order = np.argsort(found.weights)
    assert found.weights[order] == pytest.approx(truth.weights, abs=0.05)
    assert found.means[order] == pytest.approx(truth.means, abs=0.05)


def test_mixture_refuses_what_it_cannot_score():
    with pytest.raises(ValueError, match="n_components must be at least 1, found 0"):
        fit_bernoulli_mixture(np.zeros((2, 2)), 0, np.random.default_rng(0))
    with pytest.raises(ValueError, match="pixels must be 0 or 1"):
        fit_bernoulli_mixture(np.full((2, 2), 0.5), 1, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"x must have shape \(batch, 2\)"):
        BernoulliMixture(np.ones(1), np.full((1, 2), 0.5)).log_prob(np.zeros((4, 3)))


def test_ensemble_is_the_mean_of_probabilities():
    probabilities = torch.tensor([[0.5, 1e-300], [0.1, 0.2]], dtype=torch.float64)
    assert ensemble_log_prob(probabilities.log()).exp().tolist() == pytest.approx([0.3, 0.1])


@pytest.mark.parametrize("order", [range(3), (2, 0, 1)])
def test_made_learns_parity_and_fvsbn_cannot(order):
    # Even parity of three pixels: entropy 2 log 2; logistic conditionals stay at 3 log 2.
    parity = images(3)[images(3).sum(dim=1) % 2 == 0]
    reached = {}
    with seeded(0):
        for name, model in (("made", MADE(3, 32, order)), ("fvsbn", FVSBN(3, order))):
            model.double()
            step = maximum_likelihood_step(model, torch.optim.Adam(model.parameters(), 0.03))
            reached[name] = fit(step, itertools.repeat(parity), 500)["nll"][-1]
    assert 2 * math.log(2) <= reached["made"] < 2 * math.log(2) + 0.02
    assert reached["fvsbn"] == pytest.approx(3 * math.log(2), abs=1e-4)


def test_nll_stays_above_the_entropy_of_a_known_law():
    law = strokes(0.1)
    with seeded(1):
        model = MADE(4, 24)
        rng = np.random.default_rng(0)
        draws = torch.from_numpy(binary_images()[rng.choice(16, size=(600, 64), p=law)]).float()
        fit(maximum_likelihood_step(model, torch.optim.Adam(model.parameters(), 1e-2)), draws, 600)
    learned = enumerate_law(model.log_prob, 4)
    gap = float(np.sum(law * np.log(law / learned)))
    assert 0 < gap < 0.02


def test_stored_results_keep_their_promises():
    results = spread("autoregressive")
    assert results["made_rows"].high < 17.6 < results["mixture"].low < results["independent"].low
    assert results["made_rows"].n_seeds >= 3
    assert set(experiment.ORDERS) == {name[5:] for name in results if name.startswith("made_")}
    # The chapter says: twice the width gained a tenth of a nat where sizes were chosen, half the width lost more.
    width = {w: results[f"choose_width_{w}"].mean for w in experiment.WIDTHS}
    assert 0 < width[experiment.WIDTH] - width[2 * experiment.WIDTH] < 0.15
    assert width[experiment.WIDTH // 2] - width[experiment.WIDTH] > 0.2

"""The game on four pixels: cells, the cross-entropy, and gradients by hand against automatic differentiation."""

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix, log_loss

from lectures_pkg.adversarial_game import Confusion, StrokeGame, binary_cross_entropy, confusion, separating_line
from lectures_pkg.gan import discriminator_loss, gan_step, generator_loss

STROKES = np.array([[1.0, 0, 1, 0], [0, 1, 0, 1]])


@pytest.fixture
def game():
    weight, slope, offset = np.random.default_rng(3).normal(size=(3, 4))
    return StrokeGame(weight, 0.4, slope, offset)


# ------------------------------------------------------------------------------------------ scores


def test_cells_counted_by_hand():
    # reals: two called real, one not; fakes: one called real, three not
    assert confusion([0.9, 0.6, 0.2], [0.7, 0.1, 0.3, 0.5]) == Confusion(2, 1, 1, 3)
    assert confusion([0.9, 0.6, 0.2], [0.7, 0.1, 0.3, 0.5], positive="fake") == Confusion(3, 1, 1, 2)
    assert confusion([0.9, 0.6, 0.2], [0.7], threshold=0.8) == Confusion(1, 2, 0, 1)
    assert confusion([0.5], [0.5]) == Confusion(0, 1, 0, 1)  # a score at the threshold does not exceed it


def test_cells_by_scikit_learn():
    rng = np.random.default_rng(0)
    real, fake = rng.beta(3, 2, size=30), rng.beta(2, 3, size=20)
    called = (np.r_[real, fake] > 0.5).astype(int)
    truth = np.r_[np.ones(30), np.zeros(20)].astype(int)
    (tn, fp), (fn, tp) = confusion_matrix(truth, called)
    assert confusion(real, fake) == Confusion(tp, fn, fp, tn)
    (tn, fp), (fn, tp) = confusion_matrix(1 - truth, 1 - called)
    assert confusion(real, fake, positive="fake") == Confusion(tp, fn, fp, tn)


def test_cross_entropy_by_scikit_learn_and_at_any_logit():
    logits = np.array([2.0, -1.0, 0.3, -3.0])
    expected = log_loss([1, 1, 0, 0], 1 / (1 + np.exp(-logits)))
    assert binary_cross_entropy([1, 1, 0, 0], logits) == pytest.approx(expected)
    assert binary_cross_entropy([1, 0], [800.0, -800.0]) == 0
    assert binary_cross_entropy([0, 1], [800.0, -800.0]) == 800
    assert binary_cross_entropy([0.9, 0.1], [0.0, 0.0]) == pytest.approx(np.log(2))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: confusion([0.5], [1.5]), "fake_scores must lie in [0, 1], found 1.5 to 1.5"),
        (lambda: confusion([0.5], [0.5], positive="spam"), "positive must be 'real' or 'fake', found 'spam'"),
        (lambda: binary_cross_entropy([2.0], [0.0]), "labels must lie in [0, 1], found 2 to 2"),
        (lambda: binary_cross_entropy([1.0], [0.0, 1.0]), "found (1,) and (2,)"),
        (lambda: binary_cross_entropy([], []), "with at least one entry"),
        (lambda: StrokeGame.start().generator_gradient([0.1], "wasserstein"), "found 'wasserstein'"),
    ],
)
def test_bad_input_gets_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=r".") as caught:
        call()
    assert sentence in str(caught.value)


# ------------------------------------------------------------------------------------------ the game


def test_a_picture_is_painted_pixel_by_pixel(game):
    # sigmoid(slope z + offset), one row for each z
    expected = [
        [1 / (1 + np.exp(-(u * z + c))) for u, c in zip(game.slope, game.offset, strict=True)] for z in (-1, 0.5)
    ]
    assert np.allclose(game.paint([-1, 0.5]), expected)


def test_the_value_is_minus_the_discriminators_loss(game):
    z = np.linspace(-1, 1, 7)
    real, fake = (torch.tensor(game.logits(x)) for x in (STROKES, game.paint(z)))
    assert game.value(STROKES, z) == pytest.approx(-discriminator_loss(real, fake).item())
    assert StrokeGame.start().value(STROKES, z) == pytest.approx(-np.log(4))


def as_networks(game):
    judge = torch.nn.Linear(4, 1).double()
    painter = torch.nn.Sequential(torch.nn.Linear(1, 4), torch.nn.Sigmoid()).double()
    with torch.no_grad():
        judge.weight.copy_(torch.tensor(game.weight)[None])
        judge.bias.fill_(game.bias)
        painter[0].weight.copy_(torch.tensor(game.slope)[:, None])
        painter[0].bias.copy_(torch.tensor(game.offset))
    return painter, judge


@pytest.mark.parametrize("kind", ["non_saturating", "saturating"])
def test_a_round_is_the_round_of_the_networks_chapter(game, kind):
    painter, judge = as_networks(game)
    noise = [np.array([0.3, -0.9]), np.array([0.8, 0.1])]
    turns = iter([torch.tensor(z)[:, None] for z in noise])
    step = gan_step(
        painter, judge, torch.optim.SGD(painter.parameters(), lr=0.2), torch.optim.SGD(judge.parameters(), lr=0.2),
        sample_noise=lambda m: next(turns), generator_kind=kind,
    )  # fmt: skip
    step(torch.tensor(STROKES))
    played = game.round(STROKES, *noise, rate=0.2, kind=kind)
    assert np.allclose(played.weight, judge.weight.detach().numpy()[0])
    assert played.bias == pytest.approx(judge.bias.item())
    assert np.allclose(played.slope, painter[0].weight.detach().numpy()[:, 0])
    assert np.allclose(played.offset, painter[0].bias.detach().numpy())


def test_the_generator_descends_its_loss(game):
    z = np.linspace(-1, 1, 9)
    for kind in ("non_saturating", "saturating"):
        slope, offset = game.generator_gradient(z, kind)
        moved = StrokeGame(game.weight, game.bias, game.slope - 1e-3 * slope, game.offset - 1e-3 * offset)
        losses = [generator_loss(torch.tensor(g.logits(g.paint(z))), kind).item() for g in (game, moved)]
        assert losses[1] < losses[0]


def test_a_linear_discriminator_stays_blind_for_strokes_against_grey():
    game, noise = StrokeGame.start(), np.array([-1.0, 1.0])
    game = StrokeGame(game.weight, game.bias, np.array([0.4, -0.2, 0.1, 0.6]), game.offset)
    for _ in range(50):
        game = game.round(STROKES, noise, noise, rate=0.5)
    assert np.abs(game.weight).max() < 1e-12
    assert game.value(STROKES, noise) == pytest.approx(-np.log(4))


# ------------------------------------------------------------------------------------------ lines


def test_a_line_is_found_where_there_is_one_and_separates():
    rng = np.random.default_rng(0)
    first, second = rng.normal(2, 0.3, size=(20, 3)), rng.normal(-2, 0.3, size=(15, 3))
    *weight, bias = separating_line(first, second)
    assert (first @ weight + bias > 0).all() and (second @ weight + bias < 0).all()
    assert separating_line(first, np.vstack([second, first.mean(axis=0)])) is None
    assert separating_line(STROKES, [[1, 0, 0, 1], [0, 1, 1, 0]]) is None

"""Journeys there and back by hand, the loss term by term, one step against its parts."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from lectures_pkg.cycle_gan import cycle_gan_step, cycle_loss, translation_loss
from lectures_pkg.networks import mlp
from lectures_pkg.training import fit, seeded


def test_cycle_loss_by_hand():
    x, returned = torch.tensor([[0.0, 1.0], [2.0, 3.0]]), torch.tensor([[1.0, 1.0], [2.0, 1.0]])
    assert cycle_loss(x, returned).item() == pytest.approx((1 + 0 + 0 + 2) / 4)
    assert cycle_loss(x, x).item() == 0


def test_cycle_loss_refuses_shapes_that_would_broadcast():
    with pytest.raises(ValueError, match=r"one shape, found \(2, 1\) and \(2,\)"):
        cycle_loss(torch.zeros(2, 1), torch.zeros(2))
    with pytest.raises(ValueError, match="one shape"):
        cycle_loss(torch.zeros(0, 2), torch.zeros(0, 2))


def test_translation_loss_term_by_term():
    a, b = torch.tensor([[1.0], [3.0]]), torch.tensor([[10.0]])
    to_b, to_a = (lambda x: 2 * x), (lambda x: x / 4)  # back from there: half of where it began
    judge_b, judge_a = (lambda x: torch.zeros_like(x)), (lambda x: x)
    adversarial, cycle = translation_loss(to_b, to_a, judge_a, judge_b, a, b, 5.0)
    assert adversarial.item() == pytest.approx(math.log(2) + math.log1p(math.exp(-2.5)))
    assert cycle.item() == pytest.approx(np.mean([0.5, 1.5]) + 5.0)  # a: 1 -> 1/2, 3 -> 3/2; b: 10 -> 5


def test_negative_weight_is_refused():
    with seeded(0):
        networks = [mlp((1, 1)) for _ in range(4)]
    with pytest.raises(ValueError, match="cycle_weight must not be negative, found -1"):
        translation_loss(*networks, torch.zeros(1, 1), torch.zeros(1, 1), -1)
    optimiser = torch.optim.SGD(networks[0].parameters(), lr=0.1)
    with pytest.raises(ValueError, match="cycle_weight must not be negative, found nan"):
        cycle_gan_step(*networks, optimiser, optimiser, cycle_weight=math.nan)


def players(seed=0):
    with seeded(seed):
        return [mlp((2, 4, 2), nn.Tanh).double() for _ in range(2)] + [
            mlp((2, 4, 1), nn.Tanh).double() for _ in range(2)
        ]


def optimisers(networks, rates=(0.1, 0.1)):
    to_b, to_a, judge_a, judge_b = networks
    return (
        torch.optim.SGD([*to_b.parameters(), *to_a.parameters()], lr=rates[0]),
        torch.optim.SGD([*judge_a.parameters(), *judge_b.parameters()], lr=rates[1]),
    )


def worlds(seed=0, n=16):
    rng = np.random.default_rng(seed)
    return torch.as_tensor(rng.normal(size=(n, 2))), torch.as_tensor(rng.normal(3, 1, size=(n, 2)))


def parameters(network):
    return torch.cat([p.detach().ravel() for p in network.parameters()])


@pytest.mark.parametrize("moving", ["maps", "judges"])
def test_each_player_moves_in_its_own_turn_and_downhill(moving):
    networks = players()
    before = [parameters(n) for n in networks]
    step = cycle_gan_step(*networks, *optimisers(networks, (0.05, 0.0) if moving == "maps" else (0.0, 0.05)))
    reports = [step(worlds()) for _ in range(30)]
    moved = [not torch.equal(b, parameters(n)) for b, n in zip(before, networks, strict=True)]
    assert moved == ([True, True, False, False] if moving == "maps" else [False, False, True, True])
    name = "discriminator_loss" if moving == "judges" else "generator_loss"
    total = [r[name] + (10 * r["cycle_loss"] if moving == "maps" else 0) for r in reports]  # 5 times both journeys
    assert total[-1] < total[0] - 0.02
    assert all(p.requires_grad for n in networks for p in n.parameters())


def test_report_is_that_of_the_losses_before_the_step():
    networks, (a, b) = players(), worlds()
    to_b, to_a, judge_a, judge_b = networks
    with torch.no_grad():
        softplus = torch.nn.functional.softplus
        of_judges = sum(
            (softplus(-judge(real)).mean() + softplus(judge(fake)).mean()).item()
            for judge, real, fake in ((judge_a, a, to_a(b)), (judge_b, b, to_b(a)))
        )
        journeys = ((to_a(to_b(a)) - a).abs().mean() + (to_b(to_a(b)) - b).abs().mean()).item() / 2
    report = cycle_gan_step(*networks, *optimisers(networks, (0.1, 0.0)))((a, b))
    assert report["discriminator_loss"] == pytest.approx(of_judges)
    assert report["cycle_loss"] == pytest.approx(journeys)


def test_the_maps_turn_leaves_no_gradient_with_the_judges():
    networks, (a, b) = players(), worlds()
    to_b, to_a, judge_a, judge_b = networks
    softplus = torch.nn.functional.softplus
    own = sum(
        softplus(-judge(real)).mean() + softplus(judge(fake.detach())).mean()
        for judge, real, fake in ((judge_a, a, to_a(b)), (judge_b, b, to_b(a)))
    )
    expected = torch.autograd.grad(own, [*judge_a.parameters(), *judge_b.parameters()])
    cycle_gan_step(*networks, *optimisers(networks, (0.1, 0.0)))((a, b))
    found = [p.grad for p in (*judge_a.parameters(), *judge_b.parameters())]
    assert all(torch.allclose(f, e) for f, e in zip(found, expected, strict=True))


def test_extra_loss_is_added():
    """With the judges silent and no cycle, known pairs alone teach the maps."""
    networks = players()
    for judge in networks[2:]:
        for parameter in judge.parameters():
            nn.init.zeros_(parameter)
    a, b = worlds(n=4)

    def pairs(to_b, to_a):
        return (to_b(a) - b).square().mean()

    start = pairs(*networks[:2]).item()
    step = cycle_gan_step(*networks, *optimisers(networks, (0.1, 0.0)), cycle_weight=0.0, extra_loss=pairs)
    fit(step, iter(lambda: (a, b), None), 200)
    assert pairs(*networks[:2]).item() < 0.5 * start

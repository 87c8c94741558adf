"""Published tables run again: the paper's networks and step by a second route, the store that resumes."""

import copy
import importlib.util
import json
import math
import sys

import numpy as np
import pytest
import torch
from the_book import ROOT
from torch.nn.functional import softplus
from torch.optim import Adam

from lectures_pkg import experiments, papers
from lectures_pkg.training import seeded


@pytest.fixture
def tool(monkeypatch, tmp_path):
    spec = importlib.util.spec_from_file_location("tools_papers", ROOT / "tools" / "papers.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "PATH", tmp_path / "papers.json")
    return module


@pytest.mark.parametrize("packing", [1, 2])
def test_the_networks_are_the_papers(packing):
    generator, discriminator = papers.pacgan_networks(packing)
    # counted by hand: three inner matrices, no bias below a batch norm (2 parameters a unit), a bias at the end
    assert sum(p.numel() for p in generator.parameters()) == 2 * 400 + 3 * 400**2 + 4 * 2 * 400 + 2 * 400 + 2
    assert sum(p.numel() for p in discriminator.parameters()) == 1000 * (2 * packing + 1) + 2 * 1000 * 201 + 201
    weights = torch.cat([p.flatten() for p in discriminator.parameters() if p.ndim == 2])
    assert weights.std().item() == pytest.approx(0.02, rel=0.01)


@pytest.mark.parametrize("packing", [1, 2])
def test_both_players_move_from_one_point_by_the_gradients_of_two_passes(packing):
    with seeded(0):
        pair = [network.double() for network in papers.pacgan_networks(packing)]
        generator, discriminator = copy.deepcopy(pair)
        batch = torch.randn(6 * packing, 2, dtype=torch.float64)
        optimisers = [torch.optim.SGD(network.parameters(), lr=0.5) for network in pair]
        torch.set_default_dtype(torch.float64)
        try:
            step = papers.packed_step(*pair, *optimisers, packing)
            torch.manual_seed(5)
            losses = step(batch)
            torch.manual_seed(5)
            fakes = generator(torch.randn(len(batch), papers.NOISE_DIM))
        finally:
            torch.set_default_dtype(torch.float32)
    real, fake = (discriminator(points.reshape(-1, 2 * packing)) for points in (batch, fakes))
    d_loss, g_loss = softplus(-real).mean() + softplus(fake).mean(), softplus(-fake).mean()
    for moved, before, loss in zip(pair, (generator, discriminator), (g_loss, d_loss), strict=True):
        start = list(before.parameters())
        gradients = torch.autograd.grad(loss, start, retain_graph=True)
        for parameter, old, gradient in zip(moved.parameters(), start, gradients, strict=True):
            expected = (old - 0.5 * gradient).detach().numpy()
            np.testing.assert_allclose(parameter.detach().numpy(), expected, atol=1e-14, rtol=1e-12)
            assert gradient.any()
    assert losses == pytest.approx({"discriminator_loss": d_loss.item(), "generator_loss": g_loss.item()})


def test_the_set_up_is_the_papers(monkeypatch):
    rates, shapes = [], []
    monkeypatch.setattr(papers, "LOOK_EVERY", 1)
    monkeypatch.setattr(papers, "Adam", lambda p, lr, betas, fused: rates.append((lr, betas)) or Adam(p, lr, betas))
    monkeypatch.setattr(papers, "fit", lambda step, batches, n_steps: shapes.append(tuple(next(batches).shape)))
    papers.pacgan_trial("ring", 2, seed=0, n_steps=5)
    assert rates == [(1e-4, (0.8, 0.999))] * 2 and set(shapes) == {(200, 2)}
    for world, n_modes, nearest, std in (("ring", 8, 2 * math.sin(math.pi / 8), 0.01), ("grid", 25, 2, 0.05)):
        law = papers.WORLDS[world]()
        between = np.linalg.norm(law.means[:, None] - law.means, axis=2)[np.triu_indices(n_modes, 1)]
        assert len(law.means) == n_modes and between.min() == pytest.approx(nearest)
        points = law.sample(20_000, np.random.default_rng(0))
        spread = np.linalg.norm(points[:, None] - law.means, axis=2).min(axis=1)
        assert np.sqrt(np.mean(spread**2) / 2) == pytest.approx(std, rel=0.02)


class Truth(torch.nn.Module):
    """A generator that is the law itself."""

    def forward(self, noise):
        law = papers.WORLDS["grid"]()
        return torch.as_tensor(law.sample(len(noise), np.random.default_rng(0)))


def test_a_look_at_the_truth_finds_all_modes_and_nearly_all_points():
    look = papers._look(Truth(), papers.WORLDS["grid"]())
    assert look["modes"] == 25 and 98 < look["quality"] < 99.7 and look["reverse_kl"] < 0.02


def test_the_last_five_looks_are_summed_up(monkeypatch):
    modes = iter([3, 5, 2, 4, 4])
    monkeypatch.setattr(papers, "fit", lambda step, batches, n_steps: None)
    monkeypatch.setattr(papers, "_look", lambda *_: {"modes": next(modes), "quality": 1.0, "reverse_kl": 0.5})
    assert papers.pacgan_trial("ring", 1, seed=0) == {
        "modes": 4, "quality": 1.0, "reverse_kl": 0.5, "fewest_modes": 2, "most_modes": 5,
    }  # fmt: skip


def test_a_short_trial_runs_and_repeats(monkeypatch):
    monkeypatch.setattr(papers, "LOOK_EVERY", 3)
    first = papers.pacgan_trial("grid", 2, seed=1, n_steps=15)
    assert first.keys() == {"modes", "quality", "reverse_kl", "fewest_modes", "most_modes"}
    np.testing.assert_equal(papers.pacgan_trial("grid", 2, seed=1, n_steps=15), first)
    assert 0 <= first["fewest_modes"] <= first["modes"] <= first["most_modes"] <= 25


def test_a_stopped_run_goes_on_where_it_stopped(tool, monkeypatch):
    runs = []

    def trial(row):
        def run(seed):
            if row == "b" and seed == 1 and len(runs) == 3:
                raise KeyboardInterrupt
            runs.append((row, seed))
            return {"value": 10 * seed}

        return run

    monkeypatch.setattr(papers, "TRIALS", {row: trial(row) for row in "ab"})
    with pytest.raises(KeyboardInterrupt):
        tool.main([])
    assert json.loads(tool.PATH.read_text())["rows"] == {"a": {"0": {"value": 0.0}, "1": {"value": 10.0}}, "b": {"0": {"value": 0.0}}}  # fmt: skip  # noqa: E501
    runs.append("the stop")
    assert tool.main([]) == 0
    assert runs == [("a", 0), ("b", 0), ("a", 1), "the stop", ("b", 1), ("a", 2), ("b", 2)]
    with pytest.raises(SystemExit):
        tool.main(["c"])


def test_every_row_is_stored_with_all_its_trials():
    record = experiments.stored("papers")
    assert record["command"] == "make papers"
    assert list(record["rows"]) == list(papers.TRIALS)
    for row, trials in record["rows"].items():
        assert sorted(trials) == [str(trial) for trial in range(papers.N_TRIALS)], row
        assert all(math.isfinite(value) for values in trials.values() for value in values.values()), row

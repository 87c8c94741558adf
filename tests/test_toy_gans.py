"""The experiments of the first GANs: bounds that theory gives, and the stored results."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from lectures_pkg.experiments import spread, toy_gans
from lectures_pkg.training import seeded


@pytest.fixture(scope="module")
def history():
    return toy_gans.cover_history(seed=0)


def test_cover_history_is_complete(history):
    n_looks, n_grid = len(history["rounds"]), len(history["x"])
    assert n_looks == 24 and (np.diff(history["rounds"]) > 0).all()
    for name in ("generator_density", "discriminator", "optimal_discriminator"):
        assert history[name].shape == (n_looks, n_grid)
    assert history["losses"].shape == (n_looks, 2) and np.isnan(history["losses"][0]).all()
    assert ((history["discriminator"] > 0) & (history["discriminator"] < 1)).all()


def test_cover_densities_integrate_to_one(history):
    assert np.trapezoid(history["data_density"], history["x"]) == pytest.approx(1, abs=1e-4)
    assert np.trapezoid(history["generator_density"], history["x"]) == pytest.approx(np.ones(24), abs=0.02)


def test_cover_criterion_falls_and_respects_its_bound(history):
    criterion = history["criterion"]
    assert (criterion >= -math.log(4)).all() and (criterion <= 0).all()
    assert criterion[0] > -0.4 and criterion[-1] < -1.25


def test_criterion_of_equal_laws_is_minus_log_4_and_of_disjoint_laws_zero():
    x = np.linspace(-8, 8, 1601)
    p = stats.norm(-4, 0.3).pdf(x)
    assert toy_gans._criterion(p, p, x[1] - x[0]) == pytest.approx(-math.log(4))
    assert toy_gans._criterion(p, p[::-1], x[1] - x[0]) == pytest.approx(0, abs=1e-12)


def test_blurred_histogram_of_gaussian_draws_is_a_wider_gaussian():
    x = np.linspace(-8, 8, 401)
    draws = stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000)
    assert toy_gans._blurred_histogram(draws, 0.5, x) == pytest.approx(stats.norm(0, math.sqrt(1.25)).pdf(x), abs=1e-3)


def test_batches_follow_their_laws():
    with seeded(0):
        line = torch.cat([next(toy_gans.line_batches(500)) for _ in range(20)]).numpy()[:, 0]
        plane = torch.cat([next(toy_gans.plane_batches(500)) for _ in range(20)]).numpy()
    assert stats.kstest(line, stats.norm(3, 1.5).cdf).pvalue > 1e-6
    whitened = np.linalg.solve(toy_gans.PLANE_FACTOR, (plane - toy_gans.PLANE_MEAN).T)
    assert stats.kstest((whitened**2).sum(axis=0), stats.chi2(2).cdf).pvalue > 1e-6


def test_training_is_repeatable_and_seeds_differ():
    one, same, other = (toy_gans.train_plane(seed, n_rounds=20, n_checkpoints=2) for seed in (0, 0, 1))
    assert np.array_equal(one.raw_errors, same.raw_errors) and not np.array_equal(one.raw_errors, other.raw_errors)
    assert one.rounds.tolist() == [10, 20] and len(one.losses["generator_loss"]) == 20
    assert one.average_errors.shape == (2, 2)


def test_draws_on_the_line_have_one_pair_per_checkpoint():
    draws = toy_gans.train_line(0, 2, n_rounds=210, n_checkpoints=2)
    assert [pair.shape for pair in draws] == [(2, 20_000)] * 2


def test_root_mean_square_takes_the_last_third():
    errors = np.array([[9.0, 9.0]] * 4 + [[3.0, 0.0], [4.0, 1.0]])
    assert toy_gans.root_mean_square(errors) == pytest.approx([math.sqrt(12.5), math.sqrt(0.5)])


def test_stored_results_say_what_the_chapter_says():
    found = spread("toy_gans")
    assert found["mean_error_raw"].n_seeds >= 5
    assert found["mean_error_raw"].low > 0.1 > found["mean_error_average"].high
    assert found["ks_average_1"].low > found["ks_average_5"].high
    assert abs(found["discriminator_loss"].mean - math.log(4)) < 0.01

"""The experiments on lost modes: repeatable, honest about failures, and what is stored says what the chapter says."""

import math

import numpy as np
import pytest
from scipy import stats

from lectures_pkg.experiments import gan_stability as experiment
from lectures_pkg.experiments import spread, stored
from lectures_pkg.worlds import grid, ring

LOOKS = np.array([3, 8])


def test_training_is_repeatable_and_seeds_differ():
    one, same, other = (
        experiment.train_mixture(ring(), experiment.RECIPES["r1"], seed, LOOKS, n_samples=50) for seed in (0, 0, 1)
    )
    assert one.rounds.tolist() == [3, 8] and one.raw.shape == one.average.shape == (2, 50, 2)
    assert np.array_equal(one.raw, same.raw) and np.array_equal(one.average, same.average)
    assert not np.array_equal(one.raw, other.raw) and not np.array_equal(one.raw, one.average)


@pytest.mark.parametrize("name", experiment.RECIPES)
def test_every_recipe_trains_and_is_a_different_game(name):
    run = experiment.train_mixture(ring(), experiment.RECIPES[name], 0, LOOKS, n_samples=20)
    assert np.isfinite(run.raw).all()
    others = [recipe for other, recipe in experiment.RECIPES.items() if other != name]
    for recipe in others:
        other = experiment.train_mixture(ring(), recipe, 0, LOOKS, n_samples=20)
        assert not np.array_equal(run.raw[-1], other.raw[-1])


def test_a_look_before_the_first_round_shows_the_untrained_generator():
    runs = [
        experiment.train_mixture(ring(), experiment.RECIPES[name], 0, np.array([0, 2]), n_samples=20)
        for name in ("saturating", "non_saturating")
    ]
    assert np.array_equal(runs[0].raw[0], runs[1].raw[0])
    assert np.array_equal(runs[0].average[0].shape, runs[0].raw[0].shape)


def test_the_average_lags_behind_the_generator():
    start, late = (
        experiment.train_mixture(ring(), experiment.RECIPES["r1"], 0, np.array([rounds]), n_samples=500)
        for rounds in (0, 20)
    )
    moved = lambda points: np.linalg.norm(points[-1].mean(axis=0) - start.raw[-1].mean(axis=0))  # noqa: E731
    assert 0 < moved(late.average) < moved(late.raw) / 3  # after 20 rounds 0.995^20 = 0.90 of it is still the start


def test_every_batch_is_fresh():
    batches = experiment.mixture_batches(ring(), 16, np.random.default_rng(0))
    one, other = next(batches), next(batches)
    assert one.shape == other.shape == (16, 2) and not (one == other).any()


def test_batches_follow_the_mixture():
    law = grid()
    batch = next(experiment.mixture_batches(law, 20_000, np.random.default_rng(0))).numpy()
    nearest = np.linalg.norm(batch[:, None] - law.means, axis=-1)
    counts = np.bincount(nearest.argmin(axis=1), minlength=25)
    assert stats.chisquare(counts).pvalue > 1e-6
    assert stats.kstest((nearest.min(axis=1) / 0.05) ** 2, stats.chi2(2).cdf).pvalue > 1e-6


def test_scores_worked_by_hand():
    law = ring(4, 1.0, 0.1)
    # first look: three good samples at mode 0, one at mode 1, one bad; second look: nothing good
    first = np.array([[1, 0], [1, 0.1], [1, -0.1], [0, 1], [0, 0]])
    found = experiment.scores(law, np.array([first, np.full((5, 2), 9.0)]))
    assert found["modes"] == 1 and found["quality"] == pytest.approx(0.4)
    # KL of (3/4, 1/4, 0, 0) from uniform: 3/4 log 3 + 1/4 log 1; and log 4 where nothing is good
    assert found["reverse_kl"] == pytest.approx((0.75 * math.log(3) + math.log(4)) / 2)
    assert found["smallest"] == 0


def test_scores_of_even_coverage():
    law = ring(4, 1.0, 0.1)
    found = experiment.scores(law, law.means[None])
    assert found == pytest.approx({"modes": 4, "quality": 1, "reverse_kl": 0, "smallest": 1}, abs=1e-12)


def test_scores_of_nothing_are_refused():
    with pytest.raises(ValueError, match="at least one look"):
        experiment.scores(ring(), np.empty((0, 10, 2)))


def test_looks_end_with_the_training():
    assert experiment.last_looks(3000).tolist() == list(range(2550, 3001, 50))


def test_eight_seeds_are_stored_with_what_made_them():
    record = stored("gan_stability")
    assert record["command"] == "make results STEM=gan_stability"
    assert sorted(map(int, record["seeds"])) == list(experiment.SEEDS)


def test_stored_perfect_draws_score_what_theory_says():
    found = spread("gan_stability")
    for world, n_modes in (("ring", 8), ("grid", 25)):
        assert found[f"{world}_perfect_modes"].low == n_modes
        assert found[f"{world}_perfect_quality"].mean == pytest.approx(1 - math.exp(-4.5), abs=0.002)
        assert found[f"{world}_perfect_reverse_kl"].mean == pytest.approx((n_modes - 1) / 5000, rel=0.2)


def test_stored_results_say_what_the_chapter_says():
    runs = list(stored("gan_stability")["seeds"].values())
    median = lambda name: np.median([run[name] for run in runs])  # noqa: E731
    kl = lambda name, who="average": median(f"ring_{name}_{who}_reverse_kl")  # noqa: E731
    assert sum(run["ring_non_saturating_average_modes"] < 7 for run in runs) == 1
    assert all(run["ring_r1_average_modes"] == 8 for run in runs)
    assert all(run["ring_r1_average_reverse_kl"] < run["ring_non_saturating_average_reverse_kl"] / 2 for run in runs)
    assert max(kl("r1"), kl("wgan_gp")) < min(kl("saturating"), kl("non_saturating")) / 2
    assert abs(kl("r1", "raw") / kl("non_saturating", "raw") - 1) < 0.5  # without averaging no better
    assert median("heavy_non_saturating_raw_modes") < 2 < 6 < median("light_r1_raw_modes")
    assert median("heavy_non_saturating_average_quality") < 0.01
    grid_kl = {name: median(f"grid_{name}_average_reverse_kl") for name in experiment.RECIPES}
    assert max(grid_kl["r1"], grid_kl["wgan_gp"]) < min(grid_kl["saturating"], grid_kl["non_saturating"])
    for half in ("heavy_r1", "light_non_saturating"):  # either change alone does not bring all eight modes
        assert median(f"{half}_raw_modes") < median("light_r1_raw_modes")
        assert median("light_r1_raw_reverse_kl") < median(f"{half}_raw_reverse_kl")

"""What each measure sees and what it is blind to, on real digits; formulas of the chapter by further routes."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from lectures_pkg import experiments, metrics
from lectures_pkg.claims import claims_of
from lectures_pkg.datasets import load_digits8
from lectures_pkg.divergences import gaussian_wasserstein2_squared

N = 260


@pytest.fixture(scope="module", params=[0, 1, 2])
def world(request):
    """Training images, a reference, a perfect generator, and its three faulty versions."""
    rng = np.random.default_rng(request.param)
    digits = load_digits8(binary=True)
    images = np.concatenate([digits.train_images, digits.test_images]).reshape(-1, 64)
    labels = np.concatenate([digits.train_labels, digits.test_labels])
    order = rng.permutation(len(images))
    train, reference, pool = np.split(images[order], [500, 900])
    few = pool[labels[order][900:] <= 2]
    return {
        "train": train,
        "reference": reference[:N],
        "perfect": pool[:N],
        "copies": train[:N],
        "junk": (rng.random((N, 64)) < train.mean(axis=0)).astype(float),
        "lost classes": np.concatenate([few, few])[:N],
    }


def told_apart(world, name):
    return metrics.classifier_two_sample_test(world["reference"], world[name], np.random.default_rng(0))


def test_a_perfect_generator_is_accepted_by_every_test(world):
    found = told_apart(world, "perfect")
    assert abs(found.accuracy - 0.5) < 5 * 0.5 / math.sqrt(2 * N)
    kernel = metrics.mmd_test(world["reference"], world["perfect"], 3.0, 99, np.random.default_rng(0))
    assert kernel.p_value > 0.01
    fresh = metrics.memorisation_test(world["perfect"], world["reference"], world["train"])
    assert fresh.p_value > 1e-3 and abs(fresh.distance_ratio - 1) < 0.12


def test_only_the_distance_to_training_images_sees_copies(world):
    assert abs(told_apart(world, "copies").accuracy - 0.5) < 0.12
    ceiling = metrics.precision_recall(world["reference"], world["perfect"])
    found = metrics.precision_recall(world["reference"], world["copies"])
    assert np.abs(np.subtract(found, ceiling)).max() < 0.08
    unmasked = metrics.memorisation_test(world["copies"], world["reference"], world["train"])
    assert unmasked.distance_ratio == 0 and unmasked.p_value < 1e-50


def test_against_the_training_images_copies_are_perfect(world):
    assert metrics.precision_recall(world["train"], world["copies"]).precision == 1


def test_junk_loses_precision_and_keeps_most_of_its_recall(world):
    ceiling = metrics.precision_recall(world["reference"], world["perfect"])
    found = metrics.precision_recall(world["reference"], world["junk"])
    assert found.precision < 0.5 * ceiling.precision and found.recall > 0.8 * ceiling.recall
    assert told_apart(world, "junk").accuracy > 0.8


def test_lost_classes_lose_recall_and_keep_their_precision(world):
    ceiling = metrics.precision_recall(world["reference"], world["perfect"])
    found = metrics.precision_recall(world["reference"], world["lost classes"])
    assert found.recall < 0.6 * ceiling.recall and found.precision > 0.9 * ceiling.precision
    assert metrics.memorisation_test(world["lost classes"], world["reference"], world["train"]).distance_ratio > 0.7


def test_a_narrow_kernel_is_blind_and_a_wide_one_is_not():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 60, 64)) + np.array([0.0, 0.5])[:, None, None]
    assert metrics.mmd_test(x, y, 0.3, 99, rng).p_value > 0.5  # every kernel value is practically 0
    assert metrics.mmd_test(x, y, 8.0, 99, rng).p_value == 0.01


# ---------------------------------------------------------------- formulas


def test_mmd_in_many_dimensions_by_the_product_of_the_line_s_kernel_means():
    # mean kernel value of independent coordinates: a product of one-dimensional integrals, by quadrature
    h, delta = 1.3, np.array([0.7, -0.2])
    grid = np.linspace(-15, 15, 6001)

    def mean_kernel(shift):
        density = stats.norm(shift, math.sqrt(2)).pdf(grid)  # of the difference of two draws
        return np.trapezoid(np.exp(-(grid**2) / (2 * h * h)) * density, grid)

    by_quadrature = 2 * mean_kernel(0) ** 2 - 2 * np.prod([mean_kernel(s) for s in delta])
    factor = h * h / (h * h + 2)
    assert by_quadrature == pytest.approx(2 * factor * (1 - math.exp(-delta @ delta / (2 * h * h + 4))))


def test_frechet_bias_from_wishart_matrices():
    # Means and covariances of Gaussian samples are independent, and known: draw them without any sample.
    d, n, repeats = 3, 400, 600
    rng = np.random.default_rng(0)
    law = stats.wishart(df=n - 1, scale=np.eye(d) / (n - 1))
    covariances = law.rvs(size=2 * repeats, random_state=rng).reshape(repeats, 2, d, d)
    means = rng.normal(scale=1 / math.sqrt(n), size=(repeats, 2, d))
    found = [gaussian_wasserstein2_squared(m[0], c[0], m[1], c[1]) for m, c in zip(means, covariances, strict=True)]
    error = np.std(found) / math.sqrt(repeats)
    assert abs(np.mean(found) - d * (d + 5) / (2 * n)) < 5 * error + 0.02 * np.mean(found)


def test_frechet_distance_cannot_tell_a_coin_from_a_gaussian():
    rng = np.random.default_rng(1)
    coin, gaussian = rng.choice([-1.0, 1.0], size=(2000, 1)), rng.normal(size=(2000, 1))
    assert metrics.frechet_distance(coin, gaussian) < 0.02
    assert metrics.classifier_two_sample_test(coin, gaussian, rng).accuracy > 0.9


def test_birthday_formula_by_listing_every_outcome():
    # three draws from a law on three values: all 27 outcomes with their probabilities
    law = np.array([0.5, 0.3, 0.2])
    mean = 0.0
    for outcome in itertools.product(range(3), repeat=3):
        pairs = sum(a == b for a, b in itertools.combinations(outcome, 2))
        assert metrics.birthday_test(np.array(outcome)[:, None]).n_pairs == pairs
        mean += pairs * np.prod(law[list(outcome)])
    assert mean == pytest.approx(3 * 2 / 2 * law @ law)


def test_windows_prefer_the_mean_of_a_gaussian_cloud_to_its_points():
    rng = np.random.default_rng(2)
    cloud, test = rng.normal(size=(2, 300, 30))
    centre = np.zeros((1, 30))
    of_points = metrics.parzen_log_density(test, cloud, 0.5).mean()
    of_centre = metrics.parzen_log_density(test, centre, 0.5).mean()
    assert of_centre > of_points + 1


def test_the_chapter_s_claims_cover_the_ledger():
    labels = {claim.label for claim in claims_of("measuring")}
    assert labels >= {
        "mmd-in-many-dimensions", "level-of-a-test", "told-apart-gaussians", "junk-costs-little", "frechet-bias",
        "recall-counts-modes", "birthday-pairs", "parzen-trap", "real-against-real",
    }  # fmt: skip


# ---------------------------------------------------------------- what is stored says what the chapter says


@pytest.fixture(scope="module")
def stored():
    return experiments.spread("measuring")


def test_three_seeds_are_stored(stored):
    assert {found.n_seeds for found in stored.values()} == {3}


def test_on_every_seed_the_machine_s_samples_pass_more_often_than_the_gan_s(stored):
    assert stored["rbm_128_c2st"].high < stored["gan_c2st"].low - 0.03
    assert stored["rbm_128_precision"].low > stored["gan_precision"].high


def test_the_larger_machine_has_the_best_likelihood_on_every_seed(stored):
    others = [found.low for name, found in stored.items() if name.endswith("_nll") and name != "rbm_128_nll"]
    assert stored["rbm_128_nll"].high < min(others)


def test_features_of_the_families_without_abstraction_are_read_more_easily_than_the_vae_s_codes(stored):
    assert min(stored["made_256_probe_all"].low, stored["gan_probe_all"].low) > stored["vae_8_probe_all"].high
    assert stored["rbm_128_probe_10"].low > stored["real_probe_10"].high > stored["vae_8_probe_10"].high


def test_the_hybrid_beats_its_parents_and_its_code_says_less(stored):
    assert stored["pixel_vae_4_nll"].high < min(stored["vae_8_nll"].low, stored["made_256_nll"].low) - 0.1
    assert stored["pixel_vae_4_probe_10"].high < stored["vae_8_probe_10"].low
    assert stored["pixel_vae_4_kl"].low > 1  # it has not collapsed


def test_means_look_better_and_cover_less_than_samples(stored):
    assert stored["vae_8_means_precision"].low > stored["vae_8_precision"].high + 0.1
    assert stored["vae_8_means_recall"].high < stored["vae_8_recall"].low - 0.05

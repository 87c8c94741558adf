"""The DCGAN experiment: its variants, walks in worlds with known answers, and the chapter on 28x28 pixels."""

import contextlib
import io
import math
import types

import little_mnist
import matplotlib as mpl
import numpy as np
import pytest
import torch
from the_book import BOOK, cells
from torch import nn

from lectures_pkg import datasets
from lectures_pkg.datasets import load_digits8, load_mnist
from lectures_pkg.experiments import dcgan, spread, stored


@pytest.fixture(scope="module")
def images():
    return load_digits8().train_images


def kinds(network):
    return [type(module) for module in network.modules() if not list(module.children())]


# the variants


@pytest.mark.parametrize("variant", dcgan.VARIANTS)
def test_every_variant_is_a_pair(variant):
    generator, discriminator = dcgan.build(variant)
    drawn = generator(torch.randn(5, dcgan.LATENT_DIM))
    assert drawn.shape == (5, 1, 8, 8)
    assert discriminator(drawn).shape == (5,)
    n_weights = [sum(p.numel() for p in network.parameters()) for network in (generator, discriminator)]
    assert 15_000 < n_weights[1] < n_weights[0] < 45_000  # comparable sizes


def test_each_variant_removes_what_its_name_says():
    pair = {variant: [kinds(network) for network in dcgan.build(variant)] for variant in dcgan.VARIANTS}
    whole = pair["guidelines"]
    assert all(nn.BatchNorm2d not in network for network in pair["no_batch_norm"])
    counts = {variant: [network.count(nn.BatchNorm2d) for network in networks] for variant, networks in pair.items()}
    assert counts["batch_norm_everywhere"] == [3, 2]
    assert counts["batch_norm_at_g_output"] == [3, 1] and counts["batch_norm_at_d_input"] == [2, 2]
    assert pair["relu_in_d"][0] == whole[0]
    assert pair["relu_in_d"][1] == [nn.ReLU if kind is nn.LeakyReLU else kind for kind in whole[1]]
    assert pair["no_tanh"][0] == [nn.Identity if kind is nn.Tanh else kind for kind in whole[0]]
    assert pair["beta1_0.9"] == whole
    assert pair["pooling"][1].count(nn.MaxPool2d) == 2 and pair["pooling"][0].count(nn.Upsample) == 2
    assert not any(issubclass(kind, nn.Conv2d | nn.ConvTranspose2d) for network in pair["dense"] for kind in network)


def test_only_one_variant_has_pytorch_s_initial_weights():
    for variant in dcgan.VARIANTS:
        for network in dcgan.build(variant):
            for module in network.modules():
                if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module.weight.numel() > 2000:
                    is_narrow = abs(module.weight.std().item() - 0.02) < 0.002
                    assert is_narrow != (variant == "no_batch_norm_own_init"), variant


def test_build_refuses_what_it_does_not_know():
    with pytest.raises(ValueError, match=r"variant must be one of guidelines, pooling, .*, found 'wasserstein'"):
        dcgan.build("wasserstein")
    for variant in ("pooling", "dense"):
        with pytest.raises(ValueError, match=f"the variant '{variant}' is for 8x8 images, found size 28"):
            dcgan.build(variant, 28)


# training and drawing


def test_training_is_repeatable_and_seeds_differ(images):
    one, same, other = (dcgan.train(seed, images, n_rounds=5).losses["generator_loss"] for seed in (0, 0, 1))
    assert np.array_equal(one, same) and not np.array_equal(one, other) and len(one) == 5


def test_beta_and_rate_reach_the_optimiser(images):
    runs = [
        dcgan.train(0, images, n_rounds=5),
        dcgan.train(0, images, "beta1_0.9", n_rounds=5),
        dcgan.train(0, images, n_rounds=5, learning_rate=2e-3),
    ]
    last = [run.losses["discriminator_loss"][-1] for run in runs]
    assert len(set(last)) == 3


def test_images_are_drawn_in_evaluation_mode_and_in_range(images):
    run = dcgan.train(0, images, "no_tanh", n_rounds=5)
    codes = np.random.default_rng(0).standard_normal((6, dcgan.LATENT_DIM)) * 5
    drawn = dcgan.draw(run.generator, codes)
    assert drawn.shape == (6, 8, 8) and drawn.min() >= 0 and drawn.max() <= 1
    assert run.generator.training  # as it was
    assert np.allclose(dcgan.draw(run.generator, codes[:1]), drawn[:1], atol=1e-6)  # alone or together


def test_drawing_one_at_a_time_forgets_the_code_and_leaves_the_generator_alone(images):
    generator = dcgan.train(0, images, n_rounds=5).average.module
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    codes = np.random.default_rng(0).standard_normal((4, dcgan.LATENT_DIM))
    alone = dcgan.draw_one_at_a_time(generator, codes)
    assert not np.allclose(alone, dcgan.draw(generator, codes), atol=1e-3)
    # the first layer is linear: training mode cannot tell a code from twice that code (but for epsilon)
    assert np.allclose(
        dcgan.draw_one_at_a_time(generator, 100 * codes), dcgan.draw_one_at_a_time(generator, 200 * codes), atol=1e-3
    )
    assert all(torch.equal(before[name], value) for name, value in generator.state_dict().items())
    assert not generator.training


# walks, where the answer is known


class Disentangled(nn.Module):
    """Class by the largest of z[1:4], ink by z[0]: the class's row of the picture, as dark as sigmoid(z[0])."""

    def forward(self, z):
        image = torch.zeros(len(z), 1, 8, 8)
        image[torch.arange(len(z)), 0, z[:, 1:4].argmax(dim=1)] = torch.sigmoid(z[:, :1])
        return 2 * image - 1


class RowJudge:
    """Sure of the darkest row."""

    classes = np.arange(3)

    def probabilities(self, images):
        rows = images.mean(axis=2)[:, :3]
        named = np.eye(3)[rows.argmax(axis=1)]
        return 0.97 * named + 0.01


def test_ink_direction_where_one_coordinate_is_the_ink():
    shares = dcgan.ink_direction(Disentangled(), np.random.default_rng(0), 30, n_trials=60)
    assert shares["direction"].shape == shares["null"].shape == (60,)
    assert shares["direction"].min() == 1.0  # every fresh code gains
    # a random direction has a positive first coordinate half of the time, and then every code gains
    assert set(shares["null"]) == {0.0, 1.0}
    assert abs(shares["null"].mean() - 0.5) < 5 * 0.5 / math.sqrt(60)


def test_arithmetic_where_it_works():
    rng = np.random.default_rng(1)
    found = dcgan.pool(Disentangled(), RowJudge(), rng, 3000)
    rates = dcgan.arithmetic(found, Disentangled(), RowJudge(), rng, n_averaged=30, n_base=3)
    assert rates["arithmetic"] > 0.95
    assert rates["null"] < 0.1 and rates["start"] < 0.1
    assert rates["pixels"] < 0.1  # on pixels A's row is added to B's, and it is the darker of the two


def test_the_pool_is_sorted_by_class_and_ink():
    found = dcgan.pool(Disentangled(), RowJudge(), np.random.default_rng(2), 900)
    assert len(found.codes) == 900 and found.ink == pytest.approx(found.images.mean(axis=(1, 2)))
    for label in range(3):
        assert len(found.thick[label]) == len(found.thin[label])
        assert found.codes[found.thick[label], 1:4].argmax(axis=1).tolist() == [label] * len(found.thick[label])
        assert found.ink[found.thin[label]].max() <= found.middle[label] <= found.ink[found.thick[label]].min()


def test_arithmetic_without_enough_images_says_nan():
    found = dcgan.pool(Disentangled(), RowJudge(), np.random.default_rng(3), 10)
    rates = dcgan.arithmetic(found, Disentangled(), RowJudge(), np.random.default_rng(3), n_averaged=30)
    assert all(math.isnan(rate) for rate in rates.values())


def test_midpoints_of_one_pixel_pictures():
    # The ends and both walks show one row: as sure as can be. A blend of two different rows shows the darker one.
    found = dcgan.midpoints(Disentangled(), RowJudge(), np.random.default_rng(4), 50)
    assert {name: values.shape for name, values in found.items()} == dict.fromkeys(
        ("ends", "lerp", "slerp", "pixels"), (50,)
    )
    assert all(values == pytest.approx(np.full(50, 0.98)) for values in found.values())


def test_measure_of_a_generator_that_draws_real_digits():
    digits = load_digits8()
    pool = torch.as_tensor(2 * digits.train_images - 1, dtype=torch.float32)[:, None]
    chosen = types.SimpleNamespace(count=0)

    class Copier(nn.Module):
        def forward(self, z):
            index = torch.arange(chosen.count, chosen.count + len(z)) % len(pool)
            chosen.count += len(z)
            return pool[index]

    judge = dcgan.Judge(digits.train_images, digits.train_labels)
    found = dcgan.measure(Copier(), digits.test_images, judge, np.random.default_rng(0))
    assert abs(found["c2st"] - 0.5) < 0.06 and found["confidence"] > 0.97 and found["n_classes"] == 10


# 28x28 pixels


@pytest.fixture
def mnist(tmp_path):
    with little_mnist.serve() as mirror:
        yield load_mnist(tmp_path, mirrors=[mirror.address], files=little_mnist.checksums())


def test_twenty_steps_on_28_by_28_pixels(mnist):
    run = dcgan.train(0, mnist.train_images, n_rounds=20, channels=8)
    assert all(np.isfinite(history).all() and len(history) == 20 for history in run.losses.values())
    drawn = dcgan.draw(run.average.module, np.random.default_rng(0).standard_normal((3, dcgan.LATENT_DIM)))
    assert drawn.shape == (3, 28, 28)


@pytest.mark.slow
def test_the_chapter_runs_on_mnist_with_its_one_switch(monkeypatch, tmp_path):
    """Every cell but the install cell, the claims and the live widget, on a little MNIST fetched from this machine."""
    mpl.use("Agg")
    source = [
        cell.source
        for cell in cells(BOOK / "dcgan.ipynb", "code")
        if cell.id != "install" and not {"live", "remove-input"} & set(cell.metadata.get("tags", []))
    ]
    code = "\n\n".join(source)
    assert code.count('DATA = "digits8"  #') == 1 and code.count("N_ROUNDS = 2000\n") == 1
    code = code.replace('DATA = "digits8"  #', 'DATA = "mnist"  #').replace("N_ROUNDS = 2000\n", "N_ROUNDS = 20\n")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(datasets, "MNIST_FILES", little_mnist.checksums())
    with little_mnist.serve() as mirror, contextlib.redirect_stdout(io.StringIO()) as printed, mpl.rc_context():
        monkeypatch.setattr(datasets, "MNIST_MIRRORS", ["http://127.0.0.1:9/", mirror.address])
        names: dict = {"__name__": "__main__"}
        exec(compile(code, "dcgan.ipynb", "exec"), names)
        assert mirror.asked == list(little_mnist.NAMES)
    mpl.pyplot.close("all")
    assert "600 images of 28x28 pixels for training, 500 for testing" in printed.getvalue()
    # the lines in the open, in parts, are those of the experiment, in one go
    same = dcgan.train(0, names["digits"].train_images, n_rounds=20).losses
    assert all(np.array_equal(names["losses"][name], history) for name, history in same.items())


# what is stored


def test_stored_results_say_what_the_chapter_says():
    found = spread("dcgan")
    assert found["guidelines_c2st"].n_seeds >= 3
    assert found["guidelines_c2st"].high < 0.7 and found["guidelines_n_classes"].low == 10
    assert found["no_batch_norm_c2st"].low > 0.85 and found["beta1_0.9_c2st"].low > 0.9
    assert found["raw_c2st"].low > found["guidelines_c2st"].high
    assert found["one_at_a_time_c2st"].low > 0.85
    # real against real is the null: one half within five standard errors of the mean of three tests
    assert abs(found["null_c2st"].mean - 0.5) < 5 * 0.5 / math.sqrt(900)
    assert found["guidelines_confidence"].low > 0.85


def test_the_rate_was_chosen_among_rates_that_cannot_be_told_apart():
    found = spread("dcgan")
    rates = [found[f"validation_c2st_{rate}"].mean for rate in ("0.0002", "0.001", "0.003")]
    error = 0.5 / math.sqrt(3 * 400)  # three seeds, 200 + 200 answers each (three draws of each don't add real images)
    assert max(rates) - min(rates) < 2.5 * math.sqrt(2) * error


@pytest.mark.parametrize("seed", range(3))
def test_walks_and_arithmetic_come_out_alike_on_every_seed(seed):
    run = stored("dcgan")["seeds"][str(seed)]
    assert run["midpoint_slerp"] > run["midpoint_lerp"] > run["midpoint_pixels"] + 0.05
    for n_averaged in (3, 30):
        found = [run[f"arithmetic_{n_averaged}_{name}"] for name in ("null", "arithmetic", "pixels")]
        assert found[0] < found[1] < 0.4 and found[2] > 0.75  # better than chance, worse than pixels
    assert run["ink_3_beats"] < 0.75 and run["ink_30_beats"] > 0.95 and run["ink_400_beats"] > 0.95


def test_what_is_stored_is_what_the_experiment_measures():
    names = set(stored("dcgan")["seeds"]["0"])
    assert {f"{variant}_c2st" for variant in dcgan.VARIANTS} <= names
    assert all(set(run) == names for run in stored("dcgan")["seeds"].values())
    assert {int(seed) for seed in stored("dcgan")["seeds"]} == set(dcgan.SEEDS)

"""The experiments of the chapter on conditioning: their worlds by hand, and what their stored results say."""

import numpy as np
import pytest
import torch
from torch import nn

from lectures_pkg.datasets import load_digits8
from lectures_pkg.experiments import conditional_models as lab
from lectures_pkg.experiments import spread, stored
from lectures_pkg.networks import mlp
from lectures_pkg.training import seeded
from lectures_pkg.worlds import binary_images, strokes

LOG_2 = np.log(2)


def test_stroke_laws_by_hand():
    laws = lab.stroke_laws(0.05)
    assert laws.sum(axis=1) == pytest.approx([1, 1])
    left, right = ([1, 0, 1, 0], [0, 1, 0, 1])
    where = [int(np.flatnonzero((binary_images() == stroke).all(axis=1))[0]) for stroke in (left, right)]
    assert laws[0, where[0]] == pytest.approx(0.95**4) and laws[0, where[1]] == pytest.approx(0.05**4)
    assert laws.mean(axis=0) == pytest.approx(strokes(0.05))  # without labels: the world of the earlier chapters


def test_stroke_batches_follow_the_laws():
    laws, rng = lab.stroke_laws(), np.random.default_rng(0)
    batches = lab._stroke_batches(laws, rng, m=1000)
    x, y = (torch.cat(parts) for parts in zip(*(next(batches) for _ in range(20)), strict=True))
    codes = (x.numpy() > 0.5) @ [8, 4, 2, 1]
    for label in (0, 1):
        counts = np.bincount(codes[y.numpy() == label], minlength=16)
        error = np.sqrt(laws[label] * (1 - laws[label]) / counts.sum())
        assert (np.abs(counts / counts.sum() - laws[label]) < 5 * error + 1e-3).all()


class Painter(nn.Module):
    """Paints the stroke of its label, and the other one where the first noise number is positive."""

    def forward(self, z, y):
        stroke = torch.tensor([[1.0, 0, 1, 0], [0, 1, 0, 1]])
        return stroke[torch.where(z[:, 0] > 0, 1 - y, y)]


def test_learned_laws_count_pictures_for_each_label():
    laws = lab.learned_laws(Painter(), seed=0, n=40_000)
    assert laws[0, [10, 5]] == pytest.approx([0.5, 0.5], abs=5 * 0.5 / 200)
    given, without = lab.label_divergences(laws, np.eye(16)[[10, 5]])
    assert given == pytest.approx(0.2158, abs=0.005) and without < 1e-3


def test_untold_discriminator_gives_one_answer_for_all_labels():
    with seeded(0):
        untold = lab.UntoldDiscriminator(mlp((2, 4, 1)))
    x = torch.ones(3, 2)
    answers = untold(x, torch.tensor([0, 1, 2]))
    assert torch.equal(answers[0], answers[1]) and torch.equal(answers[0], answers[2])


def test_encoder_only_model_decodes_alike_for_all_labels():
    with seeded(0):
        model = lab.EncoderOnlyCVAE()
    z = torch.ones(2, 6)
    assert torch.equal(model.decode(z, torch.tensor([0, 9]))[0], model.decode(z, torch.tensor([3, 4]))[1])
    means, _ = model.encode(torch.zeros(2, 64), torch.tensor([0, 9]))
    assert not torch.equal(means[0], means[1])


def test_digit_training_is_repeatable_and_seeds_differ():
    digits = load_digits8()
    asked, codes = np.array([3, 7]), np.ones((2, lab.LATENT_DIM))
    one, same, other = (
        lab.draw_digits(
            lab.train_digits(seed, digits.train_images, digits.train_labels, n_rounds=3).generator, asked, codes
        )
        for seed in (0, 0, 1)
    )
    assert one.shape == (2, 8, 8) and np.array_equal(one, same) and not np.array_equal(one, other)
    assert one.min() >= 0 and one.max() <= 1


def test_autoencoders_and_the_label_map_draw_pictures():
    digits = load_digits8()
    train, asked = (digits.train_images, digits.train_labels), np.array([0, 5, 9])
    told = lab.draw_cvae(lab.train_cvae(0, *train, n_steps=3), asked, seed=0)
    afterwards = lab.draw_posthoc(lab.train_vae(0, digits.train_images, n_steps=3), *train, asked, seed=0)
    for images in (told, afterwards):
        assert images.shape == (3, 8, 8) and images.min() > 0 and images.max() < 1


class Affine(nn.Module):
    def __init__(self, matrix, shift):
        super().__init__()
        self.matrix, self.shift = torch.tensor(matrix), torch.tensor(shift)

    def forward(self, x):
        return x @ self.matrix.T + self.shift


def test_pairing_of_the_intended_and_of_the_mirrored_maps():
    there, back = (
        Affine([[1.5, 0.0], [0.0, 1.5]], [4.0, 0.0]),
        Affine([[1 / 1.5, 0.0], [0.0, 1 / 1.5]], [-4 / 1.5, 0.0]),
    )
    with seeded(0):
        intended = lab.read_pairing(there, back)
        # x1 exchanged with x2: the clusters (-1, 1) and (1, -1) change places
        mirrored = lab.read_pairing(Affine([[0.0, 1.5], [1.5, 0.0]], [4.0, 0.0]), back)
    assert intended.clusters == [0, 1, 2, 3] and intended.cycle < 1e-6
    assert mirrored.clusters == [0, 2, 1, 3] and mirrored.cycle > 0.5
    assert intended.distance == pytest.approx(0.15 * np.sqrt(np.pi / 2), rel=0.03)  # mean length of a round Gaussian


def test_cycle_training_is_repeatable():
    one, same, other = (lab.train_cycle(seed, n_steps=5) for seed in (0, 0, 1))
    assert one.cycle == same.cycle != other.cycle and one.clusters == same.clusters


def test_known_pairs_enter_the_training():
    free, anchored = lab.train_cycle(0, n_steps=60), lab.train_cycle(0, n_steps=60, anchored=True)
    centres = torch.as_tensor(lab.A_CENTRES, dtype=torch.float32)
    gaps = [np.abs(run.to_b(centres).detach().numpy() - lab.B_CENTRES).mean() for run in (free, anchored)]
    assert gaps[1] < 0.7 * gaps[0]


def test_stored_digits_say_what_the_chapter_says():
    found = spread("conditional_models")
    assert found["gan_test_cgan_told"].n_seeds >= 3
    assert found["gan_test_cgan_told"].low > 0.98 and found["gan_test_cgan_untold"].high < 0.16
    assert found["told_apart_cgan_told"].high < 0.75 < 0.95 < found["told_apart_cvae"].low
    assert found["gan_test_cvae"].low > 0.99 and found["gan_train_cvae"].low > 0.94
    assert found["covered_cvae"].high < 0.03 < 0.35 < found["covered_cgan_told"].low
    assert found["gan_test_posthoc"].high < 0.8 and found["gan_train_posthoc"].high < 0.92
    assert found["gan_test_cvae_encoder_only"].high < 0.15


def test_stored_strokes_and_pairings_say_what_the_chapter_says():
    found, runs = spread("conditional_models"), stored("conditional_models")["seeds"].values()
    assert found["strokes_given_told"].high < 0.06
    assert found["strokes_given_untold"].low > 0.15 and found["strokes_given_untold"].high <= LOG_2 + 1e-9
    assert found["cycle_error_cycle"].high < 0.15 < 0.9 < found["cycle_error_free"].low
    assert len({run["pairing_cycle"] for run in runs}) >= 3
    assert all(run["pairing_anchored"] == 123 for run in runs)

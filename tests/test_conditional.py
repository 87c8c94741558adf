"""Labels beside values by hand, the steps against autograd and quadrature, the label map against moments."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Normal, kl_divergence

from lectures_pkg.conditional import (
    ConditionalVAE,
    GivenLabel,
    LabelledMLP,
    conditional_gan_step,
    cvae_step,
    labelled_minibatches,
    posthoc_map,
    sample,
    sample_given,
    with_label,
)
from lectures_pkg.networks import DCGenerator
from lectures_pkg.training import EMA, fit, seeded
from lectures_pkg.vae import VAE, elbo, log_prob_by_quadrature, sample_latent


class Shift(nn.Module):
    """G(z, y) = z + b_y, or a logit w_y x: small enough for paper."""

    def __init__(self, values, product=False):
        super().__init__()
        self.values, self.product = nn.Parameter(torch.tensor(values, dtype=torch.float64)), product

    def forward(self, x, y):
        of_label = self.values[y][:, None]
        return x * of_label if self.product else x + of_label


def test_one_hot_beside_values_by_hand():
    joined = with_label(torch.tensor([[0.5, 2.0], [1.0, 3.0]]), torch.tensor([2, 0]), 3)
    assert joined.tolist() == [[0.5, 2.0, 0.0, 0.0, 1.0], [1.0, 3.0, 1.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("values", "y", "words"),
    [
        (torch.zeros(2, 3), torch.tensor([0]), "one integer label each"),
        (torch.zeros(2, 3), torch.tensor([0.0, 1.0]), "torch.float32 of shape"),
        (torch.zeros(2, 3, 1), torch.tensor([0, 1]), r"found \(2, 3, 1\)"),
        (torch.zeros(2, 3), torch.tensor([0, 4]), "labels must be from 0 to 3, found 0 to 4"),
        (torch.zeros(2, 3), torch.tensor([-1, 2]), "found -1 to 2"),
    ],
)
def test_labels_that_do_not_fit_are_refused(values, y, words):
    with pytest.raises(ValueError, match=words):
        with_label(values, y, 4)


def test_network_without_classes_is_refused():
    with pytest.raises(ValueError, match="n_classes must be positive, found 0"):
        LabelledMLP((2, 1), 0)


def test_labelled_minibatches_keep_pairs_together_and_use_each_once_in_a_pass():
    x, y = torch.arange(10)[:, None] * 1.0, torch.arange(10)
    batches = labelled_minibatches(x, y, 5, np.random.default_rng(0))
    for _ in range(3):
        seen = [next(batches), next(batches)]
        assert all((a[:, 0] == b).all() for a, b in seen)
        assert sorted(torch.cat([b for _, b in seen]).tolist()) == list(range(10))


def test_labelled_minibatches_refuse_what_does_not_fit():
    with pytest.raises(ValueError, match="found 3 examples and 2 labels"):
        next(labelled_minibatches(torch.zeros(3, 1), torch.zeros(2), 1, np.random.default_rng(0)))
    with pytest.raises(ValueError, match="between 1 and the 3 examples, found 4"):
        next(labelled_minibatches(torch.zeros(3, 1), torch.zeros(3), 4, np.random.default_rng(0)))


# conditional GAN


def test_one_round_worked_by_hand():
    """D's weights are 0, so each logit is 0 and D = 1/2: both turns fit on paper."""
    generator, discriminator = Shift([0.5, 0.0]), Shift([0.0, 0.0], product=True)
    noise = iter(
        [torch.tensor([[1.0], [-1.0]], dtype=torch.float64), torch.tensor([[2.0], [2.0]], dtype=torch.float64)]
    )
    step = conditional_gan_step(
        generator,
        discriminator,
        torch.optim.SGD(generator.parameters(), lr=0.5),
        torch.optim.SGD(discriminator.parameters(), lr=0.5),
        lambda m: next(noise),
    )
    report = step((torch.tensor([[3.0], [5.0]], dtype=torch.float64), torch.tensor([0, 1])))
    # D's turn, fakes 1.5 and -1: (1 - D) x - D G(z) over two pairs, in the label's own weight: (3 - 1.5)/4, (5 + 1)/4
    w = 0.5 * 1.5 / 4, 0.5 * 6 / 4
    assert discriminator.values.tolist() == pytest.approx(w)
    # G's turn, fakes 2.5 and 2: b_y climbs by half of (1 - D) w_y, over two pairs
    logits = 2.5 * w[0], 2.0 * w[1]
    climb = [0.5 * (1 - 1 / (1 + math.exp(-a))) * v / 2 for a, v in zip(logits, w, strict=True)]
    assert generator.values.tolist() == pytest.approx([0.5 + climb[0], climb[1]])
    assert report["discriminator_loss"] == pytest.approx(math.log(4))
    assert report["generator_loss"] == pytest.approx(np.mean([math.log1p(math.exp(-a)) for a in logits]))


def test_generator_of_one_label_learns_from_that_label_only():
    generator, discriminator = Shift([0.0, 0.0, 0.0]), Shift([1.0, -2.0, 3.0], product=True)
    step = conditional_gan_step(
        generator,
        discriminator,
        torch.optim.SGD(generator.parameters(), lr=0.5),
        torch.optim.SGD(discriminator.parameters(), lr=0.0),
        lambda m: torch.zeros(m, 1, dtype=torch.float64),
    )
    step((torch.zeros(4, 1, dtype=torch.float64), torch.tensor([0, 0, 1, 1])))
    up, down, still = generator.values.tolist()
    assert up > 0 > down and still == 0.0


def test_average_follows_the_generator():
    generator, discriminator = Shift([0.0]), Shift([1.0], product=True)
    average = EMA(generator, 0.75)
    step = conditional_gan_step(
        generator,
        discriminator,
        torch.optim.SGD(generator.parameters(), lr=1.0),
        torch.optim.SGD(discriminator.parameters(), lr=0.0),
        lambda m: torch.zeros(m, 1, dtype=torch.float64),
        ema=average,
    )
    step((torch.zeros(1, 1, dtype=torch.float64), torch.tensor([0])))
    assert average.module.values.item() == pytest.approx(0.25 * generator.values.item())
    assert generator.values.item() == pytest.approx(0.5)  # (1 - D) w = 1/2


def test_saturating_generator_descends_its_own_loss():
    generator, discriminator = Shift([0.0]), Shift([2.0], product=True)
    step = conditional_gan_step(
        generator,
        discriminator,
        torch.optim.SGD(generator.parameters(), lr=1.0),
        torch.optim.SGD(discriminator.parameters(), lr=0.0),
        lambda m: torch.ones(m, 1, dtype=torch.float64),
        generator_kind="saturating",
    )
    report = step((torch.zeros(1, 1, dtype=torch.float64), torch.tensor([0])))
    d = 1 / (1 + math.exp(-2.0))
    assert report["generator_loss"] == pytest.approx(math.log(1 - d))
    assert generator.values.item() == pytest.approx(2 * d)


def test_bad_kinds_and_batches_are_refused():
    players = Shift([0.0]), Shift([0.0], product=True)
    optimisers = [torch.optim.SGD(p.parameters(), lr=1.0) for p in players]
    with pytest.raises(ValueError, match="kind must be one of non_saturating, saturating, wasserstein, found 'soft'"):
        conditional_gan_step(*players, *optimisers, lambda m: torch.zeros(m, 1), generator_kind="soft")
    step = conditional_gan_step(*players, *optimisers, lambda m: torch.zeros(m, 1))
    with pytest.raises(
        ValueError, match=r"a pair of examples and as many whole labels, found shapes \(2, 1\) and \(1,\)"
    ):
        step((torch.zeros(2, 1), torch.tensor([0])))


def test_sampling_uses_evaluation_mode_and_leaves_the_mode_alone():
    with seeded(0):
        generator = DCGenerator(3, 4, n_classes=2)
    z, y = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 0, 1, 1])
    before = copy.deepcopy(generator.state_dict())
    images = sample(generator, z, y)
    assert images.shape == (5, 1, 8, 8) and not images.requires_grad and generator.training
    assert all(torch.equal(before[k], v) for k, v in generator.state_dict().items())
    alone = torch.cat([sample(generator, z[i : i + 1], y[i : i + 1]) for i in range(5)])
    assert torch.allclose(images, alone, atol=1e-6)  # no image depends on its neighbours


# conditional VAE


def small_cvae(seed=0, latent_dim=1):
    with seeded(seed):
        return ConditionalVAE(3, 2, latent_dim, (8,)).double()


def test_elbo_against_torch_distributions():
    model = small_cvae(latent_dim=2)
    x, y = torch.tensor([[1.0, 0, 1], [0, 0, 1]]).double(), torch.tensor([1, 0])
    mean, log_var = model.encode(x, y)
    z = sample_latent(mean, log_var, torch.Generator().manual_seed(1))
    logits = model.decode(z, y)
    guess, prior = Normal(mean, torch.exp(log_var / 2)), Normal(torch.zeros(2).double(), torch.ones(2).double())
    expected = Bernoulli(logits=logits).log_prob(x).sum(1) - kl_divergence(guess, prior).sum(1)
    assert torch.allclose(elbo(x, logits, mean, log_var), expected)


@pytest.mark.parametrize("label", [0, 1])
def test_bound_lies_below_the_exact_likelihood_by_the_kl_to_the_posterior(label):
    """Exact log p(x | y) by quadrature; the gap by quadrature on the same line."""
    model = small_cvae(3)
    x = torch.tensor([[1.0, 0.0, 1.0]]).double()
    y = torch.tensor([label])
    exact = log_prob_by_quadrature(GivenLabel(model, label), x).item()
    with torch.no_grad():
        mean, log_var = model.encode(x, y)
        z = torch.linspace(-9, 9, 4001, dtype=torch.float64)[:, None]
        log_likelihood = Bernoulli(logits=model.decode(z, y.expand(4001))).log_prob(x).sum(1)
        q = Normal(mean[0, 0], torch.exp(log_var[0, 0] / 2)).log_prob(z[:, 0])
        log_prior = Normal(0.0, 1.0).log_prob(z[:, 0])
        width = (z[1] - z[0]).item()
        bound = ((log_likelihood + log_prior - q) * q.exp()).sum().item() * width
        posterior = torch.log_softmax(log_likelihood + log_prior, dim=0) - math.log(width)  # normalised on the line
        gap = ((q - posterior) * q.exp()).sum().item() * width
        draws = sample_latent(mean.expand(20_000, 1), log_var.expand(20_000, 1), torch.Generator().manual_seed(0))
        many = elbo(
            x.expand(20_000, 3),
            model.decode(draws, y.expand(20_000)),
            mean.expand(20_000, 1),
            log_var.expand(20_000, 1),
        )
    assert bound < exact and bound + gap == pytest.approx(exact, abs=1e-6)
    assert abs(many.mean().item() - bound) < 5 * many.std().item() / math.sqrt(20_000)


def test_given_label_differs_between_labels():
    model, x = small_cvae(3), torch.tensor([[1.0, 0.0, 1.0]]).double()
    zero, one = (log_prob_by_quadrature(GivenLabel(model, label), x).item() for label in (0, 1))
    assert zero != pytest.approx(one, abs=1e-3)


def test_cvae_learns_laws_that_depend_on_the_label_and_respects_the_entropy():
    """Label 0: the first pixel is ink with probability 0.9, the others 0.1; label 1: the last one."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=4000)
    p = np.where(y[:, None] == 0, [0.9, 0.1, 0.1], [0.1, 0.1, 0.9])
    x, labels = torch.as_tensor(rng.random((4000, 3)) < p).double(), torch.as_tensor(y)
    model = small_cvae(1)
    with seeded(0):
        step = cvae_step(model, torch.optim.Adam(model.parameters(), lr=1e-2))
        history = fit(step, labelled_minibatches(x, labels, 200, np.random.default_rng(0)), 400)
    entropy = -3 * (0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    loss = history["negative_elbo"][-100:]
    assert history["reconstruction"][0] + history["kl"][0] == pytest.approx(history["negative_elbo"][0])
    assert entropy - 5 * loss.std() / 10 < loss.mean() < entropy + 0.1
    images, means = sample_given(model, torch.tensor([0, 1] * 2000), torch.Generator().manual_seed(0))
    assert set(images.unique().tolist()) == {0.0, 1.0}
    assert means[::2].mean(0).numpy() == pytest.approx([0.9, 0.1, 0.1], abs=0.06)
    assert images[1::2].mean(0).numpy() == pytest.approx([0.1, 0.1, 0.9], abs=0.08)


def test_cvae_step_refuses_a_batch_without_labels_for_all():
    step = cvae_step(small_cvae(), torch.optim.SGD(small_cvae().parameters(), lr=0.1))
    with pytest.raises(ValueError, match="as many whole labels"):
        step((torch.zeros(2, 3).double(), torch.tensor([[0], [1]])))


# the map from labels to latents


class Known:
    """An encoder written by hand: the mean is the image's first two pixels, the variances are given."""

    def encode(self, x):
        return x[:, :2], torch.log(torch.tensor([0.25, 4.0]).double()).expand(len(x), 2)


def test_label_map_by_hand():
    x = torch.tensor([[0.0, 0.0, 9], [2, 2, 9], [5, 1, 9], [5, 3, 9]]).double()
    found = posthoc_map(Known(), x, torch.tensor([0, 0, 1, 1]))
    assert found.mean.tolist() == [[1.0, 1.0], [5.0, 2.0]]
    covariance = found.scale_tril @ found.scale_tril.mT
    assert covariance[0].numpy() == pytest.approx(np.array([[1.25, 1.0], [1.0, 5.0]]))
    assert covariance[1].numpy() == pytest.approx(np.array([[0.25, 0.0], [0.0, 5.0]]))


def test_label_map_draws_have_its_moments():
    x = torch.tensor([[0.0, 0.0], [2, 2], [5, 1], [5, 3]]).double()
    found = posthoc_map(Known(), x, torch.tensor([0, 0, 1, 1]))
    z = found.sample(torch.tensor([0, 1] * 20_000), torch.Generator().manual_seed(0))
    for label in (0, 1):
        mine = z[label::2].numpy()
        assert mine.mean(0) == pytest.approx(found.mean[label].numpy(), abs=0.08)
        assert np.cov(mine.T) == pytest.approx((found.scale_tril[label] @ found.scale_tril[label].T).numpy(), abs=0.2)


def test_label_map_refuses_labels_with_too_few_images():
    with seeded(0):
        model = VAE(3, 2, ())
    with pytest.raises(ValueError, match=r"needs two images or more, found counts \[2, 0, 1\]"):
        posthoc_map(model, torch.zeros(3, 3), torch.tensor([0, 0, 2]))
    with pytest.raises(ValueError, match="as many whole labels"):
        posthoc_map(model, torch.zeros(3, 3), torch.tensor([0, 0]))

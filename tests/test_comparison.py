"""The comparison table: its completions against exact conditionals, its storage, and what the stored numbers say."""

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from the_book import BOOK, cells

from lectures_pkg import experiments
from lectures_pkg.autoregressive import BernoulliMixture
from lectures_pkg.experiments import measuring
from lectures_pkg.hybrids import PixelDecoder
from lectures_pkg.rbm import RBM
from lectures_pkg.training import seeded

N, KNOWN = 4000, np.arange(64) < 32
LIKELIHOODS = [name for name in measuring.MODELS if name != "gan"]


@pytest.fixture(scope="module")
def image():
    return measuring.digits().test[0]


def agrees(completed, image, probability):
    """The top half is kept, and each pixel below is on as often as it should be."""
    assert completed.shape == (N, 64)
    assert (completed[:, :32] == image[:32]).all()
    assert np.isin(completed, (0, 1)).all()
    error = np.sqrt(probability * (1 - probability) / N)
    return bool((np.abs(completed[:, 32:].mean(axis=0) - probability) < 5 * error).all())


def test_the_split_is_that_of_the_chapters_and_no_image_is_in_two_parts():
    data = measuring.digits()
    assert [part.shape for part in (data.train, data.validation, data.test)] == [(1147, 64), (200, 64), (450, 64)]
    assert np.array_equal(data.train, measuring.rbm_experiment.digits().train)
    assert np.array_equal(data.test, measuring.rbm_experiment.digits().test)
    assert np.array_equal(data.train, measuring.pixels_experiment.digits()[0][measuring.N_VALIDATION :].numpy())
    assert (len(data.train_labels), len(data.test_labels)) == (1147, 450)


def test_a_mixture_completes_by_bayes_rule(image):
    rng = np.random.default_rng(0)
    base = np.clip(image + 0.02 * rng.standard_normal((3, 64)), 0.3, 0.7)
    mixture = BernoulliMixture(np.array([0.5, 0.3, 0.2]), np.where(rng.random((3, 64)) < 0.15, 1 - base, base))
    top = [np.prod(stats.bernoulli.pmf(image[:32], means[:32])) for means in mixture.means]
    posterior = mixture.weights * top / np.sum(mixture.weights * top)
    assert posterior.max() < 0.95, "the test needs more than one component"
    completed = measuring._complete_mixture(mixture, np.tile(image, (N, 1)), rng)
    assert agrees(completed, image, posterior @ mixture.means[:, 32:])


def test_a_machine_completes_by_its_conditional_law(image, monkeypatch):
    monkeypatch.setattr(measuring, "N_SWEEPS", 60)
    rbm = RBM(64, 3, rng=np.random.default_rng(2), scale=0.4)
    # p(top, h) is a product over the bottom pixels' sums: the law of h given the top half, state by state
    states = np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, -1).T
    inputs = states @ rbm.weight.T + rbm.visible_bias
    log_weight = states @ rbm.hidden_bias + inputs[:, :32] @ image[:32] + np.logaddexp(0, inputs[:, 32:]).sum(axis=1)
    posterior = np.exp(log_weight - np.logaddexp.reduce(log_weight))
    completed = measuring._complete_rbm(rbm, np.tile(image, (N, 1)), np.random.default_rng(3))
    assert agrees(completed, image, posterior @ (1 / (1 + np.exp(-inputs[:, 32:]))))


class Line(torch.nn.Module):
    """Logits that are affine in one latent."""

    latent_dim = 1
    decoder = None

    def __init__(self):
        super().__init__()
        rng = np.random.default_rng(4)
        image = measuring.digits().test[0]
        slope = 0.6 * np.where(KNOWN, 2 * image - 1, rng.standard_normal(64))  # a large z explains the top half
        self.slope = torch.tensor(slope, dtype=torch.float32)
        self.offset = torch.tensor(0.5 * rng.standard_normal(64), dtype=torch.float32)

    def decode(self, z):
        return z * self.slope + self.offset


def test_codes_complete_by_the_posterior_of_the_code(image, monkeypatch):
    monkeypatch.setattr(measuring, "N_CODES", 40_000)
    model, z = Line(), np.linspace(-6, 6, 2001)
    p = torch.sigmoid(model.decode(torch.tensor(z, dtype=torch.float32)[:, None])).double().numpy()
    weight = np.prod(np.where(image[:32] == 1, p[:, :32], 1 - p[:, :32]), axis=1) * stats.norm.pdf(z)
    expected = integrate.simpson(weight[:, None] * p[:, 32:], x=z, axis=0) / integrate.simpson(weight, x=z)
    from_prior = integrate.simpson(p[:, 32:] * stats.norm.pdf(z)[:, None], x=z, axis=0)
    assert np.abs(expected - from_prior).max() > 0.1, "the test needs a top half that says something"
    x, rng = np.tile(image, (N // 8, 1)), np.random.default_rng(5)
    known = measuring._independent_known(model)
    completed = np.concatenate([measuring._complete_by_codes(model, known, x, rng) for _ in range(8)])
    assert agrees(completed, image, expected)


def test_the_top_half_is_scored_by_its_own_conditionals(image):
    with seeded(0):
        decoder = PixelDecoder(2, 64, 16, 8).eval()
    z = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    x = torch.tensor(np.stack([image, image]))
    x[1, 40] = 1 - x[1, 40]  # a pixel below: it must not matter
    with torch.no_grad():
        found = measuring._known_in_order(decoder)(x, z)
        law = torch.distributions.Bernoulli(logits=decoder(x[:1].expand(5, -1), z))
        expected = law.log_prob(x[:1].expand(5, -1))[:, :32].sum(dim=1)
    assert torch.allclose(found, expected.expand(2, -1), atol=1e-4)


def test_images_are_stored_as_bits_row_by_row():
    (first,) = measuring.unpack(["8000000000000001"])
    assert first.shape == (8, 8)
    assert np.argwhere(first).tolist() == [[0, 0], [7, 7]]


# ------------------------------------------------------------------------------------------ what is stored


def test_first_samples_of_every_model_are_stored():
    samples = measuring.stored_samples()
    assert list(samples) == list(measuring.MODELS)
    for images in samples.values():
        assert images.shape == (measuring.N_SHOWN, 8, 8)
        assert len(np.unique(images.reshape(len(images), -1), axis=0)) > 40


def test_the_choices_are_those_of_the_validation_images():
    for name, losses in measuring.stored_validation().items():
        assert min(losses, key=losses.get) == f"{measuring.CHOSEN[name]:g}", name
        assert set(losses) == {f"{rate:g}" for rate in measuring.RATES[name]}


def test_the_stored_likelihoods_are_in_order():
    found = experiments.spread("measuring")
    nll = {name: found[f"{name}_nll"] for name in LIKELIHOODS}
    assert "gan_nll" not in found
    assert abs(nll["independent"].mean - 25.2) < 0.1
    assert all(nll[name].high < nll["independent"].low - 4 for name in LIKELIHOODS[1:])
    for name in ("vae_8", "pixel_vae_4"):
        assert found[f"{name}_negative_elbo"].low > nll[name].high
    # PixelVAE beats both of its parents, and so does the PixelGAN autoencoder its own
    assert nll["pixel_vae_4"].high < min(nll["made_256"].low, nll["vae_8"].low) - 0.1
    assert nll["pixel_gan_ae_2"].high < min(nll["made_256"].low, nll["aae_2"].low) - 0.1
    assert abs(found["rbm_128_log_z_gap"].mean) < 0.5


def test_stored_codes_match_the_prior_with_a_critic_only():
    found = experiments.spread("measuring")
    assert found["aae_2_codes_mmd2"].high < 0.03 < 0.1 < found["aae_2_codes_mmd2_without_critic"].low
    assert found["pixel_gan_ae_2_codes_mmd2"].high < 0.03


def test_the_ceiling_is_where_it_should_be():
    found = experiments.spread("measuring")
    assert found["real_c2st"].low > 0.45 and found["real_c2st"].high < 0.55
    assert abs(found["real_mmd2"].mean) < 0.001
    assert found["real_judge_accuracy"].low > 0.93
    for name in measuring.MODELS:
        assert found[f"{name}_c2st"].low > found["real_c2st"].high, name
        assert found[f"{name}_precision"].high < found["real_precision"].high + 0.05, name


def test_the_page_has_a_row_for_every_model_in_every_table():
    tables = [
        output.data["text/markdown"]
        for cell in cells(BOOK / "comparison.ipynb", "code")
        for output in cell.outputs
        if "text/markdown" in output.get("data", {})
    ]
    assert len(tables) == 3
    for table in tables:
        for entry in measuring.MODELS.values():
            assert sum(line.startswith(f"| {entry.title} |") for line in table.splitlines()) == 1, entry.title

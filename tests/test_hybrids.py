"""Hybrids: held against enumeration of all images, quadrature over the codes, and updates worked out by hand."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import nn

from lectures_pkg.autoregressive import enumerate_law
from lectures_pkg.hybrids import (
    AdversarialAutoencoder,
    PixelDecoder,
    PixelGANAutoencoder,
    PixelVAE,
    adversarial_autoencoder_step,
    log_importance_weights,
    log_prob_by_quadrature,
    pixel_vae_step,
    sample,
)
from lectures_pkg.metrics import mmd2_unbiased
from lectures_pkg.networks import mlp
from lectures_pkg.training import fit, minibatches, seeded
from lectures_pkg.vae import iwae_bound
from lectures_pkg.worlds import binary_images

IMAGES = torch.tensor(binary_images(), dtype=torch.float64)  # all sixteen of 2x2 pixels


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def tiny(kind, latent_dim=1, seed=0):
    """A model of 2x2 pixels in float64, its weights large enough that the code matters."""
    with seeded(seed):
        model = kind(4, latent_dim, (3,)) if kind is AdversarialAutoencoder else kind(4, latent_dim, (3,), width=6)
        model = model.double().eval().requires_grad_(False)
        for parameter in model.parameters():
            parameter.mul_(2.0)
    return model


KINDS = [AdversarialAutoencoder, PixelVAE, PixelGANAutoencoder]


def by_simpson(model, function=lambda log_p: np.exp(log_p), image=IMAGES[0], law=stats.norm):
    """Integral over one latent of a function of log p(x | z), by SciPy's Simpson rule on a fine grid."""
    z = np.linspace(-12, 12, 24_001)
    codes = torch.tensor(z)[:, None]
    with torch.no_grad():
        log_p = model.log_likelihood(image.expand(len(z), -1), codes).numpy()
    return integrate.simpson(function(log_p) * law.pdf(z), x=z)


# ------------------------------------------------------------------------------------------ the decoders


def test_a_pixel_decoder_is_a_law_for_every_code():
    with seeded(1):
        decoder = PixelDecoder(2, 4, 8, 5).double().eval()
    for code in torch.randn(3, 2, generator=rng(), dtype=torch.float64):

        def log_prob(x, code=code):
            logits = decoder(x.double(), code.expand(len(x), -1))
            return torch.distributions.Bernoulli(logits=logits).log_prob(x.double()).sum(dim=1)

        assert enumerate_law(log_prob, 4).sum() == pytest.approx(1, abs=1e-12)


def test_a_pixel_decoder_sees_earlier_pixels_and_the_code_but_no_later_pixel():
    with seeded(1):
        decoder = PixelDecoder(2, 4, 8, 5).double().eval()
    x, z = IMAGES[[3, 9, 14]], torch.randn(3, 2, generator=rng(), dtype=torch.float64)
    by_pixel = torch.autograd.functional.jacobian(lambda v: decoder(v, z).sum(dim=0), x).abs().sum(dim=1)
    by_code = torch.autograd.functional.jacobian(lambda v: decoder(x, v).sum(dim=0), z).abs().sum(dim=(1, 2))
    assert (torch.triu(by_pixel) == 0).all()
    assert (torch.tril(by_pixel, -1)[1:].sum(dim=1) > 0).all()
    assert (by_code > 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_all_images_together_have_probability_one(kind):
    model = tiny(kind)
    log_prob = log_prob_by_quadrature(model, IMAGES, n_grid=201, limit=7.0, tolerance=1e-3)
    assert log_prob.exp().sum().item() == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_quadrature_is_that_of_scipy(kind):
    model = tiny(kind)
    found = log_prob_by_quadrature(model, IMAGES[[0, 6, 13]], n_grid=801, limit=8.0, tolerance=1e-3)
    expected = [math.log(by_simpson(model, image=IMAGES[i])) for i in (0, 6, 13)]
    assert found.tolist() == pytest.approx(expected, abs=1e-4)


def test_quadrature_over_two_latents_is_the_mean_over_draws_of_the_prior():
    model = tiny(PixelGANAutoencoder, latent_dim=2)
    codes = torch.randn(200_000, 2, generator=rng(3), dtype=torch.float64)
    for image in IMAGES[[2, 11]]:
        p = model.log_likelihood(image.expand(len(codes), -1), codes).exp()
        found = log_prob_by_quadrature(model, image[None]).exp().item()
        assert abs(found - p.mean().item()) < 5 * p.std().item() / math.sqrt(len(codes))


def test_quadrature_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="one or two latents, found 3"):
        log_prob_by_quadrature(tiny(PixelVAE, latent_dim=3), IMAGES)
    with pytest.raises(ValueError, match="odd and at least 5, found 40"):
        log_prob_by_quadrature(tiny(PixelVAE), IMAGES, n_grid=40)
    with pytest.raises(ValueError, match="of the prior's mass"):
        log_prob_by_quadrature(tiny(PixelVAE), IMAGES, limit=2.0)
    model = tiny(PixelVAE)
    for parameter in model.decoder.parameters():
        parameter.mul_(40.0)  # a decoder that jumps
    with pytest.raises(ValueError, match="raise n_grid above 21"):
        log_prob_by_quadrature(model, IMAGES, n_grid=21)


# ------------------------------------------------------------------------------------------ sampling


@pytest.mark.parametrize("kind", KINDS)
def test_samples_follow_the_law(kind):
    model, n = tiny(kind), 20_000
    drawn = sample(model, n, rng(5))
    counts = np.bincount((drawn @ torch.tensor([8.0, 4, 2, 1], dtype=torch.float64)).long().numpy(), minlength=16)
    law = np.array([by_simpson(model, image=image) for image in IMAGES])
    assert stats.chisquare(counts, n * law / law.sum()).pvalue > 1e-3


def test_sampling_is_without_dropout_and_leaves_the_mode():
    with seeded(0):
        model = PixelVAE(4, 1, (3,), width=6, dropout=0.9).train()
    assert torch.equal(sample(model, 50, rng()), sample(model, 50, rng()))
    assert model.training and model.decoder.pixels.training


def test_a_completion_keeps_the_known_pixels_and_draws_the_others():
    model, known = tiny(PixelGANAutoencoder), [True, True, False, False]
    x = IMAGES[[9]].expand(20_000, -1)
    z = torch.full((len(x), 1), 0.7, dtype=torch.float64)
    completed = model.decoder.complete(x, known, z, rng(2))
    assert torch.equal(completed[:, :2], x[:, :2])
    # p(lower | upper, z) by enumeration: the images that share the upper half, normalised
    agree = (IMAGES[:, :2] == x[0, :2]).all(dim=1)
    p = model.log_likelihood(IMAGES[agree], z[: int(agree.sum())]).exp()
    counts = np.bincount((completed[:, 2:] @ torch.tensor([2.0, 1], dtype=torch.float64)).long().numpy(), minlength=4)
    assert stats.chisquare(counts, len(x) * (p / p.sum()).numpy()).pvalue > 1e-3


# ------------------------------------------------------------------------------------------ PixelVAE's bound


def test_the_bound_rises_with_k_to_the_exact_likelihood():
    model = tiny(PixelVAE)
    exact = np.log([by_simpson(model, image=image) for image in IMAGES])
    gaps = {}
    for k in (1, 10, 1000):
        draws = torch.stack([iwae_bound(log_importance_weights(model, IMAGES, k, rng(s))) for s in range(40)])
        gap = torch.tensor(exact) - draws.mean(dim=0)
        error = draws.std(dim=0) / math.sqrt(len(draws))
        assert (gap > -5 * error).all()
        gaps[k] = gap.mean().item()
    assert gaps[1] > gaps[10] > gaps[1000]
    assert gaps[1] > 0.05, "the test needs a q that is not the posterior"
    assert abs(gaps[1000]) < 0.02


def test_one_weight_on_average_is_the_elbo():
    model, n = tiny(PixelVAE), 20_000
    image = IMAGES[[5]]
    weights = log_importance_weights(model, image, n, rng(1))[:, 0]
    mean, log_var = model.encode(image)
    z = torch.distributions.Normal(mean, torch.exp(log_var / 2))
    kl = torch.distributions.kl_divergence(z, torch.distributions.Normal(0.0, 1.0)).sum().item()

    law = stats.norm(mean.item(), math.exp(log_var.item() / 2))
    expected = by_simpson(model, lambda log_p: log_p, IMAGES[5], law) - kl
    assert abs(weights.mean().item() - expected) < 5 * weights.std().item() / math.sqrt(n)


def test_weights_come_in_chunks_of_the_same_law(monkeypatch):
    model = tiny(PixelVAE)
    whole = log_importance_weights(model, IMAGES, 7, rng(4))
    assert whole.shape == (7, 16)
    monkeypatch.setattr("lectures_pkg.vae.CHUNK", 16)
    assert log_importance_weights(model, IMAGES, 7, rng(4)).shape == (7, 16)
    with pytest.raises(ValueError, match="at least 1, found 0"):
        log_importance_weights(model, IMAGES, 0)


# ------------------------------------------------------------------------------------------ training


def test_a_pixel_vae_step_descends_the_bound_that_it_reports():
    with seeded(0):
        model = PixelVAE(4, 1, (3,), width=6).double()
    x = IMAGES[[1, 7, 12]]
    before = [parameter.detach().clone() for parameter in model.parameters()]
    report = pixel_vae_step(model, torch.optim.SGD(model.parameters(), lr=0.1), rng=rng(8))(x)
    after = [parameter.detach().clone() for parameter in model.parameters()]

    with torch.no_grad():
        for parameter, value in zip(model.parameters(), before, strict=True):
            parameter.copy_(value)
    mean, log_var = model.encode(x)
    z = mean + torch.exp(log_var / 2) * torch.randn(mean.shape, generator=rng(8), dtype=torch.float64)
    normal = torch.distributions.Normal(mean, torch.exp(log_var / 2))
    kl = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum(dim=1).mean()
    loss = nn.functional.binary_cross_entropy_with_logits(model.decoder(x, z), x, reduction="sum") / 3
    gradients = torch.autograd.grad(loss + kl, list(model.parameters()))
    for new, old, gradient in zip(after, before, gradients, strict=True):
        assert torch.allclose(new, old - 0.1 * gradient)
    assert report == pytest.approx(
        {"negative_elbo": (loss + kl).item(), "reconstruction": loss.item(), "kl": kl.item()}
    )


class Recorder(torch.optim.SGD):
    """Counts steps, and keeps the gradients that each one met."""

    def __init__(self, parameters, lr):
        super().__init__(parameters, lr=lr)
        self.met = []

    def step(self, closure=None):
        self.met.append([None if p.grad is None else p.grad.clone() for p in self.param_groups[0]["params"]])
        return super().step(closure)


@pytest.mark.parametrize("kind", [AdversarialAutoencoder, PixelGANAutoencoder])
def test_each_player_moves_by_its_own_loss_and_nobody_else_moves(kind):
    with seeded(0):
        model = (kind(4, 2, (3,)) if kind is AdversarialAutoencoder else kind(4, 2, (3,), width=6)).double()
        critic = mlp((2, 5, 1)).double()
    x = IMAGES[[1, 7, 12, 4]]
    whole, encoder, judge = (
        Recorder(network.parameters(), lr=0.0) for network in (model, model.encoder, critic)
    )  # rates of zero: all three losses are of the same networks
    report = adversarial_autoencoder_step(model, critic, whole, encoder, judge, rng=rng(8))(x)
    assert [len(optimiser.met) for optimiser in (whole, encoder, judge)] == [1, 1, 1]

    softplus = nn.functional.softplus
    codes = model.encoder(x)
    prior = torch.randn(codes.shape, generator=rng(8), dtype=torch.float64)
    logits = model.decode(codes) if kind is AdversarialAutoencoder else model.decoder(x, codes)
    losses = {
        "reconstruction": nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum") / 4,
        "critic_loss": softplus(-critic(prior)).mean() + softplus(critic(codes)).mean(),  # the prior is "real"
        "encoder_loss": softplus(-critic(codes)).mean(),
    }
    assert report == pytest.approx({name: loss.item() for name, loss in losses.items()})
    for network, optimiser, loss in zip((model, critic, model.encoder), (whole, judge, encoder), losses.values()):  # noqa: B905
        expected = torch.autograd.grad(loss, list(network.parameters()), retain_graph=True)
        assert all(torch.allclose(a, b) for a, b in zip(optimiser.met[0], expected, strict=True))


def test_the_critic_and_the_encoder_collect_nothing_while_frozen():
    with seeded(0):
        model, critic = AdversarialAutoencoder(4, 2, (3,)).double(), mlp((2, 5, 1)).double()
    seen = {}

    class Watch(torch.optim.SGD):
        def __init__(self, name, network):
            super().__init__(network.parameters(), lr=0.1)
            self.name = name

        def zero_grad(self, set_to_none=True):
            super().zero_grad(set_to_none)

        def step(self, closure=None):
            seen[self.name] = {
                player: sum(float(p.grad.abs().sum()) for p in network.parameters() if p.grad is not None)
                for player, network in (("encoder", model.encoder), ("decoder", model.decoder), ("critic", critic))
            }
            for network in (model, critic):  # what the next player meets is its own
                network.zero_grad()
            return None

    step = adversarial_autoencoder_step(
        model, critic, Watch("autoencoder", model), Watch("encoder", model.encoder), Watch("critic", critic), rng=rng()
    )
    step(IMAGES)
    assert seen["critic"]["encoder"] == seen["critic"]["decoder"] == 0 < seen["critic"]["critic"]
    assert seen["encoder"]["critic"] == seen["encoder"]["decoder"] == 0 < seen["encoder"]["encoder"]
    assert seen["autoencoder"]["critic"] == 0 < min(seen["autoencoder"]["encoder"], seen["autoencoder"]["decoder"])
    assert all(parameter.requires_grad for parameter in [*model.parameters(), *critic.parameters()])


@pytest.mark.parametrize("hears_the_critic", [True, False])
def test_codes_match_the_prior_only_with_a_critic(hears_the_critic):
    # Blurred copies of four pictures: an autoencoder alone spreads their codes where it likes.
    generator = np.random.default_rng(0)
    pictures = generator.integers(0, 2, (4, 16))
    x = np.abs(pictures[generator.integers(4, size=800)] - (generator.random((800, 16)) < 0.1))
    data = torch.tensor(x, dtype=torch.float32)
    with seeded(3):
        model = AdversarialAutoencoder(16, 2, (32,))
        critic = mlp((2, 32, 32, 1), lambda: nn.LeakyReLU(0.2))
        step = adversarial_autoencoder_step(
            model,
            critic,
            torch.optim.Adam(model.parameters(), 1e-3),
            torch.optim.Adam(model.encoder.parameters(), 1e-3 if hears_the_critic else 0.0, betas=(0.5, 0.9)),
            torch.optim.Adam(critic.parameters(), 1e-3, betas=(0.5, 0.9)),
        )
        history = fit(step, minibatches(data, 64, np.random.default_rng(3)), 1200)
    with torch.no_grad():
        codes = model.encode(data).numpy()
    distance = mmd2_unbiased(codes, np.random.default_rng(4).standard_normal((800, 2)), 1.0)
    assert history["reconstruction"][-50:].mean() < history["reconstruction"][:50].mean() - 1
    assert distance < 0.04 if hears_the_critic else distance > 0.1

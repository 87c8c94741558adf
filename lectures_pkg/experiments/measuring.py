"""The comparison table, measured: eight models of binary 8x8 digits, one protocol, every choice by validation images.

Chapter ``measuring`` and the page ``comparison``. 1147 training images, 200 for validation (early stopping, and one
choice between two learning rates for each model whose own chapter has not chosen), 450 test images that are looked
at once, by the chosen model. Every model emits binary images; the GAN's grey ones are cut at one half, as the data
were. Likelihoods are in nats per test image.

`run` holds what is repeated over seeds. What is not, is stored by ``python -m lectures_pkg.experiments.measuring``:
the choices, the first samples of seed 0, and seconds, which depend on the machine.
"""

from __future__ import annotations

import json
import pathlib
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, relu, softplus

from lectures_pkg import autoregressive, gan, hybrids, vae
from lectures_pkg.autoregressive import BernoulliMixture, fit_bernoulli_mixture
from lectures_pkg.datasets import load_digits8
from lectures_pkg.experiments import autoregressive as pixels_experiment
from lectures_pkg.experiments import rbm as rbm_experiment
from lectures_pkg.hybrids import AdversarialAutoencoder, Coded, PixelDecoder, PixelGANAutoencoder, PixelVAE
from lectures_pkg.metrics import Judge, classifier_two_sample_test, linear_probe, mmd2_unbiased, precision_recall
from lectures_pkg.networks import DCDiscriminator, DCGenerator, mlp
from lectures_pkg.rbm import RBM, pixel_log_odds, reverse_annealed_importance_sampling
from lectures_pkg.training import EMA, Step, fit, minibatches, seeded
from lectures_pkg.vae import VAE

SEEDS = range(3)

N_VALIDATION = 200  #: training images that only choose
N_SAMPLES = 1000  #: images drawn from each model
N_SHOWN = 50  #: first samples of seed 0 that are stored
N_WEIGHTS = 1000  #: K of the importance-weighted bounds
N_CODES = 2000  #: codes from the prior among which a completion chooses
N_SWEEPS = 1000  #: Gibbs sweeps for a sample, and for a completion
BANDWIDTH = 3.0  #: of the kernel between images, in units of a pixel
KNOWN = np.arange(64) < 32  #: the top half, given when an image is completed

#: The two learning rates between which the validation images chose, with seed 0; see `validation_losses`.
RATES: Mapping[str, tuple[float, float]] = {
    "vae_8": (1e-3, 2e-3),
    "gan": (5e-4, 1e-3),
    "aae_2": (5e-4, 1e-3),
    "pixel_vae_4": (1e-3, 2e-3),
    "pixel_gan_ae_2": (5e-4, 1e-3),
}
CHOSEN: Mapping[str, float] = {"vae_8": 1e-3, "gan": 1e-3, "aae_2": 1e-3, "pixel_vae_4": 1e-3, "pixel_gan_ae_2": 1e-3}
GAN_NOISE, GAN_ROUNDS = 16, 2000
CODE_ROUNDS = 3000  #: of the two models with a critic of codes

Chosen = TypeVar("Chosen")


class Split(NamedTuple):
    """Binary digits as rows of 64 pixels, float32."""

    train: np.ndarray  #: (1147, 64)
    train_labels: np.ndarray
    validation: np.ndarray  #: (200, 64)
    test: np.ndarray  #: (450, 64)
    test_labels: np.ndarray


@cache
def digits() -> Split:
    """The split of chapters ``rbm`` and ``autoregressive``: the first 200 training images validate."""
    loaded = load_digits8(binary=True)
    train, test = (i.reshape(-1, 64).astype(np.float32) for i in (loaded.train_images, loaded.test_images))
    n = N_VALIDATION
    return Split(train[n:], loaded.train_labels[n:], train[:n], test, loaded.test_labels)


@cache
def judge() -> Judge:
    """The classifier that judges images: it has seen the training images only."""
    return Judge(digits().train, digits().train_labels)


class Measured(NamedTuple):
    """What the protocol asks of a trained model; None where the model has no such thing."""

    draw: Callable[[int, np.random.Generator], np.ndarray]  #: n binary images, shape (n, 64)
    nll: Callable[[np.ndarray], dict[str, float]] | None = None  #: nats per image, by name
    features: Callable[[np.ndarray], np.ndarray] | None = None  #: images to (n, n_features)
    complete: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None  #: keeps the top half
    extra: Callable[[np.ndarray], dict[str, float]] | None = None  #: images to more numbers of this model alone
    validation: Callable[[], float] | None = None  #: the loss by which a learning rate is chosen, smaller is better
    seconds: float = float("nan")  #: of processor time, for the training


# ---------------------------------------------------------------------------------------------------------
# The models


def measured_mixture(n_components: int, seed: int) -> Measured:
    """A mixture of Bernoullis; with one component, independent pixels: the floor."""
    mixture, seconds = _timed(
        lambda: fit_bernoulli_mixture(digits().train, n_components, np.random.default_rng(seed), n_rounds=100)
    )
    return Measured(
        draw=mixture.sample,
        nll=lambda x: {"nll": -float(mixture.log_prob(x).mean())},
        complete=partial(_complete_mixture, mixture),
        seconds=seconds,
    )


def measured_rbm(n_hidden: int, seed: int) -> Measured:
    """A machine with the settings that chapter ``rbm`` chose on the same validation images."""
    rbm, seconds = _timed(lambda: rbm_experiment.train(n_hidden, seed))
    return Measured(
        draw=lambda n, rng: rbm_experiment.draw(rbm, n, rng, N_SWEEPS),
        nll=partial(_rbm_nll, rbm, seed),
        features=rbm.hidden_probability,
        complete=partial(_complete_rbm, rbm),
        extra=lambda x: {"sweeps_per_draw": rbm_experiment.energy_time(rbm, np.random.default_rng([seed, n_hidden]))},
        seconds=seconds,
    )


def measured_made(seed: int) -> Measured:
    """The MADE of chapter ``autoregressive``, with the size and dropout that it chose on training images."""
    made, seconds = _timed(lambda: pixels_experiment.train_made(seed))
    return Measured(
        draw=lambda n, rng: made.sample(n, _torch(rng)).numpy(),
        nll=lambda x: {"nll": pixels_experiment.nll(made, torch.tensor(x))},
        features=_without_gradient(lambda x: relu(made.layers[0](x))),
        complete=lambda x, rng: autoregressive.complete(made, torch.tensor(x), KNOWN, _torch(rng)).numpy(),
        seconds=seconds,
    )


def measured_vae(seed: int, rate: float = CHOSEN["vae_8"]) -> Measured:
    """A VAE with eight latents; stopped and chosen by its bound on the validation images."""
    model, seconds = _timed(
        lambda: _stopped(lambda: VAE(64, 8, (128,), nn.ReLU), seed, rate, vae.vae_step, negative_elbo)
    )
    log_weights = partial(vae.log_importance_weights, model)
    return Measured(
        draw=lambda n, rng: vae.sample(model, n, _torch(rng))[0].numpy(),
        nll=partial(_bounds, model, log_weights),
        features=_without_gradient(lambda x: model.encode(x)[0]),
        complete=lambda x, rng: _complete_by_codes(model, _independent_known(model), x, rng),
        extra=lambda x: _shown_as_means(model, seed),
        validation=lambda: negative_elbo(model, torch.tensor(digits().validation)),
        seconds=seconds,
    )


def measured_pixel_vae(seed: int, rate: float = CHOSEN["pixel_vae_4"]) -> Measured:
    """PixelVAE with four latents: the decoder is the MADE of chapter ``autoregressive``, given a code."""

    def build() -> PixelVAE:
        return PixelVAE(64, 4, (128,), width=pixels_experiment.WIDTH, dropout=pixels_experiment.DROPOUT)

    model, seconds = _timed(lambda: _stopped(build, seed, rate, hybrids.pixel_vae_step, negative_elbo))
    log_weights = partial(hybrids.log_importance_weights, model)
    return Measured(
        draw=lambda n, rng: hybrids.sample(model, n, _torch(rng)).numpy(),
        nll=partial(_bounds, model, log_weights),
        features=_without_gradient(lambda x: model.encode(x)[0]),
        complete=lambda x, rng: _complete_by_codes(model, _known_in_order(model.decoder), x, rng),
        extra=partial(_kl, model),
        validation=lambda: negative_elbo(model, torch.tensor(digits().validation)),
        seconds=seconds,
    )


def measured_aae(seed: int, rate: float = CHOSEN["aae_2"]) -> Measured:
    """An adversarial autoencoder with two latents; chosen by its likelihood, which its training never sees."""
    model, seconds = _timed(lambda: train_adversarial(_plain, seed, rate))
    nll = partial(_nll_by_quadrature, partial(vae.log_prob_by_quadrature, model, n_grid=401, tolerance=0.1))
    alone = partial(train_adversarial, _plain, seed, rate, critic=False)
    return Measured(
        draw=lambda n, rng: hybrids.sample(model, n, _torch(rng)).numpy(),
        nll=nll,
        features=_without_gradient(model.encode),
        complete=lambda x, rng: _complete_by_codes(model, _independent_known(model), x, rng),
        extra=lambda x: _of_codes(model, x, seed) | {"codes_mmd2_without_critic": codes_mmd2(alone(), x, seed)},
        validation=lambda: nll(digits().validation)["nll"],
        seconds=seconds,
    )


def measured_pixel_gan(seed: int, rate: float = CHOSEN["pixel_gan_ae_2"]) -> Measured:
    """A PixelGAN autoencoder with two latents: that critic, and the MADE of chapter ``autoregressive``."""
    model, seconds = _timed(lambda: train_adversarial(_in_order, seed, rate))
    nll = partial(_nll_by_quadrature, partial(hybrids.log_prob_by_quadrature, model, n_grid=61, tolerance=0.5))
    return Measured(
        draw=lambda n, rng: hybrids.sample(model, n, _torch(rng)).numpy(),
        nll=nll,
        features=_without_gradient(model.encode),
        complete=lambda x, rng: _complete_by_codes(model, _known_in_order(model.decoder), x, rng),
        extra=lambda x: _of_codes(model, x, seed),
        validation=lambda: nll(digits().validation)["nll"],
        seconds=seconds,
    )


def measured_gan(seed: int, rate: float = CHOSEN["gan"]) -> Measured:
    """The convolutional pair of chapter ``dcgan``, averaged; chosen by a two-sample test on the validation images."""
    (generator, discriminator), seconds = _timed(lambda: train_gan(seed, rate))
    features = nn.Sequential(*list(discriminator.layers)[:-1], nn.Flatten())
    return Measured(
        draw=partial(_gan_draw, generator),
        features=_without_gradient(lambda x: features((2 * x - 1).reshape(-1, 1, 8, 8))),
        extra=lambda x: {"grey_pixels": _grey_pixels(generator, seed)},
        validation=lambda: _told_apart(partial(_gan_draw, generator), seed),
        seconds=seconds,
    )


class Entry(NamedTuple):
    """A row of the table: how it is called, and what can be said of it before any training."""

    title: str
    train: Callable[..., Measured]  #: from a seed, and a learning rate other than the chosen one
    likelihood: str  #: what kind of number the negative log-likelihood is
    calls: str  #: network calls, one after another, for a batch of samples


MODELS: Mapping[str, Entry] = {
    "independent": Entry("independent pixels", partial(measured_mixture, 1), "exact", "1"),
    "mixture_60": Entry("mixture of 60", partial(measured_mixture, 60), "exact", "1"),
    "rbm_20": Entry("RBM-20", partial(measured_rbm, 20), "exact", "1000 sweeps"),
    "rbm_128": Entry("RBM-128", partial(measured_rbm, 128), "estimate (AIS)", "1000 sweeps"),
    "made_256": Entry("MADE-256", measured_made, "exact", "64"),
    "vae_8": Entry("VAE-8", measured_vae, f"bound (K = {N_WEIGHTS})", "1"),
    "gan": Entry("GAN", measured_gan, "none", "1"),
    "aae_2": Entry("AAE-2", measured_aae, "exact (quadrature)", "1"),
    "pixel_vae_4": Entry("PixelVAE-4", measured_pixel_vae, f"bound (K = {N_WEIGHTS})", "65"),
    "pixel_gan_ae_2": Entry("PixelGAN-AE-2", measured_pixel_gan, "exact (quadrature)", "65"),
}


@cache
def trained(name: str, seed: int) -> Measured:
    """One of `MODELS`; asked twice, it is trained once."""
    return MODELS[name].train(seed)


# ---------------------------------------------------------------------------------------------------------
# The protocol


def run(seed: int) -> dict[str, float]:
    """All models with one seed, and the ceiling, real images: some minutes."""
    found: dict[str, float] = {}
    for name in MODELS:
        found |= {f"{name}_{key}": value for key, value in measure(trained(name, seed), seed).items()}
    return found | {f"real_{key}": value for key, value in measure_real(seed).items()}


def measure(model: Measured, seed: int) -> dict[str, float]:
    """Every number of one model: quality of its samples, likelihood, probes of its features, completions."""
    data, rng = digits(), np.random.default_rng([seed, 14])
    found = quality(first_samples_of(model, seed, N_SAMPLES), rng)
    if model.nll:
        found |= model.nll(data.test)
    if model.features:
        found |= probes(model.features(data.train), model.features(data.test), rng)
    if model.complete:
        found |= completion(model.complete(data.test, rng))
    return found | (model.extra(data.test) if model.extra else {})


def measure_real(seed: int) -> dict[str, float]:
    """The same for real images: training images as samples, the judge on test images, probes of raw pixels."""
    data, rng = digits(), np.random.default_rng([seed, 14])
    found = quality(rng.permutation(data.train)[:N_SAMPLES], rng)
    found |= probes(data.train, data.test, rng)
    found["confidence"] = judge().report(data.test).confidence  # the judge knows the training images
    found["judge_accuracy"] = float((judge().predict(data.test) == data.test_labels).mean())
    return found


def first_samples_of(model: Measured, seed: int, n: int) -> np.ndarray:
    """The first n images of a model, shape (n, 64); nothing is picked."""
    return np.asarray(model.draw(n, np.random.default_rng([seed, 0])), dtype=float)


def quality(images: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """Samples against the 450 test images: as many for the two-sample tests and the neighbours, all for the rest."""
    test = digits().test
    n = len(test)
    neighbours = precision_recall(test, images[:n], k=3)
    pairs = [images[:n], images[n : 2 * n]]
    return {
        "c2st": float(np.mean([classifier_two_sample_test(test, half, rng).accuracy for half in pairs])),
        "confidence": judge().report(images).confidence,
        "precision": neighbours.precision,
        "recall": neighbours.recall,
        "mmd2": mmd2_unbiased(test, images, BANDWIDTH),
    }


def probes(train: np.ndarray, test: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """What a linear classifier reads from features: with ten labels of each class, and with all."""
    labels = digits().train_labels, digits().test_labels
    few = linear_probe(train, labels[0], test, labels[1], rng, n_per_class=10)
    return {
        "probe_10": few.accuracy,
        "probe_all": linear_probe(train, labels[0], test, labels[1], rng).accuracy,
    }


def completion(completed: np.ndarray) -> dict[str, float]:
    """Share of wrong pixels in the lower halves, one draw for each test image; and of digits still recognised."""
    data = digits()
    wrong = completed[:, ~KNOWN] != data.test[:, ~KNOWN]
    named = judge().predict(completed)
    return {
        "completion_error": float(wrong.mean()),
        "completion_accuracy": float((named == data.test_labels).mean()),
    }


def validation_losses() -> dict[str, dict[str, float]]:
    """Of both learning rates of each model in `RATES`, with seed 0: what `CHOSEN` was chosen by."""
    found = {}
    for name, rates in RATES.items():
        models = {f"{r:g}": trained(name, 0) if r == CHOSEN[name] else MODELS[name].train(0, r) for r in rates}
        found[name] = {rate: model.validation() for rate, model in models.items() if model.validation}
    return found


# ---------------------------------------------------------------------------------------------------------
# Training


def train_gan(seed: int, rate: float) -> tuple[nn.Module, Any]:
    """Averaged generator and discriminator of binary digits in {-1, 1}."""
    with seeded(seed):
        generator, discriminator = DCGenerator(GAN_NOISE), DCDiscriminator()
        for network in (generator, discriminator):
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        average = EMA(generator, 0.99)
        g_adam, d_adam = (
            torch.optim.Adam(network.parameters(), rate, betas=(0.5, 0.999), fused=True)
            for network in (generator, discriminator)
        )
        step = gan.gan_step(generator, discriminator, g_adam, d_adam, _noise, ema=average)
        fit(step, minibatches(torch.tensor(2 * digits().train - 1).reshape(-1, 1, 8, 8), 64, _numpy(seed)), GAN_ROUNDS)
    return average.module, discriminator.eval()


def _plain() -> AdversarialAutoencoder:
    return AdversarialAutoencoder(64, 2, (128,))


def _in_order() -> PixelGANAutoencoder:
    return PixelGANAutoencoder(64, 2, (128,), width=pixels_experiment.WIDTH, dropout=pixels_experiment.DROPOUT)


def train_adversarial(build: Callable[[], Any], seed: int, rate: float, *, critic: bool = True) -> Any:
    """A model with a critic of codes; without the critic, an autoencoder whose codes go where they like."""
    with seeded(seed):
        model = build()
        network = mlp((2, 64, 64, 1), lambda: nn.LeakyReLU(0.2))
        step = hybrids.adversarial_autoencoder_step(
            model,
            network,
            torch.optim.Adam(model.parameters(), rate, fused=True),
            # A rate of zero: the encoder does not hear the critic.
            torch.optim.Adam(model.encoder.parameters(), rate if critic else 0.0, betas=(0.5, 0.9), fused=True),
            torch.optim.Adam(network.parameters(), rate, betas=(0.5, 0.9), fused=True),
        )
        fit(step, minibatches(torch.tensor(digits().train), 64, _numpy(seed)), CODE_ROUNDS)
    return model.eval()


def _stopped(
    build: Callable[[], Any],
    seed: int,
    rate: float,
    step_of: Callable[[Any, torch.optim.Optimizer], Step],
    score: Callable[[Any, Tensor], float],
) -> Any:
    """Trained until ``score`` on the validation images stops falling, as in chapter ``autoregressive``."""
    return pixels_experiment.train(
        build,
        seed,
        learn_from=torch.tensor(digits().train),
        stop_on=torch.tensor(digits().validation),
        learning_rate=rate,
        max_steps=6000,
        patience=8,
        step_of=step_of,
        score=score,
    )


# ---------------------------------------------------------------------------------------------------------
# Likelihoods, and other numbers of one model


@torch.no_grad()
def negative_elbo(model: VAE | PixelVAE, x: Tensor) -> float:
    """Nats per image, mean over 20 draws of z for each; dropout off. Larger than the negative log-likelihood."""
    model.eval()
    log_weights = vae.log_importance_weights if isinstance(model, VAE) else hybrids.log_importance_weights
    return -log_weights(model, x, 20, torch.Generator().manual_seed(0)).mean().item()  # type: ignore[arg-type]


@torch.no_grad()
def _bounds(model: Any, log_weights: Callable[..., Tensor], x: np.ndarray) -> dict[str, float]:
    rng = torch.Generator().manual_seed(1)
    parts = [vae.iwae_bound(log_weights(rows, N_WEIGHTS, rng)) for rows in torch.tensor(x).split(10)]
    return {"nll": -torch.cat(parts).mean().item(), "negative_elbo": negative_elbo(model, torch.tensor(x))}


def _nll_by_quadrature(log_prob: Callable[[Tensor], Tensor], x: np.ndarray) -> dict[str, float]:
    return {"nll": -log_prob(torch.tensor(x)).mean().item()}


def _rbm_nll(rbm: RBM, seed: int, x: np.ndarray) -> dict[str, float]:
    if rbm.n_hidden <= 20:
        return {"nll": rbm_experiment.nll(rbm, x, rbm.log_partition())}
    rng = np.random.default_rng([seed, rbm.n_hidden])
    log_z = rbm_experiment.estimated_log_partition(rbm, rng)
    start = rbm_experiment.draw(rbm, 200, rng, N_SWEEPS)
    base = pixel_log_odds(digits().train)
    reverse = reverse_annealed_importance_sampling(rbm, start, N_SWEEPS, rng, base_bias=base)
    return {"nll": rbm_experiment.nll(rbm, x, log_z), "log_z_gap": reverse.log_partition - log_z}


@torch.no_grad()
def _kl(model: PixelVAE, x: np.ndarray) -> dict[str, float]:
    return {"kl": vae.kl_to_standard_normal(*model.encode(torch.tensor(x))).mean().item()}


@torch.no_grad()
def _of_codes(model: Any, x: np.ndarray, seed: int) -> dict[str, float]:
    images = torch.tensor(x)
    reconstruction = -model.log_likelihood(images, model.encode(images)).mean().item()
    return {"codes_mmd2": codes_mmd2(model, x, seed), "reconstruction": reconstruction}


@torch.no_grad()
def codes_mmd2(model: Coded, x: np.ndarray, seed: int) -> float:
    """Squared discrepancy, with a kernel of width 1, of the images' codes from as many draws of the prior."""
    codes = model.encode(torch.tensor(x)).numpy()
    return mmd2_unbiased(codes, np.random.default_rng([seed, 2]).standard_normal(codes.shape), 1.0)


@torch.no_grad()
def _shown_as_means(model: VAE, seed: int) -> dict[str, float]:
    """Quality of the decoder's means, cut at one half, in place of samples of the pixels; and the bound's KL."""
    means = vae.sample(model, N_SAMPLES, torch.Generator().manual_seed(seed))[1].numpy()
    found = quality((means >= 0.5).astype(float), np.random.default_rng([seed, 15]))
    kl = vae.kl_to_standard_normal(*model.encode(torch.tensor(digits().test))).mean().item()
    return {f"means_{name}": value for name, value in found.items()} | {"kl": kl}


def _gan_images(generator: nn.Module, n: int, rng: np.random.Generator) -> np.ndarray:
    codes = torch.tensor(rng.standard_normal((n, GAN_NOISE)), dtype=torch.float32)
    return (gan.sample(generator, lambda m: codes, n).reshape(-1, 64).numpy() + 1) / 2


def _gan_draw(generator: nn.Module, n: int, rng: np.random.Generator) -> np.ndarray:
    return (_gan_images(generator, n, rng) >= 0.5).astype(float)


def _grey_pixels(generator: nn.Module, seed: int) -> float:
    """Share of pixels between .1 and .9: what the cut at one half decides."""
    images = _gan_images(generator, N_SAMPLES, np.random.default_rng(seed))
    return float(((images > 0.1) & (images < 0.9)).mean())


def _told_apart(draw: Callable[[int, np.random.Generator], np.ndarray], seed: int) -> float:
    """Mean accuracy of three two-sample tests against the validation images."""
    rng, validation = np.random.default_rng([seed, 1]), digits().validation
    tests = [classifier_two_sample_test(validation, draw(len(validation), rng), rng) for _ in range(3)]
    return float(np.mean([test.accuracy for test in tests]))


# ---------------------------------------------------------------------------------------------------------
# Completions: one draw of the lower half given the upper one, from the model's own conditional law


def _complete_mixture(mixture: BernoulliMixture, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Exactly: a component given the top half, then its pixels."""
    log_joint = BernoulliMixture(mixture.weights, mixture.means[:, KNOWN]).joint_log_prob(x[:, KNOWN])
    component = (log_joint + rng.gumbel(size=log_joint.shape)).argmax(axis=1)
    return np.where(KNOWN, x, rng.random(x.shape) < mixture.means[component])


def _complete_rbm(rbm: RBM, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gibbs sweeps with the top half put back after each."""
    v = np.where(KNOWN, x, rng.random(x.shape) < 0.5)
    for _ in range(N_SWEEPS):
        v = np.where(KNOWN, x, rbm.gibbs(v, 1, rng))
    return v


@torch.no_grad()
def _complete_by_codes(
    model: Any, log_known: Callable[[Tensor, Tensor], Tensor], x: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Codes from the prior, one chosen for each image by how well it explains the top half, then its pixels.

    ``log_known(x, z)`` is log p(top half | z) for all images and codes, shape (batch, n_codes).
    """
    images, noise = torch.tensor(x), _torch(rng)
    codes = torch.randn(N_CODES, model.latent_dim, generator=noise)
    weight = torch.softmax(log_known(images, codes), dim=1)
    chosen = codes[torch.multinomial(weight, 1, generator=noise)[:, 0]]
    decoder = model.decoder
    if isinstance(decoder, PixelDecoder):
        return decoder.complete(images, KNOWN, chosen, noise).numpy()
    drawn = torch.bernoulli(torch.sigmoid(model.decode(chosen)), generator=noise)
    return torch.where(torch.tensor(KNOWN), images, drawn).numpy()


def _independent_known(model: Any) -> Callable[[Tensor, Tensor], Tensor]:
    def log_known(x: Tensor, z: Tensor) -> Tensor:
        logits = model.decode(z)[:, KNOWN]  # (n_codes, known)
        return x[:, KNOWN] @ logits.T - softplus(logits).sum(dim=1)

    return log_known


def _known_in_order(decoder: Any) -> Callable[[Tensor, Tensor], Tensor]:
    def log_known(x: Tensor, z: Tensor) -> Tensor:
        rows = []
        for image in x:
            repeated = image.expand(len(z), -1)
            logits = decoder(repeated, z)[:, KNOWN]  # of the top half: they look at nothing below it
            rows.append(logsigmoid((2 * repeated[:, KNOWN] - 1) * logits).sum(dim=1))
        return torch.stack(rows)

    return log_known


# ---------------------------------------------------------------------------------------------------------
# Stored once, for seed 0: first samples and seconds

ONCE = pathlib.Path(__file__).with_name("measuring_once.json")


def store_once() -> None:
    """With seed 0: the choices, every model's first samples (hexadecimal, a bit for each pixel), and seconds."""
    samples, seconds = {}, {}
    for name in MODELS:
        model = trained(name, 0)
        images, spent = _timed(lambda model=model: first_samples_of(model, 0, N_SAMPLES))  # type: ignore[misc]
        samples[name] = [np.packbits(row.astype(np.uint8)).tobytes().hex() for row in images[:N_SHOWN]]
        seconds[name] = {"training": model.seconds, "drawing_1000": spent}
    record = {
        "command": "python -m lectures_pkg.experiments.measuring",
        "note": "seconds are processor time of one thread of one machine; yours will differ",
        "seconds": seconds,
        "validation": validation_losses(),
        "samples": samples,
    }
    ONCE.write_text(json.dumps(record, indent=1) + "\n")


def stored_samples() -> dict[str, np.ndarray]:
    """The first samples of each model, seed 0, shape (50, 8, 8) with entries 0 and 1, by the names of `MODELS`."""
    return {name: unpack(rows) for name, rows in json.loads(ONCE.read_text())["samples"].items()}


def stored_seconds() -> dict[str, dict[str, float]]:
    """Seconds of ``training`` and of ``drawing_1000`` images, by model: of one machine, good for their order only."""
    return json.loads(ONCE.read_text())["seconds"]


def stored_validation() -> dict[str, dict[str, float]]:
    """The losses by which the learning rates were chosen, by model and rate: see `validation_losses`."""
    return json.loads(ONCE.read_text())["validation"]


def unpack(rows: Sequence[str]) -> np.ndarray:
    """Hexadecimal rows of 64 bits as images, shape (n, 8, 8)."""
    bits = [np.unpackbits(np.frombuffer(bytes.fromhex(row), dtype=np.uint8)) for row in rows]
    return np.array(bits, dtype=float).reshape(-1, 8, 8)


# ---------------------------------------------------------------------------------------------------------


def _timed(make: Callable[[], Chosen]) -> tuple[Chosen, float]:
    start = time.process_time()
    return make(), time.process_time() - start


def _without_gradient(function: Callable[[Tensor], Tensor]) -> Callable[[np.ndarray], np.ndarray]:
    def on_arrays(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return function(torch.tensor(x)).numpy()

    return on_arrays


def _noise(n: int) -> Tensor:
    return torch.randn(n, GAN_NOISE)


def _numpy(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def _torch(rng: np.random.Generator) -> torch.Generator:
    return torch.Generator().manual_seed(int(rng.integers(2**31)))


if __name__ == "__main__":
    store_once()

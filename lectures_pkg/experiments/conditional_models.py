"""The experiments of the chapter on conditioning: strokes and digits with labels, clusters without pairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from lectures_pkg.conditional import (
    ConditionalModel,
    ConditionalVAE,
    LabelledMLP,
    conditional_gan_step,
    cvae_step,
    labelled_minibatches,
    posthoc_map,
    sample,
    sample_given,
    with_label,
)
from lectures_pkg.cycle_gan import Map, cycle_gan_step, cycle_loss
from lectures_pkg.datasets import load_digits8
from lectures_pkg.divergences import jensen_shannon_divergence
from lectures_pkg.metrics import Judge, classifier_two_sample_test, gan_test, gan_train, precision_recall
from lectures_pkg.networks import DCDiscriminator, DCGenerator, mlp
from lectures_pkg.training import EMA, fit, minibatches, seeded
from lectures_pkg.vae import VAE, vae_step
from lectures_pkg.worlds import binary_images

SEEDS = range(5)

LATENT_DIM = 16
N_ROUNDS = 1500
N_CVAE_STEPS = 3000
#: Labels of the images that are judged: 100 of each digit.
ASKED = np.arange(1000) % 10


class UntoldDiscriminator(nn.Module):
    """The slip: the discriminator is not shown the label, so nothing makes the generator obey it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.network(x)


class ConditionalRun(NamedTuple):
    """A trained conditional pair."""

    generator: nn.Module
    discriminator: nn.Module
    average: EMA
    losses: dict[str, np.ndarray]


# the small world: labelled strokes on 2x2 pixels -------------------------------------------------------------


def stroke_laws(noise: float = 0.05) -> np.ndarray:
    """Laws of `binary_images` given the label, shape (2, 16): label 0 is the left stroke, 1 the right one."""
    images = binary_images()
    flips = np.stack([np.abs(images - stroke).sum(axis=1) for stroke in ([1, 0, 1, 0], [0, 1, 0, 1])])
    return noise**flips * (1 - noise) ** (4 - flips)


def train_strokes(seed: int, *, told: bool = True, n_rounds: int = 2500) -> ConditionalRun:
    """Networks on strokes whose pixels are blurred by a little Gaussian noise: a few seconds."""
    laws, rng = stroke_laws(), np.random.default_rng(seed)
    with seeded(seed):
        generator = LabelledMLP((4, 48, 48, 4), 2, _leaky)
        discriminator = (
            LabelledMLP((4, 48, 48, 1), 2, _leaky) if told else UntoldDiscriminator(mlp((4, 48, 48, 1), _leaky))
        )
        average = EMA(generator, 0.995)
        step = conditional_gan_step(
            generator,
            discriminator,
            torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.9), fused=True),
            torch.optim.Adam(discriminator.parameters(), lr=2e-3, betas=(0.5, 0.9), fused=True),
            lambda m: torch.randn(m, 4),
            ema=average,
        )
        losses = fit(step, _stroke_batches(laws, rng), n_rounds)
    return ConditionalRun(generator, discriminator, average, losses)


def learned_laws(generator: nn.Module, seed: int, n: int = 20_000) -> np.ndarray:
    """Frequencies of the 16 pictures given each label, shape (2, 16): n draws each, pixels cut at one half."""
    laws = []
    for label in (0, 1):
        z = torch.randn(n, 4, generator=torch.Generator().manual_seed(seed))
        pixels = sample(generator, z, torch.full((n,), label)).numpy() > 0.5
        laws.append(np.bincount(pixels @ [8, 4, 2, 1], minlength=16) / n)
    return np.array(laws)


def label_divergences(found: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Jensen-Shannon divergences in nats: mean over (equally likely) labels, and of the two mixtures without labels."""
    given = np.mean([jensen_shannon_divergence(q, p) for q, p in zip(found, truth, strict=True)])
    return float(given), jensen_shannon_divergence(found.mean(axis=0), truth.mean(axis=0))


# digits -------------------------------------------------------------------------------------------------------


def train_digits(
    seed: int, images: np.ndarray, labels: np.ndarray, *, told: bool = True, n_rounds: int = N_ROUNDS
) -> ConditionalRun:
    """The DCGAN pair with labels, on images of shape (n, 8, 8) in [0, 1]; it works with them in [-1, 1]."""
    data, y = torch.as_tensor(2 * images - 1, dtype=torch.float32)[:, None], torch.as_tensor(labels)
    with seeded(seed):
        generator = DCGenerator(LATENT_DIM, 32, 8, n_classes=10)
        discriminator = DCDiscriminator(32, 8, n_classes=10) if told else UntoldDiscriminator(DCDiscriminator(32, 8))
        # Channels last: the same numbers in another order of memory, on which small convolutions run faster.
        generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        discriminator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        average = EMA(generator, 0.99)
        g_adam, d_adam = (
            torch.optim.Adam(network.parameters(), lr=1e-3, betas=(0.5, 0.999), fused=True)
            for network in (generator, discriminator)
        )
        step = conditional_gan_step(
            generator, discriminator, g_adam, d_adam, lambda m: torch.randn(m, LATENT_DIM), ema=average
        )
        losses = fit(step, labelled_minibatches(data, y, 64, np.random.default_rng(seed)), n_rounds)
    return ConditionalRun(generator, discriminator, average, losses)


def draw_digits(generator: nn.Module, labels: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Images in [0, 1], shape (n, 8, 8), for labels (n,) and codes (n, LATENT_DIM)."""
    made = sample(generator, torch.as_tensor(codes, dtype=torch.float32), torch.as_tensor(labels))
    return np.clip((made[:, 0].numpy().astype(float) + 1) / 2, 0, 1)


class EncoderOnlyCVAE(nn.Module):
    """The slip: the encoder is told the label, the decoder is not."""

    def __init__(self, latent_dim: int = 6) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.encoder = mlp((74, 128, 2 * latent_dim))
        self.decoder = mlp((latent_dim, 128, 64))

    def encode(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_var = self.encoder(with_label(x, y, 10)).chunk(2, dim=1)
        return mean, log_var

    def decode(self, z: Tensor, y: Tensor) -> Tensor:
        return self.decoder(z)


def train_cvae(
    seed: int, images: np.ndarray, labels: np.ndarray, *, encoder_only: bool = False, n_steps: int = N_CVAE_STEPS
) -> ConditionalModel:
    """A conditional VAE on images of shape (n, 8, 8); grey values make the bound a training loss, not a likelihood."""
    x, y = torch.as_tensor(images.reshape(-1, 64), dtype=torch.float32), torch.as_tensor(labels)
    with seeded(seed):
        model = EncoderOnlyCVAE() if encoder_only else ConditionalVAE(64, 10, 6, (128,), nn.ReLU)
        step = cvae_step(model, torch.optim.Adam(model.parameters(), lr=2e-3, fused=True))
        fit(step, labelled_minibatches(x, y, 64, np.random.default_rng(seed)), n_steps)
    return model


def train_vae(seed: int, images: np.ndarray, *, n_steps: int = N_CVAE_STEPS) -> VAE:
    """The same without labels."""
    x = torch.as_tensor(images.reshape(-1, 64), dtype=torch.float32)
    with seeded(seed):
        model = VAE(64, 6, (128,), nn.ReLU)
        step = vae_step(model, torch.optim.Adam(model.parameters(), lr=2e-3, fused=True))
        fit(step, minibatches(x, 64, np.random.default_rng(seed)), n_steps)
    return model


def draw_cvae(model: ConditionalModel, labels: np.ndarray, seed: int) -> np.ndarray:
    """Means of the pixels, shape (n, 8, 8), for labels (n,)."""
    _, means = sample_given(model, torch.as_tensor(labels), torch.Generator().manual_seed(seed))
    return means.numpy().astype(float).reshape(-1, 8, 8)


def draw_posthoc(model: VAE, images: np.ndarray, labels: np.ndarray, asked: np.ndarray, seed: int) -> np.ndarray:
    """Means of the pixels, shape (n, 8, 8), from a label map fitted to a finished VAE on these images."""
    x = torch.as_tensor(images.reshape(-1, 64), dtype=torch.float32)
    found = posthoc_map(model, x, torch.as_tensor(labels))
    with torch.no_grad():
        z = found.sample(torch.as_tensor(asked), torch.Generator().manual_seed(seed))
        return torch.sigmoid(model.decode(z)).numpy().astype(float).reshape(-1, 8, 8)


# four clusters here, four clusters there ----------------------------------------------------------------------

A_CENTRES = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
B_CENTRES = 1.5 * A_CENTRES + [4.0, 0.0]
CLUSTER_STD = 0.1


class Pairing(NamedTuple):
    """Two maps between the worlds, and what became of the clusters."""

    to_b: nn.Module
    to_a: nn.Module
    clusters: list[int]  #: cluster of B to which most points of each cluster of A go
    cycle: float  #: mean absolute error per coordinate after the way there and back, over both journeys
    distance: float  #: mean distance of translated points from the nearest centre of B (perfect: 0.125)


def train_cycle(seed: int, *, cycle_weight: float = 5.0, anchored: bool = False, n_steps: int = 2500) -> Pairing:
    """Train both maps without pairs; ``anchored`` adds one known pair for each cluster, of the same weight."""
    anchors = torch.as_tensor(A_CENTRES, dtype=torch.float32), torch.as_tensor(B_CENTRES, dtype=torch.float32)

    def known_pairs(to_b: Map, to_a: Map) -> Tensor:
        there, back = cycle_loss(anchors[1], to_b(anchors[0])), cycle_loss(anchors[0], to_a(anchors[1]))
        return cycle_weight * (there + back)

    with seeded(seed):
        to_b, to_a = mlp((2, 64, 64, 2), _leaky), mlp((2, 64, 64, 2), _leaky)
        judge_a, judge_b = mlp((2, 64, 64, 1), _leaky), mlp((2, 64, 64, 1), _leaky)
        maps, judges = (
            torch.optim.Adam([p for network in pair for p in network.parameters()], 1e-3, (0.5, 0.9), fused=True)
            for pair in ((to_b, to_a), (judge_a, judge_b))
        )
        extra = known_pairs if anchored else None
        step = cycle_gan_step(to_b, to_a, judge_a, judge_b, maps, judges, cycle_weight=cycle_weight, extra_loss=extra)
        fit(step, _unpaired_batches(), n_steps)
        return read_pairing(to_b, to_a)


@torch.no_grad()
def read_pairing(to_b: nn.Module, to_a: nn.Module, n: int = 1000) -> Pairing:
    """Where each cluster goes, on n fresh points of each (torch's global generator draws)."""
    a, b = (_clusters(centres, torch.arange(4).repeat_interleave(n)) for centres in (A_CENTRES, B_CENTRES))
    translated = to_b(a)
    distances = torch.cdist(translated, torch.as_tensor(B_CENTRES, dtype=torch.float32))
    nearest = distances.argmin(dim=1).reshape(4, n)
    clusters = [int(torch.bincount(row, minlength=4).argmax()) for row in nearest]
    cycle = (cycle_loss(a, to_a(translated)) + cycle_loss(b, to_b(to_a(b)))).item() / 2
    return Pairing(to_b, to_a, clusters, cycle, distances.min(dim=1).values.mean().item())


class SquareJudge(nn.Module):
    """A discriminator of the line that sees mean and variance: its logit is linear in x and x squared."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(torch.cat([x, x.square()], dim=1))


def train_line_maps(seed: int, start: float, *, n_steps: int = 500) -> tuple[float, float]:
    """Affine maps from N(0, 1) to N(0, 1) and back, both of slope ``start`` at first; half a second.

    Returns the slope of the map to B and the mean cycle loss of the last 50 steps.
    """
    with seeded(seed):
        to_b, to_a = nn.Linear(1, 1), nn.Linear(1, 1)
        for line in (to_b, to_a):
            nn.init.constant_(line.weight, start)
            nn.init.zeros_(line.bias)
        judge_a, judge_b = SquareJudge(), SquareJudge()
        maps, judges = (
            torch.optim.Adam([p for network in pair for p in network.parameters()], rate, (0.5, 0.9), fused=True)
            for pair, rate in (((to_b, to_a), 1e-2), ((judge_a, judge_b), 2e-2))
        )
        step = cycle_gan_step(to_b, to_a, judge_a, judge_b, maps, judges)
        history = fit(step, iter(lambda: (torch.randn(128, 1), torch.randn(128, 1)), None), n_steps)
    return to_b.weight.item(), float(history["cycle_loss"][-50:].mean())


# over seeds ---------------------------------------------------------------------------------------------------


def run(seed: int) -> dict[str, float]:
    """Everything with one seed: about a minute and a half on a quiet core.

    ``pairing_*`` writes the four clusters as a number: 123 is 0 1 2 3, the intended pairing.
    """
    return {name: float(value) for name, value in (_strokes(seed) | _digits(seed) | _cycles(seed)).items()}


def _strokes(seed: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, told in (("told", True), ("untold", False)):
        laws = learned_laws(train_strokes(seed, told=told).average.module, seed)
        found[f"strokes_given_{name}"], found[f"strokes_marginal_{name}"] = label_divergences(laws, stroke_laws())
    return found


def _digits(seed: int) -> dict[str, float]:
    digits = load_digits8()
    judge = Judge(digits.train_images, digits.train_labels)
    codes = np.random.default_rng(seed).standard_normal((len(ASKED), LATENT_DIM))
    train = digits.train_images, digits.train_labels
    made = {
        f"cgan_{name}": draw_digits(train_digits(seed, *train, told=told).average.module, ASKED, codes)
        for name, told in (("told", True), ("untold", False))
    }
    made["cvae"] = draw_cvae(train_cvae(seed, *train), ASKED, seed)
    made["cvae_encoder_only"] = draw_cvae(train_cvae(seed, *train, encoder_only=True), ASKED, seed)
    made["posthoc"] = draw_posthoc(train_vae(seed, digits.train_images), *train, ASKED, seed)
    chosen = np.random.default_rng(seed).choice(len(train[0]), size=len(ASKED), replace=False)
    made["real"] = digits.train_images[chosen]
    found: dict[str, float] = {}
    for name, images in made.items():
        asked = digits.train_labels[chosen] if name == "real" else ASKED
        found[f"gan_train_{name}"] = gan_train(images, asked, digits.test_images, digits.test_labels)
        found[f"told_apart_{name}"] = classifier_two_sample_test(
            digits.test_images, images[: len(digits.test_images)], np.random.default_rng(seed)
        ).accuracy
        found[f"covered_{name}"] = precision_recall(digits.test_images, images).recall
        if name != "real":  # the judge has seen those
            found[f"gan_test_{name}"] = gan_test(judge, images, asked)
    return found


def _cycles(seed: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, weight, anchored in (("free", 0.0, False), ("cycle", 5.0, False), ("anchored", 5.0, True)):
        pairing = train_cycle(seed, cycle_weight=weight, anchored=anchored)
        found[f"cycle_error_{name}"] = pairing.cycle
        found[f"distance_{name}"] = pairing.distance
        found[f"pairing_{name}"] = float("".join(map(str, pairing.clusters)))
    return found


def _leaky() -> nn.Module:
    return nn.LeakyReLU(0.2)


def _stroke_batches(laws: np.ndarray, rng: np.random.Generator, m: int = 128) -> Iterator[tuple[Tensor, Tensor]]:
    images = binary_images().astype(float)
    while True:
        y = rng.integers(2, size=m)
        picks = (rng.random(m)[:, None] > laws[y].cumsum(axis=1)).sum(axis=1).clip(max=15)
        x = images[picks] + 0.1 * rng.standard_normal((m, 4))
        yield torch.as_tensor(x, dtype=torch.float32), torch.as_tensor(y)


def _clusters(centres: np.ndarray, which: Tensor) -> Tensor:
    return torch.as_tensor(centres, dtype=torch.float32)[which] + CLUSTER_STD * torch.randn(len(which), 2)


def _unpaired_batches(m: int = 128) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        yield _clusters(A_CENTRES, torch.randint(4, (m,))), _clusters(B_CENTRES, torch.randint(4, (m,)))

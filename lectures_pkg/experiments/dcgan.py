"""The experiments of the chapter on DCGAN: one pair on real digits, and its guidelines removed one at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from lectures_pkg import latent
from lectures_pkg.datasets import Digits, load_digits8
from lectures_pkg.gan import gan_step, sample
from lectures_pkg.metrics import Judge, classifier_two_sample_test
from lectures_pkg.networks import DCDiscriminator, DCGenerator, dcgan_init
from lectures_pkg.training import EMA, fit, minibatches, seeded

SEEDS = range(3)

LATENT_DIM = 16
N_ROUNDS = 2000
BATCH_SIZE = 64
LEARNING_RATE = 1e-3
DECAY = 0.99

#: The guidelines, and each of them removed alone (see `build`).
VARIANTS = (
    "guidelines",
    "pooling",
    "no_batch_norm",
    "no_batch_norm_own_init",
    "batch_norm_everywhere",
    "dense",
    "relu_in_d",
    "no_tanh",
    "beta1_0.9",
    "batch_norm_at_g_output",
    "batch_norm_at_d_input",
)

#: Where the variants that differ in it have batch norm, in G and in D.
BATCH_NORM_IN = {
    "no_batch_norm": ("none", "none"),
    "no_batch_norm_own_init": ("none", "none"),
    "batch_norm_everywhere": ("everywhere", "everywhere"),
    "batch_norm_at_g_output": ("everywhere", "inner"),
    "batch_norm_at_d_input": ("inner", "everywhere"),
}


class Run(NamedTuple):
    """A trained pair."""

    generator: nn.Module
    discriminator: nn.Module
    average: EMA
    losses: dict[str, np.ndarray]  #: history of both losses, shape (n_rounds,) each


def build(variant: str = "guidelines", size: int = 8, channels: int = 32) -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator with one guideline removed; weights from torch's global generator.

    Raises
    ------
    ValueError
        If the variant is unknown, or exists for 8x8 images only.
    """
    if variant not in VARIANTS:
        raise ValueError(f"variant must be one of {', '.join(VARIANTS)}, found {variant!r}")
    if variant in ("pooling", "dense") and size != 8:
        raise ValueError(f"the variant {variant!r} is for 8x8 images, found size {size}")
    if variant == "pooling":
        return _pooling_generator(channels), _pooling_discriminator(channels)
    if variant == "dense":
        return _dense_generator(), _dense_discriminator()
    in_g, in_d = BATCH_NORM_IN.get(variant, ("inner", "inner"))
    init_std = None if variant == "no_batch_norm_own_init" else 0.02
    generator = DCGenerator(LATENT_DIM, channels, size, batch_norm=in_g, init_std=init_std)
    discriminator = DCDiscriminator(channels, size, batch_norm=in_d, init_std=init_std)
    if variant == "relu_in_d":
        _replace(discriminator.layers, nn.LeakyReLU, nn.ReLU)
    if variant == "no_tanh":
        _replace(generator.layers, nn.Tanh, nn.Identity)
    return generator, discriminator


def train(
    seed: int,
    images: np.ndarray,
    variant: str = "guidelines",
    *,
    n_rounds: int = N_ROUNDS,
    learning_rate: float = LEARNING_RATE,
    channels: int = 32,
) -> Run:
    """Train a pair on images of shape (n, size, size) in [0, 1]; it works with them in [-1, 1]."""
    beta_1 = 0.9 if variant == "beta1_0.9" else 0.5
    data = torch.as_tensor(2 * images - 1, dtype=torch.float32)[:, None]
    with seeded(seed):
        generator, discriminator = build(variant, images.shape[1], channels)
        # Channels last: the same numbers in another order of memory, on which small convolutions run faster.
        generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        discriminator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        average = EMA(generator, DECAY)
        g_adam, d_adam = (
            torch.optim.Adam(network.parameters(), lr=learning_rate, betas=(beta_1, 0.999), fused=True)
            for network in (generator, discriminator)
        )
        step = gan_step(generator, discriminator, g_adam, d_adam, noise, ema=average)
        losses = fit(step, minibatches(data, BATCH_SIZE, np.random.default_rng(seed)), n_rounds)
    return Run(generator, discriminator, average, losses)


def noise(n: int) -> Tensor:
    """Standard Gaussian codes, shape (n, LATENT_DIM), from torch's global generator."""
    return torch.randn(n, LATENT_DIM)


def draw(generator: nn.Module, codes: np.ndarray) -> np.ndarray:
    """Images in [0, 1], shape (n, size, size), of codes of shape (n, LATENT_DIM), in evaluation mode."""
    z = torch.as_tensor(codes, dtype=torch.float32)
    images = sample(generator, lambda n: z, len(z)).numpy()[:, 0].astype(float)
    return np.clip((images + 1) / 2, 0, 1)


def draw_one_at_a_time(generator: nn.Module, codes: np.ndarray) -> np.ndarray:
    """The slip: each image in a batch of its own, in *training* mode; shape and range as `draw`.

    Batch norm then normalises by the statistics of one image. The generator is left as it was.
    """
    alone = copy.deepcopy(generator).train()
    with torch.no_grad():
        images = [alone(torch.as_tensor(code[None], dtype=torch.float32)) for code in codes]
    return np.clip((torch.cat(images).numpy()[:, 0].astype(float) + 1) / 2, 0, 1)


# walking in latent space


def midpoints(
    generator: nn.Module, judge: Judge, rng: np.random.Generator, n_pairs: int = 400
) -> dict[str, np.ndarray]:
    """Confidence of the judge at the ends and half-way, for three ways to go; shape (n_pairs,) each."""
    start, end = rng.standard_normal((2, n_pairs, LATENT_DIM))
    first, last = draw(generator, start), draw(generator, end)
    images = {
        "ends": np.concatenate([first, last]),
        "lerp": draw(generator, latent.lerp(start, end, 0.5)),
        "slerp": draw(generator, latent.slerp(start, end, 0.5)),
        "pixels": (first + last) / 2,
    }
    found = {name: judge.probabilities(these).max(axis=1) for name, these in images.items()}
    found["ends"] = found["ends"].reshape(2, n_pairs).mean(axis=0)
    return found


class Pool(NamedTuple):
    """Generated images that the judge is sure of, sorted by class and ink."""

    codes: np.ndarray  #: shape (n, LATENT_DIM)
    images: np.ndarray  #: shape (n, size, size)
    ink: np.ndarray  #: mean of the pixels, shape (n,)
    thick: list[np.ndarray]  #: for each class, indices of the third with most ink
    thin: list[np.ndarray]  #: for each class, indices of the third with least ink
    middle: np.ndarray  #: median ink of each class, shape (n_classes,)


def pool(generator: nn.Module, judge: Judge, rng: np.random.Generator, n: int = 6000) -> Pool:
    """Draw n images and keep those that the judge names with a confidence of at least 0.9."""
    codes = rng.standard_normal((n, LATENT_DIM))
    images = draw(generator, codes)
    probabilities = judge.probabilities(images)
    sure = probabilities.max(axis=1) >= 0.9
    codes, images, labels = codes[sure], images[sure], probabilities[sure].argmax(axis=1)
    ink = images.mean(axis=(1, 2))
    thick, thin, middle = [], [], []
    for label in range(len(judge.classes)):
        members = np.flatnonzero(labels == label)
        members = members[np.argsort(ink[members])]
        third = len(members) // 3
        thin.append(members[:third])
        thick.append(members[len(members) - third :])
        middle.append(np.median(ink[members]) if len(members) else np.nan)
    return Pool(codes, images, ink, thick, thin, np.array(middle))


def arithmetic(
    found: Pool,
    generator: nn.Module,
    judge: Judge,
    rng: np.random.Generator,
    *,
    n_averaged: int = 3,
    n_base: int = 3,
    n_trials: int = 400,
) -> dict[str, float]:
    """Thick A - thin A + thin B: how often is it a B with more ink than the median B?

    Classes A and B and the images are drawn afresh for each trial: ``n_averaged`` for each of the first two
    terms, ``n_base`` for the third. ``null`` deals the words thick and thin to the same A's at random,
    ``start`` is the third term alone, ``pixels`` does the arithmetic on the images. Classes with fewer than
    ``n_averaged`` thick and thin images take no part; if fewer than two are left, everything is nan.
    """
    need = max(n_averaged, n_base)
    usable = [c for c in range(len(found.thick)) if min(len(found.thick[c]), len(found.thin[c])) >= need]
    if len(usable) < 2:
        return dict.fromkeys(("arithmetic", "null", "start", "pixels"), float("nan"))
    codes: dict[str, list[np.ndarray]] = {"arithmetic": [], "null": [], "start": []}
    blends, targets = [], []
    for _ in range(n_trials):
        a, b = rng.choice(usable, 2, replace=False)
        thick, thin = (rng.choice(group, n_averaged, replace=False) for group in (found.thick[a], found.thin[a]))
        base = rng.choice(found.thin[b], n_base, replace=False)
        first, second = np.split(rng.permutation(np.concatenate([thick, thin])), 2)  # the words dealt at random
        start = _mean(found.codes, base)
        codes["start"].append(start)
        codes["arithmetic"].append(_mean(found.codes, thick) - _mean(found.codes, thin) + start)
        codes["null"].append(_mean(found.codes, first) - _mean(found.codes, second) + start)
        blends.append(_mean(found.images, thick) - _mean(found.images, thin) + _mean(found.images, base))
        targets.append(b)
    target = np.array(targets)
    images = {name: draw(generator, np.array(rows)) for name, rows in codes.items()}
    images["pixels"] = np.clip(np.array(blends), 0, 1)

    def success(these: np.ndarray) -> float:
        named = judge.probabilities(these).argmax(axis=1) == target
        return float(np.mean(named & (these.mean(axis=(1, 2)) > found.middle[target])))

    return {name: success(these) for name, these in images.items()}


def ink_direction(
    generator: nn.Module, rng: np.random.Generator, n_averaged: int = 3, n_trials: int = 200
) -> dict[str, np.ndarray]:
    """Share of 100 fresh codes that gain ink when a direction thick - thin is added; shape (n_trials,) each.

    ``direction`` is the mean of ``n_averaged`` codes from the tenth with most ink, of 4000, minus that of as
    many from the tenth with least; ``null`` is a random direction of the same length.
    """
    codes = rng.standard_normal((4000, LATENT_DIM))
    order = np.argsort(draw(generator, codes).mean(axis=(1, 2)))
    shares: dict[str, list[float]] = {"direction": [], "null": []}
    for _ in range(n_trials):
        chosen = np.concatenate([rng.choice(group, n_averaged, replace=False) for group in (order[-400:], order[:400])])
        direction = latent.attribute_direction(codes[chosen], np.arange(2 * n_averaged) < n_averaged)
        other = rng.standard_normal(LATENT_DIM)
        other *= np.linalg.norm(direction) / np.linalg.norm(other)
        fresh = rng.standard_normal((100, LATENT_DIM))
        before = draw(generator, fresh).mean(axis=(1, 2))
        for name, step in (("direction", direction), ("null", other)):
            shares[name].append(np.mean(draw(generator, fresh + step).mean(axis=(1, 2)) > before))
    return {name: np.array(values) for name, values in shares.items()}


def _mean(rows: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return rows[chosen].mean(axis=0)


# over seeds


def measure(generator: nn.Module, reference: np.ndarray, judge: Judge, rng: np.random.Generator) -> dict[str, float]:
    """Two-sample accuracy against real images (mean of three draws), and the judge on 1000 images."""
    n = len(reference)
    accuracy = [
        classifier_two_sample_test(reference, draw(generator, rng.standard_normal((n, LATENT_DIM))), rng).accuracy
        for _ in range(3)
    ]
    report = judge.report(draw(generator, rng.standard_normal((1000, LATENT_DIM))))
    return {"c2st": float(np.mean(accuracy)), "confidence": report.confidence, "n_classes": report.n_classes}


def run(seed: int) -> dict[str, float]:
    """Every variant with one seed, then the walks with the pair that follows the guidelines: some six minutes."""
    digits = load_digits8()
    judge = Judge(digits.train_images, digits.train_labels)
    rng = np.random.default_rng([seed, 12])
    found: dict[str, float] = _validate(seed, digits, rng)
    for variant in VARIANTS:
        trained = train(seed, digits.train_images, variant)
        average = trained.average.module
        report = measure(average, digits.test_images, judge, rng)
        found |= {f"{variant}_{name}": value for name, value in report.items()}
        if variant == "guidelines":
            found["raw_c2st"] = measure(trained.generator, digits.test_images, judge, rng)["c2st"]
            found |= _one_at_a_time(average, digits, judge, rng) | _walks(average, judge, rng)
    found["real_confidence"] = judge.report(digits.test_images).confidence
    found["null_c2st"] = float(np.mean([_null(digits, rng) for _ in range(3)]))
    return found


def _validate(seed: int, digits: Digits, rng: np.random.Generator) -> dict[str, float]:
    """Two-sample accuracy on 200 training images set aside, for three learning rates: how ours was chosen."""
    order = rng.permutation(len(digits.train_images))
    validation, rest = digits.train_images[order[:200]], digits.train_images[order[200:]]
    judge = Judge(rest, digits.train_labels[order[200:]])
    accuracy = {}
    for rate in (2e-4, 1e-3, 3e-3):
        average = train(seed, rest, learning_rate=rate).average.module
        accuracy[f"validation_c2st_{rate:g}"] = measure(average, validation, judge, rng)["c2st"]
    return accuracy


def _one_at_a_time(generator: nn.Module, digits: Digits, judge: Judge, rng: np.random.Generator) -> dict[str, float]:
    images = draw_one_at_a_time(generator, rng.standard_normal((len(digits.test_images), LATENT_DIM)))
    accuracy = classifier_two_sample_test(digits.test_images, images, rng).accuracy
    return {"one_at_a_time_c2st": accuracy, "one_at_a_time_confidence": judge.report(images).confidence}


def _walks(generator: nn.Module, judge: Judge, rng: np.random.Generator) -> dict[str, float]:
    found = {f"midpoint_{name}": float(values.mean()) for name, values in midpoints(generator, judge, rng).items()}
    drawn = pool(generator, judge, rng)
    for n_averaged, n_base in ((3, 3), (30, 1)):
        rates = arithmetic(drawn, generator, judge, rng, n_averaged=n_averaged, n_base=n_base)
        found |= {f"arithmetic_{n_averaged}_{name}": rate for name, rate in rates.items()}
    for n_averaged in (3, 30, 400):
        shares = ink_direction(generator, rng, n_averaged)
        high = float(np.quantile(shares["null"], 0.95))
        found |= {f"ink_{n_averaged}_{name}": float(values.mean()) for name, values in shares.items()}
        found |= {
            f"ink_{n_averaged}_null_95": high,
            f"ink_{n_averaged}_beats": float(np.mean(shares["direction"] > high)),
        }
    return found


def _null(digits: Digits, rng: np.random.Generator) -> float:
    """Real against real: as many training images as there are test images."""
    others = rng.choice(len(digits.train_images), len(digits.test_images), replace=False)
    return classifier_two_sample_test(digits.test_images, digits.train_images[others], rng).accuracy


# pairs that break a guideline


def _replace(layers: nn.Sequential, old: type[nn.Module], new: Callable[[], nn.Module]) -> None:
    for index, layer in enumerate(layers):
        if isinstance(layer, old):
            layers[index] = new()


def _pooling_generator(channels: int) -> nn.Sequential:
    """Nearest-neighbour upsampling and 3x3 convolutions instead of transposed ones."""
    generator = nn.Sequential(
        nn.Unflatten(1, (LATENT_DIM, 1, 1)),
        nn.ConvTranspose2d(LATENT_DIM, 2 * channels, 2, bias=False),
        nn.BatchNorm2d(2 * channels),
        nn.ReLU(),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(2 * channels, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(channels, 1, 3, padding=1),
        nn.Tanh(),
    )
    dcgan_init(generator)
    return generator


def _pooling_discriminator(channels: int) -> nn.Sequential:
    """3x3 convolutions of stride 1, each followed by maximum pooling."""
    discriminator = nn.Sequential(
        nn.Conv2d(1, channels, 3, padding=1),
        nn.MaxPool2d(2),
        nn.LeakyReLU(0.2),
        nn.Conv2d(channels, 2 * channels, 3, padding=1, bias=False),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(2 * channels),
        nn.LeakyReLU(0.2),
        nn.Conv2d(2 * channels, 1, 2),
        nn.Flatten(0),
    )
    dcgan_init(discriminator)
    return discriminator


def _dense_generator() -> nn.Sequential:
    """Fully connected throughout, about as many parameters, batch norm and activations as in the pair."""
    return nn.Sequential(
        nn.Linear(LATENT_DIM, 128, bias=False),
        nn.BatchNorm1d(128),
        nn.ReLU(),
        nn.Linear(128, 192, bias=False),
        nn.BatchNorm1d(192),
        nn.ReLU(),
        nn.Linear(192, 64),
        nn.Tanh(),
        nn.Unflatten(1, (1, 8, 8)),
    )


def _dense_discriminator() -> nn.Sequential:
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 192),
        nn.LeakyReLU(0.2),
        nn.Linear(192, 128, bias=False),
        nn.BatchNorm1d(128),
        nn.LeakyReLU(0.2),
        nn.Linear(128, 1),
        nn.Flatten(0),
    )

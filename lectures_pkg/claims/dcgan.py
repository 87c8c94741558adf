"""Claims of the chapter on DCGAN: sizes and adjoints of convolutions, batch norm, norms of walks, real digits."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn.functional import conv2d, conv_transpose2d

from lectures_pkg import experiments, latent
from lectures_pkg.claims import Claim, Side, estimate
from lectures_pkg.datasets import load_digits8
from lectures_pkg.experiments import dcgan as experiment
from lectures_pkg.metrics import Judge
from lectures_pkg.networks import DCDiscriminator, DCGenerator, conv_output_size, transposed_conv_output_size
from lectures_pkg.training import seeded

Array = np.ndarray
Pair = tuple[Side, Side]

# sizes ----------------------------------------------------------------------------------------------------------

#: Layers (size, kernel, stride, padding) with a kernel that fits.
LAYERS = [
    layer for layer in itertools.product((3, 4, 7, 8, 28), (1, 2, 3, 4, 5), (1, 2, 3), (0, 1, 2))
    if layer[1] <= layer[0] + 2 * layer[3]
]  # fmt: skip
#: Transposed ones (size, kernel, stride, padding, output_padding) that leave something.
TRANSPOSED_LAYERS = [
    (*layer, extra) for layer in itertools.product((1, 2, 4, 7), (2, 3, 4, 5), (1, 2, 3), (0, 1))
    for extra in range(layer[2]) if layer[1] > 2 * layer[3]
]  # fmt: skip


def conv_size_sides(rng: np.random.Generator, formula: Callable[..., float] = conv_output_size) -> Pair:
    """The package's arithmetic against the shapes that torch returns."""
    found = [conv2d(torch.zeros(1, 1, n, n), torch.zeros(1, 1, k, k), stride=s, padding=p).shape[-1]
             for n, k, s, p in LAYERS]  # fmt: skip
    return np.array([formula(*layer) for layer in LAYERS]), np.array(found)


def transposed_size_sides(
    rng: np.random.Generator, formula: Callable[..., float] = transposed_conv_output_size
) -> Pair:
    found = [
        conv_transpose2d(
            torch.zeros(1, 1, n, n), torch.zeros(1, 1, k, k), stride=s, padding=p, output_padding=extra
        ).shape[-1]
        for n, k, s, p, extra in TRANSPOSED_LAYERS
    ]
    return np.array([formula(*layer) for layer in TRANSPOSED_LAYERS]), np.array(found)


# the transposed convolution ---------------------------------------------------------------------------------------


def _middle_layers(rng: np.random.Generator) -> tuple[nn.Conv2d, nn.ConvTranspose2d]:
    """D's second layer, and G's second with the same weights (both 4x4, stride 2, padding 1), in float64."""
    down, up = DCDiscriminator(2).double().layers[2], DCGenerator(3, 2).double().layers[3]
    assert isinstance(down, nn.Conv2d) and isinstance(up, nn.ConvTranspose2d)
    with torch.no_grad():
        down.weight.copy_(torch.as_tensor(rng.normal(size=(4, 2, 4, 4))))
        up.weight.copy_(down.weight)  # (4, 2, 4, 4) in both: out, in for the one; in, out for the other
    return down, up


def adjoint_sides(rng: np.random.Generator, flip: bool = False, shift: int = 0) -> Pair:
    down, up = _middle_layers(rng)
    x, y = torch.as_tensor(rng.normal(size=(1, 2, 8, 8))), torch.as_tensor(rng.normal(size=(1, 4, 4, 4)))
    with torch.no_grad():
        if flip:
            up.weight.copy_(up.weight.flip(2, 3))
        return (down(x) * y).sum().item(), (x * up(y).roll(shift, dims=3)).sum().item()


def fractional_stride_sides(rng: np.random.Generator, flip: bool = True, padding: int = 2) -> Pair:
    """Zeros put between the inputs by NumPy, then an ordinary convolution of stride 1."""
    _, up = _middle_layers(rng)
    y = rng.normal(size=(1, 4, 4, 4))
    spread = np.zeros((1, 4, 7, 7))
    spread[:, :, ::2, ::2] = y
    with torch.no_grad():
        weight = up.weight.transpose(0, 1)
        right = conv2d(torch.as_tensor(spread), weight.flip(2, 3) if flip else weight, padding=padding)
        left = up(torch.as_tensor(y))
        common = min(left.shape[-1], right.shape[-1])
        return left[..., :common, :common].numpy(), right[..., :common, :common].numpy()


def projection_sides(rng: np.random.Generator, subscripts: str = "bl,lcij->bcij") -> Pair:
    """G's first layer against a matrix product."""
    with seeded(int(rng.integers(2**31))):
        first = DCGenerator(4, 2, 16).double().layers[0]  # 4 codes to 4 channels of 4x4: any order of axes fits
    assert isinstance(first, nn.ConvTranspose2d)
    z = rng.normal(size=(4, 4))
    with torch.no_grad():
        left = first(torch.as_tensor(z)[:, :, None, None]).numpy()
        return left, np.einsum(subscripts, z, first.weight.numpy())


KERNELS = list(itertools.product(range(1, 9), (1, 2, 3, 4)))


def checkerboard_sides(
    rng: np.random.Generator, formula: Callable[[int, int], float] = lambda k, s: float(k % s != 0)
) -> Pair:
    """Terms that meet in each output pixel, counted by a transposed convolution of ones, away from the border."""
    spreads = []
    for k, s in KERNELS:
        counts = conv_transpose2d(torch.ones(1, 1, 1, 24), torch.ones(1, 1, 1, k), stride=s)[0, 0, 0]
        inner = counts[8:-8] if s > 1 else counts[k:-k]
        spreads.append((inner.max() - inner.min()).item())
    return np.array(spreads), np.array([formula(k, s) for k, s in KERNELS])


# batch norm -----------------------------------------------------------------------------------------------------


def _norm_layer(eps: float = 1e-5) -> nn.BatchNorm2d:
    """G's first batch norm with scale 1 and shift 0."""
    layer = DCGenerator(2, 2, init_std=None).double().layers[1]
    assert isinstance(layer, nn.BatchNorm2d)
    layer.eps = eps
    return layer


def moments_sides(rng: np.random.Generator, mode: str = "train", formula: str = "with epsilon") -> Pair:
    """A faint batch, so that epsilon shows: means and variances of each channel over batch, height and width."""
    layer = _norm_layer()
    layer.train(mode == "train")
    x = rng.normal(0.3, 0.004, size=(5, 4, 2, 2))
    with torch.no_grad():
        y = layer(torch.as_tensor(x)).numpy()
    v = x.var(axis=(0, 2, 3), ddof=1 if formula == "n - 1" else 0)
    expected = np.ones(4) if formula == "one" else v / (v + 1e-5)
    return np.stack([y.mean(axis=(0, 2, 3)), y.var(axis=(0, 2, 3))]), np.stack([np.zeros(4), expected])


def scale_sides(rng: np.random.Generator, scale: float = 0.05, rescale_epsilon: bool = True) -> Pair:
    x = torch.as_tensor(rng.normal(size=(5, 4, 2, 2)))
    shift = float(rng.normal())
    with torch.no_grad():
        left = _norm_layer(1e-5)(scale * x + shift)
        right = _norm_layer(1e-5 / scale**2 if rescale_epsilon else 1e-5)(x)
    return left.numpy(), right.numpy()


def coupling_sides(rng: np.random.Generator, mode: str = "eval") -> Pair:
    """Largest slope of one image's logit in another image of its batch, by automatic differentiation."""
    with seeded(int(rng.integers(2**31))):
        discriminator = DCDiscriminator(4, init_std=None).double()
    discriminator.train(mode == "train")
    x = torch.as_tensor(rng.uniform(-1, 1, size=(5, 1, 8, 8))).requires_grad_()
    logits = discriminator(x)
    slopes = torch.stack(
        [torch.autograd.grad(logit, x, retain_graph=True)[0].abs().amax((1, 2, 3)) for logit in logits]
    )
    return slopes[~torch.eye(5, dtype=torch.bool)].numpy(), np.zeros(20)


def alone_sides(rng: np.random.Generator, mode: str = "eval") -> Pair:
    """Images of one batch, and the same codes one at a time."""
    with seeded(int(rng.integers(2**31))):
        generator = DCGenerator(5, 4, init_std=None).double()
        with torch.no_grad():
            generator(torch.randn(64, 5, dtype=torch.float64))  # running statistics of some batch
    generator.train(mode == "train")
    z = torch.as_tensor(rng.normal(size=(6, 5)))
    with torch.no_grad():
        return torch.cat([generator(code[None]) for code in z]).numpy(), generator(z).numpy()


def blind_sides(rng: np.random.Generator, batch_norm: str = "everywhere", together: bool = False) -> Pair:
    """Logits of a batch of real digits, and of the same digits printed paler (a batch of their own)."""
    with seeded(int(rng.integers(2**31))):
        discriminator = DCDiscriminator(4, batch_norm=batch_norm).double()
        norms = [layer for layer in discriminator.modules() if isinstance(layer, nn.BatchNorm2d)]
        for layer in norms:
            layer.eps = 1e-12
    x = torch.as_tensor(2 * load_digits8().test_images[rng.choice(450, 16, replace=False)][:, None] - 1)
    pale = 0.5 * x - 0.5
    with torch.no_grad():
        if together:
            first, second = discriminator(torch.cat([x, pale])).chunk(2)
            return first.numpy(), second.numpy()
        return discriminator(x).numpy(), discriminator(pale).numpy()


# walks ----------------------------------------------------------------------------------------------------------


def shell_sides(rng: np.random.Generator, variance: Callable[[int], float] = lambda d: 2.0 * d) -> Pair:
    d = 16
    squares = np.square(rng.standard_normal((50_000, d))).sum(axis=1)
    return estimate(np.stack([squares, (squares - d) ** 2], axis=1)), np.array([d, variance(d)])


def lerp_norm_sides(
    rng: np.random.Generator, formula: Callable[[float], float] = lambda share: (1 - share) ** 2 + share**2
) -> Pair:
    d = 64
    start, end = rng.standard_normal((2, 20_000, d))
    shares = (0.2, 0.5, 0.9)
    squares = [np.square(latent.lerp(start, end, share)).sum(axis=1) for share in shares]
    return estimate(np.stack(squares, axis=1)), d * np.array([formula(share) for share in shares])


def ends_sides(rng: np.random.Generator, starts_at: str = "z2") -> Pair:
    """The printed formula is the package's walk *from z2 to z1*."""
    z1, z2 = rng.standard_normal((2, 16))
    left = np.stack([latent.lerp(z2, z1, 0.0), latent.lerp(z2, z1, 1.0)])
    return left, np.stack([z2, z1] if starts_at == "z2" else [z1, z2])


def slerp_norm_sides(rng: np.random.Generator, walk: Callable[[Array, Array, float], Array] = latent.slerp) -> Pair:
    start, end = rng.standard_normal((2, 16))
    end *= np.linalg.norm(start) / np.linalg.norm(end)
    shares = (0.1, 0.37, 0.5, 0.8)
    return np.array([np.linalg.norm(walk(start, end, share)) for share in shares]), np.full(4, np.linalg.norm(start))


def _slerp_undivided(start: Array, end: Array, share: float) -> Array:
    angle = np.arccos(start @ end / np.linalg.norm(start) / np.linalg.norm(end))
    return np.sin((1 - share) * angle) * start + np.sin(share * angle) * end


def average_norm_sides(rng: np.random.Generator, power: float = 1.0) -> Pair:
    d, counts = 32, (3, 10)
    squares = [np.square(rng.standard_normal((20_000, n, d)).mean(axis=1)).sum(axis=1) for n in counts]
    return estimate(np.stack(squares, axis=1)), np.array([d / n**power for n in counts])


def arithmetic_norm_sides(rng: np.random.Generator, terms: float = 3.0) -> Pair:
    """A direction by the package from n codes of each kind, added to an average of n."""
    d, n = 16, 3
    flags = np.repeat([True, False], n)
    codes, base = rng.standard_normal((5000, 2 * n, d)), rng.standard_normal((5000, n, d)).mean(axis=1)
    sums = base + np.array([latent.attribute_direction(these, flags) for these in codes])
    return estimate(np.square(sums).sum(axis=1)), terms * d / n


# digits ---------------------------------------------------------------------------------------------------------


@functools.cache
def _judge() -> Judge:
    digits = load_digits8()
    return Judge(digits.train_images, digits.train_labels)


@functools.cache
def _images(seed: int, n_rounds: int) -> Array:
    """450 images of the average of a generator, in [0, 1]."""
    average = experiment.train(seed, load_digits8().train_images, n_rounds=n_rounds).average.module
    codes = np.random.default_rng(seed).standard_normal((450, experiment.LATENT_DIM))
    return experiment.draw(average, codes)


def digits_sides(
    rng: np.random.Generator, n_rounds: int = 300, look: Callable[[Array], Array] = lambda images: images
) -> Pair:
    report = _judge().report(look(_images(int(rng.integers(2**31)), n_rounds)))
    return np.array([report.confidence, report.n_classes]), np.array([0.75, 8])


def guidelines_sides(rng: np.random.Generator, variant: str = "guidelines_c2st") -> Pair:
    """Worst stored seed of the pair that follows the guidelines; for a slip, the best stored seed."""
    found = experiments.spread("dcgan")[variant]
    return found.high if variant == "guidelines_c2st" else found.low, 0.7


CLAIMS = (
    Claim(
        label="conv-size",
        equation=r"H' = \left\lfloor \frac{H + 2p - k}{s} \right\rfloor + 1",
        sides=conv_size_sides,
        source="Dumoulin & Visin (2016), relationship 6; the chapter's own derivation",
        slips={
            "padding counted once": functools.partial(conv_size_sides, formula=lambda n, k, s, p: (n + p - k) // s + 1),
            "no rounding down": functools.partial(conv_size_sides, formula=lambda n, k, s, p: (n + 2 * p - k) / s + 1),
            "the last + 1 forgotten": functools.partial(
                conv_size_sides, formula=lambda n, k, s, p: (n + 2 * p - k) // s
            ),
        },
        tolerance=0.0,
    ),
    Claim(
        label="conv-adjoint",
        equation=r"\langle \operatorname{conv}(x), y \rangle = \langle x, \operatorname{convT}(y) \rangle",
        sides=adjoint_sides,
        source="the chapter's own derivation",
        slips={
            "the kernel flipped": functools.partial(adjoint_sides, flip=True),
            "shifted by one pixel": functools.partial(adjoint_sides, shift=1),
        },
        tolerance=1e-10,
    ),
    Claim(
        label="transposed-conv-size",
        equation=r"H' = (H - 1)\,s - 2p + k + p_{\mathrm{out}}",
        sides=transposed_size_sides,
        source="Dumoulin & Visin (2016), relationship 14; the chapter's own derivation",
        slips={
            "stride times size": functools.partial(transposed_size_sides, formula=lambda n, k, s, p, e: n * s),
            "padding adds pixels": functools.partial(
                transposed_size_sides, formula=lambda n, k, s, p, e: (n - 1) * s + 2 * p + k + e
            ),
            "padding counted once": functools.partial(
                transposed_size_sides, formula=lambda n, k, s, p, e: (n - 1) * s - p + k + e
            ),
        },
        tolerance=0.0,
    ),
    Claim(
        label="fractional-stride",
        equation=r"""\begin{aligned}
& \operatorname{convT}_{s,\,p}(y;\, w) \\
& \quad = \operatorname{conv}_{1,\,k-1-p}\bigl(Z_s y;\, \operatorname{flip} w\bigr)
\end{aligned}""",
        sides=fractional_stride_sides,
        source="Dumoulin & Visin (2016), section 4; the chapter's own derivation",
        slips={
            "the kernel not flipped": functools.partial(fractional_stride_sides, flip=False),
            "the padding p kept": functools.partial(fractional_stride_sides, padding=1),
        },
        tolerance=1e-10,
    ),
    Claim(
        label="one-pixel-layer",
        equation=r"\operatorname{convT}(z)_{c,i,j} = \sum_l z_l\, w_{l,c,i,j}",
        sides=projection_sides,
        source="by definition, on an image of one pixel",
        slips={
            "inputs and outputs swapped": functools.partial(projection_sides, subscripts="bl,clij->bcij"),
            "the kernel flipped": functools.partial(projection_sides, subscripts="bl,lcji->bcij"),
        },
    ),
    Claim(
        label="checkerboard",
        equation=r"""\begin{aligned}
& \max_i n_i - \min_i n_i \\
& \quad = \begin{cases} 0 & \text{if } s \text{ divides } k, \\
1 & \text{otherwise} \end{cases}
\end{aligned}""",
        sides=checkerboard_sides,
        source="Odena, Dumoulin & Olah (2016); the chapter's own derivation",
        slips={
            "even as soon as the kernel is longer than the stride": functools.partial(
                checkerboard_sides, formula=lambda k, s: float(k < s)
            ),
            "an even kernel is enough": functools.partial(checkerboard_sides, formula=lambda k, s: float(k % 2)),
        },
        tolerance=0.0,
    ),
    Claim(
        label="batch-norm-moments",
        equation=r"""\begin{aligned}
\operatorname{mean}(\hat x) &= 0, \\
\operatorname{var}(\hat x) &= \frac{v}{v + \varepsilon}
\end{aligned}""",
        sides=moments_sides,
        source="Ioffe & Szegedy (2015), Algorithm 1",
        slips={
            "variance 1": functools.partial(moments_sides, formula="one"),
            "the variance with n - 1": functools.partial(moments_sides, formula="n - 1"),
            "evaluation mode with fresh statistics": functools.partial(moments_sides, mode="eval"),
        },
        tolerance=1e-9,
    ),
    Claim(
        label="batch-norm-scale",
        equation=r"\operatorname{BN}_{\varepsilon}(a x + b) = \operatorname{BN}_{\varepsilon/a^2}(x), \quad a > 0",
        sides=scale_sides,
        source="Ioffe & Szegedy (2015), section 3.3; the chapter's own derivation",
        slips={
            "the sign of a is lost as well": functools.partial(scale_sides, scale=-0.05),
            "exactly equal, epsilon and all": functools.partial(scale_sides, rescale_epsilon=False),
        },
        tolerance=1e-9,
    ),
    Claim(
        label="batch-norm-coupling",
        equation=r"""\begin{aligned}
& \frac{\partial a(x_i)}{\partial x_j} = 0, \quad i \neq j, \\
& \text{in evaluation mode}
\end{aligned}""",
        sides=coupling_sides,
        source="the chapter's own derivation",
        slips={"training mode": functools.partial(coupling_sides, mode="train")},
        tolerance=0.0,
    ),
    Claim(
        label="alone-or-together",
        equation=r"""\begin{aligned}
& G(z_i) \text{ alone} = G(z_i) \text{ in a batch}, \\
& \text{in evaluation mode}
\end{aligned}""",
        sides=alone_sides,
        source="the chapter's own derivation",
        slips={"training mode, one image at a time": functools.partial(alone_sides, mode="train")},
        tolerance=1e-10,
    ),
    Claim(
        label="batch-norm-blind",
        equation=r"a\bigl(\{\tfrac12 x_i - \tfrac12\}\bigr) = a\bigl(\{x_i\}\bigr)",
        sides=blind_sides,
        source="the chapter's own derivation",
        slips={
            "no batch norm at the input": functools.partial(blind_sides, batch_norm="inner"),
            "both in one batch": functools.partial(blind_sides, together=True),
        },
        tolerance=1e-9,
    ),
    Claim(
        label="dcgan-digits",
        equation=r"""\begin{aligned}
\text{confidence of the judge} &\ge 0.75, \\
\text{classes found} &\ge 8
\end{aligned}""",
        sides=digits_sides,
        source="this chapter's experiment, a fresh seed, after 300 rounds",
        slips={
            "the generator before training": functools.partial(digits_sides, n_rounds=0),
            "pictures left in [-1, 1]": functools.partial(digits_sides, look=lambda images: 2 * images - 1),
        },
        relation=">=",
        tolerance=0.005,
    ),
    Claim(
        label="dcgan-guidelines",
        equation=r"\max_{\text{seeds}}\ \text{two-sample accuracy} \le 0.70",
        sides=guidelines_sides,
        source="this chapter's experiment, every stored seed (make results STEM=dcgan)",
        slips={
            "without batch norm": functools.partial(guidelines_sides, variant="no_batch_norm_c2st"),
            "Adam's beta 1 = 0.9": functools.partial(guidelines_sides, variant="beta1_0.9_c2st"),
            "the last generator, not its average": functools.partial(guidelines_sides, variant="raw_c2st"),
            "images drawn one at a time in training mode": functools.partial(
                guidelines_sides, variant="one_at_a_time_c2st"
            ),
        },
        relation="<=",
        tolerance=0.005,
    ),
    Claim(
        label="latent-shell",
        equation=r"""\begin{aligned}
\mathbb E\,\lVert z \rVert^2 &= d, \\
\operatorname{Var} \lVert z \rVert^2 &= 2d
\end{aligned}""",
        sides=shell_sides,
        source="the chapter's own derivation",
        slips={
            "variance d": functools.partial(shell_sides, variance=lambda d: float(d)),
            "variance d squared": functools.partial(shell_sides, variance=lambda d: float(d * d)),
        },
    ),
    Claim(
        label="lerp-ends",
        equation=r"""\lambda z_1 + (1-\lambda)\, z_2 = \begin{cases} z_2 & \text{at } \lambda = 0, \\
z_1 & \text{at } \lambda = 1 \end{cases}""",
        sides=ends_sides,
        source="by definition",
        slips={"it starts at z1": functools.partial(ends_sides, starts_at="z1")},
        tolerance=0.0,
    ),
    Claim(
        label="lerp-norm",
        equation=r"""\begin{aligned}
& \mathbb E\, \bigl\lVert (1-\lambda)\, z_0 + \lambda z_1 \bigr\rVert^2 \\
& \quad = d\, \bigl( (1-\lambda)^2 + \lambda^2 \bigr)
\end{aligned}""",
        sides=lerp_norm_sides,
        source="White (2016); the chapter's own derivation",
        slips={
            "the norm stays": functools.partial(lerp_norm_sides, formula=lambda share: 1.0),
            "the cross term kept": functools.partial(
                lerp_norm_sides, formula=lambda share: (1 - share) ** 2 + share**2 + share * (1 - share)
            ),
        },
    ),
    Claim(
        label="slerp-norm",
        equation=r"""\begin{aligned}
& \Bigl\lVert \tfrac{\sin((1-\lambda)\omega)}{\sin\omega}\, z_0
+ \tfrac{\sin(\lambda\omega)}{\sin\omega}\, z_1 \Bigr\rVert \\
& \quad = \lVert z_0 \rVert \quad \text{if } \lVert z_0 \rVert = \lVert z_1 \rVert
\end{aligned}""",
        sides=slerp_norm_sides,
        source="Shoemake (1985); the chapter's own derivation",
        slips={
            "a straight line": functools.partial(slerp_norm_sides, walk=latent.lerp),
            "not divided by the sine": functools.partial(slerp_norm_sides, walk=_slerp_undivided),
        },
    ),
    Claim(
        label="average-norm",
        equation=r"\mathbb E\, \Bigl\lVert \frac1n \sum_{i=1}^n z_i \Bigr\rVert^2 = \frac dn",
        sides=average_norm_sides,
        source="the chapter's own derivation",
        slips={
            "an average is a typical code": functools.partial(average_norm_sides, power=0.0),
            "d / n squared": functools.partial(average_norm_sides, power=2.0),
        },
    ),
    Claim(
        label="arithmetic-norm",
        equation=r"\mathbb E\, \bigl\lVert \bar z_a - \bar z_b + \bar z_c \bigr\rVert^2 = \frac{3d}{n}",
        sides=arithmetic_norm_sides,
        source="the chapter's own derivation",
        slips={
            "minus cancels": functools.partial(arithmetic_norm_sides, terms=1.0),
            "the norm of one average, d / n, times nine": functools.partial(arithmetic_norm_sides, terms=9.0),
        },
    ),
)

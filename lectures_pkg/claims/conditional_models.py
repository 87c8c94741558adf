"""Claims of the chapter on conditioning: the game on pairs, labels as biases, two autoencoders, translation."""

from __future__ import annotations

import functools
import itertools
import math
from collections import Counter
from functools import partial

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy import optimize, stats
from scipy.special import log_expit
from torch import nn

from lectures_pkg.claims import Claim, Side, estimate, slips_of
from lectures_pkg.conditional import LabelledMLP, posthoc_map
from lectures_pkg.cycle_gan import Map, cycle_loss, translation_loss
from lectures_pkg.datasets import load_digits8
from lectures_pkg.divergences import density_jensen_shannon, jensen_shannon_divergence, kl_divergence
from lectures_pkg.experiments import conditional_models as experiment
from lectures_pkg.gan import discriminator_loss
from lectures_pkg.gan_theory import optimal_discriminator, value_function
from lectures_pkg.metrics import Judge, gan_test
from lectures_pkg.networks import DCGenerator, mlp
from lectures_pkg.training import seeded
from lectures_pkg.vae import VAE

Array = np.ndarray
Pair = tuple[Side, Side]


def _joint_laws(rng: np.random.Generator, n_labels: int = 3, n_pictures: int = 5) -> tuple[Array, Array, Array]:
    """Frequencies of the labels, and two sets of laws of pictures given the label, rows sum to 1."""
    return (
        rng.dirichlet(2 * np.ones(n_labels)),
        rng.dirichlet(np.ones(n_pictures), size=n_labels),
        rng.dirichlet(np.ones(n_pictures), size=n_labels),
    )


# the game on pairs ----------------------------------------------------------------------------------------------


def optimal_d_sides(rng: np.random.Generator, form: str = "joint") -> Pair:
    """The best logit for each pair by numerical search, where data and generator use labels of other frequencies."""
    labels, p, q = _joint_laws(rng)
    others = rng.dirichlet(2 * np.ones(3))
    joint_p, joint_q = labels[:, None] * p, others[:, None] * q
    best = [
        optimize.minimize_scalar(lambda a, u=u, v=v: -u * log_expit(a) - v * log_expit(-a), (-3, 3), tol=1e-10).x
        for u, v in zip(joint_p.ravel(), joint_q.ravel(), strict=True)
    ]
    right = {
        "joint": optimal_discriminator(joint_p.ravel(), joint_q.ravel()),
        "label frequencies cancelled although they differ": (p / (p + q)).ravel(),
        "the picture alone": np.tile(optimal_discriminator(joint_p.sum(axis=0), joint_q.sum(axis=0)), 3),
    }[form]
    return 1 / (1 + np.exp(-np.array(best))), right


def criterion_sides(rng: np.random.Generator, form: str = "mean over labels") -> Pair:
    labels, p, q = _joint_laws(rng)
    joint_p, joint_q = (labels[:, None] * p).ravel(), (labels[:, None] * q).ravel()
    value = value_function(joint_p, joint_q, optimal_discriminator(joint_p, joint_q))
    each = np.array([jensen_shannon_divergence(a, b) for a, b in zip(p, q, strict=True)])
    given = {
        "mean over labels": labels @ each,
        "divergence of the pictures without their labels": jensen_shannon_divergence(labels @ p, labels @ q),
        "plain mean over labels of unequal frequency": each.mean(),
        "sum over labels": each.sum(),
    }[form]
    excess = np.log(4) + value
    return np.array([excess, excess]), 2 * np.array([given, jensen_shannon_divergence(joint_p, joint_q)])


def _exchanged(rng: np.random.Generator) -> tuple[Array, Array]:
    """Two laws that share no picture, and the generator that paints each for the other's label."""
    p = np.zeros((2, 8))
    p[0, :4], p[1, 4:] = rng.dirichlet(np.ones(4), size=2)
    return p, p[::-1]


def ignored_sides(rng: np.random.Generator, right: tuple[float, float] = (0.0, math.log(2))) -> Pair:
    p, q = _exchanged(rng)
    given = np.mean([jensen_shannon_divergence(a, b) for a, b in zip(p, q, strict=True)])
    return np.array([jensen_shannon_divergence(p.mean(axis=0), q.mean(axis=0)), given]), np.array(right)


def marginal_sides(rng: np.random.Generator, reversed: bool = False) -> Pair:
    mixed, given = [], []
    for _ in range(20):
        labels, p, q = _joint_laws(rng)
        mixed.append(jensen_shannon_divergence(labels @ p, labels @ q))
        given.append(labels @ [jensen_shannon_divergence(a, b) for a, b in zip(p, q, strict=True)])
    return (np.array(given), np.array(mixed)) if reversed else (np.array(mixed), np.array(given))


# how a label enters ---------------------------------------------------------------------------------------------


def _first_layer_output(network: nn.Module, first: nn.Module, v: torch.Tensor, y: torch.Tensor) -> Array:
    seen = []
    hook = first.register_forward_hook(lambda module, inputs, output: seen.append(output.detach().numpy()))
    network(v, y)
    hook.remove()
    return seen[0]


def one_hot_sides(rng: np.random.Generator, form: str = "bias") -> Pair:
    """What the first layers of the package's networks return, and the same by a bias read off the weights."""
    v, y = rng.normal(size=(6, 4)), rng.integers(3, size=6)
    with seeded(int(rng.integers(2**31))):
        dense, convolution = LabelledMLP((4, 5, 1), 3).double(), DCGenerator(4, 3, n_classes=3, init_std=0.5).double()
    given = torch.as_tensor(v), torch.as_tensor(y)
    left = [_first_layer_output(network, network.layers[0], *given).reshape(6, -1) for network in (dense, convolution)]
    weight, bias = (parameter.detach().numpy() for parameter in dense.layers[0].parameters())
    kernel = convolution.layers[0].weight.detach().numpy()  # type: ignore[operator]
    matrices = (weight, bias), (kernel.reshape(7, -1).T, 0.0)  # the kernel of one pixel's output is a matrix
    right = []
    for matrix, shift in matrices:
        of_values, of_label = v @ matrix[:, :4].T + shift, matrix[:, 4:].T[y]
        right.append(
            {
                "bias": of_values + of_label,
                "the label scales the units": of_values * (1 + of_label),
                "one bias for all labels": of_values + matrix[:, 4:].mean(axis=1),
            }[form]
        )
    return np.concatenate([a.ravel() for a in left]), np.concatenate([a.ravel() for a in right])


# the conditional autoencoder ------------------------------------------------------------------------------------


def cvae_sides(rng: np.random.Generator, form: str = "told") -> Pair:
    """Three labels, four latents, five pictures: everything by enumeration."""
    prior = rng.dirichlet(np.ones(4))
    likelihood, guess = rng.dirichlet(np.ones(5), size=(3, 4)), rng.dirichlet(np.ones(4), size=(3, 5))
    if form == "a decoder that is not told the label":
        likelihood = np.repeat(likelihood.mean(axis=0, keepdims=True), 3, axis=0)
    left, right = [], []
    for y, x in itertools.product(range(3), range(5)):
        q = guess[y, x]
        joint = prior * likelihood[y, :, x]
        of_any = (prior[:, None] * likelihood.mean(axis=0))[:, x]
        posterior = {"posterior that ignores the label": of_any / of_any.sum()}.get(form, joint / joint.sum())
        sign = -1 if form == "KL added to the bound, not subtracted" else 1
        bound = q @ np.log(likelihood[y, :, x]) - sign * kl_divergence(q, prior)
        left.append(np.log(joint.sum()))
        right.append(bound + kl_divergence(q, posterior))
    return np.array(left), np.array(right)


def _information(joint: Array) -> float:
    """Mutual information of the two axes, nats."""
    return kl_divergence(joint.ravel(), np.outer(joint.sum(axis=1), joint.sum(axis=0)).ravel())


def information_sides(rng: np.random.Generator, told: str = "nobody") -> Pair:
    """A label, a picture, a latent of the picture, a picture decoded from a latent that was drawn for the label."""
    labels, p, _ = _joint_laws(rng, 3, 6)
    encoder = 0.8 * np.full((3, 6, 4), 1 / 4) + 0.2 * rng.dirichlet(np.ones(4), size=6)  # (y, x, z), blurred
    if told == "an encoder that is told the label":
        encoder = np.eye(4)[:3, None, :] * np.ones((3, 6, 1))
    latent = np.einsum("yx,yxz->yz", p, encoder)  # q(z | y): the best map from labels to latents
    decoder = np.repeat(rng.dirichlet(np.ones(6), size=4)[None], 3, axis=0)  # (y, z, x)
    if told == "a decoder that is told the label":
        decoder = p[:, None, :] * np.ones((3, 4, 1))
    made = np.einsum("yz,yzx->yx", latent, decoder)
    of_made, of_latent, of_data = (_information(labels[:, None] * law) for law in (made, latent, p))
    return np.array([of_made, of_latent]), np.array([of_latent, of_data])


def label_map_sides(rng: np.random.Generator, form: str = "both") -> Pair:
    """Moments of the package's map, and of 40 000 latents drawn for random images of each label."""
    x, y = (rng.random((40, 6)) < 0.5).astype(float), np.arange(40) % 2
    with seeded(int(rng.integers(2**31))):
        model = VAE(6, 2, ()).double()
    # Means and log-variances of such sizes that both parts of the spread matter.
    weight = rng.normal(size=(4, 6)) * [[1.0], [1.0], [0.2], [0.2]]
    with torch.no_grad():
        next(model.encoder.parameters()).copy_(torch.as_tensor(weight))
        mean, log_var = (out.numpy() for out in model.encode(torch.as_tensor(x)))
    found = posthoc_map(model, torch.as_tensor(x), torch.as_tensor(y))
    left, draws = [], []
    for label in (0, 1):
        of_class = y == label
        spread = (found.scale_tril[label] @ found.scale_tril[label].T).numpy()
        noise = np.diag(np.exp(log_var[of_class]).mean(axis=0))
        m = found.mean[label].numpy()
        second = np.outer(m, m) + {"both": spread, "means alone": spread - noise, "noise alone": noise}[form]
        left.append([*m, *second[np.triu_indices(2)]])
        picks = rng.choice(np.flatnonzero(of_class), size=40_000)
        z = mean[picks] + np.exp(log_var[picks] / 2) * rng.standard_normal((40_000, 2))
        draws.append(np.column_stack([z, z[:, 0] ** 2, z[:, 0] * z[:, 1], z[:, 1] ** 2]))
    return np.array(left), estimate(np.stack(draws, axis=1))


# obeyed labels, counted -----------------------------------------------------------------------------------------


class _BestJudge:
    """Names the more probable label of each picture of a small world; pictures are one-hot."""

    def __init__(self, joint: Array) -> None:
        self.names = joint.argmax(axis=0)

    def predict(self, images: ArrayLike) -> Array:
        return self.names[np.asarray(images).argmax(axis=1)]


def blind_sides(rng: np.random.Generator, form: str = "") -> Pair:
    """A world in which each pair occurs a whole number of times, so that a finite sample is exact."""
    counts = rng.integers(1, 20, size=(3, 7))
    counts[np.arange(3), np.arange(3)] += 60  # each label has a picture that is called by it
    judge = _BestJudge(counts)
    pairs = np.array([(y, x) for y, x in np.ndindex(3, 7) for _ in range(counts[y, x])])
    favourites = np.eye(7)[[np.flatnonzero(judge.names == y)[0] for y in range(3)]]
    left = gan_test(judge, favourites, np.arange(3)), gan_test(judge, np.eye(7)[pairs[:, 1]], pairs[:, 0])  # type: ignore[arg-type]
    of_data = counts.max(axis=0).sum() / counts.sum()
    right = {
        "the data themselves score 1": (1.0, 1.0),
        "a score of 1 needs the variety of the data": (of_data, of_data),
    }.get(form, (1.0, of_data))
    return np.array(left), np.array(right)


# translation ----------------------------------------------------------------------------------------------------


def two_solutions_sides(
    rng: np.random.Generator, slope: float = -1.0, shift: float = 0.0, back: float | None = None
) -> Pair:
    """The maps x and slope x + shift: their laws by a change of variables, their journeys by the package's loss."""
    points = torch.as_tensor(rng.standard_normal((50, 1)))
    normal, left = stats.norm.logpdf, []
    for a, c in ((1.0, 0.0), (slope, shift)):
        pushed = lambda u, a=a, c=c: normal((u - c) / a) - np.log(abs(a))  # density of a x + c  # noqa: E731
        left.append(density_jensen_shannon(pushed, normal, -12, 12))
        there = a * points + c
        returned = (there - c) / a if back is None or a == 1.0 else back * there
        left.append(cycle_loss(points, returned).item())
    return np.array(left), np.zeros(4)


#: The square's eight symmetries, as signed permutations of two coordinates.
SYMMETRIES = [
    np.array(signs) * np.eye(2)[list(order)]
    for order in itertools.permutations(range(2))
    for signs in itertools.product((1, -1), repeat=2)
]


def symmetry_sides(rng: np.random.Generator, undo: bool = True, turn: float = 0.0) -> Pair:
    """Random maps and discriminators; the points of A are closed under the symmetries, so that nothing is estimated."""
    seeds = rng.normal(size=(6, 2))
    a = np.concatenate([seeds @ s.T for s in SYMMETRIES])
    worlds = torch.as_tensor(a), torch.as_tensor(rng.normal([4.0, 0.0], 1, size=(30, 2)))
    with seeded(int(rng.integers(2**31))):
        to_b, to_a = (mlp((2, 8, 2), nn.Tanh).double() for _ in range(2))
        judge_a, judge_b = (mlp((2, 8, 1), nn.Tanh).double() for _ in range(2))

    def losses(there: Map, back: Map, judge: Map) -> list[float]:
        of_maps = translation_loss(there, back, judge, judge_b, *worlds, cycle_weight=1.0)
        of_judge = discriminator_loss(judge(worlds[0]), judge(back(worlds[1])))
        return [loss.item() for loss in (*of_maps, of_judge)]

    left, right = [], []
    with torch.no_grad():
        for symmetry in SYMMETRIES:
            s = symmetry if not turn else np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
            m, back = torch.as_tensor(s), torch.as_tensor(s.T if undo else np.eye(2))
            left += losses(_after(m, to_b), _after(to_a, back), _after(m, judge_a))
            right += losses(to_b, to_a, judge_a)
    return np.array(left), np.array(right)


def _after(first: Map | torch.Tensor, second: Map | torch.Tensor) -> Map:
    """The second map after the first; a matrix is the map x to M x."""
    maps = [(lambda x, m=m: x @ m.T) if isinstance(m, torch.Tensor) else m for m in (first, second)]
    return lambda x: maps[1](maps[0](x))


def pairings_sides(rng: np.random.Generator, form: str = "") -> Pair:
    """All ways to send clusters to clusters one to one: how many leave the law of B as it is?"""
    left, right = [], []
    for sizes in ((1, 1, 1, 1), (1, 2, 3, 4), (1, 1, 2, 2), (1, 1, 1, 3, 5)):
        weights = rng.permutation(np.array(sizes) / sum(sizes))
        sendings = itertools.permutations(range(len(weights)))
        same = [jensen_shannon_divergence(weights[list(sigma)], weights) < 1e-12 for sigma in sendings]
        left.append(sum(same))
        alike = Counter(sizes).values()
        right.append(
            {"the intended one alone": 1, "all of them, whatever the weights": math.factorial(len(sizes))}.get(
                form, math.prod(map(math.factorial, alike))
            )
        )
    return np.array(left, dtype=float), np.array(right, dtype=float)


# trained systems ------------------------------------------------------------------------------------------------


@functools.cache
def _strokes(seed: int, told: bool) -> tuple[float, float]:
    """Mean divergence over the labels, and the share of pictures that the other label would sooner have.

    A generator whose discriminator is not told has never heard which label is which, so its better naming is luck:
    it is judged by the worse of the two.
    """
    truth = experiment.stroke_laws()
    laws = experiment.learned_laws(experiment.train_strokes(seed, told=told, n_rounds=1000).average.module, seed)
    namings = [laws] if told else [laws, laws[::-1]]
    disobeyed = [np.mean([law[truth[1 - y] > truth[y]].sum() for y, law in enumerate(named)]) for named in namings]
    return max(experiment.label_divergences(named, truth)[0] for named in namings), float(max(disobeyed))


def told_sides(rng: np.random.Generator, told: bool = True) -> Pair:
    return np.array(_strokes(int(rng.integers(2**31)), told)), np.array([0.1, 0.1])


@functools.cache
def _digits() -> tuple[Array, Array, Judge]:
    digits = load_digits8()
    return digits.train_images, digits.train_labels, Judge(digits.train_images, digits.train_labels)


@functools.cache
def _scores(seed: int) -> dict[str, float]:
    """GAN-test of digits by two autoencoders that are told the label, and by the map fitted afterwards."""
    images, labels, judge = _digits()
    asked = experiment.ASKED
    made = {
        name: experiment.draw_cvae(
            experiment.train_cvae(seed, images, labels, encoder_only=name == "encoder alone", n_steps=600), asked, seed
        )
        for name in ("both", "encoder alone")
    }
    finished = experiment.train_vae(seed, images, n_steps=600)
    made["afterwards"] = experiment.draw_posthoc(finished, images, labels, asked, seed)
    return {name: gan_test(judge, these, asked) for name, these in made.items()}


def two_ways_sides(rng: np.random.Generator, told: str = "both", other: str = "afterwards") -> Pair:
    found = _scores(int(rng.integers(2**31)))
    return np.array([0.97, found[other]]), np.array([found[told], 0.85])


@functools.cache
def _line_maps(seed: int, start: float) -> tuple[float, float]:
    """Slope of the map to B and mean error of the journeys after 500 steps from this slope, on N(0, 1) and N(0, 1)."""
    return experiment.train_line_maps(seed, start)


def start_sides(rng: np.random.Generator, slopes: tuple[float, float] = (1.0, -1.0)) -> Pair:
    seed = int(rng.integers(2**31))
    (up, up_error), (down, down_error) = _line_maps(seed, 0.5), _line_maps(seed, -0.5)
    return np.array([up, down, up_error, down_error]), np.array([*slopes, 0.0, 0.0])


CLAIMS = (
    Claim(
        label="conditional-optimal-d",
        equation=r"""D^\star(x, y) = \frac{p(x, y)}{p(x, y) + q(x, y)}""",
        sides=optimal_d_sides,
        source="Goodfellow et al. (2014), Proposition 1, for pairs",
        slips=slips_of(
            optimal_d_sides, "form", "label frequencies cancelled although they differ", "the picture alone"
        ),
        tolerance=1e-5,
    ),
    Claim(
        label="conditional-criterion",
        equation=r"""\begin{aligned}
&\log 4 + \max_D V(G, D) \\
&= 2\, \mathbb{E}_y \, \mathrm{JSD}\bigl(p(\cdot \mid y), q(\cdot \mid y)\bigr) \\
&= 2\, \mathrm{JSD}\bigl(p(x, y), q(x, y)\bigr)
\end{aligned}""",
        sides=criterion_sides,
        source="Mirza & Osindero (2014), eq. (2), with Goodfellow et al. (2014), Theorem 1",
        slips=slips_of(
            criterion_sides,
            "form",
            "divergence of the pictures without their labels",
            "plain mean over labels of unequal frequency",
            "sum over labels",
        ),
    ),
    Claim(
        label="labels-exchanged",
        equation=r"""\begin{aligned}
\mathrm{JSD}\bigl(p(x), q(x)\bigr) &= 0, \\
\mathbb{E}_y \, \mathrm{JSD}\bigl(p(\cdot \mid y), q(\cdot \mid y)\bigr) &= \log 2
\end{aligned}""",
        sides=ignored_sides,
        source="the chapter's own example",
        slips={
            "a discriminator without labels would notice": partial(ignored_sides, right=(math.log(2), math.log(2))),
            "equal mixtures mean obeyed labels": partial(ignored_sides, right=(0.0, 0.0)),
        },
    ),
    Claim(
        label="marginal-below-conditional",
        equation=r"""\begin{aligned}
&\mathrm{JSD}\bigl(p(x), q(x)\bigr) \\
&\quad \le \mathbb{E}_y \, \mathrm{JSD}\bigl(p(\cdot \mid y), q(\cdot \mid y)\bigr)
\end{aligned}""",
        sides=marginal_sides,
        source="convexity; the chapter's own derivation",
        relation="<=",
        slips={"a label leaves less to find": partial(marginal_sides, reversed=True)},
    ),
    Claim(
        label="one-hot-is-a-bias",
        equation=r"""W \begin{bmatrix} v \\ e_y \end{bmatrix} + b = W_v\, v + (b + w_y)""",
        sides=one_hot_sides,
        source="by multiplication of blocks",
        slips=slips_of(one_hot_sides, "form", "the label scales the units", "one bias for all labels"),
    ),
    Claim(
        label="told-strokes",
        equation=r"""\begin{aligned}
\mathbb{E}_y \, \mathrm{JSD}\bigl(p(\cdot \mid y), q_{\hat\varphi}(\cdot \mid y)\bigr) &\le 0.1, \\
\Pr{}_{\hat\varphi}(\text{the other stroke} \mid y) &\le 0.1
\end{aligned}""",
        sides=told_sides,
        source="1000 rounds of the chapter's own experiment",
        relation="<=",
        slips={"the discriminator is not told the label of the fake": partial(told_sides, told=False)},
    ),
    Claim(
        label="cvae-identity",
        equation=r"""\begin{aligned}
&\log p(x \mid y) \\
&= \mathbb{E}_{q(z \mid x, y)} \log p(x \mid z, y) \\
&\quad - D_{\mathrm{KL}}\bigl(q(z \mid x, y) \,\Vert\, p(z)\bigr) \\
&\quad + D_{\mathrm{KL}}\bigl(q(z \mid x, y) \,\Vert\, p(z \mid x, y)\bigr)
\end{aligned}""",
        sides=cvae_sides,
        source="Sohn, Lee & Yan (2015), eq. (4), with the gap written out",
        slips=slips_of(cvae_sides, "form", "posterior that ignores the label", "KL added to the bound, not subtracted"),
    ),
    Claim(
        label="label-map-moments",
        equation=r"""\begin{aligned}
m_y &= \mathbb{E}\bigl[\mu(x) \mid y\bigr], \\
S_y &= \operatorname{Cov}\bigl[\mu(x) \mid y\bigr] \\
&\quad + \mathbb{E}\bigl[\operatorname{diag} \sigma^2(x) \mid y\bigr]
\end{aligned}""",
        sides=label_map_sides,
        source="law of total covariance",
        slips=slips_of(label_map_sides, "form", "means alone", "noise alone"),
    ),
    Claim(
        label="posthoc-information",
        equation=r"""I(\hat x; y) \le I(z; y) \le I(x; y)""",
        sides=information_sides,
        source="data processing inequality (Cover & Thomas 2006, Theorem 2.8.1)",
        relation="<=",
        slips=slips_of(
            information_sides, "told", "a decoder that is told the label", "an encoder that is told the label"
        ),
    ),
    Claim(
        label="two-ways-to-a-label",
        equation=r"""\begin{aligned}
T(\text{CVAE}) &\ge 0.97, \\
T(\text{map fitted afterwards}) &\le 0.85
\end{aligned}""",
        sides=two_ways_sides,
        source="600 steps of the chapter's own experiment",
        relation="<=",
        slips={
            "telling the encoder is enough": partial(two_ways_sides, told="encoder alone"),
            "the map serves as well": partial(two_ways_sides, told="afterwards", other="both"),
        },
    ),
    Claim(
        label="gan-test-is-blind",
        equation=r"""\begin{aligned}
&T(\text{one picture each}) = 1, \\
&T(\text{the data}) = \textstyle\sum_x \max_y p(x, y)
\end{aligned}""",
        sides=blind_sides,
        source="the chapter's own example; Shmelkov et al. (2018), section 3",
        slips=slips_of(
            blind_sides, "form", "the data themselves score 1", "a score of 1 needs the variety of the data"
        ),
    ),
    Claim(
        label="two-solutions",
        equation=r"""\begin{aligned}
\mathrm{JSD}\bigl(\pm x, \; \mathcal N(0, 1)\bigr) &= 0, \\
\mathbb{E} \, \lvert x - (\pm(\pm x)) \rvert &= 0
\end{aligned}""",
        sides=two_solutions_sides,
        source="the chapter's own example",
        slips={
            "every invertible map will do: x + 1": partial(two_solutions_sides, slope=1.0, shift=1.0),
            "every invertible map will do: 2 x": partial(two_solutions_sides, slope=2.0),
            "there by -x, back by x": partial(two_solutions_sides, back=1.0),
        },
        tolerance=1e-9,
    ),
    Claim(
        label="cycle-symmetry",
        equation=r"""\begin{aligned}
&\mathcal L(F \circ S, \; S^{-1} \circ G, \; D_A \circ S, \; D_B) \\
&\quad = \mathcal L(F, G, D_A, D_B)
\end{aligned}""",
        sides=symmetry_sides,
        source="the chapter's own derivation, for the loss of Zhu et al. (2017), eq. (3)",
        slips={
            "the way back is left as it was": partial(symmetry_sides, undo=False),
            "a turn that is no symmetry of the world": partial(symmetry_sides, turn=0.5),
        },
        tolerance=1e-10,
    ),
    Claim(
        label="pairings-left",
        equation=r"""\begin{aligned}
&\#\{\sigma : w_{\sigma(k)} = w_k \text{ for all } k\} \\
&\quad = \textstyle\prod_j m_j!
\end{aligned}""",
        sides=pairings_sides,
        source="by counting",
        slips=slips_of(pairings_sides, "form", "the intended one alone", "all of them, whatever the weights"),
    ),
    Claim(
        label="start-decides",
        equation=r"""\begin{aligned}
a_0 = \tfrac12 &\;\Rightarrow\; \hat a \approx 1, \\
a_0 = -\tfrac12 &\;\Rightarrow\; \hat a \approx -1
\end{aligned}""",
        sides=start_sides,
        source="500 steps of the chapter's own experiment",
        slips={
            "the loss prefers the map that leaves x alone": partial(start_sides, slopes=(1.0, 1.0)),
            "the loss prefers the mirror": partial(start_sides, slopes=(-1.0, -1.0)),
        },
        tolerance=0.1,
    ),
)

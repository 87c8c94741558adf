"""Claims of the chapter "A game between two networks"."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from scipy.special import expit
from torch import nn
from torch.nn import functional

from lectures_pkg.adversarial_game import StrokeGame, binary_cross_entropy, confusion, separating_line
from lectures_pkg.claims import Claim, Side, slips_of
from lectures_pkg.gan import discriminator_loss, frozen, generator_loss
from lectures_pkg.gan_theory import push_forward

STROKES = np.array([[1.0, 0, 1, 0], [0, 1, 0, 1]])
DIAGONALS = np.array([[1.0, 0, 0, 1], [0, 1, 1, 0]])


# ---------------------------------------------------------------- worlds of the claims


def _game(rng: np.random.Generator) -> StrokeGame:
    weight, slope, offset = rng.normal(size=(3, 4))
    return StrokeGame(weight, float(rng.normal()), slope, offset)


def _batch(rng: np.random.Generator, n: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Real pictures and noise."""
    return STROKES[rng.integers(2, size=n)], rng.uniform(-1, 1, size=n)


def _slopes(f: Callable[[np.ndarray], float], at: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Central differences of a function of a vector."""
    return np.array([(f(at + e) - f(at - e)) / (2 * step) for e in step * np.eye(len(at))])


# ---------------------------------------------------------------- scores, cells, cross-entropy


def confusion_counts(rng: np.random.Generator, names: str = "one convention") -> tuple[Side, Side]:
    """Row sums of the package's cells, both conventions; the numbers of products, and the cells counted one by one."""
    real, fake = rng.beta(4, 2, size=17), rng.beta(2, 4, size=9)
    cells = confusion(real, fake)
    flipped = confusion(real, fake, positive="fake")
    if names == "names of the other convention":
        cells, flipped = flipped, cells
    passed = [sum(1 for score in scores if score > 0.5) for scores in (real, fake)]
    left = [cells.true_positives + cells.false_negatives, *cells, flipped.false_negatives, flipped.true_positives]
    right = [17, passed[0], 17 - passed[0], passed[1], 9 - passed[1], passed[1], 9 - passed[1]]
    return np.array(left), np.array(right)


def cross_entropy_with_brackets(rng: np.random.Generator, form: str = "right") -> tuple[Side, Side]:
    """The package's cross-entropy, or a form as printed; torch's, in float64. Labels smoothed to .9 and .1."""
    y, a = rng.choice([0.1, 0.9], size=12), rng.normal(size=12)
    p = expit(a)
    left = {
        "right": lambda: binary_cross_entropy(y, a),
        "brackets missing": lambda: -np.mean(y * np.log(p)) + np.mean((1 - y) * np.log(1 - p)),
        "log of p (1 - y)": lambda: -np.mean(y * np.log(p) + (1 - y) * np.log(p * (1 - y))),
    }[form]()
    return left, functional.binary_cross_entropy(torch.tensor(p), torch.tensor(y)).item()


def split_loss(rng: np.random.Generator, weights: str = "shares") -> tuple[Side, Side]:
    """Pooled cross-entropy of 7 reals and 5 fakes; the two means of the package's GAN loss, weighted."""
    real, fake = rng.normal(size=7), rng.normal(size=5)
    pooled = binary_cross_entropy(np.r_[np.ones(7), np.zeros(5)], np.r_[real, fake])
    t_real, t_fake = torch.tensor(real), torch.tensor(fake)
    of_reals = -functional.logsigmoid(t_real).mean().item()
    of_fakes = discriminator_loss(t_real, t_fake).item() - of_reals
    share = {"shares": (7 / 12, 5 / 12), "the plain sum of the means": (1.0, 1.0), "a half each": (0.5, 0.5)}[weights]
    return pooled, share[0] * of_reals + share[1] * of_fakes


def softplus_of_logit(rng: np.random.Generator, form: str = "softplus") -> tuple[Side, Side]:
    """Loss of a real and of a fake, from logits up to 200, by the package; softplus by numpy's logaddexp."""
    a = torch.tensor([-200.0, -37.0, -3.0, 0.0, 2.0, 37.0, 200.0], dtype=torch.float64)
    with np.errstate(divide="ignore"):
        left = {
            "softplus": lambda: [generator_loss(entry[None]).item() for entry in a],
            "log of the rounded sigmoid": lambda: -np.log(1 - (1 - expit(a.numpy()))),
            "softplus(a)": lambda: [-generator_loss(entry[None], "saturating").item() for entry in a],
        }[form]()
    return np.array(left), np.logaddexp(0, -a.numpy())


def softmax_is_a_difference(rng: np.random.Generator, form: str = "difference") -> tuple[Side, Side]:
    """torch's softmax over two outputs; the sigmoid of one number made of them."""
    outputs = rng.normal(size=(9, 2)) * 3
    real, fake = outputs.T
    made = {"difference": real - fake, "the real output alone": real, "sum": real + fake}[form]
    return functional.softmax(torch.tensor(outputs), dim=1)[:, 0].numpy(), expit(made)


# ---------------------------------------------------------------- which term reaches whom


def _networks(rng: np.random.Generator) -> tuple[nn.Module, nn.Module]:
    generator, discriminator = (
        nn.Linear(2, 4).double(),
        nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1)).double(),
    )
    for network in (generator, discriminator):
        for parameter in network.parameters():
            parameter.data.copy_(torch.tensor(rng.normal(size=tuple(parameter.shape))))
    return generator, discriminator


def value_terms(rng: np.random.Generator, path: str = "through G") -> tuple[Side, Side]:
    """Gradient of the whole value in the generator's parameters; of its second term alone, by central differences."""
    generator, discriminator = _networks(rng)
    real, z = torch.tensor(STROKES), torch.tensor(rng.normal(size=(5, 2)))
    parameters = list(generator.parameters())
    seen_as_real = generator(z) if path == "data counted as the generator's" else real
    value = -discriminator_loss(discriminator(seen_as_real), discriminator(generator(z)))
    left = torch.cat([g.flatten() for g in torch.autograd.grad(value, parameters)]).numpy()

    def second_term(vector: np.ndarray) -> float:
        weight, bias = torch.tensor(vector[:8].reshape(4, 2)), torch.tensor(vector[8:])
        with torch.no_grad():
            a = discriminator(z @ weight.T + bias)
        return (
            float(-np.logaddexp(0, a.numpy()).mean())
            if path != "log D for log(1 - D)"
            else float(-np.logaddexp(0, -a.numpy()).mean())
        )

    start = torch.cat([p.detach().flatten() for p in parameters]).numpy()
    return left, _slopes(second_term, start)


def discriminator_gradient(rng: np.random.Generator, slip: str = "") -> tuple[Side, Side]:
    """Gradient by hand, from the package; central differences of the package's value."""
    game, (real, z) = _game(rng), _batch(rng)
    weight, bias = game.discriminator_gradient(real, z)
    left = np.r_[weight, bias]
    if slip == "descent for ascent":
        left = -left
    if slip == "D and 1 - D swapped":
        up, down = expit(game.logits(real)), expit(-game.logits(game.paint(z)))
        left = np.r_[(up @ real - down @ game.paint(z)) / len(z), up.mean() - down.mean()]
    start = np.r_[game.weight, game.bias]
    return left, _slopes(lambda v: replace(game, weight=v[:4], bias=float(v[4])).value(real, z), start)


def generator_gradient(rng: np.random.Generator, slip: str = "") -> tuple[Side, Side]:
    """Gradients of both losses by hand, from the package; torch's automatic differentiation of the package's losses."""
    game, (_, z) = _game(rng), _batch(rng)
    left = [np.r_[game.generator_gradient(z, kind)] for kind in ("non_saturating", "saturating")]
    if slip == "the two losses swapped":
        left.reverse()
    if slip == "no slope of the sigmoid that paints":
        pull = [-expit(-game.logits(game.paint(z))), -expit(game.logits(game.paint(z)))]
        left = [np.r_[np.mean(p * z) * game.weight, np.mean(p) * game.weight] for p in pull]
    right = []
    for kind in ("non_saturating", "saturating"):
        slope, offset = (torch.tensor(v, requires_grad=True) for v in (game.slope, game.offset))
        pictures = torch.sigmoid(torch.tensor(z)[:, None] * slope + offset)
        loss = generator_loss(pictures @ torch.tensor(game.weight) + game.bias, kind)
        right.append(torch.cat(torch.autograd.grad(loss, (slope, offset))).numpy())
    return np.concatenate(left), np.concatenate(right)


def turns_are_separate(rng: np.random.Generator, optimiser: str = "one each") -> tuple[Side, Side]:
    """The discriminator's parameters after a generator step through it, frozen; before. Bit by bit."""
    generator, discriminator = _networks(rng)
    before = torch.cat([p.detach().flatten().clone() for p in discriminator.parameters()])
    moved = (
        [*generator.parameters()] if optimiser == "one each" else [*generator.parameters(), *discriminator.parameters()]
    )
    step = torch.optim.SGD(moved, lr=0.1)
    z = torch.tensor(rng.normal(size=(5, 2)))
    if optimiser == "one each":
        with frozen(discriminator):
            generator_loss(discriminator(generator(z))).backward()
    else:
        generator_loss(discriminator(generator(z))).backward()
    step.step()
    after = torch.cat([p.detach().flatten() for p in discriminator.parameters()])
    return after.numpy(), before.numpy()


# ---------------------------------------------------------------- the two losses of the generator


def slopes_in_probability(rng: np.random.Generator, slip: str = "") -> tuple[Side, Side]:
    """Difference quotients of both losses in D itself, from 1e-9 to .9; the closed forms."""
    d = np.array([1e-9, 0.01, 0.3, 0.5, 0.9])
    step = 1e-6 * d
    left = [
        (np.log1p(-(d + step)) - np.log1p(-(d - step))) / (2 * step),
        -(np.log(d + step) - np.log(d - step)) / (2 * step),
    ]
    right = {
        "": [-1 / (1 - d), -1 / d],
        "flat at D = 0": [-d / (1 - d), -1 / d],
        "slope in the logit": [-d, -(1 - d)],
    }[slip]
    return np.concatenate(left) * np.r_[d, d], np.concatenate(right) * np.r_[d, d]


def gradient_ratio(rng: np.random.Generator, slip: str = "") -> tuple[Side, Side]:
    """Gradient of -log D for one picture, by the package; that of log(1 - D) times the odds."""
    game, z = _game(rng), rng.uniform(-1, 1, size=1)
    strong, weak = (np.concatenate(game.generator_gradient(z, kind)) for kind in ("non_saturating", "saturating"))
    d = expit(game.logits(game.paint(z)))[0]
    factor = {"": (1 - d) / d, "upside down": d / (1 - d), "the same objective": 1.0}[slip]
    return strong, factor * weak


def noise_average(rng: np.random.Generator, slip: str = "") -> tuple[Side, Side]:
    """Average of log(1 - D(G(z))) over equally likely z; sum over pictures, weighted by the package's push-forward."""
    outcomes = rng.integers(5, size=40)  # G: which of 5 pictures each of 40 noise values paints
    d = rng.uniform(0.05, 0.95, size=40 if slip == "D(z), without G" else 5)
    left = np.mean([math.log(1 - (d[z] if slip == "D(z), without G" else d[outcomes[z]])) for z in range(40)])
    p_model = push_forward(np.full(40, 1 / 40), outcomes, 5)
    if slip == "every picture counted once":
        p_model = (p_model > 0) / (p_model > 0).sum()
    return left, p_model @ np.log(1 - d[:5])


# ---------------------------------------------------------------- what a line can't do


def strokes_average(rng: np.random.Generator, score: str = "affine") -> tuple[Side, Side]:
    """Mean logit of the two strokes; of the two diagonals, for 50 random discriminators of the package."""
    games = [_game(rng) for _ in range(50)]
    if score == "affine":
        left, right = ([game.logits(pair).mean() for game in games] for pair in (STROKES, DIAGONALS))
    elif score == "one hidden unit":
        left, right = ([np.tanh(game.logits(pair)).mean() for game in games] for pair in (STROKES, DIAGONALS))
    else:  # a single stroke against a single diagonal
        left, right = ([game.logits(pair[:1]).mean() for game in games] for pair in (STROKES, DIAGONALS))
    return np.array(left), np.array(right)


def strokes_not_separable(rng: np.random.Generator, sets: str = "pairs") -> tuple[Side, Side]:
    """Whether the linear programme finds a line (1) or not (0), for the pairs and for a single stroke; 0 and 1."""
    pairs = {"pairs": (STROKES, DIAGONALS), "one stroke of the two": (STROKES[:1], DIAGONALS)}[sets]
    others = np.array([[1.0, 0, 0, 1], [0, 1, 1, 0], [1, 0, 1, 1], [0, 0, 1, 1]])  # \, /, L, _
    found = [separating_line(*pairs) is not None, separating_line(STROKES[1:], others) is not None]
    return np.array(found, dtype=float), np.array([0.0, 1.0])


CLAIMS = (
    Claim(
        label="confusion-counts",
        equation=r"""
\begin{aligned}
\mathrm{TP} + \mathrm{FN} &= N_{\mathrm{real}}, \\
\mathrm{FP} + \mathrm{TN} &= N_{\mathrm{fake}}
\end{aligned}
""",
        sides=confusion_counts,
        source="by definition, with real as the positive class",
        slips=slips_of(confusion_counts, "names", "names of the other convention"),
        tolerance=0,
    ),
    Claim(
        label="cross-entropy-with-brackets",
        equation=r"""
\begin{aligned}
& \mathrm{BCE} = -\frac1N \sum_{i=1}^N \bigl[ y_i \log p_i \\
& \qquad + (1 - y_i) \log(1 - p_i) \bigr]
\end{aligned}
""",
        sides=cross_entropy_with_brackets,
        source="maximum likelihood of independent coins",
        slips=slips_of(cross_entropy_with_brackets, "form", "brackets missing", "log of p (1 - y)"),
    ),
    Claim(
        label="softplus-of-logit",
        equation=r"""
\begin{aligned}
-\log \sigma(a) &= \operatorname{softplus}(-a) \\
&= \log(1 + e^{-a})
\end{aligned}
""",
        sides=softplus_of_logit,
        source="the chapter's derivation",
        slips=slips_of(softplus_of_logit, "form", "log of the rounded sigmoid", "softplus(a)"),
        tolerance=1e-9,
    ),
    Claim(
        label="softmax-is-a-difference",
        equation=r"""
\frac{e^{a_{\mathrm{real}}}}{e^{a_{\mathrm{real}}} + e^{a_{\mathrm{fake}}}}
= \sigma(a_{\mathrm{real}} - a_{\mathrm{fake}})
""",
        sides=softmax_is_a_difference,
        source="the chapter's derivation",
        slips=slips_of(softmax_is_a_difference, "form", "the real output alone", "sum"),
    ),
    Claim(
        label="split-loss",
        equation=r"""
\mathrm{BCE} = \frac{N_R}{N} \, \ell_R + \frac{N_F}{N} \, \ell_F
""",
        sides=split_loss,
        source="the chapter's derivation",
        slips=slips_of(split_loss, "weights", "the plain sum of the means", "a half each"),
    ),
    Claim(
        label="value-terms",
        equation=r"""
\begin{aligned}
& \nabla_\varphi V(G_\varphi, D) \\
& = \nabla_\varphi \, \frac1m \sum_{i=1}^m \log\bigl( 1 - D(G_\varphi(z_i)) \bigr)
\end{aligned}
""",
        sides=value_terms,
        source="Goodfellow et al. (2014), Algorithm 1",
        slips=slips_of(value_terms, "path", "data counted as the generator's", "log D for log(1 - D)"),
        tolerance=1e-7,
    ),
    Claim(
        label="discriminator-gradient-by-hand",
        equation=r"""
\begin{aligned}
\nabla_w V = {}& \text{mean of } (1 - D(x)) \, x \\
& - \text{mean of } D(G(z)) \, G(z)
\end{aligned}
""",
        sides=discriminator_gradient,
        source="the chapter's derivation",
        slips=slips_of(discriminator_gradient, "slip", "descent for ascent", "D and 1 - D swapped"),
        tolerance=1e-7,
    ),
    Claim(
        label="generator-gradient-by-hand",
        equation=r"""
\begin{aligned}
\frac{\partial L_G}{\partial u_i} &= \text{mean of } \ell'(a) \, w_i \, g_i (1 - g_i) \, z, \\
\frac{\partial L_G}{\partial c_i} &= \text{mean of } \ell'(a) \, w_i \, g_i (1 - g_i)
\end{aligned}
""",
        sides=generator_gradient,
        source="the chapter's derivation",
        slips=slips_of(generator_gradient, "slip", "the two losses swapped", "no slope of the sigmoid that paints"),
    ),
    Claim(
        label="turns-are-separate",
        equation=r"\theta_{\text{after } G\text{'s turn}} = \theta_{\text{before}}",
        sides=turns_are_separate,
        source="Goodfellow et al. (2014), Algorithm 1",
        slips=slips_of(turns_are_separate, "optimiser", "one optimiser for both"),
        tolerance=0,
    ),
    Claim(
        label="slopes-in-probability",
        equation=r"""
\begin{aligned}
\frac{d}{dD} \log(1 - D) &= -\frac{1}{1 - D}, \\
\frac{d}{dD} \bigl[ {-\log D} \bigr] &= -\frac1D
\end{aligned}
""",
        sides=slopes_in_probability,
        source="calculus",
        slips=slips_of(slopes_in_probability, "slip", "flat at D = 0", "slope in the logit"),
        tolerance=1e-8,
    ),
    Claim(
        label="gradient-ratio",
        equation=r"""
\begin{aligned}
& \nabla_\varphi \bigl[ {-\log D} \bigr] \\
& \quad = \frac{1 - D}{D} \; \nabla_\varphi \log(1 - D)
\end{aligned}
""",
        sides=gradient_ratio,
        source="the chapter's derivation",
        slips=slips_of(gradient_ratio, "slip", "upside down", "the same objective"),
    ),
    Claim(
        label="noise-average",
        equation=r"""
\begin{aligned}
& \frac1N \sum_{i=1}^N \log\bigl( 1 - D(G(z_i)) \bigr) \\
& \quad = \sum_x p_G(x) \log\bigl( 1 - D(x) \bigr)
\end{aligned}
""",
        sides=noise_average,
        source="the chapter's derivation",
        slips=slips_of(noise_average, "slip", "every picture counted once", "D(z), without G"),
    ),
    Claim(
        label="strokes-average",
        equation=r"""
\begin{aligned}
& a(\mathtt{1010}) + a(\mathtt{0101}) \\
& \quad = a(\mathtt{1001}) + a(\mathtt{0110})
\end{aligned}
""",
        sides=strokes_average,
        source="the chapter's derivation, for any linear logit",
        slips=slips_of(strokes_average, "score", "one hidden unit", "one picture of each pair"),
    ),
    Claim(
        label="strokes-not-separable",
        equation=r"""
\begin{aligned}
& \text{no } (w, b) \text{ has} \\
& w^\top x + b > 0 \text{ on } \{\mathtt{1010}, \mathtt{0101}\}, \\
& w^\top x + b < 0 \text{ on } \{\mathtt{1001}, \mathtt{0110}\}
\end{aligned}
""",
        sides=strokes_not_separable,
        source="the chapter's derivation; Minsky & Papert (1969) on parity",
        slips=slips_of(strokes_not_separable, "sets", "one stroke of the two"),
        tolerance=0,
    ),
)

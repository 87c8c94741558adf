"""Claims of the chapter "Pixels as a sentence: autoregressive image models"."""

from __future__ import annotations

import itertools
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from scipy import optimize, stats
from torch import Tensor

from lectures_pkg.autoregressive import (
    FVSBN,
    MADE,
    PixelCNN,
    completion_log_prob,
    conditional_table,
    em_step,
    ensemble_log_prob,
    enumerate_law,
    fit_bernoulli_mixture,
    hidden_degrees,
    log_prob_from_logits,
    made_masks,
    positions,
    seen_pixels,
)
from lectures_pkg.claims import SMALLEST_P_VALUE, Claim, Side
from lectures_pkg.divergences import cross_entropy, entropy, kl_divergence
from lectures_pkg.experiments import autoregressive as experiment
from lectures_pkg.training import seeded
from lectures_pkg.worlds import binary_images, strokes


def _images(n_pixels: int) -> Tensor:
    return torch.from_numpy(binary_images(n_pixels)).double()


def _random_made(
    rng: np.random.Generator, n_inputs: int, hidden: int | tuple[int, ...] = (24, 24), *, leak: bool = False
) -> MADE:
    """An untrained MADE with large weights in a random order, in double precision.

    ``leak`` writes >= instead of > into the output's mask.
    """
    with seeded(int(rng.integers(2**31))):
        model = MADE(n_inputs, hidden, rng.permutation(n_inputs)).double().eval()
        for parameter in model.parameters():
            parameter.data.normal_(0.0, 0.8)
        model.layers[-1].bias.data.normal_(0.0, 0.3)  # type: ignore[operator]
    if leak:
        _open_output_mask(model)
    return model


def _open_output_mask(model: MADE) -> None:
    when = torch.from_numpy(positions(model.order))
    model.layers[-1].mask = when[:, None] >= model.degrees[-1][None, :]


# ---------------------------------------------------------------- the chain rule in any order


def pixel_chain_rule(rng: np.random.Generator, context: str = "all earlier pixels") -> tuple[Side, Side]:
    """Product of conditionals in every one of the 24 orders; the table itself."""
    law = rng.dirichlet(np.full(16, 0.5))
    images, cube = binary_images(4), law.reshape(2, 2, 2, 2)
    products = []
    for order in itertools.permutations(range(4)):
        if context == "all earlier pixels":
            one = conditional_table(law, order)
        else:
            one = np.empty((16, 4))
            for t, pixel in enumerate(order):  # the pixel generated just before is the only context
                keep = order[max(0, t - 1) : t + 1]
                joint = cube.sum(axis=tuple(j for j in range(4) if j not in keep), keepdims=True)
                share = joint.take([1], axis=pixel) / joint.sum(axis=pixel, keepdims=True)
                one[:, pixel] = np.broadcast_to(share, cube.shape).reshape(-1)
        products.append(np.where(images == 1, one, 1 - one).prod(axis=1))
    return products, np.broadcast_to(law, (24, 16))


def pixel_table_size(rng: np.random.Generator, right: str = "2^D - 1") -> tuple[Side, Side]:
    """Number of different contexts, pixel by pixel; one less than the number of images."""
    left, sizes = [], []
    for n in (2, 3, 4, 5):
        order = rng.permutation(n)
        table = conditional_table(rng.dirichlet(np.ones(2**n)), order)
        left.append(sum(len(np.unique(table[:, pixel])) for pixel in order))
        sizes.append({"2^D - 1": 2**n - 1, "2^D": 2**n, "D(D+1)/2": n * (n + 1) // 2}[right])
    return left, sizes


def pixel_log_prob(rng: np.random.Generator, formula: str = "softplus") -> tuple[Side, Side]:
    """Sum of softplus terms; sum of the logarithms of the pixels' probabilities, in 50 digits."""
    import mpmath

    x, logits = rng.integers(2, size=(6, 5)), 30 * rng.standard_normal((6, 5))
    logits[0, :2], x[0, :2] = 800.0, 0  # a probability below the smallest float
    with mpmath.workdps(50):
        terms = [
            [mpmath.log(1 / (1 + mpmath.exp(-mpmath.mpf(float(a)) * (2 * int(i) - 1)))) for i, a in zip(*rows)]  # noqa: B905
            for rows in zip(x, logits, strict=True)
        ]
        right = [float(mpmath.fsum(row)) for row in terms]
    if formula == "softplus":
        left = log_prob_from_logits(torch.from_numpy(x).double(), torch.from_numpy(logits)).numpy()
    elif formula == "log(1 - sigmoid)":
        with np.errstate(all="ignore"):
            probability = 1 / (1 + np.exp(-logits))
            left = np.where(x == 1, np.log(probability), np.log(1 - probability)).sum(axis=1)
    else:  # the sign of the logit is not flipped for ink
        left = -np.logaddexp(0, logits).sum(axis=1)
    return left, right


# ---------------------------------------------------------------- logistic conditionals


def parity_gap(rng: np.random.Generator, right: str = "3 log 2") -> tuple[Side, Side]:
    """Smallest cross-entropy of an FVSBN on the four images of even parity, by optimisation; 3 log 2."""
    law = torch.from_numpy(np.where(binary_images(3).sum(axis=1) % 2 == 0, 0.25, 0.0))
    images = _images(3)
    model = FVSBN(3, rng.permutation(3)).double()
    shapes = [parameter.shape for parameter in model.parameters()]
    sizes = [parameter.numel() for parameter in model.parameters()]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        parts = torch.from_numpy(flat).split(sizes)
        for parameter, part, shape in zip(model.parameters(), parts, shapes, strict=True):
            parameter.data = part.reshape(shape).clone()
        model.zero_grad()
        value = -(law * model.log_prob(images)).sum()
        value.backward()
        return value.item(), np.concatenate([p.grad.reshape(-1).numpy() for p in model.parameters()])  # type: ignore[union-attr]

    starts = 2 * rng.standard_normal((4, sum(sizes)))
    best = min(optimize.minimize(loss, start, jac=True, options={"gtol": 1e-9}).fun for start in starts)
    return best, {"3 log 2": 3 * np.log(2), "2 log 2": 2 * np.log(2)}[right]


# ---------------------------------------------------------------- masks


def made_paths(rng: np.random.Generator, output: str = ">") -> tuple[Side, Side]:
    """Product of the masks; number of hidden units with pi_i > m_k >= pi_j, counted one by one."""
    n, when = 7, torch.from_numpy(rng.permutation(7) + 1)
    degrees = torch.from_numpy(rng.integers(1, n, size=12))
    masks = made_masks(when, [degrees])
    if output == ">=":
        masks[1] = when[:, None] >= degrees[None, :]
    paths = (masks[1].long() @ masks[0].long()).numpy()
    count = [[sum(int(a > m >= b) for m in degrees.tolist()) for b in when.tolist()] for a in when.tolist()]
    return paths, count


def made_weights(rng: np.random.Generator, right: str = "HD") -> tuple[Side, Side]:
    """Weights that the masks of one hidden layer keep; H times D."""
    left, expected = [], []
    for n, width in ((2, 5), (7, 12), (10, 4)):
        degrees = hidden_degrees(width, n, torch.Generator().manual_seed(int(rng.integers(2**31))))
        masks = made_masks(torch.from_numpy(rng.permutation(n) + 1), [degrees])
        left.append(int(sum(mask.sum() for mask in masks)))
        expected.append(width * n if right == "HD" else 2 * width * n)
    return left, expected


def made_jacobian(rng: np.random.Generator, slip: str = "") -> tuple[Side, Side]:
    """Largest derivative of a logit with respect to its own or a later pixel, at random images; zero."""
    n = 8
    model = _random_made(rng, n, leak=slip == ">=")
    while torch.equal(model.order, torch.argsort(model.order)):  # an order that is its own inverse hides the confusion
        model = _random_made(rng, n, leak=slip == ">=")
    x = torch.from_numpy(rng.integers(2, size=(20, n))).double()
    jacobian = torch.autograd.functional.jacobian(lambda batch: model(batch).sum(dim=0), x).abs().amax(dim=1)
    order = model.order if slip != "order and position confused" else torch.from_numpy(positions(model.order) - 1)
    in_order = jacobian[order][:, order]
    return torch.triu(in_order).numpy(), np.zeros((n, n))


def made_normalises(rng: np.random.Generator, leak: bool = False) -> tuple[Side, Side]:
    """Sum of a MADE's probabilities over all images of ten pixels; one."""
    model = _random_made(rng, 10, leak=leak)
    return torch.exp(model.log_prob(_images(10))).sum().item(), 1.0


# ---------------------------------------------------------------- scoring, sampling, completing


def nll_gap(rng: np.random.Generator, gap: str = "KL(p, q)") -> tuple[Side, Side]:
    """Expected negative log-likelihood of a MADE on noisy strokes, by enumeration; entropy plus divergence."""
    p, model = strokes(float(rng.uniform(0.02, 0.2))), _random_made(rng, 4, 12)
    q = enumerate_law(lambda x: model.log_prob(x.double()), 4)
    if gap == "average of the images' surprises":
        return cross_entropy(np.full(16, 1 / 16), q), entropy(p) + kl_divergence(p, q)
    left = -(p * model.log_prob(_images(4)).detach().numpy()).sum()
    return left, entropy(p) + (kl_divergence(p, q) if gap == "KL(p, q)" else kl_divergence(q, p))


def ancestral_sampling(rng: np.random.Generator, how: str = "in order") -> tuple[Side, Side]:
    """P-value of a chi-square test of samples against the enumerated law."""
    model = _random_made(rng, 4, 16)
    while _dependence(model) < 0.3:  # where pixels are nearly independent no wrong sampler could be told apart
        model = _random_made(rng, 4, 16)
    n, generator = 20_000, torch.Generator().manual_seed(int(rng.integers(2**31)))
    if how == "in order":
        x = model.sample(n, generator)
    else:
        pixels = model.order.tolist()
        x = torch.zeros(n, 4, dtype=torch.float64)
        with torch.no_grad():
            if how == "one pass":
                x = torch.bernoulli(torch.sigmoid(model(x)), generator=generator)
            else:  # against the order
                for pixel in reversed(pixels):
                    x[:, pixel] = torch.bernoulli(torch.sigmoid(model(x)[:, pixel]), generator=generator)
    counts = np.bincount((x @ torch.tensor([8.0, 4, 2, 1], dtype=torch.float64)).long().numpy(), minlength=16)
    law = torch.exp(model.log_prob(_images(4))).detach().numpy()
    return _chi_square(counts, law), SMALLEST_P_VALUE


def _dependence(model: MADE) -> float:
    """Divergence in nats of a model's law from what one pass over a blank picture would give."""
    with torch.no_grad():
        images = _images(4)
        log_p = model.log_prob(images)
        blank = log_prob_from_logits(images, model(torch.zeros(1, 4, dtype=torch.float64)).expand(16, 4))
        backwards = torch.zeros_like(log_p)
        for t, pixel in enumerate(model.order.tolist()):
            canvas = images.clone()
            canvas[:, model.order[:t]] = 0.0  # not drawn yet when one goes against the order
            backwards -= torch.nn.functional.softplus((1 - 2 * images[:, pixel]) * model(canvas)[:, pixel])
        return float(min((log_p.exp() * (log_p - other)).sum() for other in (blank, backwards)))


def _chi_square(counts: np.ndarray, law: np.ndarray) -> float:
    """P-value; images expected fewer than five times are put together."""
    expected = counts.sum() * law
    rare = expected < 5
    if rare.any():
        counts, expected = (np.r_[v[~rare], v[rare].sum()] for v in (counts, expected))
        if expected[-1] < 5:
            counts, expected = (np.r_[v[:-2], v[-2:].sum()] for v in (counts, expected))
    return float(stats.chisquare(counts, expected).pvalue)


def network_calls(rng: np.random.Generator, sampling: str = "D") -> tuple[Side, Side]:
    """Passes through the network to score images and to sample them, counted; 1 and D."""
    n = int(rng.integers(3, 12))
    model, calls = _random_made(rng, n), []
    model.register_forward_hook(lambda *_: calls.append(1))
    model.log_prob(torch.zeros(5, n, dtype=torch.float64))
    n_scoring = len(calls)
    model.sample(5)
    return [n_scoring, len(calls) - n_scoring], [1, n if sampling == "D" else 1]


def completion(rng: np.random.Generator, known_first: bool = True, normalise: bool = True) -> tuple[Side, Side]:
    """Product of the later conditionals; shares, by enumeration, among the images that agree with the known part."""
    n, n_known = 10, 5
    model, images = _random_made(rng, n), _images(n)
    order = model.order.numpy()
    known = np.isin(np.arange(n), order[:n_known] if known_first else order[-n_known:])
    row = int(rng.integers(2**n))
    agrees = (images[:, known] == images[row, known]).all(dim=1)
    with torch.no_grad():
        joint = model.log_prob(images[agrees]).exp()
        if known_first:
            left = completion_log_prob(model, images[agrees], known).exp()
        else:  # the conditionals of the unknown pixels, with the known ones clamped behind them
            unknown = torch.from_numpy(~known)
            left = log_prob_from_logits(images[agrees][:, unknown], model(images[agrees])[:, unknown]).exp()
    return left.numpy(), (joint / joint.sum() if normalise else joint).numpy()


# ---------------------------------------------------------------- orders together


def order_ensemble(rng: np.random.Generator, right: str = "mean") -> tuple[Side, Side]:
    """Surprise of each image under the mixture of three orders; mean of the three surprises."""
    models, images = [_random_made(rng, 6) for _ in range(3)], _images(6)
    with torch.no_grad():
        log_probs = torch.stack([model.log_prob(images) for model in models])
    surprise = -log_probs.numpy()
    left = -ensemble_log_prob(log_probs).numpy()
    return left, surprise.mean(axis=0) if right == "mean" else surprise.min(axis=0)


def ensemble_mass(rng: np.random.Generator, average: str = "log of the mean") -> tuple[Side, Side]:
    """Mass of all images of six pixels under an ensemble of three orders; one."""
    models, images = [_random_made(rng, 6) for _ in range(3)], _images(6)
    with torch.no_grad():
        log_probs = torch.stack([model.log_prob(images) for model in models])
    log_prob = ensemble_log_prob(log_probs) if average == "log of the mean" else log_probs.mean(dim=0)
    return log_prob.exp().sum().item(), 1.0


# ---------------------------------------------------------------- convolutions


def blind_spot(rng: np.random.Generator, seen: str = "cone") -> tuple[Side, Side]:
    """Earlier pixels on which a logit of a deep stack of masked convolutions depends; those inside the cone."""
    side, reach = 6, int(rng.integers(1, 3))
    with seeded(int(rng.integers(2**31))):
        model = PixelCNN(side, side, 12, 6, 2 * reach + 1).double()
        for layer in model.masked:
            layer.weight.data.abs_()  # type: ignore[operator]
    found = seen_pixels(model, torch.from_numpy(rng.random((4, side**2))))
    row, column = np.divmod(np.arange(side**2), side)
    up, right = row[:, None] - row[None, :], column[None, :] - column[:, None]
    earlier = (up > 0) | ((up == 0) & (right < 0))
    cone = earlier & (right <= reach * up)
    return found.sum(axis=1), (cone if seen == "cone" else earlier).sum(axis=1)


# ---------------------------------------------------------------- the baseline


def em_never_falls(rng: np.random.Generator, m_step: str = "shares") -> tuple[Side, Side]:
    """Log-likelihood of the training images after each round of EM; before it."""
    x = (rng.random((120, 8)) < rng.choice([0.2, 0.8], size=(3, 8))[rng.integers(3, size=120)]).astype(float)
    mixture = fit_bernoulli_mixture(x, 3, rng, n_rounds=2, pseudo_count=0.5)
    likelihoods = [mixture.log_prob(x).sum()]
    for _ in range(12 if m_step == "shares" else 2):
        new = em_step(mixture, x)
        if m_step == "divided by all images":
            share = np.exp(mixture.joint_log_prob(x) - mixture.log_prob(x)[:, None])
            new = new._replace(means=share.T @ x / len(x))
        mixture = new
        likelihoods.append(mixture.log_prob(x).sum())
    return np.array(likelihoods[1:]), np.array(likelihoods[:-1])


# ---------------------------------------------------------------- real digits


@cache
def _trained(seed: int) -> MADE:
    return experiment.train_made(seed)  # type: ignore[return-value]


def _leaky_made() -> MADE:
    model = MADE(64, 64)
    _open_output_mask(model)
    return model


def made_on_digits(rng: np.random.Generator, leak: bool = False) -> tuple[Side, Side]:
    """NLL of MADE, mixture, and error of the mass of the last ten pixels' completions; their bounds."""
    seed = int(rng.integers(2**31))
    images, test = experiment.digits()
    model: Any
    if leak:
        model = experiment.train(
            _leaky_made, seed, learn_from=images[200:], stop_on=images[:200], max_steps=300, learning_rate=1e-2
        )
    else:
        model = _trained(seed)
    made = experiment.nll(model, test)
    baselines = (fit_bernoulli_mixture(images.numpy(), n, np.random.default_rng(seed)) for n in (60, 1))
    mixture, independent = (-b.log_prob(test.numpy()).mean() for b in baselines)
    ending = _images(10)
    picture = torch.cat([test[0, :54].double().expand(len(ending), 54), ending], dim=1).float()
    with torch.no_grad():
        mass = completion_log_prob(model, picture, np.arange(64) < 54).double().exp().sum().item()
    return [made, 17.6, mixture, abs(mass - 1)], [17.6, mixture, independent, 1e-3]


CLAIMS = (
    Claim(
        label="pixel-chain-rule",
        equation=r"""\begin{aligned}
& p(x) = \prod_{t=1}^{D} p\bigl(x_{o_t} \mid x_{o_1}, \dots, x_{o_{t-1}}\bigr) \\
& \text{for every order } o
\end{aligned}""",
        sides=pixel_chain_rule,
        source="definition of conditional probability, D times",
        slips={"only the pixel before as context": partial(pixel_chain_rule, context="one pixel")},
        tolerance=1e-14,
    ),
    Claim(
        label="pixel-table-size",
        equation=r"\sum_{t=1}^{D} 2^{\,t-1} = 2^D - 1",
        sides=pixel_table_size,
        source="geometric series",
        slips={
            "2^D: the last image's probability is not free": partial(pixel_table_size, right="2^D"),
            "a logistic regression needs D(D+1)/2, a table more": partial(pixel_table_size, right="D(D+1)/2"),
        },
        tolerance=0.0,
    ),
    Claim(
        label="pixel-log-prob",
        equation=r"""\begin{aligned}
& \log p(x) \\
&\quad = -\sum_{i=1}^{D} \operatorname{softplus}\bigl((1 - 2x_i)\, a_i\bigr)
\end{aligned}""",
        sides=pixel_log_prob,
        source="Germain et al. (2015), eq. (3), in logits",
        slips={
            "log(1 - sigmoid) in floating point": partial(pixel_log_prob, formula="log(1 - sigmoid)"),
            "every pixel scored as paper": partial(pixel_log_prob, formula="sign"),
        },
        tolerance=1e-11,
    ),
    Claim(
        label="fvsbn-misses-parity",
        equation=r"""\begin{aligned}
& \min_{w,\,b}\; \mathbb{E}_{\text{parity}}\bigl[-\log p_{w,b}(x)\bigr] \\
&\quad = 3\log 2 \;>\; 2 \log 2 = H
\end{aligned}""",
        sides=parity_gap,
        source="the chapter's own derivation; Minsky & Papert (1969) on parity",
        slips={"the entropy is reached": partial(parity_gap, right="2 log 2")},
        tolerance=1e-6,
    ),
    Claim(
        label="mask-paths",
        equation=r"\bigl(M^{\mathrm{out}} M^{\mathrm{in}}\bigr)_{ij} = \#\bigl\{k : \pi_i > m_k \ge \pi_j\bigr\}",
        sides=made_paths,
        source="Germain et al. (2015), section 4.1",
        slips={">= in the output's mask": partial(made_paths, output=">=")},
        tolerance=0.0,
    ),
    Claim(
        label="made-jacobian",
        equation=r"\frac{\partial a_{o_t}}{\partial x_{o_s}} = 0 \quad \text{for all } s \ge t",
        sides=made_jacobian,
        source="Germain et al. (2015), section 4",
        slips={
            ">= in the output's mask": partial(made_jacobian, slip=">="),
            "the order read as positions": partial(made_jacobian, slip="order and position confused"),
        },
        tolerance=0.0,
    ),
    Claim(
        label="mask-weights",
        equation=r"\sum_{k,j} M^{\mathrm{in}}_{kj} + \sum_{i,k} M^{\mathrm{out}}_{ik} = H D",
        sides=made_weights,
        source="the chapter's own derivation",
        slips={"all 2HD weights are used": partial(made_weights, right="2HD")},
        tolerance=0.0,
    ),
    Claim(
        label="made-normalises",
        equation=r"\sum_{x \in \{0,1\}^{10}} p_\theta(x) = 1",
        sides=made_normalises,
        source="the chapter's own derivation, by enumeration of 1024 images",
        slips={">= in the output's mask": partial(made_normalises, leak=True)},
        tolerance=1e-10,
    ),
    Claim(
        label="nll-gap",
        equation=r"""\begin{aligned}
& \mathbb{E}_{p}\bigl[-\log p_\theta(x)\bigr] \\
&\quad = H(p) + D_{\mathrm{KL}}(p \Vert p_\theta) \;\ge\; H(p)
\end{aligned}""",
        sides=nll_gap,
        source="Cover & Thomas (2006), section 5.4",
        slips={
            "the divergence the other way round": partial(nll_gap, gap="KL(q, p)"),
            "each image counted once, however rare": partial(nll_gap, gap="average of the images' surprises"),
        },
    ),
    Claim(
        label="ancestral-sampling",
        equation=r"""\begin{aligned}
& x_{o_t} \sim \operatorname{Bernoulli}\bigl(\sigma(a_{o_t}(x))\bigr), \\
& t = 1, \dots, D \;\Rightarrow\; x \sim p_\theta
\end{aligned}""",
        sides=ancestral_sampling,
        source="the chapter's own derivation",
        slips={
            "against the order": partial(ancestral_sampling, how="backwards"),
            "all pixels in one pass": partial(ancestral_sampling, how="one pass"),
        },
        relation="~",
    ),
    Claim(
        label="network-calls",
        equation=r"""\begin{aligned}
n_{\text{calls}}(\text{score}) &= 1, \\
n_{\text{calls}}(\text{sample}) &= D
\end{aligned}""",
        sides=network_calls,
        source="counted",
        slips={"a sample takes one pass": partial(network_calls, sampling="1")},
        tolerance=0.0,
    ),
    Claim(
        label="completion",
        equation=r"p_\theta\bigl(x_{o_{>s}} \mid x_{o_{\le s}}\bigr) = "
        r"\prod_{t=s+1}^{D} p_\theta\bigl(x_{o_t} \mid x_{o_{<t}}\bigr)",
        sides=completion,
        source="the chapter's own derivation",
        slips={
            "known pixels clamped at the end of the order": partial(completion, known_first=False),
            "the joint, not divided by the known part's probability": partial(completion, normalise=False),
        },
    ),
    Claim(
        label="ensemble-mass",
        equation=r"""\begin{aligned}
& \sum_x \bar p(x) = 1, \\
& \bar p(x) = \frac1K \sum_{k=1}^{K} p_k(x)
\end{aligned}""",
        sides=ensemble_mass,
        source="Germain et al. (2015), section 4.2",
        slips={"mean of the logarithms": partial(ensemble_mass, average="mean of the logs")},
        tolerance=1e-10,
    ),
    Claim(
        label="order-ensemble",
        equation=r"-\log \bar p(x) \;\le\; \frac1K \sum_{k=1}^{K} \bigl(-\log p_k(x)\bigr)",
        sides=order_ensemble,
        source="Jensen's inequality",
        slips={"never worse than the best member": partial(order_ensemble, right="min")},
        relation="<=",
    ),
    Claim(
        label="blind-spot",
        equation=r"\frac{\partial a_{(r,c)}}{\partial x_{(r-u,\,c+v)}} = 0 \quad \text{whenever } v > \rho\, u",
        sides=blind_spot,
        source="van den Oord et al. (2016), Conditional image generation, figure 1",
        slips={"all earlier pixels are seen": partial(blind_spot, seen="all")},
        tolerance=0.0,
    ),
    Claim(
        label="em-never-falls",
        equation=r"\ell\bigl(w^{\mathrm{new}}, \mu^{\mathrm{new}}\bigr) \;\ge\; \ell(w, \mu)",
        sides=em_never_falls,
        source="Dempster, Laird & Rubin (1977), theorem 1",
        slips={"shares of all images, not of the component's": partial(em_never_falls, m_step="divided by all images")},
        relation=">=",
        tolerance=1e-9,
    ),
    Claim(
        label="made-on-digits",
        equation=r"""\begin{aligned}
\mathrm{NLL}_{\text{MADE}} &\le 17.6 \\
&\le \mathrm{NLL}_{\text{mixture}} \\
&\le \mathrm{NLL}_{\text{independent}}
\end{aligned}""",
        sides=made_on_digits,
        source="the chapter's experiment, one fresh seed",
        slips={"a mask that leaks": partial(made_on_digits, leak=True)},
        relation="<=",
        tolerance=0.0,
    ),
)

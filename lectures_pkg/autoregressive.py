"""Autoregressive models of binary images: exact likelihood by the chain rule, one pixel after another.

Chapter ``autoregressive``; Frey et al. (1996) for FVSBN, Germain et al. (2015) for MADE, van den Oord et
al. (2016) for PixelCNN. A batch has shape (batch, n_inputs) with pixels in {0, 1}, row by row; ``order[t]``
is the pixel generated t-th. Models map a batch to logits of the same shape: entry ``i`` is the logit of
pixel ``i`` being 1 given the pixels before it in the order. Log-probabilities are in nats per image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.special import logsumexp
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear, logsigmoid, pad, relu
from torch.optim import Optimizer

from lectures_pkg.divergences import as_law
from lectures_pkg.training import Switchable, evaluating
from lectures_pkg.worlds import binary_images

#: Enumeration stops here: 2 ** 20 images are a million.
LARGEST_ENUMERATION = 20
_FLOOR = -1e30


class Autoregressive(Switchable, Protocol):
    """What the functions below ask of a model: an order, and logits that respect it."""

    order: Tensor

    def __call__(self, *inputs: Tensor) -> Tensor: ...


# ---------------------------------------------------------------------------------------------------------
# Orders, likelihood, sampling: the same for every model


def positions(order: ArrayLike) -> np.ndarray:
    """When each pixel is generated, counted from 1: the inverse of the order, shape (n_inputs,).

    ``order[t]`` is a pixel, ``positions(order)[i]`` a time. The two are different permutations unless
    the order is its own inverse.

    Raises
    ------
    ValueError
        If ``order`` doesn't hold each pixel exactly once.

    References
    ----------
    In the book: equation ``def-order``.
    """
    pixels = np.asarray(order)
    if pixels.ndim != 1 or not np.array_equal(np.sort(pixels), np.arange(len(pixels))):
        raise ValueError(
            f"order must hold each pixel from 0 to {pixels.size - 1} exactly once, found {pixels.tolist()}"
        )
    return np.argsort(pixels) + 1


def log_prob_from_logits(x: Tensor, logits: Tensor) -> Tensor:
    r"""Sum of the pixels' log-probabilities: the log-likelihood of each image when the logits respect an order.

    .. math:: \log p(x) = -\sum_i \mathrm{softplus}\bigl((1 - 2 x_i)\, a_i\bigr)

    Parameters
    ----------
    x, logits : Tensor, shape (batch, n_inputs)
        Pixels in {0, 1}; a_i is the logit of x_i = 1. Right at any size of the logits.

    Returns
    -------
    Tensor, shape (batch,)
        Nats per image, at most zero. Larger is better.

    Raises
    ------
    ValueError
        If the shapes differ, or a pixel is neither 0 nor 1: a Bernoulli cross-entropy of grey values is
        a training loss, not a likelihood.

    References
    ----------
    Germain et al. (2015), eq. (3). In the book: equation ``pixel-log-prob``.
    """
    if x.shape != logits.shape:
        raise ValueError(f"x has shape {tuple(x.shape)} but logits have {tuple(logits.shape)}")
    _refuse_grey(x)
    # torch's own softplus is rounded to a straight line above 20, an error of 2e-9; logsigmoid is not.
    return logsigmoid((2 * x - 1) * logits).sum(dim=-1)


def completion_log_prob(model: Autoregressive, x: Tensor, known: ArrayLike, context: Tensor | None = None) -> Tensor:
    r"""Log-probability of the pixels that are not known, given those that are, in nats per image.

    Parameters
    ----------
    x : Tensor, shape (batch, n_inputs)
        Whole images in {0, 1}.
    known : array_like of bool, shape (n_inputs,)
        Pixels that are given. They must come first in the model's order.
    context : Tensor, shape (batch, context_dim), optional
        For a model that takes one.

    Returns
    -------
    Tensor, shape (batch,)

    Raises
    ------
    ValueError
        If a known pixel is generated after an unknown one: the product of conditionals is then another number.

    References
    ----------
    In the book: equation ``completion``.
    """
    unknown = torch.from_numpy(~_first_in_order(model, known))
    logits = model(x, *_given(context))
    return log_prob_from_logits(x[:, unknown], logits[:, unknown])


@torch.no_grad()
def complete(
    model: Autoregressive,
    x: Tensor,
    known: ArrayLike,
    rng: torch.Generator | None = None,
    context: Tensor | None = None,
) -> Tensor:
    """Keep the known pixels of each image and draw the others, one after another, from the model's conditionals.

    Parameters
    ----------
    x : Tensor, shape (batch, n_inputs)
        What it holds at unknown pixels doesn't matter.
    known : array_like of bool, shape (n_inputs,)
        Pixels to keep. They must come first in the model's order.
    rng : torch.Generator, optional
        Source of randomness; torch's global one by default.
    context : Tensor, shape (batch, context_dim), optional
        For a model that takes one.

    Returns
    -------
    Tensor, shape (batch, n_inputs)
        Draws from the exact conditional law of the model, after one network call for each unknown pixel.

    Raises
    ------
    ValueError
        If a known pixel is generated after an unknown one (the sentence names both), or is neither 0 nor 1.

    References
    ----------
    In the book: equations ``completion``, ``ancestral-sampling``.
    """
    kept = _first_in_order(model, known)
    _check_batch(x, len(kept))
    _refuse_grey(x[:, torch.from_numpy(kept)])
    canvas = torch.where(torch.from_numpy(kept), x, torch.zeros_like(x))
    with evaluating(model):  # dropout off
        for pixel in model.order[int(kept.sum()) :].tolist():
            probability = torch.sigmoid(model(canvas, *_given(context))[:, pixel])
            canvas[:, pixel] = torch.bernoulli(probability, generator=rng)
    return canvas


def enumerate_law(log_prob: Callable[[Tensor], Tensor], n_inputs: int) -> np.ndarray:
    """Probability of every binary image, by enumeration, in the order of `worlds.binary_images`.

    Parameters
    ----------
    log_prob : callable
        A model's ``log_prob``: (batch, n_inputs) to (batch,) nats.
    n_inputs : int
        At most 20.

    Returns
    -------
    ndarray, shape (2 ** n_inputs,)
        As the model has them: they sum to one only if the model is normalised.

    Raises
    ------
    ValueError
        If there are more than 20 pixels.
    """
    if n_inputs > LARGEST_ENUMERATION:
        raise ValueError(f"enumeration takes at most {LARGEST_ENUMERATION} pixels, found {n_inputs}")
    images = torch.from_numpy(binary_images(n_inputs)).to(torch.get_default_dtype())
    with torch.no_grad():
        return torch.cat([log_prob(chunk) for chunk in images.split(65_536)]).double().exp().numpy()


def ensemble_log_prob(log_probs: Tensor) -> Tensor:
    r"""Log-probability under the even mixture of several models: log of the mean, not mean of the logs.

    .. math:: \log \bar p(x) = \log \frac1K \sum_{k=1}^K p_k(x)

    Parameters
    ----------
    log_probs : Tensor, shape (n_models, batch)
        Nats. The models may have different orders.

    Returns
    -------
    Tensor, shape (batch,)

    References
    ----------
    Germain et al. (2015), section 4. In the book: equations ``ensemble-mass``, ``order-ensemble``.
    """
    return torch.logsumexp(log_probs, dim=0) - math.log(len(log_probs))


def conditional_table(law: ArrayLike, order: ArrayLike) -> np.ndarray:
    """The exact conditionals of a known law, in any order: no network, no parametric family.

    Parameters
    ----------
    law : array_like, shape (2 ** n_inputs,)
        Probability of each of `worlds.binary_images`.
    order : sequence of int
        ``order[t]`` is the pixel generated t-th.

    Returns
    -------
    ndarray, shape (2 ** n_inputs, n_inputs)
        Entry [x, i]: probability that pixel i is 1, given that the pixels before it in the order are as in
        image x. nan where no image of positive probability has those pixels.

    Raises
    ------
    ValueError
        If ``law`` is not a law, or not one of as many pixels as the order has.

    References
    ----------
    In the book: equation ``pixel-chain-rule``.
    """
    p = as_law(law, "law")
    when = positions(order)
    n_inputs = len(when)
    if p.shape != (2**n_inputs,):
        raise ValueError(f"a law of {n_inputs} pixels has shape ({2**n_inputs},), found {p.shape}")
    cube = p.reshape((2,) * n_inputs)
    table = np.empty((2,) * n_inputs + (n_inputs,))
    for pixel in range(n_inputs):
        later = tuple(j for j in range(n_inputs) if when[j] > when[pixel])
        joint = cube.sum(axis=later, keepdims=True)
        with np.errstate(invalid="ignore"):
            one = joint.take([1], axis=pixel) / joint.sum(axis=pixel, keepdims=True)
        table[..., pixel] = np.broadcast_to(one, cube.shape)
    return table.reshape(len(p), n_inputs)


def maximum_likelihood_step(model: nn.Module, optimiser: Optimizer) -> Callable[[Tensor], dict[str, float]]:
    """A step that descends the mean negative log-likelihood of a batch, in nats per image.

    Parameters
    ----------
    model : Module
        Anything with ``log_prob(x)`` of shape (batch,).
    optimiser : Optimizer
        Over the model's parameters.

    Returns
    -------
    callable
        ``step(batch) -> {"nll": float}``, for `training.fit`.
    """

    def step(batch: Tensor) -> dict[str, float]:
        nll = -model.log_prob(batch).mean()  # type: ignore[operator]
        optimiser.zero_grad()
        nll.backward()
        optimiser.step()
        return {"nll": nll.item()}

    return step


# ---------------------------------------------------------------------------------------------------------
# FVSBN: a logistic regression for each pixel


class FVSBN(nn.Module):
    r"""Fully visible sigmoid belief network: each pixel is a logistic regression on the pixels before it.

    .. math:: a_i(x) = b_i + \sum_{j :\, \pi_j < \pi_i} w_{ij}\, x_j

    Parameters
    ----------
    n_inputs : int
        Pixels.
    order : sequence of int, optional
        ``order[t]`` is the pixel generated t-th; row by row by default.

    References
    ----------
    Frey, Hinton & Dayan (1996). In the book: equation ``def-fvsbn``.
    """

    order: Tensor
    mask: Tensor

    def __init__(self, n_inputs: int, order: ArrayLike | None = None) -> None:
        super().__init__()
        when = _register_order(self, n_inputs, order)
        self.register_buffer("mask", when[:, None] > when[None, :])
        self.weight = nn.Parameter(torch.zeros(n_inputs, n_inputs))
        self.bias = nn.Parameter(torch.zeros(n_inputs))

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (batch, n_inputs) to the same shape."""
        _check_batch(x, len(self.order))
        return linear(x, self.weight * self.mask, self.bias)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-probability of each image in nats, shape (batch,)."""
        return log_prob_from_logits(x, self(x))

    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        """Draws of shape (n, n_inputs), pixel by pixel in the order."""
        return _sample(self, n, rng)


# ---------------------------------------------------------------------------------------------------------
# MADE: masks


def hidden_degrees(n_units: int, n_inputs: int, rng: torch.Generator | None = None) -> Tensor:
    """How many of the first pixels each hidden unit may see: integers from 1 to n_inputs - 1, shape (n_units,).

    Spread evenly, or drawn at random where an ``rng`` is given. A unit of degree 0 would be a constant, one of
    degree n_inputs could feed no pixel.

    References
    ----------
    Germain et al. (2015), section 4. In the book: equation ``def-made-masks``.
    """
    largest = max(n_inputs - 1, 1)
    if rng is not None:
        return torch.randint(1, largest + 1, (n_units,), generator=rng)
    return 1 + torch.arange(n_units) * largest // n_units


def made_masks(when: Tensor, degrees: Sequence[Tensor]) -> list[Tensor]:
    r"""Masks of each weight matrix from input to output, True where a connection is kept.

    .. math:: M^{\mathrm{in}}_{kj} = [m_k \ge \pi_j], \qquad M^{\mathrm{hidden}}_{lk} = [m_l \ge m_k], \qquad
              M^{\mathrm{out}}_{ik} = [\pi_i > m_k]

    Parameters
    ----------
    when : Tensor, shape (n_inputs,)
        Position of each pixel in the order, counted from 1 (`positions`).
    degrees : sequence of Tensor
        Of each hidden layer; an empty sequence gives the one mask of a network without hidden units.

    Returns
    -------
    list of Tensor
        Of shape (n_out, n_in), one more than there are hidden layers.

    References
    ----------
    Germain et al. (2015), section 4 and Algorithm 1. In the book: equation ``def-made-masks``.
    """
    ranks = [when, *degrees]
    hidden = [after[:, None] >= before[None, :] for before, after in pairwise(ranks)]
    return [*hidden, when[:, None] > ranks[-1][None, :]]  # strictly: the output must not see its own pixel


class MaskedLinear(nn.Linear):
    """A linear layer some of whose weights are switched off by a mask of shape (n_out, n_in)."""

    mask: Tensor

    def __init__(self, mask: Tensor, *, bias: bool = True) -> None:
        super().__init__(mask.shape[1], mask.shape[0], bias)
        self.register_buffer("mask", mask)

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight * self.mask, self.bias)


class MADE(nn.Module):
    r"""Masked autoencoder for distribution estimation: all conditionals of an order in one pass of one network.

    .. math:: \log p(x) = \sum_{t=1}^{D} \log p(x_{o_t} \mid x_{o_1}, \dots, x_{o_{t-1}})

    Parameters
    ----------
    n_inputs : int
        Pixels.
    hidden : int or sequence of int
        Width of each hidden layer (ReLU).
    order : sequence of int, optional
        ``order[t]`` is the pixel generated t-th; row by row by default.
    dropout : float
        Share of hidden units that are switched off while training.
    direct : bool
        Add masked connections straight from input to output (the model then contains FVSBN).
    context_dim : int
        Length of a vector c on which the law may depend, p(x | c), given to ``forward``, ``log_prob`` and
        ``sample`` as ``context`` of shape (batch, context_dim); 0 for none. Every hidden layer and the output
        read it, unmasked: it comes before the first pixel.
    rng : torch.Generator, optional
        Draws the degrees of the hidden units at random; they are spread evenly by default. Weights are
        initialised from torch's global generator: build the model inside `training.seeded`.

    Attributes
    ----------
    order : Tensor, shape (n_inputs,)
    degrees : list of Tensor
        Of each hidden layer.

    Raises
    ------
    ValueError
        If ``order`` is not a permutation of the pixels, or a width is not positive; when called, if pixels or
        context have another shape.

    References
    ----------
    Germain et al. (2015), Algorithm 1. In the book: equations ``def-made-masks``, ``made-jacobian``.
    """

    order: Tensor

    def __init__(
        self,
        n_inputs: int,
        hidden: int | Sequence[int],
        order: ArrayLike | None = None,
        *,
        dropout: float = 0.0,
        direct: bool = True,
        context_dim: int = 0,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        widths = np.atleast_1d(hidden).tolist()
        if not widths or min(widths) < 1:
            raise ValueError(f"hidden must be one or more positive widths, found {hidden}")
        when = _register_order(self, n_inputs, order)
        self.n_inputs, self.context_dim = n_inputs, context_dim
        self.degrees = [hidden_degrees(width, n_inputs, rng) for width in widths]
        self.layers = nn.ModuleList(MaskedLinear(mask) for mask in made_masks(when, self.degrees))
        self.direct = MaskedLinear(made_masks(when, [])[0], bias=False) if direct else None
        self.from_context = nn.ModuleList(
            nn.Linear(context_dim, width, bias=False) for width in ([*widths, n_inputs] if context_dim else [])
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Logits, (batch, n_inputs) to the same shape; ``context`` has shape (batch, context_dim)."""
        _check_batch(x, self.n_inputs)
        _check_context(context, len(x), self.context_dim)
        values = x
        for index, layer in enumerate(self.layers):
            if index > 0:
                values = self.dropout(relu(values))
            values = layer(values)
            if self.context_dim:
                values = values + self.from_context[index](context)
        return values if self.direct is None else values + self.direct(x)

    def set_order(self, order: ArrayLike) -> None:
        """Predict in another order from now on: the masks are built anew, weights and degrees stay.

        A model that was trained in one order only is a law in any other, but a poor one.

        References
        ----------
        Germain et al. (2015), section 4, on order-agnostic training.
        """
        when = _positions(order, self.n_inputs)
        self.order.copy_(torch.argsort(when))
        for layer, mask in zip(self.layers, made_masks(when, self.degrees), strict=True):
            layer.mask.copy_(mask)  # type: ignore[operator]
        if self.direct is not None:
            self.direct.mask.copy_(made_masks(when, [])[0])

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Log-probability of each image in nats, shape (batch,). With dropout: switch to ``eval()`` before scoring."""
        return log_prob_from_logits(x, self(x, context))

    def sample(self, n: int, rng: torch.Generator | None = None, context: Tensor | None = None) -> Tensor:
        """Draws of shape (n, n_inputs), pixel by pixel in the order; ``context`` has shape (n, n_context)."""
        return _sample(self, n, rng, context)


# ---------------------------------------------------------------------------------------------------------
# PixelCNN: masked convolutions


class MaskedConv2d(nn.Conv2d):
    """A convolution that sees pixels above, and to the left in the same row; its own place only on request.

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    kernel_size : int
        Odd.
    sees_centre : bool
        False in the first layer (mask A), where the centre is the pixel itself; True in later ones (mask B).
    """

    mask: Tensor

    def __init__(self, n_in: int, n_out: int, kernel_size: int, *, sees_centre: bool) -> None:
        super().__init__(n_in, n_out, kernel_size, padding=kernel_size // 2)
        place = torch.arange(kernel_size**2).reshape(1, 1, kernel_size, kernel_size)
        centre = kernel_size**2 // 2
        self.register_buffer("mask", place <= centre if sees_centre else place < centre)

    def forward(self, x: Tensor) -> Tensor:
        return conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)


class PixelCNN(nn.Module):
    r"""Masked convolutions over a picture, row by row: the same weights at each pixel.

    Parameters
    ----------
    height, width : int
        Of the picture; batches have shape (batch, height * width) as for the other models.
    n_channels, n_layers, kernel_size : int
        Masked convolutions of the stack (ReLU), followed by one 1x1 convolution to the logits.
    two_stacks : bool
        False: one stack of masked convolutions, which has a *blind spot*: pixels to the right in the rows
        above, outside a cone, are never seen. True: a vertical stack reads all columns of the rows above
        and feeds a horizontal one, which reads the row itself; no blind spot.

    Raises
    ------
    ValueError
        If ``kernel_size`` is even, or there is no layer.

    References
    ----------
    van den Oord, Kalchbrenner & Kavukcuoglu (2016), section 3.4; van den Oord et al. (2016), section 2.2,
    for the two stacks (without gates here). In the book: equation ``blind-spot``.
    """

    order: Tensor

    def __init__(
        self,
        height: int,
        width: int,
        n_channels: int = 32,
        n_layers: int = 4,
        kernel_size: int = 3,
        *,
        two_stacks: bool = False,
    ) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, found {kernel_size}")
        if n_layers < 1:
            raise ValueError(f"n_layers must be at least 1, found {n_layers}")
        self.height, self.width, self.reach, self.two_stacks = height, width, kernel_size // 2, two_stacks
        _register_order(self, height * width, None)
        n_in = [1] + [n_channels] * (n_layers - 1)
        if two_stacks:
            rows, columns = self.reach + 1, kernel_size
            self.vertical = nn.ModuleList(nn.Conv2d(n, n_channels, (rows, columns)) for n in n_in)
            # The first horizontal layer must not see its own pixel: its kernel ends one place earlier.
            places = [self.reach] + [self.reach + 1] * (n_layers - 1)
            self.horizontal = nn.ModuleList(nn.Conv2d(n, n_channels, (1, k)) for n, k in zip(n_in, places, strict=True))
            self.across = nn.ModuleList(nn.Conv2d(n_channels, n_channels, 1) for _ in n_in)
        else:
            self.masked = nn.ModuleList(
                MaskedConv2d(n, n_channels, kernel_size, sees_centre=index > 0) for index, n in enumerate(n_in)
            )
        self.to_logits = nn.Conv2d(n_channels, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (batch, height * width) to the same shape."""
        _check_batch(x, self.height * self.width)
        image = x.reshape(-1, 1, self.height, self.width)
        features = self._two_stacks(image) if self.two_stacks else self._one_stack(image)
        return self.to_logits(features).reshape(x.shape)

    def _one_stack(self, features: Tensor) -> Tensor:
        for layer in self.masked:
            features = relu(layer(features))
        return features

    def _two_stacks(self, image: Tensor) -> Tensor:
        above, beside = image, image
        for index in range(len(self.vertical)):
            # (left, right, top, bottom): the vertical stack at row r reads rows r - reach to r, all around column c.
            above = relu(self.vertical[index](pad(above, (self.reach, self.reach, self.reach, 0))))
            one_row_down = pad(above, (0, 0, 1, 0))[:, :, :-1]  # row r gets what row r - 1 knows
            left = pad(beside, (self.reach, 0, 0, 0))
            row = self.horizontal[index](left)[..., : self.width]
            beside = relu(row + self.across[index](one_row_down))
        return beside

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-probability of each image in nats, shape (batch,)."""
        return log_prob_from_logits(x, self(x))

    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        """Draws of shape (n, height * width), pixel by pixel, row by row."""
        return _sample(self, n, rng)


def seen_pixels(model: nn.Module, x: Tensor) -> np.ndarray:
    """Which pixels each logit depends on at these images: True where a derivative is not zero.

    Parameters
    ----------
    model : Module
        Maps (batch, n_inputs) to logits of the same shape.
    x : Tensor, shape (batch, n_inputs)
        Several images, so that a unit that is off at one of them is on at another.

    Returns
    -------
    ndarray of bool, shape (n_inputs, n_inputs)
        Entry [i, j]: logit i changes with pixel j.
    """
    jacobian = torch.autograd.functional.jacobian(lambda batch: model(batch).sum(dim=0), x)
    return (jacobian != 0).any(dim=1).numpy()


# ---------------------------------------------------------------------------------------------------------
# Baselines without an order: a mixture of Bernoullis; with one component, independent pixels


class BernoulliMixture(NamedTuple):
    r"""A mixture of components within which the pixels are independent.

    .. math:: p(x) = \sum_k w_k \prod_i \mu_{ki}^{x_i} (1 - \mu_{ki})^{1 - x_i}
    """

    weights: np.ndarray  #: shape (n_components,)
    means: np.ndarray  #: probability of ink, shape (n_components, n_inputs)

    def joint_log_prob(self, x: ArrayLike) -> np.ndarray:
        """log w_k + log p(x | k) in nats, (batch, n_inputs) to (batch, n_components)."""
        images = np.asarray(x, dtype=float)
        if images.ndim != 2 or images.shape[1] != self.means.shape[1]:
            raise ValueError(f"x must have shape (batch, {self.means.shape[1]}), found {images.shape}")
        with np.errstate(divide="ignore"):
            log_one, log_zero, log_w = np.log(self.means), np.log1p(-self.means), np.log(self.weights)
        # 0 * -inf is nan: a floor stands in for log 0 until the sum is done.
        log_one, log_zero = np.maximum(log_one, _FLOOR), np.maximum(log_zero, _FLOOR)
        total = images @ log_one.T + (1 - images) @ log_zero.T + log_w
        return np.where(total <= _FLOOR / 2, -np.inf, total)

    def log_prob(self, x: ArrayLike) -> np.ndarray:
        """Log-probability of each image in nats, shape (batch,)."""
        return logsumexp(self.joint_log_prob(x), axis=1)

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draws in {0, 1} of shape (n, n_inputs)."""
        means = self.means[rng.choice(len(self.weights), size=n, p=self.weights)]
        return (rng.random(means.shape) < means).astype(float)


def em_step(mixture: BernoulliMixture, x: np.ndarray, pseudo_count: float = 0.0) -> BernoulliMixture:
    """One round of expectation-maximisation: responsibilities, then weighted shares of ink.

    Parameters
    ----------
    mixture : BernoulliMixture
    x : ndarray, shape (batch, n_inputs)
        In {0, 1}.
    pseudo_count : float
        Imagined images of each kind, all ink and all paper, in each component; keeps the means off 0 and 1.
        Without them the likelihood of ``x`` never falls.

    References
    ----------
    Dempster, Laird & Rubin (1977). In the book: equation ``em-never-falls``.
    """
    joint = mixture.joint_log_prob(x)
    responsibility = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))  # (batch, n_components)
    total = responsibility.sum(axis=0)
    means = (responsibility.T @ x + pseudo_count) / (total[:, None] + 2 * pseudo_count)
    return BernoulliMixture(total / total.sum(), means)


def fit_bernoulli_mixture(
    x: ArrayLike, n_components: int, rng: np.random.Generator, *, n_rounds: int = 100, pseudo_count: float = 0.5
) -> BernoulliMixture:
    """Fit a mixture of Bernoullis by expectation-maximisation; one component gives independent pixels.

    Parameters
    ----------
    x : array_like, shape (batch, n_inputs)
        In {0, 1}.
    n_components : int
        At least 1.
    rng : Generator
        Draws the means to start from.
    n_rounds : int
        Rounds of `em_step`.
    pseudo_count : float
        Keeps the means off 0 and 1, so that no test image is impossible.

    Raises
    ------
    ValueError
        If a pixel is neither 0 nor 1, or there are no images or no components.
    """
    images = np.asarray(x, dtype=float)
    if images.ndim != 2 or not images.size:
        raise ValueError(f"x must have shape (batch, n_inputs) and hold images, found {images.shape}")
    if n_components < 1:
        raise ValueError(f"n_components must be at least 1, found {n_components}")
    _refuse_grey(torch.from_numpy(images))
    start = 0.25 + 0.5 * rng.random((n_components, images.shape[1]))
    mixture = BernoulliMixture(np.full(n_components, 1 / n_components), start)
    for _ in range(n_rounds if n_components > 1 else 1):
        mixture = em_step(mixture, images, pseudo_count)
    return mixture


# ---------------------------------------------------------------------------------------------------------


def _register_order(model: nn.Module, n_inputs: int, order: ArrayLike | None) -> Tensor:
    """Keep the order as a buffer and return each pixel's position in it, counted from 1."""
    pixels = np.arange(n_inputs) if order is None else order
    when = _positions(pixels, n_inputs)
    model.register_buffer("order", torch.argsort(when))
    return when


def _positions(order: ArrayLike, n_inputs: int) -> Tensor:
    when = positions(order)
    if len(when) != n_inputs:
        raise ValueError(f"order must hold {n_inputs} pixels, found {len(when)}")
    return torch.from_numpy(when)


def _sample(model: nn.Module, n: int, rng: torch.Generator | None, context: Tensor | None = None) -> Tensor:
    n_inputs = len(model.get_buffer("order"))
    canvas = torch.zeros(n, n_inputs, dtype=next(model.parameters()).dtype)
    return complete(model, canvas, np.zeros(n_inputs, dtype=bool), rng, context)  # type: ignore[arg-type]


def _first_in_order(model: Autoregressive, known: ArrayLike) -> np.ndarray:
    kept, order = np.asarray(known, dtype=bool), model.order.numpy()
    if kept.shape != order.shape:
        raise ValueError(f"known must have shape {order.shape}, found {kept.shape}")
    n_known = int(kept.sum())
    if not kept[order[:n_known]].all():
        missing = next(pixel for pixel in order if not kept[pixel])
        late = next(pixel for pixel in order[::-1] if kept[pixel])
        raise ValueError(
            f"pixel {late} is known but pixel {missing}, generated before it, is not: clamping gives the exact "
            f"conditional only where the known pixels come first in the order"
        )
    return kept


def _refuse_grey(x: Tensor) -> None:
    if not ((x == 0) | (x == 1)).all():
        raise ValueError("pixels must be 0 or 1: a Bernoulli likelihood of grey values is not a likelihood")


def _check_batch(x: Tensor, n_inputs: int) -> None:
    if x.ndim != 2 or x.shape[1] != n_inputs:
        raise ValueError(f"x must have shape (batch, {n_inputs}), found {tuple(x.shape)}")


def _check_context(context: Tensor | None, batch: int, context_dim: int) -> None:
    if context is None and context_dim == 0:
        return
    found = "none" if context is None else str(tuple(context.shape))
    if context_dim == 0:
        raise ValueError(f"this model takes no context, found one of shape {found}")
    if context is None or context.shape != (batch, context_dim):
        raise ValueError(f"context must have shape ({batch}, {context_dim}), found {found}")


def _given(context: Tensor | None) -> tuple[Tensor, ...]:
    """The context as further arguments of a call: models that take none are called with pixels alone."""
    return () if context is None else (context,)

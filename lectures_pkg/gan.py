"""Generative adversarial networks: losses on logits, gradient penalties, and one round of Algorithm 1.

Chapters ``toy_gans`` and ``gan_stability``; Goodfellow et al. (2014), Generative adversarial nets.
Throughout, real is the positive class: a discriminator returns the logit a(x), and D(x) = sigmoid(a(x))
is its probability that x is real.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid
from torch.optim import Optimizer

from lectures_pkg.training import EMA, evaluating

DISCRIMINATOR_KINDS = ("logistic", "wasserstein")
GENERATOR_KINDS = ("non_saturating", "saturating", "wasserstein")


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor, kind: str = "logistic") -> Tensor:
    r"""Loss that the discriminator descends, in nats for the logistic kind.

    .. math:: L_D = -\frac1m \sum_i \log D(x_i) - \frac1m \sum_i \log\bigl(1 - D(G(z_i))\bigr)

    This is minus the value V(G, D): log 4 where D says 1/2 to everything, 0 for a perfect D. With
    ``"wasserstein"`` it is mean(fake) - mean(real), unbounded unless the critic's slope is held.

    Parameters
    ----------
    real_logits, fake_logits : Tensor, shapes (n, ...) and (m, ...)
        Logits of real and of generated examples, one or more for each example; n and m may differ.
    kind : {"logistic", "wasserstein"}
        Which loss.

    Returns
    -------
    Tensor, shape ()
        Smaller is better for the discriminator. Right in value and gradient also at logits of
        thousands, where log(sigmoid(a)) is -inf.

    Raises
    ------
    ValueError
        If the kind is unknown, there are no logits, or the shapes differ beyond the first axis.

    References
    ----------
    Goodfellow et al. (2014), eq. (1) and Algorithm 1; Arjovsky et al. (2017), eq. (3) for the other kind.
    In the book: equations ``loss-slopes`` and ``losses-at-balance``.
    """
    _refuse_unknown(kind, DISCRIMINATOR_KINDS)
    _refuse_empty(real_logits, fake_logits)
    if real_logits.shape[1:] != fake_logits.shape[1:]:
        raise ValueError(
            f"real and fake logits must have the same shape after the first axis, "
            f"found {tuple(real_logits.shape)} and {tuple(fake_logits.shape)}"
        )
    if kind == "logistic":
        return -logsigmoid(real_logits).mean() - logsigmoid(-fake_logits).mean()  # 1 - sigmoid(a) = sigmoid(-a)
    return fake_logits.mean() - real_logits.mean()


def generator_loss(fake_logits: Tensor, kind: str = "non_saturating") -> Tensor:
    r"""Loss that the generator descends, in nats for the logistic kinds.

    ``"saturating"`` is the game's own term, mean log(1 - D(G(z))); ``"non_saturating"`` is
    -mean log D(G(z)), which pulls hardest where the fakes are caught; ``"wasserstein"`` is -mean(fake).

    Parameters
    ----------
    fake_logits : Tensor, shape (m, ...)
        The discriminator's logits of generated examples.
    kind : {"non_saturating", "saturating", "wasserstein"}
        Which loss.

    Returns
    -------
    Tensor, shape ()
        Smaller is better for the generator: at D = 1/2 it is log 2, -log 2 and 0.

    Raises
    ------
    ValueError
        If the kind is unknown or there are no logits.

    References
    ----------
    Goodfellow et al. (2014), Algorithm 1 and the end of section 3.
    In the book: equations ``loss-slopes`` and ``losses-at-balance``.
    """
    _refuse_unknown(kind, GENERATOR_KINDS)
    _refuse_empty(fake_logits)
    if kind == "non_saturating":
        return -logsigmoid(fake_logits).mean()
    if kind == "saturating":
        return logsigmoid(-fake_logits).mean()
    return -fake_logits.mean()


def r1_penalty(discriminator: nn.Module, x: Tensor, gamma: float) -> Tensor:
    r"""Squared slope of the discriminator at real examples, half of gamma times its mean.

    .. math:: R_1 = \frac\gamma2 \, \mathbb{E}_{x \sim p_\mathrm{data}} \lVert \nabla_x a(x) \rVert^2

    Parameters
    ----------
    discriminator : Module
        Maps x to logits; each example's logits must depend on that example only (no batch norm).
    x : Tensor, shape (n, ...)
        Real examples. The penalty sends no gradient back to them.
    gamma : float
        Weight, not negative.

    Returns
    -------
    Tensor, shape ()
        Not negative, differentiable in the discriminator's parameters: add it to the loss.

    Raises
    ------
    ValueError
        If gamma is negative or there are no examples.

    References
    ----------
    Mescheder, Geiger & Nowozin (2018), Which training methods for GANs do actually converge?, eq. (9).
    In the book: equation ``dirac-r1``.
    """
    if gamma < 0:
        raise ValueError(f"gamma must not be negative, found {gamma}")
    _refuse_empty(x)
    return gamma / 2 * _slopes(discriminator, x).square().sum(dim=1).mean()


def gradient_penalty(
    discriminator: nn.Module, real: Tensor, fake: Tensor, weight: float, rng: torch.Generator | None = None
) -> Tensor:
    r"""Penalty of WGAN-GP: the critic's slope should be one at random points between real and fake examples.

    .. math:: R_\mathrm{GP} = \lambda \, \mathbb{E}_u \bigl( \lVert \nabla_u a(u) \rVert - 1 \bigr)^2,
              \qquad u = \epsilon x + (1 - \epsilon) G(z), \quad \epsilon \sim \mathcal{U}(0, 1)

    Parameters
    ----------
    discriminator : Module
        Maps examples to logits; each example's logits must depend on that example only (no batch norm).
    real, fake : Tensor, shape (n, ...)
        Paired one by one, in the order in which they come. The penalty sends no gradient back to them.
    weight : float
        The paper's lambda, not negative.
    rng : torch.Generator, optional
        Draws the n values of epsilon; torch's global generator by default.

    Returns
    -------
    Tensor, shape ()
        Not negative, differentiable in the discriminator's parameters: add it to the loss.

    Raises
    ------
    ValueError
        If the weight is negative, there are no examples, or the shapes differ.

    References
    ----------
    Gulrajani et al. (2017), Improved training of Wasserstein GANs, eq. (3).
    In the book: equation ``critic-slope-one``.
    """
    if weight < 0:
        raise ValueError(f"weight must not be negative, found {weight}")
    _refuse_empty(real, fake)
    if real.shape != fake.shape:
        raise ValueError(
            f"real and fake examples are paired and must have one shape, found {tuple(real.shape)} "
            f"and {tuple(fake.shape)}"
        )
    share = torch.rand((len(real),) + (1,) * (real.ndim - 1), generator=rng, dtype=real.dtype, device=real.device)
    between = share * real.detach() + (1 - share) * fake.detach()
    norms = _slopes(discriminator, between).square().sum(dim=1).add(1e-24).sqrt()  # a root has no slope at 0
    return weight * (norms - 1).square().mean()


def gan_step(
    generator: nn.Module,
    discriminator: nn.Module,
    generator_optimiser: Optimizer,
    discriminator_optimiser: Optimizer,
    sample_noise: Callable[[int], Tensor],
    *,
    n_discriminator_steps: int = 1,
    discriminator_kind: str = "logistic",
    generator_kind: str = "non_saturating",
    gamma: float = 0.0,
    gradient_weight: float = 0.0,
    ema: EMA | None = None,
) -> Callable[[Tensor], dict[str, float]]:
    """Make ``step(batch)``, one round of Algorithm 1, for `training.fit`.

    Parameters
    ----------
    generator, discriminator : Module
        Noise to examples, and examples to logits.
    generator_optimiser, discriminator_optimiser : Optimizer
        One for the parameters of each player.
    sample_noise : callable
        ``sample_noise(m)`` draws m fresh noise vectors, ``lambda m: torch.rand(m, 4)``.
    n_discriminator_steps : int
        Algorithm 1's k. A batch holds the k minibatches of a round one after another: its length
        must be a multiple of k.
    discriminator_kind, generator_kind : str
        Losses, see `discriminator_loss` and `generator_loss`.
    gamma : float
        Weight of `r1_penalty` on the real examples; 0 leaves it out.
    gradient_weight : float
        Weight of `gradient_penalty` between real and fake examples; 0 leaves it out.
    ema : EMA, optional
        Average of the generator to update after each round.

    Returns
    -------
    callable
        ``step(batch) -> {"discriminator_loss": ..., "generator_loss": ...}``: both in nats, each taken
        before its player's own update, the discriminator's without the penalties and from the last of
        the k steps.

    Raises
    ------
    ValueError
        If a kind is unknown, k is not positive, a penalty's weight is negative, or a batch can't be split into k.

    References
    ----------
    Goodfellow et al. (2014), Algorithm 1. In the book: equations ``discriminator-update`` and ``generator-update``.
    """
    _refuse_unknown(discriminator_kind, DISCRIMINATOR_KINDS)
    _refuse_unknown(generator_kind, GENERATOR_KINDS)
    if n_discriminator_steps < 1:
        raise ValueError(f"n_discriminator_steps must be at least 1, found {n_discriminator_steps}")
    if gamma < 0:
        raise ValueError(f"gamma must not be negative, found {gamma}")
    if gradient_weight < 0:
        raise ValueError(f"gradient_weight must not be negative, found {gradient_weight}")

    def step(batch: Tensor) -> dict[str, float]:
        if len(batch) == 0 or len(batch) % n_discriminator_steps:
            raise ValueError(
                f"a batch of {len(batch)} examples can't be split into {n_discriminator_steps} equal minibatches"
            )

        # The discriminator's k steps, each with a minibatch of its own and fresh noise.
        for real in batch.chunk(n_discriminator_steps):
            with frozen(generator):
                fake = generator(sample_noise(len(real)))
            d_loss = discriminator_loss(discriminator(real), discriminator(fake), discriminator_kind)
            penalty = r1_penalty(discriminator, real, gamma) if gamma else 0.0
            if gradient_weight:
                penalty = penalty + gradient_penalty(discriminator, real, fake, gradient_weight)
            discriminator_optimiser.zero_grad()
            (d_loss + penalty).backward()
            discriminator_optimiser.step()

        # The generator's one step: the gradient flows through the discriminator, which stays as it is.
        with frozen(discriminator):
            fake = generator(sample_noise(len(real)))
            g_loss = generator_loss(discriminator(fake), generator_kind)
            generator_optimiser.zero_grad()
            g_loss.backward()
            generator_optimiser.step()

        if ema is not None:
            ema.update(generator)
        return {"discriminator_loss": d_loss.item(), "generator_loss": g_loss.item()}

    return step


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Inside the block the network's parameters collect no gradient and its buffers end as they began.

    Frozen is not detached: a gradient still flows *through* the network to its input. Buffers are
    batch norm's running statistics, which a forward pass alone would change.
    """
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    buffers = [(buffer, buffer.clone()) for buffer in network.buffers()]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)
        with torch.no_grad():
            for buffer, kept in buffers:
                buffer.copy_(kept)


@torch.no_grad()
def sample(generator: nn.Module, sample_noise: Callable[[int], Tensor], n: int) -> Tensor:
    """Draw n examples without gradients, in evaluation mode, and leave the generator's mode as it was."""
    with evaluating(generator):
        return generator(sample_noise(n))


def _slopes(discriminator: nn.Module, x: Tensor) -> Tensor:
    """Slope of the logit at each example, flattened to shape (n, dim); differentiable in the parameters."""
    x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True, materialize_grads=True)
    return slope.flatten(start_dim=1)


def _refuse_unknown(kind: str, kinds: tuple[str, ...]) -> None:
    if kind not in kinds:
        raise ValueError(f"kind must be one of {', '.join(kinds)}, found {kind!r}")


def _refuse_empty(*tensors: Tensor) -> None:
    for values in tensors:
        if values.ndim == 0 or values.numel() == 0:
            raise ValueError(f"a mean needs at least one example, found shape {tuple(values.shape)}")

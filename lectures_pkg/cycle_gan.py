"""Unpaired translation: two maps, two discriminators, and a loss on the way there and back.

Chapter ``conditional_models``; Zhu, Park, Isola & Efros (2017), Unpaired image-to-image translation using
cycle-consistent adversarial networks. There are samples of two worlds, A and B, and nobody says which point of A
belongs to which point of B. ``to_b`` maps A to B (the paper's G), ``to_a`` maps B to A (the paper's F).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lectures_pkg.gan import discriminator_loss, frozen, generator_loss

Map = Callable[[Tensor], Tensor]


def cycle_loss(x: Tensor, returned: Tensor) -> Tensor:
    r"""How far a journey to the other world and back ends from where it began, per coordinate.

    .. math:: \frac{1}{n d} \sum_{i=1}^n \lVert x_i - \hat x_i \rVert_1

    Parameters
    ----------
    x, returned : Tensor, shape (n, ...)
        Points, and where ``to_a(to_b(x))`` has brought each of them.

    Returns
    -------
    Tensor, shape ()
        In the units of the data; 0 for a perfect return. The paper's norm sums over the d coordinates; as in its
        code, this is the mean, so that a weight means the same in every dimension.

    Raises
    ------
    ValueError
        If the shapes differ, or there are no points.

    References
    ----------
    Zhu et al. (2017), eq. (2). In the book: equation ``def-cycle-loss``.
    """
    if x.shape != returned.shape or x.numel() == 0:
        raise ValueError(f"x and its return must have one shape, found {tuple(x.shape)} and {tuple(returned.shape)}")
    return (x - returned).abs().mean()


def translation_loss(
    to_b: Map, to_a: Map, judge_a: Map, judge_b: Map, a: Tensor, b: Tensor, cycle_weight: float
) -> tuple[Tensor, Tensor]:
    r"""What the two maps descend: both must be taken for real, and both journeys must end where they began.

    Parameters
    ----------
    to_b, to_a : callable
        The maps.
    judge_a, judge_b : callable
        Discriminators of each world; they return logits.
    a, b : Tensor, shapes (n, ...) and (m, ...)
        Points of the two worlds, *not* paired: nothing here compares a_i with b_i.
    cycle_weight : float
        The paper's lambda, not negative.

    Returns
    -------
    adversarial : Tensor, shape ()
        Sum of the two non-saturating losses, in nats.
    cycle : Tensor, shape ()
        Sum of the two journeys' `cycle_loss`, not weighted. What is descended is adversarial + cycle_weight * cycle.

    Raises
    ------
    ValueError
        If the weight is negative, or a map changes a shape on the way back.

    References
    ----------
    Zhu et al. (2017), eq. (3). In the book: equation ``cycle-symmetry``.
    """
    if not cycle_weight >= 0:
        raise ValueError(f"cycle_weight must not be negative, found {cycle_weight}")
    fake_b, fake_a = to_b(a), to_a(b)
    adversarial = generator_loss(judge_b(fake_b)) + generator_loss(judge_a(fake_a))
    cycle = cycle_loss(a, to_a(fake_b)) + cycle_loss(b, to_b(fake_a))
    return adversarial, cycle


def cycle_gan_step(
    to_b: nn.Module,
    to_a: nn.Module,
    judge_a: nn.Module,
    judge_b: nn.Module,
    map_optimiser: Optimizer,
    judge_optimiser: Optimizer,
    *,
    cycle_weight: float = 5.0,
    extra_loss: Callable[[Map, Map], Tensor] | None = None,
) -> Callable[[tuple[Tensor, Tensor]], dict[str, float]]:
    """Make ``step((a, b))``: one step of both discriminators, then one of both maps, for `training.fit`.

    Parameters
    ----------
    to_b, to_a, judge_a, judge_b : Module
        See `translation_loss`.
    map_optimiser, judge_optimiser : Optimizer
        One for the parameters of both maps, one for those of both discriminators.
    cycle_weight : float
        Weight of the cycle loss; 0 leaves it out.
    extra_loss : callable, optional
        ``extra_loss(to_b, to_a)`` is added to what the maps descend: knowledge about the pairing, which the rest
        of the loss has not.

    Returns
    -------
    callable
        ``step((a, b)) -> {"discriminator_loss": ..., "generator_loss": ..., "cycle_loss": ...}``: the first two are
        sums over both worlds, in nats; the third is the mean of both journeys, in the units of the data.

    Raises
    ------
    ValueError
        If the weight is negative.

    References
    ----------
    Zhu et al. (2017), section 3. In the book: equation ``cycle-symmetry``.
    """
    if not cycle_weight >= 0:
        raise ValueError(f"cycle_weight must not be negative, found {cycle_weight}")

    def step(batch: tuple[Tensor, Tensor]) -> dict[str, float]:
        a, b = batch
        with torch.no_grad():
            fake_b, fake_a = to_b(a), to_a(b)
        d_loss = discriminator_loss(judge_b(b), judge_b(fake_b)) + discriminator_loss(judge_a(a), judge_a(fake_a))
        judge_optimiser.zero_grad()
        d_loss.backward()
        judge_optimiser.step()

        with ExitStack() as still:
            still.enter_context(frozen(judge_a))
            still.enter_context(frozen(judge_b))
            adversarial, cycle = translation_loss(to_b, to_a, judge_a, judge_b, a, b, cycle_weight)
            loss = adversarial + cycle_weight * cycle
            if extra_loss is not None:
                loss = loss + extra_loss(to_b, to_a)
            map_optimiser.zero_grad()
            loss.backward()
            map_optimiser.step()
        return {
            "discriminator_loss": d_loss.item(),
            "generator_loss": adversarial.item(),
            "cycle_loss": cycle.item() / 2,
        }

    return step

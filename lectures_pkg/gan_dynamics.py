r"""Games with one number per player, in which all that can go wrong with a GAN can be computed by hand.

The *bilinear game*: V(x, y) = x y, where x minimises and moves first, and y maximises. The *Dirac-GAN* of
Mescheder et al. (2018): the data are a single point at 0, the generator puts all of its mass at theta, and the
discriminator is a straight line through the origin with slope psi. Both play

.. math:: L(\theta, \psi) = f(\theta \psi) + f(0),

the generator down and the discriminator up, with f(t) = -log(1 + exp(-t)) for the GAN and f(t) = t for the
Wasserstein GAN (which is the bilinear game). The paper's line is large on *fakes*: in this book's words the logit of
"real" is -psi x. Chapter ``gan_stability``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

SCHEMES = ("simultaneous", "alternating", "extragradient")
METHODS = ("standard", "non_saturating", "wasserstein", "wgan_gp", "r1", "consensus")

Number = Any  #: a float, or a complex number where a derivative is taken by a complex step
Field = Callable[[Number, Number], tuple[Number, Number]]  #: (theta, psi) -> their velocities


# ---------------------------------------------------------------------------------------------------------
# The bilinear game


def bilinear_round(step_size: float, scheme: str) -> np.ndarray:
    r"""Matrix of one full round of the bilinear game: (x, y) after it is the matrix times (x, y) before it.

    Simultaneous: both answer the other's old position. Alternating: x moves first, and y answers its new
    position. Extragradient: both make a trial round, and take from where they stood the step that would be
    right *there*.

    Parameters
    ----------
    step_size : float
        Eta, the same for both players, not negative.
    scheme : {"simultaneous", "alternating", "extragradient"}
        Order of moves.

    Returns
    -------
    ndarray, shape (2, 2)

    Raises
    ------
    ValueError
        If the scheme is unknown, or the step size is negative or not finite.

    References
    ----------
    Korpelevich (1976) for extragradient. In the book: equations ``simultaneous-growth``, ``alternating-orbit``
    and ``extragradient-factor``.
    """
    _refuse_step_size(step_size)
    eta = float(step_size)
    pull = np.array([[0.0, -1.0], [1.0, 0.0]])  # down the slope y for x, up the slope x for y
    if scheme == "simultaneous":
        return np.eye(2) + eta * pull
    if scheme == "alternating":
        first = np.array([[1.0, -eta], [0.0, 1.0]])  # x moves
        second = np.array([[1.0, 0.0], [eta, 1.0]])  # y sees the new x
        return second @ first
    if scheme == "extragradient":
        return np.eye(2) + eta * pull @ (np.eye(2) + eta * pull)
    raise ValueError(f"scheme must be one of {', '.join(SCHEMES)}, found {scheme!r}")


def bilinear_spectral_radius(step_size: float, scheme: str) -> float:
    r"""Factor by which one full round of the bilinear game stretches (x, y), in the long run.

    The largest size of an eigenvalue of `bilinear_round`: above 1 the players are thrown outwards, at 1 they
    circle, below 1 they spiral into the solution (0, 0).

    Parameters
    ----------
    step_size : float
        Eta, not negative.
    scheme : {"simultaneous", "alternating", "extragradient"}
        Order of moves.

    Returns
    -------
    float
        Smaller is better. sqrt(1 + eta^2); 1 for eta up to 2; sqrt(1 - eta^2 + eta^4).

    Raises
    ------
    ValueError
        As `bilinear_round`.
    """
    matrix = bilinear_round(step_size, scheme)
    half_trace = 0.5 * (matrix[0, 0] + matrix[1, 1])
    determinant = matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]
    gap = half_trace**2 - determinant
    if gap <= 0:  # a pair of complex eigenvalues, whose product is the determinant
        return math.sqrt(determinant)
    return float(abs(half_trace) + math.sqrt(gap))


# ---------------------------------------------------------------------------------------------------------
# The Dirac-GAN


def dirac_gan_field(method: str, gamma: float = 1.0) -> Field:
    r"""Velocities of the two players of the Dirac-GAN: what each would like to do with its number.

    With f'(t) = 1 / (1 + exp(t)), velocity of theta; velocity of psi:

    - ``standard``: -psi f'(theta psi); theta f'(theta psi).
    - ``non_saturating``: -psi f'(-theta psi); theta f'(theta psi).
    - ``wasserstein``: -psi; theta.
    - ``wgan_gp``: -psi; theta - gamma sign(psi) (abs(psi) - 1), from the penalty gamma / 2 (abs(psi) - 1)^2.
    - ``r1``: -psi f'(theta psi); theta f'(theta psi) - gamma psi, from the penalty gamma / 2 psi^2.
    - ``consensus``: the standard field minus the gradient of gamma / 2 times its own squared length.

    Parameters
    ----------
    method : {"standard", "non_saturating", "wasserstein", "wgan_gp", "r1", "consensus"}
        Losses and penalty.
    gamma : float
        Weight of the penalty of ``wgan_gp``, ``r1`` and ``consensus``, not negative; the others ignore it.

    Returns
    -------
    callable
        ``field(theta, psi) -> (velocity of theta, velocity of psi)``.

    Raises
    ------
    ValueError
        If the method is unknown, or gamma is negative or not finite.

    References
    ----------
    Mescheder, Geiger & Nowozin (2018), sections 2 and 3; Mescheder, Nowozin & Geiger (2017) for consensus
    optimisation; Gulrajani et al. (2017) for the gradient penalty. In the book: equation ``def-dirac-field``.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, found {method!r}")
    if not (math.isfinite(gamma) and gamma >= 0):
        raise ValueError(f"gamma must be a number that is not negative, found {gamma}")

    def standard(theta: Number, psi: Number) -> tuple[Number, Number]:
        slope = _f_prime(theta * psi)
        return -psi * slope, theta * slope

    def non_saturating(theta: Number, psi: Number) -> tuple[Number, Number]:
        return -psi * _f_prime(-theta * psi), theta * _f_prime(theta * psi)

    def wasserstein(theta: Number, psi: Number) -> tuple[Number, Number]:
        return -psi, theta

    def wgan_gp(theta: Number, psi: Number) -> tuple[Number, Number]:
        side = np.sign(np.real(psi))
        return -psi, theta - gamma * (psi - side)  # sign(psi) (|psi| - 1) = psi - sign(psi)

    def r1(theta: Number, psi: Number) -> tuple[Number, Number]:
        slope = _f_prime(theta * psi)
        return -psi * slope, theta * slope - gamma * psi

    def consensus(theta: Number, psi: Number) -> tuple[Number, Number]:
        slope = _f_prime(theta * psi)
        bend = -slope * _f_prime(-theta * psi)  # f'' = -f'(t) f'(-t)
        spread = (theta**2 + psi**2) * slope * bend
        return (
            -psi * slope - gamma * (theta * slope**2 + psi * spread),
            theta * slope - gamma * (psi * slope**2 + theta * spread),
        )

    fields: dict[str, Field] = {
        "standard": standard, "non_saturating": non_saturating, "wasserstein": wasserstein,
        "wgan_gp": wgan_gp, "r1": r1, "consensus": consensus,
    }  # fmt: skip
    return fields[method]


def dirac_gan_jacobian(method: str, gamma: float = 1.0) -> np.ndarray:
    r"""Jacobian of the Dirac-GAN's field at its solution (0, 0), whose eigenvalues decide what happens nearby.

    Real parts below 0 pull the players in; purely imaginary ones let them circle. Computed from the field itself
    by a complex step, which is exact to rounding.

    Parameters
    ----------
    method, gamma
        As for `dirac_gan_field`; ``"wgan_gp"`` has no Jacobian there.

    Returns
    -------
    ndarray, shape (2, 2)
        Row: velocity of theta, of psi. Column: derivative in theta, in psi.

    Raises
    ------
    ValueError
        As `dirac_gan_field`, and for ``"wgan_gp"``, whose field jumps at psi = 0.

    References
    ----------
    Mescheder, Geiger & Nowozin (2018), sections 2 and 3 for the eigenvalues. In the book: equations
    ``dirac-eigenvalues``, ``dirac-r1`` and ``dirac-consensus``.
    """
    field = dirac_gan_field(method, gamma)
    if method == "wgan_gp":
        raise ValueError("the field of 'wgan_gp' jumps by 2 gamma at psi = 0 and has no Jacobian there")
    h = 1e-20  # no difference is taken, so no digits are lost
    columns = [field(1j * h, 0.0), field(0.0, 1j * h)]
    return np.imag(np.array(columns).T) / h


def dirac_gan_trajectory(
    method: str,
    step_size: float,
    n_steps: int,
    start: tuple[float, float] = (1.0, 1.0),
    gamma: float = 1.0,
    scheme: str = "simultaneous",
) -> tuple[np.ndarray, np.ndarray]:
    r"""Positions of both players of the Dirac-GAN, before the first and after each of ``n_steps`` rounds.

    Parameters
    ----------
    method : {"standard", "non_saturating", "wasserstein", "wgan_gp", "r1", "consensus"}
        Losses and penalty; see `dirac_gan_field`.
    step_size : float
        Eta, the same for both players, not negative.
    n_steps : int
        Full rounds: in each of them both players move once.
    start : tuple of float
        theta and psi at the start.
    gamma : float
        Weight of the penalty, where the method has one.
    scheme : {"simultaneous", "alternating", "extragradient"}
        Order of moves; when they alternate, the generator moves first.

    Returns
    -------
    generator, discriminator : ndarray, shape (n_steps + 1,)
        theta and psi; the solution is (0, 0).

    Raises
    ------
    ValueError
        If the method or the scheme is unknown, a number is out of range, or ``n_steps`` is negative.

    References
    ----------
    Mescheder, Geiger & Nowozin (2018), section 2.
    """
    field = dirac_gan_field(method, gamma)
    _refuse_step_size(step_size)
    if scheme not in SCHEMES:
        raise ValueError(f"scheme must be one of {', '.join(SCHEMES)}, found {scheme!r}")
    if n_steps < 0:
        raise ValueError(f"n_steps must not be negative, found {n_steps}")
    path = np.empty((n_steps + 1, 2))
    path[0] = start
    for step in range(n_steps):
        theta, psi = path[step]
        path[step + 1] = _move(field, theta, psi, step_size, scheme)
    return path[:, 0], path[:, 1]


def _move(field: Field, theta: float, psi: float, eta: float, scheme: str) -> tuple[float, float]:
    """One full round."""
    theta_pull, psi_pull = field(theta, psi)
    if scheme == "alternating":
        theta = theta + eta * theta_pull
        return theta, psi + eta * field(theta, psi)[1]
    if scheme == "extragradient":  # the velocity after a trial round, applied from here
        theta_pull, psi_pull = field(theta + eta * theta_pull, psi + eta * psi_pull)
    return theta + eta * theta_pull, psi + eta * psi_pull


def _f_prime(t: Number) -> Number:
    """Slope of f(t) = -log(1 + exp(-t)), which is 1 / (1 + exp(t)); 1/2 at 0."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(t))


def _refuse_step_size(step_size: float) -> None:
    if not (math.isfinite(step_size) and step_size >= 0):
        raise ValueError(f"step_size must be a number that is not negative, found {step_size}")

"""The bilinear game and the Dirac-GAN: closed forms, SymPy's Jacobians, the networks' own losses by autograd."""

import itertools
import math

import numpy as np
import pytest
import sympy
import torch
from scipy.integrate import solve_ivp

from lectures_pkg.gan import discriminator_loss, generator_loss, r1_penalty
from lectures_pkg.gan_dynamics import (
    METHODS,
    SCHEMES,
    bilinear_round,
    bilinear_spectral_radius,
    dirac_gan_field,
    dirac_gan_jacobian,
    dirac_gan_trajectory,
)

# --- the bilinear game --------------------------------------------------------------------------------------


def one_round(x, y, eta, scheme):
    """Word for word: x descends x y, y ascends it."""
    if scheme == "simultaneous":
        return x - eta * y, y + eta * x
    if scheme == "alternating":
        new = x - eta * y
        return new, y + eta * new
    ahead = x - eta * y, y + eta * x
    return x - eta * ahead[1], y + eta * ahead[0]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_round_worked_by_hand(scheme):
    # from (1, 1) with eta = 1/2
    expected = {"simultaneous": (0.5, 1.5), "alternating": (0.5, 1.25), "extragradient": (0.25, 1.25)}[scheme]
    assert (bilinear_round(0.5, scheme) @ [1.0, 1.0]).tolist() == list(expected)


@pytest.mark.parametrize(("scheme", "eta"), [*itertools.product(SCHEMES, (0.0, 0.01, 0.3, 1.0, 1.999, 2.0, 2.6))])
def test_the_matrix_is_the_round_and_its_radius_is_numpys(scheme, eta):
    matrix = bilinear_round(eta, scheme)
    for x, y in ((1.0, 0.0), (0.3, -2.0)):
        assert matrix @ [x, y] == pytest.approx(one_round(x, y, eta, scheme), abs=1e-14)
    numeric = np.abs(np.linalg.eigvals(matrix)).max()
    assert bilinear_spectral_radius(eta, scheme) == pytest.approx(numeric, abs=1e-7)  # 1e-7: a double root at eta = 2


@pytest.mark.parametrize("eta", [0.0, 1e-3, 0.1, 0.7, 1.0, 1.5, 2.0])
def test_spectral_radii_are_the_closed_forms(eta):
    assert bilinear_spectral_radius(eta, "simultaneous") == pytest.approx(math.sqrt(1 + eta**2), abs=1e-15)
    assert bilinear_spectral_radius(eta, "alternating") == pytest.approx(1, abs=1e-14)
    assert bilinear_spectral_radius(eta, "extragradient") == pytest.approx(math.sqrt(1 - eta**2 + eta**4), abs=1e-14)


def test_alternating_explodes_beyond_two():
    # trace 2 - eta^2, determinant 1: at eta = 3 the eigenvalues solve l^2 + 7 l + 1 = 0
    assert bilinear_spectral_radius(3.0, "alternating") == pytest.approx((7 + math.sqrt(45)) / 2)


# --- the Dirac-GAN ------------------------------------------------------------------------------------------

POINTS = [(1.0, 1.0), (-0.4, 2.0), (3.0, -0.7), (0.0, 0.5), (20.0, 30.0), (-30.0, 30.0)]


def field_by_autograd(method, theta, psi, gamma):
    """The same field from the losses of `lectures_pkg.gan`, whose logit of "real" is -psi x."""
    t = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    p = torch.tensor(psi, dtype=torch.float64, requires_grad=True)
    real, fake = -p * torch.zeros(1, dtype=torch.float64), (-p * t)[None]
    kind = "wasserstein" if method in ("wasserstein", "wgan_gp") else "logistic"
    g_kind = {"non_saturating": "non_saturating"}.get(method, "saturating" if kind == "logistic" else "wasserstein")
    d_loss, g_loss = discriminator_loss(real, fake, kind), generator_loss(fake, g_kind)
    if method == "r1":
        d_loss = d_loss + r1_penalty(lambda x: -p * x, torch.zeros(4, 1, dtype=torch.float64), gamma)
    if method == "wgan_gp":
        d_loss = d_loss + gamma / 2 * (p.abs() - 1) ** 2
    (down_t,) = torch.autograd.grad(g_loss, t, create_graph=True)
    (down_p,) = torch.autograd.grad(d_loss, p, create_graph=True)
    if method == "consensus":
        length = gamma / 2 * (down_t**2 + down_p**2)
        more_t, more_p = torch.autograd.grad(length, (t, p))
        down_t, down_p = down_t + more_t, down_p + more_p
    return -down_t.item(), -down_p.item()


@pytest.mark.parametrize(("method", "point"), [*itertools.product(METHODS, POINTS)])
def test_the_field_is_what_the_losses_of_the_package_give(method, point):
    expected = field_by_autograd(method, *point, gamma=0.7)
    assert dirac_gan_field(method, 0.7)(*point) == pytest.approx(expected, rel=1e-12, abs=1e-15)


def eigenvalues_by_sympy(method, gamma):
    theta, psi, t = sympy.symbols("theta psi t", real=True)
    f_prime = sympy.diff(t if method == "wasserstein" else -sympy.log(1 + sympy.exp(-t)), t)
    at = lambda value: f_prime.subs(t, value)  # noqa: E731
    field = sympy.Matrix(
        [-psi * at(-theta * psi if method == "non_saturating" else theta * psi), theta * at(theta * psi)]
    )
    if method == "r1":
        field[1] -= gamma * psi
    if method == "consensus":
        length = gamma / 2 * (field.T * field)[0]
        field -= sympy.Matrix([sympy.diff(length, theta), sympy.diff(length, psi)])
    values = field.jacobian([theta, psi]).subs({theta: 0, psi: 0}).eigenvals(multiple=True)
    return np.sort_complex([complex(value) for value in values])


@pytest.mark.parametrize("method", [method for method in METHODS if method != "wgan_gp"])
@pytest.mark.parametrize("gamma", [0.0, 0.3, 2.5])
def test_eigenvalues_against_sympy(method, gamma):
    found = np.sort_complex(np.linalg.eigvals(dirac_gan_jacobian(method, gamma)).astype(complex))
    assert found == pytest.approx(eigenvalues_by_sympy(method, sympy.Rational(str(gamma))), abs=1e-12)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_wasserstein_gan_is_the_bilinear_game(scheme):
    theta, psi = dirac_gan_trajectory("wasserstein", 0.3, 25, start=(0.5, -2.0), scheme=scheme)
    for step in range(26):
        expected = np.linalg.matrix_power(bilinear_round(0.3, scheme), step) @ [0.5, -2.0]
        assert (theta[step], psi[step]) == pytest.approx(tuple(expected), abs=1e-12)


def test_trajectories_begin_at_the_start_and_have_one_more_point_than_steps():
    theta, psi = dirac_gan_trajectory("r1", 0.1, 0, start=(0.2, 0.4))
    assert theta.tolist() == [0.2] and psi.tolist() == [0.4]
    theta, psi = dirac_gan_trajectory("r1", 0.1, 7)
    assert theta.shape == psi.shape == (8,) and (theta[0], psi[0]) == (1, 1)


def test_two_rounds_of_the_standard_gan_worked_by_hand():
    def slope(t):
        return 1 / (1 + math.exp(t))

    theta, psi = 1.0, 1.0
    for _ in range(2):
        new = theta - 0.5 * psi * slope(theta * psi)
        psi = psi + 0.5 * new * slope(new * psi)  # alternating: the new theta
        theta = new
    path = dirac_gan_trajectory("standard", 0.5, 2, scheme="alternating")
    assert (path[0][-1], path[1][-1]) == pytest.approx((theta, psi), abs=1e-15)


@pytest.mark.parametrize("method", [method for method in METHODS if method != "wgan_gp"])
def test_small_steps_follow_scipys_flow(method):
    field = dirac_gan_field(method, 0.4)
    flow = solve_ivp(lambda _, y: field(*y), (0, 5), [1.0, 1.0], rtol=1e-10, atol=1e-12).y[:, -1]
    coarse, fine = (np.array(dirac_gan_trajectory(method, 5 / n, n, gamma=0.4))[:, -1] for n in (2000, 4000))
    assert 2 * fine - coarse == pytest.approx(flow, abs=1e-4)  # Euler's error is proportional to the step


@pytest.mark.parametrize(("method", "spread"), [("r1", 2.0), ("consensus", 0.5)])
def test_penalties_lead_to_the_solution(method, spread):
    rng = np.random.default_rng(0)
    for start in rng.normal(0, spread, size=(10, 2)):
        theta, psi = dirac_gan_trajectory(method, 0.1, 4000, start=tuple(start), gamma=0.5)
        assert math.hypot(theta[-1], psi[-1]) < 1e-6


def test_consensus_runs_away_from_afar():
    """Its penalty is also small where the slopes vanish, far out."""
    theta, psi = dirac_gan_trajectory("consensus", 0.1, 4000, start=(2.6, 1.9), gamma=0.5)
    assert math.hypot(theta[-1], psi[-1]) > 10


def test_non_saturating_simultaneous_steps_end_on_a_small_circle():
    theta, psi = dirac_gan_trajectory("non_saturating", 0.1, 30_000)
    assert (theta**2 + psi**2)[-2000:] == pytest.approx(0.2, rel=0.02)  # twice the step size


def test_wgan_gp_with_a_heavy_penalty_gets_stuck_beside_the_solution():
    for start, side in (((1.0, 1.0), -1), ((0.3, -1.0), 1)):
        theta, psi = dirac_gan_trajectory("wgan_gp", 0.01, 4000, start, gamma=2.5)
        assert theta[-1] == pytest.approx(2.5 * side, abs=1e-3) and psi[-1] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("method", ["standard", "wasserstein", "wgan_gp"])
def test_the_others_do_not_arrive(method):
    theta, psi = dirac_gan_trajectory(method, 0.05, 4000, gamma=0.5, scheme="alternating")
    assert np.hypot(theta, psi)[-500:].max() > 0.5


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: bilinear_spectral_radius(0.1, "random"),
            "scheme must be one of simultaneous, alternating, extragradient, found 'random'",
        ),
        (
            lambda: bilinear_spectral_radius(-0.1, "alternating"),
            "step_size must be a number that is not negative, found -0.1",
        ),
        (
            lambda: dirac_gan_trajectory("hinge", 0.1, 3),
            "method must be one of standard, non_saturating, wasserstein, wgan_gp, r1, consensus, found 'hinge'",
        ),
        (
            lambda: dirac_gan_trajectory("r1", math.nan, 3),
            "step_size must be a number that is not negative, found nan",
        ),
        (
            lambda: dirac_gan_trajectory("r1", 0.1, 3, gamma=-1.0),
            "gamma must be a number that is not negative, found -1.0",
        ),
        (lambda: dirac_gan_trajectory("r1", 0.1, -3), "n_steps must not be negative, found -3"),
        (
            lambda: dirac_gan_trajectory("r1", 0.1, 3, scheme="both"),
            "scheme must be one of simultaneous, alternating, extragradient, found 'both'",
        ),
        (
            lambda: dirac_gan_jacobian("wgan_gp"),
            "the field of 'wgan_gp' jumps by 2 gamma at psi = 0 and has no Jacobian there",
        ),
    ],
)
def test_bad_input_gets_one_clear_sentence(call, sentence):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the whole sentence is compared)
        call()
    assert str(caught.value) == sentence

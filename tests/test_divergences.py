"""Divergences: by hand, with many digits, against SciPy and closed forms; and what they refuse."""

import subprocess
import sys

import mpmath
import numpy as np
import pytest
from scipy import stats
from scipy.linalg import sqrtm
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from lectures_pkg.divergences import (
    F_DIVERGENCES,
    cross_entropy,
    density_jensen_shannon,
    density_kl,
    entropy,
    f_divergence,
    f_divergence_bound,
    gaussian_kl,
    gaussian_wasserstein2_squared,
    integrate,
    jensen_shannon_divergence,
    kl_divergence,
    lipschitz_critic,
    optimal_transport,
    total_variation,
    wasserstein_1d,
)

LOG2 = np.log(2)


@pytest.fixture(autouse=True)
def many_digits():
    with mpmath.workdps(80):
        yield


def exact(values):
    return [mpmath.mpf(float(value)) for value in values]


def exact_kl(p, q):
    """Sum of p log(p/q) - p + q with 80 digits."""
    return mpmath.fsum((a * mpmath.log(a / b) if a else 0) - a + b for a, b in zip(exact(p), exact(q), strict=True))


def exact_js(p, q):
    def half(a, b):
        return a * mpmath.log(2 * a / (a + b)) if a else 0

    return mpmath.fsum(half(a, b) + half(b, a) for a, b in zip(exact(p), exact(q), strict=True)) / 2


# --- by hand ------------------------------------------------------------------------------------------------


def test_two_coins_worked_by_hand():
    # 1/2 log2(1/2 / 1/4) + 1/2 log2(1/2 / 3/4) = 1 - log2(3)/2
    assert kl_divergence([1 / 2, 1 / 2], [1 / 4, 3 / 4], base=2) == pytest.approx(1 - np.log2(3) / 2, rel=1e-14)
    # 1/4 log(1/2) + 3/4 log(3/2)
    assert kl_divergence([1 / 4, 3 / 4], [1 / 2, 1 / 2]) == pytest.approx(0.75 * np.log(3) - LOG2, rel=1e-14)
    assert entropy([1 / 4] * 4, base=2) == 2
    assert cross_entropy([1 / 2, 1 / 2], [1 / 4, 3 / 4], base=2) == pytest.approx(2 - np.log2(3) / 2, rel=1e-14)
    assert total_variation([1 / 2, 1 / 2], [1 / 4, 3 / 4]) == 1 / 4
    # m = (3/4, 1/4): 1/2 log(4/3) + 1/2 (1/2 log(2/3) + 1/2 log 2)
    by_hand = 0.5 * np.log(4 / 3) + 0.25 * np.log(2 / 3) + 0.25 * LOG2
    assert jensen_shannon_divergence([1, 0], [1 / 2, 1 / 2]) == pytest.approx(by_hand, rel=1e-14)


def test_zeros_and_disjoint_supports():
    left, right = [0.3, 0.7, 0, 0], [0, 0, 0.4, 0.6]
    assert kl_divergence(left, right) == np.inf
    assert kl_divergence([1, 0], [0.5, 0.5]) == pytest.approx(LOG2, rel=1e-15)
    assert cross_entropy(left, right) == np.inf
    assert jensen_shannon_divergence(left, right) == pytest.approx(LOG2, rel=1e-15)
    assert jensen_shannon_divergence(left, right, base=2) == pytest.approx(1, rel=1e-15)
    assert total_variation(left, right) == pytest.approx(1, rel=1e-15)
    assert entropy([0, 1, 0]) == 0
    for divergence in (kl_divergence, jensen_shannon_divergence, total_variation):
        assert divergence([0, 1, 0], [0, 1, 0]) == 0


def test_one_outcome():
    assert entropy([1]) == cross_entropy([1], [1]) == kl_divergence([1], [1]) == 0
    assert np.copysign(1, entropy([1])) == 1  # not minus zero


# --- digits ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2, 7, 300])
@pytest.mark.parametrize("exponent", np.arange(-16, 1, 0.5))
def test_nearly_equal_laws_keep_their_digits(exponent, size):
    rng = np.random.default_rng([size, int(100 - 2 * exponent)])
    p = rng.dirichlet(np.ones(size))
    q = p * np.exp(10.0**exponent * rng.normal(size=size))
    q /= q.sum()
    for ours, reference in ((kl_divergence, exact_kl), (jensen_shannon_divergence, exact_js)):
        value, truth = ours(p, q), reference(p, q)
        assert value >= 0
        assert truth == value == 0 or abs(value / truth - 1) < 1e-12


def test_tails_of_1e_minus_300():
    p, q = [1 - 1e-16, 1e-300], [1 - 1e-16, 2e-300]
    assert kl_divergence(p, q) == pytest.approx(1e-300 * (1 - LOG2), rel=1e-12)
    assert jensen_shannon_divergence(p, q) == pytest.approx(float(exact_js(p, q)), rel=1e-12)
    assert kl_divergence([0.5, 0.5], [1, 1e-300]) == pytest.approx(float(exact_kl([0.5, 0.5], [1, 1e-300])), rel=1e-14)
    assert kl_divergence([1, 1e-300], [0.5, 0.5]) == pytest.approx(LOG2, rel=1e-14)
    assert np.isfinite(kl_divergence([0.5, 0.5], [1, 5e-324]))
    assert jensen_shannon_divergence([1, 0], [1, 1e-300]) == pytest.approx(0.5e-300 * LOG2, rel=1e-12)
    assert entropy([1, 1e-300]) == pytest.approx(300 * np.log(10) * 1e-300, rel=1e-14)


def test_scipy_loses_what_we_keep():
    from scipy.spatial.distance import jensenshannon

    step = 1e-9
    p, q = np.array([0.5 + step, 0.5 - step]), np.array([0.5 - step, 0.5 + step])
    truth = float(exact_js(p, q))
    assert jensen_shannon_divergence(p, q) == pytest.approx(truth, rel=1e-12)
    with np.errstate(invalid="ignore"):
        assert abs(jensenshannon(p, q) ** 2 / truth - 1) > 0.1 or np.isnan(jensenshannon(p, q))


def test_random_laws_agree_with_scipy():
    rng = np.random.default_rng(0)
    for _ in range(50):
        p, q = rng.dirichlet(np.full(6, 0.7), size=2)
        assert kl_divergence(p, q) == pytest.approx(stats.entropy(p, q), rel=1e-12)
        assert entropy(p, base=3) == pytest.approx(stats.entropy(p, base=3), rel=1e-12)
        assert cross_entropy(p, q) == pytest.approx(stats.entropy(p) + stats.entropy(p, q), rel=1e-12)
        assert jensen_shannon_divergence(p, q) == jensen_shannon_divergence(q, p)


# --- refused, never renormalised --------------------------------------------------------------------------------


REFUSED = [
    ([0.5, 0.6], "p must sum to 1, found 1.1; it is not renormalised for you"),
    ([0.5, 0.5 + 2e-8], "p must sum to 1, found 1.00000002; it is not renormalised for you"),
    ([1.5, -0.5], "p must not be negative, found -0.5"),
    ([np.nan, 1], "p must be finite, found nan"),
    ([np.inf, 1], "p must be finite, found inf"),
    ([], "p must be 1-D with at least one outcome, found shape (0,)"),
    ([[0.5, 0.5]], "p must be 1-D with at least one outcome, found shape (1, 2)"),
    (["a", "b"], "p must be a list of real probabilities, found ['a', 'b']"),
    ([0.5 + 0j, 0.5], "p must be a list of real probabilities, found [(0.5+0j), 0.5]"),
]


@pytest.mark.parametrize(("p", "sentence"), REFUSED)
@pytest.mark.parametrize(
    "function", [entropy, cross_entropy, kl_divergence, jensen_shannon_divergence, total_variation]
)
def test_bad_laws_are_refused_with_a_sentence(function, p, sentence):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        function(p) if function is entropy else function(p, [0.5, 0.5])
    assert str(caught.value) == sentence


def test_rounding_is_accepted():
    assert kl_divergence([0.5, 0.5 + 9e-9], [0.5, 0.5]) >= 0
    assert entropy(np.full(3, 1 / 3)) == pytest.approx(np.log(3))


def test_lengths_and_bases_are_refused_with_a_sentence():
    with pytest.raises(ValueError, match="p has 2 outcomes but q has 3: they need the same outcomes"):
        kl_divergence([0.5, 0.5], [0.5, 0.25, 0.25])
    for base in (1, 0.5, 0, -2, np.inf, np.nan):
        with pytest.raises(ValueError, match="base must be a number above 1"):
            entropy([0.5, 0.5], base=base)


# --- Gaussians ----------------------------------------------------------------------------------------------------


def test_gaussians_on_the_line():
    assert gaussian_kl(0, 1, 0, 4) == pytest.approx(LOG2 - 3 / 8, rel=1e-14)  # log 2 + 1/8 - 1/2
    assert gaussian_kl(0, 4, 0, 1) == pytest.approx(3 / 2 - LOG2, rel=1e-14)
    assert gaussian_kl(2, 1, 0, 1) == pytest.approx(2, rel=1e-14)


def test_gaussians_agree_with_torch():
    from torch import as_tensor
    from torch.distributions import MultivariateNormal
    from torch.distributions import kl_divergence as torch_kl

    rng = np.random.default_rng(1)
    for dim in (2, 5):
        a, b = rng.normal(size=(2, dim, dim))
        cov_p, cov_q, mean_p, mean_q = a @ a.T + np.eye(dim), b @ b.T + np.eye(dim), *rng.normal(size=(2, dim))
        theirs = torch_kl(
            MultivariateNormal(as_tensor(mean_p), as_tensor(cov_p)),
            MultivariateNormal(as_tensor(mean_q), as_tensor(cov_q)),
        )
        assert gaussian_kl(mean_p, cov_p, mean_q, cov_q) == pytest.approx(theirs.item(), rel=1e-10)


def test_nearly_equal_gaussians_keep_their_digits():
    ratio = 1 + mpmath.mpf(float(np.float64(1 + 1e-9) - 1))
    truth = 2 * (ratio - 1 - mpmath.log(ratio))  # four dimensions, one half each
    covariance = np.diag([1.0, 2.0, 3.0, 4.0])
    found = gaussian_kl(np.zeros(4), covariance * (1 + 1e-9), np.zeros(4), covariance)
    assert found == pytest.approx(float(truth), rel=1e-6)
    assert gaussian_kl(np.ones(4), covariance, np.ones(4), covariance) == 0


def test_gaussians_are_refused_with_a_sentence():
    eye = np.eye(2)
    cases = [
        (([0, 0], [[1, 2], [2, 1]]), "cov_p must be positive definite; its smallest eigenvalue is -1"),
        (([0, 0], [[1, 0.5], [0.2, 1]]), "cov_p must be symmetric"),
        (([0, 0], [1, 1]), r"mean_p must have shape \(d,\) and cov_p shape \(d, d\), found \(2,\) and \(2,\)"),
        (([0, np.nan], eye), "mean_p and cov_p must be finite"),
        (([0], [[1]]), "p has 1 dimensions but q has 2"),
    ]
    for (mean, covariance), sentence in cases:
        with pytest.raises(ValueError, match=sentence):
            gaussian_kl(mean, covariance, [0, 0], eye)


# --- densities ------------------------------------------------------------------------------------------------------


def normal(mean, std):
    return stats.norm(mean, std).logpdf


@pytest.mark.parametrize(
    ("p", "q", "low", "high"),
    [
        ((0, 1), (1.5, 0.7), -20, 20),
        ((0, 1), (1.5, 0.7), -np.inf, np.inf),
        ((0.3, 1e-6), (0.3, 2e-6), -20, 20),  # a peak that no grid meets by chance
        ((0.3, 1e-3), (5, 3), -np.inf, np.inf),
        ((7, 1e-4), (0, 1), -10, 10),
        ((0, 1), (1, 2), -9, 9),  # q has mass outside: only p's has to be inside
        ((0, 1), (0, 0.01), -9, 9),
        ((0, 1), (1e-5, 1), -12, 12),  # 5e-11
    ],
)
def test_density_kl_of_gaussians(p, q, low, high):
    truth = gaussian_kl(p[0], p[1] ** 2, q[0], q[1] ** 2)
    assert density_kl(normal(*p), normal(*q), low, high) == pytest.approx(truth, rel=1e-9)


def test_density_jensen_shannon_against_a_fine_grid():
    x = np.linspace(-15, 15, 300_001)
    p, q = stats.norm.pdf(x), stats.norm.pdf(x, 1.5, 0.7)
    m = (p + q) / 2
    with np.errstate(all="ignore"):
        integrand = np.nan_to_num(p * np.log(p / m)) / 2 + np.nan_to_num(q * np.log(q / m)) / 2
    found = density_jensen_shannon(normal(0, 1), normal(1.5, 0.7), -15, 15)
    assert found == pytest.approx(np.trapezoid(integrand, x), rel=1e-10)


def test_density_jensen_shannon_far_apart_and_equal():
    assert density_jensen_shannon(normal(-50, 1e-3), normal(50, 1e-3), -100, 100) == pytest.approx(LOG2, rel=1e-10)
    assert density_jensen_shannon(normal(2, 0.3), normal(2, 0.3), -np.inf, np.inf) == 0


def uniform(low, high):
    return lambda x: np.where((x >= low) & (x <= high), -np.log(high - low), -np.inf)


def test_uniform_densities_jump_and_rule_each_other_out():
    assert density_kl(uniform(0, 0.5), uniform(0, 1), -4, 4) == pytest.approx(LOG2, rel=1e-10)
    assert density_kl(uniform(0, 1), uniform(0, 0.5), -4, 4) == np.inf
    assert density_kl(uniform(0, 1), uniform(0, 1 - 1e-9), -4, 4) == np.inf  # by a hair
    assert density_jensen_shannon(uniform(0, 1), uniform(2, 3), -4, 4) == pytest.approx(LOG2, rel=1e-10)
    half = 0.5 * LOG2  # the shared half tells nothing, the others everything
    assert density_jensen_shannon(uniform(0, 1), uniform(0.5, 1.5), -4, 4) == pytest.approx(half, rel=1e-9)


def test_closed_forms_with_heavy_tails_and_half_lines():
    cauchy = density_kl(stats.cauchy(0, 1).logpdf, stats.cauchy(1, 2).logpdf, -np.inf, np.inf)
    assert cauchy == pytest.approx(np.log(((1 + 2) ** 2 + 1) / 8), rel=1e-10)  # Chyzak & Nielsen (2019)
    exponential = density_kl(stats.expon.logpdf, stats.expon(scale=2).logpdf, 0, np.inf)
    assert exponential == pytest.approx(LOG2 - 0.5, rel=1e-10)
    mirrored = density_kl(lambda x: stats.expon.logpdf(-x), lambda x: stats.expon(scale=2).logpdf(-x), -np.inf, 0)
    assert mirrored == pytest.approx(LOG2 - 0.5, rel=1e-10)
    # pole of the density at both ends; E_p[log x] = -log 4 under the arcsine law
    beta = density_kl(stats.beta(0.5, 0.5).logpdf, stats.beta(2, 1).logpdf, 0, 1)
    assert beta == pytest.approx(-np.log(np.pi) + np.log(4) - LOG2 + np.log(4), rel=1e-6)


def test_narrow_part_of_a_mixture():
    from lectures_pkg.worlds import GaussianMixture

    p, q = (GaussianMixture([0.5, 0.5], [-1.5, 3], [0.6, width]) for width in (1e-3, 2e-3))
    assert density_kl(p.log_prob, q.log_prob, -20, 20) == pytest.approx(0.5 * gaussian_kl(0, 1, 0, 4), rel=1e-9)


def test_densities_are_refused_with_a_sentence():
    with pytest.raises(ValueError, match=r"p has mass 0\.5 between 0 and 9: it must be normalised"):
        density_kl(normal(0, 1), normal(0, 1), 0, 9)
    with pytest.raises(ValueError, match=r"q has mass 2 between"):
        density_jensen_shannon(normal(0, 1), lambda x: normal(0, 1)(x) + LOG2, -9, 9)
    with pytest.raises(ValueError, match="low must be below high, found 3 and -3"):
        density_kl(normal(0, 1), normal(0, 1), 3, -3)
    with pytest.raises(ValueError, match="log_p is not a number at x = "):
        density_kl(lambda x: np.where(x < 0, np.nan, 0.0), normal(0, 1), -1, 1)
    with pytest.raises(ValueError, match="log_q must be vectorised"):
        density_kl(normal(0, 1), lambda x: -1.0, -1, 1)


def test_integrate():
    assert integrate(np.cos, 0, np.pi / 2) == pytest.approx(1, rel=1e-12)
    assert integrate(lambda x: np.exp(-(x**2) / 2), -np.inf, np.inf) == pytest.approx(np.sqrt(2 * np.pi), rel=1e-12)
    assert integrate(np.sign, -1, 3) == pytest.approx(2, rel=1e-12)


# --- f-divergences ----------------------------------------------------------------------------------------------------


def test_the_six_rows_by_hand():
    p, q = [1 / 2, 1 / 2], [1 / 4, 3 / 4]
    jsd = 0.5 * (0.5 * np.log(4 / 3) + 0.5 * np.log(4 / 5) + 0.25 * np.log(2 / 3) + 0.75 * np.log(6 / 5))
    by_hand = {
        "kl": 0.5 * np.log(2) + 0.5 * np.log(2 / 3),
        "reverse_kl": 0.25 * np.log(1 / 2) + 0.75 * np.log(3 / 2),
        "pearson": 1 / 4 + 1 / 12,
        "squared_hellinger": (np.sqrt(0.5) - 0.5) ** 2 + (np.sqrt(0.5) - np.sqrt(0.75)) ** 2,
        "jensen_shannon": jsd,
        "gan": 2 * jsd - np.log(4),
    }
    assert list(by_hand) == list(F_DIVERGENCES)
    for name, value in by_hand.items():
        assert f_divergence(p, q, name) == pytest.approx(value, rel=1e-13), name


@pytest.mark.parametrize("name", F_DIVERGENCES)
def test_row_is_consistent(name):
    row, u = F_DIVERGENCES[name], np.exp(np.linspace(-3, 3, 31))
    h = 1e-6 * u
    np.testing.assert_allclose(row.f_prime(u), (row.f(u + h) - row.f(u - h)) / (2 * h), rtol=1e-6, atol=1e-8)
    # Fenchel: f(u) + f*(t) = u t at t = f'(u), and more than u t elsewhere
    t = row.f_prime(u)
    np.testing.assert_allclose(row.f(u) + row.conjugate(t), u * t, rtol=1e-9, atol=1e-9)
    assert (row.f(u)[:, None] + row.conjugate(t) >= u[:, None] * t - 1e-9).all()
    v = np.linspace(-4, 4, 33)
    assert (row.output_activation(v) < row.upper).all() and (np.diff(row.output_activation(v)) > 0).all()
    # The best critic f'(u) is the activation at the log ratio, shifted or scaled as the chapter's table says.
    best = {"kl": np.log(u) + 1, "squared_hellinger": 0.5 * np.log(u)}.get(name, np.log(u))
    np.testing.assert_allclose(row.output_activation(best), t, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", F_DIVERGENCES)
def test_bound_is_reached_with_zeros_in_either_law(name):
    p, q = np.array([0.2, 0.8, 0.0, 0.0]), np.array([0.5, 0.3, 0.0, 0.2])
    row = F_DIVERGENCES[name]
    with np.errstate(all="ignore"):
        critic = np.where(p + q > 0, row.f_prime(np.where(q > 0, p / q, 1.0)), 0.0)
        critic = np.where(np.isnan(critic), -np.inf, critic)
    critic[2] = min(0.0, row.upper)
    assert f_divergence_bound(p, q, critic, name) == pytest.approx(f_divergence(p, q, name), rel=1e-12)


def test_disjoint_laws_reach_the_top():
    p, q = [0.5, 0.5, 0], [0, 0, 1]
    tops = [np.inf, np.inf, np.inf, 2, LOG2, 0]
    assert [f_divergence(p, q, name) for name in F_DIVERGENCES] == pytest.approx(tops, abs=1e-15)


def test_below_all_slopes_the_conjugate_is_minus_f_of_zero():
    assert F_DIVERGENCES["pearson"].conjugate(np.array([-2.0, -5.0])) == pytest.approx([-1, -1])


@pytest.mark.parametrize(
    ("name", "critic", "sentence"),
    [
        ("gan", [0.1, -1], "the conjugate of 'gan' needs critic values below 0, found 0.1"),
        ("gan", [0.0, -1], "the conjugate of 'gan' needs critic values below 0, found 0"),
        ("reverse_kl", [0.0, -1], "the conjugate of 'reverse_kl' needs critic values below 0, found 0"),
        ("squared_hellinger", [1.5, 0], "the conjugate of 'squared_hellinger' needs critic values below 1, found 1.5"),
        ("jensen_shannon", [0.4, 0], "the conjugate of 'jensen_shannon' needs critic values below 0.346574, found 0.4"),
        ("kl", [np.nan, 0], "the conjugate of 'kl' needs critic values below inf, found nan"),
        ("kl", [np.inf, 0], "the conjugate of 'kl' needs critic values below inf, found inf"),
        ("kl", [0.0], "critic_values have shape (1,) but the laws have (2,)"),
        ("js", [0.0, 0.0], "no f-divergence is named 'js'; the names are " + ", ".join(F_DIVERGENCES)),
    ],
)
def test_critics_are_refused_with_a_sentence(name, critic, sentence):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        f_divergence_bound([0.5, 0.5], [0.25, 0.75], critic, name)
    assert str(caught.value) == sentence


# --- samples -----------------------------------------------------------------------------------------------


def test_wasserstein_by_hand_and_against_scipy():
    assert wasserstein_1d([0, 1, 3], [5, 6, 8]) == 5
    assert wasserstein_1d([0], [0, 1]) == 0.5
    rng = np.random.default_rng(2)
    for n, m in ((1, 1), (7, 7), (37, 52), (200, 3)):
        x, y = rng.normal(size=n), np.round(2 * rng.normal(size=m), 1)  # with ties
        assert wasserstein_1d(x, y) == pytest.approx(stats.wasserstein_distance(x, y), rel=1e-12, abs=1e-14)
        assert wasserstein_1d(x, x) == 0


def test_samples_are_refused_with_a_sentence():
    with pytest.raises(ValueError, match=r"x must be a 1-D sample with at least one value, found shape \(0,\)"):
        wasserstein_1d([], [1.0])
    with pytest.raises(ValueError, match=r"y must be a 1-D sample with at least one value, found shape \(1, 2\)"):
        wasserstein_1d([1.0], [[1.0, 2.0]])
    with pytest.raises(ValueError, match="y must be finite, found nan"):
        wasserstein_1d([1.0], [np.nan])


def test_transport_worked_by_hand():
    # half of the mass stays at 0, the other half walks from 0 to 3
    cost, plan = optimal_transport([[0.0, 3.0]], [1.0], [0.5, 0.5])
    assert cost == pytest.approx(1.5) and plan == pytest.approx(np.array([[0.5, 0.5]]))
    # crossing would cost 2 + 2, staying on one's side 1 + 1: shares of one half each
    cost, plan = optimal_transport([[1.0, 2.0], [2.0, 1.0]], [0.5, 0.5], [0.5, 0.5])
    assert cost == pytest.approx(1) and plan == pytest.approx(np.eye(2) / 2)


def test_transport_against_scipys_assignment_and_on_the_line():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 12, 2))
    uniform = np.full(12, 1 / 12)
    distances = cdist(x, y)
    rows, columns = linear_sum_assignment(distances)
    assert optimal_transport(distances, uniform, uniform).cost == pytest.approx(distances[rows, columns].mean())
    a, b = rng.normal(size=9), rng.normal(1, 2, size=6)
    p, q = rng.dirichlet(np.ones(9)), rng.dirichlet(np.ones(6))
    found = optimal_transport(np.abs(a[:, None] - b), p, q)
    assert found.cost == pytest.approx(stats.wasserstein_distance(a, b, p, q), abs=1e-9)
    assert found.plan.sum(axis=1) == pytest.approx(p, abs=1e-9) and found.plan.sum(axis=0) == pytest.approx(q, abs=1e-9)


def test_critic_worked_by_hand():
    # all mass walks from 5 to 2: the best critic rises with slope one towards p
    found = lipschitz_critic([2.0, 5.0], [0, 1], [1, 0])
    assert found.value == pytest.approx(3) and found.critic == pytest.approx([0, 3])


def test_critic_keeps_its_slope_and_reaches_scipys_distance():
    rng = np.random.default_rng(4)
    points = rng.normal(size=15)
    p, q = rng.dirichlet(np.ones(15)), rng.dirichlet(np.ones(15))
    found = lipschitz_critic(points, p, q)
    assert found.value == pytest.approx(stats.wasserstein_distance(points, points, p, q), abs=1e-9)
    gaps = np.abs(found.critic[:, None] - found.critic) - np.abs(points[:, None] - points)
    assert gaps.max() < 1e-9


def test_gaussian_w2_by_hand_and_by_quantiles():
    # on the line: (difference of means)^2 + (difference of standard deviations)^2
    assert gaussian_wasserstein2_squared(1.0, 4.0, -2.0, 9.0) == pytest.approx(9 + 1)
    u = (np.arange(200_000) + 0.5) / 200_000
    gap = stats.norm(1, 2).ppf(u) - stats.norm(-2, 3).ppf(u)
    assert gaussian_wasserstein2_squared(1.0, 4.0, -2.0, 9.0) == pytest.approx(np.mean(gap**2), abs=1e-3)


def test_gaussian_w2_against_scipys_matrix_root_and_singular_covariances():
    rng = np.random.default_rng(5)
    for _ in range(5):
        (m, n), factors = rng.normal(size=(2, 3)), rng.normal(size=(2, 3, 3))
        s, t = factors @ factors.transpose(0, 2, 1)
        expected = ((m - n) ** 2).sum() + np.trace(s + t - 2 * np.real(sqrtm(s @ t)))
        assert gaussian_wasserstein2_squared(m, s, n, t) == pytest.approx(expected, rel=1e-6)
        assert gaussian_wasserstein2_squared(n, t, m, s) == pytest.approx(expected, rel=1e-6)
        assert gaussian_wasserstein2_squared(m, s, m, s) == pytest.approx(0, abs=1e-12)
    # a line of length one against a point: its whole variance has to move
    assert gaussian_wasserstein2_squared([0, 0], np.diag([1.0, 0]), [0, 0], np.zeros((2, 2))) == pytest.approx(1)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: optimal_transport([[1.0]], [0.5, 0.5], [1.0]), "cost must have shape (2, 1), found (1, 1)"),
        (lambda: optimal_transport([[np.inf]], [1.0], [1.0]), "cost must be finite, found inf"),
        (
            lambda: lipschitz_critic([1.0], [0.5, 0.5], [0.5, 0.5]),
            "points must be 2 finite places of shape (n, dim), found shape (1,)",
        ),
        (
            lambda: gaussian_wasserstein2_squared([0, 0], np.eye(2), 0.0, 1.0),
            "p has 2 dimensions but q has 1",
        ),
        (
            lambda: gaussian_wasserstein2_squared(0.0, -1.0, 0.0, 1.0),
            "cov_p must have no negative eigenvalue; its smallest is -1",
        ),
        (
            lambda: gaussian_wasserstein2_squared([0, 0], [[1, 0.5], [0, 1]], [0, 0], np.eye(2)),
            "cov_p must be symmetric, but differs from its transpose",
        ),
    ],
)
def test_transport_refuses_bad_input_with_one_sentence(call, sentence):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the whole sentence is compared)
        call()
    assert str(caught.value) == sentence


def test_ideas_need_no_torch():
    command = "import sys, lectures_pkg.gan_theory, lectures_pkg.divergences; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 0

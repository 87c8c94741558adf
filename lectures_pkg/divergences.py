r"""Divergences between laws: on finite laws, by quadrature on densities, in closed form, and from samples.

Natural logarithms throughout: values are in nats unless ``base`` is given. The book derives them in its
chapter on what the adversarial game computes (Goodfellow et al., 2014; Nowozin, Cseke & Tomioka, 2016).

Laws are never renormalised. Where two laws nearly agree the terms are computed without cancellation, so a
divergence of 1e-20 comes back with all its digits, and no divergence is ever negative.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.linalg import solve_triangular
from scipy.optimize import linprog, minimize_scalar
from scipy.spatial.distance import cdist
from scipy.special import entr, xlogy

#: A law's sum may be off one by this much (rounding), not more.
SUM_TOLERANCE = 1e-8

LogDensity = Callable[[np.ndarray], np.ndarray]

_LOG2 = math.log(2.0)
_SMALL = 0.1  # below this the differences are summed as power series


# ---------------------------------------------------------------------------------------------------------
# Finite laws


def as_law(p: ArrayLike, name: str = "p") -> np.ndarray:
    """The numbers as a finite law: a 1-D float array that is not negative and sums to one.

    Raises
    ------
    ValueError
        With one sentence that says what was found; nothing is clipped or renormalised.
    """
    try:
        law = np.asarray(p)
        if np.iscomplexobj(law):
            raise TypeError
        law = law.astype(float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a list of real probabilities, found {p!r:.60}") from None
    if law.ndim != 1 or law.size == 0:
        raise ValueError(f"{name} must be 1-D with at least one outcome, found shape {law.shape}")
    if not np.isfinite(law).all():
        raise ValueError(f"{name} must be finite, found {law[~np.isfinite(law)][0]}")
    if (law < 0).any():
        raise ValueError(f"{name} must not be negative, found {law.min():.6g}")
    total = float(law.sum())
    if abs(total - 1) > SUM_TOLERANCE:
        raise ValueError(f"{name} must sum to 1, found {total:.10g}; it is not renormalised for you")
    return law


def as_laws(p: ArrayLike, q: ArrayLike, names: tuple[str, str] = ("p", "q")) -> tuple[np.ndarray, np.ndarray]:
    """Two laws on the same outcomes; see `as_law`.

    Raises
    ------
    ValueError
        If one is not a law, or their lengths differ.
    """
    laws = as_law(p, names[0]), as_law(q, names[1])
    if laws[0].size != laws[1].size:
        raise ValueError(
            f"{names[0]} has {laws[0].size} outcomes but {names[1]} has {laws[1].size}: they need the same outcomes"
        )
    return laws


def entropy(p: ArrayLike, base: float | None = None) -> float:
    r"""Entropy of a finite law, in nats (or in units of log ``base``).

    .. math:: H(p) = -\sum_x p(x) \log p(x), \qquad 0 \log 0 = 0

    Parameters
    ----------
    p : array_like, shape (n,)
        A law.
    base : float, optional
        Base of the logarithm, above 1: 2 gives bits. Default e.

    Returns
    -------
    float
        From 0 (one certain outcome) to log n (uniform).

    Raises
    ------
    ValueError
        If ``p`` is not a law, or ``base`` is not above 1.

    References
    ----------
    Shannon (1948), section 6.
    """
    return max(0.0, float(entr(as_law(p)).sum())) / _unit(base)


def cross_entropy(p: ArrayLike, q: ArrayLike, base: float | None = None) -> float:
    r"""Expected surprise under ``q`` of draws from ``p``, in nats (or in units of log ``base``).

    .. math:: H(p, q) = -\sum_x p(x) \log q(x) = H(p) + D_\mathrm{KL}(p \Vert q)

    Parameters
    ----------
    p, q : array_like, shape (n,)
        Laws on the same outcomes.
    base : float, optional
        Base of the logarithm, above 1. Default e.

    Returns
    -------
    float
        Smaller is better, never below the entropy of ``p``; infinite where ``q`` rules out what ``p`` does.

    Raises
    ------
    ValueError
        If an argument is not a law, or the lengths differ.
    """
    law_p, law_q = as_laws(p, q)
    return max(0.0, float(-xlogy(law_p, law_q).sum())) / _unit(base)


def kl_divergence(p: ArrayLike, q: ArrayLike, base: float | None = None) -> float:
    r"""Kullback-Leibler divergence of ``q`` from ``p``, in nats (or in units of log ``base``).

    .. math:: D_\mathrm{KL}(p \Vert q) = \sum_x p(x) \log \frac{p(x)}{q(x)}
              = \sum_x \Bigl( p(x) \log \frac{p(x)}{q(x)} - p(x) + q(x) \Bigr)

    The second form is what is summed: its terms are not negative, so nothing cancels. (The two differ only
    by how far rounding keeps the sums of ``p`` and ``q`` apart, at most twice `SUM_TOLERANCE`.)

    Parameters
    ----------
    p, q : array_like, shape (n,)
        Laws on the same outcomes; the expectation is under ``p``.
    base : float, optional
        Base of the logarithm, above 1. Default e.

    Returns
    -------
    float
        Not negative; 0 only where the laws are equal; infinite where ``p > 0`` and ``q = 0``.

    Raises
    ------
    ValueError
        If an argument is not a law, or the lengths differ.

    References
    ----------
    Kullback & Leibler (1951). In the book: equation ``kl-nonnegative``.
    """
    law_p, law_q = as_laws(p, q)
    return float(_kl_terms(law_p, law_q).sum()) / _unit(base)


def jensen_shannon_divergence(p: ArrayLike, q: ArrayLike, base: float | None = None) -> float:
    r"""Jensen-Shannon divergence, with its halves, in nats (or in units of log ``base``).

    .. math:: \mathrm{JSD}(p \Vert q) = \tfrac12 D_\mathrm{KL}(p \Vert m) + \tfrac12 D_\mathrm{KL}(q \Vert m),
              \qquad m = \tfrac12 (p + q)

    This is the divergence, not its square root (``scipy.spatial.distance.jensenshannon`` is the root).

    Parameters
    ----------
    p, q : array_like, shape (n,)
        Laws on the same outcomes; symmetric.
    base : float, optional
        Base of the logarithm, above 1. Default e.

    Returns
    -------
    float
        From 0 (equal laws) to log 2 (disjoint supports).

    Raises
    ------
    ValueError
        If an argument is not a law, or the lengths differ.

    References
    ----------
    Lin (1991), eq. (4.1). In the book: equation ``jsd-range``.
    """
    law_p, law_q = as_laws(p, q)
    return float(_js_terms(law_p, law_q).sum()) / _unit(base)


def total_variation(p: ArrayLike, q: ArrayLike) -> float:
    r"""Total variation distance, the largest difference in probability that any event can have.

    .. math:: \mathrm{TV}(p, q) = \tfrac12 \sum_x |p(x) - q(x)|

    Parameters
    ----------
    p, q : array_like, shape (n,)
        Laws on the same outcomes.

    Returns
    -------
    float
        From 0 (equal) to 1 (disjoint supports).

    Raises
    ------
    ValueError
        If an argument is not a law, or the lengths differ.

    References
    ----------
    In the book: equations ``best-accuracy`` and ``pinsker``.
    """
    law_p, law_q = as_laws(p, q)
    return 0.5 * float(np.abs(law_p - law_q).sum())


def _unit(base: float | None) -> float:
    """Nats in one unit of the answer."""
    if base is None:
        return 1.0
    if not (math.isfinite(base) and base > 1):
        raise ValueError(f"base must be a number above 1 (2 gives bits), found {base}")
    return math.log(base)


def _kl_terms(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """p log(p/q) - p + q, entry by entry: never negative, right where p and q nearly agree."""
    with np.errstate(all="ignore"):
        excess = (q - p) / p  # q/p - 1, exact where the two are close
        ratio = q / p
        is_normal = np.isfinite(ratio) & (ratio >= np.finfo(float).tiny)
        log_ratio = np.where(is_normal, np.log(ratio), np.log(q) - np.log(p))
        direct = (q - p) - p * log_ratio
        near = np.abs(excess) < _SMALL
        series = p * _excess_minus_log1p(np.where(near, excess, 0.0))
    return np.where(p == 0, q, np.where(near, series, direct))


def _js_terms(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Half p log(p/m) plus half q log(q/m), entry by entry, m the mean of p and q."""
    total = p + q
    with np.errstate(all="ignore"):
        share = (p - q) / total
        near = np.abs(share) < _SMALL
        series = _tilted_logs(np.where(near, share, 0.0))
        direct = xlogy(2 * p / total, 2 * p / total) + xlogy(2 * q / total, 2 * q / total)
    return np.where(total == 0, 0.0, 0.25 * total * np.where(near, series, direct))


def _excess_minus_log1p(r: np.ndarray) -> np.ndarray:
    """r - log(1 + r) for |r| < 0.1, as r^2/2 - r^3/3 + r^4/4 - ..."""
    return r**2 * np.polynomial.polynomial.polyval(-r, [1 / k for k in range(2, 20)])


def _tilted_logs(t: np.ndarray) -> np.ndarray:
    """(1 + t) log(1 + t) + (1 - t) log(1 - t) for |t| < 0.1, as the sum of t^2k / (k (2k - 1))."""
    return t**2 * np.polynomial.polynomial.polyval(t**2, [1 / (k * (2 * k - 1)) for k in range(1, 11)])


# ---------------------------------------------------------------------------------------------------------
# Gaussians


def gaussian_kl(mean_p: ArrayLike, cov_p: ArrayLike, mean_q: ArrayLike, cov_q: ArrayLike) -> float:
    r"""Kullback-Leibler divergence between two Gaussians with full covariances, in nats.

    .. math:: D_\mathrm{KL}(p \Vert q) = \tfrac12 \Bigl[ \operatorname{tr}(\Sigma_q^{-1} \Sigma_p)
              + (\mu_q - \mu_p)^\top \Sigma_q^{-1} (\mu_q - \mu_p) - d + \log \frac{|\Sigma_q|}{|\Sigma_p|} \Bigr]

    Parameters
    ----------
    mean_p, mean_q : array_like, shape (d,)
        Means; a number where d is 1.
    cov_p, cov_q : array_like, shape (d, d)
        Covariances (variances, not standard deviations); a number where d is 1.

    Returns
    -------
    float
        Not negative; not symmetric.

    Raises
    ------
    ValueError
        If shapes don't fit, numbers are not finite, or a covariance is not symmetric positive definite.
    """
    mean, chol_p, covariance_p = _gaussian(mean_p, cov_p, "p")
    other, chol_q, covariance_q = _gaussian(mean_q, cov_q, "q")
    if mean.size != other.size:
        raise ValueError(f"p has {mean.size} dimensions but q has {other.size}")
    whitened_shift = solve_triangular(chol_q, other - mean, lower=True)
    half = solve_triangular(chol_q, covariance_p - covariance_q, lower=True)
    excess = np.linalg.eigvalsh(_symmetric(solve_triangular(chol_q, half.T, lower=True)))
    if np.abs(excess).max() < _SMALL:  # nearly equal covariances: nothing to cancel
        spread = float(_excess_minus_log1p(excess).sum())
    else:
        whitened = solve_triangular(chol_q, chol_p, lower=True)
        log_det = 2 * float(np.log(np.diag(chol_q)).sum() - np.log(np.diag(chol_p)).sum())
        spread = max(0.0, float((whitened**2).sum()) - mean.size + log_det)
    return 0.5 * (spread + float(whitened_shift @ whitened_shift))


def _gaussian(mean: ArrayLike, cov: ArrayLike, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, lower Cholesky factor and covariance."""
    location, covariance = _mean_and_covariance(mean, cov, name)
    try:
        return location, np.linalg.cholesky(covariance), covariance
    except np.linalg.LinAlgError:
        smallest = np.linalg.eigvalsh(covariance).min()
        raise ValueError(f"cov_{name} must be positive definite; its smallest eigenvalue is {smallest:.3g}") from None


def _mean_and_covariance(mean: ArrayLike, cov: ArrayLike, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean and symmetric covariance."""
    location = np.atleast_1d(np.asarray(mean, dtype=float))
    covariance = np.asarray(cov, dtype=float)
    covariance = covariance.reshape(1, 1) if covariance.size == 1 else covariance
    if location.ndim != 1 or covariance.shape != (location.size, location.size):
        raise ValueError(
            f"mean_{name} must have shape (d,) and cov_{name} shape (d, d), "
            f"found {location.shape} and {covariance.shape}"
        )
    if not (np.isfinite(location).all() and np.isfinite(covariance).all()):
        raise ValueError(f"mean_{name} and cov_{name} must be finite")
    if not np.allclose(covariance, covariance.T, rtol=1e-8, atol=1e-12 * np.abs(covariance).max()):
        raise ValueError(f"cov_{name} must be symmetric, but differs from its transpose")
    return location, _symmetric(covariance)


def _symmetric(matrix: np.ndarray) -> np.ndarray:
    return 0.5 * (matrix + matrix.T)


# ---------------------------------------------------------------------------------------------------------
# Densities on the line


def density_kl(log_p: LogDensity, log_q: LogDensity, low: float, high: float) -> float:
    r"""Kullback-Leibler divergence of two densities on the line, in nats, by adaptive quadrature.

    .. math:: D_\mathrm{KL}(p \Vert q) = \int_\mathrm{low}^\mathrm{high} p(x) \log \frac{p(x)}{q(x)} \, dx

    Parameters
    ----------
    log_p, log_q : callable
        Log densities in nats, vectorised: shape (n,) in, shape (n,) out; -inf outside the support.
    low, high : float
        An interval that holds the mass of ``p``; may be infinite.

    Returns
    -------
    float
        Not negative; infinite where ``p`` has mass and ``q`` has none.

    Raises
    ------
    ValueError
        If low is not below high, a log density is not a number somewhere, or the mass of ``p`` between
        low and high is not one within a hundredth (not normalised, cut off, or a spike that was not found).

    Notes
    -----
    Panels are halved until they agree with their halves. The search begins at the peaks of the log
    densities (a narrow peak shows in its log far from where it stands) and at the ends of the supports,
    and begins again on a finer grid as long as a mass found is not one.
    """

    def terms(x: np.ndarray) -> np.ndarray:
        lp, lq = _log_values(log_p, x, "log_p"), _log_values(log_q, x, "log_q")
        p, q = np.exp(lp), np.exp(lq)
        with np.errstate(all="ignore"):
            log_ratio = lq - lp
            near = np.abs(log_ratio) < _SMALL
            series = p * _expm1_minus(np.where(near, log_ratio, 0.0))
            direct = q - p - np.where(p > 0, p * log_ratio, 0.0)
        return np.stack([np.where(p == 0, q, np.where(near, series, direct)), p, q])

    total, p_mass, q_mass = _integrate_laws(terms, (log_p, log_q), low, high)
    if np.isposinf(total):
        return math.inf
    _check_mass(p_mass, "p", low, high)
    if max(abs(p_mass - 1), abs(q_mass - 1)) < 1e-9:  # both whole: the mass terms only carry rounding
        return total
    return max(0.0, total + p_mass - q_mass)


def density_jensen_shannon(log_p: LogDensity, log_q: LogDensity, low: float, high: float) -> float:
    r"""Jensen-Shannon divergence of two densities on the line, in nats, by adaptive quadrature.

    .. math:: \mathrm{JSD}(p \Vert q) = \tfrac12 \int p \log \frac{p}{m} + \tfrac12 \int q \log \frac{q}{m},
              \qquad m = \tfrac12 (p + q)

    Parameters
    ----------
    log_p, log_q : callable
        Log densities in nats, vectorised: shape (n,) in, shape (n,) out; -inf outside the support.
    low, high : float
        An interval that holds the mass of both; may be infinite.

    Returns
    -------
    float
        From 0 to log 2.

    Raises
    ------
    ValueError
        As `density_kl`, for both densities.
    """

    def terms(x: np.ndarray) -> np.ndarray:
        lp, lq = _log_values(log_p, x, "log_p"), _log_values(log_q, x, "log_q")
        p, q = np.exp(lp), np.exp(lq)
        return np.stack([_js_terms(p, q), p, q])

    total, p_mass, q_mass = _integrate_laws(terms, (log_p, log_q), low, high)
    _check_mass(p_mass, "p", low, high)
    _check_mass(q_mass, "q", low, high)
    return min(total, _LOG2)


def integrate(integrand: Callable[[np.ndarray], np.ndarray], low: float, high: float) -> float:
    """Integral of a vectorised function between two bounds, finite or not, by adaptive quadrature.

    Parameters
    ----------
    integrand : callable
        Shape (n,) in, shape (n,) out.
    low, high : float
        Bounds; may be infinite.

    Returns
    -------
    float
        To about twelve digits where the integrand is smooth but for finitely many kinks or jumps.

    Raises
    ------
    ValueError
        If low is not below high.
    """
    inside, start, end = _on_finite_interval(lambda x: np.asarray(integrand(x), dtype=float)[None], low, high)
    return float(_adaptive(inside, np.linspace(start, end, 65))[0])


def _expm1_minus(d: np.ndarray) -> np.ndarray:
    """exp(d) - 1 - d for |d| < 0.1, as d^2/2 + d^3/6 + ..."""
    return d**2 * np.polynomial.polynomial.polyval(d, [1 / math.factorial(k) for k in range(2, 16)])


def _log_values(log_density: LogDensity, x: np.ndarray, name: str) -> np.ndarray:
    with np.errstate(divide="ignore"):
        values = np.asarray(log_density(x), dtype=float)
    if values.shape != x.shape:
        raise ValueError(f"{name} must be vectorised: it took shape {x.shape} and returned {values.shape}")
    if np.isnan(values).any():
        raise ValueError(f"{name} is not a number at x = {x[np.isnan(values)][0]:.6g}")
    return values


def _check_mass(mass: float, name: str, low: float, high: float) -> None:
    if not abs(mass - 1) <= 1e-2:
        raise ValueError(
            f"{name} has mass {mass:.4g} between {low:g} and {high:g}: it must be normalised and have its mass there"
        )


Integrand = Callable[[np.ndarray], np.ndarray]  #: (n,) -> (k, n)


def _integrate_laws(
    terms: Integrand, log_densities: tuple[LogDensity, ...], low: float, high: float
) -> tuple[float, float, float]:
    """Integrals of the three rows of ``terms``: a divergence's integrand, p and q.

    The grid gets finer until both masses are one. A mass that is cut off never gets there; one that a
    coarse grid missed, or counted twice, does.
    """
    inside, start, end = _on_finite_interval(terms, low, high)
    breaks = _breaks(log_densities, low, high, start, end)
    for n_panels in (64, 512, 4096, 32768):
        totals = _adaptive(inside, np.union1d(np.linspace(start, end, n_panels + 1), breaks))
        if not np.isfinite(totals).all() or np.abs(totals[1:] - 1).max() < 1e-9:
            break
    return float(totals[0]), float(totals[1]), float(totals[2])


def _on_finite_interval(terms: Integrand, low: float, high: float) -> tuple[Integrand, float, float]:
    """The same integral over a finite interval: infinite ends are pulled in by x(t), dx included."""
    if not low < high:
        raise ValueError(f"low must be below high, found {low} and {high}")
    point, slope, start, end = _pull_in(low, high)

    def inside(t: np.ndarray) -> np.ndarray:
        return terms(point(t)) * slope(t)

    return inside, start, end


def _pull_in(low: float, high: float) -> tuple[Callable, Callable, float, float]:
    if math.isfinite(low) and math.isfinite(high):
        return (lambda t: t), np.ones_like, low, high
    if math.isfinite(low):
        return (lambda t: low + t / (1 - t)), (lambda t: (1 - t) ** -2.0), 0.0, 1.0
    if math.isfinite(high):
        return (lambda t: high - (1 - t) / t), (lambda t: t**-2.0), 0.0, 1.0
    return (lambda t: t / (1 - t**2)), (lambda t: (1 + t**2) / (1 - t**2) ** 2), -1.0, 1.0


def _breaks(log_densities: tuple[LogDensity, ...], low: float, high: float, start: float, end: float) -> np.ndarray:
    """Panel edges at the ends of the supports, and closing in on each local maximum of the log densities."""
    point, _, _, _ = _pull_in(low, high)
    margin = 1e-9 * (end - start)
    grid = np.linspace(start + margin, end - margin, 1025)
    steps = (end - start) * 0.5 ** np.arange(1, 44)
    breaks = [np.empty(0)]
    for name, log_density in zip(("log_p", "log_q"), log_densities, strict=True):

        def values(t: np.ndarray, f: LogDensity = log_density, name: str = name) -> np.ndarray:
            return _log_values(f, point(t), name)

        def depth(t: float, values: Callable = values) -> float:
            return -float(np.clip(values(np.array([t, t])), -1e300, 1e300)[0])

        heights = values(grid)
        breaks += _support_ends(values, grid, np.isfinite(heights))
        is_peak = np.r_[False, (heights[1:-1] >= heights[:-2]) & (heights[1:-1] >= heights[2:]), False]
        candidates = np.flatnonzero(is_peak & np.isfinite(heights))
        for index in candidates[np.argsort(-heights[candidates], kind="stable")][:16]:
            bounds = (grid[index - 1], grid[index + 1])
            peak = minimize_scalar(depth, bounds=bounds, method="bounded", options={"xatol": 1e-13 * (end - start)}).x
            breaks.append(np.r_[peak - steps, peak, peak + steps])
    edges = np.concatenate(breaks)
    return edges[(edges > start) & (edges < end)]


def _support_ends(values: Integrand, grid: np.ndarray, inside: np.ndarray) -> list[np.ndarray]:
    """Where a log density turns -inf, to the last digit, by bisection between neighbours on the grid."""
    change = np.flatnonzero(inside[1:] != inside[:-1])
    left, right, left_inside = grid[change], grid[change + 1], inside[change]
    for _ in range(60 if change.size else 0):
        middle = 0.5 * (left + right)
        same = np.isfinite(values(np.r_[middle, middle])[: middle.size]) == left_inside
        left, right = np.where(same, middle, left), np.where(same, right, middle)
    return [left, right]


def _adaptive(terms: Integrand, edges: np.ndarray, n_rounds: int = 52) -> np.ndarray:
    """Sum over panels, each halved until it agrees with its two halves; infinite where an integrand is."""
    nodes, weights = np.polynomial.legendre.leggauss(12)
    nodes, weights = 0.5 * (nodes + 1), 0.5 * weights

    def panels(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Integrals (k, panels), and how many infinite nodes each panel has for each integrand."""
        x = left + (right - left) * nodes[:, None]
        values = terms(x.reshape(-1))
        values = values.reshape(len(values), *x.shape)
        finite = np.isfinite(values)
        sums = np.einsum("n,knp->kp", weights, np.where(finite, values, 0.0)) * (right - left)
        return sums, (~finite).sum(axis=1)

    left, right = edges[:-1], edges[1:]
    coarse, _ = panels(left, right)
    totals = np.zeros(len(coarse))
    for _ in range(n_rounds):
        middle = 0.5 * (left + right)
        first, first_poles = panels(left, middle)
        second, second_poles = panels(middle, right)
        # Infinite on more than a point; in panels at the limit of rounding, nodes coincide and don't count.
        wide = right - left > 1e-12 * np.maximum(np.abs(left), np.abs(right))
        infinite = (wide & (np.maximum(first_poles, second_poles) > 1)).any(axis=1)
        if infinite.any():
            return np.where(infinite, np.inf, np.nan)
        fine = first + second
        scale = np.abs(first) + np.abs(second)
        agrees = (np.abs(fine - coarse) <= np.maximum(1e-15, 1e-12 * scale)).all(axis=0)
        agrees &= ~(first_poles + second_poles).any(axis=0)
        agrees |= (middle <= left) | (middle >= right)
        totals += fine[:, agrees].sum(axis=1)
        if agrees.all():
            return totals
        rest = ~agrees
        if rest.sum() > 2**16:  # as rough as this everywhere, it will not get smoother
            return totals + fine[:, rest].sum(axis=1)
        left, right = np.r_[left[rest], middle[rest]], np.r_[middle[rest], right[rest]]
        coarse = np.concatenate([first[:, rest], second[:, rest]], axis=1)
    return totals + coarse.sum(axis=1)


# ---------------------------------------------------------------------------------------------------------
# f-divergences


@dataclass(frozen=True)
class FDivergence:
    r"""One row of the table: a convex f on (0, inf), and what a critic of its divergence needs.

    .. math:: D_f(p \Vert q) = \sum_x q(x) \, f\Bigl(\frac{p(x)}{q(x)}\Bigr), \qquad
              f^*(t) = \sup_{u \ge 0} \bigl( u t - f(u) \bigr)

    Parameters
    ----------
    f, f_prime : callable
        The generator and its derivative at u > 0.
    conjugate : callable
        f* at t below ``upper``.
    upper : float
        The conjugate's domain is t < upper.
    output_activation : callable
        Increasing, from all real numbers onto the values that f' takes (an interval of the domain): put it
        on a critic's last layer.
    divergence : callable
        The same divergence of two laws without cancellation, zeros included.
    """

    f: Callable[[np.ndarray], np.ndarray]
    f_prime: Callable[[np.ndarray], np.ndarray]
    conjugate: Callable[[np.ndarray], np.ndarray]
    upper: float
    output_activation: Callable[[np.ndarray], np.ndarray]
    divergence: Callable[[np.ndarray, np.ndarray], float]


def _pearson(p: np.ndarray, q: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        return float(np.where(p == q, 0.0, (p - q) * ((p - q) / q)).sum())


def _squared_hellinger(p: np.ndarray, q: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        return float((np.where(p == q, 0.0, (p - q) / (np.sqrt(p) + np.sqrt(q))) ** 2).sum())


def _softplus(v: np.ndarray) -> np.ndarray:
    return np.logaddexp(0.0, v)


#: The six rows, by name. ``jensen_shannon`` carries its one half; ``gan`` is 2 JSD - log 4, the criterion itself.
F_DIVERGENCES: dict[str, FDivergence] = {
    "kl": FDivergence(
        f=lambda u: xlogy(u, u),
        f_prime=lambda u: 1 + np.log(u),
        conjugate=lambda t: np.exp(t - 1),
        upper=math.inf,
        output_activation=lambda v: v,
        divergence=kl_divergence,
    ),
    "reverse_kl": FDivergence(
        f=lambda u: -np.log(u),
        f_prime=lambda u: -1 / u,
        conjugate=lambda t: -1 - np.log(-t),
        upper=0.0,
        output_activation=lambda v: -np.exp(-v),
        divergence=lambda p, q: kl_divergence(q, p),
    ),
    "pearson": FDivergence(
        f=lambda u: (u - 1) ** 2,
        f_prime=lambda u: 2 * (u - 1),
        conjugate=lambda t: np.maximum(t, -2) * (1 + np.maximum(t, -2) / 4),  # below -2 the supremum is at u = 0
        upper=math.inf,
        output_activation=lambda v: 2 * np.expm1(v),
        divergence=_pearson,
    ),
    "squared_hellinger": FDivergence(
        f=lambda u: (np.sqrt(u) - 1) ** 2,
        f_prime=lambda u: 1 - 1 / np.sqrt(u),
        conjugate=lambda t: 1 / (1 - t) - 1,
        upper=1.0,
        output_activation=lambda v: -np.expm1(-v),
        divergence=_squared_hellinger,
    ),
    "jensen_shannon": FDivergence(
        f=lambda u: 0.5 * (xlogy(u, u) - (u + 1) * np.log((u + 1) / 2)),
        f_prime=lambda u: 0.5 * np.log(2 * u / (1 + u)),
        conjugate=lambda t: -0.5 * (_LOG2 + np.log(-np.expm1(2 * t - _LOG2))),
        upper=0.5 * _LOG2,
        output_activation=lambda v: 0.5 * (_LOG2 - _softplus(-v)),
        divergence=jensen_shannon_divergence,
    ),
    "gan": FDivergence(
        f=lambda u: xlogy(u, u) - (u + 1) * np.log(u + 1),
        f_prime=lambda u: -np.log1p(1 / u),
        conjugate=lambda t: -np.log(-np.expm1(t)),
        upper=0.0,
        output_activation=lambda v: -_softplus(-v),
        divergence=lambda p, q: 2 * jensen_shannon_divergence(p, q) - 2 * _LOG2,
    ),
}


def f_divergence(p: ArrayLike, q: ArrayLike, name: str) -> float:
    r"""The f-divergence of two finite laws, in nats where f has a logarithm.

    .. math:: D_f(p \Vert q) = \sum_x q(x) \, f\Bigl(\frac{p(x)}{q(x)}\Bigr)

    Parameters
    ----------
    p, q : array_like, shape (n,)
        Laws on the same outcomes; the ratio is p over q.
    name : {"kl", "reverse_kl", "pearson", "squared_hellinger", "jensen_shannon", "gan"}
        Row of `F_DIVERGENCES`. In this order: KL(p || q); KL(q || p); sum of (p - q)^2 / q; sum of
        (sqrt p - sqrt q)^2, from 0 to 2; the Jensen-Shannon divergence with its one half; 2 JSD - log 4.

    Returns
    -------
    float
        At least f(1), which is 0 for all but ``"gan"``, where it is -log 4. May be infinite.

    Raises
    ------
    ValueError
        If an argument is not a law, the lengths differ, or no row has this name.

    References
    ----------
    Nowozin, Cseke & Tomioka (2016), Table 1. In the book: equation ``f-divergence-jensen``.
    """
    law_p, law_q = as_laws(p, q)
    return _row(name).divergence(law_p, law_q)


def f_divergence_bound(p: ArrayLike, q: ArrayLike, critic_values: ArrayLike, name: str) -> float:
    r"""The lower bound on an f-divergence that a critic proves.

    .. math:: \sum_x p(x) T(x) - \sum_x q(x) f^*(T(x)) \le D_f(p \Vert q),
              \qquad \text{with equality at } T = f'(p / q)

    Parameters
    ----------
    p, q : array_like, shape (n,)
        Laws on the same outcomes.
    critic_values : array_like, shape (n,)
        T at each outcome, below the row's ``upper``. It may equal ``upper`` where ``q`` is 0, and be -inf.
    name : str
        Row of `F_DIVERGENCES`; see `f_divergence`.

    Returns
    -------
    float
        Larger is better: a critic maximises it.

    Raises
    ------
    ValueError
        If an argument is not a law, shapes differ, no row has this name, or a critic value lies outside
        the domain of the conjugate.

    References
    ----------
    Nguyen, Wainwright & Jordan (2010); Nowozin, Cseke & Tomioka (2016), eq. (4). In the book: equation
    ``f-divergence-bound``.
    """
    law_p, law_q = as_laws(p, q)
    row = _row(name)
    critic = np.asarray(critic_values, dtype=float)
    if critic.shape != law_p.shape:
        raise ValueError(f"critic_values have shape {critic.shape} but the laws have {law_p.shape}")
    outside = np.isnan(critic) | (critic == np.inf) | (critic > row.upper) | ((critic == row.upper) & (law_q > 0))
    if outside.any():
        raise ValueError(
            f"the conjugate of {name!r} needs critic values below {row.upper:.6g}, found {critic[outside][0]:.6g}"
        )
    with np.errstate(all="ignore"):
        gain = np.where(law_p > 0, law_p * critic, 0.0)
        cost = np.where(law_q > 0, law_q * row.conjugate(critic), 0.0)
    return float(gain.sum() - cost.sum())


def _row(name: str) -> FDivergence:
    if name not in F_DIVERGENCES:
        raise ValueError(f"no f-divergence is named {name!r}; the names are {', '.join(F_DIVERGENCES)}")
    return F_DIVERGENCES[name]


# ---------------------------------------------------------------------------------------------------------
# Samples


def wasserstein_1d(x: ArrayLike, y: ArrayLike) -> float:
    r"""Wasserstein-1 (earth mover's) distance of two samples on the line, in the units of the samples.

    .. math:: W_1 = \int_{-\infty}^{\infty} |F_x(t) - F_y(t)| \, dt

    Parameters
    ----------
    x, y : array_like, shapes (n,) and (m,)
        Samples; the sizes may differ.

    Returns
    -------
    float
        The least average distance over which mass has to be moved.

    Raises
    ------
    ValueError
        If a sample is empty, not 1-D or not finite.
    """
    first, second = _sample(x, "x"), _sample(y, "y")
    points = np.sort(np.concatenate([first, second]))
    cdf_x = np.searchsorted(np.sort(first), points[:-1], side="right") / first.size
    cdf_y = np.searchsorted(np.sort(second), points[:-1], side="right") / second.size
    return float(np.abs(cdf_x - cdf_y) @ np.diff(points))


def _sample(values: ArrayLike, name: str) -> np.ndarray:
    sample = np.asarray(values, dtype=float)
    if sample.ndim != 1 or sample.size == 0:
        raise ValueError(f"{name} must be a 1-D sample with at least one value, found shape {sample.shape}")
    if not np.isfinite(sample).all():
        raise ValueError(f"{name} must be finite, found {sample[~np.isfinite(sample)][0]}")
    return sample


# ---------------------------------------------------------------------------------------------------------
# Optimal transport


class Transport(NamedTuple):
    """The cheapest way to turn one law into another."""

    cost: float  #: total, in the units of the cost matrix
    plan: np.ndarray  #: mass moved from each place of p to each place of q, shape (n, m)


class Critic(NamedTuple):
    """The best 1-Lipschitz function for telling two laws apart."""

    value: float  #: its mean under p minus its mean under q
    critic: np.ndarray  #: at each point, shape (n,); 0 at the first point


def optimal_transport(cost: ArrayLike, p: ArrayLike, q: ArrayLike) -> Transport:
    r"""Kantorovich's linear programme: move ``p`` onto ``q`` at the least total cost.

    .. math:: \min_{\pi \ge 0} \sum_{ij} c_{ij} \pi_{ij} \quad\text{with}\quad
              \sum_j \pi_{ij} = p_i, \quad \sum_i \pi_{ij} = q_j

    With distances for costs the least cost is the Wasserstein-1 distance; with squared distances it is the
    *square* of Wasserstein-2.

    Parameters
    ----------
    cost : array_like, shape (n, m)
        Price of moving one unit of mass from place i of ``p`` to place j of ``q``.
    p, q : array_like, shapes (n,) and (m,)
        Laws; n and m may differ.

    Returns
    -------
    Transport
        ``cost`` and ``plan``. The programme has n * m unknowns: fit for hundreds of places, not for thousands.

    Raises
    ------
    ValueError
        If an argument is not a law, or the costs are not finite or of another shape.

    References
    ----------
    Kantorovich (1942); Peyré & Cuturi (2019), eq. (2.11). In the book: equation ``kantorovich-duality``.
    """
    law_p, law_q = as_law(p, "p"), as_law(q, "q")
    prices = np.asarray(cost, dtype=float)
    if prices.shape != (law_p.size, law_q.size):
        raise ValueError(f"cost must have shape {(law_p.size, law_q.size)}, found {prices.shape}")
    if not np.isfinite(prices).all():
        raise ValueError(f"cost must be finite, found {prices[~np.isfinite(prices)][0]}")
    sent = sparse.kron(sparse.eye(law_p.size), np.ones((1, law_q.size)))
    received = sparse.kron(np.ones((1, law_p.size)), sparse.eye(law_q.size))
    # Rounding may keep the two totals apart: the programme needs them equal.
    masses = np.concatenate([law_p / law_p.sum(), law_q / law_q.sum()])
    solution = linprog(prices.reshape(-1), A_eq=sparse.vstack([sent, received]), b_eq=masses, method="highs")
    if not solution.success:
        raise ValueError(f"the linear programme has no solution: {solution.message}")
    plan = np.maximum(solution.x, 0.0).reshape(prices.shape)
    return Transport(float(np.sum(plan * prices)), plan)


def lipschitz_critic(points: ArrayLike, p: ArrayLike, q: ArrayLike) -> Critic:
    r"""The dual programme: the function of slope at most one that separates the means of two laws the most.

    .. math:: \max_f \sum_i (p_i - q_i) f_i \quad\text{with}\quad f_i - f_j \le \lVert x_i - x_j \rVert

    By Kantorovich's duality the maximum is the Wasserstein-1 distance of the two laws.

    Parameters
    ----------
    points : array_like, shape (n, dim)
        Where the laws have their mass; shape (n,) will do on the line.
    p, q : array_like, shape (n,)
        Laws on these points.

    Returns
    -------
    Critic
        ``value`` and ``critic``. There are n^2 constraints: fit for a hundred points.

    Raises
    ------
    ValueError
        If an argument is not a law, the lengths differ, or the points are not finite.

    References
    ----------
    Kantorovich & Rubinstein (1958); Arjovsky et al. (2017), eq. (2). In the book: equation ``kantorovich-duality``.
    """
    law_p, law_q = as_laws(p, q)
    places = np.asarray(points, dtype=float)
    places = places[:, None] if places.ndim == 1 else places
    if places.ndim != 2 or len(places) != law_p.size or not np.isfinite(places).all():
        raise ValueError(f"points must be {law_p.size} finite places of shape (n, dim), found shape {np.shape(points)}")
    first, second = np.nonzero(~np.eye(law_p.size, dtype=bool))
    rows = np.arange(first.size)
    slopes = sparse.coo_matrix(
        (np.r_[np.ones(first.size), -np.ones(first.size)], (np.r_[rows, rows], np.r_[first, second])),
        shape=(first.size, law_p.size),
    )
    bounds = [(0.0, 0.0)] + [(None, None)] * (law_p.size - 1)  # a constant may be added: pin the first point
    solution = linprog(
        law_q - law_p, A_ub=slopes, b_ub=cdist(places, places)[first, second], bounds=bounds, method="highs"
    )
    if not solution.success:
        raise ValueError(f"the linear programme has no solution: {solution.message}")
    return Critic(float((law_p - law_q) @ solution.x), solution.x)


def gaussian_wasserstein2_squared(mean_p: ArrayLike, cov_p: ArrayLike, mean_q: ArrayLike, cov_q: ArrayLike) -> float:
    r"""Squared Wasserstein-2 distance of two Gaussians, in squared units of the data.

    .. math:: W_2^2 = \lVert \mu_p - \mu_q \rVert^2 + \operatorname{tr} \Bigl( \Sigma_p + \Sigma_q
              - 2 \bigl( \Sigma_p^{1/2} \Sigma_q \Sigma_p^{1/2} \bigr)^{1/2} \Bigr)

    The Fréchet distance of image generators is this formula, fed with means and covariances of features.

    Parameters
    ----------
    mean_p, mean_q : array_like, shape (d,)
        Means; a number where d is 1.
    cov_p, cov_q : array_like, shape (d, d)
        Covariances, which may be singular; a number (a variance) where d is 1.

    Returns
    -------
    float
        Not negative, symmetric, 0 only where the two agree.

    Raises
    ------
    ValueError
        If shapes don't fit, numbers are not finite, or a covariance is not symmetric or has a negative eigenvalue.

    References
    ----------
    Dowson & Landau (1982); Peyré & Cuturi (2019), eq. (2.41). In the book: equation ``gaussian-w2``.
    """
    centre_p, root_p, covariance_p = _spread(mean_p, cov_p, "p")
    centre_q, _, covariance_q = _spread(mean_q, cov_q, "q")
    if centre_p.size != centre_q.size:
        raise ValueError(f"p has {centre_p.size} dimensions but q has {centre_q.size}")
    overlap = np.linalg.eigvalsh(_symmetric(root_p @ covariance_q @ root_p))
    cross = float(np.sqrt(np.maximum(overlap, 0.0)).sum())
    apart = max(0.0, float(np.trace(covariance_p) + np.trace(covariance_q)) - 2 * cross)
    return float((centre_p - centre_q) @ (centre_p - centre_q)) + apart


def _spread(mean: ArrayLike, cov: ArrayLike, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, symmetric root and covariance, which may be singular."""
    location, covariance = _mean_and_covariance(mean, cov, name)
    values, vectors = np.linalg.eigh(covariance)
    if values.min() < -1e-10 * np.abs(covariance).max():
        raise ValueError(f"cov_{name} must have no negative eigenvalue; its smallest is {values.min():.3g}")
    return location, (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T, covariance

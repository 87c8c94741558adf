"""What a law can be asked: to score, to sample, to complete, to change, to be planned with.

Chapter "Two ways to learn, two ways to sample". Laws here are small tables, Gaussians and Markov chains, so
that every answer of a model can be held against the exact one. NumPy and SciPy only.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import cho_factor, cho_solve
from scipy.special import log_softmax, logsumexp

from lectures_pkg.divergences import as_law, total_variation
from lectures_pkg.worlds import binary_images

LogDensity = Callable[[np.ndarray], np.ndarray]

# ---------------------------------------------------------------------------------------------------------
# One joint law, questions in every direction


def condition_gaussian(
    mean: ArrayLike, covariance: ArrayLike, observed: Sequence[int], values: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    r"""Law of the unobserved coordinates of a Gaussian, given the observed ones.

    .. math:: \mu_{a \mid b} = \mu_a + \Sigma_{ab} \Sigma_{bb}^{-1} (x_b - \mu_b), \qquad
              \Sigma_{a \mid b} = \Sigma_{aa} - \Sigma_{ab} \Sigma_{bb}^{-1} \Sigma_{ba}

    Parameters
    ----------
    mean, covariance : array_like, shapes (d,) and (d, d)
        Of the joint law.
    observed : sequence of int
        Which coordinates are known, b; may be empty.
    values : array_like, shape (len(observed),)
        What they are, in the same order.

    Returns
    -------
    mean, covariance : ndarray, shapes (d - k,) and (d - k, d - k)
        Of the other coordinates, a, in their order in the joint law.

    Raises
    ------
    ValueError
        If a coordinate doesn't exist or is given twice, or values are missing.

    References
    ----------
    Bishop (2006), Pattern Recognition and Machine Learning, eqs. (2.81), (2.82). In the book: equation
    ``gaussian-conditional``.
    """
    mu, sigma = np.asarray(mean, dtype=float), np.asarray(covariance, dtype=float)
    known, x = np.asarray(observed, dtype=int), np.asarray(values, dtype=float)
    if sigma.shape != (mu.size, mu.size):
        raise ValueError(f"covariance must have shape {(mu.size, mu.size)}, found {sigma.shape}")
    if len(set(known.tolist())) != known.size or not all(0 <= k < mu.size for k in known):
        raise ValueError(f"observed must be different coordinates from 0 to {mu.size - 1}, found {known.tolist()}")
    if x.shape != known.shape:
        raise ValueError(f"each of the {known.size} observed coordinates needs one value, found shape {x.shape}")
    rest = np.setdiff1d(np.arange(mu.size), known)
    if not known.size:
        return mu, sigma
    gain = cho_solve(cho_factor(sigma[np.ix_(known, known)]), sigma[np.ix_(known, rest)]).T  # (a, b)
    conditional_mean = mu[rest] + gain @ (x - mu[known])
    return conditional_mean, sigma[np.ix_(rest, rest)] - gain @ sigma[np.ix_(known, rest)]


def complete(law: ArrayLike, observed: ArrayLike) -> np.ndarray:
    r"""Law of the whole binary image, given some of its pixels: zero where it contradicts them.

    .. math:: p(x_m \mid x_o) = \frac{p(x_m, x_o)}{\sum_{x_m'} p(x_m', x_o)}

    Parameters
    ----------
    law : array_like, shape (2 ** n_pixels,)
        One probability for each of `worlds.binary_images`, in its order.
    observed : array_like, shape (n_pixels,)
        0 or 1 where the pixel is known, nan where it is missing.

    Returns
    -------
    ndarray, shape (2 ** n_pixels,)
        Sums to one.

    Raises
    ------
    ValueError
        If the law's length fits no such images, a pixel is neither 0, 1 nor nan, or what was observed
        has probability zero: then there is nothing to condition on.

    References
    ----------
    In the book: equation ``posterior-completion``.
    """
    table, pixels = as_law(law, "law"), _pixels(observed)
    if table.size != 2**pixels.size:
        raise ValueError(f"{pixels.size} pixels need a law of {2**pixels.size} probabilities, found {table.size}")
    known = ~np.isnan(pixels)
    agrees = (binary_images(pixels.size)[:, known] == pixels[known]).all(axis=1)
    joint = np.where(agrees, table, 0.0)
    evidence = joint.sum()
    if not evidence > 0:
        raise ValueError("the observed pixels have probability zero under this law")
    return joint / evidence


class ClassBernoulli(NamedTuple):
    r"""Joint law of a label and a binary image whose pixels are independent given the label.

    .. math:: p(x, y) = \pi_y \prod_j p_{yj}^{x_j} (1 - p_{yj})^{1 - x_j}

    As a classifier it is called naive Bayes; as a law of x it is a mixture of Bernoullis.

    Parameters
    ----------
    prior : ndarray, shape (n_classes,)
        Probability of each label; sums to one.
    probabilities : ndarray, shape (n_classes, n_pixels)
        Probability that a pixel is 1, given the label.
    """

    prior: np.ndarray
    probabilities: np.ndarray

    def log_joint(self, x: ArrayLike) -> np.ndarray:
        """log p(x, y) in nats for each label y, shape (n, n_classes).

        Parameters
        ----------
        x : array_like, shape (n, n_pixels)
            0, 1, or nan for a missing pixel; the factor of a missing pixel is left out, which is the same
            as summing over its two values (equation ``missing-factors``).
        """
        images = np.atleast_2d(_pixels(x))
        if images.shape[1] != self.probabilities.shape[1]:
            raise ValueError(f"images need {self.probabilities.shape[1]} pixels, found {images.shape[1]}")
        ink, paper = images == 1, images == 0  # both false where the pixel is missing; shape (n, n_pixels)
        log_p, log_q, log_prior = _log(self.probabilities), _log(1 - self.probabilities), _log(self.prior)
        terms = np.where(ink[:, None], log_p, 0.0) + np.where(paper[:, None], log_q, 0.0)
        return log_prior + terms.sum(axis=2)

    def log_prob(self, x: ArrayLike) -> np.ndarray:
        """log p(x) in nats, of the pixels that are present; shape (n,). Larger is more probable."""
        return logsumexp(self.log_joint(x), axis=1)

    def log_posterior(self, x: ArrayLike) -> np.ndarray:
        """log p(y | x) in nats, given the pixels that are present; shape (n, n_classes)."""
        return log_softmax(self.log_joint(x), axis=1)

    def fill_in(self, x: ArrayLike) -> np.ndarray:
        """Probability that each pixel is 1, given those that are present (which stay as they are); (n, n_pixels)."""
        images = np.atleast_2d(np.asarray(x, dtype=float))
        expected = np.exp(self.log_posterior(images)) @ self.probabilities
        return np.where(np.isnan(images), expected, images)

    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """n draws: binary images of shape (n, n_pixels) and their labels of shape (n,)."""
        labels = rng.choice(len(self.prior), size=n, p=self.prior)
        return (rng.random((n, self.probabilities.shape[1])) < self.probabilities[labels]).astype(float), labels

    def logistic_weights(self) -> tuple[np.ndarray, float]:
        r"""Weights and bias of the log-odds of label 1 against label 0: log p(1 | x) / p(0 | x) = w·x + b.

        Raises
        ------
        ValueError
            If there are not two classes, or a probability is 0 or 1 (the weight would be infinite).

        References
        ----------
        In the book: equation ``class-bernoulli-log-odds``.
        """
        if len(self.prior) != 2:
            raise ValueError(f"the log-odds compare two classes, this law has {len(self.prior)}")
        if not ((self.probabilities > 0) & (self.probabilities < 1)).all():
            raise ValueError("a pixel that is never, or always, 1 in a class has an infinite weight; smooth the counts")
        p0, p1 = self.probabilities
        weight = (np.log(p1) - np.log1p(-p1)) - (np.log(p0) - np.log1p(-p0))
        bias = np.log(self.prior[1] / self.prior[0]) + (np.log1p(-p1) - np.log1p(-p0)).sum()
        return weight, float(bias)


def fit_class_bernoulli(x: ArrayLike, y: ArrayLike, alpha: float = 1.0) -> ClassBernoulli:
    """Class-Bernoulli law from labelled binary images, by counting.

    Parameters
    ----------
    x : array_like, shape (n, n_pixels)
        0 or 1.
    y : array_like, shape (n,)
        Labels 0, ..., n_classes - 1, each seen at least once.
    alpha : float
        Added to the count of ones and to the count of zeros of each pixel and class (and not to the
        labels'): with 0, a pixel never seen inked can never be inked.

    Raises
    ------
    ValueError
        If images are not binary, a label is missing, or ``alpha`` is negative.
    """
    images, labels = np.asarray(x, dtype=float), np.asarray(y)
    if images.ndim != 2 or labels.shape != images.shape[:1]:
        raise ValueError(f"x must have shape (n, n_pixels) and y (n,), found {images.shape} and {labels.shape}")
    if not np.isin(images, (0, 1)).all():
        raise ValueError("images must be binary, 0 or 1: threshold grey values first")
    counts = np.bincount(labels)
    if not counts.all():
        raise ValueError(f"each label from 0 to {counts.size - 1} must be seen; label {counts.argmin()} is not")
    if alpha < 0:
        raise ValueError(f"alpha must not be negative, found {alpha}")
    ones = np.stack([images[labels == c].sum(axis=0) for c in range(counts.size)])
    return ClassBernoulli(counts / counts.sum(), (ones + alpha) / (counts[:, None] + 2 * alpha))


def _pixels(observed: ArrayLike) -> np.ndarray:
    pixels = np.asarray(observed, dtype=float)  # None becomes nan
    if not (np.isnan(pixels) | np.isin(pixels, (0, 1))).all():
        raise ValueError("pixels must be 0, 1, or nan where missing")
    return pixels


def _log(p: ArrayLike) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(p)


# ---------------------------------------------------------------------------------------------------------
# Sampling a law that is known up to a constant: Metropolis on finitely many states


def metropolis_matrix(log_weights: ArrayLike, proposal: ArrayLike) -> np.ndarray:
    r"""Transition matrix of the Metropolis-Hastings chain on finitely many states.

    .. math:: T_{ij} = Q_{ij} \min\Bigl(1, \frac{\pi_j Q_{ji}}{\pi_i Q_{ij}}\Bigr) \quad (i \ne j), \qquad
              T_{ii} = 1 - \sum_{j \ne i} T_{ij}

    Parameters
    ----------
    log_weights : array_like, shape (n,)
        log of the target up to a constant, nats: the normalising sum is never needed.
    proposal : array_like, shape (n, n)
        Q: rows sum to one; Q[i, j] > 0 where Q[j, i] > 0, or the move back could never be proposed.

    Returns
    -------
    ndarray, shape (n, n)
        Row i holds the law of the next state; rows sum to one.

    Raises
    ------
    ValueError
        If a weight is not finite, or the proposal is no such matrix.

    References
    ----------
    Metropolis et al. (1953); Hastings (1970). In the book: equation ``detailed-balance``.
    """
    log_w, q = _chain_inputs(log_weights, proposal)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio = (log_w + np.log(q.T)) - (log_w[:, None] + np.log(q))
    accept = np.exp(np.minimum(0.0, np.where(q > 0, log_ratio, -np.inf)))  # (from, to)
    moves = q * accept
    np.fill_diagonal(moves, 0.0)
    return moves + np.diag(1 - moves.sum(axis=1))


def metropolis_chain(
    log_weights: ArrayLike, proposal: ArrayLike, start: int, n_steps: int, rng: np.random.Generator
) -> np.ndarray:
    """States visited by one Metropolis-Hastings chain, its start first: integers of shape (n_steps + 1,).

    Parameters
    ----------
    log_weights, proposal : array_like, shapes (n,) and (n, n)
        As in `metropolis_matrix`.
    start : int
        First state.
    n_steps : int
        Proposals made; a refused one repeats the state, and the repetition counts.
    rng : Generator
        Source of randomness.
    """
    log_w, q = _chain_inputs(log_weights, proposal)
    cumulative = np.cumsum(q, axis=1)
    uniforms = rng.random((n_steps, 2))
    states = np.empty(n_steps + 1, dtype=np.int64)
    states[0] = here = int(start)
    for step, (u, v) in enumerate(uniforms, start=1):
        there = min(int(np.searchsorted(cumulative[here], u * cumulative[here, -1], side="right")), len(log_w) - 1)
        if v * math.exp(log_w[here]) * q[here, there] < math.exp(log_w[there]) * q[there, here]:
            here = there
        states[step] = here
    return states


def steps_to_mix(
    transition: ArrayLike, target: ArrayLike, start: int, tolerance: float = 0.01, max_steps: int = 10**6
) -> int:
    """Smallest number of steps after which a chain's law is nearer to the target than ``tolerance``.

    Parameters
    ----------
    transition : array_like, shape (n, n)
        Rows sum to one.
    target : array_like, shape (n,)
        The law that the chain should reach.
    start : int
        State in which it begins.
    tolerance : float
        Total variation (with its factor ½, at most 1).

    Raises
    ------
    RuntimeError
        If ``max_steps`` are not enough.
    """
    matrix, goal = np.asarray(transition, dtype=float), as_law(target, "target")
    law = np.eye(len(goal))[start]
    for n_steps in range(max_steps + 1):
        if 0.5 * np.abs(law - goal).sum() < tolerance:
            return n_steps
        law = law @ matrix
    raise RuntimeError(f"after {max_steps} steps the total variation is still {total_variation(law, goal):.3g}")


def neighbour_proposal(n_states: int) -> np.ndarray:
    """Propose the left or the right neighbour, each with probability ½; beyond an end, stay. Shape (n, n)."""
    q = 0.5 * (np.eye(n_states, k=1) + np.eye(n_states, k=-1))
    q[0, 0] += 0.5
    q[-1, -1] += 0.5
    return q


def _chain_inputs(log_weights: ArrayLike, proposal: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    log_w, q = np.asarray(log_weights, dtype=float), np.asarray(proposal, dtype=float)
    if log_w.ndim != 1 or not np.isfinite(log_w).all():
        raise ValueError("log_weights must be a row of finite numbers; leave states of weight zero out")
    if q.shape != (log_w.size, log_w.size) or (q < 0).any() or np.abs(q.sum(axis=1) - 1).max() > 1e-8:
        raise ValueError(f"proposal must have shape {(log_w.size, log_w.size)} and rows that sum to 1")
    if ((q > 0) != (q.T > 0)).any():
        raise ValueError("proposal allows a move whose way back is impossible; such a chain can't balance")
    return log_w - log_w.max(), q


# ---------------------------------------------------------------------------------------------------------
# Changing variables


def push_forward_log_prob(log_prob: LogDensity, inverse: Callable, inverse_slope: Callable) -> LogDensity:
    r"""Log density of x = g(z) on the line, for an invertible g: the density of z, moved and stretched.

    .. math:: \log p_X(x) = \log p_Z\bigl(g^{-1}(x)\bigr)
              + \log \Bigl\lvert \frac{d}{dx} g^{-1}(x) \Bigr\rvert

    Parameters
    ----------
    log_prob : callable
        Log density of z in nats, vectorised.
    inverse, inverse_slope : callable
        The inverse of g and its derivative, vectorised.

    Returns
    -------
    callable
        Log density of x in nats, vectorised; defined where the inverse is.

    References
    ----------
    In the book: equation ``change-of-variables``.
    """

    def moved(x: np.ndarray) -> np.ndarray:
        return log_prob(inverse(x)) + np.log(np.abs(inverse_slope(x)))

    return moved


def coupling_forward(z: ArrayLike, log_scale: Callable, shift: Callable) -> tuple[np.ndarray, np.ndarray]:
    """One affine coupling layer on pairs: x1 = z1, x2 = z2 exp(s(z1)) + t(z1), and its log-determinant.

    Parameters
    ----------
    z : array_like, shape (n, 2)
        Points.
    log_scale, shift : callable
        s and t, vectorised functions of the first coordinate: any networks will do, they are never inverted.

    Returns
    -------
    x : ndarray, shape (n, 2)
        Images of the points.
    log_det : ndarray, shape (n,)
        log of the absolute determinant of dx/dz, nats.

    References
    ----------
    Dinh, Sohl-Dickstein & Bengio (2017), eqs. (4)-(6). In the book: equation ``coupling-determinant``.
    """
    points = np.asarray(z, dtype=float)
    s, t = log_scale(points[:, 0]), shift(points[:, 0])
    return np.column_stack([points[:, 0], points[:, 1] * np.exp(s) + t]), s


def coupling_inverse(x: ArrayLike, log_scale: Callable, shift: Callable) -> np.ndarray:
    """The points that `coupling_forward` sends to ``x``, shape (n, 2): exactly, and without inverting s or t."""
    points = np.asarray(x, dtype=float)
    s, t = log_scale(points[:, 0]), shift(points[:, 0])
    return np.column_stack([points[:, 0], (points[:, 1] - t) * np.exp(-s)])


# ---------------------------------------------------------------------------------------------------------
# Weighing a biased sample


class WeightedMean(NamedTuple):
    """A mean over a biased sample, weighted back to the law that was meant."""

    mean: float
    standard_error: float
    effective_size: float  #: as many independent unbiased draws would be about as good


def weighted_mean(values: ArrayLike, log_ratio: ArrayLike) -> WeightedMean:
    r"""Mean of f(x) under p, from draws of q, by self-normalised weights p(x) / q(x).

    .. math:: \mathbb{E}_p[f] \approx \frac{\sum_i w_i f(x_i)}{\sum_i w_i}, \qquad
              n_\mathrm{eff} = \frac{(\sum_i w_i)^2}{\sum_i w_i^2}

    Parameters
    ----------
    values : array_like, shape (n,)
        f at draws from q.
    log_ratio : array_like, shape (n,)
        log p(x) - log q(x) at the same draws, nats, up to a constant that cancels; -inf is a weight of zero.

    Raises
    ------
    ValueError
        If shapes differ or every weight is zero.

    References
    ----------
    Kong (1992) for the effective size. In the book: equation ``debiasing-weight``.
    """
    f, log_w = np.asarray(values, dtype=float), np.asarray(log_ratio, dtype=float)
    if f.shape != log_w.shape or f.ndim != 1:
        raise ValueError(f"values and log_ratio must be rows of one length, found {f.shape} and {log_w.shape}")
    if not np.isfinite(log_w.max(initial=-np.inf)):
        raise ValueError("at least one weight must be positive and all finite")
    w = np.exp(log_w - logsumexp(log_w))  # sums to one
    mean = float(w @ f)
    return WeightedMean(mean, float(np.sqrt((w**2) @ (f - mean) ** 2)), float(1 / (w @ w)))


def log_ratio_from_logit(logit: ArrayLike, n_first: float, n_second: float) -> np.ndarray:
    r"""log p(x) / q(x) from the logit of a classifier trained on n_first draws of p (label 1), n_second of q (label 0).

    .. math:: \log \frac{p(x)}{q(x)} = \log \frac{D(x)}{1 - D(x)} - \log \frac{n_p}{n_q}

    Parameters
    ----------
    logit : array_like
        log D / (1 - D), nats.
    n_first, n_second : float
        Sizes of the two classes, or anything in their proportion.

    References
    ----------
    Sugiyama, Suzuki & Kanamori (2012), ch. 4. In the book: equation ``classifier-ratio``.
    """
    return np.asarray(logit, dtype=float) - math.log(n_first / n_second)


# ---------------------------------------------------------------------------------------------------------
# Planning by imagining: a small decision problem


class DecisionProblem(NamedTuple):
    r"""A Markov decision problem with finitely many states and actions.

    Parameters
    ----------
    transition : ndarray, shape (n_actions, n_states, n_states)
        ``transition[a, s]`` is the law of the next state after action a in state s.
    reward : ndarray, shape (n_states,)
        Earned in a state at each step, the first included.
    discount : float
        A reward t steps ahead counts discount ** t; in [0, 1).
    """

    transition: np.ndarray
    reward: np.ndarray
    discount: float

    def policy_value(self, policy: ArrayLike) -> np.ndarray:
        """Expected discounted reward from each state when action policy[s] is taken in s, exactly; (n_states,).

        References
        ----------
        Bellman (1957). In the book: equation ``policy-value``.
        """
        step = self._under(policy)
        return np.linalg.solve(np.eye(len(self.reward)) - self.discount * step, self.reward)

    def simulate(
        self, policy: ArrayLike, start: int, n_episodes: int, horizon: int, rng: np.random.Generator
    ) -> np.ndarray:
        """Discounted reward of simulated episodes of ``horizon`` steps; shape (n_episodes,)."""
        cumulative = np.cumsum(self._under(policy), axis=1)
        cumulative /= cumulative[:, -1:]
        state = np.full(n_episodes, start)
        total = np.zeros(n_episodes)
        for t in range(horizon):
            total += self.discount**t * self.reward[state]
            state = (cumulative[state] <= rng.random((n_episodes, 1))).sum(axis=1)
        return total

    def policies(self) -> list[tuple[int, ...]]:
        """Every deterministic policy: n_actions ** n_states of them, so for small problems only."""
        n_actions, n_states, _ = self.transition.shape
        return list(itertools.product(range(n_actions), repeat=n_states))

    def _under(self, policy: ArrayLike) -> np.ndarray:
        actions = np.asarray(policy, dtype=int)
        if actions.shape != self.reward.shape:
            raise ValueError(f"a policy needs one action for each of the {self.reward.size} states")
        return self.transition[actions, np.arange(self.reward.size)]


def corridor(n_states: int = 5, slip: float = 0.2, discount: float = 0.8) -> DecisionProblem:
    """A corridor: actions 0 (left) and 1 (right); a small prize at the left end, a large one at the right.

    A step goes the wrong way with probability ``slip``; at an end, a step outwards stays. Each step in
    the left end earns 0.6, in the right end 1, elsewhere nothing.
    """
    left = np.eye(n_states, k=-1)
    left[0, 0] = 1.0
    right = np.eye(n_states, k=1)
    right[-1, -1] = 1.0
    reward = np.zeros(n_states)
    reward[0], reward[-1] = 0.6, 1.0
    transition = np.stack([(1 - slip) * left + slip * right, (1 - slip) * right + slip * left])
    return DecisionProblem(transition, reward, discount)


def learn_transitions(
    states: ArrayLike, actions: ArrayLike, next_states: ArrayLike, n_states: int, n_actions: int, alpha: float = 0.5
) -> np.ndarray:
    """A law of the next state from experience: counts plus ``alpha``, normalised; (n_actions, n_states, n_states).

    Parameters
    ----------
    states, actions, next_states : array_like of int, shape (n,)
        What was seen, what was done, what came of it.
    n_states, n_actions : int
        Sizes.
    alpha : float
        Added to every count; positive, so that a pair never tried has a law too (the uniform one).
    """
    if alpha <= 0:
        raise ValueError(f"alpha must be positive, or a pair never tried has no law; found {alpha}")
    counts = np.full((n_actions, n_states, n_states), float(alpha))
    np.add.at(counts, (np.asarray(actions), np.asarray(states), np.asarray(next_states)), 1.0)
    return counts / counts.sum(axis=2, keepdims=True)

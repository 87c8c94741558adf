"""Restricted Boltzmann machines: energies, exact likelihoods, Gibbs chains, contrastive divergence, annealing.

Chapter ``rbm``; Smolensky (1986); Hinton (2002) for contrastive divergence; Tieleman (2008) for persistent
chains; Neal (2001) and Salakhutdinov & Murray (2008) for annealed importance sampling. Visible units v and
hidden units h are binary, and

    E(v, h) = -b.v - c.h - v'Wh,        p(v, h) = exp(-E(v, h)) / Z.

A unit that is on is 1. Information is in nats. Arrays are NumPy's; torch tensors on the CPU are taken as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from scipy.special import expit, logsumexp

from lectures_pkg.worlds import binary_images

#: Largest layer whose states are summed one by one: 2 ** 20 of them take about a second.
MAX_ENUMERATED = 20
#: Largest visible layer of an exact transition matrix, which has 4 ** n entries.
MAX_MATRIX = 12
#: States that are enumerated at once, so that memory stays small.
CHUNK = 1 << 14


class RBM:
    r"""A restricted Boltzmann machine: every visible unit meets every hidden unit, and no unit its own kind.

    .. math:: E(v, h) = -b^\top v - c^\top h - v^\top W h

    Parameters
    ----------
    n_visible, n_hidden : int
        Sizes of the layers.
    rng : Generator, optional
        Draws the first weights, so that hidden units differ from the start; by default from a fixed seed.
    scale : float
        Standard deviation of the first weights; biases start at zero.
    dtype : data type
        Of the parameters and of sampled units. ``float32`` trains faster; energies are summed in float64 all the same.

    Attributes
    ----------
    weight : ndarray, shape (n_visible, n_hidden)
    visible_bias : ndarray, shape (n_visible,)
    hidden_bias : ndarray, shape (n_hidden,)

    Raises
    ------
    ValueError
        If a layer is empty.

    References
    ----------
    Smolensky (1986); Hinton (2010), A practical guide to training restricted Boltzmann machines.
    In the book: equation ``def-rbm-energy``.
    """

    def __init__(
        self,
        n_visible: int,
        n_hidden: int,
        *,
        rng: np.random.Generator | None = None,
        scale: float = 0.05,
        dtype: DTypeLike = float,
    ) -> None:
        if n_visible < 1 or n_hidden < 1:
            raise ValueError(f"each layer needs at least one unit, found {n_visible} visible and {n_hidden} hidden")
        rng = np.random.default_rng(0) if rng is None else rng
        self.dtype = np.dtype(dtype)
        self.weight = (scale * rng.standard_normal((n_visible, n_hidden))).astype(self.dtype)
        self.visible_bias = np.zeros(n_visible, self.dtype)
        self.hidden_bias = np.zeros(n_hidden, self.dtype)

    @property
    def n_visible(self) -> int:
        return len(self.visible_bias)

    @property
    def n_hidden(self) -> int:
        return len(self.hidden_bias)

    def energy(self, v: ArrayLike, h: ArrayLike) -> np.ndarray:
        """E(v, h): v of shape (..., n_visible) and h of shape (..., n_hidden) to (...); smaller is more probable."""
        weight, b, c = self._parameters()
        v, h = _rows(v, len(b), "v"), _rows(h, len(c), "h")
        return -v @ b - h @ c - ((v @ weight) * h).sum(axis=-1)

    def free_energy(self, v: ArrayLike) -> np.ndarray:
        r"""Minus the log of the unnormalised probability of v, all hidden states summed.

        .. math:: F(v) = -b^\top v - \sum_j \log\bigl(1 + e^{c_j + v^\top W_{:j}}\bigr)

        Parameters
        ----------
        v : array_like, shape (..., n_visible)

        Returns
        -------
        ndarray, shape (...)
            Nats, up to the constant log Z: p(v) = exp(-F(v)) / Z. Smaller is more probable. Right also at
            activations of thousands.

        Raises
        ------
        ValueError
            If the last axis of ``v`` is not n_visible long.

        References
        ----------
        Hinton (2010), section 16.1. In the book: equation ``free-energy``.
        """
        weight, b, c = self._parameters()
        v = _rows(v, len(b), "v")
        return -v @ b - _softplus_sum(v @ weight + c)

    def hidden_probability(self, v: ArrayLike) -> np.ndarray:
        """p(h_j = 1 | v): (..., n_visible) to (..., n_hidden). In the book: equation ``hidden-conditional``."""
        return expit(np.asarray(v, self.dtype) @ self.weight + self.hidden_bias)

    def visible_probability(self, h: ArrayLike) -> np.ndarray:
        """p(v_i = 1 | h): (..., n_hidden) to (..., n_visible). In the book: equation ``visible-conditional``."""
        return expit(np.asarray(h, self.dtype) @ self.weight.T + self.visible_bias)

    def gibbs(self, v: ArrayLike, n_sweeps: int, rng: np.random.Generator) -> np.ndarray:
        """Run each row of ``v`` through ``n_sweeps`` sweeps, each v to h to v; shape (n_chains, n_visible).

        References
        ----------
        Geman & Geman (1984). In the book: equation ``gibbs-invariance``.
        """
        v = np.asarray(v, self.dtype)
        for _ in range(n_sweeps):
            h = _switch_on(self.hidden_probability(v), rng)
            v = _switch_on(self.visible_probability(h), rng)
        return v

    def log_partition(self) -> float:
        r"""log Z in nats, exactly: one layer is summed by hand, the other (the smaller) state by state.

        .. math:: Z = \sum_h e^{c^\top h} \prod_i \bigl(1 + e^{b_i + W_{i:} h}\bigr)
                    = \sum_v e^{b^\top v} \prod_j \bigl(1 + e^{c_j + v^\top W_{:j}}\bigr)

        Returns
        -------
        float
            In chunks, so that memory stays small.

        Raises
        ------
        ValueError
            If the smaller layer has more than 20 units: `annealed_importance_sampling` estimates log Z then.

        References
        ----------
        In the book: equation ``partition-function``.
        """
        return float(np.logaddexp.reduce([logsumexp(minus_f) for _, minus_f, _ in self._smaller_layer()]))

    def log_prob(self, v: ArrayLike) -> np.ndarray:
        """log p(v) in nats, exactly: binary v of shape (..., n_visible) to (...).

        Raises
        ------
        ValueError
            If a value is neither 0 nor 1, or the smaller layer has more than 20 units.
        """
        values = _rows(v, self.n_visible, "v")
        if not np.isin(values, (0.0, 1.0)).all():
            raise ValueError("log_prob needs binary images: found values other than 0 and 1, so threshold them first")
        return -self.free_energy(values) - self.log_partition()

    def _parameters(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weight, visible bias, hidden bias in float64."""
        return tuple(np.asarray(p, float) for p in (self.weight, self.visible_bias, self.hidden_bias))  # type: ignore[return-value]

    def _smaller_layer(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Chunks of the smaller layer's states s: s, log of their weight in Z, input of the other layer's units."""
        weight, b, c = self._parameters()
        own_bias, other_bias, to_other = (c, b, weight.T) if len(c) <= len(b) else (b, c, weight)
        if len(own_bias) > MAX_ENUMERATED:
            raise ValueError(
                f"log Z is summed over the smaller layer, of at most {MAX_ENUMERATED} units; this one has "
                f"{len(own_bias)}: use annealed_importance_sampling"
            )
        for states in _all_states(len(own_bias)):
            inputs = states @ to_other
            inputs += other_bias
            yield states, states @ own_bias + _softplus_sum(inputs), inputs


class Moments(NamedTuple):
    """Averages of v h', v and h: one phase of the gradient, or (as the difference of two) a gradient."""

    weight: np.ndarray  #: shape (n_visible, n_hidden)
    visible_bias: np.ndarray  #: shape (n_visible,)
    hidden_bias: np.ndarray  #: shape (n_hidden,)

    def minus(self, other: Moments) -> Moments:
        """The difference, entry by entry."""
        return Moments(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))

    def ravel(self) -> np.ndarray:
        """All entries in one row: weight, visible bias, hidden bias."""
        return np.concatenate([part.reshape(-1) for part in self])


def moments(rbm: RBM, v: ArrayLike, law: ArrayLike | None = None) -> Moments:
    r"""Averages over images v, with the hidden units averaged by hand: E[v p(h|v)'], E[v], E[p(h|v)].

    Parameters
    ----------
    rbm : RBM
    v : array_like, shape (n, n_visible)
    law : array_like, shape (n,), optional
        Probabilities of the rows; equal by default.
    """
    v = _rows(v, rbm.n_visible, "v")
    weights = np.full(len(v), 1 / len(v)) if law is None else np.asarray(law, float)
    if weights.shape != (len(v),):
        raise ValueError(f"law must have one probability for each of the {len(v)} rows, found shape {weights.shape}")
    h = np.asarray(rbm.hidden_probability(v), float)
    return Moments((v * weights[:, None]).T @ h, weights @ v, weights @ h)


def model_moments(rbm: RBM) -> Moments:
    """The same averages under the model itself, exactly, over the states of the smaller layer (at most 20 units)."""
    log_z = rbm.log_partition()
    sums = [np.zeros((rbm.n_visible, rbm.n_hidden)), np.zeros(rbm.n_visible), np.zeros(rbm.n_hidden)]
    for states, log_weight, inputs in rbm._smaller_layer():
        p, other = np.exp(log_weight - log_z), expit(inputs)
        v, h = (other, states) if rbm.n_hidden <= rbm.n_visible else (states, other)
        for total, part in zip(sums, ((v * p[:, None]).T @ h, p @ v, p @ h), strict=True):
            total += part
    return Moments(*sums)


def exact_gradient(rbm: RBM, v: ArrayLike, law: ArrayLike | None = None) -> Moments:
    r"""Gradient of the mean log-likelihood of images v; ascend it.

    .. math:: \frac{\partial}{\partial W} \langle \log p(v) \rangle_{\mathrm{data}}
              = \langle v h^\top \rangle_{\mathrm{data}} - \langle v h^\top \rangle_{\mathrm{model}}

    Parameters
    ----------
    rbm : RBM
        Its smaller layer has at most 20 units (12 if it is to be fast).
    v : array_like, shape (n, n_visible)
        Images.
    law : array_like, shape (n,), optional
        Their probabilities; equal by default.

    References
    ----------
    Ackley, Hinton & Sejnowski (1985), eq. (11). In the book: equation ``likelihood-gradient``.
    """
    return moments(rbm, v, law).minus(model_moments(rbm))


# ---------------------------------------------------------------------------------------------------------
# Tiny machines, whole: the law, the chain, and what contrastive divergence follows on average


def visible_law(rbm: RBM) -> np.ndarray:
    """p(v) of every image, shape (2 ** n_visible,), in the order of `worlds.binary_images`."""
    return np.exp(rbm.log_prob(_every_image(rbm)))


def transition_matrix(rbm: RBM) -> np.ndarray:
    r"""Probabilities of one Gibbs sweep between images: T[v, v'] = sum over h of p(h | v) p(v' | h).

    Returns
    -------
    ndarray, shape (2 ** n_visible, 2 ** n_visible)
        Rows sum to one; the order is that of `worlds.binary_images`.

    Raises
    ------
    ValueError
        If there are more than 12 visible or 20 hidden units.

    References
    ----------
    In the book: equations ``gibbs-reversible`` and ``gibbs-invariance``.
    """
    images = _every_image(rbm)
    if rbm.n_hidden > MAX_ENUMERATED:
        raise ValueError(f"at most {MAX_ENUMERATED} hidden units can be summed out, found {rbm.n_hidden}")
    weight, b, c = rbm._parameters()
    on = images @ weight + c  # log odds of each hidden unit, (images, n_hidden)
    matrix = np.zeros((len(images), len(images)))
    for states in _all_states(rbm.n_hidden):
        inputs = states @ weight.T + b
        log_h = on @ states.T - _softplus_sum(on)[:, None]  # log p(h | v), (images, states)
        log_v = inputs @ images.T - _softplus_sum(inputs)[:, None]  # log p(v' | h), (states, images)
        matrix += np.exp(log_h) @ np.exp(log_v)
    return matrix


def expected_cd_update(rbm: RBM, law: ArrayLike, k: int) -> Moments:
    r"""What contrastive divergence follows on average: the model's phase after k sweeps from the data.

    .. math:: \langle v h^\top \rangle_{\mathrm{data}} - \langle v h^\top \rangle_{p_{\mathrm{data}} T^k}

    Parameters
    ----------
    rbm : RBM
        At most 12 visible units.
    law : array_like, shape (2 ** n_visible,)
        Law of the data over `worlds.binary_images`.
    k : int
        Sweeps; with k to infinity this is `exact_gradient`.

    References
    ----------
    Hinton (2002), eq. (5); Carreira-Perpiñán & Hinton (2005). In the book: equation ``cd-limit``.
    """
    images, p = _every_image(rbm), np.asarray(law, float)
    after = p @ np.linalg.matrix_power(transition_matrix(rbm), k)
    return moments(rbm, images, p).minus(moments(rbm, images, after))


# ---------------------------------------------------------------------------------------------------------
# Training


def pixel_log_odds(v: ArrayLike, pseudo_count: float = 1.0) -> np.ndarray:
    """Log odds of each pixel's share of ones, shape (n_visible,): a first visible bias, and a base for annealing."""
    values = np.asarray(v, float)
    ones = values.sum(axis=0) + pseudo_count
    return np.log(ones) - np.log(len(values) + 2 * pseudo_count - ones)


def contrastive_divergence_step(
    rbm: RBM,
    learning_rate: float | Callable[[int], float],
    rng: np.random.Generator,
    *,
    k: int = 1,
    chains: np.ndarray | None = None,
    weight_decay: float = 0.0,
) -> Callable[[ArrayLike], dict[str, float]]:
    r"""One update of contrastive divergence, for `training.fit`.

    .. math:: \Delta W = \eta \Bigl( \langle v h^\top \rangle_{\mathrm{batch}}
              - \langle v h^\top \rangle_{k\ \mathrm{sweeps}} - \lambda W \Bigr)

    Without ``chains`` the sweeps start at the batch (CD-k); with them they go on from where the last update
    left them (persistent contrastive divergence, PCD). Neither is the gradient of any loss.

    Parameters
    ----------
    rbm : RBM
        Updated in place.
    learning_rate : float or callable
        A number, or a schedule: ``learning_rate(t)`` for update t = 0, 1, ...
    rng : Generator
        Draws the units.
    k : int
        Gibbs sweeps in each update.
    chains : ndarray, shape (n_chains, n_visible), optional
        Persistent chains, advanced in place.
    weight_decay : float
        Share of the weights that is taken off, times the learning rate.

    Returns
    -------
    callable
        ``step(batch)`` takes binary images of shape (n, n_visible) and returns ``update_norm`` (of the
        weights' update before the learning rate) and ``weight_norm``.

    Raises
    ------
    ValueError
        If k is below one, or the chains do not fit the visible layer.

    References
    ----------
    Hinton (2002); Tieleman (2008). In the book: equations ``likelihood-gradient`` and ``cd-bias``.
    """
    if k < 1:
        raise ValueError(f"k must be at least one sweep, found {k}")
    if chains is not None and (chains.ndim != 2 or chains.shape[1] != rbm.n_visible):
        raise ValueError(f"chains must have shape (n_chains, {rbm.n_visible}), found {chains.shape}")
    done = 0

    def step(batch: ArrayLike) -> dict[str, float]:
        nonlocal done
        rate = learning_rate(done) if callable(learning_rate) else learning_rate
        done += 1
        v_data = np.asarray(batch, rbm.dtype)
        v_model = rbm.gibbs(v_data if chains is None else chains, k, rng)
        if chains is not None:
            chains[...] = v_model
        h_data, h_model = rbm.hidden_probability(v_data), rbm.hidden_probability(v_model)
        update = v_data.T @ h_data / len(v_data) - v_model.T @ h_model / len(v_model)
        rbm.weight += rate * (update - weight_decay * rbm.weight)
        rbm.visible_bias += rate * (v_data.mean(axis=0) - v_model.mean(axis=0))
        rbm.hidden_bias += rate * (h_data.mean(axis=0) - h_model.mean(axis=0))
        return {"update_norm": float(np.linalg.norm(update)), "weight_norm": float(np.linalg.norm(rbm.weight))}

    return step


# ---------------------------------------------------------------------------------------------------------
# log Z of machines too large to enumerate


class LogPartition(NamedTuple):
    """An estimate of log Z by annealing, in nats."""

    log_partition: float  #: log of the mean weight (forward), or minus the log of the mean inverse weight (reverse)
    standard_error: float  #: by the delta method, from the spread of the weights
    bound: float  #: mean of the log weights: below log Z on average (forward), above it (reverse)
    log_weights: np.ndarray  #: one for each chain, log Z of the base included


def annealed_importance_sampling(
    rbm: RBM,
    n_chains: int,
    n_temperatures: int,
    rng: np.random.Generator,
    *,
    base_bias: ArrayLike | None = None,
) -> LogPartition:
    r"""Estimate log Z by walking from independent pixels, whose Z is known, to the machine.

    Machine t of the walk has visible bias (1 - beta) base_bias + beta b, hidden bias beta c and weight
    beta W, with beta = t / n_temperatures. A chain collects

    .. math:: \log w = \log Z_0 + \sum_{t=1}^{n} \bigl[ F_{t-1}(v_{t-1}) - F_t(v_{t-1}) \bigr]

    and takes a Gibbs sweep of machine t from v_{t-1} to v_t. The mean of w is exactly Z, for any number of
    temperatures; more temperatures make the weights more equal.

    Parameters
    ----------
    rbm : RBM
    n_chains, n_temperatures : int
        At least two chains and one temperature.
    rng : Generator
    base_bias : array_like, shape (n_visible,), optional
        Log odds of the base's pixels, such as `pixel_log_odds` of the data; zero by default.

    Returns
    -------
    LogPartition
        ``bound`` is at most log Z on average (Jensen), and so is ``log_partition``, by less.

    Raises
    ------
    ValueError
        If there are fewer than two chains or no temperature.

    References
    ----------
    Neal (2001), eq. (7); Salakhutdinov & Murray (2008), section 3. In the book: equations ``ais-weight``
    and ``ais-sandwich``.
    """
    base, betas = _annealing(rbm, n_chains, n_temperatures, base_bias)
    v = _switch_on(np.broadcast_to(expit(base), (n_chains, rbm.n_visible)), rng)
    log_weights = np.full(n_chains, _base_log_partition(rbm, base))
    before = -_minus_free_energy(rbm, base, 0.0, v)
    for t, beta in enumerate(betas[1:], start=1):
        log_weights += before + _minus_free_energy(rbm, base, beta, v)
        if t < n_temperatures:
            v = _sweep(rbm, base, beta, v, rng)
            before = -_minus_free_energy(rbm, base, beta, v)
    return _summary(log_weights, direction=1)


def reverse_annealed_importance_sampling(
    rbm: RBM,
    samples: ArrayLike,
    n_temperatures: int,
    rng: np.random.Generator,
    *,
    base_bias: ArrayLike | None = None,
) -> LogPartition:
    r"""The same walk backwards, from samples of the machine to independent pixels: log Z from above.

    Parameters
    ----------
    rbm : RBM
    samples : array_like, shape (n_chains, n_visible)
        Images drawn from the machine itself. From Gibbs chains that have not mixed the upper bound is
        not guaranteed.
    n_temperatures, rng, base_bias
        As in `annealed_importance_sampling`.

    Returns
    -------
    LogPartition
        ``bound`` is at least log Z on average.

    References
    ----------
    Grosse, Ghahramani & Adams (2015), section 4. In the book: equation ``ais-sandwich``.
    """
    v = np.asarray(samples, rbm.dtype)
    base, betas = _annealing(rbm, len(v), n_temperatures, base_bias)
    log_weights = np.full(len(v), _base_log_partition(rbm, base))
    for t in range(n_temperatures, 0, -1):
        v = _sweep(rbm, base, betas[t], v, rng)
        log_weights += _minus_free_energy(rbm, base, betas[t], v) - _minus_free_energy(rbm, base, betas[t - 1], v)
    return _summary(log_weights, direction=-1)


def _annealing(
    rbm: RBM, n_chains: int, n_temperatures: int, base_bias: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray]:
    if n_chains < 2 or n_temperatures < 1:
        raise ValueError(
            f"annealing needs at least 2 chains and 1 temperature, found {n_chains} chains and "
            f"{n_temperatures} temperatures"
        )
    base = np.zeros(rbm.n_visible) if base_bias is None else np.asarray(base_bias, float)
    if base.shape != (rbm.n_visible,):
        raise ValueError(f"base_bias must have shape ({rbm.n_visible},), found {base.shape}")
    return base, np.linspace(0.0, 1.0, n_temperatures + 1)


def _base_log_partition(rbm: RBM, base: np.ndarray) -> float:
    """Independent pixels, and hidden units that are free coins: each of them doubles Z."""
    return rbm.n_hidden * math.log(2) + float(_softplus_sum(base))


def _minus_free_energy(rbm: RBM, base: np.ndarray, beta: float, v: np.ndarray) -> np.ndarray:
    inputs = np.asarray(v @ rbm.weight + rbm.hidden_bias, float)
    return v @ ((1 - beta) * base + beta * rbm.visible_bias) + _softplus_sum(beta * inputs)


def _sweep(rbm: RBM, base: np.ndarray, beta: float, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    h = _switch_on(expit(beta * (v @ rbm.weight + rbm.hidden_bias)), rng)
    return _switch_on(expit(beta * (h @ rbm.weight.T + rbm.visible_bias) + (1 - beta) * base), rng)


def _summary(log_weights: np.ndarray, direction: int) -> LogPartition:
    n = len(log_weights)
    log_mean = logsumexp(direction * log_weights) - math.log(n)
    ratios = np.exp(direction * log_weights - log_mean)  # mean 1
    error = float(ratios.std(ddof=1) / math.sqrt(n))
    return LogPartition(float(direction * log_mean), error, float(log_weights.mean()), log_weights)


# ---------------------------------------------------------------------------------------------------------
# How far a chain has to walk


def autocorrelation(series: ArrayLike) -> np.ndarray:
    r"""Correlation of a stationary series with itself t steps later, for t = 0, 1, ...

    Parameters
    ----------
    series : array_like, shape (n_steps,) or (n_chains, n_steps)
        Chains are taken to share mean and variance.

    Returns
    -------
    ndarray, shape (n_steps,)
        Entry 0 is one. Late entries are noise.

    Raises
    ------
    ValueError
        If the series is shorter than two steps, or constant.
    """
    values = np.atleast_2d(np.asarray(series, float))
    n = values.shape[1]
    if n < 2 or np.ptp(values) == 0:
        raise ValueError("an autocorrelation needs at least two steps and values that are not all the same")
    centred = values - values.mean()
    spectrum = np.fft.rfft(centred, 2 * n, axis=1)  # zeros beyond the end: no wrapping around
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, :n].mean(axis=0) / (n - np.arange(n))
    return covariance / covariance[0]


def autocorrelation_time(series: ArrayLike, window: float = 5.0) -> float:
    r"""Steps of a chain that are worth one independent draw.

    .. math:: \tau = 1 + 2 \sum_{t \ge 1} \rho_t

    The sum stops at the first t of at least ``window`` times its own result, since later entries are noise.

    Parameters
    ----------
    series : array_like, shape (n_steps,) or (n_chains, n_steps)
        Much longer than the time itself (say fifty times), or the answer is too small.

    References
    ----------
    Sokal (1997), section 3. In the book: equation ``autocorrelation-time``.
    """
    times = 2 * np.cumsum(autocorrelation(series)) - 1
    enough = np.nonzero(np.arange(len(times)) >= window * times)[0]
    return float(times[enough[0]] if len(enough) else times[-1])


# ---------------------------------------------------------------------------------------------------------


def _softplus_sum(inputs: np.ndarray) -> np.ndarray:
    """Sum of log(1 + e^a) over the last axis, with one logarithm for up to 512 units instead of one for each."""
    if inputs.shape[-1] > 512:  # each factor below is at most 2, so 512 of them can't overflow
        parts = np.array_split(inputs, -(-inputs.shape[-1] // 512), axis=-1)
        return np.stack([_softplus_sum(part) for part in parts]).sum(axis=0)
    factors = np.exp(-np.abs(inputs))  # log(1 + e^a) = max(a, 0) + log(1 + e^-|a|)
    factors += 1
    return np.maximum(inputs, 0).sum(axis=-1) + np.log(factors.prod(axis=-1))


def _switch_on(probability: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Independent binary units, each on with its own probability."""
    dtype = np.float32 if probability.dtype == np.float32 else np.float64
    return (rng.random(probability.shape, dtype=dtype) < probability).astype(dtype)


def _all_states(n_units: int) -> Iterator[np.ndarray]:
    """All states of a layer in chunks of shape (at most CHUNK, n_units)."""
    shifts = np.arange(n_units - 1, -1, -1)
    for start in range(0, 1 << n_units, CHUNK):
        codes = np.arange(start, min(start + CHUNK, 1 << n_units))
        yield ((codes[:, None] >> shifts) & 1).astype(float)


def _every_image(rbm: RBM) -> np.ndarray:
    if rbm.n_visible > MAX_MATRIX:
        raise ValueError(f"every image can be listed for at most {MAX_MATRIX} visible units, found {rbm.n_visible}")
    return binary_images(rbm.n_visible).astype(float)


def _rows(values: ArrayLike, width: int, name: str) -> np.ndarray:
    rows = np.asarray(values, float)
    if rows.ndim == 0 or rows.shape[-1] != width:
        raise ValueError(f"{name} must have shape (..., {width}), found {rows.shape}")
    return rows

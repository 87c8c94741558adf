"""Restricted Boltzmann machines: values worked by hand, enumeration, scikit-learn, and chains with known answers."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats

from lectures_pkg.rbm import (
    RBM,
    annealed_importance_sampling,
    autocorrelation,
    autocorrelation_time,
    contrastive_divergence_step,
    exact_gradient,
    expected_cd_update,
    model_moments,
    moments,
    pixel_log_odds,
    reverse_annealed_importance_sampling,
    transition_matrix,
    visible_law,
)
from lectures_pkg.training import fit, minibatches
from lectures_pkg.worlds import binary_images, strokes


def by_hand():
    """Two pixels, one hidden unit, weights log 2 and log 3: every weight e^-E is an integer."""
    rbm = RBM(2, 1)
    rbm.weight = np.log([[2.0], [3.0]])
    return rbm


def random_machine(n_visible, n_hidden, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    rbm = RBM(n_visible, n_hidden, rng=rng, scale=scale)
    rbm.visible_bias, rbm.hidden_bias = rng.standard_normal(n_visible), rng.standard_normal(n_hidden)
    return rbm


def log_joint(rbm):
    """log of every unnormalised p(v, h), term by term."""
    v, h = (list(itertools.product((0, 1), repeat=n)) for n in (rbm.n_visible, rbm.n_hidden))
    return np.array(
        [[rbm.visible_bias @ x + rbm.hidden_bias @ y + x @ rbm.weight @ y for y in h] for x in map(np.array, v)]
    )


IMAGES = [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_the_machine_worked_by_hand():
    # sum over h of e^-E: 1+1, 1+3, 1+2, 1+6; they add up to 16.
    rbm = by_hand()
    assert np.exp(-rbm.free_energy(IMAGES)) == pytest.approx([2, 4, 3, 7])
    assert rbm.log_partition() == pytest.approx(math.log(16))
    assert np.exp(rbm.log_prob(IMAGES)) == pytest.approx([2 / 16, 4 / 16, 3 / 16, 7 / 16])
    assert rbm.hidden_probability([1, 1]) == pytest.approx([6 / 7])
    assert rbm.visible_probability([1]) == pytest.approx([2 / 3, 3 / 4])
    assert rbm.energy([1, 1], [1]) == pytest.approx(-math.log(6))
    # From 11: h is 1 with 6/7, then 11 follows with 1/2; else with 1/4. 3/7 + 1/28 = 13/28.
    assert transition_matrix(rbm)[3, 3] == pytest.approx(13 / 28)


def test_one_hidden_unit_is_the_law_of_strokes():
    rbm, log_odds = RBM(4, 1), math.log(0.98 / 0.02)
    rbm.visible_bias = log_odds * np.array([1, -1, 1, -1])
    rbm.weight = -2 * rbm.visible_bias[:, None]
    assert visible_law(rbm) == pytest.approx(strokes(0.02), abs=1e-14)


@pytest.mark.parametrize(("n_visible", "n_hidden"), [(5, 3), (3, 5), (4, 4), (1, 1)])
def test_log_partition_against_the_sum_over_both_layers(n_visible, n_hidden):
    rbm = random_machine(n_visible, n_hidden)
    everything = np.logaddexp.reduce(log_joint(rbm).ravel())
    assert rbm.log_partition() == pytest.approx(everything, abs=1e-12)
    assert visible_law(rbm).sum() == pytest.approx(1, abs=1e-12)


def test_log_partition_in_chunks():
    # 17 hidden units take eight chunks; without weights Z is a product.
    rbm = random_machine(30, 17, scale=0.0)
    expected = np.logaddexp(0, rbm.visible_bias).sum() + np.logaddexp(0, rbm.hidden_bias).sum()
    assert rbm.log_partition() == pytest.approx(expected, abs=1e-10)
    assert RBM(700, 3, scale=0.0).log_partition() == pytest.approx(703 * math.log(2))


def test_free_energy_at_huge_activations():
    rbm = RBM(1, 2)
    rbm.weight = np.array([[5000.0, -5000.0]])
    assert rbm.free_energy([[1.0]]) == pytest.approx([-5000.0])
    wide = RBM(1, 2000)  # 2000 hidden units that are surely on when v is
    wide.weight = np.full((1, 2000), 50.0)
    assert wide.free_energy([1.0]) == pytest.approx(-100_000)


def test_free_energy_keeps_leading_axes_and_takes_tensors():
    rbm = random_machine(4, 3)
    v = np.random.default_rng(1).integers(0, 2, (2, 5, 4))
    assert rbm.free_energy(v).shape == (2, 5)
    assert rbm.free_energy(torch.as_tensor(v[0, 0])).shape == ()
    assert rbm.log_prob(torch.as_tensor(v)) == pytest.approx(rbm.log_prob(v))


def test_float32_parameters_give_the_same_energies():
    double = random_machine(6, 4)
    single = RBM(6, 4, dtype=np.float32)
    for name in ("weight", "visible_bias", "hidden_bias"):
        setattr(single, name, getattr(double, name).astype(np.float32))
    v = binary_images(6)
    assert single.free_energy(v).dtype == np.float64
    assert single.free_energy(v) == pytest.approx(double.free_energy(v), abs=1e-5)
    assert single.gibbs(v, 2, np.random.default_rng(0)).dtype == np.float32


def test_conditionals_against_enumeration():
    rbm = random_machine(4, 3)
    joint = np.exp(log_joint(rbm))
    v, h = binary_images(4), binary_images(3)
    assert rbm.hidden_probability(v) == pytest.approx(joint @ h / joint.sum(axis=1, keepdims=True))
    assert rbm.visible_probability(h) == pytest.approx(joint.T @ v / joint.sum(axis=0)[:, None])


def test_agrees_with_scikit_learn():
    from sklearn.neural_network import BernoulliRBM

    rbm = random_machine(5, 3)
    theirs = BernoulliRBM(n_components=3, random_state=0)
    theirs.components_, theirs.n_features_in_ = rbm.weight.T, 5
    theirs.intercept_hidden_, theirs.intercept_visible_ = rbm.hidden_bias, rbm.visible_bias
    v = binary_images(5).astype(float)
    assert rbm.free_energy(v) == pytest.approx(theirs._free_energy(v), abs=1e-12)
    assert rbm.hidden_probability(v) == pytest.approx(theirs.transform(v), abs=1e-12)
    # 20 000 of their Gibbs sweeps from one image, against the row of our transition matrix
    theirs.random_state_ = np.random.RandomState(0)
    after = theirs.gibbs(np.repeat(v[[21]], 20_000, axis=0)) @ 2 ** np.arange(4, -1, -1)
    expected = 20_000 * transition_matrix(rbm)[21]
    seen = np.bincount(after.astype(int), minlength=32)
    rare = expected < 5
    counts = [np.append(x[~rare], x[rare].sum()) for x in (seen, expected)]
    keep = counts[1] > 0
    assert stats.chisquare(counts[0][keep], counts[1][keep] * seen.sum() / counts[1][keep].sum()).pvalue > 1e-6


def test_gibbs_sweeps_follow_the_transition_matrix():
    rbm = random_machine(3, 2, seed=4)
    start = np.repeat([[1.0, 0.0, 1.0]], 20_000, axis=0)
    after = rbm.gibbs(start, 2, np.random.default_rng(1)) @ [4, 2, 1]
    expected = np.linalg.matrix_power(transition_matrix(rbm), 2)[5]
    assert stats.chisquare(np.bincount(after.astype(int), minlength=8), 20_000 * expected).pvalue > 1e-6
    assert rbm.gibbs(start, 0, np.random.default_rng(1)) == pytest.approx(start)


def test_transition_matrix_is_a_reversible_chain():
    rbm = random_machine(4, 6, seed=2)
    matrix, p = transition_matrix(rbm), np.exp(log_joint(rbm)).sum(axis=1)
    assert matrix.sum(axis=1) == pytest.approx(np.ones(16))
    flow = p[:, None] * matrix
    assert flow == pytest.approx(flow.T)


@pytest.mark.parametrize(("n_visible", "n_hidden"), [(4, 2), (2, 4)])
def test_model_moments_against_enumeration(n_visible, n_hidden):
    rbm = random_machine(n_visible, n_hidden)
    joint = np.exp(log_joint(rbm))
    joint /= joint.sum()
    v, h = binary_images(n_visible), binary_images(n_hidden)
    found = model_moments(rbm)
    assert found.weight == pytest.approx(v.T @ joint @ h)
    assert found.visible_bias == pytest.approx(joint.sum(axis=1) @ v)
    assert found.hidden_bias == pytest.approx(joint.sum(axis=0) @ h)


def test_gradient_against_finite_differences():
    rbm = random_machine(4, 3)
    images = np.random.default_rng(2).integers(0, 2, (7, 4))
    slope = []
    for sign in (1, -1):
        rbm.hidden_bias[1] += sign * 1e-5
        slope.append(rbm.log_prob(images).mean())
        rbm.hidden_bias[1] -= sign * 1e-5
    assert exact_gradient(rbm, images).hidden_bias[1] == pytest.approx((slope[0] - slope[1]) / 2e-5, abs=1e-8)


def test_ascending_the_exact_gradient_finds_the_strokes():
    rbm, law, images = RBM(4, 2), strokes(0.1), binary_images(4)
    for _ in range(2000):
        gradient = exact_gradient(rbm, images, law)
        rbm.weight += gradient.weight
        rbm.visible_bias += gradient.visible_bias
        rbm.hidden_bias += gradient.hidden_bias
    loss = -law @ rbm.log_prob(images)
    entropy = -law @ np.log(law)
    assert entropy <= loss < entropy + 0.01


def test_no_sweeps_no_update_and_many_sweeps_the_gradient():
    rbm, law = random_machine(4, 3), strokes(0.1)
    assert expected_cd_update(rbm, law, 0).ravel() == pytest.approx(np.zeros(19))
    exact = exact_gradient(rbm, binary_images(4), law).ravel()
    assert expected_cd_update(rbm, law, 2000).ravel() == pytest.approx(exact, abs=1e-10)


def test_the_step_agrees_on_average_with_the_expected_update():
    rbm, law, rng = random_machine(3, 2), np.random.default_rng(0).dirichlet(np.ones(8)), np.random.default_rng(3)
    data, updates = binary_images(3)[rng.choice(8, 400_000, p=law)].astype(float), []
    before = [rbm.weight.copy(), rbm.visible_bias.copy(), rbm.hidden_bias.copy()]
    for chunk in np.split(data, 100):
        rbm.weight, rbm.visible_bias, rbm.hidden_bias = (part.copy() for part in before)
        contrastive_divergence_step(rbm, 1.0, rng, k=2)(chunk)
        after = (rbm.weight, rbm.visible_bias, rbm.hidden_bias)
        updates.append(np.concatenate([(a - b).ravel() for a, b in zip(after, before, strict=True)]))
    rbm.weight, rbm.visible_bias, rbm.hidden_bias = before
    error = np.std(updates, axis=0, ddof=1) / 10
    assert (np.abs(np.mean(updates, axis=0) - expected_cd_update(rbm, law, 2).ravel()) < 5 * error + 1e-12).all()


def test_persistent_chains_go_on_where_they_stopped():
    rbm, rng = random_machine(4, 2), np.random.default_rng(0)
    chains = np.zeros((6, 4))
    step = contrastive_divergence_step(rbm, lambda t: 0.1 / (t + 1), rng, chains=chains, weight_decay=0.01)
    twin, twin_rng = random_machine(4, 2), np.random.default_rng(0)
    expected = twin.gibbs(np.zeros((6, 4)), 1, twin_rng)
    batch = np.ones((3, 4))
    found = step(batch)
    assert chains == pytest.approx(expected)
    wanted = moments(twin, batch).minus(moments(twin, expected))
    assert found["update_norm"] == pytest.approx(np.linalg.norm(wanted.weight))
    assert rbm.weight == pytest.approx(twin.weight + 0.1 * (wanted.weight - 0.01 * twin.weight))
    assert rbm.visible_bias == pytest.approx(twin.visible_bias + 0.1 * wanted.visible_bias)
    weight = rbm.weight.copy()
    second = step(batch)  # the schedule has halved the rate
    assert np.linalg.norm(rbm.weight - weight) <= 0.05 * (second["update_norm"] + 0.01 * np.linalg.norm(weight)) + 1e-12


def test_the_step_trains_with_fit():
    rng = np.random.default_rng(0)
    law = strokes(0.1)
    data = binary_images(4)[rng.choice(16, 500, p=law)].astype(float)
    rbm = RBM(4, 2, rng=rng)
    chains = rng.integers(0, 2, (50, 4)).astype(float)
    before = -rbm.log_prob(data).mean()
    history = fit(
        contrastive_divergence_step(rbm, 0.1, rng, chains=chains), minibatches(torch.as_tensor(data), 50, rng), 1500
    )
    assert history["weight_norm"].shape == (1500,)
    loss = -rbm.log_prob(binary_images(4)) @ law
    entropy = -law @ np.log(law)
    assert entropy <= loss < before - 0.5  # never below the entropy of the law; far below the start


def test_annealing_without_weights_is_exact():
    rbm = random_machine(6, 5, scale=0.0)
    exact = np.logaddexp(0, rbm.visible_bias).sum() + np.logaddexp(0, rbm.hidden_bias).sum()
    rng = np.random.default_rng(0)
    rbm.hidden_bias[:] = 0.0
    found = annealed_importance_sampling(rbm, 5, 3, rng, base_bias=rbm.visible_bias)  # the base is the machine
    exact = np.logaddexp(0, rbm.visible_bias).sum() + 5 * math.log(2)
    assert found.log_weights == pytest.approx(np.full(5, exact))
    assert found.standard_error == pytest.approx(0, abs=1e-12)


def test_annealing_from_both_sides_meets_the_exact_value():
    rbm, rng = random_machine(8, 6), np.random.default_rng(0)
    exact = np.logaddexp.reduce(log_joint(rbm).ravel())
    forward = annealed_importance_sampling(rbm, 2000, 100, rng)
    law = np.exp(np.logaddexp.reduce(log_joint(rbm), axis=1) - exact)
    samples = binary_images(8)[rng.choice(256, 2000, p=law)]
    reverse = reverse_annealed_importance_sampling(rbm, samples, 100, rng, base_bias=0.3 * np.ones(8))
    for found in (forward, reverse):
        assert abs(found.log_partition - exact) < 5 * found.standard_error
        assert found.log_weights.shape == (2000,)
    assert forward.bound < exact < reverse.bound


def test_pixel_log_odds_by_hand():
    # three ones of four, with one pseudo-count on either side: log(4/2)
    assert pixel_log_odds([[1, 0], [1, 0], [1, 0], [0, 0]]) == pytest.approx([math.log(2), math.log(1 / 5)])


def test_autocorrelation_of_a_series_worked_by_hand():
    # 1, -1, 1, -1: alternating, mean zero
    assert autocorrelation([1.0, -1.0, 1.0, -1.0]) == pytest.approx([1, -1, 1, -1])


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_autocorrelation_time_of_an_autoregressive_series(phi):
    # x_t = phi x_{t-1} + noise has correlations phi^t, so tau = (1 + phi) / (1 - phi)
    rng = np.random.default_rng(0)
    x = np.empty((40, 20_000))
    x[:, 0] = rng.standard_normal(40) / math.sqrt(1 - phi**2)
    noise = rng.standard_normal(x.shape)
    for t in range(1, x.shape[1]):
        x[:, t] = phi * x[:, t - 1] + noise[:, t]
    assert autocorrelation_time(x) == pytest.approx((1 + phi) / (1 - phi), rel=0.05)
    assert autocorrelation_time(x[0]) == pytest.approx((1 + phi) / (1 - phi), rel=0.25)


BAD = [
    (lambda: RBM(0, 3), "each layer needs at least one unit, found 0 visible and 3 hidden"),
    (lambda: RBM(4, 2).free_energy([1, 0, 1]), "v must have shape (..., 4), found (3,)"),
    (lambda: RBM(4, 2).energy([1, 0, 1, 0], [1]), "h must have shape (..., 2), found (1,)"),
    (
        lambda: RBM(30, 21).log_partition(),
        "log Z is summed over the smaller layer, of at most 20 units; this one has 21: "
        "use annealed_importance_sampling",
    ),
    (
        lambda: RBM(2, 2).log_prob([[0.5, 1.0]]),
        "log_prob needs binary images: found values other than 0 and 1, so threshold them first",
    ),
    (
        lambda: visible_law(RBM(13, 2)),
        "every image can be listed for at most 12 visible units, found 13",
    ),
    (lambda: transition_matrix(RBM(2, 21)), "at most 20 hidden units can be summed out, found 21"),
    (
        lambda: moments(RBM(2, 2), [[0, 1]], [0.5, 0.5]),
        "law must have one probability for each of the 1 rows, found shape (2,)",
    ),
    (
        lambda: contrastive_divergence_step(RBM(2, 2), 0.1, np.random.default_rng(0), k=0),
        "k must be at least one sweep, found 0",
    ),
    (
        lambda: contrastive_divergence_step(RBM(2, 2), 0.1, np.random.default_rng(0), chains=np.zeros((5, 3))),
        "chains must have shape (n_chains, 2), found (5, 3)",
    ),
    (
        lambda: annealed_importance_sampling(RBM(2, 2), 1, 10, np.random.default_rng(0)),
        "annealing needs at least 2 chains and 1 temperature, found 1 chains and 10 temperatures",
    ),
    (
        lambda: annealed_importance_sampling(RBM(2, 2), 5, 10, np.random.default_rng(0), base_bias=[1.0]),
        "base_bias must have shape (2,), found (1,)",
    ),
    (
        lambda: autocorrelation([3.0, 3.0, 3.0]),
        "an autocorrelation needs at least two steps and values that are not all the same",
    ),
]


@pytest.mark.parametrize(("call", "sentence"), BAD)
def test_bad_input_gets_one_clear_sentence(call, sentence):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        call()
    assert str(caught.value) == sentence

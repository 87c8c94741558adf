"""Worlds against enumeration, quadrature and SciPy."""

import itertools

import numpy as np
import pytest
from scipy import stats

from lectures_pkg.worlds import AGREEMENT, GaussianMixture, Grammar, MarkovChain, binary_images, grid, ring, strokes


def test_strokes_worked_by_hand():
    law = strokes(noise=0.1)
    images = ["".join(map(str, image)) for image in binary_images()]
    # the left stroke itself: no flip of it, or four flips of the other
    assert law[images.index("1010")] == pytest.approx((0.9**4 + 0.1**4) / 2)
    assert law[images.index("0000")] == pytest.approx(0.1**2 * 0.9**2)
    assert law.sum() == pytest.approx(1)
    assert strokes(0.0).max() == 0.5


@pytest.mark.parametrize("noise", [-0.1, 0.6])
def test_strokes_refuse_an_impossible_noise(noise):
    with pytest.raises(ValueError, match=r"noise must be in \[0, 1/2\]"):
        strokes(noise)


def test_mixture_against_scipy():
    mixture = GaussianMixture([0.3, 0.7], [[0, 1], [2, -1]], [[1, 0.5], [0.2, 2]])
    x = np.random.default_rng(0).normal(size=(5, 4, 2))
    expected = sum(
        w * stats.multivariate_normal(m, np.diag(np.square(s))).pdf(x)
        for w, m, s in zip([0.3, 0.7], [[0, 1], [2, -1]], [[1, 0.5], [0.2, 2]], strict=True)
    )
    np.testing.assert_allclose(mixture.log_prob(x), np.log(expected))


def test_mixture_in_one_dimension():
    mixture = GaussianMixture([0.5, 0.5], [-1, 1], 0.5)
    grid = np.linspace(-6, 6, 2001)
    assert np.trapezoid(np.exp(mixture.log_prob(grid)), grid) == pytest.approx(1)
    assert mixture.log_prob(grid[:, None]) == pytest.approx(mixture.log_prob(grid))
    draws = mixture.sample(4000, np.random.default_rng(0))
    assert draws.shape == (4000, 1)
    cdf = lambda x: 0.5 * stats.norm.cdf(x, -1, 0.5) + 0.5 * stats.norm.cdf(x, 1, 0.5)  # noqa: E731
    assert stats.kstest(draws[:, 0], cdf).pvalue > 1e-6


def test_mixture_far_away_does_not_underflow():
    assert GaussianMixture([1.0], [[0.0, 0.0]], 1.0).log_prob([60.0, 0.0]) == pytest.approx(-1800 - np.log(2 * np.pi))


def test_ring_and_grid_have_the_papers_geometry():
    law = ring()
    assert law.means == pytest.approx(
        np.array([[np.cos(k * np.pi / 4), np.sin(k * np.pi / 4)] for k in range(8)]), abs=1e-15
    )
    assert (law.stds == 0.01).all() and law.weights.tolist() == [1 / 8] * 8
    law = grid()
    assert sorted(map(tuple, law.means)) == [(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)]
    assert (law.stds == 0.05).all() and law.weights.tolist() == [1 / 25] * 25
    assert ring(3, 2.0, 0.5).means[0].tolist() == [2, 0] and grid(2, 1.0).means.tolist()[0] == [-0.5, -0.5]


@pytest.mark.parametrize(("call", "sentence"), [(lambda: ring(0), "n_modes must"), (lambda: grid(0), "side must")])
def test_empty_rings_and_grids_are_refused(call, sentence):
    with pytest.raises(ValueError, match=f"{sentence} be at least 1, found 0"):
        call()


def expansions(symbol):
    """All strings that the agreement grammar writes, with probabilities."""
    if symbol not in AGREEMENT:
        return [(1.0, (symbol,))]
    out = []
    for p, rhs in AGREEMENT[symbol]:
        for parts in itertools.product(*(expansions(s) for s in rhs)):
            out.append((p * np.prod([q for q, _ in parts]), sum((words for _, words in parts), ())))
    return out


def test_agreement_grammar_against_enumeration():
    grammar, sentences = Grammar(), expansions("S")
    law = np.array([p for p, _ in sentences])
    assert len({words for _, words in sentences}) == len(sentences) == 3264  # unambiguous
    assert law.sum() == pytest.approx(1)
    assert grammar.entropy() == pytest.approx(stats.entropy(law))
    assert grammar.expected_length() == pytest.approx(law @ [len(words) + 1 for _, words in sentences])
    assert grammar.entropy_per_token() == pytest.approx(stats.entropy(law) / 6.4)
    assert len(grammar.words) == 22
    for p, words in sentences[::97]:
        assert grammar.log_prob(words) == pytest.approx(np.log(p))


def test_grammar_refuses_what_it_cannot_write():
    grammar = Grammar()
    assert grammar.log_prob(["the", "cat", "sleep"]) == -np.inf  # agreement
    assert grammar.log_prob([]) == -np.inf


def test_grammar_samples_follow_its_law():
    grammar = Grammar({"S": [(0.7, ("a",)), (0.3, ("a", "S"))]})
    lengths = [len(grammar.sample(np.random.default_rng([0, i]))) for i in range(3000)]
    counts = np.bincount(np.minimum(lengths, 4))[1:]
    expected = 3000 * np.array([0.7, 0.21, 0.063, 0.027])
    assert stats.chisquare(counts, expected).pvalue > 1e-6
    assert grammar.expected_length(with_end=False) == pytest.approx(1 / 0.7)


def test_ambiguous_sentences_sum_over_derivations():
    grammar = Grammar({"S": [(0.5, ("S", "S")), (0.5, ("a",))]} | {"S": [(0.4, ("S", "S")), (0.6, ("a",))]})
    # aaa has two derivations, each with two splits and three words
    assert grammar.log_prob("aaa") == pytest.approx(np.log(2 * 0.4**2 * 0.6**3))


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ({"S": [(0.5, ("a",))]}, "the probabilities of 'S' must sum to 1, found 0.5"),
        ({"S": [(1.5, ("a",)), (-0.5, ("b",))]}, "the probabilities of 'S' must sum to 1, found 1"),
        ({"A": [(1.0, ("a",))]}, "the start symbol 'S' has no rules"),
        ({"S": [(1.0, ())]}, "an expansion of 'S' is empty; every symbol must write at least one word"),
        ({"S": [(0.6, ("S", "S")), (0.4, ("a",))]}, "sentences of this grammar have no finite expected length"),
        (
            {"S": [(0.5, ("S",)), (0.5, ("a",))]},
            "a symbol of this grammar can become itself and nothing else: its sentences are ambiguous",
        ),
    ],
)
def test_bad_grammars_get_one_clear_sentence(rules, sentence):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        Grammar(rules)
    assert str(caught.value) == sentence


# ------------------------------------------------------------------ Markov chains


def random_chain(order, seed=0, n_symbols=3):
    return MarkovChain(np.random.default_rng(seed).dirichlet(np.ones(n_symbols), size=(n_symbols,) * order))


def test_two_state_chain_worked_by_hand():
    chain = MarkovChain([[0.9, 0.1], [0.6, 0.4]])
    assert chain.stationary == pytest.approx([6 / 7, 1 / 7])
    expected = 6 / 7 * stats.entropy([0.9, 0.1]) + 1 / 7 * stats.entropy([0.6, 0.4])
    assert chain.entropy_rate() == pytest.approx(expected)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_joint_is_a_stationary_law(order):
    chain = random_chain(order)
    for length in range(1, order + 3):
        law = chain.joint(length)
        assert law.shape == (3,) * length
        assert law.sum() == pytest.approx(1)
        assert law.sum(axis=0) == pytest.approx(law.sum(axis=-1))  # one step on, the same law
    strings = np.array(list(itertools.product(range(3), repeat=order + 2)))
    assert np.exp(chain.log_prob(strings)).reshape(chain.joint(order + 2).shape) == pytest.approx(
        chain.joint(order + 2)
    )
    assert np.exp(chain.log_prob(strings[:, :1])).sum() == pytest.approx(3 ** (order + 1))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_conditional_entropy_ends_at_the_rate(order):
    chain = random_chain(order, seed=order)
    h = [chain.conditional_entropy(k) for k in range(order + 2)]
    assert (np.diff(h) < 1e-12).all()
    assert h[order] == pytest.approx(chain.entropy_rate())
    assert h[order + 1] == pytest.approx(chain.entropy_rate())


def test_cross_entropy_rate_of_a_lower_order_model():
    """The best first-order model of a source is its own first-order conditional."""
    source = random_chain(2)
    pairs = source.joint(2)
    model = MarkovChain(pairs / pairs.sum(axis=1, keepdims=True))
    assert source.cross_entropy_rate(model) == pytest.approx(source.conditional_entropy(1))
    assert source.cross_entropy_rate(source) == pytest.approx(source.entropy_rate())
    assert source.cross_entropy_rate(MarkovChain(np.eye(3)[[1, 2, 0]])) == np.inf


def test_samples_follow_the_chain():
    chain = random_chain(2, seed=5)
    draws = chain.sample(4000, 4, np.random.default_rng(0))
    assert draws.shape == (4000, 4)
    for part in (draws[:, :3], draws[:, 1:]):
        counts = np.bincount(part @ [9, 3, 1], minlength=27)
        assert stats.chisquare(counts, 4000 * chain.joint(3).reshape(-1)).pvalue > 1e-6


@pytest.mark.parametrize(
    ("transition", "sentence"),
    [
        ([0.5, 0.5], r"transition must have shape \(n,\) \* \(order \+ 1\) with order of at least 1, found \(2,\)"),
        ([[0.5, 0.5, 0.0], [1, 0, 0]], r"transition must have shape .* found \(2, 3\)"),
        ([[0.5, 0.6], [1, 0]], "each row of transition"),
        (np.eye(2), "more than one law is stationary"),
    ],
)
def test_bad_chains_get_one_clear_sentence(transition, sentence):
    with pytest.raises(ValueError, match=sentence):
        MarkovChain(transition)

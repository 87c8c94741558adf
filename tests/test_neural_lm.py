"""Neural language models: interfaces by hand and enumeration, attention against PyTorch, word vectors against SciPy."""

import itertools
import re

import numpy as np
import pytest
import torch
from scipy import optimize
from scipy.special import expit, log_expit

from lectures_pkg.neural_lm import (
    END_ID,
    GRULM,
    PAD,
    NeuralNgram,
    TransformerLM,
    attention_weights,
    causal_mask,
    cooccurrence,
    decode,
    encode,
    fit_word_vectors,
    influence,
    language_model_step,
    nats_per_token,
    negative_sampling_loss,
    next_token_loss,
    pointwise_mutual_information,
    sample,
    sentence_log_probs,
    shift,
    token_log_probs,
    vocabulary,
)
from lectures_pkg.ngrams import NgramModel
from lectures_pkg.training import fit, minibatches, seeded
from lectures_pkg.worlds import Grammar, enumerate_sentences

SENTENCES = [["the", "cat", "sleeps"], ["dogs", "run"], []]
WORDS = ("</s>", "cat", "dogs", "run", "sleeps", "the")
MODELS = {
    "window": lambda: NeuralNgram(6, 3, 4, 5),
    "window without direct links": lambda: NeuralNgram(6, 5, 4, 5, direct=False),
    "recurrent": lambda: GRULM(6, 4, 5),
    "transformer": lambda: TransformerLM(6, 4, max_length=64),
}


@pytest.fixture(params=MODELS)
def model(request):
    with seeded(3):
        return MODELS[request.param]().double().eval()


# ---------------------------------------------------------------- tokens


def test_tokens_by_hand():
    assert vocabulary(SENTENCES) == WORDS
    tokens = encode(SENTENCES, WORDS)
    assert tokens.tolist() == [[0, 5, 1, 4, 0], [0, 2, 3, 0, PAD], [0, 0, PAD, PAD, PAD]]
    inputs, targets = shift(tokens)
    assert inputs.tolist() == [[0, 5, 1, 4], [0, 2, 3, 0], [0, 0, 0, 0]]
    assert targets.tolist() == [[5, 1, 4, 0], [2, 3, 0, PAD], [0, PAD, PAD, PAD]]
    assert decode(tokens, WORDS) == SENTENCES


def test_shift_leaves_out_columns_of_padding():
    assert shift(encode(SENTENCES, WORDS)[1:])[0].shape == (2, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: encode([["zebra"]], WORDS), "the word 'zebra' is not in the vocabulary of 6 words"),
        (lambda: encode([["</s>"]], WORDS), "the word '</s>' is not in the vocabulary of 6 words"),
        (lambda: encode(["the cat"], WORDS), "a sentence must be a sequence of words, found the string 'the cat'"),
        (lambda: encode([], WORDS), "encode needs at least one sentence, found none"),
        (lambda: vocabulary([["</s>"]]), "the word '</s>' is reserved: it is added at both ends of each sentence"),
        (lambda: shift(torch.zeros(3, dtype=torch.long)), "tokens must have shape (batch, 2 or more), found (3,)"),
        (
            lambda: next_token_loss(torch.zeros(2, 3, 4), torch.zeros(2, 4, dtype=torch.long)),
            "logits of shape (2, 3, 4) need targets of shape (2, 3), found (2, 4)",
        ),
        (lambda: NeuralNgram(5, 1), "order must be at least 2 (one word of context), found 1"),
        (lambda: TransformerLM(5, 7, n_heads=2), "width must be a multiple of the 2 heads, found 7"),
        (
            lambda: TransformerLM(5, 4, max_length=3)(torch.zeros(1, 4, dtype=torch.long)),
            "this transformer reads at most 3 tokens, found 4",
        ),
        (
            lambda: attention_weights(
                torch.zeros(2, 1), torch.zeros(2, 1), torch.tensor([[True, True], [False, False]])
            ),
            "the mask forbids a place to look at anything, itself included",
        ),
        (lambda: sample(None, 0, np.random.default_rng()), "n and max_length must be at least 1, found 0 and 30"),
        (
            lambda: pointwise_mutual_information([[0.5, 0.0], [0.5, 0.0]]),
            "the joint law has an empty row or column: leave that word out",
        ),
        (
            lambda: negative_sampling_loss(np.zeros((2, 2)), np.ones((2, 2)), 1),
            "the joint law must be a table of probabilities that sums to 1",
        ),
        (
            lambda: negative_sampling_loss(np.zeros((2, 3)), np.full((2, 2), 0.25), 1),
            "scores have shape (2, 3), the joint law has (2, 2)",
        ),
        (lambda: negative_sampling_loss(np.zeros((2, 2)), np.full((2, 2), 0.25), 0), "k must be positive, found 0"),
        (
            lambda: fit_word_vectors(np.full((2, 2), 0.25), 1, 0, np.random.default_rng()),
            "rank must be at least 1, found 0",
        ),
        (
            lambda: cooccurrence([["a"]], ["a"]),
            "no word has a neighbour: sentences of two words or more are needed",
        ),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()


# ---------------------------------------------------------------- one interface


def test_every_model_maps_tokens_to_logits(model):
    for shape in ((1, 1), (2, 7)):
        assert model(torch.zeros(shape, dtype=torch.long)).shape == (*shape, 6)


def test_logits_do_not_depend_on_what_comes_later(model):
    rng = np.random.default_rng(0)
    tokens = torch.from_numpy(rng.integers(6, size=(1, 8)))
    whole = model(tokens)
    for t in range(1, 8):
        torch.testing.assert_close(model(tokens[:, :t]), whole[:, :t], rtol=0, atol=1e-12)


def test_influence_is_exactly_zero_above_the_diagonal_and_seldom_below(model):
    found = influence(model, torch.tensor([0, 3, 1, 4, 5]))
    t, s = np.indices((5, 5))
    window = model.order - 1 if isinstance(model, NeuralNgram) else 5
    visible = (s <= t) & (s > t - window)
    assert (found[~visible] == 0).all() and (found[visible] > 0).all()


def test_influence_equals_finite_differences():
    with seeded(0):
        model = GRULM(4, 3, 3).double()
    tokens = torch.tensor([0, 2, 1])
    vectors = model.embedding(tokens[None]).detach()
    h, expected = 1e-6, np.zeros((3, 3))
    for s, i in itertools.product(range(3), range(3)):
        step = torch.zeros_like(vectors)
        step[0, s, i] = h
        with torch.no_grad():
            slope = (model.from_vectors(vectors + step) - model.from_vectors(vectors - step))[0].abs() / (2 * h)
        expected[:, s] = np.maximum(expected[:, s], slope.amax(dim=1).numpy())
    np.testing.assert_allclose(influence(model, tokens), expected, atol=1e-8)


def test_an_unmasked_transformer_looks_ahead():
    with seeded(0):
        assert influence(TransformerLM(6, 4, causal=False), torch.arange(5))[0, 4] > 0


def test_log_probs_by_hand():
    table = torch.tensor([[1.0, 2.0, 1.0], [3.0, 0.5, 0.5], [1.0, 1.0, 2.0]]).log()  # after 0, 1, 2
    model = lambda tokens: table[tokens]  # noqa: E731
    tokens = torch.tensor([[0, 1, 2, 0], [0, 0, PAD, PAD]])
    expected = np.log([2 / 4, 0.5 / 4, 1 / 4, 1 / 4])
    np.testing.assert_allclose(token_log_probs(model, tokens), expected, rtol=1e-6)
    np.testing.assert_allclose(sentence_log_probs(model, tokens), [expected[:3].sum(), expected[3]], rtol=1e-6)
    assert nats_per_token(model, tokens) == pytest.approx(-expected.mean(), rel=1e-6)


def test_loss_is_the_mean_over_scored_tokens(model):
    tokens = encode(SENTENCES, WORDS)
    inputs, targets = shift(tokens)
    by_hand = [
        -model(inputs)[b, t].detach().log_softmax(0)[targets[b, t]]
        for b, t in np.ndindex(*targets.shape)
        if targets[b, t] != PAD
    ]
    assert next_token_loss(model(inputs), targets).item() == pytest.approx(np.mean(by_hand))
    assert nats_per_token(model, tokens) == pytest.approx(np.mean(by_hand))


def test_a_sentence_has_the_same_probability_in_any_batch(model):
    together = sentence_log_probs(model, encode(SENTENCES, WORDS))
    alone = torch.cat([sentence_log_probs(model, encode([sentence], WORDS)) for sentence in SENTENCES])
    torch.testing.assert_close(together, alone)


def test_tokens_are_scored_in_the_order_of_the_ngram_model(model):
    scored = token_log_probs(model, encode(SENTENCES, WORDS))
    assert len(scored) == len(NgramModel(2).fit(SENTENCES).token_log_probs(SENTENCES)) == 8


# ---------------------------------------------------------------- sampling


def test_sample_repeats_with_its_seed_and_ends_with_the_boundary(model):
    first, second = (sample(model, 20, np.random.default_rng(5), max_length=50) for _ in range(2))
    assert torch.equal(first, second)
    assert (first[:, 0] == END_ID).all()
    for row in first.tolist():
        tail = row[row.index(END_ID, 1) :]
        assert set(tail[1:]) <= {PAD}
    assert encode(decode(first, WORDS), WORDS).shape[0] == 20


def test_sampling_is_cut_after_max_length():
    def never_ends(tokens):
        return torch.tensor([-np.inf, 0.0]).expand(*tokens.shape, 2)

    tokens = sample(never_ends, 3, np.random.default_rng(0), max_length=4)
    assert tokens.tolist() == [[0, 1, 1, 1, 1]] * 3
    assert decode(tokens, ("</s>", "a")) == [["a"] * 4] * 3


def test_a_table_can_be_sampled_as_well():
    def always_one_then_end(tokens):
        logits = torch.full((*tokens.shape, 2), -np.inf)
        return logits.scatter(-1, torch.where(tokens == 0, 1, 0)[..., None], 0.0)

    assert sample(always_one_then_end, 2, np.random.default_rng(0)).tolist() == [[0, 1, 0]] * 2


# ---------------------------------------------------------------- parts against PyTorch


@pytest.mark.parametrize("masked", [True, False])
def test_attention_against_pytorch(masked):
    q, k, v = torch.randn(3, 2, 4, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    mask = causal_mask(5) if masked else None
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=masked)
    weights = attention_weights(q, k, mask)
    torch.testing.assert_close(weights @ v, expected)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4, 5, dtype=torch.float64))


def test_attention_maps_are_laws_over_the_past():
    with seeded(1):
        maps = TransformerLM(6, 4, n_layers=3).attention_maps(torch.zeros(2, 5, dtype=torch.long)).detach()
    assert maps.shape == (3, 2, 2, 5, 5)
    assert (maps.triu(1) == 0).all()
    torch.testing.assert_close(maps.sum(-1), torch.ones(3, 2, 2, 5))


def test_window_network_by_hand():
    with seeded(0):
        model = NeuralNgram(4, 3, 2, 3).double()
    c, big_h, d, u, b, w = (p.detach().numpy() for p in model.parameters())
    x = np.concatenate([c[2], c[3]])  # the last two words of 1, 2, 3
    expected = b + w @ x + u @ np.tanh(d + big_h @ x)
    np.testing.assert_allclose(model(torch.tensor([[1, 2, 3]]))[0, -1].detach(), expected)
    x = np.concatenate([c[END_ID], c[1]])  # at the first word, the place before it shows the boundary
    expected = b + w @ x + u @ np.tanh(d + big_h @ x)
    np.testing.assert_allclose(model(torch.tensor([[1, 2, 3]]))[0, 0].detach(), expected)


# ---------------------------------------------------------------- training


@pytest.mark.parametrize("name", MODELS)
def test_training_reaches_the_floor_of_what_can_be_known(name):
    # Two sentences, equally likely: log 2 nats for the first word, nothing after it: log 2 / 4 a token.
    tokens = encode([["the", "cat", "sleeps"], ["dogs", "run", "run"]] * 8, WORDS)
    with seeded(0):
        model = MODELS[name]()
        step = language_model_step(model, torch.optim.Adam(model.parameters(), 0.02))
        history = fit(step, minibatches(tokens, 16, np.random.default_rng(0)), 250)
    floor = np.log(2) / 4
    assert floor - 1e-6 < nats_per_token(model, tokens) < floor + 0.03
    assert history["loss"][0] > 1


# ---------------------------------------------------------------- the source


def test_enumeration_of_the_grammar():
    grammar = Grammar()
    sentences, probabilities = enumerate_sentences(grammar)
    # Subjects: 4 + 3·4 + 4·8 = 48 for each number; predicates: 2 + 2·(4 + 3·4) = 34.
    assert len(sentences) == 2 * 48 * 34
    assert probabilities.sum() == pytest.approx(1)
    assert -(probabilities @ np.log(probabilities)) == pytest.approx(grammar.entropy())
    for i in range(0, len(sentences), 301):
        assert np.log(probabilities[i]) == pytest.approx(grammar.log_prob(sentences[i]))


def test_enumeration_merges_ambiguous_sentences_and_refuses_recursion():
    ambiguous = Grammar(
        {"S": [(0.5, ("A",)), (0.3, ("B",)), (0.2, ("y",))], "A": [(1.0, ("x",))], "B": [(1.0, ("x",))]}
    )
    sentences, probabilities = enumerate_sentences(ambiguous)
    assert dict(zip(map(tuple, sentences), probabilities, strict=True)) == pytest.approx({("x",): 0.8, ("y",): 0.2})
    with pytest.raises(ValueError, match="writes more than 50 sentences"):
        enumerate_sentences(Grammar({"S": [(0.6, ("x",)), (0.4, ("x", "S"))]}), limit=50)


# ---------------------------------------------------------------- word vectors


def test_cooccurrence_by_hand():
    # a b c: neighbours within one place are ab and bc, each seen from both sides.
    law = cooccurrence([["a", "b", "c"]], ["a", "b", "c"], reach=1)
    np.testing.assert_allclose(law, np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]) / 4)
    twice = cooccurrence([["a", "b"], ["a", "c"]], ["a", "b", "c"], weights=[3, 1])
    np.testing.assert_allclose(twice, np.array([[0, 3, 1], [3, 0, 0], [1, 0, 0]]) / 8)


def test_pmi_by_hand():
    pmi = pointwise_mutual_information([[0.5, 0.0], [0.25, 0.25]])
    expected = [np.log(0.5 / (0.5 * 0.75)), -np.inf, np.log(0.25 / (0.5 * 0.75)), np.log(0.25 / (0.5 * 0.25))]
    np.testing.assert_allclose(pmi.ravel(), expected)


def test_negative_sampling_loss_by_simulation():
    rng = np.random.default_rng(0)
    joint, scores, k = rng.dirichlet(np.ones(6)).reshape(2, 3), rng.normal(size=(2, 3)), 4
    pairs = rng.choice(6, size=200_000, p=joint.ravel())
    w = rng.choice(2, size=(200_000, k), p=joint.sum(axis=1))
    c = rng.choice(3, size=(200_000, k), p=joint.sum(axis=0))
    draws = -log_expit(scores.ravel()[pairs]) - log_expit(-scores[w, c]).sum(axis=1)
    error = draws.std() / np.sqrt(len(draws))
    assert abs(negative_sampling_loss(scores, joint, k) - draws.mean()) < 5 * error


def test_fit_of_low_rank_is_a_stationary_point_and_no_other_start_is_better():
    rng = np.random.default_rng(1)
    joint, k = rng.dirichlet(np.ones(20)).reshape(4, 5), 3
    w, c = fit_word_vectors(joint, k, 2, rng)
    best = negative_sampling_loss(w @ c.T, joint, k)
    weight = joint + k * np.outer(joint.sum(axis=1), joint.sum(axis=0))
    slope = weight * expit(w @ c.T) - joint
    assert max(np.abs(slope @ c).max(), np.abs(slope.T @ w).max()) < 1e-5

    def loss(flat):
        return negative_sampling_loss(flat[:8].reshape(4, 2) @ flat[8:].reshape(5, 2).T, joint, k)

    for _ in range(3):
        assert optimize.minimize(loss, rng.normal(size=18)).fun > best - 1e-3

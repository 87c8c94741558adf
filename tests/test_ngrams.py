"""N-gram models against counts by hand, NLTK, KenLM's numbers, enumeration and SciPy."""

import itertools
import json
import pathlib
from collections import Counter

import nltk.lm
import numpy as np
import pytest
from nltk.lm.preprocessing import everygrams
from nltk.lm.smoothing import KneserNey
from scipy import optimize

from lectures_pkg.ngrams import (
    END,
    START,
    UNKNOWN,
    NgramModel,
    discounts_from_counts,
    fit_interpolation_weights,
    good_turing_missing_mass,
)

DATA = pathlib.Path(__file__).parent / "data"
CORPUS = [s.split() for s in ("it is a nice movie", "it is nice", "a movie is nice", "is it a movie", "it is a movie")]
EVERY_SMOOTHING = [
    ("add_k", {}),
    ("add_k", {"k": 0.01}),
    ("interpolated", {"weights": [0.1, 0.3, 0.6]}),
    ("interpolated", {"weights": [0.1, 0.1, 0.2, 0.6]}),
    ("interpolated", {"held_out": [["it", "is", "new"], ["a", "movie"]]}),
    ("kneser_ney", {}),
    ("kneser_ney", {"discount": 0.4, "uniform_unigrams": False}),
    ("modified_kneser_ney", {}),
    ("modified_kneser_ney", {"discounts": [0.6, 1.1, 1.4]}),
]


def random_corpus(seed, n_types=12, n_sentences=80, length=8):
    rng = np.random.default_rng(seed)
    law = 1 / np.arange(1, n_types + 1)
    sizes = rng.integers(0, length, size=n_sentences)
    return [[f"w{i}" for i in rng.choice(n_types, size=size, p=law / law.sum())] for size in sizes]


# ------------------------------------------------------------------ worked by hand


def test_bigrams_worked_by_hand():
    # "it" begins 3 of 5 sentences; after "it": is, is, a, is; after "movie": end, is, end, end
    model = NgramModel(2, "mle").fit(CORPUS)
    assert model.log_prob("it", [START]) == pytest.approx(np.log(3 / 5))
    assert model.log_prob("is", ["it"]) == pytest.approx(np.log(3 / 4))
    assert model.log_prob(END, ["movie"]) == pytest.approx(np.log(3 / 4))
    # 3/5 (it) * 3/4 (is) * 2/5 (a) * 1/4 (nice) * 1/3 (movie) * 3/4 (end)
    assert model.sentence_log_prob(["it", "is", "a", "nice", "movie"]) == pytest.approx(
        np.log(3 / 5 * 3 / 4 * 2 / 5 * 1 / 4 * 1 / 3 * 3 / 4)
    )


def test_add_k_worked_by_hand():
    # vocabulary: it is a nice movie </s> <unk>: 7
    model = NgramModel(2, "add_k", k=0.5).fit(CORPUS)
    assert model.next_word(["it"])["is"] == pytest.approx((3 + 0.5) / (4 + 3.5))
    assert model.next_word(["it"])[UNKNOWN] == pytest.approx(0.5 / 7.5)
    assert model.next_word(["unheard"])["is"] == pytest.approx(1 / 7)


def test_interpolation_worked_by_hand():
    model = NgramModel(2, "interpolated", weights=[0.1, 0.3, 0.6]).fit(CORPUS)
    n_tokens = sum(len(s) + 1 for s in CORPUS)
    is_count = 5
    expected = 0.1 / 7 + 0.3 * is_count / n_tokens + 0.6 * 3 / 4
    assert model.next_word(["it"])["is"] == pytest.approx(expected)
    # after a new context the bigram repeats the unigram
    assert model.next_word(["unheard"])["is"] == pytest.approx(0.1 / 7 + 0.9 * is_count / n_tokens)


def test_kneser_ney_worked_by_hand():
    # ab, ab, cb: b follows 2 contexts, a and c follow <s> only, </s> follows b only: 5 bigram types
    model = NgramModel(2, "kneser_ney", discount=0.5, uniform_unigrams=False).fit([["a", "b"], ["a", "b"], ["c", "b"]])
    assert model.next_word()["b"] == pytest.approx(2 / 5)
    assert model.next_word(["a"])["b"] == pytest.approx(1.5 / 2 + 0.5 / 2 * 2 / 5)
    assert model.next_word([START])["a"] == pytest.approx(1.5 / 3 + 2 * 0.5 / 3 * 1 / 5)
    # unigrams discounted too: 4 types of 5 bigram types free 4 * 0.5; uniform over a b c </s> <unk>
    model = NgramModel(2, "kneser_ney", discount=0.5).fit([["a", "b"], ["a", "b"], ["c", "b"]])
    assert model.next_word()[UNKNOWN] == pytest.approx(4 * 0.5 / 5 / 5)
    assert model.next_word()["b"] == pytest.approx(1.5 / 5 + 2 / 5 / 5)


def test_discounts_worked_by_hand():
    # t1 = 4, t2 = 2, t3 = 2, t4 = 1: Y = 4/8, D = 1 - 2/2 * 2/4, 2 - 3/2 * 2/2, 3 - 4/2 * 1/2
    counts = [1, 1, 1, 1, 2, 2, 3, 3, 4, 9, 0]
    assert discounts_from_counts(counts) == pytest.approx([0.5, 0.5, 2.0])
    assert discounts_from_counts([1, 1, 2]).tolist() == [0.5, 1.0, 1.5]  # no n-gram seen three times
    assert discounts_from_counts([1, 2, 3, 3, 3, 3, 3, 3, 3]).tolist() == [0.5, 1.0, 1.5]  # D2 below 0


def test_good_turing_worked_by_hand():
    assert good_turing_missing_mass([1, 1, 3, 0, 5]) == pytest.approx(2 / 10)


def test_counts():
    model = NgramModel(3, "mle").fit(CORPUS)
    assert model.count(["it"]) == 4
    assert model.count(["it", "is", "a"]) == 2
    assert model.count([START, "it"]) == 3
    assert model.count(["movie", END]) == 3
    assert model.count(["nice", "it"]) == 0


# ------------------------------------------------------------------ other libraries


def nltk_fitted(model, corpus, order, n_starts):
    padded = [[START] * n_starts + list(s) + [END] for s in corpus]
    vocabulary = nltk.lm.Vocabulary([START, *itertools.chain.from_iterable(corpus), END], unk_label=UNKNOWN)
    lm = model(order, vocabulary)
    lm.fit([list(everygrams(s, max_len=order)) for s in padded])
    return lm


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_mle_and_add_k_agree_with_nltk(order):
    corpus, test = random_corpus(0), random_corpus(1, n_types=13, n_sentences=20)
    mle = nltk_fitted(lambda n, v: nltk.lm.MLE(n, vocabulary=v), corpus, order, order - 1)
    lidstone = nltk_fitted(lambda n, v: nltk.lm.Lidstone(0.3, n, vocabulary=v), corpus, order, order - 1)
    ours, add_k = NgramModel(order, "mle").fit(corpus), NgramModel(order, "add_k", k=0.3).fit(corpus)
    size = len(add_k.vocabulary)
    assert len(lidstone.vocab) == size + 1  # NLTK counts the start symbol, which is never predicted
    known = set(ours.vocabulary)
    for sentence in test:
        words = [word if word in known else UNKNOWN for word in sentence]
        padded = [START] * (order - 1) + words + [END]
        for i in range(order - 1, len(padded)):
            word, context = padded[i], tuple(padded[i - order + 1 : i])
            assert np.exp(ours.log_prob(word, context)) == pytest.approx(mle.score(word, context))
            n = lidstone.context_counts(context or None).N()
            expected = lidstone.score(word, context) * (n + 0.3 * (size + 1)) / (n + 0.3 * size)
            assert np.exp(add_k.log_prob(word, context)) == pytest.approx(expected)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_kneser_ney_agrees_with_nltk(order):
    corpus = random_corpus(2)
    padded = [[START, *s, END] for s in corpus]
    lm = nltk.lm.KneserNeyInterpolated(order, discount=0.6)
    lm.fit([list(everygrams(s, max_len=order)) for s in padded], [*itertools.chain.from_iterable(corpus), END])
    ours = NgramModel(order, "kneser_ney", discount=0.6, uniform_unigrams=False).fit(corpus)
    assert isinstance(lm.estimator, KneserNey)
    contexts = {tuple(s[i : i + order - 1]) for s in padded for i in range(len(s) - order + 1)}
    for context in sorted(contexts)[:25]:  # full contexts; shorter ones at a sentence's start NLTK does not normalise
        for word in ("w0", "w1", "w3", "w7", END):
            assert np.exp(ours.log_prob(word, context)) == pytest.approx(lm.score(word, context), abs=1e-12)


def kenlm_rows():
    return json.loads((DATA / "kenlm_expected.json").read_text())["data"]


@pytest.mark.parametrize("row", kenlm_rows(), ids=lambda row: f"order {row['order']}")
def test_modified_kneser_ney_agrees_with_kenlm(row):
    """KenLM's quirk (the last n-gram of an order enters the counts of counts raw) doesn't show on this corpus."""
    train, test = (
        [line.split() for line in (DATA / name).read_text().splitlines()]
        for name in ("kenlm_train.txt", "kenlm_test.txt")
    )
    model = NgramModel(row["order"]).fit(train)
    log10 = np.array([model.sentence_log_prob(s) for s in test]) / np.log(10)
    np.testing.assert_allclose(log10, row["sentence_log10"], rtol=2e-6)
    assert model.perplexity(test) == pytest.approx(row["perplexity_including_unknown"], rel=2e-6)
    printed = [[float(part.split("=")[1]) for part in line.split()[2:]] for line in row["discounts"]]
    np.testing.assert_allclose(model.discounts, printed, rtol=1e-5)


# ------------------------------------------------------------------ properties


@pytest.mark.parametrize(("smoothing", "options"), EVERY_SMOOTHING)
@pytest.mark.parametrize(
    "context",
    [(), ("is",), ("it", "is"), ("movie", "it"), ("unheard", "is"), ("unheard",), (START,), (START, START),
     (START, "it"), ("nice", END), ("a", START, "it"), ("it", "is", "a", "nice")],
)  # fmt: skip
def test_distributions_sum_to_one(smoothing, options, context):
    model = NgramModel(3, smoothing, **options).fit(CORPUS)
    law = model.next_word(context)
    assert set(law) == {"it", "is", "a", "nice", "movie", END, UNKNOWN}
    assert sum(law.values()) == pytest.approx(1, abs=1e-12)
    assert all(np.exp(model.log_prob(word, context)) == pytest.approx(p, abs=1e-15) for word, p in law.items())
    assert model.log_prob(START, context) == -np.inf


def test_mle_knows_nothing_after_an_unseen_context():
    model = NgramModel(3, "mle").fit(CORPUS)
    assert model.log_prob("it", ["movie", "it"]) == -np.inf
    assert set(model.next_word(["movie", "it"]).values()) == {0.0}
    assert sum(model.next_word(["it"]).values()) == pytest.approx(1)
    assert model.perplexity([["movie", "it", "is"]]) == np.inf


@pytest.mark.parametrize("order", [1, 2, 3, 6])
@pytest.mark.parametrize("smoothing", ["mle", "add_k", "kneser_ney", "modified_kneser_ney"])
def test_token_log_probs_are_log_probs_in_order(order, smoothing):
    corpus, test = random_corpus(3), random_corpus(4, n_types=14, n_sentences=15)
    model = NgramModel(order, smoothing).fit(corpus)
    found = model.token_log_probs(test)
    expected = []
    for sentence in test:
        words = [START] * (order - 1) + sentence + [END]
        expected += [model.log_prob(words[i], words[i - order + 1 : i]) for i in range(order - 1, len(words))]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert model.cross_entropy(test) == pytest.approx(-np.mean(expected))


def test_start_symbols_beyond_the_last_add_nothing():
    for smoothing, options in EVERY_SMOOTHING:
        model = NgramModel(3, smoothing, **options).fit(CORPUS)
        assert model.next_word([START]) == model.next_word([START, START])
        assert model.next_word(["movie", START]) == model.next_word([START])


def test_a_short_context_is_a_lower_order():
    full, lower = NgramModel(3, "mle").fit(CORPUS), NgramModel(2, "mle").fit(CORPUS)
    assert full.next_word(["is"]) == lower.next_word(["is"])
    assert full.next_word() == lower.next_word()


@pytest.mark.parametrize("smoothing", ["mle", "add_k", "kneser_ney", "modified_kneser_ney"])
def test_sentences_of_the_model_have_total_mass_one(smoothing):
    """Sum over all sentences, by powers of the transition matrix between words."""
    model = NgramModel(2, smoothing).fit(CORPUS)
    words = [w for w in model.vocabulary if w != END]
    step = np.array([[np.exp(model.log_prob(b, [a])) for b in words] for a in words])
    start = np.array([np.exp(model.log_prob(b, [START])) for b in words])
    stop = np.array([np.exp(model.log_prob(END, [a])) for a in words])
    endless = start @ np.linalg.solve(np.eye(len(words)) - step, stop)
    assert endless + np.exp(model.log_prob(END, [START])) == pytest.approx(1)


def test_high_orders_and_large_vocabularies_do_not_overflow():
    rng = np.random.default_rng(5)
    corpus = [[f"t{i}" for i in row] for row in rng.integers(0, 60_000, size=(2000, 10))]
    model = NgramModel(9).fit(corpus)
    assert model.count(corpus[7][:9]) == 1
    assert sum(model.next_word(corpus[7][:8]).values()) == pytest.approx(1)
    assert np.isfinite(model.token_log_probs(corpus[:50])).all()


def test_sentences_shorter_than_the_order():
    model = NgramModel(6).fit([["a"], [], ["b", "a"]])
    assert sum(model.next_word(["b", "a"]).values()) == pytest.approx(1)
    assert model.sentence_log_prob([]) == pytest.approx(model.log_prob(END, [START]))
    assert len(model.token_log_probs([])) == 0


def test_words_may_be_anything_hashable():
    model = NgramModel(2, "mle").fit([[1, 2, 1], (2, 2)])
    assert model.log_prob(1, [2]) == pytest.approx(np.log(1 / 3))


# ------------------------------------------------------------------ interpolation weights


def test_em_finds_the_maximum_and_never_falls():
    corpus, held_out = random_corpus(6), random_corpus(7, n_types=14)
    model = NgramModel(3, "interpolated", held_out=held_out).fit(corpus)
    probs = model.component_probs(held_out)
    found = optimize.minimize(
        lambda w: -np.log(probs @ w).mean(), np.full(4, 0.25), method="SLSQP", bounds=[(0, 1)] * 4,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1}, options={"ftol": 1e-13},
    )  # fmt: skip
    assert -np.log(probs @ model.weights).mean() == pytest.approx(found.fun, abs=1e-5)
    assert (np.diff(fit_interpolation_weights(probs)[1]) > -1e-12).all()
    assert model.cross_entropy(held_out) == pytest.approx(found.fun, abs=1e-5)


# ------------------------------------------------------------------ generating


def test_samples_follow_the_model():
    model = NgramModel(2, "mle").fit(CORPUS)
    rng = np.random.default_rng(0)
    samples = [tuple(model.sample(rng)) for _ in range(1500)]
    first = np.mean([s[0] == "it" for s in samples])
    assert abs(first - 3 / 5) < 5 * np.sqrt(0.6 * 0.4 / 1500)
    sentence = ("it", "is", "nice")
    p = np.exp(model.sentence_log_prob(sentence))
    assert abs(np.mean([s == sentence for s in samples]) - p) < 5 * np.sqrt(p * (1 - p) / 1500)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_samples_follow_every_order(order):
    """What follows "a" depends on the word before it: a sampler that forgets that word is found out."""
    corpus = [list("bax")] * 6 + [list("cay")] * 3 + [list("ca")]
    model = NgramModel(order, "kneser_ney").fit(corpus)
    rng = np.random.default_rng(1)
    samples = Counter("".join(model.sample(rng)) for _ in range(2000))
    cases = ("bax", "cay", "bay", "cax", "ca", "ba")
    law = np.array([np.exp(model.sentence_log_prob(list(case))) for case in cases])
    counts = np.array([samples[case] for case in cases])
    expected = 2000 * np.append(law, 1 - law.sum())
    observed = np.append(counts, 2000 - counts.sum())
    assert ((observed - expected) ** 2 / (expected + 1)).sum() < 50  # chi-square of at most 6 degrees: p < 1e-8


def test_samples_are_cut_at_max_length():
    model = NgramModel(1, "add_k", k=1e9).fit([["a"] * 100])
    assert len(model.sample(np.random.default_rng(0), max_length=1)) <= 1
    assert NgramModel(2).fit(CORPUS).sample(np.random.default_rng(0), max_length=0) == []


@pytest.mark.parametrize("order", [1, 2, 3, 4, 6])
@pytest.mark.parametrize(
    ("smoothing", "options"), [("kneser_ney", {}), ("add_k", {}), ("modified_kneser_ney", {})], ids=lambda x: str(x)
)
def test_best_order_is_the_best_of_all_permutations(order, smoothing, options):
    model = NgramModel(order, smoothing, **options).fit(random_corpus(8, n_types=6))
    rng = np.random.default_rng(order)
    for size in (1, 3, 5, 6):
        bag = [f"w{i}" for i in rng.integers(0, 8, size=size)]  # repeated and unknown words, too
        found = model.best_order(bag)
        assert sorted(found) == sorted(bag)
        best = max(model.sentence_log_prob(p) for p in set(itertools.permutations(bag)))
        assert model.sentence_log_prob(found) == pytest.approx(best, abs=1e-12)


def test_best_order_of_mle_model():
    model = NgramModel(3, "mle").fit(CORPUS)
    assert model.best_order(["movie", "nice", "a", "is", "it"]) == ["it", "is", "a", "nice", "movie"]
    assert NgramModel(2).fit(CORPUS).best_order([]) == []


def test_best_order_of_twelve_words_takes_its_time_but_not_forever():
    corpus = random_corpus(9, n_types=12, n_sentences=2000)
    model = NgramModel(3).fit(corpus)
    bag = [f"w{i}" for i in range(12)]
    found = model.best_order(bag)
    assert sorted(found) == sorted(bag)
    swaps = [list(found) for _ in range(66)]
    for swapped, (i, j) in zip(swaps, itertools.combinations(range(12), 2), strict=True):
        swapped[i], swapped[j] = swapped[j], swapped[i]
        assert model.sentence_log_prob(swapped) <= model.sentence_log_prob(found) + 1e-12


# ------------------------------------------------------------------ bad input, as data


def fitted(**options):
    return NgramModel(2, **options).fit(CORPUS)


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: NgramModel(0), ValueError, "order must be a whole number of at least 1, found 0"),
        (lambda: NgramModel(1.5), ValueError, "order must be a whole number of at least 1, found 1.5"),
        (lambda: NgramModel(2, "laplace"), ValueError,
         "smoothing must be one of mle, add_k, interpolated, kneser_ney, modified_kneser_ney, found 'laplace'"),
        (lambda: NgramModel(2, "mle", k=1), TypeError, "smoothing 'mle' takes no options, found 'k'"),
        (lambda: NgramModel(2, "add_k", discount=1), TypeError, "smoothing 'add_k' takes k, found 'discount'"),
        (lambda: NgramModel(2, "add_k", k=0), ValueError,
         "k must be positive and finite, found 0; for k = 0 use smoothing='mle'"),
        (lambda: NgramModel(2, "kneser_ney", discount=1.2), ValueError, "discount must be in [0, 1], found 1.2"),
        (lambda: NgramModel(2, "interpolated"), ValueError,
         "smoothing 'interpolated' needs either weights= or held_out= sentences"),
        (lambda: NgramModel(2, "interpolated", weights=[1, 1]), ValueError,
         "weights must be 2 numbers, lowest order first (or 3, the uniform's in front), not negative, with sum 1; "
         "found [1, 1]"),
        (lambda: NgramModel(2, discounts=[0.5, 3, 1]), ValueError,
         "discounts must have shape (3,) or (2, 3), each between 0 and its count 1, 2, 3"),
        (lambda: NgramModel(2).fit([]), ValueError, "fit needs at least one sentence, found none"),
        (lambda: NgramModel(2).fit("it is"), ValueError,
         "sentences must be sequences of words, found the string 'it is'"),
        (lambda: NgramModel(2).fit(["it is"]), ValueError,
         "a sentence must be a sequence of words, found the string 'it is': split it first"),
        (lambda: NgramModel(2).fit([["it", "</s>"]]), ValueError,
         "the word '</s>' is reserved; fit takes sentences without it"),
        (lambda: NgramModel(2).fit([["<unk>"]]), ValueError,
         "the word '<unk>' is reserved; fit takes sentences without it"),
        (lambda: fitted().token_log_probs([["<s>", "it"]]), ValueError,
         "the word '<s>' is reserved; the model adds it by itself"),
        (lambda: NgramModel(2).log_prob("it"), RuntimeError,
         "this model has seen no text yet: call fit(sentences) first"),
        (lambda: NgramModel(2).sample(np.random.default_rng(0)), RuntimeError,
         "this model has seen no text yet: call fit(sentences) first"),
        (lambda: fitted().log_prob("is", "it"), ValueError,
         "a context must be a sequence of words, found the string 'it': split it first"),
        (lambda: fitted().cross_entropy([]), ValueError, "a cross-entropy needs at least one sentence, found none"),
        (lambda: fitted().best_order(["it"] * 13), ValueError, "best_order takes at most 12 words, found 13"),
        (lambda: fitted(smoothing="mle").best_order(["nice", "nice"]), ValueError,
         "no ordering of these words has a positive probability under this model"),
        (lambda: fitted().component_probs(CORPUS), ValueError,
         "components belong to smoothing 'interpolated'; this model has 'modified_kneser_ney'"),
        (lambda: fitted().count(["it", "is", "a"]), ValueError, "this model counts n-grams of 1 to 2 words, found 3"),
        (lambda: fit_interpolation_weights([[0.0, 0.0]]), ValueError,
         "a held-out token has probability zero under every component"),
        (lambda: good_turing_missing_mass([0, 0]), ValueError, "a missing mass needs at least one token, found none"),
    ],
)  # fmt: skip
def test_bad_input_gets_one_clear_sentence(call, error, sentence):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == sentence

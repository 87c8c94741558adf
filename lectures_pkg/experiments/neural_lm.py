"""Four neural language models on the grammar of agreement, held against n-grams and against the source itself.

Chapter ``neural_lm``. The source writes 3264 sentences: expectations over it are sums, so a model's true
cross-entropy needs no test set. Sizes and number of steps were fixed beforehand; the learning rate is chosen, for each
corpus anew, by the cross-entropy of 500 training sentences that are held out (`validate`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from lectures_pkg.neural_lm import (
    GRULM,
    NeuralNgram,
    TransformerLM,
    encode,
    language_model_step,
    nats_per_token,
    sentence_log_probs,
    vocabulary,
)
from lectures_pkg.ngrams import END, START, NgramModel
from lectures_pkg.training import fit, minibatches, seeded
from lectures_pkg.worlds import Grammar, enumerate_sentences

SEEDS = range(5)

Sentences = list[list[str]]
#: Beginning of a sentence, the verb form that agrees with its subject, and the one that doesn't.
Pair = tuple[list[str], str, str]

N_STEPS = 800
BATCH_SIZE = 64
RATES = (1e-3, 3e-3, 1e-2)  #: the learning rates that were tried
N_VALIDATION = 500


class Setting(NamedTuple):
    """A model's sizes, and the learning rate that validation chose on the corpus of seed 0."""

    make: Callable[[int], nn.Module]
    learning_rate: float


SETTINGS = {
    "window_4": Setting(lambda n_words: NeuralNgram(n_words, 4), 1e-2),
    "window_7": Setting(lambda n_words: NeuralNgram(n_words, 7), 3e-3),
    "gru": Setting(GRULM, 3e-3),
    "transformer": Setting(lambda n_words: TransformerLM(n_words, width=32, n_layers=1), 1e-2),
    "no_mask": Setting(lambda n_words: TransformerLM(n_words, width=32, n_layers=1, causal=False), 3e-3),
}


class Source(NamedTuple):
    """The grammar, spelled out."""

    grammar: Grammar
    sentences: Sentences  #: all of them
    probabilities: np.ndarray
    words: tuple[str, ...]  #: the vocabulary, the boundary first
    tokens: Tensor  #: the sentences, encoded


@cache
def source() -> Source:
    """The grammar of agreement and all it can write."""
    grammar = Grammar()
    sentences, probabilities = enumerate_sentences(grammar)
    words = vocabulary(sentences)
    return Source(grammar, sentences, probabilities, words, encode(sentences, words))


def corpus(seed: int = 0, n_train: int = 3000, n_test: int = 3000) -> tuple[Sentences, Sentences]:
    """Training sentences, then test sentences, drawn from one generator."""
    rng = np.random.default_rng(seed)
    draw = source().grammar.sample
    return [draw(rng) for _ in range(n_train)], [draw(rng) for _ in range(n_test)]


def train(
    name: str,
    sentences: Sentences,
    seed: int,
    *,
    n_steps: int = N_STEPS,
    learning_rate: float | None = None,
) -> nn.Module:
    """One of `SETTINGS`, trained by Adam with a cosine schedule; ``seed`` decides weights and batches."""
    make, chosen = SETTINGS[name]
    words = source().words
    with seeded(seed):
        model = make(len(words))
        optimiser = torch.optim.Adam(model.parameters(), learning_rate or chosen, fused=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, n_steps)
        batches = minibatches(encode(sentences, words), BATCH_SIZE, np.random.default_rng(seed))
        fit(language_model_step(model, optimiser, schedule), batches, n_steps)
    return model.eval()


def exact_cross_entropy(model: nn.Module) -> float:
    """Nats per token that the model spends on the source's sentences, each weighed with its probability."""
    log_probs = sentence_log_probs(model, source().tokens).double().numpy()
    return float(-(source().probabilities @ log_probs)) / source().grammar.expected_length()


def sample_cross_entropy(model: nn.Module, sentences: Sentences) -> float:
    """Nats per token on some sentences, ends included."""
    return nats_per_token(model, encode(sentences, source().words))


def ngram_cross_entropy(model: NgramModel) -> float:
    """`exact_cross_entropy` of a model of counts."""
    token_log_probs = model.token_log_probs(source().sentences)
    starts = np.cumsum([0] + [len(sentence) + 1 for sentence in source().sentences[:-1]])
    per_sentence = np.add.reduceat(token_log_probs, starts)
    return float(-(source().probabilities @ per_sentence)) / source().grammar.expected_length()


@cache
def window_law(order: int) -> dict[tuple[str, ...], dict[str, float]]:
    """The best model that sees ``order - 1`` words: the source's own joint law of window and next word."""
    joint: dict[tuple[str, ...], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for sentence, probability in zip(source().sentences, source().probabilities, strict=True):
        padded = [START] * (order - 1) + sentence + [END]
        for place in range(order - 1, len(padded)):
            joint[tuple(padded[place - order + 1 : place])][padded[place]] += probability
    return joint


@cache
def window_floor(order: int) -> float:
    """Least cross-entropy of any model that sees ``order - 1`` words, in nats per token."""
    laws = [np.array(list(law.values())) for law in window_law(order).values()]
    return float(-sum((law * np.log(law / law.sum())).sum() for law in laws)) / source().grammar.expected_length()


def minimal_pairs() -> list[Pair]:
    """All 72 beginnings such as "the cat near the dogs", whose nearer noun has the other number, with verb forms."""
    singular, plural = ("cat", "dog", "bird"), ("cats", "dogs", "birds")
    verbs = (("sleeps", "sleep"), ("runs", "run"), ("sees", "see"), ("likes", "like"))
    return [
        (["the", subject, "near", "the", attractor], *(verb if subject in singular else verb[::-1]))
        for subjects, attractors in ((singular, plural), (plural, singular))
        for subject in subjects
        for attractor in attractors
        for verb in verbs
    ]


def agreement_shares(model: nn.Module | NgramModel, pairs: Sequence[Pair]) -> np.ndarray:
    """P(right) / (P(right) + P(wrong)) of each pair's two verb forms, shape (n_pairs,); right is above 1/2."""
    if isinstance(model, NgramModel):
        log_odds = [
            model.log_prob(right, [START, *before]) - model.log_prob(wrong, [START, *before])
            for before, right, wrong in pairs
        ]
        return 1 / (1 + np.exp(-np.array(log_odds)))
    ids = {word: index for index, word in enumerate(source().words)}
    inputs = encode([before for before, _, _ in pairs], source().words)[:, :-1]  # without the end
    with torch.no_grad():
        logits = model(inputs)[:, -1].double().numpy()
    rows = np.arange(len(pairs))
    right = logits[rows, [ids[word] for _, word, _ in pairs]]
    wrong = logits[rows, [ids[word] for _, _, word in pairs]]
    return 1 / (1 + np.exp(wrong - right))


def validate(name: str, sentences: Sentences, seed: int) -> dict[float, float]:
    """Cross-entropy of the last `N_VALIDATION` sentences after training on the others, for each learning rate."""
    shown, held_out = sentences[:-N_VALIDATION], sentences[-N_VALIDATION:]
    return {rate: sample_cross_entropy(train(name, shown, seed, learning_rate=rate), held_out) for rate in RATES}


def run(seed: int) -> dict[str, float]:
    """Every model on one corpus: exact, test and training cross-entropy, mean agreement share, validation table."""
    sentences, held_out = corpus(seed)
    pairs = minimal_pairs()
    results: dict[str, float] = {}
    for order in range(1, 8):
        counts = NgramModel(order, "kneser_ney").fit(sentences)
        results |= {
            f"kneser_ney_{order}": ngram_cross_entropy(counts),
            f"kneser_ney_{order}_test": counts.cross_entropy(held_out),
        }
        if order > 1:  # a unigram model's mean share is 1/2 by symmetry
            results[f"kneser_ney_{order}_share"] = float(agreement_shares(counts, pairs).mean())
    for name in ("window_4", "window_7", "gru", "transformer"):
        validation = validate(name, sentences, seed)
        model = train(name, sentences, seed, learning_rate=min(validation, key=lambda rate: validation[rate]))
        results |= {f"{name}_validation_{rate:g}": loss for rate, loss in validation.items()}
        results |= {
            name: exact_cross_entropy(model),
            f"{name}_test": sample_cross_entropy(model, held_out),
            f"{name}_train": sample_cross_entropy(model, sentences),
            f"{name}_share": float(agreement_shares(model, pairs).mean()),
        }
    return results

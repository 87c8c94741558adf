r"""Neural language models: the chain rule with one shared function in place of a table; and word vectors.

A neural n-gram, a recurrent network and a causal transformer all map tokens (batch, time) to logits
(batch, time, vocabulary): the logits at place t are about the token at place t + 1 and see none after t.

.. math:: P(w_1, \dots, w_m, \text{end}) = \prod_{t=0}^{m} \mathrm{softmax}\bigl(a_t(w_0, \dots, w_t)\bigr)_{w_{t+1}}

So one loss, one score and one sampler serve all three. One symbol, ``</s>``, stands at both ends of a
sentence: it is shown first and predicted last, and every id that a model can be shown it can also predict.

Chapter ``neural_lm``; Bengio et al. (2003); Cho et al. (2014); Vaswani et al. (2017); for the word vectors
Mikolov et al. (2013) and Levy & Goldberg (2014).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy import optimize, special
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer

from lectures_pkg.ngrams import END

END_ID = 0  #: the boundary's id in every vocabulary of this module
PAD = -100  #: fills short sentences up; never scored (PyTorch's own default for ``ignore_index``)

#: Anything that maps tokens (batch, time) to logits (batch, time, vocabulary).
LanguageModel = Callable[[Tensor], Tensor]

# ---------------------------------------------------------------------------------------------------------
# Sentences and tokens


def vocabulary(sentences: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """The words of these sentences in alphabetical order, after the boundary ``</s>``: a word's place is its id."""
    words = {word for sentence in sentences for word in sentence}
    if END in words:
        raise ValueError(f"the word {END!r} is reserved: it is added at both ends of each sentence")
    return (END, *sorted(words))


def encode(sentences: Iterable[Sequence[str]], words: Sequence[str]) -> Tensor:
    """Sentences as one array of ids: boundary, words, boundary, then `PAD`.

    Parameters
    ----------
    sentences : iterable of sequences of str
        Without boundaries.
    words : sequence of str
        From `vocabulary`.

    Returns
    -------
    Tensor of int64, shape (n_sentences, longest + 2)

    Raises
    ------
    ValueError
        If there is no sentence, a sentence is a bare string, or a word is not in the vocabulary.
    """
    ids = {word: index for index, word in enumerate(words)}
    rows = []
    for sentence in sentences:
        if isinstance(sentence, str):
            raise ValueError(f"a sentence must be a sequence of words, found the string {sentence!r}")
        unknown = [word for word in sentence if word not in ids or word == END]
        if unknown:
            raise ValueError(f"the word {unknown[0]!r} is not in the vocabulary of {len(words)} words")
        rows.append([END_ID, *(ids[word] for word in sentence), END_ID])
    if not rows:
        raise ValueError("encode needs at least one sentence, found none")
    tokens = torch.full((len(rows), max(map(len, rows))), PAD)
    for row, sentence_ids in zip(tokens, rows, strict=True):
        row[: len(sentence_ids)] = torch.tensor(sentence_ids)
    return tokens


def decode(tokens: Tensor, words: Sequence[str]) -> list[list[str]]:
    """The sentences in an array from `encode` or `sample`, without boundaries."""
    rows = []
    for row in tokens[:, 1:].tolist():
        stop = next((place for place, index in enumerate(row) if index in (END_ID, PAD)), len(row))
        rows.append([words[index] for index in row[:stop]])
    return rows


def shift(tokens: Tensor) -> tuple[Tensor, Tensor]:
    """What a model is shown and what it has to predict: (batch, time + 1) to twice (batch, time).

    Target t is input t + 1. In the inputs `PAD` becomes the boundary; in the targets it stays, and is not
    scored. Columns that hold nothing but padding are left out.
    """
    if tokens.ndim != 2 or tokens.shape[1] < 2:
        raise ValueError(f"tokens must have shape (batch, 2 or more), found {tuple(tokens.shape)}")
    longest = int((tokens != PAD).sum(dim=1).max())
    return tokens[:, : longest - 1].clamp(min=END_ID), tokens[:, 1:longest]


# ---------------------------------------------------------------------------------------------------------
# Loss, score, update, sampler: the same for every model


def next_token_loss(logits: Tensor, targets: Tensor) -> Tensor:
    r"""Mean of -log softmax(a)[target] over the scored tokens, in nats; its slope in a is p - onehot(target), averaged.

    Parameters
    ----------
    logits : Tensor, shape (batch, time, vocabulary)
    targets : Tensor of int64, shape (batch, time)
        `PAD` is not scored.

    Returns
    -------
    Tensor, shape ()
        Smaller is better. Right also where exp(a) would overflow.

    Raises
    ------
    ValueError
        If the shapes don't fit.

    References
    ----------
    Bengio et al. (2003), section 2. In the book: equation ``softmax-gradient``.
    """
    if logits.shape[:-1] != targets.shape:
        raise ValueError(
            f"logits of shape {tuple(logits.shape)} need targets of shape {tuple(logits.shape[:-1])}, "
            f"found {tuple(targets.shape)}"
        )
    return cross_entropy(logits.flatten(end_dim=-2), targets.flatten(), ignore_index=PAD)


@torch.no_grad()
def token_log_probs(model: LanguageModel, tokens: Tensor) -> Tensor:
    """Log probability in nats of each scored token, shape (n_scored,), sentence by sentence, ends included.

    The order is that of ``NgramModel.token_log_probs``: the two can be compared token by token.
    """
    inputs, targets = shift(tokens)
    log_probs = model(inputs).log_softmax(dim=-1)  # (batch, time, vocabulary)
    scored = targets != PAD
    return log_probs.gather(-1, targets.clamp(min=0)[..., None])[..., 0][scored]


def sentence_log_probs(model: LanguageModel, tokens: Tensor) -> Tensor:
    """Log probability in nats of each whole sentence, its end included, shape (batch,)."""
    _, targets = shift(tokens)
    sentence = (targets != PAD).nonzero()[:, 0]
    per_token = token_log_probs(model, tokens)
    return torch.zeros(len(tokens), dtype=per_token.dtype).index_add(0, sentence, per_token)


def nats_per_token(model: LanguageModel, tokens: Tensor) -> float:
    """Cross-entropy: mean of minus the log probability, ends included; smaller is better.

    On sentences that were not trained on, its expectation is never below the source's entropy per token.
    In the book: equation ``neural-floor``.
    """
    return -float(token_log_probs(model, tokens).double().mean())


def language_model_step(
    model: nn.Module, optimiser: Optimizer, schedule: torch.optim.lr_scheduler.LRScheduler | None = None
) -> Callable[[Tensor], Mapping[str, float]]:
    """One update on a batch of tokens from `encode`; reports ``loss`` in nats per token, before the update.

    For ``training.fit``. It knows nothing about the model but its logits.
    """

    def step(tokens: Tensor) -> dict[str, float]:
        inputs, targets = shift(tokens)
        loss = next_token_loss(model(inputs), targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if schedule is not None:
            schedule.step()
        return {"loss": loss.item()}

    return step


@torch.no_grad()
def sample(model: LanguageModel, n: int, rng: np.random.Generator, max_length: int = 30) -> Tensor:
    r"""Draw sentences by the chain rule: show what there is, draw the next token, append it, until the boundary.

    Parameters
    ----------
    model : callable
        Maps tokens (batch, time) to logits (batch, time, vocabulary); a table of counts will do as well.
    n : int
        Number of sentences.
    rng : numpy.random.Generator
    max_length : int
        A sentence is cut after so many words; a cut one has no boundary at its end.

    Returns
    -------
    Tensor of int64, shape (n, up to max_length + 2)
        As from `encode`; `decode` turns it into words.

    References
    ----------
    In the book: equation ``sampler-follows-model``.
    """
    if n < 1 or max_length < 1:
        raise ValueError(f"n and max_length must be at least 1, found {n} and {max_length}")
    tokens = torch.full((n, 1), END_ID)
    running = np.ones(n, dtype=bool)
    while running.any():
        logits = model(tokens.clamp(min=END_ID))[:, -1].double()  # about the next token only
        cumulative = logits.softmax(dim=-1).cumsum(dim=-1).numpy()
        drawn = (cumulative <= rng.random((n, 1)) * cumulative[:, -1:]).sum(axis=1)
        drawn = np.where(running, drawn, PAD)
        tokens = torch.cat([tokens, torch.from_numpy(drawn)[:, None]], dim=1)
        running &= (drawn != END_ID) & (tokens.shape[1] <= max_length)
    return tokens


def influence(model: nn.Module, tokens: Tensor) -> np.ndarray:
    r"""How strongly each input moves each prediction, shape (time, time): row t, column s is

    .. math:: \max_{v, i} \Bigl\lvert \frac{\partial a_{t, v}}{\partial x_{s, i}} \Bigr\rvert

    where x_s is the vector of the token shown at place s and a_t the logits at place t. A language model
    must have exact zeros for s > t; a window of n - 1 words has zeros for s < t - n + 2 as well.

    Parameters
    ----------
    model : Module
        With ``embedding`` and ``from_vectors``.
    tokens : Tensor of int64, shape (time,)
        What is shown.

    References
    ----------
    In the book: equation ``causal-jacobian``.
    """
    vectors = model.embedding(tokens[None]).detach()  # type: ignore[operator]
    jacobian = torch.autograd.functional.jacobian(lambda x: model.from_vectors(x)[0], vectors)  # type: ignore[operator]
    return jacobian[:, :, 0].abs().amax(dim=(1, 3)).numpy()  # (time, vocabulary, time, dim) to (time, time)


# ---------------------------------------------------------------------------------------------------------
# Three models


class NeuralNgram(nn.Module):
    r"""A feed-forward network on the last ``order - 1`` words: Bengio's neural probabilistic language model.

    .. math:: a = b + W x + U \tanh(d + H x), \qquad x = (C_{w_{t-n+2}}, \dots, C_{w_t})

    Parameters
    ----------
    n_words : int
        Size of the vocabulary, the boundary included.
    order : int
        Length n of the n-gram, at least 2: the network sees n - 1 words. Places before the sentence show the boundary.
    embedding_dim, hidden : int
        Length m of a word's vector, and number h of hidden units.
    direct : bool
        Whether to have the connections W from the vectors straight to the logits.

    References
    ----------
    Bengio et al. (2003), eq. (1). In the book: equation ``bengio-parameters``.
    """

    def __init__(
        self, n_words: int, order: int, embedding_dim: int = 16, hidden: int = 64, *, direct: bool = True
    ) -> None:
        super().__init__()
        if order < 2:
            raise ValueError(f"order must be at least 2 (one word of context), found {order}")
        self.order = order
        self.embedding = nn.Embedding(n_words, embedding_dim)  # C
        self.hidden = nn.Linear((order - 1) * embedding_dim, hidden)  # H, d
        self.output = nn.Linear(hidden, n_words)  # U, b
        self.direct = nn.Linear((order - 1) * embedding_dim, n_words, bias=False) if direct else None  # W

    def from_vectors(self, x: Tensor) -> Tensor:
        """Logits from the tokens' vectors: (batch, time, dim) to (batch, time, vocabulary)."""
        before = self.embedding.weight[END_ID].expand(len(x), self.order - 2, -1)
        windows = torch.cat([before, x], dim=1).unfold(1, self.order - 1, 1)  # (batch, time, dim, n - 1)
        x = windows.transpose(2, 3).flatten(start_dim=2)  # (batch, time, (n - 1) dim), the farthest word first
        logits = self.output(torch.tanh(self.hidden(x)))
        return logits if self.direct is None else logits + self.direct(x)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.from_vectors(self.embedding(tokens))


class GRULM(nn.Module):
    r"""A gated recurrent network: a state that is carried from word to word stands for the whole past.

    .. math:: h_t = (1 - z_t) \odot n_t + z_t \odot h_{t-1}

    Parameters
    ----------
    n_words : int
        Size of the vocabulary, the boundary included.
    embedding_dim, hidden : int
        Lengths of a word's vector and of the state.

    References
    ----------
    Cho et al. (2014), section 2.3, in the variant of PyTorch's ``GRU``: the gate z keeps, the reset gate acts
    after the matrix. In the book: equation ``gru-update``.
    """

    def __init__(self, n_words: int, embedding_dim: int = 32, hidden: int = 64) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_words, embedding_dim)
        self.recurrent = nn.GRU(embedding_dim, hidden, batch_first=True)
        self.output = nn.Linear(hidden, n_words)

    def from_vectors(self, x: Tensor) -> Tensor:
        """Logits from the tokens' vectors: (batch, time, dim) to (batch, time, vocabulary)."""
        return self.output(self.recurrent(x)[0])

    def forward(self, tokens: Tensor) -> Tensor:
        return self.from_vectors(self.embedding(tokens))


def causal_mask(n: int) -> Tensor:
    """Who may look at whom, shape (n, n): True in row t, column s where s <= t."""
    return torch.ones(n, n, dtype=torch.bool).tril()


def attention_weights(queries: Tensor, keys: Tensor, mask: Tensor | None = None) -> Tensor:
    r"""Softmax over s of q_t · k_s / sqrt(d), shape (..., time, time); rows sum to one.

    Parameters
    ----------
    queries, keys : Tensor, shape (..., time, dim)
    mask : Tensor of bool, shape (time, time) or None
        False forbids, and gives a weight of exactly 0; None allows all.

    Raises
    ------
    ValueError
        If the mask leaves a place nothing to look at: its row would be 0/0.

    References
    ----------
    Vaswani et al. (2017), eq. (1). In the book: equations ``causal-jacobian`` and ``dot-product-variance``.
    """
    scores = queries @ keys.transpose(-1, -2) / math.sqrt(queries.shape[-1])
    if mask is not None:
        if not bool(mask.any(dim=-1).all()):
            raise ValueError("the mask forbids a place to look at anything, itself included")
        scores = scores.masked_fill(~mask, -math.inf)
    return scores.softmax(dim=-1)


class _Block(nn.Module):
    """Attention, then a small network at each place; both are added to what comes in."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.network = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """(batch, time, width) to the same, and the weights (batch, heads, time, time)."""
        heads = self.queries_keys_values(self.norm1(x)).unflatten(-1, (3, self.n_heads, -1))
        queries, keys, values = heads.permute(2, 0, 3, 1, 4)  # each (batch, heads, time, width / heads)
        weights = attention_weights(queries, keys, mask)
        x = x + self.mix((weights @ values).transpose(1, 2).flatten(start_dim=2))
        return x + self.network(self.norm2(x)), weights


class TransformerLM(nn.Module):
    """A small transformer: every place looks back at all places before it, by attention.

    Parameters
    ----------
    n_words : int
        Size of the vocabulary, the boundary included.
    width : int
        Length of a vector at a place; a multiple of ``n_heads``.
    n_layers, n_heads : int
        Blocks, and attention heads in each.
    max_length : int
        Longest input; there is one position vector for each place.
    causal : bool
        False leaves the mask out. The result is no language model: it looks at the answer.
    positions : bool
        False leaves the position vectors out.

    References
    ----------
    Vaswani et al. (2017); normalisation before each part as in Radford et al. (2019).
    In the book: equation ``causal-jacobian``.
    """

    def __init__(
        self,
        n_words: int,
        width: int = 48,
        n_layers: int = 2,
        n_heads: int = 2,
        max_length: int = 32,
        *,
        causal: bool = True,
        positions: bool = True,
    ) -> None:
        super().__init__()
        if width % n_heads:
            raise ValueError(f"width must be a multiple of the {n_heads} heads, found {width}")
        self.causal, self.max_length = causal, max_length
        self.embedding = nn.Embedding(n_words, width)
        self.positions = nn.Embedding(max_length, width) if positions else None
        self.blocks = nn.ModuleList(_Block(width, n_heads) for _ in range(n_layers))
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, n_words)

    def from_vectors(self, x: Tensor) -> Tensor:
        """Logits from the tokens' vectors: (batch, time, width) to (batch, time, vocabulary)."""
        return self.output(self.norm(self._run(x)[0]))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.from_vectors(self.embedding(tokens))

    def attention_maps(self, tokens: Tensor) -> Tensor:
        """Who looks at whom, shape (layers, batch, heads, time, time); each row sums to one."""
        return torch.stack(self._run(self.embedding(tokens))[1])

    def _run(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        length = x.shape[1]
        if length > self.max_length:
            raise ValueError(f"this transformer reads at most {self.max_length} tokens, found {length}")
        if self.positions is not None:
            x = x + self.positions.weight[:length]
        mask = causal_mask(length) if self.causal else None
        maps = []
        for block in self.blocks:
            x, weights = block(x, mask)
            maps.append(weights)
        return x, maps


# ---------------------------------------------------------------------------------------------------------
# Word vectors


def cooccurrence(
    sentences: Sequence[Sequence[str]], words: Sequence[str], reach: int = 2, weights: ArrayLike | None = None
) -> np.ndarray:
    """Law of a word and a neighbour at most ``reach`` places away, shape (vocabulary, vocabulary); symmetric.

    Parameters
    ----------
    sentences : sequence of sequences of str
    words : sequence of str
        Row and column order; words of the sentences must be among them.
    reach : int
        How far a neighbour may stand, to either side.
    weights : array_like, shape (n_sentences,) or None
        How often each sentence counts, for example its probability; once by default.

    Returns
    -------
    ndarray
        Sums to one. Rows are zero for words that never have a neighbour.
    """
    ids = {word: index for index, word in enumerate(words)}
    times = np.ones(len(sentences)) if weights is None else np.asarray(weights, dtype=float)
    counts = np.zeros((len(words), len(words)))
    for sentence, weight in zip(sentences, times, strict=True):
        for place, word in enumerate(sentence):
            for neighbour in sentence[place + 1 : place + 1 + reach]:
                counts[ids[word], ids[neighbour]] += weight
    counts = counts + counts.T
    if not counts.any():
        raise ValueError("no word has a neighbour: sentences of two words or more are needed")
    return counts / counts.sum()


def pointwise_mutual_information(joint: ArrayLike) -> np.ndarray:
    r"""PMI(w, c) = log [P(w, c) / (P(w) P(c))] in nats, the shape of ``joint``.

    Positive where two words meet more often than by chance; minus infinity where they never meet.

    Parameters
    ----------
    joint : array_like, shape (n_words, n_contexts)
        Sums to one; no row or column is empty.

    References
    ----------
    Church & Hanks (1990). In the book: equation ``sgns-optimum``.
    """
    law = _checked_joint(joint)
    with np.errstate(divide="ignore"):
        return np.log(law) - np.log(law.sum(axis=1, keepdims=True)) - np.log(law.sum(axis=0, keepdims=True))


def negative_sampling_loss(scores: ArrayLike, joint: ArrayLike, k: float) -> float:
    r"""Expected loss of skip-gram with negative sampling, in nats for each true pair.

    .. math:: -\sum_{w,c} \bigl[ P(w,c) \log \sigma(m_{wc}) + k \, P(w) P(c) \log \sigma(-m_{wc}) \bigr]

    Parameters
    ----------
    scores : array_like, shape (n_words, n_contexts)
        m, the scalar products of word and context vectors.
    joint : array_like, the same shape
        Law of the true pairs. False pairs, k for each true one, have the same margins and are independent.
    k : float
        Number of false pairs for each true one.

    Returns
    -------
    float
        Smaller is better; its minimum over all m is at PMI - log k.

    References
    ----------
    Mikolov et al. (2013), eq. (4); Levy & Goldberg (2014), eq. (2). In the book: equation ``sgns-optimum``.
    """
    law, m = _checked_joint(joint), np.asarray(scores, dtype=float)
    if m.shape != law.shape:
        raise ValueError(f"scores have shape {m.shape}, the joint law has {law.shape}")
    if not k > 0:
        raise ValueError(f"k must be positive, found {k}")
    by_chance = law.sum(axis=1, keepdims=True) * law.sum(axis=0, keepdims=True)
    return float(-(law * special.log_expit(m) + k * by_chance * special.log_expit(-m)).sum())


def fit_word_vectors(
    joint: ArrayLike, k: float, rank: int, rng: np.random.Generator, n_steps: int = 3000
) -> tuple[np.ndarray, np.ndarray]:
    """Word and context vectors that minimise `negative_sampling_loss`, by L-BFGS on the exact expectation.

    Parameters
    ----------
    joint : array_like, shape (n_words, n_contexts)
        Law of the true pairs.
    k : float
        Number of false pairs for each true one.
    rank : int
        Length of a vector. From the smaller of the two sizes on, any table of scores can be written.
    rng : numpy.random.Generator
        Draws the start.
    n_steps : int
        At most so many iterations.

    Returns
    -------
    (words, contexts) : ndarrays, shapes (n_words, rank) and (n_contexts, rank)
        Their scalar products are the scores. Only these mean something: any invertible matrix can be moved
        from one factor to the other.

    References
    ----------
    Levy & Goldberg (2014). In the book: equations ``sgns-optimum`` and ``sgns-weighted``.
    """
    law = _checked_joint(joint)
    n_rows, n_columns = law.shape
    if rank < 1:
        raise ValueError(f"rank must be at least 1, found {rank}")
    if not k > 0:
        raise ValueError(f"k must be positive, found {k}")
    weight = law + k * law.sum(axis=1, keepdims=True) * law.sum(axis=0, keepdims=True)

    def loss_and_slope(flat: np.ndarray) -> tuple[float, np.ndarray]:
        w, c = flat[: n_rows * rank].reshape(n_rows, rank), flat[n_rows * rank :].reshape(n_columns, rank)
        m = w @ c.T
        slope = weight * special.expit(m) - law  # of the loss in m
        loss = -(law * special.log_expit(m) + (weight - law) * special.log_expit(-m)).sum()
        return loss, np.concatenate([(slope @ c).ravel(), (slope.T @ w).ravel()])

    start = 0.3 * rng.standard_normal((n_rows + n_columns) * rank)
    options = {"maxiter": n_steps, "maxfun": 2 * n_steps, "ftol": 1e-15, "gtol": 1e-11, "maxcor": 30}
    best = optimize.minimize(loss_and_slope, start, jac=True, method="L-BFGS-B", options=options).x
    return best[: n_rows * rank].reshape(n_rows, rank), best[n_rows * rank :].reshape(n_columns, rank)


def _checked_joint(joint: ArrayLike) -> np.ndarray:
    law = np.asarray(joint, dtype=float)
    if law.ndim != 2 or (law < 0).any() or abs(law.sum() - 1) > 1e-8:
        raise ValueError("the joint law must be a table of probabilities that sums to 1")
    if not (law.sum(axis=0) > 0).all() or not (law.sum(axis=1) > 0).all():
        raise ValueError("the joint law has an empty row or column: leave that word out")
    return law

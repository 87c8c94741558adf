"""Claims of the chapter "Secret messages"."""

from __future__ import annotations

import functools

import numpy as np
import torch
from scipy.stats import entropy
from torch import Tensor, nn

from lectures_pkg.claims import Claim, Estimate, Side, estimate, slips_of
from lectures_pkg.neural_crypto import (
    BilinearNet,
    Players,
    ReluNet,
    all_words,
    encipher,
    eve_reads,
    fewest_errors,
    fresh_eve,
    intercept,
    joint_law,
    mutual_information,
    one_time_pad,
    pad_joint,
    pad_players,
    play,
    reading,
    relations,
    scheme_joint,
    scheme_loss,
    soft_wrong_bits,
    wrong_bits,
)

# ---------------------------------------------------------------- worlds of the claims


def _biased(n_bits: int, p: float) -> np.ndarray:
    """Law of a word whose bits are 1 with probability p, in the order of `all_words`."""
    ones = (all_words(n_bits) < 0).sum(axis=1)
    return p**ones * (1 - p) ** (n_bits - ones)


def _alice(rng: np.random.Generator, n_bits: int, kind: str = "no bias") -> nn.Module:
    """An untrained Alice in float64, weights drawn from ``rng``."""
    net = {
        "no bias": lambda: BilinearNet(2 * n_bits, n_bits, 12, bias=False),
        "with biases": lambda: BilinearNet(2 * n_bits, n_bits, 12),
        "a ReLU network": lambda: ReluNet(2 * n_bits, n_bits, 12),
    }[kind]().double()
    for parameter in net.parameters():
        parameter.data.copy_(torch.tensor(rng.normal(size=tuple(parameter.shape)) * 0.4))
    return net


@functools.cache
def _trained(kind: str, n_bits: int, n_rounds: int, hidden: int, seed: int) -> Players:
    return play(kind, n_bits, n_rounds, seed, hidden=hidden, batch_size=16 * n_bits)[0]


def _torch_rng(rng: np.random.Generator) -> torch.Generator:
    return torch.Generator().manual_seed(int(rng.integers(2**31)))


def _words(rng: np.random.Generator, n: int, n_bits: int) -> Tensor:
    return torch.tensor(rng.choice([-1.0, 1.0], size=(n, n_bits)), dtype=torch.get_default_dtype())


# ---------------------------------------------------------------- the one-time pad


def xor_is_a_product(rng: np.random.Generator, form: str = "(-1)^b") -> tuple[Side, Side]:
    """The package's pad of coded bits; the code of Python's exclusive or."""
    b, s = rng.integers(2, size=(2, 20, 8))
    b[0, :4], s[0, :4] = [0, 0, 1, 1], [0, 1, 0, 1]
    if form == "code 2b - 1":
        return one_time_pad(2 * b - 1, 2 * s - 1), 2 * (b ^ s) - 1
    return one_time_pad((-1) ** b, (-1) ** s), (-1) ** (b | s if form == "or" else b ^ s)


def pad_tells_nothing(rng: np.random.Generator, key: str = "fair") -> tuple[Side, Side]:
    """Information and posterior of 4 bits with an arbitrary law, from the joint law; zero, and the prior."""
    n_bits = 4
    prior = rng.dirichlet(np.ones(16))
    doubled = np.array([float(row[0] == row[2] and row[1] == row[3]) for row in all_words(n_bits)])
    key_law = {"fair": np.full(16, 1 / 16), "a biased key": _biased(n_bits, 0.3), "2 key bits, used twice": doubled / 4}
    joint = pad_joint(prior, key_law[key])
    posterior = joint / joint.sum(axis=0)
    return np.r_[mutual_information(joint), posterior.T.ravel()], np.r_[0, np.tile(prior, 16)]


def biased_key(rng: np.random.Generator, form: str = "N (1 - h)") -> tuple[Side, Side]:
    """Information of fair 4-bit messages under a biased key, by enumeration; the formula with SciPy's entropy."""
    n_bits, p = 4, float(rng.uniform(0.1, 0.4))
    left = mutual_information(pad_joint(np.full(16, 1 / 16), _biased(n_bits, p)))
    h = entropy([p, 1 - p], base=2)
    right = {"N (1 - h)": n_bits * (1 - h), "N h": n_bits * h, "in nats": n_bits * (np.log(2) - entropy([p, 1 - p]))}
    return left, right[form]


def reused_key(rng: np.random.Generator, form: str = "one key") -> tuple[Side, Side]:
    """Two ciphertexts of the package's pad multiplied; the two messages multiplied."""
    m, other, key, another = rng.choice([-1, 1], size=(4, 12))
    c = one_time_pad(m, key)
    d = one_time_pad(other, another if form == "a key each" else key)
    return c + d if form == "sum for product" else c * d, m * other


def reused_key_leak(rng: np.random.Generator, n_leaked: str = "N") -> tuple[Side, Side]:
    """Information of two 3-bit messages in two ciphertexts with one key, by enumeration; bits."""
    m, other, key = (axis.ravel() for axis in np.indices((8, 8, 8)))
    left = mutual_information(joint_law(8 * m + other, 8 * (m ^ key) + (other ^ key)))
    return left, {"N": 3, "nothing leaks": 0, "both messages": 6}[n_leaked]


def linear_bob(rng: np.random.Generator, inputs: str = "c and k") -> tuple[Side, Side]:
    """Smallest mean squared error of an affine reader, by least squares over all 3-bit cases; the variance of a bit."""
    words = all_words(3)
    m, k = np.repeat(words, 8, axis=0), np.tile(words, (8, 1))
    c = one_time_pad(m, k)
    columns = [c, k, np.ones((64, 1))] + ([c * k] if inputs == "their products too" else [])
    weight = np.tile(_biased(3, 0.3), 8) / 8 if inputs == "a biased key" else np.full(64, 1 / 64)
    design, root = np.hstack(columns), np.sqrt(weight)[:, None]
    solution = np.linalg.lstsq(root * design, root * m, rcond=None)[0]
    return weight @ (m - design @ solution) ** 2, np.ones(3)


# ---------------------------------------------------------------- chance, errors, the loss


def chance_bits(rng: np.random.Generator, form: str = "N/4") -> tuple[Side, Side]:
    """Mean, and mean square about 8, of the wrong bits of guesses at 16 fair bits; N/2 and N/4."""
    message, guess = _words(rng, 40_000, 16), _words(rng, 40_000, 16)
    if form == "one coin for all bits":
        guess = message * guess[:, :1]
    errors = wrong_bits(message, guess).numpy().astype(float)
    return estimate(np.stack([errors, (errors - 8) ** 2], axis=1)), [8, 16 if form == "SD = N/4" else 4]


def soft_errors(rng: np.random.Generator, form: str = "half of the distance") -> tuple[Side, Side]:
    """The package's soft errors of 5 guesses; hard errors of answers drawn with these means."""
    message, guess = _words(rng, 5, 16), torch.tensor(rng.uniform(-1, 1, size=(5, 16)), dtype=torch.float32)
    left = soft_wrong_bits(message, guess).numpy()
    if form == "the whole distance":
        left = 2 * left
    if form == "half of the squares":
        left = ((message - guess) ** 2).sum(dim=1).numpy() / 2
    answers = np.where(rng.random((10_000, 5, 16)) < (1 + guess.numpy()) / 2, 1.0, -1.0)
    return left, estimate((answers != message.numpy()).sum(axis=2))


def flipped_eve(rng: np.random.Generator, form: str = "N - L") -> tuple[Side, Side]:
    """Wrong bits of the negated guesses, hard and soft, by the package; N minus those of the guesses."""
    message, guess = _words(rng, 30, 16), torch.tensor(rng.uniform(-1, 1, size=(30, 16)), dtype=torch.float32)
    errors, flipped = (np.r_[wrong_bits(message, g), soft_wrong_bits(message, g)] for g in (guess, -guess))
    return flipped, errors if form == "as bad as before" else 16 - errors


def eve_at_half(rng: np.random.Generator, form: str = "squared distance from N/2") -> tuple[Side, Side]:
    """Where the package's loss is smallest over all error counts; where a reader with that error rate learns least."""
    n_bits = 16
    counts = np.arange(n_bits + 1)
    losses = [scheme_loss(torch.tensor(0.0), torch.tensor(float(count)), n_bits).item() for count in counts]
    if form == "raise Eve's errors":
        losses = list(-counts)
    information = [n_bits * (1 - entropy([count / n_bits, 1 - count / n_bits], base=2)) for count in counts]
    return counts[np.argmin(losses)], counts[np.argmin(information)]


# ---------------------------------------------------------------- networks


def bilinear_pad(rng: np.random.Generator, form: str = "products") -> tuple[Side, Side]:
    """Signs of the package's bilinear pad on all 4-bit messages and keys; exclusive or of their numbers."""
    n_bits = 4
    number = np.arange(16)
    m, k = np.repeat(number, 16), np.tile(number, 16)
    words = torch.tensor(all_words(n_bits), dtype=torch.float32)
    alice = pad_players(n_bits).alice
    with torch.no_grad():
        if form == "the neighbour's key bit":
            alice.second.weight.copy_(alice.second.weight.roll(1, dims=0))  # type: ignore[union-attr, operator]
        out = encipher(alice, words[m], words[k])
        if form == "sums":
            x = torch.cat([words[m], words[k]], dim=1)
            out = alice.output(alice.first(x) + alice.second(x))  # type: ignore[operator]
    return np.sign(out.numpy()), all_words(n_bits)[m ^ k]


def bilinear_is_even(rng: np.random.Generator, network: str = "no bias") -> tuple[Side, Side]:
    """Ciphertexts of the negated messages under the negated keys; of the messages under the keys."""
    flipped_key = -1.0 if network != "only the message flipped" else 1.0
    alice = _alice(rng, 4, "no bias" if network == "only the message flipped" else network)
    m, k = (torch.tensor(rng.choice([-1.0, 1.0], size=(20, 4))) for _ in range(2))
    with torch.no_grad():
        return encipher(alice, -m, flipped_key * k).numpy(), encipher(alice, m, k).numpy()


def best_eve_at_half(rng: np.random.Generator, network: str = "no bias") -> tuple[Side, Side]:
    """Fewest errors of any reader of an untrained 3-bit Alice, by enumeration; half the bits."""
    return fewest_errors(scheme_joint(_alice(rng, 3, network), 3, decimals=9), all_words(3)), 1.5


def chance_is_not_secrecy(rng: np.random.Generator, form: str = "N - 1") -> tuple[Side, Side]:
    """Information of the ciphertext about the message, untrained 4-bit Alice, by enumeration; all bits but one."""
    network = "with biases" if form == "with biases" else "no bias"
    left = mutual_information(scheme_joint(_alice(rng, 4, network), 4, decimals=9))
    return left, 0 if form == "at chance, so nothing leaks" else 3


def blind_to_the_sign(rng: np.random.Generator, form: str = "N^2 / 4") -> tuple[Side, Side]:
    """Mean and variance of the errors of a reader who knows all but the sign, over all words; N/2 and N²/4."""
    words = torch.tensor(all_words(6))
    errors = torch.cat([wrong_bits(words, sign * words) for sign in (1, -1)]).numpy()
    return [errors.mean(), errors.var()], [3, 6 / 4 if form == "N / 4, as for coins" else 36 / 4]


# ---------------------------------------------------------------- trained networks


def trained_eve_at_chance(rng: np.random.Generator, eve: str = "trained along") -> tuple[Side, Side]:
    """Bob's wrong bits, and Eve's distance from 8, after 1600 rounds with 16 bits, on 4096 messages; the bounds."""
    players = _trained("bilinear", 16, 1600, 64, int(rng.integers(2**31)))
    draws = _torch_rng(rng)
    message, key = intercept_with_key(players, draws)
    with torch.no_grad():
        ciphertext = encipher(players.alice, message, key)
        bob = reading(message, players.bob(torch.cat([ciphertext, key], dim=1))).wrong
    keys = {"trained along": "fresh", "Eve sees the key": "seen", "one key for all messages": "reused"}[eve]
    reader = None if keys == "fresh" else fresh_eve(players, 0, hidden=(128,), n_steps=250, keys=keys)
    return [bob, abs(eve_reads(players, 4096, draws, eve=reader, keys=keys).wrong - 8)], [0.5, 0.3]


def intercept_with_key(players: Players, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Fresh messages and keys."""
    message, seen = intercept(players, 4096, rng, keys="seen")
    return message, seen[:, players.n_bits :]


def fresh_eve_reads_more(rng: np.random.Generator, form: str = "fresh") -> tuple[Side, Side]:
    """Wrong bits of a fresh Eve, and of the Eve who trained along, 8 bits, ReLU networks, 800 rounds."""
    players = _trained("relu", 8, 800, 64, int(rng.integers(2**31)))
    seed, draws = int(rng.integers(2**31)), _torch_rng(rng)
    fresh, trained = (
        Estimate(*eve_reads(players, 8192, draws, eve=eve))
        for eve in (fresh_eve(players, seed, n_steps=800), players.eve)
    )
    return (trained, fresh) if form == "the Eve who trained along is the best" else (fresh, trained)


def relations_leak(rng: np.random.Generator, form: str = "relations") -> tuple[Side, Side]:
    """Share of wrong relations of a fresh Eve, and a third; a third, and the share of wrong bits of another."""
    pad = form == "the one-time pad"
    players = pad_players(8) if pad else _trained("bilinear", 8, 800, 32, int(rng.integers(2**31)))
    draws, shares = _torch_rng(rng), []
    for target, n_targets in ((relations, 7), (None, 8)):
        eve = fresh_eve(players, 1, hidden=(128,), n_steps=800, target=target)
        found = eve_reads(players, 8192, draws, eve=eve, target=target)
        shares.append((found.wrong / n_targets, found.standard_error / n_targets))
    of_relations, of_bits = shares[::-1] if form == "bits and relations alike" else shares
    left = Estimate([of_relations[0], 1 / 3], [of_relations[1], 0])
    return left, Estimate([1 / 3, of_bits[0]], [0, of_bits[1]])


CLAIMS = (
    Claim(
        label="xor-is-a-product",
        equation=r"(-1)^{b \oplus s} = (-1)^b \, (-1)^s",
        sides=xor_is_a_product,
        source="the chapter's table of four cases",
        slips=slips_of(xor_is_a_product, "form", "code 2b - 1", "or"),
        tolerance=0,
    ),
    Claim(
        label="pad-tells-nothing",
        equation=r"""
\begin{aligned}
P(m \mid c) &= P(m), \\
I(M; C) &= 0 \qquad \text{for a fair key}
\end{aligned}
""",
        sides=pad_tells_nothing,
        source="Shannon (1949), section 10",
        slips=slips_of(pad_tells_nothing, "key", "a biased key", "2 key bits, used twice"),
    ),
    Claim(
        label="biased-key",
        equation=r"I(M; C) = N \bigl( 1 - h(p) \bigr)",
        sides=biased_key,
        source="the chapter's derivation, for fair messages",
        slips=slips_of(biased_key, "form", "N h", "in nats"),
    ),
    Claim(
        label="reused-key",
        equation=r"c_i \, c'_i = m_i \, m'_i",
        sides=reused_key,
        source="the chapter's derivation",
        slips=slips_of(reused_key, "form", "a key each", "sum for product"),
        tolerance=0,
    ),
    Claim(
        label="reused-key-leak",
        equation=r"I(M, M'; C, C') = N",
        sides=reused_key_leak,
        source="the chapter's derivation, for fair messages",
        slips=slips_of(reused_key_leak, "n_leaked", "nothing leaks", "both messages"),
    ),
    Claim(
        label="linear-bob",
        equation=r"""
\min_{u, v, w} \mathbb{E} \bigl( m_i - u^\top c - v^\top k - w \bigr)^2 = 1
""",
        sides=linear_bob,
        source="the chapter's derivation",
        slips=slips_of(linear_bob, "inputs", "their products too", "a biased key"),
    ),
    Claim(
        label="chance-bits",
        equation=r"""
\mathbb{E}[L] = \frac{N}{2}, \qquad \operatorname{Var}[L] = \frac{N}{4}
""",
        sides=chance_bits,
        source="the binomial law",
        slips=slips_of(chance_bits, "form", "SD = N/4", "one coin for all bits"),
    ),
    Claim(
        label="soft-errors",
        equation=r"""
\begin{aligned}
& \mathbb{E} \bigl[ \text{number of wrong bits} \bigr] \\
& \quad = \frac12 \sum_{i=1}^N \lvert m_i - g_i \rvert
\end{aligned}
""",
        sides=soft_errors,
        source="Abadi & Andersen (2016), section 2",
        slips=slips_of(soft_errors, "form", "the whole distance", "half of the squares"),
        tolerance=1e-5,
    ),
    Claim(
        label="flipped-eve",
        equation=r"L(m, -g) = N - L(m, g)",
        sides=flipped_eve,
        source="the chapter's derivation",
        slips=slips_of(flipped_eve, "form", "as bad as before"),
        tolerance=1e-5,
    ),
    Claim(
        label="eve-at-half",
        equation=r"""
\operatorname*{arg\,min}_{L} \frac{(N/2 - L)^2}{(N/2)^2} = \frac{N}{2}
""",
        sides=eve_at_half,
        source="Abadi & Andersen (2016), section 2.5",
        slips=slips_of(eve_at_half, "form", "raise Eve's errors"),
        tolerance=0,
    ),
    Claim(
        label="bilinear-pad",
        equation=r"""
\operatorname{sign} \tanh \bigl( \gamma \, (W_1 x)_i \, (W_2 x)_i \bigr) = m_i k_i
""",
        sides=bilinear_pad,
        source="the chapter's derivation, for W_1 and W_2 that pick bit i of message and key",
        slips=slips_of(bilinear_pad, "form", "sums", "the neighbour's key bit"),
        tolerance=0,
    ),
    Claim(
        label="trained-eve-at-chance",
        equation=r"""
\begin{aligned}
L_{\mathrm{Bob}} &\le 0.5, \\
\lvert L_{\mathrm{Eve}} - 8 \rvert &\le 0.3
\end{aligned}
""",
        sides=trained_eve_at_chance,
        source="measured after Abadi & Andersen (2016), with bilinear networks",
        relation="<=",
        slips=slips_of(trained_eve_at_chance, "eve", "Eve sees the key", "one key for all messages"),
        tolerance=0,
    ),
    Claim(
        label="fresh-eve-reads-more",
        equation=r"L_{\mathrm{fresh}} \le L_{\mathrm{Eve}}",
        sides=fresh_eve_reads_more,
        source="measured, 8 bits, ReLU networks",
        relation="<=",
        slips=slips_of(fresh_eve_reads_more, "form", "the Eve who trained along is the best"),
        tolerance=0,
    ),
    Claim(
        label="bilinear-is-even",
        equation=r"A(-m, -k) = A(m, k)",
        sides=bilinear_is_even,
        source="the chapter's derivation, for maps without a bias",
        slips=slips_of(bilinear_is_even, "network", "with biases", "a ReLU network", "only the message flipped"),
    ),
    Claim(
        label="best-eve-at-half",
        equation=r"""
\sum_c \sum_{i=1}^N \min_{s = \pm 1} P(m_i = s, c) = \frac{N}{2}
""",
        sides=best_eve_at_half,
        source="the chapter's derivation, for any even Alice",
        slips=slips_of(best_eve_at_half, "network", "with biases", "a ReLU network"),
    ),
    Claim(
        label="chance-is-not-secrecy",
        equation=r"I(M; C) = N - 1",
        sides=chance_is_not_secrecy,
        source="the chapter's derivation, for an even Alice whose other ciphertexts all differ",
        slips=slips_of(chance_is_not_secrecy, "form", "at chance, so nothing leaks", "with biases"),
    ),
    Claim(
        label="blind-to-the-sign",
        equation=r"""
\mathbb{E}[L] = \frac{N}{2}, \qquad \operatorname{Var}[L] = \frac{N^2}{4}
""",
        sides=blind_to_the_sign,
        source="the chapter's derivation",
        slips=slips_of(blind_to_the_sign, "form", "N / 4, as for coins"),
    ),
    Claim(
        label="relations-leak",
        equation=r"""
\frac{L_{\mathrm{relations}}}{N - 1} \le \frac13 \le \frac{L_{\mathrm{bits}}}{N}
""",
        sides=relations_leak,
        source="measured, 8 bits, bilinear networks",
        relation="<=",
        slips=slips_of(relations_leak, "form", "the one-time pad", "bits and relations alike"),
    ),
)

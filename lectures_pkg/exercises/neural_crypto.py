"""Exercises of the chapter "Secret messages"."""

# Solutions are shown to readers as they would write them, without types.
# mypy: disallow-untyped-defs=False

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from scipy.stats import binom

from lectures_pkg.divergences import entropy
from lectures_pkg.exercises import Exercise, Mistake, Wrong, as_array, as_entries, as_number, close
from lectures_pkg.neural_crypto import all_words, eve_reads, one_time_pad, play, scheme_loss, soft_wrong_bits

Array = np.ndarray


# --- 1. How much a pad tells --------------------------------------------------------------------------------


def pad_leak(message_law, key_law):
    n = len(message_law)
    joint = np.zeros((n, n))
    for m in range(n):
        for k in range(n):
            joint[m, m ^ k] += message_law[m] * key_law[k]
    independent = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    there = joint > 0
    return float((joint[there] * np.log2(joint[there] / independent[there])).sum())


def _leak_of_sums(message_law: Array, key_law: Array) -> float:
    n = len(message_law)
    joint = np.zeros((n, n))
    for m in range(n):
        for k in range(n):
            joint[m, (m + k) % n] += message_law[m] * key_law[k]
    independent = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    there = joint > 0
    return float((joint[there] * np.log2(joint[there] / independent[there])).sum())


def _check_pad_leak(answer: object, message_law: Array, key_law: Array) -> None:
    found = as_number(answer)
    # Another route: I(M; C) = H(C) - H(C | M), and given m the ciphertext is as uncertain as the key.
    n = len(message_law)
    cipher_law = np.array([sum(message_law[m] * key_law[m ^ c] for m in range(n)) for c in range(n)])
    of_cipher, of_key = entropy(cipher_law, base=2), entropy(key_law, base=2)
    expected = of_cipher - of_key
    if close(found, expected, absolute=1e-9):
        return
    if close(found, expected * math.log(2)):
        raise Wrong("that is in nats: take the logarithm to base 2")
    if close(found, entropy(message_law, base=2) - expected):
        raise Wrong("that is H(M | C), what Eve still doesn't know: asked for is what the ciphertext tells her")
    if close(found, _leak_of_sums(message_law, key_law), absolute=1e-9):
        raise Wrong("the ciphertext is the exclusive or of the two numbers, m ^ k in Python, not their sum")
    raise Wrong("it is not the sum of p(m, c) log2 [p(m, c) / (p(m) p(c))]: is the joint law right?")


def _laws(rng: np.random.Generator) -> list[tuple]:
    cases: list[tuple] = [(rng.dirichlet(np.ones(8)), rng.dirichlet(np.ones(8))) for _ in range(2)]
    sparse = np.zeros(16)
    sparse[rng.choice(16, size=5, replace=False)] = 0.2
    return [*cases, (rng.dirichlet(np.ones(16)), sparse), (rng.dirichlet(np.ones(16)), np.full(16, 1 / 16))]


# --- 2. The level of chance ---------------------------------------------------------------------------------


def chance_level(n_bits: int, n_messages: int) -> dict:
    mean, std = n_bits / 2, math.sqrt(n_bits) / 2
    error = std / math.sqrt(n_messages)
    return {"mean": mean, "std": std, "standard_error": error, "low": mean - 4 * error, "high": mean + 4 * error}


def _check_chance_level(answer: object, n_bits: int, n_messages: int) -> None:
    mean, std, error, low, high = map(as_number, as_entries(answer, ("mean", "std", "standard_error", "low", "high")))
    law = binom(n_bits, 0.5)
    if not close(mean, law.mean()):
        raise Wrong("a guess at a fair bit is wrong half of the time: the mean is N/2")
    if close(std, law.var()) and not close(std, law.std()):
        raise Wrong("that is the variance of the number of wrong bits; its root is the standard deviation")
    if not close(std, law.std()):
        raise Wrong("the standard deviation of a binomial number is the root of N · 1/2 · 1/2")
    if close(error, std / math.sqrt(n_messages * n_bits)):
        raise Wrong("the root of N counts twice: std is that of a whole message, so divide by the root of n_messages")
    if not close(error, law.std() / math.sqrt(n_messages)):
        raise Wrong("the standard error of the mean is std divided by the root of the number of messages")
    if close(low, mean - 4 * std) and n_messages > 1:
        raise Wrong("the band is for the mean over all messages: 4 standard errors, not 4 standard deviations")
    if not (close(low, mean - 4 * error) and close(high, mean + 4 * error)):
        raise Wrong("low and high are 4 standard errors below and above the mean")


def _sizes(rng: np.random.Generator) -> list[tuple]:
    return [(16, 4096), (8, int(rng.integers(100, 20_000))), (int(rng.integers(5, 64)), int(rng.integers(50, 500)))]


# --- 3. A key used twice ------------------------------------------------------------------------------------


def two_time_pad(first, second, known):
    key = first * known
    return {"product": first * second, "key": key, "other": second * key}


def _check_two_time_pad(answer: object, first: Array, second: Array, known: Array) -> None:
    product, key, other = (as_array(entry, first.shape) for entry in as_entries(answer, ("product", "key", "other")))
    if close(product, first + second):
        raise Wrong("in the coding -1, +1 the exclusive or is the product of the two ciphertexts, not their sum")
    if not close(product, one_time_pad(first, second)):
        raise Wrong("product is the product of the two ciphertexts, bit by bit: the key cancels")
    if close(key, one_time_pad(second, known)):
        raise Wrong("known is the message of the first ciphertext, and that of the key is first times known")
    if not close(key, one_time_pad(first, known)):
        raise Wrong("key is what turns the known message into the first ciphertext")
    if close(other, known):
        raise Wrong("that is the message you knew already: apply the key to the second ciphertext")
    if not close(other, one_time_pad(one_time_pad(first, second), known)):
        raise Wrong("other is the second message: the second ciphertext, deciphered")


def _two_ciphertexts(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for shape in ((16,), (5, 8)):
        m, other, key = rng.choice([-1.0, 1.0], size=(3, *shape))
        cases.append((m * key, other * key, m))
    return cases


# --- 4. A linear Bob ----------------------------------------------------------------------------------------


def linear_bob_r2(p: float) -> dict:
    m, k = np.array([1.0, 1, -1, -1]), np.array([1.0, -1, 1, -1])
    c, weight = m * k, np.array([1 - p, p, 1 - p, p]) / 2
    root, found = np.sqrt(weight), {}
    for name, columns in (("linear", (c, k, np.ones(4))), ("with_product", (c, k, np.ones(4), c * k))):
        design = np.stack(columns, axis=1)
        solution = np.linalg.lstsq(root[:, None] * design, root * m, rcond=None)[0]
        found[name] = 1 - weight @ (m - design @ solution) ** 2  # a fair bit has variance 1
    return found


def _unweighted(p: float) -> dict:
    return linear_bob_r2(0.5)


def _without_the_key(p: float) -> dict:
    return {"linear": (1 - 2 * p) ** 2, "with_product": (1 - 2 * p) ** 2}


def _correlation(p: float) -> dict:
    return {"linear": 1 - 2 * p, "with_product": 1.0}


def _check_linear_bob_r2(answer: object, p: float) -> None:
    linear, with_product = map(as_number, as_entries(answer, ("linear", "with_product")))
    expected = (1 - 2 * p) ** 2  # only c is of use, and its covariance with m is E[k] = 1 - 2p
    if not close(with_product, 1, relative=1e-7):
        raise Wrong("with c k among the inputs the bit is read without error: m = c k, so that R² is 1")
    if close(linear, 0, absolute=1e-9) and p != 0.5:
        raise Wrong("0 is right for a fair key only: weigh the four cases by their probabilities")
    if close(linear, 1 - 2 * p) and not close(linear, expected):
        raise Wrong("that is the correlation of c and m: R² is its square")
    if not close(linear, expected, relative=1e-7):
        raise Wrong("linear is not the largest share of the variance of m that an affine function of c and k explains")


def _key_biases(rng: np.random.Generator) -> list[tuple]:
    return [(float(rng.uniform(0.05, 0.3)),), (float(rng.uniform(0.35, 0.45)),)]


# --- 5. The slope of the loss at Eve's guesses (assignment) -------------------------------------------------


def _check_secrecy_slope(answer: object, message: Array, guess: Array) -> None:
    found = as_array(answer, message.shape)
    m, g = torch.tensor(message), torch.tensor(guess, requires_grad=True)
    n, n_bits = message.shape
    eve = soft_wrong_bits(m, g)
    (expected,) = torch.autograd.grad(scheme_loss(torch.tensor(0.0, dtype=g.dtype), eve.mean(), n_bits), g)
    truth = expected.numpy()
    if close(found, truth, relative=1e-7):
        return
    g = torch.tensor(guess, requires_grad=True)
    each = ((n_bits / 2 - soft_wrong_bits(m, g)) ** 2 / (n_bits / 2) ** 2).mean()
    (of_each,) = torch.autograd.grad(each, g)
    if close(found, of_each.numpy(), relative=1e-7):
        raise Wrong("that squares message by message: the loss squares the mean over the batch")
    if close(found, -truth, relative=1e-7):
        raise Wrong("the sign is reversed: where Eve is right too often, the loss falls as her guesses move from m")
    if close(found, -message / (2 * n) * -1 / (n_bits / 2), relative=1e-7):
        raise Wrong("that is the slope of -L: it pushes Eve beyond N/2, where a flipped Eve reads everything")
    if close(found, n * truth, relative=1e-7):
        raise Wrong("L is a mean over the batch: divide by the number of messages")
    raise Wrong("use the chain rule: slope of the square in L, times the slope of L in each guess, -m / (2 n)")


def _guesses(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for lean in (0.5, -0.5):  # an Eve who is right too often, and one who is wrong too often
        message = rng.choice([-1.0, 1.0], size=(6, 8))
        cases.append((message, np.clip(lean * message + 0.3 * rng.normal(size=(6, 8)), -0.99, 0.99)))
    return cases


# --- 6. Spot the slip: Eve is at chance (assignment) --------------------------------------------------------


@functools.cache
def _saved_alice(seed: int) -> tuple[tuple[Array, ...], float]:
    """Weights and biases of an 8-bit ReLU Alice after a short game, and the wrong bits of the Eve of that game."""
    players, _ = play("relu", 8, 600, seed, batch_size=128)
    arrays = tuple(p.detach().double().numpy() for p in players.alice.parameters())
    return arrays, eve_reads(players, rng=torch.Generator().manual_seed(seed)).wrong


def _as_alice(arrays: tuple[Array, ...]) -> dict:
    return {"weights": [arrays[0].copy(), arrays[2].copy()], "biases": [arrays[1].copy(), arrays[3].copy()]}


def _network(weights: list, biases: list, x: Array) -> Array:
    """A ReLU network with a tanh at its end."""
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        x = np.maximum(x @ w.T + b, 0)
    return np.tanh(x @ weights[-1].T + biases[-1])


def _layers(weights: object, biases: object) -> tuple[list[Array], list[Array]]:
    if not isinstance(weights, list) or not isinstance(biases, list) or len(weights) != len(biases) or not weights:
        raise Wrong("weights and biases should be lists of arrays, one of each for every layer")
    ws, bs, width = [], [], 8
    for index, (w, b) in enumerate(zip(weights, biases, strict=True)):
        n_out = 8 if index == len(weights) - 1 else int(np.shape(b)[0]) if np.ndim(b) == 1 else -1
        if index == 0 and np.ndim(w) == 2 and np.shape(w)[1] != 8:
            raise Wrong(f"Eve sees the ciphertext alone, 8 numbers; this network wants {np.shape(w)[1]}")
        ws.append(as_array(w, (n_out, width)))
        bs.append(as_array(b, (n_out,)))
        width = n_out
    return ws, bs


def _check_fresh_report(answer: object, alice: dict, trained_eve_wrong: float, n_messages: int) -> None:
    weights, biases, wrong, error, reads_more = as_entries(
        answer, ("weights", "biases", "wrong", "standard_error", "reads_more")
    )
    weights, biases = _layers(weights, biases)
    wrong, error = as_number(wrong), as_number(error)
    # The grader measures the returned Eve itself, on messages that nobody has seen.
    rng = np.random.default_rng(len(alice["weights"]) + int(1e6 * trained_eve_wrong))
    m, k = rng.choice([-1.0, 1.0], size=(2, 20_000, 8))
    ciphertext = _network(alice["weights"], alice["biases"], np.hstack([m, k]))
    counts = ((_network(weights, biases, ciphertext) > 0) != (m > 0)).sum(axis=1)
    measured, std = counts.mean(), counts.std()
    if measured > 3.8:
        raise Wrong(f"{measured:.2f} of 8 bits wrong, this Eve is at chance or nearly: train her on fresh messages")
    if measured > trained_eve_wrong - 0.2:
        raise Wrong(
            f"she has {measured:.2f} of 8 wrong, hardly better than the old one: train longer, or a wider network"
        )
    if not 0.8 < error * math.sqrt(n_messages) / std < 1.25:
        raise Wrong(f"the standard error should be the deviation over messages divided by the root of {n_messages}")
    if abs(wrong - measured) > 5 * math.hypot(error, std / math.sqrt(20_000)):
        raise Wrong(f"you report {wrong:.2f}, on fresh messages I measure {measured:.2f}: were yours seen in training?")
    if reads_more is not True and not (isinstance(reads_more, np.bool_) and reads_more):
        raise Wrong("compare the difference of the two Eves with 4 standard errors: the verdict should be True")


def _saved_alices(rng: np.random.Generator) -> list[tuple]:
    arrays, wrong = _saved_alice(int(rng.integers(3)))
    return [(_as_alice(arrays), wrong, 10_000)]


# --- 7. Mini project: break the 8-bit Alice -----------------------------------------------------------------


def break_alice(alice, ciphertexts):
    numbers = np.arange(256)
    words = (-1.0) ** (numbers[:, None] >> np.arange(8)[::-1] & 1)
    messages, keys = np.repeat(words, 256, axis=0), np.tile(words, (256, 1))
    hidden = np.maximum(np.hstack([messages, keys]) @ alice["weights"][0].T + alice["biases"][0], 0)
    table = np.tanh(hidden @ alice["weights"][1].T + alice["biases"][1])  # all 65 536 ciphertexts
    nearest = [np.abs(table - c).max(axis=1).argmin() for c in ciphertexts]
    return messages[nearest]


def _signs_of_the_ciphertext(alice: dict, ciphertexts: Array) -> Array:
    return np.where(ciphertexts > 0, 1.0, -1.0)


def _bits(alice: dict, ciphertexts: Array) -> Array:
    return (break_alice(alice, ciphertexts) < 0).astype(float)


def _opposite(alice: dict, ciphertexts: Array) -> Array:
    return -break_alice(alice, ciphertexts)


def _check_break_alice(answer: object, alice: dict, ciphertexts: Array) -> None:
    guess = as_array(answer, ciphertexts.shape)
    if not (np.abs(guess) == 1).all():
        raise Wrong("messages are coded -1 and +1: (-1)**bit")
    # The check doesn't know the messages: it asks whether any of the 256 keys turns the guess into the ciphertext.
    keys = all_words(8)
    inputs = np.hstack([np.repeat(guess, 256, axis=0), np.tile(keys, (len(guess), 1))])
    made = _network(alice["weights"], alice["biases"], inputs).reshape(len(guess), 256, 8)
    opposite = _network(alice["weights"], alice["biases"], inputs * np.r_[-np.ones(8), np.ones(8)])
    fits = [
        np.abs(table - ciphertexts[:, None]).max(axis=2).min(axis=1) < 6e-4
        for table in (made, opposite.reshape(made.shape))
    ]
    if fits[0].mean() >= 0.95:
        return
    if fits[1].mean() >= 0.95:
        raise Wrong("these are the opposite messages: 0 is coded +1 and 1 is coded -1")
    raise Wrong(
        f"for {np.mean(~fits[0]):.0%} of the guesses no key at all gives the ciphertext: Alice's weights are known, "
        "and there are only 65 536 pairs of a message and a key"
    )


def _intercepted(rng: np.random.Generator) -> list[tuple]:
    arrays, _ = _saved_alice(int(rng.integers(3)))
    alice = _as_alice(arrays)
    m, k = rng.choice([-1.0, 1.0], size=(2, 25, 8))
    return [(alice, np.round(_network(alice["weights"], alice["biases"], np.hstack([m, k])), 3))]


EXERCISES = (
    Exercise(
        name="pad_leak",
        title="How much a pad tells",
        prompt="""
Messages and keys are numbers from 0 to $2^N - 1$ with the given laws, independent of each other, and the ciphertext is
their exclusive or. Return $I(M; C)$ in bits. (For a fair key it should be 0, whatever the messages' law.)
""",
        stub='''def pad_leak(message_law, key_law):
    """Bits that the ciphertext tells about the message, one number."""
    ...''',
        inputs=_laws,
        check=_check_pad_leak,
        solution=pad_leak,
        mistakes=(
            Mistake("nats", lambda p, q: pad_leak(p, q) * math.log(2), "in nats"),
            Mistake("what is left", lambda p, q: entropy(p, base=2) - pad_leak(p, q), "still doesn't know"),
            Mistake("sum for exclusive or", _leak_of_sums, "not their sum"),
        ),
        level=1,
        minutes=15,
    ),
    Exercise(
        name="chance_level",
        title="What chance looks like",
        prompt="""
Somebody guesses `n_messages` messages of `n_bits` fair bits. Return a dict: `"mean"` and `"std"` of the number of wrong
bits of *one* message, the `"standard_error"` of the mean over all messages, and the band `"low"`, `"high"` of four
standard errors around the mean, outside which nobody will believe that an Eve is guessing.
""",
        stub='''def chance_level(n_bits, n_messages):
    """A dict of five numbers: "mean", "std", "standard_error", "low", "high"."""
    ...''',
        inputs=_sizes,
        check=_check_chance_level,
        solution=chance_level,
        mistakes=(
            Mistake("variance", lambda n, k: {**chance_level(n, k), "std": n / 4}, "its root"),
            Mistake(
                "root of N twice",
                lambda n, k: {**chance_level(n, k), "standard_error": math.sqrt(n) / 2 / math.sqrt(n * k)},
                "counts twice",
            ),
            Mistake(
                "band of deviations",
                lambda n, k: {**chance_level(n, k), "low": n / 2 - 2 * math.sqrt(n), "high": n / 2 + 2 * math.sqrt(n)},
                "not 4 standard deviations",
            ),
        ),
        level=1,
        minutes=10,
    ),
    Exercise(
        name="two_time_pad",
        title="A key used twice",
        prompt="""
Two ciphertexts were made with *one* key, in the coding $\\pm 1$, and you happen to know the message of the first.
Return a dict of three arrays: the `"product"` of the two messages (which needs no knowledge at all), the `"key"`, and
the `"other"` message.
""",
        stub='''def two_time_pad(first, second, known):
    """A dict of arrays with entries -1 and +1: "product", "key", "other"."""
    ...''',
        inputs=_two_ciphertexts,
        check=_check_two_time_pad,
        solution=two_time_pad,
        mistakes=(
            Mistake("sum", lambda a, b, m: {**two_time_pad(a, b, m), "product": a + b}, "not their sum"),
            Mistake("wrong ciphertext", lambda a, b, m: {**two_time_pad(a, b, m), "key": b * m}, "of the first"),
            Mistake("the known message", lambda a, b, m: {**two_time_pad(a, b, m), "other": m}, "knew already"),
        ),
        level=1,
        minutes=10,
    ),
    Exercise(
        name="linear_bob_r2",
        title="What a linear Bob reads",
        prompt="""
One bit $m = \\pm 1$, fair; a key bit that is $-1$ with probability $p$; $c = m k$. Return a dict: `"linear"`, the
largest share $R^2$ of the variance of $m$ that an affine function of $c$ and $k$ can explain, and `"with_product"`, the
same with $c\\,k$ as a third input. There are four cases: weigh each by its probability.
""",
        stub='''def linear_bob_r2(p):
    """A dict of two numbers in [0, 1]: "linear", "with_product"."""
    ...''',
        inputs=_key_biases,
        check=_check_linear_bob_r2,
        solution=linear_bob_r2,
        mistakes=(
            Mistake("a fair key assumed", _unweighted, "weigh the four cases"),
            Mistake("product left out", _without_the_key, "read without error"),
            Mistake("correlation", _correlation, "its square"),
        ),
        level=2,
        minutes=20,
    ),
    Exercise(
        name="secrecy_slope",
        title="Where the loss pushes Eve",
        prompt="""
Eve's guesses $g$ (an array of shape (n, N), entries between $-1$ and $1$) have on average
$L = \\frac1n \\sum \\frac12 \\lvert m - g \\rvert$ bits wrong. Return the gradient of $(N/2 - L)^2 / (N/2)^2$ in every
guess, an array of shape (n, N), without automatic differentiation. One case has an Eve who is right too often, the
other one who is *wrong* too often: look at the two signs.
""",
        stub='''def secrecy_slope(message, guess):
    """Gradient of the second term of the scheme's loss in Eve's guesses, shape (n, N)."""
    ...''',
        inputs=_guesses,
        check=_check_secrecy_slope,
        level=2,
        minutes=25,
        points=8,
    ),
    Exercise(
        name="fresh_report",
        title="Spot the slip: Eve is at chance, so the code is safe",
        prompt="""
`alice` holds the weights and biases of a trained Alice with 8 bits:
`x = [message, key]`, `h = relu(weights[0] @ x + biases[0])`, ciphertext `tanh(weights[1] @ h + biases[1])`. The Eve who
was trained along has `trained_eve_wrong` of 8 bits wrong. Train a fresh Eve on ciphertexts that you make yourself
(NumPy or torch; any ReLU network from 8 to 8 numbers with a tanh at its end), and measure her on `n_messages` fresh
messages. Return a dict: her layers as two lists of arrays, `"weights"` (each of shape (out, in)) and `"biases"`; her
mean number of `"wrong"` bits; its `"standard_error"`; and `"reads_more"`, whether she beats the old Eve by more than
four standard errors. The check measures your Eve again, on messages of its own.
""",
        stub='''def fresh_report(alice, trained_eve_wrong, n_messages):
    """A dict: "weights", "biases", "wrong", "standard_error", "reads_more"."""
    ...''',
        inputs=_saved_alices,
        check=_check_fresh_report,
        level=2,
        minutes=45,
        points=12,
    ),
    Exercise(
        name="break_alice",
        title="Mini project: break the 8-bit Alice",
        prompt="""
Now no training at all. Only the key is secret; the method, `alice` (as above), is known, as every cryptographer since
Kerckhoffs assumes. You intercept `ciphertexts`, shape (n, 8), sent with three decimals, each under a fresh key. Return
the messages, shape (n, 8), entries $-1$ and $+1$, without knowing any key. The check asks, for each of your messages,
whether there is a key with which Alice would have sent that ciphertext.
""",
        stub='''def break_alice(alice, ciphertexts):
    """The messages, shape (n, 8), entries -1 and +1."""
    ...''',
        inputs=_intercepted,
        check=_check_break_alice,
        solution=break_alice,
        mistakes=(
            Mistake("signs of the ciphertext", _signs_of_the_ciphertext, "no key at all"),
            Mistake("bits", _bits, "are coded -1 and +1"),
            Mistake("opposite code", _opposite, "opposite messages"),
        ),
        level=3,
        minutes=60,
        rubric="""
The table has $4^N$ rows: what does 16 bits cost, in numbers and in bytes? A second attack that does not
use Alice's weights, only pairs of message and ciphertext (a fresh Eve), with its errors and their standard error; what
both still read if only the signs of the ciphertext are sent, and whether Bob still can.
""",
    ),
)

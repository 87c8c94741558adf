"""Exercises of the chapter "A game between two networks"."""

# Solutions are shown to readers as they would write them, without types.
# mypy: disallow-untyped-defs=False

from __future__ import annotations

import math

import numpy as np
from scipy.special import expit, log_expit

from lectures_pkg.adversarial_game import StrokeGame, confusion
from lectures_pkg.divergences import jensen_shannon_divergence
from lectures_pkg.exercises import Exercise, Mistake, Wrong, as_array, as_entries, as_number, close
from lectures_pkg.worlds import strokes

Array = np.ndarray


# --- 1. Losses from logits ----------------------------------------------------------------------------------


def game_losses(real_logits, fake_logits):
    def minus_log_sigmoid(a):
        return np.logaddexp(0, -a)  # softplus(-a)

    return {
        "discriminator": minus_log_sigmoid(real_logits).mean() + minus_log_sigmoid(-fake_logits).mean(),
        "generator": minus_log_sigmoid(fake_logits).mean(),
    }


def _naive_losses(real_logits: Array, fake_logits: Array) -> dict:
    with np.errstate(all="ignore"):
        d_real, d_fake = 1 / (1 + np.exp(-real_logits)), 1 / (1 + np.exp(-fake_logits))
        loss = -np.log(d_real).mean() - np.log(1 - d_fake).mean()
        return {"discriminator": loss, "generator": -np.log(d_fake).mean()}


def _check_game_losses(answer: object, real_logits: Array, fake_logits: Array) -> None:
    of_d, of_g = map(as_number, as_entries(answer, ("discriminator", "generator")))
    reals, fakes = -log_expit(real_logits), -log_expit(-fake_logits)
    if not (math.isfinite(of_d) and math.isfinite(of_g)):
        raise Wrong(
            "a loss is infinite or nan: at such logits the sigmoid rounds to 0 or 1. Don't form it: "
            "-log sigmoid(a) is log(1 + exp(-a)), and numpy.logaddexp(0, -a) never overflows"
        )
    swapped = -log_expit(-real_logits).mean() - log_expit(fake_logits).mean()
    if close(of_d, swapped) and not close(of_d, reals.mean() + fakes.mean()):
        raise Wrong("the labels are swapped in D's loss: real is 1, so a real costs -log D(x)")
    if close(of_d, reals.mean() + fakes.sum()) and len(fakes) > 1:
        raise Wrong("D's loss adds a mean over reals to a sum over fakes: take the mean of each")
    if close(of_d, (reals.sum() + fakes.sum()) / (len(reals) + len(fakes))):
        raise Wrong("that is the pooled cross-entropy: the game's loss is the sum of two means")
    if not close(of_d, reals.mean() + fakes.mean(), relative=1e-7):
        raise Wrong("D's loss is not -mean log D(x) - mean log(1 - D(G(z)))")
    if close(of_g, -fakes.mean(), relative=1e-7):
        raise Wrong("that is the saturating loss; asked for is the non-saturating one, -mean log D(G(z))")
    if not close(of_g, -log_expit(fake_logits).mean(), relative=1e-7):
        raise Wrong("G's loss is not -mean log D(G(z))")


def _logits(rng: np.random.Generator) -> list[tuple]:
    return [
        (rng.normal(size=5), rng.normal(size=8)),
        (np.array([50.0, -50.0]), np.array([-50.0, 50.0, 3.0])),
        (np.array([800.0, -800.0, 1.0]), np.array([800.0, -800.0])),
    ]


# --- 2. Spot the slip: the names of the four cells ----------------------------------------------------------


def four_cells(real_scores, fake_scores):
    real_passed, fake_passed = int((real_scores > 0.5).sum()), int((fake_scores > 0.5).sum())
    real_caught, fake_caught = len(real_scores) - real_passed, len(fake_scores) - fake_passed
    return {
        "real is positive": {"TP": real_passed, "FN": real_caught, "FP": fake_passed, "TN": fake_caught},
        "fake is positive": {"TP": fake_caught, "FN": fake_passed, "FP": real_caught, "TN": real_passed},
    }


def _half_flipped(real_scores: Array, fake_scores: Array) -> dict:
    answer = four_cells(real_scores, fake_scores)
    cells = answer["real is positive"]
    return {**answer, "fake is positive": {**cells, "TP": cells["TN"], "TN": cells["TP"]}}


def _renamed_only(real_scores: Array, fake_scores: Array) -> dict:
    cells = four_cells(real_scores, fake_scores)["real is positive"]
    return {"real is positive": cells, "fake is positive": cells}


def _check_four_cells(answer: object, real_scores: Array, fake_scores: Array) -> None:
    names = ("TP", "FN", "FP", "TN")
    given = {}
    for convention, cells in zip(
        ("real", "fake"), as_entries(answer, ("real is positive", "fake is positive")), strict=True
    ):
        given[convention] = [as_number(cell) for cell in as_entries(cells, names)]
    truth = {convention: list(map(float, confusion(real_scores, fake_scores, convention))) for convention in given}
    if given["real"] == truth["fake"] and given["fake"] == truth["real"]:
        raise Wrong("the two conventions are exchanged: a true positive is a positive that was called positive")
    if given["real"] != truth["real"]:
        raise Wrong("with real as positive: TP are reals called real, FN reals called fake, FP fakes called real")
    if given["fake"] == truth["real"]:
        raise Wrong("nothing changed: when the positive class changes, all four names move to other counts")
    if given["fake"][1:3] == truth["real"][1:3]:
        raise Wrong("TP and TN moved, FN and FP did not: a fake that passes is now a missed positive, FN")
    if given["fake"] != truth["fake"]:
        raise Wrong("with fake as positive: TP are fakes called fake, FN fakes called real, FP reals called fake")


def _unequal_scores(rng: np.random.Generator) -> list[tuple]:
    """Scores whose four counts differ: equal ones would hide an exchange of names."""
    cases: list[tuple] = []
    while len(cases) < 3:
        scores = rng.beta(4, 2, size=31), rng.beta(2, 4, size=17)
        if len(set(confusion(*scores))) == 4:
            cases.append(scores)
    return cases


# --- 3. Spot the slip: the printed cross-entropy ------------------------------------------------------------


def printed_cross_entropy(labels, probabilities):
    y, p = labels, probabilities
    return {
        "without_brackets": -np.mean(y * np.log(p)) + np.sum((1 - y) * np.log(1 - p)),
        "misplaced_label": -np.mean(y * np.log(p) + (1 - y) * np.log(p * (1 - y))),
        "right": -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)),
    }


def _brackets_read_kindly(labels: Array, probabilities: Array) -> dict:
    answer = printed_cross_entropy(labels, probabilities)
    return {**answer, "without_brackets": answer["right"]}


def _mean_where_a_sum_stands(labels: Array, probabilities: Array) -> dict:
    answer = printed_cross_entropy(labels, probabilities)
    literal = -np.mean(labels * np.log(probabilities)) + np.mean((1 - labels) * np.log(1 - probabilities))
    return {**answer, "without_brackets": literal}


def _check_printed_cross_entropy(answer: object, labels: Array, probabilities: Array) -> None:
    literal, misplaced, right = map(as_number, as_entries(answer, ("without_brackets", "misplaced_label", "right")))
    y, p = labels, probabilities
    logit = np.log(p) - np.log1p(-p)
    truth = -np.mean(y * log_expit(logit) + (1 - y) * log_expit(-logit))  # the independent route: through logits
    if not close(right, truth):
        raise Wrong("right is not the mean of -[y log p + (1 - y) log(1 - p)]")
    first, second = -np.sum(y * np.log(p)) / len(y), np.sum((1 - y) * np.log(1 - p))
    if close(literal, truth):
        raise Wrong("without_brackets is repaired already: read literally, the minus and 1/N reach the first term only")
    if close(literal, first + second / len(y)):
        raise Wrong("without brackets the 1/N belongs to the first sum only, like the minus sign")
    if not close(literal, first + second):
        raise Wrong("without_brackets is not the line read literally: -1/N sum y log p, plus sum (1 - y) log(1 - p)")
    if not close(misplaced, -np.mean(y * np.log(p) + (1 - y) * np.log(p * (1 - y)))):
        raise Wrong("misplaced_label is the bracketed line with log(p (1 - y)) in the place of log(1 - p)")


# --- 4. A certificate: no linear discriminator --------------------------------------------------------------


def _check_no_line(answer: object, first: Array, second: Array) -> None:
    of_first, of_second = as_entries(answer, ("first", "second"))
    a, b = as_array(of_first, (len(first),)), as_array(of_second, (len(second),))
    if min(a.min(), b.min()) < -1e-9:
        raise Wrong("a weight is negative: that is an affine, not a convex combination, and it proves nothing")
    if abs(a.sum() - 1) > 1e-6 or abs(b.sum() - 1) > 1e-6:
        raise Wrong("the weights of each set should sum to 1")
    gap = np.abs(a @ first - b @ second).max()
    if gap > 1e-6:
        raise Wrong(
            f"the two combinations are different pictures (they differ by {gap:.2g} in a pixel): then a line may still "
            "separate the sets. Find weights with which both sets mix to the same picture"
        )


def _inseparable(rng: np.random.Generator) -> list[tuple]:
    strokes_and_diagonals = np.array([[1.0, 0, 1, 0], [0, 1, 0, 1]]), np.array([[1.0, 0, 0, 1], [0, 1, 1, 0]])
    cases: list[tuple] = [strokes_and_diagonals]
    for _ in range(3):
        first, mix = rng.normal(size=(4, 3)), rng.dirichlet(np.ones(4))
        middle = mix @ first  # inside the first set; put it inside the second as well, and not at its mean
        directions = rng.normal(size=(2, 3))
        near, far = rng.uniform(0.3, 0.6), rng.uniform(1.2, 2.0)
        second = np.vstack([middle + near * directions[0], middle - far * directions[0], middle + directions[1]])
        cases.append((first, second))
    return cases


# --- 5. Spot the slip: lines 6 and 9 of the algorithm -------------------------------------------------------


def _check_repaired_round(
    answer: object, parameters: dict, real: Array, z_discriminator: Array, z_generator: Array, rate: float
) -> None:
    weight, bias, slope, offset = as_entries(answer, ("weight", "bias", "slope", "offset"))
    weight, slope, offset = as_array(weight, (4,)), as_array(slope, (4,)), as_array(offset, (4,))
    bias = as_number(bias)
    game = StrokeGame(**parameters)
    judged = game
    for k in range(len(z_discriminator)):
        in_weight, in_bias = judged.discriminator_gradient(real[k], z_discriminator[k])
        judged = StrokeGame(judged.weight + rate * in_weight, judged.bias + rate * in_bias, game.slope, game.offset)
    in_slope, in_offset = judged.generator_gradient(z_generator)
    _check_discriminator_turn(weight, bias, game, judged, real, z_discriminator, rate)
    if close(slope, game.slope) and close(offset, game.offset):
        raise Wrong("the generator did not move: does its line contain G(z), and does the gradient pass through D?")
    if close(slope, game.slope + rate * in_slope) and close(offset, game.offset + rate * in_offset):
        raise Wrong("the generator climbed its loss: it ascends log D(G(z)), which is descending -log D(G(z))")
    in_slope_late, _ = game.generator_gradient(z_generator)
    if close(slope, game.slope - rate * in_slope_late):
        raise Wrong("the generator learned from the old discriminator: its turn comes after all of D's steps")
    if close(slope, game.slope - rate * judged.generator_gradient(z_generator, "saturating")[0]):
        raise Wrong("that is the saturating loss: line 9 of this round ascends log D(G(z))")
    if not (close(slope, game.slope - rate * in_slope) and close(offset, game.offset - rate * in_offset)):
        raise Wrong("the generator's step is not one gradient step on mean log D(G(z)), with the noise of its own turn")


def _check_discriminator_turn(
    weight: Array, bias: float, game: StrokeGame, judged: StrokeGame, real: Array, z: Array, rate: float
) -> None:
    if close(weight, judged.weight) and close(bias, judged.bias):
        return
    once = game.discriminator_gradient(real[0], z[0])
    if len(z) > 1 and close(weight, game.weight + rate * once[0]):
        raise Wrong(f"the discriminator made one step, asked for are {len(z)}")
    reused, away = game, game
    for k in range(len(z)):
        step = reused.discriminator_gradient(real[k], z[0])
        reused = StrokeGame(reused.weight + rate * step[0], reused.bias + rate * step[1], game.slope, game.offset)
        step = away.discriminator_gradient(real[k], z[k])
        away = StrokeGame(away.weight - rate * step[0], away.bias - rate * step[1], game.slope, game.offset)
    if len(z) > 1 and close(weight, reused.weight):
        raise Wrong("the discriminator's steps reuse the noise of the first one: step k has its own row of noise")
    if close(weight, away.weight):
        raise Wrong("the discriminator descended the value: it ascends log D(x) + log(1 - D(G(z)))")
    raise Wrong("the discriminator's steps are not gradient steps on mean log D(x) + mean log(1 - D(G(z)))")


def _rounds(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for k in (1, 3):
        weight, slope, offset = rng.normal(size=(3, 4))
        parameters = {"weight": weight, "bias": float(rng.normal()), "slope": slope, "offset": offset}
        real = np.array([[0.0, 1, 0, 1], [1, 0, 1, 0]])[rng.integers(2, size=(k, 6))]
        cases.append(
            (parameters, real, rng.uniform(-1, 1, (k, 6)), rng.uniform(-1, 1, 6), float(rng.uniform(0.2, 0.6)))
        )
    return cases


# --- 6. Mini project: another teacher -----------------------------------------------------------------------


def teach_by_votes(real, n_rounds, seed):
    rng = np.random.default_rng(seed)
    logits, average = np.zeros(16), np.zeros(16)
    real_votes = np.bincount(real, minlength=16) / len(real)
    fake_votes = np.full(16, 1 / 16)
    for step in range(n_rounds):
        law = np.exp(logits - logits.max())
        law /= law.sum()
        drawn = rng.choice(16, size=64, p=law)
        # The teacher: no network, a table of votes. Its score is the share of real among what it has seen.
        fake_votes = 0.9 * fake_votes + 0.1 * np.bincount(drawn, minlength=16) / 64
        score = real_votes / (real_votes + fake_votes + 1e-9)
        reward = score[drawn] - score[drawn].mean()
        # The generator: REINFORCE, the score of a draw times the gradient of its log-probability.
        gradient = np.bincount(drawn, weights=reward, minlength=16) / 64 - reward.mean() * law
        logits = logits + 3.0 * gradient
        if step >= n_rounds // 2:
            average += law / (n_rounds - n_rounds // 2)
    return average / average.sum()


def _sign_reversed(real: Array, n_rounds: int, seed: int) -> Array:
    law = teach_by_votes(real, n_rounds, seed)
    return (law.max() - law) / (law.max() - law).sum()


def _one_favourite(real: Array, n_rounds: int, seed: int) -> Array:
    law = np.full(16, 1e-6)
    law[np.bincount(real, minlength=16).argmax()] = 1
    return law / law.sum()


def _check_teach_by_votes(answer: object, real: Array, n_rounds: int, seed: int) -> None:
    law = as_array(answer, (16,))
    if law.min() < 0 or abs(law.sum() - 1) > 1e-6:
        raise Wrong("the answer should be the generator's law, 16 probabilities that sum to 1")
    truth = np.bincount(real, minlength=16) / len(real)
    distance, start = (
        jensen_shannon_divergence(law / law.sum(), truth),
        jensen_shannon_divergence(np.full(16, 1 / 16), truth),
    )
    if law.max() > 0.9:
        raise Wrong(
            "the generator collapsed: it paints one picture. Does the teacher's score of a picture fall "
            "as it is painted too often?"
        )
    if distance > start:
        raise Wrong(
            "the generator moved away from the data: it climbs the teacher's score of its own pictures, "
            "it does not flee it"
        )
    if distance > 0.06:
        raise Wrong(
            f"after {n_rounds} rounds the Jensen-Shannon divergence to the data is {distance:.3f}; it should be below "
            f"0.06 (where it started: {start:.3f}). Does the teacher learn between the generator's turns?"
        )


def _stroke_samples(rng: np.random.Generator) -> list[tuple]:
    return [(rng.choice(16, size=400, p=strokes(0.05)), 800, int(rng.integers(1000))) for _ in range(2)]


EXERCISES = (
    Exercise(
        name="game_losses",
        title="Losses from logits",
        prompt="""
Return a dict with `"discriminator"`, the loss $-\\text{mean} \\log D(x) - \\text{mean} \\log(1 - D(G(z)))$, and
`"generator"`, the non-saturating loss $-\\text{mean} \\log D(G(z))$, in nats, from the logits of real and of generated
pictures (arrays of shapes (n,) and (m,); n and m may differ). The logits go up to ±800; no loss may become
infinite.
""",
        stub='''def game_losses(real_logits, fake_logits):
    """A dict: "discriminator" and "generator", in nats."""
    ...''',
        inputs=_logits,
        check=_check_game_losses,
        solution=game_losses,
        mistakes=(
            Mistake("log of the sigmoid", _naive_losses, "infinite or nan"),
            Mistake(
                "labels swapped",
                lambda r, f: (
                    {**game_losses(r, f), "discriminator": game_losses(f, r)["discriminator"]}
                    if len(r) == len(f)
                    else {
                        **game_losses(r, f),
                        "discriminator": np.logaddexp(0, r).mean() + np.logaddexp(0, -f).mean(),
                    }
                ),
                "labels are swapped",
            ),
            Mistake(
                "mean of one, sum of the other",
                lambda r, f: {
                    **game_losses(r, f),
                    "discriminator": np.logaddexp(0, -r).mean() + np.logaddexp(0, f).sum(),
                },
                "a sum over fakes",
            ),
            Mistake(
                "saturating",
                lambda r, f: {**game_losses(r, f), "generator": -np.logaddexp(0, f).mean()},
                "saturating loss; asked",
            ),
        ),
        level=1,
        minutes=10,
    ),
    Exercise(
        name="four_cells",
        title="Spot the slip: which cell is which?",
        prompt="""
A lecture calls the forger's product positive on one slide and the genuine one on the next, and all four names change
their meaning. Count the cells under both conventions. A discriminator says "real" where its score exceeds ½. Return
`{"real is positive": {"TP": …, "FN": …, "FP": …, "TN": …}, "fake is positive": {…}}`.
""",
        stub='''def four_cells(real_scores, fake_scores):
    """Two dicts of four counts, one for each convention."""
    ...''',
        inputs=_unequal_scores,
        check=_check_four_cells,
        solution=four_cells,
        mistakes=(
            Mistake("half flipped", _half_flipped, "FN and FP did not"),
            Mistake("renamed only", _renamed_only, "nothing changed"),
            Mistake(
                "conventions exchanged",
                lambda r, f: dict(zip(four_cells(r, f), reversed(four_cells(r, f).values()), strict=True)),
                "exchanged",
            ),
        ),
        level=1,
        minutes=10,
    ),
    Exercise(
        name="printed_cross_entropy",
        title="Spot the slip: a cross-entropy as printed",
        prompt="""
Two lines that you will meet: $-\\frac1N \\sum_i y_i \\log p_i + \\sum_i (1 - y_i) \\log(1 - p_i)$, without brackets,
and, with brackets, $-\\frac1N \\sum_i [y_i \\log p_i + (1 - y_i) \\log(p_i (1 - y_i))]$. The labels are
smoothed (.9 and
.1), so that nothing hides behind a zero. Return a dict with `"without_brackets"`, the first line read literally,
`"misplaced_label"`, the second, and `"right"`, the cross-entropy.
""",
        stub='''def printed_cross_entropy(labels, probabilities):
    """A dict of three numbers, in nats: "without_brackets", "misplaced_label", "right"."""
    ...''',
        inputs=lambda rng: [(rng.choice([0.1, 0.9], size=n), rng.uniform(0.05, 0.95, size=n)) for n in (4, 9)],
        check=_check_printed_cross_entropy,
        solution=printed_cross_entropy,
        mistakes=(
            Mistake("repaired", _brackets_read_kindly, "repaired already"),
            Mistake("a mean where a sum stands", _mean_where_a_sum_stands, "belongs to the first sum only"),
            Mistake(
                "sign of the right one",
                lambda y, p: {**printed_cross_entropy(y, p), "right": -printed_cross_entropy(y, p)["right"]},
                "right is not the mean",
            ),
        ),
        level=1,
        minutes=10,
    ),
    Exercise(
        name="no_line",
        title="A certificate that no line separates",
        prompt="""
That a solver finds no separating line convinces nobody. A *certificate* does: weights with which both sets mix to one
and the same picture. (If a line were positive on all of the first set and negative on all of the second, the mixture
would have to be both.) Given two sets of points, shapes (n, d) and (m, d), that no hyperplane separates, return a dict
with `"first"`, shape (n,), and `"second"`, shape (m,): weights that are not negative, sum to one in each set, and make
the two mixtures equal. The first case are the two strokes and the two diagonals; the others are in general position,
so that equal weights won't do.
""",
        stub='''def no_line(first, second):
    """A dict: weights "first" (n,) and "second" (m,), each a mixture, with equal mixed points."""
    ...''',
        inputs=_inseparable,
        check=_check_no_line,
        level=2,
        minutes=30,
        points=8,
    ),
    Exercise(
        name="repaired_round",
        title="Spot the slip: lines 6 and 9",
        prompt="""
In one printed version of the algorithm, D's line says $\\log(1 - D(z))$ and G's line says $\\log(z)$. Program the round
as it must be, on four pixels and without automatic differentiation. `parameters` holds the discriminator's `"weight"`
(4,) and `"bias"` (logit $a(x) = w^\\top x + b$), and the generator's `"slope"` (4,) and `"offset"` (4,) ($G(z)$ has the
pixels $\\sigma(u_i z + c_i)$). The discriminator makes one gradient step of size `rate` for each row of `real`
(k, m, 4) and `z_discriminator` (k, m), ascending mean $\\log D(x)$ + mean $\\log(1 - D(G(z)))$. Then the
generator makes one step
with `z_generator` (m,), ascending mean $\\log D(G(z))$ through the new, frozen discriminator. Return the four new
parameters as a dict.
""",
        stub='''def repaired_round(parameters, real, z_discriminator, z_generator, rate):
    """A dict with the new "weight", "bias", "slope", "offset"."""
    ...''',
        inputs=_rounds,
        check=_check_repaired_round,
        level=2,
        minutes=40,
        points=12,
    ),
    Exercise(
        name="teach_by_votes",
        title="Mini project: a teacher that is no network",
        prompt="""
The idea is older and wider than neural networks: a source of randomness, a generator, a discriminator, and a loop that
feeds its verdict back. Build one without any network or gradient through the teacher. `real` holds codes of 2x2
pictures, integers from 0 to 15 (an array of 400). The generator is a law over the 16 codes that starts uniform. In
each of `n_rounds` rounds it draws pictures, your teacher (a table, nearest neighbours, a tree…) scores them, having
learned from real and drawn pictures, and the generator changes by the scores alone (for example by REINFORCE: the
score of a draw times the gradient of its log-probability). Return the generator's final law, or its average over the
last rounds, shape (16,). The check wants a Jensen-Shannon divergence below 0.06 nats from the data's frequencies.
""",
        stub='''def teach_by_votes(real, n_rounds, seed):
    """The generator's law after the game, shape (16,); it sees only the teacher's scores."""
    ...''',
        inputs=_stroke_samples,
        check=_check_teach_by_votes,
        solution=teach_by_votes,
        mistakes=(
            Mistake("flees the score", _sign_reversed, "moved away from the data"),
            Mistake("one favourite", _one_favourite, "collapsed"),
            Mistake(
                "a teacher that stands still", lambda real, n, seed: _still_teacher(real, n, seed), "learn between"
            ),
            Mistake("counts, not a law", lambda real, n, seed: 100 * teach_by_votes(real, n, seed), "sum to 1"),
        ),
        level=3,
        minutes=75,
        rubric="""
The generator never reads the real pictures, only scores of its own; the teacher learns between the generator's turns;
several seeds with their spread; a sentence on why the last law circles, and its average does not.
""",
    ),
)


def _still_teacher(real: Array, n_rounds: int, seed: int) -> Array:
    """Scores that never change: share of real against a uniform law. A short run, before it collapses."""
    law = np.full(16, 1 / 16)
    score = np.bincount(real, minlength=16) / len(real)
    score = score / (score + 1 / 16)
    for _ in range(12):
        law = law * np.exp(0.1 * expit(4 * (score - 0.5)))
        law /= law.sum()
    return law

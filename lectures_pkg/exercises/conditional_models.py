"""Exercises of the chapter on conditioning."""

# Solutions are shown to readers as they would write them, without types.
# mypy: disallow-untyped-defs=False

from __future__ import annotations

import functools

import numpy as np
from scipy.special import expit

from lectures_pkg.divergences import jensen_shannon_divergence
from lectures_pkg.exercises import Exercise, Mistake, Wrong, as_array, as_entries, close

Array = np.ndarray


# --- 13.1 One-hot input is a bias ---------------------------------------------------------------------------


def label_biases(weight, bias, n_classes):
    columns = weight[:, -n_classes:]  # what each label adds, one column for each
    return bias + columns.T


def _first_layer_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for n_units, dim, n_classes in ((4, 3, 2), (5, 5, 5), (6, 2, 7)):
        weight = rng.normal(size=(n_units, dim + n_classes))
        cases.append((weight, rng.normal(size=n_units), n_classes))
    return cases


def _check_label_biases(answer: object, weight: Array, bias: Array, n_classes: int) -> None:
    n_units, dim = len(weight), weight.shape[1] - n_classes
    values = np.array(answer, dtype=float) if np.ndim(answer) == 2 else None  # type: ignore[arg-type]
    if values is not None and values.shape == (n_units, n_classes) and n_units != n_classes:
        raise Wrong("the table is turned: asked for is one row for each label, one column for each unit")
    found = as_array(answer, (n_classes, n_units))
    v = np.linspace(-1, 1, dim)
    of_values = weight[:, :dim] @ v
    layers = np.array([weight @ np.concatenate([v, np.eye(n_classes)[y]]) + bias for y in range(n_classes)])
    if close(found + of_values, layers, absolute=1e-6):
        return
    if close(found + bias + of_values, layers, absolute=1e-6):
        raise Wrong("the layer's own bias is missing: it is there for every label")
    if close(found, bias + weight[:, :n_classes].T, absolute=1e-6):
        raise Wrong("those are the columns of the first inputs: here the one-hot vector stands behind the values")
    if close(found, layers, absolute=1e-6) or close(found, bias + np.mean(weight[:, dim:], axis=1)):
        raise Wrong("this is the same for all labels, or depends on the values: a label adds its own column of W")
    raise Wrong("W [v, e_y] + b is not W_v v + biases[y]: multiply W by e_y on paper, block by block")


# --- 13.2 A generator that a discriminator without labels can't catch ---------------------------------------


def _check_fooling(answer: object, p: Array, frequency: Array) -> None:
    q = as_array(answer, p.shape)
    if q.min() < -1e-12 or not close(q.sum(axis=1), 1.0, absolute=1e-9):
        raise Wrong("each row should be a law of pictures: not negative, with sum 1")
    q = np.maximum(q, 0)
    q /= q.sum(axis=1, keepdims=True)
    given = float(frequency @ [jensen_shannon_divergence(a, b) for a, b in zip(p, q, strict=True)])
    if given < 0.05:
        raise Wrong("this generator obeys the labels: a discriminator that sees them has nothing to find either")
    if jensen_shannon_divergence(frequency @ p, frequency @ q) > 1e-12:
        raise Wrong(
            "the pictures without labels follow another law than the data's: mix your rows with the frequencies "
            "of the labels, which are not all the same"
        )
    if given < 0.5:
        raise Wrong(
            f"a discriminator that sees the label finds {given:.2f} nats only: keep each label away from its own "
            "pictures altogether"
        )


def _fooling_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for frequency in ([0.5, 0.5], [0.25] * 4, [0.45, 0.35, 0.2], [0.4, 0.1, 0.3, 0.2]):
        k = len(frequency)
        p = np.zeros((k, 3 * k))
        for y in range(k):
            p[y, 3 * y : 3 * y + 3] = rng.dirichlet(2 * np.ones(3))
        cases.append((p, np.array(frequency)))
    return cases


# --- 13.3 The bound of a conditional autoencoder -------------------------------------------------------------


def cvae_bound(prior, likelihood, guess):
    n_labels, _, n_pictures = likelihood.shape
    table = {name: np.zeros((n_labels, n_pictures)) for name in ("log_prob", "bound", "gap")}
    for y in range(n_labels):
        for x in range(n_pictures):
            q = guess[y, x]
            joint = prior * likelihood[y, :, x]  # p(x, z | y), over z
            table["log_prob"][y, x] = np.log(joint.sum())
            table["bound"][y, x] = q @ np.log(likelihood[y, :, x]) - q @ np.log(q / prior)
            table["gap"][y, x] = q @ np.log(q / (joint / joint.sum()))
    return table


def _bound_with(prior: Array, likelihood: Array, guess: Array, slip: str) -> dict:
    right = cvae_bound(prior, likelihood, guess)
    if slip == "ignores":
        any_label = prior[:, None] * likelihood.mean(axis=0)
        posterior = (any_label / any_label.sum(axis=0)).T  # (x, z)
        return {**right, "gap": np.sum(guess * np.log(guess / posterior), axis=-1)}
    kl = np.sum(guess * np.log(guess / prior), axis=-1)
    if slip == "sign":
        return {**right, "bound": right["bound"] + 2 * kl}
    if slip == "reversed":
        joint = prior[None, :, None] * likelihood
        posterior = (joint / joint.sum(axis=1, keepdims=True)).swapaxes(1, 2)
        return {**right, "gap": np.sum(posterior * np.log(posterior / guess), axis=-1)}
    mixed = np.log((prior[:, None] * likelihood.mean(axis=0)).sum(axis=0))
    return {**right, "log_prob": np.broadcast_to(mixed, right["log_prob"].shape)}


def _check_cvae_bound(answer: object, prior: Array, likelihood: Array, guess: Array) -> None:
    shape = (likelihood.shape[0], likelihood.shape[2])
    log_prob, bound, gap = (as_array(a, shape) for a in as_entries(answer, ("log_prob", "bound", "gap")))
    exact = np.log(np.einsum("z,yzx->yx", prior, likelihood))
    if not close(log_prob, exact):
        of_mixture = np.log(np.einsum("z,yzx->x", prior, likelihood) / len(likelihood))
        if close(log_prob, np.broadcast_to(of_mixture, shape)):
            raise Wrong("that is log p(x), the labels mixed; asked for is log p(x | y), one row for each label")
        raise Wrong("log_prob is not log of sum over z of p(z) p(x | z, y)")
    log_joint = np.log(prior)[None, None] + np.log(likelihood).swapaxes(1, 2)  # (y, x, z)
    truth = np.sum(guess * (log_joint - np.log(guess)), axis=-1)
    if not close(bound, truth):
        if np.any(bound > exact + 1e-9):
            raise Wrong("this bound lies above log p(x | y) somewhere: the divergence from the prior is subtracted")
        raise Wrong("bound is not E_q log p(x | z, y) - KL(q(z | x, y) || p(z))")
    if not close(gap, exact - truth):
        if np.any(np.abs(likelihood - likelihood[:1]) > 1e-12) and np.any(gap < exact - truth - 1e-9):
            posterior = np.exp(log_joint - exact[..., None])
            if close(gap, np.sum(posterior * np.log(posterior / guess), axis=-1)):
                raise Wrong("the divergence is turned round: q stands first, the posterior second")
        raise Wrong(
            "gap is not KL(q(z | x, y) || p(z | x, y)): the posterior needs the label as well, by Bayes' rule "
            "with p(x | z, y)"
        )


def _cvae_inputs(rng: np.random.Generator) -> list[tuple]:
    def laws(*shape: int) -> Array:
        return rng.dirichlet(3 * np.ones(shape[-1]), size=shape[:-1])

    general = rng.dirichlet(3 * np.ones(3)), laws(2, 3, 4), laws(2, 4, 3)
    # The encoder is not told the label, the decoder is: a looser guess, and the identity holds all the same.
    untold = rng.dirichlet(3 * np.ones(3)), laws(2, 3, 4), np.repeat(laws(1, 4, 3), 2, axis=0)
    return [general, untold]


# --- 13.4 Spot the slip: a map fitted afterwards --------------------------------------------------------------


@functools.cache
def _trained() -> tuple:
    """Two small autoencoders of digits, as arrays, and a judge; trained once for each process."""
    import torch

    from lectures_pkg.datasets import load_digits8
    from lectures_pkg.experiments.conditional_models import train_cvae, train_vae
    from lectures_pkg.metrics import Judge

    digits = load_digits8()
    finished = train_vae(0, digits.train_images, n_steps=500)
    told = train_cvae(0, digits.train_images, digits.train_labels, n_steps=500)
    with torch.no_grad():
        codes = finished.encode(torch.as_tensor(digits.train_images.reshape(-1, 64), dtype=torch.float32))
    mean, log_var = (code.numpy().astype(float) for code in codes)
    decoders = [
        [parameter.detach().numpy().astype(float) for parameter in decoder.parameters()]
        for decoder in (finished.decoder, told.decoder)  # type: ignore[attr-defined]
    ]
    judge = Judge(digits.train_images, digits.train_labels)
    return mean, log_var, digits.train_labels, *decoders, judge


def _recipe_inputs(rng: np.random.Generator) -> list[tuple]:
    mean, log_var, labels, finished, told, _ = _trained()
    asked = rng.permutation(np.arange(300) % 10)
    return [(mean, log_var, labels, finished, told, asked, rng.standard_normal((300, mean.shape[1])))]


def _check_two_recipes(
    answer: object, mean: Array, log_var: Array, labels: Array, finished: list, told: list, asked: Array, noise: Array
) -> None:
    shape = (len(asked), 64)
    afterwards, conditional = (as_array(a, shape) for a in as_entries(answer, ("afterwards", "conditional")))
    for name, images in (("afterwards", afterwards), ("conditional", conditional)):
        if images.min() < 0 or images.max() > 1:
            raise Wrong(f"{name} leaves [0, 1]: the decoder returns logits, a picture is their sigmoid")
    judge = _trained()[-1]
    score = [float(np.mean(judge.predict(these.reshape(-1, 8, 8)) == asked)) for these in (afterwards, conditional)]
    if score[1] < 0.97:
        raise Wrong(
            f"the conditional decoder obeys {score[1]:.0%} of the labels, at least 97 % was expected: it was trained "
            "on [noise, one-hot label], in this order"
        )
    hidden = np.maximum(np.hstack([noise, np.eye(10)[asked]]) @ told[0].T + told[1], 0)
    if not close(conditional, expit(hidden @ told[2].T + told[3]), relative=1e-5, absolute=1e-5):
        raise Wrong("conditional should decode exactly the given noise rows, each beside its label")
    if np.std(afterwards[asked == 0], axis=0).max() < 1e-6:
        raise Wrong("the map paints one and the same picture for a label: its Gaussian has lost its spread")
    if score[0] < 0.4:
        raise Wrong(
            f"{score[0]:.0%} of the pictures afterwards obey: does the Gaussian of the latents depend on the label?"
        )
    if score[0] > 0.85:
        raise Wrong(
            f"{score[0]:.0%} of the pictures afterwards obey, more than this recipe can: it may use the finished "
            "decoder and the spread of the latents, means and variances, of each label"
        )


# --- 13.5 Two maps without a loss, and a term that chooses ---------------------------------------------------


def two_translations(mean, covariance, known_a, known_b):
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(values)  # root @ root.T is the covariance of B
    # Every solution is root @ q with an orthogonal q. The known pairs say which: q a = root^-1 (b - mean).
    targets = np.linalg.solve(root, (known_b - mean).T)
    left, _, right = np.linalg.svd(targets @ known_a)
    intended = root @ left @ right
    other = -intended

    def term(matrix):
        return float(np.mean(np.sum((known_a @ matrix.T + mean - known_b) ** 2, axis=1)))

    return {"intended": intended, "other": other, "term": [term(intended), term(other)]}


def _translated(answer: dict, **changes: object) -> dict:
    return {**answer, **changes}


def _check_two_translations(answer: object, mean: Array, covariance: Array, known_a: Array, known_b: Array) -> None:
    dim = len(mean)
    intended, other, term = as_entries(answer, ("intended", "other", "term"))
    matrices = as_array(intended, (dim, dim)), as_array(other, (dim, dim))
    term = as_array(term, (2,))
    for name, matrix in zip(("intended", "other"), matrices, strict=True):
        # The journey there and back, through the inverse: no inverse, no zero cycle loss.
        if np.linalg.cond(matrix) > 1e6:
            raise Wrong(f"{name} has no inverse: no map leads back, so its cycle loss is not zero")
        if not close(matrix @ matrix.T, covariance, relative=1e-6, absolute=1e-6):
            raise Wrong(
                f"{name} sends N(0, I) to a Gaussian of another covariance than B's: its adversarial loss is not zero"
            )
    if np.abs(matrices[0] - matrices[1]).max() < 0.05:
        raise Wrong("the two maps are the same: how else can N(0, I) be turned before it is stretched?")
    expected = [np.mean(np.sum((known_a @ m.T + mean - known_b) ** 2, axis=1)) for m in matrices]
    if expected[0] > 1e-6:
        raise Wrong("intended does not send the known points of A to their partners in B")
    if not close(term, expected, relative=1e-6, absolute=1e-6):
        raise Wrong("term should be the mean squared distance of the translated known points from their partners")


def _translation_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for dim in (2, 3):
        factor = np.tril(rng.normal(size=(dim, dim)), -1) + np.diag(rng.uniform(0.6, 2.0, size=dim))
        turn, _ = np.linalg.qr(rng.normal(size=(dim, dim)))
        mean, known_a = 3 * rng.normal(size=dim), rng.normal(size=(dim + 1, dim))
        cases.append((mean, factor @ factor.T, known_a, known_a @ (factor @ turn).T + mean))
    return cases


def _not_the_root(mean: Array, covariance: Array, known_a: Array, known_b: Array) -> dict:
    answer = two_translations(mean, covariance, known_a, known_b)
    return _translated(answer, other=covariance)


def _without_pairs(mean: Array, covariance: Array, known_a: Array, known_b: Array) -> dict:
    answer = two_translations(mean, covariance, known_a, known_b)
    return {"intended": answer["other"], "other": answer["intended"], "term": answer["term"][::-1]}


# --- 13.6 Mini project: does conditional augmentation help a rare class? --------------------------------------


def rare_recall(predictions, truth, rare):
    is_rare = truth == rare
    recall = np.mean(predictions[:, :, is_rare] == rare, axis=2)  # (treatments, repeats)
    n_repeats = recall.shape[1]

    def mean_and_error(values):
        return [float(values.mean()), float(values.std(ddof=1) / np.sqrt(n_repeats))]

    return {
        "recall": [mean_and_error(of_treatment) for of_treatment in recall],
        "gain": mean_and_error(recall[2] - recall[1]),  # paired: the same repeats, the same test images
    }


def _rare_with(predictions: Array, truth: Array, rare: int, slip: str) -> dict:
    answer = rare_recall(predictions, truth, rare)
    if slip == "unpaired":
        (_, second), (_, third) = answer["recall"][1:]
        return {**answer, "gain": [answer["gain"][0], float(np.hypot(second, third))]}
    if slip == "spread":
        scale = np.sqrt(predictions.shape[1])
        return {**answer, "recall": [[m, e * scale] for m, e in answer["recall"]]}
    right = predictions == truth if slip == "accuracy" else (predictions == rare) & (truth == rare)
    rate = right.mean(axis=2) if slip == "accuracy" else right.sum(axis=2) / (predictions == rare).sum(axis=2)
    error = rate.std(axis=1, ddof=1) / np.sqrt(rate.shape[1])
    return {**answer, "recall": np.column_stack([rate.mean(axis=1), error]).tolist()}


def _check_rare_recall(answer: object, predictions: Array, truth: Array, rare: int) -> None:
    recall, gain = as_entries(answer, ("recall", "gain"))
    recall, gain = as_array(recall, (3, 2)), as_array(gain, (2,))
    n_repeats = predictions.shape[1]
    found = np.array([[sum(run[truth == rare] == rare) / sum(truth == rare) for run in runs] for runs in predictions])
    accuracy = np.array([[np.mean(run == truth) for run in runs] for runs in predictions])
    if close(recall[:, 0], accuracy.mean(axis=1)):
        raise Wrong("that is the accuracy over all classes: a rare class hardly shows in it")
    if not close(recall[:, 0], found.mean(axis=1)):
        raise Wrong("recall is the share of the rare images that were recognised, not of the answers that were right")
    spread = np.sqrt(np.sum((found - found.mean(axis=1, keepdims=True)) ** 2, axis=1) / (n_repeats - 1))
    if close(recall[:, 1], spread):
        raise Wrong("those are standard deviations of one repeat; the standard error of the mean is smaller")
    if not close(recall[:, 1], spread / np.sqrt(n_repeats)):
        raise Wrong("the second column is not the standard error of the mean over repeats, with n - 1 in the variance")
    difference = found[2] - found[1]
    error = np.sqrt(np.sum((difference - difference.mean()) ** 2) / (n_repeats - 1) / n_repeats)
    if not close(gain[0], difference.mean()):
        raise Wrong("the gain is augmented minus re-weighted: the baseline is not the plain classifier")
    if not close(gain[1], error):
        raise Wrong(
            "the gain's error must use the pairs: both treatments see the same repeat, so take differences first"
        )


def _rare_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for _ in range(2):
        truth = rng.permutation(np.repeat(np.arange(4), [40, 30, 30, 20]))
        hard = rng.random((12, len(truth)))  # shared by the treatments: some repeats and images are harder
        wrong = (truth + rng.integers(1, 4, size=len(truth))) % 4
        chances = np.array([0.6, 0.7, 0.75])[:, None, None] + rng.normal(0, 0.04, size=(1, 12, 1))
        cases.append((np.where(hard < chances, truth, wrong), truth, 3))
    return cases


EXERCISES = (
    Exercise(
        name="label_biases",
        title="One-hot input is a bias",
        prompt="""
The first layer of a conditional network computes $W [v, e_y] + b$, where $e_y$ is the one-hot vector of the label and
stands behind the values $v$. Return the table of biases, one row for each label, with which
$W [v, e_y] + b = W_v v + \\text{biases}[y]$ for every $v$.
""",
        stub='''def label_biases(weight, bias, n_classes):
    """The bias that each label gives to the first layer.

    weight : array, shape (n_units, dim + n_classes);  bias : array, shape (n_units,)
    returns array, shape (n_classes, n_units)
    """
    ...''',
        inputs=_first_layer_inputs,
        check=_check_label_biases,
        solution=label_biases,
        mistakes=(
            Mistake("bias forgotten", lambda w, b, k: w[:, -k:].T, "own bias is missing"),
            Mistake("label in front", lambda w, b, k: b + w[:, :k].T, "columns of the first inputs"),
            Mistake("turned", lambda w, b, k: b[:, None] + w[:, -k:], "the table is turned"),
            Mistake("same for all", lambda w, b, k: np.tile(b + w[:, -k:].mean(axis=1), (k, 1)), "same for all labels"),
        ),
        level=1,
        minutes=10,
    ),
    Exercise(
        name="fooling_generator",
        title="A generator that nobody catches who does not see the label",
        prompt="""
The data have laws $p(x \\mid y)$ (rows of `p`, no picture belongs to two labels) and label frequencies $p(y)$, none of
them above one half. Construct a generator's laws $q(x \\mid y)$ such that a discriminator without labels finds
*nothing*, $\\mathrm{JSD}(p(x), q(x)) < 10^{-12}$, while the labels are disobeyed throughout:
$\\mathbb{E}_y\\,\\mathrm{JSD}(p(\\cdot \\mid y), q(\\cdot \\mid y)) > 0.5$ nats. Mind the hidden cases in which
the labels are not equally frequent.
""",
        stub='''def fooling_generator(p, frequency):
    """Laws of the generator given the label.

    p : array, shape (n_labels, n_pictures);  frequency : array, shape (n_labels,)
    returns array, shape (n_labels, n_pictures), rows sum to 1
    """
    ...''',
        inputs=_fooling_inputs,
        check=_check_fooling,
        level=2,
        minutes=25,
        points=8,
    ),
    Exercise(
        name="cvae_bound",
        title="The bound of a conditional autoencoder",
        prompt="""
Everything is discrete: `prior` is $p(z)$, `likelihood[y, z, x]` is $p(x \\mid z, y)$, `guess[y, x, z]` is
$q(z \\mid x, y)$. Return a dict of three tables with one row for each label and one column for each picture, in nats:
`"log_prob"`, $\\log p(x \\mid y)$; `"bound"`, the conditional ELBO; `"gap"`, the divergence of the guess from the
true posterior. Compute the gap by Bayes' rule, and then see that bound and gap add up to the log-probability, also
in the hidden case in which the guess does not use the label.
""",
        stub='''def cvae_bound(prior, likelihood, guess):
    """A dict of three arrays of shape (n_labels, n_pictures): "log_prob", "bound", "gap".

    prior : array, shape (n_latents,)
    likelihood : array, shape (n_labels, n_latents, n_pictures)
    guess : array, shape (n_labels, n_pictures, n_latents)
    """
    ...''',
        inputs=_cvae_inputs,
        check=_check_cvae_bound,
        solution=cvae_bound,
        mistakes=(
            Mistake("posterior ignores the label", functools.partial(_bound_with, slip="ignores"), "needs the label"),
            Mistake("divergence added", functools.partial(_bound_with, slip="sign"), "lies above"),
            Mistake("labels mixed", functools.partial(_bound_with, slip="mixed"), "the labels mixed"),
        ),
        level=2,
        minutes=25,
    ),
    Exercise(
        name="two_recipes",
        title="Spot the slip: “a label map on a finished VAE is a conditional VAE”",
        prompt="""
The recipe sounds easy: leave the trained VAE as it is, and fit a map from labels to its latents. Follow it, beside a
real conditional VAE, on digits. You get `mean` and `log_var`, the finished encoder's output for the training images
with these `labels`, and two trained decoders as lists `[W1, b1, W2, b2]`: a hidden layer with ReLU,
$\\max(0, W_1 u + b_1)$, then $W_2 h + b_2$, the *logits* of 64 pixels. Return a dict of two arrays of pictures, one
for each label in `asked`: `"conditional"` from $u = [\\text{noise}, e_y]$; `"afterwards"` from latents $z$ drawn, with
the same noise rows, from a Gaussian with mean and covariance of $q(z \\mid y)$ (both the spread of the means and the
mean of the variances). The check asks a judge of real digits: at least 97 % of the first must obey, and of the second
at most 85 % can.
""",
        stub='''def two_recipes(mean, log_var, labels, finished, told, asked, noise):
    """A dict of two arrays of pictures in [0, 1], shape (n, 64) each: "afterwards" and "conditional".

    mean, log_var : arrays, shape (n_images, latent_dim);  labels : array, shape (n_images,)
    finished, told : lists [W1, b1, W2, b2] of the VAE's and of the conditional VAE's decoder
    asked : array of labels, shape (n,);  noise : array, shape (n, latent_dim), standard Gaussian
    """
    ...''',
        inputs=_recipe_inputs,
        check=_check_two_recipes,
        level=2,
        minutes=35,
        points=12,
    ),
    Exercise(
        name="two_translations",
        title="Two translations without a loss, and a term that chooses",
        prompt="""
World A is $\\mathcal N(0, I)$, world B is $\\mathcal N(\\text{mean}, \\text{covariance})$, and maps are affine,
$x \\mapsto M x + \\text{mean}$. Find **two different** matrices with which both the adversarial and the cycle loss are
zero (the way back is the inverse). One of them, `"intended"`, must send the rows of `known_a` exactly to the rows of
`known_b`; the `"other"` is free. Then add the term that tells them apart: `"term"` is a list with the mean
squared distance $\\lVert M a_i + \\text{mean} - b_i \\rVert^2$ over the known pairs for the intended and for the
other map.
""",
        stub='''def two_translations(mean, covariance, known_a, known_b):
    """A dict: "intended" and "other", matrices of shape (dim, dim); "term", a list of two floats.

    mean : array, shape (dim,);  covariance : array, shape (dim, dim)
    known_a, known_b : arrays, shape (n_known, dim), pairs of points
    """
    ...''',
        inputs=_translation_inputs,
        check=_check_two_translations,
        solution=two_translations,
        mistakes=(
            Mistake("covariance for its root", _not_the_root, "of another covariance"),
            Mistake(
                "one map twice",
                lambda m, c, a, b: _translated(
                    two_translations(m, c, a, b), other=two_translations(m, c, a, b)["intended"]
                ),
                "two maps are the same",
            ),
            Mistake("pairs not used", _without_pairs, "does not send the known points"),
            Mistake(
                "term not squared",
                lambda m, c, a, b: _translated(
                    two_translations(m, c, a, b), term=list(np.sqrt(two_translations(m, c, a, b)["term"]))
                ),
                "mean squared distance",
            ),
        ),
        level=3,
        minutes=40,
    ),
    Exercise(
        name="rare_recall",
        title="Mini project: do conditional samples help a rare class?",
        prompt="""
Take the 8x8 digits, keep only ten training images of one class, and train a classifier in three ways: as it is, with
the rare class re-weighted, and with samples of that class from a conditional model **that was trained on the same
imbalanced set**. Repeat with other draws of the ten images. A negative answer is a result. Write the bookkeeping:
from `predictions` (treatments plain, re-weighted, augmented; repeats; test images) return a dict with `"recall"`, for
each treatment the mean over repeats of the rare class's recall and the standard error of that mean, and `"gain"`,
mean and standard error of augmented minus re-weighted, *paired* over the repeats.
""",
        stub='''def rare_recall(predictions, truth, rare):
    """A dict: "recall", three rows [mean, standard error]; "gain", [mean, standard error].

    predictions : array of labels, shape (3, n_repeats, n_images)
    truth : array of labels, shape (n_images,);  rare : int, the rare label
    """
    ...''',
        inputs=_rare_inputs,
        check=_check_rare_recall,
        solution=rare_recall,
        mistakes=(
            Mistake("accuracy", functools.partial(_rare_with, slip="accuracy"), "accuracy over all classes"),
            Mistake("precision", functools.partial(_rare_with, slip="precision"), "share of the rare images"),
            Mistake("spread of one repeat", functools.partial(_rare_with, slip="spread"), "of one repeat"),
            Mistake("pairs ignored", functools.partial(_rare_with, slip="unpaired"), "must use the pairs"),
        ),
        level=3,
        minutes=90,
        rubric="""
the conditional model never sees more than the ten rare images; recall of the rare class with its standard error, and
what the other classes pay for it; the re-weighted baseline; test images used once, at the end; a sentence on why
samples of a model can't hold more about the rare class than the images that it was trained on.
""",
    ),
)

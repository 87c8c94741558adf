"""Two ways to learn, by number of labels: generative and discriminative classifiers on digits and on synthetic data.

On digits every classifier chooses its own setting among `SETTINGS`, by its accuracy on validation images that are
taken from the training images; the test images are touched by the final score only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from lectures_pkg.datasets import Digits, load_digits8
from lectures_pkg.generative_models import ClassBernoulli, fit_class_bernoulli
from lectures_pkg.worlds import binary_images

SEEDS = range(20)

#: Labels per class.
BUDGETS = (2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100)
N_VALIDATION = 200  #: training images set aside for choosing settings
N_PIXELS = 12  #: of the synthetic world: 4096 inputs, so that every accuracy there is exact
MISSING = (0.25, 0.5, 0.75)  #: share of the test images' pixels

#: What each classifier may choose from.
SETTINGS = {
    "naive_bayes": (0.05, 0.2, 1.0),  #: floor under the variances, as a share of the largest
    "lda": (0.1, 0.4, 0.8),  #: shrinkage of the covariance towards a multiple of the identity
    "class_bernoulli": (0.5, 1.0, 2.0),  #: added to each count
    "logistic": (0.1, 1.0, 10.0),  #: scikit-learn's C: small is a strong penalty
}

Classifier = Callable[[np.ndarray], np.ndarray]  #: images of shape (n, 64) to labels of shape (n,)


@cache
def digits(binary: bool) -> Digits:
    """The digits with images as rows, shape (n, 64)."""
    data = load_digits8(binary=binary)
    return data._replace(train_images=data.train_images.reshape(-1, 64), test_images=data.test_images.reshape(-1, 64))


def few_labels(data: Digits, n_labels: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of ``n_labels`` training images of each class, and of `N_VALIDATION` others, drawn without replacement."""
    order = np.random.default_rng(seed).permutation(len(data.train_labels))
    validation, pool = order[:N_VALIDATION], order[N_VALIDATION:]
    chosen = np.concatenate([pool[data.train_labels[pool] == c][:n_labels] for c in range(10)])
    if len(chosen) < 10 * n_labels:
        raise ValueError(f"there are not {n_labels} labelled images of each class beside the validation images")
    return chosen, validation


def learn(name: str, setting: float, x: np.ndarray, y: np.ndarray) -> Classifier:
    """One classifier of `SETTINGS`, trained: a function from images to labels."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.naive_bayes import GaussianNB

    if name == "class_bernoulli":
        law = fit_class_bernoulli(x, y, setting)
        return lambda images: law.log_posterior(images).argmax(axis=1)
    if name == "naive_bayes":
        model = GaussianNB(var_smoothing=setting)
    elif name == "lda":
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=setting)
    else:
        model = logistic_regression(setting)
    return model.fit(x, y).predict


def choose(name: str, data: Digits, chosen: np.ndarray, validation: np.ndarray) -> tuple[float, Classifier]:
    """The setting that is best on the validation images (the first of equals), and what it learned from the chosen."""
    x, y = data.train_images[chosen], data.train_labels[chosen]
    held_x, held_y = data.train_images[validation], data.train_labels[validation]
    trained = [(setting, learn(name, setting, x, y)) for setting in SETTINGS[name]]
    return max(trained, key=lambda candidate: accuracy(candidate[1], held_x, held_y))


def accuracy(classify: Classifier, x: np.ndarray, y: np.ndarray) -> float:
    """Share of images whose label is right."""
    return float((classify(x) == y).mean())


def digit_accuracies(
    n_labels: int, seed: int, names: Sequence[str] = ("naive_bayes", "lda", "logistic"), *, binary: bool = False
) -> dict[str, float]:
    """Test accuracy on digits after ``n_labels`` labels per class, each classifier with the setting it has chosen.

    Two generative classifiers and a discriminative one on grey digits; with ``binary``, choose
    ``("class_bernoulli", "logistic")``.
    """
    data = digits(binary)
    places = few_labels(data, n_labels, seed)
    classifiers = {name: choose(name, data, *places)[1] for name in names}
    return {name: accuracy(classify, data.test_images, data.test_labels) for name, classify in classifiers.items()}


#: Penalties of logistic regression in the synthetic world, where nothing is chosen: all three are shown.
STRENGTHS = {"logistic_strong": 0.1, "logistic": 1.0, "logistic_weak": 100.0}


def synthetic_accuracies(n_labels: int, seed: int, names: Sequence[str] = tuple(STRENGTHS)) -> dict[str, float]:
    """Exact accuracy, all 4096 inputs weighed, in a random world in which the class-Bernoulli assumption is true."""
    rng = np.random.default_rng(seed)
    truth = ClassBernoulli(np.array([0.5, 0.5]), rng.uniform(0.1, 0.9, (2, N_PIXELS)))
    inputs = binary_images(N_PIXELS).astype(float)
    joint = np.exp(truth.log_joint(inputs))

    def exact_accuracy(log_odds: np.ndarray) -> float:
        return float(np.where(log_odds > 0, joint[:, 1], joint[:, 0]).sum())

    labels = np.repeat([0, 1], n_labels)
    x = (rng.random((labels.size, N_PIXELS)) < truth.probabilities[labels]).astype(float)
    weight, bias = fit_class_bernoulli(x, labels).logistic_weights()
    result = {"class_bernoulli": exact_accuracy(inputs @ weight + bias), "best": float(joint.max(axis=1).sum())}
    for name in names:
        result[name] = exact_accuracy(logistic_regression(STRENGTHS[name]).fit(x, labels).decision_function(inputs))
    return result


def missing_accuracies(share: float, seed: int) -> dict[str, float]:
    """Test accuracy on binary digits, trained on whole images, when pixels of the test images are missing at random.

    The law leaves missing pixels out; logistic regression is given the training mean in their place. Settings were
    chosen on whole validation images: that pixels would be missing nobody foresaw.
    """
    data, classifiers = digits(binary=True), _trained_on_all()
    images = data.test_images.copy()
    images[np.random.default_rng(seed).random(images.shape) < share] = np.nan
    filled = np.where(np.isnan(images), data.train_images.mean(axis=0), images)
    return {
        name: accuracy(classifiers[name], given, data.test_labels)
        for name, given in (("class_bernoulli", images), ("logistic", filled))
    }


def logistic_regression(strength: float):  # type: ignore[no-untyped-def]
    """scikit-learn's logistic regression; ``strength`` is its C: small is a strong penalty, large a weak one."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=5000)


def run(seed: int) -> dict[str, float]:
    """All accuracies of one seed, named world/model/labels (or share missing)."""
    values = {}
    for n_labels in BUDGETS:
        worlds = {
            "digits": digit_accuracies(n_labels, seed),
            "binary": digit_accuracies(n_labels, seed, ("class_bernoulli", "logistic"), binary=True),
            "synthetic": synthetic_accuracies(n_labels, seed),
        }
        for world, accuracies in worlds.items():
            for model, value in accuracies.items():
                values[f"{world}/{model}" if model == "best" else f"{world}/{model}/{n_labels}"] = value
    for share in MISSING:
        for model, value in missing_accuracies(share, seed).items():
            values[f"missing/{model}/{share:g}"] = value
    return values


@cache
def _trained_on_all() -> dict[str, Classifier]:
    """Both classifiers of binary digits, trained on all training images with the setting that validation chose."""
    data = digits(binary=True)
    order = np.random.default_rng(0).permutation(len(data.train_labels))
    validation, others = order[:N_VALIDATION], order[N_VALIDATION:]
    return {
        name: learn(name, choose(name, data, others, validation)[0], data.train_images, data.train_labels)
        for name in ("class_bernoulli", "logistic")
    }

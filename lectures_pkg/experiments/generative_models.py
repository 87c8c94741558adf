"""Two ways to learn, by number of labels: generative and discriminative classifiers on digits and on synthetic data."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache

import numpy as np

from lectures_pkg.datasets import Digits, load_digits8
from lectures_pkg.generative_models import ClassBernoulli, fit_class_bernoulli
from lectures_pkg.worlds import binary_images

SEEDS = range(20)

#: Labels per class.
BUDGETS = (2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100)
N_PIXELS = 12  #: of the synthetic world: 4096 inputs, so that every accuracy there is exact
MISSING = (0.25, 0.5, 0.75)  #: share of the test images' pixels


@cache
def digits(binary: bool) -> Digits:
    """The digits with images as rows, shape (n, 64)."""
    data = load_digits8(binary=binary)
    return data._replace(train_images=data.train_images.reshape(-1, 64), test_images=data.test_images.reshape(-1, 64))


def few_labels(data: Digits, n_labels: int, seed: int) -> np.ndarray:
    """Places of ``n_labels`` training images of each class, drawn without replacement."""
    rng = np.random.default_rng(seed)
    return np.concatenate(
        [rng.choice(np.flatnonzero(data.train_labels == c), n_labels, replace=False) for c in range(10)]
    )


def digit_accuracies(
    n_labels: int, seed: int, names: Sequence[str] = ("naive_bayes", "lda", "logistic")
) -> dict[str, float]:
    """Test accuracy on grey digits: two generative classifiers and a regularised discriminative one."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.naive_bayes import GaussianNB

    data = digits(binary=False)
    chosen = few_labels(data, n_labels, seed)
    models = {
        "naive_bayes": GaussianNB(var_smoothing=0.05),
        "lda": LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
        "logistic": logistic_regression(1.0),
    }
    x, y = data.train_images[chosen], data.train_labels[chosen]
    return {name: float(models[name].fit(x, y).score(data.test_images, data.test_labels)) for name in names}


def binary_accuracies(n_labels: int, seed: int) -> dict[str, float]:
    """Test accuracy on binary digits: the chapter's own class-Bernoulli law, and logistic regression."""
    data = digits(binary=True)
    chosen = few_labels(data, n_labels, seed)
    x, y = data.train_images[chosen], data.train_labels[chosen]
    law, logistic = fit_class_bernoulli(x, y), logistic_regression(1.0).fit(x, y)
    return {
        "class_bernoulli": float((law.log_posterior(data.test_images).argmax(axis=1) == data.test_labels).mean()),
        "logistic": float(logistic.score(data.test_images, data.test_labels)),
    }


#: Penalties of logistic regression: scikit-learn's C, where small is strong.
STRENGTHS = {"logistic_strong": 0.1, "logistic": 1.0, "logistic_weak": 100.0}


def synthetic_accuracies(n_labels: int, seed: int, names: Sequence[str] = tuple(STRENGTHS)) -> dict[str, float]:
    """Exact accuracy, all 4096 inputs weighed, in a random world in which the class-Bernoulli assumption is true."""
    rng = np.random.default_rng(seed)
    truth = ClassBernoulli(np.array([0.5, 0.5]), rng.uniform(0.1, 0.9, (2, N_PIXELS)))
    inputs = binary_images(N_PIXELS).astype(float)
    joint = np.exp(truth.log_joint(inputs))

    def accuracy(log_odds: np.ndarray) -> float:
        return float(np.where(log_odds > 0, joint[:, 1], joint[:, 0]).sum())

    labels = np.repeat([0, 1], n_labels)
    x = (rng.random((labels.size, N_PIXELS)) < truth.probabilities[labels]).astype(float)
    weight, bias = fit_class_bernoulli(x, labels).logistic_weights()
    result = {"class_bernoulli": accuracy(inputs @ weight + bias), "best": float(joint.max(axis=1).sum())}
    for name in names:
        result[name] = accuracy(logistic_regression(STRENGTHS[name]).fit(x, labels).decision_function(inputs))
    return result


def missing_accuracies(share: float, seed: int) -> dict[str, float]:
    """Test accuracy on binary digits, trained on whole images, when pixels of the test images are missing at random.

    The law leaves missing pixels out; logistic regression is given the training mean in their place.
    """
    data, (law, logistic) = digits(binary=True), _trained_on_all()
    images = data.test_images.copy()
    images[np.random.default_rng(seed).random(images.shape) < share] = np.nan
    filled = np.where(np.isnan(images), data.train_images.mean(axis=0), images)
    return {
        "class_bernoulli": float((law.log_posterior(images).argmax(axis=1) == data.test_labels).mean()),
        "logistic": float(logistic.score(filled, data.test_labels)),
    }


def logistic_regression(strength: float):  # type: ignore[no-untyped-def]
    """scikit-learn's logistic regression; ``strength`` is its C: small is a strong penalty, large a weak one."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=5000)


def run(seed: int) -> dict[str, float]:
    """All accuracies of one seed, named world/model/labels (or share missing)."""
    worlds = {"digits": digit_accuracies, "binary": binary_accuracies, "synthetic": synthetic_accuracies}
    values = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for world, accuracies in worlds.items():
            for n_labels in BUDGETS:
                for model, accuracy in accuracies(n_labels, seed).items():
                    name = f"{world}/{model}" if model == "best" else f"{world}/{model}/{n_labels}"
                    values[name] = accuracy
        for share in MISSING:
            for model, accuracy in missing_accuracies(share, seed).items():
                values[f"missing/{model}/{share:g}"] = accuracy
    return values


@cache
def _trained_on_all():  # type: ignore[no-untyped-def]
    data = digits(binary=True)
    x, y = data.train_images, data.train_labels
    return fit_class_bernoulli(x, y), logistic_regression(1.0).fit(x, y)

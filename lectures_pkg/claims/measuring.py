"""Claims of the chapter "How good is a generator?"."""

from __future__ import annotations

import itertools
import math

import numpy as np
from scipy import optimize, stats
from scipy.spatial.distance import cdist
from scipy.special import expit, softmax

from lectures_pkg.claims import Claim, Estimate, Side, estimate, slips_of
from lectures_pkg.datasets import load_digits8
from lectures_pkg.divergences import entropy, jensen_shannon_divergence, kl_divergence, total_variation
from lectures_pkg.metrics import (
    birthday_test,
    classifier_two_sample_test,
    frechet_distance,
    memorisation_test,
    mmd2_unbiased,
    parzen_log_density,
    permutation_test,
    precision_recall,
)
from lectures_pkg.worlds import GaussianMixture

Pair = tuple[Side, Side]


# ---------------------------------------------------------------- two samples, and a null


def mmd_in_many_dimensions(rng: np.random.Generator, slip: str = "") -> Pair:
    """Mean of the package's estimate over 3000 pairs of small samples in three dimensions; the closed form."""
    dim, h, shift, n, m = 3, 1.0, np.array([0.5, 0.0, 0.5]), 6, 9
    found = []
    for _ in range(3000):
        x, y = rng.normal(size=(n, dim)), shift + rng.normal(size=(m, dim))
        value = mmd2_unbiased(x, y, h)
        if slip == "each point compared with itself":  # k(x_i, x_i) = 1 enters both means
            within = [np.exp(cdist(s, s, "sqeuclidean") / (-2 * h * h)) for s in (x, y)]
            value += sum(w.mean() - (w.sum() - len(w)) / (len(w) * (len(w) - 1)) for w in within)
        found.append(value)
    power = 1 if slip == "one dimension's factor for all" else dim
    factor = (h / math.sqrt(h * h + 2)) ** power
    return estimate(found), 2 * factor * (1 - math.exp(-shift @ shift / (2 * h * h + 4)))


def level_of_a_test(rng: np.random.Generator, slip: str = "") -> Pair:
    """How often 600 pairs of samples of one law are refused at level .1 by the package's test; the level."""
    n, level, refused = 20, 0.1, []
    for _ in range(600):
        x, y = rng.normal(size=n), rng.normal(size=n)
        if slip == "the standard error of one mean of the pool":
            z = abs(x.mean() - y.mean()) / (np.std(np.r_[x, y]) / math.sqrt(2 * n))
            refused.append(z > stats.norm.ppf(1 - level / 2))
        else:
            test = permutation_test(lambda a, b: abs(a.mean() - b.mean()), x, y, 19, rng)
            refused.append(test.p_value <= level + 1e-12)
    return Estimate(np.mean(refused), math.sqrt(level * (1 - level) / 600)), level


def told_apart(rng: np.random.Generator, slip: str = "") -> Pair:
    """Best accuracy among all 64 classifiers of six states; from the package's total variation."""
    p, q = rng.dirichlet(np.ones(6), size=2)
    says_p = np.array(list(itertools.product([0.0, 1.0], repeat=6)))  # every classifier there is
    best = (0.5 * says_p @ p + 0.5 * (1 - says_p) @ q).max()
    distance = total_variation(p, q)
    return best, {"": 0.5 + distance / 2, "1/2 + TV": 0.5 + distance, "1 - TV / 2": 1 - distance / 2}[slip]


def told_apart_gaussians(rng: np.random.Generator, slip: str = "") -> Pair:
    """A threshold learned on 4000 draws and judged on 40 000 fresh ones, and the package's TV on cells; Phi."""
    delta, n = 1.0, 20_000
    learn = rng.normal(size=2000), rng.normal(delta, 1, size=2000)
    threshold = (learn[0].mean() + learn[1].mean()) / 2
    accuracy = ((rng.normal(size=n) < threshold).mean() + (rng.normal(delta, 1, size=n) >= threshold).mean()) / 2
    edges = np.linspace(-12, 12 + delta, 2 * 625 + 1)  # delta / 2 is an edge, so that the cells lose nothing
    cells = [np.diff(stats.norm(mean).cdf(edges)) for mean in (0, delta)]
    exact = 0.5 + total_variation(*(c / c.sum() for c in cells)) / 2
    right = stats.norm.cdf(delta if slip == "Phi of the whole distance" else delta / 2)
    return Estimate([accuracy, exact], [math.sqrt(right * (1 - right) / (2 * n)), 0.0]), np.full(2, right)


def real_against_real(rng: np.random.Generator, slip: str = "") -> Pair:
    """Accuracy of the package's classifier between two disjoint sets of 400 real digits; one half."""
    digits = load_digits8(binary=True)
    images = np.concatenate([digits.train_images, digits.test_images])[rng.permutation(1797)]
    first, second = images[:400], images[400:800]
    if slip == "three in four of the second set leaked from the first":
        second = np.concatenate([first[:300], second[:100]])
    found = classifier_two_sample_test(first, second, rng)
    return Estimate(found.accuracy, 0.5 / math.sqrt(800)), 0.5


# ---------------------------------------------------------------- likelihood is not quality


def junk_costs(rng: np.random.Generator, slip: str = "") -> Pair:
    """Largest loss in log-density over 20 000 draws, on the line (package) and in 64 dimensions (SciPy); log 100."""
    x = rng.normal(size=(20_000, 64))
    on_the_line = GaussianMixture([1.0], [0.0], [1.0]).log_prob(x[:, 0])
    diluted = GaussianMixture([0.01, 0.99], [0.0, 0.0], [1.0, 10.0]).log_prob(x[:, 0])
    good, junk = (stats.norm(0, scale).logpdf(x).sum(axis=1) for scale in (1, 10))
    mixed = np.logaddexp(math.log(0.01) + good, math.log(0.99) + junk)
    left = [np.max(on_the_line - diluted), np.max(good - mixed)]
    if slip == "99 % junk costs 99 % of the log-likelihood":
        left = [0.99 * abs(on_the_line.mean()), 0.99 * abs(good.mean())]
    return np.array(left), np.full(2, math.log(100))


# ---------------------------------------------------------------- moments, neighbours, birthdays


def frechet_bias(rng: np.random.Generator, slip: str = "") -> Pair:
    """n times the mean of the package's distance between two samples of N(0, I), n = 300 and 600; d (d + 5) / 2."""
    dim = 4
    draws = [[n * frechet_distance(*rng.normal(size=(2, n, dim))) for _ in range(300)] for n in (300, 600)]
    right = {"": dim * (dim + 5) / 2, "no bias between equal laws": 0.0, "only the means tremble": 2 * dim}[slip]
    return estimate(np.transpose(draws)), np.full(2, right)


def recall_counts_modes(rng: np.random.Generator, slip: str = "") -> Pair:
    """The package's recall and precision of generators that keep 2, 4, 6 of 8 modes; their share, and 1."""
    angles = 2 * np.pi * np.arange(8) / 8
    centres = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1)

    def ring(n_modes: int) -> np.ndarray:
        return centres[rng.integers(n_modes, size=800)] + 0.05 * rng.normal(size=(800, 2))

    kept = np.array([2, 4, 6])
    found = []
    for n_modes in kept:
        real, generated = ring(8), ring(int(n_modes))
        both = precision_recall(real, generated)
        found.append(both[::-1] if slip == "precision and recall exchanged" else both)
    share = np.ones(3) if slip == "good samples have good recall" else kept / 8
    return np.array(found), np.stack([np.ones(3), share], axis=1)


def copied_share(rng: np.random.Generator, slip: str = "") -> Pair:
    """Mean of the package's distance ratio over 60 worlds, for four shares of copies; 1 - share."""
    shares, n, ratios = np.array([0.0, 0.25, 0.5, 1.0]), 400, []
    for _ in range(60):
        train, fresh, held_out = rng.normal(size=(3, n, 4))
        compare_with = held_out[: n // 2] if slip == "nearest held-out instead of nearest training example" else train
        row = []
        for share in shares:
            n_copies = round(share * n)
            generated = np.concatenate([train[:n_copies], fresh[n_copies:]])
            row.append(memorisation_test(generated, held_out[n // 2 :], compare_with).distance_ratio)
        ratios.append(row)
    return estimate(ratios), 1 - shares


def birthday_pairs(rng: np.random.Generator, slip: str = "") -> Pair:
    """Mean number of equal pairs among 40 draws from 400 values, by the package, 3000 times; the formula."""
    n, support = 40, 400
    pairs = [birthday_test(rng.integers(support, size=(n, 1))).n_pairs for _ in range(3000)]
    return estimate(pairs), n * (n - 1) / (support if slip == "each pair counted twice" else 2 * support)


def birthday_uneven(rng: np.random.Generator, slip: str = "") -> Pair:
    """Mean number of equal pairs among 25 draws of an uneven law, by the package; from the sum of squares."""
    law = 0.8 ** np.arange(30)
    law /= law.sum()
    pairs = [birthday_test(rng.choice(30, size=(25, 1), p=law)).n_pairs for _ in range(2000)]
    return estimate(pairs), 25 * 24 / 2 * (1 / 30 if slip == "as if the values were equally likely" else law @ law)


# ---------------------------------------------------------------- the trap


def centroid_is_nearer(rng: np.random.Generator, slip: str = "") -> Pair:
    """Mean squared distance of all pairs among 300 digits; twice that from their mean, as a trace."""
    images = load_digits8().train_images.reshape(-1, 64)
    chosen = images[rng.choice(len(images), 300, replace=False)]
    left = cdist(chosen, chosen, "sqeuclidean").mean()
    spread = float(np.trace(np.cov(chosen, rowvar=False, ddof=0)))
    return left, spread if slip == "a mean is as far away as another image" else 2 * spread


def parzen_trap(rng: np.random.Generator, slip: str = "") -> Pair:
    """Score on held-out digits of windows around 1000 real images; around 200 centroids of these, less 0.2 nats."""
    from sklearn.cluster import KMeans

    digits = load_digits8(binary=True, split_seed=int(rng.integers(1000)))
    train, test = digits.train_images.reshape(-1, 64), digits.test_images.reshape(-1, 64)
    centroids = KMeans(200, n_init=1, random_state=0).fit(train[:1000]).cluster_centers_
    h = 0.4 * math.sqrt(64) if slip == "the bandwidth meant for the whole image" else 0.4
    real, blurred = (parzen_log_density(test, centres, h).mean() for centres in (train[:1000], centroids))
    if slip == "real images score best":
        real, blurred = blurred, real
    return real, blurred - 0.2


# ---------------------------------------------------------------- hybrids


def average_kl_splits(rng: np.random.Generator, slip: str = "") -> Pair:
    """Average KL of the package over six pictures and four codes; its value for the aggregate, and H(z) - H(z | x)."""
    p_x, p_z = rng.dirichlet(np.ones(6)), rng.dirichlet(np.ones(4))
    q = rng.dirichlet(np.ones(4), size=6)  # q(z | x), a row for each picture
    left = sum(share * kl_divergence(row, p_z) for share, row in zip(p_x, q, strict=True))
    aggregate = p_x @ q
    information = entropy(aggregate) - sum(share * entropy(row) for share, row in zip(p_x, q, strict=True))
    of_aggregate = float(np.sum(aggregate * np.log(aggregate / p_z)))
    signs = {"": 1, "the information is dropped": 0, "the information is subtracted": -1}
    return left, of_aggregate + signs[slip] * information


def game_on_codes(rng: np.random.Generator, slip: str = "") -> Pair:
    """Largest value of the game on codes, by an optimiser over D; from the package's divergence."""
    p_x, p_z = rng.dirichlet(np.ones(6)), rng.dirichlet(2 * np.ones(4))
    q = rng.dirichlet(np.ones(4), size=6)

    def minus_value(logit: np.ndarray) -> float:
        return float(p_z @ np.logaddexp(0, -logit) + p_x @ (q @ np.logaddexp(0, logit)))

    best = -optimize.minimize(minus_value, np.zeros(4), method="BFGS", options={"gtol": 1e-9}).fun
    apart = jensen_shannon_divergence(p_z, p_x @ q)
    if slip == "each picture's own code law":
        apart = sum(share * jensen_shannon_divergence(p_z, row) for share, row in zip(p_x, q, strict=True))
    return best, -math.log(4) + (1 if slip == "one divergence instead of two" else 2) * apart


def pixelvae_bound(rng: np.random.Generator, slip: str = "") -> Pair:
    """log p(x) of all 16 pictures by summing over codes; the bound of an arbitrary q plus its gap."""
    p_z, log_p_x_given_z = rng.dirichlet(np.ones(3)), _decoder(rng, slip)
    joint = p_z * np.exp(log_p_x_given_z[0])  # (16, 3)
    left = np.log(joint.sum(axis=1))
    q, right = rng.dirichlet(np.ones(3), size=16), []
    for row, of_codes, together in zip(q, log_p_x_given_z[1], joint, strict=True):
        gap = kl_divergence(row, together / together.sum())
        bound = row @ of_codes - kl_divergence(row, p_z)
        right.append(bound + (0 if slip == "the bound taken for the value" else gap))
    return left, np.array(right)


def pixelvae_collapse(rng: np.random.Generator, slip: str = "") -> Pair:
    """The largest bound over q, and its KL, for a decoder that doesn't need the code; log p(x), and 0."""
    p_z, p_x = rng.dirichlet(2 * np.ones(3)), rng.dirichlet(np.ones(16))

    def parts(logits: np.ndarray, log_p_x: float) -> tuple[float, float]:
        q = softmax(logits)
        cost = kl_divergence(q, p_z)
        return log_p_x - cost, cost

    left = []
    for log_p_x in np.log(p_x[:3]):
        found = optimize.minimize(lambda a, v=log_p_x: -parts(a, v)[0], np.zeros(3), method="BFGS")
        pinned = np.array([40.0, 0.0, 0.0])
        left.append(parts(pinned if slip == "a code for each picture" else found.x, log_p_x))
    if slip == "the code costs its entropy":
        left = [(bound - entropy(p_z), entropy(p_z)) for bound, _ in left]
    return np.array(left), np.stack([np.log(p_x[:3]), np.zeros(3)], axis=1)


def _decoder(rng: np.random.Generator, slip: str) -> tuple[np.ndarray, np.ndarray]:
    """log p(x | z) of 16 pictures and 3 codes: twice the same, or the second with pixels independent given z."""
    pictures = np.array(list(itertools.product([0, 1], repeat=4)))
    weight, bias = 2 * rng.normal(size=(4, 4)), rng.normal(size=(3, 4))
    both = []
    for may_look in (True, slip != "pixels independent given the code"):
        context = pictures @ np.triu(weight, 1) if may_look else np.zeros((16, 4))  # pixel i looks at pixels before i
        on = expit(context[:, None, :] + bias)  # (16, 3, 4)
        x = pictures[:, None, :]
        both.append(np.log(np.where(x == 1, on, 1 - on)).sum(axis=2))
    return both[0], both[1]


CLAIMS = (
    Claim(
        label="mmd-in-many-dimensions",
        equation=r"""
\begin{aligned}
\mathbb E\,\widehat{\mathrm{MMD}}{}^2 &= 2 \Bigl( \frac{h^2}{h^2+2} \Bigr)^{d/2} (1-e^{-q}), \\
q &= \frac{\lVert \delta \rVert^2}{2h^2+4}
\end{aligned}
""",
        sides=mmd_in_many_dimensions,
        source="the chapter's derivation; Gretton et al. (2012), eq. (3)",
        slips=slips_of(
            mmd_in_many_dimensions, "slip", "each point compared with itself", "one dimension's factor for all"
        ),
    ),
    Claim(
        label="level-of-a-test",
        equation=r"\Pr\bigl( \text{refused} \bigm| p_G = p_{\mathrm{data}} \bigr) \le \alpha",
        sides=level_of_a_test,
        relation="<=",
        source="Phipson & Smyth (2010)",
        slips=slips_of(level_of_a_test, "slip", "the standard error of one mean of the pool"),
    ),
    Claim(
        label="told-apart",
        equation=r"\max_c \; \mathrm{accuracy}(c) = \frac12 + \frac12 \, \mathrm{TV}(p, q)",
        sides=told_apart,
        source="the chapter's derivation",
        slips=slips_of(told_apart, "slip", "1/2 + TV", "1 - TV / 2"),
    ),
    Claim(
        label="told-apart-gaussians",
        equation=r"""
\max_c \; \mathrm{accuracy}(c) = \Phi\Bigl( \frac{\lVert \delta \rVert}{2} \Bigr)
""",
        sides=told_apart_gaussians,
        source="the chapter's derivation",
        slips=slips_of(told_apart_gaussians, "slip", "Phi of the whole distance"),
        tolerance=1e-4,
    ),
    Claim(
        label="real-against-real",
        equation=r"""
\mathbb E \; \mathrm{accuracy}\bigl( \text{real}, \text{other real} \bigr) = \frac12
""",
        sides=real_against_real,
        source="both samples follow one law; measured on binary 8x8 digits",
        slips=slips_of(real_against_real, "slip", "three in four of the second set leaked from the first"),
    ),
    Claim(
        label="junk-costs-little",
        equation=r"""
\begin{aligned}
& \log p(x) - \log\Bigl( \frac{p(x)}{100} + \frac{99 \, r(x)}{100} \Bigr) \\
& \quad \le \log 100
\end{aligned}
""",
        sides=junk_costs,
        relation="<=",
        source="Theis, van den Oord & Bethge (2016), section 3.2",
        slips=slips_of(junk_costs, "slip", "99 % junk costs 99 % of the log-likelihood"),
        tolerance=1e-9,
    ),
    Claim(
        label="frechet-bias",
        equation=r"""
\mathbb E \, \widehat{\mathrm{FD}} = \frac{d \, (d + 5)}{2 n} + O(n^{-2})
""",
        sides=frechet_bias,
        source="the chapter's derivation, for two samples of n points of N(0, I)",
        slips=slips_of(frechet_bias, "slip", "no bias between equal laws", "only the means tremble"),
        tolerance=0.4,
    ),
    Claim(
        label="recall-counts-modes",
        equation=r"""
\mathrm{precision} \approx 1, \qquad \mathrm{recall} \approx \frac{j}{J}
""",
        sides=recall_counts_modes,
        source="Kynkäänniemi et al. (2019), eqs. (1) to (3); within 0.1, for 800 points of 8 modes",
        slips=slips_of(recall_counts_modes, "slip", "precision and recall exchanged", "good samples have good recall"),
        tolerance=0.1,
    ),
    Claim(
        label="copied-share",
        equation=r"\mathbb E \, \varrho = 1 - s",
        sides=copied_share,
        source="the chapter's derivation, up to the ratio's bias of order 1/n",
        slips=slips_of(copied_share, "slip", "nearest held-out instead of nearest training example"),
        tolerance=4e-3,
    ),
    Claim(
        label="birthday-pairs",
        equation=r"\mathbb E \, \#\{\text{equal pairs}\} = \frac{n \, (n - 1)}{2 N}",
        sides=birthday_pairs,
        source="Arora, Risteski & Zhang (2018), section 2",
        slips=slips_of(birthday_pairs, "slip", "each pair counted twice"),
    ),
    Claim(
        label="birthday-uneven",
        equation=r"""
\begin{aligned}
& \mathbb E \, \#\{\text{equal pairs}\} \\
& \quad = \frac{n \, (n - 1)}{2} \sum_v p(v)^2
\end{aligned}
""",
        sides=birthday_uneven,
        source="the chapter's derivation",
        slips=slips_of(birthday_uneven, "slip", "as if the values were equally likely"),
    ),
    Claim(
        label="centroid-is-nearer",
        equation=r"""
\mathbb E \, \lVert x - x' \rVert^2 = 2 \, \mathbb E \, \lVert x - \mu \rVert^2
""",
        sides=centroid_is_nearer,
        source="the chapter's derivation",
        slips=slips_of(centroid_is_nearer, "slip", "a mean is as far away as another image"),
        tolerance=1e-9,
    ),
    Claim(
        label="parzen-trap",
        equation=r"""
\begin{aligned}
& \text{score of 1000 real images} \\
& \quad \le \text{score of 200 centroids} - 0.2
\end{aligned}
""",
        sides=parzen_trap,
        relation="<=",
        source="after Theis, van den Oord & Bethge (2016), section 3; nats, bandwidth 0.4",
        slips=slips_of(parzen_trap, "slip", "real images score best", "the bandwidth meant for the whole image"),
        tolerance=0.05,
    ),
    Claim(
        label="average-kl-splits",
        equation=r"""
\begin{aligned}
& \mathbb E_{p(x)} \, D_{\mathrm{KL}}\bigl( q(z \mid x) \Vert p(z) \bigr) \\
& \quad = D_{\mathrm{KL}}\bigl( q(z) \Vert p(z) \bigr) + I_q(x; z)
\end{aligned}
""",
        sides=average_kl_splits,
        source="Hoffman & Johnson (2016); Makhzani et al. (2016), section 2",
        slips=slips_of(average_kl_splits, "slip", "the information is dropped", "the information is subtracted"),
    ),
    Claim(
        label="game-on-codes",
        equation=r"""
\begin{aligned}
& \max_D \; \mathbb E_{p(z)} \log D(z) \\
& \qquad + \mathbb E_{q(z)} \log\bigl( 1 - D(z) \bigr) \\
& \quad = -\log 4 + 2 \, \mathrm{JSD}\bigl( p(z) \Vert q(z) \bigr)
\end{aligned}
""",
        sides=game_on_codes,
        source="Goodfellow et al. (2014), Theorem 1, applied to codes",
        slips=slips_of(game_on_codes, "slip", "each picture's own code law", "one divergence instead of two"),
        tolerance=1e-9,
    ),
    Claim(
        label="pixelvae-bound",
        equation=r"""
\begin{aligned}
& \log p(x) \\
& = \mathbb E_{q(z \mid x)} \sum_i \log p(x_i \mid x_{<i}, z) \\
& \quad - D_{\mathrm{KL}}\bigl( q(z \mid x) \Vert p(z) \bigr) \\
& \quad + D_{\mathrm{KL}}\bigl( q(z \mid x) \Vert p(z \mid x) \bigr)
\end{aligned}
""",
        sides=pixelvae_bound,
        source="Gulrajani et al. (2017), section 3",
        slips=slips_of(pixelvae_bound, "slip", "the bound taken for the value", "pixels independent given the code"),
    ),
    Claim(
        label="pixelvae-collapse",
        equation=r"""
\begin{aligned}
& p(x \mid z) = p(x) \;\Rightarrow \\
& \quad \max_q \mathrm{ELBO} = \log p(x), \\
& \quad D_{\mathrm{KL}}\bigl( q(z \mid x) \Vert p(z) \bigr) = 0
\end{aligned}
""",
        sides=pixelvae_collapse,
        source="Bowman et al. (2016); Chen et al. (2017), section 2",
        slips=slips_of(pixelvae_collapse, "slip", "a code for each picture", "the code costs its entropy"),
        tolerance=1e-6,
    ),
)

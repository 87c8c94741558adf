"""The errata page: wrong forms that readers meet on slides and in tutorials, each with what refutes it.

An erratum rests on claims of the book (whose checks refuse that very form, or prove the right one), on a
computation that runs when the page is made, or on both. ``entries(stem)`` renders those of one chapter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from lectures_pkg import experiments
from lectures_pkg.datasets import load_digits8
from lectures_pkg.divergences import gaussian_kl
from lectures_pkg.gan_theory import optimal_discriminator
from lectures_pkg.ngrams import NgramModel
from lectures_pkg.worlds import Grammar, strokes


class Erratum(NamedTuple):
    """One wrong form: where it is treated, what is said, what is true, and what shows it."""

    key: str  #: deck and number, E0-1 to E4-11
    stem: str
    said: str
    correct: str
    claims: tuple[str, ...] = ()
    computed: Callable[[], str] | None = None  #: asserts and returns one sentence with its numbers


def entries(stem: str) -> str:
    """Markdown for the errata of one chapter.

    Raises
    ------
    LookupError
        If the chapter has none.
    AssertionError
        If a computation doesn't show what it should.
    """
    of_this_chapter = [erratum for erratum in ERRATA if erratum.stem == stem]
    if not of_this_chapter:
        raise LookupError(f"no erratum belongs to {stem!r}")
    blocks = []
    for erratum in of_this_chapter:
        shown = []
        if erratum.claims:
            shown.append("claim " + ", ".join(f"{{eq}}`{label}`" for label in erratum.claims))
        if erratum.computed is not None:
            shown.append(erratum.computed())
        blocks.append(
            f"**On the slide:** {erratum.said}\n\n**In truth:** {erratum.correct}\n\n*Shown by* {'; '.join(shown)}."
        )
    return "\n\n---\n\n".join(blocks)


def _one_word_of_context() -> str:
    model = NgramModel(2, "add_k").fit([["a", "b", "c"], ["b", "b", "a"]])
    assert model.next_word(("a", "b")) == model.next_word(("b",)) != model.next_word(("a",))
    return "a fitted bigram, which says the same after “a b” as after “b”"


def _a_set_forgets() -> str:
    sentence, other = ["it", "is", "as", "nice", "as", "it", "was"], ["was", "it", "nice", "as", "is"]
    assert set(sentence) == set(other) and len(sentence) != len(other)
    return f"two sentences of {len(sentence)} and {len(other)} words that are one set of {len(set(sentence))}"


def _valid_but_improbable() -> str:
    sentence = "the movie near the movies likes a red movie"
    log_prob = Grammar().log_prob(sentence.split())
    assert -np.inf < log_prob < np.log(1e-6)
    return f"“{sentence}”, grammatical, and less probable than one in a million: {np.exp(log_prob):.0e}"


def _short_strings_win() -> str:
    sentences = [["it"]] * 3 + [["it", "is", "a", "nice", "movie"]] * 2
    model = NgramModel(2, "mle").fit(sentences)
    short, whole = model.sentence_log_prob(["it"]), model.sentence_log_prob(sentences[-1])
    assert short > whole
    return (
        f"a bigram fitted to five sentences: P(it) = {np.exp(short):.1f}, P(it is a nice movie) = {np.exp(whole):.1f}"
    )


def _one_letter_two_things() -> str:
    law = strokes()
    total = float(optimal_discriminator(law, np.full(16, 1 / 16)).sum())
    assert abs(law.sum() - 1) < 1e-12 and abs(total - 1) > 0.5
    return f"the sixteen pictures: the data law adds up to 1, the best discriminator to {total:.2f}"


def _kl_both_ways() -> str:
    there, back = gaussian_kl([0], [[1]], [0], [[4]]), gaussian_kl([0], [[4]], [0], [[1]])
    assert back > 2 * there
    return f"N(0, 1) against N(0, 4): {there:.3f} nats one way, {back:.3f} the other"


def _two_priors_one_law() -> str:
    x, z = 1.3, np.linspace(-30, 30, 20_001)
    standard = np.trapezoid(norm.pdf(x, 0.8 * z, 0.5) * norm.pdf(z, 0, 1), z)
    wide = np.trapezoid(norm.pdf(x, 0.4 * z, 0.5) * norm.pdf(z, 0, 2), z)
    assert abs(standard - wide) < 1e-12
    return (
        "prior N(0, 4) with half the decoder's weight: the same density of x to 1e-12, so no data could tell them apart"
    )


def _same_label_other_score() -> str:
    scores = optimal_discriminator([0.5, 0.4, 0.1], [0.1, 0.4, 0.5])
    assert scores[0] != scores[1]
    return f"two real examples with one label y = 1 and D = {scores[0]:.2f} and {scores[1]:.2f}"


def _two_logs() -> str:
    caught, other = np.log(0.01), np.log1p(-0.01)
    assert caught < -4 and other > -0.02
    return f"D = 0.01: log D = {caught:.1f}, log(1 − D) = {other:.2f}"


def _generator_of_a_picture() -> str:
    generator = np.ones((2, 4))  # four random numbers to a point of the plane
    try:
        generator @ np.ones(2)
    except ValueError:
        return "a generator from four numbers to two: G(x) is not even defined"
    raise AssertionError("a 2x4 matrix took a vector of two numbers")


def _real_or_fake() -> str:
    d = optimal_discriminator([0.5, 0.4, 0.1], [0.1, 0.4, 0.5])
    assert np.all(d + (1 - d) == 1) and d.min() < 0.2
    return f"scores from {d.min():.2f} to {d.max():.2f}, while “real or fake” has probability 1 for every picture"


def _nowhere_data() -> str:
    d = optimal_discriminator([0.5, 0.5, 0.0], [0.5, 0.5, 0.0])
    assert np.isnan(d[2]) and np.all(d[:2] == 0.5)
    return "a point where both laws vanish: D* is not determined there"


def _without_the_log() -> str:
    a = np.array([-5.0, 0.0, 5.0])
    d = expit(a)
    with_log, without = -d, -d * (1 - d)  # slopes in the logit of log(1 - D) and of 1 - D
    assert abs(with_log[2] / without[2]) > 100 and abs(without[2]) < 0.01
    return f"slopes in the logit at D = {d[2]:.3f}: {with_log[2]:.3f} with the logarithm, {without[2]:.3f} without"


def _pixels_are_quantised() -> str:
    pixels = load_digits8().test_images
    share, levels = float((pixels == 0).mean()), len(np.unique(pixels))
    assert share > 0.4 and levels == 17
    return f"the digits: {levels} grey levels, and {100 * share:.0f} % of the pixels are exactly zero"


def _leaky_output() -> str:
    squeezed = 0.2 * -5.0  # LeakyReLU, slope 0.2, of the score -5
    assert not 0 < squeezed < 1
    return f"a LeakyReLU at the output makes {squeezed:.0f} of a score of -5: no probability, and it has no logarithm"


def _probes() -> str:
    cells = experiments.spread("measuring")
    made, gan, vae, pixels = (cells[f"{name}_probe_10"] for name in ("made_256", "gan", "vae_8", "real"))
    assert min(made.low, gan.low) > vae.high and pixels.low > vae.high
    return (
        f"the [measured table](comparison.ipynb): with ten labels per class a linear probe's accuracy is "
        f"{made.mean:.2f} for MADE-256, {gan.mean:.2f} for the GAN, {vae.mean:.2f} for VAE-8, "
        f"{pixels.mean:.2f} for raw pixels"
    )


def _from_the_table(number: str, model: str, other: str) -> Callable[[], str]:
    """A number of the measured table that is larger for one model than for another, on every seed."""

    def computed() -> str:
        cells = experiments.spread("measuring")
        keys = (name.replace("Pixel", "Pixel_").lower().replace("-", "_") for name in (model, other))
        a, b = (cells[f"{key}_{KEYS[number]}"] for key in keys)
        assert a.low > b.high
        sign = "≤ " if number == "nats per test image" else ""  # both are bounds
        text = f"{number} {sign}{a.mean:.2f} for {model}, {sign}{b.mean:.2f} for {other}"
        return f"the [measured table](comparison.ipynb): {text}"

    return computed


#: Numbers of the measured table by the names they have there.
KEYS = {
    "nats per test image": "nll",
    "how often samples are told from real images": "c2st",
}

#: In the book's order. Every key of the five decks stands here once.
ERRATA: tuple[Erratum, ...] = (
    # Orientation and language
    Erratum(
        "E1-1",
        "generative_models",
        "“VAR” for VAE; and an explicit model has “an analytical expression”, with MCMC under that heading.",
        "MCMC needs only an unnormalised density, and variational methods only a bound: neither has the expression.",
        ("metropolis-stationary",),
    ),
    Erratum(
        "E3-2",
        "generative_models",
        r"“If we know the distribution, we can generate”, and a GAN learns $\hat p(x)$.",
        "A known, unnormalised density still has to be sampled, which may take very long; a GAN has a "
        "sampler and no density.",
        ("slow-metropolis", "generator-rank"),
    ),
    Erratum(
        "E0-1",
        "ngrams",
        r"The window of an $n$-gram: $w_{m-k-1}, w_{m-k-2}, \dots, w_{m-1}$.",
        r"$w_{i-n+1}, \dots, w_{i-1}$: in order, and $n - 1$ words of them.",
        ("ngram-window",),
    ),
    Erratum(
        "E0-2",
        "ngrams",
        r"The chain rule ends in $P(w_1 \mid w_2)\,P(w_1)$.",
        r"In $P(w_2 \mid w_1)\,P(w_1)$. With the other factors the sentences do not add up to one.",
        ("factors-sum-to-one",),
    ),
    Erratum(
        "E0-3",
        "ngrams",
        "“A window of size $k$” counts the words before; “bigram ($k = 2$)” counts the predicted word too.",
        "One convention: $n$ counts the predicted word, the context has $n - 1$ words, a bigram's has one.",
        ("ngram-window",),
        _one_word_of_context,
    ),
    Erratum(
        "E0-4",
        "ngrams",
        r"A sentence is $S = \{w_1, \dots, w_m\}$, over “vocabularies” $V$.",
        r"A sequence $(w_1, \dots, w_m)$: a set knows neither order nor repetition. $V$ is one set, the vocabulary.",
        (),
        _a_set_forgets,
    ),
    Erratum(
        "E0-5",
        "ngrams",
        "$P(S)$ is the probability that $S$ is a valid sentence.",
        "The probability that $S$ *occurs*. A long valid sentence occurs hardly ever.",
        (),
        _valid_but_improbable,
    ),
    Erratum(
        "E0-6",
        "ngrams",
        "A language model without an end symbol.",
        "Then each length has mass one of its own, and all lengths together have no finite mass.",
        ("end-symbol",),
    ),
    Erratum(
        "E0-7",
        "ngrams",
        "“Sentence generation: estimate $P(S)$.”",
        "That is scoring. Generating is drawing, or searching, and searching word by word may miss the best sentence.",
        ("greedy-is-not-best",),
    ),
    Erratum(
        "E0-8",
        "ngrams",
        r"Order a bag of words by $\arg\max_{s'} P(s')$.",
        "Over the orderings that use each word of the (multi)set exactly once; without that a short string wins.",
        ("best-ordering",),
        _short_strings_win,
    ),
    Erratum(
        "E0-9",
        "neural_lm",
        "word2vec is a neural language model.",
        "With negative sampling its scores are no distribution over words; it factorises a shifted table of "
        "*pointwise* mutual information.",
        ("sgns-not-a-law", "sgns-optimum"),
    ),
    Erratum(
        "E3-8",
        "neural_lm",
        "A recurrent network is fed all previous tokens.",
        r"The newest token and its own last state, $h_{t-1}$; the state is all that it keeps of the others.",
        ("gru-update",),
    ),
    # Models with a density
    Erratum(
        "E2-18",
        "rbm",
        "The probability of a picture is “intractable” for Boltzmann machines and variational autoencoders.",
        "It is a matter of size: exact up to twenty hidden units or with two latents; with more hidden units two "
        "estimates of log Z enclose it, with more latents it has a lower bound.",
        ("partition-function", "sandwich-on-digits", "exact-by-quadrature", "elbo-is-a-bound"),
    ),
    Erratum(
        "E2-19",
        "rbm",
        "The losses in the comparison table: KL for Boltzmann machines and VAEs, JSD for GANs.",
        "Contrastive divergence does not follow the gradient of the KL; a VAE lowers a bound on it; the JSD "
        "needs the best "
        "discriminator and the saturating loss.",
        ("likelihood-gradient", "elbo-is-a-bound", "criterion-jsd", "non-saturating-gradient"),
    ),
    Erratum(
        "E0-12",
        "vae",
        r"$p(z \mid x) \sim q_\theta(z \mid x)$ with $\theta = \langle \mu, \sigma \rangle$.",
        r"$\approx$, and no more than that: what is missing is a KL divergence. $\theta$ are the encoder's weights; "
        r"$\mu$ and $\sigma$ are its outputs, different for each $x$.",
        ("log-prob-is-elbo-plus-kl",),
    ),
    Erratum(
        "E0-13",
        "vae",
        "The ELBO as a loss.",
        r"It is a lower bound and is raised; the loss is $-\mathrm{ELBO}$.",
        ("elbo-is-a-bound",),
    ),
    Erratum("E0-14", "vae", "KL is a distance.", "It is not symmetric.", (), _kl_both_ways),
    Erratum(
        "E0-15",
        "vae",
        r"Noise $\mathcal N(0, 1)$ is added to the code: $z = \mu + \epsilon$, or $\mu + \sigma^2 \epsilon$.",
        r"$z = \mu + \sigma \odot \epsilon$ with $\epsilon \sim \mathcal N(0, I)$; the others give other gradients.",
        ("reparameterised-gradient",),
    ),
    Erratum(
        "E0-16",
        "vae",
        "The true prior $p(z)$.",
        "The prior is chosen. Another choice with another decoder is the same law of pictures.",
        (),
        _two_priors_one_law,
    ),
    Erratum(
        "E2-15",
        "vae",
        r"A VAE learns $P(z \mid X)$.",
        r"It learns $Q_\theta(z \mid X)$, which is the posterior only where the bound is tight.",
        ("elbo-tight-at-posterior",),
    ),
    Erratum(
        "E4-1",
        "vae",
        r"$\log(Q \mid X)$, twice.",
        r"$\log Q(z \mid X)$: the logarithm is taken of a density at $z$.",
        ("log-prob-is-elbo-plus-kl",),
    ),
    Erratum(
        "E4-2",
        "vae",
        r"$\log P(X) - \mathrm{KL} = \mathbb E_Q[\log Q - \log P(X \mid z) - \log P(z)]$.",
        r"A minus is lost: the right-hand side is $-\mathbb E_Q[\dots]$, and the two differ by twice the ELBO.",
        ("log-prob-is-elbo-plus-kl",),
    ),
    Erratum(
        "E4-5",
        "vae",
        r"$\mathcal N(z; \mu, \sigma^2)$ for a vector $z$, $P(z) \sim \mathcal N$, $Q \sim P$.",
        r"$\mathcal N(z; \mu, \mathrm{diag}(\sigma^2))$: a Gaussian vector has a covariance matrix. A "
        r"variable follows a "
        r"law ($z \sim P$); a law does not.",
        ("kl-of-full-gaussians",),
    ),
    Erratum(
        "E4-7",
        "vae",
        "Any distribution is nearly a Gaussian of high dimension.",
        "A Gaussian stays a Gaussian under every linear map. What reaches other laws is a *non-linear* map of it.",
        ("best-gaussian-for-two-bumps", "linear-decoder-stays-gaussian", "push-forward"),
    ),
    Erratum(
        "E4-6",
        "variational_bounds",
        "The prior is learned from the training set.",
        "It is fixed; what is learned is the guess at the posterior. Their average over the data need not be "
        "the prior, "
        "and the difference is a term of the bound.",
        ("rate-splits",),
    ),
    Erratum(
        "E4-9",
        "variational_bounds",
        "A full covariance of a thousand latents has 501 500 parameters.",
        "500 500; 501 500 with the thousand means.",
        ("posterior-counts",),
    ),
    Erratum(
        "E4-10",
        "variational_bounds",
        "Whether the latents are independent is a question about the prior.",
        r"About $Q(z \mid X)$: the prior may be independent and the posterior not, and a guess without "
        r"covariances pays.",
        ("linear-decoder-posterior", "mean-field-gap"),
    ),
    Erratum(
        "E4-11",
        "variational_bounds",
        "“Diagonal + 1” is a covariance with one more diagonal.",
        "A first-order chain has a tridiagonal *precision*; its covariance is full.",
        ("chain-precision", "chain-covariance"),
    ),
    # The adversarial idea
    Erratum(
        "E0-10",
        "adversarial_game",
        r"$D$ is the data law, and $D$ is the discriminator; hence “$D \cong D'$”.",
        "Two letters: a law adds up to one, a discriminator gives each picture a probability of its own.",
        (),
        _one_letter_two_things,
    ),
    Erratum(
        "E0-11",
        "adversarial_game",
        "The players master each other's task.",
        "Each learns to defeat the other; a turn moves one player's weights and leaves the other's.",
        ("turns-are-separate", "value-terms"),
    ),
    Erratum(
        "E1-2",
        "adversarial_game",
        r"$-\frac1N \sum y \log p + (1 - y) \log(1 - p)$, without brackets.",
        "Read as written, the second term has the wrong sign.",
        ("cross-entropy-with-brackets",),
    ),
    Erratum(
        "E1-3",
        "adversarial_game",
        r"$\log(p\,(1 - y_i))$ in the cross-entropy.",
        r"$\log(1 - p)$. Its weight hides it on real examples; it surfaces on fakes, and as soon as labels "
        r"are softened.",
        ("cross-entropy-with-brackets",),
    ),
    Erratum(
        "E1-4",
        "adversarial_game",
        "The mean over all examples is split into the mean over reals plus the mean over fakes.",
        "With equal batches the new loss is exactly twice the old; with others no factor mends it.",
        ("split-loss",),
    ),
    Erratum(
        "E1-5",
        "adversarial_game",
        r"$p(y_i)$ for the filter's output; $\mathcal E$ for an expectation; a parenthesis lost in $\max_D V$.",
        r"$D(x_i) = p(y = 1 \mid x_i)$: a function of the example, not of its label.",
        (),
        _same_label_other_score,
    ),
    Erratum(
        "E1-6",
        "adversarial_game",
        "“Positive” is spam in the first half of a lecture and real in the second.",
        "Each of the four names changes its cell with the convention; here positive is real, throughout.",
        ("confusion-counts",),
    ),
    Erratum(
        "E1-7",
        "adversarial_game",
        "Correctly sorted examples require no action.",
        "They still pull: with strength $1 - D$ on reals, $D$ on fakes, which is never zero.",
        ("discriminator-gradient-by-hand", "loss-slopes"),
    ),
    Erratum(
        "E1-8",
        "adversarial_game",
        "The generator's two objectives, in one lecture, as if they were one.",
        "They have other slopes and other objectives.",
        ("gradient-ratio", "non-saturating-gradient"),
    ),
    Erratum(
        "E1-9",
        "adversarial_game",
        r"“A large negative value if the fake is caught”, of $\log(1 - D)$.",
        r"That is $\log D$.",
        (),
        _two_logs,
    ),
    Erratum(
        "E2-7",
        "adversarial_game",
        r"$\sum_i \frac1N \log(1 - D(G(z)))$ without $z_i$; $\int p(z) \log(\cdot)$ without $dz$; $g(x)$ for $G(z)$.",
        "A sum runs over $z_i$, an integral over $z$, and $G$ takes noise.",
        ("noise-average",),
    ),
    Erratum(
        "E2-8",
        "adversarial_game",
        r"The curve of $\log(1 - D)$ is flat near $D = 0$.",
        "Its slope there is $-1$. What vanishes is the slope in the *logit*.",
        ("slopes-in-probability", "saturating-vanishes"),
    ),
    Erratum(
        "E2-10",
        "adversarial_game",
        "The score is the probability of being real or fake.",
        "Of being real.",
        (),
        _real_or_fake,
    ),
    Erratum(
        "E3-1",
        "adversarial_game",
        "The generator minimises $1 - D(G(z))$.",
        r"$\log(1 - D(G(z)))$, or it maximises $\log D(G(z))$. Without the logarithm the slope dies at both ends.",
        ("generator-update",),
        _without_the_log,
    ),
    Erratum(
        "E4-3",
        "gan_theory",
        "The discriminator “compares each sample with the real data”.",
        "It scores single inputs; the loss compares the score with a label. (Batch norm is the exception "
        "that couples a batch.)",
        ("optimal-discriminator", "batch-norm-coupling"),
    ),
    Erratum(
        "E1-10",
        "gan_theory",
        "The noise's density is written $p_g(z)$, beside the generator's law $p_g(x)$.",
        "$p_z(z)$ and $p_G(x)$: two laws, on two spaces.",
        ("value-in-x",),
    ),
    Erratum(
        "E2-1",
        "gan_theory",
        r"$\mathrm{KL}(p_d \Vert m) + \mathrm{KL}(p_G \Vert m) = \mathrm{JSD}$, so $C(G) = -\log 4 + \mathrm{JSD}$.",
        r"The sum is $2\,\mathrm{JSD}$ and $C(G) = -\log 4 + 2\,\mathrm{JSD}$.",
        ("criterion-jsd", "jsd-range"),
    ),
    Erratum(
        "E2-2",
        "gan_theory",
        r"At equality $\log 2 \int p_G - \log 2 \int p_d$.",
        r"That is zero. It is $-\log 2 \int p_d - \log 2 \int p_G = -\log 4$.",
        ("value-at-equality",),
    ),
    Erratum(
        "E2-3",
        "gan_theory",
        "$D^*_G(G(x))$.",
        "$D^*_G(x)$: once the integral runs over pictures, there is no generator left to apply.",
        ("value-in-x",),
        _generator_of_a_picture,
    ),
    Erratum(
        "E2-9",
        "gan_theory",
        r"With $-\log D$ for the generator “the objective remains the same”.",
        r"With the best $D$, *held fixed*, its gradient is that of $\mathrm{KL}(p_G \Vert p_d) - 2\,\mathrm{JSD}$.",
        ("non-saturating-gradient",),
    ),
    Erratum(
        "E2-11",
        "gan_theory",
        "At $p_G = p_d$ the discriminator's loss is lowest.",
        r"The *value* is lowest there, over generators; the *best* discriminator's loss is at its highest, $\log 4$.",
        ("loss-at-equality",),
    ),
    Erratum(
        "E2-12",
        "gan_theory",
        r"The proof shows $C(G) \ge -\log 4$ and calls the minimum unique.",
        "Uniqueness needs a strict inequality for different laws; it has a line of its own.",
        ("strictness",),
    ),
    Erratum(
        "E2-13",
        "gan_theory",
        "A derivative set to zero, and no word on assumptions.",
        "The second derivative is negative; $D$ ranges over all functions; some $G$ reaches the data law; "
        "where both laws "
        "vanish, $D^*$ is not determined.",
        ("pointwise-curvature",),
        _nowhere_data,
    ),
    Erratum(
        "E2-14",
        "gan_theory",
        "“$P_{pG}$”, “Jenson”, “Redford”.",
        "$p_G$; Jensen; Radford. One letter for the generator's law, in both terms of the formula that has the name.",
        ("criterion-jsd",),
    ),
    Erratum(
        "E4-4",
        "gan_theory",
        "Repeat until the error is minimised.",
        "The solution is a saddle point: the *best* discriminator's error is largest there.",
        ("loss-at-equality",),
    ),
    Erratum(
        "E1-11",
        "toy_gans",
        "As the losses converge, the batch approaches the real one.",
        "Near balance the losses hardly move while the generator's mean is still off: a loss is no measure of quality.",
        ("loss-flat-near-balance", "gaussian-in-the-plane"),
    ),
    Erratum(
        "E1-12",
        "toy_gans",
        "GANs make arbitrary distributions from random noise.",
        "Noise of too low a dimension gives a curve, and bounded noise through a continuous network a bounded set.",
        ("generator-rank", "linear-generator-support"),
    ),
    Erratum(
        "E2-4",
        "toy_gans",
        r"Algorithm 1, the discriminator's line: $\log(1 - D(z^{(i)}))$.",
        r"$\log(1 - D(G(z^{(i)})))$. With $\dim z = \dim x$ the slip runs without an error.",
        ("discriminator-update",),
    ),
    Erratum(
        "E2-5",
        "toy_gans",
        r"The generator's line: $\log(z^{(i)})$.",
        r"$\log D(G(z^{(i)}))$.",
        ("generator-update",),
    ),
    Erratum(
        "E2-6",
        "toy_gans",
        "“Ascend” for the generator in one lecture, “descend” in the next.",
        r"Ascend $\log D$, or descend $\log(1 - D)$. Swapped, the generator gets worse.",
        ("generator-update",),
    ),
    Erratum(
        "E1-13",
        "dcgan",
        "The guidelines: batch norm in both networks; strided convolutions instead of max pooling.",
        "No batch norm at the discriminator's input, where it does the harm, nor (on our digits hardly felt) at the "
        "generator's output; strides replace *all* pooling.",
        ("batch-norm-blind", "dcgan-guidelines"),
    ),
    Erratum(
        "E2-16",
        "dcgan",
        r"$z = \lambda z_1 + (1 - \lambda) z_2$ goes from $z_1$ to $z_2$.",
        r"At $\lambda = 0$ it is $z_2$. On the way it leaves the shell: squared norm $d/2$ in the middle, "
        r"$d/3$ for a mean of three.",
        ("lerp-ends", "lerp-norm", "average-norm"),
    ),
    Erratum(
        "E2-17",
        "dcgan",
        "LeakyReLU for all layers of the discriminator, batch norm in all layers of both.",
        "The output is a logit (or a probability), not a LeakyReLU's; and see the exceptions for batch norm.",
        ("batch-norm-blind",),
        _leaky_output,
    ),
    Erratum(
        "E4-8",
        "conditional_models",
        "A conditional VAE the easy way: train a map from the label to the codes of a finished VAE.",
        "Even a map onto all codes of a label, with their exact law, is obeyed only as far as codes tell labels. "
        "The decoder must be told the label itself, in training and after.",
        ("two-ways-to-a-label", "posthoc-information"),
    ),
    # Measuring
    Erratum(
        "E2-20",
        "measuring",
        "Assumptions: “$X$ independent given $z$” (VAE), none (autoregressive).",
        "The first is a choice of decoder, which PixelVAE drops; a Boltzmann machine needs $H$ independent "
        "given $X$, too; an "
        "autoregressive model fixes an order and a family.",
        ("hidden-conditional", "visible-conditional", "fvsbn-misses-parity"),
        _from_the_table("nats per test image", "VAE-8", "PixelVAE-4"),
    ),
    Erratum(
        "E2-21",
        "measuring",
        "Abstraction: “no” for autoregressive models and GANs, “yes” for VAEs.",
        "Say what abstraction is first. A linear probe finds more of the label in the features of the former than in "
        "the VAE's code, and no more than in the pixels themselves.",
        (),
        _probes,
    ),
    Erratum(
        "E2-22",
        "measuring",
        "Samples: Boltzmann machines “bad”, GANs “best”.",
        "On small binary digits the GAN's samples are told from real images more often than the Boltzmann machine's. "
        "(MMD, in the same table, does not agree: no one number ranks samples.)",
        (),
        _from_the_table("how often samples are told from real images", "GAN", "RBM-128"),
    ),
    # Beyond pixels
    Erratum(
        "E3-3",
        "discrete_gans",
        "Softmax, then argmax, from a fixed start: the generator writes sentences.",
        "It writes one sentence. Randomness has to come from drawing, or from $z$.",
        ("greedy-is-constant",),
    ),
    Erratum(
        "E3-4",
        "discrete_gans",
        "Gumbel-softmax is a continuous approximation of the softmax.",
        "The softmax is smooth already. It relaxes the one-hot *sample*.",
        ("relaxation-limits",),
    ),
    Erratum(
        "E3-5",
        "discrete_gans",
        "Choosing a word is not differentiable.",
        "It is worse than a kink: the choice is piecewise constant, and its derivative zero almost everywhere.",
        ("argmax-slope",),
    ),
    Erratum(
        "E3-6",
        "discrete_gans",
        "Images escape the problem because their data are continuous.",
        "Pixels are quantised, and a discriminator can use that. What is continuous is the generator's output.",
        (),
        _pixels_are_quantised,
    ),
    Erratum(
        "E3-7",
        "neural_crypto",
        "Neural cryptography is a GAN, and Eve is at chance.",
        "No data law is matched. With 16 bits and bilinear networks the Eve who trained along is near chance, which "
        "says something about her: a fresh one often reads more, and with 8 bits and ReLU networks far more. (Without "
        "biases no Eve reads bits better than a coin, and yet the code leaks.)",
        ("trained-eve-at-chance", "fresh-eve-reads-more", "best-eve-at-half", "chance-is-not-secrecy"),
    ),
)

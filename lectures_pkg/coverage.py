"""The coverage page: what a first course on generative models is expected to treat, and where this book does.

``table(group)`` renders one group of items as Markdown with a link to each place. A place is a stem and a
heading of that chapter, word for word: a test follows each into the chapter and into the built page.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Item(NamedTuple):
    """One thing to treat, and the sections that treat it."""

    key: str
    text: str
    places: tuple[tuple[str, str], ...]  #: (stem, heading)


def anchor(heading: str) -> str:
    """The fragment by which MyST finds a heading (the built page may spell it otherwise)."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def table(group: str) -> str:
    """Markdown for the items of one group: ``"LM"``, ``"GEN"``, ``"GAN"``, ``"THM"``, ``"CNN"``, ``"VAE"``, ...

    Raises
    ------
    LookupError
        If there is no such group.
    """
    items = [item for item in ITEMS if item.key.split("-")[0] == group]
    if not items:
        groups = sorted({item.key.split("-")[0] for item in ITEMS})
        raise LookupError(f"no group is called {group!r}; there are {', '.join(groups)}")
    lines = []
    for item in items:
        links = ", ".join(f"[{heading}]({stem}.ipynb#{anchor(heading)})" for stem, heading in item.places)
        lines.append(f"- {item.text}. → {links}")
    return "\n".join(lines)


#: The inventory, in its own order.
ITEMS: tuple[Item, ...] = (
    Item(
        "LM-01",
        r"Two families of learning: discriminative $p(y \mid x)$, generative $p(x)$ or $p(x, y)$",
        (
            ("generative_models", "One table, every question"),
            ("generative_models", "The same line, learned from two sides"),
        ),
    ),
    Item(
        "LM-02",
        "A language model is a distribution over finite sequences, with an end symbol",
        (
            ("ngrams", "What a language model is"),
            ("ngrams", "Why a sentence needs an end"),
        ),
    ),
    Item("LM-03", "The chain rule", (("ngrams", "The chain rule"),)),
    Item("LM-04", "Five factors of “it is a nice movie”", (("ngrams", "The chain rule"),)),
    Item(
        "LM-05",
        "Two tasks: score or generate a sentence, predict the next word",
        (
            ("ngrams", "What a language model is"),
            ("ngrams", "Generating"),
        ),
    ),
    Item("LM-06", "Sparsity: the number of contexts outruns every corpus", (("ngrams", "Why a table will not do"),)),
    Item("LM-07", "The Markov, or window, assumption", (("ngrams", "A window"),)),
    Item(
        "LM-08",
        "Unigrams, bigrams, trigrams, $n$-grams, and padding at the start",
        (
            ("ngrams", "A window"),
            ("ngrams", "Counting"),
        ),
    ),
    Item("LM-09", "The best ordering of a bag of words", (("ngrams", "The best ordering of a bag"),)),
    Item("LM-10", "Order matters", (("ngrams", "Five sentences, by hand"),)),
    Item(
        "LM-11",
        "Statistical and neural language models; word2vec",
        (
            ("neural_lm", "One chain rule, one function"),
            ("neural_lm", "Word vectors without a language model"),
        ),
    ),
    Item(
        "GEN-01",
        "Motivation, and “the most interesting idea in ten years”",
        (
            ("generative_models", "Debiasing: weigh what you have"),
            ("generative_models", "The teacher"),
        ),
    ),
    Item("GEN-02", "Unpaired translation of images", (("conditional_models", "Translation without pairs"),)),
    Item("GEN-03", "From video to video", (("conditional_models", "Reading: from points to pictures and films"),)),
    Item(
        "GEN-04",
        r"From samples of $p_\mathrm{data}$ to a $p_\mathrm{model}$ that can be sampled",
        (
            ("generative_models", "Explicit and implicit"),
            ("generative_models", "A sampler, and its density"),
        ),
    ),
    Item(
        "GEN-05",
        "Explicit models (known, unnormalised, bounded) and implicit ones",
        (
            ("generative_models", "Explicit and implicit"),
            ("rbm", "The constant, exactly"),
            ("vae", "Why not simply average over the prior?"),
        ),
    ),
    Item(
        "GEN-06",
        "A decoder as a generator",
        (
            ("vae", "A picture, and the two stories behind it"),
            ("generative_models", "Explicit and implicit"),
        ),
    ),
    Item(
        "GEN-07",
        "What they are for: generation, debiasing, augmentation, missing data, planning",
        (
            ("generative_models", "Debiasing: weigh what you have"),
            ("generative_models", "A pixel is missing"),
            ("generative_models", "Planning: imagine before you act"),
            ("generative_models", "Exercises"),
        ),
    ),
    Item(
        "GEN-08",
        r"Supervised $\hat y = \hat f(x)$ and unsupervised $\hat p(x)$: age and height to weight",
        (("generative_models", "One table, every question"),),
    ),
    Item(
        "GAN-01",
        "The counterfeiter and the detective, the spammer and the filter",
        (("adversarial_game", "Two stories and four cells"),),
    ),
    Item(
        "GAN-02",
        r"Noise, generator, discriminator, and the aim $p_G = p_\mathrm{data}$",
        (
            ("adversarial_game", "From the loss to the value of the game"),
            ("gan_theory", "Words and symbols"),
        ),
    ),
    Item("GAN-03", "Faces from style-based generators", (("dcgan", "From here to faces"),)),
    Item("GAN-04", "A toy world of strokes", (("adversarial_game", "Four pixels, by hand"),)),
    Item(
        "GAN-05",
        "A latent from a uniform or a Gaussian, two networks that are both updated",
        (
            ("adversarial_game", "From the loss to the value of the game"),
            ("adversarial_game", "Play: the first hundred rounds"),
        ),
    ),
    Item("GAN-06", "Two separate goals", (("adversarial_game", "Every gradient, once and for all"),)),
    Item(
        "GAN-07",
        r"$\min_G \max_D V$",
        (
            ("adversarial_game", "From the loss to the value of the game"),
            ("gan_theory", "The theorem, and what it assumes"),
        ),
    ),
    Item("GAN-08", "The confusion matrix of the filter", (("adversarial_game", "Two stories and four cells"),)),
    Item(
        "GAN-09",
        "Which player learns from which cell",
        (
            ("adversarial_game", "Two stories and four cells"),
            ("adversarial_game", "Every gradient, once and for all"),
        ),
    ),
    Item(
        "GAN-10",
        "$D$ gives one number; $G$ is deterministic, so that randomness must come in",
        (
            ("adversarial_game", "From the loss to the value of the game"),
            ("toy_gans", "Generators that need no training"),
        ),
    ),
    Item(
        "GAN-11",
        "Binary cross-entropy, its split, and $V$",
        (
            ("adversarial_game", "From counting to a loss"),
            ("adversarial_game", "From the loss to the value of the game"),
        ),
    ),
    Item(
        "GAN-12",
        "Three updates: $D$ on reals, $D$ on fakes, $G$ through a frozen $D$",
        (("adversarial_game", "Four pixels, by hand"),),
    ),
    Item(
        "GAN-13",
        "The learning round and its three jobs",
        (
            ("adversarial_game", "Four pixels, by hand"),
            ("toy_gans", "One round on paper"),
        ),
    ),
    Item(
        "GAN-14",
        "The saturating and the non-saturating loss",
        (
            ("adversarial_game", "The generator's two losses"),
            ("gan_theory", "The loss that is used in practice is another objective"),
        ),
    ),
    Item("GAN-15", "Algorithm 1", (("toy_gans", "Algorithm 1, line by line"),)),
    Item(
        "GAN-16",
        "A fully connected GAN: four random numbers to a point of a Gaussian in the plane",
        (("toy_gans", "Experiment 2: a point of the plane, from four random numbers"),),
    ),
    Item(
        "GAN-17",
        "A Gaussian on the line from uniform noise of $n$ dimensions",
        (
            ("toy_gans", "Generators that need no training"),
            ("toy_gans", "Experiment 1: a Gaussian on the line, from n uniform numbers"),
        ),
    ),
    Item(
        "GAN-18",
        "DCGAN on handwritten digits, and its guidelines",
        (
            ("dcgan", "The guidelines, one by one"),
            ("dcgan", "The experiment"),
            ("dcgan", "The same on MNIST, with one switch"),
        ),
    ),
    Item("GAN-19", "Five years of faces; progressive growing", (("dcgan", "From here to faces"),)),
    Item(
        "GAN-20",
        "Vanilla and conditional GANs",
        (
            ("conditional_models", "The game on pairs"),
            ("conditional_models", "Digits to order"),
        ),
    ),
    Item(
        "GAN-21", "Draw from a simple law, learn a complicated map", (("toy_gans", "Generators that need no training"),)
    ),
    Item("GAN-22", "The picture of the two players", (("adversarial_game", "From the loss to the value of the game"),)),
    Item(
        "GAN-23",
        "From one $z$ to an average over $N$, to an integral",
        (("adversarial_game", "From finitely many noise values to an expectation"),),
    ),
    Item(
        "GAN-24",
        "Which term of $V$ depends on whose parameters",
        (("adversarial_game", "Every gradient, once and for all"),),
    ),
    Item(
        "GAN-25",
        "Alternating steps",
        (
            ("adversarial_game", "Play: the first hundred rounds"),
            ("gan_stability", "Two numbers, by hand"),
        ),
    ),
    Item(
        "GAN-26",
        r"$\log(1 - D)$ and $-\log D$, drawn, and the argument about gradients",
        (
            ("adversarial_game", "The generator's two losses"),
            ("gan_stability", "A perfect discriminator is a bad teacher"),
        ),
    ),
    Item("GAN-27", "Block diagram and minimax loss", (("adversarial_game", "From the loss to the value of the game"),)),
    Item("GAN-28", "A discriminating function as a teacher", (("generative_models", "The teacher"),)),
    Item(
        "THM-01",
        r"The target $p_G = p_\mathrm{data}$, although no density is computed",
        (
            ("gan_theory", "The theorem, and what it assumes"),
            ("gan_theory", "A discriminator is a ratio"),
        ),
    ),
    Item(
        "THM-02",
        "The theorem: the minimum of $C(G)$, if and only if",
        (("gan_theory", "The theorem, and what it assumes"),),
    ),
    Item("THM-03", "The plan of the proof", (("gan_theory", "The theorem, and what it assumes"),)),
    Item("THM-04", "The value as one integral over $x$", (("gan_theory", "Step one: from noise to pictures"),)),
    Item("THM-05", "The law of the unconscious statistician", (("gan_theory", "Step one: from noise to pictures"),)),
    Item(
        "THM-06",
        r"$D^*_G = p_\mathrm{data} / (p_\mathrm{data} + p_G)$",
        (("gan_theory", "Step two: the best discriminator, point by point"),),
    ),
    Item(
        "THM-07",
        r"At equality $D^* = \tfrac12$ and $V = -\log 4$",
        (("gan_theory", "Step three: when the generator is perfect"),),
    ),
    Item("THM-08", "$C(G)$ as two KL divergences to the midpoint", (("gan_theory", "Step four: for any generator"),)),
    Item("THM-09", "KL is not negative", (("gan_theory", "Step five: a divergence is not negative"),)),
    Item("THM-10", "Equality only for equal laws", (("gan_theory", "Step six: equality only for equal laws"),)),
    Item("THM-11", r"$C(G) = -\log 4 + 2\,\mathrm{JSD}$", (("gan_theory", "Step four: for any generator"),)),
    Item(
        "CNN-01",
        "The convolutional generator and discriminator",
        (
            ("dcgan", "Two operations and their names"),
            ("dcgan", "The experiment"),
        ),
    ),
    Item(
        "CNN-02",
        "The guidelines of DCGAN",
        (
            ("dcgan", "The guidelines, one by one"),
            ("dcgan", "Which guidelines did it need?"),
        ),
    ),
    Item(
        "VAE-01",
        "From autoencoder to variational autoencoder; from GAN to VAE",
        (
            ("vae", "A picture, and the two stories behind it"),
            ("vae", "The pieces, and their names"),
        ),
    ),
    Item(
        "VAE-02",
        r"The encoder $q_\theta(z \mid x)$, which outputs $\mu$ and $\sigma$",
        (("vae", "The pieces, and their names"),),
    ),
    Item("VAE-03", "Two by two pixels with numbers", (("vae", "A picture, and the two stories behind it"),)),
    Item("VAE-04", "The ELBO", (("vae", "The bound, first way: Bayes' rule"),)),
    Item("VAE-05", "A random node blocks the gradient", (("vae", "A gradient through a random draw"),)),
    Item("VAE-06", "Reparameterise", (("vae", "A gradient through a random draw"),)),
    Item("VAE-07", "Priors that are easy to compute with", (("vae", "The price of a code: KL between Gaussians"),)),
    Item(
        "VAE-08",
        r"$P(X) = \int P(X \mid z)\,P(z)\,dz$",
        (
            ("vae", "Why not simply average over the prior?"),
            ("vae", "Exact likelihood with two latents"),
        ),
    ),
    Item("VAE-09", "The KL to the posterior, expanded", (("vae", "The bound, first way: Bayes' rule"),)),
    Item(
        "VAE-10", r"$\log P(X)$ minus the KL, both ways of writing it", (("vae", "The bound, first way: Bayes' rule"),)
    ),
    Item("VAE-11", "The KL between Gaussians, in closed form", (("vae", "The price of a code: KL between Gaussians"),)),
    Item(
        "VAE-12",
        "Networks that learn the parameters of a law; other laws",
        (
            ("vae", 'What "a Gaussian approximates anything" can mean'),
            ("diffusion", "What a perfect denoiser leaves"),
        ),
    ),
    Item(
        "VAE-13",
        "Control: the conditional VAE",
        (
            ("conditional_models", "The conditional autoencoder"),
            ("conditional_models", "A map fitted afterwards is something else"),
        ),
    ),
    Item("VAE-14", "How many parameters a covariance has", (("variational_bounds", "A guess with structure"),)),
    Item("VAE-15", "A latent Gaussian chain", (("variational_bounds", "A guess with structure"),)),
    Item(
        "CMP-01",
        "Boltzmann machine, VAE and autoregressive network side by side",
        (
            ("autoregressive", "Any order will do"),
            ("rbm", "The machine"),
            ("vae", "The pieces, and their names"),
        ),
    ),
    Item("CMP-02", "The comparison table", (("measuring", "The table, measured"),)),
    Item(
        "CMP-03",
        "Hybrids: adversarial autoencoder, PixelVAE, PixelGAN autoencoder",
        (("measuring", "Two questions, four corners: the hybrids"),),
    ),
    Item("CMP-04", "The tree of generative models", (("generative_models", "The map of the book"),)),
    Item("TXT-01", "The recurrent generator", (("discrete_gans", "A generator of strings"),)),
    Item("TXT-02", "Choosing a word passes no gradient", (("discrete_gans", "A choice has no slope"),)),
    Item(
        "TXT-03",
        "Remedies: REINFORCE, Gumbel-softmax, continuous outputs",
        (
            ("discrete_gans", "REINFORCE: learn from rewards alone"),
            ("discrete_gans", "Gumbel: choose with noise"),
            ("discrete_gans", "Stay continuous"),
        ),
    ),
    Item(
        "TXT-04",
        "Why images escape",
        (("discrete_gans", "The same on real digits: why pictures escape, and what they do not escape"),),
    ),
    Item("APP-01", "Interpolation between latents", (("dcgan", "Walking through latent space"),)),
    Item("APP-02", "Arithmetic with latents", (("dcgan", "Vector arithmetic, and whether it works"),)),
    Item(
        "APP-03",
        "Alice, Bob and Eve",
        (
            ("neural_crypto", "The game"),
            ("neural_crypto", "Attack one: a fresh Eve"),
        ),
    ),
    Item("APP-04", "Drug design", (("discrete_gans", "Molecules: three shares, each cheap alone"),)),
    Item("APP-05", "Fake faces and fake video", (("dcgan", "From here to faces"),)),
    Item("APP-06", "Networks of one's own", (("toy_gans", "The players, their losses, their slopes"),)),
)

"""Strings: torch's own distributions and Gumbel-softmax, enumeration, SciPy and NLTK as the second route."""

import itertools

import nltk
import numpy as np
import pytest
import torch
from scipy import stats
from torch import distributions, nn
from torch.nn import functional

from lectures_pkg.discrete_gan import (
    BitGenerator,
    GRUGenerator,
    baseline_of,
    every_noise,
    every_string,
    exact_gradient,
    flat_gradient,
    gumbel_max,
    gumbel_noise,
    gumbel_softmax,
    likelihood_step,
    optimal_baseline,
    reinforce_loss,
    reinforce_step,
    reward_step,
    score,
    straight_through,
)
from lectures_pkg.divergences import entropy
from lectures_pkg.experiments import discrete_gans as experiment
from lectures_pkg.experiments import spread, stored
from lectures_pkg.gan import gan_step
from lectures_pkg.metrics import string_report
from lectures_pkg.networks import mlp
from lectures_pkg.training import EMA, fit, seeded
from lectures_pkg.worlds import MOLECULES, Grammar, enumerate_sentences, five_letters, is_molecule


def generator(n_symbols=3, length=3, seed=0, **options):
    with seeded(seed):
        made = GRUGenerator(n_symbols, length, hidden=6, **options).double()
        for weight in made.parameters():
            weight.data *= 2
    return made


def source(seed=0):
    return torch.Generator().manual_seed(seed)


# ---------------------------------------------------------------- choices and their relaxation


def test_noise_follows_scipys_and_torchs_gumbel_law():
    g = gumbel_noise((20_000,), source(), torch.float64)
    assert stats.kstest(g.numpy(), stats.gumbel_r.cdf).pvalue > 1e-6
    assert stats.kstest(distributions.Gumbel(0.0, 1.0).cdf(g).numpy(), "uniform").pvalue > 1e-6
    assert torch.equal(g, gumbel_noise((20_000,), source(), torch.float64))


def test_words_follow_torchs_categorical_law_at_extreme_logits_too():
    logits = torch.tensor([700.0, 701.0, -900.0, 699.0], dtype=torch.float64)
    words = gumbel_max(logits, gumbel_noise((40_000, 4), source(), torch.float64))
    expected = distributions.Categorical(logits=logits).probs.numpy() * 40_000
    counts = np.bincount(words.numpy(), minlength=4)
    assert counts[2] == 0
    assert stats.chisquare(counts[[0, 1, 3]], expected[[0, 1, 3]]).pvalue > 1e-6


@pytest.mark.parametrize("hard", [False, True])
def test_gumbel_softmax_is_torchs(hard):
    logits = torch.randn(6, 4, generator=source(3), dtype=torch.float64)
    taste = torch.randn(6, 4, generator=source(4), dtype=torch.float64)
    results = []
    for mine in (True, False):
        a = logits.clone().requires_grad_()
        with seeded(7):  # torch draws its noise in the same way
            if mine:
                rows = gumbel_softmax(a, 0.6, gumbel_noise(a.shape, dtype=torch.float64))
                rows = straight_through(rows) if hard else rows
            else:
                rows = functional.gumbel_softmax(a, 0.6, hard=hard)
        (rows * taste).sum().backward()
        results.append((rows.detach(), a.grad))
    torch.testing.assert_close(results[0], results[1])


def test_relaxed_rows_follow_torchs_relaxed_law():
    # log-density of the relaxed law under torch, as a two-sample test of one of its statistics
    logits = torch.tensor([0.3, -0.5, 1.0], dtype=torch.float64)
    mine = gumbel_softmax(logits, 0.7, gumbel_noise((4000, 3), source(1), torch.float64))
    with seeded(2):
        law = distributions.RelaxedOneHotCategorical(torch.tensor(0.7, dtype=torch.float64), logits=logits)
        theirs = law.sample((4000,))
    for k in range(3):
        assert stats.ks_2samp(mine[:, k].numpy(), theirs[:, k].numpy()).pvalue > 1e-6


def test_straight_through_is_exactly_one_hot_and_writes_the_words_it_is_given():
    soft = torch.rand(50, 7, generator=source()).softmax(dim=1)
    assert set(straight_through(soft).flatten().tolist()) == {0.0, 1.0}
    words = torch.arange(50) % 7
    assert torch.equal(straight_through(soft, words).argmax(dim=1), words)


# ---------------------------------------------------------------- scores and baselines


def test_score_is_the_slope_of_torchs_log_prob():
    a = torch.randn(5, 4, generator=source(), dtype=torch.float64, requires_grad=True)
    words = torch.tensor([0, 3, 1, 1, 2])
    distributions.Categorical(logits=a).log_prob(words).sum().backward()
    torch.testing.assert_close(score(a.detach(), words), a.grad)


def test_reinforce_gradient_worked_by_hand():
    # two words with equal probability: the score of a draw is (1/2, -1/2) or (-1/2, 1/2)
    a = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    loss = reinforce_loss(a.log_softmax(0)[torch.tensor([0, 1])], torch.tensor([3.0, 1.0], dtype=torch.float64))
    loss.backward()
    assert a.grad.tolist() == pytest.approx([-0.5, 0.5])  # -(3 * 1/2 - 1 * 1/2) / 2
    rewards = torch.tensor([3.0, 1.0, 5.0])
    assert baseline_of(rewards, "mean") == 3 and baseline_of(rewards, "none") == 0 and baseline_of(rewards, 0.5) == 0.5
    assert baseline_of(rewards, "leave_one_out").tolist() == [3.0, 4.0, 2.0]


def test_rewards_send_no_gradient_back():
    a = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    rewards = (a + 1) * torch.tensor([3.0, 1.0])
    reinforce_loss(a - torch.tensor([1.0, 2.0]), rewards, "none").backward()
    assert a.grad.tolist() == [-1.5, -0.5]  # through the log-probabilities alone: -R / n


def test_leave_one_out_is_unbiased_over_all_batches_of_two_strings():
    made = generator(2, 2)
    rewards = torch.tensor([1.0, 4.0, -2.0, 0.5], dtype=torch.float64)
    strings, law = every_string(2, 2), made.law()
    total = 0.0
    for i, j in itertools.product(range(4), repeat=2):
        pair = torch.tensor([i, j])
        loss = reinforce_loss(made.log_prob(strings[pair]), rewards[pair], "leave_one_out")
        total = total - law[i] * law[j] * flat_gradient(loss, made)
    torch.testing.assert_close(total, exact_gradient(made, rewards))


def test_exact_gradient_against_differences():
    made, step = generator(), 1e-6
    rewards = torch.randn(27, generator=source(5), dtype=torch.float64)
    exact, k, differences = exact_gradient(made, rewards), 0, []
    for weight in made.parameters():
        flat = weight.data.view(-1)
        for i in range(0, len(flat), 7):
            values = []
            for sign in (1, -1):
                flat[i] += sign * step
                values.append(made.law() @ rewards.numpy())
                flat[i] -= sign * step
            differences.append(((values[0] - values[1]) / (2 * step), exact[k + i].item()))
        k += len(flat)
    left, right = zip(*differences, strict=True)
    assert left == pytest.approx(right, abs=1e-8) and k == len(exact)


def test_optimal_baseline_of_a_coin_and_of_no_score():
    # weights theta (1 - theta)^2 and (1 - theta) theta^2: the rewards count the other way round
    assert optimal_baseline([0.3, 0.7], [0.7, -0.3], [5.0, 1.0]) == pytest.approx(0.7 * 5 + 0.3 * 1)
    assert optimal_baseline([0.5, 0.5], [[1, 0], [0, 2]], [1.0, 2.0]) == pytest.approx((1 + 8) / 5)
    assert np.isnan(optimal_baseline([1.0], [0.0], [2.0]))


# ---------------------------------------------------------------- generators and their exact laws


def test_law_sums_to_one_and_samples_follow_it():
    made = generator()
    law = made.law()
    assert law.shape == (27,) and law.sum() == pytest.approx(1, abs=1e-12)
    words, log_probs = made.sample(20_000, source(1))
    index = np.ravel_multi_index(tuple(words.numpy().T), (3, 3, 3))
    assert stats.chisquare(np.bincount(index, minlength=27), 20_000 * law).pvalue > 1e-6
    np.testing.assert_allclose(log_probs.detach().numpy(), np.log(law[index]), atol=1e-12)


def test_log_prob_against_torchs_recurrent_layer():
    made = generator(4, 5)
    layer = nn.GRU(5, 6, batch_first=True).double()
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        getattr(layer, f"{name}_l0").data = getattr(made.cell, name).data
    words = torch.randint(4, (11, 5), generator=source())
    shown = torch.cat([torch.full((11, 1), 4), words[:, :-1]], dim=1)
    logits = made.output(layer(functional.one_hot(shown, 5).double())[0])
    expected = -functional.cross_entropy(logits.transpose(1, 2), words, reduction="none").sum(dim=1)
    torch.testing.assert_close(made.log_prob(words), expected)


def test_relaxed_strings_are_rows_and_their_words_follow_the_law_when_hard():
    soft = generator(tau=0.8)
    rows = soft(gumbel_noise((8, 3, 3), source(), torch.float64))
    assert rows.shape == (8, 3, 3) and (rows > 0).all()
    torch.testing.assert_close(rows.sum(dim=2), torch.ones(8, 3, dtype=torch.float64))
    hard = generator(tau=0.8, hard=True)
    words = hard(gumbel_noise((20_000, 3, 3), source(), torch.float64)).argmax(dim=2)
    index = np.ravel_multi_index(tuple(words.numpy().T), (3, 3, 3))
    assert stats.chisquare(np.bincount(index, minlength=27), 20_000 * hard.law()).pvalue > 1e-6


def test_greedy_writes_the_words_that_are_largest_one_after_another():
    made = generator()
    (word,) = np.unique(made.greedy(20).numpy(), axis=0)
    law = made.law().reshape(3, 3, 3)
    first = law.sum(axis=(1, 2)).argmax()
    second = law[first].sum(axis=1).argmax()
    assert word.tolist() == [first, second, law[first, second].argmax()]


@pytest.mark.parametrize("vectors", [None, experiment.CIRCLE])
def test_bit_generator_law_is_the_count_of_its_decoded_noise(vectors):
    with seeded(0):
        made = BitGenerator(6, 5, 2, hidden=8, vectors=vectors)
    law = made.law()
    assert law.shape == (25,) and law.sum() == pytest.approx(1) and (law * 64 == np.round(law * 64)).all()
    z = made.noise(3000, source())
    assert set(z.flatten().tolist()) == {-1.0, 1.0}
    words = made.decode(made(z)).detach().numpy()
    counts = np.bincount(np.ravel_multi_index(tuple(words.T), (5, 5)), minlength=25)
    assert (counts[law == 0] == 0).all() and stats.chisquare(counts[law > 0], 3000 * law[law > 0]).pvalue > 1e-6
    # every real word is decoded to itself
    strings = every_string(5, 2)
    assert torch.equal(made.decode(made.embed(strings)), strings)


def test_every_string_and_every_noise_count():
    assert every_string(2, 2).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert every_noise(1).tolist() == [[-1.0], [1.0]]


def test_order_of_the_law_is_that_of_the_chain():
    chain = five_letters()
    np.testing.assert_allclose(
        experiment.truth(), np.exp(chain.log_prob(every_string(5, 5).numpy())), rtol=1e-12, atol=0
    )
    assert (experiment.truth() > 0).sum() == 578


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: gumbel_softmax(torch.zeros(2), 0.0, torch.zeros(2)), "tau must be positive, found 0.0"),
        (lambda: reinforce_loss(torch.zeros(2), torch.zeros(3)), r"one shape \(n,\), found \(2,\) and \(3,\)"),
        (lambda: reinforce_loss(torch.zeros(0), torch.zeros(0)), r"found \(0,\) and \(0,\)"),
        (lambda: baseline_of(torch.zeros(2), "median"), "one of none, mean, leave_one_out, found 'median'"),
        (lambda: baseline_of(torch.zeros(1), "leave_one_out"), "at least 2 draws, found 1"),
        (lambda: optimal_baseline([0.5, 0.5], [1.0], [1.0, 2.0]), "one length, found 2, 1 and 2"),
        (lambda: every_string(10, 9), r"10\^9 strings are too many"),
        (lambda: string_report([], is_molecule, []), "at least one string"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


# ---------------------------------------------------------------- steps


def test_likelihood_reaches_the_entropy_of_a_small_world_and_not_below():
    law = np.array([0.5, 0.1, 0.1, 0.3])
    words = every_string(2, 2)[torch.from_numpy(np.random.default_rng(0).choice(4, size=(400, 256), p=law))]
    with seeded(0):
        made = GRUGenerator(2, 2, hidden=8)
        step = likelihood_step(made, torch.optim.Adam(made.parameters(), lr=1e-2))
        fit(step, iter(words), 400)
    kl = (law * np.log(law / made.law())).sum()
    assert 0 <= kl < 0.01


def test_rewards_alone_teach_a_favourite():
    with seeded(0):
        made = GRUGenerator(3, 3, hidden=8)
        step = reward_step(made, torch.optim.Adam(made.parameters(), lr=2e-2), lambda x: (x == 1).sum(dim=1).float())
        history = fit(step, itertools.repeat(32), 150)
    assert history["reward"][0] < 2 and made.law()[13] > 0.8  # the string 111


def test_a_round_moves_both_players_and_reports_their_losses():
    with seeded(0):
        made, discriminator = GRUGenerator(3, 3), nn.Sequential(nn.Flatten(), mlp((9, 8, 1)))
        before = [w.clone() for w in [*made.parameters(), *discriminator.parameters()]]
        average = EMA(made, 0.5)
        step = reinforce_step(
            made,
            discriminator,
            torch.optim.SGD(made.parameters(), lr=0.1),
            torch.optim.SGD(discriminator.parameters(), lr=0.1),
            baseline="mean",
            ema=average,
        )
        found = step(every_string(3, 3)[:16])
    assert set(found) == {"discriminator_loss", "generator_loss"} and all(np.isfinite(list(found.values())))
    after = [*made.parameters(), *discriminator.parameters()]
    assert not any(torch.equal(old, new) for old, new in zip(before, after, strict=True))
    old, new, kept = before[0], made.cell.weight_ih, average.module.cell.weight_ih
    torch.testing.assert_close(kept, (old + new) / 2)


def test_the_first_round_of_the_generator_is_one_gradient_step_through_the_updated_judge():
    with seeded(1):
        made, discriminator = GRUGenerator(2, 2).double(), nn.Sequential(nn.Flatten(), mlp((4, 1)))
        discriminator[1][0].weight.data.zero_()  # a judge without an opinion: all rewards equal
        start = [w.clone() for w in made.parameters()]
        step = reinforce_step(
            made,
            discriminator,
            torch.optim.SGD(made.parameters(), lr=1.0),
            torch.optim.SGD(discriminator.parameters(), lr=0.0),
            baseline="leave_one_out",
        )
        found = step(every_string(2, 2).repeat(4, 1))
    assert found["discriminator_loss"] == pytest.approx(
        -np.log(1 / (1 + np.exp(-discriminator[1][0].bias.item())))
        - np.log(1 / (1 + np.exp(discriminator[1][0].bias.item()))),
        abs=1e-6,
    )
    # equal rewards minus the mean of the others are zero: nothing may move
    for old, new in zip(start, made.parameters(), strict=True):
        torch.testing.assert_close(old, new, atol=1e-6, rtol=0)


def test_the_ordinary_round_trains_relaxed_strings():
    with seeded(0):
        made = GRUGenerator(3, 2, hidden=8, hard=True)
        discriminator = nn.Sequential(nn.Flatten(), mlp((6, 16, 1)))
        step = gan_step(
            made,
            discriminator,
            torch.optim.Adam(made.parameters(), lr=5e-3, betas=(0.5, 0.9)),
            torch.optim.Adam(discriminator.parameters(), lr=5e-3, betas=(0.5, 0.9)),
            lambda n: gumbel_noise((n, 2, 3)),
        )
        real = functional.one_hot(torch.tensor([[0, 0]] * 64), 3).float()
        fit(step, itertools.repeat(real), 300)
    assert made.law()[0] > 0.5  # it started near 1/9


# ---------------------------------------------------------------- molecule-like strings


def chart_parser():
    rules = "\n".join(
        f"{left} -> " + " | ".join(" ".join(s if s in MOLECULES else repr(s) for s in right) for _, right in expansions)
        for left, expansions in MOLECULES.items()
    )
    return nltk.ChartParser(nltk.CFG.fromstring(rules))


def test_one_pass_agrees_with_nltks_chart_parser():
    parser, rng = chart_parser(), np.random.default_rng(0)
    texts = ["".join(rng.choice(list("CNO()1"), size=n, p=[0.4, 0.1, 0.1, 0.13, 0.13, 0.14])) for n in range(1, 9)] * 20
    texts = ["".join(rng.permutation(list(t))) for t in texts]
    texts += ["".join(Grammar(MOLECULES).sample(rng))[:14] for _ in range(150)]
    texts += [
        "C1CC1",
        "C1C1",
        "C1(C)CC1",
        "C(C)C",
        "CC()",
        "C(C1C)C1",
        "C1C(C1C)",
        "C1CC1C1CC1",
        "C1CC(C1CC1)C1",
        "C(C1CC)C(CC1)C",
    ]
    found = [is_molecule(text) for text in texts]
    assert found == [next(iter(parser.parse(list(text))), None) is not None for text in texts]
    assert 30 < sum(found) < len(texts) - 30


def test_one_pass_agrees_with_the_grammar_on_all_short_strings():
    grammar = Grammar(MOLECULES)
    for n in range(1, 6):
        for letters in itertools.product("CN(1)", repeat=n):
            assert is_molecule("".join(letters)) == np.isfinite(grammar.log_prob(letters)), letters


def test_molecules_nest_and_the_grammar_is_not_ambiguous():
    grammar, parser = Grammar(MOLECULES), chart_parser()
    texts = ["".join(grammar.sample(np.random.default_rng(seed))) for seed in range(60)]
    assert any("((" in t.replace("C", "") for t in texts) and any("1" in t for t in texts)
    for text in texts:
        if len(text) < 15:
            assert len(list(parser.parse(list(text)))) == 1
    assert not is_molecule("")


def test_a_report_counted_by_hand():
    report = string_report(["CC", "CC", "CO", "C(", "N"], is_molecule, ["N", "CO"])
    assert report.valid == 4 / 5 and report.unique == 3 / 4 and report.novel == 1 / 3
    nothing = string_report(["(("], is_molecule, [])
    assert nothing.valid == 0 and np.isnan(nothing.unique) and np.isnan(nothing.novel)


def test_strings_and_integers_are_two_ways_to_write_the_same():
    texts = experiment.molecules(50, np.random.default_rng(0))
    assert experiment.as_texts(experiment.as_words(texts)) == texts
    assert all(is_molecule(t) and 6 <= len(t) <= 15 for t in texts)
    endless = torch.zeros(1, experiment.MOLECULE_LENGTH, dtype=torch.int64)
    assert experiment.as_texts(endless) == ["C" * 16 + "$"] and not is_molecule("C" * 16 + "$")


def test_five_letters_entropy_by_the_chain_rule():
    chain = five_letters()
    # H(X1) + 4 conditional entropies
    assert entropy(experiment.truth()) == pytest.approx(entropy(chain.stationary) + 4 * chain.entropy_rate())


def test_finite_part_of_the_grammar_by_enumeration():
    # without the recursive rules, the atoms: enumerate and score agree
    rules = {"S": [(0.5, ("A",)), (0.5, ("A", "A"))], "A": MOLECULES["A"]}
    sentences, law = enumerate_sentences(Grammar(rules))
    assert law.sum() == pytest.approx(1) and all(is_molecule("".join(s)) for s in sentences)


# ---------------------------------------------------------------- the experiment


def test_training_is_repeatable_and_each_method_runs():
    for method in experiment.METHODS:
        one, same = (experiment.train_text(method, 3, n_rounds=4, n_looks=2) for _ in range(2))
        assert np.array_equal(one.laws, same.laws), method
        assert one.jsd.shape == (2,) and ((one.jsd > 0) & (one.jsd <= np.log(2))).all()
        assert one.gradient_size > 0
        assert np.isfinite(one.average_jsd).all() == method.startswith("reinforce")


def test_estimator_errors_know_the_unbiased_ones():
    made = experiment.train_text("reinforce_none", 3, n_rounds=60, n_looks=1)
    found = experiment.estimator_errors(made.generator, made.discriminator, 60, batch=64)
    assert found["leave_one_out"][1] < found["none"][1]
    assert found["gumbel"][0] > 5 * found["leave_one_out"][0] / np.sqrt(60)
    assert not made.generator.hard and made.generator.tau == 1.0


def test_stored_results_say_what_the_chapter_says():
    found = spread("discrete_gans")
    mean = {name: value.mean for name, value in found.items()}
    assert found["jsd_likelihood"].n_seeds >= 3
    assert found["jsd_likelihood"].high < found["jsd_reinforce_none"].low
    assert mean["jsd_reinforce_none"] < mean["jsd_reinforce_mean"] < mean["jsd_gumbel"]
    assert found["jsd_gumbel"].low > 0.2 and found["jsd_untrained"].low > 0.3
    # the explanation: a baseline acts like a higher rate
    assert mean["gradient_reinforce_mean"] < mean["gradient_reinforce_none"] / 2
    assert mean["jsd_reinforce_mean_slow"] < mean["jsd_reinforce_mean"]
    assert mean["jsd_reinforce_none_fast"] > 2 * mean["jsd_reinforce_none"]
    assert mean["jsd_average_reinforce_mean"] < mean["jsd_reinforce_mean"] / 2
    # a reward for validity alone sells uniqueness
    assert found["valid_molecules_rewarded"].low > found["valid_molecules_likelihood"].high
    assert found["unique_molecules_rewarded"].high < found["unique_molecules_likelihood"].low
    assert found["valid_molecules_perfect"].low == 1


def test_stored_names_are_those_that_a_run_gives():
    names = set(next(iter(stored("discrete_gans")["seeds"].values())))
    for method in experiment.METHODS:
        assert {f"{what}_{method}" for what in ("jsd", "last_jsd", "entropy", "valid", "gradient")} <= names
    assert len(names) == 5 * len(experiment.METHODS) + 4 + 4 * 3  # moving averages; three shares of four generators

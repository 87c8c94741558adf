"""Pads and information against scikit-learn and by hand, networks and the game against plain references."""

import copy
import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import mutual_info_score
from torch import nn

from lectures_pkg import neural_crypto as nc
from lectures_pkg.experiments import neural_crypto as experiment
from lectures_pkg.experiments import spread, stored
from lectures_pkg.training import seeded


def generator(seed):
    return torch.Generator().manual_seed(seed)


# ------------------------------------------------------------------------------------------ words and pads


def test_words_of_two_bits_by_hand():
    assert nc.all_words(2).tolist() == [[1, 1], [1, -1], [-1, 1], [-1, -1]]  # 00, 01, 10, 11


def test_pad_is_the_exclusive_or_of_the_row_numbers():
    words = nc.all_words(4)
    for m in range(16):
        for k in range(16):
            assert np.array_equal(nc.one_time_pad(words[m], words[k]), words[m ^ k])
    assert np.array_equal(
        nc.one_time_pad(nc.one_time_pad(words, words[5] * np.ones((16, 1))), words[5] + 0 * words), words
    )


def test_pad_joint_by_two_loops():
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(8), size=2)
    expected = np.zeros((8, 8))
    for m in range(8):
        for k in range(8):
            expected[m, m ^ k] += p[m] * q[k]
    joint = nc.pad_joint(p, q)
    assert np.allclose(joint, expected) and np.allclose(joint.sum(axis=1), p)


def test_joint_law_by_a_histogram():
    rng = np.random.default_rng(1)
    rows, columns = rng.integers(3, size=50), rng.integers(4, size=50)
    rows[0], columns[0] = 2, 3
    expected = np.histogram2d(rows, columns, bins=[range(4), range(5)])[0] / 50
    assert np.allclose(nc.joint_law(rows, columns), expected)


# ------------------------------------------------------------------------------------------ information


def test_information_by_hand():
    same = np.eye(2) / 2
    assert nc.mutual_information(same) == pytest.approx(1)
    assert nc.mutual_information(same, base=math.e) == pytest.approx(math.log(2))
    assert nc.mutual_information(np.outer([0.3, 0.7], [0.2, 0.5, 0.3])) == pytest.approx(0, abs=1e-12)
    noisy = np.array([[0.45, 0.05], [0.05, 0.45]])  # a bit that is flipped with probability .1
    assert nc.mutual_information(noisy) == pytest.approx(1 + 0.1 * math.log2(0.1) + 0.9 * math.log2(0.9))


def test_information_by_scikit_learn():
    rng = np.random.default_rng(2)
    rows = rng.integers(5, size=400)
    columns = (rows + rng.integers(3, size=400)) % 6
    expected = mutual_info_score(rows, columns)
    assert nc.mutual_information(nc.joint_law(rows, columns), base=math.e) == pytest.approx(expected)


def test_best_reader_by_hand_and_by_loops():
    one_bit = np.array([[0.45, 0.05], [0.05, 0.45]])
    assert nc.fewest_errors(one_bit, nc.all_words(1)) == pytest.approx(0.1)
    joint, words = np.random.default_rng(3).dirichlet(np.ones(40)).reshape(8, 5), nc.all_words(3)
    expected = 0.0
    for c in range(5):
        for i in range(3):
            by_value = [sum(joint[m, c] for m in range(8) if words[m, i] == s) for s in (1, -1)]
            expected += min(by_value)
    assert nc.fewest_errors(joint, words) == pytest.approx(expected)


# ------------------------------------------------------------------------------------------ errors and losses


def test_errors_counted_by_hand():
    message = torch.tensor([[1.0, -1, 1, -1], [1, 1, 1, 1]])
    guess = torch.tensor([[0.2, 0.3, 1, -1], [-1, -0.5, 0, 1]])
    assert nc.wrong_bits(message, guess).tolist() == [1, 3]
    # halves of |m - g|: .4, .65, 0, 0 and 1, .75, .5, 0
    assert nc.soft_wrong_bits(message, guess).tolist() == pytest.approx([1.05, 2.25])
    hard = torch.where(guess > 0, 1.0, -1.0)
    assert torch.equal(nc.soft_wrong_bits(message, hard), nc.wrong_bits(message, guess))


def test_scheme_loss_by_hand():
    # 4 of 16 wrong for Bob: 1/4; Eve 4 from 8: (4/8)^2 = 1/4, on either side
    for eve in (4.0, 12.0):
        assert nc.scheme_loss(torch.tensor(4.0), torch.tensor(eve), 16).item() == pytest.approx(0.5)
    assert nc.scheme_loss(torch.tensor(0.0), torch.tensor(8.0), 16).item() == 0


def test_reading_is_a_mean_with_its_standard_error():
    message = torch.ones(4, 3)
    guess = torch.tensor([[1.0, 1, 1], [1, 1, -1], [1, -1, -1], [-1, -1, -1]])
    found = nc.reading(message, guess)
    assert found.wrong == pytest.approx(1.5)
    assert found.standard_error == pytest.approx(stats.sem([0, 1, 2, 3]))


def test_relations_by_hand():
    assert nc.relations(torch.tensor([[1.0, 1, -1, -1], [-1, 1, -1, 1]])).tolist() == [[1, -1, -1], [-1, 1, -1]]


def test_relations_give_the_message_up_to_its_sign():
    words = torch.tensor(nc.all_words(3), dtype=torch.float32)
    assert nc.errors_up_to_sign(words, -words).tolist() == [0] * 8
    assert nc.errors_up_to_sign(words[:1], torch.tensor([[-1.0, -1, 1]])).tolist() == [1]
    read = nc.read_relations(nn.Identity(), nc.relations(words))
    assert (read[:, 0] == 1).all() and nc.errors_up_to_sign(words, read).tolist() == [0] * 8


# ------------------------------------------------------------------------------------------ networks


def test_bilinear_net_is_its_formula():
    with seeded(0):
        net = nc.BilinearNet(6, 3, 5)
        x = torch.randn(7, 6)
    a, b, o = ((layer.weight, layer.bias) for layer in (net.first, net.second, net.output))
    hidden = (torch.einsum("hi,bi->bh", a[0], x) + a[1]) * (torch.einsum("hi,bi->bh", b[0], x) + b[1])
    assert torch.allclose(net(x), torch.tanh(torch.einsum("oh,bh->bo", o[0], hidden) + o[1]), atol=1e-6)
    assert not torch.allclose(net(x), net(-x), atol=1e-3)


def test_relu_net_is_its_formula():
    with seeded(0):
        net = nc.ReluNet(4, 3, 5)
        x = torch.randn(6, 4)
    first, last = (layer for layer in net.layers if isinstance(layer, nn.Linear))
    expected = torch.tanh((x @ first.weight.T + first.bias).clamp(min=0) @ last.weight.T + last.bias)
    assert torch.allclose(net(x), expected, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_the_papers_network_has_the_papers_shapes():
    with seeded(0):
        alice, eve = nc.MixAndTransform(32, 16), nc.MixAndTransform(16, 16)
        x = torch.randn(5, 32)
    convolutions = list(alice.filters)
    filters = [(c.kernel_size[0], c.in_channels, c.out_channels, c.stride[0]) for c in convolutions]
    assert filters == [(4, 1, 2, 1), (2, 2, 4, 2), (1, 4, 4, 1), (1, 4, 1, 1)]
    # 32 x 32 + 32 in the mix; 8 + 2, 16 + 4, 16 + 4, 4 + 1 in the filters
    assert sum(p.numel() for p in alice.parameters()) == 1056 + 10 + 20 + 20 + 5
    assert sum(p.numel() for p in eve.parameters()) == 544 + 55
    h = torch.sigmoid(x @ alice.mix.weight.T + alice.mix.bias)[:, None]
    h = torch.sigmoid(nn.functional.conv1d(h, convolutions[0].weight, convolutions[0].bias, padding="same"))
    assert h.shape == (5, 2, 32)
    h = torch.sigmoid(nn.functional.conv1d(h, convolutions[1].weight, convolutions[1].bias, stride=2))
    assert h.shape == (5, 4, 16)
    h = torch.sigmoid(torch.einsum("oc,bcn->bon", convolutions[2].weight[..., 0], h) + convolutions[2].bias[:, None])
    h = torch.tanh(torch.einsum("oc,bcn->bon", convolutions[3].weight[..., 0], h) + convolutions[3].bias[:, None])
    assert torch.allclose(alice(x), h[:, 0], atol=1e-6) and alice(x).shape == (5, 16)


@pytest.mark.parametrize("kind", nc.NETWORKS)
def test_every_kind_plays_a_few_rounds(kind):
    players, history = nc.play(kind, 8, 12, 0, hidden=12, batch_size=32, n_eve_steps=2)
    assert history.keys() == {"bob_errors", "eve_errors"} and len(history["bob_errors"]) == 12
    assert all(((errors > 0) & (errors < 8)).all() for errors in history.values())
    with seeded(0):
        before = nc.make_players(kind, 8, hidden=12)
    for name in ("alice", "bob", "eve"):
        pairs = zip(getattr(before, name).parameters(), getattr(players, name).parameters(), strict=True)
        assert all(not torch.equal(old, new) for old, new in pairs), name


# ------------------------------------------------------------------------------------------ the game


def test_a_round_is_eves_steps_and_then_one_of_the_scheme():
    with seeded(0):
        players = nc.make_players("relu", 4, hidden=8)
        batches = [nc.random_words(3 * 16 * 2, 4).view(3, 16, 2, 4) for _ in range(3)]
    reference = copy.deepcopy(players)
    step = nc.crypto_step(players, learning_rate=0.01, n_eve_steps=2)
    of_scheme = torch.optim.Adam([*reference.alice.parameters(), *reference.bob.parameters()], lr=0.01)
    of_eve = torch.optim.Adam(reference.eve.parameters(), lr=0.01)
    for batch in batches:
        reported = step(batch)
        for turn in (0, 1, 2):
            m, k = batch[turn, :, 0], batch[turn, :, 1]
            c = reference.alice(torch.cat([m, k], 1))
            eve = (reference.eve(c) - m).abs().sum(1).mean() / 2
            bob = (reference.bob(torch.cat([c, k], 1)) - m).abs().sum(1).mean() / 2
            of_scheme.zero_grad()
            of_eve.zero_grad()
            if turn < 2:
                (eve / 4).backward()
                of_eve.step()
            else:
                (bob / 4 + (2 - eve) ** 2 / 4).backward()
                of_scheme.step()
        assert reported == pytest.approx({"bob_errors": bob.item(), "eve_errors": eve.item()}, abs=1e-5)
    for name in ("alice", "bob", "eve"):
        for ours, theirs in zip(
            getattr(players, name).parameters(), getattr(reference, name).parameters(), strict=True
        ):
            assert torch.allclose(ours, theirs, atol=1e-5), name


def test_playing_is_repeatable_and_restores_the_global_generator():
    torch.manual_seed(5)
    state = torch.get_rng_state()
    one, same, other = (nc.play("bilinear", 4, 6, seed, hidden=6, batch_size=16)[1] for seed in (0, 0, 1))
    assert torch.equal(state, torch.get_rng_state())
    assert np.array_equal(one["bob_errors"], same["bob_errors"])
    assert not np.array_equal(one["bob_errors"], other["bob_errors"])


def test_batches_hold_fair_fresh_coins():
    batches = nc.word_batches(4, batch_size=500, n_eve_steps=2, rng=generator(0))
    first, second = next(batches), next(batches)
    assert first.shape == (3, 500, 2, 4) and not torch.equal(first, second)
    assert set(first.unique().tolist()) == {-1.0, 1.0}
    assert stats.binomtest(int((first > 0).sum()), first.numel()).pvalue > 1e-6


def test_the_game_is_learned_and_the_trained_eve_is_at_chance():
    players, _ = nc.play("bilinear", 8, 800, 3, hidden=32, batch_size=128)
    assert nc.bob_reads(players, rng=generator(1)).wrong < 0.8
    assert abs(nc.eve_reads(players, rng=generator(2)).wrong - 4) < 0.4


# ------------------------------------------------------------------------------------------ readers


def test_the_pad_as_a_network_is_read_by_bob_and_by_nobody_else():
    pad = nc.pad_players(5)
    assert nc.bob_reads(pad, 500, generator(0)).wrong == 0
    m, k = nc.random_words(20, 5, generator(1)), nc.random_words(20, 5, generator(2))
    assert np.array_equal(nc.encipher(pad.alice, m, k).detach().sign().numpy(), nc.one_time_pad(m.numpy(), k.numpy()))
    fresh = nc.fresh_eve(pad, 0, n_steps=200)
    wrong, error = nc.eve_reads(pad, rng=generator(3), eve=fresh)
    assert abs(wrong - 2.5) < 5 * error and error == pytest.approx(math.sqrt(5) / 2 / math.sqrt(20_000), rel=0.1)


@pytest.mark.parametrize("keys", ["reused", "seen"])
def test_a_fresh_eve_with_the_key_or_one_key_for_all_reads_everything(keys):
    pad = nc.pad_players(4)
    eve = nc.fresh_eve(pad, 0, n_steps=600, keys=keys)
    assert nc.eve_reads(pad, 2000, generator(0), eve=eve, keys=keys).wrong < 0.1


def test_what_eve_sees():
    pad = nc.pad_players(4)
    m, seen = nc.intercept(pad, 50, generator(0), keys="seen")
    assert torch.equal((seen[:, :4] * seen[:, 4:]).sign(), m)
    m, seen = nc.intercept(pad, 50, generator(0), keys="reused")
    assert torch.equal(seen.sign(), m)
    m, seen = nc.intercept(pad, 50, generator(0))
    assert seen.shape == (50, 4) and not torch.equal(seen.sign(), m)


def test_product_map_of_the_pad_and_of_a_plain_text():
    view = nc.product_map(nc.pad_players(3), 4096, generator(0))
    expected = np.zeros((3, 3, 3))
    expected[range(3), range(3), range(3)] = math.tanh(3)
    assert np.abs(view.coefficients - expected).max() < 0.1
    assert view.share == pytest.approx(1, abs=0.05) and view.per_bit == pytest.approx(1, abs=0.05)
    with torch.no_grad():
        plain = nc.ReluNet(6, 3, 3)
        plain.layers = nn.Sequential(nn.Linear(6, 3, bias=False))
        plain.layers[0].weight.copy_(torch.cat([torch.eye(3), torch.zeros(3, 3)], dim=1))
    view = nc.product_map(nc.Players(plain, plain, plain, 3), 4096, generator(0))
    assert abs(view.share) < 0.02


class Formula(nn.Module):
    """An Alice given as a function of (message, key), with one parameter that tells her number type."""

    def __init__(self, formula):
        super().__init__()
        self.formula, self.one = formula, nn.Parameter(torch.ones(()))

    def forward(self, x):
        return self.one * self.formula(*x.chunk(2, dim=1))


def test_product_map_counts_two_products_for_each_output():
    alice = Formula(lambda m, k: 0.5 * m * k + 0.5 * m * k.roll(1, dims=1))
    view = nc.product_map(nc.Players(alice, alice, alice, 4), 65_536, generator(0))
    assert view.share == pytest.approx(1, abs=0.02) and view.per_bit == pytest.approx(2, abs=0.05)


def test_product_map_finds_no_product_by_chance():
    alice = Formula(lambda m, k: m)
    shares = [nc.product_map(nc.Players(alice, alice, alice, 4), 200, generator(s)).share for s in range(30)]
    # squares of noisy numbers would add up to n_bits^2 / n = 0.08
    assert abs(np.mean(shares)) < 5 * np.std(shares, ddof=1) / math.sqrt(30) < 0.04


# ------------------------------------------------------------------------------------------ all ciphertexts


def test_a_row_of_the_table_of_ciphertexts_belongs_to_a_message():
    table = nc.cipher_table(Formula(lambda m, k: m), 3)
    assert (table == nc.all_words(3)[:, None, :]).all()


def test_table_of_ciphertexts_is_in_the_order_of_the_words():
    pad = nc.pad_players(3)
    table, words = nc.cipher_table(pad.alice, 3), nc.all_words(3)
    assert table.shape == (8, 8, 3)
    for m in range(8):
        for k in range(8):
            assert np.allclose(np.sign(table[m, k]), words[m ^ k])


def test_ciphertexts_are_numbered_by_what_is_sent():
    table = np.array([[[0.1, -0.2], [0.14, -0.21]], [[0.1, 0.2], [-0.0001, -0.2]]])
    signs = nc.ciphertext_numbers(table)
    assert signs[0, 0] == signs[0, 1] and len(np.unique(signs)) == 3
    assert len(np.unique(nc.ciphertext_numbers(table, 1))) == 3
    assert len(np.unique(nc.ciphertext_numbers(table, 2))) == 4


def test_joint_law_of_the_pads_signs_is_independent():
    joint = nc.scheme_joint(nc.pad_players(3).alice, 3)
    assert joint.shape == (8, 8) and np.allclose(joint, 1 / 64)


def test_an_even_alice_leaves_one_bit_of_doubt_and_every_single_bit_in_doubt():
    with seeded(0):
        alice = nc.BilinearNet(6, 3, 10, bias=False).double()
    joint = nc.scheme_joint(alice, 3, decimals=9)
    assert joint.shape == (8, 32)
    assert [sorted(np.flatnonzero(column)) for column in joint.T] == [
        sorted({m, 7 - m}) for m in (np.flatnonzero(column)[0] for column in joint.T)
    ]  # each ciphertext belongs to one message and its opposite


# ------------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: nc.all_words(17), "n_bits must be from 1 to 16 to list all words, found 17"),
        (lambda: nc.one_time_pad([1, -1], [1]), "one key bit for each message bit, found shapes (2,) and (1,)"),
        (lambda: nc.one_time_pad([0, 1], [1, 1]), "must consist of -1 and +1"),
        (lambda: nc.pad_joint([0.5, 0.5], [1.0]), "found shapes (2,) and (1,)"),
        (lambda: nc.joint_law([0, 1], [0]), "must number the same cases, found shapes (2,) and (1,)"),
        (lambda: nc.joint_law([0, -1], [0, 1]), "must not be negative, found -1"),
        (lambda: nc.mutual_information([[0.5, 0.4]]), "must sum to 1, found a sum of 0.9"),
        (lambda: nc.mutual_information([0.5, 0.5]), "a joint law is a table, found shape (2,)"),
        (lambda: nc.fewest_errors(np.eye(2) / 2, [[1.0]]), "one row for each of the 2 messages, found shape (1, 1)"),
        (lambda: nc.wrong_bits(torch.ones(2, 3), torch.ones(2, 1)), "(2, 3) but guess has (2, 1)"),
        (lambda: nc.soft_wrong_bits(torch.ones(2, 3), torch.ones(3)), "(2, 3) but guess has (3,)"),
        (lambda: nc.scheme_loss(torch.tensor(0.0), torch.tensor(0.0), 0), "n_bits must be positive, found 0"),
        (lambda: nc.BilinearNet(4, 2, 0), "must be positive, found (4, 2, 0)"),
        (lambda: nc.make_players("linear", 4), "one of bilinear, relu, mix_and_transform, found 'linear'"),
        (lambda: nc.crypto_step(nc.pad_players(2), n_eve_steps=0), "n_eve_steps must be at least 1, found 0"),
        (
            lambda: nc.crypto_step(nc.pad_players(2))(torch.ones(3, 5, 2, 2)),
            "(2, batch_size, 2, 2), found (3, 5, 2, 2)",
        ),
        (lambda: nc.reading(torch.ones(1, 2), torch.ones(1, 2)), "at least 2 messages, found 1"),
        (lambda: nc.intercept(nc.pad_players(2), 3, keys="old"), "'fresh', 'reused' or 'seen', found 'old'"),
        (lambda: nc.product_map(nc.pad_players(2), 5), "an even number of at least 4, found 5"),
        (lambda: nc.cipher_table(nc.pad_players(2).alice, 9), "n_bits must be from 1 to 8 to list all ciphertexts"),
        (lambda: nc.ciphertext_numbers(np.ones((2, 2))), "axes message, key, entry, found shape (2, 2)"),
    ],
)
def test_bad_input_gets_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=r".") as caught:
        call()
    assert sentence in str(caught.value)


# ------------------------------------------------------------------------------------------ stored results


def test_one_trial_of_the_paper_can_be_called():
    found = experiment.paper_trial(0, 3, batch_size=16, fresh_steps=5)
    assert found.keys() == {"bob", "eve", "fresh", "relations", "up_to_sign"}  # three rounds are no success
    assert 5 < found["bob"] < 11


def test_stored_results_say_what_the_chapter_says():
    found = spread("neural_crypto")
    assert found["bilinear_bob"].n_seeds >= 5
    assert found["bilinear_bob"].high < 0.2 and abs(found["bilinear_eve"].mean - 8) < 0.1
    assert found["relu_eve"].high < 7.7 and found["relu8_fresh"].high < found["relu8_eve"].low
    runs = stored("neural_crypto")["seeds"].values()
    assert all(run["bilinear_fresh"] < run["bilinear_eve"] for run in runs) and found["bilinear_large"].mean < 7.8
    # the null: against the pad nobody reads, 5 standard errors of 20 000 messages over the seeds
    assert abs(found["pad_fresh"].mean - 8) < 5 * 2 / math.sqrt(20_000 * found["pad_fresh"].n_seeds)
    assert abs(found["pad_relations"].mean - 7.5) < 5 * math.sqrt(15) / 2 / math.sqrt(
        20_000 * found["pad_fresh"].n_seeds
    )
    # what the Eve at chance hides
    assert found["bilinear_relations"].high < 4 and found["even_relations"].high < 6
    assert max(found["bilinear_up_to_sign"].high, found["even_up_to_sign"].high) < 4 < 6 < found["pad_up_to_sign"].low
    assert max(found["control_reused"].high, found["control_seen"].high) < 0.2
